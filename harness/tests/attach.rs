//! A process that runs already is read, never signalled; what it says on a page is its heap.

mod support;

use leaklab_run::columns;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command};
use support::{Lab, is_alive};

/// A process of the test's own; ended with it.
struct Sleeper(Child);

impl Sleeper {
    fn new(seconds: &str) -> Self {
        Sleeper(
            Command::new("sleep")
                .arg(seconds)
                .spawn()
                .expect("sleep is there"),
        )
    }

    fn pid(&self) -> String {
        self.0.id().to_string()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_attached_process_is_read_and_lives_on() {
    let sleeper = Sleeper::new("120");
    let pid = sleeper.pid();
    let called = Lab::new().call(&[
        "run",
        "--pid",
        &pid,
        "--duration",
        "1s",
        "--interval",
        "50ms",
    ]);
    assert!(is_alive(sleeper.0.id()), "{}", called.stderr);
    let cell = called.cell();
    assert_eq!(cell.plan.id, "command::sleep");
    assert_eq!(cell.plan.command, ["sleep", "120"]);
    let outcome = cell.status.outcome.map(leaklab_run::Outcome::name);
    assert_eq!(outcome, Some("completed"));
    let table = cell.samples(|_| true).expect("samples");
    let rss = table
        .filled_column(columns::RSS_BYTES)
        .expect("resident memory");
    assert!(rss.iter().any(|bytes| *bytes > 0.0), "{rss:?}");
}

#[test]
fn an_attached_process_that_ends_is_a_result_and_not_a_death() {
    let lab = Lab::new();
    // A child of a shell that reaps it: the harness is not its parent.
    let mut shell = Command::new("sh")
        .args(["-c", "sleep 2 & echo $!; wait"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("sh is there");
    let mut pid = [0; 16];
    let read = shell
        .stdout
        .as_mut()
        .expect("a pipe")
        .read(&mut pid)
        .expect("an id");
    let pid = String::from_utf8_lossy(&pid[..read]).trim().to_owned();
    let called = lab.call(&[
        "run",
        "--pid",
        &pid,
        "--duration",
        "60s",
        "--interval",
        "50ms",
    ]);
    shell.wait().expect("an end");
    let called = called.expect_code(3);
    let outcome = called.cell().status.outcome.map(leaklab_run::Outcome::name);
    assert_eq!(outcome, Some("ended"));
    assert!(called.cell().status.exit_code.is_none());
}

#[test]
fn what_cannot_be_attached_to_is_refused_with_words() {
    let lab = Lab::new();
    let sleeper = Sleeper::new("60");
    let pid = sleeper.pid();
    for (arguments, part) in [
        (
            vec!["run", "--pid", "4194303"],
            "there is no process 4194303",
        ),
        (
            vec!["run", "--pid", &pid, "--memory-limit", "1GiB"],
            "`--memory-limit` does not go with",
        ),
        (
            vec!["run", "--pid", &pid, "--heap", "jemalloc"],
            "does not go with --pid",
        ),
        (vec!["run", "--pid", "0"], "not in 1.."),
        (vec!["run", "--pid", &pid, "shape"], "cannot be used with"),
    ] {
        let called = lab.call(&arguments).expect_code(2).expect_stderr(&[part]);
        assert!(called.run.is_none(), "{arguments:?} left a folder");
    }
    assert!(is_alive(sleeper.0.id()));
}

/// A page on loopback that says `body` of the number of times that it was asked for; its URL.
fn page(body: fn(usize) -> String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().flatten().enumerate().take(1000) {
            let mut stream = stream;
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let body = body(count);
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    format!("http://127.0.0.1:{port}/metrics")
}

#[test]
fn a_page_that_says_nothing_is_told_and_is_no_gap() {
    let url = page(|_| "<html>welcome</html>".to_owned());
    let short = ["--duration", "2s", "--interval", "100ms"];
    let run = [&["run", "--heap", &url][..], &short, &["--", "sleep", "60"]].concat();
    let called = Lab::new().call(&run);
    let called = called.expect_stderr(&["warning:", "no figure of a heap", &url]);
    let measurement = called.cell().status.measurement.as_ref();
    assert_eq!(measurement.expect("a certificate").gaps, 0);
}

#[test]
fn a_page_of_metrics_is_the_heap_and_counts_operations() {
    let url = page(|count| {
        let used = 50_000_000 + count * 100_000;
        format!(
            "go_memstats_heap_alloc_bytes {used}\nhttp_requests_total {count}\n\
             go_goroutines 12\n"
        )
    });
    let sleeper = Sleeper::new("120");
    let pid = sleeper.pid();
    let called = Lab::new().call(&[
        "run",
        "--pid",
        &pid,
        "--heap",
        &url,
        "--gauge",
        "go_gor*",
        "--duration",
        "3s",
        "--interval",
        "100ms",
    ]);
    let table = called.cell().samples(|_| true).expect("samples");
    let used = table
        .filled_column(columns::USED_BYTES)
        .expect("the page's heap");
    assert!(used.iter().any(|bytes| *bytes >= 50_000_000.0), "{used:?}");
    assert!(table.filled_column("gauge:go_goroutines").is_some());
    assert!(called.cell().status.ops_total.expect("the page's count") > 1);
}

#[test]
fn an_instant_is_marked_from_outside() {
    let lab = Lab::new();
    let child = lab.start(&[
        "run",
        "--duration",
        "4s",
        "--interval",
        "50ms",
        "--",
        "sleep",
        "60",
    ]);
    lab.wait_for_file("command--sleep/samples.csv", 200);
    lab.call(&["mark", "latest", "deploy-1.4.2"]).expect_code(0);
    let called = lab.finish(child);
    let events = called.cell().events().expect("events");
    let names: Vec<String> = events
        .iter()
        .map(|event| format!("{:?}", event.kind))
        .collect();
    assert!(
        names.iter().any(|name| name.contains("deploy-1.4.2")),
        "{names:?}"
    );
    lab.call(&["mark", "latest", "late"])
        .expect_code(2)
        .expect_stderr(&["nothing of"]);
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let lab = Lab::new();
    let file = "[profile.nightly]\nduration = \"8h\"\ngrace = \"9s\"\n";
    std::fs::write(lab.path().join("leaklab.toml"), file).expect("a file");
    let mut command = lab.command(&[
        "run",
        "--profile",
        "nightly",
        "--show-settings",
        "--grace",
        "2s",
        "--",
        "true",
    ]);
    let output = command
        .env("LEAKLAB_DRAIN", "3s")
        .output()
        .expect("the binary can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |name: &str| {
        let found = text
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        found
            .unwrap_or_else(|| panic!("no `{name}` in:\n{text}"))
            .to_owned()
    };
    assert!(line("duration").contains("8 h") && line("duration").contains("profile `nightly`"));
    assert!(line("grace").contains("2") && line("grace").trim_end().ends_with("flag"));
    assert!(line("drain").trim_end().ends_with("LEAKLAB_DRAIN"));
    assert!(line("interval").trim_end().ends_with("default"));
    assert!(!lab.path().join("leaklab-out").exists(), "nothing is run");
}

#[test]
fn doctor_says_what_works_here() {
    let called = Lab::new().call(&["doctor"]).expect_code(0);
    for part in [
        "/proc",
        "preloaded jemalloc",
        "control groups",
        "load tools",
    ] {
        assert!(
            called.stdout.contains(part),
            "no `{part}` in:\n{}",
            called.stdout
        );
    }
}
