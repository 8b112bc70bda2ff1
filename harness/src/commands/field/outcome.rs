//! What a case must get, held against what it got.

use crate::commands::plain_table;
use crate::config::OwnScenario;
use crate::results::judged::JudgedCell;
use crate::text::{bytes_text, count_text};
use leaklab_run::{Cell, columns};
use leaklab_scenarios::Expected;

/// How far the measured bytes per operation may be from the declared ones.
///
/// Counts of allocators and of `heapUsed` come out to the byte; what remains is the tables of
/// the runtime, which grow by doubling.
const TOLERANCE: f64 = 0.05;

/// The same for the virtual machine of Java, which loads classes and compiles beside the leak.
const JAVA_TOLERANCE: f64 = 0.10;

/// Longest load of a case.
const LONGEST_S: f64 = 60.0;

/// Most memory of a case.
const MOST_BYTES: u64 = 1 << 30;

/// One cell of a case.
struct Outcome<'a> {
    judged: &'a JudgedCell<'a>,
    /// Slope of the live heap, with its interval.
    bytes_per_operation: Option<[f64; 3]>,
    peak_rss_bytes: Option<u64>,
    faults: Vec<String>,
}

impl<'a> Outcome<'a> {
    fn new(case: &OwnScenario, judged: &'a JudgedCell<'a>) -> Self {
        let memory = judged.memory().map(|memory| &memory.judgement);
        let bytes_per_operation = memory.and_then(|memory| {
            Some([
                memory.slope_low_bytes_per_op?,
                memory.slope_bytes_per_op?,
                memory.slope_high_bytes_per_op?,
            ])
        });
        let mut outcome = Outcome {
            judged,
            bytes_per_operation,
            peak_rss_bytes: peak_rss_bytes(judged.cell),
            faults: Vec::new(),
        };
        outcome.faults = outcome.faults(case);
        outcome
    }

    /// What is not as the case declares.
    fn faults(&self, case: &OwnScenario) -> Vec<String> {
        let plan = &self.judged.cell.plan;
        let mut faults = Vec::new();
        if self.judged.is_as_expected() != Some(true) {
            let expected = plan.expected.as_deref().unwrap_or("no verdict");
            let verdict = self.judged.verdict_text();
            faults.push(format!("{verdict} instead of {expected}"));
        }
        if let Some(off) = self.off() {
            let is_java = case
                .published
                .as_ref()
                .is_some_and(|p| p.ecosystem == "Maven");
            let allowed = if is_java { JAVA_TOLERANCE } else { TOLERANCE };
            if off.is_infinite() {
                faults.push(
                    "declares no bytes per operation: write down what was measured".to_owned(),
                );
            } else if off.abs() > allowed {
                faults.push(format!("{:+.1} % of what is declared", 100.0 * off));
            }
        }
        let elapsed_s = self.judged.cell.status.elapsed_ms / 1000.0;
        if elapsed_s > LONGEST_S {
            faults.push(format!("took {elapsed_s:.0} s"));
        }
        if self.peak_rss_bytes.is_some_and(|peak| peak > MOST_BYTES) {
            faults.push("took more than 1 GiB".to_owned());
        }
        faults
    }

    /// How far the leak is from the declared one, as a share of it; only of what must leak.
    fn off(&self) -> Option<f64> {
        let plan = &self.judged.cell.plan;
        let must_leak = plan.expected.as_deref() == Some(Expected::Leak.name());
        let declared = plan.retained_bytes_per_operation.filter(|_| must_leak)?;
        let [_, measured, _] = self.bytes_per_operation?;
        Some(measured / declared - 1.0)
    }
}

/// The highest resident size of a cell, its children included.
fn peak_rss_bytes(cell: &Cell) -> Option<u64> {
    let table = cell.samples(|name| name == columns::RSS_BYTES).ok()?;
    let column = table.filled_column(columns::RSS_BYTES)?;
    let peak = column.iter().copied().filter(|value| !value.is_nan());
    peak.reduce(f64::max).map(|bytes| bytes as u64)
}

/// A row per cell, and whether all is as declared.
pub fn table(case: &OwnScenario, judged: &[JudgedCell<'_>]) -> (String, bool) {
    let mut table = plain_table(&[
        "variant",
        "operations",
        "declared",
        "measured",
        "expected",
        "verdict",
        "peak memory",
        "",
    ]);
    let mut is_as_declared = true;
    for one in judged {
        let outcome = Outcome::new(case, one);
        let plan = &one.cell.plan;
        let measured = outcome.bytes_per_operation.map(|[low, at, high]| {
            format!("{} ± {}", bytes_text(at), bytes_text((high - low) / 2.0))
        });
        let none = || "-".to_owned();
        table.add_row([
            plan.id.clone(),
            one.cell.status.ops_total.map_or_else(none, count_text),
            plan.retained_bytes_per_operation
                .map_or_else(none, bytes_text),
            measured.unwrap_or_else(none),
            plan.expected.clone().unwrap_or_else(none),
            one.verdict_text(),
            (outcome.peak_rss_bytes).map_or_else(none, |bytes| bytes_text(bytes as f64)),
            match outcome.faults.is_empty() {
                true => "as declared".to_owned(),
                false => format!("NOT: {}", outcome.faults.join("; ")),
            },
        ]);
        is_as_declared &= outcome.faults.is_empty();
    }
    let mut text = format!(
        "{}: {}\n{}\n\n{table}\n",
        case.name, case.summary, case.source
    );
    if let Some(published) = &case.published {
        text.push_str(&format!("\naffected: {}\n", published.affected));
        text.push_str(&format!("found by: {}\n", published.found_by));
    }
    (text, is_as_declared)
}

/// An object per cell, and whether all is as declared.
pub fn json_lines(case: &OwnScenario, judged: &[JudgedCell<'_>]) -> (String, bool) {
    let mut text = String::new();
    let mut is_as_declared = true;
    for one in judged {
        let outcome = Outcome::new(case, one);
        let [low, at, high] =
            (outcome.bytes_per_operation).map_or([None; 3], |interval| interval.map(Some));
        let plan = &one.cell.plan;
        let object = serde_json::json!({
            "case": case.name,
            "variant": plan.variant,
            "role": plan.role,
            "version": plan.version,
            "expected": plan.expected,
            "verdict": one.verdict().to_string(),
            "declared_bytes_per_operation": plan.retained_bytes_per_operation,
            "bytes_per_operation": at,
            "low_bytes_per_operation": low,
            "high_bytes_per_operation": high,
            "operations": one.cell.status.ops_total,
            "elapsed_ms": one.cell.status.elapsed_ms,
            "peak_rss_bytes": outcome.peak_rss_bytes,
            "faults": outcome.faults,
            "folder": one.cell.folder,
        });
        text.push_str(&format!("{object}\n"));
        is_as_declared &= outcome.faults.is_empty();
    }
    (text, is_as_declared)
}
