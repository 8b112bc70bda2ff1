//! From a series to a verdict: what kind of series it is, and who judges such a one.

mod finding;
pub(crate) mod report;
mod restarted;
mod sawtooth_floor;
mod segment;
mod windows;

use crate::decide::finding::{Finding, budget_on_axis, day_on_axis};
use crate::decide::report::report;
use crate::decide::restarted::judge_restarted;
use crate::decide::sawtooth_floor::judge_sawtooth;
use crate::fit::model::Regressors;
use crate::judgement::{Judgement, Shape, Verdict};
use crate::policy::sawtooth::SMALL_TEETH;
use crate::policy::verdict::{DECIDING_CONFIDENCE, FEWEST_READINGS};
use crate::prepare;
use crate::prepare::Prepared;
use crate::reason::Why;
use crate::series::{JudgeError, JudgeOptions, Series};
use crate::shape::cycle::find_cycle;
use crate::shape::sawtooth::find_sawtooth;

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
    deciding_confidence: f64,
) -> Result<Judgement, JudgeError> {
    let prepared = prepare::prepare(series, options)?;
    let finding = judge_prepared(&prepared, options, deciding_confidence);
    Ok(report(&prepared, &finding, options))
}

pub(crate) fn judge_prepared(
    prepared: &Prepared,
    options: &JudgeOptions,
    deciding_confidence: f64,
) -> Finding {
    let track = &prepared.fine;
    let whole = (0.0, track.span());
    if prepared.points < FEWEST_READINGS || track.len() < FEWEST_READINGS || track.span() <= 0.0 {
        return Finding {
            verdict: Verdict::Inconclusive,
            shape: Shape::Flat,
            why: Why::TooFewReadings {
                readings: prepared.points,
            },
            line: None,
            fitted: whole,
            budget: budget_on_axis(prepared, options, prepared.base),
            level: prepared.base,
            stretch: whole,
        };
    }
    if let Some(sawtooth) = find_sawtooth(track) {
        let finding = judge_sawtooth(prepared, &sawtooth, options, deciding_confidence);
        if !matches!(finding.why, Why::FewTeeth { .. }) {
            return finding;
        }
        // What looks like few teeth may be a cycle, or small dips in a rise.
        let is_cycle =
            || find_cycle(track, &Regressors::default(), day_on_axis(prepared)).is_some();
        let small = sawtooth.height < SMALL_TEETH * (track.y[track.len() - 1] - track.y[0]).abs();
        if !small && !is_cycle() {
            return finding;
        }
    }
    judge_restarted(prepared, options, deciding_confidence)
}
