//! Runs tests alone in processes, and a variant in such a process; records what a harness
//! would see of it.

#![allow(dead_code, reason = "each test file uses its part of it")]

use leaklab_scenarios::{
    Drain, Gauge, Load, LoadPlan, Meter, Parameters, Scenario, Setup, StopFlag, Workload,
};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Set in a process that runs one test alone; its value is the case.
const INSIDE: &str = "LEAKLAB_TEST_ALONE";

/// Runs the body of a test in a process of its own, one test at a time.
///
/// Threads of other tests move the heap when they end, because their caches count as
/// allocated until then; descriptors belong to the process too. The test runs its own
/// binary again, filtered to itself, and passes if that does.
pub fn alone<F: FnOnce()>(body: F) {
    run_alone::<F>(&["alone"], None, |_case| body());
}

/// As [`alone`], with at most so many descriptors.
pub fn alone_under_limit<F: FnOnce()>(descriptors: usize, body: F) {
    run_alone::<F>(&["alone"], Some(descriptors), |_case| body());
}

/// As [`alone`] for several cases, each in a process of its own, all at the same time.
pub fn each_alone<F: FnOnce(&str)>(cases: &[&str], body: F) {
    run_alone::<F>(cases, None, body);
}

/// `Body` is the closure written in the test, which has the test's name in its own.
fn run_alone<Body>(cases: &[&str], limit: Option<usize>, body: impl FnOnce(&str)) {
    static TURN: Mutex<()> = Mutex::new(());
    if let Ok(case) = std::env::var(INSIDE) {
        return body(&case);
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = std::any::type_name::<Body>().trim_end_matches("::{{closure}}");
    let (_crate, name) = path
        .split_once("::")
        .expect("a test is in its file's crate");
    let children: Vec<_> = cases
        .iter()
        .map(|case| {
            again(name, case, limit)
                .spawn()
                .expect("the test runs again")
        })
        .collect();
    for (case, child) in cases.iter().zip(children) {
        let output = child.wait_with_output().expect("the test ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{case}: {stdout}{stderr}");
        assert!(
            stdout.contains("1 passed"),
            "`{name}` was not run: {stdout}"
        );
    }
}

/// Set for a test alone: jemalloc without caches of threads, whose content counts as
/// allocated and changes with how threads are scheduled. What is measured is then what the
/// program keeps.
const NO_THREAD_CACHES: (&str, &str) = ("MALLOC_CONF", "tcache:false");

/// The command that runs one test of this binary.
fn again(name: &str, case: &str, limit: Option<usize>) -> Command {
    let own = std::env::current_exe().expect("a test knows its binary");
    let mut command = match limit {
        None => Command::new(own),
        Some(descriptors) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", "ulimit -n \"$0\" && exec \"$@\""]);
            shell.arg(descriptors.to_string()).arg(own);
            shell
        }
    };
    command
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, case)
        .env(NO_THREAD_CACHES.0, NO_THREAD_CACHES.1)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Most gauges that a scenario has.
const MOST_GAUGES: usize = 8;

