//! What comes by the clock: teeth that end at the same minute of an hour or a day, as where a log
//! is rotated, and weeks whose days differ. Both repeat exactly, so that all readings speak
//! once the course is taken off, and not only the lowest of each tooth.

use crate::fit::model::{Regressors, columns, fit};
use crate::policy::calendar::{
    BINS_OF_DAY, BINS_OF_WEEK, DAY_S, FEWEST_FALLS, FEWEST_PERIODIC, FINER_BINS_OF_WEEK,
    HEIGHT_CHANGES, MOST_PERIODIC, OFF_TIME, PERIODS_S, SEEN, STRICT_LEFT, TEETH_LEFT, WEEK_LEFT,
    WEEK_OF_DAY_LEFT, WEEKS,
};
use crate::shape::sawtooth::Sawtooth;
use crate::shape::steps::lasting_steps;
use crate::stats::quantile::median;
use crate::stats::regression::{Fit, dot};
use crate::track::{Track, spacing, without};

/// `track` without its teeth, where these end by the clock, or at equal times to within a reading;
/// `None` where they do not. The axis counts seconds.
pub(crate) fn without_teeth(track: &Track, sawtooth: &Sawtooth) -> Option<Track> {
    let falls = steepest_of(track, &sawtooth.falls);
    let by_the_clock = period_of(track, &falls).map(|period| Period {
        length: period,
        error: 0.0,
    });
    let Period {
        length: period,
        error,
    } = by_the_clock.or_else(|| strict_period(track, &falls))?;
    let middle = |&at: &usize| 0.5 * (track.x[at - 1] + track.x[at]);
    let first = middle(falls.first()?);
    // Each fall lies between two readings: that decides which tooth a reading belongs to.
    let turn = |at: f64| ((at - first) / period).round();
    let late: Vec<f64> = falls
        .iter()
        .map(|at| middle(at) - first - turn(middle(at)) * period)
        .collect();
    let first = first + late.iter().sum::<f64>() / late.len() as f64;
    let reading = track.span() / (track.len() - 1) as f64;
    let is_near = |turns: f64| (turns - turns.round()).abs() * period <= OFF_TIME * reading;
    // Beside the end of a tooth, the fall itself tells which one a reading belongs to.
    let fall_near = |i: usize, turns: f64| {
        let at = falls.partition_point(|&at| at <= i);
        let around = [at.checked_sub(1), Some(at)].into_iter().flatten();
        let mut around = around.filter_map(|at| falls.get(at));
        around
            .find(|&at| turn(middle(at)) == turns.round())
            .copied()
    };
    let mut beside = vec![false; track.len()];
    let mut phase = Vec::with_capacity(track.len());
    for (i, x) in track.x.iter().enumerate() {
        let turns = (x - first) / period;
        let tooth = match is_near(turns) {
            false => turns.floor(),
            true => match fall_near(i, turns) {
                Some(at) if i >= at => turns.round(),
                Some(_) => turns.round() - 1.0,
                None => {
                    beside[i] = true;
                    turns.floor()
                }
            },
        };
        beside[i] |= falls.contains(&i) || falls.contains(&(i + 1));
        phase.push(turns - tooth);
    }
    let kept = without(track, &beside);
    let phase = without(
        &Track {
            x: track.x.clone(),
            y: phase,
        },
        &beside,
    )
    .y;
    let track = &kept;
    let line = columns(&track.x, &Regressors::default());
    let plain = fit(&line, &track.y)?;
    let fitted = fit(&[line.clone(), vec![phase.clone()]].concat(), &track.y)?;
    let height = fitted.coefficients[2];
    if fitted.rss() > TEETH_LEFT * plain.rss() || height < 0.5 * sawtooth.height {
        return None;
    }
    let weights = sum_of_squares(&fitted.weights(1));
    let mut wider = weights / sum_of_squares(&plain.weights(1));
    if by_the_clock.is_none() {
        let is_alike = fitted.rss() <= STRICT_LEFT * plain.rss();
        if !is_alike || height_changes(&fitted, &line[1], &phase)? {
            return None;
        }
        // A period that is longer by some takes as much of the rise of each tooth for growth.
        let growth = height * error / (period * period) * track.span();
        let variance = fitted.rss() / (track.len() as f64 - 3.0) * weights;
        wider *= 1.0 + growth * growth / variance.max(f64::MIN_POSITIVE);
    }
    let rest: Vec<f64> = track
        .y
        .iter()
        .zip(&phase)
        .map(|(y, p)| y - height * p)
        .collect();
    let rest = spread(track, &rest, wider.sqrt())?;
    // Small teeth on large ones: what is left falls when the large ones end.
    let is_plain = by_the_clock.is_some() || lasting_steps(&rest, 0.0).is_empty();
    is_plain.then_some(rest)
}

