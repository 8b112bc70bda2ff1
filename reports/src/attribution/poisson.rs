//! Intervals of counts. A count of samples is a draw of Poisson's distribution, and a running
//! sum of such counts is no straight line with noise: least squares through it gives intervals
//! that are too narrow.

/// Longest search for a bound; each step halves what is left.
const BISECTIONS: u32 = 200;

/// An interval that holds the mean of a Poisson distribution from which `count` was drawn with
/// a probability of at least `confidence`.
///
/// # Source
///
/// F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28 (1936), 437–442:
/// the lower bound is the mean under which so many or more are drawn with probability
/// (1 − confidence) / 2, the upper one that under which so many or fewer are.
pub fn garwood(count: u64, confidence: f64) -> (f64, f64) {
    let tail = (1.0 - confidence) / 2.0;
    let n = count as f64;
    // Far beyond either bound, for any confidence in use.
    let farthest = n + 12.0 * (n + 1.0).sqrt() + 30.0;
    let low = match count {
        0 => 0.0,
        // P(X ≥ count) grows with the mean.
        _ => bisect(0.0, n, |mean| 1.0 - at_most(count - 1, mean) < tail),
    };
    // P(X ≤ count) falls with the mean.
    let high = bisect(n, farthest, |mean| at_most(count, mean) > tail);
    (low, high)
}

/// The place between `low` and `high` up to which `is_before` holds.
fn bisect(mut low: f64, mut high: f64, is_before: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..BISECTIONS {
        let middle = (low + high) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        match is_before(middle) {
            true => low = middle,
            false => high = middle,
        }
    }
    (low + high) / 2.0
}

/// P(X ≤ count) of Poisson's distribution. Sums outwards from the largest term, so that the
/// time is of the order of √count.
fn at_most(count: u64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return 1.0;
    }
    let n = count as f64;
    let term = |k: f64| (k * mean.ln() - mean - ln_factorial(k)).exp();
    if n <= mean {
        // The terms fall towards zero draws.
        sum(
            term(n),
            n,
            |value, k| (k > 0.0).then(|| value * k / mean),
            -1.0,
        )
    } else {
        // What is not above.
        let first = n + 1.0;
        1.0 - sum(
            term(first),
            first,
            |value, k| Some(value * mean / (k + 1.0)),
            1.0,
        )
    }
}

/// Adds terms from `first` on until they no longer count.
fn sum(first: f64, from: f64, next: impl Fn(f64, f64) -> Option<f64>, step: f64) -> f64 {
    let (mut total, mut value, mut k) = (first, first, from);
    while let Some(following) = next(value, k) {
        value = following;
        k += step;
        total += value;
        // Also where the largest term is too small for a number.
        if value <= total * 1e-17 {
            break;
        }
    }
    total
}

/// ln(k!) by Stirling's series, whose error is below 10⁻¹⁵ from 16 on (DLMF 5.11.1).
fn ln_factorial(k: f64) -> f64 {
    if k < 16.0 {
        return (2..=k as u32).map(|factor| f64::from(factor).ln()).sum();
    }
    let inverse = 1.0 / k;
    let square = inverse * inverse;
    let series = inverse
        * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0))));
    k * k.ln() - k + 0.5 * (2.0 * std::f64::consts::PI * k).ln() + series
}

/// An interval for the difference of the means of two Poisson distributions from which `plus`
/// and `minus` were drawn.
///
/// # Source
///
/// G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general
/// approach", Statistics in Medicine 27 (2008), 1693–1702: the limits of each are added in
/// squares; here they are Garwood's. With `minus` 0 and its interval at 0, which nothing was
/// taken from, only the width of `plus` would be left; then the difference is `plus` and its
/// interval Garwood's own.
pub fn difference(plus: u64, minus: u64, confidence: f64) -> (f64, f64) {
    let (plus_low, plus_high) = garwood(plus, confidence);
    if minus == 0 {
        return (plus_low, plus_high);
    }
    let (minus_low, minus_high) = garwood(minus, confidence);
    let (plus, minus) = (plus as f64, minus as f64);
    let between = plus - minus;
    (
        between - (plus - plus_low).hypot(minus_high - minus),
        between + (plus_high - plus).hypot(minus - minus_low),
    )
}

