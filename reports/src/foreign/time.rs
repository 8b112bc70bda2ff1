//! Times as tables write them: seconds, other units, Unix stamps, dates.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Unit of numeric times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
}

impl TimeUnit {
    /// Seconds in one.
    pub fn seconds(self) -> f64 {
        match self {
            Self::Nanoseconds => 1e-9,
            Self::Microseconds => 1e-6,
            Self::Milliseconds => 1e-3,
            Self::Seconds => 1.0,
            Self::Minutes => 60.0,
            Self::Hours => 3_600.0,
            Self::Days => 86_400.0,
        }
    }

    /// The unit that the name of a column is or ends in: `ms`, `elapsed_ms`, `time (min)`.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let name = name
            .trim()
            .trim_end_matches([')', ']'])
            .to_ascii_lowercase();
        let last = name.rsplit([' ', '_', '(', '[', '-', '.']).next()?;
        // A single letter is a name like any other.
        if last == name && name.len() < 2 {
            return None;
        }
        last.parse().ok()
    }

    /// The unit of Unix stamps of this size; smaller numbers are seconds.
    pub(super) fn of_size(first: f64) -> Self {
        match first.abs() {
            size if size >= 1e17 => Self::Nanoseconds,
            size if size >= 1e14 => Self::Microseconds,
            size if size >= 1e11 => Self::Milliseconds,
            _ => Self::Seconds,
        }
    }
}

impl std::str::FromStr for TimeUnit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "ns" | "nanoseconds" => Self::Nanoseconds,
            "us" | "µs" | "microseconds" => Self::Microseconds,
            "ms" | "msec" | "millis" | "milliseconds" => Self::Milliseconds,
            "s" | "sec" | "secs" | "seconds" => Self::Seconds,
            "min" | "mins" | "minutes" => Self::Minutes,
            "h" | "hours" => Self::Hours,
            "d" | "days" => Self::Days,
            _ => {
                return Err(format!(
                    "`{text}` is no unit of time; known are ns, us, ms, s, min, h and d"
                ));
            }
        })
    }
}

/// Seconds since 1970 of a date and time: RFC 3339, or the same with a space and without a
/// zone, which is then UTC.
pub(super) fn date_seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let timestamp = text.parse::<Timestamp>().ok().or_else(|| {
        let plain: DateTime = text.parse().ok()?;
        Some(plain.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })?;
    // Whole seconds and their parts apart: a stamp in f64 has a grain of a quarter microsecond.
    Some(timestamp.as_second() as f64 + f64::from(timestamp.subsec_nanosecond()) * 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_with_and_without_zone() {
        // date -u -d 2026-11-21T04:00:00Z +%s == 1795233600
        for text in [
            "2026-11-21T04:00:00Z",
            "2026-11-21T05:00:00+01:00",
            "2026-11-21 04:00:00",
        ] {
            assert_eq!(date_seconds(text), Some(1_795_233_600.0), "{text}");
        }
        assert_eq!(date_seconds("yesterday"), None);
    }

    #[test]
    fn names_and_sizes_tell_the_unit() {
        assert_eq!(
            TimeUnit::of_name("elapsed_ms"),
            Some(TimeUnit::Milliseconds)
        );
        assert_eq!(TimeUnit::of_name("time (min)"), Some(TimeUnit::Minutes));
        assert_eq!(TimeUnit::of_name("timestamp"), None);
        assert_eq!(TimeUnit::of_name("s"), None);
        assert_eq!(
            TimeUnit::of_size(1_795_233_600_000.0),
            TimeUnit::Milliseconds
        );
        assert_eq!(TimeUnit::of_size(1_795_233_600.0), TimeUnit::Seconds);
        assert_eq!(TimeUnit::of_size(0.0), TimeUnit::Seconds);
    }
}
