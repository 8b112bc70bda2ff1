//! Scores any detector of leaks on generated series and on recordings.
//!
//! `scripts/arena [--series N] [--first SEED] [--family NAME] [--recordings FOLDER] [--batch N]
//! [--timeout SECONDS] [DETECTOR [ARGUMENT…]]`. Without a detector the judge of this
//! crate is scored, in the process itself.
//!
//! The detector is started once per batch with the paths of its series as last arguments, and
//! prints a line `FILE VERDICT` for each: `leak`, `no-leak`, anything else is an abstention, as
//! is a line that is missing when its time is over. Each series is a CSV with the columns
//! `elapsed_s,bytes`, `ops_total` where operations are counted and `life` where restarts are on
//! record. What growth is accepted is
//! told in `budgets.csv` beside the series: `file,budget,unit`, the unit `hour` or `operation`;
//! nothing else of the truth is told.

#[path = "../tests/generator/mod.rs"]
mod generator;
#[path = "labels/mod.rs"]
mod labels;

use generator::{Labelled, Tally, Truth, families, generate};
use leaklab_judge::{Budget, Unit, Verdict};
use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

struct Arguments {
    series: u64,
    first: u64,
    family: Option<String>,
    recordings: Vec<PathBuf>,
    batch: usize,
    timeout: Duration,
    detector: Vec<String>,
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Outcome<Arguments> {
    let mut found = Arguments {
        series: 20,
        first: 1,
        family: None,
        recordings: Vec::new(),
        batch: 50,
        timeout: Duration::from_secs(120),
        detector: Vec::new(),
    };
    let mut given = std::env::args().skip(1);
    while let Some(flag) = given.next() {
        let mut value = || given.next().ok_or(format!("{flag} takes a value"));
        match flag.as_str() {
            "--series" => found.series = value()?.parse()?,
            "--first" => found.first = value()?.parse()?,
            "--family" => found.family = Some(value()?),
            "--recordings" => found.recordings.push(value()?.into()),
            "--batch" => found.batch = value()?.parse::<usize>()?.max(1),
            "--timeout" => found.timeout = Duration::from_secs_f64(value()?.parse()?),
            flag if flag.starts_with("--") => {
                return Err(format!("{flag} is unknown (hint: --series, --first, --family, --recordings, --batch, --timeout)").into());
            }
            _ => {
                found.detector.push(flag);
                found.detector.extend(given.by_ref());
            }
        }
    }
    Ok(found)
}

/// A series with its place in the table of scores.
struct Entry {
    row: String,
    labelled: Labelled,
}

fn run(arguments: &Arguments) -> Outcome<()> {
    let mut entries = Vec::new();
    for folder in &arguments.recordings {
        entries.extend(recordings(folder).map_err(|e| format!("{}: {e}", folder.display()))?);
    }
    let wanted = |family: &&str| arguments.family.as_deref().is_none_or(|f| f == *family);
    let last = arguments.first + arguments.series;
    for family in families().filter(wanted) {
        entries.extend((arguments.first..last).map(|seed| generated(family, seed)));
    }
    let started = Instant::now();
    let mut scores: BTreeMap<String, Tally> = BTreeMap::new();
    let mut asked = 0.0;
    for batch in entries.chunks(arguments.batch) {
        let verdicts = match arguments.detector.as_slice() {
            [] => batch.iter().map(|entry| entry.labelled.verdict()).collect(),
            detector => ask(detector, batch, arguments.timeout)?,
        };
        for (entry, verdict) in batch.iter().zip(verdicts) {
            asked += 1.0;
            let score = scores.entry(entry.row.clone()).or_default();
            score.add(&entry.labelled, verdict);
        }
    }
    print_scores(&scores);
    eprintln!(
        "{:.1} ms per series",
        started.elapsed().as_secs_f64() * 1e3 / f64::max(asked, 1.0)
    );
    Ok(())
}

fn generated(family: &'static str, seed: u64) -> Entry {
    let labelled = generate(family, seed);
    let row = if labelled.hidden_load {
        format!("{family} (hidden load)")
    } else {
        family.to_owned()
    };
    Entry { row, labelled }
}

/// The series that `labels.csv` of a folder names: file, truth, budget and difficulty.
fn recordings(folder: &Path) -> Outcome<Vec<Entry>> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let mut entries = Vec::new();
    labels::for_each(folder, ["difficulty"], |recording, [difficulty]| {
        entries.push(Entry {
            row: format!("recordings/{name}"),
            labelled: Labelled {
                family: "recordings",
                time_s: recording.time_s,
                value: recording.value,
                truth: match recording.truth.as_str() {
                    "leak" => Truth::Leak,
                    "no-leak" => Truth::NoLeak,
                    _ => Truth::Undecidable,
                },
                easy: difficulty == "easy",
                budget: Budget::BytesPerHour(recording.budget_per_hour),
                ..Labelled::default()
            },
        });
        Ok(())
    })?;
    Ok(entries)
}

