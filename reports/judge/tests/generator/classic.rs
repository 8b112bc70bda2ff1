//! Families of single shapes: noise of several kinds, warm-ups, steps, teeth, cycles.

use super::{
    Labelled, Noise, Truth, add_noise, between, change_with, distance_to_slowing, efficient_error,
    for_unknown_noise, noise, normal, oracle_error, scale, times,
};
use fastrand::Rng;
use leaklab_judge::Budget;

/// Families of single shapes.
pub const FAMILIES: [&str; 33] = [
    "white",
    "autocorrelated",
    "spikes",
    "bursts",
    "sawtooth",
    "few-cycles",
    "ties",
    "warmup-exp",
    "warmup-knee",
    "warmup-two",
    "level-shift",
    "cache-fill",
    "exact",
    "shrinking",
    "decelerating",
    "logarithmic",
    "power",
    "half-filled",
    "distinct-keys",
    "daily",
    "part-of-a-day",
    "wander",
    "slow-waves",
    "random-walk",
    "late-cache",
    "staircase",
    "stairs-ended",
    "restarts",
    "uneven",
    "gaps",
    "late-onset",
    "short",
    "doublings",
];

/// The clean course of a series, and what the label needs to know of it.
struct Course {
    time_s: Vec<f64>,
    value: Vec<f64>,
    level: f64,
    /// First second of the part that tells the slope.
    from_s: f64,
    /// Standard error of the slope that is there even without noise (teeth, steps).
    own_error_per_hour: f64,
    /// Columns that the oracle fits beside growth, to all readings: a warm-up or a day and what
    /// they change by with their unknown figures. Without any, it fits the settled part.
    known: Vec<Vec<f64>>,
    /// Whether few falls lead back to where the series began, as restarts of a leak do.
    may_be_restarts: bool,
}

impl Course {
    /// Standard error of the slope per hour for who knows the forms of course and noise.
    fn oracle_error(&self, noise: &Noise) -> f64 {
        let error = match self.known.is_empty() {
            true => efficient_error(&settled(self), noise),
            false => {
                let hours: Vec<f64> = self.time_s.iter().map(|t| t / 3_600.0).collect();
                oracle_error(&hours, &self.known, noise)
            }
        };
        error.hypot(self.own_error_per_hour)
    }
}

/// One series of `family`.
pub fn generate(family: &'static str, random: &mut Rng) -> Labelled {
    let level = scale(random, 2e7, 4e9);
    match family {
        "exact" => exact(random, level),
        "doublings" => doublings(random, level),
        "decelerating" | "logarithmic" | "power" | "half-filled" | "distinct-keys" => {
            slowing(random, family, level)
        }
        "shrinking" => shrinking(random, level),
        "slow-waves" | "random-walk" | "late-cache" => healthy(random, family, level),
        _ => {
            let leaking = random.bool();
            let (mut course, mut noise) = course(random, family, level);
            let error = course.oracle_error(&noise);
            let hours = course.time_s[course.time_s.len() - 1] / 3_600.0;
            let (slope, budget) = draw_slope(random, leaking, error, level, hours);
            let start = course.from_s;
            if family == "staircase" {
                return staircase(random, level, leaking);
            }
            let applies = |t: f64| {
                if family == "late-onset" {
                    (t - start).max(0.0)
                } else {
                    t
                }
            };
            if family == "restarts" {
                add_restarting_slope(&mut course, slope);
            } else {
                for (v, t) in course.value.iter_mut().zip(&course.time_s) {
                    *v += slope * applies(*t) / 3_600.0;
                }
            }
            let is_bent = !course.known.is_empty() && family != "daily";
            let slows_down = leaking && (is_bent || family == "part-of-a-day");
            let is_apart =
                !slows_down || distance_to_slowing(&course.time_s, &course.value, &noise) >= 6.0;
            if family == "ties" {
                noise.sigma *= 0.2;
            }
            add_noise(random, &mut course.value, &noise);
            disturb(random, family, &mut course, level, noise.sigma);
            Labelled {
                family,
                time_s: course.time_s,
                value: course.value.iter().map(|v| v.max(0.0).round()).collect(),
                truth: if slope > budget {
                    Truth::Leak
                } else {
                    Truth::NoLeak
                },
                easy: (slope - budget).abs() >= 6.0 * error
                    && is_apart
                    && (leaking || !course.may_be_restarts),
                budget: Budget::BytesPerHour(budget),
                // A part of a cycle cannot be told from a slope.
                slope: (family != "part-of-a-day").then_some(slope),
                ..Labelled::default()
            }
        }
    }
}

