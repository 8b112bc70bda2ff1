//! The times of a file, in the order of its rows, as seconds from the first.

use super::number::number;
use super::quote;
use super::time::{DayOrder, Stamp, TimeUnit, stamp};

const DAY_S: f64 = 86_400.0;

/// Reads times of one form, whichever the first one has.
#[derive(Debug, Default)]
pub(super) struct Clock {
    unit: Option<TimeUnit>,
    order: DayOrder,
    form: Form,
    /// The first time, in its own unit: taken off before anything is rounded.
    origin: Option<f64>,
    /// Midnights passed by times of day.
    days: f64,
    last_of_day_s: f64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Form {
    #[default]
    Unknown,
    /// Numbers; seconds in one.
    Number(f64),
    Text,
}

impl Clock {
    pub fn new(unit: Option<TimeUnit>, order: DayOrder) -> Self {
        Self {
            unit,
            order,
            ..Self::default()
        }
    }

    /// Seconds from the first time that was read to this one; `None` if it is none, or none of
    /// the form of the first.
    pub fn seconds(&mut self, field: &[u8], comma_is_point: bool) -> Option<f64> {
        if let Form::Number(factor) = self.form {
            let raw = number(field, comma_is_point)?;
            return Some((raw - *self.origin.get_or_insert(raw)) * factor);
        }
        if self.form == Form::Unknown
            && let Some(first) = number(field, comma_is_point)
        {
            let unit = self.unit.unwrap_or_else(|| TimeUnit::of_size(first));
            self.form = Form::Number(unit.seconds());
            self.origin = Some(first);
            return Some(0.0);
        }
        let text = std::str::from_utf8(field).ok()?;
        let raw = match stamp(text, self.order)? {
            Stamp::At(seconds) => seconds,
            Stamp::OfDay(seconds) => self.of_day(seconds),
        };
        self.form = Form::Text;
        Some(raw - *self.origin.get_or_insert(raw))
    }

    /// A time of day, midnights counted: one that falls by more than half a day is of the next.
    fn of_day(&mut self, seconds: f64) -> f64 {
        if self.last_of_day_s - seconds > DAY_S / 2.0 {
            self.days += 1.0;
        }
        self.last_of_day_s = seconds;
        self.days * DAY_S + seconds
    }
}

/// The order of day and month in dates between slashes, by the first that can be only one.
pub(super) fn day_order<'a>(mut fields: impl Iterator<Item = &'a str>) -> DayOrder {
    let is_day_first = fields.any(|field| {
        let date = field.split_whitespace().next().unwrap_or("");
        let mut numbers = date.split('/').map(|part| part.parse::<u32>().ok());
        matches!(
            (numbers.next(), numbers.next()),
            (Some(Some(13..=31)), Some(Some(1..=12)))
        )
    });
    match is_day_first {
        true => DayOrder::DayFirst,
        false => DayOrder::MonthFirst,
    }
}

/// Time that goes back: a clock that was set, or several series.
#[derive(Debug, Clone, Default)]
pub(super) struct Setbacks {
    /// What to add to the times that follow.
    offset_s: f64,
    last_s: f64,
    /// The usual step, which stands in for the one that is not known.
    step_s: f64,
    /// Times, offsets counted, at which the clock was set back.
    pub at_s: Vec<f64>,
    /// What each setback added to the times behind it.
    pub offsets_s: Vec<f64>,
    /// Lines of the setbacks.
    pub lines: Vec<u64>,
    /// Rows with the time of the row before.
    pub repeated: usize,
    rows: usize,
    first: Option<(u64, String, String)>,
}

impl Setbacks {
    /// The time of the next row, never before the one ahead of it.
    pub fn next(&mut self, time_s: f64, line: u64, field: &[u8], before: &[u8]) -> f64 {
        self.rows += 1;
        let mut time_s = time_s + self.offset_s;
        if self.rows == 1 {
            self.last_s = time_s;
            return time_s;
        }
        let step = time_s - self.last_s;
        if step < 0.0 {
            let due = self.last_s + self.step_s.max(f64::MIN_POSITIVE);
            self.offset_s += due - time_s;
            self.at_s.push(due);
            self.offsets_s.push(due - time_s);
            self.lines.push(line);
            time_s = due;
            if self.first.is_none() {
                self.first = Some((line, quote::shown(before), quote::shown(field)));
            }
        } else if step == 0.0 {
            self.repeated += 1;
        } else {
            self.step_s = step;
        }
        self.last_s = time_s;
        time_s
    }

    /// Rows whose time stands in the row before, as a share of all.
    pub fn repeated_share(&self) -> f64 {
        self.repeated as f64 / self.rows.max(1) as f64
    }

    /// Line and both times of the first setback.
    pub fn first(&self) -> Option<(u64, &str, &str)> {
        let (line, before, after) = self.first.as_ref()?;
        Some((*line, before, after))
    }
}
