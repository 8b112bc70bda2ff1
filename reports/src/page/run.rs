//! What the templates of the page show, taken from the gathered cells.

use super::cell::{self, Facts, Link, Pair, percent_encoded};
use super::costs::CostRow;
use super::gather::{Entry, Gathered};
use super::picture;
use super::series::{CellSeries, label};
use super::stacks::StacksView;
use crate::cell::{Metric, Standing, memory_judgement, per_hour, per_operation, verdict_words};
use crate::compare::{PairAnswer, certificate_notes, certificate_rows};
use leaklab_judge::amount::{bytes_text, count_text, duration_text, interval_text, number_text};
use leaklab_judge::{Judgement, Unit, Verdict};
use leaklab_run::{Outcome, Run};
use serde::Serialize;

/// Cells of one standing, as the verdicts name them.
#[derive(Debug, Serialize)]
pub(super) struct StandingView {
    pub sign: &'static str,
    pub class: &'static str,
    pub sentence: String,
    pub cells: Vec<NamedCell>,
    /// How many more there are than are named; empty if none.
    pub more: String,
}

/// A cell with its verdict and the reason.
#[derive(Debug, Serialize)]
pub(super) struct NamedCell {
    pub id: String,
    pub chart: Option<usize>,
    pub verdict: String,
    pub reason: String,
}

/// A row of the comparison; numbers stand beside their words for sorting.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub id: String,
    pub chart: Option<usize>,
    pub sign: &'static str,
    pub class: &'static str,
    pub verdict: String,
    pub role: String,
    pub figures: Vec<RowFigure>,
}

/// A figure of a row.
#[derive(Debug, Serialize)]
pub(super) struct RowFigure {
    /// What it is, for screens that have no room for the head of the table.
    pub label: &'static str,
    pub value: Option<f64>,
    pub words: String,
    /// The interval, if there is one.
    pub more: String,
}

/// The cells of one scenario that have charts.
#[derive(Debug, Serialize)]
pub(super) struct ScenarioView {
    pub name: String,
    /// What was found, in words.
    pub finding: String,
    pub mechanism: String,
    pub document: String,
    pub reference: String,
    /// Places of its cells in the data: `0,1,2`.
    pub indices: String,
    pub overlaid: bool,
    /// All variants in one picture, on light and on dark; as SVG.
    pub picture: Option<[String; 2]>,
    pub cells: Vec<CellView>,
}

/// A cell with charts.
#[derive(Debug, Serialize)]
pub(super) struct CellView {
    pub index: usize,
    pub id: String,
    pub facts: Facts,
    /// Its memory, as SVG.
    pub picture: Option<String>,
    /// Where it grows; absent if its stacks were not sampled.
    pub stacks: Option<StacksView>,
    pub files: Vec<Link>,
}

/// `1 variant`, `7 variants`.
fn plural(amount: usize, one: &str, many: &str) -> String {
    let word = if amount == 1 { one } else { many };
    format!("{} {word}", count_text(amount as u64))
}

/// `variant` or `program`, with its plural.
pub(super) fn noun(run: &Run) -> (&'static str, &'static str) {
    if run.cells.iter().all(|cell| cell.plan.expected.is_none()) {
        ("program", "programs")
    } else {
        ("variant", "variants")
    }
}

/// The answer of a run of both sides of a comparison, to what it was asked.
#[derive(Debug, Serialize)]
pub(super) struct PairView {
    pub sign: &'static str,
    pub class: &'static str,
    /// Whether what was asked holds.
    pub answer: String,
    /// The figures of both sides; the first row is the head.
    pub rows: Vec<[String; 4]>,
    pub notes: Vec<String>,
    /// Both sides in one picture, on light and on dark; as SVG.
    pub picture: Option<[String; 2]>,
}

impl PairView {
    pub(super) fn of(pair: &PairAnswer) -> Self {
        let standing = pair.standing();
        let comparison = pair.comparison.as_ref().ok();
        PairView {
            sign: standing.sign(),
            class: standing.class(),
            answer: pair.answer(),
            rows: comparison.map_or_else(Vec::new, certificate_rows),
            notes: comparison.map_or_else(Vec::new, certificate_notes),
            picture: comparison.and_then(picture::of_comparison),
        }
    }
}

/// The verdict on the whole run in one sentence.
pub(super) fn headline(run: &Run, gathered: &Gathered<'_>, pair: Option<&PairAnswer>) -> String {
    let of_cells = match pair {
        Some(pair) => pair.sentence().to_owned(),
        None => headline_of_cells(run, gathered),
    };
    match run.lacks() {
        Some(lacks) => format!("{of_cells}; {lacks}"),
        None => of_cells,
    }
}

