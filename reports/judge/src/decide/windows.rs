//! A series that is nowhere straight can still be clear: where every window of its later part
//! lies on the same side of the budget.

use crate::fit::line::{Line, Precision, fit_line};
use crate::fit::model::{Regressors, columns, fit};
use crate::judgement::Verdict;
use crate::policy::slowing::PACE_KEPT;
use crate::policy::verdict::MANY;
use crate::policy::windows::{
    ABOVE_FALLS, AS_FAST, AS_FAST_IN_STEPS, END_CONFIDENCE, ENDS, FALL_GROUPS, FALL_OF_NOISE,
    FALLS_BACK, FEWEST_OF_END, FIRST, LAST, LAST_TENTH, LEFT_OUT, LOUDER, RATCHET_GROUPS, SLOWS_BY,
    STANDSTILL, WARM_UP_OF_LIVES, WINDOWS,
};
use crate::stats::autoregression;
use crate::stats::quantile::{median, quantile};
use crate::track::{Track, coarse, spacing};

/// Where the later part of `track` begins.
fn later_from(track: &Track) -> f64 {
    track.x[0] + LEFT_OUT * track.span()
}

/// The readings that the first of the windows begins with.
pub(crate) fn first(track: &Track) -> Track {
    let width = (1.0 - LEFT_OUT) / WINDOWS as f64 * track.span();
    let begin = later_from(track);
    let at = |x: f64| track.x.partition_point(|&place| place < x);
    let from = at(begin).min(track.len() - 1);
    track.slice(from..at(begin + width).max(from + 1))
}

/// What a series that goes up and hardly ever down rises by, per unit of the axis, and the scatter
/// of that over its windows: `None` where it falls, where one of the windows rises by no more than
/// `budget`, or where the later half of the series rises by less than the earlier: where it moves
/// in steps, by much less.
pub(crate) fn ratchet(track: &Track, budget: f64, has_steps: bool) -> Option<Line> {
    let groups = coarse(track, RATCHET_GROUPS, &[]);
    if groups.len() < RATCHET_GROUPS / 2 {
        return None;
    }
    let changes = || groups.y.windows(2).map(|pair| pair[1] - pair[0]);
    let risen: f64 = changes().filter(|change| *change > 0.0).sum();
    let fallen: f64 = -changes().filter(|change| *change < 0.0).sum::<f64>();
    if risen <= 0.0 || fallen > FALLS_BACK * risen {
        return None;
    }
    let last = groups.len() - 1;
    let at = |share: f64| {
        let x = groups.x[0] + share * groups.span();
        groups.x.partition_point(|&place| place < x).min(last)
    };
    let rate = |from: usize, to: usize| {
        (groups.y[to] - groups.y[from]) / (groups.x[to] - groups.x[from]).max(f64::MIN_POSITIVE)
    };
    let edge = |window: usize| at(LEFT_OUT + (1.0 - LEFT_OUT) * window as f64 / WINDOWS as f64);
    let rates: Vec<f64> = (0..WINDOWS)
        .map(|window| rate(edge(window), edge(window + 1)))
        .collect();
    let as_fast = match has_steps {
        true => AS_FAST_IN_STEPS,
        false => AS_FAST,
    };
    let (earlier, later) = (rate(0, at(0.5)), rate(at(0.5), last));
    if rates.iter().any(|rate| *rate <= budget) || later < as_fast * earlier {
        return None;
    }
    let count = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / count;
    let scatter = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let mut line = fit_line(&groups, &Regressors::default(), 0.0)?;
    line.grain_error = 0.0;
    line.precision = vec![Precision {
        standard_error: (scatter / count).sqrt(),
        degrees: count - 1.0,
    }];
    Some(line)
}

/// Whether one of the last windows of `part` rises beyond the budget by itself.
pub(crate) fn rise_at_end(part: &Track, regressors: &Regressors, budget: f64, grain: f64) -> bool {
    let rises = |share: &f64| {
        let from = part.x[0] + (1.0 - share) * part.span();
        let window = part.slice(part.x.partition_point(|&x| x < from)..part.len());
        window.len() >= FEWEST_OF_END
            && is_long_enough(&window, regressors)
            && fit_line(&window, regressors, grain)
                .is_some_and(|line| line.slope - line.half_width(END_CONFIDENCE) > budget)
    };
    ENDS.iter().any(rises)
}

