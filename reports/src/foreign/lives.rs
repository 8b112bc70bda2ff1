//! Lives of one program that follow each other: one series, with restarts that are known.
//!
//! A column of process numbers, pods, containers or start times says two things: whose row this
//! is, where its values come in turn, and when the program was started anew, where one ends
//! before the next begins. Which of the two is known once all rows are there.

use super::collector::KEY_SEPARATOR;
use super::column::Column;
use super::fallback::Memory;
use super::partial::{MOST_RESTARTS, Partial};
use super::quote;
use leaklab_judge::amount::plural;
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
const UPTIMES: [&str; 4] = ["etime", "etimes", "age_s", "running_for"];

/// Parts of such names.
const UPTIME_PARTS: [&str; 7] = [
    "uptime",
    "up_time",
    "since_start",
    "since_boot",
    "since_launch",
    "since_restart",
    "laufzeit",
];

/// As [`super::companion::COUNTS_TOLD`], of columns that tell lives by their names alone.
pub(super) const NAMES_TOLD: (&str, &[&str]) = (
    "changes once and for all, and is called, or ends in",
    &LIVES,
);

/// As [`super::companion::COUNTS_TOLD`], of uptimes.
pub(super) const UPTIMES_TOLD: [(&str, &[&str]); 2] = [
    ("falls, and is called", &UPTIMES),
    ("falls, and in its name stands", &UPTIME_PARTS),
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
    const SHARES: [&str; 4] = ["percent", "pct", "ratio", "%"];
    let lower = normal(name);
    if SHARES.iter().any(|share| lower.contains(share)) {
        return false;
    }
    UPTIMES.contains(&lower.as_str()) || UPTIME_PARTS.iter().any(|part| lower.contains(part))
}

/// Series with the lives of each joined, and what told the lives apart.
pub(super) struct Joined {
    pub series: Vec<Partial>,
    /// The columns.
    pub by: Vec<String>,
    /// Columns that change too often to tell lives apart.
    pub too_often: Vec<String>,
}

/// What stands behind the kind of a file that holds several lives.
pub(super) fn said(columns: &[String]) -> Option<String> {
    (!columns.is_empty()).then(|| format!("; lives by {}", quote::list(columns)))
}

/// Joins the series whose keys differ in their last `lives` parts alone, where each begins when
/// the one before has ended. Wider columns (a pod) tell series apart before narrower ones (a
/// process number) do.
pub(super) fn join(
    series: Vec<Partial>,
    lives: usize,
    key_names: &[String],
    columns: &[Column],
) -> Joined {
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
        first.doubt_unsaid_lives(columns, key_names.get(whose..).unwrap_or_default());
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
    let (by, too_often) = match are_too_often {
        true => (Vec::new(), columns),
        false => (columns, Vec::new()),
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
    /// Where rows do not say which life they are of, and memory falls back there by more than
    /// within the lives that are known, it may be that of a restart.
    fn doubt_unsaid_lives(&mut self, columns: &[Column], names: &[String]) {
        /// A fall that is nearly as deep is of the same kind.
        const ALIKE: f64 = 0.7;
        if self.unsaid_s.is_empty() {
            return;
        }
        let row_of = |time: &f64| self.time_s.partition_point(|t| t < time);
        let is_unsaid: Vec<bool> = {
            let mut unsaid = vec![false; self.time_s.len()];
            for row in self.unsaid_s.iter().map(row_of) {
                unsaid
                    .get_mut(row)
                    .into_iter()
                    .for_each(|flag| *flag = true);
            }
            unsaid
        };
        let restarts: Vec<usize> = self.restarts.iter().map(row_of).collect();
        let is_near = |row: usize| {
            let around = row.saturating_sub(2)..(row + 3).min(is_unsaid.len());
            is_unsaid[around].contains(&true)
                || restarts.iter().any(|restart| restart.abs_diff(row) <= 2)
        };
        let deepest = |memory: &Memory, wanted: bool| {
            (0..is_unsaid.len())
                .filter(|&row| is_unsaid[row] == wanted && (wanted || !is_near(row)))
                .filter_map(|row| memory.fall_at(row))
                .fold(memory.least_fall(), f64::max)
        };
        let memory = self.memory(columns, false);
        let falls = |memory: &Memory| {
            let (there, known) = (deepest(memory, true), deepest(memory, false));
            ALIKE * there > known
        };
        if memory.iter().any(falls) {
            self.unsettled = Some(format!(
                "{} of {} do not say {}, and memory falls back there, which may be restarts of a program that leaks",
                self.unsaid_s.len(),
                plural(self.time_s.len() as u64, "row"),
                quote::list(names),
            ));
        }
    }

    /// The next life of the same program, which begins after this one's end.
    fn go_on_with(&mut self, next: Partial) {
        if let Some(&start_s) = next.time_s.first() {
            self.restarts.push(start_s);
        }
        self.restarts.extend(next.restarts);
        self.unsaid_s.extend(next.unsaid_s);
        self.time_s.extend(next.time_s);
        for (all, more) in self.values.iter_mut().zip(next.values) {
            all.extend(more);
        }
        self.operations.extend(next.operations);
        self.setbacks.count_in(&next.setbacks);
        self.last_time_field = next.last_time_field;
    }
}
