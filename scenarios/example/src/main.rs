//! A leaklab with a scenario of its own.
//!
//! Listeners that are added at each request stay on the emitter; the fix takes each off again.
//! Everything that leaklab does it does for this scenario too: `list`, `run`, `judge`, `chart`.

use leaklab_scenarios::{
    Description, Document, Expected, Load, Role, Scenario, Setup, Variant, Workload, WorkloadError,
};
use std::process::ExitCode;

/// Bytes of one listener: what it captured from its request. A size class of jemalloc.
const LISTENER_BYTES: usize = 1024;

struct EventListener;

const DESCRIPTION: Description = Description {
    name: "event-listener",
    document: Document {
        title: "An example of a scenario outside the tree",
        reference: "scenarios/example of leaklab",
    },
    mechanism: "a listener that is added at each request keeps what it captured",
    explanation: "The emitter owns its listeners; each owns what it captured from its request. \
                  `once` takes a listener off when it has been called.",
    operation: "one request, which adds a listener and emits an event",
    parameters: &[],
    gauges: &[],
    variants: &[
        Variant {
            name: "on-per-request",
            role: Role::Buggy,
            expected: Expected::Leak,
            summary: "each request adds a listener, and none is taken off",
            retained_formula: "what a listener captured + its slot, in an array that doubles",
            retained_bytes_per_operation: |_| (LISTENER_BYTES + 16) as f64,
        },
        Variant {
            name: "once",
            role: Role::Fixed,
            expected: Expected::NoLeak,
            summary: "a listener is taken off when it has been called",
            retained_formula: "0",
            retained_bytes_per_operation: |_| 0.0,
        },
    ],
    tour: &[],
    budget_bytes_per_operation: 16.0,
    default_duration_s: 10.0,
    default_rate: Some(500.0),
    quiet_points: true,
};

struct Emitter {
    listeners: Vec<Box<[u8]>>,
    takes_off: bool,
}

impl Workload for Emitter {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        while load.next_operation() {
            // Written, not zeroed: untouched pages never become resident.
            self.listeners
                .push(vec![0xA5; LISTENER_BYTES].into_boxed_slice());
            if self.takes_off {
                self.listeners.pop();
            }
            load.complete(1);
        }
        Ok(())
    }
}

impl Scenario for EventListener {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn prepare(&self, setup: Setup) -> Result<Box<dyn Workload>, WorkloadError> {
        Ok(Box::new(Emitter {
            listeners: Vec::new(),
            takes_off: setup.variant.name == "once",
        }))
    }
}

fn main() -> ExitCode {
    leaklab::main_with(&[&EventListener])
}
