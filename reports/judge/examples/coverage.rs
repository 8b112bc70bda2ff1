//! How often the printed interval contains the true slope, per family with a defined slope.
//!
//! `cargo run --release -p leaklab-judge --example coverage -- 1000 1`: 1,000 series per
//! family, seeds from 1. Families whose load the series does not tell of are left out. A third argument names one family and lists what was missed. Where
//! the answer has no interval, the series is counted apart.

#[path = "../tests/generator/mod.rs"]
mod generator;

use generator::{Labelled, families, generate};
use leaklab_judge::{Budget, Judgement};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| {
        let text = arguments.get(at);
        text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let (count, first) = (number(0, 1_000), number(1, 1));
    let listed = arguments.get(2);
    let mut shares = Vec::new();
    println!(
        "{:<28} {:>6} {:>8} {:>7} {:>9}",
        "family", "series", "interval", "covered", "share"
    );
    for family in families().filter(|family| listed.is_none_or(|l| l == family)) {
        let (mut series, mut with, mut covered) = (0, 0, 0);
        for seed in first..first + count {
            let labelled = generate(family, seed);
            let Some(slope) = labelled.slope.filter(|_| !labelled.hidden_load) else {
                continue;
            };
            series += 1;
            let judgement = labelled.judged().ok();
            let Some((low, high)) = judgement.as_ref().and_then(|j| interval(&labelled, j)) else {
                continue;
            };
            with += 1;
            let inside = low <= slope && slope <= high;
            covered += usize::from(inside);
            if !inside && listed.is_some() {
                println!("{family} seed {seed}: {slope:.4e} outside [{low:.4e}, {high:.4e}]");
            }
        }
        if with == 0 {
            continue;
        }
        let share = 100.0 * f64::from(u32::try_from(covered).unwrap_or(0)) / f64::from(with);
        println!("{family:<28} {series:>6} {with:>8} {covered:>7} {share:>7.1} %");
        shares.push((share, family));
    }
    shares.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let (Some(least), Some(middle)) = (shares.first(), shares.get(shares.len() / 2)) {
        println!(
            "\nleast {:.1} % ({}), median family {:.1} % ({}), below 93 %: {} of {}",
            least.0,
            least.1,
            middle.0,
            middle.1,
            shares.iter().filter(|share| share.0 < 93.0).count(),
            shares.len()
        );
    }
}

/// The interval in the unit of the budget.
fn interval(labelled: &Labelled, judgement: &Judgement) -> Option<(f64, f64)> {
    match labelled.budget {
        Budget::BytesPerOperation(_) => judgement
            .slope_low_bytes_per_op
            .zip(judgement.slope_high_bytes_per_op),
        _ => judgement
            .slope_low_bytes_per_hour
            .zip(judgement.slope_high_bytes_per_hour),
    }
}
