//! How a verdict came about, step by step, in plain words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::amount::duration_text;
use crate::judgement::Verdict;

/// Everything that was looked at on the way to a verdict, in the order in which it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The steps of the way.
    pub notes: Vec<Note>,
}

impl Explanation {
    /// The rule that gave the verdict: the last one that spoke.
    pub fn deciding_rule(&self) -> Option<&str> {
        self.notes.iter().rev().find_map(|note| match note {
            Note::Rule {
                name,
                said: Some(_),
                ..
            } => Some(name.as_str()),
            _ => None,
        })
    }
}

/// One step on the way to a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Note {
    /// What was made of the readings before anything was looked for.
    Prepared {
        /// One plain sentence.
        what: String,
    },
    /// A shape that was found.
    Shape {
        /// Its name: `steps`, `restarts`, `sawtooth`, `cycle`.
        name: String,
        /// What shows it.
        evidence: String,
    },
    /// A line that was fitted.
    Fit {
        /// Where it begins, in the seconds of the series.
        start_s: f64,
        /// Where it ends.
        end_s: f64,
        /// Its slope, per hour.
        slope_per_hour: f64,
        /// Half the width of its 95 % interval, per hour.
        half_width_per_hour: f64,
        /// Whether no bend was found from its beginning on.
        is_straight: bool,
    },
    /// A rule that was asked.
    Rule {
        /// Its name, as in METHOD.md.
        name: String,
        /// What it asks.
        asks: String,
        /// The verdict that it gave; `None` where it had nothing to say.
        said: Option<Verdict>,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prepared { what } => write!(f, "prepared  {what}"),
            Self::Shape { name, evidence } => write!(f, "shape     {name}: {evidence}"),
            Self::Fit {
                start_s,
                end_s,
                slope_per_hour,
                half_width_per_hour,
                is_straight,
            } => write!(
                f,
                "fit       from {} to {}: {slope_per_hour:.4e} ± {half_width_per_hour:.1e} per hour, {}",
                duration_text(*start_s),
                duration_text(*end_s),
                match is_straight {
                    true => "straight",
                    false => "not straight",
                }
            ),
            Self::Rule { name, asks, said } => match said {
                Some(verdict) => write!(f, "rule      {name}: {asks} Yes: {verdict}."),
                None => write!(f, "rule      {name}: {asks} No."),
            },
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        Ok(())
    }
}
