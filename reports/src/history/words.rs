//! The story of a series in words: text, Markdown, JSON, and CSV for Apache Otava.

use super::accepted::Tolerance;
use super::change::Change;
use super::lost::lost_lines;
use super::missing::MissingNight;
use super::record::{Measured, NightRecord};
use super::standing::{SeriesState, accepted_lines, troubled_nights};
use super::story::{FigureStory, SeriesStory};
use super::together::{Says, Together};
use crate::compare::Figure;
use leaklab_judge::amount::{bytes_text, number_text, plural};
use std::fmt::Write as _;

/// Columns of a night's row, as far as the series has them.
const SHOWN: [Figure; 5] = [
    Figure::GrowthPerOperation,
    Figure::GrowthPerHour,
    Figure::Peak,
    Figure::Throughput,
    Figure::LatencyP99,
];

/// Dissolved suspicions of a figure that are told: the newest.
const SHOWN_DISSOLVED: usize = 3;

/// A figure's value as people read it.
#[must_use]
pub fn value_text(figure: Figure, value: f64) -> String {
    match figure {
        Figure::GrowthPerOperation => format!("{}/op", bytes_text(value)),
        Figure::GrowthPerHour => format!("{}/h", bytes_text(value)),
        Figure::SettledLevel | Figure::Peak => bytes_text(value),
        Figure::Throughput => format!("{}/s", number_text(value)),
        Figure::LatencyP50 | Figure::LatencyP99 | Figure::CpuPerOperation => {
            format!("{} us", number_text(value))
        }
        Figure::Descriptors | Figure::Threads => number_text(value),
        Figure::StartUp => format!("{} ms", number_text(value)),
    }
}

fn measured_text(figure: Figure, measured: &Measured) -> String {
    let value = value_text(figure, measured.value);
    if measured.standard_error > 0.0 {
        let half = 1.96 * measured.standard_error;
        let error = value_text(figure, half);
        let amount = error.split('/').next().unwrap_or_default().trim_end();
        format!("{value} ± {amount}")
    } else {
        value
    }
}

/// What a change is called: the labels that stand on both sides of it, else the times.
fn between(before: &NightRecord, after: &NightRecord) -> String {
    let labels: Vec<String> = after
        .labels
        .iter()
        .map(|(name, value)| match before.labels.get(name) {
            Some(earlier) if earlier != value => format!("{name} {earlier}..{value}"),
            _ => format!("{name} {value}"),
        })
        .collect();
    match labels.is_empty() {
        true => format!("since {}", after.day()),
        false => format!("since {}, {}", after.day(), labels.join(", ")),
    }
}

/// A night by its day and its labels.
#[must_use]
pub fn night_name(night: &NightRecord) -> String {
    let labels = night.labels.values().map(String::as_str);
    std::iter::once(night.day())
        .chain(labels)
        .collect::<Vec<_>>()
        .join(" ")
}

/// One sentence on a change.
#[must_use]
pub fn change_text(story: &SeriesStory, figure: &FigureStory, change: &Change) -> String {
    let night = figure.night_of(change);
    let Some(after) = story.nights.get(night) else {
        return String::new();
    };
    // The last night before it that was measured: others tell nothing of when it began.
    let night_at = |place: usize| story.nights.get(*figure.of_night.get(place)?);
    let before = change.night.checked_sub(1).and_then(night_at);
    let sign = if change.size.value >= 0.0 { "+" } else { "" };
    let text = |value: f64| value_text(figure.figure, value);
    let state = match change.confirmed_on {
        Some(on) => {
            let runs = plural((on + 1).saturating_sub(change.night) as u64, "run");
            let day = night_at(on).map_or("", NightRecord::day);
            format!("confirmed by {runs} on {day}")
        }
        None => match change.dissolved_on.and_then(night_at) {
            Some(on) => format!(
                "suspected and dissolved: {} did not show it",
                night_name(on)
            ),
            None => {
                "suspected; another run of this night (--confirm) or the next nights confirm or \
                     dissolve it"
                    .to_owned()
            }
        },
    };
    let range = match (change.earliest..=change.latest).count() {
        0 | 1 => String::new(),
        _ => {
            let first = change.earliest.checked_sub(1).and_then(night_at);
            let ends = first.zip(night_at(change.latest));
            ends.map_or_else(String::new, |(first, last)| {
                format!(
                    ", between {} and {} at 95 %",
                    night_name(first),
                    night_name(last)
                )
            })
        }
    };
    format!(
        "{}: {}{} ({} to {}) {}{range}; {state}",
        figure.figure.name(),
        sign,
        text(change.size.value),
        text(change.size.low),
        text(change.size.high),
        between(before.unwrap_or(after), after),
    )
}

