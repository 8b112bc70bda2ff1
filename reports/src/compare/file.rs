//! Sides from files: samples of leaklab outside their run, and any CSV with a time and a value.

use super::side::{Side, SideError};
use crate::judge::{
    Budget, CellJudgement, CellSeries, JudgeOptions, MetricJudgement, Series, Unit, Window, judge,
    judge_cell,
};
use crate::run::{Phase, SampleTable, columns, read_table};
use crate::verdict::{VerdictError, VerdictOptions};
use std::path::Path;

/// Which columns of a file are read.
#[derive(Debug, Clone, Default)]
pub struct FileColumns {
    /// The time; by default `elapsed_ms`, or the first column whose name says seconds or time.
    pub time: Option<String>,
    /// The value; by default the live heap, or the first other column.
    pub value: Option<String>,
}

/// Why a file cannot be a side.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be compared.
    #[error(transparent)]
    Side(#[from] SideError),
    /// It could not be read.
    #[error("cannot read `{file}`: {source}")]
    Read {
        /// The file.
        file: String,
        /// The cause.
        source: csv::Error,
    },
    /// A column is not there.
    #[error("`{file}` has no column {wanted}; it has {known}")]
    NoColumn {
        /// The file.
        file: String,
        /// What was looked for.
        wanted: String,
        /// The columns that are there.
        known: String,
    },
}

/// Names of time columns, in the order in which they are looked for.
const TIMES: [&str; 6] = ["elapsed_s", "time_s", "seconds", "elapsed", "time", "t"];

impl Side {
    /// Reads a file: all that a comparison knows if it is one of leaklab's, otherwise growth
    /// per hour of one column.
    ///
    /// # Errors
    ///
    /// [`FileError`] if it cannot be read, lacks a column or has no row.
    pub fn from_file(
        path: &Path,
        columns_wanted: &FileColumns,
        options: &VerdictOptions,
    ) -> Result<Self, FileError> {
        let name = short_name(path);
        let at_path = |mut side: Side| {
            side.source = path.display().to_string();
            side
        };
        let own_format = columns_wanted.time.is_none() && columns_wanted.value.is_none();
        if own_format && let Ok(table) = read_table(path, |_| true) {
            let judged = judge_table(&table, options);
            return Ok(at_path(Side::new(&name, &table, judged)?));
        }
        let (value, table) = read_any(path, columns_wanted)?;
        let series = table.column(&value).unwrap_or_default();
        let time_s = table.elapsed_s();
        let judge_options = JudgeOptions {
            budget: options.budget.unwrap_or_default(),
            ..JudgeOptions::default()
        };
        let judged = judge(&Series::new(&time_s, series), &judge_options)
            .map(|judgement| CellJudgement {
                stopped_working_after_s: None,
                verdict: judgement.verdict,
                kind: None,
                metric: value.clone(),
                reason: judgement.reason.clone(),
                metrics: vec![MetricJudgement {
                    metric: value.clone(),
                    judgement,
                }],
            })
            .map_err(VerdictError::from);
        Ok(at_path(Side::of_metric(&name, &table, &value, judged)?))
    }
}

/// The last two parts of a path: they tell files apart and fit a table.
fn short_name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

/// Judges samples that lie outside a run.
fn judge_table(
    table: &SampleTable,
    options: &VerdictOptions,
) -> Result<CellJudgement, VerdictError> {
    let time_s = table.elapsed_s();
    let column = |name| table.filled_column(name);
    let operations = column(columns::OPS_TOTAL);
    let budget = match (options.budget, operations) {
        (Some(Budget::BytesPerOperation(_)), None) | (None, _) => Budget::Default,
        (Some(budget), _) => budget,
    };
    let series = CellSeries {
        time_s: &time_s,
        operations,
        allocated_bytes: column(columns::ALLOCATED_BYTES).or(column(columns::USED_BYTES)),
        active_bytes: column(columns::ACTIVE_BYTES),
        resident_bytes: column(columns::RESIDENT_BYTES),
        rss_bytes: column(columns::RSS_BYTES),
        descriptors: column(columns::DESCRIPTORS),
        threads: column(columns::THREADS),
        others: Vec::<(String, &[f64], Unit)>::new(),
        excluded: &[],
    };
    let load = table.phase_span_ms(Phase::Load);
    let options = JudgeOptions {
        budget,
        load: load.map(|(from_ms, to_ms)| Window {
            start_s: from_ms / 1000.0,
            end_s: to_ms / 1000.0,
        }),
        ..JudgeOptions::default()
    };
    Ok(judge_cell(&series, &options)?)
}

/// The name of the value column, and a table of it.
fn read_any(path: &Path, wanted: &FileColumns) -> Result<(String, SampleTable), FileError> {
    let file = path.display().to_string();
    let read = |source| FileError::Read {
        file: file.clone(),
        source,
    };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(read)?;
    let header: Vec<String> = reader
        .byte_headers()
        .map_err(read)?
        .iter()
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    let no_column = |wanted: &str| FileError::NoColumn {
        file: file.clone(),
        wanted: wanted.to_owned(),
        known: header.join(", "),
    };
    let position = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    let time = match &wanted.time {
        Some(name) => position(name).ok_or_else(|| no_column(&format!("`{name}`")))?,
        None => position(columns::ELAPSED_MS)
            .or_else(|| TIMES.iter().find_map(|name| position(name)))
            .ok_or_else(|| no_column("for the time; name it with --time"))?,
    };
    let value = match &wanted.value {
        Some(name) => position(name).ok_or_else(|| no_column(&format!("`{name}`")))?,
        None => [
            columns::ALLOCATED_BYTES,
            columns::USED_BYTES,
            columns::RSS_BYTES,
        ]
        .iter()
        .find_map(|name| position(name))
        .or_else(|| (0..header.len()).find(|index| *index != time))
        .ok_or_else(|| no_column("for the value"))?,
    };
    let milliseconds = if header[time].to_ascii_lowercase().ends_with("_ms") {
        1.0
    } else {
        1000.0
    };
    let mut rows: Vec<(f64, f64)> = Vec::new();
    for record in reader.byte_records() {
        // A torn or unreadable row is left out, as in samples of leaklab.
        let Ok(record) = record else { continue };
        let number = |index: usize| {
            let field = record.get(index).and_then(|f| std::str::from_utf8(f).ok());
            field.and_then(|text| text.parse::<f64>().ok())
        };
        if let Some(time) = number(time).filter(|time| time.is_finite()) {
            rows.push((time * milliseconds, number(value).unwrap_or(f64::NAN)));
        }
    }
    let (elapsed_ms, values): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
    let table = SampleTable {
        phase: vec![Phase::Load; elapsed_ms.len()],
        elapsed_ms,
        names: vec![header[value].clone()],
        values: vec![values],
        ..SampleTable::default()
    };
    Ok((header[value].clone(), table))
}
