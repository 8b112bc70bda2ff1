//! Pictures of several plots: small multiples, breakdowns, gauges, latency.

use super::ChartOptions;
use super::axes::{Extent, Frame, Horizontal};
use super::font;
use super::overlay::{footnote, heading};
use super::palette::{LineStyle, Palette, Sizes};
use super::scene::{Anchor, Colour, Scene};
use super::series::{Phases, TimeMark};
use crate::cell::MetricUnit;

/// A curve in a plot, by the number of its style in the picture's legend.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    pub(super) key: usize,
    pub(super) xs: Vec<f64>,
    pub(super) ys: Vec<f64>,
}

/// One plot.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) unit: MetricUnit,
    pub(super) horizontal: Horizontal,
    pub(super) curves: Vec<Curve>,
    /// Whether the curves are upper edges of layers, the lowest first, rather than lines.
    pub(super) stacked: bool,
    pub(super) phases: Phases,
    pub(super) marks: Vec<TimeMark>,
}

/// An entry of the legend.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) style: LineStyle,
}

/// A picture of plots.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) note: String,
    pub(super) keys: Vec<Key>,
    pub(super) panels: Vec<Panel>,
    /// Whether the legend is drawn; not where the plots' own titles say the same.
    pub(super) show_keys: bool,
    /// Whether all plots have the same value axis, so that they can be compared.
    pub(super) same_values: bool,
    /// What the horizontal axis of all plots is, where it is not time.
    pub(super) across: String,
}

/// Rows and columns for so many plots in a picture of this shape.
fn grid(count: usize, width: f64, height: f64) -> (usize, usize) {
    // Plots about 1.8 times as wide as high read best.
    let columns = (1..=count.max(1))
        .min_by(|a, b| {
            let shape = |columns: usize| {
                let rows = count.div_ceil(columns);
                let empty = (rows * columns - count) as f64 / count as f64;
                let ratio = (width / columns as f64) / (height / rows as f64);
                (ratio / 1.8).ln().abs() + 0.5 * empty
            };
            shape(*a).total_cmp(&shape(*b))
        })
        .unwrap_or(1);
    (count.div_ceil(columns).max(1), columns)
}

fn extent_of(panel: &Panel) -> Extent {
    let curves = panel.curves.iter();
    Extent::around(
        curves.map(|c| (c.xs.as_slice(), c.ys.as_slice())),
        panel.unit,
    )
}

/// The extent that holds both.
fn joined(a: Extent, b: Extent) -> Extent {
    Extent {
        from_x: a.from_x.min(b.from_x),
        to_x: a.to_x.max(b.to_x),
        low: a.low.min(b.low),
        high: a.high.max(b.high),
        unit: a.unit,
        is_log: a.is_log,
    }
}

/// Lays the picture out.
pub(super) fn scene(picture: &Panels, options: &ChartOptions) -> Scene {
    let palette = Palette::new(options.theme);
    let sizes = Sizes::new(options.width, options.height);
    let mut scene = Scene::new(options.width, options.height, palette.background);
    let margin = 24.0 * sizes.unit;
    let top = heading(
        &mut scene,
        [&picture.title, &picture.subtitle],
        options.text_room,
        sizes,
        &palette,
    );
    let keys: &[Key] = if picture.show_keys {
        &picture.keys
    } else {
        &[]
    };
    let top = key_row(&mut scene, keys, top, sizes, &palette);
    let mut bottom = footnote(&mut scene, &picture.note, sizes, &palette);
    if !picture.across.is_empty() {
        let lettering = sizes.label(&palette);
        let at = (f64::from(scene.width) / 2.0, bottom);
        scene.text(&picture.across, at, Anchor::Middle, lettering);
        bottom -= lettering.em * 1.2;
    }
    let (wide, high) = (f64::from(scene.width) - 2.0 * margin, bottom - top);
    let (rows, columns) = grid(picture.panels.len(), wide, high);
    let crowded = if rows * columns > 6 { 0.8 } else { 1.0 };
    let sizes = Sizes {
        unit: sizes.unit * crowded,
    };
    let shared = picture.panels.iter().map(extent_of).reduce(joined);
    let gap = 26.0 * sizes.unit;
    for (index, panel) in picture.panels.iter().enumerate() {
        let (row, column) = (index / columns, index % columns);
        let cell_wide = (wide - gap * (columns - 1) as f64) / columns as f64;
        let cell_high = (high - gap * 0.6 * (rows - 1) as f64) / rows as f64;
        let left = margin + column as f64 * (cell_wide + gap);
        let cell_top = top + row as f64 * (cell_high + gap * 0.6);
        let own = extent_of(panel);
        let extent = match shared {
            Some(shared) if picture.same_values => shared,
            Some(shared) => Extent {
                from_x: shared.from_x,
                to_x: shared.to_x,
                ..own
            },
            None => own,
        };
        let outer = [left, cell_top, left + cell_wide, cell_top + cell_high];
        draw_panel(&mut scene, panel, picture, extent, outer, sizes, &palette);
    }
    scene
}

