//! The one way from a table of samples to a judgement of it.
//!
//! [`Readings`] holds the samples with everything that a judgement takes into account: the load,
//! the marked windows that are left out of trends, the budget, what each column counts, whether
//! operations are counted, and whether the work stopped. Every command, picture and page that
//! says something of a series asks here.

use super::damage::lost_rows;
use super::metric::Metric;
use super::stopped::{Idle, is_work, load_cpu_ms};
use super::uncovered::{uncovered, withhold, withhold_because, withhold_cell};
use super::verdict::{VerdictError, VerdictOptions};
use crate::foreign;
use leaklab_judge::amount::{amount_text, count_text};
use leaklab_judge::{
    Budget, CellJudgement, CellSeries, Explanation, JudgeError, JudgeOptions, Judgement,
    MetricJudgement, RSS_GRAIN_BYTES, Series, Unit, Verdict, Window, explain, judge, judge_cell,
};
use leaklab_run::{Cell, Event, EventKind, LoadReport, Measurement, Phase, SampleTable, columns};

/// Columns that a cell is judged by, besides those that count its work; CPU time tells whether it
/// worked where nothing is counted.
const JUDGED: [&str; 14] = [
    columns::SETTLED_BYTES,
    columns::CPU_MS,
    columns::ALLOCATED_BYTES,
    columns::ACTIVE_BYTES,
    columns::RESIDENT_BYTES,
    columns::USED_BYTES,
    columns::COMMITTED_BYTES,
    columns::RSS_BYTES,
    columns::DESCRIPTORS,
    columns::THREADS,
    columns::PSS_BYTES,
    columns::SWAP_BYTES,
    columns::PROCESSES,
    columns::CGROUP_BYTES,
];

/// Heaps read right after a collection that make a trend; with fewer, what was read all the time
/// is judged.
const FEWEST_SETTLED: usize = 10;

/// Growth of a settled heap over a whole load that its runtime's own records may come to: of
/// goroutines, connections, compiled code. A healthy Go server of 200 KiB took 22 KiB in its
/// first 100 s.
const BOOKKEEPING_BYTES: f64 = 64.0 * 1024.0;

/// Growth per operation of things that are counted that is accepted where bytes are held to a
/// budget per operation: one in a hundred operations may keep one.
const COUNT_PER_OPERATION: f64 = 0.01;

/// Samples with everything that a judgement of them takes into account.
#[derive(Debug, Clone)]
pub struct Readings {
    table: SampleTable,
    time_s: Vec<f64>,
    excluded: Vec<Window>,
    /// Times at which the program began anew; `None` where nobody recorded them.
    restarts: Option<Vec<f64>>,
    load: Option<Window>,
    budget: Budget,
    limit: Option<f64>,
    idle: Option<Idle>,
    /// Why no verdict must be built on them.
    doubt: Option<String>,
    /// Why growth that they do not show is not ruled out.
    unsettled: Option<String>,
    /// What is asked about the columns of a table that somebody else wrote; `None` where the
    /// columns are those of a cell.
    foreign: Option<Vec<(String, JudgeOptions)>>,
    /// Columns of memory that is left, of which nobody says how much there is in all.
    left: Vec<String>,
}

/// CPU time of the program for a request that it has answered, at the least: reading it alone is
/// a call of the system, which takes about that.
const LEAST_CPU_US_PER_REQUEST: f64 = 2.0;

/// Part of the requests from which on their failures are what was tested.
const MOSTLY_FAILED: f64 = 0.5;

/// Whether a load command says that requests of its own were answered, and the program used the
/// CPU time to have answered them: the load may have reached another.
fn was_served(cell: &Cell, table: &SampleTable) -> bool {
    let answered = |load: &LoadReport| {
        let requests = load.requests?.saturating_sub(load.errors.unwrap_or(0));
        (requests > 0).then_some(requests as f64)
    };
    let requests: f64 = cell.status.load.iter().filter_map(answered).sum();
    let cpu_us = load_cpu_ms(table).map_or(f64::INFINITY, |(cpu_ms, _)| cpu_ms * 1_000.0);
    requests > 0.0 && cpu_us >= requests * LEAST_CPU_US_PER_REQUEST
}

