//! `leaklab watch` and `leaklab report`, on runs that go on, have ended, or died.

mod support;

use leaklab_run::{CellPlan, CellStatus, RunRecord, State};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{Lab, wait_until};

/// A program that counts nothing and sleeps; its figures are those of the kernel.
const SLEEPER: &[&str] = &[
    "run",
    "--duration",
    "60s",
    "--interval",
    "100ms",
    "--",
    "sh",
    "-c",
    "sleep 60",
];

/// The run that a killed harness leaves: `running`, a torn row, a process that is no more.
fn dead_run(lab: &Lab, name: &str) -> PathBuf {
    let folder = lab.path().join("leaklab-out/runs/20260101T000000Z-dead");
    std::fs::create_dir_all(folder.join("cell")).expect("folders");
    let record = RunRecord {
        id: "20260101T000000Z-dead".to_owned(),
        cells: vec![CellPlan {
            id: name.to_owned(),
            folder: "cell".to_owned(),
            interval_ms: 10.0,
            ..CellPlan::default()
        }],
        ..RunRecord::default()
    };
    let status = CellStatus {
        state: State::Running,
        // Above the largest id that Linux gives (proc(5), pid_max).
        pid: Some(4_194_305),
        ..CellStatus::default()
    };
    let write =
        |path: &str, text: Vec<u8>| std::fs::write(folder.join(path), text).expect("a file");
    write("run.json", serde_json::to_vec(&record).expect("JSON"));
    write(
        "cell/status.json",
        serde_json::to_vec(&status).expect("JSON"),
    );
    write(
        "cell/samples.csv",
        b"elapsed_ms,rss_bytes\n0,1048576\n1000,2097152\n2000,31".to_vec(),
    );
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    for file in ["run.json", "cell/status.json", "cell/samples.csv"] {
        let file = std::fs::File::options().write(true).open(folder.join(file));
        file.expect("the file")
            .set_modified(long_ago)
            .expect("its time");
    }
    folder
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_run_that_died_is_told_from_one_that_runs() {
    let lab = Lab::new();
    dead_run(&lab, "command::service");
    let called = lab.call(&["watch"]).expect_code(4);
    for words in [
        "died without a word",
        "last row 1 h ago",
        "RSS 2.00 MiB (+1.00 MiB)",
    ] {
        assert!(
            called.stdout.contains(words),
            "no `{words}` in:\n{}",
            called.stdout
        );
    }
}

#[test]
fn names_in_a_run_cannot_steer_the_terminal() {
    let lab = Lab::new();
    dead_run(&lab, "command::\u{1b}]0;owned\u{7}\u{1b}[2J");
    let called = lab.call(&["watch", "--once"]).expect_code(4);
    assert!(
        !called.stdout.contains(['\u{1b}', '\u{7}']),
        "{:?}",
        called.stdout
    );
}

#[test]
fn a_run_elsewhere_is_seen_going_on_and_then_gone() {
    let lab = Lab::new();
    let mut harness = lab.start(SLEEPER);
    let samples = lab.wait_for_file("command--sh/samples.csv", 400);
    let called = lab.call(&["watch", "--once"]).expect_code(0);
    assert!(
        called.stdout.contains("0 of 1 cells ended, running"),
        "{}",
        called.stdout
    );
    assert!(called.stdout.contains("load"), "{}", called.stdout);
    assert!(
        called.stdout.contains("│"),
        "a chart of it:\n{}",
        called.stdout
    );
    // As a machine that fails does it: no word is written.
    harness.kill().expect("it can be killed");
    harness.wait().expect("its end");
    assert!(text_of(&samples).lines().count() > 2);
    let called = lab.call(&["watch"]).expect_code(4);
    assert!(
        called.stdout.contains("died without a word"),
        "{}",
        called.stdout
    );
    // The report of what there is.
    let called = lab.call(&["report"]).expect_code(0);
    let path = lab.newest_run().expect("the run").join("report.html");
    assert!(called.stdout.contains("report.html"), "{}", called.stdout);
    assert!(text_of(&path).contains("its harness died without a word"));
}

#[test]
fn watching_ends_with_the_run_and_with_its_exit_code() {
    let lab = Lab::new();
    let harness = lab.start(&[
        "run",
        "--duration",
        "2s",
        "--interval",
        "100ms",
        "--",
        "sh",
        "-c",
        "sleep 1; exit 3",
    ]);
    wait_until("the run has begun", || {
        lab.newest_run()
            .is_some_and(|run| run.join("run.json").is_file())
    });
    let watched = lab.call(&["watch", "--every", "100ms"]);
    let ran = lab.finish(harness);
    assert_eq!(
        ran.code,
        Some(5),
        "the program died by itself:\n{}",
        ran.stderr
    );
    assert_eq!(watched.code, ran.code, "{}", watched.stdout);
    assert!(
        watched.stdout.contains("1 of 1 cells ended\n"),
        "{}",
        watched.stdout
    );
}

#[test]
fn what_is_no_run_is_a_mistake_of_usage_with_the_way_out() {
    let lab = Lab::new();
    lab.call(&["watch"])
        .expect_code(2)
        .expect_stderr(&["no run", "leaklab run"]);
    lab.call(&["report", "nothing"])
        .expect_code(2)
        .expect_stderr(&["`nothing` does not exist"]);
    std::fs::create_dir(lab.path().join("empty")).expect("a folder");
    lab.call(&["report", "empty"])
        .expect_code(2)
        .expect_stderr(&["`empty`", "not a run folder"]);
    lab.call(&["serve", "nothing"])
        .expect_code(2)
        .expect_stderr(&["cannot show `nothing`"]);
    dead_run(&lab, "command::a");
    let run = "leaklab-out/runs/20260101T000000Z-dead::command::b";
    lab.call(&["report", run])
        .expect_code(2)
        .expect_stderr(&["no cell", "`command::a`"]);
}
