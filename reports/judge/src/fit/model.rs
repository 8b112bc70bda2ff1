//! What is fitted beside a line: steps and a cycle.

use crate::policy::line::DRIFT_CYCLES;
use crate::stats::regression::{Fit, least_squares};
use crate::stats::turns::sin_cos_of_turns;

/// What is fitted beside the line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Regressors {
    /// Places on the axis where the level jumps.
    pub steps: Vec<f64>,
    /// A cycle, where there is one.
    pub cycle: Option<Cycle>,
}

impl Regressors {
    pub fn without_cycle(&self) -> Self {
        Self {
            steps: self.steps.clone(),
            cycle: None,
        }
    }
}

/// Columns of a model: a constant, the axis from 0 to 1, one jump per step inside, a cycle.
pub(crate) fn columns(x: &[f64], regressors: &Regressors) -> Vec<Vec<f64>> {
    let (first, last) = (x[0], x[x.len() - 1]);
    let span = (last - first).max(f64::MIN_POSITIVE);
    let mut columns = vec![
        vec![1.0; x.len()],
        x.iter().map(|v| (v - first) / span).collect(),
    ];
    // A step without points on either side of its own has no height that could be told.
    let mut from = 0;
    for &step in &regressors.steps {
        let place = x.partition_point(|&v| v < step);
        if place >= from + 2 && place + 2 <= x.len() {
            columns.push(x.iter().map(|&v| f64::from(u8::from(v >= step))).collect());
            from = place;
        }
    }
    // A cycle that does not fit into the part cannot be told from a slope there.
    if let Some(cycle) = regressors
        .cycle
        .filter(|cycle| cycle.period <= span && x.len() >= 16)
    {
        let waves = waves(x, cycle.period, cycle.harmonics);
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

/// A fit of several columns; `None` where they do not determine one.
pub(crate) fn fit(columns: &[Vec<f64>], y: &[f64]) -> Option<Fit> {
    let borrowed: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    least_squares(&borrowed, y)
}

/// A cycle that dominates a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cycle {
    /// Its length on the axis.
    pub period: f64,
    /// Harmonics that describe its form.
    pub harmonics: usize,
    /// Whether its length was known and not found in the series.
    pub known: bool,
}

/// The harmonics of a cycle, a cosine and a sine of each.
pub(crate) fn waves(x: &[f64], period: f64, harmonics: usize) -> Vec<Vec<f64>> {
    let (mut cosine, mut sine) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    for ((v, cosine), sine) in x.iter().zip(&mut cosine).zip(&mut sine) {
        (*sine, *cosine) = sin_cos_of_turns(v / period);
    }
    let mut waves = vec![cosine, sine];
    // A harmonic more is a turn further at each point.
    for _ in 1..harmonics {
        let (mut cosines, mut sines) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let last = &waves[waves.len() - 2..];
        for i in 0..x.len() {
            let ((c, s), (cosine, sine)) = ((last[0][i], last[1][i]), (waves[0][i], waves[1][i]));
            cosines[i] = c * cosine - s * sine;
            sines[i] = s * cosine + c * sine;
        }
        waves.extend([cosines, sines]);
    }
    waves
}
