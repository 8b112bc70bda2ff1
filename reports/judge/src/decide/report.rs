//! From what was found to the judgement that is given.

use crate::decide::finding::Finding;
use crate::fit::line::Line;
use crate::judgement::{Fitted, Judgement, Verdict};
use crate::policy::grain::SEVERAL;
use crate::policy::verdict::{DECIDING_CONFIDENCE, FEWEST_READINGS, REPORTED_CONFIDENCE};
use crate::prepare::Prepared;
use crate::reason::Why;
use crate::series::JudgeOptions;

/// The judgement on `prepared` in the units that people read.
pub(crate) fn report(prepared: &Prepared, finding: &Finding, options: &JudgeOptions) -> Judgement {
    let confidence = options.confidence.unwrap_or(REPORTED_CONFIDENCE);
    let per_hour = 3_600.0 / prepared.seconds_per_unit;
    let per_op = if prepared.by_operation {
        Some(1.0)
    } else {
        prepared
            .operations
            .filter(|_| prepared.duration_s > 0.0)
            .map(|operations| prepared.duration_s / operations)
    };
    let figures = finding.line.as_ref().map(|line| {
        let (low, high) = line.interval(confidence);
        // What moves in steps is known to within one of them.
        let step = prepared.least_step / (finding.fitted.1 - finding.fitted.0);
        let unseen = if step.is_finite() { step } else { 0.0 };
        // A verdict says more of one end than the line alone: on which side of the budget it lies.
        let (lowest, highest) = match finding.verdict {
            Verdict::Leak => (finding.budget.min(line.slope), f64::INFINITY),
            Verdict::NoLeak => (f64::NEG_INFINITY, finding.budget.max(line.slope)),
            Verdict::Inconclusive => (f64::NEG_INFINITY, f64::INFINITY),
        };
        (
            line.slope,
            (low - unseen).max(lowest),
            (high + unseen).min(highest),
        )
    });
    let resolution = finding
        .line
        .as_ref()
        .map(|line| resolution(line) * per_hour);
    let seconds = |x: f64| prepared.seconds_at(x);
    let end_value = finding
        .line
        .as_ref()
        .map(|line| prepared.base + line.end_value);
    let time_to_limit_s = match (options.limit, &finding.line, end_value) {
        (Some(limit), Some(line), Some(end))
            if line.slope > 0.0 && finding.verdict != Verdict::NoLeak =>
        {
            Some(((limit - end) / line.slope).max(0.0) * prepared.seconds_per_unit)
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
            .map(|_| seconds(finding.fitted.0) - prepared.start_s),
        needs_s: needs(prepared, finding),
        time_to_limit_s,
        reason: String::new(),
        fitted: finding.line.as_ref().map(|line| Fitted {
            start_s: seconds(finding.fitted.0),
            end_s: seconds(finding.fitted.1),
            start_value: prepared.base + line.start_value,
            end_value: prepared.base + line.end_value,
        }),
        points: prepared.points,
        level: Some(finding.level),
        confidence,
        p_value: p_value(finding),
    };
    judgement.reason = crate::reason::reason(
        &judgement,
        &finding.why,
        options.unit,
        prepared.by_operation,
    );
    judgement
}

/// How likely a slope within the budget shows this one or a steeper one.
///
/// Where no line decided (windows, steps, many lives), a leak was still found with the deciding
/// confidence, and what was left open says nothing.
fn p_value(finding: &Finding) -> f64 {
    let by_line = || {
        let line = finding.line.as_ref()?;
        Some(line.tail_beyond(finding.budget))
    };
    match (finding.verdict, &finding.why) {
        (Verdict::Leak, _) => by_line()
            .unwrap_or(1.0)
            .min((1.0 - DECIDING_CONFIDENCE) / 2.0),
        (_, Why::TooWide | Why::BelowBudget) => by_line().unwrap_or(1.0),
        _ => 1.0,
    }
}

/// The slope that would be told from none with a chance of nine in ten.
pub(crate) fn resolution(line: &Line) -> f64 {
    const NINE_IN_TEN: f64 = 1.281_551_565_544_6;
    line.half_width(DECIDING_CONFIDENCE) + NINE_IN_TEN * line.standard_error()
}

/// How many seconds longer the run must be.
fn needs(prepared: &Prepared, finding: &Finding) -> Option<f64> {
    if finding.verdict != Verdict::Inconclusive {
        return None;
    }
    let fitted_s = (finding.fitted.1 - finding.fitted.0) * prepared.seconds_per_unit;
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
            let usual = prepared.duration_s / (*readings as f64 - 1.0).max(1.0);
            usual * (4.0 * FEWEST_READINGS as f64 - *readings as f64).max(1.0)
        }
        (Why::BelowGrain { wanted_s, .. }, _) => wanted_s - fitted_s,
        (
            Why::NoWork
            | Why::RestartsOrTeeth { .. }
            | Why::TwoLevels
            | Why::Multiplied { .. }
            | Why::OwnLevel { .. },
            _,
        ) => return None,
        _ => prepared.duration_s,
    };
    // Nothing is said before growth could have made several steps of the metric.
    let slope = finding.line.as_ref().map_or(0.0, |line| line.slope);
    let rate = finding.budget.max(slope).max(f64::MIN_POSITIVE);
    let steps_s = SEVERAL * prepared.least_step / rate * prepared.seconds_per_unit;
    Some(longer.max(steps_s - fitted_s)).filter(|seconds| seconds.is_finite() && *seconds > 0.0)
}
