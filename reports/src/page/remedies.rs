//! The table of remedies: what each variant that sheds load bounds, and what it costs.
//!
//! It appears when the cells count what they deliver, drop or refuse, as those of
//! `channel-io` do. Totals are those at the end of the load phase; of levels, the highest
//! stands in the table.

use super::figures::{Figures, rows_of};
use super::words;
use crate::run::{Phase, SampleTable, columns};
use serde::Serialize;

/// What a variant bounds and costs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Remedy {
    pub peak_heap_bytes: Option<f64>,
    pub handlers: Option<f64>,
    pub descriptors: Option<f64>,
    pub queued: Option<f64>,
    pub delivered: Option<f64>,
    pub delivered_per_s: Option<f64>,
    pub dropped: Option<f64>,
    pub refused: Option<f64>,
    pub latency_p99_us: Option<f64>,
}

/// A row of the table.
#[derive(Debug, Serialize)]
pub(super) struct RemedyRow {
    pub variant: String,
    pub cells: Vec<String>,
}

/// Heads of the columns behind the variant.
pub(super) const HEADS: [&str; 9] = [
    "Peak memory",
    "Handlers alive, most",
    "Open descriptors, most",
    "Queued, most",
    "Delivered",
    "Delivered per second",
    "Dropped",
    "Refused",
    "Latency at the end, 99th percentile",
];

impl Remedy {
    /// Takes the figures; `None` if nothing delivered, dropped or refused is counted.
    pub fn of(table: &SampleTable, figures: &Figures) -> Option<Self> {
        let load = rows_of(table, Phase::Load);
        let last = |values: &[f64]| {
            values[load.clone()]
                .iter()
                .rev()
                .copied()
                .find(|v| v.is_finite())
        };
        let most = |values: &[f64]| {
            let finite = values.iter().copied().filter(|v| v.is_finite());
            finite.reduce(f64::max)
        };
        // The first of the words wins, whatever the order of the columns.
        let gauge = |words: &[&str]| {
            let named = |word: &&str| {
                table.names.iter().find(|name| {
                    let gauge = name.strip_prefix(columns::GAUGE_PREFIX);
                    gauge.is_some_and(|gauge| gauge.contains(*word))
                })
            };
            table.column(words.iter().find_map(named)?)
        };
        let delivered = gauge(&["delivered"]).and_then(last);
        let dropped = gauge(&["dropped", "aborted"]).and_then(last);
        let refused = gauge(&["refused", "rejected"]).and_then(last);
        if delivered.is_none() && dropped.is_none() && refused.is_none() {
            return None;
        }
        let seconds = table
            .phase_span_ms(Phase::Load)
            .map(|(from, to)| (to - from) / 1000.0)
            .filter(|seconds| *seconds > 0.0);
        Some(Remedy {
            peak_heap_bytes: figures.heap_peak_bytes,
            handlers: gauge(&["handlers_alive", "handlers"]).and_then(most),
            descriptors: table.column(columns::DESCRIPTORS).and_then(most),
            queued: gauge(&["queue"]).and_then(most),
            delivered,
            delivered_per_s: delivered.zip(seconds).map(|(total, s)| total / s),
            dropped,
            refused,
            latency_p99_us: table.column(columns::LATENCY_P99_US).and_then(last),
        })
    }

    /// The cells of its row; what is not counted is a dash.
    pub fn row(&self, variant: String) -> RemedyRow {
        let show = |value: Option<f64>, words: fn(f64) -> String| {
            value.map_or_else(|| "–".to_owned(), words)
        };
        RemedyRow {
            variant,
            cells: vec![
                show(self.peak_heap_bytes, words::bytes),
                show(self.handlers, words::count),
                show(self.descriptors, words::count),
                show(self.queued, words::count),
                show(self.delivered, words::count),
                show(self.delivered_per_s, words::number),
                show(self.dropped, words::count),
                show(self.refused, words::count),
                show(self.latency_p99_us, |us| words::seconds(us / 1e6)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str], rows: &[&[f64]]) -> SampleTable {
        SampleTable {
            elapsed_ms: (0..rows.len()).map(|i| i as f64 * 1000.0).collect(),
            phase: vec![Phase::Load; rows.len()],
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            values: (0..names.len())
                .map(|column| rows.iter().map(|row| row[column]).collect())
                .collect(),
            ..SampleTable::default()
        }
    }

    #[test]
    fn totals_at_the_end_of_the_load_stand_in_the_row() {
        let names = ["gauge:delivered", "gauge:dropped", "descriptors"];
        let table = table(
            &names,
            &[&[0.0, 0.0, 9.0], &[100.0, 3.0, 12.0], &[200.0, 4.0, 17.0]],
        );
        let remedy = Remedy::of(&table, &Figures::default()).expect("a remedy");
        let row = remedy.row("drop".to_owned());
        let dash = "–";
        assert_eq!(row.cells.len(), HEADS.len());
        assert_eq!(
            row.cells,
            [dash, dash, "17", dash, "200", "100", "4", dash, dash]
        );
    }

    #[test]
    fn cells_that_shed_no_load_have_no_row() {
        let table = table(&["gauge:depth"], &[&[1.0]]);
        assert_eq!(Remedy::of(&table, &Figures::default()), None);
    }
}
