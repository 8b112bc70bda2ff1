//! Totals of heap profilers and memory recorders: massif, heaptrack, mprof; and `promtool`.

use super::super::collector::Collector;
use super::super::column::Column;
use super::super::lines::Lines;
use super::super::quote;
use super::super::role::{Role, role_of};
use super::super::unit::ValueUnit;
use super::super::{InputError, ReadOptions, Recording};
use super::for_each_line;
use super::sysstat::not_empty;
use std::io::BufRead;

const BYTES: ValueUnit = ValueUnit::Bytes(1.0);

/// Reads `massif.out`, of valgrind or of `heaptrack_print -M`.
pub(super) fn read_massif<R: BufRead>(
    lines: Lines<R>,
    _options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut collector = Collector::new(vec![Column::new("heap", Some(BYTES), Role::Used)]);
    let mut unit = String::new();
    let (mut time, mut heap) = (f64::NAN, f64::NAN);
    // heaptrack writes the unit behind its first snapshot.
    let mut snapshots: Vec<(f64, f64, u64)> = Vec::new();
    for_each_line(lines, |line, number| {
        let Some((name, value)) = line.split_once(['=', ':']) else {
            return Ok(());
        };
        let value = value.trim();
        let figure = || value.parse().unwrap_or(f64::NAN);
        match name {
            "time_unit" => unit = value.to_owned(),
            "time" => time = figure(),
            "mem_heap_B" => heap = figure(),
            "mem_heap_extra_B" => {
                let total = heap + figure();
                if time.is_finite() && total.is_finite() && total >= 0.0 {
                    snapshots.push((time, total, number));
                }
            }
            // With --stacks=yes, which are memory as well.
            "mem_stacks_B" => {
                let stacks = figure();
                if let Some((.., total, _)) = snapshots.last_mut().filter(|_| stacks >= 0.0) {
                    *total += stacks;
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    let factor = match unit.as_str() {
        "ms" => 1e-3,
        "s" => 1.0,
        _ => {
            return Err(InputError::NotASeries(
                "massif counted instructions or bytes instead of time; run it with --time-unit=ms"
                    .to_owned(),
            ));
        }
    };
    for (time, total, number) in snapshots {
        let series = collector.series_of(b"", String::new)?;
        collector.push(series, time * factor, number, &[total])?;
    }
    Ok(Recording {
        read_as: Some("massif: heap and what its allocator adds, in bytes".to_owned()),
        tables: not_empty(collector)?,
    })
}

/// Reads the text within a recording of heaptrack: what is allocated and not freed at each of
/// its time stamps. Sizes stand where an allocation is first seen (`a`), later ones refer to it.
pub(super) fn read_heaptrack<R: BufRead>(
    lines: Lines<R>,
    _options: &ReadOptions,
) -> Result<Recording, InputError> {
    const MOST_KINDS: usize = 1 << 26;
    let mut collector = Collector::new(vec![Column::new("live heap", Some(BYTES), Role::Used)]);
    let mut sizes: Vec<u64> = Vec::new();
    let mut live = 0_u64;
    let hex = |text: Option<&str>| text.and_then(|text| u64::from_str_radix(text, 16).ok());
    for_each_line(lines, |line, number| {
        let mut words = line.split(' ');
        match words.next() {
            Some("a") => {
                if sizes.len() == MOST_KINDS {
                    return Err(InputError::TooManyReadings {
                        most: MOST_KINDS.to_string(),
                    });
                }
                sizes.push(hex(words.next()).unwrap_or(0));
            }
            Some(sign @ ("+" | "-")) => {
                let size = hex(words.next())
                    .and_then(|index| usize::try_from(index).ok())
                    .and_then(|index| sizes.get(index).copied())
                    .unwrap_or(0);
                live = match sign {
                    "+" => live.saturating_add(size),
                    _ => live.saturating_sub(size),
                };
            }
            Some("c") => {
                if let Some(ms) = hex(words.next()) {
                    let series = collector.series_of(b"", String::new)?;
                    collector.push(series, ms as f64 / 1e3, number, &[live as f64])?;
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(Recording {
        read_as: Some("heaptrack: allocated and not freed, in bytes".to_owned()),
        tables: not_empty(collector)?,
    })
}

/// Whether a line is a reading of mprof.
pub(super) fn is_mprof_reading(line: &str) -> bool {
    mprof_reading(line).is_some()
}

/// Series, MiB and seconds since 1970 of `MEM 4.3 1795283265.2` and `CHLD 12 4.3 1795283265.2`.
fn mprof_reading(line: &str) -> Option<(String, f64, &str)> {
    let mut words = line.split_whitespace();
    let name = match words.next()? {
        "MEM" => String::new(),
        "CHLD" => format!("child {}", words.next()?),
        _ => return None,
    };
    Some((name, words.next()?.parse().ok()?, words.next()?))
}

/// Reads `mprof_*.dat` of memory_profiler.
pub(super) fn read_mprof<R: BufRead>(
    lines: Lines<R>,
    _options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mib = Some(ValueUnit::Bytes(1_048_576.0));
    let mut collector = Collector::new(vec![Column::new("MEM", mib, Role::Used)]);
    collector.key_names = vec![String::new()];
    let mut origin = None;
    for_each_line(lines, |line, number| {
        let Some((name, value, time)) = mprof_reading(line) else {
            return Ok(());
        };
        let Ok(time) = time.parse::<f64>() else {
            return Ok(());
        };
        if !(value >= 0.0 && time.is_finite()) {
            return Ok(());
        }
        let name = quote::escaped(name.as_bytes());
        let series = collector.series_of(name.as_bytes(), || match name.is_empty() {
            true => "the program".to_owned(),
            false => name.clone(),
        })?;
        collector.push(series, time - *origin.get_or_insert(time), number, &[value])
    })?;
    Ok(Recording {
        read_as: Some("mprof: MEM in MiB".to_owned()),
        tables: not_empty(collector)?,
    })
}

/// Reads the text of `promtool query range`: a line of labels, then `VALUE @[TIME]`.
pub(super) fn read_promtool<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let mut collector: Option<Collector> = None;
    let mut labels = String::new();
    let mut origin = None;
    for_each_line(lines, |line, number| {
        if let Some(name) = line.strip_suffix(" =>") {
            labels = quote::escaped(name.as_bytes());
            return Ok(());
        }
        let Some((value, time)) = line.split_once(" @[") else {
            return Ok(());
        };
        let time = time.trim_end_matches(']').parse::<f64>();
        let (Ok(value), Ok(time)) = (value.parse::<f64>(), time) else {
            return Ok(());
        };
        if !time.is_finite() || !value.is_finite() || value < 0.0 {
            return Ok(());
        }
        let collector = collector.get_or_insert_with(|| {
            let metric = labels.split('{').next().unwrap_or("").to_owned();
            let metric = if metric.is_empty() {
                "value".to_owned()
            } else {
                metric
            };
            let unit = options.unit.or_else(|| ValueUnit::of_name(&metric));
            let mut collector = Collector::new(vec![Column::new(&metric, unit, role_of(&metric))]);
            collector.key_names = vec![String::new()];
            collector
        });
        let series = collector.series_of(labels.as_bytes(), || labels.clone())?;
        collector.push(series, time - *origin.get_or_insert(time), number, &[value])
    })?;
    Ok(Recording {
        read_as: Some("promtool query range".to_owned()),
        tables: not_empty(collector.ok_or(InputError::NoRows)?)?,
    })
}
