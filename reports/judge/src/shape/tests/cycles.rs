//! Cycles, grains and bursts of known truth.

use super::{rewritten, track};
use crate::fit::line::fit_line;
use crate::fit::model::Regressors;
use crate::shape::bursts::without_bursts;
use crate::shape::cycle::find_cycle;
use crate::shape::grain::find_grain;
use crate::shape::work::find_busy;
use std::f64::consts::TAU;

#[test]
fn a_period_is_found_whatever_it_is_and_wherever_it_begins() {
    for (period, phase) in [(41.0, 0.3), (90.0, 2.0), (160.0, 5.0)] {
        let sine = track(600, 0.3, |t| 5.0 * (TAU * t / period + phase).sin());
        let cycle = find_cycle(&sine, &Regressors::default(), None).expect("a cycle");
        assert!((cycle.period / period - 1.0).abs() < 0.01, "{cycle:?}");
    }
}

#[test]
fn a_period_does_not_depend_on_the_unit_of_the_values() {
    let sine = track(600, 0.3, |t| 5.0 * (TAU * t / 75.0).sin());
    let period = |series| find_cycle(series, &Regressors::default(), None).map(|c| c.period);
    let (one, other) = (period(&sine), period(&rewritten(&sine)));
    assert!((one.expect("one") - other.expect("one")).abs() < 1e-6);
}

#[test]
fn less_than_two_and_a_half_cycles_are_none() {
    let two = track(600, 0.3, |t| 5.0 * (TAU * t / 300.0).sin());
    assert!(find_cycle(&two, &Regressors::default(), None).is_none());
}

#[test]
fn a_sharp_wave_has_more_than_one_harmonic_and_a_sine_has_not() {
    let peak = |t: f64| 20.0 * (0.5 - 0.5 * (TAU * t / 75.0).cos()).powi(6);
    let harmonics = |course: &dyn Fn(f64) -> f64| {
        let series = track(600, 0.2, course);
        let cycle = find_cycle(&series, &Regressors::default(), None).expect("a cycle");
        cycle.harmonics
    };
    assert!(harmonics(&peak) >= 3);
    assert!(harmonics(&|t| 20.0 * (TAU * t / 75.0).sin()) <= 2);
}

#[test]
fn a_slope_is_told_beside_its_cycle() {
    let series = track(600, 0.3, |t| 0.02 * t + 5.0 * (TAU * t / 170.0).sin());
    let regressors = Regressors {
        cycle: find_cycle(&series, &Regressors::default(), None),
        ..Regressors::default()
    };
    assert!(regressors.cycle.is_some());
    let beside = fit_line(&series, &regressors, 0.0).expect("a line");
    let without = fit_line(&series, &Regressors::default(), 0.0).expect("a line");
    assert!((beside.slope - 0.02).abs() < beside.half_width(0.99));
    assert!(beside.half_width(0.95) < 0.2 * without.half_width(0.95));
}

#[test]
fn a_grain_scales_with_the_values_and_not_with_their_level() {
    let values: Vec<f64> = (0..300).map(|i| f64::from(i * i % 5)).collect();
    for (unit, level) in [(1.0, 0.0), (4_096.0, 0.0), (4_096.0, 1e6), (65_536.0, 7.0)] {
        let written: Vec<f64> = values.iter().map(|v| unit * v + level).collect();
        assert_eq!(
            find_grain(written.iter().copied(), 0.0),
            unit,
            "{unit} from {level}"
        );
    }
}

#[test]
fn values_that_are_never_next_to_each_other_have_their_common_divisor() {
    let values: Vec<f64> = (0..90).map(|i| [0.0, 24.0, 60.0][i % 3]).collect();
    assert_eq!(find_grain(values.iter().copied(), 0.0), 12.0);
}

#[test]
fn a_share_that_is_written_in_tenths_has_a_grain_of_a_tenth() {
    let values: Vec<f64> = (0..90).map(|i| 41.5 + [0.0, 0.25, 0.75][i % 3]).collect();
    assert_eq!(find_grain(values.iter().copied(), 0.0), 0.25);
}

#[test]
fn where_a_third_of_all_readings_is_wild_none_is() {
    let mut series = track(300, 1.0, |_| 50.0);
    for i in (0..300).step_by(3) {
        series.y[i] = 900.0;
    }
    assert_eq!(without_bursts(series, 0.0).len(), 300);
}

#[test]
fn few_readings_keep_their_extremes() {
    let mut series = track(11, 0.1, |_| 1.0);
    series.y[5] = 1_000.0;
    assert_eq!(without_bursts(series, 0.0).len(), 11);
}

#[test]
fn a_load_that_ramps_down_at_the_end_is_over_from_where_it_begins_to() {
    let time_s: Vec<f64> = (0..200).map(f64::from).collect();
    let load: Vec<f64> = time_s
        .iter()
        .map(|t| (1.0 - (t - 150.0).max(0.0) / 50.0).max(0.0))
        .collect();
    let busy = find_busy(&time_s, &load, false).expect("over at the end");
    let kept = busy.iter().filter(|busy| **busy).count();
    assert!((150..=153).contains(&kept), "{kept}");
}
