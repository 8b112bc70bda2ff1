//! What may be set, wherever it is written: behind a flag, in a profile, in a scenario's entry.

use crate::commands::arguments::{
    parse_count, parse_descriptors, parse_interval, parse_positive, parse_rate, parse_size,
};
use crate::config::keys::{Keys, Problem};
use crate::heap::HeapSource;
use crate::rules::RuleText;
use crate::snapshot::SnapshotFlag;
use crate::supervisor::ready::Ready;
use crate::supervisor::settle::Settle;
use crate::time::parse_duration;
use leaklab_judge::Budget;
use leaklab_scenarios::Expected;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of one cell; what is `None` or empty is left to the next in rank.
///
/// The flags of `run`, the keys of `[profile.NAME]`, of `[[scenario]]` and of
/// `[[scenario.variant]]` are these, under the same names.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CellSettings {
    /// Length of the load [default: the scenario's own; 60s for a program].
    #[arg(long, value_parser = parse_positive, env = "LEAKLAB_DURATION", help_heading = TIMES)]
    pub duration: Option<Duration>,
    /// Load before which --until-verdict ends nothing [default: the scenario's own; 5min].
    ///
    /// Longer than caches fill and jobs take; for a program the default is 5min.
    #[arg(long, value_parser = parse_duration, env = "LEAKLAB_MIN_DURATION", help_heading = JUDGING, hide_short_help = true)]
    pub min_duration: Option<Duration>,
    /// Length of a warm-up before it, drawn but not judged.
    #[arg(long, value_parser = parse_duration, env = "LEAKLAB_WARMUP", help_heading = TIMES)]
    pub warmup: Option<Duration>,
    /// Time after it for memory to come back [default: 2s; program: 0s].
    #[arg(long, value_parser = parse_duration, env = "LEAKLAB_DRAIN", help_heading = TIMES)]
    pub drain: Option<Duration>,
    /// Time between two samples [default: 1s, less for a load under 100s].
    ///
    /// From 1ms to 1h.
    #[arg(long, value_parser = parse_interval, env = "LEAKLAB_INTERVAL", help_heading = TIMES)]
    pub interval: Option<Duration>,
    /// Time between TERM and KILL when a cell is ended [default: 5s].
    #[arg(long, value_parser = parse_duration, env = "LEAKLAB_GRACE", help_heading = TIMES, hide_short_help = true)]
    pub grace: Option<Duration>,
    /// How long a cell may take to be ready [default: 30s; a program need not say].
    #[arg(long, value_parser = parse_positive, env = "LEAKLAB_READY_TIMEOUT", help_heading = TIMES, hide_short_help = true)]
    pub ready_timeout: Option<Duration>,
    /// Operations per second, for scenarios [default: the scenario's own].
    #[arg(long, value_parser = parse_rate, env = "LEAKLAB_RATE", help_heading = WORK)]
    pub rate: Option<f64>,
    /// Operations after which the load ends, for scenarios.
    #[arg(long, value_parser = parse_count, env = "LEAKLAB_OPERATIONS", help_heading = WORK, hide_short_help = true)]
    pub operations: Option<u64>,
    /// A parameter of the scenario; `leaklab list SCENARIO` shows them.
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = WORK)]
    pub parameters: Vec<String>,
    /// Accepted growth: 64KiB/h, 16B/op, 0.5%/h [default: the scenario's own].
    ///
    /// For a program the default is 0.5 % of the level ahead of the growth per hour, at least 64 KiB.
    #[arg(long, env = "LEAKLAB_BUDGET", help_heading = JUDGING)]
    pub budget: Option<Budget>,
    /// What a program must get: leak, no-leak or dies [default: no-leak].
    #[arg(long = "expect", value_name = "VERDICT", value_parser = parse_expected, help_heading = JUDGING)]
    pub expected: Option<Expected>,
    /// Resident memory that ends a cell [default: 80 % of what is free].
    #[arg(long, value_name = "SIZE", value_parser = parse_size, env = "LEAKLAB_MEMORY_LIMIT", help_heading = SURROUNDINGS)]
    pub memory_limit: Option<u64>,
    /// Soft limit of open descriptors for each cell, 16 or more.
    #[arg(long, value_parser = parse_descriptors, env = "LEAKLAB_DESCRIPTOR_LIMIT", help_heading = SURROUNDINGS, hide_short_help = true)]
    pub descriptor_limit: Option<u64>,
    /// When it is ready: http://…, tcp:PORT, file:PATH, line:REGEX or a time.
    ///
    /// An address that answers, a port that takes connections, a file that is there, a line on
    /// stdout or stderr, a time, or `pipe`. Rows before are warm-up with negative times.
    #[arg(long, value_name = "WHAT", help_heading = PROGRAM)]
    pub ready: Option<Ready>,
    /// A command that puts it under load, from ready to the end; repeatable.
    ///
    /// Split as a shell splits words, and run without one. It is ended with the load, measured
    /// apart, and may count operations on the pipe of LEAKLAB_PIPE; closing lines of wrk, ab, hey
    /// and k6 are read. One that fails ends the cell with exit code 4.
    #[arg(long = "load", value_name = "COMMAND", value_parser = parse_command, help_heading = PROGRAM)]
    pub loads: Vec<CommandLine>,
    /// A command that must succeed before the program is started; repeatable.
    #[arg(long = "setup", value_name = "COMMAND", value_parser = parse_command, help_heading = PROGRAM, hide_short_help = true)]
    pub setup: Vec<CommandLine>,
    /// A command that is run when the program has ended; repeatable.
    #[arg(long = "teardown", value_name = "COMMAND", value_parser = parse_command, help_heading = PROGRAM, hide_short_help = true)]
    pub teardown: Vec<CommandLine>,
    /// A command that is run when a cell leaks, dies or fails, once for each cell.
    ///
    /// As soon as the leak is certain, while the program still runs. It finds LEAKLAB_ALARM
    /// (leak, died, …), LEAKLAB_CELL, LEAKLAB_FOLDER, LEAKLAB_PID and LEAKLAB_REASON in its
    /// environment; what it prints goes to alarm.log.
    #[arg(long, value_name = "COMMAND", value_parser = parse_command, help_heading = JUDGING, hide_short_help = true)]
    pub on_alarm: Option<CommandLine>,
    /// It is meant to be idle: judge it without work.
    ///
    /// Flat memory is not health: without operations, load command or CPU time, a program of
    /// your own is inconclusive.
    #[arg(long, help_heading = PROGRAM, hide_short_help = true)]
    pub allow_idle: bool,
    /// Asks for a full collection at regular moments: a command, signal:USR1 or http://….
    ///
    /// `--settle 'jcmd {pid} GC.run'`: sixty times in a load, at most once a second. What is in
    /// use afterwards is what is judged; the time that it takes is a mark and left out.
    #[arg(long, value_name = "WHAT", help_heading = MEASURING, hide_short_help = true)]
    pub settle: Option<Settle>,
    /// Which objects grow: java, node, python, go=URL or NAME=FORMAT:COMMAND.
    ///
    /// Repeatable. Taken at settled time and at eight moments after it, with `{pid}`, `{k}` and `{out}` (or
    /// its output) in the command: 'classes=class-histogram:jcmd {pid} GC.class_histogram'. Forms:
    /// class-histogram, heapsnapshot, pprof, tracemalloc, folded, csv (key,count,bytes). The time
    /// that it takes is a mark and left out. `leaklab where` says what grew.
    #[arg(long = "snapshot", value_name = "WHAT", help_heading = MEASURING)]
    pub snapshots: Vec<SnapshotFlag>,
    /// Longest time of one snapshot [default: 60s].
    #[arg(long, value_name = "TIME", value_parser = parse_positive, help_heading = MEASURING, hide_short_help = true)]
    pub snapshot_timeout: Option<Duration>,
    /// Most bytes of one snapshot, before it is packed [default: 1GiB].
    #[arg(long, value_name = "SIZE", value_parser = parse_size, help_heading = MEASURING, hide_short_help = true)]
    pub snapshot_limit: Option<u64>,
    /// A variable for the cells: NAME=VALUE, or NAME to pass it on.
    #[arg(long = "env", value_name = "NAME[=VALUE]", help_heading = SURROUNDINGS)]
    pub environment: Vec<String>,
    /// Give a program none of the caller's variables but a dozen like PATH and HOME.
    #[arg(long, help_heading = SURROUNDINGS, hide_short_help = true)]
    pub env_clear: bool,
    /// Folder in which the program runs [default: this one].
    #[arg(long, value_name = "FOLDER", help_heading = SURROUNDINGS, hide_short_help = true)]
    pub cwd: Option<PathBuf>,
    /// User that the program runs as: a name or a number; for root only.
    #[arg(long, help_heading = SURROUNDINGS, hide_short_help = true)]
    pub user: Option<String>,
    /// A gauge of the program, or a pattern of metrics with --heap http://….
    #[arg(long = "gauge", value_name = "NAME", help_heading = MEASURING, hide_short_help = true)]
    pub gauges: Vec<String>,
    /// Live heap from jemalloc, mallinfo, pipe, auto or http://… (see --help).
    ///
    /// `jemalloc` puts the unmodified program on jemalloc, `mallinfo` asks glibc's malloc, `pipe`
    /// takes the program's own words (PROTOCOL.md), an address is scraped as OpenMetrics or
    /// Prometheus text (Go, JVM, Node.js, .NET, jemalloc and Redis exporters are known), and
    /// `auto` picks and says what it picked.
    #[arg(long, value_name = "SOURCE", help_heading = MEASURING)]
    pub heap: Option<HeapSource>,
    /// Say at the end where the heap grows: by stacks of allocation, or by classes.
    ///
    /// Stacks are sampled by jemalloc, on which a program is put for it unless --heap says
    /// otherwise; of Java, Node.js and Python objects are counted as by --snapshot, unless it is
    /// jemalloc.
    #[arg(long = "where", help_heading = MEASURING)]
    pub sample_stacks: bool,
}

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine(pub Vec<String>);

