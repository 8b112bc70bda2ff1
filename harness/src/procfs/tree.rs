//! A process and all its descendants, those that left it too; or the processes of a control
//! group.

use super::census::{self, Marks};
use super::process::{Process, ProcessFigures};
use crate::cgroup::{ControlGroup, Fence};
use crate::system::{self, thread_cpu_us};
use std::time::{Duration, Instant};

/// Share of the time that reading the proportional set may take: the kernel walks all pages
/// of a process for it, so that its pace follows its cost.
const PROPORTIONAL_SHARE: f64 = 0.00005;
/// The same in the first [`PROPORTIONAL_EARLY`]: a short run must have some readings, too.
const PROPORTIONAL_EARLY_SHARE: f64 = 0.0005;
/// How long readings may cost more.
const PROPORTIONAL_EARLY: Duration = Duration::from_secs(60);
/// Least time between two readings of it.
const PROPORTIONAL_INTERVAL: Duration = Duration::from_secs(1);
/// Longest time between two readings: a night has some hundred of them in any case.
const PROPORTIONAL_LONGEST: Duration = Duration::from_secs(120);

/// Sums over a process tree; `None` is a figure that could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutsideFigures {
    /// Resident set.
    pub rss_bytes: Option<u64>,
    /// Proportional set; read at a pace that its cost allows.
    pub pss_bytes: Option<u64>,
    /// Swapped-out bytes; read with the proportional set.
    pub swap_bytes: Option<u64>,
    /// CPU time, of processes that are gone too.
    pub cpu_ms: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// Processes.
    pub processes: Option<u64>,
    /// Anonymous and shared memory that the tree's own control group is charged for.
    pub cgroup_bytes: Option<u64>,
    /// CPU time that this reading cost.
    pub cost_us: u64,
}

/// A process of the tree, for `processes.csv` and for words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    pub pid: u32,
    pub name: String,
    pub figures: ProcessFigures,
    pub descriptors: Option<u64>,
    pub pss_bytes: Option<u64>,
}

/// Samples a process tree.
pub struct ProcessTree {
    root: u32,
    /// The group whose processes these are, where no process is the root of all.
    group: Option<ControlGroup>,
    /// The group that the root was started in: who is in it is a member.
    fence: Option<Fence>,
    processes: Vec<Process>,
    /// Members that have ended and were not reaped yet.
    ended: Vec<Process>,
    /// Id and start of members that nobody has been told of.
    news: Vec<(u32, u64)>,
    /// CPU time of the members that are gone.
    past_cpu_ms: u64,
    /// When the proportional set was first read.
    proportional_since: Option<Instant>,
    proportional_due: Option<Instant>,
    swap_bytes: u64,
    escaped: u64,
    /// Whether a member came or went since the kernel's kills were counted last.
    has_changed: bool,
    kills_counted: Option<Instant>,
    kills: u64,
}

/// Time between two counts of the kernel's kills while no member comes or goes.
const KILLS_INTERVAL: Duration = Duration::from_secs(5);

impl ProcessTree {
    /// The tree below and with the process `root`, which may be running for long.
    pub fn new(root: u32) -> Self {
        Self::following(root, Marks::default(), None, false)
    }

    /// The tree of a child that was just started, whose orphans are known by `marks`, and by the
    /// control group `fence` that it was started in.
    pub fn of_child(root: u32, marks: Marks, fence: Option<Fence>) -> Self {
        Self::following(root, marks, fence, true)
    }

    fn following(root: u32, marks: Marks, fence: Option<Fence>, is_own_child: bool) -> Self {
        census::follow(root, marks, is_own_child, fence.is_some());
        let mut tree = Self::empty(root, fence, None);
        tree.processes.extend(Process::open(root));
        let members = tree.processes.iter();
        tree.news = members.map(|one| (one.pid, one.start_ticks)).collect();
        tree
    }

    fn empty(root: u32, fence: Option<Fence>, group: Option<ControlGroup>) -> Self {
        ProcessTree {
            root,
            group,
            fence,
            processes: Vec::new(),
            ended: Vec::new(),
            news: Vec::new(),
            past_cpu_ms: 0,
            proportional_since: None,
            proportional_due: None,
            swap_bytes: 0,
            escaped: 0,
            has_changed: true,
            kills_counted: None,
            kills: 0,
        }
    }

    /// The processes of a control group, whose memory the kernel adds up.
    pub fn of_group(group: ControlGroup) -> Self {
        let mut tree = Self::empty(0, None, Some(group));
        tree.search(true);
        tree
    }

    /// Start of the root in clock ticks since boot.
    pub fn root_start_ticks(&self) -> Option<u64> {
        let mut processes = self.processes.iter();
        let root = processes.find(|process| process.pid == self.root)?;
        Some(root.start_ticks)
    }

