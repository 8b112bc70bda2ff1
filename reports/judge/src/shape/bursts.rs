//! Wild readings: single ones, and bursts of several.

use crate::stats::hampel::wild_values;
use crate::stats::quantile::{median, robust_sigma};
use crate::track::{Track, without};

/// The noise from one reading to the next, at least half a grain.
fn noise_floor(track: &Track, grain: f64) -> f64 {
    let changes: Vec<f64> = track.y.windows(2).map(|pair| pair[1] - pair[0]).collect();
    (robust_sigma(&changes) / std::f64::consts::SQRT_2).max(0.5 * grain)
}

/// Leaves out single wild readings.
pub(crate) fn without_bursts(track: Track, grain: f64) -> Track {
    if track.len() < 12 {
        return track;
    }
    let wild = wild_values(&track.y, 4, 5.0, noise_floor(&track, grain));
    let share = wild.iter().filter(|&&w| w).count() as f64 / track.len() as f64;
    if share > 0.25 {
        return track;
    }
    without(&track, &wild)
}

/// Leaves out bursts of several readings, once it is known that they are no teeth.
pub(crate) fn without_long_bursts(track: &Track, grain: f64) -> Track {
    if track.len() < 60 {
        return track.clone();
    }
    let reach = (track.len() / 30).clamp(8, 30);
    let mut wild = wild_values(&track.y, reach, 6.0, noise_floor(track, grain));
    keep_what_has_not_ended(&track.y, &mut wild, reach);
    // A run of wild readings that lasts is a level, not a burst.
    let lasting = wild
        .chunk_by(|a, b| a == b)
        .any(|run| run[0] && run.len() > reach);
    if lasting || wild.iter().filter(|&&w| w).count() * 5 > track.len() {
        return track.clone();
    }
    without(track, &wild)
}

/// What has not come back at the end may be a step as well as a burst.
fn keep_what_has_not_ended(values: &[f64], wild: &mut [bool], reach: usize) {
    let Some(last) = wild.iter().rposition(|&wild| wild) else {
        return;
    };
    let from = wild[..last]
        .iter()
        .rposition(|&wild| !wild)
        .map_or(0, |at| at + 1);
    let before = median(&values[from.saturating_sub(reach)..from]);
    let burst = median(&values[from..=last]);
    let (Some(before), Some(burst)) = (before, burst) else {
        return;
    };
    let has_come_back = |&y: &f64| (y - before).abs() < (y - burst).abs();
    if !values[last + 1..].iter().any(has_come_back) {
        wild[from..=last].fill(false);
    }
}
