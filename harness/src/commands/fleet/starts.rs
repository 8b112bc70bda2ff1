//! When the instances of a service were started: what the server is asked for it.

use super::question::{MOST_PER_QUESTION, with_matchers};
use super::{Fleet, Identity};
use crate::prometheus::Range;
use crate::words::say;
use leaklab_judge::amount::{count_text, plural};
use leaklab_reports::fleet::{Life, RESTART_COUNT, START_TIMES, Starts};
use std::collections::BTreeSet;

/// Readings of a start time over the whole range that show where it is known: a start time says
/// itself when it began, and its changes are asked for apart.
const COARSE_POINTS: f64 = 48.0;

/// What came of asking for start times.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Why the server did not answer; it is not asked again then.
    failure: Option<String>,
    known: Known,
}

/// Of how many instances it is known when they were started.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Known {
    known: u64,
    all: u64,
}

impl Known {
    /// Of the instances that `lives` are of.
    pub(super) fn of(lives: &[Life]) -> Self {
        let firsts = || lives.iter().filter(|life| !life.is_restart);
        Self {
            known: firsts().filter(|life| life.knows_starts).count() as u64,
            all: firsts().count() as u64,
        }
    }
}

impl Asked {
    /// Counts more instances.
    pub(super) fn count(&mut self, more: Known) {
        self.known.known += more.known;
        self.known.all += more.all;
    }

    /// Says of how many instances it is not known when they were started.
    pub(super) fn tell(&self) {
        let metrics = || [&START_TIMES[..], &[RESTART_COUNT]].concat().join(", ");
        let Known { known, all } = self.known;
        let unknown = all - known;
        match &self.failure {
            _ if unknown == 0 => {}
            Some(words) => say!(
                "note: start times cannot be read, so that restarts within a pod look like falls: {words}"
            ),
            None => say!(
                "note: of {} of {} the server knows no start times ({}): a restart within its pod looks like a fall of its memory",
                count_text(unknown),
                plural(all, "instance"),
                metrics(),
            ),
        }
    }
}

impl Fleet<'_> {
    /// What the server says of the starts of these services; nothing where it says nothing.
    pub(super) fn starts_of(&mut self, services: &BTreeSet<Identity>) -> Starts {
        let points = (self.range.end_s - self.range.start_s) / self.range.step_s;
        let mut starts = Starts {
            coarse_s: (points / COARSE_POINTS).ceil().max(1.0) * self.range.step_s,
            step_s: self.range.step_s,
            ..Starts::default()
        };
        let services: Vec<Identity> = services.iter().cloned().collect();
        for some in services.chunks(MOST_PER_QUESTION) {
            if self.starts.failure.is_some() {
                break;
            }
            self.starts.failure = self.ask(some, &mut starts).err();
        }
        starts
    }

    fn ask(&mut self, services: &[Identity], starts: &mut Starts) -> Result<(), String> {
        let metrics = [&START_TIMES[..], &[RESTART_COUNT]].concat();
        let named = format!("{{__name__=~\"{}\"}}", metrics.join("|"));
        let coarse = Range {
            step_s: starts.coarse_s,
            ..self.range
        };
        let covered = self.values(&with_matchers(&named, services), coarse)?;
        let mut there: BTreeSet<&str> = BTreeSet::new();
        for series in &covered {
            let name = series.labels.get("__name__").map(String::as_str);
            if let Some(metric) = metrics.iter().find(|metric| name == Some(**metric)) {
                there.insert(metric);
            }
        }
        for metric in there {
            let one = with_matchers(metric, services);
            // Only what is new or has changed: a start time stands still.
            let before = (1_000.0 * starts.step_s) as u64;
            let changed = format!("{one} unless ({one} == {one} offset {before}ms)");
            for mut series in self.values(&changed, self.range)? {
                // Not every server keeps the name of what a query is about.
                let name = ("__name__".to_owned(), metric.to_owned());
                series.labels.extend([name]);
                starts.changed.push(series);
            }
        }
        starts.covered.extend(covered);
        Ok(())
    }
}
