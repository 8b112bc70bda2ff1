//! `leaklab history` on nights that a script made up, and on runs of its own.

mod support;

use std::path::Path;
use support::Lab;

/// A line of the history: growth per operation with its error against a budget of 10 B, and
/// operations per second.
fn night(day: usize, growth: f64, error: f64, throughput: f64) -> String {
    let (low, high) = (growth - 2.0 * error, growth + 2.0 * error);
    let (verdict, exit_code) = match () {
        () if high <= 10.0 => ("no-leak", 0),
        () if low > 10.0 => ("leak", 1),
        () => ("inconclusive", 3),
    };
    let line = serde_json::json!({
        "time_utc": format!("2026-11-{day:02}T03:00:00Z"),
        "run": format!("night-{day}"),
        "cell": "shop",
        "series": "shop",
        "host_class": "x86_64",
        "labels": { "commit": format!("c{day:02}") },
        "verdict": verdict,
        "exit_code": exit_code,
        "is_good": exit_code == 0,
        "is_too_wide": exit_code == 3,
        "budget": 10,
        "figures": {
            "growth-per-operation": { "value": growth, "standard_error": error },
            "throughput": { "value": throughput },
        },
    });
    format!("{line}\n")
}

/// Values between -1 and 1 that are the same each time.
fn wobble(night: usize, salt: usize) -> f64 {
    let mixed = (night * 2_654_435_761 + salt * 40_503) % 10_007;
    mixed as f64 / 5_003.5 - 1.0
}

/// `leaklab history` of nights that lie on fixed days: none of them is missing.
const HISTORY: [&str; 3] = ["history", "--missing-after", "10000d"];

fn history_of(lines: &[String]) -> Lab {
    let lab = Lab::new();
    let out = lab.path().join("leaklab-out");
    std::fs::create_dir_all(&out).expect("a folder");
    std::fs::write(out.join("history.jsonl"), lines.concat()).expect("a history");
    lab
}

#[test]
fn a_small_leak_from_night_nine_on_is_named_by_night_eleven() {
    // Each night sees 5 B per operation at the best; from night 9 on 17 B stay.
    let nights = |last: usize| -> Vec<String> {
        (1..=last)
            .map(|day| {
                let leak = if day >= 9 { 17.0 } else { 0.7 };
                night(
                    day,
                    leak + 5.0 * wobble(day, 1),
                    5.0,
                    500.0 + 4.0 * wobble(day, 2),
                )
            })
            .collect()
    };
    let healthy = history_of(&nights(8)).call(&HISTORY);
    assert_eq!(healthy.code, Some(0), "{}", healthy.stdout);
    let lab = history_of(&nights(11));
    let told = lab.call(&["history", "--charts", "pictures", "--html", "nights.html"]);
    let picture = lab.path().join("pictures/shop-growth-per-operation.png");
    assert!(picture.is_file(), "{}", told.stderr);
    let page = std::fs::read_to_string(lab.path().join("nights.html")).expect("a page");
    assert!(page.contains("2026-11-09 c09"), "the change is named");
    assert!(
        told.stdout.contains("growth per operation: +"),
        "{}",
        told.stdout
    );
    assert!(
        told.stdout.contains("since 2026-11-09, commit c08..c09"),
        "{}",
        told.stdout
    );
    assert_ne!(told.code, Some(0), "{}", told.stdout);
}

#[test]
fn a_large_leak_is_named_on_its_night_and_the_slow_down_on_its_own() {
    let nights = |last: usize| -> Vec<String> {
        (1..=last)
            .map(|day| {
                let leak = if day >= 9 { 128.0 } else { 0.0 };
                let speed = if day >= 12 { 85.0 } else { 500.0 };
                night(
                    day,
                    leak + wobble(day, 3),
                    2.0,
                    speed * (1.0 + 0.01 * wobble(day, 4)),
                )
            })
            .collect()
    };
    let on_nine = history_of(&nights(9)).call(&["history"]).stdout;
    assert!(
        on_nine.contains("since 2026-11-09, commit c08..c09"),
        "{on_nine}"
    );
    let on_ten = history_of(&nights(10)).call(&["history"]);
    assert_eq!(on_ten.code, Some(1), "{}", on_ten.stdout);
    let on_twelve = history_of(&nights(12)).call(&["history"]).stdout;
    assert!(on_twelve.contains("throughput: -"), "{on_twelve}");
    assert!(
        on_twelve.contains("since 2026-11-12, commit c11..c12"),
        "{on_twelve}"
    );
}

