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
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

/// Connections at the same time. When all places are taken, the oldest that has asked for nothing
/// yet gives way to one that comes; where each has asked, it waits.
const MAX_CONNECTIONS: usize = 64;
/// Time for a client to send the head of a request, which browsers send at once.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

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
    let mut guests: VecDeque<Guest> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Out of descriptors, most likely; others will be given back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        guests.retain(|guest| !guest.connection.is_finished());
        let place = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                end_oldest_silent(&mut guests);
                match Arc::clone(&places).acquire_owned().await {
                    Ok(place) => place,
                    Err(_) => return Ok(()),
                }
            }
        };
        let server = Arc::clone(&server);
        let asks = Arc::new(AtomicBool::new(false));
        let has_asked = Arc::clone(&asks);
        let connection = tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| {
                asks.store(true, Ordering::Relaxed);
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
        guests.push_back(Guest {
            connection: connection.abort_handle(),
            has_asked,
        });
    }
}

/// A connection that is open.
struct Guest {
    connection: AbortHandle,
    /// Whether the head of a request has come.
    has_asked: Arc<AtomicBool>,
}

/// Ends the oldest connection that has asked for nothing, if there is one.
fn end_oldest_silent(guests: &mut VecDeque<Guest>) {
    let is_silent = |guest: &Guest| !guest.has_asked.load(Ordering::Relaxed);
    if let Some(place) = guests.iter().position(is_silent)
        && let Some(guest) = guests.remove(place)
    {
        guest.connection.abort();
    }
}
