//! What somebody has accepted: a rate or level of a cell up to a bound and a day, or a cell that
//! runs and is reported and does not gate.

use super::change::Change;
use super::record::NightRecord;
use super::story::{FigureStory, SeriesStory};
use crate::compare::ratio::Estimate;
use crate::compare::{Figure, HarmBudgets};
use leaklab_judge::Verdict;
use leaklab_run::columns;
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

    /// Whether it is of that cell, or names that series: its cell with parameters, rate and load.
    #[must_use]
    pub fn is_of_series(&self, series: &str, cell: &str) -> bool {
        self.is_of(cell) || self.cell == series
    }

    /// Whether it accepts that `metric` leaked on a night: a figure covers the metric that it is of,
    /// up to its size. Growth is that of the memory, which has a line of its own when it settles.
    fn covers_leak(&self, night: &NightRecord, metric: &str) -> bool {
        let AcceptedUpTo::Figure(figure, _) = self.what else {
            return true;
        };
        let is_of_metric = match metric {
            columns::DESCRIPTORS => figure == Figure::Descriptors,
            columns::THREADS => figure == Figure::Threads,
            columns::SETTLED_BYTES => figure.is_growth(),
            other => figure.is_growth() && other == night.metric,
        };
        let measured = night.figure(figure).filter(|_| is_of_metric);
        measured.is_some_and(|measured| self.covers(figure, &measured.estimate()))
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
        if let Some(words) = self.of_series(&night.series, &night.cell) {
            return Some(words);
        }
        if exit_code != 1 || night.verdict != Verdict::Leak {
            return None;
        }
        // Lines that do not say what leaks are of the metric that their growth is of.
        let leaks = match night.leaks.is_empty() {
            true => std::slice::from_ref(&night.metric),
            false => &night.leaks[..],
        };
        let of_metric = |metric: &String| {
            let mut accepted = self.acknowledged.iter();
            let is_it = |one: &&Acknowledgement| {
                one.is_of_series(&night.series, &night.cell) && one.covers_leak(night, metric)
            };
            Some(accepted.find(is_it)?.words())
        };
        let mut words = leaks.iter().map(of_metric).collect::<Option<Vec<_>>>()?;
        words.dedup();
        Some(words.join("; "))
    }

    /// Why a series does not gate whatever it comes to, in words; `None` if it is in no quarantine.
    #[must_use]
    pub fn of_series(&self, series: &str, cell: &str) -> Option<String> {
        let mut accepted = self.acknowledged.iter();
        let is_it = |one: &&Acknowledgement| {
            one.what == AcceptedUpTo::Quarantine && one.is_of_series(series, cell)
        };
        Some(accepted.find(is_it)?.words())
    }

    /// Why the level that a figure has now does not gate, in words; `None` if it does.
    #[must_use]
    pub fn of_level(&self, story: &SeriesStory, figure: &FigureStory) -> Option<String> {
        self.of_estimate(story, figure, &figure.course.now?.mean)
    }

    fn of_estimate(
        &self,
        story: &SeriesStory,
        figure: &FigureStory,
        level: &Estimate,
    ) -> Option<String> {
        let mut accepted = self.acknowledged.iter();
        let one = accepted.find(|one| {
            one.is_of_series(&story.series, story.cell()) && one.covers(figure.figure, level)
        })?;
        Some(one.words())
    }

    /// Why a change of a figure for the worse does not gate, in words; `None` if it does. One that
    /// is suspected is held against the level that it would have led to.
    #[must_use]
    pub fn of_change(
        &self,
        story: &SeriesStory,
        figure: &FigureStory,
        change: &Change,
    ) -> Option<String> {
        let level = match change.confirmed_on {
            Some(_) => figure.course.now?.mean,
            None => change.after,
        };
        if let Some(words) = self.of_estimate(story, figure, &level) {
            return Some(words);
        }
        let budget = self.budgets.get(&figure.figure)?;
        // Everything since the first harm that is not undone, what was better since included.
        let first = figure.harm().next().unwrap_or(change);
        let changes = figure.course.changes.iter();
        let counts = |one: &&Change| {
            one.night >= first.night && (one.confirmed_on.is_some() || one.night == change.night)
        };
        let net: f64 = changes.filter(counts).map(|one| one.size.value).sum();
        let before = (level.value - net).abs().max(level.value.abs() * 1e-3);
        (net.abs() <= budget.share_of(before) * before).then(|| "within its budget".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_of_the_memory_that_is_accepted_covers_no_leak_of_descriptors() {
        let of = |figure, most| Acknowledgement {
            cell: "shop".to_owned(),
            what: AcceptedUpTo::Figure(figure, most),
            reason: "ticket 7".to_owned(),
            owner: "ops".to_owned(),
            expires: "2026-12-31".to_owned(),
        };
        let measured = |value| crate::history::Measured {
            value,
            standard_error: 0.5,
        };
        let night = |leaks: &[&str]| NightRecord {
            cell: "shop".to_owned(),
            series: "shop".to_owned(),
            verdict: Verdict::Leak,
            exit_code: Some(1),
            metric: "allocated_bytes".to_owned(),
            leaks: leaks.iter().map(|one| (*one).to_owned()).collect(),
            figures: [
                (Figure::GrowthPerOperation, measured(50.0)),
                (Figure::Descriptors, measured(400.0)),
            ]
            .into(),
            ..NightRecord::default()
        };
        let growth = of(Figure::GrowthPerOperation, 64.0);
        let descriptors = of(Figure::Descriptors, 500.0);
        let is_accepted = |acknowledged: &[&Acknowledgement], leaks: &[&str]| {
            let acknowledged = acknowledged.iter().map(|one| (*one).clone()).collect();
            let tolerance = Tolerance {
                acknowledged,
                ..Tolerance::default()
            };
            tolerance.of_night(&night(leaks)).is_some()
        };
        assert!(is_accepted(&[&growth], &["allocated_bytes"]));
        assert!(is_accepted(&[&growth], &[]));
        assert!(!is_accepted(&[&growth], &["descriptors"]));
        assert!(!is_accepted(
            &[&growth],
            &["allocated_bytes", "descriptors"]
        ));
        let both = [&growth, &descriptors];
        assert!(is_accepted(&both, &["allocated_bytes", "descriptors"]));
        assert!(!is_accepted(
            &[&descriptors],
            &["allocated_bytes", "descriptors"]
        ));
        assert!(!is_accepted(&both, &["threads"]));
    }

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
