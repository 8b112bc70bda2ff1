//! A program of one's own: idle ones, alarms, settled heaps, control groups.

mod support;

use leaklab_run::{EventKind, columns};
use std::path::Path;
use std::process::{Child, Command};
use support::{Called, Lab, is_alive, wait_until};

/// Python as the system has it: not a script that looks for one.
const PYTHON: &str = "/usr/bin/python3";
/// A budget that no noise passes, so that what is told is not whether it grows.
const WIDE: [&str; 2] = ["--budget", "100GiB/h"];

fn reason(called: &Called) -> String {
    let path = called.cell().folder.join("verdict.json");
    let verdict = std::fs::read_to_string(path).expect("a verdict");
    let verdict: serde_json::Value = serde_json::from_str(&verdict).expect("an object");
    verdict["reason"].as_str().expect("words").to_owned()
}

#[test]
fn what_is_not_known_to_work_is_never_green_unless_it_is_meant_to_be_idle() {
    let lab = Lab::new();
    let run = |more: &[&str]| {
        let flags = ["run", "--duration", "3s", "--interval", "50ms"];
        lab.call(&[&flags[..], &WIDE, more, &["--", "sleep", "60"]].concat())
    };
    let called = run(&[]).expect_code(3);
    let words = reason(&called);
    assert!(words.contains("nothing is known of any work"), "{words}");
    assert!(called.stdout.contains("not known"), "{}", called.stdout);
    assert!(called.stdout.contains("RSS"), "{}", called.stdout);
    assert!(!called.stdout.contains("live heap"), "{}", called.stdout);
    assert!(!called.stderr.contains("0 operations"), "{}", called.stderr);
    run(&["--allow-idle"]).expect_code(0);
    // A load command that goes on may still not reach the program.
    run(&["--load", "sleep 50"]).expect_code(3);
    run(&["--load", "sleep 50", "--allow-idle"]).expect_code(0);
}

#[test]
fn a_program_that_ends_before_its_time_is_not_decided() {
    let lab = Lab::new();
    let script = "i=0; while [ $i -lt 150000 ]; do i=$((i + 1)); done";
    let flags = [&WIDE[..], &["--duration", "50s", "--interval", "20ms"]].concat();
    let called = lab.run_script(&flags, script).expect_code(3);
    let outcome = called.cell().status.outcome.map(leaklab_run::Outcome::name);
    assert_eq!(outcome, Some("ended"));
    // Without a length it is a job, and has done its work.
    let called = lab.run_script(&["--interval", "20ms"], script);
    let outcome = called.cell().status.outcome.map(leaklab_run::Outcome::name);
    assert_eq!(outcome, Some("completed"));
}

/// A program that says what `says` yields, in Python, each fiftieth of a second.
fn told(lab: &Lab, flags: &[&str], says: &str) -> Called {
    let program = format!(
        "import json, os, time\npipe = os.fdopen(int(os.environ['LEAKLAB_PIPE']), 'w')\n\
         def says():\n{says}\n\
         for message in says():\n  pipe.write(json.dumps(message) + '\\n')\n  pipe.flush()\n\
         \x20 time.sleep(0.02)\n"
    );
    let more = ["--interval", "50ms", "--", PYTHON, "-I", "-c", &program];
    lab.call(&[&["run"], &WIDE[..], flags, &more].concat())
}

#[test]
fn a_heap_that_falls_silent_is_no_green() {
    let lab = Lab::new();
    let says = "  for i in range(400):\n    heap = {'heap': {'used_bytes': 5000000}} if i < 80 else {}\n    \
                yield {'ops': i, **heap}";
    let called = told(&lab, &["--duration", "5s"], says).expect_code(3);
    let words = reason(&called);
    assert!(words.contains("`used_bytes` was read until"), "{words}");
    // Nor is it certain early.
    let flags = [
        "--until-verdict",
        "--min-duration",
        "3s",
        "--max-duration",
        "5s",
    ];
    let called = told(&lab, &flags, says).expect_code(3);
    assert!(called.cell().status.elapsed_ms > 4_500.0);
}

