//! A level that is left again and again, to somewhere else, and come back to: load that is
//! switched on and off, jobs, bursts. What lies between is no part of the trend.

use crate::fit::model::fit;
use crate::policy::levels::{
    AWAY, FEWEST, KEPT, LEAST_SWITCHES, NEAR, ROUNDS, SEPARATION, TRANSITION,
};
use crate::policy::verdict::FEWEST_READINGS;
use crate::stats::quantile::{median, robust_sigma};
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
    if left < LEAST_SWITCHES
        || kept < KEPT * track.len() as f64
        || between > (TRANSITION * track.len() as f64) as usize + 2 * left
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
    let mut residuals = fit(&[ones.clone(), u.clone()], &track.y)?.residuals;
    let mut high = vec![false; n];
    for _ in 0..ROUNDS {
        let (low_end, high_end) = residuals
            .iter()
            .fold((f64::MAX, f64::MIN), |(l, h), &r| (l.min(r), h.max(r)));
        let mut edge = 0.5 * (low_end + high_end);
        for _ in 0..ROUNDS {
            let mean = |above: bool| {
                let group: Vec<f64> = residuals
                    .iter()
                    .copied()
                    .filter(|&r| (r > edge) == above)
                    .collect();
                group.iter().sum::<f64>() / group.len().max(1) as f64
            };
            edge = 0.5 * (mean(true) + mean(false));
        }
        high = residuals.iter().map(|&r| r > edge).collect();
        let state: Vec<f64> = high.iter().map(|&h| f64::from(u8::from(h))).collect();
        let fitted = fit(&[ones.clone(), u.clone(), state], &track.y)?;
        let slope = fitted.coefficients[1];
        residuals = track.y.iter().zip(&u).map(|(y, u)| y - slope * u).collect();
    }
    Some((high, residuals))
}

#[cfg(test)]
mod tests {
    use super::find_rest;
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
}
