//! Follows a `samples.csv` that somebody else writes: new rows as they come, in bounded memory.

use leaklab_run::packed::{PACKED, PackedFile};
use leaklab_run::{Heap, Phase, Sample, columns};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

/// Bytes that are read at once; a longer line is not one of a sample file.
const BLOCK_BYTES: usize = 1 << 18;

/// A place in a growing `samples.csv`.
pub struct SampleTail {
    path: PathBuf,
    offset: u64,
    /// What came after the last newline.
    rest: Vec<u8>,
    columns: Option<Columns>,
    has_read_packed: bool,
}

/// Places of the columns that a watcher shows.
struct Columns {
    elapsed_ms: usize,
    phase: Option<usize>,
    ops_total: Option<usize>,
    allocated_bytes: Option<usize>,
    used_bytes: Option<usize>,
    rss_bytes: Option<usize>,
}

impl SampleTail {
    /// Begins at the start of the file, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        SampleTail {
            path,
            offset: 0,
            rest: Vec::new(),
            columns: None,
            has_read_packed: false,
        }
    }

    /// Hands over the rows that are complete since the last call.
    ///
    /// # Errors
    ///
    /// The error of the operating system; a missing file has no rows.
    pub fn poll(&mut self, mut take: impl FnMut(&Sample)) -> std::io::Result<()> {
        if !std::mem::replace(&mut self.has_read_packed, true) {
            self.take_packed(&mut take);
        }
        if std::fs::metadata(&self.path).is_ok_and(|meta| !meta.is_file()) {
            // A named pipe would never answer.
            return Err(std::io::Error::other("samples.csv is not a file"));
        }
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if file.metadata()?.len() < self.offset {
            // Another file has taken its place.
            *self = SampleTail {
                has_read_packed: true,
                ..SampleTail::new(std::mem::take(&mut self.path))
            };
        }
        file.seek(SeekFrom::Start(self.offset))?;
        loop {
            let kept = self.rest.len();
            self.rest.resize(kept + BLOCK_BYTES, 0);
            let read = file.read(&mut self.rest[kept..])?;
            self.rest.truncate(kept + read);
            self.offset += read as u64;
            if let Some(newline) = self.rest.iter().rposition(|byte| *byte == b'\n') {
                let rows: Vec<u8> = self.rest.drain(..=newline).collect();
                self.take_rows(&rows, &mut take);
            } else if self.rest.len() > BLOCK_BYTES {
                self.rest.clear();
            }
            if read == 0 {
                return Ok(());
            }
        }
    }

    /// Hands over the rows of hours that were packed before; what cannot be read is left out.
    fn take_packed(&self, take: &mut impl FnMut(&Sample)) {
        let packed = self.path.with_file_name(PACKED);
        let Ok(Some(mut file)) = PackedFile::open(&packed) else {
            return;
        };
        let mut rows = Vec::new();
        while let Ok(Some(block)) = file.next_block() {
            let header: csv::ByteRecord = block.names().map(str::as_bytes).collect();
            rows.clear();
            let Some(columns) = Columns::of(&header) else {
                return;
            };
            if block.write_csv(&mut rows).is_err() {
                return;
            }
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(&rows[..]);
            let mut row = csv::ByteRecord::new();
            while let Ok(true) = reader.read_byte_record(&mut row) {
                if let Some(sample) = columns.sample(&row) {
                    take(&sample);
                }
            }
        }
    }

    fn take_rows(&mut self, rows: &[u8], take: &mut impl FnMut(&Sample)) {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(rows);
        let mut row = csv::ByteRecord::new();
        while let Ok(true) = reader.read_byte_record(&mut row) {
            match &self.columns {
                None => self.columns = Columns::of(&row),
                Some(columns) => {
                    if let Some(sample) = columns.sample(&row) {
                        take(&sample);
                    }
                }
            }
        }
    }
}

impl Columns {
    fn of(header: &csv::ByteRecord) -> Option<Self> {
        let place = |name: &str| header.iter().position(|field| field == name.as_bytes());
        Some(Columns {
            elapsed_ms: place(columns::ELAPSED_MS)?,
            phase: place(columns::PHASE),
            ops_total: place(columns::OPS_TOTAL),
            allocated_bytes: place(columns::ALLOCATED_BYTES),
            used_bytes: place(columns::USED_BYTES),
            rss_bytes: place(columns::RSS_BYTES),
        })
    }

    fn sample(&self, row: &csv::ByteRecord) -> Option<Sample> {
        let text = |place: usize| std::str::from_utf8(row.get(place)?).ok();
        let count = |place: Option<usize>| text(place?)?.parse().ok();
        Some(Sample {
            elapsed_ms: text(self.elapsed_ms)?
                .parse()
                .ok()
                .filter(|ms: &f64| ms.is_finite())?,
            phase: self
                .phase
                .and_then(text)
                .and_then(Phase::from_name)
                .unwrap_or_default(),
            ops_total: count(self.ops_total),
            heap: Heap {
                allocated_bytes: count(self.allocated_bytes),
                used_bytes: count(self.used_bytes),
                ..Heap::default()
            },
            rss_bytes: count(self.rss_bytes),
            ..Sample::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn rows_come_once_and_a_torn_one_waits_for_its_rest() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("samples.csv");
        let mut tail = SampleTail::new(path.clone());
        let rows = |tail: &mut SampleTail| {
            let mut seen = Vec::new();
            tail.poll(|sample| seen.push((sample.elapsed_ms, sample.rss_bytes)))
                .expect("readable");
            seen
        };
        assert_eq!(rows(&mut tail), [], "there is no file yet");
        let mut file = File::create(&path).expect("a file");
        let mut write = |text: &str| file.write_all(text.as_bytes()).expect("a write");
        write("elapsed_ms,rss_bytes,\"gauge:a,b\"\n0,10,1\n1000,2");
        assert_eq!(rows(&mut tail), [(0.0, Some(10))]);
        write("0,1\nnoon,3,1\n");
        assert_eq!(rows(&mut tail), [(1000.0, Some(20))], "noon is no time");
        assert_eq!(rows(&mut tail), []);
    }

    #[test]
    fn a_file_that_is_begun_anew_is_read_anew() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("samples.csv");
        let mut tail = SampleTail::new(path.clone());
        std::fs::write(&path, "elapsed_ms\n1\n2\n3\n").expect("a file");
        let mut seen = 0;
        tail.poll(|_| seen += 1).expect("readable");
        std::fs::write(&path, "elapsed_ms\n4\n").expect("a file");
        tail.poll(|_| seen += 1).expect("readable");
        assert_eq!(seen, 4);
    }

    #[test]
    fn a_file_without_lines_does_not_fill_the_memory() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("samples.csv");
        std::fs::write(&path, vec![b'x'; 4 * BLOCK_BYTES]).expect("a file");
        let mut tail = SampleTail::new(path);
        tail.poll(|_| panic!("no row")).expect("readable");
        assert!(tail.rest.len() <= 2 * BLOCK_BYTES, "{}", tail.rest.len());
    }
}
