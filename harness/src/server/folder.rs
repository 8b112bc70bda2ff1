//! The folder of runs, as far as a client may see it.

use crate::nights;
use crate::run_life::run_life;
use leaklab_reports::history::{MissingNight, SeriesStory, Tolerance, stories};
use leaklab_reports::page::{RunLife, RunSummary, SeriesRow, render_nights, series_rows};
use leaklab_run::Run;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Runs on one page of the list.
pub const RUNS_PER_PAGE: usize = 50;
/// Summaries of ended runs that are kept.
const MAX_SUMMARIES: usize = 1024;

/// Series of nights in the list; the gravest are.
const MAX_SERIES: usize = 60;

/// Longest time that rows of nights are kept: a night that does not come is missing by the clock.
const OLDEST_ROWS: Duration = Duration::from_secs(30);

/// Files of a cell that are handed out, besides nothing.
const CELL_FILES: [&str; 8] = [
    "samples.csv",
    "samples.packed",
    "processes.csv",
    "events.jsonl",
    "status.json",
    "verdict.json",
    "stdout.log",
    "stderr.log",
];

/// A folder whose sub-folders are runs, or a single run.
pub struct RunsFolder {
    /// Absolute and without links.
    root: PathBuf,
    /// The one run that is shown, if only one is.
    only: Option<String>,
    ended: Mutex<HashMap<String, (SystemTime, RunSummary)>>,
    /// What of the nights does not gate.
    tolerance: Tolerance,
    /// The rows of the nights, and the state of the history that they were made from.
    nights: Mutex<Option<(HistoryState, Instant, Vec<SeriesRow>)>>,
}

/// When the history was last written to, and its length.
type HistoryState = (SystemTime, u64);

impl RunsFolder {
    /// The runs in `folder`, in `folder/runs`, or `folder` itself if it is a run.
    ///
    /// # Errors
    ///
    /// The error of the operating system if there is no such folder.
    pub fn open(folder: &Path, tolerance: Tolerance) -> std::io::Result<Self> {
        let folder = folder.canonicalize()?;
        if !folder.is_dir() {
            return Err(std::io::ErrorKind::NotADirectory.into());
        }
        let is_run = folder.join("run.json").is_file();
        let (root, only) = match (is_run, folder.parent(), folder.file_name()) {
            (true, Some(parent), Some(name)) => {
                (parent.to_owned(), Some(name.to_string_lossy().into_owned()))
            }
            _ if folder.join("runs").is_dir() => (folder.join("runs").canonicalize()?, None),
            _ => (folder, None),
        };
        Ok(RunsFolder {
            root,
            only,
            ended: Mutex::new(HashMap::new()),
            tolerance,
            nights: Mutex::new(None),
        })
    }

    /// Where the runs are.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A run by the name of its folder.
    pub fn run(&self, id: &str) -> Option<Run> {
        Run::open(&self.run_folder(id)?).ok()
    }

    fn run_folder(&self, id: &str) -> Option<PathBuf> {
        if self.only.as_deref().is_some_and(|only| only != id) {
            return None;
        }
        let folder = inside(&self.root, &[id])?;
        folder.join("run.json").is_file().then_some(folder)
    }

    /// A file of a run that may be handed out: `["run.json"]`, `["charts", "x.png"]`,
    /// `[cell's folder, "samples.csv"]`.
    pub fn file(&self, id: &str, path: &[&str]) -> Option<PathBuf> {
        let known = match path {
            ["run.json"] => true,
            ["charts", name] => name.ends_with(".png") || name.ends_with(".svg"),
            [_, name] => CELL_FILES.contains(name),
            [_, "heap", name] => name.ends_with(".heap"),
            _ => false,
        };
        if !known {
            return None;
        }
        inside(&self.run_folder(id)?, path).filter(|file| file.is_file())
    }

