//! A level that is left again and again, to somewhere else, and come back to: load that is
//! switched on and off, jobs, bursts. What lies between is no part of the trend.

use crate::fit::model::fit;
use crate::policy::levels::{
    AWAY, BEYOND, CLIMBING, EXCURSION, FEWEST, FLOOR_AWAY, FLOOR_BELOW, FLOOR_KEPT, FLOOR_LEAST,
    FLOOR_LEFT, HALF_WAY, HALVES, KEPT, LEAST_SWITCHES, LEFT_FOR, LONGEST, LOW, LOW_PARTS, NEAR,
    ROUNDS, SEPARATION, TRANSITION,
};
use crate::policy::verdict::FEWEST_READINGS;
use crate::stats::quantile::{median, quantile, robust_sigma, sort};
use crate::stats::regression::least_squares;
use crate::track::{Track, without};

/// The readings of `track` at the level that it comes back to; `None` where there is no such
/// level beside which the others lie far off.
///
/// Readings are put into two groups about a common slope; the group that scatters less is the
/// level, if the other one is many of its standard deviations away, hardly any reading lies in
/// between, and it was left and come back to several times.
pub(crate) fn find_rest(track: &Track) -> Option<Track> {
    if track.len() < FEWEST {
        return None;
    }
    let (away, residuals) = two_groups(track)?;
    let of = |group: bool| -> Vec<f64> {
        let kept = residuals.iter().zip(&away).filter(|(_, a)| **a == group);
        kept.map(|(&r, _)| r).collect()
    };
    let (rest, other) = (of(false), of(true));
    let (rest_sigma, other_sigma) = (robust_sigma(&rest), robust_sigma(&other));
    let rests_when = rest_sigma > other_sigma && other.len() as f64 > KEPT * track.len() as f64;
    let (level, sigma) = match rests_when {
        true => (median(&other)?, other_sigma),
        false => (median(&rest)?, rest_sigma),
    };
    let opposite = median(if rests_when { &rest } else { &other })?;
    let distance = (opposite - level).abs();
    if distance < SEPARATION * sigma {
        return None;
    }
    let off = |i: usize| (residuals[i] - level).abs();
    let near = (NEAR * sigma).min(0.3 * distance);
    let between = (0..track.len())
        .filter(|&i| off(i) > near && off(i) < AWAY * distance)
        .count();
    let gone: Vec<bool> = (0..track.len()).map(|i| off(i) > near).collect();
    let left = gone.windows(2).filter(|pair| !pair[0] && pair[1]).count();
    let kept = gone.iter().filter(|gone| !**gone).count() as f64;
    // Noise that is loud at times leaves a level on both sides.
    let beyond = |i: usize| gone[i] && (residuals[i] > level) != (opposite > level);
    let beyond = (0..track.len()).filter(|&i| beyond(i)).count() as f64;
    if left < LEAST_SWITCHES
        || kept < KEPT * track.len() as f64
        || between > (TRANSITION * track.len() as f64) as usize + 2 * left
        || beyond > BEYOND * (track.len() as f64 - kept)
        || !is_come_back_to(track, &gone)
    {
        return None;
    }
    // Readings beside a move may have been taken half-way.
    let beside: Vec<bool> = (0..gone.len())
        .map(|i| gone[i.saturating_sub(1)..(i + 2).min(gone.len())].contains(&true))
        .collect();
    let rest = without(track, &beside);
    (rest.len() >= FEWEST_READINGS && rest.span() > 0.0).then_some(rest)
}

/// Whether the level was come back to at the end, or is left for no longer than before: what begins
/// to grow late leaves it for good.
fn is_come_back_to(track: &Track, gone: &[bool]) -> bool {
    let there = track.x.iter().zip(gone).filter(|(_, gone)| !**gone);
    let places: Vec<f64> = there.map(|(&x, _)| x).collect();
    let longest = places
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .fold(0.0, f64::max);
    let last = places.last().copied().unwrap_or(track.x[0]);
    track.x[track.len() - 1] - last <= LEFT_FOR * longest
}

