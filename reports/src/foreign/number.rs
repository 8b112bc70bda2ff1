//! Numbers and amounts as files write them.

use super::unit::ValueUnit;

/// Bytes of an amount or a plain number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Amount {
    pub number: f64,
    /// The unit that stands behind the number.
    pub unit: Option<ValueUnit>,
}

/// A plain number, quickly; NaN for everything else.
pub(super) fn plain(field: &[u8]) -> f64 {
    leaklab_run::decimal(field)
}

/// A number; where `comma_is_point`, its decimals may follow a comma. Commas between groups of
/// three digits are left out.
pub(super) fn number(field: &[u8], comma_is_point: bool) -> Option<f64> {
    let field = field.trim_ascii();
    let quick = plain(field);
    if !quick.is_nan() {
        return Some(quick);
    }
    let text = std::str::from_utf8(field).ok()?;
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    if comma_is_point && text.matches(',').count() == 1 {
        let whole = text.split(',').next().unwrap_or("");
        let plain = match is_grouped(whole, '.') {
            true => text.replace('.', ""),
            false => text.to_owned(),
        };
        return plain.replacen(',', ".", 1).parse().ok();
    }
    if let Some(plain) = without_group_marks(text) {
        return plain.parse().ok();
    }
    without_group_commas(text)?.parse().ok()
}

/// Whether digits stand in groups of three, at least two groups, with a mark between them.
fn is_grouped(text: &str, mark: char) -> bool {
    let mut groups = text.trim_start_matches(['-', '+']).split(mark);
    let is_digits = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let first = groups.next().unwrap_or("");
    let mut others = groups.peekable();
    (1..=3).contains(&first.len())
        && is_digits(first)
        && others.peek().is_some()
        && others.all(|group| group.len() == 3 && is_digits(group))
}

/// `119.805.164`, `119 805 164` and `119'805'164` without their marks. One point alone is that
/// of a fraction.
fn without_group_marks(text: &str) -> Option<String> {
    let is_points = text.matches('.').count() > 1 && is_grouped(text, '.');
    let is_other = || {
        [' ', '\'', '\u{a0}', '\u{202f}', '\u{2019}']
            .into_iter()
            .find(|mark| is_grouped(text, *mark))
    };
    let mark = if is_points { '.' } else { is_other()? };
    Some(text.replace(mark, ""))
}

/// The least difference that the text of a number can show: `0.01` of `2.25`; `None` for what
/// is no plain number. `comma_is_point` as in [`number`].
pub(super) fn resolution(field: &[u8], comma_is_point: bool) -> Option<f64> {
    let field = field.trim_ascii();
    let end = field
        .iter()
        .position(|b| !(b.is_ascii_digit() || matches!(b, b'.' | b',' | b'-' | b'+')))
        .unwrap_or(field.len());
    let digits = &field[..end];
    if digits.is_empty() || matches!(field.get(end), Some(b'e' | b'E')) {
        return None;
    }
    let point = digits
        .iter()
        .rposition(|b| *b == b'.' || comma_is_point && *b == b',');
    let decimals = point.map_or(0, |at| digits.len() - at - 1);
    Some(10_f64.powi(-(decimals.min(300) as i32)))
}

/// `119,805,164` as `119805164`; `None` where the commas do not stand every three digits.
fn without_group_commas(text: &str) -> Option<String> {
    let (whole, rest) = match text.find('.') {
        Some(point) => text.split_at(point),
        None => (text, ""),
    };
    let mut groups = whole.trim_start_matches(['-', '+']).split(',');
    let first = groups.next()?;
    let is_first = (1..=3).contains(&first.len());
    let mut others = 0;
    for group in groups {
        others += 1;
        if group.len() != 3 || !group.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
    }
    (is_first && others > 0).then(|| format!("{}{rest}", whole.replace(',', "")))
}

/// A number with its unit behind it: `114.6MiB`, `114.6 MiB / 7.6 GiB` (the first of the two),
/// `3224 kB`, `1.47%`, `1.2g`.
pub(super) fn amount(field: &[u8], comma_is_point: bool) -> Option<Amount> {
    let field = field.trim_ascii();
    if let Some(number) = number(field, comma_is_point) {
        return Some(Amount { number, unit: None });
    }
    let text = std::str::from_utf8(field).ok()?;
    let text = text.split(" / ").next()?.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+')))
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Some(Amount {
        number: number(digits.as_bytes(), comma_is_point)?,
        unit: Some(ValueUnit::of_field(unit.trim())?),
    })
}

/// Whether the field says that no reading was taken.
pub(super) fn is_missing(field: &[u8]) -> bool {
    let field = field.trim_ascii();
    match field.len() {
        0 => true,
        1 => field == b"-",
        2..=9 => [
            &b"nan"[..],
            b"na",
            b"n/a",
            b"null",
            b"none",
            b"--",
            b"undefined",
            b"-- / --",
        ]
        .iter()
        .any(|word| field.eq_ignore_ascii_case(word)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for (text, comma, value) in [
            ("12", false, Some(12.0)),
            ("1e3", false, Some(1_000.0)),
            ("119,805,164", false, Some(119_805_164.0)),
            ("1,234.5", false, Some(1_234.5)),
            ("1000,25", true, Some(1_000.25)),
            ("1.234.567", false, Some(1_234_567.0)),
            ("1.234,5", true, Some(1_234.5)),
            ("119 805 164", true, Some(119_805_164.0)),
            ("119\u{a0}805", false, Some(119_805.0)),
            ("119'805'164", false, Some(119_805_164.0)),
            ("1.234", false, Some(1.234)),
            ("1.23.456", false, None),
            ("1,2,3", false, None),
            ("12,34", false, None),
            ("inf", false, None),
            ("x", false, None),
        ] {
            assert_eq!(number(text.as_bytes(), comma), value, "{text}");
        }
    }

    #[test]
    fn digits_behind_the_point_say_how_fine_a_number_is() {
        for (text, comma, least) in [
            ("2", false, Some(1.0)),
            ("2.25", false, Some(0.01)),
            ("114.6 MiB / 7.6 GiB", false, Some(0.1)),
            ("119,8", true, Some(0.1)),
            ("1e9", false, None),
            ("NaN", false, None),
        ] {
            assert_eq!(resolution(text.as_bytes(), comma), least, "{text}");
        }
    }

    #[test]
    fn amounts_carry_their_unit() {
        for (text, bytes) in [
            ("114.6MiB / 7.6GiB", 114.6 * 1_048_576.0),
            ("3224 kB", 3_224.0 * 1_024.0),
            ("1.2Gi", 1.2 * 1_073_741_824.0),
            ("0B", 0.0),
            ("35.6 MB", 35.6e6),
        ] {
            let amount = amount(text.as_bytes(), false).expect(text);
            let unit = amount.unit.expect(text);
            assert_eq!(amount.number * unit.factor(), bytes, "{text}");
        }
        let share = amount(b"1.47%", false).expect("a share");
        assert_eq!((share.number, share.unit), (1.47, Some(ValueUnit::Percent)));
        assert_eq!(amount(b"12 apples", false), None);
    }
}
