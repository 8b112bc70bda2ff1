//! Values of flags and of the keys of files: one grammar of sizes, rates and durations.

use crate::time::parse_duration;
use leaklab_judge::amount;
use leaklab_reports::compare::{Accepted, Figure, HarmBudgets, Requirement, parse_harm_budget};
use std::time::Duration;

/// The form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Words and tables.
    Human,
    /// One JSON object per line.
    Json,
}

/// What is asked of the second of two sides.
#[derive(Debug, Clone, clap::Args)]
pub struct Terms {
    /// What must hold of the second: not-worse, fixed or faster [default: not-worse].
    ///
    /// not-worse: its growth is not larger by more than the budget. fixed: the first leaks, and
    /// what remains is within the budget. faster: throughput, median latency or CPU time is better.
    /// Each also asks that nothing else is harmed (--accept).
    #[arg(long, value_parser = parse_requirement, value_name = "WHAT")]
    require: Option<Requirement>,
    /// How much worse a figure may become: throughput=5%, p99=2ms, peak=64MiB; repeatable.
    ///
    /// Figures are throughput, p50, p99, cpu, peak, settled, descriptors, threads, start-up. One
    /// with a budget must be shown to keep it. Without one, throughput that surely falls by more
    /// than 10 %, CPU time or median latency that rises by more than 25 %, and p99, descriptors
    /// or threads that rise by more than 50 % are harm. `[budget]` of leaklab.toml says the same.
    #[arg(long, value_parser = parse_harm_budget, value_name = "FIGURE=AMOUNT")]
    accept: Vec<(Figure, Accepted)>,
}

impl Terms {
    /// Whether something is required of a second side.
    pub fn is_given(&self) -> bool {
        self.require.is_some() || !self.accept.is_empty()
    }

    /// The terms, with those of the file where no flag says otherwise.
    pub fn with(&self, file: &HarmBudgets) -> leaklab_reports::compare::Terms {
        self.over(leaklab_reports::compare::Terms {
            budgets: file.clone(),
            ..Default::default()
        })
    }

    /// The terms, with others where no flag says otherwise.
    pub fn over(
        &self,
        mut others: leaklab_reports::compare::Terms,
    ) -> leaklab_reports::compare::Terms {
        others.budgets.extend(self.accept.iter().copied());
        others.requirement = self.require.unwrap_or(others.requirement);
        others
    }
}

/// The name of a requirement.
fn parse_requirement(text: &str) -> Result<Requirement, String> {
    let known = Requirement::ALL.into_iter().find(|(_, name)| *name == text);
    known
        .map(|(requirement, _)| requirement)
        .ok_or_else(|| format!("`{text}` is none of not-worse, fixed and faster"))
}

/// A duration above zero.
pub fn parse_positive(text: &str) -> Result<Duration, String> {
    parse_duration(text).and_then(|duration| {
        let positive = (!duration.is_zero()).then_some(duration);
        positive.ok_or_else(|| "the duration must be above 0".to_owned())
    })
}

/// Time between two samples.
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if (Duration::from_millis(1)..=Duration::from_secs(3600)).contains(&interval) {
        Ok(interval)
    } else {
        Err("the interval is from 1ms to 1h".to_owned())
    }
}

/// Operations per second: `20`, `0.5`, `20/s`, `300/min`, `1k/h`.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    amount::parse_rate(text).map_err(|error| error.to_string())
}

/// A size above zero.
pub fn parse_size(text: &str) -> Result<u64, String> {
    match amount::parse_size(text).map_err(|error| error.to_string())? {
        0 => Err("the size must be above 0".to_owned()),
        bytes => Ok(bytes),
    }
}

/// A count above zero.
pub fn parse_count(text: &str) -> Result<u64, String> {
    let count = text.replace('_', "").parse::<u64>().ok();
    let refused = || format!("{text} is not in 1..: write a whole number above 0");
    count.filter(|count| *count > 0).ok_or_else(refused)
}

/// A soft limit of descriptors; fewer than 16 let no program start.
pub fn parse_descriptors(text: &str) -> Result<u64, String> {
    let count = parse_count(text)?;
    let refused = || "16 descriptors are the fewest with which a program starts".to_owned();
    (count >= 16).then_some(count).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_leave_out_what_makes_no_sense() {
        for text in ["0", "", "-1", "five"] {
            assert!(parse_size(text).is_err(), "{text}");
            assert!(parse_count(text).is_err(), "{text}");
        }
        assert_eq!(parse_count("1_000"), Ok(1000));
        assert!(parse_descriptors("15").is_err());
        assert!(parse_positive("0s").is_err());
        assert!(parse_interval("2h").is_err());
    }
}
