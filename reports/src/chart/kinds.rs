//! What each kind of picture with several plots shows.

use super::Scale;
use super::axes::Horizontal;
use super::growth;
use super::overlay::styles;
use super::palette::{AreaColours, Palette};
use super::panels::{Curve, Key, Panel, Panels, area_key};
use super::series::{Loaded, Phases, Series};
use crate::cell::{Metric, MetricUnit, load_ends, median_in_load};
use leaklab_judge::amount::bytes_text;
use leaklab_run::{Phase, columns};

/// Windows that throughput is averaged over, at most.
const RATE_WINDOWS: usize = 240;

/// What is common to the plots of a scenario.
pub(super) struct Context<'a> {
    pub(super) scenario: &'a str,
    pub(super) loaded: &'a [Loaded],
    pub(super) subtitle: String,
    pub(super) note: String,
    pub(super) palette: Palette,
    pub(super) scale: Scale,
}

impl Context<'_> {
    fn panels(&self, title: String, panels: Vec<Panel>, keys: Vec<Key>) -> Option<Panels> {
        (!panels.is_empty()).then(|| Panels {
            title,
            subtitle: self.subtitle.clone(),
            note: self.note.clone(),
            keys,
            panels,
            show_keys: true,
            same_values: false,
            across: String::new(),
        })
    }

    fn keys(&self, series: &[Series]) -> Vec<Key> {
        let styles = styles(series, &self.palette);
        let named = series.iter().zip(styles);
        named
            .map(|(one, style)| Key {
                name: match one.role.as_str() {
                    "" => one.name.clone(),
                    role => format!("{} ({role})", one.name),
                },
                style,
            })
            .collect()
    }
}

fn panel(title: &str, unit: MetricUnit, curves: Vec<Curve>, of: &Loaded) -> Panel {
    Panel {
        title: title.to_owned(),
        detail: String::new(),
        unit,
        horizontal: Horizontal::Time,
        curves,
        stacked: false,
        phases: Phases::of(of.table()),
        marks: of.marks.clone(),
    }
}

/// One plot per variant, all with the same value axis.
pub(super) fn multiples(context: &Context<'_>, metric: &Metric) -> Option<Panels> {
    let with_series: Vec<(&Loaded, Series)> = context
        .loaded
        .iter()
        .filter_map(|one| Some((one, one.series(metric)?)))
        .collect();
    let series: Vec<Series> = with_series.iter().map(|(_, s)| s.clone()).collect();
    let keys = context.keys(&series);
    let panels = with_series
        .into_iter()
        .enumerate()
        .map(|(key, (of, one))| Panel {
            detail: one.details(),
            ..panel(
                &one.name.clone(),
                metric.unit,
                vec![Curve {
                    key,
                    xs: one.times_s,
                    ys: one.values,
                }],
                of,
            )
        })
        .collect();
    let title = growth::title(context.scenario, metric, &series);
    let mut picture = context.panels(title, panels, keys)?;
    picture.show_keys = false;
    picture.same_values = context.scale != Scale::Free;
    Some(picture)
}

/// Layers of resident memory per variant: what the program holds, and what lies around it.
pub(super) fn breakdown(context: &Context<'_>) -> Option<Panels> {
    let mut panels = Vec::new();
    let mut managed = true;
    for of in context.loaded {
        managed &= of.table().filled_column(columns::ALLOCATED_BYTES).is_none();
        let curves = layers(of);
        if curves.is_empty() {
            continue;
        }
        panels.push(Panel {
            stacked: true,
            detail: of.cell.plan.role.clone(),
            ..panel(&of.name(), MetricUnit::Bytes, curves, of)
        });
    }
    let names = if managed {
        [
            "managed heap in use",
            "managed heap unused",
            "",
            "outside the heap",
        ]
    } else {
        [
            "allocated (live)",
            "fragmentation",
            "allocator cache",
            "outside the allocator",
        ]
    };
    let colours = AreaColours::of(&context.palette).0;
    let keys = names.iter().zip(colours);
    let mut keys: Vec<Key> = keys.map(|(name, colour)| area_key(name, colour)).collect();
    keys.retain(|key| !key.name.is_empty());
    if managed {
        for curve in panels.iter_mut().flat_map(|panel| &mut panel.curves) {
            curve.key = curve.key.min(2);
        }
    }
    let title = breakdown_title(context);
    let mut picture = context.panels(title, panels, keys)?;
    picture.same_values = true;
    Some(picture)
}