#[test]
fn runs_leave_a_line_each_and_a_torn_one_costs_only_itself() {
    let lab = Lab::new();
    let flags = [
        "--duration",
        "1s",
        "--interval",
        "100ms",
        "--label",
        "commit=abc",
        "--name",
        "one",
    ];
    lab.run_script(&flags, "sleep 5");
    let path = lab.path().join("leaklab-out/history.jsonl");
    let mut text = std::fs::read_to_string(&path).expect("a history");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains(r#""commit":"abc""#), "{text}");
    text.push_str("{\"torn");
    std::fs::write(&path, &text).expect("a history");
    lab.run_script(&flags, "sleep 5");
    let told = lab.call(&["history", "--format", "json"]);
    let stories: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!(stories.as_array().map(Vec::len), Some(1), "{}", told.stdout);
    assert!(told.stderr.contains("line 2"), "{}", told.stderr);
    let rebuilt = lab.call(&["history", "--rebuild"]);
    assert!(!rebuilt.stderr.contains("damaged"), "{}", rebuilt.stderr);
    assert_eq!(
        std::fs::read_to_string(&path)
            .expect("a history")
            .lines()
            .count(),
        2
    );
}

/// This time of the day, so many days ago.
fn morning(days_ago: u64) -> String {
    let now = std::time::SystemTime::now();
    let then = now - std::time::Duration::from_secs(days_ago * 86_400);
    humantime::format_rfc3339_seconds(then).to_string()
}

#[test]
fn a_night_that_is_missing_is_noticed_by_the_rhythm_of_those_that_were() {
    let nights = |last_days_ago: u64| -> Vec<String> {
        (1..=10)
            .zip((last_days_ago..last_days_ago + 10).rev())
            .map(|(number, ago)| {
                let line = night(1, wobble(number, 7), 2.0, 500.0);
                let line = line.replace("2026-11-01T03:00:00Z", &morning(ago));
                line.replace("night-1", &format!("night-{number}"))
            })
            .collect()
    };
    history_of(&nights(0)).call(&["history"]).expect_code(0);
    let late = history_of(&nights(3));
    let told = late.call(&["history"]).expect_code(3);
    told.expect_stderr(&["the last night is missing"]);
    late.call(&["history", "--missing-after", "30d"])
        .expect_code(0);
}

#[test]
fn the_newest_nights_are_told_as_openmetrics_and_by_class_of_machine() {
    let lines = with_leak(0.0, 4);
    let other = lines[0].replace("\"host_class\":\"x86_64\"", "\"host_class\":\"arm\"");
    let lab = history_of(&[lines.concat(), other]);
    let told = lab
        .call(&["history", "--format", "openmetrics"])
        .expect_code(0);
    let of = |class: &str| {
        let sample = format!(
            "leaklab_operations_per_second{{cell=\"shop\",series=\"shop\",host_class=\"{class}\"}}"
        );
        told.stdout
            .lines()
            .filter(|line| line.starts_with(&sample))
            .count()
    };
    assert_eq!((of("x86_64"), of("arm")), (1, 1), "{}", told.stdout);
    let good =
        "leaklab_state{cell=\"shop\",series=\"shop\",host_class=\"x86_64\",state=\"good\"} 1";
    assert!(told.stdout.contains(good), "{}", told.stdout);
    assert!(told.stdout.ends_with("# EOF\n"), "{}", told.stdout);
    let told = lab.call(&["history", "--host-class", "arm", "--format", "json"]);
    let stories: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    assert_eq!(stories.as_array().map(Vec::len), Some(1), "{}", told.stdout);
}

#[test]
fn a_cell_that_no_night_is_of_is_answered_with_the_nearest() {
    let lab = history_of(&with_leak(0.0, 4));
    let told = lab.call(&["history", "--cell", "shpo"]).expect_code(2);
    told.expect_stderr(&["`--cell shpo` is of no night", "did you mean `shop`?"]);
    let told = lab.call(&["history", "--host-class", "arm"]).expect_code(2);
    told.expect_stderr(&["there are x86_64"]);
}

#[test]
fn a_cell_that_is_not_run_any_more_is_told_and_gates_only_while_it_is_expected() {
    let after = |days: usize| {
        let of_cell = |cell: &str, last: usize| {
            let lines = with_leak(0.0, last).into_iter();
            let named = lines.map(|line| line.replace("\"shop\"", &format!("\"{cell}\"")));
            named.collect::<String>()
        };
        let lab = history_of(&[of_cell("shop", 7 + days), of_cell("billing", 7)]);
        let told = lab.call(&[&HISTORY[..], &["--cell", "billing"]].concat());
        (told.code, told.stdout)
    };
    let (_, told) = after(2);
    assert!(told.contains("not run since 2026-11-07 c07"), "{told}");
    assert!(told.contains("2 nights of others came after it"), "{told}");
    let (code, told) = after(12);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("· not run any more"), "{told}");
}

