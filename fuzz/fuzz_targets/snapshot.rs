//! Any bytes as a snapshot of each form, and as one in which objects are looked for.
#![no_main]

use leaklab_reports::classes::{Format, Point, class_table, retainers_of};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let formats = [
        Format::ClassHistogram,
        Format::HeapSnapshot,
        Format::Pprof,
        Format::Tracemalloc,
        Format::Folded,
        Format::Csv,
    ];
    let format = formats[usize::from(*choice) % formats.len()];
    if format == Format::HeapSnapshot {
        let _ = retainers_of(bytes, &["(root)".to_owned(), "Session".to_owned()], u64::from(*choice));
    }
    let Ok(counts) = format.read(bytes) else {
        return;
    };
    assert!(!counts.is_empty());
    let point = |at: u8| Point {
        elapsed_ms: f64::from(at),
        ops_total: None,
        counts: counts.clone(),
    };
    let table = class_table("fuzzed", format, &[point(0), point(1), point(2), point(3)]);
    assert!(table.top().is_none(), "nothing changed");
});
