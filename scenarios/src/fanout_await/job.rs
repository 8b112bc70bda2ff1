//! Jobs: the tree of structured concurrency, with the list of what hangs on each of them.
//!
//! Everything that must hear of a job's end is a node in the job's list: child jobs,
//! continuations that are suspended in it (so that its cancellation reaches them), and
//! whoever joins it. A node leaves the list when its owner disposes of it, or when the job
//! ends. A node that nobody disposes of stays as long as the job runs.

use super::continuation::{CancellableContinuation, Value};
use crate::{Gauge, retained};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Locks; what a panic elsewhere left behind is taken as it is.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A unit of work that runs, and ends by completion or cancellation.
pub struct Job {
    state: Mutex<JobState>,
    /// Where this job hangs on its parent; taken when it ends.
    parent: Mutex<Option<(Arc<Job>, NodeHandle)>>,
    /// Shows the length of the list; only long-lived jobs have one.
    nodes: Option<Gauge>,
}

struct JobState {
    phase: Phase,
    first: Option<Arc<Node>>,
    last: Weak<Node>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Active,
    Cancelled,
    Completed,
}

/// One entry of a job's list.
pub struct Node {
    links: Mutex<Links>,
    handler: Handler,
}

struct Links {
    next: Option<Arc<Node>>,
    previous: Weak<Node>,
    linked: bool,
}

/// What is to be told, and of what.
pub enum Handler {
    /// `ChildContinuation`: a continuation suspended in this job; told of a cancellation.
    Continuation(Arc<CancellableContinuation>),
    /// `ChildHandleNode`: a child job; told of a cancellation.
    Child(Arc<Job>),
    /// `ResumeOnCompletion`: a continuation that joins this job; told of its end.
    Join(Arc<CancellableContinuation>),
}

/// Disposes of a node; does not keep it alive.
pub type NodeHandle = Weak<Node>;

/// Heap bytes of a node.
pub fn node_bytes() -> usize {
    retained::counted::<Node>()
}

impl Job {
    /// A job without a parent.
    pub fn root() -> Arc<Self> {
        Job::with(None)
    }

    /// A job that its parent cancels, and that leaves its parent when it ends. `nodes`
    /// shows the length of its list.
    pub fn child_of(parent: &Arc<Job>, nodes: Option<Gauge>) -> Arc<Self> {
        let job = Job::with(nodes);
        if let Some(handle) = parent.attach(Handler::Child(Arc::clone(&job))) {
            *lock(&job.parent) = Some((Arc::clone(parent), handle));
        }
        job
    }

    fn with(nodes: Option<Gauge>) -> Arc<Self> {
        Arc::new(Job {
            state: Mutex::new(JobState {
                phase: Phase::Active,
                first: None,
                last: Weak::new(),
            }),
            parent: Mutex::new(None),
            nodes,
        })
    }

    /// Adds a node at the end of the list (`invokeOnCompletion`). A job that was cancelled
    /// or has ended tells the handler at once, and gives no handle.
    pub fn attach(&self, handler: Handler) -> Option<NodeHandle> {
        let mut state = lock(&self.state);
        let told_at_once = match (state.phase, &handler) {
            (Phase::Completed, _) => true,
            (Phase::Cancelled, Handler::Join(_)) | (Phase::Active, _) => false,
            (Phase::Cancelled, _) => true,
        };
        if told_at_once {
            let phase = state.phase;
            drop(state);
            handler.tell(phase);
            return None;
        }
        let node = Arc::new(Node {
            links: Mutex::new(Links {
                next: None,
                previous: state.last.clone(),
                linked: true,
            }),
            handler,
        });
        let handle = Arc::downgrade(&node);
        match state.last.upgrade() {
            Some(last) => lock(&last.links).next = Some(node),
            None => state.first = Some(node),
        }
        state.last = handle.clone();
        self.count_nodes(1);
        Some(handle)
    }

    /// Takes a node out of the list (`DisposableHandle.dispose`); twice is harmless.
    pub fn dispose(&self, handle: &NodeHandle) {
        let mut state = lock(&self.state);
        let Some(node) = handle.upgrade() else {
            return;
        };
        let mut links = lock(&node.links);
        if !links.linked {
            return;
        }
        links.linked = false;
        let next = links.next.take();
        let previous = std::mem::take(&mut links.previous);
        drop(links);
        match &next {
            Some(next) => lock(&next.links).previous = previous.clone(),
            None => state.last = previous.clone(),
        }
        match previous.upgrade() {
            Some(previous) => lock(&previous.links).next = next,
            None => state.first = next,
        }
        drop(state);
        self.count_nodes(-1);
    }

