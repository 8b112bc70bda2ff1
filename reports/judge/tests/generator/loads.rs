//! Memory that follows its load: days with weekends, load that is switched, load that ramps
//! down, no load at all.

use super::{
    Design, Labelled, Noise, Truth, add_noise, between, change_with, even_times, scale, whole,
};
use fastrand::Rng;
use leaklab_judge::Budget;

/// Families of loads.
pub const FAMILIES: [&str; 7] = [
    "weeks",
    "on-off",
    "on-off-operations",
    "ramp-down",
    "ramp-down-operations",
    "hourly-jobs",
    "idle",
];

/// One series of `family`.
pub fn generate(family: &'static str, random: &mut Rng) -> Labelled {
    let level = scale(random, 2e7, 4e9);
    match family {
        "weeks" => weeks(random, level),
        "on-off" | "on-off-operations" => on_off(random, family, level),
        "ramp-down" | "ramp-down-operations" => ramp_down(random, family, level),
        "hourly-jobs" => hourly_jobs(random, level),
        _ => idle(random, level),
    }
}

fn some_noise(random: &mut Rng, height: f64) -> Noise {
    Noise {
        sigma: height * scale(random, 0.005, 0.1),
        rho: if random.bool() {
            0.0
        } else {
            between(random, 0.3, 0.95)
        },
    }
}

/// Ten days to six weeks of days that are busy and weekends that are not.
fn weeks(random: &mut Rng, level: f64) -> Labelled {
    let days = between(random, 10.0, 42.0);
    let step_s = [300.0, 600.0, 1_800.0][random.usize(0..3)];
    let time_s = even_times(days * 86_400.0, (days * 86_400.0 / step_s) as usize);
    let first_day = between(random, 0.0, 7.0);
    let weekend = between(random, 0.0, 0.5);
    let sharpness = between(random, 0.5, 3.0);
    let height = level * between(random, 0.05, 0.4);
    let course = |first_day: f64, weekend: f64, sharpness: f64| -> Vec<f64> {
        let busy = |t: &f64| {
            let day = (first_day + t / 86_400.0).rem_euclid(7.0);
            let hour = day.fract() * std::f64::consts::TAU;
            let busy = (0.5 - 0.5 * hour.cos()).powf(sharpness);
            busy * if day >= 5.0 { weekend } else { 1.0 }
        };
        time_s.iter().map(busy).collect()
    };
    let load = course(first_day, weekend, sharpness);
    let unknown = [
        change_with(first_day, |day| course(day, weekend, sharpness)),
        change_with(weekend, |weekend| course(first_day, weekend, sharpness)),
        change_with(sharpness, |sharpness| course(first_day, weekend, sharpness)),
    ];
    let noise = some_noise(random, height);
    let mut design = Design::steady(time_s, level, noise);
    for (v, l) in design.value.iter_mut().zip(&load) {
        *v += height * l;
    }
    design.known.push(load);
    design.known.extend(unknown);
    let leaking = random.bool();
    design.labelled(random, "weeks", leaking)
}

/// The part of a whole that was done by each point, from a rate at each.
fn done_by(time_s: &[f64], rate: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut done = vec![0.0];
    for i in 1..time_s.len() {
        sum += 0.5 * (rate[i] + rate[i - 1]) * (time_s[i] - time_s[i - 1]);
        done.push(sum);
    }
    done
}

/// Gives `labelled` what makes a load visible or says that it is not.
fn with_work(mut labelled: Labelled, done: &[f64], per_second: f64, counted: bool) -> Labelled {
    labelled.operations = counted.then(|| done.iter().map(|d| (per_second * d).round()).collect());
    labelled.hidden_load = !counted;
    labelled
}

