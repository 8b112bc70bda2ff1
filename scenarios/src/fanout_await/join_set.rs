//! Rust's own form: a task per object in a [`JoinSet`], at most so many at a time.
//!
//! A `JoinSet` keeps a finished task, and with it what the task returned, until somebody
//! takes it out. Who spawns into one and never joins has the document's leak without any
//! bug of a library.

use super::worker::{Message, Tools};
use crate::Gauge;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;

use super::response::Outcome;
use crate::retained::{counted, size_class};

/// Takes messages until the channel closes, and spawns a task for each; `drained` says
/// whether finished tasks are taken out of the set, each as soon as it has finished.
/// `tasks_kept` counts what is in it.
pub async fn spawn_each(
    mut messages: mpsc::Receiver<Message>,
    tools: Arc<Tools>,
    workers: usize,
    tasks_kept: Gauge,
    drained: bool,
) {
    let permits = Arc::new(Semaphore::new(workers));
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = tasks.join_next(), if drained => {}
            message = messages.recv() => {
                let Some(message) = message else { return };
                let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                    return;
                };
                tasks.spawn(store(Arc::clone(&tools), message, permit));
            }
        }
        tasks_kept.set(tasks.len() as i64);
    }
}

/// The task: its result is the answer of the store.
async fn store(tools: Arc<Tools>, message: Message, permit: OwnedSemaphorePermit) -> Outcome {
    let _permit = permit;
    let future = tools.client.put(message.number, message.object);
    let outcome = future.wait().await;
    tools.finish(message.offered, &outcome);
    outcome
}

/// Header, scheduler, identity and trailer of a task in tokio 1.54 (`runtime/task/core.rs`):
/// what its cell holds beside the future or the result, whichever is larger.
const TASK_CELL_BYTES: usize = 104;

/// Heap bytes of a finished task that stays in a [`JoinSet`], without the answer: the
/// task's cell, which is as large as its future was and a multiple of 128, and the set's
/// entry for it.
pub fn finished_task_bytes() -> usize {
    /// Two list pointers, the parent set, the join handle, the list's name.
    type Entry = [usize; 5];
    let cell = TASK_CELL_BYTES + future_bytes(store).max(size_of::<Outcome>());
    size_class(cell.next_multiple_of(128)) + counted::<Entry>()
}

/// Size of the future that an async function of three arguments makes.
fn future_bytes<A, B, C, F: Future>(_: fn(A, B, C) -> F) -> usize {
    size_of::<F>()
}
