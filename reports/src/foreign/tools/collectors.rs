//! Logs of garbage collectors: what is left after each collection.

use super::super::clock::Clock;
use super::super::collector::Collector;
use super::super::column::Column;
use super::super::lines::Lines;
use super::super::number::amount;
use super::super::quote;
use super::super::role::Role;
use super::super::time::DayOrder;
use super::super::unit::ValueUnit;
use super::super::{InputError, Note, ReadOptions, Recording, Table};
use super::for_each_line;
use leaklab_judge::amount::plural;
use std::collections::VecDeque;
use std::io::BufRead;

const BYTES: ValueUnit = ValueUnit::Bytes(1.0);
const MIB: f64 = 1_048_576.0;

/// Fewest full collections by which alone a program is judged: fewer make no series.
const FEWEST_FULL: usize = 10;

/// What is left after all collections, and after those that look at everything.
struct Heap {
    all: Collector,
    full: Collector,
    full_count: usize,
    collections: usize,
    /// Whether another process began since the last collection, and since the last full one.
    restarted: bool,
    restarted_full: bool,
    /// Metaspace, as it was told last.
    metaspace: f64,
}

impl Heap {
    fn new(all: &str, full: &str) -> Self {
        let column = |name: &str| Column::new(name, Some(BYTES), Role::Used);
        let of = |name: &str| Collector::new(vec![column(name), column("metaspace")]);
        Self {
            all: of(all),
            full: of(full),
            full_count: 0,
            collections: 0,
            restarted: false,
            restarted_full: false,
            metaspace: f64::NAN,
        }
    }

    /// Another process begins here.
    fn restart(&mut self) {
        self.restarted = self.collections > 0;
        self.restarted_full = self.full_count > 0;
        self.metaspace = f64::NAN;
    }

    fn after_any(&mut self, seconds: f64, line: u64, bytes: f64) -> Result<(), InputError> {
        self.collections += 1;
        let restarted = std::mem::take(&mut self.restarted);
        let series = self.all.series_of(b"", String::new)?;
        self.all
            .push(series, seconds, line, &[bytes, self.metaspace])?;
        if restarted {
            self.all.restart(series);
        }
        Ok(())
    }

    fn after_full(&mut self, seconds: f64, line: u64, bytes: f64) -> Result<(), InputError> {
        self.full_count += 1;
        let restarted = std::mem::take(&mut self.restarted_full);
        let series = self.full.series_of(b"", String::new)?;
        self.full
            .push(series, seconds, line, &[bytes, self.metaspace])?;
        if restarted {
            self.full.restart(series);
        }
        Ok(())
    }

    fn add(
        &mut self,
        seconds: f64,
        line: u64,
        reading: &NodeReading<'_>,
    ) -> Result<(), InputError> {
        self.after_any(seconds, line, reading.bytes)?;
        match reading.is_full {
            true => self.after_full(seconds, line, reading.bytes),
            false => Ok(()),
        }
    }

    /// The collections that look at everything where there are enough of them, else all.
    fn finish(self, tool: &str) -> Result<Recording, InputError> {
        if self.collections + self.full_count == 0 {
            return Err(InputError::NotASeries(format!(
                "this is a log of {tool}, but it holds no collection"
            )));
        }
        let is_full = self.full_count >= FEWEST_FULL;
        let (chosen, others) = match is_full {
            true => (self.full, 0),
            false => (self.all, self.full_count),
        };
        let name = chosen.columns[0].name.clone();
        // Not every log tells of metaspace.
        let mut tables: Vec<Table> = chosen.finish(false, &[])?;
        for table in &mut tables {
            let is_told = |note: &Note| {
                note.metric.as_deref() != Some("metaspace") || table.metrics.len() > 1
            };
            table.notes.retain(is_told);
        }
        if !is_full {
            for table in &mut tables {
                table.notes.push(Note::on_all(format!(
                    "{} looked at the whole heap, fewer than {FEWEST_FULL}; what lesser collections leave may still be garbage",
                    plural(others as u64, "collection")
                )));
            }
        }
        Ok(Recording {
            read_as: Some(format!("log of {tool}: {name}")),
            tables,
        })
    }
}

