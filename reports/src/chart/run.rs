//! The pictures of a run: for each scenario the kinds that are asked for.

use super::growth;
use super::kinds::{self, Context};
use super::overlay::{self, Overlay};
use super::palette::{Palette, Theme};
use super::series::{Loaded, Phases, Series};
use super::{ChartError, ChartOptions, Kind, Picture, Scale, costs, font, panels};
use crate::cell::{MEMORY_COLUMNS, Metric, file_name, memory_of};
use leaklab_judge::amount::{bytes_text, count_text, duration_text};
use leaklab_run::{Cell, Run, columns};
use std::path::{Path, PathBuf};

/// Gauges that get plots of their own in one picture.
const MOST_GAUGES: usize = 12;

/// Draws the pictures of a run into `folder`, each as PNG and SVG; gives their paths, each
/// PNG before its SVG.
///
/// Per scenario, the kinds of [`ChartOptions::kinds`]: the before/after overlay unless
/// something else is asked for. Works from what is there: cells without samples are left out,
/// unfinished ones are drawn and named as such, and of more cells than
/// [`ChartOptions::most_series`] the first of each variant come first. Memory is that of the
/// series of one scenario.
///
/// # Errors
///
/// [`ChartError::NothingToDraw`] if no cell has a value to draw; the others as they say.
pub fn draw_run(
    run: &Run,
    folder: &Path,
    options: &ChartOptions,
) -> Result<Vec<PathBuf>, ChartError> {
    draw_cells(run, &run.cells, folder, options)
}

/// Draws like [`draw_run`], but only these cells of the run.
///
/// # Errors
///
/// As [`draw_run`].
pub fn draw_cells(
    run: &Run,
    cells: &[Cell],
    folder: &Path,
    options: &ChartOptions,
) -> Result<Vec<PathBuf>, ChartError> {
    options.check()?;
    font::register()?;
    let mut paths = Vec::new();
    let mut scenarios: Vec<&str> = Vec::new();
    for cell in cells {
        if !scenarios.contains(&cell.plan.scenario.as_str()) {
            scenarios.push(&cell.plan.scenario);
        }
    }
    let mut drawn = 0;
    for scenario in scenarios {
        if drawn == options.most_scenarios {
            break;
        }
        let of_scenario: Vec<&Cell> = cells
            .iter()
            .filter(|cell| cell.plan.scenario == scenario)
            .collect();
        let pictures = pictures(run, scenario, &of_scenario, options);
        drawn += usize::from(!pictures.is_empty());
        let ending = ending(run, scenario, &of_scenario, options);
        for (stem, picture) in pictures {
            paths.extend(picture.write(folder, &format!("{stem}{ending}"))?);
        }
    }
    if paths.is_empty() {
        return Err(nothing(run, cells.len(), options));
    }
    Ok(paths)
}

/// What a picture that is not drawn by default has at the end of its name, so that it does
/// not replace another one: some of the cells, another size, another theme.
fn ending(run: &Run, scenario: &str, cells: &[&Cell], options: &ChartOptions) -> String {
    let mut ending = String::new();
    let all = run.cells.iter().filter(|c| c.plan.scenario == scenario);
    if cells.len() < all.count() {
        let names: Vec<String> = cells
            .iter()
            .map(|cell| cell.plan.id.replacen(&format!("{scenario}::"), "", 1))
            .collect();
        ending += &format!("-{}", file_name(&names.join("-")));
    }
    let usual = ChartOptions::default();
    if (options.width, options.height) != (usual.width, usual.height) {
        ending += &format!("-{}x{}", options.width, options.height);
    }
    if options.theme == Theme::Dark {
        ending += "-dark";
    }
    match options.scale {
        Scale::Auto => {}
        Scale::Linear => ending += "-linear",
        Scale::Log => ending += "-log",
        Scale::Free => ending += "-free",
    }
    ending
}

