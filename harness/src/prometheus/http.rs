//! One request at a time over HTTP/1.1, everything bounded: time, size, tries.

use super::connection::{Connection, Timed, Tls};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::time::{Duration, Instant};

/// Who asks. Never printed, never recorded.
#[derive(Default, Clone)]
pub struct Credentials {
    header: Option<String>,
}

impl Credentials {
    /// A bearer token.
    pub fn bearer(token: &str) -> Self {
        Self::of(format!("Bearer {}", token.trim()))
    }

    /// A user and a password, as `user:password`.
    pub fn basic(pair: &str) -> Self {
        Self::of(format!("Basic {}", base64(pair.trim().as_bytes())))
    }

    fn of(header: String) -> Self {
        // A line end would begin another header.
        let is_one_line = !header.contains(['\r', '\n']);
        Self {
            header: is_one_line.then_some(header),
        }
    }
}

/// How long and how much.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of one try, from connecting to the last byte.
    pub timeout: Duration,
    /// Of one answer.
    pub most_bytes: u64,
    /// Tries in all.
    pub tries: u32,
    /// Wait before the second try; twice as long before each further one.
    pub backoff: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(120),
            most_bytes: 64 << 20,
            tries: 4,
            backoff: Duration::from_millis(500),
        }
    }
}

/// An answer, whole.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Where requests go.
pub struct Endpoint {
    host: String,
    port: u16,
    prefix: String,
    /// `None` where requests go in the clear.
    tls: Option<Tls>,
    credentials: Credentials,
    limits: Limits,
}

/// Why a try failed, and whether another may help.
struct Failure {
    words: String,
    may_pass: bool,
}

impl Failure {
    fn passing(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            may_pass: true,
        }
    }

    fn lasting(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            may_pass: false,
        }
    }
}

impl Endpoint {
    /// The endpoint of a URL.
    ///
    /// # Errors
    ///
    /// Words for a URL that cannot be asked.
    pub fn new(
        url: &str,
        authorities: Option<&Path>,
        credentials: Credentials,
        limits: Limits,
    ) -> Result<Self, String> {
        const PLAIN_PORT: u16 = 80;
        const TLS_PORT: u16 = 443;
        let (rest, usual_port, is_tls) = url
            .strip_prefix("http://")
            .map(|rest| (rest, PLAIN_PORT, false))
            .or_else(|| Some((url.strip_prefix("https://")?, TLS_PORT, true)))
            .ok_or_else(|| {
                format!(
                    "`{url}` is no address of a server; write http://HOST:PORT or https://HOST:PORT"
                )
            })?;
        let (authority, prefix) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if authority.contains('@') {
            return Err("credentials do not belong into the address; use --token-file, or LEAKLAB_PROMETHEUS_TOKEN".to_owned());
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (
                host,
                port.parse()
                    .map_err(|_| format!("`{url}`: `{port}` is no port"))?,
            ),
            _ => (authority, usual_port),
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(format!("`{url}` names no host"));
        }
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            prefix: prefix.trim_end_matches('/').to_owned(),
            tls: is_tls.then(|| Tls::new(authorities)).transpose()?,
            credentials,
            limits,
        })
    }

    /// Posts a form, again where that may help.
    ///
    /// # Errors
    ///
    /// Words for the last failure.
    pub fn post(&self, path: &str, form: &str) -> Result<Answer, String> {
        let mut wait = self.limits.backoff;
        let mut tries = 1;
        loop {
            let failure = match self.once(path, form) {
                Ok(answer) if !matches!(answer.status, 429 | 500 | 502 | 503 | 504) => {
                    return Ok(answer);
                }
                Ok(answer) if tries >= self.limits.tries => return Ok(answer),
                Ok(answer) => Failure::passing(format!("the server answers {}", answer.status)),
                Err(failure) => failure,
            };
            if !failure.may_pass || tries >= self.limits.tries {
                let times = if tries > 1 {
                    format!(", {tries} times")
                } else {
                    String::new()
                };
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                return Err(format!(
                    "{scheme}://{}:{}: {}{times}",
                    self.host, self.port, failure.words
                ));
            }
            std::thread::sleep(wait);
            wait *= 2;
            tries += 1;
        }
    }

    fn once(&self, path: &str, form: &str) -> Result<Answer, Failure> {
        let deadline = Instant::now() + self.limits.timeout;
        let mut stream = self.connect(deadline)?;
        let authorization = match &self.credentials.header {
            Some(header) => format!("Authorization: {header}\r\n"),
            None => String::new(),
        };
        let request = format!(
            "POST {}{path} HTTP/1.1\r\nHost: {}:{}\r\nUser-Agent: leaklab/{}\r\nAccept: application/json\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n{authorization}\r\n{form}",
            self.prefix,
            self.host,
            self.port,
            env!("CARGO_PKG_VERSION"),
            form.len(),
        );
        stream
            .write_all(request.as_bytes())
            .map_err(|error| match error.kind() {
                // What TLS does not accept now it does not accept later.
                std::io::ErrorKind::InvalidData => Failure::lasting(untrusted(&error)),
                _ if self.tls.is_some() => {
                    Failure::passing(format!("the request was not taken over TLS: {error}"))
                }
                _ => Failure::passing(format!("the request was not taken: {error}")),
            })?;
        let reader = Bounded {
            stream,
            left: self.limits.most_bytes + (1 << 16),
            most: self.limits.most_bytes,
        };
        answer(BufReader::with_capacity(1 << 16, reader))
    }

    fn connect(&self, deadline: Instant) -> Result<Connection, Failure> {
        const CONNECT: Duration = Duration::from_secs(10);
        let addresses = (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|error| Failure::passing(format!("no such host: {error}")))?;
        let mut last = Failure::lasting("the host has no address");
        for address in addresses {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = CONNECT.min(left).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(&address, wait) {
                Ok(stream) => {
                    let stream = Timed::new(stream, deadline);
                    return match &self.tls {
                        None => Ok(Connection::Plain(stream)),
                        Some(tls) => {
                            Connection::tls(stream, &self.host, tls).map_err(Failure::lasting)
                        }
                    };
                }
                Err(error) => last = Failure::passing(format!("no connection: {error}")),
            }
        }
        Err(last)
    }
}

