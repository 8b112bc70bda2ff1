//! Children that misbehave: whatever they do, the run ends in order, says what happened and
//! keeps the samples so far.

mod support;

use leaklab_run::{EventKind, Outcome, Phase, State, columns};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use support::{Lab, is_alive, wait_until};

/// Shell that writes a line of the protocol to the pipe.
const SAY: &str = r#"say() { echo "$1" > /dev/fd/$LEAKLAB_PIPE; }; "#;

fn script(body: &str) -> String {
    format!("{SAY}{body}")
}

fn kill(pid: u32, signal: &str) {
    let status = Command::new("kill")
        .args([format!("-{signal}"), pid.to_string()])
        .status()
        .expect("kill can be started");
    assert!(status.success(), "kill -{signal} {pid}");
}

#[test]
fn a_program_without_the_protocol_is_sampled_from_outside() {
    let called = Lab::new().run_script(
        &["--duration", "1500ms", "--interval", "50ms"],
        "exec sleep 30",
    );
    let cell = called.cell();
    assert_eq!(
        cell.status.outcome,
        Some(Outcome::Completed),
        "{:?}",
        cell.status
    );
    let table = cell.samples(|_| true).expect("samples");
    assert!(table.len() >= 8, "{} rows in 1500 ms at 50 ms", table.len());
    let rss = table.filled_column(columns::RSS_BYTES).expect("RSS");
    assert!(rss.iter().all(|bytes| *bytes > 0.0), "{rss:?}");
    assert_eq!(table.filled_column(columns::ALLOCATED_BYTES), None);
}

#[test]
fn a_child_that_never_says_ready_is_ended_and_told() {
    let called = Lab::new()
        .run_script(&["--ready-timeout", "300ms"], "sleep 60")
        .expect_code(5)
        .expect_stderr(&["never said that it is ready within 300 ms", "PROTOCOL.md"]);
    assert_eq!(called.cell().status.outcome, Some(Outcome::NeverReady));
}

#[test]
fn garbage_is_counted_and_loses_nothing_else() {
    let body = r#"
        say '{"ready":true}'
        i=0; while [ $i -lt 40 ]; do
            i=$((i+1)); say "{\"ops\":$i,\"gauges\":{\"depth\":$i}}"; say 'garbage '; sleep 0.02
        done; exec sleep 30"#;
    let called = Lab::new().run_script(
        &[
            "--duration",
            "1500ms",
            "--interval",
            "50ms",
            "--ready-timeout",
            "10s",
        ],
        &script(body),
    );
    let cell = called.cell();
    assert_eq!(cell.status.outcome, Some(Outcome::Completed));
    assert_eq!(cell.status.malformed_lines, 40);
    assert_eq!(cell.status.ops_total, Some(40));
    assert!(
        called
            .stderr
            .contains("40 lines of the child were not of the protocol")
    );
    let table = cell.samples(|_| true).expect("samples");
    let depth = table.filled_column("gauge:depth").expect("the gauge");
    assert_eq!(depth.last(), Some(&40.0));
}

#[test]
fn lines_on_stdout_behind_the_prefix_count_too() {
    let body = r#"echo 'leaklab: {"ready":true,"ops":7}'; echo plain words; exec sleep 30"#;
    let called = Lab::new().run_script(
        &[
            "--duration",
            "400ms",
            "--interval",
            "50ms",
            "--ready-timeout",
            "10s",
        ],
        body,
    );
    let cell = called.cell();
    assert_eq!(cell.status.ops_total, Some(7));
    let log = std::fs::read_to_string(cell.folder.join("stdout.log")).expect("a log");
    assert_eq!(log, "plain words\n");
}

#[test]
fn a_child_that_ignores_term_is_killed_after_the_grace() {
    let called = Lab::new().run_script(
        &[
            "--duration",
            "200ms",
            "--interval",
            "20ms",
            "--grace",
            "300ms",
        ],
        "trap '' TERM; while :; do sleep 0.05; done",
    );
    let cell = called.cell();
    assert_eq!(cell.status.outcome, Some(Outcome::Completed));
    assert!(
        cell.status.message.contains("did not end on TERM"),
        "{}",
        cell.status.message
    );
    assert!(cell.status.samples > 5);
    assert!(!is_alive(cell.status.pid.expect("a pid")));
}

