//! Suspension: cancellable continuations, and the slot in which a coroutine keeps the one
//! that it uses again.
//!
//! The functions bear the names of kotlinx.coroutines 1.3.4
//! (`CancellableContinuationImpl.kt`, `DispatchedContinuation.kt`) and do what those do. A
//! coroutine is a Rust future here, and its dispatcher is tokio: to suspend is to return
//! `Pending` with a continuation that holds the waker, to dispatch is to wake.

use super::job::{Handler, Job, NodeHandle, lock};
use super::response::Outcome;
use crate::retained;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// Which question the library asks before it disposes of a continuation's node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisposeTest {
    /// "Is anything stored in the caller's slot?" (1.3.3 and 1.3.4)
    AnythingStored,
    /// "Is what is stored there this continuation?" (1.3.5)
    ThisStored,
}

/// What a suspended call returns with.
#[derive(Clone)]
pub enum Value {
    /// Nothing.
    Unit,
    /// Whether the channel has a message.
    HasNext(bool),
    /// How a request ended.
    Outcome(Outcome),
}

/// The coroutine's job was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

/// The continuation of one coroutine body, as its dispatcher sees it: one per body, made
/// when it starts. The caller of every suspending function.
pub struct DispatchedContinuation {
    job: Arc<Job>,
    dispose_test: DisposeTest,
    reusable: Mutex<Slot>,
}

/// `_reusableCancellableContinuation`.
enum Slot {
    /// Nothing was stored yet, or it was invalidated.
    Empty,
    /// A reusable suspension is under way and has not yet stored its continuation.
    Claimed,
    /// The continuation of the last reusable suspension, for the next one.
    Stored(Arc<CancellableContinuation>),
    /// The job was cancelled while the slot was claimed.
    Cancelled,
}

/// How a continuation may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// For one suspension: `suspendCancellableCoroutine`.
    Once,
    /// Kept in the slot and used again: `suspendAtomicCancellableCoroutineReusable`.
    Reusable,
}

/// One suspension of a coroutine.
pub struct CancellableContinuation {
    delegate: Arc<DispatchedContinuation>,
    mode: Mode,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    parent_handle: ParentHandle,
}

enum State {
    Active(Option<Waker>),
    /// The result stays in the state: nobody clears it after it was read.
    Completed(Result<Value, Cancelled>),
}

enum ParentHandle {
    NotSet,
    Set(NodeHandle),
    NonDisposable,
}

/// Heap bytes of a continuation, without the value in its state.
pub fn continuation_bytes() -> usize {
    retained::counted::<CancellableContinuation>()
}

impl DispatchedContinuation {
    /// The continuation of a body that runs in `job`.
    pub fn new(job: Arc<Job>, dispose_test: DisposeTest) -> Arc<Self> {
        Arc::new(DispatchedContinuation {
            job,
            dispose_test,
            reusable: Mutex::new(Slot::Empty),
        })
    }

    /// The job of the body.
    pub fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// Which question it asks.
    pub fn dispose_test(&self) -> DisposeTest {
        self.dispose_test
    }

    /// `isReusable`: the test of the report, and its repair.
    fn is_reusable(&self, requester: &CancellableContinuation) -> bool {
        match (&*lock(&self.reusable), self.dispose_test) {
            (Slot::Empty, _) => false,
            (Slot::Stored(stored), DisposeTest::ThisStored) => {
                std::ptr::eq(Arc::as_ptr(stored), requester)
            }
            _ => true,
        }
    }

    fn claim_reusable(&self) -> Option<Arc<CancellableContinuation>> {
        match std::mem::replace(&mut *lock(&self.reusable), Slot::Claimed) {
            Slot::Stored(continuation) => Some(continuation),
            _ => None,
        }
    }

    /// Stores the continuation that claimed the slot, unless a cancellation came between.
    fn check_postponed_cancellation(
        &self,
        continuation: &Arc<CancellableContinuation>,
    ) -> Result<(), Cancelled> {
        let mut slot = lock(&self.reusable);
        match *slot {
            Slot::Claimed => {
                *slot = Slot::Stored(Arc::clone(continuation));
                Ok(())
            }
            Slot::Cancelled => {
                *slot = Slot::Empty;
                Err(Cancelled)
            }
            _ => Ok(()),
        }
    }

    /// Whether a cancellation must wait until the claimed slot is filled.
    fn postpone_cancellation(&self) -> bool {
        let mut slot = lock(&self.reusable);
        match *slot {
            Slot::Claimed | Slot::Cancelled => {
                *slot = Slot::Cancelled;
                true
            }
            _ => {
                let stored = std::mem::replace(&mut *slot, Slot::Empty);
                drop(slot);
                drop(stored);
                false
            }
        }
    }

