//! `leaklab fleet`: which services of a Prometheus leak.

mod instance;
mod merge;
mod query;
mod question;
mod starts;

use crate::commands::print;
use crate::commands::sources::parse_size;
use crate::exit::{Exit, usage};
use crate::prometheus::{Credentials, Limits, Prometheus, Range};
use crate::words::say;
use anyhow::Context;
use instance::lives_of;
use leaklab_judge::amount::{count_text, parse_duration, plural};
use leaklab_judge::{Budget, JudgeOptions, RSS_GRAIN_BYTES, on_all_processors};
use leaklab_reports::fleet::{
    Pooled, Row, ServiceJudgement, alert_rules, judge_service, open_metrics, page, rank, text,
    undecided_share,
};
use leaklab_reports::foreign::{RangeAnswer, RangeSeries};
use leaklab_run::write_atomically;
use merge::{Shard, merged};
use query::refuse_what_is_not_in_use;
use question::{POINTS_PER_ANSWER, hash, questions, with_matchers};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Points of a small picture.
const SKETCH_POINTS: usize = 60;

/// Judge every service whose memory a Prometheus holds.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab fleet --prometheus http://127.0.0.1:9090 --last 7d \\
      --query 'container_memory_working_set_bytes{namespace=\"shop\"}' --by namespace,container
  leaklab fleet … --shard 1/8 --format json > 1.jsonl     on each of eight machines, then
  leaklab fleet --merge *.jsonl --page fleet.html         false discoveries over all of them

Exit codes: 0 nobody is discovered · 1 a discovery, or --limit is reached · 2 usage · 3 more services are undecided
than --undecided allows · 4 the server failed, or says that its answer is not whole; what was
read is judged and shown.
VictoriaMetrics, Thanos and Mimir speak the same API.")]
pub struct Arguments {
    /// Address of the server: http://HOST:PORT[/PREFIX], or https://.
    #[arg(long, value_name = "URL", required_unless_present = "merge")]
    prometheus: Option<String>,
    /// The series to judge, in bytes: a selector, or any query that answers with labels.
    #[arg(
        long,
        value_name = "QUERY",
        default_value = "container_memory_working_set_bytes{container!=\"\"}"
    )]
    query: String,
    /// Labels that name a service; instances that share them are its replicas and lives.
    #[arg(
        long,
        value_name = "LABEL",
        value_delimiter = ',',
        default_value = "namespace,container"
    )]
    by: Vec<String>,
    /// How far back: 7d.
    #[arg(long, default_value = "7d", value_parser = parse_duration)]
    last: Duration,
    /// Distance of the readings: 5m.
    #[arg(long, default_value = "5m", value_parser = parse_duration)]
    step: Duration,
    /// Where the range ends, in seconds since 1970 [default: now].
    #[arg(long, value_name = "SECONDS")]
    end: Option<f64>,
    /// Growth that is accepted: 20KiB/h, 0.5%/h [default: 0.5 % of the level ahead of the
    /// growth per hour, at least 64 KiB].
    #[arg(long)]
    budget: Option<Budget>,
    /// Limit of every service that has none of its own, which must not be reached: 2GiB.
    #[arg(long, value_parser = parse_size)]
    limit: Option<f64>,
    /// The query of the limits, which bear the labels of --by.
    #[arg(
        long,
        value_name = "QUERY",
        default_value = "kube_pod_container_resource_limits{resource=\"memory\"}"
    )]
    limits: String,
    /// File that holds a bearer token [default: LEAKLAB_PROMETHEUS_TOKEN of the environment].
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// File that holds USER:PASSWORD [default: LEAKLAB_PROMETHEUS_BASIC of the environment].
    #[arg(long, value_name = "FILE", conflicts_with = "token_file")]
    basic_file: Option<PathBuf>,
    /// PEM file of the certificates to trust, instead of the system's (or SSL_CERT_FILE's).
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How long one answer may take.
    #[arg(long, default_value = "2m", value_parser = parse_duration)]
    timeout: Duration,
    /// Words, JSON (an object per service and line), OpenMetrics, or alert rules that fire on
    /// those metrics.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// One page with a small picture of each service.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Keep each service's series as CSV in this folder; `leaklab judge FILE --restarts life`
    /// judges it again.
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
    /// Accept an answer that the server calls partial, as while one of its stores is away.
    #[arg(long)]
    accept_partial: bool,
    /// Share of the services that may stay undecided where none is discovered; with more, the
    /// fleet is not decided: 20%.
    #[arg(long, value_name = "SHARE", default_value = "50%", value_parser = parse_share)]
    undecided: f64,
    /// Judge the K-th of N parts of the fleet: 1/8.
    #[arg(long, value_name = "K/N", value_parser = parse_shard)]
    shard: Option<(u64, u64)>,
    /// Join what shards wrote with --format json.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["prometheus", "shard", "watch"])]
    merge: Vec<PathBuf>,
    /// Judge again and again, so far apart: 1d.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    watch: Option<Duration>,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OutputFormat {
    #[value(alias = "human")]
    Text,
    Json,
    Openmetrics,
    Rules,
}

