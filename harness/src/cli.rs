//! The command line: which commands there are.

use crate::commands::{
    calibrate, cell, chart, compare, export, judge, list, plan, report, resume, run, selfcheck,
    serve, stop, watch,
};
use crate::exit::Exit;
use crate::words::{clean, say};
use clap::{Parser, Subcommand};

/// Runs a program for minutes or nights, samples its memory, and says whether it leaks.
#[derive(Debug, Parser)]
#[command(
    name = "leaklab",
    version,
    propagate_version = true,
    after_help = "\
Exit codes: 0 as expected, within budget · 1 leak or regression · 2 usage · 3 inconclusive ·
4 harness failed · 5 the program died · 130, 143 stopped by a signal

  leaklab run alts-timeout --duration 20s       every variant of a published leak, with a chart
  leaklab run --duration 8h -- ./my-service     a soak of your own program
  leaklab list                                  the catalogue"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Arguments>),
    Judge(judge::Arguments),
    Plan(plan::Arguments),
    Calibrate(calibrate::Arguments),
    List(list::Arguments),
    Selfcheck(selfcheck::Arguments),
    Chart(chart::Arguments),
    Compare(compare::Arguments),
    Report(report::Arguments),
    Watch(watch::Arguments),
    Stop(stop::Arguments),
    Resume(resume::Arguments),
    Export(export::Arguments),
    Serve(serve::Arguments),
    #[command(hide = true)]
    Cell(cell::Arguments),
    /// Outlives a harness that is killed and ends what it left behind.
    #[command(hide = true)]
    Guard {
        /// What the names of the harness's cells begin with.
        token: String,
    },
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    ///
    /// Anything that kept the command from its end; see [`crate::exit::of_error`].
    pub fn execute(self) -> anyhow::Result<Exit> {
        match self.command {
            Command::Run(arguments) => run::execute(*arguments),
            Command::Judge(arguments) => judge::execute(&arguments),
            Command::Plan(arguments) => plan::execute(&arguments),
            Command::Calibrate(arguments) => calibrate::execute(&arguments),
            Command::List(arguments) => list::execute(&arguments),
            Command::Selfcheck(arguments) => selfcheck::execute(&arguments),
            Command::Chart(arguments) => chart::execute(&arguments),
            Command::Compare(arguments) => compare::execute(&arguments),
            Command::Report(arguments) => report::execute(&arguments),
            Command::Watch(arguments) => watch::execute(&arguments),
            Command::Stop(arguments) => stop::execute(&arguments),
            Command::Resume(arguments) => resume::execute(&arguments),
            Command::Export(arguments) => export::execute(&arguments),
            Command::Serve(arguments) => serve::execute(&arguments),
            Command::Cell(arguments) => cell::execute(&arguments),
            Command::Guard { token } => {
                crate::supervisor::guard::keep_guard(std::io::stdin().lock(), &token);
                Ok(Exit::Good)
            }
        }
    }
}

impl Cli {
    /// The arguments of `run`, if that is the command.
    pub fn into_run(self) -> Option<run::Arguments> {
        match self.command {
            Command::Run(arguments) => Some(*arguments),
            _ => None,
        }
    }
}

/// Prints help, version or what is wrong with the command line.
///
/// Parts of an error come from the caller: what could steer a terminal is left out, and with
/// it the colours.
pub fn answer(answer: &clap::Error) -> Exit {
    let plain = answer.render().to_string();
    if answer.use_stderr() {
        match clean(&plain) == plain {
            // Nobody who reads it may be there; the code says it too.
            true => drop(answer.print()),
            false => say!("{}", plain.trim_end()),
        }
        return Exit::Usage;
    }
    match answer.print() {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Harness,
        _ => Exit::Good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declarations_of_the_command_line_agree() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
