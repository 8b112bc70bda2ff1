//! A sawtooth, judged on its floors.

use crate::decide::ahead;
use crate::decide::case::Case;
use crate::decide::finding::{Finding, Side, budget_on_axis, ruling_of, side_of};
use crate::decide::rules::{
    ABOVE_BUDGET, Asked, BELOW_BUDGET, FADING_FLOORS, FEW_TEETH, Ruling, SLOWING, TOO_WIDE,
    UNSETTLED, ruled,
};
use crate::fit::line::{Line, Precision, fit_line};
use crate::fit::model::{Regressors, columns, fit};
use crate::fit::settled::find_settled;
use crate::fit::slowing::{compare_with_slowing, fades};
use crate::judgement::{Shape, Verdict};
use crate::policy::sawtooth::{
    AS_FAST_OF_FEW, FEW_FLOORS, FEWEST_ALIKE, FEWEST_UNLIKE, FLOOR_SHARE, IN_STEP, LAST_OF_FEW,
    UNLIKE,
};
use crate::policy::settled::FEWEST;
use crate::policy::verdict::TREND_POINTS;
use crate::reason::Why;
use crate::shape::sawtooth::Sawtooth;
use crate::stats::autoregression::Memory;
use crate::stats::quantile::median;
use crate::track::{Track, coarse};

/// A sawtooth, the line through its settled floors, and the budget.
struct Floors<'a> {
    case: &'a Case<'a>,
    sawtooth: &'a Sawtooth,
    line: Option<Line>,
    /// The floors, in few points, and where the settled ones begin.
    coarse: &'a Track,
    start: usize,
    /// Whether the floors are too few to look for bends.
    are_few: bool,
    is_straight: bool,
    budget: f64,
}

/// The rules that are asked of the floors of a sawtooth.
fn rules<'a>() -> [Asked<Floors<'a>>; 7] {
    [
        (FEW_TEETH, few_teeth),
        (FADING_FLOORS, fading_floors),
        (SLOWING, slowing),
        (UNSETTLED, unsettled),
        (ABOVE_BUDGET, |floors| floors.ruling_on(Side::Above)),
        (BELOW_BUDGET, |floors| floors.ruling_on(Side::Below)),
        (TOO_WIDE, |floors| floors.ruling_on(Side::Across)),
    ]
}

/// Judges a sawtooth on the lowest points of its teeth.
pub(crate) fn judge_sawtooth(case: &Case<'_>, track: &Track, sawtooth: &Sawtooth) -> Finding {
    let prepared = case.prepared;
    let floor = &sawtooth.floor;
    let level = prepared.base + median(&floor.y).unwrap_or(0.0);
    let budget = budget_on_axis(prepared, case.options, level);
    let whole = (track.x[0], track.x[track.len() - 1]);
    let coarse_floor = coarse(floor, TREND_POINTS, &[]);
    let settled = find_settled(
        &coarse_floor,
        &Regressors::default(),
        budget,
        prepared.grain,
    );
    let part = coarse_floor.slice(settled.start..coarse_floor.len());
    let line = match part.len() {
        0..FEW_FLOORS => fit_few(&part),
        _ => fit_line(&part, &Regressors::default(), prepared.grain),
    };
    let line = line.map(|line| widen_for_few_teeth(line, &part, sawtooth));
    let ahead = line
        .as_ref()
        .map_or(level, |line| ahead::of_line(prepared, level, line));
    let budget = budget_on_axis(prepared, case.options, ahead);
    let fitted = (part.x[0], part.x[part.len() - 1]);
    let floors = Floors {
        case,
        sawtooth,
        line: line.filter(|_| !is_too_few(sawtooth)),
        coarse: &coarse_floor,
        start: settled.start,
        are_few: coarse_floor.len() < FEWEST,
        is_straight: settled.straight,
        budget,
    };
    if let Some(line) = &floors.line {
        case.note_fit(line, fitted, settled.straight);
    }
    let finding = Finding {
        verdict: Verdict::Inconclusive,
        shape: Shape::Sawtooth,
        why: Why::FewTeeth { teeth: floor.len() },
        fitted: match floors.line {
            Some(_) => fitted,
            None => whole,
        },
        line: floors.line.clone(),
        budget,
        level,
        stretch: whole,
    };
    ruled(case, finding, &floors, &rules())
}

/// Whether there are too few teeth: a few of very different size may as well be restarts of a
/// program that leaks.
fn is_too_few(sawtooth: &Sawtooth) -> bool {
    let teeth = sawtooth.floor.len();
    let alike = sawtooth.height_spread < UNLIKE && sawtooth.period_spread < UNLIKE;
    teeth < FEWEST_ALIKE || (teeth < FEWEST_UNLIKE && !alike)
}

impl Floors<'_> {
    fn side(&self) -> Option<Side> {
        let line = self.line.as_ref()?;
        let is_line = self.is_straight || self.are_few;
        let side = side_of(line, self.budget, self.case.confidence);
        let least = line.slope - line.half_width(self.case.confidence) - line.below;
        is_line.then_some(match side {
            Side::Above if least <= self.budget => Side::Across,
            side => side,
        })
    }

    fn ruling_on(&self, side: Side) -> Option<Ruling> {
        let ruling = (self.side()? == side).then(|| ruling_of(side))?;
        Some(match side {
            Side::Above => ruling.shaped(Shape::SawtoothRising),
            _ => ruling,
        })
    }
}

