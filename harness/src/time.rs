//! Wall-clock times and durations as text.

use std::time::{Duration, SystemTime};

/// The wall-clock time, RFC 3339 in UTC, to the second.
pub fn now_utc() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Reads `20s`, `1h 30m`, `500ms`; the error names the forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    leaklab_judge::amount::parse_duration(text).map_err(|error| error.to_string())
}

/// A duration for people: `250 ms`, `12.3 s`, `4 min 5 s`, `8 h`.
pub fn duration_text(duration: Duration) -> String {
    leaklab_judge::amount::duration_text(duration.as_secs_f64())
}
