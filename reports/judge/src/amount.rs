//! Quantities as people write and read them: bytes, counts, rates and lengths of time.
//!
//! There is one grammar for what is read and one form for what is written, for every flag, file,
//! terminal, picture and page. `kB` is 10³ bytes and `KiB` is 2¹⁰; case does not matter, and
//! digits may be parted by `_`.

use crate::series::Unit;
use std::time::Duration;

/// Why an amount cannot be read; the message says how to write it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not a size in bytes.
    #[error("`{0}` is not a size; write 64MiB, 2GB, 500k or plain bytes")]
    Size(String),
    /// Not a rate of operations.
    #[error("`{0}` is not a rate above 0; write 25, 25/s, 600/min or 1k/s")]
    Rate(String),
    /// Not a length of time.
    #[error("`{0}` is not a duration; write 500ms, 20s, 5m, 8h or 1h 30m")]
    Duration(String),
}

/// Units of bytes, in lower case.
const BYTE_UNITS: [(&[&str], f64); 11] = [
    (&["", "b", "byte", "bytes"], 1.0),
    (&["k", "kb"], 1e3),
    (&["m", "mb"], 1e6),
    (&["g", "gb"], 1e9),
    (&["t", "tb"], 1e12),
    (&["p", "pb"], 1e15),
    (&["ki", "kib"], 1024.0),
    (&["mi", "mib"], 1_048_576.0),
    (&["gi", "gib"], 1_073_741_824.0),
    (&["ti", "tib"], 1_099_511_627_776.0),
    (&["pi", "pib"], 1_125_899_906_842_624.0),
];

/// Units of time in seconds, in lower case.
const TIME_UNITS: [(&[&str], f64); 8] = [
    (&["ns", "nsec"], 1e-9),
    (&["us", "µs", "usec"], 1e-6),
    (&["ms", "msec", "millis"], 1e-3),
    (&["s", "sec", "secs", "second", "seconds"], 1.0),
    (&["m", "min", "mins", "minute", "minutes"], 60.0),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600.0),
    (&["d", "day", "days"], 86_400.0),
    (&["w", "week", "weeks"], 604_800.0),
];

/// The number in front of `text`, and what follows it; digits may be parted by `_`.
pub(crate) fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let number: f64 = number.replace('_', "").parse().ok()?;
    number.is_finite().then_some((number, rest.trim()))
}

fn factor(units: &[(&[&str], f64)], name: &str) -> Option<f64> {
    let name = name.to_lowercase();
    let (_, factor) = units
        .iter()
        .find(|(names, _)| names.contains(&name.as_str()))?;
    Some(*factor)
}

/// Bytes of an amount as people write it (`64KiB`, `2G`, `16kib`, `1_000`, `1.5TiB`); `None` if
/// it is none.
pub fn parse_amount(text: &str) -> Option<f64> {
    let (number, unit) = split_number(text)?;
    Some(number * factor(&BYTE_UNITS, unit)?)
}

/// Whole bytes, as [`parse_amount`] reads them.
///
/// # Errors
///
/// [`AmountError::Size`] if `text` is no amount of bytes or more than fits 64 bits.
pub fn parse_size(text: &str) -> Result<u64, AmountError> {
    // Plain bytes are exact beyond what a float holds.
    if let Ok(bytes) = text.trim().parse() {
        return Ok(bytes);
    }
    parse_amount(text)
        .filter(|bytes| *bytes < u64::MAX as f64)
        .map(|bytes| bytes.round() as u64)
        .ok_or_else(|| AmountError::Size(text.to_owned()))
}

/// Operations per second of `25`, `25/s`, `600/min`, `90k/h` or `1k/s`.
///
/// # Errors
///
/// [`AmountError::Rate`] if `text` is none or not above zero.
pub fn parse_rate(text: &str) -> Result<f64, AmountError> {
    let (count, per_s) = match text.split_once('/') {
        Some((count, unit)) => (count, factor(&TIME_UNITS, unit.trim())),
        None => (text, Some(1.0)),
    };
    let bytes_only = |unit: &str| unit.to_lowercase().contains('b');
    split_number(count)
        .filter(|(_, unit)| !bytes_only(unit))
        .and_then(|(number, unit)| Some(number * factor(&BYTE_UNITS, unit)? / per_s?))
        .filter(|rate| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| AmountError::Rate(text.to_owned()))
}

