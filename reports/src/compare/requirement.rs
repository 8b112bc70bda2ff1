//! What is asked of the second side, and whether it holds. One estimator for every command that
//! compares.

use super::beside::leak_beside;
use super::certificate::{Comparison, Outcome};
use super::effect::Effect;
use super::figure::{Figure, HarmBudgets};
use super::ratio::{CONFIDENCE, Estimate};
use super::side::Side;
use super::spread::{Moments, quantile};
use leaklab_judge::Verdict;
use leaklab_judge::amount::plural;

/// What is asked of the second side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Requirement {
    /// Its growth is not larger by more than the budget, and nothing else is harmed.
    #[default]
    NotWorse,
    /// The first grows, what remains of that in the second is within the budget, and nothing else
    /// is harmed.
    Fixed,
    /// Throughput, median latency or CPU time is better, growth is not worse, and nothing else is
    /// harmed.
    Faster,
}

impl Requirement {
    /// All of them with their names.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::NotWorse, "not-worse"),
        (Self::Fixed, "fixed"),
        (Self::Faster, "faster"),
    ];
}

/// Whether what is asked for is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It is shown.
    Holds,
    /// It is shown not to be so.
    Refuted,
    /// The series do not say.
    Open,
}

impl Decision {
    /// The graver of two: refuted, open, holds.
    #[must_use]
    pub fn or_graver(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refuted, _) | (_, Self::Refuted) => Self::Refuted,
            (Self::Open, _) | (_, Self::Open) => Self::Open,
            _ => Self::Holds,
        }
    }
}

/// What a comparison is asked.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Terms {
    /// What is asked of the second side.
    pub requirement: Requirement,
    /// How much worse each figure may become.
    pub budgets: HarmBudgets,
}

/// The answer to what was asked.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Answer {
    /// What was asked.
    pub requirement: Requirement,
    /// Whether it is so.
    pub decision: Decision,
    /// Why, in one sentence.
    pub reason: String,
    /// Repetitions of each side, beside those there are, that would probably tell; absent where
    /// it is decided, and where repetitions would not help.
    pub more_repeats: Option<u64>,
}

/// Most repetitions that are proposed: beyond, a larger budget or longer runs are the way.
const MOST_REPEATS: u64 = 1000;

pub(super) fn answer(comparison: &Comparison, requirement: Requirement) -> Answer {
    let mut parts = vec![not_worse(comparison)];
    let beside = leak_beside(&comparison.before, &comparison.after);
    parts.extend(beside.map(|(decision, reason)| Part::new(decision, reason)));
    match requirement {
        Requirement::NotWorse => {}
        Requirement::Fixed => parts.push(fixed(comparison)),
        Requirement::Faster => parts.push(faster(comparison)),
    }
    for effect in &comparison.changes {
        match effect.decision {
            Decision::Holds => {}
            Decision::Refuted => parts.push(Part::new(Decision::Refuted, effect.words())),
            Decision::Open => parts.push(open_budget(comparison, effect)),
        }
    }
    let (before, after) = (&comparison.before, &comparison.after);
    parts.extend(incomplete(before, after).map(|reason| Part::new(Decision::Open, reason)));
    let decision = parts
        .iter()
        .fold(Decision::Holds, |all, part| all.or_graver(part.decision));
    let gravest = || parts.iter().filter(|part| part.decision == decision);
    let reasons: Vec<&str> = gravest().map(|part| part.reason.as_str()).collect();
    let more = gravest().map(|part| part.more_repeats);
    Answer {
        requirement,
        decision,
        reason: reasons.join("; "),
        more_repeats: more
            .collect::<Option<Vec<u64>>>()
            .filter(|_| decision == Decision::Open)
            .and_then(|all| all.into_iter().max()),
    }
}

/// One of the things that are asked for.
struct Part {
    decision: Decision,
    reason: String,
    more_repeats: Option<u64>,
}

impl Part {
    /// One that more repetitions would not change.
    fn new(decision: Decision, reason: impl Into<String>) -> Self {
        Part {
            decision,
            reason: reason.into(),
            more_repeats: None,
        }
    }
}

