//! What each turn opens: a descriptor and a buffer, to be closed by somebody.

use crate::Gauge;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;

/// The file that the agent samples: the kernel's figures on this very process.
const SOURCE: &str = "/proc/self/stat";

/// A source of metrics, open: its descriptor and the buffer that it was read into.
///
/// Shared as in Go, where the function and the deferred call point to one object.
pub(super) struct Resource {
    _file: File,
    buffer: Box<[u8]>,
    open_files: Gauge,
}

impl Resource {
    /// Opens the source, takes a buffer of `buffer_bytes` and reads into it.
    ///
    /// # Errors
    ///
    /// The refusal of the system, the descriptor limit among others; nothing is then held.
    pub(super) fn open(buffer_bytes: usize, open_files: &Gauge) -> io::Result<Rc<Self>> {
        let mut file = File::open(SOURCE)?;
        // Written, not zeroed: pages that nobody touches never become resident.
        let mut buffer = vec![b' '; buffer_bytes].into_boxed_slice();
        // A buffer shorter than the text holds its beginning; that is enough to work on.
        let _length = file.read(&mut buffer)?;
        open_files.add(1);
        Ok(Rc::new(Resource {
            _file: file,
            buffer,
            open_files: open_files.clone(),
        }))
    }

    /// The work of one turn: adds up the numbers in what was read.
    pub(super) fn total(&self) -> u64 {
        self.buffer
            .split(u8::is_ascii_whitespace)
            .filter_map(|word| str::from_utf8(word).ok()?.parse().ok())
            .fold(0, u64::wrapping_add)
    }

    /// Closes the descriptor and gives the buffer back, if this is the last pointer to it.
    pub(super) fn close(self: Rc<Self>) {}
}

impl Drop for Resource {
    fn drop(&mut self) {
        self.open_files.add(-1);
    }
}
