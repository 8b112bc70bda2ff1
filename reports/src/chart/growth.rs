//! Titles that say the finding, and the growth behind them, which is the judge's.

use super::series::{Loaded, Series};
use crate::cell::{Metric, MetricUnit, per_hour, per_operation};
use leaklab_judge::Verdict;
use leaklab_judge::amount::amount_text;

/// How much a series grew during the load, as the judge says it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// The growth, in the metric's unit per operation, or per hour.
    pub rate: f64,
    /// Lower end of its interval.
    pub low: f64,
    /// Whether it is per operation.
    pub per_operation: bool,
    /// Whether it is a leak, none, or not to be told.
    pub verdict: Verdict,
    /// The metric's unit.
    pub unit: MetricUnit,
}

impl Growth {
    /// `1.00 MiB per operation`, `no growth`, `inconclusive`.
    pub fn words(&self) -> String {
        match self.verdict {
            Verdict::NoLeak => "no growth".to_owned(),
            Verdict::Inconclusive if self.low <= 0.0 => "inconclusive".to_owned(),
            Verdict::Inconclusive => format!("{} {}, inconclusive", self.amount(), self.per()),
            Verdict::Leak => format!("{} {}", self.amount(), self.per()),
        }
    }

    fn amount(&self) -> String {
        amount_text(self.rate, self.unit.judged())
    }

    fn per(&self) -> &'static str {
        if self.per_operation {
            "per operation"
        } else {
            "per hour"
        }
    }
}

/// The growth of a metric in a cell; `None` if nothing can be said of it.
///
/// Totals (operations, CPU time) grow by nature and have none.
pub(super) fn growth(loaded: &Loaded, metric: &Metric) -> Option<Growth> {
    if metric.is_total {
        return None;
    }
    let judgement = loaded.judgement(&metric.column)?;
    let per_operation = per_operation(&judgement);
    let [rate, low, _] = per_operation.or_else(|| per_hour(&judgement))?;
    Some(Growth {
        rate,
        low,
        per_operation: per_operation.is_some(),
        verdict: judgement.verdict,
        unit: metric.unit,
    })
}

/// A title that says what the picture shows: the largest growth first, then who has none.
pub(super) fn title(scenario: &str, metric: &Metric, series: &[Series]) -> String {
    let mut growing: Vec<(&str, &Growth)> = Vec::new();
    let mut still: Vec<&Series> = Vec::new();
    for one in series {
        match &one.growth {
            Some(growth) if growth.verdict == Verdict::Leak => growing.push((&one.name, growth)),
            Some(growth) if growth.verdict == Verdict::NoLeak => still.push(one),
            _ => {}
        }
    }
    growing.sort_by(|a, b| b.1.rate.total_cmp(&a.1.rate));
    still.sort_by_key(|one| one.role != "fixed");
    let verb = if metric.unit == MetricUnit::Bytes {
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
        (None, None) => undecided(scenario, metric, series),
        (None, Some(_)) if still.len() == series.len() => {
            let subject = match series {
                [one] => format!("{scenario}::{}", one.name),
                [_, _] => format!("both variants of {scenario}"),
                _ => format!("all {} variants of {scenario}", series.len()),
            };
            format!("no growth of {} in {subject}", metric.label)
        }
        (None, Some(first)) => format!("no growth of {} in {}", metric.label, first.name),
    }
}

/// A title where no series is decided: the largest growth that was measured.
fn undecided(scenario: &str, metric: &Metric, series: &[Series]) -> String {
    let measured = series
        .iter()
        .filter_map(|one| Some((one, one.growth.as_ref()?)))
        .filter(|(_, growth)| growth.low > 0.0)
        .max_by(|a, b| a.1.rate.total_cmp(&b.1.rate));
    match measured {
        Some((one, growth)) => format!(
            "{} gains {} {} so far, inconclusive",
            one.name,
            with_noun(growth, metric),
            growth.per()
        ),
        None => format!("{scenario}: {}", metric.label),
    }
}

fn with_noun(growth: &Growth, metric: &Metric) -> String {
    match metric.unit {
        MetricUnit::Bytes => growth.amount(),
        _ => format!("{} {}", growth.amount(), metric.label),
    }
}
