//! TLS on both sides: certificates as an operator makes them, a load balancer that speaks TLS to its target, and a server
//! that ends TLS before another one.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, ProtocolVersion, RootCertStore, ServerConfig, SupportedProtocolVersion,
        crypto::aws_lc_rs::default_provider,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
        version::{TLS12, TLS13},
    },
};
use tokio_util::task::TaskTracker;

use super::{proxy::Setup, soon};

/// A certificate for `localhost` and its key.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    /// Signed by an authority of its own, for this name; the authority's certificate comes second.
    pub(crate) fn signed_for(name: &str) -> (Self, String) {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (Self { certificate: certificate.pem(), key: key.serialize_pem() }, authority_pem)
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }
}

/// The two files of a listener.
pub(crate) struct Files {
    pub(crate) directory: tempfile::TempDir,
}

impl Files {
    pub(crate) fn of(pair: &Pair) -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap() };
        files.write(&pair.certificate, &pair.key);
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, certificate: &str, key: &str) {
        std::fs::write(self.path("tls.crt"), certificate).unwrap();
        std::fs::write(self.path("tls.key"), key).unwrap();
    }

    pub(crate) fn set(&self, setup: Setup) -> Setup {
        setup
            .set("COGNITO_AUTH_TLS_MODE", "files")
            .set("COGNITO_AUTH_TLS_CERTIFICATE_PATH", self.path("tls.crt").to_str().unwrap())
            .set("COGNITO_AUTH_TLS_KEY_PATH", self.path("tls.key").to_str().unwrap())
    }
}

/// A client that trusts these certificates.
#[derive(Clone)]
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    pub(crate) fn trusting(certificates: &[CertificateDer<'static>]) -> Self {
        Self::with(certificates, &[&TLS13, &TLS12], &[])
    }

    pub(crate) fn with(
        certificates: &[CertificateDer<'static>],
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        // Each connection shows what the listener has now.
        config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
        Self(Arc::new(config))
    }

    pub(crate) async fn connect(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        soon("a handshake", TlsConnector::from(Arc::clone(&self.0)).connect(name, stream)).await
    }
}

/// What was agreed upon in the last handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) version: ProtocolVersion,
    pub(crate) protocol: Option<String>,
}

/// A load balancer before an HTTPS target: whatever connects to it in plain is passed on in TLS, byte for byte, so that
/// every client of these tests can speak it.
pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    agreed: Arc<Mutex<Option<Agreed>>>,
    _tasks: TaskTracker,
}

impl Balancer {
    pub(crate) async fn before(target: SocketAddr, client: Client) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (agreed, tasks) = (Arc::default(), TaskTracker::new());
        let (note, spawner): (Arc<Mutex<Option<Agreed>>>, _) = (Arc::clone(&agreed), tasks.clone());
        tasks.spawn(async move {
            while let Ok((mut plain, _)) = listener.accept().await {
                let (client, note) = (client.clone(), Arc::clone(&note));
                spawner.spawn(async move {
                    let Ok(mut secured) = client.connect(target).await else { return };
                    let session = secured.get_ref().1;
                    let protocol = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
                    let version = session.protocol_version().unwrap();
                    *note.lock().unwrap() = Some(Agreed { version, protocol });
                    let _ended = copy_bidirectional(&mut plain, &mut secured).await;
                });
            }
        });
        Self { address, agreed, _tasks: tasks }
    }

    pub(crate) fn agreed(&self) -> Agreed {
        self.agreed.lock().unwrap().clone().expect("a handshake")
    }
}

/// A server that ends TLS and passes everything on in plain.
pub(crate) struct Terminator {
    pub(crate) address: SocketAddr,
    _tasks: TaskTracker,
}

impl Terminator {
    pub(crate) async fn before(target: SocketAddr, pair: &Pair) -> Self {
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![pair.der()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, tasks) = (listener.local_addr().unwrap(), TaskTracker::new());
        let spawner = tasks.clone();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                spawner.spawn(async move {
                    let Ok(mut secured) = acceptor.accept(stream).await else { return };
                    let mut plain = TcpStream::connect(target).await.unwrap();
                    let _ended = copy_bidirectional(&mut secured, &mut plain).await;
                });
            }
        });
        Self { address, _tasks: tasks }
    }
}
