//! Run folders with fixed data for the tests of pages: every shape that a report meets.

// Each test file uses some of it.
#![allow(dead_code)]

pub mod browser;

use leaklab_run::{
    CellPlan, CellStatus, Configuration, Heap, Host, LeaklabVersion, Outcome, Phase, Run,
    RunRecord, Sample, State,
};
use serde_json::{Value, json};
use std::path::Path;

pub const MIB: f64 = 1_048_576.0;

/// A cell to be written.
pub struct CellSpec {
    pub plan: CellPlan,
    pub status: CellStatus,
    pub gauges: Vec<String>,
    pub rows: Vec<(Sample, Vec<Option<f64>>)>,
    pub events: Vec<Value>,
    pub verdict: Option<Value>,
    /// Bytes after the last row, as a crash leaves them.
    pub torn: &'static str,
    /// Whether it has no samples and events on disk.
    pub bare: bool,
}

impl CellSpec {
    /// A finished cell without samples.
    pub fn new(scenario: &str, variant: &str, role: &str, expected: Option<&str>) -> Self {
        let folder = format!("{scenario}--{variant}");
        CellSpec {
            plan: CellPlan {
                id: format!("{scenario}::{variant}"),
                folder,
                scenario: scenario.to_owned(),
                variant: variant.to_owned(),
                role: role.to_owned(),
                expected: expected.map(str::to_owned),
                document: "ASYNC-234".to_owned(),
                reference: "https://example.invalid/ASYNC-234".to_owned(),
                mechanism: "A handler on a long timeout keeps the payload of a turn alive."
                    .to_owned(),
                summary: format!("The {variant} form."),
                operation: "one turn of the block".to_owned(),
                interval_ms: 1000.0,
                repetition: 1,
                ..CellPlan::default()
            },
            status: CellStatus {
                state: State::Finished,
                outcome: Some(Outcome::Completed),
                ..CellStatus::default()
            },
            gauges: Vec::new(),
            rows: Vec::new(),
            events: vec![json!({"elapsed_ms": 0.0, "type": "ready"})],
            verdict: None,
            torn: "",
            bare: false,
        }
    }

    /// `seconds` rows of 1 s: a tenth of warm-up, then load, the last fifth drain.
    /// `heap_bytes` gives the live heap at a row.
    pub fn sampled(mut self, seconds: usize, heap_bytes: impl Fn(usize) -> f64) -> Self {
        let mut random = fastrand::Rng::with_seed(seconds as u64);
        let (warm, drain) = (seconds / 10, seconds - seconds / 5);
        let mut operations = 0;
        self.rows = (0..seconds)
            .map(|i| {
                let phase = match i {
                    i if i < warm => Phase::Warmup,
                    i if i < drain => Phase::Load,
                    _ => Phase::Drain,
                };
                operations += if phase == Phase::Drain { 0 } else { 10 };
                let heap = heap_bytes(i);
                let noise = random.f64() * 0.02 * heap;
                (sample(i, phase, operations, heap, noise), Vec::new())
            })
            .collect();
        self.status.samples = seconds as u64;
        self
    }

    /// Adds a gauge with its value at each row.
    pub fn gauge(mut self, name: &str, value: impl Fn(usize) -> f64) -> Self {
        self.gauges.push(name.to_owned());
        for (i, (_, gauges)) in self.rows.iter_mut().enumerate() {
            gauges.push(Some(value(i)));
        }
        self
    }

    /// Adds the verdict of a series that was fitted from `settled_s` to `end_s`.
    pub fn judged(mut self, verdict: &str, per_operation: f64, fit: [f64; 4]) -> Self {
        self.verdict = Some(verdict_of(verdict, per_operation, fit, REASON));
        self
    }

    pub fn event(mut self, event: Value) -> Self {
        self.events.push(event);
        self
    }
}

const REASON: &str = "the sustained growth is told by its interval against the budget";

