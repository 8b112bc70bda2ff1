//! What the judge must hold on series of every family, however they are written down.

#[path = "generator/mod.rs"]
mod generator;

use generator::classic::FAMILIES;
use generator::{Labelled, Truth, generate};
use leaklab_judge::{Budget, JudgeOptions, Judgement, Series, Verdict, judge};

fn judged(time_s: &[f64], value: &[f64], budget_per_hour: f64) -> Judgement {
    let options = JudgeOptions {
        budget: Budget::BytesPerHour(budget_per_hour),
        ..JudgeOptions::default()
    };
    judge(&Series::new(time_s, value), &options).expect("a series")
}

fn of(labelled: &Labelled) -> Verdict {
    labelled.verdict()
}

/// Fresh seeds with `LEAKLAB_TEST_SEED`; otherwise the same on every machine.
fn first_seed() -> u64 {
    std::env::var("LEAKLAB_TEST_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(90_000)
}

#[test]
fn the_shared_corpus_is_judged_without_error() {
    let Some(folder) = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("shared/corpus"))
        .find(|folder| folder.join("labels.csv").is_file())
    else {
        eprintln!("the shared corpus is not here; score_corpus judges it where it is");
        return;
    };
    let text = std::fs::read_to_string(folder.join("labels.csv")).expect("labels");
    let (mut wrong, mut open, mut easy) = (Vec::new(), Vec::new(), 0);
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let (time_s, value): (Vec<f64>, Vec<f64>) = csv::Reader::from_path(folder.join(fields[0]))
            .expect("a series")
            .deserialize::<(f64, f64)>()
            .map(|row| row.expect("a time and a value"))
            .unzip();
        let budget: f64 = fields[3].parse().expect("a budget");
        let verdict = judged(&time_s, &value, budget).verdict;
        let truth = match fields[2] {
            "leak" => Truth::Leak,
            "no-leak" => Truth::NoLeak,
            _ => Truth::Slowing,
        };
        if truth.is_contradicted_by(verdict) {
            wrong.push(fields[0].to_owned());
        }
        let decidable = fields[5] == "easy" && truth != Truth::Slowing;
        easy += usize::from(decidable);
        if decidable && verdict == Verdict::Inconclusive {
            open.push(fields[0].to_owned());
        }
    }
    assert!(wrong.len() <= 1, "wrong: {wrong:?}");
    assert!(open.len() * 20 <= easy, "abstained on {open:?} of {easy}");
}

#[test]
fn units_and_origins_do_not_change_a_verdict() {
    for family in FAMILIES {
        for seed in first_seed() + 100..first_seed() + 106 {
            let series = generate(family, seed);
            let plain = of(&series);
            let later: Vec<f64> = series.time_s.iter().map(|t| t + 86_400.0).collect();
            let higher: Vec<f64> = series.value.iter().map(|v| v + 1_048_576.0).collect();
            let halves: Vec<f64> = series.value.iter().map(|v| v / 1_024.0).collect();
            // Hours taken for seconds: 3600 times as fast.
            let hours: Vec<f64> = series.time_s.iter().map(|t| t / 3_600.0).collect();
            let budget = series.budget_per_hour();
            for (what, verdict) in [
                ("later", judged(&later, &series.value, budget).verdict),
                ("higher", judged(&series.time_s, &higher, budget).verdict),
                (
                    "in KiB",
                    judged(&series.time_s, &halves, budget / 1_024.0).verdict,
                ),
            ] {
                assert_eq!(verdict, plain, "{family} {seed} {what}");
            }
            if family != "daily" && family != "part-of-a-day" {
                // A day has a length of its own; every other shape has none.
                let fast = judged(&hours, &series.value, budget * 3_600.0).verdict;
                assert_eq!(fast, plain, "{family} {seed} in hours");
            }
        }
    }
}

