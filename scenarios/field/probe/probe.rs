//! Runs a step at a rate, and tells leaklab its operations and the live heap: an allocator that
//! counts, so that bytes are exact and blocks are known too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

static BYTES: AtomicI64 = AtomicI64::new(0);
static BLOCKS: AtomicI64 = AtomicI64::new(0);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; only counters are added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as i64, Relaxed);
        BLOCKS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as i64, Relaxed);
        BLOCKS.fetch_sub(1, Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Runs `step` for ever, `rate` times a second, after a hundred that do not count.
pub fn run(rate: f64, mut step: impl FnMut()) -> ! {
    (0..100).for_each(|_| step());
    let descriptor = std::env::var("LEAKLAB_PIPE").unwrap_or_else(|_| "1".to_owned());
    let mut pipe = OpenOptions::new()
        .write(true)
        .open(format!("/dev/fd/{descriptor}"))
        .expect("the descriptor that leaklab names is open");
    let start = Instant::now();
    let (mut done, mut told) = (0_u64, Duration::ZERO);
    loop {
        let elapsed = start.elapsed();
        if done == 0 || elapsed - told >= Duration::from_millis(200) {
            told = elapsed;
            let (bytes, blocks) = (BYTES.load(Relaxed), BLOCKS.load(Relaxed));
            let line = format!(
                "{{\"ready\":true,\"ops\":{done},\"heap\":{{\"allocated_bytes\":{bytes}}},\"gauges\":{{\"blocks\":{blocks}}}}}\n"
            );
            pipe.write_all(line.as_bytes()).expect("leaklab reads the pipe");
        }
        let due = ((elapsed.as_secs_f64() * rate) as u64).min(done + 4096);
        (done..due).for_each(|_| step());
        done = done.max(due);
        std::thread::sleep(Duration::from_millis(1));
    }
}
