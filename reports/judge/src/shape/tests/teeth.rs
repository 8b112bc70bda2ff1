//! Teeth, falls and restarts of known truth.

use super::{rewritten, track};
use crate::fit::line::fit_line;
use crate::fit::model::Regressors;
use crate::shape::calendar::{without_teeth, without_weeks};
use crate::shape::restarts::{deep_falls, find_quick_restarts, find_restarts, rests_low};
use crate::shape::sawtooth::find_sawtooth;
use crate::track::Track;

/// Teeth of `period` readings and a height of 100, rising by `slope` a reading.
fn teeth(count: usize, period: f64, slope: f64) -> Track {
    track(count, 0.5, |t| {
        slope * t + 100.0 * ((t / period + 0.3) % 1.0)
    })
}

/// The slope from the first to the last point.
fn slope_of(track: &Track) -> f64 {
    (track.y[track.len() - 1] - track.y[0]) / track.span()
}

#[test]
fn floors_are_counted_whatever_the_period() {
    for (period, whole) in [(40.0, 30), (97.0, 12), (150.0, 8)] {
        let found = find_sawtooth(&teeth(1_200, period, 0.0)).expect("a sawtooth");
        let floors = found.floor.len();
        assert!(
            (whole - 1..=whole + 1).contains(&floors),
            "{period}: {floors}"
        );
        assert!((found.height - 100.0).abs() < 6.0, "{}", found.height);
    }
}

#[test]
fn floors_rise_as_the_leak_under_the_teeth_does() {
    let found = find_sawtooth(&teeth(2_000, 50.0, 0.25)).expect("a sawtooth");
    assert!((slope_of(&found.floor) - 0.25).abs() < 0.005, "{found:?}");
}

#[test]
fn teeth_do_not_depend_on_the_unit_of_the_values() {
    let series = teeth(1_000, 80.0, 0.05);
    let (one, other) = (
        find_sawtooth(&series).expect("a sawtooth"),
        find_sawtooth(&rewritten(&series)).expect("a sawtooth"),
    );
    assert_eq!((one.floor.x, one.falls), (other.floor.x, other.falls));
    assert!((other.height / one.height - 4_096.0).abs() < 1e-6);
}

#[test]
fn each_fall_leads_from_a_top_to_a_floor() {
    let series = teeth(1_000, 100.0, 0.0);
    let found = find_sawtooth(&series).expect("a sawtooth");
    assert!(found.falls.len() >= 9, "{:?}", found.falls);
    for &(top, floor) in &found.falls {
        assert!(floor > top && floor - top <= 3, "{top} to {floor}");
        assert!(series.y[top] - series.y[floor] > 90.0);
    }
}

#[test]
fn what_rises_at_once_and_falls_slowly_is_no_sawtooth() {
    let turned = track(1_000, 0.5, |t| 100.0 - (t % 100.0));
    assert!(find_sawtooth(&turned).is_none());
}

#[test]
fn a_sine_is_no_sawtooth() {
    assert!(find_sawtooth(&track(1_000, 0.5, |t| 50.0 * (t / 20.0).sin())).is_none());
}

#[test]
fn teeth_of_different_lengths_are_told_as_such() {
    let even = find_sawtooth(&teeth(1_000, 80.0, 0.0)).expect("a sawtooth");
    // Lengths of 80 and 160 by turns.
    let uneven = track(1_440, 0.5, |t| match t % 240.0 {
        early if early < 80.0 => 100.0 * early / 80.0,
        late => 100.0 * (late - 80.0) / 160.0,
    });
    let uneven = find_sawtooth(&uneven).expect("a sawtooth");
    assert!(even.period_spread < 1.2, "{}", even.period_spread);
    assert!(
        (1.8..2.2).contains(&uneven.period_spread),
        "{}",
        uneven.period_spread
    );
}

#[test]
fn a_tooth_of_the_clock_is_taken_off_and_its_leak_is_left() {
    // Rotated each hour, a reading a minute, 0.02 a second below.
    let mut series = track(1_440, 0.3, |i| {
        0.02 * 60.0 * i + 500.0 * (((60.0 * i + 700.0) / 3_600.0) % 1.0)
    });
    series.x.iter_mut().for_each(|x| *x *= 60.0);
    let sawtooth = find_sawtooth(&series).expect("a sawtooth");
    let rest = without_teeth(&series, &sawtooth).expect("by the clock");
    assert!(
        (slope_of(&rest) - 0.02).abs() < 0.001,
        "{}",
        slope_of(&rest)
    );
}

