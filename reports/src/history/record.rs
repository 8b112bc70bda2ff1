//! A line of `history.jsonl`: what one cell of one run came to.

use super::change::Night;
use crate::compare::ratio::{Estimate, Z};
use crate::compare::{Figure, Side, base_name};
use jiff::Timestamp;
use leaklab_judge::{CellJudgement, Verdict};
use leaklab_run::{Cell, CellPlan, Host, Outcome, Run, State, columns};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashSet};
use std::io::BufRead;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

/// Version of the lines that this writes; a line of a later one is left out.
pub const HISTORY_FORMAT: u32 = 1;

/// Longest line that is read: a cell's takes some two KiB.
const LONGEST_LINE: u64 = 64 * 1024;

/// Largest value of a figure that is one: more than there is memory, or are microseconds, anywhere.
const LARGEST: f64 = 1e18;

/// The value of a figure on one night.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value.
    pub value: f64,
    /// Its standard error, where the night knows one; else 0.
    #[serde(default)]
    pub standard_error: f64,
}

impl Measured {
    /// The value with its 95 % interval.
    #[must_use]
    pub fn estimate(self) -> Estimate {
        Estimate {
            value: self.value,
            low: self.value - Z * self.standard_error,
            high: self.value + Z * self.standard_error,
        }
    }
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
    /// How it ended: `completed`, `died`, …, `unfinished`; empty in lines that do not say it.
    pub outcome: String,
    /// What a run of this cell alone ends with; `None` in lines that do not say it.
    pub exit_code: Option<u8>,
    /// Metric that the growth is of.
    pub metric: String,
    /// The metrics that leak: the one that decided, and whatever else decides where it leaks. Empty
    /// where none does, and in lines that do not say it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaks: Vec<String>,
    /// The budget of the growth, in the unit of its figure; `None` in lines that do not say it.
    pub budget: Option<f64>,
    /// Whether nothing but the width of its interval left it undecided: such nights add up.
    pub is_too_wide: bool,
    /// Shards of the whole that its run lacks, where it was merged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_shards: Vec<String>,
    /// The runs that its run was merged of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<String>,
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
            outcome: String::new(),
            exit_code: None,
            metric: String::new(),
            leaks: Vec::new(),
            budget: None,
            is_too_wide: false,
            missing_shards: Vec::new(),
            merged: Vec::new(),
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
            cell: base_name(&plan.id).to_owned(),
            repetition: plan.repetition.max(1),
            series: series_key(cell),
            host_class: host_class(plan.host.as_deref().unwrap_or(&run.record.host)),
            labels: run.record.labels.clone(),
            configuration: configuration_digest(plan),
            program: plan.program_sha256.clone(),
            build_id: plan.build_id.clone(),
            verdict: side.map_or(Verdict::Inconclusive, |side| side.verdict),
            metric: side.map_or_else(String::new, |side| side.metric.clone()),
            budget: side.and_then(budget),
            missing_shards: run.missing_shards(),
            merged: run.merged_from(),
            duration_s: plan.duration_s,
            figures: side.map(figures).unwrap_or_default(),
            outcome: match (cell.status.state, cell.status.outcome) {
                (State::Finished, Some(outcome)) => outcome.name().to_owned(),
                _ => UNFINISHED.to_owned(),
            },
            ..NightRecord::default()
        }
    }

    /// Whether it is of that cell of a run.
    #[must_use]
    pub fn is_of(&self, plan: &CellPlan) -> bool {
        (self.cell.as_str(), self.repetition) == (base_name(&plan.id), plan.repetition.max(1))
    }

    /// Notes which metrics leak by a judgement: the one that decided, and descriptors and threads,
    /// which would decide alone.
    pub fn note_leaks(&mut self, judgement: &CellJudgement) {
        let decides = |name: &str| {
            [columns::DESCRIPTORS, columns::THREADS].contains(&name) || name == judgement.metric
        };
        let leaks = (judgement.metrics.iter())
            .filter(|one| one.judgement.verdict == Verdict::Leak && decides(&one.metric));
        self.leaks = leaks.map(|one| one.metric.clone()).collect();
    }

    /// Whether it is of the same build as another night, as far as the lines tell.
    pub(super) fn is_same_build(&self, other: &Self) -> bool {
        (&self.labels, &self.program, &self.build_id)
            == (&other.labels, &other.program, &other.build_id)
    }

    /// Whether it came to its end, or to the one that it declares.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let completed = ["", Outcome::Completed.name()].contains(&self.outcome.as_str());
        self.is_good || (completed && !matches!(self.exit_code, Some(4 | 5)))
    }

    /// A figure of a night that can be held against others: what a night shows that died is of
    /// another length than theirs. Up to a memory limit, growth is what it is, and none is known more
    /// exactly than to a hundredth of its budget.
    #[must_use]
    pub fn figure(&self, figure: Figure) -> Option<Measured> {
        let is_limited = self.outcome == Outcome::MemoryLimit.name();
        let measured = self.figures.get(&figure).copied();
        let measured =
            measured.filter(|_| self.is_whole() || (is_limited && figure.is_growth()))?;
        let of_growth = self.budget.filter(|_| figure.is_growth());
        let least = of_growth.map_or(0.0, |budget| LEAST_ERROR_OF_BUDGET * budget);
        let is_known = measured.standard_error > 0.0 || measured.value.abs() < least;
        Some(Measured {
            standard_error: match is_known {
                true => measured.standard_error.max(least),
                false => 0.0,
            },
            ..measured
        })
    }

    /// The day on which it began, as its line writes it.
    #[must_use]
    pub fn day(&self) -> &str {
        self.time_utc.get(..10).unwrap_or(&self.time_utc)
    }

    /// When it began, to the minute.
    #[must_use]
    pub(super) fn time_text(&self) -> String {
        let minute = self.time_utc.get(..16).unwrap_or(&self.time_utc);
        minute.replace('T', " ")
    }

    /// How it came out, in words.
    #[must_use]
    pub(super) fn standing_text(&self) -> String {
        match self.standing.is_empty() {
            true => self.verdict.to_string(),
            false => self.standing.clone(),
        }
    }

    /// When it began, in seconds since 1970; `None` if the line does not say it.
    #[must_use]
    pub fn began_s(&self) -> Option<f64> {
        let time = Timestamp::from_str(&self.time_utc).ok()?;
        Some(time.as_second() as f64)
    }
}