    /// Ends the job: tells those that join it, lets go of its list, leaves its parent.
    pub fn complete(&self) {
        let mut next = {
            let mut state = lock(&self.state);
            if state.phase == Phase::Completed {
                return;
            }
            state.phase = Phase::Completed;
            state.last = Weak::new();
            state.first.take()
        };
        let parent = lock(&self.parent).take();
        if let Some((parent, handle)) = parent {
            parent.dispose(&handle);
        }
        while let Some(node) = next {
            let mut links = lock(&node.links);
            links.linked = false;
            next = links.next.take();
            drop(links);
            self.count_nodes(-1);
            if let Handler::Join(_) = node.handler {
                node.handler.tell(Phase::Completed);
            }
        }
    }

    /// Cancels the job: tells its child jobs and the continuations suspended in it. The
    /// job ends when its code has.
    pub fn cancel(&self) {
        let mut nodes = Vec::new();
        {
            let mut state = lock(&self.state);
            if state.phase != Phase::Active {
                return;
            }
            state.phase = Phase::Cancelled;
            let mut next = state.first.clone();
            while let Some(node) = next {
                next = lock(&node.links).next.clone();
                nodes.push(node);
            }
        }
        for node in nodes {
            if !matches!(node.handler, Handler::Join(_)) {
                node.handler.tell(Phase::Cancelled);
            }
        }
    }

    /// Walks everything that hangs on the job and on its child jobs, down to the results
    /// in the states of continuations, as a collector does that marks what is live. Gives
    /// back the bytes of that.
    pub fn mark(&self) -> usize {
        let mut live_bytes = 0;
        let mut children = Vec::new();
        let mut next = lock(&self.state).first.clone();
        while let Some(node) = next {
            live_bytes += node_bytes();
            match &node.handler {
                Handler::Continuation(continuation) | Handler::Join(continuation) => {
                    live_bytes += continuation.mark();
                }
                Handler::Child(job) => children.push(Arc::clone(job)),
            }
            next = lock(&node.links).next.clone();
        }
        live_bytes + children.iter().map(|job| job.mark()).sum::<usize>()
    }

    /// Whether it runs: neither cancelled nor at its end.
    pub fn is_active(&self) -> bool {
        lock(&self.state).phase == Phase::Active
    }

    /// Whether it has ended.
    pub fn is_completed(&self) -> bool {
        lock(&self.state).phase == Phase::Completed
    }

    fn count_nodes(&self, change: i64) {
        if let Some(nodes) = &self.nodes {
            nodes.add(change);
        }
    }
}

impl Handler {
    fn tell(&self, phase: Phase) {
        match self {
            Handler::Continuation(continuation) => continuation.parent_cancelled(),
            Handler::Child(job) => job.cancel(),
            Handler::Join(continuation) if phase == Phase::Completed => {
                continuation.resume(Value::Unit);
            }
            Handler::Join(_) => {}
        }
    }
}

impl Drop for JobState {
    fn drop(&mut self) {
        // One after the other: a long list freed by recursion overflows the stack.
        let mut next = self.first.take();
        while let Some(node) = next {
            next = lock(&node.links).next.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted_job(parent: &Arc<Job>) -> (Arc<Job>, Gauge) {
        let nodes = Gauge::default();
        (Job::child_of(parent, Some(nodes.clone())), nodes)
    }

    #[test]
    fn children_leave_their_parent_in_any_order() {
        let (job, nodes) = counted_job(&Job::root());
        let children: Vec<_> = (0..5).map(|_| Job::child_of(&job, None)).collect();
        assert_eq!(nodes.get(), 5);
        for (index, left) in [(2, 4), (0, 3), (4, 2), (1, 1), (3, 0)] {
            children[index].complete();
            assert_eq!(nodes.get(), left);
            children[index].complete();
            assert_eq!(nodes.get(), left);
        }
        let _last = Job::child_of(&job, None);
        assert_eq!(nodes.get(), 1);
    }

    #[test]
    fn a_cancellation_goes_down_the_tree_and_not_up() {
        let root = Job::root();
        let middle = Job::child_of(&root, None);
        let leaf = Job::child_of(&middle, None);
        middle.cancel();
        assert!(root.is_active());
        assert!(!middle.is_active() && !leaf.is_active());
        assert!(!Job::child_of(&leaf, None).is_active());
    }

    #[test]
    fn a_long_list_is_freed_without_recursion() {
        let (job, nodes) = counted_job(&Job::root());
        for _ in 0..200_000 {
            std::mem::forget(Job::child_of(&job, None));
        }
        assert_eq!(nodes.get(), 200_000);
        job.complete();
        assert_eq!(nodes.get(), 0);
    }
}
