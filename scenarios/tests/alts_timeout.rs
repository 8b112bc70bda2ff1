//! `alts-timeout` held against its formulas and against what ASYNC-234 says of each remedy.

mod recorder;

use leaklab_probe::allocated_bytes;
use leaklab_scenarios::alts_timeout::AltsTimeout;
use recorder::{Cell, alone, growth};
use std::time::Duration;

fn prepare(variant: &str, settings: &[&str]) -> Cell {
    Cell::unwatched(&AltsTimeout, variant, settings, 234)
}

/// Many operations a second: parked together, released by short timers.
const BOOKKEEPING: [&str; 3] = ["payload=0", "batch=1000", "soon=1ms"];
const MANY: u64 = 100_000;

#[test]
fn bookkeeping_of_each_leaking_variant_is_its_formula_and_in_the_order_of_the_ticket() {
    alone(|| {
        let mut last = f64::INFINITY;
        // core.async: 1151, 702 (patch 0002), 604 (patch 0001), 573 (1.8.741).
        for name in ["unpatched", "nacked", "cleared", "once-callback"] {
            let mut cell = prepare(name, &BOOKKEEPING);
            let retained = cell.measured(2_000, MANY);
            let formula = cell.retained();
            println!("{name}: {retained:.1} bytes per operation, formula {formula}");
            assert!((retained / formula - 1.0).abs() < 0.1, "{name}: {retained}");
            assert!(retained < last, "{name}: {retained} is not below {last}");
            last = retained;
        }
    });
}

#[test]
fn timeout2_and_select_retain_nothing() {
    alone(|| {
        for winner in ["winner=timer", "winner=ready"] {
            for name in ["timeout2", "tokio-select"] {
                let settings = [&BOOKKEEPING[..], &[winner]].concat();
                let mut cell = prepare(name, &settings);
                let retained = cell.measured(2_000, MANY / 5);
                println!("{name} {winner}: {retained:.2} bytes per operation");
                assert!(retained.abs() < 16.0, "{name} {winner}: {retained}");
                assert_eq!(cell.gauge("blocks_alive"), 0);
                assert_eq!(cell.gauge("timeout2_pending"), 0);
            }
        }
    });
}

#[test]
fn unpatched_retains_the_payload_at_every_size() {
    alone(|| {
        for payload in ["payload=64KiB", "payload=1MiB", "payload=4MiB"] {
            // On a busy machine a block of 4 MiB takes longer to write than the short timeout
            // is, which then has fired before it is tried: nothing parks, and nothing stays.
            let mut cell = prepare("unpatched", &[payload, "soon=50ms"]);
            let retained = cell.measured(5, 35);
            let ratio = retained / cell.retained();
            println!("{payload}: {retained:.0} bytes per operation, {ratio:.4} of the formula");
            assert!((ratio - 1.0).abs() < 0.05, "{payload}: {retained}");
            let alive = cell.gauge("blocks_alive");
            assert!((39..=40).contains(&alive), "{payload}: {alive}");
        }
    });
}

#[test]
fn remedies_let_the_payload_go_although_the_timer_stays() {
    alone(|| {
        for name in ["cleared", "once-callback", "nacked"] {
            let mut cell = prepare(name, &["payload=64KiB", "batch=50"]);
            let retained = cell.measured(200, 4_000);
            assert!(
                (retained / cell.retained() - 1.0).abs() < 0.1,
                "{name}: {retained}"
            );
            assert_eq!(cell.gauge("blocks_alive"), 0, "{name}");
            assert_eq!(cell.gauge("timers_pending"), 4_200, "{name}");
        }
    });
}

#[test]
fn the_released_fix_keeps_half_of_the_payloads_when_the_winner_is_ready() {
    alone(|| {
        let mut cell = prepare("once-callback", &["payload=64KiB", "winner=ready"]);
        let retained = cell.measured(50, 2_000);
        let share = retained / 65_536.0;
        println!("once-callback winner=ready: {share:.4} of the payload per operation");
        assert!((share - 0.5).abs() < 0.05, "{share}");
    });
}

#[test]
fn patch_0001_clears_on_the_immediate_path_too() {
    alone(|| {
        let mut cell = prepare("cleared", &["payload=64KiB", "winner=ready"]);
        let retained = cell.measured(500, 4_000);
        let formula = cell.retained();
        assert!(
            (retained / formula - 1.0).abs() < 0.1,
            "{retained}, formula {formula}"
        );
    });
}

#[test]
fn one_block_that_loops_keeps_no_payload_even_unpatched() {
    alone(|| {
        let settings = ["payload=64KiB", "shape=loop", "soon=1ms"];
        let mut cell = prepare("unpatched", &settings);
        let retained = cell.measured(50, 1_000);
        println!(
            "looping: {retained:.1} bytes per operation, formula {}",
            cell.retained()
        );
        // The formula is the bookkeeping alone: 352 bytes; measured are 360.
        assert!(
            (retained / cell.retained() - 1.0).abs() < 0.25,
            "{retained}"
        );
        assert_eq!(cell.gauge("blocks_alive"), 1);
        assert_eq!(cell.gauge("timers_pending"), 1_050);
    });
}

#[test]
fn memory_comes_back_when_the_long_timeouts_fire() {
    alone(|| {
        let settings = ["payload=64KiB", "timeout=1500ms", "batch=20"];
        let mut cell = prepare("unpatched", &settings);
        let before = allocated_bytes();
        cell.load(None, 400);
        let held = growth(before);
        assert!(held > 390.0 * 65_536.0, "{held} bytes before the timeouts");
        // A signal that has come before it is tried holds nothing; the scheduler can make it so.
        assert!((396..=400).contains(&cell.gauge("blocks_alive")));
        cell.drain(Duration::from_millis(2200));
        let kept = growth(before);
        println!("held {held} bytes, after the timeouts {kept}");
        assert_eq!(cell.gauge("timers_pending"), 0);
        assert_eq!(cell.gauge("blocks_alive"), 0);
        assert!(kept < 0.01 * held, "{kept} bytes of {held}");
    });
}

#[test]
fn timeouts_of_one_millisecond_are_shared_when_nothing_spreads_them() {
    alone(|| {
        let settings = ["payload=0", "winner=ready", "spread=0ms"];
        let mut cell = prepare("unpatched", &settings);
        cell.load(None, 20_000);
        let timers = cell.gauge("timers_pending");
        let blocks = cell.gauge("blocks_alive");
        println!("{timers} timers and {blocks} blocks for 20000 operations");
        assert!(timers < 5_000, "{timers}");
        // A channel that is touched again is cleaned: at most its last stale handler stays.
        assert!(blocks <= timers, "{blocks} blocks on {timers} timers");
    });
}

#[test]
fn a_workload_that_ends_leaves_nothing_behind() {
    alone(|| {
        for name in ["unpatched", "cleared", "nacked", "timeout2"] {
            // What the process allocates once for threads and tests is there after the first.
            drop(prepare(name, &BOOKKEEPING));
            let before = allocated_bytes();
            let mut cell = prepare(name, &BOOKKEEPING);
            cell.load(None, 20_000);
            drop(cell);
            let left = growth(before);
            println!("{name}: {left} bytes left");
            // Measured: nothing at all.
            assert!(left < 4096.0, "{name}: {left} bytes left");
        }
    });
}
