//! The story of a series: its nights, the course of each figure, what changed when.

use super::change::{Change, Course, Night, follow};
use super::missing::{GIVEN_UP, MissingNight, ONE_NIGHT_S, median_gap};
use super::record::NightRecord;
use super::standing::SeriesState;
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
    /// Whether it is still run: ten nights of others without one of its own give it up, and so do
    /// three of its cell as another series that began after its last.
    pub is_current: bool,
    /// Nights of others since its last.
    pub nights_since: usize,
    /// The series that its cell is run as since: with other parameters, or elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
    /// The figures that at least one night has.
    pub figures: Vec<FigureStory>,
}

/// One figure of a series.
#[derive(Debug, Clone, Serialize)]
pub struct FigureStory {
    /// The figure.
    pub figure: Figure,
    /// Positions of the nights that have it: of several repetitions in a run, of the first.
    #[serde(skip)]
    pub of_night: Vec<usize>,
    /// What it was on each of them: the mean of the repetitions of a run, which share the machine
    /// of that night and are no nights of their own.
    #[serde(skip)]
    pub readings: Vec<Night>,
    /// Its course over those.
    pub course: Course,
}

impl FigureStory {
    /// The night of a change, as a position in [`SeriesStory::nights`].
    #[must_use]
    pub fn night_of(&self, change: &Change) -> usize {
        self.of_night[change.night]
    }

    /// Changes for the worse that are confirmed, and that no later one has undone.
    pub fn harm(&self) -> impl Iterator<Item = &Change> {
        let changes = &self.course.changes;
        let is_harm = |change: &Change| change.is_harm && change.confirmed_on.is_some();
        let places = (0..changes.len())
            .filter(move |&place| is_harm(&changes[place]) && is_outstanding(&changes[place..]));
        places.map(move |place| &changes[place])
    }

    /// A change for the worse that is suspected, and neither confirmed nor dissolved.
    #[must_use]
    pub fn suspected(&self) -> Option<&Change> {
        let last = self.course.changes.last();
        last.filter(|change| change.is_harm && change.confirmed_on.is_none())
    }

    /// The change that ended a change for the worse; `None` where none has.
    #[must_use]
    pub fn end_of(&self, change: &Change) -> Option<&Change> {
        let mut later = self.course.changes.iter();
        later.find(|one| one.night > change.night && !one.is_harm && one.confirmed_on.is_some())
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
        missing.iter().filter(|one| one.is_of(self))
    }

    /// Changes for the worse that are confirmed, and that no later one has undone: figure and
    /// change.
    pub fn harm(&self) -> impl Iterator<Item = (&FigureStory, &Change)> {
        let figures = self.figures.iter();
        figures.flat_map(|figure| figure.harm().map(move |change| (figure, change)))
    }

    /// Changes for the worse that are suspected: figure and change.
    pub fn suspected(&self) -> impl Iterator<Item = (&FigureStory, &Change)> {
        let figures = self.figures.iter().filter(|_| self.is_current);
        figures.filter_map(|figure| Some((figure, figure.suspected()?)))
    }

    /// Its runs, in order of time: the lines of each.
    pub(super) fn runs(&self) -> impl DoubleEndedIterator<Item = &[NightRecord]> {
        runs_of(&self.nights)
    }

    /// The lines of the last run; none once the series is given up.
    pub fn last_run(&self) -> impl Iterator<Item = &NightRecord> {
        self.last_lines().filter(|_| self.is_current)
    }

    /// Lines of earlier runs of the last night, of the same build, that leaked or were not what they
    /// declare: a later run that did not does not undo them.
    pub(super) fn leaks_of_last_night(&self) -> impl Iterator<Item = &NightRecord> {
        let last = self.nights.last().filter(|_| self.is_current);
        let is_earlier = move |night: &&NightRecord| {
            let Some((last, began_s)) = last.and_then(|last| Some((last, last.began_s()?))) else {
                return false;
            };
            night.run != last.run
                && night.began_s().is_some_and(|at| at > began_s - ONE_NIGHT_S)
                && night.is_same_build(last)
                && SeriesState::of_night(night) == SeriesState::Unexpected
        };
        // Nights are in order of time, and those of one night are few.
        let recent = self.nights.len().saturating_sub(MOST_LINES_OF_A_NIGHT);
        self.nights[recent..].iter().filter(is_earlier)
    }

