//! A go block: the state object that owns the locals of a body which waits in the middle.

use super::alts::{Patch, alts};
use super::atom::locked;
use super::channel::{Channel, Port, Taken, Value};
use super::daemon::Clock;
use super::dispatch::Dispatcher;
use super::timeout::Timeouts;
use super::timeout2::HandlerQueue;
use crate::{Gauge, Setup, WorkloadError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the blocks of a workload have in common.
pub(super) struct Runtime {
    patch: Patch,
    payload_bytes: usize,
    long: Duration,
    soon: Duration,
    spread: Duration,
    winner_is_ready: bool,
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) timeouts: Timeouts,
    pub(super) handler_queue: Option<Arc<HandlerQueue>>,
    random: Mutex<fastrand::Rng>,
    blocks_alive: Gauge,
    /// With `closed-timeout`, those of the turns that wait, by turn.
    own_timeouts: Mutex<BTreeMap<u64, Arc<Channel>>>,
}

impl Runtime {
    /// Starts the timer thread, and for `timeout2` its own one beside it.
    ///
    /// # Errors
    ///
    /// [`WorkloadError::Io`] if a thread cannot be had.
    pub(super) fn start(patch: Patch, setup: &Setup) -> Result<Arc<Self>, WorkloadError> {
        let parameters = &setup.parameters;
        let dispatcher = Arc::new(Dispatcher::new());
        let clock = Clock::start();
        let pending = setup.meter.new_gauge("timers_pending");
        let handlers_pending = setup.meter.new_gauge("timeout2_pending");
        let handler_queue = match patch {
            Patch::Timeout2 => {
                let dispatcher = Arc::clone(&dispatcher);
                Some(Arc::new(HandlerQueue::start(
                    clock,
                    dispatcher,
                    handlers_pending,
                )?))
            }
            _ => None,
        };
        Ok(Arc::new(Runtime {
            patch,
            payload_bytes: parameters.bytes("payload"),
            long: parameters.duration("timeout"),
            soon: parameters.duration("soon"),
            spread: parameters.duration("spread"),
            winner_is_ready: parameters.choice("winner") == "ready",
            timeouts: Timeouts::start(clock, Arc::clone(&dispatcher), pending, setup.seed)?,
            dispatcher,
            handler_queue,
            random: Mutex::new(fastrand::Rng::with_seed(setup.seed)),
            blocks_alive: setup.meter.new_gauge("blocks_alive"),
            own_timeouts: Mutex::default(),
        }))
    }

    /// The alternative that is never taken.
    fn long_timeout(&self, operation: u64) -> Arc<dyn Port> {
        let spread_ms = self.spread.as_millis() as u64 * operation;
        let duration = self.long + Duration::from_millis(spread_ms);
        match &self.handler_queue {
            Some(queue) => queue.timeout2(duration),
            None if self.patch == Patch::ClosedTimeout => {
                let own = self.timeouts.own_timeout(duration);
                locked(&self.own_timeouts).insert(operation, Arc::clone(&own));
                own
            }
            None => self.timeouts.timeout(duration),
        }
    }

    /// The alternative that is taken: a short timeout, or a channel that holds a value.
    fn winner(&self) -> Arc<dyn Port> {
        if !self.winner_is_ready {
            return self.timeouts.timeout(self.soon);
        }
        let channel = Channel::buffered(1);
        channel.offer(true);
        Arc::new(channel)
    }

    /// Closes the timeout of a turn whose choice is made, if it has one of its own: `(close! t)`.
    fn close_own_timeout(&self, operation: u64) {
        let own = locked(&self.own_timeouts).remove(&operation);
        if let Some(channel) = own {
            self.dispatcher.submit(|jobs| channel.close(jobs));
        }
    }

    /// Ends the threads and breaks the cycles between ports and handlers.
    pub(super) fn shut_down(&self) {
        self.timeouts.shut_down();
        if let Some(queue) = &self.handler_queue {
            queue.shut_down();
        }
        self.dispatcher.run_pending();
    }
}

/// The state array of one go block. It is reached from the outside through the callback of
/// whatever the block waits on, and through nothing else.
pub(super) struct Block {
    machine: Box<StateMachine>,
    bindings: Box<BindingsFrame>,
    returns: Arc<Channel>,
    locals: Mutex<Locals>,
}

/// The function objects of the body, with what they close over.
pub(super) struct StateMachine {
    runtime: Arc<Runtime>,
}

/// The dynamic bindings that were in force where the block was started.
pub(super) struct BindingsFrame {
    operation: u64,
}

struct Locals {
    payload: Box<[u8]>,
    turn: u64,
}

impl Block {
    /// A block that has not run yet, and its own channel, on which it gives one value for
    /// each turn of its body.
    pub(super) fn new(runtime: &Arc<Runtime>, operation: u64) -> (Arc<Self>, Arc<Channel>) {
        runtime.blocks_alive.add(1);
        let returns = Arc::new(Channel::buffered(1));
        let block = Arc::new(Block {
            machine: Box::new(StateMachine {
                runtime: Arc::clone(runtime),
            }),
            bindings: Box::new(BindingsFrame { operation }),
            returns: Arc::clone(&returns),
            locals: Mutex::new(Locals {
                payload: Box::default(),
                turn: 0,
            }),
        });
        (block, returns)
    }

    /// Runs the body up to its wait: `(let [big (byte-array n) _ (alts! […])] …)`.
    ///
    /// Another turn of the same block writes to the same slots of its state, so that the
    /// payload of the turn before goes, whoever still refers to the block.
    pub(super) fn turn(self: &Arc<Self>) {
        let runtime = &self.machine.runtime;
        let operation = {
            let mut locals = locked(&self.locals);
            locals.payload = super::written(runtime.payload_bytes);
            locals.turn += 1;
            self.bindings.operation + locals.turn
        };
        self.choose(operation);
    }

    fn choose(self: &Arc<Self>, operation: u64) {
        let runtime = &self.machine.runtime;
        let ports = [runtime.long_timeout(operation), runtime.winner()];
        let mut order = [0, 1];
        locked(&runtime.random).shuffle(&mut order);
        if let Taken::Now(value) = alts(runtime.patch, &ports, &order, self) {
            let chosen = &ports[1];
            self.resume(value, chosen);
        }
    }

    /// Runs the rest of the body, with the payload, and ends the block. The state array
    /// is not emptied: it waits to be garbage, locals and all.
    pub(super) fn resume(&self, value: Option<Value>, _port: &Arc<dyn Port>) {
        let mut locals = locked(&self.locals);
        if let Some(first) = locals.payload.first_mut() {
            *first = u8::from(value.is_some());
        }
        let operation = self.bindings.operation + locals.turn;
        drop(locals);
        self.machine.runtime.close_own_timeout(operation);
        self.returns.offer(true);
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.machine.runtime.blocks_alive.add(-1);
    }
}
