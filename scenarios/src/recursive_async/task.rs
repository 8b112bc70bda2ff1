//! The report's task in each of its forms: wait a little, do a turn, go on.
//!
//! Every body makes one local before the pause, uses it after the pause for the last time,
//! evaluates the exit condition, and goes on in its own way.

use super::co::{self, Generator, Yielded};
use super::function::{AsyncCall, AwaitContext, AwaitFulfilled, AwaitRejected};
use super::function::{Frame, Registers, Step, call};
use super::promise::{Promise, Reaction};
use super::runtime::Runtime;
use crate::retained::{boxed, counted};
use std::rc::Rc;

/// Starts the task of the named variant; the caller drops what it gives back.
pub fn start(variant: &str, runtime: &Runtime) -> Rc<Promise> {
    match variant {
        "co-recursive" => co::run(runtime, Generator::new(co_recursive)),
        "old-co-loop" => co::run_4_0_2(runtime, Generator::new(co_loop)),
        "async-recursive" => call(runtime, async_recursive),
        "async-return" => call(runtime, async_return),
        "detached" => call(runtime, detached),
        _ => call(runtime, loops),
    }
}

/// Heap bytes of one level of `await task()`, without the task's local.
pub fn bytes_per_await() -> usize {
    counted::<AsyncCall>()
        + boxed::<Registers>()
        + counted::<Promise>()
        + boxed::<Reaction>()
        + counted::<AwaitFulfilled>()
        + counted::<AwaitRejected>()
        + counted::<AwaitContext>()
}

/// Heap bytes of one promise that follows another.
pub fn bytes_per_follow() -> usize {
    counted::<Promise>() + boxed::<Reaction>()
}

/// `async function task() { …; await pause(); …; await task(); }`
fn async_recursive(frame: &Frame, runtime: &Runtime) -> Step {
    match frame.advance() {
        0 => {
            frame.make_local(runtime);
            Step::Await(runtime.pause())
        }
        1 => {
            frame.touch_local();
            if runtime.turn_is_last() {
                return Step::Return;
            }
            frame.suspend_dead(runtime);
            Step::Await(call(runtime, async_recursive))
        }
        _ => Step::Return,
    }
}

/// `async function task() { …; await pause(); …; return task(); }`
fn async_return(frame: &Frame, runtime: &Runtime) -> Step {
    match frame.advance() {
        0 => {
            frame.make_local(runtime);
            Step::Await(runtime.pause())
        }
        _ => {
            frame.touch_local();
            if runtime.turn_is_last() {
                return Step::Return;
            }
            Step::ReturnPromise(call(runtime, async_return))
        }
    }
}

/// `async function task() { …; await pause(); …; task(); }`
fn detached(frame: &Frame, runtime: &Runtime) -> Step {
    match frame.advance() {
        0 => {
            frame.make_local(runtime);
            Step::Await(runtime.pause())
        }
        _ => {
            frame.touch_local();
            if !runtime.turn_is_last() {
                call(runtime, detached);
            }
            Step::Return
        }
    }
}

/// `async function task() { while (true) { …; await pause(); … } }`
fn loops(frame: &Frame, runtime: &Runtime) -> Step {
    if frame.advance() > 0 {
        frame.touch_local();
        if runtime.turn_is_last() {
            return Step::Return;
        }
    }
    frame.make_local(runtime);
    Step::Await(runtime.pause())
}

/// `function* task() { …; yield pause(); …; yield task(); }`
fn co_recursive(frame: &Frame, runtime: &Runtime) -> Yielded {
    match frame.advance() {
        0 => {
            frame.make_local(runtime);
            Yielded::Promise(runtime.pause())
        }
        1 => {
            frame.touch_local();
            if runtime.turn_is_last() {
                return Yielded::Done;
            }
            frame.suspend_dead(runtime);
            Yielded::Generator(Generator::new(co_recursive))
        }
        _ => Yielded::Done,
    }
}

/// `function* task() { while (true) { …; yield pause(); … } }`
fn co_loop(frame: &Frame, runtime: &Runtime) -> Yielded {
    if frame.advance() > 0 {
        frame.touch_local();
        if runtime.turn_is_last() {
            return Yielded::Done;
        }
    }
    frame.make_local(runtime);
    Yielded::Promise(runtime.pause())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recursive_async::heap::{CONTEXT, GENERATOR, PROMISE, REACTION, census};
    use crate::recursive_async::promise::Outcome;
    use crate::recursive_async::runtime::Globals;

    fn runtime(exit_after: u64) -> Runtime {
        Runtime::new(Globals {
            local_bytes: 64,
            keeps_dead_registers: true,
            exit_after,
        })
    }

    #[test]
    fn the_census_grows_by_the_objects_of_one_level_per_turn() {
        for (variant, generators, promises, reactions, contexts) in [
            ("co-recursive", 1, 2, 1, 3),
            ("old-co-loop", 0, 1, 1, 0),
            ("async-recursive", 1, 1, 1, 1),
            ("async-return", 0, 1, 1, 0),
            ("detached", 0, 0, 0, 0),
            ("loop", 0, 0, 0, 0),
        ] {
            let runtime = runtime(0);
            drop(start(variant, &runtime));
            let before = census();
            for _ in 0..100 {
                assert!(runtime.fire_timer(), "{variant}");
            }
            let grown = |kind: usize| census()[kind] - before[kind];
            assert_eq!(grown(GENERATOR), 100 * generators, "{variant}");
            assert_eq!(grown(PROMISE), 100 * promises, "{variant}");
            assert_eq!(grown(REACTION), 100 * reactions, "{variant}");
            assert_eq!(grown(CONTEXT), 100 * contexts, "{variant}");
        }
    }

    #[test]
    fn clearing_the_timer_makes_all_of_it_garbage_however_long_the_chain() {
        for variant in [
            "co-recursive",
            "old-co-loop",
            "async-recursive",
            "async-return",
        ] {
            let runtime = runtime(0);
            drop(start(variant, &runtime));
            for _ in 0..100_000 {
                runtime.fire_timer();
            }
            runtime.clear_timers();
            assert_eq!(census(), [0; 5], "{variant}");
        }
    }

    #[test]
    fn an_exit_condition_that_comes_true_ends_every_level() {
        for variant in [
            "co-recursive",
            "old-co-loop",
            "async-recursive",
            "async-return",
            "loop",
        ] {
            let runtime = runtime(1_000);
            let promise = start(variant, &runtime);
            for _ in 0..999 {
                runtime.fire_timer();
            }
            assert_eq!(promise.outcome(), None, "{variant}");
            runtime.fire_timer();
            assert_eq!(promise.outcome(), Some(Outcome::Fulfilled), "{variant}");
            assert!(!runtime.has_timer(), "{variant}");
            drop(promise);
            assert_eq!(census(), [0; 5], "{variant}");
        }
    }

    #[test]
    fn a_detached_turn_settles_at_once_and_the_next_one_goes_on() {
        let runtime = runtime(0);
        let promise = start("detached", &runtime);
        runtime.fire_timer();
        assert_eq!(promise.outcome(), Some(Outcome::Fulfilled));
        assert!(runtime.has_timer());
    }
}