fn settled(course: &Course) -> Vec<f64> {
    course
        .time_s
        .iter()
        .copied()
        .filter(|&t| t >= course.from_s)
        .collect()
}

/// A slope and a budget a few to many standard errors apart.
pub(super) fn draw_slope(
    random: &mut Rng,
    leaking: bool,
    error: f64,
    level: f64,
    hours: f64,
) -> (f64, f64) {
    let least = 0.0005 * level / hours.max(1.0);
    let distance = (error * scale(random, 4.0, 40.0)).max(least * scale(random, 1.0, 4.0));
    if leaking {
        let share = between(random, 0.05, 0.6);
        (distance / (1.0 - share), distance * share / (1.0 - share))
    } else if random.f64() < 0.25 {
        // Some growth, but within the budget.
        let share = between(random, 0.1, 0.5);
        (distance * share / (1.0 - share), distance / (1.0 - share))
    } else {
        (0.0, distance)
    }
}

/// The course of `family` without slope and noise, and the noise to add.
fn course(random: &mut Rng, family: &str, level: f64) -> (Course, Noise) {
    let (fewest, most) = match family {
        "short" => (20.0, 60.0),
        "sawtooth" | "few-cycles" | "daily" | "wander" => (300.0, 5_000.0),
        _ => (100.0, 5_000.0),
    };
    let mut time_s = times(random, fewest, most);
    if family == "daily" || family == "part-of-a-day" {
        let days = if family == "daily" {
            between(random, 1.5, 8.0)
        } else {
            between(random, 0.2, 0.9)
        };
        let step = days * 86_400.0 / time_s.len() as f64;
        time_s
            .iter_mut()
            .enumerate()
            .for_each(|(i, t)| *t = i as f64 * step);
    }
    if family == "uneven" {
        let step = time_s[1];
        let mut now = 0.0;
        let wild = random.bool();
        for t in &mut time_s {
            *t = now;
            now += if wild {
                -step * random.f64().max(1e-9).ln()
            } else {
                step * between(random, 0.2, 2.0)
            };
        }
    }
    if family == "gaps" {
        for _ in 0..random.usize(1..4) {
            let n = time_s.len();
            let (at, length) = (
                random.usize(n / 10..n * 8 / 10),
                n * random.usize(5..25) / 100,
            );
            let end = (at + length).min(n - n / 10);
            if at < end && n - (end - at) > 60 {
                time_s.drain(at..end);
            }
        }
    }
    let total = time_s[time_s.len() - 1];
    let mut noise = noise(random, level);
    let mut course = Course {
        value: vec![level; time_s.len()],
        time_s,
        level,
        from_s: 0.0,
        own_error_per_hour: 0.0,
        known: Vec::new(),
        may_be_restarts: false,
    };
    match family {
        "sawtooth" | "few-cycles" => teeth(random, family, &mut course, &mut noise, total),
        "warmup-exp" | "short" if family == "warmup-exp" || random.bool() => {
            let tau = total * between(random, 0.01, 0.11);
            let height = level * between(random, 0.1, 0.6);
            for (v, t) in course.value.iter_mut().zip(&course.time_s) {
                *v -= height * (-t / tau).exp();
            }
            course.known = warm_up(&course.time_s, tau);
        }
        "warmup-two" => {
            let (fast, slow) = (
                total * between(random, 0.005, 0.03),
                total * between(random, 0.04, 0.09),
            );
            let height = level * between(random, 0.1, 0.5);
            for (v, t) in course.value.iter_mut().zip(&course.time_s) {
                *v -= height * (0.6 * (-t / fast).exp() + 0.4 * (-t / slow).exp());
            }
            course.known = warm_up(&course.time_s, fast);
            course.known.extend(warm_up(&course.time_s, slow));
        }
        "warmup-knee" | "cache-fill" => {
            let most = if family == "cache-fill" { 0.65 } else { 0.4 };
            let knee = total * between(random, 0.05, most);
            let height = level * between(random, 0.1, 0.7);
            for (v, t) in course.value.iter_mut().zip(&course.time_s) {
                *v -= height * (1.0 - t / knee).max(0.0);
            }
            course.from_s = knee;
        }
        "level-shift" => {
            for _ in 0..random.usize(1..3) {
                let at = total * between(random, 0.05, 0.6);
                let size = level
                    * between(random, 0.03, 0.4)
                    * if random.f64() < 0.8 { 1.0 } else { -0.6 };
                for (v, t) in course.value.iter_mut().zip(&course.time_s) {
                    *v += if *t >= at { size } else { 0.0 };
                }
                course.from_s = course.from_s.max(at);
            }
        }
        "stairs-ended" => {
            let steps = random.usize(3..7);
            let end = total * between(random, 0.15, 0.4);
            for i in 0..steps {
                let at = end * (i as f64 + between(random, 0.3, 1.0)) / steps as f64;
                let size = level * 0.08;
                for (v, t) in course.value.iter_mut().zip(&course.time_s) {
                    *v += if *t >= at { size } else { 0.0 };
                }
            }
            course.from_s = end;
        }
        "daily" | "part-of-a-day" => {
            let height = level * between(random, 0.02, 0.3);
            let phase = random.f64() * 6.3;
            let second = between(random, 0.0, 0.4);
            for (v, t) in course.value.iter_mut().zip(&course.time_s) {
                let angle = t / 86_400.0 * std::f64::consts::TAU + phase;
                *v += height * (angle.sin() + second * (2.0 * angle + phase).sin());
            }
            // Of a part of it nobody knows that there is a day, and the slope of the day is an error.
            if family == "part-of-a-day" {
                course.own_error_per_hour = height * 24.0 / (total / 3_600.0).powi(2);
                return (course, noise);
            }
            for harmonic in [1.0, 2.0] {
                let turns = |t: &f64| harmonic * t / 86_400.0 * std::f64::consts::TAU;
                let angles: Vec<f64> = course.time_s.iter().map(turns).collect();
                course.known.push(angles.iter().map(|a| a.sin()).collect());
                course.known.push(angles.iter().map(|a| a.cos()).collect());
            }
        }
        "wander" => {
            // The correlation lasts for a twentieth to a fourth of the run.
            let lasting = course.time_s.len() as f64 * scale(random, 0.02, 0.12);
            noise.rho = (-1.0 / lasting).exp();
            noise.sigma = level * scale(random, 0.003, 0.05);
        }
        "restarts" => {
            course.from_s = 0.0;
            let count = random.usize(1..4);
            let mut cuts: Vec<f64> = (0..count)
                .map(|_| total * between(random, 0.15, 0.85))
                .collect();
            cuts.sort_by(f64::total_cmp);
            cuts.dedup_by(|a, b| *a - *b < 0.12 * total);
            let depth = level * between(random, 0.25, 0.7);
            let tau = total * between(random, 0.001, 0.02);
            let mut longest = 0.0_f64;
            for (i, v) in course.value.iter_mut().enumerate() {
                let t = course.time_s[i];
                let begin = cuts.iter().copied().filter(|&c| c <= t).fold(0.0, f64::max);
                *v -= depth * (-(t - begin) / tau).exp();
                longest = longest.max(t - begin);
            }
            course.from_s = total - longest * 0.9;
            course.own_error_per_hour = 0.0;
        }
        "late-onset" => course.from_s = total * between(random, 0.3, 0.7),
        _ => {}
    }
    (course, noise)
}

