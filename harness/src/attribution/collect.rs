//! Collects what allocators say of their stacks while a cell runs, for `stacks.json`.

use leaklab_reports::attribution::bytes_per_sample;
use leaklab_run::{STACKS_FILE, StackHistory, StackRecord, StackSnapshot, write_atomically};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Most stacks of all processes together: what a program claims must not grow the harness.
const MOST_STACKS: usize = 20_000;
/// Snapshots of a stack that are kept; when there are more, only the last one of each span is.
const MOST_SNAPSHOTS: usize = 48;
/// Most frames and spans of a line.
const MOST_FRAMES: usize = 256;
const MOST_SPANS: usize = 256;
/// Time before the last word of any allocator in which a process ends with the run.
const END_OF_RUN_US: u64 = 2_500_000;
/// Time between two writings of the file while the cell runs.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// The counts of one stack, as a line says them; times are those of the monotonic clock.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StackCounts {
    id: u64,
    sample_bytes: u64,
    start_us: u64,
    span_us: u64,
    lost: u64,
    born_bytes: u64,
    live_bytes: Option<u64>,
    born: Vec<u64>,
    live: Vec<u64>,
    frames: Vec<u64>,
}

impl StackCounts {
    /// Reads the value of the key `stacks`; `None` if it is not of that form.
    pub fn parse(value: &Value) -> Option<Self> {
        let number = |key: &str| value.get(key)?.as_u64();
        let list = |key: &str, most: usize| {
            let list = value.get(key)?.as_array()?;
            (list.len() <= most).then_some(list)
        };
        let counts = |key: &str| {
            let numbers = list(key, MOST_SPANS)?.iter().map(Value::as_u64);
            numbers.collect::<Option<Vec<u64>>>()
        };
        let frames = list("frames", MOST_FRAMES)?
            .iter()
            .map(|frame| u64::from_str_radix(frame.as_str()?, 16).ok());
        let read = StackCounts {
            id: number("id")?,
            sample_bytes: number("sample_bytes")?,
            start_us: number("start_us")?,
            span_us: number("span_us").filter(|span| *span > 0)?,
            lost: number("lost")?,
            born_bytes: number("born_bytes")?,
            live_bytes: number("live_bytes"),
            born: counts("born")?,
            live: counts("live")?,
            frames: frames.collect::<Option<_>>()?,
        };
        (read.born.len() == read.live.len()).then_some(read)
    }
}

/// A stack of one life of a process: a program that replaces itself begins a new table.
type Key = (u32, u64, u64);

struct Collected {
    counts: StackCounts,
    frames: Vec<String>,
    snapshots: Vec<Said>,
}

/// Counts at a time of the monotonic clock.
struct Said {
    at_us: u64,
    span_us: u64,
    born: Vec<u64>,
    live: Vec<u64>,
    live_bytes: Option<u64>,
}

/// The stacks of all processes of a cell.
#[derive(Default)]
pub struct StackCollector {
    stacks: BTreeMap<Key, Collected>,
    maps: BTreeMap<u32, Vec<Mapping>>,
    sample_bytes: u64,
    lost: BTreeMap<(u32, u64), u64>,
    /// When processes of the tree ended, and when an allocator was last heard of.
    ended: BTreeMap<u32, u64>,
    heard_us: u64,
    written: Option<Instant>,
}

