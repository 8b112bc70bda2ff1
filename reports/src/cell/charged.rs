//! What the control group of a cell is charged for, beside what its processes have mapped.

use super::series::Readings;
use leaklab_judge::{CellJudgement, MetricJudgement, Verdict};
use leaklab_run::columns;

impl Readings {
    /// Holds the resident set against what the control group of the cell is charged for.
    ///
    /// Memory that no process has mapped, as in a file that lives in memory (`memfd_create`,
    /// `/dev/shm`), is in no resident set, and charged all the same: where that grows, the cell is
    /// not called healthy. Pages of a file that is mapped to be read are in the resident set, and
    /// not charged as memory, since the kernel drops them when it needs room: where nothing but
    /// these grows, the cell is not called leaking.
    pub(super) fn look_at_charged(&self, judgement: &mut CellJudgement) {
        let column = columns::CGROUP_BYTES;
        let of_rss = judgement.metric == columns::RSS_BYTES;
        let is_asked =
            judgement.verdict == Verdict::NoLeak || judgement.verdict == Verdict::Leak && of_rss;
        if !is_asked || self.table().filled_column(column).is_none() {
            return;
        }
        let Ok(charged) = self.judge_column(column) else {
            return;
        };
        let reason = match (judgement.verdict, charged.verdict) {
            (Verdict::NoLeak, Verdict::Leak) => Some(format!(
                "{} does not grow, but what the control group is charged for does: memory that no \
                 process has mapped, as in a file that lives in memory (memfd_create, a tmpfs such \
                 as /dev/shm); {column}: {}",
                judgement.metric, charged.reason
            )),
            (Verdict::Leak, Verdict::NoLeak) => Some(format!(
                "{}; but the memory that the control group is charged for does not grow: pages of \
                 files that are mapped, which the kernel drops when it needs room; {column}: {}",
                judgement.reason, charged.reason
            )),
            _ => None,
        };
        if let Some(reason) = reason {
            judgement.leave_open(reason);
        }
        judgement.metrics.push(MetricJudgement {
            metric: column.to_owned(),
            judgement: charged,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::VerdictOptions;
    use leaklab_run::{Phase, SampleTable};

    /// Three hours and twenty minutes in which so many bytes a second come to the resident set, and
    /// to the charge: long enough for the steps that a resident set moves in.
    fn judged(resident_per_s: f64, charged_per_s: f64) -> CellJudgement {
        let seconds = || (0..600).map(|row| 20.0 * f64::from(row));
        let noise = |s: f64| 1e3 * (s * 1.7).sin();
        let table = SampleTable {
            phase: vec![Phase::Load; 600],
            names: vec![
                columns::RSS_BYTES.to_owned(),
                columns::CGROUP_BYTES.to_owned(),
            ],
            values: vec![
                seconds()
                    .map(|s| 5e7 + resident_per_s * s + noise(s))
                    .collect(),
                seconds()
                    .map(|s| 4e7 + charged_per_s * s + noise(s))
                    .collect(),
            ],
            elapsed_ms: seconds().map(|s| s * 1e3).collect(),
            ..SampleTable::default()
        };
        // Beyond what the grain of a resident set hides in ten minutes.
        let options = VerdictOptions {
            budget: Some("20MiB/h".parse().expect("a budget")),
            ..VerdictOptions::default()
        };
        let readings = Readings::of_table(table, &[], &options);
        readings.judge().expect("a judgement")
    }

    #[test]
    fn memory_that_is_charged_and_not_mapped_takes_back_that_a_cell_is_healthy() {
        let healthy = judged(0.0, 0.0);
        assert_eq!(healthy.verdict, Verdict::NoLeak, "{}", healthy.reason);
        assert_eq!(healthy.metric, columns::RSS_BYTES);
        // 100 KB each second into a file that lives in memory.
        let leaking = judged(0.0, 1e5);
        assert_eq!(leaking.verdict, Verdict::Inconclusive, "{}", leaking.reason);
        assert!(
            leaking.reason.contains("memfd_create"),
            "{}",
            leaking.reason
        );
    }

    #[test]
    fn pages_of_files_that_the_kernel_may_drop_are_no_leak_alone() {
        let of_files = judged(1e5, 0.0);
        assert_eq!(
            of_files.verdict,
            Verdict::Inconclusive,
            "{}",
            of_files.reason
        );
        assert!(
            of_files.reason.contains("pages of files"),
            "{}",
            of_files.reason
        );
        assert_eq!(judged(1e5, 1e5).verdict, Verdict::Leak);
    }
}
