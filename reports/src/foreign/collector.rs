//! Series as their rows come in, taken apart by a key; made whole at the end.

use super::column::Column;
use super::companion::{Companion, Found};
use super::left_out::{
    leave_out_columns_in_doubt, leave_out_columns_without_readings, note_missing_readings,
};
use super::names::named_by_what_varies;
use super::number::{amount, is_missing, number, plain};
use super::partial::{Partial, backwards, check_times};
use super::quote;
use super::role::{self, Role};
use super::unit::ValueUnit;
use super::{InputError, Note, Table, apart, left, lives, swap};
use leaklab_judge::Window;
use leaklab_judge::amount::{count_text, plural};
use std::collections::HashMap;

/// Readings that are kept, at most: half a gigabyte of numbers.
const MOST_READINGS: usize = 1 << 26;

/// Series of one file, at most: a fleet is `leaklab fleet`'s.
const MOST_SERIES: usize = 20_000;

/// A clock is set back now and then; more often, times are those of several series.
const MOST_SETBACKS: usize = 2;

/// No clock counts thirty million years; beyond, seconds lose their place.
const FARTHEST_S: f64 = 1e15;

/// What programs write for a reading that they could not take.
const NOT_TAKEN: f64 = -1.0;

/// Repeated times from which on nothing that follows makes one series of them, if they are most.
const SURELY_REPEATED: usize = 1 << 15;

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
    /// Whether times are negative and rise: those of rows with the newest first.
    pub is_newest_first: bool,
    pub counts_operations: bool,
    /// Whether swap counts with what is resident, where both are columns.
    pub joins_swap: bool,
    /// How much memory there is in all, where the user says it.
    pub total_bytes: Option<f64>,
    /// Rows that the file may hold, where its size is known.
    pub expected_rows: usize,
    /// What tells series apart, in words.
    pub key_names: Vec<String>,
    /// How many parts of the keys, the last ones, tell lives of one program apart.
    pub lives: usize,
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
            is_newest_first: false,
            counts_operations: false,
            joins_swap: false,
            total_bytes: None,
            expected_rows: 0,
            key_names: Vec::new(),
            lives: 0,
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
                // A table of one series is known by its empty key.
                let rows = if key.is_empty() {
                    self.expected_rows
                } else {
                    0
                };
                let rows = rows.min(MOST_READINGS / (1 + self.columns.len()));
                let room = || {
                    let mut column = Vec::new();
                    // Without room now there may be some later, row by row.
                    let _ = column.try_reserve_exact(rows);
                    column
                };
                self.series.push(Partial {
                    name: name(),
                    time_s: room(),
                    values: self.columns.iter().map(|_| room()).collect(),
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
        if !self.is_one_series
            && partial.setbacks.repeated >= SURELY_REPEATED
            && partial.setbacks.repeated_share() > 0.5
        {
            // Input that never ends is not waited for.
            check_times(partial, &self.key_names)?;
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

    /// Takes a whole row of values in their unit at a time that is not before the one ahead of
    /// it; nothing is taken, and the answer is no, where the row needs a closer look.
    pub fn quick_row(&mut self, series: usize, time_s: f64, values: &[f64]) -> bool {
        let readings = self.readings + 1 + values.len();
        let Some(partial) = self.series.get_mut(series) else {
            return false;
        };
        if readings > MOST_READINGS
            || time_s.abs() > FARTHEST_S
            || partial.setbacks.repeated >= SURELY_REPEATED
        {
            return false;
        }
        let Some(time_s) = partial.setbacks.forward(time_s) else {
            return false;
        };
        self.readings = readings;
        partial.time_s.push(time_s);
        for (column, value) in partial.values.iter_mut().zip(values) {
            column.push(*value);
        }
        true
    }

    /// Says how the file writes the time of the last row.
    pub fn last_time(&mut self, series: usize, field: &[u8]) {
        let last = &mut self.series[series].last_time_field;
        last.clear();
        last.extend_from_slice(field);
    }

    /// What one in each column is in bytes, or whatever is counted.
    pub fn factors(&self) -> impl Iterator<Item = f64> {
        (0..self.columns.len()).map(|column| self.factor(column))
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
        let is_aside = self.columns[column].is_beside || self.columns[column].is_total;
        let value = if quick.is_nan() || quick < 0.0 {
            match self.slow_value(column, field, place) {
                // What is read beside the memory keeps nobody from judging it.
                Err(_) if is_aside => f64::NAN,
                value => value?,
            }
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
        if amount.number == NOT_TAKEN && amount.unit.is_none() {
            self.columns[column].minus_ones += 1;
            return Ok(f64::NAN);
        }
        if amount.number < 0.0 {
            return Err(InputError::Negative {
                line: place.line,
                column: quote::cut(place.column),
                text: quote::shown(field),
            });
        }
        Ok(match amount.unit {
            Some(unit) => {
                let comma_is_point = self.comma_is_point;
                let of_column = &mut self.columns[column];
                of_column.from_field = Some(unit);
                of_column.look_at(field, comma_is_point);
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

    /// Sets a column of the rows of those times, in bytes, in all series.
    pub fn values_at(&mut self, column: usize, readings: &[(f64, f64)]) {
        for partial in &mut self.series {
            for (time_s, value) in readings {
                let row = partial.time_s.partition_point(|time| time < time_s);
                if partial.time_s.get(row) == Some(time_s) {
                    partial.values[column][row] = *value;
                }
            }
        }
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

    /// Says that the row that was begun last does not say which life it is of.
    pub fn life_is_unsaid(&mut self, series: usize) {
        let partial = &mut self.series[series];
        if let Some(&now_s) = partial.time_s.last() {
            partial.unsaid_s.push(now_s);
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

    /// How many rows a series has.
    pub fn rows_of(&self, series: usize) -> usize {
        self.series
            .get(series)
            .map_or(0, |partial| partial.time_s.len())
    }

    /// Takes for restarts what columns beside the memory say; which of them did.
    pub fn restarts_by(&mut self, companions: &[Companion]) -> Vec<String> {
        let mut by: Vec<String> = Vec::new();
        for (index, partial) in self.series.iter_mut().enumerate() {
            let changed = companions.iter().filter(|one| one.has_changed(index));
            let companions: Vec<&Companion> = changed.collect();
            if companions.is_empty() {
                continue;
            }
            let memory = partial.memory(&self.columns, self.is_newest_first);
            for companion in companions {
                match companion.found(index, partial.time_s.len(), &memory) {
                    Some(Found::Restarts(rows)) => {
                        partial.restart_at(&rows);
                        if !by.contains(&companion.name) {
                            by.push(companion.name.clone());
                        }
                    }
                    Some(Found::Doubt) if partial.restarts.is_empty() => {
                        let name = quote::cut(&companion.name);
                        partial.unsettled = Some(format!(
                            "memory falls back where `{name}` changes, which may be restarts of a program that leaks; --restarts {name} says that it is new there, --restarts none that it ran throughout"
                        ));
                    }
                    _ => {}
                }
            }
            if !partial.restarts.is_empty() {
                partial.unsettled = None;
            }
        }
        by
    }

    /// Settles whether columns that were taken to tell series apart do.
    pub fn settle_apart(&mut self, open: &[apart::Open]) -> apart::Settled {
        let series = std::mem::take(&mut self.series);
        let mut settled = apart::settle(
            series,
            open,
            &self.key_names,
            &self.columns,
            self.is_newest_first,
        );
        self.series = std::mem::take(&mut settled.series);
        settled
    }

    /// Joins lives of one program that follow each other; what told them apart, in words.
    pub fn join_lives(&mut self) -> Lives {
        let series = std::mem::take(&mut self.series);
        let joined = lives::join(series, self.lives, &self.key_names, &self.columns);
        self.series = joined.series;
        let too_often = (!joined.too_often.is_empty()).then(|| {
            Note::on_all(format!(
                "{} changes too often to tell lives of a program apart, and was left out",
                quote::list(&joined.too_often)
            ))
        });
        Lives {
            by: joined.by,
            note: too_often,
        }
    }

    /// Joins the lives of processes whose keys are a command and a number; what told them apart.
    pub fn join_processes(&mut self) -> String {
        self.lives = 1;
        self.key_names = vec![String::new(), "PID".to_owned()];
        let by = self.join_lives().by;
        self.key_names.truncate(1);
        for partial in &mut self.series {
            partial.name = match partial.name.split_once(KEY_SEPARATOR) {
                Some((command, "")) => command.to_owned(),
                Some(("", pid)) => format!("process {pid}"),
                Some((command, pid)) => format!("{command} ({pid})"),
                None => std::mem::take(&mut partial.name),
            };
        }
        lives::said(&by).unwrap_or_default()
    }

    /// The key and the place of the last row's series.
    pub fn last_key(&self) -> Option<(&[u8], usize)> {
        self.last.as_ref().map(|(key, index)| (&key[..], *index))
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Keeps the series whose names are called like memory in use, where some are and some are
    /// not; says how many were left out. `place`: which part of a key names the metric.
    pub fn keep_memory(&mut self, place: usize) -> usize {
        let before = self.series.len();
        for partial in &mut self.series {
            let name = partial.name.split(KEY_SEPARATOR).nth(place);
            partial.metric = name.map(str::to_owned);
        }
        let is_memory = |partial: &Partial| role::is_called_like_memory(&partial.name);
        let role = |partial: &Partial| role::role_of(partial.metric.as_deref().unwrap_or(""));
        let is_used = |p: &Partial| {
            let name = p.metric.as_deref().unwrap_or("");
            is_memory(p) && role(p) == Role::Used && !role::is_swap(name)
        };
        let is_use = |p: &Partial| is_memory(p) && matches!(role(p), Role::Used | Role::Free);
        if self.series.iter().any(is_used) {
            // What is left says nothing more beside what is in use.
            self.series.retain(|p| is_use(p) && role(p) == Role::Used);
        } else if self.series.iter().any(is_use) {
            self.series.retain(is_use);
        } else if self.series.iter().any(is_memory) {
            self.series.retain(is_memory);
        }
        // Shares say nothing more beside amounts.
        let is_share = |p: &Partial| {
            let unit = p.metric.as_deref().and_then(ValueUnit::of_name);
            unit == Some(ValueUnit::Percent)
        };
        if self.series.iter().any(|p| is_used(p) && !is_share(p)) {
            self.series.retain(|p| !is_share(p));
        }
        before - self.series.len()
    }

    /// The tables. `were_named`: whether the user chose the columns; `notes` are of all series.
    pub fn finish(self, were_named: bool, notes: &[Note]) -> Result<Vec<Table>, InputError> {
        let Self {
            columns,
            series,
            is_one_series,
            is_newest_first,
            counts_operations,
            joins_swap,
            total_bytes,
            key_names,
            ..
        } = self;
        let several = series.len() > 1;
        let mut series = series;
        let names = series.iter_mut().map(|partial| &mut partial.name);
        named_by_what_varies(names.collect(), &key_names);
        let mut tables = Vec::with_capacity(series.len());
        for partial in series {
            if !is_one_series {
                check_times(&partial, &key_names)?;
            }
            let mut partial = match is_newest_first {
                true => partial.turned()?,
                false => partial,
            };
            let mut columns = columns_of(&columns, &mut partial);
            let in_use = left::as_in_use(&columns, &mut partial.values, total_bytes)?;
            columns = in_use.columns;
            let joined = joins_swap
                .then(|| swap::join(&columns, &mut partial.values))
                .flatten();
            let columns = joined
                .as_ref()
                .map_or(&columns[..], |joined| &joined.columns);
            let mut table = partial.into_table(columns, counts_operations)?;
            table.notes.extend(columns.iter().filter_map(not_taken));
            table.notes.extend(in_use.notes);
            if let Some(joined) = joined {
                table.notes.extend(joined.note.map(Note::on_all));
                table.unsettled = table.unsettled.or(joined.unsettled);
            }
            if !several {
                table.name.clear();
            }
            table.notes.splice(0..0, notes.iter().cloned());
            if !were_named {
                leave_out_columns_without_readings(&mut table);
                leave_out_columns_in_doubt(&mut table);
            }
            note_missing_readings(&mut table);
            tables.push(table);
        }
        Ok(tables)
    }
}

/// That readings of a column were not taken, by what stands for them.
fn not_taken(column: &Column) -> Option<Note> {
    let count = column.minus_ones;
    (count > 0).then(|| {
        Note::on(
            &column.name,
            format!(
                "{} of `{}`, -1 each, {} not taken and left out",
                plural(count, "reading"),
                quote::cut(&column.name),
                if count == 1 { "was" } else { "were" }
            ),
        )
    })
}

/// The columns of a series: where its key names the metric, that says what theirs do not.
fn columns_of(columns: &[Column], partial: &mut Partial) -> Vec<Column> {
    let Some(name) = partial.metric.as_deref() else {
        return columns.to_vec();
    };
    let mut named = Vec::with_capacity(columns.len());
    for (column, values) in columns.iter().zip(&mut partial.values) {
        let of_metric = column.of_metric(name);
        if !column.says_its_unit() {
            let factor = of_metric.unit.map_or(1.0, ValueUnit::factor);
            values.iter_mut().for_each(|value| *value *= factor);
        }
        named.push(of_metric);
    }
    named
}

/// What told lives of a program apart.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// The columns.
    pub by: Vec<String>,
    /// What was left out.
    pub note: Option<Note>,
}

/// Parts a key's values from each other.
pub(super) const KEY_SEPARATOR: char = '\u{1f}';
