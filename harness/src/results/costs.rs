//! What each variant bounds and costs, measured: a table below the closing one.

use crate::commands::plain_table;
use crate::results::judged::JudgedCell;
use leaklab_judge::amount::{bytes_text, number_text};
use leaklab_reports::cell::{Costs, Summary};
use leaklab_run::Outcome;

/// A row per cell that counts what it delivers; `None` if no cell does.
pub fn costs_table(judged: &[JudgedCell<'_>]) -> Option<String> {
    let counting: Vec<_> = judged
        .iter()
        .filter_map(|one| {
            let mut samples = Summary::default();
            (one.cell.stream(Costs::needs, |part| samples.push(part))).ok()?;
            let figures = Costs::of(&samples)?;
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
        "peak memory",
        "descriptors, peak",
        "delivered",
        "delivered/s",
        "dropped",
        "refused",
        "verdict",
    ]);
    for (one, figures) in counting {
        let per_operation = one
            .memory()
            .and_then(|memory| memory.judgement.slope_bytes_per_op);
        table.add_row([
            one.cell.plan.id.clone(),
            shown(per_operation, bytes_text),
            shown(figures.peak_memory_bytes, bytes_text),
            shown(figures.descriptors_peak, number_text),
            shown(figures.delivered, number_text),
            shown(figures.delivered_per_s, number_text),
            shown(figures.dropped, number_text),
            shown(figures.refused, number_text),
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
