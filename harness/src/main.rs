//! leaklab: runs a program, samples its memory, and says whether it leaks.

mod cli;
mod closing;
mod commands;
mod config;
mod exit;
mod host;
mod judging;
mod live;
mod liveness;
mod outside;
mod planning;
mod recorder;
mod recording;
mod server;
mod sources;
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