impl StackCollector {
    /// Takes what the allocator of process `pid` said at a time of the monotonic clock.
    pub fn take(&mut self, pid: u32, at_us: u64, counts: StackCounts) {
        self.sample_bytes = self.sample_bytes.max(counts.sample_bytes);
        self.lost.insert((pid, counts.start_us), counts.lost);
        let key = (pid, counts.start_us, counts.id);
        if !self.stacks.contains_key(&key) {
            if self.stacks.len() >= MOST_STACKS {
                return;
            }
            let frames = self.places(pid, &counts.frames);
            let collected = Collected {
                counts: StackCounts::default(),
                frames,
                snapshots: Vec::new(),
            };
            self.stacks.insert(key, collected);
        }
        let Some(stack) = self.stacks.get_mut(&key) else {
            return;
        };
        if counts.sample_bytes > stack.counts.sample_bytes {
            thin_samples(&mut stack.snapshots, &counts, stack.counts.sample_bytes);
        }
        stack.snapshots.push(Said {
            at_us,
            span_us: counts.span_us,
            born: counts.born.clone(),
            live: counts.live.clone(),
            live_bytes: counts.live_bytes,
        });
        if stack.snapshots.len() > MOST_SNAPSHOTS {
            thin(&mut stack.snapshots, &counts);
        }
        stack.counts = counts;
    }

    /// Notes that an allocator was heard of at a time of the monotonic clock.
    pub fn heard(&mut self, at_us: u64) {
        self.heard_us = self.heard_us.max(at_us);
    }

    /// Notes that a process of the tree has ended, and all of its blocks with it.
    pub fn ended(&mut self, pid: u32, at_us: u64) {
        let mut of_it = self.stacks.range((pid, 0, 0)..=(pid, u64::MAX, u64::MAX));
        if of_it.next().is_some() {
            self.ended.insert(pid, at_us);
        }
    }

    /// When a life of a process ended, if others went on behind it: what ends with the run was
    /// alive until then.
    fn end_us(&self, pid: u32, start_us: u64) -> Option<u64> {
        let ended_us = *self.ended.get(&pid)?;
        let is_of_that_life = ended_us > start_us;
        let went_on = self.heard_us.saturating_sub(ended_us) > END_OF_RUN_US;
        (is_of_that_life && went_on).then_some(ended_us)
    }

    /// The places in files that addresses of a process stand for, while it lives.
    fn places(&mut self, pid: u32, addresses: &[u64]) -> Vec<String> {
        let is_mapped = |maps: &[Mapping], address: u64| maps.iter().any(|map| map.holds(address));
        let maps = self.maps.entry(pid).or_default();
        // A library may have been loaded since they were read.
        if !addresses.iter().all(|address| is_mapped(maps, *address))
            && let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/maps"))
        {
            *maps = text.lines().filter_map(Mapping::parse).collect();
        }
        let place = |address: &u64| match maps.iter().find(|map| map.holds(*address)) {
            Some(map) => format!("{}+{:#x}", map.file, address - map.start + map.offset),
            None => format!("{address:#x}"),
        };
        addresses.iter().map(place).collect()
    }

    /// Writes `stacks.json` into the cell's folder, if anything was said and enough time has
    /// passed, or `at_end`. `elapsed_ms` turns times of the monotonic clock into the run's.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn write_if_due(
        &mut self,
        cell: &Path,
        at_end: bool,
        elapsed_ms: impl Fn(u64) -> f64,
    ) -> std::io::Result<()> {
        let now = Instant::now();
        let written = *self.written.get_or_insert(now);
        if self.stacks.is_empty() || (!at_end && now - written < WRITE_INTERVAL) {
            return Ok(());
        }
        self.written = Some(now);
        let record = self.record(elapsed_ms);
        write_atomically(&cell.join(STACKS_FILE), &serde_json::to_vec(&record)?)
    }

    fn record(&self, elapsed_ms: impl Fn(u64) -> f64) -> StackRecord {
        let history = |(key, stack): (&Key, &Collected)| {
            let snapshot = |said: &Said| StackSnapshot {
                elapsed_ms: elapsed_ms(said.at_us),
                first_span_ms: elapsed_ms(stack.counts.start_us),
                span_ms: said.span_us as f64 / 1000.0,
                born: said.born.clone(),
                live: said.live.clone(),
                live_bytes: said.live_bytes,
            };
            let end_us = self.end_us(key.0, stack.counts.start_us);
            let end = end_us
                .zip(stack.snapshots.last())
                .map(|(end_us, last)| StackSnapshot {
                    elapsed_ms: elapsed_ms(end_us.max(last.at_us)),
                    live: vec![0; last.live.len()],
                    live_bytes: last.live_bytes.map(|_| 0),
                    ..snapshot(last)
                });
            StackHistory {
                pid: key.0,
                frames: stack.frames.clone(),
                sample_bytes: stack.counts.sample_bytes,
                born_bytes: stack.counts.born_bytes,
                snapshots: stack.snapshots.iter().map(snapshot).chain(end).collect(),
            }
        };
        StackRecord {
            sample_bytes: self.sample_bytes,
            lost_samples: self.lost.values().sum(),
            stacks: self.stacks.iter().map(history).collect(),
        }
    }
}

