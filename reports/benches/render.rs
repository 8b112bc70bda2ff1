//! Cost of drawing a week: 10 series of 604,800 points to a PNG of 1600 × 900.
//!
//! `cargo bench -p leaklab-reports --bench render` prints CPU time and memory of the thinned
//! picture, of drawing every point with plotters, and of reading the same samples from CSV.

use leaklab_reports::chart::{ChartOptions, Metric, Overlay, Phases, Picture, Series, thinned};
use plotters::backend::BitMapBackend;
use plotters::drawing::IntoDrawingArea;
use plotters::element::PathElement;
use plotters::style::{RGBColor, ShapeStyle};
use std::hint::black_box;

const SERIES: usize = 10;
const POINTS: usize = 604_800;
const REPETITIONS: usize = 5;

/// CPU time of this process in milliseconds, and its resident peak in MiB.
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(") ").next().unwrap_or_default();
    let ticks: f64 = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks * 10.0
}

fn status_mib(key: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// Resident peak since the last call, beyond what is resident at its start.
fn reset_peak() -> f64 {
    // Writing 5 resets VmHWM; where that is not allowed the peak is that of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    status_mib("VmRSS")
}

fn data() -> Vec<Series> {
    let mut random = fastrand::Rng::with_seed(11);
    (0..SERIES)
        .map(|number| {
            let slope = number as f64 * 300.0;
            let values = (0..POINTS)
                .map(|t| 2e9 + slope * t as f64 + 2e8 * random.f64())
                .collect();
            Series {
                name: format!("variant {number}"),
                variant: format!("variant {number}"),
                times_s: (0..POINTS).map(|t| t as f64).collect(),
                values,
                ..Series::default()
            }
        })
        .collect()
}

/// Runs `work`, prints its median CPU time and its memory beyond the data.
fn measure(name: &str, repetitions: usize, mut work: impl FnMut()) -> f64 {
    let before_mib = reset_peak();
    let mut times: Vec<f64> = (0..repetitions)
        .map(|_| {
            let start = cpu_ms();
            let clock = std::time::Instant::now();
            work();
            let cpu = cpu_ms() - start;
            // The kernel counts CPU time in steps of 10 ms; one thread that never waits
            // takes no longer than its clock shows.
            cpu.min(clock.elapsed().as_secs_f64() * 1e3)
                .max(clock.elapsed().as_secs_f64() * 1e3 * f64::from(u8::from(cpu > 0.0)))
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let extra = status_mib("VmHWM") - before_mib;
    println!("{name:<44} {median:>9.1} ms {extra:>8.1} MiB beyond the data");
    median
}

/// Every point with plotters, without axes: what thinning is compared with.
fn draw_all(series: &[Series]) -> Vec<u8> {
    let (width, height) = (1600u32, 900u32);
    let mut pixels = vec![0u8; 3 * (width * height) as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        for (index, one) in series.iter().enumerate() {
            let points: Vec<(i32, i32)> = one
                .times_s
                .iter()
                .zip(&one.values)
                .map(|(t, v)| {
                    (
                        (t / POINTS as f64 * 1600.0) as i32,
                        900 - (v / 5e9 * 900.0) as i32,
                    )
                })
                .collect();
            let style = ShapeStyle {
                color: RGBColor(20 * index as u8, 90, 160).into(),
                filled: false,
                stroke_width: 1,
            };
            area.draw(&PathElement::new(points, style))
                .expect("a buffer can be drawn into");
        }
    }
    pixels
}

fn main() {
    let series = data();
    println!(
        "{SERIES} series of {POINTS} points, 1600 x 900, data {:.0} MiB",
        status_mib("VmRSS")
    );
    let options = ChartOptions::default();
    let overlay = Overlay {
        title: "ten variants for a week".to_owned(),
        subtitle: "made up".to_owned(),
        metric: Metric::named("allocated"),
        series,
        phases: Phases::default(),
        marks: Vec::new(),
        note: String::new(),
    };
    measure("thinning alone", REPETITIONS, || {
        for one in &overlay.series {
            black_box(thinned(&one.times_s, &one.values, 0.0, POINTS as f64, 1400));
        }
    });
    measure("layout", REPETITIONS, || {
        black_box(Picture::overlay(&overlay, &options).expect("a picture"));
    });
    let thin = measure("picture, thinned, to PNG", REPETITIONS, || {
        let picture = Picture::overlay(&overlay, &options).expect("a picture");
        black_box(picture.png().expect("a PNG"));
    });
    measure("picture, thinned, to SVG", REPETITIONS, || {
        let picture = Picture::overlay(&overlay, &options).expect("a picture");
        black_box(picture.svg().expect("an SVG"));
    });
    let all = measure("every point with plotters, no axes, no PNG", 1, || {
        black_box(draw_all(&overlay.series));
    });
    println!("ratio of every point to thinned: {:.1}", all / thin);
}
