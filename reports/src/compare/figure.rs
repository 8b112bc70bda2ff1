//! The figures that are followed over nights and held against each other before and after.

use crate::cell::MetricUnit;
use leaklab_judge::amount::{parse_amount, parse_duration, parse_size};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which way of a figure is the bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// More is worse: growth, memory, latency, CPU time.
    Up,
    /// Less is worse: throughput.
    Down,
}

/// A figure of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// Bytes (or things) per operation that stay.
    GrowthPerOperation,
    /// Bytes (or things) per hour that stay, where no operations are counted.
    GrowthPerHour,
    /// Level of the settled part.
    SettledLevel,
    /// Largest value.
    Peak,
    /// Operations per second.
    Throughput,
    /// Median latency in microseconds.
    LatencyP50,
    /// 99th percentile of the latency in microseconds.
    LatencyP99,
    /// CPU time per operation in microseconds.
    CpuPerOperation,
    /// Open descriptors at the most.
    Descriptors,
    /// Threads at the most.
    Threads,
    /// Time from the start of the process to its being ready, in milliseconds.
    StartUp,
}

impl Figure {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 11] = [
        Self::GrowthPerOperation,
        Self::GrowthPerHour,
        Self::SettledLevel,
        Self::Peak,
        Self::Throughput,
        Self::LatencyP50,
        Self::LatencyP99,
        Self::CpuPerOperation,
        Self::Descriptors,
        Self::Threads,
        Self::StartUp,
    ];

    /// Those that a budget for harm is given for, with the names that it has in flags and files;
    /// growth has `--budget`.
    pub const BUDGETED: [(Self, &'static str); 9] = [
        (Self::Throughput, "throughput"),
        (Self::LatencyP50, "p50"),
        (Self::LatencyP99, "p99"),
        (Self::CpuPerOperation, "cpu"),
        (Self::Peak, "peak"),
        (Self::SettledLevel, "settled"),
        (Self::Descriptors, "descriptors"),
        (Self::Threads, "threads"),
        (Self::StartUp, "start-up"),
    ];

    /// Which way of it is the bad one.
    #[must_use]
    pub fn harm(self) -> Harm {
        match self {
            Self::Throughput => Harm::Down,
            _ => Harm::Up,
        }
    }

    /// Whether it is a level of the memory.
    #[must_use]
    pub fn is_level(self) -> bool {
        matches!(self, Self::Peak | Self::SettledLevel)
    }

    /// Whether it is growth, which has `--budget`.
    #[must_use]
    pub fn is_growth(self) -> bool {
        matches!(self, Self::GrowthPerOperation | Self::GrowthPerHour)
    }

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GrowthPerOperation => "growth per operation",
            Self::GrowthPerHour => "growth per hour",
            Self::SettledLevel => "settled level",
            Self::Peak => "peak",
            Self::Throughput => "throughput",
            Self::LatencyP50 => "median latency",
            Self::LatencyP99 => "p99 latency",
            Self::CpuPerOperation => "CPU per operation",
            Self::Descriptors => "descriptors",
            Self::Threads => "threads",
            Self::StartUp => "start-up time",
        }
    }

    /// What it is measured in; `of_memory` is what the memory of the cell is.
    #[must_use]
    pub fn unit(self, of_memory: MetricUnit) -> MetricUnit {
        match self {
            Self::Throughput => MetricUnit::PerSecond,
            Self::LatencyP50 | Self::LatencyP99 | Self::CpuPerOperation => MetricUnit::Microseconds,
            Self::Descriptors | Self::Threads => MetricUnit::Count,
            Self::StartUp => MetricUnit::Milliseconds,
            Self::GrowthPerOperation | Self::GrowthPerHour | Self::SettledLevel | Self::Peak => {
                of_memory
            }
        }
    }

    /// How far it may go the bad way where nobody said it: as a share, beyond which a change
    /// that is sure is harm. `None` for growth, which has a budget, and for the start, which happens
    /// once.
    #[must_use]
    pub fn tolerated(self) -> Option<f64> {
        match self {
            // What the other users of a machine take of it.
            Self::Throughput => Some(0.10),
            Self::LatencyP50 | Self::CpuPerOperation => Some(0.25),
            // Tails and pools move in steps.
            Self::LatencyP99 | Self::Descriptors | Self::Threads => Some(0.50),
            // Memory that is taken once may well be the price of a change; half as much again is
            // what a host was not sized for.
            Self::Peak | Self::SettledLevel => Some(0.50),
            _ => None,
        }
    }
}

