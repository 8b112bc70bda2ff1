//! A line of `history.jsonl`: what one cell of one run came to.

use super::change::Night;
use crate::compare::ratio::Estimate;
use crate::compare::{Figure, Side};
use leaklab_judge::Verdict;
use leaklab_run::{Cell, CellPlan, Host, Run};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::BufRead;

/// Version of the lines that this writes; readers take any line whose keys they know.
pub const HISTORY_FORMAT: u32 = 1;

/// Longest line that is read: a cell's takes some two KiB.
const LONGEST_LINE: u64 = 64 * 1024;

/// The value of a figure on one night.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Its standard error, where the night knows one; else 0.
    #[serde(default)]
    pub standard_error: f64,
}

impl From<Measured> for Night {
    fn from(measured: Measured) -> Self {
        Night {
            value: measured.value,
            standard_error: measured.standard_error,
        }
    }
}

/// What one cell of one run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NightRecord {
    /// Version of the line.
    pub format: u32,
    /// Wall-clock start of the run, RFC 3339 in UTC.
    pub time_utc: String,
    /// Name of the run.
    pub run: String,
    /// Address of the cell, without the number of its repetition.
    pub cell: String,
    /// Which repetition, from 1.
    pub repetition: u64,
    /// What the series is: cell, parameters, rate, heap source, load. Nights of one series can
    /// be compared on machines of one class.
    pub series: String,
    /// The machine's class: architecture, processor, cores, memory.
    pub host_class: String,
    /// What `--label` gave: `commit`, for instance.
    pub labels: BTreeMap<String, String>,
    /// Digest of the resolved configuration of the cell.
    pub configuration: String,
    /// Digest of the program that ran, where it was a file.
    pub program: Option<String>,
    /// Build id of that program, where it has one.
    pub build_id: Option<String>,
    /// The judge's verdict.
    pub verdict: Verdict,
    /// How the cell came out, as its standing says.
    pub standing: String,
    /// Whether it was as it should be: what exit code 0 says of a run of this cell alone.
    pub is_good: bool,
    /// Metric that the growth is of.
    pub metric: String,
    /// Seconds of load.
    pub duration_s: Option<f64>,
    /// The figures that are known.
    pub figures: BTreeMap<Figure, Measured>,
}

impl Default for NightRecord {
    fn default() -> Self {
        NightRecord {
            format: HISTORY_FORMAT,
            time_utc: String::new(),
            run: String::new(),
            cell: String::new(),
            repetition: 1,
            series: String::new(),
            host_class: String::new(),
            labels: BTreeMap::new(),
            configuration: String::new(),
            program: None,
            build_id: None,
            verdict: Verdict::Inconclusive,
            standing: String::new(),
            is_good: false,
            metric: String::new(),
            duration_s: None,
            figures: BTreeMap::new(),
        }
    }
}

impl NightRecord {
    /// The record of a cell that was judged as `side`; without one nothing was sampled.
    #[must_use]
    pub fn of(run: &Run, cell: &Cell, side: Option<&Side>) -> Self {
        let plan = &cell.plan;
        NightRecord {
            time_utc: run.record.started_utc.clone(),
            run: run.record.id.clone(),
            cell: base_of(&plan.id).to_owned(),
            repetition: plan.repetition.max(1),
            series: series_key(cell),
            host_class: host_class(plan.host.as_deref().unwrap_or(&run.record.host)),
            labels: run.record.labels.clone(),
            configuration: configuration_digest(plan),
            program: plan.program_sha256.clone(),
            build_id: plan.build_id.clone(),
            verdict: side.map_or(Verdict::Inconclusive, |side| side.verdict),
            metric: side.map_or_else(String::new, |side| side.metric.clone()),
            duration_s: plan.duration_s,
            figures: side.map(figures).unwrap_or_default(),
            ..NightRecord::default()
        }
    }
}

/// The address without the number of the repetition.
fn base_of(id: &str) -> &str {
    id.split_once('#').map_or(id, |(base, _)| base)
}

fn figures(side: &Side) -> BTreeMap<Figure, Measured> {
    let exact = |value: Option<f64>| {
        value.map(|value| Measured {
            value,
            standard_error: 0.0,
        })
    };
    let growth = |growth: Option<Estimate>| {
        growth.map(|growth| Measured {
            value: growth.value,
            standard_error: growth.standard_error(),
        })
    };
    // Per hour only where no operations are counted: a slower night grows less per hour.
    let per_hour = side.per_hour.filter(|_| side.per_operation.is_none());
    let all = [
        (Figure::GrowthPerOperation, growth(side.per_operation)),
        (Figure::GrowthPerHour, growth(per_hour)),
        (Figure::SettledLevel, exact(side.settled_bytes)),
        (Figure::Peak, exact(side.peak_bytes)),
        (Figure::Throughput, exact(side.operations_per_second)),
        (Figure::LatencyP50, exact(side.latency_p50_us)),
        (Figure::LatencyP99, exact(side.latency_p99_us)),
        (Figure::CpuPerOperation, exact(side.cpu_us_per_operation)),
        (Figure::Descriptors, exact(side.descriptors)),
    ];
    all.into_iter()
        .filter_map(|(figure, value)| Some((figure, value.filter(|v| v.value.is_finite())?)))
        .collect()
}

