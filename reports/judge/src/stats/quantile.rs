//! Order statistics: median, quantiles, median absolute deviation.

/// Makes the median absolute deviation of normal data estimate its standard deviation.
pub const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;

/// The quantile `q` in `0..=1` of `values`, interpolated linearly between order statistics
/// (numpy's default, Hyndman and Fan's type 7). `None` for an empty slice.
///
/// Time O(n) on average; `values` is reordered.
pub fn quantile_mut(values: &mut [f64], q: f64) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let position = q.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let below = position.floor() as usize;
    let fraction = position - below as f64;
    let (_, &mut low, upper) = values.select_nth_unstable_by(below, f64::total_cmp);
    if fraction == 0.0 || upper.is_empty() {
        return Some(low);
    }
    let high = upper.iter().copied().fold(f64::INFINITY, f64::min);
    Some(low + (high - low) * fraction)
}

/// The quantile `q` of `values`, which stay as they are. `None` for an empty slice.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    quantile_of_keys(
        &mut values.iter().map(|&value| key(value)).collect::<Vec<_>>(),
        q,
    )
}

/// A whole number for each value, in the order of [`f64::total_cmp`]: these are compared at less
/// cost.
pub(crate) fn key(value: f64) -> i64 {
    let bits = value.to_bits().cast_signed();
    bits ^ (((bits >> 63).cast_unsigned()) >> 1).cast_signed()
}

fn value_of(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63).cast_unsigned()) >> 1).cast_signed()).cast_unsigned())
}

/// As [`quantile_mut`], of [`key`]s.
pub(crate) fn quantile_of_keys(keys: &mut [i64], q: f64) -> Option<f64> {
    if keys.is_empty() {
        return None;
    }
    let position = q.clamp(0.0, 1.0) * (keys.len() - 1) as f64;
    let below = position.floor() as usize;
    let fraction = position - below as f64;
    let (_, &mut low, upper) = keys.select_nth_unstable(below);
    let low = value_of(low);
    match upper.iter().min() {
        Some(&high) if fraction != 0.0 => Some(low + (value_of(high) - low) * fraction),
        _ => Some(low),
    }
}

/// The median of `values`. `None` for an empty slice.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Median and median absolute deviation (unscaled). `None` for an empty slice.
///
/// # Source
///
/// F. R. Hampel, "The influence curve and its role in robust estimation", JASA 69 (1974),
/// 383–393.
pub fn median_and_mad(values: &[f64]) -> Option<(f64, f64)> {
    let mut work: Vec<i64> = values.iter().map(|&value| key(value)).collect();
    let center = quantile_of_keys(&mut work, 0.5)?;
    for (work, value) in work.iter_mut().zip(values) {
        *work = key((value - center).abs());
    }
    Some((center, quantile_of_keys(&mut work, 0.5)?))
}

/// A standard deviation that a minority of wild values cannot carry away: the scaled median
/// absolute deviation, and where half of the values are equal, the mean absolute deviation
/// of the inner 90 %.
pub fn robust_sigma(values: &[f64]) -> f64 {
    middle_and_sigma(values).map_or(0.0, |(_, sigma)| sigma)
}

/// Whether it is seen without putting anything in order that no value lies further than `sigmas`
/// robust standard deviations from `about`, nor from the median: `false` says nothing.
///
/// With m a twentieth of the largest distance M from `about`: where at most half of the values lie
/// on either side beyond m, the median lies within m. Where at most half lie within m + c, the
/// median absolute deviation is at least c = (M + m) / (`sigmas` · 1.4826).
pub(crate) fn are_surely_near(values: &[f64], about: f64, sigmas: f64) -> bool {
    let most = values
        .iter()
        .fold(0.0_f64, |most, value| most.max((value - about).abs()));
    let aside = 0.05 * most;
    // A hair's breadth more, so that rounding does not decide.
    let deviation = 1.000_001 * (most + aside) / (sigmas * MAD_TO_SIGMA);
    let (mut below, mut above, mut within) = (0_u64, 0_u64, 0_u64);
    for value in values {
        let off = value - about;
        below += u64::from(off < -aside);
        above += u64::from(off > aside);
        within += u64::from(off.abs() < deviation + aside);
    }
    let half = (values.len() as u64).saturating_sub(1) / 2;
    most.is_finite() && below <= half && above <= half && within <= half
}

/// The median of `values` and their [`robust_sigma`]. `None` for an empty slice.
pub(crate) fn middle_and_sigma(values: &[f64]) -> Option<(f64, f64)> {
    let (center, mad) = median_and_mad(values)?;
    Some((center, sigma_about(values, center, mad)))
}

fn sigma_about(values: &[f64], center: f64, mad: f64) -> f64 {
    if mad > 0.0 {
        return mad * MAD_TO_SIGMA;
    }
    let mut deviations: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    let limit = quantile_mut(&mut deviations, 0.9).unwrap_or(0.0);
    let inner: Vec<f64> = deviations.into_iter().filter(|&d| d <= limit).collect();
    if inner.is_empty() {
        0.0
    } else {
        1.253_314 * inner.iter().sum::<f64>() / inner.len() as f64
    }
}

/// Puts `values` in ascending order, as [`f64::total_cmp`] has it.
pub(crate) fn sort(values: &mut [f64]) {
    let mut keys: Vec<i64> = values.iter().map(|&value| key(value)).collect();
    keys.sort_unstable();
    for (value, key) in values.iter_mut().zip(keys) {
        *value = value_of(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_equal_numpy() {
        // numpy 2.4.6: np.quantile([3,1,4,1,5,9,2,6], [.1,.5,.9]) == [1.0, 3.5, 6.9]
        let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        for (q, expected) in [(0.1, 1.0), (0.5, 3.5), (0.9, 6.9)] {
            let got = quantile(&values, q).expect("not empty");
            assert!((got - expected).abs() < 1e-12, "{q}: {got}");
        }
        assert_eq!(quantile(&[], 0.5), None);
        // numpy 2.4.6: np.quantile([-3, 0, -1e-300, 2, -7], [.25, .5]) == [-3.0, -1e-300]
        let values = [-3.0, 0.0, -1e-300, 2.0, -7.0];
        assert_eq!(quantile(&values, 0.25), Some(-3.0));
        assert_eq!(quantile(&values, 0.5), Some(-1e-300));
    }

    #[test]
    fn what_is_surely_near_is_near() {
        let mut random = fastrand::Rng::with_seed(9);
        let mut near = 0;
        for _ in 0..400 {
            let wild = 10.0 * random.f64();
            let mut values: Vec<f64> = (0..60)
                .map(|_| (0..6).map(|_| random.f64()).sum())
                .collect();
            values[7] += wild;
            if are_surely_near(&values, 3.0, 6.0) {
                near += 1;
                let (middle, sigma) = middle_and_sigma(&values).expect("not empty");
                let is_near = |about: f64| values.iter().all(|v| (v - about).abs() <= 6.0 * sigma);
                assert!(is_near(3.0) && is_near(middle), "{values:?}");
            }
        }
        assert!((40..300).contains(&near), "{near}");
        assert!(are_surely_near(&[2.0; 20], 2.0, 6.0));
    }

    #[test]
    fn median_absolute_deviation_equals_scipy() {
        // scipy 1.17.1: stats.median_abs_deviation([3,1,4,1,5,9,2,6]) == 2.0
        let (center, mad) =
            median_and_mad(&[3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0]).expect("not empty");
        assert_eq!((center, mad), (3.5, 2.0));
    }
}
