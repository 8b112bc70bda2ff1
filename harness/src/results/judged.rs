//! From verdicts to exit codes, and to words in tables.

use crate::exit::Exit;
use leaklab_judge::amount::duration_text;
use leaklab_judge::{CellJudgement, MetricJudgement, Verdict, in_order};
use leaklab_reports::cell::{
    Standing, VerdictOptions, is_as_expected, judge_told, memory_judgement, metric_judgement,
    outcome_words, stored_or_judged, verdict_words,
};
use leaklab_run::{Cell, Outcome, State};

/// Judges cells from their folders, on as many threads as there are processors, and hands each
/// to `each` in the order of `cells`, as soon as it and those before it are judged.
///
/// # Errors
///
/// The first error of `each`; cells that are left are not judged then.
pub fn judge_all<'a, E>(
    cells: &'a [Cell],
    options: &VerdictOptions,
    each: impl FnMut(JudgedCell<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let judged = |cell: &'a Cell| JudgedCell::from_folder(cell, options);
    in_order(cells.iter().collect(), judged, each)
}

/// A cell with what the judge said of it.
pub struct JudgedCell<'a> {
    pub cell: &'a Cell,
    /// The judgement, or why there is none, in words.
    pub judgement: Result<CellJudgement, String>,
    /// What of its record is damaged or gone, where its samples were read.
    pub damage: Vec<String>,
}

impl<'a> JudgedCell<'a> {
    /// Judges a cell from its folder.
    pub fn from_folder(cell: &'a Cell, options: &VerdictOptions) -> Self {
        let (judgement, damage) = match judge_told(cell, options) {
            Ok((judgement, damage)) => (Ok(judgement), damage),
            Err(error) => (Err(error.to_string()), Vec::new()),
        };
        JudgedCell {
            cell,
            judgement,
            damage,
        }
    }

    /// Takes the verdict that was written when the cell ended, and judges only where there is
    /// none: what a run of thousands of cells can afford.
    pub fn as_recorded(cell: &'a Cell) -> Self {
        let judgement = stored_or_judged(cell, &VerdictOptions::default());
        JudgedCell {
            cell,
            judgement: judgement.map_err(|error| error.to_string()),
            damage: Vec::new(),
        }
    }

    /// The verdict; a cell that could not be judged is inconclusive.
    pub fn verdict(&self) -> Verdict {
        self.judgement
            .as_ref()
            .map_or(Verdict::Inconclusive, |judgement| judgement.verdict)
    }

    /// What was judged of the memory: the live heap, or what comes closest to it. Another
    /// metric (descriptors) may have decided.
    pub fn memory(&self) -> Option<&MetricJudgement> {
        memory_judgement(self.judgement.as_ref().ok()?)
    }

    /// What a table shows the growth of: the memory, or what decided where none was read.
    pub fn shown(&self) -> Option<&MetricJudgement> {
        let judgement = self.judgement.as_ref().ok()?;
        let decided = || metric_judgement(judgement, &judgement.metric);
        memory_judgement(judgement).or_else(decided)
    }

    /// Whether the verdict is the one that the variant declares; `None` if it declares none.
    pub fn is_as_expected(&self) -> Option<bool> {
        is_as_expected(self.cell, self.judgement.as_ref().ok())
    }

    /// Whether it did what the variant declares, its end included: who died after it had leaked as
    /// it declares has not. `None` if it declares nothing.
    pub fn does_as_declared(&self) -> Option<bool> {
        let declares = self.cell.plan.expected.is_some();
        declares.then(|| self.standing() == Standing::Good)
    }

    /// What the cell has come to.
    pub fn standing(&self) -> Standing {
        Standing::of(self.cell, self.judgement.as_ref().ok())
    }

    /// Seconds of load after which it did no more work, if it stopped before the load did.
    pub fn stopped_working_after_s(&self) -> Option<f64> {
        self.judgement.as_ref().ok()?.stopped_working_after_s
    }

