//! co: a runner for generators that yield promises, or further generators.
//!
//! Modelled on co 4.6.0 line by line, because its objects are the leak: `co(generator)`
//! makes a promise whose executor defines `onFulfilled`, `onRejected` and `next`, all of
//! which share one context; that context refers to the call's context, which refers to
//! the generator and the arguments, and to the resolving pair, whose context refers to the
//! promise. A yielded generator is run by a `co` call of its own, and its promise gets
//! the two functions of the caller as its reaction: context refers to context, down to
//! the generator that waits for a timer.
//!
//! [`run_4_0_2`] is the version before the promise per call: each resumption returned the
//! promise of the next one (tj/co 180), so that even a loop made an ever longer chain.
//!
//! In JavaScript a context and its closures refer to each other, which a collector copes
//! with. Here the way back from the context is weak; who awaits a promise holds the
//! functions, as there.

use super::function::{Frame, Registers};
use super::heap::{CLOSURE, CONTEXT, GENERATOR, Live};
use super::promise::{
    Completion, Function, Marker, Outcome, Promise, Reaction, Reject, Resolve, ResolvingContext,
    new_promise,
};
use super::runtime::Runtime;
use crate::retained::{boxed, counted};
use std::cell::OnceCell;
use std::rc::{Rc, Weak};

/// What a generator gives its runner.
pub enum Yielded {
    /// `yield promise`.
    Promise(Rc<Promise>),
    /// `yield generator`: co runs it and waits for its end.
    Generator(Rc<Generator>),
    /// The generator has returned.
    Done,
}

/// The code of a generator function: runs from where the frame stands to its next yield.
pub type Body = fn(&Frame, &Runtime) -> Yielded;

/// A generator object.
pub struct Generator {
    body: Body,
    frame: Frame,
    _live: Live<GENERATOR>,
}

impl Generator {
    /// Calls a generator function, which runs nothing yet.
    pub fn new(body: Body) -> Rc<Self> {
        Rc::new(Generator {
            body,
            frame: Frame::at_start(),
            _live: Live::counted(),
        })
    }

    fn next(&self, runtime: &Runtime) -> Yielded {
        (self.body)(&self.frame, runtime)
    }
}

/// `slice.call(arguments, 1)`: the array of the call's further arguments, always empty.
struct Arguments {
    _length: usize,
}

/// Context of one `co` call: `gen` and `args`.
struct CallContext {
    generator: Rc<Generator>,
    _arguments: Box<Arguments>,
    _live: Live<CONTEXT>,
}

/// Context of the executor: its functions and the resolving pair.
struct ExecutorContext {
    call: Rc<CallContext>,
    resolve: Rc<Resolve>,
    reject: Rc<Reject>,
    next: OnceCell<Rc<Next>>,
    on_fulfilled: OnceCell<Weak<OnFulfilled>>,
    on_rejected: OnceCell<Weak<OnRejected>>,
    _live: Live<CONTEXT>,
}

struct OnFulfilled {
    context: Rc<ExecutorContext>,
    _live: Live<CLOSURE>,
}

struct OnRejected {
    context: Rc<ExecutorContext>,
    _live: Live<CLOSURE>,
}

struct Next {
    context: Weak<ExecutorContext>,
    _live: Live<CLOSURE>,
}

/// `co(generator)` of 4.6.0: runs it to its first yield; the promise settles when it ends.
pub fn run(runtime: &Runtime, generator: Rc<Generator>) -> Rc<Promise> {
    let call = Rc::new(CallContext {
        generator,
        _arguments: Box::new(Arguments { _length: 0 }),
        _live: Live::counted(),
    });
    let (promise, resolve, reject) = new_promise();
    let context = Rc::new(ExecutorContext {
        call,
        resolve,
        reject,
        next: OnceCell::new(),
        on_fulfilled: OnceCell::new(),
        on_rejected: OnceCell::new(),
        _live: Live::counted(),
    });
    let on_fulfilled = Rc::new(OnFulfilled {
        context: Rc::clone(&context),
        _live: Live::counted(),
    });
    let on_rejected = Rc::new(OnRejected {
        context: Rc::clone(&context),
        _live: Live::counted(),
    });
    context.next.get_or_init(|| {
        Rc::new(Next {
            context: Rc::downgrade(&context),
            _live: Live::counted(),
        })
    });
    context
        .on_fulfilled
        .get_or_init(|| Rc::downgrade(&on_fulfilled));
    context
        .on_rejected
        .get_or_init(|| Rc::downgrade(&on_rejected));
    on_fulfilled.call(runtime, Outcome::Fulfilled);
    promise
}

impl ExecutorContext {
    /// Marks itself, its functions, the call with its generator, and what waits for that.
    fn mark(&self, marker: &mut Marker) {
        marker.live_bytes += counted::<ExecutorContext>()
            + counted::<OnFulfilled>()
            + counted::<OnRejected>()
            + counted::<Next>()
            + counted::<CallContext>()
            + boxed::<Arguments>()
            + counted::<Generator>()
            + self.call.generator.frame.heap_bytes();
        self.resolve.context.mark(marker);
    }
}

impl Function for OnFulfilled {
    fn call(&self, runtime: &Runtime, _: Outcome) -> Completion {
        let yielded = self.context.call.generator.next(runtime);
        if let Some(next) = self.context.next.get() {
            next.go_on(runtime, yielded);
        }
        // Returns nothing: the fix of tj/co 180.
        Completion::Settled(Outcome::Fulfilled)
    }

