//! `leaklab fleet` against a server that speaks the API of Prometheus, well and badly.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::Lab;

/// Seconds since 1970 of the end of every range, a whole number of steps.
const END: f64 = 1_795_233_600.0;
const STEP: f64 = 300.0;

/// What the server does with a question for values.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Answers,
    /// Answers, and says that a store of its did not.
    Warns,
    /// Lists a service that its answer does not hold.
    Forgets,
    /// Answers with labels that nobody asked for.
    Nameless,
    /// Refuses twice, then answers.
    Busy,
    Refuses,
    Lies,
    GoesOnForever,
    BreaksOff,
    WantsToken,
    /// Takes the question and says nothing.
    Silent,
    /// `cart` is killed every six hours and started anew in its pod, and the server says when.
    Restarts,
    /// The same, and nobody says when.
    RestartsUntold,
}

/// What a server reads from and writes to.
trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A server on loopback for as long as the test runs; its threads end with the process.
struct Stub {
    url: String,
    questions: Arc<AtomicUsize>,
}

impl Stub {
    fn new(manner: Manner) -> Self {
        Self::with(manner, "http://127.0.0.1", |stream| Box::new(stream))
    }

    /// A server whose certificate is that of `localhost`, signed by the tests' own authority.
    fn with_tls(manner: Manner) -> Self {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let certificates =
            CertificateDer::pem_slice_iter(include_bytes!("fixtures/tls/server.pem"))
                .collect::<Result<Vec<_>, _>>()
                .expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/tls/server.key"));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(certificates, key.expect("a key"))
            .expect("a configuration");
        let config = Arc::new(config);
        Self::with(manner, "https://localhost", move |stream| {
            let server = rustls::ServerConnection::new(Arc::clone(&config)).expect("a server");
            Box::new(rustls::StreamOwned::new(server, stream))
        })
    }

    fn with(
        manner: Manner,
        host: &str,
        speak: impl Fn(TcpStream) -> Box<dyn Stream> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let url = format!("{host}:{port}");
        let questions = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&questions);
        std::thread::spawn(move || {
            for stream in listener.incoming().take(64).flatten() {
                let count = Arc::clone(&count);
                let stream = speak(stream);
                std::thread::spawn(move || {
                    // A client that hangs up is part of the tests.
                    let _ = answer(stream, manner, &count);
                });
            }
        });
        Self { url, questions }
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let hex = std::str::from_utf8(&rest[..2]).expect("two digits");
            bytes.push(u8::from_str_radix(hex, 16).expect("a byte"));
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("text")
}

fn answer(stream: Box<dyn Stream>, manner: Manner, count: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length, mut token) = (String::new(), 0, String::new());
    reader.read_line(&mut first)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name {
            "Content-Length" => length = value.parse().expect("a length"),
            "Authorization" => token = value.to_owned(),
            _ => {}
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form)?;
    let mut stream = reader.into_inner();
    let form = String::from_utf8(form).expect("a form");
    let field = |name: &str| {
        let field = form
            .split('&')
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        decoded(field.unwrap_or(""))
    };
    if first.contains("/api/v1/series") {
        let ghost = r#",{"namespace":"shop","container":"ghost","pod":"ghost-1"}"#;
        let level =
            |other| format!(r#",{{"namespace":"shop","container":"level-{other}","pod":"only"}}"#);
        let more = match manner {
            Manner::Forgets => ghost.to_owned(),
            Manner::Answers => (0..12).map(level).collect(),
            _ => String::new(),
        };
        let body = format!(
            r#"{{"status":"success","data":[{{"namespace":"shop","container":"cart","pod":"cart-1"}}{more}]}}"#
        );
        let body = match manner {
            Manner::Nameless => body
                .replace("namespace", "job")
                .replace("container", "unit"),
            _ => body,
        };
        return reply(&mut stream, "200 OK", &body);
    }
    let asked = count.fetch_add(1, Ordering::SeqCst);
    if field("query").contains("resource_limits") {
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{{"metric":{{"namespace":"shop","container":"cart"}},"values":[[{END},"536870912"]]}}]}}}}"#
        );
        return reply(&mut stream, "200 OK", &body);
    }
    if field("query").contains("start_time") {
        let told = starts(&field("query"), field("start").parse().expect("a start"));
        return match manner {
            Manner::Restarts => reply(&mut stream, "200 OK", &told),
            Manner::Silent => Ok(()),
            _ => reply(&mut stream, "200 OK", &matrix(&[])),
        };
    }
    let good = || values(field("start").parse().expect("a start"));
    match manner {
        Manner::Answers | Manner::Forgets => reply(&mut stream, "200 OK", &good()),
        Manner::Warns => {
            let warning = r#"{"warnings":["store 10.0.0.3 did not answer"],"#;
            reply(&mut stream, "200 OK", &good().replacen('{', warning, 1))
        }
        Manner::Nameless => {
            let other = good()
                .replace("namespace", "job")
                .replace("container", "unit");
            reply(&mut stream, "200 OK", &other)
        }
        Manner::Busy if asked < 3 => reply(&mut stream, "503 Service Unavailable", "later"),
        Manner::Busy => reply(&mut stream, "200 OK", &good()),
        Manner::Refuses => reply(&mut stream, "500 Internal Server Error", "no"),
        Manner::Lies => reply(
            &mut stream,
            "200 OK",
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"namespace":"a","container":"b"},"values":[[20,"5"],[10,"6"]]}]}}"#,
        ),
        Manner::GoesOnForever => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            )?;
            loop {
                write!(stream, "10000\r\n{}\r\n", " ".repeat(65_536))?;
            }
        }
        Manner::Restarts | Manner::RestartsUntold => {
            let start = field("start").parse().expect("a start");
            reply(&mut stream, "200 OK", &matrix(&killed(start)))
        }
        Manner::BreaksOff => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{{\"status\""
            )
        }
        Manner::Silent => {
            // Until the client hangs up.
            let mut end = [0; 1];
            stream.read(&mut end).map(drop)
        }
        Manner::WantsToken if token == "Bearer s3cret" => reply(&mut stream, "200 OK", &good()),
        Manner::WantsToken => reply(&mut stream, "401 Unauthorized", ""),
    }
}

