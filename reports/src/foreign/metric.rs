//! A column of readings as a metric: its unit settled, and turned round where it is memory that is
//! left.

use super::column::Column;
use super::role::Role;
use super::unit::{self, ValueUnit};
use super::{InputError, Metric, Note};

/// A metric with its unit settled.
pub(super) fn metric(column: &Column, mut values: Vec<f64>, notes: &mut Vec<Note>) -> Metric {
    let shown = match (column.role, &column.swap) {
        (Role::Free, None) => format!("{}, turned round", column.name),
        (Role::Free, Some(swap)) => format!("{} less {swap}, turned round", column.name),
        (_, Some(swap)) => format!("{} + {swap}", column.name),
        (_, None) => column.name.clone(),
    };
    let name = &shown;
    let said = column.unit.or(column.from_field);
    let mut doubt = None;
    let mut grain = column.grain;
    let belied = column
        .two_numbers
        .as_ref()
        .map(|text| InputError::TwoNumbers {
            column: column.name.clone(),
            text: text.clone(),
        })
        .or_else(|| {
            let unit = column.unit.filter(|_| column.is_by_name)?;
            unit::check_named(&column.name, unit, &values).err()
        });
    let (unit, is_known) = match said {
        Some(unit) => {
            doubt = belied.map(|error| error.to_string());
            if column.is_by_name && is_part_of_one(&column.name, &values) {
                values.iter_mut().for_each(|value| *value *= 100.0);
                grain *= 100.0;
                notes.push(Note::on(
                    name,
                    format!("`{name}` is a part of one, shown in percent"),
                ));
            }
            note_conversion(name, column.unit.is_some(), unit, notes);
            (unit, true)
        }
        None => match unit::settle(&column.name, &values) {
            Ok(settled) => {
                let factor = settled.unit.factor();
                if factor != 1.0 {
                    values.iter_mut().for_each(|value| *value *= factor);
                    grain *= factor;
                }
                if let Some(why) = settled.why {
                    notes.push(Note::on(name, format!("`{name}` is taken as KiB: {why}")));
                } else if !settled.is_known {
                    note_assumption(name, &values, notes);
                }
                (settled.unit, settled.is_known)
            }
            Err(error) => {
                doubt = Some(error.to_string());
                (ValueUnit::Bytes(1.0), false)
            }
        },
    };
    let turned_about = (column.role == Role::Free).then(|| turn(&mut values));
    if turned_about.is_some() {
        notes.push(Note::on(
            name,
            format!(
                "`{}` is memory that is left, so it is judged turned round: what is gone of it counts as growth. Nothing says how much there is in all, so that the default budget is a share of what is left; --total 16GiB judges what is in use",
                column.name
            ),
        ));
    }
    Metric {
        name: shown,
        grain: match grain.is_finite() && mostly_repeats(&values) {
            true => grain,
            false => 0.0,
        },
        values,
        unit: unit.of_judge(),
        unit_is_known: is_known,
        unit_is_said: said.is_some(),
        doubt,
        turned_about,
        is_less_what_is_left: column.is_less_what_is_left,
        is_beside: column.is_beside,
        holds_caches: column.holds_caches,
    }
}

/// Whether readings are shares as parts of one.
fn is_part_of_one(name: &str, values: &[f64]) -> bool {
    let highest = values.iter().copied().fold(0.0, f64::max);
    unit::is_share_of_one(name) && highest > 0.0 && highest <= 1.0
}

/// Whether most readings are the one before: then their grain hides what moves. Where they
/// scatter by more than it, their mean is finer than they are.
fn mostly_repeats(values: &[f64]) -> bool {
    let pairs = values.windows(2).filter(|pair| !pair[0].is_nan());
    let (mut all, mut same) = (0_usize, 0_usize);
    for pair in pairs {
        all += 1;
        same += usize::from(pair[0] == pair[1]);
    }
    2 * same > all
}

/// Turns readings round in the middle of their range, so that their level, which the default
/// budget is a share of, stays what it was.
fn turn(values: &mut [f64]) -> f64 {
    let known = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = known().fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), value| {
        (low.min(value), high.max(value))
    });
    let sum = if low.is_finite() { low + high } else { 0.0 };
    for value in values.iter_mut() {
        *value = sum - *value;
    }
    sum
}

fn note_conversion(name: &str, by_column: bool, unit: ValueUnit, notes: &mut Vec<Note>) {
    if let ValueUnit::Bytes(factor) = unit
        && by_column
        && factor != 1.0
    {
        notes.push(Note::on(
            name,
            format!("`{name}` was converted to bytes, {factor} each"),
        ));
    }
}

fn note_assumption(name: &str, values: &[f64], notes: &mut Vec<Note>) {
    if values.iter().any(|value| *value > 0.0) {
        notes.push(Note::on(
            name,
            format!("nothing says what `{name}` counts: shown as bytes, and judged by its share of the level alone; --unit says it"),
        ));
    }
}
