//! A small process that outlives a harness which is killed.
//!
//! The kernel ends a child when its harness dies, but not what the child has started. The
//! guard holds the read end of a pipe: lines `+id` and `-id` name process groups; the end of
//! the pipe, which even a killed harness brings about, makes it kill those that are left.

use crate::system;
use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Name of the hidden command that is the guard.
pub const COMMAND: &str = "guard";

/// The harness's side of the guard.
pub struct Guard {
    process: Option<Child>,
    names: Mutex<Option<ChildStdin>>,
}

impl Guard {
    /// Starts the guard; without one (no processes left) a run goes on, less safe.
    pub fn start() -> Self {
        let mut process = Command::new("/proc/self/exe")
            .arg(COMMAND)
            .env_clear()
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok();
        let names = process.as_mut().and_then(|process| process.stdin.take());
        Guard {
            process,
            names: Mutex::new(names),
        }
    }

    /// Names a group that must not outlive the harness.
    pub fn watch(&self, leader: u32) {
        self.say('+', leader);
    }

    /// Takes a group back that has ended.
    pub fn forget(&self, leader: u32) {
        self.say('-', leader);
    }

    fn say(&self, sign: char, leader: u32) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipe) = names.as_mut() {
            // A guard that is gone cannot be told; the run goes on without it.
            let _ = writeln!(pipe, "{sign}{leader}");
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(
            self.names
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }
}

/// The guard itself: reads names until the pipe ends, then kills the groups that are left.
pub fn keep_guard(names: impl BufRead) {
    let mut groups: Vec<u32> = Vec::new();
    for line in names.lines().map_while(Result::ok) {
        let Some(leader) = line.get(1..).and_then(|id| id.parse().ok()) else {
            continue;
        };
        match line.as_bytes().first() {
            Some(b'+') => groups.push(leader),
            _ => groups.retain(|group| *group != leader),
        }
    }
    for group in groups {
        system::signal_group(group, libc::SIGKILL);
    }
}
