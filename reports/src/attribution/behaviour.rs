//! What the blocks of one stack do: read from births, deaths and ages, without a fit.

use super::poisson::{as_few_in_last_part, difference, garwood};
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
/// Growth of a last part that comes about with a smaller probability than this, if it goes on as
/// before, has slowed down. Three parts are looked at, and survivors for how early they were born:
/// a leak that goes on evenly is taken for less once in five hundred times.
const SLOWING_P: f64 = 0.000_5;
/// Last parts of the settled load in which growth must go on as before, in eighths of it.
const LAST_EIGHTHS: [f64; 3] = [4.0, 2.0, 1.0];
/// Part of the old blocks of a stack that must die in the second half of the settled load, at the
/// least, for them to be said to: what leaks has old blocks that stay.
const AGEING_SHARE: f64 = 0.05;
/// How surely old blocks must die less often than younger ones, as one-sided standard normal
/// deviate, before some of them are said to stay for good under others that go: one in a thousand.
const STAYING_Z: f64 = 3.09;
/// Part of the load that is left out at its start, in which programs fill what they keep.
const SETTLING_SHARE: f64 = 0.4;
/// Spans that a block must have outlived, the begun one included, to count as a survivor, so that
/// what is in flight at the moment is none. More than lie between two snapshots that are kept.
const YOUNG_SPANS: usize = 3;
/// Halvings of the time in which some part of the work was done: to a millisecond of a month.
const WORK_BISECTIONS: usize = 32;
/// What [`SLOWING_P`] is as one-sided standard normal deviate, where blocks die too.
const SLOWING_Z: f64 = 3.29;
/// Longest time between two reports of a stack that changes: the sampler goes through all of them
/// once a second.
const ROUND_MS: f64 = 2500.0;
/// Part of the blocks of a stack that survive, at the least, where it was filled.
const MOST_SURVIVE: f64 = 0.9;
/// Part of the pace before that of a last eighth at most, where blocks have come no more.
const STOPPED_PACE: f64 = 0.1;
/// Parts of the settled load after each of which more blocks live than before where they become
/// more all along: by chance they stand in that order once in 120 times.
const RISING_PARTS: u32 = 4;
/// Part of the first half's growth that the second half has at the least where blocks become more
/// all along: a cache whose keys come at random has a third to two fifths once it is mostly full.
const EVEN_PART: f64 = 0.5;
/// Births of the settled load that come about with a smaller probability than this, where as many
/// come as before, have stopped: five before it and none in it are 0.01.
const FILLED_P: f64 = 0.02;
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
    /// They become more, and too late, too unevenly or with too many deaths to say for how long.
    Undecided,
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
            Behaviour::Undecided => "not decided",
            Behaviour::TooFew => "too few",
        })
    }
}

/// Growth of a stack over the settled part of the load, in samples.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StackGrowth {
    /// Survivors that came, without older ones that died; of what does not leak, how many more live
    /// at the end.
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
    /// Length of the time in which the survivors were born: that part without the youngest blocks; all
    /// of it for what does not leak.
    pub window_s: f64,
    /// Part of the work of the settled load that was done in it.
    pub window_share: f64,
    /// Bytes that one sample stands for.
    pub bytes_per_sample: f64,
    /// Mean size of its blocks.
    pub block_bytes: f64,
    /// What its blocks do.
    pub behaviour: Behaviour,
}

/// How much work was done until when, so that a leak is told whose program becomes slower: it keeps
/// as much per operation, and ever less per second. Empty where operations are not counted: then time
/// is the work.
#[derive(Debug, Clone, Default)]
pub struct Work {
    /// Times of the run's clock and operations completed by then, both rising.
    points: Vec<(f64, f64)>,
}

