//! The closing table of a run.

use crate::commands::plain_table;
use crate::results::judged::JudgedCell;
use crate::words::clean_line;
use leaklab_judge::MetricJudgement;
use leaklab_judge::amount::{bytes_text, count_text};
use leaklab_reports::cell::{
    MEMORY_COLUMNS, Metric, ReleasedLate, growth_text, load_ends, memory_of, warnings_of,
};
use leaklab_run::{Cell, State, columns};

/// What stands for operations that nobody counted.
const NOT_KNOWN: &str = "not known";

/// A row per cell: what it did, what it retained and should retain, and the verdict.
pub fn closing_table(judged: &[JudgedCell<'_>]) -> String {
    let mut table = plain_table(&[
        "variant",
        "role",
        "operations",
        "memory",
        "per operation",
        "formula",
        "expected",
        "verdict",
    ]);
    for one in judged {
        let cell = one.cell;
        let growth = one
            .shown()
            .and_then(|MetricJudgement { metric, judgement }| {
                let text = growth_text(judgement, Metric::named(metric).unit.judged())?;
                // The column says per what.
                Some(text.strip_suffix("/op").map(str::to_owned).unwrap_or(text))
            });
        table.add_row([
            cell.plan.id.clone(),
            cell.plan.role.clone(),
            cell.status
                .ops_total
                .map_or(NOT_KNOWN.to_owned(), count_text),
            memory_at_start_and_end(cell),
            growth.unwrap_or_else(|| "-".to_owned()),
            cell.plan
                .retained_bytes_per_operation
                .map_or("-".to_owned(), bytes_text),
            cell.plan.expected.clone().unwrap_or_else(|| "-".to_owned()),
            one.cell_text(),
        ]);
    }
    let mut text = format!("{table}\n");
    for cell in judged {
        match &cell.judgement {
            Ok(judgement)
                if cell.is_as_expected() != Some(true)
                    || cell.stopped_working_after_s().is_some() =>
            {
                text.push_str(&format!("\n{}: {}\n", cell.cell.plan.id, judgement.reason));
            }
            Ok(_) => {}
            Err(_) if cell.cell.status.state == State::Planned => {
                text.push_str(&format!("\n{}: not started\n", cell.cell.plan.id));
            }
            // How it ended was said when it ended.
            Err(_) if cell.cell.status.samples == 0 => {}
            Err(error) => text.push_str(&format!("\n{}: {error}\n", cell.cell.plan.id)),
        }
    }
    for cell in judged.iter().map(|one| one.cell) {
        let is_told = |warning: &String| cell.status.message.contains(warning.as_str());
        for warning in warnings_of(cell).iter().filter(|one| !is_told(one)) {
            text.push_str(&format!("\n{}: {}\n", cell.plan.id, clean_line(warning)));
        }
    }
    for one in judged {
        if let Some(released) = ReleasedLate::of_cell(one.cell) {
            text.push_str(&format!("\n{}: {}\n", one.cell.plan.id, released.words()));
        }
    }
    text
}

/// What is known of the memory, when the load began and when it ended.
fn memory_at_start_and_end(cell: &Cell) -> String {
    let ends = || {
        let table = cell.samples(|name| MEMORY_COLUMNS.contains(&name)).ok()?;
        let (name, values) = memory_of(&table)?;
        let [(_, first), (_, last)] = load_ends(&table, values)?;
        let what = match name {
            columns::ALLOCATED_BYTES => "live heap",
            columns::USED_BYTES => "heap in use",
            _ if cell.plan.control_group.is_some() => "anonymous and shared",
            _ => "RSS",
        };
        let (first, last) = (bytes_text(first), bytes_text(last));
        Some(format!("{what} {first} → {last}"))
    };
    ends().unwrap_or_else(|| "-".to_owned())
}
