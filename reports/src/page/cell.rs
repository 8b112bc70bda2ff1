//! What the page says about one cell beside its charts: figures, remarks, files.

use super::RunLife;
use super::gather::Entry;
use crate::cell::{
    Metric, Standing, measured_words, outcome_words, per_hour, per_operation, verdict_words,
    warnings_of,
};
use crate::classes::{ClassTable, read_classes, words};
use leaklab_judge::amount::{
    amount_text, bytes_text, count_text, duration_text, interval_text, number_text,
    signed_amount_text,
};
use leaklab_judge::{CellJudgement, MetricJudgement, Unit};
use leaklab_run::{Cell, EventKind, Outcome};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

/// A name and its value.
#[derive(Debug, Serialize)]
pub(super) struct Pair {
    pub name: String,
    pub value: String,
}

impl Pair {
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Pair {
            name: name.to_owned(),
            value: value.into(),
        }
    }
}

/// A file of the run folder.
#[derive(Debug, Serialize)]
pub(super) struct Link {
    /// Relative to the page, percent-encoded.
    pub href: String,
    pub name: String,
}

/// The text beside the charts of a cell.
#[derive(Debug, Serialize)]
pub(super) struct Facts {
    pub sign: &'static str,
    pub class: &'static str,
    pub verdict: String,
    pub reason: String,
    pub summary: String,
    pub figures: Vec<Pair>,
    pub remarks: Vec<String>,
    /// How well the cell was measured; empty where nobody counted.
    pub measured: Vec<Pair>,
    pub metrics: Vec<MetricRow>,
    /// Which classes grow, by series of snapshots.
    pub classes: Vec<ClassSection>,
}

/// The table of a series of snapshots.
#[derive(Debug, Serialize)]
pub(super) struct ClassSection {
    pub name: String,
    pub headings: [String; 7],
    pub rows: Vec<[String; 7]>,
    pub notes: Vec<String>,
}

/// A metric that was judged beside the one that decided.
#[derive(Debug, Serialize)]
pub(super) struct MetricRow {
    pub name: String,
    pub verdict: String,
    pub shape: String,
    pub per_operation: String,
    pub per_hour: String,
}

/// The facts of a cell.
pub(super) fn facts(entry: &Entry<'_>) -> Facts {
    Facts {
        sign: entry.standing.sign(),
        class: entry.standing.class(),
        verdict: verdict_words(entry.cell, entry.judgement.as_ref()),
        reason: entry
            .judgement
            .as_ref()
            .map_or_else(String::new, |j| j.reason.clone()),
        summary: entry.cell.plan.summary.clone(),
        figures: pairs(entry),
        remarks: remarks(entry),
        measured: (entry.cell.status.measurement.iter())
            .flat_map(measured_words)
            .map(|(name, value)| Pair::new(name, value))
            .collect(),
        metrics: entry
            .judgement
            .as_ref()
            .map(metric_rows)
            .unwrap_or_default(),
        classes: class_sections(entry.cell),
    }
}

fn class_sections(cell: &Cell) -> Vec<ClassSection> {
    let tables = read_classes(cell).unwrap_or_default();
    let section = |table: &ClassTable| ClassSection {
        name: table.name.clone(),
        headings: words::headings(table),
        rows: words::rows(table),
        notes: words::notes(table),
    };
    tables.iter().map(section).collect()
}

/// Growth with its interval: `+1.00 MiB per hour (95 % interval +0.99 MiB to …)`.
fn rate_words([value, low, high]: [f64; 3], unit: Unit, per: &str) -> String {
    let (low, high) = interval_text(low, high, unit);
    format!(
        "{} per {per} (95 % interval {low} to {high})",
        signed_amount_text(value, unit)
    )
}

/// Every metric on its own, if there are several.
fn metric_rows(judgement: &CellJudgement) -> Vec<MetricRow> {
    if judgement.metrics.len() < 2 {
        return Vec::new();
    }
    let row = |MetricJudgement { metric, judgement }: &MetricJudgement| {
        let metric = Metric::named(metric);
        let unit = metric.unit.judged();
        let growth = |rate: Option<[f64; 3]>, per| {
            rate.map_or_else(|| "–".to_owned(), |rate| rate_words(rate, unit, per))
        };
        MetricRow {
            name: metric.label,
            verdict: judgement.verdict.to_string(),
            shape: judgement.shape.to_string(),
            per_operation: growth(per_operation(judgement), "operation"),
            per_hour: growth(per_hour(judgement), "hour"),
        }
    };
    judgement.metrics.iter().map(row).collect()
}

