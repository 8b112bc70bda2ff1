//! How a cell ended, in words: what happened, the likely cause in figures, the way out.

use super::cell::CellSetup;
use crate::system::ChildExit;
use crate::text::{bytes_text, plural};
use crate::time::{duration_text, ms_duration};
use leaklab_run::{CellStatus, Outcome, State};
use std::path::Path;
use std::time::{Duration, Instant};

/// Everything that the words depend on.
pub struct Ended<'a> {
    pub setup: &'a CellSetup,
    pub status: &'a CellStatus,
    pub outcome: Outcome,
    pub exit: ChildExit,
    /// Whether the harness asked the child to end.
    pub asked_to_end: bool,
    /// Whether it had to be killed, because it did not end when it was asked to.
    pub killed: bool,
    /// Processes that lived on when it ended: id and name.
    pub left: &'a [(u32, String)],
    /// Last line that the child wrote to stderr.
    pub last_words: &'a str,
    /// What readiness was waited for, and why it did not come, where the time for it was over.
    pub missed: Option<&'a str>,
}

impl Ended<'_> {
    /// One sentence on what happened, and a hint that may be empty.
    pub fn describe(&self) -> (String, String) {
        let after = duration_text(ms_duration(self.status.elapsed_ms));
        let kept = format!("{} kept", plural(self.status.samples, "sample"));
        match self.outcome {
            Outcome::Completed | Outcome::Ended if !self.asked_to_end && !self.left.is_empty() => (
                self.completed(&after),
                "a program that goes into the background is not measured as its load: start it \
                 in the foreground (often --foreground or --no-daemon)"
                    .to_owned(),
            ),
            Outcome::Completed => (self.completed(&after), self.note()),
            Outcome::Stopped => (format!("stopped after {after}; {kept}"), String::new()),
            Outcome::MemoryLimit if !self.reached_own_limit() => (
                format!(
                    "was killed by the kernel for want of memory after {after}, below its limit; \
                     {kept}"
                ),
                "the machine, or a control group around leaklab, has no memory left: see `dmesg`"
                    .to_owned(),
            ),
            Outcome::MemoryLimit => (
                format!(
                    "reached the memory limit of {} after {after} and was ended; {kept}",
                    bytes_text(self.setup.memory_limit_bytes.unwrap_or_default() as f64)
                ),
                "raise --memory-limit, shorten the run or lower --rate".to_owned(),
            ),
            Outcome::NeverReady => self.never_ready(),
            Outcome::Died => (
                format!("died after {after}: {}; {kept}", self.cause()),
                self.death_hint(),
            ),
            Outcome::Ended if self.setup.must_last && self.setup.child.attach.is_none() => (
                self.completed(&after),
                "a program that ends when its work is done is judged by the whole of it without \
                 --duration"
                    .to_owned(),
            ),
            Outcome::Ended => (format!("ended after {after}; {kept}"), String::new()),
            // Their words were found where it happened.
            Outcome::SpawnFailed
            | Outcome::HarnessFailed
            | Outcome::LoadFailed
            | Outcome::LoadEnded => (self.status.message.clone(), self.status.hint.clone()),
        }
    }

    /// Whether the limit that was passed is the cell's, and not that of something around it.
    fn reached_own_limit(&self) -> bool {
        let measurement = self.status.measurement.as_ref();
        let killed = measurement.is_some_and(|measurement| measurement.oom_kills > 0);
        let peak = measurement.and_then(|measurement| measurement.group_peak_bytes);
        !killed || peak >= self.setup.memory_limit_bytes
    }

    fn completed(&self, after: &str) -> String {
        let planned = self.setup.schedule.load.unwrap_or_default().as_secs_f64() * 1000.0;
        if !self.asked_to_end && !self.left.is_empty() {
            return format!(
                "ended by itself after {after} and left {} running ({}), ended with it",
                match self.left.len() {
                    1 => "1 process".to_owned(),
                    many => format!("{many} processes"),
                },
                named(self.left),
            );
        }
        if self.killed {
            format!("ran {after}; did not end on TERM and was killed")
        } else if !self.setup.schedule.by_child
            && !self.asked_to_end
            && self.status.elapsed_ms < planned
        {
            format!(
                "ended by itself, with success, after {after} of {}",
                duration_text(self.setup.schedule.load.unwrap_or_default())
            )
        } else {
            format!("ran {after}{}", self.bad_end())
        }
    }

    /// How a program ended badly that was asked to end; empty if it ended well.
    fn bad_end(&self) -> String {
        /// Exit codes of a program that takes TERM or INT for what they are.
        const ASKED: [i32; 3] = [0, 128 + libc::SIGTERM, 128 + libc::SIGINT];
        let is_bad = match (self.exit.code, self.exit.signal) {
            (Some(code), _) => !ASKED.contains(&code),
            (None, Some(signal)) => ![libc::SIGTERM, libc::SIGKILL].contains(&signal),
            (None, None) => false,
        };
        match is_bad && self.asked_to_end {
            true => format!("; ended badly when it was asked to: {}", self.cause()),
            false => String::new(),
        }
    }

    fn never_ready(&self) -> (String, String) {
        let message = if self.asked_to_end {
            let timeout = duration_text(self.setup.ready_timeout.unwrap_or_default());
            match self.missed {
                Some(missed) => format!("was not ready within {timeout}: {missed}"),
                None => format!("never said that it is ready within {timeout}"),
            }
        } else {
            format!("ended before it was ready: {}", self.cause())
        };
        let hint = if self.status.malformed_lines > 0 {
            self.malformed_hint()
        } else if self.setup.beside.ready.is_some() {
            format!(
                "see `{}`; raise --ready-timeout if it needs longer",
                self.setup.folder.join("stderr.log").display()
            )
        } else {
            "a child says {\"ready\":true} on the pipe of LEAKLAB_PIPE, see PROTOCOL.md; \
             raise --ready-timeout if it needs longer"
                .to_owned()
        };
        (message, hint)
    }

    fn cause(&self) -> String {
        let how = match (self.exit.code, self.exit.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => {
                let name = signal_hook::low_level::signal_name(signal).unwrap_or("unknown");
                format!("killed by signal {signal} ({name})")
            }
            (None, None) => "unknown cause".to_owned(),
        };
        if self.last_words.is_empty() {
            how
        } else {
            format!("{how}, last words `{}`", self.last_words)
        }
    }

    fn death_hint(&self) -> String {
        let log = self.setup.folder.join("stderr.log");
        match self.exit.signal {
            Some(libc::SIGKILL) => "the kernel kills the largest process when memory runs out: \
                 see `dmesg`, or set --memory-limit"
                .to_owned(),
            _ => format!("see `{}`", log.display()),
        }
    }

    /// What a reader should know of a run that went well.
    fn note(&self) -> String {
        let mut notes: Vec<String> = self
            .status
            .measurement
            .iter()
            .flat_map(|m| m.remarks())
            .collect();
        notes.extend(Some(self.malformed_hint()).filter(|hint| !hint.is_empty()));
        notes.join("; ")
    }

    fn malformed_hint(&self) -> String {
        match self.status.malformed_lines {
            0 => String::new(),
            lines => format!(
                "{} of the child {} not of the protocol: see `{}` and PROTOCOL.md",
                plural(lines, "line"),
                if lines == 1 { "was" } else { "were" },
                self.setup.folder.join("events.jsonl").display()
            ),
        }
    }
}

