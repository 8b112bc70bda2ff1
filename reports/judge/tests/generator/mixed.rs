//! What a budget, a line or one level does not see: leaks that begin late under noise of changing
//! size, growth that has multiplied the level that a budget is a share of, and two processes in
//! one series.

use super::{
    Labelled, Noise, Truth, add_noise, between, efficient_error, even_times, normal, scale, whole,
};
use fastrand::Rng;
use leaklab_judge::Budget;

/// Families of series whose parts differ.
pub const FAMILIES: [&str; 5] = [
    "dented",
    "late-uneven-noise",
    "multiplied",
    "two-paces",
    "two-processes",
];

/// One series of `family`.
pub fn generate(family: &'static str, random: &mut Rng) -> Labelled {
    let level = scale(random, 2e7, 4e9);
    match family {
        "late-uneven-noise" => late_uneven_noise(random, level),
        "multiplied" => multiplied(random, level),
        "dented" => dented(random, level),
        "two-paces" => two_paces(random, level),
        _ => two_processes(random, level),
    }
}

/// Noise whose size changes once, in bursts, or throughout, and a leak that begins late in it, or
/// none.
fn late_uneven_noise(random: &mut Rng, level: f64) -> Labelled {
    let count = scale(random, 200.0, 5_000.0) as usize;
    let time_s = even_times(scale(random, 600.0, 5.0 * 86_400.0), count);
    let total = time_s[count - 1];
    let begin = total * between(random, 0.4, 0.85);
    let quiet = level * scale(random, 0.0005, 0.01);
    let louder = scale(random, 3.0, 30.0);
    let turn = total * between(random, 0.3, 0.7);
    let kind = random.usize(0..4);
    let bursts: Vec<f64> = (0..random.usize(3..15))
        .map(|_| total * random.f64())
        .collect();
    let length = total * between(random, 0.01, 0.04);
    let factor = |t: f64| match kind {
        0 if t >= turn => louder,
        1 if t < turn => louder,
        2 if bursts.iter().any(|&at| t >= at && t < at + length) => louder,
        3 => louder.powf(t / total),
        _ => 1.0,
    };
    let rho = match random.bool() {
        true => 0.0,
        false => between(random, 0.3, 0.9),
    };
    // An oracle that knows the beginning sees the part behind it, under its own noise.
    let late: Vec<f64> = time_s.iter().copied().filter(|&t| t >= begin).collect();
    let mean_square = late.iter().map(|&t| factor(t).powi(2)).sum::<f64>() / late.len() as f64;
    let own = Noise {
        sigma: quiet * mean_square.sqrt(),
        rho,
    };
    let error = efficient_error(&late, &own);
    let leaking = random.f64() < 0.7;
    let slope = match leaking {
        true => error * scale(random, 6.0, 60.0),
        false => 0.0,
    };
    let budget = match leaking {
        true => slope * between(random, 0.05, 0.7),
        false => error * scale(random, 6.0, 60.0),
    };
    let mut course = vec![0.0; count];
    add_noise(random, &mut course, &Noise { sigma: quiet, rho });
    let value: Vec<f64> = time_s
        .iter()
        .zip(&course)
        .map(|(&t, noise)| level + slope * (t - begin).max(0.0) / 3_600.0 + factor(t) * noise)
        .collect();
    Labelled {
        family: "late-uneven-noise",
        value: whole(&value),
        time_s,
        truth: if leaking { Truth::Leak } else { Truth::NoLeak },
        easy: (slope - budget).abs() >= 6.0 * error,
        budget: Budget::BytesPerHour(budget),
        slope: Some(slope),
        ..Labelled::default()
    }
}

/// Straight growth to three to six times the level of the beginning, under the default budget:
/// after a warm-up, on the floors of teeth, or alone.
fn multiplied(random: &mut Rng, level: f64) -> Labelled {
    let count = scale(random, 100.0, 5_000.0) as usize;
    let time_s = even_times(scale(random, 3.0, 45.0 * 24.0) * 3_600.0, count);
    let total = time_s[count - 1];
    let grown = level * between(random, 2.0, 5.0);
    let slope = grown / total * 3_600.0;
    let kind = random.usize(0..3);
    let tau = total * between(random, 0.005, 0.03);
    let tooth = total / between(random, 20.0, 60.0);
    let mut value: Vec<f64> = time_s
        .iter()
        .map(|&t| {
            let beside = match kind {
                0 => 0.0,
                1 => level * 0.5 * (1.0 - (-t / tau).exp()),
                _ => level * 0.5 * (t / tooth).fract(),
            };
            level + beside + grown * t / total
        })
        .collect();
    let noise = Noise {
        sigma: level * scale(random, 0.001, 0.03),
        rho: 0.0,
    };
    add_noise(random, &mut value, &noise);
    // Whether growth that takes weeks is within half a percent an hour is the user's to say.
    let easy = slope > 0.02 * level;
    by_the_share("multiplied", (time_s, value), Truth::Leak, slope, easy)
}

