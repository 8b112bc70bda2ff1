//! `leaklab serve` as a browser meets it: over a socket, with good and with bad requests.

mod support;

use leaklab_run::{CellPlan, CellStatus, Outcome, RunRecord, State};
use std::path::{Path, PathBuf};
use support::serving::Serving;
use support::{Lab, wait_until};

/// A run of one ended cell, in a folder of that name.
fn ended_run(lab: &Lab, id: &str, cell: &str, rows: usize) -> PathBuf {
    let folder = lab.path().join("leaklab-out/runs").join(id);
    std::fs::create_dir_all(folder.join("cell")).expect("folders");
    let record = RunRecord {
        id: id.to_owned(),
        cells: vec![CellPlan {
            id: cell.to_owned(),
            folder: "cell".to_owned(),
            scenario: "command".to_owned(),
            variant: cell.to_owned(),
            ..CellPlan::default()
        }],
        ..RunRecord::default()
    };
    let status = CellStatus {
        state: State::Finished,
        outcome: Some(Outcome::Completed),
        ..CellStatus::default()
    };
    let mut samples = String::from("elapsed_ms,rss_bytes\n");
    for i in 0..rows {
        samples.push_str(&format!("{},{}\n", i * 1000, 1_000_000 + i % 7));
    }
    let write = |path: &Path, text: &[u8]| std::fs::write(path, text).expect("a file");
    write(
        &folder.join("run.json"),
        &serde_json::to_vec(&record).expect("JSON"),
    );
    write(
        &folder.join("cell/status.json"),
        &serde_json::to_vec(&status).expect("JSON"),
    );
    write(&folder.join("cell/samples.csv"), samples.as_bytes());
    write(
        &folder.join("cell/verdict.json"),
        br#"{"verdict":"no-leak","kind":null,"metric":"rss_bytes","reason":"it is flat",
            "stopped_working_after_s":null,"metrics":[]}"#,
    );
    write(
        &folder.join("cell/stdout.log"),
        b"<script>alert(1)</script>\n",
    );
    folder
}

#[test]
fn the_list_leads_to_reports_and_reports_to_their_data() {
    let lab = Lab::new();
    ended_run(&lab, "r1", "command::a", 50);
    let serving = Serving::start(&lab, 0, "leaklab-out");
    let (status, list) = serving.get("/");
    assert_eq!(status, 200);
    assert!(
        list.contains("runs&#x2f;r1&#x2f;") && list.contains("1 is as expected"),
        "{list}"
    );
    let (status, page) = serving.get("/runs/r1/");
    assert_eq!(status, 200);
    assert!(page.contains("it is flat") && page.contains("All runs"));
    assert!(
        !page.contains("live.json"),
        "an ended run is not asked for again"
    );
    let (status, samples) = serving.get("/runs/r1/cell/samples.csv");
    assert_eq!(status, 200);
    assert!(samples.ends_with("49000,1000000\n"), "{samples}");
    let (status, log) = serving.get("/runs/r1/cell/stdout.log");
    assert_eq!(status, 200);
    for header in [
        "content-type: text/plain",
        "nosniff",
        "sandbox",
        "same-origin",
    ] {
        assert!(log.contains(header), "no `{header}` in {log}");
    }
    assert_eq!(serving.get("/runs/r1").0, 308);
}

#[test]
fn no_path_leads_out_of_the_runs() {
    let lab = Lab::new();
    let run = ended_run(&lab, "r1", "command::a", 5);
    std::fs::write(lab.path().join("secret.json"), "SECRET").expect("a file");
    std::fs::write(run.join("cell/core"), "SECRET").expect("a file");
    std::fs::write(run.join("report.html"), "SECRET").expect("a file");
    std::os::unix::fs::symlink("/etc/passwd", run.join("cell/stderr.log")).expect("a link");
    std::os::unix::fs::symlink("/", lab.path().join("leaklab-out/runs/slash")).expect("a link");
    let serving = Serving::start(&lab, 0, "leaklab-out");
    for path in [
        "/runs/../../secret.json",
        "/runs/r1/../../../secret.json",
        "/runs/%2e%2e/%2e%2e/secret.json",
        "/runs/r1/%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.json",
        "/runs/r1/cell/..%2f..%2fsecret.json",
        "/runs/r1/cell/core",
        "/runs/r1/report.html",
        "/runs/r1/cell/stderr.log",
        "/runs/slash/etc/passwd",
        "/runs/%2fetc%2fpasswd/",
        "//etc/passwd",
        "/runs/r1%00/",
        "/runs/r1/cell/",
        "/runs/none/",
    ] {
        let (status, answer) = serving.get(path);
        assert!(status == 404 || status == 400, "{path}: {status}");
        assert!(
            !answer.contains("SECRET") && !answer.contains("root:"),
            "{path}"
        );
    }
    assert_eq!(serving.get("/runs/%zz/").0, 400);
    assert_eq!(serving.get("/").0, 200, "and it still serves");
}

