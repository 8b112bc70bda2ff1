//! The answer as a table for people.

use crate::commands::plain_table;
use leaklab_judge::Unit;
use leaklab_judge::amount::amount_text;
use leaklab_reports::attribution::{Answer, StackComparison};

/// The rows as a table, and what the profile could not have seen.
pub fn answer_text(answer: &Answer) -> String {
    let mut table = plain_table(&answer.heads());
    let rows = answer.shown_texts();
    let mut text = match rows.is_empty() {
        true => "no stack was sampled often enough to say anything of it\n".to_owned(),
        false => {
            table.add_rows(rows);
            format!("{table}\n")
        }
    };
    for sentence in answer.sentences() {
        text.push_str(&sentence);
        text.push('\n');
    }
    text
}

/// Two answers beside each other.
pub fn stack_comparison_text(comparison: &StackComparison) -> String {
    let unit = comparison.unit;
    let amount = |[value, low, high]: [f64; 3]| {
        let text = |bytes: f64| amount_text(bytes, Unit::Bytes);
        format!("{} ({} to {})", text(value), text(low), text(high))
    };
    let before = format!("before, bytes/{unit} (95 %)");
    let after = format!("after, bytes/{unit} (95 %)");
    let mut table = plain_table(&["stacks", &before, &after, "owner", "at"]);
    for row in &comparison.rows {
        table.add_row(vec![
            row.change.to_string(),
            amount(row.before),
            amount(row.after),
            row.function.clone(),
            row.location.clone(),
        ]);
    }
    let [first, second] = comparison
        .resolution
        .map(|bytes| amount_text(bytes, Unit::Bytes));
    let resolution = format!(
        "less than {first}/{unit} could not have been seen before, nor less than {second}/{unit} after"
    );
    match comparison.rows.is_empty() {
        true => format!("no stack leaks on either side; {resolution}\n"),
        false => format!("{table}\n{resolution}\n"),
    }
}
