//! Reader of `samples.csv`: chosen columns as vectors, a torn last line left out.

mod halves;

use super::columns;
use super::folder::open_regular;
use super::lines::LineLimited;
use super::packed::{Block, CLOSING, Inflater, PACKED, PackedFile};
use super::sample::Phase;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Columns of a `samples.csv`; an empty or unreadable field is NaN.
#[derive(Debug, Clone, Default)]
pub struct SampleTable {
    /// Time of each row, in milliseconds.
    pub elapsed_ms: Vec<f64>,
    /// Phase of each row.
    pub phase: Vec<Phase>,
    /// Names of the columns that were read, in the file's order.
    pub names: Vec<String>,
    /// Values of those columns, each as long as `elapsed_ms`; none at all of a column that has no
    /// value in any row.
    pub values: Vec<Vec<f64>>,
    /// What a column without a value looks like: NaN in each row. Made when it is asked for.
    pub blank: OnceLock<Vec<f64>>,
    /// Whether the file ended in the middle of a row, as after a crash.
    pub torn: bool,
    /// Rows with a field that is not a number, or without a time.
    pub damaged_rows: usize,
    /// Whether blocks of packed hours were left out because they are damaged.
    pub has_damaged_blocks: bool,
}

impl SampleTable {
    /// The values of a column; `None` if the file has no such column.
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        let index = self.names.iter().position(|n| n == name)?;
        Some(match self.values[index].is_empty() {
            true => self.blank.get_or_init(|| vec![f64::NAN; self.len()]),
            false => &self.values[index],
        })
    }

    /// The values of a column if at least one row has one.
    pub fn filled_column(&self, name: &str) -> Option<&[f64]> {
        let index = self.names.iter().position(|n| n == name)?;
        let has_any = self.values[index].iter().any(|value| !value.is_nan());
        has_any.then(|| self.values[index].as_slice())
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
    let mut reader = Reader::new(&wanted, None);
    reader.csv(path)?;
    Ok(reader.finish())
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
    let mut reader = Reader::new(&wanted, None);
    reader.cell(folder)?;
    Ok(reader.finish())
}

/// Shows the rows of a cell to `each`, part by part in their order, in memory that does not grow
/// with them. Every part has the columns of those before it in the same places. What is given
/// back has no rows left, but the names of all columns and what was damaged.
///
/// # Errors
///
/// As for [`read_samples`].
pub fn stream_samples(
    folder: &Path,
    wanted: impl Fn(&str) -> bool,
    mut each: impl FnMut(&SampleTable),
) -> Result<SampleTable, TableError> {
    let mut reader = Reader::new(&wanted, Some(&mut each));
    reader.cell(folder)?;
    reader.part_is_read();
    Ok(reader.finish())
}

/// Rows of a CSV that are shown together.
const PART_ROWS: usize = 4_096;
/// Reads files of samples into one table.
struct Reader<'a> {
    table: SampleTable,
    wanted: &'a dyn Fn(&str) -> bool,
    /// Who is shown the rows, which are forgotten then.
    each: Option<&'a mut dyn FnMut(&SampleTable)>,
    inflater: Inflater,
    /// Rows that room is made for, so that no column moves while it grows.
    expected_rows: usize,
    rows: usize,
    /// Time of the first row of each block, and how many it has.
    blocks: Vec<(f64, usize)>,
}

impl<'a> Reader<'a> {
    fn new(
        wanted: &'a dyn Fn(&str) -> bool,
        each: Option<&'a mut dyn FnMut(&SampleTable)>,
    ) -> Self {
        Reader {
            table: SampleTable::default(),
            wanted,
            each,
            inflater: Inflater::default(),
            expected_rows: 0,
            rows: 0,
            blocks: Vec::new(),
        }
    }

    fn finish(mut self) -> SampleTable {
        self.table.level();
        self.table
    }

