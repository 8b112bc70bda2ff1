//! The fan-out at work: one operation is one object stored.

use super::channel::Channel;
use super::client::ObjectClient;
use super::continuation::DisposeTest;
use super::job::Job;
use super::join_set;
use super::scope;
use super::store::ObjectStore;
use super::worker::{Message, Tools, Wait, worker};
use crate::collector::Collector;
use crate::{Gauge, Load, Setup, Workload, WorkloadError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Objects stored before the first operation, by each worker: connections, buffers and
/// thread caches have their size after that.
const WARM_UP_ROUNDS: u64 = 32;

/// Longest wait, after the time is up or a stop was asked for, for what is still stored.
const LAST_WAIT: Duration = Duration::from_millis(50);

/// Time between two looks at what is still on the way.
const BURST_WAIT: Duration = Duration::from_micros(100);

/// Time in which the workers must have come to wait for their first message.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Where offered messages go.
enum Intake {
    /// To the model's channel.
    Channel(Arc<Channel<Message>>),
    /// To a channel of tokio, whose `try_send` is an `offer`.
    Tokio(Option<mpsc::Sender<Message>>),
}

/// Store, client, channel and workers of one variant.
pub struct Fanout {
    object_bytes: usize,
    /// Objects that are offered before all of them are waited for; 0 waits for none.
    burst: u64,
    intake: Intake,
    scope: Arc<Job>,
    workers: Vec<JoinHandle<()>>,
    tools: Arc<Tools>,
    offers_dropped: Gauge,
    /// Tasks that have finished and are still to be taken out of their set.
    unjoined: Option<Gauge>,
    offered: u64,
    store: ObjectStore,
    runtime: Runtime,
}

impl Fanout {
    /// Starts everything, and warms the connections up.
    ///
    /// # Errors
    ///
    /// [`WorkloadError::Io`] if there are no sockets or threads to be had.
    pub fn new(setup: &Setup) -> Result<Self, WorkloadError> {
        let worker_count = setup.parameters.count("workers");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("workers")
            .enable_all()
            .build()
            .map_err(|source| WorkloadError::Io {
                doing: "starting the workers' runtime",
                source,
            })?;
        let store = ObjectStore::start(setup.parameters.bytes("response"), worker_count)?;
        let gauge = |name| setup.meter.new_gauge(name);
        let parent_nodes = gauge("parent_nodes");
        let scope = Job::root();
        let heap_bytes = setup.parameters.bytes("heap");
        let tools = Arc::new(Tools {
            objects_stored: gauge("objects_stored"),
            client: ObjectClient::new(
                store.address(),
                runtime.handle().clone(),
                worker_count,
                gauge("responses_alive"),
            ),
            meter: Arc::clone(&setup.meter),
            failures: AtomicU64::new(0),
            collector: Collector::new(heap_bytes, &*setup.meter),
            root: Arc::clone(&scope),
        });
        let mut fanout = Fanout {
            object_bytes: setup.parameters.bytes("object"),
            burst: match heap_bytes {
                0 => setup.parameters.count("burst") as u64,
                // The collector's pauses show in what is dropped, so that offers must not wait.
                _ => 0,
            },
            intake: Intake::Tokio(None),
            scope,
            workers: Vec::new(),
            tools,
            offers_dropped: gauge("offers_dropped"),
            unjoined: (setup.variant.name == "join-set-drained").then(|| parent_nodes.clone()),
            offered: 0,
            store,
            runtime,
        };
        fanout.warm_up(worker_count)?;
        fanout.start_workers(setup, worker_count, parent_nodes);
        fanout.await_workers(worker_count)?;
        Ok(fanout)
    }

    fn warm_up(&self, connections: usize) -> Result<(), WorkloadError> {
        let client = &self.tools.client;
        self.runtime.block_on(client.connect(connections))?;
        for _ in 0..WARM_UP_ROUNDS {
            let round: Vec<_> = (0..connections as u64)
                .map(|number| client.put(number, self.make_object()))
                .collect();
            for future in round {
                self.runtime.block_on(future.wait());
            }
        }
        Ok(())
    }

    fn start_workers(&mut self, setup: &Setup, count: usize, parent_nodes: Gauge) {
        let capacity = setup.parameters.count("capacity");
        let (wait, dispose_test) = match setup.variant.name {
            "await-on-parent" => (Wait::Await, DisposeTest::AnythingStored),
            "requester-checked" => (Wait::Await, DisposeTest::ThisStored),
            "child-scope" => (Wait::ScopedAwait, DisposeTest::AnythingStored),
            "as-deferred" => (Wait::DeferredJoin, DisposeTest::AnythingStored),
            "completed-already" => (Wait::AwaitCompleted, DisposeTest::AnythingStored),
            name => {
                let (sender, messages) = mpsc::channel(capacity);
                self.intake = Intake::Tokio(Some(sender));
                let tools = Arc::clone(&self.tools);
                let drained = name == "join-set-drained";
                self.workers.push(self.runtime.spawn(join_set::spawn_each(
                    messages,
                    tools,
                    count,
                    parent_nodes,
                    drained,
                )));
                return;
            }
        };
        let channel = Channel::new(capacity);
        for _ in 0..count {
            let (channel, tools) = (Arc::clone(&channel), Arc::clone(&self.tools));
            self.workers.push(scope::launch(
                self.runtime.handle(),
                &self.scope,
                parent_nodes.clone(),
                dispose_test,
                |caller| worker(caller, channel, tools, wait),
            ));
        }
        self.intake = Intake::Channel(channel);
    }

    /// Waits until every worker waits for its first message, as in a service that starts
    /// before its work comes: a worker that never waited for the channel does not leak.
    fn await_workers(&self, count: usize) -> Result<(), WorkloadError> {
        let Intake::Channel(channel) = &self.intake else {
            return Ok(());
        };
        let started = Instant::now();
        while channel.waiting() < count {
            if started.elapsed() > START_LIMIT {
                return Err(WorkloadError::Io {
                    doing: "starting the workers",
                    source: std::io::ErrorKind::TimedOut.into(),
                });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// A block that is written, so that its pages exist.
    fn make_object(&self) -> Box<[u8]> {
        vec![0xA5; self.object_bytes].into_boxed_slice()
    }

    /// Offers one object to the channel; a full channel drops it.
    fn offer(&mut self) {
        let message = Message {
            number: self.offered,
            object: self.make_object(),
            offered: Instant::now(),
        };
        self.offered += 1;
        let taken = match &self.intake {
            Intake::Channel(channel) => channel.offer(message),
            Intake::Tokio(Some(sender)) => sender.try_send(message).is_ok(),
            Intake::Tokio(None) => false,
        };
        if !taken {
            self.offers_dropped.add(1);
        }
    }

    /// Offered objects that are neither stored nor lost, and tasks that are to be joined.
    fn on_the_way(&self) -> u64 {
        let ended = self.tools.objects_stored.get()
            + self.offers_dropped.get()
            + self.tools.failures.load(Ordering::Relaxed) as i64;
        let unjoined = self.unjoined.as_ref().map_or(0, Gauge::get);
        self.offered.saturating_sub(ended as u64) + unjoined as u64
    }

    /// Ends the workers: their jobs are cancelled and complete, the sets are dropped. The
    /// client and the store go on.
    pub fn end_workers(&mut self) {
        self.scope.cancel();
        if let Intake::Tokio(sender) = &mut self.intake {
            drop(sender.take());
            self.workers.iter().for_each(JoinHandle::abort);
        }
        for worker in self.workers.drain(..) {
            // Its panic was printed when it happened.
            let _ = self.runtime.block_on(worker);
        }
    }

    /// Number of keys under which the store holds an object.
    pub fn keys_in_use(&self) -> usize {
        self.store.keys_in_use()
    }
}

impl Workload for Fanout {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        while load.next_operation_quiet(|| self.on_the_way() == 0) {
            self.offer();
            let is_full = self.burst > 0 && self.offered.is_multiple_of(self.burst);
            while is_full && self.on_the_way() > 0 && !load.is_over() {
                std::thread::sleep(BURST_WAIT);
            }
        }
        let mut over_since = None;
        while self.on_the_way() > 0 {
            if load.is_over() {
                let since = *over_since.get_or_insert_with(Instant::now);
                if since.elapsed() > LAST_WAIT {
                    break;
                }
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        match self.tools.failures.load(Ordering::Relaxed) {
            0 => Ok(()),
            failures => Err(WorkloadError::Io {
                doing: "storing objects",
                source: std::io::Error::other(format!("{failures} requests failed")),
            }),
        }
    }
}

impl Drop for Fanout {
    fn drop(&mut self) {
        self.end_workers();
    }
}
