//! The same task as Rust futures: boxed recursion, and a trampoline.
//!
//! An `async fn` cannot contain itself, so recursion in Rust goes through `Box::pin`, and
//! the box of the next turn is a field of the turn that awaits it. Ownership runs the
//! other way than with promises (the outermost turn owns the innermost), but the end is
//! the same: no turn can be freed before the one inside it is over. Two things are worse.
//! A wake-up reaches the innermost turn only through a poll of every turn around it, and
//! both that poll and the drop recurse on the stack.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

/// Stack of one level of [`recursive_turn`], polled or dropped, with room to spare: a debug
/// build needs between 700 and 800 bytes of it, a release build less than 200.
pub const STACK_BYTES_PER_LEVEL: usize = 2048;

/// What the turns share: settings, the one timer, and counts.
pub struct World {
    /// Bytes of the local that each turn makes and writes.
    pub local_bytes: usize,
    /// Whether a turn keeps its local after the last use, as Rust does unless told.
    pub keeps_dead_locals: bool,
    /// Turns after which the exit condition holds; 0 for never.
    pub exit_after: u64,
    /// Level at which the recursion goes on as a loop, so that the stack suffices.
    pub depth_limit: u64,
    fired: AtomicBool,
    turns: AtomicU64,
    polls: AtomicU64,
    live: AtomicI64,
    deepest: AtomicU64,
}

impl World {
    /// Settings as for the event loop of the other variants.
    pub fn new(
        local_bytes: usize,
        keeps_dead_locals: bool,
        exit_after: u64,
        depth_limit: u64,
    ) -> Arc<Self> {
        Arc::new(World {
            local_bytes,
            keeps_dead_locals,
            exit_after,
            depth_limit,
            fired: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            polls: AtomicU64::new(0),
            live: AtomicI64::new(0),
            deepest: AtomicU64::new(0),
        })
    }

    /// Turns that were started and are not over.
    pub fn live_turns(&self) -> i64 {
        self.live.load(Ordering::Relaxed)
    }

    /// Polls of turns since the last call.
    pub fn take_polls(&self) -> u64 {
        self.polls.swap(0, Ordering::Relaxed)
    }

    /// Whether the recursion has reached its limit and goes on as a loop.
    pub fn is_at_limit(&self) -> bool {
        self.deepest.load(Ordering::Relaxed) >= self.depth_limit
    }

