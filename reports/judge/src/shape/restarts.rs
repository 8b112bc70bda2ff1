//! Where a program was restarted while it was recorded.

use crate::policy::restarts::{
    AROUND_FALL, AT_START, BEYOND_NOISE, DEEP, EMPTIED, FEW_FALLS, FEWEST_OF_RISE, KEPT_OF_FALL,
    LEAPS, LOW, MOST_RESTARTS, OFF_THE_CLOCK, PAUSE, START_UP, STILL_RISING, TO_BASE,
};
use crate::stats::quantile::{median, quantile, robust_sigma};
use crate::track::{Track, spacing};
use std::cell::LazyCell;

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
    // Most series fall nowhere by as much, whatever their noise is.
    let falls = (AROUND..n - 1).any(|index| track.y[index - 1] - track.y[index] > 0.3 * range);
    if !falls {
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
    let noise = LazyCell::new(|| robust_sigma(&changes_of(track)));
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
        let begins = || {
            let soon = track.y[index..(index + 3).min(n)].iter().copied();
            soon.fold(f64::INFINITY, f64::min)
        };
        if fall > deep * range && begins() < base {
            let before = median(&track.y[index.saturating_sub(reach)..index]).unwrap_or(0.0);
            let after = median(&track.y[index..(index + reach).min(n)]).unwrap_or(0.0);
            if before - after > (0.3 * range).max(8.0 * *noise) {
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

/// Falls that may be restarts of a program that leaks, as well as teeth of one that does not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct DoubtfulFalls {
    /// How many falls there are.
    pub falls: usize,
    /// Growth between them, per unit of the axis: that of a program that was restarted.
    pub rate: f64,
}

/// Whether `falls` (first and last point of each) may be restarts as well as teeth: they are few
/// and lead back to where the series began, or to next to nothing, or are followed by the leap
/// of a program that starts up, or most of them come with a gap, as while a program is down.
/// `base` is what was taken off all values.
///
/// What rises between them makes most of the climb again; where it is a warm-up, the falls are
/// restarts and each life can be judged for itself.
pub(crate) fn doubtful_falls(
    track: &Track,
    falls: &[(usize, usize)],
    base: f64,
) -> Option<DoubtfulFalls> {
    let spacing = spacing(&track.x);
    let depths: Vec<f64> = falls
        .iter()
        .map(|&(a, b)| track.y[a] - track.y[b])
        .collect();
    let depth = median(&depths).filter(|&depth| depth > 0.0)?;
    let troughs: Vec<f64> = falls.iter().map(|&(_, b)| track.y[b]).collect();
    let floor = median(&troughs)?;
    let few_points = track.len().min(3);
    let start = median(&track.y[..few_points])?;
    let is_few = falls.len() < FEW_FALLS;
    // A record that begins within a life begins above the level that the program starts at; its
    // restarts are told from teeth where somebody's timer keeps them.
    let near = AT_START * depth;
    let within = if is_by_the_clock(track, falls) {
        depth
    } else {
        0.0
    };
    let back = |&trough: &f64| trough < start + near && trough > start - within - near;
    // A floor that rises leads further and further from there.
    let to_start = troughs.last().is_some_and(back) && back(&floor);
    let with_gap = falls
        .iter()
        .filter(|&&(a, b)| (a + 1..=b).any(|i| spacing[i] > PAUSE))
        .count();
    let rises = rises_between(falls);
    let starts_up = is_few && leap_at_start(track, &rises).is_some_and(|leap| leap > START_UP);
    let is_emptied = base + floor < EMPTIED * (base + floor + depth);
    let doubtful = (is_few && (to_start || is_emptied)) || starts_up || 2 * with_gap > falls.len();
    doubtful.then_some(DoubtfulFalls {
        falls: falls.len(),
        rate: rate_of(track, &rises),
    })
}

/// Whether the falls come at equal times, to within two readings or a hundredth: those of a
/// collector follow the load, those of a timer do not.
fn is_by_the_clock(track: &Track, falls: &[(usize, usize)]) -> bool {
    let between: Vec<f64> = falls
        .windows(2)
        .map(|pair| track.x[pair[1].1] - track.x[pair[0].1])
        .collect();
    let steps: Vec<f64> = track.x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (Some(usual), Some(step)) = (median(&between), median(&steps)) else {
        return false;
    };
    let most = (2.0 * step).max(OFF_THE_CLOCK * usual);
    between.len() >= 2 && between.iter().all(|one| (one - usual).abs() <= most)
}

/// Whether deep falls that make no sawtooth may be restarts of a program that leaks: it rises
/// until the next fall, after a leap at its start or a gap.
pub(crate) fn doubtful_deep_falls(track: &Track, base: f64) -> Option<DoubtfulFalls> {
    let falls = falls_of_rises(track)?;
    let rises = rises_between(&falls);
    let leaps = leap_at_start(track, &rises).is_some_and(|leap| leap > START_UP);
    let found = DoubtfulFalls {
        falls: falls.len(),
        rate: rate_of(track, &rises),
    };
    leaps
        .then_some(found)
        .or_else(|| doubtful_falls(track, &falls, base))
}

/// How many deep falls a series has that lasting rises lie between, as those of a collector and
/// those of a program that is killed at its limit and started anew: from the values alone the two
/// look alike, however many there are. Times and values are as many, and finite.
pub fn falls_like_restarts(time_s: &[f64], value: &[f64]) -> usize {
    let track = Track {
        x: time_s.to_vec(),
        y: value.to_vec(),
    };
    falls_of_rises(&track).map_or(0, |falls| falls.len())
}

/// Two deep falls or more that do not come back, most of the rises between them lasting until the
/// next.
fn falls_of_rises(track: &Track) -> Option<Vec<(usize, usize)>> {
    let (_, range) = usual_range(&track.y)?;
    let deep = (DEEP * range).max(BEYOND_NOISE * robust_sigma(&changes_of(track)));
    let falls: Vec<(usize, usize)> = (1..track.len())
        .filter(|&i| track.y[i - 1] - track.y[i] > deep)
        .map(|i| (i - 1, i))
        .collect();
    let leaps = (1..track.len()).filter(|&i| track.y[i] - track.y[i - 1] > deep);
    let kept = (0..falls.len()).filter(|&at| is_kept(track, &falls, at));
    let kept = kept.count();
    if 2 * kept <= falls.len() {
        return None;
    }
    if falls.len() >= FEW_FALLS && leaps.count() as f64 > LEAPS * falls.len() as f64 {
        return None;
    }
    let rises = rises_between(&falls);
    let still_rising = |&(from, to): &(usize, usize)| {
        let middle = (from + to) / 2;
        track.y[to] - track.y[middle] > STILL_RISING * (track.y[to] - track.y[from])
    };
    let rising = rises.iter().filter(|rise| still_rising(rise)).count();
    (falls.len() >= 2 && 2 * rising > rises.len()).then_some(falls)
}

/// Whether most of a fall is left after a few readings: noise that is loud at times comes back.
fn is_kept(track: &Track, falls: &[(usize, usize)], at: usize) -> bool {
    let (from, to) = falls[at];
    // Of short lives no more than their beginning and their end.
    let life = track.len() / (falls.len() + 1);
    let few = (life / 4).clamp(1, AROUND_FALL);
    let before = median(&track.y[(from + 1).saturating_sub(few)..=from]);
    let after = median(&track.y[to..(to + few).min(track.len())]);
    let depth = track.y[from] - track.y[to];
    before
        .zip(after)
        .is_some_and(|(before, after)| before - after > KEPT_OF_FALL * depth)
}

fn rises_between(falls: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let between = falls.windows(2).map(|pair| (pair[0].1, pair[1].0));
    between.filter(|&(from, to)| to > from).collect()
}

/// The usual slope of `rises`, from end to end.
fn rate_of(track: &Track, rises: &[(usize, usize)]) -> f64 {
    let rates: Vec<f64> = rises
        .iter()
        .map(|&(from, to)| (track.y[to] - track.y[from]) / (track.x[to] - track.x[from]))
        .filter(|rate| rate.is_finite())
        .collect();
    median(&rates).unwrap_or(0.0)
}

/// How much more of a usual rise is made in its first twentieth than of a straight one, in
/// shares of the rise.
fn leap_at_start(track: &Track, rises: &[(usize, usize)]) -> Option<f64> {
    let leaps: Vec<f64> = rises
        .iter()
        .filter(|&&(from, to)| to >= from + FEWEST_OF_RISE)
        .map(|&(from, to)| {
            let soon = ((to - from) / 20).max(1);
            let climb = (track.y[to] - track.y[from]).max(f64::MIN_POSITIVE);
            let straight = soon as f64 / (to - from) as f64;
            (track.y[from + soon] - track.y[from]) / climb - straight
        })
        .collect();
    median(&leaps)
}
