//! How users name what they mean: a run, a cell of it, or a cell's folder; or the latest run, the
//! one before it, and the last one in which everything was as it should be.

use super::folder::{Cell, Run, RunError};
use super::lines::read_bounded_line;
use std::path::{Path, PathBuf};

/// A run folder, with the pattern of some of its cells behind `::` if there is one.
///
/// `leaklab-out/runs/20261121T031500Z-k3f9::alts-timeout::unpatched` names one cell, the
/// same without the last part names the cells of one scenario. The folder of a cell names
/// that cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The folder.
    pub folder: PathBuf,
    /// What follows the first `::`.
    pub cells: Option<String>,
}

impl Address {
    /// Splits `text`; whether it exists is found out by [`Address::resolve`]. `latest`, `previous`
    /// and `last-good` stand for runs of `$LEAKLAB_OUT`, or else of `leaklab-out`.
    pub fn parse(text: &str) -> Self {
        let address = Self::split(text);
        let out = std::env::var_os("LEAKLAB_OUT").unwrap_or_else(|| "leaklab-out".into());
        match address.named_in(Path::new(&out)) {
            Some(folder) if !address.folder.exists() => Address { folder, ..address },
            _ => address,
        }
    }

    /// The run of `out` that the folder is a name of.
    fn named_in(&self, out: &Path) -> Option<PathBuf> {
        let from_newest = |place: usize| runs_of(out).into_iter().rev().nth(place);
        match self.folder.to_str()? {
            "latest" => from_newest(0),
            "previous" => from_newest(1),
            "last-good" => last_good(out, self.cells.as_deref()),
            _ => None,
        }
    }

    fn split(text: &str) -> Self {
        match text.split_once("::") {
            Some((folder, cells)) => Address {
                folder: PathBuf::from(folder),
                cells: Some(cells.to_owned()),
            },
            None => Address {
                folder: PathBuf::from(text),
                cells: None,
            },
        }
    }

    /// Opens the run and picks its cells: all of them if the address names none. Any path
    /// inside a cell's folder names that cell. The cell of a run whose record is lost is known
    /// by its folder alone.
    ///
    /// # Errors
    ///
    /// [`RunError`] if there is no such run or no such cell in it.
    pub fn resolve(&self) -> Result<(Run, Vec<Cell>), RunError> {
        let (run, pattern) = match Run::open(&self.folder) {
            Ok(run) => (run, self.cells.clone()),
            Err(RunError::NotARun(_)) => open_around_cell(&self.folder)?,
            Err(error) => return Err(error),
        };
        let cells = match pattern {
            Some(pattern) => run.cells_named(&pattern)?.into_iter().cloned().collect(),
            None => run.cells.clone(),
        };
        Ok((run, cells))
    }
}

/// The run folders of `out`, the oldest first: names of runs begin with the second they began in,
/// and of those of one second the folders tell which was made earlier.
pub fn runs_of(out: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(out.join("runs")).into_iter().flatten();
    let mut runs: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("run.json").is_file())
        .collect();
    runs.sort_by_cached_key(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let second = name.split('-').next().unwrap_or_default().to_owned();
        let made = path.metadata().and_then(|folder| folder.created());
        (second, made.ok(), path.clone())
    });
    runs
}

/// The newest run of which every line of the history that is meant says that it was as it should
/// be.
fn last_good(out: &Path, cells: Option<&str>) -> Option<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Line {
        run: String,
        cell: String,
        #[serde(default)]
        is_good: bool,
        #[serde(default)]
        missing_shards: Vec<String>,
    }
    let history = std::fs::File::open(out.join("history.jsonl")).ok()?;
    let mut history = std::io::BufReader::new(history);
    let mut good: std::collections::BTreeMap<String, bool> = Default::default();
    let mut text = Vec::new();
    while read_bounded_line(&mut history, &mut text).ok()? {
        let Ok(line) = serde_json::from_slice::<Line>(&text) else {
            continue;
        };
        if cells.is_none_or(|cells| line.cell.starts_with(cells)) {
            let is_whole = line.missing_shards.is_empty();
            *good.entry(line.run).or_insert(true) &= line.is_good && is_whole;
        }
    }
    let is_good = |run: &PathBuf| {
        let name = run
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| good.get(&name) == Some(&true))
    };
    runs_of(out).into_iter().rev().find(is_good)
}

