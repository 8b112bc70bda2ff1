//! What programs in production do: leaks that are killed and start again, floors that fall,
//! growth that slows down, memory that is given back late, clocks that are set back.

use super::{
    Design, Labelled, Noise, Truth, add_noise, between, change_with, even_times, oracle_error,
    scale, whole,
};
use fastrand::Rng;
use leaklab_judge::Budget;

/// Families of programs in production.
pub const FAMILIES: [&str; 10] = [
    "killed-at-limit",
    "falling-floors",
    "saturating",
    "late-return",
    "log-rotation",
    "long-bursts",
    "cache-over-leak",
    "clock-set-back",
    "resident-steps",
    "strong-memory",
];

/// Falls from which on they are teeth: fewer may be restarts of a program that leaks.
const FEWEST_TEETH: f64 = 8.0;

/// Bytes by which the resident memory of a program on glibc moves at least.
const RESIDENT_STEP: f64 = 131_072.0;

/// One series of `family`.
pub fn generate(family: &'static str, random: &mut Rng) -> Labelled {
    let level = scale(random, 2e7, 4e9);
    match family {
        "killed-at-limit" => killed_at_limit(random, level),
        "falling-floors" => falling_floors(random, level),
        "saturating" => {
            let ratio = scale(random, 0.2, 4.0);
            saturating(random, level, ratio)
        }
        "late-return" => late_return(random, level),
        "log-rotation" => log_rotation(random, level),
        "long-bursts" => long_bursts(random, level),
        "cache-over-leak" => cache_over_leak(random, level),
        "clock-set-back" => clock_set_back(random, level),
        "resident-steps" => resident_steps(random),
        _ => strong_memory(random, level),
    }
}

fn some_times(random: &mut Rng, fewest: f64, most: f64) -> Vec<f64> {
    let count = scale(random, fewest, most) as usize;
    even_times(scale(random, 60.0, 5.0 * 86_400.0), count)
}

fn white_noise(sigma: f64) -> Noise {
    Noise { sigma, rho: 0.0 }
}

/// Rises to its limit, is killed, starts again: few lives, or many with a pause before each.
fn killed_at_limit(random: &mut Rng, level: f64) -> Labelled {
    let count = scale(random, 200.0, 5_000.0) as usize;
    let time_s = even_times(scale(random, 600.0, 14.0 * 86_400.0), count);
    let total = time_s[count - 1];
    let pauses = random.bool();
    let lives = if pauses {
        scale(random, 2.0, 20.0)
    } else {
        scale(random, 2.0, 7.5)
    };
    let life = total / lives;
    let start = level * between(random, 0.1, 0.6);
    let warm = life * between(random, 0.002, 0.05);
    let pause = if pauses {
        // Long enough to be seen as a gap between two readings.
        (life * between(random, 0.01, 0.1)).max(6.0 * time_s[1])
    } else {
        0.0
    };
    let scatter = between(random, 0.0, 0.15);
    let (mut begin, mut length) = (-life * random.f64(), life);
    let (mut kept, mut value) = (Vec::new(), Vec::new());
    for &t in &time_s {
        while t >= begin + length {
            begin += length;
            length = life * (1.0 + scatter * between(random, -1.0, 1.0));
        }
        if t - begin < pause && begin > 0.0 {
            continue;
        }
        let age = t - begin - if begin > 0.0 { pause } else { 0.0 };
        kept.push(t);
        value.push(start * (1.0 - 0.5 * (-age / warm).exp()) + (level - start) * age / life);
    }
    let slope = (level - start) / life * 3_600.0;
    let noise = white_noise((level - start) * scale(random, 0.001, 0.03));
    add_noise(random, &mut value, &noise);
    Labelled {
        family: "killed-at-limit",
        time_s: kept,
        value: whole(&value),
        truth: Truth::Leak,
        easy: false,
        budget: Budget::BytesPerHour(slope * scale(random, 0.01, 0.3)),
        slope: Some(slope),
        ..Labelled::default()
    }
}

