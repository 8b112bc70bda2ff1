//! The one cleaner of text that came from a program, a file or somebody else's run, before it is
//! shown or handed on.

use std::borrow::Cow;
use std::io::{Result, Write};

/// Text without the characters that could steer a terminal; line ends and tabs stay.
///
/// Replaced are the control characters (C0, DEL and C1, which begin escape sequences) and the
/// marks that turn the direction of writing, by which a name can read as another one.
pub fn clean(text: &str) -> Cow<'_, str> {
    replaced(text, |c| steers(c) && c != '\n' && c != '\t')
}

/// As [`clean`], for text that must stay within its line.
pub fn clean_line(text: &str) -> Cow<'_, str> {
    replaced(text, |c| steers(c) || c == '\u{2028}' || c == '\u{2029}')
}

fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn replaced(text: &str, unwanted: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&unwanted) {
        return Cow::Borrowed(text);
    }
    let character = |c| match unwanted(c) {
        true => char::REPLACEMENT_CHARACTER,
        false => c,
    };
    Cow::Owned(text.chars().map(character).collect())
}

/// A writer that [`clean`]s what goes through it, line by line; a line that does not end is
/// cleaned in parts.
#[derive(Debug)]
pub struct Cleaned<W: Write> {
    out: W,
    line: Vec<u8>,
}

/// Bytes of a line that are held back at most.
const LONGEST_PART: usize = 1 << 16;

impl<W: Write> Cleaned<W> {
    /// Cleans what goes to `out`.
    pub fn new(out: W) -> Self {
        Cleaned {
            out,
            line: Vec::new(),
        }
    }

    fn pass_on(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        self.out.write_all(clean(&text).as_bytes())
    }
}

impl<W: Write> Write for Cleaned<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") || self.line.len() >= LONGEST_PART {
                self.pass_on()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.pass_on()?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_steer_the_terminal() {
        assert_eq!(
            clean("a\x1b[2Jb\r\n\u{9b}c\td"),
            "a\u{fffd}[2Jb\u{fffd}\n\u{fffd}c\td"
        );
        assert_eq!(
            clean_line("a\nb\u{202e}c\x07"),
            "a\u{fffd}b\u{fffd}c\u{fffd}"
        );
        assert!(matches!(clean("42.5 MiB · é"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_is_written_is_cleaned_wherever_it_is_cut() {
        let mut shown = Vec::new();
        let mut out = Cleaned::new(&mut shown);
        for byte in "elapsed_ms,gauge:\x1b]0;x\x07\u{202e}é\n1,2\nrest".bytes() {
            out.write_all(&[byte]).expect("room");
        }
        out.flush().expect("room");
        let shown = String::from_utf8(shown).expect("text");
        let expected = "elapsed_ms,gauge:\u{fffd}]0;x\u{fffd}\u{fffd}é\n1,2\nrest";
        assert_eq!(shown, expected);
    }
}
