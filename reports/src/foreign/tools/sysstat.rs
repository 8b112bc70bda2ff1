//! `pidstat -r`, `sar -r` and `vmstat`.

use super::super::clock::Clock;
use super::super::collector::{Collector, KEY_SEPARATOR, Place};
use super::super::column::Column;
use super::super::delimited::time_words;
use super::super::lines::Lines;
use super::super::number::amount;
use super::super::role::{Role, may_hold_caches};
use super::super::time::DayOrder;
use super::super::unit::ValueUnit;
use super::super::{InputError, ReadOptions, Recording};
use super::for_each_line;
use super::listings::{beside, reads_beside, with_swap};
use super::times::Times;
use std::io::BufRead;

const KIB: ValueUnit = ValueUnit::Bytes(1_024.0);

/// What lies in swap, as sar calls it.
const SWAP: &str = "kbswpused";

/// Whether a line is a header of `sar -r` or `pidstat -r`.
pub(super) fn is_header(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let has = |name: &str| words.contains(&name);
    // A list of names between semicolons is `sadf`'s and a table.
    has("kbmemused") && has("kbmemfree") || has("VSZ") && has("RSS") && has("minflt/s")
}

/// Whether a line is a header of `sar -S`.
fn is_swap_header(line: &str) -> bool {
    line.contains("kbswpused") && line.contains("kbswpfree")
}

/// Memory of the kernel beside what is used, as `sar -r ALL` tells it; part of the first may be
/// caches.
const OF_THE_KERNEL: [&str; 4] = ["kbslab", "kbkstack", "kbpgtbl", "kbvmused"];

/// Whether a line is the second header of `vmstat`.
pub(super) fn is_vmstat_header(line: &str) -> bool {
    let mut words = line.split_whitespace();
    words.next() == Some("r") && words.next() == Some("b") && words.next() == Some("swpd")
}

/// The columns of a header, counted behind the time.
#[derive(Debug, Clone)]
struct Header {
    /// Words of the time before the columns.
    time_words: usize,
    value: usize,
    pid: Option<usize>,
    command: Option<usize>,
    /// Places of [`OF_THE_KERNEL`].
    of_the_kernel: [Option<usize>; OF_THE_KERNEL.len()],
    is_of_swap: bool,
    columns: usize,
}

impl Header {
    fn of(line: &str) -> Self {
        let line = line.trim_start_matches('#').trim_start();
        let words: Vec<&str> = line.split_whitespace().collect();
        // `17:47:26 PM UID …`, or `Time UID …`.
        let time_words = match words.get(1) {
            Some(&("AM" | "PM")) => 2,
            _ => 1,
        };
        let of = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            at.checked_sub(time_words)
        };
        Self {
            time_words,
            value: ["kbmemused", "RSS", "kbswpused"]
                .into_iter()
                .find_map(of)
                .unwrap_or(0),
            of_the_kernel: OF_THE_KERNEL.map(of),
            is_of_swap: is_swap_header(line),
            pid: of("PID"),
            command: of("Command"),
            columns: words.len().saturating_sub(time_words),
        }
    }
}

