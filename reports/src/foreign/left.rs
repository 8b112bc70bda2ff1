//! Memory that is left (free, available) as memory in use, which is what grows.
//!
//! Growth is of memory in use, and so are the level that a budget is a share of and a limit. What
//! is left says it where it is known how much there is in all: from a column of the same family
//! (`MemTotal` beside `MemAvailable`), from `--total`, or because shares are of a hundred.
//! Otherwise readings are turned round (`metric::turn`), and their level stays that of what is
//! left.

use super::column::Column;
use super::columns::ValueColumn;
use super::role::{
    Role, family_of, is_available, is_bare_total, is_mark, is_page_cache, is_swap_left, role_of,
};
use super::unit::ValueUnit;
use super::{InputError, Note, quote};
use leaklab_judge::amount::bytes_text;

/// What a share is of.
const WHOLE_PERCENT: f64 = 100.0;

/// The column of `names` that says how much there is in all of what `left` says is left.
pub(super) fn total_of<'a>(
    left: &str,
    names: impl Iterator<Item = (usize, &'a str)>,
) -> Option<usize> {
    let family = family_of(left);
    let bounds: Vec<(usize, &str)> = names
        .filter(|(_, name)| role_of(name) == Role::Bound && !is_mark(name))
        .filter(|(_, name)| is_swap_left(name) == is_swap_left(left))
        .collect();
    let same = bounds.iter().find(|(_, name)| family_of(name) == family);
    // A total of nothing in particular, where it is the only one.
    let only = match &bounds[..] {
        [one] if is_bare_total(one.1) => Some(one),
        _ => None,
    };
    same.or(only).map(|(place, _)| *place)
}

/// The columns that say how much there is in all of what others say is left.
pub(super) fn totals(names: &[String], values: &[ValueColumn]) -> Vec<(usize, usize)> {
    let is_judged = |position: usize| values.iter().any(|value| value.position == position);
    let others = || (0..names.len()).filter(|&c| !is_judged(c));
    let of = |(order, value): (usize, &ValueColumn)| {
        let others = others().map(|c| (c, names[c].as_str()));
        Some((order, total_of(&names[value.position], others)?))
    };
    let left = values.iter().enumerate();
    left.filter(|(_, value)| value.role == Role::Free)
        .filter_map(of)
        .collect()
}

/// The columns of caches beside memory that is free without them: it falls while files are
/// cached.
pub(super) fn given_back(names: &[String], values: &[ValueColumn]) -> Vec<(usize, usize)> {
    let is_free = |value: &ValueColumn| {
        let name = &names[value.position];
        value.role == Role::Free && !is_available(name) && !is_swap_left(name)
    };
    let mut free = values
        .iter()
        .enumerate()
        .filter(|(_, value)| is_free(value));
    let (Some((order, free)), None) = (free.next(), free.next()) else {
        return Vec::new();
    };
    let is_judged = |c: usize| values.iter().any(|value| value.position == c);
    let is_cache = |name: &str| role_of(name) == Role::Beside && is_page_cache(name);
    let same_unit =
        |c: usize| ValueUnit::of_name(&names[c]) == ValueUnit::of_name(&names[free.position]);
    (0..names.len())
        .filter(|&c| !is_judged(c) && is_cache(&names[c]) && same_unit(c))
        .map(|c| (order, c))
        .collect()
}

/// Columns of memory in use in place of those of memory that is left, where that is known.
pub(super) struct InUse {
    pub columns: Vec<Column>,
    pub notes: Vec<Note>,
}