    /// `releaseInterceptedContinuation`: the body has ended, the slot lets go.
    pub fn release(&self) {
        let stored = std::mem::replace(&mut *lock(&self.reusable), Slot::Empty);
        if let Slot::Stored(continuation) = stored {
            continuation.detach_child();
        }
    }
}

/// An ordinary suspension (`suspendCancellableCoroutine`): await, join, delay.
///
/// # Errors
///
/// [`Cancelled`] if the caller's job is.
pub async fn suspend_cancellable(
    caller: &Arc<DispatchedContinuation>,
    block: impl FnOnce(&Arc<CancellableContinuation>),
) -> Result<Value, Cancelled> {
    let continuation = CancellableContinuation::new(caller, Mode::Once);
    continuation.setup_cancellation();
    block(&continuation);
    continuation.result().await
}

/// A suspension of a hot loop (`suspendAtomicCancellableCoroutineReusable`): uses the
/// continuation in the caller's slot, or makes one and leaves it there.
///
/// # Errors
///
/// [`Cancelled`] if the caller's job is.
pub async fn suspend_reusable(
    caller: &Arc<DispatchedContinuation>,
    block: impl FnOnce(&Arc<CancellableContinuation>),
) -> Result<Value, Cancelled> {
    let continuation = caller
        .claim_reusable()
        .filter(|stored| stored.reset_state())
        .unwrap_or_else(|| CancellableContinuation::new(caller, Mode::Reusable));
    block(&continuation);
    continuation.setup_cancellation();
    continuation.result().await
}

impl CancellableContinuation {
    fn new(delegate: &Arc<DispatchedContinuation>, mode: Mode) -> Arc<Self> {
        Arc::new(CancellableContinuation {
            delegate: Arc::clone(delegate),
            mode,
            inner: Mutex::new(Inner {
                state: State::Active(None),
                parent_handle: ParentHandle::NotSet,
            }),
        })
    }

    /// Hangs the continuation on the caller's job, so that a cancellation reaches it.
    fn setup_cancellation(self: &Arc<Self>) {
        if self.check_completed()
            || !matches!(lock(&self.inner).parent_handle, ParentHandle::NotSet)
        {
            return;
        }
        let handler = Handler::Continuation(Arc::clone(self));
        let Some(handle) = self.delegate.job.attach(handler) else {
            return;
        };
        let completed = {
            let mut inner = lock(&self.inner);
            inner.parent_handle = ParentHandle::Set(handle);
            matches!(inner.state, State::Completed(_))
        };
        if completed && !self.is_reusable() {
            self.detach_child();
        }
    }

    fn check_completed(self: &Arc<Self>) -> bool {
        if self.mode == Mode::Reusable && self.delegate.check_postponed_cancellation(self).is_err()
        {
            self.cancel();
        }
        matches!(lock(&self.inner).state, State::Completed(_))
    }

    /// Resumes the coroutine with a value; only the first resumption counts.
    pub fn resume(&self, value: Value) {
        self.finish(Ok(value));
    }

    fn cancel(&self) {
        self.finish(Err(Cancelled));
    }

