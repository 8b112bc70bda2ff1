//! Tables that tools print again and again: `ps`, `top`, `smem`, `docker stats`, `free`; and
//! files of `/proc` and of cgroups, read in a loop.

use super::super::collector::{Collector, KEY_SEPARATOR, Place};
use super::super::column::Column;
use super::super::lines::Lines;
use super::super::number::amount;
use super::super::quote;
use super::super::role::Role;
use super::super::unit::ValueUnit;
use super::super::{InputError, ReadOptions, Recording};
use super::for_each_line;
use super::sysstat::{is_wanted, not_empty, with_what_is_there};
use super::times::Times;
use super::{free, loops};
use std::io::BufRead;

const KIB: ValueUnit = ValueUnit::Bytes(1_024.0);

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::foreign) enum Kind {
    Ps,
    Top,
    Smem,
    Docker,
    Free,
    /// `VmRSS: 3224 kB` out of `/proc/PID/status`.
    Status,
    /// `Pss: 3224 kB` out of `/proc/PID/smaps_rollup`.
    Rollup,
    /// `/proc/meminfo`.
    Meminfo,
    /// `memory.stat` of a cgroup, version 2 or 1.
    MemoryStat,
    /// `kubectl top`, `redis-cli info`, `jstat`.
    Loop(loops::Kind),
}

/// The kind of listing that these lines are.
pub(super) fn recognise(lines: &[&str]) -> Option<Kind> {
    let any = |is: &dyn Fn(&str) -> bool| lines.iter().any(|line| is(line));
    let words = |line: &str, wanted: &[&str]| {
        let all: Vec<&str> = line.split_whitespace().collect();
        !line.contains([',', ';']) && wanted.iter().all(|word| all.contains(word))
    };
    if any(&|line| words(line, &["PID", "RES", "%MEM"])) {
        return Some(Kind::Top);
    }
    if any(&|line| words(line, &["PID", "USS", "PSS"])) {
        return Some(Kind::Smem);
    }
    if any(&|line| words(line, &["PID", "RSS"])) || any(&|line| line.trim() == "RSS") {
        return Some(Kind::Ps);
    }
    if any(&|line| line.contains("MEM USAGE / LIMIT")) {
        return Some(Kind::Docker);
    }
    if free::recognise(lines) {
        return Some(Kind::Free);
    }
    if let Some(kind) = loops::recognise(lines) {
        return Some(Kind::Loop(kind));
    }
    let names = |name: &str| any(&|line| line_value(line, name).is_some());
    if names("VmRSS:") {
        return Some(Kind::Status);
    }
    if names("MemTotal:") && names("MemAvailable:") {
        return Some(Kind::Meminfo);
    }
    if names("Pss:") && names("Rss:") {
        return Some(Kind::Rollup);
    }
    let is_stat = |name: &str| {
        any(&|line| {
            let mut words = line.split(' ');
            words.next() == Some(name)
                && words
                    .next()
                    .is_some_and(|value| value.parse::<u64>().is_ok())
                && words.next().is_none()
        })
    };
    (is_stat("anon") && is_stat("file") || is_stat("rss") && is_stat("cache"))
        .then_some(Kind::MemoryStat)
}

/// What stands behind a name in a line; a time may stand before it.
fn line_value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let at = line.find(name)?;
    let is_own_word = at == 0 || line[..at].ends_with(char::is_whitespace);
    let rest = line[at + name.len()..].trim();
    (is_own_word && rest.starts_with(|c: char| c.is_ascii_digit())).then_some(rest)
}

/// Reads a listing.
pub(super) fn read<R: BufRead>(
    kind: Kind,
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    match kind {
        Kind::Ps => read_table(&PS, lines, options),
        Kind::Top => read_table(&TOP, lines, options),
        Kind::Smem => read_table(&SMEM, lines, options),
        Kind::Docker => read_docker(lines, options),
        Kind::Free => free::read(lines, options),
        Kind::Status => read_named("VmRSS:", &STATUS, lines, options),
        Kind::Rollup => read_named("Pss:", &ROLLUP, lines, options),
        Kind::Meminfo => read_meminfo(lines, options),
        Kind::MemoryStat => read_memory_stat(lines, options),
        Kind::Loop(kind) => loops::read(kind, lines, options),
    }
}

