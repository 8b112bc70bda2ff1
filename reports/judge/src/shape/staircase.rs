//! Growth that comes in steps, as that of one container does: it takes memory for many entries
//! at once, then fills it, and takes more when it is full.
//!
//! Between two steps nothing moves, so that a line through the rests says nothing, and one
//! through everything has no noise that it could be held against. But each step makes room for
//! what is kept until the next one: the size of a step divided by the distance to the next is
//! the growth in between, whatever the factor is by which the container grows.

use crate::fit::model::{Regressors, columns, fit};
use crate::policy::staircase::{
    CHAIN, FEW_STEPS, FEWEST_AHEAD, GROWING, HEAD, HEAD_RISE, LATE, LEAST_ERROR, LOOKED_AT, NET,
    OVERDUE, PACE_AHEAD, PREDECESSOR, SAME_PACE, TREND_POINTS,
};
use crate::shape::steps::{lasting_steps, without_edges};
use crate::stats::quantile::median;
use crate::stats::regression::dot;
use crate::track::{Track, coarse};

/// Steps up that may be those of one growing thing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Staircase {
    /// Steps that belong together.
    pub steps: usize,
    /// Whether each step is larger than the one before, as those of a container are.
    pub is_growing: bool,
    /// Whether three or more of them, growing, were filled at one pace, at which the level also
    /// rose ahead of the first.
    pub keeps_pace: bool,
    /// Slope between the steps.
    pub between: f64,
    /// Growth that the steps carry, per unit of the axis.
    pub rate: f64,
    /// Half the width of the 95 % interval of that growth.
    pub half_width: f64,
    /// Size of the last step.
    pub last_size: f64,
    /// How long the steps before it ask to wait for the next one.
    pub asked: f64,
    /// Distance from the last step to the end.
    pub tail: f64,
}

impl Staircase {
    /// Whether the next step is overdue by far: what rose has ended.
    pub fn has_ended(&self) -> bool {
        self.tail > OVERDUE * self.asked
    }

    /// Whether growth at `budget` would have made the next step since the last.
    pub fn is_within(&self, budget: f64) -> bool {
        budget * self.tail > OVERDUE * self.last_size
    }
}

