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

/// The same on both sides of a change together: of two kinds of nights that come by turns the first
/// few may well be of one kind.
pub(super) const ENOUGH_ON_BOTH_SIDES: usize = 10;

/// Nights before a change from which on they alone say how much a figure moves, whatever those
/// after it do; of fewer, both sides say it together.
const LONG_BASE: usize = 30;

/// Most degrees of freedom that the scatter of the level before counts for.
const MOST_OF_PRIOR: f64 = 8.0;

/// Most nights before a change that it is compared with: machines age.
pub(super) const LONGEST_BASE: usize = 120;

/// Smallest error of a night's figure, as a share of its level: what clocks and schedulers do
/// to an idle machine. Nights that agree to the last digit must not make the next one's
/// rounding a change.
pub(super) const LEAST_ERROR: f64 = 0.001;

/// The same where fewer than [`ENOUGH_ON_BOTH_SIDES`] nights agree. Of nothing at all it is nothing: what
/// was zero on each of a few nights and is not any more has changed.
pub(super) const LEAST_ERROR_OF_FEW: f64 = 0.05;

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

/// How much the nights of the level before moved: what the first nights of a new level, too few to
/// show it themselves, are taken to move by as well. Of nights that know no error of their own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Prior {
    squares: f64,
    level: f64,
    degrees: f64,
}

impl Prior {
    /// What the nights of a level show.
    pub(super) fn of(nights: &[Night]) -> Self {
        if nights.len() < 2 || nights.iter().any(|night| night.standard_error > 0.0) {
            return Self::default();
        }
        let (between, degrees) = spread(nights, 0.0);
        let degrees = degrees.min(MOST_OF_PRIOR);
        Self {
            squares: between * degrees,
            level: mean_size(nights),
            degrees,
        }
    }

    /// The squares that the same noise comes to at another level: in proportion, and not less.
    fn squares_at(&self, level: f64) -> f64 {
        let share = if self.level > 0.0 {
            level / self.level
        } else {
            1.0
        };
        self.squares * share.max(1.0).powi(2)
    }
}

fn mean_size(nights: &[Night]) -> f64 {
    nights.iter().map(|night| night.value.abs()).sum::<f64>() / nights.len() as f64
}

/// Sums over the nights on one side of a cut, of values less an origin.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    nights: usize,
    weight: f64,
    weighted: f64,
    squares: f64,
    /// The nights that lie highest and lowest, with their weights.
    highest: Option<(f64, f64)>,
    lowest: Option<(f64, f64)>,
}

impl Sums {
    fn add(&mut self, value: f64, weight: f64) {
        self.nights += 1;
        self.weight += weight;
        self.weighted += weight * value;
        self.squares += weight * value * value;
        if self.highest.is_none_or(|(highest, _)| value > highest) {
            self.highest = Some((value, weight));
        }
        if self.lowest.is_none_or(|(lowest, _)| value < lowest) {
            self.lowest = Some((value, weight));
        }
    }

    fn mean(&self) -> f64 {
        self.weighted / self.weight
    }

    /// Squares about the mean.
    fn scatter(&self) -> f64 {
        (self.squares - self.weighted * self.mean()).max(0.0)
    }

    /// The same without the night that lies highest, or lowest; `None` if it is the only one.
    fn without(&self, highest: bool) -> Option<Self> {
        let (value, weight) = if highest { self.highest } else { self.lowest }?;
        (self.nights > 1).then(|| Self {
            nights: self.nights - 1,
            weight: self.weight - weight,
            weighted: self.weighted - weight * value,
            squares: self.squares - weight * value * value,
            ..*self
        })
    }
}

/// What is known of the nights before a cut.
#[derive(Debug, Clone, Copy)]
enum Base {
    /// Many: they alone say how much a night moves.
    Long(Mean),
    /// Few: those on both sides say it together.
    Short {
        before: Sums,
        level: f64,
        are_known: bool,
        prior: Prior,
    },
}

/// How far two sides lie apart, with the error of that and the degrees of freedom behind it.
#[derive(Debug, Clone, Copy)]
struct Gap {
    difference: f64,
    standard_error: f64,
    degrees: f64,
}