/// The teeth of a collected heap on a floor that rises, and falls back one to three times.
fn falling_floors(random: &mut Rng, level: f64) -> Labelled {
    let count = scale(random, 400.0, 5_000.0) as usize;
    let time_s = even_times(scale(random, 600.0, 3.0 * 86_400.0), count);
    let total = time_s[count - 1];
    let falls = random.usize(1..4);
    let mut places: Vec<f64> = (0..falls)
        .map(|i| total * (i as f64 + between(random, 0.5, 1.0)) / (falls as f64 + 0.3))
        .filter(|&place| place < 0.88 * total)
        .collect();
    places.sort_by(f64::total_cmp);
    let tooth = total / scale(random, 20.0, 200.0);
    let height = level * between(random, 0.1, 0.6);
    let per_s = level * between(random, 0.2, 1.5) / total;
    let mut value: Vec<f64> = time_s
        .iter()
        .map(|&t| {
            let begin = places
                .iter()
                .copied()
                .filter(|&place| place <= t)
                .fold(0.0, f64::max);
            level + per_s * (t - begin) + height * (t / tooth).fract()
        })
        .collect();
    let noise = white_noise(height * scale(random, 0.002, 0.05));
    add_noise(random, &mut value, &noise);
    Labelled {
        family: "falling-floors",
        value: whole(&value),
        truth: Truth::Undecidable,
        budget: Budget::BytesPerHour(per_s * 3_600.0 * scale(random, 0.01, 0.3)),
        time_s,
        ..Labelled::default()
    }
}

/// A(1−e^(−t/τ)) with τ of `ratio` run lengths, and so little noise that an oracle sees the
/// bend by ten standard errors.
pub fn saturating(random: &mut Rng, level: f64, ratio: f64) -> Labelled {
    let time_s = some_times(random, 150.0, 5_000.0);
    let total = time_s[time_s.len() - 1];
    let height = level * between(random, 0.1, 2.0);
    let share = |t: f64| 1.0 - (-t / total / ratio).exp();
    let mut value: Vec<f64> = time_s.iter().map(|&t| level + height * share(t)).collect();
    let bend: Vec<f64> = time_s.iter().map(|t| (t / total).powi(2)).collect();
    let line: Vec<f64> = time_s.iter().map(|t| t / total).collect();
    // Second-order share of the curve over the run.
    let curvature = 0.5 * height * (-0.5 / ratio).exp() / ratio.powi(2);
    let mut noise = Noise {
        sigma: 1.0,
        rho: if random.bool() {
            0.0
        } else {
            between(random, 0.3, 0.9)
        },
    };
    let most = curvature / 10.0 / oracle_error(&bend, &[line], &noise);
    noise.sigma = most * scale(random, 0.02, 1.0);
    add_noise(random, &mut value, &noise);
    let closing = height * (share(total) - share(0.95 * total)) / 0.05 / total * 3_600.0;
    Labelled {
        family: "saturating",
        value: whole(&value),
        truth: Truth::Slowing,
        easy: true,
        budget: Budget::BytesPerHour(closing * scale(random, 0.02, 0.3)),
        time_s,
        ..Labelled::default()
    }
}

/// Bursts of work whose memory the allocator gives back only a while after.
fn late_return(random: &mut Rng, level: f64) -> Labelled {
    let time_s = some_times(random, 500.0, 5_000.0);
    let total = time_s[time_s.len() - 1];
    let bursts = scale(random, 8.0, 80.0);
    let between_s = total / bursts;
    let hold = between_s * between(random, 0.2, 1.5);
    let decay = between_s * between(random, 0.02, 0.5);
    let height = level * between(random, 0.05, 0.6);
    let (mut next, mut last, mut size) = (between_s * random.f64(), f64::MIN, 0.0);
    let course: Vec<f64> = time_s
        .iter()
        .map(|&t| {
            while t >= next {
                let left: f64 = size * (-(next - last - hold).max(0.0) / decay).exp();
                size = left.max(height * between(random, 0.4, 1.0));
                last = next;
                next -= between_s * random.f64().max(1e-9).ln();
            }
            size * (-(t - last - hold).max(0.0) / decay).exp()
        })
        .collect();
    // An oracle that does not know the bursts has noise of their size and memory.
    let mean = course.iter().sum::<f64>() / course.len() as f64;
    let spread = course.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / course.len() as f64;
    let oracle = Noise {
        sigma: spread.sqrt(),
        rho: (-time_s[1] / (0.5 * hold + decay)).exp(),
    };
    let mut design = Design::steady(time_s, level, oracle);
    design
        .value
        .iter_mut()
        .zip(&course)
        .for_each(|(v, c)| *v += c);
    let leaking = random.bool();
    labelled_apart(random, "late-return", design, height * 0.01, leaking)
}

