//! The loop of one cell: from the start of its child to its last row.

mod beside;
mod ending;
mod measured;
mod ruled;
mod scheduled;
mod settled;
mod snapped;

use super::child::{ChildPipes, RunningChild};
use super::clock::ClaimedClock;
use super::guard::Guard;
use super::outcome_text::{harness_failed, not_started};
use super::protocol::Message;
use super::readers::{Fed, ReadyLine, await_end, read_pipe, read_stderr, read_stdout};
pub use super::setup::{CellEvent, CellSetup, Observer, Schedule};
use super::signals;
use super::ticks::Ticks;
use super::turns::Turns;
use super::watchdog::Watchdog;
use crate::attribution::StackCollector;
use crate::heap::{ProcessHeap, ProcessHeaps};
use crate::procfs::{MachineTimes, OutsideFigures};
use crate::recorder::Recorder;
use crate::system::{ChildExit, monotonic_us, process_cpu_us};
use crate::words::say;
use beside::BesideState;
use ending::Ending;
use leaklab_run::{CellStatus, EventKind, Heap, Outcome, Phase, Sample, columns};
use ruled::RuledState;
use settled::SettledState;
use snapped::SnappedState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Longest wait for anything: signals and the child's end wake the loop by themselves.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How late a row may be before the harness is taken to have been stopped.
const STALL: Duration = Duration::from_millis(200);
/// How long the feeds may take to hand over what was said while it was.
const CATCHING_UP: Duration = Duration::from_millis(20);
/// Time between two looks at the guard.
const GUARD_INTERVAL: Duration = Duration::from_millis(950);
/// Time between two recordings of the single processes of a tree.
const MEMBERS_INTERVAL: Duration = Duration::from_secs(5);
/// Share of the time that these may take.
const MEMBERS_SHARE: f64 = 0.0002;
/// Most malformed lines that are kept as events; all are counted.
const MOST_MALFORMED_EVENTS: u64 = 1000;
/// Messages that wait between feeds and loop; feeds wait when it is full, nothing is lost.
const QUEUE: usize = 1024;

/// Cells that run now: they share the cost of the harness.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
/// Cells that were started, for names that no two share.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// Runs a cell to its end. Whatever happens, the folder tells, and samples so far are kept.
pub fn run_cell(setup: &CellSetup, guard: &Guard, observer: &dyn Observer) -> CellStatus {
    RUNNING.fetch_add(1, Ordering::Relaxed);
    let status = run_recorded(setup, guard, observer);
    RUNNING.fetch_sub(1, Ordering::Relaxed);
    status
}

fn run_recorded(setup: &CellSetup, guard: &Guard, observer: &dyn Observer) -> CellStatus {
    let mut recorder = match Recorder::create(&setup.folder, &setup.gauges) {
        Ok(recorder) => recorder,
        Err(error) => {
            let status = harness_failed(CellStatus::default(), &setup.folder, &error);
            let _ = observer.observe(&setup.plan, &CellEvent::Ended(&status));
            return status;
        }
    };
    snapped::prepare(setup, &mut recorder);
    if beside::set_up(setup, &mut recorder).is_err() {
        beside::tear_down(setup, &mut recorder);
        return finish(recorder, setup, observer);
    }
    beside::look_for_another(setup, &mut recorder);
    let token = format!(
        "{}-{}",
        guard.token(),
        STARTED.fetch_add(1, Ordering::Relaxed)
    );
    let started = match &setup.child.attach {
        Some(attached) => RunningChild::attach_to(attached).map(|child| (child, None)),
        None => RunningChild::start(
            &setup.child,
            &token,
            &setup.folder,
            setup.memory_limit_bytes,
        )
        .map(|(child, pipes)| (child, Some(pipes))),
    };
    let (mut child, pipes) = match started {
        Ok(started) => started,
        Err(error) => {
            not_started(&mut recorder.status, setup, &error);
            beside::tear_down(setup, &mut recorder);
            return finish(recorder, setup, observer);
        }
    };
    let pid = child.pid();
    recorder.status.pid = child.has_root().then_some(pid);
    recorder.status.pid_start_ticks = child.tree.root_start_ticks();
    if setup.ready_timeout.is_some() {
        // Whoever looks from outside while it is waited for knows by this that it lives.
        recorder.write_status();
    }
    let lines_lost = Arc::new(AtomicU64::new(0));
    let (to, fed) = sync_channel(QUEUE);
    child.tell(guard);
    if let Some(folder) = child.group_folder() {
        guard.watch_group(folder);
    }
    let started = match pipes {
        Some(pipes) => start_threads(&recorder, setup, pid, pipes, &lines_lost, to.clone()),
        None => Ok(()),
    };
    if let Err(error) = started {
        child.end_all();
        recorder.status.outcome = Some(Outcome::HarnessFailed);
        recorder.status.message = format!("the child cannot be watched: {error}");
        recorder.status.hint = "raise the limits of processes, threads and open files \
             (`ulimit -u`, `ulimit -n`, the pids limit of a container), or lower --jobs"
            .to_owned();
        beside::tear_down(setup, &mut recorder);
        return finish(recorder, setup, observer);
    }
    let watched = (!child.is_attached()).then(|| signals::watch_group(pid, to.clone()));
    let mut cell = CellLoop::new(setup, recorder, child, guard, observer);
    cell.await_ready(to);
    let exit = cell.run(&fed);
    drop(watched);
    cell.finish_snapshots();
    cell.finish_rules();
    cell.finish_settled();
    cell.end_tree();
    cell.take_last_words(&fed);
    cell.write_stacks(true);
    cell.tell_lack_of_stacks();
    cell.recorder.measurement.lines_lost = lines_lost.load(Ordering::Relaxed);
    cell.conclude(exit);
    beside::tear_down(setup, &mut cell.recorder);
    finish(cell.recorder, setup, observer)
}