    /// What is said of a repetition that the last night lacks: one below its own last, or one that
    /// three of the five runs before it had.
    pub(super) fn lacking_repetition(&self) -> Option<String> {
        const LOOKED_AT: usize = 5;
        const KNOWN_BY: usize = 3;
        let highest = |run: &[NightRecord]| run.iter().map(|one| one.repetition).max();
        let mut runs = self.runs().rev().take(1 + LOOKED_AT);
        let last = runs.next().filter(|_| self.is_current)?;
        let mut before: Vec<u64> = runs.filter_map(highest).collect();
        before.sort_unstable_by(|a, b| b.cmp(a));
        let usual = before.get(KNOWN_BY - 1).copied().unwrap_or(0);
        let wanted = usual.max(highest(last)?);
        let has = |number: &u64| last.iter().any(|one| one.repetition == *number);
        let lacking: Vec<String> = (1..=wanted.min(MOST_REPETITIONS))
            .filter(|number| !has(number))
            .map(|number| number.to_string())
            .collect();
        (!lacking.is_empty()).then(|| {
            format!(
                "of {wanted} repetitions the last night lacks number {}",
                lacking.join(", ")
            )
        })
    }

    /// The lines of the last run, whenever that was.
    pub(super) fn last_lines(&self) -> impl Iterator<Item = &NightRecord> {
        self.runs().next_back().into_iter().flatten()
    }
}

/// Lines in order, by run; one that names no run is one of its own.
fn runs_of(nights: &[NightRecord]) -> impl DoubleEndedIterator<Item = &[NightRecord]> {
    nights.chunk_by(|a, b| !a.run.is_empty() && a.run == b.run)
}

/// Newest lines of a series among which those of its last night are looked for.
const MOST_LINES_OF_A_NIGHT: usize = 500;

/// Repetitions that are looked for by number.
const MOST_REPETITIONS: u64 = 10_000;

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
    let mut of_cell: BTreeMap<&str, Vec<Span<'_>>> = BTreeMap::new();
    for nights in groups.values() {
        if let Some(span) = Span::of(nights) {
            of_cell.entry(span.cell).or_default().push(span);
        }
    }
    let presences: Vec<Presence> = groups
        .values()
        .map(|nights| {
            let span = Span::of(nights);
            span.map_or_else(Presence::default, |span| {
                span.presence(&begun, of_cell.get(span.cell).map_or(&[], Vec::as_slice))
            })
        })
        .collect();
    let story = |(((series, host_class), nights), presence): (_, Presence)| {
        let nights: Vec<NightRecord> = nights;
        let figures = Figure::ALL
            .into_iter()
            .filter_map(|figure| figure_story(&nights, figure))
            .collect();
        SeriesStory {
            series,
            host_class,
            is_current: !presence.is_given_up,
            nights_since: presence.nights_since,
            replaced_by: presence.replaced_by,
            nights,
            figures,
        }
    };
    groups.into_iter().zip(presences).map(story).collect()
}

/// Nights of a cell as another series that show that it is not run as an earlier one any more: fewer
/// may be of somebody who tries something.
const REPLACED_AFTER: usize = 3;

/// Times of its own rhythm that a series must be away to be given up, if it has one.
const OWN_NIGHTS_AWAY: f64 = 3.0;

/// Whether a series is still run.
#[derive(Debug, Clone, Default)]
struct Presence {
    is_given_up: bool,
    nights_since: usize,
    replaced_by: Option<String>,
}

/// When a series began, and what it is.
struct Span<'a> {
    cell: &'a str,
    series: &'a str,
    host_class: &'a str,
    begun: Vec<f64>,
}

impl<'a> Span<'a> {
    /// `None` without a night.
    fn of(nights: &'a [NightRecord]) -> Option<Self> {
        let newest = nights.last()?;
        let begun = distinct_nights(nights);
        (!begun.is_empty()).then_some(Span {
            cell: &newest.cell,
            series: &newest.series,
            host_class: &newest.host_class,
            begun,
        })
    }

    fn ends(&self) -> (f64, f64) {
        let first = self.begun.first().copied();
        let last = self.begun.last().copied();
        (first.unwrap_or(f64::NAN), last.unwrap_or(f64::NAN))
    }

