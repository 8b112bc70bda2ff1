//! Sides from files: samples of leaklab outside their run, and any CSV with a time and a value.

use super::side::{Side, SideError};
use crate::foreign::{self, InputError, ReadOptions};
use crate::verdict::{VerdictError, VerdictOptions};
use leaklab_judge::{
    Budget, CellJudgement, CellSeries, JudgeOptions, MetricJudgement, Series, Unit, Window, judge,
    judge_cell,
};
use leaklab_run::{Phase, SampleTable, columns};
use std::path::Path;

/// Why a file cannot be a side.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be compared.
    #[error(transparent)]
    Side(#[from] SideError),
    /// It cannot be read as a table.
    #[error("`{file}`: {source}")]
    Input {
        /// The file.
        file: String,
        /// The cause.
        source: InputError,
    },
}

impl Side {
    /// Reads a file: all that a comparison knows if it is one of leaklab's, otherwise the
    /// growth of the first value column.
    ///
    /// # Errors
    ///
    /// [`FileError`] if it cannot be read, lacks a column or has no row.
    pub fn from_file(
        path: &Path,
        columns_wanted: &ReadOptions,
        options: &VerdictOptions,
    ) -> Result<Self, FileError> {
        let name = short_name(path);
        let chosen = columns_wanted.time.is_some() || !columns_wanted.values.is_empty();
        let mut side = match leaklab_run::read_table(path, |_| true) {
            Ok(table) if !chosen => {
                let judged = judge_table(&table, options);
                Side::new(&name, &table, judged)?
            }
            _ => foreign(&name, path, columns_wanted, options)?,
        };
        side.source = path.display().to_string();
        Ok(side)
    }
}

/// A side from a table that leaklab did not write.
fn foreign(
    name: &str,
    path: &Path,
    columns_wanted: &ReadOptions,
    options: &VerdictOptions,
) -> Result<Side, FileError> {
    let failed = |source| FileError::Input {
        file: path.display().to_string(),
        source,
    };
    let file = std::fs::File::open(path).map_err(|error| failed(InputError::Io(error)))?;
    let read = foreign::read_table(file, columns_wanted).map_err(failed)?;
    let Some((metric, values)) = read.metrics.into_iter().next() else {
        return Err(failed(InputError::Empty));
    };
    let judge_options = JudgeOptions {
        budget: budget_for(options, read.operations.is_some()),
        ..JudgeOptions::default()
    };
    let series = Series {
        time_s: &read.time_s,
        value: &values,
        operations: read.operations.as_deref(),
        ..Series::default()
    };
    let judged = judge(&series, &judge_options)
        .map(|judgement| CellJudgement {
            verdict: judgement.verdict,
            kind: None,
            metric: metric.clone(),
            reason: judgement.reason.clone(),
            stopped_working_after_s: None,
            metrics: vec![MetricJudgement {
                metric: metric.clone(),
                judgement,
            }],
        })
        .map_err(VerdictError::from);
    let mut table = SampleTable {
        elapsed_ms: read.time_s.iter().map(|s| s * 1000.0).collect(),
        phase: vec![Phase::Load; read.time_s.len()],
        names: vec![metric.clone()],
        values: vec![values],
        ..SampleTable::default()
    };
    if let Some(operations) = read.operations {
        table.names.push(columns::OPS_TOTAL.to_owned());
        table.values.push(operations);
    }
    Ok(Side::of_metric(name, &table, &metric, judged)?)
}

/// The budget asked for; one per operation needs operations.
fn budget_for(options: &VerdictOptions, counted: bool) -> Budget {
    options
        .budget
        .filter(|budget| counted || !matches!(budget, Budget::BytesPerOperation(_)))
        .unwrap_or_default()
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
    let budget = budget_for(options, operations.is_some());
    let series = CellSeries {
        allocated_is_exact: table.filled_column(columns::ALLOCATED_BYTES).is_some(),
        time_s: &time_s,
        operations,
        allocated_bytes: column(columns::ALLOCATED_BYTES).or(column(columns::USED_BYTES)),
        active_bytes: column(columns::ACTIVE_BYTES),
        resident_bytes: column(columns::RESIDENT_BYTES),
        rss_bytes: column(columns::RSS_BYTES),
        descriptors: column(columns::DESCRIPTORS),
        threads: column(columns::THREADS),
        others: Vec::<(String, &[f64], Unit)>::new(),
        ..CellSeries::default()
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
