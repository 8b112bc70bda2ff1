//! Shapes that an earlier judge took for something else, with many seeds.

use leaklab_judge::{Budget, JudgeOptions, Series, Verdict, judge};

/// Readings, ten seconds apart.
const READINGS: usize = 1_440;
const LEVEL_BYTES: f64 = 3e8;

/// The verdict on `course` (bytes above the level at each second) with a little noise.
fn verdict(seed: u64, budget_per_hour: f64, course: impl Fn(f64) -> f64) -> Verdict {
    let mut random = fastrand::Rng::with_seed(seed);
    let time_s: Vec<f64> = (0..READINGS).map(|i| 10.0 * i as f64).collect();
    let value: Vec<f64> = time_s
        .iter()
        .map(|&t| (LEVEL_BYTES + course(t) + 2e5 * (random.f64() - 0.5)).round())
        .collect();
    let options = JudgeOptions {
        budget: Budget::BytesPerHour(budget_per_hour),
        ..JudgeOptions::default()
    };
    let series = Series::new(&time_s, &value);
    judge(&series, &options).expect("a series").verdict
}

#[test]
fn three_or_four_steps_are_neither_a_leak_nor_none() {
    // Even ones look like a cycle beside a line.
    for steps in [3.0, 4.0] {
        for seed in 0..12 {
            let length_s = 14_400.0 / (steps + 1.0);
            let got = verdict(seed, 8e5, |t| 3e7 * (t / length_s).floor());
            assert_eq!(got, Verdict::Inconclusive, "{steps} steps, seed {seed}");
        }
    }
}

#[test]
fn a_job_that_gives_all_back_is_no_leak() {
    // A slow rise and a fall at once, as steps: the falls alone must not be taken out.
    for turns in [7.0, 9.0, 11.0, 13.0, 16.0] {
        for seed in 0..6 {
            let length_s = 14_400.0 / turns;
            let rise = |t: f64| ((t / length_s).fract() - 0.6).max(0.0) / 0.4 * 1.9e8;
            let got = verdict(seed, 4e7, rise);
            assert_ne!(got, Verdict::Leak, "{turns} turns, seed {seed}");
        }
    }
}

#[test]
fn what_is_left_of_bent_teeth_does_not_add_up_to_a_leak() {
    // Trimmed at equal times, each rise slowing down, as lives after restarts would.
    for trims in [8.0, 20.0] {
        for seed in 0..12 {
            let length_s = 14_400.0 / trims;
            let rise = |t: f64| 5e7 * (1.0 - (-3.0 * (t / length_s).fract()).exp());
            let got = verdict(seed, 3e5, rise);
            assert_ne!(got, Verdict::Leak, "{trims} trims, seed {seed}");
        }
    }
}

#[test]
fn a_restart_that_is_over_at_once_hides_no_leak() {
    // Up again within five readings: for a search for bursts that is one.
    for restarts in [1.0, 2.0, 3.0] {
        for seed in 0..6 {
            let life_s = 14_400.0 / (restarts + 0.7);
            let course = |t: f64| {
                let age_s = t % life_s;
                2e8 * -(-age_s / 12.0).exp() + 3e6 / 3_600.0 * age_s
            };
            let got = verdict(seed, 1e6, course);
            assert_ne!(got, Verdict::NoLeak, "{restarts} restarts, seed {seed}");
        }
    }
}

#[test]
fn moves_that_go_on_are_not_taken_out_to_say_no_leak() {
    // One leap at the start, then small moves up, none of them like it.
    for seed in 0..12 {
        let mut random = fastrand::Rng::with_seed(1_000 + seed);
        let places: Vec<f64> = (0..7)
            .map(|i| 2_000.0 * (f64::from(i) + 0.8 * random.f64()))
            .collect();
        let course = |t: f64| {
            let moved = places.iter().filter(|&&place| place < t).count() as f64;
            if t < 600.0 { -5e7 } else { 4e6 * moved }
        };
        let got = verdict(seed, 2e6, course);
        assert_ne!(got, Verdict::NoLeak, "seed {seed}");
    }
}
