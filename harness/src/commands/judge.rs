//! `leaklab judge`: a verdict on what was recorded, by leaklab or by anything else.

use crate::commands::sources::{Source, TableArguments, open_with_counts, parse_size};
use crate::commands::{arguments::Format, print};
use crate::exit::{Exit, usage};
use crate::results::judged::{JudgedCell, judge_all};
use crate::results::{TestSuite, cells_table, junit_xml};
use crate::text::growth_text as amount;
use crate::time::duration_text;
use crate::words::say;
use anyhow::Context;
use indicatif::ProgressBar;
use leaklab_judge::{
    Budget, CellJudgement, Explanation, Judgement, MetricJudgement, Unit, Verdict,
};
use leaklab_reports::cell::{Metric, Readings, Standing, VerdictOptions, memory_of};
use leaklab_reports::chart::terminal as sketch;
use leaklab_reports::foreign::{Table, restart_columns};
use leaklab_run::{Cell, lacks, write_atomically};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// Examples of the help.
const EXAMPLES: &str = "\
  leaklab judge leaklab-out/runs/20261121T031500Z-k3f9      a run: a line per cell
  leaklab judge RUN::alts-timeout::unpatched                one cell: every metric, explained
  leaklab judge memory.csv --time elapsed_s --value bytes --budget 200KB/h
  leaklab judge memory.csv --explain                        the way to the verdict, rule by rule
  kubectl … | leaklab judge - --time-unit ms --format json";

/// Say whether recorded memory leaks: runs, cells, or any CSV.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = restarts_told())]
pub struct Arguments {
    /// Run folders, cells (RUN::scenario::variant), CSV files, or - for standard input.
    #[arg(required = true)]
    sources: Vec<String>,
    /// Growth that is accepted: 200KB/h, 5MiB/d, 16B/op, 0.5%/h [default: the cell's own, or
    /// 0.5 % of the level ahead of the growth per hour, at least 64 KiB].
    #[arg(long)]
    budget: Option<Budget>,
    /// A level that must not be reached: its time is foretold, and a record that reaches it ends
    /// with 1: 2GiB.
    #[arg(long, value_parser = parse_size)]
    limit: Option<f64>,
    /// Explain every metric of every cell, where a run has several cells.
    #[arg(long)]
    all_metrics: bool,
    /// Tell how each verdict came about: what was prepared, found and fitted, and which rule
    /// spoke.
    #[arg(long)]
    explain: bool,
    /// Words, or a JSON object per metric and line.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Write a JUnit report of the cells, and of the series of recordings, to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    tables: TableArguments,
}

impl Arguments {
    fn verdict_options(&self) -> VerdictOptions {
        VerdictOptions {
            budget: self.budget,
            limit_bytes: self.limit,
        }
    }
}

/// The end of the long help: examples, and the columns by which restarts are known.
fn restarts_told() -> String {
    let mut text = format!(
        "{EXAMPLES}\n\nA program of a table was started anew where a column beside its memory says so:\n"
    );
    for (when, names) in restart_columns() {
        let _ = writeln!(text, "  {when}:\n    {}", names.join(", "));
    }
    text.push_str("--restarts COLUMN names another, --restarts none says that it ran throughout.");
    text
}

/// One metric with what is needed to show it.
struct Shown {
    file: String,
    /// Which of several series of the file it is; empty for the only one.
    series: String,
    metric: String,
    unit: Unit,
    judgement: Judgement,
    time_s: Vec<f64>,
    value: Vec<f64>,
    /// What was put up with when it was read.
    notes: Vec<String>,
    /// Seconds after which the limit that was given is reached within the record.
    limit_reached_s: Option<f64>,
    /// How the verdict came about, where that was asked for.
    explanation: Option<Explanation>,
    /// Whether it counts things beside the memory.
    is_beside: bool,
    /// Whether part of it may be caches that the kernel gives back.
    holds_caches: bool,
    /// Whether it is what is left of something.
    is_left: bool,
}