fn headline_of_cells(run: &Run, gathered: &Gathered<'_>) -> String {
    let (one, many) = noun(run);
    let all = gathered.entries.len();
    let Some(gravest) = gathered.entries.iter().map(|e| e.standing).min() else {
        return "This run has no cells.".to_owned();
    };
    if let [entry] = gathered.entries.as_slice() {
        let verdict = verdict_words(entry.cell, entry.judgement.as_ref());
        return format!("{}: {verdict}", entry.cell.plan.id);
    }
    let amount = gathered
        .entries
        .iter()
        .filter(|e| e.standing == gravest)
        .count();
    let sentence = sentence(gravest, gathered, amount == 1);
    if amount == all {
        return format!("All {} {sentence}", plural(all, one, many));
    }
    format!(
        "{} of {} {sentence}",
        count_text(amount as u64),
        plural(all, one, many)
    )
}

/// What a standing means for its cells, to follow their number.
fn sentence(standing: Standing, gathered: &Gathered<'_>, one: bool) -> &'static str {
    if standing != Standing::Unexpected {
        return standing.sentence(one);
    }
    let mut leaks = gathered
        .entries
        .iter()
        .filter(|e| e.standing == standing)
        .map(|e| {
            let judged = e.judgement.as_ref();
            e.cell.status.outcome == Some(Outcome::MemoryLimit)
                || judged.is_some_and(|j| j.verdict == Verdict::Leak)
        });
    match (leaks.clone().all(|leak| leak), leaks.any(|leak| leak), one) {
        (true, _, true) => "leaks and should not",
        (true, _, false) => "leak and should not",
        (_, false, true) => "does not leak, but is expected to",
        (_, false, false) => "do not leak, but are expected to",
        (.., one) => standing.sentence(one),
    }
}

/// The cells by standing, the gravest first. Beside the answer of a comparison they are runs that
/// were judged alone, and what is good about one of them is not good of the whole.
pub(super) fn standings(
    run: &Run,
    gathered: &Gathered<'_>,
    pair: Option<&PairAnswer>,
) -> Vec<StandingView> {
    const NAMED: usize = 24;
    let (one, many) = match pair {
        Some(_) => ("run", "runs"),
        None => noun(run),
    };
    let alone = if pair.is_some() { ", judged alone" } else { "" };
    let is_good = pair.is_none_or(|pair| pair.standing() == Standing::Good);
    let lacks = run.lacks().map(|sentence| StandingView {
        sign: Standing::Unjudged.sign(),
        class: Standing::Unjudged.class(),
        sentence,
        cells: Vec::new(),
        more: String::new(),
    });
    let of_standings = Standing::ALL.into_iter().filter_map(|standing| {
        let cells: Vec<&Entry> = gathered
            .entries
            .iter()
            .filter(|e| e.standing == standing)
            .collect();
        let amount = cells.len();
        (amount > 0).then(|| StandingView {
            sign: standing.sign(),
            class: match standing {
                Standing::Good if !is_good => Standing::Planned.class(),
                standing => standing.class(),
            },
            sentence: format!(
                "{} {}{alone}",
                plural(amount, one, many),
                match (standing, pair, amount) {
                    (Standing::Good, Some(_), 1) => "does not leak",
                    (Standing::Good, Some(_), _) => "do not leak",
                    _ => sentence(standing, gathered, amount == 1),
                }
            ),
            more: match amount.saturating_sub(NAMED) {
                0 => String::new(),
                more => count_text(more as u64),
            },
            cells: cells.into_iter().take(NAMED).map(named).collect(),
        })
    });
    lacks.into_iter().chain(of_standings).collect()
}

fn named(entry: &Entry<'_>) -> NamedCell {
    let judged = entry.judgement.as_ref().map(|j| j.reason.clone());
    NamedCell {
        id: entry.cell.plan.id.clone(),
        chart: entry.chart,
        verdict: verdict_words(entry.cell, entry.judgement.as_ref()),
        reason: judged
            .filter(|reason| !reason.is_empty())
            .unwrap_or_else(|| entry.cell.status.message.clone()),
    }
}

/// The rows of the comparison, at most `limit`.
pub(super) fn rows(gathered: &Gathered<'_>, limit: usize) -> Vec<Row> {
    let has_formula = has_formula(gathered);
    let figure = |label, value: Option<f64>, words: fn(f64) -> String| RowFigure {
        label,
        value,
        words: value.map_or_else(|| "–".to_owned(), words),
        more: String::new(),
    };
    gathered
        .entries
        .iter()
        .take(limit)
        .map(|entry| {
            let figures = &entry.figures;
            let mut measured = figure("per operation", growth_per_operation(entry), bytes_text);
            if let Some([_, low, high]) = judged_per_operation(entry) {
                let (low, high) = interval_text(low, high, Unit::Bytes);
                measured.more = format!("{low} to {high}");
            }
            let hourly = judged_rate(entry, per_hour);
            let mut last = match has_formula {
                true => {
                    let formula = entry.cell.plan.retained_bytes_per_operation;
                    figure("by formula", formula, bytes_text)
                }
                false => figure("per hour", hourly.map(|[value, ..]| value), bytes_text),
            };
            if let Some([_, low, high]) = hourly.filter(|_| !has_formula) {
                let (low, high) = interval_text(low, high, Unit::Bytes);
                last.more = format!("{low} to {high}");
            }
            let mut start = figure("memory, start", figures.memory_start_bytes, bytes_text);
            let column = figures.memory_column.as_deref();
            start.more = column.map_or_else(String::new, |column| Metric::named(column).label);
            Row {
                id: entry.cell.plan.id.clone(),
                chart: entry.chart,
                sign: entry.standing.sign(),
                class: entry.standing.class(),
                verdict: verdict_words(entry.cell, entry.judgement.as_ref()),
                role: entry.cell.plan.role.clone(),
                figures: vec![
                    figure("operations", figures.operations, number_text),
                    start,
                    figure("memory, end", figures.memory_end_bytes, bytes_text),
                    measured,
                    last,
                ],
            }
        })
        .collect()
}

/// Whether a cell has a formula of what it retains; programs of one's own have none, and their
/// growth per hour stands in its place.
pub(super) fn has_formula(gathered: &Gathered<'_>) -> bool {
    let mut entries = gathered.entries.iter();
    entries.any(|entry| entry.cell.plan.retained_bytes_per_operation.is_some())
}

/// Growth of the memory with its interval, as the judge says it.
fn judged_rate(entry: &Entry<'_>, rate: fn(&Judgement) -> Option<[f64; 3]>) -> Option<[f64; 3]> {
    rate(&memory_judgement(entry.judgement.as_ref()?)?.judgement)
}

fn judged_per_operation(entry: &Entry<'_>) -> Option<[f64; 3]> {
    judged_rate(entry, per_operation)
}

/// Growth per operation: the judge's, or from end to end of the load where it has none.
fn growth_per_operation(entry: &Entry<'_>) -> Option<f64> {
    let judged = judged_per_operation(entry).map(|[rate, ..]| rate);
    judged.or(entry.figures.bytes_per_operation)
}

/// The rows of the table of costs.
pub(super) fn costs(gathered: &Gathered<'_>) -> Vec<CostRow> {
    let counted = gathered.entries.iter().filter_map(|entry| {
        let costs = entry.costs.as_ref()?;
        Some(CostRow::of(entry.cell.plan.id.clone(), costs))
    });
    counted.collect()
}

/// The charted cells by scenario, in the order of their first cell.
pub(super) fn scenarios(gathered: &Gathered<'_>) -> Vec<ScenarioView> {
    let mut names: Vec<&str> = Vec::new();
    let charted = || gathered.entries.iter().filter(|e| e.chart.is_some());
    for entry in charted() {
        let name = entry.cell.plan.scenario.as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            let entries: Vec<&Entry> = charted().filter(|e| e.cell.plan.scenario == name).collect();
            scenario(name, &entries, &gathered.series)
        })
        .collect()
}

