//! A control group that is watched: which processes are in it, and what memory it is charged
//! for that no other file could give back.

use super::{MOUNTINFO, VERSION_1, mount_of, number};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Variable that names the root of the hierarchy, where it is not mounted in its usual place.
const ROOT_VARIABLE: &str = "LEAKLAB_CGROUP_ROOT";
/// Deepest group that a name is looked for in, and that processes are counted in.
const DEEPEST: usize = 12;
/// Shortest part of a container's id that is taken for it.
const SHORTEST_ID: usize = 4;
/// What runtimes write before a container's id.
const RUNTIMES: [&str; 5] = ["docker-", "cri-containerd-", "crio-", "libpod-", "nerdctl-"];

/// A group of processes whose memory the kernel accounts for together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlGroup {
    pub(super) folder: PathBuf,
}

/// What a group is charged for, besides page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupMemory {
    /// Anonymous and shared memory that is resident.
    pub resident_bytes: u64,
    /// What of it was swapped out; `None` if that is not accounted for.
    pub swap_bytes: Option<u64>,
}

impl ControlGroup {
    /// The group of a name (`shop.service`) or path.
    ///
    /// # Errors
    ///
    /// That there is none, or that several bear the name.
    pub fn named(name: &str) -> Result<Self, String> {
        let root = root()?;
        let given = Path::new(name);
        let below = root.join(name.trim_start_matches('/'));
        for folder in [given, &below] {
            if (given.is_absolute() || folder != given) && is_group(folder) {
                return ControlGroup::readable(folder);
            }
        }
        let is_it = |found: &str| {
            found == name
                || found
                    .strip_prefix(name)
                    .is_some_and(|rest| [".service", ".scope", ".slice"].contains(&rest))
        };
        ControlGroup::only(&root, &is_it, &format!("control group `{name}`"))
    }

    /// The group of a container, by its id or the beginning of it.
    ///
    /// # Errors
    ///
    /// That there is none, or that several begin like this.
    pub fn of_container(id: &str) -> Result<Self, String> {
        let is_hexadecimal = id.chars().all(|c| c.is_ascii_hexdigit());
        if id.len() < SHORTEST_ID || !is_hexadecimal {
            return Err(format!(
                "`{id}` is no container's id: the first {SHORTEST_ID} or more of its digits, as \
                 `docker ps` and `crictl ps` print them"
            ));
        }
        let is_it = |found: &str| {
            let bare = RUNTIMES
                .iter()
                .find_map(|runtime| found.strip_prefix(runtime))
                .unwrap_or(found);
            let bare = bare.strip_suffix(".scope").unwrap_or(bare);
            bare.starts_with(id) && bare.chars().all(|c| c.is_ascii_hexdigit())
        };
        ControlGroup::only(&root()?, &is_it, &format!("container `{id}`"))
    }

    fn only(root: &Path, is_it: &dyn Fn(&str) -> bool, what: &str) -> Result<Self, String> {
        let mut found = Vec::new();
        find(root, is_it, DEEPEST, &mut found);
        match &found[..] {
            [one] => ControlGroup::readable(one),
            [] => Err(format!(
                "there is no {what} below `{}`, or it may not be seen from here\n(hint: \
                 `systemd-cgls` shows the groups; a path names one for certain)",
                root.display()
            )),
            several => {
                let mut shown: Vec<String> = (several.iter().take(3))
                    .map(|folder| format!("`{}`", folder.display()))
                    .collect();
                if several.len() > shown.len() {
                    shown.push("…".to_owned());
                }
                Err(format!(
                    "{} groups are {what}: {}\n(hint: give the path of one)",
                    several.len(),
                    shown.join(", ")
                ))
            }
        }
    }