    /// Ready once after each firing of the timer.
    async fn pause(&self) {
        poll_fn(|_| match self.fired.swap(false, Ordering::Relaxed) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    fn turn_is_last(&self) -> bool {
        let turns = self.turns.fetch_add(1, Ordering::Relaxed) + 1;
        self.exit_after > 0 && turns.is_multiple_of(self.exit_after)
    }

    fn enter(self: &Arc<Self>, depth: u64) -> LiveTurn {
        self.live.fetch_add(1, Ordering::Relaxed);
        self.deepest.fetch_max(depth, Ordering::Relaxed);
        LiveTurn(Arc::clone(self))
    }

    fn make_local(&self) -> Box<[u8]> {
        vec![0xA5; self.local_bytes].into_boxed_slice()
    }
}

/// Counts a turn as live for as long as it exists.
struct LiveTurn(Arc<World>);

impl Drop for LiveTurn {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One turn: the box that the turn around it owns.
pub type Turn = Pin<Box<dyn Future<Output = ()> + Send>>;

/// `async fn task() { …; pause().await; …; Box::pin(task()).await }`
pub fn recursive_turn(world: Arc<World>, depth: u64) -> Turn {
    Box::pin(async move {
        let live = world.enter(depth);
        let world = &live.0;
        let mut local = world.make_local();
        loop {
            world.pause().await;
            touch(&mut local);
            if world.turn_is_last() {
                return;
            }
            if depth < world.depth_limit {
                break;
            }
            local = world.make_local();
        }
        if !world.keeps_dead_locals {
            drop(local);
        }
        counted_polls(world, recursive_turn(Arc::clone(world), depth + 1)).await;
    })
}

/// What a bouncing turn gives back: the turn to run next, not yet begun.
struct Bounce(fn(Arc<World>) -> BouncingTurn);

type BouncingTurn = Pin<Box<dyn Future<Output = Option<Bounce>> + Send>>;

/// The driver of the trampoline: a turn says what comes next, ends, and is freed; then the
/// next one begins.
pub fn trampoline(world: Arc<World>) -> Turn {
    Box::pin(async move {
        let mut next = Some(Bounce(bouncing_turn));
        while let Some(Bounce(start)) = next {
            next = counted_polls(&world, start(Arc::clone(&world))).await;
        }
    })
}

fn bouncing_turn(world: Arc<World>) -> BouncingTurn {
    Box::pin(async move {
        let live = world.enter(0);
        let mut local = live.0.make_local();
        live.0.pause().await;
        touch(&mut local);
        (!live.0.turn_is_last()).then_some(Bounce(bouncing_turn))
    })
}

/// Awaits a boxed turn and counts each poll that passes through here.
async fn counted_polls<T>(world: &World, mut turn: Pin<Box<dyn Future<Output = T> + Send>>) -> T {
    poll_fn(|context| {
        world.polls.fetch_add(1, Ordering::Relaxed);
        turn.as_mut().poll(context)
    })
    .await
}

fn touch(local: &mut [u8]) {
    if let Some(byte) = local.first_mut() {
        *byte = 0x5A;
    }
}

/// Starts the task of a variant.
pub type Start = fn(Arc<World>) -> Turn;

/// `boxed-future`.
pub fn start_recursive(world: Arc<World>) -> Turn {
    recursive_turn(world, 1)
}

/// Heap bytes of one suspended level of [`recursive_turn`], without the local.
pub fn bytes_per_level() -> usize {
    let world = World::new(0, true, 0, 0);
    crate::retained::size_class(size_of_val(&*recursive_turn(world, 1)))
}

/// Holds the outermost turn and wakes it.
pub struct Executor {
    world: Arc<World>,
    start: Start,
    outermost: Option<Turn>,
}

impl Executor {
    /// Starts the task and polls it to its first pause.
    pub fn new(world: Arc<World>, start: Start) -> Self {
        let mut executor = Executor {
            world,
            start,
            outermost: None,
        };
        executor.poll();
        executor
    }

    /// Fires the timer and polls from the outermost turn inwards, as a wake-up does.
    pub fn wake(&mut self) {
        self.world.fired.store(true, Ordering::Relaxed);
        self.poll();
    }

    /// What the turns share.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    fn poll(&mut self) {
        loop {
            let turn = self
                .outermost
                .get_or_insert_with(|| (self.start)(Arc::clone(&self.world)));
            self.world.polls.fetch_add(1, Ordering::Relaxed);
            let mut context = Context::from_waker(Waker::noop());
            if turn.as_mut().poll(&mut context).is_pending() {
                return;
            }
            // The exit condition came true: the task is started anew.
            self.outermost = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wake_up_polls_every_level_of_the_chain() {
        let world = World::new(16, true, 0, 1_000);
        let mut executor = Executor::new(Arc::clone(&world), start_recursive);
        world.take_polls();
        for depth in 1..=50 {
            executor.wake();
            // The levels that there were, and the new one.
            assert_eq!(world.take_polls(), depth + 1);
            assert_eq!(world.live_turns(), depth as i64 + 1);
        }
    }

    #[test]
    fn at_its_limit_the_recursion_goes_on_as_a_loop() {
        let world = World::new(16, true, 0, 20);
        let mut executor = Executor::new(Arc::clone(&world), start_recursive);
        for _ in 0..100 {
            executor.wake();
        }
        assert!(world.is_at_limit());
        assert_eq!(world.live_turns(), 20);
        drop(executor);
        assert_eq!(world.live_turns(), 0);
    }

    #[test]
    fn the_trampoline_keeps_one_turn() {
        let world = World::new(16, true, 0, 20);
        let mut executor = Executor::new(Arc::clone(&world), trampoline);
        for _ in 0..100 {
            executor.wake();
            assert_eq!(world.live_turns(), 1);
        }
        world.take_polls();
        executor.wake();
        // The driver, the turn that ends, and the next one.
        assert_eq!(world.take_polls(), 3);
    }

    #[test]
    fn an_exit_condition_that_comes_true_frees_the_chain() {
        let world = World::new(16, true, 50, 1_000);
        let mut executor = Executor::new(Arc::clone(&world), start_recursive);
        for _ in 0..49 {
            executor.wake();
        }
        assert_eq!(world.live_turns(), 50);
        executor.wake();
        assert_eq!(world.live_turns(), 1);
    }
}
