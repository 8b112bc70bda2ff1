//! Titles that say the finding, and the growth behind them, which is the judge's.

use super::metric::Metric;
use super::scale::{Unit, bytes, grouped};
use super::series::{Loaded, Series};
use leaklab_judge::{Budget, CellJudgement, JudgeOptions, Judgement, Verdict, Window};
use leaklab_run::{Phase, columns};

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
    pub unit: Unit,
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

/// The growth of a metric in a cell; `None` if nothing can be said of it.
///
/// Totals (operations, CPU time) grow by nature and have none.
pub(super) fn growth(loaded: &Loaded, metric: &Metric) -> Option<Growth> {
    if [columns::OPS_TOTAL, columns::CPU_MS].contains(&metric.column.as_str()) {
        return None;
    }
    let judgement = stored(loaded, metric).or_else(|| judged(loaded, metric))?;
    let per_operation = judgement
        .slope_bytes_per_op
        .zip(judgement.slope_low_bytes_per_op);
    let per_hour = judgement
        .slope_bytes_per_hour
        .zip(judgement.slope_low_bytes_per_hour);
    let (rate, low) = per_operation.or(per_hour)?;
    Some(Growth {
        rate,
        low,
        per_operation: per_operation.is_some(),
        verdict: judgement.verdict,
        unit: metric.unit,
    })
}

/// What `verdict.json` says of the metric.
fn stored(loaded: &Loaded, metric: &Metric) -> Option<Judgement> {
    let verdict: CellJudgement = loaded.cell.verdict()?;
    // A managed heap in use is judged as what is allocated.
    let name = match metric.column.as_str() {
        columns::USED_BYTES => columns::ALLOCATED_BYTES,
        name => name,
    };
    let stopped_working = verdict.stopped_working_after_s.is_some();
    let found = verdict.metrics.into_iter().find(|one| one.metric == name);
    let mut judgement = found?.judgement;
    // Who does nothing grows nothing; that is no finding.
    if stopped_working && judgement.verdict == Verdict::NoLeak {
        judgement.verdict = Verdict::Inconclusive;
    }
    Some(judgement)
}

/// Judges the metric now: for gauges, and for runs that died before they were judged.
fn judged(loaded: &Loaded, metric: &Metric) -> Option<Judgement> {
    let value = loaded.table.filled_column(&metric.column)?;
    let time_s = loaded.table.elapsed_s();
    let operations = loaded.table.filled_column(columns::OPS_TOTAL);
    let excluded: Vec<Window> = loaded
        .marks
        .iter()
        .filter(|mark| mark.to_s > mark.from_s)
        .map(|mark| Window {
            start_s: mark.from_s,
            end_s: mark.to_s,
        })
        .collect();
    let series = leaklab_judge::Series {
        time_s: &time_s,
        value,
        operations,
        excluded: &excluded,
        ..leaklab_judge::Series::default()
    };
    let unit = match metric.unit {
        Unit::Bytes => leaklab_judge::Unit::Bytes,
        _ => leaklab_judge::Unit::Count,
    };
    let declared = loaded.cell.plan.budget.as_deref();
    let budget = declared
        .filter(|_| metric.unit == Unit::Bytes)
        .and_then(|text| text.parse().ok())
        .filter(|budget| operations.is_some() || !matches!(budget, Budget::BytesPerOperation(_)))
        .unwrap_or_default();
    let span = loaded.table.phase_span_ms(Phase::Load);
    let options = JudgeOptions {
        budget,
        unit,
        load: span.map(|(from_ms, to_ms)| Window {
            start_s: from_ms / 1000.0,
            end_s: to_ms / 1000.0,
        }),
        ..JudgeOptions::default()
    };
    leaklab_judge::judge(&series, &options).ok()
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
        Unit::Bytes => growth.amount(),
        _ => format!("{} {}", growth.amount(), metric.label),
    }
}
