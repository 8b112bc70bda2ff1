//! Starts a child in isolation, and ends it.

use super::guard::Guard;
use super::spawn::{Program, Spawned, spawn};
use crate::cgroup::{CellGroup, ControlGroup, GroupLife};
use crate::heap::{PYTHON_MALLOC, PreloadFile};
use crate::procfs::{CELL_VARIABLE, Marks, ProcessTree, start_ticks};
use crate::system::{self, ChildExit};
use leaklab_preload::SharedObject;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::PipeReader;
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
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
    /// What runs already: it is watched, nothing is started.
    pub attach: Option<Attached>,
    /// Leaks that the preloaded object is to make, as `LEAKLAB_INJECT` says them.
    pub inject: Option<String>,
    /// Whether the preloaded object is there for that alone, and reads no heap.
    pub injects_only: bool,
}

impl ChildPlan {
    /// The value of a variable that the program would get: what the plan sets last, else the
    /// caller's own where it gets the caller's environment.
    pub fn given(&self, name: &str) -> Option<String> {
        let mut set = self.environment.iter().rev();
        let set = set.find(|(given, _)| given == name);
        let set = set.map(|(_, value)| value.clone());
        set.or_else(|| std::env::var(name).ok().filter(|_| self.is_own))
    }

    /// All variables of the program: `of_start` are those of this one start.
    fn variables(
        &self,
        of_start: Vec<(&str, String)>,
        preloaded: Option<&PreloadFile>,
    ) -> BTreeMap<OsString, OsString> {
        let mut all: BTreeMap<OsString, OsString> = match self.is_own {
            true => std::env::vars_os().collect(),
            false => (INHERITED.iter())
                .filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)))
                .collect(),
        };
        let mut set = |name: &str, value: &str| all.insert(name.into(), value.into());
        for (name, value) in &self.environment {
            set(name, value);
        }
        for (name, value) in of_start {
            set(name, &value);
        }
        let interval_ms = self.interval.as_secs_f64() * 1000.0;
        set("LEAKLAB_INTERVAL_MS", &interval_ms.to_string());
        if let Some(inject) = &self.inject {
            // It is this process that starts it: what it starts itself does not inject.
            set("LEAKLAB_INJECT", inject);
            set("LEAKLAB_INJECT_PARENT", &std::process::id().to_string());
            if self.injects_only {
                set("LEAKLAB_INJECT_ONLY", "1");
            }
        }
        if let Some(file) = preloaded {
            let variables = file.variables(|name| all.get(OsStr::new(name)).cloned());
            // Where no heap is read, nothing of the program's but the leak is to differ.
            let is_kept = |name: &str| !self.injects_only || name != PYTHON_MALLOC.0;
            let kept = variables.into_iter().filter(|(name, _)| is_kept(name));
            all.extend(kept.map(|(name, value)| (name.into(), value)));
        }
        all
    }
}

/// What runs already, and is to be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attached {
    /// A process and what it has started.
    Process(u32),
    /// Whatever is in a control group.
    Group(ControlGroup),
}

/// How long what a child has started may take to be gone once it is killed.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// A child that runs, or has ended and was not reaped yet: its id is its own until then.
///
/// A process that was attached to is not ours: it is read, and never sent a signal.
pub struct RunningChild {
    process: Watched,
    is_reaped: bool,
    /// Its process tree.
    pub tree: ProcessTree,
    /// The control group that it was started in, where one could be made; removed after the tree.
    group: Option<CellGroup>,
    _preloaded: Option<PreloadFile>,
}

/// Whose process it is.
enum Watched {
    /// Started here.
    Ours(u32),
    /// Attached to.
    Theirs {
        pid: u32,
        start_ticks: u64,
        /// Whether enough was seen of it.
        is_released: bool,
    },
    /// A group that was attached to.
    Group {
        group: ControlGroup,
        is_released: bool,
    },
}

/// The ends of a child's pipes.
pub struct ChildPipes {
    pub protocol: PipeReader,
    pub stdout: PipeReader,
    pub stderr: PipeReader,
}

impl RunningChild {
    /// Names the members that were found since the last call to the guard, and returns their
    /// ids. Those of a process that is attached to are not the guard's to end.
    pub fn tell(&mut self, guard: &Guard) -> Vec<u32> {
        if self.is_attached() {
            return Vec::new();
        }
        let news = self.tree.take_news();
        for &(pid, start_ticks) in &news {
            guard.watch(pid, start_ticks);
        }
        news.into_iter().map(|(pid, _)| pid).collect()
    }

