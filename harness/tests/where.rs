//! `run --where`, `where` and `compare --where`, on a model of a leak and its fix.

mod support;

use serde_json::Value;
use support::Lab;

const BUGGY: &str = "alts-timeout::unpatched";
const FIXED: &str = "alts-timeout::timeout2";

#[test]
fn the_stack_that_leaks_is_named_with_all_of_the_growth_and_the_patch_cures_it() {
    let lab = Lab::new();
    let run = lab.call(&[
        "run",
        "--where",
        "--duration",
        "8s",
        "--jobs",
        "2",
        BUGGY,
        FIXED,
    ]);
    let folder = lab.newest_run().expect("a run");
    let run_id = folder.display().to_string();
    assert!(run.stdout.contains("could not have seen"), "{}", run.stdout);
    let said = lab
        .call(&["where", &run_id, "--format", "json"])
        .expect_code(0);
    let answers: Vec<Value> = said
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object per cell"))
        .collect();
    let of = |cell: &str| {
        let found = answers.iter().find(|answer| answer["cell"] == cell);
        found.unwrap_or_else(|| panic!("no {cell} in {}", said.stdout))
    };
    let first = &of(BUGGY)["rows"][0];
    assert_eq!(first["growth"]["behaviour"], "leaks", "{first}");
    assert!(first["share"].as_f64() >= Some(0.95), "{first}");
    assert!(first["growth"]["samples"].as_f64() >= Some(5.0), "{first}");
    let function = first["function"].as_str().unwrap_or_default();
    assert!(function.contains("alts_timeout"), "{first}");
    // A turn of the model keeps its payload of 1 MiB and the block around it.
    let interval = &first["bytes_per_operation"];
    let [low, high] = [1, 2].map(|at| interval[at].as_f64().unwrap_or_default());
    assert!(
        low < 1.1 * 1_048_576.0 && high > 0.9 * 1_048_576.0,
        "{first}"
    );
    for row in of(FIXED)["rows"].as_array().expect("rows") {
        assert_ne!(row["growth"]["behaviour"], "leaks", "{row}");
    }
    let sides = [BUGGY, FIXED].map(|cell| format!("{run_id}::{cell}"));
    let [before, after] = &sides;
    let compared = lab.call(&[
        "compare",
        before,
        after,
        "--where",
        "--no-chart",
        "--format",
        "json",
    ]);
    let last = compared.stdout.lines().last().expect("an answer");
    let compared: Value = serde_json::from_str(last).expect("an object");
    let row = &compared["where"]["rows"][0];
    assert_eq!(
        (&row["change"], &row["function"]),
        (&"cured".into(), &function.into()),
        "{last}"
    );
    let (page, profile) = (
        lab.path().join("growth.html"),
        lab.path().join("growth.pb.gz"),
    );
    let files = [page.display().to_string(), profile.display().to_string()];
    lab.call(&["where", before, "--html", &files[0], "--pprof", &files[1]])
        .expect_code(0);
    let html = std::fs::read_to_string(page).expect("a page");
    assert!(
        html.contains("<svg") && html.contains("leaks"),
        "a picture and a table"
    );
    assert!(
        !html.contains("<script") && !html.contains("src="),
        "nothing is fetched or run"
    );
    assert!(
        std::fs::read(profile)
            .expect("a profile")
            .starts_with(&[0x1f, 0x8b]),
        "gzip"
    );
    let report = std::fs::read_to_string(folder.join("report.html")).expect("a report");
    assert!(
        report.contains("Where it grows"),
        "the report has the stacks"
    );
}

/// Keeps a block of 4 KiB in a millisecond, and makes as many that go again.
const KEEPER: &str = r#"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((noinline)) static void keep(void)
{
    void **block = malloc(4096);
    static void *last;
    memset(block, 1, 4096);
    *block = last;
    last = block;
}

int main(void)
{
    for (;;) {
        keep();
        void *volatile other = malloc(5000);
        free(other);
        usleep(1000);
    }
}
"#;