#[test]
fn what_a_child_forks_is_counted_and_ended_with_it() {
    let body = r#"
        sleep 61 & echo $! > forked; (setsid sleep 62 & echo $! > escaped)
        say '{"ready":true}'; wait"#;
    let lab = Lab::new();
    let called = lab.run_script(
        &[
            "--duration",
            "2500ms",
            "--interval",
            "50ms",
            "--ready-timeout",
            "10s",
        ],
        &script(body),
    );
    let cell = called.cell();
    let table = cell.samples(|_| true).expect("samples");
    let processes = table.filled_column(columns::PROCESSES).expect("processes");
    assert!(processes.iter().any(|count| *count >= 2.0), "{processes:?}");
    let pid = std::fs::read_to_string(lab.path().join("forked")).expect("a pid");
    let pid: u32 = pid.trim().parse().expect("a number");
    wait_until("the forked process is gone", || !is_alive(pid));
    // One that made a session of its own is reparented away from the tree: it is not the
    // harness's to end. This test started it and ends it.
    let escaped = std::fs::read_to_string(lab.path().join("escaped")).expect("a pid");
    let escaped: u32 = escaped.trim().parse().expect("a number");
    if is_alive(escaped) {
        kill(escaped, "KILL");
    }
}

#[test]
fn a_child_that_dies_at_once_is_told_with_its_last_words() {
    let called = Lab::new()
        .run_script(&["--duration", "5s"], "echo out of luck >&2; exit 3")
        .expect_code(5)
        .expect_stderr(&["exit code 3", "out of luck", "stderr.log"]);
    assert_eq!(called.cell().status.outcome, Some(Outcome::Died));
}

#[test]
fn a_child_that_crashes_keeps_its_samples() {
    let called = Lab::new()
        .run_script(
            &["--duration", "20s", "--interval", "20ms"],
            "sleep 0.5; kill -SEGV $$",
        )
        .expect_code(5)
        .expect_stderr(&["signal 11 (SIGSEGV)", "samples kept"]);
    let cell = called.cell();
    assert_eq!(cell.status.signal, Some(11));
    assert!(cell.samples(|_| true).expect("samples").len() > 10);
}

#[test]
fn a_program_that_does_not_exist_is_told() {
    let lab = Lab::new();
    for program in ["./no-such-program", "no-such-program"] {
        lab.call(&["run", "--", program])
            .expect_code(2)
            .expect_stderr(&[program, "could not be started"]);
    }
    std::fs::write(lab.path().join("not-executable"), "").expect("a file");
    lab.call(&["run", "--", "./not-executable"])
        .expect_code(2)
        .expect_stderr(&["`./not-executable` could not be started"]);
    assert_eq!(lab.newest_run(), None, "nothing was created");
}

#[test]
fn the_memory_limit_ends_a_leak_and_keeps_its_samples() {
    let called = Lab::new()
        .call(&[
            "run",
            "shape::steady-leak",
            "--set",
            "leak-bytes=1MiB",
            "--rate",
            "200",
            "--duration",
            "60s",
            "--interval",
            "20ms",
            "--memory-limit",
            "96MiB",
        ])
        .expect_stderr(&["reached the memory limit of 96.0 MiB", "--memory-limit"]);
    let cell = called.cell();
    assert_eq!(cell.status.outcome, Some(Outcome::MemoryLimit));
    let table = cell.samples(|_| true).expect("samples");
    let rss = table.filled_column(columns::RSS_BYTES).expect("RSS");
    assert!(
        rss.iter().any(|bytes| *bytes > f64::from(40 << 20)),
        "it grew"
    );
    let events = cell.events().expect("events");
    assert!(
        events
            .iter()
            .any(|event| matches!(event.kind, EventKind::MemoryLimit { .. }))
    );
}

#[test]
fn one_interrupt_finishes_the_files_and_two_end_at_once() {
    let lab = Lab::new();
    let arguments = ["run", "shape", "--duration", "60s", "--interval", "20ms"];
    let child = lab.start(&arguments);
    lab.wait_for_file("shape--steady-leak/samples.csv", 2000);
    kill(child.id(), "INT");
    let called = lab.finish(child).expect_code(130);
    let run = called.run.as_ref().expect("a run");
    assert_eq!(run.cells[0].status.outcome, Some(Outcome::Stopped));
    assert_eq!(run.cells[0].status.state, State::Finished);
    assert_eq!(run.cells[1].status.state, State::Planned);
    assert!(
        called.stdout.contains("shape::steady-leak"),
        "a table is drawn"
    );

    let lab = Lab::new();
    let stubborn = "trap '' TERM; while :; do sleep 0.05; done";
    let child = lab.start(&[
        "run",
        "--duration",
        "60s",
        "--grace",
        "60s",
        "--interval",
        "20ms",
        "--",
        "sh",
        "-c",
        stubborn,
    ]);
    lab.wait_for_file("command--sh/samples.csv", 500);
    kill(child.id(), "INT");
    lab.wait_for_file("command--sh/samples.csv", 1000);
    kill(child.id(), "INT");
    let called = lab.finish(child).expect_code(130);
    let pid = called.cell().status.pid.expect("a pid");
    wait_until("the child is gone", || !is_alive(pid));
}