    /// Id and start of the members that were found since the last call.
    pub fn take_news(&mut self) -> Vec<(u32, u64)> {
        std::mem::take(&mut self.news)
    }

    /// Processes that left the tree and could not be told apart.
    pub fn escaped(&self) -> u64 {
        self.escaped
    }

    /// Reads all figures.
    pub fn sample(&mut self) -> OutsideFigures {
        let started_us = thread_cpu_us();
        self.search(false);
        let mut figures = OutsideFigures::default();
        self.keep_living(|process, one| {
            add(&mut figures.rss_bytes, Some(one.rss_bytes));
            add(&mut figures.cpu_ms, Some(one.cpu_ms));
            add(&mut figures.threads, Some(one.threads));
            add(&mut figures.descriptors, process.descriptors());
            add(&mut figures.processes, Some(1));
        });
        if let Some(cpu_ms) = &mut figures.cpu_ms {
            *cpu_ms += self.past_cpu_ms;
        }
        match &self.group {
            None => {
                self.read_proportional(&mut figures);
                let charged = self.fence.as_ref().and_then(Fence::memory);
                figures.cgroup_bytes = charged.map(|charged| charged.resident_bytes);
            }
            // What the group is charged for, rather than what its processes map: their resident
            // sets hold pages of files that the kernel may drop.
            Some(group) => {
                let memory = group.memory();
                figures.rss_bytes = memory.map(|memory| memory.resident_bytes);
                figures.swap_bytes = memory.and_then(|memory| memory.swap_bytes);
                self.swap_bytes = figures.swap_bytes.unwrap_or(0);
            }
        }
        figures.cost_us = thread_cpu_us() - started_us;
        figures
    }

    /// Whether a process was a member when the tree was read last.
    pub fn has(&self, pid: u32) -> bool {
        self.processes.iter().any(|process| process.pid == pid)
    }

    /// Hands each living member to `take`; those that have ended are put aside.
    fn keep_living(&mut self, mut take: impl FnMut(&mut Process, ProcessFigures)) {
        let mut index = 0;
        while index < self.processes.len() {
            match self.processes[index].figures() {
                Some(figures) => {
                    take(&mut self.processes[index], figures);
                    index += 1;
                }
                None => {
                    self.has_changed = true;
                    let process = self.processes.swap_remove(index);
                    self.past_cpu_ms += process.last_cpu_ms;
                    if process.pid != self.root {
                        self.ended.push(process);
                    }
                }
            }
        }
    }

    fn read_proportional(&mut self, figures: &mut OutsideFigures) {
        let now = Instant::now();
        if self.proportional_due.is_some_and(|due| now < due) {
            return;
        }
        let started_us = thread_cpu_us();
        for process in &self.processes {
            if let Some(one) = process.proportional() {
                add(&mut figures.pss_bytes, Some(one.pss_bytes));
                add(&mut figures.swap_bytes, Some(one.swap_bytes));
            }
        }
        self.swap_bytes = figures.swap_bytes.unwrap_or(self.swap_bytes);
        let cost_s = (thread_cpu_us() - started_us) as f64 / 1e6;
        let since = *self.proportional_since.get_or_insert(now);
        let share = match now.duration_since(since) < PROPORTIONAL_EARLY {
            true => PROPORTIONAL_EARLY_SHARE,
            false => PROPORTIONAL_SHARE,
        };
        let pause = Duration::from_secs_f64(cost_s / share);
        // A little less than the interval of ticks, so that one in which it is due is not missed.
        let pause = pause
            .clamp(PROPORTIONAL_INTERVAL, PROPORTIONAL_LONGEST)
            .mul_f64(0.95);
        self.proportional_due = Some(now + pause);
    }

    /// Resident bytes and what was swapped out: what a memory limit is held against. A control
    /// group of its own counts what processes share once, and no pages of files.
    pub fn level_bytes(&mut self) -> u64 {
        let charged = self.fence.as_ref().and_then(Fence::memory);
        if let Some(charged) = charged.filter(|charged| charged.resident_bytes > 0) {
            return charged.resident_bytes + charged.swap_bytes.unwrap_or(0);
        }
        let mut sum = self.swap_bytes;
        for process in &mut self.processes {
            sum += process.figures().map_or(0, |figures| figures.rss_bytes);
        }
        sum
    }

    /// Processes of the tree that the kernel has killed for want of memory, where its control
    /// group tells. A kill is the end of a member: where none came or went, it is asked now and
    /// then.
    pub fn oom_kills(&mut self) -> u64 {
        let counted = self.kills_counted;
        let is_due = counted.is_none_or(|at| at.elapsed() >= KILLS_INTERVAL);
        if std::mem::take(&mut self.has_changed) || is_due {
            self.kills_counted = Some(Instant::now());
            self.kills = self.fence.as_ref().map_or(0, Fence::oom_kills);
        }
        self.kills
    }

