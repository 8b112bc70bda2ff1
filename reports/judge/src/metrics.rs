//! All metrics of a cell together: the verdict of the live heap, and where growth sits.

use serde::{Deserialize, Serialize};

use crate::budget::Budget;
use crate::decide::judge;
use crate::judgement::{Judgement, Kind, Verdict};
use crate::many::on_all_processors;
use crate::policy::RSS_GRAIN_BYTES;
use crate::policy::outside::{IMAGE_BYTES, OUTSIDE_STEPS};
use crate::policy::verdict::FEWEST_READINGS;
use crate::series::{JudgeError, JudgeOptions, Series, Unit, Window};
use crate::stats::quantile::median;
use std::borrow::Cow;

/// The readings of a cell. Metrics that were not taken are `None`; single readings that
/// failed are NaN.
#[derive(Debug, Clone, Default)]
pub struct CellSeries<'a> {
    /// Seconds since the start of the cell.
    pub time_s: &'a [f64],
    /// Operations completed so far.
    pub operations: Option<&'a [f64]>,
    /// How much the program was asked to do at each time; see [`Series::load`].
    pub load: Option<&'a [f64]>,
    /// Times at which the program is known to have been started anew; see [`Series::restarts`].
    pub restarts: Option<&'a [f64]>,
    /// Bytes allocated and not freed (jemalloc `allocated`, or a managed heap's `used`).
    pub allocated_bytes: Option<&'a [f64]>,
    /// Whether the allocated bytes are an allocator's count, exact to the byte.
    pub allocated_is_exact: bool,
    /// Bytes in active pages.
    pub active_bytes: Option<&'a [f64]>,
    /// Bytes in pages that the allocator keeps resident.
    pub resident_bytes: Option<&'a [f64]>,
    /// Resident set of the process tree.
    pub rss_bytes: Option<&'a [f64]>,
    /// Resident set of the tree with shared pages counted once, where it was read.
    pub pss_bytes: Option<&'a [f64]>,
    /// Bytes of the tree that are swapped out: they count as resident.
    pub swap_bytes: Option<&'a [f64]>,
    /// Open descriptors.
    pub descriptors: Option<&'a [f64]>,
    /// Threads.
    pub threads: Option<&'a [f64]>,
    /// Other metrics by name: judged and reported, without influence on the verdict.
    pub others: Vec<(String, &'a [f64], Unit)>,
    /// Marks and other stretches that say nothing about a trend.
    pub excluded: &'a [Window],
}

/// One metric of a cell, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricJudgement {
    /// Name of the metric, as in `samples.csv`.
    pub metric: String,
    /// What the judge says.
    pub judgement: Judgement,
}

/// The verdict of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellJudgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Where the growth sits, if it leaks.
    pub kind: Option<Kind>,
    /// The metric that decided.
    pub metric: String,
    /// One plain sentence.
    pub reason: String,
    /// Seconds from the start of the load to the last work that was done, where work stopped
    /// long before the load did. Memory is flat after that, and says nothing: the verdict is
    /// never `no-leak`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_working_after_s: Option<f64>,
    /// Every metric on its own, the deciding one first.
    pub metrics: Vec<MetricJudgement>,
}

impl CellJudgement {
    /// The judgement of the metric that decided.
    pub fn deciding(&self) -> Option<&Judgement> {
        self.metrics
            .iter()
            .find(|m| m.metric == self.metric)
            .map(|m| &m.judgement)
    }

    /// Takes the verdict of the whole back, for that reason: nothing is decided.
    pub fn leave_open(&mut self, reason: impl Into<String>) {
        self.verdict = Verdict::Inconclusive;
        self.kind = None;
        self.reason = reason.into();
    }
}

