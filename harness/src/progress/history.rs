//! A bounded memory of a cell's live heap: neighbours become one whenever it is full, a mean
//! that keeps the least and the most it is made of.

use leaklab_reports::cell::UNREAD_PART;
use leaklab_run::Sample;

/// Points that are kept at most: up to half of this, the judge groups a long series itself.
const CAPACITY: usize = 4096;

const UNKNOWN: &str = "memory";
const LIVE_HEAP: &str = "live heap";
const RESIDENT: &str = "RSS";

/// Some samples that follow each other, as one.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Time since the child was ready, their mean.
    pub elapsed_ms: f64,
    /// Bytes of the metric that is shown, their mean.
    pub bytes: f64,
    /// The least of these.
    pub least_bytes: f64,
    /// The most of these.
    pub most_bytes: f64,
    /// Operations so far, their mean; NaN if they are not counted.
    pub ops_total: f64,
}

impl Point {
    /// Two points of as many samples each.
    fn with(self, other: Point) -> Point {
        Point {
            elapsed_ms: 0.5 * (self.elapsed_ms + other.elapsed_ms),
            bytes: 0.5 * (self.bytes + other.bytes),
            least_bytes: self.least_bytes.min(other.least_bytes),
            most_bytes: self.most_bytes.max(other.most_bytes),
            ops_total: 0.5 * (self.ops_total + other.ops_total),
        }
    }
}

/// Samples that are not yet a point.
#[derive(Debug, Clone, Copy)]
struct Pending {
    count: u64,
    sum: Point,
}

/// Time and value of the metric that decides, evenly grouped over the whole run.
#[derive(Debug)]
pub struct History {
    points: Vec<Point>,
    /// Samples in each point.
    stride: u64,
    pending: Option<Pending>,
    first: Option<f64>,
    last: Option<f64>,
    last_ms: Option<f64>,
    metric: &'static str,
}

impl History {
    /// Nothing yet.
    pub fn new() -> Self {
        History {
            points: Vec::with_capacity(CAPACITY),
            stride: 1,
            pending: None,
            first: None,
            last: None,
            last_ms: None,
            metric: UNKNOWN,
        }
    }

    /// Whether nothing was said for a tenth of the time since the first sample, as of a heap whose
    /// page hangs: what happens meanwhile is not known.
    pub fn is_silent(&self, now_ms: f64) -> bool {
        let (Some(first), Some(last_ms)) = (self.points().first(), self.last_ms) else {
            return false;
        };
        now_ms - last_ms > UNREAD_PART * (now_ms - first.elapsed_ms)
    }

    /// Takes a sample: live heap if there is one, else what a managed runtime uses, else RSS.
    pub fn add(&mut self, sample: &Sample) {
        let heap = sample.heap;
        let (value, metric) = match (heap.allocated_bytes, heap.used_bytes, sample.rss_bytes) {
            (Some(bytes), _, _) => (bytes, LIVE_HEAP),
            (None, Some(bytes), _) => (bytes, "heap used"),
            // What was seen from outside goes on; what said its heap does not turn into that.
            (None, None, Some(bytes)) if [UNKNOWN, RESIDENT].contains(&self.metric) => {
                (bytes, RESIDENT)
            }
            _ => return,
        };
        if self.metric != metric {
            // A program that was seen from outside first begins to say what its heap holds.
            *self = History::new();
            self.metric = metric;
        }
        let bytes = value as f64;
        self.last = Some(bytes);
        self.last_ms = Some(sample.elapsed_ms);
        self.first = self.first.or(self.last);
        self.pend(Point {
            elapsed_ms: sample.elapsed_ms,
            bytes,
            least_bytes: bytes,
            most_bytes: bytes,
            ops_total: sample.ops_total.map_or(f64::NAN, |ops| ops as f64),
        });
    }

    /// Adds to the samples that become the next point.
    fn pend(&mut self, point: Point) {
        let pending = match self.pending.take() {
            None => Pending {
                count: 1,
                sum: point,
            },
            Some(Pending { count, sum }) => Pending {
                count: count + 1,
                sum: Point {
                    elapsed_ms: sum.elapsed_ms + point.elapsed_ms,
                    bytes: sum.bytes + point.bytes,
                    least_bytes: sum.least_bytes.min(point.least_bytes),
                    most_bytes: sum.most_bytes.max(point.most_bytes),
                    ops_total: sum.ops_total + point.ops_total,
                },
            },
        };
        if pending.count < self.stride {
            self.pending = Some(pending);
            return;
        }
        let count = pending.count as f64;
        self.points.push(Point {
            elapsed_ms: pending.sum.elapsed_ms / count,
            bytes: pending.sum.bytes / count,
            ops_total: pending.sum.ops_total / count,
            ..pending.sum
        });
        if self.points.len() == CAPACITY {
            self.points = (self.points.chunks_exact(2))
                .map(|pair| pair[0].with(pair[1]))
                .collect();
            self.stride *= 2;
        }
    }

    /// The newest value.
    pub fn last(&self) -> Option<f64> {
        self.last
    }

    /// The newest value less the first.
    pub fn growth(&self) -> Option<f64> {
        Some(self.last? - self.first?)
    }

    /// Whether the values are an allocator's count of live bytes.
    pub fn is_allocators(&self) -> bool {
        self.metric == LIVE_HEAP
    }

    /// What is shown: `live heap`, `heap used` or `RSS`.
    pub fn metric(&self) -> &'static str {
        self.metric
    }

    /// Whether the values are the resident memory that the kernel reports.
    pub fn is_resident(&self) -> bool {
        self.metric == RESIDENT
    }

    /// The kept points in order of time.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Their values in order of time.
    pub fn values(&self) -> Vec<f64> {
        self.points.iter().map(|point| point.bytes).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::Heap;

    #[test]
    fn a_long_run_is_kept_evenly_and_bounded() {
        let mut history = History::new();
        for tick in 0..100_000_u64 {
            history.add(&Sample {
                elapsed_ms: tick as f64,
                heap: Heap {
                    allocated_bytes: Some(tick),
                    ..Heap::default()
                },
                ..Sample::default()
            });
        }
        assert!(history.points.len() <= CAPACITY);
        assert!(history.points.len() >= CAPACITY / 2);
        let pairs = history.points.windows(2);
        let gaps: Vec<_> = pairs.map(|p| p[1].elapsed_ms - p[0].elapsed_ms).collect();
        assert!(gaps.iter().all(|gap| *gap == gaps[0]), "{gaps:?}");
        assert_eq!(history.growth(), Some(99_999.0));
        // Each point is the mean of the 32 samples it stands for, and knows their ends.
        let second = history.points[1];
        assert_eq!(
            (second.least_bytes, second.bytes, second.most_bytes),
            (32.0, 47.5, 63.0)
        );
    }
}