/// As [`Design::labelled`], with the oracle's noise for the label and white noise of `sigma` on
/// the values, which have the other part already.
fn labelled_apart(
    random: &mut Rng,
    family: &'static str,
    mut design: Design,
    sigma: f64,
    leaking: bool,
) -> Labelled {
    let clean = std::mem::take(&mut design.value);
    design.value = vec![0.0; clean.len()];
    let mut labelled = Design {
        noise: Noise {
            sigma: design.noise.sigma.hypot(sigma),
            ..design.noise
        },
        ..design
    }
    .labelled(random, family, leaking);
    let growth = labelled.slope.unwrap_or(0.0) / 3_600.0;
    let mut value: Vec<f64> = clean
        .iter()
        .zip(&labelled.time_s)
        .map(|(v, t)| v + growth * t)
        .collect();
    add_noise(random, &mut value, &white_noise(sigma));
    labelled.value = whole(&value);
    labelled
}

/// Rises with what is written and falls when the log is rotated, at the same hour each day or
/// each few hours.
fn log_rotation(random: &mut Rng, level: f64) -> Labelled {
    let count = scale(random, 400.0, 5_000.0) as usize;
    let period = [3_600.0, 21_600.0, 86_400.0][random.usize(0..3)];
    let total = period * between(random, 3.5, 20.0);
    let time_s = even_times(total, count);
    let first = random.f64();
    let height = level * between(random, 0.05, 0.8);
    let phase: Vec<f64> = time_s
        .iter()
        .map(|t| (t / period + first).fract())
        .collect();
    let noise = Noise {
        sigma: height * scale(random, 0.003, 0.05),
        rho: 0.0,
    };
    let mut design = Design::steady(time_s, level, noise);
    design
        .value
        .iter_mut()
        .zip(&phase)
        .for_each(|(v, p)| *v += height * p);
    design.known.push(phase);
    let leaking = random.bool();
    let mut labelled = design.labelled(random, "log-rotation", leaking);
    // Few falls by the clock are those of a leak that is restarted by it as well.
    let falls = (total / period + first).floor();
    labelled.easy &= leaking || falls >= FEWEST_TEETH;
    labelled
}

/// Bursts of a hundredth to a tenth of the run, with steep fronts.
fn long_bursts(random: &mut Rng, level: f64) -> Labelled {
    let time_s = some_times(random, 400.0, 5_000.0);
    let total = time_s[time_s.len() - 1];
    let height = level * between(random, 0.05, 1.0);
    let bursts: Vec<(f64, f64, f64)> = (0..random.usize(3..12))
        .map(|_| {
            let begin = total * random.f64();
            let length = total * scale(random, 0.005, 0.06);
            (begin, begin + length, height * between(random, 0.3, 1.0))
        })
        .collect();
    let columns: Vec<Vec<f64>> = bursts
        .iter()
        .map(|&(begin, end, _)| {
            let inside = |t: &f64| f64::from(u8::from(*t >= begin && *t < end));
            time_s.iter().map(inside).collect()
        })
        .collect();
    let noise = white_noise(level * scale(random, 0.0005, 0.02));
    let mut design = Design::steady(time_s, level, noise);
    for (column, burst) in columns.iter().zip(&bursts) {
        for (v, c) in design.value.iter_mut().zip(column) {
            *v += burst.2 * c;
        }
    }
    design.known = columns;
    let leaking = random.bool();
    design.labelled(random, "long-bursts", leaking)
}

