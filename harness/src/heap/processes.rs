//! The heaps of the processes of a tree, each with a sampler of its own, added up.

use leaklab_run::Heap;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most processes whose heaps are kept: what a program claims must not grow the harness.
const MOST_PROCESSES: usize = 4096;

/// What the sampler of one process said.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessHeap {
    /// The process.
    pub pid: u32,
    /// When it was read.
    pub monotonic_us: u64,
    /// Its figures.
    pub heap: Heap,
    /// The program's name, in the first line after it was started.
    pub program: Option<String>,
}

#[derive(Debug)]
struct Latest {
    monotonic_us: u64,
    heap: Heap,
    in_tree: bool,
}

/// The latest heap of each process that has a sampler.
#[derive(Debug, Default)]
pub struct ProcessHeaps {
    latest: BTreeMap<u32, Latest>,
    had_any: bool,
    /// Those that were in the tree and have left it since the last time they were asked for.
    ended: Vec<u32>,
}

impl ProcessHeaps {
    /// Takes what a sampler said. Returns whether the process has replaced its program since
    /// its line before: its heap began anew.
    pub fn take(&mut self, said: &ProcessHeap) -> bool {
        self.had_any = true;
        let known = self.latest.contains_key(&said.pid);
        if !known && self.latest.len() >= MOST_PROCESSES {
            return false;
        }
        let latest = Latest {
            monotonic_us: said.monotonic_us,
            heap: said.heap,
            in_tree: self
                .latest
                .get(&said.pid)
                .is_some_and(|before| before.in_tree),
        };
        self.latest.insert(said.pid, latest);
        known && said.program.is_some()
    }

    /// The processes that have ended since the last call.
    pub fn take_ended(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.ended)
    }

    /// Whether there has ever been one.
    pub fn had_any(&self) -> bool {
        self.had_any
    }

    /// How many processes have said what their heap holds and have not ended since.
    pub fn count(&self) -> usize {
        self.latest.len()
    }

    /// The heaps of all processes that live, added up; `None` if one of them has not been heard
    /// of for `patience`, because a sum with an old part looks like a heap that is level.
    ///
    /// `lives` says whether a process is a member of the tree. One that is not known there, too
    /// young or known by another id inside a container, counts for as long as it speaks.
    pub fn sum(
        &mut self,
        now_us: u64,
        patience: Duration,
        lives: impl Fn(u32) -> bool,
    ) -> Option<Heap> {
        let is_late = |latest: &Latest| {
            now_us.saturating_sub(latest.monotonic_us) as u128 > patience.as_micros()
        };
        self.latest.retain(|pid, latest| {
            let (was_in_tree, is_in_tree) = (latest.in_tree, lives(*pid));
            latest.in_tree = is_in_tree;
            if was_in_tree && !is_in_tree {
                self.ended.push(*pid);
            }
            is_in_tree || (!was_in_tree && !is_late(latest))
        });
        if self.latest.is_empty() || self.latest.values().any(is_late) {
            return None;
        }
        let mut heaps = self.latest.values().map(|latest| latest.heap);
        let first = heaps.next()?;
        Some(heaps.fold(first, add))
    }
}

/// The sum of two heaps; a figure that one of them lacks is missing in the sum too.
fn add(one: Heap, other: Heap) -> Heap {
    let sum = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
    Heap {
        allocated_bytes: sum(one.allocated_bytes, other.allocated_bytes),
        active_bytes: sum(one.active_bytes, other.active_bytes),
        metadata_bytes: sum(one.metadata_bytes, other.metadata_bytes),
        resident_bytes: sum(one.resident_bytes, other.resident_bytes),
        mapped_bytes: sum(one.mapped_bytes, other.mapped_bytes),
        retained_bytes: sum(one.retained_bytes, other.retained_bytes),
        used_bytes: sum(one.used_bytes, other.used_bytes),
        committed_bytes: sum(one.committed_bytes, other.committed_bytes),
        limit_bytes: sum(one.limit_bytes, other.limit_bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(250);

    fn said(pid: u32, at_ms: u64, allocated: u64) -> ProcessHeap {
        ProcessHeap {
            pid,
            monotonic_us: at_ms * 1000,
            heap: Heap {
                allocated_bytes: Some(allocated),
                ..Heap::default()
            },
            program: None,
        }
    }

    fn allocated(heap: Option<Heap>) -> Option<u64> {
        heap.and_then(|heap| heap.allocated_bytes)
    }

    #[test]
    fn a_tree_is_the_sum_of_its_processes() {
        let mut heaps = ProcessHeaps::default();
        assert_eq!(heaps.sum(0, PATIENCE, |_| true), None);
        assert!(!heaps.had_any());
        heaps.take(&said(1, 0, 100));
        heaps.take(&said(2, 10, 20));
        heaps.take(&said(1, 100, 101));
        assert_eq!(allocated(heaps.sum(110_000, PATIENCE, |_| true)), Some(121));
        assert_eq!(heaps.count(), 2);
    }

    #[test]
    fn a_process_that_ended_leaves_the_sum_at_once() {
        let mut heaps = ProcessHeaps::default();
        heaps.take(&said(1, 0, 100));
        heaps.take(&said(2, 0, 20));
        assert_eq!(allocated(heaps.sum(10_000, PATIENCE, |_| true)), Some(120));
        assert_eq!(
            allocated(heaps.sum(20_000, PATIENCE, |pid| pid == 1)),
            Some(100)
        );
        assert_eq!(heaps.take_ended(), [2]);
        assert!(heaps.take_ended().is_empty());
    }

    #[test]
    fn a_process_that_lives_and_is_silent_makes_the_sum_unknown() {
        let mut heaps = ProcessHeaps::default();
        heaps.take(&said(1, 0, 100));
        heaps.take(&said(2, 400, 20));
        assert_eq!(heaps.sum(500_000, PATIENCE, |_| true), None);
        heaps.take(&said(1, 500, 90));
        assert_eq!(allocated(heaps.sum(510_000, PATIENCE, |_| true)), Some(110));
    }

    #[test]
    fn a_process_of_an_unknown_id_counts_while_it_speaks() {
        let mut heaps = ProcessHeaps::default();
        heaps.take(&said(1, 0, 100));
        heaps.take(&said(7, 0, 5));
        assert_eq!(
            allocated(heaps.sum(100_000, PATIENCE, |pid| pid == 1)),
            Some(105)
        );
        heaps.take(&said(1, 300, 100));
        assert_eq!(
            allocated(heaps.sum(300_000, PATIENCE, |pid| pid == 1)),
            Some(100)
        );
    }

    #[test]
    fn a_program_that_replaces_itself_begins_anew() {
        let mut heaps = ProcessHeaps::default();
        let started = |at_ms| ProcessHeap {
            program: Some("shell".to_owned()),
            ..said(1, at_ms, 10)
        };
        assert!(!heaps.take(&started(0)), "the first");
        assert!(!heaps.take(&said(1, 100, 12)));
        assert!(heaps.take(&started(200)), "the second");
    }

    #[test]
    fn what_one_process_does_not_say_is_not_a_sum_of_the_others() {
        let mut heaps = ProcessHeaps::default();
        heaps.take(&said(1, 0, 1));
        let mut other = said(2, 0, 2);
        other.heap.active_bytes = Some(3);
        heaps.take(&other);
        let sum = heaps.sum(0, PATIENCE, |_| true).expect("a sum");
        assert_eq!((sum.allocated_bytes, sum.active_bytes), (Some(3), None));
    }
}
