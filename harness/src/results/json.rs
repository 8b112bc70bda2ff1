//! One JSON object per cell, one per line.

use crate::results::judged::JudgedCell;
use serde_json::{Value, json};

/// The cells as JSON Lines. Keys are only ever added.
pub fn json_lines(judged: &[JudgedCell<'_>]) -> String {
    judged
        .iter()
        .map(|cell| format!("{}\n", object(cell)))
        .collect()
}

fn object(judged: &JudgedCell<'_>) -> Value {
    let JudgedCell {
        cell, judgement, ..
    } = judged;
    let deciding = judgement.as_ref().ok().and_then(|j| j.deciding());
    json!({
        "cell": cell.plan.id,
        "folder": cell.folder,
        "role": cell.plan.role,
        "expected": cell.plan.expected,
        "as_expected": judged.does_as_declared(),
        "outcome": cell.status.outcome,
        "message": cell.status.message,
        "verdict": judged.verdict(),
        "kind": judgement.as_ref().ok().and_then(|j| j.kind),
        "metric": judgement.as_ref().ok().map(|j| &j.metric),
        "reason": match judgement {
            Ok(judgement) => &judgement.reason,
            Err(error) => error,
        },
        "stopped_working_after_s": judged.stopped_working_after_s(),
        "operations": cell.status.ops_total,
        "elapsed_ms": cell.status.elapsed_ms,
        "retained_bytes_per_operation": cell.plan.retained_bytes_per_operation,
        "bytes_per_operation": judged.memory().and_then(|memory| memory.judgement.slope_bytes_per_op),
        "judgement": deciding,
        "measurement": cell.status.measurement,
    })
}
