//! `recursive-async`, measured: what a turn keeps, and what gives it back.

use leaklab_probe::allocated_bytes;
use leaklab_scenarios::recursive_async::future::{
    Executor, STACK_BYTES_PER_LEVEL, World, start_recursive,
};
use leaklab_scenarios::recursive_async::runtime::{Globals, Runtime};
use leaklab_scenarios::recursive_async::{RecursiveAsync, task};
use leaklab_scenarios::{
    Load, LoadPlan, NoMeter, Parameters, Scenario, Setup, StopFlag, Variant, Workload,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const OPERATIONS: u64 = 1_500;

/// The heap is shared by all tests of this file: takes it for one, and waits until the
/// test runner's threads are done with theirs (each that starts takes some 40 KiB).
fn alone() -> MutexGuard<'static, ()> {
    static HEAP: Mutex<()> = Mutex::new(());
    let heap = HEAP.lock().unwrap_or_else(PoisonError::into_inner);
    let mut before = live_heap();
    let mut times_equal = 0;
    while times_equal < 10 {
        std::thread::sleep(Duration::from_millis(2));
        let now = live_heap();
        times_equal = if now == before { times_equal + 1 } else { 0 };
        before = now;
    }
    heap
}

fn parameters(settings: &[&str]) -> Parameters {
    Parameters::parse(
        "recursive-async",
        RecursiveAsync.description().parameters,
        settings,
    )
    .expect("valid settings")
}

fn prepare(variant: &'static Variant, settings: &[&str]) -> Box<dyn Workload> {
    RecursiveAsync
        .prepare(Setup {
            variant,
            parameters: parameters(settings),
            seed: 7,
            meter: Arc::new(NoMeter),
        })
        .expect("nothing from outside is needed")
}

fn perform(workload: &mut dyn Workload, operations: u64) {
    let plan = LoadPlan {
        operations: Some(operations),
        ..LoadPlan::default()
    };
    let load = Load::start(plan, StopFlag::default(), Arc::new(NoMeter));
    workload.load(&load).expect("the task runs");
}

fn live_heap() -> i64 {
    i64::try_from(allocated_bytes()).expect("fits")
}

#[test]
fn every_variant_keeps_what_its_formula_says() {
    let _alone = alone();
    for settings in [
        &[][..],
        &["frames=optimized"],
        &["local=0"],
        &["local=16KiB"],
    ] {
        for variant in RecursiveAsync.description().variants {
            let mut workload = prepare(variant, settings);
            perform(&mut *workload, 200);
            let before = live_heap();
            perform(&mut *workload, OPERATIONS);
            let measured = (live_heap() - before) as f64 / OPERATIONS as f64;
            let formula = (variant.retained_bytes_per_operation)(&parameters(settings));
            let allowed = if formula == 0.0 { 16.0 } else { formula * 0.1 };
            assert!(
                (measured - formula).abs() <= allowed,
                "{} {settings:?}: measured {measured}, formula {formula}",
                variant.name
            );
        }
    }
}

#[test]
fn clearing_the_pending_timer_gives_everything_back() {
    let _alone = alone();
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
        let before = live_heap();
        for _ in 0..OPERATIONS {
            runtime.fire_timer();
        }
        let grown = live_heap() - before;
        assert!(grown >= 90 * OPERATIONS as i64, "{variant} grew by {grown}");
        runtime.clear_timers();
        let left = live_heap() - before;
        assert!(left <= 0, "{variant} still holds {left}");
    }
}

#[test]
fn an_exit_condition_that_comes_true_gives_everything_back() {
    let _alone = alone();
    for variant in RecursiveAsync.description().variants {
        let mut workload = prepare(variant, &["exit-after=500"]);
        perform(&mut *workload, 500);
        let before = live_heap();
        perform(&mut *workload, 400);
        let grown = live_heap() - before;
        let formula = (variant.retained_bytes_per_operation)(&parameters(&[]));
        assert!(
            grown as f64 >= 0.9 * formula * 400.0,
            "{} grew by {grown} only",
            variant.name
        );
        perform(&mut *workload, 100);
        let left = live_heap() - before;
        assert!(left < 4096, "{} still holds {left}", variant.name);
    }
}

#[test]
fn a_chain_of_boxed_futures_is_freed_with_its_outermost_turn() {
    let _alone = alone();
    let variant = RecursiveAsync
        .description()
        .variant("boxed-future")
        .expect("declared");
    let before = live_heap();
    let mut workload = prepare(variant, &[]);
    perform(&mut *workload, OPERATIONS);
    let grown = live_heap() - before;
    assert!(grown > 2048 * OPERATIONS as i64, "{grown}");
    drop(workload);
    let left = live_heap() - before;
    assert!(left < 4096, "{left}");
}

#[test]
fn the_stack_set_aside_per_level_suffices_to_poll_and_to_drop() {
    // Too little of it would end this process by a signal.
    const LEVELS: usize = 2_000;
    const BASE: usize = 64 << 10;
    let _alone = alone();
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
}
