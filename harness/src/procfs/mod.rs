//! Figures of a process tree from outside, through `/proc`.

mod process;
mod tree;

pub use tree::{OutsideFigures, ProcessTree};