/// Why a load whose requests mostly failed shows nothing.
fn failed_load(cell: &Cell) -> Option<String> {
    let sum = |of: fn(&LoadReport) -> Option<u64>| cell.status.load.iter().filter_map(of).sum();
    let (requests, errors): (u64, u64) = (sum(|load| load.requests), sum(|load| load.errors));
    (errors > 0 && errors as f64 >= MOSTLY_FAILED * requests as f64).then(|| {
        format!(
            "{} of the {} requests of the load failed, or were answered with an error",
            count_text(errors),
            count_text(requests.max(errors))
        )
    })
}

impl Readings {
    /// Reads what a cell is judged by, and the columns that `wanted` accepts.
    ///
    /// # Errors
    ///
    /// [`VerdictError`] if files are missing or damaged, or its budget is not one.
    pub fn of_cell(
        cell: &Cell,
        options: &VerdictOptions,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Self, VerdictError> {
        let table = cell.samples(|name| Self::is_judged(name) || wanted(name))?;
        Self::of_samples(cell, table, &cell.events()?, options)
    }

    /// Whether a cell's judgement looks at a column.
    pub fn is_judged(column: &str) -> bool {
        JUDGED.contains(&column) || is_work(column)
    }

    /// Whether a column tells whether the cell worked.
    pub fn counts_work(column: &str) -> bool {
        is_work(column)
    }

    /// Samples of a cell that have been read already, with its events.
    ///
    /// # Errors
    ///
    /// [`VerdictError::Budget`] if the budget of its plan is not one.
    pub fn of_samples(
        cell: &Cell,
        table: SampleTable,
        events: &[Event],
        options: &VerdictOptions,
    ) -> Result<Self, VerdictError> {
        let declared = cell.plan.budget.as_deref().map(str::parse).transpose()?;
        let measurement = cell.status.measurement.as_ref();
        let options = VerdictOptions {
            budget: options.budget.or(declared),
            ..options.clone()
        };
        let mut readings = Self::of_table(table, events, &options);
        readings.doubt = (measurement.and_then(Measurement::doubt))
            .or_else(|| lost_rows(cell, &readings.table))
            .or_else(|| failed_load(cell));
        if cell.plan.may_be_idle {
            readings.idle.take_if(|idle| *idle == Idle::Throughout);
        } else if cell.plan.needs_work
            && readings.idle.is_none()
            && !was_served(cell, &readings.table)
        {
            readings.idle = Idle::unknown(&readings.table, &readings.excluded);
        }
        if cell.plan.control_group.is_some() {
            // What is in a group may be started again while one process is there throughout.
            readings.restarts.take_if(|restarts| restarts.is_empty());
        }
        Ok(readings)
    }

    /// Samples of which nothing else is known, or with the events of their cell.
    pub fn of_table(table: SampleTable, events: &[Event], options: &VerdictOptions) -> Self {
        let excluded = marked_windows(events);
        let load = table.phase_span_ms(Phase::Load);
        let mut readings = Readings {
            time_s: table.elapsed_s(),
            load: load.map(|(start_ms, end_ms)| Window {
                start_s: start_ms / 1000.0,
                end_s: end_ms / 1000.0,
            }),
            budget: options.budget.unwrap_or_default(),
            limit: options.limit_bytes,
            idle: Idle::find(&table, events, &excluded),
            doubt: None,
            unsettled: None,
            excluded,
            restarts: restarts(&table, events),
            table,
            foreign: None,
            left: Vec::new(),
        };
        readings.budget = countable(readings.budget, readings.operations().is_some());
        readings
    }

    /// A table that leaklab did not write.
    ///
    /// # Errors
    ///
    /// Words for the user where the unit of a column is in doubt, or the budget does not fit it.
    pub fn of_foreign(table: foreign::Table, options: &VerdictOptions) -> Result<Self, String> {
        let phase_at = |time_s: &f64| match table.load {
            Some(load) if *time_s < load.start_s => Phase::Warmup,
            Some(load) if *time_s > load.end_s => Phase::Drain,
            _ => Phase::Load,
        };
        let mut samples = SampleTable {
            elapsed_ms: table.time_s.iter().map(|s| s * 1000.0).collect(),
            phase: table.time_s.iter().map(phase_at).collect(),
            ..SampleTable::default()
        };
        let counted = |counts: &Vec<f64>| counts.iter().any(|count| *count > 0.0);
        let budget = options.budget.unwrap_or_default();
        let budget = countable(budget, table.operations.as_ref().is_some_and(counted));
        let mut asked = Vec::new();
        for metric in &table.metrics {
            let mut of_metric = metric.judge_options(Some(budget), options.limit_bytes)?;
            of_metric.load = table.load;
            asked.push((metric.name.clone(), of_metric));
        }
        let is_left = |m: &&foreign::Metric| m.turned_about.is_some();
        let left = table.metrics.iter().filter(is_left);
        let left = left.map(|m| m.name.clone()).collect();
        let metrics = table.metrics.into_iter().map(|m| (m.name, m.values));
        let operations = table
            .operations
            .map(|counts| (columns::OPS_TOTAL.to_owned(), counts));
        (samples.names, samples.values) = metrics.chain(operations).unzip();
        Ok(Readings {
            time_s: table.time_s,
            excluded: Vec::new(),
            restarts: (!table.restarts.is_empty()).then_some(table.restarts),
            load: table.load,
            budget,
            limit: options.limit_bytes,
            idle: Idle::find(&samples, &[], &[]),
            doubt: table.incomplete,
            unsettled: table.unsettled,
            table: samples,
            foreign: Some(asked),
            left,
        })
    }

    /// The samples.
    pub fn table(&self) -> &SampleTable {
        &self.table
    }

    /// Seconds of each row.
    pub fn time_s(&self) -> &[f64] {
        &self.time_s
    }

    /// Operations, if there were any.
    fn operations(&self) -> Option<&[f64]> {
        self.table
            .filled_column(columns::OPS_TOTAL)
            .filter(|counts| counts.iter().any(|count| *count > 0.0))
    }

    /// What a column is.
    pub fn metric(&self, column: &str) -> Metric {
        let Some(asked) = &self.foreign else {
            return Metric::named(column);
        };
        match asked.iter().find(|(name, _)| name == column) {
            Some((_, options)) => Metric::of_recording(column, options.unit),
            None => Metric::foreign(column),
        }
    }

    /// A column as the judge takes it; `None` if it has no value.
    pub fn series(&self, column: &str) -> Option<Series<'_>> {
        Some(Series {
            time_s: &self.time_s,
            value: self.table.filled_column(column)?,
            operations: self.operations(),
            load: None,
            restarts: self.restarts.as_deref(),
            excluded: &self.excluded,
        })
    }