/// The tags and the message of a line of the unified log: `[2.123s][info][gc] GC(3) Pause …`.
fn decorated(line: &str) -> (Vec<&str>, &str) {
    let mut rest = line.trim_start();
    let mut decorations = Vec::new();
    while let Some(inner) = rest.strip_prefix('[') {
        let Some((decoration, behind)) = inner.split_once(']') else {
            break;
        };
        decorations.push(decoration.trim());
        rest = behind;
    }
    (decorations, rest.trim_start())
}

/// Whether a line is of a JVM's unified log about collections.
pub(super) fn is_unified(line: &str) -> bool {
    let (decorations, _) = decorated(line);
    decorations.len() > 1
        && decorations
            .iter()
            .any(|tags| *tags == "gc" || tags.starts_with("gc,"))
}

/// Whether a line is a collection in the log of a JVM before 9.
pub(super) fn is_old_jvm(line: &str) -> bool {
    (line.contains(": [GC ") || line.contains(": [GC-") || line.contains(": [Full GC "))
        && line.contains("->")
        || line.contains(": [GC pause ")
}

/// Bytes of `24M`, `8192K`, `1G`; what stands in brackets behind is left.
fn size(text: &str) -> Option<f64> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let factor = match text[end..].chars().next()? {
        'K' => 1_024.0,
        'M' => MIB,
        'G' => 1_024.0 * MIB,
        'B' => 1.0,
        _ => return None,
    };
    Some(text[..end].parse::<f64>().ok()? * factor)
}

/// The size behind the last `->` of a text: what is left.
fn size_after(text: &str) -> Option<f64> {
    size(text[text.rfind("->")? + 2..].trim_start())
}

/// Kinds of collection by number, for figures of the old generation that follow or precede.
#[derive(Default)]
struct Full {
    recent: VecDeque<String>,
}

impl Full {
    fn remember(&mut self, number: &str) {
        const RECENT: usize = 64;
        if !self.recent.iter().any(|known| known == number) {
            self.recent.push_back(number.to_owned());
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
        }
    }

    fn holds(&self, number: &str) -> bool {
        self.recent.iter().any(|known| known == number)
    }
}

/// Reads the unified log of a JVM (`-Xlog:gc` or `-Xlog:gc*`).
pub(super) fn read_unified<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut heap = Heap::new(
        "heap after collections",
        "old generation after mixed and full collections",
    );
    let mut dates = Clock::new(None, DayOrder::default());
    let mut times = JvmTimes::default();
    let mut full = Full::default();
    let mut region_bytes = None;
    let mut has_old_figures = false;
    let mut last_pause: Option<u64> = None;
    let mut last_old: Option<(String, f64)> = None;
    for_each_line(lines, |line, number| {
        let (decorations, message) = decorated(line);
        if decorations.is_empty() {
            return Ok(());
        }
        if message.starts_with("Using ") && decorations.contains(&"gc") {
            heap.restart();
            times.restart();
            last_pause = None;
        }
        if let Some(region) = message.strip_prefix("Heap Region Size: ") {
            region_bytes = size(region);
        }
        let begun = times.lives;
        let Some(seconds) = times.of(&decorations, &mut dates, options) else {
            return Ok(());
        };
        if times.lives > begun {
            heap.restart();
            last_pause = None;
        }
        let Some(collection) = message.strip_prefix("GC(") else {
            return Ok(());
        };
        let Some((id, what)) = collection.split_once(')') else {
            return Ok(());
        };
        let what = what.trim_start();
        // Pauses are numbered as they come; where nobody says how long a machine has been up,
        // one that begins anew is another machine.
        if what.starts_with("Pause Young") || what.starts_with("Pause Full") {
            let pause = id.parse::<u64>().ok();
            if pause < last_pause && times.uptime_s.is_none() {
                heap.restart();
            }
            last_pause = pause.or(last_pause);
        }
        let is_full = what.starts_with("Pause Full")
            || what.starts_with("Pause Young (Mixed)")
            || what.starts_with("Major Collection");
        if is_full {
            full.remember(id);
        }
        if let Some(bytes) = metaspace_after(what) {
            heap.metaspace = bytes;
            return Ok(());
        }
        // Objects of half a region and more, which G1 counts apart, are of the old generation.
        if let Some(bytes) = regions_after(what, "Humongous regions: ", region_bytes) {
            if let Some((of, regular)) = &last_old
                && of == id
            {
                heap.full.value(0, 0, regular + bytes);
            }
            return Ok(());
        }
        let old = old_generation(what, region_bytes);
        if let Some(bytes) = old {
            has_old_figures = true;
            last_old = None;
            if full.holds(id) {
                heap.after_full(seconds, number, bytes)?;
                last_old = Some((id.to_owned(), bytes));
            }
            return Ok(());
        }
        let is_collection = what.starts_with("Pause Young")
            || what.starts_with("Pause Full")
            || what.starts_with("Garbage Collection")
            || what.starts_with("Major Collection")
            || what.starts_with("Minor Collection")
            || what.starts_with("Concurrent cleanup");
        let left = is_collection.then(|| size_after(what)).flatten();
        if let Some(bytes) = left {
            heap.after_any(seconds, number, bytes)?;
            // Without figures of the old generation the whole heap stands for it.
            if is_full && !has_old_figures {
                heap.after_full(seconds, number, bytes)?;
            }
        }
        Ok(())
    })?;
    if !has_old_figures {
        heap.full.columns[0].name = "heap after mixed and full collections".to_owned();
    }
    let mut recording = heap.finish("a JVM")?;
    if recording
        .tables
        .iter()
        .any(|table| !table.restarts.is_empty())
        && let Some(read_as) = &mut recording.read_as
    {
        read_as.push_str("; lives by the beginnings of machines");
    }
    Ok(recording)
}