impl Shown {
    /// Whether it grows beside the memory and need not be a leak of the program.
    fn is_growth_of_others(&self) -> bool {
        let judgement = &self.judgement;
        let least = judgement.slope_low_bytes_per_hour.unwrap_or(0.0);
        // What is left of swap says nothing of the level that a share of it would be a budget of.
        let is_open = judgement.verdict == Verdict::Inconclusive && self.is_left && least > 0.0;
        self.holds_caches && (judgement.verdict == Verdict::Leak || is_open)
    }
}

/// What growth of the swap that is taken means.
const FILLING_SWAP: &str = "swap fills up, with memory of this program or of another: what it has there itself (VmSwap of /proc/PID/status, memory.swap.current) would tell";

/// What growth of the kernel's memory means.
const GROWING_KERNEL: &str = "the kernel's objects or shared memory leak, or these are caches that it gives back when memory is needed: what of them cannot be reclaimed (SUnreclaim, Shmem) would tell";

/// Judges every source; the gravest result is the exit code.
///
/// # Errors
///
/// A usage error for a source that cannot be read.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut exit = Exit::Good;
    let mut suites = Vec::new();
    for name in &arguments.sources {
        match open_with_counts(name, &arguments.tables)? {
            Source::Tables(tables) => {
                let (of_tables, suite) = judge_tables(name, tables, arguments)?;
                exit = exit.or_graver(of_tables);
                suites.push(suite);
            }
            Source::Cells {
                cells,
                missing_shards,
            } => {
                let (of_cells, suite) = judge_cells(name, &cells, &missing_shards, arguments)?;
                exit = exit.or_graver(of_cells);
                suites.push(suite);
            }
        }
    }
    if let Some(path) = &arguments.junit {
        write_atomically(path, junit_xml(&suites).as_bytes())
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(exit)
}

/// Judges each series of a recording. In words, several series are a line each.
fn judge_tables(
    name: &str,
    tables: Vec<Table>,
    arguments: &Arguments,
) -> anyhow::Result<(Exit, TestSuite)> {
    let mut suite = TestSuite::new(name);
    let in_short = arguments.format == Format::Human && tables.len() > 1 && !arguments.all_metrics;
    let mut exit = Exit::Good;
    let mut counts = [0_u64; 3];
    let mut beside = Beside::default();
    for table in tables {
        for (mut shown, mut of_metric) in judge_table(name, table, arguments)? {
            if shown.is_beside {
                if shown.judgement.verdict != Verdict::Leak && !shown.is_growth_of_others() {
                    beside.add(&shown);
                    continue;
                }
                let words = match (shown.holds_caches, shown.is_left) {
                    (true, true) => FILLING_SWAP,
                    (true, false) => GROWING_KERNEL,
                    (false, _) => "a count that grows without end is a leak in its own right",
                };
                let verb = if shown.holds_caches { "grows" } else { "leaks" };
                say!(
                    "note: {name}: `{}` {verb} beside the memory: {words}",
                    shown.metric
                );
                shown.notes.push(words.to_owned());
                if shown.holds_caches {
                    shown.judgement.leave_open(words);
                    of_metric = Exit::Inconclusive;
                }
            }
            exit = exit.or_graver(of_metric);
            let limit = (shown.limit_reached_s)
                .map_or_else(String::new, |s| format!("the limit is {}", limit_text(s)));
            let case = [&shown.series[..], &shown.metric].join(" ");
            suite.add_series(case.trim(), of_metric, &shown.judgement, &limit);
            counts[shown.judgement.verdict as usize] += 1;
            match in_short {
                true => print(&line(&shown))?,
                false => show(&shown, arguments.format)?,
            }
        }
    }
    beside.say(name);
    if in_short {
        let [leak, none, open] = counts;
        print(&format!(
            "{name}: {leak} leak, {none} no-leak, {open} inconclusive; --all-metrics explains each\n"
        ))?;
    }
    Ok((exit, suite))
}

