//! Which classes of a cell grow, as text and for machines.

use crate::commands::plain_table;
use crate::words::clean_line;
use leaklab_reports::classes::{ClassTable, words};
use std::fmt::Write;

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
    let headings = words::headings(table);
    let mut shown = plain_table(&headings.each_ref().map(String::as_str));
    let rows = words::rows(table);
    for row in &rows {
        shown.add_row(row.each_ref().map(|cell| clean_line(cell).to_string()));
    }
    // Writing to a String cannot fail.
    let _ = match (rows.is_empty(), table.takings) {
        (false, _) => writeln!(text, "{}:\n{shown}", table.name),
        (true, 0 | 1) => writeln!(
            text,
            "{}: nothing was taken that can be compared",
            table.name
        ),
        (true, _) => writeln!(text, "{}: nothing grew between the takings", table.name),
    };
    for note in words::notes(table) {
        let _ = writeln!(text, "{}", clean_line(&note));
    }
    text
}
