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

/// Bytes per operation: the least-squares slope of the live heap over the operations,
/// read at rest. The threads of client and store keep some 50 KiB in their caches, now
/// more, now less, so that two readings would not do.
fn growth_per_operation(fanout: &mut Fanout, notes: &Notes) -> f64 {
    const READINGS: usize = 20;
    perform(fanout, 500, Some(5_000.0));
    let points: Vec<(f64, f64)> = (0..READINGS)
        .map(|_| {
            perform(fanout, 250, Some(5_000.0));
            let operations = notes.operations.load(Ordering::Relaxed);
            (operations as f64, live_heap() as f64)
        })
        .collect();
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / READINGS as f64;
    let (mean_x, mean_y) = (mean(|p| p.0), mean(|p| p.1));
    let covariance: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    covariance / variance
}

#[test]
fn every_variant_keeps_what_its_formula_says() {
    let _alone = alone();
    for variant in FanoutAwait.description().variants {
        let (mut fanout, notes) = start(variant.name, &[]);
        let measured = growth_per_operation(&mut fanout, &notes);
        let formula = (variant.retained_bytes_per_operation)(&parameters(&[]));
        let allowed = if formula == 0.0 { 16.0 } else { formula * 0.1 };
        assert!(
            (measured - formula).abs() <= allowed,
            "{}: measured {measured}, formula {formula}",
            variant.name
        );
    }
}

#[test]
fn the_end_of_the_workers_gives_everything_back_while_client_and_store_go_on() {
    const OPERATIONS: u64 = 3_000;
    let _alone = alone();
    for name in ["await-on-parent", "as-deferred", "join-set-never-joined"] {
        let (mut fanout, notes) = start(name, &[]);
        perform(&mut fanout, 500, Some(5_000.0));
        let before = live_heap();
        perform(&mut fanout, OPERATIONS, Some(5_000.0));
        let grown = live_heap() - before;
        let formula = (variant(name).retained_bytes_per_operation)(&parameters(&[]));
        assert!(
            grown as f64 > 0.7 * formula * OPERATIONS as f64,
            "{name}: {grown}"
        );
        assert!(notes.gauge("parent_nodes") >= OPERATIONS as i64, "{name}");
        fanout.end_workers();
        // What the first five hundred had left goes too.
        assert!(
            live_heap() < before,
            "{name}: {} of {grown} left",
            live_heap() - before
        );
        assert_eq!(notes.gauge("responses_alive"), 0, "{name}");
    }
}

#[test]
fn a_deferred_join_leaves_its_bookkeeping_and_lets_the_responses_go() {
    let _alone = alone();
    let (mut fanout, notes) = start("as-deferred", &[]);
    perform(&mut fanout, 1_000, Some(4_000.0));
    // And one node per worker for the continuation of the channel.
    assert_eq!(notes.gauge("parent_nodes"), 1_016);
    assert_eq!(notes.gauge("responses_alive"), 0);
    let (mut fanout, notes) = start("await-on-parent", &[]);
    perform(&mut fanout, 1_000, Some(4_000.0));
    assert_eq!(notes.gauge("parent_nodes"), 1_016);
    assert_eq!(notes.gauge("responses_alive"), 1_000);
}

#[test]
fn a_full_channel_drops_offers_and_only_stored_objects_count() {
    let _alone = alone();
    for name in ["await-on-parent", "join-set-drained"] {
        let (mut fanout, notes) = start(name, &["capacity=8", "workers=2"]);
        perform(&mut fanout, 5_000, None);
        let (stored, dropped) = (notes.gauge("objects_stored"), notes.gauge("offers_dropped"));
        assert_eq!(stored + dropped, 5_000, "{name}");
        assert!(dropped > 0 && stored >= 8, "{name}: {stored} stored");
        assert_eq!(notes.operations.load(Ordering::Relaxed), stored as u64);
        assert_eq!(notes.latencies.load(Ordering::Relaxed), stored as u64);
    }
}

#[test]
fn the_store_keeps_a_fixed_number_of_objects() {
    let _alone = alone();
    let (mut fanout, _) = start("child-scope", &[]);
    perform(&mut fanout, 300, Some(4_000.0));
    assert_eq!(fanout.keys_in_use(), 64);
}

#[test]
fn a_stop_ends_the_load_at_once() {
    let _alone = alone();
    let (mut fanout, _) = start("await-on-parent", &[]);
    let stop = StopFlag::default();
    let plan = LoadPlan {
        rate: Some(500.0),
        ..LoadPlan::default()
    };
    let load = Load::start(plan, stop.clone(), Arc::new(Notes::default()));
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        stop.stop();
        Instant::now()
    });
    fanout.load(&load).expect("the store takes every object");
    let stopped = stopper.join().expect("no panic");
    // 50 ms for what is under way; the rest is for a machine that has other work.
    assert!(stopped.elapsed() < Duration::from_millis(500));
}

#[test]
fn a_collector_has_ever_more_to_do_the_fuller_its_heap() {
    let _alone = alone();
    // 2 KiB are allocated per operation; 1.2 KiB stay, so that the heap is full after some
    // 430 of them, or never.
    for (name, least, most) in [("await-on-parent", 400, 1_000), ("child-scope", 1, 10)] {
        let (mut fanout, notes) = start(name, &["heap=512KiB"]);
        perform(&mut fanout, 1_000, Some(4_000.0));
        let collections = notes.gauge("collections");
        assert!(
            (least..=most).contains(&collections),
            "{name}: {collections}"
        );
    }
}