fn teeth(random: &mut Rng, family: &str, course: &mut Course, noise: &mut Noise, total: f64) {
    let count = if family == "sawtooth" {
        scale(random, 8.0, 80.0)
    } else {
        between(random, 2.5, 6.0)
    };
    let period = total / count;
    let height = course.level * between(random, 0.1, 2.0);
    noise.sigma = height * scale(random, 0.002, 0.02);
    noise.rho = 0.0;
    let first = random.f64();
    let mut begin = -period * first;
    let mut length = period;
    let rest = between(random, 0.0, 0.02) * height;
    let mut remains = 0.0;
    for (v, t) in course.value.iter_mut().zip(&course.time_s) {
        while *t >= begin + length {
            begin += length;
            length = period * between(random, 0.8, 1.2);
            remains = rest * normal(random);
        }
        *v += remains + height * (t - begin) / period;
    }
    // The first floor lies where the series begins, and fewer than eight follow.
    course.may_be_restarts = family == "few-cycles" && first < 0.1;
    // The floor is seen once per tooth, a sample late, and varies.
    let step = course.time_s[1];
    let error = noise.sigma.hypot(rest).hypot(height * step / period / 3.46);
    let spread = total * (count / 12.0).sqrt();
    course.own_error_per_hour = error / spread * 3_600.0 * for_unknown_noise(count - 2.0, 0.0);
}

