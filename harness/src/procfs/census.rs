//! Which processes belong to which cell, found once for all cells of this harness.
//!
//! A look once a second finds processes that are new since the look before: process ids are
//! given in rising order, so that only those between the last id then and now are read, and
//! nothing at all where no process was started. Where a control group holds the processes of
//! a cell, only those that left it are looked for here, more seldom.
//!
//! A process whose parent belongs to a cell belongs to it too. One whose parents have all ended
//! becomes a child of the harness (it adopts orphans) and is told by what it inherited: the
//! cell's name in its environment, its session or process group, or the pipe that it prints to.

use super::process::{Ancestry, ancestry};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Name of the variable that every process of a cell inherits.
pub const CELL_VARIABLE: &str = "LEAKLAB_CELL";

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The same for a cell with a control group, which names its processes at every tick, after
/// [`EARLY`]: what is left to be found is who left it, and orphans that ended.
const FENCED_LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// How long any cell is looked at often: what leaves, mostly leaves when a program starts.
const EARLY: Duration = Duration::from_secs(60);
/// Process ids that are tried one by one: most are gone, and asking for one costs about as much
/// as one that is there costs when `/proc` is listed.
const MOST_TRIED: u32 = 128;
/// Most processes that are kept; a fork bomb is bounded elsewhere, the harness's memory here.
const MOST_PROCESSES: usize = 16_384;
/// Looks after which an orphan that nothing tells apart counts as one that got away.
const LOOKS_AT_ORPHAN: u8 = 3;

/// What an orphan of a cell is known by.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// Value of [`CELL_VARIABLE`].
    pub token: String,
    /// Pipes and files behind its standard output and error, as `/proc` names them.
    pub outputs: Vec<String>,
}

/// A cell's root process, for as long as its tree is watched.
struct Root {
    marks: Marks,
    is_fenced: bool,
    since: Instant,
    /// Sessions and process groups of its members.
    groups: HashSet<u32>,
    /// Members that the tree has not asked for yet.
    found: Vec<u32>,
    escaped: u64,
}

/// All that is known.
#[derive(Default)]
struct Census {
    roots: HashMap<u32, Root>,
    /// Member to root.
    members: HashMap<u32, u32>,
    /// Children of the harness that belong to no cell: its own, or not told apart yet.
    orphans: HashMap<u32, u8>,
    last_pid: Option<u32>,
    looked: Option<Instant>,
    own_session: u32,
    /// `/proc/loadavg`, which is read again at each look.
    loads: Option<File>,
}

static CENSUS: Mutex<Option<Census>> = Mutex::new(None);

fn census() -> MutexGuard<'static, Option<Census>> {
    CENSUS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to follow the tree below `root`. One that was running before is read whole.
pub fn follow(root: u32, marks: Marks, is_own_child: bool, is_fenced: bool) {
    let mut census = census();
    let census = census.get_or_insert_default();
    census.roots.insert(
        root,
        Root {
            marks,
            is_fenced,
            since: Instant::now(),
            groups: HashSet::from([root]),
            found: Vec::new(),
            escaped: 0,
        },
    );
    census.members.insert(root, root);
    census.orphans.remove(&root);
    if !is_own_child {
        // What it has started so far lies anywhere.
        census.last_pid = None;
        census.looked = None;
    } else if census.roots.len() == 1 {
        census.last_pid = Some(root.saturating_sub(1));
    }
}

/// Members found since the last call, and how many orphans could not be told apart so far.
/// Looks at `/proc` if that is due, or at once with `now`.
pub fn found(root: u32, now: bool) -> (Vec<u32>, u64) {
    let mut census = census();
    let census = census.get_or_insert_default();
    let interval = census.interval(root);
    let due = census
        .looked
        .is_none_or(|looked| looked.elapsed() >= interval);
    if now || due {
        census.look();
    }
    match census.roots.get_mut(&root) {
        Some(known) => (std::mem::take(&mut known.found), known.escaped),
        None => (Vec::new(), 0),
    }
}

/// Members that are known without a look, by the control group that they are in.
pub fn claim(root: u32, pids: &[u32]) {
    let mut census = census();
    let census = census.get_or_insert_default();
    for &pid in pids {
        if census.members.len() < MOST_PROCESSES {
            census.members.entry(pid).or_insert(root);
            census.orphans.remove(&pid);
        }
    }
}

