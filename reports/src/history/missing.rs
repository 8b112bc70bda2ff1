//! Nights that are not there: what runs in a rhythm and has fallen out of it.

use super::accepted::Tolerance;
use super::record::{NightRecord, is_in_the_future};
use super::story::SeriesStory;
use leaklab_judge::amount::duration_text;
use leaklab_judge::stats::quantile::median;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Runs that begin closer together than this are of one night: repetitions, a confirmation.
pub(super) const ONE_NIGHT_S: f64 = 6.0 * 3600.0;
/// Gaps from which a rhythm is learned, the newest of them.
const LEARNED_FROM: usize = 30;
/// Fewest gaps that make a rhythm.
const FEWEST_GAPS: usize = 4;
/// Share of the gaps that is no longer than the usual one: nights before a free day are longer.
const USUAL_SHARE: f64 = 0.9;
/// Longest of the shorter gaps, as a multiple of the median, that still is a rhythm: who runs
/// when something is to be tried has none.
const STEADY: f64 = 4.0;
/// How much longer than usual a gap may be.
const SLACK: f64 = 1.25;
/// Nights after which a cell that does not run any more, while others do, counts as given up.
pub(super) const GIVEN_UP: usize = 10;

/// A night that is not there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MissingNight {
    /// The series and the class of machine that it is missing of; `None` if it is of all.
    pub of: Option<(String, String)>,
    /// What is said of it.
    pub words: String,
}

impl MissingNight {
    /// The last night of everything.
    #[must_use]
    pub fn of_all(why: &str) -> Self {
        MissingNight {
            of: None,
            words: format!("the last night is missing: {why}"),
        }
    }

    /// Whether it is missing of that series.
    #[must_use]
    pub fn is_of(&self, story: &SeriesStory) -> bool {
        let is_it = |(series, host_class): &(String, String)| {
            *series == story.series && *host_class == story.host_class
        };
        self.of.as_ref().is_none_or(is_it)
    }
}

/// The nights that are missing at `now`; empty if none is.
///
/// Without `most`, the longest time between two nights is learned from those that were: runs of
/// one night are taken together, and a gap is too long when it is a quarter longer than nine of
/// ten, plus the length of a run. A series that stopped while others went on is missing too, by its
/// own rhythm or by that of all, until it is given up or replaced, and unless it is in quarantine.
#[must_use]
pub fn missing_nights(
    stories: &[SeriesStory],
    now: SystemTime,
    most: Option<Duration>,
    tolerance: &Tolerance,
) -> Vec<MissingNight> {
    let now_s = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64();
    let courses: Vec<Course> = (stories.iter())
        .map(|story| Course::of(&story.nights, now))
        .collect();
    let mut whole = Course::default();
    for course in &courses {
        whole.nights.extend(&course.nights);
    }
    whole.sort();
    if let Some(late) = whole.late(now_s, most, None) {
        return vec![MissingNight::of_all(&late)];
    }
    let of_all = usual_gap(whole.begun());
    let of_series = |(story, course): (&SeriesStory, Course)| {
        let is_expected =
            story.is_current && tolerance.of_series(&story.series, story.cell()).is_none();
        let late = course
            .late(now_s, None, of_all)
            .filter(|_| is_expected && stories.len() > 1)?;
        Some(MissingNight {
            of: Some((story.series.clone(), story.host_class.clone())),
            words: format!(
                "`{}` is missing from the last night: {late}; if it is not to be run any more, a \
                 [[quarantine]] of cell = \"{}\" in leaklab.ack.toml says so, and ten nights \
                 without it do",
                story.series, story.series
            ),
        })
    };
    stories.iter().zip(courses).filter_map(of_series).collect()
}

/// Starts of runs in seconds, and how long each took.
#[derive(Debug, Default)]
struct Course {
    nights: Vec<(f64, f64)>,
}

impl Course {
    fn of(records: &[NightRecord], now: SystemTime) -> Self {
        let night = |night: &NightRecord| {
            let began_s = night.began_s().filter(|at| !is_in_the_future(*at, now))?;
            Some((began_s, night.duration_s.unwrap_or(0.0)))
        };
        let mut course = Course {
            nights: records.iter().filter_map(night).collect(),
        };
        course.sort();
        course
    }

    /// When each run began.
    fn begun(&self) -> impl DoubleEndedIterator<Item = f64> {
        self.nights.iter().map(|(began_s, _)| *began_s)
    }

    fn sort(&mut self) {
        self.nights.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    }

    /// Whether it has kept a rhythm so far, of which it is too young to have one of its own.
    fn follows(&self, usual: f64) -> bool {
        let mut gaps = gaps(self.begun()).peekable();
        gaps.peek().is_some() && gaps.all(|gap| gap <= usual * SLACK)
    }

    /// How late the next night is, in words; `None` if it is not, or where there is no rhythm: its
    /// own, or that `of_all` while it follows it.
    fn late(&self, now_s: f64, most: Option<Duration>, of_all: Option<f64>) -> Option<String> {
        let &(last, took) = self.nights.last()?;
        let gone = now_s - last;
        let (longest, usual) = match most {
            Some(most) => (most.as_secs_f64(), most.as_secs_f64()),
            None => {
                let of_all = || of_all.filter(|usual| self.follows(*usual));
                let usual = usual_gap(self.begun()).or_else(of_all)?;
                (usual * SLACK + took, usual)
            }
        };
        let ago = duration_text(gone);
        (gone > longest).then(|| match most {
            Some(_) => format!("nothing was run for {ago}, more than {}", duration_text(usual)),
            None => format!(
                "nothing was run for {ago}, and nights are usually at most {} apart (--missing-after \
                 sets another limit)",
                duration_text(usual)
            ),
        })
    }
}

