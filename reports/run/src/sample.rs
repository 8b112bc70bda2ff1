//! One observation of a running cell: one row of `samples.csv`.

use super::columns;
use std::io::Write;

/// The part of a run that a sample belongs to.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Declared start-up; drawn, not judged.
    Warmup,
    /// Operations are performed; judged.
    #[default]
    Load,
    /// No new operations; shows what is released late.
    Drain,
}

impl Phase {
    /// The word used in files.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Warmup => "warmup",
            Phase::Load => "load",
            Phase::Drain => "drain",
        }
    }

    /// The phase of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Phase::Warmup, Phase::Load, Phase::Drain]
            .into_iter()
            .find(|phase| phase.name() == name)
    }
}

/// Heap figures from inside the child; jemalloc's, or a managed runtime's last two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Heap {
    /// `stats.allocated`.
    pub allocated_bytes: Option<u64>,
    /// `stats.active`.
    pub active_bytes: Option<u64>,
    /// `stats.metadata`.
    pub metadata_bytes: Option<u64>,
    /// `stats.resident`.
    pub resident_bytes: Option<u64>,
    /// `stats.mapped`.
    pub mapped_bytes: Option<u64>,
    /// `stats.retained`.
    pub retained_bytes: Option<u64>,
    /// Bytes in use in a managed heap.
    pub used_bytes: Option<u64>,
    /// Bytes committed by a managed runtime.
    pub committed_bytes: Option<u64>,
    /// The most that a managed runtime lets its heap become; rules ask for it, rows do not hold it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_bytes: Option<u64>,
}

/// One row of `samples.csv`; `None` is a figure that could not be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Monotonic time since the child was ready.
    pub elapsed_ms: f64,
    /// Phase of the run.
    pub phase: Phase,
    /// Operations completed so far.
    pub ops_total: Option<u64>,
    /// Figures from inside the child.
    pub heap: Heap,
    /// Resident set of the process tree.
    pub rss_bytes: Option<u64>,
    /// CPU time of the process tree.
    pub cpu_ms: Option<u64>,
    /// Threads of the process tree.
    pub threads: Option<u64>,
    /// Open descriptors of the process tree.
    pub descriptors: Option<u64>,
    /// Processes in the tree.
    pub processes: Option<u64>,
    /// Median latency since the tick before.
    pub latency_p50_us: Option<u64>,
    /// 99th percentile of the latency since the tick before.
    pub latency_p99_us: Option<u64>,
    /// CPU time of the probe's sample.
    pub probe_cost_us: Option<u64>,
    /// CPU time of the harness's sample.
    pub outside_cost_us: Option<u64>,
    /// Proportional set of the process tree, in ticks in which it was read.
    pub pss_bytes: Option<u64>,
    /// Swapped-out bytes of the process tree, in the same ticks.
    pub swap_bytes: Option<u64>,
    /// Memory of the cell's own control group.
    pub cgroup_bytes: Option<u64>,
    /// CPU time of the harness since the row before.
    pub harness_cpu_us: Option<u64>,
}

impl Sample {
    /// Appends the header line for a file with these gauges.
    pub fn write_header(out: &mut Vec<u8>, gauges: &[String]) {
        out.extend_from_slice(columns::FIXED.join(",").as_bytes());
        for gauge in gauges {
            out.push(b',');
            push_quoted(out, &columns::gauge(gauge));
        }
        out.push(b'\n');
    }

    /// Appends this row; `gauges` holds the values in the order of the header.
    ///
    /// Does not allocate once `out` has grown to the length of a row.
    pub fn write_row(&self, out: &mut Vec<u8>, gauges: &[Option<f64>]) {
        push_decimal(out, self.elapsed_ms);
        out.push(b',');
        out.extend_from_slice(self.phase.name().as_bytes());
        let heap = &self.heap;
        for figure in [
            self.ops_total,
            heap.allocated_bytes,
            heap.active_bytes,
            heap.metadata_bytes,
            heap.resident_bytes,
            heap.mapped_bytes,
            heap.retained_bytes,
            heap.used_bytes,
            heap.committed_bytes,
            self.rss_bytes,
            self.cpu_ms,
            self.threads,
            self.descriptors,
            self.processes,
            self.latency_p50_us,
            self.latency_p99_us,
            self.probe_cost_us,
            self.outside_cost_us,
            self.pss_bytes,
            self.swap_bytes,
            self.cgroup_bytes,
            self.harness_cpu_us,
        ] {
            out.push(b',');
            if let Some(figure) = figure {
                push(out, format_args!("{figure}"));
            }
        }
        for value in gauges {
            out.push(b',');
            if let Some(value) = value.filter(|v| v.is_finite()) {
                push(out, format_args!("{value}"));
            }
        }
        out.push(b'\n');
    }
}

fn push_decimal(out: &mut Vec<u8>, value: f64) {
    push(out, format_args!("{value:.3}"));
}

fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a Vec cannot fail.
    let _ = out.write_fmt(text);
}

/// A CSV field; quoted when the name of a gauge needs it.
pub(crate) fn push_quoted(out: &mut Vec<u8>, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        out.push(b'"');
        out.extend_from_slice(field.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(field.as_bytes());
    }
}