/// An exponential warm-up and what it changes by with its time constant.
fn warm_up(time_s: &[f64], tau: f64) -> Vec<Vec<f64>> {
    let curve = |tau: f64| -> Vec<f64> { time_s.iter().map(|t| (-t / tau).exp()).collect() };
    vec![curve(tau), change_with(tau, curve)]
}

fn add_restarting_slope(course: &mut Course, slope: f64) {
    let mut begin = 0.0;
    let clean = course.value.clone();
    for i in 0..clean.len() {
        if i > 0 && clean[i] < clean[i - 1] - 0.05 * course.level {
            begin = course.time_s[i];
        }
        course.value[i] += slope * (course.time_s[i] - begin) / 3_600.0;
    }
}

/// Spikes, bursts, grains: what is laid over the noise.
fn disturb(random: &mut Rng, family: &str, course: &mut Course, level: f64, sigma: f64) {
    match family {
        "spikes" => {
            let share = between(random, 0.003, 0.06);
            let height = level * between(random, 0.1, 1.2);
            for v in &mut course.value {
                if random.f64() < share {
                    *v += height * random.f64();
                }
            }
        }
        "bursts" => {
            let count = random.usize(3..20);
            let n = course.value.len();
            let height = level * between(random, 0.05, 0.5);
            for _ in 0..count {
                let at = random.usize(0..n);
                for v in course
                    .value
                    .iter_mut()
                    .skip(at)
                    .take(random.usize(2..8).min(n / 120 + 1))
                {
                    *v += height * between(random, 0.5, 1.0);
                }
            }
        }
        "ties" => {
            let grain =
                [4_096.0_f64, 65_536.0, 262_144.0][random.usize(0..3)].max((sigma * 2.0).round());
            for v in &mut course.value {
                *v = (*v / grain).round() * grain;
            }
        }
        _ => {}
    }
}

fn exact(random: &mut Rng, level: f64) -> Labelled {
    let time_s = times(random, 30.0, 5_000.0);
    let hours = time_s[time_s.len() - 1] / 3_600.0;
    let leaking = random.bool();
    let grain = [1.0, 48.0, 4_096.0][random.usize(0..3)];
    let slope = if leaking {
        level * between(random, 0.01, 0.8) / hours
    } else {
        0.0
    };
    let budget = if leaking {
        slope * between(random, 0.1, 0.6)
    } else {
        grain * between(random, 8.0, 300.0) / hours
    };
    let flicker = random.u32(0..4);
    let value = time_s
        .iter()
        .map(|t| {
            level.round()
                + ((slope * t / 3_600.0) / grain).round() * grain
                + grain * f64::from(random.u32(0..=flicker))
        })
        .collect();
    Labelled {
        family: "exact",
        time_s,
        value,
        truth: if leaking { Truth::Leak } else { Truth::NoLeak },
        easy: budget * hours > 6.0 * grain * f64::from(flicker.max(1)),
        budget: Budget::BytesPerHour(budget),
        slope: Some(slope),
        ..Labelled::default()
    }
}