/// The readings of `track` at the level that it rests at, beside excursions of any height above
/// it; `None` where there is no such level.
///
/// What lies below the most frequent value, beside a slope, tells how far the level scatters.
/// It is one if hardly any reading lies below it by more, what lies above lies far above and
/// went there at once, and the level was come back to all along.
pub(crate) fn find_floor(track: &Track) -> Option<Track> {
    let n = track.len();
    if n < FEWEST || track.span() <= 0.0 {
        return None;
    }
    let floor = Floor::about(track)?;
    let rest = match floor.is_left_for_excursions() && floor.is_there_all_along(track) {
        true => without(track, &floor.away_or_beside()),
        false => return None,
    };
    (rest.len() >= FEWEST_READINGS && rest.span() > 0.0).then_some(rest)
}

/// A level, and what lies how far off it.
struct Floor {
    /// How far each reading lies above the level, beside a common slope, in its standard
    /// deviations.
    above: Vec<f64>,
    /// Whether each reading is at the level.
    at: Vec<bool>,
}

impl Floor {
    fn about(track: &Track) -> Option<Self> {
        let mut slope = low_slope(track)?;
        let mut found = None;
        for _ in 0..ROUNDS {
            let beside = |(x, y): (&f64, &f64)| y - slope * x;
            let residuals: Vec<f64> = track.x.iter().zip(&track.y).map(beside).collect();
            let (level, sigma) = most_frequent(&residuals)?;
            let above: Vec<f64> = residuals.iter().map(|r| (r - level) / sigma).collect();
            let at: Vec<bool> = above.iter().map(|a| a.abs() <= NEAR).collect();
            let away: Vec<bool> = at.iter().map(|at| !at).collect();
            // Most series have no excursion to speak of, whatever the slope.
            let gone = away.iter().filter(|away| **away).count() as f64;
            if gone < 0.5 * FLOOR_AWAY * track.len() as f64 {
                return None;
            }
            let part = without(track, &away);
            if part.len() < FEWEST_READINGS || part.span() <= 0.0 {
                return None;
            }
            let x: Vec<f64> = part.x.iter().map(|x| x - part.x[0]).collect();
            let before = slope;
            slope = fit(&[vec![1.0; part.len()], x], &part.y)?.coefficients[1];
            found = Some(Self { above, at });
            // The same slope finds the same level, in every round that is left.
            if slope == before {
                break;
            }
        }
        found
    }

    fn share(&self, is_counted: impl Fn(f64) -> bool) -> f64 {
        let count = self.above.iter().filter(|&&above| is_counted(above));
        count.count() as f64 / self.above.len() as f64
    }

    /// Whether what is not at the level are excursions upwards, often enough and of height.
    fn is_left_for_excursions(&self) -> bool {
        let left = self.at.windows(2).filter(|pair| pair[0] && !pair[1]);
        let kept = self.share(|above| above.abs() <= NEAR);
        let fewest = match kept < FLOOR_KEPT {
            true => 2 * FLOOR_LEFT,
            false => FLOOR_LEFT,
        };
        let away = 1.0 - kept;
        let half_way = self.share(|above| above > NEAR && above <= SEPARATION);
        left.count() >= fewest
            && kept >= FLOOR_LEAST
            && away >= FLOOR_AWAY
            && half_way <= HALF_WAY * away
            && self.share(|above| above < -NEAR) <= FLOOR_BELOW
            && self.has_steep_fronts()
    }

    /// Whether most excursions reach half of their height at once, as those of a job do; what
    /// leaks, and a collector's tooth, climbs.
    fn has_steep_fronts(&self) -> bool {
        let mut climbing = Vec::new();
        let mut from = 0;
        for run in self.at.chunk_by(|a, b| a == b) {
            let part = &self.above[from..from + run.len()];
            from += run.len();
            if run[0] || part.len() < EXCURSION {
                continue;
            }
            let height = part.iter().copied().fold(0.0, f64::max);
            let below_half = part.iter().take_while(|above| **above < 0.5 * height);
            climbing.push(below_half.count() as f64 / part.len() as f64);
        }
        median(&climbing).is_none_or(|share| share < CLIMBING)
    }

    /// Whether the level is come back to all along: no excursion takes too much of the time, and
    /// the last has not taken longer than those before.
    fn is_there_all_along(&self, track: &Track) -> bool {
        let there = track.x.iter().zip(&self.at).filter(|(_, at)| **at);
        let places: Vec<f64> = there.map(|(&x, _)| x).collect();
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            return false;
        };
        let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
        let longest = gaps.fold(0.0, f64::max);
        longest.max(first - track.x[0]) <= LONGEST * track.span()
            && track.x[track.len() - 1] - last <= longest
    }

    /// Readings that are not at the level, and those beside them, which may have been taken
    /// half-way.
    fn away_or_beside(&self) -> Vec<bool> {
        let beside = |i: usize| i.saturating_sub(1)..(i + 2).min(self.at.len());
        (0..self.at.len())
            .map(|i| self.at[beside(i)].contains(&false))
            .collect()
    }
}

