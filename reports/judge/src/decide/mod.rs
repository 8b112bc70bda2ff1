//! From a series to a verdict: what kind of series it is, and who judges such a one.

pub(crate) mod report;
mod restarted;
mod sawtooth_floor;
mod stretch;
mod windows;

use crate::budget::Budget;
use crate::fit::line::{Extras, Line};
use crate::judgement::{Judgement, Shape, Verdict};
use crate::policy::LEAST_BUDGET_PERCENT_PER_HOUR;
use crate::prepare::{self, Frame};
use crate::reason::Why;
use crate::series::{JudgeError, JudgeOptions, Series, Unit};
use crate::shape::cycle;
use crate::shape::sawtooth;

/// Confidence of the interval that decides. The reported one is narrower.
pub(crate) const DECIDING_CONFIDENCE: f64 = 0.99;

/// Confidence of the reported interval, unless asked otherwise.
pub(crate) const REPORTED_CONFIDENCE: f64 = 0.95;

/// Points that the trend is fitted to, at most.
pub(crate) const TREND_POINTS: usize = 400;

/// Teeth of less than this share of the rise over the series are dips in it.
const SMALL_TEETH: f64 = 0.2;

/// Fewest readings for a verdict.
pub(crate) const FEWEST_READINGS: usize = 10;

/// What one uninterrupted stretch says.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub verdict: Verdict,
    pub shape: Shape,
    pub why: Why,
    pub line: Option<Line>,
    /// Ends of the fitted part on the axis.
    pub fitted: (f64, f64),
    /// Budget in units of the axis.
    pub budget: f64,
    /// Level of the settled part, the base included.
    pub level: f64,
    /// Ends of the stretch on the axis.
    pub stretch: (f64, f64),
}

/// Judges one series.
///
/// Readings that are NaN are left out. Times may have any origin and any distances. The
/// verdict does not depend on the units of time and value as long as the budget is in the
/// same ones. Time O(n log n), memory O(n).
///
/// # Errors
///
/// [`JudgeError`] if the series is not one: lengths differ, nothing was read, times go
/// backwards, a value is negative or infinite, the budget needs operations that are not there.
/// A series that is merely too short is `inconclusive`.
pub fn judge(series: &Series<'_>, options: &JudgeOptions) -> Result<Judgement, JudgeError> {
    judge_at(series, options, DECIDING_CONFIDENCE)
}

/// Judges one series with the given confidence for the verdict.
pub(crate) fn judge_at(
    series: &Series<'_>,
    options: &JudgeOptions,
    deciding: f64,
) -> Result<Judgement, JudgeError> {
    let frame = prepare::prepare(series, options)?;
    let finding = examine(&frame, options, deciding);
    Ok(report::report(&frame, &finding, options))
}

pub(crate) fn examine(frame: &Frame, options: &JudgeOptions, deciding: f64) -> Finding {
    let track = &frame.fine;
    let whole = (0.0, track.span());
    if frame.points < FEWEST_READINGS || track.len() < FEWEST_READINGS || track.span() <= 0.0 {
        return Finding {
            verdict: Verdict::Inconclusive,
            shape: Shape::Flat,
            why: Why::TooFewReadings {
                readings: frame.points,
            },
            line: None,
            fitted: whole,
            budget: budget_on_axis(frame, options, frame.base),
            level: frame.base,
            stretch: whole,
        };
    }
    if let Some(sawtooth) = sawtooth::sawtooth(track) {
        let finding = sawtooth_floor::examine(frame, &sawtooth, options, deciding);
        if !matches!(finding.why, Why::FewTeeth { .. }) {
            return finding;
        }
        // What looks like few teeth may be a cycle, or small dips in a rise.
        let is_cycle = || cycle::find(track, &Extras::default(), day_on_axis(frame)).is_some();
        let small = sawtooth.height < SMALL_TEETH * (track.y[track.len() - 1] - track.y[0]).abs();
        if !small && !is_cycle() {
            return finding;
        }
    }
    restarted::examine(frame, options, deciding)
}

/// The budget in units of the value per unit of the axis.
pub(crate) fn budget_on_axis(frame: &Frame, options: &JudgeOptions, level: f64) -> f64 {
    let per_hour = match options.budget {
        Budget::BytesPerOperation(rate) => return rate,
        Budget::BytesPerHour(rate) => rate,
        Budget::PercentOfSettledLevelPerHour(percent) => level * percent / 100.0,
        Budget::Default => {
            let least = match options.unit {
                Unit::Bytes => 65_536.0,
                Unit::Count => 1.0,
                Unit::Percent => LEAST_BUDGET_PERCENT_PER_HOUR,
            };
            (level * 0.005).max(least)
        }
    };
    per_hour / 3_600.0 * frame.seconds_per_unit
}

/// The length of a day on the axis, where it counts time.
pub(crate) fn day_on_axis(frame: &Frame) -> Option<f64> {
    (!frame.by_operation).then_some(86_400.0)
}

/// Holds the interval of the line against the budget.
pub(crate) fn hold(finding: &mut Finding, line: Line, straight: bool, deciding: f64) {
    let half = line.half_width(deciding);
    let (low, high) = (line.slope - half, line.slope + half);
    let reported = line.half_width(REPORTED_CONFIDENCE);
    finding.shape = if line.slope > reported {
        Shape::Linear
    } else if line.slope < -reported {
        Shape::Shrinking
    } else {
        Shape::Flat
    };
    (finding.verdict, finding.why) = if !straight {
        (Verdict::Inconclusive, Why::Unsettled)
    } else if low > finding.budget {
        (Verdict::Leak, Why::AboveBudget)
    } else if high < finding.budget {
        (Verdict::NoLeak, Why::BelowBudget)
    } else {
        (Verdict::Inconclusive, Why::TooWide)
    };
    finding.line = Some(line);
}