#[test]
fn teeth_in_step_with_the_readings_leave_a_reading_of_doubt() {
    // Whether teeth of 37 readings are a little longer, no fall between two readings shows: what
    // one reading rises by may be growth.
    let mut series = teeth(1_440, 37.0, 0.0);
    series.x.iter_mut().for_each(|x| *x *= 60.0);
    let sawtooth = find_sawtooth(&series).expect("a sawtooth");
    let rest = without_teeth(&series, &sawtooth).expect("all of one length");
    let line = fit_line(&rest, &Regressors::default(), 0.0).expect("a line");
    let risen = line.half_width(0.99) * rest.span();
    assert!(risen > sawtooth.height / 37.0, "{risen}");
    assert!(line.slope.abs() < line.half_width(0.99), "{}", line.slope);
}

/// Days that are busy and weekends that are not, a reading each half hour.
fn weeks(days: f64) -> Track {
    let mut series = track((days * 48.0) as usize, 0.2, |i| {
        let day = i / 48.0;
        let busy = 0.5 - 0.5 * (std::f64::consts::TAU * day).cos();
        match day % 7.0 < 5.0 {
            true => 20.0 * busy,
            false => 2.0 * busy,
        }
    });
    series.x.iter_mut().for_each(|x| *x *= 1_800.0);
    series
}

#[test]
fn weeks_are_taken_off_once_two_of_them_were_seen() {
    let rest = without_weeks(&weeks(28.0)).expect("four weeks");
    let spread = rest.y.iter().fold(0.0, |most: f64, y| most.max(y.abs()));
    assert!(spread < 25.0, "{spread}");
    assert!(without_weeks(&weeks(13.0)).is_none());
}

#[test]
fn days_that_are_all_alike_are_no_weeks() {
    let mut days = track(28 * 48, 0.2, |i| {
        10.0 * (std::f64::consts::TAU * i / 48.0).sin()
    });
    days.x.iter_mut().for_each(|x| *x *= 1_800.0);
    assert!(without_weeks(&days).is_none());
}

/// A start that takes ten readings, then a level, anew at each of `starts`.
fn lives(count: usize, starts: &[f64]) -> Track {
    track(count, 0.5, |t| {
        let begin = starts.iter().rfind(|&&start| start <= t);
        100.0 * (1.0 - (-(t - begin.unwrap_or(&0.0)) / 10.0).exp())
    })
}

#[test]
fn every_restart_is_found() {
    assert_eq!(find_restarts(&lives(900, &[250.0, 600.0])), [250, 600]);
    assert_eq!(
        find_restarts(&rewritten(&lives(900, &[250.0, 600.0]))),
        [250, 600]
    );
}

#[test]
fn a_rise_and_noise_have_no_restart() {
    assert!(find_restarts(&track(600, 1.0, |t| 0.2 * t)).is_empty());
    assert!(find_restarts(&track(600, 1.0, |_| 0.0)).is_empty());
    assert!(find_quick_restarts(&track(600, 1.0, |t| 0.2 * t)).is_empty());
}

#[test]
fn a_program_that_is_up_again_at_once_was_restarted_all_the_same() {
    // Five readings of a start, at 200 and at 450, on a level that it begins below.
    let quick = track(700, 0.3, |t| {
        let since = [0.0, 200.0, 450.0].into_iter().rfind(|&at| at <= t);
        100.0 - 90.0 * (-(t - since.unwrap_or(0.0)) / 1.5).exp()
    });
    assert_eq!(find_quick_restarts(&quick), [200.0, 450.0]);
}

#[test]
fn deep_falls_are_counted() {
    assert_eq!(deep_falls(&teeth(1_000, 100.0, 0.0)), 10);
    assert_eq!(deep_falls(&track(1_000, 1.0, |t| 0.5 * t)), 0);
}

#[test]
fn a_job_rests_between_its_turns_and_a_restarted_program_rises() {
    let job = track(600, 0.1, |t| if t % 100.0 > 70.0 { 50.0 } else { 0.0 });
    let restarted = lives(600, &[100.0, 200.0, 300.0, 400.0, 500.0]);
    let cuts = [100, 200, 300, 400, 500];
    assert!(rests_low(&job, &cuts));
    assert!(!rests_low(&restarted, &cuts));
}
