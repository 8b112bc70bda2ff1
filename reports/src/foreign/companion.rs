//! Columns beside the memory that may say when the program was started anew.
//!
//! An uptime that falls says it alone. An image, a host, a number of a run, or a count from a
//! start says it where the memory falls back as it changes ([`super::fallback`]). A number of
//! another name may count anything: where it changes just there, no verdict is green until
//! somebody says what it is. Names of work (a batch, a collection) and of what is held (a queue)
//! change with a sawtooth as they do with a program, and say nothing.

use super::clock::{elapsed, spelled_out};
use super::columns::Look;
use super::fallback::Memory;
use super::lives::is_uptime;
use super::number::{amount, is_missing};
use super::role::words;

/// Words of columns that count from the program's start.
const COUNTS: [&str; 31] = [
    "age",
    "elapsed",
    "runtime",
    "lifetime",
    "since",
    "requests",
    "request",
    "ops",
    "operations",
    "operation",
    "iteration",
    "iterations",
    "hits",
    "calls",
    "messages",
    "transactions",
    "ticks",
    "total",
    "counter",
    "seq",
    "sequence",
    "faults",
    "minflt",
    "majflt",
    "cputime",
    "utime",
    "stime",
    "served",
    "handled",
    "processed",
    "accepted",
];

/// Words of columns that are another number, or text, with each life of the program.
const LIVES: [&str; 35] = [
    "runs",
    "ppid",
    "generation",
    "gen",
    "run",
    "deploy",
    "deployment",
    "release",
    "revision",
    "build",
    "version",
    "instance",
    "incarnation",
    "launch",
    "boot",
    "attempt",
    "restart",
    "restarts",
    "start",
    "starts",
    "respawn",
    "respawns",
    "image",
    "tag",
    "host",
    "hostname",
    "machine",
    "node",
    "task",
    "arn",
    "slot",
    "commit",
    "sha",
    "pod",
    "container",
];

/// Words of work that is done in turns and of what is held meanwhile: they change with the teeth
/// of a healthy program.
const WORK: [&str; 58] = [
    "gc",
    "gcs",
    "collection",
    "collections",
    "collector",
    "minor",
    "major",
    "young",
    "old",
    "full",
    "cycle",
    "cycles",
    "batch",
    "batches",
    "job",
    "jobs",
    "query",
    "queries",
    "test",
    "tests",
    "flush",
    "flushes",
    "flushed",
    "compaction",
    "compactions",
    "checkpoint",
    "checkpoints",
    "sweep",
    "scavenge",
    "mark",
    "queue",
    "queued",
    "buffer",
    "buffered",
    "pending",
    "backlog",
    "depth",
    "len",
    "length",
    "size",
    "live",
    "active",
    "open",
    "current",
    "free",
    "inflight",
    "entries",
    "items",
    "objects",
    "sessions",
    "connections",
    "cache",
    "cached",
    "segment",
    "file",
    "partition",
    "chunk",
    "oldest",
];

/// What a column of states says at the first row of a life.
const STARTS: [&str; 24] = [
    "start",
    "started",
    "starting",
    "startup",
    "restart",
    "restarted",
    "restarting",
    "boot",
    "booted",
    "booting",
    "reboot",
    "rebooted",
    "launch",
    "launched",
    "respawn",
    "respawned",
    "init",
    "created",
    "process start",
    "process started",
    "container started",
    "oomkilled",
    "crashed",
    "deployed",
];

/// Words of columns that hold something only where a program has ended.
const ENDS: [&str; 7] = [
    "exit",
    "exitcode",
    "signal",
    "oom",
    "oomkilled",
    "killed",
    "crash",
];

/// Whether a field of a column of states says that the program was started.
pub(super) fn is_start(field: &str) -> bool {
    let lower = field.trim().to_lowercase().replace(['_', '-'], " ");
    STARTS.contains(&lower.as_str())
}

/// A kind of columns that tell restarts: what their names are, and when they are believed.
pub(super) const COUNTS_TOLD: (&str, &[&str]) = (
    "a number that falls to next to nothing as the memory does, in whose name stands",
    &COUNTS,
);

/// As [`COUNTS_TOLD`], of lives.
pub(super) const LIVES_TOLD: (&str, &[&str]) = (
    "text of any name, or a number in whose name stands one of these, that changes where memory falls back",
    &LIVES,
);

/// As [`COUNTS_TOLD`], of states.
pub(super) const STARTS_TOLD: (&str, &[&str]) = (
    "a column of states (`event`, `status`, …) where memory falls back, that says",
    &STARTS,
);

/// As [`COUNTS_TOLD`], of ends.
pub(super) const ENDS_TOLD: (&str, &[&str]) = (
    "holds something just where memory falls back, and in whose name stands",
    &ENDS,
);

