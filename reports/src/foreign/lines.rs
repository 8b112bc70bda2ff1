//! Lines of a file, none of them endless.

use super::InputError;
use std::io::{BufRead, BufReader, Chain, Cursor, Read};

/// Bytes that are looked at to know what a file is.
pub(super) const HEAD_BYTES: u64 = 1 << 16;

/// The longest line that is read: a wide table has some thousand columns of some ten bytes.
const LONGEST_LINE_BYTES: u64 = 1 << 20;

/// A file whose beginning has been looked at.
pub(super) type Source<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// The beginning of a file, and all of it, the beginning included.
pub(super) fn with_head<R: Read>(mut source: R) -> Result<(Vec<u8>, Source<R>), InputError> {
    let mut head = Vec::new();
    source.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(source);
    Ok((head, BufReader::with_capacity(1 << 18, whole)))
}

/// Lines, and whether the last one had an end.
pub(super) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    /// Number of the line that was read last, from 1.
    pub number: u64,
    /// Whether it ended in a line end.
    pub ended: bool,
}

impl<R: BufRead> Lines<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            number: 0,
            ended: true,
        }
    }

    /// What lies ready of the lines to come.
    pub fn buffered(&mut self) -> Result<&[u8], InputError> {
        Ok(self.source.fill_buf()?)
    }

    /// Passes over so many whole lines of so many bytes.
    pub fn consume(&mut self, bytes: usize, lines: u64) {
        self.source.consume(bytes);
        self.number += lines;
    }

    /// The next line without its end, and without a byte order mark.
    pub fn next(&mut self) -> Result<Option<&[u8]>, InputError> {
        self.buffer.clear();
        let mut limited = self.source.by_ref().take(LONGEST_LINE_BYTES);
        if limited.read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.ended = self.buffer.last() == Some(&b'\n');
        if !self.ended && self.buffer.len() as u64 == LONGEST_LINE_BYTES {
            return Err(InputError::LineTooLong {
                line: self.number,
                most: "1 MiB",
            });
        }
        while matches!(self.buffer.last(), Some(b'\n' | b'\r')) {
            self.buffer.pop();
        }
        let start = if self.number == 1 && self.buffer.starts_with(b"\xEF\xBB\xBF") {
            3
        } else {
            0
        };
        Ok(Some(&self.buffer[start..]))
    }
}

impl<R> Lines<R> {
    /// Gives the line that was read last away, for one that is no longer needed.
    pub fn swap(&mut self, line: &mut Vec<u8>) {
        std::mem::swap(&mut self.buffer, line);
        if self.number == 1 && line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
    }
}

/// The lines of a head that are whole.
pub(super) fn whole_lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let end = match head.len() as u64 {
        // All of a short file; its last line may have no end.
        length if length < HEAD_BYTES - 3 => head.len(),
        _ => head.iter().rposition(|b| *b == b'\n').unwrap_or(head.len()),
    };
    head[..end]
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.trim_ascii().is_empty())
}
