//! The arriving side: one connection after the other, each closed right after its message.

use super::channel::Counted;
use super::counts::{Counts, STAMP_BYTES};
use crate::Load;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How long a client tries to connect. A listener that is full does not answer at all.
const PATIENCE: Duration = Duration::from_millis(50);

/// Clients, one at a time.
pub(super) struct Clients {
    address: SocketAddr,
    message: Box<[u8]>,
    /// Time between two bursts; none between arrivals that are even.
    burst_every: Duration,
    counts: Arc<Counts>,
}

impl Clients {
    pub(super) fn new(
        address: SocketAddr,
        message_bytes: usize,
        burst_every: Duration,
        counts: &Arc<Counts>,
    ) -> Self {
        Clients {
            address,
            message: vec![0xA5; message_bytes].into_boxed_slice(),
            burst_every,
            counts: Arc::clone(counts),
        }
    }

    /// Makes connections for as long as the load goes on; each attempt is an operation.
    pub(super) async fn arrive(&mut self, load: &Load) {
        while load.next_operation_in_bursts(self.burst_every).await {
            if tokio::time::timeout(PATIENCE, self.attempt())
                .await
                .is_err()
            {
                self.counts.refused.add(1);
            }
            load.complete(1);
        }
    }

    /// Connects, writes one message, closes.
    async fn attempt(&mut self) {
        let _descriptor = Counted::one(&self.counts.descriptors);
        self.message[..STAMP_BYTES].copy_from_slice(&self.counts.stamp());
        match TcpStream::connect(self.address).await {
            Ok(mut stream) => {
                // Fails where the server closes without reading; the server counts those.
                let _closed: io::Result<()> = stream.write_all(&self.message).await;
            }
            Err(refusal) => {
                self.counts.limit.is_limit(&refusal);
                self.counts.refused.add(1);
            }
        }
    }
}
