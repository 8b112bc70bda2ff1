//! Series as their rows come in, taken apart by a key; made whole at the end.

use super::clock::Setbacks;
use super::columns::{self, Role};
use super::number::{amount, is_missing, number, plain};
use super::quote;
use super::unit::{self, ValueUnit};
use super::{InputError, Metric, Note, Table};
use leaklab_judge::Window;
use leaklab_judge::amount::{count_text, plural};
use std::collections::HashMap;

/// Readings that are kept, at most: half a gigabyte of numbers.
const MOST_READINGS: usize = 1 << 26;

/// Series of one file, at most: a fleet is `leaklab fleet`'s.
const MOST_SERIES: usize = 20_000;

/// A clock is set back now and then; more often, times are those of several series.
const MOST_SETBACKS: usize = 2;

/// Share of rows that repeat the time of the row before from which on they are of several
/// series. Below it, a loop that is a little too quick for its clock explains them.
const MANY_REPEATED: f64 = 0.05;

/// A metric to come.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub name: String,
    /// Unit of plain numbers, where tool, name or user say it.
    pub unit: Option<ValueUnit>,
    pub role: Role,
    /// The unit that fields themselves said.
    from_field: Option<ValueUnit>,
}

impl Column {
    pub fn new(name: &str, unit: Option<ValueUnit>, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            unit,
            role,
            from_field: None,
        }
    }
}

/// What the rows of one series have said so far.
#[derive(Debug, Clone, Default)]
struct Partial {
    name: String,
    time_s: Vec<f64>,
    values: Vec<Vec<f64>>,
    operations: Vec<f64>,
    setbacks: Setbacks,
    /// First row after each setback.
    cuts: Vec<usize>,
    load: Option<Window>,
    restarts: Vec<f64>,
    restart_field: Option<Vec<u8>>,
    last_time_field: Vec<u8>,
}

/// Where a field stands, for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub line: u64,
    pub column: &'a str,
}

/// Series as their rows come in.
#[derive(Debug)]
pub(super) struct Collector {
    pub columns: Vec<Column>,
    pub comma_is_point: bool,
    /// Whether the user says that the table is a single series, whatever its times.
    pub is_one_series: bool,
    pub counts_operations: bool,
    /// What tells series apart, in words.
    pub key_names: Vec<String>,
    series: Vec<Partial>,
    by_key: HashMap<Vec<u8>, usize>,
    last: Option<(Vec<u8>, usize)>,
    readings: usize,
}

impl Collector {
    pub fn new(columns: Vec<Column>) -> Self {
        Self {
            columns,
            comma_is_point: false,
            is_one_series: false,
            counts_operations: false,
            key_names: Vec::new(),
            series: Vec::new(),
            by_key: HashMap::new(),
            last: None,
            readings: 0,
        }
    }

    /// The series of a key; `name` says what it is called, once.
    pub fn series_of(
        &mut self,
        key: &[u8],
        name: impl FnOnce() -> String,
    ) -> Result<usize, InputError> {
        if let Some((last, index)) = &self.last
            && last == key
        {
            return Ok(*index);
        }
        let index = match self.by_key.get(key) {
            Some(index) => *index,
            None => {
                if self.series.len() == MOST_SERIES {
                    return Err(InputError::TooManySeries {
                        column: quote::list(&self.key_names),
                        most: MOST_SERIES,
                    });
                }
                self.by_key.insert(key.to_vec(), self.series.len());
                self.series.push(Partial {
                    name: name(),
                    values: vec![Vec::new(); self.columns.len()],
                    ..Partial::default()
                });
                self.series.len() - 1
            }
        };
        self.last = Some((key.to_vec(), index));
        Ok(index)
    }

