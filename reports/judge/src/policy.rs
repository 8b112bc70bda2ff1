//! Every threshold of the judge: its name, its reason, its source.

/// The step in which resident memory moves until a series shows smaller ones: glibc grows its
/// heap by 128 KiB at a time (`M_TOP_PAD`, mallopt(3)) and hands out new mappings from 128 KiB
/// on (`M_MMAP_THRESHOLD`).
pub const RSS_GRAIN_BYTES: f64 = 131_072.0;

/// The least default budget of a share, in percent per hour: the last digit that tools print
/// of one (`%.2f` in `pidstat` and `sar`).
pub const LEAST_BUDGET_PERCENT_PER_HOUR: f64 = 0.01;
