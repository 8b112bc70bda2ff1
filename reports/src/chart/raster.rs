//! A plotters back end that draws smooth shapes into an RGB buffer.
//!
//! plotters' own bitmap back end rounds to whole pixels, leaves wide lines jagged and takes a
//! quarter of a second for ten dense series. This one has a grid of [`GRID`] steps per pixel
//! and fills by exact area coverage, as font renderers do: each edge adds the area to its
//! right to the cells that it passes, and a sum along the row gives the coverage. Overlapping
//! parts of a stroke all turn the same way, so that their sum, cut at one, is their union.

use super::font;
use super::letters::drawable;
use plotters_backend::text_anchor::HPos;
use plotters_backend::{
    BackendColor, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
};
use std::convert::Infallible;

/// Steps of the coordinates per pixel.
pub(super) const GRID: u32 = 10;
/// Glyphs are drawn this many times larger and averaged, because plotters puts each at a
/// whole pixel.
const TEXT_OVERSAMPLING: i32 = 3;

/// An RGB picture that is being drawn.
pub(super) struct Raster<'a> {
    width: usize,
    height: usize,
    /// Three bytes per pixel.
    pixels: &'a mut [u8],
    cover: Cover,
}

/// Area coverage that is being summed up, and where it is not zero.
struct Cover {
    /// `width + 2` cells per row: the change of coverage from cell to cell.
    cells: Vec<f32>,
    stride: usize,
    rows: usize,
    /// Touched cells: left, top, right, bottom, ends excluded.
    touched: [usize; 4],
}

impl<'a> Raster<'a> {
    /// Draws into `pixels`, which holds three bytes for each of `width` × `height`.
    pub(super) fn new(pixels: &'a mut [u8], width: u32, height: u32) -> Self {
        let (width, height) = (width as usize, height as usize);
        debug_assert_eq!(pixels.len(), 3 * width * height);
        Raster {
            width,
            height,
            pixels,
            cover: Cover::new(width, height),
        }
    }

    fn blend(&mut self, x: usize, y: usize, colour: BackendColor, share: f32) {
        let start = 3 * (y * self.width + x);
        let Some(pixel) = self.pixels.get_mut(start..start + 3) else {
            return;
        };
        mix(pixel, colour, share);
    }

    /// Paints what has been gathered and forgets it.
    fn paint_cover(&mut self, colour: BackendColor) {
        let [left, top, right, bottom] = self.cover.touched;
        for y in top..bottom {
            let start = y * self.cover.stride;
            let cells = &mut self.cover.cells[start + left..start + right];
            let row = 3 * (y * self.width + left);
            let mut sum = 0.0f32;
            let pixels = self.pixels[row..3 * (y + 1) * self.width].chunks_exact_mut(3);
            for (cell, pixel) in cells.iter().zip(pixels) {
                sum += cell;
                let share = sum.abs().min(1.0);
                if share > 0.004 {
                    mix(pixel, colour, share);
                }
            }
            cells.fill(0.0);
        }
        self.cover.touched = Cover::UNTOUCHED;
    }
}

fn mix(pixel: &mut [u8], colour: BackendColor, share: f32) {
    let share = share * colour.alpha as f32;
    let (r, g, b) = colour.rgb;
    for (old, new) in pixel.iter_mut().zip([r, g, b]) {
        let (from, to) = (f32::from(*old), f32::from(new));
        *old = (from + (to - from) * share + 0.5) as u8;
    }
}

impl Cover {
    const UNTOUCHED: [usize; 4] = [usize::MAX, usize::MAX, 0, 0];

    fn new(width: usize, height: usize) -> Self {
        Cover {
            cells: vec![0.0; (width + 2) * height],
            stride: width + 2,
            rows: height,
            touched: Self::UNTOUCHED,
        }
    }

    /// Adds the closed outline through `points`, in pixels.
    fn outline(&mut self, points: &[(f32, f32)]) {
        for (index, from) in points.iter().enumerate() {
            self.edge(*from, points[(index + 1) % points.len()]);
        }
    }

    /// Adds the area right of an edge.
    fn edge(&mut self, from: (f32, f32), to: (f32, f32)) {
        let widest = (self.stride - 2) as f32;
        let inside = |(x, y): (f32, f32)| (x.clamp(0.0, widest), y);
        let (from, to) = (inside(from), inside(to));
        let (direction, upper, lower) = if from.1 < to.1 {
            (1.0, from, to)
        } else {
            (-1.0, to, from)
        };
        let first = upper.1.floor().max(0.0) as usize;
        let end = (lower.1.ceil().max(0.0) as usize).min(self.rows);
        if first >= end || upper.1 == lower.1 {
            return;
        }
        let slope = (lower.0 - upper.0) / (lower.1 - upper.1);
        let mut x = upper.0 + (first as f32 - upper.1).max(0.0) * slope;
        let [left, top, right, bottom] = &mut self.touched;
        *left = (*left).min(upper.0.min(lower.0) as usize);
        *right = (*right).max((upper.0.max(lower.0) as usize + 2).min(self.stride));
        *top = (*top).min(first);
        *bottom = (*bottom).max(end);
        for y in first..end {
            let height = lower.1.min((y + 1) as f32) - upper.1.max(y as f32);
            // Rounding must not lead out of the edge's own span.
            let next = (x + slope * height).clamp(upper.0.min(lower.0), upper.0.max(lower.0));
            let row = &mut self.cells[y * self.stride..(y + 1) * self.stride];
            add_row(row, x.min(next), x.max(next), direction * height);
            x = next;
        }
    }
}

