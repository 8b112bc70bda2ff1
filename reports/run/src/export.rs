//! A cell's samples as plain CSV again.

use super::folder::open_regular;
use super::packed::{CLOSING, PACKED, PackedFile};
use super::sample::push_quoted;
use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::path::Path;

/// Writes all rows of a cell as one CSV, as they were written once: packed hours, and the rows
/// since.
///
/// # Errors
///
/// That of a file or of `out`; a damaged block, or hours whose columns differ.
pub fn export_csv(folder: &Path, out: &mut impl Write) -> Result<()> {
    let mut header: Option<Vec<u8>> = None;
    let mut starts = Vec::new();
    if let Some(mut packed) = PackedFile::open(&folder.join(PACKED))? {
        while let Some(block) = packed.next_block()? {
            let mut line = Vec::new();
            for (index, name) in block.names().enumerate() {
                if index > 0 {
                    line.push(b',');
                }
                push_quoted(&mut line, name);
            }
            same_header(&mut header, line, out)?;
            let mut rows = Vec::new();
            block.write_csv(&mut rows)?;
            let first = rows.split(|byte| *byte == b'\n').next().unwrap_or_default();
            starts.push((first.to_vec(), block.rows));
            out.write_all(&rows)?;
        }
        if packed.damaged {
            return Err(Error::new(
                ErrorKind::InvalidData,
                "a block of the packed samples is damaged",
            ));
        }
    }
    for name in [CLOSING, "samples.csv"] {
        let file = match open_regular(&folder.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound && name == CLOSING => continue,
            Err(error) if error.kind() == ErrorKind::NotFound && header.is_some() => continue,
            Err(error) => return Err(error),
        };
        let mut lines = BufReader::new(file).split(b'\n');
        let Some(line) = lines.next().transpose()? else {
            continue;
        };
        same_header(&mut header, line, out)?;
        let mut left_out = None;
        for line in lines {
            let mut line = line?;
            let left = left_out.get_or_insert_with(|| {
                let same = starts.iter().position(|(first, _)| *first == line);
                same.map_or(0, |index| {
                    starts[index..].iter().map(|(_, rows)| rows).sum()
                })
            });
            if *left > 0 {
                *left -= 1;
                continue;
            }
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
    Ok(())
}

/// Writes the header once; hours of a cell have the same.
fn same_header(header: &mut Option<Vec<u8>>, line: Vec<u8>, out: &mut impl Write) -> Result<()> {
    match header {
        Some(first) if *first == line => Ok(()),
        Some(_) => Err(Error::new(
            ErrorKind::InvalidData,
            "the hours of the cell have different columns",
        )),
        None => {
            out.write_all(&line)?;
            out.write_all(b"\n")?;
            *header = Some(line);
            Ok(())
        }
    }
}
