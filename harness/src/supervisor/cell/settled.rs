//! The settled heap, seen from the loop of a cell: collections at their moments, and the row that
//! is read right after each.

use super::{CellEvent, CellLoop};
use crate::supervisor::settle::{Settled, Settling};
use leaklab_run::{EventKind, Heap, Phase, columns};
use std::time::{Duration, Instant};

/// Name of the mark of a collection.
const SETTLE_MARK: &str = "settle";
/// Pages of metrics after a collection, of which the last was asked for when it was over.
const PAGES: u32 = 2;
/// Failures that are told; all are counted.
const FAILURES_TOLD: u64 = 3;

/// What the loop keeps of it.
#[derive(Default)]
pub struct SettledState {
    settling: Option<Settling>,
    /// What a heap must wait for that is read after a collection.
    awaited: Option<Awaited>,
}

/// What tells that a heap was read after a collection.
enum Awaited {
    /// So many more pages.
    Pages(u32),
    /// A time by which every sampler has read anew.
    Until(Instant),
}

impl CellLoop<'_> {
    /// When a collection must be looked at next.
    pub(super) fn settle_due(&self) -> Option<Instant> {
        (self.phase == Phase::Load)
            .then(|| self.settled.settling.as_ref().map(Settling::due))
            .flatten()
    }

    /// Asks for collections at their moments.
    pub(super) fn keep_settled(&mut self) {
        let Some(settle) = &self.setup.beside.settle else {
            return;
        };
        if self.phase != Phase::Load || self.ready_us.is_none() || self.ending.is_some() {
            self.settled.awaited = None;
            return;
        }
        let load = self.setup.schedule.load.unwrap_or_default();
        let settling =
            (self.settled.settling).get_or_insert_with(|| Settling::new(settle.clone(), load));
        let of = Settled {
            pid: self.child.pid(),
            surroundings: &self.setup.beside.surroundings,
            folder: &self.setup.folder,
        };
        let Some(collected) = settling.keep(&of) else {
            return;
        };
        let failures = settling.failures;
        if let Err(why) = collected.result {
            if failures <= FAILURES_TOLD {
                self.warn(format!("the heap could not be settled: {why}"));
            }
            return;
        }
        let duration_ms = collected.took.as_secs_f64() * 1e3;
        let at_ms = self.now_ms() - duration_ms;
        let marked = CellEvent::Marked { at_ms, duration_ms };
        let _ = self.observer.observe(&self.setup.plan, &marked);
        let kind = EventKind::Mark {
            name: SETTLE_MARK.to_owned(),
            duration_ms: Some(duration_ms),
        };
        self.recorder.event(at_ms, kind);
        self.settled.awaited = Some(match self.ask_for_pages(PAGES) {
            true => Awaited::Pages(PAGES),
            false if self.had_heap => {
                let interval = self.setup.child.interval;
                Awaited::Until(Instant::now() + interval + interval / 10)
            }
            false => {
                self.next_tick = Instant::now();
                Awaited::Until(Instant::now() - Duration::from_millis(1))
            }
        });
    }

    /// Ends a collection that goes on; says how many failed, where not each was told, or that there
    /// was none at all.
    pub(super) fn finish_settled(&mut self) {
        let Some(settling) = self.settled.settling.take() else {
            return;
        };
        let failures = settling.failures;
        if settling.collections == 0 {
            self.warn(format!(
                "the heap could not be settled: not one of the collections that --settle asks for \
                 was over; {failures} failed"
            ));
        } else if failures > FAILURES_TOLD {
            self.warn(format!(
                "the heap could not be settled {failures} times in all"
            ));
        }
    }

    /// Takes note of a heap that was said.
    pub(super) fn heard_heap(&mut self) {
        if let Some(Awaited::Pages(left)) = &mut self.settled.awaited {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.next_tick = Instant::now();
            }
        }
    }

    /// Writes down what a row holds that was read right after a collection.
    pub(super) fn settle_row(&mut self, heap: &Heap, rss_bytes: Option<u64>) {
        self.gauges.remove(columns::SETTLED_GAUGE);
        let is_read = match self.settled.awaited {
            None => false,
            Some(Awaited::Pages(left)) => left == 0,
            Some(Awaited::Until(at)) => Instant::now() >= at,
        };
        // A heap that is said, but not in this row, is awaited for the next.
        let heap_bytes = heap.allocated_bytes.or(heap.used_bytes);
        let known = heap_bytes.or(rss_bytes.filter(|_| !self.had_heap));
        if let Some(bytes) = known.filter(|_| is_read && self.phase == Phase::Load) {
            self.settled.awaited = None;
            self.gauges
                .insert(columns::SETTLED_GAUGE.to_owned(), bytes as f64);
        }
    }
}
