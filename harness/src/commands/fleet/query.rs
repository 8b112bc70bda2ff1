//! What a query asks for: memory in use, in bytes, or something else.

use crate::exit::usage;
use leaklab_judge::amount::bytes_text;
use leaklab_reports::fleet::Row;
use leaklab_reports::foreign::{is_highest_or_limit, is_memory_left};

/// No process has less than this, so that what most services have less of counts something else.
const LEAST_BYTES: f64 = 1_048_576.0;

/// Memory that is left grows when it is given back, and a highest mark never falls: judged as they
/// are, a leak of the one would pass, and the other says nothing of what is in use.
///
/// # Errors
///
/// A usage error that says what to ask for.
pub(super) fn refuse_what_is_not_in_use(query: &str) -> anyhow::Result<()> {
    let plain = without_labels(query);
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let (mut at, mut bound, mut is_in_use) = (0, None, false);
    while let Some(start) = plain[at..].find(is_name).map(|start| at + start) {
        let rest = &plain[start..];
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        at = start + end;
        let is_function = rest[end..].trim_start().starts_with('(');
        if is_function || !name.contains('_') {
            continue;
        }
        // What is left is taken from what there is, as in `total - available`.
        if is_memory_left(name) && !plain[..start].contains('-') {
            return Err(usage(format!(
                "`{name}` is memory that is left, whose fall is the growth: ask for what is in \
                 use, as in `node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes`"
            )));
        }
        match is_highest_or_limit(name) {
            true => bound = bound.or(Some(name)),
            false => is_in_use = true,
        }
    }
    match bound.filter(|_| !is_in_use && !plain.contains('-')) {
        None => Ok(()),
        Some(name) => Err(usage(format!(
            "`{name}` is a limit, a total or a highest mark, and does not say what is in use: ask \
             for another, as `container_memory_working_set_bytes`"
        ))),
    }
}

/// A query without label matchers, ranges, and what stands in quotes.
fn without_labels(query: &str) -> String {
    let mut plain = String::new();
    let (mut depth, mut quote) = (0_u32, None);
    let mut is_escaped = false;
    for c in query.chars() {
        if let Some(end) = quote {
            if c == end && !is_escaped {
                quote = None;
            }
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        match c {
            '"' | '\'' | '`' => quote = Some(c),
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// Refuses a fleet of which most services have less than any process has: its query counts MiB or
/// shares.
///
/// # Errors
///
/// A usage error that says so.
pub(super) fn refuse_other_units(rows: &[Row]) -> anyhow::Result<()> {
    let highest = |row: &Row| row.sketch.iter().map(|point| point.1).fold(0.0, f64::max);
    let mut all: Vec<f64> = rows
        .iter()
        .map(highest)
        .filter(|high| *high > 0.0)
        .collect();
    all.sort_by(f64::total_cmp);
    let Some(&median) = all.get(all.len() / 2).filter(|high| **high < LEAST_BYTES) else {
        return Ok(());
    };
    Err(usage(format!(
        "half of the services would have no more than {}, which no process has: the query counts \
         KiB, MiB, shares or something else; ask for bytes",
        bytes_text(median)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_and_highest_marks_are_refused_wherever_they_stand() {
        for (query, refused) in [
            ("node_memory_MemAvailable_bytes", true),
            (
                "avg_over_time(node_memory_MemAvailable_bytes{a=\"-\"}[5m])",
                true,
            ),
            ("min by (instance) (node_memory_MemFree_bytes)", true),
            ("node_memory_MemAvailable_bytes / 1024", true),
            (
                "node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes",
                false,
            ),
            (
                "sum(node_memory_MemTotal_bytes) - sum(node_memory_MemFree_bytes)",
                false,
            ),
            ("container_memory_max_usage_bytes{pod=\"a-b\"}", true),
            (
                "max_over_time(container_memory_working_set_bytes[5m])",
                false,
            ),
            ("max by (pod) (container_memory_rss{free=\"yes\"})", false),
            ("m", false),
        ] {
            let found = refuse_what_is_not_in_use(query);
            assert_eq!(found.is_err(), refused, "{query}");
        }
    }

    #[test]
    fn a_fleet_that_counts_something_else_than_bytes_is_refused() {
        let row = |highest: f64| Row {
            labels: [("container".to_owned(), highest.to_string())].into(),
            replicas: 1,
            lives: 1,
            limit_bytes: None,
            limit_is_required: false,
            at_limit: None,
            part: None,
            judgement: leaklab_judge::Judgement::unknown("not judged"),
            adjusted_p_value: None,
            discovery: None,
            sketch: vec![(0.0, highest), (60.0, highest / 2.0)],
        };
        // Readings of 300 MiB, as bytes, KiB and MiB; those without a reading say nothing.
        for (highest, refused) in [(3e8, false), (3e5, true), (300.0, true)] {
            let rows = [row(highest), row(highest * 1.1), row(0.0)];
            assert_eq!(refuse_other_units(&rows).is_err(), refused, "{highest}");
        }
        assert!(refuse_other_units(&[]).is_ok());
        // A small one among large ones is its own affair.
        assert!(refuse_other_units(&[row(1.0), row(3e8), row(3e8)]).is_ok());
    }
}
