//! `OUT/history.jsonl`: a line per cell of each run, appended under a lock, so that harnesses
//! that end at the same moment lose nothing.

use crate::exit::Exit;
use crate::results::judged::JudgedCell;
use crate::results::{OnInconclusive, TestSuite};
use crate::run_life::run_life;
use anyhow::Context;
use leaklab_reports::cell::{Standing, is_too_wide};
use leaklab_reports::compare::Side;
use leaklab_reports::history::{
    MissingNight, NightRecord, Records, SeriesStory, Tolerance, missing_nights, read_history,
    stories, words,
};
use leaklab_reports::page::RunLife;
use leaklab_run::{Run, runs_of, write_atomically};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The history that belongs to a folder of runs.
pub fn history_file(out: &Path) -> PathBuf {
    out.join("history.jsonl")
}

/// The line of each cell that has something to tell.
pub fn records_of(run: &Run, judged: &[JudgedCell<'_>]) -> Vec<NightRecord> {
    judged.iter().map(|one| record_of(run, one)).collect()
}

/// The line of one cell; with nothing sampled it has no figures.
pub fn record_of(run: &Run, judged: &JudgedCell<'_>) -> NightRecord {
    let side = Side::from_cell(run, judged.cell, &Default::default());
    let mut record = NightRecord::of(run, judged.cell, side.ok().as_ref());
    let standing = judged.standing();
    record.standing = judged.said();
    record.is_good = standing == Standing::Good;
    record.exit_code = Some(standing.exit_code());
    let judgement = judged.judgement.as_ref();
    if let Ok(judgement) = judgement {
        record.note_leaks(judgement);
    }
    record.is_too_wide = judgement.is_ok_and(|judgement| is_too_wide(judged.cell, judgement));
    record
}

/// Appends `records` to `path`, whole lines in one write, under the file's lock.
///
/// # Errors
///
/// What keeps it from being written, with the path.
pub fn append(path: &Path, records: &[NightRecord]) -> anyhow::Result<()> {
    let mut lines = lines_of(records)?;
    let mut write = || -> std::io::Result<()> {
        let mut file = File::options()
            .create(true)
            .append(true)
            .read(true)
            .open(path)?;
        file.lock()?;
        // A line that was torn by a full disk must not swallow this one.
        let length = file.metadata()?.len();
        if length > 0 && !ends_with_newline(&file, length)? {
            lines.insert(0, b'\n');
        }
        file.write_all(&lines)?;
        file.sync_data()
    };
    write().with_context(|| format!("cannot write `{}`", path.display()))
}

fn lines_of(records: &[NightRecord]) -> serde_json::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Writes a history that holds `records` in place of the one that is there.
///
/// # Errors
///
/// What keeps it from being written, with the path.
pub fn replace(path: &Path, records: &[NightRecord]) -> anyhow::Result<()> {
    write_atomically(path, &lines_of(records)?)
        .with_context(|| format!("cannot write `{}`", path.display()))
}

fn ends_with_newline(file: &File, length: u64) -> std::io::Result<bool> {
    let mut last = [0];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut last, length - 1)?;
    Ok(last == *b"\n")
}

/// Reads a history; one that does not exist is empty.
///
/// # Errors
///
/// What keeps it from being read, with the path.
pub fn read(path: &Path) -> anyhow::Result<Records> {
    let context = || format!("cannot read `{}`", path.display());
    match File::open(path) {
        Ok(file) if file.metadata().with_context(context)?.is_file() => {
            read_history(BufReader::new(file), SystemTime::now()).with_context(context)
        }
        Ok(_) => anyhow::bail!("`{}` is not a file", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Records::default()),
        Err(error) => Err(error).with_context(context),
    }
}

/// The nights that are missing now, by their rhythm or by `most`; so are a newest line of the file
/// `path` that is damaged, and a newest run beside it that left none.
pub fn missing(
    path: &Path,
    read: &Records,
    stories: &[SeriesStory],
    most: Option<Duration>,
    tolerance: &Tolerance,
) -> Vec<MissingNight> {
    let newest = read.damaged.last().filter(|_| read.is_newest_damaged);
    let torn = newest.map(|line| {
        MissingNight::of_all(&format!(
            "line {line}, the newest of the history, is damaged"
        ))
    });
    let late = missing_nights(stories, SystemTime::now(), most, tolerance);
    let lacking = lacking_shards(stories);
    let unsaid = unsaid(path.parent().unwrap_or(path), stories);
    torn.into_iter()
        .chain(unsaid)
        .chain(lacking)
        .chain(late)
        .collect()
}

