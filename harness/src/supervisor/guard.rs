//! A small process that outlives a harness which is killed.
//!
//! The kernel ends a child when its harness dies, but not what the child has started. The
//! guard holds the read end of a pipe: lines `+id start` and `-id` name processes, `@folder` and
//! `!folder` the control groups of cells; the end of the pipe, which even a killed harness brings
//! about, makes it end those that are left, and all that carry a cell's name in their
//! environment. It is started anew if it ends.

use crate::procfs::{CELL_VARIABLE, start_ticks};
use crate::system::{self, ProcessHandle};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Name of the hidden command that is the guard.
pub const COMMAND: &str = "guard";

/// Rounds of looking for what is left, once the harness is gone; processes that are started
/// meanwhile are found in the next.
const ROUNDS: usize = 200;
/// Time between two rounds.
const ROUND_PAUSE: Duration = Duration::from_millis(10);

/// The harness's side of the guard.
pub struct Guard {
    state: Mutex<State>,
    token: String,
}

struct State {
    process: Option<Child>,
    names: Option<ChildStdin>,
    /// Start of each process that must not outlive the harness.
    watched: BTreeMap<u32, u64>,
    /// Folders of control groups that must not outlive it either.
    groups: BTreeSet<PathBuf>,
}

impl Guard {
    /// Starts the guard; without one (no processes left) a run goes on, less safe.
    pub fn start() -> Self {
        let token = format!(
            "{}-{}",
            std::process::id(),
            system::monotonic_us() & 0xffff_ffff
        );
        let guard = Guard {
            state: Mutex::new(State {
                process: None,
                names: None,
                watched: BTreeMap::new(),
                groups: BTreeSet::new(),
            }),
            token,
        };
        guard.state().start(&guard.token);
        guard
    }

    /// What the names of all cells of this harness begin with.
    pub fn token(&self) -> &str {
        &self.token
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names a process that must not outlive the harness.
    pub fn watch(&self, pid: u32, start_ticks: u64) {
        let mut state = self.state();
        state.watched.insert(pid, start_ticks);
        state.say(&self.token, &format!("+{pid} {start_ticks}\n"));
    }

    /// Names a control group that must not outlive the harness.
    pub fn watch_group(&self, folder: &Path) {
        let mut state = self.state();
        if state.groups.insert(folder.to_owned()) {
            state.say(&self.token, &format!("@{}\n", folder.display()));
        }
    }

    /// Takes one back that is empty.
    pub fn forget_group(&self, folder: &Path) {
        let mut state = self.state();
        if state.groups.remove(folder) {
            state.say(&self.token, &format!("!{}\n", folder.display()));
        }
    }

    /// Takes one back that has ended.
    pub fn forget(&self, pid: u32) {
        let mut state = self.state();
        if state.watched.remove(&pid).is_some() {
            state.say(&self.token, &format!("-{pid}\n"));
        }
    }

    /// Starts the guard anew if it has ended; called now and then.
    pub fn keep_alive(&self) {
        let mut state = self.state();
        let process = state.process.as_mut();
        if process.is_some_and(|process| !matches!(process.try_wait(), Ok(None))) {
            state.start(&self.token);
        }
    }
}

impl State {
    fn start(&mut self, token: &str) {
        self.stop();
        let process = Command::new("/proc/self/exe")
            .arg(COMMAND)
            .arg(token)
            .env_clear()
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut process) = process else { return };
        self.names = process.stdin.take();
        self.process = Some(process);
        let mut all = String::new();
        for (pid, start) in &self.watched {
            all.push_str(&format!("+{pid} {start}\n"));
        }
        for folder in &self.groups {
            all.push_str(&format!("@{}\n", folder.display()));
        }
        if let Some(names) = &mut self.names {
            let _ = names.write_all(all.as_bytes());
            // From here on a guard that was stopped and does not read holds nobody up.
            system::make_nonblocking(names.as_fd());
        }
    }

    fn stop(&mut self) {
        drop(self.names.take());
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }

    fn say(&mut self, token: &str, line: &str) {
        let told = self
            .names
            .as_mut()
            .map(|names| names.write_all(line.as_bytes()));
        if let Some(Err(_)) = told {
            // Gone, or stopped: another one is told everything.
            if let Some(process) = &mut self.process {
                let _ = process.kill();
            }
            self.start(token);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.state().stop();
    }
}

/// The guard itself: reads names until the pipe ends, then ends what is left.
pub fn keep_guard(names: impl BufRead, token: &str) {
    // What stops a harness and all around it in order must not stop its guard.
    system::ignore_stop_signals();
    let mut watched: BTreeMap<u32, u64> = BTreeMap::new();
    let mut groups: BTreeSet<PathBuf> = BTreeSet::new();
    for line in names.lines().map_while(Result::ok) {
        let Some((sign, rest)) = line.split_at_checked(1) else {
            continue;
        };
        match sign {
            "@" => drop(groups.insert(PathBuf::from(rest))),
            "!" => drop(groups.remove(Path::new(rest))),
            _ => {}
        }
        let mut numbers = rest.split(' ').map(str::parse::<u64>);
        let Some(Ok(Ok(pid))) = numbers.next().map(|number| number.map(u32::try_from)) else {
            continue;
        };
        match (sign, numbers.next()) {
            ("+", Some(Ok(start))) => drop(watched.insert(pid, start)),
            _ => drop(watched.remove(&pid)),
        }
    }
    if !watched.is_empty() {
        end_watched(&watched, token);
    }
    for folder in &groups {
        crate::cgroup::end_group(folder);
    }
}

fn end_watched(watched: &BTreeMap<u32, u64>, token: &str) {
    for _ in 0..ROUNDS {
        let mut left = false;
        for (pid, start) in watched {
            left |= end(*pid, Some(*start));
        }
        for pid in with_token(token) {
            left |= end(pid, None);
        }
        if !left {
            return;
        }
        std::thread::sleep(ROUND_PAUSE);
    }
}

/// Kills a process, unless its id has been given to one that was started at another time.
fn end(pid: u32, start: Option<u64>) -> bool {
    let handle = ProcessHandle::open(pid);
    let now = start_ticks(pid);
    if now.is_none() || start.is_some_and(|start| now != Some(start)) {
        return false;
    }
    match handle {
        Some(handle) => handle.signal(libc::SIGKILL),
        None => system::signal_process(pid, libc::SIGKILL),
    }
    true
}

/// Processes that have inherited the name of one of the harness's cells.
fn with_token(token: &str) -> Vec<u32> {
    let wanted = format!("{CELL_VARIABLE}={token}-");
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            variables.any(|variable| variable.starts_with(wanted.as_bytes()))
        })
        .collect()
}
