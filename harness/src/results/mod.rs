//! What a run says at its end, or when it is judged again: for people, for programs, for test
//! reports.

mod cells;
mod costs;
pub mod github;
mod json;
pub mod judged;
mod junit;
mod table;

pub use cells::cells_table;
pub use costs::costs_table;
pub use json::json_lines;
pub use junit::{OnInconclusive, TestSuite, junit_xml};
pub use table::closing_table;
