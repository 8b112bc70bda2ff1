//! The series of a picture, read from cells.

use crate::cell::{Metric, Readings, VerdictOptions, metric_judgement, stored_verdict};
use leaklab_judge::{CellJudgement, Judgement};
use leaklab_run::{Cell, Event, EventKind, Phase, SampleTable};

/// One cell's values of one metric.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Name in the legend: the variant, with its repetition if there are several.
    pub name: String,
    /// The variant: repetitions of it share a colour.
    pub variant: String,
    /// `buggy`, `partial`, `fixed`, `control` or nothing.
    pub role: String,
    /// Time of each value, in seconds.
    pub times_s: Vec<f64>,
    /// The values; NaN where none could be taken.
    pub values: Vec<f64>,
    /// The value at the end of the load.
    pub load_end: f64,
    /// Lowest and highest value of the repetitions at each time, where the values are their
    /// median; drawn as a band.
    pub band: Option<[Vec<f64>; 2]>,
    /// What is known of how the cell ended, if it did not as it should.
    pub trouble: Option<String>,
    /// Growth as the title and the legend say it.
    pub growth: Option<super::growth::Growth>,
}

impl Series {
    /// Role, growth and trouble in words.
    pub(super) fn details(&self) -> String {
        let growth = self.growth.as_ref().map(super::growth::Growth::words);
        let parts = [
            Some(self.role.clone()).filter(|role| !role.is_empty()),
            growth,
            self.trouble.clone(),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A mark or a window of time.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeMark {
    /// Its name.
    pub name: String,
    /// Where it begins, in seconds.
    pub from_s: f64,
    /// Where it ends; equal to `from_s` for an instant.
    pub to_s: f64,
}

/// Where warm-up and drain lie, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Phases {
    /// End of the warm-up.
    pub warmup_until_s: Option<f64>,
    /// Start of the drain.
    pub drain_from_s: Option<f64>,
}

impl Phases {
    /// The phases of a table.
    pub fn of(table: &SampleTable) -> Self {
        let span = |phase| table.phase_span_ms(phase);
        Phases {
            warmup_until_s: span(Phase::Warmup).map(|(_, last)| last / 1000.0),
            drain_from_s: span(Phase::Drain).map(|(first, _)| first / 1000.0),
        }
    }

    /// What of both is warm-up and what of both is drain.
    pub fn common(self, other: Phases) -> Self {
        let pick = |a: Option<f64>, b: Option<f64>, f: fn(f64, f64) -> f64| match (a, b) {
            (Some(a), Some(b)) => Some(f(a, b)),
            _ => None,
        };
        Phases {
            warmup_until_s: pick(self.warmup_until_s, other.warmup_until_s, f64::min),
            drain_from_s: pick(self.drain_from_s, other.drain_from_s, f64::max),
        }
    }
}

/// The marks among a cell's events.
pub fn marks_of(events: &[Event]) -> Vec<TimeMark> {
    events
        .iter()
        .filter_map(|event| {
            let from_s = event.elapsed_ms / 1000.0;
            let (name, length_ms) = match &event.kind {
                EventKind::Mark { name, duration_ms } => (name.clone(), *duration_ms),
                EventKind::Restart => ("restart".to_owned(), None),
                EventKind::MemoryLimit { .. } => ("memory limit".to_owned(), None),
                _ => return None,
            };
            from_s.is_finite().then(|| TimeMark {
                name,
                from_s,
                to_s: from_s + length_ms.filter(|ms| ms.is_finite()).unwrap_or(0.0) / 1000.0,
            })
        })
        .collect()
}

/// What of a cell is read for the pictures of a run.
pub(super) struct Loaded {
    pub(super) cell: Cell,
    pub(super) marks: Vec<TimeMark>,
    readings: Readings,
    verdict: Option<CellJudgement>,
}

impl Loaded {
    /// Reads a cell; `None` if it has no row of samples.
    pub(super) fn read(cell: &Cell, wanted: impl Fn(&str) -> bool) -> Option<Self> {
        let events = cell.events().unwrap_or_default();
        let options = VerdictOptions::default();
        let verdict = stored_verdict(cell);
        // Of a cell that was judged, only what is drawn is needed.
        let wanted = |name: &str| {
            wanted(name)
                || Readings::counts_work(name)
                || verdict.is_none() && Readings::is_judged(name)
        };
        let table = cell.samples(wanted).ok().filter(|t| !t.is_empty())?;
        let readings = Readings::of_samples(cell, table, &events, &options).ok()?;
        let verdict = verdict.or_else(|| readings.judge().ok());
        Some(Loaded {
            cell: cell.clone(),
            marks: marks_of(&events),
            readings,
            verdict,
        })
    }

    /// The samples.
    pub(super) fn table(&self) -> &SampleTable {
        self.readings.table()
    }

    /// What the cell's judgement says of a column; of one that it does not hold, such as a
    /// gauge, what the judge says now.
    pub(super) fn judgement(&self, column: &str) -> Option<Judgement> {
        let of_cell = self.verdict.as_ref();
        of_cell
            .and_then(|verdict| metric_judgement(verdict, column))
            .map(|found| found.judgement.clone())
            .or_else(|| self.readings.judge_column(column).ok())
    }

    /// The series of a metric; `None` if the cell has no value of it.
    pub(super) fn series(&self, metric: &Metric) -> Option<Series> {
        let values = self.table().filled_column(&metric.column)?.to_vec();
        Some(Series {
            times_s: self.readings.time_s().to_vec(),
            load_end: self.load_end(&values),
            values,
            growth: super::growth::growth(self, metric),
            ..self.empty_series()
        })
    }

    /// A series without values: name, variant, role and trouble.
    pub(super) fn empty_series(&self) -> Series {
        Series {
            name: self.name(),
            variant: self.cell.plan.variant.clone(),
            role: self.cell.plan.role.clone(),
            trouble: self.trouble(),
            ..Series::default()
        }
    }

    /// The variant, with the number of its repetition if it has one.
    pub(super) fn name(&self) -> String {
        let plan = &self.cell.plan;
        match plan.id.split_once('#') {
            Some((_, number)) => format!("{} #{number}", plan.variant),
            None => plan.variant.clone(),
        }
    }

    /// The last value before the drain; the very last one if there is none.
    fn load_end(&self, values: &[f64]) -> f64 {
        let rows = self.table().phase.iter().zip(values).rev();
        let mut known = rows.filter(|(_, value)| !value.is_nan());
        let last = known.clone().next();
        let before_drain = known.find(|(phase, _)| **phase != Phase::Drain);
        before_drain.or(last).map_or(0.0, |(_, value)| *value)
    }

    fn trouble(&self) -> Option<String> {
        use leaklab_run::{Outcome, State};
        let status = &self.cell.status;
        match (status.state, status.outcome) {
            (State::Finished, Some(Outcome::Completed)) => None,
            (State::Finished, Some(outcome)) => Some(outcome.name().replace('-', " ")),
            (State::Finished, None) => None,
            _ => Some("unfinished".to_owned()),
        }
    }
}
