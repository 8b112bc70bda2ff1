//! The settled part of a segment, the line through it, and what speaks for and against it.

use std::cell::OnceCell;

use crate::decide::ahead;
use crate::decide::case::Case;
use crate::decide::finding::{Finding, Side, budget_on_axis, ruling_of, shape_of, side_of};
use crate::decide::rules::{
    ABOVE_BUDGET, Asked, BELOW_BUDGET, FALLING, MAY_BE_WITHIN, MAY_RISE, RISES_LATE, Ruling,
    SETTLED_LATE, SLOWING, STANDSTILL, TOO_WIDE, UNSETTLED, WINDOWS_AGREE, WINDOWS_DISAGREE,
    WITHIN_BEFORE, ruled,
};
use crate::decide::windows;
use crate::fit::bend::Bend;
use crate::fit::line::{Line, fit_line};
use crate::fit::model::Regressors;
use crate::fit::settled::{Settled, find_later, find_settled};
use crate::fit::slowing::{Comparison, compare_with_slowing, fades};
use crate::judgement::{Shape, Verdict};
use crate::policy::segment::{
    AHEAD, AT_ONCE, EARLY_STEPS, FEWEST_LATER, LATE, LATER, LATER_CONFIDENCE,
};
use crate::policy::settled::LIKELY;
use crate::policy::verdict::{REPORTED_CONFIDENCE, TREND_POINTS};
use crate::reason::Why;
use crate::shape::cycle::find_cycle;
use crate::shape::steps::without_edges;
use crate::stats::quantile::median;
use crate::track::{Track, coarse};

/// A line through the settled part of a segment, and what it was fitted to.
struct Fitted<'a> {
    case: &'a Case<'a>,
    /// The whole segment, in few points.
    track: &'a Track,
    /// Its settled part.
    part: &'a Track,
    regressors: &'a Regressors,
    settled: Settled,
    line: Line,
    budget: f64,
    agreement: OnceCell<Option<(Verdict, Line)>>,
    /// The comparison of lasting with slowing growth over the whole segment.
    compared: OnceCell<Option<Comparison>>,
    standstill: OnceCell<Option<Line>>,
}

/// The rules that are asked of a fit.
fn rules<'a>() -> [Asked<Fitted<'a>>; 14] {
    [
        (WINDOWS_DISAGREE, windows_disagree),
        (WITHIN_BEFORE, within_before),
        (SLOWING, slowing),
        (SETTLED_LATE, settled_late),
        (RISES_LATE, rises_late),
        (MAY_RISE, may_rise),
        (WINDOWS_AGREE, windows_agree),
        (FALLING, falling),
        (STANDSTILL, standstill),
        (UNSETTLED, unsettled),
        (MAY_BE_WITHIN, may_be_within),
        (ABOVE_BUDGET, above_budget),
        (BELOW_BUDGET, |fit| fit.ruling_on(Side::Below)),
        (TOO_WIDE, |fit| fit.ruling_on(Side::Across)),
    ]
}

