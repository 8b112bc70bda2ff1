//! Which request gets which answer.

use super::answer::{AnswerBody, file, problem, text};
use super::folder::RunsFolder;
use crate::run_life::run_life;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use leaklab_reports::page::{PageOptions, RunLife, render_list, render_live, render_run};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::Semaphore;

const HTML: &str = "text/html; charset=utf-8";

/// Whether a request names one host: with two, or with another one in its address, it is not
/// clear who is meant (RFC 9112, section 3.2).
fn is_well_formed<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return false;
    }
    match (request.uri().authority(), host) {
        (Some(authority), Some(host)) => host.as_bytes() == authority.as_str().as_bytes(),
        _ => true,
    }
}

/// What is needed to answer.
pub struct Server {
    folder: Arc<RunsFolder>,
    port: u16,
    /// One page at a time is in the making.
    renderer: Semaphore,
}

impl Server {
    /// A server that is reached at `port`.
    pub fn new(folder: RunsFolder, port: u16) -> Self {
        Server {
            folder: Arc::new(folder),
            port,
            renderer: Semaphore::new(1),
        }
    }

    /// Answers a request; what goes wrong becomes an answer too.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<AnswerBody> {
        if !is_well_formed(&request) {
            return problem(
                StatusCode::BAD_REQUEST,
                "a request names one host, and the same in its address",
            );
        }
        if !self.is_meant(&request) {
            return problem(
                StatusCode::MISDIRECTED_REQUEST,
                "this server answers only to 127.0.0.1, localhost and [::1], at its own port",
            );
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return problem(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered");
        }
        let segments: Option<Vec<String>> = request
            .uri()
            .path()
            .trim_start_matches('/')
            .split('/')
            .map(percent_decoded)
            .collect();
        let Some(segments) = segments else {
            return problem(StatusCode::BAD_REQUEST, "the address is not UTF-8");
        };
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match segments.as_slice() {
            [""] => self.list(request.uri().query().unwrap_or_default()).await,
            ["nights"] => redirect("/nights/"),
            ["nights", ""] => self.nights().await,
            ["runs"] | ["runs", ""] => redirect("/"),
            // Links of a page are relative to a folder.
            ["runs", _] => redirect(&format!("{}/", request.uri().path())),
            ["runs", id, ""] => self.page(id).await,
            ["runs", id, "live.json"] => self.live(id).await,
            ["runs", id, path @ ..] => match self.folder.file(id, path) {
                Some(path) => file(&path).unwrap_or_else(|_| nothing()),
                None => nothing(),
            },
            _ => nothing(),
        }
    }

