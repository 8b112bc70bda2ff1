//! Ups and downs: a sawtooth is judged on its floor.

use super::frame::Track;
use crate::stats::quantile::{median, quantile};
use crate::stats::turning_points::turning_points;

/// A sawtooth: slow rises, fast falls.
#[derive(Debug, Clone)]
pub(super) struct Sawtooth {
    /// The lowest point of each tooth.
    pub floor: Track,
    /// Usual height of a tooth.
    pub height: f64,
    /// Usual length of a tooth.
    pub period: f64,
    /// Shortest and longest complete tooth, as shares of the usual height.
    pub height_spread: f64,
}

/// Share of the range by which a tooth must rise and fall.
const TOOTH: f64 = 0.4;

/// Finds a sawtooth in `track`: at least two falls, each much faster than the rises.
pub(super) fn sawtooth(track: &Track) -> Option<Sawtooth> {
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
    let turns = turning_points(&detrended, TOOTH * range);
    let (mut falls, mut rises) = (Vec::new(), Vec::new());
    let (mut heights, mut troughs, mut rise_points) = (Vec::new(), Vec::new(), Vec::new());
    for pair in turns.windows(2) {
        let length = (pair[1].index - pair[0].index) as f64;
        if pair[0].peak {
            falls.push(length);
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
    if rise < 4.0 || fall > 0.35 * rise || !rises_are_smooth(track, &rise_points) {
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
    let period = median(&gaps).unwrap_or_else(|| track.span() / 2.0);
    Some(Sawtooth {
        floor,
        height,
        period,
        height_spread: highest / lowest.max(f64::MIN_POSITIVE),
    })
}

/// Values less the least-squares line.
fn detrend(track: &Track) -> Vec<f64> {
    let columns = super::trend::columns(&track.x, &[]);
    super::trend::fit(&columns, &track.y).map_or_else(|| track.y.clone(), |fit| fit.residuals)
}

/// Whether most of the rises go up steadily: their steps down are few and small.
fn rises_are_smooth(track: &Track, rises: &[(usize, usize)]) -> bool {
    let smooth = rises
        .iter()
        .filter(|&&(from, to)| {
            let climb = track.y[to] - track.y[from];
            let back: f64 = track.y[from..=to]
                .windows(2)
                .map(|pair| (pair[0] - pair[1]).max(0.0))
                .fold(0.0, f64::max);
            back < 0.35 * climb
        })
        .count();
    smooth * 4 >= rises.len() * 3
}
