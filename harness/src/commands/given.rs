//! The sides of a comparison, as its arguments name them.

use crate::commands::sources::{TableArguments, is_readable};
use crate::exit::usage;
use crate::words::say;
use leaklab_reports::cell::VerdictOptions;
use leaklab_reports::compare::{Side, base_name, pooled};
use leaklab_run::{Address, Cell, Run};
use std::path::{Path, PathBuf};

/// What one argument names.
pub enum Given {
    /// Cells of a run.
    Cells(Box<Run>, Vec<Cell>),
    /// A table.
    File(PathBuf),
}

/// What could be read of an argument.
pub struct Read {
    /// A side for each cell, repetitions taken together.
    pub sides: Vec<Side>,
    /// The cells of which nothing could be read.
    pub unread: Vec<String>,
}

impl Given {
    /// Opens what `text` names.
    ///
    /// # Errors
    ///
    /// A usage error for what does not exist.
    pub fn open(text: &str) -> anyhow::Result<Self> {
        let path = Path::new(text);
        if is_readable(path) {
            // Samples inside their run know more than the file alone.
            let folder = path.parent().filter(|_| path.ends_with("samples.csv"));
            let cell =
                folder.and_then(|folder| Address::parse(&folder.to_string_lossy()).resolve().ok());
            return Ok(match cell {
                Some((run, cells)) => Given::Cells(Box::new(run), cells),
                None => Given::File(path.to_owned()),
            });
        }
        let (run, cells) = Address::parse(text)
            .resolve()
            .map_err(|error| usage(error.to_string()))?;
        Ok(Given::Cells(Box::new(run), cells))
    }

    /// Everything that the argument names. What has no samples is left out and told, unless
    /// nothing else is there.
    ///
    /// # Errors
    ///
    /// A usage error if nothing could be read.
    pub fn sides(&self, tables: &TableArguments, options: &VerdictOptions) -> anyhow::Result<Read> {
        let found: Vec<(String, Result<Side, String>)> = match self {
            Given::Cells(run, cells) => (cells.iter())
                .map(|cell| {
                    let side = Side::from_cell(run, cell, options);
                    (cell.plan.id.clone(), side.map_err(|e| e.to_string()))
                })
                .collect(),
            Given::File(path) => {
                let columns = tables.read_options()?;
                let side = Side::from_file(path, &columns, options);
                vec![(self.source(), side.map_err(|e| e.to_string()))]
            }
        };
        let (mut sides, mut unread, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        for (name, one) in found {
            match one {
                Ok(side) => sides.push(side),
                Err(failure) => {
                    unread.push(name);
                    failures.push(failure);
                }
            }
        }
        if sides.is_empty() {
            return Err(usage(failures.join("; ")));
        }
        for failure in failures {
            say!("left out: {failure}");
        }
        Ok(Read {
            sides: pooled(sides),
            unread,
        })
    }

    /// The cells of a run; a file has none.
    ///
    /// # Errors
    ///
    /// A usage error for a file.
    pub fn cells(&self) -> anyhow::Result<&[Cell]> {
        match self {
            Given::Cells(_, cells) => Ok(cells),
            Given::File(path) => Err(usage(format!(
                "`{}` is a table: only runs know their stacks",
                path.display()
            ))),
        }
    }

    /// The addresses of its cells, repetitions as one; of a file its path.
    pub fn names(&self) -> Vec<String> {
        let Given::Cells(_, cells) = self else {
            return vec![self.source()];
        };
        let mut names: Vec<String> = Vec::new();
        for cell in cells {
            let name = base_name(&cell.plan.id);
            if !names.iter().any(|one| one == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// The name of the run, to tell cells of several apart.
    pub fn source(&self) -> String {
        match self {
            Given::Cells(run, _) => run.record.id.clone(),
            Given::File(path) => path.display().to_string(),
        }
    }

    /// The shards that its run lacks; none of a part of it that somebody named.
    pub fn missing_shards(&self) -> Vec<String> {
        match self {
            Given::Cells(run, cells) => run.missing_shards_beside(cells),
            Given::File(_) => Vec::new(),
        }
    }

    /// What is on both sides: a measurement that is held against itself is never worse.
    pub fn common(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Given::File(one), Given::File(two)) => {
                let is_one = one.is_file() && one.canonicalize().ok() == two.canonicalize().ok();
                is_one.then(|| self.source())
            }
            (Given::Cells(run, cells), Given::Cells(other_run, others)) => {
                let is_same = |one: &Cell, two: &Cell| {
                    one.plan.id == two.plan.id
                        && (run.folder.canonicalize().ok() == other_run.folder.canonicalize().ok()
                            || (share_a_run(run, other_run) && one.status == two.status))
                };
                let found = (cells.iter()).find(|one| others.iter().any(|two| is_same(one, two)));
                found.map(|cell| cell.plan.id.clone())
            }
            _ => None,
        }
    }
}

/// Whether two folders hold cells of one run: a copy of it, or a whole that it was merged into.
fn share_a_run(one: &Run, other: &Run) -> bool {
    let runs = |run: &Run| {
        let mut runs = run.merged_from();
        runs.push(run.record.id.clone());
        runs
    };
    let others = runs(other);
    runs(one)
        .iter()
        .any(|id| !id.is_empty() && others.contains(id))
}
