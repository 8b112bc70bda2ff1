//! The example is a whole leaklab, and its scenario is judged like a built-in one.

use std::process::{Command, Output};

fn call(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leaklab-example"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the binary can be started")
}

#[test]
fn a_scenario_of_another_crate_is_listed_run_and_judged() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = call(folder.path(), &["list"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(
        list.contains("event-listener") && list.contains("alts-timeout"),
        "{list}"
    );
    let output = call(
        folder.path(),
        &[
            "run",
            "event-listener",
            "--duration",
            "4s",
            "--drain",
            "0s",
            "--format",
            "json",
        ],
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdicts: Vec<serde_json::Value> = (lines.lines())
        .map(|line| serde_json::from_str(line).expect("an object per cell"))
        .collect();
    assert_eq!(verdicts[0]["verdict"], "leak");
    assert_eq!(verdicts[1]["verdict"], "no-leak");
}
