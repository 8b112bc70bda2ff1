//! A series made ready: readings without a value left out, one axis, bursts put aside.

use crate::budget::Budget;
use crate::policy::grain::RECORDS;
use crate::policy::prepare::FINE_POINTS;
use crate::series::{JudgeError, JudgeOptions, Series, Unit, Window};
use crate::shape::bursts::without_bursts;
use crate::shape::grain::find_grain;
use crate::shape::mixture::split_mixture;
use crate::shape::restarts::find_quick_restarts;
use crate::shape::work::find_busy;
use crate::stats::bins::{self, Bins, first_without};
use crate::stats::quantile::median;
use crate::stats::regression::least_squares;
use crate::track::{Points, Track, coarse};
use std::ops::Range;

/// A series ready for the search for shapes.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    /// Fine track: all readings, or group means of a long series; bursts left out.
    pub fine: Track,
    /// Where the program was restarted, on the axis, as far as only the readings with their
    /// bursts show it.
    pub quick_restarts: Vec<f64>,
    /// What was taken off all values.
    pub base: f64,
    /// The grain of the values: 0 where they have none that matters.
    pub grain: f64,
    /// Readings used.
    pub points: usize,
    /// First time of the series, in its own seconds.
    pub start_s: f64,
    /// Seconds from the first to the last reading used.
    pub duration_s: f64,
    /// Operations from the first to the last reading used, where counted.
    pub operations: Option<f64>,
    /// Whether the axis counts operations rather than seconds.
    pub by_operation: bool,
    /// Whether it counts time rather than work.
    pub is_time: bool,
    /// Times of the fine track's ends in units of the axis to seconds: seconds per unit.
    pub seconds_per_unit: f64,
    /// First reading used, seconds after `start_s`.
    pub lead_s: f64,
    /// The step that the values are known to move in: a smaller leak has not shown yet.
    pub least_step: f64,
    /// Whether operations are counted and none was completed.
    pub was_without_work: bool,
    /// Readings left out because the program was idle.
    pub idle: usize,
    /// Where the program is known to have been started anew, on the axis.
    pub known_restarts: Option<Vec<f64>>,
    /// The readings of two levels, where they come in no order.
    pub mixture: Option<(Track, Track)>,
    /// Where a stretch was left out because it is marked, on the axis, and how much higher the
    /// values are behind it.
    pub marked: Vec<(f64, f64)>,
}

impl Prepared {
    /// The time of a place on the axis, in the seconds of the series.
    pub fn seconds_at(&self, x: f64) -> f64 {
        self.start_s + self.lead_s + x * self.seconds_per_unit
    }

    /// The length of a day on the axis, where it counts time.
    pub fn day(&self) -> Option<f64> {
        self.is_time.then_some(86_400.0)
    }
}

