//! Any bytes as a recording, with and without what a user says about it.
#![no_main]

use leaklab_reports::foreign::{ReadOptions, ValueUnit, read_recording};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    let options = ReadOptions {
        every_s: (choice & 1 > 0).then_some(15.0),
        unit: (choice & 2 > 0).then_some(ValueUnit::Bytes(1_024.0)),
        by: if choice & 4 > 0 { vec!["none".to_owned()] } else { Vec::new() },
        ..ReadOptions::default()
    };
    let Ok(recording) = read_recording(bytes, &options) else {
        return;
    };
    for table in &recording.tables {
        // What the judge takes for granted.
        assert!(table.time_s.windows(2).all(|pair| pair[0] <= pair[1]));
        for metric in &table.metrics {
            assert_eq!(metric.values.len(), table.time_s.len());
            assert!(metric.values.iter().all(|value| value.is_nan() || *value >= 0.0));
        }
    }
});
