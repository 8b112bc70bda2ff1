//! Runs cells: one child process each, watched from ready to end.
//!
//! - `child` starts the process, isolated, and ends it (TERM, grace, KILL of the group); `spawn`
//!   is how.
//! - `readers` turns what the child writes into messages; `protocol` knows their form.
//! - `setup` is what the loop of a cell needs to know.
//! - `cell` is the loop of one cell: ticks, rows, phases, limits, how it ended.
//! - `clock` checks the times that a child claims; `ticks` counts rows and gaps; `watchdog`
//!   says when memory must be looked at next; `turns` knows two programs on one pipe.
//! - `http` asks for pages; `scrape` reads metrics from them.
//! - `ready` waits for a program to be ready; `load` runs what puts it under load.
//! - `settle` asks a managed runtime for a full collection.
//! - `marks` takes over instants that were named from outside.
//! - `outcome_text` puts into words how a cell ended.
//! - `guard` outlives a harness that is killed, to end what it left behind.
//! - `signals` turns signals into a stop.
//! - `pool` takes the cells of a run through all that, some at a time.

pub mod cell;
mod child;
mod clock;
pub mod guard;
pub mod http;
pub mod load;
pub mod marks;
mod outcome_text;
pub mod pool;
mod protocol;
mod readers;
pub mod ready;
pub mod scrape;
pub mod settle;
mod setup;
pub mod signals;
mod spawn;
mod ticks;
mod turns;
mod watchdog;

pub use child::{Attached, ChildPlan};