/// Starts the threads that read what the child writes and wait for its end.
fn start_threads(
    recorder: &Recorder,
    setup: &CellSetup,
    pid: u32,
    pipes: ChildPipes,
    lines_lost: &Arc<AtomicU64>,
    to: SyncSender<Fed>,
) -> std::io::Result<()> {
    let logs = (
        recorder.create_log("stdout.log"),
        recorder.create_log("stderr.log"),
    );
    if let (Ok(stdout_log), Ok(stderr_log)) = logs {
        let by = || ReadyLine::new(setup.beside.ready.as_ref(), &to);
        let lost = || Arc::clone(lines_lost);
        read_stdout(pipes.stdout, stdout_log, lost(), by(), to.clone())?;
        read_stderr(pipes.stderr, stderr_log, lost(), by())?;
    }
    read_pipe(pipes.protocol, to.clone())?;
    await_end(pid, to)?;
    Ok(())
}

fn finish(mut recorder: Recorder, setup: &CellSetup, observer: &dyn Observer) -> CellStatus {
    setup.redactor.status(&mut recorder.status);
    let status = recorder.status.clone();
    let status = match recorder.finish() {
        Ok(status) => status,
        Err(error) => harness_failed(status, &setup.folder, &error),
    };
    // Nothing is left to be stopped.
    let _ = observer.observe(&setup.plan, &CellEvent::Ended(&status));
    status
}

struct CellLoop<'a> {
    setup: &'a CellSetup,
    recorder: Recorder,
    child: RunningChild,
    guard: &'a Guard,
    observer: &'a dyn Observer,
    started: Instant,
    started_us: u64,
    /// Monotonic time of `ready`, the zero of `elapsed_ms`.
    ready_us: Option<u64>,
    clock: ClaimedClock,
    next_tick: Instant,
    /// Whether the row that was due was put off because the harness had been stopped.
    was_stalled: bool,
    ticks: Ticks,
    turns: Turns,
    watchdog: Option<Watchdog>,
    phase: Phase,
    ops_total: Option<u64>,
    gauges: BTreeMap<String, f64>,
    /// Heap figures that wait for a tick, of a child that writes them at its own pace.
    pending_heap: Option<Heap>,
    latency_us: Option<(u64, u64)>,
    probe_cost_us: Option<u64>,
    /// Whether it was told that a name is not of the protocol.
    was_misspelt: bool,
    had_heap: bool,
    /// Heaps of a tree whose processes each have a sampler.
    heaps: ProcessHeaps,
    stacks: StackCollector,
    ending: Option<Ending>,
    /// Members that the guard was told of.
    guarded: Vec<u32>,
    guard_looked: Instant,
    members_due: Instant,
    machine: MachineTimes,
    harness_cpu_us: u64,
    last_cpu_ms: u64,
    /// Processes that lived on when the child ended by itself.
    left: Vec<(u32, String)>,
    beside: BesideState,
    settled: SettledState,
    snapped: SnappedState,
    ruled: RuledState,
}

