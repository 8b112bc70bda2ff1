//! Which columns tell series apart, and which tell the lives of one program apart.

use super::InputError;
use super::ReadOptions;
use super::columns::{Chosen, Look, position};
use super::companion::is_start;
use super::fallback::Memory;
use super::lives::{is_uptime, life_of};
use super::number::amount;
use super::role::is_called_like_memory;
use super::things::is_count;

/// Names of columns that name the metric of a row.
const METRIC_NAMES: [&str; 16] = [
    "metric_name",
    "metric name",
    "counter name",
    "counter_name",
    "metric",
    "__name__",
    "series",
    "measurement",
    "_measurement",
    "_field",
    "field",
    "type",
    "stat",
    "counter",
    "variable",
    "key",
];

/// Names of columns that name whose reading a row is, of numbers too.
pub(super) const IDENTITIES: [&str; 25] = [
    "pod",
    "container",
    "container_name",
    "containername",
    "namespace",
    "service",
    "job",
    "instance",
    "host",
    "hostname",
    "node",
    "name",
    "app",
    "process",
    "command",
    "comm",
    "cmd",
    "pid",
    "id",
    "container_id",
    "worker",
    "shard",
    "replica",
    "device",
    "server",
];

/// Names of columns that say in what state something was.
const STATES: [&str; 9] = [
    "phase", "status", "state", "level", "severity", "note", "comment", "message", "event",
];

/// Finds the columns that tell series apart.
pub(super) fn keys(
    chosen: &mut Chosen,
    names: &[String],
    rows: &[Vec<String>],
    looks: &[Look],
    options: &ReadOptions,
    taken: impl Fn(usize) -> bool,
) -> Result<(), InputError> {
    if !options.by.is_empty() {
        if options.by.len() == 1 && options.by[0].eq_ignore_ascii_case("none") {
            return Ok(());
        }
        for name in &options.by {
            chosen.keys.push(position(names, name)?);
        }
        return Ok(());
    }
    if !(0..names.len()).any(|column| looks[column] == Look::Numbers && !taken(column)) {
        // Text alone: the error about the first value says more.
        return Ok(());
    }
    let lower = |column: usize| names[column].trim().to_ascii_lowercase();
    let is_asked_for = |column: usize| {
        options
            .values
            .iter()
            .any(|value| value.eq_ignore_ascii_case(&names[column]))
    };
    let called = |list: &[&str], column: usize| list.contains(&lower(column).as_str());
    let is_metric = |&c: &usize| {
        looks[c] == Look::Text && !taken(c) && !is_asked_for(c) && called(&METRIC_NAMES, c)
    };
    // A measurement of InfluxDB has several fields.
    let metric = (0..names.len())
        .filter(is_metric)
        .min_by_key(|&c| lower(c) == "_measurement");
    let lives = match options.restarts {
        Some(_) => Vec::new(),
        None => lives(names, rows, looks, |c| {
            taken(c) || is_asked_for(c) || metric == Some(c)
        }),
    };
    let texts: Vec<usize> = (0..names.len())
        .filter(|&c| looks[c] == Look::Text && !taken(c) && !is_asked_for(c))
        .filter(|&c| !are_states(names, rows, c) && !lives.contains(&c))
        .collect();
    let jumbled = times_repeat(chosen.time, rows);
    // What InfluxDB writes beside a field is its tags, and each of them tells series apart.
    let all_are_tags = (0..names.len()).any(|c| lower(c) == "_measurement");
    let keys: Vec<usize> = match metric {
        Some(metric) => texts
            .into_iter()
            .filter(|&c| {
                let is_tag = all_are_tags || called(&IDENTITIES, c);
                c == metric || is_tag && varies_little(rows, c)
            })
            .collect(),
        None => texts
            .into_iter()
            .filter(|&c| tells_apart(rows, c, jumbled))
            .collect(),
    };
    chosen.metric_key = metric;
    chosen.keys = keys;
    let in_turn = lives.iter().any(|&c| comes_again(rows, c));
    let varying = chosen.keys.iter().any(|&c| distinct(rows, c) > 1) || in_turn;
    if jumbled && !varying {
        // No text tells the rows apart; a number that names a process may.
        chosen.keys.extend((0..names.len()).filter(|&c| {
            looks[c] == Look::Numbers
                && !taken(c)
                && !lives.contains(&c)
                && called(&IDENTITIES, c)
                && distinct(rows, c) > 1
                && varies_little(rows, c)
        }));
    }
    if !in_turn && !chosen.keys.iter().any(|&c| distinct(rows, c) > 1) {
        let numbers = |&c: &usize| looks[c] == Look::Numbers && !taken(c) && !lives.contains(&c);
        // A value alone that takes the same few values again and again is a flat one.
        let is_alone = (0..names.len()).filter(numbers).count() < 2;
        chosen.keys.extend(
            (0..names.len())
                .filter(numbers)
                .filter(|&c| !is_alone && !is_asked_for(c) && !is_count(&names[c]))
                .filter(|&c| !is_uptime(&names[c]))
                .find(|&c| goes_round(rows, c) && !begins_anew(names, rows, c)),
        );
    }
    let is_open = |&c: &usize| looks[c] == Look::Text && metric != Some(c) && !all_are_tags;
    chosen.open_keys = chosen.keys.iter().copied().filter(is_open).collect();
    chosen.lives = lives.len();
    chosen.keys.extend(lives);
    Ok(())
}

