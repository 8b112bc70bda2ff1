//! What is measured of a cell: every column of its samples with its name, words and unit, in one
//! table that judge, pictures and pages share.

use leaklab_judge::amount::{bytes_text, duration_text, number_text};
use leaklab_judge::{CellJudgement, MetricJudgement};
use leaklab_run::{Heap, Sample, SampleTable, columns};

/// What a value is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricUnit {
    /// Bytes; shown in KiB, MiB, GiB.
    Bytes,
    /// Things that are counted.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Things per second.
    PerSecond,
    /// Bytes per operation.
    BytesPerOperation,
    /// Shares in percent.
    Percent,
}

impl MetricUnit {
    /// What the judge takes the values for.
    pub fn judged(self) -> leaklab_judge::Unit {
        match self {
            MetricUnit::Bytes => leaklab_judge::Unit::Bytes,
            MetricUnit::Percent => leaklab_judge::Unit::Percent,
            _ => leaklab_judge::Unit::Count,
        }
    }

    /// A value with its unit.
    pub fn text(self, value: f64) -> String {
        match self {
            MetricUnit::Bytes => bytes_text(value),
            MetricUnit::BytesPerOperation => format!("{} per operation", bytes_text(value)),
            MetricUnit::Count => number_text(value),
            MetricUnit::Percent => format!("{} %", number_text(value)),
            MetricUnit::Milliseconds => duration_text(value / 1e3),
            MetricUnit::Microseconds if value < 1000.0 => format!("{} µs", number_text(value)),
            MetricUnit::Microseconds => duration_text(value / 1e6),
            MetricUnit::PerSecond => format!("{}/s", number_text(value)),
        }
    }
}

/// A column of the samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Name of the column.
    pub column: String,
    /// What it is, in words.
    pub label: String,
    /// Its unit.
    pub unit: MetricUnit,
    /// Whether it rises by nature, as a total does; such a column has no growth.
    pub is_total: bool,
}

/// A row of the table: short name, column, words, unit.
type Known = (&'static str, &'static str, &'static str, MetricUnit);

const KNOWN: [Known; 19] = {
    use MetricUnit::{Bytes, Count, Microseconds, Milliseconds};
    [
        (
            "allocated",
            columns::ALLOCATED_BYTES,
            "live heap (allocated)",
            Bytes,
        ),
        ("active", columns::ACTIVE_BYTES, "active pages", Bytes),
        (
            "metadata",
            columns::METADATA_BYTES,
            "allocator metadata",
            Bytes,
        ),
        (
            "resident",
            columns::RESIDENT_BYTES,
            "allocator resident",
            Bytes,
        ),
        ("mapped", columns::MAPPED_BYTES, "allocator mapped", Bytes),
        (
            "retained",
            columns::RETAINED_BYTES,
            "allocator retained",
            Bytes,
        ),
        ("used", columns::USED_BYTES, "managed heap in use", Bytes),
        (
            "committed",
            columns::COMMITTED_BYTES,
            "managed heap committed",
            Bytes,
        ),
        (
            "settled",
            columns::SETTLED_BYTES,
            "heap in use after collections",
            Bytes,
        ),
        ("rss", columns::RSS_BYTES, "resident set (RSS)", Bytes),
        ("cpu", columns::CPU_MS, "CPU time", Milliseconds),
        ("threads", columns::THREADS, "threads", Count),
        (
            "descriptors",
            columns::DESCRIPTORS,
            "open descriptors",
            Count,
        ),
        ("processes", columns::PROCESSES, "processes", Count),
        ("ops", columns::OPS_TOTAL, "operations", Count),
        (
            "p50",
            columns::LATENCY_P50_US,
            "median latency",
            Microseconds,
        ),
        (
            "p99",
            columns::LATENCY_P99_US,
            "99th percentile of latency",
            Microseconds,
        ),
        (
            "probe-cost",
            columns::PROBE_COST_US,
            "CPU time of a probe sample",
            Microseconds,
        ),
        (
            "outside-cost",
            columns::OUTSIDE_COST_US,
            "CPU time of an outside sample",
            Microseconds,
        ),
    ]
};

/// Columns that rise by nature.
const TOTALS: [&str; 2] = [columns::OPS_TOTAL, columns::CPU_MS];

/// The columns that stand for the memory of a cell, the best first: what the program holds
/// before what the kernel gives it.
pub const MEMORY_COLUMNS: [&str; 3] = [
    columns::ALLOCATED_BYTES,
    columns::USED_BYTES,
    columns::RSS_BYTES,
];

/// Words at the end of a foreign column's name that say it counts things.
const COUNT_WORDS: [&str; 8] = [
    "descriptors",
    "threads",
    "fds",
    "fd",
    "handles",
    "processes",
    "tasks",
    "goroutines",
];

impl Metric {
    /// The metric of a short name (`rss`), a column (`rss_bytes`) or a gauge (`gauge:depth`).
    ///
    /// A name that is none of these is taken for a column whose unit its ending tells.
    pub fn named(name: &str) -> Self {
        for (short, column, label, unit) in KNOWN {
            if name == short || name == column {
                return Metric {
                    column: column.to_owned(),
                    label: label.to_owned(),
                    unit,
                    is_total: TOTALS.contains(&column),
                };
            }
        }
        let label = name.strip_prefix(columns::GAUGE_PREFIX).unwrap_or(name);
        let unit = match label {
            label if label.ends_with("_bytes") => MetricUnit::Bytes,
            label if label.ends_with("_us") => MetricUnit::Microseconds,
            label if label.ends_with("_ms") => MetricUnit::Milliseconds,
            _ => MetricUnit::Count,
        };
        Metric {
            column: name.to_owned(),
            label: label.replace('_', " "),
            unit,
            is_total: false,
        }
    }

    /// The metric of a column of a table that leaklab did not write: bytes, unless its name says
    /// that it counts things.
    pub fn foreign(column: &str) -> Self {
        let name = column.to_ascii_lowercase();
        let mut words = name.rsplit(|c: char| !c.is_ascii_alphanumeric());
        let counts = words.next().is_some_and(|last| COUNT_WORDS.contains(&last))
            || name.starts_with(columns::GAUGE_PREFIX) && !name.ends_with("_bytes");
        Metric {
            column: column.to_owned(),
            label: column.to_owned(),
            unit: if counts {
                MetricUnit::Count
            } else {
                MetricUnit::Bytes
            },
            is_total: false,
        }
    }

    /// The metric of a column of a recording, in the unit that it was read in.
    pub fn of_recording(column: &str, unit: leaklab_judge::Unit) -> Self {
        Metric {
            column: column.to_owned(),
            label: column.to_owned(),
            unit: match unit {
                leaklab_judge::Unit::Bytes => MetricUnit::Bytes,
                leaklab_judge::Unit::Count => MetricUnit::Count,
                leaklab_judge::Unit::Percent => MetricUnit::Percent,
            },
            is_total: false,
        }
    }

    /// Short names of all fixed metrics, for messages.
    pub fn known_names() -> Vec<&'static str> {
        KNOWN.iter().map(|(short, ..)| *short).collect()
    }

    /// The name in a file: without `_bytes` and with nothing that a path could trip over.
    pub fn file_name(&self) -> String {
        let known = KNOWN.iter().find(|(_, column, ..)| *column == self.column);
        file_name(known.map_or(self.label.as_str(), |(short, ..)| short))
    }
}