fn few_teeth(floors: &Floors<'_>) -> Option<Ruling> {
    let teeth = floors.sawtooth.floor.len();
    floors
        .line
        .is_none()
        .then(|| Ruling::open(Why::FewTeeth { teeth }))
}

fn fading_floors(floors: &Floors<'_>) -> Option<Ruling> {
    let fades = floors.are_few
        && floors.side() == Some(Side::Above)
        && !rises_to_the_end(&floors.sawtooth.floor);
    fades.then(|| Ruling::open(Why::Decelerating).shaped(Shape::Decelerating))
}

/// Floors that rise ever more slowly are no proof of a leak.
fn slowing(floors: &Floors<'_>) -> Option<Ruling> {
    if floors.side() != Some(Side::Above) {
        return None;
    }
    let (track, none) = (floors.coarse, Regressors::default());
    let compare = |from: usize| {
        let part = track.slice(from..track.len());
        compare_with_slowing(&part, &none, floors.case.prepared.grain)
    };
    let line = floors.line.clone()?;
    fades(track, floors.start, floors.budget, false, compare).then(|| {
        Ruling::open(Why::Decelerating)
            .shaped(Shape::Decelerating)
            .with_line(line.reaching(0.0, f64::MIN))
    })
}

fn unsettled(floors: &Floors<'_>) -> Option<Ruling> {
    floors
        .side()
        .is_none()
        .then(|| Ruling::open(Why::Unsettled))
}

/// Whether each of a few floors lies above the one before, the last rise is not the least by far,
/// and the later half of them rises about as fast as the earlier.
fn rises_to_the_end(floor: &Track) -> bool {
    let rates: Vec<f64> = floor
        .x
        .windows(2)
        .zip(floor.y.windows(2))
        .map(|(x, y)| (y[1] - y[0]) / (x[1] - x[0]).max(f64::MIN_POSITIVE))
        .collect();
    let last = rates.last().copied().unwrap_or(0.0);
    let rate = |from: usize, to: usize| {
        (floor.y[to] - floor.y[from]) / (floor.x[to] - floor.x[from]).max(f64::MIN_POSITIVE)
    };
    let (middle, end) = (floor.len() / 2, floor.len() - 1);
    rates.iter().all(|&rate| rate > 0.0)
        && last > LAST_OF_FEW * median(&rates).unwrap_or(0.0)
        && rate(middle, end) > AS_FAST_OF_FEW * rate(0, middle)
}

/// A line through three or four floors, without a look at the memory of their noise.
fn fit_few(floor: &Track) -> Option<Line> {
    let fitted = fit(&columns(&floor.x, &Regressors::default()), &floor.y)?;
    let freedom = (floor.len() as f64 - 2.0).max(1.0);
    Some(Line {
        slope: fitted.coefficients[1] / floor.span(),
        start_value: fitted.coefficients[0],
        end_value: fitted.coefficients[0] + fitted.coefficients[1],
        precision: Vec::new(),
        grain_error: 0.0,
        below: 0.0,
        above: 0.0,
        sigma: (fitted.rss() / freedom).sqrt(),
        memory: Memory {
            rho: 0.0,
            innovation_variance: fitted.rss() / freedom,
            degrees: freedom,
        },
    })
}

/// A floor seen in few teeth is not as precise as it looks: before any tooth is seen, its
/// floor is taken to vary by [`FLOOR_SHARE`] of the height and by what is missed between two
/// readings, with the weight of four teeth. From six teeth on that weight falls; ten speak for
/// themselves.
fn widen_for_few_teeth(mut line: Line, floor: &Track, sawtooth: &Sawtooth) -> Line {
    let n = floor.len() as f64;
    // The lowest reading of a tooth comes late by up to one reading, and by more from tooth to
    // tooth where readings and teeth are almost in step: that much may pass for growth.
    if is_in_step(floor, sawtooth) {
        let missed = sawtooth.height / sawtooth.points_per_rise;
        line.below = missed / floor.span().max(f64::MIN_POSITIVE);
    }
    let mean = floor.x.iter().sum::<f64>() / n;
    let spread: f64 = floor.x.iter().map(|x| (x - mean).powi(2)).sum();
    let freedom = (n - 2.0).max(0.0);
    let prior = (10.0 - n).clamp(0.0, 4.0);
    if prior == 0.0 {
        return line;
    }
    let missed = 1.0 / (12.0_f64.sqrt() * sawtooth.points_per_rise);
    let expected = (FLOOR_SHARE.hypot(missed) * sawtooth.height).hypot(sawtooth.noise);
    let variance = (freedom * line.sigma.powi(2) + prior * expected.powi(2)) / (freedom + prior);
    line.precision.push(Precision {
        standard_error: (variance / spread.max(f64::MIN_POSITIVE)).sqrt(),
        degrees: freedom + prior,
    });
    line
}

/// Whether the distances between floors differ by hardly more than one reading.
fn is_in_step(floor: &Track, sawtooth: &Sawtooth) -> bool {
    let gaps: Vec<f64> = floor.x.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let Some(usual) = median(&gaps) else {
        return false;
    };
    let reading = usual / (sawtooth.points_per_rise + 1.0);
    let unlike = gaps
        .iter()
        .filter(|&gap| (gap - usual).abs() > IN_STEP * reading);
    unlike.count() * 10 <= gaps.len()
}
