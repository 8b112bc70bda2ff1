//! Tables that tools print again and again: `ps`, `top`, `smem`, `docker stats`, `free`; and
//! files of `/proc` and of cgroups, read in a loop.

use super::super::collector::{Collector, Column, Place};
use super::super::columns::Role;
use super::super::lines::Lines;
use super::super::number::amount;
use super::super::quote;
use super::super::unit::ValueUnit;
use super::super::{InputError, ReadOptions, Recording};
use super::for_each_line;
use super::sysstat::{is_wanted, not_empty};
use super::times::Times;
use std::io::BufRead;

const KIB: ValueUnit = ValueUnit::Bytes(1_024.0);
const MIB: f64 = 1_048_576.0;

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
    if any(&|line| line.starts_with("Mem:")) && any(&|line| words(line, &["total", "used"])) {
        return Some(Kind::Free);
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
        Kind::Free => read_free(lines, options),
        Kind::Status => read_named("VmRSS:", &STATUS, lines, options),
        Kind::Rollup => read_named("Pss:", &ROLLUP, lines, options),
        Kind::Meminfo => read_meminfo(lines, options),
        Kind::MemoryStat => read_memory_stat(lines, options),
    }
}

/// A listing with a header and a row per process.
struct Listing {
    what: &'static str,
    read_as: &'static str,
    value: &'static str,
    /// Columns of text, whose fields may hold blanks.
    texts: &'static [&'static str],
}

const PS: Listing = Listing {
    what: "the lines of ps come",
    read_as: "ps: RSS in KiB",
    value: "RSS",
    texts: &["COMMAND", "CMD", "ARGS", "COMM"],
};

const TOP: Listing = Listing {
    what: "the lines of top come",
    read_as: "top: RES in KiB",
    value: "RES",
    texts: &["COMMAND"],
};

const SMEM: Listing = Listing {
    what: "the lines of smem come",
    read_as: "smem: PSS in KiB",
    value: "PSS",
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
    let mut collector = Collector::new(vec![Column::new(listing.value, Some(unit), Role::Used)]);
    collector.key_names = vec![String::new()];
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
        let key = match (columns.text_of(&words), field("PID")) {
            (Some(command), Some(pid)) => format!("{command} ({pid})"),
            (Some(text), None) => text,
            (None, Some(pid)) => format!("process {pid}"),
            (None, None) => String::new(),
        };
        let key = quote::escaped(key.as_bytes());
        if !is_wanted(&key, options) {
            return Ok(());
        }
        let (seconds, stamp) = times.now(listing.what)?;
        let stamp = stamp.to_owned();
        let series = collector.series_of(key.as_bytes(), || key.clone())?;
        collector.row(series, seconds, number, stamp.as_bytes())?;
        let place = Place {
            line: number,
            column: listing.value,
        };
        collector.field(series, 0, value.as_bytes(), place)
    })?;
    Ok(Recording {
        read_as: Some(listing.read_as.to_owned()),
        tables: not_empty(collector)?,
    })
}

fn read_docker<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut collector = Collector::new(vec![Column::new("MEM USAGE", None, Role::Used)]);
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
        let name = of("NAME")
            .or_else(|| of("CONTAINER ID"))
            .unwrap_or_default();
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
        collector.field(series, 0, memory.as_bytes(), place)
    })?;
    Ok(Recording {
        read_as: Some("docker stats: MEM USAGE".to_owned()),
        tables: not_empty(collector)?,
    })
}

/// The unit that `free` printed in, by the memory that a machine can have.
fn unit_of_free(total: f64) -> Option<f64> {
    const LEAST_MACHINE: f64 = 256.0;
    if total >= 2_147_483_648.0 {
        // As KiB it would be 2 TiB.
        Some(1.0)
    } else if total >= MIB {
        Some(1_024.0)
    } else if (LEAST_MACHINE..262_144.0).contains(&total) {
        // 256 MiB to 256 GiB; as KiB no machine has that little.
        Some(MIB)
    } else {
        None
    }
}

