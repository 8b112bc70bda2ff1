//! `timeout`: channels that close when their time has come, held by two global structures.
//!
//! A map deadline → entry, to find a timeout that can be shared, and a delay queue of the
//! same entries, from which one daemon thread takes what has expired. An abandoned timeout
//! stays in both until it expires: nothing ever removes it earlier.

use super::channel::Channel;
use super::daemon::{Agenda, Clock, Daemon, Delayed, Slot};
use super::deadline_map::{DeadlineMap, Node};
use super::dispatch::{Dispatcher, Garbage};
use crate::{Gauge, WorkloadError};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

/// A timeout is shared if the one found expires less than this after the one asked for.
const TIMEOUT_RESOLUTION_MS: u64 = 10;

/// One timeout that has not expired yet.
pub(super) struct TimerEntry {
    deadline_ms: u64,
    channel: Arc<Channel>,
}

impl Delayed for TimerEntry {
    fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }
}

struct Timers {
    map: DeadlineMap<Arc<TimerEntry>>,
    /// A binary heap in an array that doubles, as in the original.
    queue: BinaryHeap<Slot<TimerEntry>>,
    pending: Gauge,
}

impl Agenda for Timers {
    type Due = (Arc<TimerEntry>, Option<Box<Node<Arc<TimerEntry>>>>);

    fn first_deadline_ms(&self) -> Option<u64> {
        self.queue.peek().map(Slot::deadline_ms)
    }

    fn take_first(&mut self) -> Option<Self::Due> {
        let entry = self.queue.pop()?.0;
        self.pending.set(self.queue.len() as i64);
        let node = self.map.remove(entry.deadline_ms);
        Some((entry, node))
    }

    fn fire((entry, node): Self::Due, dispatcher: &Dispatcher) {
        dispatcher.submit(|jobs| {
            entry.channel.close(jobs);
            jobs.reclaim(Garbage::Timer(entry, node));
        });
    }
}

/// The maker of timeouts and the owner of their thread.
pub(super) struct Timeouts {
    daemon: Daemon<Timers>,
    clock: Clock,
}

impl Timeouts {
    /// Starts with no timeouts; `pending` shows how many there are.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    pub(super) fn start(
        clock: Clock,
        dispatcher: Arc<Dispatcher>,
        pending: Gauge,
        seed: u64,
    ) -> Result<Self, WorkloadError> {
        let timers = Timers {
            map: DeadlineMap::new(seed),
            queue: BinaryHeap::new(),
            pending,
        };
        Ok(Timeouts {
            daemon: Daemon::start(timers, clock, dispatcher)?,
            clock,
        })
    }

    /// A channel that closes after `duration`, perhaps one that somebody else got too.
    ///
    /// The lookup finds only what expires at or after the new deadline. The same duration
    /// asked for again and again is therefore shared within one millisecond, not within
    /// [`TIMEOUT_RESOLUTION_MS`].
    pub(super) fn timeout(&self, duration: Duration) -> Arc<Channel> {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let deadline_ms = self.clock.now_ms().saturating_add(duration_ms);
        self.channel_closing_at(deadline_ms)
    }

    fn channel_closing_at(&self, deadline_ms: u64) -> Arc<Channel> {
        self.daemon.with_agenda(|timers| {
            if let Some((found_ms, entry)) = timers.map.ceiling(deadline_ms)
                && found_ms < deadline_ms + TIMEOUT_RESOLUTION_MS
            {
                return Arc::clone(&entry.channel);
            }
            let channel = Arc::new(Channel::unbuffered());
            let entry = Arc::new(TimerEntry {
                deadline_ms,
                channel: Arc::clone(&channel),
            });
            timers.map.insert(deadline_ms, Arc::clone(&entry));
            timers.queue.push(Slot(entry));
            timers.pending.set(timers.queue.len() as i64);
            channel
        })
    }

    /// A channel that closes after `duration` and is shared with nobody, so that the caller may
    /// close it earlier; its timer stays in the queue until its time has come.
    pub(super) fn own_timeout(&self, duration: Duration) -> Arc<Channel> {
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let deadline_ms = self.clock.now_ms().saturating_add(duration_ms);
        let channel = Arc::new(Channel::unbuffered());
        let entry = Arc::new(TimerEntry {
            deadline_ms,
            channel: Arc::clone(&channel),
        });
        self.daemon.with_agenda(|timers| {
            timers.queue.push(Slot(entry));
            timers.pending.set(timers.queue.len() as i64);
        });
        channel
    }

    /// Whether timeouts still fire.
    pub(super) fn is_alive(&self) -> bool {
        self.daemon.is_alive()
    }

    /// Ends the thread and lets go of every handler that still waits.
    pub(super) fn shut_down(&self) {
        self.daemon.stop();
        let slots = self
            .daemon
            .with_agenda(|timers| std::mem::take(&mut timers.queue));
        for slot in slots {
            slot.0.channel.forget_takers();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeouts() -> (Timeouts, Gauge) {
        let pending = Gauge::default();
        let dispatcher = Arc::new(Dispatcher::new());
        let timeouts = Timeouts::start(Clock::start(), dispatcher, pending.clone(), 1);
        (timeouts.expect("a thread"), pending)
    }

    #[test]
    fn a_timeout_is_shared_up_to_ten_milliseconds_later_and_never_earlier() {
        let (timeouts, pending) = timeouts();
        let hour = 3_600_000;
        let first = timeouts.channel_closing_at(hour);
        for (deadline_ms, shared) in [
            (hour, true),
            (hour - 9, true),
            (hour - 10, false),
            // What comes later finds nothing at or after it.
            (hour + 1, false),
        ] {
            let other = timeouts.channel_closing_at(deadline_ms);
            assert_eq!(Arc::ptr_eq(&first, &other), shared, "{deadline_ms}");
        }
        assert_eq!(pending.get(), 3);
        timeouts.shut_down();
    }

    #[test]
    fn shorter_timeouts_overtake_longer_ones() {
        let (timeouts, pending) = timeouts();
        timeouts.timeout(Duration::from_secs(3600));
        timeouts.timeout(Duration::from_millis(3));
        let patience = std::time::Instant::now() + Duration::from_secs(5);
        while pending.get() != 1 && std::time::Instant::now() < patience {
            std::thread::yield_now();
        }
        assert_eq!(pending.get(), 1, "the short one fired, the long one waits");
        timeouts.shut_down();
        assert!(!timeouts.is_alive());
    }
}
