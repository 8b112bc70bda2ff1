//! Further tools whose output people keep in a loop: `kubectl top`, `redis-cli info memory`,
//! `jstat`.

use super::super::collector::{Collector, Place};
use super::super::column::Column;
use super::super::lines::Lines;
use super::super::number::amount;
use super::super::quote;
use super::super::role::Role;
use super::super::unit::ValueUnit;
use super::super::{InputError, ReadOptions, Recording};
use super::for_each_line;
use super::sysstat::not_empty;
use super::times::Times;
use std::io::BufRead;

const BYTES: ValueUnit = ValueUnit::Bytes(1.0);
const KIB: ValueUnit = ValueUnit::Bytes(1_024.0);

/// What is printed in a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::foreign) enum Kind {
    /// `kubectl top pod`, with containers and namespaces or without, and `kubectl top node`.
    KubectlTop,
    /// `redis-cli info` or `info memory`.
    Redis,
    /// `jstat -gc`.
    Jstat,
    /// `jstat -gcutil`.
    JstatUtil,
}

/// The tool that printed these lines.
pub(super) fn recognise(lines: &[&str]) -> Option<Kind> {
    if lines.iter().any(|line| is_jstat_header(line, "OU")) {
        return Some(Kind::Jstat);
    }
    if lines.iter().any(|line| is_jstat_header(line, "O")) {
        return Some(Kind::JstatUtil);
    }
    if lines
        .iter()
        .any(|line| redis_figure(line, "used_memory").is_some())
    {
        return Some(Kind::Redis);
    }
    let is_top = lines.iter().any(|line| line.contains("MEMORY(bytes)"))
        || lines
            .iter()
            .filter(|line| kubectl_row(line).is_some())
            .count()
            > 1;
    is_top.then_some(Kind::KubectlTop)
}

/// Reads what such a tool printed.
pub(super) fn read<R: BufRead>(
    kind: Kind,
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    match kind {
        Kind::KubectlTop => read_kubectl(lines, options),
        Kind::Redis => read_redis(lines, options),
        Kind::Jstat => read_jstat(
            "OU",
            Some(KIB),
            "jstat -gc: OU and MU, old generation and metaspace, in KiB",
            lines,
            options,
        ),
        Kind::JstatUtil => read_jstat(
            "O",
            Some(ValueUnit::Percent),
            "jstat -gcutil: O, the old generation, in percent of its size",
            lines,
            options,
        ),
    }
}

/// Name and memory of a row: `shop-1   5m   120Mi`, of a node `node-1   250m   6%   6025Mi   18%`.
fn kubectl_row(line: &str) -> Option<(String, &str)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (names, cpu, memory) = match &words[..] {
        [names @ .., cpu, cpu_share, memory, share]
            if cpu_share.ends_with('%') && share.ends_with('%') =>
        {
            (names, cpu, memory)
        }
        [names @ .., cpu, memory] => (names, cpu, memory),
        _ => return None,
    };
    let is_cpu = cpu.strip_suffix('m').unwrap_or(cpu).parse::<u64>().is_ok();
    let is_memory = ["Ki", "Mi", "Gi"].iter().any(|unit| {
        memory
            .strip_suffix(unit)
            .is_some_and(|digits| digits.parse::<u64>().is_ok())
    });
    let is_row = is_cpu && is_memory && (1..=3).contains(&names.len());
    is_row.then(|| (names.join(" "), *memory))
}

fn read_kubectl<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut collector = Collector::new(vec![Column::new("MEMORY", None, Role::Used)]);
    collector.key_names = vec![String::new()];
    let mut times = Times::new(options);
    let mut of_block: Vec<String> = Vec::new();
    for_each_line(lines, |line, number| {
        if times.take_line(line) {
            of_block.clear();
            times.begin_block();
            return Ok(());
        }
        let line = times.take_prefix(line);
        let Some((name, memory)) = kubectl_row(line) else {
            return Ok(());
        };
        let name = quote::escaped(name.as_bytes());
        // Without a time before it a block begins where a name comes again.
        if of_block.is_empty() || of_block.contains(&name) {
            of_block.clear();
            times.begin_block();
        }
        of_block.push(name.clone());
        if !options.only.iter().all(|(_, text)| *text == name) {
            return Ok(());
        }
        let (seconds, stamp) = times.now("the lines of kubectl top come")?;
        let stamp = stamp.to_owned();
        let series = collector.series_of(name.as_bytes(), || name.clone())?;
        collector.row(series, seconds, number, stamp.as_bytes())?;
        let place = Place {
            line: number,
            column: "MEMORY",
        };
        collector.field(series, 0, memory.as_bytes(), place)
    })?;
    // Whole MiB: the least difference is one.
    Ok(Recording {
        read_as: Some("kubectl top: MEMORY, the working set".to_owned()),
        tables: not_empty(collector)?,
    })
}