/// What makes nights comparable; not duration, seed, path, labels or the program's digest.
fn series_key(cell: &Cell) -> String {
    let plan = &cell.plan;
    let mut key = base_of(&plan.id).to_owned();
    for (name, value) in &plan.parameters {
        key.push_str(&format!(" {name}={value}"));
    }
    if let Some(rate) = plan.rate {
        key.push_str(&format!(" rate={rate}"));
    }
    if let Some(heap) = &plan.heap {
        key.push_str(&format!(" heap={heap}"));
    }
    for load in &cell.status.load {
        key.push_str(&format!(" load={}", load.command.join(" ")));
    }
    key
}

/// Digest of how a cell was run: what differs between nights of one series is told by it.
fn configuration_digest(plan: &CellPlan) -> String {
    let configuration = CellPlan {
        id: base_of(&plan.id).to_owned(),
        folder: String::new(),
        repetition: 0,
        version: String::new(),
        program_sha256: None,
        build_id: None,
        host: None,
        ..plan.clone()
    };
    let text = serde_json::to_vec(&configuration).unwrap_or_default();
    let digest = Sha256::digest(text);
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The class of a machine: what its user called it, else architecture, processor, cores, and
/// memory to a power of two.
#[must_use]
pub fn host_class(host: &Host) -> String {
    if let Some(class) = &host.class {
        return class.clone();
    }
    let architecture = match host.architecture.as_str() {
        "" => std::env::consts::ARCH,
        known => known,
    };
    let gibibytes = host.memory_bytes as f64 / f64::from(1 << 30);
    let memory = gibibytes.max(0.25).log2().round().exp2();
    format!(
        "{architecture} {} x{} {memory} GiB",
        host.cpu, host.cpu_count
    )
}

/// What was read of a history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Records {
    /// The lines that could be read, in order of time.
    pub records: Vec<NightRecord>,
    /// Numbers of the lines that could not, from 1.
    pub damaged: Vec<usize>,
}

/// Reads `history.jsonl`. A torn, foreign or hostile line costs only itself.
///
/// # Errors
///
/// The error of the operating system.
pub fn read_history(mut reader: impl BufRead) -> std::io::Result<Records> {
    let mut result = Records::default();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let taken = std::io::Read::take(&mut reader, LONGEST_LINE).read_until(b'\n', &mut line)?;
        if taken == 0 {
            break;
        }
        let is_whole = line.ends_with(b"\n") || (taken as u64) < LONGEST_LINE;
        if !is_whole {
            skip_line(&mut reader)?;
        }
        let text = line.trim_ascii();
        match serde_json::from_slice::<NightRecord>(text) {
            Ok(record) if is_whole && is_sound(&record) => result.records.push(record),
            _ if text.is_empty() => {}
            _ => result.damaged.push(number),
        }
    }
    result
        .records
        .sort_by(|a, b| (&a.time_utc, &a.run).cmp(&(&b.time_utc, &b.run)));
    Ok(result)
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        if end.is_some() {
            return Ok(());
        }
    }
}

fn is_sound(record: &NightRecord) -> bool {
    let is_number = |m: &Measured| m.value.is_finite() && m.standard_error >= 0.0;
    !record.series.is_empty() && record.figures.values().all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_line_costs_only_itself() {
        let good = |run: &str, time: &str| {
            let record = NightRecord {
                run: run.to_owned(),
                time_utc: time.to_owned(),
                series: "shop".to_owned(),
                ..NightRecord::default()
            };
            serde_json::to_string(&record).expect("a line")
        };
        let text = format!(
            "{}\n{{\"run\":\"torn\n\n[1,2]\n{}\n{}\n{}",
            good("second", "2026-11-02T00:00:00Z"),
            "x".repeat(200_000),
            good("first", "2026-11-01T00:00:00Z"),
            &good("third", "2026-11-03T00:00:00Z")[..40],
        );
        let read = read_history(text.as_bytes()).expect("a reader that does not fail");
        let runs: Vec<&str> = read
            .records
            .iter()
            .map(|record| record.run.as_str())
            .collect();
        assert_eq!(runs, ["first", "second"]);
        assert_eq!(read.damaged, [2, 4, 5, 7]);
    }

    #[test]
    fn a_machine_class_forgets_what_firmware_takes_of_the_memory() {
        let host = |memory_bytes| Host {
            cpu: "Xeon".to_owned(),
            cpu_count: 8,
            memory_bytes,
            ..Host::default()
        };
        assert_eq!(
            host_class(&host(33_285_996_544)),
            host_class(&host(34_359_738_368))
        );
        assert_ne!(
            host_class(&host(17_179_869_184)),
            host_class(&host(34_359_738_368))
        );
    }
}
