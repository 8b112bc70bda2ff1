//! Least squares with several regressors, kept in a form from which the variance of every
//! coefficient under correlated noise can be computed, and to which columns can be added.

/// A fitted linear model: coefficients and residuals, and for each coefficient the weights with
/// which it is a sum over the observations.
#[derive(Debug, Clone)]
pub struct Fit {
    /// One coefficient per column, in the order of the columns.
    pub coefficients: Vec<f64>,
    /// Observation minus fitted value.
    pub residuals: Vec<f64>,
    /// The columns made orthonormal, and how they are made up of these: `triangle[k][j]` is the
    /// part of column `j` along `k`.
    orthonormal: Vec<Vec<f64>>,
    triangle: Vec<Vec<f64>>,
}

/// A model with one column more than a [`Fit`].
#[derive(Debug, Clone)]
pub struct Added {
    /// One coefficient per column, that of the new one last.
    pub coefficients: Vec<f64>,
    /// Observation minus fitted value.
    pub residuals: Vec<f64>,
    /// The new coefficient is the sum over the observations times these.
    pub weights: Vec<f64>,
}

/// A column is a combination of others, to rounding, where less than this share of it is left.
const LEFT: f64 = 1e-10;

/// Where more than this share of a sum of squares was taken out, what is left is taken out of once
/// more: less than a tenth of the length was left, and rounding counts ten times as much.
const TAKEN_OUT: f64 = 0.99;

/// From this share of its sum of squares on a column is far from a combination of others.
const WELL_APART: f64 = 1e-4;

impl Fit {
    /// Sum of squared residuals.
    pub fn rss(&self) -> f64 {
        dot(&self.residuals, &self.residuals)
    }

    /// Coefficient `column` is the sum over the observations times these. Time O(n·p).
    pub fn weights(&self, column: usize) -> Vec<f64> {
        let count = self.orthonormal.len();
        // A row of the inverse of the triangle.
        let mut inverse: Vec<f64> = vec![0.0; column];
        for k in column..count {
            let sum: f64 = (column..k).map(|j| inverse[j] * self.triangle[j][k]).sum();
            let unit = f64::from(u8::from(k == column));
            inverse.push((unit - sum) / self.triangle[k][k]);
        }
        let mut weights = vec![0.0; self.residuals.len()];
        for (part, basis) in inverse.iter().zip(&self.orthonormal).skip(column) {
            subtract(&mut weights, -part, basis);
        }
        weights
    }

    /// The fit of the same observations by one column more. `None` where that is a combination
    /// of the others. Time O(n·p).
    pub fn with(&self, column: &[f64]) -> Option<Added> {
        let before = dot(column, column);
        let mut rest = column.to_vec();
        let shares = take_out(&self.orthonormal, &mut rest, before);
        let squares = dot(&rest, &rest);
        if squares.is_nan() || squares.sqrt() <= LEFT * before.sqrt() {
            return None;
        }
        let mut residuals = self.residuals.clone();
        let coefficient = dot(&rest, &residuals) / squares;
        subtract(&mut residuals, coefficient, &rest);
        rest.iter_mut().for_each(|value| *value /= squares);
        // What the others had of the new column, they lose.
        let mut coefficients: Vec<f64> = solved(&self.triangle, &shares)
            .into_iter()
            .zip(&self.coefficients)
            .map(|(part, before)| before - coefficient * part)
            .collect();
        coefficients.push(coefficient);
        Some(Added {
            coefficients,
            residuals,
            weights: rest,
        })
    }

    /// What a column has that no column of the model has.
    pub fn beyond(&self, column: &[f64]) -> Vec<f64> {
        let mut rest = column.to_vec();
        take_out(&self.orthonormal, &mut rest, dot(column, column));
        rest
    }

    /// The sum of squared residuals with these columns more. `None` where one is a combination
    /// of the others. Time O(n·p) for each.
    pub fn rss_with(&self, columns: &[&[f64]]) -> Option<f64> {
        self.rss_with_each(columns)
            .map(|all| all.last().copied().unwrap_or_else(|| self.rss()))
    }

    /// As [`rss_with`](Self::rss_with), by the normal equations of the new columns: in fewer steps,
    /// where these are far from being combinations of each other.
    pub fn rss_with_few(&self, columns: &[&[f64]]) -> Option<f64> {
        let count = columns.len();
        let parts: Vec<Vec<f64>> = columns
            .iter()
            .map(|column| {
                self.orthonormal
                    .iter()
                    .map(|basis| dot(basis, column))
                    .collect()
            })
            .collect();
        let mut triangle = vec![vec![0.0; count]; count];
        let mut gain = 0.0;
        let mut along: Vec<f64> = Vec::with_capacity(count);
        // Cholesky's factor of what the columns have that the model has not.
        for i in 0..count {
            for j in 0..=i {
                let within = dot(columns[i], columns[j]) - dot(&parts[i], &parts[j]);
                let left = within - dot(&triangle[i][..j], &triangle[j][..j]);
                if i != j {
                    triangle[i][j] = left / triangle[j][j];
                } else if left.is_nan() || left <= WELL_APART * dot(columns[i], columns[i]) {
                    return self.rss_with(columns);
                } else {
                    triangle[i][i] = left.sqrt();
                }
            }
            let share = dot(columns[i], &self.residuals) - dot(&triangle[i][..i], &along);
            along.push(share / triangle[i][i]);
            gain += along[i] * along[i];
        }
        Some((self.rss() - gain).max(0.0))
    }

