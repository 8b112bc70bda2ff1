//! Whether a cell stopped working while its load went on: death must not pass for health.
//!
//! A service that has died holds its memory: it takes nothing, gives nothing back, and every
//! curve is flat. What tells it from a healthy one is its work. Work is what `ops_total`
//! counts, and what gauges count whose names say so and that never fall during the load
//! (`delivered`, `objects_stored`, see [`is_work`]).
//!
//! The work has stopped when the last increase lies further back from the end of the load
//! than each of: a quarter of the load, ten times the mean gap between increases, twice the
//! longest gap, and twenty samples. So a rate that is slow, bursty, or sampled coarsely is
//! not taken for death, and a stop in the last quarter of a load is not seen.

use leaklab_judge::amount::duration_text;
use leaklab_judge::{CellJudgement, Judgement, Verdict, Window};
use leaklab_run::{Event, EventKind, Phase, SampleTable, columns};

/// Part of the load that must pass without work.
const SILENT_PART: f64 = 0.25;
/// Mean gaps between increases that must pass without another.
const MEAN_GAPS: f64 = 10.0;
/// Longest gaps that must pass.
const LONGEST_GAPS: f64 = 2.0;
/// Samples that must pass.
const TICKS: f64 = 20.0;
/// Increases that make a rate; with fewer, nothing is said.
const FEWEST_INCREASES: usize = 5;

/// Words of gauges that count work done. Gauges that count losses are not among them: a
/// service that stops dropping is well.
const WORK_WORDS: [&str; 10] = [
    "completed",
    "delivered",
    "finished",
    "handled",
    "processed",
    "received",
    "sent",
    "served",
    "stored",
    "succeeded",
];

/// CPU time, as a share of one processor, from which on a program of which nothing else is known
/// is taken to work: a service that waits uses less (0.1 % Redis, 0.4 % a JVM, measured), one
/// that serves a request each 10 ms more.
const WORKING_SHARE: f64 = 0.01;

/// Marks that say why work stopped, and how the reason puts it.
const CAUSES: [(&str, &str); 2] = [
    ("descriptor-limit", "at the descriptor limit"),
    ("receiver-gone", "after the receiver had gone"),
];

/// A load in which work was not done, or not to its end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Idle {
    /// Operations are counted, and there was none.
    Throughout,
    /// Work was done, and then no more.
    Since(Stopped),
    /// Nobody counts operations, nothing drives it, and it used next to no CPU time.
    Unknown {
        /// CPU time of the load as a share of it.
        processor_share: f64,
    },
    /// The same, but that it used CPU time at first, and then none at all: it waits, is stopped or
    /// hangs. What it did at first may have been its start, which is not judged alone.
    Silent {
        /// Seconds of the load to the last CPU time that it used.
        after_s: f64,
        /// Seconds of the load after that.
        silent_s: f64,
    },
}

/// Work that stopped during the load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stopped {
    /// What stood still: `operations`, or the name of a gauge.
    what: String,
    /// Seconds of the series at the last increase.
    at_s: f64,
    /// Seconds of the series at which the load began.
    load_start_s: f64,
    /// Seconds of the load after it.
    silent_s: f64,
    cause: Option<&'static str>,
}

/// Whether a column counts work that was done.
pub(super) fn is_work(column: &str) -> bool {
    column == columns::OPS_TOTAL
        || column
            .strip_prefix(columns::GAUGE_PREFIX)
            .is_some_and(|name| {
                let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
                words.any(|word| WORK_WORDS.contains(&word))
            })
}

/// CPU time of the load, and its length, in milliseconds.
pub(super) fn load_cpu_ms(table: &SampleTable) -> Option<(f64, f64)> {
    let values = table.column(columns::CPU_MS)?;
    let mut rows = (0..table.len())
        .filter(|row| table.phase[*row] == Phase::Load && !values[*row].is_nan())
        .map(|row| (table.elapsed_ms[row], values[row]));
    let (first_ms, first) = rows.next()?;
    let (last_ms, last) = rows.next_back()?;
    Some((last - first, last_ms - first_ms))
}

