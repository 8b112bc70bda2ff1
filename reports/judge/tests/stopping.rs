//! The stopping rule, the plan and the calibration, measured on runs of known growth.

use leaklab_judge::calibrate::{CalibrateOptions, calibrate};
use leaklab_judge::plan::noise_of;
use leaklab_judge::sequential::{ERROR, StoppingRule};
use leaklab_judge::{Budget, JudgeOptions, Series, Verdict, judge};

/// A run of `rows` seconds with noise of memory 0.7 and 1 MB, growing by `per_hour`.
fn run(seed: u64, rows: usize, per_hour: f64) -> (Vec<f64>, Vec<f64>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut last = 0.0;
    let time_s: Vec<f64> = (0..rows).map(|i| i as f64).collect();
    let value = time_s
        .iter()
        .map(|t| {
            // Twelve uniform numbers: close to normal, standard deviation 1.
            let fresh: f64 = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
            last = 0.7 * last + 0.714 * fresh;
            5e8 + per_hour * t / 3_600.0 + 1e6 * last
        })
        .collect();
    (time_s, value)
}

fn options(budget_per_hour: f64) -> JudgeOptions {
    JudgeOptions {
        budget: Budget::BytesPerHour(budget_per_hour),
        ..JudgeOptions::default()
    }
}

/// The verdict at which the rule stops, and when; a look every ten seconds.
fn stopped(time_s: &[f64], value: &[f64], options: &JudgeOptions) -> Option<(Verdict, usize)> {
    let mut rule = StoppingRule::default();
    for end in (10..=time_s.len()).step_by(10) {
        let series = Series::new(&time_s[..end], &value[..end]);
        let found = rule.look(end as f64, &series, options).expect("a series");
        if let Some(judgement) = found {
            return Some((judgement.verdict, end));
        }
    }
    None
}

#[test]
fn runs_without_growth_are_hardly_ever_stopped_as_leaks_however_often_they_are_looked_at() {
    // The rule allows an error of 1 %; of 200 runs, 2 are expected at most, 6 are beyond chance
    // (binomial, P(X > 6) < 0.005).
    let wrong = (0..200)
        .filter(|&seed| {
            let (time_s, value) = run(seed, 900, 0.0);
            matches!(
                stopped(&time_s, &value, &options(1e6)),
                Some((Verdict::Leak, _))
            )
        })
        .count();
    println!("stopped as leaks without growth: {wrong} of 200");
    assert!(wrong <= 6, "{wrong} of 200");
}

#[test]
fn growth_at_the_budget_itself_is_hardly_ever_decided() {
    // The hardest case: every decision is an error of one side.
    let decided = (0..100)
        .filter(|&seed| {
            let (time_s, value) = run(1_000 + seed, 900, 2e7);
            stopped(&time_s, &value, &options(2e7)).is_some()
        })
        .count();
    println!("decided at the budget itself: {decided} of 100");
    assert!(decided <= 5, "{decided} of 100");
}

#[test]
fn a_clear_leak_stops_a_run_early_and_rightly() {
    let (mut early, mut wrong) = (0, 0);
    for seed in 0..40 {
        let (time_s, value) = run(2_000 + seed, 1_800, 2e8);
        match stopped(&time_s, &value, &options(2e7)) {
            Some((Verdict::Leak, end)) => early += usize::from(end < 1_500),
            Some(_) => wrong += 1,
            None => {}
        }
    }
    assert_eq!(wrong, 0);
    assert!(early >= 34, "{early} of 40 before the end");
}

/// When a run of twenty minutes is stopped as a leak: it rises to `fill` in the first half minute,
/// and then by 60 MB an hour, with a reading at each of `times`.
fn stopped_after_fill(fill: f64, times: impl Fn(f64) -> f64) -> Option<usize> {
    let mut random = fastrand::Rng::with_seed(8);
    let time_s: Vec<f64> = (0..1_200).map(|i| times(f64::from(i))).collect();
    let value: Vec<f64> = time_s
        .iter()
        .map(|t| 1e7 + fill * (t / 30.0).min(1.0) + 6e7 * t / 3_600.0 + 1e4 * random.f64())
        .collect();
    let mut rule = StoppingRule::new(20.0, ERROR).not_before(120.0);
    (20..=time_s.len()).find(|&end| {
        let series = Series::new(&time_s[..end], &value[..end]);
        let found = rule.look(time_s[end - 1], &series, &options(1e6));
        let found = found.expect("a series");
        found.is_some_and(|judgement| judgement.verdict == Verdict::Leak)
    })
}

#[test]
fn growth_ends_no_run_while_it_may_be_the_end_of_a_fill() {
    let alone = stopped_after_fill(0.0, |i| i).expect("stopped");
    assert!((120..200).contains(&alone), "{alone}");
    // Half of 24 MB are 12 MB, which it takes twelve minutes to grow by.
    let behind = stopped_after_fill(2.4e7, |i| i).expect("stopped");
    assert!((720..1_000).contains(&behind), "{behind}");
    assert_eq!(stopped_after_fill(6e7, |i| i), None);
}

#[test]
fn readings_at_uneven_times_are_no_sampler_s_and_end_no_run_as_a_leak() {
    let uneven = |i: f64| i + 0.45 * (1.7 * i).sin();
    assert_eq!(stopped_after_fill(0.0, uneven), None);
}

#[test]
fn the_errors_of_all_looks_add_up_to_the_allowed_one() {
    let rule = StoppingRule::new(10.0, 0.01);
    let sum: f64 = (1..100_000).map(|look| rule.error_of_look(look)).sum();
    assert!(sum <= 0.01 && sum > 0.0099, "{sum}");
}

