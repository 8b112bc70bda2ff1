//! ASYNC-234: `alts` on a long timeout keeps what the waiting block held.
//!
//! A go block writes a payload and waits with `alts` on a long timeout and on a signal
//! that comes soon. The signal wins, the block ends, and nobody looks at the timeout again;
//! but the runtime still holds it, for the hour that it was asked for:
//!
//! ```text
//! deadline map, delay queue ─▶ timer entry ─▶ channel ─takers─▶ handler ─▶ callback
//!                                                 ─▶ state object of the block ─▶ payload
//! ```
//!
//! What releases it is the timer: it fires, the channel is closed and lets go of its takers.
//! What could have released it earlier does not happen: a channel drops the handlers of
//! decided calls only when it is touched again, and an abandoned timeout never is.
//!
//! The remedies cut the chain at different places. Patch 0001 (`cleared`) and the release
//! (`once-callback`) cut between callback and block, so that a shell stays; the release
//! misses the call that is decided while the ports are being tried (`--set winner=ready`).
//! Patch 0002 (`nacked`) prepares a cut and makes none. Patch 0003 (`timeout2`) takes the
//! handler off the queue. `tokio-select` is the same turn where losers are dropped.
//!
//! | file | what |
//! |---|---|
//! | `block` | the go block and its state object |
//! | `alts` | flag, handlers, callbacks; where the remedies differ |
//! | `channel`, `nack` | lists of takers; the channel that tells of a decision |
//! | `timeout`, `timeout2`, `deadline_map`, `daemon` | timers |
//! | `dispatch` | where callbacks run |
//! | `bookkeeping` | bytes per operation, object by object |

mod alts;
mod atom;
mod block;
mod bookkeeping;
mod channel;
mod daemon;
mod deadline_map;
mod dispatch;
mod nack;
mod select;
mod timeout;
mod timeout2;
mod workload;

use crate::{
    Description, Document, Expected, Parameter, ParameterKind, Role, Scenario, Setup, Variant,
    Workload, WorkloadError,
};
use alts::Patch;

/// The scenario `alts-timeout`.
pub struct AltsTimeout;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "payload",
        help: "bytes that each block writes before it waits and needs afterwards",
        kind: ParameterKind::Bytes {
            min: 0,
            max: 64 << 20,
            default: 1 << 20,
        },
    },
    Parameter {
        name: "timeout",
        help: "the long timeout, which loses; what it holds comes back when it fires",
        kind: ParameterKind::Milliseconds {
            min: 100,
            max: 24 * 3_600_000,
            default: 3_600_000,
        },
    },
    Parameter {
        name: "winner",
        help: "the signal that wins: a short timeout (the block parks) or a value already there",
        kind: ParameterKind::Choice {
            options: &["timer", "ready"],
        },
    },
    Parameter {
        name: "shape",
        help: "a fresh block per operation, or one block that loops (it keeps no payload; batch is 1)",
        kind: ParameterKind::Choice {
            options: &["fresh", "loop"],
        },
    },
    Parameter {
        name: "soon",
        help: "the short timeout of winner=timer; with 1 ms it has sometimes fired before it is tried",
        kind: ParameterKind::Milliseconds {
            min: 1,
            max: 50,
            default: 10,
        },
    },
    Parameter {
        name: "spread",
        help: "how much longer each long timeout is than the one before; at 0 those of one millisecond are shared",
        kind: ParameterKind::Milliseconds {
            min: 0,
            max: 1000,
            default: 1,
        },
    },
    Parameter {
        name: "batch",
        help: "blocks that are parked at once; more than 1 for many operations a second",
        kind: ParameterKind::Count {
            min: 1,
            max: 1000,
            default: 1,
        },
    },
];

const EXPLANATION: &str = "\
Each operation starts a fresh go block, which writes `payload` bytes, waits with alts on a long
`timeout` and on a signal that comes soon, and then uses the payload once more. (A plain loop in
one block, `--set shape=loop`, keeps no payload even unpatched: its turns share one state object,
whose slots are overwritten.)

What keeps what alive: the global deadline map and the delay queue hold the timer entry until it
expires; the entry holds its channel, the channel's list of takers the handler of the call, the
handler the callback of its port, that one the completion callback, and that one the state object
of the whole block with its locals, the payload among them. A list of takers is cleaned only when
somebody takes from its channel; an abandoned timeout is never touched again.

What releases it: the timer. It fires, the channel is closed and its takers go. With
`--set timeout=12s` and a longer drain the fall is on the chart.

What the fixes change: 0001 lets the handlers reach the callback through a reference that is
cleared when the choice is made; handler, flag and timer stay. The release 1.8.741 makes the
callback drop its block when it is called, but a port that answers while the ports are being
tried never calls it: with `--set winner=ready` half of the payloads stay, those of the calls that
tried the timeout first. 0002 gives each call a nack channel that nobody uses yet. 0003 adds
timeout2: handlers sit on a queue of their own and leave it through the nack when they lose.
Before any of them, the ticket asked for a timeout that is not shared, so that it may be closed
(`closed-timeout`): the payload goes with the choice, the timer ticks on in the queue.