/// Counts beside the memory that do not leak, by what is said of them.
#[derive(Default)]
struct Beside {
    level: BTreeSet<String>,
    open: BTreeSet<String>,
}

impl Beside {
    fn add(&mut self, shown: &Shown) {
        let of = match shown.judgement.verdict {
            Verdict::NoLeak => &mut self.level,
            _ => &mut self.open,
        };
        of.insert(shown.metric.clone());
    }

    /// One line each; they do not change the exit code.
    fn say(&self, name: &str) {
        let list = |names: &BTreeSet<String>| {
            let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            quoted.join(", ")
        };
        let level: BTreeSet<String> = self.level.difference(&self.open).cloned().collect();
        if !self.open.is_empty() {
            say!(
                "note: {name}: beside the memory {} may grow or not (--value NAME judges one; that is not counted in the exit code)",
                list(&self.open)
            );
        }
        if !level.is_empty() {
            say!(
                "note: {name}: beside the memory {} {} level",
                list(&level),
                if level.len() == 1 { "stands" } else { "stand" }
            );
        }
    }
}

/// One series in one line: verdict, growth, name.
fn line(shown: &Shown) -> String {
    let growth = shown.judgement.slope_bytes_per_hour;
    let growth = growth.map_or_else(String::new, |slope| amount(slope, shown.unit) + " per hour");
    let limit = shown.limit_reached_s.map(limit_text);
    let limit = limit.map_or_else(String::new, |text| format!("  limit {text}"));
    format!(
        "{:<13} {growth:>20}  {}  {}{limit}\n",
        shown.judgement.verdict, shown.series, shown.metric
    )
}

/// Judges each metric of a table.
fn judge_table(
    name: &str,
    table: Table,
    arguments: &Arguments,
) -> anyhow::Result<Vec<(Shown, Exit)>> {
    let metrics: Vec<(String, Vec<String>, [bool; 3])> = table
        .metrics
        .iter()
        .map(|metric| {
            (
                metric.name.clone(),
                table.notes_of(&metric.name),
                [
                    metric.is_beside,
                    metric.holds_caches,
                    metric.turned_about.is_some() || metric.is_less_what_is_left,
                ],
            )
        })
        .collect();
    let series = table.name.clone();
    let of_series = match series.as_str() {
        "" => String::new(),
        which => format!(" of {which}"),
    };
    let readings = Readings::of_foreign(table, &arguments.verdict_options())
        .map_err(|words| usage(format!("`{name}`{of_series}: {words}")))?;
    let judged = metrics
        .into_iter()
        .map(|(metric, notes, [is_beside, holds_caches, is_left])| {
            let mut judged = readings.judge_alone(&metric).map_err(|error| {
                usage(format!("`{name}`, column `{metric}`{of_series}: {error}"))
            })?;
            let limit = arguments.limit.filter(|_| !is_beside);
            let limit_reached_s = reaches_limit(&readings, &metric, limit);
            let exit =
                Exit::from(Standing::of_verdict(&judged)).or_graver(of_limit(limit_reached_s));
            let judgement = judged.metrics.swap_remove(0).judgement;
            let value = readings.table().column(&metric).unwrap_or_default();
            let shown = Shown {
                file: name.to_owned(),
                series: series.clone(),
                unit: readings.metric(&metric).unit.judged(),
                judgement,
                time_s: readings.time_s().to_vec(),
                value: value.to_vec(),
                explanation: (arguments.explain)
                    .then(|| readings.explain(&metric))
                    .flatten(),
                metric,
                notes,
                limit_reached_s,
                is_beside,
                holds_caches,
                is_left,
            };
            Ok((shown, exit))
        });
    judged.collect()
}

/// Seconds after which a column reaches the limit that was given; `None` where it does not.
fn reaches_limit(readings: &Readings, column: &str, limit: Option<f64>) -> Option<f64> {
    let limit = readings.options(column).limit.filter(|_| limit.is_some())?;
    let series = readings.series(column)?;
    let place = series.value.iter().position(|value| *value >= limit)?;
    series.time_s.get(place).map(|time| time.max(0.0))
}

