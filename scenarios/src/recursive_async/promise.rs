//! Promises, their reactions, and the pair of functions that resolves one.
//!
//! The direction of ownership is the whole leak: a pending promise owns its reactions, a
//! reaction owns whatever waits for the promise, and a promise owns nothing of the code
//! that will settle it. Whoever can settle the innermost promise holds the whole chain.

use super::heap::{self, CLOSURE, CONTEXT, Live, PROMISE, REACTION};
use super::runtime::Runtime;
use crate::retained::{boxed, counted};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How a promise was settled. The scenario's promises carry no values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Settled as intended.
    Fulfilled,
    /// Settled with an error.
    Rejected,
}

/// What a called function gives back.
pub enum Completion {
    /// It returned, or threw.
    Settled(Outcome),
    /// It returned a promise: whoever resolves with that must follow it.
    Promise(Rc<Promise>),
}

/// Anything that can be called when a promise is settled.
pub trait Function {
    /// Calls it.
    fn call(&self, runtime: &Runtime, outcome: Outcome) -> Completion;

    /// Marks what it keeps alive, with itself and its twin for the other outcome.
    fn mark(&self, marker: &mut Marker);
}

/// What a collector has seen of what lives. The objects of the scenario form a chain: each is
/// reached on one way, if of two twins one is followed.
#[derive(Default)]
pub struct Marker {
    /// Bytes of what was seen.
    pub live_bytes: usize,
    /// Promises that were seen and not looked into, so that a long chain needs no deep stack.
    pub promises: Vec<Rc<Promise>>,
}

impl Marker {
    /// Looks into what was seen until all has been; the bytes of it.
    pub fn finish(mut self) -> usize {
        while let Some(promise) = self.promises.pop() {
            promise.mark(&mut self);
        }
        self.live_bytes
    }
}

/// A promise.
pub struct Promise {
    state: RefCell<State>,
    _live: Live<PROMISE>,
}

enum State {
    Pending(Option<Box<Reaction>>),
    Settled(Outcome),
}

/// One `then` on a pending promise. Both functions absent: `derived` follows the promise.
pub struct Reaction {
    /// Called when the promise is fulfilled.
    pub on_fulfilled: Option<Rc<dyn Function>>,
    /// Called when the promise is rejected.
    pub on_rejected: Option<Rc<dyn Function>>,
    /// The promise that `then` gave back, resolved with what the function returns.
    pub derived: Option<Rc<Promise>>,
    next: Option<Box<Reaction>>,
    _live: Live<REACTION>,
}

impl Reaction {
    /// A reaction, not yet attached to a promise.
    pub fn new(
        on_fulfilled: Option<Rc<dyn Function>>,
        on_rejected: Option<Rc<dyn Function>>,
        derived: Option<Rc<Promise>>,
    ) -> Box<Self> {
        Box::new(Reaction {
            on_fulfilled,
            on_rejected,
            derived,
            next: None,
            _live: Live::counted(),
        })
    }

    /// The reaction registered before this one, which is left without it.
    pub fn take_next(&mut self) -> Option<Box<Reaction>> {
        self.next.take()
    }
}

impl Promise {
    /// A pending promise.
    pub fn new() -> Rc<Self> {
        Rc::new(Promise {
            state: RefCell::new(State::Pending(None)),
            _live: Live::counted(),
        })
    }

    /// Attaches a reaction; gives it back with the outcome if the promise is settled.
    pub fn attach(&self, mut reaction: Box<Reaction>) -> Option<(Box<Reaction>, Outcome)> {
        match &mut *self.state.borrow_mut() {
            State::Pending(reactions) => {
                reaction.next = reactions.take();
                *reactions = Some(reaction);
                None
            }
            State::Settled(outcome) => Some((reaction, *outcome)),
        }
    }

    /// Settles the promise and hands out its reactions, newest first; only the first
    /// settlement counts.
    pub fn settle(&self, outcome: Outcome) -> Option<Box<Reaction>> {
        let mut state = self.state.borrow_mut();
        match &mut *state {
            State::Pending(reactions) => {
                let reactions = reactions.take();
                *state = State::Settled(outcome);
                reactions
            }
            State::Settled(_) => None,
        }
    }

    fn mark(&self, marker: &mut Marker) {
        marker.live_bytes += counted::<Promise>();
        let state = self.state.borrow();
        let mut next = match &*state {
            State::Pending(reactions) => reactions.as_ref(),
            State::Settled(_) => None,
        };
        while let Some(reaction) = next {
            marker.live_bytes += boxed::<Reaction>();
            if let Some(function) = &reaction.on_fulfilled {
                function.mark(marker);
            }
            marker.promises.extend(reaction.derived.clone());
            next = reaction.next.as_ref();
        }
    }

    /// How it was settled; `None` while it is pending.
    pub fn outcome(&self) -> Option<Outcome> {
        match *self.state.borrow() {
            State::Pending(_) => None,
            State::Settled(outcome) => Some(outcome),
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let State::Pending(reactions) = self.state.get_mut()
            && let Some(reaction) = reactions.take()
        {
            heap::sweep(reaction);
        }
    }
}

/// What the resolving pair of one promise shares.
pub struct ResolvingContext {
    promise: Rc<Promise>,
    already_resolved: Cell<bool>,
    _live: Live<CONTEXT>,
}

/// The `resolve` of `new Promise((resolve, reject) => …)`.
pub struct Resolve {
    pub(super) context: Rc<ResolvingContext>,
    _live: Live<CLOSURE>,
}

/// The `reject` of `new Promise((resolve, reject) => …)`.
pub struct Reject {
    context: Rc<ResolvingContext>,
    _live: Live<CLOSURE>,
}

/// `new Promise`: the promise and its resolving pair.
pub fn new_promise() -> (Rc<Promise>, Rc<Resolve>, Rc<Reject>) {
    let promise = Promise::new();
    let context = Rc::new(ResolvingContext {
        promise: Rc::clone(&promise),
        already_resolved: Cell::new(false),
        _live: Live::counted(),
    });
    let resolve = Rc::new(Resolve {
        context: Rc::clone(&context),
        _live: Live::counted(),
    });
    let reject = Rc::new(Reject {
        context,
        _live: Live::counted(),
    });
    (promise, resolve, reject)
}

impl ResolvingContext {
    fn settle(&self, runtime: &Runtime, outcome: Outcome) -> Completion {
        if !self.already_resolved.replace(true) {
            runtime.settle(&self.promise, outcome);
        }
        Completion::Settled(Outcome::Fulfilled)
    }

    /// Marks itself, the two functions, and the promise.
    pub fn mark(&self, marker: &mut Marker) {
        marker.live_bytes +=
            counted::<ResolvingContext>() + counted::<Resolve>() + counted::<Reject>();
        marker.promises.push(Rc::clone(&self.promise));
    }
}

impl Function for Resolve {
    fn call(&self, runtime: &Runtime, _: Outcome) -> Completion {
        self.context.settle(runtime, Outcome::Fulfilled)
    }

    fn mark(&self, marker: &mut Marker) {
        self.context.mark(marker);
    }
}

impl Function for Reject {
    fn call(&self, runtime: &Runtime, _: Outcome) -> Completion {
        self.context.settle(runtime, Outcome::Rejected)
    }

    fn mark(&self, marker: &mut Marker) {
        self.context.mark(marker);
    }
}
