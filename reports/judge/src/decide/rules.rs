//! The rules that give a verdict, by name, and how they are asked.
//!
//! At every level (the whole series, its lives, one segment, the fit through it) the rules are
//! asked in the order of their list, and the first that speaks decides there. Nothing is
//! overruled afterwards but by the rules of the level above, which are asked of what the level
//! below has found.

use serde::Serialize;

use crate::decide::case::Case;
use crate::decide::finding::Finding;
use crate::explanation::Note;
use crate::fit::line::Line;
use crate::judgement::{Shape, Verdict};
use crate::reason::Why;

/// A rule of the judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What it asks, as a question.
    pub asks: &'static str,
    /// What it says if the answer is yes.
    pub says: &'static str,
}

/// What a rule says.
#[derive(Debug, Clone)]
pub(crate) struct Ruling {
    pub verdict: Verdict,
    pub why: Why,
    /// The shape, where it is not that of the finding.
    pub shape: Option<Shape>,
    /// The line, where it is not that of the finding.
    pub line: Option<Line>,
}

impl Ruling {
    pub fn new(verdict: Verdict, why: Why) -> Self {
        Self {
            verdict,
            why,
            shape: None,
            line: None,
        }
    }

    pub fn open(why: Why) -> Self {
        Self::new(Verdict::Inconclusive, why)
    }

    pub fn shaped(self, shape: Shape) -> Self {
        Self {
            shape: Some(shape),
            ..self
        }
    }

    pub fn with_line(self, line: Line) -> Self {
        Self {
            line: Some(line),
            ..self
        }
    }
}

/// A rule with the question that it puts to the evidence `E`.
pub(crate) type Asked<E> = (Rule, fn(&E) -> Option<Ruling>);

/// Asks `rules` in their order; the first that speaks decides.
pub(crate) fn first_to_speak<E>(
    case: &Case<'_>,
    evidence: &E,
    rules: &[Asked<E>],
) -> Option<Ruling> {
    rules.iter().find_map(|(rule, ask)| {
        let ruling = ask(evidence);
        case.note(|| Note::Rule {
            name: rule.name.to_owned(),
            asks: rule.asks.to_owned(),
            said: ruling.as_ref().map(|ruling| ruling.verdict),
        });
        ruling
    })
}

/// `finding` as the first of `rules` that speaks has it; as it is where none does.
pub(crate) fn ruled<E>(
    case: &Case<'_>,
    finding: Finding,
    evidence: &E,
    rules: &[Asked<E>],
) -> Finding {
    match first_to_speak(case, evidence, rules) {
        Some(ruling) => finding.with(ruling),
        None => finding,
    }
}

macro_rules! catalogue {
    ($($id:ident $name:literal $asks:literal $says:literal)*) => {
        $(
            pub(crate) const $id: Rule = Rule { name: $name, asks: $asks, says: $says };
        )*
        /// Every rule, in the order in which they are asked.
        pub const RULES: &[Rule] = &[$($id),*];
    };
}

