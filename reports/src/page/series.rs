//! The series that the charts of a cell draw, with what is drawn on them.

use crate::cell::{Metric, growth_text, thin_together};
use leaklab_judge::{CellJudgement, Judgement, Shape};
use leaklab_run::{Cell, Event, EventKind, Phase, SampleTable, columns};
use serde::Serialize;

/// Which chart a series is on. All charts of a cell share their time axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Panel {
    /// Bytes of memory.
    Memory,
    /// Gauges of the program, threads, descriptors and processes.
    Gauges,
    /// Operations per second.
    Throughput,
    /// Latency.
    Latency,
    /// CPU time per second.
    Processor,
}

/// A line on a chart.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Line {
    /// Column, or what it was derived to.
    pub key: String,
    /// Name for people.
    pub name: String,
    pub panel: Panel,
    /// Whether it is drawn before anybody asks for it.
    pub shown: bool,
    #[serde(serialize_with = "compact")]
    pub values: Vec<f64>,
}

/// A named stretch of time, or an instant if both ends are the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Span {
    pub name: String,
    pub from: f64,
    pub to: f64,
}

/// Everything that the charts of a cell need.
#[derive(Debug, Clone, Serialize)]
pub(super) struct CellSeries {
    pub id: String,
    /// What tells it from the others of its scenario.
    pub label: String,
    pub scenario: String,
    /// Number of the style that its variant has in pictures of the scenario.
    pub style: usize,
    /// Seconds since the child was ready.
    #[serde(serialize_with = "compact_times")]
    pub times: Vec<f64>,
    /// Operations at those times, where they are counted.
    #[serde(serialize_with = "compact")]
    pub operations: Vec<f64>,
    pub lines: Vec<Line>,
    pub phases: Vec<Span>,
    pub marks: Vec<Span>,
    pub limit_bytes: Option<f64>,
    pub settled_s: Option<f64>,
    pub fitted: Option<FittedLine>,
    /// Whether points were left out.
    pub thinned: bool,
}

/// The straight part that the judge fitted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct FittedLine {
    /// Column that it lies on.
    pub key: String,
    pub from: f64,
    pub to: f64,
    pub start: f64,
    pub end: f64,
    /// What it is and how steep.
    pub words: String,
}

/// The memory columns in the order of the legend; the first four are drawn unasked.
const MEMORY: [&str; 9] = [
    columns::ALLOCATED_BYTES,
    columns::USED_BYTES,
    columns::RSS_BYTES,
    columns::ACTIVE_BYTES,
    columns::RESIDENT_BYTES,
    columns::METADATA_BYTES,
    columns::MAPPED_BYTES,
    columns::RETAINED_BYTES,
    columns::COMMITTED_BYTES,
];

impl CellSeries {
    /// Takes the series of `cell` from its samples and events, `points` per line at most.
    pub fn of(
        cell: &Cell,
        table: &SampleTable,
        judgement: Option<&CellJudgement>,
        memory_limit_bytes: Option<u64>,
        points: usize,
    ) -> Self {
        let times = table.elapsed_s();
        let mut lines = memory_lines(table);
        lines.extend(gauge_lines(table));
        lines.extend(derived_lines(table));
        let operations = table.filled_column(columns::OPS_TOTAL).map(<[f64]>::to_vec);
        let mut all: Vec<&[f64]> = lines.iter().map(|line| line.values.as_slice()).collect();
        all.extend(operations.as_deref());
        let thinned = thin_together(&times, &all, points);
        let mut kept = thinned.series.into_iter();
        for (line, values) in lines.iter_mut().zip(kept.by_ref()) {
            line.values = values;
        }
        let events = cell.events().unwrap_or_default();
        CellSeries {
            id: cell.plan.id.clone(),
            label: label(cell),
            scenario: cell.plan.scenario.clone(),
            style: 0,
            times: thinned.times,
            operations: kept.next().unwrap_or_default(),
            lines,
            phases: phases(table),
            marks: marks(&events),
            limit_bytes: memory_limit_bytes.map(|bytes| bytes as f64),
            settled_s: judgement
                .and_then(CellJudgement::deciding)
                .and_then(|d| d.fitted.map(|f| f.start_s).or(d.settled_after_s)),
            fitted: judgement.and_then(fitted),
            thinned: thinned.thinned,
        }
    }
}

