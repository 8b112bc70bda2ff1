//! One process: its `stat` file is kept open and read again at each tick.
//!
//! The open file belongs to the process and not to its id: once the process is gone, reading
//! fails, even if another one has been given the same id.

use crate::system::{self, ProcessHandle, page_bytes, ticks_per_second};
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Longest `stat` line: 52 fields of up to 20 digits and a name of up to 64 bytes.
const STAT_BYTES: usize = 2048;
/// Longest rollup: a line of 100 bytes and two dozen of 30.
const ROLLUP_BYTES: usize = 4096;

/// A process of the tree.
pub struct Process {
    pub pid: u32,
    /// Start in clock ticks since boot; with the id it names the process for good.
    pub start_ticks: u64,
    /// Process group when it was found.
    pub group: u32,
    descriptors: PathBuf,
    /// That folder, held open where there may be many: asking it is half as dear as by its path.
    folder: Option<HeldFolder>,
    stat: File,
    page_bytes: u64,
    ms_per_tick: f64,
    /// Whether the kernel gives the number of descriptors as the size of the `fd` folder
    /// (Linux 6.2 and later); found out at the first read.
    counts_descriptors: Option<bool>,
    /// CPU time at the last read; what is left of it when the process is gone.
    pub last_cpu_ms: u64,
}

/// A folder that is held open to be asked again, as long as descriptors are no matter.
struct HeldFolder(File);

/// Folders that are held.
static HELD: AtomicU64 = AtomicU64::new(0);

impl HeldFolder {
    /// `None` where a quarter of the descriptors of this process are taken by such folders.
    fn open(path: &Path) -> Option<Self> {
        if HELD.load(Ordering::Relaxed) >= system::own_descriptor_limit() / 4 {
            return None;
        }
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_PATH);
        let folder = options.open(path).ok()?;
        HELD.fetch_add(1, Ordering::Relaxed);
        Some(HeldFolder(folder))
    }
}

impl Drop for HeldFolder {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What `/proc/<pid>/stat` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessFigures {
    pub rss_bytes: u64,
    pub cpu_ms: u64,
    pub threads: u64,
}

/// What `/proc/<pid>/smaps_rollup` says, swapped-out bytes shared out like resident ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proportional {
    pub pss_bytes: u64,
    pub swap_bytes: u64,
}

/// Where a process comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ancestry {
    pub parent: u32,
    pub group: u32,
    pub session: u32,
    /// Whether it has ended and waits to be reaped.
    pub is_dead: bool,
}

/// The fields of `stat` that are used, numbered as in proc(5).
struct StatFields {
    state: u8,
    parent: u32,
    group: u32,
    session: u32,
    user_ticks: u64,
    system_ticks: u64,
    threads: u64,
    start_ticks: u64,
    mapped_bytes: u64,
    rss_pages: u64,
}

impl StatFields {
    fn is_dead(&self) -> bool {
        // One that is ending has given its memory back before it is called dead.
        matches!(self.state, b'Z' | b'X') || self.mapped_bytes == 0
    }
}

/// Where the process with this id comes from; `None` if it is gone.
pub fn ancestry(pid: u32) -> Option<Ancestry> {
    let fields = read_stat(&File::open(format!("/proc/{pid}/stat")).ok()?)?;
    Some(Ancestry {
        parent: fields.parent,
        group: fields.group,
        session: fields.session,
        is_dead: fields.is_dead() && fields.threads <= 1,
    })
}

/// When the process with this id was started, in clock ticks since boot; `None` if it is gone
/// or only waits to be reaped.
pub fn start_ticks(pid: u32) -> Option<u64> {
    let fields = read_stat(&File::open(format!("/proc/{pid}/stat")).ok()?)?;
    (!fields.is_dead() || fields.threads > 1).then_some(fields.start_ticks)
}

