//! One process: its `stat` file is kept open and read again at each tick.
//!
//! The open file belongs to the process and not to its id: once the process is gone, reading
//! fails, even if another one has been given the same id.

use crate::system::{page_bytes, ticks_per_second};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;

/// Longest `stat` line: 52 fields of up to 20 digits and a name of up to 64 bytes.
const STAT_BYTES: usize = 2048;

/// A process of the tree.
pub struct Process {
    pub pid: u32,
    folder: PathBuf,
    stat: File,
    page_bytes: u64,
    ms_per_tick: f64,
    /// Whether the kernel gives the number of descriptors as the size of the `fd` folder
    /// (Linux 6.2 and later); found out at the first read.
    counts_descriptors: Option<bool>,
    /// CPU time at the last read; what is left of it when the process is gone.
    pub last_cpu_ms: u64,
}

/// What `/proc/<pid>/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessFigures {
    pub rss_bytes: u64,
    pub cpu_ms: u64,
    pub threads: u64,
}

/// The fields of `stat` that are used, numbered as in proc(5).
struct StatFields {
    state: u8,
    user_ticks: u64,
    system_ticks: u64,
    threads: u64,
    rss_pages: u64,
}

impl Process {
    /// Opens the files of a process; `None` if it is gone.
    pub fn open(pid: u32) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let stat = File::open(folder.join("stat")).ok()?;
        Some(Process {
            pid,
            folder,
            stat,
            page_bytes: page_bytes(),
            ms_per_tick: 1000.0 / ticks_per_second() as f64,
            counts_descriptors: None,
            last_cpu_ms: 0,
        })
    }

    /// Reads resident bytes, CPU time and threads; `None` if the process is gone.
    pub fn figures(&mut self) -> Option<ProcessFigures> {
        let mut text = [0; STAT_BYTES];
        let length = self.stat.read_at(&mut text, 0).ok()?;
        let fields = parse_stat(&text[..length])?;
        if fields.state == b'Z' || fields.state == b'X' {
            return None;
        }
        let cpu_ms = (fields.user_ticks + fields.system_ticks) as f64 * self.ms_per_tick;
        self.last_cpu_ms = cpu_ms as u64;
        Some(ProcessFigures {
            rss_bytes: fields.rss_pages * self.page_bytes,
            cpu_ms: self.last_cpu_ms,
            threads: fields.threads,
        })
    }

    /// Number of open descriptors; `None` if that cannot be read.
    pub fn descriptors(&mut self) -> Option<u64> {
        let folder = self.folder.join("fd");
        if self.counts_descriptors != Some(false) {
            let size = std::fs::metadata(&folder).ok()?.size();
            // A process without any descriptor is rarer than an old kernel.
            if size > 0 {
                self.counts_descriptors = Some(true);
                return Some(size);
            }
            if self.counts_descriptors.is_none() {
                self.counts_descriptors = Some(false);
            }
        }
        Some(std::fs::read_dir(&folder).ok()?.count() as u64)
    }

    /// Ids of the children that its threads have started and that still exist.
    pub fn children(&self, found: &mut Vec<u32>) {
        let Ok(tasks) = std::fs::read_dir(self.folder.join("task")) else {
            return;
        };
        for task in tasks.flatten() {
            if let Ok(text) = std::fs::read_to_string(task.path().join("children")) {
                found.extend(
                    text.split_whitespace()
                        .filter_map(|id| id.parse::<u32>().ok()),
                );
            }
        }
    }
}

fn parse_stat(text: &[u8]) -> Option<StatFields> {
    // The name may hold spaces and brackets; the last bracket ends it.
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(name_end + 2..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // Field 3 is the first of `rest`.
    let state = fields.next()?.as_bytes().first().copied()?;
    let mut number = |skip: usize| fields.nth(skip)?.parse::<u64>().ok();
    let user_ticks = number(10)?; // field 14
    let system_ticks = number(0)?; // 15
    let threads = number(4)?; // 20
    let rss_pages = number(3)?; // 24
    Some(StatFields {
        state,
        user_ticks,
        system_ticks,
        threads,
        rss_pages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let text = b"42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 3 0 9999 \
                     1000000 250 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0";
        let fields = parse_stat(text).expect("a stat line");
        assert_eq!(fields.state, b'S');
        assert_eq!((fields.user_ticks, fields.system_ticks), (7, 5));
        assert_eq!(fields.threads, 3);
        assert_eq!(fields.rss_pages, 250);
    }

    #[test]
    fn torn_lines_are_no_figures() {
        for text in [&b""[..], b"42", b"42 (x", b"42 (x) S 1 2"] {
            assert!(parse_stat(text).is_none());
        }
    }

    #[test]
    fn this_process_has_memory_threads_and_descriptors() {
        let mut process = Process::open(std::process::id()).expect("this process");
        let block = vec![1_u8; 32 << 20];
        let figures = process.figures().expect("figures");
        assert!(figures.rss_bytes > block.len() as u64);
        assert!(figures.threads >= 1);
        let before = process.descriptors().expect("a count");
        let files: Vec<_> = (0..64).map(|_| File::open("/proc/self/stat")).collect();
        let with = process.descriptors().expect("a count");
        assert!(with >= before + 48, "{before} to {with}");
        drop(files);
    }
}
