//! Where a series is cut (restarts) and where its level jumps (steps).

use super::frame::Track;
use super::trend::spacing;
use crate::stats::quantile::{median, quantile, robust_sigma};
use crate::stats::steps::{Step, find_steps};

/// Steps beyond this number are a texture, not events.
const MOST_STEPS: usize = 24;

/// More deep falls than this are not restarts.
const MOST_RESTARTS: usize = 6;

/// How the steps of a series are to be taken.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Steps {
    /// None.
    None,
    /// A few, once: places on the axis; they are taken out of the trend.
    Once(Vec<f64>),
    /// Many, up, again and again to the end: they are the trend.
    Stairs,
    /// Too many for chance and too few for a habit: places on the axis.
    Unclear(Vec<f64>),
}

/// Finds abrupt steps and says what they are.
pub(super) fn steps(track: &Track, quantum: f64) -> Steps {
    let found = find_steps(&track.y, quantum, MOST_STEPS);
    if found.is_empty() {
        return Steps::None;
    }
    let place = |step: &Step| 0.5 * (track.x[step.index - 1] + track.x[step.index]);
    let largest = found.iter().map(|step| step.size.abs()).fold(0.0, f64::max);
    let places: Vec<f64> = found.iter().map(place).collect();
    let ups: Vec<f64> = found
        .iter()
        .filter(|step| step.size > 0.25 * largest)
        .map(place)
        .collect();
    let downs = found
        .iter()
        .filter(|step| step.size < -0.25 * largest)
        .count();
    if ups.len() < 3 || downs * 2 >= ups.len() {
        return if found.len() > 12 {
            Steps::None
        } else {
            Steps::Once(places)
        };
    }
    let gaps: Vec<f64> = ups.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let usual = median(&gaps).unwrap_or(0.0);
    let longest = gaps.iter().copied().fold(0.0, f64::max);
    let tail = track.x[track.len() - 1] - ups[ups.len() - 1];
    if tail > 2.0 * longest && tail > 0.25 * track.span() {
        return Steps::Once(places);
    }
    if ups.len() >= 5 && tail <= 2.5 * usual.max(longest) {
        return Steps::Stairs;
    }
    Steps::Unclear(places)
}

/// Places at which the program was restarted: one or two deep falls to where it once began.
pub(super) fn restarts(track: &Track) -> Vec<usize> {
    if track.len() < 24 {
        return Vec::new();
    }
    let (Some(high), Some(low)) = (quantile(&track.y, 0.98), quantile(&track.y, 0.02)) else {
        return Vec::new();
    };
    let range = high - low;
    if range <= 0.0 {
        return Vec::new();
    }
    let changes: Vec<f64> = track.y.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let noise = robust_sigma(&changes);
    let spacing = spacing(&track.x);
    let n = track.len();
    let reach = (n / 100).clamp(3, 12);
    let mut cuts: Vec<usize> = Vec::new();
    let mut index = 1;
    while index < n {
        let fall = track.y[index - 1] - track.y[index];
        // Across a gap, a slow fall looks as deep as it had time for.
        let across_gap = spacing[index] > 4.0;
        let deep = if across_gap { 0.7 } else { 0.35 };
        if fall > deep * range {
            let before = median(&track.y[index.saturating_sub(reach)..index]).unwrap_or(0.0);
            let after = median(&track.y[index..(index + reach).min(n)]).unwrap_or(0.0);
            if before - after > (0.3 * range).max(8.0 * noise) {
                cuts.push(index);
                index += reach;
                continue;
            }
        }
        index += 1;
    }
    if cuts.len() > MOST_RESTARTS {
        Vec::new()
    } else {
        cuts
    }
}
