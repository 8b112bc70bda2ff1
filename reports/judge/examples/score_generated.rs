//! Scores the judge on generated series of every family.
//!
//! `cargo run --release -p leaklab-judge --example score_generated -- 200 1`: 200 series per
//! family, seeds from 1. A third argument lists what was wrong or left open in one family
//! (`all` for every family, `wrong` for what was wrong), a fourth writes those series to a
//! folder. One series alone (`-- 1 SEED FAMILY`) is shown with every step of the judge. Families
//! whose load the series does not tell of are counted apart.

#[path = "../tests/generator/mod.rs"]
mod generator;

use generator::{Labelled, Tally, families, generate};
use leaklab_judge::{Judgement, Verdict};
use std::fmt::Write as _;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| {
        let text = arguments.get(at);
        text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let (count, first) = (number(0, 100), number(1, 1));
    let listed = arguments.get(2).map(String::as_str);
    let (mut seen, mut hidden) = (Tally::default(), Tally::default());
    println!(
        "{:<28} {:>6} {:>6} {:>6} {:>6} {:>9}",
        "family", "series", "easy", "wrong", "open", "hard-open"
    );
    let wanted = |family: &str| listed.is_none_or(|l| l == family || l == "all" || l == "wrong");
    for family in families().filter(|family| wanted(family)) {
        let (mut row, mut row_hidden) = (Tally::default(), Tally::default());
        for labelled in (first..first + count).map(|seed| (seed, generate(family, seed))) {
            let (seed, labelled) = labelled;
            let judgement = labelled.judged().ok();
            let verdict = judgement
                .as_ref()
                .map_or(Verdict::Inconclusive, |judgement| judgement.verdict);
            let tally = if labelled.hidden_load {
                &mut row_hidden
            } else {
                &mut row
            };
            let before = *tally;
            tally.add(&labelled, verdict);
            let wrong = tally.wrong > before.wrong;
            if count == 1 && listed == Some(family) {
                show_steps(&labelled);
            }
            let matters = wrong || tally.open > before.open;
            if matters && listed.is_some_and(|l| wrong || l != "wrong") {
                explain(seed, &labelled, judgement.as_ref(), wrong);
                if let Some(folder) = arguments.get(3) {
                    write(folder, seed, &labelled);
                }
            }
        }
        if row.series > 0 {
            print_row(family, &row);
        }
        if row_hidden.series > 0 {
            print_row(&format!("{family} (hidden)"), &row_hidden);
        }
        seen.merge(row);
        hidden.merge(row_hidden);
    }
    print_row("all", &seen);
    print_row("all with hidden load", &hidden);
}

fn print_row(family: &str, row: &Tally) {
    println!(
        "{family:<28} {:>6} {:>6} {:>6} {:>6} {:>9}   {:.1} % wrong, {:.1} % of easy open",
        row.series,
        row.easy,
        row.wrong,
        row.open,
        row.hard_open,
        100.0 * row.wrong as f64 / row.series.max(1) as f64,
        100.0 * row.open as f64 / row.easy.max(1) as f64
    );
}

fn explain(seed: u64, labelled: &Labelled, judgement: Option<&Judgement>, wrong: bool) {
    let word = if wrong { "WRONG" } else { "open" };
    let known = format!(
        "{} seed {seed} {:?} easy {} n {} over {:.0} s, budget {:?}, slope {:?}",
        labelled.family,
        labelled.truth,
        labelled.easy,
        labelled.time_s.len(),
        labelled.time_s[labelled.time_s.len() - 1],
        labelled.budget,
        labelled.slope,
    );
    let Some(judgement) = judgement else {
        println!("{word} {known}: refused");
        return;
    };
    let show = |value: Option<f64>| value.map_or("?".to_owned(), |v| format!("{v:.3e}"));
    println!(
        "{word} {known}: {} {} [{}, {}] settled {} {:?}: {}",
        judgement.verdict,
        show(judgement.slope_bytes_per_hour),
        show(judgement.slope_low_bytes_per_hour),
        show(judgement.slope_high_bytes_per_hour),
        show(judgement.settled_after_s),
        judgement.shape,
        judgement.reason.split(';').next().unwrap_or_default()
    );
}

fn show_steps(labelled: &Labelled) {
    match leaklab_judge::explain(&labelled.series(), &labelled.options()) {
        Ok((judgement, explanation)) => {
            for note in explanation.notes {
                println!("{note:?}");
            }
            println!("{}: {}", judgement.verdict, judgement.reason);
        }
        Err(error) => println!("refused: {error}"),
    }
}

fn write(folder: &str, seed: u64, labelled: &Labelled) {
    let path = format!("{folder}/{}-{seed}.csv", labelled.family);
    std::fs::create_dir_all(folder).expect("folder");
    let mut text = String::from("elapsed_s,bytes");
    text.push_str(if labelled.operations.is_some() {
        ",ops_total\n"
    } else {
        "\n"
    });
    for (i, (t, v)) in labelled.time_s.iter().zip(&labelled.value).enumerate() {
        let _ = match &labelled.operations {
            Some(operations) => writeln!(text, "{t},{v},{}", operations[i]),
            None => writeln!(text, "{t},{v}"),
        };
    }
    std::fs::write(path, text).expect("written");
}
