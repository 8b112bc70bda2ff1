//! A series made ready: readings without a value left out, one axis, bursts put aside.

use crate::budget::Budget;
use crate::series::{JudgeError, JudgeOptions, Series, Unit};
use crate::shape::steps;
use crate::stats::bins;
use crate::stats::hampel::wild_values;
use crate::stats::quantile::robust_sigma;

/// Longer series are grouped into stretches of time before shapes are looked for.
const FINE_POINTS: usize = 4_000;

/// Readings along one axis, ascending.
#[derive(Debug, Clone, Default)]
pub(crate) struct Track {
    /// Seconds since the first reading, or operations since then.
    pub x: Vec<f64>,
    /// Values, less [`Frame::base`].
    pub y: Vec<f64>,
}

impl Track {
    pub fn len(&self) -> usize {
        self.x.len()
    }

    pub fn span(&self) -> f64 {
        match (self.x.first(), self.x.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0.0,
        }
    }

    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        Self {
            x: self.x[range.clone()].to_vec(),
            y: self.y[range].to_vec(),
        }
    }
}

/// A series ready for the search for shapes.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Fine track: all readings, or group means of a long series; bursts left out.
    pub fine: Track,
    /// Where the program was restarted, on the axis, as far as only the readings with their
    /// bursts show it.
    pub quick_restarts: Vec<f64>,
    /// What was taken off all values.
    pub base: f64,
    /// The grain of the values: 0 where they have none that matters.
    pub quantum: f64,
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
    /// Times of the fine track's ends in units of the axis to seconds: seconds per unit.
    pub seconds_per_unit: f64,
    /// First reading used, seconds after `start_s`.
    pub lead_s: f64,
}

