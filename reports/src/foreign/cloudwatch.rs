//! Answers of CloudWatch: `aws cloudwatch get-metric-statistics`, whose points stand in no order,
//! and `get-metric-data`, whose newest point stands first.

use super::collector::Collector;
use super::column::Column;
use super::json::{failed, read_whole};
use super::quote;
use super::role::{Role, role_of};
use super::time::{DayOrder, Stamp, TimeUnit, stamp};
use super::unit::ValueUnit;
use super::{InputError, ReadOptions, Recording};
use serde::Deserialize;
use std::io::BufRead;

/// A time as text, or as a number of seconds.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Time {
    Seconds(f64),
    Text(String),
}

impl Time {
    fn seconds(&self) -> Result<f64, InputError> {
        let text = match self {
            Self::Seconds(seconds) => return Ok(seconds * TimeUnit::of_size(*seconds).seconds()),
            Self::Text(text) => text,
        };
        match stamp(text, DayOrder::default()) {
            Some(Stamp::At(seconds)) => Ok(seconds),
            _ => Err(InputError::NotASeries(format!(
                "`{}` is not a time of CloudWatch",
                quote::cut(text)
            ))),
        }
    }
}

/// A point of `get-metric-statistics`: the statistics that were asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Point {
    timestamp: Time,
    average: Option<f64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    unit: Option<String>,
}

/// A series of `get-metric-data`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    #[serde(default)]
    id: String,
    #[serde(default)]
    label: String,
    #[serde(default)]
    timestamps: Vec<Time>,
    #[serde(default)]
    values: Vec<f64>,
    status_code: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    label: String,
    #[serde(default)]
    datapoints: Vec<Point>,
    #[serde(default)]
    metric_data_results: Vec<Series>,
    next_token: Option<String>,
}

/// Whether the beginning of JSON is an answer of CloudWatch.
pub(super) fn is_answer(contains: impl Fn(&[u8]) -> bool) -> bool {
    contains(b"\"Datapoints\"") || contains(b"\"MetricDataResults\"")
}

/// One series, its points in the order of their times.
struct Read {
    name: String,
    unit: Option<ValueUnit>,
    points: Vec<(f64, f64)>,
    incomplete: Option<String>,
}

impl Read {
    fn new(name: String, unit: Option<&str>, mut points: Vec<(f64, f64)>) -> Self {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        // A period whose statistics were asked for twice.
        points.dedup_by(|later, earlier| later.0 == earlier.0);
        // `Bytes`, `Kilobytes`, `Percent`, `Count`; rates, as `Bytes/Second`, have no unit here.
        let unit = unit.and_then(|unit| ValueUnit::of_name(&format!("value ({unit})")));
        Self {
            unit: unit
                .or_else(|| of_known_metric(&name))
                .or_else(|| ValueUnit::of_name(&name)),
            name,
            points,
            incomplete: None,
        }
    }

    fn of_points(label: &str, points: &[Point]) -> Result<Self, InputError> {
        let read = |point: &Point| {
            let value = point.average.or(point.minimum).or(point.maximum);
            let value = value.ok_or_else(|| {
                InputError::NotASeries(
                    "the points of this answer have no average; ask with --statistics Average"
                        .to_owned(),
                )
            });
            Ok((point.timestamp.seconds()?, value?))
        };
        let values: Vec<(f64, f64)> = points.iter().map(read).collect::<Result<_, InputError>>()?;
        let unit = points.first().and_then(|point| point.unit.as_deref());
        Ok(Self::new(named(label, ""), unit, values))
    }

    fn of_series(series: &Series) -> Result<Self, InputError> {
        if series.timestamps.len() != series.values.len() {
            return Err(InputError::NotASeries(format!(
                "`{}` has {} times and {} values",
                quote::cut(&named(&series.label, &series.id)),
                series.timestamps.len(),
                series.values.len()
            )));
        }
        let times = series.timestamps.iter().map(Time::seconds);
        let times: Vec<f64> = times.collect::<Result<_, InputError>>()?;
        let points = times.into_iter().zip(series.values.iter().copied());
        let mut read = Self::new(named(&series.label, &series.id), None, points.collect());
        read.incomplete = match series.status_code.as_deref() {
            None | Some("Complete") => None,
            Some(code) => Some(format!(
                "CloudWatch says that its answer is not whole: {}",
                quote::cut(code)
            )),
        };
        Ok(read)
    }
}

