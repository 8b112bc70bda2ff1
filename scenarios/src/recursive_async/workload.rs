//! The task at work: one operation is one turn of it.

use super::future::{Executor, STACK_BYTES_PER_LEVEL, World, start_recursive, trampoline};
use super::heap::{KIND_NAMES, census};
use super::runtime::{Globals, Runtime};
use super::stack::StackWorkload;
use super::{co, task};
use crate::collector::Collector;
use crate::retained::size_class;
use crate::{Gauge, Load, Parameters, Setup, Workload, WorkloadError};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Stack beside the levels of the recursion.
const BASE_STACK_BYTES: usize = 2 << 20;

/// Builds the workload of a variant.
pub fn prepare(setup: &Setup) -> Result<Box<dyn Workload>, WorkloadError> {
    let gauges = Gauges::new(setup);
    let collector = Collector::new(setup.parameters.bytes("heap"), &*setup.meter);
    Ok(match setup.variant.name {
        "sync-recursive" => Box::new(StackWorkload::new(setup, gauges)),
        "boxed-future" | "trampoline" => Box::new(FutureWorkload::new(setup, gauges)?),
        _ => Box::new(EventLoopWorkload::new(setup, gauges, collector)),
    })
}

/// Gauges of the scenario; a variant leaves those at zero that do not concern it.
pub(super) struct Gauges {
    kinds: [Gauge; KIND_NAMES.len()],
    live_turns: Gauge,
    polls_per_wakeup: Gauge,
}

impl Gauges {
    fn new(setup: &Setup) -> Self {
        Gauges {
            kinds: KIND_NAMES.map(|name| setup.meter.new_gauge(name)),
            live_turns: setup.meter.new_gauge("live_turns"),
            polls_per_wakeup: setup.meter.new_gauge("polls_per_wakeup"),
        }
    }

    fn show_census(&self) {
        for (gauge, live) in self.kinds.iter().zip(census()) {
            gauge.set(live);
        }
    }

    /// Calls that are on the stack.
    pub(super) fn show_depth(&self, depth: u64) {
        self.live_turns.set(depth as i64);
    }

    fn show_world(&self, world: &World) {
        self.live_turns.set(world.live_turns());
        self.polls_per_wakeup.set(world.take_polls() as i64);
    }
}

fn keeps_dead_registers(parameters: &Parameters) -> bool {
    parameters.choice("frames") == "interpreted"
}

/// Heap bytes that one turn allocates, whether they stay or not.
fn turn_bytes(setup: &Setup) -> usize {
    let objects = match setup.variant.name {
        "co-recursive" | "old-co-loop" => co::bytes_per_level(),
        _ => task::bytes_per_await(),
    };
    objects + size_class(setup.parameters.bytes("local"))
}

/// The variants on the model's event loop.
struct EventLoopWorkload {
    variant: &'static str,
    runtime: Runtime,
    gauges: Gauges,
    collector: Option<Collector>,
    /// What a turn allocates, for the collector.
    turn_bytes: usize,
}

impl EventLoopWorkload {
    fn new(setup: &Setup, gauges: Gauges, collector: Option<Collector>) -> Self {
        let workload = EventLoopWorkload {
            variant: setup.variant.name,
            runtime: Runtime::new(Globals {
                local_bytes: setup.parameters.bytes("local"),
                keeps_dead_registers: keeps_dead_registers(&setup.parameters),
                exit_after: setup.parameters.count("exit-after") as u64,
            }),
            gauges,
            collector,
            turn_bytes: turn_bytes(setup),
        };
        workload.start();
        workload
    }

    /// Starts the task; nobody keeps its promise, as in the report.
    fn start(&self) {
        drop(task::start(self.variant, &self.runtime));
    }
}

impl Workload for EventLoopWorkload {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        while load.next_operation() {
            let started = Instant::now();
            self.runtime.fire_timer();
            if !self.runtime.has_timer() {
                self.start();
            }
            if let Some(collector) = &self.collector {
                collector.allocate(self.turn_bytes, load.meter(), || self.runtime.mark());
            }
            self.gauges.show_census();
            load.complete_timed(started);
        }
        Ok(())
    }
}

/// The variants in Rust's own form. They run on a thread whose stack holds the recursion.
struct FutureWorkload {
    executor: Option<Executor>,
    stack_bytes: usize,
    gauges: Gauges,
}

impl FutureWorkload {
    fn new(setup: &Setup, gauges: Gauges) -> Result<Self, WorkloadError> {
        let depth_limit = setup.parameters.count("depth-limit");
        let world = World::new(
            setup.parameters.bytes("local"),
            keeps_dead_registers(&setup.parameters),
            setup.parameters.count("exit-after") as u64,
            depth_limit as u64,
        );
        let start = match setup.variant.name {
            "boxed-future" => start_recursive,
            _ => trampoline,
        };
        Ok(FutureWorkload {
            executor: Some(Executor::new(world, start)),
            stack_bytes: BASE_STACK_BYTES + depth_limit * STACK_BYTES_PER_LEVEL,
            gauges,
        })
    }

    fn perform(executor: &mut Executor, gauges: &Gauges, load: &Load) {
        let world = Arc::clone(executor.world());
        let mut marked = false;
        while load.next_operation() {
            let started = Instant::now();
            executor.wake();
            gauges.show_world(&world);
            load.complete_timed(started);
            if world.is_at_limit() && !marked {
                marked = true;
                load.meter()
                    .mark("depth limit reached: the recursion goes on as a loop");
            }
        }
    }
}

impl Workload for FutureWorkload {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        let Some(executor) = &mut self.executor else {
            return Ok(());
        };
        let gauges = &self.gauges;
        on_deep_stack(self.stack_bytes, || {
            FutureWorkload::perform(executor, gauges, load);
        })
    }
}

impl Drop for FutureWorkload {
    fn drop(&mut self) {
        // A refused thread leaves the chain to the end of the process: freeing it here
        // would recurse on a stack of unknown depth.
        let executor = ManuallyDrop::new(self.executor.take());
        let _ = on_deep_stack(self.stack_bytes, || {
            drop(ManuallyDrop::into_inner(executor))
        });
    }
}

/// Runs `work` to its end on a thread with that much stack. Pages of it that are never
/// touched cost nothing.
pub(super) fn on_deep_stack(
    stack_bytes: usize,
    work: impl FnOnce() + Send,
) -> Result<(), WorkloadError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("deep-stack".to_owned())
            .stack_size(stack_bytes)
            .spawn_scoped(scope, work)
            .map_err(|source| WorkloadError::Io {
                doing: "starting a thread with a deep stack",
                source,
            })?;
        thread
            .join()
            .map_err(|_| WorkloadError::Panicked("thread with a deep stack"))
    })
}