/// A member that has ended: its id may be another's from now on.
pub fn forget_member(pid: u32) {
    if let Some(census) = census().as_mut()
        && !census.roots.contains_key(&pid)
    {
        census.members.remove(&pid);
    }
}

/// Stops following a tree.
pub fn forget(root: u32) {
    if let Some(census) = census().as_mut() {
        census.roots.remove(&root);
        census.members.retain(|_, of| *of != root);
    }
}

impl Census {
    /// Time between two looks for the processes of a cell.
    fn interval(&self, root: u32) -> Duration {
        let is_held = |known: &Root| known.is_fenced && known.since.elapsed() >= EARLY;
        let are_told = || self.orphans.values().all(|looks| *looks >= LOOKS_AT_ORPHAN);
        match self.roots.get(&root).is_some_and(is_held) && are_told() {
            true => FENCED_LOOK_INTERVAL,
            false => LOOK_INTERVAL,
        }
    }

    /// The process id that was given last in this namespace: the last field of `/proc/loadavg`.
    fn read_last_pid(&mut self) -> Option<u32> {
        if self.loads.is_none() {
            self.loads = File::open("/proc/loadavg").ok();
        }
        let mut text = [0; 128];
        let length = self.loads.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(&text[..length]).ok()?;
        text.split_ascii_whitespace().last()?.parse().ok()
    }

    fn look(&mut self) {
        self.looked = Some(Instant::now());
        let before = self.last_pid;
        let last = self.read_last_pid();
        self.last_pid = last;
        let mut new = match (before, last) {
            (Some(before), Some(last)) if before == last => Vec::new(),
            (Some(before), Some(last)) if before < last && last - before <= MOST_TRIED => {
                (before + 1..=last).collect()
            }
            (Some(before), Some(last)) => processes(|pid| is_between(pid, before, last)),
            // A kernel that does not say, or a tree that was there before.
            _ => processes(|pid| !self.members.contains_key(&pid)),
        };
        new.extend(self.orphans.keys().copied());
        let harness = std::process::id();
        if self.own_session == 0 {
            self.own_session = ancestry(harness).map_or(0, |its| its.session);
        }
        let mut unknown: HashMap<u32, Ancestry> = new
            .into_iter()
            .filter(|pid| !self.members.contains_key(pid))
            .filter_map(|pid| Some((pid, ancestry(pid)?)))
            .collect();
        self.orphans.retain(|pid, _| unknown.contains_key(pid));
        // A child may have a smaller id than its parent: until nothing changes.
        loop {
            let owned: Vec<(u32, u32)> = unknown
                .iter()
                .filter_map(|(pid, its)| Some((*pid, *self.members.get(&its.parent)?)))
                .filter(|(pid, _)| is_process(*pid))
                .collect();
            if owned.is_empty() {
                break;
            }
            for (pid, root) in owned {
                self.take(pid, root, unknown.remove(&pid));
            }
        }
        unknown.retain(|pid, its| its.parent == harness && is_process(*pid));
        for (pid, its) in unknown {
            self.tell_apart(pid, &its);
        }
    }

    /// A member is one only once.
    fn take(&mut self, pid: u32, root: u32, ancestry: Option<Ancestry>) {
        self.orphans.remove(&pid);
        if self.members.len() >= MOST_PROCESSES || self.members.insert(pid, root).is_some() {
            return;
        }
        if let Some(known) = self.roots.get_mut(&root) {
            known.found.push(pid);
            if let Some(ancestry) = ancestry {
                known.groups.insert(ancestry.group);
                // Members that made no session of their own are in the harness's, with every other
                // cell and its root.
                if ancestry.session != self.own_session {
                    known.groups.insert(ancestry.session);
                }
            }
        }
    }

