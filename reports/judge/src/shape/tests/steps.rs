//! Steps, containers and moves of known truth.

use super::{rewritten, track};
use crate::shape::staircase::{find_staircase, late_growth};
use crate::shape::steps::{Steps, classify_steps, moves_that_go_on, without_edges};
use crate::track::Track;

#[test]
fn a_step_is_found_where_it_is_and_in_any_unit() {
    for at in [80.0, 200.0, 310.0] {
        let series = track(400, 1.0, |t| if t >= at { -25.0 } else { 0.0 });
        for series in [rewritten(&series), series] {
            match classify_steps(&series, 0.0) {
                Steps::Once(places) => {
                    assert_eq!(places.len(), 1, "{places:?}");
                    assert!((places[0] - at + 0.5).abs() <= 1.0, "{places:?}");
                }
                other => panic!("{at}: {other:?}"),
            }
        }
    }
}

#[test]
fn two_falls_among_few_steps_are_told() {
    let series = track(600, 0.5, |t| match t {
        t if t < 150.0 => 60.0,
        t if t < 350.0 => 30.0,
        _ => 0.0,
    });
    let steps = classify_steps(&series, 0.0);
    assert!(matches!(&steps, Steps::Falls(places) if places.len() == 2));
    assert!(steps.in_words().contains('2'), "{}", steps.in_words());
}

#[test]
fn a_dip_that_fades_is_no_step() {
    let series = track(600, 0.5, |t| {
        let since = t - 250.0;
        match since > 0.0 {
            true => -80.0 * (-since / 4.0).exp(),
            false => 0.0,
        }
    });
    assert_eq!(classify_steps(&series, 0.0), Steps::None);
}

#[test]
fn three_steps_that_have_ended_happened_once() {
    let series = track(1_000, 0.5, |t| 20.0 * (t / 90.0).floor().min(3.0));
    assert!(matches!(classify_steps(&series, 0.0), Steps::Once(places) if places.len() == 3));
}

#[test]
fn four_steps_that_may_go_on_are_unclear() {
    let series = track(460, 0.5, |t| 20.0 * (t / 90.0 - 0.2).floor().max(0.0));
    let steps = classify_steps(&series, 0.0);
    assert!(
        matches!(&steps, Steps::Unclear(places) if places.len() == 4),
        "{steps:?}"
    );
}

#[test]
fn the_readings_beside_a_step_go_and_those_of_a_short_series_stay() {
    let long = track(100, 0.0, |t| t);
    let cleared = without_edges(&long, &[49.5, 79.5]);
    assert_eq!(cleared.len(), 96);
    assert!(
        ![49.0, 50.0, 79.0, 80.0]
            .iter()
            .any(|x| cleared.x.contains(x))
    );
    assert_eq!(without_edges(&track(50, 0.0, |t| t), &[24.5]).len(), 50);
}

#[test]
fn two_moves_tell_nothing_and_what_the_budget_allows_is_no_growth() {
    let two = track(200, 0.0, |t| 10.0 * (t / 80.0).floor());
    assert_eq!(moves_that_go_on(&two, &[], 0.001), None);
    let four = track(200, 0.0, |t| 10.0 * (t / 45.0).floor());
    assert_eq!(moves_that_go_on(&four, &[], 10.0), None);
}

/// A container of `slot` bytes an entry that grows by `factor`, ten entries a unit, and the
/// places of those of its steps that can be told.
fn container(factor: f64, slot: f64, count: usize) -> (Track, Vec<f64>) {
    let mut room = vec![16.0];
    while room[room.len() - 1] < 10.0 * count as f64 {
        room.push((room[room.len() - 1] * factor).ceil());
    }
    let capacity = |t: f64| room[room.partition_point(|&most| most < 10.0 * t)];
    let series = track(count, 0.0, |t| slot * capacity(t));
    let places = (20..count)
        .map(|i| i as f64)
        .filter(|&t| capacity(t) > capacity(t - 1.0))
        .map(|t| t - 0.5);
    let places = places.collect();
    (series, places)
}

#[test]
fn what_a_container_keeps_is_told_whatever_its_factor() {
    for factor in [1.25, 1.5, 2.0] {
        let (series, places) = container(factor, 16.0, 1_500);
        let found = find_staircase(&series, &places).expect("steps up");
        let rate = found.between + found.rate;
        assert!(
            (rate - 160.0).abs() <= found.half_width,
            "{factor}: {found:?}"
        );
        assert!(found.half_width < 60.0 && !found.has_ended(), "{found:?}");
    }
}

#[test]
fn growth_in_steps_scales_with_the_size_of_an_entry() {
    let rate = |slot: f64| {
        let (series, places) = container(2.0, slot, 1_000);
        find_staircase(&series, &places).expect("steps up").rate
    };
    assert!((rate(64.0) / rate(8.0) - 8.0).abs() < 1e-6);
}

#[test]
fn growth_at_a_large_budget_would_have_made_the_next_step() {
    let (series, places) = container(2.0, 16.0, 1_000);
    let found = find_staircase(&series, &places).expect("steps up");
    assert!(!found.is_within(160.0) && found.is_within(16_000.0));
}

#[test]
fn steps_that_falls_take_back_are_no_staircase() {
    let series = track(600, 0.5, |t| 30.0 * ((t / 100.0).floor() % 2.0));
    let places = [99.5, 199.5, 299.5, 399.5, 499.5];
    assert!(find_staircase(&series, &places).is_none());
}

#[test]
fn one_step_from_a_level_asks_for_no_other() {
    let series = track(400, 0.5, |t| if t >= 150.0 { 40.0 } else { 0.0 });
    let found = find_staircase(&series, &[149.5]).expect("a step up");
    assert!((found.steps, found.asked) == (1, 0.0) && found.has_ended());
}

#[test]
fn a_container_that_was_filled_from_the_beginning_has_grown_late() {
    // Its last doubling lies in the later half, wherever the record ends.
    for count in [300, 420, 700, 1_100] {
        let (series, _) = container(2.0, 16.0, count);
        let rate = late_growth(&series, 0.0, &[]).expect("a late step");
        assert!((100.0..=240.0).contains(&rate), "{count}: {rate}");
    }
}

#[test]
fn what_grew_early_and_rests_has_not_grown_late() {
    let early = track(400, 0.0, |t| if t >= 60.0 { 500.0 } else { 0.0 });
    assert_eq!(late_growth(&early, 62.0, &[]), None);
    assert_eq!(late_growth(&track(400, 0.0, |_| 7.0), 0.0, &[]), None);
}

#[test]
fn what_rose_until_late_has_grown_late_without_a_step() {
    let slow = track(400, 0.0, |t| 2.0 * t.min(300.0));
    let rate = late_growth(&slow, 300.0, &[]).expect("a late rise");
    assert!((0.5..2.0).contains(&rate), "{rate}");
}

#[test]
fn what_grew_in_a_marked_stretch_is_no_container() {
    let late = track(400, 0.5, |t| if t >= 300.0 { 500.0 } else { 0.0 });
    assert!(late_growth(&late, 0.0, &[]).is_some());
    assert_eq!(late_growth(&late, 0.0, &[(300.0, 500.0)]), None);
    // One beside it that rose by little does not excuse it.
    assert!(late_growth(&late, 0.0, &[(300.0, 10.0), (40.0, 500.0)]).is_some());
}
