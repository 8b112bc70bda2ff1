//! How many false discoveries there are among many verdicts.

/// The share of false discoveries that is accepted among all, on average.
pub const ACCEPTED_RATE: f64 = 0.05;

/// P-values adjusted for their number: a discovery at rate q is one whose adjusted value is at
/// most q.
///
/// Values that are not between 0 and 1 count as 1. Time O(n log n).
///
/// # Source
///
/// Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate: A Practical and Powerful
/// Approach to Multiple Testing", Journal of the Royal Statistical Society B 57 (1995),
/// 289–300. It holds for independent services and for those whose noise moves together
/// (positive regression dependency; Y. Benjamini, D. Yekutieli, Annals of Statistics 29 (2001),
/// 1165–1188).
pub fn adjusted(p_values: &[f64]) -> Vec<f64> {
    let count = p_values.len();
    let clean = |p: f64| if (0.0..=1.0).contains(&p) { p } else { 1.0 };
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| clean(p_values[a]).total_cmp(&clean(p_values[b])));
    let mut result = vec![1.0; count];
    let mut least = 1.0_f64;
    for (rank, &index) in order.iter().enumerate().rev() {
        least = least.min(clean(p_values[index]) * count as f64 / (rank + 1) as f64);
        result[index] = least;
    }
    result
}

/// Which of many p-values are discoveries at [`ACCEPTED_RATE`].
pub fn discoveries(p_values: &[f64]) -> Vec<bool> {
    let adjusted = adjusted(p_values);
    adjusted.into_iter().map(|p| p <= ACCEPTED_RATE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_values_equal_scipy() {
        // scipy 1.17.1: stats.false_discovery_control(p, method="bh")
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324,
        ];
        let expected = [
            0.001,
            0.002,
            0.006_333_333_333_333_333,
            0.023_75,
            0.040_2,
            0.042_571_428_571_428_57,
            0.042_571_428_571_428_57,
            0.043,
            0.051,
            0.324,
        ];
        for (found, wanted) in adjusted(&p).iter().zip(expected) {
            assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        }
        let found = discoveries(&p).iter().filter(|d| **d).count();
        assert_eq!(found, 8);
    }

    #[test]
    fn discoveries_are_those_of_the_paper() {
        // scipy 1.17.1: stats.false_discovery_control(P, method='bh') <= 0.05; the values of
        // table 1 of the paper, of which four are refused.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let found = discoveries(&p);
        assert_eq!(found.iter().filter(|found| **found).count(), 4);
        assert!(found[..4].iter().all(|found| *found));
        assert_eq!(discoveries(&[]), Vec::<bool>::new());
        assert_eq!(discoveries(&[0.025, 0.9, 0.033]), [true, false, true]);
    }

    #[test]
    fn what_is_no_probability_discovers_nothing() {
        assert_eq!(adjusted(&[f64::NAN, -1.0, 2.0]), [1.0, 1.0, 1.0]);
        assert!(adjusted(&[]).is_empty());
    }
}
