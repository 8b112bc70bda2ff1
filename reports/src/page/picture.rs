//! The static picture: an SVG for readers without JavaScript and for print.
//!
//! Drawn without a library, in the colours of the page's style sheet, so that it follows the
//! theme. Axes begin at zero. The interactive chart and the PNG files show more.

use super::series::{FittedLine, Span};
use crate::cell::thin_together as thin;
use leaklab_judge::amount::{bytes_text, duration_text};
use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// Points of a line: more than the picture has columns of pixels would not be seen.
const POINTS: usize = 360;

/// A line of the picture.
pub(super) struct PictureLine<'a> {
    /// Number of its colour and dash.
    pub style: usize,
    pub times: &'a [f64],
    pub values: &'a [f64],
}

/// What the picture shows; times are in seconds, values in bytes.
pub(super) struct Picture<'a> {
    /// What is to be seen, for those who hear it.
    pub title: String,
    pub lines: Vec<PictureLine<'a>>,
    pub phases: &'a [Span],
    pub marks: &'a [Span],
    pub fitted: Option<&'a FittedLine>,
}

/// Places of time and bytes in the picture.
struct Scale {
    from: f64,
    to: f64,
    low: f64,
    high: f64,
}

impl Scale {
    fn x(&self, time: f64) -> f64 {
        LEFT + (time - self.from) / (self.to - self.from) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
    }

