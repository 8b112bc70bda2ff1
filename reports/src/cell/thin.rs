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
    let mut thinner = Thinner::new(times.len(), |row| times[row], points);
    thinner.push(times, series);
    thinner.finish()
}

/// Thins series that come part by part, as [`thin_together`] does, in memory for the points alone.
#[derive(Debug)]
pub struct Thinner {
    /// Samples in all.
    rows: usize,
    /// The second time and the one before the last, between which the buckets lie.
    between: (f64, f64),
    buckets: usize,
    /// Samples that were taken so far.
    seen: usize,
    open: Option<Bucket>,
    out: Thinned,
}

/// The samples of a bucket so far.
#[derive(Debug)]
struct Bucket {
    place: Place,
    first: f64,
    last: f64,
    samples: usize,
    series: Vec<Extremes>,
}

/// Where a sample belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The very first or the very last, which stays as it is.
    End(usize),
    Bucket(usize),
}

/// Lowest and highest value, each with the number of its sample.
#[derive(Debug, Clone, Copy, Default)]
struct Extremes {
    low: Option<(usize, f64)>,
    high: Option<(usize, f64)>,
}

impl Extremes {
    fn take(&mut self, seen: usize, values: &[f64]) {
        for (i, &value) in values.iter().enumerate() {
            if !value.is_finite() {
                continue;
            }
            if self.low.is_none_or(|(_, low)| value < low) {
                self.low = Some((seen + i, value));
            }
            if self.high.is_none_or(|(_, high)| value > high) {
                self.high = Some((seen + i, value));
            }
        }
    }

    /// The smallest and the largest value, the earlier one first; NaN twice if there is none.
    fn in_order(self) -> (f64, f64) {
        match (self.low, self.high) {
            (Some((i, low)), Some((j, high))) if i <= j => (low, high),
            (Some((_, low)), Some((_, high))) => (high, low),
            _ => (f64::NAN, f64::NAN),
        }
    }
}

impl Thinner {
    /// For so many samples, of which `time` tells when each was taken, to about `points`.
    pub fn new(rows: usize, time: impl Fn(usize) -> f64, points: usize) -> Self {
        let is_thinned = rows > points.max(4);
        Thinner {
            rows,
            between: match is_thinned {
                true => (time(1), time(rows - 2)),
                false => (0.0, 0.0),
            },
            buckets: (points.saturating_sub(2) / 2).max(1),
            seen: 0,
            open: None,
            out: Thinned {
                thinned: is_thinned,
                ..Thinned::default()
            },
        }
    }

    /// Takes the next samples. Further series may join behind those of the part before; a series
    /// that is empty has no value in this part.
    pub fn push(&mut self, times: &[f64], series: &[&[f64]]) {
        for _ in self.out.series.len()..series.len() {
            let gap = vec![f64::NAN; self.out.times.len()];
            self.out.series.push(gap);
        }
        if !self.out.thinned {
            self.out.times.extend_from_slice(times);
            for (out, values) in self.out.series.iter_mut().zip(series) {
                out.extend_from_slice(values);
                out.resize(self.out.times.len(), f64::NAN);
            }
            return;
        }
        let mut start = 0;
        while start < times.len() {
            let place = self.place(self.seen, times[start]);
            let same = times[start..].iter().enumerate();
            let same = same.take_while(|(i, time)| self.place(self.seen + i, **time) == place);
            let end = start + same.count().max(1);
            if self.open.as_ref().is_none_or(|open| open.place != place) {
                self.close();
            }
            let open = self.open.get_or_insert_with(|| Bucket {
                place,
                first: times[start],
                last: times[start],
                samples: 0,
                series: Vec::new(),
            });
            open.last = times[end - 1];
            open.samples += end - start;
            open.series.resize(series.len(), Extremes::default());
            for (extremes, values) in open.series.iter_mut().zip(series) {
                extremes.take(self.seen, values.get(start..end).unwrap_or_default());
            }
            self.seen += end - start;
            start = end;
        }
    }

    fn place(&self, sample: usize, time: f64) -> Place {
        if sample == 0 || sample + 1 == self.rows {
            return Place::End(sample);
        }
        let (begin, end) = self.between;
        let share = (time - begin) / (end - begin);
        // A clock that stood still or went backwards puts everything in one bucket.
        Place::Bucket(match share.is_finite() {
            true => ((share * self.buckets as f64) as usize).min(self.buckets - 1),
            false => 0,
        })
    }

    fn close(&mut self) {
        let Some(bucket) = self.open.take() else {
            return;
        };
        self.out.times.push(bucket.first);
        if bucket.samples > 1 {
            self.out.times.push(bucket.last);
        }
        for (out, extremes) in self.out.series.iter_mut().zip(&bucket.series) {
            let (first, second) = extremes.in_order();
            out.push(first);
            if bucket.samples > 1 {
                out.push(second);
            }
        }
        for out in &mut self.out.series {
            out.resize(self.out.times.len(), f64::NAN);
        }
    }

    /// What is left of all.
    pub fn finish(mut self) -> Thinned {
        self.close();
        self.out
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
    fn parts_are_thinned_as_the_whole() {
        let (times, values) = noisy(20_000);
        let late: Vec<f64> = (0..20_000)
            .map(|i| if i < 7_000 { f64::NAN } else { f64::from(i) })
            .collect();
        let whole = thin_together(&times, &[&values, &late], 500);
        let mut thinner = Thinner::new(times.len(), |row| times[row], 500);
        for part in [0..1, 1..6_999, 6_999..7_000] {
            thinner.push(&times[part.clone()], &[&values[part]]);
        }
        for part in [7_000..19_999, 19_999..20_000] {
            thinner.push(&times[part.clone()], &[&values[part.clone()], &late[part]]);
        }
        let parts = thinner.finish();
        assert_eq!(
            (&parts.times, &parts.series[0]),
            (&whole.times, &whole.series[0])
        );
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&parts.series[1]), bits(&whole.series[1]));
        assert_eq!(parts.series[1].last(), Some(&19_999.0));
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
