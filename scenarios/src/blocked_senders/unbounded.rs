//! Rust's favourite remedy that is none: `tokio::sync::mpsc::unbounded_channel`.
//!
//! A send never waits, so no task blocks and nothing looks wrong. The list keeps the
//! receiving half of each queue for the next worker (a worker locks it while it reads), so
//! that a queue whose worker left is not closed: it only fills.

use super::channel::Message;
use super::subscriber::{Departure, LONG_STINT, Plan, read};
use crate::{Drain, Gauge, Load, Meter, Setup, Workload, WorkloadError};
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Values = Arc<Mutex<UnboundedReceiver<Box<Message>>>>;

struct Queue {
    sender: UnboundedSender<Box<Message>>,
    values: Values,
}

/// Sends one message per operation to the queues of the list in turn.
pub(super) struct UnboundedLoop {
    runtime: Runtime,
    queues: Vec<Queue>,
    departures: UnboundedSender<(usize, Departure)>,
    departed: UnboundedReceiver<(usize, Departure)>,
    plan: Plan,
    payload_bytes: usize,
    comes_back: bool,
    tasks_alive: Gauge,
    queued: Gauge,
    meter: Arc<dyn Meter>,
    sent: usize,
}

impl UnboundedLoop {
    pub(super) fn prepare(setup: &Setup) -> Result<Self, WorkloadError> {
        let parameters = &setup.parameters;
        let plan = Plan {
            channels: parameters.count("channels"),
            gone: parameters.count("gone"),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|source| WorkloadError::Io {
                doing: "start a tokio runtime",
                source,
            })?;
        let queue = |_| {
            let (sender, values) = unbounded_channel();
            Queue {
                sender,
                values: Arc::new(Mutex::new(values)),
            }
        };
        let (departures, departed) = unbounded_channel();
        let tasks_alive = setup.meter.new_gauge("tasks_alive");
        setup.meter.new_gauge("blocked_senders");
        setup.meter.new_gauge("dropped_values");
        let this = UnboundedLoop {
            runtime,
            queues: (0..plan.channels).map(queue).collect(),
            departures,
            departed,
            plan,
            payload_bytes: parameters.bytes("payload"),
            comes_back: parameters.choice("comeback") == "drain",
            tasks_alive,
            queued: setup.meter.new_gauge("queued_values"),
            meter: Arc::clone(&setup.meter),
            sent: 0,
        };
        for index in 0..plan.channels {
            this.welcome(index, plan.first_stint(index));
        }
        this.turn();
        Ok(this)
    }

    fn welcome(&self, index: usize, stint: u32) {
        let worker = Worker {
            values: Arc::clone(&self.queues[index].values),
            queued: self.queued.clone(),
            alive: self.tasks_alive.clone(),
        };
        let departures = self.departures.clone();
        self.tasks_alive.add(1);
        self.runtime.spawn(async move {
            worker.read(stint).await;
            // Nobody listens only when the run is over.
            let _ = departures.send((index, Departure::of(index)));
        });
    }

    /// Lets every worker run that has something to read.
    fn turn(&self) {
        self.runtime.block_on(tokio::task::yield_now());
    }

    fn replace_departed(&mut self) {
        while let Ok((index, departure)) = self.departed.try_recv() {
            if self.plan.loses_receiver(index) {
                let word = departure.word();
                self.meter.mark(&format!("receiver {index} {word}"));
            } else {
                self.welcome(index, LONG_STINT);
                self.turn();
            }
        }
    }

    fn send(&mut self) -> Result<(), WorkloadError> {
        let queue = &self.queues[self.sent % self.queues.len()];
        queue
            .sender
            .send(Message::written(self.payload_bytes))
            .map_err(|_| WorkloadError::Panicked("queue"))?;
        self.queued.add(1);
        self.sent += 1;
        self.turn();
        self.replace_departed();
        Ok(())
    }
}

struct Worker {
    values: Values,
    queued: Gauge,
    alive: Gauge,
}

impl Worker {
    async fn read(&self, stint: u32) {
        let mut values = self.values.lock().await;
        for _ in 0..stint {
            let Some(message) = values.recv().await else {
                return;
            };
            self.queued.add(-1);
            read(&message);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.alive.add(-1);
    }
}

impl Workload for UnboundedLoop {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        while load.next_operation() {
            let started = Instant::now();
            self.send()?;
            load.complete_timed(started);
        }
        Ok(())
    }

    /// With `comeback=drain` the lost workers read again.
    fn drain(&mut self, drain: &Drain) -> Result<(), WorkloadError> {
        if self.comes_back {
            for index in (0..self.queues.len()).filter(|index| self.plan.loses_receiver(*index)) {
                self.welcome(index, u32::MAX);
            }
        }
        while drain.goes_on() {
            self.turn();
            drain.rest();
        }
        Ok(())
    }
}
