//! The growth that a user accepts, as written on a command line or in a file.

use std::fmt;
use std::str::FromStr;

use crate::amount::{parse_amount, split_number};
use crate::policy::LEAST_BUDGET_PERCENT_PER_HOUR;
use crate::series::Unit;
use serde::{Deserialize, Serialize};

/// The growth that is accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// 0.5 % per hour of the settled level, or of that ahead of the growth where it grows; at least
    /// 64 KiB per hour (for counts: at least 1).
    #[default]
    Default,
    /// Bytes (or things) per hour.
    BytesPerHour(f64),
    /// Bytes (or things) per operation.
    BytesPerOperation(f64),
    /// Percent of the settled level per hour.
    PercentOfSettledLevelPerHour(f64),
}

/// Why a budget cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// No `/` and what follows.
    #[error("budget `{0}` does not say per what: write it like 200KB/h, 5MiB/d, 1KiB/op or 0.5%/h")]
    NoRate(String),
    /// What follows the `/` is not known.
    #[error("budget `{text}`: unknown rate `/{rate}`; known are /s, /min, /h, /d and /op")]
    UnknownRate {
        /// The whole text.
        text: String,
        /// What follows the `/`.
        rate: String,
    },
    /// The amount is not a number with a unit.
    #[error(
        "budget `{text}`: `{amount}` is not an amount; write a number and B, KB, KiB, MB, MiB, GB, GiB or %"
    )]
    BadAmount {
        /// The whole text.
        text: String,
        /// What precedes the `/`.
        amount: String,
    },
    /// Percent of a level per operation means nothing.
    #[error("budget `{0}`: percent go with /s, /min, /h or /d, not with /op")]
    PercentPerOperation(String),
}

impl FromStr for Budget {
    type Err = BudgetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        if trimmed.eq_ignore_ascii_case("default") {
            return Ok(Self::Default);
        }
        let (amount, rate) = trimmed
            .split_once('/')
            .ok_or_else(|| BudgetError::NoRate(text.to_owned()))?;
        let rate = rate.trim().to_ascii_lowercase();
        let per_hour = match rate.as_str() {
            "s" | "sec" | "second" => Some(3_600.0),
            "min" | "minute" => Some(60.0),
            "h" | "hr" | "hour" => Some(1.0),
            "d" | "day" => Some(1.0 / 24.0),
            "op" | "operation" => None,
            _ => {
                return Err(BudgetError::UnknownRate {
                    text: text.to_owned(),
                    rate,
                });
            }
        };
        let bad = || BudgetError::BadAmount {
            text: text.to_owned(),
            amount: amount.trim().to_owned(),
        };
        if let Some((percent, "%")) = split_number(amount) {
            let hours =
                per_hour.ok_or_else(|| BudgetError::PercentPerOperation(text.to_owned()))?;
            return Ok(Self::PercentOfSettledLevelPerHour(percent * hours));
        }
        let bytes = parse_amount(amount).ok_or_else(bad)?;
        Ok(match per_hour {
            None => Self::BytesPerOperation(bytes),
            Some(hours) => Self::BytesPerHour(bytes * hours),
        })
    }
}

impl Budget {
    /// What it accepts per hour of growth from `level` on; `None` where it is one per operation.
    pub fn per_hour(&self, level: f64, unit: Unit) -> Option<f64> {
        match *self {
            Self::BytesPerOperation(_) => None,
            Self::BytesPerHour(rate) => Some(rate),
            Self::PercentOfSettledLevelPerHour(percent) => Some(level * percent / 100.0),
            Self::Default => Some((level * 0.005).max(Self::least_per_hour(unit))),
        }
    }

    /// The least that the default budget accepts per hour, whatever the level.
    pub fn least_per_hour(unit: Unit) -> f64 {
        match unit {
            Unit::Bytes => 65_536.0,
            Unit::Count => 1.0,
            Unit::Percent => LEAST_BUDGET_PERCENT_PER_HOUR,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::BytesPerHour(rate) => write!(f, "{rate}B/h"),
            Self::BytesPerOperation(rate) => write!(f, "{rate}B/op"),
            Self::PercentOfSettledLevelPerHour(rate) => write!(f, "{rate}%/h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_as_people_write_them() {
        for (text, expected) in [
            ("200KB/h", Budget::BytesPerHour(200e3)),
            ("64KiB/h", Budget::BytesPerHour(65_536.0)),
            ("4.8MB/d", Budget::BytesPerHour(200e3)),
            ("1KiB/op", Budget::BytesPerOperation(1_024.0)),
            ("16 B/op", Budget::BytesPerOperation(16.0)),
            ("0.5%/h", Budget::PercentOfSettledLevelPerHour(0.5)),
            ("3/h", Budget::BytesPerHour(3.0)),
            ("default", Budget::Default),
        ] {
            let got: Budget = text.parse().expect(text);
            match (got, expected) {
                (Budget::BytesPerHour(a), Budget::BytesPerHour(b)) => {
                    assert!((a - b).abs() < 1e-6 * b, "{text}")
                }
                _ => assert_eq!(got, expected, "{text}"),
            }
            assert_eq!(got.to_string().parse::<Budget>(), Ok(got));
        }
    }

    #[test]
    fn a_budget_that_cannot_be_read_says_how_to_write_it() {
        for (text, part) in [
            ("200KB", "200KB/h, 5MiB/d"),
            ("200KB/fortnight", "/s, /min, /h, /d and /op"),
            ("lots/h", "`lots` is not an amount"),
            ("-5KB/h", "not an amount"),
            ("5%/op", "percent"),
        ] {
            let error = text.parse::<Budget>().expect_err(text).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
