//! A run folder as an object: opens records, hands out samples and events of its cells.

use super::event::{Event, read_events};
use super::record::{
    CellPlan, CellStatus, FIRST_CERTIFIED, FORMAT_MAJOR, MISSING_SHARDS, RunRecord, State,
};
use super::table::{SampleTable, TableError, read_samples, stream_samples};
use serde::de::DeserializeOwned;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A run on disk.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its folder.
    pub folder: PathBuf,
    /// Its `run.json`.
    pub record: RunRecord,
    /// Its cells, in the order of the record.
    pub cells: Vec<Cell>,
}

/// A cell on disk.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Its folder.
    pub folder: PathBuf,
    /// What it is.
    pub plan: CellPlan,
    /// How it stands; `planned` if it never started.
    pub status: CellStatus,
}

/// Why a run could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such folder.
    #[error("`{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// There is nothing of a run in it.
    #[error("`{}` is not a run folder: it has no run.json", .0.display())]
    NotARun(PathBuf),
    /// A file of it could not be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file of it is not what it should be.
    #[error("`{}` is damaged: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// Its record is not one; the readings of its cells may be whole.
    #[error("`{}` {}\n(hint: it is the record of what was run; {way_out})", path.display(), what_is_wrong(source))]
    DamagedRecord {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
        /// What can still be done.
        way_out: String,
    },
    /// It was written by a later leaklab.
    #[error("`{}` has run format {found}, this leaklab reads up to {FORMAT_MAJOR}", path.display())]
    TooNew {
        /// The folder.
        path: PathBuf,
        /// Its major version.
        found: u32,
    },
    /// It has no cell of that name.
    #[error("`{}` has no cell `{wanted}`; it has {known}", path.display())]
    NoSuchCell {
        /// The folder.
        path: PathBuf,
        /// What was asked for.
        wanted: String,
        /// The cells it has.
        known: String,
    },
}

/// What a run lacks without these shards, in words; `None` if there are none.
pub fn lacks(shards: &[String]) -> Option<String> {
    let names = shards.join(", ");
    (!shards.is_empty())
        .then(|| format!("shard {names} is missing, and nothing is known of its cells"))
}

impl Run {
    /// The runs that it was merged of; none of any other.
    pub fn merged_from(&self) -> Vec<String> {
        self.record.configuration.texts("merged")
    }

    /// The shards of the whole, `3/3`, that were not there when it was merged: nothing is known of
    /// their cells.
    pub fn missing_shards(&self) -> Vec<String> {
        self.record.configuration.texts(MISSING_SHARDS)
    }

    /// What it lacks, in words; `None` if it is whole.
    pub fn lacks(&self) -> Option<String> {
        lacks(&self.missing_shards())
    }

    /// [`Run::missing_shards`] where `cells` are all of its cells; none of a part that somebody named.
    pub fn missing_shards_beside(&self, cells: &[Cell]) -> Vec<String> {
        match cells.len() == self.cells.len() {
            true => self.missing_shards(),
            false => Vec::new(),
        }
    }

    /// Opens a run folder, finished, running or dead.
    ///
    /// # Errors
    ///
    /// [`RunError`] if `run.json` is missing, damaged or too new. A damaged `status.json`
    /// makes its cell `running`, which is what a crash leaves behind.
    pub fn open(folder: &Path) -> Result<Self, RunError> {
        let path = folder.join("run.json");
        if !folder.exists() {
            return Err(RunError::Missing(folder.to_owned()));
        }
        if !path.is_file() {
            return Err(RunError::NotARun(folder.to_owned()));
        }
        let record: RunRecord = read_json(&path).map_err(|error| match error {
            RunError::Json { path, source } => RunError::DamagedRecord {
                path,
                source,
                way_out: without_record(folder),
            },
            other => other,
        })?;
        if record.format.major > FORMAT_MAJOR {
            return Err(RunError::TooNew {
                path: folder.to_owned(),
                found: record.format.major,
            });
        }
        let cells = record
            .cells
            .iter()
            .map(|plan| {
                let mut cell = Cell::open(folder, plan);
                let status = &mut cell.status;
                status.is_uncertified = record.format.major >= FIRST_CERTIFIED
                    && status.state == State::Finished
                    && status.samples > 0
                    && status.measurement.is_none();
                cell
            })
            .collect();
        Ok(Run {
            folder: folder.to_owned(),
            record,
            cells,
        })
    }