/// Judges all metrics of a cell.
///
/// The live heap decides where it is known; resident memory is evidence, and decides only
/// where there is nothing else. Descriptors and threads that grow are leaks of their own kind,
/// whatever the heap says. The budget applies to bytes; counts are held against the default
/// budget for counts, per operation where the budget is per operation (0.01 per operation).
///
/// Swap counts as resident. A heap that does not grow answers for no more than it holds: where
/// what is resident beyond it leaks, or is more than it and not known to be flat, `no-leak` is
/// withheld, and the kind says `outside-allocator`. Interpreters and virtual machines keep
/// their objects past malloc.
///
/// # Errors
///
/// [`JudgeError`] as [`judge`]; `Empty` if there is no metric.
pub fn judge_cell(
    cell: &CellSeries<'_>,
    options: &JudgeOptions,
) -> Result<CellJudgement, JudgeError> {
    let mut metrics = Vec::new();
    let rss = cell.rss_bytes.map(|rss| with_swap(rss, cell.swap_bytes));
    let pss = cell.pss_bytes.map(|pss| with_swap(pss, cell.swap_bytes));
    let bytes: [(&str, Option<&[f64]>); 4] = [
        ("allocated_bytes", cell.allocated_bytes),
        ("active_bytes", cell.active_bytes),
        ("resident_bytes", cell.resident_bytes),
        ("rss_bytes", rss.as_deref()),
    ];
    let counts = [("descriptors", cell.descriptors), ("threads", cell.threads)];
    let of = |unit| move |(name, values): (_, Option<_>)| Some((name, values?, unit));
    let bytes = bytes.into_iter().filter_map(of(Unit::Bytes));
    let counts = counts.into_iter().filter_map(of(Unit::Count));
    let others = cell.others.iter();
    let others = others.map(|(name, values, unit)| (name.as_str(), *values, *unit));
    let asked: Vec<Asked<'_>> = bytes.chain(counts).chain(others).collect();
    for judged in judge_each(&asked, cell, options) {
        metrics.extend(judged?);
    }
    let mut judgement = combine(metrics)?;
    // Shared memory counts once in PSS, which is read less often: where it does not say enough
    // and RSS leaks beyond the allocator's own, that decides.
    let is_rising = judgement.kind == Some(Kind::OutsideAllocator);
    let by_pss = pss.as_deref().filter(|pss| is_read(pss));
    let by_rss = rss.as_deref().filter(|_| by_pss.is_none() || is_rising);
    for total in by_pss.into_iter().chain(by_rss) {
        if judgement.verdict != Verdict::NoLeak || judgement.metric != "allocated_bytes" {
            break;
        }
        let found = withhold_for_outside(&mut judgement, cell, total, options)?;
        if found == Some(Verdict::NoLeak) {
            break;
        }
    }
    Ok(judgement)
}

/// Resident memory and what was swapped out of it; where swap was not read, there was none.
fn with_swap<'a>(resident: &'a [f64], swap: Option<&[f64]>) -> Cow<'a, [f64]> {
    match swap {
        Some(swap) if swap.iter().any(|bytes| *bytes > 0.0) => resident
            .iter()
            .zip(swap)
            .map(|(bytes, out)| bytes + if out.is_finite() { *out } else { 0.0 })
            .collect(),
        _ => Cow::Borrowed(resident),
    }
}

/// Whether enough of a metric was read to be judged: some are read at a slower pace.
fn is_read(values: &[f64]) -> bool {
    values.iter().filter(|value| value.is_finite()).count() >= FEWEST_READINGS
}

/// Withholds `no-leak` where `total`, what the tree holds, is not answered for by its heap; what
/// was found of that which the heap does not hold.
fn withhold_for_outside(
    judgement: &mut CellJudgement,
    cell: &CellSeries<'_>,
    total: &[f64],
    options: &JudgeOptions,
) -> Result<Option<Verdict>, JudgeError> {
    let heap = [cell.resident_bytes, cell.active_bytes, cell.allocated_bytes];
    let Some(heap) = heap.into_iter().flatten().next() else {
        return Ok(None);
    };
    let outside: Vec<f64> = total
        .iter()
        .zip(heap)
        .map(|(total, heap)| (total - heap).max(0.0))
        .collect();
    let known: Vec<f64> = outside.iter().copied().filter(|v| v.is_finite()).collect();
    let held: Vec<f64> = heap.iter().copied().filter(|v| v.is_finite()).collect();
    let (Some(beyond), Some(held)) = (median(&known), median(&held)) else {
        return Ok(None);
    };
    let judged = judge_one(&(OUTSIDE, &outside, Unit::Bytes), cell, options)?;
    let Some(found) = judged.map(|metric| metric.judgement) else {
        return Ok(None);
    };
    let verdict = found.verdict;
    let risen = found
        .fitted
        .map_or(0.0, |fitted| fitted.end_value - fitted.start_value);
    let leaks = found.verdict == Verdict::Leak && risen >= OUTSIDE_STEPS * RSS_GRAIN_BYTES;
    // What a runtime says of its own objects is all of them; beside malloc's an interpreter keeps
    // many.
    let is_most = cell.allocated_is_exact
        && beyond > held
        && beyond > IMAGE_BYTES
        && found.verdict != Verdict::NoLeak;
    if !leaks && !is_most {
        return Ok(Some(verdict));
    }
    let why = match leaks {
        true => format!(
            "resident memory beyond the allocator's leaks: {}",
            found.reason
        ),
        false => format!(
            "it is the smaller part of what is resident, and the rest is not known to be flat: {}",
            found.reason
        ),
    };
    let reason = format!("the live heap does not grow, but {why}");
    if let Some(heap) = (judgement.metrics.iter_mut()).find(|m| m.metric == "allocated_bytes") {
        heap.judgement.verdict = Verdict::Inconclusive;
        heap.judgement.kind = Some(Kind::OutsideAllocator);
        heap.judgement.reason.clone_from(&reason);
    }
    judgement.verdict = Verdict::Inconclusive;
    judgement.kind = Some(Kind::OutsideAllocator);
    judgement.reason = format!("allocated_bytes: {reason}");
    judgement.metrics.push(MetricJudgement {
        metric: OUTSIDE.to_owned(),
        judgement: found,
    });
    Ok(Some(verdict))
}

