//! Reads jemalloc's figures through cached MIBs.

use tikv_jemalloc_ctl::{epoch, epoch_mib, stats};

/// The heap as jemalloc counts it, all of one epoch.
///
/// Source: jemalloc manual, `stats.allocated` and its neighbours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeapFigures {
    /// Bytes in size classes requested and not freed; thread caches count as allocated.
    pub allocated_bytes: u64,
    /// Bytes in pages that hold an allocation.
    pub active_bytes: u64,
    /// Bytes of jemalloc's own records.
    pub metadata_bytes: u64,
    /// Bytes in resident pages, unused dirty ones included.
    pub resident_bytes: u64,
    /// Bytes in mapped extents.
    pub mapped_bytes: u64,
    /// Bytes of address space kept without being mapped.
    pub retained_bytes: u64,
}

/// Reads [`HeapFigures`]; the names are looked up once, when it is made.
#[derive(Clone, Copy)]
pub struct HeapReader {
    epoch: epoch_mib,
    allocated: stats::allocated_mib,
    active: stats::active_mib,
    metadata: stats::metadata_mib,
    resident: stats::resident_mib,
    mapped: stats::mapped_mib,
    retained: stats::retained_mib,
}

impl HeapReader {
    /// Looks the names up.
    ///
    /// # Errors
    ///
    /// jemalloc's error if it was built without statistics.
    pub fn new() -> Result<Self, tikv_jemalloc_ctl::Error> {
        Ok(HeapReader {
            epoch: epoch::mib()?,
            allocated: stats::allocated::mib()?,
            active: stats::active::mib()?,
            metadata: stats::metadata::mib()?,
            resident: stats::resident::mib()?,
            mapped: stats::mapped::mib()?,
            retained: stats::retained::mib()?,
        })
    }

    /// Advances the epoch and reads the six figures. Allocates nothing.
    ///
    /// # Errors
    ///
    /// jemalloc's error, which is not expected once the names are known.
    pub fn read(&self) -> Result<HeapFigures, tikv_jemalloc_ctl::Error> {
        self.epoch.advance()?;
        Ok(HeapFigures {
            allocated_bytes: self.allocated.read()? as u64,
            active_bytes: self.active.read()? as u64,
            metadata_bytes: self.metadata.read()? as u64,
            resident_bytes: self.resident.read()? as u64,
            mapped_bytes: self.mapped.read()? as u64,
            retained_bytes: self.retained.read()? as u64,
        })
    }
}

/// Live heap of the process now, with the calling thread's cache flushed first; for tests.
///
/// # Panics
///
/// If jemalloc was built without statistics, which this crate's manifest asks for.
pub fn allocated_bytes() -> u64 {
    flush_thread_cache();
    HeapReader::new()
        .and_then(|reader| reader.read())
        .expect("jemalloc is built with statistics")
        .allocated_bytes
}

/// Gives what the calling thread's cache holds back to its arena.
///
/// Objects in a thread cache count as allocated; flushing makes the live heap exact at the
/// cost of refilling the cache.
pub fn flush_thread_cache() {
    command(c"thread.tcache.flush");
}

/// Asks jemalloc to give all unused dirty pages of all arenas back to the system.
pub fn purge() {
    // 4096 is MALLCTL_ARENAS_ALL of jemalloc 5.
    command(c"arena.4096.purge");
}

/// Runs a control that takes and gives no value. Neither of those used here can fail in a
/// way that matters: what was not flushed or purged stays, and is measured.
fn command(name: &std::ffi::CStr) {
    // SAFETY: the name is NUL-terminated; null pointers with length zero say that there is
    // no value to read or to write.
    unsafe {
        tikv_jemalloc_sys::mallctl(
            name.as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            0,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_block_shows_in_every_figure_that_holds_it() {
        let reader = HeapReader::new().expect("statistics");
        let before = reader.read().expect("figures");
        let block = vec![1_u8; 64 << 20];
        let with = reader.read().expect("figures");
        for (before, with) in [
            (before.allocated_bytes, with.allocated_bytes),
            (before.active_bytes, with.active_bytes),
            (before.resident_bytes, with.resident_bytes),
        ] {
            assert!(with >= before + (60 << 20), "{before} to {with}");
        }
        drop(block);
        purge();
        let after = reader.read().expect("figures");
        assert!(after.allocated_bytes < before.allocated_bytes + (4 << 20));
        assert!(after.resident_bytes < with.resident_bytes - (50 << 20));
    }
}
