//! The cells as a JUnit report, for CI systems.

use crate::exit::Exit;
use crate::results::judged::JudgedCell;
use leaklab_run::{Outcome, Run};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// A suite per run, a test case per cell: a leak fails, what could not be told or measured is
/// an error.
///
/// # Errors
///
/// The serialiser's error.
pub fn junit_xml(run: &Run, judged: &[JudgedCell<'_>]) -> anyhow::Result<String> {
    let mut suite = TestSuite::new(run.record.id.clone());
    for cell in judged {
        suite.add_test_case(test_case(cell));
    }
    let mut report = Report::new("leaklab");
    report.add_test_suite(suite);
    Ok(report.to_string()?)
}

fn test_case(judged: &JudgedCell<'_>) -> TestCase {
    let cell = judged.cell;
    let kind = match judged.exit() {
        Exit::Good => None,
        Exit::Bad => Some(NonSuccessKind::Failure),
        _ => Some(NonSuccessKind::Error),
    };
    let status = match kind {
        None => TestCaseStatus::success(),
        Some(kind) => {
            let mut status = TestCaseStatus::non_success(kind);
            let reason = match &judged.judgement {
                Ok(judgement) => judgement.reason.as_str(),
                Err(error) => error.as_str(),
            };
            status.set_type(match cell.status.outcome {
                Some(Outcome::Completed) => judged.verdict().to_string(),
                Some(outcome) => outcome.name().to_owned(),
                None => "not-started".to_owned(),
            });
            status.set_message(format!("{}; {reason}", cell.status.message));
            status
        }
    };
    let mut case = TestCase::new(cell.plan.variant.clone(), status);
    case.set_classname(format!("leaklab.{}", cell.plan.scenario));
    case.set_time(crate::time::ms_duration(cell.status.elapsed_ms));
    case
}
