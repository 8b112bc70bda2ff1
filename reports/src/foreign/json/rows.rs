//! Rows of JSON: arrays and lines of objects, objects of columns, `sadf -j`.

use super::super::delimited::{PLAIN, Rows};
use super::super::quote;
use super::super::{InputError, Note, ReadOptions, Recording};
use super::{Bounded, EXPECTED, MOST_BYTES_BETWEEN_ROWS, failed, read_whole};
use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::cell::Cell;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::rc::Rc;

/// Rows that columns are chosen by.
const SAMPLED_ROWS: usize = 400;

/// Whether a row holds a list of rows: `{"name":"mem","values":[[…],[…]]}`.
fn holds_rows(value: &Value) -> bool {
    const FEW: usize = 2;
    let is_row = |item: &Value| item.is_array() || item.is_object();
    let is_rows = |value: &Value| {
        let items = value.as_array();
        items.is_some_and(|items| items.len() > FEW && items.iter().all(is_row))
    };
    match value {
        Value::Object(fields) => fields
            .values()
            .any(|inner| is_rows(inner) || holds_rows(inner)),
        Value::Array(items) => items
            .iter()
            .any(|inner| is_rows(inner) || holds_rows(inner)),
        _ => false,
    }
}

/// Flattens an object: `{"a":{"b":1}}` has the field `a.b`.
fn flatten(prefix: &str, value: &Value, into: &mut Vec<(String, String)>) {
    const MOST_FIELDS: usize = 2_000;
    if into.len() >= MOST_FIELDS {
        return;
    }
    let named = |name: &str| match prefix {
        "" => name.to_owned(),
        _ => format!("{prefix}.{name}"),
    };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&named(name), value, into);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&named(&(index + 1).to_string()), item, into);
            }
        }
        Value::String(text) => into.push((prefix.to_owned(), text.clone())),
        Value::Null => into.push((prefix.to_owned(), String::new())),
        other => into.push((prefix.to_owned(), other.to_string())),
    }
}

/// Rows of JSON as they come, the first of them kept until columns are known.
struct JsonRows<'a> {
    options: &'a ReadOptions,
    names: Vec<String>,
    sample: Vec<Vec<(String, String)>>,
    rows: Option<Rows>,
    count: u64,
    failed: Option<InputError>,
    /// Bytes that may be read until the next row is had.
    room: Rc<Cell<u64>>,
}

impl<'a> JsonRows<'a> {
    fn new(options: &'a ReadOptions) -> Self {
        Self {
            options,
            names: Vec::new(),
            sample: Vec::new(),
            rows: None,
            count: 0,
            failed: None,
            room: Rc::new(Cell::new(MOST_BYTES_BETWEEN_ROWS)),
        }
    }

    fn add(&mut self, value: &Value) -> Result<(), InputError> {
        self.room.set(MOST_BYTES_BETWEEN_ROWS);
        let mut fields = Vec::new();
        if holds_rows(value) {
            return Err(InputError::NotASeries(format!(
                "each row of this JSON holds rows of its own; {EXPECTED}"
            )));
        }
        flatten("", value, &mut fields);
        if self.rows.is_none() {
            for (name, _) in &fields {
                if !self.names.contains(name) {
                    self.names.push(name.clone());
                }
            }
            self.sample.push(fields);
            if self.sample.len() >= SAMPLED_ROWS {
                self.begin()?;
            }
            return Ok(());
        }
        self.push(&fields)
    }

    /// Adds a row of a list, which is not read to its end where one is wrong: it may have none.
    fn add_or_stop<E: serde::de::Error>(&mut self, value: &Value) -> Result<(), E> {
        self.add(value).map_err(|error| {
            self.failed = Some(error);
            E::custom("a row is wrong")
        })
    }

    fn begin(&mut self) -> Result<(), InputError> {
        let cut = |row: &Vec<(String, String)>| -> Vec<String> {
            let of = |name: &String| row.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
            self.names
                .iter()
                .map(|name| of(name).unwrap_or_default())
                .collect()
        };
        let sample: Vec<Vec<String>> = self.sample.iter().map(cut).collect();
        let names = self
            .names
            .iter()
            .map(|n| quote::escaped(n.as_bytes()))
            .collect();
        self.rows = Some(Rows::new(names, &sample, false, self.options)?);
        for row in std::mem::take(&mut self.sample) {
            self.push(&row)?;
        }
        Ok(())
    }

