//! From what the user asked for to the cells that will run.
//!
//! - `settings`: what may be set, and which source wins.
//! - `shown`: every setting, and where its value comes from.
//! - `selectors`: which scenarios and variants are meant.
//! - `formula`: bytes per operation as an expression of parameters.
//! - `program`: where a program is, and whether it can be started.
//! - `user`: whom a program runs as.
//! - `prepare`: what must be there and be built before scenarios of files can run.
//! - `cells`: what will run; `attached`: what runs already.
//! - `evidence`: what `--where` and `--snapshot` come to for a program.
//! - `placeholders`: `{name}` in the commands of files.

mod attached;
mod cells;
mod evidence;
mod formula;
mod placeholders;
mod prepare;
mod program;
mod selectors;
mod settings;
mod shown;
mod user;

pub use attached::{AttachTo, attached_cells};
pub use cells::{
    DEFAULT_COMMAND_LOAD, command_cells, configuration, planned_cells, scenario_cells,
};
pub use formula::Formula;
pub use placeholders::refuse_misspelt;
pub use prepare::prepare;
pub use program::find_program;
pub use selectors::{
    AnyScenario, Selected, all_scenarios, everything, find_scenario, select, tour,
};
pub use settings::{CellSettings, CommandLine, RunSettings, parse_command, parse_expected};
pub use shown::shown_settings;
