//! From shapes and a line to a verdict.

use super::budget::Budget;
use super::cycle;
use super::decelerate;
use super::frame::{self, Frame, Track, coarse};
use super::parts::{self, Steps};
use super::phrase::{self, Why};
use super::settle;
use super::trend::{self, Extras, Line, Precision, fit_line};
use super::types::{Fitted, JudgeError, JudgeOptions, Judgement, Series, Shape, Unit, Verdict};
use super::waves::{self, Sawtooth};
use super::windows;
use crate::stats::autoregression::Memory;
use crate::stats::quantile::median;

/// Confidence of the interval that decides. The reported one is narrower.
pub(super) const DECIDING_CONFIDENCE: f64 = 0.99;

/// Confidence of the reported interval, unless asked otherwise.
pub(super) const REPORTED_CONFIDENCE: f64 = 0.95;

/// Points that the trend is fitted to, at most.
const TREND_POINTS: usize = 400;

/// How much better (twice the log-likelihood) slowing growth must explain a series that
/// passes for straight, to veto a leak.
const LINE_MARGIN: f64 = 6.0;

/// A warm-up shorter than this share of the run is over at once.
const AT_ONCE: f64 = 0.05;

/// How many times as large as another a tooth may be and still be like it.
const UNLIKE: f64 = 2.0;

/// How much the floor of a sawtooth varies before anything is known, in heights.
const FLOOR_SHARE: f64 = 0.008;

/// Teeth of less than this share of the rise over the series are dips in it.
const SMALL_TEETH: f64 = 0.2;

/// Falls from which on their intervals show whether they come in a cycle.
const SOME_FALLS: usize = 3;

/// Share of the run from which on a stretch between restarts speaks for it.
const LONG_STRETCH: f64 = 0.2;

/// Fewest readings for a verdict.
const FEWEST_READINGS: usize = 10;

/// What one uninterrupted stretch says.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub verdict: Verdict,
    pub shape: Shape,
    pub why: Why,
    pub line: Option<Line>,
    /// Ends of the fitted part on the axis.
    pub fitted: (f64, f64),
    /// Budget in units of the axis.
    pub budget: f64,
    /// Level of the settled part, the base included.
    pub level: f64,
    /// Ends of the stretch on the axis.
    pub stretch: (f64, f64),
}

/// Judges one series.
///
/// Readings that are NaN are left out. Times may have any origin and any distances. The
/// verdict does not depend on the units of time and value as long as the budget is in the
/// same ones. Time O(n log n), memory O(n).
///
/// # Errors
///
/// [`JudgeError`] if the series is not one: lengths differ, nothing was read, times go
/// backwards, a value is negative or infinite, the budget needs operations that are not there.
/// A series that is merely too short is `inconclusive`.
pub fn judge(series: &Series<'_>, options: &JudgeOptions) -> Result<Judgement, JudgeError> {
    judge_at(series, options, DECIDING_CONFIDENCE)
}

/// Judges one series with the given confidence for the verdict.
pub(super) fn judge_at(
    series: &Series<'_>,
    options: &JudgeOptions,
    deciding: f64,
) -> Result<Judgement, JudgeError> {
    let frame = frame::prepare(series, options)?;
    let finding = examine(&frame, options, deciding);
    Ok(report(&frame, &finding, options))
}

