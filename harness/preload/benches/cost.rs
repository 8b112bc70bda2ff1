//! What the sampler costs a program that is on jemalloc anyway: CPU time of the same work with
//! and without it, in turns. `cargo bench -p leaklab-preload`
//!
//! CPU time rather than time, because other programs of the machine do not count in it; the
//! ratio of pairs that follow each other, because the clock of the processor changes.

use leaklab_preload::JEMALLOC;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

const ROUNDS: usize = 11;
const ALLOCATIONS_PER_THREAD: &str = "30000000";

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let object = folder.path().join(JEMALLOC.name);
    std::fs::write(&object, JEMALLOC.bytes).expect("the object is written");
    let program = folder.path().join("churn");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/churn.c");
    let built = Command::new("cc")
        .args(["-O2", "-pthread", "-fno-builtin", "-o"])
        .args([&program, &source])
        .status()
        .expect("a C compiler");
    assert!(built.success());
    for threads in ["1", "2"] {
        for interval_ms in [1000, 100] {
            let mut ratios: Vec<f64> = (0..ROUNDS)
                .map(|_| {
                    let without = cpu_seconds(&program, &object, threads, None);
                    cpu_seconds(&program, &object, threads, Some(interval_ms)) / without
                })
                .collect();
            ratios.sort_by(f64::total_cmp);
            println!(
                "{threads} threads that only allocate, a sample every {interval_ms} ms: {:.3} of \
                 the CPU time without (median of {ROUNDS} pairs, quartiles {:.3} and {:.3})",
                ratios[ROUNDS / 2],
                ratios[ROUNDS / 4],
                ratios[ROUNDS * 3 / 4]
            );
        }
    }
}

fn cpu_seconds(program: &Path, object: &Path, threads: &str, interval_ms: Option<u32>) -> f64 {
    let mut command = Command::new(program);
    command
        .args([threads, ALLOCATIONS_PER_THREAD])
        .env("LD_PRELOAD", object)
        .stdin(Stdio::null());
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    if let Some(interval_ms) = interval_ms {
        let path = format!("/proc/{}/fd/{}", std::process::id(), reader.as_raw_fd());
        let inode = std::fs::metadata(&path).expect("the pipe").ino();
        command
            .env("LEAKLAB_PIPE_PATH", path)
            .env("LEAKLAB_PIPE_INODE", inode.to_string())
            .env("LEAKLAB_INTERVAL_MS", interval_ms.to_string());
    }
    let before = children_cpu_seconds();
    let status = command.status().expect("it runs");
    assert!(status.success());
    drop(writer);
    let sampled = std::io::copy(&mut reader, &mut std::io::sink()).expect("its lines");
    assert_eq!(sampled > 0, interval_ms.is_some(), "lines of the sampler");
    children_cpu_seconds() - before
}

/// CPU time of all children that have ended.
fn children_cpu_seconds() -> f64 {
    // SAFETY: all zeros is a valid rusage, which the call overwrites.
    let usage = unsafe {
        let mut usage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}
