//! What a stretch of a series says, held against the budget.

use crate::budget::Budget;
use crate::fit::line::Line;
use crate::judgement::{Shape, Verdict};
use crate::policy::LEAST_BUDGET_PERCENT_PER_HOUR;
use crate::policy::verdict::REPORTED_CONFIDENCE;
use crate::prepare::Prepared;
use crate::reason::Why;
use crate::series::{JudgeOptions, Unit};

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

/// The budget in units of the value per unit of the axis.
pub(crate) fn budget_on_axis(prepared: &Prepared, options: &JudgeOptions, level: f64) -> f64 {
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
    per_hour / 3_600.0 * prepared.seconds_per_unit
}

/// The length of a day on the axis, where it counts time.
pub(crate) fn day_on_axis(prepared: &Prepared) -> Option<f64> {
    (!prepared.by_operation).then_some(86_400.0)
}

/// Holds the interval of the line against the budget.
pub(crate) fn compare_with_budget(
    finding: &mut Finding,
    line: Line,
    straight: bool,
    deciding_confidence: f64,
) {
    let half = line.half_width(deciding_confidence);
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
