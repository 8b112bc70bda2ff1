//! All metrics of a cell together: what the live heap answers for, and what it does not.

use leaklab_judge::{Budget, CellJudgement, CellSeries, JudgeOptions, Kind, Verdict, judge_cell};

const MIB: f64 = 1_048_576.0;

/// An hour of readings every two seconds.
fn times() -> Vec<f64> {
    (0..1_800).map(|i| f64::from(i) * 2.0).collect()
}

/// Readings in whole pages, with a flicker of a few.
fn pages(seed: u64, course: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut random = fastrand::Rng::with_seed(seed);
    times()
        .iter()
        .map(|&t| ((course(t) / 4_096.0).floor() + f64::from(random.u32(0..6))) * 4_096.0)
        .collect()
}

fn judged(cell: &CellSeries<'_>) -> CellJudgement {
    let options = JudgeOptions {
        budget: Budget::BytesPerHour(4.0 * MIB),
        ..JudgeOptions::default()
    };
    judge_cell(cell, &options).expect("a cell")
}

#[test]
fn a_flat_heap_does_not_answer_for_resident_memory_that_leaks_beyond_it() {
    let time_s = times();
    let heap = pages(1, |_| 20.0 * MIB);
    let rss = pages(2, |t| 40.0 * MIB + 60.0 * MIB * t / 3_600.0);
    let found = judged(&CellSeries {
        time_s: &time_s,
        allocated_bytes: Some(&heap),
        allocated_is_exact: true,
        rss_bytes: Some(&rss),
        ..CellSeries::default()
    });
    assert_eq!(found.verdict, Verdict::Inconclusive, "{}", found.reason);
    assert_eq!(found.kind, Some(Kind::OutsideAllocator));
    assert!(
        found.reason.contains("beyond the allocator"),
        "{}",
        found.reason
    );
}

#[test]
fn a_flat_heap_answers_for_what_is_flat_beyond_it() {
    let time_s = times();
    let (heap, small) = (pages(3, |_| 20.0 * MIB), pages(4, |_| 2.0 * MIB));
    let (rss, large) = (pages(5, |_| 30.0 * MIB), pages(6, |_| 300.0 * MIB));
    for (heap, rss) in [(&heap, &rss), (&small, &rss), (&small, &large)] {
        let found = judged(&CellSeries {
            time_s: &time_s,
            allocated_bytes: Some(heap),
            allocated_is_exact: true,
            rss_bytes: Some(rss),
            ..CellSeries::default()
        });
        assert_eq!(found.verdict, Verdict::NoLeak, "{}", found.reason);
    }
}

#[test]
fn a_small_heap_does_not_answer_for_much_that_goes_up_and_down_beyond_it() {
    let time_s = times();
    let heap = pages(7, |_| 2.0 * MIB);
    // One slow wave of which no more is seen than a rise and the turn.
    let rss = pages(8, |t| 300.0 * MIB + 80.0 * MIB * (t / 2_000.0).sin());
    let found = judged(&CellSeries {
        time_s: &time_s,
        allocated_bytes: Some(&heap),
        allocated_is_exact: true,
        rss_bytes: Some(&rss),
        ..CellSeries::default()
    });
    assert_eq!(found.verdict, Verdict::Inconclusive, "{}", found.reason);
    assert_eq!(found.kind, Some(Kind::OutsideAllocator));
}

#[test]
fn what_is_swapped_out_counts_as_resident() {
    let time_s = times();
    let grown = |t: f64| 60.0 * MIB * t / 3_600.0;
    // The kernel swaps out as fast as the program grows.
    let rss = pages(9, |_| 200.0 * MIB);
    let swap = pages(10, grown);
    let cell = CellSeries {
        time_s: &time_s,
        rss_bytes: Some(&rss),
        ..CellSeries::default()
    };
    assert_eq!(judged(&cell).verdict, Verdict::NoLeak);
    let swapped = judged(&CellSeries {
        swap_bytes: Some(&swap),
        ..cell
    });
    assert_eq!(swapped.verdict, Verdict::Leak, "{}", swapped.reason);
}
