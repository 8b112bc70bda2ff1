//! What is said of a cell, comparison, pictures and pages of leaklab.
//!
//! Everything here works from a run folder alone (see FORMAT.md): on another machine, without
//! the binary that ran, and from a run that crashed half-way. Nothing here calls the operating
//! system beyond reading and writing files.
//!
//! [`cell`] is the room where everything that is said of a cell is worked out; the others ask
//! there.

pub mod attribution;
pub mod cell;
pub mod chart;
pub mod classes;
pub mod compare;
mod discovery;
pub mod fleet;
pub mod foreign;
pub mod history;
pub mod page;