/// Probability that of `earlier + later` events, each of which falls into the later part with
/// probability `share`, `later` or fewer do.
pub fn as_few_in_last_part(earlier: u64, later: u64, share: f64) -> f64 {
    let n = (earlier + later) as f64;
    let odds = (1.0 - share) / share;
    let term = |k: f64| {
        let ways = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
        (ways + k * share.ln() + (n - k) * (1.0 - share).ln()).exp()
    };
    let k = later as f64;
    // Summed downwards only where the terms fall that way.
    if k > n * share {
        return 1.0;
    }
    sum(
        term(k),
        k,
        |value, k| (k > 0.0).then(|| value * odds * k / (n - k + 1.0)),
        -1.0,
    )
    .min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garwoods_bounds_are_those_of_the_chi_square_distribution() {
        // scipy 1.17.1: chi2.ppf(a / 2, 2 n) / 2 and chi2.ppf(1 - a / 2, 2 n + 2) / 2.
        for (count, confidence, low, high) in [
            (0, 0.95, 0.0, 3.6888794541139354),
            (1, 0.95, 0.025317807984289897, 5.571643390938898),
            (5, 0.99, 1.0779282406523196, 14.149759411023012),
            (11, 0.95, 5.491160367236839, 19.682038513301954),
            (48, 0.95, 35.39141082348324, 63.641036182127266),
            (48, 0.99, 32.03166370323208, 68.90157544795652),
            (1000, 0.95, 938.9730184076952, 1063.952136016302),
            (100_000, 0.99, 99187.32963316483, 100817.43103329056),
        ] {
            let found = garwood(count, confidence);
            for (found, expected) in [(found.0, low), (found.1, high)] {
                let apart = (found - expected).abs() / expected.max(1.0);
                assert!(
                    apart < 1e-8,
                    "{count} at {confidence}: {found}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn later_parts_are_those_of_the_binomial_distribution() {
        // scipy 1.17.1: binom.cdf(k, n, share).
        for (first, second, share, expected) in [
            (8, 2, 0.5, 0.0546875),
            (30, 10, 0.5, 0.0011107168866146822),
            (550, 450, 0.5, 0.0008652680424881513),
            (7, 0, 0.5, 0.0078125),
            (38, 2, 0.25, 0.0010157151013253873),
            (98, 2, 0.125, 0.00018467490282802644),
        ] {
            let found = as_few_in_last_part(first, second, share);
            assert!(
                (found / expected - 1.0).abs() < 1e-8,
                "{first}, {second}: {found}"
            );
        }
    }

    #[test]
    fn an_interval_of_a_difference_holds_it_and_its_ends_in_order() {
        for (plus, minus) in [(0, 0), (5, 0), (277, 250), (3, 40), (1000, 1000)] {
            let (low, high) = difference(plus, minus, 0.95);
            let between = plus as f64 - minus as f64;
            assert!(
                low <= between && between <= high,
                "{plus} - {minus}: {low} to {high}"
            );
        }
    }

    #[test]
    fn intervals_of_differences_cover_the_truth_as_often_as_they_claim() {
        // 4,000 draws each from generators of the test's own: not less than 93 % at 95 %.
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        let mut uniform = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 11) as f64 / (1_u64 << 53) as f64
        };
        // Knuth's product of uniforms.
        let mut draw = move |mean: f64| {
            let (limit, mut product, mut count) = ((-mean).exp(), uniform(), 0_u64);
            while product > limit {
                product *= uniform();
                count += 1;
            }
            count
        };
        for (plus, minus) in [(8.0, 0.0), (20.0, 5.0), (60.0, 50.0), (5.0, 5.0)] {
            let covered = (0..4000)
                .filter(|_| {
                    let (low, high) = difference(draw(plus), draw(minus), 0.95);
                    (low..=high).contains(&(plus - minus))
                })
                .count();
            assert!(covered >= 3720, "{plus} - {minus}: {covered} of 4000");
        }
    }
}
