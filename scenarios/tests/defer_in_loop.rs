//! Measures the scenario `defer-in-loop` on the real allocator and real descriptors.

mod recorder;

use leaklab_probe::allocated_bytes;
use leaklab_scenarios::defer_in_loop::DeferInLoop;
use leaklab_scenarios::{Role, Scenario};
use recorder::{Cell, alone, alone_under_limit};
use std::time::Duration;

/// Descriptors of this process to the file that the agent samples, as the kernel has them.
fn open_samples() -> usize {
    std::fs::read_dir("/proc/self/fd")
        .expect("the process can see its descriptors")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.ends_with("stat"))
        .count()
}

#[test]
fn every_variant_retains_what_its_formula_says() {
    alone(|| {
        for variant in DeferInLoop.description().variants {
            let mut cell = Cell::new(&DeferInLoop, variant.name, &[], 10);
            cell.load(None, 400);
            assert_eq!(cell.operations(), 400, "{}", variant.name);
            assert_eq!(cell.latencies(), 400, "{}", variant.name);
            let measured = cell.slope(20, |look| look.operations as f64);
            // Sizes are those of jemalloc's classes, so that the formula is exact.
            assert!(
                (measured - cell.retained()).abs() < 1.0,
                "{}: {measured} bytes per operation, the formula says {}",
                variant.name,
                cell.retained()
            );
        }
    });
}

#[test]
fn only_the_buggy_variant_keeps_descriptors() {
    alone(|| {
        for variant in DeferInLoop.description().variants {
            let mut cell = Cell::new(&DeferInLoop, variant.name, &[], 10);
            cell.load(None, 50);
            let kept = if variant.role == Role::Buggy { 50 } else { 0 };
            assert_eq!(open_samples(), kept, "{}", variant.name);
            assert_eq!(cell.gauge("open_files"), kept as i64, "{}", variant.name);
            assert_eq!(cell.gauge("deferred"), kept as i64, "{}", variant.name);
        }
        assert_eq!(open_samples(), 0, "a dropped workload closes its files");
    });
}

#[test]
fn memory_and_descriptors_come_back_when_the_function_returns() {
    alone(|| {
        let mut cell = Cell::new(&DeferInLoop, "function-scope", &["after-load=returns"], 10);
        let before = allocated_bytes();
        cell.load(None, 200);
        let leaked = allocated_bytes() - before;
        assert!(leaked as f64 >= 200.0 * cell.retained(), "{leaked} bytes");
        cell.drain(Duration::from_millis(20));
        assert_eq!(cell.marks(), ["function-returned"]);
        assert_eq!(cell.gauge("deferred"), 0);
        assert_eq!(open_samples(), 0);
        let left = allocated_bytes().saturating_sub(before);
        // The pool of the runtime keeps 32 records of 48 bytes; the rest is this test's own.
        assert!(left < 4096, "{left} bytes of {leaked} are left");
    });
}

#[test]
fn nothing_comes_back_while_the_function_stays_in_its_loop() {
    alone(|| {
        let mut cell = Cell::new(&DeferInLoop, "function-scope", &[], 10);
        cell.load(None, 100);
        let leaked = allocated_bytes();
        cell.drain(Duration::from_millis(50));
        assert!(allocated_bytes() >= leaked - 1024);
        assert_eq!(open_samples(), 100);
    });
}

#[test]
fn the_buffer_decides_how_much_is_retained_and_the_bookkeeping_stays_the_same() {
    alone(|| {
        for (setting, buffer_class) in [("buffer-bytes=64", 64.0), ("buffer-bytes=5000", 5120.0)] {
            let mut cell = Cell::new(&DeferInLoop, "function-scope", &[setting], 10);
            cell.load(None, 200);
            assert_eq!(cell.retained(), buffer_class + 104.0, "{setting}");
            let measured = cell.slope(20, |look| look.operations as f64);
            assert!(
                (measured - cell.retained()).abs() < 1.0,
                "{setting}: {measured}"
            );
        }
    });
}

#[test]
fn the_descriptor_limit_is_an_outcome_after_which_work_and_memory_stand_still() {
    alone_under_limit(64, || {
        let mut cell = Cell::new(&DeferInLoop, "function-scope", &[], 1);
        cell.load(None, 100);
        let done = cell.operations();
        assert!((30..64).contains(&done), "{done} turns before the limit");
        assert_eq!(cell.gauge("failed"), 100 - done as i64);
        assert_eq!(cell.marks(), ["descriptor-limit"], "marked once");
        let memory = allocated_bytes();
        cell.load(None, 100);
        assert_eq!(cell.operations(), done, "the agent does nothing any more");
        assert_eq!(cell.gauge("failed"), 200 - done as i64);
        assert!(allocated_bytes().abs_diff(memory) < 1024, "flat, not cured");
        drop(cell);

        let mut fixed = Cell::new(&DeferInLoop, "iteration-scope", &[], 1);
        fixed.load(None, 200);
        assert_eq!(fixed.operations(), 200);
        assert!(fixed.marks().is_empty());
    });
}
