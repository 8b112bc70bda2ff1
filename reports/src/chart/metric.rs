//! What can be drawn against time: columns of the samples under names that people use.

use super::scale::Unit;
use leaklab_run::columns;

/// A column of the samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// Name of the column.
    pub column: String,
    /// What it is, in words.
    pub label: String,
    /// Its unit.
    pub unit: Unit,
}

/// Short name, column, words, unit.
const KNOWN: [(&str, &str, &str, Unit); 18] = [
    (
        "allocated",
        columns::ALLOCATED_BYTES,
        "live heap (allocated)",
        Unit::Bytes,
    ),
    ("active", columns::ACTIVE_BYTES, "active pages", Unit::Bytes),
    (
        "metadata",
        columns::METADATA_BYTES,
        "allocator metadata",
        Unit::Bytes,
    ),
    (
        "resident",
        columns::RESIDENT_BYTES,
        "allocator resident",
        Unit::Bytes,
    ),
    (
        "mapped",
        columns::MAPPED_BYTES,
        "allocator mapped",
        Unit::Bytes,
    ),
    (
        "retained",
        columns::RETAINED_BYTES,
        "allocator retained",
        Unit::Bytes,
    ),
    (
        "used",
        columns::USED_BYTES,
        "managed heap in use",
        Unit::Bytes,
    ),
    (
        "committed",
        columns::COMMITTED_BYTES,
        "managed heap committed",
        Unit::Bytes,
    ),
    ("rss", columns::RSS_BYTES, "resident set (RSS)", Unit::Bytes),
    ("cpu", columns::CPU_MS, "CPU time", Unit::Milliseconds),
    ("threads", columns::THREADS, "threads", Unit::Count),
    (
        "descriptors",
        columns::DESCRIPTORS,
        "open descriptors",
        Unit::Count,
    ),
    ("processes", columns::PROCESSES, "processes", Unit::Count),
    ("ops", columns::OPS_TOTAL, "operations", Unit::Count),
    (
        "p50",
        columns::LATENCY_P50_US,
        "median latency",
        Unit::Microseconds,
    ),
    (
        "p99",
        columns::LATENCY_P99_US,
        "99th percentile of latency",
        Unit::Microseconds,
    ),
    (
        "probe-cost",
        columns::PROBE_COST_US,
        "CPU time of a probe sample",
        Unit::Microseconds,
    ),
    (
        "outside-cost",
        columns::OUTSIDE_COST_US,
        "CPU time of an outside sample",
        Unit::Microseconds,
    ),
];

/// The columns of which the first that is there is drawn when nothing else is asked for.
pub(super) const DEFAULT_COLUMNS: [&str; 3] = [
    columns::ALLOCATED_BYTES,
    columns::USED_BYTES,
    columns::RSS_BYTES,
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
                };
            }
        }
        let label = name.strip_prefix(columns::GAUGE_PREFIX).unwrap_or(name);
        let unit = match label {
            label if label.ends_with("_bytes") => Unit::Bytes,
            label if label.ends_with("_us") => Unit::Microseconds,
            label if label.ends_with("_ms") => Unit::Milliseconds,
            _ => Unit::Count,
        };
        Metric {
            column: name.to_owned(),
            label: label.replace('_', " "),
            unit,
        }
    }

    /// Short names of all fixed metrics, for messages.
    pub fn known_names() -> Vec<&'static str> {
        KNOWN.iter().map(|(short, ..)| *short).collect()
    }

    /// The name in a file: without `_bytes` and with nothing that a path could trip over.
    pub(super) fn file_name(&self) -> String {
        let known = KNOWN.iter().find(|(_, column, ..)| *column == self.column);
        super::file_name(known.map_or(self.label.as_str(), |(short, ..)| short))
    }
}
