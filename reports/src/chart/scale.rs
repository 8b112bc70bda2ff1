//! Axes for people: round steps of bytes, times and counts, and numbers with their units.

/// What a value is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes; shown in KiB, MiB, GiB.
    Bytes,
    /// Things that are counted.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Things per second.
    PerSecond,
    /// Bytes per operation.
    BytesPerOperation,
}

/// The marks of an axis and their labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ticks {
    /// Value and label, ascending.
    pub(super) marks: Vec<(f64, String)>,
    /// Where the axis ends.
    pub(super) top: f64,
}

const BYTE_UNITS: [(&str, f64); 6] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("PiB", 1_125_899_906_842_624.0),
];

const TIME_UNITS: [(&str, f64); 5] = [
    ("ms", 0.001),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

fn byte_unit(bytes: f64) -> (&'static str, f64) {
    let size = bytes.abs();
    BYTE_UNITS
        .into_iter()
        .rev()
        .find(|(_, factor)| size >= *factor)
        .unwrap_or(BYTE_UNITS[0])
}

/// A byte count in three significant figures: `1.00 MiB`, `512 B`, `-3.2 KiB`.
pub fn bytes(value: f64) -> String {
    let (mut name, mut factor) = byte_unit(value);
    // 1023.99 KiB would read as "1024 KiB".
    if factor < 1e15 && (value.abs() / factor).round() >= 1024.0 {
        (name, factor) = byte_unit(value.abs() * 1.001);
    }
    let number = value / factor;
    if factor == 1.0 {
        return format!("{} B", plain(number));
    }
    format!("{} {name}", three_figures(number))
}

/// Three significant figures, no more than two decimals.
fn three_figures(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number as such, another one with a decimal.
fn plain(value: f64) -> String {
    // Never "-0.0".
    if value.abs() >= 10.0 || value == value.round() || value.abs() < 0.05 {
        grouped(value.round())
    } else {
        format!("{value:.1}")
    }
}

/// A number with commas between its thousands.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value <= -0.5 {
        text.insert(0, '-');
    }
    text
}

/// A span of time in the unit that fits: `20 s`, `1.5 h`.
pub fn duration(seconds: f64) -> String {
    let (name, factor) = time_unit(seconds);
    format!("{} {name}", trimmed(seconds / factor))
}

/// A value with its unit, in three significant figures.
pub fn value_with_unit(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => bytes(value),
        Unit::BytesPerOperation => format!("{} per operation", bytes(value)),
        Unit::Count => plain(value),
        Unit::Milliseconds => duration(value / 1e3),
        Unit::Microseconds if value < 1000.0 => format!("{} µs", plain(value)),
        Unit::Microseconds => duration(value / 1e6),
        Unit::PerSecond => format!("{}/s", plain(value)),
    }
}

/// At most two decimals, none that are zero.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn time_unit(seconds: f64) -> (&'static str, f64) {
    match seconds {
        s if s < 1.0 => TIME_UNITS[0],
        s if s <= 180.0 => TIME_UNITS[1],
        s if s <= 3.0 * 3600.0 => TIME_UNITS[2],
        s if s <= 72.0 * 3600.0 => TIME_UNITS[3],
        _ => TIME_UNITS[4],
    }
}

/// Marks of a time axis of so many seconds, about `wanted` of them; the axis is not extended.
pub(super) fn time_ticks(from_s: f64, to_s: f64, wanted: usize) -> Ticks {
    let span = (to_s - from_s).max(1e-6);
    let (name, factor) = time_unit(to_s.abs().max(from_s.abs()));
    let steps: &[f64] = match name {
        "s" | "min" => &[
            0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0,
        ],
        "h" => &[0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0],
        _ => &[],
    };
    let rough = span / factor / wanted.max(1) as f64;
    let step = steps
        .iter()
        .copied()
        .find(|step| *step >= rough)
        .unwrap_or_else(|| round_step(rough));
    let marks = multiples(from_s / factor, to_s / factor, step)
        .map(|value| match value {
            0.0 => (0.0, "0".to_owned()),
            value => (value * factor, format!("{} {name}", trimmed(value))),
        })
        .collect();
    Ticks { marks, top: to_s }
}

