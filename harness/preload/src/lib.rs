//! Shared objects that read the live heap of an unmodified program.
//!
//! Preloaded (`LD_PRELOAD`), an object starts one thread in each process image, which writes
//! the heap as lines of the pipe protocol (PROTOCOL.md) to the pipe of the harness:
//!
//! - [`JEMALLOC`] replaces the program's `malloc` by jemalloc and reads its figures.
//! - [`MALLINFO`] leaves `malloc` alone and asks glibc's `mallinfo2`.
//!
//! Both are linked when this crate is built and carried inside the binary, so that one file is
//! installed and nothing has to be found at run time.
//!
//! # What they do not see
//!
//! Memory that does not come from `malloc`: heaps that a runtime maps itself (Go, Java,
//! Node.js, the small objects of Python without `PYTHONMALLOC=malloc`), an allocator that is
//! linked into the program, direct `mmap`. Programs without a dynamic linker, and those that
//! change their user on start, are not preloaded at all.
//!
//! # What they change
//!
//! The program has one thread more, so that calls which need a process with a single thread
//! (`unshare` of users, `setns`) fail, and libraries take their locks in earnest. It has one
//! descriptor more, near 900.

/// A shared object, ready to be written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedObject {
    /// Its file name.
    pub name: &'static str,
    /// Its content; empty if leaklab was built for another C library than glibc.
    pub bytes: &'static [u8],
}

/// Puts the program on jemalloc and reads that.
pub const JEMALLOC: SharedObject = SharedObject {
    name: "libleaklab-jemalloc.so",
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/jemalloc.so")),
};

/// Reads glibc's `mallinfo2` and leaves the program's `malloc` alone.
pub const MALLINFO: SharedObject = SharedObject {
    name: "libleaklab-mallinfo.so",
    bytes: include_bytes!(concat!(env!("OUT_DIR"), "/mallinfo.so")),
};
