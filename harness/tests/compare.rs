//! `leaklab compare` on a real run.

mod support;

use leaklab_run::Run;
use std::path::Path;
use std::sync::OnceLock;
use support::Lab;

/// A short run of a leak and of a flat shape, made once for all tests here.
fn lab() -> (&'static Lab, String, String, String) {
    static LAB: OnceLock<Lab> = OnceLock::new();
    let lab = LAB.get_or_init(|| {
        let lab = Lab::new();
        let variants = "shape::{steady-leak,flat}";
        lab.call(&[
            "run",
            variants,
            "--duration",
            "3s",
            "--interval",
            "20ms",
            "--drain",
            "0s",
        ]);
        lab
    });
    let run = lab.newest_run().expect("a run").display().to_string();
    let (leak, flat) = (
        format!("{run}::shape::steady-leak"),
        format!("{run}::shape::flat"),
    );
    (lab, run, leak, flat)
}

#[test]
fn a_fix_is_certified_in_one_sentence_with_a_picture() {
    let (lab, _, leak, flat) = lab();
    let called = lab.call(&["compare", &leak, &flat]).expect_code(0);
    let sentence = called.stdout.lines().next().expect("a sentence");
    assert!(
        sentence.starts_with("the fix removes all of the growth of 4.0"),
        "{sentence}"
    );
    for words in [
        "growth per operation",
        "CPU per operation",
        "two one-sided tests",
    ] {
        assert!(called.stdout.contains(words), "{}", called.stdout);
    }
    let pictures: Vec<&str> = called
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("chart   "))
        .collect();
    assert_eq!(pictures.len(), 2, "{}", called.stdout);
    for picture in pictures {
        assert!(lab.path().join(picture).is_file(), "{picture}");
    }
}

#[test]
fn a_regression_beyond_the_budget_exits_with_1() {
    let (lab, _, leak, flat) = lab();
    let called = lab
        .call(&[
            "compare",
            &flat,
            &leak,
            "--no-chart",
            "--format",
            "markdown",
        ])
        .expect_code(1);
    assert!(
        called
            .stdout
            .starts_with("**the change brings growth beyond the budget"),
        "{}",
        called.stdout
    );
    lab.call(&[
        "compare",
        &flat,
        &leak,
        "--no-chart",
        "--budget",
        "10KiB/op",
    ])
    .expect_code(0);
}

#[test]
fn json_is_one_object_per_pair_with_the_same_figures() {
    let (lab, run, leak, flat) = lab();
    let called = lab
        .call(&["compare", &leak, &flat, "--format", "json"])
        .expect_code(0);
    let object: serde_json::Value = serde_json::from_str(&called.stdout).expect("one object");
    assert_eq!(object["answer"]["decision"], "holds");
    let removed = object["removed_percent"]["value"]
        .as_f64()
        .expect("a share");
    assert!((99.0..=101.0).contains(&removed), "{removed}");
    // Against what saw the same nothing is worse; whether it was long enough to say so is another
    // matter.
    let again = copy_of(&run, "again", |_| true);
    let twice = lab.call(&["compare", &run, &again, "--format", "json", "--no-chart"]);
    assert_ne!(twice.code, Some(1), "{}", twice.stdout);
    assert_eq!(twice.stdout.lines().count(), 2, "{}", twice.stdout);
}

/// A second run beside `run`, of another name and made at another time, that saw the same of the
/// cells that are `kept`.
fn copy_of(run: &str, name: &str, kept: impl Fn(&str) -> bool) -> String {
    let run = Path::new(run);
    let lab = run.ancestors().nth(3).expect("a folder");
    let folder = lab.join("copies").join(name);
    let text = std::fs::read_to_string(run.join("run.json")).expect("a record");
    let mut record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    record["id"] = name.into();
    let cells = record["cells"].as_array_mut().expect("cells");
    cells.retain(|cell| kept(cell["id"].as_str().expect("an address")));
    for cell in cells {
        let of_cell = cell["folder"].as_str().expect("a folder");
        std::fs::create_dir_all(folder.join(of_cell)).expect("a folder");
        for file in ["samples.csv", "status.json", "verdict.json", "events.jsonl"] {
            let (from, to) = (run.join(of_cell), folder.join(of_cell));
            let _ = std::fs::copy(from.join(file), to.join(file));
        }
    }
    std::fs::write(folder.join("run.json"), record.to_string()).expect("a record");
    folder.display().to_string()
}

