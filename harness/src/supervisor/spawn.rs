//! Starts a program without copying this process.
//!
//! `fork` copies the page tables of the whole harness and makes both sides fault on what they
//! write next; with ten thousand cells that was a third of its CPU time. Here the child borrows
//! the memory of this process, whose calling thread waits until it has become the new program
//! (`CLONE_VM | CLONE_VFORK`). glibc's posix_spawn(3) does the same, but knows neither a signal
//! at the parent's death nor control groups.

use crate::system;
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString, c_char, c_int, c_void};
use std::fs::File;
use std::io::PipeReader;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Stack of the child until it is another program: it calls the system and nothing else.
const STACK_BYTES: usize = 64 << 10;
/// Where programs are looked for without `PATH` (execvp(3)).
const DEFAULT_PATH: &str = "/bin:/usr/bin";
/// What runs a file that is neither a program nor says what runs it (execvp(3)).
const SHELL: &std::ffi::CStr = c"/bin/sh";
/// Highest number of a signal.
const LAST_SIGNAL: c_int = 64;

/// What is started, and with what.
pub struct Program<'a> {
    /// Its name, or the path of its file.
    pub name: &'a OsStr,
    pub arguments: &'a [OsString],
    /// All of its variables.
    pub environment: BTreeMap<OsString, OsString>,
    /// Folder in which it runs, if it is to differ.
    pub folder: Option<&'a Path>,
    /// User and group that it runs as, if they are to differ.
    pub user: Option<(u32, u32)>,
    /// The descriptor that it inherits besides the standard ones.
    pub inherited: BorrowedFd<'a>,
    /// Soft limit of open descriptors, if it is to differ.
    pub descriptor_limit: Option<u64>,
    /// `cgroup.procs` of the control group that it enters. One that may not is started all the
    /// same, outside of it.
    pub group_entry: Option<OwnedFd>,
}

/// A child that was started: it leads a process group of its own, and dies with the thread that
/// started it.
pub struct Spawned {
    pub pid: u32,
    pub stdout: PipeReader,
    pub stderr: PipeReader,
}

/// Starts a program, with nothing as its standard input.
///
/// # Errors
///
/// The error of the operating system: no such program, no permission, no processes left.
pub fn spawn(program: Program<'_>) -> std::io::Result<Spawned> {
    let files = candidates(&program)?;
    let mut words = vec![text(program.name)?];
    for argument in program.arguments {
        words.push(text(argument)?);
    }
    let mut variables = Vec::with_capacity(program.environment.len());
    for (name, value) in &program.environment {
        let mut variable = name.clone();
        variable.push("=");
        variable.push(value);
        variables.push(CString::new(variable.into_vec())?);
    }
    let folder = program.folder.map(|folder| text(folder.as_os_str()));
    let folder = folder.transpose()?;
    let input = File::open("/dev/null")?;
    let (stdout, output) = std::io::pipe()?;
    let (stderr, errors) = std::io::pipe()?;
    let files: Vec<*const c_char> = files.iter().map(|file| file.as_ptr()).collect();
    let (mut by_shell, variables) = (pointers(&words), pointers(&variables));
    // A place before the words, for a shell that runs the file.
    by_shell.insert(0, SHELL.as_ptr());
    let mut start = Start {
        files: &files,
        by_shell: &mut by_shell,
        variables: &variables,
        folder: folder.as_ref().map(|folder| folder.as_ptr()),
        user: program.user,
        standard: [input.as_raw_fd(), output.as_raw_fd(), errors.as_raw_fd()],
        inherited: program.inherited.as_raw_fd(),
        limit: system::descriptor_limits_of_child(program.descriptor_limit),
        group_entry: program.group_entry.as_ref().map(AsRawFd::as_raw_fd),
        harness: std::process::id(),
        error: 0,
    };
    let pid = start.clone_child()?;
    Ok(Spawned {
        pid,
        stdout,
        stderr,
    })
}

fn text(words: &OsStr) -> std::io::Result<CString> {
    Ok(CString::new(words.as_bytes())?)
}

/// A list of texts as the system takes it, which a null pointer ends.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    let texts = texts.iter().map(|text| text.as_ptr());
    texts.chain([std::ptr::null()]).collect()
}