#[test]
fn a_load_that_the_program_ends_before_its_time_is_not_decided() {
    let lab = Lab::new();
    let says = "  for i in range(500):\n    phase = {'phase': 'drain'} if i == 50 else {}\n    \
                yield {'ops': i, 'heap': {'used_bytes': 5000000}, **phase}";
    let called = told(&lab, &["--duration", "4s"], says).expect_code(3);
    let status = &called.cell().status;
    assert_eq!(
        status.outcome.map(leaklab_run::Outcome::name),
        Some("load-ended")
    );
    assert!(
        status.message.contains("said that its load was over after"),
        "{}",
        status.message
    );
}

#[test]
fn a_program_that_warms_up_again_and_again_does_not_keep_the_run_from_ending() {
    let lab = Lab::new();
    let says = "  for i in range(1500):\n    yield {'ops': i, 'phase': ['warmup', 'load'][i % 2]}";
    let called = told(&lab, &["--duration", "1s"], says);
    assert!(
        called.cell().status.elapsed_ms < 15_000.0,
        "its own end is later"
    );
}

#[test]
fn an_alarm_is_raised_once_when_a_cell_dies_or_grows_too_much() {
    let lab = Lab::new();
    let alarm = "sh -c 'echo $LEAKLAB_ALARM $LEAKLAB_CELL $LEAKLAB_PID >> alarms'";
    let flags = ["--duration", "30s", "--interval", "20ms"];
    let with_alarm = [&flags[..], &["--on-alarm", alarm]].concat();
    lab.run_script(&with_alarm, "sleep 0.3; exit 7")
        .expect_code(5);
    let told = || std::fs::read_to_string(lab.path().join("alarms")).unwrap_or_default();
    let (first, lines) = (told(), told().lines().count());
    assert!(first.starts_with("died command::sh "), "{first}");
    assert_eq!(lines, 1, "{first}");
    let pid = first.split_whitespace().last().expect("a pid");
    assert!(pid.parse::<u32>().is_ok(), "{first}");

    let limit = [&with_alarm[..], &["--memory-limit", "50MiB"]].concat();
    let grows = format!("exec {PYTHON} -I -c 'import time; x = b\"x\" * 10**8; time.sleep(60)'");
    lab.run_script(&limit, &grows).expect_code(1);
    let second = told();
    assert_eq!(second.lines().count(), 2, "{second}");
    assert!(second.contains("\nleak command::sh"), "{second}");

    // Nothing is wrong with what was only not decided.
    let short = [
        "--duration",
        "300ms",
        "--interval",
        "20ms",
        "--on-alarm",
        alarm,
    ];
    lab.run_script(&short, "sleep 60").expect_code(3);
    assert_eq!(told().lines().count(), 2);
    // A command that is not there is told before anything is started.
    let refused = lab.call(&["run", "--on-alarm", "./no-such", "--", "true"]);
    refused.expect_code(2).expect_stderr(&["alarm", "no-such"]);
}

/// Leaves 20 MB of garbage ten times a second that only a collection frees, and collects when it
/// is asked to.
const GARBAGE: &str = "import gc, signal, time\n\
    gc.disable()\n\
    signal.signal(signal.SIGUSR1, lambda *_: gc.collect())\n\
    def cycle():\n  garbage = [bytearray(2_000_000)]\n  garbage.append(garbage)\n\
    while True:\n  cycle()\n  time.sleep(0.1)\n";