/// What of a comparison is missing because a side did not complete, in words; `None` if nothing is.
pub(super) fn incomplete(before: &Side, after: &Side) -> Option<String> {
    match (&before.trouble, &after.trouble) {
        (None, Some(trouble)) => Some(format!("the second did not complete: {trouble}")),
        (Some(_), Some(trouble)) => Some(format!("neither side completed; the second: {trouble}")),
        (Some(trouble), None) if shows_nothing(before) => Some(format!(
            "the first did not complete: {trouble}; there is nothing to hold the second against"
        )),
        _ => None,
    }
}

fn not_worse(comparison: &Comparison) -> Part {
    if let Some(unlike) = &comparison.unlike {
        return Part::new(Decision::Open, unlike.as_str());
    }
    let (decision, reason) = match comparison.outcome {
        Outcome::Worse | Outcome::NotWorse if is_undecided(comparison) => (
            Decision::Open,
            "the judge does not decide on the second side, so that its growth is no figure to hold \
             against the first: run both longer",
        ),
        Outcome::Worse => (Decision::Refuted, "the second is worse beyond the budget"),
        Outcome::CannotSay => (
            Decision::Open,
            "whether the growth is worse cannot be said: repeat both, run them longer, or give a \
             budget that these series can show",
        ),
        Outcome::NotWorse if is_withheld(comparison) => (
            Decision::Open,
            "no growth was seen after, but it could not have been seen yet: run both longer",
        ),
        Outcome::NotWorse if leaks_now_and_then(comparison) => (
            Decision::Open,
            "some runs leak after, and none did before: repeat both",
        ),
        Outcome::NotWorse => (Decision::Holds, "the second is not worse beyond the budget"),
    };
    let more_repeats = match comparison.outcome {
        Outcome::CannotSay => {
            comparison
                .moments()
                .zip(comparison.budget)
                .and_then(|([before, after], budget)| {
                    let distance = (after.value - before.value - budget).abs();
                    more_repeats(&[before, after], comparison.runs(), distance)
                })
        }
        _ => None,
    };
    Part {
        more_repeats,
        ..Part::new(decision, reason)
    }
}

/// Whether the second side surely grows less than the first.
fn is_less(comparison: &Comparison) -> bool {
    let growth = |side| comparison.growth(side).copied();
    growth(&comparison.after)
        .zip(growth(&comparison.before))
        .is_some_and(|(after, before): (Estimate, Estimate)| after.high < before.low)
}

/// What could not have moved has not been seen not to move; but it is less than what was seen to
/// move before.
fn is_withheld(comparison: &Comparison) -> bool {
    /// Runs by which one side may have more of them than the other by chance.
    const BY_CHANCE: u64 = 1;
    let (before, after) = (&comparison.before, &comparison.after);
    let is_new = after.withheld_runs > before.withheld_runs + BY_CHANCE;
    (after.is_withheld || is_new) && !is_less(comparison)
}

/// Whether some runs of the second side leak, where none of the first does: their mean does not
/// speak for them.
fn leaks_now_and_then(comparison: &Comparison) -> bool {
    let (before, after) = (&comparison.before, &comparison.after);
    let is_some = after.leaking_runs > 0 && after.leaking_runs < after.runs;
    is_some && before.verdict == Verdict::NoLeak
}

/// Whether a single series stands after, of which the judge does not say whether it grows: its
/// warm-up, a tooth. Repetitions speak by their spread.
fn is_undecided(comparison: &Comparison) -> bool {
    let after = &comparison.after;
    after.runs == 1 && after.verdict == Verdict::Inconclusive && !is_less(comparison)
}

/// Whether a side that did not complete shows nothing that another can be held against: it never
/// worked, or held no more than what it was seen to hold up to its end.
fn shows_nothing(side: &Side) -> bool {
    side.verdict != Verdict::Leak || !side.is_measured
}

