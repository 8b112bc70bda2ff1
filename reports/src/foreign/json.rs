//! JSON: answers of Prometheus, arrays and lines of objects, columns, `sadf -j`.

use super::collector::{Collector, Column};
use super::delimited::{PLAIN, Rows};
use super::quote;
use super::role::{Role, role_of};
use super::unit::ValueUnit;
use super::{InputError, Note, ReadOptions, Recording};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::io::BufRead;

/// Rows that columns are chosen by.
const SAMPLED_ROWS: usize = 400;

/// What is said of JSON that holds no series.
const EXPECTED: &str = "expected an answer of Prometheus to query_range, an array or lines of objects ({\"time\":…,\"rss_bytes\":…}), or pairs [time, value]; a CSV comes out of it like this: jq -r '.[] | [.time, .rss] | @csv' FILE | leaklab judge -";

/// Whether a file that begins with a bracket is JSON: `[2.123s][info][gc]` is not.
pub(super) fn is_json(head: &[u8]) -> bool {
    let mut rest = head
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(head)
        .trim_ascii_start();
    if let Some(inner) = rest.strip_prefix(b"[") {
        rest = inner.trim_ascii_start();
        return match rest.first() {
            None | Some(b'{' | b'[' | b'"' | b']') => !rest.starts_with(b"[["),
            // `[1763700015, 5]` a line, or `[2.123s][info]`.
            Some(b'0'..=b'9' | b'-') => {
                let end = rest
                    .iter()
                    .position(|b| !(b.is_ascii_digit() || b"+-.eE".contains(b)));
                end.is_some_and(|end| matches!(rest[end], b',' | b' ' | b'\n'))
            }
            _ => false,
        } || rest.starts_with(b"[[");
    }
    let inner = rest.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    inner.is_some_and(|inner| matches!(inner.first(), Some(b'"' | b'}')))
}

/// Reads JSON of any known form.
pub(super) fn read<R: BufRead>(
    head: &[u8],
    source: R,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let start = head.trim_ascii_start();
    let contains = |text: &[u8]| head.windows(text.len()).any(|part| part == text);
    if start.starts_with(b"{") && contains(b"\"resultType\"")
        || contains(b"\"result\"") && contains(b"\"values\"") && contains(b"\"metric\"")
    {
        return prometheus(source, options);
    }
    if contains(b"\"sysstat\"") && contains(b"\"hosts\"") {
        return sysstat(source, options);
    }
    rows(source, options)
}

/// What went wrong, in words.
fn failed(error: &serde_json::Error) -> InputError {
    if let Some(kind) = error.io_error_kind() {
        return InputError::Io(std::io::Error::new(kind, error.to_string()));
    }
    let message = quote::escaped(error.to_string().as_bytes());
    InputError::NotASeries(format!("the JSON cannot be read: {message}; {EXPECTED}"))
}

