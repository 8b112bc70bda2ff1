//! The stacks of a cell, ranked by their share of the growth.

use super::behaviour::{
    Behaviour, FEWEST_SAMPLES, StackGrowth, Work, live_bytes_between, settled_part, stack_growth,
};
use super::merge::merged;
use leaklab_run::{StackHistory, StackRecord};

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

/// Stacks that are one row of the answer.
#[derive(Debug, Clone, Default)]
pub struct Group<'a> {
    /// Stacks of the blocks that are kept.
    pub blocks: Vec<&'a StackHistory>,
    /// Stacks by which the containers grow that hold them.
    pub containers: Vec<&'a StackHistory>,
}

/// One group of the ranking.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedStack {
    /// Which group it was.
    pub group: usize,
    /// Its growth in samples, and what it does.
    pub growth: StackGrowth,
    /// Its part of the growth of all stacks that leak, from 0 to 1; 0 for one that does not.
    pub share: f64,
    /// Bytes by which it grew, with its 95 % interval.
    pub bytes: [f64; 3],
    /// Part of them by which containers grew.
    pub container_bytes: f64,
    /// Blocks by which it grew, without the memory of containers.
    pub blocks: f64,
}

/// Where the heap of a cell grows.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// The growth that is shared out; absent where the live heap is not known.
    pub heap: Option<HeapGrowth>,
    /// Seconds of the settled part of the load, over which stacks are compared.
    pub seconds: f64,
    /// Stacks, those that leak first and those that may next, by their growth.
    pub stacks: Vec<RankedStack>,
    /// Smallest growth that this profile could have seen, in bytes a second.
    pub resolution_bytes_per_s: f64,
    /// Samples that found no place.
    pub lost_samples: u64,
}

/// The part of a load of which the stacks are known: until the last of them was heard of, or until
/// `heard_ms`, when the allocators that tell of them were, since stacks that have not changed are
/// not told again.
pub fn known_part(record: &StackRecord, load: (f64, f64), heard_ms: Option<f64>) -> (f64, f64) {
    let snapshots = record.stacks.iter().flat_map(|stack| &stack.snapshots);
    let last_ms = snapshots
        .map(|snapshot| snapshot.elapsed_ms)
        .chain(heard_ms)
        .filter(|elapsed_ms| *elapsed_ms <= load.1)
        .fold(load.0, f64::max);
    (load.0, last_ms)
}