/// The figure of a line of `info`: `used_memory:1040880`.
fn redis_figure<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let value = line.trim().strip_prefix(name)?.strip_prefix(':')?;
    (!value.is_empty() && value.bytes().all(|b| b.is_ascii_digit())).then_some(value)
}

fn read_redis<R: BufRead>(lines: Lines<R>, options: &ReadOptions) -> Result<Recording, InputError> {
    let columns = ["used_memory", "used_memory_rss"];
    let column = |name: &str| Column::new(name, Some(BYTES), Role::Used);
    let mut collector = Collector::new(columns.iter().map(|name| column(name)).collect());
    let mut times = Times::new(options);
    let (mut run_id, mut uptime_s) = (String::new(), 0.0);
    let mut restarted = false;
    for_each_line(lines, |line, number| {
        if let Some(id) = line.trim().strip_prefix("run_id:") {
            restarted |= !run_id.is_empty() && run_id != id;
            run_id = id.to_owned();
        }
        if let Some(uptime) = redis_figure(line, "uptime_in_seconds") {
            let uptime: f64 = uptime.parse().unwrap_or(uptime_s);
            restarted |= uptime < uptime_s;
            uptime_s = uptime;
        }
        let figure = |name: &str| redis_figure(line, name)?.parse::<f64>().ok();
        if let Some(rss) = figure(columns[1]) {
            if collector.len() > 0 {
                collector.value(0, 1, rss);
            }
            return Ok(());
        }
        let Some(used) = figure(columns[0]) else {
            times.take_line(line);
            return Ok(());
        };
        times.begin_block();
        let (seconds, stamp) = times.now("the answers of redis come")?;
        let stamp = stamp.to_owned();
        let series = collector.series_of(b"", String::new)?;
        collector.row(series, seconds, number, stamp.as_bytes())?;
        collector.value(series, 0, used);
        if std::mem::take(&mut restarted) {
            collector.restart(series);
        }
        Ok(())
    })?;
    Ok(Recording {
        read_as: Some("redis info: used_memory and used_memory_rss in bytes".to_owned()),
        // An older server has no resident set.
        tables: collector.finish(false, &[])?,
    })
}

/// Whether a line is the header of `jstat` with that column of the old generation.
fn is_jstat_header(line: &str, old: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    ["YGC", "FGC", "GCT", old]
        .iter()
        .all(|name| words.contains(name))
}

fn read_jstat<R: BufRead>(
    old: &str,
    unit: Option<ValueUnit>,
    read_as: &str,
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut columns = vec![Column::new(old, unit, Role::Used)];
    // In percent metaspace is a share of what was taken for it, which says nothing.
    if unit == Some(KIB) {
        columns.push(Column::new("MU", unit, Role::Used));
    }
    let mut collector = Collector::new(columns);
    let mut times = Times::new(options);
    let mut header: Vec<String> = Vec::new();
    let mut grain = Column::new(old, unit, Role::Used);
    let (mut base_s, mut last_s, mut last_count) = (0.0, 0.0, 0.0);
    for_each_line(lines, |line, number| {
        if is_jstat_header(line, old) {
            header = line.split_whitespace().map(str::to_owned).collect();
            return Ok(());
        }
        if times.take_line(line) {
            return Ok(());
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let before = words.len().checked_sub(header.len());
        let Some(before) = before.filter(|_| !header.is_empty()) else {
            return Ok(());
        };
        let field = |name: &str| {
            let at = header.iter().position(|word| word == name)?;
            words.get(before + at).copied()
        };
        let number_of = |name: &str| {
            let read = amount(field(name)?.as_bytes(), true)?;
            Some(read.number)
        };
        let (Some(used), Some(count)) = (number_of(old), number_of("YGC")) else {
            return Ok(());
        };
        let mut restarted = count < last_count;
        last_count = count;
        if before > 0 {
            times.take(&words[..before].join(" "));
        }
        times.begin_block();
        let seconds = match number_of("Timestamp") {
            // Seconds since the machine was started, which begin anew with another one.
            Some(uptime_s) => {
                if base_s + uptime_s < last_s {
                    restarted = true;
                    base_s = last_s;
                }
                last_s = base_s + uptime_s;
                last_s
            }
            None => times.now("the lines of jstat without -t come")?.0,
        };
        let series = collector.series_of(b"", String::new)?;
        collector.push(series, seconds, number, &[used])?;
        if let Some(metaspace) = number_of("MU").filter(|_| unit == Some(KIB)) {
            collector.value(series, 1, metaspace * KIB.factor());
        }
        if let Some(text) = field(old) {
            grain.look_at(text.as_bytes(), true);
        }
        if restarted {
            collector.restart(series);
        }
        Ok(())
    })?;
    collector.columns[0].grain = grain.grain;
    Ok(Recording {
        read_as: Some(read_as.to_owned()),
        tables: collector.finish(false, &[])?,
    })
}
