//! The stopping rule, the plan and the calibration, measured on runs of known growth.

use leaklab_judge::calibrate::{CalibrateOptions, calibrate};
use leaklab_judge::plan::noise_of;
use leaklab_judge::sequential::StoppingRule;
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
