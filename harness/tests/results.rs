//! What a run says at its end: exit codes, JSON, JUnit, configuration, early stopping.

mod support;

use support::Lab;

const BINARY: &str = env!("CARGO_BIN_EXE_leaklab");

/// Flags of a run that is long enough for a verdict and short enough for a test.
const SHORT: [&str; 8] = [
    "--duration",
    "4s",
    "--drain",
    "0s",
    "--interval",
    "20ms",
    "--rate",
    "1000",
];

fn run(lab: &Lab, selectors: &[&str], flags: &[&str]) -> support::Called {
    let mut arguments = vec!["run"];
    arguments.extend(selectors);
    arguments.extend(SHORT);
    arguments.extend(flags);
    lab.call(&arguments)
}

#[test]
fn verdicts_as_declared_are_success_also_for_a_leak() {
    let called = run(
        &Lab::new(),
        &["shape::steady-leak", "shape::flat"],
        &["--jobs", "2"],
    )
    .expect_code(0);
    assert!(called.stdout.contains("4.03 KiB"), "{}", called.stdout);
    let run = called.run.as_ref().expect("a run");
    for cell in &run.cells {
        assert!(
            cell.folder.join("verdict.json").exists(),
            "{}",
            cell.plan.id
        );
    }
    assert!(run.folder.join("report.html").exists());
    assert!(run.folder.join("charts/shape-allocated.png").exists());
}

#[test]
fn a_buggy_variant_that_does_not_leak_is_a_failure_too() {
    // With a budget that allows everything, the known leak is no leak, which it must be.
    run(
        &Lab::new(),
        &["shape::steady-leak"],
        &["--budget", "1MiB/op"],
    )
    .expect_code(1);
}

#[test]
fn a_program_that_leaks_fails_the_gate() {
    let lab = Lab::new();
    let called = lab.call(&[
        "run",
        "--duration",
        "4s",
        "--interval",
        "20ms",
        "--",
        BINARY,
        "cell",
        "shape::steady-leak",
        "--rate",
        "1000",
        "--duration",
        "60s",
    ]);
    let called = called.expect_code(1);
    assert!(
        called.stdout.contains("allocated_bytes"),
        "{}",
        called.stdout
    );
}

#[test]
fn json_and_junit_say_the_same_as_the_table() {
    let lab = Lab::new();
    let called = run(
        &lab,
        &["shape::steady-leak"],
        &[
            "--format",
            "json",
            "--junit",
            "junit.xml",
            "--budget",
            "1MiB/op",
        ],
    )
    .expect_code(1);
    let object: serde_json::Value = serde_json::from_str(&called.stdout).expect("one object");
    assert_eq!(object["cell"], "shape::steady-leak");
    assert_eq!(object["verdict"], "no-leak");
    assert_eq!(object["as_expected"], false);
    let slope = object["judgement"]["slope_bytes_per_op"]
        .as_f64()
        .expect("a slope");
    assert!((slope - 4128.0).abs() < 4.0, "{slope}");
    let junit = std::fs::read_to_string(lab.path().join("junit.xml")).expect("a file");
    assert!(junit.contains("<failure"), "{junit}");
    assert!(junit.contains("steady-leak"), "{junit}");
}

#[test]
fn the_file_sets_what_flags_leave_open() {
    let lab = Lab::new();
    let file = r#"
        [[scenario]]
        name = "shape"
        budget = "8KiB/op"
        set = { leak-bytes = "1KiB" }
        [profile.quick]
        duration = "300ms"
        drain = "0s"
        interval = "10ms"
    "#;
    std::fs::write(lab.path().join("leaklab.toml"), file).expect("a file");
    let called = lab.call(&["run", "shape::steady-leak", "--profile", "quick"]);
    let plan = &called.cell().plan;
    assert_eq!(plan.duration_s, Some(0.3));
    assert_eq!(plan.budget.as_deref(), Some("8192B/op"));
    assert_eq!(plan.parameters["leak-bytes"], "1KiB");
    let flags = ["--duration", "200ms", "--set", "leak-bytes=2KiB"];
    let mut arguments = vec!["run", "shape::steady-leak", "--profile", "quick"];
    arguments.extend(flags);
    let called = lab.call(&arguments);
    let newest = &called.run.as_ref().expect("a run").cells[0].plan;
    assert_eq!(newest.duration_s, Some(0.2), "a flag wins");
    assert_eq!(newest.parameters["leak-bytes"], "2KiB");

    lab.call(&["run", "shape", "--profile", "nightly"])
        .expect_code(2)
        .expect_stderr(&["there is no profile `nightly`", "`quick`"]);
    std::fs::write(
        lab.path().join("leaklab.toml"),
        "[profile.x]\nduratoin = \"1s\"",
    )
    .expect("a file");
    lab.call(&["run", "shape"]).expect_code(2).expect_stderr(&[
        "leaklab.toml",
        "duratoin",
        "did you mean `duration`?",
    ]);
}

#[test]
fn a_certain_verdict_ends_the_run_early() {
    let called = Lab::new()
        .call(&[
            "run",
            "shape::steady-leak",
            "--until-verdict",
            "--max-duration",
            "120s",
            "--interval",
            "20ms",
            "--rate",
            "1000",
            "--drain",
            "0s",
        ])
        .expect_code(0);
    let elapsed_s = called.cell().status.elapsed_ms / 1000.0;
    assert!(elapsed_s < 60.0, "{elapsed_s} s of 120 s");
}

#[test]
fn the_selfcheck_passes_on_a_working_instrument() {
    let lab = Lab::new();
    let called = lab.call(&["selfcheck"]).expect_code(0);
    assert!(called.stdout.contains("the instrument works"));
    let left = std::fs::read_dir(lab.path().join("leaklab-out/selfcheck")).expect("a folder");
    assert_eq!(left.count(), 0, "it cleans up");
}
