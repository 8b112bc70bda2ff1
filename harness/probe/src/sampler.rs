//! The sampler thread, and everything that goes into the pipe.

use crate::clock::{monotonic_us, thread_cpu_us};
use crate::heap::{HeapFigures, HeapReader, flush_thread_cache};
use crate::latency::LatencyHistogram;
use crate::line::Line;
use crate::registry::visit_gauges;
use crate::stacks::Round;
use crate::{Phase, operations};
use std::io::{ErrorKind, Write};
use std::os::fd::{FromRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Name of the variable with the number of the descriptor to write to.
const PIPE_VARIABLE: &str = "LEAKLAB_PIPE";
/// Name of the variable with the time between two samples, in milliseconds.
const INTERVAL_VARIABLE: &str = "LEAKLAB_INTERVAL_MS";
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
/// Room for a line with many gauges, so that a longer one is rare.
const LINE_BYTES: usize = 16 << 10;
/// Lines of stacks after each sample, at most: what the pipe holds besides.
const MOST_STACK_LINES: usize = 64;
/// Time between two rounds through all stacks that have changed, at least.
const STACKS_INTERVAL: Duration = Duration::from_secs(1);
/// How long a due sample waits for a quiet point, at most and at least.
const QUIET_PATIENCE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

static SAMPLER: OnceLock<Sampler> = OnceLock::new();
static LATENCIES: LatencyHistogram = LatencyHistogram::new();
/// Whether samples wait for [`quiet_point`].
static WAITS_FOR_QUIET: AtomicBool = AtomicBool::new(false);
/// Whether a sample is due at the next quiet point.
static DUE: AtomicBool = AtomicBool::new(false);
/// Whether nothing more is to be said.
static STOPPED: AtomicBool = AtomicBool::new(false);

struct Sampler {
    reader: HeapReader,
    output: Mutex<Output>,
    served: Condvar,
}

struct Output {
    pipe: std::fs::File,
    line: Line,
    /// What is left of a line that the full pipe took in part.
    backlog: Vec<u8>,
    /// Lines that a full pipe did not take; the program must not wait for its observer.
    dropped_lines: u64,
    last_cost_us: Option<u64>,
    closed: bool,
    /// The round through the stacks, and when the next may begin; absent if none are sampled.
    stacks: Option<(Round, Instant)>,
}

/// Starts the probe and says that the program is ready to be measured.
///
/// Does nothing unless a harness has set `LEAKLAB_PIPE`; a second call does nothing. Returns
/// whether a probe is running.
pub fn start() -> bool {
    let running = start_before_ready();
    ready();
    running
}

/// Starts the probe of a program that still has to prepare; call [`ready`] afterwards.
pub fn start_before_ready() -> bool {
    if SAMPLER.get().is_some() {
        return true;
    }
    let Some(pipe) = inherited_pipe() else {
        return false;
    };
    let Ok(reader) = HeapReader::new() else {
        return false;
    };
    let output = Mutex::new(Output {
        pipe,
        line: Line::with_capacity(LINE_BYTES),
        backlog: Vec::with_capacity(LINE_BYTES),
        dropped_lines: 0,
        last_cost_us: None,
        closed: false,
        stacks: crate::stacks::start().then(|| (Round::new(), Instant::now())),
    });
    let sampler = Sampler {
        reader,
        output,
        served: Condvar::new(),
    };
    if SAMPLER.set(sampler).is_err() {
        return true;
    }
    crate::inject::start();
    let (started, has_started) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("leaklab-probe".to_owned())
        .stack_size(256 << 10)
        .spawn(move || {
            // A thread's first allocation makes its cache, some 40 KiB of heap: before the
            // first sample, or it would look like growth of the program.
            drop(std::hint::black_box(Box::new(0_u64)));
            // Nobody listens only if the starting thread is gone already.
            let _ = started.send(());
            sample_for_ever(interval());
        });
    // Waits until it runs; if it could not be started, the sender is gone.
    has_started.recv().is_ok() && thread.is_ok()
}

/// Says that the program is ready: its clock starts.
pub fn ready() {
    send(|line| line.yes("ready"));
}

/// Says that a phase begins.
pub fn phase(phase: Phase) {
    send(|line| line.text("phase", phase.name()));
}

/// Records a named instant, drawn on charts: a reload, a fault, a limit reached.
pub fn mark(name: &str) {
    send(|line| line.text("mark", name));
}

/// Records how long one operation took; percentiles go out with each sample.
pub fn record_latency(latency: Duration) {
    LATENCIES.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
}

/// Chooses whether samples wait for [`quiet_point`] (for a second at most).
pub fn on_quiet_points(wait: bool) {
    WAITS_FOR_QUIET.store(wait, Ordering::Relaxed);
}

/// Says that the calling thread is between two operations and holds nothing of either.
///
/// A sample that is due is taken here, after flushing the thread's cache, so that the heap is
/// read without payloads in flight. Otherwise costs one relaxed atomic load.
pub fn quiet_point() {
    if DUE.load(Ordering::Relaxed) && DUE.swap(false, Ordering::AcqRel) {
        sample_now();
    }
}

/// Takes a sample on the calling thread, after flushing its cache.
pub fn sample_now() {
    if let Some(sampler) = SAMPLER.get() {
        flush_thread_cache();
        sampler.sample(&mut sampler.output());
        sampler.served.notify_all();
    }
}

/// Ends the samples: what is torn down from here on is not shown as memory coming back.
pub fn stop() {
    STOPPED.store(true, Ordering::Relaxed);
}

impl Sampler {
    fn output(&self) -> MutexGuard<'_, Output> {
        // A panic while writing leaves at worst a torn line, which readers tolerate.
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the heap and writes a line. Allocates nothing once the buffers have grown.
    fn sample(&self, output: &mut Output) {
        let started_us = thread_cpu_us();
        if let Ok(heap) = self.reader.read() {
            output.write_sample(&heap);
        }
        output.last_cost_us = Some(thread_cpu_us() - started_us);
    }

    fn wait_until_served(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut output = self.output();
        while DUE.load(Ordering::Acquire) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // No quiet point came: better a sample with payloads in flight than none.
                if DUE.swap(false, Ordering::AcqRel) {
                    self.sample(&mut output);
                }
                return;
            }
            output = self
                .served
                .wait_timeout(output, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl Output {
    fn write_sample(&mut self, heap: &HeapFigures) {
        let line = &mut self.line;
        line.begin();
        line.integer("monotonic_us", monotonic_us());
        line.integer("ops", operations());
        line.open("heap");
        line.integer("allocated_bytes", heap.allocated_bytes);
        line.integer("active_bytes", heap.active_bytes);
        line.integer("metadata_bytes", heap.metadata_bytes);
        line.integer("resident_bytes", heap.resident_bytes);
        line.integer("mapped_bytes", heap.mapped_bytes);
        line.integer("retained_bytes", heap.retained_bytes);
        line.close();
        line.open("gauges");
        visit_gauges(|name, value| line.number(name, value));
        line.close();
        if let Some(latency) = LATENCIES.take() {
            line.open("latency_us");
            line.integer("count", latency.count);
            line.integer("p50", latency.p50_us);
            line.integer("p99", latency.p99_us);
            line.close();
        }
        if let Some(cost_us) = self.last_cost_us {
            line.integer("sample_cost_us", cost_us);
        }
        if self.dropped_lines > 0 {
            line.integer("dropped_lines", self.dropped_lines);
        }
        self.write_line();
    }

    /// Writes the stacks that have changed, a part after each sample.
    fn write_stacks(&mut self) {
        let Some((round, due)) = &mut self.stacks else {
            return;
        };
        if !round.goes_on() && Instant::now() < *due {
            return;
        }
        for _ in 0..MOST_STACK_LINES {
            let Some((round, due)) = &mut self.stacks else {
                return;
            };
            let Some(text) = round.next_text() else {
                *due = Instant::now() + STACKS_INTERVAL;
                return;
            };
            self.line.begin();
            self.line.integer("pid", u64::from(std::process::id()));
            self.line.integer("monotonic_us", monotonic_us());
            self.line.raw(text);
            if !self.write_line() {
                if let Some((round, _)) = &mut self.stacks {
                    round.not_taken();
                }
                return;
            }
        }
    }

    /// Writes the line that was built; drops it when the pipe is full. Returns whether it was
    /// taken.
    fn write_line(&mut self) -> bool {
        if STOPPED.load(Ordering::Relaxed) {
            return false;
        }
        self.write_backlog();
        let bytes = self.line.finish();
        if self.closed || !self.backlog.is_empty() {
            self.dropped_lines += 1;
            return false;
        }
        match self.pipe.write(bytes) {
            Ok(written) => {
                self.backlog.extend_from_slice(&bytes[written..]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.dropped_lines += 1,
            Err(error) if error.kind() == ErrorKind::Interrupted => self.dropped_lines += 1,
            Err(_) => self.closed = true,
        }
        false
    }

    fn write_backlog(&mut self) {
        while !self.backlog.is_empty() {
            match self.pipe.write(&self.backlog) {
                Ok(written) => drop(self.backlog.drain(..written)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.closed |= error.kind() != ErrorKind::WouldBlock;
                    return;
                }
            }
        }
    }
}

fn sample_for_ever(interval: Duration) {
    let Some(sampler) = SAMPLER.get() else {
        return;
    };
    let patience = interval.clamp(QUIET_PATIENCE.0, QUIET_PATIENCE.1);
    let mut due = Instant::now();
    loop {
        if WAITS_FOR_QUIET.load(Ordering::Relaxed) {
            DUE.store(true, Ordering::Release);
            sampler.wait_until_served(patience);
        } else {
            sampler.sample(&mut sampler.output());
        }
        sampler.output().write_stacks();
        due += interval;
        let now = Instant::now();
        match due.checked_duration_since(now) {
            Some(wait) => std::thread::sleep(wait),
            // Late: the ticks that passed are not made up for.
            None => due = now,
        }
    }
}

/// Sends a line that is not a sample.
fn send(build: impl FnOnce(&mut Line)) {
    if let Some(sampler) = SAMPLER.get() {
        let mut output = sampler.output();
        output.line.begin();
        output.line.integer("monotonic_us", monotonic_us());
        output.line.integer("ops", operations());
        build(&mut output.line);
        output.write_line();
    }
}

fn interval() -> Duration {
    std::env::var(INTERVAL_VARIABLE)
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|ms| *ms > 0.0)
        .and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok())
        .unwrap_or(DEFAULT_INTERVAL)
}

/// The pipe named in the environment, not inherited by children of this program and never
/// waited for.
fn inherited_pipe() -> Option<std::fs::File> {
    let fd: RawFd = std::env::var(PIPE_VARIABLE).ok()?.parse().ok()?;
    if fd <= libc::STDERR_FILENO {
        return None;
    }
    // SAFETY: fcntl with these commands reads and sets flags of a descriptor; one that is not
    // open is answered with an error, which ends the function.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        if flags < 0
            || libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK) < 0
            || libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) < 0
        {
            return None;
        }
    }
    // SAFETY: the descriptor is open, and the harness made it for this program alone;
    // `start_before_ready` takes it once.
    Some(unsafe { std::fs::File::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output {
        Output {
            pipe: std::fs::File::create("/dev/null").expect("the null device"),
            line: Line::with_capacity(LINE_BYTES),
            backlog: Vec::new(),
            dropped_lines: 0,
            last_cost_us: None,
            closed: false,
            stacks: None,
        }
    }

    #[test]
    fn a_sample_allocates_nothing_in_steady_state() {
        let sampler = Sampler {
            reader: HeapReader::new().expect("statistics"),
            output: Mutex::new(output()),
            served: Condvar::new(),
        };
        crate::set_gauge("sampler-test", 1.0);
        record_latency(Duration::from_micros(250));
        let mut output = sampler.output();
        sampler.sample(&mut output);
        let allocated = tikv_jemalloc_ctl::thread::allocatedp::read().expect("statistics");
        let before = allocated.get();
        for _ in 0..1000 {
            record_latency(Duration::from_micros(250));
            sampler.sample(&mut output);
        }
        assert_eq!(allocated.get() - before, 0, "bytes in 1000 samples");
    }

    #[test]
    fn a_closed_pipe_ends_writing_and_not_the_program() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut output = output();
        output.pipe = std::fs::File::from(std::os::fd::OwnedFd::from(writer));
        output.line.begin();
        output.write_line();
        assert!(output.closed);
        output.line.begin();
        output.write_line();
        assert_eq!(output.dropped_lines, 1);
    }
}
