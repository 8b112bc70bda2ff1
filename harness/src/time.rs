//! Wall-clock times and durations as text.

use std::time::{Duration, SystemTime};

/// The wall-clock time, RFC 3339 in UTC, to the second.
pub fn now_utc() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// How long ago a time was that [`now_utc`] wrote; `None` if it is none, or in the future.
pub fn since_utc(text: &str) -> Option<Duration> {
    let then = humantime::parse_rfc3339(text).ok()?;
    SystemTime::now().duration_since(then).ok()
}

/// Reads `20s`, `1h 30m`, `500ms`; the error names the forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    leaklab_judge::amount::parse_duration(text).map_err(|error| error.to_string())
}

/// Milliseconds from a file as a duration; what is negative, not a number or longer than
/// clocks count becomes the nearest that is.
pub fn ms_duration(ms: f64) -> Duration {
    let seconds = ms.max(0.0) / 1e3;
    Duration::try_from_secs_f64(seconds).unwrap_or(match seconds.is_nan() {
        true => Duration::ZERO,
        false => Duration::MAX,
    })
}

/// A duration for people: `250 ms`, `12.3 s`, `4 min 5 s`, `8 h`.
pub fn duration_text(duration: Duration) -> String {
    leaklab_judge::amount::duration_text(duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_no_clock_shows_are_the_nearest_that_is() {
        for (ms, expected) in [
            (1500.0, Duration::from_millis(1500)),
            (-1.0, Duration::ZERO),
            (f64::NAN, Duration::ZERO),
            (1e300, Duration::MAX),
        ] {
            assert_eq!(ms_duration(ms), expected, "{ms}");
        }
    }
}
