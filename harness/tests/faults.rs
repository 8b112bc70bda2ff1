//! What nights do to a harness: nothing of it loses a run, hides a leak or stays untold. The
//! whole campaign is `scripts/faults`.

mod support;

use leaklab_run::{EventKind, Outcome, columns};
use std::process::{Command, Stdio};
use support::{Called, Lab, is_alive, wait_until};

/// A call through a shell that sets something up first and is replaced by leaklab.
fn call_after(lab: &Lab, setup: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("{setup}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_leaklab"))
        .args(arguments)
        .current_dir(lab.path())
        .stdin(Stdio::null());
    command
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), pid.to_string()])
        .status();
    assert!(sent.expect("kill runs").success(), "{name} to {pid}");
}

fn pid_in(lab: &Lab, name: &str) -> u32 {
    let path = lab.path().join(name);
    let read = || std::fs::read_to_string(&path).unwrap_or_default();
    wait_until("the program wrote its id", || read().ends_with('\n'));
    read().trim().parse().expect("an id")
}

const SHORT: [&str; 4] = ["--interval", "50ms", "--grace", "1s"];

#[test]
fn a_standard_error_that_nobody_reads_costs_nothing() {
    let lab = Lab::new();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let arguments = [
        "run",
        "--duration",
        "500ms",
        "--repeat",
        "2",
        "--",
        "sleep",
        "9",
    ];
    let status = lab
        .command(&arguments)
        .stdout(Stdio::null())
        .stderr(writer)
        .status()
        .expect("an end");
    assert_eq!(status.code(), Some(3));
    let run = lab.newest_run().expect("a run");
    assert!(run.join("report.html").is_file());
    assert!(run.join("command--sleep-2/status.json").is_file());
}

#[test]
fn a_full_standard_error_is_no_panic() {
    let lab = Lab::new();
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("a device");
    let status = lab.command(&["judge", "nothing"]).stderr(full).status();
    assert_eq!(status.expect("an end").code(), Some(2));
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .expect("a device");
    let status = lab.command(&["--help"]).stdout(full).status();
    assert_eq!(status.expect("an end").code(), Some(4));
}

