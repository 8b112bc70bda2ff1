//! Where a series is cut (restarts) and where its level jumps (steps).

use crate::policy::steps::{
    FEWEST_MOVES, LASTING, MOST_MOVES, MOST_STAIRS, MOST_STEPS, MOVES_FROM, WARM_UP,
};
use crate::stats::mosum::{Step, find_steps};
use crate::stats::quantile::{median, quantile};
use crate::track::{Track, without};

/// How the steps of a series are to be taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Steps {
    /// None.
    None,
    /// A few, once: places on the axis; they are taken out of the trend.
    Once(Vec<f64>),
    /// Falls, again and again: places on the axis. Beside them a rise may be that of a tooth.
    Falls(Vec<f64>),
    /// Many, up, again and again to the end: places on the axis; they are the trend.
    Stairs(Vec<f64>),
    /// Too many for chance and too few for a habit: places on the axis.
    Unclear(Vec<f64>),
}

impl Steps {
    /// Places of all steps on the axis.
    pub fn places(&self) -> &[f64] {
        match self {
            Self::None => &[],
            Self::Once(places)
            | Self::Falls(places)
            | Self::Stairs(places)
            | Self::Unclear(places) => places,
        }
    }

    /// What was found, in plain words.
    pub fn in_words(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Once(places) => format!("{} of the level, once", places.len()),
            Self::Falls(places) => format!("{}, several of them falls", places.len()),
            Self::Stairs(places) => format!("{} up, again and again to the end", places.len()),
            Self::Unclear(places) => format!(
                "{} up, too many for a one-off and too few for a staircase",
                places.len()
            ),
        }
    }
}

/// Abrupt steps whose level lasts.
pub(crate) fn lasting_steps(track: &Track, grain: f64) -> Vec<Step> {
    let mut found = find_steps(&track.y, grain, MOST_STAIRS);
    found.retain(|step| lasts(&track.y, step));
    found
}

/// Finds abrupt steps and says what they are.
pub(crate) fn classify_steps(track: &Track, grain: f64) -> Steps {
    let found = lasting_steps(track, grain);
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
        return Steps::Stairs(places);
    }
    match few {
        true => Steps::Unclear(places),
        false => Steps::None,
    }
}

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

/// Leaves out the two readings at each of `steps`: a reading may have been taken half-way.
pub(crate) fn without_edges(track: &Track, steps: &[f64]) -> Track {
    if track.len() < 60 || steps.is_empty() {
        return track.clone();
    }
    let mut left_out = vec![false; track.len()];
    for &step in steps {
        let after = track.x.partition_point(|&x| x < step);
        for index in [after.saturating_sub(1), after] {
            if let Some(place) = left_out.get_mut(index) {
                *place = true;
            }
        }
    }
    without(track, &left_out)
}