/// A verdict as the judge writes it, of a live heap fitted from `fit[0]` to `fit[1]` seconds.
pub fn verdict_of(verdict: &str, per_operation: f64, fit: [f64; 4], reason: &str) -> Value {
    let [start_s, end_s, start_value, end_value] = fit;
    let judgement = json!({
        "verdict": verdict,
        "kind": null,
        "shape": if per_operation > 1.0 { "linear" } else { "flat" },
        "slope_bytes_per_op": per_operation,
        "slope_low_bytes_per_op": per_operation - 12.0,
        "slope_high_bytes_per_op": per_operation + 12.0,
        "slope_bytes_per_hour": per_operation * 36_000.0,
        "slope_low_bytes_per_hour": (per_operation - 12.0) * 36_000.0,
        "slope_high_bytes_per_hour": (per_operation + 12.0) * 36_000.0,
        "budget_bytes_per_hour": 65_536.0,
        "budget_bytes_per_op": null,
        "resolution_bytes_per_hour": 12_000.0,
        "settled_after_s": start_s,
        "needs_s": null,
        "time_to_limit_s": null,
        "reason": reason,
        "fitted": {"start_s": start_s, "end_s": end_s,
                   "start_value": start_value, "end_value": end_value},
        "points": 100,
        "level": null,
        "confidence": 0.95,
    });
    json!({
        "verdict": verdict,
        "kind": (verdict == "leak").then_some("live-heap"),
        "metric": "allocated_bytes",
        "reason": reason,
        "metrics": [{ "metric": "allocated_bytes", "judgement": judgement }],
    })
}

fn sample(i: usize, phase: Phase, operations: u64, heap: f64, noise: f64) -> Sample {
    let bytes = |value: f64| Some(value.max(0.0) as u64);
    Sample {
        elapsed_ms: i as f64 * 1000.0,
        phase,
        ops_total: Some(operations),
        heap: Heap {
            allocated_bytes: bytes(heap),
            active_bytes: bytes(heap * 1.05 + 2.0 * MIB),
            metadata_bytes: bytes(2.5 * MIB),
            resident_bytes: bytes(heap * 1.1 + 5.0 * MIB),
            mapped_bytes: bytes(heap * 1.2 + 9.0 * MIB),
            retained_bytes: bytes(3.0 * MIB),
            ..Heap::default()
        },
        rss_bytes: bytes(heap * 1.1 + 7.0 * MIB + noise),
        cpu_ms: Some(i as u64 * 130),
        threads: Some(4),
        descriptors: Some(11),
        processes: Some(1),
        latency_p50_us: (phase != Phase::Drain).then_some(180 + (noise as u64 % 40)),
        latency_p99_us: (phase != Phase::Drain).then_some(900 + (noise as u64 % 700)),
        probe_cost_us: Some(12),
        outside_cost_us: Some(40),
        ..Sample::default()
    }
}

/// Writes a run folder and opens it.
pub fn write(folder: &Path, cells: &[CellSpec]) -> Run {
    let record = RunRecord {
        id: "20261121T031500Z-k3f9".to_owned(),
        leaklab: LeaklabVersion {
            version: "0.1.0".to_owned(),
            revision: "abc1234".to_owned(),
        },
        started_utc: "2026-11-21T03:15:00Z".to_owned(),
        command: [
            "leaklab",
            "run",
            "alts-timeout",
            "--duration",
            "20s",
            "--set",
            "note=it's a test",
        ]
        .map(str::to_owned)
        .to_vec(),
        configuration: Configuration {
            interval_ms: Some(1000.0),
            duration_s: Some(20.0),
            warmup_s: Some(2.0),
            drain_s: Some(4.0),
            repeat: 1,
            jobs: 1,
            seed: 7,
            memory_limit_bytes: Some(512 * 1024 * 1024),
            ..Configuration::default()
        },
        host: Host {
            os: "Debian 12".to_owned(),
            kernel: "6.1.0".to_owned(),
            cpu: "Example CPU".to_owned(),
            cpu_count: 2,
            memory_bytes: 8 << 30,
            cgroup: "/user.slice".to_owned(),
            page_bytes: 4096,
            descriptor_limit: Some(1024),
            ..Host::default()
        },
        cells: cells.iter().map(|cell| cell.plan.clone()).collect(),
        ..RunRecord::default()
    };
    std::fs::create_dir_all(folder).expect("the run folder");
    let text = serde_json::to_vec_pretty(&record).expect("JSON");
    std::fs::write(folder.join("run.json"), text).expect("run.json");
    for cell in cells {
        write_cell(&folder.join(&cell.plan.folder), cell);
    }
    Run::open(folder).expect("a run")
}

fn write_samples(folder: &Path, cell: &CellSpec) {
    let mut text = Vec::new();
    Sample::write_header(&mut text, &cell.gauges);
    for (sample, gauges) in &cell.rows {
        sample.write_row(&mut text, gauges);
    }
    text.extend_from_slice(cell.torn.as_bytes());
    std::fs::write(folder.join("samples.csv"), text).expect("samples.csv");
    let events: Vec<String> = cell.events.iter().map(Value::to_string).collect();
    std::fs::write(folder.join("events.jsonl"), events.join("\n") + "\n").expect("events.jsonl");
}

