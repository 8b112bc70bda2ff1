//! Paints a [`Scene`] with plotters: into an RGB buffer for PNG, into text for SVG.
//!
//! Both have a grid of a tenth of a pixel, so that they get the same coordinates. Neither
//! file holds the time at which it was drawn.

use super::ChartError;
use super::dash::{dashed, is_zigzag};
use super::font;
use super::raster::{GRID, Raster};
use super::scene::{Anchor, Colour, Lettering, Point, Scene, Shape, Stroke};
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, ShapeStyle, TextStyle};

/// How a back end places text.
#[derive(Clone, Copy)]
struct TextModel {
    /// Size of the font that gives an em square of one pixel.
    size_per_em: f64,
    /// How far below the position that it is given it puts the baseline, in em.
    baseline_em: f64,
}

const BITMAP_TEXT: TextModel = TextModel {
    size_per_em: font::LINE_BOX_PER_EM,
    baseline_em: 0.0,
};
/// plotters divides the size by 1.24 before it writes it, and moves text 0.76 em down.
const SVG_TEXT: TextModel = TextModel {
    size_per_em: 1.24,
    baseline_em: 0.76,
};

/// The picture as the bytes of a PNG file.
pub(super) fn png(scene: &Scene) -> Result<Vec<u8>, ChartError> {
    font::register()?;
    let background = scene.background.to_backend_color().rgb;
    let count = scene.width as usize * scene.height as usize;
    let mut pixels = [background.0, background.1, background.2].repeat(count);
    {
        let area = Raster::new(&mut pixels, scene.width, scene.height).into_drawing_area();
        paint(scene, &area, BITMAP_TEXT, None)?;
    }
    encode(&pixels, scene.width, scene.height)
}

/// The picture as the text of an SVG file.
pub(super) fn svg(scene: &Scene) -> Result<String, ChartError> {
    font::register()?;
    let (wide, high) = (scene.width * GRID, scene.height * GRID);
    let mut text = String::new();
    let mut patterns = Vec::new();
    {
        let area = SVGBackend::with_string(&mut text, (wide, high)).into_drawing_area();
        area.fill(&scene.background).map_err(drawing)?;
        paint(scene, &area, SVG_TEXT, Some(&mut patterns))?;
        area.present().map_err(drawing)?;
    }
    // The grid stays in the viewBox; the size that a page shows is the picture's. Bevelled
    // corners, as in the bitmap: mitred ones would reach beyond the extremes.
    let grid = format!("<svg width=\"{wide}\" height=\"{high}\"");
    let size = format!(
        "<svg width=\"{}\" height=\"{}\" role=\"img\" stroke-linejoin=\"bevel\"",
        scene.width, scene.height
    );
    Ok(with_patterns(&text.replacen(&grid, &size, 1), &patterns))
}

/// Writes the dashes, which plotters does not know, into each polyline of an SVG.
fn with_patterns(text: &str, patterns: &[Vec<f64>]) -> String {
    const OPENING: &str = "<polyline ";
    let mut pieces = text.split(OPENING);
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for (index, piece) in pieces.enumerate() {
        result += OPENING;
        let pattern = patterns.get(index).map_or(&[][..], Vec::as_slice);
        if !pattern.is_empty() {
            let lengths: Vec<String> = pattern
                .iter()
                .map(|length| format!("{:.0}", length * f64::from(GRID)))
                .collect();
            result += &format!("stroke-dasharray=\"{}\" ", lengths.join(" "));
        }
        result += piece;
    }
    result
}

fn drawing(error: impl std::fmt::Display) -> ChartError {
    ChartError::Drawing(error.to_string())
}

/// Paints all shapes. Lines are cut into their dashes, unless `patterns` takes the pattern of
/// each line that is drawn.
fn paint<B: DrawingBackend>(
    scene: &Scene,
    area: &DrawingArea<B, Shift>,
    text_model: TextModel,
    mut patterns: Option<&mut Vec<Vec<f64>>>,
) -> Result<(), ChartError> {
    let scale = f64::from(GRID);
    let pixel = |(x, y): Point| ((x * scale).round() as i32, (y * scale).round() as i32);
    for shape in &scene.shapes {
        match shape {
            Shape::Area { corners, fill } => {
                let [left, top, right, bottom] = *corners;
                let corners = [pixel((left, top)), pixel((right, bottom))];
                area.draw(&Rectangle::new(corners, fill.filled()))
                    .map_err(drawing)?;
            }
            Shape::Line { points, stroke } => {
                let whole = patterns.is_some() && !is_zigzag(points);
                let pattern = stroke.pattern();
                let pieces = dashed(points, if whole { &[] } else { &pattern });
                for piece in pieces {
                    if let Some(patterns) = &mut patterns {
                        patterns.push(if whole { pattern.clone() } else { Vec::new() });
                    }
                    let style = line_style(stroke, scale);
                    let piece: Vec<(i32, i32)> = piece.into_iter().map(pixel).collect();
                    area.draw(&PathElement::new(piece, style))
                        .map_err(drawing)?;
                }
            }
            Shape::Outline { points, fill } => {
                let points: Vec<(i32, i32)> = points.iter().copied().map(pixel).collect();
                area.draw(&Polygon::new(points, fill.filled()))
                    .map_err(drawing)?;
            }
            Shape::Dot {
                centre,
                radius,
                fill,
            } => {
                let radius = (radius * scale).round() as i32;
                area.draw(&Circle::new(pixel(*centre), radius, fill.filled()))
                    .map_err(drawing)?;
            }
            Shape::Text {
                text,
                at,
                anchor,
                lettering,
            } => {
                let style = text_style(*lettering, *anchor, scale * text_model.size_per_em);
                let top = (at.0, at.1 - text_model.baseline_em * lettering.em);
                area.draw(&Text::new(text.as_str(), pixel(top), style))
                    .map_err(drawing)?;
            }
        }
    }
    Ok(())
}

fn line_style(stroke: &Stroke, scale: f64) -> ShapeStyle {
    ShapeStyle {
        color: stroke.colour,
        filled: false,
        stroke_width: (stroke.width * scale).round().max(1.0) as u32,
    }
}

fn text_style(lettering: Lettering, anchor: Anchor, pixels_per_em: f64) -> TextStyle<'static> {
    let position = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let em = lettering.em * pixels_per_em / font::LINE_BOX_PER_EM;
    let mut style =
        TextStyle::from(font::description(em, lettering.bold)).pos(Pos::new(position, VPos::Top));
    style.color = lettering.colour.to_backend_color();
    style
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ChartError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(drawing)?;
    writer.write_image_data(pixels).map_err(drawing)?;
    writer.finish().map_err(drawing)?;
    Ok(file)
}

/// An opaque colour.
pub(super) const fn opaque(rgb: u32) -> Colour {
    faint(rgb, 1.0)
}

/// A colour with alpha.
pub(super) const fn faint(rgb: u32, alpha: f64) -> Colour {
    plotters::style::RGBAColor((rgb >> 16) as u8, (rgb >> 8) as u8, rgb as u8, alpha)
}
