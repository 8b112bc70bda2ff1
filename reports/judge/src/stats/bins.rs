//! Grouping of many points into few, by time.

use super::quantile::{MAD_TO_SIGMA, key, quantile_of_keys};
use crate::track::Points;
use std::ops::Range;

/// Points grouped into stretches of equal time.
#[derive(Debug, Clone, Default)]
pub struct Bins {
    /// Mean time of the points of each bin.
    pub x: Vec<f64>,
    /// Mean of the values of each bin, wild ones left out.
    pub y: Vec<f64>,
}

/// Groups points (times ascending) into at most `count` stretches of equal length; empty ones
/// are left out, so that a gap stays a gap.
///
/// The value of a bin is the mean of those of its values that lie within four robust standard
/// deviations of its median: nearly as precise as the mean, and blind to bursts. Time O(n).
pub(crate) fn by_time(points: Points<'_>, count: usize) -> Bins {
    let mut bins = Bins::default();
    let n = points.len();
    if n == 0 {
        return bins;
    }
    let first = points.x(0);
    let width = (points.x(n - 1) - first) / count.max(1) as f64;
    if width <= 0.0 {
        return bins;
    }
    let mut work = Work::default();
    let mut start = 0;
    // A hair's breadth more, so that rounding does not decide for a time on an edge.
    let group_of = |time: f64| (((time - first) / width + 1e-6) as usize).min(count - 1);
    let is_dense = n > 32 * count;
    while start < n {
        let group = group_of(points.x(start));
        let is_same = |at: usize| group_of(points.x(at)) <= group;
        // Few points are gone through, many are searched.
        let end = match is_dense {
            true => first_without(start, n, is_same),
            false => start + 1 + (start + 1..n).take_while(|&at| is_same(at)).count(),
        };
        let length = end - start;
        bins.x
            .push(points.times(start..end).sum::<f64>() / length as f64);
        bins.y.push(tame_mean(points, start..end, &mut work));
        start = end;
    }
    bins
}

/// The first place from `start` on, below `end`, that is not like those before it.
pub(crate) fn first_without(start: usize, end: usize, is_like: impl Fn(usize) -> bool) -> usize {
    let (mut start, mut end) = (start, end);
    while start < end {
        let middle = start + (end - start) / 2;
        match is_like(middle) {
            true => start = middle + 1,
            false => end = middle,
        }
    }
    start
}

/// Memory that is used again from bin to bin.
#[derive(Default)]
struct Work {
    values: Vec<f64>,
    keys: Vec<i64>,
}

/// The mean of the values within four robust standard deviations of the median.
fn tame_mean(points: Points<'_>, range: Range<usize>, work: &mut Work) -> f64 {
    let values = || points.values(range.clone());
    if range.len() < 4 {
        return values().sum::<f64>() / range.len() as f64;
    }
    let center = middle(values(), work);
    let deviation = |value: f64| (value - center).abs();
    let limit = 4.0 * MAD_TO_SIGMA * middle(values().map(deviation), work);
    let (mut sum, mut kept) = (0.0, 0.0);
    for value in values() {
        if (value - center).abs() <= limit {
            sum += value - center;
            kept += 1.0;
        }
    }
    if kept > 0.0 {
        center + sum / kept
    } else {
        center
    }
}

/// The median; few values are put in order one by one.
fn middle(values: impl ExactSizeIterator<Item = f64>, work: &mut Work) -> f64 {
    const FEW: usize = 16;
    let count = values.len();
    if count > FEW {
        work.keys.clear();
        work.keys.extend(values.map(key));
        return quantile_of_keys(&mut work.keys, 0.5).unwrap_or(0.0);
    }
    work.values.clear();
    work.values.extend(values);
    let values = &mut work.values;
    for end in 1..count {
        let value = values[end];
        let mut at = end;
        while at > 0 && values[at - 1] > value {
            values[at] = values[at - 1];
            at -= 1;
        }
        values[at] = value;
    }
    let (low, high) = (values[(count - 1) / 2], values[count / 2]);
    low + (high - low) * 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_keep_gaps_and_leave_bursts_out() {
        let x: Vec<f64> = (0..100)
            .filter(|i| !(40..60).contains(i))
            .map(f64::from)
            .collect();
        let mut y: Vec<f64> = x.iter().map(|v| (v % 10.0) * 0.1).collect();
        y[3] = 1e9;
        let bins = by_time(Points::since(&x, &y, (0.0, 0.0)), 10);
        assert_eq!(bins.x.len(), 8, "{:?}", bins.x);
        // numpy 2.4.6: np.mean(np.delete(np.arange(10) * 0.1, 3)) == 0.4666666666666667
        assert!(
            (bins.y[0] - 0.466_666_666_666_666_7).abs() < 1e-9,
            "{:?}",
            bins.y
        );
    }
}
