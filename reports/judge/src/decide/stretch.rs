//! One uninterrupted stretch: its steps and cycles, its settled part, the line through that.

use crate::decide::windows;
use crate::decide::{
    Finding, REPORTED_CONFIDENCE, TREND_POINTS, budget_on_axis, day_on_axis, hold,
};
use crate::fit::line::{Extras, fit_line};
use crate::fit::settled;
use crate::fit::slowing;
use crate::judgement::{Shape, Verdict};
use crate::prepare::{self, Frame, Track, coarse};
use crate::reason::Why;
use crate::series::JudgeOptions;
use crate::shape::cycle;
use crate::shape::steps::{self, Steps};
use crate::stats::quantile::median;

/// How much better (twice the log-likelihood) slowing growth must explain a series that
/// passes for straight, to veto a leak.
const LINE_MARGIN: f64 = 6.0;

/// A warm-up shorter than this share of the run is over at once.
const AT_ONCE: f64 = 0.05;

/// Judges a stretch without restarts and teeth: what its steps are, and then what is left.
pub(crate) fn examine(
    frame: &Frame,
    fine: &Track,
    options: &JudgeOptions,
    deciding: f64,
) -> Finding {
    let mut steps = steps::steps(fine, frame.quantum);
    // Steps that come and go in a cycle belong to it.
    if matches!(steps, Steps::Once(_) | Steps::Falls(_))
        && cycle::find(fine, &Extras::default(), day_on_axis(frame)).is_some()
    {
        steps = Steps::None;
    }
    let through = |places: &[f64]| examine_between(frame, fine, places, options, deciding);
    let leaks = |finding: &Finding| finding.verdict == Verdict::Leak;
    let (mut finding, places) = match &steps {
        Steps::None => (through(&[]), &[][..]),
        Steps::Once(places) => {
            let mut finding = through(places);
            if !leaks(&finding) && finding.why != Why::Decelerating {
                finding.shape = Shape::LevelShift;
            }
            (finding, &places[..])
        }
        Steps::Falls(places) => {
            // What rises between the falls is a leak only if it comes to something in spite of
            // them.
            let mut finding = through(places);
            if finding.verdict != Verdict::NoLeak {
                finding = through(&[]);
            }
            if !leaks(&finding) && finding.why != Why::Decelerating {
                finding.shape = Shape::LevelShift;
            }
            (finding, &places[..])
        }
        Steps::Stairs => {
            let mut finding = through(&[]);
            if leaks(&finding) {
                finding.shape = Shape::Staircase;
            }
            (finding, &[][..])
        }
        Steps::Unclear(places) => {
            // Whether the steps belong to the trend is open; what holds either way is not.
            let between = through(places);
            if leaks(&between) {
                return between;
            }
            let mut with_steps = through(&[]);
            if leaks(&with_steps) {
                with_steps.verdict = Verdict::Inconclusive;
                with_steps.why = Why::FewSteps {
                    steps: places.len(),
                };
                with_steps.shape = Shape::LevelShift;
            }
            (with_steps, &places[..])
        }
    };
    if finding.verdict == Verdict::NoLeak
        && let Some(moves) = steps::moves_that_go_on(fine, places, finding.budget)
    {
        finding.verdict = Verdict::Inconclusive;
        finding.why = Why::FewMoves { moves };
    }
    finding
}

