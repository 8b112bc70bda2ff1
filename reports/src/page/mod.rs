//! The report of a run: one HTML file that opens anywhere, offline, and can be attached to a
//! ticket.
//!
//! It is made from the run folder alone, also from one whose run died half-way. Its order is
//! the reader's: verdicts in words, the comparison, charts, how it was run, how to read it.
//! Everything that came from a program is escaped, and the page's content security policy
//! names the digests of its own scripts and allows nothing else: no request leaves the page.
//!
//! - `gather`: reads the cells, one at a time, and thins what the charts draw
//! - `run`, `cell`, `costs`, `list`: what the templates show
//! - `nights`: the page over nights, made from a history instead
//! - `stacks`: where a cell grows
//! - `picture`: the static picture for print and for readers without JavaScript
//! - `templates/`, `script/`, and uPlot in `vendor/`: the page itself

mod cell;
mod costs;
mod gather;
mod list;
mod nights;
mod picture;
mod recording;
mod render;
mod run;
mod series;
mod stacks;

pub use list::{RunLife, RunSummary, render_list};
pub use nights::{SeriesRow, render_nights, series_rows};
pub use picture::PAGE_TEXT_ROOM;
pub use recording::{Recorded, recording_page};

use crate::attribution::Answer;
use leaklab_run::{Redactor, Run, TableError, clean, write_atomically};
use std::path::PathBuf;

/// Name of the file in the run folder.
pub const REPORT_FILE: &str = "report.html";

/// How a report is made.
#[derive(Debug, Clone)]
pub struct PageOptions {
    /// Cells that get charts; of more, only the gravest do, and the page says so.
    pub charted_cells: usize,
    /// Values that the charts hold at most, over all cells and lines; about nine bytes each.
    pub chart_values: usize,
    /// Where the page asks for fresh figures while the run goes on ([`render_live`]); only
    /// `leaklab serve` sets it. The page then may ask its own server, and nobody else.
    pub live_url: Option<String>,
    /// Where the list of runs is, for a page that is served.
    pub home_url: Option<String>,
    /// What is known of the run's life, beyond its folder.
    pub life: Option<RunLife>,
    /// Whether cells without a `verdict.json` are judged by their samples as they stand.
    pub judge_missing: bool,
}

impl Default for PageOptions {
    fn default() -> Self {
        PageOptions {
            charted_cells: 24,
            chart_values: 120_000,
            live_url: None,
            home_url: None,
            life: None,
            judge_missing: true,
        }
    }
}

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The samples of a cell could not be read. A missing file is not an error.
    #[error(transparent)]
    Samples(#[from] TableError),
    /// The page could not be put together.
    #[error("cannot write the report page: {0}")]
    Template(#[from] minijinja::Error),
    /// The data of the charts could not be written as JSON.
    #[error("cannot write the data of the report page: {0}")]
    Data(#[from] serde_json::Error),
    /// The file could not be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// The report of `run` as HTML.
///
/// Samples of one cell at a time are in memory; what stays of them is at most
/// [`PageOptions::chart_values`] values.
///
/// # Errors
///
/// [`PageError`] if samples that exist cannot be read. Missing files, columns and verdicts
/// make a page that says so.
pub fn render_run(run: &Run, options: &PageOptions) -> Result<String, PageError> {
    let gathered = gather::Gathered::of(run, options)?;
    let html = render::page(run, &gathered, options)?;
    Ok(handed_on(&html))
}

/// A page of one answer to the question where, with flame graphs, that needs no network.
///
/// # Errors
///
/// [`PageError::Template`] if it cannot be put together.
pub fn where_page(title: &str, answer: &Answer) -> Result<String, PageError> {
    let html = render::render_where_page(title, &stacks::StacksView::of(answer))?;
    Ok(handed_on(&html))
}

/// A page is made to be handed on: what looks like a secret stays here, and so do the characters
/// that could steer a terminal in which it is shown.
fn handed_on(html: &str) -> String {
    clean(&Redactor::default().text(html)).into_owned()
}

/// What changes on the page of a run that goes on: a JSON object with the parts of the page
/// by their element, and the data of the charts.
///
/// `running` tells the page whether to ask again.
///
/// # Errors
///
/// As for [`render_run`].
pub fn render_live(run: &Run, options: &PageOptions, running: bool) -> Result<String, PageError> {
    let gathered = gather::Gathered::of(run, options)?;
    render::live(run, &gathered, running)
}

/// Writes the report of `run` to `report.html` in its folder, whole or not at all, and
/// returns its path.
///
/// # Errors
///
/// As for [`render_run`], or [`PageError::Io`] if it cannot be written.
pub fn write_run(run: &Run, options: &PageOptions) -> Result<PathBuf, PageError> {
    let path = run.folder.join(REPORT_FILE);
    let html = render_run(run, options)?;
    write_atomically(&path, html.as_bytes()).map_err(|source| PageError::Io {
        path: path.clone(),
        source,
    })?;
    Ok(path)
}
