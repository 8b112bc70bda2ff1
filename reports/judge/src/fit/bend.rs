//! A change of slope at a place, tested.

use crate::fit::model::{Regressors, columns, fit};
use crate::policy::settled::TEST_ERROR;
use crate::stats::autoregression;
use crate::stats::student::t_quantile;
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

/// Tests whether the slope changes at `share` of the way through `track`.
pub(crate) fn bend_at(
    track: &Track,
    regressors: &Regressors,
    share: f64,
    grain: f64,
) -> Option<Bend> {
    let span = track.span();
    let mut model = columns(&track.x, regressors);
    let hinge: Vec<f64> = model[1].iter().map(|u| (u - share).max(0.0)).collect();
    let before = model[1].iter().filter(|&&u| u < share).count();
    if before < 3 || track.len() - before < 3 || track.len() < model.len() + 3 {
        return None;
    }
    model.push(hinge);
    let fitted = fit(&model, &track.y)?;
    let last = model.len() - 1;
    let spacing = spacing(&track.x);
    let memory = autoregression::estimate(&fitted.residuals, &spacing, model.len());
    let variance = autoregression::weighted_variance(&memory, &fitted.weights[last], &spacing);
    let sigma = (fitted.rss() / track.len() as f64).sqrt();
    let grain = if sigma < grain { grain } else { 0.0 };
    let change = fitted.coefficients[last];
    let error = variance
        .sqrt()
        .hypot(2.0 * grain)
        .max(1e-9 * fitted.coefficients[1].abs());
    let t = if change == 0.0 {
        0.0
    } else {
        change / error.max(f64::MIN_POSITIVE)
    };
    Some(Bend {
        before: fitted.coefficients[1] / span,
        after: (fitted.coefficients[1] + change) / span,
        t,
        degrees: memory.degrees,
    })
}

/// Whether a bend is within chance, or too small to matter beside the distance to the budget.
pub(crate) fn is_harmless(bend: &Bend, budget: f64) -> bool {
    if bend.t.abs() < t_quantile(1.0 - TEST_ERROR, bend.degrees.max(6.0)) {
        return true;
    }
    let (before, after) = (bend.before - budget, bend.after - budget);
    before * after > 0.0 && (before - after).abs() < 0.15 * before.abs().min(after.abs())
}
