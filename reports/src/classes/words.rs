//! A table of classes in words: what terminal and page show, said once.

use super::behaviour::ClassBehaviour;
use super::growth::{ClassRow, ClassTable, Compared, ComparedRow};
use super::{Format, statistics::Slope};
use leaklab_judge::Unit;
use leaklab_judge::amount::{amount_text, bytes_text, count_text, duration_text, number_text};
use std::collections::BTreeSet;

/// Rows that are shown.
const ROWS: usize = 10;
/// Part of the growth below which a row is not shown, unless it grew steadily.
const LEAST_SHARE: f64 = 0.005;
/// Most characters of a key that are shown: its end, which tells places apart.
const LONGEST_KEY: usize = 44;
/// Rows of a comparison that are shown.
const COMPARED_ROWS: usize = 5;
/// Ways that are shown, and steps of each.
const WAYS: usize = 3;
const STEPS: usize = 6;

/// The names of the columns.
pub fn headings(table: &ClassTable) -> [String; 7] {
    let per = per(table);
    let amount = if table.has_bytes { "bytes" } else { "count" };
    let format = table.format.parse::<Format>();
    let key = format.map_or("key", |format| format.key_word());
    [
        "share".to_owned(),
        format!("{amount}/{per} (95 %)"),
        format!("count/{per}"),
        "rises".to_owned(),
        "count".to_owned(),
        "behaviour".to_owned(),
        key.to_owned(),
    ]
}

fn per(table: &ClassTable) -> &'static str {
    match table.operations {
        Some(_) => "op",
        None => "h",
    }
}

/// The rows that matter: what grew steadily, then what is more than it was.
pub fn rows(table: &ClassTable) -> Vec<[String; 7]> {
    shown_rows(table).map(|row| cells(row, table)).collect()
}

fn shown_rows(table: &ClassTable) -> impl Iterator<Item = &ClassRow> {
    let is_worth_a_row =
        |row: &&ClassRow| row.behaviour == ClassBehaviour::GrewSteadily || row.share >= LEAST_SHARE;
    table.rows.iter().filter(is_worth_a_row).take(ROWS)
}

fn cells(row: &ClassRow, table: &ClassTable) -> [String; 7] {
    [
        match row.share > 0.0 {
            true => format!("{:.0} %", 100.0 * row.share),
            false => "-".to_owned(),
        },
        row.slope
            .map_or_else(|| "-".to_owned(), |slope| slope_words(slope, table)),
        row.count_slope.map_or_else(|| "-".to_owned(), number_text),
        format!("{} of {}", row.rises, row.steps),
        format!(
            "{} to {}",
            count_text(row.first.count),
            count_text(row.last.count)
        ),
        row.behaviour.words().to_owned(),
        shown_key(&row.key),
    ]
}

fn shown_key(key: &str) -> String {
    let length = key.chars().count();
    match length > LONGEST_KEY {
        true => format!(
            "…{}",
            key.chars()
                .skip(length - LONGEST_KEY + 1)
                .collect::<String>()
        ),
        false => key.to_owned(),
    }
}

fn slope_words(slope: Slope, table: &ClassTable) -> String {
    let amount = |value: f64| match table.has_bytes {
        true => amount_text(value, Unit::Bytes),
        false => number_text(value),
    };
    let (low, high) = (amount(slope.low), amount(slope.high));
    format!("{} ({low} to {high})", amount(slope.value))
}

/// What else is to be said: what the behaviours leave open, what keeps objects, how many keys were
/// tested, what rules took, and what could not be taken.
pub fn notes(table: &ClassTable) -> Vec<String> {
    let open: BTreeSet<&str> = shown_rows(table)
        .filter_map(|row| row.behaviour.note())
        .collect();
    let mut notes: Vec<String> = open.into_iter().map(str::to_owned).collect();
    let with_way = shown_rows(table).filter(|row| !row.path.is_empty());
    for row in with_way.take(WAYS) {
        let steps: Vec<&str> = row.path.iter().take(STEPS).map(String::as_str).collect();
        let more = if row.path.len() > STEPS { " < …" } else { "" };
        notes.push(format!("kept: {} < {}{more}", row.key, steps.join(" < ")));
    }
    notes.push(format!(
        "{} takings in {}; {} of {} keys were large enough to be tested and changed, at a false \
         discovery rate of 5 %",
        table.takings,
        duration_text(table.hours * 3600.0),
        count_text(table.tested as u64),
        count_text(table.keys as u64),
    ));
    for compared in &table.compared {
        notes.extend(compared_words(compared, table.has_bytes));
    }
    notes.extend(table.problems.iter().cloned());
    notes
}

/// The growth of the first row in a sentence, if it grew steadily.
pub fn top_words(table: &ClassTable) -> Option<String> {
    let row = table.top()?;
    let slope = slope_words(row.slope?, table);
    Some(format!(
        "{} grew by {slope} per {} in {} of {} steps: {:.0} % of the growth of {}",
        row.key,
        if table.operations.is_some() {
            "operation"
        } else {
            "hour"
        },
        row.rises,
        row.steps,
        100.0 * row.share,
        table.name
    ))
}

fn compared_words(compared: &Compared, has_bytes: bool) -> Vec<String> {
    let at = |ms: f64| duration_text(ms / 1e3);
    let head = format!(
        "rule {}: more at {} than at {}:",
        compared.rule,
        at(compared.to_ms),
        at(compared.from_ms)
    );
    let rows = compared.rows.iter().take(COMPARED_ROWS);
    let rows = rows.map(|row| format!("  {}", compared_row(row, has_bytes)));
    std::iter::once(head).chain(rows).collect()
}

/// `Session: 390,285 more (12 to 390,297), 24.0 MiB`.
fn compared_row(row: &ComparedRow, has_bytes: bool) -> String {
    let (before, after) = (row.before.count, row.after.count);
    let mut words = format!(
        "{}: {} more ({} to {})",
        shown_key(&row.key),
        count_text(after.saturating_sub(before)),
        count_text(before),
        count_text(after)
    );
    if has_bytes {
        let bytes = row.after.bytes as f64 - row.before.bytes as f64;
        words.push_str(&format!(", {}", bytes_text(bytes)));
    }
    words
}