    /// A run of which nothing is known but one cell.
    pub(crate) fn without_record(folder: &Path, cell: Cell) -> Self {
        let name = folder.file_name().unwrap_or_default();
        Run {
            folder: folder.to_owned(),
            record: RunRecord {
                id: name.to_string_lossy().into_owned(),
                cells: vec![cell.plan.clone()],
                ..RunRecord::default()
            },
            cells: vec![cell],
        }
    }

    /// The cells whose address is `pattern` or begins with `pattern::`; `#2` may be left out.
    ///
    /// # Errors
    ///
    /// [`RunError::NoSuchCell`] with the addresses that exist if there is none.
    pub fn cells_named(&self, pattern: &str) -> Result<Vec<&Cell>, RunError> {
        let cells: Vec<&Cell> = self
            .cells
            .iter()
            .filter(|cell| cell.is_named(pattern))
            .collect();
        if cells.is_empty() {
            let known: Vec<_> = self
                .cells
                .iter()
                .map(|cell| format!("`{}`", cell.plan.id))
                .collect();
            return Err(RunError::NoSuchCell {
                path: self.folder.clone(),
                wanted: pattern.to_owned(),
                known: known.join(", "),
            });
        }
        Ok(cells)
    }
}

impl Cell {
    /// Opens a cell of the run in that folder, without the run's record: what a harness that
    /// knows its plan needs. A cell that never started is `planned`, one whose status cannot be
    /// read is `running`.
    pub fn open(run_folder: &Path, plan: &CellPlan) -> Self {
        // A name from a file is not trusted to stay inside the run.
        let name = Path::new(&plan.folder)
            .file_name()
            .unwrap_or_else(|| "unnamed".as_ref());
        Self::in_folder(last_attempt(run_folder.join(name)), plan.clone())
    }

    /// A cell of which the record is lost: its address is the name of its folder.
    pub(crate) fn without_record(folder: &Path) -> Self {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let (scenario, variant) = name.split_once("--").unwrap_or(("", &name));
        let plan = CellPlan {
            id: name.replacen("--", "::", 1),
            folder: name.clone().into_owned(),
            scenario: scenario.to_owned(),
            variant: variant.to_owned(),
            ..CellPlan::default()
        };
        Self::in_folder(folder.to_owned(), plan)
    }

    fn in_folder(folder: PathBuf, plan: CellPlan) -> Self {
        let path = folder.join("status.json");
        let status = match read_json(&path) {
            Ok(status) => status,
            Err(RunError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                CellStatus::default()
            }
            Err(_) => CellStatus {
                state: State::Running,
                ..CellStatus::default()
            },
        };
        Cell {
            folder,
            plan,
            status,
        }
    }

    /// The folder of another attempt at this cell.
    pub fn next_attempt(&self) -> PathBuf {
        if !self.folder.exists() {
            return self.folder.clone();
        }
        let name = self.folder.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let (name, number) = match name.rsplit_once(ATTEMPT) {
            Some((name, number)) => (name, number.parse().unwrap_or(1)),
            None => (name.as_ref(), 1),
        };
        let next: u32 = number + 1;
        self.folder.with_file_name(format!("{name}{ATTEMPT}{next}"))
    }

    /// Reads the columns of the cell's samples that `wanted` accepts, packed hours too.
    ///
    /// # Errors
    ///
    /// As for [`read_samples`].
    pub fn samples(&self, wanted: impl Fn(&str) -> bool) -> Result<SampleTable, TableError> {
        read_samples(&self.folder, wanted)
    }

    /// Shows those rows to `each`, part by part, in memory that does not grow with them.
    ///
    /// # Errors
    ///
    /// As for [`read_samples`].
    pub fn stream(
        &self,
        wanted: impl Fn(&str) -> bool,
        each: impl FnMut(&SampleTable),
    ) -> Result<SampleTable, TableError> {
        stream_samples(&self.folder, wanted, each)
    }

    /// Whether hours of its samples are packed: it may have more rows than memory should hold.
    pub fn has_packed_hours(&self) -> bool {
        self.folder.join(super::packed::PACKED).is_file()
    }

    /// Reads `events.jsonl`.
    ///
    /// # Errors
    ///
    /// As for [`read_events`].
    pub fn events(&self) -> std::io::Result<Vec<Event>> {
        read_events(&self.folder.join("events.jsonl"))
    }

