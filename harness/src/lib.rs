//! leaklab: runs a program, samples its memory, and says whether it leaks.
//!
//! The binary is [`main_with`] and nothing else, so that a crate with scenarios of its own is a
//! leaklab of its own: with the whole catalogue, every command, and its scenarios beside them.
//!
//! ```no_run
//! use leaklab_scenarios::Scenario;
//!
//! fn scenarios() -> Vec<&'static dyn Scenario> {
//!     Vec::new() // &SessionTable, …
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     leaklab::main_with(&scenarios())
//! }
//! ```

mod acknowledged;
mod alarm;
mod attribution;
mod builds;
mod cgroup;
mod challenge;
mod cli;
mod commands;
mod config;
mod exit;
mod heap;
mod host;
mod nights;
mod plan;
mod procfs;
mod program_file;
mod progress;
mod prometheus;
mod recorder;
mod reported;
mod results;
mod rules;
mod run;
mod run_life;
mod server;
mod shard;
mod snapshot;
mod supervisor;
mod system;
mod tail;
mod text;
mod time;
mod words;

use leaklab_scenarios::{Scenario, catalogue};
use std::process::ExitCode;
use words::say;

/// Does what the command line says, with `scenarios` beside those of the catalogue.
///
/// The child of each cell is this program again, so that it must be the first thing that `main`
/// calls.
pub fn main_with(scenarios: &[&'static dyn Scenario]) -> ExitCode {
    if !system::has_small_stack() {
        return run_with(scenarios);
    }
    // A thread has the stack that it is given, whatever `ulimit -s` says of the first one.
    std::thread::scope(|scope| {
        let main = std::thread::Builder::new()
            .name("leaklab-main".to_owned())
            .stack_size(system::LEAST_STACK_BYTES)
            .spawn_scoped(scope, || run_with(scenarios));
        match main.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(exit)) => exit,
            Ok(Err(_)) | Err(_) => exit::Exit::Harness.into(),
        }
    })
}

fn run_with(scenarios: &[&'static dyn Scenario]) -> ExitCode {
    if let Err(error) = catalogue::register(scenarios) {
        say!("error: {error}");
        return exit::Exit::Usage.into();
    }
    let cli = match cli::parse() {
        Ok(cli) => cli,
        Err(answer) => return cli::answer(&answer).into(),
    };
    // The child of a cell keeps the limits that it was given.
    if !cli.is_cell() {
        system::prepare_process();
    }
    match cli.execute() {
        Ok(exit) => exit.into(),
        Err(error) => {
            say!("error: {error:#}");
            exit::of_error(&error).into()
        }
    }
}

/// The command line, for completions and manual pages.
pub fn command() -> clap::Command {
    cli::command()
}
