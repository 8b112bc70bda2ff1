//! `leaklab judge`, `plan` and `calibrate` on tables and runs, as users call them.

mod support;

use std::fmt::Write;
use std::path::Path;
use support::Lab;

/// A table of `rows` readings a second apart.
fn table(rows: usize, value: impl Fn(f64) -> f64) -> String {
    let mut text = String::from("elapsed_s,bytes\n");
    for row in 0..rows {
        let _ = writeln!(text, "{row},{}", value(row as f64).round());
    }
    text
}

/// Noise without memory that needs no generator: the fractions of multiples of a surd.
fn noise(t: f64) -> f64 {
    1e5 * ((t * 0.618_033_988_75).fract() - 0.5)
}

fn lab_with(name: &str, text: &str) -> Lab {
    let lab = Lab::new();
    std::fs::write(lab.path().join(name), text).expect("a table");
    lab
}

fn objects(stdout: &str) -> Vec<serde_json::Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .collect()
}

#[test]
fn a_growing_table_is_a_leak_and_a_level_one_is_none() {
    let lab = lab_with("up.csv", &table(600, |t| 1e8 + 5_000.0 * t + noise(t)));
    std::fs::write(lab.path().join("level.csv"), table(600, |t| 1e8 + noise(t))).expect("a table");
    let called = lab
        .call(&[
            "judge", "up.csv", "--budget", "1MB/h", "--limit", "200MB", "--format", "json",
        ])
        .expect_code(1);
    let found = &objects(&called.stdout)[0];
    assert_eq!(found["file"], "up.csv");
    assert_eq!(found["metric"], "bytes");
    assert_eq!(found["verdict"], "leak");
    assert_eq!(found["shape"], "linear");
    let slope = found["slope_bytes_per_hour"].as_f64().expect("a slope");
    assert!((slope - 18e6).abs() < 1e5, "{slope}");
    // 100 MB above the start at 5 kB/s: 20,000 s, less the 599 s that have passed.
    let left = found["time_to_limit_s"].as_f64().expect("a time");
    assert!((left - 19_401.0).abs() < 200.0, "{left}");
    for key in [
        "kind",
        "slope_low_bytes_per_hour",
        "slope_high_bytes_per_hour",
        "slope_bytes_per_op",
        "budget_bytes_per_hour",
        "resolution_bytes_per_hour",
        "settled_after_s",
        "needs_s",
        "reason",
    ] {
        assert!(found.get(key).is_some(), "{key}: {found}");
    }
    lab.call(&["judge", "level.csv", "--budget", "9MB/h"])
        .expect_code(0);
    let both = lab.call(&[
        "judge",
        "level.csv",
        "up.csv",
        "--budget",
        "9MB/h",
        "--format",
        "json",
    ]);
    let both = both.expect_code(1);
    assert_eq!(objects(&both.stdout).len(), 2, "an object for each file");
}

#[test]
fn the_junit_report_of_a_recording_holds_a_test_for_each_series() {
    let lab = lab_with("up.csv", &table(600, |t| 1e8 + 5_000.0 * t + noise(t)));
    std::fs::write(lab.path().join("level.csv"), table(600, |t| 1e8 + noise(t))).expect("a table");
    let report = |files: &[&str], more: &[&str], code: i32| {
        let flags = ["--budget", "9MB/h", "--junit", "out.xml"];
        lab.call(&[&["judge"], files, &flags, more].concat())
            .expect_code(code);
        std::fs::read_to_string(lab.path().join("out.xml")).expect("a report")
    };
    let counts =
        |failures| format!("tests=\"1\" failures=\"{failures}\" errors=\"0\" skipped=\"0\"");
    let leaks = report(&["up.csv"], &[], 1);
    assert!(leaks.contains(&counts(1)), "{leaks}");
    assert!(leaks.contains("<failure type=\"leak\""), "{leaks}");
    let level = report(&["level.csv"], &[], 0);
    assert!(level.contains(&counts(0)), "{level}");
    assert!(!level.contains("<failure"), "{level}");
    // A limit that is reached fails as it does in the exit code.
    let over = report(&["level.csv"], &["--limit", "90MB"], 1);
    assert!(over.contains("the limit is reached"), "{over}");
    let both = report(&["up.csv", "level.csv"], &[], 1);
    assert_eq!(both.matches("<testsuite ").count(), 2, "{both}");
    // Too little to decide is skipped.
    std::fs::write(lab.path().join("short.csv"), table(12, |t| 1e8 + noise(t))).expect("a table");
    let short = report(&["short.csv"], &[], 3);
    assert!(short.contains("<skipped"), "{short}");
}

