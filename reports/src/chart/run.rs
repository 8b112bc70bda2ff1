//! The pictures of a run: one per scenario and metric.

use super::finding;
use super::metric::{DEFAULT_COLUMNS, Metric};
use super::overlay::Overlay;
use super::scale::{bytes, duration};
use super::series::{Loaded, Phases, Series};
use super::{ChartError, ChartOptions, Picture, file_name};
use crate::run::{Cell, Run};
use std::path::{Path, PathBuf};

/// Draws the before/after pictures of a run into `folder`, one per scenario and metric, each
/// as PNG and SVG; gives their paths, each PNG before its SVG.
///
/// Works from what is there: cells without samples are left out, unfinished ones are drawn
/// and named as such, and of more cells than [`ChartOptions::most_series`] the first of each
/// variant come first. Memory is that of the series of one scenario.
///
/// # Errors
///
/// [`ChartError::NothingToDraw`] if no cell has a value to draw; the others as they say.
pub fn draw_run(
    run: &Run,
    folder: &Path,
    options: &ChartOptions,
) -> Result<Vec<PathBuf>, ChartError> {
    options.check()?;
    let mut paths = Vec::new();
    let mut scenarios: Vec<&str> = Vec::new();
    for cell in &run.cells {
        if !scenarios.contains(&cell.plan.scenario.as_str()) {
            scenarios.push(&cell.plan.scenario);
        }
    }
    for scenario in scenarios {
        if paths.len() >= 2 * options.most_pictures {
            break;
        }
        paths.extend(draw_scenario(run, scenario, folder, options)?);
    }
    if paths.is_empty() {
        return Err(nothing(run, options));
    }
    Ok(paths)
}

fn nothing(run: &Run, options: &ChartOptions) -> ChartError {
    let reason = if run.cells.is_empty() {
        "the run has no cells".to_owned()
    } else if options.metrics.is_empty() {
        format!(
            "none of its {} cells has a sample with `{}`",
            run.cells.len(),
            DEFAULT_COLUMNS.join("`, `")
        )
    } else {
        let wanted: Vec<_> = options.metrics.iter().map(|m| m.column.as_str()).collect();
        format!(
            "none of its {} cells has a sample with `{}`; known metrics are {}, and `gauge:<name>`",
            run.cells.len(),
            wanted.join("`, `"),
            Metric::known_names().join(", ")
        )
    };
    ChartError::NothingToDraw {
        folder: run.folder.clone(),
        reason,
    }
}

/// The cells that are drawn: the first repetition of every variant before the second.
fn chosen<'a>(cells: &[&'a Cell], most: usize) -> Vec<&'a Cell> {
    let mut cells: Vec<(u64, usize, &Cell)> = cells
        .iter()
        .enumerate()
        .map(|(index, cell)| (cell.plan.repetition, index, *cell))
        .collect();
    cells.sort_by_key(|(repetition, index, _)| (*repetition, *index));
    cells.truncate(most);
    cells.sort_by_key(|(_, index, _)| *index);
    cells.into_iter().map(|(_, _, cell)| cell).collect()
}

fn draw_scenario(
    run: &Run,
    scenario: &str,
    folder: &Path,
    options: &ChartOptions,
) -> Result<Vec<PathBuf>, ChartError> {
    let of_scenario: Vec<&Cell> = run
        .cells
        .iter()
        .filter(|cell| cell.plan.scenario == scenario)
        .collect();
    let wanted = |name: &str| {
        options.metrics.iter().any(|metric| metric.column == name)
            || (options.metrics.is_empty() && DEFAULT_COLUMNS.contains(&name))
    };
    // A cell that never wrote a sample leaves its place to one that did.
    let started: Vec<&Cell> = of_scenario
        .iter()
        .copied()
        .filter(|cell| cell.folder.join("samples.csv").is_file())
        .collect();
    let loaded: Vec<Loaded> = chosen(&started, options.most_series)
        .into_iter()
        .filter_map(|cell| Loaded::read(cell, wanted))
        .collect();
    let metrics = if options.metrics.is_empty() {
        default_metric(&loaded).into_iter().collect()
    } else {
        options.metrics.clone()
    };
    let mut paths = Vec::new();
    for metric in metrics {
        let series: Vec<Series> = loaded.iter().filter_map(|l| l.series(&metric)).collect();
        if series.is_empty() {
            continue;
        }
        let overlay = overlay_of(run, scenario, &metric, series, &loaded, of_scenario.len());
        let stem = format!("{}-{}", file_name(scenario), metric.file_name());
        paths.extend(Picture::overlay(&overlay, options)?.write(folder, &stem)?);
    }
    Ok(paths)
}

/// The first of the default columns that every cell has, else the first that any has.
fn default_metric(loaded: &[Loaded]) -> Option<Metric> {
    let held_by_all = DEFAULT_COLUMNS.into_iter().find(|column| {
        !loaded.is_empty()
            && loaded
                .iter()
                .all(|one| one.table.filled_column(column).is_some())
    });
    held_by_all
        .map(str::to_owned)
        .or_else(|| {
            loaded
                .iter()
                .find_map(|one| one.first_filled(&DEFAULT_COLUMNS))
        })
        .map(|column| Metric::named(&column))
}

fn overlay_of(
    run: &Run,
    scenario: &str,
    metric: &Metric,
    series: Vec<Series>,
    loaded: &[Loaded],
    of_scenario: usize,
) -> Overlay {
    let phases = loaded
        .iter()
        .map(|one| Phases::of(&one.table))
        .reduce(Phases::common)
        .unwrap_or_default();
    let mut marks: Vec<_> = loaded.iter().flat_map(|one| one.marks.clone()).collect();
    marks.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
    let tolerance_s = 0.002
        * series
            .iter()
            .filter_map(|s| s.times_s.last())
            .fold(0.0, |a: f64, b| a.max(*b));
    marks.dedup_by(|b, a| a.name == b.name && b.from_s - a.from_s <= tolerance_s);
    let note = if series.len() < of_scenario {
        format!(
            "{} of {of_scenario} cells drawn; the others have no such samples or are left out to keep the lines apart",
            series.len()
        )
    } else {
        String::new()
    };
    Overlay {
        title: finding::title(scenario, metric, &series),
        subtitle: subtitle(run, scenario, metric, loaded),
        metric: metric.clone(),
        series,
        phases,
        marks,
        note,
    }
}

/// What was measured, on what, at which rate.
fn subtitle(run: &Run, scenario: &str, metric: &Metric, loaded: &[Loaded]) -> String {
    let mut parts = vec![format!("{scenario}: {} over time", metric.label)];
    let rates: Vec<f64> = loaded.iter().filter_map(|l| l.cell.plan.rate).collect();
    match rates.first() {
        Some(first) if rates.len() == loaded.len() && rates.iter().all(|r| r == first) => {
            parts.push(format!("{first} operations per second"));
        }
        _ => {}
    }
    let interval_ms = loaded
        .first()
        .map_or(0.0, |one| one.cell.plan.interval_ms)
        .max(0.0);
    if interval_ms > 0.0 {
        parts.push(format!("a sample every {}", duration(interval_ms / 1000.0)));
    }
    let host = &run.record.host;
    if !host.cpu.is_empty() {
        parts.push(format!(
            "{} × {}, {}",
            host.cpu_count,
            host.cpu,
            bytes(host.memory_bytes as f64)
        ));
    }
    if !host.kernel.is_empty() {
        parts.push(format!("Linux {}", host.kernel));
    }
    parts.join(" · ")
}
