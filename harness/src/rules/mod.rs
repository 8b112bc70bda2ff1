//! `[[rule]]`: takes the evidence at the moment at which a figure says that something is wrong.
//!
//! ```toml
//! [[rule]]
//! when = "@heap_used / @heap_limit > 0.5"
//! for = "30s"
//! do = ["snapshot:heap", "where", "exec ./page-someone {pid}"]
//! at-most = 1
//! ```
//!
//! A rule fires when its condition has held for that long at every row, and again only after it
//! has not held for a row. `figures` names what a condition may ask for.

mod figures;
mod watch;

pub use figures::value;
pub use watch::RuleWatch;

use crate::config::keys::{Keys, Problem};
use crate::plan::{Formula, refuse_misspelt};
use crate::text::{nearest, shell_words};
use crate::time::parse_duration;
use std::time::Duration;

/// How often a rule takes something where it does not say it.
const DEFAULT_AT_MOST: u64 = 1;

/// A rule as a file has it; its names are not looked up yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its number in the file, from 1.
    pub number: u64,
    /// The condition.
    pub when: String,
    /// How long it must hold.
    pub hold: Duration,
    /// What is done then.
    pub actions: Vec<Action>,
    /// How often at most.
    pub at_most: u64,
}

/// What a rule does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Writes the stacks down and takes every snapshot that there is.
    Where,
    /// Takes a snapshot of the series of that name.
    Snapshot(String),
    /// Runs a command; `{pid}` is the program's.
    Exec(Vec<String>),
}

/// A rule of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// As the file has it.
    pub text: RuleText,
    /// Its condition.
    pub condition: Formula,
}

impl RuleText {
    /// Takes a table of a file.
    ///
    /// # Errors
    ///
    /// What is missing or cannot be read.
    pub fn take(number: u64, mut keys: Keys<'_>) -> Result<Self, Problem> {
        keys.call(format!("`[[rule]]` {number}"));
        let when = keys.text("when")?;
        let hold = keys.parsed("for", parse_duration)?.unwrap_or_default();
        let whole = |text: &str| match text.parse::<u64>() {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(format!("`{text}` is no whole number above 0")),
        };
        let at_most = keys.parsed("at-most", whole)?.unwrap_or(DEFAULT_AT_MOST);
        let texts = keys.list("do")?.unwrap_or_default();
        // What is misspelt is named before what is missing for it.
        keys.refuse_unknown()?;
        let when = when
            .ok_or_else(|| keys.lacks("has no `when`, such as \"heap_used / heap_limit > 0.5\""))?;
        let actions: Result<Vec<Action>, String> = texts.iter().map(|text| action(text)).collect();
        let actions = actions.map_err(|why| keys.lacks(&format!("`do`: {why}")))?;
        if actions.is_empty() {
            return Err(keys.lacks("has no `do`: \"where\", \"snapshot:NAME\" or \"exec COMMAND\""));
        }
        Ok(RuleText {
            number,
            when,
            hold,
            actions,
            at_most,
        })
    }

    /// The rule for a cell with those gauges and series of snapshots.
    ///
    /// # Errors
    ///
    /// Words on a name that the cell does not have, with the nearest that it has.
    pub fn of_cell(
        &self,
        gauges: &[String],
        snapshots: &[String],
        has_stacks: bool,
    ) -> Result<Rule, String> {
        let refused = |why: String| format!("`[[rule]]` {}: {why}", self.number);
        let names = figures::names(gauges);
        // `@heap_used`, as the alert rules of some services write it, is the same name.
        let condition = Formula::parse(&self.when.replace('@', ""), &names)
            .map_err(|why| refused(why.replacen("no parameter", "no figure", 1)))?;
        for action in &self.actions {
            match action {
                Action::Where if !has_stacks && snapshots.is_empty() => {
                    return Err(refused(
                        "`where` has nothing to take\n(hint: run with --where, or --snapshot)"
                            .to_owned(),
                    ));
                }
                Action::Snapshot(name) if !snapshots.contains(name) => {
                    let near = nearest(name, snapshots.iter().map(String::as_str));
                    let hint = match (near, snapshots.is_empty()) {
                        (Some(near), _) => format!("did you mean `{near}`?"),
                        (None, true) => format!("--snapshot '{name}=FORMAT:COMMAND' names them"),
                        (None, false) => format!("there are {}", snapshots.join(", ")),
                    };
                    return Err(refused(format!(
                        "there are no snapshots `{name}`\n(hint: {hint})"
                    )));
                }
                _ => {}
            }
        }
        Ok(Rule {
            text: self.clone(),
            condition,
        })
    }
}

