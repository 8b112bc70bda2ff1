//! A watcher that is polled in a select loop without a change of value adds a waker each time.
mod probe;

use futures_util::StreamExt as _;
use n0_watcher::Watcher as _;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    let value = n0_watcher::Watchable::new(0_u32);
    let mut updates = value.watch().stream_updates_only();
    probe::run(20_000.0, || {
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = updates.next() => unreachable!("the value never changes"),
                () = std::future::ready(()) => {}
            }
        });
    })
}
