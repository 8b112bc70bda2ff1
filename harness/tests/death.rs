//! A service that stops working while its load goes on is told from one that is well.

mod support;

use support::Lab;

/// What `leaklab run --format json` says of its only cell.
fn verdict_of(arguments: &[&str]) -> (Option<i32>, serde_json::Value) {
    let mut all = vec!["run", "--format", "json", "--drain", "0s"];
    all.extend(arguments);
    let called = Lab::new().call(&all);
    let cell = serde_json::from_str(&called.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", called.stdout, called.stderr));
    (called.code, cell)
}

#[test]
fn a_server_at_its_descriptor_limit_is_dead_and_not_healthy() {
    let (code, cell) = verdict_of(&[
        "channel-io::unbuffered",
        "--descriptor-limit",
        "96",
        "--duration",
        "8s",
    ]);
    let after_s = cell["stopped_working_after_s"].as_f64();
    assert!(after_s.is_some_and(|s| (0.2..5.0).contains(&s)), "{cell}");
    assert_ne!(cell["verdict"], "no-leak", "{cell}");
    let reason = cell["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("no progress of delivered since"),
        "{reason}"
    );
    assert!(reason.contains("at the descriptor limit"), "{reason}");
    // A leak that shows before the end is what the variant declares.
    let expected = if cell["as_expected"] == true { 0 } else { 5 };
    assert_eq!(code, Some(expected), "{cell}");
}

#[test]
fn a_remedy_whose_receiver_has_gone_has_not_held() {
    // Everything that arrives is given up in time, so memory is as flat as it should be.
    let (code, cell) = verdict_of(&[
        "channel-io::layered",
        "--set",
        "receiver=leaves",
        "--set",
        "leaves-after=1s",
        "--duration",
        "6s",
    ]);
    assert_eq!(code, Some(5), "{cell}");
    assert_eq!(cell["verdict"], "inconclusive", "{cell}");
    let reason = cell["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("after the receiver had gone"), "{reason}");
    assert!(reason.contains("flat memory is not health"), "{reason}");
}

#[test]
fn an_agent_that_can_open_no_more_files_says_so() {
    let (_, cell) = verdict_of(&[
        "defer-in-loop::function-scope",
        "--descriptor-limit",
        "100",
        "--duration",
        "6s",
        "--rate",
        "40",
    ]);
    let reason = cell["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("no progress of operations since"),
        "{reason}"
    );
    assert!(reason.contains("at the descriptor limit"), "{reason}");
}

#[test]
fn a_server_that_goes_on_is_not_called_dead() {
    let (_, cell) = verdict_of(&["channel-io::layered", "--duration", "4s"]);
    assert_eq!(cell["stopped_working_after_s"], serde_json::Value::Null);
}