/// One look at the program, taken at a quiet point. Of a fixed size, so that looking does
/// not move what is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub operations: u64,
    pub allocated_bytes: u64,
    gauges: [(&'static str, i64); MOST_GAUGES],
}

impl Look {
    /// The value of a gauge at that time.
    pub fn gauge(&self, name: &str) -> f64 {
        let found = self.gauges.iter().find(|(known, _)| *known == name);
        found.expect("a declared gauge").1 as f64
    }
}

/// A meter that keeps everything, and looks at the heap every so many operations.
pub struct Recorder {
    /// Operations between two looks; `None` for looks on demand only.
    every: Option<u64>,
    operations: AtomicU64,
    latencies: AtomicU64,
    gauges: Mutex<BTreeMap<&'static str, Gauge>>,
    marks: Mutex<Vec<String>>,
    looks: Mutex<Vec<Look>>,
}

impl Recorder {
    fn new(every: Option<u64>) -> Arc<Self> {
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

    fn look(&self, operations: u64) -> Look {
        let mut gauges = [("", 0); MOST_GAUGES];
        for (place, (name, gauge)) in gauges.iter_mut().zip(&*self.gauges.lock().unwrap()) {
            *place = (name, gauge.get());
        }
        Look {
            operations,
            allocated_bytes: leaklab_probe::allocated_bytes(),
            gauges,
        }
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
        let Some(every) = self.every else { return };
        let operations = self.operations.load(Ordering::Relaxed);
        let mut looks = self.looks.lock().unwrap();
        let due = looks.last().map_or(0, |look| look.operations + every);
        if operations >= due {
            looks.push(self.look(operations));
        }
    }

    fn mark(&self, name: &str) {
        self.marks.lock().unwrap().push(name.to_owned());
    }
}

/// Bytes by which the live heap has grown since it was `before_bytes`.
pub fn growth(before_bytes: u64) -> f64 {
    leaklab_probe::allocated_bytes() as f64 - before_bytes as f64
}

/// Gives back what this thread's cache holds, so that it does not go in the midst of the
/// next cell.
struct Flush;

impl Drop for Flush {
    fn drop(&mut self) {
        leaklab_probe::flush_thread_cache();
    }
}

/// A prepared variant and what is recorded of it.
pub struct Cell<W: ?Sized = dyn Workload> {
    pub workload: Box<W>,
    pub parameters: Parameters,
    recorder: Arc<Recorder>,
    pub stop: StopFlag,
    retained: fn(&Parameters) -> f64,
    /// Dropped last.
    _flush: Flush,
}

impl Cell {
    /// Prepares a variant; `every` is the number of operations between two looks.
    pub fn new(scenario: &dyn Scenario, variant: &str, settings: &[&str], every: u64) -> Self {
        Cell::prepare(scenario, variant, settings, 1, Some(every), |setup| {
            scenario.prepare(setup).expect("the workload is prepared")
        })
    }

    /// Prepares a variant that works without being looked at.
    pub fn unwatched(scenario: &dyn Scenario, variant: &str, settings: &[&str], seed: u64) -> Self {
        Cell::prepare(scenario, variant, settings, seed, None, |setup| {
            scenario.prepare(setup).expect("the workload is prepared")
        })
    }
}

impl<W: Workload + ?Sized> Cell<W> {
    /// Prepares a variant by `prepare`; looks every so many operations, if at all.
    pub fn prepare(
        scenario: &dyn Scenario,
        variant: &str,
        settings: &[&str],
        seed: u64,
        every: Option<u64>,
        prepare: impl FnOnce(Setup) -> Box<W>,
    ) -> Self {
        let description = scenario.description();
        let variant = description.variant(variant).expect("a declared variant");
        let parameters = Parameters::parse(description.name, description.parameters, settings)
            .expect("valid settings");
        let recorder = Recorder::new(every);
        let workload = prepare(Setup {
            variant,
            parameters: parameters.clone(),
            seed,
            meter: recorder.clone(),
        });
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
            _flush: Flush,
        }
    }

    /// Loads `operations` operations at `rate` a second.
    pub fn load(&mut self, rate: Option<f64>, operations: u64) {
        self.load_by(LoadPlan {
            rate,
            operations: Some(operations),
            duration: None,
            quiet_points: self.recorder.every.is_some(),
        });
    }

    /// Loads by a plan; [`Cell::stop`] ends it.
    pub fn load_by(&mut self, plan: LoadPlan) {
        let load = Load::start(plan, self.stop.clone(), self.recorder.clone());
        self.workload.load(&load).expect("the load runs");
    }

    /// Live heap bytes that each of `operations` leaves, after as many as warm things up.
    pub fn measured(&mut self, warm_up: u64, operations: u64) -> f64 {
        self.load(None, warm_up);
        let before = leaklab_probe::allocated_bytes();
        self.load(None, operations);
        growth(before) / operations as f64
    }

    /// Looks now, for [`Cell::slope`].
    pub fn look(&self) {
        let look = self.recorder.look(self.operations());
        self.recorder.looks.lock().unwrap().push(look);
    }

    /// Lets whatever turns without new operations turn, for a time.
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

    /// Slope of live heap over `of` (operations, say), from operation `from` on: the median
    /// of all pairwise slopes, so that stalls of a busy machine do not carry it away.
    pub fn slope(&self, from: u64, of: impl Fn(&Look) -> f64) -> f64 {
        let looks = self.recorder.looks.lock().unwrap();
        let points: Vec<(f64, f64)> = looks
            .iter()
            .filter(|look| look.operations >= from)
            .map(|look| (of(look), look.allocated_bytes as f64))
            .collect();
        assert!(points.len() >= 10, "{} looks are too few", points.len());
        let mut slopes = Vec::new();
        for (index, (x, y)) in points.iter().enumerate() {
            for (later_x, later_y) in &points[index + 1..] {
                if later_x > x {
                    slopes.push((later_y - y) / (later_x - x));
                }
            }
        }
        slopes.sort_by(f64::total_cmp);
        slopes[slopes.len() / 2]
    }

    /// Drains until `done`, for ten seconds at most.
    pub fn drain_until(&mut self, done: impl Fn(&Self) -> bool) {
        let began = std::time::Instant::now();
        while !done(self) {
            assert!(began.elapsed() < Duration::from_secs(10), "drained in vain");
            self.drain(Duration::from_millis(20));
        }
    }
}
