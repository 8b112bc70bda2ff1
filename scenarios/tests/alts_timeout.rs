//! `alts-timeout` held against its formulas and against what ASYNC-234 says of each remedy.

use leaklab_scenarios::{
    Drain, Gauge, Load, LoadPlan, Meter, Parameters, Setup, StopFlag, Variant, Workload, catalogue,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The heap is shared by all tests of this file.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The heap to oneself.
struct Alone {
    _guard: MutexGuard<'static, ()>,
}

impl Alone {
    fn wait() -> Self {
        let guard = ONE_AT_A_TIME.lock();
        Alone {
            _guard: guard.unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        // What this thread's cache holds must not be given back in the middle of the next test.
        leaklab_probe::flush_thread_cache();
    }
}

#[derive(Default)]
struct Gauges(Mutex<BTreeMap<&'static str, Gauge>>);

impl Meter for Gauges {
    fn count_operations(&self, _completed: u64) {}
    fn register_gauge(&self, name: &'static str, gauge: &Gauge) {
        let mut gauges = self.0.lock().expect("no panic while held");
        gauges.insert(name, gauge.clone());
    }
    fn record_latency(&self, _latency: Duration) {}
    fn quiet_point(&self) {}
    fn mark(&self, _name: &str) {}
}

/// A variant at work, with the heap to itself.
struct Bench {
    workload: Box<dyn Workload>,
    gauges: Arc<Gauges>,
    variant: &'static Variant,
    parameters: Parameters,
    alone: Alone,
}

impl Bench {
    fn new(variant: &str, settings: &[&str]) -> Self {
        Bench::with_heap(Alone::wait(), variant, settings)
    }

    fn with_heap(alone: Alone, variant: &str, settings: &[&str]) -> Self {
        let scenario = catalogue::find("alts-timeout").expect("in the catalogue");
        let description = scenario.description();
        let parameters = Parameters::parse(description.name, description.parameters, settings)
            .expect("valid settings");
        let variant = description.variant(variant).expect("a variant");
        let gauges = Arc::new(Gauges::default());
        let setup = Setup {
            variant,
            parameters: parameters.clone(),
            seed: 234,
            meter: gauges.clone(),
        };
        Bench {
            workload: scenario.prepare(setup).expect("threads"),
            gauges,
            variant,
            parameters,
            alone,
        }
    }

    fn run(&mut self, operations: u64) {
        let plan = LoadPlan {
            operations: Some(operations),
            ..LoadPlan::default()
        };
        let load = Load::start(plan, StopFlag::default(), self.gauges.clone());
        self.workload.load(&load).expect("the load goes through");
    }

    fn drain(&mut self, duration: Duration) {
        let drain = Drain::start(duration, StopFlag::default(), self.gauges.clone());
        self.workload.drain(&drain).expect("the drain goes through");
    }

    /// Ends the workload; the heap stays reserved.
    fn end(self) -> Alone {
        self.alone
    }

    /// Live heap bytes that each of `operations` leaves, after as many as warm things up.
    fn retained(&mut self, warm_up: u64, operations: u64) -> f64 {
        self.run(warm_up);
        let before = leaklab_probe::allocated_bytes();
        self.run(operations);
        growth(before) / operations as f64
    }

    fn formula(&self) -> f64 {
        (self.variant.retained_bytes_per_operation)(&self.parameters)
    }

    fn gauge(&self, name: &str) -> i64 {
        self.gauges.0.lock().expect("no panic while held")[name].get()
    }
}

fn growth(before: u64) -> f64 {
    leaklab_probe::allocated_bytes() as f64 - before as f64
}

/// Many operations a second: parked together, released by short timers.
const BOOKKEEPING: [&str; 3] = ["payload=0", "batch=1000", "soon=1ms"];
const MANY: u64 = 100_000;

#[test]
fn bookkeeping_of_each_leaking_variant_is_its_formula_and_in_the_order_of_the_ticket() {
    let mut last = f64::INFINITY;
    // core.async: 1151, 702 (patch 0002), 604 (patch 0001), 573 (1.8.741).
    for name in ["unpatched", "nacked", "cleared", "once-callback"] {
        let mut bench = Bench::new(name, &BOOKKEEPING);
        let retained = bench.retained(2_000, MANY);
        let formula = bench.formula();
        println!("{name}: {retained:.1} bytes per operation, formula {formula}");
        assert!((retained / formula - 1.0).abs() < 0.1, "{name}: {retained}");
        assert!(retained < last, "{name}: {retained} is not below {last}");
        last = retained;
    }
}

#[test]
fn timeout2_and_select_retain_nothing() {
    for winner in ["winner=timer", "winner=ready"] {
        for name in ["timeout2", "tokio-select"] {
            let settings = [&BOOKKEEPING[..], &[winner]].concat();
            let mut bench = Bench::new(name, &settings);
            let retained = bench.retained(2_000, MANY / 5);
            println!("{name} {winner}: {retained:.2} bytes per operation");
            assert!(retained.abs() < 16.0, "{name} {winner}: {retained}");
            assert_eq!(bench.gauge("blocks_alive"), 0);
            assert_eq!(bench.gauge("timeout2_pending"), 0);
        }
    }
}

#[test]
fn unpatched_retains_the_payload_at_every_size() {
    for payload in ["payload=64KiB", "payload=1MiB", "payload=4MiB"] {
        let mut bench = Bench::new("unpatched", &[payload]);
        let retained = bench.retained(5, 35);
        let ratio = retained / bench.formula();
        println!("{payload}: {retained:.0} bytes per operation, {ratio:.4} of the formula");
        assert!((ratio - 1.0).abs() < 0.05, "{payload}: {retained}");
        assert!(
            (39..=40).contains(&bench.gauge("blocks_alive")),
            "{payload}"
        );
    }
}

#[test]
fn remedies_let_the_payload_go_although_the_timer_stays() {
    for name in ["cleared", "once-callback", "nacked"] {
        let mut bench = Bench::new(name, &["payload=64KiB", "batch=50"]);
        let retained = bench.retained(200, 4_000);
        assert!(
            (retained / bench.formula() - 1.0).abs() < 0.1,
            "{name}: {retained}"
        );
        assert_eq!(bench.gauge("blocks_alive"), 0, "{name}");
        assert_eq!(bench.gauge("timers_pending"), 4_200, "{name}");
    }
}

#[test]
fn the_released_fix_keeps_half_of_the_payloads_when_the_winner_is_ready() {
    let mut bench = Bench::new("once-callback", &["payload=64KiB", "winner=ready"]);
    let retained = bench.retained(50, 2_000);
    let share = retained / 65_536.0;
    println!("once-callback winner=ready: {share:.4} of the payload per operation");
    assert!((share - 0.5).abs() < 0.05, "{share}");
}

#[test]
fn patch_0001_clears_on_the_immediate_path_too() {
    let mut bench = Bench::new("cleared", &["payload=64KiB", "winner=ready"]);
    let retained = bench.retained(500, 4_000);
    let formula = bench.formula();
    assert!(
        (retained / formula - 1.0).abs() < 0.1,
        "{retained}, formula {formula}"
    );
}

#[test]
fn one_block_that_loops_keeps_no_payload_even_unpatched() {
    let settings = ["payload=64KiB", "shape=loop", "soon=1ms"];
    let mut bench = Bench::new("unpatched", &settings);
    let retained = bench.retained(50, 1_000);
    println!(
        "looping: {retained:.1} bytes per operation, formula {}",
        bench.formula()
    );
    // The formula is the bookkeeping alone; a new test thread's cache is some 40 bytes of it.
    assert!(
        (retained / bench.formula() - 1.0).abs() < 0.25,
        "{retained}"
    );
    assert_eq!(bench.gauge("blocks_alive"), 1);
    assert_eq!(bench.gauge("timers_pending"), 1_050);
}

#[test]
fn memory_comes_back_when_the_long_timeouts_fire() {
    let settings = ["payload=64KiB", "timeout=1500ms", "batch=20"];
    let mut bench = Bench::new("unpatched", &settings);
    let before = leaklab_probe::allocated_bytes();
    bench.run(400);
    let held = growth(before);
    assert!(held > 390.0 * 65_536.0, "{held} bytes before the timeouts");
    // A signal that has come before it is tried holds nothing; the scheduler can make it so.
    assert!((396..=400).contains(&bench.gauge("blocks_alive")));
    bench.drain(Duration::from_millis(2200));
    let kept = growth(before);
    println!("held {held} bytes, after the timeouts {kept}");
    assert_eq!(bench.gauge("timers_pending"), 0);
    assert_eq!(bench.gauge("blocks_alive"), 0);
    assert!(kept < 0.01 * held, "{kept} bytes of {held}");
}

#[test]
fn timeouts_of_one_millisecond_are_shared_when_nothing_spreads_them() {
    let settings = ["payload=0", "winner=ready", "spread=0ms"];
    let mut bench = Bench::new("unpatched", &settings);
    bench.run(20_000);
    let timers = bench.gauge("timers_pending");
    let blocks = bench.gauge("blocks_alive");
    println!("{timers} timers and {blocks} blocks for 20000 operations");
    assert!(timers < 5_000, "{timers}");
    // A channel that is touched again is cleaned: at most its last stale handler stays.
    assert!(blocks <= timers, "{blocks} blocks on {timers} timers");
}

#[test]
fn a_workload_that_ends_leaves_nothing_behind() {
    for name in ["unpatched", "cleared", "nacked", "timeout2"] {
        // What the process allocates once for threads and tests is there after the first.
        let alone = Bench::new(name, &BOOKKEEPING).end();
        let before = leaklab_probe::allocated_bytes();
        let mut bench = Bench::with_heap(alone, name, &BOOKKEEPING);
        bench.run(20_000);
        let alone = bench.end();
        let left = growth(before);
        drop(alone);
        println!("{name}: {left} bytes left");
        // The cache of a test thread that starts meanwhile takes some 40 KiB.
        assert!(left < 128.0 * 1024.0, "{name}: {left} bytes left");
    }
}