    fn push(&mut self, fields: &[(String, String)]) -> Result<(), InputError> {
        self.count += 1;
        let Some(rows) = &mut self.rows else {
            return Ok(());
        };
        let names = &self.names;
        rows.add(self.count, |each| {
            for name in names {
                let field = fields.iter().find(|(n, _)| n == name);
                each(field.map_or(&b""[..], |(_, value)| value.as_bytes()));
            }
        })
    }

    fn finish(mut self) -> Result<Recording, InputError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.rows.is_none() {
            if self.sample.is_empty() || self.names.iter().all(String::is_empty) {
                return Err(InputError::NotASeries(format!(
                    "no rows in this JSON; {EXPECTED}"
                )));
            }
            self.begin().map_err(expected)?;
        }
        let Some(rows) = self.rows else {
            return Err(InputError::NoRows);
        };
        let mut recording = rows.finish(false).map_err(expected)?;
        let is_docker = ["MemUsage", "MemPerc", "Container"]
            .iter()
            .all(|name| self.names.iter().any(|n| n == name));
        let lives = recording.read_as.take().unwrap_or_default();
        let lives = lives.strip_prefix(PLAIN).unwrap_or("");
        recording.read_as = Some(match is_docker {
            true => format!("docker stats as JSON: MemUsage{lives}"),
            false => format!("JSON rows{lives}"),
        });
        Ok(recording)
    }
}

/// Adds what was expected to an error about columns.
fn expected(error: InputError) -> InputError {
    match error {
        InputError::NoValues { .. } | InputError::NoTime { .. } | InputError::NotANumber { .. } => {
            InputError::NotASeries(format!("{error}; {EXPECTED}"))
        }
        other => other,
    }
}

/// An array of rows, streamed; or one object.
struct Streamed<'a, 'b>(&'a mut JsonRows<'b>);

impl<'de> serde::de::DeserializeSeed<'de> for Streamed<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Streamed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut scalars = Vec::new();
        while let Some(item) = items.next_element::<Value>()? {
            if item.is_object() || item.is_array() {
                self.0.add_or_stop(&item)?;
            } else {
                scalars.push(item);
            }
        }
        // `[1763700015, 119805164]` a line.
        if !scalars.is_empty()
            && scalars.len() < 64
            && let Err(error) = self.0.add(&Value::Array(scalars))
        {
            self.0.failed = Some(error);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut object = serde_json::Map::new();
        let mut has_rows = false;
        while let Some(name) = fields.next_key::<String>()? {
            let member = Member {
                rows: &mut *self.0,
                are_wanted: !has_rows,
            };
            // An object that holds the rows under some name.
            match fields.next_value_seed(member)? {
                Some(value) => {
                    object.insert(name, value);
                }
                None => has_rows = true,
            }
        }
        if has_rows {
            return Ok(());
        }
        let columns: Vec<(&String, &Vec<Value>)> = object
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_array()?)))
            .collect();
        let result = if columns.len() > 1 {
            let rows = columns
                .iter()
                .map(|(_, items)| items.len())
                .max()
                .unwrap_or(0);
            (0..rows).try_for_each(|row| {
                let field = |(name, items): &(&String, &Vec<Value>)| {
                    (
                        (*name).clone(),
                        items.get(row).cloned().unwrap_or(Value::Null),
                    )
                };
                self.0
                    .add(&Value::Object(columns.iter().map(field).collect()))
            })
        } else {
            self.0.add(&Value::Object(object))
        };
        if let Err(error) = result {
            self.0.failed.get_or_insert(error);
        }
        Ok(())
    }
}

/// A member of an object: a list of rows is taken row by row, and is `None`; anything else is its
/// value.
struct Member<'a, 'b> {
    rows: &'a mut JsonRows<'b>,
    are_wanted: bool,
}

