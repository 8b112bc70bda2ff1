//! `snapshots.jsonl`: what was taken of the objects of a program while it ran, a line each.

use super::folder::open_regular;
use super::lines::read_bounded_line;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Name of the file in a cell's folder.
pub const SNAPSHOTS_FILE: &str = "snapshots.jsonl";
/// Name of the folder beside it that holds what was taken, each file gzipped.
pub const SNAPSHOTS_FOLDER: &str = "snapshots";
/// Most lines that are read: what no run of ours writes.
const MOST_TAKINGS: usize = 100_000;

/// One snapshot that was taken, or was to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taking {
    /// What the series of snapshots is called.
    pub name: String,
    /// The form of its files: `class-histogram`, `heapsnapshot`, …
    pub format: String,
    /// Its number within the series, from 0.
    pub number: u64,
    /// When it was asked for, on the clock of the samples.
    pub elapsed_ms: f64,
    /// How long it took.
    pub took_ms: f64,
    /// Operations completed by then, where they are counted.
    pub ops_total: Option<u64>,
    /// The process of which it was taken.
    pub pid: u32,
    /// Other processes of the tree that ran the same then, and were not looked at.
    #[serde(skip_serializing_if = "is_zero")]
    pub others: u64,
    /// The runtime of these, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The rule that asked for it, from 1; absent where it was its time.
    pub rule: Option<u64>,
    /// Its file below the cell's folder; absent where there is none.
    pub file: Option<String>,
    /// Bytes of it before they were packed.
    pub bytes: u64,
    /// Why there is none, or not the whole of it.
    pub error: Option<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Reads the takings of a cell; lines that are torn or unreadable are left out, a missing file is
/// no taking.
///
/// # Errors
///
/// The error of the operating system.
pub fn read_takings(cell: &Path) -> std::io::Result<Vec<Taking>> {
    let file = match open_regular(&cell.join(SNAPSHOTS_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut takings = Vec::new();
    let mut reader = std::io::BufReader::new(file);
    let mut line = Vec::new();
    while takings.len() < MOST_TAKINGS && read_bounded_line(&mut reader, &mut line)? {
        takings.extend(serde_json::from_slice::<Taking>(&line).ok());
    }
    Ok(takings)
}

/// Opens the file of a taking below a cell's folder, still packed.
///
/// # Errors
///
/// The error of the operating system, or that the file's name leads elsewhere.
pub fn open_taking(cell: &Path, file: &str) -> std::io::Result<std::fs::File> {
    // A name from a file is not trusted to stay inside the cell.
    let name = Path::new(file).file_name().ok_or_else(|| {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no file's name")
    })?;
    open_regular(&cell.join(SNAPSHOTS_FOLDER).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takings_survive_torn_lines_and_names_stay_inside() {
        let cell = tempfile::tempdir().expect("a folder");
        assert_eq!(read_takings(cell.path()).expect("none"), []);
        let text = "{\"name\":\"classes\",\"number\":3,\"later\":1}\nnonsense\n{\"name\":\"cl";
        std::fs::write(cell.path().join(SNAPSHOTS_FILE), text).expect("a file");
        let takings = read_takings(cell.path()).expect("one");
        assert_eq!(takings.len(), 1);
        assert_eq!(
            (takings[0].name.as_str(), takings[0].number),
            ("classes", 3)
        );
        std::fs::write(cell.path().join("outside"), "x").expect("a file");
        assert!(open_taking(cell.path(), "../outside").is_err());
        assert!(open_taking(cell.path(), "..").is_err());
    }
}