/// A cache that fills ever more slowly, over growth that lasts or over none.
fn cache_over_leak(random: &mut Rng, level: f64) -> Labelled {
    let time_s = some_times(random, 300.0, 5_000.0);
    let total = time_s[time_s.len() - 1];
    let tau = total * scale(random, 0.003, 0.1);
    let height = level * between(random, 0.05, 0.6);
    let filled = |tau: f64| -> Vec<f64> {
        let all = (1.0 + total / tau).ln();
        time_s.iter().map(|t| (1.0 + t / tau).ln() / all).collect()
    };
    let (cache, by_tau) = (filled(tau), change_with(tau, filled));
    let noise = Noise {
        sigma: height * scale(random, 0.002, 0.05),
        rho: if random.bool() {
            0.0
        } else {
            between(random, 0.3, 0.9)
        },
    };
    let mut design = Design::steady(time_s, level, noise);
    design
        .value
        .iter_mut()
        .zip(&cache)
        .for_each(|(v, c)| *v += height * c);
    design.known.extend([cache, by_tau]);
    design.slows_down = true;
    // The leak makes a fifth of what the cache does in the time, to eight times as much.
    let slope = height * scale(random, 0.2, 8.0) / (total / 3_600.0);
    let budget = slope * between(random, 0.05, 0.6);
    design.with_growth(random, "cache-over-leak", slope, budget)
}

/// A series whose clock is set back once or twice, by a second to an hour.
fn clock_set_back(random: &mut Rng, level: f64) -> Labelled {
    let time_s = some_times(random, 200.0, 3_000.0);
    let count = time_s.len();
    let noise = white_noise(level * scale(random, 0.0005, 0.02));
    let design = Design::steady(time_s, level, noise);
    let leaking = random.bool();
    let mut labelled = design.labelled(random, "clock-set-back", leaking);
    let step = labelled.time_s[1];
    for _ in 0..random.usize(1..3) {
        let at = random.usize(count / 10..count * 9 / 10);
        let back = step * scale(random, 2.0, 0.1 * count as f64);
        labelled.time_s[at..].iter_mut().for_each(|t| *t -= back);
    }
    // What is split is shorter: its longest part decides how precise an answer can be.
    labelled.easy = false;
    labelled
}

/// Growth that shows only in steps of [`RESIDENT_STEP`], or none; a budget that allows less
/// than a step, or several.
fn resident_steps(random: &mut Rng) -> Labelled {
    let count = scale(random, 20.0, 3_000.0) as usize;
    let time_s = even_times(scale(random, 15.0, 8.0 * 3_600.0), count);
    let hours = time_s[count - 1] / 3_600.0;
    let level = scale(random, 5e6, 5e8);
    let leaking = random.bool();
    let budget_steps = scale(random, 0.02, 150.0);
    let steps = if leaking {
        budget_steps * scale(random, 1.8, 20.0)
    } else {
        0.0
    };
    let first = random.f64();
    let flickers = random.f64() < 0.3;
    let value: Vec<f64> = time_s
        .iter()
        .map(|t| {
            let risen = (first + steps * t / 3_600.0 / hours).floor();
            let flicker = f64::from(u8::from(flickers && random.f64() < 0.2));
            (level / 4_096.0).round() * 4_096.0 + RESIDENT_STEP * risen + 4_096.0 * flicker
        })
        .collect();
    let budget = budget_steps * RESIDENT_STEP / hours;
    let distance = (steps - budget_steps).abs();
    Labelled {
        family: "resident-steps",
        value,
        time_s,
        truth: if leaking { Truth::Leak } else { Truth::NoLeak },
        easy: distance >= 8.0 && count >= 60,
        grain: RESIDENT_STEP,
        budget: Budget::BytesPerHour(budget),
        slope: Some(steps * RESIDENT_STEP / hours),
        ..Labelled::default()
    }
}

/// Noise with a memory of 0.95 to 0.995 from reading to reading.
fn strong_memory(random: &mut Rng, level: f64) -> Labelled {
    let time_s = some_times(random, 300.0, 5_000.0);
    let noise = Noise {
        sigma: level * scale(random, 0.001, 0.05),
        rho: 1.0 - scale(random, 0.005, 0.05),
    };
    let design = Design::steady(time_s, level, noise);
    let leaking = random.bool();
    design.labelled(random, "strong-memory", leaking)
}
