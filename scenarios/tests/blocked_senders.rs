//! `blocked-senders` held against its formulas, and what brings the memory back.

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
struct Recorded {
    gauges: Mutex<BTreeMap<&'static str, Gauge>>,
    marks: Mutex<Vec<String>>,
}

impl Meter for Recorded {
    fn count_operations(&self, _completed: u64) {}
    fn register_gauge(&self, name: &'static str, gauge: &Gauge) {
        let mut gauges = self.gauges.lock().expect("no panic while held");
        gauges.insert(name, gauge.clone());
    }
    fn record_latency(&self, _latency: Duration) {}
    fn quiet_point(&self) {}
    fn mark(&self, name: &str) {
        let mut marks = self.marks.lock().expect("no panic while held");
        marks.push(name.to_owned());
    }
}

/// A variant at work, with the heap to itself.
struct Bench {
    workload: Box<dyn Workload>,
    recorded: Arc<Recorded>,
    variant: &'static Variant,
    parameters: Parameters,
    alone: Alone,
}

impl Bench {
    fn new(variant: &str, settings: &[&str]) -> Self {
        Bench::with_heap(Alone::wait(), variant, settings)
    }

    fn with_heap(alone: Alone, variant: &str, settings: &[&str]) -> Self {
        let scenario = catalogue::find("blocked-senders").expect("in the catalogue");
        let description = scenario.description();
        let parameters = Parameters::parse(description.name, description.parameters, settings)
            .expect("valid settings");
        let variant = description.variant(variant).expect("a variant");
        let recorded = Arc::new(Recorded::default());
        let setup = Setup {
            variant,
            parameters: parameters.clone(),
            seed: 2,
            meter: recorded.clone(),
        };
        Bench {
            workload: scenario.prepare(setup).expect("a runtime"),
            recorded,
            variant,
            parameters,
            alone,
        }
    }

    fn run(&mut self, operations: u64, rate: Option<f64>) {
        let plan = LoadPlan {
            operations: Some(operations),
            rate,
            ..LoadPlan::default()
        };
        let load = Load::start(plan, StopFlag::default(), self.recorded.clone());
        self.workload.load(&load).expect("the load goes through");
    }

    fn drain(&mut self, duration: Duration) {
        let drain = Drain::start(duration, StopFlag::default(), self.recorded.clone());
        self.workload.drain(&drain).expect("the drain goes through");
    }

    /// Ends the workload; the heap stays reserved.
    fn end(self) -> Alone {
        self.alone
    }

    /// Live heap bytes that each of `operations` leaves, after as many as warm things up.
    fn retained(&mut self, warm_up: u64, operations: u64) -> f64 {
        self.run(warm_up, None);
        let before = leaklab_probe::allocated_bytes();
        self.run(operations, None);
        growth(before) / operations as f64
    }

    fn formula(&self) -> f64 {
        (self.variant.retained_bytes_per_operation)(&self.parameters)
    }

    fn gauge(&self, name: &str) -> i64 {
        self.recorded.gauges.lock().expect("no panic while held")[name].get()
    }
}

fn growth(before: u64) -> f64 {
    leaklab_probe::allocated_bytes() as f64 - before as f64
}

#[test]
fn buggy_variants_retain_their_formulas() {
    for name in ["spawn-per-send", "unbounded-queue"] {
        for settings in [
            &["payload=1KiB"][..],
            &["payload=0"],
            &["payload=4KiB", "channels=5", "gone=1"],
            &["payload=0", "gone=8"],
        ] {
            let mut bench = Bench::new(name, settings);
            let retained = bench.retained(1_000, 20_000);
            let formula = bench.formula();
            println!("{name} {settings:?}: {retained:.1} bytes per operation, formula {formula}");
            let ratio = retained / formula;
            assert!((ratio - 1.0).abs() < 0.05, "{name} {settings:?}: {ratio}");
        }
    }
}

#[test]
fn nothing_is_retained_when_every_channel_keeps_its_receivers() {
    for name in [
        "spawn-per-send",
        "unbounded-queue",
        "try-send",
        "bounded-wait",
    ] {
        let mut bench = Bench::new(name, &["gone=0", "limit=1ms"]);
        let retained = bench.retained(1_000, 20_000);
        println!("{name}: {retained:.2} bytes per operation");
        assert!(retained.abs() < 16.0, "{name}: {retained}");
        assert_eq!(bench.gauge("dropped_values"), 0, "{name}");
        assert_eq!(bench.gauge("tasks_alive"), 8, "{name}: the receivers");
    }
}

