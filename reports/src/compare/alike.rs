//! Whether two sides were measured alike: what was read of another thing, on another machine or
//! under another load is not held against the first.

use super::certificate::Basis;
use super::figure::Figure;
use super::side::Side;
use crate::cell::MEMORY_COLUMNS;
use leaklab_run::columns;
use std::fmt;

/// How much longer one side may be than the other, as a share of the longer.
const LONGER: f64 = 0.1;

/// Why a figure of one side says little of the same figure of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unlike {
    /// It is read from different things, or by an instrument that adds to it.
    Source,
    /// The machines differ.
    Machine,
    /// One side is longer, and what grows is larger at its end.
    Length,
}

impl fmt::Display for Unlike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unlike::Source => "the sides were not measured by the same means (--heap)",
            Unlike::Machine => "the sides ran on different machines",
            Unlike::Length => "the sides are not equally long",
        })
    }
}

/// Why a figure of `after` is not simply held against that of `before`; `None` if it is.
pub(super) fn unlike(before: &Side, after: &Side, figure: Figure) -> Option<Unlike> {
    let differs = |names: &[&str]| {
        let of = |side: &Side, name: &str| side.circumstances.get(name).cloned();
        let mut names = names.iter();
        names.any(|name| of(before, name) != of(after, name))
    };
    let is_cell = !before.circumstances.is_empty() && !after.circumstances.is_empty();
    match figure {
        Figure::Peak | Figure::SettledLevel if unlike_memory(before, after).is_some() => {
            Some(Unlike::Source)
        }
        Figure::Peak if lengths(before, after).is_some() => Some(Unlike::Length),
        // A preloaded object has a thread and a descriptor of its own.
        Figure::Threads | Figure::Descriptors if differs(&[HEAP]) => Some(Unlike::Source),
        Figure::Throughput
        | Figure::LatencyP50
        | Figure::LatencyP99
        | Figure::CpuPerOperation
        | Figure::StartUp
            if is_cell && differs(&["processor", "processors"]) =>
        {
            Some(Unlike::Machine)
        }
        _ => None,
    }
}

/// Name of the circumstance that says where the heap's figures come from.
pub(super) const HEAP: &str = "heap";
/// Name of the circumstance that says of what the memory is.
pub(super) const MEMORY_OF: &str = "memory of";
/// How the names of the circumstances begin that say how the program was driven.
const LOAD: &str = "load ";

/// What a column of memory is read from, as far as its name says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source<'a> {
    /// A column of a cell, each of a thing of its own.
    Known(&'a str),
    /// A column of somebody else's table, whose name speaks of what is resident.
    Resident,
    /// The same, of a heap.
    Heap,
}

impl<'a> Source<'a> {
    fn of(metric: &'a str) -> Option<Self> {
        if MEMORY_COLUMNS.contains(&metric) || metric == columns::SETTLED_BYTES {
            return Some(Source::Known(metric));
        }
        let name = metric.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        match (
            has(&["rss", "pss", "resident", "working_set"]),
            has(&["heap", "alloc"]),
        ) {
            (true, false) => Some(Source::Resident),
            (false, true) => Some(Source::Heap),
            _ => None,
        }
    }

    fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Source::Known(columns::RSS_BYTES), Source::Resident)
            | (Source::Resident, Source::Known(columns::RSS_BYTES)) => true,
            (Source::Known(column), Source::Heap) | (Source::Heap, Source::Known(column)) => {
                column != columns::RSS_BYTES
            }
            _ => self == other,
        }
    }
}

/// Why the memory of one side cannot be subtracted from that of the other; `None` if it can.
#[must_use]
pub fn unlike_memory(before: &Side, after: &Side) -> Option<String> {
    let sources = Source::of(&before.metric).zip(Source::of(&after.metric));
    let are_like = sources.is_none_or(|(one, other)| one.is_like(other));
    let of = |side: &Side| side.circumstances.get(MEMORY_OF).cloned();
    if are_like && of(before) == of(after) {
        return None;
    }
    let words = |side: &Side| {
        let of = of(side).map_or(String::new(), |of| format!(" of {of}"));
        format!("`{}`{of}", side.metric)
    };
    Some(format!(
        "the memory before is {}, and after it is {}: one is not to be subtracted from the other; \
         run both with the same --heap",
        words(before),
        words(after)
    ))
}

