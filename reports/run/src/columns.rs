//! Names of the columns of `samples.csv`, in their order. New ones are only ever appended.

/// Monotonic time since the child was ready, in milliseconds with three decimals.
pub const ELAPSED_MS: &str = "elapsed_ms";
/// `warmup`, `load` or `drain`.
pub const PHASE: &str = "phase";
/// Operations completed so far.
pub const OPS_TOTAL: &str = "ops_total";
/// Bytes requested from the allocator and not yet freed, in size classes.
pub const ALLOCATED_BYTES: &str = "allocated_bytes";
/// Bytes in pages that hold at least one allocation.
pub const ACTIVE_BYTES: &str = "active_bytes";
/// Bytes of the allocator's own records.
pub const METADATA_BYTES: &str = "metadata_bytes";
/// Bytes in resident pages of the allocator: active, metadata and unused dirty pages.
pub const RESIDENT_BYTES: &str = "resident_bytes";
/// Bytes in extents that the allocator has mapped.
pub const MAPPED_BYTES: &str = "mapped_bytes";
/// Bytes of address space kept by the allocator without being mapped.
pub const RETAINED_BYTES: &str = "retained_bytes";
/// Bytes in use, as a managed runtime counts them.
pub const USED_BYTES: &str = "used_bytes";
/// Bytes committed by a managed runtime.
pub const COMMITTED_BYTES: &str = "committed_bytes";
/// Resident set of the process tree.
pub const RSS_BYTES: &str = "rss_bytes";
/// User and system CPU time of the process tree.
pub const CPU_MS: &str = "cpu_ms";
/// Threads of the process tree.
pub const THREADS: &str = "threads";
/// Open descriptors of the process tree.
pub const DESCRIPTORS: &str = "descriptors";
/// Processes in the tree.
pub const PROCESSES: &str = "processes";
/// Median latency of the operations since the tick before.
pub const LATENCY_P50_US: &str = "latency_p50_us";
/// 99th percentile of the latency of the operations since the tick before.
pub const LATENCY_P99_US: &str = "latency_p99_us";
/// CPU time that the probe spent on the heap figures of this row.
pub const PROBE_COST_US: &str = "probe_cost_us";
/// CPU time that the harness spent on the outside figures of this row.
pub const OUTSIDE_COST_US: &str = "outside_cost_us";
/// Proportional set of the process tree: pages that several processes share count once. At
/// a pace that its cost allows, empty between.
pub const PSS_BYTES: &str = "pss_bytes";
/// Bytes of the process tree that are swapped out; at the pace of the proportional set.
pub const SWAP_BYTES: &str = "swap_bytes";
/// Memory of the cell's control group, where it has one of its own.
pub const CGROUP_BYTES: &str = "cgroup_bytes";
/// All CPU time of the harness since the row before, divided among the cells that run.
pub const HARNESS_CPU_US: &str = "harness_cpu_us";

/// Gauge of the memory that is in use right after a full collection; in the row that follows one,
/// empty between.
pub const SETTLED_GAUGE: &str = "settled_bytes";
/// Column of that gauge.
pub const SETTLED_BYTES: &str = "gauge:settled_bytes";
/// What precedes the name of a gauge in its column.
pub const GAUGE_PREFIX: &str = "gauge:";

/// Gauge of the processes whose heaps a row adds up, to hold against `processes`.
pub const HEAP_PROCESSES: &str = "heap_processes";

/// All fixed columns in their order; columns of gauges follow.
pub const FIXED: [&str; 24] = [
    ELAPSED_MS,
    PHASE,
    OPS_TOTAL,
    ALLOCATED_BYTES,
    ACTIVE_BYTES,
    METADATA_BYTES,
    RESIDENT_BYTES,
    MAPPED_BYTES,
    RETAINED_BYTES,
    USED_BYTES,
    COMMITTED_BYTES,
    RSS_BYTES,
    CPU_MS,
    THREADS,
    DESCRIPTORS,
    PROCESSES,
    LATENCY_P50_US,
    LATENCY_P99_US,
    PROBE_COST_US,
    OUTSIDE_COST_US,
    PSS_BYTES,
    SWAP_BYTES,
    CGROUP_BYTES,
    HARNESS_CPU_US,
];

/// The column of a gauge.
pub fn gauge(name: &str) -> String {
    format!("{GAUGE_PREFIX}{name}")
}