pub(crate) fn prepare(series: &Series<'_>, options: &JudgeOptions) -> Result<Frame, JudgeError> {
    check(series)?;
    let by_operation = matches!(options.budget, Budget::BytesPerOperation(_));
    if by_operation && series.operations.is_none() {
        return Err(JudgeError::NoOperations);
    }
    let start_s = series.time_s[0];
    let used: Vec<usize> = (0..series.time_s.len())
        .filter(|&i| {
            let time = series.time_s[i];
            series.value[i].is_finite()
                && options.load.is_none_or(|load| load.contains(time))
                && !series.excluded.iter().any(|window| window.contains(time))
                && (!by_operation
                    || series
                        .operations
                        .is_some_and(|operations| operations[i].is_finite()))
        })
        .collect();
    let (Some(&first), Some(&last)) = (used.first(), used.last()) else {
        return Err(JudgeError::Empty);
    };
    let duration_s = series.time_s[last] - series.time_s[first];
    let operations = series.operations.and_then(|operations| {
        let mut known = used
            .iter()
            .map(|&i| operations[i])
            .filter(|count| count.is_finite());
        let begin = known.next()?;
        Some(known.next_back()? - begin).filter(|&done| done > 0.0)
    });
    let axis: &[f64] = match (by_operation, series.operations) {
        (true, Some(operations)) => operations,
        _ => series.time_s,
    };
    let base = series.value[first];
    let track = Track {
        x: used.iter().map(|&i| axis[i] - axis[first]).collect(),
        y: used.iter().map(|&i| series.value[i] - base).collect(),
    };
    let span = track.span();
    let quantum = match options.exact {
        true => 0.0,
        // Things are counted one by one, whatever number of them is there.
        false if options.unit == Unit::Count => grain(&track.y, base).min(1.0),
        false => grain(&track.y, base),
    };
    let track = if track.len() > FINE_POINTS {
        let grouped = bins::by_time(&track.x, &track.y, FINE_POINTS / 2);
        Track {
            x: grouped.x,
            y: grouped.y,
        }
    } else {
        track
    };
    let quick_restarts = steps::quick_restarts(&track);
    let fine = without_bursts(track, quantum);
    Ok(Frame {
        fine,
        quick_restarts,
        base,
        quantum,
        points: used.len(),
        start_s,
        duration_s,
        operations,
        by_operation,
        seconds_per_unit: if by_operation && span > 0.0 {
            duration_s / span
        } else {
            1.0
        },
        lead_s: series.time_s[first] - start_s,
    })
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

/// The grain that values come in, where they repeat so often that there is one; else 0.
///
/// Only values that were read several times count: those that a cache passed while it filled
/// are no grain. A series that stands on one value shows none; the power of two that the
/// value is a multiple of stands in for it (pages, arenas), so that standing still proves no
/// more than it can.
fn grain(values: &[f64], base: f64) -> f64 {
    const SEVERAL: usize = 3;
    let stride = values.len().div_ceil(20_000).max(1);
    let mut sorted: Vec<f64> = values.iter().copied().step_by(stride).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let groups = || sorted.chunk_by(|a, b| a == b);
    if groups().count() * 10 > sorted.len() * 7 {
        return 0.0;
    }
    let repeated: Vec<f64> = groups()
        .filter(|group| group.len() >= SEVERAL || group.len() == sorted.len())
        .map(|group| group[0])
        .collect();
    if let [only] = repeated[..] {
        let value = base + only;
        let is_whole = value >= 1.0 && value.fract() == 0.0 && value < 9e15;
        return match is_whole {
            true => (1_u64 << (value as u64).trailing_zeros().min(21)) as f64,
            false => 0.0,
        };
    }
    let differences = || repeated.windows(2).map(|pair| pair[1] - pair[0]);
    if differences().all(|d| d.fract() == 0.0 && d < 9e15) {
        // Values that are rarely next to each other have no small difference, and a grain.
        return differences().fold(0, |divisor, d| common_divisor(divisor, d as u64)) as f64;
    }
    let smallest = differences().fold(f64::INFINITY, f64::min);
    if smallest.is_finite() { smallest } else { 0.0 }
}

/// The greatest common divisor (Euclid); that of 0 and a number is the number.
fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The noise from one reading to the next, at least half a grain.
fn noise_floor(track: &Track, quantum: f64) -> f64 {
    let changes: Vec<f64> = track.y.windows(2).map(|pair| pair[1] - pair[0]).collect();
    (robust_sigma(&changes) / std::f64::consts::SQRT_2).max(0.5 * quantum)
}

/// The readings that are not marked in `left_out`.
fn without(track: &Track, left_out: &[bool]) -> Track {
    let keep = |values: &[f64]| -> Vec<f64> {
        values
            .iter()
            .zip(left_out)
            .filter(|(_, left_out)| !**left_out)
            .map(|(value, _)| *value)
            .collect()
    };
    Track {
        x: keep(&track.x),
        y: keep(&track.y),
    }
}

/// Leaves out single wild readings.
fn without_bursts(track: Track, quantum: f64) -> Track {
    if track.len() < 12 {
        return track;
    }
    let wild = wild_values(&track.y, 4, 5.0, noise_floor(&track, quantum));
    let share = wild.iter().filter(|&&w| w).count() as f64 / track.len() as f64;
    if share > 0.25 {
        return track;
    }
    without(&track, &wild)
}

/// Leaves out bursts of several readings, once it is known that they are no teeth.
pub(crate) fn without_long_bursts(track: &Track, quantum: f64) -> Track {
    if track.len() < 60 {
        return track.clone();
    }
    let reach = (track.len() / 30).clamp(8, 30);
    let wild = wild_values(&track.y, reach, 6.0, noise_floor(track, quantum));
    // A run of wild readings that lasts is a level, not a burst.
    let lasting = wild
        .chunk_by(|a, b| a == b)
        .any(|run| run[0] && run.len() > reach);
    if lasting || wild.iter().filter(|&&w| w).count() * 5 > track.len() {
        return track.clone();
    }
    without(track, &wild)
}

/// At most about `count` points of `track`, group means of equal stretches where it has more.
/// No group reaches across one of `edges`.
pub(crate) fn coarse(track: &Track, count: usize, edges: &[f64]) -> Track {
    if track.len() <= count + count / 4 {
        return track.clone();
    }
    let mut result = Track::default();
    let mut start = 0;
    for edge in edges.iter().copied().chain([f64::INFINITY]) {
        let end = start + track.x[start..].partition_point(|&x| x < edge);
        let part = track.slice(start..end);
        let share = part.span() / track.span() * count as f64;
        let grouped = bins::by_time(&part.x, &part.y, share.ceil().max(1.0) as usize);
        result.x.extend(grouped.x);
        result.y.extend(grouped.y);
        start = end;
    }
    result
}

/// Leaves out the two readings at each of `steps`: a reading may have been taken half-way.
pub(crate) fn without_edges(track: &Track, steps: &[f64]) -> Track {
    if track.len() < 60 {
        return track.clone();
    }
    let mut left_out = vec![false; track.len()];
    for &step in steps {
        let after = track.x.partition_point(|&x| x < step);
        for index in [after.saturating_sub(1), after] {
            if let Some(place) = left_out.get_mut(index) {
                *place = true;
            }
        }
    }
    without(track, &left_out)
}
