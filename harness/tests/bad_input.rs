//! Wrong usage is answered before anything starts, with the way out.

mod support;

use support::Lab;

#[test]
fn an_unknown_scenario_is_answered_with_the_nearest() {
    let lab = Lab::new();
    lab.call(&["run", "shap"])
        .expect_code(2)
        .expect_stderr(&["no scenario `shap`", "did you mean `shape`?"]);
    assert_eq!(lab.newest_run(), None, "nothing was created");
}

#[test]
fn an_unknown_variant_is_answered_with_the_nearest() {
    Lab::new()
        .call(&["run", "shape::flatt"])
        .expect_code(2)
        .expect_stderr(&["no variant `flatt`", "did you mean `shape::flat`?"]);
}

#[test]
fn a_glob_that_matches_nothing_says_so() {
    Lab::new()
        .call(&["run", "nothing*"])
        .expect_code(2)
        .expect_stderr(&["no variant matches `nothing*`"]);
}

#[test]
fn a_setting_with_a_wrong_key_or_value_names_what_is_accepted() {
    let lab = Lab::new();
    lab.call(&["run", "shape", "--set", "capcity=1"])
        .expect_code(2)
        .expect_stderr(&["no parameter `capcity`", "did you mean `capacity`?"]);
    lab.call(&["run", "shape", "--set", "capacity=lots"])
        .expect_code(2)
        .expect_stderr(&["`capacity` takes a count from 1 to 100000, not `lots`"]);
    lab.call(&["run", "shape", "--set", "capacity"])
        .expect_code(2)
        .expect_stderr(&["key=value"]);
    assert_eq!(lab.newest_run(), None, "nothing was created");
}

#[test]
fn values_out_of_range_are_refused() {
    let lab = Lab::new();
    for (flag, value, words) in [
        ("--interval", "0s", "from 1ms to 1h"),
        ("--interval", "0", "from 1ms to 1h"),
        ("--interval", "2h", "from 1ms to 1h"),
        ("--rate", "0", "above 0"),
        ("--rate", "NaN", "above 0"),
        ("--duration", "soon", "not a duration"),
        ("--memory-limit", "plenty", "not a size"),
        ("--repeat", "0", "1..=10000"),
        ("--operations", "0", "not in 1.."),
    ] {
        lab.call(&["run", "shape", flag, value])
            .expect_code(2)
            .expect_stderr(&[words]);
    }
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let lab = Lab::new();
    std::fs::write(lab.path().join("file"), "").expect("a file");
    lab.call(&["run", "shape::flat", "--out", "file"])
        .expect_code(4)
        .expect_stderr(&["file/runs", "--out"]);
}

#[test]
fn flags_of_scenarios_are_refused_for_a_program() {
    Lab::new()
        .call(&["run", "--rate", "5", "--", "true"])
        .expect_code(2)
        .expect_stderr(&["`--rate` is for scenarios"]);
}
