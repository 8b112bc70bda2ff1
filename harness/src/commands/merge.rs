//! `leaklab merge`: the runs of several machines as one.

use crate::commands::{print, report, run::drawn};
use crate::exit::{Exit, usage};
use crate::nights;
use crate::results::judged::JudgedCell;
use crate::run::{create_run_folder, write_run_record};
use crate::run_life::run_life;
use crate::shard::Shard;
use crate::words::say;
use anyhow::Context;
use leaklab_reports::history::NightRecord;
use leaklab_reports::page::RunLife;
use leaklab_run::{CellPlan, Configuration, MISSING_SHARDS, Run, RunRecord};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Key of the runs that a run was merged of.
const MERGED: &str = "merged";

/// Merge runs that shards made, or several machines, into one, with the host of each cell.
///
/// Folders of cells are copied; the runs stay as they are. Runs whose configurations differ, or
/// that hold the same cell, are refused. The history of the whole gets a line per cell, unless the
/// runs wrote theirs to it already.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab run --all --shard 1/2      on one machine
  leaklab run --all --shard 2/2      on another
  leaklab merge RUN RUN              where both folders are

A run that lacks a shard says so wherever it is read: `judge`, `compare` and `history` end with 3 at
the least. It can be merged again with what it lacks.")]
pub struct Arguments {
    /// The runs.
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<String>,
    /// Folder for the run that they make.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
}

/// Merges them; the exit code is that of the whole.
///
/// # Errors
///
/// A usage error for runs that do not belong together; what keeps files from being copied.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let runs = arguments.runs.iter().map(|name| Ok(report::open(name)?.0));
    let runs: Vec<Run> = runs.collect::<anyhow::Result<_>>()?;
    let record = merged(&runs)?;
    let folder = create_run_folder(&arguments.out.join("runs"))?;
    for cell in runs.iter().flat_map(|run| &run.cells) {
        let name = Path::new(&cell.plan.folder).file_name().unwrap_or_default();
        copy_folder(&cell.folder, &folder.join(name))?;
    }
    write_run_record(&folder, record)?;
    let run = Run::open(&folder)?;
    let (paths, drawing) = drawn(&run, &folder);
    for (what, path) in paths {
        print(&format!("{what:8}{}\n", path.display()))?;
    }
    let lacks = run.lacks();
    if let Some(lacks) = &lacks {
        say!(
            "{lacks} (hint: `leaklab merge {} RUN` adds it)",
            run.folder.display()
        );
    }
    if run.cells.is_empty() {
        say!("none of these runs has a cell: nothing was judged");
    }
    let complete = match lacks.is_none() && !run.cells.is_empty() {
        true => Exit::Good,
        false => Exit::Inconclusive,
    };
    let judged: Vec<JudgedCell<'_>> = run.cells.iter().map(JudgedCell::as_recorded).collect();
    if let Err(error) = arguments.remember(&run, &judged, &runs) {
        say!("no line in the history: {error:#}");
    }
    Ok(judged
        .iter()
        .map(JudgedCell::exit)
        .fold(drawing.or_graver(complete), Exit::or_graver))
}

