//! Readiness, load, set-up and tear-down of a program of one's own, through the real binary.

mod support;

use leaklab_run::{Phase, SampleTable, columns};
use support::{Called, Lab, is_alive, wait_until};

const FAST: [&str; 4] = ["--interval", "20ms", "--grace", "500ms"];

fn run(lab: &Lab, flags: &[&str], script: &str) -> Called {
    lab.run_script(&[&FAST[..], flags].concat(), script)
}

fn table(called: &Called) -> SampleTable {
    called.cell().samples(|_| true).expect("samples")
}

/// Times of the rows of a phase.
fn times(table: &SampleTable, phase: Phase) -> Vec<f64> {
    let rows = table.elapsed_ms.iter().zip(&table.phase);
    let of_phase = rows.filter(|(_, p)| **p == phase);
    of_phase.map(|(time, _)| *time).collect()
}

#[test]
fn rows_before_ready_are_warm_up_with_negative_times() {
    let lab = Lab::new();
    let called = run(
        &lab,
        &["--ready", "file:up", "--duration", "600ms"],
        "sleep 0.4; touch up; sleep 20",
    );
    let status = &called.cell().status;
    let ready_ms = status.ready_after_ms.expect("it was ready");
    assert!(ready_ms >= 400.0, "{ready_ms}");
    let table = table(&called);
    let (before, load) = (times(&table, Phase::Warmup), times(&table, Phase::Load));
    assert!(
        !before.is_empty() && before.iter().all(|time| *time < 0.0),
        "{before:?}"
    );
    assert!(before[0] >= -ready_ms, "{} before {ready_ms}", before[0]);
    assert!(
        !load.is_empty() && load.iter().all(|time| *time >= 0.0),
        "{load:?}"
    );
    assert!(table.elapsed_ms.is_sorted());
}

#[test]
fn a_line_an_open_port_and_a_time_say_readiness() {
    let lab = Lab::new();
    let called = run(
        &lab,
        &[
            "--ready",
            "line:^listening on [0-9]+",
            "--duration",
            "200ms",
        ],
        "sleep 0.2; echo listening on 80 >&2; sleep 20",
    );
    // Counted from when its start was known, which is later than its start.
    assert!(called.cell().status.ready_after_ms.expect("ready") >= 100.0);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = format!("tcp:{}", listener.local_addr().expect("an address").port());
    let flags = ["--ready", &port, "--duration", "200ms"];
    let called = run(&lab, &flags, "sleep 20");
    // It is not this program that answers.
    let called = called.expect_stderr(&["was answered before the program was started"]);
    assert!(called.cell().status.ready_after_ms.is_some());
    let measurement = called
        .cell()
        .status
        .measurement
        .as_ref()
        .expect("a certificate");
    let doubt = measurement.doubt().expect("a doubt");
    assert!(doubt.contains("was answered before"), "{doubt}");

    let flags = ["--ready", "300ms", "--duration", "200ms"];
    let called = run(&lab, &flags, "sleep 20");
    assert!(called.cell().status.ready_after_ms.expect("ready") >= 300.0);
}

#[test]
fn a_program_that_answers_with_an_error_is_not_one_that_does_not_answer() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("an address").port().to_string();
    drop(free);
    let url = format!("http://127.0.0.1:{port}/no-such-page");
    let ready = ["run", "--ready", &url, "--ready-timeout", "3s"];
    let server = [
        "--",
        "python3",
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        &port,
    ];
    Lab::new()
        .call(&[&ready[..], &["--duration", "2s"], &server].concat())
        .expect_code(5)
        .expect_stderr(&["was not ready within", "404"]);
}

#[test]
fn what_is_never_ready_says_what_was_waited_for() {
    let lab = Lab::new();
    let flags = ["--ready", "file:up", "--ready-timeout", "300ms"];
    let called = run(&lab, &flags, "sleep 20").expect_code(5);
    called.expect_stderr(&["was not ready within", "file:up: there is no such file"]);
}

#[test]
fn the_load_begins_at_ready_ends_with_the_load_and_counts_operations() {
    let lab = Lab::new();
    let load = "echo $$ > load.pid; test -e up && touch was-ready; i=0; \
                while :; do i=$((i + 1)); echo \"{\\\"ops\\\": $i}\" > /proc/self/fd/$LEAKLAB_PIPE; \
                sleep 0.02; done";
    std::fs::write(lab.path().join("load.sh"), load).expect("a script");
    let called = run(
        &lab,
        &[
            "--ready",
            "file:up",
            "--load",
            "sh load.sh",
            "--duration",
            "1s",
            "--drain",
            "300ms",
        ],
        "sleep 0.3; touch up; sleep 20",
    );
    assert!(lab.path().join("was-ready").exists(), "{}", called.stderr);
    let status = &called.cell().status;
    assert!(status.ops_total.expect("counted") > 5, "{status:?}");
    assert_eq!(status.load.len(), 1);
    assert!(status.load[0].was_stopped);
    assert!(status.load[0].peak_rss_bytes.expect("measured apart") > 0);
    let pid = std::fs::read_to_string(lab.path().join("load.pid")).expect("it ran");
    assert!(!is_alive(pid.trim().parse().expect("a process id")));
    let table = table(&called);
    assert!(!times(&table, Phase::Drain).is_empty());
    let counted = table.filled_column(columns::OPS_TOTAL).expect("operations");
    let counted: Vec<f64> = counted
        .iter()
        .copied()
        .filter(|ops| !ops.is_nan())
        .collect();
    assert!(counted.last() > counted.first(), "{counted:?}");
}

