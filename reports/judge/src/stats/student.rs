//! Student's t and the normal distribution: the quantiles that intervals are made of.

/// Natural logarithm of the gamma function for `x > 0` (Lanczos, g = 7, nine terms;
/// relative error below 1e-13).
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        let pi = std::f64::consts::PI;
        return (pi / (pi * x).sin()).ln() - ln_gamma(1.0 - x);
    }
    let x = x - 1.0;
    let mut sum = COEFFICIENTS[0];
    for (index, coefficient) in COEFFICIENTS.iter().enumerate().skip(1) {
        sum += coefficient / (x + index as f64);
    }
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The regularised incomplete beta function by its continued fraction (modified Lentz).
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front =
        (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(a, b, x) / a
    } else {
        1.0 - front * beta_fraction(b, a, 1.0 - x) / b
    }
}

fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..500 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let factor = d * c;
        fraction *= factor;
        if (factor - 1.0).abs() < 1e-15 {
            break;
        }
    }
    fraction
}

/// Probability that Student's t with `degrees` of freedom (any positive number) lies below `t`.
pub fn t_cdf(t: f64, degrees: f64) -> f64 {
    let tail = 0.5 * incomplete_beta(degrees / 2.0, 0.5, degrees / (degrees + t * t));
    if t >= 0.0 { 1.0 - tail } else { tail }
}

/// The quantile of Student's t with `degrees` of freedom: `t_cdf(result) == probability`.
///
/// `probability` lies strictly between 0 and 1; the result is exact to about 1e-9 relative.
pub fn t_quantile(probability: f64, degrees: f64) -> f64 {
    let upper = probability.max(1.0 - probability);
    if upper == 0.5 {
        return 0.0;
    }
    let log_scale = ln_gamma(0.5 * (degrees + 1.0))
        - ln_gamma(0.5 * degrees)
        - 0.5 * (degrees * std::f64::consts::PI).ln();
    // Newton's steps, and halving where one of them leaves the interval. The distribution bends
    // down above its middle, so that steps from below never go too far.
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let mut size = first_guess(upper, degrees);
    for _ in 0..200 {
        let beyond = t_cdf(size, degrees) - upper;
        if beyond < 0.0 {
            low = size;
        } else {
            high = size;
        }
        let density = (log_scale - 0.5 * (degrees + 1.0) * (size * size / degrees).ln_1p()).exp();
        let step = size - beyond / density;
        let is_inside = step > low && step < high;
        let next = match is_inside {
            true => step,
            false if high.is_finite() => 0.5 * (low + high),
            false => 2.0 * low.max(0.5),
        };
        // The error of a step of Newton's goes with the square of its length.
        let is_near = is_inside && (next - size).abs() <= 1e-6 * size;
        size = next;
        if is_near || (high.is_finite() && high - low <= 1e-13 * high) {
            break;
        }
    }
    if probability < 0.5 { -size } else { size }
}

/// A quantile above the middle to a few parts in a hundred, to begin with.
///
/// # Source
///
/// M. Abramowitz, I. A. Stegun, "Handbook of Mathematical Functions" (1964), 26.2.22 for the
/// normal distribution and the first terms of 26.7.5 for Student's t.
fn first_guess(upper: f64, degrees: f64) -> f64 {
    let r = (-2.0 * (1.0 - upper).max(1e-300).ln()).sqrt();
    let z = (r - (2.30753 + 0.27061 * r) / (1.0 + (0.99229 + 0.04481 * r) * r)).max(1e-3);
    let cubic = (z.powi(3) + z) / 4.0;
    let quintic = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    z + cubic / degrees + quintic / (degrees * degrees)
}

/// The quantile of the standard normal distribution (as Student's t with 10⁹ degrees of
/// freedom; error below 1e-8).
pub fn normal_quantile(probability: f64) -> f64 {
    t_quantile(probability, 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_equal_scipy() {
        // scipy 1.17.1: stats.t.ppf(p, df)
        for (p, degrees, expected) in [
            (0.975, 1.0, 12.706_204_736_174_694),
            (0.975, 4.5, 2.658_912_347_204_403_4),
            (0.995, 3.0, 5.840_909_309_733_355),
            (0.995, 133.0, 2.613_300_477_062_599_4),
            (0.05, 10.0, -1.812_461_122_811_676_6),
        ] {
            let got = t_quantile(p, degrees);
            assert!(
                (got - expected).abs() < 1e-7 * expected.abs(),
                "{p} {degrees}: {got}"
            );
        }
        // scipy 1.17.1: stats.norm.ppf(0.995) == 2.5758293035489004
        assert!((normal_quantile(0.995) - 2.575_829_303_548_900_4).abs() < 1e-6);
    }
}
