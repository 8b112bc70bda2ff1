//! A sawtooth, judged on its floors.

use crate::decide::finding::{Finding, budget_on_axis, compare_with_budget};
use crate::fit::line::{Line, Precision, fit_line};
use crate::fit::model::{Regressors, columns, fit};
use crate::fit::settled::find_settled;
use crate::judgement::{Shape, Verdict};
use crate::policy::sawtooth::{FLOOR_SHARE, UNLIKE};
use crate::policy::settled::FEWEST;
use crate::policy::verdict::TREND_POINTS;
use crate::prepare::Prepared;
use crate::reason::Why;
use crate::series::JudgeOptions;
use crate::shape::sawtooth::Sawtooth;
use crate::stats::autoregression::Memory;
use crate::stats::quantile::median;
use crate::track::{Track, coarse};

/// Judges a sawtooth on the lowest points of its teeth.
pub(crate) fn judge_sawtooth(
    prepared: &Prepared,
    sawtooth: &Sawtooth,
    options: &JudgeOptions,
    deciding_confidence: f64,
) -> Finding {
    let track = &prepared.fine;
    let floor = &sawtooth.floor;
    let level = prepared.base + median(&floor.y).unwrap_or(0.0);
    let budget = budget_on_axis(prepared, options, level);
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
    let settled = find_settled(
        &coarse_floor,
        &Regressors::default(),
        budget,
        prepared.grain,
    );
    let few = coarse_floor.len() < FEWEST;
    let part = coarse_floor.slice(settled.start..coarse_floor.len());
    let line = if part.len() < 10 {
        fit_few(&part)
    } else {
        fit_line(&part, &Regressors::default(), prepared.grain)
    };
    let Some(line) = line.map(|line| widen_for_few_teeth(line, &part, sawtooth)) else {
        return finding;
    };
    finding.fitted = (part.x[0], part.x[part.len() - 1]);
    compare_with_budget(
        &mut finding,
        line,
        settled.straight || few,
        deciding_confidence,
    );
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
    let fitted = fit(&columns(&floor.x, &Regressors::default()), &floor.y)?;
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
