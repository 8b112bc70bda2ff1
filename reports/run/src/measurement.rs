//! The certificate of a cell's measurement: what was due, what was taken, what disturbed it.

use serde::{Deserialize, Serialize};

/// Share of the ticks that must have been taken: with fewer, what moved between them is guessed.
const LEAST_TAKEN_SHARE: f64 = 0.5;
/// Longest part of the time that may lie in one gap; what grew in it, and whether it grew
/// evenly, was not seen.
const LONGEST_GAP_SHARE: f64 = 0.25;
/// Most rows, of those due, that may have been lost on their way to the disk.
const MOST_LOST_SHARE: f64 = 0.1;
/// Ticks below which the shares above say nothing.
const FEWEST_TICKS: u64 = 8;

/// How well a cell was measured: `measurement` in `status.json`.
///
/// Counts are exact; absent figures could not be taken. [`Measurement::doubt`] says when a
/// verdict must not be built on it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measurement {
    /// Rows that were due at the interval, from ready to the end.
    pub ticks_due: u64,
    /// Rows that were taken.
    pub ticks_taken: u64,
    /// Rows that came later than a fifth of the interval after their time.
    pub ticks_late: u64,
    /// Rows that were due and not taken.
    pub ticks_missed: u64,
    /// Times without a row for three intervals or more.
    pub gaps: u64,
    /// The longest time between two rows.
    pub longest_gap_ms: f64,
    /// Time from the first row to the last.
    pub measured_ms: f64,
    /// Rows and events that could not be written, on a full disk for instance.
    pub rows_lost: u64,
    /// Lines of the program's output that its logs have no room for, or the disk had none.
    pub lines_lost: u64,
    /// Whether somebody else changed or shortened the files while they were written.
    pub files_changed: bool,
    /// Times that the program gave for what it wrote.
    pub clock_claims: u64,
    /// Those of them that were not of this machine's monotonic clock; the time of reading
    /// stands in their place.
    pub clock_rejects: u64,
    /// Why nothing must be judged on what was measured, where the harness has seen a reason: that
    /// another program answered, or two wrote to one pipe in turns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distrusted: Option<String>,
    /// Processes that left the tree and were not known to belong to it.
    pub escaped_processes: u64,
    /// Processes that the program left behind when it ended; they were ended.
    pub left_processes: u64,
    /// Most bytes of the tree that were swapped out.
    pub swap_bytes: Option<u64>,
    /// Most memory that the kernel charged the cell's own control group for, page cache included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_peak_bytes: Option<u64>,
    /// Processes of the cell that the kernel killed for want of memory.
    #[serde(default)]
    pub oom_kills: u64,
    /// Time that processes of the cell waited for memory (PSI of its control group).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_pressure_us: Option<u64>,
    /// Share of the time in which some task of the machine waited for a processor (PSI).
    pub cpu_pressure: Option<f64>,
    /// Share of the machine's processor time that its host gave to others.
    pub steal: Option<f64>,
    /// Share of the machine's processor time that went neither to the cell nor to idling.
    pub others: Option<f64>,
    /// CPU time of the harness for this cell.
    pub harness_cpu_us: u64,
}

impl Measurement {
    /// Why no verdict must be built on this measurement; `None` if one may.
    pub fn doubt(&self) -> Option<String> {
        if self.files_changed {
            return Some("the files of the cell were changed while they were written".to_owned());
        }
        if self.escaped_processes > 0 {
            return Some(format!(
                "{} left the tree and could not be followed: what they hold was not measured",
                count(self.escaped_processes, "process", "processes")
            ));
        }
        if let Some(why) = &self.distrusted {
            return Some(why.clone());
        }
        if self.ticks_due < FEWEST_TICKS {
            return None;
        }
        let due = self.ticks_due as f64;
        if (self.ticks_taken as f64) < due * LEAST_TAKEN_SHARE {
            return Some(format!(
                "only {} of {} due samples were taken",
                self.ticks_taken, self.ticks_due
            ));
        }
        if self.rows_lost as f64 > due * MOST_LOST_SHARE {
            return Some(format!(
                "{} of {} rows could not be written",
                self.rows_lost, self.ticks_due
            ));
        }
        if self.gaps > 0 && self.longest_gap_ms > self.measured_ms * LONGEST_GAP_SHARE {
            return Some(format!(
                "nothing was measured for {:.1} s of {:.1} s at a stretch",
                self.longest_gap_ms / 1e3,
                self.measured_ms / 1e3
            ));
        }
        None
    }

    /// What a reader should know of it, a part each; empty if nothing disturbed it.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let mut say = |number: u64, words: String| {
            if number > 0 {
                remarks.push(words);
            }
        };
        say(
            self.ticks_missed,
            format!(
                "{} of {} due samples not taken, longest gap {:.1} s",
                self.ticks_missed,
                self.ticks_due,
                self.longest_gap_ms / 1e3
            ),
        );
        say(
            self.rows_lost,
            format!("{} not written", count(self.rows_lost, "row", "rows")),
        );
        say(
            self.lines_lost,
            format!(
                "{} of output not kept",
                count(self.lines_lost, "line", "lines")
            ),
        );
        say(
            self.clock_rejects,
            format!(
                "{} of {} times of the program were not of this machine's monotonic clock",
                self.clock_rejects, self.clock_claims
            ),
        );
        say(
            self.oom_kills,
            format!(
                "{} killed by the kernel for want of memory",
                count(self.oom_kills, "process", "processes")
            ),
        );
        say(
            self.left_processes,
            format!(
                "{} left behind and ended",
                count(self.left_processes, "process", "processes")
            ),
        );
        remarks
    }
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Measurement {
        Measurement {
            ticks_due: 1000,
            ticks_taken: 1000,
            measured_ms: 1e6,
            longest_gap_ms: 1000.0,
            ..Measurement::default()
        }
    }

    #[test]
    fn a_bad_measurement_says_why_and_a_good_one_nothing() {
        assert_eq!(good().doubt(), None);
        assert!(good().remarks().is_empty());
        let doubt = |change: fn(&mut Measurement)| {
            let mut bad = good();
            change(&mut bad);
            bad.doubt().unwrap_or_default()
        };
        assert!(doubt(|m| m.ticks_taken = 499).contains("499 of 1000"));
        assert_eq!(doubt(|m| m.ticks_taken = 501), "");
        assert!(doubt(|m| m.rows_lost = 101).contains("101 of 1000 rows"));
        let gap = doubt(|m| (m.gaps, m.longest_gap_ms) = (1, 250_001.0));
        assert!(gap.contains("250.0 s of 1000.0 s"), "{gap}");
        assert!(doubt(|m| m.escaped_processes = 1).contains("1 process left"));
        assert!(doubt(|m| m.files_changed = true).contains("changed"));
        assert_eq!(doubt(|m| m.distrusted = Some("why".to_owned())), "why");
    }
}
