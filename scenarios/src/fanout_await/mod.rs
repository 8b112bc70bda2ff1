//! A fan-out that awaits inside the loop over its channel, on a job that never ends.
//!
//! Document: "Correct layering of coroutine scopes" (kotlinx.coroutines issue 1855).
//! Sixteen coroutines iterate over a channel of 4096 and store each object through the
//! asynchronous S3 client, whose future they `await`. Under versions 1.3.3 and 1.3.4 the
//! heap fills with `PutObjectResponse`s, and throughput falls long before it is full.
//!
//! **What keeps what alive.** The worker's [`job`] owns a list; each await adds a node to
//! it, which owns the [`continuation`] of that await, whose state owns the result. The node
//! ought to be disposed of when the await is over. It is not, because the test before that
//! asks whether the *caller* has a reusable continuation in its slot, and it has: the
//! [`channel`]'s iterator has left its own there.
//!
//! **What releases it.** The end of the worker's job, which for such a worker is never.
//!
//! **What the fix changes.** `coroutineScope` gives the await a continuation of its own
//! (nothing is stored in that) and a job of its own (which ends): [`scope`]. Version 1.3.5
//! asks the right question. `asDeferred().join()` is the same kind of suspension in the same
//! body, so its bookkeeping stays and only the value goes: [`response`].
//!
//! [`store`] is a real object store on loopback, [`client`] a real asynchronous client,
//! [`worker`] the loop in each form, [`join_set`] Rust's own form of the mistake,
//! [`crate::collector`] what the leak costs a managed heap.

pub mod channel;
pub mod client;
pub mod continuation;
pub mod job;
pub mod join_set;
pub mod response;
pub mod scope;
pub mod store;
pub mod worker;
mod workload;

pub use workload::Fanout;

use crate::{
    Description, Document, Expected, Parameter, ParameterKind, Parameters, Role, Scenario, Setup,
    Variant, Workload, WorkloadError,
};

/// The scenario `fanout-await`.
pub struct FanoutAwait;

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "object",
        help: "bytes of each object that is stored",
        kind: ParameterKind::Bytes {
            min: 1,
            max: 1 << 20,
            default: 1 << 10,
        },
    },
    Parameter {
        name: "response",
        help: "bytes of the body of each answer",
        kind: ParameterKind::Bytes {
            min: 0,
            max: 1 << 20,
            default: 1 << 10,
        },
    },
    Parameter {
        name: "workers",
        help: "coroutines (or tasks at a time) that store objects, each over its connection",
        kind: ParameterKind::Count {
            min: 1,
            max: 256,
            default: 16,
        },
    },
    Parameter {
        name: "capacity",
        help: "messages that the channel holds before it drops what is offered",
        kind: ParameterKind::Count {
            min: 1,
            max: 1 << 16,
            default: 4096,
        },
    },
    Parameter {
        name: "burst",
        help: "objects that are offered before all of them are waited for, so that a busy \
               machine has no queue that reads as growth; 0, or a modelled heap: none is",
        kind: ParameterKind::Count {
            min: 0,
            max: 1 << 16,
            default: 16,
        },
    },
    Parameter {
        name: "heap",
        help: "size of a modelled JVM heap, whose collector walks what the coroutines keep \
               whenever it is full; 0: no collector",
        kind: ParameterKind::Bytes {
            min: 0,
            max: 1 << 40,
            default: 0,
        },
    },
];

const EXPLANATION: &str = "\
A coroutine that is suspended hangs on its job, so that a cancellation of the job reaches it:
a node in the job's list owns the continuation. When the suspension is over, the node is
disposed of, except for a *reusable* continuation, which loops over channels keep in a slot of
their body's own continuation and use again. Versions 1.3.3 and 1.3.4 of kotlinx.coroutines
tell the two apart by asking whether anything is stored in that slot. In a loop over a channel
something is, left there by the iterator; so the node of an `await` in the same loop stays, with
the continuation and, in its state, the result. All of it goes when the worker's job ends: never.

It takes all of these: await and loop in the same body, a loop that really had to wait for the
channel once, and an await that really suspends (`completed-already` shows the last).

Bytes kept by one await in the original and in the model, without the value:

  original   node 32 + continuation 48 = 80 in the published artifact (1.3.3, 1.3.4);
             176 measured with a build that does not inline its atomics
  model      node 64 + continuation 80 = 144

  await-on-parent    keeps these and the value (measured on 1.3.3: 198 with nothing in it,
                     4,403 and 4,304 with 4 KiB)
  as-deferred        the co-worker's cure. join suspends the same body in the same way, so these
                     stay (measured 182 and 192); its result is nothing, so the value goes. The
                     report's graph, of responses, could not tell it from a cure
  child-scope        coroutineScope { await() }: a continuation and a job of its own (measured 0)
  requester-checked  1.3.5: is what is stored this continuation? (measured 0)

