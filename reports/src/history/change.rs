//! Changes over nights: where a figure that was measured once a night moved, and how sure that is.
//!
//! Each night counts with its own precision, and nights that were not decided by themselves add
//! to the others. A change is first *suspected*, which asks for a second run of the same night,
//! and *confirmed* once more than one run stands behind it: one strange night changes nothing.
//! What later nights do not show is *dissolved*.

use super::cut::{
    Cut, ENOUGH_ON_BOTH_SIDES, LEAST_ERROR, LEAST_ERROR_OF_FEW, LONGEST_BASE, Mean, Prior,
    SUSPECTED,
};
use super::place::{Located, locate};
use crate::compare::Harm;
use crate::compare::ratio::Estimate;
use leaklab_judge::stats::quantile::{MAD_TO_SIGMA, median_and_mad};
use std::collections::VecDeque;

/// Nights before and after one that say whether it is strange.
const STRANGE_BEFORE: usize = 8;
const STRANGE_AFTER: usize = 5;

/// Of these the last so many must be as the others are.
const STRANGE_RETURN: usize = 3;

/// Robust standard deviations of many nights from which on one is strange, and within which it is as
/// the others are.
const STRANGE: f64 = 8.0;
const STRANGE_BACK: f64 = 4.0;

/// Share of the distance of a strange night within which others are not off with it.
const STRANGE_NEAR: f64 = 0.25;

/// Share of the distance of the first strange night from which on those after it are strange too.
const STRANGE_SHARE: f64 = 0.5;

/// One night of one figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Night {
    /// The figure.
    pub value: f64,
    /// Its own standard error; 0 where the night knows none and only nights among each other
    /// show how much the figure moves.
    pub standard_error: f64,
}

/// How far back a change that was not noticed at once is looked for. What is suspected by then is
/// looked at for as long as it shows.
const LONGEST_DELAY: usize = 30;

/// Nights between two changes, taken together.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Level {
    /// The first of them.
    pub first: usize,
    /// How many.
    pub nights: usize,
    /// Their mean, weighted by precision, with its 95 % interval.
    pub mean: Estimate,
}

/// A change of a figure.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Change {
    /// The night that is most likely the first after it.
    pub night: usize,
    /// The earliest night that may be the first after it, at 95 %.
    pub earliest: usize,
    /// The latest.
    pub latest: usize,
    /// The night on which it was first suspected.
    pub suspected_on: usize,
    /// The night on which it was confirmed; `None` as long as it is only suspected.
    pub confirmed_on: Option<usize>,
    /// The night that showed that it was none; `None` for any other.
    pub dissolved_on: Option<usize>,
    /// The level after it less the level before it, with its 95 % interval over all nights that it
    /// may have begun on.
    pub size: Estimate,
    /// The level after it, with its 95 % interval.
    pub after: Estimate,
    /// The size in standard errors.
    pub z: f64,
    /// Whether it goes the bad way.
    pub is_harm: bool,
}

/// A figure over nights: its levels, and the changes between them.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Course {
    /// Confirmed changes in order, and last one that is only suspected, if there is.
    pub changes: Vec<Change>,
    /// What was suspected, and what later nights did not show.
    pub dissolved: Vec<Change>,
    /// The level since the last confirmed change; `None` without a night.
    pub now: Option<Level>,
}

