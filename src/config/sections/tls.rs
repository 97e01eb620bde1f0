//! The `[tls]` section: TLS on the main listener.

use crate::config::{SecretFile, ServerCertificate};

/// TLS on the main listener.
#[derive(Debug, Clone)]
pub enum Tls {
    /// None.
    Off,
    /// With this certificate at the start.
    On {
        /// What clients are shown.
        certificate: ServerCertificate,
        /// Whether they may be shown another one later.
        source: CertificateSource,
    },
}

/// Where the certificate comes from.
#[derive(Debug, Clone)]
pub enum CertificateSource {
    /// From two files, which are read again when they change.
    Files {
        /// The chain.
        certificate: SecretFile,
        /// The private key.
        key: SecretFile,
    },
    /// It was made at start, and stays.
    SelfSigned,
}