#[test]
fn thinning_and_gaps_never_turn_a_verdict_into_its_opposite() {
    for family in FAMILIES {
        for seed in first_seed() + 200..first_seed() + 208 {
            let series = generate(family, seed);
            let whole = of(&series);
            let n = series.time_s.len();
            let keep = |kept: &dyn Fn(usize) -> bool| {
                let pick = |values: &[f64]| {
                    (0..n)
                        .filter(|&i| kept(i))
                        .map(|i| values[i])
                        .collect::<Vec<_>>()
                };
                judged(
                    &pick(&series.time_s),
                    &pick(&series.value),
                    series.budget_per_hour(),
                )
                .verdict
            };
            for (what, verdict) in [
                ("every other", keep(&|i| i % 2 == 0)),
                (
                    "a gap in the middle",
                    keep(&|i| i < n * 45 / 100 || i > n * 55 / 100),
                ),
                (
                    "a late gap",
                    keep(&|i| i < n * 75 / 100 || i > n * 80 / 100),
                ),
            ] {
                let opposite = matches!(
                    (whole, verdict),
                    (Verdict::Leak, Verdict::NoLeak) | (Verdict::NoLeak, Verdict::Leak)
                );
                assert!(
                    !opposite,
                    "{family} {seed} {what}: {whole} became {verdict}"
                );
            }
        }
    }
}

#[test]
fn series_that_are_none_are_refused_in_words() {
    let options = JudgeOptions::default();
    let error = |time: &[f64], value: &[f64]| {
        judge(&Series::new(time, value), &options)
            .expect_err("no series")
            .to_string()
    };
    assert_eq!(error(&[], &[]), "the series is empty: no time has a value");
    assert_eq!(
        error(&[0.0, 1.0], &[f64::NAN, f64::NAN]),
        "the series is empty: no time has a value"
    );
    assert_eq!(error(&[0.0, 1.0], &[1.0]), "2 times, but 1 values");
    assert!(error(&[0.0, 2.0, 1.0], &[1.0; 3]).contains("backwards at point 2"));
    assert!(error(&[0.0, f64::NAN], &[1.0; 2]).contains("time 1"));
    assert!(error(&[0.0, 1.0], &[1.0, -1.0]).contains("never negative"));
    assert!(error(&[0.0, 1.0], &[1.0, f64::INFINITY]).contains("infinite"));
}

#[test]
fn few_or_degenerate_readings_are_inconclusive_and_never_a_panic() {
    for (time, value) in [
        (vec![0.0], vec![5.0]),
        (vec![0.0, 1.0, 2.0], vec![1e6, 2e6, 3e6]),
        (vec![7.0; 50], vec![1e6; 50]),
        (
            (0..9).map(f64::from).collect(),
            (0..9).map(|i| 1e6 + 1e5 * f64::from(i)).collect(),
        ),
    ] {
        assert_eq!(
            judged(&time, &value, 100.0).verdict,
            Verdict::Inconclusive,
            "{value:?}"
        );
    }
}

#[test]
fn lives_too_short_to_be_judged_are_no_green_together() {
    // Forty lives of six readings, each of which grows by a tenth: level, if all are one series.
    for readings in [3_u32, 6, 9] {
        let rows = 0..40 * readings;
        let time_s: Vec<f64> = rows.clone().map(|row| 60.0 * f64::from(row)).collect();
        let value: Vec<f64> = rows
            .map(|row| 1e8 + 1e7 * f64::from(row % readings) / f64::from(readings))
            .collect();
        let restarts: Vec<f64> = (1..40)
            .map(|life| time_s[(life * readings) as usize])
            .collect();
        let series = Series {
            restarts: Some(&restarts),
            ..Series::new(&time_s, &value)
        };
        let judgement = judge(&series, &JudgeOptions::default()).expect("a series");
        assert_ne!(judgement.verdict, Verdict::NoLeak, "{}", judgement.reason);
    }
}

#[test]
fn lost_readings_are_left_out() {
    let time: Vec<f64> = (0..400).map(f64::from).collect();
    let value: Vec<f64> = (0..400)
        .map(|i| {
            if i % 7 == 3 {
                f64::NAN
            } else {
                1e8 + f64::from(i % 5) * 100.0
            }
        })
        .collect();
    let judgement = judged(&time, &value, 1e6);
    assert_eq!(judgement.verdict, Verdict::NoLeak, "{}", judgement.reason);
    assert_eq!(
        judgement.points,
        value.iter().filter(|v| v.is_finite()).count()
    );
}