fn draw_panel(
    scene: &mut Scene,
    panel: &Panel,
    picture: &Panels,
    extent: Extent,
    outer: [f64; 4],
    sizes: Sizes,
    palette: &Palette,
) {
    let [left, top, right, bottom] = outer;
    let (title, detail) = (sizes.strong_label(palette), sizes.small(palette));
    let baseline = top + title.em;
    let name = font::fitted(&panel.title, right - left, title);
    scene.text(&name, (left, baseline), Anchor::Start, title);
    let taken = font::width(&name, title) + title.em * 0.6;
    let rest = font::fitted(&panel.detail, right - left - taken, detail);
    scene.text(&rest, (left + taken, baseline), Anchor::Start, detail);
    let mark_room = if panel.marks.is_empty() {
        0.0
    } else {
        detail.em * 1.3
    };
    let plot = [
        left,
        baseline + title.em * 0.8 + mark_room,
        right - 22.0 * sizes.unit,
        bottom,
    ];
    let frame = Frame::new(plot, extent, panel.horizontal, sizes, palette);
    if panel.stacked {
        frame.draw(scene, sizes, palette);
        for curve in panel.curves.iter().rev() {
            let colour = picture.keys[curve.key].style.colour;
            frame.draw_layer(&curve.xs, &curve.ys, colour, scene);
        }
        frame.shade(panel.phases, scene, sizes, palette);
        frame.draw_marks(&panel.marks, scene, sizes, palette);
        return;
    }
    frame.shade(panel.phases, scene, sizes, palette);
    frame.draw(scene, sizes, palette);
    frame.draw_marks(&panel.marks, scene, sizes, palette);
    let mut order: Vec<&Curve> = panel.curves.iter().collect();
    order.sort_by_key(|curve| !picture.keys[curve.key].style.dashes.is_empty());
    for curve in order {
        let stroke = sizes.series(picture.keys[curve.key].style);
        frame.draw_series(&curve.xs, &curve.ys, stroke, scene);
    }
}

/// The legend in rows under the heading; gives the y below it.
fn key_row(scene: &mut Scene, keys: &[Key], top: f64, sizes: Sizes, palette: &Palette) -> f64 {
    const MOST_ROWS: usize = 3;
    let lettering = sizes.label(palette);
    let margin = 24.0 * sizes.unit;
    let swatch = 40.0 * sizes.unit;
    let right = f64::from(scene.width) - margin;
    let (mut x, mut y) = (margin, top + lettering.em * 0.9);
    let mut rows = 1;
    for key in keys {
        let width = swatch + lettering.em * 0.5 + font::width(&key.name, lettering);
        if x > margin && x + width > right {
            if rows == MOST_ROWS {
                scene.text("…", (x, y), Anchor::Start, lettering);
                break;
            }
            x = margin;
            y += lettering.em * 1.5;
            rows += 1;
        }
        draw_swatch(scene, key, (x, y - lettering.em * 0.33), swatch, sizes);
        let at = (x + swatch + lettering.em * 0.5, y);
        scene.text(
            &font::fitted(&key.name, right - at.0, lettering),
            at,
            Anchor::Start,
            lettering,
        );
        x += width + lettering.em * 1.5;
    }
    if keys.is_empty() {
        top
    } else {
        y + lettering.em * 0.9
    }
}

fn draw_swatch(scene: &mut Scene, key: &Key, at: (f64, f64), width: f64, sizes: Sizes) {
    if key.style.dashes == AREA {
        let half = 7.0 * sizes.unit;
        scene.area(
            [at.0, at.1 - half, at.0 + width * 0.7, at.1 + half],
            key.style.colour,
        );
    } else {
        let stroke = sizes.series(key.style);
        scene.line(vec![at, (at.0 + width, at.1)], stroke);
    }
}

/// The dashes that stand for an area in a legend.
const AREA: &[f64] = &[f64::MAX];

/// A key of an area.
pub(super) fn area_key(name: &str, colour: Colour) -> Key {
    Key {
        name: name.to_owned(),
        style: LineStyle {
            colour,
            dashes: AREA,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_fill_the_picture_without_a_row_too_many() {
        for count in 1..40 {
            let (rows, columns) = grid(count, 1550.0, 750.0);
            assert!(
                rows * columns >= count && (rows - 1) * columns < count,
                "{count}"
            );
        }
        assert_eq!(grid(1, 1550.0, 750.0), (1, 1));
        assert_eq!(grid(6, 1550.0, 750.0), (2, 3));
    }
}
