//! The seam to whatever records: counts, gauges, latencies, marks.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A number that a workload keeps up to date; read by the sampler at each tick.
///
/// Clones share the number. Setting it is one relaxed atomic store.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

impl Gauge {
    /// Sets the value.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds to the value; negative numbers take away.
    pub fn add(&self, change: i64) {
        self.0.fetch_add(change, Ordering::Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The number itself, for a sampler that reads it.
    pub fn shared(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.0)
    }
}

/// Takes what a workload reports. Implemented by the harness over the probe.
pub trait Meter: Send + Sync {
    /// Counts operations that are complete.
    fn count_operations(&self, completed: u64);

    /// Makes a gauge known; `name` is one of [`crate::Description::gauges`].
    fn register_gauge(&self, name: &'static str, gauge: &Gauge);

    /// Records how long one operation took.
    fn record_latency(&self, latency: Duration);

    /// Says that the calling thread is between two operations: a sample that is due is
    /// taken here and now. Costs one relaxed atomic load when none is due.
    fn quiet_point(&self);

    /// Records a named instant (a fault, a limit reached).
    fn mark(&self, name: &str);
}

impl dyn Meter {
    /// Makes a gauge and registers it.
    pub fn new_gauge(&self, name: &'static str) -> Gauge {
        let gauge = Gauge::default();
        self.register_gauge(name, &gauge);
        gauge
    }
}

/// A meter that takes nothing; for tests that drive a workload by hand.
#[derive(Debug, Default)]
pub struct NoMeter;

impl Meter for NoMeter {
    fn count_operations(&self, _completed: u64) {}
    fn register_gauge(&self, _name: &'static str, _gauge: &Gauge) {}
    fn record_latency(&self, _latency: Duration) {}
    fn quiet_point(&self) {}
    fn mark(&self, _name: &str) {}
}
