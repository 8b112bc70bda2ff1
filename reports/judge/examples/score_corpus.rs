//! Scores the judge on folders of labelled series: one row per family.
//!
//! `cargo run --release -p leaklab-judge --example score_corpus -- ../shared/corpus`
//! Each folder holds `labels.csv` (file, family, truth, budget_bytes_per_hour, …, difficulty)
//! and the series named there. With `-v`, every series that is wrong or abstained is listed.

#[path = "labels/mod.rs"]
mod labels;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use leaklab_judge::{Budget, JudgeOptions, Series, Verdict, judge};

#[derive(Default, Clone)]
struct Score {
    series: usize,
    easy: usize,
    wrong: usize,
    abstained: usize,
    /// `matrix[truth][verdict]`
    matrix: [[usize; 3]; 3],
}

const TRUTHS: [&str; 3] = ["leak", "no-leak", "undecidable-not-leak"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let verbose = arguments.iter().any(|a| a == "-v");
    let mut scores: BTreeMap<String, Score> = BTreeMap::new();
    for folder in arguments.iter().filter(|a| *a != "-v") {
        if let Err(error) = score_folder(Path::new(folder), verbose, &mut scores) {
            eprintln!("error: {folder}: {error}");
            return ExitCode::from(2);
        }
    }
    print_scores(&scores);
    ExitCode::SUCCESS
}

fn score_folder(
    folder: &Path,
    verbose: bool,
    scores: &mut BTreeMap<String, Score>,
) -> Result<(), Box<dyn std::error::Error>> {
    labels::for_each(
        folder,
        ["family", "difficulty"],
        |recording, [family, difficulty]| {
            let truth = recording.truth.as_str();
            let options = JudgeOptions {
                budget: Budget::BytesPerHour(recording.budget_per_hour),
                ..JudgeOptions::default()
            };
            let judgement = judge(&Series::new(&recording.time_s, &recording.value), &options)?;
            let score = scores.entry(family.to_owned()).or_default();
            let easy = difficulty == "easy";
            score.series += 1;
            score.easy += usize::from(easy);
            let verdict = judgement.verdict;
            let wrong = match truth {
                // Nobody could say.
                "open" => false,
                "leak" => verdict == Verdict::NoLeak,
                _ => verdict == Verdict::Leak,
            };
            let abstained =
                easy && verdict == Verdict::Inconclusive && matches!(truth, "leak" | "no-leak");
            score.wrong += usize::from(wrong);
            score.abstained += usize::from(abstained);
            let Some(row) = TRUTHS.iter().position(|t| *t == truth) else {
                return Ok(());
            };
            let at = [Verdict::Leak, Verdict::NoLeak, Verdict::Inconclusive]
                .iter()
                .position(|v| *v == verdict)
                .unwrap_or(2);
            score.matrix[row][at] += 1;
            if verbose && (wrong || abstained) {
                let word = if wrong { "WRONG" } else { "abstained" };
                println!(
                    "{word} {} truth {} {} budget {:.4e} slope {:?} [{:?}, {:?}] settled {:?} {:?}: {}",
                    recording.file,
                    truth,
                    difficulty,
                    recording.budget_per_hour,
                    judgement.slope_bytes_per_hour.map(|v| v.round()),
                    judgement.slope_low_bytes_per_hour.map(|v| v.round()),
                    judgement.slope_high_bytes_per_hour.map(|v| v.round()),
                    judgement.settled_after_s.map(|v| v.round()),
                    judgement.shape,
                    judgement.reason
                );
            }
            Ok(())
        },
    )
}

fn print_scores(scores: &BTreeMap<String, Score>) {
    println!(
        "{:<22} {:>6} {:>5} {:>6} {:>10}",
        "family", "series", "easy", "wrong", "abstained"
    );
    let mut total = Score::default();
    for (family, score) in scores {
        println!(
            "{family:<22} {:>6} {:>5} {:>6} {:>10}",
            score.series, score.easy, score.wrong, score.abstained
        );
        total.series += score.series;
        total.easy += score.easy;
        total.wrong += score.wrong;
        total.abstained += score.abstained;
        for (sum, row) in total.matrix.iter_mut().zip(&score.matrix) {
            sum.iter_mut().zip(row).for_each(|(a, b)| *a += b);
        }
    }
    println!(
        "{:<22} {:>6} {:>5} {:>6} {:>10}",
        "all", total.series, total.easy, total.wrong, total.abstained
    );
    println!(
        "\n{:<22} {:>6} {:>8} {:>13}",
        "truth", "leak", "no-leak", "inconclusive"
    );
    for (truth, row) in TRUTHS.iter().zip(total.matrix) {
        println!("{truth:<22} {:>6} {:>8} {:>13}", row[0], row[1], row[2]);
    }
}
