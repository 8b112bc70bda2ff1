//! Ratio, difference and equivalence of two growth rates whose errors are known.

/// Confidence of every interval that a comparison reports.
pub const CONFIDENCE: f64 = 0.95;
/// The quantile of the normal distribution that belongs to it: Φ(z) = 0.975.
pub const Z: f64 = 1.959_963_984_540_054;

/// A value and the ends of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl From<[f64; 3]> for Estimate {
    /// Of a value and the ends of its interval, as the judge tells them.
    fn from([value, low, high]: [f64; 3]) -> Self {
        Estimate { value, low, high }
    }
}

impl Estimate {
    /// Half the width of the interval.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// The standard error that a normal distribution with this interval has.
    ///
    /// The judge's intervals come from Student's t, whose are wider; taking them for normal
    /// overstates the error of short series a little, and never understates it.
    pub fn standard_error(&self) -> f64 {
        self.half_width() / Z
    }

    /// The estimate in another unit.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let ends = [self.low * factor, self.high * factor];
        Estimate {
            value: self.value * factor,
            low: ends[0].min(ends[1]),
            high: ends[0].max(ends[1]),
        }
    }
}

/// The ratio `numerator / denominator` of two independent estimates with its interval.
///
/// `None` if the interval of the denominator holds zero: the ratio has no bounded interval
/// then.
///
/// # Source
///
/// E. C. Fieller, "Some problems in interval estimation", J. Royal Statistical Society B 16
/// (1954), 175–185.
pub fn ratio(numerator: &Estimate, denominator: &Estimate) -> Option<Estimate> {
    let z = Z;
    let (b, a) = (numerator.value, denominator.value);
    let (error_b, error_a) = (numerator.standard_error(), denominator.standard_error());
    let g = (z * error_a / a).powi(2);
    if !g.is_finite() || g >= 1.0 {
        return None;
    }
    let value = b / a;
    let root = ((1.0 - g) * error_b.powi(2) + (value * error_a).powi(2)).sqrt();
    let spread = z / a.abs() * root;
    Some(Estimate {
        value,
        low: (value - spread) / (1.0 - g),
        high: (value + spread) / (1.0 - g),
    })
}

/// The difference `after - before` of two independent estimates with its interval.
pub fn difference(before: &Estimate, after: &Estimate) -> Estimate {
    let value = after.value - before.value;
    let spread = before.half_width().hypot(after.half_width());
    Estimate {
        value,
        low: value - spread,
        high: value + spread,
    }
}

/// Two one-sided tests of whether a value lies within `±budget`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Equivalence {
    /// The budget, in the unit of the value.
    pub budget: f64,
    /// The larger of both tests' p values.
    pub p_value: f64,
    /// Whether both reject at 5 %: what remains is within the budget.
    pub within: bool,
    /// Whether the 95 % interval lies above the budget.
    pub beyond: bool,
}

/// Tests whether `value` is equivalent to zero within `±budget`.
///
/// A difference that was not found is no proof that there is none; rejecting both "at or
/// below -budget" and "at or above +budget" is.
///
/// # Source
///
/// D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach
/// for assessing the equivalence of average bioavailability", J. Pharmacokinetics and
/// Biopharmaceutics 15 (1987), 657–680.
pub fn equivalence(value: &Estimate, budget: f64) -> Equivalence {
    let error = value.standard_error();
    let above_lower = tail((value.value + budget) / error);
    let below_upper = tail((budget - value.value) / error);
    let p_value = if error > 0.0 {
        above_lower.max(below_upper)
    } else {
        f64::from(u8::from(value.value.abs() > budget))
    };
    Equivalence {
        budget,
        p_value,
        within: p_value < 1.0 - CONFIDENCE,
        beyond: value.low > budget,
    }
}

/// Probability that a standard normal variable lies above `z`.
fn tail(z: f64) -> f64 {
    1.0f64.min(normal_cdf(-z))
}

