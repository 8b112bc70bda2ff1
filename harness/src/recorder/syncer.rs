//! A thread that syncs files every few seconds.

use std::fs::File;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How old a row may become before it is on disk. Rows survive the end of the harness in any
/// case; this is for the end of the machine, and each sync wakes it several times.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(10);

/// Syncs its files until it is stopped or dropped.
pub struct Syncer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    /// Starts the thread. A file system that cannot sync is no reason to end a run: the rows
    /// are written all the same, and survive everything but the end of the machine.
    pub fn start<const N: usize>(files: [File; N]) -> Self {
        let (stop, stopped) = channel();
        let mut synced = [0; N];
        let mut sync = move || {
            for (file, synced) in files.iter().zip(&mut synced) {
                let length_bytes = file.metadata().map_or(u64::MAX, |meta| meta.len());
                if length_bytes != *synced && file.sync_data().is_ok() {
                    *synced = length_bytes;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("leaklab-sync".to_owned())
            .stack_size(128 << 10)
            .spawn(move || {
                while stopped.recv_timeout(SYNC_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    sync();
                }
                sync();
            });
        Syncer {
            stop: Some(stop),
            thread: thread.ok(),
        }
    }

    /// Syncs a last time and ends the thread.
    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It calls nothing that panics.
            let _ = thread.join();
        }
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.stop();
    }
}
