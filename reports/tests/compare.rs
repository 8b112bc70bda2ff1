//! Comparisons of cells with fixed data.

mod support;

use leaklab_judge::Verdict;
use leaklab_reports::cell::VerdictOptions;
use leaklab_reports::chart::{ChartOptions, Picture};
use leaklab_reports::compare::{
    Comparison, Decision, Figure, Format, LeakBeside, Outcome, Ranking, Side, SideError,
    compare_cells, matched, pooled, ranking_text, ratio::Estimate, text,
};
use leaklab_reports::foreign::ReadOptions;
use leaklab_run::Run;
use std::path::Path;
use support::{CellSpec, MIB, alts_timeout, cell, wobble, workplace, write_run};

fn run_of(folder: &Path, cells: &[CellSpec]) -> Run {
    write_run(folder, cells)
}

fn compared(run: &Run, before: usize, after: usize) -> Comparison {
    let pick = |index: usize| (run, &run.cells[index]);
    compare_cells(pick(before), pick(after), &VerdictOptions::default()).expect("a comparison")
}

/// Leaks of so many bytes per operation on a noisy level of 6 MiB.
fn leak(variant: &str, role: &str, bytes_per_operation: f64) -> CellSpec {
    cell("leak", variant, role).with_heap_every(2, 600, false, |t| {
        6.0 * MIB + 0.1 * MIB * wobble(t) + t * 10.0 * bytes_per_operation
    })
}

#[test]
fn a_partial_fix_is_certified_with_its_share_and_what_remains() {
    let (_guard, folder) = workplace("compare-partial");
    let run = run_of(
        &folder,
        &[
            leak("before", "buggy", 100_000.0),
            leak("after", "partial", 1_200.0),
        ],
    );
    let comparison = compared(&run, 0, 1);
    let removed = comparison.removed_percent.expect("growth before");
    // By construction 1 - 1200 / 100000.
    assert!(removed.low <= 98.8 && 98.8 <= removed.high, "{removed:?}");
    assert!(removed.half_width() < 0.1, "{removed:?}");
    assert!(
        comparison.sentence.starts_with("the fix removes 98.8"),
        "{}",
        comparison.sentence
    );
    assert!(
        comparison.sentence.contains("KiB per operation remains"),
        "{}",
        comparison.sentence
    );
    assert!(comparison.remaining.expect("a budget").beyond);
    assert_eq!(comparison.outcome, Outcome::NotWorse);
}

#[test]
fn a_whole_fix_is_within_the_budget_by_a_test_that_can_fail() {
    let (_guard, folder) = workplace("compare-whole");
    let run = run_of(
        &folder,
        &[
            leak("before", "buggy", 100_000.0),
            leak("after", "fixed", 0.0),
        ],
    );
    let comparison = compared(&run, 0, 1);
    assert!(comparison.remaining.expect("a budget").within);
    assert!(
        comparison
            .sentence
            .contains("remains, within the budget of 256 B"),
        "{}",
        comparison.sentence
    );
    let options = VerdictOptions {
        budget: Some("1B/op".parse().expect("a budget")),
        ..VerdictOptions::default()
    };
    let strict = compare_cells((&run, &run.cells[0]), (&run, &run.cells[1]), &options)
        .expect("a comparison");
    assert!(
        !strict.remaining.expect("a budget").within,
        "{}",
        strict.sentence
    );
}

#[test]
fn a_regression_beyond_the_budget_is_worse_and_one_inside_is_not() {
    let (_guard, folder) = workplace("compare-worse");
    let run = run_of(
        &folder,
        &[
            leak("flat", "", 0.0),
            leak("little", "", 50.0),
            leak("much", "", 5_000.0),
        ],
    );
    assert_eq!(compared(&run, 0, 2).outcome, Outcome::Worse);
    assert_eq!(compared(&run, 0, 1).outcome, Outcome::NotWorse);
    assert_eq!(compared(&run, 2, 0).outcome, Outcome::NotWorse);
    let worse = compared(&run, 0, 2);
    assert!(
        worse.sentence.contains("growth beyond the budget"),
        "{}",
        worse.sentence
    );
}

#[test]
fn series_too_short_to_say_are_not_called_equal() {
    let (_guard, folder) = workplace("compare-short");
    let short = |name: &str| {
        let mut cell = leak(name, "", 0.0);
        cell.rows.truncate(5);
        cell
    };
    let run = run_of(&folder, &[short("a"), short("b")]);
    assert_eq!(compared(&run, 0, 1).outcome, Outcome::CannotSay);
}

