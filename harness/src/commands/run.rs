//! `leaklab run`: runs cells, records them, judges them, draws them.

use crate::acknowledged::acknowledgements;
use crate::commands::arguments::{Format, parse_positive};
use crate::commands::r#where::{answer_text, classes_text};
use crate::commands::{detach, print};
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::nights;
use crate::plan::{
    AttachTo, CellSettings, RunSettings, Selected, attached_cells, command_cells, everything,
    prepare, scenario_cells, select, shown_settings, tour,
};
use crate::results::judged::JudgedCell;
use crate::results::{
    OnInconclusive, TestSuite, closing_table, costs_table, github, json_lines, junit_xml,
};
use crate::run::{RecordedRun, record_run, resume_run};
use crate::shard::Shard;
use crate::supervisor::signals;
use crate::text::Glob;
use crate::words::say;
use anyhow::Context;
use leaklab_reports::chart::{ChartOptions, draw_run};
use leaklab_reports::classes::read_classes;
use leaklab_reports::history::{NightRecord, Tolerance, openmetrics};
use leaklab_reports::page::{PageOptions, write_run};
use leaklab_run::{Run, write_atomically};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest load of a cell that is run until its verdict.
pub const DEFAULT_MAX_DURATION: Duration = Duration::from_secs(8 * 3600);

/// Run scenarios or a program of your own, and judge their memory.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab run                                       a tour: a leak and its fix of each document
  leaklab run alts-timeout --duration 20s           every variant of one scenario
  leaklab run 'alts-timeout::{unpatched,cleared}'   some of them
  leaklab run --duration 8h --memory-limit 2GiB -- ./my-service --port 0
                                                    a soak of your own program")]