    /// Whether the client meant this server: another name that leads here is somebody's trick.
    fn is_meant<B>(&self, request: &Request<B>) -> bool {
        let host = match request.headers().get(HOST) {
            Some(host) => host.to_str().unwrap_or_default(),
            None => request.uri().authority().map_or("", |a| a.as_str()),
        };
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok()),
            _ => (host, Some(80)),
        };
        ["127.0.0.1", "localhost", "[::1]"].contains(&name) && port == Some(self.port)
    }

    async fn list(&self, query: &str) -> Response<AnswerBody> {
        let page = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("page="))
            .and_then(|page| page.parse().ok())
            .unwrap_or(1)
            .max(1);
        let folder = Arc::clone(&self.folder);
        self.render(HTML, move || {
            let (runs, pages) = folder.list(page);
            let name = folder.root().display().to_string();
            let series = folder.series();
            Some(render_list(&name, &series, &runs, page, pages).map_err(|e| e.to_string()))
        })
        .await
    }

    async fn nights(&self) -> Response<AnswerBody> {
        let folder = Arc::clone(&self.folder);
        self.render(HTML, move || folder.nights_page()).await
    }

    async fn page(&self, id: &str) -> Response<AnswerBody> {
        let (folder, id) = (Arc::clone(&self.folder), id.to_owned());
        self.render(HTML, move || {
            let run = folder.run(&id)?;
            let life = run_life(&run, SystemTime::now());
            let options = PageOptions {
                live_url: (life == RunLife::Running).then(|| "./live.json".to_owned()),
                home_url: Some("../../".to_owned()),
                life: Some(life),
                ..PageOptions::default()
            };
            Some(render_run(&run, &options).map_err(|error| error.to_string()))
        })
        .await
    }

    async fn live(&self, id: &str) -> Response<AnswerBody> {
        let (folder, id) = (Arc::clone(&self.folder), id.to_owned());
        self.render("application/json", move || {
            let run = folder.run(&id)?;
            let life = run_life(&run, SystemTime::now());
            let options = PageOptions {
                life: Some(life),
                ..PageOptions::default()
            };
            let running = life == RunLife::Running;
            Some(render_live(&run, &options, running).map_err(|error| error.to_string()))
        })
        .await
    }

    /// Makes a page on a thread that may block; `None` is not found.
    async fn render(
        &self,
        kind: &'static str,
        make: impl FnOnce() -> Option<Result<String, String>> + Send + 'static,
    ) -> Response<AnswerBody> {
        let failed = |sentence: &str| problem(StatusCode::INTERNAL_SERVER_ERROR, sentence);
        let Ok(_turn) = self.renderer.acquire().await else {
            return failed("the server is ending");
        };
        match tokio::task::spawn_blocking(make).await {
            Ok(Some(Ok(page))) => text(StatusCode::OK, kind, page),
            Ok(Some(Err(error))) => failed(&error),
            Ok(None) => nothing(),
            Err(_) => failed("the page could not be made"),
        }
    }
}

fn nothing() -> Response<AnswerBody> {
    problem(
        StatusCode::NOT_FOUND,
        "there is nothing here; the runs are at /",
    )
}

/// To another path of this server.
fn redirect(path: &str) -> Response<AnswerBody> {
    // Two slashes at the beginning would name another host.
    let path = format!("/{}", path.trim_start_matches('/'));
    let mut answer = problem(StatusCode::PERMANENT_REDIRECT, "it is at another place");
    match hyper::header::HeaderValue::try_from(path) {
        Ok(path) => {
            answer.headers_mut().insert(hyper::header::LOCATION, path);
            answer
        }
        Err(_) => nothing(),
    }
}

/// A path segment as it was meant; `None` if it is not UTF-8 or not well formed.
fn percent_decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use leaklab_reports::history::Tolerance;

    fn meant(host: &str) -> bool {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::new(
            RunsFolder::open(folder.path(), Tolerance::default()).expect("a folder"),
            7431,
        );
        let request = Request::builder()
            .header(HOST, host)
            .body(())
            .expect("a request");
        server.is_meant(&request)
    }

    #[test]
    fn only_requests_that_name_this_server_are_meant_for_it() {
        for host in ["127.0.0.1:7431", "localhost:7431", "[::1]:7431"] {
            assert!(meant(host), "{host}");
        }
        for host in [
            "",
            "localhost",
            "127.0.0.1",
            "127.0.0.1:7432",
            "evil.example:7431",
            "[::1]",
            "localhost.evil.example:7431",
            "localhost:7431:7431",
            "127.0.0.1:7431@evil.example",
        ] {
            assert!(!meant(host), "{host}");
        }
    }

    #[test]
    fn paths_are_decoded_once() {
        assert_eq!(percent_decoded("a%2Fb%C3%A9").as_deref(), Some("a/bé"));
        assert_eq!(percent_decoded("%252e").as_deref(), Some("%2e"));
        for bad in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(percent_decoded(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_redirect_stays_here() {
        let answer = redirect("//evil.example/runs/x/");
        assert_eq!(
            answer.headers()[hyper::header::LOCATION],
            "/evil.example/runs/x/"
        );
    }
}
