//! A connection with a deadline, in the clear or over TLS.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Where distributions keep the certificates of the authorities that they trust; `SSL_CERT_FILE`
/// says another place, as it does to OpenSSL.
const BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How to speak TLS: whom to trust.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Trusts the authorities of the system, or those of a PEM file alone.
    ///
    /// # Errors
    ///
    /// Words where there are none.
    pub fn new(authorities: Option<&Path>) -> Result<Self, String> {
        let from_environment = std::env::var_os("SSL_CERT_FILE").map(std::path::PathBuf::from);
        let file = match authorities {
            Some(file) => file.to_owned(),
            None => from_environment
                .or_else(|| BUNDLES.iter().map(Into::into).find(|p: &std::path::PathBuf| p.exists()))
                .ok_or("no certificates of authorities on this machine; name a file of them with --ca-file, or install ca-certificates")?,
        };
        let cannot = |why: &dyn std::fmt::Display| {
            format!("cannot read certificates from `{}`: {why}", file.display())
        };
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(&file).map_err(|error| cannot(&error))?;
        for certificate in certificates {
            // A bundle may hold one of a kind that is not known; the others count.
            let _ = roots.add(certificate.map_err(|error| cannot(&error))?);
        }
        if roots.is_empty() {
            return Err(cannot(&"it holds none"));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

/// A socket on which nothing takes longer than until a time.
pub struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    pub fn new(stream: TcpStream, deadline: Instant) -> Self {
        Self { stream, deadline }
    }

    fn left(&self) -> std::io::Result<std::time::Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_long());
        }
        Ok(left)
    }
}

fn too_long() -> std::io::Error {
    std::io::Error::new(
        std::io::ErrorKind::TimedOut,
        "the answer takes too long; ask for less: a shorter --last, a longer --step",
    )
}

/// What a socket says when its time is over, as one error.
fn in_time<T>(result: std::io::Result<T>) -> std::io::Result<T> {
    result.map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => too_long(),
        _ => error,
    })
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        in_time(self.stream.read(buffer))
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        in_time(self.stream.write(buffer))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// A connection, whichever way.
pub enum Connection {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Connection {
    /// Speaks TLS with the server of that name.
    ///
    /// # Errors
    ///
    /// Words for a name that no certificate can have.
    pub fn tls(stream: Timed, host: &str, tls: &Tls) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("`{host}` is no name that a certificate can have"))?;
        let client = ClientConnection::new(Arc::clone(&tls.config), name)
            .map_err(|error| error.to_string())?;
        Ok(Self::Tls(Box::new(StreamOwned::new(client, stream))))
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
