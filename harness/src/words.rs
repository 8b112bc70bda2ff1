//! The one place where text leaves leaklab for a terminal.
//!
//! Words on standard error are best effort: a terminal that was closed, a pipe that nobody
//! reads and a full disk behind a log never fail a run. Whatever came from a program, a file
//! or somebody else's run is shown without the characters that could steer a terminal.

pub use leaklab_run::{clean, clean_line};

use std::io::Write;

/// Says a line on standard error; formats like [`println!`].
macro_rules! say {
    ($($part:tt)*) => {
        $crate::words::say_text(&::std::format!($($part)*))
    };
}
pub(crate) use say;

/// Writes a line to standard error, cleaned, in one `write`; a failure is nobody's concern.
pub fn say_text(text: &str) {
    let mut line = clean(text).into_owned();
    line.push('\n');
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