/// CPU time of the second half of the load, as a share of it.
fn later_share(table: &SampleTable) -> Option<f64> {
    let (start_ms, end_ms) = table.phase_span_ms(Phase::Load)?;
    let middle_ms = start_ms + (end_ms - start_ms) / 2.0;
    let values = table.column(columns::CPU_MS)?;
    let mut rows = (0..table.len())
        .filter(|row| table.phase[*row] == Phase::Load && !values[*row].is_nan())
        .filter(|row| table.elapsed_ms[*row] >= middle_ms)
        .map(|row| (table.elapsed_ms[row], values[row]));
    let (first_ms, first) = rows.next()?;
    let (last_ms, last) = rows.next_back()?;
    Some((last - first) / (last_ms - first_ms))
}

impl Idle {
    /// Whether the work of a load was not done, or stopped. Time within `excluded` counts for
    /// nothing.
    pub(super) fn find(table: &SampleTable, events: &[Event], excluded: &[Window]) -> Option<Self> {
        if did_nothing(table) {
            return Some(Idle::Throughout);
        }
        let cause = || {
            let marked = |name: &str| {
                events.iter().any(
                    |event| matches!(&event.kind, EventKind::Mark { name: mark, .. } if mark == name),
                )
            };
            let (_, words) = CAUSES.iter().find(|(name, _)| marked(name))?;
            Some(*words)
        };
        let work = table.names.iter().filter(|name| is_work(name));
        work.filter_map(|name| stop_of(table, name, excluded))
            .min_by(|a, b| a.at_s.total_cmp(&b.at_s))
            .map(|stopped| {
                Idle::Since(Stopped {
                    cause: cause(),
                    ..stopped
                })
            })
    }

    /// Whether a program is idle of which nobody says that it works: it counts nothing, and used
    /// next to no CPU time during the load or during its second half, or none at all in the end.
    pub(super) fn unknown(table: &SampleTable, excluded: &[Window]) -> Option<Self> {
        let counts = |name: &String| {
            let values = table.column(name).unwrap_or_default();
            is_work(name) && values.iter().any(|count| *count > 0.0)
        };
        if table.names.iter().any(counts) {
            return None;
        }
        if let Some(stopped) = stop_of(table, columns::CPU_MS, excluded) {
            return Some(Idle::Silent {
                after_s: stopped.at_s - stopped.load_start_s,
                silent_s: stopped.silent_s,
            });
        }
        let (cpu_ms, elapsed_ms) = load_cpu_ms(table)?;
        // What it used while it started is no work of the hours after it.
        let processor_share =
            later_share(table).map_or(cpu_ms / elapsed_ms, |later| later.min(cpu_ms / elapsed_ms));
        (processor_share < WORKING_SHARE).then_some(Idle::Unknown { processor_share })
    }

    /// The part of the load in which there was work; `None` if there was none.
    pub(super) fn working_part(&self) -> Option<Window> {
        match self {
            Idle::Throughout | Idle::Unknown { .. } | Idle::Silent { .. } => None,
            Idle::Since(stopped) => Some(Window {
                start_s: stopped.load_start_s,
                end_s: stopped.at_s,
            }),
        }
    }

    /// Seconds of the load after which the work stopped, if there was some.
    pub(super) fn stopped_after_s(&self) -> Option<f64> {
        match self {
            Idle::Throughout | Idle::Unknown { .. } | Idle::Silent { .. } => None,
            Idle::Since(stopped) => Some(stopped.at_s - stopped.load_start_s),
        }
    }

    /// Puts it into a judgement of one metric: what does not work is never `no-leak`.
    pub(super) fn withhold(&self, judgement: &mut Judgement) {
        if judgement.verdict == Verdict::NoLeak {
            judgement.leave_open(format!("{}: flat memory is not health", self.words()));
        }
    }

    /// Puts it into the judgement of a cell.
    pub(super) fn mark(&self, judgement: &mut CellJudgement) {
        judgement.stopped_working_after_s = self.stopped_after_s();
        for metric in &mut judgement.metrics {
            self.withhold(&mut metric.judgement);
        }
        if matches!(self, Idle::Unknown { .. } | Idle::Silent { .. }) {
            match judgement.verdict {
                // What grows without work grows.
                Verdict::Leak => return,
                Verdict::Inconclusive => {
                    judgement.reason = format!("{}; {}", judgement.reason, self.words());
                    return;
                }
                Verdict::NoLeak => {}
            }
        }
        if judgement.verdict == Verdict::Leak {
            judgement.reason = format!("{}; then {}", judgement.reason, self.words());
        } else {
            judgement.leave_open(format!("{}: flat memory is not health", self.words()));
        }
    }

