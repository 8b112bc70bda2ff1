//! The end of the warm-up: the earliest place after which the series is straight.

use crate::decide::DECIDING_CONFIDENCE;
use crate::fit::line::{Bend, Extras, bend_at, fit_line};
use crate::prepare::Track;
use crate::stats::student::t_quantile;

/// Shares of the run at which the settled part may begin.
const STARTS: [f64; 20] = [
    0.0, 0.02, 0.04, 0.07, 0.1, 0.14, 0.18, 0.22, 0.27, 0.32, 0.37, 0.42, 0.47, 0.52, 0.57, 0.62,
    0.66, 0.7, 0.74, 0.78,
];

/// Shares of the settled part at which its slope is tested for a change.
const PLACES: [f64; 15] = [
    0.25, 0.54, 0.08, 0.75, 0.4, 0.04, 0.12, 0.18, 0.33, 0.47, 0.61, 0.68, 0.82, 0.88, 0.93,
];

/// Fewest points of a settled part.
pub(crate) const FEWEST: usize = 8;

/// Fewest points of a later beginning, and how much narrower its interval must be.
const LATER_FEWEST: usize = 60;
const NARROWER: f64 = 0.5;

/// Probability with which one test of a straight stretch errs, on either side.
const TEST_ERROR: f64 = 0.0005;

/// What was found.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    /// First point of the settled part.
    pub start: usize,
    /// Whether the part from there on is straight; otherwise no part was.
    pub straight: bool,
}

/// Finds the settled part of `track`; `budget` is in its units.
pub(crate) fn find(track: &Track, extras: &Extras, budget: f64, quantum: f64) -> Settled {
    let mut last = Settled {
        start: 0,
        straight: false,
    };
    for start in starts(track) {
        let straight = is_straight(&track.slice(start..track.len()), extras, budget, quantum);
        last = Settled { start, straight };
        if straight {
            break;
        }
    }
    last
}

/// A later beginning than `first` from which on the interval of the slope is narrower by
/// far, although there is less to fit: what was left of a warm-up had passed for memory of the
/// noise, which hides it from the search for bends.
///
/// # Source
///
/// The beginning with the least standard error is that of MSER: K. P. White, "An effective
/// truncation heuristic for bias reduction in simulation output", Simulation 69 (1997),
/// 323–334; here of a slope.
pub(crate) fn find_later(
    track: &Track,
    extras: &Extras,
    budget: f64,
    quantum: f64,
    first: usize,
) -> Option<usize> {
    let width = |start: usize| {
        fit_line(&track.slice(start..track.len()), extras, quantum)
            .map(|line| line.half_width(DECIDING_CONFIDENCE))
    };
    let narrow = NARROWER * width(first)?;
    let mut later: Vec<(usize, f64)> = starts(track)
        .filter(|&start| start > first && track.len() - start >= LATER_FEWEST)
        .filter_map(|start| Some((start, width(start)?)))
        .filter(|&(_, width)| width < narrow)
        .collect();
    later.sort_by(|a, b| a.1.total_cmp(&b.1));
    let straight =
        |start: usize| is_straight(&track.slice(start..track.len()), extras, budget, quantum);
    later
        .into_iter()
        .map(|(start, _)| start)
        .find(|&start| straight(start))
}

/// Where the settled part may begin.
fn starts(track: &Track) -> impl Iterator<Item = usize> + '_ {
    STARTS
        .iter()
        // A hair's breadth less, so that rounding does not decide for a time on the edge.
        .map(|share| track.x[0] + (share - 1e-6) * track.span())
        .map(|edge| track.x.partition_point(|&x| x < edge))
        .take_while(|start| track.len() - start >= FEWEST)
}

/// Whether no bend is found in `part` but harmless ones.
fn is_straight(part: &Track, extras: &Extras, budget: f64, quantum: f64) -> bool {
    PLACES
        .iter()
        .filter_map(|&place| bend_at(part, extras, place, quantum))
        .all(|bend| is_harmless(&bend, budget))
}

/// Whether a bend is within chance, or too small to matter beside the distance to the budget.
pub(crate) fn is_harmless(bend: &Bend, budget: f64) -> bool {
    if bend.t.abs() < t_quantile(1.0 - TEST_ERROR, bend.degrees.max(6.0)) {
        return true;
    }
    let (before, after) = (bend.before - budget, bend.after - budget);
    before * after > 0.0 && (before - after).abs() < 0.15 * before.abs().min(after.abs())
}