#[test]
fn swap_that_fills_beside_memory_leaves_green_open() {
    let text = |left: &dyn Fn(f64) -> f64| {
        let mut text = String::from("time_s,rss_bytes,swap_free_bytes\n");
        for row in 0..600 {
            let t = 60.0 * f64::from(row);
            let _ = writeln!(text, "{t},{},{}", (3e8 + noise(t)).round(), left(t).round());
        }
        text
    };
    // Twelve MB an hour go into swap, and the resident set stands.
    let lab = lab_with("fills.csv", &text(&|t| 8e9 - 12e6 * t / 3_600.0 - noise(t)));
    lab.call(&["judge", "fills.csv"])
        .expect_code(3)
        .expect_stderr(&["`swap_free_bytes`", "swap fills up"]);
    let lab = lab_with("stands.csv", &text(&|_| 8e9));
    lab.call(&["judge", "stands.csv"]).expect_code(0);
}

#[test]
fn words_carry_the_figures_and_the_reason_and_no_sketch_into_a_pipe() {
    let lab = lab_with("up.csv", &table(600, |t| 1e8 + 5_000.0 * t + noise(t)));
    let called = lab
        .call(&["judge", "up.csv", "--budget", "1MB/h"])
        .expect_code(1);
    for words in [
        "leak, linear",
        "growth",
        "budget",
        "resolution",
        "settled",
        "sustained growth of",
    ] {
        assert!(called.stdout.contains(words), "{words}: {}", called.stdout);
    }
    assert!(!called.stdout.contains('├'), "{}", called.stdout);
}

#[test]
fn readings_without_noise_have_no_figure_for_what_noise_would_hide() {
    let lab = lab_with("exact.csv", &table(600, |t| 1e8 + 5_000.0 * t));
    let called = lab
        .call(&["judge", "exact.csv", "--budget", "1MB/h"])
        .expect_code(1);
    let words = "  resolution  below 0.01 B per hour: the readings have no noise to hide growth\n";
    assert!(called.stdout.contains(words), "{}", called.stdout);
    assert!(
        !called.stdout.contains("0 B per hour would"),
        "{}",
        called.stdout
    );
}

#[test]
fn operations_give_growth_per_operation() {
    let mut text = String::from("elapsed_ms,ops_total,heap_bytes\n");
    for row in 0..200_u32 {
        let ops = row * 25;
        let _ = writeln!(text, "{},{ops},{}", row * 100, 1_000_000 + ops * 600);
    }
    let lab = lab_with("ops.csv", &text);
    let called = lab
        .call(&["judge", "ops.csv", "--budget", "16B/op", "--format", "json"])
        .expect_code(1);
    let found = &objects(&called.stdout)[0];
    let slope = found["slope_bytes_per_op"]
        .as_f64()
        .expect("a slope per operation");
    assert!((slope - 600.0).abs() < 0.5, "{slope}");
    lab.call(&["judge", "ops.csv", "--budget", "1KiB/op"])
        .expect_code(0);
}

#[test]
fn too_little_is_inconclusive_and_says_what_it_needs() {
    let lab = lab_with("short.csv", &table(6, |t| 1e8 + 1e6 * t));
    let called = lab
        .call(&["judge", "short.csv", "--format", "json"])
        .expect_code(3);
    let found = &objects(&called.stdout)[0];
    assert_eq!(found["verdict"], "inconclusive");
    assert!(
        found["needs_s"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0),
        "{found}"
    );
}

#[test]
fn a_table_that_ends_inside_a_number_is_judged_without_its_last_row() {
    let level = table(600, |t| 1e8 + noise(t));
    let lab = lab_with("torn.csv", &format!("{level}600,1000"));
    std::fs::write(lab.path().join("level.csv"), level).expect("a table");
    let said = "the last line has no line end; it may be torn and was left out";
    let judged = |name: &str, format: &str| {
        let arguments = ["judge", name, "--budget", "9MB/h", "--format", format];
        lab.call(&arguments).expect_code(0)
    };
    let torn = judged("torn.csv", "json");
    assert_eq!(torn.stderr, format!("note: torn.csv: {said}\n"));
    let (torn, whole) = (
        objects(&torn.stdout).remove(0),
        objects(&judged("level.csv", "json").stdout).remove(0),
    );
    assert_eq!(torn["notes"], serde_json::json!([said]));
    assert_eq!(whole["notes"], serde_json::json!([]));
    assert_eq!(torn["points"], whole["points"]);
    let words = judged("torn.csv", "human").stdout;
    assert!(
        words.contains(&format!("  note        {said}\n")),
        "{words}"
    );
}