/// As [`COUNTS_TOLD`], of what tells nothing.
pub(super) const WORK_TOLD: (&str, &[&str]) = (
    "never, since a healthy program's work changes with its memory as well: in whose name stands",
    &WORK,
);

/// What the changes of a column say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    /// It falls where the program is new.
    Uptime,
    /// It may say whose life a row is of, or count from its start.
    Lives,
    /// It says in words that the program is new.
    Starts,
    /// It holds something where a program has ended.
    Ends,
    /// A number of any kind.
    Open,
}

/// What was found in one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Found {
    /// The program is new at these rows.
    Restarts(Vec<usize>),
    /// It may be, and nothing says whether it is.
    Doubt,
}

/// Where a column changed in one series.
#[derive(Debug, Clone, Default)]
struct Seen {
    last: Vec<u8>,
    number: Option<f64>,
    changes: Vec<usize>,
    falls: Vec<usize>,
    /// Falls to next to nothing.
    resets: usize,
    changes_too_often: bool,
    falls_too_often: bool,
}

/// A column that is watched.
#[derive(Debug, Clone)]
pub(super) struct Companion {
    pub name: String,
    says: Says,
    is_number: bool,
    /// Whether rows come in the order of their times turned round.
    pub is_newest_first: bool,
    seen: Vec<Seen>,
}

impl Companion {
    /// `None` for a column that can say nothing. `are_states`: whether it says in words what
    /// happened.
    pub fn new(name: &str, look: Look, are_states: bool) -> Option<Self> {
        let words = words(name);
        let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
        // `1-02:03:04` in a column that counts from a start.
        let counts = is_uptime(name) || has(&COUNTS);
        let is_number = look == Look::Numbers || look == Look::Times && counts;
        let says = if is_uptime(name) {
            Says::Uptime
        } else if has(&ENDS) {
            Says::Ends
        } else if are_states {
            Says::Starts
        } else if has(&WORK) {
            return None;
        } else if !is_number || has(&LIVES) || has(&COUNTS) {
            Says::Lives
        } else {
            Says::Open
        };
        Some(Self {
            name: name.to_owned(),
            says,
            is_number,
            is_newest_first: false,
            seen: Vec::new(),
        })
    }

    /// Takes the field of the row that was begun last.
    pub fn see(&mut self, series: usize, row: usize, field: &[u8], comma_is_point: bool) {
        if self.seen.len() <= series {
            self.seen.resize(series + 1, Seen::default());
        }
        let seen = &mut self.seen[series];
        if seen.is_given_up() {
            return;
        }
        let field = field.trim_ascii();
        if matches!(self.says, Says::Starts | Says::Ends) {
            let tells = |field: &[u8]| match self.says {
                Says::Starts => std::str::from_utf8(field).is_ok_and(is_start),
                _ => !is_missing(field) && !matches!(field, b"0" | b"false"),
            };
            if row > 0 && tells(field) && !tells(&seen.last) {
                seen.changes.push(row);
            }
        } else if is_missing(field) {
            return;
        } else if self.is_number
            && let Some(number) = read_number(field, comma_is_point)
        {
            seen.number(row, number, self.is_newest_first);
        } else if !seen.last.is_empty() && seen.last != field {
            seen.changes.push(row);
        }
        seen.give_up(row);
        seen.last.clear();
        seen.last.extend_from_slice(field);
    }

    /// Whether a field says nothing new, so that its row needs no closer look.
    pub fn is_quiet(&mut self, series: usize, field: &[u8]) -> bool {
        let is_newest_first = self.is_newest_first;
        let Some(seen) = self.seen.get_mut(series) else {
            return false;
        };
        if seen.is_given_up() || seen.last == field.trim_ascii() {
            return true;
        }
        // A count that goes on.
        let number = super::number::plain(field);
        let goes_on = |before: f64| match is_newest_first {
            true => number <= before,
            false => number >= before,
        };
        let is_quiet = self.is_number && seen.changes_too_often && seen.number.is_some_and(goes_on);
        if is_quiet {
            seen.number = Some(number);
            seen.last.clear();
            seen.last.extend_from_slice(field);
        }
        is_quiet
    }

    /// Whether it changed in a series at all.
    pub fn has_changed(&self, series: usize) -> bool {
        let seen = self.seen.get(series);
        seen.is_some_and(|seen| !seen.changes.is_empty() || !seen.falls.is_empty())
    }