/// Smallest error of a growth that knows one, as a share of its budget: a night without noise must
/// not outweigh all others, nor make rounding a change.
const LEAST_ERROR_OF_BUDGET: f64 = 0.01;

/// How a cell ended that did not.
const UNFINISHED: &str = "unfinished";

/// The budget of the growth that a line has: per operation where operations are counted.
fn budget(side: &Side) -> Option<f64> {
    match side.per_operation {
        Some(_) => side.budget_per_operation_at(side.operations_per_second),
        None => side.budget_per_hour,
    }
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
    let mut key = base_name(&plan.id).to_owned();
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
        id: base_name(&plan.id).to_owned(),
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
    /// Numbers of the lines that are left out because they are dated in the future while lines
    /// written after them are not: the clock was wrong.
    pub in_the_future: Vec<usize>,
    /// Whether the newest line is one of them: the last night is missing then.
    pub is_newest_damaged: bool,
}

/// How far in the future a night may begin: clocks differ, and a line that is dated beyond must
/// not stand for the nights until then.
const FUTURE_S: f64 = 86_400.0;

/// Whether a time in seconds since 1970 is further ahead of `now` than clocks differ.
pub(super) fn is_in_the_future(began_s: f64, now: SystemTime) -> bool {
    let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    began_s > now_s.as_secs_f64() + FUTURE_S
}

