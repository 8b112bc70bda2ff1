//! The collector of a managed heap, for the degradation that the report speaks of.
//!
//! Rust has no collector, so that a leak costs nothing here until memory is gone. On a
//! JVM each full collection walks everything that is live, and the next one comes as soon
//! as the room that was left is used up: the fuller the heap, the longer each takes and
//! the more often it comes. Just this is modelled: whenever the heap is full, the thread of
//! the workers stops and walks the job tree, node by node, down to the responses.

use super::job::{Job, lock};
use crate::{Gauge, Meter};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A heap of fixed size and its collector.
pub struct Collector {
    heap_bytes: usize,
    /// Bytes until the next collection.
    room: AtomicUsize,
    root: Arc<Job>,
    world: Mutex<()>,
    collections: Gauge,
    out_of_memory: AtomicBool,
}

impl Collector {
    /// A collector that starts its walk at `root`.
    pub fn new(heap_bytes: usize, root: Arc<Job>, collections: Gauge) -> Self {
        Collector {
            heap_bytes,
            room: AtomicUsize::new(heap_bytes),
            root,
            world: Mutex::new(()),
            collections,
            out_of_memory: AtomicBool::new(false),
        }
    }

    /// Takes note of an allocation; collects first if there is no room for it.
    pub fn allocate(&self, bytes: usize, meter: &dyn Meter) {
        let taken = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| {
                room.checked_sub(bytes)
            });
        if taken.is_ok() {
            return;
        }
        let _stopped = lock(&self.world);
        let live_bytes = self.root.mark();
        self.collections.add(1);
        let room = self.heap_bytes.saturating_sub(live_bytes);
        self.room.store(room, Ordering::Relaxed);
        if room < bytes && !self.out_of_memory.swap(true, Ordering::Relaxed) {
            meter.mark("heap full: every allocation is a full collection");
        }
    }
}
