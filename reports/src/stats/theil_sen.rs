//! The median of pairwise slopes and its interval, exact, without building the pairs.

use super::inversions::{key_of, sort_counting};
use super::random::SplitMix;
use super::student::normal_quantile;

/// The slope of a series by the median of its pairwise slopes, with an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TheilSen {
    /// Median of the slopes of all pairs with different `xs`.
    pub slope: f64,
    /// Median of `ys` minus slope times median of `xs`.
    pub intercept: f64,
    /// Lower end of the interval; for independent noise only.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// Why there is no slope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SlopeError {
    /// `xs` and `ys` differ in length.
    #[error("{xs} times, but {ys} values")]
    LengthMismatch {
        /// Number of `xs`.
        xs: usize,
        /// Number of `ys`.
        ys: usize,
    },
    /// A value is NaN or infinite.
    #[error("point {index} is not a finite number")]
    NotFinite {
        /// Position of the first such point.
        index: usize,
    },
    /// Fewer than two `xs` are distinct.
    #[error("a slope needs at least two different times")]
    TooFewPoints,
}

/// The growth rate of a series: the median of its pairwise slopes (Theil–Sen).
///
/// `xs` and `ys` hold n values each, in any order; the result is in units of `ys` per unit of
/// `xs`. Pairs with equal `xs` are left out. Fewer than 29.3 % of the points (1 − 1/√2),
/// however wrong, cannot carry the result away. The interval has the given `confidence` for
/// independent noise; correlated noise needs [`crate::judge`].
///
/// Time O(n log n) expected, memory O(n): the wanted ranks are enclosed by random slopes,
/// counted by inversions, until few enough are left to be listed.
///
/// # Errors
///
/// [`SlopeError`]: lengths differ, a value is not finite, fewer than two `xs` are distinct.
///
/// # Source
///
/// P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63
/// (1968), 1379–1389. J. Matoušek, "Randomized optimal algorithm for slope selection",
/// Information Processing Letters 39 (1991), 183–187.
pub fn theil_sen(xs: &[f64], ys: &[f64], confidence: f64) -> Result<TheilSen, SlopeError> {
    if xs.len() != ys.len() {
        return Err(SlopeError::LengthMismatch {
            xs: xs.len(),
            ys: ys.len(),
        });
    }
    if let Some(index) = (0..xs.len()).find(|&i| !(xs[i].is_finite() && ys[i].is_finite())) {
        return Err(SlopeError::NotFinite { index });
    }
    let mut points: Vec<(f64, f64)> = xs.iter().copied().zip(ys.iter().copied()).collect();
    if !points.is_sorted_by(|a, b| a <= b) {
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    }
    let mut search = SlopeSearch::new(points);
    if search.pairs == 0 {
        return Err(SlopeError::TooFewPoints);
    }
    let last = search.pairs - 1;
    let half_width = -normal_quantile((1.0 - confidence) / 2.0) * tie_corrected_sigma(ys);
    let pairs = search.pairs as f64;
    // Ranks as scipy.stats.theilslopes takes them.
    let upper = (((pairs + half_width) / 2.0).round_ties_even().max(0.0) as u64).min(last);
    let lower = (((pairs - half_width) / 2.0).round_ties_even() - 1.0).max(0.0) as u64;
    let (middle_low, middle_high) = (last / 2, search.pairs / 2);
    let slopes = search.slopes_at(&[lower, middle_low, middle_high, upper]);
    let slope = 0.5 * (slopes[1] + slopes[2]);
    let intercept = super::quantile::median(ys).unwrap_or(0.0)
        - slope * super::quantile::median(xs).unwrap_or(0.0);
    Ok(TheilSen {
        slope,
        intercept,
        low: slopes[0],
        high: slopes[3],
    })
}

/// Standard deviation of Kendall's S under independence, with ties among `ys`.
fn tie_corrected_sigma(ys: &[f64]) -> f64 {
    let mut sorted = ys.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = ys.len() as f64;
    let ties: f64 = sorted
        .chunk_by(|a, b| a == b)
        .map(|group| group.len() as f64)
        .map(|t| t * (t - 1.0) * (2.0 * t + 5.0))
        .sum();
    ((n * (n - 1.0) * (2.0 * n + 5.0) - ties) / 18.0)
        .max(0.0)
        .sqrt()
}

/// A half-open range of slopes and how many pairs lie below its ends.
#[derive(Debug, Clone, Copy)]
struct Enclosure {
    low: f64,
    high: f64,
    below_low: u64,
    below_high: u64,
}

struct SlopeSearch {
    points: Vec<(f64, f64)>,
    /// Pairs with different times.
    pairs: u64,
    keys: Vec<f64>,
    spare: Vec<i64>,
    random: SplitMix,
}

