//! The embedded font: registered once, measured for the layout.

use super::ChartError;
use super::letters::drawable;
use super::scene::Lettering;
use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};
use std::sync::OnceLock;

static REGULAR: &[u8] = include_bytes!("../../fonts/Roboto-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../../fonts/Roboto-Bold.ttf");

/// The family as SVG names it. The embedded font is registered under the whole list, so that
/// viewers of the SVG who lack Roboto fall back to a similar one.
pub(super) const FAMILY: &str = "Roboto, Arial, Helvetica, sans-serif";

/// Height of the font's line box in em: plotters scales the bitmap font by it.
pub(super) const LINE_BOX_PER_EM: f64 = (1900.0 + 500.0) / 2048.0;

/// Makes the embedded font known to plotters.
pub(super) fn register() -> Result<(), ChartError> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let good = DONE.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, REGULAR).is_ok()
            && register_font(FAMILY, FontStyle::Bold, BOLD).is_ok()
    });
    if *good {
        Ok(())
    } else {
        Err(ChartError::Font("the embedded font is damaged".to_owned()))
    }
}

/// The plotters font whose em square has `em` pixels in a bitmap.
pub(super) fn description(em: f64, bold: bool) -> FontDesc<'static> {
    let style = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    FontDesc::new(FontFamily::Name(FAMILY), em * LINE_BOX_PER_EM, style)
}

/// Width of a text in logical pixels, as a picture of pixels shows it.
pub(super) fn width(text: &str, lettering: Lettering) -> f64 {
    // Measured large: plotters rounds widths to whole pixels.
    const SCALE: f64 = 16.0;
    let font = description(lettering.em * SCALE, lettering.bold);
    let pixels = font.box_size(&drawable(text)).map_or(0, |(width, _)| width);
    f64::from(pixels) / SCALE
}

/// `text`, cut with an ellipsis so that it is at most `limit` wide.
pub(super) fn fitted(text: &str, limit: f64, lettering: Lettering) -> String {
    if width(text, lettering) <= limit {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let shorter: String = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&shorter, lettering) <= limit {
            return shorter;
        }
    }
    String::new()
}

/// `text` in lines of at most `limit`, `most` of them, the last one cut.
pub(super) fn wrapped(text: &str, limit: f64, most: usize, lettering: Lettering) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split_whitespace().peekable();
    while words.peek().is_some() {
        let mut line = String::new();
        let last = lines.len() + 1 == most;
        while let Some(word) = words.peek() {
            let longer = if line.is_empty() {
                (*word).to_owned()
            } else {
                format!("{line} {word}")
            };
            if !last && !line.is_empty() && width(&longer, lettering) > limit {
                break;
            }
            line = longer;
            words.next();
        }
        lines.push(fitted(&line, limit, lettering));
    }
    lines
}
