//! The JSON records of a run folder: `run.json` and `status.json`.

use super::measurement::Measurement;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Major version of the run format: a reader refuses a larger one.
pub const FORMAT_MAJOR: u32 = 2;
/// Major version from which on every cell that was measured has a certificate of that.
pub(crate) const FIRST_CERTIFIED: u32 = 2;
/// Minor version of the run format: readers of the same major accept any.
pub const FORMAT_MINOR: u32 = 0;

/// Version of the run format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatVersion {
    /// Changes when an old reader would misread.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
}

impl Default for FormatVersion {
    fn default() -> Self {
        FormatVersion {
            major: FORMAT_MAJOR,
            minor: FORMAT_MINOR,
        }
    }
}

/// The program that wrote the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaklabVersion {
    /// Version of the release.
    pub version: String,
    /// Revision it was built from; empty if it was not known.
    pub revision: String,
}

/// Where the run took place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// Operating system and its version.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// Name of the processor.
    pub cpu: String,
    /// Logical processors.
    pub cpu_count: u64,
    /// Physical memory.
    pub memory_bytes: u64,
    /// The harness's cgroup, as the kernel names it.
    pub cgroup: String,
    /// Page size.
    pub page_bytes: u64,
    /// Soft limit of open descriptors.
    pub descriptor_limit: Option<u64>,
    /// The machine's boot, as the kernel names it; process ids mean something within one only.
    pub boot_id: String,
    /// The namespace of the harness's process id, as the kernel names it; empty in records that
    /// were written before it was kept.
    pub pid_namespace: String,
    /// Architecture of the processor; empty in records that were written before it was kept.
    pub architecture: String,
    /// Class of machines that this one belongs to, where its user gave one (`--host-class`).
    pub class: Option<String>,
}

/// The resolved configuration: what flags, environment, file and defaults came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Configuration {
    /// Time between two samples; absent if each cell has its own default.
    pub interval_ms: Option<f64>,
    /// Length of the load, warm-up not included; absent if each cell has its own default.
    pub duration_s: Option<f64>,
    /// Length of the declared warm-up; absent if none was asked for.
    pub warmup_s: Option<f64>,
    /// Length of the drain; absent if each cell has its own default.
    pub drain_s: Option<f64>,
    /// Operations per second; absent if each scenario's own is used.
    pub rate: Option<f64>,
    /// Operations after which the load ends.
    pub operations: Option<u64>,
    /// How often each cell is repeated.
    pub repeat: u64,
    /// Cells that run at the same time.
    pub jobs: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// Resident bytes at which a cell is ended.
    pub memory_limit_bytes: Option<u64>,
    /// The budget, as it was given.
    pub budget: Option<String>,
    /// Everything else, by the name of its flag.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// Key of the shards that a merged run lacks.
pub const MISSING_SHARDS: &str = "missing_shards";

impl Configuration {
    /// The texts of a list among everything else; empty where there is none.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.other.get(name).and_then(|list| list.as_array());
        let texts = list.into_iter().flatten().filter_map(|one| one.as_str());
        texts.map(str::to_owned).collect()
    }
}

/// What a cell is: copied from the catalogue, so that reports need no binary.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CellPlan {
    /// Address: `alts-timeout::unpatched`, with `#2` for the second of a repetition.
    pub id: String,
    /// Name of the cell's folder.
    pub folder: String,
    /// The scenario, or `command` for another program.
    pub scenario: String,
    /// The variant, or the program's name.
    pub variant: String,
    /// `buggy`, `partial`, `fixed` or `control`; empty for another program.
    pub role: String,
    /// What it must get: `leak`, `no-leak` or `dies`; absent where nothing was declared.
    pub expected: Option<String>,
    /// Title of the document.
    pub document: String,
    /// Where the document can be looked up.
    pub reference: String,
    /// One line on the mechanism.
    pub mechanism: String,
    /// One line on the variant.
    pub summary: String,
    /// What one operation is.
    pub operation: String,
    /// Parameters with their values.
    pub parameters: BTreeMap<String, String>,
    /// Bytes that one operation must retain, by the formula.
    pub retained_bytes_per_operation: Option<f64>,
    /// The formula, for people.
    pub retained_formula: String,
    /// Blocks that one operation must retain, by a formula of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks_per_operation: Option<f64>,
    /// What the scenario's version command said; empty if it has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Budget that the cell is judged with, in the form that `--budget` takes.
    pub budget: Option<String>,
    /// Operations per second; absent for as fast as it goes.
    pub rate: Option<f64>,
    /// Length of the load.
    pub duration_s: Option<f64>,
    /// Load before which a run until its verdict does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_duration_s: Option<f64>,
    /// Length of the declared warm-up.
    pub warmup_s: f64,
    /// Length of the drain.
    pub drain_s: f64,
    /// Time between two samples.
    pub interval_ms: f64,
    /// Where the figures of the live heap come from, as `--heap` has it; absent if that was
    /// not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heap: Option<String>,
    /// Whether stacks of allocation were to be sampled (`--where`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub samples_stacks: bool,
    /// Command line, for another program.
    pub command: Vec<String>,
    /// Folder of the control group that was watched, whose charge is the memory of the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control_group: Option<String>,
    /// Whether work must be seen before it is said not to leak: a program of one's own, whose
    /// operations may be counted by nobody and whose load command may not reach it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub needs_work: bool,
    /// Whether it is meant to be idle.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub may_be_idle: bool,
    /// What asks for full collections, as `--settle` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<String>,
    /// Which repetition, from 1.
    pub repetition: u64,
    /// SHA-256 of the program's file, for another program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program_sha256: Option<String>,
    /// Build id of the program's file, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Where it ran, in a run that was merged of several; else the run's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<Host>>,
}

