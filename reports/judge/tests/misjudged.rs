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

#[test]
fn a_cache_of_keys_that_are_met_for_the_first_time_is_no_leak() {
    // Half full after a tenth of the run to all of it: u / (u + q).
    for half_filled in [0.1, 0.2, 0.4, 0.7, 1.0] {
        for seed in 0..6 {
            let fill = |t: f64| 2e8 * t / (t + 14_400.0 * half_filled);
            let got = verdict(seed, 5e5, fill);
            assert_ne!(
                got,
                Verdict::Leak,
                "half full at {half_filled}, seed {seed}"
            );
        }
    }
}

#[test]
fn few_falls_to_next_to_nothing_are_no_proof_of_health() {
    // A leak that is killed at its limit, recorded from the middle of a life.
    for lives in [2.5, 4.0, 6.5] {
        for seed in 0..6 {
            let course = |t: f64| {
                let age = (t * lives / 14_400.0 + 0.4).fract();
                3e9 * age - 0.9 * LEVEL_BYTES
            };
            let got = verdict(seed, 1e6, course);
            assert_ne!(got, Verdict::NoLeak, "{lives} lives, seed {seed}");
        }
    }
}

#[test]
fn a_step_at_the_very_end_shows_that_a_container_still_grows() {
    // Slots that grow by half, the last time a moment before the end.
    for seed in 0..12 {
        let mut capacity = vec![1e3];
        while capacity[capacity.len() - 1] < 1.0e6 {
            let next = 1.5 * capacity[capacity.len() - 1];
            capacity.push(next);
        }
        // The last capacity but one is used up 20 readings before the end.
        let entries_per_s = capacity[capacity.len() - 2] / 14_200.0;
        let course = |t: f64| {
            let entries = entries_per_s * t;
            64.0 * capacity[capacity.partition_point(|&c| c < entries)]
        };
        let got = verdict(seed, 1e6, course);
        assert_ne!(got, Verdict::NoLeak, "seed {seed}");
    }
}
