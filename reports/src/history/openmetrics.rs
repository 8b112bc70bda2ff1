//! Nights as OpenMetrics text: for a push gateway, a node exporter's text files, or the metrics
//! report of a GitLab job.
//!
//! Every family is a gauge, so that readers of Prometheus' older text format take it too.
//!
//! # Source
//!
//! OpenMetrics 1.0.0, "Text format".

use super::accepted::Tolerance;
use super::missing::MissingNight;
use super::record::NightRecord;
use super::standing::SeriesState;
use super::story::SeriesStory;
use crate::compare::Figure;
use leaklab_judge::Verdict;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A family of samples: its figure, its name, what one of the figure's unit is in the name's
/// unit, and what it is.
const FAMILIES: [(Figure, &str, f64, &str); 11] = [
    (
        Figure::GrowthPerOperation,
        "leaklab_growth_per_operation_bytes",
        1.0,
        "Memory that stays per operation.",
    ),
    (
        Figure::GrowthPerHour,
        "leaklab_growth_per_hour_bytes",
        1.0,
        "Memory that stays per hour.",
    ),
    (
        Figure::SettledLevel,
        "leaklab_settled_bytes",
        1.0,
        "Memory of the settled part.",
    ),
    (Figure::Peak, "leaklab_peak_bytes", 1.0, "Most memory."),
    (
        Figure::Throughput,
        "leaklab_operations_per_second",
        1.0,
        "Operations per second of load.",
    ),
    (
        Figure::LatencyP50,
        "leaklab_latency_p50_seconds",
        1e-6,
        "Median latency.",
    ),
    (
        Figure::LatencyP99,
        "leaklab_latency_p99_seconds",
        1e-6,
        "99th percentile of the latency.",
    ),
    (
        Figure::CpuPerOperation,
        "leaklab_cpu_per_operation_seconds",
        1e-6,
        "CPU time per operation.",
    ),
    (
        Figure::Descriptors,
        "leaklab_descriptors",
        1.0,
        "Most open descriptors.",
    ),
    (Figure::Threads, "leaklab_threads", 1.0, "Most threads."),
    (
        Figure::StartUp,
        "leaklab_start_up_seconds",
        1e-3,
        "Time from start to ready.",
    ),
];

/// Cells of one run as OpenMetrics text, each with the exit code that it adds: 0 where somebody
/// accepted what it shows. Cells that bear the same series, host and repetition are one sample each,
/// the later one.
#[must_use]
pub fn openmetrics(cells: &[(&NightRecord, u8)]) -> String {
    let mut text = String::new();
    let records: Vec<&NightRecord> = cells.iter().map(|(record, _)| *record).collect();
    cell_families(&mut text, &records);
    let gates = cells.iter().map(|(record, code)| (labels(record), *code));
    gate_families(&mut text, "cell", &gates.collect::<Vec<_>>());
    text.push_str("# EOF\n");
    text
}

/// The newest night of each series as OpenMetrics text, all repetitions of it, and how each series
/// stands: by the decision that the exit code of `leaklab history` follows.
#[must_use]
pub fn openmetrics_of_series(
    stories: &[SeriesStory],
    tolerance: &Tolerance,
    missing: &[MissingNight],
) -> String {
    let mut text = String::new();
    let newest: Vec<&NightRecord> = stories.iter().flat_map(SeriesStory::last_lines).collect();
    cell_families(&mut text, &newest);
    let of_story = |story: &SeriesStory| {
        let labels = series_labels(story.cell(), &story.series, &story.host_class);
        (labels, SeriesState::of(story, tolerance, missing))
    };
    let states: Vec<(String, SeriesState)> = stories.iter().map(of_story).collect();
    let gates = states
        .iter()
        .map(|(labels, state)| (labels.clone(), state.exit_code()));
    gate_families(&mut text, "series", &gates.collect::<Vec<_>>());
    let of_state = |(labels, state): &(String, SeriesState)| {
        let name = |one: SeriesState| format!("{labels},state=\"{}\"", one.name());
        let is_it = |one: SeriesState| f64::from(u8::from(one == *state));
        SeriesState::ALL.map(|one| (name(one), is_it(one)))
    };
    let help = "1 for the state that the series is in, 0 for the others.";
    let samples = states.iter().flat_map(of_state).collect();
    samples_of(&mut text, "leaklab_state", help, &samples);
    text.push_str("# EOF\n");
    text
}

/// What was measured of each cell.
fn cell_families(text: &mut String, records: &[&NightRecord]) {
    for (figure, name, factor, help) in FAMILIES {
        let measured = |record: &NightRecord| record.figures.get(&figure).copied();
        let value = |record: &NightRecord| measured(record).map(|m| m.value * factor);
        family(text, name, help, records, value);
        let error = |record: &NightRecord| {
            let error = measured(record)?.standard_error;
            (error > 0.0).then_some(error * factor)
        };
        let of_error = format!("{name}_standard_error");
        family(text, &of_error, "Its standard error.", records, error);
    }
    let leak = |record: &NightRecord| {
        let verdict = [Verdict::NoLeak, Verdict::Inconclusive, Verdict::Leak];
        let place = verdict.iter().position(|one| *one == record.verdict)?;
        Some(place as f64 / 2.0)
    };
    let help = "0 for no-leak, 0.5 for inconclusive, 1 for leak.";
    family(text, "leaklab_verdict", help, records, leak);
    let time = |record: &NightRecord| record.began_s();
    let help = "When the run began.";
    family(text, "leaklab_run_timestamp_seconds", help, records, time);
}

