<<<<<<< HEAD
//! Writes run folders with fixed data: what the harness would leave behind, without running
//! anything.

#![allow(dead_code, reason = "each test file uses its own part")]
=======
//! Run folders with fixed data for the tests of pages: every shape that a report meets.

// Each test file uses some of it.
#![allow(dead_code)]
>>>>>>> 27115a6 (reports: the report page of a run, one self-contained HTML file)

use leaklab_reports::run::{
    CellPlan, CellStatus, Configuration, Heap, Host, LeaklabVersion, Outcome, Phase, Run,
    RunRecord, Sample, State,
};
<<<<<<< HEAD
use std::path::{Path, PathBuf};

pub const MIB: f64 = 1024.0 * 1024.0;
=======
use serde_json::{Value, json};
use std::path::Path;

pub const MIB: f64 = 1_048_576.0;
>>>>>>> 27115a6 (reports: the report page of a run, one self-contained HTML file)

/// A cell to be written.
pub struct CellSpec {
    pub plan: CellPlan,
    pub status: CellStatus,
    pub gauges: Vec<String>,
    pub rows: Vec<(Sample, Vec<Option<f64>>)>,
<<<<<<< HEAD
    pub events: Vec<String>,
    pub verdict: Option<String>,
    /// Appended to the samples as it is.
    pub tail: String,
}

/// A cell of `scenario::variant` without samples yet.
pub fn cell(scenario: &str, variant: &str, role: &str) -> CellSpec {
    CellSpec {
        plan: CellPlan {
            id: format!("{scenario}::{variant}"),
            folder: format!("{scenario}--{variant}"),
            scenario: scenario.to_owned(),
            variant: variant.to_owned(),
            role: role.to_owned(),
            expected: Some(
                if matches!(role, "buggy" | "partial") {
                    "leak"
                } else {
                    "no-leak"
                }
                .to_owned(),
            ),
            operation: "one turn".to_owned(),
            mechanism: "what keeps what alive".to_owned(),
            summary: format!("{variant} of {scenario}"),
            budget: Some("256B/op".to_owned()),
            rate: Some(10.0),
            interval_ms: 1000.0,
            repetition: 1,
            ..CellPlan::default()
        },
        status: CellStatus {
            state: State::Finished,
            outcome: Some(Outcome::Completed),
            started_utc: "2026-01-02T03:04:05Z".to_owned(),
            ..CellStatus::default()
        },
        gauges: Vec::new(),
        rows: Vec::new(),
        events: Vec::new(),
        verdict: None,
        tail: String::new(),
    }
}

impl CellSpec {
    /// `seconds` rows of 10 operations a second whose live heap `allocated` gives in bytes
    /// from the time in seconds; the first tenth is warm-up and the last fifth drain if asked.
    pub fn with_heap(self, seconds: usize, phases: bool, allocated: impl Fn(f64) -> f64) -> Self {
        self.with_heap_every(1, seconds, phases, allocated)
    }

    /// The same with a row every `step` seconds.
    pub fn with_heap_every(
        mut self,
        step: usize,
        seconds: usize,
        phases: bool,
        allocated: impl Fn(f64) -> f64,
    ) -> Self {
        self.plan.interval_ms = 1000.0 * step as f64;
        for second in (0..=seconds).step_by(step) {
            let t = second as f64;
            let share = t / seconds as f64;
            let phase = match share {
                s if phases && s < 0.1 => Phase::Warmup,
                s if phases && s > 0.8 => Phase::Drain,
                _ => Phase::Load,
            };
            let working = if phases {
                t.min(0.8 * seconds as f64)
            } else {
                t
            };
            let bytes = allocated(t).max(0.0);
            self.rows
                .push((sample(t, phase, working, bytes), Vec::new()));
        }
        self
    }

