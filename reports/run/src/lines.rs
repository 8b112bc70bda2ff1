//! Lines of bounded length: a file without newlines must not fill the memory.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

/// Longest line of a table or a log of events; what is longer is neither.
pub const LONGEST_LINE: usize = 1 << 20;

/// A reader that fails at a line that is longer than [`LONGEST_LINE`].
pub struct LineLimited<R> {
    inner: R,
    line_bytes: usize,
}

impl<R: Read> LineLimited<R> {
    /// Of the lines of `inner`.
    pub fn new(inner: R) -> Self {
        LineLimited {
            inner,
            line_bytes: 0,
        }
    }
}

impl<R: Read> Read for LineLimited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(buffer)?;
        let part = &buffer[..read];
        self.line_bytes = match part.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => read - newline - 1,
            None => self.line_bytes + read,
        };
        if self.line_bytes > LONGEST_LINE {
            let message = "a line is longer than 1 MiB";
            return Err(Error::new(ErrorKind::InvalidData, message));
        }
        Ok(read)
    }
}

/// Reads the next line without its newline into `line`; false at the end. Of a line that is
/// longer than [`LONGEST_LINE`] the beginning is kept, and the rest is read over.
///
/// # Errors
///
/// That of the reader.
pub fn read_bounded_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(any);
        }
        any = true;
        let newline = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..newline.unwrap_or(available.len())];
        let room = LONGEST_LINE.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let consumed = newline.map_or(available.len(), |at| at + 1);
        reader.consume(consumed);
        if newline.is_some() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_refused_or_read_over() {
        let endless = vec![b'x'; 3 * LONGEST_LINE];
        let mut limited = LineLimited::new(&endless[..]);
        assert!(std::io::copy(&mut limited, &mut std::io::sink()).is_err());
        let lines = "short\n".repeat(LONGEST_LINE);
        let mut limited = LineLimited::new(lines.as_bytes());
        let copied = std::io::copy(&mut limited, &mut std::io::sink()).expect("lines");
        assert_eq!(copied, lines.len() as u64);
        let mut text = endless;
        text.extend_from_slice(b"\nnext");
        let mut reader = std::io::BufReader::new(&text[..]);
        let mut line = Vec::new();
        assert!(read_bounded_line(&mut reader, &mut line).expect("a line"));
        assert_eq!(line.len(), LONGEST_LINE);
        assert!(read_bounded_line(&mut reader, &mut line).expect("a line"));
        assert_eq!(line, b"next");
        assert!(!read_bounded_line(&mut reader, &mut line).expect("the end"));
    }
}
