//! The plotting rectangle: axes, grid, phases and marks, and the way from values to pixels.

use super::font;
use super::palette::{Palette, Sizes};
use super::scene::{Anchor, Colour, Point, Scene, Stroke};
use super::series::{Phases, TimeMark};
use super::ticks::{Ticks, log_ticks, time_ticks, value_ticks};
use crate::cell::MetricUnit;
use crate::cell::thinned;

/// Labels of marks that fit a picture; further marks are drawn without their names.
const MOST_MARK_LABELS: usize = 12;
/// Marks that are drawn at all.
const MOST_MARKS: usize = 200;

/// What an axis pair shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) from_x: f64,
    pub(super) to_x: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) unit: MetricUnit,
    /// Whether equal ratios are equally high; `low` is above zero then.
    pub(super) is_log: bool,
}

impl Extent {
    /// The same on a logarithmic axis, from the smallest value above zero.
    pub(super) fn on_log_axis<'a>(self, values: impl Iterator<Item = &'a [f64]>) -> Self {
        let positive = values.flatten().copied().filter(|value| *value > 0.0);
        let low = positive.fold(f64::INFINITY, f64::min);
        match low.is_finite() && self.high > 0.0 {
            true => Extent {
                low,
                is_log: true,
                ..self
            },
            false => self,
        }
    }

    /// Around all finite points; values from zero unless some are negative.
    pub(super) fn around<'a>(
        series: impl Iterator<Item = (&'a [f64], &'a [f64])>,
        unit: MetricUnit,
    ) -> Self {
        let mut extent = Extent {
            from_x: f64::INFINITY,
            to_x: f64::NEG_INFINITY,
            low: 0.0,
            high: 0.0,
            unit,
            is_log: false,
        };
        for (xs, ys) in series {
            for (x, y) in xs.iter().zip(ys) {
                if y.is_nan() {
                    continue;
                }
                extent.from_x = extent.from_x.min(*x);
                extent.to_x = extent.to_x.max(*x);
                extent.low = extent.low.min(*y);
                extent.high = extent.high.max(*y);
            }
        }
        if extent.from_x > extent.to_x {
            (extent.from_x, extent.to_x) = (0.0, 1.0);
        }
        // Runs begin at zero; a first sample a little later is no reason for another origin.
        if extent.from_x > 0.0 && extent.from_x < 0.1 * extent.to_x {
            extent.from_x = 0.0;
        }
        if extent.to_x <= extent.from_x {
            extent.to_x = extent.from_x + 1.0;
        }
        extent
    }
}

/// What the horizontal axis measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Horizontal {
    /// Seconds.
    Time,
    /// Things that are counted.
    Count,
}

/// A plotting rectangle with its scales.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
    pub(super) extent: Extent,
    x_ticks: Ticks,
    y_ticks: Ticks,
}

impl Frame {
    /// Lays a frame out in `outer` (left, top, right, bottom), labels included.
    pub(super) fn new(
        outer: [f64; 4],
        extent: Extent,
        horizontal: Horizontal,
        sizes: Sizes,
        palette: &Palette,
    ) -> Self {
        let lettering = sizes.label(palette);
        let [left, top, right, bottom] = outer;
        let bottom = bottom - lettering.em * 1.9;
        let wanted = ((bottom - top) / (lettering.em * 4.0)).clamp(2.0, 8.0) as usize;
        let y_ticks = match extent.is_log {
            true => log_ticks(extent.low, extent.high, extent.unit, wanted),
            false => value_ticks(extent.low, extent.high, extent.unit, wanted),
        };
        let labels = y_ticks
            .marks
            .iter()
            .map(|(_, label)| font::width(label, lettering))
            .fold(0.0, f64::max);
        // Whole pixels: the columns that a series is thinned to are those of the picture.
        let left = (left + labels + lettering.em * 0.6).ceil();
        let right = right.floor().max(left + 1.0);
        let wanted = ((right - left) / (lettering.em * 6.5)).clamp(2.0, 10.0) as usize;
        let x_ticks = match horizontal {
            Horizontal::Time => time_ticks(extent.from_x, extent.to_x, wanted),
            Horizontal::Count => value_ticks(extent.from_x, extent.to_x, MetricUnit::Count, wanted),
        };
        let extent = Extent {
            low: y_ticks.marks.first().map_or(extent.low, |mark| mark.0),
            high: y_ticks.top,
            ..extent
        };
        Frame {
            left,
            top,
            right,
            bottom,
            extent,
            x_ticks,
            y_ticks,
        }
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        let share = (value - self.extent.from_x) / (self.extent.to_x - self.extent.from_x);
        self.left + share * (self.right - self.left)
    }

