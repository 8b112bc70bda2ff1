//! Shape controls: programs whose answer is known, for the judge to be held against.
//!
//! Nothing here models a document. Each variant draws one shape of live heap:
//!
//! - `flat`: every operation allocates a block and frees it.
//! - `bounded-cache`: blocks are kept until `capacity` of them are there; then the oldest
//!   goes for each new one. Grows, and stops growing.
//! - `sawtooth`: blocks are kept and all freed at once when `capacity` is reached.
//! - `warmup`: the first operations fill tables (each a little less than the one before);
//!   then nothing is kept.
//! - `steady-leak`: every operation keeps `leak-bytes`, for ever and exactly.

use crate::retained::size_class;
use crate::{
    Description, Document, Expected, Gauge, Load, Parameter, ParameterKind, Parameters, Role,
    Scenario, Setup, Variant, Workload, WorkloadError,
};
use std::collections::VecDeque;

/// The scenario `shape`.
pub struct Shape;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "block-bytes",
        help: "bytes of the block that each operation allocates and writes",
        kind: ParameterKind::Bytes {
            min: 1,
            max: 16 << 20,
            default: 1 << 10,
        },
    },
    Parameter {
        name: "capacity",
        help: "blocks that the cache holds, that a tooth is high, that the warm-up fills",
        kind: ParameterKind::Count {
            min: 1,
            max: 100_000,
            default: 400,
        },
    },
    Parameter {
        name: "leak-bytes",
        help: "bytes that each operation of `steady-leak` keeps",
        kind: ParameterKind::Bytes {
            min: 1,
            max: 1 << 20,
            default: 4 << 10,
        },
    },
];

const DESCRIPTION: Description = Description {
    name: "shape",
    document: Document {
        title: "none: shapes with a known answer",
        reference: "leaklab",
    },
    mechanism: "draws one shape of live heap, so that the judge has known answers at hand",
    explanation: "\
Each operation allocates one block of `block-bytes` and writes it.

`flat` frees it at once. `bounded-cache` keeps it until `capacity` blocks are there and then
drops the oldest for each new one. `sawtooth` keeps `capacity` blocks and frees them all at
once. `warmup` keeps a share of the block that shrinks to nothing over the first operations.
`steady-leak` frees the block and keeps exactly one allocation of `leak-bytes`.",
    operation: "one block allocated and written",
    parameters: PARAMETERS,
    gauges: &["blocks_held"],
    variants: &[
        Variant {
            name: "steady-leak",
            role: Role::Control,
            expected: Expected::Leak,
            summary: "every operation keeps leak-bytes, exactly",
            retained_formula: "size_class(leak-bytes) + the 32-byte link that holds it",
            retained_bytes_per_operation: |p| {
                (size_class(p.bytes("leak-bytes")) + LINK_BYTES) as f64
            },
        },
        Variant {
            name: "flat",
            role: Role::Control,
            expected: Expected::NoLeak,
            summary: "every operation frees what it allocates",
            retained_formula: "0",
            retained_bytes_per_operation: |_| 0.0,
        },
        Variant {
            name: "bounded-cache",
            role: Role::Control,
            expected: Expected::NoLeak,
            summary: "a cache that fills to its capacity and then evicts",
            retained_formula: "0 once full",
            retained_bytes_per_operation: |_| 0.0,
        },
        Variant {
            name: "sawtooth",
            role: Role::Control,
            expected: Expected::NoLeak,
            summary: "fills to the capacity and frees everything, again and again",
            retained_formula: "0 from tooth to tooth",
            retained_bytes_per_operation: |_| 0.0,
        },
        Variant {
            name: "warmup",
            role: Role::Control,
            expected: Expected::NoLeak,
            summary: "tables fill at the start, less and less, then nothing is kept",
            retained_formula: "0 once warm",
            retained_bytes_per_operation: |_| 0.0,
        },
    ],
    tour: &[],
    budget_bytes_per_operation: 16.0,
    default_duration_s: 8.0,
    default_rate: Some(1000.0),
    quiet_points: true,
};

/// A leaked allocation and the link to the one before: a list has no array that doubles,
/// so that every operation keeps the same number of bytes.
struct Link {
    _bytes: Box<[u8]>,
    before: Option<Box<Link>>,
}

const LINK_BYTES: usize = crate::retained::boxed::<Link>();

impl Drop for Link {
    fn drop(&mut self) {
        // One after the other: dropping a long list by recursion overflows the stack.
        let mut next = self.before.take();
        while let Some(mut link) = next {
            next = link.before.take();
        }
    }
}

impl Scenario for Shape {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn prepare(&self, setup: Setup) -> Result<Box<dyn Workload>, WorkloadError> {
        Ok(Box::new(ShapeWorkload::new(&setup)))
    }
}

struct ShapeWorkload {
    variant: &'static str,
    block_bytes: usize,
    capacity: usize,
    leak_bytes: usize,
    operations: usize,
    held: VecDeque<Box<[u8]>>,
    leaked: Option<Box<Link>>,
    blocks_held: Gauge,
}

impl ShapeWorkload {
    fn new(setup: &Setup) -> Self {
        let parameters: &Parameters = &setup.parameters;
        let capacity = parameters.count("capacity");
        ShapeWorkload {
            variant: setup.variant.name,
            block_bytes: parameters.bytes("block-bytes"),
            capacity,
            leak_bytes: parameters.bytes("leak-bytes"),
            operations: 0,
            held: VecDeque::with_capacity(capacity + 1),
            leaked: None,
            blocks_held: setup.meter.new_gauge("blocks_held"),
        }
    }

    fn turn(&mut self) {
        let block = written(self.block_bytes);
        match self.variant {
            "bounded-cache" => {
                self.held.push_back(block);
                if self.held.len() > self.capacity {
                    self.held.pop_front();
                }
            }
            "sawtooth" => {
                self.held.push_back(block);
                if self.held.len() == self.capacity {
                    self.held.clear();
                }
            }
            "warmup" => {
                if let Some(left) = self.capacity.checked_sub(self.operations)
                    && left > 0
                {
                    self.held
                        .push_back(written(self.block_bytes * left / self.capacity));
                }
            }
            "steady-leak" => {
                self.leaked = Some(Box::new(Link {
                    _bytes: written(self.leak_bytes),
                    before: self.leaked.take(),
                }));
            }
            _ => drop(block),
        }
        self.operations += 1;
        self.blocks_held.set(self.held.len() as i64);
    }
}

impl Workload for ShapeWorkload {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        while load.next_operation() {
            self.turn();
            load.complete(1);
        }
        Ok(())
    }
}

/// A block whose pages are really there: written, not zeroed.
fn written(bytes: usize) -> Box<[u8]> {
    vec![0xA5; bytes].into_boxed_slice()
}
