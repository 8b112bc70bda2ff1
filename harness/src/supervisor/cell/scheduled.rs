//! The schedule of a cell: ready, its phases, and when its time is over.

use super::CellLoop;
use crate::system::monotonic_us;
use leaklab_run::{EventKind, Outcome, Phase};
use std::time::{Duration, Instant};

/// How much later than planned a child that ends by itself may do so.
const OVERRUN: Duration = Duration::from_secs(10);

impl CellLoop<'_> {
    /// When the schedule asks for something next.
    pub(super) fn schedule_due(&self) -> Option<Instant> {
        let schedule = self.setup.schedule;
        let Some(ready_us) = self.ready_us else {
            return self.started.checked_add(self.setup.ready_timeout?);
        };
        if self.ending.is_some() {
            return None;
        }
        let since_ready = Duration::from_micros(monotonic_us().saturating_sub(ready_us));
        let ready = Instant::now().checked_sub(since_ready)?;
        if self.phase == Phase::Warmup && !schedule.by_child && self.keeps_warmup() {
            return ready.checked_add(schedule.warmup);
        }
        match self.phase == Phase::Drain {
            true => ready.checked_add(self.load_end()?.checked_add(schedule.drain)?),
            false => ready.checked_add(self.load_end()?),
        }
    }

    /// Time from ready to the end of the load, or to the end of patience with a child that
    /// should end by itself.
    pub(super) fn load_end(&self) -> Option<Duration> {
        let schedule = self.setup.schedule;
        if !schedule.by_child {
            return self.program_load_end();
        }
        let end = schedule.warmup.checked_add(schedule.load?)?;
        end.checked_add(schedule.drain + self.setup.grace + OVERRUN)
    }

    pub(super) fn become_ready(&mut self, at_us: u64) {
        self.ready_us = Some(at_us);
        self.recorder.status.ready_after_ms =
            Some(at_us.saturating_sub(self.started_us) as f64 / 1000.0);
        self.write_early();
        self.recorder.event(0.0, EventKind::Ready);
        self.next_tick = if self.setup.schedule.by_child {
            self.tick_without_probe()
        } else {
            // Not at once: what was just started is still the loader's, not the program.
            Instant::now() + self.setup.child.interval
        };
        self.recorder.write_status();
        self.begin_load();
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        let now_ms = self.now_ms();
        self.enter_at(phase, now_ms);
    }

    pub(super) fn enter_at(&mut self, phase: Phase, at_ms: f64) {
        self.entered(phase, at_ms);
        self.phase = phase;
        self.recorder.event(at_ms, EventKind::Phase { phase });
    }

    /// Phases and the end of a program that does not keep the schedule itself; and the
    /// patience with one that should.
    pub(super) fn keep_schedule(&mut self) {
        let schedule = self.setup.schedule;
        let Some(ready_us) = self.ready_us else {
            if let Some(timeout) = self.setup.ready_timeout
                && self.started.elapsed() > timeout
                && self.ending.is_none()
            {
                // While it still runs: what it answers is the reason, not that it was ended.
                let ready = self.setup.beside.ready.as_ref();
                self.beside.missed = ready.map(|ready| ready.missed());
                self.end(Outcome::NeverReady);
            }
            return;
        };
        let elapsed = Duration::from_micros(monotonic_us().saturating_sub(ready_us));
        let is_over = self.load_end().is_some_and(|end| elapsed >= end);
        if schedule.by_child {
            if is_over && self.ending.is_none() {
                self.warn("the child did not end by itself when its time was over".to_owned());
                self.end(Outcome::Completed);
            }
            return;
        }
        if self.phase == Phase::Warmup && self.keeps_warmup() && elapsed >= schedule.warmup {
            self.enter(Phase::Load);
        }
        if !is_over || self.ending.is_some() {
            return;
        }
        if self.phase != Phase::Drain {
            self.enter(Phase::Drain);
        }
        let end = self.load_end().unwrap_or_default();
        if elapsed >= end.saturating_add(schedule.drain) {
            self.end(Outcome::Completed);
        }
    }
}
