//! What a variant that sheds load bounds, and what it costs: the figures of a table of
//! remedies, for the terminal, the page and the chart alike.
//!
//! They are there when a cell counts what it delivers, drops or refuses, as those of
//! `channel-io` do. Such gauges are totals; what is taken is their last value in the load.

use leaklab_run::{Phase, SampleTable, columns};

/// Columns that stand for the live heap, the best first.
const HEAP_COLUMNS: [&str; 3] = [
    columns::ALLOCATED_BYTES,
    columns::USED_BYTES,
    columns::RSS_BYTES,
];

/// What a variant bounds and costs. What is not counted is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemedyFigures {
    /// Largest live heap at any time, or resident size where no heap was read.
    pub peak_heap_bytes: Option<f64>,
    /// Handlers alive at the end of the load.
    pub handlers: Option<f64>,
    /// Most descriptors that were open at a time.
    pub descriptors_peak: Option<f64>,
    /// Messages in queues at the end of the load.
    pub queued: Option<f64>,
    /// Messages delivered by the end of the load.
    pub delivered: Option<f64>,
    /// Messages delivered per second of the load.
    pub delivered_per_s: Option<f64>,
    /// Messages lost by then.
    pub dropped: Option<f64>,
    /// Connections refused by then.
    pub refused: Option<f64>,
    /// 99th percentile of the latency in the last tick of the load.
    pub latency_p99_us: Option<f64>,
}

/// Whether [`RemedyFigures::of`] looks at a column.
pub fn needed(column: &str) -> bool {
    const OTHERS: [&str; 2] = [columns::DESCRIPTORS, columns::LATENCY_P99_US];
    HEAP_COLUMNS.contains(&column)
        || OTHERS.contains(&column)
        || column.starts_with(columns::GAUGE_PREFIX)
}

impl RemedyFigures {
    /// Takes the figures from samples; `None` if nothing delivered, dropped or refused is
    /// counted.
    pub fn of(table: &SampleTable) -> Option<Self> {
        let figures = Self::of_any(table);
        let counted = [figures.delivered, figures.dropped, figures.refused];
        counted.iter().any(Option::is_some).then_some(figures)
    }

    /// Takes whatever figures there are.
    pub(crate) fn of_any(table: &SampleTable) -> Self {
        let delivered = gauge(table, &["delivered"]);
        let last = |column: Option<&str>| last_in_load(table, column?);
        let heap = HEAP_COLUMNS
            .into_iter()
            .find(|name| table.filled_column(name).is_some());
        let descriptors = [Some(columns::DESCRIPTORS), gauge(table, &["descriptors"])];
        RemedyFigures {
            peak_heap_bytes: heap.and_then(|name| peak(table, name)),
            handlers: last(gauge(table, &["handlers_alive", "handlers"])),
            descriptors_peak: descriptors
                .into_iter()
                .flatten()
                .filter_map(|name| peak(table, name))
                .reduce(f64::max),
            queued: last(gauge(table, &["queue"])),
            delivered: last(delivered),
            delivered_per_s: delivered.and_then(|name| rise_per_s(table, name)),
            dropped: last(gauge(table, &["dropped", "aborted"])),
            refused: last(gauge(table, &["refused", "rejected"])),
            latency_p99_us: last(Some(columns::LATENCY_P99_US)),
        }
    }
}

/// The column of the first gauge whose name holds one of these words.
fn gauge<'a>(table: &'a SampleTable, words: &[&str]) -> Option<&'a str> {
    let mut names = table.names.iter();
    let name = names.find(|name| {
        let name = name.strip_prefix(columns::GAUGE_PREFIX).unwrap_or("");
        words.iter().any(|word| name.contains(word))
    })?;
    Some(name)
}

/// Values of a column in the load, with their times in seconds.
fn in_load<'a>(
    table: &'a SampleTable,
    column: &str,
) -> Option<impl DoubleEndedIterator<Item = (f64, f64)> + 'a> {
    let values = table.column(column)?;
    let rows = table.phase.iter().zip(&table.elapsed_ms).zip(values);
    Some(rows.filter_map(|((phase, ms), value)| {
        (*phase == Phase::Load && value.is_finite()).then_some((ms / 1000.0, *value))
    }))
}

fn last_in_load(table: &SampleTable, column: &str) -> Option<f64> {
    Some(in_load(table, column)?.next_back()?.1)
}

fn peak(table: &SampleTable, column: &str) -> Option<f64> {
    let values = table.column(column)?.iter().copied();
    values.filter(|value| value.is_finite()).reduce(f64::max)
}

/// How fast a total rose over the load, per second.
pub(crate) fn rise_per_s(table: &SampleTable, column: &str) -> Option<f64> {
    let mut rows = in_load(table, column)?;
    let ((from_s, from), (to_s, to)) = (rows.next()?, rows.next_back()?);
    (to_s > from_s).then(|| (to - from) / (to_s - from_s))
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
    fn totals_are_those_at_the_end_of_the_load_and_peaks_of_any_time() {
        let names = [
            "gauge:delivered",
            "gauge:dropped",
            "descriptors",
            "rss_bytes",
        ];
        let mut table = table(
            &names,
            &[
                &[0.0, 0.0, 9.0, 10.0],
                &[100.0, 3.0, 17.0, 40.0],
                &[200.0, 4.0, 12.0, 30.0],
                &[250.0, 4.0, 5.0, 50.0],
            ],
        );
        table.phase[3] = Phase::Drain;
        let figures = RemedyFigures::of(&table);
        let expected = RemedyFigures {
            peak_heap_bytes: Some(50.0),
            descriptors_peak: Some(17.0),
            delivered: Some(200.0),
            delivered_per_s: Some(100.0),
            dropped: Some(4.0),
            ..RemedyFigures::default()
        };
        assert_eq!(figures, Some(expected));
    }

    #[test]
    fn cells_that_shed_no_load_have_none() {
        assert_eq!(RemedyFigures::of(&table(&["gauge:depth"], &[&[1.0]])), None);
    }
}
