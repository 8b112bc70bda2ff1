//! `leaklab prune`: deletes run folders that are old; their lines in the history stay.

use crate::commands::arguments::parse_positive;
use crate::commands::print;
use crate::exit::Exit;
use crate::nights;
use crate::results::judged::JudgedCell;
use crate::run_life::run_life;
use crate::words::say;
use anyhow::Context;
use leaklab_reports::page::RunLife;
use leaklab_run::Run;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Runs that were not as they should be are kept so many times as long.
const FAILURES_KEPT: u32 = 3;

/// Delete old run folders; what each came to stays in the history.
///
/// A run that has no line there yet gets one first. Runs that go on, and folders that are no run,
/// are left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab prune --keep 30d                      good runs for a month, others for three
  leaklab prune --keep 30d --keep-failed 1y --dry-run")]
pub struct Arguments {
    /// How long good runs are kept.
    #[arg(long, value_name = "DURATION", value_parser = parse_positive)]
    keep: Duration,
    /// How long the others are kept [default: three times as long].
    #[arg(long, value_name = "DURATION", value_parser = parse_positive)]
    keep_failed: Option<Duration>,
    /// Say what would be deleted, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    /// Folder for runs.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
}

/// Deletes them.
///
/// # Errors
///
/// What keeps folders from being read or deleted, or the history from being written.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let runs = arguments.out.join("runs");
    let folders =
        std::fs::read_dir(&runs).with_context(|| format!("cannot read `{}`", runs.display()))?;
    let mut folders: Vec<PathBuf> = folders.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    let history = nights::history_file(&arguments.out);
    let known = nights::read(&history)?.records.into_iter();
    let known: BTreeSet<String> = known.map(|record| record.run).collect();
    let (mut deleted, mut kept) = (0, 0);
    for folder in folders {
        let Ok(run) = Run::open(&folder) else {
            say!("left alone: `{}` is no run", folder.display());
            continue;
        };
        if !arguments.is_old(&run) {
            kept += 1;
            continue;
        }
        if arguments.dry_run {
            print(&format!("would delete {}\n", folder.display()))?;
        } else {
            if !known.contains(&run.record.id) {
                let judged: Vec<_> = run.cells.iter().map(JudgedCell::as_recorded).collect();
                nights::append(&history, &nights::records_of(&run, &judged))?;
            }
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot delete `{}`", folder.display()))?;
        }
        deleted += 1;
    }
    let done = if arguments.dry_run {
        "would go"
    } else {
        "deleted"
    };
    print(&format!("{deleted} runs {done}, {kept} are kept\n"))?;
    Ok(Exit::Good)
}

impl Arguments {
    fn is_old(&self, run: &Run) -> bool {
        if run_life(run, SystemTime::now()) == RunLife::Running {
            return false;
        }
        let is_good = |cell| JudgedCell::as_recorded(cell).exit() == Exit::Good;
        let longest = self.keep_failed.unwrap_or(self.keep * FAILURES_KEPT);
        // A run whose time cannot be read is kept.
        crate::time::since_utc(&run.record.started_utc)
            .is_some_and(|age| age > self.keep && (age > longest || run.cells.iter().all(is_good)))
    }
}
