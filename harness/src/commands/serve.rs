//! `leaklab serve`: the folder of runs in a browser, on loopback.

use crate::acknowledged::acknowledgements;
use crate::commands::print;
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::server::{RunsFolder, serve};
use anyhow::Context;
use leaklab_reports::history::Tolerance;
use std::path::PathBuf;

/// Show the folder of runs in a browser of this machine, those that go on live.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab serve                       the runs of leaklab-out, at http://127.0.0.1:7431/
  leaklab serve /srv/soak --port 0    another folder, at any free port

Listens on 127.0.0.1 only. From another machine: ssh -L 7431:127.0.0.1:7431 HOST")]
pub struct Arguments {
    /// A folder of runs, or one run.
    #[arg(default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    folder: PathBuf,
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 7431)]
    port: u16,
}

/// Serves until it is stopped.
///
/// # Errors
///
/// A usage error if there is no such folder; otherwise that the port cannot be had.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let tolerance = Tolerance {
        acknowledged: acknowledgements(None)?,
        budgets: Config::read(None)?.harm,
    };
    let folder = RunsFolder::open(&arguments.folder, tolerance).map_err(|error| {
        usage(format!(
            "cannot show `{}`: {error}; name a folder of runs, or make one with `leaklab run`",
            arguments.folder.display()
        ))
    })?;
    serve(folder, arguments.port, |address| {
        // Nobody may be reading; the server is of use all the same.
        let _ = print(&format!("serving http://{address}/ (Ctrl-C ends it)\n"));
    })
    .with_context(|| {
        format!(
            "cannot listen on 127.0.0.1:{} (hint: `--port 0` takes a free port)",
            arguments.port
        )
    })?;
    Ok(Exit::Good)
}