pub struct Arguments {
    /// Scenarios `alts-timeout`, variants `alts-timeout::cleared`, globs `*::fixed*`.
    selectors: Vec<String>,
    /// Run every variant of every scenario.
    #[arg(long, conflicts_with = "selectors")]
    all: bool,
    /// A program of your own and its arguments.
    #[arg(last = true, conflicts_with_all = ["selectors", "all"])]
    command: Vec<OsString>,
    /// What runs already: read, never stopped (also --cgroup, --container).
    #[arg(long, conflicts_with_all = ["selectors", "all", "command"], help_heading = "A program of your own", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
    /// A control group, by name (shop.service) or path: its processes, read and never stopped.
    ///
    /// Judged by what the kernel charges it for as anonymous and shared memory; page cache is
    /// left out. Version 1 and 2.
    #[arg(long, value_name = "GROUP", conflicts_with_all = ["selectors", "all", "command", "pid"], help_heading = "A program of your own", hide_short_help = true)]
    cgroup: Option<String>,
    /// A container, by its id: as --cgroup with the group that the runtime made for it.
    #[arg(long, value_name = "ID", conflicts_with_all = ["selectors", "all", "command", "pid", "cgroup"], help_heading = "A program of your own", hide_short_help = true)]
    container: Option<String>,
    /// What a program is called everywhere [default: its file's name].
    ///
    /// In tables, charts and JUnit: a word, or `scenario::variant`.
    #[arg(long, value_parser = parse_name, conflicts_with_all = ["selectors", "all"])]
    name: Option<String>,
    #[command(flatten)]
    cell: CellSettings,
    /// Stop each cell as soon as its verdict is certain.
    ///
    /// At the latest after --max-duration.
    #[arg(long, conflicts_with = "duration", help_heading = "Judging")]
    until_verdict: bool,
    /// Longest load with --until-verdict [default: 8h].
    #[arg(long, value_parser = parse_positive, requires = "until_verdict", help_heading = "Judging", hide_short_help = true)]
    max_duration: Option<Duration>,
    /// How often each cell is run [default: 1].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000), env = "LEAKLAB_REPEAT", help_heading = "Work")]
    repeat: Option<u64>,
    /// Cells at the same time; they disturb each other [default: 1].
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=256), env = "LEAKLAB_JOBS", help_heading = "Work")]
    jobs: Option<u64>,
    /// Seed of everything random; each repetition adds one [default: 1].
    #[arg(
        long,
        env = "LEAKLAB_SEED",
        help_heading = "Work",
        hide_short_help = true
    )]
    seed: Option<u64>,
    /// Profiles, settings, scenarios [default: leaklab.toml, if there is one].
    #[arg(
        long,
        value_name = "FILE",
        env = "LEAKLAB_CONFIG",
        help_heading = "Files"
    )]
    config: Option<PathBuf>,
    /// A profile of that file.
    #[arg(
        long,
        value_name = "NAME",
        env = "LEAKLAB_PROFILE",
        help_heading = "Files"
    )]
    profile: Option<String>,
    /// Print every setting and where its value comes from, and run nothing.
    #[arg(long, help_heading = "Files")]
    show_settings: bool,
    /// Folder for runs.
    #[arg(
        long,
        default_value = "leaklab-out",
        env = "LEAKLAB_OUT",
        help_heading = "Files"
    )]
    out: PathBuf,
    /// Form of the results.
    ///
    /// A table and the paths of pictures and report, or a JSON object per cell.
    #[arg(long, value_enum, default_value_t = Format::Human, help_heading = "Files")]
    format: Format,
    /// Write a JUnit report to this file.
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    junit: Option<PathBuf>,
    /// Write the figures as OpenMetrics text to this file (GitLab's metrics report reads it).
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Files",
        hide_short_help = true
    )]
    openmetrics: Option<PathBuf>,
    /// Leave words that match this pattern (`*` for any characters) out of the record and the
    /// report, beside what looks like a secret; may be given again.
    #[arg(
        long,
        value_name = "PATTERN",
        help_heading = "Files",
        hide_short_help = true
    )]
    redact: Vec<String>,
    /// Install nothing: a scenario whose packages are not there yet is left out.
    #[arg(
        long,
        env = "LEAKLAB_OFFLINE",
        value_parser = clap::builder::FalseyValueParser::new(),
        help_heading = "Files",
        hide_short_help = true
    )]
    offline: bool,
    /// Run in the background; `leaklab watch` shows it, `leaklab stop` ends it.
    #[arg(long, help_heading = "Files")]
    detach: bool,
    /// What the run is of, for its history: commit=a1b2c3. May be repeated.
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = crate::nights::parse_label, help_heading = "Files")]
    labels: Vec<(String, String)>,
    /// Class of machines that this one belongs to, for its history [default: processor, cores, memory].
    #[arg(
        long,
        value_name = "NAME",
        value_parser = crate::nights::parse_host_class,
        env = "LEAKLAB_HOST_CLASS",
        help_heading = "Files",
        hide_short_help = true
    )]
    host_class: Option<String>,
    /// Run only a part of the cells: 2/5, auto or auto/5; `leaklab merge` makes the parts one run.
    ///
    /// auto takes it from SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT, auto/5 also from
    /// JOB_COMPLETION_INDEX.
    #[arg(long, value_name = "K/N", value_parser = Shard::parse, help_heading = "Work", hide_short_help = true)]
    shard: Option<Shard>,
    /// Hold the run against its history, and run it again if that shows something worse.
    ///
    /// What the second run confirms, and nobody has accepted in leaklab.ack.toml, is exit code 1.
    #[arg(long, help_heading = "Judging", hide_short_help = true)]
    confirm: bool,
    /// What is accepted: rates, levels, quarantine [default: leaklab.ack.toml, if there is one].
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Files",
        hide_short_help = true
    )]
    ack: Option<PathBuf>,
    /// What a cell that is not decided is in the JUnit report: pass, skip or fail.
    #[arg(
        long,
        value_enum,
        default_value_t,
        help_heading = "Files",
        hide_short_help = true
    )]
    on_inconclusive: OnInconclusive,
}

/// What a run would do.
pub struct Planned {
    /// Its cells.
    pub cells: u64,
    /// How long each takes at the least; `None` where each scenario has its own time, or a verdict
    /// ends it.
    pub least_of_cell: Option<Duration>,
}

/// Runs what was asked for.
///
/// # Errors
///
/// A usage error for what does not exist or does not fit; otherwise what kept the run from
/// being started or recorded.
pub fn execute(arguments: Arguments) -> anyhow::Result<Exit> {
    execute_in(arguments, None)
}

