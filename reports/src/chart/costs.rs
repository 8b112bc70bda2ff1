//! The table of remedies as a picture: one row per variant, one column per price.
//!
//! Made for `channel-io`, whose remedies trade memory for lost or refused messages; it works
//! for every scenario and leaves out the columns of which no variant has a value.

use super::ChartOptions;
use super::font;
use super::kinds::Context;
use super::overlay::{footnote, heading};
use super::palette::{Palette, Sizes};
use super::scene::{Anchor, Lettering, Scene};
use super::series::Loaded;
use crate::cell::{Costs, Metric, MetricUnit, Summary, peak, rise_per_s};
use leaklab_judge::Verdict;
use leaklab_judge::amount::bytes_text;
use leaklab_run::columns;

/// What stands in place of a growth that is none.
const HELD: &str = "none";
/// Rows that stay readable.
const MOST_ROWS: usize = 24;

/// A column of the table: its heading, and a value per row.
struct Column {
    heading: &'static str,
    values: Vec<Option<f64>>,
    unit: MetricUnit,
    /// Words in place of a value, where words say more.
    words: Vec<Option<String>>,
}

/// The table of a scenario.
pub(super) struct Table {
    title: String,
    subtitle: String,
    note: String,
    rows: Vec<(String, String)>,
    columns: Vec<Column>,
}

fn column(
    context: &Context<'_>,
    heading: &'static str,
    unit: MetricUnit,
    value: impl Fn(&Loaded) -> Option<f64>,
) -> Column {
    let values: Vec<Option<f64>> = context.loaded.iter().take(MOST_ROWS).map(value).collect();
    Column {
        heading,
        words: vec![None; values.len()],
        values,
        unit,
    }
}

/// Gathers the table.
pub(super) fn table(context: &Context<'_>, metric: &Metric) -> Option<Table> {
    let figure = |heading, figure: fn(Costs) -> Option<f64>| {
        column(context, heading, MetricUnit::Count, |of| {
            figure(Costs::of_any(&Summary::of(of.table())))
        })
    };
    let growths: Vec<_> = context
        .loaded
        .iter()
        .take(MOST_ROWS)
        .map(|of| super::growth::growth(of, metric))
        .collect();
    let per_operation = growths.iter().flatten().all(|growth| growth.per_operation);
    let mut growth = column(
        context,
        if per_operation {
            "memory per operation"
        } else {
            "memory per hour"
        },
        MetricUnit::Bytes,
        |_| None,
    );
    for (row, found) in growths.iter().enumerate() {
        let Some(found) = found else { continue };
        let held = found.verdict == Verdict::NoLeak;
        growth.values[row] = Some(if held { 0.0 } else { found.rate });
        growth.words[row] = match found.verdict {
            Verdict::Leak => None,
            Verdict::NoLeak => Some(HELD.to_owned()),
            Verdict::Inconclusive if found.low <= 0.0 => Some("inconclusive".to_owned()),
            Verdict::Inconclusive => Some(format!("{} (inconclusive)", bytes_text(found.rate))),
        };
    }
    let delivered = figure("delivered", |figures| figures.delivered);
    let done = if delivered.values.iter().any(Option::is_some) {
        figure("delivered per second", |figures| figures.delivered_per_s)
    } else {
        column(context, "operations per second", MetricUnit::Count, |of| {
            rise_per_s(of.table(), columns::OPS_TOTAL)
        })
    };
    let mut columns = vec![
        growth,
        column(context, "memory, peak", MetricUnit::Bytes, |of| {
            peak(of.table(), &metric.column)
        }),
        delivered,
        figure("dropped", |figures| figures.dropped),
        figure("refused", |figures| figures.refused),
        figure("descriptors, peak", |figures| figures.descriptors_peak),
        done,
    ];
    columns.retain(|column| column.values.iter().any(Option::is_some));
    if columns.is_empty() {
        return None;
    }
    let rows: Vec<(String, String)> = context
        .loaded
        .iter()
        .take(MOST_ROWS)
        .map(|of| {
            let plan = &of.cell.plan;
            let parts = [plan.role.as_str(), plan.summary.as_str()];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            (of.name(), parts.join(": "))
        })
        .collect();
    let note = if context.loaded.len() > MOST_ROWS {
        format!(
            "{MOST_ROWS} of {} variants shown. {}",
            context.loaded.len(),
            context.note
        )
    } else {
        context.note.clone()
    };
    Some(Table {
        title: title(context, &columns),
        subtitle: context.subtitle.clone(),
        note,
        rows,
        columns,
    })
}

