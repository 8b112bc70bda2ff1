//! Cells, and the series of recordings, as a JUnit report, for CI systems.

use crate::exit::Exit;
use crate::results::judged::JudgedCell;
use leaklab_judge::Judgement;
use leaklab_reports::cell::{Standing, per_hour};
use leaklab_run::Outcome;
use std::fmt::Write;

/// What JUnit calls a test that did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Failure,
    Error,
    Skipped,
}

/// What a cell that is not decided is in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnInconclusive {
    /// A test that passed.
    Pass,
    /// A test that was skipped.
    #[default]
    Skip,
    /// A test that failed.
    Fail,
}

/// The cells of a run, a test case each: a leak, a death and a verdict that is not the declared
/// one fail, what could not be measured is an error, what is not decided is skipped.
pub struct TestSuite {
    name: String,
    on_inconclusive: OnInconclusive,
    cases: Vec<(Option<Element>, String)>,
}

impl TestSuite {
    /// A suite without a case.
    pub fn new(name: &str) -> Self {
        Self::with(name, OnInconclusive::default())
    }

    /// A suite without a case, and what one that is not decided is in it.
    pub fn with(name: &str, on_inconclusive: OnInconclusive) -> Self {
        TestSuite {
            name: name.to_owned(),
            on_inconclusive,
            cases: Vec::new(),
        }
    }

