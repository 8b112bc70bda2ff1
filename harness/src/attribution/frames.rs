//! Functions that the growth comes through: owners of rows, and where several rows meet that are
//! not one row. A task has the stack of its executor; it is followed to who starts it.

use super::roll_up::{FromOwner, Way, births, is_main, met, only_passes_on};
use leaklab_reports::attribution::{Frame, Place};
use std::collections::BTreeMap;

/// Part of the blocks that come through a function by one caller, at the least, for the tasks that it
/// starts to be that caller's.
const BY_ONE_CALLER: f64 = 0.9;
/// Tasks that are started by tasks are followed so far.
const MOST_STARTS: usize = 4;

/// Where the growth of one row or of several comes through.
struct Through {
    /// From the innermost function out, over the starts of tasks.
    chain: Vec<Place>,
    /// Where in it a task is started: what calls there is no executor of it.
    starts: Vec<usize>,
    /// Where in it.
    at: usize,
    share: f64,
    rows: Vec<usize>,
}

/// The functions that the growth of what leaks comes through, those with most of it first. Given are
/// the share of each row that leaks, with the way most of its blocks come by, and all ways.
///
/// Rows that meet stay what they are: what comes through one function need not be one leak.
pub fn frames(leaking: &[(f64, &Way<'_>)], all: &[&Way<'_>]) -> Vec<Frame> {
    let through = leaking.iter().enumerate().map(|(row, (share, way))| {
        let (chain, starts) = with_starts(&way.own, all);
        Through {
            chain,
            starts,
            at: way.owner_at(),
            share: *share,
            rows: vec![row],
        }
    });
    let mut found: Vec<Through> = through.collect();
    while let Some((one, other, at)) = first_meeting(&found) {
        let joined = found.remove(other);
        found[one].at = at;
        found[one].share += joined.share;
        found[one].rows.extend(joined.rows);
    }
    found.sort_by(|one, other| other.share.total_cmp(&one.share));
    let frame = |through: Through| {
        let place = &through.chain[through.at];
        Frame {
            function: place.function.clone(),
            location: place.location(),
            share: through.share,
            rows: through.rows,
        }
    };
    let known = found.into_iter().filter(|one| one.at < one.chain.len());
    known.map(frame).collect()
}

impl Through {
    fn owned_chain(&self) -> FromOwner<'_> {
        (&self.chain, self.at)
    }

    /// Whether a place starts a task that the growth comes by, or calls what does.
    fn starts_at(&self, at: usize) -> bool {
        self.starts
            .iter()
            .any(|start| (*start..=start + 1).contains(&at))
    }
}

/// Two that meet, and where in the chain of the first.
fn first_meeting(found: &[Through]) -> Option<(usize, usize, usize)> {
    let pairs = (0..found.len()).flat_map(|one| (one + 1..found.len()).map(move |two| (one, two)));
    let mut all = pairs.filter_map(|(one, two)| {
        let [first, second] = [&found[one], &found[two]];
        let (from, other_from) = (first.owned_chain(), second.owned_chain());
        let (at, other_at) = met(from, other_from)?;
        let starts = first.starts_at(at) || second.starts_at(other_at);
        let tells = starts || !only_passes_on(from, other_from, (at, other_at));
        (tells && !is_main(&first.chain[at])).then_some((one, two, at))
    });
    all.next()
}

/// A chain of functions, each task followed to who starts it, and where those stand in it.
fn with_starts(own: &[Place], all: &[&Way<'_>]) -> (Vec<Place>, Vec<usize>) {
    let (mut chain, mut starts) = (own.to_vec(), Vec::new());
    for _ in 0..MOST_STARTS {
        let Some((body, starter)) = start(&chain, all) else {
            break;
        };
        chain.truncate(body + 1);
        chain.extend_from_slice(starter);
        starts.push(body + 1);
    }
    (chain, starts)
}

/// The outermost body in a chain that is written in a function which is not in the chain itself, and
/// that function with its callers, as other stacks have them.
fn start<'a>(chain: &[Place], all: &[&'a Way<'_>]) -> Option<(usize, &'a [Place])> {
    (0..chain.len()).rev().find_map(|at| {
        let function = written_in(&chain[at].function)?;
        let of = |place: &Place| place.function == function && place.module == chain[at].module;
        if chain.iter().any(of) {
            return None;
        }
        let calls = all.iter().filter_map(|way| {
            let at = way.own.iter().position(of)?;
            Some((&way.own[at..], way.count(births)))
        });
        only_caller(calls).map(|callers| (at, callers))
    })
}

