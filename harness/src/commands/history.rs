//! `leaklab history`: nights in order, and what changed when.

use crate::acknowledged::acknowledgements;
use crate::commands::{plain_table, print};
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::nights;
use crate::results::judged::judge_all;
use crate::text::nearest;
use crate::words::say;
use anyhow::Context;
use leaklab_reports::cell::file_name;
use leaklab_reports::chart::{ChartOptions, Picture};
use leaklab_reports::history::{
    AcceptedUpTo, Acknowledgement, MissingNight, SeriesState, SeriesStory, Tolerance,
    accepted_lines, openmetrics_of_series, picture, stories, words,
};
use leaklab_reports::page::render_nights;
use leaklab_run::{Run, write_atomically};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Tell what changed over nights: growth, memory, throughput, latency and CPU time.
///
/// Each run leaves a line per cell in OUT/history.jsonl. Nights of one cell, with the same
/// parameters and rate, on machines of one class, make a series. Estimates are pooled by their
/// precision since the last change, so that nights which decide nothing by themselves add up.
///
/// A night is missing when the time since the last one is longer than nights here usually are
/// apart (learned from five of them or more), or than --missing-after.
///
/// A night that died, was cut short or could not be measured is shown as what it was and is not
/// pooled with the others. One that was not decided is no green, unless the nights together lie
/// within the budget; nights that were too short or too noisy add up, blind ones do not.
///
/// Exit code: 4 if the last night of a series could not be measured, 5 if it died, 1 if something
/// has become worse and is confirmed, or the last night leaks, alone or with those before it, or is
/// not what it declares, and nobody accepted it (leaklab.ack.toml); 3 if the last night is missing,
/// was cut short or is not decided, a change for the worse is suspected, or a figure is not recorded
/// any more; else 0. What is suspected is confirmed or dissolved by the next nights. A series that
/// is not run any more is told, is missing (3) while its rhythm asks for it, and does not gate once
/// ten other nights were, or three of its cell with other parameters or on other machines.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  leaklab run --label commit=$(git rev-parse --short HEAD) -- ./shop    a night
  leaklab history                                                       all of them
  leaklab history --cell shop --format markdown                         for a ticket
  leaklab history --html nights.html                                    a page that works offline
  leaklab history --charts nights                                       a picture per figure
  leaklab history --rebuild                                             again from run folders

What is accepted stands in leaklab.ack.toml (FORMAT.md):
  [[accept]]
  cell = \"shop\"                     # how its address begins
  figure = \"growth-per-operation\"   # or growth-per-hour, throughput, p50, p99, cpu, peak, settled,
                                    # descriptors, threads, start-up
  up-to = \"64B/op\"                  # or 2MiB/h, 450/s, 2ms, 64MiB, 20
  reason = \"ticket 123\"
  owner = \"storage team\"
  expires = \"2026-12-31\"            # the last day on which it holds
  [[quarantine]]                    # cell, reason, owner, expires: runs, is told, does not gate;
                                    # so does a series that is not to be run any more")]
pub struct Arguments {
    /// Folder that holds `runs`, or a file of history lines.
    #[arg(default_value = "leaklab-out", env = "LEAKLAB_OUT")]
    place: PathBuf,
    /// Only cells whose address holds this.
    #[arg(long)]
    cell: Option<String>,
    /// Only nights on machines whose class holds this.
    #[arg(long, value_name = "NAME")]
    host_class: Option<String>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Make the history again from the run folders that are there.
    #[arg(long)]
    rebuild: bool,
    /// Write a page with a picture per figure, which works offline, to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Draw each figure over nights, as PNG and SVG in this folder.
    #[arg(long, value_name = "FOLDER")]
    charts: Option<PathBuf>,
    /// What is accepted, as below [default: leaklab.ack.toml, if there is one].
    #[arg(long, value_name = "FILE")]
    ack: Option<PathBuf>,
    /// Time after which the last night counts as missing [default: learned from the nights].
    #[arg(long, value_name = "DURATION", value_parser = crate::commands::arguments::parse_positive)]
    missing_after: Option<Duration>,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Tables and sentences.
    Human,
    /// A JSON array with a story per series.
    Json,
    /// Markdown tables.
    Markdown,
    /// CSV as Apache Otava reads it; for one series.
    OtavaCsv,
    /// OpenMetrics text: the newest night of each series.
    Openmetrics,
}

