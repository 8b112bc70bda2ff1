//! A straight line under correlated noise, with steps taken out, and honest intervals.

use crate::fit::model::{Regressors, columns, fit};
use crate::policy::line::COARSE_POINTS;
use crate::policy::verdict::REPORTED_CONFIDENCE;
use crate::stats::autoregression;
use crate::stats::autoregression::Memory;
use crate::stats::newey_west::{automatic_lags, long_run_variance};
use crate::stats::quantile::{are_surely_near, robust_sigma};
use crate::stats::regression::Fit;
use crate::stats::student::{t_cdf, t_quantile};
use crate::track::{Track, coarse, spacing};
use std::borrow::Cow;

/// One estimate of how precise a slope is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Precision {
    pub standard_error: f64,
    pub degrees: f64,
}

/// A fitted line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Units of the value per unit of the axis.
    pub slope: f64,
    /// Height at the first point, steps not counted.
    pub start_value: f64,
    /// Height at the last point, steps counted.
    pub end_value: f64,
    /// Estimates of its precision; the widest interval counts.
    pub precision: Vec<Precision>,
    /// Uncertainty that does not fall with more points: the grain of the values.
    pub grain_error: f64,
    /// How much lower, and how much higher, what lasts may be for a reason that no fit of this
    /// line shows: the printed interval reaches so far beyond that of the line.
    pub below: f64,
    pub above: f64,
    /// Standard deviation of the residuals.
    pub sigma: f64,
    /// Memory of the residuals.
    pub memory: Memory,
}

impl Line {
    /// Half the width of the interval of the slope at a two-sided `confidence`.
    pub fn half_width(&self, confidence: f64) -> f64 {
        // What is no less precise by fewer degrees is the wider of two.
        let is_narrower = |p: &Precision, other: &Precision| {
            let (error, degrees) = (p.standard_error, p.degrees);
            let no_wider = error <= other.standard_error && degrees >= other.degrees;
            no_wider && (error < other.standard_error || degrees > other.degrees)
        };
        self.precision
            .iter()
            .filter(|p| !self.precision.iter().any(|other| is_narrower(p, other)))
            .map(|p| t_quantile(0.5 + confidence / 2.0, p.degrees) * p.standard_error)
            .fold(0.0, f64::max)
            .hypot(self.grain_error)
    }

    /// The interval that is printed, at a two-sided `confidence`.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let half = self.half_width(confidence);
        (
            self.slope - half - self.below,
            self.slope + half + self.above,
        )
    }

    /// The same line with an interval that reaches from `low` to `high` at least.
    pub fn reaching(self, low: f64, high: f64) -> Self {
        let (now_low, now_high) = self.interval(REPORTED_CONFIDENCE);
        Self {
            below: self.below + (now_low - low).max(0.0),
            above: self.above + (high - now_high).max(0.0),
            ..self
        }
    }

    /// The chance that a true slope of `budget` shows one like this or steeper: by the least
    /// precise of its estimates.
    pub fn tail_beyond(&self, budget: f64) -> f64 {
        let chances = self.precision.iter().map(|p| {
            let error = p.standard_error.hypot(self.grain_error);
            match error > 0.0 {
                true => t_cdf((budget - self.slope) / error, p.degrees),
                false => f64::from(u8::from(self.slope <= budget)),
            }
        });
        chances.fold(0.0, f64::max)
    }

    /// The largest of its standard errors.
    pub fn standard_error(&self) -> f64 {
        self.precision
            .iter()
            .map(|p| p.standard_error)
            .fold(0.0, f64::max)
            .hypot(self.grain_error)
    }
}

/// A line fitted to points without outliers, and its precision by the memory of the noise alone.
struct Plain<'a> {
    track: Cow<'a, Track>,
    columns: Vec<Vec<f64>>,
    fitted: Fit,
    memory: Memory,
    precision: Precision,
}

fn fit_plain<'a>(track: &'a Track, regressors: &Regressors) -> Option<Plain<'a>> {
    if track.len() < 5 {
        return None;
    }
    let mut track = Cow::Borrowed(track);
    let mut columns_of = columns(&track.x, regressors);
    let mut fitted = fit(&columns_of, &track.y)?;
    if let Some(kept) = without_outliers(&track, &fitted) {
        columns_of = columns(&kept.x, regressors);
        fitted = fit(&columns_of, &kept.y)?;
        track = Cow::Owned(kept);
    }
    let span = track.span();
    if span <= 0.0 {
        return None;
    }
    let spacing = spacing(&track.x);
    let memory = autoregression::estimate(&fitted.residuals, &spacing, columns_of.len());
    let variance = autoregression::weighted_variance(&memory, &fitted.weights(1), &spacing);
    Some(Plain {
        precision: Precision {
            standard_error: variance.sqrt() / span,
            degrees: memory.degrees,
        },
        columns: columns_of,
        track,
        fitted,
        memory,
    })
}