/// What is resident beyond the allocator's own, as a metric.
const OUTSIDE: &str = "outside_bytes";

/// A metric that is judged: its name, its values and what they are.
type Asked<'a> = (&'a str, &'a [f64], Unit);

/// What was found of a metric; `None` if it was never read.
type Found = Result<Option<MetricJudgement>, JudgeError>;

/// Rows from which on metrics are judged on all processors: two days at a row a second.
const ROWS_FOR_ALL: usize = 172_800;

/// Judges metrics one by one; those of a long cell on all processors.
fn judge_each(asked: &[Asked<'_>], cell: &CellSeries<'_>, options: &JudgeOptions) -> Vec<Found> {
    let judged = |asked: &Asked<'_>| judge_one(asked, cell, options);
    match cell.time_s.len() < ROWS_FOR_ALL {
        true => asked.iter().map(judged).collect(),
        false => on_all_processors(asked.iter().collect(), judged),
    }
}

fn judge_one(asked: &Asked<'_>, cell: &CellSeries<'_>, options: &JudgeOptions) -> Found {
    let (name, values, unit) = *asked;
    let series = Series {
        time_s: cell.time_s,
        value: values,
        operations: cell.operations,
        load: cell.load,
        restarts: cell.restarts,
        excluded: cell.excluded,
    };
    let mut options = JudgeOptions {
        unit,
        exact: cell.allocated_is_exact && name == "allocated_bytes",
        grain: match name {
            "rss_bytes" | OUTSIDE => options.grain.max(RSS_GRAIN_BYTES),
            _ => 0.0,
        },
        ..options.clone()
    };
    if unit == Unit::Count {
        options.limit = None;
        options.budget = match options.budget {
            Budget::BytesPerOperation(_) => Budget::BytesPerOperation(0.01),
            _ => Budget::Default,
        };
    }
    match judge(&series, &options) {
        Ok(judgement) => Ok(Some(MetricJudgement {
            metric: name.to_owned(),
            judgement,
        })),
        // A metric that was never read says nothing; the others may.
        Err(JudgeError::Empty) => Ok(None),
        Err(error) => Err(error),
    }
}

fn combine(mut metrics: Vec<MetricJudgement>) -> Result<CellJudgement, JudgeError> {
    let verdict_of = |name: &str| {
        metrics
            .iter()
            .find(|m| m.metric == name)
            .map(|m| m.judgement.verdict)
    };
    let leaks = |name: &str| verdict_of(name) == Some(Verdict::Leak);
    let heap_known = verdict_of("allocated_bytes").is_some();
    let by_count = [
        ("descriptors", Kind::Descriptors),
        ("threads", Kind::Threads),
    ];
    let (decider, kind) = if leaks("allocated_bytes") {
        ("allocated_bytes", Some(Kind::LiveHeap))
    } else if let Some((name, kind)) = by_count.into_iter().find(|(name, _)| leaks(name)) {
        (name, Some(kind))
    } else if heap_known {
        // The heap does not grow; where resident memory does, say so without a verdict.
        let kind = if leaks("active_bytes") {
            Some(Kind::Fragmentation)
        } else if leaks("resident_bytes") {
            Some(Kind::AllocatorCache)
        } else if leaks("rss_bytes") {
            Some(Kind::OutsideAllocator)
        } else {
            None
        };
        ("allocated_bytes", kind)
    } else {
        let name = [
            "rss_bytes",
            "resident_bytes",
            "active_bytes",
            "descriptors",
            "threads",
        ]
        .into_iter()
        .find(|name| verdict_of(name).is_some());
        match name {
            Some(name) => (name, None),
            None => match metrics.first() {
                Some(first) => {
                    let name = first.metric.clone();
                    return Ok(assemble(metrics, &name, None));
                }
                None => return Err(JudgeError::Empty),
            },
        }
    };
    metrics.sort_by_key(|m| m.metric != decider);
    Ok(assemble(metrics, decider, kind))
}

fn assemble(mut metrics: Vec<MetricJudgement>, decider: &str, kind: Option<Kind>) -> CellJudgement {
    let deciding = metrics.iter_mut().find(|m| m.metric == decider);
    let (mut verdict, mut reason) = (Verdict::Inconclusive, String::new());
    if let Some(metric) = deciding {
        metric.judgement.kind = kind;
        verdict = metric.judgement.verdict;
        reason = format!("{decider}: {}", metric.judgement.reason);
    }
    CellJudgement {
        verdict,
        kind,
        metric: decider.to_owned(),
        reason,
        stopped_working_after_s: None,
        metrics,
    }
}
