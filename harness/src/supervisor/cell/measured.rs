//! What the measurement itself costs and lacks, seen from the loop of a cell.

use super::ending::Ending;
use super::{CellLoop, RUNNING};
use crate::supervisor::ticks::Gap;
use crate::system::process_cpu_us;
use leaklab_run::{EventKind, Outcome};
use std::sync::atomic::Ordering;
use std::time::Instant;

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

    /// Processes of the cell that the kernel killed for want of memory: one that is started anew
    /// by another would hide that the memory has run out, so that the cell ends here.
    pub(super) fn look_for_kills(&mut self, at_ms: f64) {
        let kills = self.child.tree.oom_kills();
        let before = std::mem::replace(&mut self.recorder.measurement.oom_kills, kills);
        if kills == before || self.ending.is_some() {
            return;
        }
        let life = self.child.group_life().unwrap_or_default();
        self.recorder.event(
            at_ms,
            EventKind::MemoryLimit {
                rss_bytes: life.peak_bytes.unwrap_or_default(),
                limit_bytes: self.setup.memory_limit_bytes.unwrap_or_default(),
            },
        );
        self.child.kill();
        self.ending = Some(Ending {
            since: Instant::now(),
            outcome: Outcome::MemoryLimit,
            killed: true,
        });
    }

    /// Whether the kernel has ended the program for want of memory.
    pub(super) fn reached_limit_of_group(&self) -> bool {
        self.recorder.measurement.oom_kills > 0
    }

    /// Reads the cell's control group a last time; it is removed with the child.
    pub(super) fn close_group(&mut self) {
        if let Some(life) = self.child.group_life() {
            let measurement = &mut self.recorder.measurement;
            measurement.oom_kills = life.oom_kills;
            measurement.group_peak_bytes = life.peak_bytes;
            measurement.memory_pressure_us = life.memory_pressure_us;
        }
        if let Some(folder) = self.child.group_folder() {
            self.guard.forget_group(folder);
        }
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

    /// Writes down a time without rows.
    pub(super) fn tell_gap(&mut self, at_ms: f64, gap: Option<Gap>) {
        if let Some(gap) = gap {
            let kind = EventKind::Gap {
                duration_ms: gap.duration_ms,
                missed: gap.missed,
            };
            self.recorder.event(at_ms, kind);
        }
    }
}
