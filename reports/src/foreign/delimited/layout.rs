//! What the first lines of a table say: what stands between fields, and what the columns are
//! called.

use super::super::InputError;
use super::super::lines::whole_lines;
use super::super::number::{amount, is_missing};
use super::super::quote;
use super::super::time::is_stamp;

/// Rows that are looked at before columns are chosen.
const SAMPLED_ROWS: usize = 400;

/// What stands between fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::foreign) enum Separator {
    Character(u8),
    /// One space or more; two or more in the header, whose names may hold one. The first that
    /// many words of a row are one field: a time that holds spaces.
    Spaces {
        time_words: usize,
    },
}

impl Separator {
    fn of(line: &[u8]) -> Self {
        [b';', b'\t', b',']
            .into_iter()
            .map(|separator| (line.iter().filter(|b| **b == separator).count(), separator))
            .filter(|(count, _)| *count > 0)
            // Between semicolons and tabs a comma is a decimal point or part of a name.
            .max_by_key(|(count, separator)| (*separator != b',', *count))
            .map_or(Self::Spaces { time_words: 1 }, |(_, separator)| {
                Self::Character(separator)
            })
    }

    pub fn comma_is_point(self) -> bool {
        self == Self::Character(b';')
    }
}

/// Calls `each` with every field, quotes taken off.
pub(in crate::foreign) fn split(
    line: &[u8],
    separator: Separator,
    header: bool,
    mut each: impl FnMut(&[u8]),
) {
    match separator {
        Separator::Spaces { time_words } => {
            let text = line.trim_ascii();
            let wide = header && text.windows(2).any(|pair| pair == b"  ");
            let mut words = if header { 1 } else { time_words };
            let mut rest = text;
            while !rest.is_empty() {
                let end = match (wide, words) {
                    (true, _) => rest.windows(2).position(|pair| pair == b"  "),
                    (false, 1) => rest.iter().position(u8::is_ascii_whitespace),
                    (false, count) => end_of_words(rest, count),
                };
                words = 1;
                let end = end.unwrap_or(rest.len());
                each(&rest[..end]);
                rest = rest[end..].trim_ascii_start();
            }
        }
        Separator::Character(separator) if !line.contains(&b'"') => {
            line.split(|byte| *byte == separator).for_each(each)
        }
        Separator::Character(separator) => {
            let mut field = Vec::new();
            let mut quoted = false;
            let mut bytes = line.iter().copied().peekable();
            while let Some(byte) = bytes.next() {
                match byte {
                    b'"' if quoted && bytes.peek() == Some(&b'"') => {
                        field.push(b'"');
                        bytes.next();
                    }
                    b'"' => quoted = !quoted,
                    other if other == separator && !quoted => {
                        each(&field);
                        field.clear();
                    }
                    other => field.push(other),
                }
            }
            each(&field);
        }
    }
}

/// Where the first `count` words end.
fn end_of_words(text: &[u8], count: usize) -> Option<usize> {
    let mut ends = text
        .iter()
        .zip(text.iter().skip(1).chain(b" "))
        .enumerate()
        .filter(|(_, (byte, next))| !byte.is_ascii_whitespace() && next.is_ascii_whitespace())
        .map(|(at, _)| at + 1);
    ends.nth(count.saturating_sub(1))
}

/// How many words at the beginning of a line are a time, where that is more than one.
pub(in crate::foreign) fn time_words(line: &[u8]) -> usize {
    const MOST: usize = 7;
    let Ok(text) = std::str::from_utf8(line) else {
        return 1;
    };
    let words: Vec<&str> = text.split_ascii_whitespace().take(MOST).collect();
    (2..=words.len())
        .rev()
        .find(|&count| is_stamp(&words[..count].join(" ")))
        .unwrap_or(1)
}

/// A header without the `#` that some tools put before it.
fn header_text(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"#").unwrap_or(line)
}

fn fields(line: &[u8], separator: Separator, header: bool) -> Vec<String> {
    let mut fields = Vec::new();
    split(line, separator, header, |field| {
        fields.push(quote::escaped(field));
    });
    fields
}

/// What the first lines say about a table.
#[derive(Debug)]
pub(super) struct Layout {
    pub separator: Separator,
    pub names: Vec<String>,
    /// Lines before the first row, the header included, blank ones not counted.
    pub lines_before_rows: usize,
    pub sample: Vec<Vec<String>>,
}

