//! The table of remedies: what each variant that sheds load bounds, and what it costs.

use super::words;
use crate::remedies::RemedyFigures;
use serde::Serialize;

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

impl RemedyRow {
    /// The cells of a variant; what is not counted is a dash.
    pub fn of(variant: String, figures: &RemedyFigures) -> Self {
        let show = |value: Option<f64>, words: fn(f64) -> String| {
            value.map_or_else(|| "–".to_owned(), words)
        };
        RemedyRow {
            variant,
            cells: vec![
                show(figures.peak_heap_bytes, words::bytes),
                show(figures.handlers, words::count),
                show(figures.descriptors_peak, words::count),
                show(figures.queued, words::count),
                show(figures.delivered, words::count),
                show(figures.delivered_per_s, words::number),
                show(figures.dropped, words::count),
                show(figures.refused, words::count),
                show(figures.latency_p99_us, |us| words::seconds(us / 1e6)),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_counted_is_a_dash() {
        let figures = RemedyFigures {
            descriptors_peak: Some(17.0),
            delivered: Some(200.0),
            delivered_per_s: Some(100.0),
            dropped: Some(4.0),
            ..RemedyFigures::default()
        };
        let row = RemedyRow::of("drop".to_owned(), &figures);
        let dash = "–";
        assert_eq!(row.cells.len(), HEADS.len());
        assert_eq!(
            row.cells,
            [dash, dash, "17", dash, "200", "100", "4", dash, dash]
        );
    }
}
