//! Changes over nights: where a figure that was measured once a night moved, and how sure that is.
//!
//! Each night counts with its own precision, and nights that were not decided by themselves add
//! to the others. A change is first *suspected*, which asks for a second run of the same night,
//! and *confirmed* once more than one run stands behind it: one strange night changes nothing.

use crate::compare::Harm;
use crate::compare::ratio::{Estimate, Z};
use std::collections::VecDeque;

/// One night of one figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Night {
    /// The figure.
    pub value: f64,
    /// Its own standard error; 0 where the night knows none and only nights among each other
    /// show how much the figure moves.
    pub standard_error: f64,
}

/// Standard errors from which on a change is suspected. One series in a hundred is there by
/// chance on a given night, which costs it a second run and nothing else.
pub const SUSPECTED: f64 = 2.33;

/// Standard errors from which on a change is confirmed. `tests/history.rs` counts what this
/// comes to: fewer than one false alarm in a thousand nights of a series, over nine figures
/// and every night that the change may have begun on.
pub const CONFIRMED: f64 = 4.8;

/// Fewest runs behind a confirmed change: one strange night is none.
const FEWEST_RUNS: usize = 2;

/// Fewest nights before a change where only the nights show how much the figure moves.
const FEWEST_BASE: usize = 8;

/// How far back a change that was not noticed at once is looked for.
const LONGEST_DELAY: usize = 30;

/// Most nights before a change that it is compared with: machines age.
const LONGEST_BASE: usize = 120;

/// Smallest error of a night's figure, as a share of its level: what clocks and schedulers do
/// to an idle machine. Nights that agree to the last digit must not make the next one's
/// rounding a change.
const LEAST_ERROR: f64 = 0.001;

/// Smallest variance of a night, so that the weights of nights that are all zero are numbers.
const LEAST_VARIANCE: f64 = 1e-100;

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
    /// The first night after it.
    pub night: usize,
    /// The night on which it was first suspected.
    pub suspected_on: usize,
    /// The night on which it was confirmed; `None` as long as it is only suspected.
    pub confirmed_on: Option<usize>,
    /// The level after it less the level before it, with its 95 % interval.
    pub size: Estimate,
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
    let mut course = Course::default();
    let mut begin = 0;
    let mut open: Option<Change> = None;
    let mut cuts: VecDeque<Cut> = VecDeque::new();
    for (index, night) in nights.iter().enumerate() {
        cuts.extend(Cut::before(nights, begin, index));
        if cuts.len() > LONGEST_DELAY {
            cuts.pop_front();
        }
        for cut in &mut cuts {
            cut.add(night);
        }
        let suspected = strongest(&cuts);
        let since = open.map_or(index, |change| change.suspected_on);
        open = suspected.map(|cut| cut.change(since, cut.is_confirmed().then_some(index), harm));
        if let Some(change) = open.take_if(|change| change.confirmed_on.is_some()) {
            begin = change.night;
            course.changes.push(change);
            cuts.clear();
            // What came since may hold a change of its own.
            for place in begin + 1..=index {
                cuts.extend(
                    Cut::before(nights, begin, place).map(|cut| cut.over(&nights[place..=index])),
                );
            }
        }
    }
    course.changes.extend(open);
    course.now = nights
        .get(begin..)
        .filter(|rest| !rest.is_empty())
        .map(|rest| Level {
            first: begin,
            nights: rest.len(),
            mean: Mean::of(rest, 0.0).estimate(),
        });
    refine(&mut course.changes, nights, harm);
    course
}

/// The cut with the largest deviate, if that is worth a suspicion.
fn strongest(cuts: &VecDeque<Cut>) -> Option<&Cut> {
    let (mut found, mut size) = (None, SUSPECTED);
    for cut in cuts {
        // The deviate is never larger than `t`, which costs no logarithm.
        if cut.is_beyond(size) && cut.z().abs() >= size {
            (found, size) = (Some(cut), cut.z().abs());
        }
    }
    found
}

/// With all nights known, the sizes of confirmed changes are those between whole levels.
fn refine(changes: &mut [Change], nights: &[Night], harm: Harm) {
    let places: Vec<usize> = changes
        .iter()
        .filter(|change| change.confirmed_on.is_some())
        .map(|change| change.night)
        .collect();
    for (index, &place) in places.iter().enumerate() {
        let from = index.checked_sub(1).map_or(0, |before| places[before]);
        let to = places.get(index + 1).copied().unwrap_or(nights.len());
        let change = &mut changes[index];
        if let Some(cut) = Cut::before(nights, from, place) {
            let cut = cut.over(&nights[place..to]);
            *change = cut.change(change.suspected_on, change.confirmed_on, harm);
        }
    }
}

