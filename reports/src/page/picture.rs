//! The static pictures of the page: the chart's own, for the first screen, for print and for
//! readers without JavaScript.

use super::gather::Entry;
use super::series::{CellSeries, Panel};
use crate::cell::{Metric, MetricUnit, memory_judgement, thin_together};
use crate::chart::{
    ChartOptions, Growth, Overlay, Phases, Picture, Series, Theme, TimeMark, finding,
};
use crate::compare::Comparison;

/// Points of a line: more than the picture has columns of pixels would not be seen.
const POINTS: usize = 400;
/// Size of a picture in pixels; it is shown as wide as the page has room.
const SIZE: (u32, u32) = (960, 520);

/// Room of titles in a page's pictures, which a browser draws in a font of its own: DejaVu Sans,
/// the widest of the usual ones, is a fifth wider than the embedded font.
pub const PAGE_TEXT_ROOM: f64 = 0.8;

/// The memory of all variants of a scenario in one picture, on light and on dark, as SVG.
pub(super) fn of_scenario(
    name: &str,
    entries: &[&Entry<'_>],
    cells: &[&CellSeries],
) -> Option<[String; 2]> {
    let column = entries
        .iter()
        .find_map(|e| e.figures.memory_column.clone())?;
    let metric = Metric::named(&column);
    let pairs = entries.iter().zip(cells);
    let series: Vec<Series> = pairs
        .filter_map(|(entry, cell)| {
            let line = cell.lines.iter().find(|line| line.key == column)?;
            let judged = entry.judgement.as_ref().and_then(memory_judgement);
            Some(Series {
                role: entry.cell.plan.role.clone(),
                variant: entry.cell.plan.variant.clone(),
                load_end: entry.figures.memory_end_bytes.unwrap_or(0.0),
                growth: judged.and_then(|judged| Growth::of(&judged.judgement, &metric)),
                ..line_of(&cell.label, &cell.times, &line.values)
            })
        })
        .collect();
    let title = finding(name, &metric, &series);
    let phases = cells
        .iter()
        .map(|cell| phases_of(cell))
        .reduce(Phases::common);
    let overlay = Overlay {
        title,
        subtitle: format!("{name}: {} over time", metric.label),
        metric,
        series,
        phases: phases.unwrap_or_default(),
        marks: cells.first().map_or_else(Vec::new, |cell| marks_of(cell)),
        note: String::new(),
    };
    let light = drawn(&overlay, Theme::Light)?;
    Some([light, drawn(&overlay, Theme::Dark)?])
}

/// Both sides of a comparison in one picture, on light and on dark, as SVG. The page says the
/// sentence; the title says what is drawn.
pub(super) fn of_comparison(comparison: &Comparison) -> Option<[String; 2]> {
    let mut overlay = comparison.overlay();
    overlay.title = std::mem::take(&mut overlay.subtitle);
    for series in &mut overlay.series {
        let band = series.band.take().unwrap_or_default();
        let all = [&series.values, &band[0], &band[1]];
        // A side of one run has no band.
        let shown = if band[0].is_empty() {
            &all[..1]
        } else {
            &all[..]
        };
        let columns: Vec<&[f64]> = shown.iter().map(|one| one.as_slice()).collect();
        let thinned = thin_together(&series.times_s, &columns, POINTS);
        series.times_s = thinned.times;
        let mut columns = thinned.series.into_iter();
        series.values = columns.next().unwrap_or_default();
        series.band = columns
            .next()
            .zip(columns.next())
            .map(|(low, high)| [low, high]);
    }
    let light = drawn(&overlay, Theme::Light)?;
    Some([light, drawn(&overlay, Theme::Dark)?])
}

/// The memory of one cell, as SVG.
pub(super) fn of_cell(entry: &Entry<'_>, cell: &CellSeries) -> Option<String> {
    let lines = cell.lines.iter();
    let shown = lines.filter(|line| line.panel == Panel::Memory && line.shown);
    let series: Vec<Series> = shown
        .map(|line| Series {
            load_end: line
                .values
                .iter()
                .rfind(|v| v.is_finite())
                .copied()
                .unwrap_or(0.0),
            ..line_of(&line.name, &cell.times, &line.values)
        })
        .collect();
    let overlay = Overlay {
        title: format!("Memory of {}", entry.cell.plan.id),
        subtitle: cell
            .fitted
            .as_ref()
            .map_or_else(String::new, |fit| fit.words.clone()),
        metric: Metric {
            column: "memory".to_owned(),
            label: "memory".to_owned(),
            unit: MetricUnit::Bytes,
            is_total: false,
        },
        series,
        phases: phases_of(cell),
        marks: marks_of(cell),
        note: String::new(),
    };
    drawn(&overlay, Theme::Light)
}

fn line_of(name: &str, times: &[f64], values: &[f64]) -> Series {
    let thinned = thin_together(times, &[values], POINTS);
    Series {
        name: name.to_owned(),
        variant: name.to_owned(),
        times_s: thinned.times,
        values: thinned.series.into_iter().next().unwrap_or_default(),
        ..Series::default()
    }
}

fn phases_of(cell: &CellSeries) -> Phases {
    let span = |name: &str| cell.phases.iter().find(|phase| phase.name == name);
    Phases {
        warmup_until_s: span("warmup").map(|phase| phase.to),
        drain_from_s: span("drain").map(|phase| phase.from),
    }
}

fn marks_of(cell: &CellSeries) -> Vec<TimeMark> {
    let marks = cell.marks.iter().map(|mark| TimeMark {
        name: mark.name.clone(),
        from_s: mark.from,
        to_s: mark.to,
    });
    marks.collect()
}

/// The picture as SVG; `None` if there is nothing to draw.
fn drawn(overlay: &Overlay, theme: Theme) -> Option<String> {
    let values = overlay.series.iter().flat_map(|one| &one.values);
    if !values.into_iter().any(|value| value.is_finite()) {
        return None;
    }
    let options = ChartOptions {
        width: SIZE.0,
        height: SIZE.1,
        theme,
        text_room: PAGE_TEXT_ROOM,
        ..ChartOptions::default()
    };
    Picture::overlay(overlay, &options).ok()?.svg().ok()
}
