//! Puts a snapshot into its file: gzipped, of bounded size, whole or not at all.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// How hard it is tried: a heap snapshot is packed to a tenth by the cheapest.
const EFFORT: u32 = 1;

/// A file that is being packed; it is removed unless it is finished.
pub struct Packing {
    encoder: Option<GzEncoder<File>>,
    temporary: PathBuf,
    path: PathBuf,
    bytes: u64,
    most_bytes: u64,
}

/// Why something could not be packed.
pub enum PackError {
    /// It is larger than it may be.
    TooLarge,
    /// What was read or written failed.
    Io(std::io::Error),
}

impl Packing {
    /// Begins a file of at most so many bytes before they are packed.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn begin(path: &Path, most_bytes: u64) -> std::io::Result<Self> {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary)?;
        Ok(Packing {
            encoder: Some(GzEncoder::new(file, Compression::new(EFFORT))),
            temporary,
            path: path.to_owned(),
            bytes: 0,
            most_bytes,
        })
    }

    /// Packs everything that a reader gives.
    ///
    /// # Errors
    ///
    /// That it is too large, or the error of reading or writing.
    pub fn take(&mut self, mut from: impl Read) -> Result<(), PackError> {
        let mut part = vec![0; 64 << 10];
        loop {
            let read = match from.read(&mut part) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(PackError::Io(error)),
            };
            self.bytes += read as u64;
            if self.bytes > self.most_bytes {
                return Err(PackError::TooLarge);
            }
            if let Some(encoder) = &mut self.encoder {
                encoder.write_all(&part[..read]).map_err(PackError::Io)?;
            }
        }
    }

    /// Finishes the file under its name; the result is its bytes before they were packed.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn finish(mut self) -> std::io::Result<u64> {
        if let Some(encoder) = self.encoder.take() {
            encoder.finish()?.sync_data()?;
            std::fs::rename(&self.temporary, &self.path)?;
        }
        Ok(self.bytes)
    }
}

impl Drop for Packing {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.temporary);
    }
}