/// The steps up at `places` of `track` that may belong to one growing thing, the last of them
/// and those before it that are of its order; `None` where there are none, or falls besides
/// that take them back.
pub(crate) fn find_staircase(track: &Track, places: &[f64]) -> Option<Staircase> {
    if places.is_empty() {
        return None;
    }
    let from = places.len().saturating_sub(LOOKED_AT);
    // Ahead of the first step lie those that are too small to be told one by one: no rest.
    let ahead = match &places[from..] {
        [first, second, ..] => first - HEAD * (second - first),
        _ => track.x[0],
    };
    let before = |x: f64| track.x.partition_point(|&at| at < x);
    let begin = match from {
        0 => before(ahead),
        _ => before(ahead.max(places[from - 1])),
    };
    let places = &places[from..];
    let part = track.slice(begin..track.len());
    let cleared = without_edges(&part, places);
    let grouped = coarse(&cleared, TREND_POINTS, places);
    let model = Model::new(&grouped, places)?;
    let largest = model
        .sizes
        .iter()
        .map(|&(_, size)| size)
        .fold(0.0, f64::max);
    let fallen: f64 = model.sizes.iter().map(|&(_, size)| (-size).max(0.0)).sum();
    let risen: f64 = model.sizes.iter().map(|&(_, size)| size.max(0.0)).sum();
    if largest <= 0.0 || fallen > 0.5 * risen {
        return None;
    }
    let ups: Vec<(f64, f64)> = model
        .sizes
        .iter()
        .copied()
        .filter(|&(_, size)| size > 0.0)
        .collect();
    // The last step that counts beside the largest, and those before it that are of its order.
    let last = ups.iter().rposition(|&(_, size)| size > CHAIN * largest)?;
    let mut first = last;
    while first > 0 && ups[first - 1].1 > PREDECESSOR * ups[first].1 {
        first -= 1;
    }
    let chain = &ups[first..=last];
    let end = track.x[track.len() - 1];
    let room: f64 = chain.iter().map(|&(_, size)| size).sum();
    // What other moves take back does not grow, nor does what falls as fast between the steps.
    if rise_beside(&part, model.slope.max(0.0)) < NET * room {
        return None;
    }
    let (at, size) = chain[chain.len() - 1];
    let tail = end - at;
    let spacing = track.span() / track.len() as f64;
    Some(match chain.len() {
        1 => model.lone_step(&part, at, size, tail),
        steps => {
            let rates: Vec<f64> = chain
                .windows(2)
                .map(|pair| pair[0].1 / (pair[1].0 - pair[0].0).max(spacing))
                .collect();
            let room: f64 = chain[..steps - 1].iter().map(|&(_, size)| size).sum();
            let span = (at - chain[0].0).max(spacing);
            let rate = room / span;
            let last_rate = rates[rates.len() - 1];
            let scatter = rates
                .iter()
                .zip(chain.windows(2))
                .map(|(r, pair)| (r - rate).powi(2) * (pair[1].0 - pair[0].0) / span)
                .sum::<f64>()
                .sqrt();
            let last_gap = (at - chain[steps - 2].0).max(spacing);
            let measured = rate * (0.5 * spacing / last_gap).hypot(2.0 * model.size_error / room);
            let is_growing = chain.windows(2).all(|pair| pair[1].1 > GROWING * pair[0].1);
            let (least, most) = extremes(&rates);
            let keeps_pace = is_growing
                && rates.len() >= 2
                && most < SAME_PACE * least
                && pace_ahead(track, chain[0].0)
                    .is_some_and(|pace| PACE_AHEAD.contains(&(pace / rate)));
            // Few steps may be chance, and the growth none.
            let half_width = match steps {
                0..FEW_STEPS if !keeps_pace => rate,
                _ => 2.0 * scatter / ((steps - 1) as f64).sqrt() + LEAST_ERROR * rate,
            };
            Staircase {
                steps,
                is_growing,
                keeps_pace,
                between: model.slope,
                rate,
                half_width: half_width
                    .max(2.0 * measured)
                    .hypot(2.0 * model.slope_error),
                last_size: size,
                asked: longest_wait(chain, rate).max(size / last_rate),
                tail,
            }
        }
    })
}

/// What the largest growth in the later half of `track` comes to if a container has doubled by it
/// that was filled from the beginning on, per unit of the axis: a step up, or what rose from half
/// of the time until `settled`. What grew in stretches that are marked (their place and rise) is
/// theirs. `None` where nothing grew there.
pub(crate) fn late_growth(track: &Track, settled: f64, marked: &[(f64, f64)]) -> Option<f64> {
    let half = track.x[0] + LATE * track.span();
    let at = |x: f64| track.x.partition_point(|&place| place < x);
    let few = (track.len() / 50).max(3);
    let level = |from: usize| median(&track.y[from..(from + few).min(track.len())]);
    let is_marked = |place: f64, size: f64| {
        let reach = few as f64 * track.span() / track.len() as f64;
        let is_its = |&(at, rise): &(f64, f64)| (at - place).abs() < reach && 2.0 * rise > size;
        marked.iter().any(is_its)
    };
    let steps = lasting_steps(track, 0.0).into_iter();
    let by_step = steps
        .map(|step| (track.x[step.index], step.size))
        .filter(|&(place, size)| place > half && size > 0.0 && !is_marked(place, size));
    let since_half = || {
        let before = level(at(half).saturating_sub(few))?;
        let inside = marked.iter().filter(|(at, _)| *at > half && *at <= settled);
        let theirs: f64 = inside.map(|(_, rise)| rise.max(0.0)).sum();
        let rise = level(at(settled))? - before - theirs;
        (settled > half && rise > 0.0).then_some((settled, rise))
    };
    by_step
        .chain(since_half())
        .map(|(place, size)| size / (place - track.x[0]))
        .reduce(f64::max)
}

fn extremes(values: &[f64]) -> (f64, f64) {
    let ends = (f64::INFINITY, f64::MIN);
    values.iter().fold(ends, |(low, high), &value| {
        (low.min(value), high.max(value))
    })
}