/// The first processes by name and id.
fn named(left: &[(u32, String)]) -> String {
    const MOST_NAMED: usize = 3;
    let mut names: Vec<String> = left
        .iter()
        .take(MOST_NAMED)
        .map(|(pid, name)| format!("{name} {pid}"))
        .collect();
    if left.len() > MOST_NAMED {
        names.push("…".to_owned());
    }
    names.join(", ")
}

/// What could not be started, in words; the harness's own want is told from the program's.
pub fn not_started(status: &mut CellStatus, setup: &CellSetup, error: &std::io::Error) {
    let program = setup.child.program.to_string_lossy();
    status.message = format!("`{program}` could not be started: {error}");
    (status.outcome, status.hint) = match error.raw_os_error() {
        Some(libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => (
            Some(Outcome::HarnessFailed),
            "raise the limits of processes, memory and open files, or lower --jobs".to_owned(),
        ),
        _ => (
            Some(Outcome::SpawnFailed),
            "check that the program exists and may be executed".to_owned(),
        ),
    };
}

/// A cell whose folder cannot be written any more.
pub fn harness_failed(mut status: CellStatus, folder: &Path, error: &std::io::Error) -> CellStatus {
    status.state = State::Finished;
    status.outcome = Some(Outcome::HarnessFailed);
    status.message = format!("`{}` cannot be written: {error}", folder.display());
    status.hint = "check space and permissions, or choose another folder with --out".to_owned();
    status
}

/// Whether a child ended as one does that was asked to stop.
pub fn is_stop(exit: ChildExit) -> bool {
    let signal = exit.signal.or(exit.code.map(|code| code - 128));
    matches!(signal, Some(libc::SIGTERM | libc::SIGINT | libc::SIGHUP))
}

/// How long the log of a program that has died may be behind what the program wrote.
const LOG_PATIENCE: Duration = Duration::from_millis(500);

/// The last line that a program left in its log. The log is written by a thread that reads the
/// program's pipe, and may be a moment behind the end of one that died.
pub fn last_words(path: &Path, outcome: Outcome) -> String {
    let deadline = Instant::now() + LOG_PATIENCE;
    loop {
        let words = last_line(path);
        if !words.is_empty() || outcome != Outcome::Died || Instant::now() >= deadline {
            return words;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The last line that is not empty, of at most 4 KiB at the end of the file.
fn last_line(path: &Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(4096)))?;
        let mut bytes = Vec::new();
        file.take(4096).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().rev().find(|line| !line.trim().is_empty());
        Ok(line.unwrap_or_default().trim().chars().take(300).collect())
    };
    read().unwrap_or_default()
}
