//! What a file is, by its content.

use super::lines::{whole_lines, with_head};
use super::{InputError, ReadOptions, Recording, delimited, json, tools};
use std::io::{Cursor, Read};

/// Reads a recording of any known kind. Memory is that of the numbers that are kept: eight
/// bytes each.
///
/// # Errors
///
/// [`InputError`], which names line and column, or says what was expected and how to get it.
pub fn read_recording(source: impl Read, options: &ReadOptions) -> Result<Recording, InputError> {
    let (head, source) = with_head(source)?;
    if head.trim_ascii().is_empty() {
        return Err(InputError::Empty);
    }
    refuse_what_is_packed(&head)?;
    let head = match utf8_of_utf16(&head) {
        // Small files of spreadsheets; larger ones are saved as text by whoever has them.
        Some(text) if (head.len() as u64) < super::lines::HEAD_BYTES => {
            let text = text.into_bytes();
            return read_text(&text.clone(), Cursor::new(text), options);
        }
        Some(_) => {
            return Err(InputError::NotASeries(
                "the file is UTF-16; make it UTF-8: iconv -f UTF-16 -t UTF-8 FILE | leaklab judge -"
                    .to_owned(),
            ));
        }
        None => head,
    };
    read_text(&head, source, options)
}

fn read_text<R: std::io::BufRead>(
    head: &[u8],
    source: R,
    options: &ReadOptions,
) -> Result<Recording, InputError> {
    let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_utf8_mark = head.starts_with(b"\xEF\xBB\xBF");
    let first = if is_utf8_mark { head.get(3) } else { first };
    if matches!(first, Some(b'{' | b'[')) && json::is_json(head) {
        return json::read(head, source, options);
    }
    let lines: Vec<&[u8]> = whole_lines(head).take(200).collect();
    if let Some(tool) = tools::recognise(&lines) {
        return tools::read(tool, source, options);
    }
    delimited::read(head, source, options)
}

/// Says how to unpack what is packed or is no text.
fn refuse_what_is_packed(head: &[u8]) -> Result<(), InputError> {
    const KINDS: [(&[u8], &str); 8] = [
        (b"\x1f\x8b", "gzip; unpack it: zcat FILE | leaklab judge -"),
        (
            b"\x28\xb5\x2f\xfd",
            "zstd; unpack it: zstd -dc FILE | leaklab judge - (a heaptrack recording is read that way, too)",
        ),
        (b"BZh", "bzip2; unpack it: bzcat FILE | leaklab judge -"),
        (b"\xfd7zXZ", "xz; unpack it: xzcat FILE | leaklab judge -"),
        (
            b"PK\x03\x04",
            "a zip archive or a spreadsheet; unpack it, or save the sheet as CSV",
        ),
        (
            b"PAR1",
            "Parquet; as CSV: duckdb -c \"COPY 'FILE' TO '/dev/stdout' (FORMAT csv)\" | leaklab judge -",
        ),
        (
            b"SQLite format 3\0",
            "a SQLite database; as CSV: sqlite3 -header -csv FILE 'select …' | leaklab judge -",
        ),
        // The magic number of `sa` files, in the byte order of the machine.
        (
            b"\x96\xd5",
            "a recording of sar; as CSV: sadf -d -U FILE -- -r | leaklab judge -",
        ),
    ];
    if head.starts_with(&[0; 4]) {
        return Err(InputError::NotASeries(
            "the file begins with bytes that no text has".to_owned(),
        ));
    }
    match KINDS.iter().find(|(magic, _)| head.starts_with(magic)) {
        Some((_, words)) => Err(InputError::NotASeries(format!("the file is {words}"))),
        None => Ok(()),
    }
}

/// The text of a file in UTF-16 with a byte order mark, as spreadsheets and PowerShell write.
fn utf8_of_utf16(head: &[u8]) -> Option<String> {
    let (order, rest) = head.split_at_checked(2)?;
    let unit = match order {
        b"\xff\xfe" => u16::from_le_bytes,
        b"\xfe\xff" => u16::from_be_bytes,
        _ => return None,
    };
    let units: Vec<u16> = rest
        .chunks_exact(2)
        .map(|pair| unit([pair[0], pair[1]]))
        .collect();
    String::from_utf16(&units).ok()
}
