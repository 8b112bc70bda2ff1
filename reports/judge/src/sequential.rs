//! A verdict while the run goes on, looked at again and again, that stays valid.
//!
//! Looks are taken at geometrically growing times, and the error allowed to all of them
//! together is divided among them: one half as 6/(π²k²), which sums to one over however many
//! looks, and one half evenly among the first [`EVEN_LOOKS`]. By Bonferroni's inequality, which asks nothing about how the
//! looks depend on each other, the probability that any look ever errs is at most α, as far as
//! each interval covers what it claims. A verdict is final when two looks in a row agree; the
//! second of them comes sooner.
//!
//! That bounds the error of chance. The other error is that of the model: a cache that still
//! fills, a tooth that still rises and a leak look alike until the first two are over. Against
//! it stands a least length ([`StoppingRule::not_before`]): nothing is final before, and growth
//! must have lasted that long by itself, longer still the nearer it is to the budget. It must also
//! have come to a good part of what the program rose by ahead of it, of which it may be the end;
//! and growth that is uneven, of which no line is precise, ends nothing early, nor does growth of
//! readings that come at uneven times.

use crate::decide::case::Case;
use crate::decide::finding::Finding;
use crate::decide::report::report;
use crate::decide::{judge, judge_prepared};
use crate::judgement::{Judgement, Verdict};
use crate::policy::stopping::{BESIDE_FILL, FEWEST_GROWING, UNEVEN, UNLIKE_USUAL};
use crate::prepare::{Prepared, prepare};
use crate::reason::Why;
use crate::series::{JudgeError, JudgeOptions, Series};
use crate::track::spacing;

/// Each look comes this much later than the one before.
pub const GROWTH: f64 = 1.15;

/// The look after one that decides comes this much later: it confirms.
const CONFIRMED_AFTER: f64 = 1.06;

/// Looks among which half of the error is divided evenly: from twenty seconds to a day. Divided by
/// their squares alone, the looks of an hour were left a hundred-thousandth each.
pub const EVEN_LOOKS: u32 = 60;

/// Share of the least length from which on looks count; those before only inform.
const COUNTED_FROM: f64 = 0.8;

/// Probability that any look ever errs, unless asked otherwise.
pub const ERROR: f64 = 0.01;

/// When to look, what to make of it, and whether to stop.
#[derive(Debug, Clone)]
pub struct StoppingRule {
    error: f64,
    looks: u32,
    next_s: f64,
    least_s: f64,
    /// Verdict of the last look, counted or not.
    last: Option<Verdict>,
    /// Verdict of the last look that counted.
    counted: Option<Verdict>,
}

impl StoppingRule {
    /// A rule whose first look is `first_look_s` seconds into the run and that errs, over all
    /// its looks, with a probability of at most `error`.
    pub fn new(first_look_s: f64, error: f64) -> Self {
        Self {
            error,
            looks: 0,
            next_s: first_look_s.max(f64::MIN_POSITIVE),
            least_s: 0.0,
            last: None,
            counted: None,
        }
    }

    /// The same rule, which ends nothing before `least_s` seconds: the time in which what the
    /// program does besides leaking (filling a cache, a tooth of its collector, a job) is over.
    ///
    /// ```
    /// use leaklab_judge::sequential::{ERROR, StoppingRule};
    ///
    /// let rule = StoppingRule::new(20.0, ERROR).not_before(300.0);
    /// assert!(rule.is_due(20.0));
    /// ```
    pub fn not_before(mut self, least_s: f64) -> Self {
        self.least_s = least_s.max(0.0);
        self
    }

    /// Whether it is time for a look.
    pub fn is_due(&self, elapsed_s: f64) -> bool {
        elapsed_s >= self.next_s
    }

    /// When the next look is due, in seconds from the start.
    pub fn next_look_s(&self) -> f64 {
        self.next_s
    }

    /// Verdict of the last look, certain or not; `None` before the first.
    pub fn last(&self) -> Option<Verdict> {
        self.last
    }

    /// Error that look `number` (from 1) may make.
    pub fn error_of_look(&self, number: u32) -> f64 {
        let by_square = 6.0 / (std::f64::consts::PI * f64::from(number.max(1))).powi(2);
        let evenly = match number {
            ..=EVEN_LOOKS => f64::from(EVEN_LOOKS).recip(),
            _ => 0.0,
        };
        self.error * 0.5 * (by_square + evenly)
    }

