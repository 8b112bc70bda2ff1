//! What a program says of itself on a page of metrics (OpenMetrics, Prometheus text): its heap,
//! its operations, chosen gauges.
//!
//! Names of exporters that are known:
//!
//! | exporter | used | committed | source of the names |
//! |---|---|---|---|
//! | Go, client_golang | `go_memstats_heap_alloc_bytes` | `go_memstats_heap_sys_bytes` | its collectors package |
//! | JVM, Micrometer and client_java 1 | `jvm_memory_used_bytes{area="heap"}` | `jvm_memory_committed_bytes` | their JVM binders |
//! | JVM, simpleclient | `jvm_memory_bytes_used{area="heap"}` | `jvm_memory_bytes_committed` | its hotspot package |
//! | Node.js, prom-client | `nodejs_heap_size_used_bytes` | `nodejs_heap_size_total_bytes` | its default metrics |
//! | .NET, prometheus-net | `dotnet_total_memory_bytes` | | its default metrics |
//! | .NET, OpenTelemetry | `dotnet_gc_last_collection_heap_size_bytes`, `process_runtime_dotnet_gc_heap_size_bytes` | `…_committed_…` | semantic conventions |
//! | jemalloc, in the names of its `stats.*` | `jemalloc_allocated_bytes` as allocated | `jemalloc_active_bytes`, … | |
//! | Redis, redis_exporter | `redis_memory_used_bytes` | | its exporter package |

use super::http::{self, Url};
use super::protocol::Message;
use super::readers::Fed;
use crate::text::Glob;
use leaklab_run::Heap;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// Least time between two scrapes: pages of metrics cost their program something.
const LEAST_INTERVAL: Duration = Duration::from_millis(250);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Failures in a row after which it is said.
const FAILURES_TOLD: u32 = 3;
/// Most gauges of a page.
const MOST_GAUGES: usize = 64;

const USED: [&str; 8] = [
    "go_memstats_heap_alloc_bytes",
    "jvm_memory_used_bytes",
    "jvm_memory_bytes_used",
    "nodejs_heap_size_used_bytes",
    "dotnet_total_memory_bytes",
    "dotnet_gc_last_collection_heap_size_bytes",
    "process_runtime_dotnet_gc_heap_size_bytes",
    "redis_memory_used_bytes",
];
const COMMITTED: [&str; 6] = [
    "go_memstats_heap_sys_bytes",
    "jvm_memory_committed_bytes",
    "jvm_memory_bytes_committed",
    "nodejs_heap_size_total_bytes",
    "dotnet_gc_last_collection_memory_committed_size_bytes",
    "process_runtime_dotnet_gc_committed_memory_size_bytes",
];
/// The most that a heap may become, for rules.
const LIMIT: [&str; 3] = [
    "jvm_memory_max_bytes",
    "jvm_memory_bytes_max",
    "nodejs_heap_size_limit_bytes",
];
/// Counters of work, the best first.
const OPERATIONS: [&str; 8] = [
    "http_server_requests_seconds_count",
    "http_server_request_duration_seconds_count",
    "http_request_duration_seconds_count",
    "http_requests_total",
    "grpc_server_handled_total",
    "http_requests_received_total",
    "nginx_http_requests_total",
    "redis_commands_processed_total",
];
const JEMALLOC: [&str; 6] = [
    "jemalloc_allocated_bytes",
    "jemalloc_active_bytes",
    "jemalloc_metadata_bytes",
    "jemalloc_resident_bytes",
    "jemalloc_mapped_bytes",
    "jemalloc_retained_bytes",
];

/// A page to be scraped.
#[derive(Debug, Clone)]
pub struct Scrape {
    /// Its address.
    pub url: Url,
    /// Patterns of further metrics that become gauges.
    pub gauges: Vec<String>,
}

/// One line of a page.
#[derive(Debug, PartialEq)]
struct Metric<'a> {
    name: &'a str,
    labels: &'a str,
    value: f64,
}

/// What a page says, as the program would say it on the pipe; `None` if nothing of it is known.
pub fn read_page(page: &str, gauges: &[Glob]) -> Option<Message> {
    let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
    let mut chosen: BTreeMap<String, f64> = BTreeMap::new();
    for metric in page.lines().filter_map(metric) {
        let is_jvm = metric.name.starts_with("jvm_memory_");
        if is_jvm && !metric.labels.contains("area=\"heap\"") {
            continue;
        }
        *sums.entry(metric.name).or_insert(0.0) += metric.value;
        if gauges.iter().any(|glob| glob.matches(metric.name))
            && (chosen.len() < MOST_GAUGES || chosen.contains_key(metric.name))
        {
            *chosen.entry(metric.name.to_owned()).or_insert(0.0) += metric.value;
        }
    }
    let whole = |value: &f64| (*value >= 0.0 && *value < 1e18).then_some(*value as u64);
    let of = |name: &str| sums.get(name).and_then(whole);
    let first = |names: &[&str]| names.iter().find_map(|name| of(name));
    let [allocated, active, metadata, resident, mapped, retained] = JEMALLOC.map(of);
    let heap = Heap {
        allocated_bytes: allocated,
        active_bytes: active,
        metadata_bytes: metadata,
        resident_bytes: resident,
        mapped_bytes: mapped,
        retained_bytes: retained,
        used_bytes: first(&USED),
        committed_bytes: first(&COMMITTED),
        limit_bytes: first(&LIMIT),
    };
    let ops = first(&OPERATIONS);
    let is_known = heap.used_bytes.or(heap.allocated_bytes).is_some();
    (is_known || !chosen.is_empty()).then(|| Message {
        ops,
        heap: is_known.then_some(heap),
        gauges: chosen,
        ..Message::default()
    })
}

