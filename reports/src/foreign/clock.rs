//! The times of a file, in the order of its rows, as seconds from the first.

use super::number::number;
use super::quote;
use super::time::{DayOrder, Stamp, TimeUnit, run_together, stamp};

const DAY_S: f64 = 86_400.0;

/// Reads times of one form, whichever the first one has.
#[derive(Debug, Default)]
pub(super) struct Clock {
    unit: Option<TimeUnit>,
    order: DayOrder,
    /// Whether a date so far might as well have had day and month the other way round: the last
    /// one, and the first.
    open_order: Option<(String, String)>,
    /// Whether times are those since a start: `25:00` is 25 minutes.
    pub is_elapsed: bool,
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

    /// Takes the days between slashes as they rise: a month between two readings where the other
    /// order says a day is the other order.
    fn settle_order(&mut self, text: &str, seconds: f64) -> f64 {
        const MONTH_S: f64 = 27.0 * DAY_S;
        if self.order != DayOrder::MonthFirst || !text.contains('/') {
            return seconds;
        }
        let at = |text: &str, order| match stamp(text, order) {
            Some(Stamp::At(seconds)) => Some(seconds),
            _ => None,
        };
        let Some((first, last)) = &mut self.open_order else {
            if self.origin.is_none() {
                self.open_order = Some((text.to_owned(), text.to_owned()));
            }
            return seconds;
        };
        let before = at(last, DayOrder::MonthFirst).unwrap_or(seconds);
        if seconds - before > MONTH_S
            && let (Some(first), Some(last), Some(now)) = (
                at(first, DayOrder::DayFirst),
                at(last, DayOrder::DayFirst),
                at(text, DayOrder::DayFirst),
            )
            && (0.0..=2.0 * DAY_S).contains(&(now - last))
        {
            self.order = DayOrder::DayFirst;
            self.origin = Some(first);
            self.open_order = None;
            return now;
        }
        last.clear();
        last.push_str(text);
        seconds
    }

    /// Seconds from the first time that was read to this one; `None` if it is none, or none of
    /// the form of the first.
    pub fn seconds(&mut self, field: &[u8], comma_is_point: bool) -> Option<f64> {
        if let Form::Number(factor) = self.form {
            let raw = number(field, comma_is_point)?;
            return Some((raw - *self.origin.get_or_insert(raw)) * factor);
        }
        if self.form == Form::Unknown
            && !is_run_together(field)
            && let Some(first) = number(field, comma_is_point)
        {
            let unit = self.unit.unwrap_or_else(|| TimeUnit::of_size(first));
            self.form = Form::Number(unit.seconds());
            self.origin = Some(first);
            return Some(0.0);
        }
        let text = std::str::from_utf8(field).ok()?;
        let since_start = || match self.is_elapsed {
            true => elapsed(text),
            false => None,
        };
        let raw = match since_start().or_else(|| spelled_out(text)) {
            Some(seconds) => seconds,
            None => match stamp(text, self.order)? {
                Stamp::At(seconds) => self.settle_order(text, seconds),
                Stamp::OfDay(seconds) => self.of_day(seconds),
            },
        };
        self.form = Form::Text;
        Some(raw - *self.origin.get_or_insert(raw))
    }

    /// Whether times are numbers, as the first one was.
    pub fn is_of_numbers(&self) -> bool {
        matches!(self.form, Form::Number(_)) && self.origin.is_some()
    }