    fn cell(&mut self, folder: &Path) -> Result<(), TableError> {
        let packed_path = folder.join(PACKED);
        let io = |source| TableError::Io {
            path: packed_path.clone(),
            source,
        };
        if let Some(mut packed) = PackedFile::open(&packed_path).map_err(io)? {
            if self.each.is_none() {
                self.expected_rows = packed.rows().map_err(io)? + PART_ROWS;
                // Without the room for it at once, it moves.
                let _ = self.table.elapsed_ms.try_reserve_exact(self.expected_rows);
                let _ = self.table.phase.try_reserve_exact(self.expected_rows);
            }
            if !self.packed_by_two(&packed_path, &mut packed).map_err(io)? {
                packed.rewind().map_err(io)?;
                self.packed(&mut packed, &[]).map_err(io)?;
            }
            self.table.has_damaged_blocks = packed.damaged;
        }
        let closing = folder.join(CLOSING);
        if closing.is_file() {
            self.csv(&closing)?;
        }
        match self.csv(&folder.join("samples.csv")) {
            // Between two hours there is none for an instant.
            Err(_) if self.rows > 0 => Ok(()),
            read => read,
        }
    }

    /// Reads all blocks, but for the columns in `apart`.
    fn packed(&mut self, packed: &mut PackedFile, apart: &[String]) -> std::io::Result<()> {
        while let Some(block) = packed.next_block()? {
            let before = self.table.len();
            self.block(&block, apart);
            if let Some(first_ms) = self.table.elapsed_ms.get(before) {
                self.blocks.push((*first_ms, self.table.len() - before));
            }
            self.rows += self.table.len() - before;
            self.part_is_read();
        }
        Ok(())
    }

    /// Shows the rows that were read, if somebody looks at them part by part.
    fn part_is_read(&mut self) {
        let Some(each) = &mut self.each else { return };
        if self.table.is_empty() {
            return;
        }
        self.table.level();
        each(&self.table);
        self.table.elapsed_ms.clear();
        self.table.phase.clear();
        self.table.blank.take();
        self.table.values.iter_mut().for_each(Vec::clear);
    }

    fn block(&mut self, block: &Block, apart: &[String]) {
        let table = &mut self.table;
        let names: Vec<&str> = block.names().collect();
        let place = |name: &str| names.iter().position(|known| *known == name);
        let before = table.len();
        let times = place(columns::ELAPSED_MS).and_then(|index| {
            block.append_numbers(index, &mut self.inflater, before, &mut table.elapsed_ms)
        });
        if times.is_none() {
            table.damaged_rows += block.rows;
            return;
        }
        let rows = before + block.rows;
        table.elapsed_ms.resize(rows, f64::NAN);
        if let Some(index) = place(columns::PHASE)
            && let Some(names) = block.text(index, &mut self.inflater)
        {
            push_phases(&mut table.phase, names, block.rows);
        }
        table.phase.resize(rows, Phase::default());
        let mut is_damaged = false;
        for (index, name) in names.iter().enumerate() {
            if [columns::ELAPSED_MS, columns::PHASE].contains(name) || !(self.wanted)(name) {
                continue;
            }
            if apart.iter().any(|known| known == name) {
                continue;
            }
            let place = table.place(name);
            let values = &mut table.values[place];
            if values.capacity() == 0 {
                let _ = values.try_reserve_exact(self.expected_rows);
            }
            let read = block.append_numbers(index, &mut self.inflater, before, values);
            is_damaged |= read.is_none();
        }
        table.damaged_rows += if is_damaged { block.rows } else { 0 };
    }

