//! The table of remedies: what each variant that sheds load bounds, and what it costs.

use crate::cell::Costs;
use leaklab_judge::amount::{bytes_text, duration_text, number_text};
use serde::Serialize;

/// A row of the table.
#[derive(Debug, Serialize)]
pub(super) struct CostRow {
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

impl CostRow {
    /// The cells of a variant; what is not counted is a dash.
    pub fn of(variant: String, figures: &Costs) -> Self {
        let show = |value: Option<f64>, words: fn(f64) -> String| {
            value.map_or_else(|| "–".to_owned(), words)
        };
        CostRow {
            variant,
            cells: vec![
                show(figures.peak_memory_bytes, bytes_text),
                show(figures.handlers, number_text),
                show(figures.descriptors_peak, number_text),
                show(figures.queued, number_text),
                show(figures.delivered, number_text),
                show(figures.delivered_per_s, number_text),
                show(figures.dropped, number_text),
                show(figures.refused, number_text),
                show(figures.latency_p99_us, |us| duration_text(us / 1e6)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_is_a_dash() {
        let figures = Costs {
            descriptors_peak: Some(17.0),
            delivered: Some(200.0),
            delivered_per_s: Some(100.0),
            dropped: Some(4.0),
            ..Costs::default()
        };
        let row = CostRow::of("drop".to_owned(), &figures);
        let dash = "–";
        assert_eq!(row.cells.len(), HEADS.len());
        assert_eq!(
            row.cells,
            [dash, dash, "17", dash, "200", "100", "4", dash, dash]
        );
    }
}
