//! What the figures of a cell are taken from, gathered part by part: its rows need not be in
//! memory all at once.

use super::costs::Costs;
use super::figures::{Figures, in_load};
use super::metric::MEMORY_COLUMNS;
use leaklab_run::{Phase, SampleTable, columns};

/// A time, in seconds, and what was read then.
type Reading = (f64, f64);

/// What is kept of the readings of a column.
#[derive(Debug, Clone, Default)]
pub(super) struct ColumnSummary {
    name: String,
    /// The first and the last reading of the load.
    pub load: Option<[Reading; 2]>,
    /// The highest of all readings.
    pub peak: Option<f64>,
    /// The last of all readings.
    pub last: Option<f64>,
    /// The readings of the drain, of a column of memory.
    pub drain: Vec<Reading>,
    /// Value and operations of the first and the last row of the load that has both, of a column
    /// of memory.
    pub with_operations: Option<[(f64, f64); 2]>,
}

impl ColumnSummary {
    fn push(&mut self, table: &SampleTable, values: &[f64]) {
        let finite = |value: &&f64| value.is_finite();
        let peak = values.iter().filter(finite).copied().reduce(f64::max);
        self.peak = self.peak.into_iter().chain(peak).reduce(f64::max);
        self.last = values.iter().rfind(finite).copied().or(self.last);
        let mut load = in_load(table, values);
        if let Some(first) = load.next() {
            let last = load.next_back().unwrap_or(first);
            self.load.get_or_insert([first, last])[1] = last;
        }
        if !MEMORY_COLUMNS.contains(&self.name.as_str()) {
            return;
        }
        let rows = table.phase.iter().zip(&table.elapsed_ms).zip(values);
        let drain = rows
            .filter(|((phase, _), value)| **phase == Phase::Drain && value.is_finite())
            .map(|((_, ms), value)| (ms / 1000.0, *value));
        self.drain.extend(drain);
        let operations = table.column(columns::OPS_TOTAL).unwrap_or_default();
        let rows = table.phase.iter().zip(values).zip(operations);
        let mut both = rows
            .filter(|((phase, value), count)| {
                **phase == Phase::Load && value.is_finite() && count.is_finite()
            })
            .map(|((_, value), count)| (*value, *count));
        if let Some(first) = both.next() {
            let last = both.next_back().unwrap_or(first);
            self.with_operations.get_or_insert([first, last])[1] = last;
        }
    }
}

/// What the figures of a cell are taken from.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    columns: Vec<ColumnSummary>,
    /// Rows.
    pub rows: usize,
    /// Time of the last row, in milliseconds.
    pub last_ms: Option<f64>,
}

impl Summary {
    /// Of samples that are in memory.
    pub fn of(table: &SampleTable) -> Self {
        let mut summary = Summary::default();
        summary.push(table);
        summary
    }

    /// Takes up the next rows of a cell.
    pub fn push(&mut self, part: &SampleTable) {
        self.rows += part.len();
        self.last_ms = part.elapsed_ms.last().copied().or(self.last_ms);
        for (name, values) in part.names.iter().zip(&part.values) {
            if Figures::needs(name) || Costs::needs(name) {
                self.place(name).push(part, values);
            }
        }
    }

    fn place(&mut self, name: &str) -> &mut ColumnSummary {
        let known = self.columns.iter().position(|column| column.name == name);
        let index = known.unwrap_or_else(|| {
            self.columns.push(ColumnSummary {
                name: name.to_owned(),
                ..ColumnSummary::default()
            });
            self.columns.len() - 1
        });
        &mut self.columns[index]
    }

    /// Names of the columns, in the order of the file.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// What is kept of a column that has a value.
    pub(super) fn column(&self, name: &str) -> Option<&ColumnSummary> {
        let mut columns = self.columns.iter();
        columns.find(|column| column.name == name && column.last.is_some())
    }

    /// The memory: the best of [`MEMORY_COLUMNS`] of which there is a value.
    pub(super) fn memory(&self) -> Option<(&'static str, &ColumnSummary)> {
        MEMORY_COLUMNS
            .into_iter()
            .find_map(|name| Some((name, self.column(name)?)))
    }
}
