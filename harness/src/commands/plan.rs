//! `leaklab plan`: how long a run must be.

use crate::commands::sources::{NamedSeries, TableArguments, series_of};
use crate::commands::{arguments::Format, print};
use crate::exit::{Exit, usage};
use crate::text::bytes_text;
use crate::time::{duration_text, parse_duration};
use crate::words::say;
use leaklab_judge::Budget;
use leaklab_judge::plan::{Noise, noise_of};
use leaklab_judge::trial::{Lengths, Trial};
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
        let trial = Trial::of(&owned.series()?, &owned.options())
            .map_err(|error| usage(format!("{}: {error}", owned.name)))?;
        let planned = Planned {
            owned: &owned,
            noise,
            trial,
        };
        let text = match arguments.format {
            Format::Json => planned.json(arguments)?,
            Format::Human => planned.words(arguments)?,
        };
        print(&text)?;
    }
    Ok(exit)
}

/// A series whose noise is known.
struct Planned<'a> {
    owned: &'a NamedSeries,
    noise: Noise,
    /// The run taken apart, to be drawn again at other lengths.
    trial: Option<Trial>,
}

impl Planned<'_> {
    /// The wanted leak per hour, in the units of the series.
    fn per_hour(&self, rate: Budget) -> anyhow::Result<f64> {
        match rate {
            Budget::BytesPerHour(rate) => Ok(rate),
            Budget::BytesPerOperation(rate) => {
                self.noise.per_hour_of_operation(rate).ok_or_else(|| {
                    usage(format!(
                        "{} counts no operations; give --min-leak per hour",
                        self.owned.name
                    ))
                })
            }
            Budget::PercentOfSettledLevelPerHour(_) | Budget::Default => Err(usage(
                "--min-leak takes an amount: 1KiB/op, 200KB/h or 5MiB/d",
            )),
        }
    }

    /// Seconds that a run must last to see a leak of that size, by the noise alone. What the
    /// budget accepts of it is no help; a smaller leak needs a smaller budget, taken as none.
    fn needs_s(&self, leak: f64) -> f64 {
        let beyond = leak - self.noise.budget_per_hour;
        self.noise
            .length_s(if beyond > 0.0 { beyond } else { leak })
    }

    /// The same, found by trying.
    fn tried_s(&self, leak: f64) -> f64 {
        let tried = self.trial.as_ref().and_then(|trial| trial.length_s(leak));
        tried.map_or_else(
            || self.needs_s(leak),
            |tried| tried.max(self.noise.shortest_s),
        )
    }

    /// The smallest leak that a run of that length can see, the budget included.
    fn visible_per_hour(&self, duration: Duration) -> f64 {
        self.noise.visible_per_hour_in(duration.as_secs_f64()) + self.noise.budget_per_hour
    }

    fn words(&self, arguments: &Arguments) -> anyhow::Result<String> {
        let noise = &self.noise;
        let mut text = format!(
            "{}: warm-up {}, noise seen in {} after it, a reading every {}\n",
            self.owned.name,
            seconds(noise.warm_up_s),
            seconds(noise.settled_s),
            interval_text(noise.interval_s)
        );
        if let Some(trial) = &self.trial {
            let _ = writeln!(text, "  {}", needs_text(&trial.lengths()));
        }
        if let Some(rate) = arguments.min_leak {
            let leak = self.per_hour(rate)?;
            // The same rate, once by the clock and once by operations, differs in the last digits.
            let accepted = leak <= noise.budget_per_hour * (1.0 + 1e-3);
            let length = match accepted {
                true => self.needs_s(leak),
                false => self.tried_s(leak),
            };
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
            if accepted {
                let _ = writeln!(
                    text,
                    "  the budget of {} per hour accepts it: judge with a smaller --budget",
                    bytes_text(noise.budget_per_hour)
                );
            }
        }
        if let Some(duration) = arguments.duration {
            let seen = self.visible_per_hour(duration);
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

    fn json(&self, arguments: &Arguments) -> anyhow::Result<String> {
        let leak = arguments
            .min_leak
            .map(|rate| self.per_hour(rate))
            .transpose()?;
        let seen = arguments
            .duration
            .map(|duration| self.visible_per_hour(duration));
        let object = serde_json::json!({
            "series": self.owned.name,
            "noise": self.noise,
            "lengths": self.trial.as_ref().map(Trial::lengths),
            "min_leak_per_hour": leak,
            "needs_s": leak.map(|leak| self.needs_s(leak)),
            "duration_s": arguments.duration.map(|duration| duration.as_secs_f64()),
            "visible_per_hour": seen,
        });
        Ok(format!("{object}\n"))
    }
}

/// How long a run like this one must be, whether it grows or not.
fn needs_text(lengths: &Lengths) -> String {
    let length = |found: Option<f64>| {
        found.map_or_else(
            || "more than a hundred times as long as this one".to_owned(),
            seconds,
        )
    };
    let flat = format!("if it does not grow: {}", length(lengths.if_it_does_not_s));
    match lengths.growth_per_hour {
        Some(growth) => format!(
            "for a verdict, if it grows as now ({} per hour): {}; {flat}",
            bytes_text(growth),
            length(lengths.if_it_grows_s)
        ),
        None => format!("for a verdict, {flat}"),
    }
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