impl Gap {
    /// The same as a normal deviate.
    fn z(&self) -> f64 {
        match self.difference == 0.0 {
            true => 0.0,
            false => as_normal(self.difference / self.standard_error, self.degrees),
        }
    }
}

/// A place where nights may fall apart in two levels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// The first night after it.
    pub(super) place: usize,
    /// Mean of the nights before it; sums are of values less this.
    origin: f64,
    base: Base,
    /// Least error of a night, once there are enough.
    least: f64,
    after: Sums,
}

impl Cut {
    /// The cut between `nights[begin..place]` and what comes; `None` where too few came before.
    pub(super) fn before(
        nights: &[Night],
        begin: usize,
        place: usize,
        prior: &Prior,
    ) -> Option<Self> {
        let base = &nights[begin.max(place.saturating_sub(LONGEST_BASE))..place];
        let are_known = base.iter().all(|night| night.standard_error > 0.0);
        if base.len() < if are_known { 1 } else { FEWEST_BASE } {
            return None;
        }
        let level = mean_size(base);
        let least = if are_known { 0.0 } else { LEAST_ERROR * level };
        let mut cut = Self {
            place,
            origin: 0.0,
            base: Base::Short {
                before: Sums::default(),
                level,
                are_known,
                prior: *prior,
            },
            least,
            after: Sums::default(),
        };
        if base.len() >= LONG_BASE {
            let mean = Mean::of(base, least);
            cut.origin = mean.value;
            cut.base = Base::Long(mean);
            return Some(cut);
        }
        let weight: f64 = base.iter().map(|night| cut.weight_of(night)).sum();
        let weighted = base.iter().map(|night| cut.weight_of(night) * night.value);
        cut.origin = weighted.sum::<f64>() / weight;
        let mut before = Sums::default();
        for night in base {
            before.add(night.value - cut.origin, cut.weight_of(night));
        }
        cut.base = Base::Short {
            before,
            level,
            are_known,
            prior: *prior,
        };
        Some(cut)
    }

    /// One more night after it.
    pub(super) fn add(&mut self, night: &Night) {
        let weight = self.weight_of(night);
        self.after.add(night.value - self.origin, weight);
    }

    pub(super) fn over(mut self, nights: &[Night]) -> Self {
        for night in nights {
            self.add(night);
        }
        self
    }

    pub(super) fn difference(&self) -> f64 {
        self.gap().difference
    }

    fn gap(&self) -> Gap {
        match &self.base {
            Base::Long(_) => self.gap_between(&Sums::default(), &self.after),
            Base::Short { before, .. } => self.gap_between(before, &self.after),
        }
    }

    /// The gap between nights before and after: with a long base, of which `before` says nothing,
    /// nights after it move as those before it did; with a short one as those on both sides do.
    ///
    /// # Source
    ///
    /// Nights that differ by more than their own errors: R. T. Birge, "The calculation of errors by
    /// the method of least squares", Physical Review 40 (1932), 207–227.
    fn gap_between(&self, before: &Sums, after: &Sums) -> Gap {
        let (level, are_known, prior) = match &self.base {
            Base::Long(mean) => {
                return Gap {
                    difference: after.mean(),
                    standard_error: mean.standard_error.hypot(after.weight.recip().sqrt()),
                    degrees: mean.degrees,
                };
            }
            Base::Short {
                level,
                are_known,
                prior,
                ..
            } => (*level, *are_known, prior),
        };
        let nights = before.nights + after.nights;
        let own = before.weight.recip() + after.weight.recip();
        let scatter = before.scatter() + after.scatter();
        let degrees = nights as f64 - 2.0;
        let (variance, degrees) = match are_known {
            true => match scatter / degrees.max(1.0) {
                more if more > 1.0 && degrees > 0.0 => (more, degrees),
                _ => (1.0, f64::INFINITY),
            },
            false => {
                let least = match nights < ENOUGH_ON_BOTH_SIDES {
                    true => LEAST_ERROR_OF_FEW * level,
                    false => self.least,
                };
                let degrees = (degrees + prior.degrees).max(1.0);
                let squares = scatter + prior.squares_at(level);
                ((squares / degrees).max(least * least), degrees)
            }
        };
        // Few nights before it that move by more than both sides do together count with that.
        let own_before = match are_known {
            true => 0.0,
            false => before.scatter() / (before.nights as f64 - 1.0).max(1.0),
        };
        let more = (own_before - variance).max(0.0) / before.weight;
        Gap {
            difference: after.mean() - before.mean(),
            standard_error: (variance.max(LEAST_VARIANCE) * own + more).sqrt(),
            degrees,
        }
    }