/// Leaves of earlier snapshots what samples would have shown that are taken as rarely as now: the
/// counters have thinned their own, and what is missing now has not died.
fn thin_samples(snapshots: &mut [Said], counts: &StackCounts, sample_bytes: u64) {
    let born: u64 = counts.born.iter().sum();
    let block_bytes = counts.born_bytes as f64 / born.max(1) as f64;
    let stands_for = |sample_bytes: u64| bytes_per_sample(block_bytes, sample_bytes as f64);
    let kept = stands_for(sample_bytes.max(1)) / stands_for(counts.sample_bytes);
    for said in snapshots {
        let mut carried = [0.0_f64; 2];
        for (born, live) in said.born.iter_mut().zip(&mut said.live) {
            for (count, carried) in [&mut *born, &mut *live].into_iter().zip(&mut carried) {
                // What is cut off goes to the next span: rare samples add up.
                let exact = *count as f64 * kept + *carried;
                *count = exact.round() as u64;
                *carried = exact - *count as f64;
            }
            *live = (*live).min(*born);
        }
        said.live_bytes = said.live_bytes.map(|bytes| (bytes as f64 * kept) as u64);
    }
}

/// Leaves of each span the last snapshot: spans end at the same times however often two become one,
/// so that what is compared later has blocks of the same ages.
fn thin(snapshots: &mut Vec<Said>, counts: &StackCounts) {
    let span = |at_us: u64| at_us.saturating_sub(counts.start_us) / counts.span_us;
    let spans: Vec<u64> = snapshots.iter().map(|said| span(said.at_us)).collect();
    let mut at = 0;
    snapshots.retain(|_| {
        at += 1;
        spans.get(at) != Some(&spans[at - 1])
    });
}

/// A part of a file in the memory of a process.
#[derive(Debug, PartialEq)]
struct Mapping {
    start: u64,
    end: u64,
    offset: u64,
    file: String,
}

