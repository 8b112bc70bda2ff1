//! Where a series is cut (restarts) and where its level jumps (steps).

use crate::fit::line::spacing;
use crate::prepare::Track;
use crate::stats::mosum::{Step, find_steps};
use crate::stats::quantile::{median, quantile, robust_sigma};

/// Steps beyond this number are a texture or a staircase, not events, and how many of them
/// are looked at.
const MOST_STEPS: usize = 24;
const MOST_STAIRS: usize = 200;

/// Share of the series at its beginning whose steps may be those of a warm-up.
const WARM_UP: f64 = 0.2;

/// The share of a step that must be left after a while.
const LASTING: f64 = 0.3;

/// More deep falls than this are not restarts.
const MOST_RESTARTS: usize = 24;

/// How far above its beginning, in shares of the range, a restarted program begins at most.
const TO_BASE: f64 = 0.4;

/// The lowest share of the range, in which a steady rise spends as much of its time.
const LOW: f64 = 0.15;

/// How the steps of a series are to be taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Steps {
    /// None.
    None,
    /// A few, once: places on the axis; they are taken out of the trend.
    Once(Vec<f64>),
    /// Falls, again and again: places on the axis. Beside them a rise may be that of a tooth.
    Falls(Vec<f64>),
    /// Many, up, again and again to the end: they are the trend.
    Stairs,
    /// Too many for chance and too few for a habit: places on the axis.
    Unclear(Vec<f64>),
}

/// Finds abrupt steps and says what they are.
pub(crate) fn steps(track: &Track, quantum: f64) -> Steps {
    let mut found = find_steps(&track.y, quantum, MOST_STAIRS);
    found.retain(|step| lasts(&track.y, step));
    if found.is_empty() {
        return Steps::None;
    }
    let place = |step: &Step| 0.5 * (track.x[step.index - 1] + track.x[step.index]);
    let places: Vec<f64> = found.iter().map(place).collect();
    // Beside the leap of a warm-up the steps that follow it would look like nothing.
    let from = track.x[0] + WARM_UP * track.span();
    let settled = &found[places.partition_point(|&x| x < from)..];
    let measure = if settled.len() >= 3 { settled } else { &found };
    let largest = measure
        .iter()
        .map(|step| step.size.abs())
        .fold(0.0, f64::max);
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
        return match places.len() {
            13.. => Steps::None,
            _ if downs >= 2 => Steps::Falls(places),
            _ => Steps::Once(places),
        };
    }
    let gaps: Vec<f64> = ups.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let longest = gaps.iter().copied().fold(0.0, f64::max);
    let tail = track.x[track.len() - 1] - ups[ups.len() - 1];
    let few = places.len() <= MOST_STEPS;
    if few && tail > 2.0 * longest && tail > 0.25 * track.span() {
        return Steps::Once(places);
    }
    if ups.len() >= 5 && tail <= 3.0 * longest {
        return Steps::Stairs;
    }
    match few {
        true => Steps::Unclear(places),
        false => Steps::None,
    }
}

/// Fewest and most moves of a level that otherwise rests.
const FEWEST_MOVES: usize = 3;
const MOST_MOVES: usize = 20;

/// Shares of the series from which on its moves are looked at.
const MOVES_FROM: [f64; 3] = [WARM_UP, 0.35, 0.5];

