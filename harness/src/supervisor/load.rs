//! Load commands: companions of a program, started when it is ready, stopped when its load is
//! over, measured apart.

use super::guard::Guard;
use super::protocol::Message;
use super::readers::{Fed, ReadyLine, read_pipe, read_stderr};
use super::ready::Ready;
use super::scrape::Scrape;
use super::settle::Settle;
use crate::procfs::ProcessTree;
use crate::rules::Rule;
use crate::snapshot::{Limits, SnapshotPlan};
use crate::supervisor::signals;
use crate::system;
use crate::time::duration_text;
use leaklab_run::LoadReport;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Messages of a load command that wait for the loop.
const QUEUE: usize = 256;
/// Part of the load that a load command may lack at its end: tools round, and start later.
const ROUNDING: f64 = 0.05;
/// How long what a command has left running may take to end when it is killed.
const LEFT_PATIENCE: Duration = Duration::from_millis(500);
/// How long the last lines of a command that has ended may take to reach its log.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Most bytes of a log that are searched for closing figures.
const CLOSING_BYTES: u64 = 64 << 10;

/// Surroundings that load, set-up and tear-down commands share with the program.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Variables beyond the caller's.
    pub environment: Vec<(String, String)>,
    /// Folder in which they run, if it is to differ.
    pub folder: Option<PathBuf>,
}

/// What stands beside a program while it runs.
#[derive(Debug, Clone, Default)]
pub struct Beside {
    /// What says that it is ready; `None` if it is ready when it starts, or says so itself.
    pub ready: Option<Ready>,
    /// A page on which it says what its heap holds.
    pub scrape: Option<Scrape>,
    /// Commands that put it under load.
    pub loads: Vec<Vec<String>>,
    /// Commands that must succeed before it is started.
    pub setup: Vec<Vec<String>>,
    /// Commands that are run when it has ended.
    pub teardown: Vec<Vec<String>>,
    /// Command that is run when it leaks, dies or fails.
    pub alarm: Option<Vec<String>>,
    /// What asks it for a full collection.
    pub settle: Option<Settle>,
    /// Snapshots of its objects.
    pub snapshots: Vec<SnapshotPlan>,
    /// What each of them may take.
    pub snapshot_limits: Limits,
    /// What is done when a figure says that something is wrong.
    pub rules: Vec<Rule>,
    /// What these commands share with it.
    pub surroundings: Surroundings,
}

/// The load commands of a cell that run.
pub struct Loads {
    running: Vec<Companion>,
    began: Instant,
    stopped: Option<Instant>,
}

struct Companion {
    report: LoadReport,
    process: Child,
    tree: ProcessTree,
    said: Receiver<Fed>,
    logging: JoinHandle<()>,
    ended: Option<(ExitStatus, Duration)>,
    log: PathBuf,
    watched: Option<signals::WatchedGroup>,
    guarded: Vec<u32>,
}

/// Why the load is over before its time.
#[derive(Debug, PartialEq)]
pub enum LoadEnd {
    /// A command failed: what it said.
    Failed(String),
    /// All have ended with success.
    Early(String),
}

impl Loads {
    /// Starts them, each in a process group of its own that dies with this thread.
    ///
    /// # Errors
    ///
    /// Words on the first that cannot be started; the others are ended.
    pub fn start(
        commands: &[Vec<String>],
        surroundings: &Surroundings,
        cell: &Path,
        pid: u32,
        guard: &Guard,
    ) -> Result<Self, String> {
        let mut loads = Loads {
            running: Vec::new(),
            began: Instant::now(),
            stopped: None,
        };
        for (index, words) in commands.iter().enumerate() {
            let words: Vec<String> = words.iter().map(|word| with_pid(word, pid)).collect();
            let line = words.join(" ");
            let companion = Companion::start(words, surroundings, cell, index + 1)
                .map_err(|error| format!("the load `{line}` could not be started: {error}"))?;
            loads.running.push(companion);
        }
        for one in &mut loads.running {
            one.look(loads.began, guard);
        }
        Ok(loads)
    }

    /// What they said on their pipes since the last look.
    pub fn messages(&mut self) -> Vec<Message> {
        let said = self.running.iter().flat_map(|one| one.said.try_iter());
        said.filter_map(|fed| match fed {
            Fed::Message(message) => Some(*message),
            _ => None,
        })
        .collect()
    }

