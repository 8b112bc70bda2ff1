//! Everyday programs say and do with the preloaded objects what they do without.

mod support;

use leaklab_preload::{JEMALLOC, MALLINFO};
use std::process::{Command, Output, Stdio};
use support::Preload;

/// Commands whose output depends on nothing but themselves; those that are not installed are
/// left out, but never so many that fewer than [`FEWEST`] stay.
const COMMANDS: &[&[&str]] = &[
    &["ls", "-l", "/usr/share/doc"],
    &["cat", "/etc/passwd", "/no/such/file"],
    &["sort", "-r", "/etc/services"],
    &[
        "awk",
        "{ n[$1]++ } END { print length(n) }",
        "/etc/services",
    ],
    &["sed", "-n", "s/tcp/TCP/p", "/etc/services"],
    &["grep", "-c", "zzzzz", "/etc/services"],
    &["find", "/etc", "-maxdepth", "1", "-name", "p*"],
    &["tar", "-cf", "-", "/etc/passwd"],
    &["gzip", "-9", "-c", "/etc/services"],
    &["sha256sum", "/etc/services"],
    &["date", "-u", "-d", "@0"],
    &[
        "bash",
        "-c",
        "for i in $(seq 50); do echo $(($i * $i)); done | tail -n 3; exit 7",
    ],
    &["bash", "-c", "kill -9 $$"],
    &["sh", "-c", "cat /etc/passwd | wc -l; (exit 3)"],
    &[
        "perl",
        "-e",
        "my %h; $h{$_ % 97} .= $_ for 1..20000; print length($h{5}), \"\\n\"; exit 2",
    ],
    &[
        "/usr/bin/python3",
        "-I",
        "-c",
        "import threading, os; print(sum(range(10**5))); os._exit(5)",
    ],
    &["/usr/bin/python3", "-I", "-c", "raise SystemExit('words')"],
    &["/usr/bin/python3", "-I", "-m", "json.tool", "/no/such/file"],
    &["git", "--version"],
    &["git", "hash-object", "/etc/services"],
    &["make", "-f", "/dev/null", "nothing"],
    &["gcc", "-E", "-x", "c", "/dev/null"],
    &[
        "node",
        "-e",
        "console.log([...Array(1000).keys()].map(x => x * x).pop()); process.exit(4)",
    ],
    &["java", "-XX:TieredStopAtLevel=1", "-version"],
    &[
        "sqlite3",
        ":memory:",
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 10000) select sum(n) from c",
    ],
    &["curl", "--version"],
    &["openssl", "dgst", "-md5", "/etc/services"],
    &["dd", "if=/dev/zero", "bs=1024", "count=100", "status=none"],
    &["xargs", "-a", "/etc/services", "-n", "1000", "echo"],
    &["diff", "/etc/passwd", "/etc/group"],
    &["cut", "-d:", "-f1", "/etc/passwd"],
    &["od", "-A", "x", "-t", "x1", "/etc/passwd"],
    &["factor", "1000000016000000063"],
    &["expr", "1", "-", "1"],
    &["stat", "-c", "%s", "/etc/services"],
    &["unshare", "--help"],
];
const FEWEST: usize = 20;

fn run(mut command: Command) -> Option<Output> {
    command.stdin(Stdio::null()).env("LC_ALL", "C");
    command.output().ok()
}

#[test]
fn output_and_exit_are_those_of_the_program_alone() {
    let objects = [Preload::new(JEMALLOC), Preload::new(MALLINFO)];
    let mut compared = 0;
    for words in COMMANDS {
        let command = || {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]);
            command
        };
        let Some(alone) = run(command()) else {
            continue;
        };
        for preload in &objects {
            let mut preloaded = command();
            preload.alone(&mut preloaded);
            assert_eq!(run(preloaded), Some(alone.clone()), "{words:?}");
            let mut sampled = command();
            sampled.env("LC_ALL", "C");
            let output = preload.start(&mut sampled, 1).finish();
            assert_eq!(output, alone, "{words:?}, sampled");
        }
        compared += 1;
    }
    assert!(compared >= FEWEST, "{compared} programs");
}