/// Follows a figure night by night, as it would have been seen each morning.
///
/// `nights` are in order of time; `harm` tells which way is the bad one. Time O(n).
///
/// # Source
///
/// The weights are those of a random-effects mean (R. DerSimonian and N. Laird, Controlled
/// Clinical Trials 7 (1986), 177–188); the place of a change is where the likelihood ratio of
/// two means to one is largest (D. Siegmund and E. S. Venkatraman, Annals of Statistics 23
/// (1995), 255–271).
#[must_use]
pub fn follow(nights: &[Night], harm: Harm) -> Course {
    let mut nights = nights.to_vec();
    let mut course = Course::default();
    let mut begin = 0;
    let mut prior = Prior::default();
    let mut open: Option<Change> = None;
    let mut cuts: VecDeque<Cut> = VecDeque::new();
    for index in 0..nights.len() {
        if pass_over_strange(&mut nights, begin, index) {
            cuts = cuts_until(&nights, begin, index - 1, &prior);
        }
        cuts.extend(Cut::before(&nights, begin, index, &prior));
        drop_old(&mut cuts, open.as_ref());
        for cut in &mut cuts {
            cut.add(&nights[index]);
        }
        let found = strongest(&cuts);
        let found = found.and_then(|found| seen_from(&nights, begin, index, found, &prior));
        let before = open.take();
        let Some(located) = found else {
            if let Some(change) = before {
                course.dissolved.push(Change {
                    dissolved_on: Some(index),
                    ..change
                });
                if change.night == change.suspected_on {
                    leave_out(&mut nights[change.night..index], &change);
                    cuts = cuts_until(&nights, begin, index, &prior);
                }
            }
            continue;
        };
        let since = before.map_or(index, |change| change.suspected_on);
        let confirmed_on = located.cut.is_confirmed().then_some(index);
        let change = located.change(since, confirmed_on, harm);
        if confirmed_on.is_none() {
            open = Some(change);
            continue;
        }
        prior = Prior::of(&nights[begin..change.night]);
        begin = change.night;
        course.changes.push(change);
        // What came since may hold a change of its own.
        cuts = cuts_until(&nights, begin, index, &prior);
    }
    let end = open.map_or(nights.len(), |change| change.night);
    refine(&mut course.changes, &nights[..end], harm);
    begin = course.changes.last().map_or(0, |change| change.night);
    course.changes.extend(open);
    let rest = nights.get(begin..).filter(|rest| !rest.is_empty());
    course.now = rest.map(|rest| Level {
        first: begin,
        nights: rest.len(),
        mean: Mean::of(rest, 0.0).estimate(),
    });
    course
}

/// Leaves the oldest cut behind, unless it is that of a suspicion: what stays suspected is looked at
/// until it is confirmed or not shown any more.
fn drop_old(cuts: &mut VecDeque<Cut>, open: Option<&Change>) {
    while cuts.len() > LONGEST_DELAY {
        let is_open = |cut: &Cut| open.is_some_and(|change| change.night == cut.place);
        let is_held = cuts.front().is_some_and(is_open);
        cuts.remove(usize::from(is_held));
    }
}

/// The cuts at each place after `begin` that a change may still be found at.
fn cuts_until(nights: &[Night], begin: usize, index: usize, prior: &Prior) -> VecDeque<Cut> {
    let first = (begin + 1).max((index + 1).saturating_sub(LONGEST_DELAY));
    let cut = |place| Some(Cut::before(nights, begin, place, prior)?.over(&nights[place..=index]));
    (first..=index).filter_map(cut).collect()
}

/// Leaves strange nights out, by giving them the level of those before: they are none of them, and
/// how far off they were must not hide what comes after.
fn leave_out(strange: &mut [Night], change: &Change) {
    let level = change.after.value - change.size.value;
    let off = strange[0].value - level;
    for night in strange {
        if (night.value - level) / off > STRANGE_SHARE {
            night.value = level;
        }
    }
}

/// Gives the night that lies [`STRANGE_AFTER`] before `index` the level of those around it, if it
/// is far from them and those since are as they were before: what was over after a few nights must
/// not hide what comes later, whether it was noticed or not. Tells whether it did.
fn pass_over_strange(nights: &mut [Night], begin: usize, index: usize) -> bool {
    let Some(night) = index
        .checked_sub(STRANGE_AFTER)
        .filter(|night| *night >= begin)
    else {
        return false;
    };
    let around = &nights[begin.max(night.saturating_sub(STRANGE_BEFORE))..=index];
    let value = nights[night].value;
    // Told from most nights without a median: of a strange one, those that are back lie at least
    // half as far away as they lie apart.
    let since = &nights[index + 1 - STRANGE_RETURN..=index];
    let (low, high) = since
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), night| {
            (low.min(night.value), high.max(night.value))
        });
    let clear = (low - value).max(value - high);
    if clear <= 0.0 || clear < 0.5 * (high - low) {
        return false;
    }
    let values: Vec<f64> = around.iter().map(|night| night.value).collect();
    let Some((level, deviation)) = median_and_mad(&values) else {
        return false;
    };
    let away = |value: f64| (value - level).abs();
    // Of few nights the median of deviations may be small by chance.
    let least = match values.len() < ENOUGH_ON_BOTH_SIDES {
        true => LEAST_ERROR_OF_FEW,
        false => LEAST_ERROR,
    };
    let scatter = (MAD_TO_SIGMA * deviation)
        .max(nights[night].standard_error)
        .max(least * level.abs());
    let near = (STRANGE_BACK * scatter).max(STRANGE_NEAR * away(value));
    let is_back = |night: &Night| away(night.value) <= near;
    // What the first nights of a level show may be a level of its own; one alone is none.
    let is_after_others = match night == begin {
        true => is_back(&nights[night + 1]),
        false => nights[begin..night].iter().any(is_back),
    };
    if away(value) <= STRANGE * scatter || !is_after_others || !since.iter().all(is_back) {
        return false;
    }
    nights[night].value = level;
    true
}

