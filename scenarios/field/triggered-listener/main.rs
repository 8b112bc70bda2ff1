//! A listener that is polled while something else is ready adds a waker each time.
mod probe;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

fn main() {
    let mut context = Context::from_waker(Waker::noop());
    let (_trigger, mut listener) = triggered::trigger();
    probe::run(20_000.0, || {
        assert!(Pin::new(&mut listener).poll(&mut context).is_pending());
    })
}
