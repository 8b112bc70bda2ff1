//! `fanout-await`, measured: what a stored object keeps, and what gives it back.

mod recorder;

use leaklab_probe::allocated_bytes;
use leaklab_scenarios::fanout_await::{Fanout, FanoutAwait};
use leaklab_scenarios::{LoadPlan, Scenario};
use recorder::{Cell, alone, growth};
use std::time::{Duration, Instant};

fn start(name: &str, settings: &[&str]) -> Cell<Fanout> {
    Cell::prepare(&FanoutAwait, name, settings, 7, None, |setup| {
        Box::new(Fanout::new(&setup).expect("loopback is there"))
    })
}

/// Bytes per operation: the slope of the live heap over the operations, read at rest. A
/// thread of client or store may hold a buffer at one reading and none at the next, so that
/// two readings would not do.
fn growth_per_operation(cell: &mut Cell<Fanout>) -> f64 {
    cell.load(Some(5_000.0), 500);
    for _ in 0..20 {
        cell.load(Some(5_000.0), 250);
        cell.look();
    }
    cell.slope(0, |look| look.operations as f64)
}

#[test]
fn every_variant_keeps_what_its_formula_says() {
    alone(|| {
        for variant in FanoutAwait.description().variants {
            let mut cell = start(variant.name, &[]);
            let measured = growth_per_operation(&mut cell);
            let formula = cell.retained();
            let allowed = 8.0 + formula * 0.01;
            assert!(
                (measured - formula).abs() <= allowed,
                "{}: measured {measured}, formula {formula}",
                variant.name
            );
        }
    });
}

#[test]
fn the_end_of_the_workers_gives_everything_back_while_client_and_store_go_on() {
    alone(|| {
        const OPERATIONS: u64 = 3_000;
        for name in ["await-on-parent", "as-deferred", "join-set-never-joined"] {
            let mut cell = start(name, &[]);
            cell.load(Some(5_000.0), 500);
            let before = allocated_bytes();
            cell.load(Some(5_000.0), OPERATIONS);
            let grown = growth(before);
            let formula = cell.retained();
            assert!(grown > 0.7 * formula * OPERATIONS as f64, "{name}: {grown}");
            assert!(cell.gauge("parent_nodes") >= OPERATIONS as i64, "{name}");
            cell.workload.end_workers();
            // What the first five hundred had left goes too.
            assert!(
                growth(before) < 0.0,
                "{name}: {} of {grown} left",
                growth(before)
            );
            assert_eq!(cell.gauge("responses_alive"), 0, "{name}");
        }
    });
}

#[test]
fn a_deferred_join_leaves_its_bookkeeping_and_lets_the_responses_go() {
    alone(|| {
        let mut cell = start("as-deferred", &[]);
        cell.load(Some(4_000.0), 1_000);
        // And one node per worker for the continuation of the channel.
        assert_eq!(cell.gauge("parent_nodes"), 1_016);
        assert_eq!(cell.gauge("responses_alive"), 0);
        let mut cell = start("await-on-parent", &[]);
        cell.load(Some(4_000.0), 1_000);
        assert_eq!(cell.gauge("parent_nodes"), 1_016);
        assert_eq!(cell.gauge("responses_alive"), 1_000);
    });
}

#[test]
fn a_full_channel_drops_offers_and_only_stored_objects_count() {
    alone(|| {
        for name in ["await-on-parent", "join-set-drained"] {
            let mut cell = start(name, &["capacity=8", "workers=2"]);
            cell.load(None, 5_000);
            let (stored, dropped) = (cell.gauge("objects_stored"), cell.gauge("offers_dropped"));
            assert_eq!(stored + dropped, 5_000, "{name}");
            assert!(dropped > 0 && stored >= 8, "{name}: {stored} stored");
            assert_eq!(cell.operations(), stored as u64);
            assert_eq!(cell.latencies(), stored as u64);
        }
    });
}

#[test]
fn the_store_keeps_a_fixed_number_of_objects() {
    alone(|| {
        let mut cell = start("child-scope", &[]);
        cell.load(Some(4_000.0), 300);
        assert_eq!(cell.workload.keys_in_use(), 64);
    });
}

#[test]
fn a_stop_ends_the_load_at_once() {
    alone(|| {
        let mut cell = start("await-on-parent", &[]);
        let stop = cell.stop.clone();
        let plan = LoadPlan {
            rate: Some(500.0),
            ..LoadPlan::default()
        };
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            stop.stop();
            Instant::now()
        });
        cell.load_by(plan);
        let stopped = stopper.join().expect("no panic");
        // 50 ms for what is under way; the rest is for a machine that has other work.
        assert!(stopped.elapsed() < Duration::from_millis(500));
    });
}

#[test]
fn a_collector_has_ever_more_to_do_the_fuller_its_heap() {
    alone(|| {
        // 2 KiB are allocated per operation; 1.2 KiB stay, so that the heap is full after some
        // 430 of them, or never.
        for (name, least, most) in [("await-on-parent", 400, 1_000), ("child-scope", 1, 10)] {
            let mut cell = start(name, &["heap=512KiB"]);
            cell.load(Some(4_000.0), 1_000);
            let collections = cell.gauge("collections");
            assert!(
                (least..=most).contains(&collections),
                "{name}: {collections}"
            );
        }
    });
}
