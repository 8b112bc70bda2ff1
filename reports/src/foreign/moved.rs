//! Names of bytes that were moved, and of calls, which are no memory.

use super::role::words;

/// Whether a name is that of bytes that were moved or written, or of calls, and not of memory:
/// `net_rx_bytes`, `io_read_bytes`, `disk_used_bytes`, `Mallocs`.
pub(super) fn is_traffic(name: &str) -> bool {
    const MOVED: [&str; 22] = [
        "rx", "tx", "net", "network", "recv", "received", "receive", "sent", "send", "transmit",
        "read", "reads", "write", "writes", "written", "disk", "io", "db", "log", "mallocs",
        "frees", "traffic",
    ];
    const OF_MEMORY: [&str; 16] = [
        "heap",
        "rss",
        "mem",
        "memory",
        "buffer",
        "buffers",
        "cache",
        "pool",
        "resident",
        "pss",
        "alloc",
        "allocated",
        "used_memory",
        "working",
        "private",
        "anon",
    ];
    let words = words(name);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    has(&MOVED) && !has(&OF_MEMORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_is_told_from_memory() {
        for (name, is) in [
            ("net_rx_bytes", true),
            ("read_bytes", true),
            ("bytes_sent", true),
            ("disk_used_bytes", true),
            ("Mallocs", true),
            ("read_buffer_bytes", false),
            ("db_cache_mb", false),
            ("rss_bytes", false),
            ("HeapAlloc", false),
        ] {
            assert_eq!(is_traffic(name), is, "{name}");
        }
    }
}
