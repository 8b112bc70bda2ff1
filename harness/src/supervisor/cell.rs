//! The loop of one cell: from the start of its child to its last row.

use super::child::{ChildPlan, RunningChild};
use super::guard::Guard;
use super::outcome_text::Ended;
use super::protocol::Message;
use super::readers::{Fed, read_pipe, read_stderr, read_stdout};
use super::signals;
use crate::heap::{HEAP_PROCESSES, ProcessHeap, ProcessHeaps};
use crate::procfs::OutsideFigures;
use crate::recorder::Recorder;
use crate::system::monotonic_us;
use leaklab_run::{CellPlan, CellStatus, EventKind, Heap, Outcome, Phase, Sample};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Longest time between two looks at signals, limits and the child's end.
const HEARTBEAT: Duration = Duration::from_millis(50);
/// How long the feeds may take to hand over what a child that has ended wrote last.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How much later than planned a child that ends by itself may do so.
const OVERRUN: Duration = Duration::from_secs(10);
/// How late a sample of the probe may be beyond its interval before a row without heap figures
/// is written in its place; a sample may wait one interval for a quiet point.
const LATENESS: Duration = Duration::from_millis(20);
/// Most malformed lines that are kept as events; all are counted.
const MOST_MALFORMED_EVENTS: u64 = 1000;
/// Messages that wait between feeds and loop; feeds wait when it is full, nothing is lost.
const QUEUE: usize = 1024;

/// Everything that the loop of a cell needs to know.
#[derive(Debug, Clone)]
pub struct CellSetup {
    /// What the cell is.
    pub plan: CellPlan,
    /// What to start.
    pub child: ChildPlan,
    /// The cell's folder, which must not exist yet.
    pub folder: PathBuf,
    /// Gauges that get a column from the start.
    pub gauges: Vec<String>,
    /// Lengths of the phases.
    pub schedule: Schedule,
    /// How long the child may take to be ready; `None` if it is ready when it starts.
    pub ready_timeout: Option<Duration>,
    /// Time between TERM and KILL.
    pub grace: Duration,
    /// Resident bytes of the tree at which it is ended.
    pub memory_limit_bytes: Option<u64>,
}

/// Lengths of the phases of a cell.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Declared warm-up.
    pub warmup: Duration,
    /// Load; `None` if only a count of operations ends it.
    pub load: Option<Duration>,
    /// Drain.
    pub drain: Duration,
    /// Whether the child keeps to the schedule and ends by itself, as scenarios do. Other
    /// programs are sent TERM at the end of the load.
    pub by_child: bool,
}