    /// Whether the deviate may be at least `errors` either way, told without a root or a quotient:
    /// of ten million cuts in a long history hardly one is. It is never larger than Student's `t`.
    pub(super) fn is_beyond(&self, errors: f64) -> bool {
        let Base::Long(mean) = &self.base else {
            return true;
        };
        let gap = self.after.weighted;
        let own = mean.standard_error * self.after.weight;
        gap * gap >= errors * errors * (own * own + self.after.weight)
    }

    /// The difference in standard errors, as a normal deviate.
    pub(super) fn z(&self) -> f64 {
        self.gap().z()
    }

    /// The difference after less before, with its 95 % interval. Enough nights `after` it show for
    /// themselves how much they move, if that is more.
    pub(super) fn size(&self, after: &[Night]) -> Estimate {
        let gap = self.gap();
        let own = match after.len() < ENOUGH_BASE {
            true => 0.0,
            false => Mean::of(after, self.least).standard_error,
        };
        let error = match &self.base {
            Base::Long(mean) => {
                let error = self.after.weight.recip().sqrt().max(own);
                mean.standard_error.hypot(error)
            }
            Base::Short { .. } => gap.standard_error.max(own),
        };
        estimate(gap.difference, error, gap.degrees)
    }

    /// The level of the nights after it, with its 95 % interval.
    pub(super) fn level_after(&self) -> Estimate {
        let gap = self.gap();
        // The part of the error that is that of the nights after it.
        let share = match &self.base {
            Base::Long(_) => (self.after.weight.recip()).sqrt() / gap.standard_error,
            Base::Short { before, .. } => {
                let after = self.after.weight.recip();
                (after / (after + before.weight.recip())).sqrt()
            }
        };
        let value = self.origin + self.after.mean();
        estimate(value, gap.standard_error * share, gap.degrees)
    }

    /// Whether the nights' own errors say how much each counts; else only their scatter does.
    pub(super) fn is_of_known_errors(&self) -> bool {
        self.gap().degrees.is_infinite()
    }

    /// What a night counts, by its own error and what nights differ by beyond that.
    pub(super) fn weight_of(&self, night: &Night) -> f64 {
        let own = night.standard_error * night.standard_error;
        match &self.base {
            Base::Long(mean) => {
                let variance = own + self.least * self.least + mean.between;
                1.0 / variance.max(LEAST_VARIANCE)
            }
            Base::Short {
                are_known: true, ..
            } => 1.0 / own.max(LEAST_VARIANCE),
            Base::Short { .. } => 1.0,
        }
    }

    /// Whether it is suspected to be a change: far enough, and not by one strange night among
    /// others.
    pub(super) fn is_suspected(&self) -> bool {
        self.z().abs() >= SUSPECTED
            && (self.after.nights == 1 || self.z_without_the_strangest() >= SUPPORTED)
    }

    /// Whether it is one for sure.
    pub(super) fn is_confirmed(&self) -> bool {
        self.z().abs() >= CONFIRMED
            && self.after.nights >= FEWEST_RUNS
            && self.z_without_the_strangest() >= SURELY_SUPPORTED
    }

    /// What is left of the deviate, in its direction, without the night after it that lies farthest
    /// out; and of a short base without the one of those before it that does.
    fn z_without_the_strangest(&self) -> f64 {
        let up = self.difference() > 0.0;
        let left = |before: &Sums, after: &Sums| {
            let z = self.gap_between(before, after).z();
            if up { z } else { -z }
        };
        let after = self.after.without(up);
        match &self.base {
            Base::Long(_) => after.map_or(0.0, |after| left(&Sums::default(), &after)),
            Base::Short { before, .. } => {
                let of_after = after.map_or(0.0, |after| left(before, &after));
                let others = before.without(!up);
                others.map_or(of_after, |before| left(&before, &self.after).min(of_after))
            }
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
}