catalogue! {
    TOO_FEW_READINGS "too-few-readings"
        "Are there fewer than ten readings, or is no time between them?"
        "inconclusive"
    NO_WORK "no-work"
        "Are operations counted, and was none completed?"
        "inconclusive"
    BELOW_GRAIN "below-grain"
        "Would a leak at the budget not have made three steps of the metric in the time that was fitted?"
        "inconclusive, in place of no-leak"
    ROOM_LEFT "room-left"
        "Has a count that is exact grown in the later half of the record by what a container that keeps the budget would have doubled by?"
        "inconclusive, in place of no-leak"
    TWO_LEVELS "two-levels"
        "Do the readings change between two levels in no order, of which one alone is not known to keep the budget?"
        "inconclusive, in place of no-leak"
    MULTIPLIED "multiplied"
        "Has steady growth made half again of the level that the budget is a share of, or is it beyond that share of the level that was there when a warm-up should be over?"
        "inconclusive, in place of no-leak"
    FEW_TEETH "few-teeth"
        "Are there fewer than three floors of a sawtooth, or fewer than eight of teeth that are not alike?"
        "inconclusive"
    FADING_FLOORS "fading-floors"
        "Do few floors lie above the budget, but not rise to the end?"
        "inconclusive"
    RESTARTS_OR_TEETH "restarts-or-teeth"
        "May the falls be restarts of a program that leaks as well as teeth: fewer than eight back to where the series began, by the clock, or with the leap of a start, or most of them with a gap?"
        "inconclusive"
    ONE_TOOTH "one-tooth"
        "Is what rises in one life no more than what a fall has taken back before?"
        "inconclusive"
    LIVES_DISAGREE "lives-disagree"
        "Do long lives contradict each other?"
        "inconclusive"
    LIFE_ALONE "life-alone"
        "Does one of four or more lives leak, and do the others not agree for most of the time?"
        "inconclusive"
    SHORT_LIVES "short-lives"
        "Is every life that decides too short to speak for the run?"
        "inconclusive"
    LIVES_TOGETHER "lives-together"
        "Does the mean of all lives at equal ages decide what they do not, or speak against them?"
        "what the mean says, inconclusive where it speaks against a verdict; of restarts without a record what their pooled slope says, and many lives can only clear"
    SINCE_RESTART "since-restart"
        "Do the lives since one restart on record decide, and those before it speak against what they say?"
        "what the lives since then say"
    ONLY_RISES "only-rises"
        "Does the level go up in every window of the run, about as fast in its later half, and hardly ever down?"
        "leak"
    FEW_STEPS "few-steps"
        "Is the growth made of three or four steps up?"
        "inconclusive"
    GROWS_IN_STEPS "grows-in-steps"
        "Do four or more steps, or three that were filled at one pace, each as long in coming as those before it ask, carry growth above the budget?"
        "leak"
    NEXT_STEP_DUE "next-step-due"
        "Does the level rise in steps of which the next is not overdue?"
        "inconclusive"
    FEW_MOVES "few-moves"
        "Does a level that rests and moves carry growth above the budget, without having ended?"
        "inconclusive"
    WINDOWS_DISAGREE "windows-disagree"
        "Does the beginning or the end of the fitted part rule out half of its growth?"
        "inconclusive"
    WITHIN_BEFORE "within-before"
        "Does a late rise stay within what the series did before?"
        "inconclusive"
    SLOWING "slowing"
        "Does a curve that flattens out explain the growth about as well as a line?"
        "inconclusive"
    SETTLED_LATE "settled-late"
        "Is the settled part short beside straight growth above the budget ahead of it?"
        "inconclusive, in place of no-leak"
    RISES_LATE "rises-late"
        "Does the last eighth, sixth, fourth, third or half of the fitted part rise beyond the budget by itself?"
        "inconclusive, in place of no-leak"
    MAY_RISE "may-rise"
        "Does a bend up that may well be one lead beyond the budget?"
        "inconclusive, in place of no-leak"
    WINDOWS_AGREE "windows-agree"
        "Do all windows of a series that is nowhere straight lie on one side of the budget?"
        "leak or no-leak"
    FALLING "falling"
        "Does the level fall from each window to the next?"
        "no-leak"
    STANDSTILL "standstill"
        "Have the values moved, in all, far less than the budget allows in the time?"
        "no-leak"
    UNSETTLED "unsettled"
        "Is no part up to the end straight?"
        "inconclusive"
    MAY_BE_WITHIN "may-be-within"
        "Does a bend that may be one, or what is left of a warm-up or a filling cache, bring the interval of a slope above the budget down to it?"
        "inconclusive, in place of leak"
    ABOVE_BUDGET "above-budget"
        "Does the interval of the slope lie above the budget?"
        "leak"
    BELOW_BUDGET "below-budget"
        "Does the interval of the slope lie below the budget?"
        "no-leak"
    TOO_WIDE "too-wide"
        "Does the interval of the slope hold the budget?"
        "inconclusive"
}