fn reply(stream: &mut impl Write, status: &str, body: &str) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Noise without memory that needs no generator: the fractions of multiples of a surd.
fn noise(step: usize) -> f64 {
    1e6 * ((step as f64 * 0.618_033_988_75).fract() - 0.5)
}

/// Seven days: `cart` leaks 2 MB an hour through a deployment, twelve others are level.
fn values(start: f64) -> String {
    let steps = ((END - start) / STEP) as usize;
    let mut series = Vec::new();
    let mut add = |container: &str, pod: &str, steps: std::ops::Range<usize>, rate: f64| {
        let first = steps.start;
        let points: Vec<String> = steps
            .map(|step| {
                let time = start + step as f64 * STEP;
                let grown = rate * (step - first) as f64 * STEP / 3_600.0;
                format!(
                    "[{time},\"{}\"]",
                    (1e8 + grown + noise(step + container.len())).round()
                )
            })
            .collect();
        series.push(format!(
            r#"{{"metric":{{"namespace":"shop","container":"{container}","pod":"{pod}"}},"values":[{}]}}"#,
            points.join(",")
        ));
    };
    add("cart", "cart-a", 0..steps / 2, 2e6);
    add("cart", "cart-b", steps / 2..steps + 1, 2e6);
    for other in 0..12 {
        add(&format!("level-{other}"), "only", 0..steps + 1, 0.0);
    }
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
        series.join(",")
    )
}

fn matrix(series: &[String]) -> String {
    format!(
        r#"{{"status":"success","data":{{"resultType":"matrix","result":[{}]}}}}"#,
        series.join(",")
    )
}

/// Readings of a life of `cart` that is killed every six hours.
const OF_A_LIFE: usize = 72;

/// `cart`, which grows by 12 MB an hour until it is killed, and a level one.
fn killed(start: f64) -> Vec<String> {
    let steps = ((END - start) / STEP) as usize;
    let points = |grown: &dyn Fn(usize) -> f64| {
        let point = |step: usize| {
            let time = start + step as f64 * STEP;
            format!("[{time},\"{}\"]", (1e8 + grown(step) + noise(step)).round())
        };
        (0..=steps).map(point).collect::<Vec<_>>().join(",")
    };
    let series = |container: &str, points: String| {
        format!(
            r#"{{"metric":{{"namespace":"shop","container":"{container}","pod":"{container}-a"}},"values":[{points}]}}"#
        )
    };
    vec![
        series("cart", points(&|step| 1e6 * (step % OF_A_LIFE) as f64)),
        series("level", points(&|_| 0.0)),
    ]
}

