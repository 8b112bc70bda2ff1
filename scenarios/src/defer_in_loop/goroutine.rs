//! A goroutine as far as `defer` goes: one list of records, each of some function's frame.
//!
//! Go 1.27 links the records of all frames of a goroutine into one list (`g._defer`), the
//! newest first. A function that returns runs those at the head that carry its own stack
//! pointer, and stops at the first that does not (`runtime.deferreturn`). A record that has
//! run goes to a pool of the processor, of at most 32, from which the next `defer` takes it.
//! Nothing looks at the list while the function still runs: that is the whole leak.

use std::panic::Location;

/// Records that the pool keeps for the next `defer`; the capacity of Go's `deferpoolbuf`.
const POOL_CAPACITY: usize = 32;

/// What one `defer` registers: Go's `runtime._defer`, 48 bytes there and here.
pub(super) struct Record {
    /// The stack pointer of the function that registered it.
    frame: usize,
    /// Where it was registered; Go's `pc`.
    _site: &'static Location<'static>,
    /// The deferred call and all that it owns; none in the pool.
    call: Option<Box<dyn FnOnce()>>,
    /// The record registered before this one.
    next: Option<Box<Record>>,
}

/// A function being executed. Its deferred calls run when it is left, not before.
pub(super) struct Frame {
    stack_pointer: usize,
}

/// The list of deferred calls of one goroutine, and how deep its calls are nested.
#[derive(Default)]
pub(super) struct Goroutine {
    newest: Option<Box<Record>>,
    pool: Option<Box<Record>>,
    pooled: usize,
    deferred: usize,
    depth: usize,
}

impl Goroutine {
    /// Enters a function.
    pub(super) fn enter(&mut self) -> Frame {
        self.depth += 1;
        Frame {
            stack_pointer: self.depth,
        }
    }

    /// Returns from a function: runs what it deferred, the newest first.
    pub(super) fn leave(&mut self, frame: Frame) {
        debug_assert_eq!(frame.stack_pointer, self.depth, "functions return in order");
        while let Some(mut record) = self
            .newest
            .take_if(|record| record.frame == frame.stack_pointer)
        {
            self.newest = record.next.take();
            self.deferred -= 1;
            if let Some(call) = record.call.take() {
                call();
            }
            self.recycle(record);
        }
        self.depth -= 1;
    }

    /// Calls a function: enters it, runs its body, returns from it.
    pub(super) fn call<R>(&mut self, body: impl FnOnce(&mut Self, &Frame) -> R) -> R {
        let frame = self.enter();
        let result = body(self, &frame);
        self.leave(frame);
        result
    }

    /// `defer call()`, written in the function of `frame`.
    #[track_caller]
    pub(super) fn defer(&mut self, frame: &Frame, call: impl FnOnce() + 'static) {
        let site = Location::caller();
        let before = self.newest.take();
        let record = match self.pool.take() {
            Some(mut record) => {
                self.pool = record.next.take();
                self.pooled -= 1;
                *record = Record {
                    frame: frame.stack_pointer,
                    _site: site,
                    call: Some(Box::new(call)),
                    next: before,
                };
                record
            }
            None => Box::new(Record {
                frame: frame.stack_pointer,
                _site: site,
                call: Some(Box::new(call)),
                next: before,
            }),
        };
        self.newest = Some(record);
        self.deferred += 1;
    }

    /// Calls registered and not yet run.
    pub(super) fn deferred(&self) -> usize {
        self.deferred
    }

    fn recycle(&mut self, mut record: Box<Record>) {
        if self.pooled < POOL_CAPACITY {
            record.next = self.pool.take();
            self.pool = Some(record);
            self.pooled += 1;
        }
    }
}

impl Drop for Goroutine {
    fn drop(&mut self) {
        // The process ends: nothing runs any more. One after the other, because dropping a
        // long list by recursion overflows the stack.
        let mut next = self.newest.take();
        while let Some(mut record) = next {
            next = record.next.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    type Log = Rc<RefCell<Vec<u32>>>;

    fn note(log: &Log, number: u32) -> impl FnOnce() + 'static {
        let log = Rc::clone(log);
        move || log.borrow_mut().push(number)
    }

    #[test]
    fn deferred_calls_run_at_return_newest_first() {
        let log = Log::default();
        let mut goroutine = Goroutine::default();
        goroutine.call(|goroutine, frame| {
            for number in 0..4 {
                goroutine.defer(frame, note(&log, number));
            }
            assert!(log.borrow().is_empty(), "the function has not returned");
        });
        assert_eq!(*log.borrow(), [3, 2, 1, 0]);
        assert_eq!(goroutine.deferred(), 0);
    }

    #[test]
    fn a_returning_function_runs_its_own_calls_and_leaves_those_of_its_caller() {
        let log = Log::default();
        let mut goroutine = Goroutine::default();
        goroutine.call(|goroutine, outer| {
            goroutine.defer(outer, note(&log, 1));
            goroutine.call(|goroutine, inner| goroutine.defer(inner, note(&log, 2)));
            assert_eq!(*log.borrow(), [2]);
            assert_eq!(goroutine.deferred(), 1);
        });
        assert_eq!(*log.borrow(), [2, 1]);
    }

    #[test]
    fn records_that_have_run_are_used_again_up_to_the_size_of_the_pool() {
        let mut goroutine = Goroutine::default();
        goroutine.call(|goroutine, frame| {
            for _ in 0..100 {
                goroutine.defer(frame, || ());
            }
        });
        assert_eq!(goroutine.pooled, POOL_CAPACITY);
        goroutine.call(|goroutine, frame| {
            goroutine.defer(frame, || ());
            assert_eq!(goroutine.pooled, POOL_CAPACITY - 1);
        });
        assert_eq!(goroutine.pooled, POOL_CAPACITY);
    }

    #[test]
    fn a_goroutine_that_ends_with_its_process_runs_nothing() {
        let log = Log::default();
        let mut goroutine = Goroutine::default();
        let frame = goroutine.enter();
        // Long enough that a recursive drop would overflow the stack of a test thread.
        for number in 0..200_000 {
            goroutine.defer(&frame, note(&log, number));
        }
        drop(goroutine);
        assert!(log.borrow().is_empty());
        assert_eq!(Rc::strong_count(&log), 1, "what the calls owned is gone");
    }
}
