//! What the model's isolate knows of its heap: a census of live objects by name, and a
//! way to let go of a long chain.
//!
//! An isolate belongs to one thread, so both are thread-local, and the marker that an
//! object carries for the census takes no room in it.

use super::promise::Reaction;
use std::cell::{Cell, RefCell};

/// Number of kinds that the census tells apart.
const KINDS: usize = 5;

/// Suspended function bodies: `Generator` and the object behind an async function.
pub const GENERATOR: usize = 0;
/// `Promise`.
pub const PROMISE: usize = 1;
/// `PromiseReaction`.
pub const REACTION: usize = 2;
/// `Function`: closures, among them the resolving functions of promises.
pub const CLOSURE: usize = 3;
/// `Context`: the variables that closures share.
pub const CONTEXT: usize = 4;

/// Names of the kinds, as gauges, in the order of their numbers.
pub const KIND_NAMES: [&str; KINDS] = [
    "generators",
    "promises",
    "reactions",
    "closures",
    "contexts",
];

thread_local! {
    static CENSUS: [Cell<i64>; KINDS] = const { [const { Cell::new(0) }; KINDS] };
    static UNREACHABLE: RefCell<Vec<Reaction>> = const { RefCell::new(Vec::new()) };
    static SWEEPING: Cell<bool> = const { Cell::new(false) };
}

/// Live objects of each kind on this thread, in the order of [`KIND_NAMES`].
pub fn census() -> [i64; KINDS] {
    CENSUS.with(|census| std::array::from_fn(|kind| census[kind].get()))
}

/// Marks the object that it is a field of as alive; takes no room.
pub struct Live<const KIND: usize>(());

impl<const KIND: usize> Live<KIND> {
    /// Counts one more object of this kind.
    pub fn counted() -> Self {
        count(KIND, 1);
        Live(())
    }
}

impl<const KIND: usize> Drop for Live<KIND> {
    fn drop(&mut self) {
        count(KIND, -1);
    }
}

fn count(kind: usize, change: i64) {
    // At the end of a thread the census may be gone before the last object is.
    let _ = CENSUS.try_with(|census| census[kind].set(census[kind].get() + change));
}

/// Frees the reactions of a promise that nobody can settle any more.
///
/// A reaction owns the frame that waits, the frame owns its own promise, and that promise
/// owns the next reaction: freed by recursion, a chain of some 10⁵ levels would overflow
/// the stack. The outermost call frees them one after the other instead.
pub fn sweep(reaction: Box<Reaction>) {
    let queued = UNREACHABLE.try_with(|list| list.borrow_mut().push(*reaction));
    if queued.is_err() || SWEEPING.replace(true) {
        return;
    }
    while let Some(reaction) = UNREACHABLE.with(|list| list.borrow_mut().pop()) {
        drop(reaction);
    }
    SWEEPING.set(false);
}
