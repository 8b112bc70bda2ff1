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
