//! From verdicts to exit codes, and to words in tables.

use crate::exit::Exit;
use leaklab_reports::judge::{CellJudgement, Judgement, Verdict};
use leaklab_reports::run::{Cell, Outcome, columns};
use leaklab_reports::verdict::{VerdictOptions, judge_stored};

/// A cell with what the judge said of it.
pub struct JudgedCell<'a> {
    pub cell: &'a Cell,
    /// The judgement, or why there is none, in words.
    pub judgement: Result<CellJudgement, String>,
}

impl<'a> JudgedCell<'a> {
    /// Judges a cell from its folder.
    pub fn from_folder(cell: &'a Cell, options: &VerdictOptions) -> Self {
        let judgement = judge_stored(cell, options).map_err(|error| error.to_string());
        JudgedCell { cell, judgement }
    }

    /// Takes the verdict that was written when the cell ended, and judges only where there is
    /// none: what a run of thousands of cells can afford.
    pub fn as_recorded(cell: &'a Cell) -> Self {
        match cell.verdict() {
            Some(judgement) => JudgedCell {
                cell,
                judgement: Ok(judgement),
            },
            None => Self::from_folder(cell, &VerdictOptions::default()),
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
    pub fn memory(&self) -> Option<&Judgement> {
        let judgement = self.judgement.as_ref().ok()?;
        let of = |name: &str| {
            let mut metrics = judgement.metrics.iter();
            metrics.find(|metric| metric.metric == name)
        };
        of(columns::ALLOCATED_BYTES)
            .or_else(|| of(columns::RSS_BYTES))
            .map(|metric| &metric.judgement)
            .or_else(|| judgement.deciding())
    }

    /// Whether the verdict is the one that the variant declares; `None` if it declares none.
    pub fn is_as_expected(&self) -> Option<bool> {
        let expected = self.cell.plan.expected.as_deref()?;
        Some(self.verdict().to_string() == expected)
    }

    /// Seconds of load after which it did no more work, if it stopped before the load did.
    pub fn stopped_working_after_s(&self) -> Option<f64> {
        self.judgement.as_ref().ok()?.stopped_working_after_s
    }

    /// The verdict for a table, and whether it stopped working.
    pub fn verdict_text(&self) -> String {
        match (&self.judgement, self.stopped_working_after_s()) {
            (Err(_), _) => "not judged".to_owned(),
            (Ok(judgement), None) => judgement.verdict.to_string(),
            (Ok(judgement), Some(after_s)) => {
                format!("{}, dead after {after_s:.1} s", judgement.verdict)
            }
        }
    }

    /// What this cell adds to the exit code of the run.
    pub fn exit(&self) -> Exit {
        let by_verdict = match (self.is_as_expected(), self.verdict()) {
            (Some(true), _) | (None, Verdict::NoLeak) => Exit::Good,
            (_, Verdict::Inconclusive) => Exit::Inconclusive,
            _ => Exit::Bad,
        };
        match self.cell.status.outcome {
            // It lived on and did nothing: no better than an end. A leak that was expected
            // has shown itself before.
            Some(Outcome::Completed)
                if self.stopped_working_after_s().is_some()
                    && self.is_as_expected() != Some(true) =>
            {
                Exit::Died
            }
            Some(Outcome::Completed) => by_verdict,
            // A leak that was expected has shown itself; anything else that reached the
            // limit has grown too much.
            Some(Outcome::MemoryLimit) if self.is_as_expected() == Some(true) => Exit::Good,
            Some(Outcome::MemoryLimit) => Exit::Bad,
            Some(Outcome::Died | Outcome::NeverReady) => Exit::Died,
            Some(Outcome::HarnessFailed | Outcome::SpawnFailed) => Exit::Harness,
            Some(Outcome::Stopped) | None => Exit::Inconclusive,
        }
    }
}