/// The suspected cut with the largest deviate.
fn strongest(cuts: &VecDeque<Cut>) -> Option<&Cut> {
    let (mut found, mut size) = (None, SUSPECTED);
    for cut in cuts {
        // Most cuts are told from a change without their deviate, which costs a logarithm.
        if !cut.is_beyond(size) {
            continue;
        }
        let z = cut.z().abs();
        if z >= size && cut.is_suspected() {
            (found, size) = (Some(cut), z);
        }
    }
    found
}

/// The change that `found` has noticed on the night `index`, at the place where it most likely
/// is: a weak wobble before it has no claim to its name.
fn seen_from(
    nights: &[Night],
    begin: usize,
    index: usize,
    found: &Cut,
    prior: &Prior,
) -> Option<Located> {
    let first = begin.max(found.place.saturating_sub(LONGEST_BASE));
    let places = index.saturating_sub(LONGEST_DELAY).min(found.place)..=index;
    let located = locate(nights, (first, index + 1), places, found, prior)?;
    located.cut.is_suspected().then_some(located)
}

/// With all nights known, up to one that is suspected to be another change, confirmed changes lie
/// where whole levels meet, and have their size.
fn refine(changes: &mut [Change], nights: &[Night], harm: Harm) {
    let mut from = 0;
    let mut prior = Prior::default();
    for index in 0..changes.len() {
        let change = changes[index];
        let to = changes
            .get(index + 1)
            .map_or(nights.len(), |next| next.night);
        let first = from.max(change.night.saturating_sub(LONGEST_BASE));
        let known_by = change.confirmed_on.unwrap_or(change.night);
        let cut = Cut::before(nights, from, change.night, &prior);
        let cut = cut.map(|cut| cut.over(&nights[change.night..to]));
        let places = first + 1..=known_by;
        let located = cut.and_then(|cut| locate(nights, (first, to), places, &cut, &prior));
        if let Some(located) = located {
            changes[index] = located.change(change.suspected_on, change.confirmed_on, harm);
        }
        let night = changes[index].night;
        prior = Prior::of(&nights[from..night]);
        from = night;
    }
}