/// How fast the level rises ahead of the first step, at `place`: a container took its smaller
/// steps there. `None` where too few readings tell.
fn pace_ahead(track: &Track, place: f64) -> Option<f64> {
    let at = track.x.partition_point(|&x| x < place);
    if at < 2 * FEWEST_AHEAD {
        return None;
    }
    let rise = median(&track.y[at - FEWEST_AHEAD..at])? - median(&track.y[..FEWEST_AHEAD])?;
    Some(rise / (place - track.x[0]))
}

/// How long growth at `rate` takes to fill what the last steps of `chain` made room for, however
/// many of them came together.
fn longest_wait(chain: &[(f64, f64)], rate: f64) -> f64 {
    let (last, _) = chain[chain.len() - 1];
    let mut room = 0.0;
    let recent = chain.iter().rev().take(chain.len().div_ceil(2));
    recent
        .map(|&(at, size)| {
            room += size;
            room / rate - (last - at)
        })
        .fold(0.0, f64::max)
}

/// How much higher the level is at the end than at the beginning, beside a line of `slope`.
fn rise_beside(track: &Track, slope: f64) -> f64 {
    let few = (track.len() / 20).max(3).min(track.len());
    let middle = |values: &[f64]| median(values).unwrap_or(0.0);
    let (first, last) = (0..few, track.len() - few..track.len());
    let rise = middle(&track.y[last.clone()]) - middle(&track.y[first.clone()]);
    rise - slope * (middle(&track.x[last]) - middle(&track.x[first]))
}

/// A line with a jump at each place.
struct Model {
    slope: f64,
    slope_error: f64,
    /// Place and size of each jump.
    sizes: Vec<(f64, f64)>,
    size_error: f64,
}

impl Model {
    fn new(track: &Track, places: &[f64]) -> Option<Self> {
        if track.len() < 6 || track.span() <= 0.0 {
            return None;
        }
        let mut kept: Vec<f64> = Vec::new();
        let mut from = 0;
        for &place in places {
            let index = track.x.partition_point(|&x| x < place);
            if index >= from + 2 && index + 2 <= track.len() {
                kept.push(place);
                from = index;
            }
        }
        let regressors = Regressors {
            steps: kept.clone(),
            cycle: None,
        };
        let fitted = fit(&columns(&track.x, &regressors), &track.y)?;
        let freedom = track.len().saturating_sub(kept.len() + 2).max(1) as f64;
        let sigma = (fitted.rss() / freedom).sqrt();
        let weights = fitted.weights(1);
        let per_rest = track.len() as f64 / (kept.len() + 1) as f64;
        Some(Self {
            slope: fitted.coefficients[1] / track.span(),
            slope_error: sigma * dot(&weights, &weights).sqrt() / track.span(),
            sizes: kept
                .iter()
                .copied()
                .zip(fitted.coefficients[2..].iter().copied())
                .collect(),
            size_error: sigma * (2.0 / per_rest.max(1.0)).sqrt(),
        })
    }

    /// What one step says. Where the level had risen ahead of it by as much as smaller steps
    /// make, these are there, though they cannot be told from the noise one by one.
    fn lone_step(&self, part: &Track, at: f64, size: f64, tail: f64) -> Staircase {
        let place = part.x.partition_point(|&x| x < at);
        let third = (place / 3).max(1);
        let level = |range: std::ops::Range<usize>| median(&part.y[range]).unwrap_or(0.0);
        let rise = match place {
            0..6 => 0.0,
            _ => level(place - third..place) - level(0..third),
        };
        let head = (at - part.x[0]).max(f64::MIN_POSITIVE);
        let has_predecessors = rise > HEAD_RISE * size;
        let rate = (size / tail.max(head)).max(0.0);
        Staircase {
            steps: 1,
            is_growing: false,
            keeps_pace: false,
            between: self.slope,
            rate: 0.5 * rate,
            half_width: 0.5 * rate,
            last_size: size,
            // What rose before took the time ahead of the step; this one asks in proportion.
            asked: match has_predecessors {
                true => size * head / rise,
                false => 0.0,
            },
            tail,
        }
    }
}