/// The files that may be meant by a program's name, in the order of the `PATH` that it gets.
fn candidates(program: &Program<'_>) -> std::io::Result<Vec<CString>> {
    if program.name.as_bytes().contains(&b'/') || program.name.is_empty() {
        return Ok(vec![text(program.name)?]);
    }
    let path = program.environment.get(OsStr::new("PATH"));
    let path = path.map_or(OsStr::new(DEFAULT_PATH), OsString::as_os_str);
    std::env::split_paths(path)
        .map(|folder| match folder.as_os_str().is_empty() {
            // An empty name is the folder in which it runs.
            true => PathBuf::from(".").join(program.name),
            false => folder.join(program.name),
        })
        .map(|file| text(file.as_os_str()))
        .collect()
}

/// All that the child needs, made before: it must not allocate.
struct Start<'a> {
    files: &'a [*const c_char],
    /// The shell, and the words, which a null pointer ends.
    by_shell: &'a mut [*const c_char],
    variables: &'a [*const c_char],
    folder: Option<*const c_char>,
    user: Option<(u32, u32)>,
    standard: [c_int; 3],
    inherited: c_int,
    limit: Option<libc::rlimit>,
    group_entry: Option<c_int>,
    harness: u32,
    /// Why it did not become the program.
    error: c_int,
}

impl Start<'_> {
    /// Makes the child, and waits until it is the program or has failed.
    fn clone_child(&mut self) -> std::io::Result<u32> {
        let mut stack = vec![0_u128; STACK_BYTES / size_of::<u128>()];
        let top = stack.as_mut_ptr_range().end.cast::<c_void>();
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let argument = std::ptr::from_mut(self).cast::<c_void>();
        let mut all = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: the sets are valid to write to, and `all` is filled before it is read.
        //
        // The child runs `become_program` on a stack of its own, which grows down from `top` and
        // lives until the child has left it: with CLONE_VFORK this thread goes on only when the
        // child has become another program or ended. It shares this memory, but no signal
        // handlers; since all signals are blocked meanwhile, no handler of this process runs in
        // it. What it reads and writes through `argument` outlives it for the same reason.
        let pid = unsafe {
            libc::sigfillset(all.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
            let pid = libc::clone(become_program, top, flags, argument);
            let failed = std::io::Error::last_os_error();
            libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
            if pid < 0 {
                return Err(failed);
            }
            pid
        };
        drop(stack);
        let pid = pid.unsigned_abs();
        // SAFETY: the child wrote it while this thread waited; it is read once, as it is now.
        match unsafe { std::ptr::from_ref(&self.error).read_volatile() } {
            0 => Ok(pid),
            error => {
                system::child_end(pid, true);
                system::reap(pid);
                Err(std::io::Error::from_raw_os_error(error))
            }
        }
    }

    /// Becomes the program; comes back only if that failed, with the number of the error.
    ///
    /// # Safety
    ///
    /// Runs in the child, before it is another program: it calls the system and does nothing
    /// else, allocates nothing, and cannot panic.
    unsafe fn become_it(&mut self) -> c_int {
        // SAFETY: each call takes numbers, or pointers that `spawn` has made of values that live
        // until the child is another program. All are async-signal-safe. The user is changed by
        // the system's own calls: those of the C library would change the threads of the harness.
        unsafe {
            reset_signals();
            if libc::setpgid(0, 0) < 0 {
                return errno();
            }
            for (number, descriptor) in (0..).zip(self.standard) {
                if libc::dup2(descriptor, number) < 0 {
                    return errno();
                }
            }
            if let Some((user, group)) = self.user {
                let is_root = libc::getuid() == 0;
                let none = std::ptr::null::<libc::gid_t>();
                if libc::syscall(libc::SYS_setresgid, group, group, group) < 0
                    || is_root && libc::syscall(libc::SYS_setgroups, 0, none) < 0
                    || libc::syscall(libc::SYS_setresuid, user, user, user) < 0
                {
                    return errno();
                }
            }
            if self.folder.is_some_and(|folder| libc::chdir(folder) < 0)
                || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0
                || libc::fcntl(self.inherited, libc::F_SETFD, 0) < 0
            {
                return errno();
            }
            if let Some(limit) = &self.limit {
                libc::setrlimit(libc::RLIMIT_NOFILE, limit);
            }
            if let Some(entry) = self.group_entry {
                libc::write(entry, c"0".as_ptr().cast(), 1);
            }
            // The harness may have died before it was to take the child with it.
            if libc::getppid().unsigned_abs() != self.harness {
                return libc::ESRCH;
            }
            let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
            libc::sigemptyset(none.as_mut_ptr());
            libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
            self.execute()
        }
    }

    /// Tries the files one after the other, as execvp(3) does.
    ///
    /// # Safety
    ///
    /// As [`Start::become_it`].
    unsafe fn execute(&mut self) -> c_int {
        let mut refused = 0;
        let mut error = libc::ENOENT;
        for &file in self.files {
            let words = self.by_shell.as_mut_ptr();
            // SAFETY: the lists end with null pointers, and `words` has the shell before the
            // words of the program, of which there is at least its name.
            unsafe {
                libc::execve(file, words.add(1), self.variables.as_ptr());
                error = errno();
                if error == libc::ENOEXEC {
                    *words.add(1) = file;
                    libc::execve(SHELL.as_ptr(), words, self.variables.as_ptr());
                    return errno();
                }
            }
            match error {
                libc::EACCES => refused = error,
                libc::ENOENT | libc::ENOTDIR | libc::ESTALE | libc::ENODEV | libc::ETIMEDOUT => {}
                _ => return error,
            }
        }
        if refused != 0 { refused } else { error }
    }
}

