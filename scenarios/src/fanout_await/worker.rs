//! The body of a worker in each of its forms: take a message, store it, wait for the answer.

use super::channel::Channel;
use super::client::ObjectClient;
use super::continuation::{Cancelled, DispatchedContinuation};
use super::job::Job;
use super::response::Outcome;
use super::scope::coroutine_scope;
use crate::collector::Collector;
use crate::{Gauge, Meter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// One object on its way to the store.
pub struct Message {
    /// Which it is, counted from 0.
    pub number: u64,
    /// The object.
    pub object: Box<[u8]>,
    /// When it was offered to the channel.
    pub offered: Instant,
}

/// What all workers of a variant share.
pub struct Tools {
    /// Stores objects.
    pub client: ObjectClient,
    /// Takes counts and latencies.
    pub meter: Arc<dyn Meter>,
    /// Objects stored so far, as a gauge.
    pub objects_stored: Gauge,
    /// Objects that the store did not take.
    pub failures: AtomicU64,
    /// The collector of the modelled heap, if there is one.
    pub collector: Option<Collector>,
    /// Where its walk begins.
    pub root: Arc<Job>,
}

impl Tools {
    /// Counts one operation at its end: stored, or failed.
    pub fn finish(&self, offered: Instant, outcome: &Outcome) {
        if outcome.is_none() {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.objects_stored.add(1);
        self.meter.record_latency(offered.elapsed());
        self.meter.count_operations(1);
    }

    /// Tells the collector what one operation has allocated: the object and the answer.
    fn allocate(&self, object_bytes: usize, outcome: &Outcome) {
        if let Some(collector) = &self.collector {
            let answer_bytes = outcome.as_ref().map_or(0, |answer| answer.body.len());
            let bytes = object_bytes + answer_bytes;
            collector.allocate(bytes, &*self.meter, || self.root.mark());
        }
    }
}

/// How a worker waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// `future.await()` in the loop's own body.
    Await,
    /// `coroutineScope { future.await() }`.
    ScopedAwait,
    /// `future.asDeferred().join()` in the loop's own body.
    DeferredJoin,
    /// `future.get()`, and then `future.await()`, which need not suspend any more.
    AwaitCompleted,
}

/// `for (message in channel) { … }`
///
/// # Errors
///
/// [`Cancelled`] if the worker's job is; the loop has no other end.
pub async fn worker(
    caller: Arc<DispatchedContinuation>,
    channel: Arc<Channel<Message>>,
    tools: Arc<Tools>,
    wait: Wait,
) -> Result<(), Cancelled> {
    let mut messages = channel.iterator();
    while messages.has_next(&caller).await? {
        let Some(message) = messages.take() else {
            continue;
        };
        let object_bytes = message.object.len();
        let future = tools.client.put(message.number, message.object);
        let outcome = match wait {
            Wait::Await => future.await_outcome(&caller).await?,
            Wait::ScopedAwait => {
                coroutine_scope(&caller, async |inner| future.await_outcome(inner).await).await?
            }
            Wait::DeferredJoin => {
                let deferred = future.as_deferred();
                deferred.join(&caller).await?;
                deferred.outcome()
            }
            Wait::AwaitCompleted => {
                future.wait().await;
                future.await_outcome(&caller).await?
            }
        };
        tools.finish(message.offered, &outcome);
        tools.allocate(object_bytes, &outcome);
    }
    Ok(())
}
