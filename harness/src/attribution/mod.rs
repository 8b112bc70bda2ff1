//! Where the heap of a cell grows: what allocators say of their stacks while it runs, the names
//! of places afterwards, and the answer as a table, folded stacks or a profile.

mod answer;
mod collect;
mod dhat;
mod frames;
mod pprof;
mod roll_up;
mod symbols;
mod text;

pub use answer::{answer, keep_answer};
pub use collect::{StackCollector, StackCounts};
pub use dhat::dhat;
pub use pprof::pprof;
pub use text::{answer_text, stack_comparison_text};

use crate::supervisor::cell::CellSetup;
use leaklab_run::CellPlan;
use std::time::Duration;

/// jemalloc's variable of options.
pub const ALLOCATOR_OPTIONS: &str = "MALLOC_CONF";
/// The variable that lets the counters of stacks choose the distance of samples, and its value.
const COUNTERS_OPTION: (&str, &str) = ("LEAKLAB_STACKS", "adapt");
/// The option of jemalloc that says the distance of samples, as binary logarithm.
const DISTANCE_OPTION: &str = "lg_prof_sample";
/// Loads from which on a sample is taken less often to begin with: a longer one has more of them.
const LONG_LOADS: [(Duration, u32); 2] = [
    (Duration::from_secs(8 * 3600), 19),
    (Duration::from_secs(10 * 60), 17),
];
/// Binary logarithm of the bytes between two samples of a short load.
const SHORT_LOAD_LG: u32 = 16;

/// Why no stack was sampled of a cell that was to have some, and the way out.
pub fn no_stacks_words(plan: &CellPlan) -> String {
    let why = match plan.heap.as_deref() {
        Some("jemalloc") => {
            "its processes allocated too little, or do not allocate by the jemalloc that was \
             preloaded (hint: --snapshot counts the objects of Java, Node.js, Python and Go)"
        }
        Some(source) if source != "auto" => {
            "nothing was preloaded, as --heap asks for it, and no process said a stack on its pipe \
             (hint: leave --heap out, or link the program with leaklab-probe)"
        }
        _ => {
            "no process said one (hint: leaklab run --where -- PROGRAM starts one on jemalloc; \
             --snapshot counts the objects of Java, Node.js, Python and Go)"
        }
    };
    format!("--where: no stack was sampled: {why}")
}

/// Lets the allocator of a cell's program sample its stacks. How often is chosen from the length
/// of the load to begin with, and from then on by the counters in the process from the rate at
/// which it allocates: some 1000 samples a second at most. Who says a distance of their own has that.
pub fn sample_stacks(cell: &mut CellSetup) {
    let load = cell.schedule.load.unwrap_or_default();
    let lg_sample = LONG_LOADS
        .iter()
        .find(|(least, _)| load >= *least)
        .map_or(SHORT_LOAD_LG, |(_, lg)| *lg);
    let given = cell.child.given(ALLOCATOR_OPTIONS).unwrap_or_default();
    let environment = &mut cell.child.environment;
    if !given.contains(DISTANCE_OPTION) {
        let (name, value) = COUNTERS_OPTION;
        environment.push((name.to_owned(), value.to_owned()));
    }
    // What the user says of the allocator comes later and wins.
    let mut options = format!("prof:true,{DISTANCE_OPTION}:{lg_sample}");
    if !given.is_empty() {
        options.push(',');
        options.push_str(&given);
    }
    environment.push((ALLOCATOR_OPTIONS.to_owned(), options));
}