/// A length of time: `500ms`, `20s`, `1.5h`, `1h 30m`, `2d`. A number without a unit is refused,
/// but for `0`.
///
/// # Errors
///
/// [`AmountError::Duration`] if `text` is none.
pub fn parse_duration(text: &str) -> Result<Duration, AmountError> {
    let error = || AmountError::Duration(text.to_owned());
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(error());
    }
    while !rest.is_empty() {
        let (number, tail) = split_number(rest).ok_or_else(error)?;
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.' || c.is_whitespace())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        seconds += number * factor(&TIME_UNITS, unit).ok_or_else(error)?;
        rest = tail.trim_start();
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| error())
}

/// Bytes with a binary unit and three significant digits: `0 B`, `604 B`, `1,023 B`,
/// `1.50 KiB`, `-2.00 GiB`.
pub fn bytes_text(bytes: f64) -> String {
    bytes_with(bytes, 3)
}

/// As [`bytes_text`], with that many significant digits.
fn bytes_with(bytes: f64, significant: usize) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    // What rounds to nothing is nothing, and has no sign.
    let bytes = if bytes.abs() < 0.005 { 0.0 } else { bytes };
    let mut value = bytes.abs();
    let mut unit = 0;
    // Rounding must not give "1024 KiB".
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = if unit == 0 && value.fract() == 0.0 {
        grouped(value)
    } else {
        significant_digits(value, significant)
    };
    let sign = if bytes < 0.0 { "-" } else { "" };
    format!("{sign}{digits} {}", UNITS[unit])
}

/// A number of at least zero with so many significant digits; all whole ones are kept.
fn significant_digits(value: f64, significant: usize) -> String {
    let whole = match value {
        v if v >= 99.95 => 3,
        v if v >= 9.995 => 2,
        _ => 1,
    };
    match significant.saturating_sub(whole) {
        0 => grouped(value),
        decimals => format!("{value:.decimals$}"),
    }
}

/// A whole number of at least zero with a comma every three digits.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with a comma every three digits: `1,234,567`.
pub fn count_text(count: u64) -> String {
    grouped(count as f64)
}

