//! One uninterrupted stretch: its steps and cycles, its settled part, the line through that.

use crate::decide::finding::{Finding, budget_on_axis, compare_with_budget, day_on_axis};
use crate::decide::windows;
use crate::fit::line::fit_line;
use crate::fit::model::Regressors;
use crate::fit::settled::{find_later, find_settled};
use crate::fit::slowing::{Comparison, compare_with_slowing};
use crate::judgement::{Shape, Verdict};
use crate::policy::segment::{AT_ONCE, LINE_MARGIN};
use crate::policy::verdict::{REPORTED_CONFIDENCE, TREND_POINTS};
use crate::prepare::Prepared;
use crate::reason::Why;
use crate::series::JudgeOptions;
use crate::shape::cycle::find_cycle;
use crate::shape::steps::{Steps, classify_steps, moves_that_go_on, without_edges};
use crate::stats::quantile::median;
use crate::track::{Track, coarse};

/// Judges a stretch without restarts and teeth: what its steps are, and then what is left.
pub(crate) fn judge_segment(
    prepared: &Prepared,
    fine: &Track,
    options: &JudgeOptions,
    deciding_confidence: f64,
) -> Finding {
    let mut steps = classify_steps(fine, prepared.grain);
    // Steps that come and go in a cycle belong to it.
    if matches!(steps, Steps::Once(_) | Steps::Falls(_))
        && find_cycle(fine, &Regressors::default(), day_on_axis(prepared)).is_some()
    {
        steps = Steps::None;
    }
    let through =
        |places: &[f64]| judge_between(prepared, fine, places, options, deciding_confidence);
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
        && let Some(moves) = moves_that_go_on(fine, places, finding.budget)
    {
        finding.verdict = Verdict::Inconclusive;
        finding.why = Why::FewMoves { moves };
    }
    finding
}

/// Judges a stretch whose level jumps at `places`; the jumps are taken out of the trend.
fn judge_between(
    prepared: &Prepared,
    fine: &Track,
    places: &[f64],
    options: &JudgeOptions,
    deciding_confidence: f64,
) -> Finding {
    let whole = (fine.x[0], fine.x[fine.len() - 1]);
    let mut fine = without_edges(fine, places);
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
    let mut regressors = Regressors {
        steps: places,
        cycle: None,
    };
    regressors.cycle = find_cycle(&track, &regressors, day_on_axis(prepared));
    let level_of = |track: &Track| prepared.base + median(&track.y).unwrap_or(0.0);
    let later = track.slice(track.len() / 2..track.len());
    let mut budget = budget_on_axis(prepared, options, level_of(&later));
    let mut settled = find_settled(&track, &regressors, budget, prepared.grain);
    if settled.straight
        && let Some(later) = find_later(&track, &regressors, budget, prepared.grain, settled.start)
    {
        settled.start = later;
    }
    let part = track.slice(settled.start..track.len());
    let level = level_of(&part);
    budget = budget_on_axis(prepared, options, level);
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
    let Some(line) = fit_line(&part, &regressors, prepared.grain) else {
        return finding;
    };
    compare_with_budget(&mut finding, line, settled.straight, deciding_confidence);
    if finding.why == Why::AboveBudget
        && let Some(line) = &finding.line
        && windows::contradict(
            &part,
            &regressors,
            line.slope,
            budget,
            deciding_confidence,
            prepared.grain,
        )
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
    ask_windows(
        &mut finding,
        &track,
        &regressors,
        deciding_confidence,
        prepared.grain,
    );
    veto_slowing(
        &mut finding,
        &track,
        &regressors,
        settled.start,
        prepared.grain,
    );
    finding
}

/// Growth that slows down is no proof of a leak.
fn veto_slowing(
    finding: &mut Finding,
    track: &Track,
    regressors: &Regressors,
    start: usize,
    grain: f64,
) {
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
    let compare = |from: usize| compare_with_slowing(&track.slice(from..end), regressors, grain);
    let Some(comparison) = compare(if at_once { start } else { 0 }) else {
        return;
    };
    let is_line = |comparison: Comparison| comparison.advantage_of_line > -LINE_MARGIN;
    let rising = finding.line.as_ref().is_some_and(|line| line.slope > 0.0);
    let vetoed = if finding.why == Why::Unsettled {
        !comparison.favours_lasting_growth() && rising
    } else if finding.why == Why::WindowsAgree || start == 0 || at_once {
        !is_line(comparison)
    } else {
        let lasts =
            comparison.favours_lasting_growth() && comparison.lasting_slope >= finding.budget;
        let is_clear = |comparison: Comparison| comparison.advantage_of_line > 0.0;
        !lasts && !is_clear(comparison) && !compare(early).is_some_and(is_clear)
    };
    if vetoed {
        finding.verdict = Verdict::Inconclusive;
        finding.shape = Shape::Decelerating;
        finding.why = Why::Decelerating;
    }
}

/// Where no part is straight, windows may still agree; and what has hardly moved has not grown.
fn ask_windows(
    finding: &mut Finding,
    track: &Track,
    regressors: &Regressors,
    deciding_confidence: f64,
    grain: f64,
) {
    if finding.why == Why::Unsettled
        && let Some((verdict, line)) = windows::agreement(
            track,
            regressors,
            finding.budget,
            deciding_confidence,
            grain,
        )
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
        && let Some(line) = windows::standstill(track, finding.budget, grain)
    {
        finding.verdict = Verdict::NoLeak;
        finding.why = Why::Standstill;
        finding.line = Some(line);
    }
}