/// A line of small allocations under a container that doubles.
fn doublings(random: &mut Rng, level: f64) -> Labelled {
    let count = random.usize(60..400);
    let time_s: Vec<f64> = (0..count).map(|i| i as f64 * 0.1).collect();
    let hours = time_s[count - 1] / 3_600.0;
    let leaking = random.bool();
    let per_s = level * between(random, 0.002, 0.02);
    let slot = between(random, 0.02, 0.3);
    let first = between(random, 0.3, 3.0);
    let value = time_s
        .iter()
        .map(|t| {
            if !leaking {
                return level.round() + f64::from(random.u32(0..3)) * 64.0;
            }
            let mut room = first;
            while room < *t {
                room *= 2.0;
            }
            (level + per_s * t + slot * per_s * room).round()
        })
        .collect();
    let slope = if leaking { per_s * 3_600.0 } else { 0.0 };
    let budget = if leaking {
        slope * between(random, 0.05, 0.4)
    } else {
        64.0 * 40.0 / hours
    };
    Labelled {
        family: "doublings",
        time_s,
        value,
        truth: if leaking { Truth::Leak } else { Truth::NoLeak },
        easy: true,
        budget: Budget::BytesPerHour(budget),
        slope: Some(slope * (1.0 + slot)),
        ..Labelled::default()
    }
}

/// Requests for keys of which few are asked for often (Zipf's law): a cache without a bound keeps
/// each that it meets for the first time.
struct Keys {
    /// Requests in all.
    requests: f64,
    /// How often each is asked for, in shares of all requests.
    shares: Vec<f64>,
}

impl Keys {
    fn drawn(random: &mut Rng) -> Self {
        const KEYS: usize = 2_000;
        let exponent = between(random, 1.05, 2.0);
        let requests = scale(random, 1e3, 1e5);
        let mut shares: Vec<f64> = (1..=KEYS).map(|k| (k as f64).powf(-exponent)).collect();
        let sum: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= sum);
        Self { requests, shares }
    }

    /// How many are expected to have been met after `share` of the requests, between the
    /// hundredths of their squares.
    fn met(&self, share: f64) -> f64 {
        const PLACES: f64 = 100.0;
        let at = |place: f64| -> f64 {
            let asked = self.requests * (place / PLACES).powi(2);
            self.shares.iter().map(|p| 1.0 - (-p * asked).exp()).sum()
        };
        let place = PLACES * share.sqrt();
        let below = place.floor();
        let within = (share * PLACES * PLACES - below * below) / (2.0 * below + 1.0);
        at(below) + within * (at(below + 1.0) - at(below))
    }
}

/// Still rising at the end, ever more slowly.
fn slowing(random: &mut Rng, family: &'static str, level: f64) -> Labelled {
    let time_s = times(random, 100.0, 5_000.0);
    let total = time_s[time_s.len() - 1];
    let hours = total / 3_600.0;
    let height = level * between(random, 0.1, 2.0);
    let tau = total
        * match family {
            "decelerating" => between(random, 0.25, 0.6),
            _ => scale(random, 0.003, 0.2),
        };
    let power = between(random, 0.3, 0.7);
    let half_filled = total * scale(random, 0.05, 1.0);
    let keys = Keys::drawn(random);
    let curve = |t: f64| match family {
        "half-filled" => t / (t + half_filled),
        "distinct-keys" => keys.met(t / total) / keys.met(1.0),
        "decelerating" => 1.0 - (-t / tau).exp(),
        "logarithmic" => (1.0 + t / tau).ln() / (1.0 + total / tau).ln(),
        _ => (t / total).powf(power),
    };
    let mut value: Vec<f64> = time_s.iter().map(|&t| level + height * curve(t)).collect();
    let closing = height * (curve(total) - curve(0.95 * total)) / (0.05 * hours);
    let noise = Noise {
        sigma: height * scale(random, 0.0003, 0.03),
        rho: if random.bool() {
            0.0
        } else {
            between(random, 0.3, 0.95)
        },
    };
    add_noise(random, &mut value, &noise);
    Labelled {
        family,
        time_s,
        value: value.iter().map(|v| v.max(0.0).round()).collect(),
        truth: Truth::Slowing,
        easy: true,
        budget: Budget::BytesPerHour(closing * between(random, 0.02, 0.3)),
        ..Labelled::default()
    }
}

