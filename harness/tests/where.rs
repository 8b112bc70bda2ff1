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
