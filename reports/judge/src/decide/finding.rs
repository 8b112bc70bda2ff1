//! What a stretch of a series says, held against the budget.

use crate::budget::Budget;
use crate::decide::rules::Ruling;
use crate::fit::line::Line;
use crate::judgement::{Shape, Verdict};
use crate::policy::verdict::REPORTED_CONFIDENCE;
use crate::prepare::Prepared;
use crate::reason::Why;
use crate::series::JudgeOptions;

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

impl Finding {
    /// What is found as a rule has it.
    pub fn with(self, ruling: Ruling) -> Self {
        Self {
            verdict: ruling.verdict,
            why: ruling.why,
            shape: ruling.shape.unwrap_or(self.shape),
            line: ruling.line.or(self.line),
            ..self
        }
    }

    /// Length of the stretch on the axis.
    pub fn length(&self) -> f64 {
        self.stretch.1 - self.stretch.0
    }
}

/// The budget in units of the value per unit of the axis.
pub(crate) fn budget_on_axis(prepared: &Prepared, options: &JudgeOptions, level: f64) -> f64 {
    match options.budget {
        Budget::BytesPerOperation(rate) => rate,
        budget => {
            let per_hour = budget.per_hour(level, options.unit).unwrap_or(0.0);
            per_hour / 3_600.0 * prepared.seconds_per_unit
        }
    }
}

/// What a line looks like beside none.
pub(crate) fn shape_of(line: &Line) -> Shape {
    let reported = line.half_width(REPORTED_CONFIDENCE);
    if line.slope > reported {
        Shape::Linear
    } else if line.slope < -reported {
        Shape::Shrinking
    } else {
        Shape::Flat
    }
}

/// On which side of the budget the interval of a slope lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Above,
    Below,
    Across,
}

/// On which side of `budget` the interval of `line` lies.
pub(crate) fn side_of(line: &Line, budget: f64, confidence: f64) -> Side {
    let half = line.half_width(confidence);
    if line.slope - half > budget {
        Side::Above
    } else if line.slope + half < budget {
        Side::Below
    } else {
        Side::Across
    }
}

/// What holding the interval of a line against the budget says.
pub(crate) fn ruling_of(side: Side) -> Ruling {
    match side {
        Side::Above => Ruling::new(Verdict::Leak, Why::AboveBudget),
        Side::Below => Ruling::new(Verdict::NoLeak, Why::BelowBudget),
        Side::Across => Ruling::open(Why::TooWide),
    }
}
