//! Channels: a sender and a receiver meet, or the first to come waits.
//!
//! A buffer, if there is one, takes values while nobody receives; then senders wait.
//!
//! Who waits leaves a waiter record (Go's `sudog`) in the queue of its side. The record
//! owns the goroutine; the value stays in the goroutine that sends it.

use super::scheduler::{Goroutine, Scheduler};
use crate::Gauge;
use std::cell::RefCell;
use std::collections::LinkedList;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// What is sent: a small object that owns a payload.
pub(super) struct Message {
    /// The payload, written.
    pub(super) body: Box<[u8]>,
}

impl Message {
    /// A message with a payload of that size.
    pub(super) fn written(payload_bytes: usize) -> Box<Self> {
        Box::new(Message {
            body: vec![0xA5; payload_bytes].into_boxed_slice(),
        })
    }
}

/// A goroutine in the queue of a channel.
pub(super) struct Waiter {
    goroutine: Rc<Goroutine>,
}

/// A channel, unbuffered if its capacity is 0.
pub(super) struct Channel {
    scheduler: Rc<Scheduler>,
    capacity: usize,
    buffer: RefCell<LinkedList<Box<Message>>>,
    senders: RefCell<LinkedList<Waiter>>,
    receivers: RefCell<LinkedList<Waiter>>,
    counts: Counts,
}

/// What the channels of a list count together.
#[derive(Clone, Default)]
pub(super) struct Counts {
    /// Senders that wait.
    pub(super) blocked_senders: Gauge,
    /// Values in buffers.
    pub(super) queued_values: Gauge,
}

impl Channel {
    /// A channel whose buffer has room for `capacity` values.
    pub(super) fn new(scheduler: &Rc<Scheduler>, capacity: usize, counts: Counts) -> Rc<Self> {
        Rc::new(Channel {
            scheduler: Rc::clone(scheduler),
            capacity,
            buffer: RefCell::default(),
            senders: RefCell::default(),
            receivers: RefCell::default(),
            counts,
        })
    }

    /// `select { case c <- v: default: }`: gives the message to a receiver that waits, or to the
    /// buffer.
    ///
    /// # Errors
    ///
    /// The message, if no receiver waits and the buffer has no room.
    pub(super) fn try_send(&self, message: Box<Message>) -> Result<(), Box<Message>> {
        let receiver = self.receivers.borrow_mut().pop_front();
        if let Some(Waiter { goroutine }) = receiver {
            goroutine.put_element(message);
            self.scheduler.ready(goroutine);
            return Ok(());
        }
        let mut buffer = self.buffer.borrow_mut();
        if buffer.len() >= self.capacity {
            return Err(message);
        }
        buffer.push_back(message);
        self.counts.queued_values.add(1);
        Ok(())
    }

    /// `v := <-c`.
    pub(super) fn receive(&self) -> Receive<'_> {
        Receive {
            channel: self,
            parked: false,
        }
    }

    /// Takes a sender off the queue whose limit has passed; `false` if it does not wait.
    pub(super) fn withdraw(&self, sender: &Rc<Goroutine>) -> bool {
        let waiting = |waiter: &mut Waiter| Rc::ptr_eq(&waiter.goroutine, sender);
        let withdrawn = self.senders.borrow_mut().extract_if(waiting).count();
        self.counts.blocked_senders.add(-(withdrawn as i64));
        withdrawn > 0
    }

    /// Drops everybody who waits. Without it nothing would: a waiter owns its goroutine,
    /// whose body owns the channel. In Go too, forgetting the channel frees no goroutine.
    pub(super) fn abandon(&self) {
        let senders = std::mem::take(&mut *self.senders.borrow_mut());
        let receivers = std::mem::take(&mut *self.receivers.borrow_mut());
        self.counts.blocked_senders.add(-(senders.len() as i64));
        drop((senders, receivers));
    }

    fn park_sender(&self, message: Box<Message>) {
        if let Some(goroutine) = self.scheduler.current() {
            goroutine.put_element(message);
            self.senders.borrow_mut().push_back(Waiter { goroutine });
            self.counts.blocked_senders.add(1);
        }
    }

    /// The oldest value: from the buffer, which the first waiting sender then refills, or
    /// from that sender.
    fn take_next(&self) -> Option<Box<Message>> {
        let mut buffer = self.buffer.borrow_mut();
        let Some(oldest) = buffer.pop_front() else {
            return self.take_from_sender();
        };
        match self.take_from_sender() {
            Some(next) => buffer.push_back(next),
            None => self.counts.queued_values.add(-1),
        }
        Some(oldest)
    }

    fn take_from_sender(&self) -> Option<Box<Message>> {
        let Waiter { goroutine } = self.senders.borrow_mut().pop_front()?;
        self.counts.blocked_senders.add(-1);
        let message = goroutine.take_element();
        self.scheduler.ready(goroutine);
        message
    }
}

/// The body of a sending goroutine, `func() { c <- v }`: the closure with what it captured.
pub(super) struct Send {
    channel: Rc<Channel>,
    message: Option<Box<Message>>,
    limit: Option<Duration>,
    dropped: Gauge,
}

impl Send {
    /// Sends, waiting for ever or for `limit`; `dropped` counts values given up.
    pub(super) fn new(
        channel: &Rc<Channel>,
        message: Box<Message>,
        limit: Option<Duration>,
        dropped: Gauge,
    ) -> Self {
        Send {
            channel: Rc::clone(channel),
            message: Some(message),
            limit,
            dropped,
        }
    }
}

