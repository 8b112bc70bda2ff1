//! A channel of fixed capacity whose `offer` drops what does not fit, and whose iterator
//! suspends with the reusable continuation of its caller.

use super::continuation::{
    CancellableContinuation, Cancelled, DispatchedContinuation, Value, suspend_reusable,
};
use super::job::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// A channel for any number of senders and receivers.
pub struct Channel<T> {
    capacity: usize,
    state: Mutex<ChannelState<T>>,
}

struct ChannelState<T> {
    buffer: VecDeque<T>,
    receivers: VecDeque<Receiver<T>>,
}

/// `ReceiveHasNext`: an iterator that waits, and the place for what it waits for.
struct Receiver<T> {
    continuation: Arc<CancellableContinuation>,
    place: Arc<Mutex<Option<T>>>,
}

/// `for (message in channel)`: one per loop.
pub struct ChannelIterator<T> {
    channel: Arc<Channel<T>>,
    place: Arc<Mutex<Option<T>>>,
}

impl<T> Channel<T> {
    /// A channel that holds `capacity` messages; all of its room is taken now.
    pub fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Channel {
            capacity,
            state: Mutex::new(ChannelState {
                buffer: VecDeque::with_capacity(capacity),
                receivers: VecDeque::new(),
            }),
        })
    }

    /// Hands the message to a receiver that waits, or to the buffer; `false` if the buffer
    /// is full, and then the message is lost.
    pub fn offer(&self, message: T) -> bool {
        let receiver = {
            let mut state = lock(&self.state);
            match state.receivers.pop_front() {
                Some(receiver) => receiver,
                None if state.buffer.len() < self.capacity => {
                    state.buffer.push_back(message);
                    return true;
                }
                None => return false,
            }
        };
        *lock(&receiver.place) = Some(message);
        receiver.continuation.resume(Value::HasNext(true));
        true
    }

    /// Number of iterators that are suspended because there is no message.
    pub fn waiting(&self) -> usize {
        lock(&self.state).receivers.len()
    }

    /// An iterator over what is yet to come.
    pub fn iterator(self: &Arc<Self>) -> ChannelIterator<T> {
        ChannelIterator {
            channel: Arc::clone(self),
            place: Arc::new(Mutex::new(None)),
        }
    }
}

impl<T> ChannelIterator<T> {
    /// Waits for a message. Suspends only if the channel has none, and then leaves its
    /// continuation in the caller's slot.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if the caller's job is.
    pub async fn has_next(
        &mut self,
        caller: &Arc<DispatchedContinuation>,
    ) -> Result<bool, Cancelled> {
        if lock(&self.place).is_some() {
            return Ok(true);
        }
        let polled = lock(&self.channel.state).buffer.pop_front();
        if polled.is_some() {
            *lock(&self.place) = polled;
            return Ok(true);
        }
        let value = suspend_reusable(caller, |continuation| self.enqueue(continuation)).await?;
        Ok(matches!(value, Value::HasNext(true)))
    }

    /// The message that [`ChannelIterator::has_next`] found.
    pub fn take(&mut self) -> Option<T> {
        lock(&self.place).take()
    }

    fn enqueue(&self, continuation: &Arc<CancellableContinuation>) {
        let mut state = lock(&self.channel.state);
        match state.buffer.pop_front() {
            // One came between the look into the buffer and now.
            Some(message) => {
                drop(state);
                *lock(&self.place) = Some(message);
                continuation.resume(Value::HasNext(true));
            }
            None => state.receivers.push_back(Receiver {
                continuation: Arc::clone(continuation),
                place: Arc::clone(&self.place),
            }),
        }
    }
}

impl<T> Drop for ChannelIterator<T> {
    fn drop(&mut self) {
        // `removeReceiveOnCancel`: an iterator that is gone waits for nothing.
        lock(&self.channel.state)
            .receivers
            .retain(|receiver| !Arc::ptr_eq(&receiver.place, &self.place));
    }
}
