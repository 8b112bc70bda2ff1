//! Every way in which leaklab says something of a cell gives the same answer.
//!
//! Run folders of every metric, outcome, mark, death and budget are written, each with a truth
//! that is known by construction. Each is asked in every way: as a run, as a cell, by a file
//! inside the cell, as JSON, as a test report, as the stored verdict, as picture, page, watched
//! run, side of a comparison and healthy run, and by the exit code.

mod support;

use leaklab_judge::{CellJudgement, Verdict};
use leaklab_reports::cell::{
    Standing, VerdictError, VerdictOptions, judge_samples, verdict_words, write_verdict,
};
use leaklab_run::{CellPlan, CellStatus, Measurement, Outcome, Run, RunRecord, State};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use support::Lab;
use support::serving::Serving;

/// Rows of a cell, a second apart.
const ROWS: usize = 480;

/// Milliseconds from one row to the next: four hours in all, in which resident memory that grew
/// at its budget would have moved by several of its steps.
const INTERVAL_MS: usize = 30_000;

/// A column that carries the truth of its cell.
const METRICS: [&str; 5] = [
    "allocated_bytes",
    "used_bytes",
    "rss_bytes",
    "descriptors",
    "threads",
];

const OUTCOMES: [Option<Outcome>; 9] = [
    Some(Outcome::Completed),
    Some(Outcome::Stopped),
    Some(Outcome::Died),
    Some(Outcome::MemoryLimit),
    Some(Outcome::NeverReady),
    Some(Outcome::HarnessFailed),
    Some(Outcome::LoadFailed),
    Some(Outcome::LoadEnded),
    // Still `running`, and nobody works on it.
    None,
];

/// What the column does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Course {
    Flat,
    Leak,
    /// Jumps in a marked window and is flat around it.
    MarkedJump,
    /// Flat, and its operations stop half-way.
    Dead,
    /// Flat, and no operation is ever done.
    Idle,
}

/// A cell with a known truth.
#[derive(Debug, Clone)]
struct Case {
    metric: &'static str,
    course: Course,
    outcome: Option<Outcome>,
    scenario: &'static str,
    expected: Option<&'static str>,
    budget: Option<&'static str>,
}

impl Case {
    fn verdict(&self) -> Verdict {
        match self.course {
            Course::Leak => Verdict::Leak,
            Course::Flat | Course::MarkedJump => Verdict::NoLeak,
            Course::Dead | Course::Idle => Verdict::Inconclusive,
        }
    }

    /// Whether there is something to judge: what was never ready was not measured.
    fn is_judged(&self) -> bool {
        self.outcome != Some(Outcome::NeverReady)
    }

    /// The exit code, as DESIGN.md gives it.
    fn exit_code(&self) -> i32 {
        let as_declared = self
            .expected
            .map(|expected| self.verdict().to_string() == expected);
        let by_verdict = match (as_declared, self.course) {
            (Some(true), _) => 0,
            // The load of the catalogue is its own; that of a program is not known.
            (_, Course::Dead) if self.scenario != "command" => 5,
            (None, Course::Flat | Course::MarkedJump) => 0,
            (_, Course::Dead | Course::Idle) => 3,
            _ => 1,
        };
        match self.outcome {
            Some(Outcome::Completed) => by_verdict,
            Some(Outcome::Died | Outcome::NeverReady) => 5,
            Some(Outcome::MemoryLimit) => i32::from(as_declared != Some(true)),
            Some(Outcome::HarnessFailed | Outcome::LoadFailed) => 4,
            Some(Outcome::Stopped | Outcome::LoadEnded) if by_verdict == 1 => 1,
            _ => 3,
        }
    }

    fn value(&self, row: usize) -> f64 {
        let s = row as f64;
        let counts = matches!(self.metric, "descriptors" | "threads");
        let (level, noise, growth) = match counts {
            true => (40.0, 0.0, (s / 6.0).floor()),
            false => (5e7, 2_000.0 * (s * 1.7).sin(), 20_000.0 * s),
        };
        level
            + noise
            + match self.course {
                Course::Leak => growth,
                Course::MarkedJump => {
                    let jump = if counts { 30.0 } else { 2e7 };
                    jump * ((s - 200.0) / 60.0).clamp(0.0, 1.0)
                }
                _ => 0.0,
            }
    }

