//! Scenarios of files and programs of one's own through the real binary: listed, run, judged.

mod support;

use serde_json::Value;
use support::{Called, Lab};

/// A program that counts operations and says of its heap that each keeps `$1` bytes.
const SERVER: &str = r#"#!/bin/sh
i=0
while :; do
  i=$((i + 1))
  echo "leaklab: {\"ops\": $i, \"heap\": {\"used_bytes\": $((50000000 + i * $1)), \"committed_bytes\": 90000000}}"
  sleep 0.02
done
"#;

const FILE: &str = r#"
[[scenario]]
name = "mine/table"
title = "sessions stay"
source = "https://example.invalid/issues/42"
summary = "each request leaves its session in the table"
explanation = "The table owns every session; nothing takes them out."
operation = "one request"
requires = ["sh"]
version = ["sh", "-c", "echo shell 1.0"]
build = "chmod +x server.sh"
duration = "4s"
interval = "50ms"
[scenario.parameters]
session = "4KiB"

[[scenario.variant]]
name = "kept"
role = "buggy"
expected = "leak"
summary = "nothing is taken out"
bytes-per-operation = "session"
command = ["./server.sh", "{session}"]

[[scenario.variant]]
name = "evicted"
role = "fixed"
expected = "no-leak"
bytes-per-operation = "0"
command = ["./server.sh", "0"]
"#;

fn lab() -> Lab {
    let lab = Lab::new();
    std::fs::create_dir(lab.path().join("soak")).expect("a folder");
    std::fs::write(lab.path().join("soak/server.sh"), SERVER).expect("a program");
    std::fs::write(lab.path().join("soak/table.scenario.toml"), FILE).expect("a file");
    let include = "include = [\"soak/*.scenario.toml\"]\n";
    std::fs::write(lab.path().join("leaklab.toml"), include).expect("a file");
    lab
}

fn cells(called: &Called) -> Vec<Value> {
    let lines = called.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("a JSON object per cell"))
        .collect()
}

#[test]
fn a_scenario_of_a_file_is_listed_explained_and_run_like_a_built_in_one() {
    let lab = lab();
    let list = lab.call(&["list"]).expect_code(0).stdout;
    for part in [
        "mine/table",
        "each request leaves",
        "kept",
        "evicted",
        "alts-timeout",
    ] {
        assert!(list.contains(part), "no `{part}` in:\n{list}");
    }
    let explained = lab.call(&["list", "mine/table"]).expect_code(0).stdout;
    for part in [
        "sessions stay",
        "nothing takes them out",
        "session",
        "4KiB",
        "needs: sh",
    ] {
        assert!(explained.contains(part), "no `{part}` in:\n{explained}");
    }
    let objects = lab.call(&["list", "--json"]).expect_code(0).stdout;
    let kept = objects.lines().find(|line| line.contains("mine/table"));
    let kept: Value = serde_json::from_str(kept.expect("it is listed")).expect("JSON");
    assert_eq!(kept["variant"], "kept");
    assert_eq!(kept["retained_bytes_per_operation"], 4096.0);

    let called = lab.call(&["run", "mine/table", "--format", "json", "--jobs", "2"]);
    let called = called.expect_code(0);
    let cells = cells(&called);
    assert_eq!(cells.len(), 2);
    for (cell, verdict, retained) in [(&cells[0], "leak", 4096.0), (&cells[1], "no-leak", 0.0)] {
        assert_eq!(cell["verdict"], verdict, "{cell}");
        assert_eq!(cell["as_expected"], true, "{cell}");
        assert_eq!(cell["retained_bytes_per_operation"], retained, "{cell}");
    }
    let plan = &called.cell().plan;
    assert_eq!(plan.version, "shell 1.0");
    assert_eq!(plan.parameters["session"], "4KiB");
    assert_eq!(plan.command, ["./server.sh", "4096"]);
    // A tenth of the declared leak.
    assert_eq!(plan.budget.as_deref(), Some("409.6B/op"));
    assert!(called.cell().folder.ends_with("mine.table--kept"));
}

#[test]
fn settings_change_command_and_formula() {
    let called = lab().call(&[
        "run",
        "mine/table::kept",
        "--set",
        "session=8KiB",
        "--duration",
        "1s",
    ]);
    let plan = &called.cell().plan;
    assert_eq!(plan.retained_bytes_per_operation, Some(8192.0));
    assert_eq!(plan.command, ["./server.sh", "8192"]);
}

#[test]
fn what_a_scenario_cannot_do_here_is_said_before_anything_is_created() {
    let lab = lab();
    let refused = |arguments: &[&str], parts: &[&str]| {
        let called = lab.call(arguments).expect_code(2).expect_stderr(parts);
        assert!(called.run.is_none(), "a folder was left");
    };
    refused(
        &["run", "mine/table::evictd"],
        &["did you mean `mine/table::evicted`?"],
    );
    refused(&["run", "mine/tabel"], &["did you mean `mine/table`?"]);
    refused(
        &["run", "mine/table", "--set", "sesion=1"],
        &["did you mean `session`?"],
    );
    refused(&["run", "mine/table", "--rate", "5"], &["takes no --rate"]);
    let with = |from: &str, to: &str| {
        let path = lab.path().join("soak/table.scenario.toml");
        std::fs::write(path, FILE.replace(from, to)).expect("a file");
    };
    with(
        "requires = [\"sh\"]",
        "requires = [\"sh\", \"nosuch-runtime\"]",
    );
    refused(&["run", "mine/table"], &["needs `nosuch-runtime`"]);
    refused(&["run", "mine/*"], &["left out", "nothing is left to run"]);
    with("role = \"fixed\"", "role = \"fixd\"");
    refused(
        &["list"],
        &[
            "table.scenario.toml",
            "line ",
            "`role`",
            "fixed and control",
        ],
    );
}

