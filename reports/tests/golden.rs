//! Pictures of fixed data as they were when somebody last looked at them.
//!
//! `LEAKLAB_UPDATE_GOLDEN=1 cargo test -p leaklab-reports --test golden` writes them anew; look
//! at the difference before you commit it.

mod support;

use leaklab_reports::cell::Metric;
use leaklab_reports::chart::{ChartOptions, Kind, Theme, draw_run};
use std::path::{Path, PathBuf};
use support::{CellSpec, MIB, alts_timeout, cell, channel_io, saw, twelve, workplace, write_run};

/// Draws one kind and compares its SVGs with the golden ones.
fn check(name: &str, cells: &[CellSpec], options: &ChartOptions) {
    let (_guard, folder) = workplace(&format!("golden-{name}"));
    let run = write_run(&folder, cells);
    let paths = draw_run(&run, &folder.join("charts"), options).expect("pictures");
    let svgs: Vec<&PathBuf> = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "svg"))
        .collect();
    assert_eq!(svgs.len(), 1, "{paths:?}");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.svg"));
    let drawn = std::fs::read_to_string(svgs[0]).expect("the SVG");
    if std::env::var_os("LEAKLAB_UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &drawn).expect("the golden file");
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    let lines = drawn.lines().zip(expected.lines());
    let first = lines.clone().position(|(a, b)| a != b);
    assert!(
        drawn == expected,
        "{name} differs from {} at line {first:?}: drawn {:?}",
        golden.display(),
        first.and_then(|line| drawn.lines().nth(line))
    );
}

/// Gives cells verdicts: these slopes per operation, none of zero.
fn judged(cells: Vec<CellSpec>, metric: &str, slopes: &[f64]) -> Vec<CellSpec> {
    assert_eq!(cells.len(), slopes.len());
    let judge = |(cell, slope): (CellSpec, &f64)| {
        let verdict = if *slope > 0.0 { "leak" } else { "no-leak" };
        cell.with_verdict(metric, verdict, *slope)
    };
    cells.into_iter().zip(slopes).map(judge).collect()
}

fn alts() -> Vec<CellSpec> {
    let slopes = [1.004 * MIB, 64_000.0, 0.5 * MIB, 0.0, 0.0];
    judged(alts_timeout(), "allocated_bytes", &slopes)
}

fn twelve_judged() -> Vec<CellSpec> {
    let slopes: Vec<f64> = (0..12)
        .map(|number| f64::from(number / 2) * 5_242.88)
        .collect();
    judged(twelve(), "allocated_bytes", &slopes)
}

fn channels() -> Vec<CellSpec> {
    judged(
        channel_io(),
        "allocated_bytes",
        &[3_225.0, 3_225.0, 0.0, 0.0],
    )
}

fn options(kind: Kind) -> ChartOptions {
    ChartOptions {
        kinds: vec![kind],
        ..ChartOptions::default()
    }
}

#[test]
fn overlay_of_a_leak_its_fixes_and_a_drain() {
    check("overlay", &alts(), &options(Kind::Overlay));
}

#[test]
fn overlay_on_dark() {
    let dark = ChartOptions {
        theme: Theme::Dark,
        width: 1000,
        height: 600,
        ..options(Kind::Overlay)
    };
    check("overlay-dark", &alts(), &dark);
}

#[test]
fn overlay_of_twelve_variants() {
    check("overlay-twelve", &twelve_judged(), &options(Kind::Overlay));
}

#[test]
fn overlay_of_a_count() {
    let descriptors = ChartOptions {
        metrics: vec![Metric::named("descriptors")],
        ..options(Kind::Overlay)
    };
    let cells = judged(channel_io(), "descriptors", &[0.75, 0.0, 0.0, 0.0]);
    check("overlay-descriptors", &cells, &descriptors);
}

#[test]
fn overlay_of_a_sawtooth() {
    let teeth = cell("saw", "sawtooth", "control")
        .with_heap_every(3, 900, false, |t| 20.0 * MIB + 30.0 * MIB * saw(t, 30.0));
    let rising = cell("saw", "rising", "buggy").with_heap_every(3, 900, false, |t| {
        20.0 * MIB + 30.0 * MIB * saw(t, 30.0) + 0.2 * MIB * t
    });
    check(
        "overlay-sawtooth",
        &[rising, teeth],
        &options(Kind::Overlay),
    );
}

#[test]
fn multiples_of_twelve_variants() {
    check("multiples", &twelve_judged(), &options(Kind::Multiples));
}

#[test]
fn breakdown_of_resident_memory() {
    let cells: Vec<CellSpec> = alts().into_iter().take(4).collect();
    check("breakdown", &cells, &options(Kind::Breakdown));
}

#[test]
fn growth_against_operations() {
    check("per-operation", &alts(), &options(Kind::PerOperation));
}

#[test]
fn gauges_of_channel_io() {
    check("gauges", &channels(), &options(Kind::Gauges));
}

#[test]
fn latency_and_throughput() {
    check("performance", &channels(), &options(Kind::Performance));
}

#[test]
fn remedies_of_channel_io() {
    check("remedies", &channels(), &options(Kind::Remedies));
}
