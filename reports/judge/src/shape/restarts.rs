//! Where a program was restarted while it was recorded.

use crate::policy::restarts::{LOW, MOST_RESTARTS, TO_BASE};
use crate::stats::quantile::{median, quantile, robust_sigma};
use crate::track::{Track, spacing};

/// Places on the axis at which a program that is up again at once was restarted: readings that
/// fall to about where the series began and come back over several readings, not many. They must
/// be found before bursts are left out, for which they would pass.
pub(crate) fn find_quick_restarts(track: &Track) -> Vec<f64> {
    const AROUND: usize = 20;
    let n = track.len();
    let (Some(high), low) = (
        quantile(&track.y, 0.98),
        track.y.iter().copied().fold(f64::INFINITY, f64::min),
    ) else {
        return Vec::new();
    };
    let range = high - low;
    if n < 24 || range <= 0.0 || track.y[0] > low + TO_BASE * range {
        return Vec::new();
    }
    let noise = robust_sigma(&changes_of(track));
    let back = (0.05 * range).max(4.0 * noise);
    let is_restart = |&index: &usize| {
        let (last, fallen, next) = (track.y[index - 1], track.y[index], track.y[index + 1]);
        let sharp = last - fallen > (0.3 * range).max(8.0 * noise);
        if !sharp || fallen > low + 0.65 * range || next <= fallen {
            return false;
        }
        let before = median(&track.y[index - AROUND..index]).unwrap_or(last);
        let soon = &track.y[index..(index + AROUND).min(n)];
        let recovered = soon.iter().any(|&y| y > before - 0.3 * (before - fallen));
        last > before - back && next < before - back && recovered
    };
    let cuts: Vec<f64> = (AROUND..n - 1)
        .filter(is_restart)
        .map(|index| track.x[index])
        .collect();
    match cuts.len() {
        0..=MOST_RESTARTS => cuts,
        _ => Vec::new(),
    }
}

/// Places at which the program was restarted: deep falls to where it once began.
pub(crate) fn find_restarts(track: &Track) -> Vec<usize> {
    if track.len() < 24 {
        return Vec::new();
    }
    let Some((low, range)) = usual_range(&track.y).filter(|&(_, range)| range > 0.0) else {
        return Vec::new();
    };
    let noise = robust_sigma(&changes_of(track));
    let spacing = spacing(&track.x);
    let n = track.len();
    let reach = (n / 100).clamp(3, 12);
    let base = track.y[..reach].iter().copied().fold(low, f64::max) + TO_BASE * range;
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
            let begins = track.y[index..(index + 3).min(n)]
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min);
            if before - after > (0.3 * range).max(8.0 * noise) && begins < base {
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

/// Whether the values rest low after each of `cuts` for a while, or rise from there steadily: a
/// job does that between its turns; a program that is restarted rises at once.
pub(crate) fn rests_low(track: &Track, cuts: &[usize]) -> bool {
    let shares: Vec<f64> = cuts
        .windows(2)
        .filter_map(|cut| {
            let part = &track.y[cut[0]..cut[1]];
            let (low, range) = usual_range(part)?;
            let edge = low + LOW * range;
            Some(part.iter().filter(|&&y| y < edge).count() as f64 / part.len() as f64)
        })
        .collect();
    median(&shares).is_some_and(|share| share > 0.7 * LOW)
}

/// How many times the values fall by much of their range from one reading to the next, to
/// wherever: more often than a program is restarted, where collections do it.
pub(crate) fn deep_falls(track: &Track) -> usize {
    let Some((_, range)) = usual_range(&track.y) else {
        return 0;
    };
    let falls = |pair: &&[f64]| pair[0] - pair[1] > 0.35 * range;
    track.y.windows(2).filter(falls).count()
}

/// The low end of the values and how far they range from there, the extremes left out.
fn usual_range(values: &[f64]) -> Option<(f64, f64)> {
    let low = quantile(values, 0.02)?;
    Some((low, quantile(values, 0.98)? - low))
}

fn changes_of(track: &Track) -> Vec<f64> {
    track.y.windows(2).map(|pair| pair[1] - pair[0]).collect()
}
