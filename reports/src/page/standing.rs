//! Where a cell stands: how it ended and what was said of it, against what was expected.

use super::judgement::Judgement;
use leaklab_run::{Cell, Outcome, State};

/// The standing of a cell, the gravest first; the order of the exit codes 4, 5, 1, 3, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It could not be measured.
    Broken,
    /// Its program ended by itself.
    Died,
    /// It leaks, or its verdict is not the one that it declares.
    Unexpected,
    /// Its series could not decide.
    Undecided,
    /// It ended, and nothing has judged it.
    Unjudged,
    /// It runs, or its harness died without a word.
    Running,
    /// It has not started.
    Planned,
    /// Its verdict is the one that it declares, or it does not leak.
    Good,
}

impl Standing {
    /// Every standing, the gravest first.
    pub const ALL: [Standing; 8] = [
        Standing::Broken,
        Standing::Died,
        Standing::Unexpected,
        Standing::Undecided,
        Standing::Unjudged,
        Standing::Running,
        Standing::Planned,
        Standing::Good,
    ];

    /// The standing of `cell` with its judgement.
    pub fn of(cell: &Cell, judgement: Option<&Judgement>) -> Self {
        match (cell.status.state, cell.status.outcome) {
            (State::Planned, _) => return Standing::Planned,
            (State::Running, _) => return Standing::Running,
            (
                _,
                Some(
                    Outcome::NeverReady
                    | Outcome::SpawnFailed
                    | Outcome::HarnessFailed
                    | Outcome::LoadFailed,
                ),
            ) => {
                return Standing::Broken;
            }
            (_, Some(Outcome::Died)) => return Standing::Died,
            // A leak that was expected has shown itself; anything else has grown too much.
            (_, Some(Outcome::MemoryLimit)) => {
                let found = judgement.map(|j| j.deciding.verdict.as_str());
                return match cell.plan.expected.as_deref() {
                    Some(expected) if found == Some(expected) => Standing::Good,
                    _ => Standing::Unexpected,
                };
            }
            _ => {}
        }
        let Some(judgement) = judgement else {
            return Standing::Unjudged;
        };
        let expected = cell.plan.expected.as_deref().unwrap_or("no-leak");
        match judgement.deciding.verdict.as_str() {
            // Until then it did not grow; that is not what was to be shown.
            "no-leak"
                if matches!(
                    cell.status.outcome,
                    Some(Outcome::LoadEnded | Outcome::Ended)
                ) =>
            {
                Standing::Undecided
            }
            verdict if verdict == expected => Standing::Good,
            "leak" | "no-leak" => Standing::Unexpected,
            _ => Standing::Undecided,
        }
    }

    /// A sign that stands for it beside its words, so that colour is not the only signal.
    pub fn sign(self) -> &'static str {
        match self {
            Standing::Broken => "⊘",
            Standing::Died => "†",
            Standing::Unexpected => "✗",
            Standing::Undecided | Standing::Unjudged => "?",
            Standing::Running => "▸",
            Standing::Planned => "·",
            Standing::Good => "✓",
        }
    }

    /// Class of the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Standing::Broken | Standing::Died | Standing::Unexpected => "bad",
            Standing::Undecided | Standing::Unjudged => "unsure",
            Standing::Running | Standing::Planned => "open",
            Standing::Good => "good",
        }
    }

    /// What it means for `amount` cells, to follow their number.
    pub fn sentence(self, one: bool) -> &'static str {
        match (self, one) {
            (Standing::Broken, _) => "could not be measured",
            (Standing::Died, _) => "ended by itself before its time",
            (Standing::Unexpected, true) => "leaks, or is not what it declares",
            (Standing::Unexpected, false) => "leak, or are not what they declare",
            (Standing::Undecided, true) => "is inconclusive",
            (Standing::Undecided, false) => "are inconclusive",
            (Standing::Unjudged, true) => "has not been judged",
            (Standing::Unjudged, false) => "have not been judged",
            (Standing::Running, true) => "has not ended",
            (Standing::Running, false) => "have not ended",
            (Standing::Planned, true) => "has not started",
            (Standing::Planned, false) => "have not started",
            (Standing::Good, true) => "is as expected",
            (Standing::Good, false) => "are as expected",
        }
    }
}