/// Folders between a file of a cell and the cell's own: `heap/…`.
const DEEPEST: usize = 2;

/// The run that `path` is inside a cell of, and that cell's address.
fn open_around_cell(path: &Path) -> Result<(Run, Option<String>), RunError> {
    let not_a_run = || RunError::NotARun(path.to_owned());
    let absolute = path.canonicalize().map_err(|_| not_a_run())?;
    for folder in absolute.ancestors().take(DEEPEST + 1) {
        let Some(around) = folder.parent() else { break };
        let run = match Run::open(around) {
            Ok(run) => run,
            // Its cells tell what they can without it.
            Err(RunError::DamagedRecord { .. }) if folder.join("samples.csv").is_file() => {
                let cell = Cell::without_record(folder);
                let id = cell.plan.id.clone();
                return Ok((Run::without_record(around, cell), Some(id)));
            }
            Err(_) => continue,
        };
        let mut cells = run.cells.iter();
        if let Some(cell) = cells.find(|cell| is_same(&cell.folder, folder)) {
            let id = cell.plan.id.clone();
            return Ok((run, Some(id)));
        }
    }
    Err(not_a_run())
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_double_colon_ends_the_folder() {
        let address = Address::parse("out/r1::alts-timeout::cleared");
        assert_eq!(address.folder, Path::new("out/r1"));
        assert_eq!(address.cells.as_deref(), Some("alts-timeout::cleared"));
        assert_eq!(Address::parse("out/r1").cells, None);
    }

    #[test]
    fn the_latest_run_the_one_before_and_the_last_good_one_have_names() {
        let out = tempfile::tempdir().expect("a temporary folder");
        for name in ["1", "2", "3", "4"] {
            let run = out.path().join("runs").join(name);
            std::fs::create_dir_all(&run).expect("folders");
            if name != "4" {
                std::fs::write(run.join("run.json"), "{}").expect("a file");
            }
        }
        let history = "{\"run\":\"1\",\"cell\":\"a\",\"is_good\":true}\n\
             {\"run\":\"2\",\"cell\":\"a\",\"is_good\":true}\n{\"torn\n\
             {\"run\":\"2\",\"cell\":\"b\",\"is_good\":false}\n";
        std::fs::write(out.path().join("history.jsonl"), history).expect("a file");
        for (text, expected) in [
            ("latest", Some("3")),
            ("previous::a", Some("2")),
            ("last-good", Some("1")),
            ("last-good::a", Some("2")),
            ("elsewhere", None),
        ] {
            let found = Address::split(text).named_in(out.path());
            let name = found.and_then(|run| Some(run.file_name()?.to_str()?.to_owned()));
            assert_eq!(name.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn any_path_inside_a_cell_names_the_cell_with_and_without_the_record() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let cell = run.path().join("a--x");
        std::fs::create_dir_all(cell.join("heap")).expect("folders");
        std::fs::write(cell.join("samples.csv"), "elapsed_ms\n").expect("a file");
        std::fs::write(cell.join("heap/1.heap"), "").expect("a file");
        let record = r#"{"cells":[{"id":"a::x","folder":"a--x"},{"id":"a::y","folder":"a--y"}]}"#;
        for record in [record, "{\"cells\":"] {
            std::fs::write(run.path().join("run.json"), record).expect("a file");
            for inside in ["", "samples.csv", "heap/1.heap"] {
                let path = cell.join(inside);
                let (_, cells) = Address::parse(&path.to_string_lossy())
                    .resolve()
                    .unwrap_or_else(|error| panic!("{inside}: {error}"));
                let ids: Vec<&str> = cells.iter().map(|cell| cell.plan.id.as_str()).collect();
                assert_eq!(ids, ["a::x"], "{inside}");
            }
        }
        let beside = run.path().join("report.html");
        std::fs::write(&beside, "").expect("a file");
        assert!(Address::parse(&beside.to_string_lossy()).resolve().is_err());
    }
}