/// As [`execute`]; with `resumed`, the cells of that run which are left.
///
/// # Errors
///
/// As for [`execute`].
pub fn execute_in(arguments: Arguments, resumed: Option<&Run>) -> anyhow::Result<Exit> {
    if arguments.detach && !detach::is_detached() {
        return detach::start(&arguments.out);
    }
    let config = arguments.config()?;
    if arguments.show_settings {
        let (selected, _) = arguments.selected(&config)?;
        let settings = arguments.settings(&config)?;
        let profile = arguments.profile.as_deref();
        print(&shown_settings(&settings, &selected, profile))?;
        return Ok(Exit::Good);
    }
    let tolerance = Tolerance {
        acknowledged: acknowledgements(arguments.ack.as_deref())?,
        budgets: config.harm.clone(),
    };
    let recorded = arguments.recorded(&config, resumed)?;
    let (exit, mut suites) = arguments.conclude(&recorded, &tolerance)?;
    let mut exit = exit.or_graver(arguments.report_junit(&suites));
    if !arguments.confirm || signals::asked_by().is_some() {
        return Ok(exit);
    }
    let history = nights::history_file(&arguments.out);
    let alarms = |recorded: &RecordedRun| {
        let name = recorded.folder.file_name().unwrap_or_default();
        nights::alarms_of(&name.to_string_lossy(), &history, &tolerance)
    };
    let mut found = alarms(&recorded)?;
    if !found.suspected.is_empty() {
        say!("run again, to confirm:\n{}", found.suspected.join("\n"));
        let again = arguments.recorded(&config, None)?;
        let (of_again, suite) = arguments.conclude(&again, &tolerance)?;
        exit = exit.or_graver(of_again);
        suites.extend(suite);
        let before = std::mem::take(&mut found.suspected);
        found = alarms(&again)?;
        if found.confirmed.is_empty() && found.suspected.is_empty() {
            say!("the second run did not show it:\n{}", before.join("\n"));
        }
    }
    for alarm in &found.confirmed {
        print(&format!("worse: {alarm}\n"))?;
    }
    for alarm in &found.suspected {
        print(&format!("perhaps worse: {alarm}\n"))?;
    }
    // What gates is in the report, too.
    suites.push(found.suite(arguments.on_inconclusive));
    Ok(exit
        .or_graver(found.exit())
        .or_graver(arguments.report_junit(&suites)))
}

/// Runs what was asked for, to the end of the last cell.
///
/// # Errors
///
/// As for [`execute`].
pub fn record(arguments: &Arguments) -> anyhow::Result<RecordedRun> {
    arguments.recorded(&arguments.config()?, None)
}

impl Arguments {
    /// What the files say, with the reported leaks that are asked for.
    fn config(&self) -> anyhow::Result<Config> {
        Config::read(self.config.as_deref())?.with_reported_for(&self.selectors)
    }

    /// Prepares and runs the cells; with `resumed`, those of that run which are left.
    fn recorded(&self, config: &Config, resumed: Option<&Run>) -> anyhow::Result<RecordedRun> {
        let settings = self.settings(config)?;
        let runs = self.out.join("runs");
        let (mut selected, named) = self.selected(config)?;
        let prepared = prepare(&mut selected, named, self.offline)?;
        let attach = self.attach_to();
        let whole = |folder: &Path| match &attach {
            Some(to) => attached_cells(&settings, to, folder),
            None if self.command.is_empty() => {
                scenario_cells(&settings, &selected, &prepared.versions, folder)
            }
            None => command_cells(&settings, &self.command, folder),
        };
        let plan = |folder: &Path| {
            let mut cells = whole(folder)?;
            if let Some(shard) = self.shard {
                shard.keep(&mut cells);
            }
            Ok(cells)
        };
        for path in self.junit.iter().chain(&self.openmetrics) {
            probe_writable(path)?;
        }
        signals::listen().context("cannot listen for signals")?;
        match resumed {
            Some(run) => resume_run(run, &settings, &plan, self.until_verdict),
            None => record_run(&runs, &settings, &plan, self.until_verdict),
        }
    }

    /// How many cells this would run, and how long each takes at the least.
    ///
    /// # Errors
    ///
    /// A usage error for what does not exist or does not fit.
    pub fn planned(&self) -> anyhow::Result<Planned> {
        let config = self.config()?;
        let settings = self.settings(&config)?;
        let (selected, _) = self.selected(&config)?;
        let variants = match self.command.is_empty() && self.attach_to().is_none() {
            true => selected.len() as u64,
            false => 1,
        };
        let own = |of: fn(&CellSettings) -> Option<Duration>| {
            of(&settings.flags).or_else(|| of(&settings.profile))
        };
        let least_of_cell = own(|cell| cell.duration).filter(|_| !self.until_verdict);
        let beside = own(|cell| cell.warmup).unwrap_or_default();
        Ok(Planned {
            cells: variants * settings.repeat,
            least_of_cell: least_of_cell.map(|duration| duration + beside),
        })
    }