    /// The same, of a row that was just taken.
    pub fn level_of(&self, figures: &OutsideFigures) -> u64 {
        let resident_bytes = figures.cgroup_bytes.or(figures.rss_bytes);
        resident_bytes.unwrap_or(0) + self.swap_bytes
    }

    /// All members that live, with their names.
    pub fn members(&mut self) -> Vec<Member> {
        let mut members = Vec::with_capacity(self.processes.len());
        self.keep_living(|process, figures| {
            members.push(Member {
                pid: process.pid,
                name: process.name(),
                figures,
                descriptors: process.descriptors(),
                pss_bytes: process.proportional().map(|one| one.pss_bytes),
            });
        });
        members.sort_by_key(|member| member.pid);
        members
    }

    /// Members besides the root that live, found out now.
    pub fn left_behind(&mut self) -> Vec<(u32, String)> {
        self.search(true);
        let mut left = Vec::new();
        let root = self.root;
        self.keep_living(|process, _| {
            if process.pid != root {
                left.push((process.pid, process.name()));
            }
        });
        left
    }

    /// Sends a signal to the members that are in another process group than the root.
    pub fn signal_outside_group(&mut self, signal: i32) {
        let group = self.root;
        for process in &mut self.processes {
            if process.group != group {
                process.signal(signal);
            }
        }
    }

    /// Ends every member that still lives: those that left the process group too.
    pub fn kill(&mut self) {
        self.search(true);
        for process in &mut self.processes {
            process.signal(libc::SIGKILL);
        }
    }

    /// Ends every member and those that they start meanwhile, and reaps what is left to this
    /// process; the root is left to be reaped by who started it. False if some live on after
    /// `patience`.
    pub fn end_all(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_micros(200);
        loop {
            self.kill();
            self.keep_living(|_, _| {});
            self.reap_ended();
            if self.processes.is_empty() {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            // A signal takes effect when its process runs next.
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Those that became children of this process are reaped here, the others by their parent.
    fn reap_ended(&mut self) {
        if self.group.is_some() {
            return self.ended.clear();
        }
        self.ended.retain(|process| {
            let is_kept = !system::reap(process.pid) && process.exists();
            if !is_kept {
                census::forget_member(process.pid);
            }
            is_kept
        });
    }

    fn search(&mut self, now: bool) {
        let found = match &self.group {
            Some(group) => {
                let mut pids = group.processes();
                pids.retain(|pid| !self.has(*pid));
                pids.into_iter().collect()
            }
            None => {
                let fenced = self.fence.as_ref().map(Fence::processes);
                let mut fenced: Vec<u32> = fenced.into_iter().flatten().collect();
                fenced.retain(|pid| !self.has(*pid));
                census::claim(self.root, &fenced);
                let (mut found, escaped) = census::found(self.root, now);
                found.retain(|pid| !self.has(*pid) && !fenced.contains(pid));
                found.extend(fenced);
                self.escaped = escaped;
                found
            }
        };
        for process in found.into_iter().filter_map(Process::open) {
            self.has_changed = true;
            self.news.push((process.pid, process.start_ticks));
            self.processes.push(process);
        }
        self.reap_ended();
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        if self.group.is_none() {
            self.reap_ended();
            census::forget(self.root);
        }
    }
}

fn add(sum: &mut Option<u64>, figure: Option<u64>) {
    if let Some(figure) = figure {
        *sum = Some(sum.unwrap_or(0) + figure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_counted_and_ended() {
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & sleep 60 & echo ready; wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut ready = [0; 6];
        let mut stdout = shell.stdout.take().expect("its output");
        std::io::Read::read_exact(&mut stdout, &mut ready).expect("a word");
        let mut tree = ProcessTree::new(shell.id());
        let figures = tree.sample();
        assert_eq!(figures.processes, Some(3));
        assert!(figures.rss_bytes > Some(0));
        assert!(figures.pss_bytes > Some(0) && figures.pss_bytes <= figures.rss_bytes);
        assert_eq!(tree.members().len(), 3);
        assert_eq!(tree.take_news().len(), 3);
        assert!(
            tree.end_all(Duration::from_secs(10)),
            "the descendants live on"
        );
        let status = shell.wait().expect("an end");
        assert!(!status.success());
        assert_eq!(tree.sample().processes, None);
    }

    #[test]
    fn a_tree_that_is_gone_has_no_figures_rather_than_zeros() {
        let mut child = std::process::Command::new("true").spawn().expect("a child");
        let mut tree = ProcessTree::new(child.id());
        child.wait().expect("an end");
        let figures = tree.sample();
        assert_eq!(figures.rss_bytes, None);
        assert_eq!(figures.pss_bytes, None);
        assert_eq!(figures.descriptors, None);
    }
}
