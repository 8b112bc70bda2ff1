//! How a cell ends: what it is ended for, what it leaves behind, and the words for it.

use super::{CellLoop, Fed};
use crate::supervisor::outcome_text::{Ended, is_stop, last_words};
use crate::supervisor::signals;
use crate::supervisor::watchdog::Watchdog;
use crate::system::ChildExit;
use leaklab_run::{EventKind, Outcome};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// How long a stop may be on its way after the child has been ended by the same.
const STOP_PATIENCE: Duration = Duration::from_millis(300);
/// How long the feeds may take to hand over what a child that has ended wrote last.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why the child is being ended.
pub(super) struct Ending {
    pub(super) since: Instant,
    pub(super) outcome: Outcome,
    pub(super) killed: bool,
}

impl CellLoop<'_> {
    /// Ends what the child has left behind, and reaps it.
    pub(super) fn end_tree(&mut self) {
        if self.ending.is_none() && !self.child.is_attached() {
            self.left = self.child.tree.left_behind();
            self.recorder.measurement.left_processes = self.left.len() as u64;
        }
        if !self.child.end_all() {
            let message = "processes of the tree live on after KILL".to_owned();
            self.warn(message);
        }
        for pid in std::mem::take(&mut self.guarded) {
            self.guard.forget(pid);
        }
        self.close_group();
    }

    /// Takes what the child wrote before it ended.
    pub(super) fn take_last_words(&mut self, fed: &Receiver<Fed>) {
        // What has ended has no page any more, and nobody waits for one.
        self.end_scraping();
        let deadline = Instant::now() + LAST_WORDS;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match fed.recv_timeout(left) {
                Ok(fed) if !left.is_zero() => self.take(fed),
                _ => return,
            }
        }
    }

    pub(super) fn keep_limits(&mut self) {
        if signals::asked_by().is_some() && self.ending.is_none() {
            self.end(Outcome::Stopped);
        }
        let due = self.watchdog.as_ref().map(Watchdog::due);
        if due.is_some_and(|due| Instant::now() >= due) {
            let level_bytes = self.child.tree.level_bytes();
            self.hold_limit(level_bytes);
        }
        if let Some(ending) = &mut self.ending
            && !ending.killed
            && ending.since.elapsed() > self.setup.grace
        {
            ending.killed = true;
            self.child.kill();
            self.warn(format!(
                "the child did not end within {} of TERM and was killed",
                crate::time::duration_text(self.setup.grace)
            ));
        }
    }

    /// Holds the tree's memory, resident and swapped out, against the limit.
    pub(super) fn hold_limit(&mut self, level_bytes: u64) {
        let Some(watchdog) = &mut self.watchdog else {
            return;
        };
        let is_passed = watchdog.saw(level_bytes, Instant::now());
        let is_killed = self.ending.as_ref().is_some_and(|ending| ending.killed);
        if !is_passed || is_killed {
            return;
        }
        let now_ms = self.now_ms();
        let kind = EventKind::MemoryLimit {
            rss_bytes: level_bytes,
            limit_bytes: self.setup.memory_limit_bytes.unwrap_or_default(),
        };
        self.recorder.event(now_ms, kind);
        // What is still in the pipe was sampled before and is read when it has ended.
        self.child.kill();
        self.ending = Some(Ending {
            since: Instant::now(),
            outcome: Outcome::MemoryLimit,
            killed: true,
        });
    }

    pub(super) fn end(&mut self, outcome: Outcome) {
        self.child.terminate();
        self.ending = Some(Ending {
            since: Instant::now(),
            outcome,
            killed: false,
        });
    }

    /// Turns the child's exit into an outcome and words.
    pub(super) fn conclude(&mut self, exit: ChildExit) {
        self.conclude_load();
        let now_ms = self.now_ms();
        let ChildExit { code, signal } = exit;
        self.recorder
            .event(now_ms, EventKind::Exit { code, signal });
        let gap = match &self.ending {
            None => None,
            Some(_) => self.ticks.end(now_ms, &mut self.recorder.measurement),
        };
        self.tell_gap(now_ms, gap);
        self.complete_measurement();
        let mut outcome = match &self.ending {
            Some(ending) => ending.outcome,
            None if self.child.is_attached() => Outcome::Ended,
            None if code == Some(0) && self.ended_early() => Outcome::Ended,
            None if code == Some(0) => Outcome::Completed,
            None if is_stop(exit) && signals::await_stop(STOP_PATIENCE) => Outcome::Stopped,
            None if self.reached_limit_of_group() => Outcome::MemoryLimit,
            None => Outcome::Died,
        };
        if outcome == Outcome::Completed && self.ready_us.is_none() {
            outcome = Outcome::NeverReady;
        }
        if outcome == Outcome::Completed
            && let Some(words) = self.drained_early()
        {
            outcome = Outcome::LoadEnded;
            self.recorder.status.message = words;
            self.recorder.status.hint =
                "say the phase `drain` when the load is over, or ask for a shorter --duration"
                    .to_owned();
        }
        let last_words = last_words(&self.setup.folder.join("stderr.log"), outcome);
        let words = Ended {
            setup: self.setup,
            status: &self.recorder.status,
            outcome,
            exit,
            asked_to_end: self.ending.is_some(),
            killed: self.ending.as_ref().is_some_and(|ending| ending.killed),
            left: &self.left,
            last_words: &last_words,
            missed: self.beside.missed.as_deref(),
        };
        let (message, hint) = words.describe();
        let status = &mut self.recorder.status;
        status.outcome = Some(outcome);
        status.stopped_by_signal = signals::asked_by().filter(|_| outcome == Outcome::Stopped);
        status.exit_code = code;
        status.signal = signal;
        status.ops_total = self.ops_total;
        status.message = message;
        status.hint = hint;
    }
}