/// `run.json`: what was run, where and how. Written once, before the first cell starts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// Version of the format.
    pub format: FormatVersion,
    /// Name of the run: its folder's.
    pub id: String,
    /// The program that wrote it.
    pub leaklab: LeaklabVersion,
    /// Wall-clock start, RFC 3339 in UTC.
    pub started_utc: String,
    /// The exact command line.
    pub command: Vec<String>,
    /// What it came to.
    pub configuration: Configuration,
    /// Where it ran.
    pub host: Host,
    /// What `--label` gave: the commit that was built, for instance.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The cells, in the order in which they start.
    pub cells: Vec<CellPlan>,
    /// Process of the harness.
    pub harness_pid: Option<u32>,
    /// Its start in clock ticks since boot.
    pub harness_start_ticks: Option<u64>,
}

/// Whether a cell still runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has not started; also what a cell without `status.json` is.
    #[default]
    Planned,
    /// It runs, or its harness died without a word.
    Running,
    /// It has ended, and `outcome` says how.
    Finished,
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what was asked.
    Completed,
    /// A user or a signal stopped it early; samples up to then are good.
    Stopped,
    /// The program ended by itself, with an error or before its time.
    Died,
    /// It reached the memory limit and was ended.
    MemoryLimit,
    /// It never said that it was ready.
    NeverReady,
    /// It could not be started.
    SpawnFailed,
    /// The harness could not go on (disk full, for instance).
    HarnessFailed,
    /// A load command or a set-up command failed; samples up to then are good.
    LoadFailed,
    /// The load commands ended, with success, before the load was over.
    LoadEnded,
    /// A process that was attached to ended; how is not known.
    Ended,
}

impl Outcome {
    /// The word used in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Stopped => "stopped",
            Outcome::Died => "died",
            Outcome::MemoryLimit => "memory-limit",
            Outcome::NeverReady => "never-ready",
            Outcome::SpawnFailed => "spawn-failed",
            Outcome::HarnessFailed => "harness-failed",
            Outcome::LoadFailed => "load-failed",
            Outcome::LoadEnded => "load-ended",
            Outcome::Ended => "ended",
        }
    }

    /// Whether what was asked for was measured, at least up to its end: the program was ready, and
    /// neither the harness nor the load failed.
    pub fn is_measured(self) -> bool {
        !matches!(
            self,
            Outcome::NeverReady
                | Outcome::SpawnFailed
                | Outcome::HarnessFailed
                | Outcome::LoadFailed
        )
    }
}

/// Mean and largest cost of a repeated measurement, in microseconds of CPU time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CostSummary {
    /// How many were measured.
    pub samples: u64,
    /// Their mean.
    pub mean_us: f64,
    /// The largest.
    pub max_us: f64,
}

impl CostSummary {
    /// Takes one more measurement.
    pub fn add(&mut self, cost_us: f64) {
        self.samples += 1;
        self.mean_us += (cost_us - self.mean_us) / self.samples as f64;
        self.max_us = self.max_us.max(cost_us);
    }
}

/// What became of a load command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadReport {
    /// Its words.
    pub command: Vec<String>,
    /// Its exit code; absent if a signal ended it.
    pub exit_code: Option<i32>,
    /// Time from its start to its end.
    pub ended_after_s: Option<f64>,
    /// Whether it was ended because the load was over.
    pub was_stopped: bool,
    /// Requests that it counted, in its closing lines.
    pub requests: Option<u64>,
    /// Their rate, as it says.
    pub requests_per_s: Option<f64>,
    /// Those that failed, as it says.
    pub errors: Option<u64>,
    /// Largest resident set of its process tree.
    pub peak_rss_bytes: Option<u64>,
    /// CPU time of its process tree.
    pub cpu_ms: Option<u64>,
}

/// `status.json`: how a cell stands; rewritten whole at each change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CellStatus {
    /// Whether it runs.
    pub state: State,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// One sentence for people: what happened and what survived.
    pub message: String,
    /// What to do about it; empty if nothing is to be done.
    pub hint: String,
    /// Exit code of the child.
    pub exit_code: Option<i32>,
    /// Signal that ended the child.
    pub signal: Option<i32>,
    /// Signal that stopped the harness, and with it this cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by_signal: Option<i32>,
    /// Process id of the child.
    pub pid: Option<u32>,
    /// Wall-clock start, RFC 3339 in UTC.
    pub started_utc: String,
    /// Time from the start of the process to its being ready.
    pub ready_after_ms: Option<f64>,
    /// Time since then.
    pub elapsed_ms: f64,
    /// Rows in `samples.csv`.
    pub samples: u64,
    /// Ticks that were not taken, and those whose heap figures did not come.
    pub missed_samples: u64,
    /// Operations completed.
    pub ops_total: Option<u64>,
    /// Lines of the child that were not of the protocol.
    pub malformed_lines: u64,
    /// Its load commands; empty while they run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load: Vec<LoadReport>,
    /// CPU time of one sample inside the child.
    pub probe_cost: CostSummary,
    /// CPU time of one sample of the outside figures.
    pub outside_cost: CostSummary,
    /// Start of the child's process in clock ticks since boot, as `/proc` gives it: with the
    /// process id and the machine's boot it names the process, whatever the wall clock does.
    pub pid_start_ticks: Option<u64>,
    /// How well the cell was measured; absent in runs of earlier versions.
    pub measurement: Option<Measurement>,
    /// Whether it is absent although the format of the run always has it; found when a run is
    /// opened.
    #[serde(skip)]
    pub is_uncertified: bool,
}
