//! leaklab: runs a program, samples its memory, and says whether it leaks.

mod cgroup;
mod cli;
mod commands;
mod config;
mod exit;
mod heap;
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
mod words;

use clap::Parser;
use std::process::ExitCode;
use words::say;

fn main() -> ExitCode {
    system::prepare_process();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return cli::answer(&answer).into(),
    };
    match cli.execute() {
        Ok(exit) => exit.into(),
        Err(error) => {
            say!("error: {error:#}");
            exit::of_error(&error).into()
        }
    }
}
