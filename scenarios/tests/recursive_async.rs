//! `recursive-async`, measured: what a turn keeps, and what gives it back.

mod recorder;

use leaklab_probe::allocated_bytes;
use leaklab_scenarios::recursive_async::future::{
    Executor, STACK_BYTES_PER_LEVEL, World, start_recursive,
};
use leaklab_scenarios::recursive_async::runtime::{Globals, Runtime};
use leaklab_scenarios::recursive_async::{RecursiveAsync, task};
use leaklab_scenarios::{Expected, Scenario, Variant};
use recorder::{Cell, alone, growth};
use std::sync::Arc;

const OPERATIONS: u64 = 1_500;

fn prepare(variant: &Variant, settings: &[&str]) -> Cell {
    Cell::unwatched(&RecursiveAsync, variant.name, settings, 7)
}

/// The variants that do not end their process.
fn living() -> impl Iterator<Item = &'static Variant> {
    let variants = RecursiveAsync.description().variants.iter();
    variants.filter(|variant| variant.expected != Expected::Dies)
}

#[test]
fn every_variant_keeps_what_its_formula_says() {
    alone(|| {
        for settings in [
            &[][..],
            &["frames=optimized"],
            &["local=0"],
            &["local=16KiB"],
        ] {
            for variant in living() {
                let mut cell = prepare(variant, settings);
                cell.load(None, 200);
                let before = allocated_bytes();
                cell.load(None, OPERATIONS);
                let measured = growth(before) / OPERATIONS as f64;
                let formula = cell.retained();
                let allowed = if formula == 0.0 { 16.0 } else { formula * 0.1 };
                assert!(
                    (measured - formula).abs() <= allowed,
                    "{} {settings:?}: measured {measured}, formula {formula}",
                    variant.name
                );
            }
        }
    });
}

#[test]
fn clearing_the_pending_timer_gives_everything_back() {
    alone(|| {
        for variant in [
            "co-recursive",
            "async-recursive",
            "async-return",
            "old-co-loop",
        ] {
            let runtime = Runtime::new(Globals {
                local_bytes: 2048,
                keeps_dead_registers: true,
                exit_after: 0,
            });
            drop(task::start(variant, &runtime));
            for _ in 0..100 {
                runtime.fire_timer();
            }
            let before = allocated_bytes();
            let found_before = runtime.mark();
            for _ in 0..OPERATIONS {
                runtime.fire_timer();
            }
            let grown = growth(before);
            assert!(
                grown >= 90.0 * OPERATIONS as f64,
                "{variant} grew by {grown}"
            );
            // What a collector finds from the timer on is what the allocator holds.
            let found = (runtime.mark() - found_before) as f64;
            assert!(
                (found / grown - 1.0).abs() < 0.02,
                "{variant}: {found} of {grown} found"
            );
            runtime.clear_timers();
            let left = growth(before);
            assert!(left <= 0.0, "{variant} still holds {left}");
        }
    });
}

#[test]
fn a_collector_has_ever_more_to_do_the_fuller_its_heap() {
    alone(|| {
        // A turn allocates 2.4 KiB, all of which stays under recursion, so that the heap is full
        // after some 800 of them, and none in the loop.
        for (name, least, most) in [("async-recursive", 400, 1_000), ("loop", 1, 20)] {
            let mut cell = prepare(
                living().find(|variant| variant.name == name).expect("it"),
                &["heap=2MiB"],
            );
            cell.load(None, OPERATIONS);
            let collections = cell.gauge("collections");
            assert!(
                (least..=most).contains(&collections),
                "{name}: {collections}"
            );
        }
    });
}

#[test]
fn an_exit_condition_that_comes_true_gives_everything_back() {
    alone(|| {
        for variant in living() {
            let mut cell = prepare(variant, &["exit-after=500"]);
            cell.load(None, 500);
            let before = allocated_bytes();
            cell.load(None, 400);
            let grown = growth(before);
            // With an exit condition, nothing is said to stay.
            let formula = prepare(variant, &[]).retained();
            assert!(
                grown >= 0.9 * formula * 400.0,
                "{} grew by {grown} only",
                variant.name
            );
            cell.load(None, 100);
            let left = growth(before);
            assert!(left < 4096.0, "{} still holds {left}", variant.name);
        }
    });
}

#[test]
fn a_chain_of_boxed_futures_is_freed_with_its_outermost_turn() {
    alone(|| {
        let variant = RecursiveAsync
            .description()
            .variant("boxed-future")
            .expect("declared");
        let before = allocated_bytes();
        let mut cell = prepare(variant, &[]);
        cell.load(None, OPERATIONS);
        let grown = growth(before);
        assert!(grown > 2048.0 * OPERATIONS as f64, "{grown}");
        drop(cell);
        let left = growth(before);
        assert!(left < 4096.0, "{left}");
    });
}

#[test]
fn the_stack_set_aside_per_level_suffices_to_poll_and_to_drop() {
    alone(|| {
        // Too little of it would end this process by a signal.
        const LEVELS: usize = 2_000;
        const BASE: usize = 64 << 10;
        std::thread::Builder::new()
            .stack_size(BASE + LEVELS * STACK_BYTES_PER_LEVEL)
            .spawn(|| {
                let world = World::new(0, true, 0, LEVELS as u64);
                let mut executor = Executor::new(Arc::clone(&world), start_recursive);
                for _ in 0..LEVELS {
                    executor.wake();
                }
                assert_eq!(world.live_turns(), LEVELS as i64);
                drop(executor);
                assert_eq!(world.live_turns(), 0);
            })
            .expect("a thread")
            .join()
            .expect("no panic");
    });
}
