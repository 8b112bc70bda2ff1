//! Patch 0003's `timeout2`: nothing is registered before somebody takes, the handler itself
//! sits on the delay queue, and it leaves when another port wins.

use super::alts::AltHandler;
use super::channel::{Port, Taken};
use super::daemon::{Agenda, Clock, Daemon, Delayed, Slot};
use super::dispatch::{Dispatcher, Garbage};
use crate::{Gauge, WorkloadError};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

/// A handler that waits for a time to come.
pub(super) struct Waiting {
    deadline_ms: u64,
    handler: Arc<AltHandler>,
}

impl Delayed for Waiting {
    fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }
}

struct Handlers {
    queue: BinaryHeap<Slot<Waiting>>,
    pending: Gauge,
}

impl Agenda for Handlers {
    type Due = Arc<Waiting>;

    fn first_deadline_ms(&self) -> Option<u64> {
        self.queue.peek().map(Slot::deadline_ms)
    }

    fn take_first(&mut self) -> Option<Self::Due> {
        let waiting = self.queue.pop()?.0;
        self.pending.set(self.queue.len() as i64);
        Some(waiting)
    }

    fn fire(waiting: Self::Due, dispatcher: &Dispatcher) {
        dispatcher.submit(|jobs| {
            if waiting.handler.commit() {
                jobs.call(Arc::clone(&waiting.handler), None);
            }
            jobs.reclaim(Garbage::Waiting(waiting));
        });
    }
}

/// The queue of waiting handlers and the owner of its thread.
pub(super) struct HandlerQueue {
    daemon: Daemon<Handlers>,
    clock: Clock,
}

impl HandlerQueue {
    /// Starts with nobody waiting; `pending` shows how many wait.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    pub(super) fn start(
        clock: Clock,
        dispatcher: Arc<Dispatcher>,
        pending: Gauge,
    ) -> Result<Self, WorkloadError> {
        let handlers = Handlers {
            queue: BinaryHeap::new(),
            pending,
        };
        Ok(HandlerQueue {
            daemon: Daemon::start(handlers, clock, dispatcher)?,
            clock,
        })
    }

    /// A port that answers after `duration`.
    pub(super) fn timeout2(self: &Arc<Self>, duration: Duration) -> Arc<Timeout2> {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Arc::new(Timeout2 {
            deadline_ms: self.clock.now_ms().saturating_add(duration_ms),
            queue: Arc::clone(self),
        })
    }

    /// Takes the handler of a decided call off: a linear scan, as `DelayQueue.remove` is.
    fn remove(&self, lock_id: u64) {
        self.daemon.with_agenda(|handlers| {
            handlers
                .queue
                .retain(|slot| slot.0.handler.lock_id() != lock_id);
            handlers.pending.set(handlers.queue.len() as i64);
        });
    }

    /// Ends the thread and lets go of every handler that still waits.
    pub(super) fn shut_down(&self) {
        self.daemon.stop();
        let slots = self
            .daemon
            .with_agenda(|handlers| std::mem::take(&mut handlers.queue));
        drop(slots);
    }
}

/// A time to come. Owns nothing on the queue until it is taken from.
pub(super) struct Timeout2 {
    deadline_ms: u64,
    queue: Arc<HandlerQueue>,
}

impl Port for Timeout2 {
    fn take(&self, handler: &Arc<AltHandler>) -> Taken {
        if self.queue.clock.now_ms() >= self.deadline_ms {
            return match handler.commit() {
                true => Taken::Now(None),
                false => Taken::Parked,
            };
        }
        let waiting = Slot(Arc::new(Waiting {
            deadline_ms: self.deadline_ms,
            handler: Arc::clone(handler),
        }));
        self.queue.daemon.with_agenda(|handlers| {
            handlers.queue.push(waiting);
            handlers.pending.set(handlers.queue.len() as i64);
        });
        if let Some(nack) = handler.nack() {
            let (queue, lock_id) = (Arc::clone(&self.queue), handler.lock_id());
            nack.take(Box::new(move || queue.remove(lock_id)));
        }
        Taken::Parked
    }
}
