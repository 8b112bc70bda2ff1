//! The judge on recordings of real programs: Node.js, OpenJDK and CPython. How they were made
//! is told in `recordings/README.md`.

use leaklab_judge::{Budget, JudgeOptions, Series, Verdict, judge};
use std::path::{Path, PathBuf};

struct Recording {
    name: String,
    truth: Verdict,
    budget_bytes_per_hour: f64,
    is_easy: bool,
    time_s: Vec<f64>,
    value: Vec<f64>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings")
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).expect("a file of the repository");
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

fn recordings() -> Vec<Recording> {
    rows(&folder().join("labels.csv"))
        .iter()
        .map(|label| {
            let (time_s, value) = rows(&folder().join(&label[0]))
                .iter()
                .map(|row| {
                    let number = |field: &String| field.parse::<f64>().expect("a number");
                    (number(&row[0]), number(&row[1]))
                })
                .unzip();
            Recording {
                name: label[0].clone(),
                truth: match label[1].as_str() {
                    "leak" => Verdict::Leak,
                    _ => Verdict::NoLeak,
                },
                budget_bytes_per_hour: label[2].parse().expect("a number"),
                is_easy: label[4] == "easy",
                time_s,
                value,
            }
        })
        .collect()
}

impl Recording {
    /// The verdict on the first `share` of the recording.
    fn verdict_of(&self, share: f64) -> Verdict {
        let count = (self.time_s.len() as f64 * share) as usize;
        let options = JudgeOptions {
            budget: Budget::BytesPerHour(self.budget_bytes_per_hour),
            ..JudgeOptions::default()
        };
        let series = Series::new(&self.time_s[..count], &self.value[..count]);
        judge(&series, &options).expect("a series").verdict
    }
}

#[test]
fn no_recording_is_misjudged_and_few_easy_ones_stay_open() {
    let all = recordings();
    let easy = all.iter().filter(|recording| recording.is_easy).count();
    let mut open = Vec::new();
    for recording in &all {
        let verdict = recording.verdict_of(1.0);
        if verdict == Verdict::Inconclusive {
            open.extend(recording.is_easy.then_some(&recording.name));
        } else {
            assert_eq!(verdict, recording.truth, "{}", recording.name);
        }
    }
    println!("open: {} of {easy} easy ones: {open:?}", open.len());
    // Steps of an allocator, teeth that change their size: LIMITS.md.
    assert!(open.len() * 16 <= easy, "open: {open:?} of {easy}");
}

#[test]
fn a_healthy_program_that_is_looked_at_earlier_does_not_leak() {
    // Until its caches are full and have shown a tooth or two, a healthy program grows, and
    // nobody could tell; from half of the recording on no look may take its ups and downs for a
    // leak. The old generation of one program fills until 360 of 680 seconds.
    let full = |name: &str| {
        if name.starts_with("java-par_job") {
            0.7
        } else {
            0.5
        }
    };
    for recording in recordings() {
        if recording.truth != Verdict::NoLeak {
            continue;
        }
        for look in 10..20 {
            let share = f64::from(look) / 20.0;
            if share >= full(&recording.name) {
                let verdict = recording.verdict_of(share);
                assert_ne!(verdict, Verdict::Leak, "{} {share}", recording.name);
            }
        }
    }
}
