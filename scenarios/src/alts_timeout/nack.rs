//! Patch 0002: the channel on which a port hears that its call was decided.

use super::atom::locked;
use std::collections::LinkedList;
use std::sync::{Arc, Mutex};

/// What a port wants done when the call is decided.
type Reaction = Box<dyn FnOnce() + Send>;

/// Delivers once, to everybody who took before and to everybody who takes after.
pub(super) struct NackChannel {
    state: Mutex<State>,
}

struct State {
    takers: LinkedList<Reaction>,
    settled: bool,
}

/// The one nack channel of a call, as its handlers hold it.
pub(super) struct NackHolder {
    channel: Arc<NackChannel>,
}

impl NackHolder {
    pub(super) fn new() -> Self {
        NackHolder {
            channel: Arc::new(NackChannel {
                state: Mutex::new(State {
                    takers: LinkedList::new(),
                    settled: false,
                }),
            }),
        }
    }

    /// Runs `reaction` when the call is decided; at once if it already is.
    pub(super) fn take(&self, reaction: Reaction) {
        let mut state = locked(&self.channel.state);
        if state.settled {
            drop(state);
            reaction();
        } else {
            state.takers.push_back(reaction);
        }
    }

    /// The call is decided.
    pub(super) fn settle(&self) {
        let takers = {
            let mut state = locked(&self.channel.state);
            state.settled = true;
            std::mem::take(&mut state.takers)
        };
        for reaction in takers {
            reaction();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_decision_reaches_those_who_took_before_and_after_it() {
        let heard = Arc::new(AtomicUsize::new(0));
        let listen = || {
            let heard = Arc::clone(&heard);
            Box::new(move || {
                heard.fetch_add(1, Ordering::Relaxed);
            })
        };
        let holder = NackHolder::new();
        holder.take(listen());
        assert_eq!(heard.load(Ordering::Relaxed), 0);
        holder.settle();
        assert_eq!(heard.load(Ordering::Relaxed), 1);
        holder.take(listen());
        holder.settle();
        assert_eq!(heard.load(Ordering::Relaxed), 2);
    }
}
