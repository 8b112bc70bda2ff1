//! The report of a recording that leaklab did not make: picture, fit, words, and the command.

use crate::cell::Metric;
use crate::chart::{ChartError, ChartOptions, Overlay, Phases, Picture, Series, TimeMark};
use leaklab_judge::Judgement;
use leaklab_judge::amount::plural;

/// One judged series of a recording.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its name: the file's, the series', the metric's.
    pub name: String,
    /// What was put up with when it was read, a sentence each.
    pub notes: Vec<String>,
    /// What its values are.
    pub metric: Metric,
    /// Seconds from its first reading.
    pub times_s: Vec<f64>,
    /// The values; NaN where none was read.
    pub values: Vec<f64>,
    /// Seconds at which the program was started anew, where that is on record.
    pub restarts_s: Vec<f64>,
    /// What the judge says.
    pub judgement: Judgement,
}

impl Recorded {
    /// What restarts on record mean for the verdict; `None` without one.
    #[must_use]
    pub fn lives(&self) -> Option<String> {
        let restarts = self.restarts_s.len() as u64;
        (restarts > 0).then(|| {
            format!(
                "{} on record: each of {} is judged by itself, none through the falls between them",
                plural(restarts, "restart"),
                plural(restarts + 1, "life").replace("lifes", "lives"),
            )
        })
    }

    /// The series with the line that was fitted to it.
    ///
    /// # Errors
    ///
    /// [`ChartError`] if it cannot be drawn.
    pub fn picture(&self, options: &ChartOptions) -> Result<Picture, ChartError> {
        let last = |values: &[f64]| {
            let known = values.iter().rev().find(|value| !value.is_nan());
            known.copied().unwrap_or(0.0)
        };
        let mut series = vec![Series {
            name: self.metric.label.clone(),
            variant: self.metric.label.clone(),
            role: String::new(),
            times_s: self.times_s.clone(),
            load_end: last(&self.values),
            values: self.values.clone(),
            ..Series::default()
        }];
        if let Some(fitted) = self.judgement.fitted {
            series.push(Series {
                name: "fitted".to_owned(),
                variant: "fitted".to_owned(),
                times_s: vec![fitted.start_s, fitted.end_s],
                values: vec![fitted.start_value, fitted.end_value],
                load_end: fitted.end_value,
                ..Series::default()
            });
        }
        let overlay = Overlay {
            title: format!("{}: {}", self.judgement.verdict, self.judgement.reason),
            subtitle: self.name.clone(),
            metric: self.metric.clone(),
            series,
            phases: Phases::default(),
            marks: (self.restarts_s.iter())
                .map(|&at| TimeMark {
                    name: "restart".to_owned(),
                    from_s: at,
                    to_s: at,
                })
                .collect(),
            note: String::new(),
        };
        Picture::overlay(&overlay, options)
    }
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b1b1b;background:#fff}\
svg{width:100%;height:auto}code{overflow-wrap:anywhere;background:#8882;padding:.1em .3em;border-radius:4px}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}svg{background:#fff;border-radius:6px}}";

/// One HTML page without anything from elsewhere: each series with its picture and its verdict in
/// words, and the command that makes it again.
///
/// # Errors
///
/// [`ChartError`] if a picture cannot be drawn.
pub fn recording_page(
    title: &str,
    command: &str,
    notes: &[String],
    recorded: &[Recorded],
    options: &ChartOptions,
) -> Result<String, ChartError> {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>Made by <code>{}</code></p>",
        escaped(command),
        title = escaped(title),
    );
    for note in notes {
        html.push_str(&format!("<p>{}</p>", escaped(note)));
    }
    for one in recorded {
        let svg = one.picture(options)?.svg()?;
        // A picture within a page has no prologue of its own.
        let svg = svg.find("<svg").map_or("", |start| &svg[start..]);
        html.push_str(&format!(
            "<section><h2>{}: {}</h2>{svg}<p>{}</p></section>",
            escaped(&one.name),
            one.judgement.verdict,
            escaped(&one.judgement.reason),
        ));
        for note in one.lives().iter().chain(&one.notes) {
            html.push_str(&format!("<p class=\"note\">{}.</p>", escaped(note)));
        }
    }
    html.push_str("</html>\n");
    Ok(leaklab_run::clean(&html).into_owned())
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
