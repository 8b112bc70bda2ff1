//! Runs the real binary in a folder of its own.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod serving;

use leaklab_run::{Cell, Run};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A temporary folder in which leaklab is called.
pub struct Lab {
    folder: Arc<tempfile::TempDir>,
}

/// What a call of leaklab printed and left behind.
pub struct Called {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub run: Option<Run>,
    /// Keeps the run's files for as long as they are looked at.
    _folder: Arc<tempfile::TempDir>,
}

impl Lab {
    pub fn new() -> Self {
        Lab {
            folder: Arc::new(tempfile::tempdir().expect("a temporary folder")),
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A call that is not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leaklab"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        let reset = || {
            // What is ignored at the start stays ignored, and who runs the tests in the
            // background has INT ignored.
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
                // SAFETY: only the disposition of a signal is set, to a constant.
                unsafe { libc::signal(signal, libc::SIG_DFL) };
            }
            Ok(())
        };
        // SAFETY: between fork and exec only signal is called, which is async-signal-safe.
        unsafe { std::os::unix::process::CommandExt::pre_exec(&mut command, reset) };
        command
    }

    /// Calls leaklab and waits for its end.
    pub fn call(&self, arguments: &[&str]) -> Called {
        let output = self
            .command(arguments)
            .output()
            .expect("the binary can be started");
        self.called(output)
    }

    /// Calls `leaklab run` with a shell script as the program.
    pub fn run_script(&self, flags: &[&str], script: &str) -> Called {
        let mut arguments = vec!["run"];
        arguments.extend(flags);
        arguments.extend(["--", "sh", "-c", script]);
        self.call(&arguments)
    }

    /// Starts leaklab without waiting.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary can be started")
    }

    /// Waits for the end of what [`Lab::start`] began.
    pub fn finish(&self, child: Child) -> Called {
        let output = child.wait_with_output().expect("an end");
        self.called(output)
    }

    /// What a call that was waited for printed and left behind.
    pub fn called(&self, output: Output) -> Called {
        Called {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            run: self.newest_run().and_then(|path| Run::open(&path).ok()),
            _folder: Arc::clone(&self.folder),
        }
    }

    /// The folder of the newest run.
    pub fn newest_run(&self) -> Option<PathBuf> {
        // Of two that began in the same second the names do not tell which came later.
        let began = |path: &PathBuf| {
            let folder = path.metadata().ok()?;
            folder.created().or_else(|_| folder.modified()).ok()
        };
        let runs = std::fs::read_dir(self.path().join("leaklab-out/runs")).ok()?;
        let paths = runs.flatten().map(|entry| entry.path());
        paths.max_by_key(|path| (began(path), path.clone()))
    }

    /// Waits until the run has a file of that name with at least `bytes` bytes.
    pub fn wait_for_file(&self, name: &str, bytes: u64) -> PathBuf {
        let mut found = PathBuf::new();
        wait_until(&format!("`{name}` has {bytes} bytes"), || {
            let Some(run) = self.newest_run() else {
                return false;
            };
            found = run.join(name);
            std::fs::metadata(&found).is_ok_and(|metadata| metadata.len() >= bytes)
        });
        found
    }
}

impl Called {
    pub fn cell(&self) -> &Cell {
        &self.run.as_ref().expect("a run was recorded").cells[0]
    }

    /// Asserts the exit code, and shows what was printed if it is another.
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Asserts that stderr holds every one of these.
    pub fn expect_stderr(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "no `{part}` in stderr:\n{}",
                self.stderr
            );
        }
        self
    }
}

/// Waits for something that another process brings about; fails after half a minute.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process exists and is no zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}
