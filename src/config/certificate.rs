//! The certificate of the main listener with its key, and certificates of authorities: parsed once, keys never printed.

use std::{fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio_rustls::rustls::{
    CertificateError, Error, RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime, pem::PemObject},
    server::ParsedCertificate,
    sign::CertifiedKey,
};

use super::{Secret, ValueError};

const WHOLE_FILE: &str = "give the whole PEM text, its own certificate first and then those that lead to the authority";

const KEY_REMEDY: &str = "give the unencrypted PEM private key that the certificate was made for";

/// A chain of certificates and the private key of its first one, which fit each other. Cheap to clone.
#[derive(Clone)]
pub struct ServerCertificate(Arc<CertifiedKey>);

/// Whether the dates of a certificate are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// They are.
    Current,
    /// It is no longer valid.
    Expired,
    /// It is not valid yet.
    NotYet,
}

impl Validity {
    /// What an operator is told; `None` where all is well.
    #[must_use]
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Current => None,
            Self::Expired => Some(
                "the certificate of tls.certificate_path has expired: a load balancer does not mind, other clients do",
            ),
            Self::NotYet => Some(
                "the certificate of tls.certificate_path is not valid yet: a load balancer does not mind, other clients do",
            ),
        }
    }
}

impl ServerCertificate {
    /// What is in a file of certificates and a file of a key.
    ///
    /// # Errors
    /// What is wrong with one of them, or that they do not fit each other.
    pub fn parse(certificates: &Secret, key: &Secret) -> Result<Self, ValueError> {
        Self::pair(chain(certificates)?, private_key(key)?)
    }

    /// A certificate and its key, which must fit each other.
    pub(super) fn pair(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, ValueError> {
        let refused = |problem, remedy| Err(ValueError { problem, remedy });
        match CertifiedKey::from_der(chain, key, &provider()) {
            Ok(pair) => Ok(Self(Arc::new(pair))),
            Err(Error::InconsistentKeys(_)) => refused("holds a key that does not fit the certificate", KEY_REMEDY),
            Err(Error::InvalidCertificate(_)) => refused("goes with a certificate that cannot be read", WHOLE_FILE),
            Err(_) => refused("holds a private key that cannot be used", KEY_REMEDY),
        }
    }

    /// A new one that nobody has signed, for as long as this value lives: for a load balancer, which checks nothing.
    ///
    /// # Errors
    /// Where the cryptographic library cannot make one.
    pub fn self_signed() -> Result<Self, ValueError> {
        const FAILED: ValueError = ValueError {
            problem: "cannot be: no certificate could be made",
            remedy: "give one with tls.mode = \"files\"",
        };
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(|_| FAILED)?;
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        Self::pair(vec![made.cert.der().clone()], key.into())
    }

    /// Whether its dates are right now.
    #[must_use]
    pub fn validity(&self) -> Validity {
        let Some(Ok(own)) = self.0.cert.first().map(ParsedCertificate::try_from) else { return Validity::Current };
        // Dates are looked at before anything else; that no authority vouches for it is not the question.
        let judged = verify_server_cert_signed_by_trust_anchor(
            &own,
            &RootCertStore::empty(),
            &[],
            UnixTime::now(),
            provider().signature_verification_algorithms.all,
        );
        match judged {
            Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
                Validity::Expired
            }
            Err(Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            )) => Validity::NotYet,
            Ok(()) | Err(_) => Validity::Current,
        }
    }

    /// For the TLS library.
    #[must_use]
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServerCertificate(REDACTED)")
    }
}

/// The certificates in `text`, one at least: none that is named is left out, and none is half of one.
pub(super) fn chain(text: &Secret) -> Result<Vec<CertificateDer<'static>>, ValueError> {
    let refused = |problem| Err(ValueError { problem, remedy: WHOLE_FILE });
    let found = CertificateDer::pem_slice_iter(text.expose().as_bytes()).collect::<Result<Vec<_>, _>>();
    match found {
        // The library passes over what is indented, short of a dash or `TRUSTED`, and takes two for one without an END.
        Ok(chain) if chain.len() != named(text.expose()) => refused("holds a broken PEM block"),
        Ok(chain) if chain.is_empty() => refused("holds no PEM certificate"),
        Ok(chain) if chain.iter().any(is_none) => refused("holds a certificate that cannot be read"),
        Ok(chain) => Ok(chain),
        Err(_) => refused("holds a broken PEM block"),
    }
}

/// How many blocks say that they are certificates, in whatever way.
fn named(text: &str) -> usize {
    let labels = text.split("BEGIN ").skip(1).filter_map(|block| block.split("--").next());
    labels.filter(|label| label.trim_end().ends_with("CERTIFICATE")).count()
}

/// Whether it is no certificate at all. One that says what the library does not know is for clients to judge.
fn is_none(certificate: &CertificateDer<'static>) -> bool {
    let read = RootCertStore::empty().add(certificate.clone());
    matches!(read, Err(Error::InvalidCertificate(CertificateError::BadEncoding)))
}

/// The first private key in `text`.
pub(super) fn private_key(text: &Secret) -> Result<PrivateKeyDer<'static>, ValueError> {
    PrivateKeyDer::from_pem_slice(text.expose().as_bytes())
        .map_err(|_| ValueError { problem: "holds no unencrypted PEM private key", remedy: KEY_REMEDY })
}

/// Certificates of authorities that are trusted beside those of the system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl Authorities {
    /// What is in a file of certificates.
    ///
    /// # Errors
    /// Where there is none, or one that can be no authority's.
    pub fn parse(text: &Secret) -> Result<Self, ValueError> {
        let found = chain(text)?;
        let mut roots = RootCertStore::empty();
        if found.iter().any(|certificate| roots.add(certificate.clone()).is_err()) {
            return Err(ValueError { problem: "holds a certificate that cannot be read", remedy: WHOLE_FILE });
        }
        Ok(Self(found))
    }

    /// Each of them, as DER.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// All of them, as PEM and nothing else, whatever stood beside them in the file.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let pem = |der| format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
        self.iter().map(pem).collect()
    }
}

/// The one cryptographic library of this program.
pub(crate) fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}