/// Reads `history.jsonl` as it is `now`. A torn, foreign or hostile line costs only itself, and so
/// does one of a wrong clock; of lines on the same repetition of a cell of a run, the last counts:
/// the run was resumed.
///
/// # Errors
///
/// The error of the operating system.
pub fn read_history(mut reader: impl BufRead, now: SystemTime) -> std::io::Result<Records> {
    let mut result = Records::default();
    let mut lines = Vec::new();
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
            Ok(record) if is_whole && is_sound(&record) => {
                result.records.push(record);
                lines.push(number);
                result.is_newest_damaged = false;
            }
            _ if text.is_empty() => {}
            _ => {
                result.damaged.push(number);
                result.is_newest_damaged = true;
            }
        }
    }
    result.leave_out_wrong_clocks(&lines, now);
    keep_last_of_each(&mut result.records);
    result
        .records
        .sort_by(|a, b| (&a.time_utc, &a.run).cmp(&(&b.time_utc, &b.run)));
    Ok(result)
}

impl Records {
    /// Leaves out what is dated in the future and was followed by a line that is not.
    fn leave_out_wrong_clocks(&mut self, lines: &[usize], now: SystemTime) {
        let is_ahead = |one: &NightRecord| {
            let began_s = one.began_s();
            began_s.is_some_and(|began_s| is_in_the_future(began_s, now))
        };
        let Some(newest) = self.records.iter().rposition(|one| !is_ahead(one)) else {
            return;
        };
        let mut place = 0;
        self.records.retain(|one| {
            let is_wrong = place < newest && is_ahead(one);
            if is_wrong {
                self.in_the_future.push(lines[place]);
            }
            place += 1;
            !is_wrong
        });
    }
}

