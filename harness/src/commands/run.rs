//! `leaklab run`: runs cells, records them, judges them, draws them.

use crate::commands::print;
use crate::config::{Config, Profile};
use crate::exit::{Exit, usage};
use crate::heap::HeapSource;
use crate::plan::{Common, PerCell, everything, find_scenario, select, tour};
use crate::results::judged::JudgedCell;
use crate::results::{closing_table, json_lines, junit_xml, remedies_table};
use crate::run::{RecordedRun, record_run};
use crate::supervisor::cell::CellSetup;
use crate::supervisor::signals;
use crate::time::parse_duration;
use crate::words::say;
use anyhow::Context;
use leaklab_judge::Budget;
use leaklab_judge::amount;
use leaklab_reports::chart::{ChartOptions, draw_run};
use leaklab_reports::page::{PageOptions, write_run};
use leaklab_run::write_atomically;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest load of a cell that is run until its verdict.
const DEFAULT_MAX_DURATION: Duration = Duration::from_secs(8 * 3600);

/// Time between TERM and KILL.
const DEFAULT_GRACE: Duration = Duration::from_secs(5);

/// Run scenarios or a program of your own, and judge their memory.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab run                                       a tour: a leak and its fix of each document
  leaklab run alts-timeout --duration 20s           every variant of one scenario
  leaklab run 'alts-timeout::{unpatched,cleared}'   some of them
  leaklab run alts-timeout --set payload=64KiB      with another payload
  leaklab run --duration 8h --memory-limit 2GiB -- ./my-service --port 0
                                                    a soak of your own program")]
pub struct Arguments {
    /// Scenarios (`alts-timeout`), variants (`alts-timeout::cleared`) or globs (`*::fixed*`).
    selectors: Vec<String>,
    /// Run every variant of every scenario.
    #[arg(long, conflicts_with = "selectors")]
    all: bool,
    /// A program of your own and its arguments.
    #[arg(last = true, conflicts_with_all = ["selectors", "all"])]
    command: Vec<OsString>,
    /// Length of the load of each cell [default: the scenario's own; 60s for a program].
    #[arg(long, value_parser = parse_positive, env = "LEAKLAB_DURATION")]
    duration: Option<Duration>,
    /// Length of a warm-up before it, drawn but not judged.
    #[arg(long, value_parser = parse_duration, env = "LEAKLAB_WARMUP")]
    warmup: Option<Duration>,
    /// Time after the load in which memory may come back [default: 2s].
    #[arg(long, value_parser = parse_duration, env = "LEAKLAB_DRAIN")]
    drain: Option<Duration>,
    /// Time between two samples, 1ms to 1h [default: 1s, less for a load under 100s].
    #[arg(long, value_parser = parse_interval, env = "LEAKLAB_INTERVAL")]
    interval: Option<Duration>,
    /// Operations per second [default: the scenario's own].
    #[arg(long, value_parser = parse_rate, env = "LEAKLAB_RATE")]
    rate: Option<f64>,
    /// Operations after which the load ends.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..), env = "LEAKLAB_OPERATIONS")]
    operations: Option<u64>,
    /// How often each cell is run [default: 1].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000), env = "LEAKLAB_REPEAT")]
    repeat: Option<u64>,
    /// Cells that run at the same time; more than one disturb each other [default: 1].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=256), env = "LEAKLAB_JOBS")]
    jobs: Option<u64>,
    /// Seed of everything random; each repetition adds one [default: 1].
    #[arg(long, env = "LEAKLAB_SEED")]
    seed: Option<u64>,
    /// Resident memory at which a cell is ended [default: 80 % of what is free, per job].
    #[arg(long, value_parser = parse_size, env = "LEAKLAB_MEMORY_LIMIT")]
    memory_limit: Option<u64>,
    /// Soft limit of open descriptors for each cell, 16 or more.
    #[arg(long, value_parser = clap::value_parser!(u64).range(16..), env = "LEAKLAB_DESCRIPTOR_LIMIT")]
    descriptor_limit: Option<u64>,
    /// A parameter of the scenario, as `key=value`; `leaklab list SCENARIO` shows them.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Growth that is accepted: 64KiB/h, 5MiB/d, 16B/op, 0.5%/h [default: the scenario's own].
    #[arg(long, env = "LEAKLAB_BUDGET")]
    budget: Option<String>,
    /// Folder for runs.
    #[arg(long, default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    out: PathBuf,
    /// Time between TERM and KILL when a cell is ended [default: 5s].
    #[arg(long, value_parser = parse_duration, env = "LEAKLAB_GRACE")]
    grace: Option<Duration>,
    /// How long a cell may take to say that it is ready [default: 30s; a program need not say].
    #[arg(long, value_parser = parse_duration, env = "LEAKLAB_READY_TIMEOUT")]
    ready_timeout: Option<Duration>,
    /// Stop each cell as soon as its verdict is certain, at the latest after --max-duration.
    #[arg(long, conflicts_with = "duration")]
    until_verdict: bool,
    /// Longest load with --until-verdict [default: 8h].
    #[arg(long, value_parser = parse_positive, requires = "until_verdict")]
    max_duration: Option<Duration>,
    /// File with profiles and settings [default: leaklab.toml, if there is one].
    #[arg(long, value_name = "FILE", env = "LEAKLAB_CONFIG")]
    config: Option<PathBuf>,
    /// A profile of that file.
    #[arg(long, value_name = "NAME", env = "LEAKLAB_PROFILE")]
    profile: Option<String>,
    /// What is printed at the end: a table, or a JSON object per cell.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Write a JUnit report to this file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// A variable for the cells: NAME=VALUE, or NAME to pass it on.
    #[arg(long = "env", value_name = "NAME[=VALUE]")]
    environment: Vec<String>,
    /// A gauge that the program will report, so that it has a column from the start.
    #[arg(long = "gauge", value_name = "NAME")]
    gauges: Vec<String>,
    /// Where the live heap of a program comes from: jemalloc (preloaded), mallinfo (of glibc),
    /// pipe (its own words), auto.
    #[arg(long, value_name = "SOURCE", requires = "command")]
    heap: Option<HeapSource>,
}