/// Whether `window` holds enough readings, and enough of a cycle, for a line.
fn is_long_enough(window: &Track, regressors: &Regressors) -> bool {
    window.len() >= 12
        && regressors
            .cycle
            .is_none_or(|cycle| window.span() >= 1.5 * cycle.period)
}

/// The verdict that all windows share, with a line whose interval spans their slopes.
///
/// A leak is not said where each window rises less than the one before: such growth may end.
pub(crate) fn agreement(
    track: &Track,
    regressors: &Regressors,
    budget: f64,
    confidence: f64,
    grain: f64,
) -> Option<(Verdict, Line)> {
    if regressors.cycle.is_some() || track.len() < 8 * WINDOWS {
        return None;
    }
    let begin = later_from(track);
    let end = track.x[track.len() - 1];
    let edge = |window: usize| begin + (end - begin) * window as f64 / WINDOWS as f64;
    let mut lines = Vec::new();
    for window in 0..WINDOWS {
        let from = track.x.partition_point(|&x| x < edge(window));
        let to = if window + 1 == WINDOWS {
            track.len()
        } else {
            track.x.partition_point(|&x| x < edge(window + 1))
        };
        lines.push(fit_line(&track.slice(from..to), regressors, grain)?);
    }
    let slopes: Vec<f64> = lines.iter().map(|line| line.slope).collect();
    let above = lines
        .iter()
        .all(|line| line.slope - line.half_width(confidence) > budget);
    let below = lines
        .iter()
        .all(|line| line.slope + line.half_width(confidence) < budget);
    let fading = slopes.is_sorted_by(|a, b| a >= b) || slopes[WINDOWS - 1] < 0.6 * median(&slopes)?;
    let verdict = match (above, below) {
        (true, _) if !fading => Verdict::Leak,
        (_, true) => Verdict::NoLeak,
        _ => return None,
    };
    let low = lines
        .iter()
        .map(|l| l.slope - l.standard_error())
        .fold(f64::INFINITY, f64::min);
    let high = lines
        .iter()
        .map(|l| l.slope + l.standard_error())
        .fold(f64::MIN, f64::max);
    let part = track.slice(track.x.partition_point(|&x| x < begin)..track.len());
    let mut line = fit_line(&part, regressors, grain)?;
    line.slope = 0.5 * (low + high);
    line.grain_error = 0.0;
    // Half of the span at any usual confidence: 1.96 standard errors.
    let precision = Precision {
        standard_error: 0.5 * (high - low) / 1.96,
        degrees: MANY,
    };
    line.precision = vec![precision];
    Some((verdict, line))
}

/// Whether the beginning or the end of `part` alone rules out growth of half of `slope`, or
/// growth above the budget: what rose in between is then no sustained growth.
pub(crate) fn contradict(
    part: &Track,
    regressors: &Regressors,
    slope: f64,
    budget: f64,
    confidence: f64,
    grain: f64,
) -> bool {
    let (begin, span) = (part.x[0], part.span());
    let too_low = |window: Track| {
        is_long_enough(&window, regressors)
            && fit_line(&window, regressors, grain).is_some_and(|line| {
                line.slope + line.half_width(confidence) < budget.max(0.5 * slope)
            })
    };
    let at = |share: f64| part.x.partition_point(|&x| x < begin + share * span);
    LAST.iter()
        .any(|share| too_low(part.slice(at(1.0 - share)..part.len())))
        || too_low(part.slice(0..at(FIRST)))
}

