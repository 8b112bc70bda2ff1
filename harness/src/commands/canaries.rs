//! Series with a known answer, given to the judge as a cell's readings are: what once passed
//! for health, or for a leak, in a picture that a person would not have been fooled by.

use leaklab_judge::{Budget, CellSeries, JudgeError, JudgeOptions, Verdict, judge_cell};

/// A series and what the judge must say of it.
pub struct Canary {
    /// What it is.
    pub name: &'static str,
    /// The verdict that it must get.
    pub due: Verdict,
    time_s: Vec<f64>,
    value: Vec<f64>,
    operations: Option<Vec<f64>>,
    restarts: Vec<f64>,
    metric: Metric,
    budget: Budget,
}

#[derive(Clone, Copy, PartialEq)]
enum Metric {
    LiveHeap,
    Resident,
}

/// Seconds of each series, a reading for each.
const SECONDS: u32 = 3_600;
const MIB: f64 = 1_048_576.0;
/// The step in which glibc takes memory from the kernel.
const STEP: f64 = 131_072.0;

impl Canary {
    fn new(name: &'static str, due: Verdict, metric: Metric, course: impl Fn(f64) -> f64) -> Self {
        let time_s: Vec<f64> = (0..SECONDS).map(f64::from).collect();
        Canary {
            name,
            due,
            value: time_s.iter().map(|&t| course(t).floor()).collect(),
            time_s,
            operations: None,
            restarts: Vec::new(),
            metric,
            budget: Budget::BytesPerHour(4.0 * MIB),
        }
    }

    /// Whether the judge says what it must.
    ///
    /// # Errors
    ///
    /// [`JudgeError`] if it refuses the series.
    pub fn holds(&self) -> Result<bool, JudgeError> {
        let is = |metric: Metric| (self.metric == metric).then_some(&self.value[..]);
        let cell = CellSeries {
            time_s: &self.time_s,
            operations: self.operations.as_deref(),
            restarts: (!self.restarts.is_empty()).then_some(&self.restarts[..]),
            allocated_bytes: is(Metric::LiveHeap),
            allocated_is_exact: self.metric == Metric::LiveHeap,
            rss_bytes: is(Metric::Resident),
            ..CellSeries::default()
        };
        let options = JudgeOptions {
            budget: self.budget,
            ..JudgeOptions::default()
        };
        Ok(judge_cell(&cell, &options)?.verdict == self.due)
    }
}

/// The canaries of the judge.
pub fn canaries() -> Vec<Canary> {
    let doubled = |entries: f64| 2_f64.powf(entries.max(4.0).log2().ceil());
    let steps = |bytes: f64| 40.0 * MIB + STEP * (bytes / STEP).floor();
    // Lives of a quarter of an hour, each ended at its limit.
    let life_s = 900.0;
    vec![
        Canary {
            operations: Some((0..SECONDS).map(|t| 50.0 * f64::from(t)).collect()),
            budget: Budget::BytesPerOperation(4.0),
            ..Canary::new(
                "a list that grows by 16 bytes per operation",
                Verdict::Leak,
                Metric::LiveHeap,
                |t| 50.0 * MIB + 16.0 * doubled(50.0 * t),
            )
        },
        Canary::new(
            "resident memory that grows in steps",
            Verdict::Leak,
            Metric::Resident,
            |t| steps(20.0 * MIB * t / 3_600.0),
        ),
        Canary {
            restarts: vec![900.0, 1_800.0, 2_700.0],
            ..Canary::new(
                "a leak that is ended at its limit and starts again",
                Verdict::Leak,
                Metric::Resident,
                move |t| steps(100.0 * MIB * (t % life_s) / life_s),
            )
        },
        Canary::new(
            "a cache that fills for ten minutes",
            Verdict::NoLeak,
            Metric::LiveHeap,
            |t| 50.0 * MIB + 20.0 * MIB * (t / 600.0).min(1.0),
        ),
        Canary {
            operations: Some(vec![0.0; SECONDS as usize]),
            ..Canary::new(
                "a program that nobody asked for anything",
                Verdict::Inconclusive,
                Metric::LiveHeap,
                |_| 50.0 * MIB,
            )
        },
    ]
}
