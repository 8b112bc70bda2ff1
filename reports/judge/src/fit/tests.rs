//! Fits to series of known truth: slopes, bends, ends of warm-ups, growth that flattens out.

use crate::fit::bend::BendTest;
use crate::fit::line::{Line, fit_line};
use crate::fit::model::Regressors;
use crate::fit::settled::find_settled;
use crate::fit::slowing::{Comparison, compare_with_slowing};
use crate::shape::tests::{rewritten, track};
use crate::track::Track;

#[test]
fn a_bend_is_told_from_none() {
    let bent = track(400, 1.0, |t| 0.2 * t.min(200.0));
    let straight = track(400, 1.0, |t| 0.2 * t);
    let t_of = |track: &Track| {
        let test = BendTest::new(track, &Regressors::default(), 0.0).expect("a line");
        test.at(0.5).expect("enough readings").t
    };
    assert!(t_of(&bent) < -20.0 && t_of(&straight).abs() < 4.0);
}

#[test]
fn a_series_is_settled_from_the_end_of_its_warm_up() {
    let warm = track(400, 0.5, |t| 100.0 * (t / 100.0).min(1.0));
    let settled = find_settled(&warm, &Regressors::default(), 0.01, 0.0);
    assert!(
        settled.straight && (95..=140).contains(&settled.start),
        "{settled:?}"
    );
    let straight = track(400, 0.5, |t| 0.3 * t);
    assert_eq!(
        find_settled(&straight, &Regressors::default(), 0.01, 0.0).start,
        0
    );
}

#[test]
fn the_interval_of_a_line_holds_its_slope() {
    let line = fit_line(&track(400, 1.0, |t| 0.3 * t), &Regressors::default(), 0.0);
    let line = line.expect("a line");
    assert!(
        (line.slope - 0.3).abs() < line.half_width(0.999),
        "{line:?}"
    );
    assert!(line.half_width(0.95) < 0.01, "{line:?}");
}

#[test]
fn growth_that_flattens_out_is_told_from_growth_that_lasts() {
    let compare = |course: &dyn Fn(f64) -> f64| {
        let series = track(400, 0.5, course);
        compare_with_slowing(&series, &Regressors::default(), 0.0).expect("enough readings")
    };
    for runs in [0.5, 1.0, 1.65, 2.5] {
        let slowing = compare(&|t| 300.0 * (1.0 - (-t / 400.0 / runs).exp()));
        assert!(
            slowing.advantage_of_line < -6.0 && !slowing.keeps_its_pace,
            "{runs}: {slowing:?}"
        );
    }
    let lasting = compare(&|t| 0.5 * t + 30.0 * (1.0 - (-t / 20.0).exp()));
    assert!(lasting.favours_lasting_growth(), "{lasting:?}");
    assert!((lasting.lasting_slope - 0.5).abs() < 0.02, "{lasting:?}");
}

#[test]
fn what_is_met_for_the_first_time_flattens_out() {
    // Half full at a tenth to all of the run, and the power of a Zipf distribution.
    let compare = |course: &dyn Fn(f64) -> f64| {
        let series = track(400, 0.3, course);
        compare_with_slowing(&series, &Regressors::default(), 0.0).expect("enough readings")
    };
    for half in [40.0, 100.0, 400.0] {
        let filling = compare(&|t| 300.0 * t / (t + half));
        assert!(!filling.favours_lasting_growth(), "{half}: {filling:?}");
    }
    for power in [0.35, 0.5, 0.7] {
        let filling = compare(&|t| 300.0 * (1.0 - (-2.0 * (t / 400.0).powf(power)).exp()));
        assert!(!filling.favours_lasting_growth(), "{power}: {filling:?}");
    }
}

fn line_of(track: &Track) -> Line {
    fit_line(track, &Regressors::default(), 0.0).expect("a line")
}

