//! Columns and readings that are left out, and what is said of them.

use super::column::Column;
use super::unit::{ValueUnit, is_of_process};
use super::{Metric, Note, Table};
use leaklab_judge::amount::{count_text, plural};

/// No program has no memory: zeros at the end of a table are those of one that has ended, and
/// no readings.
pub(super) fn zeros_of_an_ended_program(
    column: &Column,
    mut values: Vec<f64>,
    notes: &mut Vec<Note>,
) -> Vec<f64> {
    if !column.is_of_table || column.unit == Some(ValueUnit::Count) {
        return values;
    }
    let has_ended = |value: &f64| *value == 0.0 || value.is_nan();
    let end = values.iter().rposition(|value| !has_ended(value));
    let start = end.map_or(values.len(), |last| last + 1);
    let zeros = values[start..].iter().filter(|value| **value == 0.0);
    let count = zeros.count() as u64;
    if count > 0 {
        values[start..].fill(f64::NAN);
        let last = if count == 1 { "reading" } else { "readings" };
        notes.push(Note::on(
            &column.name,
            format!(
                "the last {} {last} of `{}` {} 0, as of a program that has ended, and {} left out",
                count_text(count),
                column.name,
                if count == 1 { "is" } else { "are" },
                if count == 1 { "was" } else { "were" },
            ),
        ));
    }
    values
}

/// A column that was taken by its name alone and holds nothing is no metric.
pub(super) fn leave_out_columns_without_readings(table: &mut Table) {
    let is_filled = |metric: &Metric| metric.values.iter().any(|value| !value.is_nan());
    if !table.metrics.iter().any(|m| is_filled(m) && !m.is_beside) {
        return;
    }
    let metrics = std::mem::take(&mut table.metrics);
    let (filled, empty): (Vec<_>, Vec<_>) = metrics.into_iter().partition(is_filled);
    table.metrics = filled;
    for metric in empty {
        let name = metric.name;
        table
            .notes
            .retain(|note| note.metric.as_ref() != Some(&name));
        table.notes.push(Note {
            text: format!("`{name}` has no readings and was left out"),
            metric: Some(name),
        });
    }
}

/// A column that was taken by its name alone, and may count anything, is no metric beside
/// others that are clear: of which something says what they count. All the memory of a process is
/// more than they may show, and stays. Beside columns that are as nameless, and merely larger, it
/// may be the memory, and they something else: it stays unless it stands still.
pub(super) fn leave_out_columns_in_doubt(table: &mut Table) {
    let is_clear = |metric: &Metric| metric.doubt.is_none() && !metric.is_beside;
    if !table.metrics.iter().any(is_clear) {
        return;
    }
    let is_said = |metric: &Metric| is_clear(metric) && metric.unit_is_said;
    let some_are_said = table.metrics.iter().any(is_said);
    let moves = |metric: &Metric| {
        let mut known = metric.values.iter().filter(|value| value.is_finite());
        let first = known.next();
        known.any(|value| Some(value) != first)
    };
    let metrics = std::mem::take(&mut table.metrics);
    let (mut clear, doubtful): (Vec<_>, Vec<_>) = metrics.into_iter().partition(|metric| {
        let may_be_memory = !some_are_said && moves(metric);
        metric.doubt.is_none() || may_be_memory || is_of_process(&metric.name)
    });
    if !some_are_said {
        for doubt in clear.iter_mut().filter_map(|metric| metric.doubt.as_mut()) {
            doubt.push_str("; or name the column that is memory with --value");
        }
    }
    table.metrics = clear;
    for Metric { name, doubt, .. } in doubtful {
        let why = doubt.unwrap_or_default();
        table.notes.push(Note {
            text: format!("`{name}` was left out beside others: {why}"),
            metric: Some(name),
        });
    }
}

/// How many series were left out because their metric is no memory.
pub(super) fn other_metrics(count: usize) -> String {
    format!(
        "{} of other metrics left out; pick one with --only",
        match count {
            1 => "1 series".to_owned(),
            more => format!("{} series", count_text(more as u64)),
        }
    )
}

pub(super) fn note_missing_readings(table: &mut Table) {
    let missing = |values: &[f64]| values.iter().filter(|value| value.is_nan()).count() as u64;
    let rows = table.time_s.len() as u64;
    for metric in &table.metrics {
        let words = match missing(&metric.values) {
            0 => continue,
            1 => "is empty or NaN and was left out",
            _ => "are empty or NaN and were left out",
        };
        table.notes.push(Note {
            metric: Some(metric.name.clone()),
            text: format!(
                "{} of {} of `{}` {words}",
                count_text(missing(&metric.values)),
                plural(rows, "reading"),
                metric.name,
            ),
        });
    }
    let operations = table.operations.as_deref().map_or(0, missing);
    if operations > 0 {
        let verb = if operations == 1 { "is" } else { "are" };
        table.notes.push(Note::on_all(format!(
            "{} of {} of operations {verb} empty or NaN; a budget per operation leaves such rows out",
            count_text(operations),
            plural(rows, "count"),
        )));
    }
}
