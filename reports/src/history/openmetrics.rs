//! Nights as OpenMetrics text: for a push gateway, a node exporter's text files, or the metrics
//! report of a GitLab job.
//!
//! Every family is a gauge, so that readers of Prometheus' older text format take it too.
//!
//! # Source
//!
//! OpenMetrics 1.0.0, "Text format".

use super::record::NightRecord;
use crate::compare::Figure;
use leaklab_judge::Verdict;
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

/// The records as OpenMetrics text; cells that bear the same series, host and repetition are one
/// sample each, the later one.
#[must_use]
pub fn openmetrics(records: &[&NightRecord]) -> String {
    let mut text = String::new();
    for (figure, name, factor, help) in FAMILIES {
        let measured = |record: &NightRecord| record.figures.get(&figure).copied();
        let value = |record: &NightRecord| measured(record).map(|m| m.value * factor);
        family(&mut text, name, help, records, value);
        let error = |record: &NightRecord| {
            let error = measured(record)?.standard_error;
            (error > 0.0).then_some(error * factor)
        };
        let of_error = format!("{name}_standard_error");
        family(&mut text, &of_error, "Its standard error.", records, error);
    }
    let good = |record: &NightRecord| Some(f64::from(u8::from(record.is_good)));
    let help = "1 where the cell is as it should be.";
    family(&mut text, "leaklab_good", help, records, good);
    let leak = |record: &NightRecord| {
        let verdict = [Verdict::NoLeak, Verdict::Inconclusive, Verdict::Leak];
        let place = verdict.iter().position(|one| *one == record.verdict)?;
        Some(place as f64 / 2.0)
    };
    let help = "0 for no-leak, 0.5 for inconclusive, 1 for leak.";
    family(&mut text, "leaklab_verdict", help, records, leak);
    let time = |record: &NightRecord| {
        let time: jiff::Timestamp = record.time_utc.parse().ok()?;
        Some(time.as_second() as f64)
    };
    let help = "When the run began.";
    family(
        &mut text,
        "leaklab_run_timestamp_seconds",
        help,
        records,
        time,
    );
    text.push_str("# EOF\n");
    text
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
    // A set of labels may stand once.
    let samples: std::collections::BTreeMap<String, f64> = samples.collect();
    if samples.is_empty() {
        return;
    }
    let _ = writeln!(text, "# TYPE {name} gauge\n# HELP {name} {help}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
}

fn labels(record: &NightRecord) -> String {
    let mut text = format!(
        "cell=\"{}\",series=\"{}\",host_class=\"{}\"",
        escaped(&record.cell),
        escaped(&record.series),
        escaped(&record.host_class)
    );
    if record.repetition > 1 {
        let _ = write!(text, ",repetition=\"{}\"", record.repetition);
    }
    text
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
        let text = openmetrics(&[&record, &record]);
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
}