impl Work {
    /// Takes times in milliseconds and the operations completed by then, in the order of time.
    pub fn new(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let mut kept: Vec<(f64, f64)> = Vec::new();
        for (at_ms, done) in points {
            if kept
                .last()
                .is_none_or(|last| last.0 < at_ms && last.1 <= done)
            {
                kept.push((at_ms, done));
            }
        }
        let is_work = kept.len() > 1 && kept[kept.len() - 1].1 > kept[0].1;
        Work {
            points: if is_work { kept } else { Vec::new() },
        }
    }

    fn until(&self, at_ms: f64) -> f64 {
        let after = self.points.partition_point(|point| point.0 < at_ms);
        match (after.checked_sub(1), self.points.get(after)) {
            (Some(before), Some(next)) => {
                let last = self.points[before];
                last.1 + (next.1 - last.1) * (at_ms - last.0) / (next.0 - last.0)
            }
            (None, Some(next)) => next.1,
            (Some(before), None) => self.points[before].1,
            (None, None) => at_ms,
        }
    }

    /// When the first part of the work of a load was done that is left out as settling; given is
    /// what is settled of it by time, and said is what comes no later.
    pub fn settled_from_ms(&self, settled: (f64, f64)) -> f64 {
        let load_ms = (settled.1 - settled.0) / (1.0 - SETTLING_SHARE);
        let begin_ms = settled.1 - load_ms;
        let wanted = SETTLING_SHARE * self.between((begin_ms, settled.1));
        if self.between((begin_ms, settled.0)) <= wanted {
            return settled.0;
        }
        let (mut low, mut high) = (begin_ms, settled.0);
        for _ in 0..WORK_BISECTIONS {
            let middle = f64::midpoint(low, high);
            match self.between((begin_ms, middle)) < wanted {
                true => low = middle,
                false => high = middle,
            }
        }
        high
    }

    /// Work that was done between two times.
    pub fn between(&self, (from_ms, to_ms): (f64, f64)) -> f64 {
        self.until(to_ms) - self.until(from_ms)
    }
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
    /// Spans in which the survivors were born.
    spans: usize,
    /// Begin and end of them.
    window: (f64, f64),
}

impl Change {
    fn net(self) -> i64 {
        self.survivors as i64 - self.deaths as i64
    }

    /// How many spans before the one of a snapshot blocks are no longer young.
    fn grown_up(after: &StackSnapshot, snapshot: &StackSnapshot) -> (usize, f64) {
        let at = ((snapshot.elapsed_ms - after.first_span_ms) / after.span_ms).max(0.0);
        let at = at.min(after.live.len() as f64);
        (
            (at.floor() as usize + 1).saturating_sub(YOUNG_SPANS),
            at.fract(),
        )
    }

    /// What surely came and went: blocks count later in their life at the end than at the
    /// beginning, never earlier. A queue whose blocks live about as long as that would seem to
    /// grow otherwise.
    fn surely_between(before: &StackSnapshot, after: &StackSnapshot) -> Self {
        let (_, before_phase) = Change::grown_up(after, before);
        let (to, after_phase) = Change::grown_up(after, after);
        let to = match after_phase < before_phase {
            true => to.saturating_sub(1),
            false => to,
        };
        Change::up_to(before, after, to)
    }

    /// What came and went, give or take the blocks of one span.
    fn between(before: &StackSnapshot, after: &StackSnapshot) -> Self {
        Change::up_to(before, after, Change::grown_up(after, after).0)
    }

    fn up_to(before: &StackSnapshot, after: &StackSnapshot, to: usize) -> Self {
        let (from, _) = Change::grown_up(after, before);
        let to = to.min(after.live.len());
        let deaths = (0..from.min(after.live.len()))
            .map(|span| before.live[span].saturating_sub(after.live[span]))
            .sum();
        let range = from.min(to)..to;
        let begin_ms = |span: usize| after.first_span_ms + span as f64 * after.span_ms;
        Change {
            window: (begin_ms(range.start), begin_ms(range.end)),
            survivors: after.live[range.clone()].iter().sum(),
            deaths,
            births: after.born[range.clone()].iter().sum(),
            spans: range.len(),
        }
    }

