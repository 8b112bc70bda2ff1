//! Where a change lies: the night that explains the others best, and those that it may be as well.

use super::change::Night;
use super::cut::{Cut, Prior};
use crate::compare::ratio::Estimate;

/// Logarithm of the likelihood by which a place may fall short of the best one and still be the
/// place of the change in 95 % of all cases.
///
/// Beyond the true place the logarithm is a random walk that falls; that it ever rises by `x` has
/// a probability of at most exp(-x) (Wald), on each of two sides: 1 - (1 - exp(-x))² = 0.05.
///
/// # Source
///
/// D. Siegmund, "Confidence sets in change-point problems", International Statistical Review 56
/// (1988), 31–48.
const SHORT_OF_BEST: f64 = 3.676;

/// Most places whose size is looked at for the interval of the size.
const MOST_PLACES: usize = 64;

/// A located change: the cut at its most likely place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Located {
    pub(super) cut: Cut,
    /// First and last place that it may have as well.
    pub(super) earliest: usize,
    pub(super) latest: usize,
    /// The size, with an interval over these places.
    pub(super) size: Estimate,
}

/// Locates the change that `found` has noticed among `nights[begin..end]`, at one of `places`;
/// `None` where none of them has the direction of `found`.
///
/// Time O(n) and a base for each place that is kept.
pub(super) fn locate(
    nights: &[Night],
    (begin, end): (usize, usize),
    places: std::ops::RangeInclusive<usize>,
    found: &Cut,
    prior: &Prior,
) -> Option<Located> {
    let fit = Fit::of(&nights[begin..end], found);
    let up = found.difference() > 0.0;
    let mut likely: Vec<(usize, f64)> = Vec::new();
    // One night without an error of its own is nothing to compare with.
    let fewest = if nights[begin].standard_error > 0.0 {
        1
    } else {
        2
    };
    for place in places {
        if place < begin + fewest || place >= end {
            continue;
        }
        let (rise, likelihood) = fit.at(place - begin);
        if (rise > 0.0) == up && rise != 0.0 {
            likely.push((place, likelihood));
        }
    }
    let best = *likely.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let at =
        |place: usize| Some(Cut::before(nights, begin, place, prior)?.over(&nights[place..end]));
    let cut = likely
        .iter()
        .filter(|one| one.1 >= best.1)
        .find_map(|one| at(one.0))?;
    likely.retain(|(_, likelihood)| best.1 - likelihood <= SHORT_OF_BEST);
    let (earliest, latest) = (likely.first()?.0, likely.last()?.0);
    let own = cut.size(&nights[cut.place..end]);
    let sizes = likely.iter().take(MOST_PLACES);
    let sizes = sizes
        .filter_map(|(place, _)| at(*place))
        .map(|cut| cut.size(&nights[cut.place..end]));
    let (low, high) = sizes.fold((own.low, own.high), |(low, high), size| {
        (low.min(size.low), high.max(size.high))
    });
    Some(Located {
        cut,
        earliest,
        latest,
        size: Estimate { low, high, ..own },
    })
}

/// Sums over nights from which the fit of two means at any place follows.
struct Fit {
    /// Weight, weighted value and weighted square of the nights before each place.
    sums: Vec<[f64; 3]>,
    /// Whether the weights are inverse variances; else they are relative.
    are_variances: bool,
    /// Least sum of squares: that of rounding.
    least: f64,
}

impl Fit {
    fn of(nights: &[Night], found: &Cut) -> Self {
        let origin = nights.first().map_or(0.0, |night| night.value);
        let mut total = [0.0; 3];
        let mut sums = vec![total];
        for night in nights {
            let (weight, value) = (found.weight_of(night), night.value - origin);
            let of_night = [weight, weight * value, weight * value * value];
            for (sum, own) in total.iter_mut().zip(of_night) {
                *sum += own;
            }
            sums.push(total);
        }
        Fit {
            sums,
            are_variances: found.is_of_known_errors(),
            least: (total[2] * 1e-12).max(f64::MIN_POSITIVE),
        }
    }

    /// The rise at a place, and the logarithm of its likelihood but for a constant.
    fn at(&self, place: usize) -> (f64, f64) {
        let last = self.sums[self.sums.len() - 1];
        let before = self.sums[place];
        let after = [0, 1, 2].map(|one| last[one] - before[one]);
        let mean = |sums: [f64; 3]| sums[1] / sums[0];
        let squares = |sums: [f64; 3]| (sums[2] - sums[1] * sums[1] / sums[0]).max(0.0);
        let left = (squares(before) + squares(after)).max(self.least);
        let likelihood = match self.are_variances {
            true => -left / 2.0,
            // The variance is a guess from as many nights, less two means.
            false => -((self.sums.len() as f64 - 3.0).max(1.0)) / 2.0 * left.ln(),
        };
        (mean(after) - mean(before), likelihood)
    }
}
