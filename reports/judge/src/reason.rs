//! The verdict in one plain sentence.

use crate::amount::{amount_text, duration_text};
use crate::judgement::{Judgement, Verdict};
use crate::series::Unit;

/// Why a verdict was given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Why {
    TooFewReadings { readings: usize },
    AboveBudget,
    BelowBudget,
    TooWide,
    Unsettled,
    WindowsAgree,
    WindowsDisagree,
    WithinBefore,
    RisesLate,
    OnlyRises,
    TwoLevels,
    Multiplied { times: f64 },
    OwnLevel { times: f64 },
    Standstill,
    Decelerating,
    FewTeeth { teeth: usize },
    FewSteps { steps: usize },
    FewMoves { moves: usize },
    GrowsInSteps { steps: usize },
    NextStepDue { steps: usize },
    BelowGrain { grain: f64, wanted_s: f64 },
    NoWork,
    SettledLate,
    RestartsOrTeeth { falls: usize },
    RestartsDisagree { restarts: usize },
    ShortLives { restarts: usize },
    SinceRestart { why: Box<Why>, ran_s: f64 },
}

pub(crate) fn reason(judgement: &Judgement, why: &Why, unit: Unit, by_operation: bool) -> String {
    let per = if by_operation {
        "per operation"
    } else {
        "per hour"
    };
    let (slope, low, high, budget) = if by_operation {
        (
            judgement.slope_bytes_per_op,
            judgement.slope_low_bytes_per_op,
            judgement.slope_high_bytes_per_op,
            judgement.budget_bytes_per_op,
        )
    } else {
        (
            judgement.slope_bytes_per_hour,
            judgement.slope_low_bytes_per_hour,
            judgement.slope_high_bytes_per_hour,
            judgement.budget_bytes_per_hour,
        )
    };
    let text =
        |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| amount_text(value, unit));
    let interval = format!(
        "{} {per} ({:.0} % interval {} to {})",
        text(slope),
        judgement.confidence * 100.0,
        text(low),
        text(high)
    );
    let budget = format!("{} {per}", text(budget));
    let longer = judgement.needs_s.map_or_else(String::new, |s| {
        format!("; about {} more would tell", duration_text(s))
    });
    match why {
        Why::TooFewReadings { readings } => {
            format!("too few readings ({readings}) for a verdict{longer}")
        }
        Why::AboveBudget => {
            format!("sustained growth of {interval} lies above the budget of {budget}")
        }
        Why::BelowBudget if judgement.verdict == Verdict::NoLeak => {
            format!("growth of {interval} lies below the budget of {budget}")
        }
        Why::BelowBudget | Why::TooWide => {
            format!("growth of {interval} cannot be told from the budget of {budget}{longer}")
        }
        Why::WindowsAgree if judgement.verdict == Verdict::NoLeak => {
            format!(
                "the series is not straight, but every window of it grows less than the budget of {budget}"
            )
        }
        Why::WindowsAgree => {
            format!("growth is uneven, but in every window it lies above the budget of {budget}")
        }
        Why::Standstill => {
            format!("the values moved far less in all than the budget of {budget} would allow")
        }
        Why::WindowsDisagree => {
            format!("growth of {interval} is not sustained: part of the run hardly grows{longer}")
        }
        Why::WithinBefore => {
            format!("the rise at the end stays within what the series did before{longer}")
        }
        Why::OnlyRises => format!(
            "growth is uneven, but goes on in every part of the run and is never given back: {interval} lies above the budget of {budget}"
        ),
        Why::RisesLate => format!(
            "growth of {interval} lies below the budget of {budget} as a whole, but the end of the run rises beyond it{longer}"
        ),
        Why::TwoLevels => "the readings change between two levels in no order, as where those of two processes stand in one series, and one of these is not known to keep the budget; a series for each process would tell".to_owned(),
        Why::Multiplied { times } => format!(
            "growth of {interval} is within the budget of {budget}, a share of the level, but has made {times:.1} times that level of it without an end; a budget in bytes would tell"
        ),
        Why::OwnLevel { times } => format!(
            "growth of {interval} is within the budget of {budget}, a share of the level, but earlier growth has made that level, {times:.1} times what it was when a warm-up should be over; a budget in bytes would tell"
        ),
        Why::Unsettled => {
            format!("the series has not settled: no part up to its end is straight{longer}")
        }
        Why::Decelerating => {
            format!(
                "growth that slows down explains the series about as well as growth that lasts, so it may end by itself{longer}"
            )
        }
        Why::FewTeeth { teeth } => format!("only {teeth} floors of the sawtooth were seen{longer}"),
        Why::FewSteps { steps } => {
            format!(
                "{steps} steps up are too many for a one-off and too few for a staircase{longer}"
            )
        }
        Why::FewMoves { moves } => {
            format!(
                "the level rests and then moves: {moves} moves do not tell whether they go on{longer}"
            )
        }
        Why::GrowsInSteps { steps } => format!(
            "growth comes in {steps} steps, each as long in coming as those before it ask: {interval} lies above the budget of {budget}"
        ),
        Why::NextStepDue { steps } => format!(
            "the level rises in steps ({steps} seen), as one growing container does, and the next one is not overdue: growth of {interval} cannot be told from the budget of {budget}{longer}"
        ),
        Why::BelowGrain { grain, wanted_s } => format!(
            "nothing grew, but a leak at the budget of {budget} would not have shown yet: the values move in steps of {}, which takes {} in all",
            amount_text(*grain, unit),
            duration_text(*wanted_s)
        ),
        Why::NoWork => "no operation was completed: nothing that could leak was tested".to_owned(),
        Why::SettledLate => format!(
            "the series grew for longer than it has been level since, so that it may be the load that ended rather than the growth{longer}"
        ),
        Why::RestartsOrTeeth { falls } => format!(
            "{falls} falls back to where the series began may be restarts of a program that leaks, or teeth of one that does not; the times of its restarts, or its process id, would tell"
        ),
        Why::ShortLives { restarts } => {
            format!(
                "each of the stretches between {restarts} restarts or falls is too short to speak for the run{longer}"
            )
        }
        Why::SinceRestart { why, ran_s } => format!(
            "since the restart {} before the end: {}",
            duration_text(*ran_s),
            reason(judgement, why, unit, by_operation)
        ),
        Why::RestartsDisagree { restarts } => {
            format!("the stretches around {restarts} restarts contradict each other{longer}")
        }
    }
}
