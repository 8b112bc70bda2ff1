//! leaklab: runs a program, samples its memory, and says whether it leaks.

mod cli;
mod commands;
mod config;
mod exit;
mod host;
mod plan;
mod procfs;
mod progress;
mod recorder;
mod results;
mod run;
mod run_life;
mod server;
mod supervisor;
mod system;
mod tail;
mod text;
mod time;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = cli::Cli::parse().execute();
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            exit::of_error(&error).into()
        }
    }
}
