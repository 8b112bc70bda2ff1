//! Figures of a cell that the tables show, taken from its samples.

use super::metric::MEMORY_COLUMNS;
use super::released::ReleasedLate;
use super::summary::Summary;
use leaklab_judge::stats::quantile::median;
use leaklab_run::{Cell, Phase, SampleTable, columns};

/// The readings of a load: seconds and value of each row of it that has one.
pub fn in_load<'a>(
    table: &'a SampleTable,
    values: &'a [f64],
) -> impl DoubleEndedIterator<Item = (f64, f64)> + Clone + 'a {
    let rows = table.phase.iter().zip(&table.elapsed_ms).zip(values);
    rows.filter_map(|((phase, ms), value)| {
        (*phase == Phase::Load && value.is_finite()).then_some((ms / 1000.0, *value))
    })
}

/// First and last reading of the load, each with its seconds.
pub fn load_ends(table: &SampleTable, values: &[f64]) -> Option<[(f64, f64); 2]> {
    let mut rows = in_load(table, values);
    let first = rows.next()?;
    Some([first, rows.next_back().unwrap_or(first)])
}

/// How much a column rises during the load, and in how many seconds.
pub fn rise_in_load(table: &SampleTable, column: &str) -> Option<(f64, f64)> {
    let [(from_s, from), (to_s, to)] = load_ends(table, table.column(column)?)?;
    Some((to - from, to_s - from_s))
}

/// The median of a column over the load.
pub fn median_in_load(table: &SampleTable, column: &str) -> Option<f64> {
    let values = in_load(table, table.column(column)?).map(|(_, value)| value);
    median(&values.collect::<Vec<f64>>())
}

/// The largest reading of a column at any time.
pub fn peak(table: &SampleTable, column: &str) -> Option<f64> {
    let values = table.column(column)?.iter().copied();
    values.filter(|value| value.is_finite()).reduce(f64::max)
}

/// The largest reading of a column once the load has settled: from `settled_s` on, at least from a
/// tenth of the load on and at most from its middle. What a wrapper opens and starts before it
/// becomes the program is not the program's.
pub fn peak_when_settled(table: &SampleTable, column: &str, settled_s: Option<f64>) -> Option<f64> {
    let values = table.column(column)?;
    let Some([(start, _), (end, _)]) = load_ends(table, values) else {
        return peak(table, column);
    };
    let share = |part: f64| start + part * (end - start);
    let from = settled_s.unwrap_or(start).max(share(0.1)).min(share(0.5));
    let settled = in_load(table, values).filter(|(at, _)| *at >= from);
    settled.map(|(_, value)| value).reduce(f64::max)
}

/// What the samples of a cell come to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Column that stands for the memory.
    pub memory_column: Option<String>,
    /// Its first value in the load phase.
    pub memory_start_bytes: Option<f64>,
    /// Its last value in the load phase.
    pub memory_end_bytes: Option<f64>,
    /// Its largest value at any time.
    pub memory_peak_bytes: Option<f64>,
    /// Its last value at the end of the drain.
    pub after_drain_bytes: Option<f64>,
    /// What of the load's growth that drain gave back, if it was most.
    pub released: Option<ReleasedLate>,
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
    /// Whether [`Figures::of`] looks at a column.
    pub fn needs(column: &str) -> bool {
        MEMORY_COLUMNS.contains(&column) || column == columns::OPS_TOTAL
    }

    /// Takes the figures from the samples of `cell`.
    pub fn of(cell: &Cell, samples: &Summary) -> Self {
        let memory = samples.memory();
        let operations = samples.column(columns::OPS_TOTAL);
        let ends = memory.and_then(|(_, memory)| memory.load);
        let rate = |[(from_s, from), (to_s, to)]: [(f64, f64); 2]| ratio(to - from, to_s - from_s);
        let growth = |[(from, first), (to, last)]: [(f64, f64); 2]| ratio(to - from, last - first);
        Figures {
            memory_column: memory.map(|(name, _)| name.to_owned()),
            memory_start_bytes: ends.map(|[(_, first), _]| first),
            memory_end_bytes: ends.map(|[_, (_, last)]| last),
            memory_peak_bytes: memory.and_then(|(_, memory)| memory.peak),
            after_drain_bytes: memory
                .and_then(|(_, memory)| memory.drain.last())
                .map(|(_, value)| *value),
            released: ReleasedLate::of(samples),
            operations: operations
                .and_then(|operations| operations.last)
                .or(cell.status.ops_total.map(|ops| ops as f64)),
            bytes_per_operation: memory
                .and_then(|(_, memory)| memory.with_operations)
                .and_then(growth),
            operations_per_s: operations
                .and_then(|operations| operations.load)
                .and_then(rate),
            elapsed_s: samples.last_ms.unwrap_or(cell.status.elapsed_ms) / 1000.0,
            rows: samples.rows,
        }
    }
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
        let table = cell.samples(Figures::needs).expect("a table");
        Figures::of(&cell, &Summary::of(&table))
    }

    #[test]
    fn what_a_wrapper_opens_before_it_becomes_the_program_is_not_the_programs() {
        let threads = [9.0, 9.0, 3.0, 3.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 8.0];
        let mut phase = vec![leaklab_run::Phase::Load; threads.len()];
        phase[10] = leaklab_run::Phase::Drain;
        let table = SampleTable {
            elapsed_ms: (0..threads.len()).map(|row| 1000.0 * row as f64).collect(),
            phase,
            names: vec![columns::THREADS.to_owned()],
            values: vec![threads.to_vec()],
            ..SampleTable::default()
        };
        let at = |settled_s| peak_when_settled(&table, columns::THREADS, settled_s);
        assert_eq!(at(None), Some(9.0));
        assert_eq!(at(Some(2.0)), Some(4.0));
        // A part that is found to be settled very late leaves half of the load.
        assert_eq!(at(Some(100.0)), Some(3.0));
        assert_eq!(peak(&table, columns::THREADS), Some(9.0));
    }

    #[test]
    fn growth_is_that_of_the_load_phase_alone() {
        let found = figures(
            "elapsed_ms,phase,ops_total,allocated_bytes\n\
             0,warmup,0,5\n1000,load,10,100\n2000,load,20,300\n3000,load,30,500\n4000,drain,30,40\n",
        );
        assert_eq!(found.memory_column.as_deref(), Some("allocated_bytes"));
        assert_eq!(found.memory_start_bytes, Some(100.0));
        assert_eq!(found.memory_end_bytes, Some(500.0));
        assert_eq!(found.memory_peak_bytes, Some(500.0));
        assert_eq!(found.after_drain_bytes, Some(40.0));
        assert_eq!(found.bytes_per_operation, Some(20.0));
        assert_eq!(found.operations_per_s, Some(10.0));
        assert_eq!(found.operations, Some(30.0));
    }

    #[test]
    fn resident_memory_stands_in_where_no_memory_was_read() {
        let found = figures("elapsed_ms,ops_total,allocated_bytes,rss_bytes\n0,0,,7\n1000,0,,9\n");
        assert_eq!(found.memory_column.as_deref(), Some("rss_bytes"));
        assert_eq!(found.memory_end_bytes, Some(9.0));
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
