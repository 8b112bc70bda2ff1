//! The cells as a JUnit report, for CI systems.

use crate::results::judged::JudgedCell;
use leaklab_reports::cell::Standing;
use leaklab_run::{Outcome, Run};
use std::fmt::Write;

/// A suite per run, a test case per cell: a leak, a death and a verdict that is not the declared
/// one fail, what could not be measured is an error, what is not decided is skipped.
pub fn junit_xml(run: &Run, judged: &[JudgedCell<'_>]) -> String {
    let count = |kind: Element| {
        let of_kind = judged.iter().filter(|one| element(one) == Some(kind));
        of_kind.count()
    };
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        judged.len(),
        count(Element::Failure),
        count(Element::Error),
        count(Element::Skipped),
    );
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"leaklab\" {counts}>\n    \
         <testsuite name=\"{}\" {counts}>\n",
        escaped(&run.record.id)
    );
    for one in judged {
        push_case(&mut xml, one);
    }
    xml.push_str("    </testsuite>\n</testsuites>\n");
    xml
}

/// What JUnit calls a test that did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Failure,
    Error,
    Skipped,
}

fn element(judged: &JudgedCell<'_>) -> Option<Element> {
    match judged.standing() {
        Standing::Good => None,
        Standing::Unexpected | Standing::Died => Some(Element::Failure),
        Standing::Broken => Some(Element::Error),
        Standing::Undecided | Standing::Unjudged | Standing::Running | Standing::Planned => {
            Some(Element::Skipped)
        }
    }
}

fn push_case(xml: &mut String, judged: &JudgedCell<'_>) {
    let cell = judged.cell;
    // Repetitions of a variant are cases of their own.
    let repetition = cell.plan.id.split_once('#').map(|(_, number)| number);
    let repetition = repetition.map_or(String::new(), |number| format!("#{number}"));
    let _ = write!(
        xml,
        "        <testcase name=\"{}{}\" classname=\"leaklab.{}\" time=\"{:.3}\"",
        escaped(&cell.plan.variant),
        escaped(&repetition),
        escaped(&cell.plan.scenario),
        (cell.status.elapsed_ms / 1000.0).max(0.0)
    );
    let Some(element) = element(judged) else {
        xml.push_str("/>\n");
        return;
    };
    let kind = match cell.status.outcome {
        Some(Outcome::Completed) => judged.verdict().to_string(),
        Some(outcome) => outcome.name().to_owned(),
        None => "not-started".to_owned(),
    };
    let reason = match &judged.judgement {
        Ok(judgement) => &judgement.reason,
        Err(error) => error,
    };
    let message = escaped(&format!("{}; {reason}", cell.status.message));
    xml.push_str(">\n            ");
    let _ = match element {
        Element::Failure => {
            writeln!(
                xml,
                "<failure type=\"{}\" message=\"{message}\"/>",
                escaped(&kind)
            )
        }
        Element::Error => writeln!(
            xml,
            "<error type=\"{}\" message=\"{message}\"/>",
            escaped(&kind)
        ),
        Element::Skipped => writeln!(xml, "<skipped message=\"{}: {message}\"/>", escaped(&kind)),
    };
    xml.push_str("        </testcase>\n");
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
