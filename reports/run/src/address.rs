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

    /// Opens the run and picks its cells: all of them if the address names none.
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

/// The run that `folder` is a cell of, and that cell's address.
fn open_around_cell(folder: &Path) -> Result<(Run, Option<String>), RunError> {
    let not_a_run = || RunError::NotARun(folder.to_owned());
    let absolute = folder.canonicalize().map_err(|_| not_a_run())?;
    let run = Run::open(absolute.parent().ok_or_else(not_a_run)?).map_err(|error| match error {
        RunError::DamagedRecord { .. } => error,
        _ => not_a_run(),
    })?;
    let id = run
        .cells
        .iter()
        .find(|cell| cell.folder == absolute)
        .map(|cell| cell.plan.id.clone())
        .ok_or_else(not_a_run)?;
    Ok((run, Some(id)))
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
}
