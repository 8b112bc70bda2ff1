//! The story of a series: its nights, the course of each figure, what changed when.

use super::change::{Change, Course, Night, follow};
use super::missing::{GIVEN_UP, MissingNight, ONE_NIGHT_S};
use super::record::NightRecord;
use crate::compare::Figure;
use crate::compare::ratio::Z;
use serde::Serialize;
use std::collections::BTreeMap;

/// A series of nights on one class of machine.
#[derive(Debug, Clone, Serialize)]
pub struct SeriesStory {
    /// What the series is.
    pub series: String,
    /// The class of machine.
    pub host_class: String,
    /// Its nights, in order of time.
    #[serde(skip)]
    pub nights: Vec<NightRecord>,
    /// Whether it is still run: ten nights of others without one of its own give it up.
    pub is_current: bool,
    /// The figures that at least one night has.
    pub figures: Vec<FigureStory>,
}

/// One figure of a series.
#[derive(Debug, Clone, Serialize)]
pub struct FigureStory {
    /// The figure.
    pub figure: Figure,
    /// Positions of the nights that have it.
    #[serde(skip)]
    pub of_night: Vec<usize>,
    /// Its course over those.
    pub course: Course,
}

impl FigureStory {
    /// The night of a change, as a position in [`SeriesStory::nights`].
    #[must_use]
    pub fn night_of(&self, change: &Change) -> usize {
        self.of_night[change.night]
    }
}

impl SeriesStory {
    /// The address of its cell.
    #[must_use]
    pub fn cell(&self) -> &str {
        self.nights.last().map_or("", |night| &night.cell)
    }

    /// Those of the missing nights that are missing of its cell.
    pub fn missing_of<'a>(
        &'a self,
        missing: &'a [MissingNight],
    ) -> impl Iterator<Item = &'a MissingNight> {
        missing.iter().filter(|one| one.is_of(self.cell()))
    }

    /// Changes for the worse that are confirmed, and that no later one has undone: figure and
    /// change.
    pub fn harm(&self) -> impl Iterator<Item = (&FigureStory, &Change)> {
        self.figures.iter().flat_map(|story| {
            let changes = &story.course.changes;
            let confirmed = |change: &Change| change.is_harm && change.confirmed_on.is_some();
            let places = (0..changes.len()).filter(move |&place| {
                confirmed(&changes[place]) && is_outstanding(&changes[place..])
            });
            places.map(move |place| (story, &changes[place]))
        })
    }

    /// Whether a figure of the last night is suspected to have changed for the worse.
    #[must_use]
    pub fn is_suspected(&self) -> bool {
        let open = |change: &Change| change.is_harm && change.confirmed_on.is_none();
        self.is_current
            && self
                .figures
                .iter()
                .any(|story| story.course.changes.last().is_some_and(open))
    }

    /// The lines of the last run; none once the series is given up.
    pub fn last_run(&self) -> impl Iterator<Item = &NightRecord> {
        self.last_lines().filter(|_| self.is_current)
    }

    /// The lines of the last run, whenever that was.
    pub(super) fn last_lines(&self) -> impl Iterator<Item = &NightRecord> {
        let last = self.nights.last();
        self.nights.iter().filter(move |night| {
            last.is_some_and(|last| night.run == last.run && night.time_utc == last.time_utc)
        })
    }
}

/// Whether the first of these changes is still there after the others: what is left of it is for
/// sure something, or more than half of it.
fn is_outstanding(changes: &[Change]) -> bool {
    let Some(first) = changes.first() else {
        return false;
    };
    let confirmed = changes.iter().filter(|one| one.confirmed_on.is_some());
    let (net, variance) = confirmed.fold((0.0, 0.0), |(net, variance), one| {
        let error = one.size.standard_error();
        (net + one.size.value, variance + error * error)
    });
    let left = net * first.size.value.signum();
    left > Z * variance.sqrt() || left > first.size.value.abs() / 2.0
}

/// Sorts records into series and follows each figure of each.
#[must_use]
pub fn stories(records: Vec<NightRecord>) -> Vec<SeriesStory> {
    let begun = distinct_nights(&records);
    let mut groups: BTreeMap<(String, String), Vec<NightRecord>> = BTreeMap::new();
    for record in records {
        let key = (record.series.clone(), record.host_class.clone());
        groups.entry(key).or_default().push(record);
    }
    let story = |((series, host_class), nights): ((String, String), Vec<NightRecord>)| {
        let figures = Figure::ALL
            .into_iter()
            .filter_map(|figure| figure_story(&nights, figure))
            .collect();
        let last = nights.iter().filter_map(NightRecord::began_s);
        let last = last.fold(f64::NEG_INFINITY, f64::max);
        let since = begun.len() - begun.partition_point(|night| *night < last + ONE_NIGHT_S);
        SeriesStory {
            series,
            host_class,
            is_current: since < GIVEN_UP,
            nights,
            figures,
        }
    };
    groups.into_iter().map(story).collect()
}

/// When each night began, in seconds and in order; runs of one night are taken together.
fn distinct_nights(records: &[NightRecord]) -> Vec<f64> {
    let mut all: Vec<f64> = records.iter().filter_map(NightRecord::began_s).collect();
    all.sort_unstable_by(f64::total_cmp);
    all.dedup_by(|later, kept| *later < *kept + ONE_NIGHT_S);
    all
}

fn figure_story(nights: &[NightRecord], figure: Figure) -> Option<FigureStory> {
    let (of_night, measured): (Vec<usize>, Vec<Night>) = nights
        .iter()
        .enumerate()
        .filter_map(|(index, record)| Some((index, Night::from(record.figure(figure)?))))
        .unzip();
    (!measured.is_empty()).then(|| FigureStory {
        figure,
        of_night,
        course: follow(&measured, figure.harm()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Measured;

    #[test]
    fn what_was_mended_is_no_harm_any_more_and_what_was_half_mended_is() {
        let harm = |levels: &[f64]| {
            let record = |(day, level): (usize, f64)| NightRecord {
                time_utc: format!("2026-10-{:02}T03:00:00Z", day + 1),
                run: format!("night-{day}"),
                cell: "shop".to_owned(),
                series: "shop".to_owned(),
                figures: [(
                    Figure::GrowthPerOperation,
                    Measured {
                        value: level + [0.1, -0.2, 0.1, 0.0][day % 4],
                        standard_error: 0.5,
                    },
                )]
                .into(),
                ..NightRecord::default()
            };
            let nights = levels.iter().flat_map(|level| [*level; 6]).enumerate();
            let story = stories(nights.map(record).collect()).remove(0);
            (story.figures[0].course.changes.len(), story.harm().count())
        };
        assert_eq!(harm(&[0.0, 20.0]), (1, 1));
        assert_eq!(harm(&[0.0, 20.0, 0.0]), (2, 0));
        assert_eq!(harm(&[0.0, 20.0, 5.0]), (2, 1));
        assert_eq!(harm(&[0.0, 20.0, 0.0, 20.0]), (3, 2));
    }
}