/// Why the growth of both, on that basis, does not tell the programs apart: one was driven and the
/// other was not, or what counts by the hour was driven in different ways.
pub(super) fn unlike_load(before: &Side, after: &Side, basis: Option<Basis>) -> Option<String> {
    let loads = |side: &Side| -> Vec<String> {
        let all = side.circumstances.iter();
        let driven = all.filter(|(name, _)| name.starts_with(LOAD) || *name == "rate");
        driven.map(|(_, value)| value.clone()).collect()
    };
    let is_driven = |side: &Side| side.circumstances.keys().any(|name| name.starts_with(LOAD));
    if before.circumstances.is_empty() || after.circumstances.is_empty() {
        return None;
    }
    match (is_driven(before), is_driven(after)) {
        (true, false) => Some("the second was not put under the load of the first".to_owned()),
        (false, true) => Some("the first was not put under the load of the second".to_owned()),
        _ if basis == Some(Basis::PerHour) && loads(before) != loads(after) => Some(
            "no operations are counted, and the sides were put under different loads: growth per \
             hour is that of the load"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Seconds that each side took, if one took much longer.
pub(super) fn lengths(before: &Side, after: &Side) -> Option<[f64; 2]> {
    let lengths = [before, after].map(|side| side.times_s.last().copied().unwrap_or(0.0));
    let longest = lengths[0].max(lengths[1]);
    ((lengths[0] - lengths[1]).abs() > LONGER * longest).then_some(lengths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::{Readings, VerdictOptions};
    use crate::compare::{Comparison, Decision};
    use leaklab_judge::Verdict;
    use leaklab_run::{Phase, SampleTable};

    /// A side with a level memory, and `threads` threads.
    fn side(metric: &str, threads: f64) -> Side {
        let rows = 40;
        let table = SampleTable {
            elapsed_ms: (0..rows).map(|row| f64::from(row) * 1000.0).collect(),
            phase: vec![Phase::Load; rows as usize],
            names: [metric, columns::OPS_TOTAL, columns::THREADS]
                .map(str::to_owned)
                .to_vec(),
            values: vec![
                (0..rows)
                    .map(|row| 1e6 + f64::from(row % 3) * 100.0)
                    .collect(),
                (0..rows).map(|row| f64::from(row) * 50.0).collect(),
                vec![threads; rows as usize],
            ],
            ..SampleTable::default()
        };
        let readings = Readings::of_table(table, &[], &VerdictOptions::default());
        let judged = readings.judge().map_err(Into::into);
        let mut side = Side::new("shop", &readings, judged).expect("a side");
        side.verdict = Verdict::NoLeak;
        side.circumstances.insert("seed".to_owned(), "1".to_owned());
        side
    }

    #[test]
    fn memory_of_different_sources_is_not_subtracted() {
        let both = |before, after| Comparison::new(side(before, 1.0), side(after, 1.0));
        let unlike = both(columns::RSS_BYTES, columns::ALLOCATED_BYTES);
        assert!(
            unlike.sentence.starts_with("cannot be compared"),
            "{}",
            unlike.sentence
        );
        assert_eq!(unlike.answer.decision, Decision::Open);
        assert_eq!(unlike.removed_percent, None);
        let peak = unlike.changes.iter().find(|one| one.figure == Figure::Peak);
        assert_eq!(peak.expect("a peak").unlike, Some(Unlike::Source));
        let alike = both(columns::RSS_BYTES, columns::RSS_BYTES);
        assert!(
            alike.unlike.is_none() && alike.basis.is_some(),
            "{}",
            alike.sentence
        );
    }

    #[test]
    fn a_side_that_died_has_no_headline_of_its_figures() {
        let mut after = side(columns::RSS_BYTES, 1.0);
        after.trouble = Some("died".to_owned());
        let comparison = Comparison::new(side(columns::RSS_BYTES, 1.0), after);
        assert_eq!(comparison.sentence, "the second did not complete: died");
        assert_ne!(comparison.answer.decision, Decision::Holds);
    }

    #[test]
    fn the_thread_of_an_instrument_is_no_harm_and_one_of_the_program_is() {
        let sides = || [2.0, 4.0].map(|threads| side(columns::ALLOCATED_BYTES, threads));
        let decision = |[before, after]: [Side; 2]| {
            let changes = Comparison::new(before, after).changes;
            let threads = changes.iter().find(|one| one.figure == Figure::Threads);
            threads.expect("threads").decision
        };
        assert_eq!(decision(sides()), Decision::Refuted);
        let mut read = sides();
        read[1]
            .circumstances
            .insert(HEAP.to_owned(), "jemalloc".to_owned());
        assert_eq!(decision(read), Decision::Holds);
    }

    #[test]
    fn who_was_put_under_load_is_not_held_against_who_was_not() {
        let mut before = side(columns::RSS_BYTES, 1.0);
        before
            .circumstances
            .insert("load 1".to_owned(), "wrk".to_owned());
        let after = side(columns::RSS_BYTES, 1.0);
        let answer = Comparison::new(before, after).answer;
        assert_eq!(answer.decision, Decision::Open);
        assert!(
            answer.reason.contains("under the load"),
            "{}",
            answer.reason
        );
    }

    #[test]
    fn what_is_resident_is_not_held_against_a_heap() {
        let is_like = |one: &str, other: &str| {
            let sources = Source::of(one).zip(Source::of(other));
            sources.is_none_or(|(one, other)| one.is_like(other))
        };
        for (one, other, wanted) in [
            ("rss_bytes", "allocated_bytes", false),
            ("used_bytes", "allocated_bytes", false),
            ("rss_bytes", "rss_bytes", true),
            ("RSS", "heap_inuse", false),
            ("VmRSS", "rss_bytes", true),
            ("rss_bytes", "heapUsed", false),
            ("HeapAlloc", "allocated_bytes", true),
            ("memory", "heap", true),
        ] {
            assert_eq!(is_like(one, other), wanted, "{one} {other}");
            assert_eq!(is_like(other, one), wanted, "{other} {one}");
        }
    }
}