#[test]
fn another_host_name_or_method_is_refused() {
    let lab = Lab::new();
    ended_run(&lab, "r1", "command::a", 5);
    let serving = Serving::start(&lab, 0, "leaklab-out");
    let own = |name: &str| format!("{name}:{}", serving.port);
    for host in [own("127.0.0.1"), own("localhost"), own("[::1]")] {
        assert_eq!(serving.ask("GET", "/", &host).0, 200, "{host}");
    }
    for host in [
        own("evil.example"),
        "localhost:1".to_owned(),
        "localhost".to_owned(),
        String::new(),
    ] {
        let (status, answer) = serving.ask("GET", "/runs/r1/", &host);
        assert_eq!(status, 421, "{host}");
        assert!(!answer.contains("it is flat"));
    }
    let host = own("127.0.0.1");
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(serving.ask(method, "/", &host).0, 405, "{method}");
    }
    let (status, head) = serving.ask("HEAD", "/runs/r1/", &host);
    assert_eq!(status, 200);
    assert!(head.ends_with("\r\n\r\n"), "no body");
    assert_eq!(serving.send("GARBAGE\r\n\r\n").0, 400);
    // Loopback only: the socket's local address is what the kernel has.
    let sockets = std::fs::read_to_string("/proc/net/tcp").expect("the sockets");
    let listening = format!(":{:04X} 00000000:0000 0A", serving.port);
    let ours: Vec<&str> = sockets
        .lines()
        .filter(|line| line.contains(&listening))
        .collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert!(ours[0].contains("0100007F:"), "127.0.0.1 in {}", ours[0]);
}

#[test]
fn hostile_names_are_text_in_the_list() {
    let lab = Lab::new();
    ended_run(&lab, "\"><img src=x onerror=alert(1)>", "command::<b>a", 5);
    std::fs::create_dir_all(lab.path().join("leaklab-out/runs/damaged")).expect("a folder");
    std::fs::write(lab.path().join("leaklab-out/runs/damaged/run.json"), "{<b>").expect("a file");
    let serving = Serving::start(&lab, 0, "leaklab-out");
    let (_, list) = serving.get("/");
    assert!(!list.contains("<img") && !list.contains("<b>"), "{list}");
    assert!(list.contains("cannot be read"), "a damaged run is told of");
    let (status, page) = serving.get("/runs/%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E/");
    assert_eq!(status, 200);
    assert!(!page.contains("<img") && !page.contains("<b>a"));
}

#[test]
fn a_running_run_is_live_through_a_restart_of_the_server() {
    let lab = Lab::new();
    let mut harness = lab.start(&[
        "run",
        "--duration",
        "60s",
        "--interval",
        "50ms",
        "--",
        "sh",
        "-c",
        "sleep 60",
    ]);
    lab.wait_for_file("command--sh/samples.csv", 400);
    let run = lab.newest_run().expect("a run");
    let id = run
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let serving = Serving::start(&lab, 0, "leaklab-out");
    let port = serving.port;
    let (_, page) = serving.get(&format!("/runs/{id}/"));
    assert!(page.contains("connect-src &#x27;self&#x27;") && page.contains("live.json"));
    let live = |serving: &Serving| {
        let (status, answer) = serving.get(&format!("/runs/{id}/live.json"));
        assert_eq!(status, 200, "{answer}");
        let body = answer.split("\r\n\r\n").nth(1).expect("a body");
        let live: serde_json::Value = serde_json::from_str(body).expect("JSON");
        let times = live["data"]["cells"][0]["times"]
            .as_array()
            .expect("times")
            .len();
        (live["running"] == true, times, live["structure"].clone())
    };
    let before = live(&serving);
    assert!(before.0, "it runs");
    drop(serving);
    let serving = Serving::start(&lab, port, "leaklab-out");
    wait_until("more rows are seen", || live(&serving).1 > before.1);
    assert_eq!(
        live(&serving).2,
        before.2,
        "the page need not be loaded anew"
    );
    harness.kill().expect("it can be killed");
    harness.wait().expect("its end");
    wait_until("its death is seen", || !live(&serving).0);
    let (_, page) = serving.get(&format!("/runs/{id}/"));
    assert!(page.contains("never ended: its harness died"), "{page}");
}

#[test]
fn memory_is_bounded_by_what_one_page_takes() {
    let lab = Lab::new();
    ended_run(&lab, "r1", "command::a", 100_000);
    let serving = Serving::start(&lab, 0, "leaklab-out");
    let settle = |serving: &Serving| {
        for _ in 0..3 {
            assert_eq!(serving.get("/runs/r1/").0, 200);
        }
        serving.rss_kib()
    };
    let first = settle(&serving);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..3 {
                    assert_eq!(serving.get("/runs/r1/").0, 200);
                    assert_eq!(serving.get("/runs/r1/cell/samples.csv").0, 200);
                }
            });
        }
    });
    let last = serving.rss_kib();
    println!("resident: {first} KiB after 3 pages, {last} KiB after 27 more and 24 files");
    // Eight pages at once would need eight times what one needs beyond an idle server.
    assert!(last < first + 16 * 1024, "{first} KiB, then {last} KiB");
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() {
    let lab = Lab::new();
    ended_run(&lab, "r1", "command::a", 5);
    let serving = Serving::start(&lab, 0, "leaklab-out");
    lab.call(&["serve", "--port", &serving.port.to_string()])
        .expect_code(4)
        .expect_stderr(&["cannot listen", "--port 0"]);
}

#[test]
fn requests_that_never_end_do_not_keep_others_out() {
    use std::io::{Read, Write};
    let lab = Lab::new();
    ended_run(&lab, "r1", "command::a", 5);
    let serving = Serving::start(&lab, 0, "leaklab-out");
    let mut open: Vec<std::net::TcpStream> = (0..200)
        .map(|_| {
            let mut stream =
                std::net::TcpStream::connect(("127.0.0.1", serving.port)).expect("a connection");
            stream.write_all(b"GET / HT").expect("half a request");
            stream
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(serving.get("/runs/r1/").0, 200);
    }
    // All were ended to make room, or are given up soon; nobody was answered.
    for stream in &mut open {
        let timeout = Some(std::time::Duration::from_secs(60));
        stream.set_read_timeout(timeout).expect("a timeout");
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        let is_reset = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(ended.map_or_else(is_reset, |_| true), "it is still open");
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "it was answered");
    }
}