/// A connection that gives so many bytes, and no more.
struct Bounded {
    stream: Connection,
    left: u64,
    most: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::Error::other(format!(
                "the answer is larger than {} MiB; ask for less: a shorter --last, a longer --step",
                self.most >> 20
            )));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let end = buffer.len().min(most);
        let count = self.stream.read(&mut buffer[..end])?;
        self.left -= count as u64;
        Ok(count)
    }
}

/// What TLS refuses, and the way out.
fn untrusted(error: &std::io::Error) -> String {
    format!(
        "no TLS with this server: {error}; where its certificate is one's own, name the authority's with --ca-file"
    )
}

fn failed(error: &std::io::Error) -> Failure {
    match error.kind() {
        // Asking once more for what is too large does not make it smaller.
        std::io::ErrorKind::Other | std::io::ErrorKind::InvalidData => {
            Failure::lasting(error.to_string())
        }
        _ => Failure::passing(error.to_string()),
    }
}

/// Reads an answer: its status, and its body by length, by chunks or to the end.
fn answer(mut reader: BufReader<Bounded>) -> Result<Answer, Failure> {
    let no_http = || Failure::lasting("what answers there does not speak HTTP");
    let first = line(&mut reader)?;
    let mut words = first.split(' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    let status: u16 = words
        .next()
        .and_then(|word| word.parse().ok())
        .filter(|_| is_http)
        .ok_or_else(no_http)?;
    let (mut length, mut chunked) = (None, false);
    const MOST_HEADERS: usize = 200;
    for count in 0.. {
        let header = line(&mut reader)?;
        if header.is_empty() {
            break;
        }
        if count >= MOST_HEADERS {
            return Err(no_http());
        }
        let (name, value) = header.split_once(':').ok_or_else(no_http)?;
        match name.trim().to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse::<u64>().ok(),
            "transfer-encoding" => chunked = value.to_ascii_lowercase().contains("chunked"),
            "content-encoding" if !value.trim().eq_ignore_ascii_case("identity") => {
                return Err(Failure::lasting(
                    "the answer is packed, which was not asked for",
                ));
            }
            _ => {}
        }
    }
    let mut body = Vec::new();
    match (chunked, length) {
        (true, _) => chunks(&mut reader, &mut body)?,
        (false, Some(length)) => {
            let read = reader.take(length).read_to_end(&mut body);
            read.map_err(|error| failed(&error))?;
            if (body.len() as u64) < length {
                return Err(Failure::passing("the answer broke off"));
            }
        }
        (false, None) => {
            let read = reader.read_to_end(&mut body);
            read.map_err(|error| failed(&error))?;
        }
    }
    Ok(Answer { status, body })
}

fn line(reader: &mut BufReader<Bounded>) -> Result<String, Failure> {
    const LONGEST: u64 = 16 << 10;
    let mut bytes = Vec::new();
    let read = reader.take(LONGEST).read_until(b'\n', &mut bytes);
    read.map_err(|error| failed(&error))?;
    if bytes.is_empty() {
        return Err(Failure::passing(
            "the server closed the connection without an answer",
        ));
    }
    if bytes.last() != Some(&b'\n') {
        return Err(Failure::lasting("what answers there does not speak HTTP"));
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn chunks(reader: &mut BufReader<Bounded>, body: &mut Vec<u8>) -> Result<(), Failure> {
    loop {
        let head = line(reader)?;
        let size = head.split(';').next().unwrap_or("").trim();
        let size = u64::from_str_radix(size, 16)
            .map_err(|_| Failure::lasting("the answer's chunks are damaged"))?;
        if size == 0 {
            return Ok(());
        }
        let before = body.len() as u64;
        let read = reader.take(size).read_to_end(body);
        read.map_err(|error| failed(&error))?;
        if body.len() as u64 - before < size {
            return Err(Failure::passing("the answer broke off"));
        }
        line(reader)?;
    }
}

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = group
            .iter()
            .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
        let word = word << (8 * (3 - group.len()));
        for place in 0..4 {
            let index = (word >> (18 - 6 * place)) & 63;
            text.push(if place <= group.len() {
                LETTERS[index as usize] as char
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        // RFC 4648, section 10.
        for (text, coded) in [
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }

    #[test]
    fn addresses_that_cannot_be_asked_lead_on() {
        let words = |url| {
            let endpoint = Endpoint::new(url, None, Credentials::default(), Limits::default());
            endpoint.err().expect("no endpoint")
        };
        assert!(words("prometheus:9090").contains("http://HOST:PORT"));
        assert!(words("http://me:secret@host").contains("--token-file"));
        assert!(!words("http://me:secret@host").contains("secret"));
    }
}
