//! What a challenge is made of: the leaks, the search for the smallest that is called, and what
//! a soak with one came to.

use crate::heap::HeapSource;
use crate::results::judged::JudgedCell;
use crate::supervisor::cell::CellSetup;
use leaklab_judge::Verdict;
use leaklab_preload::MALLINFO;
use leaklab_reports::cell::Standing;
use leaklab_run::{Phase, columns};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// Size of the first leak as a multiple of the growth that the soak could have shown at best.
const FIRST_FACTOR: f64 = 2.0;
/// Least size of the first leak, in bytes over the load: a hundred blocks.
const FIRST_BYTES: f64 = 100.0 * BLOCK_BYTES;
/// Step of the search while only one side is known.
const STEP: f64 = 4.0;
/// Ratio of the smallest called to the largest missed at which the search is over.
const CLOSE_ENOUGH: f64 = 2.0;
/// Largest leak that is tried, in bytes an hour: 4 MiB each second.
const LARGEST_BYTES: f64 = 3600.0 * (4 << 20) as f64;
/// Smallest leak that is tried, in bytes over the load: ten blocks.
const SMALLEST_BYTES: f64 = 10.0 * BLOCK_BYTES;
/// Bytes of a block, as the preloaded object makes them.
const BLOCK_BYTES: f64 = 512.0;
/// Part of the load for which a block is held that is given back late.
const HELD_PART: f64 = 0.25;

/// A leak that can be made in a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leak {
    /// Small blocks at a steady pace.
    Blocks,
    /// One container that doubles when it is full.
    Container,
    /// Blocks in proportion to the CPU time that the program uses.
    Work,
    /// Blocks that are given back after a while: no leak.
    Late,
}

/// Those whose size is searched.
pub const SEARCHED: [Leak; 3] = [Leak::Blocks, Leak::Container, Leak::Work];

impl Leak {
    /// All, in the order in which they are tried.
    pub const ALL: [Leak; 4] = [Leak::Blocks, Leak::Container, Leak::Work, Leak::Late];

    /// The word on the command line and in `LEAKLAB_INJECT`.
    pub fn name(self) -> &'static str {
        match self {
            Leak::Blocks => "blocks",
            Leak::Container => "container",
            Leak::Work => "work",
            Leak::Late => "late",
        }
    }

    /// What it is.
    pub fn words(self) -> &'static str {
        match self {
            Leak::Blocks => "steady blocks",
            Leak::Container => "one growing container",
            Leak::Work => "blocks with its work",
            Leak::Late => "blocks released late",
        }
    }
}

impl FromStr for Leak {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Leak::ALL.into_iter().find(|leak| leak.name() == text);
        found.ok_or_else(|| format!("`{text}` is none of blocks, container, work and late"))
    }
}

/// The gauge by which a program that links the probe says how much it was made to leak.
const INJECTED_GAUGE: &str = "injected_bytes";

/// Lets a cell's program leak so many bytes an hour. `without` is its soak without a leak: what
/// tells of its heap there by itself leaks through the probe that it links, anything else through
/// a preloaded object.
///
/// # Errors
///
/// Why nothing can be preloaded into the program, and the way out.
pub fn prepare(
    cell: &mut CellSetup,
    program: &Path,
    leak: Leak,
    bytes_per_hour: f64,
    without: &Tried,
) -> Result<(), String> {
    if cell.child.preload.is_none() && !without.tells_its_heap {
        // What it says of the heap that malloc does not see is told of --heap, not of this.
        HeapSource::Mallinfo
            .choose(program)
            .map_err(|why| why.replace("be run with --heap mallinfo", "be challenged"))?;
        cell.child.preload = Some(MALLINFO);
        cell.child.injects_only = true;
    }
    let per_s = match leak {
        Leak::Work => bytes_per_hour / 3600.0 / without.processor_share,
        _ => bytes_per_hour / 3600.0,
    };
    let held_s = cell.schedule.load.unwrap_or_default().as_secs_f64() * HELD_PART;
    cell.child.inject = Some(format!("{}:{per_s}:{held_s}", leak.name()));
    let injected = format!("{} {bytes_per_hour:.0}B/h", leak.name());
    cell.plan.parameters.insert("injected".to_owned(), injected);
    Ok(())
}

/// What a soak came to.
#[derive(Debug)]
pub struct Tried {
    /// Its verdict.
    pub verdict: Verdict,
    /// What its cell has come to.
    pub standing: Standing,
    /// Growth that it could have shown, and the budget, in bytes an hour.
    resolution: Option<f64>,
    budget: Option<f64>,
    /// CPU time of the load as a share of a processor.
    pub processor_share: f64,
    /// Whether the program tells of its heap by itself, over the pipe.
    tells_its_heap: bool,
    /// Whether it tells how much it was made to leak.
    tells_the_leak: bool,
}

