//! One fresh go block per operation, over and over; or one block that loops.

use super::alts::Patch;
use super::block::{Block, Runtime};
use super::channel::Channel;
use crate::{Drain, Load, Setup, Workload, WorkloadError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for a callback before looking whether the timer thread still lives.
const PATIENCE: Duration = Duration::from_millis(20);

/// The variants that run on the model of core.async.
pub(super) struct AltsWorkload {
    runtime: Arc<Runtime>,
    batch: usize,
    /// With `shape=loop`, the one block whose body goes round, and its channel.
    looping: Option<(Arc<Block>, Arc<Channel>)>,
    in_flight: Vec<(Arc<Channel>, Instant)>,
    started: u64,
}

impl AltsWorkload {
    pub(super) fn prepare(patch: Patch, setup: &Setup) -> Result<Self, WorkloadError> {
        let runtime = Runtime::start(patch, setup)?;
        let loops = setup.parameters.choice("shape") == "loop";
        // One block has one turn at a time.
        let batch = if loops {
            1
        } else {
            setup.parameters.count("batch")
        };
        Ok(AltsWorkload {
            looping: loops.then(|| Block::new(&runtime, 0)),
            runtime,
            batch,
            in_flight: Vec::with_capacity(batch),
            started: 0,
        })
    }

    fn start_turn(&mut self) -> Arc<Channel> {
        self.started += 1;
        let fresh;
        let (block, returns) = match &self.looping {
            Some(looping) => looping,
            None => {
                fresh = Block::new(&self.runtime, self.started);
                &fresh
            }
        };
        block.turn();
        Arc::clone(returns)
    }

    /// Waits for every block in flight: `(doseq [b blocks] (<!! b))`.
    fn finish(&mut self, load: &Load) -> Result<(), WorkloadError> {
        let dispatcher = &self.runtime.dispatcher;
        for (returns, started) in self.in_flight.drain(..) {
            while returns.poll().is_none() {
                if !dispatcher.run_next(PATIENCE) && !self.runtime.timeouts.is_alive() {
                    return Err(WorkloadError::Panicked("timer thread"));
                }
            }
            load.complete_timed(started);
        }
        dispatcher.run_pending();
        Ok(())
    }
}

impl Workload for AltsWorkload {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        while load.next_operation() {
            let started = Instant::now();
            let returns = self.start_turn();
            self.in_flight.push((returns, started));
            if self.in_flight.len() == self.batch {
                self.finish(load)?;
            }
        }
        self.finish(load)
    }

    /// Long timeouts whose time comes now fire, and give back what they hold.
    fn drain(&mut self, drain: &Drain) -> Result<(), WorkloadError> {
        while drain.goes_on() {
            self.runtime.dispatcher.run_pending();
            drain.rest();
        }
        Ok(())
    }
}

impl Drop for AltsWorkload {
    fn drop(&mut self) {
        self.runtime.shut_down();
    }
}
