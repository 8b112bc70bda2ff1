//! A Tale Of Two Memory Leaks In Go, leak 2: senders that wait for ever.
//!
//! A loop sends each value to a channel of a list and starts a goroutine for the send, so
//! that a slow receiver does not hold it up. Receivers come and go: some return, some fail,
//! and on some channels nobody takes their place. The loop still holds those channels, and
//! every send to one of them starts a goroutine that never ends:
//!
//! ```text
//! list of the loop ─▶ channel ─senders─▶ waiter record ─▶ goroutine ─▶ stack, closure, value
//! ```
//!
//! What releases it is a receiver, one value at a time. Forgetting the channel would not:
//! the goroutine holds it, and in Go the runtime holds the goroutine.
//!
//! `try-send` and `bounded-wait` give up a value that nobody takes, at once or after a
//! time limit. `unbounded-queue` takes away the blocked task and keeps the leak.
//!
//! | file | what |
//! |---|---|
//! | `scheduler` | goroutines, each with a stack of 2 KiB, and time limits |
//! | `channel` | rendezvous, waiter records, the sending goroutine's body |
//! | `subscriber` | the list of channels, receivers that come and go |
//! | `workload`, `unbounded` | the sending loop on the model, and on tokio's queues |
//! | `bookkeeping` | bytes per operation, object by object |

mod bookkeeping;
mod channel;
mod scheduler;
mod subscriber;
mod unbounded;
mod workload;

use crate::{
    Description, Document, Expected, Parameter, ParameterKind, Role, Scenario, Setup, Variant,
    Workload, WorkloadError,
};
use workload::{Form, SendingLoop};

/// The scenario `blocked-senders`.
pub struct BlockedSenders;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "payload",
        help: "bytes that each message owns, written",
        kind: ParameterKind::Bytes {
            min: 0,
            max: 16 << 20,
            default: 1 << 10,
        },
    },
    Parameter {
        name: "channels",
        help: "channels in the list of the sending loop, sent to in turn",
        kind: ParameterKind::Count {
            min: 1,
            max: 1024,
            default: 8,
        },
    },
    Parameter {
        name: "gone",
        help: "how many of the channels lose their receiver for good, soon after the start",
        kind: ParameterKind::Count {
            min: 0,
            max: 1024,
            default: 4,
        },
    },
    Parameter {
        name: "buffer",
        help: "values that each channel holds before senders block; unbounded-queue has no such end",
        kind: ParameterKind::Count {
            min: 0,
            max: 100_000,
            default: 0,
        },
    },
    Parameter {
        name: "limit",
        help: "how long a sender of bounded-wait waits",
        kind: ParameterKind::Milliseconds {
            min: 1,
            max: 60_000,
            default: 20,
        },
    },
    Parameter {
        name: "comeback",
        help: "whether receivers come back to the lost channels when the drain begins",
        kind: ParameterKind::Choice {
            options: &["never", "drain"],
        },
    },
];

const EXPLANATION: &str = "\
Each operation makes a message with `payload` bytes and sends it to one channel of a list of
`channels`, in turn. Each channel begins with a receiver. Receivers read for a while and leave;
some return, some fail. On most channels another one takes the place; on `gone` of them nobody
does, but the loop goes on sending there, since it still holds the channel.

What keeps what alive (spawn-per-send): the list holds the channel, the channel's queue of senders
a waiter record (Go's sudog) for each send that nobody took, the record its goroutine, and the
goroutine its stack, its closure and the value. Each of them waits for ever.

What releases it: a receiver that reads again, one sender per value. See it with
`--set comeback=drain`. Forgetting the channel releases nothing.

What the fixes change: try-send is Go's select with default: the value goes to a receiver that
waits now, or it is dropped. bounded-wait starts a goroutine that gives up after `limit`, so that
about rate x limit x gone / channels senders wait at any time, and no more. unbounded-queue is
what is often tried instead: nobody blocks any more, the queues of the lost receivers fill. A
bounded buffer (`--set buffer=1000`) fills too; then the slope is the same as without it.

Bytes per blocked sender beside the original's (measured, Go 1.19.8 / 1.27.3):
                 model  original
  task              80  392 / 448 (g)
  stack           2048  2060 / 2051
  waiter record     32  88 / 104 (sudog)
  heap, 24 B msg   176  554 / 649
Parts of the model: task 80, stack 2048, closure 48, waiter record 32, message 16; queue:
block of 32 values 320. Go keeps the g of an ended goroutine for the next one; the model frees it.";

const DESCRIPTION: Description = Description {
    name: "blocked-senders",
    document: Document {
        title: "A Tale Of Two Memory Leaks In Go, leak 2",
        reference: "a goroutine per send to channels that nobody reads any more",
    },
    mechanism: "a task per send waits for ever on a channel whose receiver has left",
    explanation: EXPLANATION,
    operation: "one message made, written and sent to one channel of the list",
    parameters: PARAMETERS,
    gauges: &[
        "tasks_alive",
        "blocked_senders",
        "dropped_values",
        "queued_values",
    ],
    variants: &[
        Variant {
            name: "spawn-per-send",
            role: Role::Buggy,
            expected: Expected::Leak,
            summary: "a goroutine per send; those to a lost receiver wait for ever, stack and all",
            retained_formula: "gone / channels x (task + stack + closure + waiter record \
                               + message + size_class(payload))",
            retained_bytes_per_operation: bookkeeping::blocked_sender,
        },
        Variant {
            name: "unbounded-queue",
            role: Role::Buggy,
            expected: Expected::Leak,
            summary: "tokio's unbounded channels: no sender blocks, the queues of lost receivers fill",
            retained_formula: "gone / channels x (block of 32 values / 32 + message \
                               + size_class(payload))",
            retained_bytes_per_operation: bookkeeping::queued_value,
        },
        Variant {
            name: "try-send",
            role: Role::Fixed,
            expected: Expected::NoLeak,
            summary: "select with default: a value that nobody waits for is dropped",
            retained_formula: "0",
            retained_bytes_per_operation: |_| 0.0,
        },
        Variant {
            name: "bounded-wait",
            role: Role::Fixed,
            expected: Expected::NoLeak,
            summary: "send with a time limit: a sender waits that long and gives up",
            retained_formula: "0; steady: rate x limit x gone / channels senders wait",
            retained_bytes_per_operation: |_| 0.0,
        },
    ],
    tour: &["spawn-per-send", "try-send"],
    budget_bytes_per_operation: 16.0,
    default_duration_s: 8.0,
    default_rate: Some(2000.0),
    quiet_points: true,
};

impl Scenario for BlockedSenders {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn prepare(&self, setup: Setup) -> Result<Box<dyn Workload>, WorkloadError> {
        let form = match setup.variant.name {
            "try-send" => Form::TrySend,
            "bounded-wait" => Form::BoundedWait,
            "unbounded-queue" => return Ok(Box::new(unbounded::UnboundedLoop::prepare(&setup)?)),
            _ => Form::SpawnPerSend,
        };
        Ok(Box::new(SendingLoop::new(form, &setup)))
    }
}
