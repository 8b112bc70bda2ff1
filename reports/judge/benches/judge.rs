//! Time of the judge against the length of the series.
//!
//! `cargo bench -p leaklab-judge --bench judge` prints time for 10³ to 10⁷ points. An argument
//! sets the largest power of ten. One repetition per size: the sizes differ by more than the
//! noise.

use leaklab_judge::{Budget, JudgeOptions, Series, judge};
use std::hint::black_box;
use std::time::Instant;

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
        "{:>10} {:>12} {:>14}",
        "points", "judge s", "judge ns/point"
    );
    for power in 3..=largest {
        let (time_s, value) = series(10_usize.pow(power));
        let begin = Instant::now();
        let _ = black_box(judge(&Series::new(&time_s, &value), &options));
        let judged = begin.elapsed().as_secs_f64();
        let per_point = judged / time_s.len() as f64 * 1e9;
        println!("{:>10} {judged:>12.4} {per_point:>14.1}", time_s.len());
    }
}
