//! A fleet in words, as metrics, and as rules for alerts.

use super::{ACCEPTED_RATE, Row};
use leaklab_judge::Verdict;
use leaklab_judge::amount::{bytes_text, count_text, duration_text, interval_text, plural};
use std::fmt::Write;

/// Services that are shown in words; all are in JSON and on the page.
const MOST_SHOWN: usize = 50;

/// The ranked rows in words. `rows` are as [`super::rank`] leaves them.
pub fn text(rows: &[Row]) -> String {
    let count = |verdict: Verdict| {
        let of = rows.iter().filter(|row| row.judgement.verdict == verdict);
        count_text(of.count() as u64)
    };
    let found: Vec<&Row> = rows.iter().filter(|row| row.is_discovery()).collect();
    let mut text = format!(
        "{}: {} leak, {} no-leak, {} inconclusive ({:.0} %); {}, of which {:.0} % may be false on average\n",
        plural(rows.len() as u64, "service"),
        count(Verdict::Leak),
        count(Verdict::NoLeak),
        count(Verdict::Inconclusive),
        100.0 * undecided_share(rows),
        match found.len() {
            1 => "1 discovery".to_owned(),
            more => format!("{} discoveries", count_text(more as u64)),
        },
        ACCEPTED_RATE * 100.0,
    );
    let leaks: Vec<&Row> = (rows.iter())
        .filter(|row| row.is_discovery() || row.judgement.verdict == Verdict::Leak)
        .collect();
    for row in leaks.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "  {}\n    {}", row.name(), said(row));
    }
    more(&mut text, leaks.len());
    let is_open = |row: &&Row| row.judgement.verdict == Verdict::Inconclusive;
    let open: Vec<&Row> = (rows.iter())
        .filter(|row| is_open(row) && !row.is_discovery())
        .collect();
    if !open.is_empty() {
        text.push_str("not decided:\n");
    }
    for row in open.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "  {}\n    {}", row.name(), said(row));
    }
    more(&mut text, open.len());
    let is_level = |row: &&Row| row.judgement.verdict == Verdict::NoLeak && !row.is_discovery();
    let of_note: Vec<&Row> = (rows.iter())
        .filter(is_level)
        .filter(|row| row.at_limit.is_some() || row.is_cured())
        .collect();
    if !of_note.is_empty() {
        text.push_str("of note:\n");
    }
    for row in of_note.iter().take(MOST_SHOWN) {
        let _ = writeln!(text, "  {}\n    {}", row.name(), said(row));
    }
    more(&mut text, of_note.len());
    text
}

/// Share of the services of which nothing could be said.
pub fn undecided_share(rows: &[Row]) -> f64 {
    let open = (rows.iter()).filter(|row| row.judgement.verdict == Verdict::Inconclusive);
    open.count() as f64 / rows.len().max(1) as f64
}

fn more(text: &mut String, count: usize) {
    let left = count.saturating_sub(MOST_SHOWN);
    if left > 0 {
        let _ = writeln!(text, "  and {} more", count_text(left as u64));
    }
}

/// What is said of one service: its verdict and rate, or why there is none.
pub(super) fn said(row: &Row) -> String {
    let discovery = if row.is_discovery() { "yes" } else { "no" };
    let part = (row.part.as_ref()).map_or_else(String::new, |part| format!("{part}: "));
    let words = match row.judgement.verdict {
        Verdict::Inconclusive => format!("{}{}", row.judgement.reason, limit(row)),
        _ => format!("{}{}", growth(row), limit(row)),
    };
    format!(
        "{}, discovery: {discovery}; {part}{words}",
        row.judgement.verdict
    )
}

/// `+11.4 MiB per hour (11.3 to 11.5)`.
fn growth(row: &Row) -> String {
    let judgement = &row.judgement;
    let unit = leaklab_judge::Unit::Bytes;
    match (
        judgement.slope_bytes_per_hour,
        judgement.slope_low_bytes_per_hour,
        judgement.slope_high_bytes_per_hour,
    ) {
        (Some(slope), Some(low), Some(high)) => {
            let (low, high) = interval_text(low, high, unit);
            format!("{} per hour ({low} to {high})", bytes_text(slope))
        }
        _ => "no rate".to_owned(),
    }
}

/// `, at its limit of 512 MiB in 3 d 2 h`.
fn limit(row: &Row) -> String {
    if let (Some(limit), Some(at)) = (row.limit_bytes, row.at_limit) {
        let verb = if at.is_reached {
            "reached"
        } else {
            "all but reached"
        };
        return format!(
            ", its limit of {} {verb} with {}",
            bytes_text(limit),
            bytes_text(at.highest_bytes)
        );
    }
    match (row.limit_bytes, row.judgement.time_to_limit_s) {
        (Some(limit), Some(left)) => {
            format!(
                ", at its limit of {} in {}",
                bytes_text(limit),
                duration_text(left)
            )
        }
        _ => String::new(),
    }
}

/// A label's value as Prometheus writes it.
fn quoted(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn labels(row: &Row) -> String {
    let words: Vec<String> = row
        .labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", quoted(value)))
        .collect();
    words.join(",")
}

/// The rows as OpenMetrics, for a text collector or a push gateway.
pub fn open_metrics(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, value: &dyn Fn(&Row) -> Option<f64>| {
        let _ = writeln!(text, "# TYPE {name} gauge\n# HELP {name} {help}");
        for row in rows {
            if let Some(value) = value(row).filter(|value| value.is_finite()) {
                let _ = writeln!(text, "{name}{{{}}} {value}", labels(row));
            }
        }
    };
    family(
        "leaklab_discovery",
        "1 where memory is discovered to leak.",
        &|row| Some(f64::from(u8::from(row.is_discovery()))),
    );
    family(
        "leaklab_growth_bytes_per_hour",
        "Sustained growth of memory.",
        &|row| row.judgement.slope_bytes_per_hour,
    );
    family(
        "leaklab_growth_low_bytes_per_hour",
        "Lower end of the interval of the growth.",
        &|row| row.judgement.slope_low_bytes_per_hour,
    );
    family(
        "leaklab_time_to_limit_seconds",
        "Time until memory reaches its limit.",
        &|row| row.judgement.time_to_limit_s.filter(|_| row.is_discovery()),
    );
    text.push_str("# EOF\n");
    text
}

/// Rules of Prometheus that fire on what [`open_metrics`] wrote.
pub fn alert_rules() -> String {
    "groups:
- name: leaklab
  rules:
  - alert: MemoryLeak
    expr: leaklab_discovery == 1
    labels: {severity: warning}
    annotations:
      summary: memory grows without end
  - alert: MemoryLeakReachesLimit
    expr: leaklab_time_to_limit_seconds < 3 * 86400
    labels: {severity: critical}
    annotations:
      summary: memory reaches its limit within three days
"
    .to_owned()
}