    /// Begins a row of a series.
    pub fn row(
        &mut self,
        series: usize,
        time_s: f64,
        line: u64,
        time_field: &[u8],
    ) -> Result<(), InputError> {
        self.readings += 1 + self.columns.len();
        if self.readings > MOST_READINGS {
            return Err(InputError::TooManyReadings {
                most: count_text(MOST_READINGS as u64),
            });
        }
        // No clock counts thirty million years; beyond, seconds lose their place.
        const FARTHEST_S: f64 = 1e15;
        if time_s.is_nan() || time_s.abs() > FARTHEST_S {
            return Err(InputError::NotASeries(format!(
                "line {line}: the time is not one"
            )));
        }
        let partial = &mut self.series[series];
        let before = partial.setbacks.at_s.len();
        let time_s = partial
            .setbacks
            .next(time_s, line, time_field, &partial.last_time_field);
        if partial.setbacks.at_s.len() > before {
            partial.cuts.push(partial.time_s.len());
            if partial.setbacks.at_s.len() > MOST_SETBACKS {
                return Err(backwards(&partial.setbacks));
            }
        }
        partial.last_time_field.clear();
        partial.last_time_field.extend_from_slice(time_field);
        partial.time_s.push(time_s);
        for values in &mut partial.values {
            values.push(f64::NAN);
        }
        if self.counts_operations {
            partial.operations.push(f64::NAN);
        }
        Ok(())
    }

    /// Sets a value of the row that was begun last, as its field writes it.
    pub fn field(
        &mut self,
        series: usize,
        column: usize,
        field: &[u8],
        place: Place<'_>,
    ) -> Result<(), InputError> {
        let quick = plain(field);
        let value = if quick.is_nan() || quick < 0.0 {
            self.slow_value(column, field, place)?
        } else {
            quick * self.factor(column)
        };
        self.value(series, column, value);
        Ok(())
    }

    fn factor(&self, column: usize) -> f64 {
        self.columns[column].unit.map_or(1.0, ValueUnit::factor)
    }

    fn slow_value(
        &mut self,
        column: usize,
        field: &[u8],
        place: Place<'_>,
    ) -> Result<f64, InputError> {
        if is_missing(field) {
            return Ok(f64::NAN);
        }
        let Some(amount) = amount(field, self.comma_is_point).filter(|a| a.number.is_finite())
        else {
            return Err(InputError::NotANumber {
                line: place.line,
                column: quote::cut(place.column),
                text: quote::shown(field),
                wanted: "number",
            });
        };
        if amount.number < 0.0 {
            return Err(InputError::Negative {
                line: place.line,
                column: quote::cut(place.column),
                text: quote::shown(field),
            });
        }
        Ok(match amount.unit {
            Some(unit) => {
                self.columns[column].from_field = Some(unit);
                amount.number * unit.factor()
            }
            None => amount.number * self.factor(column),
        })
    }

    /// Sets a value of the row that was begun last, in bytes or whatever is counted.
    pub fn value(&mut self, series: usize, column: usize, value: f64) {
        let is_one = value >= 0.0 && value.is_finite();
        if let Some(place) = self.series[series].values[column].last_mut() {
            *place = if is_one { value } else { f64::NAN };
        }
    }

    /// A whole row of values that are in their unit already.
    pub fn push(
        &mut self,
        series: usize,
        time_s: f64,
        line: u64,
        values: &[f64],
    ) -> Result<(), InputError> {
        self.row(series, time_s, line, b"")?;
        for (column, value) in values.iter().enumerate() {
            self.value(series, column, *value * self.factor(column));
        }
        Ok(())
    }

    /// Sets the operations of the row that was begun last.
    pub fn operations(
        &mut self,
        series: usize,
        field: &[u8],
        place: Place<'_>,
    ) -> Result<(), InputError> {
        let value = match number(field, self.comma_is_point) {
            Some(value) if value < 0.0 => {
                return Err(InputError::Negative {
                    line: place.line,
                    column: quote::cut(place.column),
                    text: quote::shown(field),
                });
            }
            Some(value) => value,
            None if is_missing(field) => f64::NAN,
            None => {
                return Err(InputError::NotANumber {
                    line: place.line,
                    column: quote::cut(place.column),
                    text: quote::shown(field),
                    wanted: "number",
                });
            }
        };
        if let Some(place) = self.series[series].operations.last_mut() {
            *place = value;
        }
        Ok(())
    }

