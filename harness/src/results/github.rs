//! Annotations and the step summary of GitHub Actions, where a run takes place in one.
//!
//! Commands and files are those of "Workflow commands for GitHub Actions" (docs.github.com).

use super::closing_table;
use super::judged::JudgedCell;
use crate::words::{clean, say};
use leaklab_reports::cell::Standing;
use std::io::Write;

/// Says what each cell came to where GitHub Actions reads it; nothing elsewhere.
pub fn annotate(judged: &[JudgedCell<'_>]) {
    if std::env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return;
    }
    for one in judged {
        if let Some(line) = annotation(one) {
            // Commands are read on both streams; stdout holds results.
            say!("{line}");
        }
    }
    if let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY") {
        let text = format!(
            "### leaklab\n\n```text\n{}```\n",
            clean(&closing_table(judged))
        );
        let file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&path);
        if let Err(error) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
            say!("no step summary: {error}");
        }
    }
}

fn annotation(judged: &JudgedCell<'_>) -> Option<String> {
    let level = match judged.standing() {
        Standing::Good => return None,
        Standing::Broken | Standing::Died | Standing::Unexpected => "error",
        _ => "warning",
    };
    let reason = match &judged.judgement {
        Ok(judgement) => judgement.reason.as_str(),
        Err(error) => error.as_str(),
    };
    let (id, said) = (&judged.cell.plan.id, &judged.cell.status.message);
    let message = format!("{}: {said}; {reason}", judged.verdict_text());
    Some(format!(
        "::{level} title=leaklab {}::{}",
        title(id),
        data(&message)
    ))
}

/// Text as the message of a command takes it.
fn data(text: &str) -> String {
    let escaped = text.replace('%', "%25").replace('\r', "%0D");
    escaped.replace('\n', "%0A")
}

/// Text as a property of a command takes it.
fn title(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_program_cannot_end_a_command_or_begin_another() {
        assert_eq!(data("50 %\n::error::x"), "50 %25%0A::error::x");
        assert_eq!(title("a::b,c"), "a%3A%3Ab%2Cc");
    }
}