/// Adds what an edge from `left` to `right` changes in one row of which it covers `height`.
fn add_row(row: &mut [f32], left: f32, right: f32, height: f32) {
    let first = left as usize;
    let last = right as usize;
    if first == last {
        let middle = 0.5 * (left + right) - first as f32;
        row[first] += height * (1.0 - middle);
        row[first + 1] += height * middle;
        return;
    }
    // Height per pixel of way, and the area right of the edge in each cell it crosses.
    let per_pixel = height / (right - left);
    let mut before = 0.0;
    for (index, cell) in row[first..=last].iter_mut().enumerate() {
        let start = (first + index) as f32;
        let from = left.max(start);
        let to = right.min(start + 1.0);
        let passed = per_pixel * (to - from);
        let area = passed * (start + 1.0 - 0.5 * (from + to));
        *cell += area + before;
        before = passed - area;
    }
    row[last + 1] += before;
}

fn pixels_of((x, y): (i32, i32)) -> (f32, f32) {
    (x as f32 / GRID as f32, y as f32 / GRID as f32)
}

/// Adds a line of half the width `half` with bevelled corners.
fn stroke(cover: &mut Cover, points: &[(f32, f32)], half: f32) {
    let mut previous: Option<(f32, f32)> = None;
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        if length < 1e-3 {
            continue;
        }
        let normal = (-dy / length * half, dx / length * half);
        cover.outline(&[
            (from.0 + normal.0, from.1 + normal.1),
            (to.0 + normal.0, to.1 + normal.1),
            (to.0 - normal.0, to.1 - normal.1),
            (from.0 - normal.0, from.1 - normal.1),
        ]);
        if let Some(before) = previous {
            corner(cover, from, before, normal);
        }
        previous = Some(normal);
    }
}

/// Fills the wedge between two segments, turning as the segments do.
fn corner(cover: &mut Cover, at: (f32, f32), before: (f32, f32), after: (f32, f32)) {
    let turn = before.0 * after.1 - before.1 * after.0;
    let (one, other) = if turn > 0.0 {
        // The open side is against the normals.
        (
            (at.0 - before.0, at.1 - before.1),
            (at.0 - after.0, at.1 - after.1),
        )
    } else {
        (
            (at.0 + after.0, at.1 + after.1),
            (at.0 + before.0, at.1 + before.1),
        )
    };
    // Segments turn against the clock on a screen whose y points down; so must the wedge.
    cover.outline(&[at, other, one]);
}

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        (self.width as u32 * GRID, self.height as u32 * GRID)
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): (i32, i32), colour: BackendColor) -> Drawn {
        let (x, y) = (x / GRID as i32, y / GRID as i32);
        if x >= 0 && y >= 0 && (x as usize) < self.width && (y as usize) < self.height {
            self.blend(x as usize, y as usize, colour, 1.0);
        }
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: (i32, i32), to: (i32, i32), style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = (i32, i32)>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<(f32, f32)> = path.into_iter().map(pixels_of).collect();
        let half = style.stroke_width() as f32 / GRID as f32 / 2.0;
        stroke(&mut self.cover, &points, half);
        self.paint_cover(style.color());
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: (i32, i32),
        bottom_right: (i32, i32),
        style: &S,
        fill: bool,
    ) -> Drawn {
        let (left, top) = upper_left;
        let (right, bottom) = bottom_right;
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        if fill {
            self.fill_polygon(corners, style)
        } else {
            self.draw_path(corners.into_iter().chain([(left, top)]), style)
        }
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = (i32, i32)>>(
        &mut self,
        outline: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<(f32, f32)> = outline.into_iter().map(pixels_of).collect();
        self.cover.outline(&points);
        self.paint_cover(style.color());
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        centre: (i32, i32),
        radius: u32,
        style: &S,
        _fill: bool,
    ) -> Drawn {
        const CORNERS: u32 = 24;
        let corners = (0..CORNERS).map(|corner| {
            let angle = std::f64::consts::TAU * f64::from(corner) / f64::from(CORNERS);
            let (sine, cosine) = angle.sin_cos();
            let radius = f64::from(radius);
            (
                centre.0 + (radius * cosine).round() as i32,
                centre.1 + (radius * sine).round() as i32,
            )
        });
        self.fill_polygon(corners, style)
    }

    /// Draws text whose position is the start, middle or end of its baseline.
    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: (i32, i32)) -> Drawn {
        const SCALE: i32 = TEXT_OVERSAMPLING;
        let text = &*drawable(text);
        let bold = matches!(style.style(), FontStyle::Bold);
        let em = style.size() / font::LINE_BOX_PER_EM / f64::from(GRID);
        let large = font::description(em * f64::from(SCALE), bold);
        let width = large.box_size(text).map_or(0, |(width, _)| width as i32);
        let start = match style.anchor().h_pos {
            HPos::Left => 0,
            HPos::Center => -width / 2,
            HPos::Right => -width,
        };
        // plotters puts the baseline at half the line box.
        let baseline = (large.get_size() / 2.0) as i32;
        let origin = (at.0 * SCALE / GRID as i32, at.1 * SCALE / GRID as i32);
        let colour = style.color();
        let share = 1.0 / (SCALE * SCALE) as f32;
        let (wide, high) = (self.width as i32, self.height as i32);
        let cover = &mut self.cover;
        // A glyph that cannot be drawn is left out; the embedded font has no such glyph.
        let _ = large.draw(text, (0, 0), |x, y, strength| {
            let (x, y) = (x + start, y - baseline);
            let x = (origin.0 + x).div_euclid(SCALE);
            let y = (origin.1 + y).div_euclid(SCALE);
            if (0..wide).contains(&x) && (0..high).contains(&y) {
                cover.add_cell(x as usize, y as usize, strength * share);
            }
            Ok::<(), Infallible>(())
        });
        self.paint_cover(colour);
        Ok(())
    }
}

