//! In-process sampler of jemalloc that writes the leaklab pipe protocol.
//!
//! Linking this crate makes jemalloc the global allocator of the program. One line starts
//! the probe, one counts an operation, one sets a gauge:
//!
//! ```
//! leaklab_probe::start();
//! let mut cache = Vec::new();
//! for request in 0..1000_u32 {
//!     cache.push(request.to_string());
//!     leaklab_probe::count_operation();
//!     leaklab_probe::set_gauge("cache_entries", cache.len() as f64);
//! }
//! ```
//!
//! Under `leaklab run -- ./program` the harness sets `LEAKLAB_PIPE` and the probe samples at
//! the harness's interval. Without it nothing is started and every call returns at once.
//!
//! # What it costs
//!
//! A sample is one `epoch` of jemalloc, six reads through cached MIBs and one `write` of a
//! line. Its CPU time is measured and sent with it (`sample_cost_us`). In steady state a
//! sample allocates nothing, so that the probe does not appear in what it measures.
//! Counting an operation is one relaxed atomic addition.
//!
//! # What it does not see
//!
//! Memory that does not come from jemalloc: direct `mmap`, stacks of threads, the program's
//! own image. The harness sees these from outside as RSS. A program with an allocator of its
//! own cannot link this crate.

mod clock;
mod heap;
mod inject;
mod latency;
mod line;
mod registry;
mod sampler;
mod stacks;

pub use heap::{HeapFigures, HeapReader, allocated_bytes, flush_thread_cache, purge};
pub use registry::{IntegerGauge, register_gauge, set_gauge};
pub use sampler::{
    mark, on_quiet_points, phase, quiet_point, ready, record_latency, sample_now, start,
    start_before_ready, stop,
};

use std::sync::atomic::{AtomicU64, Ordering};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

static OPERATIONS: AtomicU64 = AtomicU64::new(0);

/// Counts one completed operation: one unit of the program's work.
pub fn count_operation() {
    count_operations(1);
}

/// Counts several completed operations.
pub fn count_operations(completed: u64) {
    OPERATIONS.fetch_add(completed, Ordering::Relaxed);
}

/// Operations counted so far.
pub fn operations() -> u64 {
    OPERATIONS.load(Ordering::Relaxed)
}

/// A part of a run; see [`phase`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Start-up that is drawn and not judged.
    Warmup,
    /// Operations are performed; judged.
    Load,
    /// No new operations: shows what is released late.
    Drain,
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::Warmup => "warmup",
            Phase::Load => "load",
            Phase::Drain => "drain",
        }
    }
}
