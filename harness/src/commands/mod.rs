//! One file per command, named by its verb.

pub mod ab;
pub mod arguments;
pub mod bisect;
pub mod calibrate;
mod canaries;
pub mod cell;
pub mod challenge;
pub mod chart;
pub mod compare;
pub mod detach;
pub mod doctor;
pub mod export;
pub mod field;
pub mod fleet;
mod given;
pub mod history;
pub mod judge;
pub mod list;
pub mod mark;
pub mod merge;
pub mod plan;
pub mod prune;
mod recording;
pub mod report;
pub mod resume;
pub mod run;
pub mod selfcheck;
mod selfcheck_hostile;
pub mod serve;
mod sources;
pub mod stop;
pub mod submit;
mod uncompared;
pub mod watch;
pub mod r#where;

use crate::words::clean;
use comfy_table::{ContentArrangement, Table};
use std::io::Write;
use std::os::fd::AsFd;

/// A table without frames: columns under their names.
pub fn plain_table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(table_width())
        .set_header(columns.iter().copied());
    table
}

/// Columns that a table may take: the terminal's, but not so few that words break; or what
/// fits a page elsewhere.
fn table_width() -> u16 {
    const NARROWEST: u16 = 100;
    const PAGE: u16 = 140;
    crate::system::terminal_columns(std::io::stdout().as_fd())
        .map_or(PAGE, |columns| columns.max(NARROWEST))
}

/// Writes results to stdout, without what could steer a terminal; a reader that has gone
/// (`| head`) is no failure.
///
/// # Errors
///
/// Any other error of the operating system.
pub fn print(text: &str) -> std::io::Result<()> {
    print_styled(&clean(text))
}

/// Writes text of our own that does steer the terminal; parts from elsewhere are cleaned by
/// the caller.
///
/// # Errors
///
/// As for [`print`].
pub fn print_styled(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
