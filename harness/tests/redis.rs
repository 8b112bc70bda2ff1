//! The live heap of a real server, held against the server's own accounting.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use support::{Lab, wait_until};

/// A connection that speaks as much of the protocol of redis as is needed.
struct Redis(BufReader<UnixStream>);

impl Redis {
    fn connect(socket: &Path) -> Self {
        wait_until("redis listens", || UnixStream::connect(socket).is_ok());
        let stream = UnixStream::connect(socket).expect("redis listens");
        Redis(BufReader::new(stream))
    }

    /// Sends a command and gives its answer: one line, or the text that follows its length.
    fn ask(&mut self, words: &[&str]) -> String {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.0
            .get_mut()
            .write_all(command.as_bytes())
            .expect("redis reads");
        let mut line = String::new();
        self.0.read_line(&mut line).expect("an answer");
        // What has a length is a text; one of length -1 is none.
        let length = line
            .strip_prefix('$')
            .and_then(|text| text.trim().parse::<usize>().ok());
        let Some(length) = length else {
            return line;
        };
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).expect("a text");
        String::from_utf8_lossy(&text).into_owned()
    }

    fn allocated_bytes(&mut self) -> f64 {
        let info = self.ask(&["INFO", "memory"]);
        let value = info
            .lines()
            .find_map(|line| line.strip_prefix("allocator_allocated:"));
        value.expect("redis on jemalloc").parse().expect("a number")
    }
}

#[test]
fn the_live_heap_of_redis_is_what_redis_says_within_two_percent() {
    if std::process::Command::new("redis-server")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("left out: there is no redis-server (apt-get install redis-server)");
        return;
    }
    let lab = Lab::new();
    let socket = lab.path().join("redis.sock");
    let child = lab.start(&[
        "run",
        "--heap",
        "jemalloc",
        "--interval",
        "20ms",
        "--duration",
        "1m",
        "--",
        "redis-server",
        "--unixsocket",
        "redis.sock",
        "--port",
        "0",
        "--save",
        "",
    ]);
    let mut redis = Redis::connect(&socket);
    // Before the keys, with 100,000 of them, and after they are deleted again.
    let fill = "for i = 1, 100000 do redis.call('set', 'key:' .. i, string.rep('x', 100)) end";
    let steps: [&[&str]; 3] = [&["PING"], &["EVAL", fill, "0"], &["FLUSHALL", "SYNC"]];
    let mut said = Vec::new();
    for step in steps {
        redis.ask(step);
        let samples = lab.wait_for_file("command--redis-server/samples.csv", 1);
        // Redis looks at its allocator ten times a second; rows of half a second are written
        // during which it says the same before and after.
        let mut both = None;
        wait_until("redis holds still", || {
            let before = redis.allocated_bytes();
            let (first, _) = rows(&samples);
            wait_until("rows are written", || rows(&samples).0 >= first + 25);
            let (_, last) = rows(&samples);
            both = last.filter(|_| redis.allocated_bytes() == before);
            both.is_some()
        });
        said.push((redis.allocated_bytes(), both.expect("a row")));
    }
    redis
        .0
        .get_mut()
        .write_all(b"SHUTDOWN NOSAVE\r\n")
        .expect("redis reads");
    let called = lab.finish(child);
    for (step, (redis, leaklab)) in said.iter().enumerate() {
        let ratio: f64 = leaklab / redis;
        assert!(
            (ratio - 1.0).abs() < 0.02,
            "step {step}: {ratio}: {}",
            called.stderr
        );
    }
    assert!(said[1].0 > said[0].0 + 100_000.0 * 100.0, "{said:?}");
}

/// How many rows there are, and `allocated_bytes` of the last whole one.
fn rows(samples: &Path) -> (usize, Option<f64>) {
    let text = std::fs::read_to_string(samples).unwrap_or_default();
    let mut lines = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let header = lines.next().unwrap_or_default();
    let column = header
        .trim()
        .split(',')
        .position(|name| name == "allocated_bytes");
    let rows: Vec<&str> = lines.collect();
    let heap = column
        .zip(rows.last())
        .and_then(|(column, row)| row.split(',').nth(column)?.parse().ok());
    (rows.len(), heap)
}
