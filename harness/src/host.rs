//! What machine this is, for the record of a run.

use crate::system;
use leaklab_run::{Host, LeaklabVersion};

/// Version and revision of this leaklab.
pub fn leaklab_version() -> LeaklabVersion {
    LeaklabVersion {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: env!("LEAKLAB_REVISION").to_owned(),
    }
}

/// The machine, in the class that its user gave; what cannot be found out stays empty.
pub fn host(class: Option<String>) -> Host {
    let cpu_info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu_info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map(|(_, name)| name.trim().to_owned())
        .unwrap_or_default();
    let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Host {
        os: os_name(),
        kernel: line_of("/proc/sys/kernel/osrelease"),
        cpu,
        cpu_count: std::thread::available_parallelism().map_or(0, |count| count.get() as u64),
        memory_bytes: memory_bytes("MemTotal").unwrap_or_default(),
        cgroup: cgroup.lines().last().unwrap_or_default().to_owned(),
        page_bytes: system::page_bytes(),
        descriptor_limit: system::descriptor_limit(),
        boot_id: boot_id(),
        pid_namespace: pid_namespace(),
        architecture: std::env::consts::ARCH.to_owned(),
        class,
    }
}

/// The machine's boot, which process ids belong to; empty if the kernel does not say.
pub fn boot_id() -> String {
    line_of("/proc/sys/kernel/random/boot_id")
}

/// The namespace that process ids are given in; empty if the kernel does not say.
pub fn pid_namespace() -> String {
    let link = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy().into_owned()
}

/// The only line of a file; empty if it cannot be read.
fn line_of(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim().to_owned()
}

/// The distribution with its version, as os-release(5) names it.
fn os_name() -> String {
    let text = ["/etc/os-release", "/usr/lib/os-release"]
        .into_iter()
        .find_map(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.map_or_else(
        || "Linux".to_owned(),
        |name| name.trim_matches(['"', '\'']).to_owned(),
    )
}

/// Memory that could be used now without swapping: the machine's, or what the control groups
/// of this process leave of it, a container's limit for instance.
pub fn available_bytes() -> Option<u64> {
    let machine = memory_bytes("MemAvailable");
    machine.into_iter().chain(crate::cgroup::left_bytes()).min()
}

/// The memory limit of each of `jobs` cells at a time to which nobody gave one: together four
/// fifths of what could be used now, so that a leak does not take the machine down.
pub fn default_memory_limit_bytes(jobs: u64) -> Option<u64> {
    available_bytes().map(|available| available / 5 * 4 / jobs)
}

/// A line of `/proc/meminfo`.
fn memory_bytes(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
