//! TLS in front of step 1: the same connections, encrypted on their way from the load balancer.

use std::{fmt, io, sync::Arc};

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, ServerConfig, sign::SingleCertAndKey},
    server::TlsStream,
};

use crate::config::{self, ServerCertificate, provider};

/// What is offered to a client that asks: HTTP/2 before HTTP/1.1, as the load balancer's target group wants it.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// What a listener's connections begin with.
#[derive(Debug, Clone)]
pub enum Transport {
    /// Nothing: they carry HTTP.
    Plain,
    /// A handshake.
    Tls(Arc<Tls>),
}

impl Transport {
    /// As configured.
    ///
    /// # Errors
    /// Where the cryptographic library cannot speak TLS.
    pub fn from_config(section: &config::Tls) -> Result<Self, TlsError> {
        match section {
            config::Tls::Off => Ok(Self::Plain),
            config::Tls::On { certificate, .. } => Tls::new(certificate).map(|tls| Self::Tls(Arc::new(tls))),
        }
    }
}

/// The cryptographic library does not speak the versions of TLS that are wanted.
#[derive(Debug, Error)]
#[error("no version of TLS to speak")]
pub struct TlsError(#[from] rustls::Error);

/// The certificate that new connections are shown. It may be replaced at any time; connections that are open go on.
pub struct Tls(ArcSwap<ServerConfig>);

impl Tls {
    /// TLS 1.2 and 1.3 with this certificate; clients show none.
    ///
    /// # Errors
    /// Where the cryptographic library does not know these versions.
    pub fn new(certificate: &ServerCertificate) -> Result<Self, TlsError> {
        Ok(Self(ArcSwap::from(configuration(certificate)?)))
    }

    /// Shows another certificate from now on. Nothing of the one before is resumed.
    ///
    /// # Errors
    /// As for [`Self::new`]; then the one before stays.
    pub fn replace(&self, certificate: &ServerCertificate) -> Result<(), TlsError> {
        self.0.store(configuration(certificate)?);
        Ok(())
    }

    /// The handshake of one connection.
    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(self.0.load_full()).accept(stream).await
    }
}

fn configuration(certificate: &ServerCertificate) -> Result<Arc<ServerConfig>, TlsError> {
    let mut configuration = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certificate.certified_key())));
    configuration.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(configuration))
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tls(REDACTED)")
    }
}
