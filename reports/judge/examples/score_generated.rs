//! Scores the judge on generated series of every family.
//!
//! `cargo run --release -p leaklab-judge --example score_generated -- 200 1`: 200 series per
//! family, seeds from 1. A third argument lists what was wrong or abstained in one family
//! (`all` for every family), a fourth writes those series to a folder.

#[path = "../tests/generator/mod.rs"]
mod generator;

use generator::{FAMILIES, Labelled, Truth, generate};
use leaklab_judge::{Budget, JudgeOptions, Judgement, Series, Verdict, judge};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let count: u64 = arguments
        .first()
        .and_then(|a| a.parse().ok())
        .unwrap_or(100);
    let first: u64 = arguments.get(1).and_then(|a| a.parse().ok()).unwrap_or(1);
    let listed = arguments.get(2).map(String::as_str);
    let mut all = [0_usize; 6];
    println!(
        "{:<16} {:>6} {:>6} {:>6} {:>9} {:>10} {:>9}",
        "family", "series", "easy", "wrong", "wrong-easy", "abstained", "hard-abst"
    );
    let wanted = |family: &str| listed.is_none_or(|l| l == family || l == "all" || l == "wrong");
    for family in FAMILIES.into_iter().filter(|family| wanted(family)) {
        let mut row = [0_usize; 6];
        for seed in first..first + count {
            let labelled = generate(family, seed);
            let judgement = judged(&labelled);
            let wrong = match labelled.truth {
                Truth::Leak => judgement.verdict == Verdict::NoLeak,
                _ => judgement.verdict == Verdict::Leak,
            };
            let open =
                judgement.verdict == Verdict::Inconclusive && labelled.truth != Truth::Slowing;
            row[0] += 1;
            row[1] += usize::from(labelled.easy);
            row[2] += usize::from(wrong);
            row[3] += usize::from(wrong && labelled.easy);
            row[4] += usize::from(open && labelled.easy);
            row[5] += usize::from(open && !labelled.easy);
            let matters = wrong || (open && labelled.easy);
            if matters
                && listed.is_some_and(|l| l == family || l == "all" || (l == "wrong" && wrong))
            {
                explain(seed, &labelled, &judgement, wrong);
                if let Some(folder) = arguments.get(3) {
                    write(folder, seed, &labelled);
                }
            }
        }
        print_row(family, &row);
        all.iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum += value);
    }
    print_row("all", &all);
}

fn print_row(family: &str, row: &[usize; 6]) {
    println!(
        "{family:<16} {:>6} {:>6} {:>6} {:>9} {:>10} {:>9}   {:.1} % wrong, {:.1} % abstained",
        row[0],
        row[1],
        row[2],
        row[3],
        row[4],
        row[5],
        100.0 * row[2] as f64 / row[0] as f64,
        100.0 * row[4] as f64 / row[1].max(1) as f64
    );
}

fn judged(labelled: &Labelled) -> Judgement {
    let options = JudgeOptions {
        budget: Budget::BytesPerHour(labelled.budget_per_hour),
        ..JudgeOptions::default()
    };
    judge(&Series::new(&labelled.time_s, &labelled.value), &options).expect("a series")
}

fn explain(seed: u64, labelled: &Labelled, judgement: &Judgement, wrong: bool) {
    let show = |value: Option<f64>| value.map_or("?".to_owned(), |v| format!("{v:.3e}"));
    println!(
        "{} {} seed {seed} {:?} easy {} n {} budget {:.3e} slope {:.3e} found {} [{}, {}] settled {:.2} {:?}: {}",
        if wrong { "WRONG" } else { "open" },
        labelled.family,
        labelled.truth,
        labelled.easy,
        labelled.time_s.len(),
        labelled.budget_per_hour,
        labelled.slope_per_hour,
        show(judgement.slope_bytes_per_hour),
        show(judgement.slope_low_bytes_per_hour),
        show(judgement.slope_high_bytes_per_hour),
        judgement.settled_after_s.unwrap_or(f64::NAN) / labelled.time_s[labelled.time_s.len() - 1],
        judgement.shape,
        judgement
            .reason
            .split(';')
            .next()
            .unwrap_or("")
            .chars()
            .take(70)
            .collect::<String>()
    );
}

fn write(folder: &str, seed: u64, labelled: &Labelled) {
    use std::fmt::Write as _;
    let mut text = String::from("elapsed_s,bytes\n");
    for (t, v) in labelled.time_s.iter().zip(&labelled.value) {
        let _ = writeln!(text, "{t},{v}");
    }
    std::fs::create_dir_all(folder).expect("folder");
    std::fs::write(format!("{folder}/{}-{seed}.csv", labelled.family), text).expect("written");
}