    /// `resumeImpl`.
    fn finish(&self, result: Result<Value, Cancelled>) {
        let waker = {
            let mut inner = lock(&self.inner);
            let State::Active(waker) = &mut inner.state else {
                return;
            };
            let waker = waker.take();
            inner.state = State::Completed(result);
            waker
        };
        self.detach_child_if_not_reusable();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// `parentCancelled`: told by the job.
    pub fn parent_cancelled(&self) {
        if self.mode == Mode::Reusable && self.delegate.postpone_cancellation() {
            return;
        }
        self.cancel();
    }

    /// Marks the continuation and what its state holds; see [`Job::mark`].
    pub fn mark(&self) -> usize {
        let held = match &lock(&self.inner).state {
            State::Completed(Ok(Value::Outcome(Some(response)))) => response.mark(),
            _ => 0,
        };
        continuation_bytes() + held
    }

    fn is_reusable(&self) -> bool {
        self.delegate.is_reusable(self)
    }

    /// The leak: with [`DisposeTest::AnythingStored`] the continuation of an `await` asks
    /// whether the *caller* has a reusable continuation, and the channel's is there.
    fn detach_child_if_not_reusable(&self) {
        if !self.is_reusable() {
            self.detach_child();
        }
    }

    fn detach_child(&self) {
        let handle = std::mem::replace(
            &mut lock(&self.inner).parent_handle,
            ParentHandle::NonDisposable,
        );
        if let ParentHandle::Set(node) = handle {
            self.delegate.job.dispose(&node);
        }
    }

    /// Makes a stored continuation ready for its next suspension; it stays on its job.
    fn reset_state(&self) -> bool {
        let mut inner = lock(&self.inner);
        match inner.state {
            State::Completed(Ok(_)) => {
                inner.state = State::Active(None);
                true
            }
            _ => false,
        }
    }

    /// `getResult`: suspends until it is resumed.
    async fn result(&self) -> Result<Value, Cancelled> {
        poll_fn(|context| match &mut lock(&self.inner).state {
            State::Completed(result) => Poll::Ready(result.clone()),
            State::Active(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gauge;
    use crate::fanout_await::channel::Channel;
    use crate::fanout_await::response::CompletableFuture;
    use crate::fanout_await::scope::{coroutine_scope, launch};
    use tokio::runtime::Handle;
    use tokio::task::yield_now;

    struct Body {
        caller: Arc<DispatchedContinuation>,
        nodes: Gauge,
    }

    fn body(dispose_test: DisposeTest) -> Body {
        let nodes = Gauge::default();
        let job = Job::child_of(&Job::root(), Some(nodes.clone()));
        Body {
            caller: DispatchedContinuation::new(job, dispose_test),
            nodes,
        }
    }

    /// Completes it after others had a turn, so that an await of it really suspends.
    fn soon(future: &Arc<CompletableFuture>) {
        let future = Arc::clone(future);
        tokio::spawn(async move {
            yield_now().await;
            future.complete(None);
        });
    }

    async fn await_soon(caller: &Arc<DispatchedContinuation>) {
        let future = CompletableFuture::pending();
        soon(&future);
        future.await_outcome(caller).await.expect("not cancelled");
    }

    /// Lets the loop over the channel wait for its first message `turns` times, with one
    /// await in each turn.
    async fn loop_over_channel(body: &Body, turns: usize) {
        let channel = Channel::new(4);
        let mut messages = channel.iterator();
        for turn in 0..turns {
            let sender = Arc::clone(&channel);
            tokio::spawn(async move { sender.offer(turn) });
            assert_eq!(messages.has_next(&body.caller).await, Ok(true));
            assert_eq!(messages.take(), Some(turn));
            await_soon(&body.caller).await;
        }
    }

    #[tokio::test]
    async fn the_test_for_anything_stored_leaves_one_node_per_await() {
        let body = body(DisposeTest::AnythingStored);
        loop_over_channel(&body, 10).await;
        // Ten awaits, and the channel's own continuation, which belongs there.
        assert_eq!(body.nodes.get(), 11);
        body.caller.release();
        assert_eq!(body.nodes.get(), 10);
        body.caller.job().complete();
        assert_eq!(body.nodes.get(), 0);
    }

    #[tokio::test]
    async fn the_test_for_this_continuation_leaves_the_reusable_one_alone() {
        let body = body(DisposeTest::ThisStored);
        loop_over_channel(&body, 10).await;
        assert_eq!(body.nodes.get(), 1);
        body.caller.release();
        assert_eq!(body.nodes.get(), 0);
    }

    #[tokio::test]
    async fn without_a_suspension_in_the_channel_an_await_leaves_nothing() {
        let body = body(DisposeTest::AnythingStored);
        let channel = Channel::new(4);
        let mut messages = channel.iterator();
        for turn in 0..10 {
            assert!(channel.offer(turn));
            assert_eq!(messages.has_next(&body.caller).await, Ok(true));
            assert_eq!(messages.take(), Some(turn));
            await_soon(&body.caller).await;
        }
        assert_eq!(body.nodes.get(), 0);
    }

    #[tokio::test]
    async fn join_leaves_a_node_as_await_does_and_a_scope_does_not() {
        let body = body(DisposeTest::AnythingStored);
        loop_over_channel(&body, 1).await;
        assert_eq!(body.nodes.get(), 2);
        let future = CompletableFuture::pending();
        soon(&future);
        let deferred = future.as_deferred();
        deferred.join(&body.caller).await.expect("not cancelled");
        assert_eq!(body.nodes.get(), 3);
        coroutine_scope(&body.caller, async |inner| {
            await_soon(inner).await;
            Ok(())
        })
        .await
        .expect("not cancelled");
        assert_eq!(body.nodes.get(), 3);
    }

    #[tokio::test]
    async fn a_cancellation_reaches_a_body_wherever_it_is_suspended() {
        let nodes = Gauge::default();
        let scope = Job::root();
        let channel = Channel::<u32>::new(4);
        let never = CompletableFuture::pending();
        let waits_for_message = launch(
            &Handle::current(),
            &scope,
            nodes.clone(),
            DisposeTest::AnythingStored,
            |caller| async move { channel.iterator().has_next(&caller).await.map(drop) },
        );
        let waits_for_outcome = launch(
            &Handle::current(),
            &scope,
            nodes.clone(),
            DisposeTest::AnythingStored,
            |caller| async move { never.await_outcome(&caller).await.map(drop) },
        );
        yield_now().await;
        assert_eq!(nodes.get(), 2);
        scope.cancel();
        waits_for_message.await.expect("no panic");
        waits_for_outcome.await.expect("no panic");
        assert_eq!(nodes.get(), 0);
    }
}