    /// What the judge is asked of a column.
    pub fn options(&self, column: &str) -> JudgeOptions {
        let asked = self.foreign.iter().flatten();
        if let Some((_, options)) = asked.clone().find(|(name, _)| name == column) {
            return options.clone();
        }
        let of_cell = self.foreign.is_none();
        let metric = self.metric(column);
        let unit = metric.unit.judged();
        let of_bytes = JudgeOptions {
            budget: self.budget,
            unit,
            limit: self.limit,
            load: self.load,
            exact: of_cell && column == columns::ALLOCATED_BYTES,
            grain: match column {
                columns::RSS_BYTES | columns::CGROUP_BYTES => RSS_GRAIN_BYTES,
                _ => 0.0,
            },
            ..JudgeOptions::default()
        };
        match unit {
            // The budget of a cell is of its bytes; who names a column means that column.
            Unit::Count if of_cell => JudgeOptions {
                limit: None,
                budget: match self.budget {
                    Budget::BytesPerOperation(_) => Budget::BytesPerOperation(COUNT_PER_OPERATION),
                    _ => Budget::Default,
                },
                ..of_bytes
            },
            _ => of_bytes,
        }
    }

    /// Judges one column on its own. Where the work stopped it is never `no-leak`.
    ///
    /// # Errors
    ///
    /// [`JudgeError`] as the judge gives it; `Empty` if the column has no value.
    pub fn judge_column(&self, column: &str) -> Result<Judgement, JudgeError> {
        let series = self.series(column).ok_or(JudgeError::Empty)?;
        let options = self.options(column);
        let mut judgement = judge(&series, &options)?;
        if self.left.iter().any(|left| left == column) {
            withhold_without_total(&mut judgement, &options);
        }
        if let Some(why) = self.uncovered(column) {
            withhold(&mut judgement, &why);
        }
        if let Some(reason) = &self.unsettled {
            withhold_because(&mut judgement, reason.clone());
        }
        if let Some(doubt) = &self.doubt {
            judgement.leave_open(doubted(doubt));
        }
        let (None, Some(idle)) = (&self.doubt, &self.idle) else {
            return Ok(judgement);
        };
        let worked = |load: Window| {
            let options = JudgeOptions {
                load: Some(load),
                ..options
            };
            judge(&series, &options).ok()
        };
        let leaked = (judgement.verdict != Verdict::Leak)
            .then(|| idle.working_part().and_then(worked))
            .flatten()
            .filter(|judgement| judgement.verdict == Verdict::Leak);
        let mut judgement = leaked.unwrap_or(judgement);
        idle.withhold(&mut judgement);
        Ok(judgement)
    }