    fn operations(&self, row: usize) -> usize {
        match self.course {
            Course::Dead => row.min(ROWS / 3) * 10,
            Course::Idle => 0,
            _ => row * 10,
        }
    }

    /// Writes the cell into `folder`, with the verdict if it has ended.
    fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("a folder");
        let counts = matches!(self.metric, "descriptors" | "threads");
        let mut samples = match counts {
            true => format!("elapsed_ms,phase,ops_total,rss_bytes,{}\n", self.metric),
            false => format!("elapsed_ms,phase,ops_total,{}\n", self.metric),
        };
        for row in 0..ROWS {
            let _ = write!(
                samples,
                "{},load,{}",
                row * INTERVAL_MS,
                self.operations(row)
            );
            if counts {
                let _ = write!(samples, ",{:.0}", 6e7 + 2_000.0 * (row as f64 * 1.3).sin());
            }
            let _ = writeln!(samples, ",{:.0}", self.value(row));
        }
        std::fs::write(folder.join("samples.csv"), samples).expect("samples");
        if self.course == Course::MarkedJump {
            let mark = format!(
                r#"{{"elapsed_ms":{},"type":"mark","name":"deploy","duration_ms":{}}}"#,
                195 * INTERVAL_MS,
                80 * INTERVAL_MS,
            );
            std::fs::write(folder.join("events.jsonl"), format!("{mark}\n")).expect("events");
        }
        let status = CellStatus {
            state: match self.outcome {
                Some(_) => State::Finished,
                None => State::Running,
            },
            outcome: self.outcome,
            message: "written for a test".to_owned(),
            elapsed_ms: (ROWS * INTERVAL_MS) as f64,
            samples: ROWS as u64,
            measurement: Some(Measurement::default()),
            started_utc: "2020-01-01T00:00:00Z".to_owned(),
            ..CellStatus::default()
        };
        let status = serde_json::to_vec(&status).expect("JSON");
        std::fs::write(folder.join("status.json"), status).expect("a status");
    }

    fn plan(&self, number: usize) -> CellPlan {
        let variant = format!("v{number}");
        CellPlan {
            id: format!("{}::{variant}", self.scenario),
            folder: format!("{}--{variant}", self.scenario),
            scenario: self.scenario.to_owned(),
            variant,
            expected: self.expected.map(str::to_owned),
            budget: self.budget.map(str::to_owned),
            interval_ms: INTERVAL_MS as f64,
            ..CellPlan::default()
        }
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let case = |metric, course, outcome| Case {
        metric,
        course,
        outcome,
        scenario: "command",
        expected: None,
        budget: None,
    };
    for metric in METRICS {
        for course in [
            Course::Flat,
            Course::Leak,
            Course::MarkedJump,
            Course::Dead,
            Course::Idle,
        ] {
            cases.push(case(metric, course, Some(Outcome::Completed)));
        }
        cases.push(Case {
            scenario: "channel-io",
            expected: Some("no-leak"),
            ..case(metric, Course::Dead, Some(Outcome::Completed))
        });
        cases.push(Case {
            scenario: "channel-io",
            expected: Some("leak"),
            ..case(metric, Course::Leak, Some(Outcome::Completed))
        });
        cases.push(Case {
            budget: Some("16B/op"),
            ..case(metric, Course::Leak, Some(Outcome::Completed))
        });
    }
    for (number, outcome) in OUTCOMES.into_iter().skip(1).enumerate() {
        for course in [Course::Flat, Course::Leak] {
            cases.push(case(METRICS[number % METRICS.len()], course, outcome));
        }
    }
    cases
}