/// `1 sample`, `2 samples`, `2 families`.
pub fn plural(count: u64, noun: &str) -> String {
    let number = count_text(count);
    match (count, noun.strip_suffix('y')) {
        (1, _) => format!("{number} {noun}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

/// A number with three significant digits and none that are zero behind the point, its thousands
/// parted, and no sign where it rounds to nothing.
pub fn number_text(number: f64) -> String {
    let size = number.abs();
    if size < 0.0005 {
        return "0".to_owned();
    }
    let digits = match size {
        s if s.fract() == 0.0 || s >= 999.5 => grouped(s),
        s => {
            let text = match s < 0.9995 {
                true => format!("{s:.3}"),
                false => significant_digits(s, 3),
            };
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            }
        }
    };
    format!("{}{digits}", if number < 0.0 { "-" } else { "" })
}

/// An amount in its unit: [`bytes_text`] or [`number_text`].
pub fn amount_text(amount: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => bytes_text(amount),
        Unit::Count => number_text(amount),
        Unit::Percent => format!("{} %", number_text(amount)),
    }
}

/// As [`amount_text`], with a plus before growth.
pub fn signed_amount_text(amount: f64, unit: Unit) -> String {
    let text = amount_text(amount, unit);
    match amount > 0.0 && !text.starts_with("0 ") && text != "0" {
        true => format!("+{text}"),
        false => text,
    }
}

/// The ends of an interval, with as many digits as it takes to tell them apart, seven at most.
pub fn interval_text(low: f64, high: f64, unit: Unit) -> (String, String) {
    let words = |value: f64, significant| match unit {
        Unit::Bytes => bytes_with(value, significant),
        Unit::Count => number_text(value),
        Unit::Percent => format!("{} %", number_text(value)),
    };
    (3..7)
        .map(|significant| (words(low, significant), words(high, significant)))
        .find(|(low, high)| low != high)
        .unwrap_or_else(|| (words(low, 7), words(high, 7)))
}

/// A length of time: `250 ms`, `20 s`, `2.5 s`, `2 min 5 s`, `14 h 3 min`, `3 d 2 h`.
pub fn duration_text(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "unknown".to_owned();
    }
    if seconds < 0.0 {
        return format!("-{}", duration_text(-seconds));
    }
    if seconds == 0.0 {
        return "0 s".to_owned();
    }
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 59.95 {
        let text = format!("{seconds:.1}");
        return format!("{} s", text.strip_suffix(".0").unwrap_or(&text));
    }
    let whole = seconds.round() as u64;
    let (large, small, words) = match whole {
        0..3_600 => (whole / 60, whole % 60, ["min", "s"]),
        3_600..86_400 => (whole / 3_600, whole % 3_600 / 60, ["h", "min"]),
        _ => (whole / 86_400, whole % 86_400 / 3_600, ["d", "h"]),
    };
    let large = count_text(large);
    match small {
        0 => format!("{large} {}", words[0]),
        _ => format!("{large} {} {small} {}", words[0], words[1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("1_000", 1_000),
            ("2G", 2_000_000_000),
            ("64k", 64_000),
            ("64kB", 64_000),
            ("16kib", 16_384),
            ("64 KiB", 65_536),
            ("512Mi", 536_870_912),
            ("1.5MiB", 1_572_864),
            ("2TiB", 2_199_023_255_552),
            ("3tb", 3_000_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in [
            "",
            "KiB",
            "-1",
            "1..2",
            "4 apples",
            "1e400",
            "99999999PB",
            "5%",
        ] {
            assert_eq!(parse_size(text), Err(AmountError::Size(text.to_owned())));
        }
    }

    #[test]
    fn rates_are_per_second_unless_they_say_otherwise() {
        for (text, per_s) in [
            ("25", 25.0),
            ("0.5/s", 0.5),
            ("600/min", 10.0),
            ("1k/s", 1e3),
        ] {
            assert_eq!(parse_rate(text), Ok(per_s), "{text}");
        }
        for text in ["", "0", "-3", "5/fortnight", "5MB/s", "fast", "inf"] {
            assert_eq!(parse_rate(text), Err(AmountError::Rate(text.to_owned())));
        }
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in [
            ("0", 0),
            ("500ms", 500),
            ("20s", 20_000),
            ("1.5h", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1h30min", 5_400_000),
            ("2 days", 172_800_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(ms)),
                "{text}"
            );
        }
        for text in ["", "20", "-5s", "soon", "5 parsecs", "1h 30", "1e300d"] {
            assert_eq!(
                parse_duration(text),
                Err(AmountError::Duration(text.to_owned()))
            );
        }
    }

    #[test]
    fn bytes_have_three_digits_and_a_unit_that_fits() {
        for (bytes, text) in [
            (0.0, "0 B"),
            (-0.001, "0 B"),
            (604.0, "604 B"),
            (0.25, "0.25 B"),
            (16.25, "16.2 B"),
            (1023.0, "1,023 B"),
            (1023.7, "1.00 KiB"),
            (1536.0, "1.50 KiB"),
            (1_048_576.0, "1.00 MiB"),
            (-2_147_483_648.0, "-2.00 GiB"),
            (1_048_575.0, "1.00 MiB"),
            (1_024_000.0, "1,000 KiB"),
        ] {
            assert_eq!(bytes_text(bytes), text);
        }
        assert_eq!(signed_amount_text(1024.0, Unit::Bytes), "+1.00 KiB");
        assert_eq!(signed_amount_text(0.001, Unit::Bytes), "0 B");
        assert_eq!(signed_amount_text(-3.0, Unit::Count), "-3");
        assert_eq!(signed_amount_text(1.2, Unit::Percent), "+1.2 %");
        let ends = interval_text(131_060.0, 131_084.0, Unit::Bytes);
        assert_eq!(ends, ("127.99 KiB".to_owned(), "128.01 KiB".to_owned()));
    }

    #[test]
    fn counts_are_grouped_and_nouns_agree() {
        assert_eq!(count_text(1_234_567), "1,234,567");
        assert_eq!(count_text(999), "999");
        assert_eq!(plural(1, "sample"), "1 sample");
        assert_eq!(plural(1000, "sample"), "1,000 samples");
        assert_eq!(plural(2, "family"), "2 families");
        assert_eq!(plural(2, "day"), "2 days");
    }

    #[test]
    fn numbers_have_three_digits_and_nothing_has_no_sign() {
        for (number, text) in [
            (-0.000_01, "0"),
            (0.749, "0.749"),
            (-12.34, "-12.3"),
            (4.0, "4"),
            (0.75, "0.75"),
            (2.345, "2.35"),
            (2.5, "2.5"),
            (490.3, "490"),
            (-99.96, "-100"),
            (35_998.7, "35,999"),
        ] {
            assert_eq!(number_text(number), text);
        }
    }

    #[test]
    fn durations_use_two_units_at_most() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.25, "250 ms"),
            (20.0, "20 s"),
            (2.5, "2.5 s"),
            (60.0, "1 min"),
            (125.0, "2 min 5 s"),
            (50_580.0, "14 h 3 min"),
            (266_400.0, "3 d 2 h"),
        ] {
            assert_eq!(duration_text(seconds), text);
        }
    }
}
