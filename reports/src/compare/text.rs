//! A comparison for people: plain text and Markdown.

use super::alike::Unlike;
use super::certificate::{Basis, Comparison, Difference, with_error};
use super::effect::Effect;
use super::gauge::GaugeCourse;
use super::ranking::Ranking;
use super::ratio::Estimate;
use super::side::Side;
use crate::cell::MetricUnit;
use leaklab_judge::Unit;
use leaklab_judge::amount::{amount_text, number_text, signed_amount_text};

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Columns of spaces.
    Text,
    /// A table for tickets.
    Markdown,
}

/// The certificate as text.
pub fn text(comparison: &Comparison, format: Format) -> String {
    let mut out = String::new();
    let sentence = &comparison.sentence;
    match format {
        Format::Text => out += &format!("{sentence}\n\n"),
        Format::Markdown => out += &format!("**{}**\n\n", escaped(sentence)),
    }
    out += &table(&certificate_rows(comparison), format);
    out += "\n";
    for line in certificate_notes(comparison) {
        out += &match format {
            Format::Text => format!("{line}\n"),
            Format::Markdown => format!("- {}\n", escaped(&line)),
        };
    }
    out
}

/// A name or sentence inside Markdown: what came from a program cannot format it.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\`*_[]<>|#~".contains(character) {
            escaped.push('\\');
        }
        escaped.push(if character.is_control() {
            ' '
        } else {
            character
        });
    }
    escaped
}

/// The figures of both sides, with their names and changes; the first row is the head.
pub fn certificate_rows(comparison: &Comparison) -> Vec<[String; 4]> {
    let (before, after) = (&comparison.before, &comparison.after);
    let mut rows = vec![
        ["", "before", "after", "change"].map(str::to_owned),
        [
            "cell".to_owned(),
            before.name.clone(),
            after.name.clone(),
            String::new(),
        ],
        [
            "verdict".to_owned(),
            before.verdict_words(),
            after.verdict_words(),
            String::new(),
        ],
    ];
    let unit = after.unit.judged();
    let growth = [
        (
            "growth per operation",
            before.per_operation,
            after.per_operation,
        ),
        ("growth per hour", before.per_hour, after.per_hour),
    ];
    for (name, b, a) in growth {
        if b.is_none() && a.is_none() {
            continue;
        }
        let both = b.zip(a).filter(|_| comparison.basis.is_some());
        let change = both.map(|(b, a)| signed_amount_text(a.value - b.value, unit));
        rows.push([
            name.to_owned(),
            interval(b.as_ref(), unit),
            interval(a.as_ref(), unit),
            change.unwrap_or_default(),
        ]);
    }
    for change in &comparison.changes {
        rows.push([
            change.label().to_owned(),
            change.shown(change.before),
            change.shown(change.after),
            changed(change),
        ]);
    }
    for gauge in comparison.gauges.iter().take(MOST_GAUGES) {
        let last = |course: &Option<GaugeCourse>| {
            let course = course.as_ref();
            course.map_or("-".to_owned(), |one| number_text(one.last))
        };
        rows.push([
            gauge.name.clone(),
            last(&gauge.before),
            last(&gauge.after),
            moves(gauge.before.as_ref(), gauge.after.as_ref(), unit),
        ]);
    }
    rows
}

/// Gauges that get a row, those first that move with the memory.
const MOST_GAUGES: usize = 8;

/// Share of the memory's movement below which a gauge explains nothing.
const EXPLAINS_PERCENT: f64 = 50.0;

/// `+1 = +1.19 KiB, explains 99 %`, of the side where the gauge explains more.
fn moves(before: Option<&GaugeCourse>, after: Option<&GaugeCourse>, unit: Unit) -> String {
    let share = |course: &&GaugeCourse| course.explains_percent.unwrap_or(0.0);
    let sides = before.into_iter().chain(after);
    let best = sides.max_by(|a, b| share(a).total_cmp(&share(b)));
    let Some((course, bytes)) = best
        .filter(|course| share(course) >= EXPLAINS_PERCENT)
        .and_then(|course| Some((course, course.bytes_each?)))
    else {
        return String::new();
    };
    format!(
        "+1 = {}, explains {:.0} %",
        signed_amount_text(bytes, unit),
        share(&course).floor()
    )
}

/// `-82.0 % (-83.1 % to -80.9 %)`, and the budget where there is one.
fn changed(effect: &Effect) -> String {
    let mut text = effect.percent.map_or(String::new(), percent);
    if let Some(ratio) = effect.ratio.filter(|_| !text.is_empty()) {
        let end = |ratio: f64| percent(100.0 * (ratio - 1.0));
        text.push_str(&format!(" ({} to {})", end(ratio.low), end(ratio.high)));
    }
    if effect.budget.is_some() {
        text.push_str(&format!(", budget {}", effect.budget_words()));
    }
    text
}

/// `+12.5 %`, and `× 1,397` where percent would be unreadable.
fn percent(percent: f64) -> String {
    match percent {
        p if p >= 1000.0 => format!("× {}", number_text((1.0 + p / 100.0).round())),
        p if p.abs() < 0.05 => "0 %".to_owned(),
        p => format!("{p:+.1} %"),
    }
}

