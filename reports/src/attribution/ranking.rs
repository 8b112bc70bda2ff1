//! The stacks of a cell, ranked by their share of the growth.

use super::behaviour::{Behaviour, FEWEST_SAMPLES, StackGrowth, settled_part, stack_growth};
use leaklab_run::StackRecord;

/// How much the heap grew over the settled part of the load, exactly.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct HeapGrowth {
    /// Bytes.
    pub bytes: f64,
    /// Operations completed in that part, where they are counted.
    pub operations: Option<f64>,
    /// Its length.
    pub seconds: f64,
}

/// One stack of the ranking.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RankedStack {
    /// Its frames, as they were recorded.
    pub frames: Vec<String>,
    /// The process.
    pub pid: u32,
    /// Its growth in samples, and what it does.
    pub growth: StackGrowth,
    /// Its part of the growth of all stacks that leak, from 0 to 1; 0 for one that does not.
    pub share: f64,
    /// Bytes by which it grew, with its 95 % interval.
    pub bytes: [f64; 3],
}

/// Where the heap of a cell grows.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Attribution {
    /// The growth that is shared out; absent where the live heap is not known.
    pub heap: Option<HeapGrowth>,
    /// Seconds of the settled part of the load, over which stacks are compared.
    pub seconds: f64,
    /// Stacks, those that leak first, by their growth.
    pub stacks: Vec<RankedStack>,
    /// Smallest growth that this profile could have seen, in bytes a second.
    pub resolution_bytes_per_s: f64,
    /// Samples that found no place.
    pub lost_samples: u64,
}

/// The part of a load of which the stacks are known: until the last of them was heard of.
pub fn known_part(record: &StackRecord, load: (f64, f64)) -> (f64, f64) {
    let snapshots = record.stacks.iter().flat_map(|stack| &stack.snapshots);
    let last_ms = snapshots
        .map(|snapshot| snapshot.elapsed_ms)
        .filter(|elapsed_ms| *elapsed_ms <= load.1)
        .fold(load.0, f64::max);
    (load.0, last_ms)
}

/// Ranks the stacks of a cell over its load, given in milliseconds of the run's clock.
///
/// The amount of each is what its samples stand for. Where the growth of the heap is known
/// exactly and the stacks that leak explain it within their intervals, they are scaled to it.
pub fn attribute(record: &StackRecord, load: (f64, f64), heap: Option<HeapGrowth>) -> Attribution {
    let settled = settled_part(known_part(record, load));
    let seconds = (settled.1 - settled.0) / 1000.0;
    let mut stacks: Vec<RankedStack> = record
        .stacks
        .iter()
        .filter_map(|stack| {
            let growth = stack_growth(stack, settled, record.sample_bytes)?;
            let bytes = [growth.samples, growth.low, growth.high]
                .map(|samples| samples * growth.bytes_per_sample);
            Some(RankedStack {
                frames: stack.frames.clone(),
                pid: stack.pid,
                growth,
                share: 0.0,
                bytes,
            })
        })
        .collect();
    let leaks = |stack: &RankedStack| stack.growth.behaviour == Behaviour::Leaks;
    let sums = stacks
        .iter()
        .filter(|stack| leaks(stack))
        .fold([0.0; 3], |sums, stack| {
            [0, 1, 2].map(|at| sums[at] + stack.bytes[at])
        });
    // Within the sum of the intervals the samples say no more than the heap does; beyond it
    // something else grows or shrinks, and they are left as they are.
    let scale = heap
        .filter(|heap| sums[0] > 0.0 && (sums[1]..=sums[2]).contains(&heap.bytes))
        .map_or(1.0, |heap| heap.bytes / sums[0]);
    for stack in &mut stacks {
        if leaks(stack) {
            stack.share = stack.bytes[0] / sums[0];
            stack.bytes = stack.bytes.map(|bytes| bytes * scale);
        }
    }
    stacks.sort_by(|one, other| {
        let key = |stack: &RankedStack| (leaks(stack), stack.bytes[0]);
        let (one, other) = (key(one), key(other));
        other.0.cmp(&one.0).then(other.1.total_cmp(&one.1))
    });
    Attribution {
        heap,
        seconds,
        stacks,
        resolution_bytes_per_s: FEWEST_SAMPLES as f64 * record.sample_bytes as f64
            / seconds.max(f64::MIN_POSITIVE),
        lost_samples: record.lost_samples,
    }
}