impl Process {
    /// Opens the files of a process; `None` if it is gone.
    pub fn open(pid: u32) -> Option<Self> {
        let stat = File::open(format!("/proc/{pid}/stat")).ok()?;
        let fields = read_stat(&stat)?;
        Some(Process {
            pid,
            start_ticks: fields.start_ticks,
            group: fields.group,
            descriptors: PathBuf::from(format!("/proc/{pid}/fd")),
            folder: None,
            stat,
            page_bytes: page_bytes(),
            ms_per_tick: 1000.0 / ticks_per_second() as f64,
            counts_descriptors: None,
            last_cpu_ms: 0,
        })
    }

    /// Reads resident bytes, CPU time and threads; `None` if the process is gone.
    pub fn figures(&mut self) -> Option<ProcessFigures> {
        let fields = match read_stat(&self.stat) {
            Some(fields) if !fields.is_dead() => fields,
            // The first thread has ended and others go on, or the one that was read has.
            Some(fields) if fields.threads > 1 => self.by_another_thread()?,
            Some(_) => return None,
            None if self.is_read_by_thread() => self.by_another_thread()?,
            None => return None,
        };
        let cpu_ms = (fields.user_ticks + fields.system_ticks) as f64 * self.ms_per_tick;
        self.last_cpu_ms = cpu_ms as u64;
        Some(ProcessFigures {
            rss_bytes: fields.rss_pages * self.page_bytes,
            cpu_ms: self.last_cpu_ms,
            threads: fields.threads,
        })
    }

    fn is_read_by_thread(&self) -> bool {
        self.descriptors != Path::new(&format!("/proc/{}/fd", self.pid))
    }

    /// Reads the process by a thread that lives: memory and descriptors are not told by one
    /// that has ended, even if it is the first. `/proc/<thread>` is the whole process too.
    fn by_another_thread(&mut self) -> Option<StatFields> {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid)).ok()?;
        for thread in threads.flatten() {
            let name = thread.file_name();
            let folder = Path::new("/proc").join(&name);
            let Ok(stat) = File::open(folder.join("stat")) else {
                continue;
            };
            if let Some(fields) = read_stat(&stat).filter(|fields| !fields.is_dead()) {
                self.stat = stat;
                self.descriptors = folder.join("fd");
                self.folder = None;
                return Some(fields);
            }
        }
        None
    }

    /// Whether it lives, in no matter which of its threads.
    pub fn is_alive(&mut self) -> bool {
        self.figures().is_some()
    }

    /// Whether its id is still taken by it: it lives, or waits to be reaped.
    pub fn exists(&self) -> bool {
        read_stat(&self.stat).is_some()
    }

    /// Reads the proportional set and swap; the kernel walks all its pages for it.
    pub fn proportional(&self) -> Option<Proportional> {
        let path = self.descriptors.with_file_name("smaps_rollup");
        // In one piece: a file without a length is else read in growing ones.
        let mut text = [0; ROLLUP_BYTES];
        let length = File::open(path).ok()?.read_at(&mut text, 0).ok()?;
        parse_rollup(&text[..length])
    }

    /// The name of the program, as the kernel cuts it.
    pub fn name(&self) -> String {
        let path = self.descriptors.with_file_name("comm");
        let name = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&name).trim_end().to_owned()
    }

    /// Sends it a signal, and never another process that has its id by now.
    pub fn signal(&mut self, signal: i32) {
        let handle = ProcessHandle::open(self.pid);
        // Only if it lives after the handle was taken is the handle its own.
        if !self.is_alive() {
            return;
        }
        match handle {
            Some(handle) => handle.signal(signal),
            None => system::signal_process(self.pid, signal),
        }
    }

    /// Number of open descriptors; `None` if that cannot be read.
    pub fn descriptors(&mut self) -> Option<u64> {
        if self.counts_descriptors != Some(false) {
            if self.folder.is_none() {
                self.folder = HeldFolder::open(&self.descriptors);
            }
            let size = match &self.folder {
                Some(folder) => folder.0.metadata(),
                None => std::fs::metadata(&self.descriptors),
            };
            let size = size.ok()?.size();
            // A process without any descriptor is rarer than an old kernel.
            if size > 0 {
                self.counts_descriptors = Some(true);
                return Some(size);
            }
            if self.counts_descriptors.is_none() {
                self.counts_descriptors = Some(false);
            }
        }
        Some(std::fs::read_dir(&self.descriptors).ok()?.count() as u64)
    }
}