/// A run of these cells.
fn write_run(folder: &Path, cases: &[(usize, &Case)]) {
    let record = RunRecord {
        id: "run".to_owned(),
        cells: cases
            .iter()
            .map(|(number, case)| case.plan(*number))
            .collect(),
        ..RunRecord::default()
    };
    std::fs::create_dir_all(folder).expect("a folder");
    for (number, case) in cases {
        case.write(&folder.join(case.plan(*number).folder));
    }
    let record = serde_json::to_vec(&record).expect("JSON");
    std::fs::write(folder.join("run.json"), record).expect("a record");
    for cell in Run::open(folder).expect("a run").cells {
        if cell.status.state == State::Finished {
            match judge_samples(&cell, &VerdictOptions::default()) {
                Ok(judgement) => write_verdict(&cell, &judgement).expect("a file"),
                Err(VerdictError::NeverReady) => {}
                Err(other) => panic!("{other}"),
            }
        }
    }
}

/// One way's answer: a verdict, where it gives one, and an exit code, where it means the cell.
#[derive(Debug)]
struct Answer {
    way: &'static str,
    verdict: Option<Verdict>,
    code: Option<i32>,
    said: String,
}

fn verdict_in(text: &str) -> Option<Verdict> {
    [
        ("no-leak", Verdict::NoLeak),
        ("inconclusive", Verdict::Inconclusive),
        ("leak", Verdict::Leak),
    ]
    .into_iter()
    .find_map(|(word, verdict)| text.contains(word).then_some(verdict))
}

/// What a picture's title comes to.
fn verdict_of_title(title: &str) -> Option<Verdict> {
    let is = |words: &str| title.contains(words);
    match () {
        () if is("no growth") => Some(Verdict::NoLeak),
        () if is("inconclusive") => Some(Verdict::Inconclusive),
        () if is("retains") || is("gains") => Some(Verdict::Leak),
        () => Some(Verdict::Inconclusive),
    }
}

/// A second run beside `run` that saw the same.
fn again(run: &Path, plan: &CellPlan) -> PathBuf {
    let folder = run.with_extension("again");
    let record = std::fs::read_to_string(run.join("run.json")).expect("a record");
    std::fs::create_dir_all(folder.join(&plan.folder)).expect("a folder");
    let record = record.replace("\"id\":\"run\"", "\"id\":\"again\"");
    std::fs::write(folder.join("run.json"), record).expect("a record");
    for file in std::fs::read_dir(run.join(&plan.folder)).expect("a folder") {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name");
        std::fs::copy(&path, folder.join(&plan.folder).join(name)).expect("a copy");
    }
    folder
}

