//! Goroutines that leak behind network I/O: handlers that send what they read into an
//! unbuffered channel whose receiver is slower than the network.
//!
//! A TCP server on the loopback gives each connection a handler of its own (`handler.rs`).
//! The handler reads a message, sends it into a channel (`channel.rs`), and closes the
//! connection last. Clients (`clients.rs`) arrive at the load's rate, write and leave. The
//! reader (`reader.rs`) takes `service-rate` messages a second, and no more.
//!
//! What keeps what alive: the accept loop holds the channel, so that no handler can learn
//! that nobody will receive; the channel's line of senders holds the waker of each handler
//! that waits; the runtime holds the handler's task, and that its future, its accounted
//! stack, its message and its connection. What releases a handler is the receiver taking its
//! message. So the leak is not one handler per connection: it is arrivals minus services.
//!
//! The document's remedies stand beside it, each of which bounds something else and is paid
//! for by somebody else: see [`REMEDIES`].
//!
//! Under a descriptor limit memory is not what runs out. A handler that waits keeps its
//! socket, `accept` is refused, and the accept loop ends, as `accept().await?` does. Then the
//! reader serves those that wait, and after them nobody: memory is flat and low, `refused`
//! rises with every attempt, and `delivered` stands still. That is a dead service, and
//! memory alone would pass it.

mod channel;
mod clients;
mod counts;
mod handler;
mod outlet;
mod reader;
mod remedies;
mod server;
mod variants;
mod workload;

pub use remedies::REMEDIES;

use crate::{
    Description, Document, Parameter, ParameterKind, Remedy, Scenario, Setup, Workload,
    WorkloadError,
};
use workload::Service;

/// The scenario `channel-io`.
pub struct ChannelIo;

/// Connections per second when no rate is given; the formulas are for this rate.
const DEFAULT_RATE: f64 = 100.0;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "service-rate",
        help: "messages per second that the reader takes",
        kind: ParameterKind::Count {
            min: 1,
            max: 100_000,
            default: 25,
        },
    },
    Parameter {
        name: "message-bytes",
        help: "bytes that each client writes",
        kind: ParameterKind::Bytes {
            min: 64,
            max: 1 << 20,
            default: 4 << 10,
        },
    },
    Parameter {
        name: "stack-bytes",
        help: "stack accounted to each handler: Go's smallest is 2KiB, a task's is 0",
        kind: ParameterKind::Bytes {
            min: 0,
            max: 1 << 20,
            default: 2 << 10,
        },
    },
    Parameter {
        name: "small-buffer",
        help: "places of the small buffer, and of the queue of the single sender",
        kind: ParameterKind::Count {
            min: 1,
            max: 1 << 20,
            default: 16,
        },
    },
    Parameter {
        name: "large-buffer",
        help: "places of the large buffer, allocated at the start, 16 bytes each",
        kind: ParameterKind::Count {
            min: 1,
            max: 16 << 20,
            default: 1_000_000,
        },
    },
    Parameter {
        name: "connection-limit",
        help: "connections that limited-connections, stop-listening and layered allow at a time",
        kind: ParameterKind::Count {
            min: 1,
            max: 1 << 20,
            default: 32,
        },
    },
    Parameter {
        name: "abort-after",
        help: "time after which abort-slow and layered give up a send",
        kind: ParameterKind::Milliseconds {
            min: 1,
            max: 3_600_000,
            default: 200,
        },
    },
    Parameter {
        name: "burst-every",
        help: "clients arrive in bursts so far apart, at the same rate over all; 0: evenly",
        kind: ParameterKind::Milliseconds {
            min: 0,
            max: 3_600_000,
            default: 0,
        },
    },
    Parameter {
        name: "receiver",
        help: "whether the receiver is slow throughout, or stops and drops its end",
        kind: ParameterKind::Choice {
            options: &["slow", "leaves"],
        },
    },
    Parameter {
        name: "leaves-after",
        help: "when the receiver stops, with receiver=leaves",
        kind: ParameterKind::Milliseconds {
            min: 0,
            max: 86_400_000,
            default: 2_000,
        },
    },
    Parameter {
        name: "accept-error",
        help: "whether the accept loop ends at an error, as with `?`, or retries after 100 ms",
        kind: ParameterKind::Choice {
            options: &["ends", "retries"],
        },
    },
];

