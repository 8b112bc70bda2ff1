//! What `verdict.json` says about a cell, as far as the page shows it.
//!
//! Read leniently: a figure that is missing or of another type is not shown, and a file of a
//! later version still gives its verdict.

use crate::verdict::{VerdictOptions, judge_stored};
use leaklab_run::{Cell, columns};
use serde_json::Value;

/// An estimate with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    pub value: f64,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// The straight part that the slope was taken from.
#[derive(Debug, Clone, Copy, PartialEq, serde::Deserialize)]
pub(super) struct Fitted {
    pub start_s: f64,
    pub end_s: f64,
    pub start_value: f64,
    pub end_value: f64,
}

/// What was said of one metric. Slopes are in bytes, or in things for a count.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct MetricJudgement {
    /// Name of its column; empty if the file does not say.
    pub metric: String,
    /// `leak`, `no-leak` or `inconclusive`.
    pub verdict: String,
    pub shape: Option<String>,
    pub per_hour: Option<Estimate>,
    pub per_operation: Option<Estimate>,
}

/// The judgement of a cell.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Judgement {
    /// The verdict, with the metric that decided it.
    pub deciding: MetricJudgement,
    pub kind: Option<String>,
    /// One plain sentence.
    pub reason: String,
    /// Growth of the live heap, whatever decided.
    pub heap_per_operation: Option<Estimate>,
    pub budget_per_hour: Option<f64>,
    pub budget_per_operation: Option<f64>,
    pub resolution_per_hour: Option<f64>,
    /// End of the warm-up that was found.
    pub settled_after_s: Option<f64>,
    pub needs_s: Option<f64>,
    pub time_to_limit_s: Option<f64>,
    pub fitted: Option<Fitted>,
    /// Every metric on its own.
    pub metrics: Vec<MetricJudgement>,
}

impl Judgement {
    /// The judgement in the folder of `cell`; `None` if there is none that can be read.
    pub fn stored(cell: &Cell) -> Option<Self> {
        Self::from_value(&cell.verdict::<Value>()?)
    }

    /// The judgement of the samples that are there, as the judge makes it now; `None` if they
    /// cannot be judged.
    pub fn of_samples(cell: &Cell) -> Option<Self> {
        let judgement = judge_stored(cell, &VerdictOptions::default()).ok()?;
        Self::from_value(&serde_json::to_value(judgement).ok()?)
    }

    fn from_value(value: &Value) -> Option<Self> {
        let decided = decisive(value);
        let text = |name: &str| find(value, decided, name)?.as_str().map(str::to_owned);
        let figure = |name: &str| find(value, decided, name)?.as_f64();
        let metrics: Vec<MetricJudgement> = value
            .get("metrics")
            .and_then(Value::as_array)
            .map(|metrics| metrics.iter().filter_map(MetricJudgement::of).collect())
            .unwrap_or_default();
        let metric = text("metric");
        let own = MetricJudgement {
            metric: metric.clone().unwrap_or_default(),
            verdict: text("verdict")?,
            shape: text("shape"),
            per_hour: Estimate::of("hour", figure),
            per_operation: Estimate::of("op", figure),
        };
        let heap_per_operation = match metrics.iter().find(|m| is_heap(&m.metric)) {
            Some(heap) => heap.per_operation,
            None => own.per_operation.filter(|_| !own.counts()),
        };
        Some(Judgement {
            kind: text("kind"),
            reason: text("reason").unwrap_or_default(),
            heap_per_operation,
            budget_per_hour: figure("budget_bytes_per_hour"),
            budget_per_operation: figure("budget_bytes_per_op"),
            resolution_per_hour: figure("resolution_bytes_per_hour"),
            settled_after_s: figure("settled_after_s"),
            needs_s: figure("needs_s"),
            time_to_limit_s: figure("time_to_limit_s"),
            fitted: find(value, decided, "fitted")
                .and_then(|fitted| serde::Deserialize::deserialize(fitted).ok()),
            deciding: own,
            metrics,
        })
    }
}

impl MetricJudgement {
    fn of(value: &Value) -> Option<Self> {
        let judgement = value.get("judgement").unwrap_or(value);
        let text = |name: &str| judgement.get(name)?.as_str().map(str::to_owned);
        let figure = |name: &str| judgement.get(name)?.as_f64();
        Some(MetricJudgement {
            metric: value.get("metric")?.as_str()?.to_owned(),
            verdict: text("verdict")?,
            shape: text("shape"),
            per_hour: Estimate::of("hour", figure),
            per_operation: Estimate::of("op", figure),
        })
    }

