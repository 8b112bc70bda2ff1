//! Where a heap grows: behaviour and share of each stack, from sampled blocks.
//!
//! The allocator samples blocks (see `stacks.json` in FORMAT.md). A stack's growth is the number
//! of its survivors, a Poisson count with Garwood's interval; the amount comes from the exact
//! growth of the heap, of which each stack has its share.

mod behaviour;
mod merge;
mod poisson;
mod ranking;

pub use behaviour::{
    Behaviour, FEWEST_SAMPLES, StackGrowth, bytes_per_sample, settled_part, stack_growth,
};
pub use merge::merged;
pub use poisson::{difference, garwood};
pub use ranking::{Attribution, HeapGrowth, RankedStack, attribute, known_part};
