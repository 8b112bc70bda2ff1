//! The long-run variance of correlated noise, without a model of it.

use super::regression::dot;

/// Bartlett-weighted sum of autocovariances up to `lags`: the variance that the mean of many
/// values has, times their number.
///
/// `values` are residuals (mean zero). The result is never negative. Time O(n · lags).
///
/// # Source
///
/// W. K. Newey, K. D. West, "A simple, positive semi-definite, heteroskedasticity and
/// autocorrelation consistent covariance matrix", Econometrica 55 (1987), 703–708.
pub fn long_run_variance(values: &[f64], lags: usize) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let covariance = |lag: usize| dot(&values[lag..], &values[..n - lag]) / n as f64;
    let mut sum = covariance(0);
    for lag in 1..=lags.min(n - 1) {
        sum += 2.0 * (1.0 - lag as f64 / (lags as f64 + 1.0)) * covariance(lag);
    }
    sum.max(0.0)
}

/// The number of lags that suits `values`: Andrews' plug-in rule for Bartlett weights with a
/// first-order autoregression of memory `rho`, at most a fourth of the values.
///
/// # Source
///
/// D. W. K. Andrews, "Heteroskedasticity and autocorrelation consistent covariance matrix
/// estimation", Econometrica 59 (1991), 817–858.
pub fn automatic_lags(n: usize, rho: f64) -> usize {
    let rho = rho.clamp(0.0, 0.97);
    let alpha = 4.0 * rho * rho / ((1.0 - rho).powi(2) * (1.0 + rho).powi(2));
    let lags = 1.1447 * (alpha * n as f64).cbrt();
    (lags as usize).min(n / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_run_variance_equals_statsmodels() {
        // statsmodels 0.15.0, OLS with cov_type="HAC", maxlags=3, use_correction=False:
        // regression of y on a constant gives bse² · n = the value below.
        let y = [
            2.1, 2.9, 4.2, 4.8, 6.5, 6.9, 8.4, 8.6, 10.1, 11.3, 11.9, 13.2,
        ];
        let mean = y.iter().sum::<f64>() / y.len() as f64;
        let centered: Vec<f64> = y.iter().map(|v| v - mean).collect();
        let got = long_run_variance(&centered, 3);
        assert!((got - NEWEY_WEST_STATSMODELS).abs() < 1e-9, "{got}");
    }

    const NEWEY_WEST_STATSMODELS: f64 = 33.1933854166667;
}