/// Whether the late rise of `line`, from `start` on, is no more than what the series did
/// besides: it does not come above the values ahead of it, or is hardly more than the series
/// also fell somewhere, as a wander does.
pub(crate) fn stays_within(track: &Track, start: usize, line: &Line) -> bool {
    if track.x[start] - track.x[0] < LEFT_OUT * track.span() {
        return false;
    }
    let groups = coarse(track, FALL_GROUPS, &[]);
    let per_group = track.len() as f64 / groups.len() as f64;
    let rho = line.memory.rho;
    let of_mean = ((1.0 + rho) / (1.0 - rho) / per_group).min(1.0).sqrt();
    // Noise that was louder before goes up and down as far in its means as it is loud.
    let louder = scatter_before(track, start, per_group as usize);
    let is_louder = louder > LOUDER * line.sigma;
    let (noise, high) = match is_louder {
        true => {
            let before = groups.x.partition_point(|&x| x < track.x[start]);
            (louder * of_mean, quantile(&groups.y[..before], 0.95))
        }
        false => (line.sigma * of_mean, quantile(&track.y[..start], 0.95)),
    };
    let mut top = f64::MIN;
    let deepest_fall = groups
        .y
        .iter()
        .map(|&y| {
            top = y.max(top);
            top - y
        })
        .fold(0.0, f64::max);
    let fall = deepest_fall - FALL_OF_NOISE * noise;
    let rise = line.slope * (track.x[track.len() - 1] - track.x[start]);
    high.is_some_and(|high| line.end_value < high) || rise < ABOVE_FALLS * fall
}

/// The standard deviation of the readings before `start` within the loudest eighth of stretches of
/// `size`.
fn scatter_before(track: &Track, start: usize, size: usize) -> f64 {
    let deviation = |part: &[f64]| {
        let count = part.len() as f64;
        let mean = part.iter().sum::<f64>() / count;
        (part.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt()
    };
    let stretches = track.y[..start].chunks_exact(size.max(4));
    let all: Vec<f64> = stretches.map(deviation).collect();
    quantile(&all, 0.875).unwrap_or(0.0)
}

/// Whether `track`, a warm-up left out, bends down: so that its last tenth keeps less of the mean pace
/// than lasting growth does, by more than chance makes of it.
pub(crate) fn slows(track: &Track) -> bool {
    let from = track.x[0] + WARM_UP_OF_LIVES * track.span();
    let part = track.slice(track.x.partition_point(|&x| x < from)..track.len());
    let mut columns = columns(&part.x, &Regressors::default());
    columns.push(columns[1].iter().map(|u| u * u).collect());
    let Some(fitted) = fit(&columns, &part.y).filter(|_| part.len() > 5) else {
        return false;
    };
    let spacing = spacing(&part.x);
    let memory = autoregression::estimate(&fitted.residuals, &spacing, columns.len());
    let variance = autoregression::weighted_variance(&memory, &fitted.weights(2), &spacing);
    let (line, bend) = (fitted.coefficients[1], fitted.coefficients[2]);
    let missing = PACE_KEPT * (line + bend) - (line + LAST_TENTH * bend);
    missing > SLOWS_BY * (LAST_TENTH - PACE_KEPT) * variance.sqrt()
}

/// Whether each window of the later part lies below the one before: what falls throughout does
/// not grow, however little is known of how fast it falls.
pub(crate) fn fall(track: &Track) -> bool {
    let begin = later_from(track);
    let width = (track.x[track.len() - 1] - begin) / WINDOWS as f64;
    let place = |window: usize| {
        let edge = begin + width * window as f64;
        track.x.partition_point(|&x| x < edge)
    };
    let levels: Vec<f64> = (0..WINDOWS)
        .filter_map(|window| median(&track.y[place(window)..place(window + 1)]))
        .collect();
    levels.len() == WINDOWS && levels.is_sorted_by(|a, b| a > b)
}

/// A line whose interval is bounded by how far the values moved at all, where that is far less
/// than the budget allows over the same time: no growth above the budget hides in it.
pub(crate) fn standstill(track: &Track, budget: f64, grain: f64) -> Option<Line> {
    let begin = later_from(track);
    let part = track.slice(track.x.partition_point(|&x| x < begin)..track.len());
    let high = part.y.iter().copied().fold(f64::MIN, f64::max);
    let low = part.y.iter().copied().fold(f64::MAX, f64::min);
    let range = high - low;
    if part.len() < 20 || range.max(grain) >= STANDSTILL * budget * part.span() {
        return None;
    }
    let mut line = fit_line(&part, &Regressors::default(), grain)?;
    let bound = range / part.span();
    line.slope = line.slope.clamp(-bound, bound);
    line.grain_error = 0.0;
    line.precision = vec![Precision {
        standard_error: bound / 1.96,
        degrees: MANY,
    }];
    Some(line)
}
