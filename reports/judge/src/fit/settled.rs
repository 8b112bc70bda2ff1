//! The end of the warm-up: the earliest place after which the series is straight.

use crate::fit::bend::{Bend, BendTest};
use crate::fit::line::{fit_line, least_half_width};
use crate::fit::model::Regressors;
use crate::policy::settled::{
    FEWEST, LATER_FEWEST, NARROWER, PLACES, ROUNDING, STARTS, SUSPECTED, SUSPECTED_FROM,
};
use crate::policy::verdict::DECIDING_CONFIDENCE;
use crate::track::Track;

/// What was found.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    /// First point of the settled part.
    pub start: usize,
    /// Whether the part from there on is straight; otherwise no part was.
    pub straight: bool,
    /// The bend in that part that is no chance, but was let pass, or the clearest that may be one.
    pub bend: Option<Bend>,
}

/// Finds the settled part of `track`; `budget` is in its units.
pub(crate) fn find_settled(
    track: &Track,
    regressors: &Regressors,
    budget: f64,
    grain: f64,
) -> Settled {
    let mut last = Settled {
        start: 0,
        straight: false,
        bend: None,
    };
    for start in starts(track) {
        let bends = bends_in(&track.slice(start..track.len()), regressors, budget, grain);
        let straight = bends.is_ok();
        let bend = bends.unwrap_or(None);
        last = Settled {
            start,
            straight,
            bend,
        };
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
    regressors: &Regressors,
    budget: f64,
    grain: f64,
    first: usize,
) -> Option<usize> {
    let from = |start: usize| track.slice(start..track.len());
    let width = |start: usize| {
        fit_line(&from(start), regressors, grain).map(|line| line.half_width(DECIDING_CONFIDENCE))
    };
    let first_width = width(first)?;
    if first_width <= ROUNDING * budget {
        return None;
    }
    let narrow = NARROWER * first_width;
    let mut later: Vec<(usize, f64)> = starts(track)
        .filter(|&start| start > first && track.len() - start >= LATER_FEWEST)
        .filter(|&start| {
            least_half_width(&from(start), regressors, DECIDING_CONFIDENCE)
                .is_some_and(|least| least < narrow)
        })
        .filter_map(|start| Some((start, width(start)?)))
        .filter(|&(_, width)| width < narrow)
        .collect();
    later.sort_by(|a, b| a.1.total_cmp(&b.1));
    let straight = |start: usize| bends_in(&from(start), regressors, budget, grain).is_ok();
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

/// A bend was found that matters.
struct Bent;

/// The clearest bend of `part` that is no chance but harmless, or goes up and may be none, if there
/// is one.
fn bends_in(
    part: &Track,
    regressors: &Regressors,
    budget: f64,
    grain: f64,
) -> Result<Option<Bend>, Bent> {
    let Some(test) = BendTest::new(part, regressors, grain) else {
        return Ok(None);
    };
    let mut clearest: Option<Bend> = None;
    let bends = PLACES
        .iter()
        .filter_map(|&place| Some((place, test.at(place)?)));
    for (place, bend) in bends {
        let is_chance = bend.is_chance();
        if is_chance && (bend.t < SUSPECTED || place < SUSPECTED_FROM) {
            continue;
        }
        if !is_chance && !bend.is_small_beside(budget) {
            return Err(Bent);
        }
        if clearest.is_none_or(|other| bend.t.abs() > other.t.abs()) {
            clearest = Some(bend);
        }
    }
    Ok(clearest)
}