    /// Around all lines; `None` if they have no value.
    fn around(lines: &[PictureLine<'_>]) -> Option<Self> {
        let fold = |values: &mut dyn Iterator<Item = f64>| {
            values
                .filter(|v| v.is_finite())
                .fold(None, |range: Option<(f64, f64)>, v| {
                    Some(range.map_or((v, v), |(low, high)| (low.min(v), high.max(v))))
                })
        };
        let (from, to) = fold(&mut lines.iter().flat_map(|l| l.times.iter().copied()))?;
        let (low, high) = fold(&mut lines.iter().flat_map(|l| l.values.iter().copied()))?;
        Some(Scale {
            from,
            to: if to > from { to } else { from + 1.0 },
            low: low.min(0.0),
            high: if high > 0.0 { high * 1.06 } else { 1.0 },
        })
    }
}

/// Draws the picture; empty if there is nothing to draw.
pub(super) fn draw(picture: &Picture<'_>) -> String {
    let Some(scale) = Scale::around(&picture.lines) else {
        return String::new();
    };
    let mut out = String::new();
    let _ = write!(
        out,
        r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{}</title>"#,
        escaped(&picture.title)
    );
    push_phases(&mut out, picture, &scale);
    push_axes(&mut out, &scale);
    push_marks(&mut out, picture, &scale);
    for line in &picture.lines {
        let thinned = thin(line.times, &[line.values], POINTS);
        let path = path(&thinned.times, &thinned.series[0], &scale);
        let class = line.style % 10;
        let _ = write!(out, r#"<path class="line{class}" d="{path}"/>"#);
    }
    if let Some(fit) = picture.fitted {
        let _ = write!(
            out,
            r#"<path class="fit" d="M{:.1} {:.1}L{:.1} {:.1}"/>"#,
            scale.x(fit.from),
            scale.y(fit.start),
            scale.x(fit.to),
            scale.y(fit.end)
        );
    }
    out.push_str("</svg>");
    out
}

fn push_phases(out: &mut String, picture: &Picture<'_>, scale: &Scale) {
    for phase in picture.phases.iter().filter(|phase| phase.name != "load") {
        let (from, to) = (scale.x(phase.from), scale.x(phase.to));
        let height = HEIGHT - TOP - BOTTOM;
        let _ = write!(
            out,
            r#"<rect class="phase" x="{from:.1}" y="{TOP}" width="{:.1}" height="{height}"/>"#,
            (to - from).max(0.0)
        );
        let _ = write!(
            out,
            r#"<text x="{:.1}" y="{}">{}</text>"#,
            from + 4.0,
            TOP + 12.0,
            escaped(&phase.name)
        );
    }
}

fn push_axes(out: &mut String, scale: &Scale) {
    let right = WIDTH - RIGHT;
    let bottom = HEIGHT - BOTTOM;
    for value in ticks(scale.low, scale.high, byte_step(scale.high - scale.low)) {
        let y = scale.y(value);
        let _ = write!(
            out,
            r#"<path class="grid" d="M{LEFT} {y:.1}H{right}"/><text class="end" x="{}" y="{:.1}">{}</text>"#,
            LEFT - 6.0,
            y + 4.0,
            bytes_text(value).replace(".00 ", " ").replace(".0 ", " ")
        );
    }
    for time in ticks(scale.from, scale.to, time_step(scale.to - scale.from)) {
        let x = scale.x(time);
        let _ = write!(
            out,
            r#"<path class="grid" d="M{x:.1} {bottom}v5"/><text class="middle" x="{x:.1}" y="{}">{}</text>"#,
            bottom + 18.0,
            duration_text(time)
        );
    }
    let _ = write!(
        out,
        r#"<path class="axis" d="M{LEFT} {TOP}V{bottom}H{right}"/>"#
    );
}

fn push_marks(out: &mut String, picture: &Picture<'_>, scale: &Scale) {
    const MAX_MARKS: usize = 12;
    let bottom = HEIGHT - BOTTOM;
    for mark in picture.marks.iter().take(MAX_MARKS) {
        let x = scale.x(mark.from);
        if mark.to > mark.from {
            let _ = write!(
                out,
                r#"<rect class="window" x="{x:.1}" y="{TOP}" width="{:.1}" height="{}"/>"#,
                scale.x(mark.to.min(scale.to)) - x,
                bottom - TOP
            );
        }
        let _ = write!(
            out,
            r#"<path class="mark" d="M{x:.1} {TOP}V{bottom}"/><text x="{:.1}" y="{}">{}</text>"#,
            x + 3.0,
            bottom - 4.0,
            escaped(&mark.name.chars().take(24).collect::<String>())
        );
    }
}

/// The path through the points; a gap ends a stroke and the next point begins another.
fn path(times: &[f64], values: &[f64], scale: &Scale) -> String {
    let mut path = String::new();
    let mut pen_down = false;
    for (time, value) in times.iter().zip(values) {
        if !value.is_finite() {
            pen_down = false;
            continue;
        }
        let command = if pen_down { 'L' } else { 'M' };
        let _ = write!(
            path,
            "{command}{:.1} {:.1}",
            scale.x(*time),
            scale.y(*value)
        );
        pen_down = true;
    }
    path
}

/// Multiples of `step` from `low` to `high`.
fn ticks(low: f64, high: f64, step: f64) -> impl Iterator<Item = f64> {
    let first = (low / step).ceil();
    (0..12)
        .map(move |i| (first + f64::from(i)) * step)
        .take_while(move |value| *value <= high)
}

/// A step of bytes that is round in its unit and gives four to ten ticks.
fn byte_step(span: f64) -> f64 {
    // 256 and 512 are round in the unit above: a quarter and a half.
    const STEPS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 256.0, 512.0];
    let unit = 1024f64.powi((span.max(1.0).log2() / 10.0).floor() as i32);
    // 1.2 GiB is parted by a step of the unit below: 256 MiB.
    STEPS
        .iter()
        .map(|step| step * unit / 1024.0)
        .chain(STEPS.iter().map(|step| step * unit))
        .find(|step| span / step <= 7.0 && *step >= 1.0)
        .unwrap_or(span / 4.0)
}

/// A step of seconds that is round for a clock.
fn time_step(span: f64) -> f64 {
    const STEPS: [f64; 20] = [
        0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
        1_800.0, 3_600.0, 7_200.0, 21_600.0, 86_400.0,
    ];
    STEPS
        .into_iter()
        .find(|step| span / step <= 8.0)
        .unwrap_or((span / 8.0 / 86_400.0).ceil() * 86_400.0)
}

/// Text inside SVG elements.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture<'a>(times: &'a [f64], values: &'a [f64], marks: &'a [Span]) -> Picture<'a> {
        Picture {
            title: "a <title>".to_owned(),
            lines: vec![PictureLine {
                style: 0,
                times,
                values,
            }],
            phases: &[],
            marks,
            fitted: None,
        }
    }

    #[test]
    fn a_gap_parts_the_line_and_names_are_escaped() {
        let marks = [Span {
            name: "</svg><script>".to_owned(),
            from: 1.0,
            to: 1.0,
        }];
        let svg = draw(&picture(
            &[0.0, 1.0, 2.0, 3.0],
            &[1.0, f64::NAN, 2.0, 3.0],
            &marks,
        ));
        let path = svg.split("class=\"line0\" d=\"").nth(1).expect("the line");
        let path = &path[..path.find('"').expect("its end")];
        assert_eq!(path.matches('M').count(), 2, "{path}");
        assert!(svg.contains("a &lt;title&gt;") && svg.contains("&lt;/svg&gt;&lt;script&gt;"));
        assert_eq!(svg.matches("</svg>").count(), 1);
    }

    #[test]
    fn nothing_to_draw_is_no_picture() {
        assert_eq!(draw(&picture(&[], &[], &[])), "");
        assert_eq!(draw(&picture(&[0.0], &[f64::NAN], &[])), "");
        assert!(draw(&picture(&[0.0], &[0.0], &[])).contains("<svg"));
    }

    #[test]
    fn steps_are_round_in_their_unit() {
        const KIB: f64 = 1024.0;
        for (span, step) in [
            (100.0, 20.0),
            (10.0 * KIB, 2.0 * KIB),
            (1.2 * KIB * KIB, 256.0 * KIB),
            (30.0 * KIB * KIB, 5.0 * KIB * KIB),
            (600.0 * KIB * KIB, 100.0 * KIB * KIB),
        ] {
            assert_eq!(byte_step(span), step, "{span}");
        }
        assert_eq!(time_step(20.0), 5.0);
        assert_eq!(time_step(86_400.0), 21_600.0);
        assert_eq!(ticks(0.0, 20.0, 5.0).count(), 5);
    }

    #[test]
    fn the_value_axis_begins_at_zero() {
        let svg = draw(&picture(&[0.0, 1.0], &[1e9, 1.001e9], &[]));
        assert!(svg.contains(">0 B<"), "{svg}");
    }
}