/// A share in percent: `50%`, `50`.
fn parse_share(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    let percent: Option<f64> = number.parse().ok();
    percent
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| percent / 100.0)
        .ok_or_else(|| format!("`{text}` is not a share from 0% to 100%"))
}

fn parse_shard(text: &str) -> Result<(u64, u64), String> {
    text.split_once('/')
        .and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)))
        .filter(|(part, parts)| (1..=*parts).contains(part))
        .ok_or_else(|| format!("`{text}` is not K/N, as in 1/8, with K from 1 to N"))
}

/// Labels that name a service.
type Identity = BTreeMap<String, String>;

/// Judges a fleet, once or again and again.
///
/// # Errors
///
/// A usage error for arguments that cannot be; what keeps files from being read or written.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.format == OutputFormat::Rules {
        print(&alert_rules())?;
        return Ok(Exit::Good);
    }
    if !arguments.merge.is_empty() {
        let (rows, failure) = merged(&arguments.merge)?;
        return show(rows, failure, arguments);
    }
    refuse_what_is_not_in_use(&arguments.query)?;
    loop {
        let (rows, failure) = asked(arguments)?;
        let exit = show(rows, failure, arguments)?;
        match arguments.watch {
            Some(every) => std::thread::sleep(every),
            None => return Ok(exit),
        }
    }
}

/// Ranks, prints and writes; the exit code.
fn show(
    mut rows: Vec<Row>,
    failure: Option<String>,
    arguments: &Arguments,
) -> anyhow::Result<Exit> {
    rank(&mut rows);
    match arguments.format {
        OutputFormat::Text => print(&text(&rows))?,
        OutputFormat::Json => {
            for row in &rows {
                print(&format!("{}\n", serde_json::to_string(row)?))?;
            }
            if let Some(shard) = arguments.shard {
                let shard = Shard::new(shard, rows.len(), failure.clone());
                print(&format!("{}\n", serde_json::to_string(&shard)?))?;
            }
        }
        OutputFormat::Openmetrics => print(&open_metrics(&rows))?,
        OutputFormat::Rules => {}
    }
    if let Some(path) = &arguments.page {
        let html = page(&rows, &format!("Fleet: {}", arguments.query));
        write_atomically(path, html.as_bytes())
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        say!("page    {}", path.display());
    }
    if let Some(words) = failure {
        say!("error: {words}");
        say!(
            "{} judged before that",
            plural(rows.len() as u64, "service")
        );
        return Ok(Exit::Harness);
    }
    let over = rows.iter().filter(|row| row.breaks_limit()).count();
    if over > 0 {
        let services = plural(over as u64, "service");
        say!("{services} reached the limit that --limit gives");
    }
    if over > 0 || rows.iter().any(Row::is_discovery) {
        return Ok(Exit::Bad);
    }
    let share = undecided_share(&rows);
    if rows.is_empty() || share == 1.0 || share > arguments.undecided {
        if !rows.is_empty() {
            say!(
                "not decided: {:.0} % of the services are inconclusive, and --undecided allows {:.0} %",
                100.0 * share,
                100.0 * arguments.undecided
            );
        }
        return Ok(Exit::Inconclusive);
    }
    Ok(Exit::Good)
}

