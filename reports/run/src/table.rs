//! Reader of `samples.csv`: chosen columns as vectors, a torn last line left out.

use super::columns;
use super::folder::open_regular;
use super::lines::LineLimited;
use super::packed::{Block, CLOSING, PACKED, PackedFile, Values};
use super::sample::Phase;
use std::path::{Path, PathBuf};

/// Columns of a `samples.csv`; an empty or unreadable field is NaN.
#[derive(Debug, Clone, Default)]
pub struct SampleTable {
    /// Time of each row, in milliseconds.
    pub elapsed_ms: Vec<f64>,
    /// Phase of each row.
    pub phase: Vec<Phase>,
    /// Names of the columns that were read, in the file's order.
    pub names: Vec<String>,
    /// Values of those columns, each as long as `elapsed_ms`.
    pub values: Vec<Vec<f64>>,
    /// Whether the file ended in the middle of a row, as after a crash.
    pub torn: bool,
    /// Rows with a field that is not a number, or without a time.
    pub damaged_rows: usize,
}

impl SampleTable {
    /// The values of a column; `None` if the file has no such column.
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        let index = self.names.iter().position(|n| n == name)?;
        Some(&self.values[index])
    }

    /// The values of a column if at least one row has one.
    pub fn filled_column(&self, name: &str) -> Option<&[f64]> {
        self.column(name)
            .filter(|values| values.iter().any(|value| !value.is_nan()))
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.elapsed_ms.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.elapsed_ms.is_empty()
    }

    /// Time of each row, in seconds.
    pub fn elapsed_s(&self) -> Vec<f64> {
        self.elapsed_ms.iter().map(|ms| ms / 1000.0).collect()
    }

    /// Time of the first and the last row of a phase, in milliseconds.
    pub fn phase_span_ms(&self, phase: Phase) -> Option<(f64, f64)> {
        let first = self.phase.iter().position(|p| *p == phase)?;
        let last = self.phase.iter().rposition(|p| *p == phase)?;
        Some((self.elapsed_ms[first], self.elapsed_ms[last]))
    }
}

/// Why a sample file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It could not be opened or read.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It has no header line with a time.
    #[error("`{}` has no column `elapsed_ms`: not a sample file of leaklab", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the columns of `path` that `wanted` accepts, streaming.
