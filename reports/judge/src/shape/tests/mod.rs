//! Shapes of known truth: how many teeth, which period, which restarts, which grain.

mod cycles;
mod steps;
mod teeth;

use crate::fit::model::Regressors;
use crate::shape::bursts::{without_bursts, without_long_bursts};
use crate::shape::cycle::find_cycle;
use crate::shape::grain::find_grain;
use crate::shape::restarts::{doubtful_falls, find_restarts};
use crate::shape::sawtooth::find_sawtooth;
use crate::shape::staircase::find_staircase;
use crate::shape::steps::{Steps, classify_steps, moves_that_go_on};
use crate::track::Track;

/// `count` readings, one a unit, of `course` with noise of about one in `seed`'s order.
pub(crate) fn track(count: usize, sigma: f64, course: impl Fn(f64) -> f64) -> Track {
    let mut random = fastrand::Rng::with_seed(11);
    let mut noise = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
    let x: Vec<f64> = (0..count).map(|i| i as f64).collect();
    let y = x.iter().map(|&t| course(t) + sigma * noise()).collect();
    Track { x, y }
}

/// The same readings in another unit, from another level.
pub(crate) fn rewritten(track: &Track) -> Track {
    Track {
        x: track.x.clone(),
        y: track.y.iter().map(|y| 4_096.0 * y + 1_048_576.0).collect(),
    }
}

#[test]
fn values_in_pages_have_the_grain_of_a_page() {
    let values: Vec<f64> = (0..200).map(|i| 4_096.0 * f64::from(i * i % 7)).collect();
    assert_eq!(find_grain(values.iter().copied(), 0.0), 4_096.0);
}

#[test]
fn values_that_hardly_repeat_have_no_grain() {
    let values: Vec<f64> = (0..200).map(|i| 1_000.0 + 17.0 * f64::from(i)).collect();
    assert_eq!(find_grain(values.iter().copied(), 0.0), 0.0);
}

#[test]
fn a_value_that_stands_still_has_the_grain_of_its_power_of_two() {
    assert_eq!(find_grain([0.0; 50].into_iter(), 3.0 * 65_536.0), 65_536.0);
}

#[test]
fn one_wild_reading_goes_and_the_rest_stays() {
    let mut series = track(200, 1.0, |_| 50.0);
    series.y[80] = 5_000.0;
    let kept = without_bursts(series, 0.0);
    assert!(
        kept.len() >= 195 && kept.y.iter().all(|&y| y < 60.0),
        "{}",
        kept.len()
    );
}

#[test]
fn a_burst_of_several_readings_goes_and_a_new_level_stays() {
    let burst = track(300, 1.0, |t| {
        if (100.0..106.0).contains(&t) {
            500.0
        } else {
            50.0
        }
    });
    assert!(
        without_long_bursts(&burst, 0.0)
            .y
            .iter()
            .all(|&y| y < 100.0)
    );
    let level = track(300, 1.0, |t| if t > 150.0 { 500.0 } else { 50.0 });
    assert_eq!(without_long_bursts(&level, 0.0).len(), 300);
}

#[test]
fn as_many_floors_are_found_as_there_are_teeth() {
    let teeth = track(1_000, 0.5, |t| (t + 30.0) % 100.0);
    let sawtooth = find_sawtooth(&teeth).expect("a sawtooth");
    assert!((9..=11).contains(&sawtooth.floor.len()), "{sawtooth:?}");
    assert!((sawtooth.height - 99.0).abs() < 4.0, "{}", sawtooth.height);
}

#[test]
fn noise_and_a_slope_are_no_sawtooth() {
    assert!(find_sawtooth(&track(500, 1.0, |t| 0.1 * t)).is_none());
}

#[test]
fn the_period_of_a_cycle_is_found() {
    let sine = track(600, 0.3, |t| 5.0 * (std::f64::consts::TAU * t / 75.0).sin());
    let cycle = find_cycle(&sine, &Regressors::default(), None).expect("eight cycles");
    assert!((cycle.period - 75.0).abs() < 0.5, "{cycle:?}");
    assert!(!cycle.known);
}

#[test]
fn a_day_needs_no_finding() {
    let day = track(400, 0.2, |t| {
        5.0 * (std::f64::consts::TAU * t / 144.0).sin()
    });
    let cycle = find_cycle(&day, &Regressors::default(), Some(144.0)).expect("nearly three days");
    assert!(cycle.known && cycle.period == 144.0, "{cycle:?}");
}

#[test]
fn noise_has_no_cycle() {
    assert!(find_cycle(&track(600, 1.0, |_| 0.0), &Regressors::default(), None).is_none());
}

#[test]
fn a_restart_is_found_where_it_is() {
    // A start that takes ten units, a level, and the same again from 300 on.
    let life = |t: f64| 100.0 * (1.0 - (-t / 10.0).exp());
    let series = track(
        600,
        0.5,
        |t| if t < 300.0 { life(t) } else { life(t - 300.0) },
    );
    assert_eq!(find_restarts(&series), [300]);
}

#[test]
fn few_falls_to_the_beginning_are_in_doubt_and_many_are_not() {
    let falls = |count: usize, period: f64| -> Vec<(usize, usize)> {
        let at = |k: usize| (k as f64 * period) as usize;
        (1..=count).map(|k| (at(k) - 1, at(k))).collect()
    };
    let few = track(400, 0.1, |t| t % 100.0);
    assert_eq!(
        doubtful_falls(&few, &falls(3, 100.0), 1_000.0).map(|d| d.falls),
        Some(3)
    );
    let many = track(1_000, 0.1, |t| t % 50.0);
    assert_eq!(doubtful_falls(&many, &falls(19, 50.0), 1_000.0), None);
}

