//! Writes a cell's folder while the cell runs.
//!
//! Rows and events are appended with one `write` each and synced every few seconds by a thread of
//! their own, so that a slow disk never delays a sample. Nothing grows with the length of a
//! run.

mod appended;
mod syncer;

use crate::procfs::Member;
use crate::words::say;
use appended::Appended;
use leaklab_run::packed::{CLOSING, PACKED};
use leaklab_run::{CellStatus, Event, EventKind, Measurement, Sample, State, write_atomically};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use syncer::{SYNC_INTERVAL, Syncer};

/// Most gauges that get a column or an event; later names are counted and left out.
const MOST_GAUGES: usize = 256;

/// How long the first rows may wait for the names of gauges, which become columns; less than
/// the second after which every row is on disk.
const PATIENCE_FOR_GAUGES: Duration = Duration::from_millis(900);

/// How long the final state of a cell waits for space on a full disk; for all cells of a run
/// together, so that a disk that stays full does not hold up the rest of it.
const FINAL_PATIENCE: Duration = Duration::from_secs(60);
/// Time between two attempts.
const FINAL_PAUSE: Duration = Duration::from_millis(500);
/// Least and longest time between two looks whether the files are still there and whole, and the
/// part of a cell's age between: what goes wrong with them mostly does so early.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_LOOK_INTERVAL: Duration = Duration::from_secs(10);
const LOOK_PART: f64 = 0.05;
/// Rows older than this move into the packed file.
const HOUR: Duration = Duration::from_secs(3600);
/// Time between two writings of the status of a cell that runs.
const STATUS_INTERVAL: Duration = Duration::from_secs(60);
/// When the run's patience with its disk ends, once it was full at the end of a cell.
static FINAL_DEADLINE: Mutex<Option<Instant>> = Mutex::new(None);

/// Writes `samples.csv`, `events.jsonl`, `processes.csv` and `status.json` of one cell.
///
/// Nothing that happens to the disk ends a cell: rows that cannot be written are counted, the
/// program goes on, and rows are written again when there is space again.
pub struct Recorder {
    folder: PathBuf,
    samples: Appended,
    events: Appended,
    processes: Option<Appended>,
    /// Syncs the files of a cell that lasts.
    syncer: Option<Syncer>,
    line: Vec<u8>,
    gauge_columns: Vec<String>,
    gauge_values: Vec<Option<f64>>,
    has_header: bool,
    /// Rows without gauges that were taken before the columns were fixed.
    waiting: Vec<Sample>,
    created: Instant,
    /// When `samples.csv` was begun.
    hour_began: Instant,
    packer: Option<JoinHandle<()>>,
    looked: Instant,
    status_written: Instant,
    /// Rows lost when the pause began that goes on, and why it did.
    pause: Option<(u64, String)>,
    /// Whether the record of the run stood beside the folder, and nobody was told that it is gone.
    had_record: bool,
    /// What `status.json` will say when it is written next.
    pub status: CellStatus,
    /// What the certificate of the measurement says so far.
    pub measurement: Measurement,
}

impl Recorder {
    /// Creates the folder and its files; `status.json` says `running` from here on.
    ///
    /// # Errors
    ///
    /// The error of the operating system; also if the folder is there already, because
    /// nothing is ever overwritten.
    pub fn create(folder: &Path, declared_gauges: &[String]) -> std::io::Result<Self> {
        std::fs::create_dir(folder)?;
        let samples = Appended::create(&folder.join("samples.csv"))?;
        let events = Appended::create(&folder.join("events.jsonl"))?;
        let now = Instant::now();
        let recorder = Recorder {
            folder: folder.to_owned(),
            samples,
            events,
            processes: None,
            syncer: None,
            line: Vec::with_capacity(1024),
            gauge_columns: declared_gauges.to_vec(),
            gauge_values: Vec::new(),
            has_header: false,
            waiting: Vec::new(),
            created: now,
            hour_began: now,
            packer: None,
            looked: now,
            status_written: now,
            pause: None,
            had_record: folder.with_file_name("run.json").is_file(),
            status: CellStatus {
                state: State::Running,
                started_utc: crate::time::now_utc(),
                ..CellStatus::default()
            },
            measurement: Measurement::default(),
        };
        write_atomically(
            &recorder.folder.join("status.json"),
            &recorder.status_text()?,
        )?;
        Ok(recorder)
    }

