//! The control: the same turn with `tokio::select!`, where a branch that loses is dropped.
//!
//! Always a fresh task per operation: `shape` makes no difference here.

use crate::{Gauge, Load, Setup, Workload, WorkloadError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

/// Turns on a runtime of one thread, the performing one.
pub(super) struct SelectWorkload {
    runtime: Runtime,
    turn: Turn,
    batch: usize,
    in_flight: Vec<(JoinHandle<()>, Instant)>,
    started: u64,
}

#[derive(Clone)]
struct Turn {
    payload_bytes: usize,
    long: Duration,
    soon: Duration,
    spread: Duration,
    winner_is_ready: bool,
    blocks_alive: Gauge,
}

impl SelectWorkload {
    pub(super) fn prepare(setup: &Setup) -> Result<Self, WorkloadError> {
        let parameters = &setup.parameters;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|source| WorkloadError::Io {
                doing: "start a tokio runtime",
                source,
            })?;
        // The runtime's timers cannot be counted from outside.
        setup.meter.new_gauge("timers_pending");
        setup.meter.new_gauge("timeout2_pending");
        let batch = parameters.count("batch");
        // The runtime makes its timer wheel and its queues when they are first used: here,
        // before the first operation, so that they do not read as growth.
        let first = runtime.spawn(async { tokio::time::sleep(Duration::from_millis(1)).await });
        runtime
            .block_on(first)
            .map_err(|_| WorkloadError::Panicked("task"))?;
        Ok(SelectWorkload {
            runtime,
            turn: Turn {
                payload_bytes: parameters.bytes("payload"),
                long: parameters.duration("timeout"),
                soon: parameters.duration("soon"),
                spread: parameters.duration("spread"),
                winner_is_ready: parameters.choice("winner") == "ready",
                blocks_alive: setup.meter.new_gauge("blocks_alive"),
            },
            batch,
            in_flight: Vec::with_capacity(batch),
            started: 0,
        })
    }

    fn finish(&mut self, load: &Load) -> Result<(), WorkloadError> {
        for (task, started) in self.in_flight.drain(..) {
            self.runtime
                .block_on(task)
                .map_err(|_| WorkloadError::Panicked("task"))?;
            load.complete_timed(started);
        }
        Ok(())
    }
}

impl Workload for SelectWorkload {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        while load.next_operation() {
            let task = self.turn.clone().run(self.started);
            self.started += 1;
            self.in_flight
                .push((self.runtime.spawn(task), Instant::now()));
            if self.in_flight.len() == self.batch {
                self.finish(load)?;
            }
        }
        self.finish(load)
    }
}

impl Turn {
    async fn run(self, operation: u64) {
        self.blocks_alive.add(1);
        let mut payload = super::written(self.payload_bytes);
        let spread_ms = self.spread.as_millis() as u64 * operation;
        let long = self.long + Duration::from_millis(spread_ms);
        tokio::select! {
            () = tokio::time::sleep(long) => {}
            () = self.winner() => {}
        }
        if let Some(first) = payload.first_mut() {
            *first = 1;
        }
        self.blocks_alive.add(-1);
    }

    async fn winner(&self) {
        if !self.winner_is_ready {
            tokio::time::sleep(self.soon).await;
        }
    }
}