/// Tells the story of each series.
///
/// # Errors
///
/// A usage error where there is no history; what keeps it from being read.
pub fn execute(arguments: Arguments) -> anyhow::Result<Exit> {
    let path = match arguments.place.is_dir() {
        true => nights::history_file(&arguments.place),
        false => arguments.place.clone(),
    };
    if arguments.rebuild {
        rebuild(&arguments.place, &path)?;
    }
    let acknowledged = acknowledgements(arguments.ack.as_deref())?;
    let mut read = nights::read(&path)?;
    tell_left_out(&path, &read.damaged, "damaged");
    tell_left_out(&path, &read.in_the_future, "dated in the future");
    let all = std::mem::take(&mut read.records);
    if all.is_empty() {
        return Err(usage(format!(
            "no night in `{}` (hint: `leaklab run` appends to it; `leaklab history --rebuild` makes it from run folders)",
            path.display()
        )));
    }
    // Whether a series is still run, the others say.
    let stories = arguments.wanted(stories(all), &acknowledged)?;
    let tolerance = Tolerance {
        acknowledged,
        budgets: Config::read(None)?.harm,
    };
    let missing = nights::missing(&path, &read, &stories, arguments.missing_after, &tolerance);
    match arguments.format {
        Format::Human => print(&human(&stories, &tolerance, &missing))?,
        Format::Json => print(&json(&stories, &tolerance, &missing)?)?,
        Format::Markdown => {
            let of = |story| words::markdown(story, &tolerance, &missing);
            print(&stories.iter().map(of).collect::<Vec<_>>().join("\n"))?;
        }
        Format::OtavaCsv => match &stories[..] {
            [one] => print(&words::otava_csv(one))?,
            several => {
                return Err(usage(format!(
                    "there are {} series, and this format holds one (hint: --cell NAME)",
                    several.len()
                )));
            }
        },
        Format::Openmetrics => {
            print(&openmetrics_of_series(&stories, &tolerance, &missing))?;
        }
    }
    if let Some(path) = &arguments.html {
        let place = arguments.place.display().to_string();
        let page = render_nights(&place, &stories, &tolerance, &missing, None)?;
        write_atomically(path, page.as_bytes())
            .with_context(|| format!("cannot write `{}`", path.display()))?;
        say!("page    {}", path.display());
    }
    if let Some(folder) = &arguments.charts {
        draw(&stories, folder)?;
    }
    for line in &missing {
        say!("{}", line.words);
    }
    let of = |story| {
        Exit::of_code(
            SeriesState::of(story, &tolerance, &missing)
                .exit_code()
                .into(),
        )
    };
    Ok(stories.iter().map(of).fold(Exit::Good, Exit::or_graver))
}

impl Arguments {
    /// The stories that are asked for; says which acknowledgements are of none of all.
    ///
    /// # Errors
    ///
    /// A usage error if none is, with what there is.
    fn wanted(
        &self,
        all: Vec<SeriesStory>,
        acknowledged: &[Acknowledgement],
    ) -> anyhow::Result<Vec<SeriesStory>> {
        for one in acknowledged {
            let is_of = |story: &&SeriesStory| one.is_of_series(&story.series, story.cell());
            let of_it: Vec<&SeriesStory> = all.iter().filter(is_of).collect();
            let is_measured = |story: &&SeriesStory| match one.what {
                AcceptedUpTo::Quarantine => true,
                AcceptedUpTo::Figure(figure, _) => {
                    story.figures.iter().any(|known| known.figure == figure)
                }
            };
            let what = match of_it.iter().any(is_measured) {
                true => continue,
                false if of_it.is_empty() => "is of it",
                false => "of it has that figure",
            };
            let (cell, words) = (&one.cell, one.words());
            say!("note: `{cell}` is accepted, and no night {what}: {words}");
        }
        let holds = |part: Option<&str>, text: &str| part.is_none_or(|part| text.contains(part));
        let (cell, class) = (self.cell.as_deref(), self.host_class.as_deref());
        let is_wanted =
            |story: &SeriesStory| holds(cell, story.cell()) && holds(class, &story.host_class);
        if all.iter().any(is_wanted) {
            return Ok(all.into_iter().filter(is_wanted).collect());
        }
        let cells: BTreeSet<&str> = all.iter().map(SeriesStory::cell).collect();
        let classes: BTreeSet<&str> = all.iter().map(|story| story.host_class.as_str()).collect();
        for (flag, part, known) in [("--cell", cell, cells), ("--host-class", class, classes)] {
            let Some(part) = part.filter(|part| !known.iter().any(|name| name.contains(part)))
            else {
                continue;
            };
            let words = known
                .iter()
                .flat_map(|name| name.split("::").chain([*name]));
            let meant = nearest(part, words)
                .map_or_else(String::new, |name| format!("; did you mean `{name}`?"));
            let named: Vec<&str> = known.iter().take(NAMED).copied().collect();
            let more = if known.len() > NAMED { ", …" } else { "" };
            return Err(usage(format!(
                "`{flag} {part}` is of no night{meant} (there are {}{more})",
                named.join(", ")
            )));
        }
        Err(usage("no night is of that cell on that class of machines"))
    }
}

