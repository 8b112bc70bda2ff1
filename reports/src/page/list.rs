//! The page that lists runs, for `leaklab serve`.

use super::PageError;
use super::cell::{percent_encoded, shell_line};
use super::gather::judged_standing;
use super::nights::SeriesRow;
use super::render::render_list_page;
use crate::cell::Standing;
use crate::compare::PairAnswer;
use leaklab_judge::amount::count_text;
use leaklab_run::{Run, State};
use serde::Serialize;

/// Whether somebody still writes to a run. A folder does not know; its harness's machine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunLife {
    /// It goes on.
    Running,
    /// Every cell has ended.
    Ended,
    /// Cells have not ended, and nobody works on them any more.
    Gone,
}

/// A run in the list.
#[derive(Debug, Clone, Serialize)]
pub struct RunSummary {
    /// Name of its folder.
    id: String,
    href: String,
    started: String,
    command: String,
    cells: String,
    sign: &'static str,
    class: &'static str,
    words: String,
    standings: String,
}

impl RunSummary {
    /// Sums up `run`, whose folder's name is `id`, by the verdicts that are stored in it.
    pub fn of(id: &str, run: &Run, life: RunLife) -> Self {
        let standings: Vec<Standing> = run.cells.iter().map(judged_standing).collect();
        let lacks = run.lacks();
        let pair = PairAnswer::of_ended(run).filter(|_| life == RunLife::Ended);
        let answered = pair.as_ref().map(PairAnswer::standing);
        let gravest = answered.or_else(|| standings.iter().copied().min());
        let gravest = gravest
            .filter(|_| lacks.is_none())
            .or(gravest.map(|gravest| gravest.min(Standing::Unjudged)))
            .unwrap_or(Standing::Unjudged);
        let ended = run
            .cells
            .iter()
            .filter(|cell| cell.status.state == State::Finished)
            .count();
        let (sign, class, words) = match life {
            RunLife::Running => (
                "▸",
                "open",
                format!("running, {ended} of {} ended", run.cells.len()),
            ),
            RunLife::Gone => ("†", "bad", "its harness died without a word".to_owned()),
            RunLife::Ended => (gravest.sign(), gravest.class(), "ended".to_owned()),
        };
        let counts: Vec<String> = Standing::ALL
            .into_iter()
            .filter_map(|standing| {
                let amount = standings.iter().filter(|s| **s == standing).count();
                let sentence = standing.sentence(amount == 1);
                (amount > 0).then(|| format!("{} {sentence}", count_text(amount as u64)))
            })
            .chain(lacks)
            .collect();
        let counted = counts.join("; ");
        RunSummary {
            id: id.to_owned(),
            href: format!("./runs/{}/", percent_encoded(id)),
            started: run.record.started_utc.clone(),
            command: shell_line(&run.record.command),
            cells: count_text(run.cells.len() as u64),
            sign,
            class,
            words,
            standings: pair.map_or(counted, |pair| pair.answer()),
        }
    }

    /// A folder whose run cannot be opened, with the reason.
    pub fn unreadable(id: &str, reason: &str) -> Self {
        RunSummary {
            id: id.to_owned(),
            href: String::new(),
            started: String::new(),
            command: String::new(),
            cells: String::new(),
            sign: "⊘",
            class: "bad",
            words: "cannot be read".to_owned(),
            standings: reason.to_owned(),
        }
    }
}

/// What the page of the list shows.
#[derive(Debug, Serialize)]
pub(super) struct ListContext<'a> {
    pub folder: &'a str,
    pub rows: &'a [SeriesRow],
    pub nights_url: &'static str,
    pub runs: &'a [RunSummary],
    pub page: usize,
    pub before: Option<usize>,
    pub next: Option<usize>,
}

/// The list of runs as HTML; `page` counts from 1 and is one of `pages`. Above it, `series` has
/// the trend and the figures of each series of nights.
///
/// The page asks its own address again every other second, and nobody else.
///
/// # Errors
///
/// [`PageError::Template`] if it cannot be put together.
pub fn render_list(
    folder: &str,
    series: &[SeriesRow],
    runs: &[RunSummary],
    page: usize,
    pages: usize,
) -> Result<String, PageError> {
    render_list_page(ListContext {
        folder,
        rows: series,
        nights_url: "./nights/",
        runs,
        page,
        before: (page > 1).then(|| page - 1),
        next: (page < pages).then_some(page + 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_stay_text_and_links_stay_paths() {
        let runs = [
            RunSummary::of("\"><script>x</script>", &empty_run(), RunLife::Gone),
            RunSummary::unreadable("../b", "<b>damaged</b>"),
        ];
        let page = render_list("<folder>", &[], &runs, 2, 3).expect("a page");
        assert!(
            !page.contains("<script>x")
                && !page.contains("<b>damaged")
                && !page.contains("<folder>")
        );
        assert!(
            page.contains("%22%3E%3Cscript%3Ex%3C%2Fscript%3E"),
            "{page}"
        );
        assert!(page.contains("?page=1") && page.contains("?page=3"));
    }

    fn empty_run() -> Run {
        Run {
            folder: std::path::PathBuf::new(),
            record: leaklab_run::RunRecord::default(),
            cells: Vec::new(),
        }
    }
}
