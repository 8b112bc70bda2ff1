//! What a cell has come to: how it ended and what was said of it, against what was expected.
//!
//! One rule, in one place: the exit code, the test report, the page, the list of runs and the
//! words of tables derive from it.

use leaklab_judge::amount::duration_text;
use leaklab_judge::{CellJudgement, Verdict};
use leaklab_run::{Cell, CellPlan, Outcome, State};

/// The standing of a cell, the gravest first; the order of the exit codes 4, 5, 1, 3, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The harness or its environment failed: it could not be measured. Exit code 4.
    Broken,
    /// Its program died, was never ready, or made no progress while its load went on. Exit
    /// code 5.
    Died,
    /// It leaks, or its verdict is not the one that it declares. Exit code 1.
    Unexpected,
    /// Its series could not decide, or it did not run to its end. Exit code 3.
    Undecided,
    /// It ended, and nothing has judged it. Exit code 3.
    Unjudged,
    /// It runs, or its harness died without a word. Exit code 3.
    Running,
    /// It has not started. Exit code 3.
    Planned,
    /// Its verdict is the one that it declares, or it does not leak. Exit code 0.
    Good,
}

/// Whether a verdict, or an end, is the one that a variant declares; `None` if it declares none.
pub fn is_as_expected(cell: &Cell, judgement: Option<&CellJudgement>) -> Option<bool> {
    let expected = cell.plan.expected.as_deref()?;
    Some(match expected {
        DIES => cell.status.outcome == Some(Outcome::Died),
        verdict => judgement.is_some_and(|found| found.verdict.to_string() == verdict),
    })
}

/// What a variant declares that must end by itself.
const DIES: &str = "dies";

