//! A run of `leaklab ab`: its two sides, what was asked of the second, and the answer.
//!
//! The command, `compare` and the page of such a run say the same of it, because they ask here.

use super::certificate::Comparison;
use super::pool::pooled;
use super::requirement::{Decision, Terms};
use super::side::{Side, SideError};
use crate::cell::{Standing, VerdictOptions, stored_verdict, verdict_words};
use leaklab_judge::CellJudgement;
use leaklab_run::{Cell, Outcome, Run, State};

/// What the sides are called: the variants of the run.
pub const PAIR_NAMES: [&str; 2] = ["before", "after"];

/// Key of the record that says that a run is of two sides, and what was asked.
pub const PAIR_KEY: &str = "ab";

/// Whether both sides of a comparison are in one run.
#[must_use]
pub fn is_pair(run: &Run) -> bool {
    run.record.configuration.other.contains_key(PAIR_KEY)
}

/// What was asked of the second side of such a run; `None` of another run, and where it is not
/// recorded.
#[must_use]
pub fn terms_of_pair(run: &Run) -> Option<Terms> {
    let facts = run.record.configuration.other.get(PAIR_KEY)?;
    serde_json::from_value(facts.get("terms")?.clone()).ok()
}

/// What keeps cells from being compared, and which they are: a harness that failed, a side that
/// died, a second side that did no more work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedEarly {
    /// [`Standing::Broken`] or [`Standing::Died`].
    pub standing: Standing,
    /// A line for each of those cells.
    pub words: String,
}

impl EndedEarly {
    /// The gravest such end in a run of both sides.
    #[must_use]
    pub fn of_pair(run: &Run) -> Option<Self> {
        let [first, second]: [Vec<&Cell>; 2] = PAIR_NAMES.map(|name| cells_of(run, name).collect());
        // What a leak brought to a halt before is what the change is to mend.
        let first = first.into_iter().map(|cell| (cell, None));
        Self::gravest(first.chain(second.into_iter().map(|cell| (cell, stored_verdict(cell)))))
    }

    /// The gravest such end of a second side.
    #[must_use]
    pub fn of_second(cells: &[Cell]) -> Option<Self> {
        Self::gravest(cells.iter().map(|cell| (cell, stored_verdict(cell))))
    }

    fn gravest<'a>(cells: impl Iterator<Item = (&'a Cell, Option<CellJudgement>)>) -> Option<Self> {
        let ends = cells.filter_map(|(cell, judged)| {
            let standing = Standing::of(cell, judged.as_ref());
            let words = match cell.status.outcome {
                Some(Outcome::Completed) => verdict_words(cell, judged.as_ref()),
                _ => cell.status.message.clone(),
            };
            matches!(standing, Standing::Broken | Standing::Died)
                .then(|| (standing, format!("{}: {words}", cell.plan.id)))
        });
        let ends: Vec<(Standing, String)> = ends.collect();
        let standing = ends.iter().map(|(standing, _)| *standing).min()?;
        let early = ends.into_iter().filter(|(end, _)| *end == standing);
        let words: Vec<String> = early.map(|(_, words)| words).collect();
        Some(EndedEarly {
            standing,
            words: words.join("\n"),
        })
    }
}

/// The runs of one side.
fn cells_of<'a>(run: &'a Run, name: &'a str) -> impl Iterator<Item = &'a Cell> {
    run.cells
        .iter()
        .filter(move |cell| cell.plan.variant == name)
}

/// What a run of both sides has come to.
#[derive(Debug)]
pub struct PairAnswer {
    /// The certificate, or why there is none.
    pub comparison: Result<Comparison, String>,
    /// The cells without samples.
    pub left_out: Vec<SideError>,
    /// What ended early, if anything did.
    pub early: Option<EndedEarly>,
}

impl PairAnswer {
    /// Compares the sides of `run`.
    #[must_use]
    pub fn of(run: &Run, terms: &Terms, options: &VerdictOptions) -> Self {
        let mut left_out = Vec::new();
        let [before, after] = PAIR_NAMES.map(|name| side_of(run, name, options, &mut left_out));
        let both = before.and_then(|before| Ok((before, after?)));
        PairAnswer {
            comparison: both.map(|(before, after)| Comparison::with(before, after, terms)),
            left_out,
            early: EndedEarly::of_pair(run),
        }
    }

    /// The answer of a run that has ended, to what it was asked; `None` of a run that is none of
    /// two sides, and while it goes on.
    #[must_use]
    pub fn of_ended(run: &Run) -> Option<Self> {
        let has_ended = (run.cells.iter()).all(|cell| cell.status.state == State::Finished);
        (is_pair(run) && has_ended).then(|| {
            let terms = terms_of_pair(run).unwrap_or_default();
            Self::of(run, &terms, &VerdictOptions::default())
        })
    }

    /// What it stands for: the exit code derives from it, and the colour.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let decision = self.comparison.as_ref().map(|one| one.answer.decision);
        match (&self.early, decision) {
            (Some(early), _) => early.standing,
            (None, Ok(Decision::Holds)) => Standing::Good,
            (None, Ok(Decision::Refuted)) => Standing::Unexpected,
            (None, Ok(Decision::Open) | Err(_)) => Standing::Undecided,
        }
    }

    /// The sentence to quote.
    #[must_use]
    pub fn sentence(&self) -> &str {
        match &self.comparison {
            Ok(comparison) => &comparison.sentence,
            Err(why) => why,
        }
    }

    /// Whether what was asked holds, in words.
    #[must_use]
    pub fn answer(&self) -> String {
        match (&self.comparison, &self.early) {
            (Ok(comparison), _) => comparison.answer.words(),
            (Err(_), Some(early)) => early.words.clone(),
            (Err(_), None) => "nothing was compared".to_owned(),
        }
    }
}

/// The runs of one side taken together.
fn side_of(
    run: &Run,
    name: &str,
    options: &VerdictOptions,
    left_out: &mut Vec<SideError>,
) -> Result<Side, String> {
    let (mut sides, mut message) = (Vec::new(), "it was not run");
    for cell in cells_of(run, name) {
        match Side::from_cell(run, cell, options) {
            Ok(side) => sides.push(side),
            Err(error) => {
                left_out.push(error);
                message = &cell.status.message;
            }
        }
    }
    let (count, measured) = (cells_of(run, name).count(), sides.len());
    let mut side = pooled(sides)
        .pop()
        .ok_or_else(|| format!("the side `{name}` has nothing to compare: {message}"))?;
    // The others do not answer for a repetition of which nothing is known.
    if measured < count && side.trouble.is_none() {
        side.trouble = Some(format!("{} of {count} left no sample", count - measured));
    }
    Ok(side)
}
