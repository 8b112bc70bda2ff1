//! `leaklab report`: the page of a run, one HTML file.

use crate::commands::sources::TableArguments;
use crate::commands::{print, recording};
use crate::exit::{Exit, usage};
use anyhow::Context;
use leaklab_reports::page::{PageOptions, render_run, write_run};
use leaklab_run::{Address, Run, write_atomically};
use std::path::{Path, PathBuf};

/// Make the report of a run: one HTML file that opens anywhere, offline.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab report                                the newest run
  leaklab report leaklab-out/runs/20261121T031500Z-k3f9
  leaklab report RUN::alts-timeout -o page.html some cells of a run, to a file of your own
  leaklab report memory.csv                     a recording, to leaklab-out/reports/memory.csv.html")]
pub struct Arguments {
    /// Run folders, or some cells as `RUN::SCENARIO::VARIANT` [default: the newest run].
    runs: Vec<String>,
    /// Another file than `report.html` in the run folder; links to the full data are relative
    /// to the run folder.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Cells that get charts; of more, the gravest do.
    #[arg(long, default_value_t = 24, value_name = "N")]
    charts: usize,
    /// Folder for runs, where the newest is looked for.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
    #[command(flatten)]
    tables: TableArguments,
}

/// Writes the reports and prints their paths.
///
/// # Errors
///
/// A usage error for what is not a run; otherwise what kept a page from being written.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.output.is_some() && arguments.runs.len() > 1 {
        return Err(usage("`--output` takes the report of one run"));
    }
    let runs = match arguments.runs.as_slice() {
        [] => vec![newest_run(&arguments.out)?.display().to_string()],
        runs => runs.to_vec(),
    };
    let options = PageOptions {
        charted_cells: arguments.charts,
        ..PageOptions::default()
    };
    for address in &runs {
        let output = arguments.output.as_deref();
        let path = match address == "-" || recording::is_recording(address) {
            true => {
                let (tables, out) = (&arguments.tables, &arguments.out);
                recording::report(address, tables, output, out, arguments.charts)?
            }
            false => report(address, output, &options)?,
        };
        print(&format!("report  {}\n", path.display()))?;
    }
    Ok(Exit::Good)
}

fn report(address: &str, output: Option<&Path>, options: &PageOptions) -> anyhow::Result<PathBuf> {
    let (mut run, cells) = open(address)?;
    let whole = cells.len() == run.cells.len();
    run.cells = cells;
    match output {
        Some(path) => {
            let page = render_run(&run, options)?;
            write_atomically(path, page.as_bytes())
                .with_context(|| format!("cannot write `{}`", path.display()))?;
            Ok(path.to_owned())
        }
        None if whole => Ok(write_run(&run, options)?),
        None => Err(usage(format!(
            "`{address}` names some cells of a run; say where their report goes with --output"
        ))),
    }
}

/// Opens a run by its address; what is not one is a mistake of the caller.
pub fn open(address: &str) -> anyhow::Result<(Run, Vec<leaklab_run::Cell>)> {
    Address::parse(address)
        .resolve()
        .map_err(|error| usage(error.to_string()))
}

/// The newest run below `out`.
pub fn newest_run(out: &Path) -> anyhow::Result<PathBuf> {
    leaklab_run::runs_of(out).pop().ok_or_else(|| {
        usage(format!(
            "there is no run in `{}`; name a run folder, or make one with `leaklab run`",
            out.join("runs").display()
        ))
    })
}
