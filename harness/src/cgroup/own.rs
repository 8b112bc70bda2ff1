//! A control group for each cell, where this process may make one: nothing that a program starts
//! gets out of it, its memory is the kernel's own count, and the kernel holds its limit between
//! two looks of the watchdog.
//!
//! Version 1 takes a group below the harness's own. Version 2 lets no group have both processes
//! and accounting groups below it (cgroups(7), "no internal processes"), so that the harness
//! moves into a leaf first; that works where nothing else is in its group, as below
//! `systemd-run --user --scope -p Delegate=yes`.

use super::group::{GroupMemory, memory_in};
use super::{ControlGroup, MOUNTINFO, MemoryGroup, VERSION_1, number};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// Variable that turns groups of cells off (`0`).
const SWITCH: &str = "LEAKLAB_CELL_CGROUPS";
/// What the kernel allows beyond a memory limit, which is about resident and swapped-out memory:
/// a group is charged for page tables, sockets and page cache in use besides.
const KERNEL_SHARE: u64 = 8;
const KERNEL_BYTES: u64 = 16 << 20;
/// Times that an empty group is tried to be removed: what was killed leaves it a moment later.
const REMOVALS: u32 = 50;
const REMOVAL_PAUSE: Duration = Duration::from_millis(2);

/// Where groups of cells are made.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    folder: PathBuf,
    is_version_1: bool,
}

/// The control group of one cell; removed when it is dropped.
#[derive(Debug)]
pub struct CellGroup {
    group: ControlGroup,
    is_version_1: bool,
}

/// The files of a cell's group that are read with each row, kept open.
#[derive(Debug)]
pub struct Fence {
    group: ControlGroup,
    is_version_1: bool,
    /// Its folder, only to be asked for its links: a long path is dearer than all else of a look.
    folder: File,
    processes: File,
    stat: File,
    swap: Option<File>,
    events: Option<File>,
}

/// Longest file that is read again; `memory.stat` has some sixty lines.
const REREAD_BYTES: usize = 8192;

impl Fence {
    /// Ids of the processes that are in it.
    pub fn processes(&self) -> BTreeSet<u32> {
        let folder = self.folder.metadata();
        // A folder without others below it has two links.
        if folder.map_or(true, |folder| folder.nlink() > 2) {
            return self.group.processes();
        }
        let mut buffer = [0; REREAD_BYTES];
        match read_again(&self.processes, &mut buffer) {
            Some(text) if text.len() < REREAD_BYTES => {
                text.lines().filter_map(|line| line.parse().ok()).collect()
            }
            _ => self.group.processes(),
        }
    }

    /// What it is charged for now, page cache left out.
    pub fn memory(&self) -> Option<GroupMemory> {
        let mut buffer = [0; REREAD_BYTES];
        let stat = read_again(&self.stat, &mut buffer)?;
        memory_in(stat, self.is_version_1, || {
            let mut buffer = [0; 32];
            read_again(self.swap.as_ref()?, &mut buffer)?
                .trim()
                .parse()
                .ok()
        })
    }

    /// Processes of it that the kernel has killed for want of memory.
    pub fn oom_kills(&self) -> u64 {
        let mut buffer = [0; 512];
        let events = self.events.as_ref();
        let events = events.and_then(|events| read_again(events, &mut buffer));
        events.map_or(0, oom_kills_in)
    }
}

/// Reads a file of the kernel from its beginning, as it is now.
fn read_again<'a>(file: &File, buffer: &'a mut [u8]) -> Option<&'a str> {
    let length = file.read_at(buffer, 0).ok()?;
    std::str::from_utf8(buffer.get(..length)?).ok()
}

/// The count in `memory.events` or `memory.oom_control`.
fn oom_kills_in(events: &str) -> u64 {
    let mut lines = events.lines();
    let kills = lines.find_map(|line| line.strip_prefix("oom_kill "));
    kills.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// What the kernel says of a group's memory over its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupLife {
    /// Most memory that it was charged for, page cache included.
    pub peak_bytes: Option<u64>,
    /// Processes that the kernel has killed for want of memory.
    pub oom_kills: u64,
    /// Time that some of its processes waited for memory (PSI, version 2).
    pub memory_pressure_us: Option<u64>,
}