    /// Why a column has not shown that the whole load is healthy.
    fn uncovered(&self, column: &str) -> Option<String> {
        uncovered(&self.table, column, &self.excluded)
    }

    /// How the judge comes to its verdict on a column; `None` if it cannot be judged.
    pub fn explain(&self, column: &str) -> Option<Explanation> {
        let explained = explain(&self.series(column)?, &self.options(column));
        explained.ok().map(|(_, explanation)| explanation)
    }

    /// Whether nothing but the width of its interval left a column undecided, with those words.
    pub(super) fn is_too_wide(&self, column: &str, reason: &str) -> bool {
        /// The rule of the judge that says so.
        const TOO_WIDE: &str = "too-wide";
        let Some(series) = self.series(column) else {
            return false;
        };
        // Whoever withheld a verdict for another reason gave that one.
        explain(&series, &self.options(column)).is_ok_and(|(found, how)| {
            how.deciding_rule() == Some(TOO_WIDE) && reason == format!("{column}: {}", found.reason)
        })
    }

    /// Judges one column as if the cell had no other.
    ///
    /// # Errors
    ///
    /// As [`Readings::judge_column`].
    pub fn judge_alone(&self, column: &str) -> Result<CellJudgement, JudgeError> {
        let judgement = self.judge_column(column)?;
        let stopped = self.idle.as_ref().and_then(Idle::stopped_after_s);
        Ok(CellJudgement {
            verdict: judgement.verdict,
            kind: judgement.kind,
            metric: column.to_owned(),
            reason: judgement.reason.clone(),
            stopped_working_after_s: stopped,
            metrics: vec![MetricJudgement {
                metric: column.to_owned(),
                judgement,
            }],
        })
    }

