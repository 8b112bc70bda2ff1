//! A fleet as one page: a small picture for each service that grows.

use super::{ACCEPTED_RATE, Row, text};
use leaklab_judge::Verdict;
use leaklab_judge::amount::{bytes_text, plural};
use std::fmt::Write;

/// Services with a picture; of more, those ranked first.
const MOST_PICTURES: usize = 300;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1b1b;background:#fff}\
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1rem}\
figure{margin:0;border:1px solid #ccc;border-radius:6px;padding:.6rem}figcaption{overflow-wrap:anywhere;font-size:.85rem}\
svg{width:100%;height:5rem;display:block}path{fill:none;stroke:#0b62a3;stroke-width:1.5;vector-effect:non-scaling-stroke}\
.yes{border-color:#b3261e}.yes path{stroke:#b3261e}.yes b{color:#b3261e}\
@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}figure{border-color:#444}path{stroke:#7ab8ff}.yes,.yes path{border-color:#ff8a80;stroke:#ff8a80}.yes b{color:#ff8a80}}";

/// The ranked rows as one HTML page without anything from elsewhere.
pub fn page(rows: &[Row], title: &str) -> String {
    let found = rows.iter().filter(|row| row.is_discovery()).count();
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{}, {found} discovered to leak; of these {:.0} % may be false on average (Benjamini-Hochberg over all services). Each picture has an axis of its own.</p><main>",
        plural(rows.len() as u64, "service"),
        ACCEPTED_RATE * 100.0,
        title = escaped(title),
    );
    let grows = |row: &&Row| row.is_discovery() || row.judgement.verdict != Verdict::NoLeak;
    let (first, rest): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(grows);
    for row in first.into_iter().chain(rest).take(MOST_PICTURES) {
        let class = if row.is_discovery() { "yes" } else { "no" };
        let _ = write!(
            html,
            "<figure class=\"{class}\">{}<figcaption><b>{}</b><br>{}</figcaption></figure>",
            picture(row),
            escaped(&row.name()),
            escaped(&text::said(row)),
        );
    }
    html.push_str("</main></html>\n");
    html
}

/// The thinned series as a line.
fn picture(row: &Row) -> String {
    let points = row.sketch.iter().filter(|(_, value)| value.is_finite());
    let (mut low, mut high, mut end) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
    for (time, value) in points.clone() {
        low = low.min(*value);
        high = high.max(*value);
        end = end.max(*time);
    }
    if high < low {
        return String::new();
    }
    let (width, height) = (end.max(1.0), (high - low).max(1.0));
    let mut path = String::new();
    for (index, (time, value)) in points.enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        let (x, y) = (time / width * 300.0, 78.0 - (value - low) / height * 76.0);
        let _ = write!(path, "{letter}{x:.1} {y:.1}");
    }
    format!(
        "<svg viewBox=\"0 0 300 80\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"memory from {} to {}\"><path d=\"{path}\"/></svg>",
        bytes_text(low),
        bytes_text(high)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
