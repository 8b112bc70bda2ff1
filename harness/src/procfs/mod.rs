//! Figures of a process tree from outside, through `/proc`.

mod census;
mod machine;
mod process;
mod tree;

pub use census::{CELL_VARIABLE, Marks};
pub use machine::MachineTimes;
pub use process::start_ticks;
pub use tree::{Member, OutsideFigures, ProcessTree};
