//! `leaklab mark`: names an instant of a run from outside.

use crate::commands::{print, report};
use crate::exit::{Exit, usage};
use crate::supervisor::marks::leave_mark;
use crate::text::plural;
use anyhow::Context;
use leaklab_run::{Address, State};
use std::time::Duration;

/// Mark an instant of a run that goes on: a deploy, a reload, a fault.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab mark latest deploy-1.4.2               in all cells that run
  leaklab mark RUN::command::shop reload --for 30s   a window, which no trend is fitted through

Marks are drawn on charts, and what lies in their window is left out of trends.")]
pub struct Arguments {
    /// The run, or some of its cells; `latest` is the newest run.
    run: String,
    /// What it is called.
    name: String,
    /// How long it lasts [default: an instant].
    #[arg(long = "for", value_name = "DURATION", value_parser = crate::time::parse_duration)]
    length: Option<Duration>,
    /// Folder for runs.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: std::path::PathBuf,
}

/// Leaves the mark with the cells that run.
///
/// # Errors
///
/// A usage error if there is no such run or none of its cells runs; otherwise that the folder
/// cannot be written.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.name.trim().is_empty() {
        return Err(usage("a mark needs a name"));
    }
    let text = match arguments.run.strip_prefix("latest") {
        Some(rest) if rest.is_empty() || rest.starts_with("::") => {
            format!("{}{rest}", report::newest_run(&arguments.out)?.display())
        }
        _ => arguments.run.clone(),
    };
    let (_, cells) = Address::parse(&text)
        .resolve()
        .map_err(|error| usage(error.to_string()))?;
    let running = cells
        .iter()
        .filter(|cell| cell.status.state == State::Running);
    let mut count = 0;
    for cell in running {
        leave_mark(&cell.folder, &arguments.name, arguments.length)
            .with_context(|| format!("cannot write to `{}`", cell.folder.display()))?;
        count += 1;
    }
    if count == 0 {
        return Err(usage(format!(
            "nothing of `{text}` runs\n(hint: a program marks its own instants with \
             {{\"mark\": …}} on the pipe, see PROTOCOL.md)"
        )));
    }
    print(&format!("marked {}\n", plural(count, "cell")))?;
    Ok(Exit::Good)
}
