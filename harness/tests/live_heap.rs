//! `--heap`: the live heap of programs that know nothing of leaklab.

mod support;

use support::Lab;

/// Python as the system has it: not a script that looks for one.
const PYTHON: &str = "/usr/bin/python3";

/// Values of a column of the only cell, without the rows that have none.
fn column(called: &support::Called, name: &str) -> Vec<f64> {
    let run = called.run.as_ref().expect("a run");
    let table = run.cells[0].samples(|column| column == name).expect("rows");
    let values = table.column(name).unwrap_or_default();
    values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .collect()
}

fn refused(program: &str, flag: &str) -> String {
    let lab = Lab::new();
    let called = lab.call(&["run", "--heap", flag, "--", program]);
    assert_eq!(called.code, Some(2), "{}", called.stderr);
    assert!(lab.newest_run().is_none(), "no folder is left");
    called.stderr
}

/// Keeps a thousand blocks of 1000 bytes more after each hundredth of a second.
const LEAK: &str = "import time\nkept = []\nwhile True:\n  kept.append([bytes(1000 - 33) for _ in range(100)])\n  time.sleep(0.01)";
/// The same work, with nothing kept.
const HEALTHY: &str =
    "import time\nwhile True:\n  kept = [bytes(1000 - 33) for _ in range(100)]\n  time.sleep(0.01)";

#[test]
fn a_leak_of_an_unmodified_program_is_seen_in_its_live_heap_and_its_healthy_form_is_level() {
    for source in ["jemalloc", "mallinfo"] {
        for (program, leaks) in [(LEAK, true), (HEALTHY, false)] {
            let called = Lab::new().call(&[
                "run",
                "--heap",
                source,
                "--duration",
                "6s",
                "--interval",
                "50ms",
                "--budget",
                "1GiB/h",
                "--",
                PYTHON,
                "-I",
                "-c",
                program,
            ]);
            let heap = column(&called, "allocated_bytes");
            assert!(heap.len() > 40, "{} rows: {}", heap.len(), called.stderr);
            let (first, last) = (heap[heap.len() / 4], heap[heap.len() - 1]);
            match leaks {
                // At least a third of what the loop keeps on an idle machine.
                true => {
                    assert!(last - first > 4.5 * 100_000.0 * 33.0, "{first} to {last}");
                    assert_eq!(called.code, Some(1), "{}{}", called.stdout, called.stderr);
                }
                false => {
                    assert!((last - first).abs() < 400_000.0, "{first} to {last}");
                    assert_ne!(called.code, Some(1), "{}{}", called.stdout, called.stderr);
                }
            }
            let run = called.run.as_ref().expect("a run");
            assert_eq!(run.cells[0].plan.heap.as_deref(), Some(source));
        }
    }
}

#[test]
fn the_heaps_of_a_tree_are_added_up_and_those_that_end_leave_the_sum() {
    // A shell that stays, and three children that hold 10 MB each, one of which ends at once
    // when the others have run for two seconds.
    let child = "import sys, time; kept = bytes(10_000_000); time.sleep(float(sys.argv[1]))";
    let script =
        format!("for seconds in 2 60 60; do {PYTHON} -I -c '{child}' $seconds & done; wait");
    let called = Lab::new().call(&[
        "run",
        "--heap",
        "jemalloc",
        "--duration",
        "5s",
        "--interval",
        "50ms",
        "--",
        "bash",
        "-c",
        &script,
    ]);
    let heap = column(&called, "allocated_bytes");
    let processes = column(&called, "gauge:heap_processes");
    let most = heap.iter().copied().fold(0.0, f64::max);
    assert!((30e6..45e6).contains(&most), "{most}");
    assert!(processes.contains(&4.0), "{processes:?}");
    let last = heap[heap.len() - 1];
    assert!((20e6..30e6).contains(&last), "{last}: {}", called.stderr);
    assert_eq!(processes.last(), Some(&3.0));
}

#[test]
fn auto_says_what_it_took() {
    let lab = Lab::new();
    let flags = ["--heap", "auto", "--duration", "1s"];
    let called = lab.run_script(&flags, "sleep 2");
    assert!(
        called.stderr.contains("--heap auto is jemalloc"),
        "{}",
        called.stderr
    );
    let mut arguments = vec!["run"];
    arguments.extend(flags);
    arguments.extend(["--", PYTHON, "-c", "import time; time.sleep(2)"]);
    let called = lab.call(&arguments);
    assert!(
        called.stderr.contains("--heap auto is mallinfo"),
        "{}",
        called.stderr
    );
    assert!(!column(&called, "allocated_bytes").is_empty());
}

#[test]
fn a_program_that_cannot_be_preloaded_is_refused_before_it_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("empty.c");
    std::fs::write(&source, "int main(void) { return 0; }").expect("a file");
    let program = folder.path().join("empty");
    let built = std::process::Command::new("cc")
        .args(["-static", "-o"])
        .args([&program, &source])
        .status()
        .expect("a C compiler");
    assert!(built.success());
    let words = refused(&program.to_string_lossy(), "jemalloc");
    assert!(words.contains("linked statically"), "{words}");
    assert!(words.contains("PROTOCOL.md"), "{words}");
    let words = refused("/bin/true", "tcmalloc");
    assert!(words.contains("jemalloc, mallinfo, pipe, auto"), "{words}");
}
