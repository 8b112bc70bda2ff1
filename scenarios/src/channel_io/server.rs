//! The listening side: the port, who is let in, and the loop that accepts.

use super::channel::Counted;
use super::counts::Counts;
use super::handler::{Connection, HandlerSizes, handle};
use super::outlet::Outlet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that the kernel keeps for a listener until they are accepted.
const BACKLOG: u32 = 1024;

/// How long the loop rests after a failure that may pass.
const RETRY: Duration = Duration::from_millis(100);

/// A port of the loopback, ours for the whole run, whether or not anybody listens on it.
///
/// While nobody listens, clients go on connecting to it. Were it free, the kernel could
/// give it to one of them as its own port, and that client would connect to itself.
pub(super) struct Port {
    address: SocketAddr,
    _bound: TcpSocket,
    _descriptor: Counted,
}

impl Port {
    /// Takes a free port.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn reserve(counts: &Counts) -> io::Result<Self> {
        let bound = reusable_socket("127.0.0.1:0".parse().expect("a written address"))?;
        Ok(Port {
            address: bound.local_addr()?,
            _bound: bound,
            _descriptor: Counted::one(&counts.descriptors),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn reusable_socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// A listening socket.
pub(super) struct Door {
    listener: TcpListener,
    _descriptor: Counted,
}

impl Door {
    /// Listens on the port. To be called inside a runtime.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn open(address: SocketAddr, counts: &Counts) -> io::Result<Self> {
        Ok(Door {
            listener: reusable_socket(address)?.listen(BACKLOG)?,
            _descriptor: Counted::one(&counts.descriptors),
        })
    }
}

/// Who is let in.
#[derive(Clone)]
pub(super) enum Admission {
    /// Everybody.
    Everybody,
    /// As many at a time as there are places; further ones are closed on accept.
    Limited(Arc<Semaphore>),
    /// As many a second as tokens come into a bucket; further ones are closed on accept.
    Paced(Arc<Mutex<Bucket>>),
    /// As many at a time as there are places; without one, the server stops listening until
    /// so many are free again.
    StopListening(Arc<Semaphore>, u32),
}

impl Admission {
    /// So many a second, and `burst` at once after a pause.
    pub(super) fn paced(per_s: f64, burst: usize) -> Self {
        let most = burst as f64;
        Admission::Paced(Arc::new(Mutex::new(Bucket {
            per_s,
            most,
            tokens: most,
            filled: Instant::now(),
        })))
    }
}

/// A token bucket: what lets connections in at a pace.
pub(super) struct Bucket {
    per_s: f64,
    most: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// Takes a token, if there is one.
    fn take(&mut self, now: Instant) -> bool {
        let elapsed_s = now.duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed_s * self.per_s).min(self.most);
        self.filled = now;
        let has_one = self.tokens >= 1.0;
        if has_one {
            self.tokens -= 1.0;
        }
        has_one
    }
}

/// What the accept loop does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnAcceptError {
    /// Ends, as `listener.accept().await?` does.
    Ends,
    /// Rests and tries again.
    Retries,
}

/// The server: everything that the accept loop needs.
pub(super) struct Server<O> {
    pub(super) address: SocketAddr,
    pub(super) admission: Admission,
    pub(super) on_error: OnAcceptError,
    pub(super) sizes: HandlerSizes,
    pub(super) outlet: O,
    pub(super) counts: Arc<Counts>,
}

impl<O: Outlet> Server<O> {
    /// Accepts connections and starts a handler for each, until an error ends it.
    ///
    /// The server holds the outlet for as long as it runs, and if that is a whole channel,
    /// then no handler ever learns that nobody receives.
    pub(super) async fn serve(self, mut door: Door) {
        loop {
            if let Admission::StopListening(places, resume) = &self.admission
                && places.available_permits() == 0
            {
                self.refuse_waiting(&door).await;
                drop(door);
                // Closed only by dropping the server, which drops this future too.
                let free = places.acquire_many(*resume).await;
                drop(free);
                door = self.listen_again().await;
            }
            match door.listener.accept().await {
                Ok((stream, _client)) => match self.place() {
                    Ok(place) => {
                        let connection = Connection::new(stream, place, &self.counts);
                        tokio::spawn(handle(
                            connection,
                            self.outlet.clone(),
                            self.sizes,
                            Arc::clone(&self.counts),
                        ));
                    }
                    Err(NoPlace) => self.counts.refused.add(1),
                },
                Err(refusal) => {
                    self.counts.limit.is_limit(&refusal);
                    if self.on_error == OnAcceptError::Ends {
                        self.counts.mark("accept-loop-ended");
                        return;
                    }
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    fn place(&self) -> Result<Option<OwnedSemaphorePermit>, NoPlace> {
        match &self.admission {
            Admission::Everybody => Ok(None),
            Admission::Paced(bucket) => {
                let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
                match bucket.take(Instant::now()) {
                    true => Ok(None),
                    false => Err(NoPlace),
                }
            }
            Admission::Limited(places) | Admission::StopListening(places, _) => {
                let place = Arc::clone(places).try_acquire_owned();
                place.map(Some).map_err(|_full| NoPlace)
            }
        }
    }

    /// Turns away whoever has connected and was not accepted before the door closes.
    async fn refuse_waiting(&self, door: &Door) {
        loop {
            tokio::select! {
                biased;
                waiting = door.listener.accept() => match waiting {
                    Ok(_dropped) => self.counts.refused.add(1),
                    Err(_closing_anyway) => return,
                },
                () = std::future::ready(()) => return,
            }
        }
    }

    async fn listen_again(&self) -> Door {
        loop {
            match Door::open(self.address, &self.counts) {
                Ok(door) => return door,
                Err(refusal) => self.counts.limit.is_limit(&refusal),
            };
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// All places are taken.
struct NoPlace;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_has_come_in_and_no_more_than_it_holds() {
        let start = Instant::now();
        let mut bucket = Bucket {
            per_s: 10.0,
            most: 3.0,
            tokens: 3.0,
            filled: start,
        };
        let mut taken_at = |s: f64| {
            let now = start + Duration::from_secs_f64(s);
            (0..10).filter(|_| bucket.take(now)).count()
        };
        assert_eq!(taken_at(0.0), 3);
        assert_eq!(taken_at(0.05), 0);
        assert_eq!(taken_at(0.25), 2);
        assert_eq!(taken_at(60.0), 3);
    }
}