    /// Whether its growth is too small to be the last part of what went on evenly.
    fn falls_behind(self, before: Change, work: &Work) -> bool {
        let [earlier, later] = [before, self].map(|change| work.between(change.window));
        let share = later / (earlier + later);
        if share.is_nan() || share <= 0.0 || share >= 1.0 {
            return false;
        }
        let count = |net: i64| u64::try_from(net).unwrap_or(0);
        let (earlier, later) = (count(before.net()), count(self.net()));
        if before.deaths + self.deaths == 0 {
            return as_few_in_last_part(earlier, later, share) < SLOWING_P;
        }
        let expected = share * (before.net() + self.net()) as f64;
        let variance = (1.0 - share).powi(2) * (self.survivors + self.deaths) as f64
            + share.powi(2) * (before.survivors + before.deaths) as f64;
        (expected - self.net() as f64) > SLOWING_Z * variance.max(1.0).sqrt()
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
        live_bytes: earlier.live_bytes,
    }
}

/// A stack at any time of the load, from what was last said of it, in the spans of its end.
struct Told<'a> {
    stack: &'a StackHistory,
    end: StackSnapshot,
}

impl<'a> Told<'a> {
    fn until(stack: &'a StackHistory, end_ms: f64) -> Option<Self> {
        let said = said_until(stack, end_ms).or(stack.snapshots.first())?;
        // A stack that has not changed since is the same at that time.
        let end = with_spans_until(said, said_at(said, end_ms));
        Some(Told { stack, end })
    }

    fn at(&self, time_ms: f64) -> StackSnapshot {
        match said_until(self.stack, time_ms) {
            Some(snapshot) => joined_as(&self.end, snapshot, said_at(snapshot, time_ms)),
            // Nothing had been born yet.
            None => joined_as(&self.end, &StackSnapshot::default(), time_ms),
        }
    }

    /// The end of a span that is next to a time: snapshots of long runs lie there.
    fn span_end_ms(&self, time_ms: f64) -> f64 {
        let (first, span) = (self.end.first_span_ms, self.end.span_ms);
        first + ((time_ms - first) / span).round() * span
    }
}

fn said_until(stack: &StackHistory, time_ms: f64) -> Option<&StackSnapshot> {
    let mut snapshots = stack.snapshots.iter().rev();
    snapshots.find(|snapshot| snapshot.elapsed_ms <= time_ms)
}

/// The time that a snapshot speaks of, asked for a later one: its own where the stack changes all
/// the time, and the later one where nothing was said of it since.
fn said_at(snapshot: &StackSnapshot, time_ms: f64) -> f64 {
    match time_ms - snapshot.elapsed_ms <= ROUND_MS {
        true => snapshot.elapsed_ms,
        false => time_ms,
    }
}

/// How the blocks of a stack grew over `settled` (see [`settled_part`]), where jemalloc took a
/// sample each `sample_bytes` unless the stack says otherwise. `None` if the stack has no snapshot.
pub fn stack_growth(
    stack: &StackHistory,
    settled: (f64, f64),
    sample_bytes: u64,
    work: &Work,
) -> Option<StackGrowth> {
    let told = Told::until(stack, settled.1)?;
    let end = &told.end;
    let start = told.at(told.span_end_ms(settled.0));
    let whole = Change::surely_between(&start, end);
    let born: u64 = end.born.iter().sum();
    let live: u64 = end.live.iter().sum();
    let block_bytes = stack.born_bytes as f64 / born.max(1) as f64;
    let behaviour = behaviour(&told, &start, whole, settled, work);
    // What leaks is told by those that stay, whatever is under way beside them; of the others what
    // lives is all there is to say.
    let (came, went, window) = match behaviour {
        Behaviour::Leaks => (whole.survivors, whole.deaths, whole.window),
        _ => (live, start.live.iter().sum(), settled),
    };
    let (low, high) = difference(came, went, SHOWN_CONFIDENCE);
    Some(StackGrowth {
        samples: came as f64 - went as f64,
        low,
        high,
        survivors: whole.survivors,
        births: whole.births,
        live,
        window_s: (window.1 - window.0) / 1000.0,
        window_share: share_of(work, window, settled),
        bytes_per_sample: bytes_per_sample(block_bytes, stack.distance_bytes(sample_bytes) as f64),
        block_bytes,
        behaviour,
    })
}

