//! The system calls that the standard library has no safe form of.

use std::ffi::CString;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// Capacity asked for a pipe from a child, so that it does not fill while the harness writes.
const PIPE_BYTES: libc::c_int = 1 << 20;
/// Most descriptors asked for: a tree of some thousand processes.
const MOST_DESCRIPTORS: libc::rlim_t = 65_536;

/// Soft limit of open descriptors as this process was started with; children get it back.
static INHERITED_DESCRIPTOR_LIMIT: OnceLock<libc::rlimit> = OnceLock::new();

/// Sets what a process that watches others needs, whatever it was started with.
///
/// SIGCHLD gets its default action: ignored, as some supervisors leave it, the kernel reaps
/// children before their end can be read. SIGXFSZ is ignored, so that a file that reaches its
/// limit is an error like a full disk. The soft limit of descriptors is raised as far as it
/// may be, since each process of a tree takes one.
pub fn prepare_process() {
    // SAFETY: both dispositions are constants of the system; no handler of ours is replaced,
    // because none is set yet.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    if let Some(limit) = descriptor_limits() {
        INHERITED_DESCRIPTOR_LIMIT.get_or_init(|| limit);
        let raised = libc::rlimit {
            rlim_cur: limit.rlim_max.min(MOST_DESCRIPTORS),
            ..limit
        };
        if raised.rlim_cur > limit.rlim_cur {
            // SAFETY: `raised` is a valid rlimit. A refusal leaves the limit as it was.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) };
        }
    }
}

/// Stack that the commands need, with room to spare: about 300 KiB were seen of a command line.
pub const LEAST_STACK_BYTES: usize = 4 << 20;

/// Whether the first thread may not have [`LEAST_STACK_BYTES`] of stack (`ulimit -s`).
pub fn has_small_stack() -> bool {
    let small = |limit: libc::rlimit| limit.rlim_cur < LEAST_STACK_BYTES as libc::rlim_t;
    limits(libc::RLIMIT_STACK).is_some_and(small)
}

/// Whether a signal was ignored when this process was started, as `nohup` and shells without
/// job control do it; such a signal is left alone.
pub fn is_ignored(signal: libc::c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with a null pointer for the new action, sigaction only writes the old one, into
    // memory that is large enough for it.
    let answer = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: zeroed memory is a valid sigaction, and the call may have filled it.
    answer == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// How a child ended: by itself with a code, or by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildExit {
    /// Exit code, if it ended by itself.
    pub code: Option<i32>,
    /// Signal, if one ended it.
    pub signal: Option<i32>,
}

/// Waits for the end of a child without reaping it, so that its id stays its own.
///
/// With `block`, waits for as long as it lives; else `None` says that it does. A child that is
/// not to be waited for any more has ended, nobody knows how.
pub fn child_end(pid: u32, block: bool) -> Option<ChildExit> {
    let flags = libc::WEXITED | libc::WNOWAIT | if block { 0 } else { libc::WNOHANG };
    loop {
        let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: waitid writes at most a siginfo_t, which `info` has room for.
        let answer = unsafe { libc::waitid(libc::P_PID, pid, info.as_mut_ptr(), flags) };
        if answer != 0 {
            match std::io::Error::last_os_error().raw_os_error() {
                Some(libc::EINTR) => continue,
                _ => {
                    return Some(ChildExit {
                        code: None,
                        signal: None,
                    });
                }
            }
        }
        // SAFETY: zeroed memory is a valid siginfo_t, which the call has filled or left so.
        let info = unsafe { info.assume_init() };
        // SAFETY: waitid fills these fields for a child; a pid of zero says that none has ended.
        let (ended, status) = unsafe { (info.si_pid() != 0, info.si_status()) };
        return ended.then_some(match info.si_code {
            libc::CLD_EXITED => ChildExit {
                code: Some(status),
                signal: None,
            },
            _ => ChildExit {
                code: None,
                signal: Some(status),
            },
        });
    }
}

/// Reaps a child that has ended; true if there was one. Never waits, and does nothing to a
/// process that is not a child of this one.
pub fn reap(pid: u32) -> bool {
    let Ok(pid @ 2..) = libc::pid_t::try_from(pid) else {
        return false;
    };
    let mut status = 0;
    // SAFETY: waitpid writes one int, which `status` is.
    unsafe { libc::waitpid(pid, &mut status, libc::WNOHANG) == pid }
}

