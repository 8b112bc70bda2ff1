//! The certificate of a cell's measurement in words: how many of the due samples there are, what
//! was lost, and who else used the machine.

use leaklab_judge::amount::{bytes_text, count_text, duration_text, number_text, plural};
use leaklab_run::Measurement;

/// What was measured and what disturbed it, as names and values. Figures that could not be
/// taken are left out.
pub fn measured_words(measurement: &Measurement) -> Vec<(&'static str, String)> {
    let m = measurement;
    let mut words = Vec::new();
    let due = count_text(m.ticks_due);
    words.push((
        "Samples",
        format!("{} of {due} that were due", count_text(m.ticks_taken)),
    ));
    words.push((
        "Late samples",
        format!(
            "{}; the longest time between two was {}",
            count_text(m.ticks_late),
            duration_text(m.longest_gap_ms / 1e3)
        ),
    ));
    words.push((
        "Lost",
        match (m.rows_lost, m.lines_lost) {
            (0, 0) => "nothing".to_owned(),
            (rows, lines) => format!(
                "{} of samples, {} of output",
                plural(rows, "row"),
                plural(lines, "line")
            ),
        },
    ));
    if m.clock_claims > 0 {
        words.push((
            "Times by the program",
            format!(
                "{}, of which {} were not of this machine's clock",
                count_text(m.clock_claims),
                count_text(m.clock_rejects)
            ),
        ));
    }
    words.push((
        "Processes",
        match (m.escaped_processes, m.left_processes) {
            (0, 0) => "none got away, none was left behind".to_owned(),
            (escaped, left) => format!(
                "{} got away; {} left behind and ended",
                count_text(escaped),
                count_text(left)
            ),
        },
    ));
    if let Some(bytes) = m.swap_bytes {
        words.push(("Swapped out at most", bytes_text(bytes as f64)));
    }
    if let Some(bytes) = m.group_peak_bytes {
        let peak = format!("{}, page cache included", bytes_text(bytes as f64));
        words.push(("Charged to its control group at most", peak));
    }
    if let Some(waited_us) = m.memory_pressure_us.filter(|us| *us > 0) {
        words.push(("Waited for memory", duration_text(waited_us as f64 / 1e6)));
    }
    let share = |part: f64| format!("{} %", number_text((part * 1000.0).round() / 10.0));
    for (name, part) in [
        ("Processors used by others", m.others),
        (
            "Time in which something waited for a processor",
            m.cpu_pressure,
        ),
        ("Processor time taken by the host", m.steal),
    ] {
        words.extend(part.map(|part| (name, share(part))));
    }
    if m.measured_ms > 0.0 {
        words.push((
            "The harness used",
            format!(
                "{} of processor time, {}",
                duration_text(m.harness_cpu_us as f64 / 1e6),
                share(m.harness_cpu_us as f64 / 1e3 / m.measured_ms)
            ),
        ));
    }
    if m.files_changed {
        words.push(("Files", "changed by somebody else".to_owned()));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_measurement_says_that_nothing_was_lost() {
        let measurement = Measurement {
            ticks_due: 1200,
            ticks_taken: 1200,
            longest_gap_ms: 1010.0,
            measured_ms: 1.2e6,
            harness_cpu_us: 360_000,
            others: Some(0.123_4),
            ..Measurement::default()
        };
        let words = measured_words(&measurement);
        let of = |name: &str| {
            let pair = words.iter().find(|(known, _)| *known == name);
            pair.map(|(_, value)| value.as_str())
        };
        assert_eq!(of("Samples"), Some("1,200 of 1,200 that were due"));
        assert_eq!(of("Lost"), Some("nothing"));
        assert_eq!(of("Processors used by others"), Some("12.3 %"));
        assert_eq!(
            of("The harness used"),
            Some("360 ms of processor time, 0 %")
        );
        assert_eq!(of("Processor time taken by the host"), None);
        assert_eq!(of("Times by the program"), None);
    }

    #[test]
    fn what_was_lost_or_got_away_is_counted() {
        let measurement = Measurement {
            ticks_due: 10,
            ticks_taken: 7,
            rows_lost: 2,
            lines_lost: 1,
            escaped_processes: 1,
            clock_claims: 9,
            clock_rejects: 3,
            files_changed: true,
            ..Measurement::default()
        };
        let words = measured_words(&measurement);
        let text: Vec<String> = words.iter().map(|(n, v)| format!("{n}: {v}")).collect();
        let text = text.join("\n");
        for part in [
            "Samples: 7 of 10",
            "Lost: 2 rows of samples, 1 line of output",
            "Times by the program: 9, of which 3 were not",
            "Processes: 1 got away; 0 left behind",
            "Files: changed",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
    }
}
