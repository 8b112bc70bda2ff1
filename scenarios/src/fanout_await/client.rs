//! The asynchronous client of the object store: a request is started, and a future given
//! back that the client completes, in the manner of the AWS SDK of the report.

use super::response::{CompletableFuture, Outcome, PutObjectResponse};
use super::store::{KEYS, MEETING_PATH, check_sum};
use crate::{Gauge, WorkloadError};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::ETAG;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Time in which the connections must have come to be.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A client with a pool of connections. Clones share the pool.
#[derive(Clone)]
pub struct ObjectClient {
    http: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    runtime: Handle,
    responses_alive: Gauge,
}

impl ObjectClient {
    /// A client that runs on `runtime` and keeps up to `connections` idle ones for ever.
    pub fn new(
        address: SocketAddr,
        runtime: Handle,
        connections: usize,
        responses_alive: Gauge,
    ) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(None::<Duration>)
            .pool_max_idle_per_host(connections)
            .build(connector);
        ObjectClient {
            http,
            address,
            runtime,
            responses_alive,
        }
    }

    /// Opens `connections` connections, so that their buffers do not look like growth
    /// later: each of that many requests is answered when all of them are there.
    ///
    /// # Errors
    ///
    /// [`WorkloadError::Io`] if that takes longer than ten seconds or a connection fails.
    pub async fn connect(&self, connections: usize) -> Result<(), WorkloadError> {
        let requests: Vec<_> = (0..connections)
            .map(|_| {
                let client = self.clone();
                self.runtime.spawn(async move {
                    client.send(Method::GET, MEETING_PATH, Bytes::new()).await
                })
            })
            .collect();
        for request in requests {
            let answer = tokio::time::timeout(CONNECT_LIMIT, request).await;
            if !matches!(answer, Ok(Ok(Some(_)))) {
                return Err(WorkloadError::Io {
                    doing: "connecting to the object store",
                    source: std::io::ErrorKind::TimedOut.into(),
                });
            }
        }
        Ok(())
    }

    /// `putObject`: starts to store an object under one of the store's keys.
    pub fn put(&self, number: u64, object: Box<[u8]>) -> Arc<CompletableFuture> {
        let future = CompletableFuture::pending();
        let completed = Arc::clone(&future);
        let client = self.clone();
        self.runtime.spawn(async move {
            let sum = check_sum(&object);
            let path = format!("/objects/{}", number % KEYS);
            let answer = client.send(Method::PUT, &path, Bytes::from(object)).await;
            // An answer for other bytes than were sent is a failed request.
            completed.complete(answer.filter(|answer| answer.etag == sum));
        });
        future
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Outcome {
        let uri = Uri::builder()
            .scheme("http")
            .authority(self.address.to_string())
            .path_and_query(path)
            .build()
            .ok()?;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .body(Full::new(body))
            .ok()?;
        let response = self.http.request(request).await.ok()?;
        if response.status() != StatusCode::OK {
            return None;
        }
        let etag = response
            .headers()
            .get(ETAG)
            .and_then(|etag| etag.to_str().ok()?.parse().ok())
            .unwrap_or(0);
        let body = response.into_body().collect().await.ok()?.to_bytes();
        // A copy of its own: a slice of the connection's buffer would keep all of that.
        let body = body.as_ref().into();
        Some(PutObjectResponse::new(
            etag,
            body,
            self.responses_alive.clone(),
        ))
    }
}