/// The mean of nights by their precision.
#[derive(Debug, Clone, Copy)]
struct Mean {
    value: f64,
    standard_error: f64,
    /// Variance between nights beyond their own errors.
    between: f64,
    /// Degrees of freedom behind `between`; infinite where the nights' own errors suffice.
    degrees: f64,
}

impl Mean {
    /// The mean of `nights`, which is not empty, each with at least the error `least`.
    fn of(nights: &[Night], least: f64) -> Self {
        if nights.iter().all(|night| night.standard_error == 0.0) {
            return Self::of_scatter(nights, least);
        }
        let own = |night: &Night| night.standard_error * night.standard_error + least * least;
        let (between, degrees) = match nights.iter().all(|night| night.standard_error > 0.0) {
            true => dersimonian_laird(nights),
            false => spread(nights, least),
        };
        let weight = |night: &Night| 1.0 / (own(night) + between).max(LEAST_VARIANCE);
        let total: f64 = nights.iter().map(weight).sum();
        let value = nights.iter().map(|n| weight(n) * n.value).sum::<f64>() / total;
        Self {
            value,
            standard_error: total.recip().sqrt(),
            between,
            degrees,
        }
    }

    /// The same where no night knows an error: all weigh the same.
    fn of_scatter(nights: &[Night], least: f64) -> Self {
        let count = nights.len() as f64;
        let (between, degrees) = spread(nights, least);
        let variance = (least * least + between).max(LEAST_VARIANCE);
        Self {
            value: nights.iter().map(|night| night.value).sum::<f64>() / count,
            standard_error: (variance / count).sqrt(),
            between,
            degrees,
        }
    }

    fn estimate(&self) -> Estimate {
        estimate(self.value, self.standard_error)
    }
}

fn estimate(value: f64, standard_error: f64) -> Estimate {
    Estimate {
        value,
        low: value - Z * standard_error,
        high: value + Z * standard_error,
    }
}

/// Variance between nights whose own errors are not known.
fn spread(nights: &[Night], least: f64) -> (f64, f64) {
    let count = nights.len() as f64;
    let mean = nights.iter().map(|n| n.value).sum::<f64>() / count;
    let squares: f64 = nights.iter().map(|n| (n.value - mean).powi(2)).sum();
    let variance = squares / (count - 1.0).max(1.0);
    ((variance - least * least).max(0.0), count - 1.0)
}

/// Variance between nights beyond their own errors, and the degrees of freedom behind it.
fn dersimonian_laird(nights: &[Night]) -> (f64, f64) {
    let weight = |night: &Night| (night.standard_error * night.standard_error).recip();
    let total: f64 = nights.iter().map(weight).sum();
    let mean = nights.iter().map(|n| weight(n) * n.value).sum::<f64>() / total;
    let freedom = nights.len() as f64 - 1.0;
    let scatter: f64 = nights
        .iter()
        .map(|n| weight(n) * (n.value - mean).powi(2))
        .sum();
    let squares: f64 = nights.iter().map(|n| weight(n).powi(2)).sum();
    let between = (scatter - freedom) / (total - squares / total);
    if freedom > 0.0 && between > 0.0 {
        (between, freedom)
    } else {
        (0.0, f64::INFINITY)
    }
}

/// A place where nights may fall apart in two levels.
#[derive(Debug, Clone, Copy)]
struct Cut {
    /// The first night after it.
    place: usize,
    before: Mean,
    /// Least error of a night.
    least: f64,
    runs: usize,
    weight: f64,
    weighted: f64,
    /// The nights after it that lie highest and lowest, with their weights.
    highest: Option<(f64, f64)>,
    lowest: Option<(f64, f64)>,
}

impl Cut {
    /// The cut between `nights[begin..place]` and what comes; `None` where too few came before.
    fn before(nights: &[Night], begin: usize, place: usize) -> Option<Self> {
        let base = &nights[begin.max(place.saturating_sub(LONGEST_BASE))..place];
        let are_known = base.iter().all(|night| night.standard_error > 0.0);
        if base.len() < if are_known { 1 } else { FEWEST_BASE } {
            return None;
        }
        let level = base.iter().map(|n| n.value.abs()).sum::<f64>() / base.len() as f64;
        let least = if are_known { 0.0 } else { LEAST_ERROR * level };
        Some(Self {
            place,
            before: Mean::of(base, least),
            least,
            runs: 0,
            weight: 0.0,
            weighted: 0.0,
            highest: None,
            lowest: None,
        })
    }

    /// Nights after the cut move as those before it did: few of them cannot say more.
    fn add(&mut self, night: &Night) {
        let own = night.standard_error * night.standard_error + self.least * self.least;
        let weight = 1.0 / (own + self.before.between).max(LEAST_VARIANCE);
        self.runs += 1;
        self.weight += weight;
        self.weighted += weight * night.value;
        if self.highest.is_none_or(|(value, _)| night.value > value) {
            self.highest = Some((night.value, weight));
        }
        if self.lowest.is_none_or(|(value, _)| night.value < value) {
            self.lowest = Some((night.value, weight));
        }
    }