impl SlopeSearch {
    fn new(points: Vec<(f64, f64)>) -> Self {
        let n = points.len() as u64;
        let tied: u64 = points
            .chunk_by(|a, b| a.0 == b.0)
            .map(|group| group.len() as u64)
            .map(|size| size * (size - 1) / 2)
            .sum();
        let pairs = n * n.saturating_sub(1) / 2 - tied;
        Self {
            points,
            pairs,
            keys: Vec::new(),
            spare: Vec::new(),
            random: SplitMix::new(0x5EED),
        }
    }

    /// Pairs whose slope is strictly below `slope`.
    fn count_below(&mut self, slope: f64) -> u64 {
        if slope == f64::NEG_INFINITY {
            return 0;
        }
        if slope == f64::INFINITY {
            return self.pairs;
        }
        self.keys.clear();
        self.keys
            .extend(self.points.iter().map(|&(x, y)| y - slope * x));
        sort_counting(&mut self.keys, &mut self.spare)
    }

    /// The slopes at the given ranks (0 is the smallest), which must be ascending.
    fn slopes_at(&mut self, ranks: &[u64]) -> Vec<f64> {
        let everything = Enclosure {
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
            below_low: 0,
            below_high: self.pairs,
        };
        let small = (8 * self.points.len() as u64).max(1_000);
        if self.pairs <= small {
            let mut all = self.list(&everything, None);
            all.sort_unstable_by(f64::total_cmp);
            return ranks
                .iter()
                .map(|&rank| all[(rank as usize).min(all.len() - 1)])
                .collect();
        }
        // One sample of all slopes, then one of those around the wanted ranks, serve them all.
        let sample = self.sample(&everything, 1);
        let shared = self.narrow(&sample, everything, ranks[0], ranks[ranks.len() - 1]);
        let sample = self.sample(&shared, 4);
        let mut last: Option<(u64, Enclosure, Vec<f64>)> = None;
        let mut slopes = Vec::with_capacity(ranks.len());
        for &rank in ranks {
            // Neighbouring ranks share what was listed.
            let listed = last.take().filter(|(_, enclosure, list)| {
                !list.is_empty() && rank >= enclosure.below_low && rank < enclosure.below_high
            });
            let (_, enclosure, mut inside) = match listed {
                Some(listed) => listed,
                None => {
                    let enclosure = self.narrow(&sample, shared, rank, rank);
                    let enclosure = self.narrow_until(enclosure, rank, small);
                    let few = enclosure.below_high - enclosure.below_low <= 4 * small;
                    let inside = if few {
                        self.list(&enclosure, None)
                    } else {
                        Vec::new()
                    };
                    (rank, enclosure, inside)
                }
            };
            if inside.is_empty() {
                // Slopes within rounding of each other: none is better than another.
                slopes.push(enclosure.low);
            } else {
                let place =
                    (rank.saturating_sub(enclosure.below_low) as usize).min(inside.len() - 1);
                slopes.push(*inside.select_nth_unstable_by(place, f64::total_cmp).1);
            }
            last = Some((rank, enclosure, inside));
        }
        slopes
    }

    fn narrow_until(&mut self, start: Enclosure, rank: u64, small: u64) -> Enclosure {
        let mut enclosure = start;
        for _ in 0..64 {
            let inside = enclosure.below_high - enclosure.below_low;
            if inside <= small {
                break;
            }
            let sample = self.sample(&enclosure, 1);
            let next = self.narrow(&sample, enclosure, rank, rank);
            if next.below_high - next.below_low >= inside {
                break;
            }
            enclosure = next;
        }
        enclosure
    }

    /// About `times` as many random slopes in `enclosure` as there are points, ascending.
    fn sample(&mut self, enclosure: &Enclosure, times: usize) -> Vec<f64> {
        let wanted = times * self.points.len().max(1_000);
        let mut sample = self.list(enclosure, Some(wanted));
        sample.sort_unstable_by(f64::total_cmp);
        sample
    }

    /// A smaller enclosure of the ranks `first..=last`, by a random sample of the slopes inside.
    fn narrow(&mut self, sample: &[f64], outer: Enclosure, first: u64, last: u64) -> Enclosure {
        if sample.is_empty() {
            return outer;
        }
        let inside = outer.below_high - outer.below_low;
        let size = sample.len() as f64;
        let share = |rank: u64| rank.saturating_sub(outer.below_low) as f64 / inside as f64;
        let slack = 3.0 * (0.5 / size.sqrt()) * size + 1.0;
        let place = |position: f64| position.clamp(0.0, size - 1.0) as usize;
        let mut result = outer;
        let low = place(share(first) * size - slack);
        if low > 0 {
            let below = self.count_below(sample[low]);
            if below <= first && below >= outer.below_low {
                (result.low, result.below_low) = (sample[low], below);
            } else if below > last {
                (result.high, result.below_high) = (sample[low], below);
                return result;
            }
        }
        let high = place(share(last) * size + slack);
        // Counts are of slopes strictly below, so that the edge must lie beyond the low end.
        let edge = sample[high..]
            .iter()
            .copied()
            .find(|&slope| slope > result.low);
        if let Some(edge) = edge.filter(|&edge| edge < outer.high) {
            let below = self.count_below(edge);
            if below > last && below <= result.below_high {
                (result.high, result.below_high) = (edge, below);
            } else if below <= first && below >= result.below_low {
                (result.low, result.below_low) = (edge, below);
            }
        }
        result
    }

