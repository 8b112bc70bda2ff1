//! Marks that come from outside: lines of a file beside the samples, which the harness takes over
//! into the events.

use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The file, in a cell's folder.
const FILE: &str = "marks.jsonl";
/// Most bytes of marks that are read at once.
const MOST_BYTES: u64 = 64 << 10;

/// A mark as it waits in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftMark {
    /// What it is called.
    pub name: String,
    /// Its wall-clock time.
    pub unix_ms: f64,
    /// How long it lasts.
    pub duration_ms: Option<f64>,
}

fn unix_ms() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64() * 1e3
}

/// Leaves a mark in a cell's folder.
///
/// # Errors
///
/// The error of the operating system.
pub fn leave_mark(cell: &Path, name: &str, length: Option<Duration>) -> std::io::Result<()> {
    let mark = LeftMark {
        name: name.to_owned(),
        unix_ms: unix_ms(),
        duration_ms: length.map(|length| length.as_secs_f64() * 1e3),
    };
    let mut line = serde_json::to_vec(&mark)?;
    line.push(b'\n');
    // One write to a file that is only appended to: marks of two callers do not mix.
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(cell.join(FILE))?;
    file.write_all(&line)
}

/// The marks of a cell that were not taken yet.
#[derive(Debug, Default)]
pub struct MarkFile {
    taken_bytes: u64,
}

impl MarkFile {
    /// Marks that were left since the last call, with their age in milliseconds.
    pub fn take(&mut self, cell: &Path) -> Vec<(f64, LeftMark)> {
        self.read(cell).unwrap_or_default()
    }

    fn read(&mut self, cell: &Path) -> std::io::Result<Vec<(f64, LeftMark)>> {
        let path = cell.join(FILE);
        if std::fs::metadata(&path)?.len() <= self.taken_bytes {
            return Ok(Vec::new());
        }
        let mut file = std::fs::File::open(path)?;
        file.seek(SeekFrom::Start(self.taken_bytes))?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes)?;
        // A line that is being written waits for the next look.
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        self.taken_bytes += whole as u64;
        let now_ms = unix_ms();
        let lines = bytes[..whole].split(|byte| *byte == b'\n');
        let marks = lines.filter_map(|line| serde_json::from_slice::<LeftMark>(line).ok());
        Ok(marks
            .map(|mark| ((now_ms - mark.unix_ms).max(0.0), mark))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_is_taken_once() {
        let cell = tempfile::tempdir().expect("a folder");
        let mut file = MarkFile::default();
        assert_eq!(file.take(cell.path()), []);
        leave_mark(cell.path(), "deploy", None).expect("a file");
        leave_mark(cell.path(), "reload", Some(Duration::from_secs(2))).expect("a file");
        let names = |taken: Vec<(f64, LeftMark)>| -> Vec<(String, Option<f64>)> {
            taken
                .into_iter()
                .map(|(_, mark)| (mark.name, mark.duration_ms))
                .collect()
        };
        let expected = [
            ("deploy".to_owned(), None),
            ("reload".to_owned(), Some(2000.0)),
        ];
        assert_eq!(names(file.take(cell.path())), expected);
        assert_eq!(file.take(cell.path()), []);
    }
}
