//! What a run says at its end, or when it is judged again: for people, for programs, for test
//! reports.

mod cells;
mod json;
mod junit;
mod remedies;
mod table;

pub use cells::cells_table;
pub use json::json_lines;
pub use junit::junit_xml;
pub use remedies::remedies_table;
pub use table::closing_table;