impl Tried {
    /// Of a cell that has ended.
    pub fn of(judged: &JudgedCell<'_>) -> Self {
        let memory = judged.memory().map(|memory| &memory.judgement);
        let is_told = |name: &str| {
            let table = judged.cell.samples(|column| column == name).ok();
            table.is_some_and(|table| table.filled_column(name).is_some())
        };
        Tried {
            tells_its_heap: is_told(columns::ALLOCATED_BYTES),
            tells_the_leak: is_told(&columns::gauge(INJECTED_GAUGE)),
            verdict: judged.verdict(),
            standing: judged.standing(),
            resolution: memory.and_then(|memory| memory.resolution_bytes_per_hour),
            budget: memory.and_then(|memory| memory.budget_bytes_per_hour),
            processor_share: processor_share(judged).unwrap_or(0.0),
        }
    }

    /// Whether a leak was made, as far as that is known: what tells of its heap by itself must
    /// tell of the leak as well.
    pub fn was_made(&self, without: &Tried, is_preloaded: bool) -> bool {
        is_preloaded || !without.tells_its_heap || self.tells_the_leak
    }

    /// The size of the first leak that is tried in a soak of that length, in bytes an hour.
    pub fn first_size(&self, load: Duration) -> f64 {
        let known = [self.resolution, self.budget].into_iter().flatten();
        let known = known.filter(|bytes| bytes.is_finite()).fold(0.0, f64::max);
        let least = per_hour(FIRST_BYTES, load);
        (known * FIRST_FACTOR).max(least).min(LARGEST_BYTES)
    }
}

/// The smallest and the largest leak that can be made in a soak of that length, in bytes an hour.
pub fn sizes_of(load: Duration) -> [f64; 2] {
    [per_hour(SMALLEST_BYTES, load), LARGEST_BYTES]
}

/// Bytes over a load of that length, by the hour.
fn per_hour(bytes: f64, load: Duration) -> f64 {
    bytes * 3600.0 / load.as_secs_f64()
}

fn processor_share(judged: &JudgedCell<'_>) -> Option<f64> {
    let table = judged.cell.samples(|name| name == columns::CPU_MS).ok()?;
    let cpu_ms = table.filled_column(columns::CPU_MS)?;
    let mut rows = (0..table.len())
        .filter(|row| table.phase[*row] == Phase::Load && !cpu_ms[*row].is_nan())
        .map(|row| (table.elapsed_ms[row], cpu_ms[row]));
    let (first, last) = (rows.next()?, rows.next_back()?);
    Some((last.1 - first.1) / (last.0 - first.0))
}

/// The search for the smallest leak that is called: by steps until both sides are known, then
/// between them.
#[derive(Debug)]
pub struct Search {
    size: Option<f64>,
    left: u32,
    least: f64,
    /// The smallest that was called.
    pub called: Option<f64>,
    /// The largest that was not, below it.
    pub missed: Option<f64>,
    /// The largest of which the soak said that nothing leaks.
    pub cleared: Option<f64>,
    /// Soaks so far.
    pub soaks: u32,
}

impl Search {
    /// One that begins with `size` and takes at most `soaks` of that length.
    pub fn new(size: f64, soaks: u32, load: Duration) -> Self {
        Search {
            size: Some(size),
            left: soaks,
            least: per_hour(SMALLEST_BYTES, load),
            cleared: None,
            called: None,
            missed: None,
            soaks: 0,
        }
    }

    /// The size to try next; `None` if enough is known.
    pub fn next(&self) -> Option<f64> {
        self.size.filter(|_| self.left > 0)
    }

    /// Takes what became of it.
    pub fn take(&mut self, size: f64, verdict: Verdict) {
        self.left -= 1;
        self.soaks += 1;
        if verdict == Verdict::NoLeak {
            self.cleared = Some(self.cleared.map_or(size, |cleared| cleared.max(size)));
        }
        if verdict == Verdict::Leak {
            self.called = Some(self.called.map_or(size, |called| called.min(size)));
        } else {
            self.missed = Some(self.missed.map_or(size, |missed| missed.max(size)));
        }
        self.size = match (self.called, self.missed) {
            (Some(called), Some(missed)) if called / missed <= CLOSE_ENOUGH => None,
            (Some(called), Some(missed)) => Some((called * missed).sqrt()),
            (Some(called), None) if called <= self.least => None,
            (Some(called), None) => Some((called / STEP).max(self.least)),
            (None, Some(missed)) if missed >= LARGEST_BYTES => None,
            (None, Some(missed)) => Some((missed * STEP).min(LARGEST_BYTES)),
            (None, None) => None,
        };
    }
}