fn pairs(entry: &Entry<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut push = |name: &str, value: Option<String>| {
        pairs.extend(value.filter(|v| !v.is_empty()).map(|v| Pair::new(name, v)));
    };
    let plan = &entry.cell.plan;
    if let Some(judgement) = &entry.judgement {
        push(
            "Growth sits in",
            judgement.kind.map(|kind| kind.to_string()),
        );
        let metric = Metric::named(&judgement.metric);
        let unit = metric.unit.judged();
        let deciding = judgement.deciding();
        push("Shape", deciding.map(|d| d.shape.to_string()));
        push("Decided by", Some(metric.label));
        let growth = |rate: Option<[f64; 3]>, per| Some(rate_words(rate?, unit, per));
        push(
            "Growth per operation",
            growth(deciding.and_then(per_operation), "operation"),
        );
        push(
            "Growth per hour",
            growth(deciding.and_then(per_hour), "hour"),
        );
        let words = |value: f64| amount_text(value, unit);
        let accepted = deciding.and_then(|d| {
            let per_op = d.budget_bytes_per_op.map(|b| (b, "operation"));
            per_op.or(d.budget_bytes_per_hour.map(|b| (b, "hour")))
        });
        push(
            "Accepted growth",
            accepted.map(|(budget, per)| format!("{} per {per}", words(budget))),
        );
        push(
            "Smallest growth it would have shown",
            deciding
                .and_then(|d| d.resolution_bytes_per_hour)
                .map(|b| format!("{} per hour", words(b))),
        );
        let time = |seconds: Option<f64>| seconds.map(duration_text);
        push(
            "Settled after",
            time(deciding.and_then(|d| d.settled_after_s)),
        );
        push(
            "Needs to run for",
            time(deciding.and_then(|d| d.needs_s)).map(|s| format!("{s} more")),
        );
        push(
            "Reaches the limit in",
            time(deciding.and_then(|d| d.time_to_limit_s)),
        );
    }
    let formula = plan
        .retained_bytes_per_operation
        .map(|b| format!("{} per operation: {}", bytes_text(b), plan.retained_formula));
    push("By the formula", formula);
    let figures = &entry.figures;
    let heap = figures.memory_column.as_deref().map(Metric::named);
    push("Measured", heap.map(|metric| metric.label));
    push("Peak", figures.memory_peak_bytes.map(bytes_text));
    push("After the drain", figures.after_drain_bytes.map(bytes_text));
    push("Drain", figures.released.map(|released| released.words()));
    push("Operations", figures.operations.map(number_text));
    push(
        "Operations per second",
        figures.operations_per_s.map(number_text),
    );
    push(
        "Ran for",
        (figures.elapsed_s > 0.0).then(|| duration_text(figures.elapsed_s)),
    );
    push("Samples", Some(count_text(figures.rows as u64)));
    push("An operation is", Some(plan.operation.clone()));
    let parameters: Vec<String> = plan
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    push("Parameters", Some(parameters.join(", ")));
    push("Command", Some(shell_line(&plan.command)));
    pairs
}

/// What a reader should know about how the cell went.
fn remarks(entry: &Entry<'_>) -> Vec<String> {
    const MAX_RESTARTS: usize = 5;
    let status = &entry.cell.status;
    let mut remarks = Vec::new();
    if entry.standing == Standing::Running {
        remarks.push(running_remark(entry));
    }
    if let Some(outcome) = status.outcome.filter(|o| *o != Outcome::Completed) {
        remarks.push(format!(
            "This cell {}.",
            outcome_sentence(outcome, status.signal, status.exit_code)
        ));
    }
    // Of a cell that did what was asked, the message says how long; the figures do as well.
    let message = match status.outcome {
        Some(Outcome::Completed) => String::new(),
        _ => status.message.clone(),
    };
    remarks.extend(
        [message, status.hint.clone()]
            .into_iter()
            .filter(|s| !s.is_empty()),
    );
    if entry.figures.rows == 0 && entry.standing != Standing::Planned {
        remarks.push("There is no sample: nothing can be drawn or judged.".to_owned());
    } else if entry.figures.memory_column.as_deref() == Some(leaklab_run::columns::RSS_BYTES) {
        remarks.push(
            "The heap was not read from inside the program; resident memory stands in for it, \
             and shows what the allocator keeps as well."
                .to_owned(),
        );
    }
    if !entry.damage.is_empty() {
        let damage = entry.damage.join("; ");
        remarks.push(format!("The record is not whole: {damage}."));
    }
    let counted = [
        (
            status.malformed_lines,
            "line of the program was not of the protocol",
            "lines of the program were not of the protocol",
        ),
        (
            status.missed_samples,
            "tick has no heap figures",
            "ticks have no heap figures",
        ),
    ];
    for (amount, one, many) in counted {
        if amount > 0 {
            remarks.push(format!(
                "{} {}.",
                count_text(amount),
                if amount == 1 { one } else { many }
            ));
        }
    }
    if entry.torn {
        remarks.push("samples.csv ends in the middle of a row, which was left out.".to_owned());
    }
    remarks.extend(warnings_of(entry.cell));
    let events = entry.cell.events().unwrap_or_default();
    let restarts = events.into_iter().filter_map(|event| match event.kind {
        EventKind::Restart => Some(format!(
            "The counters began anew at {}: the program was restarted or replaced itself.",
            duration_text(event.elapsed_ms / 1000.0)
        )),
        _ => None,
    });
    remarks.extend(restarts.take(MAX_RESTARTS));
    remarks
}