#[test]
fn a_load_that_fails_is_told_and_never_green() {
    let lab = Lab::new();
    let called = run(
        &lab,
        &[
            "--load",
            "sh -c 'sleep 0.5; echo connection refused >&2; exit 1'",
            "--duration",
            "20s",
        ],
        "sleep 30",
    );
    let called = called.expect_code(4);
    assert!(
        called
            .cell()
            .status
            .message
            .contains("the load ended after")
    );
    assert!(called.cell().status.message.contains("connection refused"));
    assert!(called.cell().status.samples > 5, "what was seen is kept");

    // As hey ends when nobody answers: with success.
    let flags = ["--load", "echo 'Error distribution:'", "--duration", "20s"];
    let called = run(&lab, &flags, "sleep 30").expect_code(4);
    assert!(called.cell().status.message.contains("made no request"));
}

#[test]
fn a_load_that_ends_early_leaves_the_cell_undecided() {
    let lab = Lab::new();
    let flags = ["--load", "sleep 0.5", "--duration", "20s"];
    let called = run(&lab, &flags, "sleep 30").expect_code(3);
    assert!(
        called
            .cell()
            .status
            .message
            .contains("ended by itself after")
    );
}

#[test]
fn a_load_that_cannot_be_started_leaves_no_folder() {
    let lab = Lab::new();
    for (flags, parts) in [
        (
            ["--load", "nosuch-tool -d 9h"],
            &["load: `nosuch-tool` could not be started"][..],
        ),
        (
            ["--teardown", "nosuch-tool"],
            &["--teardown: `nosuch-tool` could not be started"],
        ),
        (
            ["--snapshot", "c=csv:nosuch-tool {pid}"],
            &["--snapshot c: `nosuch-tool` could not be started"],
        ),
        (["--load", "wrk 'x"], &["is a quote not closed?"]),
        (["--ready", "https://127.0.0.1/"], &["https is not spoken"]),
        (["--ready", "soon"], &["says nothing about readiness"]),
    ] {
        let called = run(&lab, &flags, "sleep 5")
            .expect_code(2)
            .expect_stderr(parts);
        assert!(called.run.is_none(), "{flags:?} left a folder");
    }
    let seldom = ["run", "--interval", "1h", "--duration", "20s"];
    for program in [&["--", "sleep", "5"][..], &["shape::flat"]] {
        let called = lab.call(&[&seldom[..], program].concat()).expect_code(2);
        assert!(called.run.is_none(), "{program:?} left a folder");
        called.expect_stderr(&["`--interval 1h` is longer than the load of 20s"]);
    }
    let called = lab.call(&["run", "shape::flat", "--load", "sleep 1"]);
    called
        .expect_code(2)
        .expect_stderr(&["`--load` is for programs"]);
}

#[test]
fn set_up_comes_before_and_tear_down_after_the_program() {
    let lab = Lab::new();
    let flags = [
        "--setup",
        "sh -c 'echo setup >> order'",
        "--teardown",
        "sh -c 'echo teardown >> order'",
        "--duration",
        "200ms",
    ];
    run(&lab, &flags, "echo program >> order; sleep 5");
    let order = std::fs::read_to_string(lab.path().join("order")).expect("an order");
    assert_eq!(order, "setup\nprogram\nteardown\n");

    let flags = [
        "--setup",
        "sh -c 'echo no database; exit 3'",
        "--duration",
        "200ms",
    ];
    let called = run(&lab, &flags, "touch started").expect_code(4);
    called.expect_stderr(&["the set-up command", "no database"]);
    assert!(!lab.path().join("started").exists());
}

#[test]
fn a_program_ends_its_own_warm_up() {
    let say = |phase: &str| format!("echo 'leaklab: {{\"phase\": \"{phase}\"}}'");
    let script = format!("{}; sleep 0.5; {}; sleep 20", say("warmup"), say("load"));
    let called = run(&Lab::new(), &["--duration", "600ms"], &script);
    let table = table(&called);
    let (warmup, load) = (times(&table, Phase::Warmup), times(&table, Phase::Load));
    assert!(warmup.len() > 5, "{warmup:?}");
    let last = load.last().expect("a load") - warmup.last().expect("a warm-up");
    assert!(last >= 400.0, "the load has its length: {last} ms");
}

#[test]
fn a_load_does_not_outlive_a_harness_that_is_killed() {
    let lab = Lab::new();
    let load = "sh -c 'echo $$ > load.pid; sleep 60'";
    let mut arguments = vec!["run", "--duration", "60s", "--load", load];
    arguments.extend(["--", "sleep", "60"]);
    let mut harness = lab.start(&arguments);
    let file = lab.path().join("load.pid");
    let pid = || {
        std::fs::read_to_string(&file)
            .ok()?
            .trim()
            .parse::<u32>()
            .ok()
    };
    wait_until("the load runs", || pid().is_some());
    let pid = pid().expect("a process id");
    harness.kill().expect("it is ours");
    harness.wait().expect("an end");
    wait_until("the load has ended", || !is_alive(pid));
}

#[test]
fn what_a_load_or_a_collection_leaves_running_is_ended() {
    let lab = Lab::new();
    let called = lab.call(&[
        "run",
        "--duration",
        "2s",
        "--load",
        "sh -c 'setsid sleep 4321.5 & sleep 50'",
        "--settle",
        "sh -c 'sleep 4322.5; true'",
        "--",
        "sleep",
        "60",
    ]);
    let said = format!("{}{}", called.stdout, called.stderr);
    assert!(said.contains("not one of the collections"), "{said}");
    let running = |words: &str| {
        let all = std::fs::read_dir("/proc").expect("processes").flatten();
        let lines = all.filter_map(|one| std::fs::read(one.path().join("cmdline")).ok());
        lines
            .filter(|line| String::from_utf8_lossy(line).contains(words))
            .count()
    };
    for words in ["4321.5", "4322.5"] {
        support::wait_until("it is ended", || running(words) == 0);
    }
}