/// A listing with a header and a row per process.
struct Listing {
    what: &'static str,
    read_as: &'static str,
    value: &'static str,
    /// What lies in swap, where the tool says it.
    swap: &'static str,
    /// Columns of text, whose fields may hold blanks.
    texts: &'static [&'static str],
}

const PS: Listing = Listing {
    what: "the lines of ps come",
    read_as: "ps: RSS in KiB",
    value: "RSS",
    swap: "SWAP",
    texts: &["COMMAND", "CMD", "ARGS", "COMM"],
};

const TOP: Listing = Listing {
    what: "the lines of top come",
    read_as: "top: RES in KiB",
    value: "RES",
    swap: "SWAP",
    texts: &["COMMAND"],
};

const SMEM: Listing = Listing {
    what: "the lines of smem come",
    read_as: "smem: PSS in KiB",
    value: "PSS",
    swap: "Swap",
    texts: &["Command"],
};

/// Where the fields of a row stand: counted from the left before the column of text, from the
/// right behind it.
struct Columns {
    names: Vec<String>,
    text: Option<usize>,
}

impl Columns {
    fn place(&self, name: &str, fields: usize) -> Option<usize> {
        let at = self.names.iter().position(|n| n == name)?;
        match self.text {
            Some(text) if at > text => (fields + at).checked_sub(self.names.len()),
            _ => Some(at),
        }
    }

    /// The text column of a row.
    fn text_of(&self, fields: &[&str]) -> Option<String> {
        let start = self.text?;
        let behind = self.names.len() - 1 - start;
        let end = fields.len().checked_sub(behind)?;
        Some(fields.get(start..end)?.join(" "))
    }
}

fn read_table<R: BufRead>(
    listing: &Listing,
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let unit = options.unit.unwrap_or(KIB);
    let mut collector = with_swap(listing.value, listing.swap, Some(unit), Role::Used);
    let mut times = Times::new(options);
    let mut columns: Option<Columns> = None;
    for_each_line(lines, |line, number| {
        if let Some(rest) = line.strip_prefix("top - ") {
            times.take(rest.split_whitespace().next().unwrap_or(""));
            columns = None;
            return Ok(());
        }
        if times.take_line(line) {
            return Ok(());
        }
        let line = times.take_prefix(line);
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.contains(&listing.value) && !words.iter().any(|w| w.parse::<f64>().is_ok()) {
            times.begin_block();
            let text = words.iter().position(|word| listing.texts.contains(word));
            columns = Some(Columns {
                names: words.iter().map(|word| (*word).to_owned()).collect(),
                text,
            });
            return Ok(());
        }
        let Some(columns) = &columns else {
            return Ok(());
        };
        if words.len() < columns.names.len() {
            return Ok(());
        }
        let field = |name: &str| {
            let at = columns.place(name, words.len())?;
            words.get(at).copied()
        };
        let Some(value) = field(listing.value) else {
            return Ok(());
        };
        if amount(value.as_bytes(), false).is_none() {
            return Ok(());
        }
        let command = quote::escaped(columns.text_of(&words).unwrap_or_default().as_bytes());
        let pid = quote::escaped(field("PID").unwrap_or_default().as_bytes());
        if !is_wanted(&format!("{command} ({pid})"), options) {
            return Ok(());
        }
        let key = format!("{command}{KEY_SEPARATOR}{pid}");
        let (seconds, stamp) = times.now(listing.what)?;
        let stamp = stamp.to_owned();
        let series = collector.series_of(key.as_bytes(), || key.clone())?;
        collector.row(series, seconds, number, stamp.as_bytes())?;
        let place = Place {
            line: number,
            column: listing.value,
        };
        collector.field(series, 0, value.as_bytes(), place)?;
        match field(listing.swap) {
            Some(swap) if amount(swap.as_bytes(), false).is_some() => {
                collector.field(series, 1, swap.as_bytes(), place)
            }
            _ => Ok(()),
        }
    })?;
    let lives = collector.join_processes();
    Ok(Recording {
        read_as: Some(format!("{}{lives}", listing.read_as)),
        tables: not_empty(collector)?,
    })
}

/// A collector of what is resident and of what lies in swap beside it.
pub(super) fn with_swap(value: &str, swap: &str, unit: Option<ValueUnit>, role: Role) -> Collector {
    let mut collector = Collector::new(vec![
        Column::new(value, unit, role),
        Column::new(swap, unit, Role::Used),
    ]);
    collector.joins_swap = true;
    collector
}

