//! The level ahead of growth: what a budget that is a share of the level is a share of. A leak would
//! otherwise allow itself the more, the more it has leaked.

use crate::decide::finding::{Finding, shape_of};
use crate::fit::line::Line;
use crate::judgement::Shape;
use crate::policy::segment::HALF_WAY;
use crate::policy::share::{READ, WARMED_UP};
use crate::policy::slowing::PACE_KEPT;
use crate::prepare::Prepared;
use crate::stats::quantile::median;
use crate::track::Track;

/// The settled `level`, and where `line` rises, that at its beginning.
pub(crate) fn of_line(prepared: &Prepared, level: f64, line: &Line) -> f64 {
    match shape_of(line) {
        Shape::Linear => level.min(prepared.base + line.start_value).max(0.0),
        _ => level,
    }
}

/// The level that `stretch` began at, where what follows up to `end` is no faster growth than that
/// of `line`: a dent does not divide one growth into two. Else infinity.
pub(crate) fn of_same_growth(prepared: &Prepared, stretch: &Track, end: f64, line: &Line) -> f64 {
    let few = ((READ * stretch.len() as f64) as usize).max(1);
    let end = stretch.x.partition_point(|&x| x < end);
    if end < 2 * few || shape_of(line) != Shape::Linear {
        return f64::INFINITY;
    }
    let place = |from: usize| {
        let middle = |values: &[f64]| median(&values[from..from + few]).unwrap_or(0.0);
        (middle(&stretch.x), middle(&stretch.y))
    };
    let (first, last) = (place(0), place(end - few));
    let is_same = line.slope * (last.0 - first.0) > PACE_KEPT * (last.1 - first.1);
    match is_same {
        true => prepared.base + first.1,
        false => f64::INFINITY,
    }
}

/// The level when a warm-up of the stretch should be over, or at its beginning where growth was
/// straight for longer than that.
pub(crate) fn of_warm_stretch(prepared: &Prepared, finding: &Finding) -> Option<f64> {
    let (begin, end) = finding.stretch;
    let span = end - begin;
    let level_at = |x: f64| {
        let at = |x: f64| prepared.fine.x.partition_point(|&place| place < x);
        let read = at(x)..at(x + READ * span);
        Some(prepared.base + median(prepared.fine.y.get(read)?)?)
    };
    let warmed_up = level_at(begin + WARMED_UP * span);
    let grown = finding.fitted.0 - begin;
    if grown < WARMED_UP * span {
        return warmed_up;
    }
    let (first, middle) = (level_at(begin)?, level_at(begin + 0.5 * grown)?);
    let last = level_at(finding.fitted.0)?;
    match is_warm_up(first, middle, last) {
        true => warmed_up,
        false => Some(first),
    }
}

/// Whether a rise has made more of itself in its first half than growth does.
pub(crate) fn is_warm_up(first: f64, middle: f64, last: f64) -> bool {
    middle - first > HALF_WAY * (last - first)
}
