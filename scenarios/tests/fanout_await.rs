//! `fanout-await`, measured: what a stored object keeps, and what gives it back.

use leaklab_probe::allocated_bytes;
use leaklab_scenarios::fanout_await::{Fanout, FanoutAwait};
use leaklab_scenarios::{
    Gauge, Load, LoadPlan, Meter, Parameters, Scenario, Setup, StopFlag, Variant, Workload,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The heap is shared by all tests of this file: takes it for one, and waits until the
/// test runner's threads are done with theirs (each that starts takes some 40 KiB).
fn alone() -> MutexGuard<'static, ()> {
    static HEAP: Mutex<()> = Mutex::new(());
    let heap = HEAP.lock().unwrap_or_else(PoisonError::into_inner);
    let mut before = live_heap();
    let mut times_equal = 0;
    while times_equal < 10 {
        std::thread::sleep(Duration::from_millis(2));
        let now = live_heap();
        times_equal = if now == before { times_equal + 1 } else { 0 };
        before = now;
    }
    heap
}

fn live_heap() -> i64 {
    i64::try_from(allocated_bytes()).expect("fits")
}

/// Keeps what a harness would be told.
#[derive(Default)]
struct Notes {
    operations: AtomicU64,
    latencies: AtomicU64,
    gauges: Mutex<HashMap<&'static str, Gauge>>,
}

impl Notes {
    fn gauge(&self, name: &str) -> i64 {
        self.gauges.lock().expect("no panic")[name].get()
    }
}

impl Meter for Notes {
    fn count_operations(&self, completed: u64) {
        self.operations.fetch_add(completed, Ordering::Relaxed);
    }

    fn register_gauge(&self, name: &'static str, gauge: &Gauge) {
        let mut gauges = self.gauges.lock().expect("no panic");
        gauges.insert(name, gauge.clone());
    }

    fn record_latency(&self, _: Duration) {
        self.latencies.fetch_add(1, Ordering::Relaxed);
    }

    fn quiet_point(&self) {}

    fn mark(&self, _: &str) {}
}

fn variant(name: &str) -> &'static Variant {
    FanoutAwait.description().variant(name).expect("declared")
}

fn parameters(settings: &[&str]) -> Parameters {
    let declared = FanoutAwait.description().parameters;
    Parameters::parse("fanout-await", declared, settings).expect("valid settings")
}

fn start(name: &str, settings: &[&str]) -> (Fanout, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let setup = Setup {
        variant: variant(name),
        parameters: parameters(settings),
        seed: 7,
        meter: Arc::clone(&notes) as Arc<dyn Meter>,
    };
    (Fanout::new(&setup).expect("loopback is there"), notes)
}

fn perform(fanout: &mut Fanout, operations: u64, rate: Option<f64>) {
    let plan = LoadPlan {
        operations: Some(operations),
        rate,
        ..LoadPlan::default()
    };
    let load = Load::start(plan, StopFlag::default(), Arc::new(Notes::default()));
    fanout.load(&load).expect("the store takes every object");
}

#[test]
fn every_variant_keeps_what_its_formula_says() {
    let _alone = alone();
    for description in FanoutAwait.description().variants {
        let (mut fanout, notes) = start(description.name, &[]);
        perform(&mut fanout, 500, Some(3000.0));
        let (before, from) = (live_heap(), notes.operations.load(Ordering::Relaxed));
        let begun = Instant::now();
        perform(&mut fanout, 3_000, Some(3000.0));
        let operations = notes.operations.load(Ordering::Relaxed) - from;
        let measured = (live_heap() - before) as f64 / operations as f64;
        let formula = (description.retained_bytes_per_operation)(&parameters(&[]));
        println!(
            "{}: {operations} in {:?}, measured {measured}, formula {formula}, {} nodes",
            description.name,
            begun.elapsed(),
            notes.gauge("parent_nodes")
        );
    }
}
