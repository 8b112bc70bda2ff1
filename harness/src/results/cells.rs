//! Judged cells of a stored run: a row each, why some are not well, and how many there are of
//! each verdict.

use crate::commands::plain_table;
use crate::results::judged::JudgedCell;
use leaklab_judge::Verdict;
use leaklab_judge::amount::{count_text, plural};
use leaklab_reports::cell::{Metric, Standing, budget_text, growth_text};

/// Reasons that are told; who has more cells than that asks for one of them.
const MOST_REASONS: usize = 20;

/// A row per cell with the metric that decided, then the reasons of what is not well, then the
/// counts in one line.
pub fn cells_table(judged: &[JudgedCell<'_>]) -> String {
    let mut table = plain_table(&[
        "cell", "metric", "growth", "budget", "shape", "expected", "verdict",
    ]);
    for one in judged {
        let judgement = one.judgement.as_ref().ok();
        let metric = judgement.map_or("-", |judgement| &judgement.metric);
        let unit = Metric::named(metric).unit.judged();
        let deciding = judgement.and_then(|judgement| judgement.deciding());
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let growth = or_dash(deciding.and_then(|d| growth_text(d, unit)));
        let budget = or_dash(deciding.and_then(|d| budget_text(d, unit)));
        let shape = or_dash(deciding.map(|d| d.shape.to_string()));
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
            one.cell_text(),
        ]);
    }
    format!("{table}\n{}\n{}\n", reasons(judged), counts(judged))
}

/// Why cells are not well, a line each.
fn reasons(judged: &[JudgedCell<'_>]) -> String {
    let unwell: Vec<_> = judged.iter().filter(|one| !is_well(one)).collect();
    let mut text = String::new();
    for one in unwell.iter().take(MOST_REASONS) {
        text.push_str(&format!("\n{}: {}\n", one.cell.plan.id, one.reason()));
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
    one.standing() == Standing::Good && one.stopped_working_after_s().is_none()
}

/// `12 cells: 7 no-leak, 4 leak, 1 not judged; 10 as expected, 1 not`.
fn counts(judged: &[JudgedCell<'_>]) -> String {
    let count = |is: &dyn Fn(&JudgedCell<'_>) -> bool| judged.iter().filter(|one| is(one)).count();
    // What did not come to its end has no verdict but a leak.
    let is_cut_short = |one: &JudgedCell<'_>| !one.is_whole() && one.verdict() != Verdict::Leak;
    let of_verdict = |verdict: Verdict| {
        count(&|one| {
            let found = one.judgement.as_ref();
            !is_cut_short(one) && found.is_ok_and(|found| found.verdict == verdict)
        })
    };
    let named = |counts: &[(usize, &str)]| {
        let filled = counts.iter().filter(|(count, _)| *count > 0);
        let texts = filled.map(|(count, name)| format!("{} {name}", count_text(*count as u64)));
        texts.collect::<Vec<_>>().join(", ")
    };
    let verdicts = named(&[
        (of_verdict(Verdict::NoLeak), "no-leak"),
        (of_verdict(Verdict::Leak), "leak"),
        (of_verdict(Verdict::Inconclusive), "inconclusive"),
        (
            count(&|one| one.judgement.is_ok() && is_cut_short(one)),
            "cut short",
        ),
        (count(&|one| one.judgement.is_err()), "not judged"),
    ]);
    let declared = |does: bool| count(&|one| one.does_as_declared() == Some(does));
    let expected = named(&[
        (declared(true), "as expected"),
        (declared(false), "not as expected"),
    ]);
    let separator = if expected.is_empty() { "" } else { "; " };
    format!(
        "{}: {verdicts}{separator}{expected}",
        plural(judged.len() as u64, "cell")
    )
}
