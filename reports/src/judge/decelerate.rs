//! The veto of slowing growth: would a curve that flattens out explain the series as well?

use super::frame::{Track, coarse};
use super::trend::{columns, fit, spacing};
use crate::stats::autoregression;

/// Points the curves are compared on.
const POINTS: usize = 200;

/// How much better (in units of twice the log-likelihood) a lasting slope must explain the
/// series than any curve that flattens out.
const MARGIN: f64 = 12.0;

/// The comparison of both families of curves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison {
    /// Twice the log-likelihood by which warm-up with a lasting slope beats slowing growth.
    pub advantage: f64,
    /// The slope that lasts in the best curve of the first family.
    pub lasting_slope: f64,
}

impl Comparison {
    pub fn favours_lasting_growth(&self) -> bool {
        self.advantage > MARGIN
    }
}

/// Compares, over the whole `track`, a warm-up followed by a line with curves whose growth
/// fades: saturation, logarithm, powers below one.
pub(super) fn compare(track: &Track, steps: &[f64], quantum: f64) -> Option<Comparison> {
    let track = coarse(track, POINTS);
    if track.len() < 12 {
        return None;
    }
    let base = columns(&track.x, steps);
    let level = [vec![base[0].clone()], base[2..].to_vec()].concat();
    let range = spread(&track.y);
    let floor = track.len() as f64 * (quantum * quantum / 12.0 + (1e-6 * range).powi(2));
    let mut lasting: Option<(f64, f64, Vec<f64>)> = None;
    for curve in warm_ups(&base[1]) {
        let mut model = base.clone();
        model.extend(curve);
        if let Some(fitted) = fit(&model, &track.y) {
            let rss = fitted.rss();
            if lasting.as_ref().is_none_or(|(best, ..)| rss < *best) {
                let slope = (fitted.coefficients[1]
                    + closing_slope(&fitted.coefficients, &model, &base))
                    / track.span();
                lasting = Some((rss, slope, fitted.residuals));
            }
        }
    }
    let (rss, lasting_slope, residuals) = lasting?;
    let memory = autoregression::estimate(&residuals, &spacing(&track.x), base.len() + 2);
    let independent = track.len() as f64 * (1.0 - memory.rho) / (1.0 + memory.rho);
    let fading = fading_curves(&base[1])
        .into_iter()
        .filter_map(|curve| {
            let mut model = level.clone();
            model.push(curve);
            fit(&model, &track.y).map(|fitted| fitted.rss())
        })
        .fold(f64::INFINITY, f64::min);
    let advantage = independent.max(4.0) * ((fading + floor) / (rss + floor)).ln();
    Some(Comparison {
        advantage,
        lasting_slope,
    })
}

/// Warm-ups: one exponential, or one bend.
fn warm_ups(u: &[f64]) -> Vec<Vec<Vec<f64>>> {
    let exponentials = (0..14).map(|i| 0.004 * 1.4_f64.powi(i));
    let mut curves: Vec<Vec<Vec<f64>>> = exponentials
        .map(|tau| vec![u.iter().map(|v| (-v / tau).exp()).collect()])
        .collect();
    for i in 1..16 {
        let place = 0.05 * f64::from(i);
        curves.push(vec![u.iter().map(|v| (v - place).max(0.0)).collect()]);
    }
    curves
}

/// What a bend adds to the slope that lasts.
fn closing_slope(coefficients: &[f64], model: &[Vec<f64>], base: &[Vec<f64>]) -> f64 {
    let curve = &model[base.len()];
    let n = curve.len();
    let u = &base[1];
    coefficients[base.len()] * (curve[n - 1] - curve[n - 2])
        / (u[n - 1] - u[n - 2]).max(f64::MIN_POSITIVE)
}

/// Curves that flatten out.
fn fading_curves(u: &[f64]) -> Vec<Vec<f64>> {
    let mut curves = Vec::new();
    for i in 0..12 {
        let tau = 0.06 * 1.35_f64.powi(i);
        curves.push(u.iter().map(|v| (-v / tau).exp()).collect());
    }
    for i in 0..14 {
        let tau = 0.0003 * 2.0_f64.powi(i);
        curves.push(u.iter().map(|v| (1.0 + v / tau).ln()).collect());
    }
    for power in [0.15, 0.25, 0.35, 0.5, 0.65, 0.8] {
        curves.push(u.iter().map(|v: &f64| v.powf(power)).collect());
    }
    for power in [0.5, 0.7] {
        for i in 0..6 {
            let tau = 0.02 * 2.0_f64.powi(i);
            curves.push(
                u.iter()
                    .map(|v: &f64| (-(v / tau).powf(power)).exp())
                    .collect(),
            );
        }
    }
    curves
}

fn spread(values: &[f64]) -> f64 {
    let high = values.iter().copied().fold(f64::MIN, f64::max);
    let low = values.iter().copied().fold(f64::MAX, f64::min);
    high - low
}
