//! Figures of a cell that the tables show, taken from its samples.

use leaklab_run::{Cell, Phase, SampleTable, columns};

/// Columns that stand for the live heap, the best first.
pub(super) const HEAP_COLUMNS: [&str; 3] = [
    columns::ALLOCATED_BYTES,
    columns::USED_BYTES,
    columns::RSS_BYTES,
];

/// Whether [`Figures::of`] needs a column.
pub(super) fn needed(column: &str) -> bool {
    HEAP_COLUMNS.contains(&column) || column == columns::OPS_TOTAL
}

/// What the samples of a cell come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Figures {
    /// Column that stood for the live heap.
    pub heap_column: Option<String>,
    /// Its first value in the load phase.
    pub heap_start_bytes: Option<f64>,
    /// Its last value in the load phase.
    pub heap_end_bytes: Option<f64>,
    /// Its largest value at any time.
    pub heap_peak_bytes: Option<f64>,
    /// Its last value at the end of the drain.
    pub after_drain_bytes: Option<f64>,
    /// Operations completed.
    pub operations: Option<f64>,
    /// Growth over the load phase through the operations completed in it.
    pub bytes_per_operation: Option<f64>,
    /// Operations per second of the load phase.
    pub operations_per_s: Option<f64>,
    /// Time of the last row.
    pub elapsed_s: f64,
    /// Rows.
    pub rows: usize,
}

impl Figures {
    /// Takes the figures from the samples of `cell`.
    pub fn of(cell: &Cell, table: &SampleTable) -> Self {
        let heap_column = HEAP_COLUMNS
            .into_iter()
            .find(|name| table.filled_column(name).is_some());
        let operations = table.filled_column(columns::OPS_TOTAL);
        let mut figures = Figures {
            heap_column: heap_column.map(str::to_owned),
            operations: operations
                .and_then(|ops| last(ops).map(|i| ops[i]))
                .or(cell.status.ops_total.map(|ops| ops as f64)),
            elapsed_s: table
                .elapsed_ms
                .last()
                .copied()
                .unwrap_or(cell.status.elapsed_ms)
                / 1000.0,
            rows: table.len(),
            ..Figures::default()
        };
        let load = rows_of(table, Phase::Load);
        if let Some(heap) = heap_column.and_then(|name| table.column(name)) {
            figures.take_heap(table, heap, load.clone());
        }
        if let Some(operations) = operations {
            figures.take_operations(table, heap_column, operations, load);
        }
        figures
    }

    fn take_heap(&mut self, table: &SampleTable, heap: &[f64], load: std::ops::Range<usize>) {
        let part = &heap[load];
        self.heap_start_bytes = part.iter().copied().find(|v| v.is_finite());
        self.heap_end_bytes = last(part).map(|i| part[i]);
        self.heap_peak_bytes = heap
            .iter()
            .copied()
            .filter(|v| v.is_finite())
            .reduce(f64::max);
        let drain = &heap[rows_of(table, Phase::Drain)];
        self.after_drain_bytes = last(drain).map(|i| drain[i]);
    }

    /// Growth and rate between the first and the last row of the load that have both figures.
    fn take_operations(
        &mut self,
        table: &SampleTable,
        heap_column: Option<&str>,
        operations: &[f64],
        load: std::ops::Range<usize>,
    ) {
        let counted = |i: &usize| operations[*i].is_finite();
        let (first, end) = (load.clone().find(counted), load.clone().rfind(counted));
        if let (Some(first), Some(end)) = (first, end) {
            let seconds = (table.elapsed_ms[end] - table.elapsed_ms[first]) / 1000.0;
            self.operations_per_s = ratio(operations[end] - operations[first], seconds);
        }
        let Some(heap) = heap_column.and_then(|name| table.column(name)) else {
            return;
        };
        let both = |i: &usize| counted(i) && heap[*i].is_finite();
        if let (Some(first), Some(end)) = (load.clone().find(both), load.clone().rfind(both)) {
            self.bytes_per_operation =
                ratio(heap[end] - heap[first], operations[end] - operations[first]);
        }
    }
}

/// From the first to the last row of a phase; empty if there is none.
pub(super) fn rows_of(table: &SampleTable, phase: Phase) -> std::ops::Range<usize> {
    let first = table.phase.iter().position(|p| *p == phase);
    let last = table.phase.iter().rposition(|p| *p == phase);
    match (first, last) {
        (Some(first), Some(last)) => first..last + 1,
        _ => 0..0,
    }
}

fn last(values: &[f64]) -> Option<usize> {
    values.iter().rposition(|v| v.is_finite())
}

fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::{CellPlan, CellStatus};

    fn figures(text: &str) -> Figures {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("samples.csv"), text).expect("a file");
        let cell = Cell {
            folder: folder.path().to_owned(),
            plan: CellPlan::default(),
            status: CellStatus::default(),
        };
        let table = cell.samples(needed).expect("a table");
        Figures::of(&cell, &table)
    }

    #[test]
    fn growth_is_that_of_the_load_phase_alone() {
        let found = figures(
            "elapsed_ms,phase,ops_total,allocated_bytes\n\
             0,warmup,0,5\n1000,load,10,100\n2000,load,20,300\n3000,load,30,500\n4000,drain,30,40\n",
        );
        assert_eq!(found.heap_column.as_deref(), Some("allocated_bytes"));
        assert_eq!(found.heap_start_bytes, Some(100.0));
        assert_eq!(found.heap_end_bytes, Some(500.0));
        assert_eq!(found.heap_peak_bytes, Some(500.0));
        assert_eq!(found.after_drain_bytes, Some(40.0));
        assert_eq!(found.bytes_per_operation, Some(20.0));
        assert_eq!(found.operations_per_s, Some(10.0));
        assert_eq!(found.operations, Some(30.0));
    }

    #[test]
    fn resident_memory_stands_in_where_no_heap_was_read() {
        let found = figures("elapsed_ms,ops_total,allocated_bytes,rss_bytes\n0,0,,7\n1000,0,,9\n");
        assert_eq!(found.heap_column.as_deref(), Some("rss_bytes"));
        assert_eq!(found.heap_end_bytes, Some(9.0));
        assert_eq!(
            found.bytes_per_operation, None,
            "no operation was completed"
        );
    }

    #[test]
    fn rows_without_a_figure_do_not_end_the_growth() {
        let found =
            figures("elapsed_ms,ops_total,allocated_bytes\n0,1,\n1000,2,10\n2000,4,30\n3000,5,\n");
        assert_eq!(found.bytes_per_operation, Some(10.0));
        assert_eq!(figures("elapsed_ms\n"), Figures::default());
    }
}