    /// Reads `verdict.json` as whatever the judge wrote; `None` if there is none (yet).
    pub fn verdict<T: DeserializeOwned>(&self) -> Option<T> {
        read_json(&self.folder.join("verdict.json")).ok()
    }

    fn is_named(&self, pattern: &str) -> bool {
        let id = self.plan.id.as_str();
        let base = id.split_once('#').map_or(id, |(base, _)| base);
        id == pattern
            || base == pattern
            || base
                .strip_prefix(pattern)
                .is_some_and(|rest| rest.starts_with("::"))
    }
}

/// What precedes the number of an attempt in the name of a cell's folder, from the second on.
const ATTEMPT: &str = ".attempt-";

/// The folder of the last attempt at a cell.
fn last_attempt(first: PathBuf) -> PathBuf {
    let name = first.file_name().unwrap_or_default().to_string_lossy();
    let attempts = (2_u32..).map(|number| first.with_file_name(format!("{name}{ATTEMPT}{number}")));
    let last = attempts.take_while(|folder| folder.is_dir()).last();
    last.unwrap_or(first)
}

/// A damaged record in words.
fn what_is_wrong(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof if error.column() == 0 => "is empty".to_owned(),
        serde_json::error::Category::Eof => format!("is cut off at line {}", error.line()),
        serde_json::error::Category::Syntax => format!("is not JSON: {error}"),
        _ => format!("is not the record of a run: {error}"),
    }
}

/// What can be done with a run whose record is lost: the samples are tables like any other.
fn without_record(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut samples: Vec<PathBuf> = entries
        .map(|entry| entry.path().join("samples.csv"))
        .filter(|path| path.is_file())
        .collect();
    samples.sort();
    match &samples[..] {
        [] => "no cell has written samples, so there is nothing to judge".to_owned(),
        [only] => format!(
            "the samples are judged without it by `leaklab judge {}`",
            quoted(only)
        ),
        _ => format!(
            "the samples of its {} cells are judged without it by `leaklab judge {}/*/samples.csv`",
            samples.len(),
            quoted(folder)
        ),
    }
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    match text.chars().all(is_plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Opens a file to be read. What is no file is refused before it is opened: a named pipe would
/// never answer.
///
/// # Errors
///
/// The error of the operating system.
pub(crate) fn open_regular(path: &Path) -> std::io::Result<std::fs::File> {
    if !std::fs::metadata(path)?.is_file() {
        let message = "it is not a file";
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            message,
        ));
    }
    std::fs::File::open(path)
}

/// Largest JSON record that is read; the record of ten thousand cells has a tenth of it.
const LARGEST_RECORD: u64 = 256 << 20;

