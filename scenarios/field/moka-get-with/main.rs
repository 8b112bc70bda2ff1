//! get_with() leaves the record of who waits for the value in its map: it is looked for under another hash.
mod probe;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn main() {
    let cache = moka::future::Cache::<u64, u64>::new(100);
    let mut context = Context::from_waker(Waker::noop());
    let mut key = 0;
    probe::run(500.0, || {
        key += 1;
        let mut wanted = pin!(async {
            cache.get_with(key, async { key }).await;
            cache.invalidate(&key).await;
            cache.run_pending_tasks().await;
        });
        while wanted.as_mut().poll(&mut context) == Poll::Pending {}
    })
}
