//! A watcher that is polled again, by another task each time, keeps every waker, and with it the task.
mod probe;

use futures_util::Stream;
use n0_watcher::Watcher as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

struct Task([u8; 1000]);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        assert_eq!(self.0[0], 1);
    }
}

fn main() {
    let value = n0_watcher::Watchable::new(0_u32);
    let mut updates = value.watch().stream_updates_only();
    probe::run(2_000.0, || {
        let waker = Waker::from(Arc::new(Task([1; 1000])));
        let mut context = Context::from_waker(&waker);
        assert!(Pin::new(&mut updates).poll_next(&mut context).is_pending());
    })
}
