//! Go's channel: a queue of fixed length, or of none, before which senders wait in line.
//!
//! The line of senders is a semaphore of *places*. A buffered channel has as many places as
//! its buffer. An unbuffered one has none of its own: a receiver that stands ready lends
//! one, so that a send ends only when somebody takes the value. A sender that waits holds
//! its value itself and has one record in the line (Go's `sudog` in `hchan.sendq`; here the
//! semaphore's waiter, which lives in the sender's future). First come, first served.
//!
//! [`Channel`] is Go's `chan T` as it is usually passed around: whoever holds it may send
//! and receive, so nobody can tell that the receiver has gone. [`SendHalf`] and
//! [`ReceiveHalf`] are `chan<- T` and `<-chan T` with what Rust makes of them: the receiving
//! end has one owner, and when that is gone the senders are told.

use crate::Gauge;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, Semaphore, TryAcquireError};

/// What a handler has read from its connection.
pub(super) type Message = Box<[u8]>;

/// Why a message did not get into a channel. It is gone in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Nobody took it in time.
    TooSlow,
    /// There was no place, and the sender does not wait.
    Full,
    /// The receiving end no longer exists.
    ReceiverGone,
}

/// Both ends of a channel. Clones share it.
#[derive(Clone)]
pub(super) struct Channel(Arc<Shared>);

struct Shared {
    capacity: usize,
    places: Semaphore,
    queue: Mutex<VecDeque<Message>>,
    arrived: Notify,
    blocked: Gauge,
    queued: Gauge,
}

impl Channel {
    /// `make(chan T, capacity)`; the buffer is allocated here, as in Go.
    ///
    /// `blocked` counts the senders in line, `queued` the messages in the buffer.
    pub(super) fn new(capacity: usize, blocked: &Gauge, queued: &Gauge) -> Self {
        Channel(Arc::new(Shared {
            capacity,
            places: Semaphore::new(capacity),
            queue: Mutex::new(VecDeque::with_capacity(capacity)),
            arrived: Notify::new(),
            blocked: blocked.clone(),
            queued: queued.clone(),
        }))
    }

    /// `channel <- message`: waits, for ever if need be, until there is a place.
    ///
    /// # Errors
    ///
    /// [`Lost::ReceiverGone`] once a [`ReceiveHalf`] was dropped.
    pub(super) async fn send(&self, message: Message) -> Result<(), Lost> {
        let place = match self.0.places.try_acquire() {
            Ok(place) => place,
            Err(TryAcquireError::Closed) => return Err(Lost::ReceiverGone),
            Err(TryAcquireError::NoPermits) => {
                let _in_line = Counted::one(&self.0.blocked);
                let place = self.0.places.acquire().await;
                place.map_err(|_closed| Lost::ReceiverGone)?
            }
        };
        place.forget();
        self.put(message);
        Ok(())
    }

    /// `select { case channel <- message: default: }`: sends at once or not at all.
    ///
    /// # Errors
    ///
    /// [`Lost::Full`] if there is no place, [`Lost::ReceiverGone`] as for [`Channel::send`].
    pub(super) fn try_send(&self, message: Message) -> Result<(), Lost> {
        match self.0.places.try_acquire() {
            Ok(place) => place.forget(),
            Err(TryAcquireError::NoPermits) => return Err(Lost::Full),
            Err(TryAcquireError::Closed) => return Err(Lost::ReceiverGone),
        }
        self.put(message);
        Ok(())
    }

    /// `<-channel`: waits until there is a message. For one receiver, which must await it to
    /// the end: the place that it lends is not taken back.
    pub(super) async fn receive(&self) -> Message {
        if self.0.capacity == 0 {
            self.0.places.add_permits(1);
        }
        let message = loop {
            if let Some(message) = self.queue().pop_front() {
                break message;
            }
            self.0.arrived.notified().await;
        };
        self.0.queued.add(-1);
        if self.0.capacity > 0 {
            self.0.places.add_permits(1);
        }
        message
    }

    /// Whether a receiver would have to wait: nobody is in line (as `blocked` counts it) and
    /// nothing is in the buffer.
    pub(super) fn is_idle(&self) -> bool {
        self.0.blocked.get() == 0 && self.queue().is_empty()
    }

