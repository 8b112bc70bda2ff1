//! Answers: their headers, and files that are sent block by block.

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame};
use hyper::{Response, StatusCode};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body of every answer.
pub type AnswerBody = BoxBody<Bytes, std::io::Error>;

const BLOCK_BYTES: usize = 64 * 1024;

/// An answer with text that is at hand.
pub fn text(status: StatusCode, kind: &'static str, text: String) -> Response<AnswerBody> {
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {});
    with_headers(status, kind, body.boxed())
}

/// An error in one sentence.
pub fn problem(status: StatusCode, sentence: &str) -> Response<AnswerBody> {
    text(status, "text/plain; charset=utf-8", format!("{sentence}\n"))
}

/// A file as it is; its kind follows from its name.
pub fn file(path: &Path) -> std::io::Result<Response<AnswerBody>> {
    let file = File::open(path)?;
    let left = file.metadata()?.len();
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => "text/csv; charset=utf-8",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("heap") => "application/octet-stream",
        _ => "text/plain; charset=utf-8",
    };
    let mut answer = with_headers(StatusCode::OK, kind, FileBody { file, left }.boxed());
    // Whatever a file says, a browser runs none of it.
    let policy = hyper::header::HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
    );
    answer
        .headers_mut()
        .insert("content-security-policy", policy);
    Ok(answer)
}

fn with_headers(status: StatusCode, kind: &'static str, body: AnswerBody) -> Response<AnswerBody> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    for (name, value) in [
        ("content-type", kind),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        // The pages bring a stricter policy of their own.
        ("content-security-policy", "frame-ancestors 'none'"),
    ] {
        let value = hyper::header::HeaderValue::from_static(value);
        answer.headers_mut().insert(name, value);
    }
    answer
}

/// A file up to the length that it had when it was opened: it may grow meanwhile.
struct FileBody {
    file: File,
    left: u64,
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        // A local file is read at once: there is nothing to wait for.
        let wanted = BLOCK_BYTES.min(usize::try_from(self.left).unwrap_or(BLOCK_BYTES));
        let mut block = vec![0; wanted];
        let read = match self.file.read(&mut block) {
            Ok(0) => {
                // It was cut short meanwhile: the client must not take the rest for complete.
                self.left = 0;
                let error = std::io::ErrorKind::UnexpectedEof.into();
                return Poll::Ready(Some(Err(error)));
            }
            Ok(read) => read,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        block.truncate(read);
        self.left -= read as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(block)))))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.left)
    }
}