/// The slope through the low readings of parts of `track`: the median of those between any two
/// parts (Sen 1968).
fn low_slope(track: &Track) -> Option<f64> {
    let size = track.len() / LOW_PARTS;
    let low_of = |part: usize| {
        let range = part * size..(part + 1) * size;
        let x = median(&track.x[range.clone()])?;
        Some((x, quantile(&track.y[range], LOW)?))
    };
    let points: Vec<(f64, f64)> = (0..LOW_PARTS).filter_map(low_of).collect();
    let mut slopes = Vec::new();
    for (i, a) in points.iter().enumerate() {
        let later = points[i + 1..].iter().filter(|b| b.0 > a.0);
        slopes.extend(later.map(|b| (b.1 - a.1) / (b.0 - a.0)));
    }
    median(&slopes)
}

/// The value about which a tenth of `values` lies closest together, and the standard deviation
/// of those below it.
fn most_frequent(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = values.to_vec();
    sort(&mut sorted);
    let few = sorted.len() / 10;
    let width = |start: usize| sorted[start + few] - sorted[start];
    let start = (0..sorted.len() - few).min_by(|&a, &b| width(a).total_cmp(&width(b)))?;
    let level = median(&sorted[start..=start + few])?;
    let below: Vec<f64> = sorted
        .iter()
        .take_while(|value| **value < level)
        .map(|value| level - value)
        .collect();
    let sigma = 1.4826 * median(&below)?;
    (sigma > 0.0).then_some((level, sigma))
}

/// Two groups of readings about a common slope: which are in the higher one, and what all leave
/// beside the slope.
fn two_groups(track: &Track) -> Option<(Vec<bool>, Vec<f64>)> {
    let n = track.len();
    let span = track.span();
    if span <= 0.0 {
        return None;
    }
    let u: Vec<f64> = track.x.iter().map(|x| (x - track.x[0]) / span).collect();
    let ones = vec![1.0; n];
    let line = least_squares(&[&ones, &u], &track.y)?;
    let mut residuals = line.residuals.clone();
    let mut high = Vec::new();
    for _ in 0..ROUNDS {
        let (low_end, high_end) = residuals
            .iter()
            .fold((f64::MAX, f64::MIN), |(l, h), &r| (l.min(r), h.max(r)));
        let mut edge = 0.5 * (low_end + high_end);
        for _ in 0..ROUNDS {
            let before = edge;
            edge = middle_of_means(&residuals, edge);
            if edge == before {
                break;
            }
        }
        if !are_apart(&residuals, edge) {
            return None;
        }
        let before = high;
        high = residuals.iter().map(|&r| r > edge).collect();
        // The same groups have the same slope, in every round that is left.
        if high == before {
            break;
        }
        let state: Vec<f64> = high.iter().map(|&h| f64::from(u8::from(h))).collect();
        let slope = line.with(&state)?.coefficients[1];
        residuals = track.y.iter().zip(&u).map(|(y, u)| y - slope * u).collect();
    }
    Some((high, residuals))
}

/// The middle between the means of those `values` that lie above `edge` and of the others.
fn middle_of_means(values: &[f64], edge: f64) -> f64 {
    const LANES: usize = 4;
    let (mut all, mut above, mut count) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    for part in values.chunks(LANES) {
        for (lane, &value) in part.iter().enumerate() {
            let is_above = f64::from(u8::from(value > edge));
            all[lane] += value;
            above[lane] += is_above * value;
            count[lane] += is_above;
        }
    }
    let sum = |lanes: [f64; LANES]| lanes.iter().sum::<f64>();
    let (all, above, count) = (sum(all), sum(above), sum(count));
    let below = values.len() as f64 - count;
    0.5 * (above / count.max(1.0) + (all - above) / below.max(1.0))
}

