//! Starts a child in isolation, and ends it.

use crate::heap::PreloadFile;
use crate::procfs::ProcessTree;
use crate::system;
use leaklab_preload::SharedObject;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::PipeReader;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Variables that the catalogue inherits; everything else is left out, so that a run does not
/// depend on the shell it was started from. `--env` adds to them. A program of one's own gets
/// the caller's environment.
const INHERITED: [&str; 12] = [
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "PATH",
    "RUST_BACKTRACE",
    "SHELL",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
];

/// What to start.
#[derive(Debug, Clone, Default)]
pub struct ChildPlan {
    /// The program.
    pub program: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables beyond the inherited ones.
    pub environment: Vec<(String, String)>,
    /// Whether it gets the caller's environment, as a program of one's own does.
    pub is_own: bool,
    /// Folder in which it runs, if it is to differ.
    pub folder: Option<PathBuf>,
    /// User and group that it runs as, if they are to differ.
    pub user: Option<(u32, u32)>,
    /// Time between two samples, told to the child.
    pub interval: Duration,
    /// Soft limit of open descriptors, if it is to differ.
    pub descriptor_limit: Option<u64>,
    /// What is loaded into the program to read its heap.
    pub preload: Option<SharedObject>,
}

/// A child that runs.
pub struct RunningChild {
    process: Child,
    /// Its process tree.
    pub tree: ProcessTree,
    _preloaded: Option<PreloadFile>,
}

/// The ends of a child's pipes.
pub struct ChildPipes {
    pub protocol: PipeReader,
    pub stdout: std::process::ChildStdout,
    pub stderr: std::process::ChildStderr,
}

impl RunningChild {
    /// Starts the child in its own process group, which dies with this thread. What is
    /// preloaded lies in `folder` while it runs.
    ///
    /// # Errors
    ///
    /// The error of the operating system: no such program, no permission, no processes left.
    pub fn start(plan: &ChildPlan, folder: &Path) -> std::io::Result<(Self, ChildPipes)> {
        let (protocol, child_end) = std::io::pipe()?;
        system::enlarge_pipe(protocol.as_fd());
        let mut command = Command::new(&plan.program);
        if !plan.is_own {
            let inherited = INHERITED.iter();
            let inherited = inherited.filter_map(|name| Some((name, std::env::var_os(name)?)));
            command.env_clear().envs(inherited);
        }
        if let Some(folder) = &plan.folder {
            command.current_dir(folder);
        }
        if let Some((user, group)) = plan.user {
            command.uid(user).gid(group);
        }
        command
            .args(&plan.arguments)
            .envs(plan.environment.iter().map(|(name, value)| (name, value)))
            .env("LEAKLAB_PIPE", child_end.as_raw_fd().to_string())
            .env(
                "LEAKLAB_INTERVAL_MS",
                (plan.interval.as_secs_f64() * 1000.0).to_string(),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        system::isolate(&mut command, child_end.as_fd());
        // A program may close descriptors that it has not opened; the pipe is found again by
        // its path, and known by its number there.
        let pipe = protocol.as_raw_fd();
        command
            .env(
                "LEAKLAB_PIPE_PATH",
                format!("/proc/{}/fd/{pipe}", std::process::id()),
            )
            .env(
                "LEAKLAB_PIPE_INODE",
                system::inode(protocol.as_fd())?.to_string(),
            );
        let preloaded = match plan.preload {
            Some(object) => Some(PreloadFile::create(object, folder)?),
            None => None,
        };
        if let Some(file) = &preloaded {
            let set: BTreeMap<_, _> = command
                .get_envs()
                .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
                .collect();
            command.envs(file.variables(|name| set.get(OsStr::new(name)).cloned()));
        }
        if let Some(limit) = plan.descriptor_limit {
            system::limit_descriptors(&mut command, limit);
        }
        let mut process = command.spawn()?;
        let missing = || std::io::Error::other("a pipe of the child is missing");
        let pipes = ChildPipes {
            protocol,
            stdout: process.stdout.take().ok_or_else(missing)?,
            stderr: process.stderr.take().ok_or_else(missing)?,
        };
        let tree = ProcessTree::new(process.id());
        let child = RunningChild {
            process,
            tree,
            _preloaded: preloaded,
        };
        Ok((child, pipes))
    }

    /// Its process id, which is its group's too.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// Sends TERM to the whole group.
    pub fn terminate(&self) {
        system::signal_group(self.pid(), libc::SIGTERM);
    }

    /// Sends KILL to the whole group and to descendants that have left it.
    pub fn kill(&mut self) {
        self.tree.kill();
        system::signal_group(self.pid(), libc::SIGKILL);
    }
}

impl Drop for RunningChild {
    fn drop(&mut self) {
        // Whatever is left of the group, when the child itself has ended too.
        self.kill();
        let _ = self.process.wait();
    }
}
