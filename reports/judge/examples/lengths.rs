//! How long a run must be until nine in ten are decided, beside an oracle that knows the noise.
//!
//! `cargo run --release -p leaklab-judge --example lengths -- 40 120`: 40 runs for each length,
//! leaks that the oracle decides in 120 readings. The oracle fits by generalised least squares
//! with the true memory, and the true teeth, and decides at 99 % with a chance of nine in ten.
//! Beside it: the judge at a fixed length, and the readings until nine in ten were stopped early.

use leaklab_judge::sequential::{ERROR, StoppingRule};
use leaklab_judge::{Budget, JudgeOptions, Series, Verdict, judge};

/// Standard errors for a two-sided 99 % interval, and for a chance of nine in ten.
const DECIDING: f64 = 2.575_829 + 1.281_552;

/// Readings of a tooth, no whole number of them, and its height in standard deviations of the
/// noise.
const TOOTH: f64 = 12.37;
const HEIGHT: f64 = 30.0;

struct Course {
    name: &'static str,
    rho: f64,
    has_teeth: bool,
}

fn main() {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .filter_map(|a| a.parse().ok())
        .collect();
    let runs = numbers.first().copied().unwrap_or(40);
    let oracle = numbers.get(1).copied().unwrap_or(120) as usize;
    println!(
        "{:<10} {:<8} {:>7} {:>7} {:>7} {:>7} {:>7}",
        "noise", "truth", "oracle", "judge", "ratio", "early", "ratio"
    );
    for (name, rho) in [
        ("white", 0.0),
        ("AR 0.5", 0.5),
        ("AR 0.9", 0.9),
        ("AR 0.95", 0.95),
        ("teeth", 0.0),
    ] {
        let course = Course {
            name,
            rho,
            has_teeth: name == "teeth",
        };
        for leaks in [true, false] {
            course.print(runs, oracle, leaks);
        }
    }
}

impl Course {
    /// The standard error of a slope per reading for an oracle with `count` readings.
    fn error(&self, count: usize) -> f64 {
        // Whitened by the true memory, the line becomes one of smaller slope and noise.
        let fresh = (1.0 - self.rho * self.rho).sqrt();
        let line = |i: usize| i as f64;
        let white = |i: usize, at: &dyn Fn(usize) -> f64| match i {
            0 => at(0),
            _ => (at(i) - self.rho * at(i - 1)) / fresh,
        };
        let (mut aa, mut ab, mut bb) = (0.0, 0.0, 0.0);
        for i in 0..count {
            let (a, b) = (white(i, &|_| 1.0), white(i, &line));
            aa += a * a;
            ab += a * b;
            bb += b * b;
        }
        (bb - ab * ab / aa).sqrt().recip()
    }

    fn values(&self, seed: u64, count: usize, slope: f64) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut normal = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
        let fresh = (1.0 - self.rho * self.rho).sqrt();
        let mut last = normal();
        let begin = seed as f64 * 0.618;
        (0..count)
            .map(|i| {
                last = self.rho * last + fresh * normal();
                let tooth = match self.has_teeth {
                    true => HEIGHT * (i as f64 / TOOTH + begin).fract(),
                    false => 0.0,
                };
                1e6 + 1e3 * (tooth + last + slope * i as f64)
            })
            .collect()
    }

    fn print(&self, runs: u64, oracle: usize, leaks: bool) {
        // A leak of five budgets, or none: the same distance for the oracle.
        let distance = DECIDING * self.error(oracle);
        let (slope, budget) = if leaks {
            (1.25 * distance, 0.25 * distance)
        } else {
            (0.0, distance)
        };
        let options = JudgeOptions {
            budget: Budget::BytesPerHour(3_600.0 * 1e3 * budget),
            ..JudgeOptions::default()
        };
        let due = if leaks {
            Verdict::Leak
        } else {
            Verdict::NoLeak
        };
        let times: Vec<f64> = (0..oracle * 12).map(|i| i as f64).collect();
        let decided = |count: usize| {
            let right = (0..runs).filter(|&seed| {
                let value = self.values(seed, count, slope);
                let series = Series::new(&times[..count], &value);
                judge(&series, &options).is_ok_and(|judgement| judgement.verdict == due)
            });
            right.count() as u64 * 10 >= runs * 9
        };
        let mut length = oracle;
        while !decided(length) && length < oracle * 10 {
            length += length / 10;
        }
        let mut stops: Vec<usize> = (0..runs)
            .map(|seed| self.stop(seed, oracle, slope, &options))
            .collect();
        stops.sort_unstable();
        let early = stops[(runs as usize * 9).div_ceil(10) - 1];
        let ratio = |count: usize| count as f64 / oracle as f64;
        println!(
            "{:<10} {:<8} {oracle:>7} {length:>7} {:>7.2} {early:>7} {:>7.2}",
            self.name,
            due.to_string(),
            ratio(length),
            ratio(early)
        );
    }

    /// The reading at which the stopping rule ends a run.
    fn stop(&self, seed: u64, oracle: usize, slope: f64, options: &JudgeOptions) -> usize {
        let count = oracle * 10;
        let value = self.values(seed, count, slope);
        let times: Vec<f64> = (0..count).map(|i| i as f64).collect();
        let mut rule = StoppingRule::new(20.0, ERROR);
        (20..count)
            .find(|&end| {
                let series = Series::new(&times[..end], &value[..end]);
                rule.look(end as f64, &series, options)
                    .is_ok_and(|found| found.is_some())
            })
            .unwrap_or(count)
    }
}
