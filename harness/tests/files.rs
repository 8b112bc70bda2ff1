//! Files as people bring them: what their flags do, what comes of them as picture, page and
//! comparison, and input that never ends.

mod support;

use std::fmt::Write;
use std::process::{Command, Stdio};
use support::Lab;

const START_S: usize = 1_763_700_000;

/// Noise without memory that needs no generator: the fractions of multiples of a surd.
fn noise(row: usize) -> f64 {
    (row as f64 * 0.618_033_988_75).fract() - 0.5
}

/// Six lives of a program that keeps 300 kB a row; each begins where the first one did.
fn lives(lab: &Lab) {
    let mut text = "time,pid,rss_bytes\n".to_owned();
    let mut marks = String::new();
    for row in 0..600 {
        let (life, age) = (row / 100, row % 100);
        if age == 0 && life > 0 {
            let _ = writeln!(marks, "{}", START_S + 15 * row);
        }
        let bytes = 120e6 + 3e5 * age as f64 + 2e4 * noise(row);
        let _ = writeln!(text, "{},{},{bytes:.0}", START_S + 15 * row, 4_000 + life);
    }
    std::fs::write(lab.path().join("lives.csv"), text).expect("a file");
    std::fs::write(lab.path().join("marks.txt"), marks).expect("a file");
}

#[test]
fn restarts_that_are_known_show_the_leak_of_every_life() {
    let lab = Lab::new();
    lives(&lab);
    for flags in [
        &["--pid-column", "pid"],
        &["--restarts", "pid"],
        &["--mark-file", "marks.txt"],
    ] {
        let called = lab
            .call(&[&["judge", "lives.csv", "--format", "json"], &flags[..]].concat())
            .expect_code(1);
        let judged: serde_json::Value = serde_json::from_str(&called.stdout).expect("an object");
        let rate = judged["slope_bytes_per_hour"].as_f64().expect("a rate");
        // 300 kB each 15 s.
        assert!((rate - 72e6).abs() < 3e6, "{flags:?}: {rate}");
    }
    lab.call(&[
        "judge",
        "lives.csv",
        "--mark-file",
        "marks.txt",
        "--pid-column",
        "pid",
    ])
    .expect_code(2);
    std::fs::write(lab.path().join("other.txt"), "yesterday\n").expect("a file");
    lab.call(&["judge", "lives.csv", "--mark-file", "other.txt"])
        .expect_code(2)
        .expect_stderr(&["the mark `yesterday`"]);
}

#[test]
fn a_clock_set_back_is_put_up_with_twice_and_no_more() {
    let lab = Lab::new();
    for (setbacks, code) in [(1, 1), (2, 1), (3, 2)] {
        let mut text = "time,rss_bytes\n".to_owned();
        for row in 0..800_usize {
            // Set back by seven seconds, so that no time stands twice.
            let back = 7 * (row / 200).min(setbacks);
            let bytes = 120e6 + 5e4 * row as f64 + 4e4 * noise(row);
            let back = 15 * usize::from(row >= 200) * (row / 200).min(setbacks) + back;
            let _ = writeln!(text, "{},{bytes:.0}", START_S + 15 * row - back);
        }
        std::fs::write(lab.path().join("clock.csv"), text).expect("a file");
        let called = lab.call(&["judge", "clock.csv"]).expect_code(code);
        let words = match code {
            2 => "time goes backwards",
            _ => "the clock was set back",
        };
        called.expect_stderr(&[words]);
    }
}

#[test]
fn a_file_becomes_a_picture_a_page_and_a_side_of_a_comparison() {
    let lab = Lab::new();
    for (name, rate) in [("before.csv", 5e4), ("after.csv", 0.0)] {
        let mut text = "time,rss\n".to_owned();
        for row in 0..400 {
            let kib = ((120e6 + rate * row as f64 + 2e5 * noise(row)) / 4_096.0).floor() * 4.0;
            let _ = writeln!(text, "{},{kib}", START_S + 15 * row);
        }
        std::fs::write(lab.path().join(name), text).expect("a file");
    }
    let called = lab
        .call(&["report", "before.csv", "--unit", "KiB", "--value", "rss"])
        .expect_code(0);
    let path = called.stdout.trim().rsplit(' ').next().expect("a path");
    let html = std::fs::read_to_string(lab.path().join(path)).expect("the page");
    for part in [
        "<svg",
        ": leak</h2>",
        "per hour",
        "leaklab report before.csv --unit KiB --value rss",
        "was converted to bytes, 1024 each",
    ] {
        assert!(html.contains(part), "{part} is not in {html:.2000}");
    }
    assert!(!html.contains("src=\"http"), "it opens offline");
    let called = lab
        .call(&["chart", "before.csv", "--out", "pictures"])
        .expect_code(0);
    for path in called.stdout.lines() {
        let bytes = std::fs::read(lab.path().join(path)).expect("the file that was named");
        assert!(bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"<svg"));
    }
    let called = lab
        .call(&["compare", "before.csv", "after.csv"])
        .expect_code(0);
    assert!(called.stdout.contains("leak"), "{}", called.stdout);
    lab.call(&["compare", "after.csv", "before.csv"])
        .expect_code(1);
}