/// The variant, with its repetition where there are several.
pub(super) fn label(cell: &Cell) -> String {
    let repetition = cell.plan.id.rsplit_once('#').map(|(_, n)| n);
    match (cell.plan.variant.as_str(), repetition) {
        ("", _) => cell.plan.id.clone(),
        (variant, Some(n)) => format!("{variant} #{n}"),
        (variant, None) => variant.to_owned(),
    }
}

fn memory_lines(table: &SampleTable) -> Vec<Line> {
    MEMORY
        .into_iter()
        .enumerate()
        .filter_map(|(i, key)| {
            let values = table.filled_column(key)?.to_vec();
            Some(Line {
                key: key.to_owned(),
                name: Metric::named(key).label,
                panel: Panel::Memory,
                shown: i < 4,
                values,
            })
        })
        .collect()
}

/// The program's gauges, then what the kernel counts; that is drawn unasked only alone.
fn gauge_lines(table: &SampleTable) -> Vec<Line> {
    let line = |key: &str, name: &str, shown| {
        Some(Line {
            key: key.to_owned(),
            name: name.to_owned(),
            panel: Panel::Gauges,
            shown,
            values: table.filled_column(key)?.to_vec(),
        })
    };
    let mut lines: Vec<Line> = table
        .names
        .iter()
        .filter_map(|key| line(key, key.strip_prefix(columns::GAUGE_PREFIX)?, true))
        .collect();
    let alone = lines.is_empty();
    let counts = [columns::DESCRIPTORS, columns::THREADS, columns::PROCESSES];
    lines.extend(counts.into_iter().filter_map(|key| line(key, key, alone)));
    lines
}

fn derived_lines(table: &SampleTable) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut push = |key: &str, name: &str, panel, values: Option<Vec<f64>>| {
        if let Some(values) = values.filter(|values| values.iter().any(|v| v.is_finite())) {
            lines.push(Line {
                key: key.to_owned(),
                name: name.to_owned(),
                panel,
                shown: true,
                values,
            });
        }
    };
    let rate = |column: &str, factor: f64| {
        let values = table.filled_column(column)?;
        Some(per_second(&table.elapsed_ms, values, factor))
    };
    push(
        "ops_per_s",
        "operations per second",
        Panel::Throughput,
        rate(columns::OPS_TOTAL, 1.0),
    );
    for (column, name) in [
        (columns::LATENCY_P50_US, "median latency"),
        (columns::LATENCY_P99_US, "99th percentile"),
    ] {
        let values = table.filled_column(column).map(<[f64]>::to_vec);
        push(column, name, Panel::Latency, values);
    }
    push(
        "cpu_cores",
        "processors busy",
        Panel::Processor,
        rate(columns::CPU_MS, 0.001),
    );
    lines
}

/// Rate of a counter at each row since the row before that has it; NaN after a reset.
fn per_second(elapsed_ms: &[f64], totals: &[f64], factor: f64) -> Vec<f64> {
    let mut before: Option<(f64, f64)> = None;
    elapsed_ms
        .iter()
        .zip(totals)
        .map(|(time, total)| {
            if !total.is_finite() {
                return f64::NAN;
            }
            let rate = before.and_then(|(time_before, total_before)| {
                let seconds = (time - time_before) / 1000.0;
                (seconds > 0.0 && *total >= total_before)
                    .then(|| (total - total_before) / seconds * factor)
            });
            before = Some((*time, *total));
            rate.unwrap_or(f64::NAN)
        })
        .collect()
}

/// The stretches of time that carry the same phase, in order.
fn phases(table: &SampleTable) -> Vec<Span> {
    let mut spans: Vec<(Phase, f64, f64)> = Vec::new();
    for (phase, ms) in table.phase.iter().zip(&table.elapsed_ms) {
        let time = ms / 1000.0;
        match spans.last_mut() {
            Some((before, _, to)) if before == phase => *to = time,
            Some((_, _, to)) => {
                // The row that begins a phase is where the one before it ends.
                *to = time;
                spans.push((*phase, time, time));
            }
            None => spans.push((*phase, time, time)),
        }
    }
    spans
        .into_iter()
        .map(|(phase, from, to)| Span {
            name: phase.name().to_owned(),
            from,
            to,
        })
        .collect()
}

