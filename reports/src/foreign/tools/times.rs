//! When a block of lines was written: a time before it, a time in it, or none at all.

use super::super::clock::Clock;
use super::super::delimited::time_words;
use super::super::time::DayOrder;
use super::super::{InputError, ReadOptions};

/// The times of blocks.
pub(super) struct Times {
    clock: Clock,
    every_s: Option<f64>,
    now: Option<(f64, String)>,
    /// Blocks begun so far.
    blocks: u64,
}

impl Times {
    pub fn new(options: &ReadOptions) -> Self {
        Self {
            clock: Clock::new(options.time_unit, DayOrder::default()),
            every_s: options.every_s,
            now: None,
            blocks: 0,
        }
    }

    /// Takes a line that is nothing but a time.
    pub fn take_line(&mut self, line: &str) -> bool {
        let text = line.trim();
        let is_stamp = is_unix_time(text) || !text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        is_stamp && self.take(text)
    }

    /// Takes the time that a line begins with; the rest of the line.
    pub fn take_prefix<'a>(&mut self, line: &'a str) -> &'a str {
        let trimmed = line.trim_start();
        let words = time_words(trimmed.as_bytes());
        let end = end_of_words(trimmed, words);
        let (time, rest) = trimmed.split_at(end);
        let is_one = words > 1 || is_unix_time(time) || time.contains(':') || time.contains('T');
        if is_one && !rest.trim().is_empty() && !time.ends_with(':') && self.take(time) {
            return rest.trim_start();
        }
        line
    }

    /// Takes a time; whether it is one.
    pub fn take(&mut self, text: &str) -> bool {
        match self.clock.seconds(text.as_bytes(), false) {
            Some(seconds) if seconds.is_finite() => {
                self.now = Some((seconds, text.to_owned()));
                true
            }
            _ => false,
        }
    }

    /// A new block begins.
    pub fn begin_block(&mut self) {
        self.blocks += 1;
    }

    /// The time of the block, and how it was written.
    pub fn now(&self, what: &str) -> Result<(f64, &str), InputError> {
        match (&self.now, self.every_s) {
            (Some((seconds, text)), _) => Ok((*seconds, text)),
            (None, Some(every_s)) => Ok((self.blocks.saturating_sub(1) as f64 * every_s, "")),
            (None, None) => Err(InputError::NoTimes {
                what: what.to_owned(),
            }),
        }
    }
}

/// Seconds or milliseconds since 1970, of a day of this century.
fn is_unix_time(text: &str) -> bool {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(rest) && matches!(whole.len(), 10 | 13 | 16 | 19)
}

fn end_of_words(text: &str, count: usize) -> usize {
    let mut words = 0;
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            if in_word {
                words += 1;
                if words == count {
                    return at;
                }
            }
            in_word = false;
        } else {
            in_word = true;
        }
    }
    text.len()
}