    /// Looks at the series so far. A judgement is returned when it is certain and final;
    /// `None` says to go on. Looks that are not due return `None` and cost nothing.
    ///
    /// # Errors
    ///
    /// [`JudgeError`] as [`super::judge`].
    pub fn look(
        &mut self,
        elapsed_s: f64,
        series: &Series<'_>,
        options: &JudgeOptions,
    ) -> Result<Option<Judgement>, JudgeError> {
        if !self.is_due(elapsed_s) {
            return Ok(None);
        }
        // A look that comes late counts once; the next is due later than this one.
        let next_s = (self.next_s * GROWTH).max(elapsed_s * GROWTH);
        let edges = [COUNTED_FROM * self.least_s, self.least_s];
        self.next_s = edges
            .into_iter()
            .filter(|&edge| edge > elapsed_s)
            .fold(next_s, f64::min);
        if elapsed_s < edges[0] {
            self.last = Some(judge(series, options)?.verdict);
            return Ok(None);
        }
        self.looks += 1;
        let prepared = prepare(series, options)?;
        let confidence = 1.0 - self.error_of_look(self.looks);
        let finding = judge_prepared(&Case::new(&prepared, options, confidence));
        let judgement = report(&prepared, &finding, options);
        let agreed =
            judgement.verdict != Verdict::Inconclusive && self.counted == Some(judgement.verdict);
        self.counted = Some(judgement.verdict);
        self.last = self.counted;
        if judgement.verdict != Verdict::Inconclusive && !agreed {
            self.next_s = self.next_s.min(elapsed_s * CONFIRMED_AFTER);
        }
        let is_final = agreed
            && elapsed_s >= self.least_s
            && self.has_lasted(&judgement)
            && outlasts_what_was_before(&prepared, &finding)
            && (judgement.verdict != Verdict::Leak || is_even(series.time_s));
        Ok(is_final.then_some(judgement))
    }

    /// Whether growth has gone on for long enough by itself: for the least length, and as much
    /// longer as the budget is of the growth, so that a leak of twice the budget takes half as
    /// long again and one of twenty times hardly more. What is flat has nothing to outlast.
    fn has_lasted(&self, judgement: &Judgement) -> bool {
        if judgement.verdict != Verdict::Leak {
            return true;
        }
        let per_operation = judgement
            .budget_bytes_per_op
            .zip(judgement.slope_bytes_per_op);
        let per_hour = judgement
            .budget_bytes_per_hour
            .zip(judgement.slope_bytes_per_hour);
        let share = per_operation
            .or(per_hour)
            .map_or(1.0, |(budget, slope)| (budget / slope).clamp(0.0, 1.0));
        let lasted_s = judgement
            .fitted
            .map_or(0.0, |fitted| fitted.end_s - fitted.start_s);
        // A hundredth less, so that the first reading after the start does not decide.
        lasted_s >= 0.99 * self.least_s * (1.0 + share)
    }
}

/// Whether growth is more than the end of what the program rose by ahead of it: a fill ends slowly,
/// and the first readings of a collector's tooth are straight.
fn outlasts_what_was_before(prepared: &Prepared, finding: &Finding) -> bool {
    if finding.verdict != Verdict::Leak {
        return true;
    }
    let Some(line) = finding
        .line
        .as_ref()
        .filter(|_| finding.why != Why::OnlyRises)
    else {
        return false;
    };
    let track = &prepared.fine;
    let at = |place: f64| track.x.partition_point(|&x| x < place);
    let (from, to) = finding.fitted;
    let lowest = track.y[..at(from)]
        .iter()
        .copied()
        .fold(line.start_value, f64::min);
    let before = line.start_value - lowest;
    at(to) - at(from) >= FEWEST_GROWING && line.slope * (to - from) >= BESIDE_FILL * before
}

/// Whether most readings come at equal times: those of a collector come when it collects, and tell
/// nothing of how long its teeth are.
fn is_even(time_s: &[f64]) -> bool {
    let spacing = spacing(time_s);
    let uneven = spacing
        .iter()
        .filter(|gap| (*gap - 1.0).abs() > UNLIKE_USUAL);
    uneven.count() as f64 <= UNEVEN * spacing.len() as f64
}

impl Default for StoppingRule {
    /// First look after ten seconds, error of [`ERROR`].
    fn default() -> Self {
        Self::new(10.0, ERROR)
    }
}