/// How much worse a figure may become.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accepted {
    /// A share of what it was: 0.05 for 5 %.
    Share(f64),
    /// An amount in the figure's unit.
    Amount(f64),
}

impl Accepted {
    /// The share of `before` that it comes to.
    #[must_use]
    pub fn share_of(self, before: f64) -> f64 {
        match self {
            Self::Share(share) => share,
            Self::Amount(amount) => amount / before.abs().max(f64::MIN_POSITIVE),
        }
    }
}

/// Budgets for harm: how much worse each figure may become.
pub type HarmBudgets = BTreeMap<Figure, Accepted>;

/// Reads `throughput=5%`, `p99=2ms`, `peak=64MiB`, `threads=2`.
///
/// # Errors
///
/// What the figures are called, or what an amount of one looks like.
pub fn parse_harm_budget(text: &str) -> Result<(Figure, Accepted), String> {
    let (name, amount) = text.split_once('=').unwrap_or((text, ""));
    let known = Figure::BUDGETED.iter().find(|(_, known)| *known == name);
    let Some((figure, _)) = known else {
        let names: Vec<&str> = Figure::BUDGETED.iter().map(|(_, name)| *name).collect();
        return Err(format!(
            "a budget for harm is FIGURE=AMOUNT, with a figure of {}",
            names.join(", ")
        ));
    };
    parse_accepted(*figure, amount).map(|accepted| (*figure, accepted))
}

/// Reads the amount by which a figure may become worse: `5%`, or in its unit.
///
/// # Errors
///
/// What an amount of this figure looks like.
pub fn parse_accepted(figure: Figure, text: &str) -> Result<Accepted, String> {
    let share = || parse_amount(text.strip_suffix('%')?.trim_end()).map(|p| p / 100.0);
    if let Some(share) = share() {
        return Ok(Accepted::Share(share));
    }
    let micros = |factor: f64| {
        let duration = parse_duration(text).ok()?;
        Some(duration.as_secs_f64() * factor)
    };
    let (amount, example) = match figure.unit(MetricUnit::Bytes) {
        MetricUnit::Microseconds => (micros(1e6), "2ms"),
        MetricUnit::Milliseconds => (micros(1e3), "500ms"),
        MetricUnit::Bytes => (parse_size(text).ok().map(|bytes| bytes as f64), "64MiB"),
        _ => (parse_amount(text), "2"),
    };
    amount
        .filter(|amount| amount.is_finite() && *amount >= 0.0)
        .map(Accepted::Amount)
        .ok_or_else(|| {
            format!(
                "`{text}` is no amount of {}: write 5% or {example}",
                figure.name()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_for_harm_are_shares_or_amounts_in_the_unit_of_the_figure() {
        for (text, expected) in [
            ("throughput=5%", (Figure::Throughput, Accepted::Share(0.05))),
            ("p99=2ms", (Figure::LatencyP99, Accepted::Amount(2000.0))),
            ("start-up=2s", (Figure::StartUp, Accepted::Amount(2000.0))),
            ("peak=64KiB", (Figure::Peak, Accepted::Amount(65_536.0))),
            ("threads=2", (Figure::Threads, Accepted::Amount(2.0))),
        ] {
            assert_eq!(parse_harm_budget(text), Ok(expected), "{text}");
        }
        for (text, part) in [
            ("speed=5%", "throughput, p50"),
            ("p99", "write 5% or 2ms"),
            ("peak=lots", "write 5% or 64MiB"),
            ("threads=-1", "threads"),
        ] {
            let message = parse_harm_budget(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