    /// Adds a gauge with a value per row.
    pub fn with_gauge(mut self, name: &str, value: impl Fn(f64) -> f64) -> Self {
        self.gauges.push(name.to_owned());
        for (sample, gauges) in &mut self.rows {
            gauges.push(Some(value(sample.elapsed_ms / 1000.0)));
=======
    pub events: Vec<Value>,
    pub verdict: Option<Value>,
    /// Bytes after the last row, as a crash leaves them.
    pub torn: &'static str,
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
>>>>>>> 27115a6 (reports: the report page of a run, one self-contained HTML file)
        }
        self
    }

<<<<<<< HEAD
    /// Changes every row.
    pub fn each_row(mut self, change: impl Fn(&mut Sample)) -> Self {
        self.rows.iter_mut().for_each(|(sample, _)| change(sample));
        self
    }

    /// Leaves the cell as a crash of the harness does: running, with a torn last row.
    pub fn crashed_after(mut self, rows: usize) -> Self {
        self.rows.truncate(rows);
        self.status.state = State::Running;
        self.status.outcome = None;
        self.tail = "61000.000,load,61".to_owned();
        self
    }

    fn write(&self, run: &Path) {
        let folder = run.join(&self.plan.folder);
        std::fs::create_dir(&folder).expect("a new folder");
        let mut text = Vec::new();
        Sample::write_header(&mut text, &self.gauges);
        for (sample, gauges) in &self.rows {
            sample.write_row(&mut text, gauges);
        }
        text.extend_from_slice(self.tail.as_bytes());
        std::fs::write(folder.join("samples.csv"), text).expect("samples");
        let mut events = self.events.join("\n");
        events.push('\n');
        std::fs::write(folder.join("events.jsonl"), events).expect("events");
        let status = serde_json::to_vec_pretty(&self.status).expect("JSON");
        std::fs::write(folder.join("status.json"), status).expect("status");
        if let Some(verdict) = &self.verdict {
            std::fs::write(folder.join("verdict.json"), verdict).expect("verdict");
        }
    }
}

fn sample(t: f64, phase: Phase, working_s: f64, allocated: f64) -> Sample {
    let whole = |bytes: f64| Some(bytes as u64);
    Sample {
        elapsed_ms: t * 1000.0,
        phase,
        ops_total: Some((working_s * 10.0) as u64),
        heap: Heap {
            allocated_bytes: whole(allocated),
            active_bytes: whole(allocated * 1.06 + 0.5 * MIB),
            metadata_bytes: whole(2.0 * MIB),
            resident_bytes: whole(allocated * 1.1 + 4.0 * MIB),
            mapped_bytes: whole(allocated * 1.15 + 8.0 * MIB),
            retained_bytes: whole(0.0),
            ..Heap::default()
        },
        rss_bytes: whole(allocated * 1.1 + 9.0 * MIB),
        cpu_ms: whole(working_s * 45.0),
        threads: Some(3),
        descriptors: Some(9),
        processes: Some(1),
        latency_p50_us: whole(900.0 + 40.0 * wobble(t)),
        latency_p99_us: whole(2400.0 + 300.0 * wobble(t * 1.7)),
        probe_cost_us: Some(8),
        outside_cost_us: Some(30),
    }
}

/// Something between -1 and 1 that looks irregular and is the same everywhere: no sine, whose
/// last digit differs between systems.
pub fn wobble(t: f64) -> f64 {
    let mut x = (t * 1000.0) as u64 ^ 0x9E37_79B9_7F4A_7C15;
    x ^= x >> 33;
    x = x.wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    x ^= x >> 33;
    (x % 20_001) as f64 / 10_000.0 - 1.0
}

/// Between 0 and 1, rising and falling back at each `period`.
pub fn saw(t: f64, period: f64) -> f64 {
    (t / period).fract()
}

