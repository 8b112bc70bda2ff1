//! The system calls that the standard library has no safe form of.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Capacity asked for a pipe from a child, so that it does not fill while the harness writes.
const PIPE_BYTES: libc::c_int = 1 << 20;

/// Makes `command` end with the process that starts it, and pass `inherited` on to it.
///
/// The child becomes the leader of a process group of its own, so that a Ctrl-C in the
/// terminal reaches the harness alone and the whole group can be ended at once.
pub fn isolate(command: &mut Command, inherited: BorrowedFd<'_>) {
    let fd = inherited.as_raw_fd();
    // SAFETY: getpid cannot fail and touches no memory.
    let harness = unsafe { libc::getpid() };
    command.process_group(0);
    // SAFETY: the closure runs between fork and exec and calls only prctl, getppid and fcntl,
    // which are async-signal-safe; it allocates nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0
                || libc::fcntl(fd, libc::F_SETFD, 0) < 0
            {
                return Err(std::io::Error::last_os_error());
            }
            // The harness may have died before the line above.
            if libc::getppid() != harness {
                return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
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

/// Soft limit of open descriptors; `None` if there is none.
pub fn descriptor_limit() -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid rlimit to write to.
    let answer = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    (answer == 0 && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
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

/// Sets the soft limit of open descriptors of the children that `command` starts.
pub fn limit_descriptors(command: &mut Command, soft_limit: u64) {
    // SAFETY: the closure runs between fork and exec and calls only getrlimit and setrlimit,
    // which are async-signal-safe, on a value of its own.
    unsafe {
        command.pre_exec(move || {
            let mut limit = libc::rlimit {
                rlim_cur: 0,
                rlim_max: 0,
            };
            libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
            limit.rlim_cur = soft_limit.min(limit.rlim_max);
            match libc::setrlimit(libc::RLIMIT_NOFILE, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
}