#[test]
fn the_p_value_agrees_with_the_verdict_and_says_nothing_of_too_little() {
    let time_s: Vec<f64> = (0..600).map(|i| f64::from(i) * 60.0).collect();
    let noise = |t: f64| 1e5 * ((t / 60.0 * 0.618_033_988_75).fract() - 0.5);
    let judged = |rate: f64, rows: usize| {
        let value: Vec<f64> = time_s.iter().map(|t| 1e8 + rate * t + noise(*t)).collect();
        judge(
            &Series::new(&time_s[..rows], &value[..rows]),
            &JudgeOptions::default(),
        )
        .expect("a judgement")
    };
    let (leak, level, short) = (judged(500.0, 600), judged(0.0, 600), judged(500.0, 6));
    assert_eq!(leak.verdict, Verdict::Leak);
    assert!(leak.p_value <= 0.005, "{}", leak.p_value);
    assert_eq!(level.verdict, Verdict::NoLeak);
    assert!(level.p_value >= 0.995, "{}", level.p_value);
    assert_eq!(short.p_value, 1.0);
}

#[test]
fn what_is_needed_is_never_less_than_several_steps_of_the_metric_take() {
    // Eight seconds of a program that rests, resident memory flickering by a page: at half a
    // percent of 50 MB an hour, three steps of 128 KiB take 1.57 h.
    let time_s: Vec<f64> = (0..80).map(|i| 0.1 * f64::from(i)).collect();
    let value: Vec<f64> = (0..80)
        .map(|i| 5e7 + 4_096.0 * f64::from(i * i % 3))
        .collect();
    let options = JudgeOptions {
        grain: leaklab_judge::RSS_GRAIN_BYTES,
        ..JudgeOptions::default()
    };
    let judgement = judge(&Series::new(&time_s, &value), &options).expect("a series");
    assert_eq!(judgement.verdict, Verdict::Inconclusive);
    let needs_s = judgement.needs_s.expect("longer");
    assert!(needs_s > 5_400.0, "{needs_s} s: {}", judgement.reason);
}

/// Six days of a reading in ten minutes, restarted after each of the first five, with growth per
/// hour before the last restart and after it.
fn lives(before: f64, after: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    const DAY: usize = 144;
    let mut random = fastrand::Rng::with_seed(11);
    let time_s: Vec<f64> = (0..6 * DAY).map(|i| 600.0 * i as f64).collect();
    let value = (0..6 * DAY).map(|i| {
        let rate = if i < 5 * DAY { before } else { after };
        1e8 + rate * (i % DAY) as f64 / 6.0 + 1e5 * random.f64()
    });
    let restarts = (1..6).map(|day| time_s[day * DAY]).collect();
    (time_s.clone(), value.collect(), restarts)
}

#[test]
fn what_runs_since_the_last_restart_on_record_speaks_for_itself() {
    for (before, after, due) in [
        (0.0, 5e6, (Verdict::Leak, true)),
        // A sixth of the record is too short to say that what leaked before does not any more.
        (5e6, 0.0, (Verdict::Inconclusive, false)),
        (5e6, 5e6, (Verdict::Leak, false)),
        (0.0, 0.0, (Verdict::NoLeak, false)),
    ] {
        let (time_s, value, restarts) = lives(before, after);
        let series = Series {
            restarts: Some(&restarts),
            ..Series::new(&time_s, &value)
        };
        let judgement = judge(&series, &JudgeOptions::default()).expect("a series");
        let is_told = judgement
            .reason
            .starts_with("since the restart 23 h 50 min");
        let found = (judgement.verdict, is_told);
        assert_eq!(found, due, "{before} {after}: {}", judgement.reason);
    }
}

/// The verdict on forty lives of `readings` minutes each, all restarts on record, whose course is
/// that of `course` over 0 to 1, with noise of `noise` on it.
fn verdict_of_lives(
    readings: usize,
    noise: f64,
    seed: u64,
    course: impl Fn(f64) -> f64,
) -> Verdict {
    const LIVES: usize = 40;
    let mut random = fastrand::Rng::with_seed(seed);
    let time_s: Vec<f64> = (0..LIVES * readings).map(|i| 60.0 * i as f64).collect();
    let value: Vec<f64> = (0..LIVES * readings)
        .map(|i| {
            let age = (i % readings) as f64 / readings as f64;
            1e8 + course(age) + noise * (random.f64() - 0.5)
        })
        .collect();
    let restarts: Vec<f64> = (1..LIVES).map(|life| time_s[life * readings]).collect();
    let series = Series {
        restarts: Some(&restarts),
        ..Series::new(&time_s, &value)
    };
    judge(&series, &JudgeOptions::default())
        .expect("a series")
        .verdict
}

