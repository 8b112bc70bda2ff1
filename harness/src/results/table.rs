//! The closing table of a run.

use crate::commands::plain_table;
use crate::results::judged::JudgedCell;
use crate::text::{bytes_text, count_text};
use leaklab_run::{Cell, Phase, State, columns};

/// A row per cell: what it did, what it retained and should retain, and the verdict.
pub fn closing_table(judged: &[JudgedCell<'_>]) -> String {
    let mut table = plain_table(&[
        "variant",
        "role",
        "operations",
        "live heap",
        "per operation",
        "formula",
        "expected",
        "verdict",
    ]);
    for one in judged {
        let cell = one.cell;
        let shown = one.memory();
        let growth = match shown.map(|d| (d.slope_bytes_per_op, d.slope_bytes_per_hour)) {
            Some((Some(per_op), _)) => bytes_text(per_op),
            Some((None, Some(per_hour))) => format!("{}/h", bytes_text(per_hour)),
            _ => "-".to_owned(),
        };
        table.add_row([
            cell.plan.id.clone(),
            cell.plan.role.clone(),
            cell.status.ops_total.map_or("-".to_owned(), count_text),
            heap_at_start_and_end(cell),
            growth,
            cell.plan
                .retained_bytes_per_operation
                .map_or("-".to_owned(), bytes_text),
            cell.plan.expected.clone().unwrap_or_else(|| "-".to_owned()),
            one.verdict_text(),
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
    text
}

/// The live heap, or what comes closest to it, when the load began and when it ended.
fn heap_at_start_and_end(cell: &Cell) -> String {
    const CLOSEST: [&str; 3] = [
        columns::ALLOCATED_BYTES,
        columns::USED_BYTES,
        columns::RSS_BYTES,
    ];
    let values = || {
        let table = cell.samples(|name| CLOSEST.contains(&name)).ok()?;
        let column = CLOSEST.iter().find_map(|name| table.filled_column(name))?;
        let in_load = || {
            let pairs = column.iter().zip(&table.phase);
            pairs.filter(|(value, phase)| **phase == Phase::Load && !value.is_nan())
        };
        let (first, last) = (in_load().next()?.0, in_load().next_back()?.0);
        Some(format!("{} → {}", bytes_text(*first), bytes_text(*last)))
    };
    values().unwrap_or_else(|| "-".to_owned())
}