/// What a limit that was reached makes of the exit code: who gave it requires it.
fn of_limit(reached_s: Option<f64>) -> Exit {
    match reached_s {
        Some(_) => Exit::Bad,
        None => Exit::Good,
    }
}

/// That a limit is reached, in words.
fn limit_text(reached_s: f64) -> String {
    match reached_s > 0.0 {
        true => format!("reached after {}, within the record", seconds(reached_s)),
        false => "reached from the first reading on".to_owned(),
    }
}

/// Judges the cells of a run. In words, several cells are a line each.
fn judge_cells(
    name: &str,
    cells: &[Cell],
    missing_shards: &[String],
    arguments: &Arguments,
) -> anyhow::Result<(Exit, TestSuite)> {
    let mut suite = TestSuite::new(name);
    let options = arguments.verdict_options();
    let in_detail = arguments.all_metrics || arguments.explain;
    let in_short = arguments.format == Format::Human && cells.len() > 1 && !in_detail;
    let progress = progress_bar(cells.len());
    let mut exit = Exit::Good;
    let mut all = Vec::new();
    judge_all(cells, &options, |judged| -> anyhow::Result<()> {
        progress.inc(1);
        exit = exit.or_graver(judged.exit());
        suite.add(&judged);
        if let Some((column, reached_s)) = cell_at_limit(judged.cell, arguments) {
            exit = exit.or_graver(Exit::Bad);
            let id = &judged.cell.plan.id;
            say!("{id}: the limit is {} by {column}", limit_text(reached_s));
        }
        if let Some(words) = judged.cut_short() {
            say!("note: {words}");
        }
        for words in &judged.damage {
            say!("note: {}: {words}", judged.cell.plan.id);
        }
        if in_short {
            all.push(judged);
            return Ok(());
        }
        progress.suspend(|| show_cell(&judged, arguments))
    })?;
    progress.finish_and_clear();
    if cells.is_empty() {
        say!("`{name}` has no cell: nothing was judged");
        exit = exit.or_graver(Exit::Inconclusive);
    }
    if let Some(lacks) = lacks(missing_shards) {
        let words = format!("`{name}`: {lacks}");
        say!("{words}; exit code 3 at the least");
        suite.add_finding(
            &format!("shard {}", missing_shards.join(", ")),
            false,
            &words,
        );
        exit = exit.or_graver(Exit::Inconclusive);
    }
    if in_short {
        print(&cells_table(&all))?;
    }
    Ok((exit, suite))
}

/// The memory of a cell that reaches the limit, where one was given, and when it does.
fn cell_at_limit(cell: &Cell, arguments: &Arguments) -> Option<(String, f64)> {
    arguments.limit?;
    let readings = Readings::of_cell(cell, &arguments.verdict_options(), |_| false).ok()?;
    let (column, _) = memory_of(readings.table())?;
    let reached_s = reaches_limit(&readings, column, arguments.limit)?;
    Some((column.to_owned(), reached_s))
}

/// A bar on a terminal, for runs that take a while; nothing elsewhere.
fn progress_bar(cells: usize) -> ProgressBar {
    const FEW: usize = 100;
    if cells < FEW || !std::io::stderr().is_terminal() || std::env::var_os("CI").is_some() {
        return ProgressBar::hidden();
    }
    ProgressBar::new(cells as u64)
}