impl<'a> CellLoop<'a> {
    fn new(
        setup: &'a CellSetup,
        recorder: Recorder,
        child: RunningChild,
        guard: &'a Guard,
        observer: &'a dyn Observer,
    ) -> Self {
        let started = Instant::now();
        CellLoop {
            setup,
            recorder,
            guarded: vec![child.pid()],
            child,
            guard,
            observer,
            started,
            started_us: monotonic_us(),
            ready_us: None,
            clock: ClaimedClock::default(),
            next_tick: started,
            was_stalled: false,
            ticks: Ticks::new(setup.child.interval.as_secs_f64() * 1e3),
            turns: Turns::default(),
            watchdog: setup
                .memory_limit_bytes
                .map(|limit_bytes| Watchdog::new(limit_bytes, started)),
            phase: Phase::Load,
            ops_total: None,
            gauges: BTreeMap::new(),
            pending_heap: None,
            latency_us: None,
            probe_cost_us: None,
            was_misspelt: false,
            had_heap: false,
            heaps: ProcessHeaps::default(),
            stacks: StackCollector::default(),
            ending: None,
            guard_looked: started,
            members_due: started + Duration::from_secs(1),
            machine: MachineTimes::now(),
            harness_cpu_us: process_cpu_us(),
            last_cpu_ms: 0,
            left: Vec::new(),
            beside: BesideState::default(),
            settled: SettledState::default(),
            snapped: SnappedState::default(),
            ruled: RuledState::new(&setup.beside.rules),
        }
    }

    /// Watches the child until it ends.
    fn run(&mut self, fed: &Receiver<Fed>) -> ChildExit {
        let _ = self.observer.observe(&self.setup.plan, &CellEvent::Started);
        if self.setup.ready_timeout.is_none() {
            self.become_ready(self.started_us);
        }
        loop {
            match fed.recv_timeout(self.patience()) {
                Ok(fed) => self.take(fed),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(self.patience()),
            }
            if let Some(exit) = self.child.ended() {
                return exit;
            }
            self.tick_if_due();
            self.keep_schedule();
            self.keep_load();
            self.keep_settled();
            self.keep_snapshots();
            self.keep_marks();
            self.keep_limits();
        }
    }

    fn warn(&mut self, message: String) {
        let message = self.setup.redactor.text(&message);
        let now_ms = self.now_ms();
        self.recorder.event(now_ms, EventKind::Warning { message });
    }

    /// When a row is due if no sample of the probe comes before.
    fn tick_without_probe(&self) -> Instant {
        Instant::now() + self.setup.patience_with_probe()
    }

    /// Time until something must be looked at.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let mut next = now + LONGEST_WAIT;
        let mut by = |instant: Option<Instant>| next = instant.map_or(next, |at| next.min(at));
        by(self.is_sampled().then_some(self.next_tick));
        by(self.load_due());
        by(self.settle_due());
        by(self.snapshot_due());
        by(self.watchdog.as_ref().map(Watchdog::due));
        by(self.schedule_due());
        if let Some(ending) = self.ending.as_ref().filter(|ending| !ending.killed) {
            by(ending.since.checked_add(self.setup.grace));
        }
        next.saturating_duration_since(now)
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

    fn take(&mut self, fed: Fed) {
        match fed {
            Fed::Message(message) => self.take_message(*message),
            Fed::Malformed(line) => {
                self.recorder.status.malformed_lines += 1;
                if self.recorder.status.malformed_lines <= MOST_MALFORMED_EVENTS {
                    let now_ms = self.now_ms();
                    self.recorder
                        .event(now_ms, EventKind::MalformedLine { line });
                }
            }
            Fed::Ready if self.ready_us.is_none() => self.become_ready(monotonic_us()),
            Fed::Warning(words) => {
                say!("warning: {}: {words}", self.setup.plan.id);
                self.warn(words);
            }
            Fed::PipeClosed | Fed::Wake | Fed::Ready => {}
        }
    }

    /// Says once what a line may have meant by a name that is not of the protocol.
    fn tell_misspelt(&mut self, message: &Message) {
        if self.was_misspelt {
            return;
        }
        if let Some(words) = message.misspelt() {
            self.was_misspelt = true;
            say!("warning: {}: {words}", self.setup.plan.id);
            self.warn(words);
        }
    }

