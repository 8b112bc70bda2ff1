//! Cost of drawing a week: 10 series of 604,800 points to a PNG of 1600 × 900.
//!
//! `cargo bench -p leaklab-reports --bench render` prints CPU time and memory of the thinned
//! picture, of the same with every point drawn by plotters, and, apart, of reading the samples
//! from CSV. Figures are medians of [`REPETITIONS`]; memory is the resident peak beyond what
//! was resident before, and needs Linux.

use leaklab_reports::cell::{Metric, thinned};
use leaklab_reports::chart::{ChartOptions, Overlay, Phases, Picture, Series};
use leaklab_run::{Heap, Sample, columns, read_table};
use plotters::backend::BitMapBackend;
use plotters::chart::ChartBuilder;
use plotters::drawing::IntoDrawingArea;
use plotters::series::LineSeries;
use plotters::style::RGBColor;
use std::hint::black_box;
use std::io::Write;

const SERIES: usize = 10;
const POINTS: usize = 604_800;
const REPETITIONS: usize = 7;
/// What the picture may cost.
const LIMIT_MS: f64 = 150.0;
const LIMIT_MIB: f64 = 60.0;

/// CPU time of the main thread in milliseconds.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanoseconds.unwrap_or(f64::NAN) / 1e6
}

fn status_mib(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// Runs `work`; prints and returns its CPU time and its memory beyond what was there.
fn measure(name: &str, repetitions: usize, mut work: impl FnMut()) -> (f64, f64) {
    // Writing 5 resets the peak; where that is not allowed it is that of the whole program.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before_mib = status_mib("VmRSS");
    let mut times: Vec<f64> = (0..repetitions)
        .map(|_| {
            let start = cpu_ms();
            work();
            cpu_ms() - start
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let extra = (status_mib("VmHWM") - before_mib).max(0.0);
    println!("{name:<48} {median:>8.1} ms CPU {extra:>7.1} MiB");
    (median, extra)
}

fn values(number: usize) -> Vec<f64> {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let slope = number as f64 * 300.0;
    (0..POINTS)
        .map(|t| (2e9 + slope * t as f64 + 2e8 * random.f64()).floor())
        .collect()
}

fn series() -> Vec<Series> {
    (0..SERIES)
        .map(|number| Series {
            name: format!("variant {number}"),
            variant: format!("variant {number}"),
            times_s: (0..POINTS).map(|t| t as f64).collect(),
            values: values(number),
            ..Series::default()
        })
        .collect()
}

/// Every point with plotters' own line series and bitmap, and the same PNG encoder.
fn every_point(series: &[Series]) -> Vec<u8> {
    const SIZE: (u32, u32) = (1600, 900);
    let mut pixels = vec![255u8; 3 * (SIZE.0 * SIZE.1) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(40)
            .build_cartesian_2d(0.0..POINTS as f64, 0.0..5e9)
            .expect("a frame");
        for (index, one) in series.iter().enumerate() {
            let points = one.times_s.iter().copied().zip(one.values.iter().copied());
            let colour = RGBColor(25 * index as u8, 90, 160);
            chart
                .draw_series(LineSeries::new(points, &colour))
                .expect("a buffer can be drawn into");
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&pixels).expect("pixels");
    writer.finish().expect("an end");
    file
}

/// A week of one cell as leaklab writes it.
fn write_csv(path: &std::path::Path) -> std::io::Result<()> {
    let mut text = Vec::new();
    Sample::write_header(&mut text, &[]);
    for (second, allocated) in values(1).into_iter().enumerate() {
        let bytes = Some(allocated as u64);
        let sample = Sample {
            elapsed_ms: second as f64 * 1000.0,
            ops_total: Some(second as u64 * 35),
            heap: Heap {
                allocated_bytes: bytes,
                active_bytes: bytes,
                metadata_bytes: Some(8 << 20),
                resident_bytes: bytes,
                mapped_bytes: bytes,
                retained_bytes: Some(0),
                ..Heap::default()
            },
            rss_bytes: bytes,
            cpu_ms: Some(second as u64 * 40),
            threads: Some(4),
            descriptors: Some(9),
            processes: Some(1),
            probe_cost_us: Some(8),
            outside_cost_us: Some(30),
            ..Sample::default()
        };
        sample.write_row(&mut text, &[]);
    }
    std::fs::File::create(path)?.write_all(&text)
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("samples.csv");
    write_csv(&path).expect("a week of samples");
    println!("{SERIES} series of {POINTS} points to 1600 x 900");
    measure(
        "read one week of one cell from CSV, one metric",
        REPETITIONS,
        || {
            let table = read_table(&path, |name| name == columns::ALLOCATED_BYTES);
            black_box(table.expect("a table"));
        },
    );

    let options = ChartOptions::default();
    let overlay = Overlay {
        title: "ten variants for a week".to_owned(),
        subtitle: "made up".to_owned(),
        metric: Metric::named("allocated"),
        series: series(),
        phases: Phases::default(),
        marks: Vec::new(),
        note: String::new(),
    };
    measure("thin ten series", REPETITIONS, || {
        for one in &overlay.series {
            black_box(thinned(&one.times_s, &one.values, 0.0, POINTS as f64, 1400));
        }
    });
    let picture = || Picture::overlay(&overlay, &options).expect("a picture");
    let (svg_ms, _) = measure("draw them, thinned, to SVG", REPETITIONS, || {
        black_box(picture().svg().expect("an SVG"));
    });
    let (thin_ms, thin_mib) = measure("draw them, thinned, to PNG", REPETITIONS, || {
        black_box(picture().png().expect("a PNG"));
    });
    let (all_ms, _) = measure("draw every point with plotters, to PNG", 3, || {
        black_box(every_point(&overlay.series));
    });
    println!(
        "every point costs {:.1} times the thinned PNG",
        all_ms / thin_ms
    );
    let kept = thin_ms < LIMIT_MS && thin_mib < LIMIT_MIB && svg_ms < LIMIT_MS;
    let word = if kept { "kept" } else { "MISSED" };
    println!("limits of {LIMIT_MS} ms and {LIMIT_MIB} MiB beyond the data: {word}");
}