fn read_docker<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut columns = vec![Column::new("MEM USAGE", None, Role::Used)];
    if reads_beside(options) {
        columns.push(beside("PIDS", Some(ValueUnit::Count)));
    }
    let counts = columns.len() > 1;
    let mut collector = Collector::new(columns);
    collector.key_names = vec![String::new()];
    let mut times = Times::new(options);
    let mut names: Vec<String> = Vec::new();
    let parts = |line: &str| -> Vec<String> {
        line.split("  ")
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    for_each_line(lines, |line, number| {
        if times.take_line(line) {
            return Ok(());
        }
        let line = times.take_prefix(line);
        if line.contains("MEM USAGE / LIMIT") {
            times.begin_block();
            names = parts(line);
            return Ok(());
        }
        let fields = parts(line);
        let of = |name: &str| {
            let at = names.iter().position(|n| n == name)?;
            fields.get(at).cloned()
        };
        let Some(memory) = of("MEM USAGE / LIMIT").filter(|_| fields.len() == names.len()) else {
            return Ok(());
        };
        let id = of("CONTAINER ID").unwrap_or_default();
        let name = of("NAME").unwrap_or_else(|| id.clone());
        let name = quote::escaped(name.as_bytes());
        let is_wanted = options.only.iter().all(|(_, text)| *text == name);
        if !is_wanted || memory.starts_with("--") {
            return Ok(());
        }
        let (seconds, stamp) = times.now("the lines of docker stats come")?;
        let stamp = stamp.to_owned();
        let series = collector.series_of(name.as_bytes(), || name.clone())?;
        collector.row(series, seconds, number, stamp.as_bytes())?;
        let place = Place {
            line: number,
            column: "MEM USAGE",
        };
        collector.life(series, id.as_bytes());
        collector.field(series, 0, memory.as_bytes(), place)?;
        match of("PIDS") {
            Some(pids) if counts => collector.field(series, 1, pids.as_bytes(), place),
            _ => Ok(()),
        }
    })?;
    let tables = with_what_is_there(collector)?;
    let lives = match tables.iter().any(|table| !table.restarts.is_empty()) {
        true => "; lives by `CONTAINER ID`",
        false => "",
    };
    Ok(Recording {
        read_as: Some(format!("docker stats: MEM USAGE{lives}")),
        tables,
    })
}

/// A file of named lines, one of which is the value.
struct Named {
    what: &'static str,
    read_as: &'static str,
    column: &'static str,
    swap: &'static str,
}

const STATUS: Named = Named {
    what: "the lines of /proc/PID/status come",
    read_as: "/proc/PID/status: VmRSS in KiB",
    column: "VmRSS",
    swap: "VmSwap",
};

const ROLLUP: Named = Named {
    what: "the lines of smaps_rollup come",
    read_as: "/proc/PID/smaps_rollup: Pss in KiB",
    column: "Pss",
    swap: "SwapPss",
};

fn read_named<R: BufRead>(
    name: &str,
    named: &Named,
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut collector = with_swap(named.column, named.swap, Some(KIB), Role::Used);
    if reads_beside(options) {
        let threads = beside("Threads", Some(ValueUnit::Count));
        collector.columns.push(threads);
    }
    let threads = collector.columns.len() - 1;
    let mut times = Times::new(options);
    let mut pid = String::new();
    let of_swap = format!("{}:", named.swap);
    for_each_line(lines, |line, number| {
        if let Some(value) = line_value(line, "Pid:") {
            pid = value.to_owned();
        }
        if let Some(value) = line_value(line, &of_swap) {
            // It stands behind what is resident.
            if collector.len() > 0
                && let Some(amount) = amount(value.as_bytes(), false)
            {
                collector.value(0, 1, amount.number * KIB.factor());
            }
            return Ok(());
        }
        if let Some(count) = line_value(line, "Threads:") {
            // So does this.
            let count = amount(count.as_bytes(), false).filter(|_| threads > 1);
            if let Some(count) = count.filter(|_| collector.len() > 0) {
                collector.value(0, threads, count.number);
            }
            return Ok(());
        }
        let Some(value) = line_value(line, name) else {
            times.take_line(line);
            return Ok(());
        };
        times.take_prefix(line);
        times.begin_block();
        let (seconds, stamp) = times.now(named.what)?;
        let stamp = stamp.to_owned();
        let series = collector.series_of(b"", String::new)?;
        collector.row(series, seconds, number, stamp.as_bytes())?;
        collector.life(series, pid.as_bytes());
        let place = Place {
            line: number,
            column: named.column,
        };
        collector.field(series, 0, value.as_bytes(), place)
    })?;
    Ok(Recording {
        read_as: Some(named.read_as.to_owned()),
        tables: with_what_is_there(collector)?,
    })
}