/// Who asks: by file, or by the environment.
fn credentials(arguments: &Arguments) -> anyhow::Result<Credentials> {
    let read = |file: &Path| {
        std::fs::read_to_string(file)
            .map_err(|error| usage(format!("cannot read `{}`: {error}", file.display())))
    };
    Ok(match (&arguments.token_file, &arguments.basic_file) {
        (Some(file), _) => Credentials::bearer(&read(file)?),
        (_, Some(file)) => Credentials::basic(&read(file)?),
        _ => match (
            std::env::var("LEAKLAB_PROMETHEUS_TOKEN"),
            std::env::var("LEAKLAB_PROMETHEUS_BASIC"),
        ) {
            (Ok(token), _) => Credentials::bearer(&token),
            (_, Ok(pair)) => Credentials::basic(&pair),
            _ => Credentials::default(),
        },
    })
}

/// Asks the server and judges; rows, and why it ended early if it did.
fn asked(arguments: &Arguments) -> anyhow::Result<(Vec<Row>, Option<String>)> {
    let url = arguments.prometheus.as_deref().unwrap_or_default();
    let limits = Limits {
        timeout: arguments.timeout,
        ..Limits::default()
    };
    let server = Prometheus::new(
        url,
        arguments.ca_file.as_deref(),
        credentials(arguments)?,
        limits,
    )
    .map_err(usage)?;
    let step_s = arguments.step.as_secs_f64();
    if step_s <= 0.0 || arguments.last.as_secs_f64() < step_s {
        return Err(usage("--step must be above zero and at most --last"));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    // Whole steps, so that the same question has the same answer.
    let end_s = (arguments.end.unwrap_or(now.as_secs_f64()) / step_s).floor() * step_s;
    let range = Range {
        start_s: end_s - arguments.last.as_secs_f64(),
        end_s,
        step_s,
    };
    let mut fleet = Fleet {
        server,
        arguments,
        range,
        limits: BTreeMap::new(),
        rows: Vec::new(),
        partial: None,
        nameless: None,
        starts: starts::Asked::default(),
    };
    let failure = fleet.judge_all().err().or_else(|| fleet.partial.take());
    if let Some((count, labels)) = &fleet.nameless {
        let words = format!(
            "{} series without any label of --by ({}); the first bears {}",
            count_text(*count),
            arguments.by.join(", "),
            labels
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        );
        if fleet.rows.is_empty() && failure.is_none() {
            return Err(usage(format!(
                "{words}: name the service by one of those with --by"
            )));
        }
        say!("note: {words}: left out");
    }
    fleet.starts.tell();
    query::refuse_other_units(&fleet.rows)?;
    Ok((fleet.rows, failure))
}

struct Fleet<'a> {
    server: Prometheus,
    arguments: &'a Arguments,
    range: Range,
    limits: BTreeMap<Identity, f64>,
    rows: Vec<Row>,
    /// Why the answers may not be whole.
    partial: Option<String>,
    /// How many series bear no label of `--by`, and the labels of one of them.
    nameless: Option<(u64, Vec<String>)>,
    /// What came of asking for start times.
    starts: starts::Asked,
}

fn limit_of(
    labels: &Identity,
    limits: &BTreeMap<Identity, f64>,
    arguments: &Arguments,
) -> Option<f64> {
    limits.get(labels).copied().or(arguments.limit)
}

