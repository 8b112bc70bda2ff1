//! Axes for people: round steps of bytes, times and counts.

use crate::cell::MetricUnit;
use leaklab_judge::amount::count_text;

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

/// A whole number with commas between its thousands, and no sign at zero.
fn grouped(value: f64) -> String {
    let sign = if value <= -0.5 { "-" } else { "" };
    format!("{sign}{}", count_text(value.abs().round() as u64))
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
pub(super) fn value_ticks(low: f64, high: f64, unit: MetricUnit, wanted: usize) -> Ticks {
    let high = if high > low { high } else { low + 1.0 };
    // What falls below zero by less than a line's width or two needs no tick of its own.
    let low = if -low < 0.02 * high { 0.0 } else { low };
    let factor = match unit {
        MetricUnit::Bytes | MetricUnit::BytesPerOperation => byte_unit(high.max(-low)).1,
        _ => 1.0,
    };
    let mut step = round_step((high - low) / factor / wanted.max(1) as f64);
    if matches!(unit, MetricUnit::Count | MetricUnit::Bytes) && factor == 1.0 {
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

/// Marks of a logarithmic axis that holds `low` and `high`, both above zero: 1, 10 and 100 of
/// each unit, fewer where there are many.
pub(super) fn log_ticks(low: f64, high: f64, unit: MetricUnit, wanted: usize) -> Ticks {
    let (base, digits): (f64, &[f64]) = match unit {
        MetricUnit::Bytes | MetricUnit::BytesPerOperation => (1024.0, &[1.0, 10.0, 100.0]),
        _ => (1000.0, &[1.0, 10.0, 100.0]),
    };
    let power = |value: f64| (value.ln() / base.ln()).floor() as i32;
    let all: Vec<f64> = (power(low)..=power(high) + 1)
        .flat_map(|power| digits.iter().map(move |digit| digit * base.powi(power)))
        .collect();
    let first = all.iter().rposition(|mark| *mark <= low).unwrap_or(0);
    let last = all.iter().position(|mark| *mark >= high);
    let marks = &all[first
        ..=last
            .unwrap_or(all.len() - 1)
            .max(first + 1)
            .min(all.len() - 1)];
    let step = marks.len().div_ceil(wanted.max(2)).max(1);
    let kept = marks.iter().enumerate();
    let kept = kept.filter(|(index, _)| index % step == 0 || *index + 1 == marks.len());
    Ticks {
        top: marks.last().copied().unwrap_or(high),
        marks: kept.map(|(_, mark)| (*mark, unit.text(*mark))).collect(),
    }
}

fn tick_label(value: f64, step: f64, factor: f64, unit: MetricUnit) -> String {
    let decimals = (-step.log10()).ceil().clamp(0.0, 6.0) as usize;
    let number = if decimals == 0 {
        grouped(value)
    } else {
        format!("{value:.decimals$}")
    };
    match unit {
        MetricUnit::Bytes | MetricUnit::BytesPerOperation => {
            if value == 0.0 {
                return "0".to_owned();
            }
            let name = BYTE_UNITS
                .into_iter()
                .find(|(_, f)| *f == factor)
                .map_or("B", |(name, _)| name);
            format!("{number} {name}")
        }
        MetricUnit::Milliseconds | MetricUnit::Microseconds if value != 0.0 => unit.text(value),
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
    fn value_axes_start_at_zero_and_end_above_the_largest_value() {
        let ticks = value_ticks(0.0, 2.1e9, MetricUnit::Bytes, 6);
        let labels: Vec<_> = ticks.marks.iter().map(|(_, l)| l.as_str()).collect();
        assert_eq!(labels, ["0", "0.5 GiB", "1.0 GiB", "1.5 GiB", "2.0 GiB"]);
        assert!(ticks.top >= 2.1e9);
        let ticks = value_ticks(0.0, 3.0, MetricUnit::Count, 6);
        assert_eq!(ticks.marks.len(), 4);
    }

    #[test]
    fn logarithmic_axes_have_decades_of_each_unit_around_all_values() {
        let ticks = log_ticks(300.0 * 1024.0, 500.0 * 1_048_576.0, MetricUnit::Bytes, 8);
        let labels: Vec<_> = ticks.marks.iter().map(|(_, l)| l.as_str()).collect();
        assert_eq!(
            labels,
            ["100 KiB", "1.00 MiB", "10.0 MiB", "100 MiB", "1.00 GiB"]
        );
        let ticks = log_ticks(3.0, 70.0, MetricUnit::Count, 8);
        let values: Vec<f64> = ticks.marks.iter().map(|(value, _)| *value).collect();
        assert_eq!(values, [1.0, 10.0, 100.0]);
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