#[test]
fn a_killed_harness_leaves_no_orphan_and_a_readable_folder() {
    let lab = Lab::new();
    let body = script(r#"sleep 63 & echo $! > forked; say '{"ready":true}'; wait"#);
    let mut child = lab.start(&[
        "run",
        "--duration",
        "60s",
        "--interval",
        "20ms",
        "--ready-timeout",
        "10s",
        "--",
        "sh",
        "-c",
        &body,
    ]);
    lab.wait_for_file("command--sh/samples.csv", 1000);
    let forked = std::fs::read_to_string(lab.path().join("forked")).expect("a pid");
    let forked: u32 = forked.trim().parse().expect("a number");
    assert!(is_alive(forked));
    child.kill().expect("KILL");
    let status = child.wait().expect("an end");
    assert_eq!(status.signal(), Some(9));
    let run = leaklab_run::Run::open(&lab.newest_run().expect("a run")).expect("opens");
    let cell = &run.cells[0];
    assert_eq!(cell.status.state, State::Running, "a crash is visible");
    assert!(cell.samples(|_| true).expect("samples").len() > 10);
    let pid = cell.status.pid.expect("a pid");
    wait_until("the child is gone", || !is_alive(pid));
    wait_until("what it forked is gone", || !is_alive(forked));
}

#[test]
fn phases_operations_and_heap_of_a_scenario_are_recorded() {
    let called = Lab::new().call(&[
        "run",
        "shape::steady-leak",
        "--warmup",
        "300ms",
        "--duration",
        "700ms",
        "--drain",
        "200ms",
        "--interval",
        "10ms",
        "--rate",
        "1000",
    ]);
    let cell = called.cell();
    let table = cell.samples(|_| true).expect("samples");
    let (warm_from, warm_to) = table.phase_span_ms(Phase::Warmup).expect("a warm-up");
    let (load_from, load_to) = table.phase_span_ms(Phase::Load).expect("a load");
    let (drain_from, _) = table.phase_span_ms(Phase::Drain).expect("a drain");
    assert!(warm_from < warm_to && warm_to <= load_from && load_to <= drain_from);
    let ops = table.filled_column(columns::OPS_TOTAL).expect("operations");
    assert!(ops.is_sorted());
    // 1000 a second for 1 s; the count is what the load allowed and never more.
    let total = cell.status.ops_total.expect("a total");
    assert!((800..=1000).contains(&total), "{total}");
    assert!(cell.status.probe_cost.samples > 50);
    assert!(cell.status.outside_cost.mean_us > 0.0);
}

#[test]
fn repetitions_get_folders_and_seeds_of_their_own() {
    let called = Lab::new().call(&[
        "run",
        "shape::flat",
        "--repeat",
        "2",
        "--jobs",
        "2",
        "--operations",
        "50",
        "--drain",
        "0s",
    ]);
    let run = called.run.as_ref().expect("a run");
    let ids: Vec<_> = run.cells.iter().map(|cell| cell.plan.id.as_str()).collect();
    assert_eq!(ids, ["shape::flat#1", "shape::flat#2"]);
    for cell in &run.cells {
        assert_eq!(cell.status.ops_total, Some(50));
    }
}

#[test]
fn the_environment_of_a_child_is_the_callers_unless_it_is_to_be_clean() {
    let lab = Lab::new();
    lab.command(&["run", "--duration", "5s", "--", "sh", "-c", "env > all"])
        .env("SECRET_TOKEN", "hidden")
        .output()
        .expect("the binary can be started");
    let all = std::fs::read_to_string(lab.path().join("all")).expect("a file");
    assert!(all.contains("SECRET_TOKEN=hidden"), "{all}");
    let output = lab
        .command(&[
            "run",
            "--duration",
            "5s",
            "--env-clear",
            "--env",
            "PASSED=yes",
            "--",
            "sh",
            "-c",
            "env > environment",
        ])
        .env("SECRET_TOKEN", "hidden")
        .output()
        .expect("the binary can be started");
    assert!(!output.stderr.is_empty());
    let environment = std::fs::read_to_string(lab.path().join("environment")).expect("a file");
    assert!(environment.contains("PASSED=yes"));
    assert!(environment.contains("LEAKLAB_PIPE="));
    assert!(!environment.contains("SECRET_TOKEN"));
}

#[test]
fn programs_that_end_at_once_beside_each_other_keep_their_exit_codes() {
    let lab = Lab::new();
    let called = lab.call(&[
        "run",
        "--repeat",
        "60",
        "--jobs",
        "4",
        "--duration",
        "10s",
        "--",
        "sh",
        "-c",
        "exit 3",
    ]);
    let run = called.run.expect("a run");
    assert_eq!(run.cells.len(), 60);
    for cell in &run.cells {
        assert_eq!(cell.status.exit_code, Some(3), "{}", cell.status.message);
    }
}