fn read_meminfo<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    const NAME: &str = "MemTotal - MemAvailable";
    let mut collector = with_swap(NAME, "swap used", Some(KIB), Role::Used);
    let mut times = Times::new(options);
    let (mut total, mut swap) = (f64::NAN, f64::NAN);
    let kib = |text: &str| {
        text.split(' ')
            .next()
            .and_then(|word| word.parse::<f64>().ok())
    };
    for_each_line(lines, |line, number| {
        if let Some(value) = line_value(line, "MemTotal:") {
            total = kib(value).unwrap_or(f64::NAN);
            times.take_prefix(line);
            return Ok(());
        }
        if let Some(value) = line_value(line, "SwapTotal:").and_then(kib) {
            swap = value;
        }
        if let Some(left) = line_value(line, "SwapFree:").and_then(kib)
            && collector.len() > 0
        {
            collector.value(0, 1, (swap - left).max(0.0) * KIB.factor());
        }
        let Some(available) = line_value(line, "MemAvailable:").and_then(kib) else {
            times.take_line(line);
            return Ok(());
        };
        times.begin_block();
        let (seconds, _) = times.now("the lines of /proc/meminfo come")?;
        let series = collector.series_of(b"", String::new)?;
        collector.push(series, seconds, number, &[(total - available).max(0.0)])
    })?;
    Ok(Recording {
        read_as: Some("/proc/meminfo: MemTotal less MemAvailable, of the whole machine".to_owned()),
        tables: not_empty(collector)?,
    })
}

/// Memory that a control group holds beside its anonymous memory, and that nobody can reclaim.
const OF_A_GROUP: [&str; 8] = [
    "shmem",
    "slab_unreclaimable",
    "sock",
    "pagetables",
    "sec_pagetables",
    "percpu",
    "kernel_stack",
    "vmalloc",
];

/// Whether what stands beside the memory is asked for.
pub(super) fn reads_beside(options: &ReadOptions) -> bool {
    options.counts_beside && options.values.is_empty()
}

/// A column beside the memory that is judged.
pub(super) fn beside(name: &str, unit: Option<ValueUnit>) -> Column {
    Column {
        is_beside: true,
        ..Column::new(name, unit, Role::Used)
    }
}

fn read_memory_stat<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let bytes = Some(ValueUnit::Bytes(1.0));
    let mut columns = vec![
        Column::new("anon", bytes, Role::Used),
        Column::new("swap", bytes, Role::Used),
    ];
    if reads_beside(options) {
        columns.extend(OF_A_GROUP.map(|name| beside(name, bytes)));
    }
    let mut collector = Collector::new(columns);
    collector.joins_swap = true;
    let mut times = Times::new(options);
    let mut is_old = false;
    for_each_line(lines, |line, number| {
        if times.take_line(line) {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let (name, value) = (words.next(), words.next());
        let Some(value) = value.and_then(|value| value.parse::<f64>().ok()) else {
            return Ok(());
        };
        // Version 1 calls anonymous memory `rss`.
        let is_value = match name {
            Some("anon") => true,
            Some("rss") => {
                is_old = true;
                true
            }
            _ => false,
        };
        if !is_value {
            // All others stand behind it.
            let columns = &collector.columns;
            let column = columns
                .iter()
                .position(|column| Some(&*column.name) == name);
            if let Some(column) = column.filter(|_| collector.len() > 0) {
                collector.value(0, column, value);
            }
            return Ok(());
        }
        times.begin_block();
        let (seconds, _) = times.now("the lines of memory.stat come")?;
        let series = collector.series_of(b"", String::new)?;
        collector.push(series, seconds, number, &[value])
    })?;
    if is_old {
        collector.columns[0].name = "rss".to_owned();
    }
    let name = collector.columns[0].name.clone();
    Ok(Recording {
        read_as: Some(format!("memory.stat of a cgroup: {name} in bytes")),
        tables: with_what_is_there(collector)?,
    })
}