/// Asks in every way of one cell in a run of its own.
fn ask(lab: &Lab, run: &Path, case: &Case, number: usize) -> Vec<Answer> {
    let run_text = run.display().to_string();
    let plan = case.plan(number);
    let mut answers = Vec::new();
    let mut add = |way, verdict, code, said: String| {
        answers.push(Answer {
            way,
            verdict,
            code,
            said,
        });
    };
    let inside = run
        .join(&plan.folder)
        .join("samples.csv")
        .display()
        .to_string();
    let address = format!("{run_text}::{}", plan.id);
    for (way, name) in [
        ("judge RUN", &run_text),
        ("judge RUN/…/samples.csv", &inside),
        ("judge RUN::CELL", &address),
    ] {
        let called = lab.call(&["judge", name, "--junit", "junit.xml"]);
        let heading = called.stdout.lines().next().unwrap_or_default().to_owned();
        let junit = std::fs::read_to_string(lab.path().join("junit.xml")).expect("a report");
        let passed =
            !junit.contains("<failure") && !junit.contains("<error") && !junit.contains("<skipped");
        assert_eq!(passed, called.code == Some(0), "{case:?}: {junit}");
        let failed = matches!(called.code, Some(1 | 5));
        assert_eq!(junit.contains("<failure"), failed, "{case:?}: {junit}");
        assert_eq!(
            junit.contains("<error"),
            called.code == Some(4),
            "{case:?}: {junit}"
        );
        let found = verdict_in(heading.split_once(": ").map_or("", |(_, rest)| rest));
        add(way, found, called.code, called.stdout + &called.stderr);
    }
    if !case.is_judged() {
        return answers;
    }
    let called = lab.call(&["judge", &run_text, "--format", "json"]);
    let first = called.stdout.lines().next().unwrap_or("{}");
    let object: serde_json::Value = serde_json::from_str(first).expect("JSON");
    let metric = object["metric"].as_str().unwrap_or_default().to_owned();
    add(
        "judge --format json",
        object["verdict"].as_str().and_then(verdict_in),
        called.code,
        called.stdout,
    );
    if let Ok(text) = std::fs::read_to_string(run.join(&plan.folder).join("verdict.json")) {
        let stored: CellJudgement = serde_json::from_str(&text).expect("a verdict");
        assert_eq!(stored.metric, metric, "{case:?}");
        add("verdict.json", Some(stored.verdict), None, text);
    }
    let called = lab.call(&["chart", &run_text, "--metric", &metric, "--out", "charts"]);
    let picture = called.stdout.lines().find(|path| path.ends_with(".svg"));
    let picture = picture.unwrap_or_else(|| panic!("{case:?}: {}", called.stderr));
    let svg = std::fs::read_to_string(lab.path().join(picture)).expect("a picture");
    let title = svg.split("<text").nth(1).unwrap_or_default();
    let title = title
        .split(['>', '<'])
        .nth(1)
        .unwrap_or_default()
        .trim()
        .to_owned();
    add("chart", verdict_of_title(&title), None, title);
    let again = again(run, &plan).display().to_string();
    let called = lab.call(&[
        "compare",
        &run_text,
        &again,
        "--format",
        "json",
        "--no-chart",
    ]);
    let object: serde_json::Value = serde_json::from_str(&called.stdout)
        .unwrap_or_else(|error| panic!("{case:?}: {error}: {}", called.stderr));
    for side in ["before", "after"] {
        let verdict = object[side]["verdict"].as_str().and_then(verdict_in);
        add("compare", verdict, None, object[side]["reason"].to_string());
    }
    if !matches!(case.metric, "descriptors" | "threads") {
        let called = lab.call(&["calibrate", &run_text, "--resamples", "10"]);
        let verdict = match () {
            () if called.stderr.contains("a leak is no healthy run") => Verdict::Leak,
            () if called.stderr.contains("is not known to be healthy") => Verdict::Inconclusive,
            () => Verdict::NoLeak,
        };
        add("calibrate", Some(verdict), None, called.stderr);
    }
    if case.outcome.is_some() {
        let called = lab.call(&["watch", &run_text, "--once"]);
        add(
            "watch --once",
            verdict_in(&called.stdout),
            called.code,
            called.stdout,
        );
    }
    answers
}

/// What the page says in its title must be the words for the cell's standing, in the file as
/// from the server.
fn check_page(lab: &Lab, serving: &Serving, run: &Path, case: &Case) {
    lab.call(&["report", &run.display().to_string()])
        .expect_code(0);
    let file = std::fs::read_to_string(run.join("report.html")).expect("a page");
    let name = run.file_name().expect("a name").to_string_lossy();
    let (status, served) = serving.get(&format!("/runs/{name}/"));
    assert_eq!(status, 200, "{case:?}: {served}");
    for page in [file, served] {
        check_text_of_page(&page, run, case);
    }
}

fn check_text_of_page(page: &str, run: &Path, case: &Case) {
    let opened = Run::open(run).expect("a run");
    let cell = &opened.cells[0];
    let judgement = judge_samples(cell, &VerdictOptions::default()).ok();
    let verdict = judgement.as_ref().map(|judgement| judgement.verdict);
    let expected = case.is_judged().then(|| case.verdict());
    assert_eq!(verdict, expected, "{case:?}: {judgement:?}");
    let words = verdict_words(cell, judgement.as_ref());
    let title = page.split("<title>").nth(1).unwrap_or_default();
    let title = title.split(" · ").next().unwrap_or_default();
    assert!(title.ends_with(&words), "{case:?}: {title} is not {words}");
    let standing = Standing::of(cell, judgement.as_ref());
    assert_eq!(
        i32::from(standing.exit_code()),
        case.exit_code(),
        "{case:?}: {title}"
    );
    let class = format!("class=\"{}\"", standing.class());
    assert!(page.contains(&class), "{case:?}: the page has no {class}");
}