/// Probability that a standard normal variable lies below `z`.
///
/// Series 26.2.11 and continued fraction 26.2.14 of Abramowitz and Stegun, "Handbook of
/// Mathematical Functions" (1964); relative error below 1e-12.
pub fn normal_cdf(z: f64) -> f64 {
    if z.is_nan() {
        return f64::NAN;
    }
    let x = z.abs();
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let upper = if x < 3.0 {
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        while term > 1e-17 * sum {
            odd += 2.0;
            term *= x * x / odd;
            sum += term;
        }
        0.5 - density * sum
    } else if x < 40.0 {
        let fraction = (1..=60)
            .rev()
            .fold(x, |below, step| x + f64::from(step) / below);
        density / fraction
    } else {
        0.0
    };
    if z > 0.0 { 1.0 - upper } else { upper }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_error(value: f64, error: f64) -> Estimate {
        let half = 1.959_963_984_540_054 * error;
        Estimate {
            value,
            low: value - half,
            high: value + half,
        }
    }

    #[test]
    fn ratios_have_the_interval_that_inverting_the_test_gives() {
        // scipy 1.17.1: the two roots t of (b - t a) / sqrt(sb² + t² sa²) = ±norm.ppf(0.975),
        // by optimize.brentq.
        let cases: [(f64, f64, f64, f64, f64, f64); 4] = [
            (
                1000.0,
                20.0,
                6.0,
                1.5,
                0.003_057_611_879_573_696,
                0.008_960_855_499_436_045,
            ),
            (
                100.0,
                30.0,
                80.0,
                25.0,
                0.282_600_429_488_996,
                2.162_877_987_850_556,
            ),
            (
                1_048_576.0,
                150.0,
                604.0,
                12.0,
                0.000_553_588_742_333_838_4,
                0.000_598_449_922_446_895_6,
            ),
            (
                50.0,
                1.0,
                -3.0,
                2.0,
                -0.138_586_551_605_739_13,
                0.018_401_877_815_641_81,
            ),
        ];
        for (a, sa, b, sb, low, high) in cases {
            let found = ratio(&with_error(b, sb), &with_error(a, sa)).expect("a bounded interval");
            assert!(
                (found.low - low).abs() < 1e-7 * low.abs().max(high.abs()),
                "{found:?} {low}"
            );
            assert!(
                (found.high - high).abs() < 1e-7 * high.abs().max(low.abs()),
                "{found:?} {high}"
            );
        }
    }

    #[test]
    fn a_ratio_to_something_that_may_be_zero_has_no_interval() {
        assert_eq!(ratio(&with_error(1.0, 0.1), &with_error(10.0, 6.0)), None);
        assert_eq!(ratio(&with_error(1.0, 0.1), &with_error(0.0, 0.0)), None);
    }

    #[test]
    fn equivalence_has_the_p_values_of_statsmodels() {
        // statsmodels 0.15.0, numpy default_rng(5).normal(3, 20, 400):
        // weightstats.ztost(x, -delta, delta)[0], mean and standard error from DescrStatsW.
        let value = with_error(1.959_401_266_395_478_3, 0.964_523_858_573_405_2);
        for (budget, p_value, within) in [
            (4.0, 0.017_187_123_914_977_873, true),
            (5.0, 0.000_809_574_432_874_839_5, true),
            (8.0, 1.890_895_044_830_392_4e-10, true),
            (1.0, 0.840_056_225_461_921_5, false),
        ] {
            let found = equivalence(&value, budget);
            assert!((found.p_value / p_value - 1.0).abs() < 1e-6, "{found:?}");
            assert_eq!(found.within, within);
        }
    }

    #[test]
    fn values_without_error_are_within_or_beyond() {
        let exact = with_error(3.0, 0.0);
        assert!(equivalence(&exact, 4.0).within && !equivalence(&exact, 4.0).beyond);
        assert!(!equivalence(&exact, 2.0).within && equivalence(&exact, 2.0).beyond);
    }

    #[test]
    fn the_normal_distribution_equals_scipy() {
        // scipy 1.17.1: stats.norm.cdf(z)
        for (z, expected) in [
            (-8.0, 6.220_960_574_271_74e-16),
            (-3.0, 0.001_349_898_031_630_093_3),
            (-1.2345, 0.108_508_323_362_670_19),
            (0.0, 0.5),
            (0.5, 0.691_462_461_274_013_1),
            (2.5, 0.993_790_334_674_223_8),
        ] {
            let found = normal_cdf(z);
            assert!((found / expected - 1.0).abs() < 1e-11, "{z}: {found}");
        }
    }
}
