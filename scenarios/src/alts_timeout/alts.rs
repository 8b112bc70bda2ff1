//! `alts`: one flag per call, one handler per port, and the ways in which a handler
//! reaches the block that waits.
//!
//! ```text
//! port ─takers─▶ AltHandler ─▶ AltFlag (lock, active, id; shared by the call)
//!                    └▶ PortCallback ─▶ port
//!                            └▶ Fret ─▶ AltsCallback ─▶ Block ─▶ locals, payload
//! ```
//!
//! `Fret` is where the remedies differ; see [`Patch`].

use super::atom::{Atom, locked};
use super::block::Block;
use super::channel::{Port, Taken, Value};
use super::nack::NackHolder;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Which remedy is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patch {
    /// core.async up to 1.8.735: the callback refers to the block for ever.
    Unpatched,
    /// Patch 0001: the callbacks share a reference, which is cleared when the choice is made.
    Clear,
    /// Patch 0002 on top of 0001: a nack channel per call that nobody uses yet.
    Nack,
    /// The release 1.8.741: the callback drops what it closed over when it is called.
    OnceCallback,
    /// Patch 0003 on top of both: `timeout2` instead of `timeout`.
    Timeout2,
    /// No patch: the caller has a timeout that nobody shares, and closes it after the choice.
    ClosedTimeout,
}

impl Patch {
    fn clears_reference(self) -> bool {
        matches!(self, Patch::Clear | Patch::Nack | Patch::Timeout2)
    }

    fn has_nack(self) -> bool {
        matches!(self, Patch::Nack | Patch::Timeout2)
    }
}

/// Decides one call of `alts`: the first handler to commit wins, the others find it taken.
pub(super) struct AltFlag {
    lock: Mutex<()>,
    active: Atom<bool>,
    id: u64,
}

impl AltFlag {
    pub(super) fn new() -> Self {
        // The original takes locks of two calls that meet in the order of these ids.
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        AltFlag {
            lock: Mutex::new(()),
            active: Atom::new(true),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn commit(&self) -> bool {
        let _held = locked(&self.lock);
        self.active.replace(false)
    }
}

/// What waits on a port on behalf of a call.
pub(super) struct AltHandler {
    flag: Arc<AltFlag>,
    callback: Box<PortCallback>,
    nack: Option<Arc<NackHolder>>,
}

/// The function `#(fret [% port])`.
pub(super) struct PortCallback {
    /// Given back beside the value. The port owns the handler and the handler the port,
    /// until the port is closed and lets go of its takers.
    port: Arc<dyn Port>,
    fret: Fret,
}

/// The completion callback of the call, as a handler refers to it.
#[derive(Clone)]
pub(super) enum Fret {
    /// Itself, and it keeps the block after it was called.
    Plain(Arc<AltsCallback>),
    /// Itself, and it drops the block when it is called: `^:once fn*`.
    Once(Arc<AltsCallback>),
    /// Through a reference that whoever makes the choice clears.
    Cleared(Arc<FretReference>),
}

/// Patch 0001's `fret-ref`.
pub(super) type FretReference = Atom<Option<Arc<AltsCallback>>>;

/// The function that `ioc-alts!` makes: it closes over the state of the whole block.
pub(super) struct AltsCallback {
    pub(super) block: Mutex<Option<Arc<Block>>>,
}

impl Fret {
    fn new(patch: Patch, block: Arc<Block>) -> Self {
        let callback = Arc::new(AltsCallback {
            block: Mutex::new(Some(block)),
        });
        if patch.clears_reference() {
            Fret::Cleared(Arc::new(Atom::new(Some(callback))))
        } else if patch == Patch::OnceCallback {
            Fret::Once(callback)
        } else {
            Fret::Plain(callback)
        }
    }

    /// Resumes the block with the value of the port that won.
    fn call(&self, value: Option<Value>, port: &Arc<dyn Port>) {
        let block = match self {
            Fret::Plain(callback) => locked(&callback.block).clone(),
            Fret::Once(callback) => locked(&callback.block).take(),
            Fret::Cleared(reference) => reference
                .replace(None)
                .and_then(|callback| locked(&callback.block).clone()),
        };
        if let Some(block) = block {
            block.resume(value, port);
        }
    }

    /// What is done when a port answered while the ports were being tried: patch 0001
    /// clears its reference here too. The once-function is neither called nor cleared.
    fn choice_made_without_call(&self) {
        if let Fret::Cleared(reference) = self {
            drop(reference.replace(None));
        }
    }
}

impl AltHandler {
    /// Wins the call for this handler's port; `false` if it is already decided.
    pub(super) fn commit(&self) -> bool {
        self.flag.commit()
    }

    /// Whether the call is still open.
    pub(super) fn is_active(&self) -> bool {
        self.flag.active.get()
    }

    /// The unique number of the call.
    pub(super) fn lock_id(&self) -> u64 {
        self.flag.id
    }

    /// Where a port learns that the call is decided; none before patch 0002.
    pub(super) fn nack(&self) -> Option<&NackHolder> {
        self.nack.as_deref()
    }

    /// Calls the callback of a handler that has committed.
    pub(super) fn complete(&self, value: Option<Value>) {
        if let Some(nack) = &self.nack {
            nack.settle();
        }
        self.callback.fret.call(value, &self.callback.port);
    }
}

/// Takes from the first port that answers; `Parked` if none does at once, and then
/// `block` is resumed later.
///
/// `order` holds the indices of `ports` in the order of trial; random, as in the original
/// without `:priority`. Handlers that were queued on ports tried before the winner stay.
pub(super) fn alts(
    patch: Patch,
    ports: &[Arc<dyn Port>],
    order: &[usize],
    block: &Arc<Block>,
) -> Taken {
    let flag = Arc::new(AltFlag::new());
    let fret = Fret::new(patch, Arc::clone(block));
    let nack = patch.has_nack().then(|| Arc::new(NackHolder::new()));
    for port in order.iter().map(|index| &ports[*index]) {
        let handler = Arc::new(AltHandler {
            flag: Arc::clone(&flag),
            callback: Box::new(PortCallback {
                port: Arc::clone(port),
                fret: fret.clone(),
            }),
            nack: nack.clone(),
        });
        if let Taken::Now(value) = port.take(&handler) {
            fret.choice_made_without_call();
            if let Some(nack) = nack {
                nack.settle();
            }
            return Taken::Now(value);
        }
    }
    Taken::Parked
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::alts_timeout::channel::Channel;

    /// A handler of a call of its own, with a callback that resumes nothing.
    pub(in crate::alts_timeout) fn lone_handler(port: &Arc<Channel>) -> Arc<AltHandler> {
        let port: Arc<dyn Port> = port.clone();
        Arc::new(AltHandler {
            flag: Arc::new(AltFlag::new()),
            callback: Box::new(PortCallback {
                port,
                fret: Fret::Plain(Arc::new(AltsCallback {
                    block: Mutex::new(None),
                })),
            }),
            nack: None,
        })
    }

    #[test]
    fn only_the_first_commit_of_a_call_wins() {
        let flag = AltFlag::new();
        assert!(flag.commit());
        assert!(!flag.commit());
        assert!(!flag.active.get());
    }

    #[test]
    fn calls_have_ids_of_their_own() {
        assert_ne!(AltFlag::new().id, AltFlag::new().id);
    }
}