fn scenario(name: &str, entries: &[&Entry<'_>], series: &[CellSeries]) -> ScenarioView {
    let plan = &entries[0].cell.plan;
    let indices: Vec<usize> = entries.iter().filter_map(|e| e.chart).collect();
    let texts: Vec<String> = indices.iter().map(ToString::to_string).collect();
    let cells: Vec<&CellSeries> = indices.iter().map(|i| &series[*i]).collect();
    ScenarioView {
        name: name.to_owned(),
        finding: finding(entries),
        mechanism: plan.mechanism.clone(),
        document: plan.document.clone(),
        // Only what a browser opens as a page; a record may hold anything.
        reference: Some(plan.reference.clone())
            .filter(|r| r.starts_with("https://") || r.starts_with("http://"))
            .unwrap_or_default(),
        indices: texts.join(","),
        overlaid: entries.len() > 1,
        picture: picture::of_scenario(name, entries, &cells),
        cells: entries
            .iter()
            .zip(&indices)
            .map(|(entry, index)| CellView {
                index: *index,
                id: entry.cell.plan.id.clone(),
                facts: cell::facts(entry),
                picture: picture::of_cell(entry, &series[*index]),
                stacks: entry.answer.as_ref().map(StacksView::of),
                files: cell::files(entry.cell),
            })
            .collect(),
    }
}

/// Who retains most per operation and who least. What cannot be told from nothing is nothing.
fn finding(entries: &[&Entry<'_>]) -> String {
    let grown: Vec<(f64, String)> = entries
        .iter()
        .filter_map(|e| {
            let bytes = growth_per_operation(e)?;
            let nothing = bytes.abs() < 0.5
                || judged_per_operation(e).is_some_and(|[_, low, high]| low <= 0.0 && high >= 0.0);
            Some((if nothing { 0.0 } else { bytes }, label(e.cell)))
        })
        .collect();
    let retains = |bytes: f64| match bytes {
        0.0 => "nothing".to_owned(),
        _ => bytes_text(bytes),
    };
    let most = grown.iter().map(|(bytes, _)| *bytes).fold(0.0, f64::max);
    // Of several that are all but equal, the first of the record speaks for them.
    let worst = grown.iter().find(|(bytes, _)| *bytes >= most * 0.98);
    let best = grown.iter().min_by(|a, b| a.0.total_cmp(&b.0));
    match (worst, best) {
        (Some((bytes, worst)), _) if grown.len() == 1 => {
            format!("{worst} retains {} per operation.", retains(*bytes))
        }
        (Some((most, worst)), Some((least, best))) if most != least => format!(
            "{worst} retains {} per operation, {best} {}.",
            retains(*most),
            retains(*least)
        ),
        (Some((bytes, _)), _) => format!("All retain {} per operation.", retains(*bytes)),
        (None, _) => String::new(),
    }
}

/// The resolved configuration.
pub(super) fn configuration(run: &Run) -> Vec<Pair> {
    let c = &run.record.configuration;
    let mut pairs = Vec::new();
    let mut push = |name: &str, value: Option<String>| {
        pairs.extend(value.map(|value| Pair::new(name, value)));
    };
    push(
        "interval",
        c.interval_ms.map(|ms| duration_text(ms / 1000.0)),
    );
    push("duration", c.duration_s.map(duration_text));
    push("warm-up", c.warmup_s.map(duration_text));
    push("drain", c.drain_s.map(duration_text));
    push(
        "rate",
        c.rate
            .map(|rate| format!("{} operations per second", number_text(rate))),
    );
    push("operations", c.operations.map(count_text));
    push("repeat", Some(c.repeat.to_string()));
    push("jobs", Some(c.jobs.to_string()));
    push("seed", Some(c.seed.to_string()));
    push(
        "memory limit",
        c.memory_limit_bytes.map(|b| bytes_text(b as f64)),
    );
    push("budget", c.budget.clone());
    for (name, value) in &c.other {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        push(name, (!value.is_null()).then_some(text));
    }
    pairs
}

/// Where it ran, and what ran it.
pub(super) fn host(run: &Run) -> Vec<Pair> {
    let (host, leaklab) = (&run.record.host, &run.record.leaklab);
    let mut pairs = Vec::new();
    let mut push = |name: &str, value: String| {
        if !value.is_empty() {
            pairs.push(Pair::new(name, value));
        }
    };
    push(
        "leaklab",
        format!("{} {}", leaklab.version, leaklab.revision)
            .trim()
            .to_owned(),
    );
    let format = run.record.format;
    push("run format", format!("{}.{}", format.major, format.minor));
    push("started", run.record.started_utc.clone());
    push("operating system", host.os.clone());
    push("kernel", host.kernel.clone());
    let processors = plural(host.cpu_count as usize, "processor", "processors");
    push(
        "processor",
        format!("{} ({processors})", host.cpu).trim().to_owned(),
    );
    push("memory", bytes_text(host.memory_bytes as f64));
    push("page size", bytes_text(host.page_bytes as f64));
    push("cgroup", host.cgroup.clone());
    push(
        "descriptor limit",
        host.descriptor_limit.map_or_else(String::new, count_text),
    );
    pairs
}

/// Files of the run itself that exist, beside the page.
pub(super) fn run_files(run: &Run) -> Vec<Link> {
    const MAX_FILES: usize = 200;
    let mut links = vec![Link {
        href: "./run.json".to_owned(),
        name: "run.json".to_owned(),
    }];
    let mut charts: Vec<String> = std::fs::read_dir(run.folder.join("charts"))
        .into_iter()
        .flatten()
        .filter_map(|file| file.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".png") || name.ends_with(".svg"))
        .collect();
    charts.sort();
    links.extend(charts.into_iter().take(MAX_FILES).map(|name| Link {
        href: format!("./charts/{}", percent_encoded(&name)),
        name: format!("charts/{name}"),
    }));
    links
}