#[test]
fn a_run_is_not_compared_with_itself_under_any_name() {
    let (lab, run, leak, flat) = lab();
    let samples = Run::open(Path::new(&run)).expect("a run").cells[0]
        .folder
        .join("samples.csv");
    let samples = samples.display().to_string();
    let copy = lab.path().join("elsewhere");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .arg(&run)
        .arg(&copy)
        .status();
    assert!(copied.expect("cp").success());
    let copy = copy.display().to_string();
    for sides in [
        [&run, &run],
        [&run, &copy],
        [&leak, &leak],
        [&run, &leak],
        [&samples, &leak],
    ] {
        let words = ["compare", sides[0], sides[1], "--no-chart"];
        let refused = lab.call(&words).expect_code(2);
        refused.expect_stderr(&["is the same measurement on both sides"]);
    }
    lab.call(&["compare", &leak, &flat, "--no-chart"])
        .expect_code(0);
    std::fs::write(lab.path().join("one.csv"), service(500, 2, 4, 10)).expect("a file");
    lab.call(&["compare", "one.csv", "./one.csv", "--no-chart"])
        .expect_code(2);
}

#[test]
fn cells_that_only_one_run_has_count_and_stand_in_the_sentence() {
    let (lab, run, ..) = lab();
    let whole = copy_of(&run, "whole", |_| true);
    let flat = copy_of(&run, "flat-alone", |id| id == "shape::flat");
    let leak = copy_of(&run, "leak-alone", |id| id == "shape::steady-leak");
    let compare = |sides: [&str; 2], format: &str| {
        lab.call(&[
            "compare",
            sides[0],
            sides[1],
            "--no-chart",
            "--format",
            format,
        ])
    };
    for format in ["text", "markdown", "json"] {
        let gone = compare([&whole, &flat], format).expect_code(3);
        let words = "of the first is gone from the second";
        assert!(gone.stdout.contains(words), "{}", gone.stdout);
    }
    let gone = compare([&whole, &flat], "text");
    let first = "not everything is compared: `shape::steady-leak` of the first is gone";
    assert!(gone.stdout.starts_with(first), "{}", gone.stdout);
    // The leak declares that it is one: a new cell of that kind is none that became worse.
    let declared = compare([&flat, &whole], "text");
    assert_ne!(declared.code, Some(1), "{}", declared.stdout);
    let undeclared = Path::new(&whole).join("run.json");
    let text = std::fs::read_to_string(&undeclared).expect("a record");
    let other = copy_of(&run, "undeclared", |_| true);
    let text = text.replace("\"expected\":\"leak\"", "\"expected\":null");
    let text = text.replace("\"id\":\"whole\"", "\"id\":\"undeclared\"");
    std::fs::write(Path::new(&other).join("run.json"), text).expect("a record");
    for format in ["text", "markdown", "json"] {
        let new = compare([&flat, &other], format).expect_code(1);
        let words = ["the second is worse", "is only in the second"];
        assert!(
            words.iter().all(|part| new.stdout.contains(part)),
            "{}",
            new.stdout
        );
    }
    // A single cell of each is a pair whatever it is called, and no cell at all is a mistake.
    compare([&leak, &flat], "text").expect_code(0);
}

#[test]
fn several_cells_are_ranked_by_their_growth() {
    let (lab, run, ..) = lab();
    let called = lab.call(&["compare", &run]).expect_code(0);
    let flat = called.stdout.find("shape::flat").expect("the flat one");
    let leak = called.stdout.find("shape::steady-leak").expect("the leak");
    assert!(flat < leak, "{}", called.stdout);
}

