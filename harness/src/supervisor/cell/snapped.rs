//! Snapshots of the program's objects, seen from the loop of a cell.

use super::{CellEvent, CellLoop, CellSetup};
use crate::recorder::Recorder;
use crate::snapshot::{SnapshotPlan, Snapshots, Subject, Taken, write_files};
use crate::supervisor::child::RunningChild;
use leaklab_run::{EventKind, Phase, SNAPSHOTS_FILE};
use std::io::Write;
use std::time::Instant;

/// What the name of the mark of a snapshot begins with.
const MARK: &str = "snapshot";
/// Failures that are told; all are in `snapshots.jsonl`.
const FAILURES_TOLD: u64 = 3;

/// What the loop keeps of them.
#[derive(Default)]
pub struct SnappedState {
    snapshots: Option<Snapshots>,
}

/// Writes what snapshots need before the program is started; what cannot be is told by each.
pub fn prepare(setup: &CellSetup, recorder: &mut Recorder) {
    let plans = &setup.beside.snapshots;
    if plans.is_empty() {
        return;
    }
    if let Err(error) = write_files(&setup.folder, plans) {
        let message = format!("the folder of snapshots cannot be written: {error}");
        recorder.event(0.0, EventKind::Warning { message });
    }
}

impl CellLoop<'_> {
    /// When a snapshot must be looked at next.
    pub(super) fn snapshot_due(&self) -> Option<Instant> {
        let snapshots = self.snapped.snapshots.as_ref()?;
        let goes_on = self.phase == Phase::Load && self.ending.is_none();
        goes_on.then(|| snapshots.due()).flatten()
    }

    /// Takes snapshots at their moments.
    pub(super) fn keep_snapshots(&mut self) {
        let plans = &self.setup.beside.snapshots;
        if plans.is_empty() || self.ready_us.is_none() || self.ending.is_some() {
            return;
        }
        if self.phase != Phase::Load && self.snapped.snapshots.is_none() {
            return;
        }
        let load = self.setup.schedule.load.unwrap_or_default();
        let has_rules = !self.setup.beside.rules.is_empty();
        let new = || Snapshots::new(plans.clone(), load, has_rules);
        let mut snapshots = self.snapped.snapshots.take().unwrap_or_else(new);
        let taken = match self.phase {
            Phase::Load => {
                let of = Subject {
                    cell: &self.setup.folder,
                    surroundings: &self.setup.beside.surroundings,
                    limits: self.setup.beside.snapshot_limits,
                    ops_total: self.ops_total,
                    now_ms: self.now_ms(),
                };
                let child = &mut self.child;
                snapshots.keep(&of, &mut |plan| process_of(plan, child))
            }
            _ => snapshots.look(),
        };
        let failures = snapshots.failures;
        self.snapped.snapshots = Some(snapshots);
        if let Some(taken) = taken {
            self.note_snapshot(taken, failures);
        }
    }

    /// Asks for a snapshot before its time; false if there is no such series.
    pub(super) fn ask_for_snapshot(&mut self, name: &str, rule: u64) -> bool {
        let snapshots = self.snapped.snapshots.as_mut();
        snapshots.is_some_and(|snapshots| snapshots.ask(name, rule))
    }

    /// Gives up the snapshot that goes on when the cell ends.
    pub(super) fn finish_snapshots(&mut self) {
        if let Some(mut snapshots) = self.snapped.snapshots.take()
            && let Some(taken) = snapshots.finish()
        {
            self.note_snapshot(taken, snapshots.failures);
        }
    }

    fn note_snapshot(&mut self, Taken { taking, took }: Taken, failures: u64) {
        let path = self.setup.folder.join(SNAPSHOTS_FILE);
        let written = serde_json::to_vec(&taking)
            .map_err(std::io::Error::other)
            .and_then(|mut line| {
                line.push(b'\n');
                let mut file = std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)?;
                file.write_all(&line)
            });
        if let Err(error) = written {
            self.warn(format!("a snapshot cannot be written down: {error}"));
        }
        if let Some(why) = &taking.error {
            if failures <= FAILURES_TOLD {
                self.warn(format!("snapshot {} {}: {why}", taking.name, taking.number));
            }
            return;
        }
        let (at_ms, duration_ms) = (taking.elapsed_ms, took.as_secs_f64() * 1e3);
        let marked = CellEvent::Marked { at_ms, duration_ms };
        let _ = self.observer.observe(&self.setup.plan, &marked);
        let name = match taking.rule {
            None => format!("{MARK} {}", taking.name),
            Some(rule) => format!("rule {rule}: {MARK} {}", taking.name),
        };
        let kind = EventKind::Mark {
            name,
            duration_ms: Some(duration_ms),
        };
        self.recorder.event(at_ms, kind);
    }
}

/// The process that a snapshot is of: the root of the tree, or for a preset the largest process
/// of its runtime.
fn process_of(plan: &SnapshotPlan, child: &mut RunningChild) -> Result<u32, String> {
    let Some(preset) = plan.preset else {
        return Ok(child.pid());
    };
    let runs = |pid: u32| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        preset.runs_in(&name)
    };
    if child.has_root() && runs(child.pid()) {
        return Ok(child.pid());
    }
    let members = child.tree.members();
    let of_runtime = members.into_iter().filter(|member| runs(member.pid));
    let largest = of_runtime.max_by_key(|member| member.figures.rss_bytes);
    let largest = largest.map(|member| member.pid);
    largest.ok_or_else(|| format!("no process of the program runs {}", preset.runtime()))
}
