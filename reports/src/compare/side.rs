//! One side of a comparison: a cell or a sample file, judged and summarised.

use super::alike::{HEAP, MEMORY_OF};
use super::beside::LeakBeside;
use super::figure::Figure;
use super::gauge::{GaugeCourse, gauge_courses};
use super::ratio::{Estimate, Z};
use super::spread::{Moments, Spread};
use crate::cell::{
    MetricUnit, Readings, VerdictError, VerdictOptions, median_in_load, memory_of,
    metric_judgement, peak, peak_when_settled, per_hour, per_operation, rise_in_load, rise_per_s,
    stored_or_judged,
};
use leaklab_judge::amount::{bytes_text, duration_text};
use leaklab_judge::{CellJudgement, Judgement, Kind, Verdict};
use leaklab_run::{Cell, Outcome, Run, State, columns};
use std::collections::BTreeMap;

/// What is compared.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Side {
    /// Address of the cell, or name of the file.
    pub name: String,
    /// The run that it is from, or the file.
    pub source: String,
    /// The variant; empty for a file.
    pub variant: String,
    /// `buggy`, `partial`, `fixed`, `control` or nothing.
    pub role: String,
    /// How the cell ended, if not as it should have.
    pub trouble: Option<String>,
    /// Whether it was ready and was measured, at least up to its end.
    pub is_measured: bool,
    /// The judge's verdict; inconclusive if there was nothing to judge.
    pub verdict: Verdict,
    /// Where growth sits, if it leaks.
    pub kind: Option<Kind>,
    /// The metric that the growth is of, as in `samples.csv`.
    pub metric: String,
    /// What the metric counts: figures that are called bytes are things where it counts things.
    pub unit: MetricUnit,
    /// The judge's sentence, or why there is none.
    pub reason: String,
    /// Growth per operation, in bytes, where operations are counted.
    pub per_operation: Option<Estimate>,
    /// Growth per hour, in bytes.
    pub per_hour: Option<Estimate>,
    /// The budget per operation that the judge applied, if it was given so.
    pub budget_per_operation: Option<f64>,
    /// The budget per hour that the judge applied.
    pub budget_per_hour: Option<f64>,
    /// Largest value of the metric, in bytes.
    pub peak_bytes: Option<f64>,
    /// Level of the settled part of the metric, in bytes; absent for a leak, which never
    /// settles.
    pub settled_bytes: Option<f64>,
    /// CPU time per operation during the load, in microseconds.
    pub cpu_us_per_operation: Option<f64>,
    /// Median over the load of the median latency per tick, in microseconds.
    pub latency_p50_us: Option<f64>,
    /// Median over the load of the 99th percentile per tick, in microseconds.
    pub latency_p99_us: Option<f64>,
    /// Operations that were completed during the load.
    pub operations: Option<f64>,
    /// Operations per second during the load.
    pub operations_per_second: Option<f64>,
    /// Open descriptors at the most, once the load has settled.
    pub descriptors: Option<f64>,
    /// Threads at the most, once the load has settled.
    pub threads: Option<f64>,
    /// Time from the start of the process to its being ready, in milliseconds.
    pub start_up_ms: Option<f64>,
    /// How surely each figure is known.
    pub figures: BTreeMap<Figure, Spread>,
    /// The growth per operation with its standard error.
    pub per_operation_moments: Option<Moments>,
    /// The growth per hour with its standard error.
    pub per_hour_moments: Option<Moments>,
    /// Runs behind it.
    pub runs: u64,
    /// Whether the judge withholds `no-leak` although the growth lies within the budget: what
    /// could not have moved has not been seen not to move.
    pub is_withheld: bool,
    /// How many of the runs that is so of.
    pub withheld_runs: u64,
    /// How many of the runs the judge calls a leak, of whatever it is.
    pub leaking_runs: u64,
    /// What leaks beside the memory.
    pub leak_beside: Option<LeakBeside>,
    /// The gauges, and how the memory moves with each.
    pub gauges: Vec<GaugeCourse>,
    /// What must be equal for a fair comparison: name and value.
    pub circumstances: BTreeMap<String, String>,
    /// Time of each value of the metric, in seconds; for the picture.
    #[serde(skip)]
    pub times_s: Vec<f64>,
    /// The metric; for the picture.
    #[serde(skip)]
    pub values: Vec<f64>,
    /// Lowest and highest of the repetitions at each time; for the picture.
    #[serde(skip)]
    pub band: Option<[Vec<f64>; 2]>,
    /// Where warm-up and drain lie; for the picture.
    #[serde(skip)]
    pub phases: crate::chart::Phases,
}

