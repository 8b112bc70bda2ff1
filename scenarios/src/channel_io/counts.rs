//! What the parts of the service count, and the clock that they share.

use crate::descriptors::LimitWatch;
use crate::{Gauge, Meter};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Names of the gauges, in the order of their columns.
pub(super) const GAUGES: &[&str] = &[
    "handlers_alive",
    "blocked_handlers",
    "delivered",
    "dropped",
    "refused",
    "queue_depth",
    "descriptors",
];

/// The gauges, the marks and the clock of one run.
pub(super) struct Counts {
    /// Handlers that have begun and not ended.
    pub(super) handlers_alive: Gauge,
    /// Senders that wait for the channel (in `single-sender`, the one sender).
    pub(super) blocked_handlers: Gauge,
    /// Messages that the reader has taken, so far.
    pub(super) delivered: Gauge,
    /// Messages that were read from a connection and then lost, so far.
    pub(super) dropped: Gauge,
    /// Connections that no handler was given, so far.
    pub(super) refused: Gauge,
    /// Messages in buffers between handlers and reader.
    pub(super) queue_depth: Gauge,
    /// Sockets that the service and its clients hold.
    pub(super) descriptors: Gauge,
    /// Sees the descriptor limit.
    pub(super) limit: LimitWatch,
    meter: Arc<dyn Meter>,
    receiver_gone: AtomicBool,
    began: Instant,
}

impl Counts {
    pub(super) fn new(meter: &Arc<dyn Meter>) -> Arc<Self> {
        let [
            alive,
            blocked,
            delivered,
            dropped,
            refused,
            queue,
            descriptors,
        ] = GAUGES
        else {
            unreachable!("seven names are declared above")
        };
        Arc::new(Counts {
            handlers_alive: meter.new_gauge(alive),
            blocked_handlers: meter.new_gauge(blocked),
            delivered: meter.new_gauge(delivered),
            dropped: meter.new_gauge(dropped),
            refused: meter.new_gauge(refused),
            queue_depth: meter.new_gauge(queue),
            descriptors: meter.new_gauge(descriptors),
            limit: LimitWatch::new(Arc::clone(meter)),
            meter: Arc::clone(meter),
            receiver_gone: AtomicBool::new(false),
            began: Instant::now(),
        })
    }

    /// The time now, as clients write it into the first eight bytes of a message.
    pub(super) fn stamp(&self) -> [u8; STAMP_BYTES] {
        (self.began.elapsed().as_micros() as u64).to_le_bytes()
    }

    /// Counts a message as delivered and records how long it was under way: from the
    /// client's attempt to connect to the reader's hand.
    pub(super) fn deliver(&self, message: &[u8]) {
        self.delivered.add(1);
        if let Some(stamp) = message.first_chunk() {
            let sent = Duration::from_micros(u64::from_le_bytes(*stamp));
            self.meter
                .record_latency(self.began.elapsed().saturating_sub(sent));
        }
    }

    /// Records a named instant.
    pub(super) fn mark(&self, name: &str) {
        self.meter.mark(name);
    }

    /// Marks the first time that a handler is told that the receiving end is gone.
    pub(super) fn mark_receiver_gone(&self) {
        if !self.receiver_gone.swap(true, Ordering::Relaxed) {
            self.meter.mark("receiver-gone");
        }
    }
}

/// Bytes of the time that opens a message.
pub(super) const STAMP_BYTES: usize = size_of::<u64>();