#[test]
fn wrong_names_and_broken_tables_are_usage_errors() {
    let lab = lab_with("memory.csv", "elapsed_s,bytes\n0,1\n1,x\n2,3\n");
    for (arguments, words) in [
        (
            &["judge", "memory.csv"][..],
            "line 3, column `bytes`: `x` is not a number",
        ),
        (
            &["judge", "memory.csv", "--value", "byte"],
            "did you mean `bytes`?",
        ),
        (&["judge", "nowhere.csv"], "there is no `nowhere.csv`"),
        (&["judge", "memory.csv", "--budget", "lots"], "200KB/h"),
        (
            &["judge", "memory.csv", "--time-unit", "fortnight"],
            "known are",
        ),
        (&["judge"], "SOURCES"),
        (&["plan", "--like", "memory.csv"], "--min-leak"),
    ] {
        lab.call(arguments).expect_code(2).expect_stderr(&[words]);
    }
}

#[test]
fn a_run_is_judged_by_run_by_cell_and_by_address() {
    let lab = Lab::new();
    lab.call(&[
        "run",
        "shape::steady-leak",
        "--duration",
        "3s",
        "--drain",
        "1s",
    ]);
    let run = lab.newest_run().expect("a run").display().to_string();
    let cell = format!("{run}::shape::steady-leak");
    for source in [&run, &cell] {
        // The variant declares a leak; finding it is what is expected.
        let called = lab
            .call(&["judge", source, "--format", "json"])
            .expect_code(0);
        let found = objects(&called.stdout);
        assert_eq!(found[0]["verdict"], "leak", "{}", called.stdout);
        assert_eq!(found[0]["kind"], "live-heap");
        assert!(found.len() > 1, "every metric: {}", called.stdout);
    }
    lab.call(&["judge", &format!("{run}::nothing")])
        .expect_code(2);
    // Without its record the samples are still a table, and the message says how to judge them.
    std::fs::write(Path::new(&run).join("run.json"), "{\"format\":").expect("a file");
    let samples = format!("{run}/shape--steady-leak/samples.csv");
    for source in [&run, &cell] {
        lab.call(&["judge", source]).expect_code(2).expect_stderr(&[
            "run.json` is cut off at line 1",
            &format!("`leaklab judge {samples}`"),
        ]);
    }
    // A path inside the cell's folder names the cell, whatever became of the run's record.
    lab.call(&["judge", &format!("{run}/shape--steady-leak")])
        .expect_code(1);
    let called = lab.call(&["judge", &samples, "--budget", "16B/op", "--format", "json"]);
    let heap = objects(&called.expect_code(1).stdout).remove(0);
    assert_eq!(
        (&heap["metric"], &heap["verdict"]),
        (&"allocated_bytes".into(), &"leak".into())
    );
}

#[test]
fn a_run_of_several_cells_is_a_line_each_and_the_counts() {
    let lab = Lab::new();
    let flags = ["--duration", "2s", "--drain", "0s", "--jobs", "2"];
    lab.call(&[&["run", "shape::steady-leak", "shape::flat"][..], &flags].concat());
    let run = lab.newest_run().expect("a run").display().to_string();
    let short = lab.call(&["judge", &run]).expect_code(0).stdout;
    let lines: Vec<&str> = short.lines().collect();
    assert!(lines[0].starts_with(" cell "), "{short}");
    assert!(
        lines[1].starts_with(" shape::steady-leak  allocated_bytes "),
        "{short}"
    );
    assert!(
        lines[2].starts_with(" shape::flat         allocated_bytes "),
        "{short}"
    );
    assert_eq!(
        lines[4], "2 cells: 1 no-leak, 1 leak; 2 as expected",
        "{short}"
    );
    assert_eq!(lines.len(), 5, "{short}");
    let explained = lab
        .call(&["judge", &run, "--all-metrics"])
        .expect_code(0)
        .stdout;
    let blocks =
        |text: &str, metric: &str| text.matches(&format!("samples.csv: {metric}\n")).count();
    let json = lab
        .call(&["judge", &run, "--format", "json"])
        .expect_code(0)
        .stdout;
    let found = objects(&json);
    for metric in ["allocated_bytes", "rss_bytes", "descriptors", "threads"] {
        assert_eq!(blocks(&explained, metric), 2, "{metric}: {explained}");
        assert_eq!(
            found.iter().filter(|f| f["metric"] == metric).count(),
            2,
            "{metric}"
        );
    }
    // One cell is explained without being asked for.
    let one = lab
        .call(&["judge", &format!("{run}::shape::flat")])
        .expect_code(0)
        .stdout;
    assert_eq!(blocks(&one, "rss_bytes"), 1, "{one}");
    // With this budget the leak is none, which is not what it declares.
    let generous = lab
        .call(&["judge", &run, "--budget", "1MB/op"])
        .expect_code(1)
        .stdout;
    assert!(
        generous.contains("\nshape::steady-leak: allocated_bytes: growth of "),
        "{generous}"
    );
    assert!(
        generous.ends_with("2 cells: 2 no-leak; 1 as expected, 1 not as expected\n"),
        "{generous}"
    );
    // Who dies after it leaked as declared has not done what it declares.
    let opened = leaklab_run::Run::open(std::path::Path::new(&run)).expect("a run");
    let leak = (opened.cells.iter()).find(|cell| cell.plan.variant == "steady-leak");
    let status = leak.expect("a cell").folder.join("status.json");
    let text = std::fs::read_to_string(&status).expect("a status");
    std::fs::write(&status, text.replace("\"completed\"", "\"died\"")).expect("a status");
    let died = lab.call(&["judge", &run]).expect_code(5).stdout;
    let counts = "2 cells: 1 no-leak, 1 leak; 1 as expected, 1 not as expected\n";
    assert!(died.ends_with(counts), "{died}");
}