/// A number, or text that is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(pub f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }
            fn visit_unit<E>(self) -> Result<Number, E> {
                Ok(Number(f64::NAN))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                let value = super::number::plain(text.as_bytes());
                if !value.is_nan() {
                    return Ok(Number(value));
                }
                match text {
                    "NaN" | "" | "null" | "+Inf" | "-Inf" => Ok(Number(f64::NAN)),
                    _ => text
                        .parse()
                        .map(Number)
                        .map_err(|_| E::custom(format!("`{}` is not a number", quote::cut(text)))),
                }
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// One series of a range query.
#[derive(Debug, Deserialize)]
struct Matrix {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(Number, Number)>,
    #[serde(default)]
    value: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
struct Data {
    #[serde(default, rename = "resultType")]
    kind: String,
    #[serde(default)]
    result: Vec<Matrix>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    data: Data,
    /// What the server wants to be known: stores that did not answer, above all.
    #[serde(default)]
    warnings: Option<Vec<String>>,
    #[serde(default)]
    infos: Option<Vec<String>>,
    /// VictoriaMetrics says so that some of its storage did not answer.
    #[serde(default, rename = "isPartial", alias = "is_partial", alias = "partial")]
    is_partial: Option<bool>,
    /// `promtool query range -o json` and `jq .data` leave the envelope away.
    #[serde(default, rename = "resultType")]
    kind: String,
    #[serde(default)]
    result: Vec<Matrix>,
}

/// Texts of a server, each cut, and not too many.
fn listed(texts: &[String]) -> String {
    const MOST: usize = 3;
    let texts = texts
        .iter()
        .take(MOST)
        .map(|t| quote::shown_long(t.as_bytes()));
    texts.collect::<Vec<_>>().join("; ")
}

impl Answer {
    /// Why the answer may not be whole, in the server's words.
    fn partial(&self) -> Option<String> {
        match self.warnings.as_deref().unwrap_or_default() {
            [] => (self.is_partial == Some(true)).then(|| "it is marked as partial".to_owned()),
            warnings => Some(listed(warnings)),
        }
    }
}

fn prometheus<R: BufRead>(source: R, options: &ReadOptions) -> Result<Recording, InputError> {
    let mut answer: Answer = serde_json::from_reader(source).map_err(|error| failed(&error))?;
    if answer.status == "error" {
        return Err(InputError::NotASeries(format!(
            "the server answered with an error: {}",
            quote::shown(answer.error.as_bytes())
        )));
    }
    let incomplete = answer
        .partial()
        .map(|words| format!("the server says that its answer may not be whole: {words}"));
    let infos = answer.infos.take().unwrap_or_default();
    if answer.data.result.is_empty() {
        answer.data.result = answer.result;
        answer.data.kind = answer.kind;
    }
    let data = answer.data;
    let is_instant = data.kind == "vector" || data.result.iter().all(|one| one.value.is_some());
    if is_instant && !data.result.is_empty() {
        return Err(InputError::NotASeries(
            "the answer holds one value per series; ask /api/v1/query_range with start, end and step instead of /api/v1/query".to_owned(),
        ));
    }
    let wanted = |one: &Matrix| {
        let holds = |(name, text): &(String, String)| one.metric.get(name) == Some(text);
        options.only.iter().all(holds)
    };
    let found: Vec<&Matrix> = data.result.iter().filter(|one| wanted(one)).collect();
    if found.is_empty() {
        return Err(InputError::NotASeries(
            "the answer holds no series; widen the range, or check the query and --only".to_owned(),
        ));
    }
    let found = without_bounds(found)?;
    let labels: Vec<String> = labels_that_vary(&found);
    let mut names: Vec<String> = found.iter().map(|one| metric_name(one)).collect();
    names.dedup();
    let mut tables = Vec::new();
    // Each series of an answer has times of its own.
    for one in &found {
        let name = metric_name(one);
        let unit = options.unit.or_else(|| ValueUnit::of_name(&name));
        let mut collector = Collector::new(vec![Column::new(&name, unit, role_of(&name))]);
        let series = collector.series_of(b"", String::new)?;
        let origin = one.values.first().map_or(0.0, |(time, _)| time.0);
        for (row, (time, value)) in one.values.iter().enumerate() {
            let is_negative = value.0 < 0.0;
            if !time.0.is_finite() || value.0.is_infinite() || is_negative {
                return Err(InputError::NotASeries(format!(
                    "series {}, point {row}: {} at {} is no reading of memory",
                    quote::cut(&name),
                    value.0,
                    time.0
                )));
            }
            collector.push(series, time.0 - origin, row as u64 + 1, &[value.0])?;
        }
        let mut one_table = collector.finish(true, &[])?;
        for table in &mut one_table {
            let said = labels.iter().filter_map(|label| {
                let value = one.metric.get(label)?;
                Some(format!("{label}={}", quote::escaped(value.as_bytes())))
            });
            table.name = said.collect::<Vec<_>>().join(", ");
            table.incomplete.clone_from(&incomplete);
            if !infos.is_empty() {
                let words = format!("the server says: {}", listed(&infos));
                table.notes.push(Note::on_all(words));
            }
        }
        tables.extend(
            one_table
                .into_iter()
                .filter(|table| !table.time_s.is_empty()),
        );
    }
    Ok(Recording {
        read_as: Some(format!("Prometheus query_range: {}", quote::list(&names))),
        tables,
    })
}

/// The series that say what is in use, where an answer holds others beside them.
fn without_bounds(found: Vec<&Matrix>) -> Result<Vec<&Matrix>, InputError> {
    let role = |one: &&Matrix| role_of(&metric_name(one));
    let is_use = |one: &&Matrix| matches!(role(one), Role::Used | Role::Free);
    if found.iter().any(is_use) {
        return Ok(found.into_iter().filter(is_use).collect());
    }
    match found.first() {
        Some(first) if found.iter().all(|one| role(one) == Role::Bound) => {
            Err(InputError::NotASeries(format!(
                "`{}` is a limit, a total or a highest mark, and does not say what is in use; ask for another metric",
                quote::cut(&metric_name(first))
            )))
        }
        _ => Ok(found),
    }
}

/// One series of an answer to a range query.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeSeries {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Seconds since 1970, ascending.
    pub time_s: Vec<f64>,
    /// Values; what is no number or below zero is left out with its time.
    pub value: Vec<f64>,
}

/// An answer to a range query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RangeAnswer {
    /// Its series.
    pub series: Vec<RangeSeries>,
    /// Why series or readings may be missing, where the server says so.
    pub partial: Option<String>,
}