/// Writes a run of these cells into `folder` and opens it.
pub fn write_run(folder: &Path, cells: &[CellSpec]) -> Run {
    std::fs::create_dir_all(folder).expect("a folder");
    let record = RunRecord {
        id: "20260102T030405Z-test".to_owned(),
        leaklab: LeaklabVersion {
            version: "0.1.0".to_owned(),
            revision: "0123456".to_owned(),
        },
        started_utc: "2026-01-02T03:04:05Z".to_owned(),
        command: ["leaklab", "run", "alts-timeout"]
            .map(str::to_owned)
            .to_vec(),
        configuration: Configuration {
            interval_ms: 1000.0,
            seed: 7,
            repeat: 1,
            jobs: 1,
            ..Configuration::default()
        },
        host: Host {
            os: "Debian GNU/Linux 13".to_owned(),
            kernel: "6.12.9".to_owned(),
            cpu: "Example CPU 3.0 GHz".to_owned(),
            cpu_count: 8,
            memory_bytes: 16 << 30,
            page_bytes: 4096,
            ..Host::default()
=======
    /// Adds the verdict of a series that was fitted from `settled_s` to `end_s`.
    pub fn judged(mut self, verdict: &str, per_operation: f64, fit: [f64; 4]) -> Self {
        let [start_s, end_s, start_value, end_value] = fit;
        self.verdict = Some(json!({
            "verdict": verdict,
            "kind": "live-heap",
            "shape": if per_operation > 1.0 { "linear" } else { "flat" },
            "metric": "allocated_bytes",
            "slope_bytes_per_op": per_operation,
            "slope_low_bytes_per_op": per_operation - 12.0,
            "slope_high_bytes_per_op": per_operation + 12.0,
            "slope_bytes_per_hour": per_operation * 36_000.0,
            "slope_low_bytes_per_hour": (per_operation - 12.0) * 36_000.0,
            "slope_high_bytes_per_hour": (per_operation + 12.0) * 36_000.0,
            "budget_bytes_per_hour": 65_536.0,
            "resolution_bytes_per_hour": 12_000.0,
            "settled_after_s": start_s,
            "reason": "the sustained growth is told by its interval against the budget",
            "fitted": {"start_s": start_s, "end_s": end_s,
                       "start_value": start_value, "end_value": end_value},
        }));
        self
    }

    pub fn event(mut self, event: Value) -> Self {
        self.events.push(event);
        self
    }
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
            interval_ms: 1000.0,
            duration_s: Some(20.0),
            warmup_s: 2.0,
            drain_s: 4.0,
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
>>>>>>> 27115a6 (reports: the report page of a run, one self-contained HTML file)
        },
        cells: cells.iter().map(|cell| cell.plan.clone()).collect(),
        ..RunRecord::default()
    };
<<<<<<< HEAD
    let text = serde_json::to_vec_pretty(&record).expect("JSON");
    std::fs::write(folder.join("run.json"), text).expect("run.json");
    for cell in cells {
        cell.write(folder);
=======
    std::fs::create_dir_all(folder).expect("the run folder");
    let text = serde_json::to_vec_pretty(&record).expect("JSON");
    std::fs::write(folder.join("run.json"), text).expect("run.json");
    for cell in cells {
        write_cell(&folder.join(&cell.plan.folder), cell);
>>>>>>> 27115a6 (reports: the report page of a run, one self-contained HTML file)
    }
    Run::open(folder).expect("a run")
}

<<<<<<< HEAD
/// The variants of alts-timeout in ten minutes, with warm-up, drain, a mark and a window.
pub fn alts_timeout() -> Vec<CellSpec> {
    let base = |t: f64| 6.0 * MIB + 0.3 * MIB * wobble(t);
    let load = |t: f64| t.min(480.0) * 10.0;
    let mut unpatched =
        cell("alts-timeout", "unpatched", "buggy").with_heap_every(4, 600, true, |t| {
            let kept = if t > 540.0 {
                load(t) * (600.0 - t) / 60.0
            } else {
                load(t)
            };
            base(t) + kept * 1.004 * MIB
        });
    unpatched.events = vec![
        r#"{"elapsed_ms":0.0,"type":"ready"}"#.to_owned(),
        r#"{"elapsed_ms":200000.0,"type":"mark","name":"deploy"}"#.to_owned(),
        r#"{"elapsed_ms":300000.0,"type":"mark","name":"slow disk","duration_ms":40000.0}"#
            .to_owned(),
    ];
    vec![
        unpatched,
        cell("alts-timeout", "cleared", "partial")
            .with_heap_every(4, 600, true, |t| base(t) + load(t) * 64_000.0),
        cell("alts-timeout", "once-callback", "partial")
            .with_heap_every(4, 600, true, |t| base(t) + load(t) * 0.5 * MIB),
        cell("alts-timeout", "timeout2", "fixed").with_heap_every(4, 600, true, base),
        cell("alts-timeout", "tokio-select", "control")
            .with_heap_every(4, 600, true, |t| base(t) * 0.8),
    ]
}

/// The remedies of channel-io in two minutes: 40 connections a second, a reader of 10.
pub fn channel_io() -> Vec<CellSpec> {
    struct Remedy(&'static str, &'static str, f64, f64, f64, f64);
    // Variant, role; per second: handlers left over, queued, dropped, refused.
    let remedies = [
        Remedy("unbuffered", "buggy", 30.0, 0.0, 0.0, 0.0),
        Remedy("buffered", "partial", 0.0, 30.0, 0.0, 0.0),
        Remedy("limited", "fixed", 0.0, 0.0, 0.0, 30.0),
        Remedy("dropping", "fixed", 0.0, 0.0, 30.0, 0.0),
    ];
    let build = |Remedy(variant, role, alive, queued, dropped, refused): Remedy| {
        cell("channel-io", variant, role)
            .with_heap(120, false, |t| {
                MIB * (1.0 + 0.02 * wobble(t)) + t * (alive + queued) * 4_300.0
            })
            .each_row(|row| {
                let t = row.elapsed_ms / 1000.0;
                row.ops_total = Some((t * 40.0) as u64);
                row.descriptors = Some(9 + (t * alive) as u64);
            })
            .with_gauge("handlers_alive", |t| (t * alive).floor() + 4.0)
            .with_gauge("delivered", |t| (t * 10.0).floor())
            .with_gauge("dropped", |t| (t * dropped).floor())
            .with_gauge("refused", |t| (t * refused).floor())
            .with_gauge("queue_depth", |t| (t * queued).floor())
    };
    remedies.into_iter().map(build).collect()
}

/// Twelve variants of different slopes, half of them sawtooth.
pub fn twelve() -> Vec<CellSpec> {
    (0..12)
        .map(|number| {
            let slope = f64::from(number / 2) * 0.05 * MIB;
            let teeth = f64::from(number % 2) * 4.0 * MIB;
            let role = ["buggy", "partial", "fixed", "control"][number as usize % 4];
            cell("many", &format!("variant-{number}"), role).with_heap(120, true, |t| {
                8.0 * MIB + slope * t.min(96.0) + teeth * saw(t, 15.0)
            })
        })
        .collect()
}

/// Where pictures and pages of a test are kept for looking at, if `LEAKLAB_KEEP` names a
/// folder; otherwise a folder that is removed.
pub fn workplace(name: &str) -> (Option<tempfile::TempDir>, PathBuf) {
    if let Some(keep) = std::env::var_os("LEAKLAB_KEEP") {
        let folder = PathBuf::from(keep).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder to keep things in");
        return (None, folder);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_owned();
    (Some(folder), path)
=======
fn write_cell(folder: &Path, cell: &CellSpec) {
    std::fs::create_dir_all(folder).expect("the cell's folder");
    let mut text = Vec::new();
    Sample::write_header(&mut text, &cell.gauges);
    for (sample, gauges) in &cell.rows {
        sample.write_row(&mut text, gauges);
    }
    text.extend_from_slice(cell.torn.as_bytes());
    std::fs::write(folder.join("samples.csv"), text).expect("samples.csv");
    let events: Vec<String> = cell.events.iter().map(Value::to_string).collect();
    std::fs::write(folder.join("events.jsonl"), events.join("\n") + "\n").expect("events.jsonl");
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
>>>>>>> 27115a6 (reports: the report page of a run, one self-contained HTML file)
}
