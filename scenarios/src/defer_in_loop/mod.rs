//! `defer` in a loop of a function that never returns (A Tale Of Two Memory Leaks In Go,
//! the first of the two).
//!
//! An agent samples a source of metrics again and again. Each turn opens the source, takes
//! a buffer, and writes `defer resource.close()` on the next line, as one does. But `defer`
//! belongs to the function, not to the block, and the function is the agent's endless loop.
//!
//! What keeps what alive: goroutine → list of records (`goroutine.rs`) → closure →
//! resource (`resource.rs`) → descriptor and buffer. One more of each per turn. What releases
//! them is the return of the function, all at once, newest first. The fix gives the body of
//! the loop a function of its own, which returns every turn.
//!
//! Memory is not the first to run out: each turn keeps a descriptor too, and a process has
//! some thousand of those. Then opening fails, nothing is deferred any more, and memory
//! stands still: flat, because the agent has stopped working.

mod goroutine;
mod resource;

use crate::descriptors::LimitWatch;
use crate::retained::{boxed, counted, size_class};
use crate::{
    Description, Document, Drain, Expected, Gauge, Load, Meter, Parameter, ParameterKind,
    Parameters, Role, Scenario, Setup, Variant, Workload, WorkloadError,
};
use goroutine::{Frame, Goroutine, Record};
use resource::Resource;
use std::hint::black_box;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// The scenario `defer-in-loop`.
pub struct DeferInLoop;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "buffer-bytes",
        help: "bytes of the buffer that each turn takes and writes",
        kind: ParameterKind::Bytes {
            min: 64,
            max: 16 << 20,
            default: 16 << 10,
        },
    },
    Parameter {
        name: "after-load",
        help: "whether the agent's function stays in its loop or returns when the load is over",
        kind: ParameterKind::Choice {
            options: &["stays", "returns"],
        },
    },
];

/// What one turn of `function-scope` leaves on the goroutine.
fn deferred_bytes(parameters: &Parameters) -> f64 {
    // The closure owns one pointer; its code is in the record's wide pointer.
    let closure = boxed::<Rc<Resource>>();
    let buffer = size_class(parameters.bytes("buffer-bytes"));
    (boxed::<Record>() + closure + counted::<Resource>() + buffer) as f64
}

const NOTHING: fn(&Parameters) -> f64 = |_| 0.0;

const DESCRIPTION: Description = Description {
    name: "defer-in-loop",
    document: Document {
        title: "A Tale Of Two Memory Leaks In Go: defer in a loop",
        reference: "the article's first leak; staticcheck SA5003 finds it, go vet does not",
    },
    mechanism: "cleanup deferred to the end of a function that never ends",
    explanation: "\
A metrics agent turns in an endless loop. Each turn opens a file, takes a buffer, defers the
closing of both, and adds up what it read. Go runs deferred calls when the function returns,
not when the turn ends, so every turn leaves on the goroutine's list a record, the closure
in it, the object that the closure owns, and with that a descriptor and the buffer.

They are released together, newest first, when the function returns; `after-load=returns`
shows it in the drain phase: released late, not lost. The document's fix puts the body of
the loop into a function of its own (`iteration-scope`), which returns every turn.
`explicit-close` closes at the end of the turn and defers nothing. `scopeguard` is Rust's
own form: a guard belongs to its block, so the mistake cannot be written by accident.

Bookkeeping per turn, beside the buffer: here a record of 48 bytes, a closure of 8 and an
object of 48. Measured in Go 1.27: 48 + 16 + 24 = 88 bytes, in Go 1.19: 80 + 16 + 24 = 120.
The record's list is the runtime's in either; records that have run are pooled, at most 32.
Go puts the one record of `iteration-scope` on the stack; here it comes from that pool.

Descriptors run out before memory does. With `--descriptor-limit 100`, or a rate that
meets the limit the process has, opening fails from then on: the instant is marked
`descriptor-limit`, each failure is counted in `failed` and not as an operation, and memory
goes flat because nothing is deferred any more, not because anything has been cured.",
    operation: "one turn of the agent: open, read, add up (turns that could not open are not counted)",
    parameters: PARAMETERS,
    gauges: &["deferred", "open_files", "failed"],
    variants: &[
        Variant {
            name: "function-scope",
            role: Role::Buggy,
            expected: Expected::Leak,
            summary: "defers in the function of the loop, which never returns",
            retained_formula: "record 48 + closure 8 + object 48 + size_class(buffer-bytes), \
                               and one descriptor",
            retained_bytes_per_operation: deferred_bytes,
        },
        Variant {
            name: "iteration-scope",
            role: Role::Fixed,
            expected: Expected::NoLeak,
            summary: "the body of the loop is a function of its own, which returns every turn",
            retained_formula: "0",
            retained_bytes_per_operation: NOTHING,
        },
        Variant {
            name: "explicit-close",
            role: Role::Fixed,
            expected: Expected::NoLeak,
            summary: "closes at the end of the turn; defers nothing",
            retained_formula: "0",
            retained_bytes_per_operation: NOTHING,
        },
        Variant {
            name: "scopeguard",
            role: Role::Control,
            expected: Expected::NoLeak,
            summary: "Rust's own: a guard that runs at the end of its block",
            retained_formula: "0",
            retained_bytes_per_operation: NOTHING,
        },
    ],
    tour: &["function-scope", "iteration-scope"],
    budget_bytes_per_operation: 16.0,
    default_duration_s: 10.0,
    // 400 descriptors in all: the defaults show the leak below the usual limit of 1024.
    default_rate: Some(40.0),
    quiet_points: true,
};