    /// Judges all that a cell is judged by.
    ///
    /// # Errors
    ///
    /// [`JudgeError`] as the judge gives it; `Empty` if nothing was sampled.
    pub fn judge(&self) -> Result<CellJudgement, JudgeError> {
        let column = |name| self.table.filled_column(name);
        let allocated = column(columns::ALLOCATED_BYTES);
        let committed = column(columns::COMMITTED_BYTES);
        let settled = column(columns::SETTLED_BYTES).filter(|values| are_enough(values));
        let series = CellSeries {
            time_s: &self.time_s,
            operations: self.operations(),
            load: None,
            restarts: self.restarts.as_deref(),
            allocated_bytes: settled.or(allocated).or(column(columns::USED_BYTES)),
            allocated_is_exact: settled.is_none() && allocated.is_some(),
            active_bytes: column(columns::ACTIVE_BYTES),
            resident_bytes: column(columns::RESIDENT_BYTES),
            rss_bytes: column(columns::RSS_BYTES),
            pss_bytes: column(columns::PSS_BYTES),
            swap_bytes: column(columns::SWAP_BYTES),
            descriptors: column(columns::DESCRIPTORS),
            threads: column(columns::THREADS),
            others: committed
                .map(|values| (columns::COMMITTED_BYTES.to_owned(), values, Unit::Bytes))
                .into_iter()
                .collect(),
            excluded: &self.excluded,
        };
        let options = JudgeOptions {
            budget: self.budget,
            limit: self.limit,
            load: self.load,
            ..JudgeOptions::default()
        };
        let mut judgement = judge_cell(&series, &options)?;
        if let Some(idle) = &self.idle {
            // What it did while it worked may be clear where the whole is not.
            let leaks = |judgement: &CellJudgement| judgement.verdict == Verdict::Leak;
            let worked = |load: Window| {
                let options = JudgeOptions {
                    load: Some(load),
                    ..options
                };
                judge_cell(&series, &options).ok().filter(leaks)
            };
            if !leaks(&judgement)
                && let Some(worked) = idle.working_part().and_then(worked)
            {
                judgement = worked;
            }
            idle.mark(&mut judgement);
        }
        if let Some(doubt) = &self.doubt {
            for metric in &mut judgement.metrics {
                metric.judgement.leave_open(doubted(doubt));
            }
            judgement.leave_open(doubted(doubt));
        }
        // The judge knows one live heap; here it was a managed runtime's, or a settled one.
        let read = match (settled, allocated) {
            (Some(_), _) => columns::SETTLED_BYTES,
            (None, Some(_)) => columns::ALLOCATED_BYTES,
            (None, None) => columns::USED_BYTES,
        };
        rename(&mut judgement, columns::ALLOCATED_BYTES, read);
        for metric in &mut judgement.metrics {
            if metric.judgement.verdict == Verdict::NoLeak
                && let Some(why) = self.uncovered(&metric.metric)
            {
                withhold(&mut metric.judgement, &why);
            }
        }
        if judgement.verdict == Verdict::NoLeak
            && let Some(why) = self.uncovered(&judgement.metric)
        {
            withhold_cell(&mut judgement, &why);
        }
        if settled.is_some() {
            self.doubt_bookkeeping(&mut judgement);
        }
        self.look_at_charged(&mut judgement);
        Ok(judgement)
    }
}

/// Whether the heap was settled often enough for a trend of its own.
fn are_enough(settled: &[f64]) -> bool {
    settled.iter().filter(|bytes| !bytes.is_nan()).count() >= FEWEST_SETTLED
}

impl Readings {
    /// A settled heap that grew by less than what a runtime's own records come to is not called a
    /// leak, nor is it cleared.
    fn doubt_bookkeeping(&self, judgement: &mut CellJudgement) {
        let Some(load) = self.load else { return };
        let hours = (load.end_s - load.start_s) / 3600.0;
        let is_small = |found: &Judgement| {
            let grown = found.slope_bytes_per_hour.map(|slope| slope * hours);
            found.verdict == Verdict::Leak && grown.is_some_and(|grown| grown < BOOKKEEPING_BYTES)
        };
        let of_settled = |one: &&mut MetricJudgement| one.metric == columns::SETTLED_BYTES;
        let Some(settled) = judgement.metrics.iter_mut().find(of_settled) else {
            return;
        };
        if !is_small(&settled.judgement) {
            return;
        }
        let reason = format!(
            "{}: it grew by less than {} in all, which a runtime's own records may come to",
            columns::SETTLED_BYTES,
            amount_text(BOOKKEEPING_BYTES, Unit::Bytes)
        );
        settled.judgement.leave_open(&*reason);
        if judgement.metric == columns::SETTLED_BYTES {
            judgement.leave_open(reason);
        }
    }
}

/// A share of what is left is no share of what is in use, which may be far less: only growth
/// below the least default budget is within every one.
fn withhold_without_total(judgement: &mut Judgement, options: &JudgeOptions) {
    let is_default = matches!(
        options.budget,
        Budget::Default | Budget::PercentOfSettledLevelPerHour(_)
    );
    let highest = judgement.slope_high_bytes_per_hour.unwrap_or(f64::INFINITY);
    if judgement.verdict != Verdict::NoLeak
        || !is_default
        || highest <= Budget::least_per_hour(Unit::Bytes)
    {
        return;
    }
    judgement.leave_open(format!(
        "it grows by less than its share of what is left, but nothing says how much memory there is in all, and what is in use may be less: up to {} per hour is no leak if --total 16GiB, or a --budget in bytes, says so",
        leaklab_judge::amount::bytes_text(highest)
    ));
}

