//! `leaklab ab` and `leaklab bisect` on programs that say themselves what they hold.

mod support;

use std::path::Path;
use std::process::Command;
use support::{Called, Lab};

/// A program that counts operations and says how much it holds: `keeps` bytes more with each.
///
/// What it says is its live heap, so that nothing depends on the machine.
fn program(keeps: u64) -> String {
    format!(
        "#!/bin/sh\n\
         i=0\n\
         while :; do\n\
         echo \"leaklab: {{\\\"ops\\\": $((i * 100)), \\\"heap\\\": {{\\\"allocated_bytes\\\": $((5000000 + i * 100 * {keeps}))}}}}\"\n\
         i=$((i + 1))\n\
         sleep 0.02\n\
         done\n"
    )
}

fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).expect("a file");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("a program");
}

const SHORT: [&str; 8] = [
    "--duration",
    "2s",
    "--interval",
    "20ms",
    "--budget",
    "16B/op",
    "--repeat",
    "2",
];

fn ab(lab: &Lab, flags: &[&str], sides: [&str; 2]) -> support::Called {
    let mut words = vec!["ab"];
    words.extend(SHORT);
    words.extend(flags);
    words.extend(["--", sides[0], "--", sides[1]]);
    lab.call(&words)
}

#[test]
fn a_fix_is_certified_over_repetitions_whose_order_is_recorded() {
    let lab = Lab::new();
    write(&lab.path().join("old"), &program(4096));
    write(&lab.path().join("new"), &program(0));
    let called = ab(
        &lab,
        &["--require", "fixed", "--name", "shop"],
        ["./old", "./new"],
    );
    let removed = called.stdout.contains("the fix removes");
    assert!(removed, "{}\n{}", called.stdout, called.stderr);
    let run = called.run.expect("a run");
    let mut ids: Vec<&str> = run.cells.iter().map(|cell| cell.plan.id.as_str()).collect();
    ids.sort_unstable();
    let all = [
        "shop::after#1",
        "shop::after#2",
        "shop::before#1",
        "shop::before#2",
    ];
    assert_eq!(ids, all);
    let facts = &run.record.configuration.other["ab"];
    assert_eq!(facts["order"].as_array().map(Vec::len), Some(2), "{facts}");
    assert_ne!(
        facts["before"]["program_sha256"],
        facts["after"]["program_sha256"]
    );
    assert!(
        run.folder
            .join("charts/shop-before-to-shop-after.png")
            .is_file()
    );
    // The other way round it is a regression, and never holds.
    let worse = ab(&lab, &[], ["./new", "./old"]).expect_code(1);
    assert!(worse.stdout.contains("brings growth"), "{}", worse.stdout);
    let page = worse.run.expect("a run").folder.join("report.html");
    let page = std::fs::read_to_string(page).expect("a page");
    let sentence = worse.stdout.lines().next().expect("a sentence");
    let headline = format!("<h1 id=\"headline\" class=\"bad\">{sentence}</h1>");
    assert!(page.contains(&headline), "no `{headline}`");
    for part in [
        "`not-worse` is refuted",
        "<th scope=\"row\">throughput</th>",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    assert!(
        !page.contains("programs are as expected"),
        "a page of green"
    );
}

#[test]
fn the_same_bytes_are_refused_and_a_side_that_dies_is_code_5() {
    let lab = Lab::new();
    write(&lab.path().join("old"), &program(0));
    write(&lab.path().join("copy"), &program(0));
    write(&lab.path().join("dies"), "#!/bin/sh\nexit 3\n");
    ab(&lab, &[], ["./old", "./copy"])
        .expect_code(2)
        .expect_stderr(&["the same program", "--same-build"]);
    assert!(lab.newest_run().is_none(), "a run was left behind");
    let died = ab(&lab, &[], ["./old", "./dies"]).expect_code(5);
    // Some repetitions lived: what they show does not hide that the others died.
    let script = "#!/bin/sh\n[ -e lived ] && { sleep 0.5; exit 3; }\ntouch lived\n";
    let text = program(0).replace("#!/bin/sh\n", script);
    write(&lab.path().join("now-and-then"), &text);
    drop(died);
    let died = ab(&lab, &[], ["./old", "./now-and-then"]).expect_code(5);
    let run = died.run.expect("a run").folder.display().to_string();
    lab.call(&["compare", &run, "--no-chart"])
        .expect_code(5)
        .expect_stderr(&["::after#"]);
    // Of what ends before it was seen nothing is known, the second time as the first.
    write(&lab.path().join("ends"), "#!/bin/sh\nexit 0\n");
    let ended = ab(&lab, &[], ["./old", "./ends"]);
    assert!(matches!(ended.code, Some(3..=5)), "{}", ended.stderr);
    let run = ended.run.expect("a run").folder.display().to_string();
    let again = lab.call(&["compare", &run, "--no-chart"]);
    assert_eq!(again.code, ended.code, "{}", again.stderr);
    lab.call(&["ab", "--", "./old"])
        .expect_code(2)
        .expect_stderr(&["name both programs"]);
}

#[test]
fn a_run_of_ab_is_asked_again_what_it_was_asked_then() {
    let lab = Lab::new();
    write(&lab.path().join("old"), &program(0));
    let slow = program(0).replace("sleep 0.02", "sleep 0.08");
    write(&lab.path().join("new"), &slow);
    let flags = ["--require", "faster", "--accept", "throughput=90%"];
    let first = ab(&lab, &flags, ["./old", "./new"]);
    let run = first
        .run
        .as_ref()
        .expect("a run")
        .folder
        .display()
        .to_string();
    let compare = |flags: &[&str]| {
        let words = [&["compare", &run, "--no-chart"], flags].concat();
        lab.call(&words)
    };
    let answer = |called: &support::Called| {
        let lines = called.stdout.lines();
        let told = lines
            .filter(|line| !line.starts_with("chart "))
            .map(str::to_owned);
        (called.code, told.collect::<Vec<_>>())
    };
    let again = compare(&[]);
    assert_eq!(answer(&again), answer(&first));
    for part in ["`faster`", "budget 90 %"] {
        assert!(again.stdout.contains(part), "no `{part}`: {}", again.stdout);
    }
    // Who says something else is heard.
    let other = compare(&["--require", "not-worse", "--accept", "throughput=5%"]);
    for part in ["`not-worse`", "budget 5 %"] {
        assert!(other.stdout.contains(part), "no `{part}`: {}", other.stdout);
    }
}

/// A repository of 64 commits; from the commit of that number on, the program keeps 4 KiB with
/// each operation.
fn repository(lab: &Lab, first_bad: usize) -> String {
    let git = |words: &[&str]| {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b.c",
                "-c",
                "gc.auto=0",
            ])
            .args(["-c", "commit.gpgsign=false"])
            .args(words)
            .current_dir(lab.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    let mut wanted = String::new();
    for number in 1..=64 {
        let keeps = if number >= first_bad { 4096 } else { 0 };
        let text = format!("{}# {number}\n", program(keeps));
        write(&lab.path().join("server.in"), &text);
        git(&["add", "server.in"]);
        git(&[
            "commit",
            "--quiet",
            "--message",
            &format!("change {number}"),
        ]);
        if number == first_bad {
            wanted = git(&["rev-parse", "HEAD"]);
        }
    }
    wanted
}

fn bisect(lab: &Lab, commits: &str, build: &str) -> Called {
    lab.call(&[
        "bisect",
        commits,
        "--build",
        build,
        "--until-verdict",
        "--min-duration",
        "1s",
        "--max-duration",
        "20s",
        "--interval",
        "20ms",
        "--budget",
        "64B/op",
        "--",
        "./server",
    ])
}

#[test]
fn bisect_finds_the_commit_among_64_that_a_leak_began_with() {
    let lab = Lab::new();
    let wanted = repository(&lab, 41);
    let found = bisect(&lab, "HEAD~63..HEAD", "cp server.in server").expect_code(0);
    let told = &found.stdout;
    assert!(told.starts_with("first bad commit: "), "{told}");
    assert!(
        told.contains("change 41") && told.contains(&wanted),
        "{told}"
    );
    assert!(told.contains("brings growth"), "{told}");
    // The user's work tree and branch are as they were, and nothing is left of ours.
    let git = |words: &[&str]| {
        let output = Command::new("git")
            .args(words)
            .current_dir(lab.path())
            .output();
        String::from_utf8_lossy(&output.expect("git").stdout)
            .trim()
            .to_owned()
    };
    assert_eq!(git(&["rev-parse", "--abbrev-ref", "HEAD"]), "main");
    assert_eq!(git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(git(&["status", "--porcelain", "--untracked-files=no"]), "");
}

#[test]
fn commits_that_nothing_decides_are_named_and_no_more_is_said() {
    let lab = Lab::new();
    repository(&lab, 63);
    // The first bad commit cannot be built, so that it may be the next one as well.
    let build = "sh -c '! grep -q \"^# 63$\" server.in && cp server.in server'";
    let told = bisect(&lab, "HEAD~3..HEAD", build).expect_code(3);
    let lines: Vec<&str> = told.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}\n{}", told.stdout, told.stderr);
    assert_eq!(lines[0], "the first bad commit is one of:");
    for part in ["change 63 (not built)", "change 64 (bad)"] {
        assert!(told.stdout.contains(part), "no `{part}`: {}", told.stdout);
    }
    assert!(!told.stderr.contains("failed:\n"), "{}", told.stderr);
}

#[test]
fn ends_that_are_not_what_they_should_be_are_told_before_anything_is_searched() {
    let lab = Lab::new();
    repository(&lab, 65);
    let flags = [
        "--duration",
        "2s",
        "--interval",
        "20ms",
        "--budget",
        "64B/op",
        "--tries",
        "1",
    ];
    let bisect = |range: &str, build: &str| {
        let mut words = vec!["bisect", range, "--build", build];
        words.extend(flags);
        words.extend(["--", "./server"]);
        lab.call(&words)
    };
    let clean = bisect("HEAD~2..HEAD", "cp server.in server");
    assert!(matches!(clean.code, Some(2 | 3)), "{}", clean.stderr);
    bisect("HEAD~2..HEAD", "false")
        .expect_code(4)
        .expect_stderr(&["the build of"]);
    bisect("HEAD~2", "true")
        .expect_code(2)
        .expect_stderr(&["write OLD..NEW"]);
    let outside = ["ab", "--git", "HEAD~1..HEAD", "--", "sleep", "9"];
    lab.call(&outside).expect_code(2).expect_stderr(&[
        "lies outside the work trees",
        "both commits run the same file",
    ]);
    let words = [
        "ab",
        "--git",
        "HEAD..HEAD",
        "--build",
        "true",
        "--",
        "./server",
    ];
    lab.call(&words)
        .expect_code(2)
        .expect_stderr(&["both ends of `HEAD..HEAD` are the same commit", "change 64"]);
}