/// Reads a file of a run folder whole. What is no file is refused: a named pipe would never answer.
///
/// # Errors
///
/// The error of the operating system.
pub fn read_whole(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut text = Vec::new();
    open_regular(path)?
        .take(LARGEST_RECORD)
        .read_to_end(&mut text)?;
    Ok(text)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    let text = read_whole(path).map_err(|source| RunError::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_slice(&text).map_err(|source| RunError::Json {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file so that it appears whole or not at all: under a temporary name in the same
/// folder, synced, then renamed.
///
/// # Errors
///
/// The error of the operating system; the temporary file is removed then.
pub fn write_atomically(path: &Path, contents: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = std::fs::File::create(&temporary).and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_data()
    });
    written
        .and_then(|()| std::fs::rename(&temporary, path))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(&temporary);
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_with(record: &RunRecord) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = serde_json::to_vec(record).expect("JSON");
        write_atomically(&folder.path().join("run.json"), &text).expect("a file");
        folder
    }

    fn plan(id: &str, folder: &str) -> CellPlan {
        CellPlan {
            id: id.to_owned(),
            folder: folder.to_owned(),
            ..CellPlan::default()
        }
    }

    #[test]
    fn a_run_that_died_early_opens_with_what_there_is() {
        let folder = run_with(&RunRecord {
            cells: vec![plan("a::x", "a--x"), plan("a::y", "a--y")],
            ..RunRecord::default()
        });
        std::fs::create_dir(folder.path().join("a--x")).expect("a folder");
        std::fs::write(folder.path().join("a--x/status.json"), "{\"state\":\"ru").expect("a file");
        let run = Run::open(folder.path()).expect("a run");
        assert_eq!(run.cells[0].status.state, State::Running);
        assert_eq!(run.cells[1].status.state, State::Planned);
        assert!(run.cells[0].samples(|_| true).is_err());
        assert!(run.cells[0].events().expect("no events").is_empty());
    }

    #[test]
    fn the_last_attempt_at_a_cell_is_the_cell() {
        let folder = run_with(&RunRecord {
            cells: vec![plan("a::x", "a--x")],
            ..RunRecord::default()
        });
        let cell = || Run::open(folder.path()).expect("a run").cells.remove(0);
        assert_eq!(cell().next_attempt(), folder.path().join("a--x"));
        for (there, next) in [
            ("a--x", "a--x.attempt-2"),
            ("a--x.attempt-2", "a--x.attempt-3"),
        ] {
            std::fs::create_dir(folder.path().join(there)).expect("a folder");
            assert_eq!(cell().folder, folder.path().join(there));
            assert_eq!(cell().next_attempt(), folder.path().join(next));
        }
    }

    #[test]
    fn cells_are_found_by_scenario_variant_and_repetition() {
        let folder = run_with(&RunRecord {
            cells: vec![plan("a::x#1", "1"), plan("a::x#2", "2"), plan("ab::x", "3")],
            ..RunRecord::default()
        });
        let run = Run::open(folder.path()).expect("a run");
        let found = |pattern| run.cells_named(pattern).map(|cells| cells.len());
        assert_eq!(found("a").expect("two"), 2);
        assert_eq!(found("a::x").expect("two"), 2);
        assert_eq!(found("a::x#2").expect("one"), 1);
        let message = found("b").expect_err("none").to_string();
        assert!(message.contains("`a::x#1`, `a::x#2`, `ab::x`"), "{message}");
    }

    #[test]
    fn folders_that_are_no_runs_or_too_new_are_refused_with_the_reason() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        assert!(matches!(Run::open(empty.path()), Err(RunError::NotARun(_))));
        let mut record = RunRecord::default();
        record.format.major = FORMAT_MAJOR + 1;
        let newer = run_with(&record);
        assert!(matches!(
            Run::open(newer.path()),
            Err(RunError::TooNew { found, .. }) if found == FORMAT_MAJOR + 1
        ));
    }

    #[test]
    fn a_damaged_record_says_what_it_was_and_how_the_samples_are_judged_without_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("run.json");
        let message = |text: &str| {
            std::fs::write(&path, text).expect("a file");
            Run::open(folder.path()).expect_err("damaged").to_string()
        };
        assert!(message("").contains("nothing to judge"));
        let judge_all = format!(
            "by `leaklab judge {}/*/samples.csv`",
            folder.path().display()
        );
        for cell in ["b--y", "a--x"] {
            std::fs::create_dir(folder.path().join(cell)).expect("a folder");
            let samples = folder.path().join(cell).join("samples.csv");
            std::fs::write(&samples, "elapsed_ms\n").expect("a file");
        }
        for (text, words) in [
            ("", "run.json` is empty\n(hint: "),
            (
                "{\"format\":{\"major\":1,",
                "run.json` is cut off at line 1\n",
            ),
            ("\u{7f}ELF", "run.json` is not JSON: expected value"),
            ("[1, 2]", "run.json` is not the record of a run: "),
            ("{\"cells\": 3}", "run.json` is not the record of a run: "),
        ] {
            let message = message(text);
            assert!(message.contains(words), "{text}: {message}");
            assert!(message.contains(&judge_all), "{text}: {message}");
            assert!(message.contains("2 cells"), "{text}: {message}");
        }
    }

    #[test]
    fn a_path_in_a_command_is_one_word() {
        assert_eq!(
            quoted(Path::new("out/runs/2026-k3f9")),
            "out/runs/2026-k3f9"
        );
        assert_eq!(quoted(Path::new("my run")), "'my run'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }

    #[test]
    fn a_cell_folder_cannot_point_outside_its_run() {
        let folder = run_with(&RunRecord {
            cells: vec![plan("a::x", "../../etc")],
            ..RunRecord::default()
        });
        let run = Run::open(folder.path()).expect("a run");
        assert_eq!(run.cells[0].folder, folder.path().join("etc"));
    }
}