    fn words(&self) -> String {
        match self {
            Idle::Throughout => "no operation was completed during the load".to_owned(),
            Idle::Unknown { processor_share } => format!(
                "nothing is known of any work: no operations were counted, and it used {:.1} % of a \
                 processor, as a program does that nothing puts under load (see --load, \
                 --allow-idle)",
                100.0 * processor_share
            ),
            Idle::Silent { after_s, silent_s } => format!(
                "it used no processor time after {} of the load, for the other {}, as a program \
                 does that hangs, is stopped or has nothing to do (see --load, --allow-idle)",
                duration_text(*after_s),
                duration_text(*silent_s)
            ),
            Idle::Since(stopped) => stopped.words(),
        }
    }
}

impl Stopped {
    /// `no progress of delivered since 1.1 s of the load, at the descriptor limit`.
    fn words(&self) -> String {
        let Stopped { what, silent_s, .. } = self;
        let after_s = self.at_s - self.load_start_s;
        let cause = self
            .cause
            .map_or(String::new(), |cause| format!(", {cause}"));
        format!(
            "no progress of {what} since {} of the load{cause}, for the other {}",
            duration_text(after_s),
            duration_text(*silent_s)
        )
    }
}

/// Whether operations are counted throughout the load, and none was completed in it.
fn did_nothing(table: &SampleTable) -> bool {
    let Some(values) = table.column(columns::OPS_TOTAL) else {
        return false;
    };
    let mut counts = table
        .phase
        .iter()
        .zip(values)
        .filter(|(phase, count)| **phase == Phase::Load && !count.is_nan())
        .map(|(_, count)| *count);
    let Some(first) = counts.next() else {
        return false;
    };
    first == 0.0 && counts.all(|count| count == 0.0)
}

