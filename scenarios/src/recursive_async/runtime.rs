//! The event loop: timers, microtasks, and what the task's code sees as globals.

use super::promise::{Completion, Function, Marker, Outcome, Promise, Reaction, new_promise};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// What every turn of the task sees of the world outside it.
#[derive(Debug, Clone, Copy)]
pub struct Globals {
    /// Bytes of the local that each turn makes and writes.
    pub local_bytes: usize,
    /// Whether a suspended frame keeps registers that are not read again.
    pub keeps_dead_registers: bool,
    /// Turns after which the exit condition holds; 0 for never.
    pub exit_after: u64,
}

/// One thread's event loop. Timers fire when the driver says so, one per operation.
pub struct Runtime {
    /// What the task's code sees.
    pub globals: Globals,
    turns: Cell<u64>,
    timers: RefCell<VecDeque<Rc<dyn Function>>>,
    microtasks: RefCell<VecDeque<Microtask>>,
}

enum Microtask {
    /// A settled promise runs one of its reactions.
    React(Box<Reaction>, Outcome),
    /// A promise was resolved with another one and must follow it.
    Follow {
        promise: Rc<Promise>,
        follower: Rc<Promise>,
    },
}

impl Runtime {
    /// An event loop with nothing to do.
    pub fn new(globals: Globals) -> Self {
        Runtime {
            globals,
            turns: Cell::new(0),
            timers: RefCell::new(VecDeque::new()),
            microtasks: RefCell::new(VecDeque::new()),
        }
    }

    /// `new Promise(resolve => setTimeout(resolve, …))`: from here on the timer owns the
    /// promise, and nothing else does until somebody waits for it.
    pub fn pause(&self) -> Rc<Promise> {
        let (promise, resolve, _) = new_promise();
        self.timers.borrow_mut().push_back(resolve);
        promise
    }

    /// Fires the oldest timer and runs everything that follows from it; `false` if no
    /// timer is pending, which means that the task has ended.
    pub fn fire_timer(&self) -> bool {
        let Some(timer) = self.timers.borrow_mut().pop_front() else {
            return false;
        };
        timer.call(self, Outcome::Fulfilled);
        self.run_microtasks();
        true
    }

    /// Whether somebody waits for a timer.
    pub fn has_timer(&self) -> bool {
        !self.timers.borrow().is_empty()
    }

    /// `clearTimeout` of every pending timer: nobody can settle their promises any more.
    pub fn clear_timers(&self) {
        let timers = std::mem::take(&mut *self.timers.borrow_mut());
        drop(timers);
    }

    /// Bytes of all that lives, found as a collector finds it: from the timers on.
    pub fn mark(&self) -> usize {
        let mut marker = Marker::default();
        for timer in self.timers.borrow().iter() {
            timer.mark(&mut marker);
        }
        marker.finish()
    }

    /// Counts a turn of the task and evaluates its exit condition, which the report's
    /// task had too, and which never came true.
    pub fn turn_is_last(&self) -> bool {
        self.turns.set(self.turns.get() + 1);
        let exit_after = self.globals.exit_after;
        exit_after > 0 && self.turns.get().is_multiple_of(exit_after)
    }

    /// `promise.then(…)`, for callers that make the reaction themselves.
    pub fn then(&self, promise: &Promise, reaction: Box<Reaction>) {
        if let Some((reaction, outcome)) = promise.attach(reaction) {
            self.enqueue(Microtask::React(reaction, outcome));
        }
    }

    /// Settles a promise; its reactions become microtasks in the order of their `then`s.
    pub fn settle(&self, promise: &Promise, outcome: Outcome) {
        let mut newest_first = promise.settle(outcome);
        let mut microtasks = self.microtasks.borrow_mut();
        let end = microtasks.len();
        while let Some(mut reaction) = newest_first {
            newest_first = reaction.take_next();
            microtasks.insert(end, Microtask::React(reaction, outcome));
        }
    }

    /// Resolves a promise with what a function gave back.
    pub fn resolve(&self, promise: &Rc<Promise>, completion: Completion) {
        match completion {
            Completion::Settled(outcome) => self.settle(promise, outcome),
            Completion::Promise(followed) => self.enqueue(Microtask::Follow {
                promise: followed,
                follower: Rc::clone(promise),
            }),
        }
    }

    /// Runs microtasks until there are none.
    pub fn run_microtasks(&self) {
        loop {
            let Some(task) = self.microtasks.borrow_mut().pop_front() else {
                return;
            };
            match task {
                Microtask::React(reaction, outcome) => self.react(*reaction, outcome),
                Microtask::Follow { promise, follower } => {
                    self.then(&promise, Reaction::new(None, None, Some(follower)));
                }
            }
        }
    }

    fn react(&self, reaction: Reaction, outcome: Outcome) {
        let function = match outcome {
            Outcome::Fulfilled => &reaction.on_fulfilled,
            Outcome::Rejected => &reaction.on_rejected,
        };
        let completion = match function {
            Some(function) => function.call(self, outcome),
            None => Completion::Settled(outcome),
        };
        if let Some(derived) = &reaction.derived {
            self.resolve(derived, completion);
        }
    }

    fn enqueue(&self, task: Microtask) {
        self.microtasks.borrow_mut().push_back(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a letter down when it is called.
    struct Note(&'static str, Rc<RefCell<String>>);

    impl Function for Note {
        fn call(&self, _: &Runtime, _: Outcome) -> Completion {
            self.1.borrow_mut().push_str(self.0);
            Completion::Settled(Outcome::Fulfilled)
        }

        fn mark(&self, _: &mut Marker) {}
    }

    fn runtime() -> Runtime {
        Runtime::new(Globals {
            local_bytes: 0,
            keeps_dead_registers: true,
            exit_after: 0,
        })
    }

    #[test]
    fn reactions_run_in_the_order_of_their_thens_and_only_after_the_timer() {
        let runtime = runtime();
        let notes = Rc::new(RefCell::new(String::new()));
        let pause = runtime.pause();
        for letter in ["a", "b", "c"] {
            let note: Rc<dyn Function> = Rc::new(Note(letter, Rc::clone(&notes)));
            runtime.then(&pause, Reaction::new(Some(note), None, None));
        }
        runtime.run_microtasks();
        assert_eq!(*notes.borrow(), "");
        assert!(runtime.fire_timer());
        assert_eq!(*notes.borrow(), "abc");
        assert!(!runtime.fire_timer());
    }

    #[test]
    fn a_promise_resolved_with_a_promise_settles_after_it_and_as_it_does() {
        for outcome in [Outcome::Fulfilled, Outcome::Rejected] {
            let runtime = runtime();
            let (outer, inner) = (Promise::new(), Promise::new());
            runtime.resolve(&outer, Completion::Promise(Rc::clone(&inner)));
            runtime.run_microtasks();
            assert_eq!(outer.outcome(), None);
            runtime.settle(&inner, outcome);
            runtime.run_microtasks();
            assert_eq!(outer.outcome(), Some(outcome));
        }
    }

    #[test]
    fn a_promise_is_settled_once() {
        let runtime = runtime();
        let (promise, resolve, reject) = new_promise();
        reject.call(&runtime, Outcome::Fulfilled);
        resolve.call(&runtime, Outcome::Fulfilled);
        assert_eq!(promise.outcome(), Some(Outcome::Rejected));
    }
}