#[test]
fn lives_that_each_warm_up_are_no_leak_together() {
    for tau in [0.3, 0.6, 1.0, 2.0] {
        for seed in 0..3 {
            let fills = |age: f64| 2e7 * (1.0 - (-age / tau).exp());
            let got = verdict_of_lives(60, 4e6, seed, fills);
            assert_ne!(
                got,
                Verdict::Leak,
                "time constant of {tau} lives, seed {seed}"
            );
        }
    }
}

#[test]
fn lives_that_each_leak_do_so_together() {
    for seed in 0..3 {
        // No life tells so much from its noise for sure; forty do.
        let got = verdict_of_lives(60, 4e6, seed, |age| 1e7 * age);
        assert_eq!(got, Verdict::Leak, "seed {seed}");
        // A day and a half of lives that never come far from where they began.
        let got = verdict_of_lives(60, 1e5, seed, |age| 2e6 * age);
        assert_ne!(got, Verdict::NoLeak, "seed {seed}");
    }
}

/// Growth with white noise, `hours` long, a reading every ten minutes.
fn grown(seed: u64, hours: f64, growth: impl Fn(f64) -> f64) -> Judgement {
    let mut random = fastrand::Rng::with_seed(seed);
    let time_s: Vec<f64> = (0..(hours * 6.0) as u32)
        .map(|i| 600.0 * f64::from(i))
        .collect();
    let noisy = |t: &f64| {
        let normal = (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        1e9 + 3e5 * normal + growth(t / 3_600.0)
    };
    let value: Vec<f64> = time_s.iter().map(noisy).collect();
    judge(&Series::new(&time_s, &value), &JudgeOptions::default()).expect("a series")
}

/// The slope of a leak and its interval, which lie above the budget.
fn leak_above_budget(judgement: &Judgement) -> (f64, f64, f64) {
    let reason = &judgement.reason;
    assert_eq!(judgement.verdict, Verdict::Leak, "{reason}");
    let figures = (judgement.slope_bytes_per_hour)
        .zip(judgement.slope_low_bytes_per_hour)
        .zip(judgement.slope_high_bytes_per_hour);
    let ((slope, low), high) = figures.expect("a slope and its interval");
    let budget = judgement.budget_bytes_per_hour.expect("a budget");
    assert!(slope > budget && low >= budget, "{reason}");
    (slope, low, high)
}

#[test]
fn the_growth_of_a_leak_is_that_of_the_line_that_decided() {
    // Level for 170 of 290 hours, then straight.
    let mut held = 0;
    for seed in 0..10 {
        let judgement = grown(seed, 290.0, |hour| 1e8 * (hour - 170.0).max(0.0));
        let (slope, low, high) = leak_above_budget(&judgement);
        let line = judgement.fitted.expect("a line");
        let drawn = (line.end_value - line.start_value) / (line.end_s - line.start_s) * 3_600.0;
        assert!((drawn / slope - 1.0).abs() < 0.01, "{drawn} {slope}");
        held += usize::from(low <= 1e8 && 1e8 <= high);
    }
    // Of ten intervals at 95 %, fewer than 8 hold the truth once in 87 (binomial).
    assert!(held >= 8, "{held} of 10");
}

#[test]
fn the_growth_of_a_step_a_night_is_that_of_many_nights() {
    for seed in 0..5 {
        let judgement = grown(seed, 20.0 * 24.0, |hour| {
            let is_on = (2.0..3.5).contains(&(hour % 24.0));
            let nights = ((hour - 3.5) / 24.0 + 1.0).floor();
            2.4e8 * nights + if is_on { 1e8 } else { 0.0 }
        });
        let (slope, ..) = leak_above_budget(&judgement);
        assert!((slope / 1e7 - 1.0).abs() < 0.03, "{slope}");
    }
}