#[test]
fn a_machine_is_of_the_class_that_its_user_names() {
    let lab = Lab::new();
    let flags = [
        "--duration",
        "1s",
        "--interval",
        "100ms",
        "--name",
        "one",
        "--host-class",
        "ci-large",
        "--openmetrics",
        "metrics.txt",
    ];
    lab.run_script(&flags, "sleep 5");
    let text = std::fs::read_to_string(lab.path().join("leaklab-out/history.jsonl"));
    let text = text.expect("a history");
    assert!(text.contains(r#""host_class":"ci-large""#), "{text}");
    let metrics = std::fs::read_to_string(lab.path().join("metrics.txt")).expect("metrics");
    assert!(metrics.contains("host_class=\"ci-large\""), "{metrics}");
    lab.call(&["history", "--rebuild"]);
    let rebuilt = std::fs::read_to_string(lab.path().join("leaklab-out/history.jsonl"));
    assert!(
        rebuilt
            .expect("a history")
            .contains(r#""host_class":"ci-large""#)
    );
}

#[test]
fn a_folder_without_nights_says_how_to_get_some() {
    let told = Lab::new().call(&["history"]);
    assert_eq!(told.code, Some(2));
    assert!(told.stderr.contains("--rebuild"), "{}", told.stderr);
}

/// The nights of a leak of `leak` bytes per operation from night 9 on, out of `last`.
fn with_leak(leak: f64, last: usize) -> Vec<String> {
    (1..=last)
        .map(|day| {
            let growth = if day >= 9 { leak } else { 0.0 };
            night(day, growth + wobble(day, 5), 2.0, 500.0 + wobble(day, 6))
        })
        .collect()
}

#[test]
fn what_somebody_accepted_does_not_gate_until_its_day() {
    let lab = history_of(&with_leak(128.0, 14));
    lab.call(&HISTORY).expect_code(1);
    let accept = |up_to: &str, expires: &str| {
        let text = format!(
            "[[accept]]\ncell = \"shop\"\nfigure = \"growth-per-operation\"\nup-to = \"{up_to}\"\n\
             reason = \"ticket 7\"\nowner = \"ops\"\nexpires = \"{expires}\"\n"
        );
        std::fs::write(lab.path().join("leaklab.ack.toml"), text).expect("a file");
        lab.call(&HISTORY)
    };
    let accepted = accept("200B", "2099-12-31").expect_code(0);
    let words = "accepted until 2099-12-31 by ops: ticket 7";
    assert!(accepted.stdout.contains(words), "{}", accepted.stdout);
    accept("100B", "2099-12-31").expect_code(1);
    accept("200B", "2026-11-01")
        .expect_code(1)
        .expect_stderr(&["has expired"]);
    accept("200B", "soon").expect_code(2);
}

#[test]
fn what_does_not_gate_does_not_fail_in_junit_either() {
    let lab = Lab::new();
    let flags = ["--name", "shop", "--duration", "5s", "--junit", "junit.xml"];
    let failures = |text: &str| {
        (
            text.contains("failures=\"1\""),
            text.contains("skipped=\"1\""),
        )
    };
    let junit = || std::fs::read_to_string(lab.path().join("junit.xml")).expect("a report");
    lab.run_script(&flags, "sleep 0.5; exit 7").expect_code(5);
    assert_eq!(failures(&junit()), (true, false), "{}", junit());
    let text = "[[quarantine]]\ncell = \"shop\"\nreason = \"ticket 8\"\nowner = \"ops\"\n\
                expires = \"2099-12-31\"\n";
    std::fs::write(lab.path().join("leaklab.ack.toml"), text).expect("a file");
    lab.run_script(&flags, "sleep 0.5; exit 7").expect_code(0);
    assert_eq!(failures(&junit()), (false, true), "{}", junit());
    assert!(junit().contains("does not gate"), "{}", junit());
}

#[test]
fn two_harnesses_that_append_at_once_lose_nothing() {
    let lab = Lab::new();
    let flags = [
        "run",
        "--duration",
        "1s",
        "--interval",
        "100ms",
        "--drain",
        "0s",
        "--name",
    ];
    let start = |name: &str| {
        let mut words = flags.to_vec();
        words.extend([name, "--repeat", "8", "--jobs", "8", "--", "sleep", "9"]);
        lab.start(&words)
    };
    let both = [start("one"), start("two")];
    for child in both {
        lab.finish(child);
    }
    let text = std::fs::read_to_string(lab.path().join("leaklab-out/history.jsonl"));
    let text = text.expect("a history");
    let whole = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
    assert!(text.lines().all(whole), "{text}");
    assert_eq!(text.lines().count(), 16, "{text}");
    let line: serde_json::Value =
        serde_json::from_str(text.lines().next().unwrap_or("")).expect("JSON");
    assert_eq!(
        line["configuration"].as_str().map(str::len),
        Some(16),
        "{line}"
    );
    assert_eq!(line["program"].as_str().map(str::len), Some(64), "{line}");
    assert!(
        line["figures"]["descriptors"]["value"].as_f64().is_some(),
        "{line}"
    );
}

#[test]
fn old_runs_are_pruned_and_their_lines_stay() {
    let lab = Lab::new();
    let flags = ["--duration", "1s", "--interval", "100ms", "--name", "one"];
    lab.run_script(&flags, "sleep 5");
    let run = lab.newest_run().expect("a run");
    let record = std::fs::read_to_string(run.join("run.json")).expect("a record");
    lab.call(&["prune", "--keep", "30d"]).expect_code(0);
    assert!(run.is_dir(), "a young run was deleted");
    let (before, after) = record
        .split_once("\"started_utc\": \"202")
        .expect("a start");
    let old = format!("{before}\"started_utc\": \"201{after}");
    std::fs::write(run.join("run.json"), old).expect("a record");
    std::fs::remove_file(lab.path().join("leaklab-out/history.jsonl")).expect("a history");
    let dry = lab
        .call(&["prune", "--keep", "30d", "--dry-run"])
        .expect_code(0);
    assert!(
        run.is_dir() && dry.stdout.contains("would delete"),
        "{}",
        dry.stdout
    );
    lab.call(&["prune", "--keep", "30d"]).expect_code(0);
    assert!(!run.exists(), "an old run was kept");
    let told = lab.call(&["history", "--format", "json"]);
    assert!(told.stdout.contains("command::one"), "{}", told.stdout);
}

#[test]
fn a_run_that_is_held_against_its_history_is_run_again_before_it_gates() {
    // Thirty nights of hardly a descriptor, then a program that has some: the first run
    // suspects it, the second confirms it.
    let lab = Lab::new();
    let flags = [
        "--duration",
        "1s",
        "--interval",
        "50ms",
        "--name",
        "one",
        "--confirm",
        "--junit",
        "junit.xml",
    ];
    lab.run_script(&flags, "sleep 9");
    let path = lab.path().join("leaklab-out/history.jsonl");
    let text = std::fs::read_to_string(&path).expect("a history");
    let line: serde_json::Value = serde_json::from_str(text.trim()).expect("a line");
    let nights: String = (1..=30)
        .map(|day| {
            let mut line = line.clone();
            line["time_utc"] = format!("2026-10-{day:02}T03:00:00Z").into();
            line["run"] = format!("night-{day}").into();
            line["figures"] =
                serde_json::json!({ "descriptors": { "value": 0.1 + 0.001 * wobble(day, 8) } });
            format!("{line}\n")
        })
        .collect();
    std::fs::write(&path, nights).expect("a history");
    let told = lab.run_script(&flags, "sleep 9").expect_code(1);
    assert!(
        told.stderr.contains("run again, to confirm"),
        "{}",
        told.stderr
    );
    assert!(
        told.stdout.contains("worse: command::one: descriptors: +"),
        "{}",
        told.stdout
    );
    // The report of the tests says the same as the exit code.
    let junit = std::fs::read_to_string(lab.path().join("junit.xml")).expect("a report");
    assert!(
        junit.contains("classname=\"leaklab.history\"><failure"),
        "{junit}"
    );
    assert_eq!(junit.matches("<testsuite ").count(), 3, "{junit}");
    let runs = std::fs::read_dir(lab.path().join("leaklab-out/runs")).expect("runs");
    assert_eq!(runs.count(), 3);
}

/// The story of the only series, as JSON.
fn story(lab: &Lab, flags: &[&str]) -> (Option<i32>, serde_json::Value) {
    let mut words = HISTORY.to_vec();
    words.extend(["--format", "json"]);
    if !flags.is_empty() {
        words = ["history", "--format", "json"].to_vec();
        words.extend(flags);
    }
    let told = lab.call(&words);
    let mut stories: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
    (told.code, stories[0].take())
}

#[test]
fn a_night_that_died_is_shown_as_such_and_is_no_green() {
    let lab = Lab::new();
    let flags = ["--name", "shop", "--duration", "5s", "--interval", "50ms"];
    lab.run_script(&flags, "sleep 0.5; exit 7").expect_code(5);
    let told = lab.call(&HISTORY).expect_code(5);
    for part in ["† the last night died", "died by itself", "not pooled"] {
        assert!(told.stdout.contains(part), "no `{part}`: {}", told.stdout);
    }
    let (_, story) = story(&lab, &[]);
    assert_eq!(story["state"], "died", "{story}");
    assert_eq!(story["last_night"], "died by itself", "{story}");
    assert_eq!(
        story["figures"].as_array().map(Vec::len),
        Some(0),
        "{story}"
    );
    // The next one that lives ends it.
    let alive = ["--name", "shop", "--duration", "1s", "--interval", "50ms"];
    lab.run_script(&alive, "sleep 9");
    let told = lab.call(&HISTORY).expect_code(3);
    assert!(!told.stdout.contains('†'), "{}", told.stdout);
}

#[test]
fn a_run_that_was_killed_is_told_and_resumed_without_a_second_line() {
    let lab = Lab::new();
    let words = [
        "run",
        "--name",
        "shop",
        "--duration",
        "3s",
        "--interval",
        "50ms",
        "--drain",
        "0s",
        "--",
        "sleep",
        "60",
    ];
    let mut child = lab.start(&words);
    let samples = lab.wait_for_file("command--shop/samples.csv", 400);
    child.kill().expect("it runs");
    child.wait().expect("its end");
    let run = samples.ancestors().nth(2).expect("a folder");
    let run = run.display().to_string();
    lab.call(&["judge", &run])
        .expect_code(3)
        .expect_stderr(&["command::shop: ", "exit code 3"]);
    lab.call(&["history", "--rebuild", "--missing-after", "10000d"])
        .expect_code(3);
    let (_, killed) = story(&lab, &[]);
    assert_eq!(killed["state"], "unfinished", "{killed}");
    // Rows that are two seconds old are of a run that goes on.
    support::wait_until("it can be resumed", || {
        lab.call(&["resume", &run]).code != Some(2)
    });
    let nights = lab.call(&[&HISTORY[..], &["--format", "otava-csv"]].concat());
    assert_eq!(nights.stdout.lines().count(), 2, "{}", nights.stdout);
    let (code, story) = story(&lab, &[]);
    assert_eq!(
        (code, &story["state"]),
        (Some(3), &"undecided".into()),
        "{story}"
    );
}

#[test]
fn a_run_whose_harness_died_is_a_missing_night_until_the_next() {
    let lab = Lab::new();
    let flags = ["--name", "shop", "--duration", "1s", "--interval", "50ms"];
    lab.run_script(&flags, "sleep 9");
    let mut child = lab.start(&[
        "run",
        "--name",
        "late",
        "--duration",
        "60s",
        "--",
        "sleep",
        "99",
    ]);
    lab.wait_for_file("command--late/samples.csv", 100);
    child.kill().expect("it runs");
    child.wait().expect("its end");
    support::wait_until("the history knows", || {
        let told = lab.call(&HISTORY);
        told.code == Some(3) && told.stdout.contains("died without a word")
    });
    lab.run_script(&flags, "sleep 9");
    let told = lab.call(&HISTORY);
    assert!(
        !told.stdout.contains("died without a word"),
        "{}",
        told.stdout
    );
}

#[test]
fn a_missing_night_and_an_acceptance_stand_wherever_the_story_does() {
    let lines = with_leak(128.0, 14).into_iter();
    let lab = history_of(
        &lines
            .map(|line| line.replace("2026-", "2020-"))
            .collect::<Vec<_>>(),
    );
    let text = "[[accept]]\ncell = \"shop\"\nfigure = \"growth-per-operation\"\n\
                up-to = \"200B/op\"\nreason = \"ticket 7\"\nowner = \"ops\"\n\
                expires = \"2099-12-31\"\n\
                [[quarantine]]\ncell = \"shopp\"\nreason = \"r\"\nowner = \"o\"\n\
                expires = \"2099-12-31\"\n";
    std::fs::write(lab.path().join("leaklab.ack.toml"), text).expect("a file");
    let markdown = |flags: &[&str]| {
        let told = lab.call(&[flags, &["--format", "markdown"]].concat());
        told.expect_stderr(&["`shopp` is accepted, and no night is of it"])
    };
    let accepted = markdown(&HISTORY).expect_code(0);
    let words = "accepted until 2099-12-31 by ops: ticket 7";
    assert!(accepted.stdout.contains(words), "{}", accepted.stdout);
    let (code, told) = story(&lab, &[]);
    assert_eq!(
        (code, &told["state"]),
        (Some(0), &"accepted".into()),
        "{told}"
    );
    assert!(told["accepted"].to_string().contains(words), "{told}");
    // The nights are of a past month: one is missing since.
    let missing = markdown(&["history", "--missing-after", "1d"]).expect_code(3);
    assert!(
        missing.stdout.contains("the last night is missing") && !missing.stdout.contains('✓'),
        "{}",
        missing.stdout
    );
    let (_, told) = story(&lab, &["--missing-after", "1d"]);
    assert_eq!(told["state"], "missing", "{told}");
    assert_eq!(told["missing"].as_array().map(Vec::len), Some(1), "{told}");
}

#[test]
fn a_newest_line_that_is_damaged_is_a_missing_night() {
    let mut lines = with_leak(0.0, 9);
    lines.push("{\"torn".to_owned());
    let lab = history_of(&lines);
    let told = lab.call(&HISTORY).expect_code(3);
    assert!(
        told.stdout.contains("line 10, the newest"),
        "{}",
        told.stdout
    );
    lines.push(night(10, 0.0, 2.0, 500.0));
    lines[9].push('\n');
    history_of(&lines).call(&HISTORY).expect_code(0);
}

#[test]
fn one_strange_night_is_red_for_nobody_once_the_next_is_there() {
    let mut lines = with_leak(0.0, 12);
    lines.push(night(13, 9.5, 2.0, 500.0));
    let lab = history_of(&lines);
    lab.call(&HISTORY).expect_code(3);
    lines.push(night(14, 0.0, 2.0, 500.0));
    let lab = history_of(&lines);
    let told = lab.call(&HISTORY).expect_code(0);
    let words = "suspected and dissolved: 2026-11-14 c14 did not show it";
    assert!(told.stdout.contains(words), "{}", told.stdout);
}

#[test]
fn nights_that_decided_nothing_are_no_green_in_any_room() {
    let lab = Lab::new();
    let flags = ["--name", "shop", "--duration", "1s", "--interval", "50ms"];
    let words = "the last night is not decided by itself";
    for _ in 0..3 {
        lab.run_script(&flags, "sleep 9").expect_code(3);
    }
    let told = lab.call(&HISTORY).expect_code(3);
    assert!(told.stdout.contains(words), "{}", told.stdout);
    assert!(!told.stdout.contains('✓'), "{}", told.stdout);
    let markdown = lab.call(&[&HISTORY[..], &["--format", "markdown"]].concat());
    let markdown = markdown.expect_code(3).stdout;
    assert!(
        markdown.contains(words) && !markdown.contains('✓'),
        "{markdown}"
    );
    let (code, told) = story(&lab, &[]);
    let state = (code, &told["state"], &told["exit_code"]);
    assert_eq!(state, (Some(3), &"undecided".into(), &3.into()), "{told}");
    lab.call(&["history", "--html", "nights.html"])
        .expect_code(3);
    let page = std::fs::read_to_string(lab.path().join("nights.html")).expect("a page");
    assert!(page.contains(words) && !page.contains('✓'), "{page}");
    // A blind night after good ones.
    let mut lines = with_leak(0.0, 9);
    let blind = night(10, 0.0, 0.0, 500.0).replace("\"no-leak\"", "\"inconclusive\"");
    lines.push(blind.replace("\"exit_code\":0", "\"exit_code\":3"));
    let told = history_of(&lines).call(&HISTORY).expect_code(3);
    assert!(told.stdout.contains("does not add up"), "{}", told.stdout);
}

/// A night of four hours, a reading a minute: 50 MB, whose noise is 600 KB (an error of the slope of
/// 33 KB an hour), against a budget of 64 KiB an hour.
fn write_noisy_night(runs: &Path, day: u64) {
    let mut state = day;
    let mut uniform = || {
        // SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014).
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    };
    // The sum of twelve is nearly normal, with a standard deviation of one.
    let mut noise = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    let folder = runs.join(format!("night-{day}/command--shop"));
    std::fs::create_dir_all(&folder).expect("a folder");
    let rows: String = (0..240)
        .map(|row| format!("{},load,{:.0}\n", row * 60_000, 5e7 + 6e5 * noise()))
        .collect();
    let samples = format!("elapsed_ms,phase,allocated_bytes\n{rows}");
    std::fs::write(folder.join("samples.csv"), samples).expect("samples");
    let status = serde_json::json!({
        "state": "finished", "outcome": "completed", "samples": 240, "elapsed_ms": 14_400_000,
        "measurement": {},
    });
    std::fs::write(folder.join("status.json"), status.to_string()).expect("a status");
    let record = serde_json::json!({
        "format": { "major": 2, "minor": 0 },
        "id": format!("night-{day}"),
        "started_utc": format!("2026-11-{day:02}T03:00:00Z"),
        "cells": [{
            "id": "command::shop", "folder": "command--shop", "scenario": "command",
            "variant": "shop", "budget": "64KiB/h", "interval_ms": 60_000,
        }],
    });
    std::fs::write(folder.with_file_name("run.json"), record.to_string()).expect("a record");
}

#[test]
fn real_nights_whose_intervals_are_too_wide_decide_together() {
    let lab = Lab::new();
    let runs = lab.path().join("leaklab-out/runs");
    let after = |nights: u64| {
        (1..=nights).for_each(|day| write_noisy_night(&runs, day));
        let words = [&HISTORY[..], &["--rebuild", "--format", "json"]].concat();
        let told = lab.call(&words);
        let mut stories: serde_json::Value = serde_json::from_str(&told.stdout).expect("JSON");
        (told.code, stories[0].take())
    };
    let (code, one) = after(1);
    assert_eq!(
        (code, &one["state"]),
        (Some(3), &"undecided".into()),
        "{one}"
    );
    let (code, all) = after(14);
    assert_eq!(all["last_night"], "inconclusive", "{all}");
    assert_eq!((code, &all["state"]), (Some(0), &"good".into()), "{all}");
    let told = lab.call(&HISTORY).expect_code(0);
    let words = "nights together lie within the budget of 64.0 KiB/h: growth per hour";
    assert!(told.stdout.contains(words), "{}", told.stdout);
}

#[test]
fn a_figure_that_nights_had_and_have_no_more_is_told() {
    let mut lines = with_leak(0.0, 9);
    history_of(&lines).call(&HISTORY).expect_code(0);
    let without = |day| night(day, 0.0, 2.0, 500.0).replace("\"throughput\"", "\"peak\"");
    lines.push(without(10));
    let told = history_of(&lines).call(&HISTORY).expect_code(3);
    let words = "throughput is not recorded any more; the last night with it is 2026-11-09 c09";
    assert!(told.stdout.contains(words), "{}", told.stdout);
}