/// Load that is switched on and off for irregular times; a leak goes with the work.
fn on_off(random: &mut Rng, family: &'static str, level: f64) -> Labelled {
    let count = scale(random, 300.0, 5_000.0) as usize;
    let time_s = even_times(scale(random, 600.0, 5.0 * 86_400.0), count);
    let total = time_s[count - 1];
    let switches = scale(random, 4.0, 60.0);
    let (mut until, mut on) = (0.0, random.bool());
    let load: Vec<f64> = time_s
        .iter()
        .map(|&t| {
            while t >= until {
                until += total / switches * between(random, 0.3, 1.7);
                on = !on;
            }
            f64::from(u8::from(on))
        })
        .collect();
    let height = level * between(random, 0.05, 1.0);
    let noise = some_noise(random, height * 0.3);
    let mut design = Design::steady(time_s, level, noise);
    for (v, l) in design.value.iter_mut().zip(&load) {
        *v += height * l;
    }
    let done = done_by(&design.time_s, &load);
    // Growth per hour is that between the first work and the last: before and after, nobody ran it.
    let worked: Vec<f64> = (0..count)
        .filter(|&i| load[i] > 0.0)
        .map(|i| design.time_s[i])
        .collect();
    let ran_s = worked
        .last()
        .zip(worked.first())
        .map_or(total, |(l, f)| l - f);
    let duty = (done[count - 1] / ran_s.max(0.01 * total)).max(0.01);
    design.growth = done.iter().map(|d| d / duty / 3_600.0).collect();
    design.known.push(load);
    let leaking = random.bool();
    let rate = scale(random, 1.0, 5_000.0);
    let labelled = design.labelled(random, family, leaking);
    with_work(labelled, &done, rate, family.ends_with("operations"))
}

/// A load test whose load ramps down at the end: what is in flight goes with it, what leaked
/// stays.
fn ramp_down(random: &mut Rng, family: &'static str, level: f64) -> Labelled {
    let count = scale(random, 150.0, 5_000.0) as usize;
    let time_s = even_times(scale(random, 60.0, 86_400.0), count);
    let total = time_s[count - 1];
    let down = total * between(random, 0.6, 0.95);
    let rest = if random.bool() {
        0.0
    } else {
        between(random, 0.0, 0.3)
    };
    let over = down + (total - down) * between(random, 0.1, 1.0);
    let load: Vec<f64> = time_s
        .iter()
        .map(|&t| 1.0 - (1.0 - rest) * ((t - down) / (over - down).max(1e-9)).clamp(0.0, 1.0))
        .collect();
    let height = level * between(random, 0.05, 1.0);
    let noise = some_noise(random, height * 0.2);
    let mut design = Design::steady(time_s, level, noise);
    for (v, l) in design.value.iter_mut().zip(&load) {
        *v += height * l;
    }
    let done = done_by(&design.time_s, &load);
    design.growth = done.iter().map(|d| d / 3_600.0).collect();
    design.known.push(load);
    let leaking = random.bool();
    let rate = scale(random, 1.0, 5_000.0);
    let labelled = design.labelled(random, family, leaking);
    with_work(labelled, &done, rate, family.ends_with("operations"))
}

/// A job at the same minute of every hour, larger on some than on others.
fn hourly_jobs(random: &mut Rng, level: f64) -> Labelled {
    let hours = between(random, 6.0, 72.0);
    let step_s = [10.0, 30.0, 60.0][random.usize(0..3)];
    let time_s = even_times(hours * 3_600.0, (hours * 3_600.0 / step_s) as usize);
    let minute = between(random, 0.0, 60.0);
    let lasts = between(random, 2.0, 20.0);
    let height = level * between(random, 0.1, 1.5);
    let sizes: Vec<f64> = (0..=hours as usize + 1)
        .map(|_| between(random, 0.7, 1.3))
        .collect();
    let job: Vec<f64> = time_s
        .iter()
        .map(|t| {
            let since = t / 60.0 + 60.0 - minute;
            let runs = since % 60.0 < lasts;
            f64::from(u8::from(runs)) * sizes[(since / 60.0) as usize]
        })
        .collect();
    let noise = some_noise(random, level * 0.05);
    let mut design = Design::steady(time_s, level, noise);
    for (v, j) in design.value.iter_mut().zip(&job) {
        *v += height * j;
    }
    design.known.push(job);
    let leaking = random.bool();
    design.labelled(random, "hourly-jobs", leaking)
}

/// A program that nobody asked for anything: it counts operations, and there were none, or a
/// few right at the start.
fn idle(random: &mut Rng, level: f64) -> Labelled {
    let count = scale(random, 60.0, 3_000.0) as usize;
    let time_s = even_times(scale(random, 15.0, 8.0 * 3_600.0), count);
    let mut value = vec![level; count];
    let noise = Noise {
        sigma: if random.bool() {
            0.0
        } else {
            level * scale(random, 1e-5, 3e-3)
        },
        rho: 0.0,
    };
    add_noise(random, &mut value, &noise);
    Labelled {
        family: "idle",
        operations: Some(vec![0.0; count]),
        value: whole(&value),
        truth: Truth::Untested,
        budget: Budget::BytesPerHour(0.05 * level / time_s[count - 1] * 3_600.0),
        time_s,
        ..Labelled::default()
    }
}
