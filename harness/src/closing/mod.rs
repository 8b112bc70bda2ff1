//! What a run says at its end: for people, for programs, for test reports.

mod json;
mod junit;
mod table;

pub use json::json_lines;
pub use junit::junit_xml;
pub use table::closing_table;