#[test]
fn a_heap_is_settled_at_regular_moments_that_are_marks() {
    let lab = Lab::new();
    let settle = "sh -c 'echo {pid} >> asked; kill -USR1 {pid}'";
    for what in [settle, "signal:USR1"] {
        let called = lab.call(&[
            "run",
            "--heap",
            "mallinfo",
            "--settle",
            what,
            "--duration",
            "6s",
            "--interval",
            "50ms",
            "--",
            PYTHON,
            "-I",
            "-c",
            GARBAGE,
        ]);
        let cell = called.cell();
        let table = cell.samples(|_| true).expect("samples");
        let settled = table.column(columns::SETTLED_BYTES).expect("its column");
        let read: Vec<f64> = settled
            .iter()
            .copied()
            .filter(|bytes| !bytes.is_nan())
            .collect();
        assert!(!read.is_empty(), "{what}: {}", called.stderr);
        let held = table
            .filled_column(columns::ALLOCATED_BYTES)
            .expect("a heap");
        let most = held.iter().copied().fold(0.0, f64::max);
        let least = read.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(least < most - 3e6, "{what}: {least} of {most}");
        let is_mark = |kind: &EventKind| matches!(kind, EventKind::Mark { name, duration_ms: Some(_) } if name == "settle");
        let events = cell.events().expect("events");
        let marks = events.iter().filter(|event| is_mark(&event.kind)).count();
        assert!(
            marks >= read.len(),
            "{what}: {marks} marks, {} heaps",
            read.len()
        );
        assert_eq!(
            cell.plan.settle.as_deref(),
            Some(what.replace('\'', "").as_str())
        );
    }
    assert!(lab.path().join("asked").exists());
}

#[test]
fn a_collection_that_cannot_be_asked_for_is_told_and_loses_nothing() {
    let lab = Lab::new();
    let flags = [
        "--settle",
        "false",
        "--duration",
        "3s",
        "--interval",
        "50ms",
    ];
    let called = lab.run_script(&flags, "sleep 60");
    let events = called.cell().events().expect("events");
    let told = |kind: &EventKind| matches!(kind, EventKind::Warning { message } if message.contains("could not be settled"));
    assert!(events.iter().any(|event| told(&event.kind)), "{events:?}");
    assert!(called.cell().status.samples > 10);
    for (what, part) in [("signal:KILL", "USR1"), ("https://x/gc", "https")] {
        let refused = lab.call(&["run", "--settle", what, "--", "true"]);
        refused.expect_code(2).expect_stderr(&[part]);
    }
}

/// A process of the test's own; ended with it.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Self {
        let child = Command::new("sleep").arg("120").spawn();
        Sleeper(child.expect("sleep is there"))
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Writes a hierarchy of control groups as the kernel shows them.
fn write_groups(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }
}

fn watch_group(lab: &Lab, root: &Path, flags: &[&str]) -> Called {
    let all = [&["run", "--interval", "50ms"], &WIDE[..], flags].concat();
    let mut command = lab.command(&all);
    let output = command.env("LEAKLAB_CGROUP_ROOT", root).output();
    lab.called(output.expect("the binary can be started"))
}

