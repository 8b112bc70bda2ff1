//! Runs that earlier versions have written stay readable.

use leaklab_run::{EventKind, Outcome, Run, columns};
use std::path::Path;

#[test]
fn a_run_of_major_1_is_read_as_it_was_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/major-1");
    let run = Run::open(&folder).expect("a run");
    assert_eq!(run.record.format.major, 1);
    assert_eq!(run.record.host.boot_id, "");
    let [cell] = &run.cells[..] else {
        panic!("one cell: {:?}", run.cells);
    };
    assert_eq!(cell.plan.id, "shape::flat");
    assert_eq!(cell.status.outcome, Some(Outcome::Completed));
    assert_eq!(cell.status.measurement, None);
    let table = cell.samples(|_| true).expect("samples");
    // Counted and read in the file by hand.
    assert_eq!(table.len(), 15);
    assert_eq!(table.elapsed_ms[0], 0.125);
    let allocated = table.column(columns::ALLOCATED_BYTES).expect("the column");
    assert_eq!(allocated[0], 115_728.0);
    assert!(table.column(columns::PSS_BYTES).is_none());
    let events = cell.events().expect("events");
    assert_eq!(events.len(), 4);
    assert_eq!(
        events[3].kind,
        EventKind::Exit {
            code: Some(0),
            signal: None
        }
    );
}