/// Of the chains from a function outwards, with how often each was seen, one by the caller that most
/// of them have.
fn only_caller<'a>(calls: impl Iterator<Item = (&'a [Place], u64)>) -> Option<&'a [Place]> {
    let mut by_caller: BTreeMap<&str, (u64, &[Place])> = BTreeMap::new();
    let mut total = 0;
    for (chain, count) in calls {
        let Some(caller) = chain.get(1) else {
            continue;
        };
        let seen = by_caller.entry(&caller.function).or_insert((0, chain));
        seen.0 += count;
        total += count;
    }
    let (count, chain) = by_caller.into_values().max_by_key(|(count, _)| *count)?;
    (count > 0 && count as f64 >= BY_ONE_CALLER * total as f64).then_some(chain)
}

/// The function that the body of a closure or of an asynchronous block is written in.
fn written_in(name: &str) -> Option<&str> {
    let mut outer = name;
    while let Some((before, last)) = outer.rsplit_once("::")
        && last.starts_with('{')
        && !last.starts_with("{impl")
    {
        outer = before;
    }
    (outer.len() < name.len()).then_some(outer)
}

#[cfg(test)]
mod tests {
    use super::super::roll_up::tests::{ALL_STAY, Said, with_ways};
    use super::*;
    use leaklab_reports::attribution::Behaviour;

    fn found(stacks: &[Said<'_>]) -> Vec<(String, f64, Vec<usize>)> {
        with_ways(stacks, |ways| {
            let all: Vec<&Way<'_>> = ways.iter().collect();
            let leaking = || all.iter().filter(|way| way.leaks());
            let share = 1.0 / leaking().count() as f64;
            let leaking: Vec<_> = leaking().map(|way| (share, *way)).collect();
            let frames = frames(&leaking, &all).into_iter();
            frames
                .map(|frame| (frame.function, frame.share, frame.rows))
                .collect()
        })
    }

    const KEPT_IN_A_TASK: Said<'static> = (
        "send::{{closure}} < put::{{closure}} < Core::poll < run_task < run",
        Behaviour::Leaks,
        ALL_STAY,
    );
    const KEPT_BY_ITS_CALLER: Said<'static> = (
        "await::{{closure}} < worker::{{closure}} < Core::poll < run_task < run",
        Behaviour::Leaks,
        ALL_STAY,
    );

    #[test]
    fn what_a_task_keeps_comes_through_who_starts_it() {
        let start = (
            "Cell::new < put < worker::{{closure}} < Core::poll < run_task < run",
            Behaviour::Churns,
            [500, 0],
        );
        let warm_up = (
            "Cell::new < put < connect < main",
            Behaviour::Churns,
            [9, 0],
        );
        let all = found(&[KEPT_IN_A_TASK, KEPT_BY_ITS_CALLER, start, warm_up]);
        assert_eq!(all, [("worker::{{closure}}".to_owned(), 1.0, vec![0, 1])]);
        // Started by several, it is nobody's; and an executor is what all tasks come through.
        let often = (
            "Cell::new < put < connect < main",
            Behaviour::Churns,
            [90, 0],
        );
        for others in [vec![start, often], vec![]] {
            let stacks = [vec![KEPT_IN_A_TASK, KEPT_BY_ITS_CALLER], others].concat();
            let names: Vec<String> = found(&stacks).into_iter().map(|one| one.0).collect();
            assert_eq!(names, ["send::{{closure}}", "await::{{closure}}"]);
        }
    }

    #[test]
    fn who_starts_a_task_is_no_executor_however_far_from_what_keeps() {
        let deep = (
            "attach < set_up < await::{{closure}} < worker::{{closure}} < Core::poll < run",
            Behaviour::Leaks,
            ALL_STAY,
        );
        let start = (
            "Cell::new < put < worker::{{closure}} < Core::poll < run",
            Behaviour::Churns,
            [500, 0],
        );
        let all = found(&[KEPT_IN_A_TASK, deep, start]);
        assert_eq!(all, [("worker::{{closure}}".to_owned(), 1.0, vec![0, 1])]);
        let elsewhere = (
            "attach < set_up < await::{{closure}} < other::{{closure}} < Core::poll < run",
            Behaviour::Leaks,
            ALL_STAY,
        );
        assert_eq!(found(&[KEPT_IN_A_TASK, elsewhere, start]).len(), 2);
    }

    #[test]
    fn bodies_are_written_in_functions() {
        for (name, outer) in [
            ("a::put::{{closure}}::{{closure}}", Some("a::put")),
            (
                "a::{impl#0}::put::{async_block#0}",
                Some("a::{impl#0}::put"),
            ),
            ("a::put", None),
            ("a::{impl#0}::put", None),
            ("{async_block#0}", None),
        ] {
            assert_eq!(written_in(name), outer, "{name}");
        }
    }
}