impl Future for Send {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<()> {
        let Some(message) = self.message.take() else {
            // Resumed. The value is still here only if the limit ended the wait.
            let current = self.channel.scheduler.current();
            if let Some(message) = current.and_then(|goroutine| goroutine.take_element()) {
                self.dropped.add(1);
                drop(message);
            }
            return Poll::Ready(());
        };
        let Err(message) = self.channel.try_send(message) else {
            return Poll::Ready(());
        };
        self.channel.park_sender(message);
        if let Some(limit) = self.limit {
            self.channel.scheduler.limit_wait(limit, &self.channel);
        }
        Poll::Pending
    }
}

/// A wait for a value.
pub(super) struct Receive<'a> {
    channel: &'a Channel,
    parked: bool,
}

impl Future for Receive<'_> {
    type Output = Box<Message>;

    fn poll(mut self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Box<Message>> {
        let channel = self.channel;
        let current = channel.scheduler.current();
        let message = match &current {
            Some(goroutine) if self.parked => goroutine.take_element(),
            _ => channel.take_next(),
        };
        if let Some(message) = message {
            return Poll::Ready(message);
        }
        if let Some(goroutine) = current {
            channel
                .receivers
                .borrow_mut()
                .push_back(Waiter { goroutine });
            self.parked = true;
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Bench {
        scheduler: Rc<Scheduler>,
        channel: Rc<Channel>,
        alive: Gauge,
        blocked: Gauge,
        dropped: Gauge,
        received: Rc<Cell<u32>>,
    }

    impl Bench {
        fn new() -> Self {
            Bench::with_capacity(0)
        }

        fn with_capacity(capacity: usize) -> Self {
            let (alive, counts) = (Gauge::default(), Counts::default());
            let scheduler = Scheduler::new(alive.clone());
            Bench {
                channel: Channel::new(&scheduler, capacity, counts.clone()),
                scheduler,
                alive,
                blocked: counts.blocked_senders,
                dropped: Gauge::default(),
                received: Rc::default(),
            }
        }

        fn send(&self, limit: Option<Duration>) {
            let message = Message::written(8);
            let body = Send::new(&self.channel, message, limit, self.dropped.clone());
            self.scheduler.spawn(body);
            self.scheduler.turn();
        }

        fn receive(&self, messages: u32) {
            let (channel, received) = (Rc::clone(&self.channel), Rc::clone(&self.received));
            self.scheduler.spawn(async move {
                for _ in 0..messages {
                    channel.receive().await;
                    received.set(received.get() + 1);
                }
            });
            self.scheduler.turn();
        }
    }

    impl Drop for Bench {
        fn drop(&mut self) {
            self.channel.abandon();
        }
    }

    #[test]
    fn whoever_comes_first_waits_for_the_other() {
        let bench = Bench::new();
        bench.send(None);
        assert_eq!((bench.blocked.get(), bench.alive.get()), (1, 1));
        bench.receive(2);
        assert_eq!((bench.blocked.get(), bench.received.get()), (0, 1));
        bench.send(None);
        assert_eq!((bench.received.get(), bench.alive.get()), (2, 0));
    }

    #[test]
    fn try_send_gives_the_message_back_when_nobody_waits() {
        let bench = Bench::new();
        assert!(bench.channel.try_send(Message::written(8)).is_err());
        bench.receive(1);
        assert!(bench.channel.try_send(Message::written(8)).is_ok());
        bench.scheduler.turn();
        assert_eq!(bench.received.get(), 1);
    }

    #[test]
    fn a_buffer_takes_values_first_and_is_refilled_by_those_who_wait() {
        let bench = Bench::with_capacity(2);
        (0..3).for_each(|_| bench.send(None));
        assert_eq!((bench.blocked.get(), bench.alive.get()), (1, 1));
        bench.receive(1);
        assert_eq!((bench.blocked.get(), bench.received.get()), (0, 1));
        assert_eq!(bench.channel.buffer.borrow().len(), 2);
        bench.receive(2);
        assert_eq!(bench.received.get(), 3);
        assert_eq!(bench.alive.get(), 0);
    }

    #[test]
    fn a_limit_ends_the_wait_and_drops_the_value() {
        let bench = Bench::new();
        bench.send(Some(Duration::ZERO));
        bench.send(Some(Duration::from_secs(3600)));
        bench.scheduler.turn();
        assert_eq!((bench.blocked.get(), bench.dropped.get()), (1, 1));
        bench.receive(1);
        assert_eq!((bench.received.get(), bench.dropped.get()), (1, 1));
    }

    #[test]
    fn forgetting_a_channel_frees_no_goroutine() {
        let alive = Gauge::default();
        let scheduler = Scheduler::new(alive.clone());
        let channel = Channel::new(&scheduler, 0, Counts::default());
        let message = Message::written(8);
        scheduler.spawn(Send::new(&channel, message, None, Gauge::default()));
        scheduler.turn();
        let forgotten = Rc::downgrade(&channel);
        drop(channel);
        assert_eq!(alive.get(), 1);
        let held = forgotten
            .upgrade()
            .expect("held by the sender that waits on it");
        held.abandon();
        drop(held);
        assert_eq!(alive.get(), 0);
        assert!(forgotten.upgrade().is_none());
    }
}