/// Upper edges of the layers, the lowest first; each not below the one under it.
fn layers(of: &Loaded) -> Vec<Curve> {
    let managed = of.table().filled_column(columns::ALLOCATED_BYTES).is_none();
    let edges: [(usize, &str); 4] = if managed {
        [
            (0, columns::USED_BYTES),
            (1, columns::COMMITTED_BYTES),
            (3, columns::RSS_BYTES),
            (3, ""),
        ]
    } else {
        [
            (0, columns::ALLOCATED_BYTES),
            (1, columns::ACTIVE_BYTES),
            (2, columns::RESIDENT_BYTES),
            (3, columns::RSS_BYTES),
        ]
    };
    let mut curves: Vec<Curve> = Vec::new();
    for (key, column) in edges {
        let Some(values) = of.table().filled_column(column) else {
            continue;
        };
        let below = curves.last().map(|curve| curve.ys.clone());
        let ys = match below {
            // What was not measured is a gap, not the layer below.
            Some(below) => values
                .iter()
                .zip(below)
                .map(|(v, b)| if v.is_nan() { *v } else { v.max(b) })
                .collect(),
            None => values.to_vec(),
        };
        curves.push(Curve {
            key,
            xs: of.table().elapsed_s(),
            ys,
        });
    }
    curves
}

/// Which layer grew most, over all variants.
fn breakdown_title(context: &Context<'_>) -> String {
    let mut largest: Option<(f64, String, &str)> = None;
    for of in context.loaded {
        let curves = layers(of);
        let mut below = 0.0;
        for curve in &curves {
            let Some([(_, first), (_, last)]) = load_ends(of.table(), &curve.ys) else {
                continue;
            };
            let grown = (last - first) - below;
            below = last - first;
            let name = [
                "live heap",
                "fragmentation",
                "the allocator's cache",
                "memory outside the allocator",
            ][curve.key];
            if largest.as_ref().is_none_or(|(most, ..)| grown > *most) {
                largest = Some((grown, of.name(), name));
            }
        }
    }
    match largest {
        Some((grown, name, layer)) if grown > 0.0 => format!(
            "{}: most growth is {layer}, {} in {name}",
            context.scenario,
            bytes_text(grown)
        ),
        _ => format!("{}: where the memory is", context.scenario),
    }
}

/// Growth since the start of the load against operations since then.
pub(super) fn per_operation(context: &Context<'_>, metric: &Metric) -> Option<Panels> {
    let mut series = Vec::new();
    let mut curves = Vec::new();
    for of in context.loaded {
        let (Some(one), Some(operations)) = (
            of.series(metric),
            of.table().filled_column(columns::OPS_TOTAL),
        ) else {
            continue;
        };
        let rows: Vec<usize> = (0..one.values.len())
            .filter(|row| {
                of.table().phase[*row] == Phase::Load
                    && !one.values[*row].is_nan()
                    && !operations[*row].is_nan()
            })
            .collect();
        let Some(first) = rows.first().copied() else {
            continue;
        };
        curves.push(Curve {
            key: curves.len(),
            xs: rows
                .iter()
                .map(|r| operations[*r] - operations[first])
                .collect(),
            ys: rows
                .iter()
                .map(|r| one.values[*r] - one.values[first])
                .collect(),
        });
        series.push(one);
    }
    let first = context.loaded.first()?;
    if curves.is_empty() {
        return None;
    }
    let panel = Panel {
        horizontal: Horizontal::Count,
        phases: Phases::default(),
        marks: Vec::new(),
        ..panel(
            &format!("growth of the {}", metric.label),
            metric.unit,
            curves,
            first,
        )
    };
    let title = growth::title(context.scenario, metric, &series);
    let keys = context.keys(&series);
    let mut picture = context.panels(title, vec![panel], keys)?;
    picture.across = "operations since the start of the load".to_owned();
    Some(picture)
}