impl Located {
    fn change(&self, suspected_on: usize, confirmed_on: Option<usize>, harm: Harm) -> Change {
        Change {
            night: self.cut.place,
            earliest: self.earliest,
            latest: self.latest,
            suspected_on,
            confirmed_on,
            dissolved_on: None,
            size: self.size,
            after: self.cut.level_after(),
            z: self.cut.z(),
            is_harm: match harm {
                Harm::Up => self.size.value > 0.0,
                Harm::Down => self.size.value < 0.0,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(values: &[f64], standard_error: f64) -> Vec<Night> {
        let night = |&value: &f64| Night {
            value,
            standard_error,
        };
        values.iter().map(night).collect()
    }

    #[test]
    fn a_change_is_suspected_at_once_and_confirmed_by_the_next_run() {
        let values = [0.0, 0.3, -0.2, 0.1, 5.0, 5.2];
        let seen_first = follow(&known(&values[..5], 1.0), Harm::Up);
        let change = seen_first.changes[0];
        assert_eq!((change.night, change.confirmed_on), (4, None));
        let course = follow(&known(&values, 1.0), Harm::Up);
        let change = course.changes[0];
        assert_eq!((change.night, change.suspected_on), (4, 4));
        assert_eq!(change.confirmed_on, Some(5));
        assert!(change.is_harm && (change.size.value - 5.05).abs() < 1e-9);
        assert_eq!(course.now.map(|now| now.first), Some(4));
    }

    #[test]
    fn one_strange_night_is_suspected_and_dissolved_by_the_next() {
        let mut values = vec![10.0, 10.2, 9.9, 10.1, 9.8, 10.0, 10.1, 9.9, 10.0, 10.2];
        values.push(30.0);
        let course = follow(&known(&values, 0.0), Harm::Up);
        assert_eq!(course.changes.len(), 1, "{course:?}");
        values.extend([10.0, 10.1, 9.9, 10.0]);
        let course = follow(&known(&values, 0.0), Harm::Up);
        assert_eq!(course.changes, []);
        let dissolved: Vec<_> = course
            .dissolved
            .iter()
            .map(|one| one.dissolved_on)
            .collect();
        assert_eq!(dissolved, [Some(11)]);
        assert_eq!(course.now.map(|now| now.first), Some(0));
    }

    #[test]
    fn one_strange_night_does_not_hide_what_comes_after_it() {
        let mut values = [0.0, 1.0, -1.0, 0.5, -0.5].repeat(4);
        values.push(60.0);
        values.extend([0.0, 1.0, -1.0, 0.5, -0.5]);
        values.extend([5.0, 6.0, 4.0, 5.5]);
        for standard_error in [1.0, 0.0] {
            let course = follow(&known(&values, standard_error), Harm::Up);
            let change = course.changes.first().expect("a change");
            assert!(change.confirmed_on.is_some(), "{course:?}");
            assert_eq!(change.night, 26, "{course:?}");
            assert!((change.size.value - 5.0).abs() < 0.3, "{change:?}");
        }
    }

    #[test]
    fn a_wobble_before_a_change_does_not_take_its_name() {
        // Two nights a little high, one as ever, then the change.
        let values = [
            0.0, 1.0, -1.0, 0.5, -0.5, 0.0, 1.0, -1.0, 2.0, 2.4, 0.0, 20.0, 20.5,
        ];
        let course = follow(&known(&values[..12], 1.0), Harm::Up);
        let change = course.changes[0];
        assert_eq!(
            (change.night, change.confirmed_on),
            (11, None),
            "{course:?}"
        );
        let course = follow(&known(&values, 1.0), Harm::Up);
        let change = course.changes[0];
        assert_eq!((change.night, change.confirmed_on), (11, Some(12)));
        assert_eq!((change.earliest, change.latest), (11, 11));
        // (20 + 20.5) / 2 - 4.4 / 11, as the eleven nights before it have it.
        assert!(
            (change.size.low..change.size.high).contains(&19.85),
            "{change:?}"
        );
    }

    #[test]
    fn a_change_of_the_size_of_the_noise_has_a_place_with_a_range() {
        let values = [
            0.0, 0.9, -1.1, 0.4, 1.2, -0.6, 0.2, 1.6, 1.9, 2.8, 2.2, 3.1, 1.8, 2.6,
        ];
        let change = follow(&known(&values, 1.0), Harm::Up).changes[0];
        assert!(
            change.earliest < change.night || change.latest > change.night,
            "{change:?}"
        );
        assert!((change.earliest..=change.latest).contains(&change.night));
    }

    #[test]
    fn a_change_from_nothing_has_a_size() {
        let mut values = [0.0; 14];
        values[10..].fill(5.0);
        let course = follow(&known(&values, 0.0), Harm::Up);
        assert_eq!(course.changes[0].night, 10);
        assert!((course.changes[0].size.value - 5.0).abs() < 1e-9);
    }

    #[test]
    fn exact_counts_show_a_change_in_the_first_week() {
        for base in 2..8 {
            let mut values = vec![0.0; base];
            values.push(984.0);
            let change = follow(&known(&values, 0.0), Harm::Up).changes[0];
            assert_eq!((change.night, change.confirmed_on), (base, None));
            values.push(984.0);
            let change = follow(&known(&values, 0.0), Harm::Up).changes[0];
            assert_eq!(
                change.confirmed_on,
                Some(base + 1),
                "{base} nights before it"
            );
            assert_eq!((change.size.low, change.size.high), (984.0, 984.0));
        }
    }

    /// Nights at each of these levels, a percent up and down.
    fn at_levels(levels: &[(usize, f64)]) -> Vec<Night> {
        let levels = levels.iter().flat_map(|&(count, level)| vec![level; count]);
        let wobble = [0.3, -0.9, 1.0, -0.2, 0.6, -1.0, 0.1].into_iter().cycle();
        let values: Vec<f64> = levels
            .zip(wobble)
            .map(|(level, percent)| level * (1.0 + percent / 100.0))
            .collect();
        known(&values, 0.0)
    }

    #[test]
    fn a_change_after_a_few_nights_is_confirmed_once_there_are_enough_after_it() {
        for base in 2..8 {
            let course = follow(&at_levels(&[(base, 100.0), (10, 150.0)]), Harm::Up);
            let change = course.changes.first().expect("a change");
            assert_eq!(change.night, base, "{course:?}");
            assert!(change.confirmed_on.is_some(), "{course:?}");
            let course = follow(&at_levels(&[(base, 100.0), (60, 67.0)]), Harm::Down);
            let harm = course.changes.iter().filter(|change| change.is_harm);
            assert_eq!(harm.count(), 1, "{course:?}");
            assert_eq!(course.dissolved, [], "{base} nights before it");
        }
    }

    #[test]
    fn a_change_that_two_nights_before_it_cannot_confirm_stays_open() {
        // 6 % after two nights that differ by 1.2 %, as all others do.
        let course = follow(&at_levels(&[(2, 100.0), (7, 106.0)]), Harm::Up);
        assert_eq!(course.changes, [], "{course:?}");
        let mut values = vec![100.6, 99.4];
        values.extend([103.0, 101.0, 105.0].repeat(30));
        let course = follow(&known(&values, 0.0), Harm::Up);
        let states: Vec<_> = course.changes.iter().map(|one| one.confirmed_on).collect();
        assert_eq!(states, [], "1.7 errors are none: {course:?}");
        values.splice(2.., [105.0, 103.0, 107.0].repeat(30));
        let course = follow(&known(&values, 0.0), Harm::Up);
        let states: Vec<_> = course.changes.iter().map(|one| one.confirmed_on).collect();
        assert_eq!(states, [None], "{course:?}");
    }

    #[test]
    fn a_change_of_a_few_nights_is_undone_when_they_are_over() {
        for bad in 2..7 {
            for before in [10, 40] {
                let levels = [(before, 100.0), (bad, 160.0), (9, 100.0)];
                let course = follow(&at_levels(&levels), Harm::Up);
                let found: Vec<(usize, bool)> = (course.changes.iter())
                    .map(|change| (change.night, change.is_harm))
                    .collect();
                let wanted = [(before, true), (before + bad, false)];
                assert_eq!(found, wanted, "{course:?}");
                assert!(course.changes[0].size.low > 0.0, "{course:?}");
            }
        }
    }

    #[test]
    fn nights_that_moved_by_more_before_others_make_no_change_of_those() {
        let mut nights = known(&[91.0, 112.0, 106.0, 97.0, 90.0], 0.0);
        nights.extend(at_levels(&[(60, 104.0)]));
        let course = follow(&nights, Harm::Up);
        assert_eq!((course.changes, course.dissolved), (vec![], vec![]));
    }

    #[test]
    fn a_first_night_unlike_the_others_makes_no_change_of_those() {
        for first in [60.0, 140.0] {
            let course = follow(&at_levels(&[(1, first), (80, 100.0)]), Harm::Up);
            assert_eq!(course.changes, [], "{first}");
        }
    }

    #[test]
    fn a_few_nights_that_agree_by_chance_make_no_change_of_the_next() {
        let values = [100.0, 100.1, 100.0, 104.0, 103.0, 105.0];
        assert_eq!(follow(&known(&values, 0.0), Harm::Up).changes, []);
    }
}