    fn over(mut self, nights: &[Night]) -> Self {
        for night in nights {
            self.add(night);
        }
        self
    }

    fn difference(&self) -> f64 {
        self.weighted / self.weight - self.before.value
    }

    fn standard_error(&self) -> f64 {
        let before = self.before.standard_error;
        (before * before + self.weight.recip()).sqrt()
    }

    /// Whether [`Cut::t`] is at least `errors` either way, told without a root or a quotient: of
    /// ten million cuts in a long history hardly one is.
    fn is_beyond(&self, errors: f64) -> bool {
        let gap = self.weighted - self.before.value * self.weight;
        let own = self.before.standard_error * self.weight;
        gap * gap >= errors * errors * (own * own + self.weight)
    }

    /// The difference in standard errors.
    fn t(&self) -> f64 {
        let difference = self.difference();
        if difference == 0.0 {
            return 0.0;
        }
        difference / self.standard_error()
    }

    /// The same as a normal deviate.
    fn z(&self) -> f64 {
        as_normal(self.t(), self.before.degrees)
    }

    fn is_confirmed(&self) -> bool {
        if self.z().abs() < CONFIRMED || self.runs < FEWEST_RUNS {
            return false;
        }
        // One strange night among others is not enough.
        let up = self.difference() > 0.0;
        let farthest = if up { self.highest } else { self.lowest };
        farthest.is_some_and(|(value, weight)| {
            let others = Self {
                weight: self.weight - weight,
                weighted: self.weighted - weight * value,
                ..*self
            };
            others.z().abs() >= SUSPECTED && (others.difference() > 0.0) == up
        })
    }

    fn change(&self, suspected_on: usize, confirmed_on: Option<usize>, harm: Harm) -> Change {
        let difference = self.difference();
        Change {
            night: self.place,
            suspected_on,
            confirmed_on,
            size: estimate(difference, self.standard_error()),
            z: self.z(),
            is_harm: match harm {
                Harm::Up => difference > 0.0,
                Harm::Down => difference < 0.0,
            },
        }
    }
}

/// The normal deviate that is about as rare as `t` of Student's distribution.
///
/// # Source
///
/// D. L. Wallace, "Bounds on normal approximations to Student's and the chi-square
/// distributions", Annals of Mathematical Statistics 30 (1959), 1121–1130.
fn as_normal(t: f64, degrees: f64) -> f64 {
    if degrees.is_infinite() {
        return t;
    }
    let shrink = (8.0 * degrees + 1.0) / (8.0 * degrees + 3.0);
    let size = (degrees * (t * t / degrees).ln_1p()).sqrt();
    (shrink * size).copysign(t)
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
    fn student_turns_into_the_normal_deviate_of_scipy() {
        // scipy 1.17.1: norm.isf(t.sf(x, df))
        for (t, degrees, z) in [
            (3.0, 7.0, 2.327_434_974),
            (5.0, 19.0, 3.945_903_137),
            (-2.0, 30.0, -1.921_846_741),
            (10.0, 8.0, 4.452_485_901),
        ] {
            let got = as_normal(t, degrees);
            assert!((got - z).abs() < 0.03, "{t} with {degrees}: {got}");
        }
    }

    #[test]
    fn nights_that_differ_by_more_than_their_errors_have_a_variance_of_their_own() {
        // DerSimonian and Laird by hand: weights 1, mean 3, Q = 10, (10 - 4) / (5 - 1) = 1.5.
        let (between, degrees) = dersimonian_laird(&known(&[1.0, 2.0, 3.0, 4.0, 5.0], 1.0));
        assert!((between - 1.5).abs() < 1e-12 && degrees == 4.0, "{between}");
        let (between, degrees) = dersimonian_laird(&known(&[3.0, 3.1, 2.9], 1.0));
        assert_eq!((between, degrees), (0.0, f64::INFINITY));
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
    fn one_strange_night_is_no_change() {
        let mut values = vec![10.0, 10.2, 9.9, 10.1, 9.8, 10.0, 10.1, 9.9, 10.0, 10.2];
        values.extend([30.0, 10.0, 10.1, 9.9, 10.0]);
        let course = follow(&known(&values, 0.0), Harm::Up);
        assert!(
            course
                .changes
                .iter()
                .all(|change| change.confirmed_on.is_none())
        );
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
    fn figures_without_errors_need_nights_to_compare_with() {
        let values = [10.0, 10.1, 9.9, 20.0, 20.1];
        assert_eq!(follow(&known(&values, 0.0), Harm::Up).changes, []);
    }
}
