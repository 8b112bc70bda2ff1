//! When a program is ready to be judged: an address that answers, a port that is open, a file
//! that is there, a line that was written, a time that has passed.

use super::http::{self, Url};
use super::readers::Fed;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// What says that a program is ready.
#[derive(Debug, Clone)]
pub enum Ready {
    /// An address that answers with a status below 400.
    Http(Url),
    /// A port of this machine, or `HOST:PORT`, that takes connections.
    Tcp(String, u16),
    /// A file that is there and was not before, or is a socket.
    File(PathBuf),
    /// A line on stdout or stderr.
    Line(regex_lite::Regex),
    /// A time after the start.
    After(Duration),
    /// The program itself, by the pipe.
    Pipe,
}

impl FromStr for Ready {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return text.parse().map(Ready::Http);
        }
        if let Some(rest) = text.strip_prefix("tcp:") {
            let (host, port) = rest.rsplit_once(':').unwrap_or(("127.0.0.1", rest));
            let port = port.parse().ok().filter(|port| *port > 0);
            let port = port.ok_or_else(|| format!("`{text}`: write tcp:8080 or tcp:HOST:8080"))?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            return Ok(Ready::Tcp(host.to_owned(), port));
        }
        if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            return Ok(Ready::File(PathBuf::from(path)));
        }
        if let Some(pattern) = text.strip_prefix("line:") {
            let regex = regex_lite::Regex::new(pattern);
            return regex
                .map(Ready::Line)
                .map_err(|error| format!("`{pattern}` is not a regular expression: {error}"));
        }
        if text == "pipe" {
            return Ok(Ready::Pipe);
        }
        crate::time::parse_duration(text)
            .map(Ready::After)
            .map_err(|_| {
                format!(
                    "`{text}` says nothing about readiness; write http://127.0.0.1:8080/health, \
                     tcp:8080, file:/run/x.sock, 'line:listening on', 5s or pipe"
                )
            })
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ready::Http(url) => write!(f, "{url}"),
            Ready::Tcp(host, port) => write!(f, "tcp:{host}:{port}"),
            Ready::File(path) => write!(f, "file:{}", path.display()),
            Ready::Line(regex) => write!(f, "line:{regex}"),
            Ready::After(time) => f.write_str(&crate::time::duration_text(*time)),
            Ready::Pipe => f.write_str("the pipe's `ready`"),
        }
    }
}

impl Ready {
    /// Why it is not ready, as far as a look from outside tells; `None` if it is.
    fn look(&self) -> Option<String> {
        match self {
            Ready::Http(url) => match http::get(url, PATIENCE) {
                Ok(answer) if answer.status < 400 => None,
                Ok(answer) => Some(format!("it answers {}", answer.status)),
                Err(error) => Some(error),
            },
            Ready::Tcp(host, port) => match http::connect_port(host, *port, PATIENCE) {
                Ok(_) => None,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    Some("connection refused".to_owned())
                }
                Err(error) => Some(error.to_string()),
            },
            Ready::File(path) => (!path.exists()).then(|| "there is no such file".to_owned()),
            Ready::Line(_) => Some("no line matched".to_owned()),
            Ready::After(_) | Ready::Pipe => Some("it has not said so".to_owned()),
        }
    }

    /// Whether something answers at its address or port.
    pub fn is_answered(&self) -> bool {
        match self {
            Ready::Http(url) => http::get(url, PATIENCE).is_ok(),
            Ready::Tcp(host, port) => http::connect_port(host, *port, PATIENCE).is_ok(),
            Ready::File(_) | Ready::Line(_) | Ready::After(_) | Ready::Pipe => false,
        }
    }

    /// What the child's lines are held against.
    pub fn line(&self) -> Option<regex_lite::Regex> {
        match self {
            Ready::Line(regex) => Some(regex.clone()),
            _ => None,
        }
    }

    /// Looks again and again, on a thread of its own, and says so to the loop of the cell.
    pub fn watch(&self, to: SyncSender<Fed>) -> Watch {
        let over = Arc::new(AtomicBool::new(false));
        let watch = Watch(Arc::clone(&over));
        if matches!(self, Ready::Line(_) | Ready::Pipe) {
            return watch;
        }
        let ready = self.clone();
        let look = move || {
            if let Ready::After(time) = ready {
                let end = std::time::Instant::now() + time;
                while !over.load(Ordering::Relaxed) && std::time::Instant::now() < end {
                    let left = end.saturating_duration_since(std::time::Instant::now());
                    std::thread::sleep(left.min(INTERVAL));
                }
            } else {
                while !over.load(Ordering::Relaxed) && ready.look().is_some() {
                    std::thread::sleep(INTERVAL);
                }
            }
            if !over.load(Ordering::Relaxed) {
                // The loop may have ended: then nobody waits.
                let _ = to.send(Fed::Ready);
            }
        };
        let thread = std::thread::Builder::new().name("leaklab-ready".to_owned());
        // Without the thread it is never ready, and that is said after the time-out.
        drop(thread.spawn(look));
        watch
    }

    /// Words for a program that was not ready in time.
    pub fn missed(&self) -> String {
        match self.look() {
            Some(why) => format!("{self}: {why}"),
            None => self.to_string(),
        }
    }
}

/// Ends the looking when it is dropped.
pub struct Watch(Arc<AtomicBool>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_readiness_is_read_as_it_is_shown() {
        for text in [
            "http://127.0.0.1:8080/health",
            "tcp:127.0.0.1:80",
            "file:/x",
            "line:^up$",
        ] {
            let ready: Ready = text.parse().expect(text);
            assert_eq!(ready.to_string(), text);
        }
        assert!(matches!("tcp:8080".parse(), Ok(Ready::Tcp(host, 8080)) if host == "127.0.0.1"));
        assert!(matches!("5s".parse(), Ok(Ready::After(time)) if time.as_secs() == 5));
        for text in ["", "soon", "tcp:", "tcp:0", "line:(", "https://x", "file:"] {
            assert!(text.parse::<Ready>().is_err(), "{text}");
        }
    }
}
