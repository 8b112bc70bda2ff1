//! `leaklab plan`: how long a run must be.

use crate::commands::sources::{NamedSeries, TableArguments, series_of};
use crate::commands::{arguments::Format, print};
use crate::exit::{Exit, usage};
use crate::text::bytes_text;
use crate::time::{duration_text, parse_duration};
use crate::words::say;
use leaklab_judge::Budget;
use leaklab_judge::plan::{Lengths, Plan};
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
        let plan = Plan::of(&owned.series()?, &owned.options())
            .map_err(|error| usage(format!("{}: {error}", owned.name)))?;
        let Some(plan) = plan else {
            say!(
                "note: {}: no settled part was found to take the noise from",
                owned.name
            );
            exit = exit.or_graver(Exit::Inconclusive);
            continue;
        };
        let planned = Planned::new(&owned, &plan, arguments)?;
        let text = match arguments.format {
            Format::Json => planned.json(),
            Format::Human => planned.words(),
        };
        print(&text)?;
    }
    Ok(exit)
}

/// What is planned from one series: worked out once, and then said in words or as an object.
struct Planned<'a> {
    owned: &'a NamedSeries,
    plan: &'a Plan,
    lengths: Option<Lengths>,
    /// The leak per hour that must be seen, and how long that takes.
    leak: Option<(f64, Option<f64>)>,
    /// The length of a run, and the leak per hour that it can see, the budget included.
    seen: Option<(Duration, Option<f64>)>,
}

impl<'a> Planned<'a> {
    fn new(owned: &'a NamedSeries, plan: &'a Plan, arguments: &Arguments) -> anyhow::Result<Self> {
        let leak = arguments.min_leak.map(|rate| per_hour(owned, plan, rate));
        let leak = leak.transpose()?;
        let see = |length: Duration| plan.visible_per_hour_in(length.as_secs_f64());
        Ok(Self {
            owned,
            plan,
            lengths: plan.lengths(),
            leak: leak.map(|leak| (leak, plan.needs_s(leak))),
            seen: arguments.duration.map(|length| (length, see(length))),
        })
    }

    fn words(&self) -> String {
        let noise = &self.plan.noise;
        let mut text = format!(
            "{}: warm-up {}, noise seen in {} after it, a reading every {}\n",
            self.owned.name,
            seconds(noise.warm_up_s),
            seconds(noise.settled_s),
            interval_text(noise.interval_s)
        );
        if let Some(lengths) = &self.lengths {
            let _ = writeln!(text, "  {}", needs_text(lengths));
        }
        if let Some((leak, needs_s)) = self.leak {
            let _ = writeln!(
                text,
                "  a leak of {} per hour needs {}{}",
                bytes_text(leak),
                length_text(needs_s),
                match needs_s.is_some_and(|needs_s| needs_s <= noise.shortest_s) {
                    true => ", as any verdict does",
                    false => "",
                }
            );
            if self.plan.is_accepted(leak) {
                let _ = writeln!(
                    text,
                    "  the budget of {} per hour accepts it: judge with a smaller --budget",
                    bytes_text(noise.budget_per_hour)
                );
            }
        }
        if let Some((length, visible)) = self.seen {
            let _ = writeln!(text, "  {}", self.seen_text(length, visible));
        }
        text
    }

    fn seen_text(&self, length: Duration, visible: Option<f64>) -> String {
        let noise = &self.plan.noise;
        let length_s = length.as_secs_f64();
        let length = duration_text(length);
        match visible {
            Some(visible) => format!("{length} can see {} per hour", bytes_text(visible)),
            None if length_s < noise.shortest_s => format!(
                "{length} is too short for a verdict, which takes {}: the warm-up, then as long again and some readings at least",
                seconds(noise.shortest_s)
            ),
            None => format!("{length} is too short to see any leak beside that noise"),
        }
    }

    fn json(&self) -> String {
        let object = serde_json::json!({
            "series": self.owned.name,
            "noise": self.plan.noise,
            "lengths": self.lengths,
            "min_leak_per_hour": self.leak.map(|(leak, _)| leak),
            "needs_s": self.leak.and_then(|(_, needs_s)| needs_s),
            "duration_s": self.seen.map(|(length, _)| length.as_secs_f64()),
            "visible_per_hour": self.seen.and_then(|(_, visible)| visible),
        });
        format!("{object}\n")
    }
}

/// The wanted leak per hour, in the units of the series.
fn per_hour(owned: &NamedSeries, plan: &Plan, rate: Budget) -> anyhow::Result<f64> {
    match rate {
        Budget::BytesPerHour(rate) => Ok(rate),
        Budget::BytesPerOperation(rate) => {
            plan.noise.per_hour_of_operation(rate).ok_or_else(|| {
                usage(format!(
                    "{} counts no operations; give --min-leak per hour",
                    owned.name
                ))
            })
        }
        Budget::PercentOfSettledLevelPerHour(_) | Budget::Default => Err(usage(
            "--min-leak takes an amount: 1KiB/op, 200KB/h or 5MiB/d",
        )),
    }
}

/// A length that was found by trying.
fn length_text(found_s: Option<f64>) -> String {
    found_s.map_or_else(
        || "more than a hundred times as long as this one".to_owned(),
        seconds,
    )
}

/// How long a run like this one must be, whether it grows or not.
fn needs_text(lengths: &Lengths) -> String {
    let flat = format!(
        "if it does not grow: {}",
        length_text(lengths.if_it_does_not_s)
    );
    match lengths.growth_per_hour {
        Some(growth) => format!(
            "for a verdict, if it grows as now ({} per hour): {}; {flat}",
            bytes_text(growth),
            length_text(lengths.if_it_grows_s)
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
