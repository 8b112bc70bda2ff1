//! What the samplers say of programs, and what they leave alone.

mod support;

use leaklab_preload::{JEMALLOC, MALLINFO, SharedObject};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use support::{Preload, Running, allocated, monotonic_us};

/// Python as the system has it: not a script that looks for one.
const PYTHON: &str = "/usr/bin/python3";

/// Python that reads code from its stdin line by line, with its small objects in `malloc`.
fn python(code: &str) -> Command {
    let mut command = Command::new(PYTHON);
    command
        .args(["-I", "-c", code])
        .env("PYTHONMALLOC", "malloc");
    command
}

/// The live heap in the first sample after the program has printed a line.
fn heap_after_a_line(running: &mut Running, printed: &mut impl BufRead) -> u64 {
    printed.read_line(&mut String::new()).expect("a line");
    let now_us = monotonic_us();
    allocated(&running.line_with(|line| line["monotonic_us"].as_u64() > Some(now_us)))
}

/// Bytes by which the live heap grows when Python, which keeps 20,000 blocks of 4000 bytes,
/// keeps as many again. Without jemalloc's caches of threads, which count as allocated and give
/// back some 300 KiB when they please.
fn growth_by_blocks(object: SharedObject) -> u64 {
    let preload = Preload::new(object);
    let code = "import sys; kept = [None] * 40000\n\
                for i in range(20000): kept[i] = bytes(4000 - 33)\n\
                print('half', flush=True); sys.stdin.read(1)\n\
                for i in range(20000): kept[i + 20000] = bytes(4000 - 33)\n\
                print('all', flush=True); sys.stdin.read()";
    let mut command = python(code);
    let mut running = preload.start(command.env("MALLOC_CONF", "tcache:false"), 5);
    let mut printed = BufReader::new(running.child.stdout.take().expect("its stdout"));
    let before = heap_after_a_line(&mut running, &mut printed);
    let stdin = running.child.stdin.as_mut().expect("its stdin");
    stdin.write_all(b"x").expect("it reads");
    let after = heap_after_a_line(&mut running, &mut printed);
    assert!(running.finish().status.success());
    after - before
}

#[test]
fn jemalloc_counts_what_python_keeps_to_the_size_class() {
    // A block of 4000 bytes is one of 4096, jemalloc's next class. 0.1 % is left for what the
    // interpreter and thread caches do besides.
    let grown = growth_by_blocks(JEMALLOC) as f64 / (20_000.0 * 4096.0);
    assert!((grown - 1.0).abs() < 0.001, "{grown}");
}

#[test]
fn mallinfo_counts_what_python_keeps_to_the_chunk() {
    // malloc_usable_size + 8: a request of 4000 bytes takes a chunk of 4016.
    let grown = growth_by_blocks(MALLINFO) as f64 / (20_000.0 * 4016.0);
    assert!((grown - 1.0).abs() < 0.001, "{grown}");
}

#[test]
fn forks_under_threads_end_well_and_long_lived_children_have_a_series_of_their_own() {
    for object in [JEMALLOC, MALLINFO] {
        let preload = Preload::new(object);
        let forks = preload.build("forks");
        let output = preload.start(&mut Command::new(forks), 1).finish();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "200\n",
            "{output:?}"
        );

        let code = "import os, sys\n\
                    child = os.fork()\n\
                    if child == 0: kept = bytearray(50_000_000)\n\
                    sys.stdin.read()\n\
                    if child: os.waitpid(child, 0)";
        let mut running = preload.start(&mut python(code), 5);
        let parent = u64::from(running.child.id());
        let line = running.line_with(|line| allocated(line) > 50_000_000);
        assert_ne!(line["pid"], parent);
        assert!(
            line.get("program").is_none(),
            "no other program was started"
        );
        let line = running.line_with(|line| line["pid"] == parent);
        assert!(allocated(&line) < 50_000_000);
        assert!(running.finish().status.success());
    }
}

#[test]
fn a_program_that_replaces_itself_says_its_new_name_under_the_same_id() {
    let preload = Preload::new(JEMALLOC);
    let mut command = Command::new("bash");
    command.args(["-c", "read; exec sleep 0.3"]);
    let mut running = preload.start(&mut command, 10);
    let mut programs = Vec::new();
    let mut pids = Vec::new();
    let first = running.next_line().expect("it runs");
    programs.extend(first["program"].as_str().map(str::to_owned));
    let stdin = running.child.stdin.as_mut().expect("its stdin");
    stdin.write_all(b"\n").expect("it reads");
    while let Some(line) = running.next_line() {
        programs.extend(line["program"].as_str().map(str::to_owned));
        pids.push(line["pid"].clone());
    }
    assert_eq!(programs, ["bash", "sleep"]);
    pids.dedup();
    assert_eq!(pids, [Value::from(running.child.id())]);
    assert!(running.finish().status.success());
}

#[test]
fn nothing_is_written_into_a_file_that_took_the_number_of_the_pipe() {
    for object in [JEMALLOC, MALLINFO] {
        let preload = Preload::new(object);
        let program = preload.build("descriptors");
        let file = preload.folder.path().join("file");
        let mut command = Command::new(program);
        let mut running = preload.start(command.arg(&file), 100);
        running.next_line().expect("it has the pipe open");
        let stdin = running.child.stdin.as_mut().expect("its stdin");
        stdin.write_all(b"x").expect("it reads");
        // Lines go on: the pipe is opened again after the program has closed it.
        for _ in 0..10 {
            running.next_line().expect("it runs");
        }
        let output = running.finish();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n");
    }
}

#[test]
fn a_program_with_an_allocator_of_its_own_is_told_and_not_measured() {
    for object in [JEMALLOC, MALLINFO] {
        let preload = Preload::new(object);
        let program = preload.build("own_malloc");
        let mut running = preload.start(&mut Command::new(program), 5);
        let line = running.next_line().expect("a line");
        let reason = line["heap_error"].as_str().expect("a reason");
        assert!(
            reason.contains("malloc") || reason.contains("allocator"),
            "{reason}"
        );
        assert_eq!(line["program"], "own_malloc");
        assert!(running.finish().status.success());
    }
}

#[test]
fn a_full_pipe_is_not_waited_for() {
    let preload = Preload::new(JEMALLOC);
    let mut command = Command::new("sleep");
    let running = preload.start(command.arg("1.5"), 1);
    // 64 KiB hold some 250 lines; nobody reads the others.
    let mut running = running;
    let status = running.child.wait().expect("it ends");
    assert!(status.success());
    let mut lines = 0;
    while let Some(line) = running.next_line() {
        lines += 1;
        assert!(line["heap"].is_object());
    }
    assert!((100..1000).contains(&lines), "{lines} lines");
}