fn shrinking(random: &mut Rng, level: f64) -> Labelled {
    let time_s = times(random, 100.0, 5_000.0);
    let total = time_s[time_s.len() - 1];
    let fall = level * between(random, 0.05, 0.6);
    let bent = random.bool();
    let mut value: Vec<f64> = time_s
        .iter()
        .map(|t| {
            level
                - fall
                    * if bent {
                        1.0 - (-3.0 * t / total).exp()
                    } else {
                        t / total
                    }
        })
        .collect();
    let noise = noise(random, level);
    add_noise(random, &mut value, &noise);
    Labelled {
        family: "shrinking",
        value: value.iter().map(|v| v.max(0.0).round()).collect(),
        truth: Truth::NoLeak,
        easy: fall * if bent { 0.15 } else { 1.0 } * 3_600.0 / total
            >= 6.0 * efficient_error(&time_s, &noise),
        budget: Budget::BytesPerHour(0.005 * level * 3_600.0 / total),
        slope: (!bent).then_some(-fall * 3_600.0 / total),
        time_s,
        ..Labelled::default()
    }
}

/// Steps that go on to the end, or small ones within the budget.
fn staircase(random: &mut Rng, level: f64, leaking: bool) -> Labelled {
    let time_s = times(random, 150.0, 5_000.0);
    let total = time_s[time_s.len() - 1];
    let hours = total / 3_600.0;
    let steps = random.usize(6..40);
    let rise = level * between(random, 0.05, 1.0);
    let size = rise / steps as f64;
    let mut places: Vec<f64> = (0..steps)
        .map(|i| total * (i as f64 + 0.5 + between(random, -0.2, 0.2)) / steps as f64)
        .collect();
    places.sort_by(f64::total_cmp);
    let mut value: Vec<f64> = time_s
        .iter()
        .map(|t| level + size * places.iter().filter(|p| *p <= t).count() as f64)
        .collect();
    let noise = Noise {
        sigma: size * scale(random, 0.01, 1.0),
        rho: 0.0,
    };
    add_noise(random, &mut value, &noise);
    let slope = rise / hours;
    let budget = if leaking {
        slope * between(random, 0.1, 0.5)
    } else {
        slope * between(random, 2.0, 5.0)
    };
    Labelled {
        family: "staircase",
        time_s,
        value: value.iter().map(|v| v.max(0.0).round()).collect(),
        truth: if leaking { Truth::Leak } else { Truth::NoLeak },
        easy: true,
        budget: Budget::BytesPerHour(budget),
        slope: Some(slope),
        ..Labelled::default()
    }
}

/// Ups and downs without growth, slower than the run is long, or a cache that fills late and
/// is full before the end: never a leak, and hardly ever decidable.
fn healthy(random: &mut Rng, family: &'static str, level: f64) -> Labelled {
    let time_s = times(random, 100.0, 5_000.0);
    let n = time_s.len();
    let total = time_s[n - 1];
    let height = level * between(random, 0.02, 0.4);
    let mut value = vec![level; n];
    match family {
        "slow-waves" => {
            for _ in 0..random.usize(1..4) {
                let cycles = between(random, 0.8, 4.0);
                let phase = random.f64() * std::f64::consts::TAU;
                let part = height * between(random, 0.3, 1.0);
                for (v, t) in value.iter_mut().zip(&time_s) {
                    *v += part * (std::f64::consts::TAU * cycles * t / total + phase).sin();
                }
            }
        }
        "random-walk" => {
            let mut last = 0.0;
            for v in &mut value {
                last += height / (n as f64).sqrt() * normal(random);
                *v += last;
            }
        }
        _ => {
            let start = total * between(random, 0.2, 0.5);
            let end = total * between(random, 0.55, 0.75);
            for (v, t) in value.iter_mut().zip(&time_s) {
                *v += height * ((t - start) / (end - start)).clamp(0.0, 1.0);
            }
        }
    }
    let noise = Noise {
        sigma: height * scale(random, 0.001, 0.1),
        rho: 0.0,
    };
    add_noise(random, &mut value, &noise);
    Labelled {
        family,
        value: value.iter().map(|v| v.max(0.0).round()).collect(),
        truth: Truth::NoLeak,
        easy: false,
        budget: Budget::BytesPerHour(height * 3_600.0 / total * scale(random, 0.05, 1.0)),
        time_s,
        ..Labelled::default()
    }
}
