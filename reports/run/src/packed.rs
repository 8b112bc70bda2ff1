//! Finished hours of `samples.csv`, packed: blocks of columns, each deflated by itself.
//!
//! A block is the letters `LLB1`, the length of its body and the CRC-32 of it (both 32 bits,
//! little endian), and the body: the number of rows, the number of columns, and per column its
//! name, its form and its deflated values (counts are LEB128). Numbers that all have the same
//! count of decimals are stored as differences of whole numbers; everything else as text.
//! Nothing is lost: the rows that come out are, byte for byte, the rows that went in.

use super::table::decimal;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Name of the file in a cell's folder.
pub const PACKED: &str = "samples.packed";
/// Name of an hour that is being packed.
pub const CLOSING: &str = "samples.closing.csv";

/// Rows of a block: an hour at a row a second.
const BLOCK_ROWS: usize = 3600;
const MAGIC: &[u8; 4] = b"LLB1";
/// The magic, the length and the checksum.
const HEAD_BYTES: u64 = 12;
/// Most decimals of a number that is stored as a whole one.
const MOST_DECIMALS: u8 = 6;
/// Largest body and column that are read: what no writer of ours reaches.
const LARGEST_BYTES: usize = 1 << 28;
/// Most columns of a block.
const MOST_COLUMNS: u64 = 1 << 16;
/// More bytes than one deflated byte can hold: 258 in two bits.
const MOST_INFLATED: usize = 1040;

/// What is stored of a column.
const FORM_TEXT: u8 = 255;

/// Appends the rows of a CSV file to a packed one.
///
/// # Errors
///
/// The error of the operating system; the packed file is as long as before then.
pub fn pack(csv_path: &Path, packed_path: &Path) -> std::io::Result<()> {
    let mut packed = OpenOptions::new()
        .create(true)
        .append(true)
        .open(packed_path)?;
    let before = packed.metadata()?.len();
    append_blocks(csv_path, &mut packed)
        .and_then(|()| packed.sync_data())
        .inspect_err(|_| {
            // A torn block at the end is left out by readers if this fails too.
            let _ = packed.set_len(before);
        })
}

fn append_blocks(csv_path: &Path, packed: &mut File) -> std::io::Result<()> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(BufReader::new(File::open(csv_path)?));
    let names: Vec<Vec<u8>> = reader
        .byte_headers()
        .map_err(std::io::Error::other)?
        .iter()
        .map(<[u8]>::to_vec)
        .collect();
    let mut row = csv::ByteRecord::new();
    loop {
        let mut columns: Vec<Column> = names.iter().map(|_| Column::default()).collect();
        let mut rows = 0;
        while rows < BLOCK_ROWS
            && reader
                .read_byte_record(&mut row)
                .map_err(std::io::Error::other)?
        {
            for (index, column) in columns.iter_mut().enumerate() {
                column.push(row.get(index).unwrap_or_default());
            }
            rows += 1;
        }
        if rows == 0 {
            return Ok(());
        }
        packed.write_all(&block(rows, &names, &columns)?)?;
    }
}

/// Values of a column, as text and, as long as they have that form, as whole numbers.
#[derive(Default)]
struct Column {
    text: Vec<u8>,
    numbers: Vec<Option<i64>>,
    /// Decimals of all numbers so far.
    decimals: Option<u8>,
    is_text: bool,
}

impl Column {
    fn push(&mut self, field: &[u8]) {
        self.text.extend_from_slice(field);
        // A field with a newline in it is read back as two; such a column is never a number.
        self.text.push(b'\n');
        if self.is_text {
            return;
        }
        if field.is_empty() {
            self.numbers.push(None);
            return;
        }
        let point = field.iter().position(|byte| *byte == b'.');
        let decimals = point.map_or(0, |at| field.len() - at - 1);
        let decimals = u8::try_from(decimals).unwrap_or(u8::MAX);
        let fits = decimals <= MOST_DECIMALS && self.decimals.is_none_or(|all| all == decimals);
        match whole(field).filter(|number| fits && shown(*number, decimals).as_bytes() == field) {
            Some(number) => {
                self.decimals = Some(decimals);
                self.numbers.push(Some(number));
            }
            None => self.is_text = true,
        }
    }