/// Whether two groups of `values` on either side of `edge` lie as far apart as halves of a bell
/// do not.
fn are_apart(values: &[f64], edge: f64) -> bool {
    const LANES: usize = 4;
    // Count, sum and sum of squares of all, and of those above.
    let (mut all, mut above) = ([[0.0; LANES]; 3], [[0.0; LANES]; 3]);
    for part in values.chunks(LANES) {
        for (lane, value) in part.iter().enumerate() {
            let value = value - edge;
            let is_above = f64::from(u8::from(value > 0.0));
            for (k, share) in [1.0, value, value * value].into_iter().enumerate() {
                all[k][lane] += share;
                above[k][lane] += is_above * share;
            }
        }
    }
    let [all, above] = [all, above].map(|sums| sums.map(|lanes| lanes.iter().sum::<f64>()));
    let below = [all[0] - above[0], all[1] - above[1], all[2] - above[2]];
    let mean = |group: [f64; 3]| group[1] / group[0].max(1.0);
    let within = |group: [f64; 3]| group[2] - mean(group) * group[1];
    let deviation = ((within(above) + within(below)).max(0.0) / all[0].max(1.0)).sqrt();
    mean(above) - mean(below) > HALVES * deviation
}

#[cfg(test)]
mod tests {
    use super::{find_floor, find_rest};
    use crate::track::Track;

    /// 600 readings with a little noise, rising by 0.01 a reading, 50 higher while `on`.
    fn series(on: impl Fn(usize) -> bool) -> Track {
        let mut random = fastrand::Rng::with_seed(3);
        Track {
            x: (0..600).map(f64::from).collect(),
            y: (0..600)
                .map(|i| 0.01 * i as f64 + 50.0 * f64::from(u8::from(on(i))) + random.f64())
                .collect(),
        }
    }

    #[test]
    fn what_lies_off_the_level_is_left_out() {
        let rest = find_rest(&series(|i| i % 60 >= 45)).expect("ten jobs");
        assert!(rest.y.iter().all(|&y| y < 8.0), "{:?}", rest.y);
        assert!(rest.len() > 400, "{}", rest.len());
    }

    #[test]
    fn a_level_that_every_reading_leaves_is_none() {
        assert!(find_rest(&series(|i| i % 2 == 0)).is_none());
        assert!(find_rest(&series(|i| i % 3 == 0)).is_none());
    }

    #[test]
    fn one_step_and_a_straight_rise_have_no_level_to_come_back_to() {
        assert!(find_rest(&series(|i| i > 300)).is_none());
        assert!(find_rest(&series(|_| false)).is_none());
    }

    #[test]
    fn teeth_lie_anywhere_between() {
        let teeth = Track {
            x: (0..600).map(f64::from).collect(),
            y: (0..600).map(|i| f64::from(i % 50)).collect(),
        };
        assert!(find_rest(&teeth).is_none());
    }

    #[test]
    fn bursts_of_any_height_leave_the_level_between_them() {
        // Six bursts, each higher than the one before, a third of the readings.
        let series = series(|_| false);
        let burst = |i: usize| if i % 100 >= 65 { 20.0 + i as f64 } else { 0.0 };
        let higher = Track {
            y: (0..600).map(|i| series.y[i] + burst(i)).collect(),
            x: series.x,
        };
        let rest = find_floor(&higher).expect("a level");
        assert!(rest.y.iter().all(|&y| y < 8.0), "{:?}", rest.y);
        assert!((370..390).contains(&rest.len()), "{}", rest.len());
    }

    #[test]
    fn what_climbs_from_its_level_is_no_burst() {
        // A leak that is killed at its limit and rests a while after each start.
        let killed = Track {
            x: (0..600).map(f64::from).collect(),
            y: (0..600)
                .map(|i| f64::from((i % 60).max(20)) + 0.001 * f64::from(i % 7))
                .collect(),
        };
        assert!(find_floor(&killed).is_none());
    }

    #[test]
    fn a_level_that_is_not_come_back_to_at_the_end_is_none() {
        // The last excursion has taken longer than those before: it may be a step.
        let left = series(|i| i % 60 >= 40 || i > 500);
        assert!(find_floor(&left).is_none());
        assert!(find_floor(&series(|i| i % 60 >= 40)).is_some());
    }

    #[test]
    fn noise_and_a_sine_have_no_floor() {
        assert!(find_floor(&series(|_| false)).is_none());
        let sine = |i: u32| (f64::from(i) / 10.0).sin();
        let wave = Track {
            x: (0..600).map(f64::from).collect(),
            y: (0..600).map(sine).collect(),
        };
        assert!(find_floor(&wave).is_none());
    }
}
