//! Slopes of few points.
//!
//! A series of snapshots has nine points, so its interval is Student's. Counts of objects are no
//! independent errors about a line: what lives at one moment still lives at the next. The
//! interval is therefore the wider of two: that of least squares (errors about a line), and that
//! of a random walk with drift (errors that add up), whose drift is the mean of the steps. The
//! p-value is that of the wider one.
//!
//! # Source
//!
//! The random walk with drift: A. C. Harvey, "Forecasting, Structural Time Series Models and the
//! Kalman Filter" (1989), 2.3.

use leaklab_judge::stats::student::{t_cdf, t_quantile};

/// Fewest points of a slope.
pub const FEWEST_POINTS: usize = 4;

/// A slope with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Slope {
    /// Its value.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Probability of one as far from zero, in either direction, where there is none.
    pub p: f64,
}

/// The slope of `y` over `x`; `None` for fewer than [`FEWEST_POINTS`] points, or for points that
/// do not rise in `x`.
pub fn slope(x: &[f64], y: &[f64]) -> Option<Slope> {
    let points = x.len();
    let rises = x.windows(2).all(|pair| pair[1] > pair[0]);
    if points < FEWEST_POINTS || points != y.len() || !rises {
        return None;
    }
    let (value, line_error) = least_squares(x, y);
    let walk_error = drift_error(x, y);
    let degrees = (points - 2) as f64;
    let error = line_error.max(walk_error);
    let half = t_quantile(0.975, degrees) * error;
    let p = match (value == 0.0, error > 0.0) {
        (true, _) => 1.0,
        (false, false) => 0.0,
        (false, true) => 2.0 * t_cdf(-(value / error).abs(), degrees),
    };
    Some(Slope {
        value,
        low: value - half,
        high: value + half,
        p,
    })
}

/// The slope of least squares and its standard error.
fn least_squares(x: &[f64], y: &[f64]) -> (f64, f64) {
    let points = x.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / points;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let pairs = || x.iter().zip(y).map(|(x, y)| (x - mean_x, y - mean_y));
    let spread: f64 = pairs().map(|(x, _)| x * x).sum();
    let value = pairs().map(|(x, y)| x * y).sum::<f64>() / spread;
    let rest: f64 = pairs().map(|(x, y)| (y - value * x).powi(2)).sum();
    (value, (rest / (points - 2.0) / spread).sqrt())
}

/// The standard error of the drift of a random walk whose variance grows with `x`.
fn drift_error(x: &[f64], y: &[f64]) -> f64 {
    let steps = || {
        x.windows(2)
            .zip(y.windows(2))
            .map(|(x, y)| (x[1] - x[0], y[1] - y[0]))
    };
    let (length, rise) = steps().fold((0.0, 0.0), |(l, r), (dx, dy)| (l + dx, r + dy));
    let drift = rise / length;
    let variance = steps()
        .map(|(dx, dy)| (dy - drift * dx).powi(2) / dx)
        .sum::<f64>()
        / (x.len() as f64 - 2.0);
    (variance / length).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, expected: f64) {
        assert!(
            (got - expected).abs() <= 1e-9 * expected.abs(),
            "{got} {expected}"
        );
    }

    const X: [f64; 9] = [0.0, 1.0, 2.0, 3.1, 4.0, 5.0, 6.2, 7.0, 8.0];
    const Y: [f64; 9] = [10.0, 12.0, 11.0, 15.0, 16.0, 15.0, 19.0, 21.0, 20.0];

    #[test]
    fn least_squares_equal_scipy() {
        // scipy 1.17.1: r = stats.linregress(X, Y); r.slope, r.stderr
        let (value, error) = least_squares(&X, &Y);
        near(value, 1.3797273526824978);
        near(error, 0.15939773181385045);
    }

    #[test]
    fn the_wider_interval_is_taken() {
        // numpy 2.4.6: dx = diff(X); dy = diff(Y); b = sum(dy) / sum(dx)
        // s = sqrt(sum((dy - b dx)^2 / dx) / 7 / sum(dx))
        near(drift_error(&X, &Y), 0.7132658664538745);
        let slope = slope(&X, &Y).expect("nine points");
        // scipy 1.17.1: stats.t.ppf(0.975, 7) and 2 * stats.t.sf(slope / s, 7)
        near(slope.high - slope.value, 1.6866057656501716);
        near(slope.p, 0.09431219458549614);
    }

    #[test]
    fn exact_lines_and_what_does_not_move_have_no_error() {
        let exact = slope(&[0.0, 1.0, 2.0, 3.0], &[5.0, 7.0, 9.0, 11.0]).expect("four");
        assert_eq!((exact.value, exact.p), (2.0, 0.0));
        let flat = slope(&[0.0, 1.0, 2.0, 3.0], &[5.0; 4]).expect("four");
        assert_eq!((flat.value, flat.p), (0.0, 1.0));
        assert_eq!(slope(&[0.0, 1.0, 1.0, 3.0], &[5.0; 4]), None);
        assert_eq!(slope(&[0.0, 1.0, 3.0], &[5.0; 3]), None);
    }
}