    /// How long it is away, by the nights of all and the other series of its cell.
    fn presence(&self, all: &[f64], of_cell: &[Span<'_>]) -> Presence {
        let (_, last) = self.ends();
        let after = last + ONE_NIGHT_S;
        let nights_since = all.len() - all.partition_point(|night| *night < after);
        let away = all.last().map_or(0.0, |newest| newest - last);
        let own = median_gap(&self.begun);
        let is_away = own.is_none_or(|gap| away >= OWN_NIGHTS_AWAY * gap);
        let later = of_cell.iter().filter(|one| one.ends().0 > last);
        let replacing = later.max_by(|a, b| a.ends().1.total_cmp(&b.ends().1));
        let is_replaced = replacing.filter(|one| one.begun.len() >= REPLACED_AFTER && is_away);
        Presence {
            is_given_up: is_away && (nights_since >= GIVEN_UP || is_replaced.is_some()),
            nights_since,
            replaced_by: is_replaced.map(|one| match one.series == self.series {
                true => format!("{} on {}", one.series, one.host_class),
                false => one.series.to_owned(),
            }),
        }
    }
}

/// When each night began, in seconds and in order; runs of one night are taken together.
pub(super) fn distinct_nights(records: &[NightRecord]) -> Vec<f64> {
    let mut all: Vec<f64> = records.iter().filter_map(NightRecord::began_s).collect();
    all.sort_unstable_by(f64::total_cmp);
    all.dedup_by(|later, kept| *later < *kept + ONE_NIGHT_S);
    all
}

fn figure_story(nights: &[NightRecord], figure: Figure) -> Option<FigureStory> {
    let (mut of_night, mut readings) = (Vec::new(), Vec::new());
    let mut begin = 0;
    for run in runs_of(nights) {
        let measured = |record: &NightRecord| Some(Night::from(record.figure(figure)?));
        let repetitions: Vec<Night> = run.iter().filter_map(measured).collect();
        if let Some(first) = run
            .iter()
            .position(|record| record.figure(figure).is_some())
        {
            of_night.push(begin + first);
            readings.push(mean_of(&repetitions));
        }
        begin += run.len();
    }
    (!readings.is_empty()).then(|| FigureStory {
        figure,
        of_night,
        course: follow(&readings, figure.harm()),
        readings,
    })
}

/// The mean of repetitions by their precision; where one knows no error, all weigh the same. If they
/// differ by more than their errors, it is known to no better than that.
fn mean_of(repetitions: &[Night]) -> Night {
    if let [only] = repetitions {
        return *only;
    }
    let are_known = repetitions.iter().all(|one| one.standard_error > 0.0);
    let weight = |one: &Night| match are_known {
        true => one.standard_error.powi(-2),
        false => 1.0,
    };
    let total: f64 = repetitions.iter().map(weight).sum();
    let value = repetitions
        .iter()
        .map(|one| weight(one) * one.value)
        .sum::<f64>()
        / total;
    let scatter = repetitions
        .iter()
        .map(|one| weight(one) * (one.value - value).powi(2));
    let excess = scatter.sum::<f64>() / (repetitions.len() as f64 - 1.0).max(1.0);
    Night {
        value,
        standard_error: match are_known {
            true => (excess.max(1.0) / total).sqrt(),
            false => 0.0,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Measured;

    #[test]
    fn repetitions_of_one_strange_night_are_one_night() {
        let record = |(day, repetition): (usize, u64)| NightRecord {
            time_utc: format!("2026-10-{:02}T03:00:00Z", day + 1),
            run: format!("night-{day}"),
            cell: "shop".to_owned(),
            series: "shop".to_owned(),
            repetition,
            figures: [(
                Figure::Peak,
                Measured {
                    value: if day == 20 {
                        130.0
                    } else {
                        100.0 + [0.5, -1.0, 0.7][day % 3]
                    } + 0.1 * repetition as f64,
                    standard_error: 0.0,
                },
            )]
            .into(),
            ..NightRecord::default()
        };
        let lines = (0..21).flat_map(|day| [(day, 1), (day, 2), (day, 3)]);
        let story = stories(lines.map(record).collect()).remove(0);
        let figure = &story.figures[0];
        assert_eq!((figure.readings.len(), story.harm().count()), (21, 0));
        let suspected = figure.suspected().map(|change| figure.night_of(change));
        assert_eq!(suspected, Some(60), "the first line of its run");
        // By precision: (1·4 + 3·1) / 5 with an error of √(1/5), and no less than they differ by.
        let known = |value, standard_error| Night {
            value,
            standard_error,
        };
        let mean = mean_of(&[known(1.0, 0.5), known(3.0, 1.0)]);
        assert!((mean.value - 1.4).abs() < 1e-12, "{mean:?}");
        // Q = 4·0.16 + 2.56 = 3.2 with one degree of freedom: √(3.2 / 5).
        assert!((mean.standard_error - 0.8).abs() < 1e-12, "{mean:?}");
    }

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