/// Names that a message holds: the first.
const NAMED: usize = 5;

/// Says which lines of a history are left out, and why.
fn tell_left_out(path: &Path, lines: &[usize], what: &str) {
    if lines.is_empty() {
        return;
    }
    let named: Vec<String> = lines.iter().take(NAMED).map(usize::to_string).collect();
    let more = if lines.len() > NAMED { ", …" } else { "" };
    let (word, are) = if lines.len() == 1 {
        ("line", "is")
    } else {
        ("lines", "are")
    };
    let (named, path) = (named.join(", "), path.display());
    say!("note: {word} {named}{more} of `{path}` {are} {what} and left out");
}

/// Draws each figure of each series; the paths go to stderr.
fn draw(stories: &[SeriesStory], folder: &Path) -> anyhow::Result<()> {
    let options = ChartOptions::default();
    for story in stories {
        for figure in &story.figures {
            let Some(overlay) = picture(story, figure) else {
                continue;
            };
            let stem = file_name(&format!("{} {}", story.series, figure.figure.name()));
            let paths = Picture::overlay(&overlay, &options)?.write_new(folder, &stem)?;
            for path in paths {
                say!("chart   {}", path.display());
            }
        }
    }
    Ok(())
}

/// The stories, each with how it stands, what is missing and what somebody accepted.
fn json(
    stories: &[SeriesStory],
    tolerance: &Tolerance,
    missing: &[MissingNight],
) -> serde_json::Result<String> {
    let of = |story: &SeriesStory| {
        let mut value = serde_json::to_value(story)?;
        let state = SeriesState::of(story, tolerance, missing);
        let last = story.nights.last();
        let missing = story.missing_of(missing);
        value["state"] = serde_json::to_value(state)?;
        value["exit_code"] = state.exit_code().into();
        value["last_night"] = last.map(|night| night.standing.as_str()).into();
        value["missing"] = missing.map(|one| one.words.as_str()).collect();
        value["accepted"] = accepted_lines(story, tolerance).into();
        Ok(value)
    };
    let all: serde_json::Result<Vec<serde_json::Value>> = stories.iter().map(of).collect();
    Ok(format!("{}\n", serde_json::to_string_pretty(&all?)?))
}

fn human(stories: &[SeriesStory], tolerance: &Tolerance, missing: &[MissingNight]) -> String {
    let mut text = String::new();
    for story in stories {
        let mut table = plain_table(&words::night_columns(story));
        for night in 0..story.nights.len() {
            table.add_row(words::night_row(story, night));
        }
        let state = words::state_text(SeriesState::of(story, tolerance, missing));
        text.push_str(&format!(
            "{} on {}: {state}\n{table}\n\n",
            story.series, story.host_class
        ));
        for (_, line) in words::closing_lines(story, tolerance, missing) {
            text.push_str(&line);
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// Reads every run folder below `place` and writes its cells' lines anew; lines of runs whose
/// folders are gone stay.
fn rebuild(place: &Path, path: &Path) -> anyhow::Result<()> {
    let runs = place.join("runs");
    let folders =
        std::fs::read_dir(&runs).with_context(|| format!("cannot read `{}`", runs.display()))?;
    let mut records = Vec::new();
    let mut opened = Vec::new();
    for folder in folders {
        match Run::open(&folder?.path()) {
            Ok(run) => opened.push(run),
            Err(error) => say!("note: left out: {error}"),
        }
    }
    // A merged run holds what its parts hold: a night counts once.
    let own: BTreeSet<String> = opened.iter().map(|run| run.record.id.clone()).collect();
    let is_told = |run: &&Run| {
        let parts = run.merged_from();
        let is_part_of = |other: &Run| {
            let others = other.merged_from();
            let order = |run: &Run, parts: usize| (parts, run.record.id.clone());
            order(other, others.len()) > order(run, parts.len())
                && parts.iter().any(|part| others.contains(part))
        };
        parts.iter().any(|part| own.contains(part)) || opened.iter().any(is_part_of)
    };
    for run in opened.iter().filter(|run| !is_told(run)) {
        judge_all(&run.cells, &Default::default(), |judged| {
            records.push(nights::record_of(run, &judged));
            Ok::<(), anyhow::Error>(())
        })?;
    }
    let earlier = nights::read(path)?.records.into_iter();
    records.extend(earlier.filter(|record| !own.contains(&record.run)));
    records.sort_by(|a, b| (&a.time_utc, &a.run).cmp(&(&b.time_utc, &b.run)));
    nights::replace(path, &records)
}
