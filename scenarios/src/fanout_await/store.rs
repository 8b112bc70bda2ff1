//! The object store: an HTTP server on loopback, on a thread of its own.
//!
//! It keeps the latest object under each of a fixed number of keys, so that its memory
//! stands still however many objects it is given.

use super::job::lock;
use crate::WorkloadError;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::ETAG;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::net::TcpListener;
use tokio::sync::{Barrier, oneshot};

/// Keys that the store accepts: `/objects/0` to `/objects/63`.
pub const KEYS: u64 = 64;

/// A path at which a number of requests wait for each other, so that each of them needs a
/// connection of its own.
pub const MEETING_PATH: &str = "/meeting";

/// A running object store; it ends when this is dropped.
pub struct ObjectStore {
    address: SocketAddr,
    objects: Arc<Objects>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

struct Objects {
    latest: Mutex<HashMap<String, Box<[u8]>>>,
    answer: Bytes,
    meeting: Barrier,
}

impl ObjectStore {
    /// Starts a store whose answers have a body of `answer_bytes`, and whose meeting is
    /// complete with `connections` requests.
    ///
    /// # Errors
    ///
    /// [`WorkloadError::Io`] if there is no socket or no thread to be had.
    pub fn start(answer_bytes: usize, connections: usize) -> Result<Self, WorkloadError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(|source| failed("starting the object store's runtime", source))?;
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .map_err(|source| failed("binding the object store to loopback", source))?;
        let address = listener
            .local_addr()
            .map_err(|source| failed("asking for the object store's address", source))?;
        let objects = Arc::new(Objects {
            latest: Mutex::new(HashMap::new()),
            answer: Bytes::from(vec![b'x'; answer_bytes]),
            meeting: Barrier::new(connections),
        });
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&objects);
        let thread = thread::Builder::new()
            .name("object-store".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, served) => {}
                        _ = stopped => {}
                    }
                });
            })
            .map_err(|source| failed("starting the object store's thread", source))?;
        Ok(ObjectStore {
            address,
            objects,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of keys that hold an object.
    pub fn keys_in_use(&self) -> usize {
        lock(&self.objects.latest).len()
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was printed when it happened.
            let _ = thread.join();
        }
    }
}

/// The check sum that an answer carries: a sum of words, cheap beside the copy of them.
pub fn check_sum(object: &[u8]) -> u64 {
    object.chunks(8).fold(object.len() as u64, |sum, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum.rotate_left(1).wrapping_add(u64::from_le_bytes(word))
    })
}

fn failed(doing: &'static str, source: std::io::Error) -> WorkloadError {
    WorkloadError::Io { doing, source }
}

async fn serve(listener: TcpListener, objects: Arc<Objects>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // A descriptor limit, most likely; the client sees its request fail.
            tokio::task::yield_now().await;
            continue;
        };
        // Answers are small and awaited: no waiting for more to send.
        let _ = stream.set_nodelay(true);
        let objects = Arc::clone(&objects);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&objects)));
            // A client that goes away ends its connection with an error; that is its right.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    objects: Arc<Objects>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let key = request.uri().path().to_owned();
    if key == MEETING_PATH {
        objects.meeting.wait().await;
        return Ok(Response::new(Full::new(Bytes::new())));
    }
    if request.method() != Method::PUT || !is_key(&key) {
        return Ok(refusal(StatusCode::NOT_FOUND));
    }
    let Ok(body) = request.into_body().collect().await else {
        return Ok(refusal(StatusCode::BAD_REQUEST));
    };
    let object: Box<[u8]> = body.to_bytes().as_ref().into();
    let etag = check_sum(&object);
    lock(&objects.latest).insert(key, object);
    let mut response = Response::new(Full::new(objects.answer.clone()));
    response.headers_mut().insert(ETAG, etag.into());
    Ok(response)
}

fn is_key(path: &str) -> bool {
    path.strip_prefix("/objects/")
        .and_then(|number| number.parse::<u64>().ok())
        .is_some_and(|number| number < KEYS)
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