/// Whether the load of a cell is known to have gone on: the catalogue's own does, and one at a
/// rate; what drives another program may have ended without leaklab knowing.
fn load_is_known(plan: &CellPlan) -> bool {
    let is_program = plan.scenario.is_empty() || plan.scenario == "command";
    !is_program || plan.rate.is_some()
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
    pub fn of(cell: &Cell, judgement: Option<&CellJudgement>) -> Self {
        let expected = is_as_expected(cell, judgement);
        let leaks = judgement.is_some_and(|found| found.verdict == Verdict::Leak);
        match (cell.status.state, cell.status.outcome) {
            (State::Planned, _) => Standing::Planned,
            (State::Running, _) => Standing::Running,
            (_, Some(Outcome::SpawnFailed | Outcome::HarnessFailed | Outcome::LoadFailed)) => {
                Standing::Broken
            }
            (_, Some(Outcome::Died)) if expected == Some(true) && declares_death(cell) => {
                Standing::Good
            }
            (_, Some(Outcome::Died | Outcome::NeverReady)) => Standing::Died,
            // A leak that was expected has shown itself; anything else has grown too much.
            (_, Some(Outcome::MemoryLimit)) if expected == Some(true) => Standing::Good,
            (_, Some(Outcome::MemoryLimit)) => Standing::Unexpected,
            // What was seen up to then may be a leak; it is never the absence of one.
            (_, Some(Outcome::Stopped | Outcome::LoadEnded | Outcome::Ended) | None) => {
                match leaks && expected != Some(true) {
                    true => Standing::Unexpected,
                    false => Standing::Undecided,
                }
            }
            (_, Some(Outcome::Completed)) => match judgement {
                None => Standing::Unjudged,
                Some(found) => Self::of_completed(found, expected, load_is_known(&cell.plan)),
            },
        }
    }

    /// The standing of a series that nothing is known of but its verdict.
    pub fn of_verdict(judgement: &CellJudgement) -> Self {
        Self::of_completed(judgement, None, false)
    }

    fn of_completed(found: &CellJudgement, expected: Option<bool>, load_is_known: bool) -> Self {
        match (expected, found.verdict) {
            (Some(true), _) => Standing::Good,
            // It lived on and did nothing: no better than an end.
            _ if found.stopped_working_after_s.is_some() && load_is_known => Standing::Died,
            (None, Verdict::NoLeak) => Standing::Good,
            (_, Verdict::Inconclusive) => Standing::Undecided,
            (_, Verdict::Leak | Verdict::NoLeak) => Standing::Unexpected,
        }
    }

    /// The exit code that it stands for.
    pub fn exit_code(self) -> u8 {
        match self {
            Standing::Broken => 4,
            Standing::Died => 5,
            Standing::Unexpected => 1,
            Standing::Undecided | Standing::Unjudged | Standing::Running | Standing::Planned => 3,
            Standing::Good => 0,
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
            (Standing::Died, _) => "died or made no progress",
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

fn declares_death(cell: &Cell) -> bool {
    cell.plan.expected.as_deref() == Some(DIES)
}

/// The verdict of a cell in words: what was found, and what that is worth.
pub fn verdict_words(cell: &Cell, judgement: Option<&CellJudgement>) -> String {
    let standing = Standing::of(cell, judgement);
    let found = judgement.map_or("no verdict", |found| match found.verdict {
        Verdict::Leak => "leaks",
        Verdict::NoLeak => "does not leak",
        Verdict::Inconclusive => "inconclusive",
    });
    let found = match judgement.and_then(|found| found.stopped_working_after_s) {
        Some(after_s) => format!("{found}, no progress since {}", duration_text(after_s)),
        None => found.to_owned(),
    };
    let expected = match cell.plan.expected.as_deref() {
        Some("leak") => Some("a leak"),
        Some("no-leak") => Some("no leak"),
        Some(DIES) => Some("it to die"),
        _ => None,
    };
    let outcome = cell.status.outcome.map_or("ended", outcome_words);
    let ended_well = matches!(cell.status.outcome, Some(Outcome::Completed));
    match (standing, expected) {
        (Standing::Planned, _) => "not started".to_owned(),
        (Standing::Running, _) if judgement.is_some() => format!("{found} so far"),
        (Standing::Running, _) => "not ended".to_owned(),
        (Standing::Unjudged, _) => format!("{outcome}, not judged"),
        (Standing::Broken | Standing::Died, _) if !ended_well => outcome.to_owned(),
        (Standing::Good, Some(_)) if declares_death(cell) => format!("{outcome}, as expected"),
        (Standing::Good, Some(_)) => format!("{found}, as expected"),
        (Standing::Undecided, _) if !ended_well => match judgement {
            Some(_) => format!("{outcome}: {found} so far"),
            None => format!("{outcome}, not judged"),
        },
        (Standing::Unexpected | Standing::Undecided | Standing::Died, Some(expected)) => {
            format!("{found}, expected {expected}")
        }
        (_, _) => found,
    }
}

/// How a cell ended, in words.
pub fn outcome_words(outcome: Outcome) -> &'static str {
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
        Outcome::Ended => "ended by itself",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::CellStatus;

    fn cell(scenario: &str, outcome: Option<Outcome>, expected: Option<&str>) -> Cell {
        Cell {
            folder: std::path::PathBuf::new(),
            plan: CellPlan {
                scenario: scenario.to_owned(),
                expected: expected.map(str::to_owned),
                ..CellPlan::default()
            },
            status: CellStatus {
                state: State::Finished,
                outcome,
                ..CellStatus::default()
            },
        }
    }

    fn found(verdict: Verdict, stopped: bool) -> CellJudgement {
        CellJudgement {
            verdict,
            kind: None,
            metric: "rss_bytes".to_owned(),
            reason: String::new(),
            stopped_working_after_s: stopped.then_some(2.0),
            metrics: Vec::new(),
        }
    }

    fn standing(outcome: Outcome, expected: Option<&str>, verdict: Option<Verdict>) -> Standing {
        let judgement = verdict.map(|verdict| found(verdict, false));
        Standing::of(&cell("s", Some(outcome), expected), judgement.as_ref())
    }

    #[test]
    fn a_buggy_variant_that_does_not_leak_is_as_grave_as_a_leak() {
        let done = Outcome::Completed;
        let (leak, no_leak) = (Some(Verdict::Leak), Some(Verdict::NoLeak));
        for (expected, verdict, want) in [
            (Some("leak"), leak, Standing::Good),
            (Some("leak"), no_leak, Standing::Unexpected),
            (Some("no-leak"), leak, Standing::Unexpected),
            (None, leak, Standing::Unexpected),
            (None, no_leak, Standing::Good),
            (
                Some("leak"),
                Some(Verdict::Inconclusive),
                Standing::Undecided,
            ),
            (Some("leak"), None, Standing::Unjudged),
            (Some("dies"), no_leak, Standing::Unexpected),
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
        let (leak, no_leak) = (Some(Verdict::Leak), Some(Verdict::NoLeak));
        for (outcome, expected, verdict, want) in [
            (Outcome::Died, Some("leak"), leak, Standing::Died),
            (Outcome::Died, Some("dies"), None, Standing::Good),
            (Outcome::NeverReady, None, None, Standing::Died),
            (Outcome::HarnessFailed, None, no_leak, Standing::Broken),
            (Outcome::MemoryLimit, Some("leak"), leak, Standing::Good),
            (Outcome::MemoryLimit, None, no_leak, Standing::Unexpected),
            (Outcome::Stopped, None, no_leak, Standing::Undecided),
            (Outcome::Stopped, None, leak, Standing::Unexpected),
            (Outcome::Stopped, Some("leak"), leak, Standing::Undecided),
        ] {
            assert_eq!(standing(outcome, expected, verdict), want, "{outcome:?}");
        }
    }

    #[test]
    fn a_load_that_went_on_without_work_is_a_death_and_one_that_is_not_known_is_open() {
        let idle = found(Verdict::Inconclusive, true);
        let done = Some(Outcome::Completed);
        let of = |scenario| Standing::of(&cell(scenario, done, None), Some(&idle));
        assert_eq!(of("channel-io"), Standing::Died);
        assert_eq!(of("command"), Standing::Undecided);
        assert_eq!(Standing::of_verdict(&idle), Standing::Undecided);
        // A leak that was expected had shown itself before.
        let leak = found(Verdict::Leak, true);
        let buggy = cell("channel-io", done, Some("leak"));
        assert_eq!(Standing::of(&buggy, Some(&leak)), Standing::Good);
    }

    #[test]
    fn the_order_is_that_of_the_exit_codes() {
        let codes = Standing::ALL.map(Standing::exit_code);
        assert_eq!(codes, [4, 5, 1, 3, 3, 3, 3, 0]);
        assert!(Standing::ALL.is_sorted());
    }
}
