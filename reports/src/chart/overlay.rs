//! The before/after picture: one line per variant of a scenario against time.

use super::axes::{Extent, Frame, Horizontal};
use super::font;
use super::palette::{LineStyle, Palette, Sizes, numbers_for_roles};
use super::scene::{Anchor, Scene};
use super::series::{Phases, Series, TimeMark};
use super::{ChartOptions, Scale};
use crate::cell::Metric;
use crate::cell::MetricUnit;

/// Everything that an overlay shows.
#[derive(Debug, Clone)]
pub struct Overlay {
    /// What the picture says.
    pub title: String,
    /// Metric, host and rate.
    pub subtitle: String,
    /// What the values are.
    pub metric: Metric,
    /// One line each.
    pub series: Vec<Series>,
    /// Shaded where they are known.
    pub phases: Phases,
    /// Instants and windows.
    pub marks: Vec<TimeMark>,
    /// Said at the bottom: what is not drawn.
    pub note: String,
}

/// Title and subtitle at the top, in `text_room` of the width; gives the y below them.
pub(super) fn heading(
    scene: &mut Scene,
    [title, subtitle]: [&str; 2],
    text_room: f64,
    sizes: Sizes,
    palette: &Palette,
) -> f64 {
    let margin = 24.0 * sizes.unit;
    let limit = (f64::from(scene.width) - 2.0 * margin) * text_room;
    let mut y = margin;
    let lettering = sizes.title(palette);
    for line in font::wrapped(title, limit, 2, lettering) {
        y += lettering.em * 1.05;
        scene.text(&line, (margin, y), Anchor::Start, lettering);
        y += lettering.em * 0.15;
    }
    let lettering = sizes.subtitle(palette);
    for line in font::wrapped(subtitle, limit, 2, lettering) {
        y += lettering.em * 1.35;
        scene.text(&line, (margin, y), Anchor::Start, lettering);
    }
    y + lettering.em * 0.6
}

/// A sentence at the bottom; gives the y above it.
pub(super) fn footnote(scene: &mut Scene, note: &str, sizes: Sizes, palette: &Palette) -> f64 {
    let margin = 24.0 * sizes.unit;
    let bottom = f64::from(scene.height) - margin * 0.7;
    if note.is_empty() {
        return bottom;
    }
    let lettering = sizes.small(palette);
    let note = font::fitted(note, f64::from(scene.width) - 2.0 * margin, lettering);
    scene.text(&note, (margin, bottom), Anchor::Start, lettering);
    bottom - lettering.em * 1.2
}

/// The style of each series: repetitions of a variant share theirs.
pub(super) fn styles(series: &[Series], palette: &Palette) -> Vec<LineStyle> {
    let of = |one: &Series| (one.variant.clone(), one.role.clone());
    let numbers = style_numbers(&series.iter().map(of).collect::<Vec<_>>());
    numbers
        .into_iter()
        .map(|number| palette.style(number))
        .collect()
}

/// The number of the style of each line, given its variant and role: the same in every picture.
pub fn style_numbers(lines: &[(String, String)]) -> Vec<usize> {
    let mut variants: Vec<(&str, &str)> = Vec::new();
    for (variant, role) in lines {
        if !variants.iter().any(|(name, _)| name == variant) {
            variants.push((variant, role));
        }
    }
    let roles: Vec<&str> = variants.iter().map(|(_, role)| *role).collect();
    let numbers = numbers_for_roles(&roles);
    let of = |(variant, _): &(String, String)| {
        let position = variants.iter().position(|(name, _)| name == variant);
        numbers[position.unwrap_or(0)]
    };
    lines.iter().map(of).collect()
}