fn fixed(comparison: &Comparison) -> Part {
    let (before, after) = (&comparison.before, &comparison.after);
    if before.verdict != Verdict::Leak {
        return Part::new(
            Decision::Open,
            "no leak was shown before, so that none can be shown to be fixed",
        );
    }
    if comparison.unlike.is_some() {
        return Part::new(Decision::Open, "what remains is not that of the same thing");
    }
    let Some(remaining) = &comparison.remaining else {
        return Part::new(Decision::Open, "what remains of the growth is not known");
    };
    if remaining.beyond {
        return Part::new(Decision::Refuted, "what remains is beyond the budget");
    }
    if after.verdict == Verdict::Leak {
        let reason = format!("the second leaks: {}", after.reason);
        return Part::new(Decision::Refuted, reason);
    }
    if after.leaking_runs > 0 {
        let reason = format!("{} of {} runs after leak", after.leaking_runs, after.runs);
        return Part::new(Decision::Open, reason);
    }
    if remaining.within && after.is_withheld {
        let reason = "what remains is small, and the judge does not say yet that the second does \
                      not leak: run both longer";
        return Part::new(Decision::Open, reason);
    }
    if remaining.within {
        return Part::new(Decision::Holds, "what remains is within the budget");
    }
    let of_after = comparison.moments().and_then(|[_, moments]| {
        let distance = (remaining.budget - moments.value).abs();
        more_repeats(&[moments], after.runs, distance)
    });
    Part {
        more_repeats: of_after.filter(|_| !after.is_withheld),
        ..Part::new(
            Decision::Open,
            "what remains is not shown to be within the budget",
        )
    }
}

fn faster(comparison: &Comparison) -> Part {
    const SPEED: [Figure; 3] = [
        Figure::Throughput,
        Figure::LatencyP50,
        Figure::CpuPerOperation,
    ];
    let speed = || {
        let changes = comparison.changes.iter();
        changes.filter(|effect| SPEED.contains(&effect.figure))
    };
    if let Some(better) = speed().find(|effect| effect.is_better()) {
        return Part::new(Decision::Holds, better.words());
    }
    match speed().count() > 0 && speed().all(Effect::is_no_better) {
        true => Part::new(Decision::Refuted, "the second is not faster"),
        false => Part::new(
            Decision::Open,
            "neither throughput nor latency nor CPU time is surely better: repeat both",
        ),
    }
}

fn open_budget(comparison: &Comparison, effect: &Effect) -> Part {
    let spreads = [&comparison.before, &comparison.after].map(|s| s.figures.get(&effect.figure));
    let [Some(before), Some(after)] = spreads else {
        let reason = format!("{} was not measured on both sides", effect.label());
        return Part::new(Decision::Open, reason);
    };
    if let Some(unlike) = effect.unlike {
        return Part::new(Decision::Open, format!("{}, but {unlike}", effect.words()));
    }
    let moments = |log: f64, error: f64| Moments {
        value: log,
        standard_error: error,
        degrees: None,
    };
    let share = effect
        .budget
        .map_or(0.0, |budget| budget.share_of(before.value));
    let limit = match effect.figure.harm() {
        super::figure::Harm::Up => (1.0 + share).ln(),
        super::figure::Harm::Down => (1.0 - share).max(1e-9).ln(),
    };
    let change = (after.value / before.value).ln();
    let sides = [
        moments(0.0, before.log_error),
        moments(change, after.log_error),
    ];
    let reason = format!(
        "whether {} stays within its budget of {} cannot be said",
        effect.label(),
        effect.budget_words()
    );
    Part {
        more_repeats: more_repeats(&sides, comparison.runs(), (change - limit).abs()),
        ..Part::new(Decision::Open, reason)
    }
}

/// Runs of each side beside `runs` after which the interval of a sum of `parts` is probably
/// shorter than `distance`.
fn more_repeats(parts: &[Moments], runs: u64, distance: f64) -> Option<u64> {
    let per_run: f64 = parts
        .iter()
        .map(|one| one.standard_error.powi(2) * runs as f64)
        .sum();
    let enough = |count: &u64| {
        let degrees = parts.len() as f64 * (*count as f64 - 1.0);
        let error = (per_run / *count as f64).sqrt();
        quantile(CONFIDENCE, Some(degrees)) * error <= distance
    };
    let count = (runs + 1..=MOST_REPEATS)
        .filter(|count| *count > 1)
        .find(enough)?;
    Some(count - runs)
}

impl Answer {
    /// The answer as a line below a table.
    pub fn words(&self) -> String {
        let (_, name) = Requirement::ALL
            .into_iter()
            .find(|(one, _)| *one == self.requirement)
            .unwrap_or_default();
        let more = match (self.decision, self.more_repeats) {
            (Decision::Open, Some(more)) => {
                format!(
                    "; about {} of each side would tell",
                    plural(more, "more run")
                )
            }
            _ => String::new(),
        };
        let word = match self.decision {
            Decision::Holds => "holds",
            Decision::Refuted => "is refuted",
            Decision::Open => "is open",
        };
        format!("`{name}` {word}: {}{more}", self.reason)
    }
}
