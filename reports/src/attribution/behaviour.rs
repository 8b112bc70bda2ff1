//! What the blocks of one stack do: read from births, deaths and ages, without a fit.

use super::poisson::{as_few_in_second_half, difference};
use leaklab_run::{StackHistory, StackSnapshot};
use std::fmt;

/// Confidence of the interval whose lower end must lie above zero before a stack is said to
/// leak. There are many stacks in a program, and each is asked: one in a thousand without a
/// leak would pass this alone, fewer pass the halves too.
const LEAK_CONFIDENCE: f64 = 0.998;
/// Confidence of the intervals that are shown.
pub const SHOWN_CONFIDENCE: f64 = 0.95;
/// Fewest samples that something can be said of: with four, the interval of a pure leak
/// reaches from a quarter of it to two and a half times.
pub const FEWEST_SAMPLES: u64 = 5;
/// Growth of a second half that comes about with a smaller probability than this, if both
/// halves are alike, has slowed down.
const SLOWING_P: f64 = 0.01;
/// Part of the load that is left out at its start, in which programs fill what they keep.
const SETTLING_SHARE: f64 = 0.4;
/// Spans that a block must have outlived, the begun one included, to count as a survivor, so that
/// what is in flight at the moment is none. More than lie between two snapshots that are kept.
const YOUNG_SPANS: usize = 3;
/// Part of the blocks of a stack that may survive, at most, where it churns.
const CHURN_SURVIVORS: f64 = 0.02;

/// What the blocks of a stack do. The verdict of the cell stays the judge's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// They are born all the time and stay.
    Leaks,
    /// They die young.
    Churns,
    /// They were born early and stay; no more are born.
    FilledOnce,
    /// They are born all the time, live long, and as many die.
    Bounded,
    /// Too few were sampled to say.
    TooFew,
}

impl fmt::Display for Behaviour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Behaviour::Leaks => "leaks",
            Behaviour::Churns => "churns",
            Behaviour::FilledOnce => "filled once",
            Behaviour::Bounded => "bounded",
            Behaviour::TooFew => "too few",
        })
    }
}

/// Growth of a stack over the settled part of the load, in samples.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StackGrowth {
    /// Survivors that came, without older ones that died.
    pub samples: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Survivors among the blocks that were born in that part.
    pub survivors: u64,
    /// Blocks that were born in that part.
    pub births: u64,
    /// Blocks that live at its end.
    pub live: u64,
    /// Bytes that one sample stands for.
    pub bytes_per_sample: f64,
    /// Mean size of its blocks.
    pub block_bytes: f64,
    /// What its blocks do.
    pub behaviour: Behaviour,
}

/// The part of a load that growth is taken over: what remains after the settling.
///
/// Given and returned in milliseconds of the run's clock.
pub fn settled_part(load: (f64, f64)) -> (f64, f64) {
    (load.0 + SETTLING_SHARE * (load.1 - load.0), load.1)
}

/// What came and what went between two snapshots, among blocks that were not young at either.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    survivors: u64,
    deaths: u64,
    births: u64,
}

impl Change {
    fn net(self) -> i64 {
        self.survivors as i64 - self.deaths as i64
    }

    fn between(before: &StackSnapshot, after: &StackSnapshot) -> Self {
        let spans = after.live.len();
        let span_at = |snapshot: &StackSnapshot| {
            let at = (snapshot.elapsed_ms - after.first_span_ms) / after.span_ms;
            (at.max(0.0).floor() as usize).min(spans)
        };
        let grown_up = |snapshot| (span_at(snapshot) + 1).saturating_sub(YOUNG_SPANS);
        let (from, to) = (grown_up(before), grown_up(after).min(spans));
        let deaths = (0..from)
            .map(|span| before.live[span].saturating_sub(after.live[span]))
            .sum();
        let range = from.min(to)..to;
        Change {
            survivors: after.live[range.clone()].iter().sum(),
            deaths,
            births: after.born[range].iter().sum(),
        }
    }
}

/// An earlier snapshot as it would be at `time_ms`, in the spans of a later one, which are as
/// long or a power of two longer.
fn joined_as(later: &StackSnapshot, earlier: &StackSnapshot, time_ms: f64) -> StackSnapshot {
    let joined = (later.span_ms / earlier.span_ms).round();
    let joined = match joined.is_finite() {
        true => (joined as usize).max(1),
        false => 1,
    };
    let in_spans = |counts: &[u64]| {
        let sums = counts.chunks(joined).map(|counts| counts.iter().sum());
        let mut sums: Vec<u64> = sums.collect();
        sums.resize(later.live.len(), 0);
        sums
    };
    StackSnapshot {
        elapsed_ms: time_ms,
        first_span_ms: later.first_span_ms,
        span_ms: later.span_ms,
        born: in_spans(&earlier.born),
        live: in_spans(&earlier.live),
    }
}