/// The first reading after the steepest part of each fall.
fn steepest_of(track: &Track, falls: &[(usize, usize)]) -> Vec<usize> {
    let steepest = |&(from, to): &(usize, usize)| {
        (from + 1..=to).max_by(|&a, &b| {
            let fall = |i: usize| track.y[i - 1] - track.y[i];
            fall(a).total_cmp(&fall(b))
        })
    };
    falls.iter().filter_map(steepest).collect()
}

/// The period of the clock that falls before the readings `falls` come in.
fn period_of(track: &Track, falls: &[usize]) -> Option<f64> {
    let at: Vec<f64> = falls
        .iter()
        .map(|&i| 0.5 * (track.x[i - 1] + track.x[i]))
        .collect();
    let gaps: Vec<f64> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let usual = median(&gaps)?;
    let reading = track.span() / (track.len() - 1) as f64;
    let period = PERIODS_S
        .into_iter()
        .min_by(|a, b| (a - usual).abs().total_cmp(&(b - usual).abs()))?;
    // One reading either way at most, wherever in the series.
    let on_time = at.iter().all(|&place| {
        let turns = (place - at[0]) / period;
        (turns - turns.round()).abs() * period <= OFF_TIME * reading
    });
    let seen = falls.len() as f64 >= SEEN * (track.span() / period - 1.0);
    let even = spacing(&track.x)
        .iter()
        .all(|&gap| gap < 0.5 * period / reading);
    (falls.len() >= FEWEST_FALLS && on_time && seen && even).then_some(period)
}

/// How long a tooth is, and by how much it may be longer or shorter.
#[derive(Clone, Copy)]
struct Period {
    length: f64,
    error: f64,
}

/// The period of teeth that all end at equal times: there is one for which each fall lies between
/// the two readings that it was seen between. Each pair of falls bounds it from both sides.
fn strict_period(track: &Track, falls: &[usize]) -> Option<Period> {
    if !(FEWEST_PERIODIC..=MOST_PERIODIC).contains(&falls.len()) {
        return None;
    }
    let between = |i: usize| (track.x[falls[i] - 1], track.x[falls[i]]);
    let gaps: Vec<f64> = falls
        .windows(2)
        .map(|pair| track.x[pair[1]] - track.x[pair[0]])
        .collect();
    let usual = median(&gaps)?;
    // No fall was missed.
    if gaps.iter().any(|gap| (gap - usual).abs() > 0.4 * usual) {
        return None;
    }
    let (mut least, mut most) = (0.0_f64, f64::INFINITY);
    for later in 1..falls.len() {
        let (begin, end) = between(later);
        for earlier in 0..later {
            let (earlier_begin, earlier_end) = between(earlier);
            let teeth = (later - earlier) as f64;
            least = least.max((begin - earlier_end) / teeth);
            most = most.min((end - earlier_begin) / teeth);
        }
    }
    (least < most).then_some(Period {
        length: 0.5 * (least + most),
        error: 0.5 * (most - least),
    })
}

/// Whether teeth become higher or lower along the axis `u`.
fn height_changes(fitted: &Fit, u: &[f64], phase: &[f64]) -> Option<bool> {
    let changing: Vec<f64> = u.iter().zip(phase).map(|(u, phase)| u * phase).collect();
    let with = fitted.with(&changing)?;
    let change = with.coefficients.last()?;
    let left = sum_of_squares(&with.residuals) / (u.len() as f64 - 4.0);
    Some(change.abs() > HEIGHT_CHANGES * (left * sum_of_squares(&with.weights)).sqrt())
}

