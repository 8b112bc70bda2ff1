//! The clocks of the kernel that sampling needs.

/// Microseconds of the monotonic clock, the same for every process of the machine.
pub fn monotonic_us() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Microseconds of CPU time that the calling thread has used.
pub fn thread_cpu_us() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Microseconds of CPU time that the process has used.
pub fn process_cpu_us() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to write to; these clocks exist on every Linux, so
    // that the call cannot fail.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec.unsigned_abs() * 1_000_000 + time.tv_nsec.unsigned_abs() / 1000
}
