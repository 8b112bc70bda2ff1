//! Many services judged together: replicas and lives pooled, false discoveries held down.
//!
//! A service is what is left of a series' labels without those of its instance. Its instances
//! become one series, which the judge sees like any other, and so do its replicas and what runs
//! since its last deployment ([`judge_service`]); its verdict is what the judge says of all or of
//! the part that is named. Over all services the false discovery rate is held ([`discoveries`]), and each
//! row says whether it is a discovery beside its unchanged verdict.

mod page;
mod pool;
mod service;
mod starts;
mod text;

pub use crate::discovery::{ACCEPTED_RATE, adjusted, discoveries};
pub use page::page;
pub use pool::{Life, Pooled};
pub use service::{AtLimit, Part, ServiceJudgement, judge_service};
pub use starts::{RESTART_COUNT, START_TIMES, Starts};
pub use text::{alert_rules, open_metrics, text, undecided_share};

use leaklab_judge::{Judgement, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One service, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The labels that name it.
    pub labels: BTreeMap<String, String>,
    /// Instances that ran at the same time.
    pub replicas: usize,
    /// Instances in all.
    pub lives: usize,
    /// The limit of its memory, where that is known.
    pub limit_bytes: Option<f64>,
    /// Whether whoever asked gave that limit, so that it must not be reached.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limit_is_required: bool,
    /// Its highest reading, where that reaches the limit or all but reaches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_limit: Option<AtLimit>,
    /// What the judgement is about, where that is not all of the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// What the judge says of its series, or of that part of it.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// Its p-value, adjusted for all services (Benjamini-Hochberg).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted_p_value: Option<f64>,
    /// Whether it is a discovery at the rate of false ones that is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<bool>,
    /// Seconds and values of its series, thinned for a small picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sketch: Vec<(f64, f64)>,
}

impl Row {
    /// `namespace=shop, container=cart`.
    pub fn name(&self) -> String {
        let words: Vec<String> = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        words.join(", ")
    }

    /// Whether it is a discovery.
    pub fn is_discovery(&self) -> bool {
        self.discovery == Some(true)
    }

    /// Whether it has reached a limit that whoever asked gave.
    pub fn breaks_limit(&self) -> bool {
        self.limit_is_required && self.at_limit.is_some_and(|at| at.is_reached)
    }

    /// Whether a deployment ended a leak of it.
    pub fn is_cured(&self) -> bool {
        matches!(self.part, Some(Part::Deployment { cured: true, .. }))
    }
}

/// Says of each row whether it is a discovery, and puts them in order: discoveries by the time
/// to their limit, then by rate; then the other leaks; then the rest by name.
pub fn rank(rows: &mut [Row]) {
    let p_values: Vec<f64> = rows.iter().map(|row| row.judgement.p_value).collect();
    let adjusted = adjusted(&p_values);
    for (row, adjusted) in rows.iter_mut().zip(adjusted) {
        row.adjusted_p_value = Some(adjusted);
        row.discovery = Some(adjusted <= ACCEPTED_RATE);
    }
    rows.sort_by(|a, b| {
        let group = |row: &Row| match (row.is_discovery(), row.judgement.verdict) {
            (true, _) => 0,
            (false, Verdict::Leak) => 1,
            (false, Verdict::Inconclusive) => 2,
            (false, Verdict::NoLeak) => 3,
        };
        let left = |row: &Row| row.judgement.time_to_limit_s.unwrap_or(f64::INFINITY);
        let rate = |row: &Row| row.judgement.slope_bytes_per_hour.unwrap_or(0.0);
        group(a)
            .cmp(&group(b))
            .then(left(a).total_cmp(&left(b)))
            .then(rate(b).total_cmp(&rate(a)))
            .then_with(|| a.labels.cmp(&b.labels))
    });
}