#[test]
fn every_way_to_ask_of_a_cell_gives_the_same_answer() {
    let lab = Lab::new();
    let serving = Serving::start(&lab, 0, ".");
    let cases = cases();
    assert!(cases.len() >= 50, "{}", cases.len());
    for (number, case) in cases.iter().enumerate() {
        let run = lab.path().join(format!("run-{number}"));
        write_run(&run, &[(number, case)]);
        for answer in ask(&lab, &run, case, number) {
            let Answer {
                way,
                verdict,
                code,
                said,
            } = answer;
            if let Some(verdict) = verdict {
                assert!(case.is_judged(), "{case:?}: {way} says:\n{said}");
                assert_eq!(verdict, case.verdict(), "{case:?}: {way} says:\n{said}");
            }
            if let Some(code) = code {
                assert_eq!(code, case.exit_code(), "{case:?}: {way} says:\n{said}");
            }
        }
        check_page(&lab, &serving, &run, case);
    }
}

/// What a run says when it ends is what everybody finds in its folder afterwards.
#[test]
fn a_run_that_ends_says_what_its_folder_says() {
    let lab = Lab::new();
    let cells = [
        "shape::{steady-leak,flat,bounded-cache}",
        "channel-io::unbuffered",
    ];
    let load = ["--duration", "3s", "--drain", "0s", "--jobs", "2"];
    for format in ["human", "json"] {
        let flags = ["run", "--format", format, "--junit", "junit.xml"];
        let called = lab.call(&[&flags[..], &cells, &load].concat());
        let run = lab.newest_run().expect("a run");
        let judged = lab.call(&["judge", &run.display().to_string(), "--format", "json"]);
        assert_eq!(
            called.code, judged.code,
            "{}{}",
            called.stdout, judged.stderr
        );
        let junit = std::fs::read_to_string(lab.path().join("junit.xml")).expect("a report");
        assert_eq!(
            junit.contains("<failure"),
            called.code == Some(1),
            "{junit}"
        );
        let opened = Run::open(&run).expect("a run");
        for cell in &opened.cells {
            let stored = std::fs::read_to_string(cell.folder.join("verdict.json"));
            let stored: CellJudgement =
                serde_json::from_str(&stored.expect("a verdict")).expect("JSON");
            let verdict = stored.verdict.to_string();
            // An object per metric and line, of each cell first that which decides.
            let decides = (judged.stdout.lines())
                .find(|line| line.contains(&format!("/{}/", cell.plan.folder)))
                .unwrap_or_else(|| panic!("{}: {}", cell.plan.id, judged.stdout));
            let decides: serde_json::Value = serde_json::from_str(decides).expect("JSON");
            assert_eq!(decides["verdict"], verdict.as_str(), "{}", cell.plan.id);
            assert_eq!(decides["metric"], stored.metric, "{}", cell.plan.id);
            let said = (called.stdout.lines())
                .find(|line| line.contains(&cell.plan.id))
                .unwrap_or_else(|| panic!("{}: {}", cell.plan.id, called.stdout));
            if format == "human" {
                let said = said.trim_end().rsplit("  ").next().unwrap_or_default();
                assert_eq!(said.trim(), verdict, "{}", called.stdout);
                continue;
            }
            let said: serde_json::Value = serde_json::from_str(said).expect("JSON");
            assert_eq!(said["verdict"], verdict.as_str(), "{said}");
            assert_eq!(said["reason"], stored.reason.as_str(), "{said}");
        }
    }
}