/// The figures of `SHOWN` that the series has.
pub fn shown_figures(story: &SeriesStory) -> impl Iterator<Item = &FigureStory> {
    let of = |figure: Figure| story.figures.iter().find(move |one| one.figure == figure);
    SHOWN.into_iter().filter_map(of)
}

fn shown(story: &SeriesStory) -> Vec<Figure> {
    shown_figures(story).map(|one| one.figure).collect()
}

/// Titles of the columns of [`night_row`].
#[must_use]
pub fn night_columns(story: &SeriesStory) -> Vec<&'static str> {
    let mut columns = vec!["night", "labels", "verdict"];
    columns.extend(shown(story).into_iter().map(Figure::name));
    columns.push("change");
    columns
}

/// A night's row.
#[must_use]
pub fn night_row(story: &SeriesStory, night: usize) -> Vec<String> {
    let record = &story.nights[night];
    let labels = record
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let mut row = vec![
        record.time_text(),
        labels.collect::<Vec<_>>().join(" "),
        record.standing_text(),
    ];
    row.extend(shown(story).into_iter().map(|figure| {
        let measured = record.figure(figure);
        measured.map_or_else(|| "-".to_owned(), |m| measured_text(figure, &m))
    }));
    let changed: Vec<&str> = story
        .figures
        .iter()
        .filter(|one| one.course.changes.iter().any(|c| one.night_of(c) == night))
        .map(|one| one.figure.name())
        .collect();
    row.push(changed.join(", "));
    row
}

/// Which way a finding points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Points {
    /// A confirmed change for the worse.
    Worse,
    /// A change for the worse that another run would confirm.
    PerhapsWorse,
    /// A change for the better.
    Better,
    /// What is worse, and somebody accepted.
    Accepted,
    /// The level since the last change, and what is none.
    Level,
}

/// What is said below the table: each change, and the level of growth since the last.
#[must_use]
pub fn finding_lines(story: &SeriesStory) -> Vec<(Points, String)> {
    let mut lines = Vec::new();
    for figure in &story.figures {
        for change in &figure.course.changes {
            let is_there = story.harm().any(|(_, harm)| std::ptr::eq(harm, change));
            let (points, word) = match (change.is_harm, change.confirmed_on) {
                (true, Some(_)) if is_there => (Points::Worse, "worse"),
                (true, Some(_)) => (Points::Level, "was worse"),
                (true, None) => (Points::PerhapsWorse, "perhaps worse"),
                (false, _) => (Points::Better, "better"),
            };
            let text = change_text(story, figure, change);
            let end = match word {
                "was worse" => end_text(story, figure, change),
                _ => String::new(),
            };
            lines.push((points, format!("{word}: {text}{end}")));
        }
    }
    for figure in &story.figures {
        let dissolved = figure
            .course
            .dissolved
            .iter()
            .filter(|change| change.is_harm);
        let newest = dissolved.rev().take(SHOWN_DISSOLVED);
        let mut texts: Vec<String> = newest
            .map(|change| format!("no change: {}", change_text(story, figure, change)))
            .collect();
        texts.reverse();
        lines.extend(texts.into_iter().map(|text| (Points::Level, text)));
    }
    let level = story.figures.first().and_then(level_text);
    lines.extend(level.map(|text| (Points::Level, text)));
    lines
}

/// When a change for the worse that is undone ended.
fn end_text(story: &SeriesStory, figure: &FigureStory, change: &Change) -> String {
    let Some(end) = figure.end_of(change) else {
        return String::new();
    };
    let night = |place: usize| story.nights.get(*figure.of_night.get(place)?);
    let name = |place: Option<usize>| place.and_then(night).map_or_else(String::new, night_name);
    format!(
        "; it lasted until {} and is undone since {}",
        name(end.night.checked_sub(1)),
        name(Some(end.night))
    )
}

/// The level of a figure since its last change, with its interval.
#[must_use]
pub fn level_text(figure: &FigureStory) -> Option<String> {
    let now = figure.course.now?;
    let text = |value: f64| value_text(figure.figure, value);
    Some(format!(
        "{} over the last {}: {} ({} to {})",
        figure.figure.name(),
        plural(now.nights as u64, "night"),
        text(now.mean.value),
        text(now.mean.low),
        text(now.mean.high),
    ))
}