    /// Its form and its bytes.
    fn stored(&self) -> (u8, Vec<u8>) {
        if self.is_text {
            return (FORM_TEXT, self.text.clone());
        }
        let mut bytes = Vec::with_capacity(self.numbers.len() * 2);
        for group in self.numbers.chunks(8) {
            let present = group.iter().enumerate();
            let bits = present.fold(0, |bits, (i, number)| {
                bits | u8::from(number.is_some()) << i
            });
            bytes.push(bits);
        }
        let mut before: i64 = 0;
        for number in self.numbers.iter().flatten() {
            let step = number.wrapping_sub(before);
            before = *number;
            push_count(&mut bytes, ((step << 1) ^ (step >> 63)) as u64);
        }
        (self.decimals.unwrap_or(0), bytes)
    }
}

/// The digits of a decimal number without its point.
fn whole(field: &[u8]) -> Option<i64> {
    let digits: Vec<u8> = field.iter().copied().filter(|byte| *byte != b'.').collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// A whole number of 10^-decimals, as rows show it.
fn shown(number: i64, decimals: u8) -> String {
    if decimals == 0 {
        return number.to_string();
    }
    let unit = 10_u64.pow(u32::from(decimals));
    let size = number.unsigned_abs();
    let sign = if number < 0 { "-" } else { "" };
    let width = usize::from(decimals);
    format!("{sign}{}.{:0width$}", size / unit, size % unit)
}

fn block(rows: usize, names: &[Vec<u8>], columns: &[Column]) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    push_count(&mut body, rows as u64);
    push_count(&mut body, columns.len() as u64);
    for (name, column) in names.iter().zip(columns) {
        let (form, bytes) = column.stored();
        let mut deflate =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::new(6));
        deflate.write_all(&bytes)?;
        let deflated = deflate.finish()?;
        push_count(&mut body, name.len() as u64);
        body.extend_from_slice(name);
        body.push(form);
        push_count(&mut body, bytes.len() as u64);
        push_count(&mut body, deflated.len() as u64);
        body.extend_from_slice(&deflated);
    }
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    let length = u32::try_from(body.len()).map_err(std::io::Error::other)?;
    let mut block = Vec::with_capacity(body.len() + 12);
    block.extend_from_slice(MAGIC);
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(&crc.sum().to_le_bytes());
    block.extend_from_slice(&body);
    Ok(block)
}

fn push_count(out: &mut Vec<u8>, mut count: u64) {
    while count >= 0x80 {
        out.push(count as u8 | 0x80);
        count >>= 7;
    }
    out.push(count as u8);
}

