//! The table itself, row by row.

use std::io::{BufRead, BufReader, Read};

use super::columns::{Chosen, choose};
use super::quote;
use super::time::{TimeUnit, date_seconds};
use super::{InputError, Note, ReadOptions, Table};
use leaklab_judge::Window;
use leaklab_judge::amount::{count_text, plural};
use leaklab_run::Phase;

/// Reads a table. Memory is that of the numbers that are kept: eight bytes each.
///
/// # Errors
///
/// [`InputError`], which names line and column.
pub fn read_table(source: impl Read, options: &ReadOptions) -> Result<Table, InputError> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, source));
    let mut first = loop {
        match lines.next()? {
            None => return Err(InputError::Empty),
            Some(line) if line.trim_ascii().is_empty() => {}
            Some(line) => break line.to_vec(),
        }
    };
    if first.starts_with(b"\xEF\xBB\xBF") {
        first.drain(..3);
    }
    let separator = Separator::of(&first);
    let mut names: Vec<String> = Vec::new();
    split(header_text(&first), separator, true, |field| {
        names.push(quote::escaped(field));
    });
    let headless = names
        .iter()
        .all(|name| number(name.as_bytes(), separator).is_some());
    let mut rows = if headless {
        let numbered: Vec<String> = (1..=names.len()).map(|i| i.to_string()).collect();
        Rows::new(numbered, separator, options)?
    } else {
        Rows::new(names, separator, options)?
    };
    // A number cut short looks whole: a row counts once its line has ended.
    let mut torn = headless && !lines.ended;
    if headless && !torn {
        rows.add(&first, lines.number)?;
    }
    while let Some(line) = lines.next()? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        torn = !lines.ended;
        if !torn {
            rows.add(&lines.buffer, lines.number)?;
        }
    }
    rows.finish(torn)
}

/// Lines, and whether the last one had an end.
struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    number: u64,
    ended: bool,
}

impl<R: BufRead> Lines<R> {
    fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            number: 0,
            ended: true,
        }
    }

    fn next(&mut self) -> Result<Option<&[u8]>, InputError> {
        self.buffer.clear();
        if self.source.read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.ended = self.buffer.last() == Some(&b'\n');
        while matches!(self.buffer.last(), Some(b'\n' | b'\r')) {
            self.buffer.pop();
        }
        Ok(Some(&self.buffer))
    }
}

/// What stands between fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Separator {
    Character(u8),
    /// One space or more; two or more in the header, whose names may hold one.
    Spaces,
}

impl Separator {
    fn of(line: &[u8]) -> Self {
        [b',', b';', b'\t']
            .into_iter()
            .find(|separator| line.contains(separator))
            .map_or(Self::Spaces, Self::Character)
    }
}

/// A header without the `#` that some tools put before it.
fn header_text(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"#").unwrap_or(line)
}

/// Calls `each` with every field, quotes taken off.
fn split(line: &[u8], separator: Separator, header: bool, mut each: impl FnMut(&[u8])) {
    match separator {
        Separator::Spaces => {
            let text = line.trim_ascii();
            let wide = header && text.windows(2).any(|pair| pair == b"  ");
            let mut rest = text;
            while !rest.is_empty() {
                let end = if wide {
                    rest.windows(2).position(|pair| pair == b"  ")
                } else {
                    rest.iter().position(u8::is_ascii_whitespace)
                };
                let end = end.unwrap_or(rest.len());
                each(&rest[..end]);
                rest = rest[end..].trim_ascii_start();
            }
        }
        Separator::Character(separator) if !line.contains(&b'"') => {
            line.split(|byte| *byte == separator).for_each(each)
        }
        Separator::Character(separator) => {
            let mut field = Vec::new();
            let mut quoted = false;
            let mut bytes = line.iter().copied().peekable();
            while let Some(byte) = bytes.next() {
                match byte {
                    b'"' if quoted && bytes.peek() == Some(&b'"') => {
                        field.push(b'"');
                        bytes.next();
                    }
                    b'"' => quoted = !quoted,
                    other if other == separator && !quoted => {
                        each(&field);
                        field.clear();
                    }
                    other => field.push(other),
                }
            }
            each(&field);
        }
    }
}

/// A number; between semicolons its decimals may follow a comma.
fn number(field: &[u8], separator: Separator) -> Option<f64> {
    let text = std::str::from_utf8(field.trim_ascii()).ok()?;
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    (separator == Separator::Character(b';') && text.contains(','))
        .then(|| text.replacen(',', ".", 1).parse().ok())?
}