#[test]
fn a_control_group_is_judged_by_what_no_file_could_give_back() {
    let (lab, root) = (Lab::new(), tempfile::tempdir().expect("a folder"));
    let sleepers = [Sleeper::new(), Sleeper::new()];
    let pids = sleepers.each_ref().map(|one| format!("{}\n", one.0.id()));
    let stat = "anon 5000000\nfile 900000000\nshmem 1000000\n";
    write_groups(
        root.path(),
        &[
            ("system.slice/shop.service/cgroup.procs", &pids[0]),
            ("system.slice/shop.service/memory.stat", stat),
            ("system.slice/shop.service/memory.swap.current", "77\n"),
            ("system.slice/shop.service/worker/cgroup.procs", &pids[1]),
            ("docker/3f5c9aa1b2c3d4e5/cgroup.procs", &pids[0]),
            ("docker/3f5c9aa1b2c3d4e5/memory.usage_in_bytes", "1\n"),
            (
                "docker/3f5c9aa1b2c3d4e5/memory.stat",
                "total_cache 8\ntotal_rss 4000000\n",
            ),
        ],
    );
    for (flags, name, bytes, count) in [
        (["--cgroup", "shop.service"], "shop.service", 6e6, 2.0),
        (["--cgroup", "shop"], "shop.service", 6e6, 2.0),
        (
            ["--cgroup", "/system.slice/shop.service"],
            "shop.service",
            6e6,
            2.0,
        ),
        (["--container", "3f5c9aa1"], "3f5c9aa1", 4e6, 1.0),
    ] {
        let more = ["--duration", "1s", "--allow-idle"];
        let called = watch_group(&lab, root.path(), &[&flags[..], &more].concat());
        let cell = called.cell();
        assert_eq!(
            cell.plan.id,
            format!("command::{name}"),
            "{}",
            called.stderr
        );
        assert!(cell.plan.control_group.is_some());
        let table = cell.samples(|_| true).expect("samples");
        let held = table.filled_column(columns::RSS_BYTES).expect("memory");
        assert!(held.iter().all(|held| *held == bytes), "{held:?}");
        let processes = table.filled_column(columns::PROCESSES).expect("a count");
        assert_eq!(processes.last(), Some(&count));
        assert!(
            called.stdout.contains("anonymous and shared"),
            "{}",
            called.stdout
        );
    }
    assert!(sleepers.iter().all(|one| is_alive(one.0.id())));
}