/// Where the child begins.
extern "C" fn become_program(argument: *mut c_void) -> c_int {
    // SAFETY: `clone_child` passes its `Start`, which it does not touch while the child runs.
    let start = unsafe { &mut *argument.cast::<Start<'_>>() };
    // SAFETY: this is the child. _exit ends it without running what this process has to do at
    // its end.
    unsafe {
        start.error = start.become_it();
        libc::_exit(127)
    }
}

/// Gives signals that this process handles their default action, and those that it ignores for
/// itself; what was ignored when it was started stays so.
///
/// # Safety
///
/// As [`Start::become_it`].
unsafe fn reset_signals() {
    for signal in 1..=LAST_SIGNAL {
        let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: with a null pointer for the new action, sigaction only writes the old one;
        // zeroed memory is a valid sigaction. The child has signal actions of its own.
        unsafe {
            if libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) != 0 {
                continue;
            }
            let is_ours = matches!(signal, libc::SIGPIPE | libc::SIGXFSZ);
            if is_ours || action.assume_init().sa_sigaction != libc::SIG_IGN {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

/// # Safety
///
/// As [`Start::become_it`].
unsafe fn errno() -> c_int {
    // SAFETY: the place is the calling thread's own, whose turn it is.
    unsafe { *libc::__errno_location() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read};
    use std::os::fd::AsFd;

    fn started(
        name: &str,
        arguments: &[&str],
        folder: Option<&Path>,
        variables: &[(&str, &str)],
    ) -> std::io::Result<(String, Option<i32>)> {
        let (_reader, writer) = std::io::pipe()?;
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let environment = variables.iter();
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        let mut spawned = spawn(Program {
            name: OsStr::new(name),
            arguments: &arguments,
            environment: environment.collect(),
            folder,
            user: None,
            inherited: writer.as_fd(),
            descriptor_limit: Some(77),
            group_entry: None,
        })?;
        let mut said = String::new();
        spawned.stdout.read_to_string(&mut said)?;
        let end = system::child_end(spawned.pid, true).expect("an end");
        assert!(system::reap(spawned.pid));
        Ok((said, end.code))
    }

    #[test]
    fn a_program_gets_what_was_asked_for_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().canonicalize().expect("a path");
        let script = "pwd; echo \"$A-$HOME\"; ulimit -Sn; cat; ps -o pgid= -p $$ >&2; exit 7";
        let variables = [("A", "b c"), ("PATH", "/nonexistent:/usr/bin:/bin")];
        let (said, code) =
            started("sh", &["-c", script], Some(&folder), &variables).expect("a shell");
        assert_eq!(said, format!("{}\nb c-\n77\n", folder.display()));
        assert_eq!(code, Some(7));
    }

    #[test]
    fn a_program_that_is_not_there_or_may_not_be_run_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("no-program");
        std::fs::write(&file, "text").expect("a file");
        let path = folder.path().to_str().expect("a path");
        for (name, kind) in [
            ("no-program", ErrorKind::PermissionDenied),
            ("no-such-program", ErrorKind::NotFound),
            ("/no/such/program", ErrorKind::NotFound),
            ("nul\0inside", ErrorKind::InvalidInput),
        ] {
            let error = started(name, &[], None, &[("PATH", path)]).expect_err(name);
            assert_eq!(error.kind(), kind, "{name}: {error}");
        }
        let missing = started("true", &[], Some(Path::new("/no/such/folder")), &[]);
        assert_eq!(missing.expect_err("no folder").kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_script_that_names_nothing_to_run_it_is_run_by_the_shell() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("script");
        std::fs::write(&file, "echo \"$1\"\n").expect("a file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        let name = file.to_str().expect("a path");
        let (said, code) = started(name, &["word"], None, &[]).expect("a shell");
        assert_eq!((said.as_str(), code), ("word\n", Some(0)));
    }
}
