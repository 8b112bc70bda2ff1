//! `leaklab export`: the samples of a cell as plain CSV.

use crate::commands::report::open;
use crate::exit::{Exit, usage};
use anyhow::Context;
use leaklab_run::{Cleaned, export_csv};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;

/// Write the samples of a cell as plain CSV, its packed hours too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab export RUN > samples.csv                  a run of one cell
  leaklab export RUN::alts-timeout::cleared -o x.csv one of several

Finished hours of a run lie packed beside samples.csv; what is written here is, byte for byte,
what stood there; on a terminal without the characters that could steer it.")]
pub struct Arguments {
    /// A run of one cell, or a cell as `RUN::SCENARIO::VARIANT`.
    cell: String,
    /// File to write [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the samples.
///
/// # Errors
///
/// A usage error for what is not one cell; otherwise what kept it from being read or written.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let (_, cells) = open(&arguments.cell)?;
    let [cell] = &cells[..] else {
        let known: Vec<String> = cells
            .iter()
            .take(20)
            .map(|cell| format!("`{}`", cell.plan.id))
            .collect();
        return Err(usage(format!(
            "`{}` has {} cells; name one of {} behind `::`",
            arguments.cell,
            cells.len(),
            known.join(", ")
        )));
    };
    let written = match &arguments.output {
        Some(path) => {
            let file = File::create_new(path)
                .with_context(|| format!("cannot create `{}`", path.display()))?;
            let mut out = BufWriter::new(file);
            export_csv(&cell.folder, &mut out).and_then(|()| out.flush())
        }
        // Names of columns come from the program.
        None if std::io::stdout().is_terminal() => {
            let mut out = Cleaned::new(BufWriter::new(std::io::stdout().lock()));
            export_csv(&cell.folder, &mut out).and_then(|()| out.flush())
        }
        None => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            export_csv(&cell.folder, &mut out).and_then(|()| out.flush())
        }
    };
    match written {
        // Who reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Good),
        result => {
            result.with_context(|| format!("cannot export `{}`", cell.plan.id))?;
            Ok(Exit::Good)
        }
    }
}