#[test]
fn a_program_without_symbols_has_its_leak_at_an_offset_and_says_what_is_missing() {
    let lab = Lab::new();
    let folder = lab.path();
    std::fs::write(folder.join("keeper.c"), KEEPER).expect("a file");
    let compiled = std::process::Command::new("cc")
        .args(["-O1", "-s", "-o", "keeper", "keeper.c"])
        .current_dir(folder)
        .status();
    assert!(compiled.expect("a compiler").success());
    let flags = ["--duration", "6s", "--allow-idle", "--heap", "jemalloc"];
    let mut arguments = vec!["run", "--where"];
    arguments.extend(flags);
    arguments.extend(["--", "./keeper"]);
    lab.call(&arguments);
    // The answer is that of the program which ran, whatever is there now.
    std::fs::remove_file(folder.join("keeper")).expect("it was there");
    let said = lab.call(&["where", "--format", "json"]).expect_code(0);
    let answer: Value = serde_json::from_str(said.stdout.trim()).expect("an object");
    let first = &answer["rows"][0];
    assert_eq!(first["growth"]["behaviour"], "leaks", "{answer}");
    let function = first["function"].as_str().unwrap_or_default();
    assert!(function.starts_with("keeper+0x"), "{first}");
    let notes = answer["notes"].to_string();
    assert!(notes.contains("it is stripped"), "{notes}");
    // Chosen anew, with its smallest leak: five samples in the settled part.
    let figure = |key: &str| answer[key].as_f64().unwrap_or_default();
    let smallest = 5.0 * figure("sample_bytes") / figure("seconds");
    assert!(
        (figure("resolution_bytes_per_s") / smallest - 1.0).abs() < 1e-9,
        "{answer}"
    );
}

/// Threads that live one after another, at the same addresses, and each keep some bytes; and a
/// table that is filled at the start, with nothing allocated afterwards.
const THREADS_AND_TABLE: &str = r#"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *volatile kept;

__attribute__((noinline)) void *kept_by_a_thread(void *unused) {
    for (int i = 0; i < 3; i++) {
        kept = malloc(3000);
        memset(kept, 1, 3000);
    }
    return unused;
}

__attribute__((noinline)) void fill_a_table(void) {
    for (int i = 0; i < 20000; i++) {
        kept = malloc(1000);
        memset(kept, 1, 1000);
        if (i % 20 == 0) usleep(1000);
    }
}

int main(int arguments, char **argument) {
    (void)argument;
    if (arguments > 1) {
        fill_a_table();
        for (;;) usleep(1000);
    }
    for (;;) {
        pthread_t thread;
        pthread_create(&thread, NULL, kept_by_a_thread, NULL);
        pthread_join(thread, NULL);
        usleep(2000);
    }
}
"#;

#[test]
fn short_threads_are_sampled_as_they_allocate_and_a_table_that_rests_does_not_leak() {
    let lab = Lab::new();
    let folder = lab.path();
    std::fs::write(folder.join("both.c"), THREADS_AND_TABLE).expect("a file");
    let compiled = std::process::Command::new("cc")
        .args(["-O1", "-g", "-pthread", "-o", "both", "both.c"])
        .current_dir(folder)
        .status();
    assert!(compiled.expect("a compiler").success());
    let said = |arguments: &[&str]| -> Value {
        let flags = [
            "run",
            "--where",
            "--duration",
            "7s",
            "--allow-idle",
            "--",
            "./both",
        ];
        lab.call(&[&flags[..], arguments].concat());
        let said = lab.call(&["where", "--format", "json"]).expect_code(0);
        serde_json::from_str(said.stdout.trim()).expect("an object")
    };
    let threads = said(&[]);
    let first = &threads["rows"][0];
    assert_eq!(first["function"], "kept_by_a_thread", "{threads}");
    assert_eq!(first["growth"]["behaviour"], "leaks", "{first}");
    let grown = threads["heap_growth"]["bytes"]
        .as_f64()
        .expect("of the heap");
    let explained = first["bytes"].as_f64().expect("of the row") / grown;
    assert!((0.5..2.0).contains(&explained), "{explained} of {threads}");

    let table = said(&["table"]);
    let rows = table["rows"].as_array().expect("rows");
    let of_table = rows.iter().find(|row| row["function"] == "fill_a_table");
    assert_ne!(
        of_table.expect("a row")["growth"]["behaviour"],
        "leaks",
        "{table}"
    );
}
