//! Wall-clock times and durations as text.

use std::time::{Duration, SystemTime};

/// The wall-clock time, RFC 3339 in UTC, to the second.
pub fn now_utc() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Reads `20s`, `1h 30m`, `500ms`; the error names the forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is not a duration; write 500ms, 20s, 5m, 8h or 1h 30m"))
}

/// A duration for people: `0.4 s`, `12.3 s`, `4m 05s`, `8h 00m`.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_the_unit_that_fits() {
        for (ms, text) in [
            (400, "0.4 s"),
            (12_300, "12.3 s"),
            (245_000, "4m 05s"),
            (28_800_000, "8h 00m"),
        ] {
            assert_eq!(duration_text(Duration::from_millis(ms)), text);
        }
    }
}