/// Noise with a memory of `rho`, standard deviation 1.
fn remembering(count: usize, rho: f64) -> Track {
    let fresh = track(count, (1.0 - rho * rho).sqrt(), |_| 0.0);
    let mut last = 0.0;
    let y = fresh.y.iter().map(|noise| {
        last = rho * last + noise;
        last
    });
    Track {
        y: y.collect(),
        x: fresh.x,
    }
}

#[test]
fn a_slope_beside_a_jump_is_that_of_both_sides() {
    let series = track(400, 0.5, |t| 0.1 * t + if t >= 170.0 { 80.0 } else { 0.0 });
    let regressors = Regressors {
        steps: vec![169.5],
        cycle: None,
    };
    let line = fit_line(&series, &regressors, 0.0).expect("a line");
    assert!((line.slope - 0.1).abs() < line.half_width(0.99), "{line:?}");
    assert!((line.end_value - (39.9 + 80.0)).abs() < 1.0, "{line:?}");
}

#[test]
fn a_line_scales_with_the_values() {
    let series = remembering(400, 0.6);
    let (one, other) = (line_of(&series), line_of(&rewritten(&series)));
    assert!((other.slope / one.slope / 4_096.0 - 1.0).abs() < 1e-6);
    assert!((other.half_width(0.95) / one.half_width(0.95) / 4_096.0 - 1.0).abs() < 1e-6);
}

#[test]
fn one_wild_reading_moves_no_line() {
    let mut series = track(300, 0.5, |t| 0.2 * t);
    let plain = line_of(&series);
    series.y[250] += 4_000.0;
    assert!((line_of(&series).slope - plain.slope).abs() < plain.half_width(0.95));
}

#[test]
fn four_times_the_length_is_an_eighth_of_the_interval() {
    // The standard error of a slope falls with the length to the power of three halves.
    let (short, long) = (
        line_of(&track(100, 1.0, |_| 0.0)).half_width(0.95),
        line_of(&track(400, 1.0, |_| 0.0)).half_width(0.95),
    );
    assert!((4.5..16.0).contains(&(short / long)), "{}", short / long);
}

#[test]
fn noise_with_a_memory_has_wider_intervals() {
    // By the root of (1 + ρ)/(1 − ρ), which is 4.4 at 0.9.
    let (white, slow) = (
        line_of(&remembering(400, 0.0)),
        line_of(&remembering(400, 0.9)),
    );
    let wider = slow.half_width(0.95) / white.half_width(0.95);
    assert!((2.2..13.0).contains(&wider), "{wider}");
}

#[test]
fn more_confidence_is_a_wider_interval() {
    let line = line_of(&track(100, 1.0, |_| 0.0));
    assert!(line.half_width(0.99) > 1.2 * line.half_width(0.95));
    let (low, high) = line.interval(0.95);
    assert!((0.5 * (low + high) - line.slope).abs() < 1e-12);
}

#[test]
fn an_interval_reaches_out_and_never_in() {
    let line = line_of(&track(100, 1.0, |t| t));
    let (low, high) = line.interval(0.95);
    let wider = line.clone().reaching(low - 1.0, high + 2.0).interval(0.95);
    assert!((wider.0 - low + 1.0).abs() < 1e-12 && (wider.1 - high - 2.0).abs() < 1e-12);
    assert_eq!(
        line.reaching(low + 0.1, high - 0.1).interval(0.95),
        (low, high)
    );
}

#[test]
fn a_budget_on_the_slope_is_exceeded_by_chance_half_of_the_time() {
    let line = line_of(&track(100, 1.0, |t| t));
    assert!((line.tail_beyond(line.slope) - 0.5).abs() < 1e-9);
    assert!(line.tail_beyond(line.slope - 1.0) < 1e-6);
    assert!(line.tail_beyond(line.slope + 1.0) > 1.0 - 1e-6);
}

