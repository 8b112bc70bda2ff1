//! The Mann–Kendall test of a monotone trend, exact and without looking at every pair.

use super::inversions::sort_counting;

/// What the test says about a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Rising pairs minus falling pairs.
    pub s: f64,
    /// Variance of `s` for independent values without trend, corrected for ties.
    pub variance: f64,
    /// `s` in standard deviations, with the continuity correction.
    pub z: f64,
    /// Kendall's tau-a: `s` as a share of all pairs.
    pub tau: f64,
}

/// Mann–Kendall's test on `values` in the order of time.
///
/// The variance holds for independent noise only. Correlated noise makes `z` far too large
/// (that is what is wrong with this test alone), so it is evidence here and never decides.
/// `None` for fewer than three values. Time O(n log n).
///
/// # Source
///
/// H. B. Mann, "Nonparametric tests against trend", Econometrica 13 (1945), 245–259;
/// F. Machida, A. Andrzejak, R. Matias, E. Vicente, "On the effectiveness of Mann–Kendall
/// test for detection of software aging", ISSREW 2013, 269–274.
pub fn mann_kendall(values: &[f64]) -> Option<Trend> {
    let n = values.len();
    if n < 3 {
        return None;
    }
    let mut sorted = values.to_vec();
    let falling = sort_counting(&mut sorted, &mut Vec::new()) as f64;
    let count = n as f64;
    let pairs = count * (count - 1.0) / 2.0;
    let mut tied_pairs = 0.0;
    let mut tie_terms = 0.0;
    for group in sorted.chunk_by(|a, b| a == b) {
        let size = group.len() as f64;
        tied_pairs += size * (size - 1.0) / 2.0;
        tie_terms += size * (size - 1.0) * (2.0 * size + 5.0);
    }
    let s = pairs - tied_pairs - 2.0 * falling;
    let variance = (count * (count - 1.0) * (2.0 * count + 5.0) - tie_terms) / 18.0;
    let z = if variance > 0.0 && s != 0.0 {
        (s - s.signum()) / variance.sqrt()
    } else {
        0.0
    };
    Some(Trend {
        s,
        variance,
        z,
        tau: s / pairs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_equals_its_definition_in_numpy() {
        // numpy 2.4.6: s = sum(sign(y[j]-y[i]) for i<j) == 23, ties {3: 2, 5: 3},
        // var = (n(n-1)(2n+5) - sum t(t-1)(2t+5)) / 18 == 120.33333333333333,
        // z == 2.0055325140271214 for the values below.
        let trend =
            mann_kendall(&[1.0, 3.0, 2.0, 5.0, 3.0, 5.0, 4.0, 6.0, 5.0, 4.5]).expect("ten values");
        assert_eq!(trend.s, 23.0);
        assert!(
            (trend.variance - 120.333_333_333_333_33).abs() < 1e-9,
            "{trend:?}"
        );
        assert!(
            (trend.z - 2.005_532_514_027_121_4).abs() < 1e-12,
            "{trend:?}"
        );
    }

    #[test]
    fn constant_values_have_no_trend() {
        let trend = mann_kendall(&[7.0; 50]).expect("fifty values");
        assert_eq!((trend.s, trend.z), (0.0, 0.0));
    }
}