    /// Says that the row that was begun last belongs to the load.
    pub fn in_load(&mut self, series: usize) {
        let partial = &mut self.series[series];
        if let Some(&now_s) = partial.time_s.last() {
            let start_s = partial.load.map_or(now_s, |load| load.start_s);
            partial.load = Some(Window {
                start_s,
                end_s: now_s,
            });
        }
    }

    /// What tells one life of the program from another: a restart where it changes.
    pub fn life(&mut self, series: usize, field: &[u8]) {
        if is_missing(field) {
            return;
        }
        let partial = &mut self.series[series];
        let is_new = partial
            .restart_field
            .as_deref()
            .is_some_and(|before| before != field);
        if is_new {
            self.restart(series);
        }
        self.series[series].restart_field = Some(field.to_vec());
    }

    /// A restart at the row that was begun last.
    pub fn restart(&mut self, series: usize) {
        let partial = &mut self.series[series];
        if let Some(&now_s) = partial.time_s.last() {
            partial.restarts.push(now_s);
        }
    }

    /// Restarts at given times, in all series.
    pub fn restarts_at(&mut self, times_s: &[f64]) {
        for partial in &mut self.series {
            partial.restarts.extend_from_slice(times_s);
            partial.restarts.sort_by(f64::total_cmp);
        }
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Keeps the series whose names are called like memory, where some are and some are not;
    /// says how many were left out.
    pub fn keep_memory(&mut self) -> usize {
        let before = self.series.len();
        let is_memory = |partial: &Partial| columns::is_called_like_memory(&partial.name);
        let some = self.series.iter().filter(|p| is_memory(p)).count();
        if some > 0 && some < before {
            self.series.retain(is_memory);
        }
        before - self.series.len()
    }

    /// The tables. `were_named`: whether the user chose the columns; `notes` are of all series.
    pub fn finish(self, were_named: bool, notes: &[Note]) -> Result<Vec<Table>, InputError> {
        let Self {
            columns,
            series,
            is_one_series,
            counts_operations,
            key_names,
            ..
        } = self;
        let several = series.len() > 1;
        let series = named_by_what_varies(series, &key_names);
        let mut tables = Vec::with_capacity(series.len());
        for partial in series {
            if !is_one_series {
                check_times(&partial, &key_names)?;
            }
            let mut table = partial.into_table(&columns, counts_operations)?;
            if !several {
                table.name.clear();
            }
            table.notes.splice(0..0, notes.iter().cloned());
            if !were_named {
                leave_out_columns_without_readings(&mut table);
            }
            if !were_named {
                leave_out_columns_in_doubt(&mut table);
            }
            note_missing_readings(&mut table);
            tables.push(table);
        }
        Ok(tables)
    }
}

/// Parts a key's values from each other.
pub(super) const KEY_SEPARATOR: char = '\u{1f}';

/// Names series by the keys that it takes: `pod=a`, `namespace=shop, pod=a`.
fn named_by_what_varies(mut series: Vec<Partial>, key_names: &[String]) -> Vec<Partial> {
    if key_names.is_empty() {
        return series;
    }
    let parts: Vec<Vec<String>> = series
        .iter()
        .map(|partial| {
            partial
                .name
                .split(KEY_SEPARATOR)
                .map(str::to_owned)
                .collect()
        })
        .collect();
    let varies = keys_that_name(&parts, key_names);
    for (partial, parts) in series.iter_mut().zip(parts) {
        let said = key_names.iter().zip(parts).zip(&varies);
        let words: Vec<String> = said
            .filter(|(_, varies)| **varies)
            .map(|((key, value), _)| match key.is_empty() {
                true => value,
                false => format!("{key}={value}"),
            })
            .collect();
        partial.name = words.join(", ");
    }
    series
}

/// The keys that it takes to name every series: each that can be done without goes, numbers of
/// containers before names.
fn keys_that_name(parts: &[Vec<String>], key_names: &[String]) -> Vec<bool> {
    let mut kept = vec![true; key_names.len()];
    let is_unique = |kept: &[bool]| {
        let mut names: Vec<Vec<&String>> = parts
            .iter()
            .map(|parts| {
                parts
                    .iter()
                    .zip(kept)
                    .filter(|(_, k)| **k)
                    .map(|(p, _)| p)
                    .collect()
            })
            .collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    };
    let mut order: Vec<usize> = (0..key_names.len()).collect();
    order.sort_by_key(|&key| {
        let name = key_names[key].to_ascii_lowercase();
        (
            name.ends_with("name") || name == "pod",
            std::cmp::Reverse(key),
        )
    });
    for key in order {
        kept[key] = false;
        kept[key] = !is_unique(&kept);
    }
    kept
}

fn backwards(setbacks: &Setbacks) -> InputError {
    let (line, before, after) = setbacks.first().unwrap_or((0, "", ""));
    InputError::TimeBackwards {
        line,
        before: before.to_owned(),
        after: after.to_owned(),
    }
}

/// Refuses times that are those of several series.
fn check_times(partial: &Partial, key_names: &[String]) -> Result<(), InputError> {
    const FEW: usize = 3;
    let of = match key_names {
        [] => String::new(),
        _ => format!(" of {}", quote::cut(&partial.name)),
    };
    let repeated = partial.setbacks.repeated;
    if repeated >= FEW && partial.setbacks.repeated_share() > MANY_REPEATED {
        return Err(InputError::Mixed(format!(
            "{} of {}{of} have the time of the row before: these seem to be several series in one table; name the column that tells them apart with --by, or pick one with --only COLUMN=TEXT; if it is one series whose times are too coarse, say --by none",
            count_text(repeated as u64),
            plural(partial.time_s.len() as u64, "row"),
        )));
    }
    // After a setback the same times again are another series, not a clock that was set.
    let mut raw: Vec<f64> = Vec::new();
    for (count, &cut) in partial.cuts.iter().enumerate() {
        let end = partial.cuts.get(count + 1).copied();
        let end = end.unwrap_or(partial.time_s.len());
        let start = if count == 0 {
            0
        } else {
            partial.cuts[count - 1]
        };
        raw.extend(partial.raw_times(start..cut));
        raw.sort_by(f64::total_cmp);
        let again = partial
            .raw_times(cut..end)
            .filter(|time| raw.binary_search_by(|t| t.total_cmp(time)).is_ok())
            .count();
        if again >= FEW.min(end - cut) && again > 0 {
            return Err(backwards(&partial.setbacks));
        }
    }
    Ok(())
}

impl Partial {
    /// Times as the file has them, setbacks not evened out.
    fn raw_times(&self, rows: std::ops::Range<usize>) -> impl Iterator<Item = f64> {
        let passed = self.cuts.iter().filter(|cut| **cut <= rows.start).count();
        let offset: f64 = self.setbacks.offsets_s[..passed].iter().sum();
        self.time_s[rows].iter().map(move |time| time - offset)
    }

