//! A listener that is polled again, by another task each time, keeps every waker, and with it the task.
mod probe;

use std::future::Future;
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
    let (_trigger, mut listener) = triggered::trigger();
    probe::run(2_000.0, || {
        let waker = Waker::from(Arc::new(Task([1; 1000])));
        let mut context = Context::from_waker(&waker);
        assert!(Pin::new(&mut listener).poll(&mut context).is_pending());
    })
}