#[test]
fn a_planned_length_sees_the_leak_it_was_planned_for() {
    let (time_s, value) = run(77, 900, 0.0);
    let noise = noise_of(&Series::new(&time_s, &value), &options(1e6))
        .expect("a series")
        .expect("a settled part");
    let leak = noise.visible_per_hour_in(1_800.0);
    assert!((noise.length_s(leak) - 1_800.0).abs() < 1.0);
    let seen = (0..40)
        .filter(|&seed| {
            let (time_s, value) = run(3_000 + seed, 1_800, leak);
            let judgement = judge(&Series::new(&time_s, &value), &options(0.0)).expect("a series");
            judgement.verdict == Verdict::Leak
        })
        .count();
    assert!(seen >= 30, "{seen} of 40 seen");
}

#[test]
fn calibration_finds_the_leak_that_the_judge_finds() {
    let (time_s, value) = run(78, 900, 0.0);
    let how = CalibrateOptions {
        resamples: 25,
        ..CalibrateOptions::default()
    };
    let found =
        calibrate(&[Series::new(&time_s, &value)], &options(2e7), &how).expect("a healthy run");
    assert_eq!((found.series, found.trials), (1, 25));
    assert!(found.false_alarm_rate <= 0.08, "{found:?}");
    let leak = found
        .smallest_leak_per_hour
        .expect("one of those tried is seen");
    assert!(leak > 2e7, "below the budget nothing is a leak: {leak}");
    let again = (0..30)
        .filter(|&seed| {
            let (time_s, value) = run(4_000 + seed, 900, leak);
            judge(&Series::new(&time_s, &value), &options(2e7))
                .expect("a series")
                .verdict
                == Verdict::Leak
        })
        .count();
    assert!(again >= 22, "{again} of 30 seen");
}

/// When and with what verdict the rule stops a series that is looked at row by row.
fn stopped_at(
    mut rule: StoppingRule,
    time_s: &[f64],
    value: &[f64],
    options: &JudgeOptions,
) -> Option<(Verdict, f64)> {
    for end in 10..=time_s.len() {
        let elapsed_s = time_s[end - 1];
        let series = Series::new(&time_s[..end], &value[..end]);
        if let Some(judgement) = rule.look(elapsed_s, &series, options).expect("a series") {
            return Some((judgement.verdict, elapsed_s));
        }
    }
    None
}

/// The rule for programs, at a reading every `interval_s`.
fn for_programs(interval_s: f64) -> StoppingRule {
    StoppingRule::new(20.0 * interval_s, ERROR).not_before(300.0)
}

#[test]
fn what_fills_or_climbs_for_less_than_the_least_length_is_not_stopped_as_a_leak() {
    type Course = fn(f64) -> f64;
    let courses: [(&str, Course); 5] = [
        ("fills for a minute and frees it", |t| {
            if t < 60.0 { 4e6 * t } else { 0.0 }
        }),
        ("a cache that fills for five minutes", |t| {
            1e5 * t.min(300.0)
        }),
        ("teeth of 40 s", |t| 2e6 * (t % 40.0)),
        ("teeth of two minutes", |t| 2e6 * (t % 120.0)),
        ("a late batch", |t| 1e6 * (t - 250.0).clamp(0.0, 120.0)),
    ];
    let mut random = fastrand::Rng::with_seed(11);
    for interval_s in [0.1, 1.0] {
        for (name, course) in courses {
            let time_s: Vec<f64> = (0..(900.0 / interval_s) as usize)
                .map(|i| i as f64 * interval_s)
                .collect();
            let value: Vec<f64> = time_s
                .iter()
                .map(|&t| (1e8 + course(t) + 1e4 * random.f64()).round())
                .collect();
            let stopped = stopped_at(for_programs(interval_s), &time_s, &value, &options(5e6));
            assert!(
                !matches!(stopped, Some((Verdict::Leak, _))),
                "{name}, every {interval_s} s: {stopped:?}"
            );
            assert!(stopped.is_none_or(|(_, at)| at >= 300.0), "{name}");
        }
    }
}

#[test]
fn a_larger_leak_is_stopped_sooner_and_none_before_the_least_length() {
    let at = |per_hour: f64| {
        let (time_s, value) = run(5, 3_000, per_hour);
        let stopped = stopped_at(for_programs(1.0), &time_s, &value, &options(1e8));
        let (verdict, at) = stopped.expect("a clear leak");
        assert_eq!(verdict, Verdict::Leak);
        at
    };
    let (twice, five_times, twenty_times) = (at(2e8), at(5e8), at(2e9));
    println!("stopped after {twice} s, {five_times} s, {twenty_times} s");
    assert!(
        300.0 <= twenty_times && twenty_times < five_times && five_times < twice,
        "{twice} {five_times} {twenty_times}"
    );
    assert!(twice <= 2.2 * 300.0, "{twice}");
}

#[test]
fn resident_memory_that_could_not_have_moved_is_not_stopped_as_healthy() {
    // Twice a budget of 1 MiB an hour takes four minutes for a step of 128 KiB.
    let per_s = 2.0 * 1_048_576.0 / 3_600.0;
    let time_s: Vec<f64> = (0..3_000).map(f64::from).collect();
    let value: Vec<f64> = time_s
        .iter()
        .map(|t| 1e7_f64.round() + 131_072.0 * (per_s * t / 131_072.0).floor())
        .collect();
    let options = JudgeOptions {
        grain: leaklab_judge::RSS_GRAIN_BYTES,
        ..options(1_048_576.0)
    };
    let stopped = stopped_at(for_programs(1.0), &time_s, &value, &options);
    println!("twice the budget, in steps: {stopped:?}");
    assert!(
        !matches!(stopped, Some((Verdict::NoLeak, _))),
        "{stopped:?}"
    );
}