/// Ranks groups of the stacks of a cell over the part of its load in which they are known, given in
/// milliseconds of the run's clock.
///
/// The amount of each is what its samples stand for. Where the growth of the heap is known
/// exactly and the stacks that leak explain it within their intervals, they are scaled to it.
pub fn attribute(
    record: &StackRecord,
    groups: &[Group<'_>],
    known: (f64, f64),
    heap: Option<HeapGrowth>,
    work: &Work,
) -> Attribution {
    let settled = settled_part(known);
    let seconds = (settled.1 - settled.0) / 1000.0;
    let mut stacks: Vec<RankedStack> = groups
        .iter()
        .enumerate()
        .filter_map(|(at, group)| ranked(at, group, settled, record.sample_bytes, work))
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
            stack.container_bytes *= scale;
            stack.blocks *= scale;
        }
    }
    stacks.sort_by(|one, other| {
        let may_leak = |stack: &RankedStack| stack.growth.behaviour == Behaviour::Undecided;
        let key = |stack: &RankedStack| ((leaks(stack), may_leak(stack)), stack.bytes[0]);
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

/// The growth of one group: what its blocks do, and the bytes of its blocks and containers.
fn ranked(
    group: usize,
    stacks: &Group<'_>,
    settled: (f64, f64),
    sample_bytes: u64,
    work: &Work,
) -> Option<RankedStack> {
    let only_containers = stacks.blocks.is_empty();
    let counted = match only_containers {
        true => &stacks.containers,
        false => &stacks.blocks,
    };
    let sum = merged(counted)?;
    let mut growth = stack_growth(&sum, settled, sample_bytes, work)?;
    let is_one_block = counted.len() == 1 && growth.live == 1 && is_exact(&sum, sample_bytes);
    if (only_containers || is_one_block)
        && let Some(rise) = container_rise(&sum, settled, work)
    {
        growth.behaviour = match (rise.behaviour, growth.behaviour, rise.bytes) {
            (Some(by_steps), _, Some(_)) => by_steps,
            // Blocks are as many whether a container is full or the next step is still to come.
            (None, Behaviour::FilledOnce | Behaviour::Churns, Some(_)) => Behaviour::Undecided,
            (None, Behaviour::FilledOnce, None) => Behaviour::TooFew,
            (_, by_blocks, _) => by_blocks,
        };
        if let Some(bytes) = rise.bytes {
            return Some(RankedStack {
                group,
                growth,
                share: 0.0,
                // Capacity grows in steps: what is in use lies between one and the next.
                bytes: [bytes, bytes / 2.0, bytes * 2.0],
                container_bytes: bytes,
                blocks: 0.0,
            });
        }
    }
    let parts: Vec<StackGrowth> = counted
        .iter()
        .filter_map(|stack| stack_growth(stack, settled, sample_bytes, work))
        .collect();
    // Each stack has blocks of its own size.
    growth.bytes_per_sample = mean_weight(&parts, |part| part.bytes_per_sample);
    let scale = match growth.window_share > 0.0 {
        true => 1.0 / growth.window_share,
        false => 1.0,
    };
    let of_blocks = [growth.samples, growth.low, growth.high]
        .map(|samples| samples * scale * growth.bytes_per_sample);
    let blocks_per_sample = mean_weight(&parts, |part| {
        part.bytes_per_sample / part.block_bytes.max(1.0)
    });
    let containers = stacks.containers.iter().filter(|_| !only_containers);
    let container_bytes: f64 = containers
        .map(|stack| container_growth(stack, settled, sample_bytes))
        .sum();
    Some(RankedStack {
        group,
        share: 0.0,
        bytes: of_blocks.map(|bytes| bytes + container_bytes),
        container_bytes,
        blocks: growth.samples * scale * blocks_per_sample,
        growth,
    })
}

/// The mean of a figure over stacks, by the samples of each that came and stayed.
fn mean_weight(parts: &[StackGrowth], figure: impl Fn(&StackGrowth) -> f64) -> f64 {
    let mean = |weight: &dyn Fn(&StackGrowth) -> f64| {
        let total: f64 = parts.iter().map(weight).sum();
        let sum: f64 = parts.iter().map(|part| weight(part) * figure(part)).sum();
        (total > 0.0).then(|| sum / total)
    };
    mean(&|part| part.survivors as f64)
        .or_else(|| mean(&|part| part.live as f64))
        .or_else(|| mean(&|_| 1.0))
        .unwrap_or_default()
}

/// Distances between samples from which on a block is as good as always sampled: it is missed once
/// in seven times, and of the next one, twice as large, once in fifty.
const LARGE: f64 = 2.0;

/// Whether the blocks that live at the end are so large that samples show all of them.
fn is_exact(stack: &StackHistory, sample_bytes: u64) -> bool {
    let live_bytes = stack.snapshots.last().and_then(|last| last.live_bytes);
    live_bytes.is_some_and(|bytes| bytes as f64 > LARGE * stack.distance_bytes(sample_bytes) as f64)
}

/// Bytes by which a stack of containers grew.
fn container_growth(stack: &StackHistory, settled: (f64, f64), sample_bytes: u64) -> f64 {
    let growth = stack_growth(stack, settled, sample_bytes, &Work::default());
    let is_large = |growth: &StackGrowth| {
        growth.block_bytes > LARGE * stack.distance_bytes(sample_bytes) as f64
    };
    match (growth, live_bytes_between(stack, settled)) {
        (Some(growth), Some([from, to])) if is_large(&growth) => to as f64 - from as f64,
        (Some(growth), _) => growth.samples * growth.bytes_per_sample,
        (None, _) => 0.0,
    }
}

/// Work until the last step but one of a container that grows evenly, in times of the last: half of
/// it where capacity doubles, two thirds where it grows by half, and somewhat more or less.
const STEP_RATIO: (f64, f64) = (0.35, 0.8);
/// Factor by which the memory of a container rises in a step, at the least.
const LEAST_FACTOR: f64 = 1.2;

/// Steps that are seen of a container, at the least, before it is said to grow for ever.
const FEWEST_STEPS: usize = 4;

/// How a container grew whose elements have no blocks of their own.
struct ContainerRise {
    /// Bytes by which it grew in the settled part of the load; none if it did not.
    bytes: Option<f64>,
    /// What its steps come to; nothing where there are too few of them to say.
    behaviour: Option<Behaviour>,
}

/// Memory of a container that grows for ever rises in steps, each by the same factor, and each
/// time after about so much more work: with a factor of two, the last step but one came at half
/// the work of the last, which is its time where operations are not counted. One that was filled
/// has no such step in the settled part of the load, and the next one is overdue.
///
/// Settled is what is behind the first part of the work here, not of the time: what goes through all
/// that it keeps does most of its work, and takes most of its steps, at the beginning.
fn container_rise(stack: &StackHistory, settled: (f64, f64), work: &Work) -> Option<ContainerRise> {
    let done = |until_ms: f64| work.between((0.0, until_ms));
    let begin_ms = work.settled_from_ms(settled);
    let [from, to] = live_bytes_between(stack, (begin_ms, settled.1))?;
    let mut steps: Vec<f64> = Vec::new();
    let mut most = 0.0_f64;
    for snapshot in &stack.snapshots {
        let bytes = snapshot.live_bytes? as f64;
        if bytes > most * LEAST_FACTOR {
            steps.push(snapshot.elapsed_ms);
            most = bytes;
        }
    }
    let goes_on = |steps: &[f64]| match steps {
        [.., before, last] if steps.len() >= FEWEST_STEPS => {
            let ratio = done(*before) / done(*last);
            *last > begin_ms && (STEP_RATIO.0..=STEP_RATIO.1).contains(&ratio)
        }
        _ => false,
    };
    let rises = to as f64 > from as f64 * LEAST_FACTOR;
    let is_overdue = |last: &f64| done(*last) < STEP_RATIO.0 * done(settled.1);
    let behaviour = if rises && (goes_on(&steps) || goes_on(&moves(stack))) {
        Some(Behaviour::Leaks)
    } else if steps.last().is_some_and(is_overdue) && to > 0 {
        Some(Behaviour::FilledOnce)
    } else {
        None
    };
    let part = work.between(settled) / work.between((begin_ms, settled.1));
    Some(ContainerRise {
        bytes: rises.then_some(part * (to as f64 - from as f64)),
        behaviour,
    })
}

/// Times at which the one block of a container was taken anew, each a larger one: closer than
/// snapshots, which leave out what changed between two of them.
fn moves(stack: &StackHistory) -> Vec<f64> {
    let Some(last) = stack.snapshots.last() else {
        return Vec::new();
    };
    if last.live.iter().sum::<u64>() > 1 {
        return Vec::new();
    }
    let middle = |span: usize| last.first_span_ms + (span as f64 + 0.5) * last.span_ms;
    let spans = last.born.iter().enumerate();
    spans
        .flat_map(|(span, born)| (0..*born).map(move |_| middle(span)))
        .collect()
}