#[test]
fn a_warm_up_is_not_worse_than_what_has_settled_and_not_better_either() {
    let lab = Lab::new();
    let write = |name: &str, rise: f64| {
        let mut text = "time_s,rss_bytes\n".to_owned();
        for row in 0..300 {
            let left = (-(row as f64) / 120.0).exp();
            let value = 1e8 - rise * left + 2e5 * noise(row);
            writeln!(text, "{},{value:.0}", row * 60).expect("text");
        }
        std::fs::write(lab.path().join(name), text).expect("a file");
    };
    write("settled.csv", 0.0);
    write("warm.csv", 4e7);
    let compare = |a: &str, b: &str| lab.call(&["compare", a, b, "--no-chart"]);
    let called = compare("settled.csv", "warm.csv").expect_code(3);
    assert!(
        called.stdout.contains("`not-worse` is open"),
        "{}",
        called.stdout
    );
    write("again.csv", 0.0);
    compare("settled.csv", "again.csv").expect_code(0);
    // Rows that are only numbered have no times.
    let numbered =
        "idx,rss_mb\n".to_owned() + &(0..50).map(|n| format!("{n},50\n")).collect::<String>();
    std::fs::write(lab.path().join("numbered.csv"), numbered).expect("a file");
    lab.call(&["judge", "numbered.csv"])
        .expect_code(2)
        .expect_stderr(&["--every"]);
}

