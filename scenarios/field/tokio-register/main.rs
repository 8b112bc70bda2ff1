//! A descriptor that cannot be polled is refused, and the record made for it stays.
mod probe;

use std::os::fd::AsRawFd as _;
use tokio::io::unix::AsyncFd;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime starts");
    let _inside = runtime.enter();
    let file = std::fs::File::open("/proc/self/exe").expect("a program can read itself");
    probe::run(2_000.0, || {
        assert!(AsyncFd::new(file.as_raw_fd()).is_err(), "a plain file is always ready, so the kernel refuses to poll it");
    })
}
