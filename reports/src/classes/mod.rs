//! Which classes, constructors, sites or functions of a program grow, from snapshots.
//!
//! Whatever was taken (see `snapshots.jsonl` in FORMAT.md) is read into objects and bytes by key,
//! and becomes one table: the slope of each key with its interval, the steps in which it rose, its
//! share of the growth, and what it does. Many keys are tested at once, so the false discovery
//! rate is controlled.

mod behaviour;
mod cell;
mod counts;
mod format;
mod growth;
mod heap_snapshot;
#[cfg(test)]
mod hostile;
mod lines;
mod pprof;
pub mod statistics;
pub mod words;

pub use behaviour::ClassBehaviour;
pub use cell::{CLASSES_FILE, classes_of, read_classes, write_classes};
pub use counts::{Amount, Counts};
pub use format::{FORMATS, Format};
pub use growth::{ClassRow, ClassTable, Compared, ComparedRow, Point, class_table, compared};
pub use heap_snapshot::{Retained, retainers_of};
