//! Takes one snapshot, on a thread of its own: a command, an address or a runtime's own way, each
//! within bounds of time and size. Whatever goes wrong is told, and the run goes on.

use super::pack::{PackError, Packing};
use super::plan::{Limits, SnapshotPlan, Source};
use super::preset::{NODE_SIGNAL, PYTHON_SOCKET, snapshots_folder};
use crate::supervisor::http;
use crate::supervisor::load::{Surroundings, companion, tail, with_pid};
use crate::system;
use crate::time::duration_text;
use leaklab_judge::amount::bytes_text;
use leaklab_run::SNAPSHOTS_FOLDER;
use std::io::Read;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Time between two looks at what goes on.
const LOOK: Duration = Duration::from_millis(10);
/// How long a file of Node.js must be the same to be complete.
const STILL: Duration = Duration::from_millis(150);
/// How long what a command that has ended wrote last may take to be read.
const LAST_BYTES: Duration = Duration::from_secs(5);

/// Why a snapshot is not complete whose program is gone.
pub const ENDED: &str = "the program had ended";
/// The same of one that answers by itself, and was on its way to it.
pub const UNANSWERED: &str = "the program ended before it had answered";

/// One snapshot that is to be taken.
pub struct Order {
    /// Of which series.
    pub plan: SnapshotPlan,
    /// Its number within the series.
    pub number: u64,
    /// Of which process.
    pub pid: u32,
    /// The cell's folder.
    pub cell: PathBuf,
    /// What commands share with the program.
    pub surroundings: Surroundings,
    /// What it may take.
    pub limits: Limits,
    /// Set when the cell ends: nothing is waited for any more.
    pub cancelled: Arc<AtomicBool>,
}

/// What came of it.
pub struct Got {
    /// Its file below the cell's folder.
    pub file: Option<String>,
    /// Bytes of it before they were packed.
    pub bytes: u64,
    /// How long the program was held up by it.
    pub took: Duration,
    /// Why there is no file.
    pub error: Option<String>,
}

impl Order {
    /// Takes it.
    pub fn take(&self) -> Got {
        let name = format!(
            "{}-{:03}.{}.gz",
            self.plan.name, self.number, self.plan.format
        );
        let path = snapshots_folder(&self.cell).join(&name);
        let began = Instant::now();
        let mut took = None;
        let result = self.take_to(&path, began, &mut took);
        let took = took.unwrap_or_else(|| began.elapsed());
        match result {
            Ok(bytes) => Got {
                file: Some(format!("{SNAPSHOTS_FOLDER}/{name}")),
                bytes,
                took,
                error: None,
            },
            Err(why) => Got {
                file: None,
                bytes: 0,
                took,
                error: Some(why),
            },
        }
    }

    fn take_to(
        &self,
        path: &Path,
        began: Instant,
        took: &mut Option<Duration>,
    ) -> Result<u64, String> {
        let mut packing = Packing::begin(path, self.limits.bytes).map_err(|e| e.to_string())?;
        let deadline = began + self.limits.time;
        match &self.plan.source {
            Source::Url(url) => {
                let answer = http::get_bytes(url, self.limits.time)
                    .map_err(|why| format!("{url}: {why}"))?;
                *took = Some(began.elapsed());
                if !(200..300).contains(&answer.status) {
                    return Err(format!("{url} answers {}", answer.status));
                }
                self.pack(&mut packing, &answer.body[..])?;
            }
            Source::PythonSocket => self.python(&mut packing, deadline)?,
            Source::NodeSignal => {
                let file = self.node_file(deadline)?;
                *took = Some(began.elapsed());
                let packed = self.pack_file(&mut packing, &file);
                let _ = std::fs::remove_file(&file);
                packed?;
            }
            Source::Command(words) if words.iter().any(|word| word.contains("{out}")) => {
                let out = path.with_extension("raw");
                let ended = self.file_command(words, &out, deadline);
                *took = Some(began.elapsed());
                let packed = ended.and_then(|()| self.pack_file(&mut packing, &out));
                let _ = std::fs::remove_file(&out);
                packed?;
            }
            Source::Command(words) => packing = self.output_command(words, packing, deadline)?,
        }
        packing.finish().map_err(|error| error.to_string())
    }