/// `track` without the course of its weeks, where it has one that days alone do not explain.
pub(crate) fn without_weeks(track: &Track) -> Option<Track> {
    let week = 7.0 * DAY_S;
    if track.span() < WEEKS * week {
        return None;
    }
    let by_week = Course::of(track, week, BINS_OF_WEEK)?;
    let by_day = Course::of(track, DAY_S, BINS_OF_DAY)?;
    let plain = fit(&columns(&track.x, &Regressors::default()), &track.y)?.rss();
    if by_week.left > WEEK_LEFT * plain || by_week.left > WEEK_OF_DAY_LEFT * by_day.left {
        return None;
    }
    // What a part of two hours looks like is left over in each week, and passes for memory.
    let finer = FINER_BINS_OF_WEEK.into_iter();
    let mut finer = finer.filter_map(|bins| Course::of(track, week, bins));
    let by_week = finer.next().unwrap_or(by_week);
    let rest: Vec<f64> = track
        .x
        .iter()
        .zip(&track.y)
        .map(|(&x, y)| y - by_week.at(x))
        .collect();
    spread(track, &rest, by_week.wider)
}

/// What repeats with a period, in means of equal parts of it beside a common slope.
struct Course {
    period: f64,
    means: Vec<f64>,
    /// Sum of squares that it leaves, as far as a course that was not fitted would.
    left: f64,
    /// How many times as wide as a line's own the interval of the slope beside it is.
    wider: f64,
}

impl Course {
    fn of(track: &Track, period: f64, bins: usize) -> Option<Self> {
        let bin_of = |x: f64| (((x / period).fract() * bins as f64) as usize).min(bins - 1);
        let mut sums = vec![(0.0, 0.0, 0.0); bins];
        for (&x, &y) in track.x.iter().zip(&track.y) {
            let (count, sum_x, sum_y) = &mut sums[bin_of(x)];
            (*count, *sum_x, *sum_y) = (*count + 1.0, *sum_x + x, *sum_y + y);
        }
        if sums.iter().any(|&(count, ..)| count < 2.0) {
            return None;
        }
        let mean = |x: f64| {
            let (count, sum_x, sum_y) = sums[bin_of(x)];
            (sum_x / count, sum_y / count)
        };
        let (mut squares, mut products) = (0.0, 0.0);
        for (&x, &y) in track.x.iter().zip(&track.y) {
            let (mean_x, mean_y) = mean(x);
            squares += (x - mean_x).powi(2);
            products += (x - mean_x) * (y - mean_y);
        }
        let slope = products / squares;
        let left: f64 = track
            .x
            .iter()
            .zip(&track.y)
            .map(|(&x, &y)| {
                let (mean_x, mean_y) = mean(x);
                (y - mean_y - slope * (x - mean_x)).powi(2)
            })
            .sum();
        // A mean of so many turns takes with it its share of what varies between them.
        let turns = track.span() / period;
        let loss = turns / (turns - 1.0);
        let middle = 0.5 * (track.x[0] + track.x[track.len() - 1]);
        let all: f64 = track.x.iter().map(|x| (x - middle).powi(2)).sum();
        let means = sums
            .iter()
            .map(|&(count, sum_x, sum_y)| (sum_y - slope * (sum_x - count * middle)) / count)
            .collect();
        Some(Self {
            period,
            means,
            left: left * loss,
            wider: (loss * all / squares).sqrt(),
        })
    }

    /// The course at `x`, straight between the middles of its parts.
    fn at(&self, x: f64) -> f64 {
        let bins = self.means.len();
        let place = (x / self.period).fract() * bins as f64 + bins as f64 - 0.5;
        let (below, share) = (place.floor() as usize, place.fract());
        let (low, high) = (self.means[below % bins], self.means[(below + 1) % bins]);
        low + share * (high - low)
    }
}

/// `rest` at the places of `track`, what a line leaves of it made larger by `factor`: the course
/// that was taken off was fitted, too.
fn spread(track: &Track, rest: &[f64], factor: f64) -> Option<Track> {
    let fitted = fit(&columns(&track.x, &Regressors::default()), rest)?;
    let wider = rest
        .iter()
        .zip(&fitted.residuals)
        .map(|(y, residual)| y + (factor - 1.0) * residual);
    Some(Track {
        x: track.x.clone(),
        y: wider.collect(),
    })
}