/// Makes readings of memory that is left those of memory in use, and takes away the columns that
/// were read to that end alone. `total_bytes`: how much there is in all, if the user says it.
///
/// # Errors
///
/// Where the user's total is less than what is left.
pub(super) fn as_in_use(
    columns: &[Column],
    values: &mut Vec<Vec<f64>>,
    total_bytes: Option<f64>,
) -> Result<InUse, InputError> {
    let mut columns = columns.to_vec();
    let mut notes = Vec::new();
    for place in 0..columns.len() {
        if columns[place].role != Role::Free {
            continue;
        }
        add_what_is_given_back(&mut columns, place, values, &mut notes);
        let left = columns[place].clone();
        let said = left.unit.or(left.from_field);
        let (name, totals) = match (said, total_bytes, left.total) {
            (Some(ValueUnit::Percent), ..) => ("100 %".to_owned(), None),
            (_, Some(_), _) if !left.says_its_unit() => {
                return Err(InputError::NotASeries(format!(
                    "--total is an amount, and nothing says what `{}` counts; say --unit B, KiB or MiB",
                    quote::cut(&left.name)
                )));
            }
            (_, Some(_), _) => ("--total".to_owned(), None),
            (_, None, Some(total)) if columns[total].says_its_unit() == left.says_its_unit() => {
                let totals = values.get(total).map(|totals| held(totals));
                (columns[total].name.clone(), totals)
            }
            _ => continue,
        };
        let fixed = match said {
            Some(ValueUnit::Percent) => WHOLE_PERCENT,
            _ => total_bytes.unwrap_or(f64::NAN),
        };
        let total_at = |row: usize| totals.as_ref().map_or(fixed, |totals| totals[row]);
        let are_both = |(row, left): (usize, &f64)| (total_at(row) - left).is_finite();
        if !values[place].iter().enumerate().any(are_both) {
            continue;
        }
        let over = (values[place].iter().enumerate()).find(|(row, left)| **left > total_at(*row));
        if let Some((row, over)) = over {
            if total_bytes.is_some() && said != Some(ValueUnit::Percent) {
                return Err(InputError::NotASeries(format!(
                    "`{}` says that {} are left, which is more than the {} of --total",
                    quote::cut(&left.name),
                    bytes_text(*over),
                    bytes_text(total_at(row)),
                )));
            }
            notes.push(Note::on_all(format!(
                "`{}` is more than `{}` at times, so that the one is no part of the other",
                quote::cut(&left.name),
                quote::cut(&name)
            )));
            continue;
        }
        for (row, value) in values[place].iter_mut().enumerate() {
            *value = total_at(row) - *value;
        }
        let column = &mut columns[place];
        column.role = Role::Used;
        column.name = match left.name.contains('+') {
            true => format!("{name} - ({})", left.name),
            false => format!("{name} - {}", left.name),
        };
        column.is_by_name = false;
        column.is_less_what_is_left = true;
        notes.push(Note::on(
            &column.name,
            format!(
                "`{}` is memory that is left; judged is what is in use: {} less it",
                quote::cut(&left.name),
                match totals {
                    Some(_) => format!("`{}`", quote::cut(&name)),
                    None => name,
                }
            ),
        ));
    }
    for place in (0..columns.len()).rev() {
        if columns[place].is_total {
            columns.remove(place);
            values.remove(place);
        }
    }
    Ok(InUse { columns, notes })
}

/// A total where nobody read it: it is what it was, or will be.
fn held(totals: &[f64]) -> Vec<f64> {
    let known = |value: &&f64| value.is_finite();
    let mut last = totals.iter().find(known).copied().unwrap_or(f64::NAN);
    let hold = |value: &f64| {
        if value.is_finite() {
            last = *value;
        }
        last
    };
    totals.iter().map(hold).collect()
}

/// Adds caches to memory that is free, where they are columns beside it.
fn add_what_is_given_back(
    columns: &mut [Column],
    place: usize,
    values: &mut [Vec<f64>],
    notes: &mut Vec<Note>,
) {
    let mut names = vec![columns[place].name.clone()];
    for cache in std::mem::take(&mut columns[place].given_back) {
        if columns[cache].says_its_unit() != columns[place].says_its_unit() {
            continue;
        }
        let cached = values[cache].clone();
        for (free, cached) in values[place].iter_mut().zip(cached) {
            *free += if cached.is_nan() { 0.0 } else { cached };
        }
        names.push(columns[cache].name.clone());
    }
    if names.len() > 1 {
        columns[place].name = names.join("+");
        columns[place].is_by_name = false;
        notes.push(Note::on_all(format!(
            "{} count together: the kernel gives its caches to whoever needs them",
            quote::list(&names)
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_belongs_to_what_is_left_of_it() {
        for (left, names, total) in [
            ("MemAvailable", &["MemTotal", "SwapTotal"][..], Some(0)),
            ("SwapFree", &["MemTotal", "SwapTotal"], Some(1)),
            (
                "mem_available_kb",
                &["swap_total_kb", "mem_total_kb"],
                Some(1),
            ),
            (
                "node_memory_MemAvailable_bytes{instance=\"b\"}",
                &[
                    "node_memory_MemTotal_bytes{instance=\"a\"}",
                    "node_memory_MemTotal_bytes{instance=\"b\"}",
                ],
                Some(1),
            ),
            ("available", &["total"], Some(0)),
            ("heap_free", &["total_mb"], Some(0)),
            ("free_mb", &["heap_total_mb"], None),
            ("heap_free", &["mem_total", "heap_total"], Some(1)),
            ("Speicher frei (MB)", &["Speicher gesamt (MB)"], Some(0)),
            ("空きメモリ", &["合計メモリ"], Some(0)),
            ("heap_free", &["mem_total"], None),
            ("MemAvailable", &["mem_peak", "SwapTotal"], None),
        ] {
            let found = total_of(left, names.iter().copied().enumerate());
            assert_eq!(found, total, "{left}");
        }
    }
}
