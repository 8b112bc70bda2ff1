//! The dispatch pool: where callbacks run.
//!
//! A pool of one thread, the one that performs the operations, so that every object of a
//! turn is made and freed on the same thread. The timer threads allocate and free nothing:
//! what they unlink goes through here too, as it would go to a collector. An allocator
//! keeps a cache of freed memory per thread, and one that fills up slowly on a timer
//! thread would read as growth.

use super::alts::AltHandler;
use super::atom::locked;
use super::channel::{Takers, Value};
use super::deadline_map::Node;
use super::timeout::TimerEntry;
use super::timeout2::Waiting;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Jobs that the queue holds without growing.
const ROOM: usize = 4096;

/// Callbacks to call and objects to free, in order.
#[derive(Default)]
pub(super) struct Jobs(VecDeque<Job>);

enum Job {
    Call(Arc<AltHandler>, Option<Value>),
    Reclaim(Garbage),
}

/// What a timer thread unlinked.
#[expect(dead_code, reason = "held only to be dropped on the performing thread")]
pub(super) enum Garbage {
    /// The handlers of a channel that was closed.
    Takers(Takers),
    /// A timer that fired, with its place in the map.
    Timer(Arc<TimerEntry>, Option<Box<Node<Arc<TimerEntry>>>>),
    /// A handler that waited on a `timeout2`.
    Waiting(Arc<Waiting>),
}

impl Jobs {
    /// Calls the callback of a committed handler.
    pub(super) fn call(&mut self, handler: Arc<AltHandler>, value: Option<Value>) {
        self.0.push_back(Job::Call(handler, value));
    }

    /// Frees something.
    pub(super) fn reclaim(&mut self, garbage: Garbage) {
        self.0.push_back(Job::Reclaim(garbage));
    }

    #[cfg(test)]
    pub(super) fn calls(&self) -> usize {
        let is_call = |job: &&Job| matches!(job, Job::Call(..));
        self.0.iter().filter(is_call).count()
    }
}

/// The queue of the pool.
pub(super) struct Dispatcher {
    jobs: Mutex<Jobs>,
    arrived: Condvar,
}

impl Dispatcher {
    pub(super) fn new() -> Self {
        Dispatcher {
            jobs: Mutex::new(Jobs(VecDeque::with_capacity(ROOM))),
            arrived: Condvar::new(),
        }
    }

    /// Queues what `fill` adds, all at once.
    pub(super) fn submit(&self, fill: impl FnOnce(&mut Jobs)) {
        fill(&mut locked(&self.jobs));
        self.arrived.notify_one();
    }

    /// Runs the next job, waiting up to `patience` for one; `false` if none came.
    pub(super) fn run_next(&self, patience: Duration) -> bool {
        let mut jobs = locked(&self.jobs);
        if jobs.0.is_empty() && !patience.is_zero() {
            jobs = self
                .arrived
                .wait_timeout(jobs, patience)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let job = jobs.0.pop_front();
        drop(jobs);
        match job {
            Some(Job::Call(handler, value)) => handler.complete(value),
            Some(Job::Reclaim(garbage)) => drop(garbage),
            None => return false,
        }
        true
    }

    /// Runs what is there, without waiting.
    pub(super) fn run_pending(&self) {
        while self.run_next(Duration::ZERO) {}
    }
}
