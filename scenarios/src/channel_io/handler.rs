//! What is done for one connection: read a message, hand it on, close.

use super::channel::{Counted, Lost, Message};
use super::counts::Counts;
use super::outlet::Outlet;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

/// An accepted connection, its place among those allowed, and what it counts as.
pub(super) struct Connection {
    stream: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
    _descriptor: Counted,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        place: Option<OwnedSemaphorePermit>,
        counts: &Counts,
    ) -> Self {
        Connection {
            stream,
            _place: place,
            _descriptor: Counted::one(&counts.descriptors),
        }
    }

    /// Reads one message of the given length, into the buffer that is then sent on.
    async fn read(&mut self, bytes: usize) -> io::Result<Message> {
        let mut buffer = vec![0; bytes].into_boxed_slice();
        self.stream.read_exact(&mut buffer).await?;
        Ok(buffer)
    }
}

/// Sizes of what a handler works with.
#[derive(Debug, Clone, Copy)]
pub(super) struct HandlerSizes {
    pub(super) message_bytes: usize,
    pub(super) stack_bytes: usize,
}

/// Handles one connection.
///
/// The connection is closed last, as by Go's `defer connection.Close()`: a handler that
/// waits in `deliver` keeps its socket, its message, its stack and its own future.
pub(super) async fn handle<O: Outlet>(
    mut connection: Connection,
    outlet: O,
    sizes: HandlerSizes,
    counts: Arc<Counts>,
) {
    let _alive = Counted::one(&counts.handlers_alive);
    // A task has no stack of its own: what Go gives every goroutine is accounted here,
    // written as a used stack is.
    let _stack = vec![0xA5_u8; sizes.stack_bytes].into_boxed_slice();
    let Ok(message) = connection.read(sizes.message_bytes).await else {
        // The client went away before it had said all; nothing was read that could be lost.
        return;
    };
    if let Err(lost) = outlet.deliver(message).await {
        counts.dropped.add(1);
        if lost == Lost::ReceiverGone {
            counts.mark_receiver_gone();
        }
    }
}

/// Bytes of the future of a handler; for the formula of retained bytes.
pub(super) fn future_bytes<O: Outlet>() -> usize {
    fn of<A, B, C, D, F>(_: fn(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }
    of(handle::<O>)
}