    fn mark(&self, marker: &mut Marker) {
        self.context.mark(marker);
    }
}

impl Function for OnRejected {
    fn call(&self, runtime: &Runtime, outcome: Outcome) -> Completion {
        // `gen.throw(err)`: the task's body catches nothing.
        self.context.reject.call(runtime, outcome)
    }

    fn mark(&self, marker: &mut Marker) {
        self.context.mark(marker);
    }
}

impl Next {
    /// `next(ret)`: waits for what was yielded, or resolves the call's promise.
    fn go_on(&self, runtime: &Runtime, yielded: Yielded) {
        let Some(context) = self.context.upgrade() else {
            return;
        };
        let promise = match yielded {
            Yielded::Done => {
                context.resolve.call(runtime, Outcome::Fulfilled);
                return;
            }
            Yielded::Promise(promise) => promise,
            Yielded::Generator(generator) => run(runtime, generator),
        };
        // `value.then(onFulfilled, onRejected)`, whose own promise nobody looks at.
        let reaction = Reaction::new(
            strong(&context.on_fulfilled),
            strong(&context.on_rejected),
            Some(Promise::new()),
        );
        runtime.then(&promise, reaction);
    }
}

fn strong<F: Function + 'static>(function: &OnceCell<Weak<F>>) -> Option<Rc<dyn Function>> {
    let function: Rc<dyn Function> = function.get()?.upgrade()?;
    Some(function)
}

/// Heap bytes of one level of a recursion through [`run`], without the task's local.
pub fn bytes_per_level() -> usize {
    counted::<Generator>()
        + boxed::<Registers>()
        + counted::<CallContext>()
        + boxed::<Arguments>()
        + counted::<ExecutorContext>()
        + counted::<OnFulfilled>()
        + counted::<OnRejected>()
        + counted::<Next>()
        + counted::<ResolvingContext>()
        + counted::<Resolve>()
        + counted::<Reject>()
        + 2 * counted::<Promise>()
        + boxed::<Reaction>()
}

/// Context of one `co` call of 4.0.2.
struct OldContext {
    generator: Rc<Generator>,
    on_rejected: OnceCell<Weak<OldOnRejected>>,
    on_fulfilled: OnceCell<Weak<OldOnFulfilled>>,
    _live: Live<CONTEXT>,
}

struct OldOnFulfilled {
    context: Rc<OldContext>,
    _live: Live<CLOSURE>,
}

struct OldOnRejected {
    context: Rc<OldContext>,
    _live: Live<CLOSURE>,
}

/// `co(generator)` of 4.0.2, which gives back the promise of its first `then`.
pub fn run_4_0_2(runtime: &Runtime, generator: Rc<Generator>) -> Rc<Promise> {
    let context = Rc::new(OldContext {
        generator,
        on_rejected: OnceCell::new(),
        on_fulfilled: OnceCell::new(),
        _live: Live::counted(),
    });
    let on_fulfilled = Rc::new(OldOnFulfilled {
        context: Rc::clone(&context),
        _live: Live::counted(),
    });
    let on_rejected = Rc::new(OldOnRejected {
        context: Rc::clone(&context),
        _live: Live::counted(),
    });
    context
        .on_fulfilled
        .get_or_init(|| Rc::downgrade(&on_fulfilled));
    context
        .on_rejected
        .get_or_init(|| Rc::downgrade(&on_rejected));
    match on_fulfilled.call(runtime, Outcome::Fulfilled) {
        Completion::Promise(promise) => promise,
        Completion::Settled(outcome) => settled(runtime, outcome),
    }
}

fn settled(runtime: &Runtime, outcome: Outcome) -> Rc<Promise> {
    let promise = Promise::new();
    runtime.settle(&promise, outcome);
    promise
}

impl OldContext {
    /// Marks itself, its functions and the generator.
    fn mark(&self, marker: &mut Marker) {
        marker.live_bytes += counted::<OldContext>()
            + counted::<OldOnFulfilled>()
            + counted::<OldOnRejected>()
            + counted::<Generator>()
            + self.generator.frame.heap_bytes();
    }
}

impl Function for OldOnFulfilled {
    fn call(&self, runtime: &Runtime, _: Outcome) -> Completion {
        let context = &self.context;
        let promise = match context.generator.next(runtime) {
            Yielded::Done => return Completion::Promise(settled(runtime, Outcome::Fulfilled)),
            Yielded::Promise(promise) => promise,
            Yielded::Generator(generator) => run_4_0_2(runtime, generator),
        };
        let derived = Promise::new();
        let reaction = Reaction::new(
            strong(&context.on_fulfilled),
            strong(&context.on_rejected),
            Some(Rc::clone(&derived)),
        );
        runtime.then(&promise, reaction);
        // `return value.then(…)`: the promise of the resumption before this one is
        // resolved with `derived`, and so follows it.
        Completion::Promise(derived)
    }

    fn mark(&self, marker: &mut Marker) {
        self.context.mark(marker);
    }
}

impl Function for OldOnRejected {
    fn call(&self, _: &Runtime, outcome: Outcome) -> Completion {
        Completion::Settled(outcome)
    }

    fn mark(&self, marker: &mut Marker) {
        self.context.mark(marker);
    }
}
