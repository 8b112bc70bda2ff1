//! A month in a run's folder, to see what it costs on disk and to read.
//!
//! ```console
//! $ leaklab run --duration 5s --out /tmp/month -- sleep 60
//! $ cargo run --release -p leaklab-reports --example thirty_days -- /tmp/month/runs/*
//! $ time leaklab judge /tmp/month/runs/*; time leaklab report /tmp/month/runs/*
//! ```
//!
//! The rows of the first cell are replaced: a row a second for thirty days, fifteen columns with
//! figures that move as a service's do, each finished hour packed as the recorder packs it.

use leaklab_run::{Run, packed};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const DAYS: u64 = 30;
const SECONDS_PER_HOUR: u64 = 3_600;
/// Columns that have figures, in the order of the file.
const COLUMNS: [&str; 15] = [
    "elapsed_ms",
    "phase",
    "ops_total",
    "allocated_bytes",
    "active_bytes",
    "resident_bytes",
    "rss_bytes",
    "cpu_ms",
    "threads",
    "descriptors",
    "processes",
    "latency_p50_us",
    "latency_p99_us",
    "outside_cost_us",
    "pss_bytes",
];

fn main() -> Result<(), Box<dyn Error>> {
    let run = std::env::args().nth(1).ok_or("name a run")?;
    let run = Run::open(Path::new(&run))?;
    let cell = run.cells.first().ok_or("the run has no cell")?;
    let folder = &cell.folder;
    let (live, packed) = (folder.join("samples.csv"), folder.join("samples.packed"));
    let header = fs::read_to_string(&live)?;
    let header = header.lines().next().ok_or("samples.csv is empty")?;
    let columns: Vec<&str> = header.split(',').collect();
    if packed.exists() {
        fs::remove_file(&packed)?;
    }
    let mut service = Service::default();
    for hour in 0..DAYS * 24 {
        let mut text = format!("{header}\n");
        for second in 1..=SECONDS_PER_HOUR {
            let figures = service.row(hour * SECONDS_PER_HOUR + second);
            for (place, name) in columns.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                if let Some(at) = COLUMNS.iter().position(|column| column == name) {
                    text.push_str(&figures[at]);
                }
            }
            text.push('\n');
        }
        fs::write(&live, text)?;
        if hour + 1 < DAYS * 24 {
            packed::pack(&live, &packed)?;
        }
    }
    let bytes = fs::metadata(&packed)?.len() + fs::metadata(&live)?.len();
    println!(
        "{} rows of {} columns: {bytes} B",
        DAYS * 24 * SECONDS_PER_HOUR,
        COLUMNS.len()
    );
    Ok(())
}

/// A service that leaks 100 KiB an hour under the noise of its work.
#[derive(Default)]
struct Service {
    operations: u64,
    cpu_ms: u64,
    noise: f64,
    random: fastrand::Rng,
}

impl Service {
    fn row(&mut self, second: u64) -> [String; 15] {
        let hours = second as f64 / SECONDS_PER_HOUR as f64;
        let day = (hours / 24.0 * std::f64::consts::TAU).sin();
        let done = (100.0 + 50.0 * day) as u64 + self.random.u64(0..20);
        self.operations += done;
        self.cpu_ms += done / 4;
        self.noise += 0.05 * (self.random.f64() - 0.5) - 0.01 * self.noise;
        let live = (60e6 + 102_400.0 * hours + 2e6 * day + 4e6 * self.noise) as u64;
        let page = |bytes: u64| bytes / 4096 * 4096;
        let rss = page(live * 5 / 4 + 8_000_000);
        let mut elapsed_ms = String::new();
        let jitter = self.random.u64(0..900);
        let _ = write!(elapsed_ms, "{second}{:03}.{:03}", jitter % 3, jitter);
        [
            elapsed_ms,
            "load".to_owned(),
            self.operations.to_string(),
            live.to_string(),
            page(live * 9 / 8).to_string(),
            page(live * 6 / 5).to_string(),
            rss.to_string(),
            self.cpu_ms.to_string(),
            (12 + self.random.u64(0..2)).to_string(),
            (40 + self.random.u64(0..6)).to_string(),
            "1".to_owned(),
            (900 + self.random.u64(0..200)).to_string(),
            (4_000 + self.random.u64(0..3_000)).to_string(),
            (90 + self.random.u64(0..60)).to_string(),
            // Read as often as its cost allows.
            match second % 2 {
                0 => page(rss - 300_000).to_string(),
                _ => String::new(),
            },
        ]
    }
}
