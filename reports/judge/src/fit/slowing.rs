//! The veto of slowing growth: would a curve that flattens out explain the series as well?

use crate::fit::model::{Regressors, columns, fit};
use crate::policy::segment::{AT_ONCE, LINE_MARGIN};
use crate::policy::slowing::{CACHE_GAIN, MARGIN, PACE_KEPT, POINTS, SECOND_CURVE};
use crate::stats::autoregression;
use crate::stats::regression::Fit;
use crate::track::{Track, coarse, spacing};

/// The comparison of both families of curves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison {
    /// Twice the log-likelihood by which warm-up with a lasting slope beats slowing growth.
    pub advantage: f64,
    /// The same for a line without any warm-up.
    pub advantage_of_line: f64,
    /// The slope that lasts in the best curve of the first family.
    pub lasting_slope: f64,
    /// The same, where that curve is a logarithm beside a line.
    pub beside_cache: Option<f64>,
    /// The same, where that logarithm explains no less than the other warm-ups.
    pub beside_possible_cache: Option<f64>,
    /// Whether even the best curve that flattens out has hardly done so.
    pub keeps_its_pace: bool,
}

impl Comparison {
    pub fn favours_lasting_growth(&self) -> bool {
        self.advantage > MARGIN
    }
}

/// Whether growth that is claimed of `track` from its point `start` on is as well growth that slows
/// down. `compare` compares both from a point on; `is_whole` is growth
/// that is claimed of all of it.
pub(crate) fn fades(
    track: &Track,
    start: usize,
    budget: f64,
    is_whole: bool,
    compare: impl Fn(usize) -> Option<Comparison>,
) -> bool {
    // A warm-up that is over at once has no course that could be compared.
    let begin = track.x[start] - track.x[0];
    let at_once = start > 0 && begin < AT_ONCE * track.span();
    let Some(comparison) = compare(if at_once { start } else { 0 }) else {
        return false;
    };
    if is_whole || start == 0 || at_once {
        return comparison.advantage_of_line <= -LINE_MARGIN && !comparison.keeps_its_pace;
    }
    let lasts = comparison.favours_lasting_growth() && comparison.lasting_slope >= budget;
    let is_clear = |comparison: Comparison| comparison.advantage_of_line > 0.0;
    let early = track
        .x
        .partition_point(|&x| x - track.x[0] < AT_ONCE * track.span());
    let lasts = lasts || comparison.keeps_its_pace;
    !lasts && !is_clear(comparison) && !compare(early).is_some_and(is_clear)
}

