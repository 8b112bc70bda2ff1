//! Reproductions of published memory leaks, each in its buggy and its fixed form.
//!
//! One folder per document, one [`Scenario`] per folder, one line in [`catalogue`].
//! A scenario is a small model of the runtime that its document speaks of: the leak must
//! come from the document's mechanism, not from a `Vec` that is pushed to.
//!
//! Nothing here knows the harness. A workload sees its run through [`Load`], which paces
//! operations and says when to stop, and through [`Meter`], which takes counts and gauges.

pub mod alts_timeout;
pub mod blocked_senders;
pub mod catalogue;
pub mod channel_io;
pub mod collector;
pub mod defer_in_loop;
mod descriptors;
pub mod fanout_await;
mod load;
mod meter;
mod parameter;
pub mod recursive_async;
pub mod reported;
pub mod retained;
mod scenario;
pub mod shape;

pub use load::{Drain, Load, LoadPlan, StopFlag};
pub use meter::{Gauge, Meter, NoMeter};
pub use parameter::{Parameter, ParameterError, ParameterKind, Parameters, Value, size_text};
pub use scenario::{
    Description, Document, Expected, Remedy, Role, Scenario, Setup, Variant, Workload,
    WorkloadError,
};
