//! The sending loop, in its three forms on the model of Go's runtime.

use super::channel::{Counts, Message, Send};
use super::scheduler::Scheduler;
use super::subscriber::{Plan, Subscribers};
use crate::{Drain, Gauge, Load, Setup, Workload, WorkloadError};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How the loop sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `go func() { c <- v }()`.
    SpawnPerSend,
    /// `select { case c <- v: default: }`.
    TrySend,
    /// `go func() { select { case c <- v: case <-time.After(limit): } }()`.
    BoundedWait,
}

/// Sends one message per operation to the channels of the list in turn.
pub(super) struct SendingLoop {
    form: Form,
    payload_bytes: usize,
    limit: Duration,
    comes_back: bool,
    scheduler: Rc<Scheduler>,
    subscribers: Subscribers,
    dropped: Gauge,
    sent: usize,
}

impl SendingLoop {
    pub(super) fn new(form: Form, setup: &Setup) -> Self {
        let parameters = &setup.parameters;
        let scheduler = Scheduler::new(setup.meter.new_gauge("tasks_alive"));
        let counts = Counts {
            blocked_senders: setup.meter.new_gauge("blocked_senders"),
            queued_values: setup.meter.new_gauge("queued_values"),
        };
        let dropped = setup.meter.new_gauge("dropped_values");
        let plan = Plan {
            channels: parameters.count("channels"),
            gone: parameters.count("gone"),
        };
        let capacity = parameters.count("buffer");
        let subscribers = Subscribers::new(&scheduler, plan, capacity, &counts, &setup.meter);
        SendingLoop {
            form,
            payload_bytes: parameters.bytes("payload"),
            limit: parameters.duration("limit"),
            comes_back: parameters.choice("comeback") == "drain",
            subscribers,
            scheduler,
            dropped,
            sent: 0,
        }
    }

    fn send(&mut self) {
        let channel = self.subscribers.channel(self.sent);
        let message = Message::written(self.payload_bytes);
        match self.form {
            Form::TrySend => {
                if channel.try_send(message).is_err() {
                    self.dropped.add(1);
                }
            }
            Form::SpawnPerSend | Form::BoundedWait => {
                let limit = (self.form == Form::BoundedWait).then_some(self.limit);
                let body = Send::new(channel, message, limit, self.dropped.clone());
                self.scheduler.spawn(body);
            }
        }
        self.sent += 1;
        self.scheduler.turn();
        self.subscribers.replace_departed();
    }
}

impl Workload for SendingLoop {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        while load.next_operation() {
            let started = Instant::now();
            self.send();
            load.complete_timed(started);
        }
        Ok(())
    }

    /// Limits go on ending waits; with `comeback=drain` the lost receivers read again.
    fn drain(&mut self, drain: &Drain) -> Result<(), WorkloadError> {
        if self.comes_back {
            self.subscribers.come_back();
        }
        while drain.goes_on() {
            self.scheduler.turn();
            drain.rest();
        }
        Ok(())
    }
}
