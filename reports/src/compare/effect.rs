//! What a change does to each figure beside growth, and whether that is accepted.

use super::alike::{Unlike, unlike};
use super::figure::{Accepted, Figure, Harm, HarmBudgets};
use super::ratio::{CONFIDENCE, Estimate};
use super::requirement::Decision;
use super::side::Side;
use super::spread::{Spread, ratio_of};
use crate::cell::MetricUnit;
use leaklab_judge::amount::number_text;

/// A figure of both sides.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Effect {
    /// Which figure.
    pub figure: Figure,
    /// Its value before, in the unit that the figure has.
    pub before: Option<f64>,
    /// Its value after.
    pub after: Option<f64>,
    /// Change in percent of the value before.
    pub percent: Option<f64>,
    /// The value after as a multiple of the value before, with its interval.
    pub ratio: Option<Estimate>,
    /// How much worse it may become, where somebody said it.
    pub budget: Option<Accepted>,
    /// Why the values are not simply held against each other; absent if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlike: Option<Unlike>,
    /// Whether it stays within that; what nobody gave a budget holds unless it is surely worse
    /// than [`Figure::tolerated`].
    pub decision: Decision,
    #[serde(skip)]
    unit: MetricUnit,
}

/// The figures that at least one side has, or that a budget asks for.
pub(super) fn effects(before: &Side, after: &Side, budgets: &HarmBudgets) -> Vec<Effect> {
    let spreads = |figure| before.figures.get(&figure).zip(after.figures.get(&figure));
    // What leaks is as large as its run is long: its growth is judged.
    let leaks = [before, after].iter().any(|side| side.leaking_runs > 0);
    let tolerated = |figure: Figure| match (figure.is_level(), before.value_of(figure)) {
        (true, _) if leaks => None,
        // Growth within its budget is accepted, and so is the level that it leads to.
        (true, Some(level)) => Some(figure.tolerated()? + after.grown() / level.max(1.0)),
        _ => figure.tolerated(),
    };
    let is_tested = |figure: &Figure| {
        let has_limit = budgets.contains_key(figure) || tolerated(*figure).is_some();
        has_limit && spreads(*figure).is_some()
    };
    let tested = Figure::ALL
        .iter()
        .filter(|figure| is_tested(figure))
        .count();
    // All figures together accuse a change that does nothing in no more than 5 % (Bonferroni).
    let sure = 1.0 - (1.0 - CONFIDENCE) / tested.max(1) as f64;
    let effect = |figure: Figure| {
        let (b, a) = (before.value_of(figure), after.value_of(figure));
        let budget = budgets.get(&figure).copied();
        if b.is_none() && a.is_none() && budget.is_none() {
            return None;
        }
        let percent = b
            .zip(a)
            .filter(|(b, _)| *b > 0.0)
            .map(|(b, a)| 100.0 * (a - b) / b);
        let unlike = unlike(before, after, figure);
        let [had, has] = [before, after].map(|side| side.figures.contains_key(&figure));
        // What is not told any more may have become any worse.
        let is_lost = had && !has && !figure.is_level() && tolerated(figure).is_some();
        let decided = match is_lost {
            true => Decision::Open,
            false => decide(figure, spreads(figure), budget, tolerated(figure), sure),
        };
        Some(Effect {
            figure,
            before: b,
            after: a,
            percent,
            ratio: spreads(figure).and_then(|(b, a)| ratio_of(b, a, CONFIDENCE)),
            budget,
            unlike,
            decision: match (unlike, budget) {
                (None, _) => decided,
                (Some(_), Some(_)) => Decision::Open,
                // A slower machine is no excuse, and no proof.
                (Some(Unlike::Machine), None) if decided == Decision::Refuted => Decision::Open,
                (Some(_), None) => Decision::Holds,
            },
            unit: figure.unit(after.unit),
        })
    };
    Figure::ALL.into_iter().filter_map(effect).collect()
}

fn decide(
    figure: Figure,
    spreads: Option<(&Spread, &Spread)>,
    budget: Option<Accepted>,
    tolerated: Option<f64>,
    sure: f64,
) -> Decision {
    let open = match budget {
        Some(_) => Decision::Open,
        None => Decision::Holds,
    };
    let Some((before, after)) = spreads else {
        return open;
    };
    // A program that stopped working must not pass for one that became no worse.
    if figure.harm() == Harm::Down && before.value > 0.0 && after.value <= 0.0 {
        return Decision::Refuted;
    }
    let share = match budget {
        Some(budget) => Some(budget.share_of(before.value)),
        None => tolerated,
    };
    let Some(share) = share else {
        return Decision::Holds;
    };
    let known = ratio_of(before, after, CONFIDENCE).zip(ratio_of(before, after, sure));
    let Some((likely, certain)) = known else {
        // A count that is nothing on both sides.
        return if before.value == after.value {
            Decision::Holds
        } else {
            open
        };
    };
    let (is_beyond, is_within) = match figure.harm() {
        Harm::Up => (certain.low > 1.0 + share, likely.high <= 1.0 + share),
        Harm::Down => (certain.high < 1.0 - share, likely.low >= 1.0 - share),
    };
    match (is_beyond, is_within) {
        (true, _) => Decision::Refuted,
        (false, true) => Decision::Holds,
        (false, false) => open,
    }
}

impl Effect {
    /// The figure's name for people.
    pub fn label(&self) -> &'static str {
        self.figure.name()
    }

    /// A value of this figure for people.
    pub fn shown(&self, value: Option<f64>) -> String {
        value.map_or("-".to_owned(), |value| self.unit.text(value))
    }

    /// Whether the figure is surely better than before.
    pub(super) fn is_better(&self) -> bool {
        let ratio = self.ratio.filter(|_| self.unlike.is_none());
        ratio.is_some_and(|ratio| match self.figure.harm() {
            Harm::Up => ratio.high < 1.0,
            Harm::Down => ratio.low > 1.0,
        })
    }

    /// Whether the figure is surely no better than before.
    pub(super) fn is_no_better(&self) -> bool {
        let ratio = self.ratio.filter(|_| self.unlike.is_none());
        ratio.is_some_and(|ratio| match self.figure.harm() {
            Harm::Up => ratio.low >= 1.0,
            Harm::Down => ratio.high <= 1.0,
        })
    }

    /// What has become of the figure: `throughput falls by 82.0 % (500/s → 90/s)`.
    pub fn words(&self) -> String {
        let change = match self.percent {
            Some(percent) if percent >= 100.0 => {
                let times = 1.0 + percent / 100.0;
                format!(
                    "is {} times what it was",
                    number_text(times.round().max(2.0))
                )
            }
            Some(percent) if percent < 0.0 => format!("falls by {:.1} %", -percent),
            Some(percent) => format!("rises by {percent:.1} %"),
            None => "changes".to_owned(),
        };
        format!(
            "{} {change} ({} → {})",
            self.label(),
            self.shown(self.before),
            self.shown(self.after)
        )
    }

    /// What of the figure is accepted, in words.
    pub fn budget_words(&self) -> String {
        match self.budget {
            Some(Accepted::Share(share)) => format!("{} %", number_text(100.0 * share)),
            Some(Accepted::Amount(amount)) => self.unit.text(amount),
            None => String::new(),
        }
    }
}
