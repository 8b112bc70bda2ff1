//! The series that the charts of a cell draw, with what is drawn on them.

use crate::cell::{Metric, Thinner, growth_text};
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

/// What is drawn of a column: its values, or how fast they rise.
struct Drawn {
    column: String,
    /// Factor of the rise per second.
    rise: Option<f64>,
    /// Time and total of the last row that has one.
    before: Option<(f64, f64)>,
    /// How fast they rose in the rows that are being read.
    rises: Vec<f64>,
}

impl Drawn {
    fn of(column: &str) -> Vec<Self> {
        let drawn = |rise| Drawn {
            column: column.to_owned(),
            rise,
            before: None,
            rises: Vec::new(),
        };
        const OTHERS: [&str; 5] = [
            columns::DESCRIPTORS,
            columns::THREADS,
            columns::PROCESSES,
            columns::LATENCY_P50_US,
            columns::LATENCY_P99_US,
        ];
        let is_gauge = column.starts_with(columns::GAUGE_PREFIX);
        match column {
            columns::OPS_TOTAL => vec![drawn(None), drawn(Some(1.0))],
            columns::CPU_MS => vec![drawn(Some(0.001))],
            _ if is_gauge || MEMORY.contains(&column) || OTHERS.contains(&column) => {
                vec![drawn(None)]
            }
            _ => Vec::new(),
        }
    }

    fn values<'a>(&'a mut self, table: &'a SampleTable) -> &'a [f64] {
        let index = table.names.iter().position(|name| *name == self.column);
        let values = index.map_or(&[][..], |index| table.values[index].as_slice());
        let Some(factor) = self.rise else {
            return values;
        };
        self.rises.clear();
        let rises = per_second(&mut self.before, &table.elapsed_ms, values, factor);
        self.rises.extend(rises);
        &self.rises
    }
}

/// Takes up the series of a cell, part by part.
pub(super) struct SeriesReader {
    thinner: Thinner,
    drawn: Vec<Drawn>,
    phases: Vec<(Phase, f64, f64)>,
}

impl SeriesReader {
    /// For rows at those times, of which `points` are drawn per line at most.
    pub fn new(elapsed_ms: &[f64], points: usize) -> Self {
        let seconds = |row: usize| elapsed_ms[row] / 1000.0;
        SeriesReader {
            thinner: Thinner::new(elapsed_ms.len(), seconds, points),
            drawn: Vec::new(),
            phases: Vec::new(),
        }
    }

    /// Takes up the next rows.
    pub fn push(&mut self, part: &SampleTable) {
        for name in &part.names {
            if self.drawn.iter().all(|drawn| drawn.column != *name) {
                self.drawn.extend(Drawn::of(name));
            }
        }
        let series: Vec<&[f64]> = (self.drawn.iter_mut())
            .map(|drawn| drawn.values(part))
            .collect();
        self.thinner.push(&part.elapsed_s(), &series);
        push_phases(&mut self.phases, part);
    }

