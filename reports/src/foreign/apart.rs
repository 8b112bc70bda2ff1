//! Whether columns of text that were taken to tell series apart do.
//!
//! What is constant in the first rows may change later, and what comes again may only follow the
//! memory (`state` is low, then high, then low). Once all rows are there, values that follow each
//! other are lives of one program where memory falls back between them; and where it goes on as
//! it was, or where each value is a band of one course of memory, the column tells nothing apart.

use super::Note;
use super::collector::KEY_SEPARATOR;
use super::column::Column;
use super::fallback::{Memory, median};
use super::partial::Partial;
use super::quote;
use super::role::Role;
use std::collections::BTreeMap;

/// Rows out of the band of their value, as a share of all: a state is told a row late.
const OUT_OF_BAND: f64 = 0.1;

/// How far memory moves where a higher band begins, as a share of the way between the two: rows
/// of two programs in turn leap all of it.
const LEAP: f64 = 0.5;

/// The same, in usual steps from reading to reading, where bands are as narrow as those.
const LEAP_TO_STEP: f64 = 2.5;

/// Share of the rows that are of another value than the row before from which on they come in
/// turn.
const IN_TURN: f64 = 0.7;

/// Values of a column that only follows the memory, at most.
const MOST_BANDS: usize = 256;

/// What a column tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    Series,
    /// Lives of one program.
    Lives,
    /// Nothing.
    Nothing,
}

/// Series of which columns were found to tell nothing apart, or lives.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub series: Vec<Partial>,
    pub notes: Vec<Note>,
    /// Columns that tell lives, each with the restarts that it shows.
    pub lives_by: Vec<String>,
}

/// A column whose role in the keys is open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    /// Which part of the keys it is.
    pub place: usize,
    /// Whether its name says that it names somebody.
    pub is_identity: bool,
}

/// Settles what each open column tells.
pub(super) fn settle(
    mut series: Vec<Partial>,
    open: &[Open],
    key_names: &[String],
    columns: &[Column],
    is_newest_first: bool,
) -> Settled {
    let mut settled = Settled::default();
    for column in open {
        let groups = groups(&series, column.place);
        if groups.values().all(|members| members.len() < 2) {
            continue;
        }
        let told: Vec<Tells> = (groups.values())
            .filter(|members| members.len() > 1)
            .map(|members| tells(&series, members, columns, *column, is_newest_first))
            .collect();
        if told.contains(&Tells::Series) {
            continue;
        }
        let name = quote::cut(&key_names[column.place]);
        if told.contains(&Tells::Lives) {
            settled.lives_by.push(key_names[column.place].clone());
        } else {
            settled.notes.push(Note::on_all(format!(
                "`{name}` follows the memory and tells no series apart; --by {name} takes its values for several"
            )));
        }
        let mut taken: Vec<Option<Partial>> = series.into_iter().map(Some).collect();
        let mut whole = Vec::new();
        let are_lives = told.contains(&Tells::Lives);
        for members in groups.into_values() {
            let parts: Vec<Partial> = members.iter().filter_map(|&i| taken[i].take()).collect();
            let several = parts.len() > 1;
            let Some(mut one) = woven(parts, are_lives) else {
                continue;
            };
            if several {
                let parts = one.name.split(KEY_SEPARATOR).enumerate();
                let named = parts.map(|(at, part)| if at == column.place { "" } else { part });
                one.name = named.collect::<Vec<_>>().join("\u{1f}");
            }
            whole.push(one);
        }
        series = whole;
    }
    settled.series = series;
    settled
}

/// Series whose keys differ in one part alone.
fn groups(series: &[Partial], place: usize) -> BTreeMap<String, Vec<usize>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, partial) in series.iter().enumerate() {
        let parts = partial.name.split(KEY_SEPARATOR).enumerate();
        let others = parts.map(|(at, part)| if at == place { "" } else { part });
        let key: Vec<&str> = others.collect();
        groups.entry(key.join("\u{1f}")).or_default().push(index);
    }
    groups
}