/// Compares, over the whole `track`, a warm-up followed by a line with curves whose growth
/// fades: saturation, logarithm, powers below one.
pub(crate) fn compare_with_slowing(
    track: &Track,
    regressors: &Regressors,
    grain: f64,
) -> Option<Comparison> {
    let grouped = coarse(track, POINTS, &regressors.steps);
    if grouped.len() < 12 {
        return None;
    }
    // Where a curve is steepest, at its beginning, the mean of a group is not on the curve.
    let skipped = if grouped.len() < track.len() {
        grouped.len() / 50
    } else {
        0
    };
    let base: Vec<Vec<f64>> = columns(&grouped.x, regressors)
        .into_iter()
        .map(|column| column[skipped..].to_vec())
        .collect();
    let span = grouped.span();
    let track = grouped.slice(skipped..grouped.len());
    let u = base[1].clone();
    let level_columns = [vec![base[0].clone()], base[2..].to_vec()].concat();
    let range = spread(&track.y);
    let floor = track.len() as f64 * (grain * grain / 12.0 + (1e-6 * range).powi(2));
    let line = fit(&base, &track.y)?;
    let lasting = lasting_curves(&base, &line, &u, &track.y)
        .into_iter()
        .filter_map(|curves| {
            let second = curves.len() > 1;
            let model = [base.clone(), curves].concat();
            fit(&model, &track.y).map(|fitted| (fitted, model, second))
        })
        .collect::<Vec<_>>();
    let least = |second: bool| {
        let of_that_kind = lasting
            .iter()
            .filter(move |candidate| candidate.2 == second);
        of_that_kind.min_by(|a, b| a.0.rss().total_cmp(&b.0.rss()))
    };
    let (one, two) = (least(false)?, least(true)?);
    let gain = track.len() as f64 * ((one.0.rss() + floor) / (two.0.rss() + floor)).ln();
    let bends_twice = gain > SECOND_CURVE;
    let (fitted, model, _) = if bends_twice { two } else { one };
    // What needs two curves to last may need them to flatten out as well.
    let fast = bends_twice.then(|| WARM_UPS[0].curve(&u, WARM_UPS[0].best_beside(&line, &u).0));
    let mut lasting_slope =
        (fitted.coefficients[1] + closing_slope(&fitted.coefficients, model, &base)) / span;
    let memory = autoregression::estimate(&fitted.residuals, &spacing(&track.x), 2);
    let independent = (track.len() as f64 * (1.0 - memory.rho) / (1.0 + memory.rho)).max(4.0);
    let level = fit(&level_columns, &track.y)?;
    let beside_fast =
        fast.and_then(|fast| fit(&[level_columns.clone(), vec![fast]].concat(), &track.y));
    let best_beside = |beside: &Fit| {
        let curves = FADING.iter().map(|family| {
            let (scale, rss) = family.best_beside(beside, &u);
            (rss, closing_pace(&u, &family.curve(&u, scale)))
        });
        curves.min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let (alone, pace) = best_beside(&level)?;
    let beside_fast = beside_fast.as_ref().and_then(best_beside);
    let cache = over_a_cache(&base, &line, &level_columns, &u, &track.y, &best_beside);
    let against = |fading: f64, rss: f64| independent * ((fading + floor) / (rss + floor)).ln();
    // Two curves that flatten out bend as a warm-up with a line does: they count where they
    // explain more than it, not already where they explain about as much.
    let by = |rss: f64| {
        let alone = against(alone, rss);
        beside_fast.map_or(alone, |(both, _)| alone.min(against(both, rss) + MARGIN))
    };
    let (mut advantage, mut beside_cache) = (by(fitted.rss()), None);
    let gain =
        |cache: &OverCache| against(fitted.rss(), cache.rss) * (track.len() as f64 / independent);
    let possible = cache.as_ref().filter(|cache| gain(cache) > 0.0);
    let beside_possible_cache = possible.map(|cache| cache.slope / span);
    if let Some(cache) = &cache
        && gain(cache) > CACHE_GAIN
    {
        let lasting = match cache.pace > PACE_KEPT {
            true => against(alone, cache.rss),
            false => against(alone, cache.rss).min(against(cache.rss_fading, cache.rss)),
        };
        if lasting > advantage {
            (advantage, lasting_slope) = (lasting, cache.slope / span);
            beside_cache = Some(lasting_slope);
        }
    }
    Some(Comparison {
        advantage,
        advantage_of_line: against(alone, line.rss()),
        lasting_slope,
        beside_cache,
        beside_possible_cache,
        keeps_its_pace: pace > PACE_KEPT,
    })
}

/// Growth that lasts beside a cache that fills as a logarithm does, and what two such curves make
/// of it that both flatten out.
struct OverCache {
    rss: f64,
    slope: f64,
    /// The least that a curve which flattens out leaves beside the cache, and its closing pace.
    rss_fading: f64,
    pace: f64,
}

/// The best line beside a logarithm, the fit of `line` the same without; `level` is the model
/// without a slope.
fn over_a_cache(
    base: &[Vec<f64>],
    line: &Fit,
    level: &[Vec<f64>],
    u: &[f64],
    y: &[f64],
    best_fading_beside: &impl Fn(&Fit) -> Option<(f64, f64)>,
) -> Option<OverCache> {
    let curve = CACHE.curve(u, CACHE.best_beside(line, u).0);
    let lasting = fit(&[base, std::slice::from_ref(&curve)].concat(), y)?;
    let filling = fit(&[level, &[curve]].concat(), y)?;
    let (rss_fading, pace) = best_fading_beside(&filling)?;
    Some(OverCache {
        rss: lasting.rss(),
        slope: lasting.coefficients[1],
        rss_fading,
        pace,
    })
}

/// A family of curves over 0..1 with one scale to be found.
struct Family {
    form: Form,
    from: f64,
    to: f64,
}

#[derive(Clone, Copy)]
enum Form {
    /// exp(−u/τ)
    Exponential,
    /// exp(−(u/τ)^p)
    Stretched(f64),
    /// ln(1 + u/τ)
    Logarithm,
    /// u^τ
    Power,
    /// (1 + u/τ)^p
    Shifted(f64),
    /// max(0, u − τ)
    Bend,
}

/// Warm-ups after which growth may last.
const WARM_UPS: [Family; 2] = [
    Family {
        form: Form::Exponential,
        from: 0.003,
        to: 0.3,
    },
    Family {
        form: Form::Bend,
        from: 0.02,
        to: 0.8,
    },
];

/// A cache that fills ever more slowly.
const CACHE: Family = Family {
    form: Form::Logarithm,
    from: 0.0005,
    to: 0.5,
};

/// Curves that flatten out.
const FADING: [Family; 9] = [
    Family {
        form: Form::Exponential,
        from: 0.05,
        to: 30.0,
    },
    Family {
        form: Form::Stretched(0.3),
        from: 0.001,
        to: 30.0,
    },
    Family {
        form: Form::Stretched(0.5),
        from: 0.01,
        to: 30.0,
    },
    Family {
        form: Form::Stretched(0.7),
        from: 0.01,
        to: 30.0,
    },
    Family {
        form: Form::Stretched(0.85),
        from: 0.02,
        to: 30.0,
    },
    Family {
        form: Form::Logarithm,
        from: 0.0002,
        to: 2.0,
    },
    Family {
        form: Form::Power,
        from: 0.1,
        to: 0.97,
    },
    // Keys that are met for the first time: u/(u + τ), and the power of a Zipf distribution.
    Family {
        form: Form::Shifted(-1.0),
        from: 0.02,
        to: 10.0,
    },
    Family {
        form: Form::Shifted(0.5),
        from: 0.002,
        to: 5.0,
    },
];

impl Family {
    fn curve(&self, u: &[f64], scale: f64) -> Vec<f64> {
        self.prepared(u)
            .into_iter()
            .map(|v| self.at(v, scale))
            .collect()
    }

    /// What of the axis does not depend on the scale, worked out once.
    fn prepared(&self, u: &[f64]) -> Vec<f64> {
        match self.form {
            Form::Stretched(power) => u.iter().map(|v| v.powf(power)).collect(),
            Form::Power => u.iter().map(|v| v.ln()).collect(),
            _ => u.to_vec(),
        }
    }

    /// The curve at a prepared place.
    fn at(&self, v: f64, scale: f64) -> f64 {
        match self.form {
            Form::Exponential => (-v / scale).exp(),
            Form::Stretched(power) => (-v / scale.powf(power)).exp(),
            Form::Logarithm => (1.0 + v / scale).ln(),
            Form::Power => (scale * v).exp(),
            Form::Bend => (v - scale).max(0.0),
            Form::Shifted(-1.0) => scale / (v + scale),
            Form::Shifted(0.5) => (1.0 + v / scale).sqrt(),
            Form::Shifted(power) => (1.0 + v / scale).powf(power),
        }
    }

    /// The scale whose curve, beside `model`, leaves the least sum of squares, and that sum.
    fn best_beside(&self, model: &Fit, u: &[f64]) -> (f64, f64) {
        let prepared = self.prepared(u);
        let factor = |scale: f64| match self.form {
            Form::Stretched(power) => scale.powf(power),
            _ => scale,
        };
        self.best(|scale| {
            let factor = factor(scale);
            let curve: Vec<f64> = match self.form {
                Form::Stretched(_) => prepared.iter().map(|v| (-v / factor).exp()).collect(),
                _ => prepared.iter().map(|&v| self.at(v, scale)).collect(),
            };
            model.rss_with_few(&[&curve]).unwrap_or(f64::INFINITY)
        })
    }

    /// The scale with the smallest `loss`, by a grid and a golden section about its best.
    fn best(&self, loss: impl Fn(f64) -> f64) -> (f64, f64) {
        const GRID: i32 = 12;
        const GOLDEN: f64 = 0.618_033_988_75;
        let step = (self.to / self.from).ln() / f64::from(GRID);
        let at = |i: f64| self.from * (step * i).exp();
        let (mut best, mut least) = (0, f64::INFINITY);
        for i in 0..=GRID {
            let value = loss(at(f64::from(i)));
            if value < least {
                (best, least) = (i, value);
            }
        }
        let (mut low, mut high) = (
            f64::from((best - 1).max(0)),
            f64::from((best + 1).min(GRID)),
        );
        let mut result = (at(f64::from(best)), least);
        let mut asked = |place: f64| {
            let value = loss(at(place));
            if value < result.1 {
                result = (at(place), value);
            }
            value
        };
        let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
        let (mut at_a, mut at_b) = (asked(a), asked(b));
        for _ in 1..14 {
            if at_a < at_b {
                (high, b, at_b) = (b, a, at_a);
                a = high - GOLDEN * (high - low);
                at_a = asked(a);
            } else {
                (low, a, at_a) = (a, b, at_b);
                b = low + GOLDEN * (high - low);
                at_b = asked(b);
            }
        }
        result
    }
}

/// The best warm-up of each kind beside `line`, the fit of `base` to `y`: an exponential, a
/// bend, two exponentials.
fn lasting_curves(base: &[Vec<f64>], line: &Fit, u: &[f64], y: &[f64]) -> Vec<Vec<Vec<f64>>> {
    let best = |family: &Family, model: &Fit| family.curve(u, family.best_beside(model, u).0);
    let mut all: Vec<Vec<Vec<f64>>> = WARM_UPS
        .iter()
        .map(|family| vec![best(family, line)])
        .collect();
    // A fast beginning and a slow one: each is fitted again beside the other.
    let family = &WARM_UPS[0];
    let mut pair = [all[0][0].clone(), all[0][0].clone()];
    for round in 0..3 {
        let model = [base, &[pair[round % 2].clone()]].concat();
        let Some(model) = fit(&model, y) else {
            break;
        };
        pair[(round + 1) % 2] = best(family, &model);
    }
    all.push(pair.to_vec());
    all
}

/// The slope of `curve` over the last tenth of the run in shares of its mean slope.
fn closing_pace(u: &[f64], curve: &[f64]) -> f64 {
    let n = u.len();
    let from = n - (n / 10).max(2).min(n - 1);
    let slope = |i: usize, k: usize| (curve[k] - curve[i]) / (u[k] - u[i]).max(f64::MIN_POSITIVE);
    let mean = slope(0, n - 1);
    match mean == 0.0 {
        true => 0.0,
        false => slope(from, n - 1) / mean,
    }
}

/// What a bend adds to the slope that lasts.
fn closing_slope(coefficients: &[f64], model: &[Vec<f64>], base: &[Vec<f64>]) -> f64 {
    let u = &base[1];
    let n = u.len();
    let run = (u[n - 1] - u[n - 2]).max(f64::MIN_POSITIVE);
    model[base.len()..]
        .iter()
        .zip(&coefficients[base.len()..])
        .map(|(curve, coefficient)| coefficient * (curve[n - 1] - curve[n - 2]) / run)
        .sum()
}

fn spread(values: &[f64]) -> f64 {
    let high = values.iter().copied().fold(f64::MIN, f64::max);
    let low = values.iter().copied().fold(f64::MAX, f64::min);
    high - low
}