/// Splits a command as a shell splits its words; nothing is expanded.
pub fn parse_command(text: &str) -> Result<CommandLine, String> {
    match crate::text::shell_words(text) {
        Some(words) if !words.is_empty() => Ok(CommandLine(words)),
        _ => Err(format!(
            "`{text}` is no command: is a quote not closed? (a shell is `sh -c '…'`)"
        )),
    }
}

fn parse_ready(text: &str) -> Result<Ready, String> {
    text.parse()
}

/// Headings of the help.
const PROGRAM: &str = "A program of your own";
const TIMES: &str = "Times";
const WORK: &str = "Work";
const JUDGING: &str = "Judging";
const SURROUNDINGS: &str = "Surroundings";
const MEASURING: &str = "Measuring";

/// A verdict that can be asked for.
pub fn parse_expected(text: &str) -> Result<Expected, String> {
    [Expected::Leak, Expected::NoLeak, Expected::Dies]
        .into_iter()
        .find(|expected| expected.name() == text)
        .ok_or_else(|| format!("`{text}` is none of leak, no-leak and dies"))
}

impl CellSettings {
    /// This, and what it leaves open taken from `next`. Of lists, those of `next` come first,
    /// so that of one name the last wins.
    pub fn or(&self, next: CellSettings) -> CellSettings {
        let joined = |mut earlier: Vec<String>, later: &[String]| {
            earlier.extend_from_slice(later);
            earlier
        };
        CellSettings {
            duration: self.duration.or(next.duration),
            min_duration: self.min_duration.or(next.min_duration),
            warmup: self.warmup.or(next.warmup),
            drain: self.drain.or(next.drain),
            interval: self.interval.or(next.interval),
            grace: self.grace.or(next.grace),
            ready_timeout: self.ready_timeout.or(next.ready_timeout),
            rate: self.rate.or(next.rate),
            operations: self.operations.or(next.operations),
            parameters: joined(next.parameters, &self.parameters),
            budget: self.budget.or(next.budget),
            expected: self.expected.or(next.expected),
            memory_limit: self.memory_limit.or(next.memory_limit),
            descriptor_limit: self.descriptor_limit.or(next.descriptor_limit),
            ready: self.ready.clone().or(next.ready),
            loads: first_filled(&self.loads, next.loads),
            setup: first_filled(&self.setup, next.setup),
            teardown: first_filled(&self.teardown, next.teardown),
            on_alarm: self.on_alarm.clone().or(next.on_alarm),
            allow_idle: self.allow_idle || next.allow_idle,
            settle: self.settle.clone().or(next.settle),
            snapshots: first_filled(&self.snapshots, next.snapshots),
            snapshot_timeout: self.snapshot_timeout.or(next.snapshot_timeout),
            snapshot_limit: self.snapshot_limit.or(next.snapshot_limit),
            environment: joined(next.environment, &self.environment),
            env_clear: self.env_clear || next.env_clear,
            cwd: self.cwd.clone().or(next.cwd),
            user: self.user.clone().or(next.user),
            gauges: joined(next.gauges, &self.gauges),
            heap: self.heap.clone().or(next.heap),
            sample_stacks: self.sample_stacks || next.sample_stacks,
        }
    }