    /// What runs already and is to be watched, if that was asked for.
    fn attach_to(&self) -> Option<AttachTo> {
        let process = self.pid.map(AttachTo::Process);
        let group = || self.cgroup.clone().map(AttachTo::Group);
        let container = || self.container.clone().map(AttachTo::Container);
        process.or_else(group).or_else(container)
    }

    /// The variants that will run, and whether each was named rather than matched.
    fn selected<'a>(&self, config: &'a Config) -> anyhow::Result<(Vec<Selected<'a>>, bool)> {
        if !self.command.is_empty() || self.attach_to().is_some() {
            return Ok((Vec::new(), true));
        }
        let named = !self.all && !self.selectors.iter().any(|one| Glob::is_pattern(one));
        let selected = match (self.all, self.selectors.is_empty()) {
            (true, _) => everything(&config.scenarios),
            (false, true) => tour(),
            (false, false) => select(&self.selectors, &config.scenarios)?,
        };
        Ok((selected, named))
    }

    /// Flags over profile and files.
    fn settings(&self, config: &Config) -> anyhow::Result<RunSettings> {
        let profile = config.profile_or_default(self.profile.as_deref())?;
        let jobs = self.jobs.or(profile.jobs).unwrap_or(1);
        let mut flags = self.cell.clone();
        if self.until_verdict {
            flags.duration = Some(self.max_duration.unwrap_or(DEFAULT_MAX_DURATION));
        }
        if self.command.is_empty() && self.attach_to().is_none() {
            for (is_set, flag) in [
                (self.name.is_some(), "--name"),
                (flags.env_clear, "--env-clear"),
            ] {
                if is_set {
                    return Err(usage(format!("`{flag}` is for a program behind `--`")));
                }
            }
        }
        Ok(RunSettings {
            flags,
            profile: profile.cell,
            tuned: config.tuned.clone(),
            rules: config.rules.clone(),
            default_budget: config.default_budget,
            default_memory_limit: crate::host::default_memory_limit_bytes(jobs),
            repeat: self.repeat.or(profile.repeat).unwrap_or(1),
            jobs,
            seed: self.seed.or(profile.seed).unwrap_or(1),
            name: self.name.clone(),
            redact: self.redact.clone(),
            labels: self.labels.iter().cloned().collect(),
            host_class: self.host_class.clone(),
            facts: (self.shard.iter())
                .map(|shard| ("shard".to_owned(), shard.to_string().into()))
                .collect(),
        })
    }
}

impl Arguments {
    /// Everything after the last cell: verdicts, charts, report, exit code. From the folder alone.
    fn conclude(
        &self,
        recorded: &RecordedRun,
        tolerance: &Tolerance,
    ) -> anyhow::Result<(Exit, Vec<TestSuite>)> {
        let folder = &recorded.folder;
        let run = recorded.open()?;
        for cell in &run.cells {
            if let Err(error) = crate::attribution::keep_answer(cell) {
                say!("no stacks of {}: {error}", cell.plan.id);
            }
        }
        let judged: Vec<JudgedCell<'_>> = run.cells.iter().map(JudgedCell::as_recorded).collect();
        // What cannot be written does not cost the others; it is told by the exit code.
        let mut exit = Exit::Good;
        let lines = nights::records_of(&run, &judged);
        let accepted = |one: &JudgedCell<'_>| acceptance(one, &lines, tolerance);
        let suite = TestSuite::of(&run.record.id, &judged, self.on_inconclusive, &accepted);
        if let Some(path) = &self.openmetrics {
            let code = |one: &JudgedCell<'_>| match accepted(one) {
                Some(_) => 0,
                None => one.standing().exit_code(),
            };
            let cells: Vec<(&NightRecord, u8)> =
                lines.iter().zip(judged.iter().map(code)).collect();
            exit = written(path, &openmetrics(&cells));
        }
        if let (true, Some(shard)) = (judged.is_empty(), self.shard) {
            say!(
                "shard {shard} has none of the cells, and nothing was judged: there are fewer cells \
                 than shards"
            );
            exit = exit.or_graver(Exit::Inconclusive);
        }
        if let Some(out) = folder.parent().and_then(Path::parent)
            && let Err(error) = nights::append(&nights::history_file(out), &lines)
        {
            say!("no line in the history: {error:#}");
        }
        github::annotate(&judged);
        let (paths, drawing) = drawn(&run, folder);
        exit = exit.or_graver(drawing);
        let results = match self.format {
            Format::Json => json_lines(&judged),
            Format::Human => {
                let mut text = format!("{}\n", closing_table(&judged));
                if let Some(table) = costs_table(&judged) {
                    text.push_str(&format!("{table}\n"));
                }
                for cell in &run.cells {
                    match crate::attribution::answer(cell) {
                        Ok(Some(answer)) => text.push_str(&answer_text(cell, &answer)),
                        Ok(None) => {}
                        Err(error) => say!("no stacks of {}: {error}", cell.plan.id),
                    }
                    let tables = read_classes(cell).unwrap_or_default();
                    if !tables.is_empty() {
                        text.push_str(&classes_text(cell, &tables));
                    }
                }
                for (what, path) in paths {
                    text.push_str(&format!("{what:8}{}\n", path.display()));
                }
                text
            }
        };
        if let Err(error) = print(&results) {
            say!("error: cannot write the results: {error}");
            exit = Exit::Harness;
        }
        let exit = judged.iter().fold(exit, |exit, cell| {
            exit.or_graver(gate(cell, accepted(cell)))
        });
        let exit = signals::asked_by().map_or(exit, Exit::Signal);
        Ok((exit, vec![suite]))
    }

    /// Writes the JUnit report, if there is to be one.
    fn report_junit(&self, suites: &[TestSuite]) -> Exit {
        let path = self.junit.as_ref();
        path.map_or(Exit::Good, |path| written(path, &junit_xml(suites)))
    }
}