/// Why something cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    /// It could not be judged.
    #[error(transparent)]
    Verdict(#[from] VerdictError),
    /// There is nothing in it.
    #[error("`{name}` has no samples to compare: {reason}")]
    Empty {
        /// Address of the cell, or the file.
        name: String,
        /// What is missing.
        reason: String,
    },
}

/// Columns that a comparison reads beside those that are judged.
const COMPARED: [&str; 5] = [
    columns::CPU_MS,
    columns::LATENCY_P50_US,
    columns::LATENCY_P99_US,
    columns::DESCRIPTORS,
    columns::THREADS,
];

fn is_compared(column: &str) -> bool {
    COMPARED.contains(&column) || column.starts_with(columns::GAUGE_PREFIX)
}

impl Side {
    /// Reads a cell of a run.
    ///
    /// The verdict is that of `verdict.json`, unless `options` asks for another budget or the
    /// run died before it was judged; the cell is judged then.
    ///
    /// # Errors
    ///
    /// [`SideError`] if there are no samples.
    pub fn from_cell(run: &Run, cell: &Cell, options: &VerdictOptions) -> Result<Self, SideError> {
        let readings = Readings::of_cell(cell, options, is_compared)?;
        let judged = stored_or_judged(cell, options);
        let stopped_s = judged
            .as_ref()
            .ok()
            .and_then(|one| one.stopped_working_after_s);
        let mut side = Side::new(&cell.plan.id, &readings, judged)?;
        side.source = run.folder.display().to_string();
        side.variant = cell.plan.variant.clone();
        side.role = cell.plan.role.clone();
        side.trouble = match (cell.status.state, cell.status.outcome) {
            // What did nothing more has shown no more than what it did.
            (State::Finished, None | Some(Outcome::Completed)) => stopped_s
                .filter(|_| side.verdict != Verdict::Leak)
                .map(|after_s| format!("made no progress since {}", duration_text(after_s))),
            (State::Finished, Some(outcome)) => Some(outcome.name().to_owned()),
            _ => Some("unfinished".to_owned()),
        };
        side.is_measured = cell.status.outcome.is_none_or(Outcome::is_measured);
        side.circumstances = circumstances(run, cell);
        // A program that need not say so is ready at once.
        side.start_up_ms = cell.status.ready_after_ms.filter(|ms| *ms > 1.0);
        side.measure(readings.table());
        Ok(side)
    }

    /// A side from samples and a judgement of them.
    ///
    /// # Errors
    ///
    /// [`SideError::Empty`] if there is no row, or no column of memory with a value.
    pub fn new(
        name: &str,
        readings: &Readings,
        judged: Result<CellJudgement, VerdictError>,
    ) -> Result<Self, SideError> {
        let table = readings.table();
        match memory_of(table) {
            Some((metric, _)) => Side::of_metric(name, readings, metric, judged),
            None if table.is_empty() => Err(empty(name, "the file has no row")),
            None => Err(empty(
                name,
                "no row has `allocated_bytes`, `used_bytes` or `rss_bytes`",
            )),
        }
    }

