//! Runs programs with a preloaded object and reads what it says.

// Each test takes the part that it needs.
#![allow(dead_code)]

use leaklab_preload::SharedObject;
use serde_json::Value;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A folder with the object in it.
pub struct Preload {
    pub folder: tempfile::TempDir,
    object: PathBuf,
}

/// A program that runs with the object.
pub struct Running {
    pub child: Child,
    reader: BufReader<PipeReader>,
    /// Our end: reading never finds the pipe closed, whoever has it open at the moment.
    _writer: PipeWriter,
}

impl Preload {
    pub fn new(object: SharedObject) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(object.name);
        std::fs::write(&path, object.bytes).expect("the object is written");
        Preload {
            folder,
            object: path,
        }
    }

    /// Builds a program of `tests/native`.
    pub fn build(&self, name: &str) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/native/{name}.c"));
        let program = self.folder.path().join(name);
        let status = Command::new("cc")
            .args(["-O1", "-pthread", "-fno-builtin", "-o"])
            .args([&program, &source])
            .status()
            .expect("a C compiler, which jemalloc was built with");
        assert!(status.success(), "{name} is built");
        program
    }

    /// Preloads the object without a harness: nothing is written.
    pub fn alone(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.object);
    }

    /// Starts a program with a sample each `interval_ms`.
    pub fn start(&self, command: &mut Command, interval_ms: u32) -> Running {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let path = format!("/proc/{}/fd/{}", std::process::id(), reader.as_raw_fd());
        let inode = std::fs::metadata(&path).expect("the pipe").ino();
        self.alone(command);
        let child = command
            .env("LEAKLAB_PIPE_PATH", path)
            .env("LEAKLAB_PIPE_INODE", inode.to_string())
            .env("LEAKLAB_INTERVAL_MS", interval_ms.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        Running {
            child,
            reader: BufReader::new(reader),
            _writer: writer,
        }
    }
}

impl Running {
    /// The next line; `None` when the program has ended and all that it wrote was read.
    ///
    /// # Panics
    ///
    /// If it lives and nothing comes for half a minute.
    pub fn next_line(&mut self) -> Option<Value> {
        let mut waits = 0;
        while self.reader.buffer().is_empty() && !self.is_readable() {
            // What it wrote last is in the pipe when its end is seen.
            if self.child.try_wait().expect("its state").is_some() && !self.is_readable() {
                return None;
            }
            waits += 1;
            assert!(waits < 300, "the sampler says something within 30 s");
        }
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("text");
        Some(serde_json::from_str(&line).expect("an object of the protocol"))
    }

    /// Waits a tenth of a second at most.
    fn is_readable(&self) -> bool {
        let mut ready = libc::pollfd {
            fd: self.reader.get_ref().as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd, as the count says.
        unsafe { libc::poll(&mut ready, 1, 100) == 1 }
    }

    /// Lines until one for which `wanted` holds.
    ///
    /// # Panics
    ///
    /// If the program ends before.
    pub fn line_with(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.next_line().expect("the program has not ended");
            if wanted(&line) {
                return line;
            }
        }
    }

    /// Closes the program's stdin, on which it waits, and gives what it printed.
    pub fn finish(mut self) -> std::process::Output {
        drop(self.child.stdin.take());
        // A full pipe is not waited for.
        self.child.wait_with_output().expect("it ends")
    }
}

/// Bytes that a line says are allocated.
pub fn allocated(line: &Value) -> u64 {
    line["heap"]["allocated_bytes"].as_u64().unwrap_or(0)
}

/// The clock of the lines.
pub fn monotonic_us() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to write to, and the clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_nsec.unsigned_abs() / 1000
}