/// What cAdvisor says of the starts of both: all readings far apart, or the changes alone.
fn starts(query: &str, start: f64) -> String {
    let steps = ((END - start) / STEP) as usize;
    let began = |container: &str, step: usize| match container {
        "cart" => start + (step - step % OF_A_LIFE) as f64 * STEP - 20.0,
        _ => start - 1e6,
    };
    let series = |container: &&str| {
        let is_told = |step: &usize| match query.contains("unless") {
            true => *step > 0 && began(container, *step) != began(container, step - 1),
            false => step.is_multiple_of(48),
        };
        let point = |step: usize| {
            let time = start + step as f64 * STEP;
            format!("[{time},\"{}\"]", began(container, step))
        };
        let points: Vec<String> = (0..=steps).filter(is_told).map(point).collect();
        format!(
            r#"{{"metric":{{"__name__":"container_start_time_seconds","namespace":"shop","container":"{container}","pod":"{container}-a"}},"values":[{}]}}"#,
            points.join(",")
        )
    };
    let told: Vec<String> = ["cart", "level"].iter().map(series).collect();
    matrix(&told)
}

fn arguments<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec![
        "fleet",
        "--prometheus",
        url,
        "--query",
        "m",
        "--end",
        "1795233600",
    ];
    all.extend_from_slice(more);
    all
}

#[test]
fn the_leaking_service_is_discovered_and_the_level_ones_are_not() {
    let (lab, stub) = (Lab::new(), Stub::new(Manner::Answers));
    let more = ["--format", "json", "--page", "fleet.html", "--save", "kept"];
    let called = lab.call(&arguments(&stub.url, &more)).expect_code(1);
    let rows: Vec<serde_json::Value> = called
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row"))
        .collect();
    assert_eq!(rows.len(), 13);
    let found: Vec<&str> = rows
        .iter()
        .filter(|row| row["discovery"] == true)
        .filter_map(|row| row["labels"]["container"].as_str())
        .collect();
    assert_eq!(found, ["cart"]);
    assert_eq!(
        (&rows[0]["lives"], &rows[0]["replicas"]),
        (&2.into(), &1.into())
    );
    let rate = rows[0]["slope_bytes_per_hour"].as_f64().expect("a rate");
    assert!((rate - 2e6).abs() < 1e5, "{rate}");
    assert!(
        rows[0]["time_to_limit_s"]
            .as_f64()
            .is_some_and(|left| left > 0.0)
    );
    let html = std::fs::read_to_string(lab.path().join("fleet.html")).expect("the page");
    assert!(
        html.contains("container=cart") && !html.contains("http://"),
        "{html}"
    );
    // What was kept is judged the same.
    let kept = std::fs::read_dir(lab.path().join("kept")).expect("a folder");
    let cart = kept
        .filter_map(|entry| entry.ok()?.path().to_str().map(str::to_owned))
        .find(|path| path.contains("cart"))
        .expect("the series of cart");
    let again = lab.call(&["judge", &cart, "--restarts", "life", "--format", "json"]);
    let again: serde_json::Value = serde_json::from_str(&again.stdout).expect("a judgement");
    assert_eq!(again["verdict"], rows[0]["verdict"]);
}

#[test]
fn a_container_that_is_started_anew_in_its_pod_is_judged_life_by_life() {
    let lab = Lab::new();
    let rows = |called: &support::Called| -> Vec<serde_json::Value> {
        let row = |line| serde_json::from_str(line).expect("a row");
        called.stdout.lines().map(row).collect()
    };
    let json = ["--format", "json"];
    let told = Stub::new(Manner::Restarts);
    let called = lab.call(&arguments(&told.url, &json)).expect_code(1);
    let found = rows(&called);
    assert_eq!(found[0]["labels"]["container"], "cart");
    assert_eq!(
        (&found[0]["verdict"], &found[0]["lives"]),
        (&"leak".into(), &29.into())
    );
    let rate = found[0]["slope_bytes_per_hour"].as_f64().expect("a rate");
    assert!((rate - 12e6).abs() < 6e5, "{rate}");
    assert!(!called.stderr.contains("start times"), "{}", called.stderr);
    // Nobody says when it was started: neither a leak nor green.
    let untold = Stub::new(Manner::RestartsUntold);
    let called = lab
        .call(&arguments(
            &untold.url,
            &[&json[..], &["--budget", "1GiB/h"]].concat(),
        ))
        .expect_code(0)
        .expect_stderr(&["2 of 2 instances", "container_start_time_seconds"]);
    let found = rows(&called);
    assert_eq!(found[0]["labels"]["container"], "cart");
    assert_eq!(found[0]["verdict"], "inconclusive");
    assert_eq!(found[1]["verdict"], "no-leak");
}