fn outcome_sentence(outcome: Outcome, signal: Option<i32>, code: Option<i32>) -> String {
    let words = outcome_words(outcome);
    match (signal, code) {
        (Some(signal), _) => format!("{words} (signal {signal})"),
        (None, Some(code)) => format!("{words} (exit code {code})"),
        (None, None) => words.to_owned(),
    }
}

/// A file does not know whether its writer lives; the age of its last row is what there is.
fn running_remark(entry: &Entry<'_>) -> String {
    let written = std::fs::metadata(entry.cell.folder.join("samples.csv"))
        .and_then(|file| file.modified())
        .ok();
    let age = written.and_then(|at| at.elapsed().ok()).map(|age| {
        let age = duration_text(age.as_secs_f64());
        format!(" Its last row was written {age} before this page was made.")
    });
    let state = match entry.life {
        Some(RunLife::Running) => "This cell is running.",
        Some(RunLife::Gone) => {
            "This cell never ended: its harness died without a word. What it wrote is shown."
        }
        _ => "This cell has not ended: it still runs, or its harness died without a word.",
    };
    format!("{state}{}", age.unwrap_or_default())
}

/// The files of a cell that exist, beside the page.
pub(super) fn files(cell: &Cell) -> Vec<Link> {
    const FILES: [&str; 6] = [
        "samples.csv",
        "events.jsonl",
        "status.json",
        "verdict.json",
        "stdout.log",
        "stderr.log",
    ];
    const MAX_PROFILES: usize = 50;
    let folder = cell.folder.file_name().unwrap_or_default();
    let folder = percent_encoded(&folder.to_string_lossy());
    let mut links: Vec<Link> = FILES
        .into_iter()
        .filter(|name| cell.folder.join(name).is_file())
        .map(|name| Link {
            href: format!("./{folder}/{name}"),
            name: name.to_owned(),
        })
        .collect();
    let mut profiles: Vec<String> = std::fs::read_dir(cell.folder.join("heap"))
        .into_iter()
        .flatten()
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".heap"))
        .collect();
    profiles.sort();
    links.extend(profiles.into_iter().take(MAX_PROFILES).map(|name| Link {
        href: format!("./{folder}/heap/{}", percent_encoded(&name)),
        name: format!("heap/{name}"),
    }));
    links
}

/// A path segment of a URL: all but unreserved characters encoded.
pub(super) fn percent_encoded(segment: &str) -> String {
    const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(segment, SEGMENT).to_string()
}

/// A command line that a POSIX shell reads back as the same words.
pub(super) fn shell_line(words: &[String]) -> String {
    // What no shell can hold, a NUL, is in no command that ever ran.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_stays_a_path_whatever_the_folder_is_called() {
        assert_eq!(percent_encoded("a--b.c_d~"), "a--b.c_d~");
        assert_eq!(
            percent_encoded("\"><b>?#%/é"),
            "%22%3E%3Cb%3E%3F%23%25%2F%C3%A9"
        );
    }

    #[test]
    fn growth_is_told_with_its_sign_and_the_ends_of_its_interval() {
        assert_eq!(
            rate_words([1024.0, -512.0, 2560.0], Unit::Bytes, "hour"),
            "+1.00 KiB per hour (95 % interval -512 B to 2.50 KiB)"
        );
        assert_eq!(
            rate_words([1024.0, 1023.0, 1025.0], Unit::Count, "operation"),
            "+1,024 per operation (95 % interval 1,023 to 1,025)"
        );
    }

    #[test]
    fn a_command_is_quoted_for_the_shell() {
        let words = ["leaklab", "run", "a b", "it's", "", "x;y"].map(str::to_owned);
        let read = shlex::split(&shell_line(&words)).expect("words");
        assert_eq!(read, words);
    }
}
