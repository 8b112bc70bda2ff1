//! What the loop of a cell needs to know, and whom it tells what happens.

use super::child::ChildPlan;
use super::load::Beside;
use leaklab_run::{CellPlan, CellStatus, Redactor, Sample};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

/// How late a sample of the probe may be beyond its interval before a row without heap figures
/// is written in its place; a sample may wait one interval for a quiet point.
const LATENESS: Duration = Duration::from_millis(20);

/// Everything that the loop of a cell needs to know.
#[derive(Debug, Clone)]
pub struct CellSetup {
    /// What the cell is.
    pub plan: CellPlan,
    /// What to start.
    pub child: ChildPlan,
    /// The cell's folder, which must not exist yet.
    pub folder: PathBuf,
    /// Gauges that get a column from the start.
    pub gauges: Vec<String>,
    /// Lengths of the phases.
    pub schedule: Schedule,
    /// How long the child may take to be ready; `None` if it is ready when it starts.
    pub ready_timeout: Option<Duration>,
    /// Time between TERM and KILL.
    pub grace: Duration,
    /// Resident bytes of the tree at which it is ended.
    pub memory_limit_bytes: Option<u64>,
    /// Whether it must run for as long as its load: a program that a length was named for.
    pub must_last: bool,
    /// What stands beside the program.
    pub beside: Beside,
    /// Takes secrets out of what is recorded.
    pub redactor: Redactor,
    /// What its user should know before it starts.
    pub notices: Vec<String>,
}

/// Lengths of the phases of a cell.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Declared warm-up.
    pub warmup: Duration,
    /// Load; `None` if only a count of operations ends it.
    pub load: Option<Duration>,
    /// Drain.
    pub drain: Duration,
    /// Whether the child keeps to the schedule and ends by itself, as scenarios do. Other
    /// programs are sent TERM at the end of the load.
    pub by_child: bool,
}

impl Schedule {
    /// From the start to the end, if nothing ends it before; `None` where only a count of
    /// operations does.
    pub fn length(&self) -> Option<Duration> {
        self.load.map(|load| self.warmup + load + self.drain)
    }
}

/// What happens in a cell while it runs.
#[derive(Debug)]
pub enum CellEvent<'a> {
    /// The child was started.
    Started,
    /// A row was written.
    Sampled(&'a Sample),
    /// The program marked a stretch of time that is not its usual course.
    Marked {
        /// Its beginning, since the child was ready.
        at_ms: f64,
        /// Its length.
        duration_ms: f64,
    },
    /// It has ended.
    Ended(&'a CellStatus),
}

/// Is told what happens in the cells of a run; from several threads.
pub trait Observer: Sync {
    /// Takes an event. `Break` says that enough was seen: the load is stopped in order.
    fn observe(&self, plan: &CellPlan, event: &CellEvent<'_>) -> ControlFlow<()>;
}

impl CellSetup {
    /// How old the last sample of a probe may be before it is missing.
    pub fn patience_with_probe(&self) -> Duration {
        self.child.interval.mul_f64(2.5) + LATENESS
    }

    /// Whether it has a warm-up by its settings.
    pub fn warmup_is_declared(&self) -> bool {
        !self.schedule.warmup.is_zero()
    }
}
