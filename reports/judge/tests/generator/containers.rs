//! Growth that sits in one container, which takes memory in ever larger steps.

use super::between;
use super::{Labelled, Noise, Truth, add_noise, even_times, noise, oracle_error, scale, whole};
use fastrand::Rng;
use leaklab_judge::Budget;

/// Families of containers.
pub const FAMILIES: [&str; 6] = [
    "container-slots",
    "container-blocks",
    "container-operations",
    "many-containers",
    "container-bounded",
    "container-bounded-operations",
];

/// Capacities that a container which grows by `factor` goes through, up to `most` entries.
fn capacities(first: f64, factor: f64, most: f64) -> Vec<f64> {
    let mut all = vec![first];
    while let Some(&last) = all.last()
        && last < most
    {
        all.push((last * factor).ceil().max(last + 1.0));
    }
    all
}

/// One series of `family`.
pub fn generate(family: &'static str, random: &mut Rng) -> Labelled {
    if family == "many-containers" {
        return many(random);
    }
    let counted = family.ends_with("operations");
    let bounded = family.starts_with("container-bounded");
    let seconds = scale(random, 15.0, 8.0 * 3_600.0);
    let time_s = even_times(seconds, scale(random, 60.0, 2_000.0) as usize);
    let factor = [1.25, 1.5, 2.0][random.usize(0..3)];
    let with_blocks = match family {
        "container-slots" => false,
        "container-blocks" => true,
        _ => random.bool(),
    };
    let slot = if with_blocks {
        [8.0, 16.0, 24.0][random.usize(0..3)]
    } else {
        scale(random, 16.0, 1_024.0).round()
    };
    let block = if with_blocks {
        scale(random, 16.0, 1_024.0).round()
    } else {
        0.0
    };
    // Entries at the end, how many were there before, and when growth ends.
    let operations = scale(random, 2_000.0, 3e6);
    let before = if random.bool() {
        0.0
    } else {
        (operations * scale(random, 1e-3, 0.3)).round()
    };
    let full_share = if bounded {
        between(random, 0.05, 0.6)
    } else {
        1.0
    };
    let room = capacities(4.0, factor, before + operations);
    let done: Vec<f64> = time_s
        .iter()
        .map(|t| (operations * t / seconds).round())
        .collect();
    let entries: Vec<f64> = done
        .iter()
        .map(|d| before + d.min(operations * full_share))
        .collect();
    let capacity: Vec<f64> = entries
        .iter()
        .map(|&n| room[room.partition_point(|&c| c < n)])
        .collect();
    let level = scale(random, 2e5, 1e8);
    let mut value: Vec<f64> = entries
        .iter()
        .zip(&capacity)
        .map(|(n, c)| level + slot * c + block * n)
        .collect();
    let steps: Vec<(usize, f64)> = (1..capacity.len())
        .filter(|&i| capacity[i] > capacity[i - 1])
        .map(|i| (i, slot * (capacity[i] - capacity[i - 1])))
        .collect();
    let last_step = steps.last().map_or(slot * capacity[0], |step| step.1);
    let noise = Noise {
        sigma: if random.f64() < 0.3 {
            0.0
        } else {
            last_step * scale(random, 0.001, 0.1)
        },
        ..noise(random, 0.0)
    };
    add_noise(random, &mut value, &noise);
    let per_operation = slot + block;
    let unit = if counted {
        1.0
    } else {
        operations / seconds * 3_600.0
    };
    let share = scale(random, 0.01, 0.4);
    let slope = if bounded { 0.0 } else { per_operation * unit };
    let budget = per_operation * unit * share;
    let seen = steps.iter().filter(|step| step.1 > 6.0 * noise.sigma);
    let easy = if bounded {
        is_rest_clear(&steps, &done, factor, &noise, budget / unit)
    } else {
        seen.count() >= if factor < 1.5 { 6 } else { 4 }
    };
    Labelled {
        family,
        time_s,
        value: whole(&value),
        operations: counted.then_some(done),
        truth: if bounded { Truth::NoLeak } else { Truth::Leak },
        easy,
        budget: if counted {
            Budget::BytesPerOperation(budget)
        } else {
            Budget::BytesPerHour(budget)
        },
        slope: Some(slope),
        ..Labelled::default()
    }
}

/// Several containers of one kind that grow side by side and began at different sizes.
fn many(random: &mut Rng) -> Labelled {
    let seconds = scale(random, 15.0, 8.0 * 3_600.0);
    let time_s = even_times(seconds, scale(random, 60.0, 2_000.0) as usize);
    let factor = [1.25, 1.5, 2.0][random.usize(0..3)];
    let containers = random.usize(2..40);
    let level = scale(random, 1e5, 1e8);
    let mut value = vec![level; time_s.len()];
    let mut per_hour = 0.0;
    for _ in 0..containers {
        let slot = scale(random, 8.0, 128.0).round();
        let entries = scale(random, 500.0, 1e6);
        let before = entries * random.f64() * scale(random, 1e-3, 3.0);
        let room = capacities(between(random, 4.0, 40.0).round(), factor, before + entries);
        for (v, t) in value.iter_mut().zip(&time_s) {
            let n = (before + entries * t / seconds).floor();
            *v += slot * room[room.partition_point(|&c| c < n)];
        }
        per_hour += slot * entries / seconds * 3_600.0;
    }
    let noise = Noise {
        sigma: if random.f64() < 0.3 {
            0.0
        } else {
            (value[value.len() - 1] - value[0]) * scale(random, 0.0005, 0.02)
        },
        rho: 0.0,
    };
    let steps = || value.windows(2).map(|pair| pair[1] - pair[0]);
    let (sum, squares): (f64, f64) = (steps().sum(), steps().map(|step| step * step).sum());
    add_noise(random, &mut value, &noise);
    let budget = per_hour * scale(random, 0.01, 0.4);
    Labelled {
        family: "many-containers",
        value: whole(&value),
        time_s,
        truth: Truth::Leak,
        // Steps come at any time: as many of one size would scatter as these do.
        easy: sum * sum / squares.max(1.0) >= 12.0,
        budget: Budget::BytesPerHour(budget),
        // Some of them are too large to grow in the time: what is kept is not what is seen.
        slope: None,
        ..Labelled::default()
    }
}

/// Whether the rest after the last step outlasts the next one twice over, and tells growth at
/// the budget per operation from none.
fn is_rest_clear(
    steps: &[(usize, f64)],
    done: &[f64],
    factor: f64,
    noise: &Noise,
    budget: f64,
) -> bool {
    let last = steps.last().map_or(0, |step| step.0);
    let rest = &done[last..];
    let outlasted = done[done.len() - 1] >= 2.0 * factor * done[last];
    outlasted && rest.len() > 8 && budget >= 6.0 * oracle_error(rest, &[], noise)
}

/// A leak whose slots sit in the container that doubles, as a published crate had it: the
/// deterministic night of the documentation.
pub fn night(random: &mut Rng) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let time_s = even_times(8.0 * 3_600.0, 401);
    let operations: Vec<f64> = time_s.iter().map(|t| (50.0 * t).floor()).collect();
    let room = capacities(4.0, 2.0, operations[400]);
    let value = operations
        .iter()
        .map(|&n| {
            50e6 + 16.0 * room[room.partition_point(|&c| c < n)] + 1e5 * super::normal(random)
        })
        .collect();
    (time_s, operations, value)
}