#[test]
fn differing_seeds_parameters_hosts_and_ends_are_named() {
    let (_guard, folder) = workplace("compare-differences");
    let mut after = leak("same", "fixed", 0.0);
    after
        .plan
        .parameters
        .insert("payload".to_owned(), "4KiB".to_owned());
    let first = run_of(&folder.join("a"), &[leak("same", "buggy", 100_000.0)]);
    let mut second = run_of(&folder.join("b"), &[after.crashed_after(200)]);
    second.record.configuration.seed = 8;
    second.record.host.kernel = "7.0.0".to_owned();
    let comparison = compare_cells(
        (&first, &first.cells[0]),
        (&second, &second.cells[0]),
        &VerdictOptions::default(),
    )
    .expect("a comparison");
    let names: Vec<&str> = comparison
        .differences
        .iter()
        .map(|d| d.what.as_str())
        .collect();
    assert_eq!(
        names,
        ["kernel", "seed", "parameter payload", "end", "length"]
    );
    let shown = text(&comparison, Format::Text);
    assert!(
        shown.contains("differs: seed is 7 before and 8 after"),
        "{shown}"
    );
    assert!(
        shown.contains("after did not complete: unfinished"),
        "{shown}"
    );
}

#[test]
fn peak_level_cpu_latency_and_throughput_change_as_the_samples_do() {
    let (_guard, folder) = workplace("compare-changes");
    let slower = leak("after", "", 0.0).each_row(|row| {
        row.cpu_ms = row.cpu_ms.map(|ms| ms * 2);
        row.latency_p99_us = row.latency_p99_us.map(|us| us * 3);
        row.ops_total = row.ops_total.map(|ops| ops / 2);
    });
    let run = run_of(&folder, &[leak("before", "", 0.0), slower]);
    let comparison = compared(&run, 0, 1);
    let percent = |figure: Figure| {
        let mut changes = comparison.changes.iter();
        let change = changes.find(|change| change.figure == figure);
        change.and_then(|change| change.percent).expect("a change")
    };
    assert!((percent(Figure::CpuPerOperation) - 300.0).abs() < 0.5);
    assert!((percent(Figure::LatencyP99) - 200.0).abs() < 0.5);
    assert!((percent(Figure::Throughput) + 50.0).abs() < 0.5);
    assert!(percent(Figure::Peak).abs() < 0.5);
    assert!(percent(Figure::SettledLevel).abs() < 0.5);
}

#[test]
fn what_the_second_does_not_tell_any_more_is_not_said_to_be_no_worse() {
    let (_guard, folder) = workplace("compare-lost");
    let silent = leak("after", "", 0.0).each_row(|row| row.ops_total = None);
    let run = run_of(&folder, &[leak("before", "", 0.0), silent]);
    for (before, after) in [(0, 1), (1, 0)] {
        let comparison = compared(&run, before, after);
        let mut changes = comparison.changes.iter();
        let throughput = changes.find(|change| change.figure == Figure::Throughput);
        let decision = throughput.expect("one side has it").decision;
        match before {
            0 => {
                assert_eq!(decision, Decision::Open);
                let answer = &comparison.answer;
                assert_ne!(answer.decision, Decision::Holds, "{}", answer.reason);
            }
            _ => assert_eq!(decision, Decision::Holds),
        }
    }
}

#[test]
fn runs_are_matched_by_address_and_single_cells_whatever_they_are_called() {
    let ids = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let found = matched(&ids(&["leak::x", "leak::y"]), &ids(&["leak::y", "leak::z"]));
    assert_eq!(found.pairs, [(1, 0)]);
    assert_eq!(
        (found.only_before, found.only_after),
        (ids(&["leak::x"]), ids(&["leak::z"]))
    );
    assert_eq!(matched(&ids(&["a"]), &ids(&["b"])).pairs, [(0, 0)]);
}

