//! Full collections of a managed runtime, asked for at regular moments: a heap that is read right
//! after one holds what is in use, without the garbage that has only not been collected yet.

use super::http::{self, Url};
use super::load::{Surroundings, run_command_until, with_pid};
use crate::text::shell_words;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

/// Moments in a load.
const MOMENTS: u32 = 60;
/// Least time between two moments.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// Most time between two moments.
const MOST_PAUSE: Duration = Duration::from_secs(600);
/// Time between two moments as a multiple of what one takes: a tenth of the load at most is left
/// out for it.
const PAUSE_PER_COST: u32 = 9;
/// Longest time that one may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a command that is killed may take to end.
const KILL_PATIENCE: Duration = Duration::from_secs(1);
/// How long a collection that a signal asks for is given: nobody says when it is over.
const SIGNAL_PAUSE: Duration = Duration::from_millis(250);
/// Signals that programs hang a collection on; others end or stop a program.
const SIGNALS: [(&str, i32); 5] = [
    ("USR1", libc::SIGUSR1),
    ("USR2", libc::SIGUSR2),
    ("HUP", libc::SIGHUP),
    ("WINCH", libc::SIGWINCH),
    ("URG", libc::SIGURG),
];

/// What asks for a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settle {
    /// A command; `{pid}` is the program's.
    Command(Vec<String>),
    /// A signal to the program.
    Signal {
        /// Its name, without `SIG`.
        name: &'static str,
        /// Its number.
        number: i32,
    },
    /// An address that collects before it answers.
    Url(Url),
}

impl FromStr for Settle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(given) = text.strip_prefix("signal:") {
            let bare = given.strip_prefix("SIG").unwrap_or(given);
            let known = SIGNALS.into_iter().find(|(name, _)| *name == bare);
            return known
                .map(|(name, number)| Settle::Signal { name, number })
                .ok_or_else(|| {
                    let names = SIGNALS.map(|(name, _)| name).join(", ");
                    format!("`{given}` is none of {names}: others end or stop a program")
                });
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return text.parse().map(Settle::Url);
        }
        match shell_words(text) {
            Some(words) if !words.is_empty() => Ok(Settle::Command(words)),
            _ => Err(format!(
                "`{text}` is no command: is a quote not closed? (also signal:USR1 or http://…)"
            )),
        }
    }
}

impl fmt::Display for Settle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Settle::Command(words) => formatter.write_str(&words.join(" ")),
            Settle::Signal { name, .. } => write!(formatter, "signal:{name}"),
            Settle::Url(url) => url.fmt(formatter),
        }
    }
}

/// Whose heap is to settle.
pub struct Settled<'a> {
    /// The program.
    pub pid: u32,
    /// What commands share with it.
    pub surroundings: &'a Surroundings,
    /// The cell's folder.
    pub folder: &'a Path,
}

/// When collections are asked for, and the one that is going on.
pub struct Settling {
    settle: Settle,
    pause: Duration,
    due: Instant,
    going_on: Option<GoingOn>,
    /// Whether what still goes on is to be ended.
    is_over: Arc<AtomicBool>,
    /// How many have failed.
    pub failures: u64,
    /// How many were over with success.
    pub collections: u64,
}

struct GoingOn {
    since: Instant,
    over: Over,
}

/// What tells that it is over.
enum Over {
    At(Instant),
    Said(Receiver<Result<(), String>>),
}

/// A collection that is over.
pub struct Collected {
    /// How long it took.
    pub took: Duration,
    /// Why it failed, in words.
    pub result: Result<(), String>,
}

impl Settling {
    /// Moments of a load of that length, which begins now.
    pub fn new(settle: Settle, load: Duration) -> Self {
        let pause = (load / MOMENTS).clamp(LEAST_PAUSE, MOST_PAUSE);
        Settling {
            settle,
            pause,
            due: Instant::now() + pause,
            going_on: None,
            is_over: Arc::default(),
            failures: 0,
            collections: 0,
        }
    }

