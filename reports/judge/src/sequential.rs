//! A verdict while the run goes on, looked at again and again, that stays valid.
//!
//! Looks are taken at geometrically growing times, and the error allowed to all of them
//! together is divided among them: look k may err with probability α·6/(π²k²), which sums to
//! α over however many looks. By Bonferroni's inequality, which asks nothing about how the
//! looks depend on each other, the probability that any look ever errs is at most α, as far as
//! each interval covers what it claims. A verdict is final when two looks in a row agree.

use crate::decide::judge_at;
use crate::judgement::{Judgement, Verdict};
use crate::series::{JudgeError, JudgeOptions, Series};

/// Each look comes this much later than the one before.
pub const GROWTH: f64 = 1.25;

/// Probability that any look ever errs, unless asked otherwise.
pub const ERROR: f64 = 0.01;

/// When to look, what to make of it, and whether to stop.
#[derive(Debug, Clone)]
pub struct StoppingRule {
    error: f64,
    looks: u32,
    next_s: f64,
    last: Option<Verdict>,
}

impl StoppingRule {
    /// A rule whose first look is `first_look_s` seconds into the run and that errs, over all
    /// its looks, with a probability of at most `error`.
    pub fn new(first_look_s: f64, error: f64) -> Self {
        Self {
            error,
            looks: 0,
            next_s: first_look_s.max(f64::MIN_POSITIVE),
            last: None,
        }
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
        let number = f64::from(number.max(1));
        self.error * 6.0 / (std::f64::consts::PI * number).powi(2)
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
        self.looks += 1;
        // A look that comes late counts once; the next is due later than this one.
        self.next_s = (self.next_s * GROWTH).max(elapsed_s * GROWTH);
        let judgement = judge_at(series, options, 1.0 - self.error_of_look(self.looks))?;
        let agreed =
            judgement.verdict != Verdict::Inconclusive && self.last == Some(judgement.verdict);
        self.last = Some(judgement.verdict);
        Ok(agreed.then_some(judgement))
    }
}

impl Default for StoppingRule {
    /// First look after ten seconds, error of [`ERROR`].
    fn default() -> Self {
        Self::new(10.0, ERROR)
    }
}
