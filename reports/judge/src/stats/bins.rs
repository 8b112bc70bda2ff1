//! Grouping of many points into few, by time.

use super::quantile::{MAD_TO_SIGMA, quantile_mut};

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
pub fn by_time(x: &[f64], y: &[f64], count: usize) -> Bins {
    let mut bins = Bins::default();
    let (Some(&first), Some(&last)) = (x.first(), x.last()) else {
        return bins;
    };
    let width = (last - first) / count.max(1) as f64;
    if width <= 0.0 {
        return bins;
    }
    let mut work = Vec::new();
    let mut start = 0;
    // A hair's breadth more, so that rounding does not decide for a time on an edge.
    let group_of = |time: f64| (((time - first) / width + 1e-6) as usize).min(count - 1);
    let is_dense = x.len() > 32 * count;
    while start < x.len() {
        let group = group_of(x[start]);
        // Few points are gone through, many are searched.
        let end = match is_dense {
            true => start + x[start..].partition_point(|&time| group_of(time) <= group),
            false => {
                let same = x[start + 1..]
                    .iter()
                    .take_while(|&&time| group_of(time) <= group);
                start + 1 + same.count()
            }
        };
        let length = end - start;
        bins.x
            .push(x[start..end].iter().sum::<f64>() / length as f64);
        bins.y.push(tame_mean(&y[start..end], &mut work));
        start = end;
    }
    bins
}

/// The mean of the values within four robust standard deviations of the median.
fn tame_mean(values: &[f64], work: &mut Vec<f64>) -> f64 {
    if values.len() < 4 {
        return values.iter().sum::<f64>() / values.len() as f64;
    }
    work.clear();
    work.extend_from_slice(values);
    let center = middle(work);
    work.iter_mut()
        .for_each(|value| *value = (*value - center).abs());
    let limit = 4.0 * MAD_TO_SIGMA * middle(work);
    let (mut sum, mut kept) = (0.0, 0.0);
    for &value in values {
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
fn middle(values: &mut [f64]) -> f64 {
    const FEW: usize = 16;
    let count = values.len();
    if count > FEW {
        return quantile_mut(values, 0.5).unwrap_or(0.0);
    }
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
        let bins = by_time(&x, &y, 10);
        assert_eq!(bins.x.len(), 8, "{:?}", bins.x);
        // numpy 2.4.6: np.mean(np.delete(np.arange(10) * 0.1, 3)) == 0.4666666666666667
        assert!(
            (bins.y[0] - 0.466_666_666_666_666_7).abs() < 1e-9,
            "{:?}",
            bins.y
        );
    }
}