pub(crate) fn prepare(series: &Series<'_>, options: &JudgeOptions) -> Result<Prepared, JudgeError> {
    check(series)?;
    let by_operation = matches!(options.budget, Budget::BytesPerOperation(_));
    if by_operation && series.operations.is_none() {
        return Err(JudgeError::NoOperations);
    }
    let start_s = series.time_s[0];
    let used = Rows::those(series.time_s.len(), |i| {
        let time = series.time_s[i];
        series.value[i].is_finite()
            && options.load.is_none_or(|load| load.contains(time))
            && !series.excluded.iter().any(|window| window.contains(time))
            && (!by_operation
                || series
                    .operations
                    .is_some_and(|operations| operations[i].is_finite()))
    });
    let was_without_work = is_without_work(series, &used);
    let idle = used.len();
    let used = while_busy(series, used);
    let idle = idle - used.len();
    let (Some(first), Some(last)) = (used.get(0), used.last()) else {
        return Err(JudgeError::Empty);
    };
    let duration_s = series.time_s[last] - series.time_s[first];
    let operations = series.operations.and_then(|operations| {
        let mut known = used
            .iter()
            .map(|i| operations[i])
            .filter(|count| count.is_finite());
        let begin = known.next()?;
        Some(known.next_back()? - begin).filter(|&done| done > 0.0)
    });
    let work = match idle > 0 && !by_operation {
        true => axis_of_work(series, &used),
        false => None,
    };
    let axis: &[f64] = match (by_operation, series.operations) {
        (true, Some(operations)) => operations,
        _ => work.as_deref().unwrap_or(series.time_s),
    };
    let base = series.value[first];
    let chosen = match &used {
        Rows::All(_) => None,
        Rows::Some(rows) => Some(Track {
            x: rows.iter().map(|&i| axis[i] - axis[first]).collect(),
            y: rows.iter().map(|&i| series.value[i] - base).collect(),
        }),
    };
    let points: Points<'_> = match &chosen {
        Some(track) => track.into(),
        None => Points::since(
            &axis[first..=last],
            &series.value[first..=last],
            (axis[first], base),
        ),
    };
    let all = 0..points.len();
    let span = points.x(points.len() - 1);
    let least_step = learned_step(points, options.grain);
    let mixture = split_mixture(points, base);
    let on_axis = |&time: &f64| {
        let after = used.before(|i| series.time_s[i] < time);
        (after > 0).then_some(axis[used.get(after)?] - axis[first])
    };
    let known_restarts: Option<Vec<f64>> = series
        .restarts
        .map(|times| times.iter().filter_map(on_axis).collect());
    let across = |window: &Window| {
        let after = used.before(|i| series.time_s[i] < window.end_s);
        let before = used.before(|i| series.time_s[i] < window.start_s);
        let (last, next) = (used.get(before.checked_sub(1)?)?, used.get(after)?);
        Some((
            axis[next] - axis[first],
            series.value[next] - series.value[last],
        ))
    };
    let marked = series.excluded.iter().filter_map(across).collect();
    let grain = match options.exact {
        true => 0.0,
        // Things are counted one by one, whatever number of them is there.
        false if options.unit == Unit::Count => find_grain(points.values(all), base).min(1.0),
        false => find_grain(points.values(all), base),
    };
    let track = if points.len() > FINE_POINTS {
        grouped(points, known_restarts.as_deref().unwrap_or_default())
    } else {
        points.to_track()
    };
    let quick_restarts = find_quick_restarts(&track);
    let fine = without_bursts(track, grain);
    Ok(Prepared {
        fine,
        quick_restarts,
        base,
        grain,
        points: used.len(),
        start_s,
        duration_s,
        operations,
        by_operation,
        is_time: !by_operation && work.is_none(),
        seconds_per_unit: if by_operation && span > 0.0 {
            duration_s / span
        } else {
            1.0
        },
        lead_s: series.time_s[first] - start_s,
        least_step,
        was_without_work,
        idle,
        known_restarts,
        mixture,
        marked,
    })
}

/// Fewer points, of which none holds readings from both sides of a restart: the mean of the end of
/// one life and the beginning of the next would flatten both.
fn grouped(points: Points<'_>, restarts: &[f64]) -> Track {
    if restarts.is_empty() {
        let Bins { x, y } = bins::by_time(points, FINE_POINTS / 2);
        return Track { x, y };
    }
    let mut edges = restarts.to_vec();
    edges.sort_by(f64::total_cmp);
    coarse(&points.to_track(), FINE_POINTS / 2, &edges)
}

/// The work done at each reading of `series`, in seconds at its mean pace, where the values of
/// `used` rise with it more evenly than with the time: what a program keeps of its work does not
/// grow while it has none, and the readings of that time are left out.
fn axis_of_work(series: &Series<'_>, used: &Rows) -> Option<Vec<f64>> {
    let operations = series.operations?;
    let (first, last) = (used.get(0)?, used.last()?);
    let done = operations[last] - operations[first];
    let mut pairs = used.iter().zip(used.iter().skip(1));
    let falls = pairs.any(|(before, after)| operations[after] < operations[before]);
    if falls || done <= 0.0 {
        return None;
    }
    let pace_s = (series.time_s[last] - series.time_s[first]) / done;
    let work: Vec<f64> = operations.iter().map(|count| count * pace_s).collect();
    let values: Vec<f64> = used
        .iter()
        .map(|i| series.value[i] - series.value[first])
        .collect();
    let left_by = |axis: &[f64]| {
        let axis: Vec<f64> = used.iter().map(|i| axis[i] - axis[first]).collect();
        Some(least_squares(&[&vec![1.0; axis.len()], &axis], &values)?.rss())
    };
    (left_by(&work)? < left_by(series.time_s)?).then_some(work)
}

