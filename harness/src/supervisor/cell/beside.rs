//! What stands beside a program, seen from the loop of its cell: readiness, rows before it, set-up
//! and tear-down, load.

use super::{CellLoop, CellSetup, Fed};
use crate::recorder::Recorder;
use crate::supervisor::load::{LoadEnd, Loads, run_command};
use crate::supervisor::marks::MarkFile;
use crate::supervisor::ready::{Ready, Watch};
use crate::supervisor::scrape::Scraping;
use crate::system::monotonic_us;
use crate::words::say;
use leaklab_run::{EventKind, Outcome, Phase, Sample};
use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

/// Most rows before ready that are kept until their times are known.
const MOST_EARLY_ROWS: usize = 100_000;
/// Longest time that a tear-down command may take.
const LONGEST_TEARDOWN: Duration = Duration::from_secs(60);
/// Time between two looks for marks from outside, which say themselves when they were left.
const MARKS_INTERVAL: Duration = Duration::from_millis(2900);
/// Time between two looks at the load commands.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Part of its load after which a program that ends by itself has run for as long as it was to.
const EARLY_SHARE: f64 = 0.95;

/// What the loop keeps of all that.
#[derive(Default)]
pub struct BesideState {
    /// Looks for readiness until it is dropped.
    watch: Option<Watch>,
    /// Rows before ready, which get their times when it comes.
    early: Vec<(u64, Sample, BTreeMap<String, f64>)>,
    /// Reads metrics until it is dropped.
    scraping: Option<Scraping>,
    /// What readiness was waited for, and why it did not come.
    pub(super) missed: Option<String>,
    loads: Option<Loads>,
    looked: Option<Instant>,
    marks: MarkFile,
    marks_looked: Option<Instant>,
    /// Why the load is over before its time.
    words: Option<String>,
    /// Whether the program names the phases itself.
    names_phases: bool,
    /// Whether the program counts its operations itself.
    counts_operations: bool,
    /// When the load began, in time since ready.
    load_began: Option<Duration>,
    /// Whether the program has had its warm-up: it gets one.
    had_warmup: bool,
    /// When the program said that its load was over, in time since ready, if that was too soon.
    drained_early: Option<Duration>,
}

/// Runs the set-up commands.
///
/// # Errors
///
/// Words on the first that failed; how the cell came out is in the status.
pub fn set_up(setup: &CellSetup, recorder: &mut Recorder) -> Result<(), ()> {
    let commands = &setup.beside;
    for (index, words) in commands.setup.iter().enumerate() {
        let log = setup.folder.join(format!("setup-{}.log", index + 1));
        if let Err(words) = run_command("set-up", words, &commands.surroundings, &log, None) {
            recorder.status.outcome = Some(Outcome::LoadFailed);
            recorder.status.message = words;
            recorder.status.hint = format!("see `{}`", log.display());
            return Err(());
        }
    }
    Ok(())
}

/// Looks, before the program is started, whether another answers what is to say that it is ready:
/// one that was left over would take its load, and this one would be called healthy for it.
pub fn look_for_another(setup: &CellSetup, recorder: &mut Recorder) {
    let ready = setup.beside.ready.as_ref();
    let is_started = setup.child.attach.is_none();
    let Some(ready) = ready.filter(|ready| is_started && ready.is_answered()) else {
        return;
    };
    let why = format!("{ready} was answered before the program was started, by another one");
    let message = format!(
        "{why}: it would take the load, and nothing is judged (hint: end what holds the port, or \
         watch it with --pid)"
    );
    say!("warning: {}: {message}", setup.plan.id);
    recorder.event(0.0, EventKind::Warning { message });
    recorder.measurement.distrusted = Some(why);
}

/// Runs the tear-down commands; one that fails is a warning, the cell is over.
pub fn tear_down(setup: &CellSetup, recorder: &mut Recorder) {
    let commands = &setup.beside;
    for (index, words) in commands.teardown.iter().enumerate() {
        let log = setup.folder.join(format!("teardown-{}.log", index + 1));
        let longest = Some(LONGEST_TEARDOWN);
        let result = run_command("tear-down", words, &commands.surroundings, &log, longest);
        if let Err(message) = result {
            say!("warning: {message}");
            let at_ms = recorder.status.elapsed_ms;
            recorder.event(at_ms, EventKind::Warning { message });
        }
    }
}