impl Fleet<'_> {
    fn identity(&self, labels: &Identity) -> Identity {
        let of = |name: &String| Some((name.clone(), labels.get(name)?.clone()));
        self.arguments.by.iter().filter_map(of).collect()
    }

    fn is_of_shard(&self, identity: &Identity) -> bool {
        match self.arguments.shard {
            Some((part, parts)) => hash(identity) % parts == part - 1,
            None => true,
        }
    }

    fn judge_all(&mut self) -> Result<(), String> {
        self.read_limits();
        let points = ((self.range.end_s - self.range.start_s) / self.range.step_s) as u64 + 1;
        let query = &self.arguments.query;
        let known = match self.server.series(query, self.range) {
            Ok(known) => known,
            // Not a selector: its answer has to be read whole.
            Err(words) if words.starts_with("the server refuses") => Vec::new(),
            Err(words) => return Err(words),
        };
        let mut services: BTreeMap<Identity, u64> = BTreeMap::new();
        for labels in &known {
            let identity = self.identity(labels);
            if !identity.is_empty() && self.is_of_shard(&identity) {
                *services.entry(identity).or_default() += 1;
            }
        }
        let total: u64 = services.values().sum();
        if services.is_empty()
            || (total * points <= POINTS_PER_ANSWER && self.arguments.shard.is_none())
        {
            let answer = self.values(query, self.range)?;
            let answered = self.judge_answer(answer, None)?;
            let named = services.keys().cloned().collect();
            self.name_those_without_readings(&named, &answered);
            return Ok(());
        }
        for question in questions(&services, points) {
            let wanted: BTreeSet<Identity> = question.iter().cloned().collect();
            let query = with_matchers(query, &question);
            let answer = self.values(&query, self.range)?;
            let answered = self.judge_answer(answer, Some(&wanted))?;
            self.name_those_without_readings(&wanted, &answered);
        }
        Ok(())
    }

    /// The values of a query; whether they are all of them is kept.
    fn values(&mut self, query: &str, range: Range) -> Result<Vec<RangeSeries>, String> {
        let RangeAnswer { series, partial } = self.server.range(query, range)?;
        if let Some(words) = partial {
            let words = format!("the server's answer is not whole: {words}");
            if self.arguments.accept_partial {
                say!("note: {words}");
            } else {
                self.partial.get_or_insert(format!(
                    "{words}; ask again when all of it answers, or judge what there is with --accept-partial"
                ));
            }
        }
        Ok(series)
    }

    /// A service that the server lists and gives no reading of has not been judged, which is
    /// said of it. `answered`: those of which the answer to the same question held readings.
    fn name_those_without_readings(
        &mut self,
        named: &BTreeSet<Identity>,
        answered: &BTreeSet<Identity>,
    ) {
        let rows: Vec<Row> = named
            .difference(answered)
            .map(|labels| {
                let reason = "the server lists it, but its answer holds no reading of it";
                self.row(labels.clone(), ServiceJudgement::unknown(reason))
            })
            .collect();
        self.rows.extend(rows);
    }

    /// Limits by identity; a fleet without any has none.
    fn read_limits(&mut self) {
        let range = Range {
            start_s: self.range.end_s,
            ..self.range
        };
        let Ok(answer) = self.server.range(&self.arguments.limits, range) else {
            return;
        };
        for series in answer.series {
            let identity = self.identity(&series.labels);
            let highest = series.value.iter().copied().fold(0.0, f64::max);
            if identity.len() == self.arguments.by.len() && highest > 0.0 {
                let known = self.limits.entry(identity).or_insert(highest);
                *known = known.min(highest);
            }
        }
    }

    /// Judges the services of an answer; which they are.
    fn judge_answer(
        &mut self,
        answer: Vec<RangeSeries>,
        wanted: Option<&BTreeSet<Identity>>,
    ) -> Result<BTreeSet<Identity>, String> {
        let mut services: BTreeMap<Identity, Vec<RangeSeries>> = BTreeMap::new();
        for series in answer {
            let identity = self.identity(&series.labels);
            if identity.is_empty() {
                let labels = || series.labels.keys().cloned().collect();
                self.nameless.get_or_insert_with(|| (0, labels())).0 += 1;
                continue;
            }
            let is_wanted =
                wanted.map_or_else(|| self.is_of_shard(&identity), |w| w.contains(&identity));
            if is_wanted && !series.time_s.is_empty() {
                services.entry(identity).or_default().push(series);
            }
        }
        let answered: BTreeSet<Identity> = services.keys().cloned().collect();
        let starts = self.starts_of(&answered);
        let (arguments, limits) = (self.arguments, &self.limits);
        let judged = on_all_processors(services.into_iter().collect(), |(labels, instances)| {
            let lives = lives_of(instances, &labels, &starts);
            let known = starts::Known::of(&lives);
            let options = JudgeOptions {
                budget: arguments.budget.unwrap_or_default(),
                limit: limit_of(&labels, limits, arguments),
                grain: RSS_GRAIN_BYTES,
                ..JudgeOptions::default()
            };
            let judged = judge_service(lives, &options);
            (labels, judged, known)
        });
        for (labels, judged, known) in judged {
            self.starts.count(known);
            if let Some(folder) = &self.arguments.save {
                save(folder, &labels, &judged).map_err(|error| {
                    format!("cannot write into `{}`: {error}", folder.display())
                })?;
            }
            let row = self.row(labels, judged);
            self.rows.push(row);
        }
        Ok(answered)
    }

    fn row(&self, labels: Identity, judged: ServiceJudgement) -> Row {
        Row {
            limit_bytes: limit_of(&labels, &self.limits, self.arguments),
            limit_is_required: self.arguments.limit.is_some() && !self.limits.contains_key(&labels),
            at_limit: judged.at_limit,
            labels,
            replicas: judged.replicas,
            lives: judged.lives,
            part: judged.part,
            judgement: judged.judgement,
            adjusted_p_value: None,
            discovery: None,
            sketch: sketch(&judged.series),
        }
    }
}