fn read_stat(stat: &File) -> Option<StatFields> {
    let mut text = [0; STAT_BYTES];
    let length = stat.read_at(&mut text, 0).ok()?;
    parse_stat(&text[..length])
}

fn parse_stat(text: &[u8]) -> Option<StatFields> {
    // The name may hold spaces and brackets; the last bracket ends it.
    let name_end = text.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(text.get(name_end + 2..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    // Field 3 is the first of `rest`.
    let state = fields.next()?.as_bytes().first().copied()?;
    let mut number = |skip: usize| fields.nth(skip)?.parse::<i64>().ok();
    // The parent, group and session of a process of another namespace are zero.
    let id = |number: i64| u32::try_from(number).unwrap_or(0);
    let parent = id(number(0)?); // field 4
    let group = id(number(0)?); // 5
    let session = id(number(0)?); // 6
    let user_ticks = number(7)?; // 14
    let system_ticks = number(0)?; // 15
    let threads = number(4)?; // 20
    let start_ticks = number(1)?; // 22
    let mapped_bytes = number(0)?; // 23
    let rss_pages = number(0)?; // 24
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Some(StatFields {
        state,
        parent,
        group,
        session,
        user_ticks: count(user_ticks),
        system_ticks: count(system_ticks),
        threads: count(threads),
        start_ticks: count(start_ticks),
        mapped_bytes: count(mapped_bytes),
        rss_pages: count(rss_pages),
    })
}

/// Reads `Pss:` and `SwapPss:`; without the latter (Linux before 4.3) `Swap:`.
fn parse_rollup(text: &[u8]) -> Option<Proportional> {
    let text = std::str::from_utf8(text).ok()?;
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    };
    Some(Proportional {
        pss_bytes: bytes("Pss:")?,
        swap_bytes: bytes("SwapPss:").or_else(|| bytes("Swap:")).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let text = b"42 (a) b (c) S 1 40 39 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 3 0 9999 \
                     1000000 250 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0";
        let fields = parse_stat(text).expect("a stat line");
        assert_eq!(fields.state, b'S');
        assert_eq!((fields.parent, fields.group, fields.session), (1, 40, 39));
        assert_eq!((fields.user_ticks, fields.system_ticks), (7, 5));
        assert_eq!((fields.threads, fields.start_ticks), (3, 9999));
        assert_eq!(fields.rss_pages, 250);
        assert!(!fields.is_dead());
        let ending = b"42 (a) R 1 40 39 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 1 0 9999 0 0 1 1 1";
        assert!(parse_stat(ending).expect("a stat line").is_dead());
    }

    #[test]
    fn torn_lines_are_no_figures() {
        for text in [&b""[..], b"42", b"42 (x", b"42 (x) S 1 2"] {
            assert!(parse_stat(text).is_none());
        }
    }

    #[test]
    fn a_rollup_is_read_by_its_names() {
        let text = b"55d0-7ffe ---p 00000000 00:00 0  [rollup]\nRss:  884 kB\nPss:  385 kB\n\
                     Pss_Dirty:  68 kB\nSwap:  12 kB\nSwapPss:  8 kB\n";
        let read = parse_rollup(text).expect("a rollup");
        assert_eq!((read.pss_bytes, read.swap_bytes), (385 << 10, 8 << 10));
        assert_eq!(parse_rollup(b"Rss: 884 kB\n"), None);
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
        let proportional = process.proportional().expect("a proportional set");
        assert!(proportional.pss_bytes > block.len() as u64);
        assert!(process.is_alive());
    }
}