/// `1.00 MiB (0.99 to 1.01 MiB)`.
fn interval(estimate: Option<&Estimate>, unit: Unit) -> String {
    estimate.map_or("-".to_owned(), |estimate| {
        format!(
            "{} ({} to {})",
            amount_text(estimate.value, unit),
            amount_text(estimate.low, unit),
            amount_text(estimate.high, unit)
        )
    })
}

/// What stands below the table.
pub fn certificate_notes(comparison: &Comparison) -> Vec<String> {
    let mut notes = Vec::new();
    let basis = comparison.basis.map_or("", Basis::words);
    if let Some(removed) = &comparison.removed_percent {
        notes.push(if removed.value < 0.0 {
            format!(
                "none of the growth is removed: it is {:.2} times as large",
                1.0 - removed.value / 100.0
            )
        } else {
            format!(
                "share of the growth removed: {} % at 95 % confidence",
                with_error(removed)
            )
        });
    }
    if let Some(test) = &comparison.remaining {
        let word = if test.within {
            "within"
        } else if test.beyond {
            "beyond"
        } else {
            "not shown to be within"
        };
        notes.push(format!(
            "what remains is {word} the budget of {} {basis} (equivalence by two one-sided tests, p {})",
            comparison.amount(test.budget),
            p_value(test.p_value)
        ));
    }
    notes.push(comparison.answer.words());
    notes.extend(unlike_notes(&comparison.changes));
    if comparison.runs() == 1 && comparison.changes.iter().any(|one| one.ratio.is_some()) {
        notes.push(
            "one run of a side does not show how much runs differ: 25 % is taken for times and \
             rates, 5 % for levels and counts (--repeat measures it)"
                .to_owned(),
        );
    }
    for (when, side) in [("before", &comparison.before), ("after", &comparison.after)] {
        if let Some(trouble) = &side.trouble {
            notes.push(format!("{when} did not complete: {trouble}"));
        }
        notes.push(format!("{when}: {}", side.reason));
    }
    notes.extend(comparison.differences.iter().map(differing));
    notes
}

/// Which figures are not simply held against each other, a line for each reason.
fn unlike_notes(effects: &[Effect]) -> Vec<String> {
    let mut notes: Vec<(Unlike, Vec<&str>)> = Vec::new();
    for (effect, unlike) in effects.iter().filter_map(|one| Some((one, one.unlike?))) {
        match notes.iter_mut().find(|(of, _)| *of == unlike) {
            Some((_, labels)) => labels.push(effect.label()),
            None => notes.push((unlike, vec![effect.label()])),
        }
    }
    let note = |(unlike, labels): (Unlike, Vec<&str>)| format!("{}: {unlike}", labels.join(", "));
    notes.into_iter().map(note).collect()
}

fn differing(difference: &Difference) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not recorded".to_owned());
    format!(
        "differs: {} is {} before and {} after",
        difference.what,
        value(&difference.before),
        value(&difference.after)
    )
}

fn p_value(p: f64) -> String {
    if p < 0.0001 {
        "< 0.0001".to_owned()
    } else {
        format!("= {p:.4}")
    }
}

/// Rows of equal length, the first of them the header.
fn table<const N: usize>(rows: &[[String; N]], format: Format) -> String {
    if format == Format::Markdown {
        let mut out = String::new();
        for (index, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().map(|cell| escaped(cell)).collect();
            out += &format!("| {} |\n", cells.join(" | "));
            if index == 0 {
                out += &format!("|{}\n", " --- |".repeat(N));
            }
        }
        return out;
    }
    let width = |column: usize| {
        let lengths = rows.iter().map(|row| row[column].chars().count());
        lengths.max().unwrap_or(0)
    };
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let padding = width(column) - cell.chars().count();
            line += &format!("{cell}{}  ", " ".repeat(padding));
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

/// The ranking as text.
pub fn ranking_text(ranking: &Ranking, format: Format) -> String {
    let mut rows = vec![[
        "rank".to_owned(),
        "cell".to_owned(),
        "role".to_owned(),
        "verdict".to_owned(),
        format!("growth {}", ranking.basis.words()),
        "peak".to_owned(),
        "operations".to_owned(),
    ]];
    for cell in &ranking.cells {
        let Side {
            name,
            role,
            peak_bytes,
            operations_per_second,
            ..
        } = &cell.side;
        rows.push([
            if cell.growth.is_none() {
                "-".to_owned()
            } else if cell.best == cell.worst {
                cell.best.to_string()
            } else {
                format!("{}–{}", cell.best, cell.worst)
            },
            name.clone(),
            role.clone(),
            cell.side.verdict_words(),
            interval(cell.growth.as_ref(), cell.side.unit.judged()),
            peak_bytes.map_or("-".to_owned(), |peak| cell.side.unit.text(peak)),
            operations_per_second.map_or("-".to_owned(), |rate| MetricUnit::PerSecond.text(rate)),
        ]);
    }
    let mut out = table(&rows, format);
    out += "\n";
    out += "ranks span the places that the 95 % intervals allow (all pairs together)\n";
    out
}
