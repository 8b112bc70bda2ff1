//! What the name of a column says of a count: which things of a program it tells, and when.

use super::role::{Role, role_of, words};

/// Things of which a program holds so many at a time.
const HELD_THINGS: [&str; 21] = [
    "pids",
    "descriptors",
    "descriptor",
    "fds",
    "fd",
    "threads",
    "thread",
    "nlwp",
    "goroutines",
    "goroutine",
    "handles",
    "handle",
    "connections",
    "connection",
    "conns",
    "sockets",
    "socket",
    "timers",
    "tasks",
    "sessions",
    "fibers",
];

/// Whether a name is that of a count: `open_fds`, `Thread Count`, `num_threads`.
pub(super) fn is_count(name: &str) -> bool {
    const COUNTED: [&str; 8] = [
        "count", "num", "nr", "n", "open", "active", "current", "live",
    ];
    let words = words(name);
    let is_thing = |word: &String| HELD_THINGS.contains(&word.as_str());
    let is_counted = |word: Option<&String>| word.is_some_and(|w| COUNTED.contains(&w.as_str()));
    words.last().is_some_and(is_thing)
        || words.iter().any(is_thing) && (is_counted(words.last()) || is_counted(words.first()))
}

/// Whether a count is that of what there is at a time, and not of what has come and gone.
pub(super) fn is_gauge_of_things(name: &str) -> bool {
    const EVENTS: [&str; 22] = [
        "total",
        "created",
        "accepted",
        "closed",
        "completed",
        "started",
        "finished",
        "opened",
        "per",
        "rate",
        "sec",
        "s",
        "delta",
        "new",
        "min",
        "handled",
        "served",
        "done",
        "failed",
        "spawned",
        "cumulative",
        "idle",
    ];
    is_count(name)
        && role_of(name) == Role::Used
        && !words(name)
            .iter()
            .any(|word| EVENTS.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_what_there_is_are_told_from_those_of_what_came() {
        for (name, count, gauge) in [
            ("goroutines", true, true),
            ("go_goroutines", true, true),
            ("process_open_fds", true, true),
            ("num_threads", true, true),
            ("numThreads", true, true),
            ("Handle Count", true, true),
            ("nlwp", true, true),
            ("active_connections", true, true),
            ("connections_total", false, false),
            ("tasks_completed", false, false),
            ("accepted_connections", true, false),
            ("process_max_fds", true, false),
            ("socket_memory", false, false),
            ("rss", false, false),
        ] {
            assert_eq!(
                (is_count(name), is_gauge_of_things(name)),
                (count, gauge),
                "{name}"
            );
        }
    }
}