/// Metaspace after a collection, where the line says it: `Metaspace: 20480K(20864K)->20470K(…)`.
fn metaspace_after(text: &str) -> Option<f64> {
    let rest = &text[text.find("Metaspace: ")? + "Metaspace: ".len()..];
    size(&rest[rest.find("->")? + 2..])
}

/// What is left in the regions of G1 of that name, where the line is about them.
fn regions_after(what: &str, name: &str, region_bytes: Option<f64>) -> Option<f64> {
    let regions = what.strip_prefix(name)?;
    let after = regions[regions.find("->")? + 2..]
        .split(|c: char| !c.is_ascii_digit())
        .next()?;
    Some(after.parse::<f64>().ok()? * region_bytes?)
}

/// The old generation after a collection, where the line is about it.
fn old_generation(what: &str, region_bytes: Option<f64>) -> Option<f64> {
    if let Some(bytes) = regions_after(what, "Old regions: ", region_bytes) {
        return Some(bytes);
    }
    ["ParOldGen: ", "PSOldGen: ", "Tenured: ", "CMS: "]
        .iter()
        .find_map(|name| {
            let rest = what.strip_prefix(name)?;
            size(&rest[rest.find("->")? + 2..])
        })
}

/// Times of a JVM: dates where the log has them, else seconds since its start, which begin anew
/// with another JVM.
#[derive(Default)]
struct JvmTimes {
    base_s: f64,
    last_s: f64,
    has_dates: bool,
    /// How long the machine had been up, where the log says it.
    uptime_s: Option<f64>,
    /// How often that began anew.
    lives: u64,
}

impl JvmTimes {
    fn restart(&mut self) {
        self.base_s = self.last_s;
        self.uptime_s = None;
    }

    /// Takes the uptime of a line. Threads that log at once may swap their lines by a little.
    fn take_uptime(&mut self, uptime_s: f64) {
        const SWAPPED_S: f64 = 1.0;
        let is_new = self
            .uptime_s
            .is_some_and(|before| uptime_s + SWAPPED_S < before);
        if is_new {
            self.restart();
            self.lives += 1;
        }
        self.uptime_s = Some(uptime_s);
    }

    fn of(
        &mut self,
        decorations: &[&str],
        dates: &mut Clock,
        options: &ReadOptions,
    ) -> Option<f64> {
        let uptime = decorations.iter().find_map(|text| uptime_of(text));
        if let Some(uptime_s) = uptime {
            self.take_uptime(uptime_s);
        }
        let date = decorations
            .iter()
            .find(|text| text.len() >= 19 && text.contains('T') && text.contains(':'));
        if let Some(date) = date {
            self.has_dates = true;
            return dates.seconds(date.as_bytes(), false);
        }
        if self.has_dates {
            return None;
        }
        let seconds = match (uptime, options.every_s) {
            (Some(uptime), _) => self.base_s + uptime,
            (None, Some(every_s)) => self.last_s + every_s,
            (None, None) => return None,
        };
        self.last_s = seconds;
        Some(seconds)
    }
}