/// How the blocks of a stack grew over `settled` (see [`settled_part`]), where jemalloc took a
/// sample each `sample_bytes`. `None` if the stack has no snapshot.
pub fn stack_growth(
    stack: &StackHistory,
    settled: (f64, f64),
    sample_bytes: u64,
) -> Option<StackGrowth> {
    let said_until = |time_ms: f64| {
        let mut snapshots = stack.snapshots.iter().rev();
        snapshots.find(|snapshot| snapshot.elapsed_ms <= time_ms)
    };
    // A stack that has not changed since is the same at that time.
    let last = said_until(settled.1).or(stack.snapshots.first())?;
    let end = with_spans_until(last, settled.1);
    let at = |time_ms: f64| match said_until(time_ms) {
        Some(snapshot) => joined_as(&end, snapshot, time_ms),
        // Nothing had been born yet.
        None => joined_as(&end, &StackSnapshot::default(), time_ms),
    };
    let start = at(settled.0);
    let middle_ms = (settled.0 + settled.1) / 2.0;
    let middle = at(middle_ms);
    let whole = Change::between(&start, &end);
    let first = Change::between(&start, &middle);
    let second = Change::between(&middle, &end);
    let born: u64 = last.born.iter().sum();
    let live: u64 = last.live.iter().sum();
    let block_bytes = stack.born_bytes as f64 / born.max(1) as f64;
    let (low, high) = difference(whole.survivors, whole.deaths, SHOWN_CONFIDENCE);
    Some(StackGrowth {
        samples: whole.net() as f64,
        low,
        high,
        survivors: whole.survivors,
        births: whole.births,
        live,
        bytes_per_sample: bytes_per_sample(block_bytes, sample_bytes as f64),
        block_bytes,
        behaviour: behaviour(whole, [first, second], born, live),
    })
}

/// A snapshot with empty spans up to `until_ms`: the stack has not changed since.
fn with_spans_until(snapshot: &StackSnapshot, until_ms: f64) -> StackSnapshot {
    let spans = ((until_ms - snapshot.first_span_ms) / snapshot.span_ms).floor() + 1.0;
    let spans = (spans.max(0.0) as usize)
        .min(1 << 16)
        .max(snapshot.live.len());
    let mut longer = snapshot.clone();
    longer.elapsed_ms = until_ms;
    longer.born.resize(spans, 0);
    longer.live.resize(spans, 0);
    longer
}

fn behaviour(whole: Change, halves: [Change; 2], born: u64, live: u64) -> Behaviour {
    if born < FEWEST_SAMPLES {
        return Behaviour::TooFew;
    }
    let [first, second] = halves.map(Change::net);
    let (surely, _) = difference(whole.survivors, whole.deaths, LEAK_CONFIDENCE);
    let grows = surely > 0.0 && whole.net() >= FEWEST_SAMPLES as i64;
    if grows {
        let count = |net: i64| u64::try_from(net).unwrap_or(0);
        let slows = as_few_in_second_half(count(first), count(second)) < SLOWING_P;
        if first > 0 && second > 0 && !slows {
            return Behaviour::Leaks;
        }
    }
    if whole.births < FEWEST_SAMPLES {
        return match live {
            0 => Behaviour::Churns,
            _ => Behaviour::FilledOnce,
        };
    }
    let survive = whole.survivors as f64 / whole.births as f64;
    if survive <= CHURN_SURVIVORS {
        Behaviour::Churns
    } else if grows && halves[1].births * 10 < halves[0].births {
        Behaviour::FilledOnce
    } else {
        Behaviour::Bounded
    }
}

/// Bytes that one sampled block of that size stands for, where a sample is taken each
/// `sample_bytes` on average: a block is sampled with probability 1 − exp(−size / interval).
///
/// # Source
///
/// jemalloc, "Profiling internals": each allocated byte is the end of an exponential interval.
pub fn bytes_per_sample(block_bytes: f64, sample_bytes: f64) -> f64 {
    let size = block_bytes.max(1.0);
    size / -(-size / sample_bytes).exp_m1()
}