#[test]
fn files_are_compared_with_and_without_the_columns_of_leaklab() {
    let (_guard, folder) = workplace("compare-files");
    let run = run_of(
        &folder,
        &[leak("before", "", 100_000.0), leak("after", "", 0.0)],
    );
    let options = VerdictOptions::default();
    let side = |path: &Path, columns: &ReadOptions| Side::from_file(path, columns, &options);
    let own = |index: usize| run.cells[index].folder.join("samples.csv");
    let comparison = Comparison::new(
        side(&own(0), &ReadOptions::default()).expect("a side"),
        side(&own(1), &ReadOptions::default()).expect("a side"),
    );
    assert!(
        comparison.sentence.starts_with("the fix removes"),
        "{}",
        comparison.sentence
    );
    assert!(comparison.before.per_operation.is_some());
    let foreign = folder.join("foreign.csv");
    let rows: String = (0..600)
        .map(|t| format!("{t},{}\n", 1_000_000 + 500 * t))
        .collect();
    std::fs::write(&foreign, format!("Time,RSS\n{rows}600,13")).expect("a file");
    let found = side(&foreign, &ReadOptions::default()).expect("a side");
    let per_hour = found.per_hour.expect("a slope");
    // A column that is called RSS counts KiB, as ps and pidstat do.
    assert!(
        (per_hour.value / 1_024.0 - 1_800_000.0).abs() < 20_000.0,
        "{per_hour:?}"
    );
    assert_eq!(found.metric, "RSS");
    let missing = ReadOptions {
        values: vec!["heap".to_owned()],
        ..ReadOptions::default()
    };
    let error = side(&foreign, &missing)
        .expect_err("no such column")
        .to_string();
    assert!(error.contains("no column `heap`"), "{error}");
}

#[test]
fn cells_whose_growth_cannot_be_told_apart_share_their_places() {
    let (_guard, folder) = workplace("compare-ranking");
    let cells = [
        leak("big", "", 9_000.0),
        leak("same-1", "", 500.0),
        leak("same-2", "", 500.0),
        leak("none", "", 0.0),
    ];
    let run = run_of(&folder, &cells);
    let sides = run
        .cells
        .iter()
        .map(|cell| Side::from_cell(&run, cell, &VerdictOptions::default()).expect("a side"));
    let ranking = Ranking::new(sides.collect());
    let places: Vec<_> = ranking
        .cells
        .iter()
        .map(|cell| (cell.side.variant.as_str(), cell.best, cell.worst))
        .collect();
    assert_eq!(places[0], ("none", 1, 1));
    assert_eq!((places[1].1, places[1].2), (2, 3));
    assert_eq!((places[2].1, places[2].2), (2, 3));
    assert_eq!(places[3], ("big", 4, 4));
    let shown = ranking_text(&ranking, Format::Text);
    assert!(shown.contains("2–3"), "{shown}");
}

#[test]
fn names_from_a_program_cannot_format_markdown() {
    let (_guard, folder) = workplace("compare-markdown");
    let mut odd = leak("after", "", 0.0);
    odd.plan.id = "a|b`c*".to_owned();
    let run = run_of(&folder, &[leak("before", "buggy", 9_000.0), odd]);
    let shown = text(&compared(&run, 0, 1), Format::Markdown);
    assert!(shown.contains(r"a\|b\`c\*"), "{shown}");
    assert!(shown.starts_with("**the fix removes"), "{shown}");
}

#[test]
fn a_cell_without_samples_is_an_error_that_names_it() {
    let (_guard, folder) = workplace("compare-empty");
    let run = run_of(&folder, &[leak("full", "", 0.0), cell("leak", "empty", "")]);
    let error = compare_cells(
        (&run, &run.cells[0]),
        (&run, &run.cells[1]),
        &VerdictOptions::default(),
    )
    .expect_err("nothing to compare");
    assert!(
        matches!(&error, SideError::Empty { name, .. } if name == "leak::empty"),
        "{error}"
    );
}

#[test]
fn the_picture_says_the_sentence_and_shows_both() {
    let (_guard, folder) = workplace("compare-picture");
    let run = run_of(&folder, &alts_timeout());
    let comparison = compared(&run, 0, 3);
    let picture =
        Picture::overlay(&comparison.overlay(), &ChartOptions::default()).expect("a picture");
    picture.write(&folder, "compare").expect("files");
    let svg = picture.svg().expect("an SVG");
    for text in ["the fix removes", "before: unpatched", "after: timeout2"] {
        assert!(svg.contains(text), "{text}");
    }
    println!("{}", text(&comparison, Format::Text));
    println!(
        "{}",
        serde_json::to_string_pretty(&comparison).expect("JSON")
    );
}

