//! Channels: a buffer, and a list of takers that is cleaned only when somebody takes or puts.
//!
//! The original (`ManyToManyChannel`) has a list of puts beside it; nothing in this model
//! waits on a put, so that list is left out.

use super::alts::AltHandler;
use super::atom::locked;
use super::dispatch::{Garbage, Jobs};
use std::collections::LinkedList;
use std::sync::{Arc, Mutex};

/// What travels through the channels of this model; a closed channel gives none.
pub(super) type Value = bool;

/// Handlers that wait on one channel.
pub(super) type Takers = LinkedList<Arc<AltHandler>>;

/// What became of a take.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The port answered at once and the handler is committed.
    Now(Option<Value>),
    /// The handler waits on the port, or its call was already decided elsewhere.
    Parked,
}

/// Anything that `alts` can take from.
pub(super) trait Port: Send + Sync {
    /// Takes a value, or leaves the handler waiting.
    fn take(&self, handler: &Arc<AltHandler>) -> Taken;
}

/// A channel, unbuffered or with a buffer of fixed size.
pub(super) struct Channel {
    state: Mutex<State>,
}

struct State {
    takers: Takers,
    buffer: Option<Box<FixedBuffer>>,
    closed: bool,
}

/// Values put and not yet taken.
pub(super) struct FixedBuffer {
    values: LinkedList<Value>,
    capacity: usize,
}

impl Channel {
    /// A channel without a buffer: what `timeout` makes.
    pub(super) fn unbuffered() -> Self {
        Channel::with_buffer(None)
    }

    /// A channel that holds up to `capacity` values.
    pub(super) fn buffered(capacity: usize) -> Self {
        Channel::with_buffer(Some(Box::new(FixedBuffer {
            values: LinkedList::new(),
            capacity,
        })))
    }

    fn with_buffer(buffer: Option<Box<FixedBuffer>>) -> Self {
        Channel {
            state: Mutex::new(State {
                takers: Takers::new(),
                buffer,
                closed: false,
            }),
        }
    }

    /// Puts a value into the buffer; `false` if it is full, missing, or the channel closed.
    pub(super) fn offer(&self, value: Value) -> bool {
        let mut state = locked(&self.state);
        let open = !state.closed;
        match &mut state.buffer {
            Some(buffer) if open && buffer.values.len() < buffer.capacity => {
                buffer.values.push_back(value);
                true
            }
            _ => false,
        }
    }

    /// Takes a value from the buffer if there is one.
    pub(super) fn poll(&self) -> Option<Value> {
        locked(&self.state).next_value()
    }

    /// Closes the channel: every waiting handler whose call is still open gets no value.
    ///
    /// The callbacks are not called here but handed to `jobs`, and so is the list itself,
    /// with the handlers of calls that were decided long ago.
    pub(super) fn close(&self, jobs: &mut Jobs) {
        let takers = {
            let mut state = locked(&self.state);
            state.closed = true;
            std::mem::take(&mut state.takers)
        };
        for taker in takers.iter().filter(|taker| taker.commit()) {
            jobs.call(Arc::clone(taker), None);
        }
        jobs.reclaim(Garbage::Takers(takers));
    }

    /// Drops the waiting handlers without calling any: the end of the model, not part of it.
    pub(super) fn forget_takers(&self) {
        let takers = std::mem::take(&mut locked(&self.state).takers);
        drop(takers);
    }

    /// Handlers in the list, whether their calls are open or not.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        locked(&self.state).takers.len()
    }
}

impl Port for Channel {
    fn take(&self, handler: &Arc<AltHandler>) -> Taken {
        let mut state = locked(&self.state);
        let inactive = state.cleanup();
        let taken = if (state.closed || state.has_value()) && handler.commit() {
            Taken::Now(state.next_value())
        } else {
            if handler.is_active() {
                state.takers.push_back(Arc::clone(handler));
            }
            Taken::Parked
        };
        drop(state);
        // Freed outside the lock: a handler may own the state of a whole block.
        drop(inactive);
        taken
    }
}

impl State {
    /// Takes the handlers out whose calls are decided. This is the only place that does,
    /// so a channel that nobody touches again keeps its handlers.
    fn cleanup(&mut self) -> Takers {
        self.takers.extract_if(|taker| !taker.is_active()).collect()
    }

    fn has_value(&self) -> bool {
        self.buffer.as_ref().is_some_and(|b| !b.values.is_empty())
    }

    fn next_value(&mut self) -> Option<Value> {
        self.buffer.as_mut()?.values.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alts_timeout::alts::tests::lone_handler;

    #[test]
    fn a_stale_handler_stays_until_the_channel_is_touched() {
        let channel = Arc::new(Channel::unbuffered());
        let stale = lone_handler(&channel);
        assert_eq!(channel.take(&stale), Taken::Parked);
        assert!(stale.commit());
        assert_eq!(channel.waiting(), 1, "a decided call cleans nothing");
        let next = lone_handler(&channel);
        assert_eq!(channel.take(&next), Taken::Parked);
        assert_eq!(channel.waiting(), 1, "the touch took the stale one away");
        assert!(next.is_active());
        channel.forget_takers();
    }

    #[test]
    fn a_buffered_value_answers_at_once_and_once() {
        let channel = Arc::new(Channel::buffered(1));
        assert!(channel.offer(true));
        assert!(!channel.offer(true), "full");
        let handler = lone_handler(&channel);
        assert_eq!(channel.take(&handler), Taken::Now(Some(true)));
        assert!(!handler.is_active());
        assert_eq!(channel.poll(), None);
    }

    #[test]
    fn closing_calls_open_handlers_only() {
        let channel = Arc::new(Channel::unbuffered());
        let (open, decided) = (lone_handler(&channel), lone_handler(&channel));
        channel.take(&open);
        channel.take(&decided);
        assert!(decided.commit());
        let mut jobs = Jobs::default();
        channel.close(&mut jobs);
        assert_eq!(jobs.calls(), 1);
        assert_eq!(channel.waiting(), 0);
        let late = lone_handler(&channel);
        assert_eq!(channel.take(&late), Taken::Now(None));
    }
}