    fn into_table(
        mut self,
        columns: &[Column],
        counts_operations: bool,
    ) -> Result<Table, InputError> {
        let mut table = Table {
            name: self.name,
            load: self.load,
            operations: counts_operations.then_some(self.operations),
            ..Table::default()
        };
        for (&at_s, line) in self.setbacks.at_s.iter().zip(&self.setbacks.lines) {
            self.restarts.push(at_s);
            table.notes.push(Note::on_all(format!(
                "the clock was set back at line {line}; what stands before and after is judged as two stretches"
            )));
        }
        self.restarts.sort_by(f64::total_cmp);
        self.restarts.dedup();
        table.restarts = self.restarts;
        // Times count from the first row of the series.
        let first = self.time_s.first().copied().unwrap_or(0.0);
        if first != 0.0 && first.is_finite() {
            for time in self.time_s.iter_mut().chain(&mut table.restarts) {
                *time -= first;
            }
            if let Some(load) = &mut table.load {
                load.start_s -= first;
                load.end_s -= first;
            }
        }
        table.time_s = self.time_s;
        for (column, values) in columns.iter().zip(self.values) {
            let metric = metric(column, values, &mut table.notes);
            table.metrics.push(metric);
        }
        Ok(table)
    }
}

/// A metric with its unit settled.
fn metric(column: &Column, mut values: Vec<f64>, notes: &mut Vec<Note>) -> Metric {
    let shown = match column.role {
        Role::Free => format!("{}, turned round", column.name),
        _ => column.name.clone(),
    };
    let name = &shown;
    let said = column.unit.or(column.from_field);
    let mut doubt = None;
    let (unit, is_known) = match said {
        Some(unit) => {
            note_conversion(name, column.unit.is_some(), unit, notes);
            (unit, true)
        }
        None => match unit::settle(&column.name, &values) {
            Ok(settled) => {
                let factor = settled.unit.factor();
                if factor != 1.0 {
                    values.iter_mut().for_each(|value| *value *= factor);
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
                "`{}` is memory that is left, so it is judged turned round: what is gone of it counts as growth",
                column.name
            ),
        ));
    }
    Metric {
        name: shown,
        values,
        unit: unit.of_judge(),
        unit_is_known: is_known,
        doubt,
        turned_about,
    }
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

/// A column that was taken by its name alone and holds nothing is no metric.
fn leave_out_columns_without_readings(table: &mut Table) {
    let is_filled = |metric: &Metric| metric.values.iter().any(|value| !value.is_nan());
    if !table.metrics.iter().any(is_filled) {
        return;
    }
    let metrics = std::mem::take(&mut table.metrics);
    let (filled, empty): (Vec<_>, Vec<_>) = metrics.into_iter().partition(is_filled);
    table.metrics = filled;
    for metric in empty {
        let name = metric.name;
        table
            .notes
            .retain(|note| note.metric.as_ref() != Some(&name));
        table.notes.push(Note {
            text: format!("`{name}` has no readings and was left out"),
            metric: Some(name),
        });
    }
}

/// A column that was taken by its name alone, and may count anything, is no metric beside
/// others that are clear.
fn leave_out_columns_in_doubt(table: &mut Table) {
    if !table.metrics.iter().any(|metric| metric.doubt.is_none()) {
        return;
    }
    let metrics = std::mem::take(&mut table.metrics);
    let (clear, doubtful): (Vec<_>, Vec<_>) = metrics
        .into_iter()
        .partition(|metric| metric.doubt.is_none());
    table.metrics = clear;
    for Metric { name, .. } in doubtful {
        table.notes.push(Note {
            text: format!(
                "`{name}` says no unit and was left out; name it with --value and --unit"
            ),
            metric: Some(name),
        });
    }
}

fn note_missing_readings(table: &mut Table) {
    let missing = |values: &[f64]| values.iter().filter(|value| value.is_nan()).count() as u64;
    let rows = table.time_s.len() as u64;
    for metric in &table.metrics {
        let words = match missing(&metric.values) {
            0 => continue,
            1 => "is empty or NaN and was left out",
            _ => "are empty or NaN and were left out",
        };
        table.notes.push(Note {
            metric: Some(metric.name.clone()),
            text: format!(
                "{} of {} of `{}` {words}",
                count_text(missing(&metric.values)),
                plural(rows, "reading"),
                metric.name,
            ),
        });
    }
    let operations = table.operations.as_deref().map_or(0, missing);
    if operations > 0 {
        let verb = if operations == 1 { "is" } else { "are" };
        table.notes.push(Note::on_all(format!(
            "{} of {} of operations {verb} empty or NaN; a budget per operation leaves such rows out",
            count_text(operations),
            plural(rows, "count"),
        )));
    }
}