/// A line `name{labels} value [time]`; `None` for comments and what is no number.
fn metric(line: &str) -> Option<Metric<'_>> {
    let line = line.trim();
    let end = line.find(['{', ' ', '\t'])?;
    let name = &line[..end];
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let (labels, rest) = match line[end..].strip_prefix('{') {
        Some(inside) => {
            let close = end_of_labels(inside)?;
            (&inside[..close], &inside[close + 1..])
        }
        None => ("", &line[end..]),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Metric {
        name,
        labels,
        value,
    })
}

/// Where the labels end: a brace in quotes is a part of a value.
fn end_of_labels(text: &str) -> Option<usize> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '}' if !is_quoted => return Some(at),
            _ => {}
        }
    }
    None
}

impl Scrape {
    /// Scrapes on a thread of its own until the result is dropped; the loop of the cell gets
    /// what the page says as if the program had said it.
    pub fn watch(&self, interval: Duration, to: SyncSender<Fed>) -> Scraping {
        let scraping = Scraping(Arc::default());
        let asked = Arc::clone(&scraping.0);
        let scrape = self.clone();
        let interval = interval.max(LEAST_INTERVAL);
        let work = move || scrape.repeat(interval, &asked, &to);
        let thread = std::thread::Builder::new().name("leaklab-scrape".to_owned());
        // Without the thread there are no figures, and the judge has RSS.
        drop(thread.spawn(work));
        scraping
    }

    fn repeat(&self, interval: Duration, asked: &Asked, to: &SyncSender<Fed>) {
        let globs: Vec<Glob> = (self.gauges.iter())
            .filter_map(|pattern| Glob::new(pattern).ok())
            .collect();
        let (mut failures, mut had_any) = (0, false);
        let mut next = Instant::now();
        while !asked.over.load(Ordering::Relaxed) {
            let said = http::get(&self.url, PATIENCE).and_then(|answer| match answer.status {
                200 => read_page(&answer.body, &globs)
                    .ok_or_else(|| "no figure of a heap is known on it".to_owned()),
                status => Err(format!("it answers {status}")),
            });
            let fed = match said {
                Ok(message) => {
                    (failures, had_any) = (0, true);
                    Some(Fed::Message(Box::new(message)))
                }
                Err(why) => {
                    failures += 1;
                    (failures == FAILURES_TOLD).then(|| {
                        let can = if had_any { "can no longer" } else { "cannot" };
                        let url = &self.url;
                        Fed::Warning(format!("metrics of {url} {can} be read: {why}"))
                    })
                }
            };
            if fed.is_some_and(|fed| to.send(fed).is_err()) {
                return;
            }
            // A page that was asked for before its time does not put the next one off.
            let now = Instant::now();
            next = (next + interval).clamp(now, now + interval);
            while Instant::now() < next && !asked.is_due() {
                let left = next.saturating_duration_since(Instant::now());
                std::thread::sleep(left.min(Duration::from_millis(20)));
            }
        }
    }
}

/// What is asked of the thread that scrapes.
#[derive(Debug, Default)]
struct Asked {
    over: AtomicBool,
    /// Pages that are wanted at once.
    pages: AtomicU32,
}

impl Asked {
    /// Whether there is no time to wait for the next page, or none is wanted any more.
    fn is_due(&self) -> bool {
        let take = |pages: u32| pages.checked_sub(1);
        self.over.load(Ordering::Relaxed)
            || (self.pages)
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
                .is_ok()
    }
}

/// Ends the scraping when it is dropped.
pub struct Scraping(Arc<Asked>);

impl Scraping {
    /// Asks for pages before their time, one after the other.
    pub fn ask(&self, pages: u32) {
        self.0.pages.store(pages, Ordering::Relaxed);
    }
}

impl Drop for Scraping {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_known_exporters_are_read() {
        let go = "# HELP go_goroutines Number\n# TYPE go_goroutines gauge\ngo_goroutines 12\n\
                  go_memstats_heap_alloc_bytes 1.048576e+06\ngo_memstats_heap_sys_bytes 4e6\n\
                  http_requests_total{code=\"200\",path=\"/{id}\"} 40\n\
                  http_requests_total{code=\"500\"} 2 1700000000000\n";
        let globs = [Glob::new("go_gor*").expect("a pattern")];
        let message = read_page(go, &globs).expect("known names");
        let heap = message.heap.expect("a heap");
        assert_eq!(
            (heap.used_bytes, heap.committed_bytes),
            (Some(1 << 20), Some(4_000_000))
        );
        assert_eq!(message.ops, Some(42));
        assert_eq!(message.gauges["go_goroutines"].to_string(), "12");

        let jvm = "jvm_memory_used_bytes{area=\"heap\",id=\"Eden\"} 100\n\
                   jvm_memory_used_bytes{area=\"heap\",id=\"Old }\\\"\"} 23\n\
                   jvm_memory_used_bytes{area=\"nonheap\",id=\"Code\"} 1000\n";
        let heap = read_page(jvm, &[])
            .and_then(|message| message.heap)
            .expect("a heap");
        assert_eq!(heap.used_bytes, Some(123));

        let jemalloc = "jemalloc_allocated_bytes 7\njemalloc_active_bytes 8\n";
        let heap = read_page(jemalloc, &[]).and_then(|message| message.heap);
        let heap = heap.expect("a heap");
        assert_eq!(
            (heap.allocated_bytes, heap.active_bytes),
            (Some(7), Some(8))
        );
    }

    #[test]
    fn nonsense_is_no_page_of_metrics() {
        for page in [
            "",
            "<html>busy</html>",
            "up 1\n",
            "go_memstats_heap_alloc_bytes NaN\n",
        ] {
            assert_eq!(read_page(page, &[]), None, "{page}");
        }
    }
}
