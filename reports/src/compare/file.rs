//! Sides from files: samples of leaklab outside their run, and any CSV with a time and a value.

use super::side::{Side, SideError};
use crate::cell::{Readings, VerdictOptions};
use crate::foreign::{self, InputError, ReadOptions};
use std::path::Path;

/// Why a file cannot be a side.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be compared.
    #[error(transparent)]
    Side(#[from] SideError),
    /// It cannot be read as a table.
    #[error("`{file}`: {source}")]
    Input {
        /// The file.
        file: String,
        /// The cause.
        source: InputError,
    },
}

impl Side {
    /// Reads a file: all that a comparison knows if it is one of leaklab's, otherwise the
    /// growth of the first value column.
    ///
    /// # Errors
    ///
    /// [`FileError`] if it cannot be read, lacks a column or has no row.
    pub fn from_file(
        path: &Path,
        columns_wanted: &ReadOptions,
        options: &VerdictOptions,
    ) -> Result<Self, FileError> {
        let name = short_name(path);
        let chosen = columns_wanted.time.is_some() || !columns_wanted.values.is_empty();
        // A pipe can be read once, and holds no cell.
        let samples = path
            .is_file()
            .then(|| leaklab_run::read_table(path, |_| true));
        let mut side = match samples {
            Some(Ok(table)) if !chosen => {
                let readings = Readings::of_table(table, &[], options);
                Side::new(&name, &readings, readings.judge().map_err(Into::into))?
            }
            _ => foreign(&name, path, columns_wanted, options)?,
        };
        side.source = path.display().to_string();
        Ok(side)
    }
}

/// A side from a table that leaklab did not write.
fn foreign(
    name: &str,
    path: &Path,
    columns_wanted: &ReadOptions,
    options: &VerdictOptions,
) -> Result<Side, FileError> {
    let failed = |source| FileError::Input {
        file: path.display().to_string(),
        source,
    };
    let file = std::fs::File::open(path).map_err(|error| failed(InputError::Io(error)))?;
    let table = foreign::read_recording(file, columns_wanted)
        .and_then(foreign::Recording::into_only_table)
        .map_err(failed)?;
    let metric = match &table.metrics[..] {
        [] => return Err(failed(InputError::Empty)),
        [one] => one.name.clone(),
        several => {
            let names: Vec<&str> = several.iter().map(|one| one.name.as_str()).collect();
            return Err(failed(InputError::NotASeries(format!(
                "this table holds {} columns that could be compared ({}); pick one with --value",
                names.len(),
                names.join(", ")
            ))));
        }
    };
    let readings = Readings::of_foreign(table, options)
        .map_err(|words| failed(InputError::NotASeries(words)))?;
    let judged = readings.judge_alone(&metric).map_err(Into::into);
    Ok(Side::of_metric(name, &readings, &metric, judged)?)
}

/// The last two parts of a path: they tell files apart and fit a table.
fn short_name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}