    /// A side whose growth is that of a named column.
    pub(super) fn of_metric(
        name: &str,
        readings: &Readings,
        metric: &str,
        judged: Result<CellJudgement, VerdictError>,
    ) -> Result<Self, SideError> {
        let table = readings.table();
        let values = table
            .filled_column(metric)
            .ok_or_else(|| empty(name, &format!("no row has a number in `{metric}`")))?;
        let leak_beside = (judged.as_ref().ok()).and_then(|one| LeakBeside::of(one, metric));
        let (judgement, verdict, kind, reason) = match judged {
            Ok(judged) => {
                let found = metric_judgement(&judged, metric);
                let of_metric = found.map(|one| one.judgement.clone());
                (of_metric, judged.verdict, judged.kind, judged.reason)
            }
            Err(error) => (None, Verdict::Inconclusive, None, error.to_string()),
        };
        let rate = |rate: fn(&Judgement) -> Option<[f64; 3]>| {
            judgement.as_ref().and_then(rate).map(Estimate::from)
        };
        let settled_s = judgement.as_ref().and_then(|j| j.settled_after_s);
        let budget = |side: &Side| side.per_operation.zip(side.budget_per_operation);
        let mut side = Side {
            name: name.to_owned(),
            source: name.to_owned(),
            variant: String::new(),
            role: String::new(),
            trouble: None,
            is_measured: true,
            verdict,
            kind,
            metric: metric.to_owned(),
            unit: readings.metric(metric).unit,
            reason,
            per_operation: rate(per_operation),
            per_hour: rate(per_hour),
            budget_per_operation: judgement.as_ref().and_then(|j| j.budget_bytes_per_op),
            budget_per_hour: judgement.as_ref().and_then(|j| j.budget_bytes_per_hour),
            peak_bytes: peak(table, metric),
            settled_bytes: judgement
                .as_ref()
                .filter(|j| j.verdict != Verdict::Leak)
                .and_then(|j| j.level),
            cpu_us_per_operation: rise_in_load(table, columns::CPU_MS)
                .zip(rise_in_load(table, columns::OPS_TOTAL))
                .filter(|(_, operations)| operations.0 > 0.0)
                .map(|(cpu, operations)| 1000.0 * cpu.0 / operations.0),
            latency_p50_us: median_in_load(table, columns::LATENCY_P50_US),
            latency_p99_us: median_in_load(table, columns::LATENCY_P99_US),
            operations: rise_in_load(table, columns::OPS_TOTAL).map(|(rise, _)| rise),
            operations_per_second: rise_per_s(table, columns::OPS_TOTAL),
            descriptors: peak_when_settled(table, columns::DESCRIPTORS, settled_s),
            threads: peak_when_settled(table, columns::THREADS, settled_s),
            start_up_ms: None,
            figures: BTreeMap::new(),
            per_operation_moments: None,
            per_hour_moments: None,
            runs: 1,
            is_withheld: false,
            withheld_runs: 0,
            leaking_runs: u64::from(verdict == Verdict::Leak),
            leak_beside,
            gauges: gauge_courses(table, metric),
            circumstances: BTreeMap::new(),
            times_s: readings.time_s().to_vec(),
            values: values.to_vec(),
            band: None,
            phases: crate::chart::Phases::of(table),
        };
        let growth = budget(&side).or_else(|| side.per_hour.zip(side.budget_per_hour));
        side.is_withheld = side.verdict == Verdict::Inconclusive
            && growth.is_none_or(|(growth, budget)| growth.high <= budget);
        side.withheld_runs = u64::from(side.is_withheld);
        let per_operation = side.counted_growth();
        side.per_operation_moments = per_operation.and_then(|one| Moments::of_runs(&[one]));
        side.per_hour_moments = side.per_hour.and_then(|one| Moments::of_runs(&[one]));
        side.measure(table);
        Ok(side)
    }

