//! What into_iter() hands out leaves its task behind.
mod probe;

use futures_util::stream::{FuturesUnordered, Stream};
use std::future::{Pending, pending};
use std::pin::Pin;
use std::task::{Context, Waker};

fn main() {
    let mut context = Context::from_waker(Waker::noop());
    probe::run(5_000.0, || {
        let mut all = FuturesUnordered::<Pending<()>>::new();
        all.push(pending());
        let _ = Pin::new(&mut all).poll_next(&mut context);
        assert_eq!(all.into_iter().count(), 1);
    })
}
