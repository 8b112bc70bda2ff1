//! `leaklab plan`: how long a run must be.

use crate::commands::sources::{NamedSeries, TableArguments, series_of};
use crate::commands::{arguments::Format, print};
use crate::exit::{Exit, usage};
use crate::text::bytes_text;
use crate::time::{duration_text, parse_duration};
use crate::words::say;
use leaklab_judge::Budget;
use leaklab_judge::plan::{Noise, noise_of};
use leaklab_reports::cell::VerdictOptions;
use std::fmt::Write;
use std::time::Duration;

/// Say how long a run must be to see a leak, at the noise of an earlier run.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
  leaklab plan --min-leak 1KiB/op --like RUN::alts-timeout::cleared
  leaklab plan --min-leak 200KB/h --like memory.csv
  leaklab plan --duration 8h --like RUN            what a run of eight hours can see")]
pub struct Arguments {
    /// An earlier run, cell or CSV with the noise to expect.
    #[arg(long, value_name = "SOURCE")]
    like: String,
    /// The smallest leak that must be seen: 1KiB/op, 200KB/h.
    #[arg(long, value_name = "RATE", required_unless_present = "duration")]
    min_leak: Option<Budget>,
    /// Length of a run, to be told what it can see.
    #[arg(long, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Words, or a JSON object per series and line.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    #[command(flatten)]
    tables: TableArguments,
}

/// Plans from every series of the source.
///
/// # Errors
///
/// A usage error if the source cannot be read or a rate does not fit it.
pub fn execute(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut exit = Exit::Good;
    for owned in series_of(
        &arguments.like,
        &arguments.tables,
        &VerdictOptions::default(),
    )? {
        let noise = noise_of(&owned.series()?, &owned.options())
            .map_err(|error| usage(format!("{}: {error}", owned.name)))?;
        let Some(noise) = noise else {
            say!(
                "note: {}: no settled part was found to take the noise from",
                owned.name
            );
            exit = exit.or_graver(Exit::Inconclusive);
            continue;
        };
        let text = match arguments.format {
            Format::Json => json(&owned, &noise, arguments)?,
            Format::Human => words(&owned, &noise, arguments)?,
        };
        print(&text)?;
    }
    Ok(exit)
}

/// The wanted leak per hour, in the units of the series.
fn per_hour(owned: &NamedSeries, noise: &Noise, rate: Budget) -> anyhow::Result<f64> {
    match rate {
        Budget::BytesPerHour(rate) => Ok(rate),
        Budget::BytesPerOperation(rate) => noise.per_hour_of_operation(rate).ok_or_else(|| {
            usage(format!(
                "{} counts no operations; give --min-leak per hour",
                owned.name
            ))
        }),
        Budget::PercentOfSettledLevelPerHour(_) | Budget::Default => Err(usage(
            "--min-leak takes an amount: 1KiB/op, 200KB/h or 5MiB/d",
        )),
    }
}

fn words(owned: &NamedSeries, noise: &Noise, arguments: &Arguments) -> anyhow::Result<String> {
    let mut text = format!(
        "{}: warm-up {}, noise seen in {} after it, a reading every {}\n",
        owned.name,
        seconds(noise.warm_up_s),
        seconds(noise.settled_s),
        interval_text(noise.interval_s)
    );
    if let Some(rate) = arguments.min_leak {
        let leak = per_hour(owned, noise, rate)?;
        let length = noise.length_s(leak);
        let _ = writeln!(
            text,
            "  a leak of {} per hour needs {}{}",
            bytes_text(leak),
            seconds(length),
            match length > noise.shortest_s {
                true => "",
                false => ", as any verdict does",
            }
        );
        // The same rate, once by the clock and once by operations, differs in the last digits.
        if leak <= noise.budget_per_hour * (1.0 + 1e-3) {
            let _ = writeln!(
                text,
                "  the budget of {} per hour accepts it: judge with a smaller --budget",
                bytes_text(noise.budget_per_hour)
            );
        }
    }
    if let Some(duration) = arguments.duration {
        let seen = noise.visible_per_hour_in(duration.as_secs_f64());
        let _ = if seen.is_infinite() {
            writeln!(
                text,
                "  {} is too short for a verdict, which takes {}: the warm-up, then as long again and some readings at least",
                duration_text(duration),
                seconds(noise.shortest_s)
            )
        } else if seen < 0.01 {
            writeln!(
                text,
                "  {} can see any growth: that run had no noise to hide it",
                duration_text(duration)
            )
        } else {
            writeln!(
                text,
                "  {} can see {} per hour",
                duration_text(duration),
                bytes_text(seen)
            )
        };
    }
    Ok(text)
}

fn json(owned: &NamedSeries, noise: &Noise, arguments: &Arguments) -> anyhow::Result<String> {
    let leak = arguments
        .min_leak
        .map(|rate| per_hour(owned, noise, rate))
        .transpose()?;
    let object = serde_json::json!({
        "series": owned.name,
        "noise": noise,
        "min_leak_per_hour": leak,
        "needs_s": leak.map(|leak| noise.length_s(leak)),
        "duration_s": arguments.duration.map(|duration| duration.as_secs_f64()),
        "visible_per_hour":
            arguments.duration.map(|duration| noise.visible_per_hour_in(duration.as_secs_f64())),
    });
    Ok(format!("{object}\n"))
}

/// The time between readings, to the millisecond.
fn interval_text(interval_s: f64) -> String {
    if interval_s < 0.9995 {
        format!("{:.0} ms", 1_000.0 * interval_s)
    } else {
        seconds(interval_s)
    }
}

fn seconds(value: f64) -> String {
    duration_text(Duration::try_from_secs_f64(value.clamp(0.0, 3e11)).unwrap_or_default())
}
