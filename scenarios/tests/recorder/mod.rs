//! Runs one variant in the test's own process and records what a harness would see.

#![allow(dead_code, reason = "each test file uses its part of it")]

use leaklab_scenarios::{
    Drain, Gauge, Load, LoadPlan, Meter, Parameters, Scenario, Setup, StopFlag, Workload,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Runs the body of a test in a process of its own, one at a time.
///
/// Threads of other tests move the heap when they end, because their caches count as
/// allocated until then; limits on descriptors belong to the process too. The test runs its
/// own binary again, filtered to itself, and passes if that does.
pub fn alone<F: FnOnce()>(body: F) {
    const INSIDE: &str = "LEAKLAB_TEST_ALONE";
    static TURN: Mutex<()> = Mutex::new(());
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
    let (_crate, name) = path
        .split_once("::")
        .expect("a test is in its file's crate");
    let own = std::env::current_exe().expect("a test knows its binary");
    let output = std::process::Command::new(own)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("the test's binary runs again");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(
        stdout.contains("1 passed"),
        "`{name}` was not run: {stdout}"
    );
}

/// One look at the program, taken at a quiet point.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    pub operations: u64,
    pub allocated_bytes: u64,
}

/// A meter that keeps everything, and looks at the heap every so many operations.
pub struct Recorder {
    every: u64,
    operations: AtomicU64,
    latencies: AtomicU64,
    gauges: Mutex<BTreeMap<&'static str, Gauge>>,
    marks: Mutex<Vec<String>>,
    looks: Mutex<Vec<Look>>,
}

impl Recorder {
    fn new(every: u64) -> Arc<Self> {
        Arc::new(Recorder {
            every,
            operations: AtomicU64::new(0),
            latencies: AtomicU64::new(0),
            gauges: Mutex::default(),
            marks: Mutex::default(),
            // Room for all, so that looking does not move what is looked at.
            looks: Mutex::new(Vec::with_capacity(10_000)),
        })
    }
}

impl Meter for Recorder {
    fn count_operations(&self, completed: u64) {
        self.operations.fetch_add(completed, Ordering::Relaxed);
    }

    fn register_gauge(&self, name: &'static str, gauge: &Gauge) {
        self.gauges.lock().unwrap().insert(name, gauge.clone());
    }

    fn record_latency(&self, _latency: Duration) {
        self.latencies.fetch_add(1, Ordering::Relaxed);
    }

    fn quiet_point(&self) {
        let operations = self.operations.load(Ordering::Relaxed);
        let mut looks = self.looks.lock().unwrap();
        let due = looks.last().map_or(0, |look| look.operations + self.every);
        if operations >= due {
            looks.push(Look {
                operations,
                allocated_bytes: leaklab_probe::allocated_bytes(),
            });
        }
    }

    fn mark(&self, name: &str) {
        self.marks.lock().unwrap().push(name.to_owned());
    }
}

/// A prepared variant and what is recorded of it.
pub struct Cell {
    pub workload: Box<dyn Workload>,
    pub parameters: Parameters,
    recorder: Arc<Recorder>,
    stop: StopFlag,
    retained: fn(&Parameters) -> f64,
}

impl Cell {
    /// Prepares a variant; `every` is the number of operations between two looks.
    pub fn new(scenario: &dyn Scenario, variant: &str, settings: &[&str], every: u64) -> Self {
        let description = scenario.description();
        let variant = description.variant(variant).expect("a declared variant");
        let parameters = Parameters::parse(description.name, description.parameters, settings)
            .expect("valid settings");
        let recorder = Recorder::new(every);
        let setup = Setup {
            variant,
            parameters: parameters.clone(),
            seed: 1,
            meter: recorder.clone(),
        };
        let workload = scenario.prepare(setup).expect("the workload is prepared");
        let registered: Vec<_> = recorder.gauges.lock().unwrap().keys().copied().collect();
        let mut declared = description.gauges.to_vec();
        declared.sort_unstable();
        assert_eq!(registered, declared, "gauges registered and declared");
        Cell {
            workload,
            parameters,
            recorder,
            stop: StopFlag::default(),
            retained: variant.retained_bytes_per_operation,
        }
    }

    /// Loads `operations` operations at `rate` a second.
    pub fn load(&mut self, rate: Option<f64>, operations: u64) {
        let plan = LoadPlan {
            rate,
            operations: Some(operations),
            duration: None,
            quiet_points: true,
        };
        let load = Load::start(plan, self.stop.clone(), self.recorder.clone());
        self.workload.load(&load).expect("the load runs");
    }

    /// Drains for a time.
    pub fn drain(&mut self, duration: Duration) {
        let drain = Drain::start(duration, self.stop.clone(), self.recorder.clone());
        self.workload.drain(&drain).expect("the drain runs");
    }

    pub fn gauge(&self, name: &str) -> i64 {
        self.recorder.gauges.lock().unwrap()[name].get()
    }

    pub fn operations(&self) -> u64 {
        self.recorder.operations.load(Ordering::Relaxed)
    }

    pub fn latencies(&self) -> u64 {
        self.recorder.latencies.load(Ordering::Relaxed)
    }

    pub fn marks(&self) -> Vec<String> {
        self.recorder.marks.lock().unwrap().clone()
    }

    /// The formula's bytes per operation at these parameters.
    pub fn retained(&self) -> f64 {
        (self.retained)(&self.parameters)
    }

    /// Least-squares slope of live heap over operations, from operation `from` on.
    pub fn slope(&self, from: u64) -> f64 {
        let looks = self.recorder.looks.lock().unwrap();
        let points: Vec<(f64, f64)> = looks
            .iter()
            .filter(|look| look.operations >= from)
            .map(|look| (look.operations as f64, look.allocated_bytes as f64))
            .collect();
        let count = points.len() as f64;
        assert!(points.len() >= 10, "{} looks are too few", points.len());
        let mean_x = points.iter().map(|p| p.0).sum::<f64>() / count;
        let mean_y = points.iter().map(|p| p.1).sum::<f64>() / count;
        let xy: f64 = points.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
        let xx: f64 = points.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
        xy / xx
    }

    /// Asserts the bound: within 10 % of the formula, or 16 bytes of zero.
    pub fn assert_slope_is_the_formula(&self, from: u64) {
        let (measured, stated) = (self.slope(from), self.retained());
        let allowed = (stated * 0.1).max(16.0);
        assert!(
            (measured - stated).abs() <= allowed,
            "measured {measured:.1} bytes per operation, the formula says {stated:.1}"
        );
    }
}
