//! Programs that are started anew again and again, each start on record: lives that each warm up,
//! lives of a sawtooth on a warm-up, and lives that each leak until they are ended.

use super::{
    Labelled, Noise, Truth, add_noise, between, distance_to_slowing, even_times, oracle_error,
    scale, whole,
};
use fastrand::Rng;
use leaklab_judge::Budget;

/// Families of lives.
pub const FAMILIES: [&str; 3] = ["lives-warm-up", "lives-teeth", "lives-leak"];

/// One series of `family`.
pub fn generate(family: &'static str, random: &mut Rng) -> Labelled {
    let level = scale(random, 2e7, 4e9);
    match family {
        "lives-leak" => lives_that_leak(random, level),
        _ => lives_that_warm_up(random, family, level),
    }
}

/// A record that restarts cut into lives.
struct Lives {
    time_s: Vec<f64>,
    restarts: Vec<f64>,
    /// The usual length of a life.
    life_s: f64,
    /// At each time, how long the life has lasted.
    age_s: Vec<f64>,
    /// At each time, which life it is.
    life: Vec<usize>,
}

/// Lives of some readings each that differ in length by a third at most.
fn some_lives(random: &mut Rng, fewest: f64, most: f64) -> Lives {
    let lives = scale(random, fewest, most);
    let count = (lives * scale(random, 30.0, 400.0)).clamp(100.0, 5_000.0) as usize;
    let time_s = even_times(scale(random, 600.0, 14.0 * 86_400.0), count);
    let life_s = time_s[count - 1] / lives;
    let scatter = match random.bool() {
        true => 0.0,
        false => between(random, 0.0, 0.33),
    };
    // The record begins with a life, or in the middle of one.
    let (mut begin, mut length) = match random.bool() {
        true => (0.0, life_s),
        false => (-life_s * random.f64(), life_s),
    };
    let (mut restarts, mut age_s, mut life) = (Vec::new(), Vec::new(), Vec::new());
    for &t in &time_s {
        if t >= begin + length {
            begin = t;
            length = life_s * (1.0 + scatter * between(random, -1.0, 1.0));
            restarts.push(t);
        }
        age_s.push(t - begin);
        life.push(restarts.len());
    }
    Lives {
        time_s,
        restarts,
        life_s,
        age_s,
        life,
    }
}

impl Lives {
    /// The columns of a level for each life but the first.
    fn levels(&self) -> Vec<Vec<f64>> {
        let is_in = |life: usize| {
            let at = self.life.iter();
            at.map(move |&at| f64::from(u8::from(at == life))).collect()
        };
        (1..=self.restarts.len()).map(is_in).collect()
    }
}

/// The standard deviation of noise with a memory of `rho` beside which an oracle sees that `course`
/// is not straight in the lives by one standard error.
fn sigma_of_bend(lives: &Lives, course: &[f64], rho: f64) -> f64 {
    let mut known = lives.levels();
    known.push(lives.age_s.clone());
    let noise = Noise { sigma: 1.0, rho };
    oracle_error(course, &known, &noise).recip()
}

/// How a life fills, from nothing at its start to one at its usual end.
fn filling(random: &mut Rng) -> (impl Fn(f64) -> f64 + use<>, f64) {
    let tau = scale(random, 0.1, 3.0);
    let form = random.usize(0..3);
    let course = move |age: f64| match form {
        0 => 1.0 - (-age / tau).exp(),
        1 => (1.0 + age / tau).ln(),
        // A fast part and a slow one.
        _ => 1.0 - 0.5 * (-age / tau).exp() - 0.5 * (-6.0 * age / tau).exp(),
    };
    let whole = course(1.0);
    let closing = (course(1.0) - course(0.95)) / 0.05 / whole;
    (move |age| course(age) / whole, closing)
}