    /// The verdict for a table, and whether it stopped working; of what was not measured, why.
    pub fn verdict_text(&self) -> String {
        let outcome = self.cell.status.outcome;
        if let Some(outcome) = outcome.filter(|one| !one.is_measured()) {
            return outcome_words(outcome).to_owned();
        }
        match (&self.judgement, self.stopped_working_after_s()) {
            (Err(_), _) => "not judged".to_owned(),
            (Ok(judgement), None) => judgement.verdict.to_string(),
            (Ok(judgement), Some(after_s)) => {
                format!(
                    "{}, no progress since {}",
                    judgement.verdict,
                    duration_text(after_s)
                )
            }
        }
    }

    /// The verdict for a table that does not say how a cell ended: of one that did not come to its
    /// end and was not seen to leak until then, that.
    pub fn cell_text(&self) -> String {
        match self.is_whole() || self.verdict() == Verdict::Leak {
            true => self.verdict_text(),
            false => verdict_words(self.cell, self.judgement.as_ref().ok()),
        }
    }

    /// Why it is what it is: the judge's reason, and before it how it ended, where it did not come to
    /// its end and was not seen to leak until then.
    pub fn reason(&self) -> String {
        let status = &self.cell.status;
        match &self.judgement {
            Ok(judgement) if self.is_whole() || judgement.verdict == Verdict::Leak => {
                judgement.reason.clone()
            }
            Ok(judgement) if !status.message.is_empty() => {
                format!("{}; up to then {}", status.message, judgement.reason)
            }
            Ok(judgement) => judgement.reason.clone(),
            Err(error) => error.clone(),
        }
    }

    /// Whether it came to its end.
    pub fn is_whole(&self) -> bool {
        self.cell.status.outcome == Some(Outcome::Completed)
    }

    /// What is said of it in a line: the verdict of a cell that came to its end as it declares, else
    /// how it ended and what that makes of its verdict.
    pub fn said(&self) -> String {
        let ended_well = self.cell.status.outcome == Some(Outcome::Completed);
        match ended_well && self.is_as_expected() != Some(false) {
            true => self.verdict_text(),
            false => verdict_words(self.cell, self.judgement.as_ref().ok()),
        }
    }

    /// How it ended, if that was not its end, and what that makes of its verdict.
    pub fn cut_short(&self) -> Option<String> {
        let status = &self.cell.status;
        if status.outcome == Some(Outcome::Completed) && status.state == State::Finished {
            return None;
        }
        let words = verdict_words(self.cell, self.judgement.as_ref().ok());
        let message = match status.message.as_str() {
            "" => String::new(),
            message => format!(" ({message})"),
        };
        let code = self.exit().code();
        let of_run = status.stopped_by_signal.map_or(String::new(), |signal| {
            let code = Exit::Signal(signal).code();
            format!(" (the run itself ended with {code}, for the signal)")
        });
        Some(format!(
            "{}: {words}{message}; exit code {code}, whatever its samples say{of_run}",
            self.cell.plan.id
        ))
    }

    /// What this cell adds to the exit code of the run.
    pub fn exit(&self) -> Exit {
        self.standing().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::{CellPlan, CellStatus};

    /// Cells of which nothing was stored.
    fn cells(count: usize) -> Vec<Cell> {
        let cell = |number: usize| Cell {
            folder: std::path::PathBuf::from("/nonexistent"),
            plan: CellPlan {
                id: number.to_string(),
                ..CellPlan::default()
            },
            status: CellStatus::default(),
        };
        (0..count).map(cell).collect()
    }

    #[test]
    fn cells_judged_on_several_threads_come_in_their_order() {
        let cells = cells(500);
        let mut seen = Vec::new();
        let done: Result<(), ()> = judge_all(&cells, &VerdictOptions::default(), |judged| {
            assert!(judged.judgement.is_err(), "there is nothing to judge");
            seen.push(judged.cell.plan.id.clone());
            Ok(())
        });
        assert_eq!(done, Ok(()));
        let ids: Vec<String> = (0..500).map(|number: usize| number.to_string()).collect();
        assert_eq!(seen, ids);
    }

    #[test]
    fn the_first_error_ends_it() {
        let cells = cells(500);
        let mut taken = 0;
        let done = judge_all(&cells, &VerdictOptions::default(), |_| {
            taken += 1;
            if taken < 3 { Ok(()) } else { Err("full") }
        });
        assert_eq!((done, taken), (Err("full"), 3));
    }
}
