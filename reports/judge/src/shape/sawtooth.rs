//! Ups and downs: a sawtooth is judged on its floor.

use crate::fit::model::{Regressors, columns, fit};
use crate::policy::sawtooth::{EARLY, TOOTH};
use crate::stats::quantile::{median, quantile, robust_sigma};
use crate::stats::turning_points::{Turn, turning_points};
use crate::track::Track;

/// A sawtooth: slow rises, fast falls.
#[derive(Debug, Clone)]
pub(crate) struct Sawtooth {
    /// The lowest point of each tooth.
    pub floor: Track,
    /// Usual height of a tooth.
    pub height: f64,
    /// Highest tooth divided by the lowest.
    pub height_spread: f64,
    /// Noise of single readings, the teeth aside.
    pub noise: f64,
    /// Longest distance between floors divided by the shortest.
    pub period_spread: f64,
    /// Points from the floor to the top of a usual tooth.
    pub points_per_rise: f64,
    /// First and last point of each fall.
    pub falls: Vec<(usize, usize)>,
}

/// Finds a sawtooth in `track`: at least two falls, each much faster than the rises.
pub(crate) fn find_sawtooth(track: &Track) -> Option<Sawtooth> {
    if track.len() < 16 {
        return None;
    }
    let detrended = detrend(track);
    // A warm-up at the beginning must not hide the teeth behind it.
    let later = &detrended[track.len() * 3 / 10..];
    let range = quantile(later, 0.98)? - quantile(later, 0.02)?;
    if range <= 0.0 {
        return None;
    }
    let mut turns = turning_points(&detrended, TOOTH * range);
    turns.extend(last_floor(&detrended, &turns, TOOTH * range));
    let (mut falls, mut rises) = (Vec::new(), Vec::new());
    let mut fall_points = Vec::new();
    let (mut heights, mut troughs, mut rise_points) = (Vec::new(), Vec::new(), Vec::new());
    for pair in turns.windows(2) {
        let length = (pair[1].index - pair[0].index) as f64;
        if pair[0].peak {
            falls.push(length);
            fall_points.push((pair[0].index, pair[1].index));
            heights.push(track.y[pair[0].index] - track.y[pair[1].index]);
        } else {
            rises.push(length);
            rise_points.push((pair[0].index, pair[1].index));
        }
    }
    for turn in turns.iter().filter(|turn| !turn.peak) {
        troughs.push(turn.index);
    }
    if falls.len() < 2 || rises.is_empty() {
        return None;
    }
    let (fall, rise) = (median(&falls)?, median(&rises)?);
    if rise < 4.0
        || fall > 0.35 * rise
        || !rises_are_steady(track, &rise_points)
        || !(0.25..=0.8).contains(&fullness(track, &rise_points))
    {
        return None;
    }
    // Falls of what is left beside a line are none where the values themselves do not fall.
    if median(&heights)? < 0.5 * TOOTH * range {
        return None;
    }
    let floor = Track {
        x: troughs.iter().map(|&i| track.x[i]).collect(),
        y: troughs.iter().map(|&i| track.y[i]).collect(),
    };
    let height = median(&heights)?;
    let highest = heights.iter().copied().fold(f64::MIN, f64::max);
    let lowest = heights.iter().copied().fold(f64::MAX, f64::min);
    let gaps: Vec<f64> = floor.x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let longest = gaps.iter().copied().fold(0.0, f64::max);
    let shortest = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    let period_spread = if gaps.is_empty() {
        1.0
    } else {
        longest / shortest.max(f64::MIN_POSITIVE)
    };
    Some(Sawtooth {
        floor,
        height,
        height_spread: highest / lowest.max(f64::MIN_POSITIVE),
        period_spread,
        noise: noise_of(track),
        points_per_rise: rise,
        falls: fall_points,
    })
}

/// The floor after the last peak, where the fall to it is over, though the rise from it has not
/// come far.
fn last_floor(values: &[f64], turns: &[Turn], threshold: f64) -> Option<Turn> {
    let peak = turns.last().filter(|turn| turn.peak)?.index;
    let floor = (peak..values.len()).min_by(|&a, &b| values[a].total_cmp(&values[b]))?;
    let is_over = floor + 2 < values.len() && values[peak] - values[floor] >= threshold;
    is_over.then_some(Turn {
        index: floor,
        peak: false,
    })
}

/// Values less the least-squares line.
fn detrend(track: &Track) -> Vec<f64> {
    let columns = columns(&track.x, &Regressors::default());
    fit(&columns, &track.y).map_or_else(|| track.y.clone(), |fit| fit.residuals)
}

/// Standard deviation of single readings, from how they change along the rises.
fn noise_of(track: &Track) -> f64 {
    let bends: Vec<f64> = track
        .y
        .windows(3)
        .map(|three| three[2] - 2.0 * three[1] + three[0])
        .collect();
    robust_sigma(&bends) / 6.0_f64.sqrt()
}

/// How full the rises are: 0.5 for straight ones, near 1 where a fast beginning is followed by
/// a level stretch, as after a restart, near 0 where a level stretch ends in a burst.
fn fullness(track: &Track, rises: &[(usize, usize)]) -> f64 {
    let shares: Vec<f64> = rises
        .iter()
        .map(|&(from, to)| {
            let (low, high) = (track.y[from], track.y[to]);
            let mean = track.y[from..=to].iter().sum::<f64>() / (to - from + 1) as f64;
            (mean - low) / (high - low).max(f64::MIN_POSITIVE)
        })
        .collect();
    median(&shares).unwrap_or(0.5)
}

/// Whether most of the rises go up steadily: no large part of one is taken back, or made, in
/// a single reading, nor is much of it made at once at its beginning, as after a restart.
fn rises_are_steady(track: &Track, rises: &[(usize, usize)]) -> bool {
    let steady = rises
        .iter()
        .filter(|&&(from, to)| {
            let climb = track.y[to] - track.y[from];
            let changes = || track.y[from..=to].windows(2).map(|pair| pair[1] - pair[0]);
            let back = changes().fold(0.0, f64::min);
            let leap = changes().fold(0.0, f64::max);
            let early = from + ((to - from) as f64 * EARLY).ceil() as usize;
            let at_once = (track.y[early] - track.y[from]) / climb - EARLY;
            let long = to - from >= 8;
            -back < 0.35 * climb && !(long && (leap > 0.5 * climb || at_once > 0.15))
        })
        .count();
    steady * 4 >= rises.len() * 3
}
