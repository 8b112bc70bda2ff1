//! What tools print in a loop, and logs: recognised by their lines.

mod collectors;
mod free;
mod listings;
mod loops;
mod profiles;
mod sysstat;
mod times;

use super::lines::Lines;
use super::{InputError, ReadOptions, Recording};
use std::io::BufRead;

/// A tool whose output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// `pidstat -r` and `sar -r`, as text.
    Sysstat,
    Vmstat,
    /// `free`, `top -b`, `ps`, `smem`, `docker stats`, `kubectl top`, `jstat`, `redis-cli info`,
    /// `/proc` files and `memory.stat`.
    Listing(listings::Kind),
    /// The unified log of a JVM.
    Jvm,
    /// The log of a JVM before 9.
    OldJvm,
    NodeGc,
    GoGc,
    Massif,
    Heaptrack,
    Mprof,
    /// `promtool query range`.
    Promtool,
}

/// The tool that wrote these lines.
pub(super) fn recognise(lines: &[&[u8]]) -> Option<Tool> {
    let texts: Vec<&str> = lines
        .iter()
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    let any = |is: fn(&str) -> bool| texts.iter().any(|line| is(line));
    let first = texts.first().copied().unwrap_or("");
    if first.starts_with("Linux ") && first.trim_end().ends_with("CPU)") || any(sysstat::is_header)
    {
        return Some(Tool::Sysstat);
    }
    if any(sysstat::is_vmstat_header) {
        return Some(Tool::Vmstat);
    }
    if first.starts_with("desc:") && any(|line| line.starts_with("time_unit:"))
        || any(|line| line.starts_with("mem_heap_B="))
    {
        return Some(Tool::Massif);
    }
    if first.starts_with("v ") && any(|line| line.starts_with("X ")) && any(|l| l.starts_with("I "))
    {
        return Some(Tool::Heaptrack);
    }
    if any(|line| line.starts_with("CMDLINE ")) && any(profiles::is_mprof_reading)
        || texts.len() > 1 && texts.iter().all(|line| profiles::is_mprof_reading(line))
    {
        return Some(Tool::Mprof);
    }
    if any(collectors::is_unified) {
        return Some(Tool::Jvm);
    }
    if any(collectors::is_old_jvm) {
        return Some(Tool::OldJvm);
    }
    if any(|line| collectors::node_reading(line).is_some()) {
        return Some(Tool::NodeGc);
    }
    if any(|line| collectors::go_reading(line).is_some()) {
        return Some(Tool::GoGc);
    }
    if any(|line| line.ends_with("} =>") || line == "{} =>") {
        return Some(Tool::Promtool);
    }
    listings::recognise(&texts).map(Tool::Listing)
}

/// Reads what a tool wrote.
pub(super) fn read<R: BufRead>(
    tool: Tool,
    source: R,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let lines = Lines::new(source);
    match tool {
        Tool::Sysstat => sysstat::read(lines, options),
        Tool::Vmstat => sysstat::read_vmstat(lines, options),
        Tool::Listing(kind) => listings::read(kind, lines, options),
        Tool::Jvm => collectors::read_unified(lines, options),
        Tool::OldJvm => collectors::read_old_jvm(lines, options),
        Tool::NodeGc => collectors::read_node(lines, options),
        Tool::GoGc => collectors::read_go(lines, options),
        Tool::Massif => profiles::read_massif(lines, options),
        Tool::Heaptrack => profiles::read_heaptrack(lines, options),
        Tool::Mprof => profiles::read_mprof(lines, options),
        Tool::Promtool => profiles::read_promtool(lines, options),
    }
}

/// Calls `each` with the text and the number of every line that has an end. A last line without
/// one may be torn; its number is the answer.
fn for_each_line<R: BufRead>(
    mut lines: Lines<R>,
    mut each: impl FnMut(&str, u64) -> Result<(), InputError>,
) -> Result<bool, InputError> {
    let mut torn = false;
    loop {
        let text = match lines.next()? {
            None => break,
            Some(line) => String::from_utf8_lossy(line).into_owned(),
        };
        torn = !lines.ended;
        // What a tool prints on a terminal may hold its control sequences.
        let text = without_controls(&text);
        if !torn && !text.trim().is_empty() {
            each(&text, lines.number)?;
        }
    }
    Ok(torn)
}

/// A line without the sequences that steer a terminal.
fn without_controls(text: &str) -> String {
    if !text.contains('\u{1b}') {
        return text.to_owned();
    }
    let mut result = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            result.push(character);
            continue;
        }
        // `ESC [ … letter`.
        if characters.next() == Some('[') {
            for inner in characters.by_ref() {
                if inner.is_ascii_alphabetic() {
                    break;
                }
            }
        }
    }
    result
}
