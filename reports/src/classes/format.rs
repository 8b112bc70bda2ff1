//! Forms of snapshots, and which reader a form has.

use super::counts::Counts;
use super::{heap_snapshot, lines, pprof};
use leaklab_judge::nearest;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::str::FromStr;

/// Most bytes of a snapshot that are read, once it is unpacked.
pub const LARGEST_SNAPSHOT: u64 = 2 << 30;

/// The form of a snapshot's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `jcmd PID GC.class_histogram`, `jmap -histo`.
    ClassHistogram,
    /// V8's `.heapsnapshot`.
    HeapSnapshot,
    /// pprof's protocol buffers, gzipped or not: Go's heap and goroutine profiles.
    Pprof,
    /// Python's tracemalloc: `FILE<tab>LINE<tab>COUNT<tab>BYTES`.
    Tracemalloc,
    /// Stacks with frames joined by `;`, and a number.
    Folded,
    /// `KEY,COUNT,BYTES`.
    Csv,
}

/// All of them with their names.
pub const FORMATS: [(Format, &str); 6] = [
    (Format::ClassHistogram, "class-histogram"),
    (Format::HeapSnapshot, "heapsnapshot"),
    (Format::Pprof, "pprof"),
    (Format::Tracemalloc, "tracemalloc"),
    (Format::Folded, "folded"),
    (Format::Csv, "csv"),
];

impl Format {
    /// Its name.
    pub fn name(self) -> &'static str {
        let of = FORMATS.iter().find(|(format, _)| *format == self);
        of.map_or("", |(_, name)| name)
    }

    /// What one key of it is.
    pub fn key_word(self) -> &'static str {
        match self {
            Format::ClassHistogram => "class",
            Format::HeapSnapshot => "constructor",
            Format::Pprof | Format::Folded => "function",
            Format::Tracemalloc => "line",
            Format::Csv => "key",
        }
    }

    /// Reads a snapshot, packed by gzip or not.
    ///
    /// # Errors
    ///
    /// Words on what it is not; nothing is counted then.
    pub fn read(self, file: impl Read) -> Result<Counts, String> {
        let mut file = unpacked(file)?;
        let mut counts = match self {
            Format::ClassHistogram => lines::class_histogram(&mut file),
            Format::HeapSnapshot => heap_snapshot::counts(&mut file),
            Format::Pprof => pprof::counts(&mut file),
            Format::Tracemalloc => lines::tracemalloc(&mut file),
            Format::Folded => lines::folded(&mut file),
            Format::Csv => lines::csv(&mut file),
        }?;
        counts.keep_largest();
        match counts.is_empty() {
            true => Err(format!("nothing of a {self} is in it")),
            false => Ok(counts),
        }
    }
}

/// A file without the gzip that it may be packed by, of bounded length. What is packed twice, a
/// profile that is itself gzipped, is unpacked twice.
///
/// # Errors
///
/// Words on why it cannot be read.
pub fn unpacked<'a>(file: impl Read + 'a) -> Result<Box<dyn BufRead + 'a>, String> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    let mut reader: Box<dyn BufRead + 'a> = Box::new(BufReader::with_capacity(1 << 16, file));
    for _ in 0..2 {
        let head = reader.fill_buf().map_err(|error| error.to_string())?;
        if !head.starts_with(&GZIP) {
            break;
        }
        let plain = flate2::bufread::MultiGzDecoder::new(reader);
        reader = Box::new(BufReader::with_capacity(1 << 16, plain));
    }
    Ok(Box::new(reader.take(LARGEST_SNAPSHOT)))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((format, _)) = FORMATS.iter().find(|(_, name)| *name == text) {
            return Ok(*format);
        }
        let names = FORMATS.map(|(_, name)| name).join(", ");
        Err(match nearest(text, FORMATS.map(|(_, name)| name)) {
            Some(near) => format!("`{text}` is no form of snapshots (did you mean `{near}`?)"),
            None => format!("`{text}` is no form of snapshots; known are {names}"),
        })
    }
}
