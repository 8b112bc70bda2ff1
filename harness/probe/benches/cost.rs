//! What the probe costs: one sample against the bare reads, and a busy program with it against
//! the same program without. `cargo bench -p leaklab-probe`
//!
//! Both are compared in turns within one run, because seconds of a shared machine mean little
//! by themselves; the ratio is what counts.

use leaklab_probe::HeapReader;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("sample") => compare_sample(arguments[2].parse().expect("a number of threads")),
        Some("work") => work(),
        _ => {
            for threads in ["1", "256"] {
                print!("{}", child(&["sample", threads], Some("3600000")));
            }
            for interval_ms in ["1000", "100"] {
                compare_work(interval_ms);
            }
        }
    }
}

/// This program again, with the pipe of a harness that throws everything away, or without.
fn child(arguments: &[&str], interval_ms: Option<&str>) -> String {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(arguments).stderr(Stdio::inherit());
    // Opened by the shell, because descriptors of Rust's files are not inherited.
    let mut shell = Command::new("sh");
    if let Some(interval_ms) = interval_ms {
        shell
            .args(["-c", "exec \"$0\" \"$@\" 9>/dev/null"])
            .arg(command.get_program())
            .args(arguments)
            .env("LEAKLAB_PIPE", "9")
            .env("LEAKLAB_INTERVAL_MS", interval_ms);
        command = shell;
    }
    let output = command.output().expect("it can be started");
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// A whole sample (flush, epoch, six reads, a line, a write) against epoch and six reads.
fn compare_sample(threads: usize) {
    assert!(leaklab_probe::start(), "the pipe is there");
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let stopped = std::sync::Arc::new(std::sync::Mutex::new(stopped));
    // Threads with arenas of their own that have allocated: the epoch merges all of them.
    let waiting: Vec<_> = (1..threads)
        .map(|_| {
            let stopped = std::sync::Arc::clone(&stopped);
            std::thread::spawn(move || {
                drop(std::hint::black_box(vec![1_u8; 4096]));
                // Ends when the sender is dropped.
                let _ = stopped.lock().map(|stopped| stopped.recv());
            })
        })
        .collect();
    let reader = HeapReader::new().expect("statistics");
    let time = |work: &dyn Fn()| {
        let started = Instant::now();
        (0..2000).for_each(|_| work());
        started.elapsed().as_secs_f64() / 2000.0 * 1e6
    };
    let mut bare = Vec::new();
    let mut whole = Vec::new();
    for _ in 0..ROUNDS {
        bare.push(time(&|| {
            let _ = std::hint::black_box(reader.read());
        }));
        whole.push(time(&leaklab_probe::sample_now));
    }
    let (bare, whole) = (median(bare), median(whole));
    println!(
        "{threads:>3} threads: epoch and reads {bare:.1} us, whole sample {whole:.1} us, ratio {:.2}",
        whole / bare
    );
    drop(stop);
    waiting.into_iter().for_each(|thread| drop(thread.join()));
}

/// Two threads that allocate and free a fixed number of times; prints the seconds it took.
fn work() {
    leaklab_probe::start();
    let started = Instant::now();
    let threads: Vec<_> = (0..2)
        .map(|seed: usize| {
            std::thread::spawn(move || {
                let mut kept: Vec<Vec<u8>> = vec![Vec::new(); 1024];
                for turn in 0..20_000_000_usize {
                    let bytes = 16 + (turn * 7919 + seed) % 2000;
                    kept[turn % 1024] = Vec::with_capacity(std::hint::black_box(bytes));
                    leaklab_probe::count_operation();
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it ends"));
    println!("{}", started.elapsed().as_secs_f64());
}

fn compare_work(interval_ms: &str) {
    let seconds = |interval: Option<&str>| -> f64 {
        child(&["work"], interval).trim().parse().expect("seconds")
    };
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let without = seconds(None);
        ratios.push(seconds(Some(interval_ms)) / without);
        std::thread::sleep(Duration::from_millis(50));
    }
    let (low, high) = ratios
        .iter()
        .fold((f64::MAX, f64::MIN), |(l, h), r| (l.min(*r), h.max(*r)));
    println!(
        "two busy threads, a sample every {interval_ms} ms: {:.3} of the time without \
         (median of {ROUNDS} pairs, {low:.3} to {high:.3})",
        median(ratios)
    );
}
