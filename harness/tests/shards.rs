//! `run --shard`, `merge` and `submit`.

mod support;

use std::process::{Command, Stdio};
use support::Lab;

const CELLS: &str = "shape::{flat,steady-leak,sawtooth}";

fn run_shard(lab: &Lab, shard: &str, interval: &str) -> String {
    let words = [
        "run",
        CELLS,
        "--duration",
        "1s",
        "--interval",
        interval,
        "--drain",
        "0s",
        "--shard",
        shard,
    ];
    let called = lab.call(&words);
    let run = called
        .run
        .unwrap_or_else(|| panic!("no run: {}", called.stderr));
    run.folder.display().to_string()
}

#[test]
fn shards_merge_into_a_run_with_every_cell_and_its_host() {
    let lab = Lab::new();
    let parts = [
        run_shard(&lab, "1/2", "50ms"),
        run_shard(&lab, "2/2", "50ms"),
    ];
    let merged = lab.call(&["merge", &parts[0], &parts[1]]);
    let run = merged.run.expect("a run");
    let mut ids: Vec<&str> = run.cells.iter().map(|cell| cell.plan.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        ["shape::flat", "shape::sawtooth", "shape::steady-leak"]
    );
    assert!(
        run.cells
            .iter()
            .all(|cell| cell.plan.host.is_some() && cell.status.samples > 0)
    );
    assert!(
        run.folder.join("report.html").is_file(),
        "{}",
        merged.stderr
    );
    assert_eq!(
        run.record.configuration.other["merged"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    // Both parts left their lines in the same history: the whole adds none.
    let lines = |lab: &Lab| {
        let text = std::fs::read_to_string(lab.path().join("leaklab-out/history.jsonl"));
        text.expect("a history").lines().count()
    };
    assert_eq!(lines(&lab), 3);
    lab.call(&["history", "--rebuild"]);
    assert_eq!(lines(&lab), 3);
    // Elsewhere it is the whole that is remembered.
    lab.call(&["merge", &parts[0], &parts[1], "--out", "elsewhere"]);
    let text = std::fs::read_to_string(lab.path().join("elsewhere/history.jsonl"));
    assert_eq!(text.expect("a history").lines().count(), 3);
    // What does not belong together is refused.
    lab.call(&["merge", &parts[0], &parts[0]])
        .expect_code(2)
        .expect_stderr(&["is in both"]);
    let other = run_shard(&lab, "2/2", "40ms");
    lab.call(&["merge", &parts[0], &other])
        .expect_code(2)
        .expect_stderr(&["another configuration"]);
    lab.call(&["run", CELLS, "--shard", "3/2"])
        .expect_code(2)
        .expect_stderr(&["write 2/5, auto or auto/5"]);
}

#[test]
fn a_merged_run_that_lacks_a_shard_says_so_wherever_it_is_read_until_it_is_added() {
    let lab = Lab::new();
    let parts = ["1/3", "2/3", "3/3"].map(|shard| run_shard(&lab, shard, "50ms"));
    let merge = |runs: [&str; 2]| {
        lab.call(&["merge", runs[0], runs[1], "--out", "whole"]);
        let runs = leaklab_run::runs_of(&lab.path().join("whole"));
        runs.last().expect("a run").display().to_string()
    };
    let merged = merge([&parts[0], &parts[1]]);
    let lacks = "shard 3/3 is missing, and nothing is known of its cells";
    let judged = lab.call(&["judge", &merged, "--junit", "junit.xml"]);
    assert_ne!(judged.code, Some(0), "{}", judged.stdout);
    assert!(judged.stderr.contains(lacks), "{}", judged.stderr);
    let junit = std::fs::read_to_string(lab.path().join("junit.xml")).expect("a report");
    assert!(junit.contains("shard 3/3"), "{junit}");
    let history = lab.call(&["history", "whole"]);
    assert_ne!(history.code, Some(0), "{}", history.stdout);
    let told = "the last night is missing: shard 3/3 of";
    assert!(history.stdout.contains(told), "{}", history.stdout);
    let page = std::fs::read_to_string(format!("{merged}/report.html")).expect("a page");
    assert!(
        page.contains("is missing, and nothing is known of its cells"),
        "the page does not say it"
    );
    for sides in [[&merged, &parts[2]], [&parts[2], &merged]] {
        // They have no cell in common.
        lab.call(&["compare", sides[0], sides[1], "--no-chart"])
            .expect_code(2);
    }
    let other = Lab::new();
    let second = ["1/3", "2/3"].map(|shard| run_shard(&other, shard, "50ms"));
    other.call(&["merge", &second[0], &second[1]]);
    let second = other.newest_run().expect("a run").display().to_string();
    let compared = lab.call(&["compare", &merged, &second, "--no-chart"]);
    assert!(compared.stdout.contains(lacks), "{}", compared.stdout);
    assert_ne!(compared.code, Some(0), "{}", compared.stdout);
    let ranked = lab.call(&["compare", &merged, "--no-chart"]).expect_code(3);
    ranked.expect_stderr(&[lacks]);
    // With what it lacks it is whole, and no night counts twice.
    let whole = merge([&merged, &parts[2]]);
    let judged = lab.call(&["judge", &whole]);
    assert!(!judged.stderr.contains("is missing"), "{}", judged.stderr);
    let lines = || {
        let text = std::fs::read_to_string(lab.path().join("whole/history.jsonl"));
        text.expect("a history").lines().count()
    };
    assert_eq!(lines(), 3);
    let history = lab.call(&["history", "whole"]);
    assert!(!history.stdout.contains(told), "{}", history.stdout);
    lab.call(&["history", "whole", "--rebuild"]);
    assert_eq!(lines(), 3);
    lab.call(&["compare", &whole, &merged, "--no-chart"])
        .expect_code(2)
        .expect_stderr(&["is the same measurement on both sides"]);
}

#[test]
fn a_slurm_job_is_a_script_that_a_shell_takes_and_runs_a_shard_a_task() {
    let lab = Lab::new();
    let job = lab.call(&[
        "submit",
        "slurm",
        "--shards",
        "3",
        "--parallel",
        "2",
        "--",
        CELLS,
        "--duration",
        "1s",
        "--interval",
        "50ms",
    ]);
    let job = job.expect_code(0).stdout;
    assert!(job.contains("#SBATCH --array=1-3%2"), "{job}");
    std::fs::write(lab.path().join("job.sh"), &job).expect("a file");
    // What a task of the array does, with the variables that Slurm sets.
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_leaklab"));
    let folder = binary.parent().expect("a folder").display().to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let task = Command::new("sh")
        .arg("job.sh")
        .current_dir(lab.path())
        .env("PATH", path)
        .env("SLURM_ARRAY_JOB_ID", "77")
        .env("SLURM_ARRAY_TASK_ID", "2")
        .env("SLURM_ARRAY_TASK_MIN", "1")
        .env("SLURM_ARRAY_TASK_COUNT", "3")
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let runs = lab.path().join("leaklab-out/leaklab-soak-77/2/runs");
    let runs: Vec<_> = std::fs::read_dir(runs).expect("runs").flatten().collect();
    let run = leaklab_run::Run::open(&runs[0].path()).expect("a run");
    let ids: Vec<&str> = run.cells.iter().map(|cell| cell.plan.id.as_str()).collect();
    assert_eq!(
        ids.len(),
        1,
        "{ids:?} {}",
        String::from_utf8_lossy(&task.stderr)
    );
    assert_eq!(run.record.configuration.other["shard"], "2/3");
}

#[test]
fn a_kubernetes_job_is_indexed_and_retries_what_is_no_verdict() {
    let lab = Lab::new();
    let words = [
        "submit",
        "kubernetes",
        "--shards",
        "6",
        "--image",
        "x/leaklab:1",
        "--claim",
        "runs",
    ];
    let job = lab.call(&[&words[..], &["--", "--all", "--duration", "1h"]].concat());
    let job = job.expect_code(0).stdout;
    for part in [
        "completionMode: Indexed",
        "completions: 6",
        "operator: In, values: [1, 2, 3, 5]",
        r#"command: ["leaklab","run","--shard","auto/6","--all","--duration","1h"]"#,
        r#"persistentVolumeClaim: {claimName: "runs"}"#,
    ] {
        assert!(job.contains(part), "no `{part}` in:\n{job}");
    }
    lab.call(&["submit", "slurm", "--shards", "2", "--", "--shard", "1/2"])
        .expect_code(2);
    lab.call(&[
        "submit", "slurm", "--shards", "2", "--name", "a b", "--", "--all",
    ])
    .expect_code(2);
}

#[test]
fn a_job_that_cannot_be_is_refused_with_the_way_out() {
    let lab = Lab::new();
    for (flags, run, words) in [
        ("--shards 2", "shape::nothing", "no variant `nothing`"),
        ("--shards 2", "--bogus", "--bogus"),
        ("--shards 6", CELLS, "--shards 3"),
        ("--shards 3 --time 12h", CELLS, "write 90 (minutes)"),
        (
            "--shards 3 --time 30",
            "--all --duration 1h",
            "a longer --time",
        ),
    ] {
        let mut words_of = vec!["submit", "slurm"];
        words_of.extend(flags.split(' '));
        words_of.push("--");
        words_of.extend(run.split(' '));
        let refused = lab.call(&words_of).expect_code(2);
        assert!(refused.stdout.is_empty(), "{}", refused.stdout);
        assert!(refused.stderr.contains(words), "{run}: {}", refused.stderr);
    }
}

#[test]
fn a_shard_without_a_cell_says_so_and_a_whole_without_one_is_no_green() {
    let lab = Lab::new();
    let empty = |shard: &str| {
        let words = ["run", "shape::flat", "--duration", "1s", "--shard", shard];
        let called = lab.call(&words).expect_code(3);
        let called = called.expect_stderr(&["has none of the cells", "nothing was judged"]);
        called.run.expect("a run").folder.display().to_string()
    };
    let parts = [empty("2/3"), empty("3/3")];
    lab.call(&["judge", &parts[0]])
        .expect_code(3)
        .expect_stderr(&["nothing was judged"]);
    lab.call(&["merge", &parts[0], &parts[1]])
        .expect_code(3)
        .expect_stderr(&["nothing was judged"]);
}
