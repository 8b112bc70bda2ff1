//! Goroutines: tasks that each own a stack of 2 KiB, and the queue of those that can run.
//!
//! One thread runs them all, the one that performs the operations, so the heap can be read
//! between two operations. A goroutine that waits is owned by the channel that it waits on
//! (through its waiter record), as in Go, where the scheduler knows only those that can run.

use super::channel::{Channel, Message};
use crate::Gauge;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

/// The stack that a goroutine starts with: `stackMin` of Go's runtime/stack.go.
pub(super) const STACK_BYTES: usize = 2048;

type Body = Pin<Box<dyn Future<Output = ()>>>;

/// A task with a stack of its own.
pub(super) struct Goroutine {
    _stack: Box<[u8; STACK_BYTES]>,
    body: RefCell<Option<Body>>,
    /// The value being sent or received, in the goroutine itself: waiter records point here.
    element: RefCell<Option<Box<Message>>>,
    alive: Gauge,
}

impl Goroutine {
    /// Lays a value where the other side of a channel finds it.
    pub(super) fn put_element(&self, message: Box<Message>) {
        *self.element.borrow_mut() = Some(message);
    }

    /// Takes the value, whichever side asks first.
    pub(super) fn take_element(&self) -> Option<Box<Message>> {
        self.element.borrow_mut().take()
    }
}

impl Drop for Goroutine {
    fn drop(&mut self) {
        self.alive.add(-1);
    }
}

/// A time limit on a send.
///
/// All limits of a run are equal, so the queue is in order of deadlines. The entry of a send
/// that got through stays for the rest of its limit, as `time.After` does.
struct Limit {
    deadline: Instant,
    sender: Weak<Goroutine>,
    channel: Rc<Channel>,
}

/// Runs goroutines until all of them wait.
pub(super) struct Scheduler {
    runnable: RefCell<VecDeque<Rc<Goroutine>>>,
    current: RefCell<Option<Rc<Goroutine>>>,
    limits: RefCell<VecDeque<Limit>>,
    alive: Gauge,
    started: Cell<u64>,
}

impl Scheduler {
    /// Starts without goroutines; `alive` shows how many there are.
    pub(super) fn new(alive: Gauge) -> Rc<Self> {
        Rc::new(Scheduler {
            runnable: RefCell::new(VecDeque::with_capacity(1024)),
            current: RefCell::new(None),
            limits: RefCell::new(VecDeque::new()),
            alive,
            started: Cell::new(0),
        })
    }

    /// `go body`: a new goroutine, which runs at the next turn.
    pub(super) fn spawn(&self, body: impl Future<Output = ()> + 'static) {
        self.alive.add(1);
        let number = self.started.get();
        self.started.set(number + 1);
        let goroutine = Rc::new(Goroutine {
            // Written, as a stack that was run on is: untouched pages are never resident.
            _stack: Box::new([number as u8 | 1; STACK_BYTES]),
            body: RefCell::new(Some(Box::pin(body))),
            element: RefCell::new(None),
            alive: self.alive.clone(),
        });
        self.ready(goroutine);
    }

    /// The goroutine that is being run.
    pub(super) fn current(&self) -> Option<Rc<Goroutine>> {
        self.current.borrow().clone()
    }

    /// Lets a goroutine run that waited.
    pub(super) fn ready(&self, goroutine: Rc<Goroutine>) {
        self.runnable.borrow_mut().push_back(goroutine);
    }

    /// Ends the wait of the current goroutine on `channel` when `limit` has passed.
    pub(super) fn limit_wait(&self, limit: Duration, channel: &Rc<Channel>) {
        if let Some(current) = &*self.current.borrow() {
            self.limits.borrow_mut().push_back(Limit {
                deadline: Instant::now() + limit,
                sender: Rc::downgrade(current),
                channel: Rc::clone(channel),
            });
        }
    }

    /// Ends the waits whose limit has passed, then runs until every goroutine waits.
    pub(super) fn turn(&self) {
        self.end_waits();
        loop {
            let next = self.runnable.borrow_mut().pop_front();
            let Some(goroutine) = next else { return };
            self.run(goroutine);
        }
    }

    fn run(&self, goroutine: Rc<Goroutine>) {
        let Some(mut body) = goroutine.body.borrow_mut().take() else {
            return;
        };
        *self.current.borrow_mut() = Some(Rc::clone(&goroutine));
        let mut context = Context::from_waker(Waker::noop());
        if body.as_mut().poll(&mut context).is_pending() {
            *goroutine.body.borrow_mut() = Some(body);
        }
        *self.current.borrow_mut() = None;
    }

    fn end_waits(&self) {
        if self.limits.borrow().is_empty() {
            return;
        }
        let now = Instant::now();
        loop {
            let mut limits = self.limits.borrow_mut();
            if limits.front().is_none_or(|limit| limit.deadline > now) {
                return;
            }
            let due = limits.pop_front();
            drop(limits);
            if let Some(due) = due
                && let Some(sender) = due.sender.upgrade()
                && due.channel.withdraw(&sender)
            {
                self.ready(sender);
            }
        }
    }

    /// Drops what can run and what waits with a limit: the end of the model.
    pub(super) fn abandon(&self) {
        let runnable = std::mem::take(&mut *self.runnable.borrow_mut());
        let limits = std::mem::take(&mut *self.limits.borrow_mut());
        drop((runnable, limits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goroutine_that_ends_is_gone_with_its_stack() {
        let alive = Gauge::default();
        let scheduler = Scheduler::new(alive.clone());
        let ran = Rc::new(Cell::new(false));
        let seen = Rc::clone(&ran);
        scheduler.spawn(async move { seen.set(true) });
        assert_eq!((alive.get(), ran.get()), (1, false));
        scheduler.turn();
        assert_eq!((alive.get(), ran.get()), (0, true));
    }
}
