//! Ctrl-C and TERM: once to stop in order, twice to stop at once.

use crate::system;
use crate::words::say;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The signal that asked for a stop; 0 for none.
static ASKED_BY: AtomicI32 = AtomicI32::new(0);
/// Process groups that run, to be killed at the second signal.
static GROUPS: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// Starts to listen for TERM, and for INT and HUP unless they were ignored at the start: then
/// the caller (`nohup`, a shell without job control) wants them to do nothing.
///
/// # Errors
///
/// The error of the operating system if handlers cannot be set.
pub fn listen() -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let wanted = [SIGINT, SIGHUP]
        .into_iter()
        .filter(|signal| !system::is_ignored(*signal))
        .chain([SIGTERM]);
    let mut signals = signal_hook::iterator::Signals::new(wanted).map_err(std::io::Error::other)?;
    std::thread::Builder::new()
        .name("leaklab-signals".to_owned())
        .stack_size(128 << 10)
        .spawn(move || {
            for signal in signals.forever() {
                if ASKED_BY
                    .compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
                {
                    say!("stopping: files are being finished; once more to stop at once");
                    continue;
                }
                for group in groups().iter() {
                    system::signal_group(*group, libc::SIGKILL);
                }
                std::process::exit(128 + signal);
            }
        })?;
    Ok(())
}

/// The signal that asked for a stop, if one has.
pub fn asked_by() -> Option<i32> {
    match ASKED_BY.load(Ordering::SeqCst) {
        0 => None,
        signal => Some(signal),
    }
}

/// Makes a process group known for as long as the result lives.
pub fn watch_group(leader: u32) -> WatchedGroup {
    groups().push(leader);
    WatchedGroup { leader }
}

/// A group that the second signal kills.
pub struct WatchedGroup {
    leader: u32,
}

impl Drop for WatchedGroup {
    fn drop(&mut self) {
        groups().retain(|leader| *leader != self.leader);
    }
}

fn groups() -> MutexGuard<'static, Vec<u32>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}