/// Every metric of a cell.
fn show_cell(judged: &JudgedCell<'_>, arguments: &Arguments) -> anyhow::Result<()> {
    let (cell, format) = (judged.cell, arguments.format);
    let file = cell.folder.join("samples.csv").display().to_string();
    let judgement = match &judged.judgement {
        Ok(judgement) => judgement,
        Err(error) => {
            say!("note: {file}: {error}");
            return Ok(());
        }
    };
    let with_sketch = format == Format::Human && std::io::stdout().is_terminal();
    // Only the sketch and the explanation need the readings again.
    let readings = (with_sketch || arguments.explain)
        .then(|| Readings::of_cell(cell, &arguments.verdict_options(), |_| false).ok())
        .flatten();
    if format == Format::Human {
        print(&heading(judged, judgement))?;
    }
    for MetricJudgement { metric, judgement } in &judgement.metrics {
        let value = |readings: &Readings| readings.table().column(metric).map(<[f64]>::to_vec);
        let readings = readings.as_ref();
        let shown = Shown {
            file: file.clone(),
            series: String::new(),
            metric: metric.clone(),
            unit: Metric::named(metric).unit.judged(),
            judgement: judgement.clone(),
            time_s: readings.map_or_else(Vec::new, |readings| readings.time_s().to_vec()),
            value: readings.and_then(value).unwrap_or_default(),
            notes: Vec::new(),
            limit_reached_s: None,
            explanation: readings
                .filter(|_| arguments.explain)
                .and_then(|readings| readings.explain(metric)),
            is_beside: false,
            holds_caches: false,
            is_left: false,
        };
        show(&shown, format)?;
    }
    Ok(())
}

/// The verdict of a cell, and why, where more than its metric decided.
fn heading(judged: &JudgedCell<'_>, judgement: &CellJudgement) -> String {
    let expected = match (judged.is_as_expected(), judged.does_as_declared()) {
        (Some(true), Some(true)) => ", as expected",
        (Some(false), _) => ", which is not the verdict it declares",
        _ => "",
    };
    let id = &judged.cell.plan.id;
    let mut text = format!("{id}: {}{expected}\n", judged.verdict_text());
    let decided = judgement.deciding().map(|deciding| &deciding.reason);
    if decided.is_none_or(|reason| !judgement.reason.ends_with(reason.as_str())) {
        let _ = writeln!(text, "  {}", judgement.reason);
    }
    text
}

fn show(shown: &Shown, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => print(&format!("{}\n", json(shown)?))?,
        Format::Human => print(&explained(shown, std::io::stdout().is_terminal()))?,
    }
    Ok(())
}

/// One object, flat: file and metric before what the judge says.
fn json(shown: &Shown) -> anyhow::Result<serde_json::Value> {
    let mut object = serde_json::Map::new();
    object.insert("file".to_owned(), shown.file.clone().into());
    if !shown.series.is_empty() {
        object.insert("series".to_owned(), shown.series.clone().into());
    }
    object.insert("metric".to_owned(), shown.metric.clone().into());
    if let serde_json::Value::Object(judgement) = serde_json::to_value(&shown.judgement)? {
        object.extend(judgement);
    }
    if let Some(reached_s) = shown.limit_reached_s {
        object.insert("limit_reached_s".to_owned(), reached_s.into());
    }
    object.insert("notes".to_owned(), shown.notes.clone().into());
    if let Some(explanation) = &shown.explanation {
        object.insert("explanation".to_owned(), serde_json::to_value(explanation)?);
    }
    Ok(object.into())
}

fn explained(shown: &Shown, with_sketch: bool) -> String {
    let Shown {
        file,
        metric,
        judgement,
        unit,
        ..
    } = shown;
    let unit = *unit;
    let of_series = match shown.series.as_str() {
        "" => String::new(),
        which => format!(" of {which}"),
    };
    let mut text = format!(
        "{file}: {metric}{of_series}\n  {}, {}",
        judgement.verdict, judgement.shape
    );
    if let Some(kind) = judgement.kind {
        let _ = write!(text, ", {kind}");
    }
    text.push('\n');
    if with_sketch {
        text.push_str(&sketched(shown));
    }
    let limit = shown
        .limit_reached_s
        .map(|reached_s| ("limit", limit_text(reached_s)));
    for (name, words) in figures(judgement, unit).into_iter().chain(limit) {
        let _ = writeln!(text, "  {name:<11} {words}");
    }
    for step in shown.explanation.iter().flat_map(|way| &way.notes) {
        let _ = writeln!(text, "  {step}");
    }
    for note in &shown.notes {
        let _ = writeln!(text, "  {:<11} {note}", "note");
    }
    let _ = writeln!(text, "  {}\n", judgement.reason);
    text
}

