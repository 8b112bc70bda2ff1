//! The verdict of a cell on disk: its samples, read and judged.
//!
//! Everything is taken from the folder: the load phase, the marks that are left out of
//! trends, and the budget that the cell was run with.

use crate::stopped::{Stopped, is_work};
use leaklab_judge::{
    Budget, BudgetError, CellJudgement, CellSeries, JudgeError, JudgeOptions, Unit, Verdict,
    Window, judge_cell,
};
use leaklab_run::{Cell, Event, EventKind, Phase, TableError, columns, write_atomically};

/// What may be asked of a verdict beyond what the cell's record says.
#[derive(Debug, Clone, Default)]
pub struct VerdictOptions {
    /// A budget instead of the cell's own.
    pub budget: Option<Budget>,
    /// A level of the live heap that must not be reached.
    pub limit_bytes: Option<f64>,
}

/// Why a cell could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum VerdictError {
    /// Its samples could not be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Its events could not be read.
    #[error("cannot read the events: {0}")]
    Events(#[from] std::io::Error),
    /// Its budget is not one.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// Its series cannot be judged.
    #[error(transparent)]
    Judge(#[from] JudgeError),
}

/// Judges a cell from its folder.
///
/// # Errors
///
/// [`VerdictError`] if files are missing or damaged, or if nothing was sampled.
pub fn judge_stored(cell: &Cell, options: &VerdictOptions) -> Result<CellJudgement, VerdictError> {
    const JUDGED: [&str; 9] = [
        columns::OPS_TOTAL,
        columns::ALLOCATED_BYTES,
        columns::ACTIVE_BYTES,
        columns::RESIDENT_BYTES,
        columns::USED_BYTES,
        columns::COMMITTED_BYTES,
        columns::RSS_BYTES,
        columns::DESCRIPTORS,
        columns::THREADS,
    ];
    let table = cell.samples(|name| JUDGED.contains(&name) || is_work(name))?;
    let time_s = table.elapsed_s();
    let load = table
        .phase_span_ms(Phase::Load)
        .map(|(start_ms, end_ms)| Window {
            start_s: start_ms / 1000.0,
            end_s: end_ms / 1000.0,
        });
    let events = cell.events()?;
    let excluded = marked_windows(&events);
    let operations = table
        .filled_column(columns::OPS_TOTAL)
        .filter(|ops| ops.iter().any(|count| *count > 0.0));
    let budget = match (&options.budget, &cell.plan.budget) {
        (Some(budget), _) => *budget,
        (None, Some(text)) => text.parse()?,
        (None, None) => Budget::Default,
    };
    // A program that counts nothing cannot be held to a budget per operation.
    let budget = match (budget, operations) {
        (Budget::BytesPerOperation(_), None) => Budget::Default,
        (budget, _) => budget,
    };
    let committed = table.filled_column(columns::COMMITTED_BYTES);
    let series = CellSeries {
        time_s: &time_s,
        operations,
        allocated_bytes: table
            .filled_column(columns::ALLOCATED_BYTES)
            .or(table.filled_column(columns::USED_BYTES)),
        allocated_is_exact: table.filled_column(columns::ALLOCATED_BYTES).is_some(),
        active_bytes: table.filled_column(columns::ACTIVE_BYTES),
        resident_bytes: table.filled_column(columns::RESIDENT_BYTES),
        rss_bytes: table.filled_column(columns::RSS_BYTES),
        descriptors: table.filled_column(columns::DESCRIPTORS),
        threads: table.filled_column(columns::THREADS),
        others: committed
            .map(|values| (columns::COMMITTED_BYTES.to_owned(), values, Unit::Bytes))
            .into_iter()
            .collect(),
        excluded: &excluded,
        ..CellSeries::default()
    };
    let options = JudgeOptions {
        budget,
        limit: options.limit_bytes,
        load,
        ..JudgeOptions::default()
    };
    let mut judgement = judge_cell(&series, &options)?;
    if let Some(stopped) = Stopped::find(&table, &events, &excluded) {
        // What it did while it worked may be clear where the whole is not.
        let working = JudgeOptions {
            load: Some(stopped.working_part()),
            ..options
        };
        let leaks = |judgement: &CellJudgement| judgement.verdict == Verdict::Leak;
        if !leaks(&judgement)
            && let Some(worked) = judge_cell(&series, &working).ok().filter(leaks)
        {
            judgement = worked;
        }
        stopped.mark(&mut judgement);
    }
    if table.filled_column(columns::ALLOCATED_BYTES).is_none() {
        // The judge knows one live heap; here it was a managed runtime's.
        rename(
            &mut judgement,
            columns::ALLOCATED_BYTES,
            columns::USED_BYTES,
        );
    }
    withhold_if_badly_measured(cell, &mut judgement);
    Ok(judgement)
}

/// A verdict is no better than the measurement below it.
fn withhold_if_badly_measured(cell: &Cell, judgement: &mut CellJudgement) {
    let measurement = cell.status.measurement.as_ref();
    if let Some(doubt) = measurement.and_then(leaklab_run::Measurement::doubt) {
        judgement.verdict = Verdict::Inconclusive;
        judgement.kind = None;
        judgement.reason = format!("the measurement is too bad to judge: {doubt}");
    }
}

/// Calls a metric by the name of the column that it came from.
fn rename(judgement: &mut CellJudgement, from: &str, to: &str) {
    let names = judgement
        .metrics
        .iter_mut()
        .map(|metric| &mut metric.metric);
    for name in names.chain([&mut judgement.metric]) {
        if name == from {
            to.clone_into(name);
        }
    }
    if let Some(rest) = judgement.reason.strip_prefix(from) {
        judgement.reason = format!("{to}{rest}");
    }
}

/// The marks with a length: windows that are left out of trends.
fn marked_windows(events: &[Event]) -> Vec<Window> {
    let windows = events.iter().filter_map(|event| match &event.kind {
        EventKind::Mark {
            duration_ms: Some(duration_ms),
            ..
        } => Some(Window {
            start_s: event.elapsed_ms / 1000.0,
            end_s: (event.elapsed_ms + duration_ms) / 1000.0,
        }),
        _ => None,
    });
    windows.collect()
}

/// Writes `verdict.json` of a cell; a verdict that is there already is kept.
///
/// # Errors
///
/// The error of the operating system.
pub fn write_verdict(cell: &Cell, judgement: &CellJudgement) -> std::io::Result<()> {
    let path = cell.folder.join("verdict.json");
    if path.exists() {
        return Ok(());
    }
    write_atomically(&path, &serde_json::to_vec_pretty(judgement)?)
}
