//! Threads that read what a child writes: its pipe, its stdout and its stderr.
//!
//! Each thread holds one line of bounded length; what is longer is no message, and in the
//! logs it is cut. A child that writes for ever cannot grow the harness, nor fill the disk.

use super::protocol::Message;
use super::ready::Ready;
use regex_lite::Regex;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

/// Longest line of the protocol.
const LONGEST_LINE: usize = 64 << 10;
/// Most bytes kept of each of a child's logs.
const LONGEST_LOG: u64 = 64 << 20;
/// What precedes a line of the protocol on stdout.
const STDOUT_PREFIX: &[u8] = b"leaklab: ";
/// How much of a malformed line is kept.
const MALFORMED_EXCERPT: usize = 200;

/// What a feed says to the loop of its cell.
#[derive(Debug)]
pub enum Fed {
    /// A line of the protocol.
    Message(Box<Message>),
    /// A line that should be one and is not: its beginning.
    Malformed(String),
    /// The pipe was closed: the child ended, or closed it.
    PipeClosed,
    /// The child has ended, or a stop was asked for: there is something to look at.
    Wake,
    /// What says that the child is ready has said so.
    Ready,
    /// Something that belongs into the events.
    Warning(String),
}

/// Reads lines of the protocol from the child's pipe.
///
/// # Errors
///
/// That no thread can be started, as for all of these.
pub fn read_pipe(
    pipe: impl Read + Send + 'static,
    to: SyncSender<Fed>,
) -> std::io::Result<JoinHandle<()>> {
    spawn("leaklab-pipe", move || {
        let mut reader = BufReader::with_capacity(64 << 10, pipe);
        let mut line = Vec::new();
        while let Some(complete) = next_line(&mut reader, &mut line) {
            if to.send(fed(&line, complete)).is_err() {
                return;
            }
        }
        // The loop may have ended already; then nobody needs to know.
        let _ = to.send(Fed::PipeClosed);
    })
}

/// Copies stdout into its log and picks lines of the protocol out of it.
pub fn read_stdout(
    stdout: impl Read + Send + 'static,
    log: File,
    lost: Arc<AtomicU64>,
    mut ready: ReadyLine,
    to: SyncSender<Fed>,
) -> std::io::Result<JoinHandle<()>> {
    spawn("leaklab-stdout", move || {
        let mut reader = BufReader::new(stdout);
        let mut log = Log::new(log, lost);
        let mut line = Vec::new();
        while let Some(complete) = next_line(&mut reader, &mut line) {
            if let Some(message) = line.strip_prefix(STDOUT_PREFIX) {
                // As above: a loop that has ended needs no messages, the log goes on.
                let _ = to.send(fed(message, complete));
            } else {
                ready.look(&line);
                log.write(&line);
            }
        }
    })
}

/// A line that says once that the child is ready.
#[derive(Default)]
pub struct ReadyLine(Option<(Regex, SyncSender<Fed>)>);

impl ReadyLine {
    /// Looks for what `ready` names, if that is a line.
    pub fn new(ready: Option<&Ready>, to: &SyncSender<Fed>) -> Self {
        let regex = ready.and_then(Ready::line);
        ReadyLine(regex.map(|regex| (regex, to.clone())))
    }

    fn look(&mut self, line: &[u8]) {
        let Some((regex, _)) = &self.0 else { return };
        if regex.is_match(String::from_utf8_lossy(line).trim_end())
            && let Some((_, to)) = self.0.take()
        {
            // A loop that has ended waits for nobody.
            let _ = to.send(Fed::Ready);
        }
    }
}

/// Copies stderr into its log.
pub fn read_stderr(
    stderr: impl Read + Send + 'static,
    log: File,
    lost: Arc<AtomicU64>,
    mut ready: ReadyLine,
) -> std::io::Result<JoinHandle<()>> {
    spawn("leaklab-stderr", move || {
        let mut reader = BufReader::new(stderr);
        let mut log = Log::new(log, lost);
        let mut line = Vec::new();
        while next_line(&mut reader, &mut line).is_some() {
            ready.look(&line);
            log.write(&line);
        }
    })
}

