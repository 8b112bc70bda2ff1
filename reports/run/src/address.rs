//! How users name what they mean: a run, a cell of it, or a cell's folder.

use super::folder::{Cell, Run, RunError};
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
    /// Splits `text`; whether it exists is found out by [`Address::resolve`].
    pub fn parse(text: &str) -> Self {
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
