//! Tables of text: a row per line, fields between separators.

mod layout;
mod quick;

use super::apart::Open;
use super::clock::{Clock, day_order};
use super::collector::{Collector, KEY_SEPARATOR, Place};
use super::column::Column;
use super::columns::{Chosen, choose};
use super::companion::Companion;
use super::keys::is_identity;
use super::left_out::other_metrics;
use super::lines::Lines;
use super::lives::said;
use super::number::{is_missing, number};
use super::quote;
use super::role::{Role, is_of_kernel, is_swap_left, may_hold_caches, role_of};
use super::time::{DayOrder, TimeUnit};
use super::time_unit::{self, Counted};
use super::unit::ValueUnit;
use super::{InputError, Note, ReadOptions, Recording, RestartSource, interleaved};
use layout::{Layout, MOST_QUOTED_LINES, ends_within_quotes, is_annotation};
pub(super) use layout::{Separator, split, time_words};
use leaklab_judge::amount::plural;
use leaklab_run::Phase;
use std::collections::HashMap;
use std::io::BufRead;

/// What a table is read as that no known tool wrote.
pub(super) const PLAIN: &str = "a table";

/// What a field of a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duty {
    Nothing,
    Time,
    Operations,
    Value(usize),
}

/// Rows as they come, whatever they were cut from.
pub(super) struct Rows {
    names: Vec<String>,
    chosen: Chosen,
    clock: Clock,
    /// Whether rows come in the order of their times turned round.
    is_newest_first: bool,
    every_s: Option<f64>,
    duties: Vec<Duty>,
    /// For each column, its place among the keys.
    key_places: Vec<usize>,
    collector: Collector,
    rows_of_series: Vec<u64>,
    were_named: bool,
    notes: Vec<Note>,
    key: Vec<u8>,
    time_field: Vec<u8>,
    date_field: Vec<u8>,
    /// What tells the life of each program that the other keys name, as it was said last.
    last_lives: HashMap<Vec<u8>, Vec<Vec<u8>>>,
    /// For each column, its place among the companions.
    companion_places: Vec<usize>,
    /// Whether nobody says how many series the table holds.
    is_one_table: bool,
    rows: u64,
    short_rows: u64,
    restart_pending: bool,
    marks: Vec<String>,
}

impl Rows {
    pub fn new(
        names: Vec<String>,
        sample: &[Vec<String>],
        comma_is_point: bool,
        options: &ReadOptions,
    ) -> Result<Self, InputError> {
        let mut chosen = choose(&names, sample, comma_is_point, options)?;
        let (duties, columns) = duties(&names, &chosen, sample, comma_is_point, options);
        let mut collector = Collector::new(columns);
        collector.comma_is_point = comma_is_point;
        collector.counts_operations = chosen.operations.is_some();
        collector.is_one_series = chosen.keys.is_empty() && !options.by.is_empty();
        collector.key_names = chosen.keys.iter().map(|&c| names[c].clone()).collect();
        collector.lives = chosen.lives;
        collector.total_bytes = options.total_bytes;
        collector.joins_swap = options.values.is_empty() && chosen.phase.is_none();
        let times = sampled_times(sample, &chosen);
        let stamps = times.iter().map(String::as_str);
        let order = day_order(stamps.clone());
        let counts_from_start = chosen.time.is_some_and(|time| says_elapsed(&names[time]))
            || stamps.clone().any(is_beyond_a_day);
        if !counts_from_start && let Some(first) = stamps.clone().next().filter(|t| is_zero(t)) {
            return Err(InputError::NotASeries(format!(
                "the times begin with `{first}`, which may be hours and minutes or minutes and seconds; write 00:00:00, or call the column `elapsed`"
            )));
        }
        let is_newest_first = is_newest_first(stamps.clone(), order, comma_is_point);
        collector.is_newest_first = is_newest_first;
        let numbers = times
            .iter()
            .map_while(|field| number(field.as_bytes(), comma_is_point));
        let name = chosen.time.map_or("", |time| names[time].as_str());
        let counted = match options.time_unit.or_else(|| TimeUnit::of_name(name)) {
            Some(unit) => Counted::told(unit),
            None => {
                let in_turn = chosen.keys.len() > chosen.lives;
                time_unit::of_numbers(name, &numbers.collect::<Vec<_>>(), in_turn)?
            }
        };
        let mut notes: Vec<Note> = chosen.left_out.iter().cloned().map(Note::on_all).collect();
        notes.extend(counted.note.map(Note::on_all));
        let mut key_places = vec![usize::MAX; names.len()];
        for (place, &column) in chosen.keys.iter().enumerate() {
            key_places[column] = place;
        }
        let mut companion_places = vec![usize::MAX; names.len()];
        for (place, (column, companion)) in chosen.companions.iter_mut().enumerate() {
            companion_places[*column] = place;
            companion.is_newest_first = is_newest_first;
        }
        let mut clock = Clock::new(counted.unit, order);
        clock.is_elapsed = counts_from_start;
        Ok(Self {
            clock,
            is_newest_first,
            every_s: options.every_s.filter(|_| chosen.time.is_none()),
            duties,
            key_places,
            collector,
            rows_of_series: Vec::new(),
            were_named: !options.values.is_empty(),
            notes,
            key: Vec::new(),
            time_field: Vec::new(),
            date_field: Vec::new(),
            last_lives: HashMap::new(),
            companion_places,
            is_one_table: options.by.is_empty(),
            rows: 0,
            short_rows: 0,
            restart_pending: false,
            marks: match &options.restarts {
                Some(RestartSource::Marks(marks)) => marks.clone(),
                _ => Vec::new(),
            },
            names,
            chosen,
        })
    }