    /// The two ends as values of their own; `self` should be the only clone.
    pub(super) fn split(self) -> (SendHalf, ReceiveHalf) {
        (SendHalf(self.clone()), ReceiveHalf(self))
    }

    fn put(&self, message: Message) {
        self.queue().push_back(message);
        self.0.queued.add(1);
        self.0.arrived.notify_one();
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Message>> {
        // No code panics while it holds the queue.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that can only send. Clones share the channel.
#[derive(Clone)]
pub(super) struct SendHalf(Channel);

impl SendHalf {
    /// As [`Channel::send`].
    pub(super) async fn send(&self, message: Message) -> Result<(), Lost> {
        self.0.send(message).await
    }
}

/// The end that can only receive; there is one. Dropping it tells every sender.
pub(super) struct ReceiveHalf(Channel);

impl ReceiveHalf {
    /// The channel to receive from.
    pub(super) fn channel(&self) -> &Channel {
        &self.0
    }
}

impl Drop for ReceiveHalf {
    fn drop(&mut self) {
        self.0.0.places.close();
    }
}

/// One more in a gauge for as long as this lives.
pub(super) struct Counted(Gauge);

impl Counted {
    pub(super) fn one(gauge: &Gauge) -> Self {
        gauge.add(1);
        Counted(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::{JoinHandle, yield_now};

    struct Bench {
        channel: Channel,
        blocked: Gauge,
        queued: Gauge,
    }

    fn bench(capacity: usize) -> Bench {
        let (blocked, queued) = (Gauge::default(), Gauge::default());
        Bench {
            channel: Channel::new(capacity, &blocked, &queued),
            blocked,
            queued,
        }
    }

    fn message(number: u8) -> Message {
        vec![number; 8].into_boxed_slice()
    }

    /// Starts senders of the messages 0, 1, 2 … and lets each get as far as it can.
    async fn start_senders(bench: &Bench, count: u8) -> Vec<JoinHandle<Result<(), Lost>>> {
        let mut senders = Vec::new();
        for number in 0..count {
            let channel = bench.channel.clone();
            senders.push(tokio::spawn(
                async move { channel.send(message(number)).await },
            ));
            yield_now().await;
        }
        senders
    }

    #[tokio::test]
    async fn an_unbuffered_send_ends_only_when_somebody_receives() {
        let bench = bench(0);
        let senders = start_senders(&bench, 3).await;
        assert_eq!(bench.blocked.get(), 3);
        assert_eq!(bench.queued.get(), 0, "the values are with the senders");
        for number in 0..3 {
            assert_eq!(bench.channel.receive().await, message(number), "in line");
        }
        for sender in senders {
            assert_eq!(sender.await.expect("no panic"), Ok(()));
        }
        assert_eq!(bench.blocked.get(), 0);
        assert_eq!(
            bench.channel.try_send(message(9)),
            Err(Lost::Full),
            "no receiver stands ready"
        );
    }

    #[tokio::test]
    async fn a_buffer_takes_as_many_as_it_has_places_and_then_blocks() {
        let bench = bench(2);
        let _senders = start_senders(&bench, 5).await;
        assert_eq!((bench.queued.get(), bench.blocked.get()), (2, 3));
        assert_eq!(bench.channel.receive().await, message(0));
        yield_now().await;
        assert_eq!((bench.queued.get(), bench.blocked.get()), (2, 2));
    }

    #[tokio::test]
    async fn a_sender_that_gives_up_leaves_the_line() {
        let bench = bench(0);
        let senders = start_senders(&bench, 3).await;
        senders[0].abort();
        yield_now().await;
        assert_eq!(bench.blocked.get(), 2);
        assert_eq!(bench.channel.receive().await, message(1));
    }

    #[tokio::test]
    async fn dropping_the_receiving_half_ends_every_sender() {
        let bench = bench(0);
        let senders = start_senders(&bench, 3).await;
        let (sending, receiving) = bench.channel.clone().split();
        drop(receiving);
        for sender in senders {
            assert_eq!(sender.await.expect("no panic"), Err(Lost::ReceiverGone));
        }
        assert_eq!(sending.send(message(0)).await, Err(Lost::ReceiverGone));
    }
}
