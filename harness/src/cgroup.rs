//! Control groups of version 1 and 2: the limits that this process runs under, and groups that
//! are watched.

mod group;
mod own;

pub use group::ControlGroup;
pub use own::{CellGroup, Fence, GroupLife, cell_groups, end_group};

use std::path::{Path, PathBuf};

/// Where the mounts of this process are listed.
const MOUNTINFO: &str = "/proc/self/mountinfo";

/// Where a process is in the hierarchy that accounts for memory.
struct MemoryGroup {
    /// Where the hierarchy is mounted.
    mount: PathBuf,
    /// The group, from there; empty for the root.
    path: String,
    /// File of the limit and of the usage.
    files: (&'static str, &'static str),
}

const VERSION_1: (&str, &str) = ("memory.limit_in_bytes", "memory.usage_in_bytes");
const VERSION_2: (&str, &str) = ("memory.max", "memory.current");

/// Bytes that the tightest memory limit of this process's groups leaves; `None` if none limits.
pub fn left_bytes() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = std::fs::read_to_string(MOUNTINFO).ok()?;
    left_in(&MemoryGroup::find(&groups, &mounts)?)
}

/// The least room of a group and all above it: each of them limits.
fn left_in(group: &MemoryGroup) -> Option<u64> {
    group
        .folder()
        .ancestors()
        .take_while(|folder| folder.starts_with(&group.mount))
        .filter_map(|folder| {
            let limit = number(&folder.join(group.files.0))?;
            // Version 1 writes the largest number of pages where there is no limit.
            let is_limit = limit < u64::MAX / 4;
            let used = number(&folder.join(group.files.1)).unwrap_or(0);
            is_limit.then(|| limit.saturating_sub(used))
        })
        .min()
}

/// The number in a file; `max` and everything else is none.
fn number(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

impl MemoryGroup {
    fn folder(&self) -> PathBuf {
        self.mount.join(self.path.trim_start_matches('/'))
    }

    /// Reads `/proc/<pid>/cgroup` and `/proc/<pid>/mountinfo` (cgroups(7), proc(5)).
    fn find(groups: &str, mounts: &str) -> Option<Self> {
        let line_of = |wanted: &dyn Fn(&str) -> bool| {
            groups.lines().find_map(|line| {
                let (_, rest) = line.split_once(':')?;
                let (controllers, path) = rest.split_once(':')?;
                wanted(controllers).then(|| path.to_owned())
            })
        };
        if let Some(path) = line_of(&|names| names.split(',').any(|name| name == "memory"))
            && let Some(mount) = mount_of(mounts, "cgroup", "memory")
        {
            return Some(MemoryGroup::below(mount, &path, VERSION_1));
        }
        let path = line_of(&str::is_empty)?;
        let mount = mount_of(mounts, "cgroup2", "")?;
        Some(MemoryGroup::below(mount, &path, VERSION_2))
    }

    /// In a container the mount shows a part of the hierarchy: its root is left out.
    fn below(
        (root, mount): (String, PathBuf),
        path: &str,
        files: (&'static str, &'static str),
    ) -> Self {
        let path = match root.as_str() {
            "/" => path,
            root => path.strip_prefix(root).unwrap_or(""),
        };
        MemoryGroup {
            mount,
            path: path.to_owned(),
            files,
        }
    }
}

/// Root and place of the mount of a type that has an option.
fn mount_of(mounts: &str, kind: &str, option: &str) -> Option<(String, PathBuf)> {
    mounts.lines().find_map(|line| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ');
        let (root, place) = (mount.nth(3)?, mount.next()?);
        let mut file_system = file_system.split(' ');
        let fits = file_system.next()? == kind
            && (option.is_empty()
                || file_system
                    .nth(1)
                    .is_some_and(|options| options.split(',').any(|one| one == option)));
        fits.then(|| (root.to_owned(), PathBuf::from(place)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hierarchy of files as the kernel shows them.
    fn recorded(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, text).expect("a file");
        }
        root
    }

    #[test]
    fn the_tightest_limit_above_a_process_counts() {
        let root = recorded(&[
            ("system.slice/memory.max", "1000000\n"),
            ("system.slice/memory.current", "300000\n"),
            ("system.slice/soak.service/memory.max", "max\n"),
            ("system.slice/soak.service/memory.current", "200000\n"),
        ]);
        let mounts = format!(
            "30 25 0:26 / {} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate",
            root.path().display()
        );
        let groups = "0::/system.slice/soak.service\n";
        let group = MemoryGroup::find(groups, &mounts).expect("a group");
        assert_eq!(left_in(&group), Some(700_000));
    }

    #[test]
    fn version_1_is_read_where_it_accounts_for_memory() {
        let root = recorded(&[
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.usage_in_bytes", "1\n"),
            ("job/memory.limit_in_bytes", "536870912\n"),
            ("job/memory.usage_in_bytes", "12\n"),
        ]);
        let mounts = format!(
            "31 25 0:27 / {} rw shared:10 - cgroup cgroup rw,memory",
            root.path().display()
        );
        let groups = "5:cpu,cpuacct:/\n3:memory:/job\n0::/\n";
        let group = MemoryGroup::find(groups, &mounts).expect("a group");
        assert_eq!(left_in(&group), Some(536_870_900));
        let none = MemoryGroup::find("3:memory:/\n", &mounts).expect("a group");
        assert_eq!(left_in(&none), None, "the largest number is no limit");
    }

    #[test]
    fn a_container_sees_its_own_part_of_the_hierarchy() {
        let root = recorded(&[("memory.max", "4096"), ("memory.current", "96")]);
        let mounts = format!(
            "30 25 0:26 /docker/abc {} ro - cgroup2 cgroup2 rw",
            root.path().display()
        );
        let group = MemoryGroup::find("0::/docker/abc\n", &mounts).expect("a group");
        assert_eq!(left_in(&group), Some(4000));
    }
}