/// What the values of a column tell in one group.
fn tells(
    series: &[Partial],
    members: &[usize],
    columns: &[Column],
    open: Open,
    is_newest_first: bool,
) -> Tells {
    if members.len() > MOST_BANDS || members.iter().any(|&i| !series[i].cuts.is_empty()) {
        return Tells::Series;
    }
    let begin = |index: &usize| series[*index].time_s.iter().take(3);
    let first = &series[members[0]].time_s;
    let is_of_first = |time: &f64| first.binary_search_by(|t| t.total_cmp(time)).is_ok();
    if members[1..].iter().flat_map(begin).any(is_of_first) {
        // Rows of the same times, as those of most tables of several series.
        return Tells::Series;
    }
    let mut rows: Vec<(f64, usize, usize)> = Vec::new();
    for (value, &index) in members.iter().enumerate() {
        let times = series[index].time_s.iter().enumerate();
        rows.extend(times.map(|(row, &time_s)| (time_s, value, row)));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let stand_side_by_side = rows
        .windows(2)
        .any(|p| p[0].0 == p[1].0 && p[0].1 != p[1].1);
    if stand_side_by_side {
        return Tells::Series;
    }
    let changes: Vec<usize> = (1..rows.len())
        .filter(|&at| rows[at - 1].1 != rows[at].1)
        .collect();
    if changes.len() as f64 > IN_TURN * rows.len() as f64 {
        return Tells::Series;
    }
    let follow_each_other = changes.len() + 1 == members.len();
    let judged = columns
        .iter()
        .enumerate()
        .filter(|(_, c)| !c.is_total && !c.is_beside);
    for (place, column) in judged {
        // Of rows with the newest first, what falls in the file rises in time.
        let is_turned = (column.role == Role::Free) != is_newest_first;
        let sign = if is_turned { -1.0 } else { 1.0 };
        let value =
            |(_, value, row): &(f64, usize, usize)| series[members[*value]].values[place][*row];
        let memory = Memory::new(rows.iter().map(value), sign);
        if memory.falls_back_at(&changes) {
            return Tells::Lives;
        }
        let is_nothing = match follow_each_other {
            true => !open.is_identity && memory.goes_on_at(&changes),
            false => {
                let banded: Vec<(usize, f64)> = (rows.iter())
                    .map(|row| (row.1, value(row)))
                    .filter(|(_, value)| value.is_finite())
                    .collect();
                are_bands(&banded, members.len())
            }
        };
        if is_nothing {
            return Tells::Nothing;
        }
    }
    Tells::Series
}

/// Whether values of a column are bands of one course of memory. `rows`: the value and the
/// reading of each row, in the order of their times.
fn are_bands(rows: &[(usize, f64)], values: usize) -> bool {
    let mut sorted: Vec<&(usize, f64)> = rows.iter().collect();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let changes = sorted
        .windows(2)
        .filter(|pair| pair[0].0 != pair[1].0)
        .count();
    if changes as f64 > (values - 1) as f64 + OUT_OF_BAND * rows.len() as f64 {
        return false;
    }
    let middles: Vec<f64> = (0..values)
        .map(|value| {
            let of_value = rows.iter().filter(|row| row.0 == value).map(|row| row.1);
            median(&mut of_value.collect::<Vec<_>>())
        })
        .collect();
    let step = |pair: &[(usize, f64)]| (pair[1].1 - pair[0].1).abs();
    let stays = rows.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let usual = median(&mut stays.map(step).collect::<Vec<_>>());
    let rises = rows
        .windows(2)
        .filter(|pair| middles[pair[0].0] < middles[pair[1].0]);
    let goes_on = |pair: &[(usize, f64)]| {
        let way = middles[pair[1].0] - middles[pair[0].0];
        step(pair) < (LEAP * way).max(LEAP_TO_STEP * usual)
    };
    let (on, all) = rises.fold((0_usize, 0_usize), |(on, all), pair| {
        (on + usize::from(goes_on(pair)), all + 1)
    });
    all > 0 && 2 * on > all
}

/// The rows of several series as those of one, in the order of their times; where they are lives,
/// with a restart at each change.
fn woven(parts: Vec<Partial>, are_lives: bool) -> Option<Partial> {
    let mut rows: Vec<(f64, usize, usize)> = Vec::new();
    for (part, partial) in parts.iter().enumerate() {
        let times = partial.time_s.iter().enumerate();
        rows.extend(times.map(|(row, &time_s)| (time_s, part, row)));
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut whole = parts.first()?.clone();
    if parts.len() == 1 {
        return Some(whole);
    }
    whole.time_s = rows.iter().map(|row| row.0).collect();
    for (place, values) in whole.values.iter_mut().enumerate() {
        *values = rows
            .iter()
            .map(|&(_, part, row)| parts[part].values[place][row])
            .collect();
    }
    if !whole.operations.is_empty() {
        whole.operations = rows
            .iter()
            .map(|&(_, part, row)| parts[part].operations[row])
            .collect();
    }
    whole.restarts = parts
        .iter()
        .flat_map(|part| part.restarts.iter().copied())
        .collect();
    if are_lives {
        let changes = rows.windows(2).filter(|pair| pair[0].1 != pair[1].1);
        whole.restarts.extend(changes.map(|pair| pair[1].0));
    }
    whole.restarts.sort_by(f64::total_cmp);
    for part in &parts[1..] {
        whole.setbacks.count_in(&part.setbacks);
    }
    whole.last_time_field = rows
        .last()
        .map(|row| parts[row.1].last_time_field.clone())?;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_of_one_course_are_told_from_levels_of_two_programs() {
        let noise = |row: usize| (row as f64 * 0.618_033_988_75).fract();
        let tooth = |row: usize| 100.0 + 5.0 * (row % 20) as f64 + noise(row);
        let of = |rows: &dyn Fn(usize) -> (usize, f64), values| {
            are_bands(&(0..400).map(rows).collect::<Vec<_>>(), values)
        };
        assert!(of(&|row| (usize::from(tooth(row) > 150.0), tooth(row)), 2));
        assert!(of(&|row| ((tooth(row) / 20.0) as usize - 5, tooth(row)), 5));
        assert!(!of(
            &|row| (row % 2, 100.0 + 50.0 * (row % 2) as f64 + noise(row)),
            2
        ));
        assert!(!of(&|row| (row % 2, 100.0 + noise(row)), 2));
    }
}
