//! Runs cells: one child process each, watched from ready to end.
//!
//! - `child` starts the process, isolated, and ends it (TERM, grace, KILL of the group).
//! - `feed` turns what the child writes into messages; `message` knows the protocol.
//! - `cell` is the loop of one cell: ticks, rows, phases, limits, how it ended.
//! - `ending` puts into words how a cell ended.
//! - `guard` outlives a harness that is killed, to end what it left behind.
//! - `interrupt` turns signals into a stop.
//! - `run` takes the cells of a run through all that, some at a time.

pub mod cell;
mod child;
pub mod guard;
mod outcome_text;
pub mod pool;
mod protocol;
mod readers;
pub mod signals;

pub use child::ChildPlan;