/// A verdict is no better than the measurement below it.
fn doubted(doubt: &str) -> String {
    format!("the measurement is too bad to judge: {doubt}")
}

/// A program that counts nothing cannot be held to a budget per operation.
fn countable(budget: Budget, counted: bool) -> Budget {
    match budget {
        Budget::BytesPerOperation(_) if !counted => Budget::Default,
        budget => budget,
    }
}

/// The marks with a length: windows that are left out of trends.
pub fn marked_windows(events: &[Event]) -> Vec<Window> {
    let windows = events.iter().filter_map(|event| match &event.kind {
        EventKind::Mark {
            duration_ms: Some(duration_ms),
            ..
        } => Some(Window {
            start_s: event.elapsed_ms / 1000.0,
            end_s: (event.elapsed_ms + duration_ms) / 1000.0,
        }),
        _ => None,
    });
    windows.collect()
}

/// The times, in seconds, at which the program is known to have begun anew. One process that
/// was there throughout was not started again; of a tree the harness knows only the first.
fn restarts(table: &SampleTable, events: &[Event]) -> Option<Vec<f64>> {
    let restarts: Vec<f64> = events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Restart))
        .map(|event| event.elapsed_ms / 1000.0)
        .collect();
    let is_one = |count: &f64| count.is_nan() || *count == 1.0;
    let one_throughout = || {
        let processes = table.filled_column(columns::PROCESSES);
        processes.is_some_and(|counts| counts.iter().all(is_one))
    };
    (!restarts.is_empty() || one_throughout()).then_some(restarts)
}