/// Judges a segment whose level jumps at `places`; the jumps are taken out of the trend.
pub(crate) fn judge_between(case: &Case<'_>, stretch: &Track, places: &[f64]) -> Finding {
    let prepared = case.prepared;
    let whole = (stretch.x[0], stretch.x[stretch.len() - 1]);
    let mut fine = without_edges(stretch, places);
    let mut places = places.to_vec();
    // After early steps there is enough left to do without what came before.
    if let Some(&last) = places.last()
        && last - whole.0 < EARLY_STEPS * (whole.1 - whole.0)
    {
        let start = fine.x.partition_point(|&x| x < last);
        fine = fine.slice(start..fine.len());
        places.clear();
    }
    let track = coarse(&fine, TREND_POINTS, &places);
    let mut regressors = Regressors {
        steps: places,
        cycle: None,
    };
    regressors.cycle = find_cycle(&track, &regressors, prepared.day());
    if let Some(cycle) = &regressors.cycle {
        let period_s = cycle.period * prepared.seconds_per_unit;
        case.note_shape("cycle", || {
            format!("a period of {period_s:.4} s, {} harmonics", cycle.harmonics)
        });
    }
    let level_of = |track: &Track| prepared.base + median(&track.y).unwrap_or(0.0);
    let later = track.slice(track.len() / 2..track.len());
    let early_budget = budget_on_axis(prepared, case.options, level_of(&later));
    let settled = settled_part(&track, &regressors, early_budget, prepared.grain);
    let part = track.slice(settled.start..track.len());
    let level = level_of(&part);
    let budget = budget_on_axis(prepared, case.options, level);
    let finding = Finding {
        verdict: Verdict::Inconclusive,
        shape: Shape::Flat,
        why: Why::TooFewReadings {
            readings: part.len(),
        },
        line: None,
        fitted: (part.x[0], part.x[part.len() - 1]),
        budget,
        level,
        stretch: whole,
    };
    let Some(line) = fit_line(&part, &regressors, prepared.grain) else {
        return finding;
    };
    let line = beside_what_is_left(line, &part, &regressors, &settled, prepared.grain);
    case.note_fit(&line, finding.fitted, settled.straight);
    // Where no part is straight, the windows that are looked at begin earlier.
    let ahead = match settled.straight {
        true => ahead::of_line(prepared, level, &line)
            .min(ahead::of_same_growth(prepared, stretch, part.x[0], &line)),
        false => level.min(level_of(&windows::first(&track))),
    };
    let budget = budget_on_axis(prepared, case.options, ahead);
    let finding = Finding {
        shape: shape_of(&line),
        line: Some(line.clone()),
        budget,
        ..finding
    };
    let fit = Fitted {
        case,
        track: &track,
        part: &part,
        regressors: &regressors,
        settled,
        line,
        budget,
        agreement: OnceCell::new(),
        compared: OnceCell::new(),
        standstill: OnceCell::new(),
    };
    ruled(case, finding, &fit, &rules())
}

/// `line` with an interval that allows for what is left in `part` of a warm-up before it: of that,
/// a search for bends sees what it can tell from chance. Later in the part less of it is left.
fn beside_what_is_left(
    line: Line,
    part: &Track,
    regressors: &Regressors,
    settled: &Settled,
    grain: f64,
) -> Line {
    let (low, high) = line.interval(REPORTED_CONFIDENCE);
    let mut line = line;
    // A bend that matters for no verdict matters for what is printed.
    if let Some(Bend { before, after, .. }) = settled.bend {
        let further = after + (after - before);
        line = line.reaching(low.min(after).min(further), high.max(after).max(further));
    }
    let is_later = settled.start > 0;
    let later = part.x[0] + LATER * part.span();
    let rest = part.slice(part.x.partition_point(|&x| x < later)..part.len());
    match fit_line(&rest, regressors, grain).filter(|_| is_later && rest.len() >= FEWEST_LATER) {
        Some(later) => {
            let error = later.half_width(LATER_CONFIDENCE);
            line.reaching(low.min(later.slope - error), high.max(later.slope + error))
        }
        None => line,
    }
}

fn settled_part(track: &Track, regressors: &Regressors, budget: f64, grain: f64) -> Settled {
    let mut settled = find_settled(track, regressors, budget, grain);
    if settled.straight
        && let Some(later) = find_later(track, regressors, budget, grain, settled.start)
    {
        settled.start = later;
    }
    settled
}