/// Marks of a value axis from zero (or from a negative `low`) to at least `high`.
pub(super) fn value_ticks(low: f64, high: f64, unit: Unit, wanted: usize) -> Ticks {
    let high = if high > low { high } else { low + 1.0 };
    // What falls below zero by less than a line's width or two needs no tick of its own.
    let low = if -low < 0.02 * high { 0.0 } else { low };
    let factor = match unit {
        Unit::Bytes | Unit::BytesPerOperation => byte_unit(high.max(-low)).1,
        _ => 1.0,
    };
    let mut step = round_step((high - low) / factor / wanted.max(1) as f64);
    if matches!(unit, Unit::Count | Unit::Bytes) && factor == 1.0 {
        step = step.max(1.0);
    }
    let top = (high / factor / step - 1e-9).ceil() * step;
    let bottom = (low / factor / step + 1e-9).floor() * step;
    let marks = multiples(bottom, top, step)
        .map(|value| (value * factor, tick_label(value, step, factor, unit)))
        .collect();
    Ticks {
        marks,
        top: top * factor,
    }
}

fn tick_label(value: f64, step: f64, factor: f64, unit: Unit) -> String {
    let decimals = (-step.log10()).ceil().clamp(0.0, 6.0) as usize;
    let number = if decimals == 0 {
        grouped(value)
    } else {
        format!("{value:.decimals$}")
    };
    match unit {
        Unit::Bytes | Unit::BytesPerOperation => {
            if value == 0.0 {
                return "0".to_owned();
            }
            let name = BYTE_UNITS
                .into_iter()
                .find(|(_, f)| *f == factor)
                .map_or("B", |(name, _)| name);
            format!("{number} {name}")
        }
        Unit::Milliseconds | Unit::Microseconds if value != 0.0 => value_with_unit(value, unit),
        _ => number,
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `rough`.
fn round_step(rough: f64) -> f64 {
    if rough.is_nan() || rough <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= rough * 0.999_999)
        .unwrap_or(10.0 * power)
}

fn multiples(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (from / step - 1e-9).ceil() as i64;
    let last = (to / step + 1e-9).floor() as i64;
    (first..=last.min(first + 1000)).map(move |index| index as f64 * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_binary_units_with_three_figures() {
        for (value, text) in [
            (0.0, "0 B"),
            (-0.001, "0 B"),
            (2.5, "2.5 B"),
            (212.4, "212 B"),
            (1023.0, "1,023 B"),
            (1024.0, "1.00 KiB"),
            (1_048_576.0, "1.00 MiB"),
            (1_048_575.9, "1.00 MiB"),
            (-3_300.0, "-3.22 KiB"),
            (13.25 * 1_073_741_824.0, "13.2 GiB"),
        ] {
            assert_eq!(bytes(value), text, "{value}");
        }
    }

    #[test]
    fn value_axes_start_at_zero_and_end_above_the_largest_value() {
        let ticks = value_ticks(0.0, 2.1e9, Unit::Bytes, 6);
        let labels: Vec<_> = ticks.marks.iter().map(|(_, l)| l.as_str()).collect();
        assert_eq!(labels, ["0", "0.5 GiB", "1.0 GiB", "1.5 GiB", "2.0 GiB"]);
        assert!(ticks.top >= 2.1e9);
        let ticks = value_ticks(0.0, 3.0, Unit::Count, 6);
        assert_eq!(ticks.marks.len(), 4);
    }

    #[test]
    fn time_axes_use_the_unit_that_fits() {
        let label = |to: f64| time_ticks(0.0, to, 8).marks.pop().expect("a mark").1;
        assert_eq!(label(20.0), "20 s");
        assert_eq!(label(600.0), "10 min");
        assert_eq!(label(8.0 * 3600.0), "8 h");
        assert_eq!(label(604_800.0), "7 d");
        assert_eq!(label(0.25), "250 ms");
    }
}