///
/// A last line without its newline is torn: it is left out and told in
/// [`SampleTable::torn`]. Memory is 8 bytes per value that was asked for.
///
/// # Errors
///
/// [`TableError`] if the file is missing, unreadable or has no header. A header with no row
/// below it is an empty table.
pub fn read_table(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<SampleTable, TableError> {
    let mut table = SampleTable::default();
    append_csv(&mut table, path, &wanted, &[])?;
    Ok(table)
}

/// Reads the columns of a cell that `wanted` accepts: its packed hours, one that was being
/// packed, and the rows since.
///
/// # Errors
///
/// As for [`read_table`]; the plain file may be missing where hours were packed.
pub fn read_samples(
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<SampleTable, TableError> {
    let packed_path = folder.join(PACKED);
    let io = |source| TableError::Io {
        path: packed_path.clone(),
        source,
    };
    let mut table = SampleTable::default();
    let mut blocks = Vec::new();
    if let Some(mut packed) = PackedFile::open(&packed_path).map_err(io)? {
        while let Some(block) = packed.next_block().map_err(io)? {
            let before = table.len();
            append_block(&mut table, &block, &wanted);
            if let Some(first_ms) = table.elapsed_ms.get(before) {
                blocks.push((*first_ms, table.len() - before));
            }
        }
        table.damaged_rows += usize::from(packed.damaged);
    }
    let closing = folder.join(CLOSING);
    if closing.is_file() {
        append_csv(&mut table, &closing, &wanted, &blocks)?;
    }
    let live = folder.join("samples.csv");
    match append_csv(&mut table, &live, &wanted, &blocks) {
        // Between two hours there is none for an instant.
        Err(_) if !table.is_empty() => Ok(table),
        Err(error) => Err(error),
        Ok(()) => Ok(table),
    }
}

/// Rows of a file that are in the packed ones already: the harness ended before it removed
/// what it had packed. It is known by the time of its first row.
fn already_packed(first_ms: Option<f64>, blocks: &[(f64, usize)]) -> usize {
    let same = blocks
        .iter()
        .position(|(start_ms, _)| Some(*start_ms) == first_ms);
    same.map_or(0, |index| {
        blocks[index..].iter().map(|(_, rows)| rows).sum()
    })
}

impl SampleTable {
    /// Place of a column, which is added if it is new: empty in the rows so far.
    fn place(&mut self, name: &str) -> usize {
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return index;
        }
        self.names.push(name.to_owned());
        self.values.push(vec![f64::NAN; self.elapsed_ms.len()]);
        self.names.len() - 1
    }

    /// Fills columns that the rows since had nothing for.
    fn level(&mut self) {
        let rows = self.elapsed_ms.len();
        for values in &mut self.values {
            values.resize(rows, f64::NAN);
        }
    }
}

fn append_block(table: &mut SampleTable, block: &Block, wanted: &impl Fn(&str) -> bool) {
    let names: Vec<String> = block.names().map(str::to_owned).collect();
    let column = |name: &str| {
        let index = names.iter().position(|known| known == name)?;
        block.values(index)
    };
    let Some(times) = column(columns::ELAPSED_MS).map(as_numbers) else {
        table.damaged_rows += block.rows;
        return;
    };
    let phases = match column(columns::PHASE) {
        Some(Values::Text(text)) => text
            .split(|byte| *byte == b'\n')
            .map(|name| std::str::from_utf8(name).ok().and_then(Phase::from_name))
            .collect(),
        _ => Vec::new(),
    };
    for (row, time) in times.iter().enumerate() {
        table.elapsed_ms.push(*time);
        let phase = phases.get(row).copied().flatten();
        table.phase.push(phase.unwrap_or_default());
    }
    for (index, name) in names.iter().enumerate() {
        if name == columns::ELAPSED_MS || name == columns::PHASE || !wanted(name) {
            continue;
        }
        let rows_before = table.elapsed_ms.len() - times.len();
        let place = table.place(name);
        table.values[place].resize(rows_before, f64::NAN);
        match block.values(index) {
            Some(values) => table.values[place].extend(as_numbers(values)),
            None => table.damaged_rows += block.rows,
        }
    }
    table.level();
}

fn as_numbers(values: Values) -> Vec<f64> {
    match values {
        Values::Numbers { whole, decimals } => {
            // Both are exact in a double, so that the quotient is correctly rounded.
            let unit = 10_f64.powi(i32::from(decimals));
            let value =
                |number: Option<i64>| number.map_or(f64::NAN, |number| number as f64 / unit);
            whole.into_iter().map(value).collect()
        }
        Values::Text(text) => {
            let mut values: Vec<f64> = text.split(|byte| *byte == b'\n').map(decimal).collect();
            // What follows the last newline is no field.
            values.pop();
            values
        }
    }
}

fn append_csv(
    table: &mut SampleTable,
    path: &Path,
    wanted: &impl Fn(&str) -> bool,
    packed: &[(f64, usize)],
) -> Result<(), TableError> {
    let io = |source| TableError::Io {
        path: path.to_owned(),
        source,
    };
    let file = open_regular(path).map_err(io)?;
    let complete_bytes = complete_length(&file).map_err(io)?;
    let total_bytes = file.metadata().map_err(io)?.len();
    table.torn |= complete_bytes < total_bytes;
    let file = LineLimited::new(std::io::Read::take(file, complete_bytes));
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .buffer_capacity(1 << 16)
        .from_reader(file);
    let header = reader
        .byte_headers()
        .map_err(|e| io(std::io::Error::other(e)))?
        .clone();
    let header: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    let position = |name: &str| header.iter().position(|n| n == name);
    let time_index = position(columns::ELAPSED_MS).ok_or_else(|| TableError::NoHeader {
        path: path.to_owned(),
    })?;
    let phase_index = position(columns::PHASE);
    let chosen: Vec<(usize, usize)> = (0..header.len())
        .filter(|i| *i != time_index && Some(*i) != phase_index && wanted(&header[*i]))
        .filter(|i| header[..*i].iter().all(|before| *before != header[*i]))
        .map(|i| (i, table.place(&header[i])))
        .collect();
    let mut row = csv::ByteRecord::new();
    let mut left_out = None;
    loop {
        match reader.read_byte_record(&mut row) {
            Ok(false) => break,
            Ok(true) => {
                let left = left_out.get_or_insert_with(|| {
                    already_packed(row.get(time_index).map(decimal), packed)
                });
                match left.checked_sub(1) {
                    Some(less) => *left = less,
                    None => push_row(table, &row, time_index, phase_index, &chosen),
                }
            }
            Err(error) if error.is_io_error() => return Err(io(std::io::Error::other(error))),
            Err(_) => table.damaged_rows += 1,
        }
    }
    table.level();
    Ok(())
}

fn push_row(
    table: &mut SampleTable,
    row: &csv::ByteRecord,
    time_index: usize,
    phase_index: Option<usize>,
    chosen: &[(usize, usize)],
) {
    let time = row.get(time_index).map_or(f64::NAN, decimal);
    if !time.is_finite() {
        table.damaged_rows += 1;
        return;
    }
    let mut damaged = false;
    table.elapsed_ms.push(time);
    table.phase.push(
        phase_index
            .and_then(|i| row.get(i))
            .and_then(|name| std::str::from_utf8(name).ok())
            .and_then(Phase::from_name)
            .unwrap_or_default(),
    );
    for (index, place) in chosen {
        let field = row.get(*index).unwrap_or_default();
        let value = decimal(field);
        damaged |= value.is_nan() && !field.is_empty();
        table.values[*place].push(value);
    }
    table.damaged_rows += usize::from(damaged);
}

/// A decimal number; NaN if the field is empty or something else.
///
/// Digits with at most one point are read here, because they are nearly all there is and a
/// week has millions of them; the rest goes to the standard parser.
pub fn decimal(field: &[u8]) -> f64 {
    const EXACT_DIGITS: usize = 15;
    let mut mantissa: u64 = 0;
    let mut decimals = None;
    for byte in field {
        match byte {
            b'0'..=b'9' if field.len() <= EXACT_DIGITS => {
                mantissa = mantissa * 10 + u64::from(byte - b'0');
                decimals = decimals.map(|d: i32| d + 1);
            }
            b'.' if decimals.is_none() && field.len() <= EXACT_DIGITS => decimals = Some(0),
            _ => {
                return std::str::from_utf8(field)
                    .ok()
                    .and_then(|text| text.trim().parse().ok())
                    .filter(|value: &f64| value.is_finite())
                    .unwrap_or(f64::NAN);
            }
        }
    }
    match (field.is_empty(), decimals) {
        (true, _) => f64::NAN,
        (false, Some(_)) if field == b"." => f64::NAN,
        (false, None) => mantissa as f64,
        // Both are exact in a double, so that the quotient is correctly rounded.
        (false, Some(decimals)) => mantissa as f64 / 10f64.powi(decimals),
    }
}

/// Length of the file up to and including its last newline.
fn complete_length(mut file: &std::fs::File) -> std::io::Result<u64> {
    use std::io::{Read, Seek, SeekFrom};
    let mut end = file.metadata()?.len();
    let mut block = [0u8; 4096];
    while end > 0 {
        let start = end.saturating_sub(block.len() as u64);
        let length = (end - start) as usize;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut block[..length])?;
        if let Some(newline) = block[..length].iter().rposition(|b| *b == b'\n') {
            file.seek(SeekFrom::Start(0))?;
            return Ok(start + newline as u64 + 1);
        }
        end = start;
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Heap, Sample};

    fn table_of(text: &[u8]) -> Result<SampleTable, TableError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("samples.csv");
        std::fs::write(&path, text).expect("a file in it");
        read_table(&path, |_| true)
    }

    #[test]
    fn what_the_writer_writes_the_reader_reads() {
        let sample = Sample {
            elapsed_ms: 1000.125,
            phase: Phase::Drain,
            ops_total: Some(u64::from(u32::MAX) * 7),
            heap: Heap {
                allocated_bytes: Some(1 << 40),
                ..Heap::default()
            },
            rss_bytes: None,
            threads: Some(3),
            ..Sample::default()
        };
        let mut text = Vec::new();
        let gauges = ["depth".to_owned(), "a,\"b\"".to_owned()];
        Sample::write_header(&mut text, &gauges);
        sample.write_row(&mut text, &[Some(-1.5), None]);
        let table = table_of(&text).expect("a table");
        assert_eq!(table.elapsed_ms, [1000.125]);
        assert_eq!(table.phase, [Phase::Drain]);
        assert_eq!(
            table.column("ops_total"),
            Some(&[f64::from(u32::MAX) * 7.0][..])
        );
        assert_eq!(
            table.column("allocated_bytes"),
            Some(&[1_099_511_627_776.0][..])
        );
        assert!(table.column("rss_bytes").expect("the column")[0].is_nan());
        assert_eq!(table.filled_column("rss_bytes"), None);
        assert_eq!(table.column("gauge:depth"), Some(&[-1.5][..]));
        assert!(table.column("gauge:a,\"b\"").expect("the column")[0].is_nan());
        assert!(!table.torn);
    }

    #[test]
    fn packed_hours_and_rows_since_are_one_table() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        let rows = |from: usize, to: usize| {
            let mut text = "elapsed_ms,phase,rss_bytes,gauge:depth\n".to_owned();
            for i in from..to {
                let phase = if i < 3 { "warmup" } else { "load" };
                text.push_str(&format!("{i}000.125,{phase},{},{}.5\n", i * 4096, i));
            }
            text
        };
        let hour = path(CLOSING);
        std::fs::write(&hour, rows(0, 5)).expect("a file");
        crate::packed::pack(&hour, &path(PACKED)).expect("packed");
        std::fs::write(path("samples.csv"), rows(5, 8)).expect("a file");
        let whole = rows(0, 8);
        let expected = table_of(whole.as_bytes()).expect("a table");
        let same = |table: &SampleTable| {
            table.elapsed_ms == expected.elapsed_ms
                && table.phase == expected.phase
                && table.names == expected.names
                && table.values == expected.values
        };
        // Packed, and not removed yet.
        let table = read_samples(folder.path(), |_| true).expect("a table");
        assert!(same(&table), "{table:?}");
        std::fs::remove_file(&hour).expect("removed");
        let table = read_samples(folder.path(), |_| true).expect("a table");
        assert!(same(&table), "{table:?}");
        let mut exported = Vec::new();
        crate::export_csv(folder.path(), &mut exported).expect("CSV");
        assert_eq!(String::from_utf8(exported).expect("UTF-8"), whole);
        // Between two hours.
        std::fs::remove_file(path("samples.csv")).expect("removed");
        let table = read_samples(folder.path(), |_| true).expect("a table");
        assert_eq!(table.len(), 5);
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_told() {
        let table = table_of(b"elapsed_ms,rss_bytes\n0,10\n1000,20\n2000,3").expect("a table");
        assert_eq!(table.column("rss_bytes"), Some(&[10.0, 20.0][..]));
        assert!(table.torn);
    }

    #[test]
    fn damaged_and_short_rows_lose_nothing_else() {
        let table = table_of(b"elapsed_ms,a,b\n0,1,2\n1000,x,3\nnoon,4,4\n2000,5\n3000,\xff,6\n")
            .expect("a table");
        assert_eq!(table.elapsed_ms, [0.0, 1000.0, 2000.0, 3000.0]);
        assert_eq!(table.damaged_rows, 3);
        let b = table.column("b").expect("the column");
        assert_eq!(&b[..2], [2.0, 3.0]);
        assert!(b[2].is_nan());
        assert_eq!(b[3], 6.0);
    }

    #[test]
    fn a_header_alone_is_an_empty_table_and_an_empty_file_is_an_error() {
        assert!(table_of(b"elapsed_ms,a\n").expect("a table").is_empty());
        assert!(matches!(table_of(b""), Err(TableError::NoHeader { .. })));
        assert!(matches!(
            table_of(b"time,a\n1,2\n"),
            Err(TableError::NoHeader { .. })
        ));
    }

    #[test]
    fn numbers_are_those_of_the_standard_parser() {
        for text in [
            "0",
            "17",
            "0.001",
            "123456789.125",
            "99999999999999.9",
            "18446744073709551615",
            "-4.5",
            "1e3",
        ] {
            let expected: f64 = text.parse().expect("a number");
            assert_eq!(decimal(text.as_bytes()), expected, "{text}");
        }
        for text in ["", "x", "1.2.3", "inf", "NaN", "."] {
            let value = decimal(text.as_bytes());
            assert!(value.is_nan(), "{text} read as {value}");
        }
    }
}
