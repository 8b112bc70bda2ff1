//! A polling task that calls itself again and waits for that call to end.
//!
//! Document: "Solving Memory Leaks Caused by Co and Recursive Calls". A Node.js service
//! polled every few milliseconds in a task that ended by awaiting its own next call, first
//! as a generator under co, then as an async function. Its exit condition never came true,
//! so no call ever ended; the heap snapshot showed 390,285 contexts of one kind.
//!
//! **What keeps what alive.** The pending timer owns the `resolve` of the innermost pause;
//! that owns the promise of the pause; its reaction owns the innermost frame; the frame
//! owns the promise that it gave its caller; the reaction on that one owns the caller's
//! frame; and so on to the first call ([`function`], [`co`]). In Rust's form the boxes
//! point the other way, from the outermost turn inwards ([`future`]).
//!
//! **What releases it.** The timer going away (everything is garbage at once), or the exit
//! condition coming true (every level ends, innermost first): `--set exit-after=1000`.
//!
//! **What the fix changes.** A loop has one frame, whose locals the next turn overwrites; a
//! call that is started and not awaited leaves no reaction behind, so its caller ends.
//!
//! [`promise`] and [`runtime`] are the event loop, [`heap`] counts its objects, [`task`] is
//! the report's task in each form.

pub mod co;
pub mod function;
pub mod future;
pub mod heap;
pub mod promise;
pub mod runtime;
mod stack;
pub mod task;
mod workload;

use crate::retained::size_class;
use crate::{
    Description, Document, Expected, Parameter, ParameterKind, Parameters, Role, Scenario, Setup,
    Variant, Workload, WorkloadError,
};

/// The scenario `recursive-async`.
pub struct RecursiveAsync;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "local",
        help: "bytes of the local that each turn makes and writes",
        kind: ParameterKind::Bytes {
            min: 0,
            max: 1 << 20,
            default: 2 << 10,
        },
    },
    Parameter {
        name: "frames",
        help: "interpreted: a suspended frame keeps dead locals too; optimized: live ones only",
        kind: ParameterKind::Choice {
            options: &["interpreted", "optimized"],
        },
    },
    Parameter {
        name: "exit-after",
        help: "turns after which the exit condition holds and the task starts anew; 0: never",
        kind: ParameterKind::Count {
            min: 0,
            max: 1_000_000_000,
            default: 0,
        },
    },
    Parameter {
        name: "heap",
        help: "size of a modelled V8 heap, whose collector walks what lives whenever it is full; \
               0: no collector; not for boxed-future, trampoline and sync-recursive",
        kind: ParameterKind::Bytes {
            min: 0,
            max: 16 << 30,
            default: 0,
        },
    },
    Parameter {
        name: "depth-limit",
        help: "boxed-future: levels after which it goes on as a loop, for the stack's sake",
        kind: ParameterKind::Count {
            min: 1,
            max: 400_000,
            default: 100_000,
        },
    },
];

const EXPLANATION: &str = "\
The task waits a little, does its turn, and calls itself. Whoever awaits that call cannot end
before it does, and it never does: the exit condition never comes true.

The chain is held by its tail. The pending timer owns the `resolve` of the innermost pause,
which owns the promise of the pause, whose reaction owns the innermost frame; a frame owns the
promise that it gave its caller, whose reaction owns the caller's frame. Clear the timer, and
all of it is garbage; let the exit condition come true (`--set exit-after=1000`), and every
level ends, innermost first. No version of co or of V8 changes this; the cure is a loop, or a
call that is not awaited.

One level in the original (Node 20) and in the model, in objects and bytes, without locals:

  async-recursive  V8: generator 88, registers 72, promise 48, reaction 48, two closures 112,
                   context 40: about 400 measured. Model: the same seven objects, 320.
  co-recursive     co 4.6.0: generator, registers, 2 promises, 3 contexts, 5 closures,
                   reaction, arguments: about 792 measured. Model: the same fourteen, 552.
  async-return     promise and reaction: 96 measured. Model: the same two, 96. The frame is
                   gone and its locals with it; the promises that follow each other are not.
  old-co-loop      the cure under co 4.0.0 to 4.0.2, which returned the promise of the next
                   resumption from each (tj/co 180, fixed in 4.1.0): 96 measured, model 96.
  boxed-future     not in the report. One box: the state of the turn, 128.
  sync-recursive   what the report begins with: no object, but a frame on the stack for each
                   level. It dies of that (in V8 by a RangeError), which is its verdict.

Locals come on top. Interpreted code saves every register of a suspended frame, dead or alive;
optimized code saves those that are read again (`--set frames=optimized`). The report's 390,285
levels in nearly 1 GB are some 2.7 KB each: bookkeeping and what the application had at hand,
for which `local` stands. Rust keeps a local to the end of its scope unless it is dropped.

The report's service was slow before its memory was gone, since each full collection walks all that
lives. Rust has no collector; `--set heap=64MiB` models one that does this walk whenever a heap of
that size is full (gauges collections, collection_us; the latency shows its pauses).