    /// Whether its values are counts of things and not bytes.
    pub fn counts(&self) -> bool {
        [columns::DESCRIPTORS, columns::THREADS, columns::PROCESSES].contains(&self.metric.as_str())
    }
}

impl Estimate {
    fn of(unit: &str, figure: impl Fn(&str) -> Option<f64>) -> Option<Self> {
        Some(Estimate {
            value: figure(&format!("slope_bytes_per_{unit}"))?,
            low: figure(&format!("slope_low_bytes_per_{unit}")),
            high: figure(&format!("slope_high_bytes_per_{unit}")),
        })
    }
}

fn is_heap(metric: &str) -> bool {
    metric == columns::ALLOCATED_BYTES || metric == columns::USED_BYTES
}

/// The judgement of the metric that decided, where a file holds one per metric.
fn decisive(value: &Value) -> Option<&Value> {
    let metrics = value.get("metrics")?.as_array()?;
    let by_name = value.get("metric").and_then(Value::as_str);
    let decided = metrics
        .iter()
        .find(|m| by_name.is_some() && m.get("metric").and_then(Value::as_str) == by_name)
        .or_else(|| metrics.first())?;
    Some(decided.get("judgement").unwrap_or(decided))
}

fn find<'a>(whole: &'a Value, decided: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    whole
        .get(name)
        .filter(|value| !value.is_null())
        .or_else(|| decided?.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_judge::{CellSeries, JudgeOptions, judge_cell};
    use serde_json::json;

    #[test]
    fn figures_are_taken_from_the_cell_or_from_its_decisive_metric() {
        let flat =
            json!({"verdict": "leak", "slope_bytes_per_op": 1.5, "slope_low_bytes_per_op": 1.0});
        let judgement = Judgement::from_value(&flat).expect("a verdict");
        let estimate = judgement.heap_per_operation.expect("an estimate");
        assert_eq!(
            (estimate.value, estimate.low, estimate.high),
            (1.5, Some(1.0), None)
        );
        let nested = json!({"verdict": "leak", "metric": "b", "metrics": [
            {"metric": "a", "judgement": {"settled_after_s": 1.0}},
            {"metric": "b", "judgement": {"settled_after_s": 2.0}}]});
        let judgement = Judgement::from_value(&nested).expect("a verdict");
        assert_eq!(judgement.settled_after_s, Some(2.0));
    }

    #[test]
    fn what_the_judge_writes_is_read_with_all_its_metrics() {
        let time_s: Vec<f64> = (0..400).map(f64::from).collect();
        let operations: Vec<f64> = time_s.iter().map(|t| t * 10.0).collect();
        let heap = vec![5e6; 400];
        let descriptors: Vec<f64> = time_s.iter().map(|t| 10.0 + t).collect();
        let series = CellSeries {
            time_s: &time_s,
            operations: Some(&operations),
            allocated_bytes: Some(&heap),
            descriptors: Some(&descriptors),
            ..CellSeries::default()
        };
        let written = judge_cell(&series, &JudgeOptions::default()).expect("a judgement");
        let value = serde_json::to_value(&written).expect("JSON");
        let judgement = Judgement::from_value(&value).expect("a verdict");
        assert_eq!(judgement.deciding.metric, "descriptors");
        assert_eq!(judgement.deciding.verdict, "leak");
        assert!(judgement.deciding.counts());
        let per_operation = judgement.deciding.per_operation.expect("a slope").value;
        assert!((per_operation - 0.1).abs() < 1e-3, "{per_operation}");
        let heap = judgement
            .heap_per_operation
            .expect("a slope of the heap")
            .value;
        assert!(heap.abs() < 1e-3, "the heap does not grow: {heap}");
        assert_eq!(judgement.metrics.len(), 2);
        assert!(judgement.fitted.is_some());
    }

    #[test]
    fn a_file_without_a_verdict_is_none_and_odd_figures_are_left_out() {
        assert_eq!(Judgement::from_value(&json!({"reason": "x"})), None);
        assert_eq!(Judgement::from_value(&json!([1])), None);
        let odd = json!({"verdict": "no-leak", "settled_after_s": "soon"});
        let judgement = Judgement::from_value(&odd).expect("a verdict");
        assert_eq!(judgement.settled_after_s, None);
    }
}
