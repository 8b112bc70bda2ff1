//! A process and all its descendants.

use super::process::Process;
use crate::system::{signal_process, thread_cpu_us};
use std::time::{Duration, Instant};

/// Time between two searches for new descendants.
const SEARCH_INTERVAL: Duration = Duration::from_secs(1);
/// Most processes of a tree; a fork bomb is bounded elsewhere, the harness's memory here.
const MOST_PROCESSES: usize = 4096;

/// Sums over a process tree; `None` is a figure that could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutsideFigures {
    /// Resident set.
    pub rss_bytes: Option<u64>,
    /// CPU time, of processes that are gone too.
    pub cpu_ms: Option<u64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// Processes.
    pub processes: Option<u64>,
    /// CPU time that this reading cost.
    pub cost_us: u64,
}

/// Samples a process tree.
pub struct ProcessTree {
    processes: Vec<Process>,
    searched: Option<Instant>,
    /// CPU time of the members that are gone.
    past_cpu_ms: u64,
}

impl ProcessTree {
    /// The tree below and with the process `root`.
    pub fn new(root: u32) -> Self {
        ProcessTree {
            processes: Process::open(root).into_iter().collect(),
            searched: None,
            past_cpu_ms: 0,
        }
    }

    /// Reads all figures.
    pub fn sample(&mut self) -> OutsideFigures {
        let started_us = thread_cpu_us();
        self.search();
        let mut figures = OutsideFigures::default();
        let past_cpu_ms = &mut self.past_cpu_ms;
        self.processes.retain_mut(|process| {
            let Some(one) = process.figures() else {
                *past_cpu_ms += process.last_cpu_ms;
                return false;
            };
            add(&mut figures.rss_bytes, Some(one.rss_bytes));
            add(&mut figures.cpu_ms, Some(one.cpu_ms));
            add(&mut figures.threads, Some(one.threads));
            add(&mut figures.descriptors, process.descriptors());
            add(&mut figures.processes, Some(1));
            true
        });
        if let Some(cpu_ms) = &mut figures.cpu_ms {
            *cpu_ms += self.past_cpu_ms;
        }
        figures.cost_us = thread_cpu_us() - started_us;
        figures
    }

    /// Whether a process was a member when the tree was read last.
    pub fn has(&self, pid: u32) -> bool {
        self.processes.iter().any(|process| process.pid == pid)
    }

    /// Reads the resident set alone: what a memory limit is held against between samples.
    pub fn rss_bytes(&mut self) -> u64 {
        self.processes
            .iter_mut()
            .filter_map(|process| Some(process.figures()?.rss_bytes))
            .sum()
    }

    /// Ends every member that still lives: those that left the process group too.
    pub fn kill(&mut self) {
        self.searched = None;
        self.search();
        for process in &mut self.processes {
            if process.figures().is_some() {
                signal_process(process.pid, libc::SIGKILL);
            }
        }
    }

    fn search(&mut self) {
        let now = Instant::now();
        if self
            .searched
            .is_some_and(|searched| now - searched < SEARCH_INTERVAL)
        {
            return;
        }
        self.searched = Some(now);
        let mut children = Vec::new();
        let mut next = 0;
        // Grows while it is walked: each member found is searched for its own children.
        while next < self.processes.len() && self.processes.len() < MOST_PROCESSES {
            children.clear();
            self.processes[next].children(&mut children);
            for pid in &children {
                if self.processes.iter().all(|process| process.pid != *pid) {
                    self.processes.extend(Process::open(*pid));
                }
            }
            next += 1;
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
    fn descendants_are_counted_and_killed() {
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
        tree.kill();
        let status = shell.wait().expect("an end");
        assert!(!status.success());
        // A signal takes effect when its process runs next.
        let patience = Instant::now() + Duration::from_secs(10);
        while tree.sample().processes.is_some() {
            assert!(Instant::now() < patience, "the descendants live on");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_tree_that_is_gone_has_no_figures_rather_than_zeros() {
        let mut child = std::process::Command::new("true").spawn().expect("a child");
        let mut tree = ProcessTree::new(child.id());
        child.wait().expect("an end");
        let figures = tree.sample();
        assert_eq!(figures.rss_bytes, None);
        assert_eq!(figures.descriptors, None);
    }
}