/// Takes a count off the front, seven bits a byte with the lowest first, as protocol buffers have
/// them too; `None` if it does not end.
pub fn count(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes so many bytes off the front.
fn taken<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let length = usize::try_from(length).ok()?;
    let (front, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(front)
}

/// A packed file that is read block by block.
pub struct PackedFile {
    file: BufReader<File>,
    /// Bytes that are left.
    left: u64,
    /// Blocks whose checksum is wrong, and what follows a torn one.
    pub damaged: bool,
}

/// A block that was read; its columns are inflated when they are asked for.
pub struct Block {
    body: Vec<u8>,
    /// Rows of the block.
    pub rows: usize,
    columns: Vec<StoredColumn>,
}

struct StoredColumn {
    name: String,
    form: u8,
    plain_bytes: usize,
    place: std::ops::Range<usize>,
}

/// The values of a column of a block.
enum Values {
    /// Numbers as they were written; absent ones are empty fields.
    Numbers {
        /// In units of 10 to the power of minus `decimals`.
        whole: Vec<Option<i64>>,
        /// Decimals that each had.
        decimals: u8,
    },
    /// A field on each line.
    Text(Vec<u8>),
}

/// What inflates columns, one after the other, into the same memory.
pub struct Inflater {
    stream: flate2::Decompress,
    plain: Vec<u8>,
}

impl Default for Inflater {
    fn default() -> Self {
        Inflater {
            stream: flate2::Decompress::new(false),
            plain: Vec::new(),
        }
    }
}

impl Inflater {
    /// So many bytes, of which `deflated` is the whole; `None` if it is not.
    fn inflate(&mut self, deflated: &[u8], plain_bytes: usize) -> Option<&[u8]> {
        if plain_bytes > deflated.len().saturating_mul(MOST_INFLATED) {
            return None;
        }
        if self.plain.len() <= plain_bytes {
            // One more than there are, so that there is always room to see the end in.
            self.plain.resize(plain_bytes + 1, 0);
        }
        self.stream.reset(false);
        let room = &mut self.plain[..=plain_bytes];
        let finish = flate2::FlushDecompress::Finish;
        let status = self.stream.decompress(deflated, room, finish).ok()?;
        let is_whole =
            status == flate2::Status::StreamEnd && self.stream.total_out() == plain_bytes as u64;
        is_whole.then(|| &self.plain[..plain_bytes])
    }
}

/// Goes through the whole numbers of a column; `None` if it is damaged.
fn each_whole(
    plain: &[u8],
    rows: usize,
    decimals: u8,
    mut each: impl FnMut(Option<i64>),
) -> Option<()> {
    if decimals > MOST_DECIMALS {
        return None;
    }
    let (present, mut rest) = plain.split_at_checked(rows.div_ceil(8))?;
    let mut before: i64 = 0;
    for row in 0..rows {
        if present[row / 8] >> (row % 8) & 1 == 0 {
            each(None);
            continue;
        }
        let step = match rest {
            [byte, after @ ..] if *byte < 0x80 => {
                rest = after;
                u64::from(*byte)
            }
            _ => count(&mut rest)?,
        };
        before = before.wrapping_add((step >> 1) as i64 ^ -((step & 1) as i64));
        each(Some(before));
    }
    Some(())
}

impl PackedFile {
    /// Opens it; `None` if there is none.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn open(path: &Path) -> std::io::Result<Option<Self>> {
        match super::folder::open_regular(path) {
            Ok(file) => {
                let left = file.metadata()?.len();
                Ok(Some(PackedFile {
                    file: BufReader::with_capacity(1 << 16, file),
                    left,
                    damaged: false,
                }))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next block that is whole.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn next_block(&mut self) -> std::io::Result<Option<Block>> {
        while self.left >= HEAD_BYTES {
            let mut head = [0; HEAD_BYTES as usize];
            self.file.read_exact(&mut head)?;
            let word = |at: usize| {
                u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
            };
            let length = u64::from(word(4));
            self.left -= HEAD_BYTES;
            if &head[..4] != MAGIC || length > self.left || length > LARGEST_BYTES as u64 {
                break;
            }
            self.left -= length;
            let mut body = vec![0; length as usize];
            self.file.read_exact(&mut body)?;
            let mut crc = flate2::Crc::new();
            crc.update(&body);
            match (crc.sum() == word(8)).then(|| Block::parse(body)).flatten() {
                Some(block) => return Ok(Some(block)),
                None => self.damaged = true,
            }
        }
        self.damaged |= self.left > 0;
        self.left = 0;
        Ok(None)
    }

    /// Rows that all blocks say they have, found without reading their columns; never more than
    /// the file has bytes, so that no claim of a file takes memory that its rows do not need.
    /// Goes back to the first block.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn rows(&mut self) -> std::io::Result<usize> {
        let total_bytes = self.file.get_ref().metadata()?.len();
        let mut left = total_bytes;
        let mut rows: u64 = 0;
        while left >= HEAD_BYTES + 10 {
            let mut head = [0; HEAD_BYTES as usize + 10];
            self.file.read_exact(&mut head)?;
            let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
            left -= HEAD_BYTES;
            if &head[..4] != MAGIC || length < 10 || length > left {
                break;
            }
            rows = rows.saturating_add(count(&mut &head[HEAD_BYTES as usize..]).unwrap_or(0));
            left -= length;
            let skipped = i64::try_from(length - 10).map_err(std::io::Error::other)?;
            self.file.seek_relative(skipped)?;
        }
        self.rewind()?;
        Ok(usize::try_from(rows.min(total_bytes)).unwrap_or(0))
    }

    /// Goes back to the first block.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn rewind(&mut self) -> std::io::Result<()> {
        self.left = self.file.get_ref().metadata()?.len();
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }
}

impl Block {
    fn parse(body: Vec<u8>) -> Option<Self> {
        let mut rest = &body[..];
        let rows = usize::try_from(count(&mut rest)?).ok()?;
        let columns_count = count(&mut rest).filter(|count| *count <= MOST_COLUMNS)?;
        let mut columns = Vec::new();
        for _ in 0..columns_count {
            let name_length = count(&mut rest)?;
            let name = String::from_utf8_lossy(taken(&mut rest, name_length)?).into_owned();
            let form = *taken(&mut rest, 1)?.first()?;
            let plain_bytes = usize::try_from(count(&mut rest)?).ok()?;
            let length = count(&mut rest)?;
            let start = body.len() - rest.len();
            taken(&mut rest, length)?;
            columns.push(StoredColumn {
                name,
                form,
                plain_bytes: plain_bytes.min(LARGEST_BYTES),
                place: start..body.len() - rest.len(),
            });
        }
        Some(Block {
            rows,
            columns,
            body,
        })
    }

    /// Names of the columns, in the order of the CSV.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// About how much work it is to read the column at that place, compared with others: its rows,
    /// if it has any, and what must be inflated for them.
    pub fn work(&self, index: usize) -> usize {
        let Some(column) = self.columns.get(index) else {
            return 0;
        };
        let is_filled = column.plain_bytes > self.rows.div_ceil(8);
        let rows = if is_filled { self.rows } else { 0 };
        rows + column.plain_bytes + 2 * column.place.len()
    }

    /// The fields of a column that is stored as text, one on each line; `None` if it is stored as
    /// numbers or damaged.
    pub fn text<'a>(&self, index: usize, inflater: &'a mut Inflater) -> Option<&'a [u8]> {
        let column = self.columns.get(index)?;
        (column.form == FORM_TEXT).then_some(())?;
        inflater.inflate(&self.body[column.place.clone()], column.plain_bytes)
    }

    /// Appends the numbers of the column at that place behind `before` rows, NaN where there is
    /// none, and says whether there was any: of a column without a number nothing is appended.
    /// `None` if it is damaged.
    pub fn append_numbers(
        &self,
        index: usize,
        inflater: &mut Inflater,
        before: usize,
        numbers: &mut Vec<f64>,
    ) -> Option<bool> {
        let column = self.columns.get(index)?;
        let plain = inflater.inflate(&self.body[column.place.clone()], column.plain_bytes)?;
        if column.form == FORM_TEXT {
            let fields = || {
                plain
                    .split(|byte| *byte == b'\n')
                    .map(decimal)
                    .take(self.rows)
            };
            let is_read = fields().any(|number| !number.is_nan());
            if is_read {
                numbers.resize(before, f64::NAN);
                numbers.extend(fields());
                numbers.resize(before + self.rows, f64::NAN);
            }
            return Some(is_read);
        }
        let present = plain.get(..self.rows.div_ceil(8))?;
        if present.iter().all(|bits| *bits == 0) {
            return (column.form <= MOST_DECIMALS).then_some(false);
        }
        let known = numbers.len();
        numbers.resize(before, f64::NAN);
        // Both are exact in a double, so that the quotient is correctly rounded.
        let unit = 10_f64.powi(i32::from(column.form));
        let read = each_whole(plain, self.rows, column.form, |whole| {
            numbers.push(whole.map_or(f64::NAN, |whole| whole as f64 / unit));
        });
        if read.is_none() {
            numbers.truncate(known);
        }
        read.map(|()| true)
    }

    /// The values of the column at that place; `None` if they are damaged.
    fn values(&self, index: usize, inflater: &mut Inflater) -> Option<Values> {
        let column = self.columns.get(index)?;
        let plain = inflater.inflate(&self.body[column.place.clone()], column.plain_bytes)?;
        if column.form == FORM_TEXT {
            return Some(Values::Text(plain.to_vec()));
        }
        let mut whole = Vec::with_capacity(self.rows);
        each_whole(plain, self.rows, column.form, |number| whole.push(number))?;
        Some(Values::Numbers {
            whole,
            decimals: column.form,
        })
    }

    /// Writes the rows as CSV, as they once stood there.
    ///
    /// # Errors
    ///
    /// That of the writer, or that a column is damaged.
    pub fn write_csv(&self, out: &mut impl Write) -> std::io::Result<()> {
        let damaged = || std::io::Error::new(std::io::ErrorKind::InvalidData, "a damaged block");
        let mut columns: Vec<Vec<Vec<u8>>> = Vec::new();
        let mut inflater = Inflater::default();
        for index in 0..self.columns.len() {
            columns.push(
                match self.values(index, &mut inflater).ok_or_else(damaged)? {
                    Values::Text(text) => text
                        .split(|byte| *byte == b'\n')
                        .map(<[u8]>::to_vec)
                        .collect(),
                    Values::Numbers { whole, decimals } => whole
                        .into_iter()
                        .map(|number| {
                            number.map_or_else(Vec::new, |number| {
                                shown(number, decimals).into_bytes()
                            })
                        })
                        .collect(),
                },
            );
        }
        let mut line = Vec::new();
        for row in 0..self.rows {
            line.clear();
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    line.push(b',');
                }
                line.extend_from_slice(column.get(row).ok_or_else(damaged)?);
            }
            line.push(b'\n');
            out.write_all(&line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> String {
        let mut text = "elapsed_ms,phase,rss_bytes,odd,gauge:share\n".to_owned();
        for i in 0..count {
            let rss = match i % 5 {
                3 => String::new(),
                _ => (10_000_000 + i * 4096).to_string(),
            };
            let odd = ["7", "-0", "1e3", "x"][i % 4];
            let at = i as f64 * 1000.0 - 2500.5;
            text.push_str(&format!("{at:.3},load,{rss},{odd},{:.2}\n", i as f64 / 8.0));
        }
        text
    }

    #[test]
    fn what_was_packed_comes_out_byte_for_byte() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (csv, packed) = (folder.path().join("s.csv"), folder.path().join(PACKED));
        let text = rows(BLOCK_ROWS + 17);
        std::fs::write(&csv, &text).expect("a file");
        pack(&csv, &packed).expect("packed");
        let small = std::fs::metadata(&packed).expect("a file").len();
        assert!(small * 5 < text.len() as u64, "{small} of {}", text.len());
        let mut file = PackedFile::open(&packed).expect("readable").expect("there");
        let mut out = text.lines().next().expect("a header").as_bytes().to_vec();
        out.push(b'\n');
        let mut blocks = 0;
        while let Some(block) = file.next_block().expect("readable") {
            block.write_csv(&mut out).expect("rows");
            blocks += 1;
        }
        assert_eq!(blocks, 2);
        assert!(!file.damaged);
        assert!(out == text.as_bytes());
    }

    #[test]
    fn torn_and_damaged_blocks_lose_nothing_else() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (csv, packed) = (folder.path().join("s.csv"), folder.path().join(PACKED));
        std::fs::write(&csv, rows(50)).expect("a file");
        for _ in 0..3 {
            pack(&csv, &packed).expect("packed");
        }
        let whole = std::fs::read(&packed).expect("readable");
        let block = whole.len() / 3;
        let read = |bytes: &[u8]| {
            std::fs::write(&packed, bytes).expect("a file");
            let mut file = PackedFile::open(&packed).expect("readable").expect("there");
            let mut rows = 0;
            while let Some(block) = file.next_block().expect("readable") {
                rows += block.rows;
            }
            (rows, file.damaged)
        };
        assert_eq!(read(&whole), (150, false));
        assert_eq!(read(&whole[..whole.len() - 1]), (100, true));
        let mut flipped = whole.clone();
        flipped[block + 40] ^= 1;
        assert_eq!(read(&flipped), (100, true));
        assert_eq!(read(b"nothing of ours at all"), (0, true));
    }
}
