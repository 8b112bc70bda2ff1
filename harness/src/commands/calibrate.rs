//! `leaklab calibrate`: the judge measured on healthy runs of one's own.

use crate::commands::sources::{NamedSeries, TableArguments, series_of};
use crate::commands::{arguments::Format, print};
use crate::exit::{Exit, usage};
use crate::words::say;
use leaklab_judge::amount::amount_text;
use leaklab_judge::calibrate::{CalibrateOptions, Calibration, calibrate};
use leaklab_judge::{Budget, Unit, Verdict};
use leaklab_reports::cell::VerdictOptions;
use std::fmt::Write;

/// Measure false alarms and the smallest leak seen, from healthy runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab calibrate RUN-OF-MONDAY RUN-OF-TUESDAY
  leaklab calibrate healthy.csv --budget 200KB/h --resamples 500

Each series is taken apart into its settled level and its noise, and put together again from
random blocks of the noise: without growth, and with known growth. A series that the judge
calls a leak is no measure of false alarms, and is refused.")]
pub struct Arguments {
    /// Healthy runs, cells or CSV files.
    #[arg(required = true)]
    sources: Vec<String>,
    /// The budget to judge by [default: the cell's own, or the default budget].
    #[arg(long)]
    budget: Option<Budget>,
    /// Series put together per healthy one and size of leak.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    resamples: u32,
    /// Seed of the draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Words, or a JSON object per series and line.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    tables: TableArguments,
}

/// Calibrates on every series of every source.
///
/// # Errors
///
/// A usage error if a source cannot be read, leaks, or has no settled part.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let how = CalibrateOptions {
        resamples: arguments.resamples as usize,
        seed: arguments.seed,
        ..CalibrateOptions::default()
    };
    let options = VerdictOptions {
        budget: arguments.budget,
        ..VerdictOptions::default()
    };
    let mut all = Vec::new();
    for source in &arguments.sources {
        all.extend(series_of(source, &arguments.tables, &options)?);
    }
    refuse_leaks(&all)?;
    for owned in &all {
        let options = owned.options();
        let calibration = calibrate(&[owned.series()?], &options, &how)
            .map_err(|error| usage(format!("{}: {error}", owned.name)))?;
        let text = match arguments.format {
            Format::Json => {
                format!(
                    "{}\n",
                    serde_json::json!({ "series": owned.name, "calibration": calibration })
                )
            }
            Format::Human => words(&owned.name, &calibration, options.unit),
        };
        print(&text)?;
    }
    Ok(Exit::Good)
}

/// What is called an alarm on a run that leaks is none, so nothing is counted on it.
///
/// # Errors
///
/// A usage error that names every series that leaks.
fn refuse_leaks(all: &[NamedSeries]) -> anyhow::Result<()> {
    let mut leaks = String::new();
    for owned in all {
        let judgement = owned.judge()?;
        match judgement.verdict {
            Verdict::Leak => {
                let _ = write!(leaks, "\n  {}: {}", owned.name, judgement.reason);
            }
            Verdict::Inconclusive => say!(
                "warning: {} is not known to be healthy, and neither are rates from it: {}",
                owned.name,
                judgement.reason
            ),
            Verdict::NoLeak => {}
        }
    }
    if leaks.is_empty() {
        return Ok(());
    }
    Err(usage(format!(
        "a leak is no healthy run, and a rate of false alarms from it means nothing:{leaks}\n(hint: name healthy runs or cells (RUN::scenario::variant), or accept this growth with --budget)"
    )))
}

fn words(name: &str, calibration: &Calibration, unit: Unit) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let mut text = format!(
        "{name}: {} series without growth\n  false alarms  {} (at most {} with 95 % confidence)\n  inconclusive  {}\n",
        calibration.trials,
        percent(calibration.false_alarm_rate),
        percent(calibration.false_alarm_rate_high),
        percent(calibration.inconclusive_rate)
    );
    let _ = match calibration.smallest_leak_per_hour {
        Some(leak) => writeln!(
            text,
            "  smallest leak {} per hour, seen nine times in ten",
            amount_text(leak, unit)
        ),
        None => writeln!(
            text,
            "  smallest leak none of those tried was seen nine times in ten"
        ),
    };
    for seen in &calibration.seen {
        let _ = writeln!(
            text,
            "    {:>12} per hour seen in {}",
            amount_text(seen.per_hour, unit),
            percent(seen.share)
        );
    }
    text
}