    /// Measures them, and tells whether the load is over before its time; `left` is what is left
    /// of `planned`.
    pub fn look(&mut self, planned: Duration, left: Duration, guard: &Guard) -> Option<LoadEnd> {
        for one in &mut self.running {
            one.look(self.began, guard);
        }
        if self.stopped.is_some() {
            return None;
        }
        let failed = self.running.iter().find_map(|one| {
            let (status, after) = one.ended?;
            let why = one.failure(status)?;
            Some(format!(
                "the load ended after {}: {why}",
                duration_text(after)
            ))
        });
        if let Some(words) = failed {
            return Some(LoadEnd::Failed(words));
        }
        let all_ended = !self.running.is_empty() && self.running.iter().all(|o| o.ended.is_some());
        let is_early = left > planned.mul_f64(ROUNDING).max(Duration::from_secs(1));
        (all_ended && is_early).then(|| {
            let after = self
                .running
                .iter()
                .filter_map(|one| one.ended)
                .map(|(_, t)| t);
            LoadEnd::Early(format!(
                "the load ended by itself after {} of {}",
                duration_text(after.max().unwrap_or_default()),
                duration_text(planned)
            ))
        })
    }

    /// Whether all have ended.
    pub fn have_ended(&self) -> bool {
        self.running.iter().all(|one| one.ended.is_some())
    }

    /// Asks them to end; those that do not within `grace` are killed by [`Loads::finish`] or the
    /// next call.
    pub fn stop(&mut self, grace: Duration) {
        let since = *self.stopped.get_or_insert_with(|| {
            // Ctrl-C first: load tools print their closing figures then.
            for one in self.running.iter().filter(|one| one.ended.is_none()) {
                system::signal_group(one.process.id(), libc::SIGINT);
            }
            Instant::now()
        });
        let signal = match since.elapsed() {
            passed if passed > grace => libc::SIGKILL,
            passed if passed > grace / 2 => libc::SIGTERM,
            _ => return,
        };
        for one in self.running.iter().filter(|one| one.ended.is_none()) {
            system::signal_group(one.process.id(), signal);
        }
    }

