//! What a Prometheus is asked: series of a selector, and their values over a range. VictoriaMetrics,
//! Thanos and Mimir speak the same API.

mod connection;
mod http;

pub use http::{Credentials, Limits};

use http::{Answer, Endpoint};
use leaklab_reports::foreign::{RangeAnswer, RangeSeries, read_range};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Points of one series in one answer that a Prometheus gives, at most
/// (`web/api/v1: exceeded maximum resolution of 11,000 points per timeseries`).
pub const MOST_POINTS_PER_SERIES: u64 = 11_000;

/// A server that answers queries.
pub struct Prometheus {
    endpoint: Endpoint,
}

/// A stretch of time and the distance of its points, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    pub start_s: f64,
    pub end_s: f64,
    pub step_s: f64,
}

impl Range {
    /// The range in pieces that a server answers.
    fn pages(self) -> Vec<Range> {
        let longest = (MOST_POINTS_PER_SERIES - 1) as f64 * self.step_s;
        let mut pages = Vec::new();
        let mut start_s = self.start_s;
        while start_s <= self.end_s {
            let end_s = (start_s + longest).min(self.end_s);
            pages.push(Range {
                start_s,
                end_s,
                ..self
            });
            start_s = end_s + self.step_s;
        }
        pages
    }
}

#[derive(Debug, Deserialize)]
struct SeriesAnswer {
    #[serde(default)]
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    data: Vec<BTreeMap<String, String>>,
}

impl Prometheus {
    /// A server at `url`, over TLS where it begins with `https://`; `authorities`: a PEM file of
    /// the certificates to trust instead of the system's.
    ///
    /// # Errors
    ///
    /// Words for a URL that cannot be asked.
    pub fn new(
        url: &str,
        authorities: Option<&Path>,
        credentials: Credentials,
        limits: Limits,
    ) -> Result<Self, String> {
        Ok(Self {
            endpoint: Endpoint::new(url, authorities, credentials, limits)?,
        })
    }

    /// The label sets that match a selector.
    ///
    /// # Errors
    ///
    /// Words for what the server did.
    pub fn series(
        &self,
        selector: &str,
        range: Range,
    ) -> Result<Vec<BTreeMap<String, String>>, String> {
        let form = form(&[
            ("match[]", selector),
            ("start", &range.start_s.to_string()),
            ("end", &range.end_s.to_string()),
        ]);
        let body = self.post("/api/v1/series", &form)?;
        let answer: SeriesAnswer = serde_json::from_slice(&body).map_err(|error| {
            format!("the answer to /api/v1/series is not what the API says: {error}")
        })?;
        if answer.status != "success" {
            return Err(format!("the server refuses `{selector}`: {}", answer.error));
        }
        Ok(answer.data)
    }

    /// The values of a query over a range, page by page.
    ///
    /// # Errors
    ///
    /// Words for what the server did.
    pub fn range(&self, query: &str, range: Range) -> Result<RangeAnswer, String> {
        let mut partial = None;
        let mut joined: BTreeMap<BTreeMap<String, String>, RangeSeries> = BTreeMap::new();
        for page in range.pages() {
            let form = form(&[
                ("query", query),
                ("start", &page.start_s.to_string()),
                ("end", &page.end_s.to_string()),
                ("step", &page.step_s.to_string()),
            ]);
            let body = self.post("/api/v1/query_range", &form)?;
            let answer = read_range(&body)?;
            partial = partial.or(answer.partial);
            for series in answer.series {
                match joined.get_mut(&series.labels) {
                    Some(before) => {
                        before.time_s.extend(series.time_s);
                        before.value.extend(series.value);
                    }
                    None => {
                        joined.insert(series.labels.clone(), series);
                    }
                }
            }
        }
        Ok(RangeAnswer {
            series: joined.into_values().collect(),
            partial,
        })
    }

    fn post(&self, path: &str, form: &str) -> Result<Vec<u8>, String> {
        let Answer { status, body } = self.endpoint.post(path, form)?;
        match status {
            200 => Ok(body),
            // The API explains itself in the body.
            400 | 422 | 503 if body.starts_with(b"{") => Ok(body),
            401 | 403 => Err(format!(
                "the server answers {status}: it wants other credentials (LEAKLAB_PROMETHEUS_TOKEN, --token-file)"
            )),
            404 => Err("the server answers 404: there is no Prometheus API at this address; a prefix (…/prometheus) may be missing".to_owned()),
            other => Err(format!("the server answers {other}")),
        }
    }
}

/// A form as `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        if !text.is_empty() {
            text.push('&');
        }
        for (part, end) in [(name, "="), (value, "")] {
            for byte in part.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                        text.push(byte as char);
                    }
                    // Writing to a string cannot fail.
                    other => drop(write!(text, "%{other:02X}")),
                }
            }
            text.push_str(end);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_range_is_asked_in_pages_that_do_not_overlap() {
        let range = Range {
            start_s: 0.0,
            end_s: 604_800.0,
            step_s: 30.0,
        };
        let pages = range.pages();
        assert_eq!(pages.len(), 2);
        assert_eq!(pages[1].start_s - pages[0].end_s, 30.0);
        for page in &pages {
            assert!((page.end_s - page.start_s) / 30.0 < MOST_POINTS_PER_SERIES as f64);
        }
        assert_eq!(pages[1].end_s, 604_800.0);
    }

    #[test]
    fn forms_hide_what_parts_their_fields() {
        assert_eq!(
            form(&[("q", "a{b=\"c\"}"), ("s", "1")]),
            "q=a%7Bb%3D%22c%22%7D&s=1"
        );
    }
}
