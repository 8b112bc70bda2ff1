//! A bounded memory of a cell's live heap: thinned by two whenever it is full.

use leaklab_run::Sample;

/// Points that are kept at most.
const CAPACITY: usize = 1024;

const LIVE_HEAP: &str = "live heap";

/// A kept sample.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Time since the child was ready.
    pub elapsed_ms: f64,
    /// Bytes of the metric that is shown.
    pub bytes: f64,
    /// Operations so far; NaN if they are not counted.
    pub ops_total: f64,
}

/// Time and value of the metric that decides, evenly thinned over the whole run.
#[derive(Debug)]
pub struct History {
    points: Vec<Point>,
    /// One sample in `stride` is kept.
    stride: u64,
    seen: u64,
    last: Option<f64>,
    metric: &'static str,
}

impl History {
    /// Nothing yet.
    pub fn new() -> Self {
        History {
            points: Vec::with_capacity(CAPACITY),
            stride: 1,
            seen: 0,
            last: None,
            metric: "memory",
        }
    }

    /// Takes a sample: live heap if there is one, else what a managed runtime uses, else RSS.
    pub fn add(&mut self, sample: &Sample) {
        let heap = sample.heap;
        let (value, metric) = match (heap.allocated_bytes, heap.used_bytes, sample.rss_bytes) {
            (Some(bytes), _, _) => (bytes, LIVE_HEAP),
            (None, Some(bytes), _) => (bytes, "heap used"),
            (None, None, Some(bytes)) if self.metric != LIVE_HEAP => (bytes, "RSS"),
            _ => return,
        };
        if self.metric != metric {
            // A program that was seen from outside first begins to say what its heap holds.
            *self = History::new();
            self.metric = metric;
        }
        self.last = Some(value as f64);
        if self.seen.is_multiple_of(self.stride) {
            if self.points.len() == CAPACITY {
                let mut index = 0;
                self.points.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(self.stride) {
                self.points.push(Point {
                    elapsed_ms: sample.elapsed_ms,
                    bytes: value as f64,
                    ops_total: sample.ops_total.map_or(f64::NAN, |ops| ops as f64),
                });
            }
        }
        self.seen += 1;
    }

    /// The newest value.
    pub fn last(&self) -> Option<f64> {
        self.last
    }

    /// The newest value less the first.
    pub fn growth(&self) -> Option<f64> {
        Some(self.last? - self.points.first()?.bytes)
    }

    /// Whether the values are an allocator's count of live bytes.
    pub fn is_allocators(&self) -> bool {
        self.metric == LIVE_HEAP
    }

    /// What is shown: `live heap`, `heap used` or `RSS`.
    pub fn metric(&self) -> &'static str {
        self.metric
    }

    /// The kept samples in order of time.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The kept values in order of time.
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
    }
}