    /// A log file of the cell.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn create_log(&self, name: &str) -> std::io::Result<File> {
        File::create_new(self.folder.join(name))
    }

    /// Appends a row. The columns are fixed by the first row that has gauges, or by the first
    /// row at all if gauges were declared; rows wait for that for less than a second.
    pub fn row(&mut self, sample: &Sample, gauges: &BTreeMap<String, f64>) {
        self.status.samples += 1;
        self.status.elapsed_ms = sample.elapsed_ms;
        self.look();
        if !self.has_header {
            let may_wait = self.gauge_columns.is_empty() && gauges.is_empty();
            if may_wait && self.created.elapsed() < PATIENCE_FOR_GAUGES {
                self.waiting.push(*sample);
                return;
            }
            self.fix_columns(gauges);
        }
        self.write_row(sample, gauges);
        self.late_gauges(sample.elapsed_ms, gauges);
    }

    /// Writes the header and the rows that waited for it.
    fn fix_columns(&mut self, gauges: &BTreeMap<String, f64>) {
        for name in gauges.keys() {
            if self.gauge_columns.len() < MOST_GAUGES && !self.gauge_columns.contains(name) {
                self.gauge_columns.push(name.clone());
            }
        }
        self.line.clear();
        Sample::write_header(&mut self.line, &self.gauge_columns);
        let written = self.samples.append(&self.line);
        self.has_header = written.is_ok();
        self.written(written, 0);
        let none = BTreeMap::new();
        for sample in std::mem::take(&mut self.waiting) {
            self.write_row(&sample, &none);
        }
    }

    fn write_row(&mut self, sample: &Sample, gauges: &BTreeMap<String, f64>) {
        if !self.has_header {
            self.measurement.rows_lost += 1;
            return;
        }
        self.gauge_values.clear();
        self.gauge_values.extend(
            self.gauge_columns
                .iter()
                .map(|name| gauges.get(name).copied()),
        );
        self.line.clear();
        sample.write_row(&mut self.line, &self.gauge_values);
        let written = self.samples.append(&self.line);
        self.written(written, 1);
    }

    /// Counts what is lost while the disk is full, and tells the beginning and the end of it.
    fn written(&mut self, written: std::io::Result<()>, rows: u64) {
        match (written, self.pause.take()) {
            (Ok(()), None) => {}
            (Err(error), pause) => {
                if pause.is_none() {
                    say!(
                        "warning: rows of `{}` cannot be written: {error}; the program goes on, \
                         and rows are written again when they can be",
                        self.folder.display()
                    );
                }
                let began = (self.measurement.rows_lost, error.to_string());
                self.pause = Some(pause.unwrap_or(began));
                self.measurement.rows_lost += rows;
            }
            (Ok(()), Some((before, reason))) => {
                let lost = self.measurement.rows_lost - before;
                let message = format!("{lost} rows could not be written: {reason}");
                let at_ms = self.status.elapsed_ms;
                self.event(at_ms, EventKind::Warning { message });
            }
        }
    }

    /// Appends an event.
    pub fn event(&mut self, elapsed_ms: f64, kind: EventKind) {
        self.line.clear();
        // An event is numbers and text: it has a form in JSON.
        if serde_json::to_writer(&mut self.line, &Event { elapsed_ms, kind }).is_err() {
            return;
        }
        self.line.push(b'\n');
        if self.events.append(&self.line).is_err() {
            self.measurement.rows_lost += 1;
        }
    }

    /// Appends the processes of the tree to `processes.csv`, a row each.
    pub fn processes(&mut self, elapsed_ms: f64, members: &[Member]) {
        if self.processes.is_none() {
            let mut created = Appended::create(&self.folder.join("processes.csv"));
            if let Ok(file) = &mut created {
                let _ = file.append(PROCESS_HEADER.as_bytes());
            }
            self.processes = created.ok();
        }
        self.line.clear();
        for member in members {
            push_member(&mut self.line, elapsed_ms, member);
        }
        if let Some(file) = &mut self.processes
            && file.append(&self.line).is_err()
        {
            self.measurement.rows_lost += 1;
        }
    }

    /// Writes `status.json` whole; one that cannot be written now is written later.
    pub fn write_status(&mut self) {
        self.status_written = Instant::now();
        self.status.measurement = Some(self.measurement.clone());
        if let Ok(text) = self.status_text() {
            let _ = write_atomically(&self.folder.join("status.json"), &text);
        }
    }

    fn status_text(&self) -> std::io::Result<Vec<u8>> {
        Ok(serde_json::to_vec_pretty(&self.status)?)
    }

    /// Whether the files are whole, now and then; and a status that is not too old.
    fn look(&mut self) {
        let now = Instant::now();
        let age = now.duration_since(self.created);
        let pause = age.mul_f64(LOOK_PART);
        let pause = pause.clamp(LOOK_INTERVAL, LONGEST_LOOK_INTERVAL);
        if now.duration_since(self.looked) < pause {
            return;
        }
        self.looked = now;
        if self.syncer.is_none() && age >= SYNC_INTERVAL / 2 {
            self.syncer = self.start_syncer();
        }
        let is_whole = self.samples.is_whole() && self.events.is_whole();
        if !self.measurement.files_changed && !is_whole {
            self.measurement.files_changed = true;
            self.tell("the files of the cell were cut or removed while it ran".to_owned());
        }
        let record = self.folder.with_file_name("run.json");
        let is_gone = record.symlink_metadata().is_err();
        if self.had_record && is_gone {
            self.had_record = false;
            let what = match self.folder.is_dir() {
                true => format!(
                    "`{}` was removed while the run goes on; without it the folder is no run",
                    record.display()
                ),
                false => format!(
                    "`{}` was moved or removed while the run goes on: rows go on into the files \
                     that are open, and what is written at the end has no place; move it back",
                    self.folder.display()
                ),
            };
            self.tell(what);
        }
        if self.hour_began.elapsed() >= HOUR {
            self.close_hour();
        }
        if self.status_written.elapsed() >= STATUS_INTERVAL {
            self.write_status();
        }
    }

    /// Says at once what cannot wait for the end, and writes it down.
    fn tell(&mut self, message: String) {
        say!("warning: {message}");
        let at_ms = self.status.elapsed_ms;
        self.event(at_ms, EventKind::Warning { message });
    }

    /// Begins a new `samples.csv`; a thread packs the rows of the one before. Whatever fails
    /// leaves the rows where they are, and is tried again an hour later.
    fn close_hour(&mut self) {
        self.hour_began = Instant::now();
        let is_packed = self.packer.as_ref().is_none_or(JoinHandle::is_finished);
        let (live, closing) = (self.folder.join("samples.csv"), self.folder.join(CLOSING));
        if !is_packed || !self.has_header {
            return;
        }
        if closing.exists() {
            // The disk was full when it should have been packed.
            self.packer = start_packing(&self.folder);
            return;
        }
        if std::fs::rename(&live, &closing).is_err() {
            return;
        }
        self.line.clear();
        Sample::write_header(&mut self.line, &self.gauge_columns);
        let begun = Appended::create(&live).and_then(|mut file| {
            file.append(&self.line)?;
            Ok(file)
        });
        match begun {
            Ok(file) => {
                self.sync();
                self.samples = file;
                self.syncer = self.start_syncer();
                self.packer = start_packing(&self.folder);
            }
            Err(_) => {
                let _ = std::fs::rename(&closing, &live);
            }
        }
    }

    /// A thread that syncs the files; without it the rows are written all the same.
    fn start_syncer(&self) -> Option<Syncer> {
        let handles = [self.samples.handle().ok()?, self.events.handle().ok()?];
        Some(Syncer::start(handles))
    }

    /// Syncs the files a last time.
    fn sync(&mut self) {
        if self.syncer.take().is_none() {
            self.samples.sync();
            self.events.sync();
        }
    }

    /// Syncs everything and writes the final status. On a full disk it is tried again for some
    /// time.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn finish(mut self) -> std::io::Result<CellStatus> {
        self.sync();
        if let Some(packer) = self.packer.take() {
            // What it could not pack stays as it is.
            let _ = packer.join();
        }
        self.status.state = State::Finished;
        self.looked = self.created;
        let mut is_told = false;
        loop {
            if !self.has_header {
                self.fix_columns(&BTreeMap::new());
            }
            self.status.measurement = Some(self.measurement.clone());
            let text = self.status_text()?;
            match write_atomically(&self.folder.join("status.json"), &text) {
                Ok(()) => {
                    *final_deadline() = None;
                    return Ok(self.status);
                }
                Err(error) if is_full(&error) && may_wait() => {
                    if !std::mem::replace(&mut is_told, true) {
                        say!(
                            "warning: the end of `{}` cannot be written: {error}; it is tried \
                             again for {} s at most",
                            self.folder.display(),
                            FINAL_PATIENCE.as_secs()
                        );
                    }
                    std::thread::sleep(FINAL_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gauges whose names came after the header go into an event each tick.
    fn late_gauges(&mut self, elapsed_ms: f64, gauges: &BTreeMap<String, f64>) {
        if gauges.keys().all(|name| self.gauge_columns.contains(name)) {
            return;
        }
        let late = gauges
            .iter()
            .filter(|(name, _)| !self.gauge_columns.contains(name))
            .take(MOST_GAUGES)
            .map(|(name, value)| (name.clone(), *value))
            .collect();
        self.event(elapsed_ms, EventKind::Gauges { gauges: late });
    }
}

/// Packs the hour that was closed, and removes it when it is safe.
fn start_packing(folder: &Path) -> Option<JoinHandle<()>> {
    let (closing, packed) = (folder.join(CLOSING), folder.join(PACKED));
    let pack = move || {
        if leaklab_run::packed::pack(&closing, &packed).is_ok() {
            let _ = std::fs::remove_file(&closing);
        }
    };
    std::thread::Builder::new()
        .name("leaklab-pack".to_owned())
        .spawn(pack)
        .ok()
}

/// Whether space may come back: the disk, or what this user may take of it, is full.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

fn final_deadline() -> MutexGuard<'static, Option<Instant>> {
    FINAL_DEADLINE
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

fn may_wait() -> bool {
    let mut deadline = final_deadline();
    let deadline = *deadline.get_or_insert_with(|| Instant::now() + FINAL_PATIENCE);
    Instant::now() < deadline
}

const PROCESS_HEADER: &str = "elapsed_ms,pid,name,rss_bytes,pss_bytes,cpu_ms,threads,descriptors\n";

fn push_member(line: &mut Vec<u8>, elapsed_ms: f64, member: &Member) {
    let figure = |figure: Option<u64>| figure.map_or(String::new(), |figure| figure.to_string());
    let quoted = member.name.replace('"', "\"\"");
    // Writing to a Vec cannot fail.
    let _ = writeln!(
        line,
        "{elapsed_ms:.3},{},\"{}\",{},{},{},{},{}",
        member.pid,
        crate::words::clean_line(&quoted),
        member.figures.rss_bytes,
        figure(member.pss_bytes),
        member.figures.cpu_ms,
        member.figures.threads,
        figure(member.descriptors),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_run::{read_events, read_table};

    #[test]
    fn a_gauge_that_comes_late_is_an_event_and_not_lost() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cell = folder.path().join("cell");
        let mut recorder = Recorder::create(&cell, &["declared".to_owned()]).expect("files");
        let early = BTreeMap::from([("early".to_owned(), 1.0)]);
        let late = BTreeMap::from([("early".to_owned(), 2.0), ("late".to_owned(), 3.0)]);
        recorder.row(&Sample::default(), &early);
        recorder.row(&Sample::default(), &late);
        let status = recorder.finish().expect("an end");
        assert_eq!((status.state, status.samples), (State::Finished, 2));
        let table = read_table(&cell.join("samples.csv"), |_| true).expect("a table");
        assert_eq!(table.column("gauge:early"), Some(&[1.0, 2.0][..]));
        assert!(table.column("gauge:declared").is_some());
        let events = read_events(&cell.join("events.jsonl")).expect("events");
        let expected = EventKind::Gauges {
            gauges: BTreeMap::from([("late".to_owned(), 3.0)]),
        };
        assert_eq!(events[0].kind, expected);
    }

    #[test]
    fn finished_hours_are_packed_beside_the_rows_since() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let cell = folder.path().join("cell");
        let mut recorder = Recorder::create(&cell, &["depth".to_owned()]).expect("files");
        let none = BTreeMap::new();
        for row in 0..30 {
            if row % 10 == 9 {
                recorder.close_hour();
                recorder
                    .packer
                    .take()
                    .expect("a thread")
                    .join()
                    .expect("packed");
            }
            let sample = Sample {
                elapsed_ms: f64::from(row),
                ..Sample::default()
            };
            recorder.row(&sample, &none);
        }
        recorder.finish().expect("an end");
        let live = std::fs::read_to_string(cell.join("samples.csv")).expect("a file");
        assert_eq!(live.lines().count(), 1 + 1, "the rows of the last hour");
        assert!(!cell.join(CLOSING).exists());
        let table = leaklab_run::read_samples(&cell, |_| true).expect("a table");
        let expected: Vec<f64> = (0..30).map(f64::from).collect();
        assert_eq!(table.elapsed_ms, expected);
    }

    #[test]
    fn nothing_is_ever_overwritten() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(Recorder::create(folder.path(), &[]).is_err());
    }
}
