//! A run from its plan to its folder: record, cells, a verdict as each cell ends.

use crate::alarm::Alarms;
use crate::commands::detach;
use crate::exit::usage;
use crate::plan::{RunSettings, configuration};
use crate::progress::LiveView;
use crate::supervisor::cell::CellSetup;
use crate::supervisor::pool::run_cells;
use crate::time::duration_text;
use crate::words::say;
use anyhow::Context;
use leaklab_judge::amount::{bytes_text, plural};
use leaklab_reports::cell::{VerdictOptions, judge_samples, write_verdict};
use leaklab_reports::classes::write_classes;
use leaklab_run::{
    Cell, CellPlan, CellStatus, Host, Outcome, Redactor, Run, RunError, RunRecord, State,
    write_atomically,
};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A run that has ended.
pub struct RecordedRun {
    /// Its folder.
    pub folder: PathBuf,
    /// How each cell ended, as the supervisor knows it; `None` if it was not started.
    statuses: Vec<Option<CellStatus>>,
}

impl RecordedRun {
    /// Opens it. How cells ended is taken from memory: a disk that is full keeps the folder
    /// from saying it.
    ///
    /// # Errors
    ///
    /// As for [`Run::open`].
    pub fn open(&self) -> Result<Run, RunError> {
        let mut run = Run::open(&self.folder)?;
        for (cell, status) in run.cells.iter_mut().zip(&self.statuses) {
            if let Some(status) = status {
                cell.status = status.clone();
            }
        }
        Ok(run)
    }
}

/// Makes a folder below `runs`, runs the cells that `plan` gives for it, and returns it.
///
/// `until_verdict` stops each cell as soon as its verdict is certain.
///
/// # Errors
///
/// What `plan` refuses, before anything is created; then whatever keeps the record from being
/// written. What goes wrong in a cell is in its `status.json`.
pub fn record_run(
    runs: &Path,
    settings: &RunSettings,
    plan: &dyn Fn(&Path) -> anyhow::Result<Vec<CellSetup>>,
    until_verdict: bool,
) -> anyhow::Result<RecordedRun> {
    plan(runs)?;
    require_address_space()?;
    let folder = create_run_folder(runs)?;
    let cells = plan(&folder)?;
    write_record(&folder, settings, &cells)?;
    detach::announce(&folder);
    let statuses = run_and_judge(&folder, &cells, settings.jobs, until_verdict);
    Ok(RecordedRun { folder, statuses })
}

/// Runs the cells of a run again that never started or were lost, each in a folder of its own;
/// the others are kept.
///
/// # Errors
///
/// A usage error if the command plans other cells than those of the run.
pub fn resume_run(
    run: &Run,
    settings: &RunSettings,
    plan: &dyn Fn(&Path) -> anyhow::Result<Vec<CellSetup>>,
    until_verdict: bool,
) -> anyhow::Result<RecordedRun> {
    let mut cells = plan(&run.folder)?;
    let planned = cells.iter().map(|cell| &cell.plan.id);
    if !planned.eq(run.cells.iter().map(|cell| &cell.plan.id)) {
        return Err(usage(
            "the command line plans other cells than the run has: its files have changed",
        ));
    }
    require_same_programs(&cells, &run.cells)?;
    let record = RunRecord {
        // Of this boot are the ids of processes from now on.
        host: Host {
            boot_id: crate::host::boot_id(),
            pid_namespace: crate::host::pid_namespace(),
            ..run.record.host.clone()
        },
        ..run.record.clone()
    };
    write_run_record(&run.folder, with_harness(record))?;
    let mut places = Vec::new();
    for (index, (setup, cell)) in cells.iter_mut().zip(&run.cells).enumerate() {
        if is_lost(&cell.status) {
            setup.folder = cell.next_attempt();
            places.push(index);
        }
    }
    let mut index = 0;
    cells.retain(|_| {
        index += 1;
        places.contains(&(index - 1))
    });
    let mut statuses = vec![None; run.cells.len()];
    let again = run_and_judge(&run.folder, &cells, settings.jobs, until_verdict);
    for (place, status) in places.into_iter().zip(again) {
        statuses[place] = status;
    }
    let folder = run.folder.clone();
    Ok(RecordedRun { folder, statuses })
}

/// A run is of one build: what is run again must be what was run before.
fn require_same_programs(planned: &[CellSetup], recorded: &[Cell]) -> anyhow::Result<()> {
    let changed = planned.iter().zip(recorded).find(|(now, then)| {
        let before = &then.plan.program_sha256;
        before.is_some() && *before != now.plan.program_sha256
    });
    match changed {
        None => Ok(()),
        Some((now, _)) => Err(usage(format!(
            "the file of `{}` is not the one that the run began with (its SHA-256 is another): \
             put that back, or begin a new run",
            now.plan.command.first().unwrap_or(&now.plan.id)
        ))),
    }
}

/// A record that names this process as the one that runs it.
fn with_harness(record: RunRecord) -> RunRecord {
    RunRecord {
        harness_pid: Some(std::process::id()),
        harness_start_ticks: crate::procfs::start_ticks(std::process::id()),
        ..record
    }
}

/// Whether a cell has no end of its own: never started, lost with its harness, or failed by it.
fn is_lost(status: &CellStatus) -> bool {
    status.state != State::Finished || status.outcome == Some(Outcome::HarnessFailed)
}

