//! Where a cell grows: the rows of the answer, and flame graphs.

use crate::attribution::{Answer, FlameWidth, flame_svg};
use leaklab_judge::amount::bytes_text;
use serde::Serialize;

/// What `stacks.html` shows.
#[derive(Debug, Serialize)]
pub(super) struct StacksView {
    pub heads: [&'static str; 7],
    pub rows: Vec<StackRow>,
    pub sentences: Vec<String>,
    /// Flame graphs as SVG: what grew, and all that lives.
    pub growth: Option<String>,
    pub live: Option<String>,
}

/// One owner.
#[derive(Debug, Serialize)]
pub(super) struct StackRow {
    pub leaks: bool,
    pub cells: [String; 7],
}

impl StacksView {
    pub fn of(answer: &Answer) -> Self {
        let leaks = answer.shown_rows().map(|row| row.leaks());
        let rows = leaks
            .zip(answer.shown_texts())
            .map(|(leaks, cells)| StackRow { leaks, cells });
        StacksView {
            heads: answer.heads(),
            rows: rows.collect(),
            sentences: answer.sentences(),
            growth: flame_svg(answer, FlameWidth::Growth, bytes_text),
            live: flame_svg(answer, FlameWidth::Live, bytes_text),
        }
    }
}