#[test]
fn falls_with_gaps_are_in_doubt_however_many() {
    let mut gaps = track(1_000, 0.1, |t| t % 50.0);
    for (i, x) in gaps.x.iter_mut().enumerate() {
        *x += 4.0 * (i / 50) as f64;
    }
    let falls: Vec<(usize, usize)> = (1..20).map(|k| (50 * k - 1, 50 * k)).collect();
    assert_eq!(
        doubtful_falls(&gaps, &falls, 1_000.0).map(|d| d.falls),
        Some(19)
    );
}

#[test]
fn one_step_is_taken_out_and_ten_are_a_staircase() {
    let once = track(400, 1.0, |t| if t > 120.0 { 30.0 } else { 0.0 });
    match classify_steps(&once, 0.0) {
        Steps::Once(places) => assert!((places[0] - 120.5).abs() < 1.1, "{places:?}"),
        other => panic!("{other:?}"),
    }
    let stairs = track(400, 0.5, |t| 20.0 * (t / 40.0).floor());
    assert!(matches!(classify_steps(&stairs, 0.0), Steps::Stairs(_)));
    assert_eq!(classify_steps(&track(400, 1.0, |_| 0.0), 0.0), Steps::None);
}

#[test]
fn moves_of_a_level_that_rests_go_on_until_they_have_ended() {
    let on = track(200, 0.0, |t| 10.0 * (t / 45.0).floor());
    assert_eq!(moves_that_go_on(&on, &[], 0.01), Some(4));
    let ended = track(2_000, 0.0, |t| 10.0 * (t / 45.0).floor().min(4.0));
    assert_eq!(moves_that_go_on(&ended, &[], 0.01), None);
}

/// Entries of 16 bytes in a container that doubles, 10 a unit, `bound` at most.
fn container(count: usize, bound: f64) -> (Track, Vec<f64>) {
    let capacity = |t: f64| {
        let entries = (10.0 * t).min(bound).max(1.0);
        16.0 * 2.0_f64.powf(entries.log2().ceil())
    };
    let series = track(count, 20.0, capacity);
    let mut places = Vec::new();
    for i in 1..count {
        if capacity(i as f64) > 1.5 * capacity(i as f64 - 1.0) && i > 20 {
            places.push(i as f64 - 0.5);
        }
    }
    (series, places)
}

#[test]
fn what_a_doubling_container_keeps_is_told_from_its_steps() {
    // 160 bytes a unit: steps at 25.6, 51.2, ... 409.6.
    let (series, places) = container(600, f64::INFINITY);
    let staircase = find_staircase(&series, &places).expect("steps up");
    assert!(!staircase.has_ended() && staircase.is_growing);
    let (low, high) = (
        staircase.between + staircase.rate - staircase.half_width,
        staircase.between + staircase.rate + staircase.half_width,
    );
    assert!(low < 160.0 && 160.0 < high, "{staircase:?}");
    assert!(high - low < 60.0, "{staircase:?}");
}

#[test]
fn a_container_that_has_reached_its_bound_has_ended() {
    let (series, places) = container(1_200, 2_000.0);
    assert!(
        find_staircase(&series, &places)
            .expect("steps up")
            .has_ended()
    );
}

/// Teeth of a height of 100 from an arbitrary place on, which fall at `at`.
fn teeth_that_fall(at: [usize; 4]) -> (Track, [(usize, usize); 4]) {
    let since = |t: f64| {
        let before = at.iter().rev().find(|&&fall| t >= fall as f64);
        let began = before.map_or(-40.0, |&fall| fall as f64);
        100.0 * (t - began) / 100.0
    };
    (track(400, 0.1, since), at.map(|fall| (fall - 1, fall)))
}

#[test]
fn falls_to_next_to_nothing_are_in_doubt_wherever_the_record_begins() {
    let (teeth, falls) = teeth_that_fall([60, 155, 268, 352]);
    let doubt = |base: f64| doubtful_falls(&teeth, &falls, base);
    assert_eq!(doubt(10.0).map(|d| d.falls), Some(4));
    assert_eq!(doubt(1_000.0), None);
}

#[test]
fn few_falls_by_the_clock_are_in_doubt_although_the_record_begins_within_a_life() {
    let (nightly, falls) = teeth_that_fall([60, 160, 260, 360]);
    let found = doubtful_falls(&nightly, &falls, 1_000.0).expect("a doubt");
    assert_eq!(found.falls, 4);
    assert!((found.rate - 1.0).abs() < 0.05, "{}", found.rate);
}

#[test]
fn a_burst_that_has_not_ended_may_be_a_step() {
    let high_from = |from: f64, to: f64| {
        track(
            300,
            1.0,
            |t| if (from..to).contains(&t) { 500.0 } else { 0.0 },
        )
    };
    let high = |series: &Track| series.y.iter().filter(|&&y| y > 400.0).count();
    let ended = without_long_bursts(&high_from(200.0, 206.0), 0.0);
    let lasts = without_long_bursts(&high_from(294.0, 300.0), 0.0);
    assert_eq!((high(&ended), high(&lasts)), (0, 6));
}
