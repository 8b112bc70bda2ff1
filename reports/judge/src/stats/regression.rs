//! Least squares with several regressors, kept in a form from which the variance of every
//! coefficient under correlated noise can be computed.

/// A fitted linear model: coefficients, residuals, and for each coefficient the weights with
/// which it is a sum over the observations.
#[derive(Debug, Clone)]
pub struct Fit {
    /// One coefficient per column, in the order of the columns.
    pub coefficients: Vec<f64>,
    /// Observation minus fitted value.
    pub residuals: Vec<f64>,
    /// `weights[j][i]`: coefficient `j` is the sum over `i` of this times observation `i`.
    pub weights: Vec<Vec<f64>>,
}

impl Fit {
    /// Sum of squared residuals.
    pub fn rss(&self) -> f64 {
        self.residuals.iter().map(|r| r * r).sum()
    }
}

/// Fits `y` as a combination of `columns` by least squares (modified Gram–Schmidt, twice).
///
/// Columns may be in any units. `None` if there are fewer rows than columns, or if a column
/// is (to rounding) a combination of those before it.
///
/// Time O(n·p²) for n rows and p columns.
pub fn least_squares(columns: &[&[f64]], y: &[f64]) -> Option<Fit> {
    let rows = y.len();
    let count = columns.len();
    if rows < count || columns.iter().any(|column| column.len() != rows) {
        return None;
    }
    let mut orthonormal: Vec<Vec<f64>> = Vec::with_capacity(count);
    let mut triangle = vec![vec![0.0; count]; count];
    for (j, column) in columns.iter().enumerate() {
        let size = dot(column, column).sqrt();
        let mut rest = column.to_vec();
        for _ in 0..2 {
            for (k, basis) in orthonormal.iter().enumerate() {
                let share = dot(basis, &rest);
                triangle[k][j] += share;
                rest.iter_mut()
                    .zip(basis)
                    .for_each(|(value, b)| *value -= share * b);
            }
        }
        let left = dot(&rest, &rest).sqrt();
        if left.is_nan() || left <= 1e-10 * size {
            return None;
        }
        triangle[j][j] = left;
        rest.iter_mut().for_each(|value| *value /= left);
        orthonormal.push(rest);
    }
    let mut residuals = y.to_vec();
    let mut shares = vec![0.0; count];
    for _ in 0..2 {
        for (k, basis) in orthonormal.iter().enumerate() {
            let share = dot(basis, &residuals);
            shares[k] += share;
            residuals
                .iter_mut()
                .zip(basis)
                .for_each(|(value, b)| *value -= share * b);
        }
    }
    Some(back_substitute(&triangle, &orthonormal, &shares, residuals))
}

fn back_substitute(
    triangle: &[Vec<f64>],
    orthonormal: &[Vec<f64>],
    shares: &[f64],
    residuals: Vec<f64>,
) -> Fit {
    let count = shares.len();
    let mut coefficients = vec![0.0; count];
    let mut weights: Vec<Vec<f64>> = vec![Vec::new(); count];
    for j in (0..count).rev() {
        let mut coefficient = shares[j];
        let mut weight = orthonormal[j].clone();
        for k in j + 1..count {
            coefficient -= triangle[j][k] * coefficients[k];
            weight
                .iter_mut()
                .zip(&weights[k])
                .for_each(|(value, w)| *value -= triangle[j][k] * w);
        }
        coefficients[j] = coefficient / triangle[j][j];
        weight.iter_mut().for_each(|value| *value /= triangle[j][j]);
        weights[j] = weight;
    }
    Fit {
        coefficients,
        residuals,
        weights,
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_equal_numpy() {
        // numpy 2.4.6: np.linalg.lstsq(np.c_[ones, x, x**2], y) for the values below
        // == [0.9785714285714341, 0.8007142857142853, 0.0821428571428569]
        let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let y = [1.0, 1.8, 3.0, 4.0, 5.6, 7.0];
        let ones = [1.0; 6];
        let squares: Vec<f64> = x.iter().map(|v| v * v).collect();
        let fit = least_squares(&[&ones, &x, &squares], &y).expect("full rank");
        let expected = [
            0.978_571_428_571_434_1,
            0.800_714_285_714_285_3,
            0.082_142_857_142_856_9,
        ];
        for (got, want) in fit.coefficients.iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        for (weights, want) in fit.weights.iter().zip(expected) {
            let sum: f64 = weights.iter().zip(y).map(|(w, v)| w * v).sum();
            assert!((sum - want).abs() < 1e-12, "{sum} {want}");
        }
    }

    #[test]
    fn a_repeated_column_is_refused() {
        let x = [1.0, 2.0, 3.0];
        assert!(least_squares(&[&x, &x], &[1.0, 2.0, 2.0]).is_none());
    }
}