    /// The series of `cell`, with its events.
    pub fn finish(
        self,
        cell: &Cell,
        judgement: Option<&CellJudgement>,
        memory_limit_bytes: Option<u64>,
    ) -> CellSeries {
        let thinned = self.thinner.finish();
        let kept = self.drawn.into_iter().zip(thinned.series);
        let mut kept: Vec<(Drawn, Vec<f64>)> = kept
            .filter(|(_, values)| values.iter().any(|value| !value.is_nan()))
            .collect();
        let mut lines = memory_lines(&mut kept);
        lines.extend(gauge_lines(&mut kept));
        lines.extend(derived_lines(&mut kept));
        let events = cell.events().unwrap_or_default();
        CellSeries {
            id: cell.plan.id.clone(),
            label: label(cell),
            scenario: cell.plan.scenario.clone(),
            style: 0,
            times: thinned.times,
            operations: taken(&mut kept, columns::OPS_TOTAL, false).unwrap_or_default(),
            lines,
            phases: spans(self.phases),
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

/// What is drawn of a column, if it has a value.
fn taken(kept: &mut Vec<(Drawn, Vec<f64>)>, column: &str, is_rise: bool) -> Option<Vec<f64>> {
    let is_it = |(drawn, _): &(Drawn, _)| drawn.column == column && drawn.rise.is_some() == is_rise;
    let index = kept.iter().position(is_it)?;
    Some(kept.remove(index).1)
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

fn memory_lines(kept: &mut Vec<(Drawn, Vec<f64>)>) -> Vec<Line> {
    let memory = MEMORY.into_iter().enumerate();
    memory
        .filter_map(|(i, key)| {
            Some(Line {
                key: key.to_owned(),
                name: Metric::named(key).label,
                panel: Panel::Memory,
                shown: i < 4,
                values: taken(kept, key, false)?,
            })
        })
        .collect()
}

fn gauge_lines(kept: &mut Vec<(Drawn, Vec<f64>)>) -> Vec<Line> {
    let gauges: Vec<String> = (kept.iter())
        .map(|(drawn, _)| drawn.column.clone())
        .filter(|column| column.starts_with(columns::GAUGE_PREFIX))
        .collect();
    let mut line = |key: &str, name: &str, shown| {
        Some(Line {
            key: key.to_owned(),
            name: name.to_owned(),
            panel: Panel::Gauges,
            shown,
            values: taken(kept, key, false)?,
        })
    };
    let mut lines: Vec<Line> = gauges
        .iter()
        .filter_map(|key| line(key, key.strip_prefix(columns::GAUGE_PREFIX)?, true))
        .collect();
    let alone = lines.is_empty();
    let counts = [columns::DESCRIPTORS, columns::THREADS, columns::PROCESSES];
    lines.extend(counts.into_iter().filter_map(|key| line(key, key, alone)));
    lines
}

fn derived_lines(kept: &mut Vec<(Drawn, Vec<f64>)>) -> Vec<Line> {
    let derived = [
        (
            columns::OPS_TOTAL,
            true,
            "ops_per_s",
            "operations per second",
            Panel::Throughput,
        ),
        (
            columns::LATENCY_P50_US,
            false,
            columns::LATENCY_P50_US,
            "median latency",
            Panel::Latency,
        ),
        (
            columns::LATENCY_P99_US,
            false,
            columns::LATENCY_P99_US,
            "99th percentile",
            Panel::Latency,
        ),
        (
            columns::CPU_MS,
            true,
            "cpu_cores",
            "processors busy",
            Panel::Processor,
        ),
    ];
    let line = |(column, is_rise, key, name, panel): (&str, bool, &str, &str, Panel)| {
        Some(Line {
            key: key.to_owned(),
            name: name.to_owned(),
            panel,
            shown: true,
            values: taken(kept, column, is_rise)?,
        })
    };
    derived.into_iter().filter_map(line).collect()
}

/// The rise of a total per second, times `factor`, from row to row; `before` is the time and total
/// of the last row before them that has one. A total that begins anew, after a restart, gives no
/// rate there.
fn per_second(
    before: &mut Option<(f64, f64)>,
    elapsed_ms: &[f64],
    totals: &[f64],
    factor: f64,
) -> Vec<f64> {
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
            *before = Some((*time, *total));
            rate.unwrap_or(f64::NAN)
        })
        .collect()
}

fn push_phases(spans: &mut Vec<(Phase, f64, f64)>, part: &SampleTable) {
    for (phase, ms) in part.phase.iter().zip(&part.elapsed_ms) {
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
}

fn spans(phases: Vec<(Phase, f64, f64)>) -> Vec<Span> {
    let span = |(phase, from, to): (Phase, f64, f64)| Span {
        name: phase.name().to_owned(),
        from,
        to,
    };
    phases.into_iter().map(span).collect()
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
        let mut before = None;
        let mut rates = per_second(&mut before, &[0.0, 1000.0], &[0.0, 10.0], 1.0);
        // The same part by part.
        let (times, totals) = ([2000.0, 3000.0, 4000.0], [f64::NAN, 30.0, 5.0]);
        rates.extend(per_second(&mut before, &times, &totals, 1.0));
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
        let mut found = Vec::new();
        push_phases(&mut found, &table);
        let found: Vec<_> = spans(found)
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