/// Times between runs that began at these seconds, the newest first; runs of one night have none.
fn gaps(begun: impl DoubleEndedIterator<Item = f64>) -> impl Iterator<Item = f64> {
    let mut begun = begun.rev();
    let mut later = begun.next();
    let gaps = begun.filter_map(move |earlier| Some(later.replace(earlier)? - earlier));
    gaps.filter(|gap| *gap >= ONE_NIGHT_S)
}

/// The gaps that a rhythm is learned from; `None` where they are too few.
fn newest_gaps(begun: impl DoubleEndedIterator<Item = f64>) -> Option<Vec<f64>> {
    let gaps: Vec<f64> = gaps(begun).take(LEARNED_FROM).collect();
    (gaps.len() >= FEWEST_GAPS).then_some(gaps)
}

/// The usual time between two nights, in seconds; `None` where runs have no rhythm.
fn usual_gap(begun: impl DoubleEndedIterator<Item = f64>) -> Option<f64> {
    let mut gaps = newest_gaps(begun)?;
    gaps.sort_unstable_by(f64::total_cmp);
    let usual = gaps[((gaps.len() - 1) as f64 * USUAL_SHARE).ceil() as usize];
    let median = gaps[gaps.len() / 2];
    (usual <= STEADY * median).then_some(usual)
}

/// The median time between nights that began at these seconds, the newest of them; `None` where
/// they are too few for a rhythm.
pub(super) fn median_gap(begun: &[f64]) -> Option<f64> {
    median(&newest_gaps(begun.iter().copied())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{NightRecord, stories};
    use jiff::Timestamp;

    fn record(cell: &str, time: &str) -> NightRecord {
        NightRecord {
            time_utc: time.to_owned(),
            run: time.to_owned(),
            cell: cell.to_owned(),
            series: cell.to_owned(),
            duration_s: Some(8.0 * 3600.0),
            ..NightRecord::default()
        }
    }

    fn nightly(cell: &str, days: impl Iterator<Item = u32>) -> Vec<NightRecord> {
        days.map(|day| record(cell, &format!("2026-11-{day:02}T22:00:00Z")))
            .collect()
    }

    /// How many nights are missing at `time`, and what is said of the first.
    fn missing_at(stories: &[SeriesStory], time: &str, most: Option<Duration>) -> (usize, String) {
        let time: Timestamp = time.parse().expect("a time");
        let told = missing_nights(stories, time.into(), most, &Tolerance::default());
        let first = told
            .first()
            .map_or_else(String::new, |one| one.words.clone());
        (told.len(), first)
    }

    #[test]
    fn a_night_that_did_not_come_is_noticed_the_next_day_and_not_before() {
        let stories = stories(nightly("shop", 1..=10));
        // The night of the 11th would have begun at 22:00 and ended at 06:00.
        assert_eq!(missing_at(&stories, "2026-11-11T23:00:00Z", None).0, 0);
        let (count, late) = missing_at(&stories, "2026-11-12T13:00:00Z", None);
        assert!(
            count == 1 && late.contains("the last night is missing"),
            "{late}"
        );
        let limit = Some(Duration::from_secs(3600));
        assert_eq!(missing_at(&stories, "2026-11-10T23:30:00Z", limit).0, 1);
    }

    #[test]
    fn a_line_from_the_future_does_not_stand_for_the_nights_until_then() {
        let mut records = nightly("shop", 1..=10);
        records.push(record("shop", "9999-12-30T22:00:00Z"));
        let stories = stories(records);
        assert_eq!(missing_at(&stories, "2026-11-13T13:00:00Z", None).0, 1);
    }

    #[test]
    fn a_week_end_is_no_missing_night() {
        // Mondays to Fridays: the 2nd of November 2026 is a Monday.
        let days = (2..=27).filter(|day| ![1, 7, 8, 14, 15, 21, 22].contains(day));
        let stories = stories(nightly("shop", days));
        assert_eq!(missing_at(&stories, "2026-11-30T12:00:00Z", None).0, 0);
        assert_eq!(missing_at(&stories, "2026-12-02T12:00:00Z", None).0, 1);
    }

    #[test]
    fn a_cell_that_dropped_out_of_the_nights_is_named() {
        let mut records = nightly("shop", 1..=20);
        records.extend(nightly("billing", 1..=15));
        let told = missing_at(&stories(records.clone()), "2026-11-21T08:00:00Z", None);
        assert!(told.0 == 1 && told.1.contains("`billing`"), "{told:?}");
        // What has been away for ten nights was taken out on purpose.
        records.retain(|record| record.cell == "shop" || record.time_utc.as_str() < "2026-11-08");
        assert_eq!(
            missing_at(&stories(records), "2026-11-21T08:00:00Z", None).0,
            0
        );
    }

    #[test]
    fn who_runs_now_and_then_has_no_rhythm() {
        let days = [1, 2, 3, 4, 20, 22, 23];
        let stories = stories(nightly("shop", days.into_iter()));
        assert_eq!(missing_at(&stories, "2026-12-20T00:00:00Z", None).0, 0);
        let few = super::super::stories(nightly("shop", 1..=3));
        assert_eq!(missing_at(&few, "2026-12-20T00:00:00Z", None).0, 0);
    }
}