const DESCRIPTION: Description = Description {
    name: "channel-io",
    document: Document {
        title: "goroutine leaks with unbuffered channels for network I/O",
        reference: "a tutorial page on Go; its code blocks are lost, its text describes them",
    },
    mechanism: "handlers wait in a send for a receiver that is slower than the network",
    explanation: "\
A TCP server on the loopback starts a handler per connection. It reads a message, sends it
into a channel and closes the connection last. Clients arrive at the load's rate (`--rate`),
write and leave at once. The reader takes `service-rate` messages a second.

A handler that waits in its send is kept by the runtime and by the channel's line of senders:
its task, its message, its stack and its socket. Only the receiver releases it. The accept
loop holds the channel as well, so nothing ever tells the handler that nobody will receive.
So handlers accumulate at arrivals minus services: with the defaults 100 - 25 a second, or
0.75 per connection. At or below the service rate nothing accumulates.

Kept per handler that waits: its message (4 KiB), an accounted goroutine stack (2 KiB; a task
has none, `--set stack-bytes=0` shows Rust's own price), the task and the registration of its
socket with the reactor. Measured in Go 1.27 with 4 KiB messages: 5,003 bytes of heap, 2,051
of stack and one descriptor. The read buffer is the message that is sent; Go copies it into a
string, and its collector takes the buffer.

`unbuffered` and `slow-receiver-loop` differ in why the receiver is late: one reads by a
clock, the other is busy in its loop. `small-buffer` moves the curve by its places and keeps
its slope. `large-buffer` only delays: descriptors and handlers stop growing until it is
full, and the messages do not. `directional` splits the channel into typed halves. A receiver
that has gone is then seen, and handlers end (`--set receiver=leaves`); one that is merely
slow is not gone, so at the defaults it leaks as before. The other remedies bound what can
wait and lose the rest: nothing makes the receiver faster.

The large buffer is right where the mismatch is brief: with `--rate 20 --set burst-every=5s` a
hundred clients come at once and the receiver is done with them before the next hundred. Nothing
grows in any variant then, the buffer loses nothing, and those that bound what waits turn away
most of each burst.

Each waiting handler keeps a descriptor, and those run out first: try
`--descriptor-limit 96`. The accept loop ends at the first refusal (marked
`descriptor-limit` and `accept-loop-ended`), the reader serves those that wait, and then
`delivered` stands still while `refused` rises with every attempt. Memory is flat: the
service is dead. With `accept-error=retries` it lives on at the reader's rate, at the limit,
and everybody else is refused.

Server, clients and reader share one thread, so that the heap is read between two attempts.
Latency is from a client's attempt to connect to the reader's hand.",
    operation: "one attempt to connect, write and close (refused ones count too)",
    parameters: PARAMETERS,
    gauges: counts::GAUGES,
    variants: variants::VARIANTS,
    tour: &["unbuffered", "layered"],
    budget_bytes_per_operation: 64.0,
    // 600 descriptors in all: the defaults show the leak below the usual limit of 1024.
    default_duration_s: 8.0,
    default_rate: Some(DEFAULT_RATE),
    quiet_points: true,
};

impl Scenario for ChannelIo {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn remedies(&self) -> &'static [Remedy] {
        REMEDIES
    }

    fn prepare(&self, setup: Setup) -> Result<Box<dyn Workload>, WorkloadError> {
        Ok(Box::new(Service::new(&setup)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn every_remedy_is_a_variant_and_every_variant_beside_the_bugs_is_a_remedy() {
        let remedies: Vec<_> = REMEDIES.iter().map(|remedy| remedy.variant).collect();
        let variants: Vec<_> = DESCRIPTION
            .variants
            .iter()
            .filter(|variant| variant.role != Role::Buggy)
            .map(|variant| variant.name)
            .collect();
        assert_eq!(remedies, variants);
    }

    #[test]
    fn a_remedy_that_leaves_something_to_grow_is_not_called_fixed() {
        for remedy in REMEDIES {
            let variant = DESCRIPTION.variant(remedy.variant).expect("a variant");
            assert_eq!(
                remedy.leaves.is_empty(),
                variant.role == Role::Fixed,
                "{}",
                remedy.variant
            );
        }
    }
}