pub(super) fn examine(frame: &Frame, options: &JudgeOptions, deciding: f64) -> Finding {
    let track = &frame.fine;
    let whole = (0.0, track.span());
    if frame.points < FEWEST_READINGS || track.len() < FEWEST_READINGS || track.span() <= 0.0 {
        return Finding {
            verdict: Verdict::Inconclusive,
            shape: Shape::Flat,
            why: Why::TooFewReadings {
                readings: frame.points,
            },
            line: None,
            fitted: whole,
            budget: budget_on_axis(frame, options, frame.base),
            level: frame.base,
            stretch: whole,
        };
    }
    if let Some(sawtooth) = waves::sawtooth(track) {
        let finding = examine_sawtooth(frame, &sawtooth, options, deciding);
        if !matches!(finding.why, Why::FewTeeth { .. }) {
            return finding;
        }
        // What looks like few teeth may be a cycle, or small dips in a rise.
        let is_cycle = || cycle::find(track, &Extras::default(), day_on_axis(frame)).is_some();
        let small = sawtooth.height < SMALL_TEETH * (track.y[track.len() - 1] - track.y[0]).abs();
        if !small && !is_cycle() {
            return finding;
        }
    }
    let quick = &frame.quick_restarts;
    let (track, cuts) = if quick.is_empty() {
        let track = frame::without_long_bursts(track, frame.quantum);
        let cuts = parts::restarts(&track);
        (track, cuts)
    } else {
        let at = |&place: &f64| track.x.partition_point(|&x| x < place);
        (track.clone(), quick.iter().map(at).collect())
    };
    let track = &track;
    // What falls at equal intervals is a job that comes and goes rather than a restart.
    let is_cycle = || cycle::find(track, &Extras::default(), day_on_axis(frame)).is_some();
    if cuts.is_empty() || (cuts.len() >= SOME_FALLS && parts::rests_low(track, &cuts) && is_cycle())
    {
        return examine_stretch(frame, track, options, deciding);
    }
    let mut edges = vec![0];
    edges.extend(cuts);
    edges.push(track.len());
    let findings: Vec<Finding> = edges
        .windows(2)
        .filter(|edge| edge[1] - edge[0] >= FEWEST_READINGS)
        .map(|edge| {
            let part = track.slice(edge[0]..edge[1]);
            let mut finding = examine_stretch(frame, &part, options, deciding);
            doubt_one_tooth(&mut finding, &part, deepest_fall(track, &edges));
            finding
        })
        .collect();
    let mut finding = combine_restarts(findings, frame, options, deciding);
    if finding.verdict == Verdict::Inconclusive
        && let Some(line) = windows::standstill(track, finding.budget, frame.quantum)
    {
        finding.verdict = Verdict::NoLeak;
        finding.why = Why::Standstill;
        finding.line = Some(line);
    }
    finding
}

/// The deepest fall at the cuts between stretches.
fn deepest_fall(track: &Track, edges: &[usize]) -> f64 {
    edges[1..edges.len() - 1]
        .iter()
        .map(|&cut| {
            let before = track.y[cut.saturating_sub(3)..cut]
                .iter()
                .copied()
                .fold(f64::MIN, f64::max);
            let after = track.y[cut..(cut + 3).min(track.len())]
                .iter()
                .copied()
                .fold(f64::MAX, f64::min);
            before - after
        })
        .fold(0.0, f64::max)
}

/// A rise that a fall of the same size has taken back before may be a tooth of a sawtooth
/// rather than a leak.
fn doubt_one_tooth(finding: &mut Finding, part: &Track, fall: f64) {
    let Some(line) = &finding.line else {
        return;
    };
    let rise = line.slope * (finding.fitted.1 - finding.fitted.0);
    // After a restart most of the rise is the warm-up; in a tooth it is the line.
    let (low, high) = part.y.iter().fold((f64::MAX, f64::MIN), |(low, high), &y| {
        (low.min(y), high.max(y))
    });
    if finding.verdict == Verdict::Leak && rise > 0.5 * (high - low) && rise < 1.5 * fall {
        finding.verdict = Verdict::Inconclusive;
        finding.shape = Shape::Sawtooth;
        finding.why = Why::FewTeeth { teeth: 1 };
    }
}

/// The stretches between restarts: the longest that decides, unless another contradicts it; or
/// else what they say together.
fn combine_restarts(
    mut findings: Vec<Finding>,
    frame: &Frame,
    options: &JudgeOptions,
    deciding: f64,
) -> Finding {
    findings.sort_by(|a, b| (b.stretch.1 - b.stretch.0).total_cmp(&(a.stretch.1 - a.stretch.0)));
    let restarts = findings.len().saturating_sub(1);
    // A short stretch does not speak for the run.
    let total: f64 = findings.iter().map(|f| f.stretch.1 - f.stretch.0).sum();
    let mut decided = findings.iter().filter(|f| {
        f.verdict != Verdict::Inconclusive && f.stretch.1 - f.stretch.0 > LONG_STRETCH * total
    });
    let Some(best) = decided.next().or(findings.first()) else {
        return examine_stretch(frame, &frame.fine, options, deciding);
    };
    let contradiction = decided.any(|other| other.verdict != best.verdict);
    let mut best = best.clone();
    if contradiction {
        best.verdict = Verdict::Inconclusive;
        best.why = Why::RestartsDisagree { restarts };
    } else if best.why == Why::TooWide
        && let Some(line) = pooled(&findings)
    {
        let shape = best.shape;
        decide(&mut best, line, true, deciding);
        if best.verdict == Verdict::NoLeak {
            best.shape = shape;
        }
    }
    best
}

