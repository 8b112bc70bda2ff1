//! Writes run folders with fixed data: what the harness would leave behind, without running
//! anything.

#![allow(dead_code, reason = "each test file uses its own part")]

use leaklab_run::{
    CellPlan, CellStatus, Configuration, Heap, Host, LeaklabVersion, Outcome, Phase, Run,
    RunRecord, Sample, State,
};
use std::path::{Path, PathBuf};

/// Holds a table of `docs/inputs.md`, between comments of that name, against what the code says;
/// with `LEAKLAB_BLESS` it is written anew.
pub fn is_documented(name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/inputs.md");
    let text = std::fs::read_to_string(&path).expect("docs/inputs.md");
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->\n"));
    let before = text.find(&start).expect("the table") + start.len();
    let after = text.find(&end).expect("its end");
    if std::env::var_os("LEAKLAB_BLESS").is_some() {
        let blessed = format!("{}{table}{}", &text[..before], &text[after..]);
        std::fs::write(&path, blessed).expect("docs/inputs.md");
        return;
    }
    assert_eq!(
        text[before..after],
        *table,
        "LEAKLAB_BLESS=1 writes it anew"
    );
}

pub const MIB: f64 = 1024.0 * 1024.0;

/// A cell to be written.
pub struct CellSpec {
    pub plan: CellPlan,
    pub status: CellStatus,
    pub gauges: Vec<String>,
    pub rows: Vec<(Sample, Vec<Option<f64>>)>,
    pub events: Vec<String>,
    pub verdict: Option<String>,
    /// Whether it never started, and has no folder.
    pub planned: bool,
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
        planned: false,
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
        }
        self
    }

    /// Changes every row.
    pub fn each_row(mut self, change: impl Fn(&mut Sample)) -> Self {
        self.rows.iter_mut().for_each(|(sample, _)| change(sample));
        self
    }

    /// A verdict as the judge leaves it, so that a picture does not depend on the judge: of
    /// `metric`, growing by so much per operation.
    pub fn with_verdict(mut self, metric: &str, verdict: &str, per_operation: f64) -> Self {
        let error = 0.01 * per_operation.abs() + 0.001;
        let judgement = serde_json::json!({
            "verdict": verdict,
            "kind": null,
            "shape": "linear",
            "slope_bytes_per_hour": per_operation * 36_000.0,
            "slope_low_bytes_per_hour": (per_operation - error) * 36_000.0,
            "slope_high_bytes_per_hour": (per_operation + error) * 36_000.0,
            "slope_bytes_per_op": per_operation,
            "slope_low_bytes_per_op": per_operation - error,
            "slope_high_bytes_per_op": per_operation + error,
            "budget_bytes_per_hour": null,
            "budget_bytes_per_op": 256.0,
            "resolution_bytes_per_hour": null,
            "settled_after_s": null,
            "needs_s": null,
            "time_to_limit_s": null,
            "reason": "written for a test",
            "fitted": null,
            "points": self.rows.len(),
            "level": null,
            "confidence": 0.95,
        });
        let cell = serde_json::json!({
            "verdict": verdict,
            "kind": null,
            "metric": metric,
            "reason": "written for a test",
            "metrics": [{ "metric": metric, "judgement": judgement }],
        });
        self.verdict = Some(cell.to_string());
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
        if self.planned {
            return;
        }
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
        ..Sample::default()
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
            interval_ms: Some(1000.0),
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
        },
        cells: cells.iter().map(|cell| cell.plan.clone()).collect(),
        ..RunRecord::default()
    };
    let text = serde_json::to_vec_pretty(&record).expect("JSON");
    std::fs::write(folder.join("run.json"), text).expect("run.json");
    for cell in cells {
        cell.write(folder);
    }
    Run::open(folder).expect("a run")
}

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
}
