//! The collector of a managed heap, for the degradation that two of the reports speak of.
//!
//! Rust has no collector, so that a leak costs nothing here until memory is gone. In a JVM or in
//! V8 each full collection walks everything that lives, and the next one comes as soon as the
//! room that was left is used up: the fuller the heap, the longer each takes and the more often
//! it comes. Just this is modelled: whenever the heap is full, whoever allocates stops and walks
//! what lives.

use crate::{Gauge, Meter};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The gauges that a collector keeps, for the description of a scenario that has one.
pub const COLLECTOR_GAUGES: [&str; 2] = ["collections", "collection_us"];

/// A heap of fixed size and its collector.
pub struct Collector {
    heap_bytes: usize,
    /// Bytes until the next collection.
    room: AtomicUsize,
    world: Mutex<()>,
    collections: Gauge,
    /// How long the last collection took.
    collection_us: Gauge,
    out_of_memory: AtomicBool,
}

impl Collector {
    /// The collector of a heap of that size; none for 0.
    pub fn new(heap_bytes: usize, meter: &(dyn Meter + 'static)) -> Option<Self> {
        let [collections, collection_us] = COLLECTOR_GAUGES.map(|name| meter.new_gauge(name));
        (heap_bytes > 0).then(|| Collector {
            heap_bytes,
            room: AtomicUsize::new(heap_bytes),
            world: Mutex::new(()),
            collections,
            collection_us,
            out_of_memory: AtomicBool::new(false),
        })
    }

    /// Takes note of an allocation; collects first if there is no room for it. `mark` walks what
    /// lives and gives the bytes of that.
    pub fn allocate(&self, bytes: usize, meter: &dyn Meter, mark: impl FnOnce() -> usize) {
        let taken = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
                room.checked_sub(bytes)
            });
        if taken.is_ok() {
            return;
        }
        let _stopped = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let live_bytes = mark();
        let took_us = started.elapsed().as_micros();
        self.collection_us
            .set(i64::try_from(took_us).unwrap_or(i64::MAX));
        self.collections.add(1);
        let room = self.heap_bytes.saturating_sub(live_bytes);
        self.room.store(room, Ordering::Relaxed);
        if room < bytes && !self.out_of_memory.swap(true, Ordering::Relaxed) {
            meter.mark("heap full: every allocation is a full collection");
        }
    }
}
