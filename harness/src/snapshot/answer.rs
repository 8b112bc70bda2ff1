//! Which classes of a cell grow, as text and for machines.

use crate::commands::plain_table;
use leaklab_judge::Unit;
use leaklab_judge::amount::{amount_text, bytes_text, count_text, duration_text, number_text};
use leaklab_reports::classes::{ClassBehaviour, ClassRow, ClassTable, Compared, ComparedRow};
use std::fmt::Write;

/// Rows that are shown.
const ROWS: usize = 10;
/// Rows of a comparison that are shown.
const COMPARED_ROWS: usize = 5;
/// Steps of a way that are shown.
const STEPS: usize = 6;

/// The tables of a cell for people.
pub fn class_text(tables: &[ClassTable]) -> String {
    tables.iter().map(table_text).collect()
}

/// The tables of a cell for machines.
pub fn class_json(tables: &[ClassTable]) -> serde_json::Value {
    serde_json::to_value(tables).unwrap_or_default()
}

fn table_text(table: &ClassTable) -> String {
    let mut text = String::new();
    let per = if table.operations.is_some() {
        "op"
    } else {
        "h"
    };
    let amount = match table.has_bytes {
        true => format!("bytes/{per} (95 %)"),
        false => format!("count/{per} (95 %)"),
    };
    let counts = format!("count/{per}");
    let format = table.format.parse::<leaklab_reports::classes::Format>();
    let key = format.map_or("key", |format| format.key_word());
    let mut shown = plain_table(&[
        "share",
        &amount,
        &counts,
        "rises",
        "count",
        "behaviour",
        key,
    ]);
    let rows = table.rows.iter().filter(|row| is_worth_a_row(row, table));
    for row in rows.take(ROWS) {
        shown.add_row(cells(row, table));
    }
    // Writing to a String cannot fail.
    let _ = match table.rows.iter().any(|row| is_worth_a_row(row, table)) {
        true => writeln!(text, "{}:\n{shown}", table.name),
        false => writeln!(text, "{}: nothing changed between the takings", table.name),
    };
    for row in table.rows.iter().filter(|row| !row.path.is_empty()).take(3) {
        let steps: Vec<&str> = row.path.iter().take(STEPS).map(String::as_str).collect();
        let more = if row.path.len() > STEPS { " < …" } else { "" };
        let _ = writeln!(text, "kept: {} < {}{more}", row.key, steps.join(" < "));
    }
    let _ = writeln!(
        text,
        "{} takings in {}; {} of {} keys were large enough to be tested and changed, at a false \
         discovery rate of 5 %",
        table.takings,
        duration_text(table.hours * 3600.0),
        count_text(table.tested as u64),
        count_text(table.keys as u64),
    );
    for compared in &table.compared {
        compared_text(compared, table.has_bytes, &mut text);
    }
    for problem in &table.problems {
        let _ = writeln!(text, "{problem}");
    }
    text
}

fn is_worth_a_row(row: &ClassRow, table: &ClassTable) -> bool {
    row.behaviour == ClassBehaviour::GrewSteadily || row.change(table.has_bytes) > 0.0
}

fn cells(row: &ClassRow, table: &ClassTable) -> Vec<String> {
    let amount = |value: f64| match table.has_bytes {
        true => amount_text(value, Unit::Bytes),
        false => number_text(value),
    };
    let slope = row.slope.map_or_else(
        || "-".to_owned(),
        |slope| {
            let (low, high) = (amount(slope.low), amount(slope.high));
            format!("{} ({low} to {high})", amount(slope.value))
        },
    );
    vec![
        format!("{:.0} %", 100.0 * row.share),
        slope,
        row.count_slope.map_or_else(|| "-".to_owned(), number_text),
        format!("{} of {}", row.rises, row.steps),
        format!(
            "{} to {}",
            count_text(row.first.count),
            count_text(row.last.count)
        ),
        row.behaviour.words().to_owned(),
        crate::words::clean_line(&row.key).to_string(),
    ]
}

fn compared_text(compared: &Compared, has_bytes: bool, text: &mut String) {
    let at = |ms: f64| duration_text(ms / 1e3);
    let _ = writeln!(
        text,
        "rule {}: from {} to {}",
        compared.rule,
        at(compared.from_ms),
        at(compared.to_ms)
    );
    for row in compared.rows.iter().take(COMPARED_ROWS) {
        let _ = writeln!(text, "  {}", compared_row(row, has_bytes));
    }
}

/// `Session: 12 to 390,297, 390,285 more (+24.0 MiB)`.
fn compared_row(row: &ComparedRow, has_bytes: bool) -> String {
    let more = row.after.count.saturating_sub(row.before.count);
    let mut words = format!(
        "{}: {} to {}, {} more",
        crate::words::clean_line(&row.key),
        count_text(row.before.count),
        count_text(row.after.count),
        count_text(more)
    );
    if has_bytes {
        let bytes = row.after.bytes as f64 - row.before.bytes as f64;
        let _ = write!(words, " (+{})", bytes_text(bytes));
    }
    words
}