    /// Slopes in `enclosure`: all of them, or about `wanted` drawn at random.
    fn list(&mut self, enclosure: &Enclosure, wanted: Option<usize>) -> Vec<f64> {
        let whole = enclosure.low == f64::NEG_INFINITY && enclosure.high == f64::INFINITY;
        if let (true, Some(wanted)) = (whole, wanted) {
            return self.random_slopes(wanted);
        }
        let points = &self.points;
        let key = |slope: f64, index: u32| {
            let (x, y) = points[index as usize];
            key_of(y - slope * x)
        };
        // At a slope below all others the order is that of time, which is that of the points.
        let mut order: Vec<(i64, u32)> = (0..points.len() as u32)
            .map(|index| match enclosure.low {
                f64::NEG_INFINITY => (key_of(points[index as usize].0), index),
                low => (key(low, index), index),
            })
            .collect();
        order.sort_unstable();
        let high = enclosure.high;
        let keyed: Vec<(i64, u32)> = if high < f64::INFINITY {
            order
                .iter()
                .map(|&(_, index)| (key(high, index), index))
                .collect()
        } else {
            order
                .iter()
                .map(|&(_, index)| (key_of(-points[index as usize].0), index))
                .collect()
        };
        let inside = enclosure.below_high - enclosure.below_low;
        let mut picks: Vec<u64> = match wanted {
            Some(wanted) => (0..wanted)
                .map(|_| self.random.below(inside.max(1)))
                .collect(),
            None => Vec::new(),
        };
        picks.sort_unstable();
        let mut lister = InversionLister {
            seen: 0,
            picks,
            all: wanted.is_none(),
            next: 0,
            pairs: Vec::new(),
        };
        lister.run(keyed);
        lister
            .pairs
            .into_iter()
            .filter_map(|(a, b)| {
                let ((x1, y1), (x2, y2)) = (points[a as usize], points[b as usize]);
                (x1 != x2).then(|| (y2 - y1) / (x2 - x1))
            })
            .collect()
    }

    fn random_slopes(&mut self, wanted: usize) -> Vec<f64> {
        let n = self.points.len() as u64;
        let mut slopes = Vec::with_capacity(wanted);
        for _ in 0..8 * wanted {
            let (a, b) = (self.random.below(n) as usize, self.random.below(n) as usize);
            let ((x1, y1), (x2, y2)) = (self.points[a], self.points[b]);
            if x1 != x2 {
                slopes.push((y2 - y1) / (x2 - x1));
                if slopes.len() == wanted {
                    break;
                }
            }
        }
        slopes
    }
}

/// Lists pairs out of order while merge-sorting: all of them, or those whose running numbers
/// are in `picks` (ascending).
struct InversionLister {
    seen: u64,
    picks: Vec<u64>,
    all: bool,
    next: usize,
    pairs: Vec<(u32, u32)>,
}

impl InversionLister {
    fn run(&mut self, mut source: Vec<(i64, u32)>) {
        let n = source.len();
        let mut target = source.clone();
        let mut width = 1;
        while width < n {
            for start in (0..n).step_by(2 * width) {
                let middle = (start + width).min(n);
                let end = (start + 2 * width).min(n);
                self.merge(
                    &source[start..middle],
                    &source[middle..end],
                    &mut target[start..end],
                );
            }
            std::mem::swap(&mut source, &mut target);
            width *= 2;
        }
    }

    fn merge(&mut self, left: &[(i64, u32)], right: &[(i64, u32)], out: &mut [(i64, u32)]) {
        if let (Some(last), Some(first)) = (left.last(), right.first())
            && last.0 <= first.0
        {
            out[..left.len()].copy_from_slice(left);
            out[left.len()..].copy_from_slice(right);
            return;
        }
        let (mut i, mut j) = (0, 0);
        for slot in out.iter_mut() {
            if j == right.len() || (i < left.len() && left[i].0 <= right[j].0) {
                *slot = left[i];
                i += 1;
            } else {
                *slot = right[j];
                self.note(&left[i..], right[j].1);
                j += 1;
            }
        }
    }