/// The readings of two processes in one series, in no order, of which one leaks or none.
fn two_processes(random: &mut Rng, level: f64) -> Labelled {
    let count = scale(random, 200.0, 5_000.0) as usize;
    let time_s = even_times(scale(random, 600.0, 5.0 * 86_400.0), count);
    let hours = time_s[count - 1] / 3_600.0;
    let sigma = level * scale(random, 0.0005, 0.01);
    let other = level * scale(random, 1.15, 8.0);
    let share = between(random, 0.15, 0.85);
    let leaking = random.f64() < 0.7;
    let rise = match leaking {
        true => (other - level).min(level) * between(random, 0.1, 0.8),
        false => 0.0,
    };
    let first_leaks = random.bool();
    let mut value: Vec<f64> = time_s
        .iter()
        .map(|&t| {
            let is_first = random.f64() < share;
            let from = if is_first { level } else { other };
            let grown = rise * t / 3_600.0 / hours;
            from + if is_first == first_leaks { grown } else { 0.0 }
        })
        .collect();
    for v in &mut value {
        *v += sigma * normal(random);
    }
    let slope = rise / hours;
    let budget = match leaking {
        true => slope * between(random, 0.05, 0.9),
        false => 0.2 * level / hours,
    };
    Labelled {
        family: "two-processes",
        value: whole(&value),
        time_s,
        truth: if leaking { Truth::Leak } else { Truth::NoLeak },
        easy: false,
        budget: Budget::BytesPerHour(budget),
        ..Labelled::default()
    }
}

/// Straight growth to three to nine times the level of the beginning, under the default budget, that
/// lies a little lower or higher for some days, as over a holiday.
fn dented(random: &mut Rng, level: f64) -> Labelled {
    let count = scale(random, 500.0, 5_000.0) as usize;
    let total_h = scale(random, 5.0, 25.0) * 24.0;
    let time_s = even_times(total_h * 3_600.0, count);
    let slope = level * between(random, 0.0125, 0.03);
    let depth = level * between(random, -0.08, 0.08);
    let begin_h = total_h * between(random, 0.1, 0.7);
    let length_h = between(random, 6.0, 0.2 * total_h);
    let mut value: Vec<f64> = time_s
        .iter()
        .map(|&t| {
            let hours = t / 3_600.0;
            let is_away = (begin_h..begin_h + length_h).contains(&hours);
            level + slope * hours + if is_away { depth } else { 0.0 }
        })
        .collect();
    let noise = Noise {
        sigma: level * scale(random, 0.0005, 0.01),
        rho: between(random, 0.0, 0.7),
    };
    add_noise(random, &mut value, &noise);
    let easy = slope > 0.015 * level;
    by_the_share("dented", (time_s, value), Truth::Leak, slope, easy)
}

/// Under the default budget, growth that goes on more slowly than it began. Straight growth first:
/// what it has made is no level that the rest may be a share of. A warm-up first, over in a
/// twentieth of the record: the rest is a share of where that has led.
fn two_paces(random: &mut Rng, level: f64) -> Labelled {
    let count = scale(random, 200.0, 5_000.0) as usize;
    let total_h = scale(random, 6.0, 14.0 * 24.0);
    let time_s = even_times(total_h * 3_600.0, count);
    let leaks = random.bool();
    let made = level * between(random, 2.0, 8.0);
    let (slope, turn_h) = match leaks {
        true => (
            (made + level) * between(random, 0.0025, 0.0045),
            total_h * between(random, 0.3, 0.65),
        ),
        false => ((made + level) * between(random, 0.0, 0.002), 0.0),
    };
    let tau_h = total_h * between(random, 0.005, 0.015);
    let mut value: Vec<f64> = time_s
        .iter()
        .map(|&t| {
            let hours = t / 3_600.0;
            let first = match leaks {
                true => (hours / turn_h).min(1.0),
                false => 1.0 - (-hours / tau_h).exp(),
            };
            level + made * first + slope * (hours - turn_h).max(0.0)
        })
        .collect();
    let noise = Noise {
        sigma: level * scale(random, 0.001, 0.01),
        rho: between(random, 0.0, 0.7),
    };
    add_noise(random, &mut value, &noise);
    let truth = if leaks { Truth::Leak } else { Truth::NoLeak };
    // Whether a slower pace is a share of what a faster one made is the user's to say.
    let easy = !leaks && total_h > 48.0;
    by_the_share("two-paces", (time_s, value), truth, slope, easy)
}

/// A series that is judged by the default budget, a share of its level.
fn by_the_share(
    family: &'static str,
    (time_s, value): (Vec<f64>, Vec<f64>),
    truth: Truth,
    slope: f64,
    easy: bool,
) -> Labelled {
    Labelled {
        family,
        value: whole(&value),
        time_s,
        truth,
        easy,
        budget: Budget::Default,
        slope: Some(slope),
        ..Labelled::default()
    }
}