/// Part of the work of a time that was done in another.
fn share_of(work: &Work, part: (f64, f64), whole: (f64, f64)) -> f64 {
    let all = work.between(whole);
    if all > 0.0 {
        work.between(part) / all
    } else {
        0.0
    }
}

/// Bytes of live blocks at two times, as the samples have them, each of which stands for itself:
/// exact for blocks that are far larger than the distance of samples, such as the memory of
/// containers. `None` if they were not recorded.
pub fn live_bytes_between(stack: &StackHistory, (from, to): (f64, f64)) -> Option<[u64; 2]> {
    let last = said_until(stack, to)?.live_bytes?;
    let first = match said_until(stack, from) {
        Some(snapshot) => snapshot.live_bytes?,
        None => 0,
    };
    Some([first, last])
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

fn behaviour(
    told: &Told<'_>,
    start: &StackSnapshot,
    whole: Change,
    settled: (f64, f64),
    work: &Work,
) -> Behaviour {
    let end = &told.end;
    let born: u64 = end.born.iter().sum();
    if born < FEWEST_SAMPLES {
        return Behaviour::TooFew;
    }
    let (surely, _) = difference(whole.survivors, whole.deaths, LEAK_CONFIDENCE);
    let grows = surely > 0.0 && whole.net() >= FEWEST_SAMPLES as i64;
    let middle = told.at(told.span_end_ms((settled.0 + settled.1) / 2.0));
    let first = Change::surely_between(start, &middle);
    let second = Change::surely_between(&middle, end);
    let slows = || slows(told, start, settled, work);
    if grows
        && first.net() > 0
        && second.net() > 0
        && !slows()
        && !only_late_ones_live(start, end, whole, work)
        && !old_ones_die(start, &middle, end)
    {
        return Behaviour::Leaks;
    }
    if whole.births < FEWEST_SAMPLES {
        let before = born.saturating_sub(whole.births);
        let as_few = as_few_in_last_part(before, whole.births, 1.0 - SETTLING_SHARE);
        return match end.live.iter().sum() {
            0_u64 => Behaviour::Churns,
            // Fewer than go on to come where as many did before.
            _ if as_few < FILLED_P => Behaviour::FilledOnce,
            _ => Behaviour::TooFew,
        };
    }
    let survive = whole.survivors as f64 / whole.births as f64;
    if grows && whole.deaths == 0 && survive > MOST_SURVIVE {
        // They came and stayed.
        match has_stopped(told, start, settled, work) {
            true => Behaviour::FilledOnce,
            false => Behaviour::Undecided,
        }
    } else if becomes_more(told, settled) && !slows() {
        Behaviour::Undecided
    } else if survive <= CHURN_SURVIVORS {
        Behaviour::Churns
    } else {
        Behaviour::Bounded
    }
}

/// Whether hardly any blocks came in the last eighth of the settled load, and not by chance.
fn has_stopped(told: &Told<'_>, start: &StackSnapshot, settled: (f64, f64), work: &Work) -> bool {
    let then = told.at(told.span_end_ms(settled.1 - (settled.1 - settled.0) / 8.0));
    let [before, last] = [
        Change::between(start, &then),
        Change::between(&then, &told.end),
    ];
    let [earlier, later] = [before, last].map(|change| work.between(change.window));
    let pace = |births: u64, work: f64| births as f64 / work.max(f64::MIN_POSITIVE);
    as_few_in_last_part(before.births, last.births, later / (earlier + later)) < FILLED_P
        && pace(last.births, later) <= STOPPED_PACE * pace(before.births, earlier)
}

/// Whether more live after each part of the settled load than before it, young ones included, and
/// surely more at its end than at its beginning: a queue that is filled faster than it is emptied.
fn becomes_more(told: &Told<'_>, settled: (f64, f64)) -> bool {
    let length = settled.1 - settled.0;
    let live = (0..=RISING_PARTS).map(|part| {
        let at_ms = settled.0 + length * f64::from(part) / f64::from(RISING_PARTS);
        told.at(told.span_end_ms(at_ms)).live.iter().sum::<u64>()
    });
    let live: Vec<u64> = live.collect();
    let [begin, middle, end] = [0, live.len() / 2, live.len() - 1].map(|part| live[part]);
    let (surely, _) = difference(end, begin, LEAK_CONFIDENCE);
    surely > 0.0
        && live.is_sorted_by(|before, after| before < after)
        && (end - middle) as f64 >= EVEN_PART * (middle - begin) as f64
}

/// Whether the growth of one of the last parts falls behind what was before it.
fn slows(told: &Told<'_>, start: &StackSnapshot, settled: (f64, f64), work: &Work) -> bool {
    LAST_EIGHTHS.iter().any(|eighths| {
        let begins = settled.1 - eighths / 8.0 * (settled.1 - settled.0);
        let then = told.at(told.span_end_ms(begins));
        Change::between(&then, &told.end).falls_behind(Change::between(start, &then), work)
    })
}

/// Whether the blocks that live at the end were born too late for the growth: what leaks has
/// survivors of all ages, and of what was thrown away at some time only the later ones live.
fn only_late_ones_live(
    start: &StackSnapshot,
    end: &StackSnapshot,
    whole: Change,
    work: &Work,
) -> bool {
    let (from, _) = Change::grown_up(end, start);
    let half = whole.spans / 2;
    let early: u64 = end.live[from..from + half].iter().sum();
    let net = u64::try_from(whole.net()).unwrap_or(0);
    let middle_ms = whole.window.0 + half as f64 * end.span_ms;
    let share = share_of(work, (whole.window.0, middle_ms), whole.window);
    half > 0
        && (0.0..1.0).contains(&share)
        && share > 0.0
        && as_few_in_last_part(net.saturating_sub(early), early, share) < SLOWING_P
}

/// Whether blocks die that are as old as the settled load and older, as those of a cache do that
/// still fills: unless they do so less often than younger ones, so that some stay for good.
fn old_ones_die(start: &StackSnapshot, middle: &StackSnapshot, end: &StackSnapshot) -> bool {
    let cohort = |from: usize, to: usize| {
        let count = |snapshot: &StackSnapshot| snapshot.live[from..to].iter().sum::<u64>();
        (count(middle), count(middle).saturating_sub(count(end)))
    };
    let (old, _) = Change::grown_up(end, start);
    let (grown_up, _) = Change::grown_up(end, middle);
    let (alive, died) = cohort(0, old.min(grown_up));
    let (surely, _) = garwood(died, SHOWN_CONFIDENCE);
    if alive == 0 || surely / alive as f64 <= AGEING_SHARE {
        return false;
    }
    let (younger_alive, younger_died) = cohort(old.min(grown_up), grown_up);
    !dies_less_often((died, alive), (younger_died, younger_alive))
}

/// Whether the first share is surely smaller than the second: the test of two proportions by
/// their pooled standard error.
///
/// # Source
///
/// K. Pearson, "On the criterion …", Philosophical Magazine 50 (1900), 157–175, for a table of two
/// rows and two columns, one-sided.
fn dies_less_often((died, of): (u64, u64), (other_died, of_others): (u64, u64)) -> bool {
    if of == 0 || of_others == 0 {
        return false;
    }
    let (n, m) = (of as f64, of_others as f64);
    let pooled = (died + other_died) as f64 / (n + m);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    other_died as f64 / m - died as f64 / n > STAYING_Z * deviation.max(f64::MIN_POSITIVE)
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