/// Lays the picture out.
pub(super) fn scene(overlay: &Overlay, options: &ChartOptions) -> Scene {
    let palette = Palette::new(options.theme);
    let sizes = Sizes::new(options.width, options.height);
    let mut scene = Scene::new(options.width, options.height, palette.background);
    let margin = 24.0 * sizes.unit;
    let top = heading(
        &mut scene,
        [&overlay.title, &overlay.subtitle],
        options.text_room,
        sizes,
        &palette,
    );
    let bottom = footnote(&mut scene, &overlay.note, sizes, &palette);
    let mark_room = if overlay.marks.is_empty() { 0.6 } else { 1.5 };
    let top = top + sizes.small(&palette).em * mark_room;
    let room = options.text_room;
    let legend_width = legend_width(&overlay.series, &scene, room, sizes, &palette);
    let right = f64::from(scene.width) - margin - legend_width;
    let styles = styles(&overlay.series, &palette);
    let all: Vec<(&Series, LineStyle)> = overlay.series.iter().zip(styles).collect();
    let whole = extent_of(&all, overlay.metric.unit);
    let outer = [margin, top, right, bottom];
    let small = small_lines(&all, options.scale);
    if small.is_empty() {
        let extent = match options.scale {
            Scale::Log => whole.on_log_axis(all.iter().map(|(one, _)| one.values.as_slice())),
            _ => whole,
        };
        let frame = plot(&mut scene, overlay, &all, (outer, extent), sizes, &palette);
        legend(&mut scene, &all, &frame, sizes, &palette);
        return scene;
    }
    let small_extent = Extent {
        from_x: whole.from_x,
        to_x: whole.to_x,
        ..extent_of(&small, overlay.metric.unit)
    };
    let [upper, lower] = parted(outer, [whole, small_extent], sizes, &palette);
    let large: Vec<(&Series, LineStyle)> = all
        .iter()
        .filter(|(one, _)| !small.iter().any(|(other, _)| std::ptr::eq(*one, *other)))
        .copied()
        .collect();
    let frame = plot(&mut scene, overlay, &all, (upper, whole), sizes, &palette);
    legend(&mut scene, &large, &frame, sizes, &palette);
    let frame = plot(
        &mut scene,
        overlay,
        &small,
        (lower, small_extent),
        sizes,
        &palette,
    );
    let lettering = sizes.small(&palette);
    let at = (frame.left, frame.top - lettering.em * 0.5);
    let words = "the small ones at their own scale";
    scene.text(words, at, Anchor::Start, lettering);
    legend(&mut scene, &small, &frame, sizes, &palette);
    scene
}

fn extent_of(lines: &[(&Series, LineStyle)], unit: MetricUnit) -> Extent {
    let points = lines.iter().flat_map(|(one, _)| {
        let band = one.band.iter().flatten().map(Vec::as_slice);
        let all = band.chain([one.values.as_slice()]);
        all.map(|values| (one.times_s.as_slice(), values))
    });
    Extent::around(points, unit)
}