fn nothing(run: &Run, cells: usize, options: &ChartOptions) -> ChartError {
    let reason = if cells == 0 {
        "the run has no cells".to_owned()
    } else if options.metrics.is_empty() {
        let columns = MEMORY_COLUMNS.join("`, `");
        let kinds: Vec<&str> = options.kinds_or_default().map(Kind::name).collect();
        format!(
            "none of its {cells} cells has a sample with `{columns}`, or with what `{}` needs",
            kinds.join("`, `")
        )
    } else {
        let wanted: Vec<_> = options.metrics.iter().map(|m| m.column.as_str()).collect();
        format!(
            "none of its {cells} cells has a sample with `{}`; known metrics are {}, and `gauge:<name>`",
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
        // A cell that never wrote a sample leaves its place to one that did.
        .filter(|(_, cell)| cell.folder.join("samples.csv").is_file())
        .map(|(index, cell)| (cell.plan.repetition, index, *cell))
        .collect();
    cells.sort_by_key(|(repetition, index, _)| (*repetition, *index));
    cells.truncate(most);
    cells.sort_by_key(|(_, index, _)| *index);
    cells.into_iter().map(|(_, _, cell)| cell).collect()
}

/// Whether a column is needed for what is asked for.
fn is_wanted(name: &str, options: &ChartOptions) -> bool {
    if options.metrics.iter().any(|metric| metric.column == name) || name == columns::OPS_TOTAL {
        return true;
    }
    if options.metrics.is_empty() && MEMORY_COLUMNS.contains(&name) {
        return true;
    }
    options.kinds_or_default().any(|kind| match kind {
        Kind::Overlay | Kind::Multiples | Kind::PerOperation => false,
        Kind::Breakdown => [
            columns::ALLOCATED_BYTES,
            columns::ACTIVE_BYTES,
            columns::RESIDENT_BYTES,
            columns::USED_BYTES,
            columns::COMMITTED_BYTES,
            columns::RSS_BYTES,
        ]
        .contains(&name),
        Kind::Gauges => name.starts_with(columns::GAUGE_PREFIX),
        Kind::Performance => [columns::LATENCY_P50_US, columns::LATENCY_P99_US].contains(&name),
        Kind::Remedies => name.starts_with(columns::GAUGE_PREFIX) || name == columns::DESCRIPTORS,
    })
}

/// All pictures of a scenario, each with the stem of its files.
fn pictures(
    run: &Run,
    scenario: &str,
    cells: &[&Cell],
    options: &ChartOptions,
) -> Vec<(String, Picture)> {
    let loaded: Vec<Loaded> = chosen(cells, options.most_series)
        .into_iter()
        .filter_map(|cell| Loaded::read(cell, |name| is_wanted(name, options)))
        .collect();
    let metrics = if options.metrics.is_empty() {
        default_metric(&loaded).into_iter().collect()
    } else {
        options.metrics.clone()
    };
    let note = if loaded.len() < cells.len() {
        format!(
            "{} of {} cells drawn; the others have no samples or are left out to keep the lines apart.",
            count_text(loaded.len() as u64),
            count_text(cells.len() as u64)
        )
    } else {
        String::new()
    };
    let mut pictures = Vec::new();
    for kind in options.kinds_or_default() {
        let context = |metric: Option<&Metric>| Context {
            scenario,
            loaded: &loaded,
            subtitle: subtitle(run, scenario, kind, metric, &loaded),
            note: note.clone(),
            palette: Palette::new(options.theme),
            scale: options.scale,
        };
        let mut add = |metric: Option<&Metric>, scene| {
            let mut stem = file_name(scenario);
            if let Some(metric) = metric {
                stem += &format!("-{}", metric.file_name());
            }
            if kind != Kind::Overlay {
                stem += &format!("-{}", kind.name());
            }
            pictures.push((stem, Picture { scene }));
        };
        match kind {
            Kind::Overlay | Kind::Multiples | Kind::PerOperation | Kind::Remedies => {
                for metric in &metrics {
                    let context = context(Some(metric));
                    let scene = match kind {
                        Kind::Multiples => kinds::multiples(&context, metric)
                            .map(|picture| panels::scene(&picture, options)),
                        Kind::PerOperation => kinds::per_operation(&context, metric)
                            .map(|picture| panels::scene(&picture, options)),
                        Kind::Remedies => costs::table(&context, metric)
                            .map(|table| costs::scene(&table, options)),
                        _ => overlay_of(&context, metric)
                            .map(|overlay| overlay::scene(&overlay, options)),
                    };
                    if let Some(scene) = scene {
                        add(Some(metric), scene);
                    }
                }
            }
            Kind::Breakdown | Kind::Gauges | Kind::Performance => {
                let context = context(None);
                let picture = match kind {
                    Kind::Breakdown => kinds::breakdown(&context),
                    Kind::Gauges => kinds::gauges(&context, MOST_GAUGES),
                    _ => kinds::performance(&context),
                };
                if let Some(picture) = picture {
                    add(None, panels::scene(&picture, options));
                }
            }
        }
    }
    pictures
}

/// The first of the default columns that every cell has, else the first that any has.
fn default_metric(loaded: &[Loaded]) -> Option<Metric> {
    let held_by_all = MEMORY_COLUMNS.into_iter().find(|column| {
        !loaded.is_empty()
            && loaded
                .iter()
                .all(|one| one.table().filled_column(column).is_some())
    });
    held_by_all
        .map(str::to_owned)
        .or_else(|| {
            loaded
                .iter()
                .find_map(|one| Some(memory_of(one.table())?.0.to_owned()))
        })
        .map(|column| Metric::named(&column))
}

fn overlay_of(context: &Context<'_>, metric: &Metric) -> Option<Overlay> {
    let series: Vec<Series> = context
        .loaded
        .iter()
        .filter_map(|one| one.series(metric))
        .collect();
    if series.is_empty() {
        return None;
    }
    let phases = context
        .loaded
        .iter()
        .map(|one| Phases::of(one.table()))
        .reduce(Phases::common)
        .unwrap_or_default();
    let mut marks: Vec<_> = context
        .loaded
        .iter()
        .flat_map(|one| one.marks.clone())
        .collect();
    marks.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
    let last_s = series.iter().filter_map(|s| s.times_s.last().copied());
    let tolerance_s = 0.002 * last_s.fold(0.0, f64::max);
    marks.dedup_by(|b, a| a.name == b.name && b.from_s - a.from_s <= tolerance_s);
    Some(Overlay {
        title: growth::title(context.scenario, metric, &series),
        subtitle: context.subtitle.clone(),
        metric: metric.clone(),
        series,
        phases,
        marks,
        note: context.note.clone(),
    })
}

/// What was measured, on what, at which rate.
fn subtitle(
    run: &Run,
    scenario: &str,
    kind: Kind,
    metric: Option<&Metric>,
    loaded: &[Loaded],
) -> String {
    let what = match (kind, metric) {
        (Kind::Overlay | Kind::Multiples, Some(metric)) => format!("{} over time", metric.label),
        (Kind::PerOperation, Some(metric)) => format!("{} against operations", metric.label),
        (Kind::Remedies, Some(metric)) => {
            format!("what each remedy costs; memory is the {}", metric.label)
        }
        (Kind::Breakdown, _) => "resident memory in layers over time".to_owned(),
        (Kind::Gauges, _) => "gauges over time".to_owned(),
        _ => "latency and throughput over time".to_owned(),
    };
    let mut parts = vec![format!("{scenario}: {what}")];
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
        parts.push(format!(
            "a sample every {}",
            duration_text(interval_ms / 1000.0)
        ));
    }
    let host = &run.record.host;
    if !host.cpu.is_empty() {
        parts.push(format!(
            "{} × {}, {}",
            host.cpu_count,
            host.cpu,
            bytes_text(host.memory_bytes as f64)
        ));
    }
    if !host.kernel.is_empty() {
        parts.push(format!("Linux {}", host.kernel));
    }
    parts.join(" · ")
}
