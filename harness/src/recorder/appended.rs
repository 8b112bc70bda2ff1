//! A file that rows are appended to, one `write` each; a full disk pauses it.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

/// A file that only grows. What could not be written whole leaves nothing behind: the next row
/// takes its place.
#[derive(Debug)]
pub struct Appended {
    file: File,
    length_bytes: u64,
}

impl Appended {
    /// Creates the file, which must not be there.
    ///
    /// # Errors
    ///
    /// The error of the operating system.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Appended {
            file: File::create_new(path)?,
            length_bytes: 0,
        })
    }

    /// The open file, to be synced elsewhere.
    ///
    /// # Errors
    ///
    /// The error of the operating system: no descriptor is left.
    pub fn handle(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }

    /// Appends a line.
    ///
    /// # Errors
    ///
    /// The error of the operating system; the file is as long as before.
    pub fn append(&mut self, line: &[u8]) -> std::io::Result<()> {
        match self.file.write_all_at(line, self.length_bytes) {
            Ok(()) => {
                self.length_bytes += line.len() as u64;
                Ok(())
            }
            Err(error) => {
                // If this fails too, the rest is a torn last line, which readers leave out.
                let _ = self.file.set_len(self.length_bytes);
                Err(error)
            }
        }
    }

    /// Brings what was written to the disk. A file system that cannot is no reason to end a run.
    pub fn sync(&self) {
        if self.length_bytes > 0 {
            let _ = self.file.sync_data();
        }
    }

    /// Whether the file still holds what was written: somebody may have cut or removed it.
    pub fn is_whole(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|meta| meta.len() >= self.length_bytes && meta.nlink() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_or_removed_is_not_whole() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("rows");
        let mut file = Appended::create(&path).expect("a file");
        file.append(b"1\n").expect("a row");
        assert!(file.is_whole());
        File::options()
            .write(true)
            .open(&path)
            .and_then(|other| other.set_len(0))
            .expect("a cut");
        assert!(!file.is_whole());
        file.append(b"2\n").expect("a row");
        std::fs::remove_file(&path).expect("removed");
        assert!(!file.is_whole());
    }
}