    /// The value of a figure; growth has its own.
    pub(super) fn value_of(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::GrowthPerOperation | Figure::GrowthPerHour => None,
            Figure::SettledLevel => self.settled_bytes,
            Figure::Peak => self.peak_bytes,
            Figure::Throughput => self.operations_per_second,
            Figure::LatencyP50 => self.latency_p50_us,
            Figure::LatencyP99 => self.latency_p99_us,
            Figure::CpuPerOperation => self.cpu_us_per_operation,
            Figure::Descriptors => self.descriptors,
            Figure::Threads => self.threads,
            Figure::StartUp => self.start_up_ms,
        }
    }

    /// Growth per operation of a run with the error that counting has: at either end of the load, an
    /// operation that is under way is counted and not yet kept, or kept and not yet counted, by any
    /// part of one. However exact the readings are, of 140 operations that is 0.3 %.
    pub(super) fn counted_growth(&self) -> Option<Estimate> {
        let growth = self.per_operation?;
        let Some(operations) = self.operations.filter(|count| *count > 0.0) else {
            return Some(growth);
        };
        // Two errors, each uniform over one operation: a variance of 2/12.
        let half = Z * growth.value.abs() / operations / 6_f64.sqrt();
        Some(Estimate {
            low: growth.value - half.hypot(growth.value - growth.low),
            high: growth.value + half.hypot(growth.high - growth.value),
            ..growth
        })
    }

    /// What its growth comes to over the whole run.
    pub(super) fn grown(&self) -> f64 {
        let counted = self.per_operation.zip(self.operations);
        let hours = || {
            let ends = self.times_s.first().zip(self.times_s.last());
            ends.map(|(first, last)| (last - first) / 3600.0)
        };
        let timed = || self.per_hour.zip(hours());
        let (rate, count) = counted.or_else(timed).unzip();
        let rate = rate.map_or(0.0, |rate| rate.value.max(0.0));
        rate * count.unwrap_or(0.0)
    }

    /// How surely each figure is known from one run.
    fn measure(&mut self, table: &leaklab_run::SampleTable) {
        for figure in Figure::ALL {
            if let Some(value) = self.value_of(figure).filter(|value| value.is_finite()) {
                (self.figures).insert(figure, Spread::of_run(figure, value, table));
            }
        }
    }

    /// The budget per operation, from one per hour if need be.
    ///
    /// `rate` is in operations per second: the faster side's, so that a slower program may not
    /// leak more per operation.
    pub(crate) fn budget_per_operation_at(&self, rate: Option<f64>) -> Option<f64> {
        self.budget_per_operation.or_else(|| {
            let per_hour = rate.filter(|rate| *rate > 0.0)? * 3600.0;
            Some(self.budget_per_hour? / per_hour)
        })
    }
}

fn empty(name: &str, reason: &str) -> SideError {
    SideError::Empty {
        name: name.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Seed, parameters, host and versions by name.
fn circumstances(run: &Run, cell: &Cell) -> BTreeMap<String, String> {
    let record = &run.record;
    let plan = &cell.plan;
    let host = plan.host.as_deref().unwrap_or(&record.host);
    let seconds = |seconds: Option<f64>| seconds.map_or("none".to_owned(), |s| format!("{s} s"));
    let mut all = BTreeMap::from([
        ("seed".to_owned(), record.configuration.seed.to_string()),
        ("leaklab version".to_owned(), record.leaklab.version.clone()),
        (
            "leaklab revision".to_owned(),
            record.leaklab.revision.clone(),
        ),
        ("kernel".to_owned(), host.kernel.clone()),
        ("operating system".to_owned(), host.os.clone()),
        ("processor".to_owned(), host.cpu.clone()),
        ("processors".to_owned(), host.cpu_count.to_string()),
        ("memory".to_owned(), bytes_text(host.memory_bytes as f64)),
        ("duration".to_owned(), seconds(plan.duration_s)),
        ("warm-up".to_owned(), seconds(Some(plan.warmup_s))),
        ("interval".to_owned(), format!("{} ms", plan.interval_ms)),
        (
            "rate".to_owned(),
            plan.rate
                .map_or("as fast as it goes".to_owned(), |rate| format!("{rate}/s")),
        ),
        ("jobs".to_owned(), record.configuration.jobs.to_string()),
        (
            "budget".to_owned(),
            (plan.budget.clone()).unwrap_or_else(|| "the default".to_owned()),
        ),
    ]);
    for (name, value) in &plan.parameters {
        all.insert(format!("parameter {name}"), value.clone());
    }
    for (number, load) in (1..).zip(&cell.status.load) {
        all.insert(format!("load {number}"), load.command.join(" "));
    }
    if let Some(heap) = &plan.heap {
        all.insert(HEAP.to_owned(), heap.clone());
    }
    if plan.control_group.is_some() {
        all.insert(MEMORY_OF.to_owned(), "a control group".to_owned());
    }
    if !plan.command.is_empty() {
        all.insert("command".to_owned(), plan.command.join(" "));
    }
    all
}