/// How many remedies end the growth, and what the ones that do so lose.
fn title(context: &Context<'_>, columns: &[Column]) -> String {
    let Some(growth) = columns.iter().find(|c| c.heading.starts_with("memory per")) else {
        return format!("{}: what each variant costs", context.scenario);
    };
    let ended: Vec<usize> = (0..growth.values.len())
        .filter(|row| growth.words[*row].as_deref() == Some(HELD))
        .collect();
    let lost = |row: &usize| {
        let losses = columns
            .iter()
            .filter(|c| matches!(c.heading, "dropped" | "refused"));
        losses.filter_map(|c| c.values[*row]).sum::<f64>()
    };
    let lossless = ended.iter().filter(|row| lost(row) == 0.0).count();
    let count = growth.values.len();
    let has_losses = columns
        .iter()
        .any(|c| matches!(c.heading, "dropped" | "refused"));
    let mut text = format!(
        "{}: {} of {count} variants {}",
        context.scenario,
        ended.len(),
        if ended.len() == 1 {
            "holds its memory"
        } else {
            "hold their memory"
        }
    );
    if has_losses && !ended.is_empty() {
        text += &match (lossless, ended.len()) {
            (0, 1) => ", by losing or refusing messages".to_owned(),
            (0, _) => ", all by losing or refusing messages".to_owned(),
            (n, all) if n == all => ", without losing any message".to_owned(),
            (n, _) => format!(", {n} of them without losing any message"),
        };
    }
    text
}

impl Column {
    fn shown(&self, row: usize) -> String {
        match (&self.words[row], self.values[row], self.unit) {
            (Some(words), ..) => words.clone(),
            (_, None, _) => "–".to_owned(),
            (_, Some(value), unit) => unit.text(value),
        }
    }

    fn largest(&self) -> f64 {
        self.values.iter().flatten().copied().fold(0.0, f64::max)
    }
}

/// Lays the picture out; it is no higher than its rows need.
pub(super) fn scene(table: &Table, options: &ChartOptions) -> Scene {
    let palette = Palette::new(options.theme);
    let sizes = Sizes::new(options.width, options.height);
    let mut scene = Scene::new(options.width, options.height, palette.background);
    let margin = 24.0 * sizes.unit;
    let top = heading(
        &mut scene,
        [&table.title, &table.subtitle],
        options.text_room,
        sizes,
        &palette,
    );
    let (name, small) = (sizes.strong_label(&palette), sizes.small(&palette));
    let wide = f64::from(scene.width) - 2.0 * margin;
    let names = table
        .rows
        .iter()
        .map(|(row, _)| font::width(row, name))
        .fold(0.0, f64::max)
        .max(wide * 0.22)
        .min(wide * 0.34);
    let column_wide = (wide - names) / table.columns.len() as f64;
    let gap = 16.0 * sizes.unit;
    let head = top + small.em * 3.4;
    let needed = head + table.rows.len() as f64 * name.em * 4.2 + 3.0 * margin;
    scene.height = scene.height.min(needed as u32);
    let bottom = footnote(&mut scene, &table.note, sizes, &palette);
    for (index, column) in table.columns.iter().enumerate() {
        let left = margin + names + index as f64 * column_wide + gap;
        let lines = font::wrapped(column.heading, column_wide - gap, 2, small);
        for (line, text) in lines.iter().enumerate() {
            let back = (lines.len() - 1 - line) as f64;
            let at = (left, head - small.em * (0.8 + back * 1.25));
            scene.text(text, at, Anchor::Start, small);
        }
    }
    let most_high = name.em * 4.2;
    let row_high = ((bottom - head) / table.rows.len().max(1) as f64).min(most_high);
    for (row, (title, detail)) in table.rows.iter().enumerate() {
        let upper = head + row as f64 * row_high;
        let line = vec![(margin, upper), (margin + wide, upper)];
        scene.line(line, sizes.hairline(palette.grid));
        let middle = upper + row_high / 2.0;
        row_name(
            &mut scene,
            title,
            detail,
            (margin, middle),
            names,
            row_high,
            [name, small],
        );
        for (index, column) in table.columns.iter().enumerate() {
            let left = margin + names + index as f64 * column_wide + gap;
            let value_style = sizes.label(&palette);
            let shown = font::fitted(&column.shown(row), column_wide - gap * 0.5, value_style);
            let at = (left, middle + value_style.em * 0.1);
            scene.text(&shown, at, Anchor::Start, value_style);
            let full = column_wide - gap * 1.5;
            let (value, largest) = (column.values[row].unwrap_or(0.0), column.largest());
            let bar_top = middle + value_style.em * 0.45;
            let bar_bottom = bar_top + 7.0 * sizes.unit;
            if column.values[row].is_some() {
                scene.area([left, bar_top, left + full, bar_bottom], palette.shade);
            }
            if value > 0.0 && largest > 0.0 {
                let length = (full * value / largest).max(1.0);
                let style = palette.style(usize::from(index > 1));
                scene.area([left, bar_top, left + length, bar_bottom], style.colour);
            }
        }
    }
    scene
}

fn row_name(
    scene: &mut Scene,
    title: &str,
    detail: &str,
    at: (f64, f64),
    limit: f64,
    row_high: f64,
    [name, small]: [Lettering; 2],
) {
    let (left, middle) = at;
    let room = ((row_high - name.em * 1.2) / (small.em * 1.2))
        .floor()
        .clamp(0.0, 2.0) as usize;
    let lines = if room == 0 || detail.is_empty() {
        Vec::new()
    } else {
        font::wrapped(detail, limit, room, small)
    };
    let block = name.em + lines.len() as f64 * small.em * 1.2;
    let mut y = middle - block / 2.0 + name.em * 0.85;
    scene.text(
        &font::fitted(title, limit, name),
        (left, y),
        Anchor::Start,
        name,
    );
    for line in lines {
        y += small.em * 1.25;
        scene.text(&line, (left, y), Anchor::Start, small);
    }
}