/// Everything that is said of a series below its table: how it stands, what changed, what is
/// missing, and what somebody accepted.
#[must_use]
pub fn closing_lines(
    story: &SeriesStory,
    tolerance: &Tolerance,
    missing: &[MissingNight],
) -> Vec<(Points, String)> {
    let mut lines = finding_lines(story);
    for night in story.last_run().filter(|night| !night.is_whole()) {
        let standing = &night.standing;
        let points = match night.exit_code {
            Some(4 | 5) => Points::Worse,
            _ => Points::PerhapsWorse,
        };
        let words = format!("the last night: {standing}; its figures are not pooled");
        lines.push((points, words));
    }
    lines.extend(Together::of(story).map(|together| {
        let points = match together.says {
            Says::Within => Points::Level,
            Says::Beyond => Points::Worse,
            Says::Open => Points::PerhapsWorse,
        };
        (points, together.words())
    }));
    for night in story.leaks_of_last_night() {
        let words = format!(
            "an earlier run of the last night, of the same build, came to: {} ({}); a later one does \
             not undo it (--label commit=… tells builds apart)",
            night.standing_text(),
            night.time_text()
        );
        lines.push((Points::Worse, words));
    }
    if let Some(words) = story.lacking_repetition() {
        lines.push((Points::PerhapsWorse, words));
    }
    let lost = lost_lines(story).into_iter();
    lines.extend(lost.map(|line| (Points::PerhapsWorse, line)));
    let troubled = troubled_nights(story, tolerance);
    let mut last = story.last_run().map(|night| &night.run);
    let of_last = last.next();
    if (troubled.nights.iter()).any(|night| Some(&night.run) != of_last) {
        let day = |night: &&NightRecord| format!("{} ({})", night_name(night), night.standing);
        let days: Vec<String> = troubled.nights.iter().map(day).collect();
        let words = format!(
            "of the last {} {} leaked or died: {}",
            plural(troubled.runs as u64, "run"),
            troubled.nights.len(),
            days.join(", ")
        );
        lines.push((Points::PerhapsWorse, words));
    }
    let mut of_series = story.missing_of(missing).peekable();
    if of_series.peek().is_none() && story.nights_since > 0 {
        lines.push((Points::Level, absence_text(story)));
    }
    lines.extend(of_series.map(|one| (Points::PerhapsWorse, one.words.clone())));
    let accepted = accepted_lines(story, tolerance).into_iter();
    lines.extend(accepted.map(|line| (Points::Accepted, line)));
    lines
}

/// Since when a series is not run, and what its last night was.
fn absence_text(story: &SeriesStory) -> String {
    let Some(last) = story.nights.last() else {
        return String::new();
    };
    let since = plural(story.nights_since as u64, "night");
    let run_as = story.replaced_by.as_deref();
    let run_as = run_as.map_or_else(String::new, |other| {
        format!(", and its cell is run as `{other}` since then")
    });
    let gates = match story.is_current {
        true => "",
        false => "; it does not gate any more",
    };
    format!(
        "not run since {}, its last night ({}): {since} of others came after it{run_as}{gates}",
        night_name(last),
        last.standing_text(),
    )
}

/// How a series stands, with its sign.
#[must_use]
pub fn state_text(state: SeriesState) -> String {
    format!("{} {}", state.sign(), state.words())
}

/// The series as a Markdown table with its findings.
#[must_use]
pub fn markdown(story: &SeriesStory, tolerance: &Tolerance, missing: &[MissingNight]) -> String {
    let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
    let columns = night_columns(story);
    let mut text = format!(
        "### {}\n\n{} · **{}**\n\n",
        cell(&story.series),
        cell(&story.host_class),
        state_text(SeriesState::of(story, tolerance, missing)),
    );
    let _ = writeln!(text, "| {} |", columns.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(columns.len()));
    for night in 0..story.nights.len() {
        let row: Vec<String> = night_row(story, night)
            .iter()
            .map(|one| cell(one))
            .collect();
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text.push('\n');
    for (_, line) in closing_lines(story, tolerance, missing) {
        let _ = writeln!(text, "- {}", cell(&line));
    }
    text
}

/// The series as CSV for Apache Otava: a time, the labels, a column per figure.
#[must_use]
pub fn otava_csv(story: &SeriesStory) -> String {
    let quoted = |text: &str| match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    let names: std::collections::BTreeSet<&str> = story
        .nights
        .iter()
        .flat_map(|record| record.labels.keys().map(String::as_str))
        .collect();
    let figures: Vec<Figure> = story.figures.iter().map(|one| one.figure).collect();
    let mut text = String::from("time");
    for column in names.iter().map(|name| quoted(name)) {
        let _ = write!(text, ",{column}");
    }
    for figure in &figures {
        let _ = write!(text, ",{}", figure.name().replace(' ', "_"));
    }
    text.push('\n');
    for record in &story.nights {
        text.push_str(&record.time_utc);
        for name in &names {
            let value = record.labels.get(*name).map_or("", String::as_str);
            let _ = write!(text, ",{}", quoted(value));
        }
        for figure in &figures {
            let value = record.figure(*figure);
            let _ = write!(
                text,
                ",{}",
                value.map_or_else(String::new, |m| m.value.to_string())
            );
        }
        text.push('\n');
    }
    text
}
