//! Replays recordings through the rule that stops a run early, as if they were running now.
//!
//! `cargo run --release -p leaklab-judge --example replay -- FOLDER…`: each folder holds
//! `labels.csv` (file, truth, budget_bytes_per_hour) and the series named there. Rows are shown to the rule one by one, as `run --until-verdict` does, with
//! a first look after twenty rows and a least length of five minutes, of one, and of none. Counted are the runs that were stopped, those that were stopped wrongly, and at what
//! share of their length.

#[path = "labels/mod.rs"]
mod labels;

use labels::Recording;
use leaklab_judge::sequential::{ERROR, StoppingRule};
use leaklab_judge::{Budget, JudgeOptions, Series, Verdict};
use std::path::Path;
use std::process::ExitCode;

/// Least lengths that are tried, in seconds.
const LEAST_S: [f64; 3] = [300.0, 60.0, 0.0];

fn main() -> ExitCode {
    let mut recordings = Vec::new();
    for folder in std::env::args().skip(1) {
        let read = labels::for_each(Path::new(&folder), [], |recording, []| {
            recordings.push(recording);
            Ok(())
        });
        if let Err(error) = read {
            eprintln!("error: {folder}: {error}");
            return ExitCode::from(2);
        }
    }
    println!(
        "{:>8} {:>6} {:>8} {:>6} {:>12}",
        "least s", "runs", "stopped", "wrong", "median share"
    );
    for least_s in LEAST_S {
        let (mut runs, mut wrong, mut shares) = (0, 0, Vec::new());
        for recording in recordings.iter().filter(|r| r.truth != "open") {
            runs += 1;
            let Some((verdict, at)) = recording.stopped(least_s) else {
                continue;
            };
            let is_wrong = match recording.truth.as_str() {
                "leak" => verdict == Verdict::NoLeak,
                _ => verdict == Verdict::Leak,
            };
            if is_wrong {
                println!(
                    "{}: {verdict} after {at:.0} s, but {}",
                    recording.file, recording.truth
                );
            }
            wrong += usize::from(is_wrong);
            shares.push(at / recording.length_s());
        }
        shares.sort_by(f64::total_cmp);
        let middle = shares.get(shares.len() / 2).copied().unwrap_or(1.0);
        println!(
            "{least_s:>8} {runs:>6} {:>8} {wrong:>6} {middle:>12.2}",
            shares.len()
        );
    }
    ExitCode::SUCCESS
}

impl Recording {
    fn length_s(&self) -> f64 {
        self.time_s[self.time_s.len() - 1] - self.time_s[0]
    }

    /// When and with what verdict the rule ends it.
    fn stopped(&self, least_s: f64) -> Option<(Verdict, f64)> {
        let options = JudgeOptions {
            budget: Budget::BytesPerHour(self.budget_per_hour),
            ..JudgeOptions::default()
        };
        let rows = self.time_s.len();
        let interval_s = self.length_s() / rows as f64;
        let mut rule = StoppingRule::new(20.0 * interval_s, ERROR).not_before(least_s);
        (10..=rows).find_map(|end| {
            let elapsed_s = self.time_s[end - 1] - self.time_s[0];
            let series = Series::new(&self.time_s[..end], &self.value[..end]);
            let found = rule.look(elapsed_s, &series, &options).ok()??;
            Some((found.verdict, elapsed_s))
        })
    }
}