impl CellGroup {
    /// A group of that name; `None` where none can be made, which is no fault: the tree is then
    /// followed by its processes alone.
    pub fn create(name: &str, limit_bytes: Option<u64>) -> Option<Self> {
        static PLACE: OnceLock<Option<Place>> = OnceLock::new();
        PLACE
            .get_or_init(find_place)
            .as_ref()?
            .make(name, limit_bytes)
    }

    /// The file that a process enters the group by, writing `0`.
    ///
    /// # Errors
    ///
    /// That it cannot be opened.
    pub fn entry(&self) -> std::io::Result<OwnedFd> {
        let mut options = File::options();
        let entry = options.write(true).open(self.path("cgroup.procs"))?;
        Ok(entry.into())
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.group.folder()
    }

    /// The group as one that is read; `None` if its files cannot be opened.
    pub fn watched(&self) -> Option<Fence> {
        let open = |name: &str| File::open(self.path(name)).ok();
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_PATH);
        Some(Fence {
            group: self.group.clone(),
            is_version_1: self.is_version_1,
            folder: options.open(self.group.folder()).ok()?,
            processes: open("cgroup.procs")?,
            stat: open("memory.stat")?,
            swap: open("memory.swap.current"),
            events: open(self.events()),
        })
    }

    fn events(&self) -> &'static str {
        match self.is_version_1 {
            true => "memory.oom_control",
            false => "memory.events",
        }
    }

    /// Ends all of it at once, where the kernel can (version 2, Linux 5.14).
    pub fn kill(&self) {
        kill(self.group.folder());
    }

    /// What happened to it so far.
    pub fn life(&self) -> GroupLife {
        let peak = match self.is_version_1 {
            true => "memory.max_usage_in_bytes",
            false => "memory.peak",
        };
        let events = std::fs::read_to_string(self.path(self.events())).unwrap_or_default();
        let pressure = std::fs::read_to_string(self.path("memory.pressure")).unwrap_or_default();
        GroupLife {
            peak_bytes: number(&self.path(peak)),
            oom_kills: oom_kills_in(&events),
            memory_pressure_us: pressure.lines().find_map(|line| {
                let (_, total) = line.strip_prefix("some ")?.rsplit_once("total=")?;
                total.parse().ok()
            }),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.group.folder().join(name)
    }
}

impl Drop for CellGroup {
    fn drop(&mut self) {
        remove(self.group.folder());
    }
}

/// Where cells get groups of their own; `None` if they do not here.
pub fn cell_groups() -> Option<PathBuf> {
    let group = CellGroup::create(&format!("leaklab-doctor-{}", std::process::id()), None)?;
    group.folder().parent().map(Path::to_owned)
}

/// Ends what is in a group, for somebody who knows it by its folder alone, and removes it.
pub fn end_group(folder: &Path) {
    kill(folder);
    remove(folder);
}

fn kill(folder: &Path) {
    let kill = folder.join("cgroup.kill");
    if kill.exists() {
        // Refused or gone: its processes are ended one by one besides.
        let _ = std::fs::write(kill, "1");
    }
}

/// Groups below it go first: a program may have made some.
fn remove(folder: &Path) {
    for _ in 0..REMOVALS {
        for below in super::group::folders(folder) {
            remove_once(&below);
        }
        if remove_once(folder) {
            return;
        }
        std::thread::sleep(REMOVAL_PAUSE);
    }
}

fn remove_once(folder: &Path) -> bool {
    std::fs::remove_dir(folder).is_ok() || !folder.exists()
}

impl Place {
    fn make(&self, name: &str, limit_bytes: Option<u64>) -> Option<CellGroup> {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder).ok()?;
        let group = CellGroup {
            group: ControlGroup { folder },
            is_version_1: self.is_version_1,
        };
        group.group.memory()?;
        if let Some(limit_bytes) = limit_bytes {
            let most_bytes =
                (limit_bytes + limit_bytes / KERNEL_SHARE).saturating_add(KERNEL_BYTES);
            let file = match self.is_version_1 {
                true => "memory.limit_in_bytes",
                false => "memory.max",
            };
            // Without it the watchdog holds the limit alone.
            let _ = std::fs::write(group.path(file), most_bytes.to_string());
        }
        Some(group)
    }
}