/// The unit of a metric whose name does not say it. RDS, ElastiCache and the CloudWatch agent
/// count bytes, Container Insights megabytes, ECS percent.
///
/// # Source
///
/// "Amazon CloudWatch metrics for Amazon RDS", "Amazon ECS CloudWatch metrics", "Metrics collected
/// by the CloudWatch agent", docs.aws.amazon.com.
fn of_known_metric(name: &str) -> Option<ValueUnit> {
    Some(match name {
        "FreeableMemory"
        | "SwapUsage"
        | "BytesUsedForCache"
        | "mem_used"
        | "mem_free"
        | "mem_available"
        | "mem_total"
        | "procstat_memory_rss"
        | "procstat memory_rss" => ValueUnit::Bytes(1.0),
        "MemoryUtilized" => ValueUnit::Bytes(1e6),
        "MemoryUtilization" => ValueUnit::Percent,
        _ => return None,
    })
}

fn named(label: &str, id: &str) -> String {
    let name = if label.trim().is_empty() { id } else { label };
    match name.trim() {
        "" => "value".to_owned(),
        name => quote::escaped(name.as_bytes()),
    }
}

/// Reads an answer.
pub(super) fn read<R: BufRead>(source: R, options: &ReadOptions) -> Result<Recording, InputError> {
    let answer: Answer = read_whole(source, |source| {
        serde_json::from_reader(source).map_err(|error| failed(&error))
    })?;
    let mut all: Vec<Read> = answer
        .metric_data_results
        .iter()
        .map(Read::of_series)
        .collect::<Result<_, _>>()?;
    if !answer.datapoints.is_empty() {
        all.push(Read::of_points(&answer.label, &answer.datapoints)?);
    }
    let wanted = |name: &str| options.only.iter().all(|(_, text)| text == name);
    all.retain(|one| !one.points.is_empty() && wanted(&one.name));
    if all.is_empty() {
        return Err(InputError::NotASeries(
            "the answer of CloudWatch holds no points; widen --start-time and --end-time, or check --only Label=NAME".to_owned(),
        ));
    }
    let has = |role| all.iter().any(|one| role_of(&one.name) == role);
    let (used, free) = (has(Role::Used), has(Role::Free));
    all.retain(|one| match role_of(&one.name) {
        Role::Used => true,
        Role::Free => !used,
        Role::Beside | Role::Bound => !used && !free,
    });
    let several = all.len() > 1;
    let mut tables = Vec::new();
    for one in all {
        let unit = options.unit.or(one.unit);
        let mut collector = Collector::new(vec![Column::new(&one.name, unit, role_of(&one.name))]);
        collector.total_bytes = options.total_bytes;
        let series = collector.series_of(b"", String::new)?;
        let origin = one.points.first().map_or(0.0, |(time, _)| *time);
        for (row, (time, value)) in one.points.iter().enumerate() {
            if *value < 0.0 || !value.is_finite() {
                return Err(InputError::NotASeries(format!(
                    "`{}`, point {row}: {value} is no reading of memory",
                    quote::cut(&one.name)
                )));
            }
            collector.push(series, time - origin, row as u64 + 1, &[*value])?;
        }
        for mut table in collector.finish(true, &[])? {
            let next = "the answer goes on behind its NextToken".to_owned();
            table.name = if several {
                one.name.clone()
            } else {
                String::new()
            };
            table.incomplete = one
                .incomplete
                .clone()
                .or_else(|| answer.next_token.as_ref().map(|_| next));
            tables.push(table);
        }
    }
    Ok(Recording {
        read_as: Some("CloudWatch, points put in the order of their times".to_owned()),
        tables,
    })
}