/// The line of the first of `findings` with the slope that all straight ones have in common:
/// their mean, weighted by their precision, and not more precise than their scatter allows.
///
/// # Source
///
/// R. T. Birge, "The calculation of errors by the method of least squares", Physical Review 40
/// (1932), 207–227: the ratio of external to internal consistency.
fn pooled(findings: &[Finding]) -> Option<Line> {
    let lines: Vec<&Line> = findings
        .iter()
        .filter(|f| matches!(f.why, Why::TooWide | Why::AboveBudget | Why::BelowBudget))
        .filter_map(|f| f.line.as_ref())
        .filter(|line| line.standard_error() > 0.0)
        .collect();
    if lines.len() < 2 {
        return None;
    }
    let weight = |line: &Line| line.standard_error().powi(-2);
    let weights: f64 = lines.iter().map(|line| weight(line)).sum();
    let slope = lines
        .iter()
        .map(|line| weight(line) * line.slope)
        .sum::<f64>()
        / weights;
    let scatter: f64 = lines
        .iter()
        .map(|line| weight(line) * (line.slope - slope).powi(2))
        .sum();
    let between = lines.len() as f64 - 1.0;
    let birge = (scatter / between).max(1.0).sqrt();
    let degrees: f64 = lines
        .iter()
        .map(|line| {
            let few = |least: f64, p: &Precision| least.min(p.degrees);
            line.precision.iter().fold(f64::INFINITY, few)
        })
        .sum();
    let mut line = findings[0].line.clone()?;
    line.slope = slope;
    line.grain_error = 0.0;
    line.precision = vec![Precision {
        standard_error: birge / weights.sqrt(),
        degrees: if birge > 1.0 {
            between.min(degrees)
        } else {
            degrees
        },
    }];
    Some(line)
}

fn budget_on_axis(frame: &Frame, options: &JudgeOptions, level: f64) -> f64 {
    let per_hour = match options.budget {
        Budget::BytesPerOperation(rate) => return rate,
        Budget::BytesPerHour(rate) => rate,
        Budget::PercentOfSettledLevelPerHour(percent) => level * percent / 100.0,
        Budget::Default => {
            let least = match options.unit {
                Unit::Bytes => 65_536.0,
                Unit::Count => 1.0,
            };
            (level * 0.005).max(least)
        }
    };
    per_hour / 3_600.0 * frame.seconds_per_unit
}

fn examine_sawtooth(
    frame: &Frame,
    sawtooth: &Sawtooth,
    options: &JudgeOptions,
    deciding: f64,
) -> Finding {
    let track = &frame.fine;
    let floor = &sawtooth.floor;
    let level = frame.base + median(&floor.y).unwrap_or(0.0);
    let budget = budget_on_axis(frame, options, level);
    let whole = (track.x[0], track.x[track.len() - 1]);
    let teeth = floor.len();
    let mut finding = Finding {
        verdict: Verdict::Inconclusive,
        shape: Shape::Sawtooth,
        why: Why::FewTeeth { teeth },
        line: None,
        fitted: whole,
        budget,
        level,
        stretch: whole,
    };
    // A few teeth of very different size may as well be restarts of a program that leaks.
    let alike = sawtooth.height_spread < UNLIKE && sawtooth.period_spread < UNLIKE;
    if teeth < 3 || (teeth < 8 && !alike) {
        return finding;
    }
    let coarse_floor = coarse(floor, TREND_POINTS, &[]);
    let settled = settle::find(&coarse_floor, &Extras::default(), budget, frame.quantum);
    let few = coarse_floor.len() < settle::FEWEST;
    let part = coarse_floor.slice(settled.start..coarse_floor.len());
    let line = if part.len() < 10 {
        fit_few(&part)
    } else {
        fit_line(&part, &Extras::default(), frame.quantum)
    };
    let Some(line) = line.map(|line| widen_for_few_teeth(line, &part, sawtooth)) else {
        return finding;
    };
    finding.fitted = (part.x[0], part.x[part.len() - 1]);
    decide(&mut finding, line, settled.straight || few, deciding);
    finding.shape = Shape::Sawtooth;
    if few && finding.verdict == Verdict::Leak && !rises_to_the_end(floor) {
        finding.verdict = Verdict::Inconclusive;
        finding.why = Why::Decelerating;
        finding.shape = Shape::Decelerating;
    }
    if finding.verdict == Verdict::Leak {
        finding.shape = Shape::SawtoothRising;
    }
    finding
}