What is retained is so until the timer fires: with a `timeout` shorter than the load (and of five
minutes at most) nothing is retained for good, and no variant is expected to leak.

The same duration asked for again shares a timer only within one millisecond, since the lookup
finds nothing that expires earlier. `spread` makes each long timeout a little longer than the one
before, so that there is one timer per operation at every rate.

Bookkeeping in bytes per operation, payload 0, winner=timer, beside the original's (JVM, measured):
  variant        model  original
  unpatched        544      1151
  nacked           464       702
  cleared          368       604
  once-callback    352       573
  closed-timeout   104         -
  timeout2           0         0
Parts of the model: timer 152 (map node 48, queue slot 8 in an array that doubles, entry 32,
channel 64), own timer 104 (without the map node), handler 112 (list node 32, handler 48, port
callback 32), flag 56,
fret reference 48, nack channel 96, callback 32, block 192 (state object 80, functions 8,
bindings 8, return channel 64 and its buffer 32). JVM objects have headers and locks of their own,
therefore its larger figures.";

const DESCRIPTION: Description = Description {
    name: "alts-timeout",
    document: Document {
        title: "alts/timeout keeps caller state until the timeout fires",
        reference: "clojure/core.async ASYNC-234",
    },
    mechanism: "a timeout that lost a choice keeps the state of the block that waited, until it fires",
    explanation: EXPLANATION,
    operation: "one go block: payload written, one alts, payload used",
    parameters: PARAMETERS,
    gauges: &["timers_pending", "timeout2_pending", "blocks_alive"],
    variants: &[
        Variant {
            name: "unpatched",
            role: Role::Buggy,
            expected: Expected::Leak,
            summary: "core.async before the fix: payload and block stay until the long timeout fires",
            retained_formula: "size_class(payload) + timer + handler + flag + callback + block; \
                               winner=ready: timer + half of the rest",
            retained_bytes_per_operation: |p| bookkeeping::retained(Patch::Unpatched, p),
        },
        Variant {
            name: "cleared",
            role: Role::Partial,
            expected: Expected::Leak,
            summary: "patch 0001: the way to the block is cleared when the choice is made; a shell stays",
            retained_formula: "timer + handler + flag + fret reference; \
                               winner=ready: timer + half of the rest",
            retained_bytes_per_operation: |p| bookkeeping::retained(Patch::Clear, p),
        },
        Variant {
            name: "once-callback",
            role: Role::Partial,
            expected: Expected::Leak,
            summary: "release 1.8.741: the callback drops the block when called, which winner=ready never does",
            retained_formula: "timer + handler + flag + callback; \
                               winner=ready: timer + half of (payload, handler, flag, callback, block)",
            retained_bytes_per_operation: |p| bookkeeping::retained(Patch::OnceCallback, p),
        },
        Variant {
            name: "nacked",
            role: Role::Partial,
            expected: Expected::Leak,
            summary: "patch 0002 alone: a nack channel per call that nobody uses; more bookkeeping, not less",
            retained_formula: "timer + handler + flag + fret reference + nack channel; \
                               winner=ready: timer + half of the rest",
            retained_bytes_per_operation: |p| bookkeeping::retained(Patch::Nack, p),
        },
        Variant {
            name: "closed-timeout",
            role: Role::Partial,
            expected: Expected::Leak,
            summary: "no patch, but a timeout that nobody shares, closed by its caller after the choice",
            retained_formula: "own timer: entry, channel and its place in the queue",
            retained_bytes_per_operation: |p| bookkeeping::retained(Patch::ClosedTimeout, p),
        },
        Variant {
            name: "timeout2",
            role: Role::Fixed,
            expected: Expected::NoLeak,
            summary: "patch 0003: the handler sits on the timeout queue and is removed when it loses",
            retained_formula: "0",
            retained_bytes_per_operation: |p| bookkeeping::retained(Patch::Timeout2, p),
        },
        Variant {
            name: "tokio-select",
            role: Role::Control,
            expected: Expected::NoLeak,
            summary: "the same turn with tokio::select!, which drops the branch that loses",
            retained_formula: "0",
            retained_bytes_per_operation: |_| 0.0,
        },
    ],
    tour: &["unpatched", "timeout2"],
    budget_bytes_per_operation: 16.0,
    default_duration_s: 10.0,
    default_rate: Some(35.0),
    quiet_points: true,
};

impl Scenario for AltsTimeout {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn prepare(&self, setup: Setup) -> Result<Box<dyn Workload>, WorkloadError> {
        let patch = match setup.variant.name {
            "cleared" => Patch::Clear,
            "nacked" => Patch::Nack,
            "once-callback" => Patch::OnceCallback,
            "closed-timeout" => Patch::ClosedTimeout,
            "timeout2" => Patch::Timeout2,
            "tokio-select" => return Ok(Box::new(select::SelectWorkload::prepare(&setup)?)),
            _ => Patch::Unpatched,
        };
        Ok(Box::new(workload::AltsWorkload::prepare(patch, &setup)?))
    }
}

/// A payload whose pages are really there: written, not zeroed.
fn written(bytes: usize) -> Box<[u8]> {
    vec![0xA5; bytes].into_boxed_slice()
}