    /// What a series shows. `memory`: its columns of memory.
    pub fn found(&self, series: usize, rows: usize, memory: &[Memory]) -> Option<Found> {
        let seen = self.seen.get(series)?;
        let falls = match seen.falls_too_often {
            true => &[][..],
            false => &seen.falls[..],
        };
        if self.says == Says::Uptime {
            return (!falls.is_empty()).then(|| Found::Restarts(falls.to_vec()));
        }
        let meets = |at: &[usize]| {
            let in_order: Vec<usize> = match self.is_newest_first {
                true => at.iter().map(|row| rows - row).collect(),
                false => at.to_vec(),
            };
            !at.is_empty() && memory.iter().any(|memory| memory.falls_back_at(&in_order))
        };
        let is_count = 10 * seen.resets >= 9 * falls.len();
        let at = if !seen.changes_too_often && meets(&seen.changes) {
            &seen.changes[..]
        } else if self.is_number && is_count && meets(falls) {
            falls
        } else {
            return None;
        };
        Some(match self.says {
            Says::Open => Found::Doubt,
            _ => Found::Restarts(at.to_vec()),
        })
    }
}

impl Seen {
    /// A count that falls to less than this share of what it was begins anew.
    const RESET: f64 = 0.2;

    fn number(&mut self, row: usize, number: f64, is_newest_first: bool) {
        let Some(before) = self.number.replace(number) else {
            return;
        };
        let (older, newer) = match is_newest_first {
            true => (number, before),
            false => (before, number),
        };
        if newer != older {
            self.changes.push(row);
        }
        if newer < older {
            self.falls.push(row);
            self.resets += usize::from(newer <= Self::RESET * older);
        }
    }

    /// What changes all the time is no record of lives.
    fn give_up(&mut self, row: usize) {
        const FEW: usize = 64;
        const MOST: usize = 1 << 16;
        let too_often =
            |rows: &[usize]| rows.len() > FEW && 4 * rows.len() > row || rows.len() > MOST;
        if too_often(&self.changes) {
            self.changes_too_often = true;
        }
        if too_often(&self.falls) {
            self.falls_too_often = true;
        }
        if self.changes_too_often {
            self.changes = Vec::new();
        }
        if self.falls_too_often {
            self.falls = Vec::new();
        }
    }

    fn is_given_up(&self) -> bool {
        self.changes_too_often && (self.falls_too_often || self.number.is_none())
    }
}

/// A number, with or without a unit, or a time since a start.
fn read_number(field: &[u8], comma_is_point: bool) -> Option<f64> {
    let amount = amount(field, comma_is_point);
    let number = amount.map(|amount| amount.number * amount.unit.map_or(1.0, |unit| unit.factor()));
    let text = std::str::from_utf8(field).ok()?;
    number
        .or_else(|| elapsed(text))
        .or_else(|| spelled_out(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, look: Look, field: impl Fn(usize) -> String) -> Option<Found> {
        let killed = |row: usize| 120e6 + 3e5 * (row % 100) as f64;
        let memory = [Memory::new((0..600).map(killed), 1.0)];
        let mut companion = Companion::new(name, look, name == "event")?;
        for row in 0..600 {
            companion.see(0, row, field(row).as_bytes(), false);
        }
        companion.found(0, 600, &memory)
    }

    #[test]
    fn what_changes_where_memory_falls_back_tells_restarts_by_its_kind() {
        let restarts = Some(Found::Restarts(vec![100, 200, 300, 400, 500]));
        let life = |row: usize| (row / 100).to_string();
        let age = |row: usize| (60 * (row % 100)).to_string();
        assert_eq!(
            found("image", Look::Text, |row| format!("shop:1.{}", life(row))),
            restarts
        );
        assert_eq!(found("generation", Look::Numbers, life), restarts);
        assert_eq!(found("requests_total", Look::Numbers, age), restarts);
        assert_eq!(found("process_uptime_ms", Look::Numbers, age), restarts);
        assert_eq!(
            found("age", Look::Numbers, |row| format!("{}m", row % 100)),
            restarts
        );
        let clock = |row: usize| format!("00:{:02}:{:02}", row % 100 / 60, row % 100 % 60);
        assert_eq!(found("etime", Look::Times, clock), restarts);
        let start = |row: usize| {
            if row.is_multiple_of(100) {
                "start"
            } else {
                "sample"
            }
            .to_owned()
        };
        assert_eq!(found("event", Look::Text, start), restarts);
        let code = |row: usize| {
            if row > 0 && row.is_multiple_of(100) {
                "137"
            } else {
                ""
            }
            .to_owned()
        };
        assert_eq!(found("exit_code", Look::Numbers, code), restarts);
        let since = |row: usize| format!("2026-11-21T{:02}:00:00Z", row / 100);
        assert_eq!(found("since", Look::Times, since), restarts);
        assert_eq!(found("ration", Look::Numbers, life), Some(Found::Doubt));
        // Work and what is held change with teeth as well; what has its own times, with nothing.
        assert_eq!(found("gc_count", Look::Numbers, life), None);
        assert_eq!(found("queue_depth", Look::Numbers, age), None);
        assert_eq!(
            found("image", Look::Text, |row| format!("shop:1.{}", row / 70)),
            None
        );
        assert_eq!(
            found("temperature", Look::Numbers, |row| (row % 7).to_string()),
            None
        );
    }
}
