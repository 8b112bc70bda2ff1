//! Where a heap grows: behaviour and share of each stack, from sampled blocks.
//!
//! The allocator samples blocks (see `stacks.json` in FORMAT.md). A stack's growth is the number
//! of its survivors, a Poisson count with Garwood's interval; the amount comes from the exact
//! growth of the heap, of which each stack has its share.

mod answer;
mod behaviour;
mod cured;
mod flame;
mod merge;
mod place;
mod poisson;
mod ranking;

pub use answer::{Answer, Frame, NamedStack, Row, SHOWN_ROWS, WHERE_FILE};
pub use behaviour::{
    Behaviour, FEWEST_SAMPLES, StackGrowth, Work, bytes_per_sample, settled_part, stack_growth,
};
pub use cured::{Change, ChangedRow, StackComparison, compare_stacks};
pub use flame::{FlameWidth, flame_svg};
pub use merge::merged;
pub use place::Place;
pub use poisson::{difference, garwood};
pub use ranking::{Attribution, Group, HeapGrowth, RankedStack, attribute, known_part};
