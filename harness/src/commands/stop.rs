//! `leaklab stop`: ends a run that goes on elsewhere, in order.

use crate::commands::print;
use crate::commands::report::{newest_run, open};
use crate::exit::{Exit, usage};
use crate::run_life::{harness_of, lives};
use crate::system::ProcessHandle;
use crate::time::{duration_text, parse_duration};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Time between two looks whether it has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// End a run that goes on elsewhere, in order: what was measured is judged and reported.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab stop                  the newest run
  leaklab stop RUN              another one

The run itself and `leaklab watch` end with code 143, for the signal. `leaklab judge RUN` says
what was found until then, and ends with 3: a run that was stopped has not come to its end.")]
pub struct Arguments {
    /// The run folder [default: the newest run].
    run: Option<String>,
    /// How long to wait for its end.
    #[arg(long, value_parser = parse_duration, default_value = "5m")]
    timeout: Duration,
    /// Folder for runs, where the newest is looked for.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
}

/// Asks the harness of the run to stop, and waits for it.
///
/// # Errors
///
/// A usage error for what is not a run, and for one that nobody runs here.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let address = match &arguments.run {
        Some(address) => address.clone(),
        None => newest_run(&arguments.out)?.display().to_string(),
    };
    let run = open(&address)?.0;
    let Some(harness) = harness_of(&run.record) else {
        return Err(usage(format!("`{address}` is not running on this machine")));
    };
    let (pid, _) = harness;
    let handle = ProcessHandle::open(pid);
    if !lives(harness) {
        return Err(usage(format!("`{address}` is not running any more")));
    }
    match handle {
        Some(handle) => handle.signal(libc::SIGTERM),
        None => crate::system::signal_process(pid, libc::SIGTERM),
    }
    let asked = Instant::now();
    while lives(harness) {
        if asked.elapsed() > arguments.timeout {
            anyhow::bail!(
                "the run was asked to stop and goes on after {}; process {pid} is its harness",
                duration_text(arguments.timeout)
            );
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    print(&format!("stopped {}\n", run.folder.display()))?;
    Ok(Exit::Good)
}