    /// When it must be looked at next.
    pub fn due(&self) -> Instant {
        const LOOK: Duration = Duration::from_millis(20);
        match &self.going_on {
            None => self.due,
            Some(GoingOn {
                over: Over::At(at), ..
            }) => *at,
            Some(_) => Instant::now() + LOOK,
        }
    }

    /// Asks if it is time, and tells of the one that is over.
    pub fn keep(&mut self, of: &Settled<'_>) -> Option<Collected> {
        let now = Instant::now();
        let Some(going_on) = &self.going_on else {
            if now >= self.due {
                self.going_on = Some(GoingOn {
                    since: now,
                    over: self.ask(of),
                });
            }
            return None;
        };
        let result = match &going_on.over {
            Over::At(at) => (now >= *at).then_some(Ok(())),
            Over::Said(said) => match said.try_recv() {
                Ok(result) => Some(result),
                Err(TryRecvError::Empty) => None,
                Err(TryRecvError::Disconnected) => Some(Err("nobody waits for it".to_owned())),
            },
        }?;
        let took = now - going_on.since;
        self.going_on = None;
        self.failures += u64::from(result.is_err());
        self.collections += u64::from(result.is_ok());
        self.due = now + self.pause.max(took * PAUSE_PER_COST);
        Some(Collected { took, result })
    }

    fn ask(&self, of: &Settled<'_>) -> Over {
        let words = match &self.settle {
            Settle::Signal { number, .. } => {
                crate::system::signal_process(of.pid, *number);
                return Over::At(Instant::now() + SIGNAL_PAUSE);
            }
            Settle::Command(words) => words.iter().map(|word| with_pid(word, of.pid)).collect(),
            Settle::Url(_) => Vec::new(),
        };
        let work = self.work(words, of.surroundings.clone(), of.folder.join("settle.log"));
        let (to, said) = channel();
        let thread = std::thread::Builder::new().name("leaklab-settle".to_owned());
        // Without the thread the sender is gone, which is told as a failure.
        drop(thread.spawn(move || drop(to.send(work()))));
        Over::Said(said)
    }

    fn work(
        &self,
        words: Vec<String>,
        surroundings: Surroundings,
        log: PathBuf,
    ) -> impl FnOnce() -> Result<(), String> + Send + 'static {
        let settle = self.settle.clone();
        let is_over = Arc::clone(&self.is_over);
        move || match settle {
            Settle::Url(url) => match http::get(&url, PATIENCE)?.status {
                200..=299 => Ok(()),
                status => Err(format!("{url} answers {status}")),
            },
            _ => run_command_until(
                "settle",
                &words,
                &surroundings,
                &log,
                Some(PATIENCE),
                &is_over,
            ),
        }
    }
}

impl Drop for Settling {
    /// Ends the command that goes on, with its group.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let (Settle::Command(_), Some(going_on)) = (&self.settle, &self.going_on)
            && let Over::Said(said) = &going_on.over
        {
            let _ = said.recv_timeout(KILL_PATIENCE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_asks_for_a_collection_is_read_as_it_is_shown() {
        for text in [
            "jcmd {pid} GC.run",
            "signal:USR1",
            "http://127.0.0.1:8080/gc",
        ] {
            let settle: Settle = text.parse().expect(text);
            assert_eq!(settle.to_string(), text);
        }
        for text in ["signal:KILL", "signal:", "", "https://x/gc", "'"] {
            assert!(text.parse::<Settle>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_collection_is_asked_for_again_when_the_last_is_over() {
        let surroundings = Surroundings::default();
        let folder = tempfile::tempdir().expect("a folder");
        let of = Settled {
            pid: std::process::id(),
            surroundings: &surroundings,
            folder: folder.path(),
        };
        let settle = "sh -c 'echo {pid} >> settled'".parse().expect("a command");
        let mut settling = Settling::new(settle, Duration::from_secs(1));
        settling.due = Instant::now();
        let mut collected = None;
        while collected.is_none() {
            collected = settling.keep(&of);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(collected.expect("one").result, Ok(()));
        assert!(settling.due() > Instant::now());
        let _ = std::fs::remove_file("settled");
    }
}