/// Makes orphans below this process its children instead of those of the system's first one,
/// so that what a program leaves behind is found. Old kernels may refuse.
pub fn adopt_orphans() {
    // SAFETY: the call takes an integer and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
}

/// Makes `command` the leader of a session of its own, which no terminal belongs to.
pub fn own_session(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec and calls only setsid, which is
    // async-signal-safe.
    unsafe {
        command.pre_exec(|| match libc::setsid() {
            -1 => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
}

/// Leaves TERM, INT and HUP without effect on this process.
pub fn ignore_stop_signals() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: the disposition is a constant of the system.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Makes writes to a pipe that is full fail instead of waiting.
pub fn make_nonblocking(pipe: BorrowedFd<'_>) {
    // SAFETY: both calls take integers and change only the flags of the open pipe.
    unsafe {
        let flags = libc::fcntl(pipe.as_raw_fd(), libc::F_GETFL);
        libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK);
    }
}

/// Microseconds of CPU time that all threads of this process have used.
pub fn process_cpu_us() -> u64 {
    clock_us(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// A process held by a descriptor, which its id cannot be given to another under.
pub struct ProcessHandle(OwnedFd);

impl ProcessHandle {
    /// Takes hold of the process that has this id now; `None` if there is none, or on kernels
    /// before 5.3.
    pub fn open(pid: u32) -> Option<Self> {
        let pid = libc::pid_t::try_from(pid).ok()?;
        // SAFETY: the call takes two integers and gives a new descriptor or an error.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = libc::c_int::try_from(fd).ok().filter(|fd| *fd >= 0)?;
        // SAFETY: the descriptor is new and nobody else's.
        Some(ProcessHandle(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends it a signal; one that is gone needs none.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the descriptor is a process's, the null pointer asks for the default details.
        unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_raw_fd(),
                signal,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
    }
}

/// Makes `command` end with the process that starts it, and pass `inherited` on to it.
///
/// The child becomes the leader of a process group of its own, so that a Ctrl-C in the
/// terminal reaches the harness alone and the whole group can be ended at once.
pub fn isolate(command: &mut Command, inherited: BorrowedFd<'_>) {
    let fd = inherited.as_raw_fd();
    // SAFETY: getpid cannot fail and touches no memory.
    let harness = unsafe { libc::getpid() };
    let limit = descriptor_limits_of_child(None);
    command.process_group(0);
    // SAFETY: the closure runs between fork and exec and calls only prctl, getppid, fcntl,
    // signal and setrlimit, which are async-signal-safe; it allocates nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0
                || libc::fcntl(fd, libc::F_SETFD, 0) < 0
            {
                return Err(std::io::Error::last_os_error());
            }
            // What this process has set for itself is not the child's.
            libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
            if let Some(limit) = &limit {
                libc::setrlimit(libc::RLIMIT_NOFILE, limit);
            }
            // The harness may have died before the line above.
            if libc::getppid() != harness {
                return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

/// The pipe behind a descriptor as `/proc` names it, the same from both of its ends.
pub fn pipe_name(pipe: BorrowedFd<'_>) -> Option<String> {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", pipe.as_raw_fd())).ok()?;
    link.to_str().map(str::to_owned)
}

/// Asks for a larger pipe; a smaller one works too, so that a refusal does not matter.
pub fn enlarge_pipe(pipe: BorrowedFd<'_>) {
    // SAFETY: F_SETPIPE_SZ takes an integer and changes only the pipe's capacity.
    unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE_BYTES) };
}

/// Sends a signal to every process of a group; a group that is gone needs none.
pub fn signal_group(leader: u32, signal: i32) {
    if let Ok(pid @ 2..) = libc::pid_t::try_from(leader) {
        // SAFETY: kill touches no memory; a negative id names the group of a child of ours.
        unsafe { libc::kill(-pid, signal) };
    }
}

/// Sends a signal to one process.
pub fn signal_process(pid: u32, signal: i32) {
    if let Ok(pid @ 2..) = libc::pid_t::try_from(pid) {
        // SAFETY: kill touches no memory.
        unsafe { libc::kill(pid, signal) };
    }
}

/// Microseconds of CPU time that the calling thread has used.
pub fn thread_cpu_us() -> u64 {
    clock_us(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Microseconds of the monotonic clock, the same for every process of the machine.
pub fn monotonic_us() -> u64 {
    clock_us(libc::CLOCK_MONOTONIC)
}

fn clock_us(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to write to; both clocks exist on every Linux.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_nsec.unsigned_abs() / 1000
}

/// Number of the file behind a descriptor, by which another process knows it again.
///
/// # Errors
///
/// The error of the operating system, which is not expected of a descriptor that is open.
pub fn inode(descriptor: BorrowedFd<'_>) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::File::from(descriptor.try_clone_to_owned()?);
    Ok(file.metadata()?.ino())
}

/// Ids of the user and of the group with whose rights this process runs.
pub fn effective_ids() -> (u32, u32) {
    // SAFETY: both read a number of the process and cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// Whether programs and libraries may be loaded from a folder's file system; `true` if that
/// cannot be asked.
pub fn allows_execution(folder: &Path) -> bool {
    let Ok(name) = CString::new(folder.as_os_str().as_bytes()) else {
        return true;
    };
    let mut answer = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `name` is NUL-terminated, and `answer` is a statvfs to write to; all zeros is a
    // valid one, so that it may be read whether or not the call wrote it.
    let flags = unsafe {
        libc::statvfs(name.as_ptr(), answer.as_mut_ptr());
        answer.assume_init().f_flag
    };
    flags & libc::ST_NOEXEC == 0
}

/// Bytes of a page of memory.
pub fn page_bytes() -> u64 {
    system_value(libc::_SC_PAGESIZE).unwrap_or(4096)
}

/// Clock ticks in a second, the unit of CPU time in `/proc`.
pub fn ticks_per_second() -> u64 {
    system_value(libc::_SC_CLK_TCK).unwrap_or(100)
}

fn system_value(name: libc::c_int) -> Option<u64> {
    // SAFETY: sysconf reads a constant of the system.
    let value = unsafe { libc::sysconf(name) };
    u64::try_from(value).ok().filter(|value| *value > 0)
}

/// Soft limit of open descriptors that children get; `None` if there is none.
pub fn descriptor_limit() -> Option<u64> {
    let limit = INHERITED_DESCRIPTOR_LIMIT.get().copied();
    let limit = limit.or_else(descriptor_limits)?;
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Descriptors that this process itself may open.
pub fn own_descriptor_limit() -> u64 {
    static LIMIT: OnceLock<u64> = OnceLock::new();
    *LIMIT.get_or_init(|| descriptor_limits().map_or(0, |limit| limit.rlim_cur))
}

/// The limits of open descriptors of a child: those that this process was started with, with
/// another soft one if it is to differ.
pub fn descriptor_limits_of_child(soft_limit: Option<u64>) -> Option<libc::rlimit> {
    let inherited = INHERITED_DESCRIPTOR_LIMIT.get().copied();
    let limit = inherited.or_else(|| soft_limit.and_then(|_| descriptor_limits()))?;
    Some(libc::rlimit {
        rlim_cur: soft_limit.map_or(limit.rlim_cur, |soft| soft.min(limit.rlim_max)),
        ..limit
    })
}

fn descriptor_limits() -> Option<libc::rlimit> {
    limits(libc::RLIMIT_NOFILE)
}

/// Bytes of address space that this process may have (`ulimit -v`), if that is limited.
pub fn address_space_limit_bytes() -> Option<u64> {
    let limit = limits(libc::RLIMIT_AS)?;
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

fn limits(resource: libc::__rlimit_resource_t) -> Option<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit to write to.
    let answer = unsafe { libc::getrlimit(resource, &mut limit) };
    (answer == 0).then_some(limit)
}

/// Columns of the terminal behind a descriptor; `None` if it is none or does not say.
pub fn terminal_columns(terminal: BorrowedFd<'_>) -> Option<u16> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes a winsize, which `size` is.
    let answer = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &mut size) };
    (answer == 0 && size.ws_col > 0).then_some(size.ws_col)
}