#[test]
fn a_grain_hides_growth_from_a_series_that_stands_still() {
    let still = track(200, 0.0, |_| 0.0);
    let line = fit_line(&still, &Regressors::default(), 4_096.0).expect("a line");
    assert!((line.half_width(0.95) - 0.5 * 4_096.0 / 199.0).abs() < 1e-9);
}

#[test]
fn both_slopes_of_a_bend_are_told() {
    let bent = track(400, 0.2, |t| {
        0.3 * t.min(199.5) + 0.1 * (t - 199.5).max(0.0)
    });
    let test = BendTest::new(&bent, &Regressors::default(), 0.0).expect("a line");
    let bend = test.at(0.5).expect("enough readings");
    assert!((bend.before - 0.3).abs() < 0.01 && (bend.after - 0.1).abs() < 0.01);
    assert!(!bend.is_chance());
    assert!(!bend.is_small_beside(0.2) && !bend.is_small_beside(0.0));
}

#[test]
fn a_bend_far_from_the_budget_does_not_matter() {
    let bent = track(400, 0.01, |t| t.min(199.5) + 0.95 * (t - 199.5).max(0.0));
    let test = BendTest::new(&bent, &Regressors::default(), 0.0).expect("a line");
    let bend = test.at(0.5).expect("enough readings");
    assert!(!bend.is_chance() && bend.is_small_beside(0.01));
}

#[test]
fn a_series_is_settled_from_the_same_place_in_any_unit() {
    let warm = track(400, 0.5, |t| 100.0 * (1.0 - (-t / 25.0).exp()));
    let start = |track: &Track, budget: f64| {
        let settled = find_settled(track, &Regressors::default(), budget, 0.0);
        assert!(settled.straight);
        settled.start
    };
    let begin = start(&warm, 0.01);
    assert_eq!(start(&rewritten(&warm), 0.01 * 4_096.0), begin);
    assert!((60..=200).contains(&begin), "{begin}");
}

#[test]
fn what_bends_at_its_very_end_is_nowhere_straight() {
    let bent = track(400, 0.1, |t| (t / 20.0).powi(3));
    assert!(!find_settled(&bent, &Regressors::default(), 1.0, 0.0).straight);
}

fn compared(course: impl Fn(f64) -> f64) -> Comparison {
    let series = track(400, 0.3, course);
    compare_with_slowing(&series, &Regressors::default(), 0.0).expect("enough readings")
}

#[test]
fn a_time_constant_of_ten_runs_keeps_its_pace_and_one_of_two_does_not() {
    let saturating = |runs: f64| compared(|t| 900.0 * runs * (1.0 - (-t / 400.0 / runs).exp()));
    assert!(saturating(10.0).keeps_its_pace);
    assert!(!saturating(2.0).keeps_its_pace);
}

#[test]
fn a_leak_beside_a_cache_that_fills_as_a_logarithm_lasts() {
    // A cache of 150 over a leak of 1,200; and the cache alone.
    let cache = |t: f64| 150.0 * (1.0 + t / 8.0).ln() / 51.0_f64.ln();
    let both = compared(|t| cache(t) + 3.0 * t);
    assert!(both.favours_lasting_growth(), "{both:?}");
    assert!((both.lasting_slope - 3.0).abs() < 0.1, "{both:?}");
    let alone = compared(cache);
    assert!(!alone.favours_lasting_growth(), "{alone:?}");
}

#[test]
fn two_caches_that_fill_do_not_last() {
    let two = compared(|t| 100.0 * (1.0 - (-t / 30.0).exp()) + 400.0 * (1.0 - (-t / 500.0).exp()));
    assert!(!two.favours_lasting_growth(), "{two:?}");
}

#[test]
fn growth_that_flattens_out_does_so_in_any_unit() {
    let series = track(400, 0.3, |t| 300.0 * t / (t + 150.0));
    let of = |series: &Track| {
        let found = compare_with_slowing(series, &Regressors::default(), 0.0);
        found.expect("enough readings").favours_lasting_growth()
    };
    assert!(!of(&series) && !of(&rewritten(&series)));
}