    /// The program was started anew before the next row.
    pub fn restart(&mut self) {
        self.restart_pending = true;
    }

    /// Takes one row. `cut` calls its argument with every field in turn.
    pub fn add<'a>(
        &mut self,
        line: u64,
        cut: impl Fn(&mut dyn FnMut(&[u8])) + 'a,
    ) -> Result<(), InputError> {
        let Some((found, series)) = self.place(line, &cut)? else {
            return Ok(());
        };
        let expected = self.names.len();
        if found != expected {
            // A loop whose program has ended goes on writing times.
            if found == 1 && self.chosen.time == Some(0) {
                self.short_rows += 1;
                return Ok(());
            }
            return Err(InputError::FieldCount {
                line,
                found,
                expected,
            });
        }
        self.rows += 1;
        let mut failed = None;
        let mut position = 0;
        let mut in_load = false;
        cut(&mut |field| {
            if failed.is_none() {
                failed = self.value(series, position, field, line).err();
                if self.chosen.phase == Some(position) {
                    in_load = field == Phase::Load.name().as_bytes();
                }
                if self.chosen.restarts == Some(position) {
                    self.collector.life(series, field);
                }
            }
            position += 1;
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if in_load {
            self.collector.in_load(series);
        }
        if std::mem::take(&mut self.restart_pending) {
            self.collector.restart(series);
        }
        Ok(())
    }

    fn value(
        &mut self,
        series: usize,
        position: usize,
        field: &[u8],
        line: u64,
    ) -> Result<(), InputError> {
        let place = |names: &'_ [String]| names.get(position).cloned().unwrap_or_default();
        match self.duties.get(position) {
            Some(Duty::Value(column)) => {
                let column = *column;
                let name = std::mem::take(&mut self.collector.columns[column].name);
                let result = self.collector.field(
                    series,
                    column,
                    field,
                    Place {
                        line,
                        column: &name,
                    },
                );
                self.collector.columns[column].name = name;
                result
            }
            Some(Duty::Operations) => {
                let name = place(&self.names);
                self.collector.operations(
                    series,
                    field,
                    Place {
                        line,
                        column: &name,
                    },
                )
            }
            _ => {
                let place = self.companion_places.get(position).copied();
                if let Some((_, companion)) =
                    place.and_then(|at| self.chosen.companions.get_mut(at))
                {
                    let row = self.collector.rows_of(series).saturating_sub(1);
                    companion.see(series, row, field, self.collector.comma_is_point);
                }
                Ok(())
            }
        }
    }

    /// Begins the row: its number of fields and its series; `None` for one that is not wanted.
    fn place(
        &mut self,
        line: u64,
        cut: &impl Fn(&mut dyn FnMut(&[u8])),
    ) -> Result<Option<(usize, usize)>, InputError> {
        let mut position = 0;
        let mut time = None;
        let mut wanted = true;
        self.key.clear();
        let mut parts: Vec<Vec<u8>> = vec![Vec::new(); self.chosen.keys.len()];
        let many_keys = parts.len() > 1;
        self.date_field.clear();
        cut(&mut |field| {
            if self.chosen.time == Some(position) {
                self.time_field.clear();
                self.time_field.extend_from_slice(field);
            }
            if self.chosen.date == Some(position) {
                self.date_field.extend_from_slice(field.trim_ascii());
            }
            for (column, text) in &self.chosen.only {
                wanted &= *column != position || field.trim_ascii() == text.trim().as_bytes();
            }
            if let Some(&place) = self.key_places.get(position)
                && place < usize::MAX
            {
                if many_keys {
                    parts[place] = field.trim_ascii().to_vec();
                } else {
                    self.key.extend_from_slice(field.trim_ascii());
                }
            }
            position += 1;
        });
        if !wanted {
            return Ok(None);
        }
        if position != self.names.len() {
            return Ok(Some((position, 0)));
        }
        if self.chosen.time.is_some() {
            if self.chosen.date.is_some() && !is_missing(&self.time_field) {
                self.date_field.push(b' ');
                let at = self.time_field.len();
                self.time_field.extend_from_slice(&self.date_field);
                self.time_field.rotate_left(at);
            }
            let comma_is_point = self.collector.comma_is_point;
            time = Some(read_time(&mut self.clock, &self.time_field, comma_is_point));
        }
        if many_keys {
            self.key = parts.join(&[KEY_SEPARATOR as u8][..]);
        }
        let is_unsaid = self.chosen.lives > 0 && self.fill_in_lives(&mut parts);
        let key = std::mem::take(&mut self.key);
        let series = self
            .collector
            .series_of(&key, || quote::escaped_parts(&key));
        self.key = key;
        let series = series?;
        if self.rows_of_series.len() <= series {
            // Rows at regular times: a life begins where the one before has ended.
            let begun = self.rows_of_series.iter().copied().max();
            let begun = begun.filter(|_| self.chosen.lives > 0).unwrap_or(0);
            self.rows_of_series.resize(series + 1, begun);
        }
        let seconds = match (time, self.every_s) {
            (Some(Ok(seconds)), _) if self.is_newest_first => -seconds,
            (Some(Ok(seconds)), _) => seconds,
            (Some(Err(missing)), _) => {
                return Err(self.time_error(missing, &self.time_field, line));
            }
            (None, Some(every_s)) => self.rows_of_series[series] as f64 * every_s,
            (None, None) => {
                return Err(InputError::NoTimes {
                    what: "a table".to_owned(),
                });
            }
        };
        self.rows_of_series[series] += 1;
        self.collector
            .row(series, seconds, line, &self.time_field)?;
        if is_unsaid {
            self.collector.life_is_unsaid(series);
        }
        Ok(Some((position, series)))
    }

    /// A life goes on where nothing is said of it; yes if nothing is. `parts`: those of the key,
    /// where it has several.
    fn fill_in_lives(&mut self, parts: &mut [Vec<u8>]) -> bool {
        if parts.len() == 1 {
            parts[0].clone_from(&self.key);
        }
        let whose = parts.len() - self.chosen.lives;
        let (whose, lives) = parts.split_at_mut(whose);
        let whose = whose.join(&[KEY_SEPARATOR as u8][..]);
        let is_unsaid = lives.iter().any(|part| is_missing(part));
        match self.last_lives.get_mut(&whose) {
            Some(last) if is_unsaid => {
                for (part, last) in lives.iter_mut().zip(last) {
                    if is_missing(part) {
                        part.clone_from(last);
                    }
                }
            }
            Some(last) => last.clone_from_slice(lives),
            None => {
                self.last_lives.insert(whose, lives.to_vec());
            }
        }
        if is_unsaid {
            self.key = parts.join(&[KEY_SEPARATOR as u8][..]);
        }
        is_unsaid
    }

    fn time_error(&self, missing: bool, field: &[u8], line: u64) -> InputError {
        let column = self
            .chosen
            .time
            .map_or("", |time| self.names[time].as_str());
        match missing {
            true => InputError::NoTime {
                line,
                column: quote::cut(column),
            },
            false => InputError::NotANumber {
                line,
                column: quote::cut(column),
                text: quote::shown(field),
                wanted: "time",
            },
        }
    }

    /// The recording. `torn`: whether a last line was left out.
    pub fn finish(mut self, torn: bool) -> Result<Recording, InputError> {
        match (self.rows == 0, torn) {
            (true, true) => return Err(InputError::OnlyRowMayBeTorn),
            (true, false) if self.chosen.only.is_empty() => return Err(InputError::NoRows),
            (true, false) => {
                return Err(InputError::NotASeries(format!(
                    "no row has what --only asks for{}",
                    self.chosen
                        .only
                        .iter()
                        .map(|(column, text)| format!(
                            ": `{}` is never `{}`",
                            quote::cut(&self.names[*column]),
                            quote::cut(text)
                        ))
                        .collect::<String>()
                )));
            }
            (false, true) => self.notes.push(Note::on_all(
                "the last line has no line end; it may be torn and was left out".to_owned(),
            )),
            (false, false) => {}
        }
        if self.short_rows > 0 {
            self.notes.push(Note::on_all(format!(
                "{} hold a time and no value and were left out",
                plural(self.short_rows, "line")
            )));
        }
        let companions = std::mem::take(&mut self.chosen.companions);
        let companions: Vec<Companion> = companions.into_iter().map(|(_, one)| one).collect();
        let restarts_by = self.collector.restarts_by(&companions);
        if let Some(metric) = self.chosen.metric_key {
            let place = self.key_places.get(metric).copied().unwrap_or(usize::MAX);
            let others = self.collector.keep_memory(place);
            if others > 0 {
                self.notes.push(Note::on_all(other_metrics(others)));
            }
        }
        let mut marks = Vec::new();
        for mark in &self.marks {
            let seconds = self.clock.seconds(mark.as_bytes(), false);
            let seconds = seconds.map(|s| if self.is_newest_first { -s } else { s });
            marks.push(seconds.ok_or_else(|| {
                InputError::NotASeries(format!(
                    "the mark `{}` is not a time in the form of this file's",
                    quote::cut(mark)
                ))
            })?);
        }
        if self.is_newest_first {
            self.notes.push(Note::on_all(
                "the newest row stands first; the rows were turned round".to_owned(),
            ));
        }
        self.collector.restarts_at(&marks);
        let open: Vec<Open> = (self.chosen.open_keys.iter())
            .map(|&column| Open {
                place: self.key_places[column],
                is_identity: is_identity(&self.names[column]),
            })
            .collect();
        let settled = self.collector.settle_apart(&open);
        self.notes.extend(settled.notes);
        let lives = self.collector.join_lives();
        let by = [lives.by, settled.lives_by, restarts_by].concat();
        self.notes.extend(lives.note);
        let tables = self.collector.finish(self.were_named, &self.notes)?;
        if self.is_one_table && self.chosen.phase.is_none() {
            tables.iter().try_for_each(interleaved::check)?;
        }
        Ok(Recording {
            read_as: said(&by).map(|by| format!("{PLAIN}{by}")),
            tables,
        })
    }
}

/// What each column is for, and the columns of memory to come.
fn duties(
    names: &[String],
    chosen: &Chosen,
    sample: &[Vec<String>],
    comma_is_point: bool,
    options: &ReadOptions,
) -> (Vec<Duty>, Vec<Column>) {
    let mut duties = vec![Duty::Nothing; names.len()];
    let mut columns = Vec::new();
    for (order, value) in chosen.values.iter().enumerate() {
        duties[value.position] = Duty::Value(order);
        let mut column = Column::new(&names[value.position], value.unit, value.role);
        column.is_of_table = chosen.phase.is_none();
        column.is_by_name = options.unit.is_none() && column.is_of_table;
        let fields = || sample.iter().filter_map(|row| row.get(value.position));
        for field in fields() {
            column.look_at(field.as_bytes(), comma_is_point);
        }
        column.two_numbers = in_doubt_a_thousandfold(value.unit, fields, comma_is_point);
        columns.push(column);
    }
    let beside = chosen.totals.iter().map(|pair| (pair, true));
    let beside = beside.chain(chosen.given_back.iter().map(|pair| (pair, false)));
    for (&(left, position), is_all) in beside {
        let place = match duties[position] {
            Duty::Value(place) => place,
            Duty::Nothing => {
                let unit = options
                    .unit
                    .or_else(|| ValueUnit::of_name(&names[position]));
                duties[position] = Duty::Value(columns.len());
                columns.push(Column {
                    is_total: true,
                    ..Column::new(&names[position], unit, Role::Bound)
                });
                columns.len() - 1
            }
            _ => continue,
        };
        match is_all {
            true => columns[left].total = Some(place),
            false => columns[left].given_back.push(place),
        }
    }
    for &position in chosen.beside.iter() {
        duties[position] = Duty::Value(columns.len());
        let name = &names[position];
        let is_left = is_swap_left(name) && role_of(name) == Role::Free;
        let unit = match is_of_kernel(name) || is_left {
            true => options.unit.or_else(|| ValueUnit::of_name(name)),
            false => Some(ValueUnit::Count),
        };
        let role = if is_left { Role::Free } else { Role::Used };
        columns.push(Column {
            is_beside: true,
            // What is gone of swap may be of another program.
            holds_caches: is_left || may_hold_caches(name),
            ..Column::new(name, unit, role)
        });
    }
    if let Some(operations) = chosen.operations {
        duties[operations] = Duty::Operations;
    }
    if let Some(time) = chosen.time {
        duties[time] = Duty::Time;
    }
    (duties, columns)
}

/// The times of the first rows, as text; dates of a column of their own before them.
fn sampled_times(sample: &[Vec<String>], chosen: &Chosen) -> Vec<String> {
    let Some(time) = chosen.time else {
        return Vec::new();
    };
    let of_row = |row: &Vec<String>| {
        let of_day = row.get(time)?.clone();
        Some(match chosen.date.and_then(|date| row.get(date)) {
            Some(date) => format!("{date} {of_day}"),
            None => of_day,
        })
    };
    sample.iter().filter_map(of_row).collect()
}

/// Whether a column counts from a start, by its name.
fn says_elapsed(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let words = ["elapsed", "etime", "uptime", "runtime", "duration", "age"];
    words.iter().any(|word| lower.contains(word))
}

/// Whether a time of two parts is of minutes and seconds, as no clock shows it: `25:00`.
fn is_beyond_a_day(field: &str) -> bool {
    const HOURS: u32 = 24;
    let first = field
        .trim()
        .split_once(':')
        .filter(|(_, rest)| !rest.contains(':'));
    let minutes = first.and_then(|(first, rest)| {
        let is_seconds = rest.len() == 2 && rest.bytes().all(|b| b.is_ascii_digit());
        is_seconds.then(|| first.parse::<u32>().ok()).flatten()
    });
    minutes.is_some_and(|minutes| minutes > HOURS)
}

/// Whether a time is zero, in two parts.
fn is_zero(field: &str) -> bool {
    matches!(field.trim(), "0:00" | "00:00")
}

/// Whether every time is before the one above it, as exports with the newest row first have it.
/// Bare numbers that fall and are no times since 1970 may as well count down: growth read from
/// them would be a fall.
fn is_newest_first<'a>(
    fields: impl Iterator<Item = &'a str> + Clone,
    order: DayOrder,
    comma_is_point: bool,
) -> bool {
    const FEWEST: usize = 4;
    const EARLIEST_DATE_S: f64 = 1e8;
    let may_count_down = |field: &str| {
        number(field.as_bytes(), comma_is_point).is_some_and(|number| number < EARLIEST_DATE_S)
    };
    if fields.clone().any(may_count_down) {
        return false;
    }
    let mut clock = Clock::new(None, order);
    let times: Vec<f64> = fields
        .map_while(|field| clock.seconds(field.as_bytes(), comma_is_point))
        .collect();
    times.len() >= FEWEST && times.windows(2).all(|pair| pair[1] < pair[0])
}