fn is_missing(field: &[u8]) -> bool {
    let field = field.trim_ascii();
    field.is_empty()
        || field == b"-"
        || [&b"nan"[..], b"na", b"n/a", b"null", b"none"]
            .iter()
            .any(|word| field.eq_ignore_ascii_case(word))
}

/// How the time column is written.
enum Clock {
    Unknown,
    Number(f64),
    Date,
}

struct Rows {
    names: Vec<String>,
    separator: Separator,
    chosen: Chosen,
    unit: Option<TimeUnit>,
    clock: Clock,
    origin: f64,
    last_time: f64,
    last_text: Vec<u8>,
    /// For each field: 0 for none, 1 for time, 2 for operations, 3 and more for values.
    roles: Vec<usize>,
    columns_were_named: bool,
    table: Table,
}

impl Rows {
    fn new(
        names: Vec<String>,
        separator: Separator,
        options: &ReadOptions,
    ) -> Result<Self, InputError> {
        let chosen = choose(&names, options)?;
        let mut roles = vec![0; names.len()];
        for (order, (position, _)) in chosen.values.iter().enumerate() {
            roles[*position] = 3 + order;
        }
        if let Some(operations) = chosen.operations {
            roles[operations] = 2;
        }
        roles[chosen.time] = 1;
        let mut table = Table {
            operations: chosen.operations.map(|_| Vec::new()),
            ..Table::default()
        };
        for (position, factor) in &chosen.values {
            table.metrics.push((names[*position].clone(), Vec::new()));
            if *factor != 1.0 {
                table.notes.push(Note {
                    metric: Some(names[*position].clone()),
                    text: format!(
                        "`{}` was converted to bytes, {factor} each",
                        names[*position]
                    ),
                });
            }
        }
        let unit = options
            .time_unit
            .or_else(|| TimeUnit::of_name(&names[chosen.time]));
        Ok(Self {
            names,
            separator,
            chosen,
            unit,
            clock: Clock::Unknown,
            origin: 0.0,
            last_time: f64::NEG_INFINITY,
            last_text: Vec::new(),
            roles,
            columns_were_named: !options.values.is_empty(),
            table,
        })
    }

    fn add(&mut self, line: &[u8], number_of_line: u64) -> Result<(), InputError> {
        let mut position = 0;
        let mut failed = None;
        let mut in_load = false;
        let phase = self.chosen.phase;
        let roles = std::mem::take(&mut self.roles);
        split(line, self.separator, false, |field| {
            let role = roles.get(position).copied().unwrap_or(0);
            if role > 0 && failed.is_none() {
                let result = if role == 1 {
                    self.add_time(field, number_of_line)
                } else {
                    self.add_value(field, role, position, number_of_line)
                };
                failed = result.err();
            }
            if phase == Some(position) {
                in_load = field == Phase::Load.name().as_bytes();
            }
            position += 1;
        });
        self.roles = roles;
        if position != self.names.len() {
            return Err(InputError::FieldCount {
                line: number_of_line,
                found: position,
                expected: self.names.len(),
            });
        }
        failed.map_or(Ok(()), Err)?;
        if in_load && let Some(&now_s) = self.table.time_s.last() {
            let start_s = self.table.load.map_or(now_s, |load| load.start_s);
            self.table.load = Some(Window {
                start_s,
                end_s: now_s,
            });
        }
        Ok(())
    }

    fn add_value(
        &mut self,
        field: &[u8],
        role: usize,
        position: usize,
        line: u64,
    ) -> Result<(), InputError> {
        let value = match number(field, self.separator) {
            Some(value) => value,
            None if is_missing(field) => f64::NAN,
            None => f64::INFINITY,
        };
        let (column, text) = (|| quote::cut(&self.names[position]), || quote::shown(field));
        if value.is_infinite() {
            return Err(InputError::NotANumber {
                line,
                column: column(),
                text: text(),
                wanted: "number",
            });
        }
        if value < 0.0 {
            return Err(InputError::Negative {
                line,
                column: column(),
                text: text(),
            });
        }
        if role == 2 {
            self.table.operations.get_or_insert_default().push(value);
        } else {
            let factor = self.chosen.values[role - 3].1;
            self.table.metrics[role - 3].1.push(value * factor);
        }
        Ok(())
    }