    /// Takes the keys of a file's table that are settings.
    ///
    /// # Errors
    ///
    /// The first value that is not of its flag's grammar.
    pub fn take(keys: &mut Keys<'_>) -> Result<Self, Problem> {
        let budget = |text: &str| text.parse::<Budget>().map_err(|error| error.to_string());
        let pairs = |pairs: std::collections::BTreeMap<String, String>| {
            let pairs = pairs.into_iter();
            pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect()
        };
        Ok(CellSettings {
            duration: keys.parsed("duration", parse_positive)?,
            min_duration: keys.parsed("min-duration", parse_duration)?,
            warmup: keys.parsed("warmup", parse_duration)?,
            drain: keys.parsed("drain", parse_duration)?,
            interval: keys.parsed("interval", parse_interval)?,
            grace: keys.parsed("grace", parse_duration)?,
            ready_timeout: keys.parsed("ready-timeout", parse_positive)?,
            rate: keys.parsed("rate", parse_rate)?,
            operations: keys.parsed("operations", parse_count)?,
            parameters: pairs(keys.texts("set")?),
            budget: keys.parsed("budget", budget)?,
            // `expect` of a profile would hold for every scenario; variants have `expected`.
            expected: None,
            memory_limit: keys.parsed("memory-limit", parse_size)?,
            descriptor_limit: keys.parsed("descriptor-limit", parse_descriptors)?,
            ready: keys.parsed("ready", parse_ready)?,
            loads: commands(keys, "load")?,
            setup: commands(keys, "setup")?,
            teardown: commands(keys, "teardown")?,
            on_alarm: keys.parsed("on-alarm", parse_command)?,
            allow_idle: keys.parsed("allow-idle", parse_truth)?.unwrap_or(false),
            settle: keys.parsed("settle", str::parse)?,
            snapshots: snapshots(keys)?,
            snapshot_timeout: keys.parsed("snapshot-timeout", parse_positive)?,
            snapshot_limit: keys.parsed("snapshot-limit", parse_size)?,
            environment: pairs(keys.texts("environment")?),
            env_clear: keys.parsed("env-clear", parse_truth)?.unwrap_or(false),
            cwd: keys.text("cwd")?.map(PathBuf::from),
            user: keys.text("user")?,
            gauges: keys.list("gauges")?.unwrap_or_default(),
            heap: keys.parsed("heap", str::parse)?,
            sample_stacks: false,
        })
    }
}