#[test]
fn a_variant_that_ends_well_before_the_length_of_its_file_is_no_green() {
    let lab = lab();
    let file = FILE.replace(
        "command = [\"./server.sh\", \"0\"]",
        "command = [\"sleep\", \"1\"]",
    );
    std::fs::write(lab.path().join("soak/table.scenario.toml"), file).expect("a file");
    let called = lab.call(&[
        "run",
        "mine/table::evicted",
        "--allow-idle",
        "--format",
        "json",
    ]);
    assert_eq!(called.code, Some(3), "{}", called.stderr);
    assert_eq!(cells(&called)[0]["outcome"], "ended", "{}", called.stdout);
    assert!(called.stderr.contains(" of 4 s"), "{}", called.stderr);
}

#[test]
fn a_build_that_fails_shows_its_last_lines() {
    let lab = lab();
    let failing = FILE.replace(
        "build = \"chmod +x server.sh\"",
        "build = [\"sh\", \"-c\", \"echo first; echo cannot find -lfoo >&2; exit 3\"]",
    );
    std::fs::write(lab.path().join("soak/table.scenario.toml"), failing).expect("a file");
    let called = lab.call(&["run", "mine/table"]).expect_code(4);
    let called = called.expect_stderr(&["the build of `mine/table` failed", "cannot find -lfoo"]);
    assert!(called.run.is_none(), "a folder was left");
}

#[test]
fn a_program_of_ones_own_has_the_callers_environment_and_the_catalogue_has_not() {
    let lab = Lab::new();
    let script = "echo \"FOO=$FOO BAR=$BAR\" > seen.txt; pwd >> seen.txt; sleep 0.3";
    let seen = |flags: &[&str]| {
        let _ = std::fs::remove_file(lab.path().join("seen.txt"));
        let mut arguments = vec!["run", "--duration", "200ms"];
        arguments.extend(flags);
        arguments.extend(["--", "sh", "-c", script]);
        let mut command = lab.command(&arguments);
        command
            .env("FOO", "1")
            .output()
            .expect("the binary can be started");
        std::fs::read_to_string(lab.path().join("seen.txt")).unwrap_or_default()
    };
    assert!(seen(&[]).starts_with("FOO=1 BAR=\n"));
    assert!(seen(&["--env", "BAR=2"]).starts_with("FOO=1 BAR=2\n"));
    assert!(seen(&["--env-clear"]).starts_with("FOO= BAR=\n"));
    std::fs::create_dir(lab.path().join("there")).expect("a folder");
    seen(&["--cwd", "there"]);
    let elsewhere = std::fs::read_to_string(lab.path().join("there/seen.txt"));
    assert!(elsewhere.expect("it ran there").ends_with("/there\n"));
}

#[test]
fn a_program_has_a_name_and_may_be_expected_to_leak() {
    let lab = lab();
    let called = lab.call(&[
        "run",
        "--name",
        "shop",
        "--expect",
        "leak",
        "--budget",
        "1B/op",
        "--duration",
        "4s",
        "--interval",
        "50ms",
        "--",
        "sh",
        "soak/server.sh",
        "100000",
    ]);
    let called = called.expect_code(0);
    assert_eq!(called.cell().plan.id, "command::shop");
    assert_eq!(called.cell().plan.expected.as_deref(), Some("leak"));
}

#[test]
fn what_is_no_program_is_refused_with_the_way_out() {
    let lab = Lab::new();
    std::fs::write(lab.path().join("leak.c"), "int main() {}").expect("a file");
    for (arguments, parts) in [
        (
            &["run", "--", "./leak.c"][..],
            &["it is not executable", "chmod +x ./leak.c"][..],
        ),
        (&["run", "--", "./nosuch"], &["no such file"]),
        (&["run", "./leak.c"], &["leaklab run -- ./leak.c"]),
        (&["run", "--name", "x", "shape"], &["cannot be used with"]),
        (
            &["run", "--expect", "growth", "--", "true"],
            &["none of leak, no-leak and dies"],
        ),
        (
            &["run", "--cwd", "nosuch", "--", "true"],
            &["no folder `nosuch`"],
        ),
        (&["run", "--user", "no such", "--", "true"], &["--user"]),
    ] {
        let called = lab.call(arguments).expect_code(2).expect_stderr(parts);
        assert!(called.run.is_none(), "{arguments:?} left a folder");
        assert!(!called.stderr.contains("././"), "{}", called.stderr);
    }
}