    /// The sums of squared residuals with the first, the first two, … of these columns more. `None`
    /// where one is a combination of the others.
    pub fn rss_with_each(&self, columns: &[&[f64]]) -> Option<Vec<f64>> {
        let mut rss = self.rss();
        let mut all = Vec::with_capacity(columns.len());
        let mut added: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
        for column in columns {
            let size = dot(column, column).sqrt();
            let mut rest = column.to_vec();
            for basis in self.orthonormal.iter().chain(&added) {
                let share = dot(basis, &rest);
                subtract(&mut rest, share, basis);
            }
            let left = dot(&rest, &rest).sqrt();
            if left.is_nan() || left <= LEFT * size {
                return None;
            }
            rest.iter_mut().for_each(|value| *value /= left);
            rss -= dot(&rest, &self.residuals).powi(2);
            all.push(rss.max(0.0));
            added.push(rest);
        }
        Some(all)
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
        let before = dot(column, column);
        let mut rest = column.to_vec();
        let shares = take_out(&orthonormal, &mut rest, before);
        for (k, share) in shares.into_iter().enumerate() {
            triangle[k][j] = share;
        }
        let left = match j {
            0 => before.sqrt(),
            _ => dot(&rest, &rest).sqrt(),
        };
        if left.is_nan() || left <= LEFT * before.sqrt() {
            return None;
        }
        triangle[j][j] = left;
        rest.iter_mut().for_each(|value| *value /= left);
        orthonormal.push(rest);
    }
    let mut residuals = y.to_vec();
    let shares = take_out(&orthonormal, &mut residuals, dot(y, y));
    Some(Fit {
        coefficients: solved(&triangle, &shares),
        residuals,
        orthonormal,
        triangle,
    })
}

/// Takes what `values` have of each of `orthonormal` out of them, and returns how much that was.
/// Where that was most of their sum of squares `before`, it is done twice, against rounding.
fn take_out(orthonormal: &[Vec<f64>], values: &mut [f64], before: f64) -> Vec<f64> {
    let mut shares = vec![0.0; orthonormal.len()];
    let once = |shares: &mut [f64], values: &mut [f64]| {
        for (basis, sum) in orthonormal.iter().zip(shares) {
            let share = dot(basis, values);
            *sum += share;
            subtract(values, share, basis);
        }
    };
    once(&mut shares, values);
    let is_most = dot(&shares, &shares) > TAKEN_OUT * before;
    if is_most || !before.is_finite() {
        once(&mut shares, values);
    }
    shares
}

/// What `triangle` makes `shares` of: back substitution.
fn solved(triangle: &[Vec<f64>], shares: &[f64]) -> Vec<f64> {
    let mut result = shares.to_vec();
    for j in (0..shares.len()).rev() {
        for k in j + 1..shares.len() {
            result[j] -= triangle[j][k] * result[k];
        }
        result[j] /= triangle[j][j];
    }
    result
}

fn subtract(values: &mut [f64], share: f64, basis: &[f64]) {
    values
        .iter_mut()
        .zip(basis)
        .for_each(|(value, b)| *value -= share * b);
}

/// The sum of products, in lanes that a processor adds up at once.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let count = a.len().min(b.len());
    let (a_blocks, a_rest) = a[..count].as_chunks::<LANES>();
    let (b_blocks, b_rest) = b[..count].as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    // Every other lane first: these stand side by side in the registers.
    let [a, b, c, d, e, f, g, h] = lanes;
    (((a + c) + (e + g)) + ((b + d) + (f + h))) + rest
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
        for (column, want) in expected.iter().enumerate() {
            let weights = fit.weights(column);
            let sum: f64 = weights.iter().zip(y).map(|(w, v)| w * v).sum();
            assert!((sum - want).abs() < 1e-12, "{sum} {want}");
        }
    }

    #[test]
    fn a_column_more_gives_what_a_fit_of_all_gives() {
        let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        let y = [1.0, 1.8, 3.0, 4.0, 5.6, 7.0];
        let ones = [1.0; 6];
        let squares: Vec<f64> = x.iter().map(|v| v * v).collect();
        let line = least_squares(&[&ones, &x], &y).expect("full rank");
        let added = line.with(&squares).expect("full rank");
        // numpy 2.2.0: the coefficients above, and np.linalg.lstsq(…)[1] == [0.039142857142857077]
        let expected = [
            0.978_571_428_571_434_1,
            0.800_714_285_714_285_3,
            0.082_142_857_142_856_9,
        ];
        for (got, want) in added.coefficients.iter().zip(expected) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        let rss: f64 = added.residuals.iter().map(|r| r * r).sum();
        assert!((rss - 0.039_142_857_142_857_08).abs() < 1e-12, "{rss}");
        assert!((line.rss_with(&[&squares]).expect("full rank") - rss).abs() < 1e-12);
        let few = line.rss_with_few(&[&squares, &[0.0, 1.0, 0.0, -1.0, 0.0, 1.0]]);
        let all = line.rss_with(&[&squares, &[0.0, 1.0, 0.0, -1.0, 0.0, 1.0]]);
        assert!((few.expect("full rank") - all.expect("full rank")).abs() < 1e-12);
        let sum: f64 = added.weights.iter().zip(y).map(|(w, v)| w * v).sum();
        assert!((sum - expected[2]).abs() < 1e-12, "{sum}");
        assert!(line.with(&[2.0, 4.0, 6.0, 8.0, 10.0, 12.0]).is_none());
    }

    #[test]
    fn a_repeated_column_is_refused() {
        let x = [1.0, 2.0, 3.0];
        assert!(least_squares(&[&x, &x], &[1.0, 2.0, 2.0]).is_none());
    }
}
