//! A fixed histogram of latencies, filled by many threads, read and emptied at each tick.
//!
//! Buckets are log-linear: 16 in each doubling, so that a percentile is at most 1/16 = 6.25 %
//! above the true value. After HdrHistogram (G. Tene), with a fixed precision.

use std::sync::atomic::{AtomicU64, Ordering};

const SUB_BUCKETS: usize = 16;
const DOUBLINGS: usize = 36;
const BUCKETS: usize = SUB_BUCKETS * DOUBLINGS;

/// Latencies in microseconds up to some nineteen hours; larger ones count as that.
pub struct LatencyHistogram {
    buckets: [AtomicU64; BUCKETS],
}

/// Percentiles of the latencies since the last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LatencySummary {
    /// How many there were.
    pub count: u64,
    /// Their median, in microseconds.
    pub p50_us: u64,
    /// Their 99th percentile, in microseconds.
    pub p99_us: u64,
}

impl LatencyHistogram {
    /// An empty histogram.
    pub const fn new() -> Self {
        LatencyHistogram {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }

    /// Counts one latency.
    pub fn record(&self, latency_us: u64) {
        self.buckets[bucket(latency_us)].fetch_add(1, Ordering::Relaxed);
    }

    /// Takes everything out and summarises it; `None` if there was nothing.
    pub fn take(&self) -> Option<LatencySummary> {
        let mut counts = [0_u64; BUCKETS];
        for (count, bucket) in counts.iter_mut().zip(&self.buckets) {
            *count = bucket.swap(0, Ordering::Relaxed);
        }
        let count: u64 = counts.iter().sum();
        (count > 0).then(|| LatencySummary {
            count,
            p50_us: percentile(&counts, count.div_ceil(2)),
            p99_us: percentile(&counts, (count * 99).div_ceil(100)),
        })
    }
}

/// The upper end of the bucket that holds the observation of the given rank, from 1.
fn percentile(counts: &[u64; BUCKETS], rank: u64) -> u64 {
    let mut seen = 0;
    for (index, count) in counts.iter().enumerate() {
        seen += count;
        if seen >= rank {
            return upper_end_us(index);
        }
    }
    upper_end_us(BUCKETS - 1)
}

fn bucket(latency_us: u64) -> usize {
    if latency_us < SUB_BUCKETS as u64 {
        return latency_us as usize;
    }
    let doubling = latency_us.ilog2() as usize - 3;
    let within = (latency_us >> (doubling - 1)) as usize - SUB_BUCKETS;
    (doubling * SUB_BUCKETS + within).min(BUCKETS - 1)
}

fn upper_end_us(bucket: usize) -> u64 {
    let doubling = bucket / SUB_BUCKETS;
    let within = (bucket % SUB_BUCKETS) as u64;
    match doubling {
        0 => within,
        _ => ((SUB_BUCKETS as u64 + within + 1) << (doubling - 1)) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_lies_in_its_bucket_and_within_a_sixteenth() {
        for latency in (0..100_000).chain([1 << 30, (1 << 38) + 12_345]) {
            let end = upper_end_us(bucket(latency));
            assert!(end >= latency, "{latency}: {end}");
            assert!(end - latency <= latency / 16, "{latency}: {end}");
        }
    }

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let histogram = LatencyHistogram::new();
        for latency in 1..=100 {
            histogram.record(latency);
        }
        // numpy 2.1: percentile(range(1, 101), [50, 99], method="inverted_cdf") == [50, 99];
        // the buckets that hold them end at 51 and 99.
        let summary = histogram.take().expect("a hundred latencies");
        assert_eq!(
            summary,
            LatencySummary {
                count: 100,
                p50_us: 51,
                p99_us: 99
            }
        );
        assert_eq!(histogram.take(), None, "reading empties");
    }

    #[test]
    fn absurd_latencies_count_as_the_largest() {
        let histogram = LatencyHistogram::new();
        histogram.record(u64::MAX);
        assert!(histogram.take().is_some());
    }
}