#[test]
fn repetitions_are_taken_together_and_their_scatter_counts() {
    let (_guard, folder) = workplace("compare-repetitions");
    let repeated = |variant: &str, slopes: [f64; 3]| -> Vec<CellSpec> {
        let of = |(index, slope): (usize, f64)| {
            let mut cell = leak(variant, "", slope);
            cell.plan.id = format!("leak::{variant}#{}", index + 1);
            cell.plan.folder = format!("leak--{variant}-{}", index + 1);
            cell.plan.repetition = index as u64 + 1;
            cell
        };
        slopes.into_iter().enumerate().map(of).collect()
    };
    let mut cells = repeated("before", [100_000.0, 101_000.0, 99_000.0]);
    cells.extend(repeated("after", [1_000.0, 2_000.0, 3_000.0]));
    let run = run_of(&folder, &cells);
    let sides = run
        .cells
        .iter()
        .map(|cell| Side::from_cell(&run, cell, &VerdictOptions::default()).expect("a side"));
    let both = pooled(sides.collect());
    let names: Vec<&str> = both.iter().map(|side| side.name.as_str()).collect();
    assert_eq!(names, ["leak::before", "leak::after"]);
    let after = both[1].per_operation.expect("a slope");
    assert!((after.value - 2_000.0).abs() < 50.0, "{after:?}");
    // t quantile 4.3027 of 2 degrees times the standard error 1000 / sqrt(3).
    assert!((after.half_width() - 2_484.0).abs() < 60.0, "{after:?}");
    let comparison = Comparison::new(both[0].clone(), both[1].clone());
    assert!(
        comparison.sentence.starts_with("the fix removes 98"),
        "{}",
        comparison.sentence
    );
}

/// Several runs of a side, of which each figure is known to a thousandth.
fn repeated(run: &Run, index: usize) -> Side {
    let options = VerdictOptions::default();
    let mut side = Side::from_cell(run, &run.cells[index], &options).expect("a side");
    side.runs = 5;
    for spread in side.figures.values_mut() {
        spread.runs = 5;
        spread.log_error = 0.001;
    }
    side
}

#[test]
fn memory_that_is_half_as_large_again_is_worse_unless_its_growth_says_it() {
    let (_guard, folder) = workplace("compare-level");
    let cells = [("before", 0.0), ("after", 0.0), ("leaks", 100_000.0)];
    let cells = cells.map(|(name, bytes)| leak(name, "", bytes));
    let run = run_of(&folder, &cells);
    let decision = |before: usize, after: usize, times: f64| {
        let (before, mut after) = (repeated(&run, before), repeated(&run, after));
        let peak = after.peak_bytes.expect("a peak") * times;
        after.peak_bytes = Some(peak);
        (after.figures.get_mut(&Figure::Peak).expect("a peak")).value = peak;
        Comparison::new(before, after).answer
    };
    let doubled = decision(0, 1, 2.0);
    assert_eq!(doubled.decision, Decision::Refuted);
    assert!(
        doubled.reason.starts_with("peak is 2 times"),
        "{}",
        doubled.reason
    );
    assert_eq!(decision(0, 1, 1.4).decision, Decision::Holds);
    // Both leak alike: the longer or the faster run has the higher peak.
    assert_eq!(decision(2, 2, 2.0).decision, Decision::Holds);
}

#[test]
fn what_leaks_beside_the_memory_is_worse_and_what_leaks_now_and_then_is_open() {
    let (_guard, folder) = workplace("compare-beside");
    let cells = [leak("before", "", 0.0), leak("after", "", 0.0)];
    let run = run_of(&folder, &cells);
    let beside = |runs: u64, per_hour: f64| LeakBeside {
        metric: "descriptors".to_owned(),
        kind: None,
        runs,
        per_operation: None,
        per_hour: Some(Estimate {
            value: per_hour,
            low: per_hour - 1.0,
            high: per_hour + 1.0,
        }),
        budget_per_operation: None,
        budget_per_hour: Some(4.0),
    };
    let answer = |before: Option<LeakBeside>, after: LeakBeside| {
        let (mut first, mut second) = (repeated(&run, 0), repeated(&run, 1));
        first.leak_beside = before;
        if first.leak_beside.is_some() {
            first.verdict = Verdict::Leak;
        }
        second.leaking_runs = after.runs;
        second.verdict = match after.runs {
            5 => Verdict::Leak,
            _ => Verdict::Inconclusive,
        };
        second.leak_beside = Some(after);
        Comparison::new(first, second)
    };
    let new = answer(None, beside(5, 100.0));
    assert_eq!(new.answer.decision, Decision::Refuted);
    assert!(
        new.sentence.starts_with("the second is worse: "),
        "{}",
        new.sentence
    );
    for (before, after, wanted) in [
        (None, beside(1, 100.0), Decision::Open),
        (Some(beside(5, 100.0)), beside(5, 100.0), Decision::Holds),
        (Some(beside(5, 100.0)), beside(5, 200.0), Decision::Refuted),
        (Some(beside(5, 100.0)), beside(5, 104.0), Decision::Open),
    ] {
        let found = answer(before.clone(), after.clone()).answer;
        assert_eq!(
            found.decision, wanted,
            "{before:?} {after:?}: {}",
            found.reason
        );
    }
}