    /// One page of the list, the newest runs first, and how many pages there are.
    pub fn list(&self, page: usize) -> (Vec<RunSummary>, usize) {
        let mut names: Vec<String> = match &self.only {
            Some(only) => vec![only.clone()],
            None => std::fs::read_dir(&self.root)
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok())
                .filter(|name| self.run_folder(name).is_some())
                .collect(),
        };
        names.sort_unstable_by(|a, b| b.cmp(a));
        let pages = names.len().div_ceil(RUNS_PER_PAGE).max(1);
        let first = page.saturating_sub(1).saturating_mul(RUNS_PER_PAGE);
        let summaries = names
            .iter()
            .skip(first)
            .take(RUNS_PER_PAGE)
            .map(|name| self.summary(name))
            .collect();
        (summaries, pages)
    }

    /// The series of nights of these runs, those first that need somebody; none where one run
    /// alone is shown.
    pub fn series(&self) -> Vec<SeriesRow> {
        let Some((_, state)) = self.history() else {
            return Vec::new();
        };
        let mut kept = self.nights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, made, rows)) = kept.as_ref()
            && (*of == state && made.elapsed() < OLDEST_ROWS)
        {
            return rows.clone();
        }
        let (stories, missing) = self.stories();
        let mut rows = series_rows(&stories, &self.tolerance, &missing);
        rows.truncate(MAX_SERIES);
        *kept = Some((state, Instant::now(), rows.clone()));
        rows
    }

    /// The page over nights; `None` where there is no history.
    pub fn nights_page(&self) -> Option<Result<String, String>> {
        let (path, _) = self.history()?;
        let (stories, missing) = self.stories();
        let place = path.display().to_string();
        let page = render_nights(&place, &stories, &self.tolerance, &missing, Some("../"));
        Some(page.map_err(|error| error.to_string()))
    }

    fn stories(&self) -> (Vec<SeriesStory>, Vec<MissingNight>) {
        let path = self.history().map(|(path, _)| path).unwrap_or_default();
        let read = nights::read(&path).ok();
        let mut read = read.unwrap_or_default();
        let stories = stories(std::mem::take(&mut read.records));
        let missing = nights::missing(&path, &read, &stories, None, &self.tolerance);
        (stories, missing)
    }

    /// The history beside the folder of runs, and its state.
    fn history(&self) -> Option<(PathBuf, HistoryState)> {
        if self.only.is_some() {
            return None;
        }
        let path = nights::history_file(self.root.parent()?);
        let found = std::fs::symlink_metadata(&path).ok()?;
        let state = (found.modified().ok()?, found.len());
        found.is_file().then_some((path, state))
    }

    fn summary(&self, id: &str) -> RunSummary {
        let modified = self
            .run_folder(id)
            .and_then(|folder| newest_change(&folder))
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, summary)) = ended.get(id)
            && *at == modified
        {
            return summary.clone();
        }
        let Some(folder) = self.run_folder(id) else {
            return RunSummary::unreadable(id, "it has gone");
        };
        match Run::open(&folder) {
            Ok(run) => {
                let life = run_life(&run, SystemTime::now());
                let summary = RunSummary::of(id, &run, life);
                if life == RunLife::Ended {
                    if ended.len() >= MAX_SUMMARIES {
                        ended.clear();
                    }
                    ended.insert(id.to_owned(), (modified, summary.clone()));
                }
                summary
            }
            Err(error) => RunSummary::unreadable(id, &error.to_string()),
        }
    }
}

/// When the folder or its record last changed: a verdict that comes later changes its cell's
/// folder only, and is seen when the server starts anew.
fn newest_change(folder: &Path) -> Option<SystemTime> {
    let modified = |path: &Path| std::fs::metadata(path).ok()?.modified().ok();
    modified(folder).max(modified(&folder.join("run.json")))
}

/// `root` with `path` below it, if that exists and is reached without a link and without a
/// way out: the resolved path must be the one that was spelled.
fn inside(root: &Path, path: &[&str]) -> Option<PathBuf> {
    let plain = |name: &&str| {
        !name.is_empty() && *name != "." && *name != ".." && !name.contains(['/', '\0'])
    };
    if !path.iter().all(plain) {
        return None;
    }
    let spelled = path
        .iter()
        .fold(root.to_owned(), |path, name| path.join(name));
    let resolved = spelled.canonicalize().ok()?;
    (resolved == spelled).then_some(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> (tempfile::TempDir, RunsFolder) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let run = folder.path().join("runs/r1");
        std::fs::create_dir_all(run.join("cell")).expect("folders");
        std::fs::write(run.join("run.json"), "{}").expect("a file");
        std::fs::write(run.join("cell/samples.csv"), "elapsed_ms\n").expect("a file");
        std::fs::write(run.join("cell/secret"), "s").expect("a file");
        std::fs::write(folder.path().join("secret.json"), "s").expect("a file");
        let runs = RunsFolder::open(folder.path(), Tolerance::default()).expect("a folder");
        (folder, runs)
    }

    #[test]
    fn only_files_of_runs_are_handed_out() {
        let (_folder, runs) = runs();
        assert!(runs.file("r1", &["run.json"]).is_some());
        assert!(runs.file("r1", &["cell", "samples.csv"]).is_some());
        for (id, path) in [
            ("r1", &["cell", "secret"][..]),
            ("r1", &["..", "secret.json"]),
            ("r1", &["cell", "../../../secret.json"]),
            ("..", &["run.json"]),
            ("", &["run.json"]),
            (".", &["run.json"]),
            ("r1/cell", &["samples.csv"]),
            ("../runs/r1", &["run.json"]),
            ("r1\0", &["run.json"]),
            ("r1", &[]),
        ] {
            assert_eq!(runs.file(id, path), None, "{id} {path:?}");
        }
    }

    #[test]
    fn links_out_of_a_run_lead_nowhere() {
        let (folder, runs) = runs();
        let run = folder.path().join("runs/r1");
        std::os::unix::fs::symlink(
            folder.path().join("secret.json"),
            run.join("cell/stdout.log"),
        )
        .expect("a link");
        std::os::unix::fs::symlink("/", run.join("root")).expect("a link");
        assert_eq!(runs.file("r1", &["cell", "stdout.log"]), None);
        assert_eq!(runs.file("r1", &["root", "status.json"]), None);
    }

    #[test]
    fn a_run_by_itself_shows_no_neighbour() {
        let (folder, _) = runs();
        let other = folder.path().join("runs/r2");
        std::fs::create_dir(&other).expect("a folder");
        std::fs::write(other.join("run.json"), "{}").expect("a file");
        let runs = RunsFolder::open(&folder.path().join("runs/r1"), Tolerance::default())
            .expect("a folder");
        assert!(runs.run("r1").is_some());
        assert!(runs.run("r2").is_none());
        assert_eq!(runs.list(1).0.len(), 1);
    }
}
