//! Noise that remembers: a first-order autoregression of residuals, and the variance of a
//! regression coefficient under it.

/// First-order autoregressive noise with the memory `rho` per unit of spacing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memory {
    /// Correlation of neighbours one spacing apart, in `0.0..=0.999`.
    pub rho: f64,
    /// Variance of what is new in each observation.
    pub innovation_variance: f64,
    /// Degrees of freedom that the long-run variance made of these two is worth.
    pub degrees: f64,
}

/// Correlations above this are taken as this: the noise is then a random walk over any run.
pub const RHO_MAX: f64 = 0.999;

/// What is left of a correlation over a distance; distances come back again and again.
struct Decays {
    rho: f64,
    /// Distances and decays of late; the oldest is replaced next.
    known: [(f64, Decay); 4],
    oldest: usize,
}

/// What is left of a correlation over a distance, and how many times as much is new there as
/// over one spacing.
#[derive(Clone, Copy)]
struct Decay {
    left: f64,
    growth: f64,
}

impl Decays {
    fn of(rho: f64) -> Self {
        let one = Decay {
            left: rho,
            growth: 1.0,
        };
        Self {
            rho,
            known: [(1.0, one); 4],
            oldest: 0,
        }
    }

    #[inline]
    fn over(&mut self, spacing: f64) -> Decay {
        let distance = spacing.max(1.0);
        if let Some((_, decay)) = self.known.iter().find(|known| known.0 == distance) {
            return *decay;
        }
        let left = self.rho.powf(distance);
        let growth = match self.rho > 0.0 {
            true => (1.0 - left * left) / (1.0 - self.rho * self.rho),
            false => 1.0,
        };
        let decay = Decay { left, growth };
        self.known[self.oldest] = (distance, decay);
        self.oldest = (self.oldest + 1) % self.known.len();
        decay
    }
}

/// Correlation of neighbours in `residuals`, uncorrected; 0 where all are zero.
///
/// Pairs further apart than one and a half `spacing` are left out. `spacing[i]` is the
/// distance of residual `i` from the one before, in units of the usual one.
pub fn lag_one_correlation(residuals: &[f64], spacing: &[f64]) -> f64 {
    let mut products = 0.0;
    let mut squares = 0.0;
    for index in 1..residuals.len() {
        if spacing[index] <= 1.5 {
            products += residuals[index] * residuals[index - 1];
            squares += 0.5
                * (residuals[index] * residuals[index]
                    + residuals[index - 1] * residuals[index - 1]);
        }
    }
    if squares > 0.0 {
        products / squares
    } else {
        0.0
    }
}

/// Estimates the memory of the noise from the residuals of a fit with `parameters` columns.
///
/// The correlation of neighbours is biased towards independence, the more so the more a fit
/// has absorbed; it is corrected to first order. Negative values count as none: growth is
/// never judged more precise than independent noise would allow.
///
/// The degrees of freedom follow from the variance of the logarithm of the long-run variance
/// σ²/(1−ρ)², so that a noise with a long memory widens its own interval.
///
/// # Source
///
/// M. G. Kendall, "Note on bias in the estimation of autocorrelation", Biometrika 41 (1954),
/// 403–404; with a fitted line the bias is −(2+4ρ)/n.
pub fn estimate(residuals: &[f64], spacing: &[f64], parameters: usize) -> Memory {
    let n = residuals.len() as f64;
    let raw = lag_one_correlation(residuals, spacing);
    let bias_room = (n - 2.0 * parameters as f64).max(0.25 * n);
    let rho = ((n * raw + parameters as f64) / bias_room).clamp(0.0, RHO_MAX);
    let mut squares = 0.0;
    let mut count = 0.0;
    let mut decays = Decays::of(rho);
    for index in 1..residuals.len() {
        let decay = decays.over(spacing[index]);
        let fresh = residuals[index] - decay.left * residuals[index - 1];
        // What is new after a longer pause is more; bring it back to one spacing.
        squares += fresh * fresh / decay.growth;
        count += 1.0;
    }
    let freedom = (count - parameters as f64).max(1.0);
    let degrees = (n - parameters as f64 + 1.0).max(1.0) / (1.0 + 2.0 * (1.0 + rho) / (1.0 - rho));
    Memory {
        rho,
        innovation_variance: squares / freedom,
        degrees: degrees.max(2.5),
    }
}

/// The variance of the sum of `weights[i]` times noise `i`.
///
/// The weights of a coefficient beside an intercept sum to zero, so that the result stays
/// finite as the memory approaches a random walk. Time O(n).
pub fn weighted_variance(memory: &Memory, weights: &[f64], spacing: &[f64]) -> f64 {
    let stationary = memory.innovation_variance / (1.0 - memory.rho * memory.rho);
    let mut carried = 0.0;
    let mut sum = 0.0;
    let mut decays = Decays::of(memory.rho);
    for (index, &weight) in weights.iter().enumerate() {
        if index > 0 {
            carried *= decays.over(spacing[index]).left;
        }
        sum += weight * weight + 2.0 * weight * carried;
        carried += weight;
    }
    (stationary * sum).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variance_of_a_weighted_sum_equals_the_quadratic_form_of_numpy() {
        // numpy 2.4.6: S = toeplitz(0.7**arange(5)) * 2/(1-0.49); w @ S @ w for the weights
        // below == 0.8613176470588235
        let memory = Memory {
            rho: 0.7,
            innovation_variance: 2.0,
            degrees: 3.0,
        };
        let weights = [-0.4, -0.1, 0.3, -0.1, 0.3];
        let got = weighted_variance(&memory, &weights, &[1.0; 5]);
        assert!((got - 0.861_317_647_058_823_5).abs() < 1e-12, "{got}");
    }

    #[test]
    fn memory_of_a_generated_series_is_found_again() {
        let mut random = fastrand::Rng::with_seed(5);
        let mut last = 0.0;
        let noise: Vec<f64> = (0..20_000)
            .map(|_| {
                last = 0.8 * last + random.f64() - 0.5;
                last
            })
            .collect();
        let memory = estimate(&noise, &vec![1.0; noise.len()], 2);
        assert!((memory.rho - 0.8).abs() < 0.02, "{memory:?}");
        assert!(
            (memory.innovation_variance * 12.0 - 1.0).abs() < 0.05,
            "{memory:?}"
        );
    }
}