impl Layout {
    pub fn of(head: &[u8]) -> Result<Self, InputError> {
        let quoted = quoted_lines(head);
        let mut lines = quoted
            .iter()
            .map(|line| &line[..])
            .take(SAMPLED_ROWS)
            .peekable();
        let mut before = 0;
        let mut first = lines.next().ok_or(InputError::Empty)?;
        // Excel's line about the separator, and comments above a header.
        while first.starts_with(b"sep=")
            || is_annotation(first)
            || is_comment(first, lines.peek().copied())
            || is_title(first, lines.peek().copied())
        {
            before += 1;
            first = lines.next().ok_or(InputError::Empty)?;
        }
        let mut rest: Vec<&[u8]> = lines.collect();
        rest.retain(|line| !is_annotation(line) && line != &first);
        let mut separator = Separator::of(header_text(first));
        let names = fields(header_text(first), separator, true);
        if let (Separator::Spaces { time_words: words }, Some(row)) =
            (&mut separator, rest.first().or(Some(&first)))
        {
            *words = time_words(row);
        }
        let plain = fields(first, separator, false);
        let second = rest.first().map(|row| fields(row, separator, false));
        let is_row = is_row(&plain, second.as_deref(), separator.comma_is_point());
        let (names, first_rows) = if is_row {
            let numbered = (1..=plain.len()).map(|i| i.to_string()).collect();
            (numbered, vec![plain])
        } else {
            before += 1;
            (names, Vec::new())
        };
        if let (Separator::Spaces { time_words: words }, Some(row)) = (&mut separator, rest.first())
        {
            let all = row
                .split(u8::is_ascii_whitespace)
                .filter(|w| !w.is_empty())
                .count();
            // A header that names each word of the time needs them apart.
            if all == names.len() {
                *words = 1;
            }
        }
        let rows = rest.iter().map(|row| fields(row, separator, false));
        Ok(Self {
            separator,
            names: super::each_once(names),
            lines_before_rows: before,
            sample: first_rows.into_iter().chain(rows).collect(),
        })
    }
}

/// Whether a line says what the columns of the table below it are, as InfluxDB writes it.
pub(super) fn is_annotation(line: &[u8]) -> bool {
    [&b"#datatype"[..], b"#group", b"#default"]
        .iter()
        .any(|name| {
            line.strip_prefix(*name)
                .is_some_and(|rest| rest.starts_with(b","))
        })
}

/// A line of words alone above a table whose fields have separators.
fn is_title(line: &[u8], next: Option<&[u8]>) -> bool {
    let is_parted = |line: &[u8]| matches!(Separator::of(line), Separator::Character(_));
    let is_text =
        line.iter().any(u8::is_ascii_alphabetic) && !line.iter().any(|byte| byte.is_ascii_digit());
    let words = |line: &[u8]| {
        line.split(u8::is_ascii_whitespace)
            .filter(|w| !w.is_empty())
            .count()
    };
    let is_table = |next: &[u8]| is_parted(next) && words(next) != words(line);
    is_text && !is_parted(line) && next.is_some_and(is_table)
}

/// A line of remarks: behind `#`, and with fewer fields than the line below.
fn is_comment(line: &[u8], next: Option<&[u8]>) -> bool {
    let Some(next) = next.filter(|_| line.starts_with(b"#")) else {
        return false;
    };
    if next.starts_with(b"#") {
        return true;
    }
    let separator = Separator::of(next);
    let count = |line: &[u8]| fields(header_text(line), separator, true).len();
    separator != Separator::Spaces { time_words: 1 } && count(line) < count(next)
}

/// Whether the first line is a row: its fields look like those of the second, and some are
/// numbers or times.
fn is_row(first: &[String], second: Option<&[String]>, comma_is_point: bool) -> bool {
    let is_value =
        |field: &String| amount(field.as_bytes(), comma_is_point).is_some() || is_stamp(field);
    let missing = |field: &String| is_missing(field.as_bytes());
    if !first.iter().any(is_value) {
        return false;
    }
    match second {
        Some(second) if second.len() == first.len() => first
            .iter()
            .zip(second)
            .all(|(a, b)| missing(a) || missing(b) || is_value(a) == is_value(b)),
        _ => first.iter().all(|field| is_value(field) || missing(field)),
    }
}

/// Lines of one quoted field, at most: a text with more is a quote that nobody closed.
pub(super) const MOST_QUOTED_LINES: usize = 100;

/// Whether a line ends within quotes, so that the next one goes on with its field.
pub(super) fn ends_within_quotes(line: &[u8]) -> bool {
    line.contains(&b'"') && line.iter().filter(|byte| **byte == b'"').count() % 2 == 1
}

/// The rows of a head: lines, those within quotes put together.
fn quoted_lines(head: &[u8]) -> Vec<std::borrow::Cow<'_, [u8]>> {
    let mut all: Vec<std::borrow::Cow<'_, [u8]>> = Vec::new();
    let mut open = 0;
    for line in whole_lines(head) {
        match all.last_mut() {
            Some(last) if open > 0 && open < MOST_QUOTED_LINES => {
                last.to_mut().push(b'\n');
                last.to_mut().extend_from_slice(line);
                open = if ends_within_quotes(last) {
                    open + 1
                } else {
                    0
                };
            }
            _ => {
                all.push(line.into());
                open = usize::from(ends_within_quotes(line));
            }
        }
    }
    if open > 0 {
        all.pop();
    }
    all
}
