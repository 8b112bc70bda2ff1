//! The figures that a rule may ask for: the columns of a row, declared gauges, and two names for
//! what a runtime says of its heap.

use leaklab_run::{Sample, columns};
use std::collections::BTreeMap;

/// Bytes in use in the heap, whoever says them.
const HEAP_USED: &str = "heap_used";
/// The most that a runtime lets its heap become.
const HEAP_LIMIT: &str = "heap_limit";

/// The columns that have a number.
const COLUMNS: [&str; 18] = [
    columns::ELAPSED_MS,
    columns::OPS_TOTAL,
    columns::ALLOCATED_BYTES,
    columns::ACTIVE_BYTES,
    columns::METADATA_BYTES,
    columns::RESIDENT_BYTES,
    columns::MAPPED_BYTES,
    columns::RETAINED_BYTES,
    columns::USED_BYTES,
    columns::COMMITTED_BYTES,
    columns::RSS_BYTES,
    columns::CPU_MS,
    columns::THREADS,
    columns::DESCRIPTORS,
    columns::PROCESSES,
    columns::PSS_BYTES,
    columns::SWAP_BYTES,
    columns::LATENCY_P99_US,
];

/// Every name that a rule of a cell with those gauges knows.
pub fn names(gauges: &[String]) -> Vec<&str> {
    let own = gauges.iter().map(String::as_str);
    [HEAP_USED, HEAP_LIMIT]
        .into_iter()
        .chain(COLUMNS)
        .chain(own)
        .collect()
}

/// The value of a name in a row; `None` where the row has none.
pub fn value(name: &str, row: &Sample, gauges: &BTreeMap<String, f64>) -> Option<f64> {
    let heap = &row.heap;
    let whole = match name {
        columns::ELAPSED_MS => return Some(row.elapsed_ms),
        HEAP_USED => heap.used_bytes.or(heap.allocated_bytes),
        HEAP_LIMIT => heap.limit_bytes,
        columns::OPS_TOTAL => row.ops_total,
        columns::ALLOCATED_BYTES => heap.allocated_bytes,
        columns::ACTIVE_BYTES => heap.active_bytes,
        columns::METADATA_BYTES => heap.metadata_bytes,
        columns::RESIDENT_BYTES => heap.resident_bytes,
        columns::MAPPED_BYTES => heap.mapped_bytes,
        columns::RETAINED_BYTES => heap.retained_bytes,
        columns::USED_BYTES => heap.used_bytes,
        columns::COMMITTED_BYTES => heap.committed_bytes,
        columns::RSS_BYTES => row.rss_bytes,
        columns::CPU_MS => row.cpu_ms,
        columns::THREADS => row.threads,
        columns::DESCRIPTORS => row.descriptors,
        columns::PROCESSES => row.processes,
        columns::PSS_BYTES => row.pss_bytes,
        columns::SWAP_BYTES => row.swap_bytes,
        columns::LATENCY_P99_US => row.latency_p99_us,
        gauge => return gauges.get(gauge).copied(),
    };
    whole.map(|whole| whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::Heap;

    #[test]
    fn every_name_has_a_value_in_a_full_row() {
        let one = Some(1);
        let row = Sample {
            ops_total: one,
            heap: Heap {
                allocated_bytes: one,
                active_bytes: one,
                metadata_bytes: one,
                resident_bytes: one,
                mapped_bytes: one,
                retained_bytes: one,
                used_bytes: one,
                committed_bytes: one,
                limit_bytes: one,
            },
            rss_bytes: one,
            cpu_ms: one,
            threads: one,
            descriptors: one,
            processes: one,
            pss_bytes: one,
            swap_bytes: one,
            latency_p99_us: one,
            ..Sample::default()
        };
        let gauges = BTreeMap::from([("depth".to_owned(), 1.0)]);
        for name in names(&["depth".to_owned()]) {
            assert!(value(name, &row, &gauges).is_some(), "{name}");
            let has = name == columns::ELAPSED_MS;
            let none = value(name, &Sample::default(), &BTreeMap::new());
            assert_eq!(none.is_some(), has, "{name}");
        }
    }
}