/// Reads an answer of Prometheus to `query_range`.
///
/// # Errors
///
/// Words where it is none, where the server answered with an error, or where times do not rise.
pub fn read_range(answer: &[u8]) -> Result<RangeAnswer, String> {
    let answer: Answer = serde_json::from_slice(answer)
        .map_err(|error| quote::escaped(error.to_string().as_bytes()))?;
    if answer.status != "success" {
        return Err(format!(
            "the server answered `{}`: {}",
            quote::shown(answer.status.as_bytes()),
            quote::shown(answer.error.as_bytes())
        ));
    }
    if answer.data.kind != "matrix" {
        return Err(format!(
            "the answer is `{}` where a matrix was asked for",
            quote::shown(answer.data.kind.as_bytes())
        ));
    }
    let partial = answer.partial();
    let mut all = Vec::with_capacity(answer.data.result.len());
    for one in answer.data.result {
        let mut series = RangeSeries {
            labels: one.metric,
            time_s: Vec::with_capacity(one.values.len()),
            value: Vec::with_capacity(one.values.len()),
        };
        for (Number(time), Number(value)) in one.values {
            let is_later = series.time_s.last().is_none_or(|last| time > *last);
            if !time.is_finite() || !is_later {
                return Err("the times of a series do not rise".to_owned());
            }
            if value.is_finite() && value >= 0.0 {
                series.time_s.push(time);
                series.value.push(value);
            }
        }
        all.push(series);
    }
    Ok(RangeAnswer {
        series: all,
        partial,
    })
}

fn metric_name(one: &Matrix) -> String {
    one.metric.get("__name__").map_or_else(
        || "value".to_owned(),
        |name| quote::escaped(name.as_bytes()),
    )
}

/// Labels that tell the series of an answer apart.
fn labels_that_vary(found: &[&Matrix]) -> Vec<String> {
    let mut labels: Vec<&String> = found.iter().flat_map(|one| one.metric.keys()).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
        .into_iter()
        .filter(|label| {
            let first = found[0].metric.get(*label);
            found.iter().any(|one| one.metric.get(*label) != first)
        })
        .cloned()
        .collect()
}

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
        }
    }

    fn add(&mut self, value: &Value) -> Result<(), InputError> {
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
            if self.0.failed.is_some() {
                continue;
            }
            if item.is_object() || item.is_array() {
                if let Err(error) = self.0.add(&item) {
                    self.0.failed = Some(error);
                }
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
        while let Some((name, value)) = fields.next_entry::<String, Value>()? {
            object.insert(name, value);
        }
        // An object of columns, or one that holds the rows under some name.
        let inner = object.values().find_map(|value| match value {
            Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
                Some(items.clone())
            }
            _ => None,
        });
        let columns: Vec<(&String, &Vec<Value>)> = object
            .iter()
            .filter_map(|(name, value)| Some((name, value.as_array()?)))
            .collect();
        let result = if let Some(items) = inner {
            items.iter().try_for_each(|item| self.0.add(item))
        } else if columns.len() > 1 {
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

/// An array of rows, or rows one after another.
fn rows<R: BufRead>(source: R, options: &ReadOptions) -> Result<Recording, InputError> {
    use serde::de::DeserializeSeed;
    let mut rows = JsonRows::new(options);
    let mut deserializer = serde_json::Deserializer::from_reader(source);
    let mut torn = false;
    loop {
        match Streamed(&mut rows).deserialize(&mut deserializer) {
            Ok(()) if rows.failed.is_some() => break,
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

/// `sadf -j`: kilobytes used at each time.
fn sysstat<R: BufRead>(source: R, options: &ReadOptions) -> Result<Recording, InputError> {
    let whole: Value = serde_json::from_reader(source).map_err(|error| failed(&error))?;
    let statistics = whole
        .pointer("/sysstat/hosts/0/statistics")
        .and_then(Value::as_array)
        .ok_or_else(|| {
            InputError::NotASeries("this JSON of sadf holds no statistics".to_owned())
        })?;
    let mut rows = JsonRows::new(options);
    for one in statistics {
        let text = |name: &str| {
            one.pointer(&format!("/timestamp/{name}"))
                .and_then(Value::as_str)
        };
        let used = one.pointer("/memory/memused").and_then(Value::as_f64);
        let (Some(date), Some(time), Some(used)) = (text("date"), text("time"), used) else {
            continue;
        };
        rows.add(&serde_json::json!({
            "timestamp": format!("{date} {time}"),
            "kbmemused": used,
        }))?;
    }
    let mut recording = rows.finish().map_err(|_| {
        InputError::NotASeries(
            "this JSON of sadf holds no memory; make it with: sadf -j FILE -- -r".to_owned(),
        )
    })?;
    recording.read_as = Some("sadf -j: memused in KiB".to_owned());
    Ok(recording)
}
