//! A picture before it is painted: shapes in pixels, the same for PNG and SVG.
//!
//! Charts are laid out here once, in logical pixels with the origin at the top left, and
//! [`super::paint`] turns the result into either format. That is what makes the two files
//! show the same picture.

use plotters::style::RGBAColor;

/// An opaque colour or one with alpha.
pub(super) type Colour = RGBAColor;

/// A point in logical pixels.
pub(super) type Point = (f64, f64);

/// Where a text stands relative to its point, horizontally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lettering {
    /// Size of the em square in logical pixels.
    pub(super) em: f64,
    pub(super) bold: bool,
    pub(super) colour: Colour,
}

/// How a line looks; the dashes are lengths of line and gap in logical pixels, before they are
/// scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stroke {
    pub(super) colour: Colour,
    pub(super) width: f64,
    pub(super) dashes: &'static [f64],
    pub(super) dash_scale: f64,
}

impl Stroke {
    /// The lengths of line and gap that are drawn.
    pub(super) fn pattern(&self) -> Vec<f64> {
        let scaled = self.dashes.iter().map(|length| length * self.dash_scale);
        scaled.collect()
    }
}

/// One thing that is drawn.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// A filled rectangle: left, top, right, bottom.
    Area { corners: [f64; 4], fill: Colour },
    /// An open line through its points.
    Line { points: Vec<Point>, stroke: Stroke },
    /// A filled outline.
    Outline { points: Vec<Point>, fill: Colour },
    /// A filled disc.
    Dot {
        centre: Point,
        radius: f64,
        fill: Colour,
    },
    /// Text on a baseline.
    Text {
        text: String,
        at: Point,
        anchor: Anchor,
        lettering: Lettering,
    },
}

/// A picture: shapes that are painted in their order on a background.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) background: Colour,
    pub(super) shapes: Vec<Shape>,
}

impl Scene {
    pub(super) fn new(width: u32, height: u32, background: Colour) -> Self {
        Scene {
            width,
            height,
            background,
            shapes: Vec::new(),
        }
    }

    pub(super) fn area(&mut self, corners: [f64; 4], fill: Colour) {
        self.shapes.push(Shape::Area { corners, fill });
    }

    /// A line; one of fewer than two points is left out.
    pub(super) fn line(&mut self, points: Vec<Point>, stroke: Stroke) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line { points, stroke });
        }
    }

    pub(super) fn dot(&mut self, centre: Point, radius: f64, fill: Colour) {
        self.shapes.push(Shape::Dot {
            centre,
            radius,
            fill,
        });
    }

    /// A line of text; what XML cannot hold and what would not be seen becomes a space.
    pub(super) fn text(&mut self, text: &str, at: Point, anchor: Anchor, lettering: Lettering) {
        let unfit = |c: char| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}');
        self.shapes.push(Shape::Text {
            text: text.replace(unfit, " "),
            at,
            anchor,
            lettering,
        });
    }

    pub(super) fn outline(&mut self, points: Vec<Point>, fill: Colour) {
        self.shapes.push(Shape::Outline { points, fill });
    }
}