/// The series thinned: the highest reading of each stretch.
fn sketch(pooled: &Pooled) -> Vec<(f64, f64)> {
    let stretch = pooled.time_s.len().div_ceil(SKETCH_POINTS).max(1);
    let times = pooled.time_s.chunks(stretch);
    let values = pooled.value.chunks(stretch);
    times
        .zip(values)
        .map(|(times, values)| (times[0], values.iter().copied().fold(0.0, f64::max)))
        .collect()
}

/// Keeps the series that a service was judged by, and, where that is a part, all of it beside.
fn save(folder: &Path, labels: &Identity, judged: &ServiceJudgement) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let words: Vec<&str> = labels.values().map(String::as_str).collect();
    let name = leaklab_reports::cell::file_name(&words.join("."));
    // Names that are the same once a path can hold them are told apart by their hash.
    let name = format!("{name}-{:08x}", hash(labels) as u32);
    if let Some(whole) = &judged.whole {
        save_series(&folder.join(format!("{name}-whole.csv")), whole)?;
    }
    save_series(&folder.join(format!("{name}.csv")), &judged.series)
}

/// A series as CSV; `life` counts its lives.
fn save_series(path: &Path, pooled: &Pooled) -> std::io::Result<()> {
    let mut text = String::from("time_s,memory_bytes,life\n");
    let mut restarts = pooled.restarts.iter().peekable();
    let mut life = 0;
    for (time, value) in pooled.time_s.iter().zip(&pooled.value) {
        while restarts.next_if(|restart| *restart <= time).is_some() {
            life += 1;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{time},{value},{life}");
    }
    write_atomically(path, text.as_bytes())
}
