//! A flame graph as SVG, without scripts: who calls whom on the way to what grows.

use super::answer::Answer;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Width of the picture and height of a frame in it, in pixels.
const WIDTH: f64 = 1200.0;
const FRAME_HEIGHT: f64 = 18.0;
/// Width of a letter; a monospaced one at 11 pixels.
const LETTER: f64 = 6.7;
/// Frames that are narrower are left out, in pixels.
const NARROWEST: f64 = 1.5;
/// Deepest frame that is drawn.
const DEEPEST: usize = 64;

/// What the width of a frame stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlameWidth {
    /// Bytes by which it grew; what did not grow has no frame.
    Growth,
    /// Bytes that lived at the end of the load.
    Live,
}

#[derive(Default)]
struct Node {
    width: f64,
    growth: f64,
    children: BTreeMap<String, Node>,
}

impl Node {
    fn add<'a>(&mut self, mut names: impl Iterator<Item = &'a str>, width: f64, growth: f64) {
        self.width += width;
        self.growth += growth;
        if let Some(name) = names.next() {
            let child = self.children.entry(name.to_owned()).or_default();
            child.add(names, width, growth);
        }
    }

    fn depth(&self) -> usize {
        let deepest = self.children.values().map(Node::depth).max();
        1 + deepest.unwrap_or(0)
    }
}

/// The picture; `None` if nothing has a width. Red is growth, the deeper the more of the frame has
/// come during the settled part of the load, and blue what has gone. `amount` writes bytes.
pub fn flame_svg(
    answer: &Answer,
    width: FlameWidth,
    amount: impl Fn(f64) -> String,
) -> Option<String> {
    let mut root = Node::default();
    for stack in &answer.stacks {
        let names: Vec<&str> = answer
            .places_of(stack)
            .map(|place| place.function.as_str())
            .collect();
        let bytes = match width {
            FlameWidth::Growth => stack.growth_bytes,
            FlameWidth::Live => stack.live_bytes,
        };
        if bytes > 0.0 {
            let from_outside = names.iter().rev().copied().take(DEEPEST);
            root.add(from_outside, bytes, stack.growth_bytes);
        }
    }
    if root.width <= 0.0 {
        return None;
    }
    // What all stacks have in common at their outside says nothing of any.
    while root.children.len() == 1
        && let Some((_, only)) = root.children.first_key_value()
        && only.children.len() == 1
    {
        let (_, only) = root.children.pop_first()?;
        root = only;
    }
    let height = root.depth() as f64 * FRAME_HEIGHT;
    let mut svg = format!(
        "<svg class=\"flame\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" \
         aria-label=\"Flame graph; the table beside it has the figures\" width=\"{WIDTH:.0}\" \
         height=\"{height:.0}\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" \
         font-family=\"ui-monospace, monospace\" font-size=\"11\">"
    );
    let picture = Picture {
        scale: WIDTH / root.width,
        height,
        total: root.width,
        amount: &amount,
    };
    picture.draw(&mut svg, &root, "all", 0.0, 0);
    svg.push_str("</svg>");
    Some(svg)
}

struct Picture<'a> {
    scale: f64,
    height: f64,
    total: f64,
    amount: &'a dyn Fn(f64) -> String,
}

impl Picture<'_> {
    fn draw(&self, svg: &mut String, node: &Node, name: &str, left: f64, depth: usize) {
        let width = node.width * self.scale;
        if width < NARROWEST {
            return;
        }
        let top = self.height - (depth + 1) as f64 * FRAME_HEIGHT;
        let letters = ((width - 6.0) / LETTER).max(0.0) as usize;
        let shown = shortened(name, letters);
        let growth = match node.growth < 0.0 {
            true => format!("−{}", (self.amount)(-node.growth)),
            false => format!("+{}", (self.amount)(node.growth)),
        };
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            "<g><title>{}: {} ({:.1} %), {growth}</title><rect x=\"{left:.1}\" y=\"{top:.0}\" \
             width=\"{width:.1}\" height=\"{FRAME_HEIGHT:.0}\" fill=\"{}\" stroke=\"#ffffff\" \
             stroke-width=\"0.6\"/><text x=\"{:.1}\" y=\"{:.1}\" fill=\"#1b1f24\">{}</text></g>",
            escaped(name),
            (self.amount)(node.width),
            100.0 * node.width / self.total,
            colour(node.growth / node.width),
            left + 3.0,
            top + 13.0,
            escaped(&shown),
        );
        let mut left = left;
        for (name, child) in &node.children {
            self.draw(svg, child, name, left, depth + 1);
            left += child.width * self.scale;
        }
    }
}

/// A name in so many letters: its end says more than its beginning.
fn shortened(name: &str, letters: usize) -> String {
    let all = name.chars().count();
    match (all <= letters, letters) {
        (true, _) => name.to_owned(),
        (false, ..4) => String::new(),
        (false, _) => {
            let end: String = name.chars().skip(all - (letters - 1)).collect();
            format!("…{end}")
        }
    }
}

/// From grey through light to full red for what came, to blue for what went.
fn colour(part: f64) -> String {
    let part = part.clamp(-1.0, 1.0);
    let (grey, full) = match part < 0.0 {
        true => ([222.0, 225.0, 230.0], [110.0, 165.0, 225.0]),
        false => ([222.0, 225.0, 230.0], [240.0, 120.0, 95.0]),
    };
    let mixed = |at: usize| (grey[at] + (full[at] - grey[at]) * f64::abs(part)).round() as u8;
    format!("#{:02x}{:02x}{:02x}", mixed(0), mixed(1), mixed(2))
}

/// Text inside SVG.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character if character.is_control() => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribution::{NamedStack, Place};

    #[test]
    fn frames_are_as_wide_as_their_part_and_names_cannot_leave_the_picture() {
        let place = |function: &str| Place {
            function: function.to_owned(),
            ..Place::default()
        };
        let stack = |places: &[usize], growth_bytes: f64, live_bytes: f64| NamedStack {
            places: places.to_vec(),
            growth_bytes,
            live_bytes,
        };
        let answer = Answer {
            places: ["</svg><script>", "keep<T>", "main"].map(place).to_vec(),
            stacks: vec![stack(&[0, 2], 0.0, 300.0), stack(&[1, 2], 100.0, 100.0)],
            ..Answer::default()
        };
        let draw = |width| flame_svg(&answer, width, |bytes| format!("{bytes:.0} B"));
        let live = draw(FlameWidth::Live).expect("a picture");
        assert!(!live.contains("<script"), "{live}");
        assert!(
            live.contains("keep&lt;T&gt;: 100 B (25.0 %), +100 B"),
            "{live}"
        );
        assert!(live.contains("width=\"300.0\""), "{live}");
        let growth = draw(FlameWidth::Growth).expect("a picture");
        assert!(!growth.contains("svg&gt;"), "what did not grow: {growth}");
        assert_eq!(
            flame_svg(&Answer::default(), FlameWidth::Live, |_| String::new()),
            None
        );
    }
}
