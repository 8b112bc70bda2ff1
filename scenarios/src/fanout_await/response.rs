//! What a request gives back, now or later: `PutObjectResponse`, `CompletableFuture`, and
//! the ways in which a coroutine waits for one.

use super::continuation::{Cancelled, DispatchedContinuation, Value, suspend_cancellable};
use super::job::{Handler, Job, lock};
use crate::{Gauge, retained};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

/// The answer of the object store to one stored object.
pub struct PutObjectResponse {
    /// Check sum of the stored bytes, as the store computed it.
    pub etag: u64,
    /// Body of the answer.
    pub body: Box<[u8]>,
    alive: Gauge,
}

/// How a request ended; `None` if it failed.
pub type Outcome = Option<Arc<PutObjectResponse>>;

impl PutObjectResponse {
    /// An answer, counted in `alive` for as long as it exists.
    pub fn new(etag: u64, body: Box<[u8]>, alive: Gauge) -> Arc<Self> {
        alive.add(1);
        Arc::new(PutObjectResponse { etag, body, alive })
    }

    /// Marks the response and its body; see [`Job::mark`].
    pub fn mark(&self) -> usize {
        response_bytes(self.body.len())
    }
}

impl Drop for PutObjectResponse {
    fn drop(&mut self) {
        self.alive.add(-1);
    }
}

/// Heap bytes of an answer with a body of that many bytes.
pub fn response_bytes(body_bytes: usize) -> usize {
    retained::counted::<PutObjectResponse>() + retained::size_class(body_bytes)
}

/// The JDK's `CompletableFuture`: completed by the HTTP client, outside all coroutines.
pub struct CompletableFuture {
    state: Mutex<State>,
}

enum State {
    Pending {
        callback: Option<Callback>,
        waker: Option<Waker>,
    },
    Done(Outcome),
}

type Callback = Box<dyn FnOnce(&Outcome) + Send>;

impl CompletableFuture {
    /// A future that is not complete.
    pub fn pending() -> Arc<Self> {
        Arc::new(CompletableFuture {
            state: Mutex::new(State::Pending {
                callback: None,
                waker: None,
            }),
        })
    }

    /// Completes it and tells who waits.
    pub fn complete(&self, outcome: Outcome) {
        let before = std::mem::replace(&mut *lock(&self.state), State::Done(outcome.clone()));
        if let State::Pending { callback, waker } = before {
            if let Some(callback) = callback {
                callback(&outcome);
            }
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// `whenComplete`, for one callback.
    fn when_complete(&self, callback: Callback) {
        let outcome = match &mut *lock(&self.state) {
            State::Pending { callback: slot, .. } => {
                *slot = Some(callback);
                return;
            }
            State::Done(outcome) => outcome.clone(),
        };
        callback(&outcome);
    }

    /// The outcome, if it is there.
    pub fn outcome(&self) -> Option<Outcome> {
        match &*lock(&self.state) {
            State::Pending { .. } => None,
            State::Done(outcome) => Some(outcome.clone()),
        }
    }

    /// Waits for the outcome without any coroutine of the model: what `get()` does to a
    /// thread, and what a Rust task does.
    pub async fn wait(&self) -> Outcome {
        poll_fn(|context| match &mut *lock(&self.state) {
            State::Done(outcome) => Poll::Ready(outcome.clone()),
            State::Pending { waker, .. } => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    /// `await()`: returns at once if it is complete; otherwise suspends the caller's body,
    /// with the outcome as the result in the continuation's state.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if the caller's job is.
    pub async fn await_outcome(
        &self,
        caller: &Arc<DispatchedContinuation>,
    ) -> Result<Outcome, Cancelled> {
        if let Some(outcome) = self.outcome() {
            return Ok(outcome);
        }
        let value = suspend_cancellable(caller, |continuation| {
            let continuation = Arc::clone(continuation);
            self.when_complete(Box::new(move |outcome| {
                continuation.resume(Value::Outcome(outcome.clone()));
            }));
        })
        .await?;
        Ok(match value {
            Value::Outcome(outcome) => outcome,
            _ => None,
        })
    }

    /// `asDeferred()`: a deferred value with a job of its own.
    pub fn as_deferred(&self) -> Arc<Deferred> {
        let deferred = Arc::new(Deferred {
            job: Job::root(),
            outcome: Mutex::new(None),
        });
        let completed = Arc::clone(&deferred);
        self.when_complete(Box::new(move |outcome| {
            *lock(&completed.outcome) = Some(outcome.clone());
            completed.job.complete();
        }));
        deferred
    }
}

/// A value that a job will produce; it belongs to that job, not to who waits for it.
pub struct Deferred {
    job: Arc<Job>,
    outcome: Mutex<Option<Outcome>>,
}

impl Deferred {
    /// `join()`: waits for the job. Suspends the caller's body as `await` does; but the
    /// result of that suspension is nothing, so nothing hangs on its continuation.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if the caller's job is.
    pub async fn join(&self, caller: &Arc<DispatchedContinuation>) -> Result<(), Cancelled> {
        if self.job.is_completed() {
            return Ok(());
        }
        suspend_cancellable(caller, |continuation| {
            self.job.attach(Handler::Join(Arc::clone(continuation)));
        })
        .await?;
        Ok(())
    }

    /// The value, once the job has ended.
    pub fn outcome(&self) -> Outcome {
        lock(&self.outcome).clone().flatten()
    }
}