    fn add_time(&mut self, field: &[u8], line: u64) -> Result<(), InputError> {
        let column = || quote::cut(&self.names[self.chosen.time]);
        if is_missing(field) {
            return Err(InputError::NoTime {
                line,
                column: column(),
            });
        }
        let text = || quote::shown(field);
        let as_number = number(field, self.separator).filter(|time| time.is_finite());
        if let Clock::Unknown = self.clock {
            self.clock = match as_number {
                Some(first) => Clock::Number(
                    self.unit
                        .unwrap_or_else(|| TimeUnit::of_size(first))
                        .seconds(),
                ),
                None => Clock::Date,
            };
            self.origin = f64::NAN;
        }
        let (raw, factor) = match self.clock {
            Clock::Number(factor) => (as_number, factor),
            _ => (std::str::from_utf8(field).ok().and_then(date_seconds), 1.0),
        };
        let Some(raw) = raw else {
            return Err(InputError::NotANumber {
                line,
                column: column(),
                text: text(),
                wanted: "time",
            });
        };
        if self.origin.is_nan() {
            self.origin = raw;
        }
        let time = (raw - self.origin) * factor;
        if time < self.last_time {
            let before = quote::shown(&self.last_text);
            return Err(InputError::TimeBackwards {
                line,
                before,
                after: text(),
            });
        }
        self.last_time = time;
        self.last_text.clear();
        self.last_text.extend_from_slice(field);
        self.table.time_s.push(time);
        Ok(())
    }

    fn finish(mut self, torn: bool) -> Result<Table, InputError> {
        match (self.table.time_s.is_empty(), torn) {
            (true, true) => return Err(InputError::OnlyRowMayBeTorn),
            (true, false) => return Err(InputError::NoRows),
            (false, true) => self.table.notes.push(Note {
                metric: None,
                text: "the last line has no line end; it may be torn and was left out".to_owned(),
            }),
            (false, false) => {}
        }
        self.note_small_fractions();
        if !self.columns_were_named {
            self.leave_out_columns_without_readings();
        }
        self.note_missing_readings();
        Ok(self.table)
    }

    /// A column that was taken by its name alone and holds nothing is no metric.
    fn leave_out_columns_without_readings(&mut self) {
        let is_filled = |values: &[f64]| values.iter().any(|value| !value.is_nan());
        if !self.table.metrics.iter().any(|(_, v)| is_filled(v)) {
            return;
        }
        let metrics = std::mem::take(&mut self.table.metrics);
        let (filled, empty): (Vec<_>, Vec<_>) = metrics
            .into_iter()
            .partition(|(_, values)| is_filled(values));
        self.table.metrics = filled;
        for (name, _) in empty {
            self.table
                .notes
                .retain(|note| note.metric.as_ref() != Some(&name));
            self.table.notes.push(Note {
                text: format!("`{name}` has no readings and was left out"),
                metric: Some(name),
            });
        }
    }

    /// Small amounts with fractions are megabytes rather than bytes, if nobody named a unit.
    fn note_small_fractions(&mut self) {
        const SMALL: f64 = 1e6;
        for ((name, values), (_, factor)) in self.table.metrics.iter().zip(&self.chosen.values) {
            let known = || values.iter().filter(|value| value.is_finite());
            let is_small = known().all(|&value| value < SMALL);
            if *factor == 1.0 && is_small && known().any(|value| value.fract() != 0.0) {
                self.table.notes.push(Note {
                    metric: Some(name.clone()),
                    text: format!(
                        "`{name}` has fractions, and bytes have none; if it counts MB, call it `{name} (MB)`"
                    ),
                });
            }
        }
    }

    fn note_missing_readings(&mut self) {
        let missing = |values: &[f64]| values.iter().filter(|value| value.is_nan()).count() as u64;
        let rows = self.table.time_s.len() as u64;
        for (name, values) in &self.table.metrics {
            let words = match missing(values) {
                0 => continue,
                1 => "is empty or NaN and was left out",
                _ => "are empty or NaN and were left out",
            };
            self.table.notes.push(Note {
                metric: Some(name.clone()),
                text: format!(
                    "{} of {} of `{name}` {words}",
                    count_text(missing(values)),
                    plural(rows, "reading"),
                ),
            });
        }
        let operations = self.table.operations.as_deref().map_or(0, missing);
        if operations > 0 {
            let verb = if operations == 1 { "is" } else { "are" };
            self.table.notes.push(Note {
                metric: None,
                text: format!(
                    "{} of {} of operations {verb} empty or NaN; a budget per operation leaves such rows out",
                    count_text(operations),
                    plural(rows, "count"),
                ),
            });
        }
    }
}