fn run_and_judge(
    folder: &Path,
    cells: &[CellSetup],
    jobs: u64,
    until_verdict: bool,
) -> Vec<Option<CellStatus>> {
    let alarms = Alarms::of(cells);
    tell_notices(cells);
    announce(cells, jobs);
    let view = LiveView::new(cells.len(), until_verdict, alarms.clone());
    let jobs = usize::try_from(jobs).unwrap_or(1);
    let failed_verdicts = Mutex::new(Vec::new());
    let statuses = run_cells(cells, jobs, &view, &|setup, _| {
        if let Err(error) = judge_ended(folder, setup, &alarms) {
            lock(&failed_verdicts).push(error);
        }
    });
    alarms.finish();
    for error in lock(&failed_verdicts).iter() {
        say!("warning: {error:#}");
    }
    statuses
}

/// Address space below which a run is not begun: each of its threads takes some of it for its
/// stack and its part of the allocator, and one that gets none would end the harness.
const LEAST_ADDRESS_SPACE_BYTES: u64 = 96 << 20;

fn require_address_space() -> anyhow::Result<()> {
    match crate::system::address_space_limit_bytes() {
        Some(bytes) if bytes < LEAST_ADDRESS_SPACE_BYTES => anyhow::bail!(
            "this shell allows {} of address space (`ulimit -v`), and a run needs {}\n(hint: \
             `ulimit -v unlimited`; the memory of the program is limited by --memory-limit)",
            bytes_text(bytes as f64),
            bytes_text(LEAST_ADDRESS_SPACE_BYTES as f64)
        ),
        _ => Ok(()),
    }
}

/// Says what is to be known of the cells, once of all that it holds for.
fn tell_notices(cells: &[CellSetup]) {
    let mut told: Vec<&String> = Vec::new();
    for notice in cells.iter().flat_map(|cell| &cell.notices) {
        if !told.contains(&notice) {
            say!("{notice}");
            told.push(notice);
        }
    }
}

/// Says how long several cells will take.
fn announce(cells: &[CellSetup], jobs: u64) {
    let lengths: Option<Vec<Duration>> = cells.iter().map(|cell| cell.schedule.length()).collect();
    let Some(lengths) = lengths.filter(|lengths| lengths.len() > 1) else {
        return;
    };
    let whole = lengths.iter().sum::<Duration>() / u32::try_from(jobs).unwrap_or(1).max(1);
    let longest = lengths.iter().copied().max().unwrap_or_default();
    say!(
        "{} of at most {}: about {} in all",
        plural(cells.len() as u64, "cell"),
        duration_text(longest),
        duration_text(whole.max(longest))
    );
}

/// Judges a cell as soon as it has ended, so that a run that dies later has its verdict.
fn judge_ended(folder: &Path, setup: &CellSetup, alarms: &Alarms) -> anyhow::Result<()> {
    let cell = Cell::open(folder, &setup.plan);
    let judgement = judge_samples(&cell, &VerdictOptions::default()).ok();
    alarms.ended(&cell, judgement.as_ref());
    if let Err(error) = write_classes(&cell.folder) {
        say!(
            "warning: the classes of `{}` cannot be written: {error}",
            cell.plan.id
        );
    }
    if let Some(judgement) = judgement {
        write_verdict(&cell, &judgement)
            .with_context(|| format!("cannot write the verdict of `{}`", cell.plan.id))?;
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Creates `<runs>/<UTC time>-<4 characters>/`.
///
/// # Errors
///
/// What keeps it from being created.
pub fn create_run_folder(runs: &Path) -> anyhow::Result<PathBuf> {
    let hint = "choose another folder with --out";
    std::fs::create_dir_all(runs)
        .with_context(|| format!("cannot create `{}` (hint: {hint})", runs.display()))?;
    loop {
        let time = crate::time::now_utc().replace(['-', ':'], "");
        let folder = runs.join(format!("{time}-{}", four_characters()));
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            result => {
                result.with_context(|| {
                    format!("cannot create `{}` (hint: {hint})", folder.display())
                })?;
                return Ok(folder);
            }
        }
    }
}

/// Four random characters, so that runs started in the same second differ.
fn four_characters() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    // The standard library seeds each of these at random.
    let mut bits = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    std::iter::repeat_with(|| {
        let character = ALPHABET[(bits % 32) as usize];
        bits /= 32;
        char::from(character)
    })
    .take(4)
    .collect()
}

fn write_record(folder: &Path, settings: &RunSettings, cells: &[CellSetup]) -> anyhow::Result<()> {
    let redactor = Redactor::new(&settings.redact);
    let command: Vec<String> = std::env::args_os()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let plans = cells.iter().map(|cell| cell.plan.clone());
    let cells = plans
        .map(|plan| CellPlan {
            command: redactor.command(&plan.command),
            settle: plan.settle.map(|settle| redactor.text(&settle)),
            ..plan
        })
        .collect();
    let record = RunRecord {
        leaklab: crate::host::leaklab_version(),
        started_utc: crate::time::now_utc(),
        command: redactor.command(&command),
        configuration: configuration(settings),
        host: crate::host::host(settings.host_class.clone()),
        labels: labels(&redactor, &settings.labels),
        cells,
        ..RunRecord::default()
    };
    write_run_record(folder, with_harness(record))
}

fn labels(redactor: &Redactor, labels: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let clean = |(name, value): (&String, &String)| (name.clone(), redactor.value(name, value));
    labels.iter().map(clean).collect()
}

/// Writes the record of a run, under the name of its folder.
///
/// # Errors
///
/// What keeps it from being written.
pub fn write_run_record(folder: &Path, record: RunRecord) -> anyhow::Result<()> {
    let name = folder.file_name().unwrap_or_default();
    let record = RunRecord {
        id: name.to_string_lossy().into_owned(),
        ..record
    };
    let text = serde_json::to_vec_pretty(&record)?;
    write_atomically(&folder.join("run.json"), &text)
        .with_context(|| format!("cannot write to `{}`", folder.display()))
}
