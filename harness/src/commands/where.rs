//! `leaklab where`: which stacks, classes, constructors or lines grow.

use crate::attribution::{self, answer, dhat, pprof};
use crate::commands::arguments::Format;
use crate::commands::print;
use crate::commands::report::{newest_run, open};
use crate::exit::{Exit, usage};
use crate::snapshot::{class_json, class_text};
use anyhow::Context;
use leaklab_reports::attribution::Answer;
use leaklab_reports::classes::{ClassTable, read_classes};
use leaklab_reports::page::where_page;
use leaklab_run::{Cell, write_atomically};
use std::path::{Path, PathBuf};

/// Say where the heap of a run grows: stacks and classes by their share, and what they do.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
It needs a run with `--where` or `--snapshot`. Behaviours of stacks: leaks (blocks come all the time
and stay), churns (they die young), filled once (none come any more), bounded (as many die), not
decided (they become more, but late, unevenly or with many deaths); of classes: grew steadily (beyond
chance among all), rises in steps (a container that doubles: whether it goes on is not decided), not
decided (one way, but it may be chance), grew once, levelled off, up and down, shrank, too little to
test. Exit code 0, whatever grows.

  leaklab run --where --duration 1h -- ./shop
  leaklab where                                 the newest run
  leaklab where RUN --folded growth.folded      for flame graphs
  leaklab where RUN --pprof growth.pb.gz        for go tool pprof, speedscope
  leaklab where RUN --dhat growth.json          for Firefox Profiler
  leaklab where RUN --html growth.html          a page with flame graphs, that needs no network
  leaklab compare BEFORE AFTER --where          which stacks a change cured")]
pub struct Arguments {
    /// A run folder, or one cell as `RUN::SCENARIO::VARIANT` [default: the newest run].
    run: Option<String>,
    /// Write growth in bytes per stack to this file, a line each with frames joined by `;`.
    #[arg(long, value_name = "FILE")]
    folded: Option<PathBuf>,
    /// Write growth and life per stack to this file, in the form of pprof.
    #[arg(long, value_name = "FILE")]
    pprof: Option<PathBuf>,
    /// Write growth (total bytes) and life (bytes at the end) per stack to this file, in the form of
    /// DHAT, which Firefox Profiler opens.
    #[arg(long, value_name = "FILE")]
    dhat: Option<PathBuf>,
    /// Write a page with the rows and flame graphs of growth and life to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
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
    let (mut answers, mut classes) = (Vec::new(), Vec::new());
    for cell in &cells {
        answers.extend(answer(cell)?.map(|found| (cell, found)));
        let tables = read_classes(cell)?;
        classes.extend((!tables.is_empty()).then_some((cell, tables)));
    }
    let files = [
        &arguments.folded,
        &arguments.pprof,
        &arguments.dhat,
        &arguments.html,
    ];
    let wants_stacks = files.iter().any(|file| file.is_some());
    if answers.is_empty() && (classes.is_empty() || wants_stacks) {
        let why = cells.first().map(why_no_stacks).transpose()?;
        return Err(usage(format!(
            "`{address}` has no samples of stacks\n(hint: {})",
            why.unwrap_or_else(|| "it has no cells".to_owned())
        )));
    }
    if wants_stacks && answers.len() > 1 {
        return Err(usage(format!(
            "`{address}` has {} cells with stacks; name one: `{address}::{}`",
            answers.len(),
            answers[0].0.plan.id
        )));
    }
    for (cell, answer) in &answers {
        match arguments.format {
            Format::Json => print(&format!("{}\n", answer.json(&cell.plan.id)))?,
            Format::Human => print(&answer_text(cell, answer))?,
        }
        if let Some(file) = &arguments.folded {
            write(file, answer.folded().as_bytes())?;
        }
        if let Some(file) = &arguments.pprof {
            write(file, &pprof(answer)?)?;
        }
        if let Some(file) = &arguments.dhat {
            write(file, &serde_json::to_vec(&dhat(answer, &cell.plan.id))?)?;
        }
        if let Some(file) = &arguments.html {
            write(file, where_page(&cell.plan.id, answer)?.as_bytes())?;
        }
    }
    for (cell, tables) in &classes {
        match arguments.format {
            Format::Json => {
                let value =
                    serde_json::json!({"cell": cell.plan.id, "classes": class_json(tables)});
                print(&format!("{value}\n"))?;
            }
            Format::Human => print(&classes_text(cell, tables))?,
        }
    }
    Ok(Exit::Good)
}

/// Why a cell has no samples of stacks, and the way out.
///
/// # Errors
///
/// What keeps its tables from being read.
pub fn why_no_stacks(cell: &Cell) -> anyhow::Result<String> {
    if !read_classes(cell)?.is_empty() {
        return Ok(format!(
            "`{}` has classes (--snapshot) in their place, which have no stacks: leaklab where \
             prints them, as JSON by --format json; --folded, --pprof, --dhat, --html and compare \
             --where are of stacks",
            cell.plan.id
        ));
    }
    Ok(match cell.plan.samples_stacks {
        true => attribution::no_stacks_words(&cell.plan),
        false => "leaklab run --where takes them, of a program on jemalloc: by --heap jemalloc, or \
                  linked with leaklab-probe; classes of Java, Node.js, Python and Go are counted by \
                  --snapshot"
            .to_owned(),
    })
}

/// The classes of one cell under its name.
pub fn classes_text(cell: &Cell, tables: &[ClassTable]) -> String {
    format!("{}\n{}\n", cell.plan.id, class_text(tables))
}

/// The rows of one cell under its name.
pub fn answer_text(cell: &Cell, answer: &Answer) -> String {
    format!("{}\n{}\n", cell.plan.id, attribution::answer_text(answer))
}

fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_atomically(file, bytes).with_context(|| format!("cannot write `{}`", file.display()))
}