Rust has the same mistake without any bug: a JoinSet keeps each finished task, and what it
returned, until it is joined (`join-set-never-joined`: a task cell and an entry beside the
value). `join-set-drained` takes them out.

The object store is an HTTP server on a thread of its own; it keeps the latest object under each
of 64 keys. --rate is the rate of offers at most: after each burst all of it is waited for, and the
heap is read when nothing is on the way. With --set burst=0 offers never wait, and what does not
fit the channel is dropped and counted.

The report's service slowed down long before its memory was gone, because each full collection
walks all that is live. Rust has no collector; --set heap=16MiB models one that does this walk
whenever a heap of that size is full. Throughput, latency and dropped offers then show how such a
service ends (gauge collections); with --memory-limit alone it is at its best until it is killed.";

/// Bytes of the node and the continuation of one await.
fn bookkeeping() -> usize {
    job::node_bytes() + continuation::continuation_bytes()
}

/// Bytes of the answer to one stored object.
fn answer(parameters: &Parameters) -> usize {
    response::response_bytes(parameters.bytes("response"))
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "await-on-parent",
        role: Role::Buggy,
        expected: Expected::Leak,
        summary: "await in the loop over the channel, under 1.3.3 or 1.3.4",
        retained_formula: "node + continuation + response object + response",
        retained_bytes_per_operation: |p| (bookkeeping() + answer(p)) as f64,
    },
    Variant {
        name: "as-deferred",
        role: Role::Partial,
        expected: Expected::Leak,
        summary: "asDeferred().join() in the loop: the value goes, the bookkeeping stays",
        retained_formula: "node + continuation",
        retained_bytes_per_operation: |_| bookkeeping() as f64,
    },
    Variant {
        name: "join-set-never-joined",
        role: Role::Buggy,
        expected: Expected::Leak,
        summary: "Rust: a task per object in a JoinSet that nobody joins",
        retained_formula: "task cell + set entry + response object + response",
        retained_bytes_per_operation: |p| (join_set::finished_task_bytes() + answer(p)) as f64,
    },
    Variant {
        name: "child-scope",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "coroutineScope around the await: its own continuation, its own job",
        retained_formula: "0",
        retained_bytes_per_operation: |_| 0.0,
    },
    Variant {
        name: "requester-checked",
        role: Role::Fixed,
        expected: Expected::NoLeak,
        summary: "await in the loop, under 1.3.5: the test asks for this continuation",
        retained_formula: "0",
        retained_bytes_per_operation: |_| 0.0,
    },
    Variant {
        name: "completed-already",
        role: Role::Control,
        expected: Expected::NoLeak,
        summary: "await in the loop of a future that is already complete: no suspension",
        retained_formula: "0",
        retained_bytes_per_operation: |_| 0.0,
    },
    Variant {
        name: "join-set-drained",
        role: Role::Control,
        expected: Expected::NoLeak,
        summary: "Rust: finished tasks are taken out of the JoinSet",
        retained_formula: "0",
        retained_bytes_per_operation: |_| 0.0,
    },
];

const DESCRIPTION: Description = Description {
    name: "fanout-await",
    document: Document {
        title: "Correct layering of coroutine scopes",
        reference: "Kotlin/kotlinx.coroutines issue 1855; 1.3.3 and 1.3.4, fixed in 1.3.5",
    },
    mechanism: "each await in a loop over a channel leaves its continuation, and the result in \
                it, on the worker's job",
    explanation: EXPLANATION,
    operation: "one object offered, stored over HTTP and its answer awaited",
    parameters: PARAMETERS,
    gauges: &[
        "parent_nodes",
        "objects_stored",
        "offers_dropped",
        "responses_alive",
        "collections",
        "collection_us",
    ],
    variants: VARIANTS,
    tour: &["await-on-parent", "child-scope"],
    budget_bytes_per_operation: 16.0,
    default_duration_s: 10.0,
    default_rate: Some(1000.0),
    quiet_points: true,
};

impl Scenario for FanoutAwait {
    fn description(&self) -> &'static Description {
        &DESCRIPTION
    }

    fn prepare(&self, setup: Setup) -> Result<Box<dyn Workload>, WorkloadError> {
        Ok(Box::new(Fanout::new(&setup)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_explanation_states_the_bytes_of_the_model() {
        let text = format!(
            "model      node {} + continuation {} = {}",
            job::node_bytes(),
            continuation::continuation_bytes(),
            bookkeeping()
        );
        assert!(EXPLANATION.contains(&text), "{text}");
    }
}
