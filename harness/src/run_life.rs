//! Whether somebody still writes to a run folder.
//!
//! `status.json` says `running` before it says how a cell ended, so that a crash leaves
//! `running` behind. What tells the two apart: rows that keep coming, and, on the machine of
//! the run, the process that the status names.

use crate::procfs::start_ticks;
use leaklab_reports::page::RunLife;
use leaklab_run::{Cell, Run, RunRecord, State};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How a cell stands, seen from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellLife {
    /// It has not started.
    Planned,
    /// Rows keep coming.
    Running,
    /// No row has come for so long, but its process lives.
    Silent(Duration),
    /// No row has come for so long, and there is no such process here.
    Gone(Duration),
    /// It has ended.
    Ended,
}

/// Silence that is longer than this is worth a word, whatever the interval.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two cells, charts are drawn and verdicts found; nothing is written meanwhile.
const BETWEEN_CELLS: Duration = Duration::from_secs(60);

/// How `cell` stands at `now`.
pub fn cell_life(cell: &Cell, now: SystemTime) -> CellLife {
    match cell.status.state {
        State::Planned => return CellLife::Planned,
        State::Finished => return CellLife::Ended,
        State::Running => {}
    }
    let silence = ["samples.csv", "events.jsonl", "status.json"]
        .iter()
        .filter_map(|name| age(&cell.folder.join(name), now))
        .min()
        .unwrap_or(Duration::MAX);
    let interval = crate::time::ms_duration(cell.plan.interval_ms.clamp(0.0, 3.6e6));
    if silence <= interval * 2 + Duration::from_secs(2) {
        return CellLife::Running;
    }
    let is_there = cell.status.pid.is_some_and(|pid| {
        match cell.status.pid_start_ticks {
            // Says which process it is, whatever the wall clock has done since.
            Some(ticks) => lives((pid, ticks)),
            None => is_alive(pid, &cell.status.started_utc),
        }
    });
    match is_there {
        true if silence <= PATIENCE.max(interval * 5) => CellLife::Running,
        true => CellLife::Silent(silence),
        false => CellLife::Gone(silence),
    }
}

/// Process and start of the harness, if process ids of here may name it: of this boot of this
/// machine, and of this namespace.
pub fn harness_of(record: &RunRecord) -> Option<(u32, u64)> {
    let host = &record.host;
    let is_here = host.boot_id == crate::host::boot_id()
        && !host.pid_namespace.is_empty()
        && host.pid_namespace == crate::host::pid_namespace();
    let harness = (record.harness_pid?, record.harness_start_ticks?);
    is_here.then_some(harness)
}

/// Whether that process lives, and is the one that was started then.
pub fn lives((pid, start): (u32, u64)) -> bool {
    start_ticks(pid) == Some(start)
}

/// How the run as a whole stands at `now`.
pub fn run_life(run: &Run, now: SystemTime) -> RunLife {
    let has_ended = |cell: &Cell| cell.status.state == State::Finished;
    if run.cells.iter().all(has_ended) {
        return RunLife::Ended;
    }
    if let Some(harness) = harness_of(&run.record) {
        // Its process is known: no row may have come for long, as before a program is ready.
        return match lives(harness) {
            true => RunLife::Running,
            false => RunLife::Gone,
        };
    }
    let cells = run.cells.iter();
    let cells: Vec<CellLife> = cells.map(|cell| cell_life(cell, now)).collect();
    let any = |wanted: fn(&CellLife) -> bool| cells.iter().any(wanted);
    if any(|life| matches!(life, CellLife::Running | CellLife::Silent(_))) {
        return RunLife::Running;
    }
    if any(|life| matches!(life, CellLife::Gone(_))) {
        return RunLife::Gone;
    }
    let files = run.cells.iter().map(|cell| cell.folder.join("status.json"));
    let newest = files
        .chain([run.folder.join("run.json")])
        .filter_map(|path| age(&path, now))
        .min();
    match newest {
        Some(age) if age <= BETWEEN_CELLS => RunLife::Running,
        _ => RunLife::Gone,
    }
}

fn age(path: &Path, now: SystemTime) -> Option<Duration> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    // A clock that was set back makes a file of the future: fresh.
    Some(now.duration_since(modified).unwrap_or_default())
}

