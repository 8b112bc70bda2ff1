//! What a run says at its end: for people, for programs, for test reports.

mod json;
mod junit;
mod remedies;
mod table;

pub use json::json_lines;
pub use junit::junit_xml;
pub use remedies::remedies_table;
pub use table::closing_table;
