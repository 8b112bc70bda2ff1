//! Writes a cell's folder while the cell runs.
//!
//! Rows and events are appended with one `write` each and synced once a second by a thread of
//! their own, so that a slow disk never delays a sample. Nothing grows with the length of a
//! run.

mod syncer;

use leaklab_run::{CellStatus, Event, EventKind, Sample, State, write_atomically};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use syncer::Syncer;

/// Most gauges that get a column or an event; later names are counted and left out.
const MOST_GAUGES: usize = 256;

/// How long the first rows may wait for the names of gauges, which become columns; less than
/// the second after which every row is on disk.
const PATIENCE_FOR_GAUGES: Duration = Duration::from_millis(900);

/// Writes `samples.csv`, `events.jsonl` and `status.json` of one cell.
pub struct Recorder {
    folder: PathBuf,
    samples: File,
    events: File,
    syncer: Syncer,
    line: Vec<u8>,
    gauge_columns: Vec<String>,
    gauge_values: Vec<Option<f64>>,
    has_header: bool,
    /// Rows without gauges that were taken before the columns were fixed.
    waiting: Vec<Sample>,
    created: Instant,
    /// What `status.json` will say when it is written next.
    pub status: CellStatus,
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
        let samples = File::create_new(folder.join("samples.csv"))?;
        let events = File::create_new(folder.join("events.jsonl"))?;
        let syncer = Syncer::start([samples.try_clone()?, events.try_clone()?]);
        let recorder = Recorder {
            folder: folder.to_owned(),
            samples,
            events,
            syncer,
            line: Vec::with_capacity(1024),
            gauge_columns: declared_gauges.to_vec(),
            gauge_values: Vec::new(),
            has_header: false,
            waiting: Vec::new(),
            created: Instant::now(),
            status: CellStatus {
                state: State::Running,
                started_utc: crate::time::now_utc(),
                ..CellStatus::default()
            },
        };
        recorder.write_status()?;
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
    ///
    /// # Errors
    ///
    /// The error of the operating system, a full disk for instance.
    pub fn row(&mut self, sample: &Sample, gauges: &BTreeMap<String, f64>) -> std::io::Result<()> {
        self.status.samples += 1;
        self.status.elapsed_ms = sample.elapsed_ms;
        if !self.has_header {
            let may_wait = self.gauge_columns.is_empty() && gauges.is_empty();
            if may_wait && self.created.elapsed() < PATIENCE_FOR_GAUGES {
                self.waiting.push(*sample);
                return Ok(());
            }
            self.fix_columns(gauges)?;
        }
        self.write_row(sample, gauges)?;
        self.late_gauges(sample.elapsed_ms, gauges)
    }

    /// Writes the header and the rows that waited for it.
    fn fix_columns(&mut self, gauges: &BTreeMap<String, f64>) -> std::io::Result<()> {
        for name in gauges.keys() {
            if self.gauge_columns.len() < MOST_GAUGES && !self.gauge_columns.contains(name) {
                self.gauge_columns.push(name.clone());
            }
        }
        self.has_header = true;
        self.line.clear();
        Sample::write_header(&mut self.line, &self.gauge_columns);
        self.samples.write_all(&self.line)?;
        let none = BTreeMap::new();
        for sample in std::mem::take(&mut self.waiting) {
            self.write_row(&sample, &none)?;
        }
        Ok(())
    }

    fn write_row(
        &mut self,
        sample: &Sample,
        gauges: &BTreeMap<String, f64>,
    ) -> std::io::Result<()> {
        self.gauge_values.clear();
        self.gauge_values.extend(
            self.gauge_columns
                .iter()
                .map(|name| gauges.get(name).copied()),
        );
        self.line.clear();
        sample.write_row(&mut self.line, &self.gauge_values);
        self.samples.write_all(&self.line)
    }

    /// Appends an event.
    ///
    /// # Errors
    ///
    /// As for [`Recorder::row`].
    pub fn event(&mut self, elapsed_ms: f64, kind: EventKind) -> std::io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, &Event { elapsed_ms, kind })?;
        self.line.push(b'\n');
        self.events.write_all(&self.line)
    }

    /// Writes `status.json` whole.
    ///
    /// # Errors
    ///
    /// As for [`Recorder::row`].
    pub fn write_status(&self) -> std::io::Result<()> {
        let text = serde_json::to_vec_pretty(&self.status)?;
        write_atomically(&self.folder.join("status.json"), &text)
    }

    /// Syncs everything and writes the final status.
    ///
    /// # Errors
    ///
    /// As for [`Recorder::row`].
    pub fn finish(mut self) -> std::io::Result<CellStatus> {
        if !self.has_header {
            self.fix_columns(&BTreeMap::new())?;
        }
        self.syncer.stop();
        self.status.state = State::Finished;
        self.write_status()?;
        Ok(self.status)
    }

    /// Gauges whose names came after the header go into an event each tick.
    fn late_gauges(
        &mut self,
        elapsed_ms: f64,
        gauges: &BTreeMap<String, f64>,
    ) -> std::io::Result<()> {
        if gauges.keys().all(|name| self.gauge_columns.contains(name)) {
            return Ok(());
        }
        let late = gauges
            .iter()
            .filter(|(name, _)| !self.gauge_columns.contains(name))
            .take(MOST_GAUGES)
            .map(|(name, value)| (name.clone(), *value))
            .collect();
        self.event(elapsed_ms, EventKind::Gauges { gauges: late })
    }
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
        recorder.row(&Sample::default(), &early).expect("a row");
        recorder.row(&Sample::default(), &late).expect("a row");
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
    fn nothing_is_ever_overwritten() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        assert!(Recorder::create(folder.path(), &[]).is_err());
    }
}