fn find_place() -> Option<Place> {
    if std::env::var_os(SWITCH).is_some_and(|value| value == "0") {
        return None;
    }
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = std::fs::read_to_string(MOUNTINFO).ok()?;
    let own = MemoryGroup::find(&groups, &mounts)?;
    let folder = own.folder();
    if own.files == VERSION_1 {
        return Some(Place {
            folder,
            is_version_1: true,
        });
    }
    delegate_memory(&folder, std::process::id()).then_some(Place {
        folder,
        is_version_1: false,
    })
}

/// Lets groups below `folder` account for memory; the process moves into a leaf if it must.
fn delegate_memory(folder: &Path, pid: u32) -> bool {
    let has_memory = |file: &str| {
        let names = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        names.split_ascii_whitespace().any(|name| name == "memory")
    };
    let control = folder.join("cgroup.subtree_control");
    if has_memory("cgroup.subtree_control") {
        return true;
    }
    if !has_memory("cgroup.controllers") {
        return false;
    }
    if std::fs::write(&control, "+memory").is_ok() {
        return true;
    }
    let leaf = folder.join(format!("leaklab-{pid}"));
    if std::fs::create_dir(&leaf).is_err() {
        return false;
    }
    let enter = |group: &Path| std::fs::write(group.join("cgroup.procs"), pid.to_string());
    if enter(&leaf).is_ok() && std::fs::write(&control, "+memory").is_ok() {
        return true;
    }
    // Others are in the group: all is left as it was.
    let _ = enter(folder);
    remove_once(&leaf);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(files: &[(&str, &str)], is_version_1: bool) -> (tempfile::TempDir, CellGroup) {
        let root = tempfile::tempdir().expect("a folder");
        let group = CellGroup {
            group: ControlGroup {
                folder: root.path().join("cell"),
            },
            is_version_1,
        };
        std::fs::create_dir(group.folder()).expect("a folder");
        for (name, text) in files {
            std::fs::write(group.path(name), text).expect("a file");
        }
        (root, group)
    }

    #[test]
    fn the_life_of_a_group_is_read_in_both_versions() {
        let (_root, group) = place(
            &[
                ("memory.peak", "4096\n"),
                (
                    "memory.events",
                    "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n",
                ),
                (
                    "memory.pressure",
                    "some avg10=0.00 avg60=0.00 avg300=0.00 total=123\nfull avg10=0.00 total=9\n",
                ),
            ],
            false,
        );
        let expected = GroupLife {
            peak_bytes: Some(4096),
            oom_kills: 1,
            memory_pressure_us: Some(123),
        };
        assert_eq!(group.life(), expected);
        let (_root, group) = place(
            &[
                ("memory.max_usage_in_bytes", "8192\n"),
                (
                    "memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
                ),
            ],
            true,
        );
        let life = group.life();
        assert_eq!((life.peak_bytes, life.oom_kills), (Some(8192), 3));
    }

    #[test]
    fn memory_is_delegated_only_where_the_group_may_have_groups_below_it() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(root.path().join(name), text).expect("a file");
        };
        write("cgroup.controllers", "cpu io\n");
        write("cgroup.subtree_control", "cpu\n");
        assert!(!delegate_memory(root.path(), 7));
        write("cgroup.subtree_control", "cpu memory\n");
        assert!(delegate_memory(root.path(), 7));
        assert!(!root.path().join("leaklab-7").exists());
    }

    #[test]
    fn a_group_is_made_and_removed_where_the_machine_allows_it() {
        let name = format!("leaklab-test-{}", std::process::id());
        let Some(group) = CellGroup::create(&name, Some(1 << 30)) else {
            eprintln!("skipped: no control group can be made here");
            return;
        };
        let fence = group.watched().expect("its files");
        assert_eq!(fence.processes().len(), 0);
        assert_eq!(fence.memory().expect("figures").resident_bytes, 0);
        assert_eq!(fence.oom_kills(), 0);
        assert_eq!(group.life().oom_kills, 0);
        let folder = group.folder().to_owned();
        drop(group);
        assert!(!folder.exists());
    }
}
