//! Numbers for people.

/// Bytes with a binary unit and three significant digits: `0 B`, `604 B`, `1.50 KiB`.
pub fn bytes_text(bytes: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    // What rounds to nothing is nothing, and has no sign.
    let bytes = if bytes.abs() < 0.005 { 0.0 } else { bytes };
    let sign = if bytes < 0.0 { "-" } else { "" };
    let mut value = bytes.abs();
    let mut unit = 0;
    // Rounding to three digits must not give "1024 KiB".
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = match value {
        v if unit == 0 && v.fract() == 0.0 => 0,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{sign}{value:.digits$} {}", UNITS[unit])
}

/// A count with a space every three digits: `1 234 567`.
pub fn count_text(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1 sample`, `2 samples`.
pub fn plural(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count_text(count))
}

/// A number with three significant digits, and no sign where it rounds to nothing.
pub fn number_text(number: f64) -> String {
    let size = number.abs();
    if size < 0.0005 {
        return "0".to_owned();
    }
    let digits = match size {
        s if s < 9.995 => 3,
        s if s < 99.95 => 1,
        _ => 0,
    };
    format!("{number:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits_and_a_unit_that_fits() {
        for (bytes, text) in [
            (0.0, "0 B"),
            (604.0, "604 B"),
            (0.25, "0.25 B"),
            (1023.0, "1.00 KiB"),
            (1536.0, "1.50 KiB"),
            (1_048_576.0, "1.00 MiB"),
            (-2_147_483_648.0, "-2.00 GiB"),
            (1_048_575.0, "1.00 MiB"),
        ] {
            assert_eq!(bytes_text(bytes), text);
        }
    }

    #[test]
    fn counts_are_grouped_and_nouns_agree() {
        assert_eq!(count_text(1_234_567), "1 234 567");
        assert_eq!(count_text(999), "999");
        assert_eq!(plural(1, "sample"), "1 sample");
        assert_eq!(plural(1000, "sample"), "1 000 samples");
    }

    #[test]
    fn numbers_have_three_digits_and_nothing_has_no_sign() {
        for (number, text) in [
            (-0.000_01, "0"),
            (0.749, "0.749"),
            (12.34, "12.3"),
            (35_998.7, "35999"),
        ] {
            assert_eq!(number_text(number), text);
        }
    }
}
