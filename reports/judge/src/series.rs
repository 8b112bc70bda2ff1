//! What goes into the judge and what comes out.

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
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// Seconds, never falling; any origin.
    pub time_s: &'a [f64],
    /// The metric, in bytes or as a count; NaN where it could not be read.
    pub value: &'a [f64],
    /// Operations completed so far at each time, where they are counted.
    pub operations: Option<&'a [f64]>,
    /// Stretches that say nothing about a trend: marks, faults, the drain phase.
    pub excluded: &'a [Window],
}

impl<'a> Series<'a> {
    /// A series of times and values without operations and exclusions.
    pub fn new(time_s: &'a [f64], value: &'a [f64]) -> Self {
        Self {
            time_s,
            value,
            operations: None,
            excluded: &[],
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
}

/// What the judge is asked.
#[derive(Debug, Clone, Default)]
pub struct JudgeOptions {
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
}

/// Whether the series leaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The sustained growth lies above the budget.
    Leak,
    /// The sustained growth lies below the budget.
    NoLeak,
    /// The series does not say.
    Inconclusive,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Leak => "leak",
            Self::NoLeak => "no-leak",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// Where growth sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Bytes allocated and not freed rise.
    LiveHeap,
    /// Pages in use rise, bytes allocated do not.
    Fragmentation,
    /// The allocator keeps pages that nobody uses.
    AllocatorCache,
    /// Resident memory that the allocator does not know.
    OutsideAllocator,
    /// Open descriptors rise.
    Descriptors,
    /// Threads rise.
    Threads,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::LiveHeap => "live-heap",
            Self::Fragmentation => "fragmentation",
            Self::AllocatorCache => "allocator-cache",
            Self::OutsideAllocator => "outside-allocator",
            Self::Descriptors => "descriptors",
            Self::Threads => "threads",
        })
    }
}

/// What the curve looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// No growth that could be told from none.
    Flat,
    /// A straight rise.
    Linear,
    /// A rise in many steps.
    Staircase,
    /// A rise that is still slowing down.
    Decelerating,
    /// Ups and downs on a level floor.
    Sawtooth,
    /// Ups and downs on a rising floor.
    SawtoothRising,
    /// One or a few steps between level stretches.
    LevelShift,
    /// Level for long, then rising to the end.
    LateOnset,
    /// Falling.
    Shrinking,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Flat => "flat",
            Self::Linear => "linear",
            Self::Staircase => "staircase",
            Self::Decelerating => "decelerating",
            Self::Sawtooth => "sawtooth",
            Self::SawtoothRising => "sawtooth-rising",
            Self::LevelShift => "level-shift",
            Self::LateOnset => "late-onset",
            Self::Shrinking => "shrinking",
        })
    }
}

/// The straight part that the slope was taken from, for drawing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Where it begins, in the seconds of the series.
    pub start_s: f64,
    /// Where it ends.
    pub end_s: f64,
    /// Height of the fitted line at its beginning.
    pub start_value: f64,
    /// Height of the fitted line at its end.
    pub end_value: f64,
}

/// The judge's answer for one series.
///
/// Slopes are in units of the value (bytes, or things for a count) per hour or per operation;
/// they are absent where the series has too few points for a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Leak, no leak, or not to be told.
    pub verdict: Verdict,
    /// Where the growth sits, where metrics could be compared.
    pub kind: Option<Kind>,
    /// What the curve looks like.
    pub shape: Shape,
    /// Sustained growth per hour.
    pub slope_bytes_per_hour: Option<f64>,
    /// Lower end of its interval.
    pub slope_low_bytes_per_hour: Option<f64>,
    /// Upper end of its interval.
    pub slope_high_bytes_per_hour: Option<f64>,
    /// Sustained growth per operation, where operations are counted.
    pub slope_bytes_per_op: Option<f64>,
    /// Lower end of its interval.
    pub slope_low_bytes_per_op: Option<f64>,
    /// Upper end of its interval.
    pub slope_high_bytes_per_op: Option<f64>,
    /// The budget that was applied, per hour.
    pub budget_bytes_per_hour: Option<f64>,
    /// The budget per operation, where it was given so.
    pub budget_bytes_per_op: Option<f64>,
    /// The smallest sustained growth per hour that this series would have shown.
    pub resolution_bytes_per_hour: Option<f64>,
    /// Seconds from the start of the series to the end of its warm-up.
    pub settled_after_s: Option<f64>,
    /// How many seconds longer the run must be for a verdict, if it goes on like this.
    pub needs_s: Option<f64>,
    /// Seconds from the end of the series until the limit is reached, at the slope found.
    pub time_to_limit_s: Option<f64>,
    /// One plain sentence.
    pub reason: String,
    /// The straight part, for drawing.
    pub fitted: Option<Fitted>,
    /// Points that were used.
    pub points: usize,
    /// Level of the settled part.
    pub level: Option<f64>,
    /// Confidence of the interval.
    pub confidence: f64,
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