#[test]
fn a_group_that_ends_is_a_result_and_one_that_is_not_there_is_refused() {
    let (lab, root) = (Lab::new(), tempfile::tempdir().expect("a folder"));
    let sleeper = Sleeper::new();
    let procs = root.path().join("job.scope/cgroup.procs");
    let pid = format!("{}\n", sleeper.0.id());
    write_groups(
        root.path(),
        &[
            ("job.scope/cgroup.procs", &pid),
            ("job.scope/memory.stat", "anon 1\n"),
            ("empty.scope/cgroup.procs", ""),
            ("empty.scope/memory.stat", "anon 1\n"),
        ],
    );
    let mut command = lab.command(&[
        "run",
        "--cgroup",
        "job.scope",
        "--duration",
        "60s",
        "--interval",
        "50ms",
    ]);
    let child = command
        .env("LEAKLAB_CGROUP_ROOT", root.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary can be started");
    lab.wait_for_file("command--job.scope/samples.csv", 400);
    std::fs::write(&procs, "").expect("a file");
    let called = lab.finish(child).expect_code(3);
    let outcome = called.cell().status.outcome.map(leaklab_run::Outcome::name);
    assert_eq!(outcome, Some("ended"));
    wait_until("it lives on", || is_alive(sleeper.0.id()));
    for (flags, part) in [
        (["--cgroup", "nosuch.service"], "there is no control group"),
        (["--cgroup", "empty.scope"], "there is no process in"),
        (["--container", "zz"], "is no container's id"),
        (["--container", "abcdef12"], "there is no container"),
    ] {
        let refused = watch_group(&lab, root.path(), &flags).expect_code(2);
        refused.expect_stderr(&[part]);
    }
    let limited = ["--cgroup", "job.scope", "--memory-limit", "1GiB"];
    std::fs::write(&procs, &pid).expect("a file");
    let refused = watch_group(&lab, root.path(), &limited).expect_code(2);
    refused.expect_stderr(&["`--memory-limit` does not go with --cgroup"]);
}

#[test]
fn a_challenge_leaks_in_the_program_and_says_what_was_called() {
    let lab = Lab::new();
    for source in [&["--heap", "jemalloc"][..], &[]] {
        let soak = [
            "challenge",
            "--leak",
            "blocks",
            "--soaks",
            "1",
            "--duration",
            "3s",
        ];
        let program = ["--interval", "50ms", "--", "sleep", "60"];
        let called = lab.call(&[&soak[..], source, &program].concat());
        assert!(
            [Some(0), Some(1)].contains(&called.code),
            "{}",
            called.stderr
        );
        assert!(called.stdout.contains("steady blocks"), "{}", called.stdout);
        let cell = called.cell();
        let injected = cell.plan.parameters.get("injected").expect("the leak");
        let size = injected
            .strip_prefix("blocks ")
            .and_then(|size| size.strip_suffix("B/h"));
        let per_s = size.expect("its size").parse::<f64>().expect("bytes") / 3600.0;
        let table = cell.samples(|_| true).expect("samples");
        let heap = table.filled_column(columns::ALLOCATED_BYTES);
        assert_eq!(
            heap.is_some(),
            !source.is_empty(),
            "the heap is read as the user asked"
        );
        let Some(heap) = heap else { continue };
        let heap: Vec<f64> = heap
            .iter()
            .copied()
            .filter(|bytes| !bytes.is_nan())
            .collect();
        let grown = heap[heap.len() - 1] - heap[0];
        assert!(
            grown > per_s,
            "{grown} bytes in three seconds at {per_s} a second"
        );
    }
    assert_eq!(
        std::fs::read_dir(lab.path().join("leaklab-out/runs"))
            .expect("runs")
            .count(),
        4
    );
    let refused = lab.call(&["challenge", "--require", "1KiB/op", "--", "true"]);
    refused.expect_code(2).expect_stderr(&["10MiB/h"]);
}

#[test]
fn a_challenge_of_a_program_that_links_the_probe_leaks_on_its_own_heap() {
    let lab = Lab::new();
    let challenge = |program: &[&str]| {
        let soak = "challenge --leak container --soaks 1 --duration 3s --interval 50ms --";
        let words: Vec<&str> = soak.split(' ').chain(program.iter().copied()).collect();
        lab.call(&words)
    };
    let linked = env!("CARGO_BIN_EXE_leaklab");
    let called = challenge(&[linked, "cell", "shape::flat", "--rate", "100"]);
    assert!(
        [Some(0), Some(1)].contains(&called.code),
        "{}",
        called.stderr
    );
    let table = called.cell().samples(|_| true).expect("samples");
    let last = |name: &str| {
        let column = table.filled_column(name).expect(name);
        let known = column.iter().rev().find(|value| !value.is_nan());
        *known.expect("a reading")
    };
    let injected = last("gauge:injected_bytes");
    assert!(injected > 0.0 && last(columns::ALLOCATED_BYTES) > injected);
    // What speaks the protocol and cannot leak has not met a challenge.
    let speaks = r#"while sleep 0.05; do echo '{"heap":{"allocated_bytes":1000000}}' >/proc/self/fd/$LEAKLAB_PIPE; done"#;
    challenge(&["sh", "-c", speaks])
        .expect_code(2)
        .expect_stderr(&["made no leak", "leaklab-probe", "--heap mallinfo"]);
}

#[test]
fn what_a_variant_must_get_follows_the_pace_and_the_length_of_its_load() {
    let lab = Lab::new();
    for (variant, flags, expected) in [
        ("channel-io::unbuffered", &["--rate", "20"][..], "no-leak"),
        ("channel-io::unbuffered", &["--rate", "50"], "leak"),
        (
            "alts-timeout::cleared",
            &["--set", "timeout=200ms"],
            "no-leak",
        ),
        ("alts-timeout::cleared", &["--set", "timeout=2s"], "leak"),
    ] {
        let soak = ["run", variant, "--duration", "400ms", "--drain", "0s"];
        let called = lab.call(&[&soak[..], flags].concat());
        let plan = &called.cell().plan;
        assert_eq!(
            plan.expected.as_deref(),
            Some(expected),
            "{variant} {flags:?}"
        );
        let retains = plan.retained_bytes_per_operation.expect("a formula") > 0.0;
        assert_eq!(retains, expected == "leak", "{variant} {flags:?}");
    }
}