    /// Starts the child in its own process group, which dies with this thread. `token` is the
    /// name that all its descendants inherit; what is preloaded lies in `folder` while it runs.
    /// Where a control group can be made for it, that holds the memory limit too.
    ///
    /// # Errors
    ///
    /// The error of the operating system: no such program, no permission, no processes left.
    pub fn start(
        plan: &ChildPlan,
        token: &str,
        folder: &Path,
        memory_limit_bytes: Option<u64>,
    ) -> std::io::Result<(Self, ChildPipes)> {
        let (protocol, child_end) = std::io::pipe()?;
        system::enlarge_pipe(protocol.as_fd());
        let preloaded = match plan.preload {
            Some(object) => Some(PreloadFile::create(object, folder)?),
            None => None,
        };
        let variables = vec![
            (CELL_VARIABLE, token.to_owned()),
            ("LEAKLAB_PIPE", child_end.as_raw_fd().to_string()),
            // A program may close descriptors that it has not opened; the pipe is found again by
            // its path, and known by its number there.
            ("LEAKLAB_PIPE_PATH", {
                let pipe = protocol.as_raw_fd();
                format!("/proc/{}/fd/{pipe}", std::process::id())
            }),
            (
                "LEAKLAB_PIPE_INODE",
                system::inode(protocol.as_fd())?.to_string(),
            ),
        ];
        let environment = plan.variables(variables, preloaded.as_ref());
        let group = CellGroup::create(&format!("leaklab-{token}"), memory_limit_bytes);
        let Spawned {
            pid,
            stdout,
            stderr,
        } = spawn(Program {
            name: &plan.program,
            arguments: &plan.arguments,
            environment,
            folder: plan.folder.as_deref(),
            user: plan.user,
            inherited: child_end.as_fd(),
            descriptor_limit: plan.descriptor_limit,
            group_entry: group.as_ref().and_then(|group| group.entry().ok()),
        })?;
        let pipes = ChildPipes {
            protocol,
            stdout,
            stderr,
        };
        let marks = Marks {
            token: token.to_owned(),
            outputs: [pipes.stdout.as_fd(), pipes.stderr.as_fd()]
                .into_iter()
                .filter_map(system::pipe_name)
                .collect(),
        };
        let child = RunningChild {
            tree: ProcessTree::of_child(pid, marks, group.as_ref().and_then(CellGroup::watched)),
            process: Watched::Ours(pid),
            is_reaped: false,
            group,
            _preloaded: preloaded,
        };
        Ok((child, pipes))
    }

    /// Watches a process that runs already, and those that it has started.
    ///
    /// # Errors
    ///
    /// That there is no such process.
    fn attach(pid: u32) -> std::io::Result<Self> {
        let gone = || std::io::Error::from_raw_os_error(libc::ESRCH);
        let start_ticks = start_ticks(pid).ok_or_else(gone)?;
        Ok(RunningChild {
            process: Watched::Theirs {
                pid,
                start_ticks,
                is_released: false,
            },
            is_reaped: false,
            tree: ProcessTree::new(pid),
            group: None,
            _preloaded: None,
        })
    }

    /// Watches what runs already.
    ///
    /// # Errors
    ///
    /// That it is gone.
    pub fn attach_to(attached: &Attached) -> std::io::Result<Self> {
        let group = match attached {
            Attached::Process(pid) => return Self::attach(*pid),
            Attached::Group(group) => group.clone(),
        };
        Ok(RunningChild {
            process: Watched::Group {
                group: group.clone(),
                is_released: false,
            },
            is_reaped: false,
            tree: ProcessTree::of_group(group),
            group: None,
            _preloaded: None,
        })
    }

    /// What the kernel says of its control group; `None` if it has none of its own.
    pub fn group_life(&self) -> Option<GroupLife> {
        self.group.as_ref().map(CellGroup::life)
    }

    /// The folder of its control group.
    pub fn group_folder(&self) -> Option<&Path> {
        self.group.as_ref().map(CellGroup::folder)
    }

    /// Whether it was attached to.
    pub fn is_attached(&self) -> bool {
        !matches!(self.process, Watched::Ours(_))
    }

    /// Its process id, which is its group's too if it was started here; of a control group the
    /// lowest.
    pub fn pid(&self) -> u32 {
        match &self.process {
            Watched::Ours(pid) => *pid,
            Watched::Theirs { pid, .. } => *pid,
            Watched::Group { group, .. } => group.processes().first().copied().unwrap_or(0),
        }
    }

    /// Whether one process is the root of all that is watched.
    pub fn has_root(&self) -> bool {
        !matches!(self.process, Watched::Group { .. })
    }

    /// Lets go of a process that was attached to; `false` if it was started here.
    fn release(&mut self) -> bool {
        match &mut self.process {
            Watched::Ours(_) => false,
            Watched::Theirs { is_released, .. } | Watched::Group { is_released, .. } => {
                *is_released = true;
                true
            }
        }
    }

    /// How it ended, if it has. It is not reaped, so that nobody else can get its id.
    pub fn ended(&self) -> Option<ChildExit> {
        let is_over = match &self.process {
            Watched::Ours(_) => return system::child_end(self.pid(), false),
            Watched::Theirs {
                pid,
                start_ticks: started,
                is_released,
            } => *is_released || start_ticks(*pid) != Some(*started),
            Watched::Group { group, is_released } => *is_released || group.processes().is_empty(),
        };
        is_over.then_some(ChildExit {
            code: None,
            signal: None,
        })
    }

    /// Sends TERM to the whole group and to descendants that have left it.
    pub fn terminate(&mut self) {
        if !self.release() && !self.is_reaped {
            system::signal_group(self.pid(), libc::SIGTERM);
            self.tree.signal_outside_group(libc::SIGTERM);
        }
    }

    /// Sends KILL to the whole group and to descendants that have left it.
    pub fn kill(&mut self) {
        if !self.release() && !self.is_reaped {
            if let Some(group) = &self.group {
                group.kill();
            }
            system::signal_group(self.pid(), libc::SIGKILL);
            self.tree.kill();
        }
    }

    /// Ends the child with all that it has started, and reaps it; nothing is sent to its id
    /// afterwards. False if something lives on.
    pub fn end_all(&mut self) -> bool {
        self.kill();
        let Watched::Ours(pid) = self.process else {
            return true;
        };
        let all_ended = self.tree.end_all(KILL_PATIENCE);
        self.is_reaped |= system::reap(pid) || system::child_end(pid, false).is_some();
        all_ended
    }
}

impl Drop for RunningChild {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.end_all();
        }
    }
}
