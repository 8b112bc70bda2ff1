//! What a scenario declares, and what it does when it runs.

use crate::{Drain, Load, Meter, Parameter, Parameters};
use std::sync::Arc;

/// What a variant stands for in the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Has the defect that the document reports.
    Buggy,
    /// Has a remedy that cures a part, or that the document says does not cure.
    Partial,
    /// Has a remedy that cures.
    Fixed,
    /// A known answer: the same work done in a way that is not in question.
    Control,
}

impl Role {
    /// The word used in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Role::Buggy => "buggy",
            Role::Partial => "partial",
            Role::Fixed => "fixed",
            Role::Control => "control",
        }
    }
}

/// The verdict that a variant must get; another one is a failure of variant or judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// Sustained growth above the budget.
    Leak,
    /// Growth below the budget.
    NoLeak,
    /// An end of the process by itself, before its load is over.
    Dies,
}

impl Expected {
    /// The word used in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Expected::Leak => "leak",
            Expected::NoLeak => "no-leak",
            Expected::Dies => "dies",
        }
    }
}

/// Where a leak was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    /// Title of the report, as its readers know it.
    pub title: &'static str,
    /// Where it can be looked up: a ticket number, a repository and issue, an address.
    pub reference: &'static str,
}

/// One form of a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// Name in kebab-case, unique in its scenario.
    pub name: &'static str,
    /// What it stands for.
    pub role: Role,
    /// The verdict it must get at the scenario's defaults.
    pub expected: Expected,
    /// One line: what this variant does that the others do not.
    pub summary: &'static str,
    /// The formula behind [`Variant::retained_bytes_per_operation`], for people.
    pub retained_formula: &'static str,
    /// Live heap bytes that one operation must leave behind, for the given parameters.
    ///
    /// Sizes are those that jemalloc hands out; see [`crate::retained`].
    pub retained_bytes_per_operation: fn(&Parameters) -> f64,
}

/// Everything that can be said about a scenario without running it.
#[derive(Debug, Clone, Copy)]
pub struct Description {
    /// Name in kebab-case, unique in the catalogue.
    pub name: &'static str,
    /// The report that it reproduces.
    pub document: Document,
    /// One line on the mechanism.
    pub mechanism: &'static str,
    /// Several paragraphs: what keeps what alive, what releases it, what the fix changes,
    /// and the model's bookkeeping beside the original's measured bytes.
    pub explanation: &'static str,
    /// What one operation is.
    pub operation: &'static str,
    /// The scenario's own parameters, set with `--set name=value`.
    pub parameters: &'static [Parameter],
    /// Names of the gauges that a workload registers, in the order of their columns.
    pub gauges: &'static [&'static str],
    /// The variants, buggy first.
    pub variants: &'static [Variant],
    /// The variants of the short tour: one buggy and one fixed; empty for controls.
    pub tour: &'static [&'static str],
    /// Growth in bytes per operation up to which a variant counts as not leaking.
    pub budget_bytes_per_operation: f64,
    /// Seconds of load at which the variants can be decided.
    pub default_duration_s: f64,
    /// Operations per second when `--rate` is not given; `None` for as fast as it goes.
    pub default_rate: Option<f64>,
    /// Whether the heap is read between two operations, on the thread that performs
    /// them, so that payloads in flight do not drown bookkeeping of some hundred bytes.
    /// Only where the thread that asks for operations knows that none is on its way.
    pub quiet_points: bool,
}

impl Description {
    /// The variant of that name.
    pub fn variant(&self, name: &str) -> Option<&'static Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }
}

/// One row of a table of remedies: what it bounds, and who pays. In words; the figures come
/// from runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remedy {
    /// The variant of the scenario.
    pub variant: &'static str,
    /// What can no longer grow, and at what it stops.
    pub bounds: &'static str,
    /// What still grows, or can; empty if nothing does.
    pub leaves: &'static str,
    /// What is paid in memory.
    pub memory: &'static str,
    /// Which messages or connections are lost, and who is told.
    pub loss: &'static str,
    /// What becomes of delivered messages per second, and of the time that one takes.
    pub throughput: &'static str,
}

/// What a workload is made from.
pub struct Setup {
    /// The variant, one of [`Description::variants`].
    pub variant: &'static Variant,
    /// Validated parameters, defaults filled in.
    pub parameters: Parameters,
    /// Seed of everything random.
    pub seed: u64,
    /// Takes gauges, latencies and marks.
    pub meter: Arc<dyn Meter>,
}

/// One reproduction of a memory defect: a folder of this crate, a line of the catalogue.
pub trait Scenario: Sync {
    /// What it is; constant.
    fn description(&self) -> &'static Description;

    /// The remedies that its document compares; none for most.
    fn remedies(&self) -> &'static [Remedy] {
        &[]
    }

    /// Builds the workload: everything that exists before the first operation.
    ///
    /// # Errors
    ///
    /// [`WorkloadError`] if the environment refuses something that it needs, a socket for
    /// instance.
    fn prepare(&self, setup: Setup) -> Result<Box<dyn Workload>, WorkloadError>;
}

/// A variant at work in the child process.
pub trait Workload {
    /// Performs operations for as long as [`Load::next_operation`] (or its async form)
    /// says so, and reports each with [`Load::complete`].
    ///
    /// # Errors
    ///
    /// [`WorkloadError`] if the work could not be done. Growth is never an error here.
    fn load(&mut self, load: &Load) -> Result<(), WorkloadError>;

    /// Turns what must still turn after the load has stopped (timers that fire, receivers
    /// that read on), without new operations, until [`Drain::goes_on`] says no.
    ///
    /// What the workload holds stays alive until the process ends, so that the drain phase
    /// shows what is released late and what never.
    ///
    /// # Errors
    ///
    /// As for [`Workload::load`].
    fn drain(&mut self, drain: &Drain) -> Result<(), WorkloadError> {
        while drain.goes_on() {
            drain.rest();
        }
        Ok(())
    }
}

/// Why a workload could not be prepared or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// The operating system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, as a lower-case fragment.
        doing: &'static str,
        /// The refusal.
        source: std::io::Error,
    },
    /// A thread or task of the model ended by a panic.
    #[error("a {0} of the model panicked")]
    Panicked(&'static str),
}
