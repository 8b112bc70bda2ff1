//! The run folder: what a run leaves on disk, and its reader.
//!
//! ```text
//! leaklab-out/runs/20261121T031500Z-k3f9/
//!   run.json                          RunRecord: what was run, where, how
//!   alts-timeout--unpatched/          one folder per cell
//!     samples.csv                     one row per tick, see `columns`
//!     samples.packed                  finished hours of it, see `packed`
//!     events.jsonl                    Event per line
//!     status.json                     CellStatus: `running`, then how it ended
//!     verdict.json                    the judgement
//!     stacks.json                     StackRecord, if the stacks of allocations were sampled
//!     snapshots.jsonl, snapshots/       Taking per line, if objects were counted; what was taken
//!     stdout.log, stderr.log
//!   report.html, charts/
//! ```
//!
//! FORMAT.md describes every column and key. Rows and lines are appended; a torn last one is
//! tolerated. All other files appear whole, by rename. Readers ignore keys and columns that
//! they do not know, and treat missing ones as absent.

mod address;
mod clean;
pub mod columns;
mod event;
mod export;
mod folder;
mod lines;
mod measurement;
pub mod packed;
mod record;
mod redact;
mod sample;
mod snapshots;
mod stacks;
mod table;

pub use address::{Address, runs_of};
pub use clean::{Cleaned, clean, clean_line};
pub use event::{Event, EventKind, read_events};
pub use export::export_csv;
pub use folder::{Cell, Run, RunError, lacks, read_whole, write_atomically};
pub use lines::{LONGEST_LINE, LineLimited, read_bounded_line};
pub use measurement::Measurement;
pub use record::{
    CellPlan, CellStatus, Configuration, CostSummary, FORMAT_MAJOR, FORMAT_MINOR, FormatVersion,
    Host, LeaklabVersion, LoadReport, MISSING_SHARDS, Outcome, RunRecord, State,
};
pub use redact::{REDACTED, Redactor};
pub use sample::{Heap, Phase, Sample};
pub use snapshots::{SNAPSHOTS_FILE, SNAPSHOTS_FOLDER, Taking, open_taking, read_takings};
pub use stacks::{STACKS_FILE, StackHistory, StackRecord, StackSnapshot};
pub use table::{SampleTable, TableError, decimal, read_samples, read_table, stream_samples};
