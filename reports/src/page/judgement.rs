//! What `verdict.json` says about a cell, as far as the page shows it.
//!
//! Read leniently: a figure that is missing or of another type is not shown, and a file of a
//! later version still gives its verdict.

use crate::run::Cell;
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

/// The judgement of a cell.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Judgement {
    /// `leak`, `no-leak` or `inconclusive`.
    pub verdict: String,
    pub kind: Option<String>,
    pub shape: Option<String>,
    /// One plain sentence.
    pub reason: String,
    /// Name of the column that decided.
    pub metric: Option<String>,
    pub per_hour_bytes: Option<Estimate>,
    pub per_operation_bytes: Option<Estimate>,
    pub budget_bytes_per_hour: Option<f64>,
    pub budget_bytes_per_operation: Option<f64>,
    pub resolution_bytes_per_hour: Option<f64>,
    /// End of the warm-up that was found.
    pub settled_after_s: Option<f64>,
    pub needs_s: Option<f64>,
    pub time_to_limit_s: Option<f64>,
    pub fitted: Option<Fitted>,
}

impl Judgement {
    /// The judgement in the folder of `cell`; `None` if there is none that can be read.
    pub fn of(cell: &Cell) -> Option<Self> {
        Self::from_value(&cell.verdict::<Value>()?)
    }

    fn from_value(value: &Value) -> Option<Self> {
        let decided = decisive(value);
        let text = |name: &str| find(value, decided, name)?.as_str().map(str::to_owned);
        let figure = |name: &str| find(value, decided, name)?.as_f64();
        let estimate = |unit: &str| {
            Some(Estimate {
                value: figure(&format!("slope_bytes_per_{unit}"))?,
                low: figure(&format!("slope_low_bytes_per_{unit}")),
                high: figure(&format!("slope_high_bytes_per_{unit}")),
            })
        };
        Some(Judgement {
            verdict: text("verdict")?,
            kind: text("kind"),
            shape: text("shape"),
            reason: text("reason").unwrap_or_default(),
            metric: text("metric"),
            per_hour_bytes: estimate("hour"),
            per_operation_bytes: estimate("op").or_else(|| estimate("operation")),
            budget_bytes_per_hour: figure("budget_bytes_per_hour"),
            budget_bytes_per_operation: figure("budget_bytes_per_op"),
            resolution_bytes_per_hour: figure("resolution_bytes_per_hour"),
            settled_after_s: figure("settled_after_s"),
            needs_s: figure("needs_s"),
            time_to_limit_s: figure("time_to_limit_s"),
            fitted: find(value, decided, "fitted")
                .and_then(|fitted| serde::Deserialize::deserialize(fitted).ok()),
        })
    }
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
    use serde_json::json;

    #[test]
    fn figures_are_taken_from_the_cell_or_from_its_decisive_metric() {
        let flat =
            json!({"verdict": "leak", "slope_bytes_per_op": 1.5, "slope_low_bytes_per_op": 1.0});
        let judgement = Judgement::from_value(&flat).expect("a verdict");
        let estimate = judgement.per_operation_bytes.expect("an estimate");
        assert_eq!(
            (estimate.value, estimate.low, estimate.high),
            (1.5, Some(1.0), None)
        );
        let nested = json!({"verdict": "leak", "metric": "b", "metrics": [
            {"metric": "a", "settled_after_s": 1.0}, {"metric": "b", "settled_after_s": 2.0}]});
        let judgement = Judgement::from_value(&nested).expect("a verdict");
        assert_eq!(judgement.settled_after_s, Some(2.0));
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