/// Seconds of a decoration: `2.123s`, `2123ms`.
fn uptime_of(text: &str) -> Option<f64> {
    let (digits, factor) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1e-3),
        None => match text.strip_suffix("ns") {
            Some(digits) => (digits, 1e-9),
            None => (text.strip_suffix('s')?, 1.0),
        },
    };
    Some(digits.replacen(',', ".", 1).parse::<f64>().ok()? * factor)
}

/// Reads the log of a JVM before 9 (`-Xloggc -XX:+PrintGCDetails`).
pub(super) fn read_old_jvm<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut heap = Heap::new("heap after collections", "heap after full collections");
    let mut dates = Clock::new(options.time_unit, DayOrder::default());
    let mut last: Option<(f64, bool)> = None;
    let mut uptime_s = 0.0;
    for_each_line(lines, |line, number| {
        // Behind a date stands how long the machine has been up.
        if let Some(uptime) = old_uptime(line) {
            if uptime < uptime_s {
                heap.restart();
            }
            uptime_s = uptime;
        }
        if line.contains(": [") {
            last = old_time(line, &mut dates).map(|seconds| (seconds, line.contains("[Full GC")));
        }
        let Some((seconds, is_full)) = last else {
            return Ok(());
        };
        if let Some(bytes) = metaspace_after(line) {
            heap.metaspace = bytes;
        }
        // G1 says it on a line of its own, the others at the end of the collection's.
        let left = match line.find("Heap: ") {
            Some(at) => size_after(&line[at..]),
            None if is_old_jvm(line) => size_after(&without_inner_brackets(line)),
            None => None,
        };
        if let Some(bytes) = left {
            heap.after_any(seconds, number, bytes)?;
            if is_full {
                heap.after_full(seconds, number, bytes)?;
            }
        }
        Ok(())
    })?;
    heap.finish("a JVM before 9")
}

/// The seconds behind a date: `2026-11-21T17:47:00.123+0000: 2.123: [GC`.
fn old_uptime(line: &str) -> Option<f64> {
    let before = &line[..line.find(": [")?];
    let (_, uptime) = before.split_once(": ")?;
    uptime.trim().replacen(',', ".", 1).parse().ok()
}

/// The time at the beginning: `2026-11-21T17:47:00.123+0000: 2.123: [GC`, or `2.123: [GC`.
fn old_time(line: &str, dates: &mut Clock) -> Option<f64> {
    let before = &line[..line.find(": [")?];
    let first = match before.split_once(": ") {
        Some((date, _)) => date,
        None => before,
    };
    dates.seconds(first.trim().as_bytes(), false)
}

/// `[GC (…) [PSYoungGen: …] 33280K->12345K(…), 0.1 secs]` without what stands in inner brackets.
fn without_inner_brackets(line: &str) -> String {
    let mut depth = 0_u32;
    line.chars()
        .filter(|c| {
            match c {
                '[' => depth += 1,
                ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth <= 1
        })
        .collect()
}

/// A line of `node --trace-gc`.
pub(super) struct NodeReading<'a> {
    isolate: &'a str,
    seconds: f64,
    is_full: bool,
    bytes: f64,
}

/// Reads a line of `node --trace-gc`:
/// `[7788:0x2f1b3c00]     1016 ms: Scavenge 3.9 (4.0) -> 3.7 (5.0) MB, …`. V8's MB are 2²⁰.
pub(super) fn node_reading(line: &str) -> Option<NodeReading<'_>> {
    let (isolate, rest) = line.strip_prefix('[')?.split_once(']')?;
    let (ms, rest) = rest.split_once(" ms: ")?;
    let (before, after) = rest.split_once(" -> ")?;
    let (left, unit) = after.split_once(" (")?;
    unit.contains(") MB").then_some(())?;
    Some(NodeReading {
        isolate,
        seconds: ms.trim().parse::<f64>().ok()? / 1e3,
        is_full: before.starts_with("Mark"),
        bytes: left.trim().parse::<f64>().ok()? * MIB,
    })
}