#[test]
fn an_answer_that_is_not_whole_is_no_green() {
    let lab = Lab::new();
    let level = |url: &str, more: &[&str]| {
        let all = [&["--budget", "1GiB/h"], more].concat();
        lab.call(&arguments(url, &all))
    };
    let warns = Stub::new(Manner::Warns);
    level(&warns.url, &[]).expect_code(4).expect_stderr(&[
        "not whole",
        "10.0.0.3",
        "--accept-partial",
    ]);
    level(&warns.url, &["--accept-partial"])
        .expect_code(0)
        .expect_stderr(&["note:", "10.0.0.3"]);
    // What the server lists and does not hand out is named.
    let forgets = level(&Stub::new(Manner::Forgets).url, &[]).expect_code(0);
    for words in [
        "1 inconclusive",
        "not decided:",
        "container=ghost",
        "no reading",
    ] {
        assert!(forgets.stdout.contains(words), "{}", forgets.stdout);
    }
    // Series of many services without a name are no service.
    level(&Stub::new(Manner::Nameless).url, &[])
        .expect_code(2)
        .expect_stderr(&["--by", "job"]);
}

#[test]
fn shards_joined_say_what_the_whole_says() {
    let lab = Lab::new();
    let stub = Stub::new(Manner::Answers);
    let whole = lab
        .call(&arguments(&stub.url, &["--format", "json"]))
        .expect_code(1);
    let lines: Vec<&str> = whole.stdout.lines().collect();
    for (name, lines) in [("1.jsonl", &lines[..5]), ("2.jsonl", &lines[5..])] {
        std::fs::write(lab.path().join(name), lines.join("\n") + "\n").expect("a file");
    }
    let merged = lab
        .call(&["fleet", "--merge", "1.jsonl", "2.jsonl", "--format", "json"])
        .expect_code(1);
    // Numbers may differ in their last digit after they were text.
    let said = |stdout: &str| -> Vec<(serde_json::Value, bool, String)> {
        let row = |line| serde_json::from_str::<serde_json::Value>(line).expect("a row");
        let said = |row: serde_json::Value| {
            let verdict = row["verdict"].as_str().expect("a verdict").to_owned();
            (row["labels"].clone(), row["discovery"] == true, verdict)
        };
        stdout.lines().map(row).map(said).collect()
    };
    assert_eq!(said(&merged.stdout), said(&whole.stdout));
    lab.call(&["fleet", "--merge", "1.jsonl", "1.jsonl"])
        .expect_code(2)
        .expect_stderr(&["is in two files"]);
}

#[test]
fn a_shard_that_is_missing_or_cut_off_is_missed() {
    let (lab, stub) = (Lab::new(), Stub::new(Manner::Answers));
    let mut written = Vec::new();
    for shard in ["1/3", "2/3", "3/3"] {
        let more = ["--shard", shard, "--format", "json"];
        let called = lab.call(&arguments(&stub.url, &more));
        let name = format!("{}.jsonl", written.len() + 1);
        std::fs::write(lab.path().join(&name), &called.stdout).expect("a file");
        written.push(called.stdout);
    }
    let lines: usize = written.iter().map(|text| text.lines().count()).sum();
    assert_eq!(
        lines,
        13 + 3,
        "a row for each service, a line for each shard"
    );
    let merge = |files: &[&str]| lab.call(&[&["fleet", "--merge"], files].concat());
    let whole = merge(&["1.jsonl", "2.jsonl", "3.jsonl"]).expect_code(1);
    assert!(whole.stdout.contains("1 discovery"), "{}", whole.stdout);
    merge(&["1.jsonl", "3.jsonl"])
        .expect_code(4)
        .expect_stderr(&["shard 2/3 is missing"]);
    // Cut at the end of a line, or not written at all.
    let cut: Vec<&str> = written[1].lines().collect();
    for text in [cut[..cut.len() - 1].join("\n"), String::new()] {
        std::fs::write(lab.path().join("2.jsonl"), text).expect("a file");
        merge(&["1.jsonl", "2.jsonl", "3.jsonl"])
            .expect_code(4)
            .expect_stderr(&["2.jsonl", "does not end with the line"]);
    }
}

#[test]
fn a_limit_that_is_given_must_not_be_reached() {
    let (lab, stub) = (Lab::new(), Stub::new(Manner::Answers));
    let all = |limit| {
        let more = ["--budget", "1GiB/h", "--limit", limit];
        lab.call(&arguments(&stub.url, &more))
    };
    // All but one stand at 99.5 to 100.5 MB; that one has a limit of its own.
    let over = all("80MB").expect_code(1);
    over.expect_stderr(&["12 services reached the limit"]);
    let close = all("101MB").expect_code(3);
    assert!(close.stdout.contains("all but reached"), "{}", close.stdout);
    all("4GB").expect_code(0);
}

