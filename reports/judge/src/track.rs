//! Readings along one axis, and fewer of them.

use crate::stats::bins;
use crate::stats::quantile::median;

/// Readings along one axis, ascending.
#[derive(Debug, Clone, Default)]
pub(crate) struct Track {
    /// Seconds since the first reading, or operations since then.
    pub x: Vec<f64>,
    /// Values, less the first one used.
    pub y: Vec<f64>,
}

impl Track {
    pub fn len(&self) -> usize {
        self.x.len()
    }

    pub fn span(&self) -> f64 {
        match (self.x.first(), self.x.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0.0,
        }
    }

    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        Self {
            x: self.x[range.clone()].to_vec(),
            y: self.y[range].to_vec(),
        }
    }
}

/// Readings that stay where they were recorded: a month of them is not copied to be looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points<'a> {
    x: &'a [f64],
    y: &'a [f64],
    /// What is taken off all times, and off all values.
    origin: (f64, f64),
}

impl<'a> Points<'a> {
    /// Readings of which `origin` is taken off: they begin at zero.
    pub fn since(x: &'a [f64], y: &'a [f64], origin: (f64, f64)) -> Self {
        Points { x, y, origin }
    }

    pub fn len(&self) -> usize {
        self.x.len()
    }

    pub fn x(&self, at: usize) -> f64 {
        self.x[at] - self.origin.0
    }

    pub fn y(&self, at: usize) -> f64 {
        self.y[at] - self.origin.1
    }

    pub fn times(&self, range: std::ops::Range<usize>) -> impl ExactSizeIterator<Item = f64> {
        self.x[range].iter().map(|x| x - self.origin.0)
    }

    pub fn values(&self, range: std::ops::Range<usize>) -> impl ExactSizeIterator<Item = f64> {
        self.y[range].iter().map(|y| y - self.origin.1)
    }

    pub fn to_track(self) -> Track {
        Track {
            x: self.times(0..self.len()).collect(),
            y: self.values(0..self.len()).collect(),
        }
    }
}

impl<'a> From<&'a Track> for Points<'a> {
    fn from(track: &'a Track) -> Self {
        Points::since(&track.x, &track.y, (0.0, 0.0))
    }
}

/// At most about `count` points of `track`, group means of equal stretches where it has more.
/// No group reaches across one of `edges`.
pub(crate) fn coarse(track: &Track, count: usize, edges: &[f64]) -> Track {
    if track.len() <= count + count / 4 {
        return track.clone();
    }
    let mut result = Track::default();
    let mut start = 0;
    for edge in edges.iter().copied().chain([f64::INFINITY]) {
        let end = start + track.x[start..].partition_point(|&x| x < edge);
        let part = track.slice(start..end);
        let share = part.span() / track.span() * count as f64;
        let grouped = bins::by_time((&part).into(), share.ceil().max(1.0) as usize);
        result.x.extend(grouped.x);
        result.y.extend(grouped.y);
        start = end;
    }
    result
}

/// The readings that are not marked in `left_out`.
pub(crate) fn without(track: &Track, left_out: &[bool]) -> Track {
    let keep = |values: &[f64]| -> Vec<f64> {
        values
            .iter()
            .zip(left_out)
            .filter(|(_, left_out)| !**left_out)
            .map(|(value, _)| *value)
            .collect()
    };
    Track {
        x: keep(&track.x),
        y: keep(&track.y),
    }
}

/// Distances of the points from their predecessors in units of the usual one.
pub(crate) fn spacing(x: &[f64]) -> Vec<f64> {
    let gaps: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let usual = median(&gaps).unwrap_or(0.0);
    let mut result = vec![1.0];
    result.extend(
        gaps.iter()
            .map(|gap| if usual > 0.0 { gap / usual } else { 1.0 }),
    );
    result
}