fn read_free<R: BufRead>(lines: Lines<R>, options: &ReadOptions) -> Result<Recording, InputError> {
    let mut collector = Collector::new(vec![Column::new("used", options.unit, Role::Used)]);
    let mut times = Times::new(options);
    let mut header: Vec<String> = Vec::new();
    let mut said = None;
    let mut pending: Option<(f64, f64, String, u64)> = None;
    let flush = |pending: &mut Option<(f64, f64, String, u64)>,
                 collector: &mut Collector|
     -> Result<(), InputError> {
        let Some((seconds, used, stamp, number)) = pending.take() else {
            return Ok(());
        };
        let series = collector.series_of(b"", String::new)?;
        collector.row(series, seconds, number, stamp.as_bytes())?;
        collector.value(series, 0, used);
        Ok(())
    };
    for_each_line(lines, |line, number| {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.first() == Some(&"total") {
            flush(&mut pending, &mut collector)?;
            times.begin_block();
            header = words.iter().map(|word| (*word).to_owned()).collect();
            return Ok(());
        }
        if line.starts_with("-/+ buffers/cache:") {
            // Before procps 3.3.10 `used` held the caches; this line does not.
            let without = words.get(2).and_then(|word| amount(word.as_bytes(), false));
            if let (Some(pending), Some(without), Some(factor)) = (&mut pending, without, said) {
                pending.1 = without.number * factor;
            }
            return Ok(());
        }
        if !line.starts_with("Mem:") {
            times.take_line(line);
            return Ok(());
        }
        let value = |name: &str| {
            let at = header.iter().position(|word| word == name)?;
            amount(words.get(at + 1)?.as_bytes(), false)
        };
        let (Some(total), Some(used)) = (value("total"), value("used")) else {
            return Ok(());
        };
        let factor = match (used.unit, options.unit) {
            (Some(unit), _) => unit.factor(),
            (None, Some(unit)) => unit.factor(),
            (None, None) => unit_of_free(total.number).ok_or_else(|| {
                InputError::NotASeries(format!(
                    "free says {} in all and not in what; say --unit B, KiB, MiB or GiB",
                    total.number
                ))
            })?,
        };
        said = Some(factor);
        let (seconds, stamp) = times.now("the lines of free come")?;
        pending = Some((seconds, used.number * factor, stamp.to_owned(), number));
        Ok(())
    })?;
    flush(&mut pending, &mut collector)?;
    // The readings are bytes by now.
    collector.columns[0].unit = Some(ValueUnit::Bytes(1.0));
    let unit = match said {
        Some(1_024.0) => "used in KiB",
        Some(MIB) => "used in MiB",
        _ => "used",
    };
    Ok(Recording {
        read_as: Some(format!("free: {unit}, of the whole machine")),
        tables: not_empty(collector)?,
    })
}

/// A file of named lines, one of which is the value.
struct Named {
    what: &'static str,
    read_as: &'static str,
    column: &'static str,
}

const STATUS: Named = Named {
    what: "the lines of /proc/PID/status come",
    read_as: "/proc/PID/status: VmRSS in KiB",
    column: "VmRSS",
};

const ROLLUP: Named = Named {
    what: "the lines of smaps_rollup come",
    read_as: "/proc/PID/smaps_rollup: Pss in KiB",
    column: "Pss",
};

fn read_named<R: BufRead>(
    name: &str,
    named: &Named,
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut collector = Collector::new(vec![Column::new(named.column, Some(KIB), Role::Used)]);
    let mut times = Times::new(options);
    let mut pid = String::new();
    for_each_line(lines, |line, number| {
        if let Some(value) = line_value(line, "Pid:") {
            pid = value.to_owned();
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
        tables: not_empty(collector)?,
    })
}

fn read_meminfo<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    const NAME: &str = "MemTotal - MemAvailable";
    let mut collector = Collector::new(vec![Column::new(NAME, Some(KIB), Role::Used)]);
    let mut times = Times::new(options);
    let mut total = f64::NAN;
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

fn read_memory_stat<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let bytes = Some(ValueUnit::Bytes(1.0));
    let mut collector = Collector::new(vec![Column::new("anon", bytes, Role::Used)]);
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
    let name = &collector.columns[0].name;
    Ok(Recording {
        read_as: Some(format!("memory.stat of a cgroup: {name} in bytes")),
        tables: not_empty(collector)?,
    })
}