    fn readable(folder: &Path) -> Result<Self, String> {
        let group = ControlGroup {
            folder: folder.to_owned(),
        };
        match group.memory() {
            Some(_) => Ok(group),
            None => Err(format!(
                "`{}` does not account for memory\n(hint: systemd: MemoryAccounting=yes; version \
                 1: name the group below the `memory` controller)",
                folder.display()
            )),
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The last part of its path.
    pub fn name(&self) -> String {
        let name = self.folder.file_name().unwrap_or(self.folder.as_os_str());
        name.to_string_lossy().into_owned()
    }

    /// Ids of its processes, and of those in groups below it.
    pub fn processes(&self) -> BTreeSet<u32> {
        let mut pids = BTreeSet::new();
        collect(&self.folder, DEEPEST, &mut pids);
        pids
    }

    /// What it is charged for now, page cache left out; `None` if it is gone.
    pub fn memory(&self) -> Option<GroupMemory> {
        let stat = std::fs::read_to_string(self.folder.join("memory.stat")).ok()?;
        let has_version_1 = self.folder.join(VERSION_1.1).exists();
        let swap = || number(&self.folder.join("memory.swap.current"));
        memory_in(&stat, has_version_1, swap)
    }
}

/// What a `memory.stat` says; of version 2 swap stands in another file.
pub(super) fn memory_in(
    stat: &str,
    has_version_1: bool,
    swap: impl FnOnce() -> Option<u64>,
) -> Option<GroupMemory> {
    let value = |name: &str| {
        let mut lines = stat.lines().filter_map(|line| line.split_once(' '));
        let (_, value) = lines.find(|(key, _)| *key == name)?;
        value.trim().parse::<u64>().ok()
    };
    if !has_version_1 && let Some(anonymous) = value("anon") {
        return Some(GroupMemory {
            resident_bytes: anonymous + value("shmem").unwrap_or(0),
            swap_bytes: swap(),
        });
    }
    // Version 1: `rss` is anonymous memory; `total_` counts the groups below it too.
    let anonymous = value("total_rss").or(value("rss"))?;
    let shared = value("total_shmem").or(value("shmem")).unwrap_or(0);
    Some(GroupMemory {
        resident_bytes: anonymous + shared,
        swap_bytes: value("total_swap").or(value("swap")),
    })
}

/// Where the hierarchy is that accounts for memory.
fn root() -> Result<PathBuf, String> {
    if let Some(root) = std::env::var_os(ROOT_VARIABLE) {
        return Ok(PathBuf::from(root));
    }
    let mounts = std::fs::read_to_string(MOUNTINFO).unwrap_or_default();
    mount_of(&mounts, "cgroup", "memory")
        .or_else(|| mount_of(&mounts, "cgroup2", ""))
        .map(|(_, place)| place)
        .ok_or_else(|| {
            format!(
                "no control groups that account for memory are mounted here (hint: \
                 {ROOT_VARIABLE} names their folder)"
            )
        })
}

fn is_group(folder: &Path) -> bool {
    folder.join("cgroup.procs").is_file()
}

/// Groups whose name fits; not those inside one that does.
fn find(folder: &Path, is_it: &dyn Fn(&str) -> bool, depth: usize, found: &mut Vec<PathBuf>) {
    for below in folders(folder) {
        let name = below.file_name().unwrap_or_default().to_string_lossy();
        if is_it(&name) && is_group(&below) {
            found.push(below.clone());
        } else if depth > 0 {
            find(&below, is_it, depth - 1, found);
        }
    }
}

fn collect(folder: &Path, depth: usize, pids: &mut BTreeSet<u32>) {
    let text = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    pids.extend(
        text.lines()
            .filter_map(|line| line.trim().parse::<u32>().ok()),
    );
    if depth > 0 {
        for below in folders(folder) {
            collect(&below, depth - 1, pids);
        }
    }
}

/// Groups right below a group.
pub(super) fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_folder = |entry: &std::fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let mut folders: Vec<PathBuf> = entries
        .filter(is_folder)
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, text).expect("a file");
        }
    }

    #[test]
    fn page_cache_is_left_out_in_both_versions() {
        let root = tempfile::tempdir().expect("a folder");
        written(
            root.path(),
            &[
                (
                    "two/memory.stat",
                    "anon 100\nfile 9000\nshmem 20\nfile_mapped 7\n",
                ),
                ("two/memory.swap.current", "3\n"),
                ("two/cgroup.procs", "7\n5\n"),
                ("two/below/cgroup.procs", "9\n5\n"),
                ("one/memory.usage_in_bytes", "9999\n"),
                (
                    "one/memory.stat",
                    "cache 8000\nrss 1\nshmem 1\nswap 0\ntotal_cache 9000\ntotal_rss 50\n\
                     total_shmem 4\ntotal_swap 6\n",
                ),
                ("none/cgroup.procs", "1\n"),
            ],
        );
        let group = |name: &str| ControlGroup::readable(&root.path().join(name));
        let two = group("two").expect("a group");
        let memory = two.memory().expect("figures");
        assert_eq!((memory.resident_bytes, memory.swap_bytes), (120, Some(3)));
        assert_eq!(two.processes().into_iter().collect::<Vec<_>>(), [5, 7, 9]);
        let memory = group("one").expect("a group").memory().expect("figures");
        assert_eq!((memory.resident_bytes, memory.swap_bytes), (54, Some(6)));
        assert!(group("none").is_err());
    }

    #[test]
    fn a_container_is_found_by_the_beginning_of_its_id() {
        let root = tempfile::tempdir().expect("a folder");
        let stat = "anon 1\nshmem 1\n";
        for name in [
            "system.slice/docker-3f5c9aa1b2c3.scope",
            "kubepods.slice/pod1/cri-containerd-77aa00112233.scope",
            "kubepods.slice/pod1/crio-conmon-77bb00112233.scope",
            "docker/3f5c77e1b2c3",
        ] {
            let (procs, memory) = (
                format!("{name}/cgroup.procs"),
                format!("{name}/memory.stat"),
            );
            written(root.path(), &[(&procs, "1\n"), (&memory, stat)]);
        }
        let found = |id: &str| {
            let is_it = |name: &str| name.contains(id) && !name.contains("conmon");
            ControlGroup::only(root.path(), &is_it, "container")
        };
        assert_eq!(
            found("77aa").expect("one").name(),
            "cri-containerd-77aa00112233.scope"
        );
        assert!(found("3f5c").expect_err("two").contains("2 groups"));
        assert!(found("0000").expect_err("none").contains("there is no"));
        assert!(
            ControlGroup::of_container("shop")
                .expect_err("a name")
                .contains("docker ps")
        );
    }
}