    /// As [`Clock::seconds`], of a number.
    pub fn seconds_of_number(&self, raw: f64) -> Option<f64> {
        match (self.form, self.origin) {
            (Form::Number(factor), Some(origin)) => Some((raw - origin) * factor),
            _ => None,
        }
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

/// Whether a field is a date and time of day without anything between: `20261121160738`.
fn is_run_together(field: &[u8]) -> bool {
    std::str::from_utf8(field).is_ok_and(|text| run_together(text.trim()).is_some())
}

/// Seconds since a start: `03:15`, `25:00`, `1:02:03`, `1-02:03:04`, as `ps` prints them.
pub(super) fn elapsed(text: &str) -> Option<f64> {
    let text = text.trim();
    let (days, text) = match text.split_once('-') {
        Some((days, rest)) => (days.parse::<u32>().ok()?, rest),
        None => (0, text),
    };
    let mut parts = text.split(':').rev();
    let seconds: f64 = parts.next()?.parse().ok()?;
    let minutes: u32 = parts.next()?.parse().ok()?;
    let hours: u32 = parts.next().map_or(Some(0), |text| text.parse().ok())?;
    let is_one = (0.0..60.0).contains(&seconds) && parts.next().is_none();
    let whole = f64::from(days) * DAY_S + f64::from(hours) * 3_600.0 + f64::from(minutes) * 60.0;
    is_one.then_some(whole + seconds)
}

/// Seconds since a start, units written behind each number: `15s`, `1h2m3s`, `250ms`.
pub(super) fn spelled_out(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    if rest.is_empty() || rest.len() > 32 {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let count: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = match rest[..end].trim() {
            "d" => DAY_S,
            "h" => 3_600.0,
            "m" | "min" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            _ => return None,
        };
        total += count * unit;
        rest = &rest[end..];
    }
    Some(total)
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
        let raw_s = time_s;
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
                // Where nobody wrote a time, it is told in seconds.
                let told = |field: &[u8], seconds: f64| match field {
                    [] => format!("{seconds:.3} s"),
                    _ => quote::shown(field),
                };
                self.first = Some((line, told(before, self.last_s), told(field, raw_s)));
            }
        } else if step == 0.0 {
            self.repeated += 1;
        } else {
            self.step_s = step;
        }
        self.last_s = time_s;
        time_s
    }

    /// As [`Setbacks::next`] for a time that is not before the one ahead of it; `None`, and
    /// nothing changes, where it is.
    pub fn forward(&mut self, time_s: f64) -> Option<f64> {
        let time_s = time_s + self.offset_s;
        let step = time_s - self.last_s;
        if self.rows == 0 || step < 0.0 || step.is_nan() {
            return None;
        }
        self.rows += 1;
        if step == 0.0 {
            self.repeated += 1;
        } else {
            self.step_s = step;
        }
        self.last_s = time_s;
        Some(time_s)
    }

    /// The usual step.
    pub fn step_s(&self) -> f64 {
        self.step_s
    }

    /// Rows whose time stands in the row before, as a share of all.
    pub fn repeated_share(&self) -> f64 {
        self.repeated as f64 / self.rows.max(1) as f64
    }

    /// Counts the rows of a series that goes on with this one.
    pub fn count_in(&mut self, next: &Setbacks) {
        self.rows += next.rows;
        self.repeated += next.repeated;
        self.last_s = next.last_s;
    }

    /// Line and both times of the first setback.
    pub fn first(&self) -> Option<(u64, &str, &str)> {
        let (line, before, after) = self.first.as_ref()?;
        Some((*line, before, after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(clock: &mut Clock, text: &str) -> Option<f64> {
        clock.seconds(text.as_bytes(), false)
    }

    #[test]
    fn times_since_a_start_are_read_as_ps_and_people_write_them() {
        for (text, seconds) in [
            ("03:15", Some(195.0)),
            ("25:00", Some(1_500.0)),
            ("1:02:03", Some(3_723.0)),
            ("1-02:03:04", Some(93_784.0)),
            ("25:61", None),
        ] {
            assert_eq!(elapsed(text), seconds, "{text}");
        }
        for (text, seconds) in [
            ("15s", Some(15.0)),
            ("1h2m3s", Some(3_723.0)),
            ("250ms", Some(0.25)),
            ("15", None),
            ("5x", None),
        ] {
            assert_eq!(spelled_out(text), seconds, "{text}");
        }
    }

    #[test]
    fn days_before_months_are_known_by_the_next_day() {
        let mut clock = Clock::default();
        assert_eq!(read(&mut clock, "05/11/2026 23:59:30"), Some(0.0));
        assert_eq!(read(&mut clock, "05/11/2026 23:59:45"), Some(15.0));
        assert_eq!(read(&mut clock, "06/11/2026 00:00:00"), Some(30.0));
        let mut clock = Clock::default();
        assert_eq!(read(&mut clock, "11/05/2026"), Some(0.0));
        assert_eq!(read(&mut clock, "11/06/2026"), Some(DAY_S));
    }

    #[test]
    fn a_time_of_digits_alone_is_no_number_of_seconds() {
        let mut clock = Clock::default();
        assert_eq!(read(&mut clock, "20261121235930"), Some(0.0));
        assert_eq!(read(&mut clock, "20261122000000"), Some(30.0));
    }
}