    /// Says once that two programs write to the pipe as if they were one.
    fn tell_turns(&mut self, before: Option<u64>, ops: u64) {
        if self.turns.saw(before, ops) && self.recorder.measurement.distrusted.is_none() {
            let why =
                "two programs wrote to one pipe in turns, and their counts cannot be told apart";
            self.recorder.measurement.distrusted = Some(why.to_owned());
            let words = "two programs write to one pipe in turns: their counts, and a heap that \
                         they say without its `pid`, cannot be told apart; nothing is judged \
                         (hint: each line of a heap needs the `pid` of its process, and one \
                         process counts the operations)";
            say!("warning: {}: {words}", self.setup.plan.id);
            self.warn(words.to_owned());
        }
    }

    fn take_message(&mut self, message: Message) {
        self.tell_misspelt(&message);
        let (at_us, is_claimed) = self.clock.time_us(message.monotonic_us, monotonic_us());
        if self.clock.rejects == 1 && !is_claimed && message.monotonic_us.is_some() {
            self.warn(format!(
                "`monotonic_us` of {} is not of this machine's monotonic clock: the time of \
                 reading stands in its place; CLOCK_MONOTONIC in microseconds is meant",
                message.monotonic_us.unwrap_or_default()
            ));
        }
        self.heard(message.phase.is_some(), message.ops.is_some());
        if message.ready && self.pipe_says_ready() {
            self.become_ready(at_us.max(self.started_us));
        }
        let at_ms = self.elapsed_ms(at_us);
        if let Some(ops) = message.ops {
            if self.ops_total.is_some_and(|before| ops < before) {
                self.recorder.event(at_ms, EventKind::Restart);
            }
            let before = self.ops_total.replace(ops);
            self.tell_turns(before.filter(|_| message.pid.is_none()), ops);
        }
        self.gauges.extend(message.gauges);
        if let Some(phase) = message.phase {
            self.named(phase, at_ms);
            self.enter_at(phase, at_ms);
        }
        if let Some(mark) = message.mark {
            if let Some(duration_ms) = mark.duration_ms {
                let marked = CellEvent::Marked { at_ms, duration_ms };
                let _ = self.observer.observe(&self.setup.plan, &marked);
            }
            let kind = EventKind::Mark {
                name: mark.name,
                duration_ms: mark.duration_ms,
            };
            self.recorder.event(at_ms, kind);
        }
        if !message.extra.is_empty() {
            let values = message.extra;
            self.recorder.event(at_ms, EventKind::Extra { values });
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
            self.recorder.event(at_ms, EventKind::Warning { message });
        }
        if let Some(counts) = message.stacks {
            let pid = message.pid.unwrap_or(self.child.pid());
            self.stacks.take(pid, at_us, counts);
        }
        if let Some(heap) = message.heap {
            self.had_heap = true;
            self.heard_heap();
            self.stacks.heard(at_us);
            if let Some(pid) = message.pid {
                let said = ProcessHeap {
                    pid,
                    monotonic_us: at_us,
                    heap,
                    program: message.program,
                };
                return self.take_heap(&said, at_ms);
            }
            if is_claimed && self.ready_us.is_some() {
                // The probe keeps the interval: its sample is the tick.
                self.next_tick = self.tick_without_probe();
                return self.write_row(at_ms, heap);
            }
            self.pending_heap = Some(heap);
        }
    }

    /// Takes the heap of one process of the tree; its row comes with the next tick.
    fn take_heap(&mut self, said: &ProcessHeap, at_ms: f64) {
        let began_anew = self.heaps.take(said);
        // Of another process of the tree it is a change of the sum like any other.
        if began_anew && said.pid == self.child.pid() && self.ready_us.is_some() {
            self.recorder.event(at_ms, EventKind::Restart);
        }
    }

    /// Writes what allocators said of their stacks, a minute after the last time or at the end.
    fn write_stacks(&mut self, at_end: bool) {
        let zero_us = self.ready_us.unwrap_or(self.started_us);
        let elapsed_ms = |at_us: u64| (at_us as f64 - zero_us as f64) / 1000.0;
        let written = self
            .stacks
            .write_if_due(&self.setup.folder, at_end, elapsed_ms);
        if let Err(error) = written {
            self.warn(format!("the stacks cannot be written: {error}"));
        }
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
        for pid in self.heaps.take_ended() {
            self.stacks.ended(pid, monotonic_us());
        }
        self.gauges.insert(
            columns::HEAP_PROCESSES.to_owned(),
            self.heaps.count() as f64,
        );
        sum
    }