/// Command lines, each split as behind the flag.
fn commands(keys: &mut Keys<'_>, key: &'static str) -> Result<Vec<CommandLine>, Problem> {
    let lines = keys.list(key)?.unwrap_or_default();
    let parsed: Result<Vec<CommandLine>, String> =
        lines.iter().map(|line| parse_command(line)).collect();
    parsed.map_err(|message| keys.lacks(&format!("`{key}`: {message}")))
}

/// Snapshots, each as behind the flag.
fn snapshots(keys: &mut Keys<'_>) -> Result<Vec<SnapshotFlag>, Problem> {
    let texts = keys.list("snapshot")?.unwrap_or_default();
    let parsed: Result<Vec<SnapshotFlag>, String> = texts.iter().map(|text| text.parse()).collect();
    parsed.map_err(|message| keys.lacks(&format!("`snapshot`: {message}")))
}

fn first_filled<T: Clone>(own: &[T], next: Vec<T>) -> Vec<T> {
    match own.is_empty() {
        true => next,
        false => own.to_vec(),
    }
}

fn parse_truth(text: &str) -> Result<bool, String> {
    text.parse()
        .map_err(|_| format!("takes true or false, not `{text}`"))
}

/// Settings of a run as a whole, with those of its cells by where they are written.
#[derive(Debug, Clone, Default)]
pub struct RunSettings {
    /// What flags and variables say.
    pub flags: CellSettings,
    /// What the chosen profile says.
    pub profile: CellSettings,
    /// What the file says of built-in scenarios, by name.
    pub tuned: Vec<(String, CellSettings)>,
    /// Rules of the file.
    pub rules: Vec<RuleText>,
    /// Budget of what has none of its own.
    pub default_budget: Option<Budget>,
    /// Memory limit of what has none of its own.
    pub default_memory_limit: Option<u64>,
    /// How often each cell is run.
    pub repeat: u64,
    /// Cells that run at the same time.
    pub jobs: u64,
    /// Seed of everything random.
    pub seed: u64,
    /// What a program of one's own is called, instead of by its file.
    pub name: Option<String>,
    /// What is left out of the record beside what looks like a secret.
    pub redact: Vec<String>,
    /// What the run is of, for its history.
    pub labels: BTreeMap<String, String>,
    /// Class of machines that this one is said to belong to, for its history.
    pub host_class: Option<String>,
    /// What else the record holds: the order of sides, for instance.
    pub facts: BTreeMap<String, serde_json::Value>,
}

impl RunSettings {
    /// What applies to a scenario: flags, then its entry in the file, then the profile.
    pub fn of_scenario(&self, name: &str, own: &CellSettings) -> CellSettings {
        let entries = self.tuned.iter().filter(|(entry, _)| entry == name);
        let by_file = entries.fold(own.or(self.profile.clone()), |next, (_, entry)| {
            entry.or(next)
        });
        self.flags.or(by_file)
    }
}
