//! A straight line under correlated noise, with steps taken out, and honest intervals.

use crate::prepare::Track;
use crate::shape::cycle::{self, Cycle};
use crate::stats::autoregression::{self, Memory};
use crate::stats::newey_west::{automatic_lags, long_run_variance};
use crate::stats::quantile::{median, robust_sigma};
use crate::stats::regression::{Fit, least_squares};
use crate::stats::student::{t_cdf, t_quantile};

/// Points of the second, coarser look at the noise.
const COARSE_POINTS: usize = 48;

/// Cycles from which on an error of their length is told from a slope.
const DRIFT_CYCLES: f64 = 2.0;

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
    /// Standard deviation of the residuals.
    pub sigma: f64,
    /// Memory of the residuals.
    pub memory: Memory,
}

impl Line {
    /// Half the width of the interval of the slope at a two-sided `confidence`.
    pub fn half_width(&self, confidence: f64) -> f64 {
        self.precision
            .iter()
            .map(|p| t_quantile(0.5 + confidence / 2.0, p.degrees) * p.standard_error)
            .fold(0.0, f64::max)
            .hypot(self.grain_error)
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

/// What is fitted beside the line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Extras {
    /// Places on the axis where the level jumps.
    pub steps: Vec<f64>,
    /// A cycle, where there is one.
    pub cycle: Option<Cycle>,
}

impl Extras {
    fn without_cycle(&self) -> Self {
        Self {
            steps: self.steps.clone(),
            cycle: None,
        }
    }
}

/// Columns of a model: a constant, the axis from 0 to 1, one jump per step inside, a cycle.
pub(crate) fn columns(x: &[f64], extras: &Extras) -> Vec<Vec<f64>> {
    let (first, last) = (x[0], x[x.len() - 1]);
    let span = (last - first).max(f64::MIN_POSITIVE);
    let mut columns = vec![
        vec![1.0; x.len()],
        x.iter().map(|v| (v - first) / span).collect(),
    ];
    // A step without points on either side of its own has no height that could be told.
    let mut from = 0;
    for &step in &extras.steps {
        let place = x.partition_point(|&v| v < step);
        if place >= from + 2 && place + 2 <= x.len() {
            columns.push(x.iter().map(|&v| f64::from(u8::from(v >= step))).collect());
            from = place;
        }
    }
    // A cycle that does not fit into the part cannot be told from a slope there.
    if let Some(cycle) = extras
        .cycle
        .filter(|cycle| cycle.period <= span && x.len() >= 16)
    {
        let waves = cycle::waves(x, cycle.period, cycle.harmonics);
        // The length that was found is not the true one: what differs grows along the axis.
        let drift: Vec<Vec<f64>> = if !cycle.known && span >= DRIFT_CYCLES * cycle.period {
            let centre = 0.5 * (first + last);
            let grown = |wave: &Vec<f64>| {
                x.iter()
                    .zip(wave)
                    .map(|(v, w)| (v - centre) / span * w)
                    .collect()
            };
            waves[..2].iter().map(grown).collect()
        } else {
            Vec::new()
        };
        columns.extend(waves);
        columns.extend(drift);
    }
    columns
}

/// Distances of the points from their predecessors in units of the usual one.
pub(crate) fn spacing(x: &[f64]) -> Vec<f64> {
    let gaps: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let usual = median(&gaps).unwrap_or(0.0);
    let mut result = vec![1.0];
    result.extend(
        gaps.iter()
            .map(|gap| if usual > 0.0 { gap / usual } else { 1.0 }),
    );
    result
}

/// A fit of several columns; `None` where they do not determine one.
pub(crate) fn fit(columns: &[Vec<f64>], y: &[f64]) -> Option<Fit> {
    let borrowed: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    least_squares(&borrowed, y)
}

/// Fits a line with jumps at `steps` to `track`. `None` below five points.
pub(crate) fn fit_line(track: &Track, extras: &Extras, quantum: f64) -> Option<Line> {
    let track = without_outliers(track, extras)?;
    let span = track.span();
    if track.len() < 5 || span <= 0.0 {
        return None;
    }
    let columns_fine = columns(&track.x, extras);
    let fitted = fit(&columns_fine, &track.y)?;
    let spacing_fine = spacing(&track.x);
    let memory = autoregression::estimate(&fitted.residuals, &spacing_fine, columns_fine.len());
    let variance = autoregression::weighted_variance(&memory, &fitted.weights[1], &spacing_fine);
    let mut precision = vec![Precision {
        standard_error: variance.sqrt() / span,
        degrees: memory.degrees,
    }];
    precision.push(newey_west(&fitted, memory.rho, span));
    let plain = columns(&track.x, &extras.without_cycle()).len();
    if let Some(coarser) = coarse_precision(&track, extras, &columns_fine[plain..], &fitted) {
        precision.push(coarser);
    }
    let freedom = (track.len() - columns_fine.len()).max(1) as f64;
    let sigma = (fitted.rss() / freedom).sqrt();
    // Values in grains: below half a grain of noise nothing averages the rounding away.
    let grain_error = if sigma < quantum {
        0.5 * quantum / span
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
        sigma,
        memory,
    })
}

/// Precision by Newey and West's long-run variance of the slope's own score.
fn newey_west(fitted: &Fit, rho: f64, span: f64) -> Precision {
    let weights = &fitted.weights[1];
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
    extras: &Extras,
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
    let grouped = crate::prepare::coarse(&flattened, COARSE_POINTS, &extras.steps);
    let columns = columns(&grouped.x, &extras.without_cycle());
    let fitted = fit(&columns, &grouped.y)?;
    let spacing = spacing(&grouped.x);
    let memory = autoregression::estimate(&fitted.residuals, &spacing, columns.len());
    let variance = autoregression::weighted_variance(&memory, &fitted.weights[1], &spacing);
    Some(Precision {
        standard_error: variance.sqrt() / grouped.span(),
        degrees: memory.degrees,
    })
}

/// Leaves out points far off the line, if they are few and the line fits the others.
fn without_outliers(track: &Track, extras: &Extras) -> Option<Track> {
    if track.len() < 12 {
        return Some(track.clone());
    }
    let fitted = fit(&columns(&track.x, extras), &track.y)?;
    let limit = 6.0 * robust_sigma(&fitted.residuals);
    let kept: Vec<usize> = (0..track.len())
        .filter(|&i| fitted.residuals[i].abs() <= limit)
        .collect();
    if kept.len() == track.len() || kept.len() * 20 < track.len() * 19 {
        return Some(track.clone());
    }
    Some(Track {
        x: kept.iter().map(|&i| track.x[i]).collect(),
        y: kept.iter().map(|&i| track.y[i]).collect(),
    })
}

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
pub(crate) fn bend_at(track: &Track, extras: &Extras, share: f64, quantum: f64) -> Option<Bend> {
    let span = track.span();
    let mut model = columns(&track.x, extras);
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
    let grain = if sigma < quantum { quantum } else { 0.0 };
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