/// The form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Words and tables.
    Human,
    /// One JSON object per line.
    Json,
}

/// Runs what was asked for.
///
/// # Errors
///
/// A usage error for what does not exist or does not fit; otherwise what kept the run from
/// being started or recorded.
pub fn execute(arguments: Arguments) -> anyhow::Result<Exit> {
    let common = arguments.common()?;
    let runs = arguments.out.join("runs");
    let plan = |folder: &Path| arguments.cells(&common, folder);
    signals::listen().context("cannot listen for signals")?;
    let recorded = record_run(&runs, &common, &plan, arguments.until_verdict)?;
    conclude(&recorded, arguments.format, arguments.junit.as_deref())
}

impl Arguments {
    fn cells(&self, common: &Common, folder: &Path) -> anyhow::Result<Vec<CellSetup>> {
        if !self.command.is_empty() {
            return common.command_cells(&self.command, folder);
        }
        let selected = match (self.all, self.selectors.is_empty()) {
            (true, _) => everything().collect(),
            (false, true) => tour(),
            (false, false) => select(&self.selectors)?,
        };
        common.scenario_cells(&selected, folder)
    }

    fn common(&self) -> anyhow::Result<Common> {
        if let Some(budget) = &self.budget {
            let read = budget.parse::<Budget>();
            read.map_err(|error| usage(error.to_string()))?;
        }
        let environment = self
            .environment
            .iter()
            .map(|given| match given.split_once('=') {
                Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
                None => std::env::var(given)
                    .map(|value| (given.clone(), value))
                    .map_err(|_| usage(format!("`--env {given}`: it is not set here"))),
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let config = Config::read(self.config.as_deref())?;
        for entry in &config.scenario {
            if let Some((scenario, _)) = entry.name.split_once("::") {
                return Err(usage(format!(
                    "`[[scenario]]` names a whole scenario: write `{scenario}`, not `{}`",
                    entry.name
                )));
            }
            find_scenario(&entry.name)?;
        }
        let profile = match &self.profile {
            Some(name) => config.profile(name)?,
            None => Profile::default(),
        };
        let jobs = self.jobs.or(profile.jobs).unwrap_or(1);
        let memory_limit_bytes = self.memory_limit.or(profile.memory_limit).or_else(|| {
            let available = crate::host::available_bytes()?;
            Some(available / 5 * 4 / jobs)
        });
        Ok(Common {
            flags: PerCell {
                interval: self.interval,
                duration: self.duration.or_else(|| {
                    self.until_verdict
                        .then(|| self.max_duration.unwrap_or(DEFAULT_MAX_DURATION))
                }),
                warmup: self.warmup,
                drain: self.drain,
                rate: self.rate,
                operations: self.operations,
                budget: self.budget.clone(),
                settings: self.settings.clone(),
            },
            scenarios: config.scenario,
            profile: PerCell::from(&profile),
            default_budget: config.budget.default,
            repeat: self.repeat.or(profile.repeat).unwrap_or(1),
            jobs,
            seed: self.seed.or(profile.seed).unwrap_or(1),
            memory_limit_bytes,
            descriptor_limit: self.descriptor_limit,
            grace: self.grace.or(profile.grace).unwrap_or(DEFAULT_GRACE),
            ready_timeout: self.ready_timeout,
            environment,
            gauges: self.gauges.clone(),
            heap: self.heap.clone(),
        })
    }
}

/// Everything after the last cell: verdicts, charts, report, exit code. From the folder alone.
fn conclude(recorded: &RecordedRun, format: Format, junit: Option<&Path>) -> anyhow::Result<Exit> {
    let folder = &recorded.folder;
    let run = recorded.open()?;
    let judged: Vec<JudgedCell<'_>> = run.cells.iter().map(JudgedCell::as_recorded).collect();
    if let Some(path) = junit {
        write_atomically(path, junit_xml(&run, &judged)?.as_bytes())
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let mut paths = vec![("run", folder.to_owned())];
    match draw_run(&run, &folder.join("charts"), &ChartOptions::default()) {
        Ok(drawn) => {
            let pictures = drawn
                .into_iter()
                .filter(|path| path.extension() == Some("png".as_ref()));
            paths.extend(pictures.map(|path| ("chart", path)));
        }
        Err(error) => say!("no chart: {error}"),
    }
    match write_run(&run, &PageOptions::default()) {
        Ok(path) => paths.push(("report", path)),
        Err(error) => say!("no report: {error}"),
    }
    match format {
        Format::Json => print(&json_lines(&judged))?,
        Format::Human => {
            print(&format!("{}\n", closing_table(&judged)))?;
            if let Some(table) = remedies_table(&judged) {
                print(&format!("{table}\n"))?;
            }
            for (what, path) in paths {
                print(&format!("{what:8}{}\n", path.display()))?;
            }
        }
    }
    let exit = judged
        .iter()
        .fold(Exit::Good, |exit, cell| exit.or_graver(cell.exit()));
    Ok(signals::asked_by().map_or(exit, Exit::Signal))
}

fn parse_positive(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|duration| {
        let positive = (!duration.is_zero()).then_some(duration);
        positive.ok_or_else(|| "the duration must be above 0".to_owned())
    })
}

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&interval) {
        Ok(interval)
    } else {
        Err("the interval is from 1ms to 1h".to_owned())
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    amount::parse_rate(text).map_err(|error| error.to_string())
}

fn parse_size(text: &str) -> Result<u64, String> {
    match amount::parse_size(text).map_err(|error| error.to_string())? {
        0 => Err("the limit must be above 0".to_owned()),
        bytes => Ok(bytes),
    }
}