impl Arguments {
    /// Appends the cells to the history, but for those of runs that left their own lines there: a
    /// night counts once.
    fn remember(&self, run: &Run, judged: &[JudgedCell<'_>], parts: &[Run]) -> anyhow::Result<()> {
        let path = nights::history_file(&self.out);
        let told = nights::read(&path)?.records;
        let is_told = |line: &NightRecord| {
            let of_cell = told
                .iter()
                .filter(|one| (&one.cell, one.repetition) == (&line.cell, line.repetition));
            let mut runs = of_cell.flat_map(|one| std::iter::once(&one.run).chain(&one.merged));
            let is_of_part = |run: &String| {
                let part = parts.iter().find(|part| is_from(part, run));
                part.is_some_and(|part| (part.record.cells.iter()).any(|plan| line.is_of(plan)))
            };
            runs.any(is_of_part)
        };
        let lines = judged.iter().map(|one| nights::record_of(run, one));
        let new: Vec<_> = lines.filter(|line| !is_told(line)).collect();
        nights::append(&path, &new)
    }
}

/// The record of the whole.
fn merged(runs: &[Run]) -> anyhow::Result<RunRecord> {
    let first = &runs[0].record;
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    let mut cells: Vec<CellPlan> = Vec::new();
    for run in runs {
        let record = &run.record;
        if run_life(run, SystemTime::now()) == RunLife::Running {
            return Err(usage(format!("`{}` goes on", run.folder.display())));
        }
        for (what, differs) in [
            (
                "configuration",
                common(&record.configuration) != common(&first.configuration),
            ),
            ("leaklab", record.leaklab != first.leaklab),
            ("format", record.format.major != first.format.major),
        ] {
            if differs {
                return Err(usage(format!(
                    "`{}` has another {what} than `{}`: what they measured is not one run\n\
                     (hint: `leaklab compare` holds runs of different configurations against each \
                     other)",
                    run.folder.display(),
                    runs[0].folder.display()
                )));
            }
        }
        for plan in &record.cells {
            if let Some(other) = seen.insert(&plan.id, &record.id) {
                return Err(usage(format!(
                    "`{}` is in both `{other}` and `{}`",
                    plan.id, record.id
                )));
            }
            cells.push(CellPlan {
                host: Some(
                    plan.host
                        .clone()
                        .unwrap_or_else(|| Box::new(record.host.clone())),
                ),
                ..plan.clone()
            });
        }
    }
    let mut configuration = common(&first.configuration);
    let names: Vec<String> = runs.iter().flat_map(sources).collect();
    configuration.other.insert(MERGED.to_owned(), names.into());
    let missing = missing_shards(runs);
    if !missing.is_empty() {
        (configuration.other).insert(MISSING_SHARDS.to_owned(), missing.into());
    }
    Ok(RunRecord {
        configuration,
        cells,
        started_utc: runs
            .iter()
            .map(|run| run.record.started_utc.clone())
            .min()
            .unwrap_or_default(),
        harness_pid: None,
        harness_start_ticks: None,
        ..first.clone()
    })
}

/// The runs that the cells of one come from: its own, unless it was merged itself.
fn sources(run: &Run) -> Vec<String> {
    match run.merged_from() {
        own if own.is_empty() => vec![run.record.id.clone()],
        merged => merged,
    }
}

/// Whether cells of `run` come from the run of that name.
fn is_from(run: &Run, name: &str) -> bool {
    run.record.id == name || run.merged_from().iter().any(|from| from == name)
}

/// The shards that none of the runs is or holds, where they are shards of one whole.
fn missing_shards(runs: &[Run]) -> Vec<String> {
    let is_shard = |run: &Run| {
        let shard = run.record.configuration.other.get("shard")?.as_str()?;
        Shard::parse(shard).ok()
    };
    let shards: Vec<Shard> = runs.iter().filter_map(is_shard).collect();
    // What a merged run lacks, it says; it has all others.
    let lacking: Vec<Vec<String>> = (runs.iter())
        .filter(|run| is_shard(run).is_none())
        .map(Run::missing_shards)
        .collect();
    let of_lacking = lacking
        .iter()
        .flatten()
        .find_map(|one| Shard::parse(one).ok());
    let of = shards
        .first()
        .copied()
        .or(of_lacking)
        .map_or(0, |shard| shard.of);
    (1..=of)
        .filter(|number| !shards.iter().any(|shard| shard.number == *number))
        .map(|number| format!("{number}/{of}"))
        .filter(|name| lacking.iter().all(|lacks| lacks.contains(name)))
        .collect()
}

/// A configuration without what shards differ in: which they are, and what their machines have.
fn common(configuration: &Configuration) -> Configuration {
    let mut common = configuration.clone();
    for key in ["shard", MERGED, MISSING_SHARDS] {
        common.other.remove(key);
    }
    common.memory_limit_bytes = None;
    common
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    // A cell that never started has none.
    if !from.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(to).with_context(|| format!("cannot create `{}`", to.display()))?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()? {
            kind if kind.is_dir() => copy_folder(&entry.path(), &target)?,
            kind if kind.is_file() => {
                std::fs::copy(entry.path(), &target)
                    .with_context(|| format!("cannot copy to `{}`", target.display()))?;
            }
            // A link could lead out of the run.
            _ => {}
        }
    }
    Ok(())
}