    fn note(&mut self, left: &[(i64, u32)], right: u32) {
        if self.all {
            self.pairs
                .extend(left.iter().map(|&(_, index)| (index, right)));
            return;
        }
        let end = self.seen + left.len() as u64;
        while let Some(&pick) = self.picks.get(self.next)
            && pick < end
        {
            self.pairs
                .push((left[(pick - self.seen) as usize].1, right));
            self.next += 1;
        }
        self.seen = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slope_and_interval_equal_scipy() {
        // scipy 1.17.1: theilslopes(y, x, alpha=0.95) == slope 1.0, intercept
        // 1.0500000000000007, low 0.95, high 1.1600000000000001
        let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.5, 9.0, 10.0];
        let y = [1.0, 2.2, 2.9, 4.5, 4.9, 6.2, 30.0, 8.4, 9.9, 11.3];
        let got = theil_sen(&x, &y, 0.95).expect("ten points");
        assert!((got.slope - 1.0).abs() < 1e-12, "{got:?}");
        assert!((got.intercept - 1.05).abs() < 1e-12, "{got:?}");
        assert!((got.low - 0.95).abs() < 1e-12, "{got:?}");
        assert!((got.high - 1.16).abs() < 1e-12, "{got:?}");
    }

    #[test]
    fn the_slope_keeps_its_value_through_one_burst() {
        // scipy 1.17.1: theilslopes(ys, xs).slope == 4.096; least squares gives 180.8.
        let xs = [0.0, 1_000.0, 2_000.0, 3_000.0, 4_000.0];
        let ys = [100.0, 4_196.0, 8_292.0, 12_388.0, 900_000.0];
        let got = theil_sen(&xs, &ys, 0.95).expect("five distinct times");
        assert!((got.slope - 4.096).abs() < 1e-12, "{got:?}");
    }

    fn by_all_pairs(xs: &[f64], ys: &[f64]) -> Vec<f64> {
        let mut slopes = Vec::new();
        for i in 0..xs.len() {
            for j in i + 1..xs.len() {
                if xs[i] != xs[j] {
                    slopes.push((ys[j] - ys[i]) / (xs[j] - xs[i]));
                }
            }
        }
        slopes.sort_unstable_by(f64::total_cmp);
        slopes
    }

    #[test]
    fn selection_equals_the_sorted_list_of_all_pairs() {
        let mut random = fastrand::Rng::with_seed(11);
        for round in 0..30 {
            let n = random.usize(2..900);
            let ties = round % 3 == 0;
            let xs: Vec<f64> = (0..n)
                .map(|i| {
                    if ties {
                        (i / 3) as f64
                    } else {
                        i as f64 + random.f64() * 0.5
                    }
                })
                .collect();
            let ys: Vec<f64> = xs
                .iter()
                .map(|x| {
                    if ties {
                        f64::from(random.u32(0..6))
                    } else {
                        0.3 * x + random.f64() * 40.0
                    }
                })
                .collect();
            let slopes = by_all_pairs(&xs, &ys);
            let Ok(got) = theil_sen(&xs, &ys, 0.95) else {
                assert!(slopes.is_empty());
                continue;
            };
            let middle = 0.5 * (slopes[(slopes.len() - 1) / 2] + slopes[slopes.len() / 2]);
            assert!(
                (got.slope - middle).abs() <= 1e-9 * (1.0 + middle.abs()),
                "n = {n}: {} {middle}",
                got.slope
            );
        }
    }

    #[test]
    fn equal_slopes_end_the_search() {
        let xs: Vec<f64> = (0..5_000).map(f64::from).collect();
        let line: Vec<f64> = xs.iter().map(|x| 0.1 * x + 3.0).collect();
        let got = theil_sen(&xs, &line, 0.95).expect("a line");
        assert!((got.slope - 0.1).abs() < 1e-9, "{got:?}");
        let flat = theil_sen(&xs, &vec![5.0; xs.len()], 0.95).expect("a constant");
        assert_eq!((flat.slope, flat.low, flat.high), (0.0, 0.0, 0.0));
    }

    #[test]
    fn points_that_cannot_have_a_slope_are_named() {
        assert_eq!(
            theil_sen(&[1.0], &[], 0.95),
            Err(SlopeError::LengthMismatch { xs: 1, ys: 0 })
        );
        assert_eq!(
            theil_sen(&[1.0, 2.0], &[0.0, f64::NAN], 0.95),
            Err(SlopeError::NotFinite { index: 1 })
        );
        assert_eq!(
            theil_sen(&[1.0, 1.0], &[0.0, 2.0], 0.95),
            Err(SlopeError::TooFewPoints)
        );
    }
}
