//! The example of PROTOCOL.md works as it stands there.

mod support;

use leaklab_run::{Outcome, columns};
use std::process::Command;
use support::Lab;

#[test]
fn the_python_child_of_the_protocol_page_is_measured() {
    let has_python = Command::new("python3").arg("--version").output().is_ok();
    if !has_python {
        assert!(std::env::var_os("CI").is_none(), "CI installs python3");
        eprintln!("skipped: there is no python3 on this machine");
        return;
    }
    let page = include_str!("../../PROTOCOL.md");
    let code = page
        .split_once("```python\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .expect("the page has a Python block")
        .0;
    let lab = Lab::new();
    std::fs::write(lab.path().join("child.py"), code).expect("a file");
    let called = lab.call(&[
        "run",
        "--duration",
        "3s",
        "--interval",
        "50ms",
        "--",
        "python3",
        "child.py",
    ]);
    let cell = called.cell();
    assert_eq!(
        cell.status.outcome,
        Some(Outcome::Completed),
        "{}",
        called.stderr
    );
    assert_eq!(cell.status.malformed_lines, 0);
    let table = cell.samples(|_| true).expect("samples");
    let ops = table.filled_column(columns::OPS_TOTAL).expect("operations");
    assert!(ops.last() > Some(&50.0), "{ops:?}");
    let kept = table.filled_column("gauge:kept").expect("the gauge");
    let used = table.filled_column(columns::USED_BYTES).expect("the heap");
    let last = kept.len() - 1;
    assert_eq!(used[last], kept[last] * 1024.0);
}
