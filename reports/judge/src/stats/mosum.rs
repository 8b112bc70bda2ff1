//! Abrupt steps in a series: where the level changes at once rather than along a slope.

use super::quantile::{are_surely_near, middle_and_sigma};
use super::regression::least_squares;
use crate::policy::mosum::OUTLYING;

/// An abrupt change of level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Index of the first value after the step.
    pub index: usize,
    /// New level minus old level.
    pub size: f64,
}

/// Finds abrupt steps, in the order of time.
///
/// At several widths w, the mean of the w values after each place minus that of the w before
/// is compared with the usual size of this difference in the same series; whatever memory the
/// noise has is thereby part of the yardstick. A candidate must be explained better by a step
/// than by a bend. `grain` is the grain of the values: changes within a few grains are none.
///
/// At most `limit` steps are returned, the largest. Time O(n log n).
///
/// # Source
///
/// The comparison of neighbouring means at several scales follows H. Eichinger, C. Kirch, "A
/// MOSUM procedure for the estimation of multiple random change points", Bernoulli 24 (2018),
/// 526–564; the robust yardstick is ours.
pub fn find_steps(values: &[f64], grain: f64, limit: usize) -> Vec<Step> {
    let n = values.len();
    let mut found: Vec<(Step, f64)> = Vec::new();
    for width in [1_usize, 3, 9, 27, 81] {
        if 6 * width > n {
            break;
        }
        for candidate in outliers_at(values, width, grain) {
            let step = candidate.0;
            if is_bend(values, step.index, width) {
                continue;
            }
            let near = |other: &Step| other.index.abs_diff(step.index) <= 2 * width;
            if !found.iter().any(|(other, _)| near(other)) {
                found.push(candidate);
            }
        }
    }
    found.sort_by(|a, b| b.0.size.abs().total_cmp(&a.0.size.abs()));
    found.truncate(limit);
    let mut steps: Vec<Step> = found.into_iter().map(|(step, _)| step).collect();
    steps.sort_by_key(|step| step.index);
    steps
}

/// Places where the difference of neighbouring means of `width` values is far from usual.
fn outliers_at(values: &[f64], width: usize, grain: f64) -> Vec<(Step, f64)> {
    let n = values.len();
    let mut sums = Vec::with_capacity(n + 1);
    sums.push(0.0);
    let base = values[0];
    let mut total = 0.0;
    for value in values {
        total += value - base;
        sums.push(total);
    }
    let differences: Vec<f64> = (width..=n - width)
        .map(|i| (sums[i + width] - 2.0 * sums[i] + sums[i - width]) / width as f64)
        .collect();
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    if are_surely_near(&differences, mean, OUTLYING) {
        return Vec::new();
    }
    let (usual, sigma) = middle_and_sigma(&differences).unwrap_or((0.0, 0.0));
    let sigma = sigma.max(0.3 * grain);
    if sigma <= 0.0 && grain <= 0.0 && differences.iter().all(|d| *d == usual) {
        return Vec::new();
    }
    let mut result: Vec<(Step, f64)> = Vec::new();
    let mut index = 0;
    while index < differences.len() {
        let height = differences[index] - usual;
        if height.abs() <= OUTLYING * sigma {
            index += 1;
            continue;
        }
        // The highest place of this excursion is the step.
        let mut best = index;
        let mut end = index;
        while end < differences.len()
            && (differences[end] - usual).abs() > OUTLYING * sigma
            && (differences[end] > usual) == (height > 0.0)
        {
            if (differences[end] - usual).abs() > (differences[best] - usual).abs() {
                best = end;
            }
            end += 1;
        }
        let size = differences[best] - usual;
        result.push((
            Step {
                index: width + best,
                size,
            },
            size.abs() / sigma.max(f64::MIN_POSITIVE),
        ));
        index = end.max(index + 1);
    }
    result
}

/// Whether the values around `index` are explained by a bend as well as by a step.
fn is_bend(values: &[f64], index: usize, width: usize) -> bool {
    let reach = (4 * width).max(6);
    let first = index.saturating_sub(reach);
    let last = (index + reach).min(values.len());
    let window = &values[first..last];
    if index - first < 3 || last - index < 3 {
        return true;
    }
    let ones = vec![1.0; window.len()];
    let time: Vec<f64> = (0..window.len()).map(|i| i as f64).collect();
    let place = (index - first) as f64;
    let after: Vec<f64> = time
        .iter()
        .map(|&t| if t >= place { 1.0 } else { 0.0 })
        .collect();
    let Some(step) = least_squares(&[&ones, &time, &after], window) else {
        return true;
    };
    let bend_rss = [-1.0, 0.0, 1.0]
        .iter()
        .filter_map(|shift| {
            let bend: Vec<f64> = time
                .iter()
                .map(|&t| (t - place - shift * width as f64).max(0.0))
                .collect();
            least_squares(&[&ones, &time, &bend], window).map(|fit| fit.rss())
        })
        .fold(f64::INFINITY, f64::min);
    step.rss() > 0.7 * bend_rss
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize, seed: u64) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..n).map(|_| random.f64() - 0.5).collect()
    }

    #[test]
    fn a_step_is_found_where_ruptures_finds_it() {
        // ruptures 1.1.10 on numpy data of the same make (noise of width 1, step of 5 at 120):
        // Pelt(model="l2").fit(y).predict(pen=30) == [120, 300]
        let mut values = noise(300, 1);
        values[120..].iter_mut().for_each(|value| *value += 5.0);
        let steps = find_steps(&values, 0.0, 6);
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert_eq!(steps[0].index, 120);
        assert!((steps[0].size - 5.0).abs() < 1.5, "{steps:?}");
    }

    #[test]
    fn slopes_bends_and_noise_are_no_steps() {
        let line: Vec<f64> = noise(400, 2)
            .iter()
            .enumerate()
            .map(|(i, v)| v + 0.2 * i as f64)
            .collect();
        assert_eq!(find_steps(&line, 0.0, 6), []);
        let knee: Vec<f64> = (0..400).map(|i| f64::from(i.min(150))).collect();
        assert_eq!(find_steps(&knee, 0.0, 6), []);
        assert_eq!(find_steps(&[3.0; 200], 0.0, 6), []);
    }
}
