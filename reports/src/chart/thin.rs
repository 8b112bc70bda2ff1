//! Thins a series to the pixels it is drawn on, so that every extreme survives.

/// The indices of the points that are drawn on `columns` pixel columns between `first` and
/// `last`: of each column its lowest and its highest point, in their order.
///
/// The thinned picture has in every column the same minimum and maximum as the full one. The
/// ends of every piece stay. Points whose value is NaN end a piece: one of each run of them is
/// kept, so that the gap stays a gap. `xs` is ascending.
///
/// Time O(n), no memory beyond the result.
pub fn thinned(xs: &[f64], ys: &[f64], first: f64, last: f64, columns: usize) -> Vec<usize> {
    let n = xs.len().min(ys.len());
    if n <= columns.saturating_mul(2) || columns == 0 || last <= first {
        return (0..n).collect();
    }
    let scale = columns as f64 / (last - first);
    let mut kept = Vec::with_capacity(2 * columns + 8);
    let mut start = 0;
    while start < n {
        let column = column_of(xs[start], first, scale);
        // The first point that can lie in another column.
        let bound = first + (column + 1.0) / scale;
        let mut end = start;
        let mut lowest = start;
        let mut highest = start;
        let nan = ys[start].is_nan();
        while end < n
            && (xs[end] < bound || column_of(xs[end], first, scale) <= column)
            && ys[end].is_nan() == nan
        {
            if ys[end] < ys[lowest] {
                lowest = end;
            }
            if ys[end] > ys[highest] {
                highest = end;
            }
            end += 1;
        }
        if nan {
            kept.push(start);
        } else {
            let begins = start == 0 || ys[start - 1].is_nan();
            let ends = end == n || ys[end].is_nan();
            let of_column = [
                begins.then_some(start),
                Some(lowest.min(highest)),
                Some(lowest.max(highest)),
                ends.then_some(end - 1),
            ];
            for index in of_column.into_iter().flatten() {
                if kept.last() != Some(&index) {
                    kept.push(index);
                }
            }
        }
        start = end.max(start + 1);
    }
    kept
}

fn column_of(x: f64, first: f64, scale: f64) -> f64 {
    ((x - first) * scale).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lowest and highest value of each pixel column.
    fn extremes(xs: &[f64], ys: &[f64], kept: &[usize], columns: usize) -> Vec<(f64, f64)> {
        let last = xs[xs.len() - 1];
        let mut result = vec![(f64::INFINITY, f64::NEG_INFINITY); columns + 1];
        for &index in kept {
            let column = (xs[index] / last * columns as f64).floor() as usize;
            let (low, high) = &mut result[column];
            *low = low.min(ys[index]);
            *high = high.max(ys[index]);
        }
        result
    }

    #[test]
    fn no_pixel_column_differs_in_its_minimum_or_maximum() {
        let mut random = fastrand::Rng::with_seed(7);
        for columns in [1, 2, 97, 1400] {
            let mut time = 0.0;
            let mut xs = Vec::new();
            let mut ys = Vec::new();
            for index in 0..30_000 {
                // Uneven, with gaps of many columns.
                time += if random.usize(..5_000) == 0 {
                    3_000.0
                } else {
                    random.f64() * 2.0
                };
                xs.push(time);
                ys.push(f64::from(index) + 500.0 * random.f64());
            }
            let last = xs[xs.len() - 1];
            let all: Vec<usize> = (0..xs.len()).collect();
            let kept = thinned(&xs, &ys, 0.0, last, columns);
            assert_eq!(
                extremes(&xs, &ys, &kept, columns),
                extremes(&xs, &ys, &all, columns)
            );
            assert!(kept.len() <= 2 * (columns + 2), "{}", kept.len());
            assert!(kept.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let xs: Vec<f64> = (0..100).map(f64::from).collect();
        let mut ys = vec![1.0; 100];
        ys[40..60].fill(f64::NAN);
        let kept = thinned(&xs, &ys, 0.0, 99.0, 10);
        let missing = kept.iter().filter(|index| ys[**index].is_nan()).count();
        assert!((1..=3).contains(&missing), "{kept:?}");
    }
}
