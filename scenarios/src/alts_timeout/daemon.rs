//! A thread that sleeps until the first of many deadlines, and the clock it goes by.

use super::atom::locked;
use super::dispatch::Dispatcher;
use crate::WorkloadError;
use std::cmp::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Whole milliseconds since the model started, on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Clock {
            origin: Instant::now(),
        }
    }

    /// The present millisecond.
    pub(super) fn now_ms(self) -> u64 {
        u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The time until a millisecond begins; none if it has begun.
    fn time_until(self, deadline_ms: u64) -> Option<Duration> {
        Duration::from_millis(deadline_ms)
            .checked_sub(self.origin.elapsed())
            .filter(|left| !left.is_zero())
    }
}

/// Something that becomes due.
pub(super) trait Delayed {
    /// The millisecond in which it does.
    fn deadline_ms(&self) -> u64;
}

/// A slot of a delay queue: in a heap, the entry that is due first is the greatest.
pub(super) struct Slot<E>(pub(super) Arc<E>);

impl<E: Delayed> Slot<E> {
    pub(super) fn deadline_ms(&self) -> u64 {
        self.0.deadline_ms()
    }
}

impl<E: Delayed> Ord for Slot<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.deadline_ms().cmp(&self.deadline_ms())
    }
}

impl<E: Delayed> PartialOrd for Slot<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E: Delayed> PartialEq for Slot<E> {
    fn eq(&self, other: &Self) -> bool {
        self.deadline_ms() == other.deadline_ms()
    }
}

impl<E: Delayed> Eq for Slot<E> {}

/// The structures that a daemon serves, under its one lock.
pub(super) trait Agenda: Send + 'static {
    /// What a deadline releases.
    type Due: Send;

    /// The earliest deadline.
    fn first_deadline_ms(&self) -> Option<u64>;

    /// Takes the entry with the earliest deadline out.
    fn take_first(&mut self) -> Option<Self::Due>;

    /// Does what is due. Runs on the daemon's thread, without its lock.
    fn fire(due: Self::Due, dispatcher: &Dispatcher);
}

/// A running daemon thread; it ends when [`Daemon::stop`] is called or this is dropped.
pub(super) struct Daemon<A: Agenda> {
    shared: Arc<Shared<A>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared<A> {
    state: Mutex<State<A>>,
    changed: Condvar,
    clock: Clock,
}

struct State<A> {
    agenda: A,
    serving: bool,
    stopped: bool,
}

impl<A: Agenda> Daemon<A> {
    /// Starts the thread and waits until it serves.
    ///
    /// # Errors
    ///
    /// [`WorkloadError::Io`] if the operating system gives no thread.
    pub(super) fn start(
        agenda: A,
        clock: Clock,
        dispatcher: Arc<Dispatcher>,
    ) -> Result<Self, WorkloadError> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                agenda,
                serving: false,
                stopped: false,
            }),
            changed: Condvar::new(),
            clock,
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("timeout-daemon".to_owned())
            .spawn(move || serve(&served, &dispatcher))
            .map_err(|source| WorkloadError::Io {
                doing: "start the timer thread",
                source,
            })?;
        let serving = shared
            .changed
            .wait_while(locked(&shared.state), |state| !state.serving);
        drop(serving);
        Ok(Daemon {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Works on the agenda under the lock, and wakes the thread if the first deadline moved.
    pub(super) fn with_agenda<R>(&self, work: impl FnOnce(&mut A) -> R) -> R {
        let mut state = locked(&self.shared.state);
        let before = state.agenda.first_deadline_ms();
        let result = work(&mut state.agenda);
        let moved = state.agenda.first_deadline_ms() != before;
        drop(state);
        if moved {
            self.shared.changed.notify_one();
        }
        result
    }

    /// Whether the thread serves; it ends by itself only if it panics.
    pub(super) fn is_alive(&self) -> bool {
        locked(&self.thread)
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Ends the thread; what is still on the agenda will not fire.
    pub(super) fn stop(&self) {
        locked(&self.shared.state).stopped = true;
        self.shared.changed.notify_one();
        if let Some(thread) = locked(&self.thread).take() {
            // A panic of the thread has been printed and shows as `is_alive() == false`.
            let _ = thread.join();
        }
    }
}

impl<A: Agenda> Drop for Daemon<A> {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve<A: Agenda>(shared: &Shared<A>, dispatcher: &Dispatcher) {
    // The allocator makes the cache of a thread, some 40 KiB, when it first allocates. Here,
    // before the first operation, so that it does not read as growth.
    drop(std::hint::black_box(Box::new(0_u64)));
    let mut state = locked(&shared.state);
    state.serving = true;
    shared.changed.notify_all();
    while !state.stopped {
        let first = state.agenda.first_deadline_ms();
        let left = first.map(|deadline| shared.clock.time_until(deadline));
        state = match left {
            None => shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner),
            Some(Some(left)) => {
                let woken = shared.changed.wait_timeout(state, left);
                woken.unwrap_or_else(PoisonError::into_inner).0
            }
            Some(None) => {
                let due = state.agenda.take_first();
                drop(state);
                if let Some(due) = due {
                    A::fire(due, dispatcher);
                }
                locked(&shared.state)
            }
        };
    }
}
