//! What each remedy bounds and costs, measured: a table below the closing one.

use crate::commands::plain_table;
use crate::results::judged::JudgedCell;
use crate::text::{bytes_text, count_text};
use leaklab_reports::remedies::{RemedyFigures, needed};
use leaklab_run::Outcome;

/// A row per cell that counts what it delivers; `None` if no cell does.
pub fn remedies_table(judged: &[JudgedCell<'_>]) -> Option<String> {
    let counting: Vec<_> = judged
        .iter()
        .filter_map(|one| {
            let table = one.cell.samples(needed).ok()?;
            let figures = RemedyFigures::of(&table)?;
            figures.delivered?;
            Some((one, figures))
        })
        .collect();
    if counting.is_empty() {
        return None;
    }
    let mut table = plain_table(&[
        "what it costs",
        "per operation",
        "peak live heap",
        "descriptors, peak",
        "delivered",
        "delivered/s",
        "dropped",
        "refused",
        "verdict",
    ]);
    for (one, figures) in counting {
        let per_operation = one.memory().and_then(|memory| memory.slope_bytes_per_op);
        table.add_row([
            one.cell.plan.id.clone(),
            shown(per_operation, bytes_text),
            shown(figures.peak_heap_bytes, bytes_text),
            shown(figures.descriptors_peak, whole),
            shown(figures.delivered, whole),
            shown(figures.delivered_per_s, |rate| format!("{rate:.1}")),
            shown(figures.dropped, whole),
            shown(figures.refused, whole),
            match one.cell.status.outcome {
                Some(Outcome::Completed) => one.verdict_text(),
                _ => one.cell.status.message.clone(),
            },
        ]);
    }
    Some(format!("{table}\n"))
}

fn shown(value: Option<f64>, words: impl Fn(f64) -> String) -> String {
    value.map_or("-".to_owned(), words)
}

/// A count that came as a number.
fn whole(count: f64) -> String {
    count_text(count.max(0.0) as u64)
}