impl CellLoop<'_> {
    /// Begins to look for readiness and at metrics, if something is to say them.
    pub(super) fn await_ready(&mut self, to: SyncSender<Fed>) {
        let interval = self.setup.child.interval;
        let scrape = self.setup.beside.scrape.as_ref();
        self.beside.scraping = scrape.map(|scrape| scrape.watch(interval, to.clone()));
        let Some(ready) = &self.setup.beside.ready else {
            return;
        };
        self.beside.watch = Some(ready.watch(to));
        self.phase = Phase::Warmup;
        self.next_tick = Instant::now() + self.setup.child.interval;
    }

    /// Asks for pages of metrics before their time; false if none are read.
    pub(super) fn ask_for_pages(&self, pages: u32) -> bool {
        if let Some(scraping) = &self.beside.scraping {
            scraping.ask(pages);
        }
        self.beside.scraping.is_some()
    }

    /// Asks for no more pages.
    pub(super) fn end_scraping(&mut self) {
        self.beside.scraping = None;
    }

    /// Whether rows are taken: from ready on, or from the start if something says readiness.
    pub(super) fn is_sampled(&self) -> bool {
        self.ready_us.is_some() || self.setup.beside.ready.is_some()
    }

    /// Whether the pipe's `ready` counts.
    pub(super) fn pipe_says_ready(&self) -> bool {
        let by = self.setup.beside.ready.as_ref();
        self.ready_us.is_none() && by.is_none_or(|ready| matches!(ready, Ready::Pipe))
    }

    /// Takes note of what the program says itself.
    pub(super) fn heard(&mut self, has_phase: bool, has_operations: bool) {
        self.beside.names_phases |= has_phase;
        self.beside.counts_operations |= has_operations;
    }

    /// Whether a warm-up ends by the schedule rather than by the program's own word.
    pub(super) fn keeps_warmup(&self) -> bool {
        !self.beside.names_phases
    }

    /// Takes note of when the load begins.
    pub(super) fn entered(&mut self, phase: Phase, at_ms: f64) {
        match phase {
            Phase::Warmup if !self.beside.had_warmup => {
                self.beside.had_warmup = true;
                self.beside.load_began = None;
            }
            Phase::Load if self.beside.load_began.is_none() => {
                self.beside.load_began = Some(crate::time::ms_duration(at_ms));
            }
            _ => {}
        }
    }

    /// Takes note of a phase that the program names: a load that it ends before the time that
    /// was asked for has not been seen whole.
    pub(super) fn named(&mut self, phase: Phase, at_ms: f64) {
        let at = crate::time::ms_duration(at_ms);
        let is_early = self.is_early(at);
        match phase {
            Phase::Drain if is_early => {
                self.beside.drained_early.get_or_insert(at);
            }
            // It goes on.
            _ => self.beside.drained_early = None,
        }
    }

    /// Words on a load that the program ended too soon.
    pub(super) fn drained_early(&self) -> Option<String> {
        let at = self.beside.drained_early?;
        let end = self.program_load_end()?;
        Some(format!(
            "the program said that its load was over after {} of {}",
            crate::time::duration_text(at),
            crate::time::duration_text(end)
        ))
    }

    /// When the load of a program is over, in time since ready: its length after its begin. A
    /// warm-up that a program does not end is taken to be as long as the load.
    pub(super) fn program_load_end(&self) -> Option<Duration> {
        let schedule = self.setup.schedule;
        let length = schedule.load?;
        let begin = self
            .beside
            .load_began
            .unwrap_or(match self.beside.names_phases {
                true => schedule.warmup.max(length),
                false => schedule.warmup,
            });
        begin.checked_add(length)
    }

    /// Whether a program has ended by itself that was to run for longer.
    pub(super) fn ended_early(&self) -> bool {
        self.is_early(crate::time::ms_duration(self.now_ms()))
    }

    /// Whether a time since ready is before the end of a load that was asked for.
    fn is_early(&self, at: Duration) -> bool {
        let end = self.program_load_end().unwrap_or_default();
        self.setup.must_last && self.ready_us.is_some() && at < end.mul_f64(EARLY_SHARE)
    }

    /// The first phase of a program, and its load.
    pub(super) fn begin_load(&mut self) {
        self.beside.watch = None;
        if self.setup.schedule.by_child {
            return;
        }
        self.enter(match self.setup.warmup_is_declared() {
            true => Phase::Warmup,
            false => Phase::Load,
        });
        let beside = &self.setup.beside;
        if beside.loads.is_empty() || self.ending.is_some() {
            return;
        }
        let (folder, pid) = (&self.setup.folder, self.child.pid());
        match Loads::start(&beside.loads, &beside.surroundings, folder, pid, self.guard) {
            Ok(loads) => self.beside.loads = Some(loads),
            Err(words) => {
                self.beside.words = Some(words);
                self.end(Outcome::LoadFailed);
            }
        }
    }

    /// Keeps a row that was taken before ready; `false` if it is to be written.
    pub(super) fn keep_early(&mut self, at_us: u64, sample: &Sample) -> bool {
        if self.ready_us.is_some() {
            return false;
        }
        if self.beside.early.len() < MOST_EARLY_ROWS {
            let row = (at_us, *sample, self.gauges.clone());
            self.beside.early.push(row);
        }
        true
    }

    /// Writes the rows that came before the program was ready; their times are negative. One that
    /// never was has its zero where waiting for it ended.
    pub(super) fn write_early(&mut self) {
        let waited = self.setup.ready_timeout.unwrap_or(Duration::MAX);
        let since = self.started.elapsed().saturating_sub(waited).as_micros();
        let never = || monotonic_us().saturating_sub(u64::try_from(since).unwrap_or(u64::MAX));
        let zero_us = self.ready_us.unwrap_or_else(never);
        let early = std::mem::take(&mut self.beside.early);
        if early.is_empty() {
            return;
        }
        for (at_us, mut sample, gauges) in early {
            sample.elapsed_ms = (at_us as f64 - zero_us as f64) / 1000.0;
            self.recorder.row(&sample, &gauges);
        }
        self.recorder.status.elapsed_ms = 0.0;
    }

    /// Takes over marks from outside.
    pub(super) fn keep_marks(&mut self) {
        let now = Instant::now();
        let looked = self.beside.marks_looked;
        if self.ready_us.is_none() || looked.is_some_and(|at| now - at < MARKS_INTERVAL) {
            return;
        }
        self.beside.marks_looked = Some(now);
        let now_ms = self.now_ms();
        for (age_ms, mark) in self.beside.marks.take(&self.setup.folder) {
            let kind = EventKind::Mark {
                name: mark.name,
                duration_ms: mark.duration_ms,
            };
            self.recorder.event((now_ms - age_ms).max(0.0), kind);
        }
    }

    /// When the load commands must be looked at next.
    pub(super) fn load_due(&self) -> Option<Instant> {
        self.beside.loads.as_ref()?;
        Some(self.beside.looked.unwrap_or(self.started) + LOOK_INTERVAL)
    }

    /// Looks after the load commands: what they say, whether they still run, their end.
    pub(super) fn keep_load(&mut self) {
        let is_due = self.load_due().is_some_and(|due| Instant::now() >= due);
        let Some(mut loads) = self.beside.loads.take_if(|_| is_due) else {
            return;
        };
        self.beside.looked = Some(Instant::now());
        for message in loads.messages() {
            // The program's own count is the better one.
            if !self.beside.counts_operations {
                self.ops_total = message.ops.or(self.ops_total);
                self.latency_us = message.latency_us.or(self.latency_us);
            }
        }
        let elapsed_us = |ready_us| monotonic_us().saturating_sub(ready_us);
        let elapsed = self.ready_us.map(elapsed_us).map(Duration::from_micros);
        let left = match (self.program_load_end(), elapsed) {
            (Some(end), Some(elapsed)) => end.saturating_sub(elapsed),
            _ => Duration::MAX,
        };
        if self.ending.is_some() || self.phase == Phase::Drain {
            loads.stop(self.setup.grace);
        }
        let planned = self.setup.schedule.load.unwrap_or_default();
        let end = loads.look(planned, left, self.guard);
        self.beside.loads = Some(loads);
        if let Some(end) = end.filter(|_| self.ending.is_none()) {
            let (outcome, words) = match end {
                LoadEnd::Failed(words) => (Outcome::LoadFailed, words),
                LoadEnd::Early(words) => (Outcome::LoadEnded, words),
            };
            self.warn(words.clone());
            self.beside.words = Some(words);
            self.enter(Phase::Drain);
            self.end(outcome);
        }
    }

    /// What became of the load, into the status.
    pub(super) fn conclude_load(&mut self) {
        self.beside.marks_looked = None;
        self.keep_marks();
        self.write_early();
        if let Some(loads) = self.beside.loads.take() {
            let reports = loads.finish(self.setup.grace, self.guard);
            if self.ops_total.is_none() {
                // What the load says of itself; never 0 for what nobody counted.
                let requests = reports.iter().filter_map(|report| report.requests);
                self.ops_total = requests.reduce(|a, b| a + b);
            }
            self.recorder.status.load = reports;
        }
        if let Some(words) = self.beside.words.take() {
            self.recorder.status.message = words;
            let log = self.setup.folder.join("load-1.log");
            self.recorder.status.hint = format!("see `{}`", log.display());
        }
    }
}