/// The number of moves of a level that rests between them, where they have not clearly ended
/// and may carry growth above `budget`: standing still between two of them proves nothing.
///
/// Moves are changes of a value that is otherwise held, or else the steps at `places`. Their
/// sum varies as that of a compound Poisson process does: by the root of the sum of squares.
pub(crate) fn moves_that_go_on(track: &Track, places: &[f64], budget: f64) -> Option<usize> {
    let (begin, end) = (track.x[0], track.x[track.len() - 1]);
    let after = |moves: &[(f64, f64)], share: f64| -> Vec<(f64, f64)> {
        let from = begin + share * (end - begin);
        moves.iter().copied().filter(|&(x, _)| x >= from).collect()
    };
    let settled = |moves: Vec<(f64, f64)>| {
        let moves = after(&moves, WARM_UP);
        (FEWEST_MOVES..=MOST_MOVES)
            .contains(&moves.len())
            .then_some(moves)
    };
    let moves = held_moves(track)
        .and_then(settled)
        .or_else(|| settled(moves_at(track, places)))?;
    let longest = moves
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .fold(0.0, f64::max);
    let tail = end - moves[moves.len() - 1].0;
    if tail > 2.0 * longest && tail > 0.25 * (end - begin) {
        return None;
    }
    // Where a warm-up takes longer, its moves say nothing of those that follow.
    let goes_on = MOVES_FROM.into_iter().all(|share| {
        let sizes = || after(&moves, share).into_iter().map(|(_, size)| size);
        let (sum, squares) = (
            sizes().sum::<f64>(),
            sizes().map(|size| size * size).sum::<f64>(),
        );
        sum + squares.sqrt() > budget * (1.0 - share) * (end - begin)
    });
    goes_on.then_some(moves.len())
}

/// Place and size of each change of a value that is held nearly always; `None` where it is not.
fn held_moves(track: &Track) -> Option<Vec<(f64, f64)>> {
    let changes = track.x.windows(2).zip(track.y.windows(2));
    let moves: Vec<(f64, f64)> = changes
        .filter(|(_, y)| y[0] != y[1])
        .map(|(x, y)| (x[1], y[1] - y[0]))
        .collect();
    (moves.len() * 10 <= track.len()).then_some(moves)
}

/// Place and size of each step at `places`, from the levels between them.
fn moves_at(track: &Track, places: &[f64]) -> Vec<(f64, f64)> {
    let mut edges: Vec<usize> = vec![0];
    edges.extend(
        places
            .iter()
            .map(|&place| track.x.partition_point(|&x| x < place)),
    );
    edges.push(track.len());
    let level = |edge: &[usize]| median(&track.y[edge[0]..edge[1]]).unwrap_or(0.0);
    let levels: Vec<f64> = edges.windows(2).map(level).collect();
    let sizes = levels.windows(2).map(|pair| pair[1] - pair[0]);
    places.iter().copied().zip(sizes).collect()
}

/// Places on the axis at which a program that is up again at once was restarted: readings that
/// fall to about where the series began and come back over several readings, not many. They must
/// be found before bursts are left out, for which they would pass.
pub(crate) fn quick_restarts(track: &Track) -> Vec<f64> {
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

/// The low end of the values and how far they range from there, the extremes left out.
fn usual_range(values: &[f64]) -> Option<(f64, f64)> {
    let low = quantile(values, 0.02)?;
    Some((low, quantile(values, 0.98)? - low))
}

fn changes_of(track: &Track) -> Vec<f64> {
    track.y.windows(2).map(|pair| pair[1] - pair[0]).collect()
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

/// Whether the level stays where a step has brought it: a dip or a burst that fades by itself
/// is none.
fn lasts(values: &[f64], step: &Step) -> bool {
    let reach = (values.len() / 25).clamp(6, 60);
    let before = median(&values[step.index.saturating_sub(reach)..step.index]);
    let from = step.index + reach;
    let after = values
        .get(from..(from + reach).min(values.len()))
        .filter(|after| after.len() > reach / 2)
        .and_then(|after| quantile(after, if step.size > 0.0 { 0.2 } else { 0.8 }));
    let (Some(before), Some(after)) = (before, after) else {
        return true;
    };
    (after - before) / step.size > LASTING
}

/// Places at which the program was restarted: deep falls to where it once began.
pub(crate) fn restarts(track: &Track) -> Vec<usize> {
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

/// How many times the values fall by much of their range from one reading to the next, to
/// wherever: more often than a program is restarted, where collections do it.
pub(crate) fn deep_falls(track: &Track) -> usize {
    let Some((_, range)) = usual_range(&track.y) else {
        return 0;
    };
    let falls = |pair: &&[f64]| pair[0] - pair[1] > 0.35 * range;
    track.y.windows(2).filter(falls).count()
}