#[test]
fn a_run_of_all_cells_says_of_each_what_its_own_run_says() {
    let lab = Lab::new();
    let cases = cases();
    let numbered: Vec<(usize, &Case)> = cases.iter().enumerate().collect();
    let run: PathBuf = lab.path().join("all");
    write_run(&run, &numbered);
    let called = lab.call(&["judge", &run.display().to_string(), "--junit", "junit.xml"]);
    // Of several cells the gravest wins.
    assert_eq!(called.code, Some(4), "{}", called.stderr);
    let junit = std::fs::read_to_string(lab.path().join("junit.xml")).expect("a report");
    for (number, case) in numbered {
        let plan = case.plan(number);
        let rows = called.stdout.lines();
        let mut rows = rows.filter(|row| row.trim_start().starts_with(&format!("{} ", plan.id)));
        let row = rows
            .next()
            .unwrap_or_else(|| panic!("no row of {}", plan.id));
        let last = row.trim_end().rsplit("  ").next().unwrap_or_default();
        // Of what did not come to its end the table says how it ended, or that it leaked until then.
        let ended_well = case.outcome == Some(Outcome::Completed);
        let is_measured = case.outcome.is_none_or(Outcome::is_measured);
        match ended_well || (is_measured && case.verdict() == Verdict::Leak) {
            true => assert_eq!(verdict_in(last), Some(case.verdict()), "{case:?}: {row}"),
            false => assert!(
                !last.is_empty() && !last.contains("no-leak"),
                "{case:?}: {row}"
            ),
        }
        let name = format!("testcase name=\"{}\"", plan.variant);
        let test = junit
            .lines()
            .find(|line| line.contains(&name))
            .expect("a test case");
        let element = match case.exit_code() {
            0 => "</properties></testcase>",
            1 | 5 => "<failure",
            4 => "<error",
            _ => "<skipped",
        };
        assert!(test.contains(element), "{case:?}: {test}");
    }
}

#[test]
fn a_lost_record_leaves_the_cells_readable_by_what_is_in_their_folders() {
    // A service that died after a third of its load: its samples must not pass for health.
    let lab = Lab::new();
    let run = lab.path().join("run");
    let dead = Case {
        metric: "rss_bytes",
        course: Course::Dead,
        outcome: Some(Outcome::Completed),
        scenario: "channel-io",
        expected: None,
        budget: None,
    };
    write_run(&run, &[(0, &dead)]);
    std::fs::write(run.join("run.json"), "{\"format\":").expect("a damaged record");
    let called = lab.call(&["judge", &run.display().to_string()]);
    assert_eq!(called.code, Some(2));
    assert!(called.stderr.contains("samples.csv"), "{}", called.stderr);
    let samples = run.join("channel-io--v0/samples.csv");
    let called = lab.call(&["judge", &samples.display().to_string()]);
    assert_eq!(called.code, Some(5), "{}", called.stdout);
    assert!(called.stdout.contains("no progress"), "{}", called.stdout);
    // Alone, nothing is known of its load, and it is no health all the same.
    let alone = lab.path().join("alone.csv");
    std::fs::copy(&samples, &alone).expect("a copy");
    let called = lab.call(&["judge", "alone.csv"]);
    assert_eq!(called.code, Some(3), "{}", called.stdout);
}

fn one_case(metric: &'static str, course: Course, outcome: Outcome) -> Case {
    Case {
        metric,
        course,
        outcome: Some(outcome),
        scenario: "channel-io",
        expected: None,
        budget: None,
    }
}

#[test]
fn growth_per_operation_of_a_managed_heap_is_that_of_its_judgement() {
    let script = "i=0; while [ $i -lt 400 ]; do i=$((i + 1)); \
        echo \"leaklab: {\\\"ops\\\": $i, \\\"heap\\\": {\\\"used_bytes\\\": \
        $((50000000 + i * 1000)), \\\"committed_bytes\\\": 90000000}}\"; sleep 0.02; done";
    let flags = ["--duration", "6s", "--interval", "50ms", "--format", "json"];
    let called = Lab::new().run_script(&flags, script);
    let line = called.stdout.lines().next().unwrap_or_default();
    let cell: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let said = cell["bytes_per_operation"].as_f64().expect("a figure");
    let judged = cell["judgement"]["slope_bytes_per_op"].as_f64();
    assert_eq!(Some(said), judged, "{line}");
    assert!((said - 1000.0).abs() < 50.0, "{line}");
}

#[test]
fn the_picture_of_a_dead_service_does_not_call_its_heap_healthy() {
    let lab = Lab::new();
    let dead = one_case("used_bytes", Course::Dead, Outcome::Completed);
    let run = lab.path().join("run");
    write_run(&run, &[(0, &dead)]);
    let called = lab.call(&["chart", "run", "--metric", "used_bytes", "--out", "charts"]);
    let picture = called.stdout.lines().find(|path| path.ends_with(".svg"));
    let svg = std::fs::read_to_string(lab.path().join(picture.expect("a picture")));
    let svg = svg.expect("a file");
    assert!(!svg.contains("no growth"), "{svg}");
}

