//! What somebody has accepted: a rate or level of a cell up to a bound and a day, or a cell that
//! runs and is reported and does not gate.

use super::record::NightRecord;
use super::story::{FigureStory, SeriesStory};
use crate::compare::ratio::Estimate;
use crate::compare::{Figure, HarmBudgets};
use leaklab_judge::Verdict;
use serde::Serialize;

/// One entry of `leaklab.ack.toml`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Acknowledgement {
    /// Address of the cell, or how it begins.
    pub cell: String,
    /// What is accepted.
    pub what: AcceptedUpTo,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it holds, `2026-12-31`.
    pub expires: String,
}

/// What an acknowledgement accepts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptedUpTo {
    /// A figure up to a value in its unit; of throughput, down to it.
    Figure(Figure, f64),
    /// Everything: the cell is in quarantine.
    Quarantine,
}

impl Acknowledgement {
    /// Whether it is of that cell; a program of one's own is known by its name, too.
    #[must_use]
    pub fn is_of(&self, cell: &str) -> bool {
        let is_it = |cell: &str| {
            let rest = cell.strip_prefix(&self.cell);
            rest.is_some_and(|rest| {
                rest.is_empty() || rest.starts_with("::") || rest.starts_with('#')
            })
        };
        is_it(cell) || cell.strip_prefix("command::").is_some_and(is_it)
    }

    /// Whether it holds on a day, written as its own.
    #[must_use]
    pub fn holds_on(&self, day: &str) -> bool {
        day <= self.expires.as_str()
    }

    /// Whether a level of a figure lies for sure within what is accepted.
    #[must_use]
    pub fn covers(&self, figure: Figure, level: &Estimate) -> bool {
        match self.what {
            AcceptedUpTo::Quarantine => true,
            AcceptedUpTo::Figure(of, _) if of != figure => false,
            AcceptedUpTo::Figure(Figure::Throughput, least) => level.low >= least,
            AcceptedUpTo::Figure(_, most) => level.high <= most,
        }
    }

    /// Who accepted it, why, and until when.
    #[must_use]
    pub fn words(&self) -> String {
        let what = match self.what {
            AcceptedUpTo::Figure(..) => "accepted",
            AcceptedUpTo::Quarantine => "in quarantine",
        };
        format!(
            "{what} until {} by {}: {}",
            self.expires, self.owner, self.reason
        )
    }
}

/// What does not gate: acknowledgements that hold today, and budgets for harm.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tolerance {
    /// Acknowledgements that hold.
    pub acknowledged: Vec<Acknowledgement>,
    /// How much worse each figure may become over nights.
    pub budgets: HarmBudgets,
}

impl Tolerance {
    /// Why what a night came to does not gate, in words; `None` if it does. A harness that failed
    /// is nothing that anybody can accept.
    #[must_use]
    pub fn of_night(&self, night: &NightRecord) -> Option<String> {
        let exit_code = night.exit_code.filter(|code| *code != 4)?;
        let leaks = exit_code == 1 && night.verdict == Verdict::Leak;
        let covers = |one: &&Acknowledgement| match one.what {
            AcceptedUpTo::Quarantine => true,
            AcceptedUpTo::Figure(figure, _) => {
                let growth = night.figure(figure).filter(|_| leaks && figure.is_growth());
                growth.is_some_and(|growth| one.covers(figure, &growth.estimate()))
            }
        };
        let mut accepted = self.acknowledged.iter();
        let one = accepted.find(|one| one.is_of(&night.cell) && covers(one))?;
        Some(one.words())
    }

    /// Why a cell does not gate whatever it comes to, in words; `None` if it is in no quarantine.
    #[must_use]
    pub fn of_cell(&self, cell: &str) -> Option<String> {
        let mut accepted = self.acknowledged.iter();
        let one = accepted.find(|one| one.what == AcceptedUpTo::Quarantine && one.is_of(cell))?;
        Some(one.words())
    }

    /// Why the harm of a figure does not gate, in words; `None` if it does.
    #[must_use]
    pub fn of(&self, story: &SeriesStory, figure: &FigureStory) -> Option<String> {
        let cell = story.cell();
        let now = figure.course.now?;
        let accepted = self.acknowledged.iter();
        let mut accepted = accepted.filter(|one| one.is_of(cell));
        if let Some(one) = accepted.find(|one| one.covers(figure.figure, &now.mean)) {
            return Some(one.words());
        }
        let budget = self.budgets.get(&figure.figure)?;
        let changes = figure.course.changes.iter();
        let size: f64 = changes
            .filter(|change| change.is_harm && change.confirmed_on.is_some())
            .map(|change| change.size.value.abs())
            .sum();
        let before = (now.mean.value.abs() - size)
            .abs()
            .max(now.mean.value.abs() * 1e-3);
        (size <= budget.share_of(before) * before).then(|| "within its budget".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_is_of_its_cell_until_its_day_up_to_its_value() {
        let one = Acknowledgement {
            cell: "shop".to_owned(),
            what: AcceptedUpTo::Figure(Figure::GrowthPerOperation, 64.0),
            reason: "ticket 7".to_owned(),
            owner: "ops".to_owned(),
            expires: "2026-12-31".to_owned(),
        };
        assert!(one.is_of("shop::web") && one.is_of("shop#2") && !one.is_of("shopping"));
        assert!(one.holds_on("2026-12-31") && !one.holds_on("2027-01-01"));
        let level = |value| Estimate {
            value,
            low: value,
            high: value,
        };
        assert!(one.covers(Figure::GrowthPerOperation, &level(60.0)));
        assert!(!one.covers(Figure::GrowthPerOperation, &level(70.0)));
        assert!(!one.covers(Figure::Peak, &level(1.0)));
    }
}