/// A name as part of a file's: letters, digits, `-`, `_` and `.` stay.
pub fn file_name(text: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let letters = text.chars().map(|c| if kept(c) { c } else { '-' });
    let name: String = letters.take(80).collect();
    match name.trim_matches(['.', '-']) {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}

/// The memory of a table: the best of [`MEMORY_COLUMNS`] of which there is a value.
pub fn memory_of(table: &SampleTable) -> Option<(&'static str, &[f64])> {
    MEMORY_COLUMNS
        .into_iter()
        .find_map(|name| Some((name, table.filled_column(name)?)))
}

/// The memory of one sample, by the same rank.
pub fn memory_of_sample(sample: &Sample) -> Option<(&'static str, u64)> {
    let Heap {
        allocated_bytes,
        used_bytes,
        ..
    } = sample.heap;
    MEMORY_COLUMNS
        .into_iter()
        .zip([allocated_bytes, used_bytes, sample.rss_bytes])
        .find_map(|(name, bytes)| Some((name, bytes?)))
}

/// What was judged of a cell's memory, by the same rank, a settled heap before all; another metric
/// (descriptors) may have decided.
pub fn memory_judgement(judgement: &CellJudgement) -> Option<&MetricJudgement> {
    [columns::SETTLED_BYTES]
        .into_iter()
        .chain(MEMORY_COLUMNS)
        .find_map(|name| metric_judgement(judgement, name))
}

/// What was judged of one column of a cell.
pub fn metric_judgement<'a>(
    judgement: &'a CellJudgement,
    column: &str,
) -> Option<&'a MetricJudgement> {
    judgement.metrics.iter().find(|one| one.metric == column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_columns_count_where_their_last_word_says_so() {
        for (name, unit) in [
            ("threads", MetricUnit::Count),
            ("process_open_fds", MetricUnit::Count),
            ("Go.Goroutines", MetricUnit::Count),
            ("gauge:queue", MetricUnit::Count),
            ("gauge:cache_bytes", MetricUnit::Bytes),
            ("memory", MetricUnit::Bytes),
            ("Real (MB)", MetricUnit::Bytes),
        ] {
            assert_eq!(Metric::foreign(name).unit, unit, "{name}");
        }
    }

    #[test]
    fn the_program_knows_its_memory_better_than_the_kernel() {
        let sample = Sample {
            heap: Heap {
                used_bytes: Some(5),
                ..Heap::default()
            },
            rss_bytes: Some(9),
            ..Sample::default()
        };
        assert_eq!(memory_of_sample(&sample), Some((columns::USED_BYTES, 5)));
    }

    #[test]
    fn names_become_parts_of_paths() {
        assert_eq!(Metric::named("rss_bytes").file_name(), "rss");
        assert_eq!(Metric::named("gauge:a/../b").file_name(), "a-..-b");
        assert_eq!(file_name("../"), "unnamed");
    }
}