/// Waits for the end of a child, which its keeper reaps, and wakes the loop of its cell.
pub fn await_end(pid: u32, to: SyncSender<Fed>) -> std::io::Result<JoinHandle<()>> {
    spawn("leaklab-end", move || {
        crate::system::child_end(pid, true);
        let _ = to.send(Fed::Wake);
    })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .stack_size(256 << 10)
        .spawn(work)
}

fn fed(line: &[u8], complete: bool) -> Fed {
    let message = complete.then(|| Message::parse(line)).flatten();
    match message {
        Some(message) => Fed::Message(Box::new(message)),
        None => {
            let excerpt = &line[..line.len().min(MALFORMED_EXCERPT)];
            Fed::Malformed(String::from_utf8_lossy(excerpt).trim_end().to_owned())
        }
    }
}

/// Reads the next line, newline included, into `line`; `None` at the end.
///
/// `Some(false)` is a line longer than [`LONGEST_LINE`]: its beginning is in `line`, the rest
/// was read over.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Option<bool> {
    line.clear();
    loop {
        let available = match reader.fill_buf() {
            Ok([]) => break,
            Ok(available) => available,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let (part, ends) = match available.iter().position(|byte| *byte == b'\n') {
            Some(newline) => (&available[..=newline], true),
            None => (available, false),
        };
        let room = (LONGEST_LINE + 1).saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let consumed = part.len();
        reader.consume(consumed);
        if ends {
            return Some(line.len() <= LONGEST_LINE);
        }
    }
    (!line.is_empty()).then_some(line.len() <= LONGEST_LINE)
}

/// A log file that stops growing at [`LONGEST_LOG`] and says so in its last line.
struct Log {
    file: File,
    written_bytes: u64,
    /// Lines that found no room.
    lost: Arc<AtomicU64>,
}

impl Log {
    fn new(file: File, lost: Arc<AtomicU64>) -> Self {
        Log {
            file,
            written_bytes: 0,
            lost,
        }
    }

    /// A log that cannot be written must not stop the reading: the child would block.
    fn write(&mut self, line: &[u8]) {
        if self.written_bytes > LONGEST_LOG {
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match self.file.write_all(line) {
            Ok(()) => self.written_bytes += line.len() as u64,
            Err(_) => drop(self.lost.fetch_add(1, Ordering::Relaxed)),
        }
        if self.written_bytes > LONGEST_LOG {
            let _ = self
                .file
                .write_all(b"[leaklab: log ends here, at its limit of 64 MiB]\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed_of(text: &[u8]) -> Vec<Fed> {
        let (to, from) = std::sync::mpsc::sync_channel(64);
        let reader = std::io::Cursor::new(text.to_vec());
        read_pipe(reader, to)
            .expect("a thread")
            .join()
            .expect("the thread ends");
        from.into_iter().collect()
    }

    #[test]
    fn a_malformed_line_loses_nothing_else() {
        let fed = feed_of(b"{\"ops\":1}\n\xff\xfegarbage\n{\"ops\":2}\n{\"op");
        let kinds: Vec<_> = fed
            .iter()
            .map(|fed| match fed {
                Fed::Message(message) => format!("ops {:?}", message.ops),
                Fed::Malformed(_) => "malformed".to_owned(),
                Fed::PipeClosed => "closed".to_owned(),
                Fed::Ready => "ready".to_owned(),
                Fed::Warning(words) => words.clone(),
                Fed::Wake => "wake".to_owned(),
            })
            .collect();
        assert_eq!(
            kinds,
            [
                "ops Some(1)",
                "malformed",
                "ops Some(2)",
                "malformed",
                "closed"
            ]
        );
    }

    #[test]
    fn an_endless_line_is_read_over_with_bounded_memory() {
        let mut text = vec![b'x'; 10 << 20];
        text.extend_from_slice(b"\n{\"ops\":7}\n");
        let fed = feed_of(&text);
        assert!(matches!(&fed[0], Fed::Malformed(line) if line.len() == MALFORMED_EXCERPT));
        assert!(matches!(&fed[1], Fed::Message(message) if message.ops == Some(7)));
    }
}