/// Whether some field is a number with a comma that can only be a decimal one: `119,98`.
fn shows_decimal_comma(sample: &[Vec<String>]) -> bool {
    let is_one = |field: &String| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        field
            .trim()
            .split_once(',')
            .is_some_and(|(whole, part)| digits(whole) && digits(part) && part.len() != 3)
    };
    sample.iter().flatten().any(is_one)
}

/// A number of a column that may be a thousand times as large: every one has three digits behind
/// its only mark, and small units have no such fractions.
fn in_doubt_a_thousandfold<'a, I: Iterator<Item = &'a String>>(
    unit: Option<ValueUnit>,
    fields: impl Fn() -> I,
    comma_is_point: bool,
) -> Option<String> {
    const LARGEST_SMALL_UNIT: f64 = 1_024.0;
    let is_small =
        |unit: ValueUnit| matches!(unit, ValueUnit::Bytes(factor) if factor <= LARGEST_SMALL_UNIT);
    if !unit.is_none_or(is_small) {
        return None;
    }
    // A field may say its unit itself: `308.519 K`.
    let is_open = |field: &str| {
        let end = field.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ','));
        let (number, said) = field.split_at(end.unwrap_or(field.len()));
        let said = ValueUnit::of_field(said.trim());
        let is_mark = |c: char| c == '.' || c == ',' && comma_is_point;
        let mut parts = number.split(is_mark).map(str::len);
        let (whole, rest, more) = (parts.next(), parts.next(), parts.next());
        let is_group = whole.is_some_and(|digits| (1..=3).contains(&digits));
        unit.or(said).is_some_and(is_small) && is_group && rest == Some(3) && more.is_none()
    };
    let given = || fields().filter(|field| !is_missing(field.as_bytes()));
    let are_open = given().all(|field| is_open(field.trim()));
    are_open.then(|| given().next().cloned()).flatten()
}

