//! Two levels of nights: their means by precision, and how far apart they lie.

use super::change::Night;
use crate::compare::ratio::{CONFIDENCE, Estimate, Z};
use leaklab_judge::stats::student::t_quantile;

/// Standard errors from which on a change is suspected: some thirty places are looked at each
/// night, and a figure that does not change shall hardly ever cost a second run.
pub const SUSPECTED: f64 = 3.3;

/// Standard errors from which on a change is confirmed. `tests/history.rs` counts what this
/// comes to: fewer than one false alarm in a thousand nights of a series, over nine figures
/// and every night that the change may have begun on.
pub const CONFIRMED: f64 = 4.8;

/// Standard errors that must be left of a suspicion without its strangest night, as soon as there
/// is another: one night in ten has them by chance, two in a row hardly ever do.
const SUPPORTED: f64 = 1.28;

/// The same of what is confirmed.
const SURELY_SUPPORTED: f64 = 2.33;

/// Fewest runs behind a confirmed change: one strange night is none.
const FEWEST_RUNS: usize = 2;

/// Fewest nights before a change where only the nights show how much the figure moves.
const FEWEST_BASE: usize = 2;

/// Nights that show how much a figure moves; fewer may agree by chance.
const ENOUGH_BASE: usize = 8;

/// Most nights before a change that it is compared with: machines age.
pub(super) const LONGEST_BASE: usize = 120;

/// Smallest error of a night's figure, as a share of its level: what clocks and schedulers do
/// to an idle machine. Nights that agree to the last digit must not make the next one's
/// rounding a change.
const LEAST_ERROR: f64 = 0.001;

/// The same where fewer than [`ENOUGH_BASE`] nights agree. Of nothing at all it is nothing: what
/// was zero on each of a few nights and is not any more has changed.
const LEAST_ERROR_OF_FEW: f64 = 0.05;

/// Smallest variance of a night, so that the weights of nights that are all zero are numbers.
const LEAST_VARIANCE: f64 = 1e-100;

/// The mean of nights by their precision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mean {
    value: f64,
    standard_error: f64,
    /// Variance between nights beyond their own errors.
    between: f64,
    /// Degrees of freedom behind `between`; infinite where the nights' own errors suffice.
    degrees: f64,
}

impl Mean {
    /// The mean of `nights`, which is not empty, each with at least the error `least`.
    pub(super) fn of(nights: &[Night], least: f64) -> Self {
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

    /// The mean with its 95 % interval.
    pub(super) fn estimate(&self) -> Estimate {
        estimate(self.value, self.standard_error, self.degrees)
    }
}

/// A value with its 95 % interval, of Student's distribution where the error was estimated.
fn estimate(value: f64, standard_error: f64, degrees: f64) -> Estimate {
    let quantile = match degrees.is_finite() && degrees > 0.0 {
        true => t_quantile(0.5 + CONFIDENCE / 2.0, degrees),
        false => Z,
    };
    Estimate {
        value,
        low: value - quantile * standard_error,
        high: value + quantile * standard_error,
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
pub(super) struct Cut {
    /// The first night after it.
    pub(super) place: usize,
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
    pub(super) fn before(nights: &[Night], begin: usize, place: usize) -> Option<Self> {
        let base = &nights[begin.max(place.saturating_sub(LONGEST_BASE))..place];
        let are_known = base.iter().all(|night| night.standard_error > 0.0);
        if base.len() < if are_known { 1 } else { FEWEST_BASE } {
            return None;
        }
        let level = base.iter().map(|n| n.value.abs()).sum::<f64>() / base.len() as f64;
        let least = match (are_known, base.len() < ENOUGH_BASE) {
            (true, _) => 0.0,
            (false, true) => LEAST_ERROR_OF_FEW * level,
            (false, false) => LEAST_ERROR * level,
        };
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
    pub(super) fn add(&mut self, night: &Night) {
        let weight = self.weight_of(night);
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

    pub(super) fn over(mut self, nights: &[Night]) -> Self {
        for night in nights {
            self.add(night);
        }
        self
    }

    pub(super) fn difference(&self) -> f64 {
        self.weighted / self.weight - self.before.value
    }

    fn standard_error(&self) -> f64 {
        let before = self.before.standard_error;
        (before * before + self.weight.recip()).sqrt()
    }

    /// Whether [`Cut::t`] is at least `errors` either way, told without a root or a quotient: of
    /// ten million cuts in a long history hardly one is.
    pub(super) fn is_beyond(&self, errors: f64) -> bool {
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
    pub(super) fn z(&self) -> f64 {
        as_normal(self.t(), self.before.degrees)
    }

    /// The difference after less before, with its 95 % interval. Enough nights `after` it show for
    /// themselves how much they move, if that is more.
    pub(super) fn size(&self, after: &[Night]) -> Estimate {
        let own = match after.len() < ENOUGH_BASE {
            true => 0.0,
            false => Mean::of(after, self.least).standard_error,
        };
        let error = self.weight.recip().sqrt().max(own);
        estimate(
            self.difference(),
            self.before.standard_error.hypot(error),
            self.before.degrees,
        )
    }

    /// The level of the nights before it.
    pub(super) fn level_before(&self) -> f64 {
        self.before.value
    }

    /// Whether the nights' own errors say how much each counts; else only their scatter does.
    pub(super) fn is_of_known_errors(&self) -> bool {
        self.before.degrees.is_infinite()
    }

    /// What a night counts, by its own error and what nights differ by beyond that.
    pub(super) fn weight_of(&self, night: &Night) -> f64 {
        let own = night.standard_error * night.standard_error + self.least * self.least;
        1.0 / (own + self.before.between).max(LEAST_VARIANCE)
    }

    /// Whether it is suspected to be a change: far enough, and not by one strange night among
    /// others.
    pub(super) fn is_suspected(&self) -> bool {
        self.z().abs() >= SUSPECTED
            && (self.runs == 1 || self.z_without_the_strangest() >= SUPPORTED)
    }

    /// Whether it is one for sure.
    pub(super) fn is_confirmed(&self) -> bool {
        self.z().abs() >= CONFIRMED
            && self.runs >= FEWEST_RUNS
            && self.z_without_the_strangest() >= SURELY_SUPPORTED
    }

    /// What is left of the deviate, in its direction, without the night that lies farthest out.
    fn z_without_the_strangest(&self) -> f64 {
        let up = self.difference() > 0.0;
        let farthest = if up { self.highest } else { self.lowest };
        farthest.map_or(0.0, |(value, weight)| {
            let others = Self {
                weight: self.weight - weight,
                weighted: self.weighted - weight * value,
                ..*self
            };
            if up { others.z() } else { -others.z() }
        })
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
}
