//! Lives of one program that follow each other: one series, with restarts that are known.
//!
//! A column of process numbers, pods, containers or start times says two things: whose row this
//! is, where its values come in turn, and when the program was started anew, where one ends
//! before the next begins. Which of the two is known once all rows are there.

use super::collector::KEY_SEPARATOR;
use super::partial::{MOST_RESTARTS, Partial};
use super::quote;
use std::collections::BTreeMap;

/// Names of columns that tell one life of a program from the next, the widest first, or their
/// ends: where one changes and what was there does not come back, the program was started anew.
const LIVES: [&str; 36] = [
    "pod",
    "pod_name",
    "podname",
    "container",
    "container_name",
    "container_id",
    "containerid",
    "id",
    "instance_id",
    "instanceid",
    "boot_id",
    "run_id",
    "invocation_id",
    "incarnation",
    "pid",
    "process_id",
    "processid",
    "mainpid",
    "start_time",
    "starttime",
    "start_time_seconds",
    "started_at",
    "startedat",
    "started",
    "launched_at",
    "create_time",
    "boot_time",
    "boottime",
    "proc_start",
    "process_start",
    "restarts",
    "restarts_total",
    "restart_count",
    "restartcount",
    "neustarts",
    "starts",
];

/// Names of columns that say for how long a program has been up.
const UPTIMES: [&str; 7] = [
    "uptime",
    "uptime_s",
    "uptime_seconds",
    "etime",
    "etimes",
    "process_uptime",
    "age_s",
];

/// A name as the lists have it: in small letters, its words parted by `_`.
fn normal(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '.', '-'], "_")
}

/// Which of the names of lives a column has, or ends in: `k8s.pod.name`, `worker_pid`. An `id` of
/// something else is none.
pub(super) fn life_of(name: &str) -> Option<usize> {
    const WHOLE: [&str; 2] = ["id", "starts"];
    let lower = normal(name);
    let exact = LIVES.iter().position(|known| *known == lower);
    let ends = |known: &&str| {
        let before = lower.strip_suffix(*known);
        !WHOLE.contains(known) && before.is_some_and(|before| before.ends_with('_'))
    };
    exact.or_else(|| LIVES.iter().position(ends))
}

/// Whether a column says for how long the program has been up.
pub(super) fn is_uptime(name: &str) -> bool {
    let lower = normal(name);
    UPTIMES.contains(&lower.as_str())
}

/// Series with the lives of each joined, and what told the lives apart.
pub(super) struct Joined {
    pub series: Vec<Partial>,
    /// The columns, in words; `None` where nothing was joined.
    pub by: Option<String>,
    /// Columns that change too often to tell lives apart.
    pub too_often: Option<String>,
}

/// Joins the series whose keys differ in their last `lives` parts alone, where each begins when
/// the one before has ended. Wider columns (a pod) tell series apart before narrower ones (a
/// process number) do.
pub(super) fn join(series: Vec<Partial>, lives: usize, key_names: &[String]) -> Joined {
    let keys: Vec<Vec<String>> = series
        .iter()
        .map(|partial| {
            partial
                .name
                .split(KEY_SEPARATOR)
                .map(str::to_owned)
                .collect()
        })
        .collect();
    let whose = key_names.len().saturating_sub(lives);
    let mut groups = Vec::new();
    for members in parted(&keys, (0..series.len()).collect(), 0..whose) {
        settle(&series, &keys, members, whose, key_names.len(), &mut groups);
    }
    groups.sort_unstable();
    let mut taken: Vec<Option<Partial>> = series.into_iter().map(Some).collect();
    let mut changing = vec![false; key_names.len()];
    let (mut whole, mut are_too_often) = (Vec::with_capacity(groups.len()), false);
    for (members, kept) in groups {
        for (place, changes) in changing.iter_mut().enumerate().skip(kept) {
            let differs = |pair: &[usize]| keys[pair[0]].get(place) != keys[pair[1]].get(place);
            *changes |= members.windows(2).any(differs);
        }
        let mut parts = members.iter().filter_map(|&index| taken[index].take());
        let Some(mut first) = parts.next() else {
            continue;
        };
        parts.for_each(|life| first.go_on_with(life));
        if members.len() > MOST_RESTARTS && 2 * members.len() > first.time_s.len() {
            first.restarts.clear();
            are_too_often = true;
        }
        if members.len() > 1 {
            let parts = keys[members[0]].iter().enumerate();
            let named = parts.map(|(place, part)| if place < kept { part } else { "" });
            first.name = named.collect::<Vec<_>>().join("\u{1f}");
        }
        whole.push(first);
    }
    let columns: Vec<String> = key_names
        .iter()
        .zip(&changing)
        .filter(|(_, changes)| **changes)
        .map(|(name, _)| name.clone())
        .collect();
    let by = (!columns.is_empty()).then(|| quote::list(&columns));
    let (by, too_often) = if are_too_often {
        (None, by)
    } else {
        (by, None)
    };
    Joined {
        series: whole,
        by,
        too_often,
    }
}

/// Members with the same parts of their keys at some places, group by group.
fn parted(
    keys: &[Vec<String>],
    members: Vec<usize>,
    places: std::ops::Range<usize>,
) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<Option<&[String]>, Vec<usize>> = BTreeMap::new();
    for member in members {
        let parts = keys[member].get(places.clone());
        groups.entry(parts).or_default().push(member);
    }
    groups.into_values().collect()
}

/// Groups that follow each other, with the number of parts that they share; what runs side by
/// side is told apart by the next part.
fn settle(
    series: &[Partial],
    keys: &[Vec<String>],
    members: Vec<usize>,
    kept: usize,
    parts: usize,
    groups: &mut Vec<(Vec<usize>, usize)>,
) {
    if kept == parts || follow_each_other(series, &members) {
        groups.push((members, kept));
        return;
    }
    for members in parted(keys, members, kept..kept + 1) {
        settle(series, keys, members, kept + 1, parts, groups);
    }
}

/// Whether each begins when the one before has ended.
fn follow_each_other(series: &[Partial], members: &[usize]) -> bool {
    let is_even = |index: &usize| series[*index].cuts.is_empty();
    let follows = |pair: &[usize]| {
        let before = series[pair[0]].time_s.last();
        let after = series[pair[1]].time_s.first();
        matches!((before, after), (Some(before), Some(after)) if before < after)
    };
    members.len() == 1 || members.iter().all(is_even) && members.windows(2).all(follows)
}

impl Partial {
    /// The next life of the same program, which begins after this one's end.
    fn go_on_with(&mut self, next: Partial) {
        if let Some(&start_s) = next.time_s.first() {
            self.restarts.push(start_s);
        }
        self.restarts.extend(next.restarts);
        self.time_s.extend(next.time_s);
        for (all, more) in self.values.iter_mut().zip(next.values) {
            all.extend(more);
        }
        self.operations.extend(next.operations);
        self.setbacks.count_in(&next.setbacks);
        self.last_time_field = next.last_time_field;
    }
}