    pub(super) fn y(&self, value: f64) -> f64 {
        let Extent { low, high, .. } = self.extent;
        let share = match self.extent.is_log {
            // What is zero lies on the floor of the plot.
            true => (value.max(low) / low).ln() / (high / low).ln(),
            false => (value - low) / (high - low),
        };
        self.bottom - share * (self.bottom - self.top)
    }

    /// Whole pixel columns between left and right.
    pub(super) fn columns(&self) -> usize {
        (self.right - self.left).max(1.0) as usize
    }

    /// Grid, axes and their labels.
    pub(super) fn draw(&self, scene: &mut Scene, sizes: Sizes, palette: &Palette) {
        let lettering = sizes.label(palette);
        for (value, label) in &self.y_ticks.marks {
            let y = self.y(*value);
            scene.line(
                vec![(self.left, y), (self.right, y)],
                sizes.hairline(palette.grid),
            );
            let at = (self.left - lettering.em * 0.5, y + lettering.em * 0.35);
            scene.text(label, at, Anchor::End, lettering);
        }
        for (value, label) in &self.x_ticks.marks {
            let x = self.x(*value);
            if x > self.right + 0.5 {
                continue;
            }
            let tick = vec![(x, self.bottom), (x, self.bottom + lettering.em * 0.35)];
            scene.line(tick, sizes.hairline(palette.axis));
            let at = (x, self.bottom + lettering.em * 1.45);
            scene.text(label, at, Anchor::Middle, lettering);
        }
        let base = self.y(0.0f64.max(self.extent.low));
        scene.line(
            vec![(self.left, base), (self.right, base)],
            sizes.hairline(palette.axis),
        );
    }

    /// Warm-up and drain, shaded and named.
    pub(super) fn shade(&self, phases: Phases, scene: &mut Scene, sizes: Sizes, palette: &Palette) {
        let lettering = sizes.small(palette);
        let spans = [
            ("warm-up", Some(self.extent.from_x), phases.warmup_until_s),
            ("drain", phases.drain_from_s, Some(self.extent.to_x)),
        ];
        for (name, from, to) in spans {
            let (Some(from), Some(to)) = (from, to) else {
                continue;
            };
            let (from, to) = (self.x(from).max(self.left), self.x(to).min(self.right));
            if to - from < 1.0 {
                continue;
            }
            scene.area([from, self.top, to, self.bottom], palette.shade);
            if to - from > font::width(name, lettering) + lettering.em * 0.6 {
                let at = (from + lettering.em * 0.4, self.top + lettering.em * 1.1);
                scene.text(name, at, Anchor::Start, lettering);
            }
        }
    }

    /// Marks: a dashed line or a band, with its name above the plot where it fits.
    pub(super) fn draw_marks(
        &self,
        marks: &[TimeMark],
        scene: &mut Scene,
        sizes: Sizes,
        palette: &Palette,
    ) {
        let lettering = sizes.small(palette);
        let mut free_from = self.left;
        let mut labels = 0;
        for mark in marks.iter().take(MOST_MARKS) {
            if mark.to_s < self.extent.from_x || mark.from_s > self.extent.to_x {
                continue;
            }
            let x = self.x(mark.from_s).max(self.left);
            if mark.to_s > mark.from_s {
                let to = self.x(mark.to_s).min(self.right);
                scene.area([x, self.top, to, self.bottom], palette.shade);
            }
            let stroke = Stroke {
                dashes: &[5.0, 4.0],
                ..sizes.hairline(palette.mark)
            };
            scene.line(vec![(x, self.top), (x, self.bottom)], stroke);
            let name = font::fitted(&mark.name, (self.right - self.left) * 0.2, lettering);
            let width = font::width(&name, lettering);
            let start = (x - width / 2.0).clamp(self.left, (self.right - width).max(self.left));
            if labels < MOST_MARK_LABELS && start >= free_from {
                let at = (start, self.top - lettering.em * 0.4);
                scene.text(&name, at, Anchor::Start, lettering);
                free_from = start + width + lettering.em * 0.6;
                labels += 1;
            }
        }
    }