/// Calls a metric by the name of the column that it came from.
fn rename(judgement: &mut CellJudgement, from: &str, to: &str) {
    let names = judgement
        .metrics
        .iter_mut()
        .map(|metric| &mut metric.metric);
    for name in names.chain([&mut judgement.metric]) {
        if name == from {
            to.clone_into(name);
        }
    }
    if let Some(rest) = judgement.reason.strip_prefix(from) {
        judgement.reason = format!("{to}{rest}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::metric::MetricUnit;
    use super::*;

    /// 600 rows a second apart.
    fn table(columns: &[(&str, &dyn Fn(f64) -> f64)]) -> SampleTable {
        let elapsed_ms: Vec<f64> = (0..600).map(|row| f64::from(row) * 1000.0).collect();
        SampleTable {
            phase: vec![Phase::Load; elapsed_ms.len()],
            names: columns.iter().map(|(name, _)| (*name).to_owned()).collect(),
            values: columns
                .iter()
                .map(|(_, value)| elapsed_ms.iter().map(|ms| value(ms / 1000.0)).collect())
                .collect(),
            elapsed_ms,
            ..SampleTable::default()
        }
    }

    fn judged(table: SampleTable, events: &[Event]) -> CellJudgement {
        Readings::of_table(table, events, &VerdictOptions::default())
            .judge()
            .expect("a judgement")
    }

    #[test]
    fn a_settled_heap_is_judged_before_all_else_and_not_below_what_a_runtime_keeps_of_itself() {
        // Read once in ten seconds; what is in use between is garbage that grows for a while.
        let settled = |bytes_per_s: f64| {
            move |s: f64| match s % 10.0 == 0.0 {
                true => 5e6 + bytes_per_s * s + noise(s),
                false => f64::NAN,
            }
        };
        let used = |s: f64| 9e6 + 1e4 * s + noise(s);
        for (bytes_per_s, verdict) in [
            (5e3, Verdict::Leak),
            (60.0, Verdict::Inconclusive),
            (0.0, Verdict::NoLeak),
        ] {
            let settled = settled(bytes_per_s);
            let table = table(&[
                (columns::USED_BYTES, &used),
                (columns::SETTLED_BYTES, &settled),
            ]);
            let found = judged(table, &[]);
            assert_eq!(
                found.metric,
                columns::SETTLED_BYTES,
                "{bytes_per_s}: {}",
                found.reason
            );
            if bytes_per_s > 0.0 {
                assert_eq!(found.verdict, verdict, "{bytes_per_s}: {}", found.reason);
            } else {
                assert_ne!(found.verdict, Verdict::Leak, "{}", found.reason);
            }
        }
    }

    fn noise(s: f64) -> f64 {
        1e3 * (s * 1.7).sin()
    }

    #[test]
    fn a_managed_heap_is_called_by_its_column_and_is_the_memory() {
        let growing = |s: f64| 5e7 + 1e4 * s + noise(s);
        let flat = |s: f64| 9e7 + noise(s);
        let judgement = judged(
            table(&[("used_bytes", &growing), ("rss_bytes", &flat)]),
            &[],
        );
        assert_eq!(judgement.metric, "used_bytes");
        assert_eq!(judgement.verdict, Verdict::Leak);
        let memory = super::super::memory_judgement(&judgement).expect("the memory");
        assert_eq!(memory.metric, "used_bytes");
    }

    #[test]
    fn a_marked_window_is_left_out_of_every_judgement() {
        let jump = |s: f64| 5e7 + noise(s) + 2e4 * (s.clamp(200.0, 300.0) - 200.0);
        let mark = Event {
            elapsed_ms: 195_000.0,
            kind: EventKind::Mark {
                name: "fault".to_owned(),
                duration_ms: Some(110_000.0),
            },
        };
        let readings = Readings::of_table(
            table(&[("rss_bytes", &jump)]),
            &[mark],
            &VerdictOptions::default(),
        );
        let series = readings.series("rss_bytes").expect("a series");
        assert_eq!(series.excluded.len(), 1);
        assert_eq!(
            readings.judge().expect("a judgement").verdict,
            readings.judge_column("rss_bytes").expect("one").verdict
        );
    }

    #[test]
    fn a_foreign_column_is_judged_in_its_own_unit() {
        let foreign = foreign::Table {
            time_s: (0..1_440).map(|row| f64::from(row) * 5.0).collect(),
            metrics: vec![foreign::Metric {
                name: "threads".to_owned(),
                values: (0..1_440)
                    .map(|row| 50.0 + (f64::from(row) * 5.0 / 36.0).floor())
                    .collect(),
                unit: Unit::Count,
                unit_is_known: true,
                ..foreign::Metric::default()
            }],
            ..foreign::Table::default()
        };
        let readings = Readings::of_foreign(foreign, &VerdictOptions::default()).expect("readings");
        assert_eq!(readings.metric("threads").unit, MetricUnit::Count);
        let judgement = readings.judge_alone("threads").expect("a judgement");
        assert_eq!(judgement.verdict, Verdict::Leak, "{}", judgement.reason);
    }

    #[test]
    fn a_load_that_reached_another_or_failed_is_no_work() {
        let cell = |requests, errors| {
            let mut cell = Cell {
                folder: std::path::PathBuf::from("/nonexistent"),
                plan: leaklab_run::CellPlan::default(),
                status: leaklab_run::CellStatus::default(),
            };
            cell.status.load = vec![LoadReport {
                requests: Some(requests),
                errors: Some(errors),
                ..LoadReport::default()
            }];
            cell
        };
        // 6 ms of CPU time in ten minutes, and a tenth of a second each second.
        let idle = |s: f64| s / 100.0;
        let busy = |s: f64| s * 100.0;
        let (idle, busy) = (table(&[("cpu_ms", &idle)]), table(&[("cpu_ms", &busy)]));
        assert!(!was_served(&cell(264_446, 0), &idle));
        assert!(was_served(&cell(264_446, 0), &busy));
        assert!(!was_served(&cell(500, 500), &busy));
        assert!(failed_load(&cell(43_503, 43_503)).is_some_and(|words| words.contains("43,503")));
        assert_eq!(failed_load(&cell(43_503, 200)), None);
        assert_eq!(failed_load(&cell(0, 0)), None);
    }

    #[test]
    fn a_program_that_did_nothing_has_shown_nothing() {
        let flat = |s: f64| 5e7 + noise(s);
        let none = |_: f64| 0.0;
        let judgement = judged(table(&[("ops_total", &none), ("rss_bytes", &flat)]), &[]);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        assert!(
            judgement.reason.contains("no operation"),
            "{}",
            judgement.reason
        );
        assert!(
            judgement
                .metrics
                .iter()
                .all(|one| one.judgement.verdict != Verdict::NoLeak)
        );
    }
}
