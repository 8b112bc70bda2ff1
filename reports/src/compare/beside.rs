//! What leaks beside the memory that is compared: descriptors, threads, what is resident beyond the
//! heap. The growth of the memory does not speak for it.

use super::ratio::{CONFIDENCE, Estimate};
use super::requirement::Decision;
use super::side::Side;
use super::spread::Moments;
use crate::cell::{Metric, metric_judgement, per_hour, per_operation};
use leaklab_judge::{CellJudgement, Kind, Verdict};

/// A leak of something else than the memory that is compared.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LeakBeside {
    /// The metric that leaks, as in `samples.csv`.
    pub metric: String,
    /// Where its growth sits.
    pub kind: Option<Kind>,
    /// How many runs of the side show it.
    pub runs: u64,
    /// Its growth per operation, where operations are counted.
    pub per_operation: Option<Estimate>,
    /// Its growth per hour.
    pub per_hour: Option<Estimate>,
    /// The budget per operation that the judge applied, if it was given so.
    pub budget_per_operation: Option<f64>,
    /// The budget per hour that the judge applied.
    pub budget_per_hour: Option<f64>,
}

impl LeakBeside {
    /// What leaks in a cell whose memory is `metric`, if that is another thing.
    pub(super) fn of(judged: &CellJudgement, metric: &str) -> Option<Self> {
        if judged.verdict != Verdict::Leak || judged.metric == metric {
            return None;
        }
        let found = metric_judgement(judged, &judged.metric).map(|one| &one.judgement);
        Some(LeakBeside {
            metric: judged.metric.clone(),
            kind: judged.kind,
            runs: 1,
            per_operation: found.and_then(per_operation).map(Estimate::from),
            per_hour: found.and_then(per_hour).map(Estimate::from),
            budget_per_operation: found.and_then(|one| one.budget_bytes_per_op),
            budget_per_hour: found.and_then(|one| one.budget_bytes_per_hour),
        })
    }

    /// The same of several runs: its growth is known where each of them shows it.
    pub(super) fn of_runs(runs: &[Side]) -> Option<Self> {
        let leaks = || runs.iter().filter_map(|side| side.leak_beside.as_ref());
        let first = leaks().next()?;
        let rate = |of: fn(&Self) -> Option<Estimate>| {
            let is_same = |leak: &&Self| leak.metric == first.metric;
            let all: Vec<Estimate> = leaks().filter(is_same).filter_map(of).collect();
            let moments = Moments::of_runs(&all).filter(|_| all.len() == runs.len());
            moments.map(|known| known.interval(CONFIDENCE))
        };
        Some(LeakBeside {
            runs: leaks().count() as u64,
            per_operation: rate(|leak| leak.per_operation),
            per_hour: rate(|leak| leak.per_hour),
            ..first.clone()
        })
    }

    fn words(&self) -> String {
        let label = Metric::named(&self.metric).label;
        match self.kind {
            Some(kind) => format!("{label} ({kind})"),
            None => label,
        }
    }

    /// Growth on both sides with the budget for it, per operation where both count them.
    fn growth_beside(&self, before: &Self) -> Option<([Estimate; 2], f64)> {
        let per_operation = before.per_operation.zip(self.per_operation);
        let counted = per_operation.zip(self.budget_per_operation);
        let timed = before.per_hour.zip(self.per_hour).zip(self.budget_per_hour);
        let ((before, after), budget) = counted.or(timed)?;
        Some(([before, after], budget))
    }
}

/// What a leak of something else in the second side makes of the requirement, and why; `None` if
/// there is none, or no more of it than in the first.
pub(super) fn leak_beside(before: &Side, after: &Side) -> Option<(Decision, String)> {
    let leak = after.leak_beside.as_ref()?;
    let words = leak.words();
    let Some(old) = before.leak_beside.as_ref() else {
        let is_new = before.verdict == Verdict::NoLeak && 2 * leak.runs > after.runs;
        return Some(match is_new {
            true => (
                Decision::Refuted,
                format!("{words} leak, and did not before"),
            ),
            false => (
                Decision::Open,
                format!(
                    "{words} leak in {} of {} after, and it cannot be said whether that is new",
                    leak.runs, after.runs
                ),
            ),
        });
    };
    let known = (old.metric == leak.metric).then(|| leak.growth_beside(old));
    let more = known.flatten().and_then(|([before, after], budget)| {
        let [before, after] = [before, after].map(|one| Moments::of_runs(&[one]));
        Some((
            Moments::difference(&before?, &after?).interval(CONFIDENCE),
            budget,
        ))
    });
    match more {
        Some((more, budget)) if more.high <= budget => None,
        Some((more, budget)) if more.low > budget => {
            Some((Decision::Refuted, format!("{words} leak faster")))
        }
        _ => Some((
            Decision::Open,
            format!("{words} leak on both sides, and which leaks more cannot be said"),
        )),
    }
}
