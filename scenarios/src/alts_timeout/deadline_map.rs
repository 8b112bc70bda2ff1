//! The ordered map deadline → timer.
//!
//! The original is a `ConcurrentSkipListMap`: a node per entry and chance for balance. This
//! is the same idea in the form of a tree, a treap: one node of constant size per entry,
//! ordered by deadline, balanced by a random priority.
//!
//! Source: R. Seidel and C. R. Aragon, "Randomized search trees", Algorithmica 16 (1996),
//! 464–497.

type Link<V> = Option<Box<Node<V>>>;

/// A place in the map.
pub(super) struct Node<V> {
    deadline_ms: u64,
    value: V,
    priority: u32,
    earlier: Link<V>,
    later: Link<V>,
}

/// An ordered map with unique deadlines as keys.
pub(super) struct DeadlineMap<V> {
    root: Link<V>,
    priorities: fastrand::Rng,
}

impl<V> DeadlineMap<V> {
    pub(super) fn new(seed: u64) -> Self {
        DeadlineMap {
            root: None,
            priorities: fastrand::Rng::with_seed(seed),
        }
    }

    /// The entry with the least deadline that is not before `deadline_ms`.
    pub(super) fn ceiling(&self, deadline_ms: u64) -> Option<(u64, &V)> {
        let mut best = None;
        let mut link = &self.root;
        while let Some(node) = link {
            if node.deadline_ms < deadline_ms {
                link = &node.later;
            } else {
                best = Some((node.deadline_ms, &node.value));
                link = &node.earlier;
            }
        }
        best
    }

    /// Adds an entry; the deadline must not be in the map.
    pub(super) fn insert(&mut self, deadline_ms: u64, value: V) {
        let priority = self.priorities.u32(..);
        let mut link = &mut self.root;
        while link.as_ref().is_some_and(|node| node.priority >= priority) {
            let Some(node) = link else { break };
            link = if deadline_ms < node.deadline_ms {
                &mut node.earlier
            } else {
                &mut node.later
            };
        }
        let (earlier, later) = split(link.take(), deadline_ms);
        *link = Some(Box::new(Node {
            deadline_ms,
            value,
            priority,
            earlier,
            later,
        }));
    }

    /// Takes an entry out; whoever gets the node frees it.
    pub(super) fn remove(&mut self, deadline_ms: u64) -> Option<Box<Node<V>>> {
        let mut link = &mut self.root;
        while link.as_ref()?.deadline_ms != deadline_ms {
            let node = link.as_mut()?;
            link = if deadline_ms < node.deadline_ms {
                &mut node.earlier
            } else {
                &mut node.later
            };
        }
        let mut node = link.take()?;
        *link = merge(node.earlier.take(), node.later.take());
        Some(node)
    }
}

/// Divides a tree into what is before the deadline and the rest.
fn split<V>(tree: Link<V>, deadline_ms: u64) -> (Link<V>, Link<V>) {
    match tree {
        None => (None, None),
        Some(mut node) if node.deadline_ms < deadline_ms => {
            let (before, rest) = split(node.later.take(), deadline_ms);
            node.later = before;
            (Some(node), rest)
        }
        Some(mut node) => {
            let (before, rest) = split(node.earlier.take(), deadline_ms);
            node.earlier = rest;
            (before, Some(node))
        }
    }
}

/// Joins two trees of which the first is before the second.
fn merge<V>(first: Link<V>, second: Link<V>) -> Link<V> {
    match (first, second) {
        (None, only) | (only, None) => only,
        (Some(mut a), Some(b)) if a.priority > b.priority => {
            a.later = merge(a.later.take(), Some(b));
            Some(a)
        }
        (Some(a), Some(mut b)) => {
            b.earlier = merge(Some(a), b.earlier.take());
            Some(b)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn agrees_with_the_map_of_the_standard_library() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut map = DeadlineMap::new(11);
        let mut model = BTreeMap::new();
        for turn in 0..20_000_u64 {
            let deadline = random.u64(..500);
            if random.bool() && !model.contains_key(&deadline) {
                map.insert(deadline, turn);
                model.insert(deadline, turn);
            } else {
                let removed = map.remove(deadline).map(|node| node.value);
                assert_eq!(removed, model.remove(&deadline));
            }
            let asked = random.u64(..520);
            let expected = model.range(asked..).next().map(|(d, v)| (*d, v));
            assert_eq!(map.ceiling(asked), expected);
        }
    }

    #[test]
    fn rising_deadlines_do_not_make_a_list() {
        fn depth<V>(link: &Link<V>) -> usize {
            let Some(node) = link else { return 0 };
            1 + depth(&node.earlier).max(depth(&node.later))
        }
        let mut map = DeadlineMap::new(3);
        (0..100_000).for_each(|deadline| map.insert(deadline, ()));
        // Expected depth is about 2 ln n, here 23 on average and 45 to be safe; a list has 100000.
        assert!(depth(&map.root) < 80, "{}", depth(&map.root));
    }
}
