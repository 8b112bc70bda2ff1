//! `blocked-senders` held against its formulas, and what brings the memory back.

mod recorder;

use leaklab_probe::allocated_bytes;
use leaklab_scenarios::blocked_senders::BlockedSenders;
use recorder::{Cell, alone, growth};
use std::time::Duration;

fn prepare(variant: &str, settings: &[&str]) -> Cell {
    Cell::unwatched(&BlockedSenders, variant, settings, 2)
}

#[test]
fn buggy_variants_retain_their_formulas() {
    alone(|| {
        for name in ["spawn-per-send", "unbounded-queue"] {
            for settings in [
                &["payload=1KiB"][..],
                &["payload=0"],
                &["payload=4KiB", "channels=5", "gone=1"],
                &["payload=0", "gone=8"],
            ] {
                let mut cell = prepare(name, settings);
                let retained = cell.measured(1_000, 20_000);
                let formula = cell.retained();
                println!(
                    "{name} {settings:?}: {retained:.1} bytes per operation, formula {formula}"
                );
                let ratio = retained / formula;
                assert!((ratio - 1.0).abs() < 0.05, "{name} {settings:?}: {ratio}");
            }
        }
    });
}

#[test]
fn nothing_is_retained_when_every_channel_keeps_its_receivers() {
    alone(|| {
        for name in [
            "spawn-per-send",
            "unbounded-queue",
            "try-send",
            "bounded-wait",
        ] {
            let mut cell = prepare(name, &["gone=0", "limit=1ms"]);
            let retained = cell.measured(1_000, 20_000);
            println!("{name}: {retained:.2} bytes per operation");
            assert!(retained.abs() < 16.0, "{name}: {retained}");
            assert_eq!(cell.gauge("dropped_values"), 0, "{name}");
            assert_eq!(cell.gauge("tasks_alive"), 8, "{name}: the receivers");
        }
    });
}

#[test]
fn try_send_drops_what_nobody_waits_for_and_retains_nothing() {
    alone(|| {
        let mut cell = prepare("try-send", &[]);
        let retained = cell.measured(1_000, 40_000);
        assert!(retained.abs() < 16.0, "{retained}");
        // Each of the four lost receivers read three values first.
        assert_eq!(cell.gauge("dropped_values"), 41_000 / 2 - 4 * 3);
        assert_eq!(cell.gauge("tasks_alive"), 4);
        assert_eq!(cell.gauge("blocked_senders"), 0);
    });
}

#[test]
fn bounded_wait_holds_a_limit_of_senders_and_gives_all_of_them_back() {
    alone(|| {
        let limit = Duration::from_millis(20);
        let mut cell = prepare("bounded-wait", &["limit=20ms"]);
        cell.load(Some(5_000.0), 500);
        cell.drain(2 * limit);
        let before = allocated_bytes();
        cell.load(Some(5_000.0), 5_000);
        // 5000 a second × 20 ms × half of the channels = 50; a stalled machine catches up in bursts.
        let waiting = cell.gauge("blocked_senders");
        cell.drain(2 * limit);
        let retained = growth(before) / 5_000.0;
        println!("{waiting} senders wait; {retained:.2} bytes per operation");
        assert!((1..1_000).contains(&waiting), "{waiting}");
        assert_eq!(cell.gauge("blocked_senders"), 0);
        assert_eq!(cell.gauge("dropped_values"), 5_500 / 2 - 4 * 3);
        assert!(retained.abs() < 16.0, "{retained}");
    });
}

#[test]
fn memory_comes_back_when_the_lost_receivers_read_again() {
    alone(|| {
        for (name, gauge) in [
            ("spawn-per-send", "blocked_senders"),
            ("unbounded-queue", "queued_values"),
        ] {
            let mut cell = prepare(name, &["comeback=drain"]);
            let before = allocated_bytes();
            cell.load(None, 20_000);
            let held = growth(before);
            assert_eq!(cell.gauge(gauge), 20_000 / 2 - 4 * 3, "{name}");
            assert!(held > 0.95 * 20_000.0 * cell.retained(), "{name}: {held}");
            cell.drain(Duration::from_millis(200));
            let kept = growth(before);
            println!("{name}: held {held} bytes, after the receivers came back {kept}");
            assert_eq!(cell.gauge(gauge), 0, "{name}");
            assert_eq!(cell.gauge("tasks_alive"), 8, "{name}");
            // The queue of runnable goroutines has grown to all of them once.
            assert!(kept < 0.01 * held, "{name}: {kept} bytes of {held}");
        }
    });
}

#[test]
fn memory_stays_when_the_receivers_never_come_back() {
    alone(|| {
        let mut cell = prepare("spawn-per-send", &[]);
        cell.load(None, 10_000);
        let blocked = cell.gauge("blocked_senders");
        cell.drain(Duration::from_millis(50));
        assert_eq!(cell.gauge("blocked_senders"), blocked);
        assert_eq!(cell.gauge("tasks_alive"), blocked + 4);
    });
}

#[test]
fn a_buffer_delays_the_leak_and_leaves_its_slope() {
    alone(|| {
        let mut cell = prepare("spawn-per-send", &["buffer=100"]);
        cell.load(None, 8 * 103);
        assert_eq!(
            cell.gauge("blocked_senders"),
            0,
            "three read, a hundred buffered"
        );
        assert_eq!(cell.gauge("queued_values"), 400);
        let retained = cell.measured(1_000, 20_000);
        assert!(
            (retained / cell.retained() - 1.0).abs() < 0.05,
            "{retained}"
        );
        assert_eq!(cell.gauge("queued_values"), 400);
        assert_eq!(cell.gauge("blocked_senders"), 21_000 / 2);
    });
}

#[test]
fn some_receivers_return_and_some_fail() {
    alone(|| {
        for name in ["spawn-per-send", "unbounded-queue"] {
            let mut cell = prepare(name, &[]);
            cell.load(None, 100);
            let marks = cell.marks();
            let expected = ["1 returned", "3 failed", "5 returned", "7 failed"];
            assert_eq!(
                marks,
                expected.map(|mark| format!("receiver {mark}")),
                "{name}"
            );
        }
    });
}

#[test]
fn a_workload_that_ends_leaves_nothing_behind() {
    alone(|| {
        for name in ["spawn-per-send", "unbounded-queue", "bounded-wait"] {
            drop(prepare(name, &[]));
            let before = allocated_bytes();
            let mut cell = prepare(name, &[]);
            cell.load(None, 20_000);
            drop(cell);
            let left = growth(before);
            println!("{name}: {left} bytes left");
            // Measured: nothing at all.
            assert!(left < 4096.0, "{name}: {left} bytes left");
        }
    });
}