impl Mapping {
    /// Reads a line of `/proc/PID/maps`; `None` for memory without a file.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let _rights = fields.next()?;
        let offset = fields.next()?;
        let file = fields.nth(2)?.trim();
        let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
        file.starts_with('/').then_some(())?;
        Some(Mapping {
            start: hexadecimal(start)?,
            end: hexadecimal(end)?,
            offset: hexadecimal(offset)?,
            file: file.to_owned(),
        })
    }

    fn holds(&self, address: u64) -> bool {
        (self.start..self.end).contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id": 7, "sample_bytes": 524288, "start_us": 1000, "span_us": 125000,
        "lost": 1, "born_bytes": 384, "live_bytes": 256, "born": [2, 1], "live": [1, 1],
        "frames": ["1f", "ffffffff"]}"#;

    fn counts() -> StackCounts {
        StackCounts::parse(&serde_json::from_str(LINE).expect("JSON")).expect("counts")
    }

    #[test]
    fn a_line_is_read_whole_or_not_at_all() {
        assert_eq!(counts().frames, [0x1f, 0xffff_ffff]);
        for (from, to) in [
            ("\"id\": 7", "\"id\": -7"),
            ("125000", "0"),
            ("[1, 1]", "[1]"),
            ("\"1f\"", "\"xx\""),
            ("\"born\"", "\"boren\""),
        ] {
            let text = LINE.replace(from, to);
            let value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(StackCounts::parse(&value), None, "{text}");
        }
    }

    #[test]
    fn blocks_of_a_process_end_with_it_unless_the_run_ends_too() {
        let mut collector = StackCollector::default();
        collector.take(41, 2_000_000, counts());
        collector.take(42, 2_000_000, counts());
        collector.ended(42, 3_000_000);
        let live = |collector: &StackCollector| -> Vec<u64> {
            let stacks = collector.record(|at_us| at_us as f64 / 1000.0).stacks;
            let last = stacks.iter().filter_map(|stack| stack.snapshots.last());
            last.map(|snapshot| snapshot.live.iter().sum()).collect()
        };
        collector.heard(4_000_000);
        assert_eq!(live(&collector), [2, 2], "it may be the end of the run");
        collector.heard(6_000_000);
        assert_eq!(live(&collector), [2, 0]);
        let record = collector.record(|at_us| at_us as f64 / 1000.0);
        let last = record.stacks[1].snapshots.last().expect("its end");
        assert_eq!((last.elapsed_ms, last.live_bytes), (3000.0, Some(0)));
        assert_eq!(last.born, [2, 1]);
    }

    #[test]
    fn a_line_of_maps_is_a_place_in_a_file() {
        let line = "7f1000-7f3000 r-xp 00002000 fe:00 12345    /usr/lib/a library.so";
        let mapping = Mapping::parse(line).expect("a mapping");
        assert_eq!(mapping.file, "/usr/lib/a library.so");
        assert_eq!(
            (mapping.start, mapping.end, mapping.offset),
            (0x7f_1000, 0x7f_3000, 0x2000)
        );
        assert_eq!(Mapping::parse("7f1000-7f3000 rw-p 00000000 00:00 0 "), None);
        assert_eq!(
            Mapping::parse("7f1000-7f3000 rw-p 00000000 00:00 0      [heap]"),
            None
        );
    }

    #[test]
    fn samples_that_are_taken_more_rarely_are_no_deaths() {
        let mut collector = StackCollector::default();
        let many = |count: u64, sample_bytes: u64| StackCounts {
            sample_bytes,
            born: vec![count; 32],
            live: vec![count; 32],
            born_bytes: 32 * count * 64,
            ..counts()
        };
        collector.take(0, 1_000_000, many(3, 1 << 15));
        // Eight times as far from each other: of blocks of 64 bytes an eighth remains.
        collector.take(0, 2_000_000, many(1, 1 << 18));
        let record = collector.record(|us| us as f64 / 1000.0);
        let stack = &record.stacks[0];
        let total = |at: usize| stack.snapshots[at].live.iter().sum::<u64>();
        assert_eq!(
            (total(0), total(1)),
            (12, 32),
            "3 * 32 / 8, and as it was said"
        );
        assert_eq!(
            (stack.sample_bytes, record.sample_bytes),
            (1 << 18, 1 << 18)
        );
    }

    #[test]
    fn snapshots_are_bounded_and_the_last_one_stays() {
        let mut collector = StackCollector::default();
        for turn in 0..1000_u64 {
            let mut counts = counts();
            counts.born[1] = turn;
            collector.take(0, 1_000_000 + turn * 1000, counts);
        }
        let record = collector.record(|us| us as f64 / 1000.0);
        let snapshots = &record.stacks[0].snapshots;
        assert!(snapshots.len() <= MOST_SNAPSHOTS, "{}", snapshots.len());
        // Spans begin at 1 ms and are 125 ms long: they end at 1001 and 1126 ms.
        assert_eq!(
            [0, 1].map(|at: usize| snapshots[at].elapsed_ms),
            [1000.0, 1125.0]
        );
        assert_eq!(snapshots[0].live_bytes, Some(256));
        assert_eq!(snapshots[snapshots.len() - 1].born[1], 999);
        assert_eq!((record.sample_bytes, record.lost_samples), (524_288, 1));
    }
}
