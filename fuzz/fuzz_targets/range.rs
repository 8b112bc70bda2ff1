//! Any bytes as an answer of Prometheus.
#![no_main]

use leaklab_reports::foreign::read_range;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for series in read_range(bytes).map(|answer| answer.series).into_iter().flatten() {
        assert_eq!(series.time_s.len(), series.value.len());
        assert!(series.time_s.windows(2).all(|pair| pair[0] < pair[1]));
    }
});
