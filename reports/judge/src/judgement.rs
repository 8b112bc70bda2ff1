//! What comes out of the judge.

use serde::{Deserialize, Serialize};

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
    /// How likely growth within the budget shows what was seen here, or more (one-sided): what a
    /// false discovery rate over many series is held with. 1 where the series says nothing.
    #[serde(default = "says_nothing")]
    pub p_value: f64,
}

fn says_nothing() -> f64 {
    1.0
}

impl Judgement {
    /// Takes the verdict back, for that reason: nothing is decided.
    pub fn leave_open(&mut self, reason: impl Into<String>) {
        self.verdict = Verdict::Inconclusive;
        self.kind = None;
        self.reason = reason.into();
    }
}

impl Judgement {
    /// What is said where there is nothing to judge.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Inconclusive,
            kind: None,
            shape: Shape::Flat,
            slope_bytes_per_hour: None,
            slope_low_bytes_per_hour: None,
            slope_high_bytes_per_hour: None,
            slope_bytes_per_op: None,
            slope_low_bytes_per_op: None,
            slope_high_bytes_per_op: None,
            budget_bytes_per_hour: None,
            budget_bytes_per_op: None,
            resolution_bytes_per_hour: None,
            settled_after_s: None,
            needs_s: None,
            time_to_limit_s: None,
            reason: reason.into(),
            fitted: None,
            points: 0,
            level: None,
            confidence: 0.0,
            p_value: says_nothing(),
        }
    }
}
