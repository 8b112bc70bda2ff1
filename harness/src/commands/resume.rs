//! `leaklab resume`: runs the cells of a run that were lost, and keeps the others.

use crate::cli::Cli;
use crate::commands::{report, run};
use crate::exit::{Exit, usage};
use crate::run_life::run_life;
use clap::Parser;
use leaklab_reports::page::RunLife;
use leaklab_run::{REDACTED, Run};
use std::time::SystemTime;

/// Run the cells again that never started or were lost with the machine; the others are kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab resume RUN                          by the command line that the run recorded
  leaklab resume RUN -- ./my-service --key …  a program whose arguments were redacted

Values of --env were not recorded: they are taken from the environment of this command.")]
pub struct Arguments {
    /// The run folder.
    run: String,
    /// The program and its arguments again, where the record does not hold them.
    #[arg(last = true)]
    command: Vec<String>,
}

/// Runs what is left of a run.
///
/// # Errors
///
/// A usage error for a run that goes on, or whose command line cannot be had again.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let (run, _) = report::open(&arguments.run)?;
    if run_life(&run, SystemTime::now()) == RunLife::Running {
        return Err(usage(format!(
            "`{}` goes on; `leaklab stop` ends it",
            arguments.run
        )));
    }
    let command = command_again(&run, &arguments.command)?;
    let parsed = Cli::try_parse_from(&command)
        .map_err(|error| usage(format!("the recorded command line is not one: {error}")))?;
    let Some(again) = parsed.into_run() else {
        return Err(usage("the record is not that of `leaklab run`"));
    };
    run::execute_in(again, Some(&run))
}

/// The recorded command line with what was left out of it.
fn command_again(run: &Run, program: &[String]) -> anyhow::Result<Vec<String>> {
    let split = run.record.command.iter().position(|word| word == "--");
    let flags = &run.record.command[..split.unwrap_or(run.record.command.len())];
    let mut command = Vec::new();
    for flag in flags.iter().filter(|flag| *flag != "--detach") {
        command.push(match flag.split_once(&format!("={REDACTED}")) {
            Some((name, "")) => variable_again(name)?,
            _ if flag.contains(REDACTED) => return Err(not_recorded(flag)),
            _ => flag.clone(),
        });
    }
    if let Some(split) = split {
        command.push("--".to_owned());
        let recorded = &run.record.command[split + 1..];
        match (
            program,
            recorded.iter().find(|word| word.contains(REDACTED)),
        ) {
            ([], None) => command.extend_from_slice(recorded),
            ([], Some(word)) => return Err(not_recorded(word)),
            (again, _) => command.extend_from_slice(again),
        }
    }
    Ok(command)
}

/// `--env=NAME` or `NAME`, with the value that it has here: `--env NAME` passes it on.
fn variable_again(flag: &str) -> anyhow::Result<String> {
    let name = flag.rsplit('=').next().unwrap_or(flag);
    match std::env::var_os(name) {
        Some(_) => Ok(flag.to_owned()),
        None => Err(usage(format!(
            "the value of `{name}` was not recorded; set it in the environment and resume again"
        ))),
    }
}

fn not_recorded(word: &str) -> anyhow::Error {
    usage(format!(
        "`{word}` was not recorded whole; give the program again: `leaklab resume RUN -- PROGRAM …`"
    ))
}
