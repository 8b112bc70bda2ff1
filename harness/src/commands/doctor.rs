//! `leaklab doctor`: what works on this machine, and how to get the rest.

use crate::commands::print;
use crate::exit::Exit;
use crate::plan::find_program;
use std::ffi::OsStr;
use std::fmt::Write;

/// Show what works on this machine, and the command that makes the rest work.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit code 0: nothing that leaklab itself needs is missing. What is marked `no` costs a feature,
which the line names.")]
pub struct Arguments {}

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    works: bool,
    /// What was seen.
    seen: String,
    /// What it is for, and the way to it.
    way: &'static str,
    /// Whether leaklab itself needs it.
    is_needed: bool,
}

/// Looks at everything and prints a line each.
///
/// # Errors
///
/// That nothing can be printed.
pub fn execute(_arguments: &Arguments) -> anyhow::Result<Exit> {
    let findings = findings();
    let mut text = String::new();
    for finding in &findings {
        let mark = if finding.works { "ok" } else { "no" };
        let _ = writeln!(text, "{mark}  {:<22}{}", finding.what, finding.seen);
        if !finding.works {
            let _ = writeln!(text, "    {}", finding.way);
        }
    }
    print(&text)?;
    let broken = findings
        .iter()
        .any(|finding| finding.is_needed && !finding.works);
    Ok(if broken { Exit::Harness } else { Exit::Good })
}

fn findings() -> Vec<Finding> {
    let reads = |path: &str| std::fs::read_to_string(path).is_ok();
    let object = leaklab_preload::JEMALLOC.bytes.len();
    let groups = crate::cgroup::cell_groups();
    let mut findings = vec![
        Finding {
            what: "/proc",
            works: reads("/proc/self/stat") && reads("/proc/self/status"),
            seen: "memory, CPU time and threads of processes".to_owned(),
            way: "every figure from outside needs it: mount -t proc proc /proc",
            is_needed: true,
        },
        Finding {
            what: "PSS",
            works: reads("/proc/self/smaps_rollup"),
            seen: "/proc/PID/smaps_rollup: shared pages are counted once".to_owned(),
            way: "RSS counts pages that processes share once for each; Linux 4.14 or later has it",
            is_needed: false,
        },
        Finding {
            what: "preloaded jemalloc",
            works: object > 0,
            seen: match object {
                0 => "this leaklab was built without it".to_owned(),
                bytes => format!("--heap jemalloc, {} KiB in this binary", bytes >> 10),
            },
            way: "build leaklab where the C library is glibc, with a C compiler and make",
            is_needed: false,
        },
        Finding {
            what: "control groups",
            works: groups.is_some(),
            seen: match &groups {
                Some(folder) => format!("each cell gets one below {}", folder.display()),
                None => "none can be made here".to_owned(),
            },
            way: "memory limits are kept by watching alone; \
                  systemd-run --user --scope -p Delegate=yes leaklab run … delegates one",
            is_needed: false,
        },
        Finding {
            what: "open files",
            works: crate::system::descriptor_limit().is_none_or(|limit| limit >= 1024),
            seen: match crate::system::descriptor_limit() {
                Some(limit) => format!("{limit} for each process (ulimit -n)"),
                None => "unlimited".to_owned(),
            },
            way: "many cells at a time need more: ulimit -n 4096",
            is_needed: false,
        },
    ];
    findings.extend(snapshots());
    let programs: [(&str, &[&str], &str); 4] = [
        (
            "browser",
            &["chromium", "chromium-browser", "google-chrome"],
            "only the tests of report pages need one: apt-get install chromium",
        ),
        (
            "load tools",
            &["wrk", "ab", "hey", "k6"],
            "--load takes any command; their closing lines are read: apt-get install wrk",
        ),
        (
            "runtimes",
            &["python3", "node", "java", "go", "dotnet", "clojure"],
            "scenarios of files say which they need: `leaklab list SCENARIO`",
        ),
        (
            "C compiler",
            &["cc", "gcc", "clang"],
            "building leaklab from source needs one, and make: apt-get install build-essential",
        ),
    ];
    for (what, names, way) in programs {
        let found: Vec<&str> = (names.iter().copied())
            .filter(|name| find_program(OsStr::new(name), None).is_ok())
            .collect();
        findings.push(Finding {
            what,
            works: !found.is_empty(),
            seen: match found.is_empty() {
                true => format!("none of {}", names.join(", ")),
                false => found.join(", "),
            },
            way,
            is_needed: false,
        });
    }
    findings
}

/// The presets of `--snapshot`.
fn snapshots() -> Vec<Finding> {
    let found = |name: &str| find_program(OsStr::new(name), None).is_ok();
    let finding = |what, program: &str, flag: &str, way| Finding {
        what,
        works: found(program),
        seen: match found(program) {
            true => format!("--snapshot {flag}: {program} is there"),
            false => format!("--snapshot {flag}: no folder of PATH has {program}"),
        },
        way,
        is_needed: false,
    };
    vec![
        finding(
            "classes of Java",
            "jcmd",
            "java",
            "jcmd comes with a JDK, and must be run by the program's user",
        ),
        finding(
            "objects of Node.js",
            "node",
            "node",
            "it needs Node.js 12 or later, started by leaklab",
        ),
        finding(
            "lines of Python",
            "python3",
            "python",
            "it needs Python 3.7 or later, started by leaklab without -E and -I",
        ),
        Finding {
            what: "profiles of Go",
            works: true,
            seen: "--snapshot go=http://127.0.0.1:6060: the program serves net/http/pprof"
                .to_owned(),
            way: "",
            is_needed: false,
        },
    ]
}
