//! Run format, statistics, verdict, comparison, charts and pages of leaklab.
//!
//! Everything here works from a run folder alone (see [`run`] and FORMAT.md): on another
//! machine, without the binary that ran, and from a run that crashed half-way. Nothing here
//! calls the operating system beyond reading and writing files.

pub mod chart;
pub mod compare;
pub mod foreign;
pub mod history;
pub mod page;
pub mod remedies;
pub mod sketch;
mod stopped;
pub mod verdict;
