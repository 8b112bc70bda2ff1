//! `leaklab chart` on a real run.

mod support;

use std::path::Path;
use std::sync::OnceLock;
use support::Lab;

/// A short run of a leak and of a flat shape, made once for all tests here.
fn lab() -> (&'static Lab, String) {
    static LAB: OnceLock<Lab> = OnceLock::new();
    let lab = LAB.get_or_init(|| {
        let lab = Lab::new();
        let variants = "shape::{steady-leak,flat}";
        lab.call(&[
            "run",
            variants,
            "--duration",
            "2s",
            "--interval",
            "20ms",
            "--drain",
            "0s",
        ]);
        lab
    });
    let run = lab.newest_run().expect("a run");
    (lab, run.display().to_string())
}

#[test]
fn every_kind_is_drawn_in_both_formats_and_the_paths_are_printed() {
    let (lab, run) = lab();
    let called = lab
        .call(&["chart", &run, "--kind", "all", "--out", "all"])
        .expect_code(0);
    let paths: Vec<&str> = called.stdout.lines().collect();
    // The shapes have no latency; what every cell lacks is not drawn.
    assert!(paths.len() >= 12, "{paths:?}");
    for path in &paths {
        let bytes = std::fs::read(lab.path().join(path)).expect("the file that was named");
        let is_png = bytes.starts_with(b"\x89PNG\r\n\x1a\n");
        let is_svg = bytes.starts_with(b"<svg ") && bytes.ends_with(b"</svg>\n");
        assert!(is_png || is_svg, "{path}");
    }
}

#[test]
fn another_theme_or_size_leaves_the_pictures_of_the_run_alone() {
    let (lab, run) = lab();
    let left = Path::new(&run).join("charts/shape-allocated.svg");
    let before = std::fs::read(&left).expect("the run drew it");
    let called = lab
        .call(&["chart", &run, "--size", "800x450", "--theme", "dark"])
        .expect_code(0);
    assert!(
        called.stdout.contains("shape-allocated-800x450-dark.png"),
        "{}",
        called.stdout
    );
    assert_eq!(std::fs::read(&left).expect("still there"), before);
}

#[test]
fn some_metrics_of_some_cells_are_drawn() {
    let (lab, run) = lab();
    let cell = format!("{run}::shape::flat");
    let called = lab
        .call(&[
            "chart",
            &cell,
            "--metric",
            "rss,gauge:blocks_held",
            "--out",
            "some",
        ])
        .expect_code(0);
    assert!(
        called.stdout.contains("some/shape-rss-flat.png"),
        "{}",
        called.stdout
    );
    assert!(
        called.stdout.contains("some/shape-blocks-held-flat.svg"),
        "{}",
        called.stdout
    );
}

#[test]
fn what_does_not_exist_is_a_usage_error_with_the_way_out() {
    let (lab, run) = lab();
    let cell = format!("{run}::shape::flatt");
    for (arguments, words) in [
        (vec!["chart", "nowhere"], "`nowhere` does not exist"),
        (vec!["chart", &cell], "`shape::flat`"),
        (
            vec!["chart", &run, "--metric", "alocated"],
            "did you mean `allocated`?",
        ),
        (
            vec!["chart", &run, "--metric", "gauge:none"],
            "none of its 2 cells has a sample with `gauge:none`",
        ),
        (
            vec!["chart", &run, "--kind", "overly"],
            "did you mean `overlay`?",
        ),
        (
            vec!["chart", &run, "--size", "12"],
            "a size is like 1600x900",
        ),
        (
            vec!["chart", &run, "--theme", "red"],
            "themes are light and dark",
        ),
    ] {
        lab.call(&arguments).expect_code(2).expect_stderr(&[words]);
    }
}