fn sum_of_squares(values: &[f64]) -> f64 {
    dot(values, values)
}

#[cfg(test)]
mod tests {
    use super::{without_teeth, without_weeks};
    use crate::fit::line::fit_line;
    use crate::fit::model::Regressors;
    use crate::shape::sawtooth::find_sawtooth;
    use crate::track::Track;

    fn series(step_s: f64, count: usize, course: impl Fn(f64) -> f64) -> Track {
        let mut random = fastrand::Rng::with_seed(5);
        let x: Vec<f64> = (0..count).map(|i| step_s * i as f64).collect();
        let y = x.iter().map(|&t| course(t) + random.f64() - 0.5).collect();
        Track { x, y }
    }

    /// Asserts that `rest` grows by `slope`, and that its line is known to within `most`.
    fn assert_grows_by(slope: f64, most: f64, rest: &Track) {
        let line = fit_line(rest, &Regressors::default(), 0.0).expect("a line");
        let error = line.half_width(0.999);
        let off = (line.slope - slope).abs();
        assert!(off < error && error < most, "{} ± {error}", line.slope);
    }

    #[test]
    fn a_log_that_is_rotated_each_hour_leaves_what_grows_beside_it() {
        let log = series(61.0, 900, |t| {
            40.0 * ((t + 900.0) / 3_600.0).fract() + 2e-4 * t
        });
        let teeth = find_sawtooth(&log).expect("fifteen teeth");
        let rest = without_teeth(&log, &teeth).expect("on the hour");
        assert_grows_by(2e-4, 2e-5, &rest);
    }

    #[test]
    fn teeth_that_end_at_no_equal_times_stay() {
        for period in [2_900.0, 3_450.0, 5_000.0] {
            let turns = |t: f64| t / period + 0.1 * (t / 7_000.0).sin();
            let log = series(61.0, 900, |t| 40.0 * turns(t).rem_euclid(1.0));
            let teeth = find_sawtooth(&log).expect("teeth");
            assert!(without_teeth(&log, &teeth).is_none(), "{period}");
        }
    }

    #[test]
    fn teeth_of_any_period_that_is_kept_are_taken_off() {
        for period in [754.7, 2_903.0, 3_450.0] {
            let teeth = series(61.0, 2_400, |t| 40.0 * (t / period).fract() + 2e-4 * t);
            let found = find_sawtooth(&teeth).expect("teeth");
            let rest = without_teeth(&teeth, &found).expect("a period");
            assert_grows_by(2e-4, 4e-5, &rest);
        }
    }

    #[test]
    fn teeth_that_become_higher_stay() {
        let course = |t: f64| 40.0 * (1.0 + t / 3e5) * (t / 2_903.0).fract();
        let teeth = series(61.0, 2_400, course);
        let found = find_sawtooth(&teeth).expect("teeth");
        assert!(without_teeth(&teeth, &found).is_none());
    }

    #[test]
    fn teeth_of_different_size_stay() {
        let size = |t: f64| 10.0 + 30.0 * (t / 3_600.0).floor().sin().abs();
        let log = series(61.0, 900, |t| size(t) * (t / 3_600.0).fract());
        if let Some(teeth) = find_sawtooth(&log) {
            assert!(without_teeth(&log, &teeth).is_none());
        }
    }

    #[test]
    fn weeks_with_weekends_leave_what_grows_beside_them() {
        let busy = |t: f64| {
            let day = (t / 86_400.0) % 7.0;
            let hour = day.fract() * std::f64::consts::TAU;
            (0.5 - 0.5 * hour.cos()) * if day >= 5.0 { 0.2 } else { 1.0 }
        };
        let weeks = series(1_800.0, 1_200, |t| 60.0 * busy(t) + 3e-6 * t);
        let rest = without_weeks(&weeks).expect("three and a half weeks");
        assert_grows_by(3e-6, 1e-6, &rest);
        // Days that are all alike are a cycle of a day.
        let days = series(1_800.0, 1_200, |t| 60.0 * busy(t % 86_400.0));
        assert!(without_weeks(&days).is_none());
    }
}
