//! A change of slope at a place, tested.

use crate::fit::model::{Regressors, columns, fit};
use crate::policy::settled::{NORMAL_QUANTILE, TEST_ERROR};
use crate::stats::autoregression;
use crate::stats::regression::Fit;
use crate::stats::student::t_cdf;
use crate::track::{Track, spacing};

/// A change of slope at a place, tested.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bend {
    /// Slope before the place.
    pub before: f64,
    /// Slope after it.
    pub after: f64,
    /// The change in standard errors.
    pub t: f64,
    /// Degrees of freedom of `t`.
    pub degrees: f64,
}

/// A line through a part, to be tested for bends at several places.
pub(crate) struct BendTest<'a> {
    track: &'a Track,
    grain: f64,
    columns: Vec<Vec<f64>>,
    line: Fit,
    spacing: Vec<f64>,
}

impl<'a> BendTest<'a> {
    /// Fits the line. `None` where there is none.
    pub fn new(track: &'a Track, regressors: &Regressors, grain: f64) -> Option<Self> {
        let columns = columns(&track.x, regressors);
        Some(Self {
            line: fit(&columns, &track.y)?,
            spacing: spacing(&track.x),
            track,
            grain,
            columns,
        })
    }

    /// Tests whether the slope changes at `share` of the way through the part.
    pub fn at(&self, share: f64) -> Option<Bend> {
        let points = self.track.len();
        let axis = &self.columns[1];
        let before = axis.iter().filter(|&&u| u < share).count();
        if before < 3 || points - before < 3 || points < self.columns.len() + 3 {
            return None;
        }
        let hinge: Vec<f64> = axis.iter().map(|u| (u - share).max(0.0)).collect();
        let fitted = self.line.with(&hinge)?;
        let parameters = fitted.coefficients.len();
        let memory = autoregression::estimate(&fitted.residuals, &self.spacing, parameters);
        let variance = autoregression::weighted_variance(&memory, &fitted.weights, &self.spacing);
        let rss: f64 = fitted.residuals.iter().map(|r| r * r).sum();
        let sigma = (rss / points as f64).sqrt();
        let grain = if sigma < self.grain { self.grain } else { 0.0 };
        let (slope, change) = (fitted.coefficients[1], fitted.coefficients[parameters - 1]);
        let error = variance.sqrt().hypot(2.0 * grain).max(1e-9 * slope.abs());
        let t = if change == 0.0 {
            0.0
        } else {
            change / error.max(f64::MIN_POSITIVE)
        };
        let span = self.track.span();
        Some(Bend {
            before: slope / span,
            after: (slope + change) / span,
            t,
            degrees: memory.degrees,
        })
    }
}

impl Bend {
    /// Whether chance bends a straight line as much.
    pub fn is_chance(&self) -> bool {
        let size = self.t.abs();
        size < NORMAL_QUANTILE || t_cdf(size, self.degrees.max(6.0)) < 1.0 - TEST_ERROR
    }

    /// Whether it is too small to matter beside the distance to the budget.
    pub fn is_small_beside(&self, budget: f64) -> bool {
        let (before, after) = (self.before - budget, self.after - budget);
        before * after > 0.0 && (before - after).abs() < 0.15 * before.abs().min(after.abs())
    }
}