/// Hands a batch to the detector and reads its lines.
fn ask(detector: &[String], batch: &[Entry], timeout: Duration) -> Outcome<Vec<Verdict>> {
    let folder = std::env::temp_dir().join(format!("leaklab-arena-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let paths: Vec<PathBuf> = (0..batch.len())
        .map(|i| folder.join(format!("{i:04}.csv")))
        .collect();
    let mut budgets = csv::Writer::from_path(folder.join("budgets.csv"))?;
    budgets.write_record(["file", "budget", "unit"])?;
    for (entry, path) in batch.iter().zip(&paths) {
        write(path, &entry.labelled)?;
        let (budget, unit) = match entry.labelled.budget {
            Budget::BytesPerOperation(budget) => (budget, "operation"),
            Budget::BytesPerHour(budget) => (budget, "hour"),
            // A share is one of the level that the series begins at.
            budget => {
                let early = &entry.labelled.value[..entry.labelled.value.len().div_ceil(20)];
                let level = early.iter().sum::<f64>() / early.len() as f64;
                let budget = budget.per_hour(level, Unit::Bytes);
                (budget.ok_or("a label has no budget per hour")?, "hour")
            }
        };
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        budgets.write_record([&file, budget.to_string().as_str(), unit])?;
    }
    budgets.flush()?;
    let answer = answer_of(
        Command::new(&detector[0]).args(&detector[1..]).args(&paths),
        timeout,
    )
    .map_err(|error| format!("cannot run `{}`: {error}", detector[0]))?;
    std::fs::remove_dir_all(&folder)?;
    let said: HashMap<&str, &str> = answer
        .lines()
        .filter_map(|line| line.trim().rsplit_once(char::is_whitespace))
        .map(|(file, verdict)| (file.trim(), verdict))
        .collect();
    Ok(paths
        .iter()
        .map(|path| match said.get(path.to_string_lossy().as_ref()) {
            Some(&"leak") => Verdict::Leak,
            Some(&"no-leak") => Verdict::NoLeak,
            _ => Verdict::Inconclusive,
        })
        .collect())
}

/// What a command printed until it ended or its time was over; then it is killed.
fn answer_of(command: &mut Command, timeout: Duration) -> std::io::Result<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut out = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = out.read_to_end(&mut bytes);
        bytes
    });
    let end = Instant::now() + timeout;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= end {
            eprintln!("note: the time of a batch is over; what it did not say is left open");
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let bytes = reader.join().unwrap_or_default();
    // A detector that cannot run is no detector that says nothing.
    if let Some(status) = status.filter(|status| !status.success()) {
        return Err(std::io::Error::other(format!("it ended with {status}")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(path: &Path, labelled: &Labelled) -> Outcome<()> {
    let mut file = csv::Writer::from_path(path)?;
    let operations = labelled.operations.as_deref();
    let mut header = vec!["elapsed_s", "bytes"];
    header.extend(operations.map(|_| "ops_total"));
    header.extend(labelled.restarts.as_ref().map(|_| "life"));
    file.write_record(&header)?;
    for (i, (time, value)) in labelled.time_s.iter().zip(&labelled.value).enumerate() {
        let mut row = vec![time.to_string(), value.to_string()];
        row.extend(operations.map(|operations| operations[i].to_string()));
        row.extend(labelled.restarts.as_ref().map(|restarts| {
            let life = restarts.partition_point(|restart| restart <= time);
            life.to_string()
        }));
        file.write_record(&row)?;
    }
    Ok(file.flush()?)
}

fn print_scores(scores: &BTreeMap<String, Tally>) {
    println!(
        "{:<38} {:>6} {:>6} {:>6} {:>6}",
        "family", "series", "easy", "wrong", "open"
    );
    let (mut all, mut hidden, mut recorded) =
        (Tally::default(), Tally::default(), Tally::default());
    for (name, score) in scores {
        print_score(name, score);
        let sum = if name.ends_with("(hidden load)") {
            &mut hidden
        } else if name.starts_with("recordings/") {
            &mut recorded
        } else {
            &mut all
        };
        sum.merge(*score);
    }
    for (name, sum) in [
        ("all generated", all),
        ("all with hidden load", hidden),
        ("all recordings", recorded),
    ] {
        if sum.series > 0 {
            print_score(name, &sum);
        }
    }
}

fn print_score(name: &str, score: &Tally) {
    println!(
        "{name:<38} {:>6} {:>6} {:>6} {:>6}   {:.1} % wrong, {:.1} % of easy open",
        score.series,
        score.easy,
        score.wrong,
        score.open,
        100.0 * score.wrong as f64 / score.series.max(1) as f64,
        100.0 * score.open as f64 / score.easy.max(1) as f64
    );
}
