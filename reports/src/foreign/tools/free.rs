//! `free` in a loop, in any language: the columns stand in the same order in all of them.

use super::super::lines::Lines;
use super::super::number::{Amount, amount};
use super::super::role::Role;
use super::super::unit::ValueUnit;
use super::super::{InputError, ReadOptions, Recording};
use super::for_each_line;
use super::listings::with_swap;
use super::sysstat::not_empty;
use super::times::Times;
use std::io::BufRead;

const MIB: f64 = 1_048_576.0;

/// Whether some lines are a header and a first row of `free`.
pub(super) fn recognise(lines: &[&str]) -> bool {
    lines
        .windows(2)
        .any(|pair| is_header(pair[0]) && Row::of(pair[1]).is_some())
}

/// Whether a line is a header: six names or five, of which one is of caches. Older versions
/// have `buffers` and `cached` apart.
fn is_header(line: &str) -> bool {
    const CACHES: [&str; 12] = [
        "cache",
        "caché",
        "tamp",
        "puffer",
        "buff",
        "кэш",
        "кеш",
        "キャッシュ",
        "缓存",
        "önbellek",
        "캐시",
        "ქეშ",
    ];
    let lower = line.to_lowercase();
    let words = lower.split_whitespace().count();
    (4..=9).contains(&words)
        && !lower.contains(|c: char| c.is_ascii_digit() || matches!(c, ',' | ';' | ':'))
        && CACHES.iter().any(|part| lower.contains(part))
        && lower.starts_with(char::is_whitespace)
}

/// `total used free shared buff/cache available`.
const COLUMNS_WITH_AVAILABLE: usize = 6;

/// A row: its label ends with a colon, and amounts follow.
struct Row<'a> {
    label: &'a str,
    amounts: Vec<&'a str>,
}

impl<'a> Row<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (label, rest) = line.split_once([':', '：'])?;
        let amounts: Vec<&str> = rest.split_whitespace().collect();
        let are_amounts = amounts.len() >= 2
            && amounts
                .iter()
                .all(|word| amount(word.as_bytes(), true).is_some());
        let is_label = label.chars().count() <= 24 && !label.contains(|c: char| c.is_ascii_digit());
        (are_amounts && is_label).then_some(Self { label, amounts })
    }
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

/// Which row of a block comes next.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Memory,
    /// Without buffers and caches, as before procps 3.3.10; or swap.
    Others,
}

/// Reads `free -s 1`, and `free` in a loop.
pub(super) fn read<R: BufRead>(
    lines: Lines<R>,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    // The readings are bytes once their unit is known.
    let bytes = Some(ValueUnit::Bytes(1.0));
    let mut collector = with_swap("used", "swap used", bytes, Role::Used);
    let mut times = Times::new(options);
    let mut next = None;
    let mut said = None;
    let mut others = 0;
    for_each_line(lines, |line, number| {
        if is_header(line) {
            times.begin_block();
            next = Some(Next::Memory);
            return Ok(());
        }
        let Some(row) = Row::of(line).filter(|_| next.is_some()) else {
            times.take_line(line);
            return Ok(());
        };
        let read = |place: usize| amount(row.amounts.get(place)?.as_bytes(), true);
        if next == Some(Next::Others) {
            let (Some(used), Some(factor)) = (read(1), said) else {
                return Ok(());
            };
            let used = used.number * used.unit.map_or(factor, ValueUnit::factor);
            if !row.label.starts_with("-/+") {
                // Swap, and a total behind it; or low and high memory before it, with `-l`.
                others += 1;
                if others == 1 || others == 3 {
                    collector.value(0, 1, used);
                }
            } else if let Some(without) = read(0) {
                // Before procps 3.3.10 `used` held the caches; this line does not.
                let factor = without.unit.map_or(factor, ValueUnit::factor);
                collector.value(0, 0, without.number * factor);
            }
            return Ok(());
        }
        let (Some(total), Some(used)) = (read(0), read(1)) else {
            return Ok(());
        };
        next = Some(Next::Others);
        others = 0;
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
        let stamp = stamp.to_owned();
        let series = collector.series_of(b"", String::new)?;
        collector.row(series, seconds, number, stamp.as_bytes())?;
        // Shared memory is neither `used` nor available before procps 4.
        let in_bytes =
            |amount: Amount| amount.number * amount.unit.map_or(factor, ValueUnit::factor);
        let has_available = row.amounts.len() == COLUMNS_WITH_AVAILABLE;
        let of = |place: usize| read(place).filter(|_| has_available).map(in_bytes);
        let used_bytes = used.number * factor;
        let beyond = match (of(3), of(5)) {
            (Some(shared), Some(available)) => {
                (in_bytes(total) - available - used_bytes).min(shared)
            }
            _ => 0.0,
        };
        // Each figure is rounded on its own, and coarsely where a unit stands behind it.
        let is_more = used.unit.is_none() && beyond > 2.0 * factor;
        collector.value(series, 0, used_bytes + if is_more { beyond } else { 0.0 });
        Ok(())
    })?;
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