/// The stop of one column, if it stopped.
fn stop_of(table: &SampleTable, column: &str, excluded: &[Window]) -> Option<Stopped> {
    let values = table.column(column)?;
    let mut readings = (0..table.len())
        .filter(|row| table.phase[*row] == Phase::Load && !values[*row].is_nan())
        .map(|row| (table.elapsed_ms[row] / 1000.0, values[row]));
    let (load_start_s, mut before) = readings.next()?;
    let (mut load_end_s, mut steps) = (load_start_s, 0usize);
    let counts_operations = column == columns::OPS_TOTAL;
    let (mut last_s, mut increases, mut longest_gap_s) = (load_start_s, 0usize, 0.0_f64);
    for (time_s, value) in readings {
        if value < before && !counts_operations {
            return None;
        }
        if value > before {
            longest_gap_s = longest_gap_s.max(time_s - last_s);
            (last_s, increases) = (time_s, increases + 1);
        }
        (load_end_s, before, steps) = (time_s, value, steps + 1);
    }
    if increases < FEWEST_INCREASES {
        return None;
    }
    let load_s = load_end_s - load_start_s;
    let mean_gap_s = (last_s - load_start_s) / increases as f64;
    let tick_s = load_s / steps as f64;
    let silent_s = load_end_s - last_s;
    let enough_s = [
        load_s * SILENT_PART,
        mean_gap_s * MEAN_GAPS,
        longest_gap_s * LONGEST_GAPS,
        tick_s * TICKS,
    ];
    let enough_s = enough_s.into_iter().fold(0.0, f64::max);
    let unjudged_s: f64 = excluded
        .iter()
        .map(|window| (window.end_s.min(load_end_s) - window.start_s.max(last_s)).max(0.0))
        .sum();
    let what = match column.strip_prefix(columns::GAUGE_PREFIX) {
        Some(gauge) => gauge.to_owned(),
        None => "operations".to_owned(),
    };
    (silent_s - unjudged_s > enough_s).then_some(Stopped {
        what,
        at_s: last_s,
        load_start_s,
        silent_s,
        cause: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A load of 10 s with a sample each 100 ms.
    fn table(column: &str, value: impl Fn(f64) -> f64) -> SampleTable {
        let elapsed_ms: Vec<f64> = (0..=100).map(|row| f64::from(row) * 100.0).collect();
        SampleTable {
            phase: vec![Phase::Load; elapsed_ms.len()],
            names: vec![column.to_owned()],
            values: vec![elapsed_ms.iter().map(|ms| value(ms / 1000.0)).collect()],
            elapsed_ms,
            ..SampleTable::default()
        }
    }

    fn stop(column: &str, value: impl Fn(f64) -> f64) -> Option<f64> {
        match Idle::find(&table(column, value), &[], &[])? {
            Idle::Since(stopped) => Some(stopped.at_s),
            Idle::Throughout | Idle::Unknown { .. } | Idle::Silent { .. } => None,
        }
    }

    #[test]
    fn work_that_stands_still_has_stopped_and_work_that_goes_on_has_not() {
        let until = |end_s: f64| move |s: f64| (s.min(end_s) * 25.0).floor();
        for column in ["ops_total", "gauge:delivered", "gauge:objects_stored"] {
            assert_eq!(stop(column, until(1.1)), Some(1.1), "{column}");
            assert_eq!(stop(column, until(7.0)), Some(7.0), "{column}");
            assert_eq!(stop(column, until(10.0)), None, "{column}");
        }
        // Within the last quarter, it is too soon to tell.
        assert_eq!(stop("ops_total", until(7.6)), None);
    }

    #[test]
    fn gauges_that_do_not_count_work_may_stand_still() {
        let filled = |s: f64| (s.min(2.0) * 25.0).floor();
        for column in [
            "gauge:blocks_held",
            "gauge:refused",
            "gauge:dropped",
            "threads",
        ] {
            assert_eq!(stop(column, filled), None, "{column}");
        }
        // Falls, so it is a level and no total, whatever its name.
        let level = |s: f64| if s < 1.0 { s * 10.0 } else { 5.0 };
        assert_eq!(stop("gauge:sent", level), None);
    }

    #[test]
    fn slow_and_bursty_work_has_not_stopped() {
        // One operation a second, the last at 7 s: ten mean gaps are more than is left.
        assert_eq!(stop("ops_total", |s| s.min(7.0).floor()), None);
        // A burst, a pause of 3 s, a burst: the next pause may take as long.
        let bursts = |s: f64| (s.min(1.0) + (s - 4.0).clamp(0.0, 1.0)) * 25.0;
        assert_eq!(stop("ops_total", bursts), None);
        assert_eq!(stop("ops_total", |_| 7.0), None);
        assert_eq!(stop("ops_total", |s| s.min(2.0).floor()), None);
    }

    #[test]
    fn what_counts_nothing_and_uses_no_processor_is_not_known_to_work() {
        let share =
            |column: &str, value: &dyn Fn(f64) -> f64| Idle::unknown(&table(column, value), &[]);
        assert!(share(columns::CPU_MS, &|s| 50.0 + s).is_some());
        assert_eq!(share(columns::CPU_MS, &|s| 50.0 + 20.0 * s), None);
        assert_eq!(share("ops_total", &|s| s), None);
        assert_eq!(share("rss_bytes", &|s| s), None);
        // Busy for 3 s and then stopped; busy at the start, and waiting ever since.
        let stopped = share(columns::CPU_MS, &|s| (s.min(3.0) * 100.0).floor() * 10.0);
        let stopped = stopped.expect("it hangs");
        assert!(
            stopped
                .words()
                .contains("after 3 s of the load, for the other 7 s"),
            "{}",
            stopped.words()
        );
        assert_eq!(stopped.working_part(), None);
        let started = |s: f64| s.min(1.0) * 900.0 + s;
        let started = share(columns::CPU_MS, &started);
        assert!(matches!(started, Some(Idle::Unknown { .. })), "{started:?}");
        let idle = Idle::Unknown {
            processor_share: 0.001,
        };
        assert!(idle.words().contains("0.1 % of a processor"));
    }

    #[test]
    fn a_window_that_is_left_out_is_no_silence() {
        let table = table("ops_total", |s| (s.min(5.0) * 25.0).floor());
        let maintenance = Window {
            start_s: 5.0,
            end_s: 9.0,
        };
        assert!(Idle::find(&table, &[], &[]).is_some());
        assert_eq!(Idle::find(&table, &[], &[maintenance]), None);
    }

    #[test]
    fn the_reason_names_what_stopped_and_the_limit_it_met() {
        let table = table("gauge:delivered", |s| (s.min(1.1) * 25.0).floor());
        let event = Event {
            elapsed_ms: 400.0,
            kind: EventKind::Mark {
                name: "descriptor-limit".to_owned(),
                duration_ms: None,
            },
        };
        let found = Idle::find(&table, &[event], &[]).expect("a stop");
        assert_eq!(
            found.words(),
            "no progress of delivered since 1.1 s of the load, at the descriptor limit, for the \
             other 8.9 s"
        );
    }
}
