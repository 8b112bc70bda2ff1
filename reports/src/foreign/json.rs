//! JSON: answers of Prometheus, arrays and lines of objects, columns, `sadf -j`.

use super::collector::Collector;
use super::column::Column;
use super::left::total_of;
use super::quote;
use super::role::{Role, role_of};
use super::unit::ValueUnit;
use super::{InputError, Note, ReadOptions, Recording, cloudwatch};
use serde::Deserialize;
use serde::de::{IgnoredAny, Visitor};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::rc::Rc;

mod rows;

use rows::{rows, sysstat};

/// Bytes of JSON that are read before a row is had, at most: input that never ends is not
/// waited for.
const MOST_BYTES_BETWEEN_ROWS: u64 = 64 << 20;

/// Bytes of an answer that has to be read whole, at most.
const MOST_BYTES_OF_ANSWER: u64 = 1 << 30;

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
    if cloudwatch::is_answer(contains) {
        return cloudwatch::read(source, options);
    }
    if contains(b"\"sysstat\"") && contains(b"\"hosts\"") {
        return sysstat(source, options);
    }
    rows(source, options)
}

/// What went wrong, in words.
pub(super) fn failed(error: &serde_json::Error) -> InputError {
    if let Some(kind) = error.io_error_kind() {
        return InputError::Io(std::io::Error::new(kind, error.to_string()));
    }
    let message = quote::escaped(error.to_string().as_bytes());
    InputError::NotASeries(format!("the JSON cannot be read: {message}; {EXPECTED}"))
}

/// A reader that ends with an error after so many bytes.
pub(super) struct Bounded<R> {
    source: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.source.read(buffer)?;
        let left = self.left.get().checked_sub(count as u64);
        self.left.set(left.ok_or_else(|| {
            std::io::Error::new(
                std::io::ErrorKind::FileTooLarge,
                "this JSON is too large to be read whole; make a row a line of it with jq -c '.[]', or ask for less",
            )
        })?);
        Ok(count)
    }
}

/// Reads an answer that has to be read whole, as long as it is not endless.
pub(super) fn read_whole<R: BufRead, T>(
    source: R,
    read: impl FnOnce(BufReader<Bounded<R>>) -> Result<T, InputError>,
) -> Result<T, InputError> {
    let left = Rc::new(Cell::new(MOST_BYTES_OF_ANSWER));
    let bounded = Bounded { source, left };
    read(BufReader::with_capacity(1 << 16, bounded))
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
    let mut answer: Answer = read_whole(source, |source| {
        serde_json::from_reader(source).map_err(|error| failed(&error))
    })?;
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
    let totals = totals_of(&found);
    let found = without_bounds(found)?;
    let labels: Vec<String> = labels_that_vary(&found);
    let mut names: Vec<String> = found.iter().map(|one| metric_name(one)).collect();
    names.dedup();
    let mut tables = Vec::new();
    // Each series of an answer has times of its own.
    for one in &found {
        let name = metric_name(one);
        let unit = options.unit.or_else(|| ValueUnit::of_name(&name));
        let total = totals.get(&one.metric);
        let mut collector = Collector::new(columns_of(&name, unit, total));
        collector.total_bytes = options.total_bytes;
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
            let whole = total.map_or(f64::NAN, |total| total.at(time.0));
            let values = [value.0, whole];
            let values = &values[..collector.columns.len()];
            collector.push(series, time.0 - origin, row as u64 + 1, values)?;
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

/// How much there is in all, as a series of its own says it.
struct Total {
    name: String,
    values: BTreeMap<u64, f64>,
}

impl Total {
    fn at(&self, time_s: f64) -> f64 {
        self.values
            .get(&time_s.to_bits())
            .copied()
            .unwrap_or(f64::NAN)
    }
}

/// Of each series of memory that is left, by its labels: how much there is in all, where another
/// series of the answer says so.
fn totals_of(found: &[&Matrix]) -> BTreeMap<BTreeMap<String, String>, Total> {
    let labels = |one: &Matrix| {
        let others = one.metric.iter().filter(|(name, _)| *name != "__name__");
        others
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<BTreeMap<_, _>>()
    };
    let is_left = |one: &&&Matrix| role_of(&metric_name(one)) == Role::Free;
    let mut totals = BTreeMap::new();
    for one in found.iter().filter(is_left) {
        let names: Vec<String> = found.iter().map(|other| metric_name(other)).collect();
        let same = names
            .iter()
            .enumerate()
            .filter(|(place, _)| labels(found[*place]) == labels(one));
        let same = same.map(|(place, name)| (place, name.as_str()));
        let Some(total) = total_of(&metric_name(one), same) else {
            continue;
        };
        let values = found[total]
            .values
            .iter()
            .map(|(time, value)| (time.0.to_bits(), value.0));
        let total = Total {
            name: names[total].clone(),
            values: values.collect(),
        };
        totals.insert(one.metric.clone(), total);
    }
    totals
}

fn columns_of(name: &str, unit: Option<ValueUnit>, total: Option<&Total>) -> Vec<Column> {
    let mut columns = vec![Column::new(name, unit, role_of(name))];
    if let Some(total) = total {
        columns[0].total = Some(1);
        columns.push(Column {
            is_total: true,
            ..Column::new(&total.name, unit, Role::Bound)
        });
    }
    columns
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