/// The columns that tell lives of a program apart, the widest first. What changes with each row
/// is no record of lives.
fn lives(
    names: &[String],
    rows: &[Vec<String>],
    looks: &[Look],
    taken: impl Fn(usize) -> bool,
) -> Vec<usize> {
    const FEW: usize = 8;
    let mut found: Vec<(usize, usize)> = (0..names.len())
        .filter(|&c| !taken(c) && looks[c] != Look::Nothing)
        .filter_map(|c| Some((life_of(&names[c])?, c)))
        .filter(|&(_, c)| varies_little(rows, c) || rows.len() < FEW)
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, c)| c).collect()
}

/// Whether a column of numbers goes through the same few values in the same order, round after
/// round: workers that report in turn. What is measured does not.
fn goes_round(rows: &[Vec<String>], column: usize) -> bool {
    const MOST: usize = 100;
    const FEWEST_ROUNDS: usize = 4;
    let fields: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.get(column).map(String::as_str))
        .collect();
    let round = distinct(rows, column);
    (2..=MOST).contains(&round)
        && fields.len() >= round * FEWEST_ROUNDS
        && fields.iter().all(|field| field.parse::<u32>().is_ok())
        && fields
            .iter()
            .zip(&fields[round..])
            .all(|(now, then)| now == then)
}

/// Whether a count that goes round is that of a program which is started anew: memory falls back
/// where it begins again. Workers that report in turn have no order.
fn begins_anew(names: &[String], rows: &[Vec<String>], column: usize) -> bool {
    let numbers = |column: usize| {
        let of_row = move |row: &Vec<String>| amount(row.get(column)?.as_bytes(), false);
        rows.iter()
            .map(move |row| of_row(row).map_or(f64::NAN, |amount| amount.number))
    };
    let counts: Vec<f64> = numbers(column).collect();
    let begins: Vec<usize> = (1..counts.len())
        .filter(|&at| counts[at] < counts[at - 1])
        .collect();
    let is_memory = |&c: &usize| c != column && is_called_like_memory(&names[c]);
    let mut memory = (0..names.len()).filter(is_memory);
    memory.any(|c| Memory::new(numbers(c), 1.0).falls_back_at(&begins))
}

/// Whether a name is that of a column which says whose reading a row is.
pub(super) fn is_identity(name: &str) -> bool {
    IDENTITIES.contains(&name.trim().to_ascii_lowercase().as_str())
}

/// Whether a column says in words what happened: by its name, or because it says that something
/// was started.
pub(super) fn are_states(names: &[String], rows: &[Vec<String>], column: usize) -> bool {
    let name = names[column].trim().to_ascii_lowercase();
    let mut fields = rows.iter().filter_map(|row| row.get(column));
    STATES.contains(&name.as_str()) || fields.any(|field| is_start(field))
}

/// Whether the same time stands in several of the first rows, or times go back.
fn times_repeat(time: Option<usize>, rows: &[Vec<String>]) -> bool {
    let Some(time) = time else { return false };
    let fields: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.get(time).map(String::as_str))
        .collect();
    let mut sorted = fields.clone();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() * 20 < fields.len() * 19
}

fn distinct(rows: &[Vec<String>], column: usize) -> usize {
    let mut fields: Vec<&str> = rows
        .iter()
        .filter_map(|row| row.get(column).map(String::as_str))
        .collect();
    fields.sort_unstable();
    fields.dedup();
    fields.len()
}

/// Whether each value of the column stands in two rows or more, on the whole.
fn varies_little(rows: &[Vec<String>], column: usize) -> bool {
    let several = distinct(rows, column);
    several == 1 || several * 2 <= rows.len()
}

/// Whether a column of text parts rows into series: its values come again and again, or stay
/// the same (so that another one later is another series).
fn tells_apart(rows: &[Vec<String>], column: usize, jumbled: bool) -> bool {
    let several = distinct(rows, column);
    if several == 1 {
        return true;
    }
    // One change per value is a stretch of time: a phase, a state.
    varies_little(rows, column) && (jumbled || comes_again(rows, column))
}

/// Whether a value stands again in a column after another one.
fn comes_again(rows: &[Vec<String>], column: usize) -> bool {
    let fields = || rows.iter().filter_map(|row| row.get(column));
    let pairs = fields().zip(fields().skip(1));
    let changes = pairs.filter(|(a, b)| a != b).count();
    changes > 0 && changes >= distinct(rows, column)
}