/// What each gates with, by its labels.
fn gate_families(text: &mut String, what: &str, gates: &[(String, u8)]) {
    let of = |value: fn(u8) -> f64| {
        let sample = |(labels, code): &(String, u8)| (labels.clone(), value(*code));
        gates.iter().map(sample).collect()
    };
    let help = format!("1 where the {what} does not gate, that is where its exit code is 0.");
    let good = of(|code| f64::from(u8::from(code == 0)));
    samples_of(text, "leaklab_good", &help, &good);
    let help = format!("What the {what} adds to the exit code: the gravest of 4, 5, 1, 3, 0 wins.");
    samples_of(text, "leaklab_exit_code", &help, &of(f64::from));
}

fn family(
    text: &mut String,
    name: &str,
    help: &str,
    records: &[&NightRecord],
    value: impl Fn(&NightRecord) -> Option<f64>,
) {
    let samples = records.iter().filter_map(|record| {
        let value = value(record).filter(|value| value.is_finite())?;
        Some((labels(record), value))
    });
    samples_of(text, name, help, &samples.collect());
}

/// A family of samples; a set of labels may stand once.
fn samples_of(text: &mut String, name: &str, help: &str, samples: &BTreeMap<String, f64>) {
    if samples.is_empty() {
        return;
    }
    let _ = writeln!(text, "# TYPE {name} gauge\n# HELP {name} {help}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
}

fn labels(record: &NightRecord) -> String {
    let mut text = series_labels(&record.cell, &record.series, &record.host_class);
    if record.repetition > 1 {
        let _ = write!(text, ",repetition=\"{}\"", record.repetition);
    }
    text
}

fn series_labels(cell: &str, series: &str, host_class: &str) -> String {
    format!(
        "cell=\"{}\",series=\"{}\",host_class=\"{}\"",
        escaped(cell),
        escaped(series),
        escaped(host_class)
    )
}

/// A label's value as the format takes it.
fn escaped(value: &str) -> String {
    let text = value.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Measured;

    #[test]
    fn figures_have_base_units_and_hostile_names_stay_in_their_labels() {
        let record = NightRecord {
            time_utc: "2026-11-01T03:00:00Z".to_owned(),
            cell: "a\"b\\c\nd".to_owned(),
            series: "s".to_owned(),
            host_class: "h".to_owned(),
            verdict: Verdict::Leak,
            figures: [
                (
                    Figure::LatencyP99,
                    Measured {
                        value: 1500.0,
                        standard_error: 0.0,
                    },
                ),
                (
                    Figure::GrowthPerOperation,
                    Measured {
                        value: 64.0,
                        standard_error: 0.5,
                    },
                ),
            ]
            .into(),
            ..NightRecord::default()
        };
        let text = openmetrics(&[(&record, 1), (&record, 1)]);
        let labels = r#"{cell="a\"b\\c\nd",series="s",host_class="h"}"#;
        for line in [
            format!("leaklab_latency_p99_seconds{labels} 0.0015"),
            format!("leaklab_growth_per_operation_bytes{labels} 64"),
            format!("leaklab_growth_per_operation_bytes_standard_error{labels} 0.5"),
            format!("leaklab_verdict{labels} 1"),
            format!("leaklab_good{labels} 0"),
        ] {
            assert_eq!(
                text.lines().filter(|one| *one == line).count(),
                1,
                "{line}\n{text}"
            );
        }
        assert!(text.ends_with("\n# EOF\n"));
    }

    #[test]
    fn a_series_is_good_where_its_exit_code_is_and_all_repetitions_are_told() {
        let line = |(day, repetition): (u64, u64)| NightRecord {
            time_utc: format!("2026-11-{day:02}T03:00:00Z"),
            run: format!("night-{day}"),
            cell: "shop".to_owned(),
            series: "shop".to_owned(),
            host_class: "h".to_owned(),
            repetition,
            verdict: Verdict::NoLeak,
            exit_code: Some(0),
            is_good: true,
            figures: [(
                Figure::Peak,
                Measured {
                    value: if day < 21 { 5e7 } else { 1e8 } + (day * repetition % 5) as f64 * 1e4,
                    standard_error: 0.0,
                },
            )]
            .into(),
            ..NightRecord::default()
        };
        let lines = (1..=24).flat_map(|day| [(day, 1), (day, 2), (day, 3)]);
        let stories = crate::history::stories(lines.map(line).collect());
        let text = openmetrics_of_series(&stories, &Tolerance::default(), &[]);
        let labels = r#"cell="shop",series="shop",host_class="h""#;
        for line in [
            format!("leaklab_good{{{labels}}} 0"),
            format!("leaklab_exit_code{{{labels}}} 1"),
            format!("leaklab_state{{{labels},state=\"worse\"}} 1"),
            format!("leaklab_state{{{labels},state=\"good\"}} 0"),
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        let peaks = text
            .lines()
            .filter(|one| one.starts_with("leaklab_peak_bytes{"));
        assert_eq!(peaks.count(), 3, "{text}");
    }
}
