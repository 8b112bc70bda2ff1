//! What of two runs is not compared: cells that only one of them has, or that were not measured,
//! and shards that are missing. A comparison of the others does not answer for them.

use crate::commands::compare::OutputFormat;
use crate::commands::given::{Given, Read};
use crate::results::judged::JudgedCell;
use leaklab_reports::cell::{Standing, VerdictOptions, stored_or_judged};
use leaklab_reports::compare::{Decision, Matched, base_name, escaped};
use leaklab_run::{Cell, lacks};
use serde::Serialize;

/// One thing that is not compared.
#[derive(Debug, Serialize)]
struct Uncompared {
    /// The cell; absent where it is not known.
    cell: Option<String>,
    /// What is said of it.
    words: String,
    /// What that makes of the requirement.
    decision: Decision,
}

/// Everything of two sides that is not compared.
#[derive(Debug, Default)]
pub struct Rest(Vec<Uncompared>);

impl Rest {
    /// What is left of two sides, of which `matched` cells are compared as far as `read` holds them.
    pub fn of(
        given: [&Given; 2],
        read: [&Read; 2],
        matched: &Matched,
        options: &VerdictOptions,
    ) -> Self {
        let mut rest = Rest::default();
        for (given, which) in given.into_iter().zip(["first", "second"]) {
            if let Some(lacks) = lacks(&given.missing_shards()) {
                rest.open(None, format!("of the {which}, {lacks}"));
            }
        }
        for name in &matched.only_before {
            let words = format!("`{name}` of the first is gone from the second");
            rest.open(Some(name), words);
        }
        for name in &matched.only_after {
            rest.add_new(name, given[1], options);
        }
        // What the first did not measure is known of only where nothing else of the cell is.
        for name in &read[0].unread {
            let is_read = read[0]
                .sides
                .iter()
                .any(|side| base_name(&side.name) == base_name(name));
            if !is_read && !matched.only_before.contains(name) {
                rest.open(
                    Some(name),
                    format!("`{name}` was not measured in the first"),
                );
            }
        }
        for name in &read[1].unread {
            if !(matched.only_after.iter()).any(|only| only == base_name(name)) {
                rest.open(
                    Some(name),
                    format!("`{name}` was not measured in the second"),
                );
            }
        }
        rest
    }

    fn open(&mut self, cell: Option<&String>, words: String) {
        self.0.push(Uncompared {
            cell: cell.cloned(),
            words,
            decision: Decision::Open,
        });
    }

    /// A cell that only the second side has: it stands for itself.
    fn add_new(&mut self, name: &str, given: &Given, options: &VerdictOptions) {
        let Given::Cells(_, cells) = given else {
            return;
        };
        let of_name = |cell: &&Cell| base_name(&cell.plan.id) == name;
        let judged = cells.iter().filter(of_name).map(|cell| JudgedCell {
            cell,
            judgement: stored_or_judged(cell, options).map_err(|error| error.to_string()),
            damage: Vec::new(),
        });
        let Some(gravest) = judged.min_by_key(JudgedCell::standing) else {
            return;
        };
        let decision = match gravest.standing() {
            Standing::Good => Decision::Holds,
            Standing::Unexpected => Decision::Refuted,
            _ => Decision::Open,
        };
        let said = gravest.said();
        self.0.push(Uncompared {
            cell: Some(name.to_owned()),
            words: format!("`{name}` is only in the second: {said}"),
            decision,
        });
    }

    /// What it makes of the requirement.
    pub fn decision(&self) -> Decision {
        let decisions = self.0.iter().map(|one| one.decision);
        decisions.fold(Decision::Holds, Decision::or_graver)
    }

    /// The sentence to quote, the gravest first; empty if everything is compared.
    fn sentence(&self) -> String {
        let of = |decision: Decision| {
            let words = self.0.iter().filter(move |one| one.decision == decision);
            words.map(|one| one.words.as_str())
        };
        let all: Vec<&str> = of(Decision::Refuted)
            .chain(of(Decision::Open))
            .chain(of(Decision::Holds))
            .collect();
        let begin = match self.decision() {
            _ if all.is_empty() => return String::new(),
            Decision::Refuted => "the second is worse",
            Decision::Open | Decision::Holds => "not everything is compared",
        };
        format!("{begin}: {}", all.join("; "))
    }

    /// It in the form that was asked for; nothing if everything is compared.
    ///
    /// # Errors
    ///
    /// If it cannot be written as JSON.
    pub fn text(&self, format: OutputFormat) -> serde_json::Result<String> {
        let sentence = self.sentence();
        Ok(match format {
            _ if sentence.is_empty() => String::new(),
            OutputFormat::Text => format!("{sentence}\n\n"),
            OutputFormat::Markdown => format!("**{}**\n\n", escaped(&sentence)),
            OutputFormat::Json => {
                let (decision, rest) = (self.decision(), &self.0);
                let object = serde_json::json!({
                    "sentence": sentence, "decision": decision, "not_compared": rest
                });
                format!("{object}\n")
            }
        })
    }
}