/// The newest run below `out`, if its harness died before it left a line.
fn unsaid(out: &Path, stories: &[SeriesStory]) -> Option<MissingNight> {
    let run = Run::open(&runs_of(out).pop()?).ok()?;
    let mut nights = stories.iter().flat_map(|story| &story.nights);
    // Others, as of `ab`, leave no lines.
    let is_night = run.record.command.get(1).is_some_and(|word| word == "run");
    let is_unsaid = is_night && nights.all(|night| night.run != run.record.id);
    (is_unsaid && run_life(&run, SystemTime::now()) == RunLife::Gone).then(|| {
        MissingNight::of_all(&format!(
            "the harness of `{}` died without a word (hint: `leaklab resume` goes on with it, \
             `leaklab history --rebuild` takes what it saw)",
            run.record.id
        ))
    })
}

/// What the newest run lacks, if it was merged without some of its shards.
fn lacking_shards(stories: &[SeriesStory]) -> Option<MissingNight> {
    let nights = stories.iter().flat_map(|story| &story.nights);
    // Of wholes that were merged of the same parts, that which has most of them.
    let newest = nights.max_by(|a, b| {
        (a.time_utc.cmp(&b.time_utc))
            .then(b.missing_shards.len().cmp(&a.missing_shards.len()))
            .then(a.run.cmp(&b.run))
    })?;
    let shards = newest.missing_shards.join(", ");
    (!shards.is_empty()).then(|| {
        MissingNight::of_all(&format!(
            "shard {shards} of `{}`, and nothing is known of its cells",
            newest.run
        ))
    })
}

/// What a run has changed in its series: a change for the worse that only it has shown, or one that
/// it has confirmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarms {
    /// One sentence for each that another run would confirm.
    pub suspected: Vec<String>,
    /// One sentence for each that is confirmed and that nobody accepted.
    pub confirmed: Vec<String>,
}

impl Alarms {
    /// What they add to the exit code.
    pub fn exit(&self) -> Exit {
        match (self.confirmed.is_empty(), self.suspected.is_empty()) {
            (false, _) => Exit::Bad,
            (true, false) => Exit::Inconclusive,
            (true, true) => Exit::Good,
        }
    }

    /// The same as a suite of tests: what gates fails there.
    pub fn suite(&self, on_inconclusive: OnInconclusive) -> TestSuite {
        let mut suite = TestSuite::with("history", on_inconclusive);
        for (alarms, is_sure) in [(&self.confirmed, true), (&self.suspected, false)] {
            for alarm in alarms {
                let name = alarm.split(" (").next().unwrap_or(alarm);
                suite.add_finding(name, is_sure, alarm);
            }
        }
        suite
    }
}

/// The alarms of the series that `run` belongs to, once its lines are in the history.
///
/// # Errors
///
/// What keeps the history from being read.
pub fn alarms_of(run: &str, path: &Path, tolerance: &Tolerance) -> anyhow::Result<Alarms> {
    let mut alarms = Alarms::default();
    for story in stories(read(path)?.records) {
        if story.nights.last().is_none_or(|night| night.run != run) {
            continue;
        }
        for (figure, change) in story.harm().chain(story.suspected()) {
            if tolerance.of_change(&story, figure, change).is_some() {
                continue;
            }
            let last = figure.of_night.len().checked_sub(1);
            let words = || {
                let words = words::change_text(&story, figure, change);
                format!("{}: {words}", story.series)
            };
            match change.confirmed_on {
                None => alarms.suspected.push(words()),
                Some(night) if Some(night) == last => alarms.confirmed.push(words()),
                Some(_) => {}
            }
        }
    }
    Ok(alarms)
}

/// Labels as `--label` gives them: `NAME=VALUE`.
///
/// # Errors
///
/// What a label must look like.
pub fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() && text.len() <= 400 => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("a label is NAME=VALUE, like commit=a1b2c3".to_owned()),
    }
}

/// The class of a machine as `--host-class` gives it.
///
/// # Errors
///
/// What a class must look like.
pub fn parse_host_class(text: &str) -> Result<String, String> {
    let text = text.trim();
    match !text.is_empty() && text.len() <= 120 && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err("a class of machines is a short name, like ci-large".to_owned()),
    }
}