/// Names that stand twice are told apart: `rss`, `rss (2)`.
fn each_once(mut names: Vec<String>) -> Vec<String> {
    for place in 1..names.len() {
        let before = names[..place]
            .iter()
            .filter(|n| **n == names[place])
            .count();
        if before > 0 {
            names[place] = format!("{} ({})", names[place], before + 1);
        }
    }
    names
}

/// Seconds of a time field; the error says whether it is empty.
fn read_time(clock: &mut Clock, field: &[u8], comma_is_point: bool) -> Result<f64, bool> {
    if is_missing(field) {
        return Err(true);
    }
    clock
        .seconds(field, comma_is_point)
        .filter(|seconds| seconds.is_finite())
        .ok_or(false)
}

/// Adds the lines that follow within quotes to a row; no if the last of them has no end.
fn go_on_within_quotes<R: BufRead>(
    row: &mut Vec<u8>,
    lines: &mut Lines<R>,
) -> Result<bool, InputError> {
    const MOST_BYTES: usize = 1 << 20;
    for _ in 0..MOST_QUOTED_LINES {
        if !ends_within_quotes(row) || row.len() > MOST_BYTES {
            return Ok(true);
        }
        let Some(next) = lines.next()? else {
            return Ok(false);
        };
        row.push(b'\n');
        row.extend_from_slice(next);
        if !lines.ended {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a table of text.
/// How many rows a file of that size holds whose beginning is `head`, and a few more.
fn expected_rows(head: &[u8], size_bytes: Option<u64>) -> usize {
    const MORE: f64 = 1.02;
    let lines = head.iter().filter(|byte| **byte == b'\n').count();
    let rows = size_bytes.unwrap_or(0) as f64 * lines as f64 / head.len().max(1) as f64;
    (rows * MORE) as usize
}

pub(super) fn read<R: BufRead>(
    head: &[u8],
    source: R,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let layout = Layout::of(head)?;
    let separator = layout.separator;
    let comma_is_point = separator.comma_is_point() || shows_decimal_comma(&layout.sample);
    let mut rows = Rows::new(
        layout.names.clone(),
        &layout.sample,
        comma_is_point,
        options,
    )?;
    rows.collector.expected_rows = expected_rows(head, options.size_bytes);
    let mut lines = Lines::new(source);
    let mut before = 0;
    let mut torn = false;
    let mut is_annotated = false;
    let mut header = Vec::new();
    let mut row = Vec::new();
    loop {
        if let Separator::Character(separator) = separator {
            loop {
                let (bytes, count) = rows.quick(lines.buffered()?, separator);
                lines.consume(bytes, count);
                if count == 0 {
                    break;
                }
            }
        }
        if lines.next()?.is_none() {
            break;
        }
        let mut is_torn = !lines.ended;
        lines.swap(&mut row);
        if !is_torn && matches!(separator, Separator::Character(_)) {
            is_torn = !go_on_within_quotes(&mut row, &mut lines)?;
        }
        if row.trim_ascii().is_empty() {
            continue;
        }
        if before < layout.lines_before_rows {
            before += 1;
            header.clone_from(&row);
            continue;
        }
        if is_annotation(&row) {
            is_annotated = true;
            continue;
        }
        if !header.is_empty() && row == header {
            // Files put behind each other, and tools that repeat their header.
            is_annotated = false;
            continue;
        }
        if is_annotated {
            return Err(InputError::NotASeries(format!(
                "line {}: another table with other columns begins here; query one measurement and field, or keep the lines of one table",
                lines.number
            )));
        }
        if row.contains(&b'L') && row.windows(13).any(|part| part == b"LINUX-RESTART") {
            rows.restart();
            continue;
        }
        // A number cut short looks whole: a row counts once its line has ended.
        torn = is_torn;
        if !torn {
            rows.add(lines.number, |each| {
                split(&row, separator, false, |field| each(field))
            })?;
        }
    }
    rows.finish(torn)
}
