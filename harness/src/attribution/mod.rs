//! Where the heap of a cell grows: what allocators say of their stacks while it runs, the names
//! of places afterwards, and the answer as a table, folded stacks or a profile.

mod answer;
mod collect;
mod pprof;
mod roll_up;
mod symbols;
mod text;

pub use answer::{answer, keep_answer};
pub use collect::{StackCollector, StackCounts};
pub use pprof::pprof;
pub use text::{answer_text, stack_comparison_text};

use crate::supervisor::cell::CellSetup;
use std::time::Duration;

/// jemalloc's variable of options.
pub const ALLOCATOR_OPTIONS: &str = "MALLOC_CONF";
/// Loads from which on a sample is taken less often: a longer one has more of them.
const LONG_LOADS: [(Duration, u32); 2] = [
    (Duration::from_secs(8 * 3600), 21),
    (Duration::from_secs(10 * 60), 19),
];
/// Binary logarithm of the bytes between two samples of a short load.
const SHORT_LOAD_LG: u32 = 17;

/// Lets the allocator of a cell's program sample its stacks. Five samples are the fewest from
/// which a leak is named: a load of a minute at 2^17 bytes a sample shows 11 KiB/s, one of eight
/// hours at 2^21 shows 364 B/s.
pub fn sample_stacks(cell: &mut CellSetup) {
    let load = cell.schedule.load.unwrap_or_default();
    let lg_sample = LONG_LOADS
        .iter()
        .find(|(least, _)| load >= *least)
        .map_or(SHORT_LOAD_LG, |(_, lg)| *lg);
    let environment = &mut cell.child.environment;
    // What the user says of the allocator comes later and wins.
    let given = environment
        .iter()
        .rev()
        .find(|(name, _)| name == ALLOCATOR_OPTIONS)
        .map(|(_, value)| value.clone())
        .or_else(|| {
            std::env::var(ALLOCATOR_OPTIONS)
                .ok()
                .filter(|_| cell.child.is_own)
        });
    let own = given
        .filter(|own| !own.is_empty())
        .map(|own| format!(",{own}"));
    let options = format!(
        "prof:true,lg_prof_sample:{lg_sample}{}",
        own.unwrap_or_default()
    );
    environment.push((ALLOCATOR_OPTIONS.to_owned(), options));
}
