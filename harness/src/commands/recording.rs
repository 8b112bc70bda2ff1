//! A recording as an argument of `chart` and `report`.

use crate::commands::sources::{TableArguments, is_readable, series_of};
use crate::exit::usage;
use leaklab_judge::Verdict;
use leaklab_reports::cell::{VerdictOptions, file_name};
use leaklab_reports::chart::ChartOptions;
use leaklab_reports::page::{PAGE_TEXT_ROOM, Recorded, recording_page};
use leaklab_run::{Address, write_atomically};
use std::path::{Path, PathBuf};

/// Whether an argument names a file, or a pipe, that is no part of a run.
pub fn is_recording(name: &str) -> bool {
    let path = Path::new(name);
    is_readable(path) && (!path.is_file() || Address::parse(name).resolve().is_err())
}

/// The judged series of a recording.
fn recorded(name: &str, tables: &TableArguments) -> anyhow::Result<Vec<Recorded>> {
    let all = series_of(name, tables, &VerdictOptions::default())?;
    all.iter()
        .map(|named| {
            let series = named.series()?;
            Ok(Recorded {
                name: named.name.clone(),
                notes: named.notes.clone(),
                metric: named.metric(),
                times_s: series.time_s.to_vec(),
                values: series.value.to_vec(),
                restarts_s: series.restarts.map(<[f64]>::to_vec).unwrap_or_default(),
                judgement: named.judge()?,
            })
        })
        .collect()
}

/// Draws each series of a recording; the paths.
///
/// # Errors
///
/// A usage error for what cannot be read; what keeps pictures from being written.
pub fn draw(
    name: &str,
    tables: &TableArguments,
    folder: &Path,
    options: &ChartOptions,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    let recorded = recorded(name, tables)?;
    for one in recorded.iter().take(options.most_series) {
        let stem = file_name(&one.name);
        paths.extend(one.picture(options)?.write_new(folder, &stem)?);
    }
    if recorded.len() > options.most_series {
        return Err(usage(format!(
            "`{name}` holds {} series, of which {} are drawn; pick some with --only, or say --lines",
            recorded.len(),
            options.most_series
        )));
    }
    Ok(paths)
}

/// Writes the report of a recording; its path.
///
/// # Errors
///
/// As [`draw`].
pub fn report(
    name: &str,
    tables: &TableArguments,
    output: Option<&Path>,
    out: &Path,
    most: usize,
) -> anyhow::Result<PathBuf> {
    let mut recorded = recorded(name, tables)?;
    let mut notes = Vec::new();
    // The gravest come first, and are the last to be left out.
    recorded.sort_by_key(|one| match one.judgement.verdict {
        Verdict::Leak => 0,
        Verdict::Inconclusive => 1,
        Verdict::NoLeak => 2,
    });
    if recorded.len() > most {
        notes.push(format!("{most} of {} series are shown.", recorded.len()));
        recorded.truncate(most);
    }
    let title = Path::new(name)
        .file_name()
        .map_or(name.into(), |n| n.to_string_lossy());
    let command = command_text();
    let options = ChartOptions {
        text_room: PAGE_TEXT_ROOM,
        ..ChartOptions::default()
    };
    let html = recording_page(&title, &command, &notes, &recorded, &options)?;
    let path = match output {
        Some(path) => path.to_owned(),
        None => out.join("reports").join(file_name(&title) + ".html"),
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    write_atomically(&path, html.as_bytes())?;
    Ok(path)
}

/// The command of this process as a shell takes it, flags and all.
fn command_text() -> String {
    let given = std::env::args_os().skip(1);
    let words: Vec<String> = given
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    // A word with a NUL, which no argument can hold, is all that cannot be quoted.
    let quoted = shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default();
    format!("leaklab {quoted}")
}