    /// Ends them all and says what became of each.
    pub fn finish(mut self, grace: Duration, guard: &Guard) -> Vec<LoadReport> {
        while !self.have_ended() {
            self.stop(grace);
            for one in &mut self.running {
                one.look(self.began, guard);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let was_stopped = self.stopped.is_some();
        let running = std::mem::take(&mut self.running);
        let report = |one: Companion| one.report(was_stopped);
        running.into_iter().map(report).collect()
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        if self.ended.is_none() {
            system::signal_group(self.process.id(), libc::SIGKILL);
            self.watched = None;
            let _ = self.process.wait();
        }
    }
}

/// A command with `{pid}` filled in.
pub fn with_pid(word: &str, pid: u32) -> String {
    word.replace("{pid}", &pid.to_string())
}

/// A command that is not started yet, with the caller's environment, and the thread that keeps
/// its log within bounds.
pub fn companion(
    words: &[String],
    surroundings: &Surroundings,
    log: &Path,
) -> std::io::Result<(Command, JoinHandle<()>)> {
    let program = words
        .first()
        .ok_or_else(|| std::io::Error::other("it is empty"))?;
    let (said, out) = std::io::pipe()?;
    let err = out.try_clone()?;
    let lost = Arc::new(AtomicU64::new(0));
    let logging = read_stderr(said, File::create(log)?, lost, ReadyLine::default())?;
    let mut command = Command::new(program);
    command
        .args(&words[1..])
        .envs(
            surroundings
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        )
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err);
    if let Some(folder) = &surroundings.folder {
        command.current_dir(folder);
    }
    Ok((command, logging))
}

/// Waits for the last words of a command that has ended; a descendant may hold its log open.
fn last_words(logging: &JoinHandle<()>) {
    let deadline = Instant::now() + LAST_WORDS;
    while !logging.is_finished() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Companion {
    fn start(
        words: Vec<String>,
        surroundings: &Surroundings,
        cell: &Path,
        number: usize,
    ) -> std::io::Result<Self> {
        let log = cell.join(format!("load-{number}.log"));
        let (mut command, logging) = companion(&words, surroundings, &log)?;
        let (pipe, its_end) = std::io::pipe()?;
        command.env("LEAKLAB_PIPE", its_end.as_raw_fd().to_string());
        system::isolate(&mut command, its_end.as_fd());
        let process = command.spawn()?;
        // Its ends of the pipes: what reads them would wait for this process too.
        drop((its_end, command));
        let (to, said) = sync_channel(QUEUE);
        read_pipe(pipe, to.clone())?;
        let pid = process.id();
        Ok(Companion {
            report: LoadReport {
                command: words,
                ..LoadReport::default()
            },
            tree: ProcessTree::new(pid),
            process,
            said,
            logging,
            ended: None,
            log,
            watched: Some(signals::watch_group(pid, to)),
            guarded: Vec::new(),
        })
    }

    fn look(&mut self, began: Instant, guard: &Guard) {
        if self.ended.is_some() {
            return;
        }
        let figures = self.tree.sample();
        let report = &mut self.report;
        report.peak_rss_bytes = report.peak_rss_bytes.max(figures.rss_bytes);
        report.cpu_ms = report.cpu_ms.max(figures.cpu_ms);
        for (pid, start_ticks) in self.tree.take_news() {
            guard.watch(pid, start_ticks);
            self.guarded.push(pid);
        }
        if system::child_end(self.process.id(), false).is_none() {
            return;
        }
        // What it has left in its group, while its id is still its own.
        system::signal_group(self.process.id(), libc::SIGKILL);
        self.watched = None;
        // And what has left the group.
        self.tree.end_all(LEFT_PATIENCE);
        if let Ok(status) = self.process.wait() {
            self.ended = Some((status, began.elapsed()));
            last_words(&self.logging);
        }
        for pid in self.guarded.drain(..) {
            guard.forget(pid);
        }
    }

    /// Why what it did was no load: a bad end, or no request that was answered.
    fn failure(&self, status: ExitStatus) -> Option<String> {
        let text = tail(&self.log);
        if !status.success() {
            let last = text.lines().rev().find(|line| !line.trim().is_empty());
            return Some(match last {
                Some(line) => line.trim().chars().take(200).collect(),
                None => status.to_string(),
            });
        }
        match closing_figures(&text).requests {
            Some(0) => Some("it made no request that was answered".to_owned()),
            _ => None,
        }
    }

    fn report(mut self, was_stopped: bool) -> LoadReport {
        let mut report = std::mem::take(&mut self.report);
        let figures = closing_figures(&tail(&self.log));
        report.requests = figures.requests;
        report.requests_per_s = figures.requests_per_s;
        report.errors = figures.errors;
        if let Some((status, after)) = self.ended {
            report.exit_code = status.code();
            report.ended_after_s = Some(after.as_secs_f64());
            report.was_stopped = was_stopped;
        }
        report
    }
}

/// The end of a log.
pub fn tail(log: &Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(CLOSING_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(CLOSING_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}

/// What a load tool says at its end.
#[derive(Debug, Default, PartialEq)]
struct ClosingFigures {
    requests: Option<u64>,
    requests_per_s: Option<f64>,
    errors: Option<u64>,
}

/// The closing lines of wrk, ab, hey and k6; nothing for other tools.
fn closing_figures(text: &str) -> ClosingFigures {
    let mut figures = ClosingFigures::default();
    let mut answered_by_hey = None;
    for line in text.lines().map(str::trim) {
        let after = |lead: &str| line.strip_prefix(lead).map(str::trim);
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [count, "requests", "in", ..] = words[..] {
            // wrk: `12345 requests in 10.00s, 1.2MB read`
            figures.requests = number(count).or(figures.requests);
        } else if let Some(rest) = after("Requests/sec:") {
            // wrk and hey
            figures.requests_per_s = first_number(rest).or(figures.requests_per_s);
        } else if let Some(rest) = after("Socket errors:") {
            // wrk: `Socket errors: connect 0, read 1, write 0, timeout 2`
            let counts = rest.split(',').filter_map(|part| {
                let count = part.split_whitespace().last()?;
                number(count)
            });
            figures.errors = Some(figures.errors.unwrap_or(0) + counts.sum::<u64>());
        } else if let Some(rest) = after("Non-2xx or 3xx responses:") {
            figures.errors = Some(figures.errors.unwrap_or(0) + number(rest).unwrap_or(0));
        } else if let Some(rest) = after("Complete requests:") {
            // ab
            figures.requests = number(rest).or(figures.requests);
        } else if let Some(rest) = after("Failed requests:") {
            figures.errors = number(rest).or(figures.errors);
        } else if let Some(rest) = after("Requests per second:") {
            figures.requests_per_s = first_number(rest).or(figures.requests_per_s);
        } else if let Some(rest) = line.strip_prefix('[').filter(|l| l.ends_with("responses")) {
            // hey: `[200]  1234 responses`
            let count = rest.split_whitespace().nth(1).and_then(number).unwrap_or(0);
            answered_by_hey = Some(answered_by_hey.unwrap_or(0) + count);
        } else if line == "Error distribution:" {
            answered_by_hey = Some(answered_by_hey.unwrap_or(0));
        } else if line.starts_with("http_reqs") {
            // k6: `http_reqs......: 1234  41.13/s`
            let values: Vec<&str> = line
                .split(':')
                .nth(1)
                .unwrap_or("")
                .split_whitespace()
                .collect();
            figures.requests = values.first().and_then(|v| number(v)).or(figures.requests);
            let rate = values.get(1).and_then(|v| first_number(v));
            figures.requests_per_s = rate.or(figures.requests_per_s);
        }
    }
    figures.requests = figures.requests.or(answered_by_hey);
    figures
}

fn number(text: &str) -> Option<u64> {
    text.replace([',', '_'], "").parse().ok()
}

fn first_number(text: &str) -> Option<f64> {
    let word = text.split_whitespace().next()?;
    let word = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    word.parse().ok()
}

/// Runs a set-up or tear-down command to its end.
///
/// # Errors
///
/// Words on why it could not be started, or failed, with its last line.
pub fn run_command(
    what: &str,
    words: &[String],
    surroundings: &Surroundings,
    log: &Path,
    longest: Option<Duration>,
) -> Result<(), String> {
    let never = AtomicBool::new(false);
    run_command_until(what, words, surroundings, log, longest, &never)
}

/// The same for a command that is ended with its group when `is_over`.
///
/// # Errors
///
/// As [`run_command`].
pub fn run_command_until(
    what: &str,
    words: &[String],
    surroundings: &Surroundings,
    log: &Path,
    longest: Option<Duration>,
    is_over: &AtomicBool,
) -> Result<(), String> {
    let line = words.join(" ");
    let failed = |why: String| format!("the {what} command `{line}` failed: {why}");
    let (mut command, logging) =
        companion(words, surroundings, log).map_err(|error| failed(error.to_string()))?;
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut process = command.spawn().map_err(|error| failed(error.to_string()))?;
    drop(command);
    // Nobody waits for the wake: the loop below looks often.
    let (wake, _woken) = sync_channel(1);
    let _watched = signals::watch_group(process.id(), wake);
    let began = Instant::now();
    loop {
        if let Some(status) = process
            .try_wait()
            .map_err(|error| failed(error.to_string()))?
        {
            if status.success() {
                return Ok(());
            }
            last_words(&logging);
            let text = tail(log);
            let last = text.lines().rev().find(|line| !line.trim().is_empty());
            return Err(failed(match last {
                Some(said) => format!("{status}, last words `{}`", said.trim()),
                None => status.to_string(),
            }));
        }
        let is_late = longest.is_some_and(|longest| began.elapsed() > longest);
        let is_asked = longest.is_none() && signals::asked_by().is_some();
        if is_late || is_asked || is_over.load(Ordering::Relaxed) {
            system::signal_group(process.id(), libc::SIGKILL);
            let _ = process.wait();
            let after = duration_text(began.elapsed());
            return Err(failed(format!(
                "it had not ended after {after} and was killed"
            )));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_load_tools_are_read() {
        // Formats as the tools print them: wrk 4.1, ab 2.3, hey 0.1.4, k6 0.49.
        let wrk = "Running 1s test @ http://127.0.0.1:8080/\n  2 threads and 10 connections\n\
                   \x20 12345 requests in 1.00s, 1.52MB read\n\
                   \x20 Socket errors: connect 0, read 3, write 0, timeout 1\n\
                   Requests/sec:  12340.25\nTransfer/sec:      1.52MB\n";
        let figures = closing_figures(wrk);
        assert_eq!(figures.requests, Some(12_345));
        assert_eq!(figures.errors, Some(4));
        assert!((figures.requests_per_s.expect("a rate") - 12_340.25).abs() < 1e-9);
        let ab = "Complete requests:      1000\nFailed requests:        2\n\
                  Requests per second:    512.33 [#/sec] (mean)\n";
        let figures = closing_figures(ab);
        assert_eq!((figures.requests, figures.errors), (Some(1000), Some(2)));
        assert!((figures.requests_per_s.expect("a rate") - 512.33).abs() < 1e-9);
        let hey = "Summary:\n  Requests/sec: 100.5\n\nStatus code distribution:\n\
                   \x20 [200] 90 responses\n  [503] 10 responses\n";
        assert_eq!(closing_figures(hey).requests, Some(100));
        let refused = "Error distribution:\n  [200] Get \"http://x\": connection refused\n";
        assert_eq!(closing_figures(refused).requests, Some(0));
        let k6 = "     http_reqs......................: 1234   41.13/s\n";
        let figures = closing_figures(k6);
        assert_eq!(figures.requests, Some(1234));
        assert!((figures.requests_per_s.expect("a rate") - 41.13).abs() < 1e-9);
        assert_eq!(closing_figures("done\n"), ClosingFigures::default());
    }
}