/// Reads `node --trace-gc`. A process that ends and another that begins are lives of one
/// program; processes and threads that collect in turn are series of their own.
pub(super) fn read_node<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    const TOOL: &str = "node --trace-gc";
    let heap = || Heap::new("heap after collections", "heap after mark-sweep");
    let mut isolates: Vec<(String, Heap)> = Vec::new();
    let mut one = heap();
    let (mut last, mut base_s, mut last_s) = (0, 0.0, 0.0);
    let mut is_in_turn = false;
    for_each_line(lines, |line, number| {
        let Some(reading) = node_reading(line) else {
            return Ok(());
        };
        let known = isolates
            .iter()
            .position(|(name, _)| name == reading.isolate);
        if known.is_none() && isolates.len() == MOST_ISOLATES {
            return Err(InputError::TooManySeries {
                column: "`pid:isolate`".to_owned(),
                most: MOST_ISOLATES,
            });
        }
        let place = known.unwrap_or(isolates.len());
        if known.is_none() {
            // Another process counts its milliseconds from its own start.
            one.restart();
            base_s = last_s;
            isolates.push((reading.isolate.to_owned(), heap()));
        }
        is_in_turn |= known.is_some() && place != last;
        last = place;
        isolates[place].1.add(reading.seconds, number, &reading)?;
        if !is_in_turn {
            last_s = base_s + reading.seconds;
            one.add(last_s, number, &reading)?;
        }
        Ok(())
    })?;
    if is_in_turn {
        let mut recording = Recording::default();
        for (name, heap) in isolates {
            let name = quote::escaped(name.as_bytes());
            if !options.only.iter().all(|(_, text)| *text == name) {
                continue;
            }
            let of_one = heap.finish(TOOL)?;
            recording.read_as = of_one.read_as;
            for mut table in of_one.tables {
                table.name.clone_from(&name);
                recording.tables.push(table);
            }
        }
        return match recording.tables.is_empty() {
            true => Err(InputError::NoRows),
            false => Ok(recording),
        };
    }
    let mut recording = one.finish(TOOL)?;
    if isolates.len() > 1
        && let Some(read_as) = &mut recording.read_as
    {
        read_as.push_str("; lives by pid");
    }
    Ok(recording)
}

/// Processes and threads of one log, at most.
const MOST_ISOLATES: usize = 1_000;

/// Seconds, bytes left and bytes of stacks (NaN where they are not told, or less than one) of a
/// line of `GODEBUG=gctrace=1`: `gc 3 @6.690s 0%: … 13->13->12 MB, 13 MB goal, 2 MB stacks, …`. The
/// third figure is live; MB are 2²⁰.
pub(super) fn go_reading(line: &str) -> Option<(f64, f64, f64)> {
    let line = &line[line.find("gc ")?..];
    let mut words = line.split_whitespace().skip(1);
    words.next()?.parse::<u64>().ok()?;
    let seconds = words.next()?.strip_prefix('@')?.strip_suffix('s')?;
    let sizes = words.find(|word| word.matches("->").count() == 2)?;
    (words.next()? == "MB,").then_some(())?;
    let live = amount(sizes.rsplit("->").next()?.as_bytes(), false)?;
    let stacks = line
        .split(',')
        .find_map(|part| part.trim().strip_suffix(" MB stacks")?.parse::<f64>().ok());
    let stacks = stacks.filter(|stacks| *stacks > 0.0).unwrap_or(f64::NAN);
    Some((seconds.parse().ok()?, live.number * MIB, stacks * MIB))
}

/// Reads `GODEBUG=gctrace=1`.
pub(super) fn read_go<R: BufRead>(
    lines: Lines<R>,
    _options: &ReadOptions,
) -> Result<Recording, InputError> {
    let column = |name: &str| Column::new(name, Some(BYTES), Role::Used);
    let mut all = Collector::new(vec![column("live heap"), column("stacks")]);
    let (mut base_s, mut last_s) = (0.0, 0.0);
    for_each_line(lines, |line, number| {
        let Some((seconds, bytes, stacks)) = go_reading(line) else {
            return Ok(());
        };
        let is_new = base_s + seconds < last_s;
        if is_new {
            base_s = last_s;
        }
        last_s = base_s + seconds;
        let series = all.series_of(b"", String::new)?;
        all.push(series, last_s, number, &[bytes, stacks])?;
        if is_new {
            all.restart(series);
        }
        Ok(())
    })?;
    Ok(Recording {
        read_as: Some("GODEBUG=gctrace=1: live heap after collections, in MiB".to_owned()),
        // Older runtimes do not tell of stacks, and small programs have less than one MiB.
        tables: all.finish(false, &[])?,
    })
}