/// The lines that the largest one is so many times as high as; none if all or none are small.
fn small_lines<'a>(
    lines: &[(&'a Series, LineStyle)],
    scale: Scale,
) -> Vec<(&'a Series, LineStyle)> {
    let Some(times) = scale.parted_from() else {
        return Vec::new();
    };
    let top = |one: &Series| {
        let values = one.values.iter().copied().filter(|value| !value.is_nan());
        values.fold(0.0, f64::max)
    };
    let largest = lines.iter().map(|(one, _)| top(one)).fold(0.0, f64::max);
    let small = lines.iter().filter(|(one, _)| top(one) * times <= largest);
    let small: Vec<_> = small.copied().collect();
    // A line that lies at zero is as visible as it can be.
    match small.iter().any(|(one, _)| top(one) > 0.0) {
        true => small,
        false => Vec::new(),
    }
}

/// Two plots under each other whose axes begin and end at the same places.
fn parted(
    [left, top, right, bottom]: [f64; 4],
    extents: [Extent; 2],
    sizes: Sizes,
    palette: &Palette,
) -> [[f64; 4]; 2] {
    /// Share of the upper plot: the small lines need room to part.
    const UPPER: f64 = 0.5;
    let gap = sizes.small(palette).em * 2.4;
    let middle = top + (bottom - top) * UPPER;
    let mut outer = [
        [left, top, right, middle - gap / 2.0],
        [left, middle + gap / 2.0, right, bottom],
    ];
    let lefts =
        [0, 1].map(|i| Frame::new(outer[i], extents[i], Horizontal::Time, sizes, palette).left);
    let widest = lefts[0].max(lefts[1]);
    for (one, own) in outer.iter_mut().zip(lefts) {
        one[0] += widest - own;
    }
    outer
}

/// Draws lines into a frame with its phases and marks.
fn plot(
    scene: &mut Scene,
    overlay: &Overlay,
    lines: &[(&Series, LineStyle)],
    (outer, extent): ([f64; 4], Extent),
    sizes: Sizes,
    palette: &Palette,
) -> Frame {
    let frame = Frame::new(outer, extent, Horizontal::Time, sizes, palette);
    frame.shade(overlay.phases, scene, sizes, palette);
    frame.draw(scene, sizes, palette);
    frame.draw_marks(&overlay.marks, scene, sizes, palette);
    // Whole lines first: dashed ones stay visible on them where both run together.
    let mut order = lines.to_vec();
    order.sort_by_key(|(_, style)| !style.dashes.is_empty());
    for (one, style) in &order {
        if let Some(band) = &one.band {
            let colour = super::scene::Colour {
                3: 0.18,
                ..sizes.series(*style).colour
            };
            frame.draw_band(&one.times_s, band, colour, scene);
        }
    }
    for (one, style) in order {
        frame.draw_series(&one.times_s, &one.values, sizes.series(style), scene);
    }
    frame
}

fn legend_width(
    series: &[Series],
    scene: &Scene,
    text_room: f64,
    sizes: Sizes,
    palette: &Palette,
) -> f64 {
    let text = series
        .iter()
        .map(|one| {
            font::width(&one.name, sizes.strong_label(palette))
                .max(font::width(&one.details(), sizes.small(palette)))
        })
        .fold(0.0, f64::max);
    (text / text_room + swatch_width(sizes) * 1.3 + 34.0 * sizes.unit)
        .min(f64::from(scene.width) * 0.32)
}

fn swatch_width(sizes: Sizes) -> f64 {
    44.0 * sizes.unit
}

/// Entries right of the plot, each at the height that its line has at the end of the load.
fn legend(
    scene: &mut Scene,
    lines: &[(&Series, LineStyle)],
    frame: &Frame,
    sizes: Sizes,
    palette: &Palette,
) {
    let (mut name_style, detail_style) = (sizes.strong_label(palette), sizes.small(palette));
    let entry = name_style.em * 2.75;
    let mut order: Vec<(f64, usize)> = lines
        .iter()
        .enumerate()
        .map(|(index, (one, _))| (frame.y(one.load_end), index))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ends: Vec<f64> = order.iter().map(|(y, _)| *y).collect();
    let room = (frame.bottom - frame.top).max(entry);
    let step = entry.min(room / order.len().max(1) as f64);
    let middles = spread(
        &ends,
        step,
        frame.top + step / 2.0,
        frame.bottom - step / 2.0,
    );
    let left = frame.right + 20.0 * sizes.unit;
    let text_left = left + swatch_width(sizes) + 10.0 * sizes.unit;
    let limit = f64::from(scene.width) - text_left - 8.0 * sizes.unit;
    let roomy = step > entry * 0.9;
    // Many lines: smaller names rather than names over each other.
    name_style.em = name_style.em.min(step * 0.85);
    for ((_, index), middle) in order.iter().zip(middles) {
        let (one, style) = lines[*index];
        let baseline = if roomy {
            middle - name_style.em * 0.15
        } else {
            middle + name_style.em * 0.35
        };
        let line_y = baseline - name_style.em * 0.33;
        scene.line(
            vec![(left, line_y), (left + swatch_width(sizes), line_y)],
            sizes.series(style),
        );
        let name = font::fitted(&one.name, limit, name_style);
        scene.text(&name, (text_left, baseline), Anchor::Start, name_style);
        if roomy {
            let text = font::fitted(&one.details(), limit, detail_style);
            let at = (text_left, baseline + detail_style.em * 1.3);
            scene.text(&text, at, Anchor::Start, detail_style);
        }
    }
}

/// Moves ascending positions as little as is simple so that they are `step` apart and lie
/// between `low` and `high`.
fn spread(wished: &[f64], step: f64, low: f64, high: f64) -> Vec<f64> {
    let mut places = Vec::with_capacity(wished.len());
    let mut least = low;
    for wish in wished {
        let place = wish.max(least);
        places.push(place);
        least = place + step;
    }
    let mut most = high;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - step;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legend_entries_neither_overlap_nor_leave_the_plot() {
        let places = spread(&[10.0, 11.0, 12.0, 300.0, 399.0, 400.0], 50.0, 25.0, 375.0);
        assert!(
            places
                .windows(2)
                .all(|pair| pair[1] - pair[0] >= 50.0 - 1e-9)
        );
        assert!(places[0] >= 25.0 && places[5] <= 375.0, "{places:?}");
    }
}
