//! The task without a promise in it: a function that calls itself before it returns, on a stack
//! of the size that Node.js has.
//!
//! Nothing of this is on the heap but the locals: each level keeps its frame until the level
//! below returns, which none does. The stack ends long before the memory, and the process with
//! it; V8 throws a `RangeError` there ("Maximum call stack size exceeded"), which ends a service
//! that does not catch it.

use super::workload::{Gauges, on_deep_stack};
use crate::{Load, Setup, Workload, WorkloadError};
use std::hint::black_box;
use std::time::Instant;

/// V8's stack: `node --stack-size`, 984 KiB on 64-bit machines.
const STACK_BYTES: usize = 984 << 10;

/// Registers of an interpreted frame with its arguments, as the model accounts for them.
const FRAME_BYTES: usize = 256;

/// The variant `sync-recursive`.
pub(super) struct StackWorkload {
    local_bytes: usize,
    exit_after: u64,
    gauges: Gauges,
}

impl StackWorkload {
    pub(super) fn new(setup: &Setup, gauges: Gauges) -> Self {
        StackWorkload {
            local_bytes: setup.parameters.bytes("local"),
            exit_after: setup.parameters.count("exit-after") as u64,
            gauges,
        }
    }

    /// One turn, and in it all that follow; whether the load goes on after them.
    fn turn(&self, load: &Load, depth: u64) -> bool {
        if !load.next_operation() {
            return false;
        }
        let started = Instant::now();
        // Written, not zeroed: as in the other variants.
        let local = black_box(vec![0xA5_u8; self.local_bytes]);
        let frame = black_box([0xA5_u8; FRAME_BYTES]);
        self.gauges.show_depth(depth);
        load.complete_timed(started);
        let is_exit = self.exit_after > 0 && depth >= self.exit_after;
        let goes_on = is_exit || self.turn(load, depth + 1);
        // Used after the call, so that the frame is still there while it runs.
        black_box((&local, &frame));
        goes_on
    }
}

impl Workload for StackWorkload {
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError> {
        on_deep_stack(STACK_BYTES, || while self.turn(load, 1) {})
    }
}
