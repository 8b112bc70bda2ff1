//! Counts that are exact to the byte, as those of an allocator: without noise nothing averages
//! out, and what does not move may be a container that has room left.

use leaklab_judge::{Budget, JudgeOptions, Judgement, Series, Verdict, judge};

fn judged(time_s: &[f64], value: &[f64], budget_per_s: f64) -> Judgement {
    let options = JudgeOptions {
        budget: Budget::BytesPerHour(3_600.0 * budget_per_s),
        exact: true,
        ..JudgeOptions::default()
    };
    judge(&Series::new(time_s, value), &options).expect("a series")
}

/// Times of `seconds` in `count` steps, each off by up to `jitter` of one.
fn times(random: &mut fastrand::Rng, seconds: f64, count: usize, jitter: f64) -> Vec<f64> {
    let step = seconds / count as f64;
    (0..count)
        .map(|i| step * (i as f64 + jitter * random.f64()))
        .collect()
}

#[test]
fn exact_warm_ups_read_at_uneven_times_are_not_thrown_open_by_rounding() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let count = 40 + random.usize(0..500);
        let (seconds, jitter) = (5.0 + 60.0 * random.f64(), 0.9 * random.f64());
        let time_s = times(&mut random, seconds, count, jitter);
        let filled_s = seconds * (0.02 + 0.25 * random.f64());
        let (level, room) = (1e6 * random.f64(), 1e4 + 1e6 * random.f64());
        let filled = |t: &f64| (level + room * (t / filled_s).min(1.0)).round();
        let value: Vec<f64> = time_s.iter().map(filled).collect();
        let judgement = judged(&time_s, &value, 65_536.0 / 3_600.0);
        assert_eq!(
            judgement.verdict,
            Verdict::NoLeak,
            "seed {seed}: {}",
            judgement.reason
        );
    }
}

#[test]
fn a_container_that_is_filled_from_the_start_is_never_called_healthy() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let seconds = [12.0, 60.0, 600.0][random.usize(0..3)];
        let count = 120 + random.usize(0..600);
        let time_s = times(&mut random, seconds, count, 0.1);
        let factor = [1.25, 1.5, 2.0][random.usize(0..3)];
        // A page at first, filled at least four times over.
        let rate = 4.0 * 4_096.0 / seconds * 2.0_f64.powf(8.0 * random.f64());
        let warm_up = if random.bool() { 2e5 } else { 0.0 };
        let mut room = vec![4_096.0];
        while room[room.len() - 1] < 2.0 * rate * seconds {
            room.push((room[room.len() - 1] * factor).ceil());
        }
        let value: Vec<f64> = time_s
            .iter()
            .map(|t| {
                let held = room[room.partition_point(|&most| most < rate * t)];
                (1e7 + held - warm_up * (-20.0 * t / seconds).exp()).round()
            })
            .collect();
        let judgement = judged(
            &time_s,
            &value,
            rate * 0.05 * 2.0_f64.powf(3.0 * random.f64()),
        );
        assert_ne!(
            judgement.verdict,
            Verdict::NoLeak,
            "seed {seed}, {rate:.0} B/s by {factor}: {}",
            judgement.reason
        );
    }
}

#[test]
fn a_level_that_rests_is_healthy_after_seconds() {
    let time_s: Vec<f64> = (0..120).map(|i| 0.1 * f64::from(i)).collect();
    assert_eq!(judged(&time_s, &[5e6; 120], 20.0).verdict, Verdict::NoLeak);
}

#[test]
fn what_grew_once_in_the_later_half_is_healthy_once_twice_the_time_has_passed() {
    let value = |t: &f64| if *t < 7.0 { 5e6 } else { 5e6 + 40_000.0 };
    for (rows, due) in [(120, Verdict::Inconclusive), (200, Verdict::NoLeak)] {
        let time_s: Vec<f64> = (0..rows).map(|i| 0.1 * f64::from(i)).collect();
        let levels: Vec<f64> = time_s.iter().map(value).collect();
        let judgement = judged(&time_s, &levels, 500.0);
        assert_eq!(judgement.verdict, due, "{rows}: {}", judgement.reason);
    }
}

#[test]
fn a_step_below_what_the_budget_allows_by_then_says_nothing() {
    let time_s: Vec<f64> = (0..120).map(|i| 0.1 * f64::from(i)).collect();
    let value: Vec<f64> = time_s
        .iter()
        .map(|t| if *t < 7.0 { 5e6 } else { 5e6 + 1_000.0 })
        .collect();
    assert_eq!(judged(&time_s, &value, 500.0).verdict, Verdict::NoLeak);
}
