//! Numbers as people read them: bytes in KiB and MiB, times, counts, shell words.

/// Bytes with a binary unit and three significant digits: `1.00 MiB`, `-64.0 KiB`, `17 B`.
pub(super) fn bytes(value: f64) -> String {
    bytes_with(value, 3)
}

/// As [`bytes`], with that many significant digits.
fn bytes_with(value: f64, significant: usize) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut scaled = value.abs();
    let mut unit = 0;
    // 1023.5 and more would print as 1024 of the smaller unit.
    while scaled >= 1023.5 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let sign = if value < 0.0 && scaled >= 0.005 {
        "-"
    } else {
        ""
    };
    let digits = if unit == 0 && scaled.fract() == 0.0 {
        format!("{scaled:.0}")
    } else {
        digits(scaled, significant)
    };
    format!("{sign}{digits} {}", UNITS[unit])
}

/// As [`bytes`], with a plus before growth.
pub(super) fn signed_bytes(value: f64) -> String {
    let plus = if value > 0.0 { "+" } else { "" };
    format!("{plus}{}", bytes(value))
}

/// The ends of an interval, with as many digits as it takes to tell them apart, seven at most.
pub(super) fn interval(low: f64, high: f64, signed: bool) -> (String, String) {
    let words = |value: f64, significant| {
        let plus = if signed && value > 0.0 { "+" } else { "" };
        format!("{plus}{}", bytes_with(value, significant))
    };
    (3..7)
        .map(|significant| (words(low, significant), words(high, significant)))
        .find(|(low, high)| low != high)
        .unwrap_or_else(|| (words(low, 7), words(high, 7)))
}

/// A number of at least zero with so many significant digits; all whole ones are kept.
fn digits(value: f64, significant: usize) -> String {
    let whole = match value {
        v if v >= 99.95 => 3,
        v if v >= 9.995 => 2,
        _ => 1,
    };
    format!("{value:.*}", significant.saturating_sub(whole))
}

/// As [`number`], with a plus before growth.
pub(super) fn signed_number(value: f64) -> String {
    let plus = if value > 0.0 { "+" } else { "" };
    format!("{plus}{}", number(value))
}

/// A number as a person writes it: thousands parted, at most three digits behind small ones.
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 999.5 {
        return count(value);
    }
    let text = if value.abs() >= 0.01 {
        digits(value.abs(), 3)
    } else {
        format!("{:.2e}", value.abs())
    };
    format!("{}{text}", if value < 0.0 { "-" } else { "" })
}

/// A whole number with its thousands parted: `1,234,567`.
pub(super) fn count(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    if value < 0.0 && digits != "0" {
        text.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A length of time: `250 ms`, `20 s`, `2 min 5 s`, `14 h 3 min`, `3 d 2 h`.
pub(super) fn seconds(value: f64) -> String {
    if !value.is_finite() {
        return "unknown".to_owned();
    }
    if value < 0.0 {
        return format!("-{}", seconds(-value));
    }
    if value == 0.0 {
        return "0 s".to_owned();
    }
    if value < 0.9995 {
        return format!("{:.0} ms", value * 1000.0);
    }
    if value < 59.95 {
        let text = format!("{value:.1}");
        return format!("{} s", text.strip_suffix(".0").unwrap_or(&text));
    }
    let whole = value.round() as u64;
    let (large, small, words) = match whole {
        0..3_600 => (whole / 60, whole % 60, ["min", "s"]),
        3_600..86_400 => (whole / 3_600, whole % 3_600 / 60, ["h", "min"]),
        _ => (whole / 86_400, whole % 86_400 / 3_600, ["d", "h"]),
    };
    match small {
        0 => format!("{large} {}", words[0]),
        _ => format!("{large} {} {small} {}", words[0], words[1]),
    }
}

/// `1 variant`, `7 variants`.
pub(super) fn plural(amount: usize, one: &str, many: &str) -> String {
    let word = if amount == 1 { one } else { many };
    format!("{} {word}", count(amount as f64))
}

/// A command line that a POSIX shell reads back as the same words.
pub(super) fn shell_line(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,#".contains(c);
    words
        .iter()
        .map(|word| {
            if !word.is_empty() && !word.starts_with('#') && word.chars().all(plain) {
                word.clone()
            } else {
                format!("'{}'", word.replace('\'', r"'\''"))
            }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_carry_their_unit_and_three_digits() {
        for (value, text) in [
            (0.0, "0 B"),
            (17.0, "17 B"),
            (16.25, "16.2 B"),
            (1023.0, "1023 B"),
            (1024.0, "1.00 KiB"),
            (1_048_576.0, "1.00 MiB"),
            (1_048_575.0, "1.00 MiB"),
            (-65_536.0, "-64.0 KiB"),
            (1.5 * 1024.0 * 1024.0 * 1024.0, "1.50 GiB"),
            (-0.001, "0.00 B"),
        ] {
            assert_eq!(bytes(value), text);
        }
        assert_eq!(signed_bytes(1024.0), "+1.00 KiB");
        assert_eq!(signed_bytes(-1024.0), "-1.00 KiB");
        let ends = interval(131_060.0, 131_084.0, true);
        assert_eq!(ends, ("+127.99 KiB".to_owned(), "+128.01 KiB".to_owned()));
    }

    #[test]
    fn counts_part_their_thousands() {
        for (value, text) in [
            (0.0, "0"),
            (999.0, "999"),
            (1000.0, "1,000"),
            (-1234567.0, "-1,234,567"),
        ] {
            assert_eq!(count(value), text);
        }
        assert_eq!(number(0.25), "0.25");
        assert_eq!(number(12_345.6), "12,346");
        assert_eq!(plural(1, "cell", "cells"), "1 cell");
        assert_eq!(plural(10_000, "cell", "cells"), "10,000 cells");
    }

    #[test]
    fn times_use_two_units_at_most() {
        for (value, text) in [
            (0.25, "250 ms"),
            (20.0, "20 s"),
            (2.5, "2.5 s"),
            (60.0, "1 min"),
            (125.0, "2 min 5 s"),
            (50_580.0, "14 h 3 min"),
            (266_400.0, "3 d 2 h"),
        ] {
            assert_eq!(seconds(value), text);
        }
    }

    #[test]
    fn a_command_is_quoted_for_the_shell() {
        let words = ["leaklab", "run", "a b", "it's", "", "x;y"].map(str::to_owned);
        assert_eq!(shell_line(&words), r"leaklab run 'a b' 'it'\''s' '' 'x;y'");
    }
}
