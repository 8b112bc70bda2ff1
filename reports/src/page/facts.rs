//! What the page says about one cell beside its charts: figures, remarks, files.

use super::RunLife;
use super::gather::Entry;
use super::judgement::{Estimate, Judgement};
use super::series::memory_name;
use super::standing::{Standing, outcome_words, verdict_words};
use super::words;
use leaklab_run::{Cell, EventKind, Outcome};
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
    pub metrics: Vec<MetricRow>,
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
        verdict: verdict_words(entry.cell, entry.judgement.as_ref(), entry.standing),
        reason: entry
            .judgement
            .as_ref()
            .map_or_else(String::new, |j| j.reason.clone()),
        summary: entry.cell.plan.summary.clone(),
        figures: pairs(entry),
        remarks: remarks(entry),
        metrics: entry
            .judgement
            .as_ref()
            .map(metric_rows)
            .unwrap_or_default(),
    }
}

/// An estimate with its interval: `+1.00 MiB per hour (95 % interval +0.99 MiB to …)`.
pub(super) fn estimate_words(estimate: &Estimate, counts: bool, unit: &str) -> String {
    if counts {
        let words = words::signed_number;
        let value = words(estimate.value);
        return match (estimate.low, estimate.high) {
            (Some(low), Some(high)) => {
                format!(
                    "{value} per {unit} (95 % interval {} to {})",
                    words(low),
                    words(high)
                )
            }
            _ => format!("{value} per {unit}"),
        };
    }
    let value = words::signed_bytes(estimate.value);
    match (estimate.low, estimate.high) {
        (Some(low), Some(high)) => {
            let (low, high) = words::interval(low, high, true);
            format!("{value} per {unit} (95 % interval {low} to {high})")
        }
        _ => format!("{value} per {unit}"),
    }
}

/// Every metric on its own, if there are several.
fn metric_rows(judgement: &Judgement) -> Vec<MetricRow> {
    if judgement.metrics.len() < 2 {
        return Vec::new();
    }
    judgement
        .metrics
        .iter()
        .map(|metric| {
            let growth = |estimate: &Option<Estimate>, unit| {
                estimate.as_ref().map_or_else(
                    || "–".to_owned(),
                    |e| estimate_words(e, metric.counts(), unit),
                )
            };
            MetricRow {
                name: memory_name(&metric.metric).to_owned(),
                verdict: metric.verdict.clone(),
                shape: metric.shape.clone().unwrap_or_default(),
                per_operation: growth(&metric.per_operation, "operation"),
                per_hour: growth(&metric.per_hour, "hour"),
            }
        })
        .collect()
}

fn pairs(entry: &Entry<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut push = |name: &str, value: Option<String>| {
        pairs.extend(value.filter(|v| !v.is_empty()).map(|v| Pair::new(name, v)));
    };
    let plan = &entry.cell.plan;
    if let Some(judgement) = &entry.judgement {
        push("Growth sits in", judgement.kind.clone());
        let deciding = &judgement.deciding;
        push("Shape", deciding.shape.clone());
        let counts = deciding.counts();
        push("Decided by", Some(memory_name(&deciding.metric).to_owned()));
        let growth = |estimate: &Option<Estimate>, unit| {
            let estimate = estimate.as_ref()?;
            Some(estimate_words(estimate, counts, unit))
        };
        push(
            "Growth per operation",
            growth(&deciding.per_operation, "operation"),
        );
        push("Growth per hour", growth(&deciding.per_hour, "hour"));
        let words = if counts { words::number } else { words::bytes };
        let accepted = judgement
            .budget_per_operation
            .map(|b| format!("{} per operation", words(b)))
            .or(judgement
                .budget_per_hour
                .map(|b| format!("{} per hour", words(b))));
        push("Accepted growth", accepted);
        push(
            "Smallest growth it would have shown",
            judgement
                .resolution_per_hour
                .map(|b| format!("{} per hour", words(b))),
        );
        push(
            "Settled after",
            judgement.settled_after_s.map(words::seconds),
        );
        push(
            "Needs to run for",
            judgement
                .needs_s
                .map(|s| format!("{} more", words::seconds(s))),
        );
        push(
            "Reaches the limit in",
            judgement.time_to_limit_s.map(words::seconds),
        );
    }
    let formula = plan.retained_bytes_per_operation.map(|b| {
        format!(
            "{} per operation: {}",
            words::bytes(b),
            plan.retained_formula
        )
    });
    push("By the formula", formula);
    let figures = &entry.figures;
    let heap = figures.heap_column.as_deref().map(memory_name);
    push("Measured", heap.map(str::to_owned));
    push("Peak", figures.heap_peak_bytes.map(words::bytes));
    push(
        "After the drain",
        figures.after_drain_bytes.map(words::bytes),
    );
    push("Operations", figures.operations.map(words::count));
    push(
        "Operations per second",
        figures.operations_per_s.map(words::number),
    );
    push(
        "Ran for",
        (figures.elapsed_s > 0.0).then(|| words::seconds(figures.elapsed_s)),
    );
    push("Samples", Some(words::count(figures.rows as f64)));
    push("An operation is", Some(plan.operation.clone()));
    let parameters: Vec<String> = plan
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    push("Parameters", Some(parameters.join(", ")));
    push("Command", Some(words::shell_line(&plan.command)));
    pairs
}

/// What a reader should know about how the cell went.
fn remarks(entry: &Entry<'_>) -> Vec<String> {
    const MAX_WARNINGS: usize = 5;
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
    } else if entry.figures.heap_column.as_deref() == Some(leaklab_run::columns::RSS_BYTES) {
        remarks.push(
            "The heap was not read from inside the program; resident memory stands in for it, \
             and shows what the allocator keeps as well."
                .to_owned(),
        );
    }
    let counted = [
        (
            entry.damaged_rows as u64,
            "row of samples.csv could not be read",
            "rows of samples.csv could not be read",
        ),
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
            remarks.push(format!("{}.", words::plural(amount as usize, one, many)));
        }
    }
    if entry.torn {
        remarks.push("samples.csv ends in the middle of a row, which was left out.".to_owned());
    }
    let events = entry.cell.events().unwrap_or_default();
    let warnings = events.into_iter().filter_map(|event| match event.kind {
        EventKind::Warning { message } => Some(message),
        EventKind::Restart => Some(format!(
            "The counters began anew at {}: the program was restarted or replaced itself.",
            words::seconds(event.elapsed_ms / 1000.0)
        )),
        _ => None,
    });
    remarks.extend(warnings.take(MAX_WARNINGS));
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
        let age = words::seconds(age.as_secs_f64());
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
    segment
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
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
    fn an_interval_is_told_only_if_it_is_known() {
        let mut estimate = Estimate {
            value: 1024.0,
            low: Some(-512.0),
            high: Some(2560.0),
        };
        assert_eq!(
            estimate_words(&estimate, false, "hour"),
            "+1.00 KiB per hour (95 % interval -512 B to +2.50 KiB)"
        );
        estimate.low = None;
        assert_eq!(
            estimate_words(&estimate, false, "hour"),
            "+1.00 KiB per hour"
        );
        assert_eq!(
            estimate_words(&estimate, true, "operation"),
            "+1,024 per operation"
        );
    }
}
