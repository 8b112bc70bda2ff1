//! The server of `leaklab serve`: the runs of one folder, in a browser of this machine.
//!
//! Nothing is kept between two requests but a few summaries: every page is made from the
//! folder when it is asked for, so that the server can be restarted at any time, as can the
//! runs. What bounds its memory: [`MAX_CONNECTIONS`], one page at a time in the making, and
//! files that are sent block by block. A client that does not read loses its place.
//!
//! It listens on loopback only. A page of another site can make a browser send requests here
//! under another name (DNS rebinding), so that requests must name this server as their host;
//! answers forbid being read or framed by others.

mod answer;
mod folder;
mod patience;
mod routes;

pub use folder::RunsFolder;

use hyper_util::rt::{TokioIo, TokioTimer};
use patience::Patient;
use routes::Server;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Connections at the same time; others wait.
const MAX_CONNECTIONS: usize = 64;
/// Time for a client to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves the runs of `folder` on loopback until the process ends; port 0 takes a free one.
///
/// `listening` is told the address once requests are accepted.
///
/// # Errors
///
/// The error of the operating system if the port cannot be had.
pub fn serve(
    folder: RunsFolder,
    port: u16,
    listening: impl FnOnce(SocketAddr),
) -> std::io::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()?
        .block_on(accept(folder, port, listening))
}

async fn accept(
    folder: RunsFolder,
    port: u16,
    listening: impl FnOnce(SocketAddr),
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    let server = Arc::new(Server::new(folder, address.port()));
    listening(address);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return Ok(());
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Out of descriptors, most likely; others will be given back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| {
                let server = Arc::clone(&server);
                async move { Ok::<_, std::convert::Infallible>(server.answer(request).await) }
            });
            // A client that goes away is no event.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(Patient::new(stream)), service)
                .await;
            drop(place);
        });
    }
}
