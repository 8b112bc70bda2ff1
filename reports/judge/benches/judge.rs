//! Time of the judge against the length of the series, and over a fleet of short ones.
//!
//! `cargo bench -p leaklab-judge --bench judge` prints time for 10³ to 10⁷ points. An argument
//! sets the largest power of ten. One repetition per size: the sizes differ by more than the
//! noise.
//!
//! `cargo bench -p leaklab-judge --bench judge -- fleet 1000` judges 1,000 series of a day in
//! minutes (1,440 points), ten kinds in turn, in one call of `judge_all`, on all processors
//! (`taskset -c 0` for one). Under `valgrind --tool=callgrind` the count of instructions of ten
//! tells the same on a busy machine.

use leaklab_judge::{Budget, JudgeOptions, Series, judge, judge_all};
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

/// Points of a day in minutes.
const DAY: usize = 1_440;

/// A day of a program: ten kinds of course in turn, with noise.
fn day(number: usize) -> (Vec<f64>, Vec<f64>) {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let (level, share) = (2e8 * (1.0 + random.f64()), random.f64());
    let rho = [0.0, 0.5, 0.9][number / 10 % 3];
    let mut last = 0.0;
    let time_s: Vec<f64> = (0..DAY).map(|i| i as f64 * 60.0).collect();
    let value = (0..DAY)
        .map(|i| {
            let t = i as f64 / DAY as f64;
            last = rho * last + random.f64() - 0.5;
            let course = match number % 10 {
                0 | 1 => 0.0,
                2 => 0.2 * t,
                3 => 0.3 * (12.0 * t + share).fract(),
                4 => 0.2 * (std::f64::consts::TAU * (t + share)).sin(),
                5 => 0.3 * (1.0 - (-t / 0.05).exp()),
                6 => 0.2 * (t / (0.2 + 0.4 * share)).min(1.0),
                7 => f64::from(u8::from(t > 0.1 + 0.5 * share)) * 0.1 + 0.02 * t,
                8 => 0.1 * (20.0 * t).floor() / 20.0,
                _ => 0.3 * f64::from(u8::from(random.f64() < 0.01)),
            };
            (level * (1.0 + course + 0.005 * last)).round()
        })
        .collect();
    (time_s, value)
}

fn fleet(count: usize) {
    let days: Vec<_> = (0..count).map(day).collect();
    let series: Vec<Series<'_>> = days
        .iter()
        .map(|(time_s, value)| Series::new(time_s, value))
        .collect();
    let begin = Instant::now();
    let judged = judge_all(&series, &JudgeOptions::default());
    let seconds = begin.elapsed().as_secs_f64();
    let mut verdicts = [0_usize; 3];
    for judgement in judged.into_iter().flatten() {
        verdicts[judgement.verdict as usize] += 1;
    }
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    println!(
        "{count} series of {DAY} on {threads} threads: {seconds:.3} s, {:.0} a second; leak, no-leak, inconclusive: {verdicts:?}",
        count as f64 / seconds
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|a| a == "fleet") {
        let count = arguments.get(at + 1).and_then(|a| a.parse().ok());
        return fleet(count.unwrap_or(1_000));
    }
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