impl<'de> serde::de::DeserializeSeed<'de> for Member<'_, '_> {
    type Value = Option<Value>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Option<Value>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Member<'_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.into()))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Some(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut scalars = Vec::new();
        let mut has_rows = false;
        while let Some(item) = items.next_element::<Value>()? {
            let is_row = item.is_object() || item.is_array();
            if !is_row && !has_rows {
                scalars.push(item);
                continue;
            }
            has_rows = true;
            if self.are_wanted {
                self.rows.add_or_stop(&item)?;
            }
        }
        Ok((!has_rows).then_some(Value::Array(scalars)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut object = serde_json::Map::new();
        while let Some((name, value)) = fields.next_entry::<String, Value>()? {
            object.insert(name, value);
        }
        Ok(Some(Value::Object(object)))
    }
}

/// An array of rows, or rows one after another.
pub(super) fn rows<R: BufRead>(source: R, options: &ReadOptions) -> Result<Recording, InputError> {
    use serde::de::DeserializeSeed;
    let mut rows = JsonRows::new(options);
    let bounded = Bounded {
        source,
        left: Rc::clone(&rows.room),
    };
    let bounded = BufReader::with_capacity(1 << 16, bounded);
    let mut deserializer = serde_json::Deserializer::from_reader(bounded);
    let mut torn = false;
    loop {
        match Streamed(&mut rows).deserialize(&mut deserializer) {
            _ if rows.failed.is_some() => break,
            Ok(()) => {}
            Err(error) if error.is_eof() => {
                // The end of the file between two values, or within a torn last one.
                torn = !error
                    .to_string()
                    .contains("EOF while parsing a value at line")
                    || error.column() > 0 && rows.count == 0 && rows.sample.is_empty();
                if torn && rows.count == 0 && rows.sample.is_empty() {
                    return Err(failed(&error));
                }
                break;
            }
            Err(error) => return Err(failed(&error)),
        }
    }
    let mut recording = rows.finish()?;
    if torn {
        for table in &mut recording.tables {
            table.notes.push(Note::on_all(
                "the last object is torn and was left out".to_owned(),
            ));
        }
    }
    Ok(recording)
}

/// What is read of `sadf -j`.
#[derive(Deserialize)]
struct Sysstat {
    sysstat: Hosts,
}

#[derive(Deserialize)]
struct Hosts {
    hosts: Vec<Host>,
}

#[derive(Deserialize)]
struct Host {
    #[serde(default)]
    statistics: Vec<Reading>,
}

#[derive(Deserialize)]
struct Reading {
    timestamp: Option<Moment>,
    memory: Option<Memory>,
}

#[derive(Deserialize)]
struct Moment {
    date: String,
    time: String,
}

#[derive(Deserialize)]
struct Memory {
    memused: Option<f64>,
    swpused: Option<f64>,
    slab: Option<f64>,
    kstack: Option<f64>,
    pgtbl: Option<f64>,
    vmused: Option<f64>,
}

impl Memory {
    /// What is held beside what is used, by the names of sar.
    fn beside(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let all = [
            ("kbswpused", self.swpused),
            ("kbslab", self.slab),
            ("kbkstack", self.kstack),
            ("kbpgtbl", self.pgtbl),
            ("kbvmused", self.vmused),
        ];
        all.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// `sadf -j`: kilobytes used at each time.
pub(super) fn sysstat<R: BufRead>(
    source: R,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let whole: Sysstat = read_whole(source, |source| {
        serde_json::from_reader(source).map_err(|error| failed(&error))
    })?;
    let statistics = whole.sysstat.hosts.into_iter().next().ok_or_else(|| {
        InputError::NotASeries("this JSON of sadf holds no statistics".to_owned())
    })?;
    let mut rows = JsonRows::new(options);
    for one in statistics.statistics {
        let used = one.memory.as_ref().and_then(|memory| memory.memused);
        let (Some(moment), Some(used)) = (one.timestamp, used) else {
            continue;
        };
        let mut row = serde_json::json!({
            "timestamp": format!("{} {}", moment.date, moment.time),
            "kbmemused": used,
        });
        for (name, value) in one.memory.iter().flat_map(Memory::beside) {
            row[name] = value.into();
        }
        rows.add(&row)?;
    }
    let mut recording = rows.finish().map_err(|_| {
        InputError::NotASeries(
            "this JSON of sadf holds no memory; make it with: sadf -j FILE -- -r".to_owned(),
        )
    })?;
    recording.read_as = Some("sadf -j: memused in KiB".to_owned());
    Ok(recording)
}
