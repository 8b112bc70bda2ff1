//! Scores the judge on folders of labelled series: one row per family.
//!
//! `cargo run --release -p leaklab-judge --example score_corpus -- ../shared/corpus`
//! Each folder holds `labels.csv` (file, family, truth, budget_bytes_per_hour, …, difficulty)
//! and the series named there. With `-v`, every series that is wrong or abstained is listed.

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
    let mut labels = csv::Reader::from_path(folder.join("labels.csv"))?;
    let headers = labels.headers()?.clone();
    let column = |name: &str| {
        headers
            .iter()
            .position(|h| h == name)
            .ok_or(format!("labels.csv has no column {name}"))
    };
    let (file, family, truth) = (column("file")?, column("family")?, column("truth")?);
    let (budget, difficulty) = (column("budget_bytes_per_hour")?, column("difficulty")?);
    for record in labels.records() {
        let record = record?;
        let (time_s, value) = read_series(&folder.join(&record[file]))?;
        let options = JudgeOptions {
            budget: Budget::BytesPerHour(record[budget].parse()?),
            ..JudgeOptions::default()
        };
        let judgement = judge(&Series::new(&time_s, &value), &options)?;
        let score = scores.entry(record[family].to_owned()).or_default();
        let easy = &record[difficulty] == "easy";
        score.series += 1;
        score.easy += usize::from(easy);
        let verdict = judgement.verdict;
        let wrong = match &record[truth] {
            // Nobody could say.
            "open" => false,
            "leak" => verdict == Verdict::NoLeak,
            _ => verdict == Verdict::Leak,
        };
        let abstained = easy
            && verdict == Verdict::Inconclusive
            && matches!(&record[truth], "leak" | "no-leak");
        score.wrong += usize::from(wrong);
        score.abstained += usize::from(abstained);
        let Some(row) = TRUTHS.iter().position(|t| *t == &record[truth]) else {
            continue;
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
                &record[file],
                &record[truth],
                &record[difficulty],
                record[budget].parse::<f64>()?,
                judgement.slope_bytes_per_hour.map(|v| v.round()),
                judgement.slope_low_bytes_per_hour.map(|v| v.round()),
                judgement.slope_high_bytes_per_hour.map(|v| v.round()),
                judgement.settled_after_s.map(|v| v.round()),
                judgement.shape,
                judgement.reason
            );
        }
    }
    Ok(())
}

fn read_series(path: &Path) -> Result<(Vec<f64>, Vec<f64>), Box<dyn std::error::Error>> {
    let (mut time_s, mut value) = (Vec::new(), Vec::new());
    for record in csv::Reader::from_path(path)?.records() {
        let record = record?;
        time_s.push(record[0].parse()?);
        value.push(record[1].parse()?);
    }
    Ok((time_s, value))
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