/// Reads `pidstat -r` and `sar -r`.
pub(super) fn read<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut collector = with_swap("RSS", SWAP, Some(KIB), Role::Used);
    let before_kernel = collector.columns.len();
    if reads_beside(options) {
        let of_the_kernel = |name| Column {
            holds_caches: may_hold_caches(name),
            ..beside(name, Some(KIB))
        };
        collector.columns.extend(OF_THE_KERNEL.map(of_the_kernel));
    }
    collector.key_names = vec![String::new()];
    // What lies in swap may follow in a listing of its own, whose times begin anew.
    let clock = || Clock::new(options.time_unit, DayOrder::default());
    let (mut clock, mut swap_clock) = (clock(), clock());
    let mut swap: Vec<(f64, f64)> = Vec::new();
    let mut header: Option<Header> = None;
    let mut restarted = false;
    let mut is_sar = false;
    for_each_line(lines, |line, number| {
        if is_header(line) || is_swap_header(line) {
            is_sar |= line.contains("kbmemused");
            header = Some(Header::of(line));
            return Ok(());
        }
        if line.contains("LINUX RESTART") || line.contains("LINUX-RESTART") {
            restarted = true;
            return Ok(());
        }
        let Some(header) = &header else {
            return Ok(());
        };
        let words: Vec<&str> = line.split_whitespace().collect();
        if words
            .first()
            .is_none_or(|word| !word.starts_with(|c: char| c.is_ascii_digit()))
        {
            return Ok(());
        }
        let in_time = match words.get(1) {
            Some(&("AM" | "PM")) => 2,
            _ => time_words(line.as_bytes()).clamp(1, 2),
        };
        let in_time = if in_time == 2 && !matches!(words[1], "AM" | "PM") {
            1
        } else {
            in_time
        };
        let fields = &words[in_time.min(words.len())..];
        if fields.len() < header.columns.max(header.value + 1) || header.time_words == 0 {
            return Ok(());
        }
        let time = words[..in_time].join(" ");
        let clock = match header.is_of_swap {
            true => &mut swap_clock,
            false => &mut clock,
        };
        let Some(seconds) = clock.seconds(time.as_bytes(), false) else {
            return Ok(());
        };
        let number_at = |at: usize| {
            let amount = amount(fields.get(at)?.as_bytes(), true)?;
            Some(amount.number)
        };
        if header.is_of_swap {
            swap.extend(number_at(header.value).map(|used| (seconds, used * KIB.factor())));
            return Ok(());
        }
        let (command, pid) = match (header.pid, header.command) {
            (Some(pid), Some(command)) => (fields[command..].join(" "), fields[pid]),
            _ => (String::new(), ""),
        };
        if !is_wanted(&format!("{command} ({pid})"), options) {
            return Ok(());
        }
        let key = format!("{command}{KEY_SEPARATOR}{pid}");
        let series = collector.series_of(key.as_bytes(), || key.clone())?;
        collector.row(series, seconds, number, time.as_bytes())?;
        if std::mem::take(&mut restarted) {
            collector.restart(series);
        }
        let place = Place {
            line: number,
            column: if is_sar { "kbmemused" } else { "RSS" },
        };
        collector.field(series, 0, fields[header.value].as_bytes(), place)?;
        for (column, at) in (before_kernel..collector.columns.len()).zip(header.of_the_kernel) {
            if let Some(value) = at.and_then(number_at) {
                collector.value(series, column, value * KIB.factor());
            }
        }
        Ok(())
    })?;
    if header.is_none() {
        return Err(InputError::NotASeries(
            "this is of sysstat, but holds no memory; make it with: sar -r 10, or pidstat -r -p PID 10"
                .to_owned(),
        ));
    }
    if is_sar {
        collector.columns[0].name = "kbmemused".to_owned();
        collector.values_at(1, &swap);
    }
    let lives = collector.join_processes();
    Ok(Recording {
        read_as: Some(match is_sar {
            true => "sar: kbmemused in KiB, of the whole machine".to_owned(),
            false => format!("pidstat: RSS in KiB{lives}"),
        }),
        tables: with_what_is_there(collector)?,
    })
}

/// Whether a series is one that `--only` asks for: by process number, command, or its name.
pub(super) fn is_wanted(name: &str, options: &ReadOptions) -> bool {
    options.only.iter().all(|(column, text)| {
        let (command, pid) = name.rsplit_once(" (").map_or((name, ""), |(command, pid)| {
            (command, pid.trim_end_matches(')'))
        });
        match column.to_ascii_lowercase().as_str() {
            "pid" => pid == text,
            "command" | "cmd" | "comm" | "name" => command == text,
            _ => name == text,
        }
    })
}

/// The tables of a collector that has some.
pub(super) fn not_empty(collector: Collector) -> Result<Vec<super::super::Table>, InputError> {
    if collector.len() == 0 {
        return Err(InputError::NoRows);
    }
    collector.finish(true, &[])
}

/// As [`not_empty`], without the columns of which nothing was read.
pub(super) fn with_what_is_there(
    collector: Collector,
) -> Result<Vec<super::super::Table>, InputError> {
    if collector.len() == 0 {
        return Err(InputError::NoRows);
    }
    collector.finish(false, &[])
}

/// Reads `vmstat`, with `-t` or at regular times.
pub(super) fn read_vmstat<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    // Free memory alone falls while the kernel caches files; with what it gives back it does not.
    const NAME: &str = "free+buff+cache";
    let unit = options.unit.unwrap_or(KIB);
    let mut collector = with_swap(NAME, "swpd", Some(unit), Role::Free);
    collector.total_bytes = options.total_bytes;
    let mut times = Times::new(options);
    let mut header: Vec<String> = Vec::new();
    for_each_line(lines, |line, number| {
        if is_vmstat_header(line) {
            header = line.split_whitespace().map(str::to_owned).collect();
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let place = |name: &str| header.iter().position(|word| word == name);
        // The names of the columns are those of the user's language; their order is not.
        const COLUMNS: [usize; 4] = [2, 3, 4, 5];
        let is_of_activity = header.iter().any(|name| name.starts_with("inac"));
        let number_at = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
        let [swap, Some(free), Some(buff), Some(cache)] = COLUMNS.map(number_at) else {
            return Ok(());
        };
        let Some(last) = place("id").filter(|_| !is_of_activity) else {
            return Ok(());
        };
        // The time stands at the end, under the name of its zone.
        let stamp = words
            .iter()
            .skip(last + 1)
            .position(|word| word.contains('-'));
        if let Some(at) = stamp {
            times.take(&words[last + 1 + at..].join(" "));
        }
        times.begin_block();
        let (seconds, _) = times.now("vmstat without -t has lines")?;
        let series = collector.series_of(b"", String::new)?;
        let swap = swap.unwrap_or(f64::NAN);
        collector.push(series, seconds, number, &[free + buff + cache, swap])
    })?;
    Ok(Recording {
        read_as: Some(
            "vmstat: free, buff and cache in KiB, which the kernel gives to whoever needs them"
                .to_owned(),
        ),
        tables: not_empty(collector)?,
    })
}
