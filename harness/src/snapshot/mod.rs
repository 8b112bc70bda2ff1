//! Snapshots of a program's objects: taken while it runs, at settled time, at eight moments after
//! it, and when a rule asks for one.
//!
//! - `plan` is what was asked for; `preset` what the runtimes need at their launch.
//! - `take` takes one, within bounds of time and size; `pack` puts it into its file.
//! - `schedule` says when, and keeps the one that is going on.
//! - `answer` says which classes grow.

mod answer;
mod pack;
mod plan;
mod preset;
mod schedule;
mod take;

pub use answer::{class_json, class_text};
pub use plan::{Limits, SnapshotFlag, SnapshotPlan, Source};
pub use preset::{Preset, launch, preset_of, write_files};
pub use schedule::{Found, Snapshots, Subject, Taken};
pub use take::{ENDED, UNANSWERED};