/// Each life fills ever more slowly, alone or below the teeth of a collector.
fn lives_that_warm_up(random: &mut Rng, family: &'static str, level: f64) -> Labelled {
    let lives = some_lives(random, 2.0, 60.0);
    let (course, closing) = filling(random);
    let height = level * between(random, 0.05, 1.0);
    let filled: Vec<f64> = lives
        .age_s
        .iter()
        .map(|age| height * course(age / lives.life_s))
        .collect();
    // An oracle that fits a level to each life and one slope to all sees the bend by ten standard
    // errors, on the floors where there are teeth.
    let rho = some_memory(random);
    let per_tooth = match family {
        "lives-teeth" => scale(random, 6.0, 20.0),
        _ => 1.0,
    };
    let most = sigma_of_bend(&lives, &filled, rho) / per_tooth.sqrt() / 10.0;
    let step_s = lives.time_s[1];
    let tooth = match family {
        "lives-teeth" => (height * scale(random, 0.1, 2.0)).min(per_tooth * most),
        _ => 0.0,
    };
    let tooth_s = per_tooth * step_s;
    let differ = scale(random, 1e-4, 0.05);
    let sizes: Vec<f64> = (0..=lives.restarts.len())
        .map(|_| 1.0 + differ * between(random, -1.0, 1.0))
        .collect();
    // Collections come as from the start on, or at any time.
    let in_phase = random.bool();
    let phases: Vec<f64> = sizes
        .iter()
        .map(|_| if in_phase { 0.0 } else { random.f64() })
        .collect();
    let mut value: Vec<f64> = lives
        .age_s
        .iter()
        .zip(lives.life.iter().zip(&filled))
        .map(|(&age, (&life, filled))| {
            level + filled * sizes[life] + tooth * (age / tooth_s + phases[life]).fract()
        })
        .collect();
    let noise = Noise {
        sigma: (height * scale(random, 0.002, 0.3)).min(most),
        rho,
    };
    add_noise(random, &mut value, &noise);
    // What a life ends with, per hour: the budget lies below it, or well above.
    let pace = height * closing / lives.life_s * 3_600.0;
    let budget = pace * scale(random, 0.02, 10.0);
    Labelled {
        family,
        value: whole(&value),
        truth: match pace > budget {
            true => Truth::Slowing,
            false => Truth::NoLeak,
        },
        budget: Budget::BytesPerHour(budget),
        restarts: Some(lives.restarts),
        time_s: lives.time_s,
        ..Labelled::default()
    }
}

/// Each life warms up for a short while, grows straight, and is ended at its limit or by the clock.
fn lives_that_leak(random: &mut Rng, level: f64) -> Labelled {
    let lives = some_lives(random, 2.0, 60.0);
    let warm_s = lives.life_s * scale(random, 0.002, 0.1);
    let noise = Noise {
        sigma: level * scale(random, 0.001, 0.1),
        rho: some_memory(random),
    };
    // An oracle knows where the lives begin and how they warm up.
    let hours: Vec<f64> = lives.age_s.iter().map(|age| age / 3_600.0).collect();
    let mut known = lives.levels();
    known.push(lives.age_s.iter().map(|a| (-a / warm_s).exp()).collect());
    let error = oracle_error(&hours, &known, &noise);
    let slope = error * scale(random, 6.0, 100.0);
    let budget = slope * between(random, 0.05, 0.7);
    let warm = match random.bool() {
        true => 0.0,
        false => slope * lives.life_s / 3_600.0 * scale(random, 0.01, 2.0),
    };
    let mut value: Vec<f64> = lives
        .age_s
        .iter()
        .zip(&hours)
        .map(|(age, hours)| level - warm * (-age / warm_s).exp() + slope * hours)
        .collect();
    // A warm-up and a line, which must lie far from curves that end.
    let per_life = (lives.time_s.len() / (lives.restarts.len() + 1)).max(10);
    let ages = even_times(lives.life_s, per_life);
    let common: Vec<f64> = ages
        .iter()
        .map(|age| slope * age / 3_600.0 - warm * (-age / warm_s).exp())
        .collect();
    let of_mean = Noise {
        sigma: noise.sigma / (lives.restarts.len() as f64 + 1.0).sqrt(),
        rho: noise.rho,
    };
    let is_apart = warm == 0.0 || distance_to_slowing(&ages, &common, &of_mean) >= 6.0;
    add_noise(random, &mut value, &noise);
    Labelled {
        family: "lives-leak",
        value: whole(&value),
        truth: Truth::Leak,
        easy: slope - budget >= 6.0 * error && is_apart,
        budget: Budget::BytesPerHour(budget),
        slope: Some(slope),
        restarts: Some(lives.restarts),
        time_s: lives.time_s,
        ..Labelled::default()
    }
}

fn some_memory(random: &mut Rng) -> f64 {
    match random.bool() {
        true => 0.0,
        false => between(random, 0.3, 0.9),
    }
}