/// Whether that process lives and is the one that was started then; ids are given anew.
fn is_alive(pid: u32, started_utc: &str) -> bool {
    let Some(started) = process_start(pid) else {
        return false;
    };
    match humantime::parse_rfc3339(started_utc) {
        Ok(wanted) => {
            let apart = started
                .duration_since(wanted)
                .unwrap_or_else(|error| error.duration());
            apart <= PATIENCE
        }
        Err(_) => true,
    }
}

/// When a process was started, by `/proc`; `None` if it is gone or only waits to be reaped.
fn process_start(pid: u32) -> Option<SystemTime> {
    let ticks = start_ticks(pid)? as f64;
    let boot = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = boot
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    let since_epoch = boot + ticks / crate::system::ticks_per_second() as f64;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs_f64(since_epoch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::{CellPlan, CellStatus};

    fn running(folder: &Path, pid: Option<u32>, started_utc: String) -> Cell {
        std::fs::write(folder.join("samples.csv"), "elapsed_ms\n").expect("a file");
        Cell {
            folder: folder.to_owned(),
            plan: CellPlan {
                interval_ms: 1000.0,
                ..CellPlan::default()
            },
            status: CellStatus {
                state: State::Running,
                pid,
                started_utc,
                ..CellStatus::default()
            },
        }
    }

    fn own_start() -> String {
        let start = process_start(std::process::id()).expect("this process lives");
        humantime::format_rfc3339_seconds(start).to_string()
    }

    #[test]
    fn silence_is_told_from_death_by_the_process() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let now = SystemTime::now();
        let later = now + Duration::from_secs(100);
        let silent = running(folder.path(), Some(std::process::id()), own_start());
        assert_eq!(cell_life(&silent, now), CellLife::Running);
        assert!(matches!(cell_life(&silent, later), CellLife::Silent(s) if s.as_secs() >= 99));
        let none = running(folder.path(), None, own_start());
        assert!(matches!(cell_life(&none, later), CellLife::Gone(_)));
    }

    #[test]
    fn a_process_that_got_the_same_id_later_is_not_the_one() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let later = SystemTime::now() + Duration::from_secs(100);
        let other = running(
            folder.path(),
            Some(std::process::id()),
            "2001-01-01T00:00:00Z".to_owned(),
        );
        assert!(matches!(cell_life(&other, later), CellLife::Gone(_)));
    }

    #[test]
    fn a_run_whose_harness_lives_goes_on_before_its_first_row() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut run = Run {
            folder: folder.path().to_owned(),
            record: leaklab_run::RunRecord::default(),
            cells: vec![running(folder.path(), None, String::new())],
        };
        let later = SystemTime::now() + Duration::from_secs(100);
        assert_eq!(run_life(&run, later), RunLife::Gone, "nothing is known");
        let own = std::process::id();
        run.record.host.boot_id = crate::host::boot_id();
        run.record.host.pid_namespace = crate::host::pid_namespace();
        run.record.harness_pid = Some(own);
        run.record.harness_start_ticks = start_ticks(own);
        assert_eq!(run_life(&run, later), RunLife::Running);
        run.record.harness_start_ticks = Some(1);
        assert_eq!(run_life(&run, SystemTime::now()), RunLife::Gone);
        run.cells[0].status.state = State::Finished;
        assert_eq!(run_life(&run, later), RunLife::Ended);
    }

    #[test]
    fn a_run_between_two_cells_goes_on_for_a_minute() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("run.json"), "{}").expect("a file");
        let mut run = Run {
            folder: folder.path().to_owned(),
            record: leaklab_run::RunRecord::default(),
            cells: vec![running(folder.path(), None, String::new())],
        };
        let now = SystemTime::now();
        run.cells[0].status.state = State::Planned;
        assert_eq!(run_life(&run, now), RunLife::Running);
        assert_eq!(
            run_life(&run, now + Duration::from_secs(100)),
            RunLife::Gone
        );
        run.cells[0].status.state = State::Finished;
        assert_eq!(
            run_life(&run, now + Duration::from_secs(100)),
            RunLife::Ended
        );
    }
}