/// Whether operations are counted and none was completed while readings were taken.
fn is_without_work(series: &Series<'_>, used: &Rows) -> bool {
    let Some(operations) = series.operations else {
        return false;
    };
    let known = || used.iter().map(|i| operations[i]).filter(|o| o.is_finite());
    known().nth(1).is_some() && known().next() == known().next_back()
}

/// The readings of `used` that were taken while the program worked, as far as its operations
/// or its load tell.
fn while_busy(series: &Series<'_>, used: Rows) -> Rows {
    let busy_by = |amount: &[f64], is_total| match &used {
        Rows::All(range) => find_busy(
            &series.time_s[range.clone()],
            &amount[range.clone()],
            is_total,
        ),
        Rows::Some(rows) => {
            let of = |column: &[f64]| -> Vec<f64> { rows.iter().map(|&i| column[i]).collect() };
            find_busy(&of(series.time_s), &of(amount), is_total)
        }
    };
    let by_operations = || busy_by(series.operations?, true);
    let by_load = || busy_by(series.load?, false);
    match by_load().or_else(by_operations) {
        Some(busy) => {
            let kept = used.iter().zip(&busy).filter(|(_, busy)| **busy);
            Rows::Some(kept.map(|(i, _)| i).collect())
        }
        None => used,
    }
}

/// The readings of a series that are used: all of a stretch, which need not be counted up one by
/// one, or some.
enum Rows {
    All(Range<usize>),
    Some(Vec<usize>),
}

impl Rows {
    fn those(count: usize, is_used: impl Fn(usize) -> bool) -> Self {
        let mut used = (0..count).filter(|&i| is_used(i));
        let Some(first) = used.next() else {
            return Rows::All(0..0);
        };
        let (last, number) = used.fold((first, 1), |(_, number), i| (i, number + 1));
        match last - first + 1 == number {
            true => Rows::All(first..last + 1),
            false => Rows::Some((first..=last).filter(|&i| is_used(i)).collect()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Rows::All(range) => range.len(),
            Rows::Some(rows) => rows.len(),
        }
    }

    fn get(&self, at: usize) -> Option<usize> {
        match self {
            Rows::All(range) => (at < range.len()).then_some(range.start + at),
            Rows::Some(rows) => rows.get(at).copied(),
        }
    }

    fn last(&self) -> Option<usize> {
        self.get(self.len().checked_sub(1)?)
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        let (range, rows) = match self {
            Rows::All(range) => (range.clone(), &[][..]),
            Rows::Some(rows) => (0..0, &rows[..]),
        };
        range.chain(rows.iter().copied())
    }

    /// How many come before the first that is not `early`.
    fn before(&self, early: impl Fn(usize) -> bool) -> usize {
        first_without(0, self.len(), |at| self.get(at).is_some_and(&early))
    }
}

/// The step that values move in: `known` until they have reached new highs often enough to
/// show a smaller one.
fn learned_step(points: Points<'_>, known: f64) -> f64 {
    if known <= 0.0 {
        return 0.0;
    }
    let mut values = points.values(0..points.len());
    let mut high = values.next().unwrap_or(0.0);
    let mut records = Vec::new();
    for value in values {
        if value > high {
            records.push(value - high);
            high = value;
        }
    }
    match records.len() {
        0..RECORDS => known,
        _ => median(&records).unwrap_or(known).min(known),
    }
}

fn check(series: &Series<'_>) -> Result<(), JudgeError> {
    let times = series.time_s.len();
    if series.value.len() != times {
        return Err(JudgeError::LengthMismatch {
            times,
            values: series.value.len(),
            what: "values",
        });
    }
    if let Some(operations) = series.operations
        && operations.len() != times
    {
        return Err(JudgeError::LengthMismatch {
            times,
            values: operations.len(),
            what: "operations",
        });
    }
    let mut before = f64::NEG_INFINITY;
    for (index, (&time, &value)) in series.time_s.iter().zip(series.value).enumerate() {
        if !time.is_finite() {
            return Err(JudgeError::TimeNotFinite { index });
        }
        if time < before {
            return Err(JudgeError::TimeBackwards {
                index,
                before,
                after: time,
            });
        }
        if value.is_infinite() {
            return Err(JudgeError::ValueInfinite { index });
        }
        if value < 0.0 {
            return Err(JudgeError::ValueNegative { index, value });
        }
        before = time;
    }
    if times == 0 {
        Err(JudgeError::Empty)
    } else {
        Ok(())
    }
}