    /// A series in pixels: thinned to the columns, one piece between gaps each.
    pub(super) fn pieces(&self, xs: &[f64], ys: &[f64]) -> Vec<Vec<Point>> {
        let (from, to) = (self.extent.from_x, self.extent.to_x);
        let mut pieces = vec![Vec::new()];
        for index in thinned(xs, ys, from, to, self.columns()) {
            if ys[index].is_nan() {
                pieces.push(Vec::new());
            } else if let Some(piece) = pieces.last_mut() {
                piece.push((self.x(xs[index]), self.y(ys[index])));
            }
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// Fills from a series down to the base line.
    pub(super) fn draw_layer(&self, xs: &[f64], ys: &[f64], fill: Colour, scene: &mut Scene) {
        let base = self.y(0.0f64.max(self.extent.low));
        for mut piece in self.pieces(xs, ys) {
            let (Some(first), Some(last)) = (piece.first(), piece.last()) else {
                continue;
            };
            let ends = [(last.0, base), (first.0, base)];
            piece.extend(ends);
            scene.outline(piece, fill);
        }
    }

    /// Fills between two series of the same times.
    pub(super) fn draw_band(
        &self,
        xs: &[f64],
        [low, high]: &[Vec<f64>; 2],
        fill: Colour,
        scene: &mut Scene,
    ) {
        let (low, high) = (self.pieces(xs, low), self.pieces(xs, high));
        for (mut below, above) in low.into_iter().zip(high) {
            below.extend(above.into_iter().rev());
            scene.outline(below, fill);
        }
    }

    /// Draws a series: its dashes on a faint whole line, so that no extreme falls into a gap.
    pub(super) fn draw_series(&self, xs: &[f64], ys: &[f64], stroke: Stroke, scene: &mut Scene) {
        for piece in self.pieces(xs, ys) {
            if let [only] = piece[..] {
                scene.dot(only, stroke.width * 1.2, stroke.colour);
                continue;
            }
            if !stroke.dashes.is_empty() {
                let under = Stroke {
                    colour: Colour {
                        3: 0.45,
                        ..stroke.colour
                    },
                    width: stroke.width * 0.4,
                    dashes: &[],
                    ..stroke
                };
                scene.line(piece.clone(), under);
            }
            scene.line(piece, stroke);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Theme;

    /// Lowest and highest drawn y of each pixel column, in tenths of a pixel as painted.
    fn columns(frame: &Frame, points: impl Iterator<Item = Point>) -> Vec<(i64, i64)> {
        let mut columns = vec![(i64::MAX, i64::MIN); frame.columns() + 1];
        for (x, y) in points {
            let (low, high) = &mut columns[(x - frame.left).floor() as usize];
            let y = (y * 10.0).round() as i64;
            *low = (*low).min(y);
            *high = (*high).max(y);
        }
        columns
    }

    #[test]
    fn the_thinned_line_reaches_as_far_up_and_down_in_every_pixel_column() {
        let mut random = fastrand::Rng::with_seed(3);
        let xs: Vec<f64> = (0..200_000).map(|t| f64::from(t) * 3.024).collect();
        let ys: Vec<f64> = xs
            .iter()
            .map(|x| 1e9 + 900.0 * x + 4e8 * random.f64().powi(8))
            .collect();
        let extent = Extent::around(std::iter::once((&xs[..], &ys[..])), MetricUnit::Bytes);
        let palette = Palette::new(Theme::Light);
        let outer = [24.0, 90.3, 1280.7, 860.2];
        let frame = Frame::new(
            outer,
            extent,
            Horizontal::Time,
            Sizes::new(1600, 900),
            &palette,
        );
        let all = xs.iter().zip(&ys).map(|(x, y)| (frame.x(*x), frame.y(*y)));
        let full = columns(&frame, all);
        let pieces = frame.pieces(&xs, &ys);
        assert!(
            pieces[0].len() < 3_000,
            "{} points are drawn",
            pieces[0].len()
        );
        assert_eq!(columns(&frame, pieces.concat().into_iter()), full);
    }
}