`boxed-future` is Rust's own form. Here the outermost turn owns the chain, each wake-up polls
every level (gauge polls_per_wakeup, and the latency with it), and poll and drop recurse on the
stack, so its depth is bounded by `depth-limit` and its thread's stack is sized for that.";

/// Bytes of the dead local that a suspended level keeps.
fn kept_local(parameters: &Parameters) -> usize {
    match parameters.choice("frames") {
        "interpreted" => size_class(parameters.bytes("local")),
        _ => 0,
    }
}

/// Nothing stays when the exit condition comes true now and then.
fn unless_it_exits(parameters: &Parameters, bytes: usize) -> f64 {
    match parameters.count("exit-after") {
        0 => bytes as f64,
        _ => 0.0,
    }
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "co-recursive",
        role: Role::Buggy,
        expected: Expected::Leak,
        summary: "a generator under co 4.6.0 yields its own next call",
        retained_formula: "fourteen objects of generator and runner + local (interpreted frames)",
        retained_bytes_per_operation: |p| unless_it_exits(p, co::bytes_per_level() + kept_local(p)),
    },
    Variant {
        name: "async-recursive",
        role: Role::Buggy,
        expected: Expected::Leak,
        summary: "an async function awaits its own next call",
        retained_formula: "call + registers + promise + reaction + two closures + context \
                           + local (interpreted frames)",
        retained_bytes_per_operation: |p| {
            unless_it_exits(p, task::bytes_per_await() + kept_local(p))
        },
    },
    Variant {
        name: "async-return",
        role: Role::Partial,
        expected: Expected::Leak,
        summary: "an async function returns its own next call: the frame ends, its promise not",
        retained_formula: "promise + reaction",
        retained_bytes_per_operation: |p| unless_it_exits(p, task::bytes_per_follow()),
    },
    Variant {
        name: "old-co-loop",
        role: Role::Partial,
        expected: Expected::Leak,
        summary: "the loop under co 4.0.2, whose resumptions return each other's promises",
        retained_formula: "promise + reaction",
        retained_bytes_per_operation: |p| unless_it_exits(p, task::bytes_per_follow()),
    },
    Variant {
        name: "boxed-future",
        role: Role::Buggy,
        expected: Expected::Leak,
        summary: "Rust: each turn awaits the boxed next one, and each wake-up polls them all",
        retained_formula: "size_class(state of one turn) + local (interpreted frames)",
        retained_bytes_per_operation: |p| {
            unless_it_exits(p, future::bytes_per_level() + kept_local(p))
        },
    },
    Variant {
        name: "sync-recursive",
        role: Role::Buggy,
        expected: Expected::Dies,
        summary: "the call itself, neither awaited nor resumed: its stack ends within seconds",
        retained_formula: "size_class(local), and a frame on a stack of 984 KiB",
        retained_bytes_per_operation: |p| unless_it_exits(p, size_class(p.bytes("local"))),
    },
    Variant {
        name: "loop",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "while (true) in one call: one frame, overwritten by each turn",
        retained_formula: "0",
        retained_bytes_per_operation: |_| 0.0,
    },
    Variant {
        name: "detached",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "the next call is started and not awaited, so its caller ends",
        retained_formula: "0",
        retained_bytes_per_operation: |_| 0.0,
    },
    Variant {
        name: "trampoline",
        role: Role::Control,
        expected: Expected::NoLeak,
        summary: "Rust: each turn gives its driver the next one and ends",
        retained_formula: "0",
        retained_bytes_per_operation: |_| 0.0,
    },
];

const DESCRIPTION: Description = Description {
    name: "recursive-async",
    document: Document {
        title: "Solving Memory Leaks Caused by Co and Recursive Calls",
        reference: "co and async functions on Node.js; tj/co 180 for the loop under co 4.0.2",
    },
    mechanism: "each call awaits its own next call, so none can end before the last, and there \
                is no last",
    explanation: EXPLANATION,
    operation: "one turn of the task: its pause ends, it uses its local, the next turn begins",
    parameters: PARAMETERS,
    gauges: &[
        "generators",
        "promises",
        "reactions",
        "closures",
        "contexts",
        "live_turns",
        "polls_per_wakeup",
        "collections",
        "collection_us",
    ],
    variants: VARIANTS,
    tour: &["async-recursive", "loop"],
    budget_bytes_per_operation: 16.0,
    default_duration_s: 8.0,
    default_rate: Some(1000.0),
    quiet_points: true,
};

impl Scenario for RecursiveAsync {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn prepare(&self, setup: Setup) -> Result<Box<dyn Workload>, WorkloadError> {
        workload::prepare(&setup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_explanation_states_the_bytes_of_the_model() {
        for (bytes, text) in [
            (task::bytes_per_await(), "the same seven objects, 320."),
            (co::bytes_per_level(), "the same fourteen, 552."),
            (task::bytes_per_follow(), "the same two, 96."),
            (future::bytes_per_level(), "the state of the turn, 128."),
        ] {
            assert!(text.contains(&bytes.to_string()), "{bytes}, not {text}");
            assert!(EXPLANATION.contains(text), "{text}");
        }
    }
}
