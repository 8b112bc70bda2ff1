//! What went wrong beside the measuring of a cell: commands of rules, collections, samplers.

use leaklab_run::{Cell, EventKind};

/// Warnings of a cell that are told; all of them stand in `events.jsonl`.
const MOST_TOLD: usize = 5;

/// The warnings of a cell in words, each once.
pub fn warnings_of(cell: &Cell) -> Vec<String> {
    let events = cell.events().unwrap_or_default().into_iter();
    let mut told: Vec<String> = Vec::new();
    for event in events {
        if let EventKind::Warning { message } = event.kind
            && !told.contains(&message)
        {
            told.push(message);
        }
    }
    let left_out = told.len().saturating_sub(MOST_TOLD);
    told.truncate(MOST_TOLD);
    if left_out > 0 {
        told.push(format!("and {left_out} more warnings in events.jsonl"));
    }
    told
}