impl Cover {
    /// Adds coverage to one cell alone.
    fn add_cell(&mut self, x: usize, y: usize, share: f32) {
        let start = y * self.stride + x;
        self.cells[start] += share;
        self.cells[start + 1] -= share;
        let [left, top, right, bottom] = self.touched;
        self.touched = [left.min(x), top.min(y), right.max(x + 2), bottom.max(y + 1)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::{Color, RGBColor};

    const BLACK: RGBColor = RGBColor(0, 0, 0);

    fn drawn(work: impl FnOnce(&mut Raster<'_>)) -> Vec<u8> {
        let mut pixels = vec![255; 3 * 20 * 10];
        work(&mut Raster::new(&mut pixels, 20, 10));
        pixels.chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    fn ink(pixels: &[u8]) -> f64 {
        pixels.iter().map(|p| f64::from(255 - p) / 255.0).sum()
    }

    #[test]
    fn a_rectangle_covers_its_area_to_a_tenth_of_a_pixel() {
        let pixels = drawn(|raster| {
            raster
                .draw_rect((25, 30), (91, 62), &BLACK, true)
                .expect("drawing into memory");
        });
        assert!((ink(&pixels) - 6.6 * 3.2).abs() < 0.2, "{}", ink(&pixels));
        assert!((127..=128).contains(&pixels[3 * 20 + 2]));
        assert_eq!(pixels[4 * 20 + 5], 0);
        assert_eq!(pixels[2 * 20 + 5], 255);
    }

    #[test]
    fn a_sloping_line_has_the_ink_of_its_length_and_width() {
        for (from, to) in [
            ((20, 20), (180, 80)),
            ((180, 20), (20, 80)),
            ((50, 10), (60, 95)),
        ] {
            let pixels = drawn(|raster| {
                let style = Color::stroke_width(&BLACK, 15);
                raster
                    .draw_path([from, to], &style)
                    .expect("drawing into memory");
            });
            let length = f64::from(to.0 - from.0).hypot(f64::from(to.1 - from.1)) / 10.0;
            assert!(
                (ink(&pixels) - 1.5 * length).abs() < 0.3,
                "{}",
                ink(&pixels)
            );
        }
    }

    #[test]
    fn corners_are_filled_whichever_way_the_line_turns() {
        for points in [
            [(20, 20), (100, 20), (100, 80)],
            [(20, 80), (100, 80), (100, 20)],
            [(180, 20), (100, 20), (100, 80)],
        ] {
            let pixels = drawn(|raster| {
                raster
                    .draw_path(points, &Color::stroke_width(&BLACK, 20))
                    .expect("drawing into memory");
            });
            // Two legs of width 2, overlapping in a square of 1 × 1, and a bevel of half one.
            let legs = 2.0 * (8.0 + 6.0) - 1.0 + 0.5;
            assert!(
                (ink(&pixels) - legs).abs() < 0.3,
                "{points:?}: {}",
                ink(&pixels)
            );
        }
    }

    #[test]
    fn shapes_that_reach_out_of_the_picture_are_cut() {
        let pixels = drawn(|raster| {
            raster
                .draw_path(
                    [(-500, -700), (900, 1000)],
                    &Color::stroke_width(&BLACK, 30),
                )
                .and_then(|()| raster.draw_rect((150, -50), (900, 900), &BLACK, true))
                .expect("drawing into memory");
        });
        assert!(pixels[9 * 20 + 19] == 0 && pixels[19] == 0);
    }
}
