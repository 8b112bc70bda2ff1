//! How a handler hands on what it read: four ways to send, of different patience.

use super::channel::{Channel, Lost, Message, SendHalf};
use std::future::Future;
use std::time::Duration;

/// Where handlers send to.
pub(super) trait Outlet: Clone + Send + Sync + 'static {
    /// Hands a message on, or says why it is lost.
    fn deliver(&self, message: Message) -> impl Future<Output = Result<(), Lost>> + Send;
}

/// Waits for as long as it takes.
impl Outlet for Channel {
    fn deliver(&self, message: Message) -> impl Future<Output = Result<(), Lost>> + Send {
        self.send(message)
    }
}

/// Waits for as long as it takes, unless the receiving end goes away.
impl Outlet for SendHalf {
    fn deliver(&self, message: Message) -> impl Future<Output = Result<(), Lost>> + Send {
        self.send(message)
    }
}

/// Waits for a limited time: Go's `select` with a timer beside the send.
///
/// The document proposes `runtime.Goexit` from a timer instead, which cannot end another
/// goroutine than its own.
#[derive(Clone)]
pub(super) struct Patient<O> {
    pub(super) outlet: O,
    pub(super) patience: Duration,
}

impl<O: Outlet> Outlet for Patient<O> {
    async fn deliver(&self, message: Message) -> Result<(), Lost> {
        match tokio::time::timeout(self.patience, self.outlet.deliver(message)).await {
            Ok(result) => result,
            Err(_elapsed) => Err(Lost::TooSlow),
        }
    }
}

/// Leaves the message for the one task that sends, if that has room for it; never waits.
#[derive(Clone)]
pub(super) struct Mailbox(pub(super) Channel);

impl Outlet for Mailbox {
    async fn deliver(&self, message: Message) -> Result<(), Lost> {
        self.0.try_send(message)
    }
}

/// The one task that sends: the only one that the receiver can keep waiting.
pub(super) async fn send_for_all(mailbox: Channel, channel: Channel) {
    loop {
        let message = mailbox.receive().await;
        if channel.send(message).await.is_err() {
            return;
        }
    }
}
