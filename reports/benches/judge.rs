//! Time of the judge and of its statistics against the length of the series.
//!
//! `cargo bench -p leaklab-reports --bench judge` prints time for 10³ to 10⁷ points, and at
//! one size the ratio to a reference that looks at every pair. An argument sets the largest
//! power of ten. One repetition per size: the sizes differ by more than the noise.

use leaklab_reports::input::{ReadOptions, read_table};
use leaklab_reports::judge::{Budget, JudgeOptions, Series, judge};
use leaklab_reports::stats::mann_kendall::mann_kendall;
use leaklab_reports::stats::theil_sen::theil_sen;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

/// Points at which every pair is looked at.
const REFERENCE_POINTS: usize = 5_000;

/// Points of a week at one reading a second.
const WEEK: usize = 604_800;

fn series(n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut random = fastrand::Rng::with_seed(n as u64);
    let mut last = 0.0;
    let time_s: Vec<f64> = (0..n).map(|i| i as f64).collect();
    let value = time_s
        .iter()
        .map(|t| {
            last = 0.9 * last + random.f64() - 0.5;
            (5e8 + 3.0 * t + 1e6 * last).round()
        })
        .collect();
    (time_s, value)
}

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let begin = Instant::now();
    black_box(work());
    begin.elapsed().as_secs_f64()
}

fn every_pair(time_s: &[f64], value: &[f64]) -> f64 {
    let mut slopes = Vec::with_capacity(time_s.len() * (time_s.len() - 1) / 2);
    for i in 0..time_s.len() {
        for j in i + 1..time_s.len() {
            slopes.push((value[j] - value[i]) / (time_s[j] - time_s[i]));
        }
    }
    let middle = slopes.len() / 2;
    *slopes.select_nth_unstable_by(middle, f64::total_cmp).1
}

fn main() {
    // `cargo bench` passes `--bench`; a number is ours.
    let largest: u32 = std::env::args()
        .skip(1)
        .find_map(|a| a.parse().ok())
        .unwrap_or(7);
    let options = JudgeOptions {
        budget: Budget::BytesPerHour(1e6),
        ..JudgeOptions::default()
    };
    println!(
        "{:>10} {:>12} {:>12} {:>12} {:>14}",
        "points", "judge s", "Theil-Sen s", "M-K s", "judge ns/point"
    );
    for power in 3..=largest {
        let (time_s, value) = series(10_usize.pow(power));
        let judged = seconds(|| judge(&Series::new(&time_s, &value), &options));
        let slope = seconds(|| theil_sen(&time_s, &value, 0.95));
        let trend = seconds(|| mann_kendall(&value));
        let per_point = judged / time_s.len() as f64 * 1e9;
        println!(
            "{:>10} {judged:>12.4} {slope:>12.4} {trend:>12.4} {per_point:>14.1}",
            time_s.len()
        );
    }
    let (time_s, value) = series(REFERENCE_POINTS);
    let reference = seconds(|| every_pair(&time_s, &value));
    let slope = seconds(|| theil_sen(&time_s, &value, 0.95));
    println!(
        "\nevery pair of {REFERENCE_POINTS} points: {reference:.4} s, {:.0} times the {slope:.4} s of Theil-Sen here",
        reference / slope
    );
    week();
}

/// A week at one reading a second, from the text of a CSV file to the verdict.
fn week() {
    let (time_s, value) = series(WEEK);
    let mut text = String::from("elapsed_s,bytes\n");
    for (time, value) in time_s.iter().zip(&value) {
        let _ = writeln!(text, "{time},{value}");
    }
    let options = JudgeOptions::default();
    let whole = seconds(|| {
        let table = read_table(text.as_bytes(), &ReadOptions::default()).expect("a table");
        judge(&Series::new(&table.time_s, &table.metrics[0].1), &options).expect("a series")
    });
    println!("{WEEK} rows of CSV, read and judged: {whole:.3} s");
    let slope = seconds(|| theil_sen(&time_s, &value, 0.95));
    let trend = seconds(|| mann_kendall(&value));
    println!("the same rows: Theil-Sen with its interval {slope:.3} s, Mann-Kendall {trend:.3} s");
}