#[test]
fn try_send_drops_what_nobody_waits_for_and_retains_nothing() {
    let mut bench = Bench::new("try-send", &[]);
    let retained = bench.retained(1_000, 40_000);
    assert!(retained.abs() < 16.0, "{retained}");
    // Each of the four lost receivers read three values first.
    assert_eq!(bench.gauge("dropped_values"), 41_000 / 2 - 4 * 3);
    assert_eq!(bench.gauge("tasks_alive"), 4);
    assert_eq!(bench.gauge("blocked_senders"), 0);
}

#[test]
fn bounded_wait_holds_a_limit_of_senders_and_gives_all_of_them_back() {
    let limit = Duration::from_millis(20);
    let mut bench = Bench::new("bounded-wait", &["limit=20ms"]);
    bench.run(500, Some(5_000.0));
    bench.drain(2 * limit);
    let before = leaklab_probe::allocated_bytes();
    bench.run(5_000, Some(5_000.0));
    // 5000 a second × 20 ms × half of the channels = 50; a stalled machine catches up in bursts.
    let waiting = bench.gauge("blocked_senders");
    bench.drain(2 * limit);
    let retained = growth(before) / 5_000.0;
    println!("{waiting} senders wait; {retained:.2} bytes per operation");
    assert!((1..1_000).contains(&waiting), "{waiting}");
    assert_eq!(bench.gauge("blocked_senders"), 0);
    assert_eq!(bench.gauge("dropped_values"), 5_500 / 2 - 4 * 3);
    assert!(retained.abs() < 16.0, "{retained}");
}

#[test]
fn memory_comes_back_when_the_lost_receivers_read_again() {
    for (name, gauge) in [
        ("spawn-per-send", "blocked_senders"),
        ("unbounded-queue", "queued_values"),
    ] {
        let mut bench = Bench::new(name, &["comeback=drain"]);
        let before = leaklab_probe::allocated_bytes();
        bench.run(20_000, None);
        let held = growth(before);
        assert_eq!(bench.gauge(gauge), 20_000 / 2 - 4 * 3, "{name}");
        assert!(held > 0.95 * 20_000.0 * bench.formula(), "{name}: {held}");
        bench.drain(Duration::from_millis(200));
        let kept = growth(before);
        println!("{name}: held {held} bytes, after the receivers came back {kept}");
        assert_eq!(bench.gauge(gauge), 0, "{name}");
        assert_eq!(bench.gauge("tasks_alive"), 8, "{name}");
        // The queue of runnable goroutines has grown to all of them once.
        assert!(kept < 0.01 * held, "{name}: {kept} bytes of {held}");
    }
}

#[test]
fn memory_stays_when_the_receivers_never_come_back() {
    let mut bench = Bench::new("spawn-per-send", &[]);
    bench.run(10_000, None);
    let blocked = bench.gauge("blocked_senders");
    bench.drain(Duration::from_millis(50));
    assert_eq!(bench.gauge("blocked_senders"), blocked);
    assert_eq!(bench.gauge("tasks_alive"), blocked + 4);
}

#[test]
fn a_buffer_delays_the_leak_and_leaves_its_slope() {
    let mut bench = Bench::new("spawn-per-send", &["buffer=100"]);
    bench.run(8 * 103, None);
    assert_eq!(
        bench.gauge("blocked_senders"),
        0,
        "three read, a hundred buffered"
    );
    assert_eq!(bench.gauge("queued_values"), 400);
    let retained = bench.retained(1_000, 20_000);
    assert!(
        (retained / bench.formula() - 1.0).abs() < 0.05,
        "{retained}"
    );
    assert_eq!(bench.gauge("queued_values"), 400);
    assert_eq!(bench.gauge("blocked_senders"), 21_000 / 2);
}

#[test]
fn some_receivers_return_and_some_fail() {
    for name in ["spawn-per-send", "unbounded-queue"] {
        let mut bench = Bench::new(name, &[]);
        bench.run(100, None);
        let marks = bench.recorded.marks.lock().expect("no panic").clone();
        let expected = ["1 returned", "3 failed", "5 returned", "7 failed"];
        assert_eq!(
            marks,
            expected.map(|mark| format!("receiver {mark}")),
            "{name}"
        );
    }
}

#[test]
fn a_workload_that_ends_leaves_nothing_behind() {
    for name in ["spawn-per-send", "unbounded-queue", "bounded-wait"] {
        let alone = Bench::new(name, &[]).end();
        let before = leaklab_probe::allocated_bytes();
        let mut bench = Bench::with_heap(alone, name, &[]);
        bench.run(20_000, None);
        let alone = bench.end();
        let left = growth(before);
        drop(alone);
        println!("{name}: {left} bytes left");
        // The cache of a test thread that starts meanwhile takes some 40 KiB.
        assert!(left < 128.0 * 1024.0, "{name}: {left} bytes left");
    }
}
