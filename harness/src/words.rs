//! The one place where text leaves leaklab for a terminal.
//!
//! Words on standard error are best effort: a terminal that was closed, a pipe that nobody
//! reads and a full disk behind a log never fail a run. Whatever came from a program, a file
//! or somebody else's run is shown without the characters that could steer a terminal.

use std::borrow::Cow;
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
}