/// One plot per gauge, all variants in each.
pub(super) fn gauges(context: &Context<'_>, most: usize) -> Option<Panels> {
    let mut names: Vec<String> = Vec::new();
    for of in context.loaded {
        for name in &of.table().names {
            if name.starts_with(columns::GAUGE_PREFIX) && !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    let shown = names.len().min(most);
    let metrics: Vec<Metric> = names[..shown].iter().map(|n| Metric::named(n)).collect();
    let mut picture = metric_panels(context, &metrics)?;
    picture.title = format!("{}: {}", context.scenario, gauge_finding(context, &metrics));
    if shown < names.len() {
        picture.note = format!("{shown} of {} gauges drawn. {}", names.len(), picture.note);
    }
    Some(picture)
}

/// Which gauge rises furthest above its beginning.
fn gauge_finding(context: &Context<'_>, metrics: &[Metric]) -> String {
    let mut largest: Option<(f64, String)> = None;
    for of in context.loaded {
        for metric in metrics {
            let Some(values) = of.table().filled_column(&metric.column) else {
                continue;
            };
            let Some([(_, first), (_, last)]) = load_ends(of.table(), values) else {
                continue;
            };
            if largest
                .as_ref()
                .is_none_or(|(most, _)| last - first > *most)
            {
                let (from, to) = (metric.unit.text(first), metric.unit.text(last));
                let text = format!("{} goes from {from} to {to} in {}", metric.label, of.name());
                largest = Some((last - first, text));
            }
        }
    }
    largest.map_or_else(|| "gauges".to_owned(), |(_, text)| text)
}

/// One plot per metric, all variants in each.
pub(super) fn metric_panels(context: &Context<'_>, metrics: &[Metric]) -> Option<Panels> {
    let all: Vec<Series> = context.loaded.iter().map(Loaded::empty_series).collect();
    let keys = context.keys(&all);
    let mut panels = Vec::new();
    for metric in metrics {
        let curves = curves(context, |of| {
            let values = of.table().filled_column(&metric.column)?;
            Some((of.table().elapsed_s(), values.to_vec()))
        });
        if let (false, Some(first)) = (curves.is_empty(), context.loaded.first()) {
            panels.push(panel(&metric.label, metric.unit, curves, first));
        }
    }
    context.panels(context.scenario.to_owned(), panels, keys)
}

fn curves(
    context: &Context<'_>,
    of: impl Fn(&Loaded) -> Option<(Vec<f64>, Vec<f64>)>,
) -> Vec<Curve> {
    let loaded = context.loaded.iter().enumerate();
    loaded
        .filter_map(|(key, one)| {
            let (xs, ys) = of(one)?;
            Some(Curve { key, xs, ys })
        })
        .collect()
}

/// Latency and throughput over time, all variants in each plot.
pub(super) fn performance(context: &Context<'_>) -> Option<Panels> {
    let metrics = [columns::LATENCY_P50_US, columns::LATENCY_P99_US].map(Metric::named);
    let all: Vec<Series> = context.loaded.iter().map(Loaded::empty_series).collect();
    let rates = curves(context, throughput);
    let latency = metric_panels(context, &metrics);
    let first = context.loaded.first()?;
    let mut panels = latency.map_or_else(Vec::new, |picture| picture.panels);
    if !rates.is_empty() {
        panels.push(panel(
            "operations per second",
            MetricUnit::PerSecond,
            rates,
            first,
        ));
    }
    let title = format!("{}: {}", context.scenario, performance_finding(context));
    context.panels(title, panels, context.keys(&all))
}

/// Which variant is slowest and which fastest, by the median latency.
fn performance_finding(context: &Context<'_>) -> String {
    let mut usual: Vec<(f64, String)> = context
        .loaded
        .iter()
        .filter_map(|of| {
            Some((
                median_in_load(of.table(), columns::LATENCY_P50_US)?,
                of.name(),
            ))
        })
        .collect();
    usual.sort_by(|a, b| a.0.total_cmp(&b.0));
    let shown = |us: f64| MetricUnit::Microseconds.text(us);
    match &usual[..] {
        [] => "throughput".to_owned(),
        [(us, _)] => format!("median latency {}", shown(*us)),
        [(low, _), .., (high, _)] if *high <= 1.1 * low => {
            format!("median latency about {} in all variants", shown(*high))
        }
        [(low, fastest), .., (high, slowest)] => format!(
            "median latency {} in {slowest}, {} in {fastest}",
            shown(*high),
            shown(*low)
        ),
    }
}

/// Operations per second in windows long enough to be steady.
fn throughput(of: &Loaded) -> Option<(Vec<f64>, Vec<f64>)> {
    let operations = of.table().filled_column(columns::OPS_TOTAL)?;
    let rows: Vec<usize> = (0..operations.len())
        .filter(|row| !operations[*row].is_nan())
        .collect();
    let window = rows.len().div_ceil(RATE_WINDOWS).max(1);
    let ends: Vec<usize> = rows.iter().copied().step_by(window).collect();
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    let steps = ends
        .windows(2)
        .map(|pair| of.table().elapsed_ms[pair[1]] - of.table().elapsed_ms[pair[0]]);
    let usual_s = leaklab_judge::stats::quantile::median(&steps.collect::<Vec<f64>>())? / 1000.0;
    for pair in ends.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let seconds = (of.table().elapsed_ms[to] - of.table().elapsed_ms[from]) / 1000.0;
        // Two ticks close together say little: one operation more or less is a spike.
        if seconds > 0.5 * usual_s {
            xs.push((of.table().elapsed_ms[from] + of.table().elapsed_ms[to]) / 2000.0);
            ys.push(((operations[to] - operations[from]) / seconds).max(0.0));
        }
    }
    (!xs.is_empty()).then_some((xs, ys))
}
