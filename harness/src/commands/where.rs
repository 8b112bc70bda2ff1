//! `leaklab where`: which stacks grow.

use crate::attribution::{Answer, answer};
use crate::commands::arguments::Format;
use crate::commands::print;
use crate::commands::report::{newest_run, open};
use crate::exit::{Exit, usage};
use anyhow::Context;
use leaklab_run::{Cell, write_atomically};
use std::path::{Path, PathBuf};

/// Say where the heap of a run grows: stacks by their share of the growth, and what they do.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It needs a run with `--where`. Behaviours: leaks (blocks come all the time and stay), churns (they
die young), filled once (none come any more), bounded (as many die). Exit code 0, whatever grows.

  leaklab run --where --duration 1h -- ./shop
  leaklab where                                 the newest run
  leaklab where RUN --folded growth.folded      for flame graphs
  leaklab where RUN --pprof growth.pb           for go tool pprof, speedscope, Firefox Profiler")]
pub struct Arguments {
    /// A run folder, or one cell as `RUN::SCENARIO::VARIANT` [default: the newest run].
    run: Option<String>,
    /// Write growth in bytes per stack to this file, a line each with frames joined by `;`.
    #[arg(long, value_name = "FILE")]
    folded: Option<PathBuf>,
    /// Write growth and life per stack to this file, in the form of pprof.
    #[arg(long, value_name = "FILE")]
    pprof: Option<PathBuf>,
    /// What is printed: a table, or a JSON object per cell.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Folder for runs, where the newest is looked for.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
}

/// Prints the answer for each cell whose stacks were sampled.
///
/// # Errors
///
/// A usage error for what is not a run, or has no samples of stacks.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let address = match &arguments.run {
        Some(address) => address.clone(),
        None => newest_run(&arguments.out)?.display().to_string(),
    };
    let (_, cells) = open(&address)?;
    let mut answers = Vec::new();
    for cell in &cells {
        answers.extend(answer(cell)?.map(|found| (cell, found)));
    }
    if answers.is_empty() {
        return Err(usage(format!(
            "`{address}` has no samples of stacks\n(hint: leaklab run --where takes them, of a \
             program on jemalloc: by --heap jemalloc, or linked with leaklab-probe)"
        )));
    }
    let files = [arguments.folded.as_ref(), arguments.pprof.as_ref()];
    if files.iter().any(Option::is_some) && answers.len() > 1 {
        return Err(usage(format!(
            "`{address}` has {} cells with stacks; name one: `{address}::{}`",
            answers.len(),
            answers[0].0.plan.id
        )));
    }
    for (cell, answer) in &answers {
        match arguments.format {
            Format::Json => print(&answer.json(&cell.plan.id))?,
            Format::Human => print(&answer_text(cell, answer))?,
        }
        if let Some(file) = &arguments.folded {
            write(file, answer.folded().as_bytes())?;
        }
        if let Some(file) = &arguments.pprof {
            write(file, &answer.pprof())?;
        }
    }
    Ok(Exit::Good)
}

/// The rows of one cell under its name.
pub fn answer_text(cell: &Cell, answer: &Answer) -> String {
    format!("{}\n{}\n", cell.plan.id, answer.text())
}

fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_atomically(file, bytes).with_context(|| format!("cannot write `{}`", file.display()))
}