/// Whether each of a few floors lies above the one before, and the last rise is not the least
/// by far.
fn rises_to_the_end(floor: &Track) -> bool {
    let rates: Vec<f64> = floor
        .x
        .windows(2)
        .zip(floor.y.windows(2))
        .map(|(x, y)| (y[1] - y[0]) / (x[1] - x[0]).max(f64::MIN_POSITIVE))
        .collect();
    let last = rates.last().copied().unwrap_or(0.0);
    rates.iter().all(|&rate| rate > 0.0) && last > 0.4 * median(&rates).unwrap_or(0.0)
}

/// A line through three or four floors, without a look at the memory of their noise.
fn fit_few(floor: &Track) -> Option<Line> {
    let fitted = trend::fit(&trend::columns(&floor.x, &Extras::default()), &floor.y)?;
    let freedom = (floor.len() as f64 - 2.0).max(1.0);
    Some(Line {
        slope: fitted.coefficients[1] / floor.span(),
        start_value: fitted.coefficients[0],
        end_value: fitted.coefficients[0] + fitted.coefficients[1],
        precision: Vec::new(),
        grain_error: 0.0,
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

/// The length of a day on the axis, where it counts time.
fn day_on_axis(frame: &Frame) -> Option<f64> {
    (!frame.by_operation).then_some(86_400.0)
}

fn examine_stretch(frame: &Frame, fine: &Track, options: &JudgeOptions, deciding: f64) -> Finding {
    let mut steps = parts::steps(fine, frame.quantum);
    // Steps that come and go in a cycle belong to it.
    if matches!(steps, Steps::Once(_) | Steps::Falls(_) | Steps::Unclear(_))
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
            if leaks(&finding) {
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
        && let Some(moves) = parts::moves_that_go_on(fine, places, finding.budget)
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
    let mut fine = frame::without_edges(fine, places);
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
    let mut settled = settle::find(&track, &extras, budget, frame.quantum);
    if settled.straight
        && let Some(later) =
            settle::find_later(&track, &extras, budget, frame.quantum, settled.start)
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
    decide(&mut finding, line, settled.straight, deciding);
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

/// Holds the interval of the line against the budget.
fn decide(finding: &mut Finding, line: Line, straight: bool, deciding: f64) {
    let half = line.half_width(deciding);
    let (low, high) = (line.slope - half, line.slope + half);
    let reported = line.half_width(REPORTED_CONFIDENCE);
    finding.shape = if line.slope > reported {
        Shape::Linear
    } else if line.slope < -reported {
        Shape::Shrinking
    } else {
        Shape::Flat
    };
    (finding.verdict, finding.why) = if !straight {
        (Verdict::Inconclusive, Why::Unsettled)
    } else if low > finding.budget {
        (Verdict::Leak, Why::AboveBudget)
    } else if high < finding.budget {
        (Verdict::NoLeak, Why::BelowBudget)
    } else {
        (Verdict::Inconclusive, Why::TooWide)
    };
    finding.line = Some(line);
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
    let after = |share: f64| {
        track
            .x
            .partition_point(|&x| x - track.x[0] < share * track.span())
    };
    let compare = |from: usize| decelerate::compare(&track.slice(from..end), extras, quantum);
    let Some(comparison) = compare(if at_once { start } else { 0 }) else {
        return;
    };
    let is_line = |comparison: decelerate::Comparison| comparison.advantage_of_line > -LINE_MARGIN;
    let rising = finding.line.as_ref().is_some_and(|line| line.slope > 0.0);
    let vetoed = if finding.why == Why::Unsettled {
        !comparison.favours_lasting_growth() && rising
    } else if finding.why == Why::WindowsAgree || start == 0 || at_once {
        !is_line(comparison)
    } else {
        let lasts =
            comparison.favours_lasting_growth() && comparison.lasting_slope >= finding.budget;
        let is_clear = |comparison: decelerate::Comparison| comparison.advantage_of_line > 0.0;
        !lasts && !is_clear(comparison) && !compare(after(AT_ONCE)).is_some_and(is_clear)
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
    if matches!(finding.why, Why::Unsettled | Why::TooWide)
        && let Some(line) = windows::standstill(track, finding.budget, quantum)
    {
        finding.verdict = Verdict::NoLeak;
        finding.why = Why::Standstill;
        finding.line = Some(line);
    }
}

fn report(frame: &Frame, finding: &Finding, options: &JudgeOptions) -> Judgement {
    let confidence = options.confidence.unwrap_or(REPORTED_CONFIDENCE);
    let per_hour = 3_600.0 / frame.seconds_per_unit;
    let per_op = if frame.by_operation {
        Some(1.0)
    } else {
        frame
            .operations
            .filter(|_| frame.duration_s > 0.0)
            .map(|operations| frame.duration_s / operations)
    };
    let figures = finding.line.as_ref().map(|line| {
        let half = line.half_width(confidence);
        (line.slope, line.slope - half, line.slope + half)
    });
    let resolution = finding
        .line
        .as_ref()
        .map(|line| resolution(line) * per_hour);
    let seconds = |x: f64| frame.start_s + frame.lead_s + x * frame.seconds_per_unit;
    let end_value = finding
        .line
        .as_ref()
        .map(|line| frame.base + line.end_value);
    let time_to_limit_s = match (options.limit, &finding.line, end_value) {
        (Some(limit), Some(line), Some(end))
            if line.slope > 0.0 && finding.verdict != Verdict::NoLeak =>
        {
            Some(((limit - end) / line.slope).max(0.0) * frame.seconds_per_unit)
        }
        _ => None,
    };
    let mut judgement = Judgement {
        verdict: finding.verdict,
        kind: None,
        shape: finding.shape,
        slope_bytes_per_hour: figures.map(|f| f.0 * per_hour),
        slope_low_bytes_per_hour: figures.map(|f| f.1 * per_hour),
        slope_high_bytes_per_hour: figures.map(|f| f.2 * per_hour),
        slope_bytes_per_op: figures.zip(per_op).map(|(f, scale)| f.0 * scale),
        slope_low_bytes_per_op: figures.zip(per_op).map(|(f, scale)| f.1 * scale),
        slope_high_bytes_per_op: figures.zip(per_op).map(|(f, scale)| f.2 * scale),
        budget_bytes_per_hour: Some(finding.budget * per_hour).filter(|budget| budget.is_finite()),
        budget_bytes_per_op: per_op.map(|scale| finding.budget * scale),
        resolution_bytes_per_hour: resolution,
        settled_after_s: finding
            .line
            .as_ref()
            .filter(|_| finding.why != Why::Unsettled)
            .map(|_| seconds(finding.fitted.0) - frame.start_s),
        needs_s: needs(frame, finding),
        time_to_limit_s,
        reason: String::new(),
        fitted: finding.line.as_ref().map(|line| Fitted {
            start_s: seconds(finding.fitted.0),
            end_s: seconds(finding.fitted.1),
            start_value: frame.base + line.start_value,
            end_value: frame.base + line.end_value,
        }),
        points: frame.points,
        level: Some(finding.level),
        confidence,
    };
    judgement.reason = phrase::reason(&judgement, &finding.why, options.unit, frame.by_operation);
    judgement
}

/// The slope that would be told from none with a chance of nine in ten.
pub(super) fn resolution(line: &Line) -> f64 {
    const NINE_IN_TEN: f64 = 1.281_551_565_544_6;
    line.half_width(DECIDING_CONFIDENCE) + NINE_IN_TEN * line.standard_error()
}

/// How many seconds longer the run must be.
fn needs(frame: &Frame, finding: &Finding) -> Option<f64> {
    if finding.verdict != Verdict::Inconclusive {
        return None;
    }
    let fitted_s = (finding.fitted.1 - finding.fitted.0) * frame.seconds_per_unit;
    let longer = match (&finding.why, &finding.line) {
        (Why::TooWide, Some(line)) => {
            let distance = (line.slope - finding.budget).abs();
            let wanted = line.half_width(DECIDING_CONFIDENCE);
            // The interval shrinks with the length to the power of three halves. A slope on
            // the budget itself would need for ever: then to an eighth of the budget.
            let factor = (wanted / distance.max(finding.budget / 8.0))
                .powf(2.0 / 3.0)
                .max(1.1);
            fitted_s * (factor - 1.0)
        }
        (Why::TooFewReadings { readings }, _) => {
            let usual = frame.duration_s / (*readings as f64 - 1.0).max(1.0);
            usual * (4.0 * FEWEST_READINGS as f64 - *readings as f64).max(1.0)
        }
        _ => frame.duration_s,
    };
    Some(longer).filter(|seconds| seconds.is_finite() && *seconds > 0.0)
}
