//! Titles that say the finding, and the growth behind them, which is the judge's.

use super::series::{Loaded, Series};
use crate::cell::{Metric, MetricUnit, per_hour, per_operation};
use leaklab_judge::amount::amount_text;
use leaklab_judge::{Judgement, Verdict};

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
    /// What a judgement says of a metric's growth; `None` if it has no slope.
    pub fn of(judgement: &Judgement, metric: &Metric) -> Option<Self> {
        let per_operation = per_operation(judgement);
        let [rate, low, _] = per_operation.or_else(|| per_hour(judgement))?;
        Some(Growth {
            rate,
            low,
            per_operation: per_operation.is_some(),
            verdict: judgement.verdict,
            unit: metric.unit,
        })
    }

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
    Growth::of(&loaded.judgement(&metric.column)?, metric)
}

/// A title that says what the picture shows: the largest growth first, then who has none.
pub fn title(scenario: &str, metric: &Metric, series: &[Series]) -> String {
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
        (Some((name, growth)), rest) => {
            let amount = with_noun(growth, metric);
            let mut text = format!("{name} {verb} {amount} {}", growth.per());
            let others = named(&growing[1..]);
            if !others.is_empty() {
                text += &format!("; {others}");
            }
            if let Some(first) = rest {
                text += &format!("; {} none", first.name);
            }
            text
        }
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

/// Each with what it gains, so that what a remedy leaves behind is not passed over.
fn named(growing: &[(&str, &Growth)]) -> String {
    /// More names than these are no sentence any more.
    const MOST: usize = 5;
    let shown = growing.iter().take(MOST);
    let mut parts: Vec<String> = shown
        .map(|(name, growth)| format!("{name} {}", growth.amount()))
        .collect();
    if growing.len() > MOST {
        parts.push(format!("and {} less", growing.len() - MOST));
    }
    parts.join(", ")
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
