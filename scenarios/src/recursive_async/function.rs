//! Async functions: a frame that can be suspended, and what `await` hangs on a promise.
//!
//! `await p` makes three objects (two closures and the context that they share) and one
//! reaction on `p`. From then on `p` owns the frame; the frame owns the promise that the
//! function gave back to its caller; and if the caller awaits that promise, its reaction
//! owns the caller's frame. Nothing in this chain ends before its innermost part does.

use super::heap::{CLOSURE, CONTEXT, GENERATOR, Live};
use super::promise::{Completion, Function, Marker, Outcome, Promise, Reaction};
use super::runtime::Runtime;
use crate::retained::{boxed, counted, size_class};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Registers of the task's frame: its local, the generator itself, the result of the
/// pause, the result of the recursive call.
const REGISTERS: usize = 4;

/// The register of the task's one local.
pub const LOCAL: usize = 0;

/// One register of a suspended frame.
#[derive(Default)]
pub enum Register {
    /// Holds nothing that needs the heap.
    #[default]
    Undefined,
    /// Holds a block of the application.
    Block(Box<[u8]>),
}

/// The register file, an object of its own as in V8.
pub type Registers = [Register; REGISTERS];

/// A suspended function body: where it goes on, and with what.
pub struct Frame {
    resume_at: Cell<u32>,
    registers: RefCell<Box<Registers>>,
}

impl Frame {
    /// A frame before its first instruction.
    pub fn at_start() -> Self {
        Frame {
            resume_at: Cell::new(0),
            registers: RefCell::new(Box::default()),
        }
    }

    /// The place at which the body goes on; the next call gives the following one.
    pub fn advance(&self) -> u32 {
        self.resume_at.replace(self.resume_at.get() + 1)
    }

    /// Makes the turn's local: a block that is written, so that its pages exist.
    pub fn make_local(&self, runtime: &Runtime) {
        let block = vec![0xA5; runtime.globals.local_bytes].into_boxed_slice();
        self.registers.borrow_mut()[LOCAL] = Register::Block(block);
    }

    /// The last use of the local: one more write.
    pub fn touch_local(&self) {
        if let Register::Block(block) = &mut self.registers.borrow_mut()[LOCAL]
            && let Some(byte) = block.first_mut()
        {
            *byte = 0x5A;
        }
    }

    /// Bytes of the registers and of the local in them.
    pub fn heap_bytes(&self) -> usize {
        let local_bytes = match &self.registers.borrow()[LOCAL] {
            Register::Block(block) => size_class(block.len()),
            Register::Undefined => 0,
        };
        boxed::<Registers>() + local_bytes
    }

    /// Suspends with no register that will be read again. Interpreted code saves all of
    /// them nevertheless; optimized code saves the live ones only.
    pub fn suspend_dead(&self, runtime: &Runtime) {
        if !runtime.globals.keeps_dead_registers {
            self.registers.borrow_mut()[LOCAL] = Register::Undefined;
        }
    }
}

/// What the body of an async function does when it runs.
pub enum Step {
    /// `await promise`.
    Await(Rc<Promise>),
    /// `return`.
    Return,
    /// `return promise`.
    ReturnPromise(Rc<Promise>),
}

/// The code of an async function: runs from where the frame stands to its next step.
pub type Body = fn(&Frame, &Runtime) -> Step;

/// A call of an async function that has not ended.
pub struct AsyncCall {
    body: Body,
    frame: Frame,
    promise: Rc<Promise>,
    _live: Live<GENERATOR>,
}

/// What the two closures of one `await` share.
pub struct AwaitContext {
    call: Rc<AsyncCall>,
    _live: Live<CONTEXT>,
}

/// Resumes the call when the awaited promise is fulfilled.
pub struct AwaitFulfilled {
    context: Rc<AwaitContext>,
    _live: Live<CLOSURE>,
}

/// Throws into the call when the awaited promise is rejected.
pub struct AwaitRejected {
    context: Rc<AwaitContext>,
    _live: Live<CLOSURE>,
}

/// Calls an async function: runs it to its first `await`, and gives back its promise.
pub fn call(runtime: &Runtime, body: Body) -> Rc<Promise> {
    let call = Rc::new(AsyncCall {
        body,
        frame: Frame::at_start(),
        promise: Promise::new(),
        _live: Live::counted(),
    });
    let promise = Rc::clone(&call.promise);
    AsyncCall::resume(&call, runtime);
    promise
}

impl AsyncCall {
    fn resume(call: &Rc<Self>, runtime: &Runtime) {
        match (call.body)(&call.frame, runtime) {
            Step::Await(promise) => AsyncCall::wait(call, &promise, runtime),
            Step::Return => runtime.settle(&call.promise, Outcome::Fulfilled),
            Step::ReturnPromise(promise) => {
                runtime.resolve(&call.promise, Completion::Promise(promise));
            }
        }
    }

    fn wait(call: &Rc<Self>, promise: &Promise, runtime: &Runtime) {
        let context = Rc::new(AwaitContext {
            call: Rc::clone(call),
            _live: Live::counted(),
        });
        let on_fulfilled = Rc::new(AwaitFulfilled {
            context: Rc::clone(&context),
            _live: Live::counted(),
        });
        let on_rejected = Rc::new(AwaitRejected {
            context,
            _live: Live::counted(),
        });
        runtime.then(
            promise,
            Reaction::new(Some(on_fulfilled), Some(on_rejected), None),
        );
    }
}

impl AwaitContext {
    /// Marks itself, the two closures, the call, and what waits for that.
    fn mark(&self, marker: &mut Marker) {
        marker.live_bytes += counted::<AwaitContext>()
            + counted::<AwaitFulfilled>()
            + counted::<AwaitRejected>()
            + counted::<AsyncCall>()
            + self.call.frame.heap_bytes();
        marker.promises.push(Rc::clone(&self.call.promise));
    }
}

impl Function for AwaitFulfilled {
    fn call(&self, runtime: &Runtime, _: Outcome) -> Completion {
        AsyncCall::resume(&self.context.call, runtime);
        Completion::Settled(Outcome::Fulfilled)
    }

    fn mark(&self, marker: &mut Marker) {
        self.context.mark(marker);
    }
}

impl Function for AwaitRejected {
    fn call(&self, runtime: &Runtime, _: Outcome) -> Completion {
        // The task's body catches nothing.
        runtime.settle(&self.context.call.promise, Outcome::Rejected);
        Completion::Settled(Outcome::Fulfilled)
    }

    fn mark(&self, marker: &mut Marker) {
        self.context.mark(marker);
    }
}