fn keep_last_of_each(records: &mut Vec<NightRecord>) {
    let mut seen = HashSet::new();
    let mut is_last: Vec<bool> = (records.iter().rev())
        .map(|one| one.run.is_empty() || seen.insert((&one.run, &one.cell, one.repetition)))
        .collect();
    records.retain(|_| is_last.pop() == Some(true));
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
    let is_number =
        |m: &Measured| m.value.abs() <= LARGEST && (0.0..=LARGEST).contains(&m.standard_error);
    record.format <= HISTORY_FORMAT
        && !record.series.is_empty()
        && record.began_s().is_some()
        && record.figures.values().all(is_number)
        && (record.budget).is_none_or(|budget| (0.0..=LARGEST).contains(&budget))
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
        let read =
            read_history(text.as_bytes(), SystemTime::now()).expect("a reader that does not fail");
        let runs: Vec<&str> = read
            .records
            .iter()
            .map(|record| record.run.as_str())
            .collect();
        assert_eq!(runs, ["first", "second"]);
        assert_eq!(read.damaged, [2, 4, 5, 7]);
        assert!(read.is_newest_damaged);
    }

    #[test]
    fn a_line_of_a_wrong_clock_hides_nothing_that_was_written_after_it() {
        let line = |time: &str| {
            let record = NightRecord {
                run: time.to_owned(),
                time_utc: time.to_owned(),
                series: "shop".to_owned(),
                ..NightRecord::default()
            };
            serde_json::to_string(&record).expect("a line") + "\n"
        };
        let text = [
            "2026-11-01T00:00:00Z",
            "9999-12-30T00:00:00Z",
            "2026-11-02T00:00:00Z",
            "2026-11-04T00:00:00Z",
        ]
        .map(line)
        .concat();
        let read_on = |day: &str| {
            let now: Timestamp = day.parse().expect("a time");
            let read = read_history(text.as_bytes(), now.into()).expect("a history");
            (read.in_the_future, read.records.len())
        };
        assert_eq!(read_on("2026-11-03T12:00:00Z"), (vec![2], 3));
        // The newest lines may be right, and the clock that reads them wrong.
        assert_eq!(read_on("2025-01-01T00:00:00Z"), (vec![], 4));
    }

    #[test]
    fn hostile_values_and_later_formats_cost_only_their_line() {
        let line = |format: u32, time: &str, value: f64| {
            format!(
                "{{\"format\":{format},\"run\":\"{time}\",\"time_utc\":\"{time}\",\"series\":\"shop\",\
                 \"figures\":{{\"peak\":{{\"value\":{value:e}}}}}}}\n"
            )
        };
        let text = [
            line(1, "2026-11-01T00:00:00Z", 1.0),
            line(1, "2026-13-01T00:00:00Z", 1.0),
            line(2, "2026-11-02T00:00:00Z", 1.0),
            line(1, "2026-11-03T00:00:00Z", 1e308),
            line(1, "2026-11-04T00:00:00Z", 2.0),
        ];
        let read = read_history(text.concat().as_bytes(), SystemTime::now())
            .expect("a reader that does not fail");
        assert_eq!(read.damaged, [2, 3, 4]);
        assert_eq!(read.records.len(), 2);
        assert!(!read.is_newest_damaged);
    }

    #[test]
    fn of_a_run_that_was_resumed_the_later_line_counts() {
        let line = |verdict: &str| {
            format!(
                "{{\"run\":\"r\",\"cell\":\"c\",\"time_utc\":\"2026-11-01T00:00:00Z\",\
                 \"series\":\"c\",\"verdict\":\"{verdict}\"}}\n"
            )
        };
        let text = line("inconclusive") + &line("leak");
        let read =
            read_history(text.as_bytes(), SystemTime::now()).expect("a reader that does not fail");
        let verdicts: Vec<Verdict> = read.records.iter().map(|one| one.verdict).collect();
        assert_eq!(verdicts, [Verdict::Leak]);
    }

    #[test]
    fn a_night_that_died_has_no_figure_to_pool_and_one_at_its_limit_its_growth() {
        let value = Measured {
            value: 1.0,
            standard_error: 0.0,
        };
        let night = |outcome: &str, exit_code: u8| NightRecord {
            outcome: outcome.to_owned(),
            exit_code: Some(exit_code),
            is_good: exit_code == 0,
            figures: [(Figure::GrowthPerHour, value), (Figure::Peak, value)].into(),
            ..NightRecord::default()
        };
        for (outcome, exit_code, growth, peak) in [
            ("completed", 0, true, true),
            ("completed", 1, true, true),
            ("completed", 3, true, true),
            ("completed", 5, false, false),
            ("died", 5, false, false),
            ("died", 0, true, true),
            ("unfinished", 3, false, false),
            ("harness-failed", 4, false, false),
            ("memory-limit", 1, true, false),
        ] {
            let night = night(outcome, exit_code);
            let shown = [Figure::GrowthPerHour, Figure::Peak].map(|f| night.figure(f).is_some());
            assert_eq!(shown, [growth, peak], "{outcome} {exit_code}");
        }
    }

    #[test]
    fn growth_is_known_no_more_exactly_than_to_a_hundredth_of_its_budget() {
        let error = |figure: Figure, value: f64, standard_error: f64| {
            let measured = Measured {
                value,
                standard_error,
            };
            let night = NightRecord {
                outcome: "completed".to_owned(),
                is_good: true,
                budget: Some(16.0),
                figures: [(figure, measured)].into(),
                ..NightRecord::default()
            };
            night.figure(figure).map(|one| one.standard_error)
        };
        let growth = Figure::GrowthPerOperation;
        assert_eq!(error(growth, 1e-33, 1e-31), Some(0.16));
        assert_eq!(error(growth, 0.0, 0.0), Some(0.16));
        assert_eq!(error(growth, 3.0, 0.5), Some(0.5));
        // Nothing is known of how exact that is.
        assert_eq!(error(growth, 3.0, 0.0), Some(0.0));
        assert_eq!(error(Figure::Peak, 60e6, 0.0), Some(0.0));
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