fn write_cell(folder: &Path, cell: &CellSpec) {
    std::fs::create_dir_all(folder).expect("the cell's folder");
    if !cell.bare {
        write_samples(folder, cell);
    }
    let status = serde_json::to_vec(&cell.status).expect("JSON");
    std::fs::write(folder.join("status.json"), status).expect("status.json");
    if let Some(verdict) = &cell.verdict {
        std::fs::write(folder.join("verdict.json"), verdict.to_string()).expect("verdict.json");
    }
}

/// A leak whose memory comes back in the drain, its fix, and a cell that sheds load with
/// gauges: most of what a page can show.
pub fn typical() -> Vec<CellSpec> {
    let leak_heap = |i: usize| match i {
        0..240 => 6.0 * MIB + i as f64 * 1.25 * MIB,
        _ => 9.0 * MIB,
    };
    let mut leak = CellSpec::new("alts-timeout", "unpatched", "buggy", Some("leak"))
        .sampled(300, leak_heap)
        .gauge("pending_timeouts", |i| if i < 240 { i as f64 * 10.0 } else { 0.0 })
        .gauge("handlers", |i| if i < 240 { i as f64 * 20.0 } else { 12.0 })
        .judged("leak", 0.125 * MIB, [32.0, 239.0, 46.0 * MIB, 304.75 * MIB])
        .event(json!({"elapsed_ms": 90_000.0, "type": "mark", "name": "reload"}))
        .event(json!({"elapsed_ms": 150_000.0, "type": "mark", "name": "fault", "duration_ms": 20_000.0}));
    leak.plan.retained_bytes_per_operation = Some(0.125 * MIB + 416.0);
    leak.plan.retained_formula = "payload + 416".to_owned();
    let mut partial = CellSpec::new("alts-timeout", "cleared", "partial", Some("leak"))
        .sampled(300, |i| 6.0 * MIB + i.min(240) as f64 * 40_960.0)
        .gauge("pending_timeouts", |i| i.min(240) as f64 * 10.0)
        .gauge("handlers", |i| i.min(240) as f64 * 20.0)
        .judged(
            "inconclusive",
            4_096.0,
            [35.0, 239.0, 7.4 * MIB, 15.3 * MIB],
        );
    partial.plan.retained_bytes_per_operation = Some(416.0);
    let mut fixed = CellSpec::new("alts-timeout", "timeout2", "fixed", Some("no-leak"))
        .sampled(300, |i| 6.0 * MIB + (i % 7) as f64 * 9_000.0)
        .gauge("pending_timeouts", |i| (i % 5) as f64)
        .gauge("handlers", |i| 12.0 + (i % 3) as f64)
        .judged("no-leak", 0.4, [31.0, 239.0, 6.02 * MIB, 6.03 * MIB]);
    fixed.plan.retained_bytes_per_operation = Some(0.0);
    let sawtooth = CellSpec::new("shape", "sawtooth", "control", Some("no-leak"))
        .sampled(300, |i| 20.0 * MIB + (i % 40) as f64 * MIB)
        .judged("leak", 300.0, [40.0, 239.0, 20.0 * MIB, 20.2 * MIB]);
    vec![leak, partial, fixed, sawtooth]
}

/// Two remedies in the manner of `channel-io`.
pub fn remedies() -> Vec<CellSpec> {
    let cell = |variant: &str, role: &str, expected: &str, kept: f64| {
        CellSpec::new("channel-io", variant, role, Some(expected))
            .sampled(100, move |i| 4.0 * MIB + i as f64 * kept)
            .gauge("handlers_alive", move |i| i as f64 * kept / 5_000.0)
            .gauge("delivered", |i| i as f64 * 100.0)
            .gauge(
                "dropped",
                move |i| if kept > 0.0 { 0.0 } else { i as f64 * 300.0 },
            )
            .gauge("refused", |_| 0.0)
    };
    vec![
        cell("unbuffered", "buggy", "leak", 1_500_000.0),
        cell("abort-slow", "fixed", "no-leak", 0.0),
    ]
}

/// A cell whose harness was killed: `running`, its last row torn, no verdict.
pub fn crashed() -> Vec<CellSpec> {
    let mut cell = CellSpec::new("alts-timeout", "unpatched", "buggy", Some("leak"))
        .sampled(60, |i| i as f64 * MIB);
    cell.status.state = State::Running;
    cell.status.outcome = None;
    cell.torn = "61000.000,load,61";
    let mut planned = CellSpec::new("alts-timeout", "timeout2", "fixed", Some("no-leak"));
    planned.status = CellStatus::default();
    vec![cell, planned]
}