impl Fitted<'_> {
    fn grain(&self) -> f64 {
        self.case.prepared.grain
    }

    /// On which side of the budget the slope lies; `None` where no part is straight.
    fn side(&self) -> Option<Side> {
        self.settled
            .straight
            .then(|| side_of(&self.line, self.budget, self.case.confidence))
    }

    fn ruling_on(&self, side: Side) -> Option<Ruling> {
        (self.side() == Some(side)).then(|| ruling_of(side))
    }

    /// What all windows of a segment say that is nowhere straight.
    fn agreement(&self) -> Option<&(Verdict, Line)> {
        let find = || {
            windows::agreement(
                self.track,
                self.regressors,
                self.budget,
                self.case.confidence,
                self.grain(),
            )
        };
        match self.side() {
            None => self.agreement.get_or_init(find).as_ref(),
            Some(_) => None,
        }
    }

    /// The line of a leak; where a cache still fills above it, with an interval that reaches to what
    /// lasts beside the cache, and as far beyond it as the line lies off.
    fn lasting_line(&self) -> Line {
        let line = self.line.clone();
        let compared = self.compared.get().copied().flatten();
        let Some(lasting) = compared.and_then(|compared| compared.beside_cache) else {
            return line;
        };
        let further = lasting - (line.slope - lasting);
        let (low, high) = line.interval(REPORTED_CONFIDENCE);
        line.reaching(low.min(further), high.max(further))
    }

    fn standstill(&self) -> Option<&Line> {
        self.standstill
            .get_or_init(|| windows::standstill(self.track, self.budget, self.grain()))
            .as_ref()
    }

    /// Compares lasting with slowing growth from the point `from` on.
    fn comparison(&self, from: usize) -> Option<Comparison> {
        let compare = || {
            let part = self.track.slice(from..self.track.len());
            compare_with_slowing(&part, self.regressors, self.grain())
        };
        match from {
            0 => *self.compared.get_or_init(compare),
            _ => compare(),
        }
    }
}

fn windows_disagree(fit: &Fitted<'_>) -> Option<Ruling> {
    let contradicted = fit.side() == Some(Side::Above)
        && windows::contradict(
            fit.part,
            fit.regressors,
            fit.line.slope,
            fit.budget,
            fit.case.confidence,
            fit.grain(),
        );
    contradicted.then(|| Ruling::open(Why::WindowsDisagree))
}

fn within_before(fit: &Fitted<'_>) -> Option<Ruling> {
    let within = fit.side() == Some(Side::Above)
        && windows::stays_within(fit.track, fit.settled.start, &fit.line);
    within.then(|| Ruling::open(Why::WithinBefore))
}

/// Growth that slows down is no proof of a leak.
fn slowing(fit: &Fitted<'_>) -> Option<Ruling> {
    let by_windows = fit.agreement().map(|(verdict, _)| *verdict);
    let claimed = match fit.side() {
        Some(side) => side == Side::Above,
        None => by_windows == Some(Verdict::Leak),
    };
    let open = fit.side().is_none() && by_windows.is_none() && fit.standstill().is_none();
    if !claimed && !open {
        return None;
    }
    let (track, start) = (fit.track, fit.settled.start);
    let fades = match open {
        true => {
            let begin = track.x[start] - track.x[0];
            let at_once = start > 0 && begin < AT_ONCE * track.span();
            let comparison = fit.comparison(if at_once { start } else { 0 })?;
            !comparison.favours_lasting_growth() && fit.line.slope > 0.0
        }
        false => fades(track, start, fit.budget, by_windows.is_some(), |from| {
            fit.comparison(from)
        }),
    };
    fades.then(|| {
        let may_end = fit.line.clone().reaching(0.0, f64::MIN);
        Ruling::open(Why::Decelerating)
            .shaped(Shape::Decelerating)
            .with_line(may_end)
    })
}