impl Scenario for DeferInLoop {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn prepare(&self, setup: Setup) -> Result<Box<dyn Workload>, WorkloadError> {
        let agent = Agent {
            variant: setup.variant.name,
            buffer_bytes: setup.parameters.bytes("buffer-bytes"),
            open_files: setup.meter.new_gauge("open_files"),
        };
        let deferred = setup.meter.new_gauge("deferred");
        let failed = setup.meter.new_gauge("failed");
        let mut goroutine = Goroutine::default();
        Ok(Box::new(DeferWorkload {
            agent,
            function: Some(goroutine.enter()),
            goroutine,
            returns: setup.parameters.choice("after-load") == "returns",
            deferred,
            failed,
            limit_watch: LimitWatch::new(Arc::clone(&setup.meter)),
            meter: setup.meter,
        }))
    }
}

/// The agent: what one turn of its loop does.
struct Agent {
    variant: &'static str,
    buffer_bytes: usize,
    open_files: Gauge,
}

impl Agent {
    /// One turn, in the function of `frame`.
    fn turn(&self, goroutine: &mut Goroutine, function: &Frame) -> io::Result<()> {
        match self.variant {
            "function-scope" => self.sample(goroutine, function),
            "iteration-scope" => goroutine.call(|goroutine, body| self.sample(goroutine, body)),
            "explicit-close" => {
                let resource = self.open()?;
                black_box(resource.total());
                resource.close();
                Ok(())
            }
            _ => {
                let resource = scopeguard::guard(self.open()?, Resource::close);
                black_box(resource.total());
                Ok(())
            }
        }
    }

    /// The body of the loop as the document has it. Buggy and fixed variant share it; what
    /// differs is whose function `frame` is.
    fn sample(&self, goroutine: &mut Goroutine, frame: &Frame) -> io::Result<()> {
        let resource = self.open()?;
        let deferred = Rc::clone(&resource);
        goroutine.defer(frame, move || deferred.close());
        black_box(resource.total());
        Ok(())
    }

    fn open(&self) -> io::Result<Rc<Resource>> {
        Resource::open(self.buffer_bytes, &self.open_files)
    }
}

struct DeferWorkload {
    agent: Agent,
    goroutine: Goroutine,
    /// The function with the endless loop, until it returns.
    function: Option<Frame>,
    returns: bool,
    deferred: Gauge,
    failed: Gauge,
    limit_watch: LimitWatch,
    meter: Arc<dyn Meter>,
}

impl Workload for DeferWorkload {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        let Some(function) = &self.function else {
            return Ok(());
        };
        while load.next_operation() {
            let started = Instant::now();
            match self.agent.turn(&mut self.goroutine, function) {
                Ok(()) => load.complete_timed(started),
                Err(refusal) if self.limit_watch.is_limit(&refusal) => self.failed.add(1),
                Err(source) => {
                    let doing = "reading the source of metrics";
                    return Err(WorkloadError::Io { doing, source });
                }
            }
            self.deferred.set(self.goroutine.deferred() as i64);
        }
        Ok(())
    }

    fn drain(&mut self, drain: &Drain) -> Result<(), WorkloadError> {
        if self.returns
            && let Some(function) = self.function.take()
        {
            self.goroutine.leave(function);
            self.deferred.set(self.goroutine.deferred() as i64);
            self.meter.mark("function-returned");
        }
        while drain.goes_on() {
            drain.rest();
        }
        Ok(())
    }
}
