//! What the measurement itself costs and lacks, seen from the loop of a cell.

use super::{CellLoop, RUNNING};
use crate::system::process_cpu_us;
use std::sync::atomic::Ordering;

impl CellLoop<'_> {
    /// CPU time of the whole harness since the row before; cells that run share it.
    pub(super) fn share_of_harness_cpu(&mut self) -> u64 {
        let now_us = process_cpu_us();
        let cells = RUNNING.load(Ordering::Relaxed).max(1) as u64;
        let share_us = now_us.saturating_sub(self.harness_cpu_us) / cells;
        self.harness_cpu_us = now_us;
        self.recorder.measurement.harness_cpu_us += share_us;
        share_us
    }

    /// What was found out of the measurement itself, into the status.
    pub(super) fn complete_measurement(&mut self) {
        self.share_of_harness_cpu();
        let disturbed = self.machine.until_now(self.last_cpu_ms);
        let measurement = &mut self.recorder.measurement;
        measurement.clock_claims = self.clock.claims;
        measurement.clock_rejects = self.clock.rejects;
        measurement.cpu_pressure = disturbed.cpu_pressure;
        measurement.steal = disturbed.steal;
        measurement.others = disturbed.others;
        let status = &mut self.recorder.status;
        status.missed_samples += measurement.ticks_missed;
        status.measurement = Some(measurement.clone());
    }
}