#[test]
fn a_server_that_fails_is_told_by_words_and_exit_code() {
    let lab = Lab::new();
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let down = format!("http://{}", port.local_addr().expect("an address"));
    drop(port);
    lab.call(&arguments(&down, &[]))
        .expect_code(4)
        .expect_stderr(&["no connection"]);
    for (manner, words) in [
        (Manner::Refuses, "500"),
        (Manner::Lies, "do not rise"),
        (Manner::GoesOnForever, "larger than 64 MiB"),
        (Manner::BreaksOff, "broke off"),
        (Manner::WantsToken, "--token-file"),
    ] {
        let stub = Stub::new(manner);
        lab.call(&arguments(&stub.url, &[]))
            .expect_code(4)
            .expect_stderr(&[words]);
    }
    lab.call(&arguments("127.0.0.1:9090", &[])).expect_code(2);
    let left = "node_memory_MemAvailable_bytes{job=\"node\"}";
    lab.call(&[
        "fleet",
        "--prometheus",
        &down,
        "--query",
        left,
        "--by",
        "instance",
    ])
    .expect_code(2)
    .expect_stderr(&["memory that is left"]);
}

#[test]
fn a_busy_server_is_asked_again_and_a_token_is_never_shown() {
    let lab = Lab::new();
    let busy = Stub::new(Manner::Busy);
    lab.call(&arguments(&busy.url, &[])).expect_code(1);
    assert!(busy.questions.load(Ordering::SeqCst) > 3);
    let stub = Stub::new(Manner::WantsToken);
    std::fs::write(lab.path().join("token"), "s3cret\n").expect("a file");
    let called = lab
        .call(&arguments(
            &stub.url,
            &["--token-file", "token", "--save", "kept"],
        ))
        .expect_code(1);
    assert!(!called.stdout.contains("s3cret") && !called.stderr.contains("s3cret"));
}

#[test]
fn metrics_and_rules_are_written_for_prometheus() {
    let (lab, stub) = (Lab::new(), Stub::new(Manner::Answers));
    let called = lab
        .call(&arguments(&stub.url, &["--format", "openmetrics"]))
        .expect_code(1);
    let line = "leaklab_discovery{container=\"cart\",namespace=\"shop\"} 1\n";
    assert!(called.stdout.contains(line), "{}", called.stdout);
    assert!(called.stdout.ends_with("# EOF\n"));
    let rules = lab
        .call(&arguments(&stub.url, &["--format", "rules"]))
        .expect_code(0);
    assert!(rules.stdout.contains("expr: leaklab_discovery == 1"));
}

#[test]
fn a_server_over_tls_is_trusted_by_its_authority_alone() {
    let lab = Lab::new();
    let authority = include_bytes!("fixtures/tls/authority.pem");
    std::fs::write(lab.path().join("authority.pem"), authority).expect("a file");
    std::fs::write(lab.path().join("token"), "s3cret\n").expect("a file");
    let stub = Stub::with_tls(Manner::WantsToken);
    let trusted = ["--ca-file", "authority.pem", "--token-file", "token"];
    lab.call(&arguments(&stub.url, &trusted))
        .expect_code(1)
        .expect_stderr(&[]);
    // Another authority, a name that the certificate does not bear, and no TLS at all.
    let server = include_bytes!("fixtures/tls/server.pem");
    std::fs::write(lab.path().join("other.pem"), server).expect("a file");
    lab.call(&arguments(&stub.url, &["--ca-file", "other.pem"]))
        .expect_code(4)
        .expect_stderr(&["--ca-file"]);
    let by_address = stub.url.replace("localhost", "127.0.0.2");
    lab.call(&arguments(&by_address, &trusted))
        .expect_code(4)
        .expect_stderr(&["127.0.0.2"]);
    let plain = Stub::new(Manner::Answers);
    let over_tls = plain.url.replace("http://", "https://");
    lab.call(&arguments(&over_tls, &trusted))
        .expect_code(4)
        .expect_stderr(&["TLS"]);
    lab.call(&arguments(&stub.url, &["--ca-file", "token"]))
        .expect_code(2)
        .expect_stderr(&["holds none"]);
}

#[test]
fn a_server_that_says_nothing_is_waited_for_no_longer_than_was_said() {
    let (lab, stub) = (Lab::new(), Stub::new(Manner::Silent));
    lab.call(&arguments(&stub.url, &["--timeout", "300ms"]))
        .expect_code(4)
        .expect_stderr(&["takes too long"]);
    assert!(stub.questions.load(Ordering::SeqCst) > 1, "asked again");
}
