//! Nights: what runs said one after another, and where it changed.

mod change;

pub use change::{CONFIRMED, Change, Course, Harm, Level, Night, SUSPECTED, follow};