    /// The suite of a run; what `accepted` gives words for does not fail, as it does not gate.
    pub fn of(
        name: &str,
        judged: &[JudgedCell<'_>],
        on_inconclusive: OnInconclusive,
        accepted: &dyn Fn(&JudgedCell<'_>) -> Option<String>,
    ) -> Self {
        let mut suite = TestSuite::with(name, on_inconclusive);
        for one in judged {
            match accepted(one) {
                Some(words) => {
                    let skipped = Some(Element::Skipped);
                    suite.cases.push((skipped, case(one, skipped, &words)));
                }
                None => suite.add(one),
            }
        }
        suite
    }

    /// Adds a cell.
    pub fn add(&mut self, judged: &JudgedCell<'_>) {
        let element = element(judged, self.on_inconclusive);
        self.cases.push((element, case(judged, element, "")));
    }

    /// Adds a sentence on nights that is not about one cell of a run: one that fails, or one that is
    /// not decided.
    pub fn add_finding(&mut self, name: &str, is_sure: bool, sentence: &str) {
        let element = match is_sure {
            true => Some(Element::Failure),
            false => of_undecided(self.on_inconclusive),
        };
        let mut xml = format!(
            "    <testcase name=\"{}\" classname=\"leaklab.history\">",
            escaped(name)
        );
        let message = escaped(sentence);
        let _ = match element {
            None => Ok(()),
            Some(Element::Failure) => {
                write!(xml, "<failure type=\"worse\" message=\"{message}\"/>")
            }
            Some(_) => write!(xml, "<skipped message=\"{message}\"/>"),
        };
        xml.push_str("</testcase>\n");
        self.cases.push((element, xml));
    }

    /// Adds a series of a recording. What is decided of it and lies within its limit passes.
    pub fn add_series(&mut self, name: &str, exit: Exit, judgement: &Judgement, limit: &str) {
        let element = match exit {
            Exit::Good => None,
            Exit::Bad => Some(Element::Failure),
            Exit::Inconclusive => of_undecided(self.on_inconclusive),
            _ => Some(Element::Error),
        };
        let verdict = judgement.verdict.to_string();
        let mut xml = format!(
            "    <testcase name=\"{}\" classname=\"leaklab.recording\"><properties><property name=\"verdict\" value=\"{verdict}\"/>",
            escaped(name)
        );
        if let Some(slope) = judgement.slope_bytes_per_hour {
            let _ = write!(xml, "<property name=\"bytes-per-hour\" value=\"{slope}\"/>");
        }
        xml.push_str("</properties>");
        let separator = if limit.is_empty() { "" } else { "; " };
        let message = escaped(&format!("{limit}{separator}{}", judgement.reason));
        let words = element.map_or_else(String::new, |one| element_text(one, &verdict, &message));
        xml.push_str(&words);
        xml.push_str("</testcase>\n");
        self.cases.push((element, xml));
    }

    fn counts(&self) -> String {
        let count = |kind| {
            self.cases
                .iter()
                .filter(|(of, _)| *of == Some(kind))
                .count()
        };
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
            self.cases.len(),
            count(Element::Failure),
            count(Element::Error),
            count(Element::Skipped),
        )
    }
}

/// The report of suites.
pub fn junit_xml(suites: &[TestSuite]) -> String {
    let mut xml =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"leaklab\">\n".to_owned();
    for suite in suites {
        let (name, counts) = (escaped(&suite.name), suite.counts());
        let _ = writeln!(xml, "  <testsuite name=\"{name}\" {counts}>");
        for (_, case) in &suite.cases {
            xml.push_str(case);
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn element(judged: &JudgedCell<'_>, on_inconclusive: OnInconclusive) -> Option<Element> {
    match judged.standing() {
        Standing::Good => None,
        Standing::Unexpected | Standing::Died => Some(Element::Failure),
        Standing::Broken => Some(Element::Error),
        Standing::Undecided | Standing::Unjudged => of_undecided(on_inconclusive),
        Standing::Running | Standing::Planned => Some(Element::Skipped),
    }
}

fn of_undecided(on_inconclusive: OnInconclusive) -> Option<Element> {
    match on_inconclusive {
        OnInconclusive::Pass => None,
        OnInconclusive::Skip => Some(Element::Skipped),
        OnInconclusive::Fail => Some(Element::Failure),
    }
}

/// A case, with words on why it does not gate, if somebody accepted what it shows.
fn case(judged: &JudgedCell<'_>, element: Option<Element>, accepted: &str) -> String {
    let plan = &judged.cell.plan;
    let status = &judged.cell.status;
    // Repetitions of a variant are cases of their own.
    let repetition = plan
        .id
        .split_once('#')
        .map(|(_, number)| format!("#{number}"));
    let mut xml = format!(
        "    <testcase name=\"{}{}\" classname=\"leaklab.{}\" time=\"{:.3}\"",
        escaped(&plan.variant),
        escaped(&repetition.unwrap_or_default()),
        escaped(&plan.scenario),
        (status.elapsed_ms / 1000.0).max(0.0)
    );
    xml.push_str("><properties>");
    for (name, value) in properties(judged) {
        let (name, value) = (escaped(name), escaped(&value));
        let _ = write!(xml, "<property name=\"{name}\" value=\"{value}\"/>");
    }
    xml.push_str("</properties>");
    let Some(element) = element else {
        xml.push_str("</testcase>\n");
        return xml;
    };
    let kind = match status.outcome {
        Some(Outcome::Completed) => judged.verdict().to_string(),
        Some(outcome) => outcome.name().to_owned(),
        None => "not-started".to_owned(),
    };
    let reason = match &judged.judgement {
        Ok(judgement) => &judgement.reason,
        Err(error) => error,
    };
    let accepted = match accepted {
        "" => String::new(),
        words => format!("does not gate: {words}; "),
    };
    let message = escaped(&format!("{accepted}{}; {reason}", status.message));
    let kind = escaped(&kind);
    xml.push_str(&element_text(element, &kind, &message));
    xml.push_str("</testcase>\n");
    xml
}

/// Why a test did not pass; `kind` and `message` are escaped.
fn element_text(element: Element, kind: &str, message: &str) -> String {
    match element {
        Element::Failure => format!("<failure type=\"{kind}\" message=\"{message}\"/>"),
        Element::Error => format!("<error type=\"{kind}\" message=\"{message}\"/>"),
        Element::Skipped => format!("<skipped message=\"{kind}: {message}\"/>"),
    }
}

/// What a reader of the report wants beside the verdict: figures, and where the files are.
fn properties(judged: &JudgedCell<'_>) -> Vec<(&'static str, String)> {
    let cell = judged.cell;
    let memory = judged.memory().map(|memory| &memory.judgement);
    let rate = |rate: Option<f64>| rate.map(|rate| rate.to_string());
    let properties = [
        ("verdict", Some(judged.verdict_text())),
        (
            "operations",
            cell.status.ops_total.map(|ops| ops.to_string()),
        ),
        (
            "bytes-per-operation",
            rate(memory.and_then(|one| one.slope_bytes_per_op)),
        ),
        (
            "bytes-per-hour",
            rate(memory.and_then(per_hour).map(|[value, ..]| value)),
        ),
        ("program-sha256", cell.plan.program_sha256.clone()),
        ("build-id", cell.plan.build_id.clone()),
        ("folder", Some(cell.folder.display().to_string())),
    ];
    let known = properties.into_iter();
    known
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// Text as XML takes it in an attribute; what XML cannot hold is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_program_cannot_leave_its_attribute() {
        assert_eq!(
            escaped("a\"<b>&'\u{1b}[2J\n\u{0}c"),
            "a&quot;&lt;b&gt;&amp;&apos;\u{fffd}[2J \u{fffd}c"
        );
    }
}