#[test]
fn a_page_says_no_more_of_a_stopped_run_than_its_exit_code() {
    let lab = Lab::new();
    let run = lab.path().join("run");
    write_run(
        &run,
        &[(0, &one_case("rss_bytes", Course::Flat, Outcome::Stopped))],
    );
    lab.call(&["judge", "run"]).expect_code(3);
    lab.call(&["report", "run"]).expect_code(0);
    let page = std::fs::read_to_string(run.join("report.html")).expect("a page");
    let good = format!("class=\"badge {}\"", Standing::Good.class());
    assert!(!page.contains(&good), "it has the badge of a healthy cell");
}

#[test]
fn a_marked_window_is_left_out_by_every_command() {
    let lab = Lab::new();
    let run = lab.path().join("run");
    let jump = one_case("rss_bytes", Course::MarkedJump, Outcome::Completed);
    write_run(&run, &[(0, &jump)]);
    // Eight hours with a fault of an hour and two thirds in which 120 MB come and stay.
    let mut samples = "elapsed_ms,phase,ops_total,rss_bytes\n".to_owned();
    for row in 0..5760 {
        let (s, noise) = (f64::from(row) * 5.0, f64::from(row * 37 % 101) * 60.0);
        let risen = 20_000.0 * (s - 20_000.0).clamp(0.0, 6_000.0);
        let _ = writeln!(
            samples,
            "{:.0},load,{},{:.0}",
            s * 1e3,
            row * 10,
            5e8 + risen + noise
        );
    }
    let folder = run.join(jump.plan(0).folder);
    std::fs::write(folder.join("samples.csv"), samples).expect("samples");
    let mark = r#"{"elapsed_ms":19990000,"type":"mark","name":"fault","duration_ms":6100000}"#;
    std::fs::write(folder.join("events.jsonl"), format!("{mark}\n")).expect("events");
    lab.call(&["judge", "run"]).expect_code(0);
    let called = lab.call(&["calibrate", "run", "--resamples", "10"]);
    assert!(
        !called.stderr.contains("is not known to be healthy"),
        "{}",
        called.stderr
    );
}

#[test]
fn files_that_count_things_are_judged_as_counts_by_every_command() {
    let lab = Lab::new();
    for (name, growth) in [("a.csv", 0.0), ("b.csv", 100.0 / 3600.0)] {
        let mut text = "elapsed_s,threads\n".to_owned();
        for row in 0..1440 {
            let (s, wobble) = (f64::from(row) * 5.0, f64::from(row % 3 - 1));
            let _ = writeln!(text, "{s},{:.0}", 50.0 + growth * s + wobble);
        }
        std::fs::write(lab.path().join(name), text).expect("a file");
    }
    lab.call(&["judge", "b.csv"]).expect_code(1);
    let compared = lab.call(&[
        "compare",
        "a.csv",
        "b.csv",
        "--value",
        "threads",
        "--no-chart",
    ]);
    let compared = compared.expect_code(1);
    assert!(!compared.stdout.contains(" B"), "{}", compared.stdout);
}

#[test]
fn sizes_are_read_the_same_by_every_flag() {
    let lab = Lab::new();
    std::fs::write(
        lab.path().join("a.csv"),
        "elapsed_s,rss_bytes\n0,5000000\n1,5000000\n",
    )
    .expect("a file");
    for size in ["2TiB", "64k", "2G", "16kib", "1_000"] {
        let judged = lab.call(&["judge", "a.csv", "--limit", size]);
        assert_ne!(judged.code, Some(2), "--limit {size}: {}", judged.stderr);
        let run = ["run", "no-such-scenario", "--memory-limit", size];
        let error = lab.call(&run).expect_code(2).stderr;
        assert!(
            error.contains("no-such-scenario"),
            "--memory-limit {size}: {error}"
        );
    }
}
