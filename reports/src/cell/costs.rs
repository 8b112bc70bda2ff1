//! What a variant that sheds load bounds, and what it costs, for the terminal, the page and the
//! chart alike.
//!
//! They are there when a cell counts what it delivers, drops or refuses, as those of
//! `channel-io` do. Such gauges are totals; what is taken is their last value in the load.

use super::figures::rise_in_load;
use super::metric::MEMORY_COLUMNS;
use super::summary::Summary;
use leaklab_run::{SampleTable, columns};

/// What a variant bounds and costs. What is not counted is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Costs {
    /// Largest live heap at any time, or resident size where no heap was read.
    pub peak_memory_bytes: Option<f64>,
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

impl Costs {
    /// Whether [`Costs::of`] looks at a column.
    pub fn needs(column: &str) -> bool {
        const OTHERS: [&str; 2] = [columns::DESCRIPTORS, columns::LATENCY_P99_US];
        MEMORY_COLUMNS.contains(&column)
            || OTHERS.contains(&column)
            || column.starts_with(columns::GAUGE_PREFIX)
    }

    /// Takes the figures from samples; `None` if nothing delivered, dropped or refused is
    /// counted.
    pub fn of(samples: &Summary) -> Option<Self> {
        let figures = Self::of_any(samples);
        let counted = [figures.delivered, figures.dropped, figures.refused];
        counted.iter().any(Option::is_some).then_some(figures)
    }

    /// Takes whatever figures there are.
    pub fn of_any(samples: &Summary) -> Self {
        let delivered = gauge(samples, &["delivered"]);
        let load = |column: Option<&str>| samples.column(column?)?.load;
        let last = |column: Option<&str>| load(column).map(|[_, (_, last)]| last);
        let descriptors = [Some(columns::DESCRIPTORS), gauge(samples, &["descriptors"])];
        Costs {
            peak_memory_bytes: samples.memory().and_then(|(_, memory)| memory.peak),
            handlers: last(gauge(samples, &["handlers_alive", "handlers"])),
            descriptors_peak: descriptors
                .into_iter()
                .flatten()
                .filter_map(|name| samples.column(name)?.peak)
                .reduce(f64::max),
            queued: last(gauge(samples, &["queue"])),
            delivered: last(delivered),
            delivered_per_s: load(delivered).and_then(|[(from_s, from), (to_s, to)]| {
                (to_s > from_s).then(|| (to - from) / (to_s - from_s))
            }),
            dropped: last(gauge(samples, &["dropped", "aborted"])),
            refused: last(gauge(samples, &["refused", "rejected"])),
            latency_p99_us: last(Some(columns::LATENCY_P99_US)),
        }
    }
}

/// The column of the first gauge whose name holds one of these words.
fn gauge<'a>(samples: &'a Summary, words: &[&str]) -> Option<&'a str> {
    let mut names = samples.names();
    let name = names.find(|name| {
        let name = name.strip_prefix(columns::GAUGE_PREFIX).unwrap_or("");
        words.iter().any(|word| name.contains(word))
    })?;
    Some(name)
}

/// How fast a total rose over the load, per second.
pub fn rise_per_s(table: &SampleTable, column: &str) -> Option<f64> {
    let (rise, seconds) = rise_in_load(table, column)?;
    (seconds > 0.0).then(|| rise / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::Phase;

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
        let figures = Costs::of(&Summary::of(&table));
        let expected = Costs {
            peak_memory_bytes: Some(50.0),
            descriptors_peak: Some(17.0),
            delivered: Some(200.0),
            delivered_per_s: Some(100.0),
            dropped: Some(4.0),
            ..Costs::default()
        };
        assert_eq!(figures, Some(expected));
    }

    #[test]
    fn cells_that_shed_no_load_have_none() {
        assert_eq!(
            Costs::of(&Summary::of(&table(&["gauge:depth"], &[&[1.0]]))),
            None
        );
    }
}
