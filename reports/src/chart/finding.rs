//! Titles that say the finding, and the figures behind them.
//!
//! The judge's slope is used where `verdict.json` holds one; otherwise growth is the change
//! of the median between the beginning and the end of the load, and "none" when that is not
//! larger than what the values swing by at either end.

use super::metric::Metric;
use super::scale::{Unit, bytes, grouped};
use super::series::{Loaded, Series};
use crate::run::{Phase, columns};

/// How much a series grew during the load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// The growth, in the metric's unit per operation, or per hour.
    pub rate: f64,
    /// Whether it is per operation.
    pub per_operation: bool,
    /// Whether it can be told from nothing.
    pub present: bool,
    /// The metric's unit.
    pub unit: Unit,
}

/// Growth below this many bytes per operation is not called growth without a judge.
const NEGLIGIBLE_BYTES_PER_OPERATION: f64 = 16.0;

impl Growth {
    /// `1.00 MiB per operation`, `none`.
    pub fn words(&self) -> String {
        if !self.present {
            return "none".to_owned();
        }
        format!("{} {}", self.amount(), self.per())
    }

    fn amount(&self) -> String {
        match self.unit {
            Unit::Bytes => bytes(self.rate),
            _ if self.rate.abs() < 10.0 => format!("{:.2}", self.rate),
            _ => grouped(self.rate),
        }
    }

    fn per(&self) -> &'static str {
        if self.per_operation {
            "per operation"
        } else {
            "per hour"
        }
    }
}

/// The growth of a metric in a cell; `None` if the load is too short to tell.
pub(super) fn growth(loaded: &Loaded, metric: &Metric) -> Option<Growth> {
    if metric.column == columns::OPS_TOTAL || metric.column == columns::CPU_MS {
        return None;
    }
    estimated(loaded, metric)
}

fn estimated(loaded: &Loaded, metric: &Metric) -> Option<Growth> {
    let values = loaded.table.filled_column(&metric.column)?;
    let operations = loaded.table.filled_column(columns::OPS_TOTAL);
    let rows: Vec<usize> = (0..values.len())
        .filter(|row| loaded.table.phase[*row] == Phase::Load && !values[*row].is_nan())
        .collect();
    if rows.len() < 4 {
        return None;
    }
    // The first tenth is left out: it is start-up more often than not.
    let rows = &rows[rows.len() / 10..];
    let part = (rows.len() / 8).max(1);
    let (early, late) = (&rows[..part], &rows[rows.len() - part..]);
    let change = median(late, values) - median(early, values);
    let swing = range(early, values).max(range(late, values));
    let hours =
        (median(late, &loaded.table.elapsed_ms) - median(early, &loaded.table.elapsed_ms)) / 3.6e6;
    let done = operations.map(|operations| median(late, operations) - median(early, operations));
    let (rate, per_operation) = match done.filter(|done| *done > 0.0) {
        Some(done) => (change / done, true),
        None if hours > 0.0 => (change / hours, false),
        None => return None,
    };
    // Of a steady growth an end already shows its own share.
    let share = part as f64 / (rows.len() - part).max(1) as f64;
    let present = change > (swing - change.abs() * share).max(0.0)
        && !(per_operation && metric.unit == Unit::Bytes && rate < NEGLIGIBLE_BYTES_PER_OPERATION);
    Some(Growth {
        rate,
        per_operation,
        present,
        unit: metric.unit,
    })
}

fn median(rows: &[usize], values: &[f64]) -> f64 {
    let mut chosen: Vec<f64> = rows
        .iter()
        .map(|row| values[*row])
        .filter(|value| !value.is_nan())
        .collect();
    if chosen.is_empty() {
        return f64::NAN;
    }
    let middle = chosen.len() / 2;
    *chosen.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn range(rows: &[usize], values: &[f64]) -> f64 {
    let fold = |f: fn(f64, f64) -> f64| rows.iter().map(|row| values[*row]).reduce(f);
    fold(f64::max).unwrap_or(0.0) - fold(f64::min).unwrap_or(0.0)
}

/// A title that says what the picture shows: the largest growth first, then who has none.
pub(super) fn title(scenario: &str, metric: &Metric, series: &[Series]) -> String {
    let plain = || format!("{scenario}: {}", metric.label);
    let mut growing: Vec<(&str, &Growth)> = Vec::new();
    let mut still: Vec<&Series> = Vec::new();
    for one in series {
        match &one.growth {
            Some(growth) if growth.present => growing.push((&one.name, growth)),
            Some(_) => still.push(one),
            None => {}
        }
    }
    growing.sort_by(|a, b| b.1.rate.total_cmp(&a.1.rate));
    still.sort_by_key(|one| one.role != "fixed");
    let verb = if metric.unit == Unit::Bytes {
        "retains"
    } else {
        "gains"
    };
    match (growing.first(), still.first()) {
        (Some((name, growth)), None) => {
            let mut text = format!(
                "{name} {verb} {} {}",
                with_noun(growth, metric),
                growth.per()
            );
            if let Some((name, least)) = growing.last().filter(|_| growing.len() > 1) {
                text += &format!("; {name} {}", least.amount());
            }
            text
        }
        (Some((name, growth)), Some(first)) => format!(
            "{name} {verb} {} {}; {} none",
            with_noun(growth, metric),
            growth.per(),
            first.name
        ),
        (None, Some(_)) if still.len() == series.len() => {
            let subject = match series {
                [one] => format!("{scenario}::{}", one.name),
                [_, _] => format!("both variants of {scenario}"),
                _ => format!("all {} variants of {scenario}", series.len()),
            };
            format!("no growth of {} in {subject}", metric.label)
        }
        _ => plain(),
    }
}

fn with_noun(growth: &Growth, metric: &Metric) -> String {
    match metric.unit {
        Unit::Bytes => growth.amount(),
        _ => format!("{} {}", growth.amount(), metric.label),
    }
}