/// What a challenge has shown of one leak.
#[derive(Debug)]
pub struct Challenged {
    /// The leak.
    pub leak: Leak,
    /// The smallest that was called, in bytes an hour.
    pub called: Option<f64>,
    /// The largest that was not.
    pub missed: Option<f64>,
    /// The largest of which the soak said that nothing leaks.
    pub cleared: Option<f64>,
    /// Soaks that it took.
    pub soaks: u32,
    /// What was said of blocks that are given back.
    pub late: Option<Verdict>,
}

impl Challenged {
    /// Of a leak whose size was searched.
    pub fn searched(leak: Leak, search: &Search) -> Self {
        Challenged {
            leak,
            called: search.called,
            missed: search.missed,
            cleared: search.cleared,
            soaks: search.soaks,
            late: None,
        }
    }

    /// Whether it was called, at the required size at the latest; of what is given back, whether it
    /// was not called a leak.
    pub fn is_met(&self, required: Option<f64>) -> bool {
        match self.late {
            Some(verdict) => verdict != Verdict::Leak,
            None => (self.called).is_some_and(|called| required.is_none_or(|most| called <= most)),
        }
    }

    /// The size at which it shows nothing that what is given back was not called a leak: the verdict is
    /// open, and no leak of that size was called among `all` either.
    pub fn shows_nothing(&self, all: &[Challenged]) -> Option<f64> {
        let size = self.missed?;
        let is_called = |other: &Challenged| other.called.is_some_and(|called| called <= size);
        let is_open = self.late == Some(Verdict::Inconclusive);
        (is_open && !all.iter().any(is_called)).then_some(size)
    }

    /// Of blocks that are given back late.
    pub fn late(bytes_per_hour: f64, verdict: Verdict) -> Self {
        Challenged {
            leak: Leak::Late,
            called: None,
            missed: (verdict != Verdict::Leak).then_some(bytes_per_hour),
            cleared: None,
            soaks: 1,
            late: Some(verdict),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Duration = Duration::from_secs(3600);

    fn verdict(is_called: bool) -> Verdict {
        match is_called {
            true => Verdict::Leak,
            false => Verdict::Inconclusive,
        }
    }

    #[test]
    fn the_smallest_called_leak_is_found_between_two_sizes() {
        for threshold in [2e6, 1e7, 5e7, 4e8, 3e9] {
            let mut search = Search::new(1e8, 12, LOAD);
            while let Some(size) = search.next() {
                search.take(size, verdict(size >= threshold));
            }
            let (called, missed) = (search.called.expect("one"), search.missed.expect("one"));
            assert!(
                (missed..=called).contains(&threshold),
                "{missed} {threshold} {called}"
            );
            assert!(
                called / missed <= CLOSE_ENOUGH && search.soaks <= 8,
                "{}",
                search.soaks
            );
        }
    }

    #[test]
    fn a_required_size_is_met_only_where_it_was_called_itself() {
        for (threshold, is_met) in [(9e6, true), (1e7, true), (1.5e7, false), (1e9, false)] {
            let mut search = Search::new(1e7, 4, LOAD);
            while let Some(size) = search.next() {
                search.take(size, verdict(size >= threshold));
            }
            let challenged = Challenged::searched(Leak::Blocks, &search);
            assert_eq!(challenged.is_met(Some(1e7)), is_met, "{threshold}");
        }
    }

    #[test]
    fn what_is_given_back_is_told_apart_only_where_a_leak_would_have_been_called() {
        let of = |called: f64| {
            let mut search = Search::new(called, 1, LOAD);
            search.take(called, Verdict::Leak);
            Challenged::searched(Leak::Blocks, &search)
        };
        for (verdict, others, nothing) in [
            (Verdict::Inconclusive, vec![], Some(2e7)),
            (Verdict::Inconclusive, vec![of(5e7)], Some(2e7)),
            (Verdict::Inconclusive, vec![of(1e7)], None),
            (Verdict::NoLeak, vec![], None),
            (Verdict::Leak, vec![], None),
        ] {
            let late = Challenged::late(2e7, verdict);
            assert_eq!(late.shows_nothing(&others), nothing, "{verdict} {others:?}");
        }
    }

    #[test]
    fn what_is_never_called_and_what_is_always_called_end_the_search() {
        for is_called in [false, true] {
            let mut search = Search::new(1e8, 100, LOAD);
            while let Some(size) = search.next() {
                search.take(size, verdict(is_called));
            }
            assert_eq!(search.called.is_some(), is_called);
            assert!(search.soaks < 10, "{}", search.soaks);
        }
    }

    #[test]
    fn leaks_are_read_by_their_names() {
        for leak in Leak::ALL {
            assert_eq!(leak.name().parse(), Ok(leak));
        }
        assert!("heap".parse::<Leak>().is_err());
    }
}
