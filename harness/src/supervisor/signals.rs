//! Ctrl-C and TERM: once to stop in order, twice to stop at once. Signals that are sent by mistake
//! and would end the harness without a word are told and change nothing.

use super::readers::Fed;
use crate::system;
use crate::words::say;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The signal that asked for a stop; 0 for none.
static ASKED_BY: AtomicI32 = AtomicI32::new(0);
/// Process groups that run, to be killed at the second signal.
static GROUPS: Mutex<Vec<(u32, SyncSender<Fed>)>> = Mutex::new(Vec::new());

/// Signals of users, timers and descriptors, which mean nothing to the harness.
const MEANT_FOR_OTHERS: [i32; 6] = [
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
];

/// Starts to listen for TERM and XCPU (the soft limit of CPU time is reached), and for INT and HUP
/// unless they were ignored at the start: then the caller (`nohup`, a shell without job control)
/// wants them to do nothing.
///
/// What is meant for others is listened to as well, rather than ignored: children would inherit
/// that.
///
/// # Errors
///
/// The error of the operating system if handlers cannot be set.
pub fn listen() -> std::io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXCPU};
    let wanted = [SIGINT, SIGHUP]
        .into_iter()
        .chain(MEANT_FOR_OTHERS)
        .filter(|signal| !system::is_ignored(*signal))
        .chain([SIGTERM, SIGXCPU]);
    let mut signals = signal_hook::iterator::Signals::new(wanted).map_err(std::io::Error::other)?;
    std::thread::Builder::new()
        .name("leaklab-signals".to_owned())
        .stack_size(128 << 10)
        .spawn(move || {
            let mut told = false;
            for signal in signals.forever() {
                if MEANT_FOR_OTHERS.contains(&signal) {
                    if !std::mem::replace(&mut told, true) {
                        let name = signal_hook::low_level::signal_name(signal).unwrap_or("?");
                        say!(
                            "warning: {name} means nothing here and changes nothing (TERM stops \
                             the run in order)"
                        );
                    }
                    continue;
                }
                if ASKED_BY
                    .compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
                {
                    say!("stopping: files are being finished; once more to stop at once");
                    for (_, cell) in groups().iter() {
                        // A queue that is full is being read.
                        let _ = cell.try_send(Fed::Wake);
                    }
                    continue;
                }
                for (group, _) in groups().iter() {
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

/// Waits for a stop that may be on its way: who stops a service in order signals the harness
/// and its children at once. True if one was asked for.
pub fn await_stop(patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while asked_by().is_none() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    asked_by().is_some()
}

/// Makes a process group known for as long as the result lives, which must be gone before its
/// leader is reaped; `cell` is woken by a signal.
pub fn watch_group(leader: u32, cell: SyncSender<Fed>) -> WatchedGroup {
    groups().push((leader, cell));
    WatchedGroup { leader }
}

/// A group that the second signal kills.
pub struct WatchedGroup {
    leader: u32,
}

impl Drop for WatchedGroup {
    fn drop(&mut self) {
        groups().retain(|(leader, _)| *leader != self.leader);
    }
}

fn groups() -> MutexGuard<'static, Vec<(u32, SyncSender<Fed>)>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}