/// The smallest growth that would have shown. Readings without noise hide none: their figure
/// is a remainder of rounding, which nobody can use.
fn resolution_text(per_hour: f64, unit: Unit) -> String {
    const LEAST: f64 = 0.01;
    if per_hour < LEAST {
        let least = amount(LEAST, unit);
        return format!("below {least} per hour: the readings have no noise to hide growth");
    }
    format!("{} per hour would have shown", amount(per_hour, unit))
}

fn seconds(value: f64) -> String {
    // Beyond ten thousand years nobody waits.
    duration_text(Duration::try_from_secs_f64(value.clamp(0.0, 3e11)).unwrap_or_default())
}

/// The figures, a line each.
fn figures(judgement: &Judgement, unit: Unit) -> Vec<(&'static str, String)> {
    let amount = |value: f64| amount(value, unit);
    let mut lines = Vec::new();
    let growth = [
        (
            judgement.slope_bytes_per_hour,
            judgement.slope_low_bytes_per_hour,
            judgement.slope_high_bytes_per_hour,
            "hour",
        ),
        (
            judgement.slope_bytes_per_op,
            judgement.slope_low_bytes_per_op,
            judgement.slope_high_bytes_per_op,
            "operation",
        ),
    ];
    for (slope, low, high, per) in growth {
        if let (Some(slope), Some(low), Some(high)) = (slope, low, high) {
            let interval = format!(
                "{:.0} % interval {} to {}",
                100.0 * judgement.confidence,
                amount(low),
                amount(high)
            );
            lines.push((
                "growth",
                format!("{} per {per} ({interval})", amount(slope)),
            ));
        }
    }
    let budget = match (
        judgement.budget_bytes_per_hour,
        judgement.budget_bytes_per_op,
    ) {
        (Some(hour), Some(op)) => {
            format!("{} per hour, {} per operation", amount(hour), amount(op))
        }
        (Some(hour), None) => format!("{} per hour", amount(hour)),
        (None, Some(op)) => format!("{} per operation", amount(op)),
        (None, None) => "none".to_owned(),
    };
    lines.push(("budget", budget));
    if let Some(resolution) = judgement.resolution_bytes_per_hour {
        lines.push(("resolution", resolution_text(resolution, unit)));
    }
    if let (Some(settled), Some(level)) = (judgement.settled_after_s, judgement.level) {
        lines.push((
            "settled",
            format!("after {}, at {}", seconds(settled), amount(level)),
        ));
    }
    if let Some(needs) = judgement.needs_s {
        lines.push(("needs", format!("about {} more", seconds(needs))));
    }
    if let Some(left) = judgement.time_to_limit_s {
        lines.push((
            "limit",
            format!("reached in {} at this rate", seconds(left)),
        ));
    }
    lines
}

/// The series as a field of dots with the fitted part bracketed below.
fn sketched(shown: &Shown) -> String {
    const WIDTH: usize = 64;
    let Some(frame) = sketch::Frame::around(&shown.value) else {
        return String::new();
    };
    let mut text = String::new();
    for line in sketch::braille(&shown.time_s, &shown.value, WIDTH, 6, frame) {
        let _ = writeln!(text, "  {line}");
    }
    if let (Some(fitted), Some(first), Some(last)) = (
        shown.judgement.fitted,
        shown.time_s.first(),
        shown.time_s.last(),
    ) {
        let share = |time: f64| (time - first) / (last - first);
        let bracket = sketch::bracket(WIDTH, share(fitted.start_s), share(fitted.end_s));
        let _ = writeln!(text, "  {bracket} fitted");
    }
    text
}
