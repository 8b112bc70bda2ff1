//! The lives of a program that was restarted while it was recorded.

use crate::decide::finding::{Finding, compare_with_budget, day_on_axis};
use crate::decide::segment::judge_segment;
use crate::decide::windows;
use crate::fit::line::{Line, Precision};
use crate::fit::model::Regressors;
use crate::judgement::{Shape, Verdict};
use crate::policy::restarts::{LONG_STRETCH, MOST_OF_TIME, SOME_FALLS};
use crate::policy::verdict::{FEWEST_READINGS, REPORTED_CONFIDENCE};
use crate::prepare::Prepared;
use crate::reason::Why;
use crate::series::JudgeOptions;
use crate::shape::bursts::without_long_bursts;
use crate::shape::cycle::find_cycle;
use crate::shape::restarts::{deep_falls, find_restarts, rests_low};
use crate::track::Track;

/// Judges a series that restarts cut into lives, each for itself; as one stretch where there is
/// none.
pub(crate) fn judge_restarted(
    prepared: &Prepared,
    options: &JudgeOptions,
    deciding_confidence: f64,
) -> Finding {
    let track = &prepared.fine;
    let quick = &prepared.quick_restarts;
    let (track, cuts) = if quick.is_empty() {
        let track = without_long_bursts(track, prepared.grain);
        let cuts = find_restarts(&track);
        (track, cuts)
    } else {
        let at = |&place: &f64| track.x.partition_point(|&x| x < place);
        (track.clone(), quick.iter().map(at).collect())
    };
    let track = &track;
    // What falls at equal intervals is a job that comes and goes rather than a restart.
    let is_cycle = || find_cycle(track, &Regressors::default(), day_on_axis(prepared)).is_some();
    let is_job = || cuts.len() >= SOME_FALLS && rests_low(track, &cuts) && is_cycle();
    let falls_elsewhere = || deep_falls(&prepared.fine) > 2 * cuts.len() + 1;
    if cuts.is_empty() || falls_elsewhere() || is_job() {
        return judge_segment(prepared, track, options, deciding_confidence);
    }
    let mut edges = vec![0];
    edges.extend(cuts);
    edges.push(track.len());
    let findings: Vec<Finding> = edges
        .windows(2)
        .filter(|edge| edge[1] - edge[0] >= FEWEST_READINGS)
        .map(|edge| {
            let part = track.slice(edge[0]..edge[1]);
            let mut finding = judge_segment(prepared, &part, options, deciding_confidence);
            doubt_one_tooth(&mut finding, &part, deepest_fall(track, &edges));
            finding
        })
        .collect();
    let mut finding = combine_lives(findings, prepared, options, deciding_confidence);
    if finding.verdict == Verdict::Inconclusive
        && let Some(line) = windows::standstill(track, finding.budget, prepared.grain)
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
fn combine_lives(
    mut findings: Vec<Finding>,
    prepared: &Prepared,
    options: &JudgeOptions,
    deciding_confidence: f64,
) -> Finding {
    findings.sort_by(|a, b| (b.stretch.1 - b.stretch.0).total_cmp(&(a.stretch.1 - a.stretch.0)));
    let restarts = findings.len().saturating_sub(1);
    // A short stretch does not speak for the run.
    let total: f64 = findings.iter().map(|f| f.stretch.1 - f.stretch.0).sum();
    let is_long = |f: &&Finding| f.stretch.1 - f.stretch.0 > LONG_STRETCH * total;
    let mut decided = findings
        .iter()
        .filter(is_long)
        .filter(|f| f.verdict != Verdict::Inconclusive);
    let Some(best) = decided.next() else {
        let Some(mut longest) = findings.first().cloned() else {
            return judge_segment(prepared, &prepared.fine, options, deciding_confidence);
        };
        if longest.verdict != Verdict::Inconclusive && !most_agree(&findings, &longest, total) {
            longest.verdict = Verdict::Inconclusive;
            longest.why = Why::ShortLives { restarts };
        }
        return pool(longest, &findings, deciding_confidence);
    };
    let contradiction = decided.any(|other| other.verdict != best.verdict)
        || findings
            .iter()
            .filter(is_long)
            .any(|other| excludes(other, best));
    let alone = best.verdict == Verdict::Leak
        && restarts >= SOME_FALLS
        && !most_agree(&findings, best, total);
    let mut best = best.clone();
    if contradiction {
        best.verdict = Verdict::Inconclusive;
        best.why = Why::RestartsDisagree { restarts };
    } else if alone {
        best.verdict = Verdict::Inconclusive;
        best.why = Why::ShortLives { restarts };
    }
    best
}

/// Whether lives of most of the time say what `longest` says, and none the opposite.
fn most_agree(findings: &[Finding], longest: &Finding, total: f64) -> bool {
    let time_of = |verdict: Verdict| -> f64 {
        let of_that = findings.iter().filter(|f| f.verdict == verdict);
        of_that.map(|f| f.stretch.1 - f.stretch.0).sum()
    };
    let open = time_of(Verdict::Inconclusive);
    let agreed = time_of(longest.verdict);
    agreed > MOST_OF_TIME * total && agreed + open > 0.999 * total
}

/// Whether one life rules out the leak that another shows.
fn excludes(life: &Finding, leak: &Finding) -> bool {
    let (Some(line), Some(leaking)) = (&life.line, &leak.line) else {
        return false;
    };
    let most = line.slope + line.half_width(REPORTED_CONFIDENCE);
    leak.verdict == Verdict::Leak && most < leak.budget.max(0.5 * leaking.slope)
}

/// The longest life, decided by what all of `findings` say together where it is too uncertain
/// alone.
fn pool(mut longest: Finding, findings: &[Finding], deciding_confidence: f64) -> Finding {
    if longest.why == Why::TooWide
        && let Some(line) = pooled(findings)
    {
        let alone = longest.clone();
        compare_with_budget(&mut longest, line, true, deciding_confidence);
        match longest.verdict {
            // What is left of many warm-ups, or of the bends of many teeth, adds up as a leak does.
            Verdict::Leak if findings.len() > SOME_FALLS => longest = alone,
            Verdict::NoLeak => longest.shape = alone.shape,
            _ => {}
        }
    }
    longest
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