/// "At the end" is not "settled": growth that lasted for long and then stopped may have stopped
/// with the load.
fn settled_late(fit: &Fitted<'_>) -> Option<Ruling> {
    let (track, start) = (fit.track, fit.settled.start);
    if fit.side() != Some(Side::Below) || start == 0 {
        return None;
    }
    let ahead = track.x[start] - track.x[0];
    // What falls at the end is no rest either, however long it takes.
    let falls = fit.line.slope < -fit.line.half_width(REPORTED_CONFIDENCE);
    let enough = if falls { 1.0 } else { LATE };
    if fit.part.span() >= enough * ahead {
        return None;
    }
    let end = track.x.partition_point(|&x| x - track.x[0] < AHEAD * ahead);
    let before = track.slice(0..end);
    let line = fit_line(&before, &Regressors::default(), fit.grain())?;
    let fifth = before.len() / 5;
    let level = |from: usize| median(&before.y[from..from + fifth.max(1)]).unwrap_or(0.0);
    let (first, middle, last) = (
        level(0),
        level(2 * fifth),
        level(before.len() - fifth.max(1)),
    );
    let side = side_of(&line, fit.budget, fit.case.confidence);
    // What fell all along has not grown, however little is known of how fast it fell.
    let may_grow = last > first && (falls || line.slope > fit.budget);
    let may_leak = side == Side::Above || (side == Side::Across && may_grow);
    (may_leak && !ahead::is_warm_up(first, middle, last)).then(|| {
        let (_, high) = line.interval(REPORTED_CONFIDENCE);
        let may_go_on = fit.line.clone().reaching(f64::MAX, high);
        Ruling::open(Why::SettledLate).with_line(may_go_on)
    })
}

/// A leak that begins late under noise which was louder before, or is in bursts, is no bend of the
/// whole; the end alone shows it.
fn rises_late(fit: &Fitted<'_>) -> Option<Ruling> {
    let rises = fit.side() == Some(Side::Below)
        && windows::rise_at_end(fit.part, fit.regressors, fit.budget, fit.grain());
    rises.then(|| {
        let (_, high) = fit.line.interval(REPORTED_CONFIDENCE);
        let may_go_on = fit.line.clone().reaching(f64::MAX, high.max(fit.budget));
        Ruling::open(Why::RisesLate).with_line(may_go_on)
    })
}

/// Growth that may have begun in the fitted part is not known to be within the budget.
fn may_rise(fit: &Fitted<'_>) -> Option<Ruling> {
    let bend = fit.settled.bend?;
    let may_rise = fit.side() == Some(Side::Below) && bend.t > LIKELY && bend.after > fit.budget;
    may_rise.then(|| Ruling::open(Why::TooWide))
}

fn windows_agree(fit: &Fitted<'_>) -> Option<Ruling> {
    let (verdict, line) = fit.agreement()?;
    Some(Ruling::new(*verdict, Why::WindowsAgree).with_line(line.clone()))
}

fn falling(fit: &Fitted<'_>) -> Option<Ruling> {
    let falls = fit.side() == Some(Side::Across)
        && fit.line.slope + fit.line.half_width(REPORTED_CONFIDENCE) < fit.budget
        && windows::fall(fit.track);
    falls.then(|| Ruling::new(Verdict::NoLeak, Why::BelowBudget))
}

/// What has hardly moved has not grown.
fn standstill(fit: &Fitted<'_>) -> Option<Ruling> {
    if !matches!(fit.side(), None | Some(Side::Across)) {
        return None;
    }
    let line = fit.standstill()?.clone();
    Some(Ruling::new(Verdict::NoLeak, Why::Standstill).with_line(line))
}

/// What may be left of a warm-up, or a bend that may be one, is not known to be above the budget.
fn may_be_within(fit: &Fitted<'_>) -> Option<Ruling> {
    let line = (fit.side() == Some(Side::Above)).then(|| fit.lasting_line())?;
    let (low, _) = line.interval(REPORTED_CONFIDENCE);
    (low <= fit.budget).then(|| Ruling::open(Why::TooWide).with_line(line))
}

fn above_budget(fit: &Fitted<'_>) -> Option<Ruling> {
    let ruling = fit.ruling_on(Side::Above)?;
    let line = fit.lasting_line();
    // A cache that may be there decides nothing, but it may have made a part of the slope.
    let compared = fit.compared.get().copied().flatten();
    Some(ruling.with_line(
        match compared.and_then(|compared| compared.beside_possible_cache) {
            Some(lasting) => {
                let error = line.half_width(REPORTED_CONFIDENCE);
                line.reaching(lasting - error, lasting + error)
            }
            None => line,
        },
    ))
}

fn unsettled(fit: &Fitted<'_>) -> Option<Ruling> {
    fit.side().is_none().then(|| Ruling::open(Why::Unsettled))
}