/// Half the width that the interval of the line's slope has at least: by one of the estimates
/// of [`fit_line`].
pub(crate) fn least_half_width(
    track: &Track,
    regressors: &Regressors,
    confidence: f64,
) -> Option<f64> {
    let Precision {
        standard_error,
        degrees,
    } = fit_plain(track, regressors)?.precision;
    Some(t_quantile(0.5 + confidence / 2.0, degrees) * standard_error)
}

/// Fits a line with jumps at `steps` to `track`. `None` below five points.
pub(crate) fn fit_line(track: &Track, regressors: &Regressors, grain: f64) -> Option<Line> {
    let Plain {
        track,
        columns: columns_fine,
        fitted,
        memory,
        precision,
    } = fit_plain(track, regressors)?;
    let span = track.span();
    let mut precision = vec![precision];
    precision.push(newey_west(&fitted, memory.rho, span));
    let plain = columns(&track.x, &regressors.without_cycle()).len();
    if let Some(coarser) = coarse_precision(&track, regressors, &columns_fine[plain..], &fitted) {
        precision.push(coarser);
    }
    let freedom = (track.len() - columns_fine.len()).max(1) as f64;
    let sigma = (fitted.rss() / freedom).sqrt();
    // Values in grains: below half a grain of noise nothing averages the rounding away.
    let grain_error = if sigma < grain {
        0.5 * grain / span
    } else {
        0.0
    };
    let jumps: f64 = fitted.coefficients[2..plain]
        .iter()
        .zip(&columns_fine[2..plain])
        .map(|(c, column)| c * column[column.len() - 1])
        .sum();
    Some(Line {
        slope: fitted.coefficients[1] / span,
        start_value: fitted.coefficients[0],
        end_value: fitted.coefficients[0] + fitted.coefficients[1] + jumps,
        precision,
        grain_error,
        below: 0.0,
        above: 0.0,
        sigma,
        memory,
    })
}

/// Precision by Newey and West's long-run variance of the slope's own score.
fn newey_west(fitted: &Fit, rho: f64, span: f64) -> Precision {
    let weights = &fitted.weights(1);
    let n = weights.len();
    let parameters = fitted.coefficients.len();
    let score: Vec<f64> = weights
        .iter()
        .zip(&fitted.residuals)
        .map(|(w, r)| w * r)
        .collect();
    let lags = automatic_lags(n, rho);
    let freedom = (n - parameters).max(1) as f64;
    let variance = long_run_variance(&score, lags) * n as f64 * (n as f64 / freedom);
    let degrees = (1.5 * n as f64 / (lags as f64 + 1.0)).clamp(3.0, freedom.max(3.0));
    Precision {
        standard_error: variance.sqrt() / span,
        degrees,
    }
}

/// The same estimate from few group means: slow noise shows there that hides between points.
/// A cycle is taken off before, or the groups would see it as noise.
fn coarse_precision(
    track: &Track,
    regressors: &Regressors,
    cyclic: &[Vec<f64>],
    fitted: &Fit,
) -> Option<Precision> {
    if track.len() < 3 * COARSE_POINTS {
        return None;
    }
    let mut flattened = track.clone();
    let coefficients = fitted.coefficients.iter().rev();
    for (column, coefficient) in cyclic.iter().rev().zip(coefficients) {
        for (y, wave) in flattened.y.iter_mut().zip(column) {
            *y -= coefficient * wave;
        }
    }
    let grouped = coarse(&flattened, COARSE_POINTS, &regressors.steps);
    let columns = columns(&grouped.x, &regressors.without_cycle());
    let fitted = fit(&columns, &grouped.y)?;
    let spacing = spacing(&grouped.x);
    let memory = autoregression::estimate(&fitted.residuals, &spacing, columns.len());
    let variance = autoregression::weighted_variance(&memory, &fitted.weights(1), &spacing);
    Some(Precision {
        standard_error: variance.sqrt() / grouped.span(),
        degrees: memory.degrees,
    })
}

/// The points of `track` that are not far off `fitted`, if some are, few enough to be left out.
fn without_outliers(track: &Track, fitted: &Fit) -> Option<Track> {
    const SIGMAS: f64 = 6.0;
    if track.len() < 12 || are_surely_near(&fitted.residuals, 0.0, SIGMAS) {
        return None;
    }
    let limit = SIGMAS * robust_sigma(&fitted.residuals);
    let kept: Vec<usize> = (0..track.len())
        .filter(|&i| fitted.residuals[i].abs() <= limit)
        .collect();
    if kept.len() == track.len() || kept.len() * 20 < track.len() * 19 {
        return None;
    }
    Some(Track {
        x: kept.iter().map(|&i| track.x[i]).collect(),
        y: kept.iter().map(|&i| track.y[i]).collect(),
    })
}