    fn tell_apart(&mut self, pid: u32, its: &Ancestry) {
        if its.is_dead {
            // An orphan that ended before anybody looked: nobody else will reap it. A child of
            // the harness's own is reaped by whoever started it, who wants to know how it ended:
            // also the root of a cell, which leads a known group.
            let is_root = self.roots.contains_key(&pid);
            if !is_root && (its.session != self.own_session || self.is_known_group(its)) {
                crate::system::reap(pid);
            }
            return;
        }
        let root = self
            .roots
            .iter()
            .find(|(_, root)| {
                root.groups.contains(&its.group) || root.groups.contains(&its.session)
            })
            .map(|(pid, _)| *pid)
            .or_else(|| self.inherited_from(pid));
        if let Some(root) = root {
            self.take(pid, root, Some(*its));
            return;
        }
        let looks = self.orphans.entry(pid).or_default();
        *looks = looks.saturating_add(1);
        // Children that the harness has started for its own ends (a guard, a load) stay in its
        // session; what is in another one has left a cell.
        if *looks == LOOKS_AT_ORPHAN && its.session != self.own_session {
            // Where one cell runs, it is that cell's.
            let mut roots = self.roots.keys();
            if let (Some(&root), None) = (roots.next(), roots.next()) {
                self.take(pid, root, Some(*its));
                return;
            }
            for root in self.roots.values_mut() {
                root.escaped += 1;
            }
        }
    }

    fn is_known_group(&self, its: &Ancestry) -> bool {
        let mut roots = self.roots.values();
        roots.any(|root| root.groups.contains(&its.group) || root.groups.contains(&its.session))
    }

    /// The root whose name or output a process has inherited.
    fn inherited_from(&self, pid: u32) -> Option<u32> {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let token = environment.split(|byte| *byte == 0).find_map(|variable| {
            let value = variable.strip_prefix(CELL_VARIABLE.as_bytes())?;
            value.strip_prefix(b"=")
        });
        let output = |number: u32| {
            let link = std::fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()?;
            link.to_str().map(str::to_owned)
        };
        let outputs = [output(1), output(2)];
        let by_token = |root: &Root| {
            !root.marks.token.is_empty() && token == Some(root.marks.token.as_bytes())
        };
        let by_output = |root: &Root| {
            let mut links = outputs.iter().flatten();
            links.any(|link| root.marks.outputs.contains(link))
        };
        let found = |is: &dyn Fn(&Root) -> bool| {
            let mut roots = self.roots.iter();
            roots.find(|(_, root)| is(root)).map(|(pid, _)| *pid)
        };
        found(&by_token).or_else(|| found(&by_output))
    }
}

/// Whether it is the id of a process and not of one of its further threads, which has the parent
/// of its process.
fn is_process(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    group.is_some_and(|group| group.trim().parse() == Ok(pid))
}

/// Whether an id was given after `before` and up to `last`; ids begin anew at the largest.
fn is_between(pid: u32, before: u32, last: u32) -> bool {
    match before <= last {
        true => pid > before && pid <= last,
        false => pid > before || pid <= last,
    }
}

fn processes(wanted: impl Fn(u32) -> bool) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| wanted(*pid))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_another_cell_in_the_same_session_is_not_taken_for_a_member() {
        let of = |group: u32, session: u32, parent: u32| Ancestry {
            parent,
            group,
            session,
            is_dead: false,
        };
        // Ids beyond the largest: nothing is read of them.
        let (root, other, own_session) = (5_000_000, 5_000_100, 4_999_999);
        let mut census = Census {
            own_session,
            ..Census::default()
        };
        let known = Root {
            marks: Marks {
                token: "one".to_owned(),
                outputs: Vec::new(),
            },
            is_fenced: false,
            since: Instant::now(),
            groups: HashSet::from([root]),
            found: Vec::new(),
            escaped: 0,
        };
        census.roots.insert(root, known);
        census.take(root + 1, root, Some(of(root, own_session, root)));
        census.tell_apart(other, &of(other, own_session, 1));
        assert_eq!(census.roots[&root].found, [root + 1]);
        // One that left for a session which a member made is the cell's.
        census.take(root + 2, root, Some(of(root + 2, root + 2, root)));
        census.tell_apart(root + 3, &of(root + 3, root + 2, 1));
        assert_eq!(census.roots[&root].found.last(), Some(&(root + 3)));
    }

    #[test]
    fn ids_begin_anew_at_the_largest() {
        assert!(is_between(11, 10, 12) && is_between(12, 10, 12));
        assert!(!is_between(10, 10, 12) && !is_between(13, 10, 12));
        assert!(is_between(32_700, 32_000, 400) && is_between(300, 32_000, 400));
        assert!(!is_between(500, 32_000, 400));
    }
}