    /// Why it must not go on.
    fn refusal(&self, deadline: Instant) -> Option<String> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Some(ENDED.to_owned());
        }
        let limit = duration_text(self.limits.time);
        (Instant::now() >= deadline)
            .then(|| format!("it took longer than {limit} and was stopped (--snapshot-timeout)"))
    }

    fn too_large(&self) -> String {
        let limit = bytes_text(self.limits.bytes as f64);
        format!("it is larger than {limit} and was cut off (--snapshot-limit)")
    }

    fn pack(&self, packing: &mut Packing, from: impl Read) -> Result<(), String> {
        packing.take(from).map_err(|error| match error {
            PackError::TooLarge => self.too_large(),
            PackError::Io(error) => error.to_string(),
        })
    }

    fn pack_file(&self, packing: &mut Packing, file: &Path) -> Result<(), String> {
        let is_file = std::fs::symlink_metadata(file).is_ok_and(|data| data.is_file());
        if !is_file {
            return Err("it wrote no file".to_owned());
        }
        let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
        self.pack(packing, opened)
    }

    fn words(&self, words: &[String], out: &Path) -> Vec<String> {
        let (out, number) = (out.display().to_string(), self.number.to_string());
        let fill = |word: &String| {
            with_pid(word, self.pid)
                .replace("{k}", &number)
                .replace("{out}", &out)
        };
        words.iter().map(fill).collect()
    }

    fn log(&self) -> PathBuf {
        let name = format!("{}-{:03}.log", self.plan.name, self.number);
        snapshots_folder(&self.cell).join(name)
    }

    /// Starts a command whose output goes to its log, or to a pipe of ours.
    fn start(&self, words: &[String], piped: bool) -> Result<Running, String> {
        let line = words.join(" ");
        let failed = |error: std::io::Error| format!("`{line}` could not be started: {error}");
        let log = self.log();
        let (mut command, _logging) = companion(words, &self.surroundings, &log).map_err(failed)?;
        if piped {
            command.stdout(Stdio::piped());
        }
        let end = std::fs::File::open("/dev/null").map_err(failed)?;
        // It dies with this thread, which waits for it.
        system::isolate(&mut command, std::os::fd::AsFd::as_fd(&end));
        let child = command.spawn().map_err(failed)?;
        Ok(Running { child, line, log })
    }

    /// Runs a command that writes the file `{out}`.
    fn file_command(&self, words: &[String], out: &Path, deadline: Instant) -> Result<(), String> {
        let mut running = self.start(&self.words(words, out), false)?;
        loop {
            if let Some(result) = running.ended() {
                return result;
            }
            let size = std::fs::metadata(out).map_or(0, |data| data.len());
            if size > self.limits.bytes {
                return Err(self.too_large());
            }
            if let Some(why) = self.refusal(deadline) {
                return Err(why);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Runs a command whose output is the snapshot.
    fn output_command(
        &self,
        words: &[String],
        packing: Packing,
        deadline: Instant,
    ) -> Result<Packing, String> {
        let mut running = self.start(&self.words(words, Path::new("")), true)?;
        let output = running.child.stdout.take().ok_or("its output is missing")?;
        let read = reading(packing, output)?;
        loop {
            match read.recv_timeout(LOOK) {
                Ok((_, Err(PackError::TooLarge))) => return Err(self.too_large()),
                Ok((_, Err(PackError::Io(error)))) => return Err(error.to_string()),
                Ok((packing, Ok(()))) => {
                    // It closed its output; how it ended is what counts.
                    while running.ended().is_none() {
                        if let Some(why) = self.refusal(deadline) {
                            return Err(why);
                        }
                        std::thread::sleep(LOOK);
                    }
                    return running.result().map(|()| packing);
                }
                Err(RecvTimeoutError::Disconnected) => return Err("nobody reads it".to_owned()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(why) = self.refusal(deadline) {
                return Err(why);
            }
            if running.ended().is_some() {
                // What it wrote last; a descendant may hold its output open for ever.
                let rest = read.recv_timeout(LAST_BYTES);
                running.result()?;
                return match rest {
                    Ok((packing, Ok(()))) => Ok(packing),
                    Ok((_, Err(PackError::TooLarge))) => Err(self.too_large()),
                    _ => Err("its output was not closed when it had ended".to_owned()),
                };
            }
        }
    }

    /// Asks the thread of ours in a Python program.
    fn python(&self, packing: &mut Packing, deadline: Instant) -> Result<(), String> {
        let name = format!("{PYTHON_SOCKET}{}", self.pid);
        let address = SocketAddr::from_abstract_name(&name).map_err(|error| error.to_string())?;
        let stream = UnixStream::connect_addr(&address).map_err(|error| {
            format!(
                "process {} does not answer for tracemalloc: {error} \
                 (python -E and -I leave PYTHONPATH out)",
                self.pid
            )
        })?;
        let wait = Some(Duration::from_millis(200));
        stream
            .set_read_timeout(wait)
            .map_err(|error| error.to_string())?;
        let mut patient = Patient {
            end: Vec::new(),
            stream,
            order: self,
            deadline,
        };
        self.pack(packing, &mut patient)?;
        match patient.end.ends_with(PYTHON_END) {
            true => Ok(()),
            false => Err(UNANSWERED.to_owned()),
        }
    }

    /// Has Node.js write a snapshot, and waits until it is complete.
    fn node_file(&self, deadline: Instant) -> Result<PathBuf, String> {
        let (signal, name) = NODE_SIGNAL;
        if !catches(self.pid, signal) {
            return Err(format!(
                "process {} does not wait for {name}: NODE_OPTIONS did not reach it, or it is \
                 older than Node.js 12",
                self.pid
            ));
        }
        let folder = snapshots_folder(&self.cell);
        let part = format!(".{}.", self.pid);
        let written = || {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let mut files = entries.map(|entry| entry.path());
            files.find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.ends_with(".heapsnapshot") && name.contains(&part)
            })
        };
        if let Some(left) = written() {
            // Of an order that was given up.
            let _ = std::fs::remove_file(left);
        }
        system::signal_process(self.pid, signal);
        let mut last = (0, Instant::now());
        loop {
            std::thread::sleep(LOOK);
            if let Some(path) = written() {
                let size = std::fs::metadata(&path).map_or(0, |data| data.len());
                if size > self.limits.bytes {
                    let _ = std::fs::remove_file(&path);
                    return Err(self.too_large());
                }
                if size != last.0 {
                    last = (size, Instant::now());
                } else if last.1.elapsed() >= STILL && is_closed(&path) {
                    return Ok(path);
                }
            }
            if let Some(why) = self.refusal(deadline) {
                return Err(why);
            }
        }
    }
}

/// Reads an output on a thread of its own: who writes it may hold it open for ever.
type ReadEnd = (Packing, Result<(), PackError>);
fn reading(
    mut packing: Packing,
    from: impl Read + Send + 'static,
) -> Result<Receiver<ReadEnd>, String> {
    let (to, read) = channel();
    let work = move || {
        let result = packing.take(from);
        let _ = to.send((packing, result));
    };
    let thread = std::thread::Builder::new().name("leaklab-snapshot-out".to_owned());
    thread.spawn(work).map_err(|error| error.to_string())?;
    Ok(read)
}

/// A command that runs; its group is killed when this is dropped.
struct Running {
    child: Child,
    line: String,
    log: PathBuf,
}

impl Running {
    /// How it ended, if it has.
    fn ended(&mut self) -> Option<Result<(), String>> {
        match self.child.try_wait() {
            Ok(None) => None,
            _ => Some(self.result()),
        }
    }

    /// How it ended, once it has.
    fn result(&mut self) -> Result<(), String> {
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() {
            return Ok(());
        }
        // The thread that writes the log may be a little behind.
        std::thread::sleep(LOOK);
        let text = tail(&self.log);
        let last = text.lines().rev().find(|line| !line.trim().is_empty());
        Err(match last {
            Some(said) => format!("`{}`: {status}, last words `{}`", self.line, said.trim()),
            None => format!("`{}`: {status}", self.line),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            system::signal_group(self.child.id(), libc::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// What the answer of a Python program ends with.
const PYTHON_END: &[u8] = b"# end\n";

/// A stream that is read until the order is given up.
struct Patient<'a> {
    /// The last bytes that were read.
    end: Vec<u8>,
    stream: UnixStream,
    order: &'a Order,
    deadline: Instant,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if let Some(why) = self.order.refusal(self.deadline) {
                        return Err(std::io::Error::other(why));
                    }
                }
                Ok(read) => {
                    let kept = self.end.len().saturating_sub(PYTHON_END.len());
                    self.end.drain(..kept);
                    self.end.extend_from_slice(&buffer[..read]);
                    return Ok(read);
                }
                failed => return failed,
            }
        }
    }
}

/// Whether a process catches a signal: one that it does not would end it.
fn catches(pid: u32, signal: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Whether a heap snapshot ends as one does.
fn is_closed(path: &Path) -> bool {
    use std::io::{Seek, SeekFrom};
    let mut end = Vec::new();
    let read = std::fs::File::open(path).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(16)))?;
        file.read_to_end(&mut end)
    });
    read.is_ok() && end.trim_ascii_end().ends_with(b"]}")
}