/// What happens in a cell while it runs.
#[derive(Debug)]
pub enum CellEvent<'a> {
    /// The child was started.
    Started,
    /// A row was written.
    Sampled(&'a Sample),
    /// It has ended.
    Ended(&'a CellStatus),
}

/// Is told what happens in the cells of a run; from several threads.
pub trait Observer: Sync {
    /// Takes an event. `Break` says that enough was seen: the load is stopped in order.
    fn observe(&self, plan: &CellPlan, event: &CellEvent<'_>) -> ControlFlow<()>;
}

/// Runs a cell to its end. Whatever happens, the folder tells, and samples so far are kept.
pub fn run_cell(setup: &CellSetup, guard: &Guard, observer: &dyn Observer) -> CellStatus {
    let mut recorder = match Recorder::create(&setup.folder, &setup.gauges) {
        Ok(recorder) => recorder,
        Err(error) => return harness_failed(CellStatus::default(), &setup.folder, &error),
    };
    let started = RunningChild::start(&setup.child, &setup.folder);
    let (child, pipes) = match started {
        Ok(started) => started,
        Err(error) => {
            recorder.status.outcome = Some(Outcome::SpawnFailed);
            let program = setup.child.program.to_string_lossy();
            recorder.status.message = format!("`{program}` could not be started: {error}");
            recorder.status.hint = "check that the program exists and may be executed".to_owned();
            return finish(recorder, setup, observer);
        }
    };
    recorder.status.pid = Some(child.pid());
    let (to, fed) = sync_channel(QUEUE);
    let logs = (
        recorder.create_log("stdout.log"),
        recorder.create_log("stderr.log"),
    );
    if let (Ok(stdout_log), Ok(stderr_log)) = logs {
        read_stdout(pipes.stdout, stdout_log, to.clone());
        read_stderr(pipes.stderr, stderr_log);
    }
    read_pipe(pipes.protocol, to);
    let pid = child.pid();
    guard.watch(pid);
    let watched = signals::watch_group(pid);
    let mut cell = CellLoop::new(setup, recorder, child, observer);
    let result = cell.run(&fed);
    drop(watched);
    guard.forget(pid);
    let CellLoop { mut recorder, .. } = cell;
    if let Err(error) = result {
        recorder.status = harness_failed(recorder.status, &setup.folder, &error);
    }
    finish(recorder, setup, observer)
}

fn finish(recorder: Recorder, setup: &CellSetup, observer: &dyn Observer) -> CellStatus {
    let status = recorder.status.clone();
    let status = match recorder.finish() {
        Ok(status) => status,
        Err(error) => harness_failed(status, &setup.folder, &error),
    };
    // Nothing is left to be stopped.
    let _ = observer.observe(&setup.plan, &CellEvent::Ended(&status));
    status
}

fn harness_failed(mut status: CellStatus, folder: &Path, error: &std::io::Error) -> CellStatus {
    status.outcome = Some(Outcome::HarnessFailed);
    status.message = format!("`{}` cannot be written: {error}", folder.display());
    status.hint = "check space and permissions, or choose another folder with --out".to_owned();
    status
}

/// Why the child is being ended.
struct Ending {
    since: Instant,
    outcome: Outcome,
    killed: bool,
}

struct CellLoop<'a> {
    setup: &'a CellSetup,
    recorder: Recorder,
    child: RunningChild,
    observer: &'a dyn Observer,
    started: Instant,
    started_us: u64,
    /// Monotonic time of `ready`, the zero of `elapsed_ms`.
    ready_us: Option<u64>,
    next_tick: Instant,
    phase: Phase,
    ops_total: Option<u64>,
    gauges: BTreeMap<String, f64>,
    /// Heap figures that wait for a tick, of a child that writes them at its own pace.
    pending_heap: Option<Heap>,
    latency_us: Option<(u64, u64)>,
    probe_cost_us: Option<u64>,
    had_heap: bool,
    /// Heaps of a tree whose processes each have a sampler.
    heaps: ProcessHeaps,
    ending: Option<Ending>,
}

impl<'a> CellLoop<'a> {
    fn new(
        setup: &'a CellSetup,
        recorder: Recorder,
        child: RunningChild,
        observer: &'a dyn Observer,
    ) -> Self {
        let started = Instant::now();
        CellLoop {
            setup,
            recorder,
            child,
            observer,
            started,
            started_us: monotonic_us(),
            ready_us: None,
            next_tick: started,
            phase: Phase::Load,
            ops_total: None,
            gauges: BTreeMap::new(),
            pending_heap: None,
            latency_us: None,
            probe_cost_us: None,
            had_heap: false,
            heaps: ProcessHeaps::default(),
            ending: None,
        }
    }

    fn run(&mut self, fed: &Receiver<Fed>) -> std::io::Result<()> {
        let _ = self.observer.observe(&self.setup.plan, &CellEvent::Started);
        if self.setup.ready_timeout.is_none() {
            self.become_ready(self.started_us)?;
            let first = if self.setup.warmup_is_declared() {
                Phase::Warmup
            } else {
                Phase::Load
            };
            self.enter(first)?;
        }
        let status = loop {
            match fed.recv_timeout(self.patience()) {
                Ok(fed) => self.take(fed)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(self.patience()),
            }
            if let Some(status) = self.child.ended() {
                break status;
            }
            self.tick_if_due()?;
            self.keep_schedule()?;
            self.keep_limits()?;
        };
        // Descendants that outlive the child would hold its pipes open.
        self.child.kill();
        let deadline = Instant::now() + LAST_WORDS;
        while let Ok(fed) = fed.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.take(fed)?;
        }
        self.conclude(status)
    }

    /// When a row is due if no sample of the probe comes before.
    fn tick_without_probe(&self) -> Instant {
        Instant::now() + self.setup.patience_with_probe()
    }

    /// Time until something must be looked at.
    fn patience(&self) -> Duration {
        self.next_tick
            .saturating_duration_since(Instant::now())
            .min(HEARTBEAT)
    }

    fn elapsed_ms(&self, at_us: u64) -> f64 {
        match self.ready_us {
            Some(ready_us) => (at_us as f64 - ready_us as f64) / 1000.0,
            None => (at_us as f64 - self.started_us as f64) / 1000.0,
        }
    }

    fn now_ms(&self) -> f64 {
        self.elapsed_ms(monotonic_us())
    }

    fn take(&mut self, fed: Fed) -> std::io::Result<()> {
        match fed {
            Fed::Message(message) => self.take_message(*message),
            Fed::Malformed(line) => {
                self.recorder.status.malformed_lines += 1;
                if self.recorder.status.malformed_lines <= MOST_MALFORMED_EVENTS {
                    let now_ms = self.now_ms();
                    return self
                        .recorder
                        .event(now_ms, EventKind::MalformedLine { line });
                }
                Ok(())
            }
            Fed::PipeClosed => Ok(()),
        }
    }

    fn take_message(&mut self, message: Message) -> std::io::Result<()> {
        let at_us = message.monotonic_us.unwrap_or_else(monotonic_us);
        if message.ready && self.ready_us.is_none() {
            self.become_ready(at_us)?;
        }
        let at_ms = self.elapsed_ms(at_us);
        if let Some(ops) = message.ops {
            if self.ops_total.is_some_and(|before| ops < before) {
                self.recorder.event(at_ms, EventKind::Restart)?;
            }
            self.ops_total = Some(ops);
        }
        self.gauges.extend(message.gauges);
        if let Some(phase) = message.phase {
            self.enter_at(phase, at_ms)?;
        }
        if let Some(mark) = message.mark {
            let kind = EventKind::Mark {
                name: mark.name,
                duration_ms: mark.duration_ms,
            };
            self.recorder.event(at_ms, kind)?;
        }
        if !message.extra.is_empty() {
            let values = message.extra;
            self.recorder.event(at_ms, EventKind::Extra { values })?;
        }
        if let Some(cost_us) = message.sample_cost_us {
            self.recorder.status.probe_cost.add(cost_us as f64);
            // Of all samplers since the row before.
            *self.probe_cost_us.get_or_insert(0) += cost_us;
        }
        self.latency_us = message.latency_us.or(self.latency_us);
        if let Some(reason) = message.heap_error {
            let program = message
                .program
                .as_deref()
                .unwrap_or("a process of the tree");
            let message = format!("the live heap of `{program}` cannot be read: {reason}");
            self.recorder.event(at_ms, EventKind::Warning { message })?;
        }
        if let Some(heap) = message.heap {
            self.had_heap = true;
            if let Some(pid) = message.pid {
                let said = ProcessHeap {
                    pid,
                    monotonic_us: at_us,
                    heap,
                    program: message.program,
                };
                return self.take_heap(&said, at_ms);
            }
            if message.monotonic_us.is_some() && self.ready_us.is_some() {
                // The probe keeps the interval: its sample is the tick.
                self.next_tick = self.tick_without_probe();
                return self.write_row(at_ms, heap);
            }
            self.pending_heap = Some(heap);
        }
        Ok(())
    }

    /// Takes the heap of one process of the tree; its row comes with the next tick.
    fn take_heap(&mut self, said: &ProcessHeap, at_ms: f64) -> std::io::Result<()> {
        let began_anew = self.heaps.take(said);
        // Of another process of the tree it is a change of the sum like any other.
        if began_anew && said.pid == self.child.pid() && self.ready_us.is_some() {
            self.recorder.event(at_ms, EventKind::Restart)?;
        }
        Ok(())
    }

    /// The heap for a row that no sample of a probe brings.
    fn heap_at_tick(&mut self) -> Option<Heap> {
        if !self.heaps.had_any() {
            return self.pending_heap.take();
        }
        let tree = &self.child.tree;
        let sum = self
            .heaps
            .sum(monotonic_us(), self.setup.patience_with_probe(), |pid| {
                tree.has(pid)
            });
        self.gauges
            .insert(HEAP_PROCESSES.to_owned(), self.heaps.count() as f64);
        sum
    }

    fn become_ready(&mut self, at_us: u64) -> std::io::Result<()> {
        self.ready_us = Some(at_us);
        self.recorder.status.ready_after_ms =
            Some(at_us.saturating_sub(self.started_us) as f64 / 1000.0);
        self.recorder.event(0.0, EventKind::Ready)?;
        self.next_tick = if self.setup.schedule.by_child {
            self.tick_without_probe()
        } else {
            Instant::now()
        };
        self.recorder.write_status()
    }

    fn enter(&mut self, phase: Phase) -> std::io::Result<()> {
        let now_ms = self.now_ms();
        self.enter_at(phase, now_ms)
    }

    fn enter_at(&mut self, phase: Phase, at_ms: f64) -> std::io::Result<()> {
        self.phase = phase;
        self.recorder.event(at_ms, EventKind::Phase { phase })
    }

    fn tick_if_due(&mut self) -> std::io::Result<()> {
        let now = Instant::now();
        if self.ready_us.is_none() || now < self.next_tick {
            return Ok(());
        }
        self.next_tick += self.setup.child.interval;
        if self.next_tick < now {
            // Late, after a suspend for instance: ticks that passed are not made up for.
            self.next_tick = now + self.setup.child.interval;
        }
        let heap = self.heap_at_tick();
        if heap.is_none() && self.had_heap {
            self.recorder.status.missed_samples += 1;
        }
        let now_ms = self.now_ms();
        self.write_row(now_ms, heap.unwrap_or_default())
    }

    fn write_row(&mut self, at_ms: f64, heap: Heap) -> std::io::Result<()> {
        // A sample that comes after the row that was written for its lack: rows keep their order.
        let elapsed_ms = at_ms.max(self.recorder.status.elapsed_ms);
        let OutsideFigures {
            rss_bytes,
            cpu_ms,
            threads,
            descriptors,
            processes,
            cost_us,
        } = self.child.tree.sample();
        self.recorder.status.outside_cost.add(cost_us as f64);
        let latency_us = self.latency_us.take();
        let sample = Sample {
            elapsed_ms,
            phase: self.phase,
            ops_total: self.ops_total,
            heap,
            rss_bytes,
            cpu_ms,
            threads,
            descriptors,
            processes,
            latency_p50_us: latency_us.map(|(p50, _)| p50),
            latency_p99_us: latency_us.map(|(_, p99)| p99),
            probe_cost_us: self.probe_cost_us.take(),
            outside_cost_us: Some(cost_us),
            ..Sample::default()
        };
        self.recorder.row(&sample, &self.gauges)?;
        let seen = self
            .observer
            .observe(&self.setup.plan, &CellEvent::Sampled(&sample));
        if seen.is_break() && self.ending.is_none() {
            self.end(Outcome::Completed);
        }
        Ok(())
    }

    /// Phases and the end of a program that does not keep the schedule itself; and the
    /// patience with one that should.
    fn keep_schedule(&mut self) -> std::io::Result<()> {
        let schedule = self.setup.schedule;
        let Some(ready_us) = self.ready_us else {
            if let Some(timeout) = self.setup.ready_timeout
                && self.started.elapsed() > timeout
                && self.ending.is_none()
            {
                self.end(Outcome::NeverReady);
            }
            return Ok(());
        };
        let elapsed = Duration::from_micros(monotonic_us().saturating_sub(ready_us));
        let load_end = schedule.load.map(|load| schedule.warmup + load);
        if schedule.by_child {
            let end = load_end.map(|end| end + schedule.drain + self.setup.grace + OVERRUN);
            if end.is_some_and(|end| elapsed > end) && self.ending.is_none() {
                let message = "the child did not end by itself when its time was over".to_owned();
                let now_ms = self.now_ms();
                self.recorder
                    .event(now_ms, EventKind::Warning { message })?;
                self.end(Outcome::Completed);
            }
            return Ok(());
        }
        if self.phase == Phase::Warmup && elapsed >= schedule.warmup {
            self.enter(Phase::Load)?;
        }
        if load_end.is_some_and(|end| elapsed >= end) && self.ending.is_none() {
            self.enter(Phase::Drain)?;
            self.end(Outcome::Completed);
        }
        Ok(())
    }

    fn keep_limits(&mut self) -> std::io::Result<()> {
        if signals::asked_by().is_some() && self.ending.is_none() {
            self.end(Outcome::Stopped);
        }
        if let Some(limit_bytes) = self.setup.memory_limit_bytes
            && self.ending.as_ref().is_none_or(|ending| !ending.killed)
        {
            let rss_bytes = self.child.tree.rss_bytes();
            if rss_bytes > limit_bytes {
                let now_ms = self.now_ms();
                let kind = EventKind::MemoryLimit {
                    rss_bytes,
                    limit_bytes,
                };
                self.recorder.event(now_ms, kind)?;
                // What is still in the pipe was sampled before and is read below.
                self.child.kill();
                self.ending = Some(Ending {
                    since: Instant::now(),
                    outcome: Outcome::MemoryLimit,
                    killed: true,
                });
            }
        }
        if let Some(ending) = &mut self.ending
            && !ending.killed
            && ending.since.elapsed() > self.setup.grace
        {
            ending.killed = true;
            let message = format!(
                "the child did not end within {} of TERM and was killed",
                crate::time::duration_text(self.setup.grace)
            );
            self.child.kill();
            let now_ms = self.now_ms();
            self.recorder
                .event(now_ms, EventKind::Warning { message })?;
        }
        Ok(())
    }

    fn end(&mut self, outcome: Outcome) {
        self.child.terminate();
        self.ending = Some(Ending {
            since: Instant::now(),
            outcome,
            killed: false,
        });
    }

    /// Turns the child's exit into an outcome and words.
    fn conclude(&mut self, exit: ExitStatus) -> std::io::Result<()> {
        let now_ms = self.now_ms();
        let (code, signal) = (exit.code(), exit.signal());
        self.recorder
            .event(now_ms, EventKind::Exit { code, signal })?;
        let mut outcome = match &self.ending {
            Some(ending) => ending.outcome,
            None if exit.success() => Outcome::Completed,
            None => Outcome::Died,
        };
        if outcome == Outcome::Completed && self.ready_us.is_none() {
            outcome = Outcome::NeverReady;
        }
        let last_words = last_line(&self.setup.folder.join("stderr.log"));
        let words = Ended {
            setup: self.setup,
            status: &self.recorder.status,
            outcome,
            exit,
            asked_to_end: self.ending.is_some(),
            killed: self.ending.as_ref().is_some_and(|ending| ending.killed),
            last_words: &last_words,
        };
        let (message, hint) = words.describe();
        let status = &mut self.recorder.status;
        status.outcome = Some(outcome);
        status.exit_code = code;
        status.signal = signal;
        status.ops_total = self.ops_total;
        status.message = message;
        status.hint = hint;
        Ok(())
    }
}

impl CellSetup {
    /// How old the last sample of a probe may be before it is missing.
    fn patience_with_probe(&self) -> Duration {
        self.child.interval.mul_f64(2.5) + LATENESS
    }

    fn warmup_is_declared(&self) -> bool {
        !self.schedule.warmup.is_zero()
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