    fn csv(&mut self, path: &Path) -> Result<(), TableError> {
        let io = |source| TableError::Io {
            path: path.to_owned(),
            source,
        };
        let file = open_regular(path).map_err(io)?;
        let complete_bytes = complete_length(&file).map_err(io)?;
        let total_bytes = file.metadata().map_err(io)?.len();
        self.table.torn |= complete_bytes < total_bytes;
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
            .filter(|i| *i != time_index && Some(*i) != phase_index && (self.wanted)(&header[*i]))
            .filter(|i| header[..*i].iter().all(|before| *before != header[*i]))
            .map(|i| (i, self.table.place(&header[i])))
            .collect();
        let mut row = csv::ByteRecord::new();
        let mut left_out = None;
        loop {
            match reader.read_byte_record(&mut row) {
                Ok(false) => return Ok(()),
                Ok(true) => {
                    let left = left_out.get_or_insert_with(|| {
                        already_packed(row.get(time_index).map(decimal), &self.blocks)
                    });
                    match left.checked_sub(1) {
                        Some(less) => *left = less,
                        None => {
                            let table = &mut self.table;
                            self.rows += usize::from(push_row(
                                table,
                                &row,
                                time_index,
                                phase_index,
                                &chosen,
                            ));
                            if self.each.is_some() && self.table.len() >= PART_ROWS {
                                self.part_is_read();
                            }
                        }
                    }
                }
                Err(error) if error.is_io_error() => return Err(io(std::io::Error::other(error))),
                Err(_) => self.table.damaged_rows += 1,
            }
        }
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

/// Appends a phase for each line, which mostly says what the line before it says.
fn push_phases(phases: &mut Vec<Phase>, mut names: &[u8], rows: usize) {
    let (mut line, mut phase): (&[u8], Phase) = (&[], Phase::default());
    for _ in 0..rows {
        if line.is_empty() || !names.starts_with(line) {
            let Some(end) = names.iter().position(|byte| *byte == b'\n') else {
                return;
            };
            line = &names[..=end];
            let name = std::str::from_utf8(&names[..end]).ok();
            phase = name.and_then(Phase::from_name).unwrap_or_default();
        }
        names = &names[line.len()..];
        phases.push(phase);
    }
}

impl SampleTable {
    /// Place of a column, which is added if it is new: empty in the rows so far.
    fn place(&mut self, name: &str) -> usize {
        if let Some(index) = self.names.iter().position(|known| known == name) {
            return index;
        }
        self.names.push(name.to_owned());
        self.values.push(Vec::new());
        self.names.len() - 1
    }

    /// Fills columns that the rows since had nothing for.
    fn level(&mut self) {
        let rows = self.elapsed_ms.len();
        for values in self.values.iter_mut().filter(|values| !values.is_empty()) {
            values.resize(rows, f64::NAN);
        }
        self.blank.take();
    }
}

/// Whether the row has a time, and was taken.
fn push_row(
    table: &mut SampleTable,
    row: &csv::ByteRecord,
    time_index: usize,
    phase_index: Option<usize>,
    chosen: &[(usize, usize)],
) -> bool {
    let time = row.get(time_index).map_or(f64::NAN, decimal);
    if !time.is_finite() {
        table.damaged_rows += 1;
        return false;
    }
    let mut damaged = false;
    let before = table.elapsed_ms.len();
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
        if !value.is_nan() {
            let values = &mut table.values[*place];
            values.resize(before, f64::NAN);
            values.push(value);
        }
    }
    table.damaged_rows += usize::from(damaged);
    true
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
    fn rows_part_by_part_are_those_of_the_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        // `late` has no value in the packed hour, `never` has none at all.
        let rows = |from: usize, to: usize, late: bool| {
            let mut text = "elapsed_ms,phase,rss_bytes,late,never\n".to_owned();
            for i in from..to {
                let late = if late { i.to_string() } else { String::new() };
                text.push_str(&format!("{i}000,load,{},{late},\n", i * 4096));
            }
            text
        };
        std::fs::write(path(CLOSING), rows(0, 4000, false)).expect("a file");
        crate::packed::pack(&path(CLOSING), &path(PACKED)).expect("packed");
        std::fs::remove_file(path(CLOSING)).expect("removed");
        std::fs::write(path("samples.csv"), rows(4000, 9000, true)).expect("a file");
        let whole = read_samples(folder.path(), |_| true).expect("a table");
        assert_eq!(whole.len(), 9000);
        assert_eq!(whole.filled_column("never"), None);
        assert!(whole.column("never").expect("a column")[8999].is_nan());
        let late = whole.filled_column("late").expect("values");
        assert!(late[3999].is_nan() && late[4000] == 4000.0);
        let (mut times, mut late_parts, mut parts) = (Vec::new(), Vec::new(), 0);
        let left = stream_samples(
            folder.path(),
            |_| true,
            |part| {
                times.extend_from_slice(&part.elapsed_ms);
                late_parts.extend_from_slice(part.column("late").expect("a column"));
                parts += 1;
            },
        )
        .expect("parts");
        assert!(parts >= 3 && left.is_empty());
        assert_eq!(
            (times, left.names),
            (whole.elapsed_ms.clone(), whole.names.clone())
        );
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&late_parts), bits(late));
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