    fn tick_if_due(&mut self) {
        let now = Instant::now();
        if !self.is_sampled() || now < self.next_tick {
            return;
        }
        // Late, after a suspend for instance: ticks that passed are not made up for, and the
        // next is where it would have been.
        let interval = self.setup.child.interval;
        let late = now.duration_since(self.next_tick);
        let behind = late.as_nanos() / interval.as_nanos().max(1);
        let ahead = u32::try_from(behind + 1)
            .ok()
            .and_then(|ticks| interval.checked_mul(ticks));
        self.next_tick = ahead.map_or(now + interval, |ahead| self.next_tick + ahead);
        if late > STALL && !std::mem::replace(&mut self.was_stalled, true) {
            // What the program said meanwhile is still in the pipe: a row now would put old counts
            // to a new time.
            self.next_tick = self.next_tick.max(now + CATCHING_UP);
            return;
        }
        self.was_stalled = false;
        self.write_stacks(false);
        let heap = self.heap_at_tick();
        if heap.is_none() && self.had_heap {
            self.recorder.status.missed_samples += 1;
        }
        let now_ms = self.now_ms();
        self.write_row(now_ms, heap.unwrap_or_default());
    }

    fn write_row(&mut self, at_ms: f64, heap: Heap) {
        // A sample that comes after the row that was written for its lack: rows keep their order.
        let elapsed_ms = at_ms.max(self.recorder.status.elapsed_ms);
        let at_us = monotonic_us();
        let figures = self.child.tree.sample();
        let OutsideFigures {
            rss_bytes,
            pss_bytes,
            swap_bytes,
            cpu_ms,
            threads,
            descriptors,
            processes,
            cgroup_bytes,
            cost_us,
        } = figures;
        self.recorder.status.outside_cost.add(cost_us as f64);
        self.last_cpu_ms = cpu_ms.unwrap_or(self.last_cpu_ms);
        let most_swapped = self.recorder.measurement.swap_bytes.max(swap_bytes);
        self.recorder.measurement.swap_bytes = most_swapped;
        let harness_cpu_us = self.share_of_harness_cpu();
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
            pss_bytes,
            swap_bytes,
            cgroup_bytes,
            harness_cpu_us: Some(harness_cpu_us),
        };
        self.settle_row(&heap, rss_bytes);
        if !self.keep_early(at_us, &sample) {
            let gap = self.ticks.row(elapsed_ms, &mut self.recorder.measurement);
            self.tell_gap(elapsed_ms, gap);
            self.recorder.row(&sample, &self.gauges);
        }
        self.hold_limit(self.child.tree.level_of(&figures));
        self.look_for_kills(elapsed_ms);
        self.look_around(elapsed_ms, processes);
        self.keep_rules(&sample);
        if self.ready_us.is_none() {
            return;
        }
        let seen = self
            .observer
            .observe(&self.setup.plan, &CellEvent::Sampled(&sample));
        if seen.is_break() && self.ending.is_none() {
            self.end(Outcome::Completed);
        }
    }

    /// What is looked at with a row, and less often: the guard, and the single processes.
    fn look_around(&mut self, at_ms: f64, processes: Option<u64>) {
        let now = Instant::now();
        self.guarded.extend(self.child.tell(self.guard));
        self.recorder.measurement.escaped_processes = self.child.tree.escaped();
        if now.duration_since(self.guard_looked) >= GUARD_INTERVAL {
            self.guard_looked = now;
            self.guard.keep_alive();
        }
        if now >= self.members_due && processes.is_some_and(|processes| processes > 1) {
            let before_us = crate::system::thread_cpu_us();
            let members = self.child.tree.members();
            self.recorder.processes(at_ms, &members);
            let cost_s = (crate::system::thread_cpu_us() - before_us) as f64 / 1e6;
            let pause = Duration::from_secs_f64(cost_s / MEMBERS_SHARE);
            self.members_due = now + pause.max(MEMBERS_INTERVAL);
        }
    }
}
