//! Pictures of runs with fixed data.

mod support;

use leaklab_reports::cell::Metric;
use leaklab_reports::chart::{ChartError, ChartOptions, Theme, draw_run};
use support::{MIB, alts_timeout, cell, wobble, workplace, write_run};

#[test]
fn a_run_leaves_one_picture_per_scenario_in_both_formats() {
    let (_guard, folder) = workplace("overlay");
    let mut cells = alts_timeout();
    let fixed = cells
        .remove(3)
        .with_verdict("allocated_bytes", "no-leak", 0.0);
    cells.insert(3, fixed);
    let run = write_run(&folder, &cells);
    let paths = draw_run(&run, &folder.join("charts"), &ChartOptions::default()).expect("pictures");
    let names: Vec<_> = paths
        .iter()
        .map(|path| {
            path.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    assert_eq!(
        names,
        ["alts-timeout-allocated.png", "alts-timeout-allocated.svg"]
    );
    let svg = std::fs::read_to_string(&paths[1]).expect("the SVG");
    for text in [
        "unpatched retains 1.0",
        "MiB per operation; once-callback",
        "timeout2 none",
        "live heap (allocated)",
        "warm-up",
        "drain",
        "deploy",
        "slow disk",
        "GiB",
        "min",
        "tokio-select",
    ] {
        assert!(svg.contains(text), "no `{text}` in the SVG");
    }
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let (_guard, folder) = workplace("same-bytes");
    let run = write_run(&folder, &alts_timeout());
    let options = ChartOptions {
        theme: Theme::Dark,
        ..ChartOptions::default()
    };
    let first = draw_run(&run, &folder.join("first"), &options).expect("pictures");
    let second = draw_run(&run, &folder.join("second"), &options).expect("pictures");
    for (a, b) in first.iter().zip(&second) {
        assert!(
            std::fs::read(a).expect("a file") == std::fs::read(b).expect("a file"),
            "{} differs",
            a.display()
        );
    }
}

#[test]
fn a_run_that_died_half_way_is_drawn_and_says_so() {
    let (_guard, folder) = workplace("crashed");
    let leak = cell("alts-timeout", "unpatched", "buggy")
        .with_heap(100, false, |t| 5.0 * MIB + t * 10.0 * MIB)
        .crashed_after(60);
    let never = cell("alts-timeout", "timeout2", "fixed");
    let run = write_run(&folder, &[leak, never]);
    let paths = draw_run(&run, &folder.join("charts"), &ChartOptions::default()).expect("pictures");
    let svg = std::fs::read_to_string(&paths[1]).expect("the SVG");
    assert!(svg.contains("unfinished"), "{svg}");
    assert!(svg.contains("1 of 2 cells drawn"), "{svg}");
}

#[test]
fn without_jemalloc_figures_the_managed_heap_or_the_resident_set_is_drawn() {
    let (_guard, folder) = workplace("fallback");
    let managed = cell("managed", "jvm", "")
        .with_heap(30, false, |_| MIB)
        .each_row(|row| {
            row.heap.used_bytes = row.heap.allocated_bytes.take();
        });
    let bare = cell("bare", "c", "")
        .with_heap(30, false, |_| MIB)
        .each_row(|row| {
            row.heap = Default::default();
        });
    let run = write_run(&folder, &[managed, bare]);
    let paths = draw_run(&run, &folder.join("charts"), &ChartOptions::default()).expect("pictures");
    assert!(paths[0].ends_with("managed-used.png"), "{paths:?}");
    assert!(paths[2].ends_with("bare-rss.png"), "{paths:?}");
}

#[test]
fn one_row_is_drawn_and_none_is_an_error_that_says_what_is_missing() {
    let (_guard, folder) = workplace("few-rows");
    let mut one = cell("short", "one", "buggy").with_heap(10, false, |t| MIB * (1.0 + wobble(t)));
    one.rows.truncate(1);
    let run = write_run(&folder.join("one"), &[one]);
    draw_run(&run, &folder.join("one/charts"), &ChartOptions::default())
        .expect("a picture of a dot");
    let run = write_run(&folder.join("none"), &[cell("short", "none", "buggy")]);
    let charts = folder.join("none/charts");
    let error = draw_run(&run, &charts, &ChartOptions::default()).expect_err("no rows");
    assert!(
        error
            .to_string()
            .contains("none of its 1 cells has a sample with `allocated_bytes`"),
        "{error}"
    );
    let options = ChartOptions {
        metrics: vec![Metric::named("gauge:depth")],
        ..ChartOptions::default()
    };
    let error = draw_run(&run, &charts, &options).expect_err("no gauge");
    assert!(error.to_string().contains("gauge:depth"), "{error}");
    assert!(!charts.exists());
}

#[test]
fn sizes_that_cannot_be_drawn_are_refused() {
    let (_guard, folder) = workplace("sizes");
    let run = write_run(&folder, &alts_timeout());
    let options = ChartOptions {
        width: 20_000,
        ..ChartOptions::default()
    };
    let error = draw_run(&run, &folder.join("charts"), &options).expect_err("too wide");
    assert!(matches!(error, ChartError::Size { .. }), "{error}");
}

#[test]
fn of_ten_thousand_cells_some_are_drawn_and_the_picture_says_so() {
    let (_guard, folder) = workplace("ten-thousand");
    // All are planned; those whose files are there come from everywhere among them.
    let mut cells: Vec<support::CellSpec> = (0..10_000)
        .map(|number| {
            let slope = f64::from(number % 7) * 20_000.0;
            let name = format!("variant-{}", number / 100);
            let mut one = cell("many", &name, "").with_heap(15, false, |t| 4.0 * MIB + slope * t);
            one.plan.repetition = number as u64 % 100 + 1;
            one.plan.id = format!("many::{name}#{}", one.plan.repetition);
            one.plan.folder = format!("many--{number}");
            one
        })
        .collect();
    cells
        .iter_mut()
        .enumerate()
        .for_each(|(number, cell)| cell.planned = number % 20 != 0);
    let run = write_run(&folder, &cells);
    let start = std::time::Instant::now();
    let paths = draw_run(&run, &folder.join("charts"), &ChartOptions::default()).expect("pictures");
    println!("10,000 cells drawn in {:?}", start.elapsed());
    assert_eq!(paths.len(), 2, "{paths:?}");
    let svg = std::fs::read_to_string(&paths[1]).expect("the SVG");
    assert!(svg.contains("12 of 10,000 cells drawn"), "{svg}");
    // The first repetition of twelve variants rather than twelve repetitions of one.
    assert!(
        svg.contains("variant-11 #1") && !svg.contains("variant-0 #2"),
        "{svg}"
    );
}

#[test]
fn a_gauge_with_an_odd_name_cannot_leave_the_folder_or_the_svg() {
    let (_guard, folder) = workplace("odd-names");
    let odd = cell("odd", "one", "buggy")
        .with_heap(30, false, |t| MIB + t)
        .with_gauge("../../<b>&\"\u{1b}depth", |t| t);
    let run = write_run(&folder, &[odd]);
    let options = ChartOptions {
        metrics: vec![Metric::named("gauge:../../<b>&\"\u{1b}depth")],
        ..ChartOptions::default()
    };
    let charts = folder.join("charts");
    let paths = draw_run(&run, &charts, &options).expect("a picture");
    assert!(
        paths.iter().all(|path| path.parent() == Some(&charts)),
        "{paths:?}"
    );
    let svg = std::fs::read_to_string(&paths[1]).expect("the SVG");
    assert!(
        svg.contains("&lt;b&gt;&amp;&quot; depth") && !svg.contains("<b>"),
        "{svg}"
    );
}
