//! Judged cells of a stored run: a row each, why some are not well, and how many there are of
//! each verdict.

use crate::commands::plain_table;
use crate::results::judged::JudgedCell;
use crate::text::{count_text, growth_text, plural};
use leaklab_judge::{Judgement, Unit, Verdict};

/// Reasons that are told; who has more cells than that asks for one of them.
const MOST_REASONS: usize = 20;

/// A row per cell with the metric that decided, then the reasons of what is not well, then the
/// counts in one line. `unit_of` says what a metric counts.
pub fn cells_table(judged: &[JudgedCell<'_>], unit_of: impl Fn(&str) -> Unit) -> String {
    let mut table = plain_table(&[
        "cell", "metric", "growth", "budget", "shape", "expected", "verdict",
    ]);
    for one in judged {
        let judgement = one.judgement.as_ref().ok();
        let metric = judgement.map_or("-", |judgement| &judgement.metric);
        let (growth, budget, shape) = match judgement.and_then(|j| j.deciding()) {
            Some(deciding) => {
                let (growth, budget) = rates(deciding, unit_of(metric));
                (growth, budget, deciding.shape.to_string())
            }
            None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        table.add_row([
            one.cell.plan.id.clone(),
            metric.to_owned(),
            growth,
            budget,
            shape,
            one.cell
                .plan
                .expected
                .clone()
                .unwrap_or_else(|| "-".to_owned()),
            one.verdict_text(),
        ]);
    }
    format!("{table}\n{}\n{}\n", reasons(judged), counts(judged))
}

/// Growth and budget, per operation where operations are counted.
fn rates(deciding: &Judgement, unit: Unit) -> (String, String) {
    let text = |per_op: Option<f64>, per_hour: Option<f64>| match (per_op, per_hour) {
        (Some(per_op), _) => format!("{}/op", growth_text(per_op, unit)),
        (None, Some(per_hour)) => format!("{}/h", growth_text(per_hour, unit)),
        (None, None) => "-".to_owned(),
    };
    let by_operation = deciding.slope_bytes_per_op.is_some();
    let if_by_operation = |value: Option<f64>| value.filter(|_| by_operation);
    (
        text(deciding.slope_bytes_per_op, deciding.slope_bytes_per_hour),
        text(
            if_by_operation(deciding.budget_bytes_per_op),
            deciding.budget_bytes_per_hour,
        ),
    )
}

/// Why cells are not well, a line each.
fn reasons(judged: &[JudgedCell<'_>]) -> String {
    let unwell: Vec<_> = judged.iter().filter(|one| !is_well(one)).collect();
    let mut text = String::new();
    for one in unwell.iter().take(MOST_REASONS) {
        let reason = match &one.judgement {
            Ok(judgement) => &judgement.reason,
            Err(error) => error,
        };
        text.push_str(&format!("\n{}: {reason}\n", one.cell.plan.id));
    }
    if let Some(more) = unwell.len().checked_sub(MOST_REASONS + 1) {
        text.push_str(&format!(
            "\nand {}; name one (RUN::scenario::variant) for its figures\n",
            plural(more as u64 + 1, "more cell")
        ));
    }
    text
}

fn is_well(one: &JudgedCell<'_>) -> bool {
    let by_verdict = one
        .is_as_expected()
        .unwrap_or(one.verdict() == Verdict::NoLeak);
    by_verdict && one.judgement.is_ok() && one.stopped_working_after_s().is_none()
}

/// `12 cells: 7 no-leak, 4 leak, 1 not judged; 10 as expected, 1 not`.
fn counts(judged: &[JudgedCell<'_>]) -> String {
    let count = |is: &dyn Fn(&JudgedCell<'_>) -> bool| judged.iter().filter(|one| is(one)).count();
    let of_verdict =
        |verdict: Verdict| count(&|one| one.judgement.as_ref().is_ok_and(|j| j.verdict == verdict));
    let named = |counts: &[(usize, &str)]| {
        let filled = counts.iter().filter(|(count, _)| *count > 0);
        let texts = filled.map(|(count, name)| format!("{} {name}", count_text(*count as u64)));
        texts.collect::<Vec<_>>().join(", ")
    };
    let verdicts = named(&[
        (of_verdict(Verdict::NoLeak), "no-leak"),
        (of_verdict(Verdict::Leak), "leak"),
        (of_verdict(Verdict::Inconclusive), "inconclusive"),
        (count(&|one| one.judgement.is_err()), "not judged"),
    ]);
    let expected = named(&[
        (
            count(&|one| one.is_as_expected() == Some(true)),
            "as expected",
        ),
        (
            count(&|one| one.is_as_expected() == Some(false)),
            "not as expected",
        ),
    ]);
    let separator = if expected.is_empty() { "" } else { "; " };
    format!(
        "{}: {verdicts}{separator}{expected}",
        plural(judged.len() as u64, "cell")
    )
}
