//! The harness itself does not grow, however long the run.

mod support;

use leaklab_run::State;
use support::Lab;

/// Rows of the run, at one a millisecond. A day of one row a second has 86,400:
/// `LEAKLAB_TEST_ROWS=86400 cargo test --release -p leaklab --test soak -- --nocapture`
fn rows() -> u64 {
    let given = std::env::var("LEAKLAB_TEST_ROWS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(12_000)
}

fn resident_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("it lives");
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .and_then(|field| field.parse().ok())
        .expect("resident pages");
    pages * 4096
}

#[test]
fn the_supervisor_does_not_grow_with_its_rows() {
    let lab = Lab::new();
    let duration = format!("{}ms", rows());
    let child = lab.start(&[
        "run",
        "shape::flat",
        "--interval",
        "1ms",
        "--duration",
        &duration,
        "--drain",
        "0s",
    ]);
    // A minute of one row a second.
    let samples = lab.wait_for_file("shape--flat/samples.csv", 60 * 120);
    let early_bytes = resident_bytes(child.id());
    let mut late_bytes = early_bytes;
    let mut size = 0;
    loop {
        let run = leaklab_run::Run::open(&lab.newest_run().expect("a run"));
        if run.is_ok_and(|run| run.cells[0].status.state == State::Finished) {
            break;
        }
        // Not when the cell has ended: its verdict reads all rows at once, and may.
        late_bytes = resident_bytes(child.id());
        size = std::fs::metadata(&samples).expect("it is there").len();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let called = lab.finish(child);
    println!(
        "{} rows, {size} bytes of samples: {early_bytes} then {late_bytes} bytes resident",
        called.cell().status.samples
    );
    assert!(
        called.cell().status.samples > rows() / 3,
        "{} rows of {} on a busy machine",
        called.cell().status.samples,
        rows()
    );
    assert!(
        late_bytes <= early_bytes + (2 << 20),
        "{early_bytes} grew to {late_bytes} bytes"
    );
}
