//! Two levels whose readings come in no order: two processes in one series, or one that is seen
//! now with what it works on and now without. Of such a series a line shows neither.
//!
//! What is found here is judged, each level by itself. Tables that hold rows of several programs
//! for sure are refused before they come here, by whoever reads them.

use crate::policy::mixture::{
    APART, FEWEST, GRAINS, LEAST, MOST, MOST_POINTS, OF_LEVEL, SHARE, UNORDERED, WINDOWS,
};
use crate::stats::bins;
use crate::stats::quantile::sort;
use crate::track::{Points, Track};

/// The readings of the lower and of the upper of two levels, where `track` has two between which
/// it changes as readings that are mixed at random do; `None` where it has not.
///
/// In most of a number of short stretches the values fall into two groups with a gap between
/// them that is wider than either scatters, and they change from one to the other about as often
/// as independent draws do (the number of runs of Wald and Wolfowitz 1940): a level that is kept
/// for a while, as under load that is switched, changes more seldom. `base` is what was taken off
/// all values.
pub(crate) fn split_mixture<'a>(
    points: impl Into<Points<'a>>,
    base: f64,
) -> Option<(Track, Track)> {
    let points = points.into();
    let count = points.len();
    if count < FEWEST {
        return None;
    }
    let windows = (count / LEAST).clamp(1, WINDOWS);
    let length = (count / windows).min(MOST);
    let mut edges: Vec<(f64, f64)> = Vec::new();
    let (mut changes, mut expected, mut single) = (0.0, 0.0, 0);
    let (mut values, mut sorted) = (Vec::with_capacity(length), Vec::with_capacity(length));
    for window in 0..windows {
        let start = window * (count - length) / (windows - 1).max(1);
        values.clear();
        values.extend(points.values(start..start + length));
        let Some(edge) = edge_between(&values, base, &mut sorted) else {
            single += 1;
            if 3 * single > windows {
                return None;
            }
            continue;
        };
        let is_high = |y: &f64| *y > edge;
        let high = values.iter().filter(|y| is_high(y)).count() as f64 / length as f64;
        expected += 2.0 * high * (1.0 - high) * (length - 1) as f64;
        let changed = values
            .windows(2)
            .filter(|pair| is_high(&pair[0]) != is_high(&pair[1]));
        changes += changed.count() as f64;
        edges.push((start as f64 + 0.5 * length as f64, edge));
    }
    (changes > UNORDERED * expected).then(|| split_at(points, &edges))
}

/// The middle of the widest gap between `values`, a share of them on either side, if it is wide
/// beside what both sides scatter by.
fn edge_between(values: &[f64], base: f64, sorted: &mut Vec<f64>) -> Option<f64> {
    sorted.clear();
    sorted.extend_from_slice(values);
    sort(sorted);
    let few = ((SHARE * values.len() as f64) as usize).max(3);
    let gap = |at: &usize| sorted[*at] - sorted[*at - 1];
    let at = (few..=sorted.len() - few).max_by(|a, b| gap(a).total_cmp(&gap(b)))?;
    let wide = APART * deviation(&sorted[..at]).max(deviation(&sorted[at..]));
    // Few different values have gaps between them that say nothing: those of their grain.
    let smallest = sorted
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|gap| *gap > 0.0)
        .fold(f64::INFINITY, f64::min);
    let coarse = (GRAINS * smallest).min(OF_LEVEL * (base + sorted[at]));
    (gap(&at) > wide && gap(&at) > coarse).then(|| 0.5 * (sorted[at] + sorted[at - 1]))
}

fn deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// The readings of `track` below and above an edge that runs straight between the places (as
/// numbers of readings) where it is known.
fn split_at(points: Points<'_>, edges: &[(f64, f64)]) -> (Track, Track) {
    let (mut low, mut high) = (Track::default(), Track::default());
    let mut next = 0;
    for index in 0..points.len() {
        let (x, y) = (points.x(index), points.y(index));
        let place = index as f64;
        while next < edges.len() && edges[next].0 < place {
            next += 1;
        }
        let edge = match (
            next.checked_sub(1).map(|before| edges[before]),
            edges.get(next),
        ) {
            (Some((from, a)), Some(&(to, b))) => a + (b - a) * (place - from) / (to - from),
            (Some((_, edge)), None) | (None, Some(&(_, edge))) => edge,
            (None, None) => y,
        };
        let side = if y > edge { &mut high } else { &mut low };
        side.x.push(x);
        side.y.push(y);
    }
    (grouped(low), grouped(high))
}

fn grouped(track: Track) -> Track {
    if track.len() <= MOST_POINTS {
        return track;
    }
    let bins = bins::by_time((&track).into(), MOST_POINTS / 2);
    Track {
        x: bins.x,
        y: bins.y,
    }
}

#[cfg(test)]
mod tests {
    use super::split_mixture;
    use crate::track::Track;

    fn series(count: usize, value: impl Fn(usize, &mut fastrand::Rng) -> f64) -> Track {
        let mut random = fastrand::Rng::with_seed(7);
        Track {
            x: (0..count).map(|i| i as f64).collect(),
            y: (0..count).map(|i| value(i, &mut random)).collect(),
        }
    }

    #[test]
    fn readings_of_two_processes_are_told_apart() {
        // The lower one grows from 0 to 40, the upper one rests at 100.
        for count in [150, 1_500, 30_000] {
            let mixed = series(count, |i, random| match random.f64() < 0.3 {
                true => 40.0 * i as f64 / count as f64 + random.f64(),
                false => 100.0 + random.f64(),
            });
            let (low, high) = split_mixture(&mixed, 0.0).expect("two levels");
            assert!(low.y.iter().all(|y| *y < 41.0), "{count}");
            assert!(high.y.iter().all(|y| *y >= 100.0), "{count}");
            assert!(low.y[low.len() - 1] > 35.0, "{count}");
        }
    }

    #[test]
    fn one_level_levels_in_turn_and_teeth_are_no_mixture() {
        assert!(split_mixture(&series(1_500, |_, random| random.f64()), 10.0).is_none());
        let bell = |random: &mut fastrand::Rng| (0..12).map(|_| random.f64()).sum::<f64>();
        assert!(split_mixture(&series(1_500, |_, random| bell(random)), 10.0).is_none());
        let switched = |i: usize| f64::from(u8::from((i / 40).is_multiple_of(2)));
        assert!(
            split_mixture(
                &series(1_500, |i, random| 50.0 * switched(i) + random.f64()),
                10.0
            )
            .is_none()
        );
        assert!(split_mixture(&series(1_500, |i, _| (i as f64 / 12.3).fract()), 10.0).is_none());
        assert!(split_mixture(&series(1_500, |_, _| 5.0), 10.0).is_none());
        let pages = |random: &mut fastrand::Rng| 4_096.0 * f64::from(random.u8(0..3));
        assert!(split_mixture(&series(1_500, |_, random| pages(random)), 1e7).is_none());
    }
}