/// Writes a file at the end of a run: what cannot be written does not cost the others, and is told
/// by the exit code.
fn written(path: &Path, text: &str) -> Exit {
    match write_atomically(path, text.as_bytes()) {
        Ok(()) => Exit::Good,
        Err(error) => {
            say!("error: cannot write `{}`: {error}", path.display());
            Exit::Harness
        }
    }
}

/// What a cell adds to the exit code: nothing where somebody accepted what it shows.
fn gate(judged: &JudgedCell<'_>, accepted: Option<String>) -> Exit {
    match accepted {
        Some(words) => {
            say!("{} does not gate: {words}", judged.cell.plan.id);
            Exit::Good
        }
        None => judged.exit(),
    }
}

/// Why what a cell shows does not gate, by the line that it leaves in the history.
fn acceptance(
    judged: &JudgedCell<'_>,
    lines: &[NightRecord],
    tolerance: &Tolerance,
) -> Option<String> {
    let gates = matches!(judged.exit(), Exit::Bad | Exit::Died | Exit::Inconclusive);
    let line = (lines.iter().filter(|_| gates)).find(|line| line.is_of(&judged.cell.plan))?;
    tolerance.of_night(line)
}

/// Draws the charts and the page of a run: what there is then, and where. A picture that cannot
/// be drawn is said and is no failure; a page that cannot be written is one.
pub fn drawn(run: &Run, folder: &Path) -> (Vec<(&'static str, PathBuf)>, Exit) {
    let mut paths = vec![("run", folder.to_owned())];
    match draw_run(run, &folder.join("charts"), &ChartOptions::default()) {
        Ok(drawn) => {
            let pictures = drawn
                .into_iter()
                .filter(|path| path.extension() == Some("png".as_ref()));
            paths.extend(pictures.map(|path| ("chart", path)));
        }
        Err(error) => say!("no chart: {error}"),
    }
    match write_run(run, &PageOptions::default()) {
        Ok(path) => paths.push(("report", path)),
        Err(error) => {
            say!("no report: {error}");
            return (paths, Exit::Harness);
        }
    }
    (paths, Exit::Good)
}

/// Whether a file that is written at the end can be: better known before the night than after.
fn probe_writable(path: &Path) -> anyhow::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.probe", std::process::id()));
    let probe = path.with_file_name(name);
    let written = std::fs::File::create_new(&probe).and_then(|_| std::fs::remove_file(&probe));
    match (path.is_dir(), written) {
        (false, Ok(())) => Ok(()),
        (true, _) => Err(usage(format!("`{}` is a folder", path.display()))),
        (_, Err(error)) => Err(usage(format!(
            "`{}` cannot be written: {error}; name a file in a folder that can be written to",
            path.display()
        ))),
    }
}

/// A name, or `scenario::variant`.
fn parse_name(text: &str) -> Result<String, String> {
    let is_word = |part: &str| !part.is_empty() && !part.contains(['#', '\n']);
    let parts: Vec<&str> = text.split("::").collect();
    match parts.len() <= 2 && parts.iter().all(|part| is_word(part)) && text.len() <= 120 {
        true => Ok(text.to_owned()),
        false => Err("a name is one word, or two as `scenario::variant`".to_owned()),
    }
}
