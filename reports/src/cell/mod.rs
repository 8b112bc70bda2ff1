//! All that is said of a cell, worked out once: what its columns are called, how its samples
//! become a judged series, its verdict, how it stands, its figures and costs.
//!
//! Commands, results, comparison, pictures and pages ask here, so that they cannot contradict
//! each other:
//!
//! - `metric`: every column with its words and unit, and which of them is the memory
//! - `series`: the one way from a table of samples to a judgement of it
//! - `charged`: memory that no process has mapped, and the control group is charged for
//! - `stopped`: whether work stopped before the load did
//! - `verdict`: the judgement of a cell, as it was stored or made now
//! - `standing`: what a cell has come to; exit codes, test reports and pages derive from it
//! - `warned`: what went wrong beside the measuring
//! - `figures`, `costs`: what the tables show beside the verdict
//! - `damage`: what of a record was cut off, damaged or taken out
//! - `uncovered`: whether what was judged was read to the end of the load
//! - `thin`: long series for few pixels

mod charged;
mod costs;
mod damage;
mod figures;
mod measured;
mod metric;
mod released;
mod series;
mod standing;
mod stopped;
mod summary;
mod thin;
mod uncovered;
mod verdict;
mod warned;

pub use costs::{Costs, rise_per_s};
pub use damage::{damage_of, damage_words};
pub use figures::{
    Figures, in_load, load_ends, median_in_load, peak, peak_when_settled, rise_in_load,
};
pub use measured::measured_words;
pub use metric::{
    MEMORY_COLUMNS, Metric, MetricUnit, file_name, memory_judgement, memory_of, memory_of_sample,
    metric_judgement,
};
pub use released::ReleasedLate;
pub use series::{Readings, marked_windows};
pub use standing::{Standing, is_as_expected, outcome_words, verdict_words};
pub use summary::Summary;
pub use thin::{Thinned, Thinner, thin_together, thinned};
pub use uncovered::UNREAD_PART;
pub(crate) use uncovered::withhold_because;
pub use verdict::{
    VerdictError, VerdictOptions, budget_text, growth_text, is_too_wide, judge_samples, judge_told,
    per_hour, per_operation, stored_or_judged, stored_verdict, write_verdict,
};
pub use warned::warnings_of;