#[test]
fn a_plan_needs_longer_for_a_smaller_leak() {
    let lab = lab_with("level.csv", &table(900, |t| 1e8 + noise(t)));
    let needed = |leak: &str| {
        let called = lab
            .call(&[
                "plan",
                "--min-leak",
                leak,
                "--like",
                "level.csv",
                "--format",
                "json",
            ])
            .expect_code(0);
        objects(&called.stdout)[0]["needs_s"]
            .as_f64()
            .expect("a time")
    };
    // The budget accepts 500 kB an hour of each: 10 kB and 1 MB are left.
    let (small, large) = (needed("510KB/h"), needed("1500KB/h"));
    // The length goes with the leak to the power of minus two thirds: 100^(2/3) = 21.5. Lengths
    // are tried in steps of a quarter.
    assert!((12.0..40.0).contains(&(small / large)), "{small} {large}");
}

#[test]
fn a_plan_promises_nothing_before_a_verdict_is_possible() {
    let lab = lab_with("level.csv", &table(900, |t| 1e8 + noise(t)));
    let planned = |flags: [&str; 2], format: &str| {
        let arguments = ["plan", "--like", "level.csv", "--format", format];
        lab.call(&[&arguments[..], &flags].concat())
            .expect_code(0)
            .stdout
    };
    let huge = objects(&planned(["--min-leak", "10GB/h"], "json")).remove(0);
    // A warm-up of one second and twenty readings a second apart, whatever the leak.
    assert_eq!(huge["noise"]["warm_up_s"], 1.0, "{huge}");
    assert_eq!(huge["needs_s"], 21.0, "{huge}");
    let words = planned(["--min-leak", "10GB/h"], "human");
    assert!(words.contains("needs 21 s, as any verdict does"), "{words}");
    let words = planned(["--duration", "20s"], "human");
    assert!(words.contains("20 s is too short for a verdict"), "{words}");
    assert!(words.contains("takes 21 s"), "{words}");
    let words = planned(["--min-leak", "100KB/h"], "human");
    assert!(
        words.contains("the budget of 488 KiB per hour accepts it"),
        "{words}"
    );
}

#[test]
fn calibration_refuses_what_leaks_and_names_it() {
    let lab = lab_with("up.csv", &table(600, |t| 1e8 + 5_000.0 * t + noise(t)));
    std::fs::write(lab.path().join("level.csv"), table(600, |t| 1e8 + noise(t))).expect("a table");
    let called = lab
        .call(&["calibrate", "level.csv", "up.csv", "--budget", "1MB/h"])
        .expect_code(2)
        .expect_stderr(&[
            "error: a leak is no healthy run",
            "\n  up.csv bytes: sustained growth of ",
            "--budget",
        ]);
    assert_eq!(called.stdout, "", "nothing is measured");
    assert!(!called.stderr.contains("level.csv"), "{}", called.stderr);
    // Growth that is accepted is no leak.
    lab.call(&[
        "calibrate",
        "up.csv",
        "--budget",
        "30MB/h",
        "--resamples",
        "10",
    ])
    .expect_code(0);
}

#[test]
fn calibration_on_a_healthy_table_finds_few_false_alarms() {
    let lab = lab_with("level.csv", &table(600, |t| 1e8 + noise(t)));
    let called = lab
        .call(&[
            "calibrate",
            "level.csv",
            "--budget",
            "5MB/h",
            "--resamples",
            "20",
            "--format",
            "json",
        ])
        .expect_code(0);
    let found = &objects(&called.stdout)[0]["calibration"];
    assert!(
        found["false_alarm_rate"]
            .as_f64()
            .is_some_and(|rate| rate <= 0.05),
        "{found}"
    );
    assert!(
        found["smallest_leak_per_hour"]
            .as_f64()
            .is_some_and(|leak| leak > 5e6),
        "{found}"
    );
}
