//! A task that keeps a waker of its own holds itself.
mod probe;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use unicycle::PollNext as _;

struct KeepsWaker(Option<Waker>);

impl Future for KeepsWaker {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0 = Some(context.waker().clone());
        Poll::Pending
    }
}

fn main() {
    let mut context = Context::from_waker(Waker::noop());
    probe::run(5_000.0, || {
        let mut all = unicycle::FuturesUnordered::new();
        all.push(KeepsWaker(None));
        let _ = Pin::new(&mut all).poll_next(&mut context);
    })
}
