//! A GET over plain HTTP, bounded in time and size: for readiness, metrics and triggers.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Most bytes of an answer; a page of metrics has some hundred KiB.
const LONGEST_ANSWER: u64 = 32 << 20;
/// Longest head of an answer.
const LONGEST_HEAD: usize = 64 << 10;

/// An address `http://host[:port]/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    /// What is asked for at the server.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// What a server said.
#[derive(Debug)]
pub struct Answer<B = String> {
    /// Its status, 200 for instance.
    pub status: u16,
    /// Its body; as text with what is no UTF-8 replaced.
    pub body: B,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |why: &str| format!("`{text}` is not an address: {why}");
        let Some(rest) = text.strip_prefix("http://") else {
            return Err(refused(match text.starts_with("https://") {
                true => "https is not spoken; give the plain port, on loopback if need be",
                false => "write http://127.0.0.1:8080/health",
            }));
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let is_written = |c: char| c.is_ascii_graphic();
        if authority.contains('@') || !text.chars().all(is_written) {
            return Err(refused("it holds blanks, a user or what is not ASCII"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().map_err(|_| refused("its port is no number"))?;
                (host, port)
            }
            _ => (authority, 80),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(refused("it names no host"));
        }
        Ok(Url {
            authority: authority.to_owned(),
            host: host.to_owned(),
            port,
            path: path.split('#').next().unwrap_or("/").to_owned(),
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// Asks for an address; everything together takes at most `patience`.
///
/// # Errors
///
/// Why there was no answer, in words.
pub fn get(url: &Url, patience: Duration) -> Result<Answer, String> {
    let Answer { status, body } = get_bytes(url, patience)?;
    Ok(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// As [`get`], of what is no text.
///
/// # Errors
///
/// As for [`get`].
pub fn get_bytes(url: &Url, patience: Duration) -> Result<Answer<Vec<u8>>, String> {
    let deadline = Instant::now() + patience;
    let left = || deadline.saturating_duration_since(Instant::now());
    let words = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
            format!("no answer within {} ms", patience.as_millis())
        }
        std::io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        _ => error.to_string(),
    };
    let stream = connect(url, left()).map_err(words)?;
    let timeout = Some(left().max(Duration::from_millis(1)));
    stream.set_read_timeout(timeout).map_err(words)?;
    stream.set_write_timeout(timeout).map_err(words)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: text/plain, */*\r\nUser-Agent: leaklab\r\n\
         Connection: close\r\n\r\n",
        url.path, url.authority
    );
    (&stream).write_all(request.as_bytes()).map_err(words)?;
    let mut reader = BufReader::new((&stream).take(LONGEST_ANSWER));
    let (status, is_chunked, length) = head(&mut reader).map_err(words)?;
    let mut body = Vec::new();
    let mut reading = || -> std::io::Result<()> {
        if is_chunked {
            return read_chunks(&mut reader, &mut body, deadline);
        }
        let mut part = [0; 16 << 10];
        while length.is_none_or(|length| body.len() < length) && Instant::now() < deadline {
            match reader.read(&mut part)? {
                0 => break,
                read => body.extend_from_slice(&part[..read]),
            }
        }
        Ok(())
    };
    reading().map_err(words)?;
    Ok(Answer { status, body })
}

/// Opens a connection to a port, trying each address that the name has.
///
/// # Errors
///
/// The error of the last address.
pub fn connect_port(host: &str, port: u16, patience: Duration) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::other("the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, patience.max(Duration::from_millis(1))) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn connect(url: &Url, patience: Duration) -> std::io::Result<TcpStream> {
    connect_port(&url.host, url.port, patience)
}

/// Status, whether the body comes in chunks, and its length if it is said.
fn head(reader: &mut impl BufRead) -> std::io::Result<(u16, bool, Option<usize>)> {
    let bad = || std::io::Error::other("the answer is not HTTP");
    let first = line(reader)?;
    let mut words = first.split_whitespace();
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1"));
    let status = words.next().and_then(|word| word.parse().ok());
    let status = status.filter(|_| is_http).ok_or_else(bad)?;
    let (mut is_chunked, mut length) = (false, None);
    loop {
        let field = line(reader)?;
        if field.is_empty() {
            return Ok((status, is_chunked, length));
        }
        let (name, value) = field.split_once(':').ok_or_else(bad)?;
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" => is_chunked = value.to_ascii_lowercase().contains("chunked"),
            "content-length" => length = value.trim().parse().ok(),
            _ => {}
        }
    }
}

fn read_chunks(
    reader: &mut impl BufRead,
    body: &mut Vec<u8>,
    deadline: Instant,
) -> std::io::Result<()> {
    while Instant::now() < deadline {
        let size = line(reader)?;
        let size = size.split(';').next().unwrap_or_default().trim().to_owned();
        let size = u64::from_str_radix(&size, 16)
            .map_err(|_| std::io::Error::other("the answer's chunks have no length"))?;
        if size == 0 {
            return Ok(());
        }
        let read = reader.by_ref().take(size).read_to_end(body)?;
        if (read as u64) < size {
            return Err(std::io::Error::other("the answer ends within a chunk"));
        }
        line(reader)?;
    }
    Err(std::io::ErrorKind::TimedOut.into())
}

fn line(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    reader
        .take(LONGEST_HEAD as u64)
        .read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Serves one connection with those bytes.
    fn serving(answer: &'static [u8]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer);
        });
        let url = format!("http://127.0.0.1:{port}/metrics");
        url.parse().expect("an address")
    }

    #[test]
    fn bodies_are_read_whole_however_they_are_framed() {
        let patience = Duration::from_secs(10);
        for answer in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nup 1\nxx"[..],
            b"HTTP/1.0 200 OK\r\n\r\nup 1\nxx",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nup \r\n4;a=b\r\n1\nxx\r\n0\r\n\r\n",
        ] {
            let answer = get(&serving(answer), patience).expect("an answer");
            assert_eq!((answer.status, answer.body.as_str()), (200, "up 1\nxx"));
        }
        let error = get(&serving(b"220 mail ready\r\n"), patience).expect_err("no HTTP");
        assert!(error.contains("not HTTP"), "{error}");
    }

    #[test]
    fn addresses_are_read_and_others_refused() {
        let url: Url = "http://[::1]:8080/a?b=c#d".parse().expect("an address");
        assert_eq!((url.host.as_str(), url.port), ("::1", 8080));
        assert_eq!(url.path, "/a?b=c");
        assert_eq!("http://h".parse::<Url>().expect("an address").port, 80);
        for text in [
            "https://x/",
            "x",
            "http://",
            "http://a b/",
            "http://u@h/",
            "http://h:p/",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }
}
