//! The verdict of a cell on disk, as it was written when the cell ended, or made now.

use super::damage::damage_words;
use super::metric::memory_of;
use super::series::Readings;
use crate::classes::words::top_words;
use crate::classes::{ClassTable, read_classes};
use leaklab_judge::amount::amount_text;
use leaklab_judge::{Budget, BudgetError, CellJudgement, JudgeError, Judgement, Unit, Verdict};
use leaklab_run::{Cell, Outcome, TableError, write_atomically};

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
    /// It was never ready: what it did before is not what is asked about.
    #[error("it never became ready, so that nothing was judged")]
    NeverReady,
}

/// Judges a cell from its samples.
///
/// # Errors
///
/// [`VerdictError`] if files are missing or damaged, if nothing was sampled, or if it was never
/// ready.
pub fn judge_samples(cell: &Cell, options: &VerdictOptions) -> Result<CellJudgement, VerdictError> {
    judge_told(cell, options).map(|(judgement, _)| judgement)
}

/// As [`judge_samples`], and what of the cell's record is damaged or gone, in words.
///
/// # Errors
///
/// As [`judge_samples`].
pub fn judge_told(
    cell: &Cell,
    options: &VerdictOptions,
) -> Result<(CellJudgement, Vec<String>), VerdictError> {
    if cell.status.outcome == Some(Outcome::NeverReady) {
        return Err(VerdictError::NeverReady);
    }
    let readings = Readings::of_cell(cell, options, |_| false)?;
    let table = readings.table();
    let damage = damage_words(cell, table.len() as u64, table);
    Ok((readings.judge()?, damage))
}

/// The verdict that was written when the cell ended; `None` if there is none that can be read.
pub fn stored_verdict(cell: &Cell) -> Option<CellJudgement> {
    let was_ready = cell.status.outcome != Some(Outcome::NeverReady);
    cell.verdict().filter(|_| was_ready)
}

/// The verdict that was written when the cell ended, unless something else is asked of it; of a
/// cell that has none, what its samples say.
///
/// # Errors
///
/// As [`judge_samples`].
pub fn stored_or_judged(
    cell: &Cell,
    options: &VerdictOptions,
) -> Result<CellJudgement, VerdictError> {
    let as_it_ran = options.budget.is_none() && options.limit_bytes.is_none();
    match stored_verdict(cell).filter(|_| as_it_ran) {
        Some(judgement) => Ok(judgement),
        None => judge_samples(cell, options),
    }
}

/// Whether nothing but the width of its interval keeps a cell that should not leak from a verdict.
/// Cells of that kind add up to what none of them shows alone; what was withheld for another reason
/// does not.
pub fn is_too_wide(cell: &Cell, judged: &CellJudgement) -> bool {
    let is_to_leak = (cell.plan.expected.as_deref()).is_some_and(|expected| expected != "no-leak");
    if is_to_leak || judged.verdict != Verdict::Inconclusive {
        return false;
    }
    let readings = Readings::of_cell(cell, &VerdictOptions::default(), |_| false);
    readings.is_ok_and(|readings| {
        let memory = memory_of(readings.table()).map(|(column, _)| column);
        memory == Some(judged.metric.as_str())
            && readings.is_too_wide(&judged.metric, &judged.reason)
    })
}

/// Growth per operation with the ends of its interval, where operations are counted.
pub fn per_operation(judgement: &Judgement) -> Option<[f64; 3]> {
    Some([
        judgement.slope_bytes_per_op?,
        judgement.slope_low_bytes_per_op?,
        judgement.slope_high_bytes_per_op?,
    ])
}

/// Growth per hour with the ends of its interval.
pub fn per_hour(judgement: &Judgement) -> Option<[f64; 3]> {
    Some([
        judgement.slope_bytes_per_hour?,
        judgement.slope_low_bytes_per_hour?,
        judgement.slope_high_bytes_per_hour?,
    ])
}

/// `1.00 MiB/op`, or `64.0 KiB/h` where no operations are counted.
pub fn growth_text(judgement: &Judgement, unit: Unit) -> Option<String> {
    let per_op = per_operation(judgement).map(|[rate, ..]| (rate, "op"));
    let (rate, per) = per_op.or(per_hour(judgement).map(|[rate, ..]| (rate, "h")))?;
    Some(format!("{}/{per}", amount_text(rate, unit)))
}

/// The budget that was applied, as [`growth_text`] writes growth.
pub fn budget_text(judgement: &Judgement, unit: Unit) -> Option<String> {
    let per_op = judgement
        .budget_bytes_per_op
        .filter(|_| per_operation(judgement).is_some());
    let per_op = per_op.map(|rate| (rate, "op"));
    let (rate, per) = per_op.or(judgement.budget_bytes_per_hour.map(|rate| (rate, "h")))?;
    Some(format!("{}/{per}", amount_text(rate, unit)))
}

/// Writes `verdict.json` of a cell; a verdict that is there already is kept.
///
/// # Errors
///
/// The error of the operating system.
pub fn write_verdict(cell: &Cell, judgement: &CellJudgement) -> std::io::Result<()> {
    /// The judgement, and beside it which class of each series grew first, beyond chance.
    #[derive(serde::Serialize)]
    struct File<'a> {
        #[serde(flatten)]
        judgement: &'a CellJudgement,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        classes: Vec<serde_json::Value>,
    }
    let path = cell.folder.join("verdict.json");
    if path.exists() {
        return Ok(());
    }
    let tables = read_classes(cell).unwrap_or_default();
    let top = |table: &ClassTable| {
        let row = table.top()?;
        Some(serde_json::json!({"series": table.name, "words": top_words(table), "top": row}))
    };
    let file = File {
        judgement,
        classes: tables.iter().filter_map(top).collect(),
    };
    write_atomically(&path, &serde_json::to_vec_pretty(&file)?)
}
