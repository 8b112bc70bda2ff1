//! Text of a file as a message can show it: a terminal never sees its raw bytes.

use std::fmt::Write;

/// Characters of one field that a message shows, at most.
const MOST_CHARACTERS: usize = 40;

/// Columns that a message lists, at most.
const MOST_COLUMNS: usize = 30;

/// The field without surrounding blanks; bytes that are no text, and characters that steer a
/// terminal, are escaped as `\x00`.
pub(super) fn escaped(field: &[u8]) -> String {
    let mut text = String::with_capacity(field.len());
    for chunk in field.trim_ascii().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                c if c.is_ascii_control() => push_byte(&mut text, c as u8),
                c if c.is_control() || turns_direction(c) => text.extend(c.escape_unicode()),
                c => text.push(c),
            }
        }
        for &byte in chunk.invalid() {
            push_byte(&mut text, byte);
        }
    }
    text
}

/// As [`escaped`], part by part of a key.
pub(super) fn escaped_parts(key: &[u8]) -> String {
    const SEPARATOR: u8 = super::collector::KEY_SEPARATOR as u8;
    let parts = key.split(|byte| *byte == SEPARATOR).map(escaped);
    parts.collect::<Vec<_>>().join("\u{1f}")
}

fn push_byte(text: &mut String, byte: u8) {
    // Writing to a string cannot fail.
    let _ = write!(text, "\\x{byte:02x}");
}

/// Marks that reverse what a terminal shows after them.
fn turns_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A field as a message quotes it: [`escaped`], and cut where it is long.
pub(super) fn shown(field: &[u8]) -> String {
    // No character has more than four bytes; what lies beyond is cut anyway.
    let most_bytes = 4 * (MOST_CHARACTERS + 1);
    let field = field.trim_ascii();
    cut(&escaped(&field[..field.len().min(most_bytes)]))
}

/// As [`shown`], of a sentence.
pub(super) fn shown_long(text: &[u8]) -> String {
    const MOST_BYTES: usize = 300;
    let text = text.trim_ascii();
    let end = text.len().min(MOST_BYTES);
    let rest = if end < text.len() { "…" } else { "" };
    escaped(&text[..end]) + rest
}

/// The beginning of a text, with an ellipsis where something follows.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The names of columns in backquotes, the first of them where there are very many.
pub(super) fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .take(MOST_COLUMNS)
        .map(|name| format!("`{}`", cut(name)))
        .collect();
    let more = match names.len().saturating_sub(MOST_COLUMNS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_text_is_not() {
        for (field, text) in [
            (&b" rss \"x\" \\n "[..], "rss \"x\" \\n"),
            ("Größe 記憶".as_bytes(), "Größe 記憶"),
            (b"\x1b[2J\x07", "\\x1b[2J\\x07"),
            (b"\x7fELF\x00\xff\xfe", "\\x7fELF\\x00\\xff\\xfe"),
            ("a\u{202e}b\u{9b}".as_bytes(), "a\\u{202e}b\\u{9b}"),
        ] {
            assert_eq!(shown(field), text);
        }
    }

    #[test]
    fn long_text_is_cut_and_so_is_a_long_list() {
        assert_eq!(shown(&[b'x'; 40]), "x".repeat(40));
        assert_eq!(shown(&[b'x'; 5_000]), format!("{}…", "x".repeat(40)));
        assert_eq!(
            shown("ü".repeat(500).as_bytes()),
            format!("{}…", "ü".repeat(40))
        );
        let names: Vec<String> = (0..33).map(|i| i.to_string()).collect();
        assert!(
            list(&names).ends_with("`29` and 3 more"),
            "{}",
            list(&names)
        );
    }
}