#[test]
fn files_outside_a_run_are_compared_by_their_columns() {
    let (lab, ..) = lab();
    let write = |name: &str, per_second: u64| {
        let rows: String = (0..900)
            .map(|t| format!("{t},{}\n", 50_000_000 + per_second * t))
            .collect();
        std::fs::write(lab.path().join(name), format!("seconds,bytes\n{rows}")).expect("a file");
    };
    write("before.csv", 10_000);
    write("after.csv", 0);
    let called = lab
        .call(&["compare", "before.csv", "after.csv", "--no-chart"])
        .expect_code(0);
    assert!(
        called.stdout.contains("growth per hour"),
        "{}",
        called.stdout
    );
    lab.call(&["compare", "after.csv", "before.csv", "--no-chart"])
        .expect_code(1);
    lab.call(&["compare", "before.csv", "after.csv", "--value", "heap"])
        .expect_code(2)
        .expect_stderr(&["no column `heap`"]);
}

#[test]
fn what_cannot_be_compared_is_a_usage_error() {
    let (lab, _, leak, flat) = lab();
    for (arguments, words) in [
        (
            vec!["compare", "nowhere", "elsewhere"],
            "`nowhere` does not exist",
        ),
        (vec!["compare", &leak], "there is nothing to compare"),
        (
            vec!["compare", &leak, &flat, "--budget", "lots"],
            "budget `lots`",
        ),
    ] {
        lab.call(&arguments).expect_code(2).expect_stderr(&[words]);
    }
}

/// Samples of a program of `rate` operations a second that keeps nothing.
fn service(rate: u64, p50_us: u64, p99_us: u64, cpu_ms: u64) -> String {
    let row = |second: u64| {
        let heap = 50_000_000 + 1000 * (second * 7919 % 13);
        format!(
            "{}.000,load,{},{heap},{},{p50_us},{}\n",
            second * 1000,
            rate * second,
            cpu_ms * second,
            p99_us + second % 3
        )
    };
    let rows: String = (0..600).map(row).collect();
    format!(
        "elapsed_ms,phase,ops_total,allocated_bytes,cpu_ms,latency_p50_us,latency_p99_us\n{rows}"
    )
}

#[test]
fn a_program_that_became_slow_is_worse_although_neither_leaks() {
    let lab = Lab::new();
    let write = |name: &str, text: String| {
        std::fs::write(lab.path().join(name), text).expect("a file");
    };
    write("fast.csv", service(500, 2, 4, 10));
    write("again.csv", service(500, 2, 4, 10));
    write("slow.csv", service(90, 4610, 9216, 306));
    let compare = |sides: [&str; 2], flags: &[&str]| {
        let mut words = vec![
            "compare",
            sides[0],
            sides[1],
            "--no-chart",
            "--budget",
            "64B/op",
        ];
        words.extend(flags);
        lab.call(&words)
    };
    let worse = compare(["fast.csv", "slow.csv"], &[]).expect_code(1);
    let sentence = worse.stdout.lines().next().expect("a sentence");
    assert!(
        sentence.starts_with("the second is worse: throughput falls by 82.0 %"),
        "{sentence}"
    );
    assert!(
        sentence.contains("p99 latency is 1,843 times what it was"),
        "{sentence}"
    );
    let same = compare(["fast.csv", "again.csv"], &[]).expect_code(0);
    assert!(same.stdout.contains("`not-worse` holds"), "{}", same.stdout);
    compare(["slow.csv", "fast.csv"], &["--require", "faster"]).expect_code(0);
    compare(["fast.csv", "slow.csv"], &["--require", "faster"]).expect_code(1);
    // A budget has to be shown: one run of each does not know what runs differ by.
    let open = compare(["fast.csv", "again.csv"], &["--accept", "throughput=5%"]).expect_code(3);
    assert!(open.stdout.contains("more run"), "{}", open.stdout);
    let none = compare(["fast.csv", "again.csv"], &["--require", "fixed"]).expect_code(3);
    assert!(
        none.stdout.contains("no leak was shown before"),
        "{}",
        none.stdout
    );
    compare(["fast.csv", "again.csv"], &["--accept", "speed=5%"])
        .expect_code(2)
        .expect_stderr(&["throughput, p50"]);
}
