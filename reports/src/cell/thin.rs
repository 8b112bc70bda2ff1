//! Thins long series to what is drawn of them, so that every extreme survives: one series to
//! its pixel columns, or several over one axis of times.

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

/// Series over one shared axis of times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thinned {
    /// Times, ascending.
    pub times: Vec<f64>,
    /// Values of each series, as long as `times`; NaN is a gap.
    pub series: Vec<Vec<f64>>,
    /// Whether anything was left out.
    pub thinned: bool,
}

/// Thins series over `times` to about `points` each.
///
/// Time is cut into equal buckets. A bucket gives two points, at its first and last time,
/// which hold its smallest and largest value of each series in the order in which they came:
/// an extreme is never lost, and is displaced by less than a bucket. The very first and last
/// samples stay as they are. Cost is linear.
pub fn thin_together(times: &[f64], series: &[&[f64]], points: usize) -> Thinned {
    let n = times.len();
    if n <= points.max(4) {
        return Thinned {
            times: times.to_vec(),
            series: series.iter().map(|values| values.to_vec()).collect(),
            thinned: false,
        };
    }
    let mut out = Thinned {
        thinned: true,
        series: vec![Vec::with_capacity(points); series.len()],
        ..Thinned::default()
    };
    push_bucket(&mut out, times, series, 0, 1);
    let buckets = (points.saturating_sub(2) / 2).max(1);
    let (begin, end) = (times[1], times[n - 2]);
    let bucket_of = |time: f64| {
        let share = (time - begin) / (end - begin);
        // A clock that stood still or went backwards puts everything in one bucket.
        if share.is_finite() {
            ((share * buckets as f64) as usize).min(buckets - 1)
        } else {
            0
        }
    };
    let mut start = 1;
    while start < n - 1 {
        let bucket = bucket_of(times[start]);
        let length = times[start..n - 1]
            .iter()
            .take_while(|time| bucket_of(**time) == bucket)
            .count();
        push_bucket(&mut out, times, series, start, start + length.max(1));
        start += length.max(1);
    }
    push_bucket(&mut out, times, series, n - 1, n);
    out
}

fn push_bucket(out: &mut Thinned, times: &[f64], series: &[&[f64]], start: usize, end: usize) {
    let single = end - start == 1;
    out.times.push(times[start]);
    if !single {
        out.times.push(times[end - 1]);
    }
    for (kept, values) in out.series.iter_mut().zip(series) {
        let bucket = &values[start..end];
        let (first, second) = extremes_in_order(bucket);
        kept.push(first);
        if !single {
            kept.push(second);
        }
    }
}

/// The smallest and the largest value, the earlier one first; NaN twice if there is none.
fn extremes_in_order(bucket: &[f64]) -> (f64, f64) {
    let finite = bucket.iter().enumerate().filter(|(_, v)| v.is_finite());
    let mut low: Option<(usize, f64)> = None;
    let mut high: Option<(usize, f64)> = None;
    for (i, value) in finite {
        if low.is_none_or(|(_, l)| *value < l) {
            low = Some((i, *value));
        }
        if high.is_none_or(|(_, h)| *value > h) {
            high = Some((i, *value));
        }
    }
    match (low, high) {
        (Some((i, low)), Some((j, high))) if i <= j => (low, high),
        (Some((_, low)), Some((_, high))) => (high, low),
        _ => (f64::NAN, f64::NAN),
    }
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

    fn noisy(n: usize) -> (Vec<f64>, Vec<f64>) {
        let mut random = fastrand::Rng::with_seed(7);
        let times = (0..n).map(|i| i as f64 + random.f64() * 0.5).collect();
        let values = (0..n).map(|_| random.f64()).collect();
        (times, values)
    }

    #[test]
    fn short_series_stay_as_they_are() {
        let (times, values) = noisy(100);
        let thinned = thin_together(&times, &[&values], 100);
        assert!(!thinned.thinned);
        assert_eq!((thinned.times, thinned.series), (times, vec![values]));
    }

    #[test]
    fn every_bucket_keeps_its_extremes() {
        let (times, values) = noisy(50_000);
        let thinned = thin_together(&times, &[&values], 1_000);
        assert!(thinned.times.len() <= 1_000, "{}", thinned.times.len());
        assert!(thinned.times.is_sorted());
        // Point 0 is the first sample, then two points per bucket; each pair must be the
        // extremes of all samples between its two times, found here by looking at them all.
        let (out_t, out_v) = (&thinned.times, &thinned.series[0]);
        let mut samples_seen = 2;
        for i in (1..out_t.len() - 1).step_by(2) {
            let bucket: Vec<f64> = times
                .iter()
                .zip(&values)
                .filter(|(t, _)| **t >= out_t[i] && **t <= out_t[i + 1])
                .map(|(_, v)| *v)
                .collect();
            samples_seen += bucket.len();
            let low = bucket.iter().copied().fold(f64::INFINITY, f64::min);
            let high = bucket.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert_eq!(out_v[i].min(out_v[i + 1]), low);
            assert_eq!(out_v[i].max(out_v[i + 1]), high);
        }
        assert_eq!(
            samples_seen,
            times.len(),
            "no sample is outside all buckets"
        );
    }

    #[test]
    fn the_first_and_the_last_sample_are_exact() {
        let (times, values) = noisy(10_000);
        let thinned = thin_together(&times, &[&values], 64);
        assert_eq!(thinned.series[0].first(), values.first());
        assert_eq!(thinned.series[0].last(), values.last());
        assert_eq!(thinned.times.last(), times.last());
    }

    #[test]
    fn gaps_of_values_and_of_time_stay_gaps() {
        let mut times: Vec<f64> = (0..1_000).map(f64::from).collect();
        times.extend((0..1_000).map(|i| 90_000.0 + f64::from(i)));
        let values: Vec<f64> = (0..2_000)
            .map(|i| if i < 1_000 { f64::NAN } else { 5.0 })
            .collect();
        let thinned = thin_together(&times, &[&values], 400);
        let inside = thinned
            .times
            .iter()
            .filter(|t| **t > 1_000.0 && **t < 90_000.0);
        assert_eq!(inside.count(), 0);
        assert!(thinned.series[0][0].is_nan());
        assert_eq!(thinned.series[0].last(), Some(&5.0));
    }

    #[test]
    fn equal_times_end() {
        let thinned = thin_together(&[3.0; 100], &[&[1.0; 100]], 10);
        assert!(thinned.times.len() < 10);
    }
}
