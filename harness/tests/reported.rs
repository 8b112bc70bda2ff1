//! One reported leak per runtime, from the registries, through the real binary.
//!
//! A runtime or a registry that is not there leaves its case out, with a line that says so.
//! What is installed stays in the build folder: the second time nothing is asked for.

mod support;

use serde_json::Value;
use std::process::Stdio;
use support::Lab;

/// Runs both sides of a case and holds the verdicts.
fn tell_right(case: &str) {
    let lab = Lab::new();
    let cache = env!("CARGO_TARGET_TMPDIR");
    let mut command = lab.command(&["run", case, "--duration", "8s", "--format", "json"]);
    let command = command.env("XDG_CACHE_HOME", cache);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let called = lab.finish(child.expect("the binary can be started"));
    if called.code == Some(2) && called.run.is_none() {
        println!("left out: {}", called.stderr);
        return;
    }
    let called = called.expect_code(0);
    let cells: Vec<Value> = (called.stdout.lines())
        .map(|line| serde_json::from_str(line).expect("a JSON object per cell"))
        .collect();
    let verdicts: Vec<&Value> = cells.iter().map(|cell| &cell["verdict"]).collect();
    assert_eq!(verdicts, ["leak", "no-leak"]);
}

#[test]
fn python_ujson() {
    tell_right("field/ujson-bigint");
}

#[test]
fn node_co() {
    tell_right("field/co-loop");
}

#[test]
fn rust_tokio_util() {
    tell_right("field/tokio-cancellation");
}

#[test]
fn go_time_after() {
    tell_right("field/go-timeafter");
}

#[test]
fn java_rxjava() {
    tell_right("field/rxjava-replay");
}
