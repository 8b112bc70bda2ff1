//! Puts a variant together from its parts and runs it on one thread.

use super::channel::Channel;
use super::clients::Clients;
use super::counts::Counts;
use super::handler::HandlerSizes;
use super::outlet::{Mailbox, Outlet, Patient, send_for_all};
use super::reader::{Habit, Inlet, Reader};
use super::server::{Admission, Door, OnAcceptError, Port, Server};
use crate::{Drain, Load, Parameters, Setup, Workload, WorkloadError};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

pub(super) struct Service {
    // Dropped first: with it go all tasks, and with them their sockets.
    runtime: Runtime,
    clients: Clients,
    _port: Port,
}

impl Service {
    /// Opens the port and starts server and reader.
    ///
    /// # Errors
    ///
    /// [`WorkloadError::Io`] if the system refuses the runtime or the port.
    pub(super) fn new(setup: &Setup) -> Result<Self, WorkloadError> {
        let parameters = &setup.parameters;
        let counts = Counts::new(&setup.meter);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(refused("starting the runtime"))?;
        let inside = runtime.enter();
        let port = Port::reserve(&counts).map_err(refused("taking a port of 127.0.0.1"))?;
        let door =
            Door::open(port.address(), &counts).map_err(refused("listening on 127.0.0.1"))?;
        let message_bytes = parameters.bytes("message-bytes");
        let burst_every = parameters.duration("burst-every");
        let clients = Clients::new(port.address(), message_bytes, burst_every, &counts);
        let parts = Parts {
            parameters,
            door,
            address: port.address(),
            counts,
        };
        parts.start(setup.variant.name);
        drop(inside);
        Ok(Service {
            runtime,
            clients,
            _port: port,
        })
    }
}

fn refused(doing: &'static str) -> impl FnOnce(io::Error) -> WorkloadError {
    move |source| WorkloadError::Io { doing, source }
}

/// What every variant is made from.
struct Parts<'a> {
    parameters: &'a Parameters,
    door: Door,
    address: std::net::SocketAddr,
    counts: Arc<Counts>,
}

impl Parts<'_> {
    /// Starts the variant: its channel, its reader, its server.
    fn start(self, variant: &str) {
        let small = self.parameters.count("small-buffer");
        let places = self.parameters.count("connection-limit");
        let patience = self.parameters.duration("abort-after");
        let everybody = Admission::Everybody;
        match variant {
            "slow-receiver-loop" => {
                let channel = self.channel(0);
                self.read(Inlet::Whole(channel.clone()), Habit::BusyLoop);
                self.serve(channel, everybody);
            }
            "small-buffer" => self.through_whole(small, everybody),
            "large-buffer" => {
                let large = self.parameters.count("large-buffer");
                self.through_whole(large, everybody);
            }
            "limited-connections" => {
                self.through_whole(0, Admission::Limited(Arc::new(Semaphore::new(places))));
            }
            "rate-limited" => {
                let rate = self.parameters.count("service-rate") as f64;
                self.through_whole(0, Admission::paced(rate, small));
            }
            "stop-listening" => {
                // Opens again when a quarter of the places is free, at least one.
                let resume = u32::try_from(places / 4).unwrap_or(u32::MAX).max(1);
                let places = Arc::new(Semaphore::new(places));
                self.through_whole(0, Admission::StopListening(places, resume));
            }
            "abort-slow" => {
                let channel = self.channel(0);
                self.read(Inlet::Whole(channel.clone()), Habit::OnTick);
                let outlet = Patient {
                    outlet: channel,
                    patience,
                };
                self.serve(outlet, everybody);
            }
            "single-sender" => {
                let (channel, mailbox) = (self.channel(0), self.channel(small));
                self.read(Inlet::Whole(channel.clone()), Habit::OnTick);
                tokio::spawn(send_for_all(mailbox.clone(), channel));
                self.serve(Mailbox(mailbox), everybody);
            }
            "directional" => {
                let (outlet, inlet) = self.channel(0).split();
                self.read(Inlet::Half(inlet), Habit::OnTick);
                self.serve(outlet, everybody);
            }
            "layered" => {
                let (outlet, inlet) = self.channel(small).split();
                self.read(Inlet::Half(inlet), Habit::OnTick);
                let limited = Admission::Limited(Arc::new(Semaphore::new(places)));
                self.serve(Patient { outlet, patience }, limited);
            }
            _unbuffered => self.through_whole(0, everybody),
        }
    }

    /// A whole channel in everybody's hands.
    fn through_whole(self, capacity: usize, admission: Admission) {
        let channel = self.channel(capacity);
        self.read(Inlet::Whole(channel.clone()), Habit::OnTick);
        self.serve(channel, admission);
    }

    fn channel(&self, capacity: usize) -> Channel {
        let counts = &self.counts;
        Channel::new(capacity, &counts.blocked_handlers, &counts.queue_depth)
    }

    fn read(&self, inlet: Inlet, habit: Habit) {
        let rate = self.parameters.count("service-rate") as f64;
        let leaves = self.parameters.choice("receiver") == "leaves";
        let reader = Reader {
            inlet,
            habit,
            period: Duration::from_secs_f64(1.0 / rate),
            leaves_after: leaves.then(|| self.parameters.duration("leaves-after")),
            counts: Arc::clone(&self.counts),
        };
        tokio::spawn(reader.read());
    }

    fn serve<O: Outlet>(self, outlet: O, admission: Admission) {
        let on_error = match self.parameters.choice("accept-error") {
            "retries" => OnAcceptError::Retries,
            _ends => OnAcceptError::Ends,
        };
        let server = Server {
            address: self.address,
            admission,
            on_error,
            sizes: HandlerSizes {
                message_bytes: self.parameters.bytes("message-bytes"),
                stack_bytes: self.parameters.bytes("stack-bytes"),
            },
            outlet,
            counts: self.counts,
        };
        tokio::spawn(server.serve(self.door));
    }
}

impl Workload for Service {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        self.runtime.block_on(self.clients.arrive(load));
        Ok(())
    }

    fn drain(&mut self, drain: &Drain) -> Result<(), WorkloadError> {
        // Nobody arrives; the reader reads on, and those that wait are served late.
        self.runtime.block_on(async {
            while drain.goes_on() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Ok(())
    }
}
