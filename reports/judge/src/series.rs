//! What goes into the judge.

use serde::{Deserialize, Serialize};

use crate::budget::Budget;

/// A stretch of time, in the seconds of the series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// First second.
    pub start_s: f64,
    /// Last second.
    pub end_s: f64,
}

impl Window {
    /// Whether `time_s` lies in the window, ends included.
    pub fn contains(&self, time_s: f64) -> bool {
        self.start_s <= time_s && time_s <= self.end_s
    }
}

/// One metric over time, borrowed.
///
/// Only times and values are needed. What else is known makes a verdict possible that a bare
/// series cannot carry:
///
/// ```
/// use leaklab_judge::Series;
///
/// let (time_s, value) = ([0.0, 1.0, 2.0], [5e6, 5e6, 5e6]);
/// let restarts = [1.0];
/// let series = Series { restarts: Some(&restarts), ..Series::new(&time_s, &value) };
/// assert!(series.operations.is_none());
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Series<'a> {
    /// Seconds, never falling; any origin.
    pub time_s: &'a [f64],
    /// The metric, in bytes or as a count; NaN where it could not be read.
    pub value: &'a [f64],
    /// Operations completed so far at each time, where they are counted.
    pub operations: Option<&'a [f64]>,
    /// How much the program was asked to do at each time, where that is known: requests a
    /// second, open connections, share of a processor; any unit, NaN where it was not read.
    pub load: Option<&'a [f64]>,
    /// Times at which the program is known to have been started anew: a new process, a start
    /// time, a mark, a counter that fell. Falls without such a record are doubts.
    /// `Some` of nothing where it is known that there was none, `None` where nothing is known.
    pub restarts: Option<&'a [f64]>,
    /// Stretches that say nothing about a trend: marks, faults, the drain phase.
    pub excluded: &'a [Window],
}

impl<'a> Series<'a> {
    /// A series of times and values without operations and exclusions.
    pub fn new(time_s: &'a [f64], value: &'a [f64]) -> Self {
        Self {
            time_s,
            value,
            ..Self::default()
        }
    }
}

/// What the values count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    #[default]
    Bytes,
    /// Things: descriptors, threads, tasks.
    Count,
    /// Percent of something that the series does not say: a share of a machine's memory.
    Percent,
}

/// What the judge is asked.
#[derive(Debug, Clone, Default)]
pub struct JudgeOptions {
    /// Whether the restarts part replicas that ran side by side and are laid end to end: then none
    /// of these lives is later than another.
    pub replicas: bool,
    /// The growth that is accepted.
    pub budget: Budget,
    /// What the values count.
    pub unit: Unit,
    /// A level that must not be reached; its time is foretold where something grows.
    pub limit: Option<f64>,
    /// Confidence of the reported interval; `None` is 0.95. A verdict needs more, see
    /// METHOD.md.
    pub confidence: Option<f64>,
    /// Only this stretch is judged: the load phase where the run declares one.
    pub load: Option<Window>,
    /// Whether the values are counted and not rounded, as an allocator's are: a series of
    /// such values that stands still has not grown by less than it can show.
    pub exact: bool,
    /// The smallest step that the metric is known to move in, in its unit: 128 KiB
    /// ([`RSS_GRAIN_BYTES`](crate::RSS_GRAIN_BYTES)) for resident memory, 0 where values move
    /// freely. A series that has not moved is known only to within one of them, until its own
    /// moves show smaller ones.
    pub grain: f64,
}

/// Why a series cannot be judged at all.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum JudgeError {
    /// Times and values (or operations) differ in number.
    #[error("{times} times, but {values} {what}")]
    LengthMismatch {
        /// Number of times.
        times: usize,
        /// Number of the others.
        values: usize,
        /// `values` or `operations`.
        what: &'static str,
    },
    /// There is no reading at all.
    #[error("the series is empty: no time has a value")]
    Empty,
    /// A time is NaN or infinite.
    #[error("time {index} (counted from 0) is not a finite number")]
    TimeNotFinite {
        /// Position of the time.
        index: usize,
    },
    /// A time is before the one ahead of it.
    #[error(
        "time goes backwards at point {index} (counted from 0): {before} s, then {after} s; sort the series by time"
    )]
    TimeBackwards {
        /// Position of the earlier time.
        index: usize,
        /// The time before it.
        before: f64,
        /// The time itself.
        after: f64,
    },
    /// A value is infinite.
    #[error("value {index} (counted from 0) is infinite")]
    ValueInfinite {
        /// Position of the value.
        index: usize,
    },
    /// A value is below zero.
    #[error("value {index} (counted from 0) is {value}: bytes and counts are never negative")]
    ValueNegative {
        /// Position of the value.
        index: usize,
        /// The value.
        value: f64,
    },
    /// The budget is per operation, but no operations are counted.
    #[error(
        "the budget is per operation, but the series counts no operations; give the budget per hour"
    )]
    NoOperations,
}