/// The verdict of a cell in words: what was found, and what that is worth.
pub(super) fn verdict_words(
    cell: &Cell,
    judgement: Option<&Judgement>,
    standing: Standing,
) -> String {
    let found = judgement.map_or("no verdict", |j| match j.deciding.verdict.as_str() {
        "leak" => "leaks",
        "no-leak" => "does not leak",
        "inconclusive" => "inconclusive",
        other => other,
    });
    let expected = match cell.plan.expected.as_deref() {
        Some("leak") => Some("a leak"),
        Some("no-leak") => Some("no leak"),
        _ => None,
    };
    let outcome = cell.status.outcome.map_or("ended", outcome_words);
    match (standing, expected) {
        (Standing::Broken | Standing::Died, _) => outcome.to_owned(),
        (Standing::Planned, _) => "not started".to_owned(),
        (Standing::Running, _) if judgement.is_some() => format!("{found} so far"),
        (Standing::Running, _) => "not ended".to_owned(),
        (Standing::Unjudged, _) => format!("{outcome}, not judged"),
        (Standing::Good, Some(_)) => format!("{found}, as expected"),
        (Standing::Unexpected, Some(expected)) => format!("{found}, expected {expected}"),
        (Standing::Undecided, Some(expected)) => format!("{found}, expected {expected}"),
        (_, None) => found.to_owned(),
    }
}

/// How a cell ended, in words.
pub(super) fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::Stopped => "stopped early",
        Outcome::Died => "died by itself",
        Outcome::MemoryLimit => "ended at the memory limit",
        Outcome::NeverReady => "never became ready",
        Outcome::SpawnFailed => "could not be started",
        Outcome::HarnessFailed => "the harness failed",
        Outcome::LoadFailed => "the load failed",
        Outcome::LoadEnded => "the load ended early",
        Outcome::Ended => "ended while it was watched",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::{CellPlan, CellStatus};

    fn standing(
        outcome: Option<Outcome>,
        expected: Option<&str>,
        verdict: Option<&str>,
    ) -> Standing {
        let cell = Cell {
            folder: std::path::PathBuf::new(),
            plan: CellPlan {
                expected: expected.map(str::to_owned),
                ..CellPlan::default()
            },
            status: CellStatus {
                state: State::Finished,
                outcome,
                ..CellStatus::default()
            },
        };
        let judgement = verdict.map(|verdict| {
            let mut judgement = Judgement::default();
            judgement.deciding.verdict = verdict.to_owned();
            judgement
        });
        Standing::of(&cell, judgement.as_ref())
    }

    #[test]
    fn a_buggy_variant_that_does_not_leak_is_as_grave_as_a_leak() {
        let done = Some(Outcome::Completed);
        for (expected, verdict, want) in [
            (Some("leak"), Some("leak"), Standing::Good),
            (Some("leak"), Some("no-leak"), Standing::Unexpected),
            (Some("no-leak"), Some("leak"), Standing::Unexpected),
            (None, Some("leak"), Standing::Unexpected),
            (None, Some("no-leak"), Standing::Good),
            (Some("leak"), Some("inconclusive"), Standing::Undecided),
            (Some("leak"), Some("a later word"), Standing::Undecided),
            (Some("leak"), None, Standing::Unjudged),
        ] {
            assert_eq!(
                standing(done, expected, verdict),
                want,
                "{expected:?} {verdict:?}"
            );
        }
    }

    #[test]
    fn how_a_cell_ended_comes_before_what_its_series_says() {
        let leak = Some("leak");
        assert_eq!(standing(Some(Outcome::Died), leak, leak), Standing::Died);
        assert_eq!(
            standing(Some(Outcome::NeverReady), leak, None),
            Standing::Broken
        );
        let limit = Some(Outcome::MemoryLimit);
        assert_eq!(standing(limit, leak, leak), Standing::Good);
        assert_eq!(standing(limit, None, Some("no-leak")), Standing::Unexpected);
        assert!(Standing::Broken < Standing::Died && Standing::Died < Standing::Unexpected);
        assert!(Standing::ALL.is_sorted());
    }
}