/// What never ends is refused after the line, or the readings, that are too many.
#[test]
fn input_without_end_is_refused() {
    let lab = Lab::new();
    for (shell, words) in [
        ("cat /dev/zero", "no text"),
        ("yes", "y"),
        ("yes 1763700000,119805164", "the time of the row before"),
        (
            "yes '{\"time\":1763700000,\"rss_bytes\":119805164}'",
            "the time of the row before",
        ),
        ("yes '['", "JSON"),
    ] {
        let mut source = Command::new("sh")
            .args(["-c", &format!("exec {shell}")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let output = source.stdout.take().expect("its output");
        let mut command = lab.command(&["judge", "-"]);
        let judged = command.stdin(output).output().expect("leaklab");
        source.kill().expect("it ran until it was stopped");
        source.wait().expect("it has ended");
        let message = String::from_utf8_lossy(&judged.stderr);
        assert_eq!(judged.status.code(), Some(2), "{shell}: {message}");
        assert!(message.contains(words), "{shell}: {message}");
    }
}

/// A table of memory that stands level at 120 MB, under a name and in a unit of one's own.
fn level_table(header: &str, of_bytes: impl Fn(f64) -> f64) -> String {
    let mut text = format!("{header}\n");
    for row in 0..2_400_usize {
        let bytes = 120e6 + 4e5 * noise(row);
        let _ = writeln!(text, "{},{:.4}", START_S + 15 * row, of_bytes(bytes));
    }
    text
}

#[test]
fn a_limit_that_the_record_reaches_is_no_green() {
    let lab = Lab::new();
    let text = level_table("time,rss_bytes", |bytes| bytes);
    std::fs::write(lab.path().join("level.csv"), text).expect("a file");
    let free = level_table("time,mem_available_bytes", |bytes| 8e9 + bytes);
    std::fs::write(lab.path().join("free.csv"), free).expect("a file");
    lab.call(&["judge", "level.csv", "--limit", "500MB"])
        .expect_code(0);
    // A limit is a level of memory in use, which what is left does not say alone.
    lab.call(&["judge", "free.csv", "--limit", "5GB"])
        .expect_code(2)
        .expect_stderr(&["--total"]);
    lab.call(&["judge", "level.csv", "--total", "16GB"])
        .expect_code(2)
        .expect_stderr(&["--total is for memory that is left"]);
    let free = ["judge", "free.csv", "--total", "16GB", "--limit"];
    lab.call(&[&free[..], &["9GB"]].concat()).expect_code(0);
    for judge in [
        &["judge", "level.csv", "--limit", "100MB"][..],
        &["judge", "level.csv", "--limit", "120100KB"],
        &[&free[..], &["5GB"]].concat(),
    ] {
        let called = lab.call(judge).expect_code(1);
        assert!(called.stdout.contains("no-leak"), "{}", called.stdout);
        assert!(
            called.stdout.contains("limit       reached"),
            "{}",
            called.stdout
        );
        let called = lab
            .call(&[judge, &["--format", "json"]].concat())
            .expect_code(1);
        let judged: serde_json::Value = serde_json::from_str(&called.stdout).expect("an object");
        assert!(judged["limit_reached_s"].is_f64(), "{judged}");
    }
}

/// A count that grows is a leak in its own right, and the words say that it is not the memory's;
/// one that does not is told and changes nothing.
#[test]
fn counts_beside_memory_are_told_and_a_leak_of_theirs_counts() {
    let lab = Lab::new();
    let counted = |file: &str, growth: usize| {
        let mut text = String::from("time,rss_bytes,goroutines,threads\n");
        for row in 0..2_400_usize {
            let bytes = 120e6 + 4e5 * noise(row);
            let goroutines = 500 + growth * row + row * 7 % 5;
            let time = START_S + 15 * row;
            let _ = writeln!(text, "{time},{bytes:.0},{goroutines},{}", 12 + row % 2);
        }
        std::fs::write(lab.path().join(file), text).expect("a file");
    };
    counted("leak.csv", 2);
    counted("level.csv", 0);
    let leak = lab.call(&["judge", "leak.csv"]).expect_code(1);
    let leak = leak.expect_stderr(&["`goroutines` leaks beside the memory", "in its own right"]);
    assert!(
        leak.stdout.contains("rss_bytes\n  no-leak"),
        "{}",
        leak.stdout
    );
    assert!(
        leak.stdout.contains("goroutines\n  leak"),
        "{}",
        leak.stdout
    );
    let level = lab.call(&["judge", "level.csv"]).expect_code(0);
    let level = level.expect_stderr(&["beside the memory", "`threads`"]);
    assert!(!level.stdout.contains("goroutines"), "{}", level.stdout);
    // Memory alone.
    lab.call(&["judge", "leak.csv", "--value", "rss_bytes"])
        .expect_code(0);
}

#[test]
fn a_pipe_is_read_as_a_file_is() {
    let lab = Lab::new();
    let text = level_table("time,rss_bytes", |bytes| bytes);
    std::fs::write(lab.path().join("level.csv"), text).expect("a file");
    let binary = env!("CARGO_BIN_EXE_leaklab");
    for script in [
        "exec 3< <(cat level.csv); \"$0\" judge /dev/fd/3",
        "cat level.csv | \"$0\" judge /dev/stdin",
        "mkfifo pipe; cat level.csv > pipe & \"$0\" judge pipe; status=$?; wait; exit $status",
        "\"$0\" compare <(cat level.csv) <(cat level.csv) --no-chart",
        "\"$0\" report <(cat level.csv) --output page.html && test -s page.html",
    ] {
        let output = Command::new("bash")
            .args(["-c", script, binary])
            .current_dir(lab.path())
            .stdin(Stdio::null())
            .output()
            .expect("bash");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{script}: {said}");
    }
}

#[test]
fn sides_are_compared_in_one_unit_or_not_at_all() {
    let lab = Lab::new();
    for (name, text) in [
        ("bytes.csv", level_table("time,rss_bytes", |bytes| bytes)),
        ("mb.csv", level_table("time,mem_mb", |bytes| bytes / 1e6)),
        (
            "speicher.csv",
            level_table("Zeit,Speicher (MB)", |bytes| bytes / 1e6),
        ),
        (
            "percent.csv",
            level_table("time,mem_percent", |bytes| bytes / 4e7),
        ),
    ] {
        std::fs::write(lab.path().join(name), text).expect("a file");
    }
    lab.call(&["compare", "bytes.csv", "percent.csv", "--no-chart"])
        .expect_code(2)
        .expect_stderr(&["counts bytes", "counts percent", "--value"]);
    for after in ["speicher.csv", "bytes.csv"] {
        let called = lab.call(&["compare", "mb.csv", after, "--no-chart", "--format", "json"]);
        let compared: serde_json::Value = serde_json::from_str(&called.stdout).expect("an object");
        let peak = |side: &str| compared[side]["peak_bytes"].as_f64().expect("a peak");
        assert!(
            (peak("before") - peak("after")).abs() < 1e3,
            "{after}: {compared}"
        );
    }
}
