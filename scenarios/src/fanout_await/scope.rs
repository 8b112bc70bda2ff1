//! Coroutines: bodies that are launched in a job, and scopes inside them.

use super::continuation::{Cancelled, DispatchedContinuation, DisposeTest};
use super::job::Job;
use crate::Gauge;
use std::future::Future;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// The end of a body: its slot lets go, its job completes. By drop, so that it also
/// happens to a body that is aborted.
struct Completion(Arc<DispatchedContinuation>);

impl Drop for Completion {
    fn drop(&mut self) {
        self.0.release();
        self.0.job().complete();
    }
}

/// `launch { … }`: starts a body in a job of its own below `parent`. `nodes` shows the
/// length of that job's list.
pub fn launch<B, F>(
    dispatcher: &Handle,
    parent: &Arc<Job>,
    nodes: Gauge,
    dispose_test: DisposeTest,
    body: B,
) -> JoinHandle<()>
where
    B: FnOnce(Arc<DispatchedContinuation>) -> F,
    F: Future<Output = Result<(), Cancelled>> + Send + 'static,
{
    let job = Job::child_of(parent, Some(nodes));
    let caller = DispatchedContinuation::new(job, dispose_test);
    let completion = Completion(Arc::clone(&caller));
    let body = body(caller);
    dispatcher.spawn(async move {
        let _completion = completion;
        // A cancelled body has nothing to say.
        let _: Result<(), Cancelled> = body.await;
    })
}

/// `coroutineScope { … }`: runs a block in a job of its own, with a continuation of its
/// own. Both are why it cures: nothing reusable is stored in that continuation, and what
/// hangs on that job goes with it.
///
/// # Errors
///
/// [`Cancelled`] if the caller's job is.
pub async fn coroutine_scope<T>(
    caller: &DispatchedContinuation,
    block: impl AsyncFnOnce(&Arc<DispatchedContinuation>) -> Result<T, Cancelled>,
) -> Result<T, Cancelled> {
    let job = Job::child_of(caller.job(), None);
    let inner = DispatchedContinuation::new(job, caller.dispose_test());
    let _completion = Completion(Arc::clone(&inner));
    block(&inner).await
}
