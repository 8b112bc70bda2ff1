//! Nights: what runs said one after another, and where it changed.
//!
//! Each run leaves a line per cell ([`NightRecord`]); lines of one series on one class of machine
//! make a course per figure ([`follow`]), with its changes and the level since the last of them.

mod accepted;
mod change;
mod cut;
mod lost;
mod missing;
mod openmetrics;
mod picture;
mod place;
mod record;
mod standing;
mod story;
mod together;
pub mod words;

pub use crate::compare::{Figure, Harm};
pub use accepted::{AcceptedUpTo, Acknowledgement, Tolerance};
pub use change::{Change, Course, Level, Night, follow};
pub use cut::{CONFIRMED, SUSPECTED};
pub use missing::{MissingNight, missing_nights};
pub use openmetrics::{openmetrics, openmetrics_of_series};
pub use picture::picture;
pub use record::{HISTORY_FORMAT, Measured, NightRecord, Records, host_class, read_history};
pub use standing::{SeriesState, accepted_lines};
pub use story::{FigureStory, SeriesStory, stories};