/// Marks, restarts, and the memory limit being reached; at most [`MAX_MARKS`] of them.
fn marks(events: &[Event]) -> Vec<Span> {
    const MAX_MARKS: usize = 200;
    events
        .iter()
        .filter_map(|event| {
            let from = event.elapsed_ms / 1000.0;
            let (name, to) = match &event.kind {
                EventKind::Mark { name, duration_ms } => {
                    (name.as_str(), from + duration_ms.unwrap_or(0.0) / 1000.0)
                }
                EventKind::Restart => ("restart", from),
                EventKind::MemoryLimit { .. } => ("memory limit reached", from),
                _ => return None,
            };
            let name = name.to_owned();
            Some(Span { name, from, to })
        })
        .take(MAX_MARKS)
        .collect()
}

fn fitted(judgement: &CellJudgement) -> Option<FittedLine> {
    let deciding = judgement.deciding()?;
    let fitted = deciding.fitted?;
    Some(FittedLine {
        key: judgement.metric.clone(),
        from: fitted.start_s,
        to: fitted.end_s,
        start: fitted.start_value,
        end: fitted.end_value,
        words: fit_words(judgement, deciding),
    })
}

/// `floor: 1.00 MiB/op`, `fit: -3 B/h`.
fn fit_words(judgement: &CellJudgement, deciding: &Judgement) -> String {
    let what = match deciding.shape {
        Shape::Sawtooth | Shape::SawtoothRising => "floor",
        _ => "fit",
    };
    let unit = Metric::named(&judgement.metric).unit.judged();
    match growth_text(deciding, unit) {
        Some(growth) => format!("{what}: {growth}"),
        None => what.to_owned(),
    }
}

/// Numbers as JSON, whole ones without a point, others with six digits; a gap is `null`.
fn compact<S: serde::Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| rounded(*value, 6)))
}

/// Times with milliseconds.
fn compact_times<S: serde::Serializer>(times: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(times.iter().map(|time| {
        let rounded = (time * 1000.0).round() / 1000.0;
        whole(rounded).or_else(|| serde_json::Number::from_f64(rounded))
    }))
}

fn whole(value: f64) -> Option<serde_json::Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() < EXACT).then(|| serde_json::Number::from(value as i64))
}

fn rounded(value: f64, digits: usize) -> Option<serde_json::Number> {
    whole(value).or_else(|| {
        let text = format!("{value:.*e}", digits - 1);
        serde_json::Number::from_f64(text.parse().ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_begins_anew_after_a_reset_and_skips_gaps() {
        let rates = per_second(
            &[0.0, 1000.0, 2000.0, 3000.0, 4000.0],
            &[0.0, 10.0, f64::NAN, 30.0, 5.0],
            1.0,
        );
        assert!(rates[0].is_nan() && rates[2].is_nan() && rates[4].is_nan());
        assert_eq!((rates[1], rates[3]), (10.0, 10.0));
    }

    #[test]
    fn numbers_are_written_short() {
        let text = |value| serde_json::to_string(&rounded(value, 6)).expect("JSON");
        assert_eq!(text(1_048_576.0), "1048576");
        assert_eq!(text(0.123_456_789), "0.123457");
        assert_eq!(text(f64::NAN), "null");
        assert_eq!(text(1e300), "1e+300");
    }

    #[test]
    fn a_phase_lasts_until_the_next_begins() {
        let table = SampleTable {
            elapsed_ms: vec![0.0, 1000.0, 2000.0, 3000.0],
            phase: vec![Phase::Warmup, Phase::Load, Phase::Load, Phase::Drain],
            ..SampleTable::default()
        };
        let found: Vec<_> = phases(&table)
            .into_iter()
            .map(|s| (s.name, s.from, s.to))
            .collect();
        let want = [
            ("warmup", 0.0, 1.0),
            ("load", 1.0, 3.0),
            ("drain", 3.0, 3.0),
        ];
        assert_eq!(
            found,
            want.map(|(name, from, to)| (name.to_owned(), from, to))
        );
    }
}