fn action(text: &str) -> Result<Action, String> {
    let text = text.trim();
    if text == "where" {
        return Ok(Action::Where);
    }
    if let Some(name) = text.strip_prefix("snapshot:") {
        return Ok(Action::Snapshot(name.trim().to_owned()));
    }
    if let Some(line) = text.strip_prefix("exec ") {
        return match shell_words(line) {
            Some(words) if !words.is_empty() => {
                refuse_misspelt(&words, &["pid"])?;
                Ok(Action::Exec(words))
            }
            _ => Err(format!("`{line}` is no command: is a quote not closed?")),
        };
    }
    let known = ["where", "snapshot", "exec"];
    let hint = match nearest(text.split([':', ' ']).next().unwrap_or_default(), known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "known are where, snapshot:NAME and exec COMMAND".to_owned(),
    };
    Err(format!("`{text}` is nothing that a rule does ({hint})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<RuleText, String> {
        let mut keys = Keys::of_file(text)?;
        let table = keys.tables("rule")?.into_iter().next().expect("a rule");
        RuleText::take(1, table)
    }

    #[test]
    fn a_rule_is_read_and_its_names_are_looked_up() {
        let text = "[[rule]]\nwhen = \"@heap_used / @heap_limit > 0.5 && depth < 3\"\nfor = \"30s\"\n\
                    do = [\"snapshot:classes\", \"exec ./page 'a b'\"]\nat-most = 3\n";
        let read = rule(text).expect("a rule");
        assert_eq!((read.hold, read.at_most), (Duration::from_secs(30), 3));
        let exec = ["./page", "a b"].map(str::to_owned).to_vec();
        assert_eq!(read.actions[1], Action::Exec(exec));
        let (gauges, series) = (["depth".to_owned()], ["classes".to_owned()]);
        assert!(read.of_cell(&gauges, &series, false).is_ok());
        let error = read.of_cell(&[], &series, false).expect_err("no gauge");
        assert!(error.contains("no figure `depth`"), "{error}");
        let near = ["clases".to_owned()];
        let error = read.of_cell(&gauges, &near, false).expect_err("no series");
        assert!(error.contains("did you mean `clases`?"), "{error}");
    }

    #[test]
    fn mistakes_in_a_rule_are_answered_in_words() {
        for (text, part) in [
            ("[[rule]]\ndo = [\"where\"]", "has no `when`"),
            ("[[rule]]\nwhen = \"1\"", "has no `do`"),
            (
                "[[rule]]\nwhen = \"1\"\ndo = [\"snapshots:x\"]",
                "did you mean `snapshot`?",
            ),
            (
                "[[rule]]\nwhen = \"1\"\ndo = [\"where\"]\nat-mots = 1",
                "did you mean `at-most`?",
            ),
            (
                "[[rule]]\nwhn = \"1\"\ndo = [\"where\"]",
                "did you mean `when`?",
            ),
            (
                "[[rule]]\nwhen = \"1\"\ndo = [\"exec ./page {pod}\"]",
                "there are {pid}",
            ),
            (
                "[[rule]]\nwhen = \"1\"\ndo = [\"where\"]\nat-most = 0",
                "above 0",
            ),
        ] {
            let error = rule(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        let text = "[[rule]]\nwhen = \"heap_usd > 1\"\ndo = [\"where\"]";
        let error = rule(text)
            .expect("a rule")
            .of_cell(&[], &[], true)
            .expect_err("no name");
        assert!(error.contains("did you mean `heap_used`?"), "{error}");
        let text = "[[rule]]\nwhen = \"rss_bytes > 1MiB\"\ndo = [\"where\"]";
        let error = rule(text)
            .expect("a rule")
            .of_cell(&[], &[], false)
            .expect_err("nothing");
        assert!(error.contains("nothing to take"), "{error}");
    }
}