#[test]
fn what_was_ignored_at_the_start_stays_ignored() {
    let lab = Lab::new();
    let arguments = ["run", "--duration", "2s", "--", "sleep", "9"];
    let child = call_after(&lab, "trap '' HUP INT", &arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    lab.wait_for_file("command--sleep/status.json", 1);
    signal(child.id(), "HUP");
    signal(child.id(), "INT");
    let called = lab.finish(child);
    assert_eq!(called.cell().status.outcome, Some(Outcome::Completed));
}

#[test]
fn signals_that_are_meant_for_others_are_told_and_change_nothing() {
    let lab = Lab::new();
    let child = lab.start(&["run", "--duration", "2s", "--", "sleep", "9"]);
    lab.wait_for_file("command--sleep/status.json", 1);
    for name in ["USR1", "ALRM", "IO"] {
        signal(child.id(), name);
    }
    let called = lab.finish(child);
    assert_eq!(called.cell().status.outcome, Some(Outcome::Completed));
    called.expect_stderr(&["SIGUSR1 means nothing here"]);
}

#[test]
fn a_small_stack_is_no_end() {
    let lab = Lab::new();
    let output = call_after(&lab, "ulimit -s 100", &["list", "shape"])
        // A hundredth of a stack is left for variables.
        .env_clear()
        .output()
        .expect("a shell");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
}

#[test]
fn a_run_whose_record_goes_away_tells_it_while_it_runs() {
    let lab = Lab::new();
    let mut child = lab.start(&["run", "--duration", "60s", "--", "sleep", "90"]);
    let events = lab.wait_for_file("command--sleep/events.jsonl", 0);
    lab.wait_for_file("command--sleep/samples.csv", 200);
    let record = events.ancestors().nth(2).expect("a run").join("run.json");
    std::fs::remove_file(&record).expect("removed");
    let told = || {
        std::fs::read_to_string(&events).is_ok_and(|text| text.contains("run.json` was removed"))
    };
    wait_until("it was told", told);
    signal(child.id(), "TERM");
    // Without its record there is no run that could be judged at the end.
    assert_eq!(child.wait().expect("an end").code(), Some(4));
}

#[test]
fn a_parent_that_ignores_the_end_of_children_does_not_make_the_run_endless() {
    let lab = Lab::new();
    let arguments = ["run", "--duration", "20s", "--", "true"];
    let child = call_after(&lab, "trap '' CHLD", &arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let called = lab.finish(child);
    assert_eq!(called.cell().status.exit_code, Some(0));
}

#[test]
fn a_limit_of_file_sizes_is_told() {
    let lab = Lab::new();
    let arguments = [
        "run",
        "--duration",
        "2s",
        "--interval",
        "10ms",
        "--",
        "sleep",
        "9",
    ];
    let status = call_after(&lab, "ulimit -f 8", &arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("an end");
    assert_eq!(status.code().map(|code| code < 100), Some(true), "{status}");
}

fn leak_with_clock(clock: &str) -> Called {
    let script = format!(
        "exec 9>/proc/self/fd/$LEAKLAB_PIPE; n=0; while :; do n=$((n+1)); echo \"{{\\\"ops\\\":$n,\
         \\\"monotonic_us\\\":{clock},\\\"heap\\\":{{\\\"allocated_bytes\\\":$((n*1000000))}}}}\" >&9; \
         sleep 0.05; done"
    );
    let lab = Lab::new();
    let flags = [
        "--duration",
        "3s",
        "--budget",
        "64KiB/h",
        "--interval",
        "50ms",
    ];
    lab.run_script(&flags, &script)
}

#[test]
fn too_little_address_space_is_told_before_anything_runs() {
    let lab = Lab::new();
    let run = ["run", "--duration", "1s", "--", "sleep", "60"];
    let called = call_after(&lab, "ulimit -v 81920", &run).output();
    let called = called.expect("an end");
    let words = String::from_utf8_lossy(&called.stderr);
    assert_eq!(called.status.code(), Some(4), "{words}");
    assert!(words.contains("`ulimit -v unlimited`"), "{words}");
    assert!(!lab.path().join("leaklab-out").exists());
}

#[test]
fn a_program_that_deletes_its_own_record_is_no_result() {
    let lab = Lab::new();
    let deletes = "sleep 0.3; rm -rf leaklab-out/runs/*/command--sh; sleep 60";
    let run = [
        &["run", "--duration", "1s"][..],
        &SHORT,
        &["--", "sh", "-c", deletes],
    ]
    .concat();
    lab.call(&run)
        .expect_code(4)
        .expect_stderr(&["cannot be written"]);
}

#[test]
fn a_clock_that_is_not_the_machines_hides_no_leak() {
    for clock in ["4611686018427387904", "0", "1700000000000000"] {
        let called = leak_with_clock(clock);
        assert_ne!(called.code, Some(0), "{clock}");
        let status = &called.cell().status;
        let measured = status.measurement.clone().expect("a certificate");
        assert!(measured.clock_rejects > 10, "{clock}: {measured:?}");
        assert_eq!(measured.clock_rejects, measured.clock_claims);
        assert!((2000.0..20_000.0).contains(&status.elapsed_ms), "{clock}");
        assert!(status.hint.contains("monotonic clock"), "{}", status.hint);
    }
}

#[test]
fn a_daemon_is_measured_and_ended_with_its_program() {
    let lab = Lab::new();
    let script = "(setsid sh -c 'sleep 300 & echo $! > daemon; exit 0' &) ; sleep 300";
    // Its processes are written down each five seconds: on a busy machine the daemon may not be
    // there yet at the first time.
    let called = lab.run_script(&[&SHORT[..], &["--duration", "7s"]].concat(), script);
    assert!(!is_alive(pid_in(&lab, "daemon")));
    let table = called.cell().samples(|_| true).expect("samples");
    let processes = table.column(columns::PROCESSES).expect("the column");
    assert!(processes.iter().any(|count| *count >= 3.0), "{processes:?}");
    let members = called.cell().folder.join("processes.csv");
    let members = std::fs::read_to_string(members).expect("a file");
    assert!(members.matches("\"sleep\"").count() >= 2, "{members}");
}

/// What the kernel says of the cell's control group; `None`, with a word, where none can be made.
fn peak_of_group(called: &Called) -> Option<u64> {
    let measurement = called.cell().status.measurement.clone();
    let peak = measurement.expect("a measurement").group_peak_bytes;
    if peak.is_none() {
        eprintln!("skipped: no control group can be made here");
    }
    peak
}

#[test]
fn a_daemon_that_has_shed_all_it_inherited_is_held_by_the_control_group() {
    let lab = Lab::new();
    let script = "(setsid sh -c 'exec <&- >/dev/null 2>&1; env -i sleep 300 & echo $! > daemon' \
                  &); sleep 300";
    let called = lab.run_script(&[&SHORT[..], &["--duration", "3s"]].concat(), script);
    assert!(!is_alive(pid_in(&lab, "daemon")) || peak_of_group(&called).is_none());
    if peak_of_group(&called).is_some() {
        let status = &called.cell().status;
        let measurement = status.measurement.clone().expect("a measurement");
        assert_eq!(measurement.escaped_processes, 0);
        let table = called.cell().samples(|_| true).expect("samples");
        let processes = table.column(columns::PROCESSES).expect("the column");
        assert!(processes.iter().any(|count| *count >= 3.0), "{processes:?}");
    }
}

#[test]
fn what_grows_between_two_looks_is_stopped_by_the_kernel() {
    let lab = Lab::new();
    // A worker that is killed and started anew would hide that the memory has run out.
    let script = "while :; do sh -c 'sleep 1; exec head -c 2G /dev/zero | tail -c 2G >/dev/null'; \
                  sleep 0.2; done";
    let flags = [
        &SHORT[..],
        &["--duration", "60s", "--memory-limit", "100MiB"],
    ]
    .concat();
    let called = lab.run_script(&flags, script);
    let status = &called.cell().status;
    assert_eq!(status.outcome, Some(Outcome::MemoryLimit));
    assert!(status.message.contains("100 MiB"), "{}", status.message);
    if let Some(peak_bytes) = peak_of_group(&called) {
        assert!(peak_bytes <= 140 << 20, "{peak_bytes} bytes at most");
    }
}

#[test]
fn a_program_that_ends_and_leaves_others_is_told_as_that() {
    let lab = Lab::new();
    let script = "setsid sleep 300 & echo $! > left; sleep 0.2; exit 0";
    let called = lab.run_script(&[&SHORT[..], &["--duration", "20s"]].concat(), script);
    assert!(!is_alive(pid_in(&lab, "left")));
    let status = &called.cell().status;
    assert!(
        status.message.contains("left 1 process running (sleep"),
        "{}",
        status.message
    );
    assert!(status.hint.contains("foreground"), "{}", status.hint);
}

#[test]
fn a_stop_of_everything_at_once_is_a_stop() {
    let lab = Lab::new();
    let script = "echo $$ > child; exec sleep 300";
    let arguments = ["run", "--duration", "60s", "--", "sh", "-c", script];
    let harness = lab.start(&arguments);
    signal(pid_in(&lab, "child"), "TERM");
    signal(harness.id(), "TERM");
    let called = lab.finish(harness).expect_code(143);
    assert_eq!(called.cell().status.outcome, Some(Outcome::Stopped));
}

#[test]
fn what_a_killed_harness_leaves_behind_is_ended() {
    let lab = Lab::new();
    let script = "setsid sleep 300 & echo $! > daemon; sleep 300";
    let mut harness = lab.start(&[
        "run",
        "--duration",
        "60s",
        "--interval",
        "50ms",
        "--",
        "sh",
        "-c",
        script,
    ]);
    let daemon = pid_in(&lab, "daemon");
    lab.wait_for_file("command--sh/samples.csv", 2000);
    harness.kill().expect("killed");
    harness.wait().expect("an end");
    wait_until("the daemon is ended", || !is_alive(daemon));
}

#[test]
fn a_gap_is_an_event_and_its_ticks_are_counted() {
    let lab = Lab::new();
    let harness = lab.start(&[
        "run",
        "--duration",
        "3s",
        "--interval",
        "50ms",
        "--",
        "sleep",
        "9",
    ]);
    lab.wait_for_file("command--sleep/samples.csv", 1500);
    signal(harness.id(), "STOP");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    signal(harness.id(), "CONT");
    let called = lab.finish(harness);
    let measured = called
        .cell()
        .status
        .measurement
        .clone()
        .expect("a certificate");
    assert!(measured.longest_gap_ms >= 1500.0, "{measured:?}");
    assert!(measured.ticks_missed >= 28, "{measured:?}");
    assert!(measured.ticks_due >= measured.ticks_taken + measured.ticks_missed);
    let events = called.cell().events().expect("events");
    let is_long = |kind: &EventKind| matches!(kind, EventKind::Gap { duration_ms, .. } if *duration_ms >= 1500.0);
    assert!(events.iter().any(|event| is_long(&event.kind)));
}

#[test]
fn counts_of_before_a_gap_are_not_put_to_a_time_after_it() {
    let lab = Lab::new();
    let program = "import os, time\npipe = os.fdopen(int(os.environ['LEAKLAB_PIPE']), 'w')\n\
                   began = time.monotonic()\nwhile True:\n  \
                   ops = int((time.monotonic() - began) * 100)\n  \
                   pipe.write('{\"ops\":%d}\\n' % ops)\n  pipe.flush()\n  time.sleep(0.01)";
    let flags = [
        "run",
        "--name",
        "paced",
        "--duration",
        "5s",
        "--interval",
        "50ms",
    ];
    let harness =
        lab.start(&[&flags[..], &["--", "/usr/bin/python3", "-I", "-c", program]].concat());
    lab.wait_for_file("command--paced/samples.csv", 1500);
    signal(harness.id(), "STOP");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    signal(harness.id(), "CONT");
    let called = lab.finish(harness);
    let table = called.cell().samples(|_| true).expect("samples");
    let operations = table.column(columns::OPS_TOTAL).expect("the column");
    let behind = (table.elapsed_ms.iter().zip(operations))
        .filter(|(_, operations)| operations.is_finite())
        .map(|(ms, operations)| ms / 10.0 - operations);
    let (least, most) = behind.fold((f64::MAX, f64::MIN), |(least, most), one| {
        (least.min(one), most.max(one))
    });
    // The stop alone is worth 150 operations.
    assert!(most - least < 75.0, "{least} to {most} operations behind");
}

#[test]
fn secrets_are_neither_recorded_nor_reported() {
    let lab = Lab::new();
    let called = lab.call(&[
        "run",
        "--duration",
        "500ms",
        "--env",
        "API_TOKEN=s3cr3tvalue",
        "--redact",
        "zebra*",
        "--",
        "sh",
        "-c",
        "test \"$API_TOKEN\" = s3cr3tvalue && sleep 9",
        "x",
        "--password=hunter2secret",
        "zebra-stripes",
    ]);
    assert_eq!(
        called.cell().status.outcome,
        Some(Outcome::Completed),
        "it got its token"
    );
    let run = lab.newest_run().expect("a run");
    for name in ["run.json", "report.html"] {
        let text = std::fs::read_to_string(run.join(name)).expect("a file");
        for secret in ["s3cr3tvalue", "hunter2secret", "zebra-stripes"] {
            // The program's own script names one of them.
            let script = "= s3cr3tvalue &";
            let text = text.replace(script, "").replace("= s3cr3tvalue &amp;", "");
            assert!(!text.contains(secret), "{secret} in {name}");
        }
        assert!(text.contains("[redacted]"), "{name}");
    }
}

#[test]
fn secrets_of_a_load_and_of_last_words_are_in_no_file_that_is_kept_or_handed_on() {
    let lab = Lab::new();
    let script =
        "sleep 0.5; echo 'cannot reach postgres://app:hunterW@db password=hunterP' >&2; exit 9";
    let called = lab.run_script(
        &[
            "--duration",
            "20s",
            "--load",
            "sh -c 'sleep 30' x --password hunterL http://q:hunterU@h/?api_key=hunterK",
            "--label",
            "token=hunterT",
            "--junit",
            "junit.xml",
        ],
        script,
    );
    let called = called.expect_code(5);
    assert!(called.stderr.contains("last words"), "{}", called.stderr);
    let run = lab.newest_run().expect("a run");
    let cell = &called.cell().folder;
    for path in [
        cell.join("status.json"),
        run.join("report.html"),
        lab.path().join("leaklab-out/history.jsonl"),
        lab.path().join("junit.xml"),
    ] {
        let text = std::fs::read_to_string(&path).expect("a file");
        // The words of the program's own script are its command line.
        let secrets = [
            "hunterL", "hunterU", "hunterK", "hunterT", "hunterW", "hunterP",
        ];
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} in {}", path.display());
        }
    }
}

#[test]
fn the_last_words_of_a_program_do_not_steer_the_terminal() {
    let lab = Lab::new();
    let script = "sleep 0.2; printf '\\033]0;title\\007\\033[2J\\n' >&2; exit 9";
    let called = lab.run_script(&["--duration", "5s"], script).expect_code(5);
    assert!(called.stderr.contains("last words"), "{}", called.stderr);
    let said = called.stdout + &called.stderr;
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    assert!(!said.contains(steers), "{said:?}");
}

#[test]
fn named_pipes_in_a_run_hold_nobody_up() {
    let lab = Lab::new();
    lab.run_script(&["--duration", "500ms"], "sleep 9");
    let run = lab.newest_run().expect("a run");
    for name in ["events.jsonl", "samples.csv"] {
        let path = run.join("command--sh").join(name);
        std::fs::remove_file(&path).expect("removed");
        let made = Command::new("mkfifo")
            .arg(&path)
            .status()
            .expect("mkfifo runs");
        assert!(made.success());
        for command in ["judge", "report", "chart"] {
            let called = lab.call(&[command, &run.display().to_string()]);
            assert!(
                called.code.is_some_and(|code| code < 100),
                "{command} {name}"
            );
        }
    }
}

#[test]
fn a_report_that_cannot_be_written_is_known_before_the_run() {
    let lab = Lab::new();
    let arguments = [
        "run",
        "--duration",
        "1s",
        "--junit",
        "nowhere/j.xml",
        "--",
        "sleep",
        "9",
    ];
    let called = lab.call(&arguments).expect_code(2);
    called.expect_stderr(&["nowhere/j.xml", "cannot be written"]);
    assert_eq!(lab.newest_run(), None);
}

#[test]
fn a_detached_run_is_stopped_in_order() {
    let lab = Lab::new();
    let called = lab.call(&["run", "--detach", "--duration", "60s", "--", "sleep", "99"]);
    let called = called.expect_code(0);
    assert!(called.stdout.contains("leaklab stop"), "{}", called.stdout);
    lab.wait_for_file("command--sleep/samples.csv", 600);
    let called = lab.call(&["stop"]).expect_code(0);
    assert_eq!(called.cell().status.outcome, Some(Outcome::Stopped));
    let run = lab.newest_run().expect("a run");
    assert!(run.join("report.html").is_file() && run.join("run.log").is_file());
    // What the run itself ended with, whatever it showed.
    lab.call(&["watch", "--once"]).expect_code(143);
    lab.call(&["stop"])
        .expect_code(2)
        .expect_stderr(&["not running"]);
}

#[test]
fn a_run_that_was_lost_is_resumed_where_it_was() {
    let lab = Lab::new();
    let arguments = [
        "run",
        "--duration",
        "2s",
        "--repeat",
        "3",
        "--",
        "sleep",
        "9",
    ];
    let mut harness = lab.start(&arguments);
    lab.wait_for_file("command--sleep-2/status.json", 1);
    harness.kill().expect("killed");
    harness.wait().expect("an end");
    let run = lab.newest_run().expect("a run");
    let first = run.join("command--sleep-1/samples.csv");
    let before = std::fs::read(&first).expect("samples");
    wait_until("the run is over", || {
        lab.call(&["watch", "--once"]).code != Some(0)
    });
    let called = lab.call(&["resume", &run.display().to_string()]);
    assert_eq!(std::fs::read(&first).expect("samples"), before);
    let cells = called.run.expect("a run").cells;
    let names: Vec<_> = cells
        .iter()
        .map(|cell| cell.folder.file_name().expect("a name"))
        .collect();
    assert_eq!(
        names,
        [
            "command--sleep-1",
            "command--sleep-2.attempt-2",
            "command--sleep-3"
        ]
    );
    for cell in cells {
        assert_eq!(cell.status.outcome, Some(Outcome::Completed));
    }
}

#[test]
fn a_run_is_not_resumed_with_another_build() {
    let lab = Lab::new();
    let program = lab.path().join("service");
    let build = |words: &str| {
        std::fs::write(&program, format!("#!/bin/sh\n# {words}\nexec sleep 9\n")).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("a program");
    };
    build("old");
    let path = program.display().to_string();
    let mut harness = lab.start(&["run", "--duration", "5s", "--", &path]);
    lab.wait_for_file("command--service/status.json", 1);
    harness.kill().expect("killed");
    harness.wait().expect("an end");
    let run = lab.newest_run().expect("a run").display().to_string();
    // At once: the harness is known to be gone.
    lab.call(&["watch", &run, "--once"]).expect_code(4);
    build("new");
    let called = lab.call(&["resume", &run]).expect_code(2);
    assert!(
        called
            .stderr
            .contains("is not the one that the run began with"),
        "{}",
        called.stderr
    );
    build("old");
    let called = lab.call(&["resume", &run]);
    assert_eq!(called.cell().status.outcome, Some(Outcome::Completed));
}

#[test]
fn samples_are_exported_as_they_were_written() {
    let lab = Lab::new();
    let called = lab.run_script(&["--duration", "500ms"], "sleep 9");
    let live = called.cell().folder.join("samples.csv");
    let run = lab.newest_run().expect("a run");
    let exported = lab
        .call(&["export", &run.display().to_string()])
        .expect_code(0);
    assert_eq!(
        exported.stdout,
        std::fs::read_to_string(live).expect("samples")
    );
}

#[test]
fn what_was_damaged_since_is_told_and_is_no_health() {
    use std::io::Write;
    let lab = Lab::new();
    let flags = ["--duration", "2s", "--interval", "20ms", "--drain", "0s"];
    let called = lab.run_script(&flags, "sleep 9");
    let cell = called.cell().folder.clone();
    let run = lab.newest_run().expect("a run").display().to_string();
    let told = |command: &[&str], words: &str| {
        let called = lab.call(command);
        assert!(
            called.stderr.contains(words),
            "{command:?} does not say {words}: {}",
            called.stderr
        );
        called
    };
    let quiet = lab.call(&["judge", &run]);
    assert!(!quiet.stderr.contains("note:"), "{}", quiet.stderr);
    // A block that is none: nothing of it is known, and no row is missing.
    let mut block = b"LLB1\x40\0\0\0\0\0\0\0".to_vec();
    block.extend([b'x'; 64]);
    std::fs::write(cell.join("samples.packed"), block).expect("a file");
    let words = "a block of samples.packed is damaged";
    told(&["judge", &run], words);
    told(&["watch", &run, "--once"], words);
    lab.call(&["report", &run]).expect_code(0);
    let page = std::fs::read_to_string(format!("{run}/report.html")).expect("a page");
    assert!(page.contains("The record is not whole: a block"));
    std::fs::remove_file(cell.join("samples.packed")).expect("removed");
    // A part of the rows that was overwritten.
    let samples = cell.join("samples.csv");
    let whole = std::fs::read(&samples).expect("samples");
    let (from, length) = (whole.len() / 2, whole.len() / 4);
    let mut file = std::fs::File::create(&samples).expect("a file");
    file.write_all(&whole[..from]).expect("room");
    file.write_all(&vec![0; length]).expect("room");
    file.write_all(&whole[from + length..]).expect("room");
    let called = told(&["judge", &run], "rows that were written are missing");
    assert_ne!(called.code, Some(0), "{}", called.stdout);
    told(&["watch", &run, "--once"], "could not be read whole");
    std::fs::write(&samples, whole).expect("a file");
    // A certificate that was taken out.
    let path = cell.join("status.json");
    let text = std::fs::read(&path).expect("a status");
    let mut status: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let taken = status
        .as_object_mut()
        .expect("an object")
        .remove("measurement");
    assert!(taken.is_some());
    std::fs::write(&path, status.to_string()).expect("a file");
    let called = told(&["judge", &run], "no certificate of the measurement");
    assert_ne!(called.code, Some(0), "{}", called.stdout);
    told(
        &["watch", &run, "--once"],
        "no certificate of the measurement",
    );
}

/// Words on a file that is not whole; what has a temporary name was not to be read yet.
fn torn(path: &std::path::Path) -> Option<String> {
    let bytes = std::fs::read(path).expect("a file");
    let text = String::from_utf8_lossy(&bytes);
    let is_whole = match path.extension()?.to_str()? {
        "json" => serde_json::from_slice::<serde_json::Value>(&bytes).is_ok(),
        "html" => text.trim_end().ends_with("</html>"),
        "svg" => text.trim_end().ends_with("</svg>"),
        // The last chunk of a PNG has no content; its checksum is the last of the file.
        "png" => bytes.len() > 12 && &bytes[bytes.len() - 8..bytes.len() - 4] == b"IEND",
        _ => true,
    };
    (!is_whole).then(|| path.display().to_string())
}

fn files_below(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let files = entries.flat_map(|entry| match entry.path() {
        path if path.is_dir() => files_below(&path),
        path => vec![path],
    });
    files.collect()
}

#[test]
fn a_harness_that_is_killed_at_any_moment_loses_a_row_at_most() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = now.expect("a time").subsec_nanos();
    // One moment early, one while rows are written, one at the end or after it.
    for (from_ms, span_ms) in [(0, 300), (300, 900), (900, 2_500)] {
        let moment_ms = u64::from(from_ms + seed % span_ms);
        let lab = Lab::new();
        let arguments = [
            "run",
            "--interval",
            "2ms",
            "--duration",
            "1200ms",
            "--allow-idle",
        ];
        let mut harness = lab.start(&[&arguments[..], &["--", "sleep", "60"]].concat());
        std::thread::sleep(std::time::Duration::from_millis(moment_ms));
        let rows = || {
            let samples = lab.newest_run()?.join("command--sleep/samples.csv");
            std::fs::read_to_string(samples).ok()
        };
        let before = rows().unwrap_or_default();
        harness.kill().expect("killed");
        harness.wait().expect("an end");
        let Some(run) = lab
            .newest_run()
            .filter(|run| run.join("run.json").is_file())
        else {
            continue;
        };
        // What stood there stands there, in whole rows but for one.
        let after = rows().unwrap_or_default();
        assert!(after.starts_with(&before), "after {moment_ms} ms");
        let mut lines = after.split_inclusive('\n');
        let header = lines.next().unwrap_or_default();
        let fields = header.matches(',').count();
        let torn_rows =
            lines.filter(|line| !line.ends_with('\n') || line.matches(',').count() != fields);
        assert!(torn_rows.count() <= 1, "after {moment_ms} ms:\n{after}");
        let all: Vec<String> = files_below(&run)
            .iter()
            .filter_map(|path| torn(path))
            .collect();
        assert!(all.is_empty(), "after {moment_ms} ms: {all:?}");
        let path = run.display().to_string();
        let judged = lab.call(&["judge", &path]);
        let words = format!("after {moment_ms} ms: {}", judged.stderr);
        assert!(matches!(judged.code, Some(0 | 1 | 3 | 4)), "{words}");
        assert!(!judged.stderr.contains("panicked"), "{words}");
        let state = |text: &str| text.contains("\"running\"");
        let status = std::fs::read_to_string(run.join("command--sleep/status.json"));
        if status.is_ok_and(|text| state(&text)) {
            let resumed = lab.call(&["resume", &path]);
            assert!(matches!(resumed.code, Some(0 | 3)), "{}", resumed.stderr);
            let cell = resumed.cell();
            assert!(cell.folder.ends_with("command--sleep.attempt-2"));
            assert_eq!(cell.status.outcome, Some(Outcome::Completed));
        }
    }
}