/// Judges a stretch whose level jumps at `places`; the jumps are taken out of the trend.
fn examine_between(
    frame: &Frame,
    fine: &Track,
    places: &[f64],
    options: &JudgeOptions,
    deciding: f64,
) -> Finding {
    let whole = (fine.x[0], fine.x[fine.len() - 1]);
    let mut fine = prepare::without_edges(fine, places);
    let mut places = places.to_vec();
    // After early steps there is enough left to do without what came before.
    if let Some(&last) = places.last()
        && last - whole.0 < 0.5 * (whole.1 - whole.0)
    {
        let start = fine.x.partition_point(|&x| x < last);
        fine = fine.slice(start..fine.len());
        places.clear();
    }

    let track = coarse(&fine, TREND_POINTS, &places);
    let mut extras = Extras {
        steps: places,
        cycle: None,
    };
    extras.cycle = cycle::find(&track, &extras, day_on_axis(frame));
    let level_of = |track: &Track| frame.base + median(&track.y).unwrap_or(0.0);
    let later = track.slice(track.len() / 2..track.len());
    let mut budget = budget_on_axis(frame, options, level_of(&later));
    let mut settled = settled::find(&track, &extras, budget, frame.quantum);
    if settled.straight
        && let Some(later) =
            settled::find_later(&track, &extras, budget, frame.quantum, settled.start)
    {
        settled.start = later;
    }
    let part = track.slice(settled.start..track.len());
    let level = level_of(&part);
    budget = budget_on_axis(frame, options, level);
    let mut finding = Finding {
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
    let Some(line) = fit_line(&part, &extras, frame.quantum) else {
        return finding;
    };
    hold(&mut finding, line, settled.straight, deciding);
    if finding.why == Why::AboveBudget
        && let Some(line) = &finding.line
        && windows::contradict(&part, &extras, line.slope, budget, deciding, frame.quantum)
    {
        finding.verdict = Verdict::Inconclusive;
        finding.why = Why::WindowsDisagree;
    }
    if finding.why == Why::AboveBudget
        && let Some(line) = &finding.line
        && windows::stays_within(&track, settled.start, line)
    {
        finding.verdict = Verdict::Inconclusive;
        finding.why = Why::WithinBefore;
    }
    ask_windows(&mut finding, &track, &extras, deciding, frame.quantum);
    veto_slowing(&mut finding, &track, &extras, settled.start, frame.quantum);
    finding
}

/// Growth that slows down is no proof of a leak.
fn veto_slowing(finding: &mut Finding, track: &Track, extras: &Extras, start: usize, quantum: f64) {
    if finding.verdict != Verdict::Leak && finding.why != Why::Unsettled {
        return;
    }
    let end = track.len();
    // A warm-up that is over at once has no course that could be compared.
    let begin = track.x[start] - track.x[0];
    let at_once = start > 0 && begin < AT_ONCE * track.span();
    let early = track
        .x
        .partition_point(|&x| x - track.x[0] < AT_ONCE * track.span());
    let compare = |from: usize| slowing::compare(&track.slice(from..end), extras, quantum);
    let Some(comparison) = compare(if at_once { start } else { 0 }) else {
        return;
    };
    let is_line = |comparison: slowing::Comparison| comparison.advantage_of_line > -LINE_MARGIN;
    let rising = finding.line.as_ref().is_some_and(|line| line.slope > 0.0);
    let vetoed = if finding.why == Why::Unsettled {
        !comparison.favours_lasting_growth() && rising
    } else if finding.why == Why::WindowsAgree || start == 0 || at_once {
        !is_line(comparison)
    } else {
        let lasts =
            comparison.favours_lasting_growth() && comparison.lasting_slope >= finding.budget;
        let is_clear = |comparison: slowing::Comparison| comparison.advantage_of_line > 0.0;
        !lasts && !is_clear(comparison) && !compare(early).is_some_and(is_clear)
    };
    if vetoed {
        finding.verdict = Verdict::Inconclusive;
        finding.shape = Shape::Decelerating;
        finding.why = Why::Decelerating;
    }
}

/// Where no part is straight, windows may still agree; and what has hardly moved has not grown.
fn ask_windows(finding: &mut Finding, track: &Track, extras: &Extras, deciding: f64, quantum: f64) {
    if finding.why == Why::Unsettled
        && let Some((verdict, line)) =
            windows::agreement(track, extras, finding.budget, deciding, quantum)
    {
        finding.verdict = verdict;
        finding.why = Why::WindowsAgree;
        finding.line = Some(line);
    }
    if finding.why == Why::TooWide
        && let Some(line) = &finding.line
        && line.slope + line.half_width(REPORTED_CONFIDENCE) < finding.budget
        && windows::fall(track)
    {
        finding.verdict = Verdict::NoLeak;
        finding.why = Why::BelowBudget;
    }
    if matches!(finding.why, Why::Unsettled | Why::TooWide)
        && let Some(line) = windows::standstill(track, finding.budget, quantum)
    {
        finding.verdict = Verdict::NoLeak;
        finding.why = Why::Standstill;
        finding.line = Some(line);
    }
}
