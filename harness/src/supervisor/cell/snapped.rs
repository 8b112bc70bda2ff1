//! Snapshots of the program's objects, seen from the loop of a cell.

use super::{CellEvent, CellLoop, CellSetup};
use crate::attribution::no_stacks_words;
use crate::procfs::Member;
use crate::recorder::Recorder;
use crate::snapshot::{
    ENDED, Found, Preset, SnapshotPlan, Snapshots, Subject, Taken, UNANSWERED, write_files,
};
use crate::supervisor::child::RunningChild;
use crate::time::duration_text;
use leaklab_run::{EventKind, Phase, SNAPSHOTS_FILE, STACKS_FILE};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

/// What the name of the mark of a snapshot begins with.
const MARK: &str = "snapshot";
/// Failures that are told; all are in `snapshots.jsonl`.
const FAILURES_TOLD: u64 = 3;

/// What the loop keeps of them.
#[derive(Default)]
pub struct SnappedState {
    snapshots: Option<Snapshots>,
    /// The process of each series by its name: it stays the same while it lives.
    chosen: BTreeMap<String, u32>,
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
                let (child, chosen) = (&mut self.child, &mut self.snapped.chosen);
                snapshots.keep(&of, &mut |plan| process_of(plan, child, chosen))
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

    /// Says that `--where` came to nothing, and why.
    pub(super) fn tell_lack_of_stacks(&mut self) {
        let plan = &self.setup.plan;
        let has_stacks = || self.setup.folder.join(STACKS_FILE).exists();
        if plan.samples_stacks && self.ready_us.is_some() && !has_stacks() {
            self.warn(no_stacks_words(plan));
        }
    }

    fn note_snapshot(&mut self, taken: Taken, failures: u64) {
        let Taken { mut taking, took } = taken;
        if let (Some(ending), Some(why)) = (&self.ending, &taking.error) {
            let over_ms = self.now_ms() - ending.since.elapsed().as_secs_f64() * 1e3;
            let passed = Duration::from_secs_f64((over_ms - taking.elapsed_ms).max(0.0) / 1e3);
            let limit = self.setup.beside.snapshot_limits.time;
            taking.error = Some(cut_off(why, passed, limit));
        }
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

/// Words on a snapshot that failed while its program was being ended, which began when so much
/// time had passed since it was asked for.
fn cut_off(why: &str, passed: Duration, limit: Duration) -> String {
    let passed = duration_text(passed);
    match why {
        ENDED | UNANSWERED => format!(
            "the load was over {passed} after it was asked for, before it was complete: it may \
             take {} (a longer --duration, or a shorter --snapshot-timeout)",
            duration_text(limit)
        ),
        why => format!("{why} (the load was over {passed} after it was asked for)"),
    }
}

/// The process that a snapshot is of: the root of the tree; for a preset the largest process of
/// its runtime, the same one for all of a series while it lives.
fn process_of(
    plan: &SnapshotPlan,
    child: &mut RunningChild,
    chosen: &mut BTreeMap<String, u32>,
) -> Result<Found, String> {
    let alone = |pid| Found {
        pid,
        others: 0,
        runtime: None,
    };
    let Some(preset) = plan.preset else {
        return Ok(alone(child.pid()));
    };
    let runs = |pid: u32| {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        preset.runs_in(&name)
    };
    let root = child.has_root().then(|| child.pid());
    let mut of_runtime = child.tree.members();
    of_runtime.retain(|member| runs(member.pid));
    let pid = choice(&of_runtime, chosen.get(&plan.name).copied(), root)
        .or(root.filter(|pid| runs(*pid)))
        .ok_or_else(|| format!("no process of the program runs {}", preset.runtime()))?;
    if preset == Preset::Go {
        // Its address answers for whichever process serves it.
        return Ok(alone(pid));
    }
    chosen.insert(plan.name.clone(), pid);
    let others = of_runtime.iter().filter(|member| member.pid != pid).count();
    Ok(Found {
        pid,
        others: others as u64,
        runtime: Some(preset.runtime()),
    })
}

/// The one that was chosen before while it lives, else the largest; of equals the root.
fn choice(members: &[Member], before: Option<u32>, root: Option<u32>) -> Option<u32> {
    let lives = |pid: &u32| members.iter().any(|member| member.pid == *pid);
    let size = |member: &&Member| (member.figures.rss_bytes, Some(member.pid) == root);
    let largest = || members.iter().max_by_key(size).map(|member| member.pid);
    before.filter(lives).or_else(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(pid: u32, rss_bytes: u64) -> Member {
        let mut member = Member {
            pid,
            ..Member::default()
        };
        member.figures.rss_bytes = rss_bytes;
        member
    }

    #[test]
    fn a_series_stays_with_its_process_while_that_lives() {
        let at_first = [member(10, 40), member(11, 50), member(12, 50)];
        assert_eq!(choice(&at_first, None, Some(10)), Some(12));
        assert_eq!(choice(&at_first, None, Some(11)), Some(11));
        // Another has become larger, and then it has ended.
        let later = [member(10, 90), member(12, 50)];
        assert_eq!(choice(&later, Some(12), Some(10)), Some(12));
        assert_eq!(choice(&later[..1], Some(12), Some(10)), Some(10));
        assert_eq!(choice(&[], Some(12), None), None);
    }

    #[test]
    fn what_the_end_of_the_load_cut_off_says_so() {
        let words = |why| cut_off(why, Duration::from_secs(7), Duration::from_secs(60));
        for why in [ENDED, UNANSWERED] {
            let said = words(why);
            assert!(said.starts_with("the load was over 7 s after"), "{said}");
            assert!(said.contains("it may take 1 min"), "{said}");
        }
        let said = words("`jcmd 7`: exit status: 1");
        assert!(
            said.starts_with("`jcmd 7`: exit status: 1 (the load"),
            "{said}"
        );
    }
}
